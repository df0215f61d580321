/* The most probable unknowns, given rows, and what is left to be known of them. The arithmetic: docs/cost-model.md, "Calibration of the built-in constants". */
#include <math.h>
#include <nlopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "calibrate/constants.h"
#include "calibrate/joint_internal.h"
#include "calibrate/linear.h"

enum { Q = SLIP_MAX_QUANTITIES, USUAL_ROUNDS = 30, HALVINGS = 8, INNER_EVALUATIONS = 400 };

#define TRUST 2.0    /* farthest that one round moves an unknown */
#define FARTHEST 6.0 /* from the prior */
#define ENOUGH 1e-6  /* relative gain of a round at which the fit ends */

/* ---- the loss ---- */

typedef struct problem {
  const slip_joint *joint;
  const bool *in;
  const double *at;      /* unknowns where the rows were linearised */
  const double *there;   /* residuals there */
  double *linear, *pull; /* residuals of the linearised rows; d loss / d residual */
} problem;

/* Of the figure k = r * Q + its quantity. */
static double sd_of(const slip_joint *joint, size_t k) {
  const size_t r = k / Q;
  const bool waits =
      joint->agenda->rows == SLIP_ROW_SERVING && strcmp(joint->rows[r].c->quantities[k % Q].name, "ttft_ms") == 0;
  const double own = waits ? joint->agenda->ttft_sd : joint->agenda->row_sd,
               range = joint->rows[r].range / SLIP_Z80;
  return sqrt(own * own + range * range);
}

/* Of all rows that count, each weighing one, shared among its figures. pull, when not NULL, gets the derivatives. */
static double loss(const slip_joint *joint, const bool *in, const double *residuals, double *pull) {
  double sum = 0;
  for (size_t r = 0; r < joint->n_rows; r++) {
    for (size_t k = r * Q; k < (r + 1) * Q; k++) {
      if (pull)
        pull[k] = 0;
      if (isnan(residuals[k]) || (in && !in[r]))
        continue;
      const double sd = sd_of(joint, k), z = residuals[k] / sd, weight = 1.0 / joint->rows[r].n_used;
      sum += weight * slip_huber(z);
      if (pull)
        pull[k] = weight * fmax(-SLIP_HUBER, fmin(SLIP_HUBER, z)) / sd;
    }
  }
  return sum;
}

static double prior_loss(const double *u, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += 0.5 * u[i] * u[i];
  return sum;
}

static void linearise(const problem *p, const double *u) {
  const slip_joint *joint = p->joint;
  memcpy(p->linear, p->there, joint->n_rows * Q * sizeof *p->linear);
  for (size_t i = 0; i < joint->n_constants; i++) {
    const bound_constant *c = &joint->constants[i];
    const double by = slip_joint_moved_by(c, u) - slip_joint_moved_by(c, p->at);
    if (by == 0)
      continue;
    for (size_t k = 0; k < c->shown.n_rows; k++)
      for (size_t q = 0; q < Q; q++)
        p->linear[c->rows[k] * Q + q] += by * c->derivatives[k * Q + q];
  }
}

/* The signature is NLopt's. */
static double linear_loss(unsigned n, const double *u, double *gradient, void *data) {
  const problem *p = data;
  const slip_joint *joint = p->joint;
  linearise(p, u);
  const double value = loss(joint, p->in, p->linear, p->pull) + prior_loss(u, n);
  if (!gradient)
    return value;
  memcpy(gradient, u, n * sizeof *u);
  for (size_t i = 0; i < joint->n_constants; i++) {
    const bound_constant *c = &joint->constants[i];
    double sum = 0;
    for (size_t k = 0; k < c->shown.n_rows; k++)
      for (size_t q = 0; q < Q; q++) {
        const size_t at = c->rows[k] * Q + q;
        if (p->pull[at] != 0)
          sum += p->pull[at] * c->derivatives[k * Q + q];
      }
    for (int part = 0; part < PARTS; part++)
      if (c->unknown[part] != SIZE_MAX)
        gradient[c->unknown[part]] += sum * c->sd[part];
  }
  return value;
}

