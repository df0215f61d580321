/* What must hold of every plan: sums, monotonicity, and that the explanation and the timeline tell the same step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the four above */
#include <cmocka.h>

#include "support/jobs.h"

static const struct {
  const char *model, *system, *stack;
  int64_t chips, batch;
  slip_dtype dtype;
} jobs[] = {
    {"llama-3.1-8b", "hgx-h100", "megatron-bridge-26.06", 16, 64, SLIP_FP8},
    {"llama-3.1-70b", "hgx-h200", "prior-train", 64, 256, SLIP_BF16},
    {"gpt-3-175b", "hgx-a100", "megatron-lm-2022", 128, 256, SLIP_BF16},
    {"deepseek-v3", "hgx-h800", "deepseek-2024", 1024, 4096, SLIP_FP8},
    {"deepseek-v3", "cloudmatrix384", "mindspeed-2.2", 384, 3072, SLIP_BF16},
    {"qwen3-30b-a3b", "gb200-nvl72", "megatron-bridge-26.06", 72, 576, SLIP_FP8},
    {"mixtral-8x7b", "mi300x-8", "prior-train", 32, 128, SLIP_BF16},
};
enum { JOBS = sizeof jobs / sizeof *jobs };

static slip_train_job job_of(int i) {
  slip_train_job job = train_job_of(jobs[i].model, jobs[i].system, jobs[i].stack, jobs[i].chips, jobs[i].batch);
  job.dtype = jobs[i].dtype;
  return job;
}

/* A small generator of our own, so that a failure can be repeated. */
static uint64_t seed = 20261124;
static int64_t pick(int64_t n) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (int64_t)((seed >> 33) % (uint64_t)n);
}

static slip_plan random_plan(void) {
  slip_plan p = slip_plan_default();
  p.tp = (int64_t)1 << pick(4);
  p.pp = (int64_t)1 << pick(5);
  p.vpp = p.pp > 1 ? 1 + pick(3) : 1;
  p.cp = (int64_t)1 << pick(2);
  p.ep = (int64_t)1 << pick(7);
  p.etp = (int64_t)1 << pick(2);
  p.micro_batch = (int64_t)1 << pick(3);
  p.schedule = (slip_schedule)pick(SLIP_SCHEDULES);
  p.sharding = (slip_sharding)pick(SLIP_SHARDINGS);
  p.recompute = (slip_recompute)pick(SLIP_RECOMPUTES);
  return p;
}

/* A copy of a system whose chip can be changed. */
typedef struct altered {
  slip_chip chip;
  slip_system system;
} altered;

static void alter(altered *a, const slip_system *from) {
  a->chip = *from->chip;
  a->system = *from;
  a->system.chip = &a->chip;
}

static void set_memory_apart(slip_stack *stack) {
  stack->memory_share = 1e6; /* everything fits: the plan space is not the subject */
}

/* Calls `check` with `count` random legal plans of each job. */
static void for_random_plans(int count, void (*check)(const slip_train_job *job, const slip_plan *plan)) {
  for (int i = 0; i < JOBS; i++) {
    slip_train_job job = job_of(i);
    slip_stack stack = *job.stack;
    set_memory_apart(&stack);
    job.stack = &stack;
    slip_train *train = train_open(&job);
    int found = 0;
    for (int tries = 0; found < count && tries < 400000; tries++) {
      slip_plan plan = random_plan();
      if (slip_train_check(train, &plan, NULL) != SLIP_OK)
        continue;
      check(&job, &plan);
      found++;
    }
    assert_int_equal(found, count);
    slip_train_free(train);
  }
}

