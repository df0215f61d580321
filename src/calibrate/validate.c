/* Validation: every row is predicted on all threads, each on its own, so that the outcome is the same whatever their number. */
#include <slipstick/validate.h>

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "calibrate/heldout.h"
#include "calibrate/validation.h"

enum { Q = SLIP_MAX_QUANTITIES, MAX_REASON = 400 };

/* ---- one row ---- */

/* "field: message", of what the model answered instead of a number. */
static slip_status refuse(slip_arena *arena, const slip_error *why, slip_checked *s, slip_error *err) {
  s->scored = false;
  s->reason = why->field[0] ? slip_arena_printf(arena, "%s: %.*s", why->field, MAX_REASON, why->message)
                            : slip_arena_printf(arena, "%.*s", MAX_REASON, why->message);
  return s->reason ? SLIP_OK : slip_no_memory(err);
}

static void skip(slip_checked *s, const char *reason) {
  s->scored = false;
  s->reason = reason;
}

static bool is_positive(double x) {
  return x > 0 && isfinite(x);
}

static void score(slip_checked *s, double predicted, double spread) {
  if (!s->scored)
    return;
  if (!is_positive(s->measured))
    skip(s, "the measured value is not a positive number");
  else if (!is_positive(predicted))
    skip(s, "the model has no value for this quantity");
  else {
    s->predicted = predicted;
    s->lo = predicted * exp(-spread);
    s->hi = predicted * exp(spread);
  }
}

static size_t shown_of(const slip_case *c) {
  return c->n_quantities > 1 ? (size_t)c->n_quantities : 1;
}

/* One slip_checked per quantity. `as` is the row's identity, with its reason when it is not scored. */
static void show(const slip_case *c, const slip_checked *as, const double *predicted, const double *spread,
                 slip_checked *out) {
  for (size_t q = 0; q < shown_of(c); q++) {
    slip_checked *s = &out[q];
    *s = *as;
    if ((int)q >= c->n_quantities)
      continue;
    s->quantity = c->quantities[q].name ? c->quantities[q].name : "";
    s->unit = c->quantities[q].unit ? c->quantities[q].unit : "";
    s->measured = c->quantities[q].measured;
    score(s, predicted[q], spread[q]);
  }
}

static slip_status check_row(slip_arena *arena, const slip_case *c, slip_checked *out, slip_error *err) {
  double predicted[Q] = {NAN, NAN, NAN, NAN}, spread[Q] = {0};
  slip_checked as = c->shown;
  slip_status status = SLIP_OK;
  if (as.scored) {
    slip_error why = {0};
    status = slip_workbench_predict(c, predicted, spread, &why);
    if (status == SLIP_NO_MEMORY)
      SLIP_FAIL(err, status, "out of memory");
    if (status != SLIP_OK)
      SLIP_TRY(refuse(arena, &why, &as, err));
  }
  show(c, &as, predicted, spread, out);
cleanup:
  return status;
}

/* ---- all rows ---- */

/* The place of each row's first quantity among all; rows that were not reached have none. Returns how many there are. */
static size_t place_rows(const slip_workbench *bench, size_t *first) {
  size_t n = 0;
  for (size_t i = 0; i < bench->n_rows; i++) {
    first[i] = n;
    n += bench->rows[i].read ? shown_of(&bench->rows[i].c) : 0;
  }
  return n;
}

static slip_status check_rows(slip_validation *v, const size_t *first, slip_error *err) {
  const slip_workbench *bench = v->bench;
  atomic_bool no_memory = false;
#pragma omp parallel default(shared)
  {
    slip_arena *arena = NULL;
#pragma omp critical(slip_validate)
    arena = slip_workbench_add_arena(v->bench);
    if (!arena)
      atomic_store(&no_memory, true);
#pragma omp for schedule(dynamic, 4)
    for (size_t i = 0; i < bench->n_rows; i++) {
      slip_error ignored;
      if (!bench->rows[i].read || atomic_load(&no_memory))
        continue;
      if (check_row(arena, &bench->rows[i].c, &v->rows[first[i]], &ignored) != SLIP_OK)
        atomic_store(&no_memory, true);
    }
  }
  return atomic_load(&no_memory) ? slip_no_memory(err) : SLIP_OK;
}

/* Reads the tables and predicts them in sample. `first` gets slip_workbench rows, in the workbench's arena. */
static slip_status open_validation(const slip_validate_job *job, bool copy, const volatile int *stop,
                                   slip_progress progress, slip_validation **out, size_t **first, slip_error *err) {
  slip_validation *v = slip_memory_resize(NULL, sizeof *v);
  if (!v)
    return slip_no_memory(err);
  *v = (slip_validation){0};
  slip_status status =
      slip_workbench_open(job->catalog, copy, job->files, job->n_files, stop, progress, &v->bench, err);
  slip_status read = status;
  if (status != SLIP_OK && status != SLIP_INTERRUPTED)
    goto cleanup;
  *first = slip_arena_array(slip_workbench_arena(v->bench), v->bench->n_rows + 1, sizeof **first);
  if (!*first)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  v->n_rows = place_rows(v->bench, *first);
  v->rows = slip_memory_resize(NULL, (v->n_rows + 1) * sizeof *v->rows);
  if (!v->rows)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  SLIP_TRY(check_rows(v, *first, err));
  status = read;
cleanup:
  if (status == SLIP_OK || status == SLIP_INTERRUPTED)
    *out = v;
  else
    slip_validation_free(v);
  return status;
}

slip_status slip_validate(const slip_validate_job *job, const volatile int *stop,
                          void (*progress)(double share, void *context), void *context, slip_validation **out,
                          slip_error *err) {
  size_t *first = NULL;
  return open_validation(job, false, stop, (slip_progress){progress, context}, out, &first, err);
}

