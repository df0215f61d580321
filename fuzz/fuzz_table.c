/* Bytes as a table of measurements: parsed, every cell read as text and as a number, then validated row by row. Nothing but SLIP_OK, bad
 * input and no memory may come out, and every row that is not scored says why. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calibrate/csv.h"
#include <slipstick/validate.h>

static slip_catalog *catalog; /* opened once: it never changes */

/* An answer that no input may give ends the run, so that the fuzzer keeps the input. */
static void expect(int is_as_it_should_be) {
  if (!is_as_it_should_be)
    abort();
}

/* False when it is no table. */
static int read_cells(const char *bytes, size_t size) {
  slip_arena *arena = slip_arena_open();
  slip_csv table;
  slip_error err = {0};
  expect(arena != NULL);
  const slip_status status = slip_csv_parse(arena, "input", bytes, size, &table, &err);
  expect(status == SLIP_OK || (status == SLIP_BAD_INPUT && err.line > 0 && err.message[0] != '\0'));
  for (size_t i = 0; status == SLIP_OK && i < table.n_rows; i++) {
    const slip_row row = {&table, i};
    expect(slip_row_line(&row) > (i > 0 ? table.lines[i - 1] : 1) - (i > 0));
    for (size_t c = 0; c < table.n_columns; c++) {
      bool bad = false;
      const double value = slip_row_number(&row, table.columns[c], &bad);
      expect(slip_row_text(&row, table.columns[c]) != NULL);
      expect(!bad || value != value);
    }
  }
  slip_arena_free(arena);
  return status == SLIP_OK;
}

static void validate(const char *bytes, size_t size) {
  char path[] = "/tmp/slipstick-fuzz-XXXXXX";
  const int file = mkstemp(path);
  expect(file >= 0 && write(file, bytes, size) == (ssize_t)size && close(file) == 0);
  const char *files[] = {path};
  const slip_validate_job job = {catalog, files, 1};
  slip_validation *v = NULL;
  slip_error err = {0};
  const slip_status status = slip_validate(&job, NULL, NULL, NULL, &v, &err);
  expect(status == SLIP_OK || status == SLIP_BAD_INPUT);
  for (size_t i = 0; status == SLIP_OK && i < slip_validation_count(v); i++) {
    const slip_checked *row = slip_validation_row(v, i);
    expect(row->scored ? row->predicted > 0 && row->measured > 0 : row->reason[0] != '\0');
    expect(row->chip && row->model && row->stack && row->phase && row->quantity && row->unit && row->inferred);
  }
  slip_validation_free(v);
  expect(unlink(path) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (catalog == NULL)
    expect(slip_catalog_open(NULL, 0, &catalog, NULL) == SLIP_OK);
  if (read_cells((const char *)data, size))
    validate((const char *)data, size);
  return 0;
}
