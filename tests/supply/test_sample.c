/* Quantiles of more numbers than are kept: those of sorting all of them, whatever the numbers and the threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the four above */
#include <cmocka.h>

#include "base/random.h"
#include "supply/quantile.h"
#include "supply/sample.h"

static int by_size(const void *a, const void *b) {
  const float x = *(const float *)a, y = *(const float *)b;
  return x < y ? -1 : x > y;
}

/* Nearest rank: of n numbers that at p (n - 1), rounded. */
static slip_band by_sorting(float *v, int64_t n) {
  qsort(v, (size_t)n, sizeof *v, by_size);
  const double last = (double)(n - 1);
  return (slip_band){(double)v[(size_t)(0.1 * last + 0.5)], (double)v[(size_t)(0.5 * last + 0.5)],
                     (double)v[(size_t)(0.9 * last + 0.5)]};
}

static void assert_same(slip_band got, slip_band wanted) {
  assert_true(got.low == wanted.low && got.median == wanted.median && got.high == wanted.high);
}

/* Shapes of numbers: smooth, one value, half of them 0, few values, of both signs, a spike at a quantile. */
enum { SHAPES = 6 };
static float shaped(int shape, double u) {
  const double values[SHAPES] = {
      u * u, 3, u < 0.5 ? 0 : u, (double)(int)(5 * u), 1e6 * (u - 0.3), u < 0.88 ? u : u < 0.93 ? 0.88 : u};
  return (float)values[shape];
}

static void kept_numbers(void **state) {
  uint32_t *scratch = malloc(SLIP_RANKS_SCRATCH * sizeof *scratch);
  float v[5000];
  double u[5000];
  const int64_t sizes[] = {1, 2, 3, 10, 2048, 2049, 5000};
  for (int shape = 0; shape < SHAPES; shape++) {
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
      slip_random_uniform(5, (uint32_t)shape, 0, (size_t)sizes[i], u);
      for (int64_t k = 0; k < sizes[i]; k++)
        v[k] = shaped(shape, u[k]);
      const slip_band found = slip_band_find(v, sizes[i], scratch);
      assert_same(found, by_sorting(v, sizes[i]));
    }
  }
  free(scratch);
}

/* A study whose only input is uniform, and whose outputs are its shapes. */
typedef struct shapes {
  float *seen[SHAPES]; /* in the order of running: of one thread */
  int64_t n;
  int64_t
      drifts_after; /* samples after which all outputs are 10 more, as independent draws would never be; 0: never */
} shapes;

static void shape_block(const void *context, void *scratch, const slip_lanes *knots, slip_lanes *out) {
  shapes *s = (shapes *)context;
  for (int shape = 0; shape < SHAPES; shape++) {
    for (int l = 0; l < SLIP_LANES; l++) {
      const bool drifts = s->drifts_after && s->n >= s->drifts_after;
      out[shape][l] = (double)shaped(shape, knots[0][l]) + (drifts ? 10 : 0);
      if (s->seen[shape])
        s->seen[shape][s->n + l] = (float)out[shape][l];
    }
  }
  if (s->drifts_after || s->seen[0])
    s->n += SLIP_LANES;
}

static slip_deck *uniform_deck(void) {
  static const slip_knot knot = {8104, 0, 0.5, 1};
  static const slip_assumption item = {"u", "u", "", SLIP_SHAPE_UNIFORM, &knot, 1, NULL, 0, "", 0};
  slip_deck *deck = calloc(1, sizeof *deck);
  deck->arena = slip_arena_open();
  assert_int_equal(slip_deck_add(deck, &item, NULL), SLIP_OK);
  assert_int_equal(slip_deck_finish(deck, NULL), SLIP_OK);
  return deck;
}

static void free_deck(slip_deck *deck) {
  slip_arena_free(deck->arena);
  free(deck);
}

/* 150,001 samples, more than are kept and no whole number of blocks. */
static void numbers_that_are_not_kept(void **state) {
  enum { N = 150001 };
  slip_deck *deck = uniform_deck();
  shapes all = {.n = 0};
  for (int i = 0; i < SHAPES; i++)
    all.seen[i] = malloc((N + SLIP_LANES) * sizeof(float));
  slip_study study = {deck, SHAPES, 8, shape_block, &all};
  slip_samples one = {0}, three = {0};
  assert_int_equal(slip_sample(&study, N, 3, 1, NULL, &one, NULL), SLIP_OK);
  assert_int_equal(one.n_kept, SLIP_KEPT);
  shapes none = {.n = 0};
  study.context = &none;
  assert_int_equal(slip_sample(&study, N, 3, 3, NULL, &three, NULL), SLIP_OK);
  for (int i = 0; i < SHAPES; i++) {
    assert_memory_equal(&one.values[i * SLIP_KEPT], all.seen[i], SLIP_KEPT * sizeof(float));
    assert_same(one.bands[i], by_sorting(all.seen[i], N));
    assert_same(three.bands[i], one.bands[i]);
    free(all.seen[i]);
  }
  slip_samples_free(&one);
  slip_samples_free(&three);
  free_deck(deck);
}

/* When the later samples are unlike the first, quantiles lie outside their brackets, and a second round keeps everything: the answer is
 * still that of sorting. (The drift goes on in that round, all of which is 10 more.) */
static void first_samples_that_mislead(void **state) {
  enum { N = 2 * SLIP_KEPT + SLIP_KEPT / 2 };
  slip_deck *deck = uniform_deck();
  shapes all = {.drifts_after = SLIP_KEPT};
  float *wanted = malloc(N * sizeof *wanted);
  double *u = malloc(N * sizeof *u);
  const slip_study study = {deck, SHAPES, 8, shape_block, &all};
  slip_samples samples = {0};
  assert_int_equal(slip_sample(&study, N, 3, 1, NULL, &samples, NULL), SLIP_OK);
  assert_int_equal(all.n, 2 * N - SLIP_KEPT); /* the rest ran twice */
  slip_random_uniform(3, deck->streams[0], 0, N, u);
  for (int i = 0; i < SHAPES; i++) {
    for (int64_t k = 0; k < SLIP_KEPT; k++)
      wanted[k] = samples.values[i * SLIP_KEPT + k];
    for (int64_t k = SLIP_KEPT; k < N; k++)
      wanted[k] = shaped(i, u[k]) + 10;
    const slip_band sorted = by_sorting(wanted, N);
    /* the input is read from a table, to 1e-7 of what it was drawn as */
    assert_true(fabs(samples.bands[i].low - sorted.low) <= 1e-4 * fabs(sorted.low));
    assert_true(fabs(samples.bands[i].median - sorted.median) <= 1e-4 * fabs(sorted.median));
    assert_true(fabs(samples.bands[i].high - sorted.high) <= 1e-4 * fabs(sorted.high));
  }
  free(wanted);
  free(u);
  slip_samples_free(&samples);
  free_deck(deck);
}

static void a_raised_stop_keeps_nothing(void **state) {
  slip_deck *deck = uniform_deck();
  const shapes none = {.n = 0};
  const slip_study study = {deck, SHAPES, 8, shape_block, &none};
  const volatile int stop = 1;
  slip_samples samples = {0};
  assert_int_equal(slip_sample(&study, 2 * SLIP_KEPT, 1, 2, &stop, &samples, NULL), SLIP_INTERRUPTED);
  assert_null(samples.values);
  free_deck(deck);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(kept_numbers),
      cmocka_unit_test(numbers_that_are_not_kept),
      cmocka_unit_test(first_samples_that_mislead),
      cmocka_unit_test(a_raised_stop_keeps_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
