/* The JSON writer: layout, escaping, numbers, failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/doc.h"
#include "base/json.h"

static void commas_and_indentation_are_kept(void **state) {
  (void)state;
  slip_text out = {0};
  slip_json json;
  slip_json_begin(&json, &out);
  slip_json_object(&json, NULL);
  slip_json_string(&json, "model", "deepseek-v3");
  slip_json_int(&json, "chips", 384);
  slip_json_array(&json, "systems");
  slip_json_object(&json, NULL);
  slip_json_double(&json, "mfu", 0.25);
  slip_json_bool(&json, "fits", true);
  slip_json_object_end(&json);
  slip_json_bool(&json, NULL, false);
  slip_json_null(&json, NULL);
  slip_json_array_end(&json);
  slip_json_object(&json, "none");
  slip_json_object_end(&json);
  slip_json_array(&json, "empty");
  slip_json_array_end(&json);
  slip_json_string(&json, "why", NULL);
  slip_json_object_end(&json);
  slip_json_end(&json);
  assert_string_equal(out.data, "{\n"
                                "  \"model\": \"deepseek-v3\",\n"
                                "  \"chips\": 384,\n"
                                "  \"systems\": [\n"
                                "    {\n"
                                "      \"mfu\": 0.25,\n"
                                "      \"fits\": true\n"
                                "    },\n"
                                "    false,\n"
                                "    null\n"
                                "  ],\n"
                                "  \"none\": {},\n"
                                "  \"empty\": [],\n"
                                "  \"why\": null\n"
                                "}\n");
  slip_text_free(&out);
}

static void check_string(const char *value, const char *written) {
  slip_text out = {0};
  slip_json json;
  slip_json_begin(&json, &out);
  slip_json_string(&json, NULL, value);
  slip_json_end(&json);
  assert_string_equal(out.data, written);
  slip_text_free(&out);
}

static void strings_are_escaped(void **state) {
  (void)state;
  check_string("", "\"\"\n");
  check_string("a\"b\\c/d", "\"a\\\"b\\\\c/d\"\n");
  check_string("\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"\n");
  check_string("\x01\x1F\x7F", "\"\\u0001\\u001f\\u007f\"\n");
  check_string("\xC3\xA9 \xF0\x9F\x98\x80", "\"\xC3\xA9 \xF0\x9F\x98\x80\"\n");
  check_string("\xC2\x85\xE2\x80\xA8", "\"\\u0085\\u2028\"\n");   /* line breaks to YAML */
  check_string("a\xFFz\xC3", "\"a\xEF\xBF\xBDz\xEF\xBF\xBD\"\n"); /* not UTF-8 */
}

static void check_double(double value, const char *written) {
  slip_text out = {0};
  slip_json json;
  slip_json_begin(&json, &out);
  slip_json_double(&json, NULL, value);
  slip_json_end(&json);
  assert_string_equal(out.data, written);
  slip_text_free(&out);
}

static void numbers_are_shortest_and_finite(void **state) {
  (void)state;
  check_double(0.1, "0.1\n");
  check_double(-0.5, "-0.5\n");
  check_double(1e21, "1e21\n");
  check_double(1e-7, "1e-7\n");
  check_double(2048, "2048\n");
  check_double(NAN, "null\n");
  check_double(INFINITY, "null\n");
  check_double(-INFINITY, "null\n");
  slip_text out = {0};
  slip_json json;
  slip_json_begin(&json, &out);
  slip_json_array(&json, NULL);
  slip_json_int(&json, NULL, INT64_MIN);
  slip_json_int(&json, NULL, INT64_MAX);
  slip_json_array_end(&json);
  slip_json_end(&json);
  assert_string_equal(out.data, "[\n  -9223372036854775808,\n  9223372036854775807\n]\n");
  slip_text_free(&out);
}

