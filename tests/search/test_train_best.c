/* The search for a training plan against a plain loop over every plan, and that threads and interruption do not change it. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
/* after the headers above */
#include <cmocka.h>

#include <slipstick/search.h>

#include "support/jobs.h"
#include "train/train_internal.h"

/* Of OpenMP, where the library was built with it. */
extern void omp_set_num_threads(int threads) __attribute__((weak));

static slip_model_file *dense, *moe;
static slip_system toy;
static slip_stack stack;

static int open_toys(void **state) {
  dense = model_from(SMALL_DENSE);
  moe = model_from(SMALL_MOE);
  toy = toy_system();
  stack = toy_stack();
  return jobs_open(state);
}

static int close_toys(void **state) {
  slip_model_free(dense);
  slip_model_free(moe);
  return jobs_close(state);
}

static slip_train *open_job(const slip_model_file *model, int64_t chips, int64_t batch) {
  slip_train_job job = slip_train_job_default();
  job.model = slip_model_of(model), job.system = &toy, job.stack = &stack;
  job.chips = chips, job.seq = 2048, job.batch = batch;
  return train_open(&job);
}

/* ---- the plain loop ---- */

typedef struct plain_search {
  slip_train_result best;
  bool found;
  int64_t legal, feasible;
} plain_search;

static void try_plan(const slip_train *train, const slip_plan *plan, plain_search *s) {
  slip_plan checked = *plan;
  if (slip_train_check(train, &checked, NULL) != SLIP_OK)
    return;
  s->legal++;
  slip_train_result r;
  if (slip_train_estimate(train, &checked, &r, NULL) != SLIP_OK)
    return;
  s->feasible++;
  if (!s->found || r.step_s < s->best.step_s)
    s->best = r;
  s->found = true;
}

/* Recompute of every layer, or of the first of each chunk: a block as large as the largest chunk would be all of them again. */
static void try_modes(const slip_train *train, slip_plan plan, plain_search *s) {
  for (int schedule = 0; schedule < SLIP_SCHEDULES; schedule++)
    for (int sharding = 0; sharding < SLIP_SHARDINGS; sharding++)
      for (int recompute = 0; recompute < SLIP_RECOMPUTES; recompute++) {
        int64_t largest = slip_layout_largest_chunk(train, plan.pp, plan.vpp, schedule == SLIP_DUALPIPE);
        for (int64_t block = 0; block == 0 || (block < largest && recompute != SLIP_RECOMPUTE_NONE); block++) {
          plan.schedule = (slip_schedule)schedule;
          plan.sharding = (slip_sharding)sharding;
          plan.recompute = (slip_recompute)recompute;
          plan.recompute_layers = block;
          try_plan(train, &plan, s);
        }
      }
}

/* Every value of every degree up to the number of ranks, divisor or not: the rules of legality sort them out. */
static plain_search try_everything(const slip_train *train) {
  plain_search s = {.found = false};
  int64_t ranks = slip_train_ranks(train);
  for (int64_t tp = 1; tp <= ranks; tp++)
    for (int64_t cp = 1; tp * cp <= ranks; cp++)
      for (int64_t pp = 1; tp * cp * pp <= ranks; pp++)
        for (int64_t vpp = 1; vpp <= 8; vpp++)
          for (int64_t ep = 1; ep <= 16; ep++)
            for (int64_t etp = 1; etp <= tp; etp++)
              for (int64_t micro = 1; micro <= 16; micro++)
                for (int whole = 0; whole <= (tp > 1); whole++) {
                  slip_plan plan = slip_plan_default();
                  plan.tp = tp, plan.cp = cp, plan.pp = pp, plan.vpp = vpp, plan.ep = ep, plan.etp = etp,
                  plan.micro_batch = micro, plan.no_sequence_parallel = whole;
                  slip_plan probe = plan;
                  probe.sharding = SLIP_SHARD_NONE;
                  if (slip_train_check(train, &probe, NULL) == SLIP_OK)
                    try_modes(train, plan, &s);
                }
  return s;
}

static void same_text(const slip_plan *a, const slip_plan *b) {
  char left[200], right[200];
  slip_plan_format(a, left, sizeof left);
  slip_plan_format(b, right, sizeof right);
  assert_string_equal(left, right);
}

