/* Blocks over threads, what is kept of them, rank correlations. */
#include "supply/sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "base/fail.h"
#include "base/random.h"
#include "supply/quantile.h"

#ifdef _OPENMP
static int thread_count(int wanted) {
  return wanted > 0 ? wanted : omp_get_max_threads();
}
#endif

typedef struct sampling {
  const slip_study *study;
  slip_samples *s;
  int threads;
  const volatile int *stop;
  bool failed, stopped;
  slip_bracket *brackets; /* [output]; from here on only when more samples are drawn than kept */
  bool *counts;           /* whether the output's band is still to be found */
  slip_tally *tallies;
} sampling;

/* Memory of one thread: draws, outputs, the study's own, and what it has seen. */
typedef struct bench {
  slip_lanes *knots, *out;
  void *scratch;
  slip_tally *tallies;
} bench;

static bool bench_open(const slip_study *study, bench *b) {
  b->knots = slip_memory_resize(NULL, (study->deck->n_knots + 1) * sizeof(slip_lanes));
  b->out = slip_memory_resize(NULL, (study->n_outputs + 1) * sizeof(slip_lanes));
  b->scratch = slip_memory_resize(NULL, study->scratch_bytes + 1);
  b->tallies = calloc(study->n_outputs + 1, sizeof *b->tallies);
  return b->knots && b->out && b->scratch && b->tallies;
}

static void free_tallies(slip_tally *tallies, size_t n) {
  for (size_t o = 0; tallies && o < n; o++)
    slip_tally_free(&tallies[o]);
  free(tallies);
}

static void bench_free(bench *b, size_t n_outputs) {
  free(b->knots);
  free(b->out);
  free(b->scratch);
  free_tallies(b->tallies, n_outputs);
}

/* One block: kept when it is among the first, else counted. False when there is no memory. */
static bool run_block(const sampling *g, bench *b, int64_t block) {
  slip_samples *s = g->s;
  const int64_t first = block * SLIP_LANES;
  const int64_t left = s->n - first, count = left < SLIP_LANES ? left : SLIP_LANES;
  slip_deck_draw(g->study->deck, s->seed, (uint32_t)first, b->knots, NULL);
  g->study->block(g->study->context, b->scratch, (const slip_lanes *)b->knots, b->out);
  for (size_t o = 0; o < s->n_outputs; o++) {
    float values[SLIP_LANES];
    if (first >= s->n_kept && !g->counts[o])
      continue;
    for (int64_t l = 0; l < SLIP_LANES; l++)
      values[l] = (float)b->out[o][l];
    if (first < s->n_kept)
      memcpy(&s->values[o * (size_t)s->n_kept + (size_t)first], values, (size_t)count * sizeof *values);
    else if (!slip_tally_add(&b->tallies[o], &g->brackets[o], values, (int)count))
      return false;
  }
  return true;
}

static bool merge(sampling *g, const bench *b) {
  bool merged = true;
  for (size_t o = 0; merged && g->tallies && o < g->s->n_outputs; o++)
    merged = slip_tally_merge(&g->tallies[o], &b->tallies[o]);
  return merged;
}

static void run_blocks(sampling *g, int64_t from, int64_t to) {
  bool failed = false, stopped = false;
#pragma omp parallel num_threads(thread_count(g->threads)) default(shared) reduction(|| : failed, stopped)
  {
    bench b;
    bool ready = bench_open(g->study, &b);
#pragma omp for schedule(dynamic, 16)
    for (int64_t block = from; block < to; block++) {
      if (g->stop && *g->stop)
        stopped = true;
      else if (ready)
        ready = run_block(g, &b, block);
    }
#pragma omp critical(slip_sample_merge)
    failed = !ready || !merge(g, &b);
    bench_free(&b, g->study->n_outputs);
  }
  g->failed = g->failed || failed;
  g->stopped = g->stopped || stopped;
}

/* What is found of each output, on the threads: of few samples the band, of many the brackets first and the band when all are counted. */
static void for_outputs(sampling *g, bool (*find)(sampling *g, size_t output, uint32_t *scratch)) {
  bool failed = false;
#pragma omp parallel num_threads(thread_count(g->threads)) default(shared) reduction(|| : failed)
  {
    uint32_t *scratch = slip_memory_resize(NULL, SLIP_RANKS_SCRATCH * sizeof *scratch);
    failed = !scratch;
#pragma omp for schedule(dynamic, 4)
    for (size_t o = 0; o < g->s->n_outputs; o++)
      failed = failed || !find(g, o, scratch);
    free(scratch);
  }
  g->failed = g->failed || failed;
}

static bool band_of_kept(sampling *g, size_t o, uint32_t *scratch) {
  g->s->bands[o] = slip_band_find(&g->s->values[o * (size_t)g->s->n_kept], g->s->n_kept, scratch);
  return true;
}

