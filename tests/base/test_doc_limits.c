/* The reader of YAML and JSON at its limits: cut, nested, large and hostile documents, and lack of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "support/documents.h"

/* Every beginning of a document is either refused or a document: nothing crashes, and the place stays in the file. */
static void every_truncation_is_survived(void **state) {
  (void)state;
  static const char text[] = "{\"a\": [1, {\"b\": \"\\u00e9\xC3\xA9\"}],\n \"c\": null, 'd': |}\n";
  for (size_t n = 0; n < sizeof text; n++) {
    const slip_node *root = NULL;
    if (slip_doc_parse(arena, "cut.json", text, n, &root, &err) != SLIP_OK) {
      assert_null(root);
      assert_in_range(err.line, 1, 3);
    } else {
      assert_true(n == 0);
    }
  }
}

/* open * n + middle + close * n */
static char *nested(const char *open, const char *close, size_t n) {
  slip_text text = {0};
  for (size_t i = 0; i < n; i++)
    slip_text_add(&text, open);
  slip_text_add(&text, "1");
  for (size_t i = 0; i < n; i++)
    slip_text_add(&text, close);
  char *copy = slip_arena_strdup(arena, text.data);
  slip_text_free(&text);
  return copy;
}

static void nesting_is_limited(void **state) {
  (void)state;
  const slip_node *node = parse(nested("[", "]", SLIP_DOC_MAX_DEPTH));
  int depth = 0;
  for (; node->kind == SLIP_NODE_SEQUENCE; node = node->first)
    depth++;
  assert_int_equal(depth, SLIP_DOC_MAX_DEPTH);
  const char *deeper = nested("[", "]", SLIP_DOC_MAX_DEPTH + 1);
  refuse(deeper, strlen(deeper), 1, "", "nested deeper than 64 levels");
  deeper = nested("{\"k\": ", "}", SLIP_DOC_MAX_DEPTH + 1);
  refuse(deeper, strlen(deeper), 1, "k", "nested deeper than 64 levels");
}

static slip_text repeated(const char *prefix, const char *unit, size_t size) {
  slip_text text = {0};
  const size_t n = strlen(unit);
  slip_text_add(&text, prefix);
  while (text.length + n <= size)
    slip_text_add_n(&text, unit, n);
  assert_false(text.failed);
  return text;
}

static void size_and_number_of_values_are_limited(void **state) {
  (void)state;
  slip_text text = repeated("", "#", SLIP_DOC_MAX_BYTES);
  assert_int_equal(text.length, SLIP_DOC_MAX_BYTES);
  assert_int_equal(parse_n(text.data, text.length)->count, 0);
  slip_text_add(&text, "#");
  refuse(text.data, text.length, 0, "", "larger than 16777216 bytes");
  slip_text_free(&text);
  text = repeated("", "- \n", 3 * (SLIP_DOC_MAX_NODES - 1)); /* the list itself is a node */
  assert_int_equal(parse_n(text.data, text.length)->count, SLIP_DOC_MAX_NODES - 1);
  slip_text_add(&text, "- \n");
  refuse(text.data, text.length, SLIP_DOC_MAX_NODES, "", "more than 1000000 values");
  slip_text_free(&text);
}

static double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* A million keys, in order and all but the last different: what is quadratic would take hours. */
static void a_map_of_a_million_keys_is_quick(void **state) {
  (void)state;
  slip_text text = {0};
  for (int i = 0; i < SLIP_DOC_MAX_NODES - 2; i++)
    slip_text_printf(&text, "k%d: 1\n", i);
  const double start = seconds_now();
  assert_int_equal(parse_n(text.data, text.length)->count, SLIP_DOC_MAX_NODES - 2);
  slip_text_add(&text, "k77: 1\n");
  refuse(text.data, text.length, SLIP_DOC_MAX_NODES - 1, "k77", "already given at line 78");
  assert_true(seconds_now() - start < 60);
  slip_text_free(&text);
}

