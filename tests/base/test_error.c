/* The error record: names, formatting, truncation, and that nothing from an input reaches the terminal unfiltered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"

static const char *formatted(const slip_error *err) {
  static char out[2000];
  const int length = slip_error_format(err, out, sizeof out);
  assert_int_equal(length, strlen(out));
  return out;
}

static void every_status_has_its_own_name(void **state) {
  (void)state;
  assert_string_equal(slip_status_name(SLIP_OK), "ok");
  assert_string_equal(slip_status_name(SLIP_BAD_INPUT), "bad input");
  for (int i = 0; i < SLIP_STATUS_COUNT; i++) {
    assert_non_null(slip_status_name((slip_status)i));
    assert_string_not_equal(slip_status_name((slip_status)i), "unknown");
    for (int j = 0; j < i; j++)
      assert_string_not_equal(slip_status_name((slip_status)i), slip_status_name((slip_status)j));
  }
  assert_string_equal(slip_status_name(SLIP_STATUS_COUNT), "unknown");
  assert_string_equal(slip_status_name((slip_status)-1), "unknown");
  assert_string_equal(slip_status_name((slip_status)1000000), "unknown");
}

static void a_failure_clears_and_fills_the_record(void **state) {
  (void)state;
  slip_error err;
  memset(&err, 'x', sizeof err);
  assert_int_equal(slip_fail(&err, SLIP_INFEASIBLE, "tp=%d does not divide %d", 3, 8), SLIP_INFEASIBLE);
  assert_int_equal(err.code, SLIP_INFEASIBLE);
  assert_string_equal(err.message, "tp=3 does not divide 8");
  assert_string_equal(err.file, "");
  assert_string_equal(err.field, "");
  assert_int_equal(err.line, 0);
  assert_int_equal(err.column, 0);
  assert_int_equal(slip_fail_at(&err, SLIP_BAD_INPUT, "a.yaml", 3, 7, "name", "bad"), SLIP_BAD_INPUT);
  assert_string_equal(err.file, "a.yaml");
  assert_int_equal(err.line, 3);
  assert_int_equal(err.column, 7);
  assert_string_equal(err.field, "name");
  assert_int_equal(slip_fail(NULL, SLIP_MISSING, "nobody listens"), SLIP_MISSING);
}

static void the_parts_that_are_empty_are_left_out(void **state) {
  (void)state;
  slip_error err;
  slip_fail_at(&err, SLIP_BAD_INPUT, "a.yaml", 3, 7, "name", "bad");
  assert_string_equal(formatted(&err), "a.yaml:3: name: bad");
  slip_fail_at(&err, SLIP_BAD_INPUT, "a.yaml", 3, 7, NULL, "bad");
  assert_string_equal(formatted(&err), "a.yaml:3: bad");
  slip_fail_at(&err, SLIP_BAD_INPUT, "a.yaml", 0, 0, "name", "bad");
  assert_string_equal(formatted(&err), "a.yaml: name: bad");
  slip_fail_at(&err, SLIP_BAD_INPUT, NULL, 0, 0, "name", "bad");
  assert_string_equal(formatted(&err), "name: bad");
  slip_fail_at(&err, SLIP_BAD_INPUT, NULL, 3, 0, NULL, "bad");
  assert_string_equal(formatted(&err), "line 3: bad");
  slip_fail(&err, SLIP_BAD_INPUT, "bad");
  assert_string_equal(formatted(&err), "bad");
  assert_string_equal(formatted(NULL), "");
}

static void formatting_is_bounded_and_returns_the_whole_length(void **state) {
  (void)state;
  slip_error err;
  char out[8] = "xxxxxxx";
  slip_fail_at(&err, SLIP_BAD_INPUT, "a.yaml", 3, 7, "name", "bad");
  assert_int_equal(slip_error_format(&err, out, 8), 19);
  assert_string_equal(out, "a.yaml:");
  assert_int_equal(slip_error_format(&err, out, 1), 19);
  assert_string_equal(out, "");
  out[0] = 'y';
  assert_int_equal(slip_error_format(&err, out, 0), 19);
  assert_int_equal(slip_error_format(&err, out, -5), 19);
  assert_int_equal(out[0], 'y');
  assert_int_equal(slip_error_format(&err, NULL, 0), 19);
  slip_fail(&err, SLIP_BAD_INPUT, "\xC3\xA9\xC3\xA9"); /* two letters of two bytes do not fit in three */
  assert_int_equal(slip_error_format(&err, out, 4), 4);
  assert_string_equal(out, "\xC3\xA9");
}

static void the_place_is_added_once_and_keeps_what_is_known(void **state) {
  (void)state;
  slip_error err;
  slip_fail(&err, SLIP_BAD_INPUT, "bad");
  slip_error_set_place(&err, "a.yaml", 4, "tp");
  slip_error_set_place(&err, "outer.yaml", 9, "plan");
  assert_string_equal(formatted(&err), "a.yaml:4: tp: bad");
  slip_fail_at(&err, SLIP_BAD_INPUT, NULL, 2, 0, "ep", "bad");
  slip_error_set_place(&err, "a.yaml", 4, "tp");
  assert_string_equal(formatted(&err), "a.yaml:2: ep: bad");
  slip_fail(&err, SLIP_BAD_INPUT, "bad");
  slip_error_set_place(&err, NULL, 0, NULL);
  assert_string_equal(formatted(&err), "bad");
  slip_error_set_place(NULL, "a.yaml", 4, "tp");
}

