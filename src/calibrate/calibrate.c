/* Calibration by a table: its rows, the one stack that they are of, the fit, and how it does on rows that it did not see. */
#include <slipstick/calibrate.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/fail.h"
#include "calibrate/constants.h"
#include "calibrate/fit.h"
#include "calibrate/folds.h"
#include "calibrate/validation.h"

enum { Q = SLIP_MAX_QUANTITIES, MOST_ROWS_ONE_BY_ONE = 20, FOLDS = 5, MAX_REASON = 400 };

#define USUAL_SECONDS 280.0

/* A calibration at work. */
typedef struct run {
  const slip_calibrate_job *job;
  const volatile int *stop;
  void (*progress)(double share, void *context);
  void *context;
  size_t fits, fits_done; /* of all: one, and one per fold */
  struct timespec start;
  slip_arena *arena;
  slip_calibration *out;
  slip_case *cases; /* of the table, in its order */
  bool *anonymous;  /* the row names no framework */
  slip_left_out *left_out;
  slip_fit_row *rows; /* those used */
  slip_error *err;
} run;

static slip_status leave_out(run *r, const slip_case *c, const char *reason) {
  if (!reason)
    return slip_no_memory(r->err);
  r->left_out[r->out->n_left_out++] = (slip_left_out){c->shown.id, c->shown.line, reason};
  return SLIP_OK;
}

/* ---- reading ---- */

static slip_status read_rows(run *r) {
  slip_calibration *out = r->out;
  slip_csv *table = slip_arena_alloc(r->arena, sizeof *table);
  slip_status status = SLIP_OK;
  if (!table)
    SLIP_FAIL(r->err, SLIP_NO_MEMORY, "out of memory");
  SLIP_TRY(slip_csv_read(r->arena, r->job->file, table, r->err));
  SLIP_TRY(slip_csv_kind(table, &out->kind, r->err));
  if (out->kind == SLIP_ROW_KERNEL) {
    status =
        slip_fail_at(r->err, SLIP_BAD_INPUT, r->job->file, 1, 0, NULL,
                     "a table of kernels: it says nothing of a stack; calibrate takes training or serving rows");
    goto cleanup;
  }
  out->rows = table->n_rows;
  r->cases = slip_arena_array(r->arena, table->n_rows, sizeof *r->cases);
  r->anonymous = slip_arena_array(r->arena, table->n_rows, sizeof *r->anonymous);
  r->left_out = slip_arena_array(r->arena, table->n_rows, sizeof *r->left_out);
  r->rows = slip_arena_array(r->arena, table->n_rows, sizeof *r->rows);
  if (!r->cases || !r->anonymous || !r->left_out || !r->rows)
    SLIP_FAIL(r->err, SLIP_NO_MEMORY, "out of memory");
  out->left_out = r->left_out;
  const slip_case_reader reader = {r->job->catalog, r->arena};
  for (size_t i = 0; i < table->n_rows; i++) {
    const slip_row row = {table, i};
    if (r->stop && *r->stop)
      SLIP_FAIL(r->err, SLIP_INTERRUPTED, "stopped before the fit was done");
    SLIP_TRY((out->kind == SLIP_ROW_TRAINING ? slip_read_train_case : slip_read_serve_case)(&reader, &row,
                                                                                            &r->cases[i], r->err));
    r->anonymous[i] = slip_row_text(&row, "framework")[0] == '\0';
  }
cleanup:
  return status;
}

/* ---- the stack ---- */

static slip_status several_stacks(const run *r, const slip_stack *a, const slip_stack *b) {
  return slip_fail_at(r->err, SLIP_BAD_INPUT, r->job->file, 0, 0, "framework",
                      "the rows are of several stacks, %s and %s among them: name one with --stack", a->entry.name,
                      b->entry.name);
}