/* 16 MiB of each of these: refused or read, without a crash and within the time of a linear reader. */
static void hostile_inputs_end_soon(void **state) {
  (void)state;
  static const struct {
    const char *start, *unit;
  } inputs[] = {
      {"", "["},
      {"", "{"},
      {"", "? "},
      {"", "?\n"},
      {"", "- "},
      {"", "-\n"},
      {"", "a"},
      {"", "# c\n"},
      {"", "word\n"},
      {"k: |\n", "  a\n"},
      {"k: >\n", "  a\n\n"},
      {"", "\""},
      {"\"", "a\n"},
      {"\"", "\\x41"},
      {"", "&a "},
      {"", "!"},
      {"", "*"},
      {"", "%TAG !a! b\n"},
      {"[", "? "},
      {"{", "\"a\":"},
      {"[", "a: b,"},
      {"[", "\n\n\na,"},
      {"", "---\n"},
      {"", "\n"},
      {"", "\t"},
      {"", "9"},
      {"", " a:\n"},
      {"", "a: |\n"},
      {"", "k: 1\n"},
      {"!<", "%41"},
      {"a: |\n", " \n"},
  };
  for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
    slip_arena *own = slip_arena_open();
    slip_text text = repeated(inputs[i].start, inputs[i].unit, SLIP_DOC_MAX_BYTES);
    const slip_node *root = NULL;
    const double start = seconds_now();
    const slip_status status = slip_doc_parse(own, "hostile", text.data, text.length, &root, &err);
    const double elapsed = seconds_now() - start;
    assert_true(status == SLIP_OK ? root != NULL : status == SLIP_BAD_INPUT && err.message[0] != '\0');
    if (elapsed > 20)
      fail_msg("%s takes %.1f s", inputs[i].unit, elapsed);
    slip_text_free(&text);
    slip_arena_free(own);
  }
}

static void lines_with_percent_are_limited(void **state) {
  (void)state;
  slip_text text = repeated("'", "%\n", 1 + 2 * SLIP_DOC_MAX_PERCENT_LINES);
  slip_text_add(&text, "a %'");
  assert_int_equal(parse_n(text.data, text.length)->kind, SLIP_NODE_SCALAR);
  slip_text_free(&text);
  text = repeated("'\n", "%\n", 2 + 2 * SLIP_DOC_MAX_PERCENT_LINES + 2);
  slip_text_add(&text, "'");
  refuse(text.data, text.length, 18, "", "more than 16 lines start with %");
  slip_text_free(&text);
}

static void every_lack_of_memory_is_reported(void **state) {
  (void)state;
  slip_text text = {0};
  slip_text_add(&text, "a: 1\n");
  for (int i = 0; i < 2000; i++)
    slip_text_printf(&text, "k%d: [x, {y: z, w: 'a long text'}]\n", i);
  slip_status status = SLIP_NO_MEMORY;
  long failures = -1;
  for (; status != SLIP_OK; failures++) {
    slip_arena *own = slip_arena_open();
    const slip_node *root = NULL;
    slip_arena_fail_after(failures + 2);
    status = slip_doc_parse(own, "memory", text.data, text.length, &root, &err);
    slip_arena_fail_after(0);
    if (status != SLIP_OK) {
      assert_int_equal(status, SLIP_NO_MEMORY);
      assert_string_equal(err.file, "memory");
      assert_non_null(strstr(err.message, "not enough memory"));
      assert_null(root);
    }
    slip_arena_free(own);
  }
  assert_true(failures > 2000); /* a table of keys for each map, and the chunks of the arena */
  slip_text_free(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(every_truncation_is_survived),
      TEST(nesting_is_limited),
      TEST(size_and_number_of_values_are_limited),
      TEST(a_map_of_a_million_keys_is_quick),
      TEST(hostile_inputs_end_soon),
      TEST(lines_with_percent_are_limited),
      TEST(every_lack_of_memory_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
