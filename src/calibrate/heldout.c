#include "calibrate/heldout.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "calibrate/constants.h"
#include "calibrate/folds.h"
#include "calibrate/validation.h"

enum { Q = SLIP_MAX_QUANTITIES, FOLDS = 5, FOLD_ROUNDS = 4, OBSERVERS = SLIP_OBSERVERS };

/* The interval of a stack of which nothing is known, while it takes in its first row (data/stacks/prior-train.yaml). */
#define UNSEEN_SPREAD 0.3

/* ---- rows ---- */

slip_status slip_fit_rows_take(slip_workbench *bench, slip_row_kind kind, slip_arena *arena, slip_fit_rows *out,
                               slip_error *err) {
  const size_t n = bench->n_rows + bench->n_aside;
  out->rows = slip_arena_array(arena, n + 1, sizeof *out->rows);
  out->of = slip_arena_array(arena, n + 1, sizeof *out->of);
  out->n = out->n_fit = 0;
  if (!out->rows || !out->of)
    return slip_no_memory(err);
  for (size_t i = 0; i < n; i++) {
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
    row.range = slip_case_range(c, c->stack, spread);
    out->of[out->n] = i;
    out->rows[out->n++] = row;
    out->n_fit += i < bench->n_rows;
  }
  return SLIP_OK;
}

/* ---- intervals ---- */

/* Intervals of the rows of one group, from the residuals of all others, those of `from`. `by_owner`: the stack (operator) has others of its own. */
static void spread_rows(slip_spread_rows *from, bool by_owner, double *spreads) {
  const slip_fit_rows *rows = from->rows;
  const char *last = NULL;
  double known[SLIP_SPREAD_CLASSES];
  for (size_t r = 0; r < rows->n_fit; r++) {
    const slip_case *c = rows->rows[r].c;
    if (from->use[r])
      continue;
    const bool of_prior = slip_spread_is_of_prior(c);
    const char *of = by_owner ? slip_spread_owner(c) : NULL, *who = of ? of : of_prior ? "none" : "any";
    if (!last || strcmp(who, last) != 0) {
      from->known = !of_prior;
      for (int k = 0; k < slip_spread_classes(c->kind); k++)
        known[k] = slip_spread_from(from, of, (slip_spread_class)k);
      last = who;
    }
    for (int q = 0; q < c->n_quantities; q++)
      spreads[r * Q + (size_t)q] = known[slip_spread_class_of(c, q)] + rows->rows[r].range;
  }
}

/* ---- fits without some rows ---- */

