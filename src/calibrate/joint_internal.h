/* Inside of a joint fit:
 *
 *   joint.c      constants and their places in the catalog, residuals and derivatives
 *   joint_fit.c  the loss, the fit, what is left to be known */
#ifndef SLIP_CALIBRATE_JOINT_INTERNAL_H
#define SLIP_CALIBRATE_JOINT_INTERNAL_H

#include "calibrate/joint.h"

/* An unknown that moves a constant: its field's, its entry's, its own. */
enum { FIELD, ENTRY, OWN, PARTS };

typedef struct bound_constant {
  slip_joint_constant shown;
  double **places, *originals; /* in the catalog, and what stood there */
  size_t n_places;
  double **followers; /* keep their ratio to the constant */
  double *ratios, *follower_originals;
  size_t n_followers;
  size_t unknown[PARTS]; /* the unknowns that move it; SIZE_MAX: there is none */
  double steep;          /* of the logit between bounds, against ln */
  double sd[PARTS];      /* how far one unit of each moves its transformed value */
  size_t *rows;          /* that depend on it, ascending */
  double *derivatives;   /* d residual / d transformed value, rows * Q */
} bound_constant;

struct slip_joint {
  const slip_agenda *agenda;
  slip_catalog *catalog;
  const slip_fit_row *rows;
  size_t n_rows;
  bound_constant *constants;
  slip_joint_constant *shown; /* copies, for callers */
  size_t n_constants, n_unknowns;
  bool differentiated;
  slip_arena *arena;
};

/* How far the unknowns move the constant's transformed value. */
double slip_joint_moved_by(const bound_constant *c, const double *u);
/* Of all constants, where they are. SLIP_NO_MEMORY. */
slip_status slip_joint_differentiate(slip_joint *joint, slip_error *err);

#endif
