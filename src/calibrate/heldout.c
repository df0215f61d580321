#include "calibrate/heldout.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "calibrate/constants.h"
#include "calibrate/folds.h"
#include "calibrate/validation.h"

enum { Q = SLIP_MAX_QUANTITIES, FOLDS = 5, FOLD_ROUNDS = 4 };

/* The interval of a stack of which nothing is known, while it takes in its first row (data/stacks/prior-train.yaml). */
#define UNSEEN_SPREAD 0.3

static slip_status no_memory(slip_error *err) {
  (void)slip_fail(err, SLIP_NO_MEMORY, "out of memory");
  return SLIP_NO_MEMORY;
}

/* ---- rows ---- */

slip_status slip_fit_rows_take(slip_workbench *bench, slip_row_kind kind, slip_arena *arena, slip_fit_rows *out,
                               slip_error *err) {
  out->rows = slip_arena_array(arena, bench->n_rows + 1, sizeof *out->rows);
  out->of = slip_arena_array(arena, bench->n_rows + 1, sizeof *out->of);
  out->n = 0;
  if (!out->rows || !out->of)
    return no_memory(err);
  for (size_t i = 0; i < bench->n_rows; i++) {
    const slip_case *c = &bench->rows[i].c;
    double predicted[Q] = {NAN, NAN, NAN, NAN}, spread[Q] = {0};
    slip_error ignored;
    if (bench->rows[i].kind != kind || !bench->rows[i].read || !c->shown.scored ||
        slip_workbench_predict(c, predicted, spread, &ignored) != SLIP_OK)
      continue;
    slip_fit_row row = {.c = c};
    for (int q = 0; q < c->n_quantities; q++) {
      const double measured = c->quantities[q].measured;
      row.used[q] = measured > 0 && isfinite(measured) && predicted[q] > 0 && isfinite(predicted[q]);
      row.n_used += row.used[q];
    }
    if (row.n_used == 0)
      continue;
    row.range = slip_case_range(c, spread);
    out->of[out->n] = i;
    out->rows[out->n++] = row;
  }
  return SLIP_OK;
}

/* ---- groups ---- */

static uint64_t hash_text(uint64_t hash, const char *text) { /* FNV-1a, the end of the text included */
  for (;; text++) {
    hash = (hash ^ (unsigned char)*text) * 1099511628211ULL;
    if (*text == '\0')
      return hash;
  }
}

static uint64_t fold_group(const slip_case *c) {
  uint64_t hash = 14695981039346656037ULL;
  hash = hash_text(hash, c->shown.family);
  hash = hash_text(hash, c->shown.model);
  return hash_text(hash, c->shown.chip);
}

static uint64_t family_group(const slip_case *c) {
  return hash_text(14695981039346656037ULL, c->shown.family);
}

/* ---- intervals ---- */

int slip_spread_class(const slip_case *c, int quantity) {
  if (c->kind == SLIP_ROW_TRAINING)
    return c->shown.moe;
  return strcmp(c->quantities[quantity].name, "ttft_ms") != 0 ? 0 : c->shown.disaggregated ? 2 : 1;
}

static const char *spread_owner(const slip_case *c) {
  return c->kind == SLIP_ROW_KERNEL ? c->shown.model : c->shown.stack;
}

/* The 80% quantile of |residual|; *n: of how many. Rows that leave something open say too little of a stack. */
static double quantile80(const slip_fit_rows *rows, const double *residuals, const bool *use, const char *of,
                         int spread_class, double *scratch, size_t *n) {
  *n = 0;
  for (size_t r = 0; r < rows->n; r++) {
    const slip_case *c = rows->rows[r].c;
    if ((use && !use[r]) || rows->rows[r].range > 0 || (of && strcmp(spread_owner(c), of) != 0))
      continue;
    for (int q = 0; q < Q; q++)
      if (rows->rows[r].used[q] && !isnan(residuals[r * Q + (size_t)q]) && slip_spread_class(c, q) == spread_class)
        scratch[(*n)++] = fabs(residuals[r * Q + (size_t)q]);
  }
  return slip_quantile(scratch, *n, 0.8);
}

double slip_spread_from(const slip_fit_rows *rows, const double *residuals, const bool *use, const char *of,
                        int spread_class, double *scratch) {
  size_t n, all;
  const double pool = quantile80(rows, residuals, use, NULL, spread_class, scratch, &all);
  const double own = of ? quantile80(rows, residuals, use, of, spread_class, scratch, &n) : (n = 0, NAN);
  if (n == 0)
    return pool;
  const double weight = (double)n;
  return sqrt((weight * own * own + SLIP_POOL_ROWS * pool * pool) / (weight + SLIP_POOL_ROWS));
}

