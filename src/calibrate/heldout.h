/* Predictions of rows by constants that were fitted without them. */
#ifndef SLIP_CALIBRATE_HELDOUT_H
#define SLIP_CALIBRATE_HELDOUT_H

#include "calibrate/joint.h"
#include "calibrate/spread.h"
#include "calibrate/workbench.h"

/* Scored rows of the kind that the model answers, under the constants as they are. In the arena. SLIP_NO_MEMORY. */
slip_status slip_fit_rows_take(slip_workbench *bench, slip_row_kind kind, slip_arena *arena, slip_fit_rows *out,
                               slip_error *err);

/* ln(predicted / measured) and the half-width of the 80% interval, n * SLIP_MAX_QUANTITIES each; NAN where a scheme has no figure. */
typedef struct slip_held_out {
  double *residuals[SLIP_SCHEMES], *spreads[SLIP_SCHEMES];
  slip_fit_size size;
} slip_held_out;

typedef struct slip_fit_watch {
  const volatile int *stop;
  slip_progress progress;
  double from, to; /* share of the caller's progress that is told */
} slip_fit_watch;

/* Fits all rows (u gets the unknowns), the folds, and each source family left out; leaves the catalog at u. Schemes FOLDS, FAMILIES and OBSERVED
 * of *out are filled, in the arena; u has slip_joint_unknowns and is started from. */
slip_status slip_hold_out(slip_joint *joint, const slip_fit_rows *rows, slip_row_kind kind, slip_arena *arena,
                          const slip_fit_watch *watch, double *u, slip_held_out *out, slip_error *err);

/* Scheme OBSERVED: up to SLIP_OBSERVERS rows of a held-out stack and chip, the first by the hash of their ids, are observed, each by itself, and the
 * stack's rows are dealt to them; a row is never predicted after itself. Several, since the figure would else hang on which row it was.
 * The observed row (0 is the first by hash) after which the row at a place of that order is predicted; rows >= 2. */
enum { SLIP_OBSERVERS = 5 };
size_t slip_observer_of(size_t place, size_t rows);

#endif