static void against_the_loop(const slip_model_file *model, int64_t chips, int64_t batch) {
  slip_train *train = open_job(model, chips, batch);
  plain_search all = try_everything(train);
  slip_train_space space = slip_train_space_default();
  space.mode = SLIP_SEARCH_EXHAUSTIVE;
  slip_train_result best;
  slip_search_stats stats;
  slip_error err = {.message = ""};
  slip_status status = slip_train_best(train, &space, NULL, &best, &stats, &err);
  assert_true(all.found);
  assert_int_equal(status, SLIP_OK);
  char text[200];
  slip_plan_format(&best.plan, text, sizeof text);
  printf("  %lld chips: %lld legal plans, %lld feasible, best %s, %.4g s\n", (long long)chips,
         (long long)stats.legal, (long long)stats.feasible, text, best.step_s);
  assert_true(best.step_s == all.best.step_s); /* the very number: both go through the same functions */
  assert_int_equal(stats.legal, all.legal);
  assert_int_equal(stats.evaluated, all.legal);
  assert_int_equal(stats.feasible, all.feasible);
  slip_train_result again;
  assert_int_equal(slip_train_estimate(train, &best.plan, &again, NULL), SLIP_OK);
  assert_true(again.step_s == best.step_s);
  slip_train_free(train);
}

static void the_best_of_a_dense_model_on_16_chips(void **state) {
  against_the_loop(dense, 16, 32);
}
static void the_best_of_experts_on_16_chips(void **state) {
  against_the_loop(moe, 16, 32);
}
static void the_best_of_experts_on_24_chips(void **state) {
  against_the_loop(moe, 24, 48);
}
static void the_best_when_memory_is_scarce(void **state) {
  toy_system_chip.memory_bytes = 1.0e9;
  against_the_loop(dense, 16, 32);
  toy_system_chip.memory_bytes = 80e9;
}

/* ---- what is fixed, what is offered ---- */

static void what_is_fixed_stays(void **state) {
  slip_train *train = open_job(moe, 16, 32);
  slip_train_space space = slip_train_space_default();
  space.fixed.tp = 2, space.fixed.pp = 4, space.fixed.micro_batch = 2;
  space.schedule = SLIP_ZERO_BUBBLE, space.sharding = SLIP_SHARD_NONE, space.recompute = SLIP_RECOMPUTE_FULL;
  slip_train_result best;
  assert_int_equal(slip_train_best(train, &space, NULL, &best, NULL, NULL), SLIP_OK);
  assert_int_equal(best.plan.tp, 2);
  assert_int_equal(best.plan.pp, 4);
  assert_int_equal(best.plan.vpp, 1);
  assert_int_equal(best.plan.micro_batch, 2);
  assert_int_equal(best.plan.schedule, SLIP_ZERO_BUBBLE);
  assert_int_equal(best.plan.sharding, SLIP_SHARD_NONE);
  assert_int_equal(best.plan.recompute, SLIP_RECOMPUTE_FULL);
  slip_train_free(train);
}

/* A schedule that the stack does not have is not chosen, unless the caller asks for it. */
static void only_schedules_of_the_stack_are_searched(void **state) {
  stack.zero_bubble = stack.dualpipe = 0;
  slip_train *train = open_job(dense, 16, 32);
  slip_train_space space = slip_train_space_default();
  slip_train_result best;
  space.fixed.pp = 8;
  assert_int_equal(slip_train_best(train, &space, NULL, &best, NULL, NULL), SLIP_OK);
  assert_int_equal(best.plan.schedule, SLIP_1F1B);
  space.schedule = SLIP_DUALPIPE;
  assert_int_equal(slip_train_best(train, &space, NULL, &best, NULL, NULL), SLIP_OK);
  assert_int_equal(best.plan.schedule, SLIP_DUALPIPE);
  slip_train_free(train);
  stack.zero_bubble = stack.dualpipe = 1;
}

/* ---- determinism ---- */

static void the_answer_is_the_same_to_the_bit_on_1_2_and_4_threads(void **state) {
  if (!omp_set_num_threads)
    skip(); /* built without OpenMP */
  slip_train_job job = train_job_of("deepseek-v3", "hgx-h200", "prior-train", 256, 1024);
  slip_train *train = train_open(&job);
  slip_train_space space = slip_train_space_default();
  space.recompute = SLIP_RECOMPUTE_FULL;
  slip_train_result first;
  slip_search_stats first_stats;
  for (int threads = 1; threads <= 4; threads *= 2) {
    slip_train_result best;
    slip_search_stats stats;
    omp_set_num_threads(threads);
    assert_int_equal(slip_train_best(train, &space, NULL, &best, &stats, NULL), SLIP_OK);
    if (threads == 1) {
      first = best;
      first_stats = stats;
    }
    assert_memory_equal(&best.step_s, &first.step_s, sizeof best.step_s);
    assert_memory_equal(best.parts, first.parts, sizeof best.parts);
    assert_memory_equal(best.bounds, first.bounds, sizeof best.bounds);
    assert_memory_equal(&best.memory.total, &first.memory.total, sizeof best.memory.total);
    same_text(&best.plan, &first.plan);
    assert_int_equal(stats.legal, first_stats.legal);
    assert_int_equal(stats.evaluated, first_stats.evaluated);
    assert_int_equal(stats.pruned, first_stats.pruned);
    assert_int_equal(stats.feasible, first_stats.feasible);
    assert_int_equal(stats.illegal, first_stats.illegal);
  }
  slip_train_free(train);
}

