#include "calibrate/spread.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/validation.h"

enum { Q = SLIP_MAX_QUANTITIES };

/* ---- quantiles of figures that come in groups ---- */

static int by_group(const void *a, const void *b) {
  const slip_grouped *x = a, *y = b;
  if (x->group != y->group)
    return x->group < y->group ? -1 : 1;
  return x->value < y->value ? -1 : x->value > y->value;
}

static int by_value(const void *a, const void *b) {
  const slip_grouped *x = a, *y = b;
  return x->value < y->value ? -1 : x->value > y->value ? 1 : x->group < y->group ? -1 : x->group > y->group;
}

/* Where the group that begins at `first` ends; v is sorted by groups. */
static size_t end_of_group(const slip_grouped *v, size_t n, size_t first) {
  size_t end = first;
  while (end < n && v[end].group == v[first].group)
    end++;
  return end;
}

static double mean_of(const slip_grouped *v, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += v[i].value;
  return sum / (double)n;
}

double slip_intraclass(slip_grouped *v, size_t n) {
  double between = 0, within = 0, squares = 0, groups = 0;
  qsort(v, n, sizeof *v, by_group);
  const double mean = n ? mean_of(v, n) : 0;
  for (size_t first = 0, end; first < n; first = end) {
    end = end_of_group(v, n, first);
    const double size = (double)(end - first), own = mean_of(&v[first], end - first);
    groups++;
    squares += size * size;
    between += size * (own - mean) * (own - mean);
    for (size_t i = first; i < end; i++)
      within += (v[i].value - own) * (v[i].value - own);
  }
  if (groups < 2 || !((double)n > groups))
    return 1;
  const double size = ((double)n - squares / (double)n) / (groups - 1);
  between /= groups - 1;
  within /= (double)n - groups;
  const double all = between + (size - 1) * within;
  return all > 0 ? fmin(1, fmax(0, (between - within) / all)) : 1;
}

double slip_grouped_quantile(slip_grouped *v, size_t n, double p, double *effective) {
  const double rho = slip_intraclass(v, n);
  double fitted = 0, aside = 0;
  for (size_t first = 0, end; first < n; first = end) {
    end = end_of_group(v, n, first);
    for (size_t i = first; i < end; i++)
      *(v[i].aside ? &aside : &fitted) += v[i].weight = 1 / (1 + (double)(end - first - 1) * rho);
  }
  const double share = fitted > 0 && aside > fitted ? fitted / aside : 1, all = fitted + share * aside;
  for (size_t i = 0; i < n; i++)
    v[i].weight *= v[i].aside ? share : 1;
  if (effective)
    *effective = all;
  qsort(v, n, sizeof *v, by_value);
  const double wanted = p * (all + 1);
  double below = 0.5, place = NAN; /* of the weight of all and one more: what lies below the middle of the i-th */
  for (size_t i = 0; i < n; i++) {
    const double middle = below + v[i].weight / 2;
    if (middle >= wanted)
      return i == 0 ? v[0].value
                    : v[i - 1].value + (wanted - place) / (middle - place) * (v[i].value - v[i - 1].value);
    below += v[i].weight;
    place = middle;
  }
  return n ? v[n - 1].value : NAN;
}

/* ---- classes ---- */

slip_spread_class slip_spread_class_of(const slip_case *c, int quantity) {
  const char *name = c->quantities[quantity].name;
  if (c->kind == SLIP_ROW_TRAINING)
    return c->shown.moe ? SLIP_SPREAD_MOE : SLIP_SPREAD_MAIN;
  if (c->kind == SLIP_ROW_KERNEL)
    return SLIP_SPREAD_MAIN;
  if (strcmp(name, "ttft_ms") == 0)
    return c->shown.disaggregated ? SLIP_SPREAD_TTFT_SPLIT : SLIP_SPREAD_TTFT;
  if (strcmp(c->shown.phase, "e2e_offline") == 0)
    return SLIP_SPREAD_OFFLINE;
  return strcmp(name, "tpot_ms") == 0 ? SLIP_SPREAD_MAIN : SLIP_SPREAD_RATE;
}

int slip_spread_classes(slip_row_kind kind) {
  return kind == SLIP_ROW_TRAINING ? 2 : kind == SLIP_ROW_SERVING ? SLIP_SPREAD_CLASSES : 1;
}

const char *slip_spread_field(slip_row_kind kind, slip_spread_class spread_class) {
  static const char *const serving[SLIP_SPREAD_CLASSES] = {"spread_serve", "spread_ttft", "spread_ttft_split",
                                                           "spread_rate", "spread_offline"};
  if (kind == SLIP_ROW_TRAINING)
    return spread_class == SLIP_SPREAD_MOE ? "spread_train_moe" : "spread_train";
  return serving[spread_class];
}

