/* New values in the text of a catalog file: the exact text that comes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "calibrate/rewrite.h"

#define DATE "2026-11-28"
#define SOURCE "slipstick calibrate, fitted to rows.csv"

static void expect_rewritten(const char *text, const slip_new_fact *facts, size_t n, const char *expected) {
  slip_text out = {0};
  slip_error err = {.message = ""};
  if (slip_rewrite_facts("mem.yaml", text, strlen(text), facts, n, DATE, &out, &err) != SLIP_OK)
    fail_msg("line %d: %s: %s", err.line, err.field, err.message);
  assert_string_equal(out.data, expected);
  slip_text_free(&out);
}

#define BLOCK(indent, field, value, note)                                                                       \
  indent field ":\n" indent "  value: " value "\n" indent "  source: \"" SOURCE "\"\n" indent "  date: \"" DATE \
               "\"\n" indent "  confidence: derived\n" indent "  note: \"" note "\"\n"

/* The block of the fact goes, with what was said of its old value; the rest, comments and blank lines too, stands as it did. */
static void a_fact_is_replaced_and_the_rest_stays(void **state) {
  static const char text[] = "# a profile\n"
                             "kind: kernels\n"
                             "facts:\n"
                             "  # products\n"
                             "  gemm_bf16_fraction: {value: 0.7, source: s, confidence: high}\n"
                             "  depth_half:\n"
                             "    value: 250\n"
                             "    source: \"a paper:\n"
                             "      of two lines\"\n"
                             "    # as read off its figure\n"
                             "    confidence: high\n"
                             "\n"
                             "  # memory\n"
                             "  launch_us: {value: 2, source: s, confidence: high}\n";
  static const slip_new_fact facts[] = {{"depth_half", 6, false, 287.65432, SOURCE, "12 rows"}};
  expect_rewritten(
      text, facts, 1,
      "# a profile\n"
      "kind: kernels\n"
      "facts:\n"
      "  # products\n"
      "  gemm_bf16_fraction: {value: 0.7, source: s, confidence: high}\n" BLOCK(
          "  ", "depth_half", "287.7", "12 rows") "\n"
                                                  "  # memory\n"
                                                  "  launch_us: {value: 2, source: s, confidence: high}\n");
}

static void conflicting_values_stay(void **state) {
  static const char text[] = "facts:\n"
                             "  depth_half:\n"
                             "    value: 250\n"
                             "    also:\n"
                             "      - value: 300\n"
                             "        source: another paper # of 2024\n"
                             "        confidence: low\n"
                             "    source: s\n"
                             "    confidence: high\n"
                             "  tile_m: {value: 128, source: s, confidence: high}\n";
  static const slip_new_fact facts[] = {{"depth_half", 2, false, 0.000123456, SOURCE, "n"}};
  expect_rewritten(text, facts, 1,
                   "facts:\n" BLOCK("  ", "depth_half", "0.0001235",
                                    "n") "    also:\n"
                                         "      - value: 300\n"
                                         "        source: another paper # of 2024\n"
                                         "        confidence: low\n"
                                         "  tile_m: {value: 128, source: s, confidence: high}\n");
}

/* Facts of a level are "LEVEL.FIELD"; a new one takes the indentation of the fact before which it is put. */
static void facts_of_levels_are_replaced_and_inserted(void **state) {
  static const char text[] = "levels:\n"
                             "  - name: scale-up\n"
                             "    latency_us:\n"
                             "      value: 2\n"
                             "      source: s\n"
                             "      confidence: high\n"
                             "    fraction:\n"
                             "      value: 0.5\n"
                             "      source: s\n"
                             "      confidence: high\n"
                             "  - name: scale-out\n";
  static const slip_new_fact facts[] = {{"scale-up.exchange_us", 3, true, 25, SOURCE, "new"},
                                        {"scale-up.latency_us", 3, false, 2.5, SOURCE, "old"},
                                        {"scale-up.fraction", 7, false, 0.75, SOURCE, "last"}};
  expect_rewritten(text, facts, 3,
                   "levels:\n"
                   "  - name: scale-up\n" BLOCK("    ", "exchange_us", "25", "new")
                       BLOCK("    ", "latency_us", "2.5", "old")
                           BLOCK("    ", "fraction", "0.75", "last") "  - name: scale-out\n");
}

static void quotes_and_control_characters_are_made_safe(void **state) {
  static const slip_new_fact facts[] = {{"a", 1, false, 1, SOURCE, "say \"yes\" \\ no\n\ttab"}};
  expect_rewritten("a:\n  value: 2", facts, 1, BLOCK("", "a", "1", "say \\\"yes\\\" \\\\ notab"));
}

static void without_facts_the_text_is_the_same(void **state) {
  expect_rewritten("a: 1\r\nb: 2", NULL, 0, "a: 1\r\nb: 2");
}

static void a_line_that_is_no_block_of_the_fact_is_refused(void **state) {
  static const char text[] = "facts:\n  a:\n    value: 1\n  b: {value: 2}\n";
  static const slip_new_fact wrong[] = {
      {"b", 2, false, 1, SOURCE, "n"}, /* another fact's line */
      {"b", 4, false, 1, SOURCE, "n"}, /* not a block of its own */
      {"a", 9, false, 1, SOURCE, "n"}, /* beyond the end */
      {"c", 1, true, 1, SOURCE, "n"},  /* before "facts:" it would not be a fact */
      {"c", 4, true, 1, SOURCE, "n"},  /* before what is no block: it may be in braces */
      {"level.c", 3, true, 1, SOURCE, "n"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    slip_text out = {0};
    slip_error err = {.message = ""};
    if (slip_rewrite_facts("mem.yaml", text, strlen(text), &wrong[i], 1, DATE, &out, &err) != SLIP_BAD_INPUT)
      fail_msg("case %zu is not refused", i);
    assert_string_equal(err.file, "mem.yaml");
    assert_int_equal(err.line, wrong[i].line);
    assert_string_equal(err.field, wrong[i].field);
    assert_non_null(strstr(err.message, "block of its own"));
    slip_text_free(&out);
  }
}

static void lack_of_memory_is_an_error(void **state) {
  static const char text[] = "a:\n  value: 1\n";
  static const slip_new_fact fact = {"a", 1, false, 2, SOURCE, "n"};
  slip_text out = {0};
  slip_arena_fail_after(1);
  const slip_status status = slip_rewrite_facts("mem.yaml", text, strlen(text), &fact, 1, DATE, &out, NULL);
  slip_arena_fail_after(0);
  assert_int_equal(status, SLIP_NO_MEMORY);
  slip_text_free(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_fact_is_replaced_and_the_rest_stays),
      cmocka_unit_test(conflicting_values_stay),
      cmocka_unit_test(facts_of_levels_are_replaced_and_inserted),
      cmocka_unit_test(quotes_and_control_characters_are_made_safe),
      cmocka_unit_test(without_facts_the_text_is_the_same),
      cmocka_unit_test(a_line_that_is_no_block_of_the_fact_is_refused),
      cmocka_unit_test(lack_of_memory_is_an_error),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
