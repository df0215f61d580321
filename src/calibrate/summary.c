/* Summaries of a validation: quantiles of the error, bias, rank correlation, coverage of the intervals. */
#include <math.h>
#include <slipstick/validate.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/fail.h"
#include "calibrate/validation.h"

/* A row beside the value of the key, so that rows sort by group and then as they stand. */
typedef struct keyed {
  const char *key;
  const slip_checked *row;
  size_t i;
} keyed;

static const char *key_of(const slip_checked *row, slip_group_key key) {
  switch (key) {
  case SLIP_BY_CHIP:
    return row->chip;
  case SLIP_BY_MODEL:
    return row->model;
  case SLIP_BY_SOURCE:
    return row->family;
  case SLIP_BY_PHASE:
    return row->phase;
  case SLIP_BY_STACK:
    return row->stack;
  case SLIP_BY_QUANTITY:
    return row->quantity;
  case SLIP_BY_ALL:
  case SLIP_GROUP_KEYS:
    break;
  }
  return "all";
}

static int by_key(const void *a, const void *b) {
  const keyed *left = a, *right = b;
  const int order = strcmp(left->key, right->key);
  return order != 0 ? order : (left->i > right->i) - (left->i < right->i);
}

static int by_size(const void *a, const void *b) {
  const double *left = a, *right = b;
  return (*left > *right) - (*left < *right);
}

double slip_quantile(double *x, size_t n, double q) {
  if (n == 0)
    return NAN;
  qsort(x, n, sizeof *x, by_size);
  const double at = q * (double)(n - 1);
  const size_t below = (size_t)at;
  if (below + 1 >= n)
    return x[n - 1];
  return x[below] + (at - (double)below) * (x[below + 1] - x[below]);
}

/* A value and where it stands, for ranking. */
typedef struct placed {
  double value;
  size_t at;
} placed;

static int by_value(const void *a, const void *b) {
  const placed *left = a, *right = b;
  return (left->value > right->value) - (left->value < right->value);
}

/* Ranks of scratch[0..n).value into rank[scratch[i].at]; equal values share the mean of their ranks. */
static void rank_values(placed *scratch, size_t n, double *rank) {
  qsort(scratch, n, sizeof *scratch, by_value);
  for (size_t i = 0, end; i < n; i = end) {
    end = i + 1;
    while (end < n && !(scratch[end].value > scratch[i].value))
      end++;
    for (size_t j = i; j < end; j++)
      rank[scratch[j].at] = 0.5 * (double)(i + end - 1);
  }
}

/* Pearson's correlation of the ranks (Spearman 1904). NAN when either has no spread. */
static double correlate(const double *x, const double *y, size_t n) {
  const double mean = 0.5 * (double)(n - 1); /* of ranks 0..n-1, ties or not */
  double xx = 0, yy = 0, xy = 0;
  for (size_t i = 0; i < n; i++) {
    xx += (x[i] - mean) * (x[i] - mean);
    yy += (y[i] - mean) * (y[i] - mean);
    xy += (x[i] - mean) * (y[i] - mean);
  }
  return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : NAN;
}

/* Room for one group's arithmetic. */
typedef struct scratch {
  double *x, *y;
  placed *order;
} scratch;

static slip_summary summarise(const keyed *rows, size_t n, const scratch *s) {
  slip_summary sum = {.group = rows[0].key,
                      .median_error = NAN,
                      .p90_error = NAN,
                      .bias = NAN,
                      .rank_correlation = NAN,
                      .coverage = NAN,
                      .spread80 = NAN};
  size_t covered = 0;
  for (size_t i = 0; i < n; i++) {
    const slip_checked *r = rows[i].row;
    if (r->scored) {
      s->x[sum.scored++] = fabs(slip_checked_error(r));
      covered += r->lo <= r->measured && r->measured <= r->hi;
    }
  }
  const size_t m = sum.scored;
  sum.skipped = n - m;
  if (m == 0)
    return sum;
  sum.median_error = slip_quantile(s->x, m, 0.5);
  sum.p90_error = slip_quantile(s->x, m, 0.9);
  sum.coverage = (double)covered / (double)m;
  for (size_t i = 0, at = 0; i < n; i++)
    if (rows[i].row->scored)
      s->x[at++] = log(rows[i].row->predicted / rows[i].row->measured);
  sum.bias = slip_quantile(s->x, m, 0.5);
  for (size_t i = 0; i < m; i++)
    s->x[i] = fabs(s->x[i]);
  sum.spread80 = slip_quantile(s->x, m, 0.8);
  if (m < 3)
    return sum;
  for (size_t i = 0, at = 0; i < n; i++)
    if (rows[i].row->scored) {
      s->order[at] = (placed){rows[i].row->measured, at};
      at++;
    }
  rank_values(s->order, m, s->x);
  for (size_t i = 0, at = 0; i < n; i++)
    if (rows[i].row->scored) {
      s->order[at] = (placed){rows[i].row->predicted, at};
      at++;
    }
  rank_values(s->order, m, s->y);
  sum.rank_correlation = correlate(s->x, s->y, m);
  return sum;
}

static slip_status make_scratch(slip_arena *arena, size_t n, scratch *s, slip_error *err) {
  s->x = slip_arena_array(arena, n + 1, sizeof *s->x);
  s->y = slip_arena_array(arena, n + 1, sizeof *s->y);
  s->order = slip_arena_array(arena, n + 1, sizeof *s->order);
  return s->x && s->y && s->order ? SLIP_OK : slip_no_memory(err);
}

slip_status slip_summarise(const char *group, const slip_checked *const *rows, size_t n, slip_summary *out,
                           slip_error *err) {
  slip_status status = SLIP_OK;
  slip_arena *arena = slip_arena_open();
  scratch s = {0};
  keyed *all = arena ? slip_arena_array(arena, n + 1, sizeof *all) : NULL;
  if (!all)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  SLIP_TRY(make_scratch(arena, n, &s, err));
  for (size_t i = 0; i < n; i++)
    all[i] = (keyed){group, rows[i], i};
  *out = summarise(all, n, &s);
  out->group = group;
cleanup:
  slip_arena_free(arena);
  return status;
}

slip_status slip_validation_summarise(const slip_validation *validation, slip_row_kind kind, slip_group_key key,
                                      slip_summary *out, size_t most, size_t *count, slip_error *err) {
  slip_status status = SLIP_OK;
  const size_t all = slip_validation_count(validation);
  slip_arena *arena = slip_arena_open();
  keyed *rows = arena ? slip_arena_array(arena, all, sizeof *rows) : NULL;
  scratch s = {0};
  size_t n = 0, groups = 0;
  if (!rows)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  SLIP_TRY(make_scratch(arena, all, &s, err));
  for (size_t i = 0; i < all; i++) {
    const slip_checked *row = slip_validation_row(validation, i);
    if (kind == SLIP_ROW_KINDS || row->kind == kind)
      rows[n++] = (keyed){key_of(row, key), row, i};
  }
  qsort(rows, n, sizeof *rows, by_key);
  for (size_t i = 0, end; i < n; i = end) {
    end = i + 1;
    while (end < n && strcmp(rows[end].key, rows[i].key) == 0)
      end++;
    if (groups < most)
      out[groups] = summarise(rows + i, end - i, &s);
    groups++;
  }
  *count = groups;
cleanup:
  slip_arena_free(arena);
  return status;
}
