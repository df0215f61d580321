/* A serving row predicted: a pool, a static batch, or a closed loop. */
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "calibrate/heldout.h"
#include "calibrate/serve_read.h"

static void pool_figures(const slip_serve_case *c, const slip_pool *pool, double latency, slip_serve_figures *out) {
  if (c->phase == SLIP_PHASE_PREFILL) {
    const double load = c->live ? SLIP_LIVE_LOAD : 1;
    out->in_per_s_per_chip = pool->tokens_per_s_per_chip * c->counted * load;
    out->ttft_s = c->live ? latency * (2 - load) / (2 - 2 * load) : latency; /* M/D/1: Pollaczek and Khinchine */
  } else {
    out->out_per_s_per_chip = pool->tokens_per_s_per_chip;
    out->tpot_s = latency;
  }
}

/* One batch: all prompts, then all tokens. The rate counts both times, and so does the source's time per token. */
static slip_status static_batch(const slip_serve_case *c, const slip_serve *serve, slip_serve_figures *out,
                                slip_error *err) {
  slip_status status = SLIP_OK;
  slip_serve_plan plan = c->plan;
  slip_pool prefill, decode;
  double ttft, tpot, batch = c->concurrency / c->instances;
  SLIP_TRY(slip_serve_prefill(serve, &plan, &prefill, &ttft, err));
  plan.batch = (int64_t)fmax(1, batch);
  SLIP_TRY(slip_serve_decode(serve, &plan, &decode, &tpot, err));
  const slip_serve_job *job = slip_serve_job_of(serve);
  double tokens = batch * (double)job->isl * (1 - job->prefix_hit);
  double prompts = tokens / (prefill.tokens_per_s_per_chip * (double)prefill.instance_chips);
  double all = prompts + tpot * ((double)job->osl - 1);
  out->ttft_s = prompts;
  out->tpot_s = all / (double)job->osl;
  out->out_per_s_per_chip = batch * (double)job->osl / all / (double)decode.instance_chips;
  out->in_per_s_per_chip = batch * (double)job->isl / all / (double)decode.instance_chips;
cleanup:
  return status;
}

static slip_status loop(const slip_serve_case *c, const slip_serve *serve, slip_serve_figures *out,
                        slip_error *err) {
  slip_status status = SLIP_OK;
  slip_loop at;
  double all = isnan(c->concurrency) ? INFINITY : c->concurrency, scale = 1;
  if (c->requests > 0 && !c->plan.disaggregated) {
    slip_run run;
    SLIP_TRY(slip_serve_run(serve, &c->plan, fmax(1, c->requests / c->instances), &run, err));
    at = (slip_loop){
        .requests_per_s = run.requests_per_s, .chips = run.chips, .rounds_tpot_s = NAN, .rounds_ttft_s = NAN};
  } else if (c->plan.disaggregated) {
    SLIP_TRY(slip_serve_closed_loop_split(serve, &c->plan, c->prefill_instances, serve, &c->decode_plan,
                                          c->instances, fmax(1, all), &at, err));
  } else {
    /* Fewer requests than instances leave some idle. */
    double busy = fmin(c->instances, all);
    SLIP_TRY(slip_serve_closed_loop(serve, &c->plan, fmax(1, all / busy), &at, err));
    scale = busy / c->instances;
  }
  const slip_serve_job *job = slip_serve_job_of(serve);
  double rate = at.requests_per_s / (double)at.chips * scale;
  out->out_per_s_per_chip = rate * (double)job->osl;
  out->in_per_s_per_chip = rate * (double)job->isl;
  out->tpot_s = at.rounds_tpot_s;
  out->ttft_s = at.rounds_ttft_s;
cleanup:
  return status;
}

