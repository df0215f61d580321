/* Blocks over threads, quantiles by selection, rank correlations. */
#ifdef __linux__
#define _DEFAULT_SOURCE /* madvise */
#endif
#include "supply/sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif
#ifdef _OPENMP
#include <omp.h>
#endif

#include "base/fail.h"
#include "base/random.h"

#ifdef _OPENMP
static int thread_count(int wanted) {
  return wanted > 0 ? wanted : omp_get_max_threads();
}
#endif

/* Memory of one thread: draws, outputs, the study's own. */
typedef struct bench {
  slip_lanes *knots, *out;
  void *scratch;
} bench;

static bool bench_open(const slip_study *study, bench *b) {
  b->knots = slip_memory_resize(NULL, (study->deck->n_knots + 1) * sizeof(slip_lanes));
  b->out = slip_memory_resize(NULL, (study->n_outputs + 1) * sizeof(slip_lanes));
  b->scratch = slip_memory_resize(NULL, study->scratch_bytes + 1);
  return b->knots && b->out && b->scratch;
}

static void bench_free(bench *b) {
  free(b->knots);
  free(b->out);
  free(b->scratch);
}

static void run_block(const slip_study *study, bench *b, slip_samples *s, int64_t block) {
  const int64_t first = block * SLIP_LANES;
  const int64_t left = s->n - first, count = left < SLIP_LANES ? left : SLIP_LANES;
  slip_deck_draw(study->deck, s->seed, (uint32_t)first, b->knots, NULL);
  study->block(study->context, b->scratch, (const slip_lanes *)b->knots, b->out);
  for (size_t o = 0; o < study->n_outputs; o++)
    for (int64_t l = 0; l < count; l++)
      s->values[o * (size_t)s->n + (size_t)(first + l)] = (float)b->out[o][l];
}

/* Hundreds of megabytes that are written once: in large pages where the system has them, for a tenth of the time goes to small ones. */
static void use_large_pages(void *memory, size_t size) {
#ifdef MADV_HUGEPAGE
  const uintptr_t page = (uintptr_t)2 << 20, first = ((uintptr_t)memory + page - 1) & ~(page - 1);
  const uintptr_t end = ((uintptr_t)memory + size) & ~(page - 1);
  if (first < end)
    (void)madvise((char *)memory + (first - (uintptr_t)memory), end - first, MADV_HUGEPAGE); /* only a wish */
#else
  (void)memory;
  (void)size;
#endif
}

slip_status slip_sample(const slip_study *study, int64_t n, uint32_t seed, int threads, const volatile int *stop,
                        slip_samples *out, slip_error *err) {
  if (n < 1 || n > SLIP_MAX_SAMPLES)
    return slip_fail(err, SLIP_BAD_INPUT, "samples are from 1 to %d", SLIP_MAX_SAMPLES);
  slip_samples s = {study->n_outputs, n, seed, NULL};
  s.values = slip_memory_resize(NULL, study->n_outputs * (size_t)n * sizeof *s.values);
  if (!s.values)
    return slip_fail(err, SLIP_NO_MEMORY, "out of memory for %g samples", (double)n);
  use_large_pages(s.values, study->n_outputs * (size_t)n * sizeof *s.values);
  const int64_t blocks = (n + SLIP_LANES - 1) / SLIP_LANES;
  bool failed = false, stopped = false;
  (void)threads; /* not read where there is no OpenMP */
#pragma omp parallel num_threads(thread_count(threads)) default(shared)
  {
    bench b;
    const bool ready = bench_open(study, &b);
    if (!ready) {
#pragma omp atomic write
      failed = true;
    }
#pragma omp for schedule(dynamic, 16)
    for (int64_t block = 0; block < blocks; block++) {
      if (stop && *stop) {
#pragma omp atomic write
        stopped = true;
      } else if (ready) {
        run_block(study, &b, &s, block);
      }
    }
    bench_free(&b);
  }
  if (!failed && !stopped) {
    *out = s;
    return SLIP_OK;
  }
  free(s.values);
  return failed ? slip_fail(err, SLIP_NO_MEMORY, "out of memory") : slip_fail(err, SLIP_INTERRUPTED, "stopped");
}

void slip_samples_free(slip_samples *samples) {
  free(samples->values);
  samples->values = NULL;
}

/* ---- quantiles: the value of a rank, by counting the upper and then the lower half of the bits ---- */

enum { HALF = 1 << 16, FEW = 2048 };

/* Unsigned numbers in the order of the floats (no NAN among them). */
static uint32_t order_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits & 0x80000000U ? ~bits : bits | 0x80000000U;
}