static slip_status choose_stack(run *r) {
  const bool train = r->out->kind == SLIP_ROW_TRAINING;
  const slip_stack *stack = NULL;
  slip_status status = SLIP_OK;
  if (r->job->stack)
    SLIP_TRY(slip_catalog_stack(r->job->catalog, r->job->stack, &stack, r->err));
  for (size_t i = 0; i < r->out->rows && !r->job->stack; i++) {
    const slip_case *c = &r->cases[i];
    if (!c->shown.scored || !c->stack)
      continue;
    if (stack && stack != c->stack)
      return several_stacks(r, stack, c->stack);
    stack = c->stack;
  }
  if (stack && !(train ? stack->trains : stack->serves))
    SLIP_FAIL(r->err, SLIP_BAD_INPUT, "%s does not %s, and the rows of %s do", stack->entry.name,
              train ? "train" : "serve", r->job->file);
  if (stack)
    SLIP_TRY(slip_require(&stack->entry, train ? "spread_train" : "spread_serve",
                          train ? stack->spread_train : stack->spread_serve, r->err));
  r->out->base = stack;
cleanup:
  return status;
}

static bool is_of(const run *r, size_t i, const char **reason) {
  const slip_case *c = &r->cases[i];
  const slip_stack *stack = r->out->base;
  *reason = "";
  if (c->stack == stack)
    return true;
  if (c->stack && !r->anonymous[i] && !c->stack->is_prior) {
    *reason = slip_arena_printf(r->arena, "of another stack: %s", c->stack->entry.name);
    return false;
  }
  if (strcmp(stack->for_vendor, "any") != 0 && strcmp(stack->for_vendor, c->chip->entry.vendor) != 0) {
    *reason = slip_arena_printf(r->arena, "%s is for chips of %s, this one is of %s", stack->entry.name,
                                stack->for_vendor, c->chip->entry.vendor);
    return false;
  }
  return true;
}

/* ---- the rows used ---- */

/* Figures that the model has a value for, under the stack as it is. */
static slip_status take_row(run *r, const slip_case *c) {
  const slip_stack *stack = r->out->base;
  double predicted[Q] = {NAN, NAN, NAN, NAN}, spread[Q] = {0};
  slip_error why = {0};
  slip_fit_row row = {.c = c};
  const slip_status status = slip_fit_predict(c, stack, predicted, spread, &why);
  if (status == SLIP_NO_MEMORY)
    return slip_no_memory(r->err);
  if (status != SLIP_OK)
    return leave_out(r, c, slip_arena_printf(r->arena, "%.*s", MAX_REASON, why.message));
  for (int q = 0; q < c->n_quantities; q++) {
    const double measured = c->quantities[q].measured;
    row.used[q] = measured > 0 && isfinite(measured) && predicted[q] > 0 && isfinite(predicted[q]);
    row.n_used += row.used[q];
  }
  if (row.n_used == 0)
    return leave_out(r, c, "the model has no value for what was measured");
  row.range = slip_case_range(c, stack, spread);
  r->rows[r->out->rows_used++] = row;
  r->out->figures += (size_t)row.n_used;
  return SLIP_OK;
}

static slip_status take_rows(run *r) {
  slip_status status = SLIP_OK;
  for (size_t i = 0; i < r->out->rows; i++) {
    const slip_case *c = &r->cases[i];
    const char *reason = "";
    if (!c->shown.scored || c->n_quantities == 0)
      status = leave_out(
          r, c, c->shown.reason && c->shown.reason[0] ? c->shown.reason : "it measures nothing that is predicted");
    else if (!r->out->base)
      status = leave_out(r, c, "no stack of the catalog is of its framework");
    else if (!is_of(r, i, &reason))
      status = leave_out(r, c, reason);
    else
      status = take_row(r, c);
    if (status != SLIP_OK)
      return status;
  }
  if (r->out->rows_used > 0)
    return SLIP_OK;
  const slip_left_out *first = r->left_out;
  return r->out->n_left_out > 0
             ? slip_fail_at(r->err, SLIP_INFEASIBLE, r->job->file, first->line, 0, NULL,
                            "no row can be used; the first: %s", first->reason)
             : slip_fail_at(r->err, SLIP_INFEASIBLE, r->job->file, 0, 0, NULL, "the table has no rows");
}

/* ---- fits ---- */

static double seconds_left(const run *r) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  const double gone = (double)(now.tv_sec - r->start.tv_sec) + 1e-9 * (double)(now.tv_nsec - r->start.tv_nsec);
  return (r->job->seconds > 0 ? r->job->seconds : USUAL_SECONDS) - gone;
}