/* The least loss of the linearised rows within TRUST of `at`, into u. */
static slip_status minimise_linear(problem *p, double *u, double *bounds, slip_error *err) {
  const size_t n = p->joint->n_unknowns;
  double value;
  nlopt_opt optimiser = nlopt_create(NLOPT_LD_LBFGS, (unsigned)n);
  if (!optimiser)
    return slip_no_memory(err);
  for (size_t i = 0; i < n; i++) {
    bounds[i] = fmax(-FARTHEST, p->at[i] - TRUST);
    bounds[n + i] = fmin(FARTHEST, p->at[i] + TRUST);
    u[i] = p->at[i];
  }
  nlopt_set_min_objective(optimiser, linear_loss, p);
  nlopt_set_lower_bounds(optimiser, bounds);
  nlopt_set_upper_bounds(optimiser, bounds + n);
  nlopt_set_xtol_abs1(optimiser, 1e-5);
  nlopt_set_ftol_rel(optimiser, 1e-9);
  nlopt_set_maxeval(optimiser, INNER_EVALUATIONS);
  const nlopt_result result = nlopt_optimize(optimiser, u, &value);
  nlopt_destroy(optimiser);
  return result == NLOPT_OUT_OF_MEMORY ? slip_no_memory(err) : SLIP_OK;
}

/* ---- the fit ---- */

typedef struct space {
  double *at, *to, *middle, *bounds, *there, *trial, *linear, *pull;
} space;

static bool make_space(double *memory, size_t n, size_t figures, space *out) {
  *out = (space){.at = memory, .to = memory + n, .middle = memory + 2 * n, .bounds = memory + 3 * n};
  out->there = memory + 5 * n;
  out->trial = out->there + figures;
  out->linear = out->trial + figures;
  out->pull = out->linear + figures;
  return true;
}

/* Moves towards `to`, half as far each time the true loss is not less. Returns the loss reached. */
static slip_status step(slip_joint *joint, const slip_joint_job *job, const space *s, double *u, double *value,
                        slip_error *err) {
  const size_t n = joint->n_unknowns;
  slip_status status = SLIP_OK;
  double share = 1;
  for (int halving = 0; halving <= HALVINGS; halving++, share /= 2) {
    for (size_t i = 0; i < n; i++)
      s->middle[i] = s->at[i] + share * (s->to[i] - s->at[i]);
    slip_joint_move(joint, s->middle);
    SLIP_TRY(slip_joint_residuals(joint, s->trial, err));
    const double here = loss(joint, job->in, s->trial, NULL) + prior_loss(s->middle, n);
    if (here < *value) {
      *value = here;
      memcpy(u, s->middle, n * sizeof *u);
      memcpy(s->there, s->trial, joint->n_rows * Q * sizeof *s->there);
      break;
    }
  }
cleanup:
  return status;
}

slip_status slip_joint_fit(slip_joint *joint, const slip_joint_job *job, double *u, double *residuals,
                           slip_error *err) {
  const size_t n = joint->n_unknowns, figures = joint->n_rows * Q;
  const int most = job->most_rounds > 0 ? job->most_rounds : USUAL_ROUNDS;
  slip_status status = SLIP_OK;
  space s;
  double *memory = slip_memory_resize(NULL, (5 * n + 4 * figures + 1) * sizeof *memory);
  if (!memory)
    return slip_no_memory(err);
  make_space(memory, n, figures, &s);
  slip_joint_move(joint, u);
  SLIP_TRY(slip_joint_residuals(joint, s.there, err));
  double value = loss(joint, job->in, s.there, NULL) + prior_loss(u, n);
  for (int round = 0; round < most && n > 0; round++) {
    const double before = value;
    if (job->stop && *job->stop)
      SLIP_FAIL(err, SLIP_INTERRUPTED, "stopped before the fit was done");
    slip_joint_move(joint, u);
    if (!job->keep_derivatives || !joint->differentiated)
      SLIP_TRY(slip_joint_differentiate(joint, err));
    memcpy(s.at, u, n * sizeof *u);
    problem p = {joint, job->in, s.at, s.there, s.linear, s.pull};
    SLIP_TRY(minimise_linear(&p, s.to, s.bounds, err));
    SLIP_TRY(step(joint, job, &s, u, &value, err));
    if (!(before - value > ENOUGH * before))
      break;
  }
  slip_joint_move(joint, u);
  memcpy(residuals, s.there, figures * sizeof *residuals);
cleanup:
  free(memory);
  return status;
}

