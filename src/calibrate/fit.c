/* Maximum a posteriori: normal priors on the transformed constants, Huber's loss on ln(predicted / measured), minimised by
 * BOBYQA (NLopt), which needs no derivatives and takes the same path every time. */
#include "calibrate/fit.h"

#include <math.h>
#include <nlopt.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/fail.h"
#include "calibrate/constants.h"
#include "calibrate/linear.h"
#include "calibrate/spread.h"
#include "calibrate/validation.h"

enum { N = SLIP_MAX_CONSTANTS, Q = SLIP_MAX_QUANTITIES };

#define INSENSITIVE 1e-3 /* a constant whose prior width moves no prediction by more (in ln) stays */
#define STEP 0.1         /* of derivatives, in prior widths */
#define FARTHEST 5.0     /* bound of the search, in prior widths */
#define MISFIT_ROWS 4.0  /* rows that the assumed row error counts as, beside what the rows show of it */
enum { LEAST_EVALUATIONS = 200, EVALUATIONS_PER_CONSTANT = 80, HALVINGS = 4 };

/* ---- residuals ---- */

slip_status slip_fit_predict(const slip_case *c, const slip_stack *stack, double predicted[Q], double *spread,
                             slip_error *err) {
  if (c->kind == SLIP_ROW_TRAINING)
    return slip_predict_train_case(c, stack, NULL, predicted, spread, err);
  return slip_predict_serve_case(c, stack, NULL, predicted, spread, err);
}

slip_status slip_fit_residuals(const slip_fit_row *rows, size_t n, const slip_stack *stack, double *out,
                               slip_error *err) {
  atomic_bool no_memory = false;
#pragma omp parallel for schedule(dynamic, 1) default(shared)
  for (size_t r = 0; r < n; r++) {
    double predicted[Q] = {NAN, NAN, NAN, NAN};
    slip_error ignored;
    const slip_status status = slip_fit_predict(rows[r].c, stack, predicted, NULL, &ignored);
    if (status == SLIP_NO_MEMORY)
      atomic_store(&no_memory, true);
    for (int q = 0; q < Q; q++) {
      double *residual = &out[r * Q + (size_t)q];
      *residual = NAN;
      if (!rows[r].used[q])
        continue;
      *residual = status == SLIP_OK && predicted[q] > 0 ? log(predicted[q] / rows[r].c->quantities[q].measured)
                                                        : SLIP_MISFIT;
      if (!isfinite(*residual))
        *residual = SLIP_MISFIT;
    }
  }
  return atomic_load(&no_memory) ? slip_no_memory(err) : SLIP_OK;
}

slip_status slip_fit_errors_of(const double *residuals, size_t n, slip_fit_errors *out, slip_error *err) {
  double *off = slip_memory_resize(NULL, (n + 1) * sizeof *off);
  size_t m = 0;
  if (!off)
    return slip_no_memory(err);
  for (size_t i = 0; i < n; i++)
    if (!isnan(residuals[i]))
      off[m++] = fabs(expm1(residuals[i]));
  out->median = slip_quantile(off, m, 0.5);
  out->p90 = slip_quantile(off, m, 0.9);
  free(off);
  return SLIP_OK;
}

/* ---- the problem ---- */

typedef struct problem {
  const slip_fit_job *job;
  const slip_constant *table;
  size_t n_table;
  double own;                       /* variance that belongs to the row and is not learnt, noise left out */
  double sd[N];                     /* prior widths as scaled; 0: fixed */
  int free[N], n;                   /* indices of the free constants */
  double *residuals, *plus, *minus; /* n_rows * Q each */
  double *jacobian;                 /* n * n_rows * Q, in prior widths */
  nlopt_opt optimiser;
  double best[N], best_value; /* in prior widths, over `free` */
  int evaluations, most;
  slip_status status;
  slip_error *err;
} problem;

static double variance_of(const problem *p, const slip_fit_row *row) {
  return p->own + SLIP_NOISE_SD * SLIP_NOISE_SD + pow(row->range / SLIP_Z80, 2);
}