static slip_train_result estimate(const slip_train_job *job, const slip_plan *plan) {
  slip_train *train = train_open(job);
  slip_train_result r;
  slip_error err = {.message = ""};
  if (slip_train_estimate(train, plan, &r, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  slip_train_free(train);
  return r;
}

static void plan_failed(const slip_train_job *job, const slip_plan *plan, const char *what, double a, double b) {
  char text[200];
  slip_plan_format(plan, text, sizeof text);
  fail_msg("%s on %s, %s: %s: %.12g, %.12g", job->model->entry.name, job->system->entry.name, text, what, a, b);
}

/* ---- sums ---- */

static void check_sums(const slip_train_job *job, const slip_plan *plan) {
  slip_train_result r = estimate(job, plan);
  double parts = 0, bounds = 0;
  for (int i = 0; i < SLIP_PARTS; i++) {
    parts += r.parts[i];
    if (r.parts[i] < -1e-12 * r.step_s)
      plan_failed(job, plan, "a part is negative", i, r.parts[i]);
  }
  for (int i = 0; i < SLIP_BOUNDS; i++) {
    bounds += r.bounds[i];
    if (r.bounds[i] < -1e-12 * r.step_s)
      plan_failed(job, plan, "a bound is negative", i, r.bounds[i]);
  }
  if (!(fabs(parts - r.step_s) <= 1e-9 * r.step_s))
    plan_failed(job, plan, "parts do not add up", parts, r.step_s);
  if (!(fabs(bounds - r.step_s) <= 1e-9 * r.step_s))
    plan_failed(job, plan, "bounds do not add up", bounds, r.step_s);
  if (!(r.step_low_s < r.step_s && r.step_s < r.step_high_s))
    plan_failed(job, plan, "the estimate lies outside its interval", r.step_low_s, r.step_high_s);
  if (!(r.mfu > 0 && r.mfu < 1))
    plan_failed(job, plan, "MFU", r.mfu, 0);
}

static void parts_and_bounds_add_up_to_the_step(void **state) {
  for_random_plans(120, check_sums);
}

/* ---- monotonicity ---- */

static void not_slower(const slip_train_job *job, const slip_plan *plan, const slip_system *better,
                       const char *what) {
  slip_train_job changed = *job;
  changed.system = better;
  double before = estimate(job, plan).step_s, after = estimate(&changed, plan).step_s;
  if (after > before * (1 + 1e-12))
    plan_failed(job, plan, what, before, after);
}

static void check_hardware(const slip_train_job *job, const slip_plan *plan) {
  altered a;
  alter(&a, job->system);
  a.chip.memory_bytes_per_s *= 1.5;
  not_slower(job, plan, &a.system, "slower with more memory bandwidth");
  alter(&a, job->system);
  for (int i = 0; i < SLIP_DTYPES; i++)
    a.chip.peak_flops[i] *= 1.5;
  not_slower(job, plan, &a.system, "slower with more FLOP/s");
  for (int i = 0; i < job->system->n_levels; i++) {
    alter(&a, job->system);
    a.system.levels[i].bytes_per_s *= 1.5;
    not_slower(job, plan, &a.system, "slower with faster links");
    alter(&a, job->system);
    a.system.levels[i].latency_s /= 2;
    a.system.levels[i].exchange_s /= 2;
    not_slower(job, plan, &a.system, "slower with less latency");
  }
}

static void a_better_system_is_never_slower(void **state) {
  for_random_plans(25, check_hardware);
}

static void check_batch(const slip_train_job *job, const slip_plan *plan) {
  slip_train_job larger = *job;
  larger.batch *= 2;
  double before = estimate(job, plan).step_s, after = estimate(&larger, plan).step_s;
  if (after < before)
    plan_failed(job, plan, "a larger batch takes less time", before, after);
  if (after > 2 * before * (1 + 1e-12))
    plan_failed(job, plan, "two batches at once take longer than one after the other", 2 * before, after);
}

static void a_larger_batch_takes_longer_and_wastes_less(void **state) {
  for_random_plans(40, check_batch);
}

/* ---- schedules and recompute ---- */

static void check_schedules(const slip_train_job *job, const slip_plan *plan) {
  slip_plan plain = *plan, zero = *plan;
  plain.vpp = zero.vpp = 1;
  plain.schedule = SLIP_1F1B;
  zero.schedule = SLIP_ZERO_BUBBLE;
  if (plan->pp == 1)
    return;
  slip_train_result p = estimate(job, &plain);
  double z = estimate(job, &zero).parts[SLIP_PART_BUBBLE];
  if (z > p.parts[SLIP_PART_BUBBLE])
    plan_failed(job, plan, "zero-bubble has a larger bubble", p.parts[SLIP_PART_BUBBLE], z);
}

static void zero_bubble_never_has_a_larger_bubble(void **state) {
  for_random_plans(40, check_schedules);
}

static void check_recompute(const slip_train_job *job, const slip_plan *plan) {
  slip_plan none = *plan, selective = *plan, full = *plan;
  none.recompute = SLIP_RECOMPUTE_NONE;
  selective.recompute = SLIP_RECOMPUTE_SELECTIVE;
  full.recompute = SLIP_RECOMPUTE_FULL;
  slip_train_result a = estimate(job, &none), b = estimate(job, &selective), c = estimate(job, &full);
  if (c.memory.total > a.memory.total * (1 + 1e-12))
    plan_failed(job, plan, "full recompute needs more memory than none", a.memory.total, c.memory.total);
  if (b.memory.activations > a.memory.activations * (1 + 1e-12) ||
      c.memory.activations > b.memory.activations * (1 + 1e-12))
    plan_failed(job, plan, "activations do not fall with recompute", a.memory.activations, c.memory.activations);
  const double slack =
      1 - 1e-12; /* what recompute adds may hide all behind data-parallel traffic: equal but for rounding */
  if (c.step_s < b.step_s * slack || b.step_s < a.step_s * slack)
    plan_failed(job, plan, "recompute is faster than none", a.step_s, c.step_s);
}

static void recompute_trades_time_for_memory(void **state) {
  for_random_plans(40, check_recompute);
}

/* 96 layers of GPT-3 on 8 stages, in 1, 2, 3, 4 chunks: the bubble shrinks by the number of chunks. */
static void interleaving_divides_the_bubble(void **state) {
  slip_train_job job = train_job_of("gpt-3-175b", "hgx-a100", "megatron-lm-2022", 64, 64);
  job.seq = 2048;
  slip_plan plan = plan_of("tp=8,pp=8,sharding=none,recompute=full");
  double once = estimate(&job, &plan).parts[SLIP_PART_BUBBLE];
  for (plan.vpp = 2; plan.vpp <= 4; plan.vpp++)
    close_to(estimate(&job, &plan).parts[SLIP_PART_BUBBLE], once / (double)plan.vpp);
}

/* ---- why, and when ---- */

static void check_tree(const slip_why *why, size_t count, double total) {
  assert_int_equal(why[0].parent, -1);
  close_to(why[0].seconds, total);
  for (size_t i = 0; i < count; i++) {
    assert_true(why[i].parent < (int)i);
    assert_true(why[i].name[0] != '\0');
    double sum = 0;
    bool any = false;
    for (size_t k = i + 1; k < count; k++)
      if (why[k].parent == (int)i) {
        sum += why[k].seconds;
        any = true;
      }
    if (any && fabs(sum - why[i].seconds) > 1e-9 * total)
      fail_msg("children of '%s' add up to %.12g, not %.12g", why[i].name, sum, why[i].seconds);
  }
}

static void check_explanation(const slip_train_job *job, const slip_plan *plan) {
  slip_train *train = train_open(job);
  slip_why *why = NULL;
  size_t count = 0;
  slip_error err = {.message = ""};
  if (slip_train_explain(train, plan, &why, &count, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  check_tree(why, count, estimate(job, plan).step_s);
  slip_why_free(why);
  slip_train_free(train);
}

static void every_node_of_the_explanation_is_the_sum_of_its_children(void **state) {
  for_random_plans(25, check_explanation);
}

typedef struct record {
  double end, busy[64], last_start, free_at[64];
  size_t slices, works[2];
  bool disorder, overlap;
} record;

static bool note_slice(const slip_slice *slice, void *context) {
  record *r = context;
  r->slices++;
  r->end = fmax(r->end, slice->end_s);
  r->busy[slice->stage] += slice->end_s - slice->start_s;
  if (slice->what == SLIP_SLICE_FORWARD || slice->what == SLIP_SLICE_BACKWARD)
    r->works[slice->what == SLIP_SLICE_BACKWARD]++;
  r->disorder = r->disorder || slice->start_s < r->last_start - 1e-12;
  r->last_start = slice->start_s;
  r->overlap = r->overlap || slice->start_s < r->free_at[slice->stage] - 1e-9;
  r->free_at[slice->stage] = slice->end_s;
  return true;
}

/* Every stage runs every chunk of every micro-batch forward and backward, one thing at a time, in order of start; the end is the
 * step's within the idealisation of the closed form (stages of unequal length), less overheads that belong to no stage. */
static void the_timeline_ends_where_the_step_does(void **state) {
  static const struct {
    const char *plan;
    double tolerance;
  } cases[] = {
      {"tp=8,pp=8,sharding=none,recompute=full", 0.02},
      {"tp=8,pp=8,vpp=3,sharding=none,recompute=full", 0.05},
      {"tp=8,pp=8,vpp=12,sharding=none,recompute=full", 0.05},
      {"tp=8,pp=2,mbs=2,sharding=none,recompute=full", 0.02},
      {"tp=8,pp=1,dp=8,recompute=full", 0.02},
  };
  slip_train_job job = train_job_of("gpt-3-175b", "hgx-a100", "megatron-lm-2022", 64, 64);
  slip_stack stack = *job.stack;
  set_memory_apart(&stack);
  stack.step_overhead_s = stack.jitter = 0;
  job.seq = 2048, job.stack = &stack;
  slip_train *train = train_open(&job);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    slip_plan plan = plan_of(cases[i].plan);
    record r = {.end = 0};
    slip_error err = {.message = ""};
    if (slip_train_timeline(train, &plan, note_slice, &r, &err) != SLIP_OK)
      fail_msg("%s: %s", cases[i].plan, err.message);
    slip_train_result result = estimate(&job, &plan);
    size_t works = (size_t)(plan.pp * plan.vpp * result.micro_batches);
    assert_int_equal(r.works[0], works);
    assert_int_equal(r.works[1], works);
    assert_false(r.overlap);
    assert_false(r.disorder);
    printf("  %-50s closed form %.3f s  timeline %.3f s  %+.2f%%\n", cases[i].plan, result.step_s, r.end,
           100 * (r.end / result.step_s - 1));
    assert_near(r.end, result.step_s, cases[i].tolerance);
  }
  slip_train_free(train);
}

/* Schedules that split the backward: the end is the closed form's within 12%. The closed forms of both come from papers whose stages
 * are equal; here embedding and head make the ends longer, and an ideal step never takes less than its busiest stage. */
static void split_schedules_end_near_their_closed_form(void **state) {
  slip_train_job job = train_job_of("gpt-3-175b", "hgx-a100", "megatron-lm-2022", 64, 64);
  slip_stack stack = *job.stack;
  set_memory_apart(&stack);
  stack.step_overhead_s = stack.jitter = 0;
  job.seq = 2048, job.stack = &stack;
  slip_train *train = train_open(&job);
  static const char *const plans[] = {"tp=8,pp=8,sharding=none,schedule=zero-bubble",
                                      "tp=8,pp=8,sharding=none,schedule=dualpipe",
                                      "tp=8,pp=4,dp=2,sharding=none,schedule=zero-bubble"};
  for (int i = 0; i < 3; i++) {
    slip_plan plan = plan_of(plans[i]);
    record r = {.end = 0};
    slip_error err = {.message = ""};
    if (slip_train_timeline(train, &plan, note_slice, &r, &err) != SLIP_OK)
      fail_msg("%s: %s", plans[i], err.message);
    slip_train_result result = estimate(&job, &plan);
    printf("  %-58s closed form %.3f s  timeline %.3f s  %+.2f%%\n", plans[i], result.step_s, r.end,
           100 * (r.end / result.step_s - 1));
    for (int64_t stage = 0; stage < plan.pp; stage++)
      assert_true(r.busy[stage] <= r.end * (1 + 1e-9));
    assert_false(r.overlap);
    assert_near(r.end, result.step_s, 0.12);
  }
  slip_train_free(train);
}

static bool stop_at_once(const slip_slice *slice, void *context) {
  (void)slice;
  ++*(int *)context;
  return false;
}

static void a_visitor_may_stop_the_timeline(void **state) {
  slip_train_job job = job_of(0);
  slip_train *train = train_open(&job);
  slip_plan plan = plan_of("pp=4");
  int visits = 0;
  assert_int_equal(slip_train_timeline(train, &plan, stop_at_once, &visits, NULL), SLIP_OK);
  assert_int_equal(visits, 1);
  slip_train_free(train);
}

/* ---- missing data ---- */

/* Kunlun P800: no published rate. The message names the field and the file to complete. */
static void a_chip_without_published_rates_is_refused_by_field(void **state) {
  slip_train_job job = train_job_of("deepseek-v3", "kunlun-p800-8", "prior-train", 256, 1024);
  slip_train *train = NULL;
  slip_error err = {.message = ""};
  assert_int_equal(slip_train_open(&job, &train, &err), SLIP_MISSING);
  assert_string_equal(err.field, "bf16_tflops");
  assert_non_null(strstr(err.file, "kunlun-p800.yaml"));
  assert_null(train);
}

/* A field taken out of a complete chip is missed by its name, whichever it is. */
static void each_field_that_an_estimate_needs_is_missed_by_name(void **state) {
  static const char *const fields[] = {"bf16_tflops", "memory_gb", "memory_tbs"};
  for (int i = 0; i < 3; i++) {
    slip_train_job job = job_of(1);
    altered a;
    alter(&a, job.system);
    *(i == 0 ? &a.chip.peak_flops[SLIP_BF16] : i == 1 ? &a.chip.memory_bytes : &a.chip.memory_bytes_per_s) = NAN;
    job.system = &a.system;
    slip_train *train = NULL;
    slip_error err = {.message = ""};
    assert_int_equal(slip_train_open(&job, &train, &err), SLIP_MISSING);
    assert_string_equal(err.field, fields[i]);
  }
  slip_train_job job = job_of(1);
  slip_stack stack = *job.stack;
  stack.jitter = NAN;
  job.stack = &stack;
  slip_train *train = NULL;
  slip_error err = {.message = ""};
  assert_int_equal(slip_train_open(&job, &train, &err), SLIP_MISSING);
  assert_string_equal(err.field, "jitter");
}

/* Without a published power the estimate stands and the power is absent, not zero. */
static void a_system_without_published_power_has_none(void **state) {
  slip_train_job job = job_of(1);
  altered a;
  alter(&a, job.system);
  a.system.power_w = NAN;
  job.system = &a.system;
  slip_plan plan = plan_of("tp=8,pp=2,recompute=full");
  slip_train_result r = estimate(&job, &plan);
  assert_true(r.step_s > 0);
  assert_true(isnan(r.system_power_w));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parts_and_bounds_add_up_to_the_step),
      cmocka_unit_test(a_better_system_is_never_slower),
      cmocka_unit_test(a_larger_batch_takes_longer_and_wastes_less),
      cmocka_unit_test(zero_bubble_never_has_a_larger_bubble),
      cmocka_unit_test(recompute_trades_time_for_memory),
      cmocka_unit_test(interleaving_divides_the_bubble),
      cmocka_unit_test(every_node_of_the_explanation_is_the_sum_of_its_children),
      cmocka_unit_test(the_timeline_ends_where_the_step_does),
      cmocka_unit_test(split_schedules_end_near_their_closed_form),
      cmocka_unit_test(a_visitor_may_stop_the_timeline),
      cmocka_unit_test(a_chip_without_published_rates_is_refused_by_field),
      cmocka_unit_test(each_field_that_an_estimate_needs_is_missed_by_name),
      cmocka_unit_test(a_system_without_published_power_has_none),
  };
  return cmocka_run_group_tests(tests, jobs_open, jobs_close);
}
