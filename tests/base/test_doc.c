/* The reader of YAML and JSON: the tree, the typed reads, and a clear refusal of everything else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "support/documents.h"

/* --- the tree --- */

static void a_document_becomes_a_tree_with_places(void **state) {
  (void)state;
  const slip_node *root = parse("# comment\n"
                                "name: h200\n"
                                "aliases: [one, 'two']\n"
                                "facts:\n"
                                "  tflops:\n"
                                "    value: 989.4\n"
                                "levels:\n"
                                "  - a\n"
                                "  - {b: 1}\n");
  assert_int_equal(root->kind, SLIP_NODE_MAP);
  assert_int_equal(root->count, 4);
  assert_int_equal(root->line, 2);
  assert_null(root->key);
  assert_null(root->text);
  assert_string_equal(root->file, "test.yaml");
  const slip_node *name = slip_node_get(root, "name");
  assert_ptr_equal(root->first, name);
  assert_int_equal(name->kind, SLIP_NODE_SCALAR);
  assert_string_equal(name->text, "h200");
  assert_string_equal(name->key, "name");
  assert_false(name->quoted);
  const slip_node *aliases = slip_node_get(root, "aliases");
  assert_int_equal(aliases->kind, SLIP_NODE_SEQUENCE);
  assert_int_equal(aliases->count, 2);
  assert_false(aliases->first->quoted);
  assert_true(aliases->first->next->quoted);
  assert_null(aliases->first->key);
  assert_int_equal(aliases->first->next->line, 3);
  assert_int_equal(aliases->first->next->column, 16);
  assert_null(aliases->first->next->next);
  /* the place of a child of a map is that of its key */
  const slip_node *value = slip_node_get(slip_node_get(slip_node_get(root, "facts"), "tflops"), "value");
  assert_int_equal(value->line, 6);
  assert_int_equal(value->column, 5);
  assert_string_equal(value->text, "989.4");
  assert_int_equal(slip_node_get(root, "levels")->line, 7);
  assert_null(slip_node_get(root, "level"));
  assert_null(slip_node_get(aliases, "one"));
  assert_null(slip_node_get(name, "h200"));
  assert_null(slip_node_get(NULL, "name"));
}

static void json_is_read_as_it_is_written(void **state) {
  (void)state;
  const slip_node *root = parse(
      "{\"a\":1,\"b\":[1,2,-3.5e+2],\"c\":\"x: y, [z] #\",\t\"d\":{},\"e\":[],\n"
      "\t\"f\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\",\"g\":Infinity,\"h\":-Infinity,\"i\":NaN,\"\":true\n}\n");
  assert_int_equal(root->count, 10);
  assert_int_equal(slip_node_get(root, "b")->count, 3);
  assert_string_equal(slip_node_get(root, "b")->first->next->next->text, "-3.5e+2");
  assert_string_equal(slip_node_get(root, "c")->text, "x: y, [z] #");
  assert_int_equal(slip_node_get(root, "d")->kind, SLIP_NODE_MAP);
  assert_int_equal(slip_node_get(root, "e")->kind, SLIP_NODE_SEQUENCE);
  assert_string_equal(slip_node_get(root, "f")->text, "\"\\/\b\f\n\r\t\xC3\xA9");
  assert_string_equal(slip_node_get(root, "g")->text, "Infinity");
  assert_string_equal(slip_node_get(root, "")->text, "true");
  assert_int_equal(slip_node_get(root, "f")->line, 2);
}

static void an_empty_document_is_an_empty_map(void **state) {
  (void)state;
  static const char *const empties[] = {"",   "\n\n", "# only a comment\n", "---\n", "---\n...\n", "\xEF\xBB\xBF",
                                        "   "};
  for (size_t i = 0; i < sizeof empties / sizeof *empties; i++) {
    const slip_node *root = parse(empties[i]);
    assert_int_equal(root->kind, SLIP_NODE_MAP);
    assert_int_equal(root->count, 0);
    assert_null(root->first);
    assert_true(root->line >= 1);
    assert_string_equal(root->file, "test.yaml");
  }
  assert_true(parse("''")->quoted); /* an empty text is not an empty document */
  assert_string_equal(slip_node_get(parse("\xEF\xBB\xBF"
                                          "a: 1"),
                                    "a")
                          ->text,
                      "1");
}