/* ---- held out ---- */

static slip_status add_view(slip_validation *v, slip_scheme scheme, slip_error *err) {
  slip_validation *view = slip_memory_resize(NULL, sizeof *view);
  if (!view)
    return slip_no_memory(err);
  v->views[scheme] = view;
  *view = (slip_validation){.n_rows = v->n_rows};
  view->rows = slip_memory_resize(NULL, (v->n_rows + 1) * sizeof *view->rows);
  if (!view->rows)
    return slip_no_memory(err);
  memcpy(view->rows, v->rows, v->n_rows * sizeof *view->rows);
  for (size_t i = 0; i < v->n_rows; i++)
    if (view->rows[i].scored)
      skip(&view->rows[i], "not predicted under this scheme");
  return SLIP_OK;
}

/* The interval that the other rows give; without any others, what is stated for the prediction in sample. */
static double spread_of(const slip_held_out *held, int scheme, size_t k, const slip_checked *in_sample) {
  const double spread = held->spreads[scheme][k];
  return isnan(spread) ? log(in_sample->hi / in_sample->predicted) : spread;
}

/* Rows of one kind under the held-out schemes. */
static void show_held_out(slip_validation *v, const size_t *first, const slip_fit_rows *rows,
                          const slip_held_out *held) {
  for (int scheme = SLIP_FOLDS; scheme < SLIP_SCHEMES; scheme++)
    for (size_t r = 0; r < rows->n_fit; r++)
      for (size_t q = 0; q < (size_t)rows->rows[r].c->n_quantities; q++) {
        const double residual = held->residuals[scheme][r * Q + q];
        const slip_checked *in_sample = &v->rows[first[rows->of[r]] + q];
        slip_checked *s = &v->views[scheme]->rows[first[rows->of[r]] + q];
        if (isnan(residual) || !in_sample->scored)
          continue;
        s->scored = true;
        s->reason = "";
        score(s, s->measured * exp(residual), spread_of(held, scheme, r * Q + q, in_sample));
      }
}

static slip_status hold_out_kind(slip_validation *v, slip_row_kind kind, const size_t *first,
                                 const slip_fit_watch *watch, slip_error *err) {
  slip_status status = SLIP_OK;
  slip_arena *arena = slip_arena_open();
  slip_agenda agenda;
  slip_fit_rows rows;
  slip_joint *joint = NULL;
  slip_held_out held;
  if (!arena)
    return slip_no_memory(err);
  SLIP_TRY(slip_agenda_builtin(arena, kind, &agenda, err));
  SLIP_TRY(slip_fit_rows_take(v->bench, kind, arena, &rows, err));
  if (rows.n_fit == 0)
    goto cleanup;
  SLIP_TRY(slip_joint_open(arena, &agenda, v->bench->catalog, rows.rows, rows.n_fit, &joint, err));
  double *u = slip_arena_array(arena, slip_joint_unknowns(joint) + 1, sizeof *u);
  if (!u)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  SLIP_TRY(slip_joint_start(joint, u, err));
  SLIP_TRY(slip_hold_out(joint, &rows, kind, arena, watch, u, &held, err));
  show_held_out(v, first, &rows, &held);
  v->fits[kind] = held.size;
  slip_joint_restore(joint);
cleanup:
  slip_arena_free(arena);
  return status;
}

slip_status slip_validate_held_out(const slip_validate_job *job, const volatile int *stop,
                                   void (*progress)(double share, void *context), void *context,
                                   slip_validation **out, slip_error *err) {
  static const slip_row_kind order[SLIP_ROW_KINDS] = {SLIP_ROW_KERNEL, SLIP_ROW_TRAINING, SLIP_ROW_SERVING};
  static const double ends[SLIP_ROW_KINDS + 1] = {0, 0.02, 0.2, 1}; /* shares of the time that the kinds take */
  slip_validation *v = NULL;
  size_t *first = NULL;
  slip_status status = open_validation(job, true, stop, (slip_progress){0}, &v, &first, err);
  if (status != SLIP_OK || !v)
    goto cleanup;
  for (int scheme = SLIP_FOLDS; scheme < SLIP_SCHEMES; scheme++)
    SLIP_TRY(add_view(v, (slip_scheme)scheme, err));
  for (int i = 0; i < SLIP_ROW_KINDS; i++) {
    const slip_fit_watch watch = {stop, {progress, context}, ends[i], ends[i + 1]};
    SLIP_TRY(hold_out_kind(v, order[i], first, &watch, err));
  }
  *out = v;
  v = NULL;
cleanup:
  slip_validation_free(v);
  return status;
}

const slip_validation *slip_validation_of(const slip_validation *validation, slip_scheme scheme) {
  return scheme == SLIP_IN_SAMPLE ? validation : validation->views[scheme];
}

slip_fit_size slip_validation_fit(const slip_validation *validation, slip_row_kind kind) {
  return validation->fits[kind];
}

void slip_validation_free(slip_validation *validation) {
  if (!validation)
    return;
  for (int scheme = 0; scheme < SLIP_SCHEMES; scheme++)
    slip_validation_free(validation->views[scheme]);
  slip_workbench_free(validation->bench);
  free(validation->rows);
  free(validation);
}

size_t slip_validation_count(const slip_validation *validation) {
  return validation->n_rows;
}

const slip_checked *slip_validation_row(const slip_validation *validation, size_t i) {
  return i < validation->n_rows ? &validation->rows[i] : NULL;
}

double slip_checked_error(const slip_checked *row) {
  return row->predicted / row->measured - 1.0;
}
