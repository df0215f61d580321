/* The fronts and best ways of serving against every combination estimated in full, for random jobs on random systems. */
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

enum { JOBS = 40 };

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

static slip_model_file *dense, *moe;

static int open_models(void **state) {
  dense = model_from(SMALL_DENSE);
  moe = model_from(SMALL_MOE);
  return 0;
}

static int close_models(void **state) {
  slip_model_free(dense);
  slip_model_free(moe);
  return 0;
}

typedef struct world {
  slip_system system[2];
  slip_chip chip[2];
  slip_stack stack;
  slip_serve_job job[2];
  slip_serve *serve, *decode; /* decode NULL: one system */
  slip_serve_space space;
  slip_price price[2];
} world;

static void draw_world(uint64_t seed, world *w) {
  random_state = seed;
  memset(w, 0, sizeof *w);
  w->stack = toy_stack();
  w->stack.max_sequences = 2 + (double)pick(7);
  w->stack.prefill_interference = between(0, 1);
  w->stack.two_batch_overlap = pick(2) ? between(0, 1) : 0;
  w->stack.host_step_s = pick(2) ? between(0, 1e-3) : 0;
  int64_t chips = pick(5), isl = 128 << pick(5), osl = 64 << pick(5), drafts = pick(3);
  bool two = pick(3) == 0, objectives = pick(2);
  slip_model_file *model = pick(2) ? dense : moe;
  double ttft = objectives ? between(0.001, 0.05) : INFINITY, tpot = objectives ? between(0.0002, 0.005) : INFINITY;
  for (int i = 0; i < 2; i++) {
    w->system[i] = toy_system();
    w->chip[i] = toy_system_chip;
    w->system[i].chip = &w->chip[i];
    w->system[i].power_w *= between(0.2, 2);
    w->chip[i].memory_bytes_per_s *= exp(between(-1, 1));
    w->chip[i].memory_bytes = between(0.4e9, 4e9);
    w->job[i] = slip_serve_job_default();
    w->job[i].model = slip_model_of(model);
    w->job[i].system = &w->system[i];
    w->job[i].stack = &w->stack;
    w->job[i].chips = chips, w->job[i].isl = isl, w->job[i].osl = osl;
    w->job[i].ttft_s = ttft, w->job[i].tpot_s = tpot, w->job[i].drafts = drafts;
    w->price[i] = (slip_price){between(1e-4, 1e-3), pick(4) ? between(1e-8, 1e-7) : NAN};
  }
  w->serve = serve_open(&w->job[0]);
  w->decode = two ? serve_open(&w->job[1]) : NULL;
  w->space = slip_serve_space_default();
  w->space.disaggregated = (int)pick(3) - 1;
  w->space.speculate = (int)pick(3) - 1;
  w->space.fixed.pp = pick(2);
  w->space.fixed.chunk = pick(2) ? 512 << pick(4) : 0;
  w->space.fixed.batch = pick(4) ? 0 : 1 + pick(8);
  for (int64_t n = chips; n > 0 && pick(2) && w->space.n_clusters < 2; n /= 2)
    w->space.clusters[w->space.n_clusters++] = n;
}

static void close_world(world *w) {
  slip_serve_free(w->serve);
  slip_serve_free(w->decode);
}

static int by_objectives(const void *a, const void *b) {
  const double *x = a, *y = b;
  for (int i = 0; i < 4; i++)
    if (x[i] < y[i] || x[i] > y[i])
      return x[i] < y[i] ? -1 : 1;
  return 0;
}

/* What matters of a point. Ways alike in all of it may stand for each other. */
static double (*objectives_of(const slip_serve_point *points, size_t count))[4] {
  double(*out)[4] = calloc(count + 1, sizeof *out);
  assert_non_null(out);
  for (size_t i = 0; i < count; i++) {
    out[i][0] = -points[i].result.output_tokens_per_s_per_chip;
    out[i][1] = points[i].result.tpot_s;
    out[i][2] = isnan(points[i].usd_per_mtoken) ? 0 : points[i].usd_per_mtoken;
    out[i][3] = isnan(points[i].joule_per_token) ? 0 : points[i].joule_per_token;
  }
  qsort(out, count, sizeof *out, by_objectives);
  return out;
}

