#include "support/kernel_rows.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the four that it needs */
#include <cmocka.h>

#include "base/text.h"

static bool read_cases(kernel_rows *rows, const char *path) {
  char *bytes = NULL;
  size_t n = 0;
  slip_csv *table = slip_arena_alloc(rows->arena, sizeof *table);
  bool ok = table && slip_read_file(path, 1 << 24, &bytes, &n, NULL) == SLIP_OK &&
            slip_csv_parse(rows->arena, path, bytes, n, table, NULL) == SLIP_OK;
  free(bytes);
  if (!ok)
    return false;
  slip_case_reader reader = {.catalog = rows->catalog, .arena = rows->arena};
  rows->cases = slip_arena_array(rows->arena, table->n_rows, sizeof *rows->cases);
  for (rows->count = 0; rows->cases && rows->count < table->n_rows; rows->count++) {
    slip_row row = {table, rows->count};
    if (slip_read_kernel_case(&reader, &row, &rows->cases[rows->count], NULL) != SLIP_OK)
      return false;
  }
  return rows->cases != NULL;
}

bool kernel_rows_open(kernel_rows *rows) {
  const char *root = getenv("SLIP_SOURCE_DIR");
  char path[1024];
  *rows = (kernel_rows){.arena = slip_arena_open()};
  snprintf(path, sizeof path, "%s/data/measured/kernels.csv", root ? root : "");
  if (root && rows->arena && slip_catalog_open(NULL, 0, &rows->catalog, NULL) == SLIP_OK && read_cases(rows, path))
    return true;
  kernel_rows_close(rows);
  return false;
}

void kernel_rows_close(kernel_rows *rows) {
  slip_catalog_free(rows->catalog);
  slip_arena_free(rows->arena);
  *rows = (kernel_rows){.count = 0};
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

size_t kernel_rows_errors(const kernel_rows *rows, const char *chip, const char *op,
                          bool (*also)(const slip_case *c), double *median, double *ninth) {
  double *errors = calloc(rows->count, sizeof *errors);
  size_t n = 0;
  for (size_t i = 0; errors && i < rows->count; i++) {
    const slip_case *c = &rows->cases[i];
    double predicted[SLIP_MAX_QUANTITIES];
    if (!c->shown.scored || strcmp(c->shown.chip, chip) != 0 || strcmp(c->shown.model, op) != 0 ||
        (also && !also(c)))
      continue;
    if (slip_predict_kernel_case(c, NULL, NULL, predicted, NULL, NULL) != SLIP_OK)
      continue;
    double ratio = predicted[0] / c->shown.measured;
    errors[n++] = fabs((c->kernel.is_rate ? 1 / ratio : ratio) - 1);
  }
  if (n > 0)
    qsort(errors, n, sizeof *errors, by_value);
  *median = n > 0 ? errors[n / 2] : NAN;
  *ninth = n > 0 ? errors[n * 9 / 10] : NAN;
  free(errors);
  printf("  %s %s: %zu rows, median %.1f%%, 90th percentile %.1f%%\n", chip, op, n, 100 * *median, 100 * *ninth);
  return n;
}

void kernel_rows_within(const kernel_bound *bounds, size_t count, size_t least) {
  kernel_rows rows;
  int misses = 0;
  if (!kernel_rows_open(&rows))
    skip();
  for (size_t i = 0; i < count; i++) {
    double median, ninth;
    const size_t n = kernel_rows_errors(&rows, bounds[i].chip, bounds[i].op, NULL, &median, &ninth);
    misses += !(n >= least && median <= bounds[i].median && ninth <= bounds[i].ninth);
  }
  kernel_rows_close(&rows);
  assert_int_equal(misses, 0);
}
