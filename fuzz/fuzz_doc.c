/* Fuzzes the document reader: any bytes either give a clear error or a tree that is sound, whose typed reads agree with
 * each other, and that comes back the same when written as JSON and read again. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/doc.h"
#include "base/json.h"

#define REQUIRE(condition) \
  do {                     \
    if (!(condition))      \
      abort();             \
  } while (0)

/* Longer keys are legal for us to write, but libyaml takes no more than 1024 characters before the colon. */
enum { LONGEST_KEY = 150 };

static void check_error(const slip_error *err, slip_status status) {
  REQUIRE(err->code == status && status == SLIP_BAD_INPUT);
  REQUIRE(err->message[0] != '\0' && err->line >= 0);
  const char *const parts[] = {err->message, err->file, err->field};
  for (size_t i = 0; i < 3; i++) {
    REQUIRE(slip_is_utf8(parts[i], strlen(parts[i])));
    for (const char *c = parts[i]; *c != '\0'; c++)
      REQUIRE((unsigned char)*c >= 0x20 && *c != 0x7F);
  }
}

static void check_reads(const slip_node *node) {
  double number = -1;
  int64_t whole = -1, narrow = -1;
  bool truth = false;
  const char *text = NULL;
  slip_error err = {0};
  const slip_status as_double = slip_node_double(node, -INFINITY, INFINITY, &number, &err);
  REQUIRE(as_double == SLIP_OK ? isfinite(number) : number == -1);
  if (as_double != SLIP_OK)
    check_error(&err, as_double);
  const slip_status as_int = slip_node_int(node, INT64_MIN, INT64_MAX, &whole, &err);
  if (as_int != SLIP_OK)
    check_error(&err, as_int);
  REQUIRE(as_int != SLIP_OK || (as_double == SLIP_OK && (double)whole == number));
  if (slip_node_int(node, 1, 1000, &narrow, &err) == SLIP_OK)
    REQUIRE(narrow == whole && narrow >= 1 && narrow <= 1000);
  const slip_status as_bool = slip_node_bool(node, &truth, &err);
  if (as_bool != SLIP_OK)
    check_error(&err, as_bool);
  const slip_status as_string = slip_node_string(node, &text, &err);
  if (as_string != SLIP_OK)
    check_error(&err, as_string);
  REQUIRE((as_string == SLIP_OK) + (as_bool == SLIP_OK) + (as_double == SLIP_OK) + slip_node_is_null(node) <= 1);
}

/* Checks the tree below node, and writes it as JSON. Returns its depth, or more than can be written. */
static int check_tree(const slip_node *node, slip_json *json, int depth) {
  int deepest = depth;
  REQUIRE(node->line >= 1 && node->column >= 1 && strcmp(node->file, "fuzz") == 0);
  check_reads(node);
  if (node->key != NULL && strlen(node->key) > LONGEST_KEY)
    deepest = SLIP_JSON_MAX_DEPTH + 1;
  if (node->kind == SLIP_NODE_SCALAR) {
    REQUIRE(node->text != NULL && node->first == NULL && node->count == 0);
    if (json != NULL)
      slip_json_string(json, node->key, node->text);
    return deepest;
  }
  if (json != NULL)
    (node->kind == SLIP_NODE_MAP ? slip_json_object : slip_json_array)(json, node->key);
  size_t children = 0;
  for (const slip_node *child = node->first; child != NULL; child = child->next, children++) {
    REQUIRE((child->key != NULL) == (node->kind == SLIP_NODE_MAP));
    REQUIRE(child->key == NULL || children > 100 || slip_node_get(node, child->key) == child);
    const int below = check_tree(child, json, depth + 1);
    deepest = below > deepest ? below : deepest;
  }
  REQUIRE(children == node->count);
  if (json != NULL)
    (node->kind == SLIP_NODE_MAP ? slip_json_object_end : slip_json_array_end)(json);
  return deepest;
}

static void require_same(const slip_node *a, const slip_node *b) {
  REQUIRE(a->kind == b->kind && a->count == b->count);
  REQUIRE((a->key == NULL) == (b->key == NULL) && (a->key == NULL || strcmp(a->key, b->key) == 0));
  REQUIRE((a->text == NULL) == (b->text == NULL) && (a->text == NULL || strcmp(a->text, b->text) == 0));
  for (a = a->first, b = b->first; a != NULL; a = a->next, b = b->next)
    require_same(a, b);
}

static void check_round_trip(slip_arena *arena, const slip_node *root) {
  slip_text text = {0};
  slip_json json;
  const slip_node *again = NULL;
  slip_error err = {0};
  slip_json_begin(&json, &text);
  check_tree(root, &json, 0);
  slip_json_end(&json);
  REQUIRE(!text.failed);
  REQUIRE(slip_doc_parse(arena, "fuzz", text.data, text.length, &again, &err) == SLIP_OK);
  require_same(root, again);
  slip_text_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  slip_arena *arena = slip_arena_open();
  const slip_node *root = NULL;
  slip_error err = {0};
  /* A copy of the exact size, so that a read past the end is seen. */
  char *bytes = malloc(size > 0 ? size : 1);
  REQUIRE(arena != NULL && bytes != NULL);
  if (size > 0)
    memcpy(bytes, data, size);
  const slip_status status = slip_doc_parse(arena, "fuzz", bytes, size, &root, &err);
  free(bytes);
  if (status != SLIP_OK) {
    REQUIRE(root == NULL);
    check_error(&err, status);
  } else if (check_tree(root, NULL, 0) < SLIP_JSON_MAX_DEPTH) {
    check_round_trip(arena, root);
  }
  slip_arena_free(arena);
  REQUIRE(slip_arena_live_bytes() == 0);
  return 0;
}
