/* Calibration by one observation: it moves a stack by what the row is worth, narrows the interval, and helps on average. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <slipstick/calibrate.h>

#include "support/jobs.h"

static slip_system system_;
static slip_stack stack_;
static slip_model_file *file;

static int set_up(void **state) {
  (void)state;
  system_ = toy_system();
  stack_ = toy_stack();
  stack_.spread_train = 0.3;
  stack_.gemm_rate = 1; /* as a catalog's stack that does not say */
  file = model_from(SMALL_DENSE);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  slip_model_free(file);
  return 0;
}

static slip_train_job job_of(const slip_stack *stack) {
  slip_train_job job = slip_train_job_default();
  job.model = slip_model_of(file);
  job.system = &system_;
  job.stack = stack;
  job.chips = 8;
  job.seq = 1024;
  job.batch = 64;
  return job;
}

static void near(double value, double expected, double tolerance) {
  if (!(fabs(value - expected) <= tolerance))
    fail_msg("%.9g is not %.9g within %.3g", value, expected, tolerance);
}

static slip_plan cut_of(int64_t tp, int64_t micro_batch) {
  slip_plan plan = slip_plan_default();
  plan.tp = tp;
  plan.micro_batch = micro_batch;
  return plan;
}

static double step_of(const slip_stack *stack, slip_plan plan) {
  slip_train_job job = job_of(stack);
  slip_train *train = NULL;
  slip_train_result result;
  slip_error err = {.message = ""};
  job.ignore_memory = true;
  if (slip_train_open(&job, &train, &err) != SLIP_OK || slip_train_estimate(train, &plan, &result, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  slip_train_free(train);
  return result.step_s;
}

static slip_stack observe(const slip_stack *stack, slip_plan plan, double step_s, slip_lesson *lesson) {
  slip_train_job job = job_of(stack);
  slip_observation observation = {SLIP_OBSERVED_STEP, step_s};
  slip_stack out;
  slip_error err = {.message = ""};
  if (slip_observe_train(&job, &plan, &observation, &out, lesson, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  return out;
}

/* The gain is shared / (shared + own + noise): with spread 0.3 the variance is (0.3 / 1.28155)^2 = 0.054799, of which
 * 0.104^2 = 0.010816 is the row's own, so shared = 0.043983; noise 0.05^2 = 0.0025. Gain = 0.043983 / 0.057299 = 0.7676.
 * A step 20% slower than predicted moves ln(prediction) by about 0.7676 * ln 1.2 (to first order in the constants).
 * The next interval: own + shared (1 - 0.7676) = 0.010816 + 0.010221 = 0.021037, half-width 1.28155 * 0.14504 = 0.18588. */
static void one_row_moves_the_stack_by_the_kalman_gain(void **state) {
  (void)state;
  slip_plan plan = cut_of(1, 1);
  slip_lesson lesson;
  double before = step_of(&stack_, plan);
  slip_stack after = observe(&stack_, plan, 1.2 * before, &lesson);
  near(lesson.predicted, before, 1e-9 * before);
  near(log(lesson.posterior / before) / log(1.2), 0.7676, 0.02);
  near(step_of(&after, plan), lesson.posterior, 1e-9 * before);
  near(after.spread_train, 0.18588, 1e-4);
  near(lesson.spread_after, after.spread_train, 1e-12);
}

static void an_observation_that_agrees_changes_nothing_but_the_interval(void **state) {
  (void)state;
  slip_plan plan = cut_of(2, 2);
  slip_lesson lesson;
  double before = step_of(&stack_, plan);
  slip_stack after = observe(&stack_, plan, before, &lesson);
  near(step_of(&after, cut_of(1, 4)), step_of(&stack_, cut_of(1, 4)), 1e-9);
  assert_true(after.spread_train < stack_.spread_train);
}

/* Constants move as s_i^2 g_i. At 32,768 tokens attention is more than half of the toy's time, and pace stretches all of it: ln(attention_rate) falls
 * by 0.5^2 / 0.1^2 = 25 times the share of attention for each unit that ln(pace_train) rises, between 12.5 and 25. */
static void attention_is_less_sure_than_products(void **state) {
  (void)state;
  slip_plan plan = cut_of(1, 1);
  stack_.attention_rate = 1;
  slip_train_job job = job_of(&stack_);
  job.seq = 32768, job.batch = 8, job.ignore_memory = true;
  slip_observation observation = {SLIP_OBSERVED_STEP, 1};
  slip_stack after;
  slip_lesson lesson;
  slip_error err = {.message = ""};
  for (int pass = 0; pass < 2; pass++) { /* the first only asks for the prediction */
    if (slip_observe_train(&job, &plan, &observation, &after, &lesson, &err) != SLIP_OK)
      fail_msg("%s", err.message);
    observation.value = 1.2 * lesson.predicted;
  }
  const double ratio = -log(after.attention_rate) / log(after.pace_train);
  print_message("ln(attention_rate) falls by %.1f for each 1 that ln(pace_train) rises\n", ratio);
  assert_true(ratio > 12.5);
  assert_true(ratio < 25);
}

static double uniform(uint64_t *state) { /* a fixed linear congruential stream: the test is the same everywhere */
  *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
  return ((double)(*state >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(uint64_t *state) { /* Box-Muller */
  double u = uniform(state), v = uniform(state);
  return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* True stacks drawn from the prior (all of it pace), rows with their own error of 0.104 and noise of 0.05: observing one row
 * and predicting another of the same stack must be better than not observing, on average over 400 stacks. */
static void one_row_helps_on_average(void **state) {
  (void)state;
  uint64_t seed = 20261124;
  double without = 0, with = 0;
  double shared_sd = sqrt(0.043983);
  slip_plan seen = cut_of(2, 1), unseen = cut_of(1, 2);
  double base_seen = step_of(&stack_, seen), base_unseen = step_of(&stack_, unseen);
  for (int i = 0; i < 400; i++) {
    double truth = shared_sd * normal(&seed);
    double measured = base_seen * exp(truth + 0.104 * normal(&seed) + 0.05 * normal(&seed));
    double target = base_unseen * exp(truth + 0.104 * normal(&seed));
    slip_lesson lesson;
    slip_stack after = observe(&stack_, seen, measured, &lesson);
    without += fabs(log(base_unseen / target));
    with += fabs(log(step_of(&after, unseen) / target));
  }
  print_message("mean |ln error| of an unseen plan: %.3f without, %.3f after one observed row\n", without / 400,
                with / 400);
  assert_true(with < 0.75 * without);
}

static void a_stack_that_is_known_well_moves_less(void **state) {
  (void)state;
  slip_plan plan = cut_of(1, 1);
  slip_stack known = stack_;
  slip_lesson wide, narrow;
  known.spread_train = 0.15;
  double before = step_of(&stack_, plan);
  observe(&stack_, plan, 1.3 * before, &wide);
  observe(&known, plan, 1.3 * before, &narrow);
  assert_true(narrow.posterior < wide.posterior);
}

static void the_text_of_an_observation(void **state) {
  (void)state;
  static const struct {
    const char *text;
    slip_observed kind;
    double value;
  } good[] = {{"step=4.2s", SLIP_OBSERVED_STEP, 4.2},
              {" tpot = 41ms ", SLIP_OBSERVED_TPOT, 0.041},
              {"tokens_per_s=12000", SLIP_OBSERVED_TOKENS_PER_S, 12000},
              {"ttft=1.5", SLIP_OBSERVED_TTFT, 1.5}};
  static const char *const bad[] = {"",        "step",   "step=",           "step=-1s",
                                    "step=0s", "pace=3", "step=1s,tpot=2s", "tokens_per_s=12ms"};
  slip_observation o;
  slip_error err;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    assert_int_equal(slip_observation_parse(good[i].text, &o, &err), SLIP_OK);
    assert_int_equal(o.kind, good[i].kind);
    near(o.value, good[i].value, 1e-12);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_int_equal(slip_observation_parse(bad[i], &o, &err), SLIP_BAD_INPUT);
}

static void training_is_not_observed_by_tpot(void **state) {
  (void)state;
  slip_train_job job = job_of(&stack_);
  slip_plan plan = cut_of(1, 1);
  slip_observation observation = {SLIP_OBSERVED_TPOT, 0.05};
  slip_stack out;
  slip_lesson lesson;
  slip_error err;
  assert_int_equal(slip_observe_train(&job, &plan, &observation, &out, &lesson, &err), SLIP_BAD_INPUT);
}

/* A rate is as sure as rates are, a time per token as those are; either narrows both alike, and leaves the queue's interval. */
static void serving_learns_by_the_interval_of_what_was_observed(void **state) {
  (void)state;
  slip_serve_job job = slip_serve_job_default();
  slip_serve_plan plan = serve_plan_of("batch=8");
  slip_stack out;
  slip_lesson lesson;
  slip_error err = {.message = ""};
  job.model = slip_model_of(file);
  job.system = &system_;
  job.stack = &stack_;
  stack_.spread_rate = 0.5;
  static const struct {
    slip_observed kind;
    double value, spread;
  } cases[] = {{SLIP_OBSERVED_TOKENS_PER_S, 3000, 0.5}, {SLIP_OBSERVED_TPOT, 0.002, 0.3}};
  for (size_t i = 0; i < 2; i++) {
    const slip_observation observation = {cases[i].kind, cases[i].value};
    if (slip_observe_serve(&job, &plan, &observation, &out, &lesson, &err) != SLIP_OK)
      fail_msg("%s", err.message);
    const double by = lesson.spread_after / lesson.spread_before;
    near(lesson.spread_before, cases[i].spread, 1e-12);
    assert_true(by < 1);
    near(out.spread_serve / stack_.spread_serve, by, 1e-12);
    near(out.spread_rate / stack_.spread_rate, by, 1e-12);
    near(out.spread_ttft, stack_.spread_ttft, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(one_row_moves_the_stack_by_the_kalman_gain, set_up, tear_down),
      cmocka_unit_test_setup_teardown(an_observation_that_agrees_changes_nothing_but_the_interval, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(attention_is_less_sure_than_products, set_up, tear_down),
      cmocka_unit_test_setup_teardown(one_row_helps_on_average, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_stack_that_is_known_well_moves_less, set_up, tear_down),
      cmocka_unit_test(the_text_of_an_observation),
      cmocka_unit_test_setup_teardown(training_is_not_observed_by_tpot, set_up, tear_down),
      cmocka_unit_test_setup_teardown(serving_learns_by_the_interval_of_what_was_observed, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