/* ---- no answer ---- */

static volatile int raised;

static void *raise_soon(void *context) {
  const struct timespec pause = {.tv_nsec = 50000000};
  nanosleep(&pause, NULL);
  raised = 1;
  return context;
}

/* A search of many seconds, stopped after a twentieth of one: it returns soon, with the best so far. */
static void a_stopped_search_returns_the_best_so_far(void **state) {
  slip_train_job job = train_job_of("deepseek-v3", "hgx-h200", "prior-train", 2048, 15360);
  slip_train *train = train_open(&job);
  slip_train_space space = slip_train_space_default();
  slip_train_result best = {.step_s = -1};
  slip_search_stats stats;
  slip_error err = {.message = ""};
  pthread_t thread;
  raised = 0;
  assert_int_equal(pthread_create(&thread, NULL, raise_soon, NULL), 0);
  slip_status status = slip_train_best(train, &space, &raised, &best, &stats, &err);
  pthread_join(thread, NULL);
  assert_non_null(strstr(err.message, "stopped after"));
  if (stats.feasible > 0) {
    assert_int_equal(status, SLIP_INTERRUPTED);
    slip_train_result again;
    assert_int_equal(slip_train_estimate(train, &best.plan, &again, NULL), SLIP_OK);
    assert_true(again.step_s == best.step_s);
  } else {
    assert_int_equal(status, SLIP_INFEASIBLE); /* stopped before anything that fits was found */
  }
  slip_train_free(train);
}

static void a_search_stopped_before_it_began_has_nothing(void **state) {
  slip_train *train = open_job(moe, 16, 32);
  slip_train_space space = slip_train_space_default();
  slip_train_result best;
  volatile int stop = 1;
  slip_error err = {.message = ""};
  slip_search_stats stats;
  assert_int_equal(slip_train_best(train, &space, &stop, &best, &stats, &err), SLIP_INFEASIBLE);
  assert_int_equal(stats.legal, 0);
  assert_non_null(strstr(err.message, "stopped after 0 plans"));
  stop = 0; /* never raised: as without */
  assert_int_equal(slip_train_best(train, &space, &stop, &best, &stats, &err), SLIP_OK);
  slip_train_free(train);
}

static void when_nothing_fits_the_nearest_plan_says_what_it_lacks(void **state) {
  slip_train_job job = train_job_of("llama-3.1-405b", "hgx-h100", "prior-train", 8, 64);
  slip_train *train = train_open(&job);
  slip_train_space space = slip_train_space_default();
  slip_train_result best;
  slip_error err = {.message = ""};
  assert_int_equal(slip_train_best(train, &space, NULL, &best, NULL, &err), SLIP_INFEASIBLE);
  assert_non_null(strstr(err.message, "none of"));
  assert_non_null(strstr(err.message, "most of it is"));
  slip_train_free(train);
}

static void when_nothing_is_legal_the_message_says_so(void **state) {
  slip_train *train = open_job(dense, 7, 32); /* 7 divides neither heads, layers nor batch */
  slip_train_space space = slip_train_space_default();
  slip_train_result best;
  slip_error err = {.message = ""};
  space.fixed.tp = 7;
  assert_int_equal(slip_train_best(train, &space, NULL, &best, NULL, &err), SLIP_INFEASIBLE);
  assert_non_null(strstr(err.message, "no legal plan"));
  slip_train_free(train);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_best_of_a_dense_model_on_16_chips),
      cmocka_unit_test(the_best_of_experts_on_16_chips),
      cmocka_unit_test(the_best_of_experts_on_24_chips),
      cmocka_unit_test(the_best_when_memory_is_scarce),
      cmocka_unit_test(what_is_fixed_stays),
      cmocka_unit_test(only_schedules_of_the_stack_are_searched),
      cmocka_unit_test(the_answer_is_the_same_to_the_bit_on_1_2_and_4_threads),
      cmocka_unit_test(a_stopped_search_returns_the_best_so_far),
      cmocka_unit_test(a_search_stopped_before_it_began_has_nothing),
      cmocka_unit_test(when_nothing_fits_the_nearest_plan_says_what_it_lacks),
      cmocka_unit_test(when_nothing_is_legal_the_message_says_so),
  };
  return cmocka_run_group_tests(tests, open_toys, close_toys);
}