static void tell(double share, void *context) {
  const run *r = context;
  if (r->progress)
    r->progress(((double)r->fits_done + share) / (double)r->fits, r->context);
}

static slip_status fit_rows(run *r, const slip_fit_row *rows, size_t n, slip_fit_result *out) {
  const slip_fit_job job = {.base = r->out->base,
                            .train = r->out->kind == SLIP_ROW_TRAINING,
                            .rows = rows,
                            .n_rows = n,
                            .stop = r->stop,
                            .progress = tell,
                            .context = r,
                            .seconds = fmax(seconds_left(r), 1e-3)};
  const slip_status status = slip_fit(&job, out, r->err);
  r->fits_done++;
  return status;
}

static slip_status fit_all(run *r) {
  slip_calibration *out = r->out;
  slip_status status = SLIP_OK;
  slip_fit_result fit;
  size_t n_table;
  const slip_constant *table = slip_stack_constants(&n_table);
  const bool train = out->kind == SLIP_ROW_TRAINING;
  double *residuals = slip_arena_array(r->arena, out->rows_used * Q, sizeof *residuals);
  if (!residuals)
    SLIP_FAIL(r->err, SLIP_NO_MEMORY, "out of memory");
  SLIP_TRY(slip_fit_residuals(r->rows, out->rows_used, out->base, residuals, r->err));
  SLIP_TRY(slip_fit_errors_of(residuals, out->rows_used * Q, &out->before, r->err));
  SLIP_TRY(fit_rows(r, r->rows, out->rows_used, &fit));
  SLIP_TRY(slip_fit_residuals(r->rows, out->rows_used, &fit.stack, residuals, r->err));
  SLIP_TRY(slip_fit_errors_of(residuals, out->rows_used * Q, &out->after, r->err));
  out->stack = fit.stack;
  out->converged = fit.converged;
  out->spread_before = train ? out->base->spread_train : out->base->spread_serve;
  out->spread_after = train ? fit.stack.spread_train : fit.stack.spread_serve;
  for (size_t i = 0; i < n_table; i++) {
    if (!(train ? table[i].trains : table[i].serves))
      continue;
    out->constants[out->n_constants++] = (slip_fitted){&table[i],
                                                       slip_constant_value(out->base, &table[i]),
                                                       slip_constant_value(&fit.stack, &table[i]),
                                                       fit.prior_sd[i],
                                                       fit.posterior_sd[i],
                                                       fit.free[i]};
    out->n_free += fit.free[i];
  }
cleanup:
  return status;
}

/* ---- rows that the fit does not see ---- */

/* FNV-1a of "chip/model", or of the row's place, with a fixed start: the same folds everywhere. */
static uint64_t group_of(const slip_fit_row *rows, size_t i, bool by_row) {
  uint64_t hash = 14695981039346656037ULL;
  const char *texts[2] = {rows[i].c->shown.chip, rows[i].c->shown.model};
  for (int t = 0; t < 2 && !by_row; t++)
    for (const char *at = texts[t];; at++) {
      hash = (hash ^ (unsigned char)*at) * 1099511628211ULL;
      if (*at == '\0')
        break;
    }
  return by_row ? (hash ^ i) * 1099511628211ULL : hash;
}

static slip_status deal(const run *r, bool by_row, size_t *fold, size_t *groups) {
  const size_t n = r->out->rows_used;
  slip_groups dealt;
  uint64_t *hashes = slip_arena_array(r->arena, n, sizeof *hashes);
  if (!hashes)
    return slip_no_memory(r->err);
  for (size_t i = 0; i < n; i++)
    hashes[i] = group_of(r->rows, i, by_row);
  const slip_status status = slip_groups_deal(r->arena, hashes, n, FOLDS, &dealt, r->err);
  if (status != SLIP_OK)
    return status;
  memcpy(fold, dealt.of, n * sizeof *fold);
  *groups = dealt.groups;
  return SLIP_OK;
}

