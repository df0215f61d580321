/* Bounded, exhaustive and brute-force search of the same random jobs on random systems: one answer, to the bit; and fronts
 * that are the same set, in which no point beats another and which no plan of the space beats. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the headers above */
#include <cmocka.h>

#include <slipstick/search.h>

#include "support/jobs.h"

extern void omp_set_num_threads(int threads) __attribute__((weak));

enum { JOBS = 60 };

static uint64_t random_state;

static int64_t pick(int64_t n) { /* splitmix64 */
  uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (int64_t)((z ^ (z >> 31)) % (uint64_t)n);
}

static double between(double low, double high) {
  return low + (high - low) * (double)pick(1000001) / 1e6;
}

/* A job, the system that it runs on and its stack, all of their own. */
typedef struct world {
  slip_model_file *model;
  slip_system system;
  slip_chip chip;
  slip_stack stack;
  slip_train_job job;
  slip_train_space space;
  slip_price price;
} world;

static void draw_model(world *w) {
  char json[1024];
  int layers = 2 + (int)pick(9), heads = 4 << pick(3), hidden = heads * 64;
  if (pick(2) == 0)
    snprintf(
        json, sizeof json,
        "{\"model_type\": \"llama\", \"hidden_size\": %d, \"num_hidden_layers\": %d, \"num_attention_heads\": %d, "
        "\"num_key_value_heads\": %d, \"intermediate_size\": %d, \"vocab_size\": %d, \"tie_word_embeddings\": %s, "
        "\"torch_dtype\": \"bfloat16\"}",
        hidden, layers, heads, heads / 2, 4 * hidden, 1000 + 1000 * (int)pick(100), pick(2) ? "true" : "false");
  else
    snprintf(
        json, sizeof json,
        "{\"model_type\": \"qwen3_moe\", \"hidden_size\": %d, \"num_hidden_layers\": %d, \"num_attention_heads\": "
        "%d, "
        "\"num_key_value_heads\": %d, \"head_dim\": 64, \"intermediate_size\": %d, \"moe_intermediate_size\": 512, "
        "\"num_experts\": %d, \"num_experts_per_tok\": 2, \"decoder_sparse_step\": 1, \"mlp_only_layers\": [%s], "
        "\"norm_topk_prob\": true, \"vocab_size\": 32000, \"tie_word_embeddings\": false, \"torch_dtype\": "
        "\"bfloat16\"}",
        hidden, layers, heads, heads / 2, 4 * hidden, 4 << pick(3), pick(2) ? "0" : "");
  w->model = model_from(json);
}

/* The toy system with its numbers moved, its stack with all of its shares drawn. */
static void draw_world(uint64_t seed, world *w) {
  random_state = seed;
  memset(w, 0, sizeof *w);
  draw_model(w);
  w->system = toy_system();
  w->chip = toy_system_chip;
  w->system.chip = &w->chip;
  w->chip.memory_bytes = exp(between(log(0.3e9), log(80e9)));
  w->chip.memory_bytes_per_s *= exp(between(-1, 1));
  for (int i = 0; i < w->system.n_levels; i++)
    w->system.levels[i].bytes_per_s *= exp(between(-2, 2));
  w->stack = toy_stack();
  w->stack.overlap_dp = between(0, 1);
  w->stack.overlap_tp = pick(2) ? between(0, 1) : 0;
  w->stack.overlap_pp = pick(2) ? between(0, 1) : 0;
  w->stack.host_layer_s = pick(2) ? between(0, 1e-3) : 0;
  w->stack.jitter = between(0, 0.1);
  w->stack.zero_bubble = (double)pick(2);
  w->stack.dualpipe = (double)pick(2);
  w->stack.flash_attention = (double)pick(2);
  w->job = slip_train_job_default();
  w->job.model = slip_model_of(w->model);
  w->job.system = &w->system;
  w->job.stack = &w->stack;
  const int64_t chips[] = {1, 4, 6, 8, 12, 16, 24};
  w->job.chips = chips[pick(7)];
  w->job.seq = 1024 << pick(2);
  w->job.batch = w->job.chips * (1 + pick(4));
  w->space = slip_train_space_default();
  w->space.overlaps = pick(6) == 0;
  w->space.most_micro_batch = 1 + pick(4);
  w->space.dtypes = pick(3) == 0 ? 1u << SLIP_BF16 | 1u << SLIP_FP8 : 0;
  for (int64_t n = w->job.chips; pick(2) && n >= 1 && w->space.n_clusters < 3; n /= 2)
    w->space.clusters[w->space.n_clusters++] = n;
  w->price = (slip_price){between(1e-4, 1e-3), pick(4) ? between(1e-8, 1e-7) : NAN};
}