/* ---- what is left to be known ---- */

/* d residual / d unknown of one figure, dense, into g[n]. Derivatives of all constants stand in `dense` (constants x figures). */
static void gradient_of(const slip_joint *joint, const double *dense, size_t k, double *g) {
  const size_t figures = joint->n_rows * Q;
  memset(g, 0, joint->n_unknowns * sizeof *g);
  for (size_t i = 0; i < joint->n_constants; i++) {
    const double d = dense[i * figures + k];
    const bound_constant *c = &joint->constants[i];
    for (int part = 0; part < PARTS && d != 0; part++)
      if (c->unknown[part] != SIZE_MAX)
        g[c->unknown[part]] += d * c->sd[part];
  }
}

/* The Gauss-Newton Hessian: identity of the priors, and each figure's outer product by its weight in Huber's loss. */
static void hessian(const slip_joint *joint, const bool *in, const double *residuals, const double *dense,
                    double *g, double *h) {
  const size_t n = joint->n_unknowns;
  memset(h, 0, n * n * sizeof *h);
  for (size_t i = 0; i < n; i++)
    h[i * n + i] = 1;
  for (size_t k = 0; k < joint->n_rows * Q; k++) {
    const size_t r = k / Q;
    if (isnan(residuals[k]) || (in && !in[r]))
      continue;
    const double sd = sd_of(joint, k), z = fabs(residuals[k]) / sd;
    const double weight = (z <= SLIP_HUBER ? 1 : SLIP_HUBER / z) / joint->rows[r].n_used / (sd * sd);
    gradient_of(joint, dense, k, g);
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; g[i] != 0 && j < n; j++)
        h[i * n + j] += weight * g[i] * g[j];
  }
}

slip_status slip_joint_posterior(slip_joint *joint, const slip_joint_job *job, const double *residuals,
                                 double *constant_sd, double *effective, slip_error *err) {
  const size_t n = joint->n_unknowns, figures = joint->n_rows * Q;
  slip_status status = SLIP_OK;
  double *memory = slip_memory_resize(NULL, (n * n + n + joint->n_constants * figures + 1) * sizeof *memory);
  if (!memory)
    return slip_no_memory(err);
  double *h = memory, *g = h + n * n, *dense = g + n;
  SLIP_TRY(slip_joint_differentiate(joint, err));
  memset(dense, 0, joint->n_constants * figures * sizeof *dense);
  for (size_t i = 0; i < joint->n_constants; i++) {
    const bound_constant *c = &joint->constants[i];
    for (size_t k = 0; k < c->shown.n_rows; k++)
      for (size_t q = 0; q < Q; q++) {
        const double d = c->derivatives[k * Q + q];
        dense[i * figures + c->rows[k] * Q + q] = isnan(d) ? 0 : d;
      }
  }
  hessian(joint, job->in, residuals, dense, g, h);
  slip_invert(h, n);
  *effective = 0;
  for (size_t i = 0; i < n; i++)
    *effective += 1 - h[i * n + i];
  for (size_t i = 0; i < joint->n_constants; i++) {
    const bound_constant *c = &joint->constants[i];
    double variance = 0;
    for (int a = 0; a < PARTS; a++)
      for (int b = 0; b < PARTS; b++)
        if (c->unknown[a] != SIZE_MAX && c->unknown[b] != SIZE_MAX)
          variance += c->sd[a] * c->sd[b] * h[c->unknown[a] * n + c->unknown[b]];
    constant_sd[i] = sqrt(variance);
  }
cleanup:
  free(memory);
  return status;
}
