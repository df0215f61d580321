/* The table of published kernel measurements (reference/measured/kernels.csv of the shared folder), for tests that compare
 * the model with it. Found by the environment variable SLIP_SHARED; without it tests skip. */
#ifndef SLIP_TESTS_KERNEL_ROWS_H
#define SLIP_TESTS_KERNEL_ROWS_H

#include <stddef.h>

typedef struct kernel_row {
  char source[160], chip[48], op[32], dtype[48], shape[320], unit[48];
  double value;
} kernel_row;

/* All rows, *count of them; NULL when SLIP_SHARED is unset or has no table. free() them. */
kernel_row *kernel_rows_read(size_t *count);
/* The number under `key` in the row's shape; NAN when it has none. */
double kernel_row_number(const kernel_row *row, const char *key);

/* |ln(predicted / measured)| of many rows. */
typedef struct row_errors {
  double values[1200];
  size_t count;
} row_errors;
void row_errors_add(row_errors *errors, double predicted, double measured);
/* exp of the quantile (0 to 1) of the errors, less one: 0.2 is 20%. NAN without rows. Sorts them. */
double row_errors_quantile(row_errors *errors, double quantile);

#endif