static float value_of(uint32_t order) {
  const uint32_t bits = order & 0x80000000U ? order & 0x7fffffffU : ~order;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* The half in which the k-th smallest lies, and how many come before that half. */
static uint32_t locate(const uint32_t *counts, int64_t k, int64_t *before) {
  uint32_t half = 0;
  *before = 0;
  while (*before + counts[half] <= k)
    *before += counts[half++];
  return half;
}

static bool is_one_value(const float *v, int64_t n) {
  for (int64_t i = 1; i < n; i++)
    if (v[i] != v[0])
      return false;
  return true;
}

static int by_order(const void *a, const void *b) {
  const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

/* Few values are sorted: sooner done than clearing the counts. */
static void find_sorted(const float *v, int64_t n, const int64_t ranks[3], uint32_t *order, double found[3]) {
  for (int64_t i = 0; i < n; i++)
    order[i] = order_of(v[i]);
  qsort(order, (size_t)n, sizeof *order, by_order);
  for (int k = 0; k < 3; k++)
    found[k] = (double)value_of(order[ranks[k]]);
}

/* The values of three ranks, in two passes. counts: 4 * HALF numbers of scratch. */
static slip_band band_of(const float *v, int64_t n, uint32_t *counts) {
  const double last = (double)(n - 1);
  const int64_t ranks[3] = {(int64_t)(0.1 * last + 0.5), (int64_t)(0.5 * last + 0.5), (int64_t)(0.9 * last + 0.5)};
  uint32_t half[3];
  int64_t before[3], inside = 0;
  double found[3];
  if (is_one_value(v, n))
    return (slip_band){(double)v[0], (double)v[0], (double)v[0]};
  if (n <= FEW) {
    find_sorted(v, n, ranks, counts, found);
    return (slip_band){found[0], found[1], found[2]};
  }
  memset(counts, 0, 4 * HALF * sizeof *counts);
  for (int64_t i = 0; i < n; i++)
    counts[order_of(v[i]) >> 16]++;
  for (int k = 0; k < 3; k++)
    half[k] = locate(counts, ranks[k], &before[k]);
  for (int64_t i = 0; i < n; i++) {
    const uint32_t order = order_of(v[i]), upper = order >> 16;
    if (upper == half[0])
      counts[HALF + (order & 0xffffU)]++;
    if (upper == half[1])
      counts[2 * HALF + (order & 0xffffU)]++;
    if (upper == half[2])
      counts[3 * HALF + (order & 0xffffU)]++;
  }
  for (int k = 0; k < 3; k++)
    found[k] = (double)value_of(half[k] << 16 | locate(counts + (k + 1) * HALF, ranks[k] - before[k], &inside));
  return (slip_band){found[0], found[1], found[2]};
}

slip_status slip_samples_bands(const slip_samples *s, size_t first, size_t count, int threads, slip_band *out,
                               slip_error *err) {
  bool failed = false;
  (void)threads;
#pragma omp parallel num_threads(thread_count(threads)) default(shared)
  {
    uint32_t *counts = slip_memory_resize(NULL, 4 * HALF * sizeof *counts);
    if (!counts) {
#pragma omp atomic write
      failed = true;
    }
#pragma omp for schedule(dynamic, 4)
    for (size_t i = 0; i < count; i++) {
      if (counts)
        out[i] = band_of(&s->values[(first + i) * (size_t)s->n], s->n, counts);
    }
    free(counts);
  }
  return failed ? slip_fail(err, SLIP_NO_MEMORY, "out of memory") : SLIP_OK;
}

/* ---- rank correlation ---- */

typedef struct placed {
  float value;
  int32_t sample;
} placed;

static int by_value(const void *a, const void *b) {
  const placed *x = a, *y = b;
  if (x->value != y->value)
    return x->value < y->value ? -1 : 1;
  return x->sample < y->sample ? -1 : 1;
}

/* Ranks from -1/2 to 1/2, ties sharing their mean. */
static void rank_of(placed *order, size_t n, double *rank) {
  qsort(order, n, sizeof *order, by_value);
  for (size_t i = 0; i < n;) {
    size_t end = i;
    while (end < n && !(order[end].value > order[i].value))
      end++;
    for (size_t k = i; k < end; k++)
      rank[order[k].sample] = ((double)(i + end - 1) / 2 + 0.5) / (double)n - 0.5;
    i = end;
  }
}

static double correlation(const double *rank, const double *u, size_t n) {
  double xy = 0, xx = 0, yy = 0, mean = 0;
  for (size_t i = 0; i < n; i++)
    mean += u[i];
  mean /= (double)n;
  for (size_t i = 0; i < n; i++) {
    xy += rank[i] * (u[i] - mean);
    xx += rank[i] * rank[i];
    yy += (u[i] - mean) * (u[i] - mean);
  }
  return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0;
}

slip_status slip_samples_ranks(const slip_samples *s, const slip_deck *deck, size_t output, double *out,
                               slip_error *err) {
  const size_t n = s->n < SLIP_RANKED ? (size_t)s->n : SLIP_RANKED;
  placed *order = slip_memory_resize(NULL, n * sizeof *order);
  double *rank = slip_memory_resize(NULL, n * sizeof *rank), *u = slip_memory_resize(NULL, n * sizeof *u);
  slip_status status = SLIP_OK;
  if (!order || !rank || !u)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  for (size_t i = 0; i < n; i++)
    order[i] = (placed){s->values[output * (size_t)s->n + i], (int32_t)i};
  rank_of(order, n, rank);
  for (size_t i = 0; i < deck->n; i++) {
    out[i] = 0;
    if (!deck->tables[i])
      continue;
    slip_random_uniform(s->seed, deck->streams[i], 0, n, u);
    out[i] = correlation(rank, u, n);
  }
cleanup:
  free(order);
  free(rank);
  free(u);
  return status;
}