static void fronts_are_those_of_every_combination(void **state) {
  int64_t looked_at = 0, points_seen = 0;
  for (int i = 0; i < JOBS; i++) {
    world w;
    draw_world((uint64_t)i, &w);
    slip_serve_point *points[2] = {NULL, NULL};
    size_t count[2];
    slip_search_stats stats[2];
    slip_status status[2];
    for (int m = 0; m < 2; m++) {
      slip_error err;
      w.space.mode = m ? SLIP_SEARCH_BOUNDED : SLIP_SEARCH_BRUTE;
      status[m] = slip_serve_pareto(w.serve, w.decode, &w.space, w.price, 1.3, NULL, &points[m], &count[m],
                                    &stats[m], &err);
    }
    assert_int_equal(status[0], status[1]);
    double(*a)[4] = objectives_of(points[0], count[0]), (*b)[4] = objectives_of(points[1], count[1]);
    if (count[0] != count[1])
      fail_msg("job %d: the front of every combination has %zu points, the search's %zu", i, count[0], count[1]);
    for (size_t k = 0; k < count[0]; k++)
      if (by_objectives(a[k], b[k]) != 0)
        fail_msg("job %d, point %zu: %.17g %.17g %.17g %.17g against %.17g %.17g %.17g %.17g", i, k, a[k][0],
                 a[k][1], a[k][2], a[k][3], b[k][0], b[k][1], b[k][2], b[k][3]);
    looked_at += stats[0].evaluated;
    points_seen += (int64_t)count[0];
    free(a);
    free(b);
    slip_points_free(points[0]);
    slip_points_free(points[1]);
    close_world(&w);
  }
  printf("  %lld combinations of %d jobs; %lld points\n", (long long)looked_at, JOBS, (long long)points_seen);
  assert_true(points_seen > JOBS);
}

static void the_best_is_that_of_every_combination(void **state) {
  int found = 0;
  for (int i = 0; i < JOBS; i++) {
    world w;
    draw_world((uint64_t)(500 + i), &w);
    slip_serve_point best[2];
    slip_status status[2];
    slip_error err;
    for (int m = 0; m < 2; m++) {
      w.space.mode = m ? SLIP_SEARCH_BOUNDED : SLIP_SEARCH_BRUTE;
      status[m] = slip_serve_search(w.serve, w.decode, &w.space, NULL, &best[m], NULL, &err);
    }
    assert_int_equal(status[0], status[1]);
    if (status[0] == SLIP_OK) {
      found++;
      assert_true(best[0].result.output_tokens_per_s_per_chip == best[1].result.output_tokens_per_s_per_chip);
    }
    close_world(&w);
  }
  assert_true(found > JOBS / 4);
}

static void a_front_does_not_depend_on_the_threads(void **state) {
  if (!omp_set_num_threads)
    skip(); /* built without OpenMP */
  world w;
  draw_world(3, &w);
  slip_serve_point *first = NULL;
  size_t first_count = 0;
  for (int threads = 1; threads <= 4; threads *= 2) {
    slip_serve_point *points = NULL;
    size_t count = 0;
    omp_set_num_threads(threads);
    assert_int_equal(slip_serve_pareto(w.serve, w.decode, &w.space, w.price, 1, NULL, &points, &count, NULL, NULL),
                     SLIP_OK);
    if (threads == 1) {
      first = points, first_count = count;
      continue;
    }
    assert_int_equal(count, first_count);
    for (size_t k = 0; k < count; k++)
      assert_memory_equal(&points[k].result.output_tokens_per_s_per_chip,
                          &first[k].result.output_tokens_per_s_per_chip, sizeof(double));
    slip_points_free(points);
  }
  slip_points_free(first);
  close_world(&w);
}

/* The message is for people: what happened and after how many plans. */
static void a_front_that_is_stopped_says_so(void **state) {
  world w;
  draw_world(3, &w);
  volatile int stop = 1;
  const slip_search_watch watch = {.stop = &stop};
  slip_serve_point *points = NULL;
  size_t count = 0;
  slip_error err = {.message = ""};
  slip_status status =
      slip_serve_pareto(w.serve, w.decode, &w.space, w.price, 1, &watch, &points, &count, NULL, &err);
  assert_int_equal(status, count > 0 ? SLIP_INTERRUPTED : SLIP_INFEASIBLE);
  assert_int_equal(strncmp(err.message, "stopped after ", 14), 0);
  slip_points_free(points);
  close_world(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fronts_are_those_of_every_combination),
      cmocka_unit_test(the_best_is_that_of_every_combination),
      cmocka_unit_test(a_front_does_not_depend_on_the_threads),
      cmocka_unit_test(a_front_that_is_stopped_says_so),
  };
  return cmocka_run_group_tests(tests, open_models, close_models);
}