static void what_a_terminal_would_act_on_is_replaced(void **state) {
  (void)state;
  slip_error err;
  slip_fail(&err, SLIP_BAD_INPUT, "a\x1B[2J\nb\tc\x7F");
  assert_string_equal(err.message, "a?[2J?b?c?");
  slip_fail(&err, SLIP_BAD_INPUT, "C1 \xC2\x9B, line \xE2\x80\xA8, turned \xE2\x80\xAE \xE2\x81\xA6");
  assert_string_equal(err.message, "C1 ?, line ?, turned ? ?");
  slip_fail(&err, SLIP_BAD_INPUT, "not UTF-8: \xFF \xC3 \xE2\x82 \xED\xA0\x80.");
  assert_string_equal(err.message, "not UTF-8: ? ? ?? ???.");
  slip_fail(&err, SLIP_BAD_INPUT, "\xC3\xA9 \xE6\x98\x87 \xF0\x9F\x98\x80");
  assert_string_equal(err.message, "\xC3\xA9 \xE6\x98\x87 \xF0\x9F\x98\x80");
  slip_fail_at(&err, SLIP_BAD_INPUT, "a\nb", 1, 1, "c\x1B", "bad");
  assert_string_equal(formatted(&err), "a?b:1: c?: bad");
  slip_error_set_place(&err, "", 0, "");
  slip_fail(&err, SLIP_BAD_INPUT, "bad");
  slip_error_set_place(&err, "a\rb", 1, "\x01");
  assert_string_equal(formatted(&err), "a?b:1: ?: bad");
}

static void what_is_too_long_is_cut_between_characters(void **state) {
  (void)state;
  slip_error err;
  char text[3000];
  /* Letters of two bytes: in 636 bytes before "..." there are 318 of them; with one byte in front 317. */
  for (size_t shift = 0; shift < 2; shift++) {
    memset(text, 'a', shift);
    for (size_t i = shift; i + 2 < sizeof text; i += 2)
      memcpy(text + i, "\xC3\xA9", 3);
    slip_fail_at(&err, SLIP_BAD_INPUT, text, 1, 1, text, "%s", text);
    assert_int_equal(strlen(err.message), shift == 0 ? 636 + 3 : 635 + 3);
    assert_string_equal(err.message + strlen(err.message) - 5, "\xC3\xA9...");
    assert_string_equal(err.field + strlen(err.field) - 5, "\xC3\xA9...");
    assert_memory_equal(err.file, "...\xC3\xA9", 5);
    assert_true(slip_is_utf8(err.file, strlen(err.file)));
    assert_null(strchr(err.message, '?'));
    assert_null(strchr(err.file, '?'));
    assert_null(strchr(err.field, '?'));
  }
  /* the end of a path too is cut between characters: of 252 bytes one belongs to a letter that is left out */
  text[2001] = '.', text[2002] = '\0';
  slip_fail_at(&err, SLIP_BAD_INPUT, text, 1, 1, NULL, "bad");
  assert_memory_equal(err.file, "...\xC3\xA9", 5);
  assert_true(slip_is_utf8(err.file, strlen(err.file)));
  assert_null(strchr(err.file, '?'));
  memset(text, '/', 400);
  strcpy(text + 400, "chip.yaml"); /* of a path the end tells more */
  slip_fail_at(&err, SLIP_BAD_INPUT, text, 1, 1, NULL, "bad");
  assert_int_equal(strlen(err.file), SLIP_WHERE_SIZE - 1);
  assert_string_equal(err.file + strlen(err.file) - 10, "/chip.yaml");
  memset(text, 'm', SLIP_MESSAGE_SIZE - 1);
  text[SLIP_MESSAGE_SIZE - 1] = '\0';
  slip_fail(&err, SLIP_BAD_INPUT, "%s", text); /* just fits */
  assert_string_equal(err.message, text);
}

static void the_arguments_may_point_into_the_record(void **state) {
  (void)state;
  slip_error err;
  slip_fail_at(&err, SLIP_BAD_INPUT, "a.yaml", 3, 7, "name", "bad");
  slip_fail_at(&err, SLIP_MISSING, err.file, err.line, 0, err.field, "chip h20: %s", err.message);
  assert_string_equal(formatted(&err), "a.yaml:3: name: chip h20: bad");
}

static slip_status try_and_fail(int step, int *cleaned, slip_error *err) {
  slip_status status = SLIP_OK;
  SLIP_TRY(step == 1 ? SLIP_MISSING : SLIP_OK);
  if (step == 2)
    SLIP_FAIL(err, SLIP_INFEASIBLE, "step %d", step);
cleanup:
  ++*cleaned;
  return status;
}

static void the_macros_go_to_cleanup_with_the_status(void **state) {
  (void)state;
  slip_error err = {0};
  int cleaned = 0;
  assert_int_equal(try_and_fail(0, &cleaned, &err), SLIP_OK);
  assert_int_equal(try_and_fail(1, &cleaned, &err), SLIP_MISSING);
  assert_int_equal(try_and_fail(2, &cleaned, &err), SLIP_INFEASIBLE);
  assert_string_equal(err.message, "step 2");
  assert_int_equal(cleaned, 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_status_has_its_own_name),
      cmocka_unit_test(a_failure_clears_and_fills_the_record),
      cmocka_unit_test(the_parts_that_are_empty_are_left_out),
      cmocka_unit_test(formatting_is_bounded_and_returns_the_whole_length),
      cmocka_unit_test(the_place_is_added_once_and_keeps_what_is_known),
      cmocka_unit_test(what_a_terminal_would_act_on_is_replaced),
      cmocka_unit_test(what_is_too_long_is_cut_between_characters),
      cmocka_unit_test(the_arguments_may_point_into_the_record),
      cmocka_unit_test(the_macros_go_to_cleanup_with_the_status),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
