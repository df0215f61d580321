/* Models, systems, stacks and plans that serving is tested on, and a step's time. */
#ifndef SLIP_TEST_SUPPORT_SERVE_CASES_H
#define SLIP_TEST_SUPPORT_SERVE_CASES_H

#include "serve/serve_internal.h"
#include "support/close.h"
#include "support/jobs.h"

static const struct {
  const char *model, *system, *stack, *plan;
} cases[] = {
    {"llama-3.1-70b", "hgx-h200", "sglang-2026", "tp=8"},
    {"llama-3.1-8b", "hgx-h20", "prior-serve", "tp=1"},
    {"deepseek-v3", "hgx-h800", "deepseek-serve-2025", "tp=1,dp=32,ep=32"},
    {"deepseek-v3", "cloudmatrix384", "cloudmatrix-infer", "tp=1,dp=64,ep=64"},
    {"deepseek-v3.2", "gb200-nvl72", "sglang-2026", "tp=1,dp=72,ep=72"},
    {"gpt-oss-120b", "hgx-b200", "sglang-2026", "tp=2,dp=2,ep=4"},
    {"qwen3-235b-a22b", "mi300x-8", "prior-serve", "tp=4,pp=2,dp=1,ep=4"},
};
enum { CASES = sizeof cases / sizeof *cases };

static inline slip_serve *open_case(int i) {
  slip_serve_job job = serve_job_of(cases[i].model, cases[i].system, cases[i].stack);
  return serve_open(&job);
}

static inline double step_s(const slip_serve *serve, const slip_serve_plan *plan, slip_step step) {
  slip_step_cost cost;
  slip_serve_step(serve, plan, &step, &cost);
  return cost.seconds;
}

#endif
