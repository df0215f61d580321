/* CSV tables: what is a cell, on which line a row starts, what is refused and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "calibrate/csv.h"

typedef struct parsed {
  slip_arena *arena;
  slip_csv table;
  slip_status status;
  slip_error err;
} parsed;

static parsed parse_bytes(const char *bytes, size_t n) {
  parsed p = {.arena = slip_arena_open()};
  assert_non_null(p.arena);
  p.status = slip_csv_parse(p.arena, "t.csv", bytes, n, &p.table, &p.err);
  return p;
}

static parsed parse(const char *text) {
  return parse_bytes(text, strlen(text));
}

static void done(parsed *p) {
  slip_arena_free(p->arena);
  assert_int_equal(slip_arena_live_bytes(), 0);
}

static void assert_cell(const parsed *p, size_t row, const char *column, const char *want) {
  const slip_row r = {&p->table, row};
  assert_string_equal(slip_row_text(&r, column), want);
}

static void cells_are_found_by_name(void **state) {
  parsed p = parse("b,a\n1, two \n\"x,y\",\"say \"\"hi\"\"\"\n");
  assert_int_equal(p.status, SLIP_OK);
  assert_int_equal(p.table.n_rows, 2);
  assert_cell(&p, 0, "a", "two"); /* blanks around a cell are not part of it */
  assert_cell(&p, 0, "b", "1");
  assert_cell(&p, 1, "b", "x,y");
  assert_cell(&p, 1, "a", "say \"hi\"");
  assert_cell(&p, 0, "c", ""); /* no such column */
  assert_cell(&p, 2, "a", ""); /* no such row */
  assert_true(slip_csv_has(&p.table, "b"));
  assert_false(slip_csv_has(&p.table, "B"));
  done(&p);
}

static void numbers_are_whole_cells(void **state) {
  parsed p = parse("a,b,c\n1.5e3,,4 GPUs\n");
  const slip_row row = {&p.table, 0};
  bool bad = false;
  assert_true(slip_row_number(&row, "a", &bad) == 1500);
  assert_true(isnan(slip_row_number(&row, "b", &bad))); /* empty: not there, not bad */
  assert_true(isnan(slip_row_number(&row, "z", &bad)));
  assert_false(bad);
  assert_true(isnan(slip_row_number(&row, "c", &bad)));
  assert_true(bad);
  (void)slip_row_number(&row, "a", &bad);
  assert_true(bad); /* never cleared */
  done(&p);
}

/* Blank lines do not count as rows, quoted cells may hold line ends, and lines end in \n, \r\n or \r. */
static void a_row_has_the_line_it_starts_on(void **state) {
  parsed p = parse("\xEF\xBB\xBF\na,b\r\n\n1,2\n   \n\"two\nlines\",3\n4,5\r6,7");
  assert_int_equal(p.status, SLIP_OK);
  assert_int_equal(p.table.n_rows, 4);
  const int lines[] = {4, 6, 8, 9};
  for (size_t i = 0; i < 4; i++)
    assert_int_equal(p.table.lines[i], lines[i]);
  assert_cell(&p, 1, "a", "two\nlines");
  assert_cell(&p, 3, "b", "7");
  done(&p);
}

static void short_rows_are_filled_and_long_ones_are_bad(void **state) {
  parsed p = parse("a,b,c\n1\n1,2,3,4\n1,2,3\n");
  assert_int_equal(p.status, SLIP_OK);
  assert_cell(&p, 0, "c", "");
  assert_false(p.table.bad[0]);
  assert_true(p.table.bad[1]);
  assert_false(p.table.bad[2]);
  assert_cell(&p, 2, "c", "3"); /* the surplus did not shift what follows */
  done(&p);
}

/* Quotes in the wrong place spoil their own row only. */
static void a_misplaced_quote_spoils_one_row(void **state) {
  parsed p = parse("a,b\n\"x\"y,2\n3,4\n5\" disk,6\n7,8\n");
  assert_int_equal(p.status, SLIP_OK);
  assert_int_equal(p.table.n_rows, 4);
  const bool bad[] = {true, false, true, false};
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(p.table.bad[i], bad[i]);
    assert_int_equal(p.table.lines[i], (int)i + 2);
  }
  assert_cell(&p, 1, "a", "3");
  assert_cell(&p, 3, "b", "8");
  done(&p);
}

static void what_is_no_table_is_refused_with_its_line(void **state) {
  static const struct {
    const char *text;
    int line;
    const char *says;
  } cases[] = {
      {"", 1, "column names"},
      {"\n \n", 1, "column names"},
      {"a,,c\n", 1, "column 2 has no name"},
      {"\na,b,a\n", 2, "both called \"a\""},
      {"a\n1\n\"never\nends\n", 3, "never ends"},
      {"a\"b,c\n", 1, "quote"},
      {"a\n1\n\xff\n", 3, "UTF-8"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    parsed p = parse(cases[i].text);
    assert_int_equal(p.status, SLIP_BAD_INPUT);
    assert_string_equal(p.err.file, "t.csv");
    assert_int_equal(p.err.line, cases[i].line);
    assert_non_null(strstr(p.err.message, cases[i].says));
    done(&p);
  }
  parsed p = parse_bytes("a\n\0\n", 4); /* NUL is no text */
  assert_int_equal(p.status, SLIP_BAD_INPUT);
  assert_int_equal(p.err.line, 2);
  done(&p);
}

static void too_many_columns_are_refused(void **state) {
  char text[8 * SLIP_TABLE_MAX_COLUMNS] = "c0";
  for (int most = SLIP_TABLE_MAX_COLUMNS; most <= SLIP_TABLE_MAX_COLUMNS + 1; most++) {
    size_t n = 2;
    for (int i = 1; i < most; i++)
      n += (size_t)snprintf(text + n, sizeof text - n, ",c%d", i);
    parsed p = parse(text);
    assert_int_equal(p.status, most > SLIP_TABLE_MAX_COLUMNS ? SLIP_BAD_INPUT : SLIP_OK);
    done(&p);
  }
}

/* Every allocation fails once: "out of memory", or no harm where libcsv tries again with less; and nothing stays behind. */
static void running_out_of_memory_is_told(void **state) {
  int failures = 0;
  for (long n = 1, good = 0; good < 3; n++) {
    slip_arena *arena = slip_arena_open();
    slip_csv table;
    slip_error err;
    slip_arena_fail_after(n);
    const slip_status status = slip_csv_parse(arena, "t.csv", "a,b\n1,2\n3\n", 10, &table, &err);
    slip_arena_fail_after(0);
    slip_arena_free(arena);
    assert_true(status == SLIP_OK || status == SLIP_NO_MEMORY);
    good = status == SLIP_OK ? good + 1 : 0;
    failures += status == SLIP_NO_MEMORY;
  }
  assert_true(failures >= 3); /* of cells, lines and marks at least */
  assert_int_equal(slip_arena_live_bytes(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cells_are_found_by_name),
      cmocka_unit_test(numbers_are_whole_cells),
      cmocka_unit_test(a_row_has_the_line_it_starts_on),
      cmocka_unit_test(short_rows_are_filled_and_long_ones_are_bad),
      cmocka_unit_test(a_misplaced_quote_spoils_one_row),
      cmocka_unit_test(what_is_no_table_is_refused_with_its_line),
      cmocka_unit_test(too_many_columns_are_refused),
      cmocka_unit_test(running_out_of_memory_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
