/* Documents parsed in tests: an arena for each test, and refusals with their place. */
#ifndef SLIP_TESTS_DOCUMENTS_H
#define SLIP_TESTS_DOCUMENTS_H

/* after cmocka.h */
#include <string.h>

#include "base/doc.h"

static slip_arena *arena;
static slip_error err;

static int open_arena(void **state) {
  (void)state;
  arena = slip_arena_open();
  err = (slip_error){0};
  return arena == NULL;
}

static int close_arena(void **state) {
  (void)state;
  slip_arena_free(arena);
  return slip_arena_live_bytes() != 0;
}

static const slip_node *parse_n(const char *bytes, size_t n) {
  const slip_node *root = NULL;
  if (slip_doc_parse(arena, "test.yaml", bytes, n, &root, &err) != SLIP_OK)
    fail_msg("line %d: %s", err.line, err.message);
  return root;
}

static const slip_node *parse(const char *text) {
  return parse_n(text, strlen(text));
}

static void refuse(const char *bytes, size_t n, int line, const char *field, const char *said) {
  const slip_node *root = NULL;
  err = (slip_error){0};
  assert_int_equal(slip_doc_parse(arena, "bad.json", bytes, n, &root, &err), SLIP_BAD_INPUT);
  assert_null(root);
  assert_string_equal(err.file, "bad.json");
  if (strstr(err.message, said) == NULL)
    fail_msg("\"%s\" does not say \"%s\"", err.message, said);
  if (err.line != line || strcmp(err.field, field) != 0)
    fail_msg("\"%s\" is at line %d, field \"%s\", and not %d, \"%s\"", err.message, err.line, err.field, line,
             field);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_arena, close_arena)

#endif
