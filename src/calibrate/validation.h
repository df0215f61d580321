/* What a validation holds, and what calibration shares of it. */
#ifndef SLIP_CALIBRATE_VALIDATION_H
#define SLIP_CALIBRATE_VALIDATION_H

#include <slipstick/validate.h>

#include "base/arena.h"
#include "calibrate/csv.h"

struct slip_validation {
  slip_arena **arenas; /* of the tables' texts, and one per thread */
  size_t n_arenas;
  slip_checked *rows; /* in table order */
  size_t n_rows;
};

/* The kind of a table by its columns; SLIP_BAD_INPUT when it is none of them. */
slip_status slip_csv_kind(const slip_csv *table, slip_row_kind *kind, slip_error *err);
slip_status slip_csv_read(slip_arena *arena, const char *path, slip_csv *out, slip_error *err);
/* The q-quantile of x[0..n), which it sorts; NAN without values. Linear between the two nearest ranks. */
double slip_quantile(double *x, size_t n, double q);

#endif