static void close_world(world *w) {
  slip_model_free(w->model);
}

static const slip_search_mode modes[] = {SLIP_SEARCH_BRUTE, SLIP_SEARCH_EXHAUSTIVE, SLIP_SEARCH_BOUNDED};

static bool same(const slip_plan *a, const slip_plan *b) {
  char left[200], right[200];
  slip_plan_format(a, left, sizeof left);
  slip_plan_format(b, right, sizeof right);
  return strcmp(left, right) == 0;
}

static void say(const char *what, int job, const slip_plan *a, const slip_plan *b, double x, double y) {
  char left[200], right[200];
  slip_plan_format(a, left, sizeof left);
  slip_plan_format(b, right, sizeof right);
  fail_msg("job %d: %s: %s (%.17g) against %s (%.17g)", job, what, left, x, right, y);
}

static void all_modes_find_the_same_plan(void **state) {
  int64_t plans = 0, pruned = 0;
  for (int i = 0; i < JOBS; i++) {
    world w;
    draw_world((uint64_t)i, &w);
    slip_train *train = train_open(&w.job);
    slip_train_result first = {0};
    slip_search_stats first_stats = {0};
    slip_status first_status = SLIP_OK;
    for (int m = 0; m < 3; m++) {
      slip_train_result best = {0};
      slip_search_stats stats;
      int64_t chips = 0;
      slip_error err;
      w.space.mode = modes[m];
      slip_status status = slip_train_search(train, &w.space, NULL, &best, &chips, &stats, &err);
      if (m == 0)
        first = best, first_stats = stats, first_status = status;
      assert_int_equal(status, first_status);
      assert_int_equal(stats.legal, first_stats.legal);
      assert_int_equal(stats.evaluated + stats.pruned, stats.legal);
      if (modes[m] != SLIP_SEARCH_BOUNDED)
        assert_int_equal(stats.feasible, first_stats.feasible);
      if (!same(&best.plan, &first.plan) || best.step_s < first.step_s || best.step_s > first.step_s)
        say("another best", i, &best.plan, &first.plan, best.step_s, first.step_s);
      plans += m == 0 ? stats.legal : 0;
      pruned += stats.pruned;
    }
    slip_train_free(train);
    close_world(&w);
  }
  printf("  %lld plans of %d jobs, each in three ways; bounds left out %lld\n", (long long)plans, JOBS,
         (long long)pruned);
  assert_true(pruned > 0);
}

static bool beats(const slip_train_point *a, const slip_train_point *b) {
  bool priced = !isnan(a->usd_per_step) && !isnan(b->usd_per_step);
  return a->result.step_s <= b->result.step_s && a->result.memory.total <= b->result.memory.total &&
         a->chips <= b->chips && (!priced || a->usd_per_step <= b->usd_per_step);
}

