/* Tables: columns are aligned by what a terminal shows, nothing is ever cut off, and no cell can reach the
 * terminal's controls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "report/table.h"

static const slip_style plain = {false, 0};

static void check(slip_table *table, slip_style style, const char *expected) {
  slip_text out = {0};
  slip_table_write(table, &style, &out);
  slip_table_free(table);
  assert_false(out.failed);
  assert_string_equal(out.data, expected);
  slip_text_free(&out);
  assert_int_equal(slip_arena_live_bytes(), 0);
}

static slip_table *table_of(size_t columns, const char *const *cells, size_t count) {
  slip_table *table = slip_table_open(columns);
  for (size_t i = 0; i < count; i++)
    slip_table_cell(table, cells[i]);
  return table;
}
#define TABLE(columns, ...) \
  table_of(columns, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void columns_are_aligned_two_apart(void **state) {
  slip_table *table = TABLE(3, "name", "chips", "note", "a", "8", "x", "longer", "1024", "");
  slip_table_right(table, 1);
  check(table, plain,
        "name    chips  note\n"
        "a           8  x\n"
        "longer   1024\n"); /* no spaces at the end of a line */
}

static void width_counts_what_a_terminal_shows(void **state) {
  /* two bytes and one column; one base letter with a combining mark; two wide characters of two columns each */
  check(TABLE(2, "\xC3\xA9", "1", "e\xCC\x81", "2", "\xE6\x98\x87\xE8\x85\xBE", "3", "abcd", "4"), plain,
        "\xC3\xA9     1\n"
        "e\xCC\x81     2\n"
        "\xE6\x98\x87\xE8\x85\xBE  3\n"
        "abcd  4\n");
  assert_int_equal(slip_text_columns("\xE6\x98\x87\xE8\x85\xBE", 6), 4);
}

static void cells_wrap_where_the_terminal_is_narrow(void **state) {
  /* 2 + 2 + 12 columns do not fit 20 with 16 more; the plan is cut after commas, and no piece is lost */
  check(TABLE(2, "plan", "tp=8,pp=16,dp=4,mbs=1"), (slip_style){false, 20},
        "plan  tp=8,pp=16,\n"
        "      dp=4,mbs=1\n");
  check(TABLE(2, "k", "one two three four five"), (slip_style){false, 20},
        "k  one two three\n"
        "   four five\n");
}

static void a_word_is_never_cut(void **state) {
  check(TABLE(2, "key", "https://example.org/a/very/long/address"), (slip_style){false, 20},
        "key  https://example.org/a/very/long/address\n");
}

static void columns_that_do_not_fit_follow_in_a_second_block(void **state) {
  check(TABLE(4, "", "aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc", "row", "1", "2", "3"), (slip_style){false, 28},
        "     aaaaaaaaaa  bbbbbbbbbb\n"
        "row  1           2\n"
        "\n"
        "     cccccccccc\n"
        "row  3\n");
}

static void sections_span_all_columns(void **state) {
  slip_table *table = TABLE(2, "a", "1");
  slip_table_section(table, "TRAIN  seq 4096");
  slip_table_cell(table, "b");
  slip_table_cell(table, "2");
  check(table, plain, "a  1\nTRAIN  seq 4096\nb  2\n");
}

static void colour_is_only_where_it_is_allowed(void **state) {
  slip_table *table = TABLE(1, "head");
  slip_table_heading(table);
  slip_table_cell(table, "x");
  check(table, (slip_style){true, 0}, "\033[1mhead\n\033[0mx\n");
}

static void hostile_text_cannot_reach_the_terminal(void **state) {
  slip_text out = {0};
  /* escape, DEL, C1 in UTF-8, right-to-left override, a byte that is not UTF-8, newline */
  slip_safe_add(&out, "a\033[31m\x7F\xC2\x9B\xE2\x80\xAE\xFF\n", false);
  assert_string_equal(out.data, "a?[31m?????");
  slip_text_free(&out);
  check(TABLE(1, "x\033]0;owned\a"), plain, "x?]0;owned?\n");
}

static void leading_spaces_indent_and_do_not_break(void **state) {
  check(TABLE(2, "    deep", "1"), (slip_style){false, 20}, "    deep  1\n");
}

static void paragraphs_wrap_with_an_indent(void **state) {
  slip_text out = {0};
  const slip_style narrow = {false, 20};
  slip_paragraph(&out, &narrow, 2, "one two three four five six");
  assert_string_equal(out.data, "one two three four\n  five six\n");
  slip_text_free(&out);
}

/* Each allocation of a small table fails in turn: the text is marked, nothing leaks, nothing crashes. */
static void out_of_memory_is_reported(void **state) {
  for (long n = 1; n <= 3; n++) {
    slip_text out = {0};
    slip_arena_fail_after(n);
    slip_table *table = TABLE(2, "a", "b");
    slip_table_write(table, &plain, &out);
    slip_arena_fail_after(0);
    assert_true(out.failed);
    slip_table_free(table);
    slip_text_free(&out);
    assert_int_equal(slip_arena_live_bytes(), 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(columns_are_aligned_two_apart),
      cmocka_unit_test(width_counts_what_a_terminal_shows),
      cmocka_unit_test(cells_wrap_where_the_terminal_is_narrow),
      cmocka_unit_test(a_word_is_never_cut),
      cmocka_unit_test(columns_that_do_not_fit_follow_in_a_second_block),
      cmocka_unit_test(sections_span_all_columns),
      cmocka_unit_test(colour_is_only_where_it_is_allowed),
      cmocka_unit_test(hostile_text_cannot_reach_the_terminal),
      cmocka_unit_test(leading_spaces_indent_and_do_not_break),
      cmocka_unit_test(paragraphs_wrap_with_an_indent),
      cmocka_unit_test(out_of_memory_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
