/* The published kernel measurements (data/measured/kernels.csv) read as cases, for tests that hold the model
 * against them. Found by the environment variable SLIP_SOURCE_DIR; without it tests skip. */
#ifndef SLIP_TESTS_KERNEL_ROWS_H
#define SLIP_TESTS_KERNEL_ROWS_H

#include <stddef.h>

#include "calibrate/case.h"

typedef struct kernel_rows {
  slip_catalog *catalog;
  slip_arena *arena;
  slip_case *cases;
  size_t count;
} kernel_rows;

/* False when SLIP_SOURCE_DIR is unset or the table cannot be read. */
bool kernel_rows_open(kernel_rows *rows);
void kernel_rows_close(kernel_rows *rows);

/* Of the scored rows of a chip (catalog name) and operation that `also` accepts (NULL: all): median and 90th
 * percentile of |predicted / measured - 1|, times for rates too. Returns their number; prints a line. */
size_t kernel_rows_errors(const kernel_rows *rows, const char *chip, const char *op,
                          bool (*also)(const slip_case *c), double *median, double *ninth);

/* What a fit of the catalog reaches, and a little: at least `least` rows of a chip and operation, their errors no larger. */
typedef struct kernel_bound {
  const char *chip, *op;
  double median, ninth;
} kernel_bound;
/* Asserts all bounds; skips the test where there is no table. */
void kernel_rows_within(const kernel_bound *bounds, size_t count, size_t least);

#endif