static void fronts_are_the_same_set_and_nothing_in_them_beats_another(void **state) {
  for (int i = 0; i < JOBS; i++) {
    world w;
    draw_world((uint64_t)(1000 + i), &w);
    slip_train *train = train_open(&w.job);
    slip_train_point *first = NULL, *points = NULL;
    size_t first_count = 0, count = 0;
    for (int m = 0; m < 2; m++) {
      slip_error err;
      w.space.mode = modes[m];
      slip_status status = slip_train_pareto(train, &w.space, &w.price, NULL, m ? &points : &first,
                                             m ? &count : &first_count, NULL, &err);
      assert_true(status == SLIP_OK || status == SLIP_INFEASIBLE);
    }
    assert_int_equal(count, first_count);
    for (size_t k = 0; k < count; k++)
      if (!same(&points[k].result.plan, &first[k].result.plan) || points[k].chips != first[k].chips)
        say("another front", i, &points[k].result.plan, &first[k].result.plan, points[k].result.step_s,
            first[k].result.step_s);
    for (size_t a = 0; a < count; a++)
      for (size_t b = 0; b < count; b++)
        if (a != b && beats(&points[a], &points[b]))
          say("one point beats another", i, &points[a].result.plan, &points[b].result.plan, points[a].result.step_s,
              points[b].result.step_s);
    slip_points_free(first);
    slip_points_free(points);
    slip_train_free(train);
    close_world(&w);
  }
}

/* The fastest plan of all is on the front, and first in it. */
static void the_best_plan_heads_the_front(void **state) {
  for (int i = 0; i < JOBS / 3; i++) {
    world w;
    draw_world((uint64_t)(2000 + i), &w);
    slip_train *train = train_open(&w.job);
    slip_train_point *points = NULL;
    size_t count = 0;
    slip_train_result best;
    if (slip_train_search(train, &w.space, NULL, &best, NULL, NULL, NULL) == SLIP_OK) {
      assert_int_equal(slip_train_pareto(train, &w.space, &w.price, NULL, &points, &count, NULL, NULL), SLIP_OK);
      assert_true(points[0].result.step_s == best.step_s);
    }
    slip_points_free(points);
    slip_train_free(train);
    close_world(&w);
  }
}

static void a_front_does_not_depend_on_the_threads(void **state) {
  if (!omp_set_num_threads)
    skip(); /* built without OpenMP */
  world w;
  draw_world(7, &w);
  w.job.chips = 16, w.job.batch = 64, w.chip.memory_bytes = 20e9;
  slip_train *train = train_open(&w.job);
  slip_train_point *first = NULL;
  size_t first_count = 0;
  for (int threads = 1; threads <= 4; threads *= 2) {
    slip_train_point *points = NULL;
    size_t count = 0;
    omp_set_num_threads(threads);
    assert_int_equal(slip_train_pareto(train, &w.space, &w.price, NULL, &points, &count, NULL, NULL), SLIP_OK);
    if (threads == 1) {
      first = points, first_count = count;
      continue;
    }
    assert_int_equal(count, first_count);
    for (size_t k = 0; k < count; k++) {
      assert_true(same(&points[k].result.plan, &first[k].result.plan));
      assert_memory_equal(&points[k].usd_per_step, &first[k].usd_per_step, sizeof(double));
    }
    slip_points_free(points);
  }
  slip_points_free(first);
  slip_train_free(train);
  close_world(&w);
}

static int told;
static void tell(double share, void *context) {
  assert_true(share >= 0 && share <= 1);
  told++;
}

static void progress_is_told_and_ends_at_one(void **state) {
  world w;
  draw_world(7, &w);
  slip_train *train = train_open(&w.job);
  const slip_search_watch watch = {.progress = tell};
  slip_train_result best;
  told = 0;
  (void)slip_train_search(train, &w.space, &watch, &best, NULL, NULL, NULL);
  assert_true(told > 0);
  slip_train_free(train);
  close_world(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_modes_find_the_same_plan),
      cmocka_unit_test(fronts_are_the_same_set_and_nothing_in_them_beats_another),
      cmocka_unit_test(the_best_plan_heads_the_front),
      cmocka_unit_test(a_front_does_not_depend_on_the_threads),
      cmocka_unit_test(progress_is_told_and_ends_at_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