typedef struct holding {
  slip_joint *joint;
  const slip_fit_rows *rows;
  slip_row_kind kind;
  const slip_fit_watch *watch;
  const double *all; /* unknowns fitted to all rows */
  double *u, *residuals;
  slip_grouped *scratch;
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

/* h->in: the rows whose group is not `group`. */
static void leave_out(holding *h, const size_t *group_of, size_t group) {
  for (size_t r = 0; r < h->rows->n; r++)
    h->in[r] = group_of[r] != group;
}

/* Fits the rows in h->in; h->residuals has all of n_fit then. */
static slip_status fit_without(holding *h, const size_t *group_of, size_t group) {
  const slip_joint_job job = {
      .in = h->in, .keep_derivatives = true, .most_rounds = FOLD_ROUNDS, .stop = h->watch->stop};
  leave_out(h, group_of, group);
  memcpy(h->u, h->all, slip_joint_unknowns(h->joint) * sizeof *h->u);
  const slip_status status = slip_joint_fit(h->joint, &job, h->u, h->residuals, h->err);
  tell(h);
  return status;
}

static void keep(const holding *h, double *out) {
  for (size_t r = 0; r < h->rows->n_fit; r++)
    if (!h->in[r])
      memcpy(&out[r * Q], &h->residuals[r * Q], Q * sizeof *out);
}

/* ---- one row of the stack and chip ---- */

/* A row of a held-out stack and chip that is observed: one of the first OBSERVERS by the hash of its name. */
typedef struct observer {
  const slip_stack *stack;
  const slip_chip *chip;
  size_t row, place, of; /* place among the `of` observed rows of its stack and chip */
} observer;

static bool fellows(const holding *h, size_t a, size_t b) {
  const slip_case *left = h->rows->rows[a].c, *right = h->rows->rows[b].c;
  return !h->in[a] && !h->in[b] && left->stack == right->stack && left->chip == right->chip;
}

static uint64_t name_hash(const holding *h, size_t row) {
  return slip_text_hash(h->rows->rows[row].c->shown.id);
}

/* How many rows of its stack and chip come before it in the order of hashes (of places, where those are equal); *of: how many there are. */
static size_t place_of(const holding *h, size_t row, size_t *of) {
  const uint64_t own = name_hash(h, row);
  size_t before = 0;
  *of = 0;
  for (size_t r = 0; r < h->rows->n_fit; r++) {
    if (!fellows(h, row, r))
      continue;
    const uint64_t hash = name_hash(h, r);
    before += hash < own || (hash == own && r < row);
    ++*of;
  }
  return before;
}

size_t slip_observer_of(size_t place, size_t rows) {
  const size_t observers = rows < OBSERVERS ? rows : OBSERVERS;
  return observers == 0 ? 0 : (place < observers ? place + 1 : place) % observers;
}

/* The observed rows of all stacks and chips that have two rows or more; places[row]: that of each held-out row. */
static size_t find_observers(const holding *h, size_t *places, observer *out) {
  size_t n = 0;
  for (size_t r = 0; r < h->rows->n_fit; r++) {
    const slip_case *c = h->rows->rows[r].c;
    size_t of;
    if (h->in[r])
      continue;
    places[r] = place_of(h, r, &of);
    if (of > 1 && places[r] < OBSERVERS)
      out[n++] = (observer){c->stack, c->chip, r, places[r], of};
  }
  return n;
}

/* Predicts the rows that are dealt to this observed one. */
static slip_status observe(const holding *h, const observer *seen, const size_t *places, double *out) {
  const bool train = h->kind == SLIP_ROW_TRAINING;
  slip_stack base = *seen->stack;
  slip_fit_result fit;
  slip_spread_narrow(&base, train, UNSEEN_SPREAD);
  base.spread_train_moe = UNSEEN_SPREAD;
  const slip_fit_job job = {
      .base = &base, .train = train, .rows = &h->rows->rows[seen->row], .n_rows = 1, .seconds = 60};
  slip_error ignored;
  slip_status status = slip_fit(&job, &fit, &ignored);
  for (size_t r = 0; r < h->rows->n_fit && status == SLIP_OK; r++)
    if (fellows(h, seen->row, r) && slip_observer_of(places[r], seen->of) == seen->place)
      status = slip_fit_residuals(&h->rows->rows[r], 1, &fit.stack, &out[r * Q], &ignored);
  return status;
}

static slip_status observe_all(const holding *h, size_t *places, observer *seen, double *out) {
  const size_t n = find_observers(h, places, seen);
  atomic_bool failed = false;
#pragma omp parallel for schedule(dynamic, 1) default(shared)
  for (size_t i = 0; i < n; i++)
    if (observe(h, &seen[i], places, out) != SLIP_OK)
      atomic_store(&failed, true);
  return atomic_load(&failed) ? slip_no_memory(h->err) : SLIP_OK;
}

/* ---- all of it ---- */

static slip_status hold_out_folds(holding *h, size_t *group_of, slip_held_out *out) {
  slip_status status = SLIP_OK;
  for (size_t k = 0; k < FOLDS; k++) {
    SLIP_TRY(fit_without(h, group_of, k));
    keep(h, out->residuals[SLIP_FOLDS]);
  }
  for (size_t k = 0; k < FOLDS; k++) {
    leave_out(h, group_of, k);
    slip_spread_rows from = {h->rows, out->residuals[SLIP_FOLDS], slip_fold_group, h->in, h->scratch, false};
    spread_rows(&from, true, out->spreads[SLIP_FOLDS]);
  }
cleanup:
  return status;
}

/* A row that a fit could use is of the group. */
static bool is_fitted(const holding *h, const size_t *group_of, size_t group) {
  for (size_t r = 0; r < h->rows->n_fit; r++)
    if (group_of[r] == group)
      return true;
  return false;
}

static slip_status hold_out_families(holding *h, const size_t *group_of, size_t groups, size_t *places,
                                     observer *seen, slip_held_out *out) {
  slip_status status = SLIP_OK;
  for (size_t g = 0; g < groups; g++) {
    if (!is_fitted(h, group_of, g))
      continue;
    SLIP_TRY(fit_without(h, group_of, g));
    keep(h, out->residuals[SLIP_FAMILIES]);
    if (h->kind != SLIP_ROW_KERNEL)
      SLIP_TRY(observe_all(h, places, seen, out->residuals[SLIP_OBSERVED]));
  }
  for (size_t g = 0; g < groups; g++) {
    leave_out(h, group_of, g);
    for (int scheme = SLIP_FAMILIES; scheme <= SLIP_OBSERVED; scheme++) {
      slip_spread_rows from = {h->rows,
                               out->residuals[scheme],
                               scheme == SLIP_OBSERVED ? slip_fold_group : slip_family_group,
                               h->in,
                               h->scratch,
                               false};
      spread_rows(&from, h->kind == SLIP_ROW_KERNEL, out->spreads[scheme]);
    }
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
      return slip_no_memory(h->err);
    for (size_t k = 0; k < figures; k++)
      out->residuals[scheme][k] = out->spreads[scheme][k] = NAN;
  }
  h->u = slip_arena_array(arena, slip_joint_unknowns(h->joint) + 1, sizeof *h->u);
  h->residuals = slip_arena_array(arena, figures, sizeof *h->residuals);
  h->scratch = slip_arena_array(arena, figures, sizeof *h->scratch);
  h->in = slip_arena_array(arena, n + 1, sizeof *h->in);
  return h->u && h->residuals && h->scratch && h->in ? SLIP_OK : slip_no_memory(h->err);
}

/* Rows aside under the fit to all others, which none of them is in. */
static void predict_aside(const holding *h, slip_held_out *out) {
#pragma omp parallel for schedule(dynamic, 4) default(shared)
  for (size_t r = h->rows->n_fit; r < h->rows->n; r++) {
    const slip_fit_row *row = &h->rows->rows[r];
    double predicted[Q];
    slip_error ignored;
    if (slip_workbench_predict(row->c, predicted, NULL, &ignored) != SLIP_OK)
      continue;
    for (size_t q = 0; q < Q; q++)
      if (row->used[q])
        out->residuals[SLIP_FOLDS][r * Q + q] = out->residuals[SLIP_FAMILIES][r * Q + q] =
            log(predicted[q] / row->c->quantities[q].measured);
  }
}

static slip_status measure_fit(holding *h, slip_arena *arena, slip_fit_size *out) {
  const slip_joint_constant *constants;
  const size_t n = slip_joint_constants(h->joint, &constants);
  double *sd = slip_arena_array(arena, n + 1, sizeof *sd);
  const slip_joint_job job = {.stop = h->watch->stop};
  if (!sd)
    return slip_no_memory(h->err);
  *out = (slip_fit_size){.rows = h->rows->n_fit};
  for (size_t i = 0; i < n; i++)
    out->constants += constants[i].moved > 0;
  return slip_joint_posterior(h->joint, &job, h->residuals, sd, &out->effective, h->err);
}

slip_status slip_hold_out(slip_joint *joint, const slip_fit_rows *rows, slip_row_kind kind, slip_arena *arena,
                          const slip_fit_watch *watch, double *u, slip_held_out *out, slip_error *err) {
  slip_status status = SLIP_OK;
  holding h = {.joint = joint, .rows = rows, .kind = kind, .watch = watch, .all = u, .err = err};
  slip_groups by_fold, by_family;
  observer *seen = slip_arena_array(arena, rows->n + 1, sizeof *seen);
  size_t *places = slip_arena_array(arena, rows->n + 1, sizeof *places);
  uint64_t *hashes = slip_arena_array(arena, rows->n + 1, sizeof *hashes);
  if (!seen || !places || !hashes)
    return slip_no_memory(err);
  SLIP_TRY(make_arrays(&h, arena, out));
  for (size_t r = 0; r < rows->n; r++)
    hashes[r] = slip_fold_group(rows->rows[r].c);
  SLIP_TRY(slip_groups_deal(arena, hashes, rows->n, FOLDS, &by_fold, err));
  for (size_t r = 0; r < rows->n; r++)
    hashes[r] = slip_family_group(rows->rows[r].c);
  SLIP_TRY(slip_groups_deal(arena, hashes, rows->n, rows->n, &by_family, err));
  h.fits = 4 + FOLDS; /* the fit to all rows differentiates them, which takes as long as a few without */
  for (size_t g = 0; g < by_family.groups; g++)
    h.fits += is_fitted(&h, by_family.of, g);
  const slip_joint_job job = {.stop = watch->stop};
  SLIP_TRY(slip_joint_fit(joint, &job, u, h.residuals, err));
  predict_aside(&h, out);
  SLIP_TRY(measure_fit(&h, arena, &out->size));
  h.done = 3;
  tell(&h);
  SLIP_TRY(hold_out_folds(&h, by_fold.of, out));
  SLIP_TRY(hold_out_families(&h, by_family.of, by_family.groups, places, seen, out));
  slip_joint_move(joint, u);
cleanup:
  return status;
}