/* Intervals of the rows of one group, from the residuals of all others. `by_owner`: the stack (operator) has others of its own. */
static void spread_rows(const slip_fit_rows *rows, const bool *others, const double *residuals, bool by_owner,
                        double *scratch, double *spreads) {
  const char *last = NULL;
  double known[SLIP_SPREAD_CLASSES];
  for (size_t r = 0; r < rows->n; r++) {
    const slip_case *c = rows->rows[r].c;
    if (others[r])
      continue;
    const char *of = by_owner ? spread_owner(c) : NULL;
    if (!last || (of && strcmp(of, last) != 0)) {
      for (int k = 0; k < SLIP_SPREAD_CLASSES; k++)
        known[k] = slip_spread_from(rows, residuals, others, of, k, scratch);
      last = of ? of : "";
    }
    for (int q = 0; q < c->n_quantities; q++)
      spreads[r * Q + (size_t)q] = known[slip_spread_class(c, q)] + rows->rows[r].range;
  }
}

/* ---- fits without some rows ---- */

typedef struct holding {
  slip_joint *joint;
  const slip_fit_rows *rows;
  slip_row_kind kind;
  const slip_fit_watch *watch;
  const double *all; /* unknowns fitted to all rows */
  double *u, *residuals, *scratch;
  bool *in;
  size_t fits, done;
  slip_error *err;
} holding;

static void tell(holding *h) {
  const slip_fit_watch *w = h->watch;
  h->done++;
  if (w->progress.call)
    w->progress.call(w->from + (w->to - w->from) * fmin(1, (double)h->done / (double)h->fits), w->progress.context);
}

/* Fits the rows whose group is not `group`; h->residuals has all rows then, h->in says which counted. */
static slip_status fit_without(holding *h, const size_t *group_of, size_t group) {
  const slip_joint_job job = {
      .in = h->in, .keep_derivatives = true, .most_rounds = FOLD_ROUNDS, .stop = h->watch->stop};
  for (size_t r = 0; r < h->rows->n; r++)
    h->in[r] = group_of[r] != group;
  memcpy(h->u, h->all, slip_joint_unknowns(h->joint) * sizeof *h->u);
  const slip_status status = slip_joint_fit(h->joint, &job, h->u, h->residuals, h->err);
  tell(h);
  return status;
}

static void keep(const holding *h, double *out) {
  for (size_t r = 0; r < h->rows->n; r++)
    if (!h->in[r])
      memcpy(&out[r * Q], &h->residuals[r * Q], Q * sizeof *out);
}

/* ---- one row of the stack and chip ---- */

/* The rows of one held-out stack and chip: the first by the hash of its name is observed, the others predicted after. */
typedef struct first_row {
  const slip_stack *stack;
  const slip_chip *chip;
  size_t row;
  uint64_t hash;
} first_row;

static size_t find_first_rows(const holding *h, first_row *out) {
  size_t n = 0;
  for (size_t r = 0; r < h->rows->n; r++) {
    const slip_case *c = h->rows->rows[r].c;
    const uint64_t hash = hash_text(14695981039346656037ULL, c->shown.id);
    size_t i = 0;
    if (h->in[r])
      continue;
    while (i < n && (out[i].stack != c->stack || out[i].chip != c->chip))
      i++;
    if (i == n || hash < out[i].hash)
      out[i] = (first_row){c->stack, c->chip, r, hash};
    n += i == n;
  }
  return n;
}

static slip_status observe(const holding *h, const first_row *first, double *out) {
  const bool train = h->kind == SLIP_ROW_TRAINING;
  slip_stack base = *first->stack;
  slip_fit_result fit;
  *(train ? &base.spread_train : &base.spread_serve) = base.spread_train_moe = UNSEEN_SPREAD;
  const slip_fit_job job = {
      .base = &base, .train = train, .rows = &h->rows->rows[first->row], .n_rows = 1, .seconds = 60};
  slip_error ignored;
  slip_status status = slip_fit(&job, &fit, &ignored);
  for (size_t r = 0; r < h->rows->n && status == SLIP_OK; r++) {
    const slip_case *c = h->rows->rows[r].c;
    if (h->in[r] || r == first->row || c->stack != first->stack || c->chip != first->chip)
      continue;
    status = slip_fit_residuals(&h->rows->rows[r], 1, &fit.stack, &out[r * Q], &ignored);
  }
  return status;
}

static slip_status observe_all(const holding *h, first_row *firsts, double *out) {
  const size_t n = find_first_rows(h, firsts);
  atomic_bool failed = false;
#pragma omp parallel for schedule(dynamic, 1) default(shared)
  for (size_t i = 0; i < n; i++)
    if (observe(h, &firsts[i], out) != SLIP_OK)
      atomic_store(&failed, true);
  return atomic_load(&failed) ? no_memory(h->err) : SLIP_OK;
}

/* ---- all of it ---- */

