/* Bytes as a sweep: read, and when it is one, its first and last points computed where their job has a plan of its own (a search takes
 * too long here). Nothing but SLIP_OK, bad input and no memory may come out of reading; a row has a status. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <slipstick/sweep.h>

static slip_catalog *catalog; /* opened once: it never changes */

/* An answer that no input may give ends the run, so that the fuzzer keeps the input. */
static void expect(int is_as_it_should_be) {
  if (!is_as_it_should_be)
    abort();
}

static int has_plan(const slip_grid *sweep) {
  const slip_column *columns;
  int n = slip_grid_columns(sweep, &columns);
  for (int i = 0; i < n; i++)
    if (strcmp(columns[i].name, "plan") == 0)
      return 1;
  return 0;
}

static void compute(const slip_grid *sweep, int64_t point) {
  static slip_cell cells[SLIP_MAX_COLUMNS];
  const slip_column *columns;
  slip_error err = {0};
  int n = slip_grid_columns(sweep, &columns), answered = 0;
  expect(slip_grid_point(sweep, point, NULL, cells, &err) == SLIP_OK);
  for (int i = 0; i < n; i++) {
    expect(cells[i].type == SLIP_CELL_NULL || cells[i].type == columns[i].type);
    if (strcmp(columns[i].name, "status") == 0)
      answered = cells[i].type == SLIP_CELL_TEXT && cells[i].text[0] != '\0';
  }
  expect(answered && cells[0].integer == point);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  slip_grid *sweep = NULL;
  slip_error err = {0};
  if (!catalog)
    expect(slip_catalog_open(NULL, 0, &catalog, &err) == SLIP_OK);
  const slip_status status = slip_grid_parse(catalog, "input", (const char *)data, size, &sweep, &err);
  expect(status == SLIP_OK || status == SLIP_BAD_INPUT || status == SLIP_UNSUPPORTED || status == SLIP_IO_FAILURE);
  if (status != SLIP_OK) {
    expect(err.message[0] != '\0');
    return 0;
  }
  expect(slip_grid_points(sweep) >= 1);
  if (has_plan(sweep)) {
    compute(sweep, 0);
    compute(sweep, slip_grid_points(sweep) - 1);
  }
  slip_grid_free(sweep);
  return 0;
}