static void null_is_absent_or_written_so(void **state) {
  (void)state;
  const slip_node *root = parse("[null, ~, Null, NULL, '', 'null', nil, 0, [], {}, {a: }]");
  static const bool is_null[] = {true, true, true, true, false, false, false, false, false, false, false};
  size_t i = 0;
  for (const slip_node *node = root->first; node != NULL; node = node->next, i++)
    assert_int_equal(slip_node_is_null(node), is_null[i]);
  assert_int_equal(i, 11);
  assert_true(slip_node_is_null(NULL));
  assert_true(slip_node_is_null(parse("a:\nb: 1")->first));
  assert_true(slip_node_is_null(parse("a: ~")->first));
}

/* --- typed reads --- */

/* The one value of "k: TEXT" at line 2. */
static const slip_node *value_of(const char *text) {
  char *document = slip_arena_printf(arena, "# line 1\nk: %s\n", text);
  return slip_node_get(parse(document), "k");
}

static void expect_refusal(slip_status status, const char *said) {
  assert_int_equal(status, SLIP_BAD_INPUT);
  assert_int_equal(err.code, SLIP_BAD_INPUT);
  assert_string_equal(err.file, "test.yaml");
  assert_int_equal(err.line, 2);
  assert_int_equal(err.column, 1);
  assert_string_equal(err.field, "k");
  if (strstr(err.message, said) == NULL)
    fail_msg("\"%s\" does not say \"%s\"", err.message, said);
}

typedef struct refusal {
  const char *text, *said;
} refusal;

static void doubles_are_read_within_their_range(void **state) {
  (void)state;
  double value = 77;
  assert_int_equal(slip_node_double(value_of("989.4"), 0, 1e4, &value, &err), SLIP_OK);
  assert_true(value == 989.4);
  assert_int_equal(slip_node_double(value_of("1e-3"), 1e-3, 1e-3, &value, &err), SLIP_OK); /* inclusive */
  assert_true(value == 1e-3);
  assert_int_equal(slip_node_double(value_of("-5"), -INFINITY, INFINITY, &value, &err), SLIP_OK);
  assert_true(value == -5);
  static const refusal refusals[] = {
      {"1.5", "1.5 is out of range: must be from 0 to 1"},
      {"-1", "must be from 0 to 1"},
      {"'0.5'", "without quotes"},
      {"abc", "must be a number, not \"abc\""},
      {"0.5 GB", "without a unit"},
      {"0x10", "must be a number"},
      {"1_000", "must be a number"},
      {"true", "must be a number"},
      {"Infinity", "not finite"},
      {"-Infinity", "not finite"},
      {".inf", "not finite"},
      {"-.Inf", "not finite"},
      {"NaN", "not finite"},
      {".nan", "not finite"},
      {"1e999", "not finite"},
      {"null", "not null or empty"},
      {"", "not null or empty"},
      {"[1]", "must be a number, not a list"},
      {"{a: 1}", "must be a number, not a map"},
  };
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
    value = 77;
    expect_refusal(slip_node_double(value_of(refusals[i].text), 0, 1, &value, &err), refusals[i].said);
    assert_true(value == 77);
  }
  expect_refusal(slip_node_double(value_of("-1"), 0, INFINITY, &value, &err), "must be 0 or more");
  expect_refusal(slip_node_double(value_of("-1"), 0, DBL_MAX, &value, &err), "must be 0 or more");
  expect_refusal(slip_node_double(value_of("2"), -INFINITY, 0.1, &value, &err), "must be 0.1 or less");
  assert_int_equal(slip_node_double(NULL, 0, 1, &value, &err), SLIP_BAD_INPUT);
  assert_non_null(strstr(err.message, "a value is missing: give a number"));
  assert_string_equal(err.file, "");
}

