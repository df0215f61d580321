/* Many constants of many entries fitted together to many rows: maximum a posteriori, by Gauss and Newton.
 *
 * The unknowns u are standard normal before any row is seen: one per constant of the agenda, then one per field, and one per
 * entry, in which constants have something in common (agenda.h). The loss is Huber's of ln(predicted / measured) plus |u|^2 / 2. Each round differentiates the rows
 * by the constants that they depend on, minimises the loss of the linearised rows (NLopt, L-BFGS), and halves the step until the true
 * loss is less. */
#ifndef SLIP_CALIBRATE_JOINT_H
#define SLIP_CALIBRATE_JOINT_H

#include "calibrate/agenda.h"
#include "calibrate/fit.h"
#include "catalog/catalog_internal.h"

typedef struct slip_joint slip_joint;

/* One constant as it is bound to a catalog. */
typedef struct slip_joint_constant {
  const slip_agenda_field *field;
  const slip_agenda_constant *shared;
  double now;    /* its value, SI */
  size_t n_rows; /* that may depend on it */
  size_t
      moved; /* of them, those that it moved by a thousandth per unit of ln or logit when they were last differentiated */
} slip_joint_constant;

/* Binds the agenda to the catalog, whose numbers are moved from now on, and to rows that were read against that catalog. Everything lives in
 * the arena, but `rows` is only kept. SLIP_BAD_INPUT: an owner or level that the catalog does not have, with file and line. */
slip_status slip_joint_open(slip_arena *arena, const slip_agenda *agenda, slip_catalog *catalog,
                            const slip_fit_row *rows, size_t n_rows, slip_joint **out, slip_error *err);
size_t slip_joint_unknowns(const slip_joint *joint);
size_t slip_joint_constants(const slip_joint *joint, const slip_joint_constant **out);
/* The most probable unknowns at which the constants are what the catalog had when it was bound, each within 3 of the prior: where a fit
 * starts, since the nearest minimum is found. SLIP_NO_MEMORY. O(constants^3). */
slip_status slip_joint_start(const slip_joint *joint, double *u, slip_error *err);
/* What a group of which no row was seen gets for a field of the agenda: the prior, moved by what the field's groups have in common. SI. */
double slip_joint_common(const slip_joint *joint, const double *u, size_t field);
/* Writes the constants for u into the catalog. */
void slip_joint_move(slip_joint *joint, const double *u);
/* Writes back what the catalog had when it was bound. */
void slip_joint_restore(slip_joint *joint);
/* ln(predicted / measured) under the catalog as it is; as slip_fit_residuals. Rows in parallel. */
slip_status slip_joint_residuals(const slip_joint *joint, double *out, slip_error *err);

typedef struct slip_joint_job {
  const bool *in; /* per row: counts in the fit; NULL: all do */
  bool
      keep_derivatives; /* those of the last fit serve: for fits to nearly the same rows from nearly the same start */
  int most_rounds;      /* 0: 30 */
  const volatile int *stop;
} slip_joint_job;

/* From u (start) to u (fitted); the catalog is left at it, and residuals[n_rows * SLIP_MAX_QUANTITIES] are those of all rows there.
 * The outcome does not depend on the number of threads. SLIP_INTERRUPTED, SLIP_NO_MEMORY. */
slip_status slip_joint_fit(slip_joint *joint, const slip_joint_job *job, double *u, double *residuals,
                           slip_error *err);

/* What is left to be known at the end of a fit, in the linearised model: per constant the standard deviation of its transformed value, and
 * how many constants the rows really determine, sum of 1 - (posterior / prior variance) over the unknowns. */
slip_status slip_joint_posterior(slip_joint *joint, const slip_joint_job *job, const double *residuals,
                                 double *constant_sd, double *effective, slip_error *err);

#endif