static void stack_at(const problem *p, const double *u, slip_stack *out) {
  *out = *p->job->base;
  for (int i = 0; i < p->n; i++) {
    const slip_constant *c = &p->table[p->free[i]];
    *slip_constant_of(out, c) = slip_constant_shifted(c, slip_constant_value(out, c), u[i] * p->sd[p->free[i]]);
  }
}

/* The rows' part of minus ln of the posterior. */
static double loss(const problem *p, const double *residuals) {
  double sum = 0;
  for (size_t r = 0; r < p->job->n_rows; r++) {
    const slip_fit_row *row = &p->job->rows[r];
    const double sd = sqrt(variance_of(p, row));
    for (int q = 0; q < Q; q++)
      if (row->used[q])
        sum += slip_huber(residuals[r * Q + (size_t)q] / sd) / row->n_used;
  }
  return sum;
}

/* The signature is NLopt's. NOLINTNEXTLINE(readability-non-const-parameter) */
static double objective(unsigned n, const double *u, double *gradient, void *data) {
  problem *p = data;
  slip_stack stack;
  (void)gradient;
  if (p->status != SLIP_OK || (p->job->stop && *p->job->stop)) {
    nlopt_force_stop(p->optimiser);
    return HUGE_VAL;
  }
  stack_at(p, u, &stack);
  p->status = slip_fit_residuals(p->job->rows, p->job->n_rows, &stack, p->residuals, p->err);
  double value = p->status == SLIP_OK ? loss(p, p->residuals) : HUGE_VAL;
  for (unsigned i = 0; i < n; i++)
    value += 0.5 * u[i] * u[i];
  if (value < p->best_value) {
    p->best_value = value;
    memcpy(p->best, u, n * sizeof *u);
  }
  p->evaluations++;
  if (p->job->progress)
    p->job->progress(fmin(1.0, (double)p->evaluations / p->most), p->job->context);
  return value;
}

/* ---- derivatives ---- */

/* d residual / d (constant in widths of `sd`) into out[0 .. n_rows * Q), at a stack; NANs as residuals. */
static slip_status derivative(const problem *p, const slip_stack *at, const slip_constant *c, double sd,
                              double *out) {
  slip_status status = SLIP_OK;
  const size_t n = p->job->n_rows;
  double *const ends[2] = {p->minus, p->plus};
  for (int side = 0; side < 2; side++) {
    slip_stack moved = *at;
    *slip_constant_of(&moved, c) = slip_constant_shifted(c, slip_constant_value(at, c), (side ? STEP : -STEP) * sd);
    SLIP_TRY(slip_fit_residuals(p->job->rows, n, &moved, ends[side], p->err));
  }
  for (size_t i = 0; i < n * Q; i++)
    out[i] = (p->plus[i] - p->minus[i]) / (2 * STEP);
cleanup:
  return status;
}

/* Widths of the priors, all scaled alike, so that over the rows, in the mean, the constants carry what the stack's spread says they
 * do; which constants are free. */
static slip_status set_priors(problem *p) {
  const slip_fit_job *job = p->job;
  const size_t stride = job->n_rows * Q;
  slip_status status = SLIP_OK;
  double raw = 0, most[N] = {0};
  for (size_t i = 0; i < p->n_table; i++) {
    const slip_constant *c = &p->table[i];
    if (!(job->train ? c->trains : c->serves) || !slip_constant_is_free(job->base, c))
      continue;
    SLIP_TRY(derivative(p, job->base, c, c->prior_sd, p->jacobian));
    for (size_t k = 0; k < stride; k++) {
      if (isnan(p->jacobian[k]))
        continue;
      const size_t row = k / Q;
      raw += pow(p->jacobian[k], 2) / job->rows[row].n_used / (double)job->n_rows;
      most[i] = fmax(most[i], fabs(p->jacobian[k]));
    }
  }
  const slip_spread_parts parts =
      slip_spread_split(job->train ? job->base->spread_train : job->base->spread_serve, raw);
  p->own = parts.own;
  for (size_t i = 0; i < p->n_table; i++) {
    const double sd = sqrt(parts.scale) * p->table[i].prior_sd;
    if (most[i] * sqrt(parts.scale) <= INSENSITIVE)
      continue;
    p->sd[i] = sd;
    p->free[p->n++] = (int)i;
  }
cleanup:
  return status;
}