slip_status slip_serve_figures_if_fits(const slip_serve_case *c, const slip_serve_job *job, slip_serve_figures *out,
                                       slip_error *err) {
  slip_status status = SLIP_OK;
  slip_serve *serve = NULL;
  slip_pool pool;
  double latency = NAN;
  memset(out, 0, sizeof *out);
  SLIP_TRY(slip_serve_open(job, &serve, err));
  switch (c->phase) {
  case SLIP_PHASE_PREFILL:
    SLIP_TRY(slip_serve_prefill(serve, &c->plan, &pool, &latency, err));
    pool_figures(c, &pool, latency, out);
    break;
  case SLIP_PHASE_DECODE:
    SLIP_TRY(slip_serve_decode(serve, &c->plan, &pool, &latency, err));
    pool_figures(c, &pool, latency, out);
    break;
  case SLIP_PHASE_STATIC:
    SLIP_TRY(static_batch(c, serve, out, err));
    break;
  case SLIP_PHASE_LOOP:
    SLIP_TRY(loop(c, serve, out, err));
    break;
  }
cleanup:
  slip_serve_free(serve);
  return status;
}

slip_status slip_serve_figures_of(const slip_serve_case *c, const slip_serve_job *job, slip_serve_figures *out,
                                  slip_error *err) {
  slip_status status = slip_serve_figures_if_fits(c, job, out, err);
  if (status != SLIP_INFEASIBLE || job->ignore_memory)
    return status;
  slip_serve_job fits = *job; /* what was measured did fit */
  fits.ignore_memory = true;
  return slip_serve_figures_if_fits(c, &fits, out, err);
}

static double figure(const slip_serve_figures *f, const char *quantity) {
  if (strcmp(quantity, "tokens_per_s_per_chip_in") == 0)
    return f->in_per_s_per_chip;
  if (strcmp(quantity, "tokens_per_s_per_chip_out") == 0)
    return f->out_per_s_per_chip;
  return strcmp(quantity, "tpot_ms") == 0 ? f->tpot_s * 1e3 : f->ttft_s * 1e3;
}

static double own_spread(const slip_case *c, const slip_stack *stack, int quantity) {
  return slip_spread_of_stack(stack, c->kind, slip_spread_class_of(c, quantity));
}

double slip_case_range(const slip_case *c, const slip_stack *stack, const double spread[SLIP_MAX_QUANTITIES]) {
  double most = 0;
  for (int i = 0; c->kind == SLIP_ROW_SERVING && i < c->n_quantities; i++)
    most = fmax(most, spread[i] - own_spread(c, stack, i));
  return most > 1e-9 ? most : 0;
}

slip_status slip_predict_serve_case(const slip_case *c, const slip_stack *stack, const slip_kernels *kernels,
                                    double predicted[SLIP_MAX_QUANTITIES], double spread[SLIP_MAX_QUANTITIES],
                                    slip_error *err) {
  slip_status status = SLIP_OK;
  slip_serve_job job = c->serve.job;
  slip_system system = *job.system;
  slip_chip chip = *system.chip;
  slip_serve_figures with, without;
  if (stack)
    job.stack = stack;
  slip_stack set = *job.stack;
  if (c->serve.balanced) { /* by force: experts are picked in turn */
    set.imbalance_serve = 1;
    set.routing_spread = 0;
  }
  if (c->serve.memory_share > 0)
    set.memory_share = c->serve.memory_share;
  if (c->serve.serial_host)
    set.serial_host = 1;
  if (c->serve.eager)
    set.decode_graphs = 0;
  if (c->serve.in_process)
    set.request_s = set.request_token_s = set.reserve_output = 0;
  job.stack = &set;
  if (kernels) {
    chip.kernels = kernels;
    system.chip = &chip;
    job.system = &system;
  }
  SLIP_TRY(slip_serve_figures_of(&c->serve, &job, &with, err));
  without = with;
  if (!c->serve.speculation_known) {
    job.speculate = false;
    SLIP_TRY(slip_serve_figures_of(&c->serve, &job, &without, err));
  }
  for (int i = 0; i < c->n_quantities; i++) {
    double a = figure(&with, c->quantities[i].name), b = figure(&without, c->quantities[i].name);
    predicted[i] = sqrt(a * b);
    if (spread) /* and half of the way between the two, when it is not known which holds, or between the loads it may have had */
      spread[i] = own_spread(c, job.stack, i) + fabs(log(a / b)) / 2 +
                  (c->serve.live ? log(SLIP_LIVE_LOAD_MOST / SLIP_LIVE_LOAD_LEAST) / 2 : 0);
  }
cleanup:
  return status;
}