static void whole_numbers_are_read_exactly_within_their_range(void **state) {
  (void)state;
  int64_t value = 77;
  static const struct {
    const char *text;
    int64_t value;
  } good[] = {{"8192", 8192},
              {"8192.0", 8192},
              {"1e9", 1000000000},
              {"-3", -3},
              {"9223372036854775807", INT64_MAX},
              {"-9223372036854775808", INT64_MIN},
              {"9007199254740993", INT64_C(9007199254740993)}};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    assert_int_equal(slip_node_int(value_of(good[i].text), INT64_MIN, INT64_MAX, &value, &err), SLIP_OK);
    assert_int_equal(value, good[i].value);
  }
  static const refusal refusals[] = {
      {"0", "0 is out of range: must be from 1 to 64"},
      {"65", "must be from 1 to 64"},
      {"9223372036854775808", "must be from 1 to 64"},
      {"-1e400", "must be from 1 to 64"},
      {"1.5", "must be a whole number, not 1.5"},
      {"1e-400", "must be a whole number"},
      {"'8'", "without quotes"},
      {"Infinity", "not finite"},
      {"eight", "must be a whole number, not \"eight\""},
      {"~", "not null"},
      {"[8]", "not a list"},
  };
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
    value = 77;
    expect_refusal(slip_node_int(value_of(refusals[i].text), 1, 64, &value, &err), refusals[i].said);
    assert_int_equal(value, 77);
  }
  expect_refusal(slip_node_int(value_of("0"), 1, INT64_MAX, &value, &err), "must be 1 or more");
  expect_refusal(slip_node_int(value_of("9"), INT64_MIN, 8, &value, &err), "must be 8 or less");
  expect_refusal(slip_node_int(value_of("1e30"), INT64_MIN, INT64_MAX, &value, &err), "too large to be held");
  assert_int_equal(slip_node_int(NULL, 0, 1, &value, &err), SLIP_BAD_INPUT);
}

static void booleans_are_true_or_false_only(void **state) {
  (void)state;
  bool value = false;
  static const char *const truths[] = {"true", "True", "TRUE"}, *const lies[] = {"false", "False", "FALSE"};
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(slip_node_bool(value_of(truths[i]), &value, &err), SLIP_OK);
    assert_true(value);
    assert_int_equal(slip_node_bool(value_of(lies[i]), &value, &err), SLIP_OK);
    assert_false(value);
  }
  static const refusal refusals[] = {{"yes", "must be true or false, not \"yes\""},
                                     {"no", "true or false"},
                                     {"1", "true or false"},
                                     {"'true'", "without quotes"},
                                     {"null", "not null"},
                                     {"[true]", "not a list"},
                                     {"{}", "not a map"}};
  value = true;
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
    expect_refusal(slip_node_bool(value_of(refusals[i].text), &value, &err), refusals[i].said);
    assert_true(value);
  }
}

static void texts_are_not_numbers(void **state) {
  (void)state;
  const char *value = NULL;
  static const refusal good[] = {{"h200", "h200"}, {"'2024'", "2024"}, {"2024-11", "2024-11"},
                                 {"''", ""},       {"0.9.1", "0.9.1"}, {"\"null\"", "null"},
                                 {"yes", "yes"},   {"a b", "a b"},     {"|\n  two\n  lines", "two\nlines\n"}};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    assert_int_equal(slip_node_string(value_of(good[i].text), &value, &err), SLIP_OK);
    assert_string_equal(value, good[i].said);
  }
  static const refusal refusals[] = {{"2024", "put it in quotes"}, {"1e9", "put it in quotes"},
                                     {"true", "put it in quotes"}, {"NaN", "put it in quotes"},
                                     {"null", "not null"},         {"", "not null or empty"},
                                     {"[a]", "not a list"},        {"{a: b}", "not a map"}};
  value = "kept";
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
    expect_refusal(slip_node_string(value_of(refusals[i].text), &value, &err), refusals[i].said);
    assert_string_equal(value, "kept");
  }
}

static void messages_show_the_start_of_a_long_value(void **state) {
  (void)state;
  char text[4001];
  for (size_t i = 0; i < 2000; i++)
    memcpy(text + 2 * i, "\xC3\xA9", 3);
  double value = 0;
  /* 48 bytes of excerpt are 24 letters of two bytes */
  expect_refusal(slip_node_double(value_of(text), 0, 1, &value, &err), "\xC3\xA9\xC3\xA9...\"");
  assert_null(strchr(err.message, '?'));
  assert_true(strlen(err.message) < 200);
}

/* --- what is refused --- */

typedef struct refused_document {
  const char *text;
  int line;
  const char *field, *said;
} refused_document;