double slip_spread_of_stack(const slip_stack *stack, slip_row_kind kind, slip_spread_class spread_class) {
  const double serving[SLIP_SPREAD_CLASSES] = {stack->spread_serve, stack->spread_ttft, stack->spread_ttft_split,
                                               stack->spread_rate, stack->spread_offline};
  if (kind == SLIP_ROW_TRAINING)
    return spread_class == SLIP_SPREAD_MOE ? stack->spread_train_moe : stack->spread_train;
  return serving[spread_class];
}

void slip_spread_narrow(slip_stack *stack, bool train, double spread) {
  const double by = spread / (train ? stack->spread_train : stack->spread_serve);
  if (train) {
    stack->spread_train = spread;
    stack->spread_train_moe *= by;
    return;
  }
  stack->spread_serve = spread;
  stack->spread_rate *= by;
  stack->spread_offline *= by;
}

/* As catalog.h says which field stands in for which. */
static slip_spread_class stand_in(slip_spread_class spread_class) {
  return spread_class == SLIP_SPREAD_TTFT_SPLIT ? SLIP_SPREAD_TTFT : SLIP_SPREAD_MAIN;
}

/* ---- groups ---- */

static uint64_t hash_text(uint64_t hash, const char *text) { /* FNV-1a, the end of the text included */
  for (;; text++) {
    hash = (hash ^ (unsigned char)*text) * 1099511628211ULL;
    if (*text == '\0')
      return hash;
  }
}

uint64_t slip_text_hash(const char *text) {
  return hash_text(14695981039346656037ULL, text);
}

uint64_t slip_family_group(const slip_case *c) {
  return slip_text_hash(c->shown.family);
}

bool slip_spread_is_of_prior(const slip_case *c) {
  return c->stack && c->stack->is_prior;
}

uint64_t slip_stack_group(const slip_case *c) {
  if (slip_spread_is_of_prior(c))
    return slip_family_group(c);
  return slip_text_hash(c->shown.stack);
}

uint64_t slip_fold_group(const slip_case *c) {
  return hash_text(hash_text(slip_family_group(c), c->shown.model), c->shown.chip);
}

/* ---- intervals ---- */

const char *slip_spread_owner(const slip_case *c) {
  return c->kind == SLIP_ROW_KERNEL ? c->shown.model : c->shown.stack;
}

/* Queues scatter by a multiple, all else alike. */
static bool akin(slip_row_kind kind, slip_spread_class a, slip_spread_class b) {
  if (kind != SLIP_ROW_SERVING)
    return true;
  return (a == SLIP_SPREAD_TTFT || a == SLIP_SPREAD_TTFT_SPLIT) ==
         (b == SLIP_SPREAD_TTFT || b == SLIP_SPREAD_TTFT_SPLIT);
}

/* The 80% quantile of |residual|. Rows that leave something open say too little of a stack. `of` NULL: any stack. `kin`: of all classes akin. */
static double quantile80(const slip_spread_rows *from, const char *of, slip_spread_class spread_class, bool kin,
                         double *effective) {
  size_t n = 0;
  for (size_t r = 0; r < from->rows->n; r++) {
    const slip_fit_row *row = &from->rows->rows[r];
    if ((from->use && !from->use[r]) || row->range > 0 || (of && strcmp(slip_spread_owner(row->c), of) != 0) ||
        (from->known && slip_spread_is_of_prior(row->c)))
      continue;
    const uint64_t group = from->group(row->c);
    for (int q = 0; q < row->c->n_quantities; q++) {
      const double residual = from->residuals[r * Q + (size_t)q];
      const slip_spread_class its = slip_spread_class_of(row->c, q);
      if (row->used[q] && !isnan(residual) &&
          (its == spread_class || (kin && akin(row->c->kind, its, spread_class))))
        from->scratch[n++] =
            (slip_grouped){.value = fabs(residual), .group = group, .aside = r >= from->rows->n_fit};
    }
  }
  return slip_grouped_quantile(from->scratch, n, 0.8, effective);
}

/* A half-width from n figures of its own and one of a wider kind. */
static double shrunk(double n, double own, double wide) {
  return isnan(own) ? wide : sqrt((n * own * own + SLIP_POOL_ROWS * wide * wide) / (n + SLIP_POOL_ROWS));
}

double slip_spread_from(const slip_spread_rows *from, const char *of, slip_spread_class spread_class) {
  double n = 0;
  const double kin = quantile80(from, NULL, spread_class, true, NULL);
  if (isnan(kin))
    return spread_class == SLIP_SPREAD_MAIN ? NAN : slip_spread_from(from, of, stand_in(spread_class));
  const double pool = quantile80(from, NULL, spread_class, false, &n);
  const double of_class = shrunk(n, pool, kin);
  const double own = of ? quantile80(from, of, spread_class, false, &n) : NAN;
  return shrunk(n, own, of_class);
}
