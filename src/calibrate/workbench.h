/* Rows and a catalog of their own, whose constants may be moved: what calibration and held-out validation work on.
 *
 * Rows are read against a copy of the catalog, so that each points (through its stack, chip or system) at the very numbers that are
 * moved. Moving is for one thread at a time, predicting for all. */
#ifndef SLIP_CALIBRATE_WORKBENCH_H
#define SLIP_CALIBRATE_WORKBENCH_H

#include <slipstick/calibrate.h>

#include "calibrate/case.h"
#include "catalog/catalog_internal.h"

typedef struct slip_workbench_row {
  const slip_csv *table;
  size_t index; /* in the table */
  slip_row_kind kind;
  bool read;   /* false: stopped before it was reached */
  slip_case c; /* c.shown is filled in whatever the row is worth */
} slip_workbench_row;

typedef struct slip_workbench {
  slip_catalog *catalog;
  bool owns_catalog;
  slip_arena **arenas; /* of the tables' texts, and one per thread */
  size_t n_arenas;
  slip_workbench_row *rows; /* in table order; rows aside come after n_rows others */
  size_t n_rows;
  size_t n_aside; /* of data/unseen: in no fit, but they tell of intervals */
} slip_workbench;

typedef struct slip_progress {
  void (*call)(double share, void *context); /* NULL: nobody listens */
  void *context;
} slip_progress;

/* Reads the tables (none: the built-in ones) against a copy of the catalog when `copy`, else against itself. The built-in ones to fit to (`copy`) come
 * with rows aside. SLIP_INTERRUPTED: some rows
 * were not reached; the workbench is usable all the same. The catalog must outlive it. */
slip_status slip_workbench_open(const slip_catalog *catalog, bool copy, const char *const *files, size_t n_files,
                                const volatile int *stop, slip_progress progress, slip_workbench **out,
                                slip_error *err);
void slip_workbench_free(slip_workbench *bench); /* NULL is allowed */
/* Reads the scored rows of a kind again: layouts that a row leaves open are searched with the constants as they are now. */
slip_status slip_workbench_reread(slip_workbench *bench, slip_row_kind kind, slip_error *err);
/* Predicts with the case's own constants. As slip_predict_*_case. */
slip_status slip_workbench_predict(const slip_case *c, double predicted[SLIP_MAX_QUANTITIES],
                                   double spread[SLIP_MAX_QUANTITIES], slip_error *err);
/* The same with another stack. */
slip_status slip_workbench_predict_under(const slip_case *c, const slip_stack *stack,
                                         double predicted[SLIP_MAX_QUANTITIES], slip_error *err);
/* One more arena that lives as long as the workbench: for a thread's texts. Not itself thread-safe. NULL when out of memory. */
slip_arena *slip_workbench_add_arena(slip_workbench *bench);
/* A first arena of the workbench, for texts that live as long. */
slip_arena *slip_workbench_arena(slip_workbench *bench);

#endif