static void bad_documents_are_refused_with_their_place(void **state) {
  (void)state;
  static const refused_document documents[] = {
      /* truncation */
      {"{\"a\": 1,\n \"b\": [1, 2", 2, "b", "the file may be cut off"},
      {"{\"a\": 1,\n \"b\": ", 2, "b", "not valid"},
      {"{\"a\": 1,\n \"b\": \"te", 2, "b", "close the quote; the file may be cut off"},
      {"a: 'b\n", 1, "a", "close the quote"},
      {"{\"a\": {\"b\": 1}", 1, "", "cut off"},
      {"a: \xE6\x98", 1, "", "ends in the middle of a character"},
      /* duplicates */
      {"a: 1\nb: 2\na: 3\n", 3, "a", "already given at line 1"},
      {"{\"a\": 1,\n\"a\": 1}", 2, "a", "already given at line 1"},
      {"{a: 1, b: 2, a: 3}", 1, "a", "already given at line 1"},
      {"a: 1\xC2\x85# \xE2\x80\xA8# \xFF", 3, "", "not UTF-8"}, /* the line breaks of YAML count */
      {"a: 1\r\nb: 1\r# \xFF", 3, "", "not UTF-8"},
      {"x:\n  k: 1\n  'k': 2\n", 3, "k", "already given at line 2"},
      {"? \n: 1\n? \n: 2\n", 3, "", "already given at line 1"},
      /* what YAML can and we do not want */
      {"a: &x 1\n", 1, "a", "anchors (&x) are not accepted"},
      {"&x a: 1\n", 1, "", "anchors"},
      {"a: 1\nb: *x\n", 2, "b", "aliases (*x) are not accepted"},
      {"a: &x [*x]\n", 1, "a", "anchors"},
      {"a: !!str 1\n", 1, "a", "tags"},
      {"a: !thing {}\n", 1, "a", "tags"},
      {"a: 1\n---\nb: 2\n", 2, "", "second document"},
      {"{a: 1}\n{b: 2}\n", 2, "", "remove what follows"},
      {"[a, b]: 1\n", 1, "", "cannot be a key"},
      {"? {a: 1}\n: 1\n", 1, "", "cannot be a key"},
      {"a: \"x\\0y\"\n", 1, "a", "NUL"},
      {"\"x\\u0000y\": 1\n", 1, "", "NUL"},
      /* syntax */
      {"a: 1\nb: \"\\ud83d\\ude00\"\n", 2, "b", "write the character itself"},
      {"a:\n\tb: 1\n", 2, "a", "indent with spaces and not tabs"},
      {"a: b: c\n", 1, "", "put text that contains ': ' in quotes"},
      {"a: \"b\" c\n", 1, "", "put quotes around the whole of a value"},
      {"a: @b\n", 1, "a", "in quotes"},
      {"a: \"C:\\d\"\n", 1, "a", "use single quotes for text with backslashes"},
      {"a: [1, 2}\n", 1, "a", "add the comma or the closing bracket"},
      {"a\x01: 1\n", 1, "", "remove the control character"},
      {"a: 1\nb: \x1B[2J\n", 2, "", "remove the control character"},
      {"- 1\nb: 2\n", 2, "", "line up"},
      /* not UTF-8 */
      {"a: 1\nb: \xFF\n", 2, "", "byte 0xFF at offset 8 is not UTF-8"},
      {"a: \xED\xA0\x80\n", 1, "", "not UTF-8"},
      {"a: \xC0\x80\n", 1, "", "not UTF-8"},
      {"\xFF\xFE"
       "a",
       1, "", "is UTF-16 text: save it as UTF-8"},
      {"\xFE\xFF", 1, "", "is UTF-16 text"},
  };
  for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
    const refused_document *d = &documents[i];
    refuse(d->text, strlen(d->text), d->line, d->field, d->said);
  }
  refuse("a: 1\nb\0", 7, 2, "", "a NUL byte at offset 6");
  refuse("a\0:\0 \0", 6, 1, "", "it is UTF-16");
  refuse("\0", 1, 1, "", "a NUL byte");
}

/* --- files --- */