/* What is written, at the full depth, our own reader reads. */
static void our_reader_reads_it(void **state) {
  (void)state;
  static const char text[] =
      "all: \"\\ \x01 \x7F \n \xC2\x85 \xE2\x80\xA9 \xEF\xBB\xBF \xEF\xBF\xBF \xF0\x9F\x98\x80 # & * !";
  slip_text out = {0};
  slip_json json;
  slip_json_begin(&json, &out);
  for (int i = 0; i < SLIP_JSON_MAX_DEPTH; i++)
    slip_json_object(&json, i == 0 ? NULL : "k");
  slip_json_string(&json, text, text);
  for (int i = 0; i < SLIP_JSON_MAX_DEPTH; i++)
    slip_json_object_end(&json);
  slip_json_end(&json);
  assert_false(out.failed);
  slip_arena *arena = slip_arena_open();
  const slip_node *node = NULL;
  slip_error err = {0};
  assert_int_equal(slip_doc_parse(arena, "json", out.data, out.length, &node, &err), SLIP_OK);
  for (int i = 0; i < SLIP_JSON_MAX_DEPTH - 1; i++)
    node = slip_node_get(node, "k");
  node = slip_node_get(node, text);
  assert_non_null(node);
  assert_string_equal(node->text, text);
  slip_arena_free(arena);
  slip_text_free(&out);
}

static void a_lack_of_memory_is_kept_for_the_end(void **state) {
  (void)state;
  slip_text out = {0};
  slip_json json;
  slip_arena_fail_after(2);
  slip_json_begin(&json, &out);
  slip_json_array(&json, NULL);
  for (int i = 0; i < 1000; i++)
    slip_json_int(&json, NULL, i);
  slip_json_array_end(&json);
  slip_json_end(&json);
  slip_arena_fail_after(0);
  assert_true(out.failed);
  slip_text_free(&out);
}

static void value_without_key(slip_json *json) {
  slip_json_object(json, NULL);
  slip_json_int(json, NULL, 1);
}

static void key_in_array(slip_json *json) {
  slip_json_array(json, NULL);
  slip_json_int(json, "k", 1);
}

static void key_at_top(slip_json *json) {
  slip_json_int(json, "k", 1);
}

static void two_values_at_top(slip_json *json) {
  slip_json_int(json, NULL, 1);
  slip_json_int(json, NULL, 2);
}

static void left_open(slip_json *json) {
  slip_json_array(json, NULL);
  slip_json_end(json);
}

static void wrong_end(slip_json *json) {
  slip_json_array(json, NULL);
  slip_json_object_end(json);
}

static void end_too_many(slip_json *json) {
  slip_json_array_end(json);
}

static void nothing_written(slip_json *json) {
  slip_json_end(json);
}

static void too_deep(slip_json *json) {
  for (int i = 0; i <= SLIP_JSON_MAX_DEPTH; i++)
    slip_json_array(json, NULL);
}

/* In a child process: it is stopped by the assertion or, where assertions are off, finds the text marked as failed. */
static void misuse_is_caught(void **state) {
  (void)state;
  void (*const misuses[])(slip_json *) = {value_without_key, key_in_array,    key_at_top,
                                          two_values_at_top, left_open,       wrong_end,
                                          end_too_many,      nothing_written, too_deep};
  for (size_t i = 0; i < sizeof misuses / sizeof *misuses; i++) {
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
      slip_text out = {0};
      slip_json json;
      close(STDERR_FILENO);
      signal(SIGABRT, SIG_DFL);
      slip_json_begin(&json, &out);
      misuses[i](&json);
      const bool failed = out.failed;
      slip_text_free(&out);
      _exit(failed ? 3 : 0);
    }
    int result = 0;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true((WIFSIGNALED(result) && WTERMSIG(result) == SIGABRT) ||
                (WIFEXITED(result) && WEXITSTATUS(result) == 3));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(commas_and_indentation_are_kept),      cmocka_unit_test(strings_are_escaped),
      cmocka_unit_test(numbers_are_shortest_and_finite),      cmocka_unit_test(our_reader_reads_it),
      cmocka_unit_test(a_lack_of_memory_is_kept_for_the_end), cmocka_unit_test(misuse_is_caught),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
