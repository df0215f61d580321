/* The most probable constants of a stack, given rows. The arithmetic: docs/cost-model.md, "Calibration by many rows". */
#ifndef SLIP_CALIBRATE_FIT_H
#define SLIP_CALIBRATE_FIT_H

#include <slipstick/calibrate.h>

#include "calibrate/case.h"

/* A row that a stack is fitted to. */
typedef struct slip_fit_row {
  const slip_case *c;
  bool used[SLIP_MAX_QUANTITIES]; /* the model has a value for it, and it was measured */
  int n_used;                     /* they share the weight of one row: they are measurements of one run */
  double range;                   /* widens the row's interval beyond the stack's: what the row leaves open */
} slip_fit_row;

typedef struct slip_fit_job {
  const slip_stack *base;
  bool train;
  const slip_fit_row *rows;
  size_t n_rows;
  const volatile int *stop;
  void (*progress)(double share, void *context);
  void *context;
  double seconds; /* limit of time */
} slip_fit_job;

typedef struct slip_fit_result {
  slip_stack stack; /* constants and spread */
  bool free[SLIP_MAX_CONSTANTS];
  double prior_sd[SLIP_MAX_CONSTANTS], posterior_sd[SLIP_MAX_CONSTANTS];
  bool converged;
} slip_fit_result;

/* SLIP_NO_MEMORY, SLIP_INTERRUPTED. O(evaluations * rows), rows in parallel; the outcome is that of one thread. */
slip_status slip_fit(const slip_fit_job *job, slip_fit_result *out, slip_error *err);

/* The row's quantities under a stack, and the spread of the prediction when that is not NULL. */
slip_status slip_fit_predict(const slip_case *c, const slip_stack *stack, double predicted[SLIP_MAX_QUANTITIES],
                             double *spread, slip_error *err);
/* ln(predicted / measured) of quantity q of row r into out[r * SLIP_MAX_QUANTITIES + q]; NAN where it is not used, SLIP_MISFIT where
 * the model refuses under this stack. Only SLIP_NO_MEMORY is an error. */
#define SLIP_MISFIT 3.0
slip_status slip_fit_residuals(const slip_fit_row *rows, size_t n, const slip_stack *stack, double *out,
                               slip_error *err);
/* Median and 90th percentile of |exp(residual) - 1|, NANs left out. SLIP_NO_MEMORY. */
slip_status slip_fit_errors_of(const double *residuals, size_t n, slip_fit_errors *out, slip_error *err);

#endif