static void files_are_read_by_name(void **state) {
  (void)state;
  char path[] = "slipstick-doc-XXXXXX";
  const int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, "a: 1\nb: [\n", 10), 10);
  close(fd);
  const slip_node *root = NULL;
  assert_int_equal(slip_doc_read(arena, path, &root, &err), SLIP_BAD_INPUT);
  assert_string_equal(err.file, path);
  assert_int_equal(err.line, 2);
  assert_null(root);
  assert_int_equal(truncate(path, 5), 0);
  assert_int_equal(slip_doc_read(arena, path, &root, &err), SLIP_OK);
  assert_string_equal(root->file, path);
  assert_string_equal(slip_node_get(root, "a")->text, "1");
  root = NULL;
  assert_int_equal(truncate(path, SLIP_DOC_MAX_BYTES + 1), 0);
  assert_int_equal(slip_doc_read(arena, path, &root, &err), SLIP_BAD_INPUT);
  assert_non_null(strstr(err.message, "larger than"));
  unlink(path);
  assert_int_equal(slip_doc_read(arena, path, &root, &err), SLIP_IO_FAILURE);
  assert_string_equal(err.file, path);
  assert_null(root);
}

/* The name is copied: the caller's may go. */
static void nodes_keep_the_name(void **state) {
  (void)state;
  char name[] = "gone.yaml";
  const slip_node *root = NULL;
  assert_int_equal(slip_doc_parse(arena, name, "a: 1", 4, &root, &err), SLIP_OK);
  memset(name, 'x', 4);
  assert_int_equal(slip_node_fail(&err, SLIP_MISSING, root->first, "no %s", "peak"), SLIP_MISSING);
  assert_string_equal(err.file, "gone.yaml");
  assert_string_equal(err.field, "a");
  assert_int_equal(err.line, 1);
  assert_string_equal(err.message, "no peak");
}

/* --- real model configurations --- */

static void read_folder(const char *folder, int *files, int *infinities) {
  DIR *listing = opendir(folder);
  assert_non_null(listing);
  for (const struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
    const size_t n = strlen(entry->d_name);
    if (n < 5 || strcmp(entry->d_name + n - 5, ".json") != 0)
      continue;
    const slip_node *root = NULL;
    const char *path = slip_arena_printf(arena, "%s/%s", folder, entry->d_name);
    if (slip_doc_read(arena, path, &root, &err) != SLIP_OK)
      fail_msg("%s:%d: %s", path, err.line, err.message);
    assert_true(root->kind == SLIP_NODE_MAP && root->count > 0);
    ++*files;
    for (const slip_node *child = root->first; child != NULL; child = child->next)
      for (const slip_node *item = child->first; item != NULL; item = item->next)
        *infinities += item->text != NULL && strcmp(item->text, "Infinity") == 0;
  }
  closedir(listing);
}

static void real_configurations_are_read(void **state) {
  (void)state;
  const char *shared = getenv("SLIP_SHARED");
  if (shared == NULL)
    skip();
  int files = 0, infinities = 0;
  const char *folder = slip_arena_printf(arena, "%s/hf_configs", shared);
  read_folder(folder, &files, &infinities);
  assert_true(files >= 40);
  assert_true(infinities >= 2); /* in time_step_limit of two of them */
  read_folder(slip_arena_printf(arena, "%s/hf_quant", folder), &files, &infinities);
  /* Two facts from the files themselves. */
  const slip_node *root = NULL;
  int64_t experts = 0;
  double theta = 0;
  const char *path = slip_arena_printf(arena, "%s/deepseek-ai__DeepSeek-V3.json", folder);
  assert_int_equal(slip_doc_read(arena, path, &root, &err), SLIP_OK);
  assert_int_equal(slip_node_int(slip_node_get(root, "n_routed_experts"), 1, 100000, &experts, &err), SLIP_OK);
  assert_int_equal(experts, 256);
  assert_int_equal(slip_node_double(slip_node_get(root, "rope_theta"), 1, 1e12, &theta, &err), SLIP_OK);
  assert_true(theta == 10000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_document_becomes_a_tree_with_places),
      TEST(json_is_read_as_it_is_written),
      TEST(an_empty_document_is_an_empty_map),
      TEST(null_is_absent_or_written_so),
      TEST(doubles_are_read_within_their_range),
      TEST(whole_numbers_are_read_exactly_within_their_range),
      TEST(booleans_are_true_or_false_only),
      TEST(texts_are_not_numbers),
      TEST(messages_show_the_start_of_a_long_value),
      TEST(bad_documents_are_refused_with_their_place),
      TEST(files_are_read_by_name),
      TEST(nodes_keep_the_name),
      TEST(real_configurations_are_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