/* ---- the search ---- */

static slip_status minimise(problem *p, bool *converged) {
  double u[N] = {0}, value;
  *converged = true;
  p->best_value = HUGE_VAL;
  p->most = LEAST_EVALUATIONS + EVALUATIONS_PER_CONSTANT * p->n;
  if (p->n == 0)
    return SLIP_OK;
  /* BOBYQA models at least two variables. */
  p->optimiser = nlopt_create(p->n > 1 ? NLOPT_LN_BOBYQA : NLOPT_LN_SBPLX, (unsigned)p->n);
  if (!p->optimiser)
    return slip_no_memory(p->err);
  nlopt_set_min_objective(p->optimiser, objective, p);
  nlopt_set_lower_bounds1(p->optimiser, -FARTHEST);
  nlopt_set_upper_bounds1(p->optimiser, FARTHEST);
  nlopt_set_initial_step1(p->optimiser, 0.5);
  nlopt_set_xtol_abs1(p->optimiser, 1e-3);
  nlopt_set_maxeval(p->optimiser, p->most);
  nlopt_set_maxtime(p->optimiser, p->job->seconds);
  const nlopt_result result = nlopt_optimize(p->optimiser, u, &value);
  nlopt_destroy(p->optimiser);
  p->optimiser = NULL;
  *converged = result > 0 ? result != NLOPT_MAXEVAL_REACHED && result != NLOPT_MAXTIME_REACHED
                          : result == NLOPT_ROUNDOFF_LIMITED;
  if (result == NLOPT_OUT_OF_MEMORY && p->status == SLIP_OK)
    return slip_no_memory(p->err);
  if (p->status == SLIP_OK && p->job->stop && *p->job->stop)
    return slip_fail(p->err, SLIP_INTERRUPTED, "stopped before the fit was done");
  return p->status;
}

/* The loss is not the median: where the best constants would leave the median error larger than the prior's, the step is halved, and
 * at last not taken. The stack, and p->residuals, are then at p->best. */
static slip_status hold_median(problem *p, slip_stack *out) {
  const size_t all = p->job->n_rows * Q;
  slip_status status = SLIP_OK;
  slip_fit_errors before = {NAN, NAN}, after = {NAN, NAN};
  SLIP_TRY(slip_fit_residuals(p->job->rows, p->job->n_rows, p->job->base, p->residuals, p->err));
  SLIP_TRY(slip_fit_errors_of(p->residuals, all, &before, p->err));
  for (int halving = 0; halving <= HALVINGS; halving++) {
    for (int i = 0; i < p->n && halving > 0; i++)
      p->best[i] = halving < HALVINGS ? p->best[i] / 2 : 0;
    stack_at(p, p->best, out);
    SLIP_TRY(slip_fit_residuals(p->job->rows, p->job->n_rows, out, p->residuals, p->err));
    SLIP_TRY(slip_fit_errors_of(p->residuals, all, &after, p->err));
    if (after.median <= before.median)
      break;
  }
cleanup:
  return status;
}

/* ---- what is left to be known ---- */

/* Weight of a residual in the Hessian: 1 within Huber's square, less beyond, shared among the row's figures. */
static double weight_of(const problem *p, size_t k) {
  const slip_fit_row *row = &p->job->rows[k / Q];
  const double z = fabs(p->residuals[k]) / sqrt(variance_of(p, row));
  return (z <= SLIP_HUBER ? 1 : SLIP_HUBER / z) / row->n_used;
}

