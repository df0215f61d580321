/* The value of a rank, by counting the upper and then the lower half of the bits; and brackets around it. */
#include "supply/quantile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HALF = 1 << 16, FEW = 2048 };

static const double levels[SLIP_BAND_RANKS] = {0.1, 0.5, 0.9};

/* Unsigned numbers in the order of the floats. */
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
    if (v[i] < v[0] || v[i] > v[0])
      return false;
  return true;
}

static int by_order(const void *a, const void *b) {
  const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

/* Few values are sorted: sooner done than clearing the counts. */
static void find_sorted(const float *v, int64_t n, const int64_t *ranks, int ranks_count, uint32_t *order,
                        double *found) {
  for (int64_t i = 0; i < n; i++)
    order[i] = order_of(v[i]);
  qsort(order, (size_t)n, sizeof *order, by_order);
  for (int k = 0; k < ranks_count; k++)
    found[k] = (double)value_of(order[ranks[k]]);
}

void slip_ranks_find(const float *v, int64_t n, const int64_t *ranks, int ranks_count, uint32_t *scratch,
                     double *found) {
  uint32_t half[SLIP_RANKS_MAX];
  int64_t before[SLIP_RANKS_MAX], inside = 0;
  if (is_one_value(v, n)) {
    for (int k = 0; k < ranks_count; k++)
      found[k] = (double)v[0];
    return;
  }
  if (n <= FEW) {
    find_sorted(v, n, ranks, ranks_count, scratch, found);
    return;
  }
  memset(scratch, 0, (size_t)(1 + ranks_count) * HALF * sizeof *scratch);
  for (int64_t i = 0; i < n; i++)
    scratch[order_of(v[i]) >> 16]++;
  for (int k = 0; k < ranks_count; k++)
    half[k] = locate(scratch, ranks[k], &before[k]);
  for (int64_t i = 0; i < n; i++) {
    const uint32_t order = order_of(v[i]), upper = order >> 16;
    for (int k = 0; k < ranks_count; k++)
      if (upper == half[k])
        scratch[(uint32_t)(1 + k) * HALF + (order & 0xffffU)]++;
  }
  for (int k = 0; k < ranks_count; k++)
    found[k] = (double)value_of(half[k] << 16 | locate(scratch + (1 + k) * HALF, ranks[k] - before[k], &inside));
}

static int64_t rank_of(int k, int64_t n) {
  return (int64_t)(levels[k] * (double)(n - 1) + 0.5);
}

slip_band slip_band_find(const float *v, int64_t n, uint32_t *scratch) {
  int64_t ranks[SLIP_BAND_RANKS];
  double found[SLIP_BAND_RANKS];
  for (int k = 0; k < SLIP_BAND_RANKS; k++)
    ranks[k] = rank_of(k, n);
  slip_ranks_find(v, n, ranks, SLIP_BAND_RANKS, scratch, found);
  return (slip_band){found[0], found[1], found[2]};
}

/* ---- brackets ---- */

slip_bracket slip_bracket_of(const float *v, int64_t n, int64_t total, uint32_t *scratch) {
  int64_t ranks[SLIP_RANKS_MAX];
  double found[SLIP_RANKS_MAX];
  slip_bracket b;
  for (int k = 0; k < SLIP_BAND_RANKS; k++) {
    const double p = levels[k];
    const double reach = 6 * sqrt(p * (1 - p) * (1 / (double)n + 1 / (double)total)) * (double)n;
    const int64_t low = rank_of(k, n) - (int64_t)reach - 1, high = rank_of(k, n) + (int64_t)reach + 1;
    ranks[k] = low > 0 ? low : 0;
    ranks[SLIP_BAND_RANKS + k] = high < n ? high : n - 1;
  }
  slip_ranks_find(v, n, ranks, SLIP_RANKS_MAX, scratch, found);
  for (int k = 0; k < SLIP_BAND_RANKS; k++) {
    b.low[k] = (float)found[k];
    b.high[k] = (float)found[SLIP_BAND_RANKS + k];
  }
  return b;
}

slip_bracket slip_bracket_all(void) {
  slip_bracket b;
  for (int k = 0; k < SLIP_BAND_RANKS; k++) {
    b.low[k] = -INFINITY;
    b.high[k] = INFINITY;
  }
  return b;
}

static bool make_room(slip_tally *t, size_t more) {
  if (t->n_inside + more <= t->capacity)
    return true;
  const size_t capacity = 2 * t->capacity + more + 1024;
  float *inside = slip_memory_resize(t->inside, capacity * sizeof *inside);
  if (!inside)
    return false;
  t->inside = inside;
  t->capacity = capacity;
  return true;
}

/* Counts against one bracket, and marks what lies inside. */
static void count_one(slip_tally *t, int k, float low, float high, const float *v, int count, int32_t *is_inside) {
  int32_t below = 0, up_to_low = 0, up_to_high = 0, below_high = 0;
  for (int l = 0; l < count; l++) {
    below += v[l] < low;
    up_to_low += v[l] <= low;
    below_high += v[l] < high;
    up_to_high += v[l] <= high;
    is_inside[l] |= (v[l] > low) & (v[l] < high);
  }
  t->below[k] += below;
  t->at_low[k] += up_to_low - below;
  t->at_high[k] += up_to_high - below_high;
}

SLIP_WIDE bool slip_tally_add(slip_tally *t, const slip_bracket *b, const float *v, int count) {
  int32_t is_inside[SLIP_LANES] = {0};
  if (!make_room(t, SLIP_LANES))
    return false;
  for (int k = 0; k < SLIP_BAND_RANKS; k++)
    count_one(t, k, b->low[k], b->high[k], v, count, is_inside);
  for (int l = 0; l < count; l++) {
    t->inside[t->n_inside] = v[l];
    t->n_inside += (size_t)is_inside[l];
  }
  t->n += count;
  return true;
}

bool slip_tally_merge(slip_tally *t, const slip_tally *other) {
  if (!make_room(t, other->n_inside))
    return false;
  if (other->n_inside)
    memcpy(t->inside + t->n_inside, other->inside, other->n_inside * sizeof *t->inside);
  t->n_inside += other->n_inside;
  t->n += other->n;
  for (int k = 0; k < SLIP_BAND_RANKS; k++) {
    t->below[k] += other->below[k];
    t->at_low[k] += other->at_low[k];
    t->at_high[k] += other->at_high[k];
  }
  return true;
}

void slip_tally_free(slip_tally *t) {
  free(t->inside);
  *t = (slip_tally){0};
}

/* Moves those that lie inside one bracket to the front; how many. */
static int64_t gather(float *v, int64_t n, float low, float high) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; i++) {
    const float found = v[i];
    v[i] = v[count];
    v[count] = found;
    count += (found > low) & (found < high);
  }
  return count;
}

bool slip_tally_band(slip_tally *t, const slip_bracket *b, uint32_t *scratch, slip_band *out) {
  double found[SLIP_BAND_RANKS];
  for (int k = 0; k < SLIP_BAND_RANKS; k++) {
    int64_t rank = rank_of(k, t->n) - t->below[k];
    if (rank < 0)
      return false;
    found[k] = (double)b->low[k];
    if (rank < t->at_low[k])
      continue;
    rank -= t->at_low[k];
    const int64_t inside = gather(t->inside, (int64_t)t->n_inside, b->low[k], b->high[k]);
    found[k] = (double)b->high[k];
    if (rank < inside)
      slip_ranks_find(t->inside, inside, &rank, 1, scratch, &found[k]);
    else if (rank - inside >= t->at_high[k])
      return false;
  }
  *out = (slip_band){found[0], found[1], found[2]};
  return true;
}