/* Counts the samples that are kept, which every tally begins with. */
static bool begin_tally(sampling *g, size_t o) {
  const slip_samples *s = g->s;
  const float *kept = &s->values[o * (size_t)s->n_kept];
  slip_tally_free(&g->tallies[o]);
  for (int64_t i = 0; i < s->n_kept; i += SLIP_LANES)
    if (!slip_tally_add(&g->tallies[o], &g->brackets[o], kept + i, SLIP_LANES))
      return false;
  return true;
}

static bool bracket_of_kept(sampling *g, size_t o, uint32_t *scratch) {
  const slip_samples *s = g->s;
  g->brackets[o] = slip_bracket_of(&s->values[o * (size_t)s->n_kept], s->n_kept, s->n, scratch);
  g->counts[o] = true;
  return begin_tally(g, o);
}

/* Of an output whose bracket was wrong, everything is kept in the next round. */
static bool band_of_tally(sampling *g, size_t o, uint32_t *scratch) {
  if (!g->counts[o])
    return true;
  g->counts[o] = !slip_tally_band(&g->tallies[o], &g->brackets[o], scratch, &g->s->bands[o]);
  if (!g->counts[o]) {
    slip_tally_free(&g->tallies[o]);
    return true;
  }
  g->brackets[o] = slip_bracket_all();
  return begin_tally(g, o);
}

static bool go_on(const sampling *g) {
  return !g->failed && !g->stopped;
}

static bool is_any(const bool *flags, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (flags[i])
      return true;
  return false;
}

/* The samples that are not kept: once, and once more should a quantile not lie where the first samples said. */
static void count_rest(sampling *g, int64_t blocks) {
  const size_t n = g->s->n_outputs;
  g->brackets = slip_memory_resize(NULL, (n + 1) * sizeof *g->brackets);
  g->counts = calloc(n + 1, sizeof *g->counts);
  g->tallies = calloc(n + 1, sizeof *g->tallies);
  g->failed = !g->brackets || !g->counts || !g->tallies;
  if (go_on(g))
    for_outputs(g, bracket_of_kept);
  while (go_on(g) && is_any(g->counts, n)) {
    run_blocks(g, SLIP_KEPT / SLIP_LANES, blocks);
    if (go_on(g))
      for_outputs(g, band_of_tally);
  }
  free_tallies(g->tallies, n);
  free(g->counts);
  free(g->brackets);
}

slip_status slip_sample(const slip_study *study, int64_t n, uint32_t seed, int threads, const volatile int *stop,
                        slip_samples *out, slip_error *err) {
  if (n < 1 || n > SLIP_MAX_SAMPLES)
    return slip_fail(err, SLIP_BAD_INPUT, "samples are from 1 to %d", SLIP_MAX_SAMPLES);
  slip_samples s = {.n_outputs = study->n_outputs, .n = n, .n_kept = n < SLIP_KEPT ? n : SLIP_KEPT, .seed = seed};
  sampling g = {.study = study, .s = &s, .threads = threads, .stop = stop};
  const int64_t blocks = (n + SLIP_LANES - 1) / SLIP_LANES, kept_blocks = (s.n_kept + SLIP_LANES - 1) / SLIP_LANES;
  s.values = slip_memory_resize(NULL, (s.n_outputs + 1) * (size_t)s.n_kept * sizeof *s.values);
  s.bands = slip_memory_resize(NULL, (s.n_outputs + 1) * sizeof *s.bands);
  g.failed = !s.values || !s.bands;
  if (go_on(&g))
    run_blocks(&g, 0, kept_blocks);
  if (go_on(&g) && n > s.n_kept)
    count_rest(&g, blocks);
  else if (go_on(&g))
    for_outputs(&g, band_of_kept);
  if (go_on(&g)) {
    *out = s;
    return SLIP_OK;
  }
  slip_samples_free(&s);
  return g.failed ? slip_fail(err, SLIP_NO_MEMORY, "out of memory for %g samples", (double)n)
                  : slip_fail(err, SLIP_INTERRUPTED, "stopped");
}

void slip_samples_free(slip_samples *samples) {
  free(samples->values);
  free(samples->bands);
  samples->values = NULL;
  samples->bands = NULL;
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
  const size_t n = s->n_kept < SLIP_RANKED ? (size_t)s->n_kept : SLIP_RANKED;
  placed *order = slip_memory_resize(NULL, n * sizeof *order);
  double *rank = slip_memory_resize(NULL, n * sizeof *rank), *u = slip_memory_resize(NULL, n * sizeof *u);
  slip_status status = SLIP_OK;
  if (!order || !rank || !u)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  for (size_t i = 0; i < n; i++)
    order[i] = (placed){s->values[output * (size_t)s->n_kept + i], (int32_t)i};
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
