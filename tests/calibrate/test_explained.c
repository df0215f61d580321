/* Explanations of rows that are far off: each is of a row that exists, and only rows of data/measured have one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "calibrate/explained.h"
#include "calibrate/measured.h"

static slip_arena *arena;
static slip_csv explained;

static int setup(void **state) {
  arena = slip_arena_open();
  return arena && slip_explained_open(arena, &explained, NULL) == SLIP_OK ? 0 : -1;
}

static int teardown(void **state) {
  slip_arena_free(arena);
  return 0;
}

static size_t rows_named(const slip_csv *table, const char *id) {
  size_t n = 0;
  for (size_t i = 0; i < table->n_rows; i++) {
    const slip_row row = {table, i};
    n += strcmp(slip_row_text(&row, "id"), id) == 0;
  }
  return n;
}

static void each_explains_one_row_of_the_built_in_tables(void **state) {
  slip_csv *tables = slip_arena_array(arena, slip_measured_file_count, sizeof *tables);
  for (size_t t = 0; t < slip_measured_file_count; t++) {
    const slip_embedded_file *file = &slip_measured_files[t];
    assert_string_not_equal(file->path, "measured/explained.csv"); /* it is no table of measurements */
    assert_int_equal(slip_csv_parse(arena, file->path, (const char *)file->bytes, file->size, &tables[t], NULL),
                     SLIP_OK);
  }
  assert_true(explained.n_rows > 0);
  for (size_t i = 0; i < explained.n_rows; i++) {
    const slip_row entry = {&explained, i};
    const char *id = slip_row_text(&entry, "id");
    size_t found = 0;
    for (size_t t = 0; t < slip_measured_file_count; t++)
      found += rows_named(&tables[t], id);
    if (found != 1 || rows_named(&explained, id) != 1 || slip_row_text(&entry, "explanation")[0] == '\0')
      fail_msg("line %d: '%s' is not one row of data/measured with an explanation", slip_row_line(&entry), id);
  }
}

static void only_rows_of_the_built_in_tables_have_one(void **state) {
  const slip_row first = {&explained, 0};
  slip_checked row = {.id = slip_row_text(&first, "id"), .file = "data/measured/kernels.csv"};
  assert_string_equal(slip_explained(&explained, &row), slip_row_text(&first, "explanation"));
  row.file = "mine.csv";
  assert_string_equal(slip_explained(&explained, &row), "");
  row = (slip_checked){.id = "of tomorrow", .file = "data/measured/kernels.csv"};
  assert_string_equal(slip_explained(&explained, &row), "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_explains_one_row_of_the_built_in_tables),
      cmocka_unit_test(only_rows_of_the_built_in_tables_have_one),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