/* Covariance of the constants, in prior widths: the Gauss-Newton Hessian, inverted. */
static void covariance(const problem *p, double out[N][N]) {
  const size_t all = p->job->n_rows * Q;
  double square[N * N];
  const size_t n = (size_t)p->n;
  for (int i = 0; i < p->n; i++)
    for (int j = 0; j < p->n; j++) {
      double sum = i == j ? 1 : 0;
      for (size_t k = 0; k < all; k++)
        if (!isnan(p->residuals[k]))
          sum += weight_of(p, k) * p->jacobian[(size_t)i * all + k] * p->jacobian[(size_t)j * all + k] /
                 variance_of(p, &p->job->rows[k / Q]);
      square[(size_t)i * n + (size_t)j] = sum;
    }
  slip_invert(square, n);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      out[i][j] = square[i * n + j];
}

/* Variance that the constants leave in a prediction, J C J'. */
static double left_at(const problem *p, double c[N][N], size_t k) {
  const size_t all = p->job->n_rows * Q;
  double sum = 0;
  for (int i = 0; i < p->n; i++)
    for (int j = 0; j < p->n; j++)
      sum += p->jacobian[(size_t)i * all + k] * c[i][j] * p->jacobian[(size_t)j * all + k];
  return sum;
}

/* How much wider than assumed the rows scatter: the 80% quantile of their residuals against that of a normal, with the assumption counting
 * as MISFIT_ROWS rows, and with as many rows fewer as the constants have taken up. 1 when they do not. *left: the mean of left_at. */
static double dispersion(const problem *p, double c[N][N], double *left) {
  const size_t all = p->job->n_rows * Q;
  const double rows = (double)p->job->n_rows;
  double *z = p->plus, taken = 0;
  size_t n = 0;
  *left = 0;
  for (size_t k = 0; k < all; k++) {
    if (isnan(p->residuals[k]))
      continue;
    const slip_fit_row *row = &p->job->rows[k / Q];
    const double here = left_at(p, c, k);
    *left += here / row->n_used / rows;
    taken += weight_of(p, k) * here / variance_of(p, row);
    z[n++] = fabs(p->residuals[k]) / sqrt(variance_of(p, row));
  }
  const double scatter = pow(slip_quantile(z, n, 0.8) / SLIP_Z80, 2);
  return fmax(1, (MISFIT_ROWS + rows * scatter) / (MISFIT_ROWS + fmax(0, rows - taken)));
}

static slip_status describe(problem *p, slip_fit_result *out) {
  const size_t all = p->job->n_rows * Q;
  slip_status status = SLIP_OK;
  double c[N][N];
  for (int i = 0; i < p->n; i++)
    SLIP_TRY(derivative(p, &out->stack, &p->table[p->free[i]], p->sd[p->free[i]], p->jacobian + (size_t)i * all));
  covariance(p, c);
  double left;
  const double wider = dispersion(p, c, &left);
  for (int i = 0; i < p->n; i++) {
    const int at = p->free[i];
    out->free[at] = true;
    out->prior_sd[at] = p->sd[at];
    out->posterior_sd[at] = p->sd[at] * fmin(1, sqrt(wider * c[i][i]));
  }
  slip_spread_narrow(&out->stack, p->job->train, SLIP_Z80 * sqrt(wider * (p->own + left)));
cleanup:
  return status;
}

slip_status slip_fit(const slip_fit_job *job, slip_fit_result *out, slip_error *err) {
  problem p = {.job = job, .err = err, .status = SLIP_OK};
  const size_t all = job->n_rows * Q;
  slip_status status = SLIP_OK;
  memset(out, 0, sizeof *out);
  p.table = slip_stack_constants(&p.n_table);
  double *memory = slip_memory_resize(NULL, (N + 3) * (all + 1) * sizeof *memory);
  if (!memory)
    return slip_no_memory(err);
  p.residuals = memory;
  p.plus = p.residuals + all;
  p.minus = p.plus + all;
  p.jacobian = p.minus + all;
  SLIP_TRY(set_priors(&p));
  SLIP_TRY(minimise(&p, &out->converged));
  SLIP_TRY(hold_median(&p, &out->stack));
  SLIP_TRY(describe(&p, out));
cleanup:
  free(memory);
  return status;
}
