/* Blocks over threads, quantiles by selection, rank correlations. */
#include "supply/sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "base/fail.h"
#include "base/random.h"

static int thread_count(int wanted) {
#ifdef _OPENMP
  return wanted > 0 ? wanted : omp_get_max_threads();
#else
  (void)wanted;
  return 1;
#endif
}

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

slip_status slip_sample(const slip_study *study, int64_t n, uint32_t seed, int threads, const volatile int *stop,
                        slip_samples *out, slip_error *err) {
  if (n < 1 || n > SLIP_MAX_SAMPLES)
    return slip_fail(err, SLIP_BAD_INPUT, "samples are from 1 to %d", SLIP_MAX_SAMPLES);
  slip_samples s = {study->n_outputs, n, seed, NULL};
  s.values = slip_memory_resize(NULL, study->n_outputs * (size_t)n * sizeof *s.values);
  if (!s.values)
    return slip_fail(err, SLIP_NO_MEMORY, "out of memory for %g samples", (double)n);
  const int64_t blocks = (n + SLIP_LANES - 1) / SLIP_LANES;
  bool failed = false, stopped = false;
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

/* ---- quantiles ---- */

/* Hoare's selection within v[low..high]: afterwards v[k] is what sorting would put there. */
static float choose(float *v, int64_t low, int64_t high, int64_t k) {
  while (low < high) {
    const float a = v[low], b = v[low + (high - low) / 2], c = v[high];
    const float pivot = a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
    int64_t i = low, j = high;
    while (i <= j) {
      while (v[i] < pivot)
        i++;
      while (v[j] > pivot)
        j--;
      if (i <= j) {
        const float keep = v[i];
        v[i++] = v[j];
        v[j--] = keep;
      }
    }
    if (k <= j)
      high = j;
    else if (k >= i)
      low = i;
    else
      break;
  }
  return v[k];
}

static slip_band band_of(float *v, int64_t n) {
  const int64_t low = (int64_t)(0.1 * (double)(n - 1) + 0.5), middle = (int64_t)(0.5 * (double)(n - 1) + 0.5),
                high = (int64_t)(0.9 * (double)(n - 1) + 0.5);
  slip_band band;
  band.median = (double)choose(v, 0, n - 1, middle);
  band.low = (double)choose(v, 0, middle, low);
  band.high = (double)choose(v, middle, n - 1, high);
  return band;
}

slip_status slip_samples_bands(const slip_samples *s, size_t first, size_t count, int threads, slip_band *out,
                               slip_error *err) {
  bool failed = false;
#pragma omp parallel num_threads(thread_count(threads)) default(shared)
  {
    float *copy = slip_memory_resize(NULL, (size_t)s->n * sizeof *copy);
    if (!copy) {
#pragma omp atomic write
      failed = true;
    }
#pragma omp for schedule(dynamic, 4)
    for (size_t i = 0; i < count; i++) {
      if (copy) {
        memcpy(copy, &s->values[(first + i) * (size_t)s->n], (size_t)s->n * sizeof *copy);
        out[i] = band_of(copy, s->n);
      }
    }
    free(copy);
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