static slip_status choose_folds(run *r, size_t *fold, size_t *folds, slip_folds *how) {
  const size_t n = r->out->rows_used;
  size_t groups = 0;
  *folds = n;
  *how = SLIP_FOLDS_ROWS;
  for (size_t i = 0; i < n; i++)
    fold[i] = i;
  if (n <= MOST_ROWS_ONE_BY_ONE)
    return SLIP_OK;
  *folds = FOLDS;
  *how = SLIP_FOLDS_GROUPS;
  slip_status status = deal(r, false, fold, &groups);
  if (status == SLIP_OK && groups < FOLDS) {
    *how = SLIP_FOLDS_MIXED;
    status = deal(r, true, fold, &groups);
  }
  return status;
}

static slip_status cross_fold(run *r, const size_t *fold, size_t k, slip_fit_row *seen, double *residuals) {
  const size_t n = r->out->rows_used;
  slip_status status = SLIP_OK;
  slip_fit_result fit;
  size_t m = 0;
  for (size_t i = 0; i < n; i++)
    if (fold[i] != k)
      seen[m++] = r->rows[i];
  if (m == n)
    return SLIP_OK;
  SLIP_TRY(fit_rows(r, seen, m, &fit));
  for (size_t i = 0; i < n; i++)
    if (fold[i] == k)
      SLIP_TRY(slip_fit_residuals(&r->rows[i], 1, &fit.stack, &residuals[i * Q], r->err));
cleanup:
  return status;
}

/* SLIP_OK with folds NONE where stop or the limit of time ended it: the fit itself is done. */
static slip_status cross_validate(run *r) {
  const size_t n = r->out->rows_used;
  slip_status status = SLIP_OK;
  slip_folds how;
  size_t folds;
  size_t *fold = slip_arena_array(r->arena, n, sizeof *fold);
  slip_fit_row *seen = slip_arena_array(r->arena, n, sizeof *seen);
  double *residuals = slip_arena_array(r->arena, n * Q, sizeof *residuals);
  if (!fold || !seen || !residuals)
    SLIP_FAIL(r->err, SLIP_NO_MEMORY, "out of memory");
  SLIP_TRY(choose_folds(r, fold, &folds, &how));
  r->fits = folds + 1;
  for (size_t k = 0; k < folds; k++) {
    if (seconds_left(r) <= 0 || (r->stop && *r->stop))
      return SLIP_OK;
    status = cross_fold(r, fold, k, seen, residuals);
    if (status != SLIP_OK)
      return status == SLIP_INTERRUPTED ? SLIP_OK : status;
  }
  SLIP_TRY(slip_fit_errors_of(residuals, n * Q, &r->out->crossed, r->err));
  r->out->folds = how;
cleanup:
  return status;
}

/* ---- all of it ---- */

slip_status slip_calibrate(const slip_calibrate_job *job, const volatile int *stop,
                           void (*progress)(double share, void *context), void *context, slip_calibration **out,
                           slip_error *err) {
  slip_status status = SLIP_OK;
  slip_arena *arena = slip_arena_open();
  run r = {
      .job = job, .stop = stop, .progress = progress, .context = context, .fits = 1, .arena = arena, .err = err};
  (void)clock_gettime(CLOCK_MONOTONIC, &r.start);
  r.out = arena ? slip_arena_alloc(arena, sizeof *r.out) : NULL;
  if (!r.out)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  *r.out = (slip_calibration){.memory = arena, .crossed = {NAN, NAN}};
  r.out->file = slip_arena_strdup(arena, job->file);
  if (!r.out->file)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  SLIP_TRY(read_rows(&r));
  SLIP_TRY(choose_stack(&r));
  SLIP_TRY(take_rows(&r));
  r.fits = job->cross_validate && r.out->rows_used > 1
               ? 1 + (r.out->rows_used <= MOST_ROWS_ONE_BY_ONE ? r.out->rows_used : FOLDS)
               : 1;
  SLIP_TRY(fit_all(&r));
  if (r.fits > 1)
    SLIP_TRY(cross_validate(&r));
cleanup:
  if (status == SLIP_OK)
    *out = r.out;
  else
    slip_arena_free(arena);
  return status;
}

void slip_calibration_free(slip_calibration *calibration) {
  if (calibration)
    slip_arena_free(calibration->memory);
}