static slip_status hold_out_folds(holding *h, size_t *group_of, slip_held_out *out) {
  slip_status status = SLIP_OK;
  for (size_t k = 0; k < FOLDS; k++) {
    SLIP_TRY(fit_without(h, group_of, k));
    keep(h, out->residuals[SLIP_FOLDS]);
  }
  for (size_t k = 0; k < FOLDS; k++) {
    for (size_t r = 0; r < h->rows->n; r++)
      h->in[r] = group_of[r] != k;
    spread_rows(h->rows, h->in, out->residuals[SLIP_FOLDS], true, h->scratch, out->spreads[SLIP_FOLDS]);
  }
cleanup:
  return status;
}

static slip_status hold_out_families(holding *h, const size_t *group_of, size_t groups, first_row *firsts,
                                     slip_held_out *out) {
  slip_status status = SLIP_OK;
  for (size_t g = 0; g < groups; g++) {
    SLIP_TRY(fit_without(h, group_of, g));
    keep(h, out->residuals[SLIP_FAMILIES]);
    if (h->kind != SLIP_ROW_KERNEL)
      SLIP_TRY(observe_all(h, firsts, out->residuals[SLIP_OBSERVED]));
  }
  for (size_t g = 0; g < groups; g++) {
    for (size_t r = 0; r < h->rows->n; r++)
      h->in[r] = group_of[r] != g;
    for (int scheme = SLIP_FAMILIES; scheme <= SLIP_OBSERVED; scheme++)
      spread_rows(h->rows, h->in, out->residuals[scheme], h->kind == SLIP_ROW_KERNEL, h->scratch,
                  out->spreads[scheme]);
  }
cleanup:
  return status;
}

static slip_status make_arrays(holding *h, slip_arena *arena, slip_held_out *out) {
  const size_t n = h->rows->n, figures = n * Q + 1;
  for (int scheme = 0; scheme < SLIP_SCHEMES; scheme++) {
    out->residuals[scheme] = slip_arena_array(arena, figures, sizeof(double));
    out->spreads[scheme] = slip_arena_array(arena, figures, sizeof(double));
    if (!out->residuals[scheme] || !out->spreads[scheme])
      return no_memory(h->err);
    for (size_t k = 0; k < figures; k++)
      out->residuals[scheme][k] = out->spreads[scheme][k] = NAN;
  }
  h->u = slip_arena_array(arena, slip_joint_unknowns(h->joint) + 1, sizeof *h->u);
  h->residuals = slip_arena_array(arena, figures, sizeof *h->residuals);
  h->scratch = slip_arena_array(arena, figures, sizeof *h->scratch);
  h->in = slip_arena_array(arena, n + 1, sizeof *h->in);
  return h->u && h->residuals && h->scratch && h->in ? SLIP_OK : no_memory(h->err);
}

static slip_status measure_fit(holding *h, slip_arena *arena, slip_fit_size *out) {
  const slip_joint_constant *constants;
  const size_t n = slip_joint_constants(h->joint, &constants);
  double *sd = slip_arena_array(arena, n + 1, sizeof *sd);
  const slip_joint_job job = {.stop = h->watch->stop};
  if (!sd)
    return no_memory(h->err);
  *out = (slip_fit_size){.rows = h->rows->n};
  for (size_t i = 0; i < n; i++)
    out->constants += constants[i].moved > 0;
  return slip_joint_posterior(h->joint, &job, h->residuals, sd, &out->effective, h->err);
}

slip_status slip_hold_out(slip_joint *joint, const slip_fit_rows *rows, slip_row_kind kind, slip_arena *arena,
                          const slip_fit_watch *watch, double *u, slip_held_out *out, slip_error *err) {
  slip_status status = SLIP_OK;
  holding h = {.joint = joint, .rows = rows, .kind = kind, .watch = watch, .all = u, .err = err};
  slip_groups by_fold, by_family;
  first_row *firsts = slip_arena_array(arena, rows->n + 1, sizeof *firsts);
  uint64_t *hashes = slip_arena_array(arena, rows->n + 1, sizeof *hashes);
  if (!firsts || !hashes)
    return no_memory(err);
  SLIP_TRY(make_arrays(&h, arena, out));
  for (size_t r = 0; r < rows->n; r++)
    hashes[r] = fold_group(rows->rows[r].c);
  SLIP_TRY(slip_groups_deal(arena, hashes, rows->n, FOLDS, &by_fold, err));
  for (size_t r = 0; r < rows->n; r++)
    hashes[r] = family_group(rows->rows[r].c);
  SLIP_TRY(slip_groups_deal(arena, hashes, rows->n, rows->n, &by_family, err));
  h.fits = 4 + FOLDS +
           by_family.groups; /* the fit to all rows differentiates them, which takes as long as a few without */
  const slip_joint_job job = {.stop = watch->stop};
  SLIP_TRY(slip_joint_fit(joint, &job, u, h.residuals, err));
  SLIP_TRY(measure_fit(&h, arena, &out->size));
  h.done = 3;
  tell(&h);
  SLIP_TRY(hold_out_folds(&h, by_fold.of, out));
  SLIP_TRY(hold_out_families(&h, by_family.of, by_family.groups, firsts, out));
  slip_joint_move(joint, u);
cleanup:
  return status;
}
