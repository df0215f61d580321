/* What a validation holds, and what calibration shares of it. */
#ifndef SLIP_CALIBRATE_VALIDATION_H
#define SLIP_CALIBRATE_VALIDATION_H

#include <slipstick/validate.h>

#include "base/arena.h"
#include "calibrate/csv.h"
#include "calibrate/workbench.h"

struct slip_validation {
  slip_workbench *bench; /* whose texts the rows show; NULL in a view */
  slip_checked *rows;    /* in table order */
  size_t n_rows;
  struct slip_validation *views[SLIP_SCHEMES]; /* of a held-out validation: the other schemes; owned */
  slip_fit_size fits[SLIP_ROW_KINDS];
};

/* The kind of a table by its columns; SLIP_BAD_INPUT when it is none of them. */
slip_status slip_csv_kind(const slip_csv *table, slip_row_kind *kind, slip_error *err);
slip_status slip_csv_read(slip_arena *arena, const char *path, slip_csv *out, slip_error *err);
/* The q-quantile of x[0..n), which it sorts; NAN without values. Linear between the two nearest ranks. */
double slip_quantile(double *x, size_t n, double q);

/* Of some rows. `group` is kept. SLIP_NO_MEMORY. O(n log n). */
slip_status slip_summarise(const char *group, const slip_checked *const *rows, size_t n, slip_summary *out,
                           slip_error *err);

#endif
