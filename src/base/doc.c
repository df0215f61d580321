/* The reader of YAML and JSON: checks of the raw bytes, then libyaml's events, from which the tree is built. Events and
 * not libyaml's documents, so that what is refused is refused as it comes, before it costs time or memory. */
#include "base/doc.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/fail.h"
#include "base/text.h"

/* --- building the tree --- */

typedef struct frame {
  slip_node *node; /* the open sequence or map */
  slip_node *last; /* its last child */
  const char *key; /* in a map: of the child to come, NULL while a key is awaited */
  int key_line, key_column;
} frame;

typedef struct reader {
  slip_arena *arena;
  slip_error *err;
  const char *file;
  slip_node *root;
  size_t nodes;
  int documents, depth;
  frame frames[SLIP_DOC_MAX_DEPTH];
  yaml_parser_t parser;
} reader;

/* The key that the reader is at or in, for messages. */
static const char *current_key(const reader *r) {
  for (int i = r->depth - 1; i >= 0; i--) {
    if (r->frames[i].key != NULL)
      return r->frames[i].key;
    if (r->frames[i].node->key != NULL)
      return r->frames[i].node->key;
  }
  return NULL;
}

__attribute__((format(printf, 4, 5))) static slip_status fail_mark(const reader *r, slip_status code,
                                                                   yaml_mark_t mark, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  slip_fail_at_v(r->err, code, r->file, (int)mark.line + 1, (int)mark.column + 1, current_key(r), fmt, args);
  va_end(args);
  return code;
}

static slip_status fail_memory(const reader *r) {
  return slip_fail_at(r->err, SLIP_NO_MEMORY, r->file, 0, 0, NULL, "not enough memory to read the document");
}

/* Makes a node as the next child of the open frame, or as the root. */
static slip_status add_node(reader *r, slip_node_kind kind, yaml_mark_t mark, slip_node **out) {
  if (r->nodes >= SLIP_DOC_MAX_NODES)
    return fail_mark(r, SLIP_BAD_INPUT, mark, "the document has more than %d values: is it the right file?",
                     SLIP_DOC_MAX_NODES);
  slip_node *node = slip_arena_alloc(r->arena, sizeof *node);
  if (node == NULL)
    return fail_memory(r);
  r->nodes++;
  *node = (slip_node){.kind = kind, .line = (int)mark.line + 1, .column = (int)mark.column + 1, .file = r->file};
  *out = node;
  if (r->depth == 0) {
    r->root = node;
    return SLIP_OK;
  }
  frame *top = &r->frames[r->depth - 1];
  if (top->node->kind == SLIP_NODE_MAP) {
    node->key = top->key;
    node->line = top->key_line;
    node->column = top->key_column;
    top->key = NULL;
  }
  if (top->last == NULL)
    top->node->first = node;
  else
    top->last->next = node;
  top->last = node;
  top->node->count++;
  return SLIP_OK;
}

static bool awaits_key(const reader *r) {
  return r->depth > 0 && r->frames[r->depth - 1].node->kind == SLIP_NODE_MAP && r->frames[r->depth - 1].key == NULL;
}

static slip_status refuse_extras(const reader *r, yaml_mark_t mark, const yaml_char_t *anchor,
                                 const yaml_char_t *tag) {
  if (anchor != NULL)
    return fail_mark(r, SLIP_BAD_INPUT, mark,
                     "anchors (&%.40s) are not accepted: write the value out where it is used",
                     (const char *)anchor);
  if (tag != NULL)
    return fail_mark(r, SLIP_BAD_INPUT, mark,
                     "tags (%.40s) are not accepted: remove it, and put text that starts with ! in quotes",
                     (const char *)tag);
  return SLIP_OK;
}

static slip_status open_container(reader *r, slip_node_kind kind, yaml_mark_t mark, const yaml_char_t *anchor,
                                  const yaml_char_t *tag) {
  const slip_status status = refuse_extras(r, mark, anchor, tag);
  if (status != SLIP_OK)
    return status;
  if (awaits_key(r))
    return fail_mark(r, SLIP_BAD_INPUT, mark,
                     "a list or map cannot be a key: put text that starts with [ or { in quotes");
  if (r->depth >= SLIP_DOC_MAX_DEPTH)
    return fail_mark(r, SLIP_BAD_INPUT, mark, "nested deeper than %d levels: is a bracket missing?",
                     SLIP_DOC_MAX_DEPTH);
  slip_node *node = NULL;
  const slip_status added = add_node(r, kind, mark, &node);
  if (added == SLIP_OK)
    r->frames[r->depth++] = (frame){.node = node};
  return added;
}

static slip_status take_scalar(reader *r, const yaml_event_t *event) {
  slip_status status = refuse_extras(r, event->start_mark, event->data.scalar.anchor, event->data.scalar.tag);
  if (status != SLIP_OK)
    return status;
  const char *value = (const char *)event->data.scalar.value;
  const size_t length = event->data.scalar.length;
  if (memchr(value, '\0', length) != NULL)
    return fail_mark(r, SLIP_BAD_INPUT, event->start_mark, "the text contains an escaped NUL character: remove it");
  const char *text = slip_arena_strndup(r->arena, value, length);
  if (text == NULL)
    return fail_memory(r);
  if (awaits_key(r)) {
    frame *top = &r->frames[r->depth - 1];
    top->key = text;
    top->key_line = (int)event->start_mark.line + 1;
    top->key_column = (int)event->start_mark.column + 1;
    return SLIP_OK;
  }
  slip_node *node = NULL;
  status = add_node(r, SLIP_NODE_SCALAR, event->start_mark, &node);
  if (status != SLIP_OK)
    return status;
  node->text = text;
  node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
  return SLIP_OK;
}

/* By key, equal keys in file order. */
static int compare_keys(const void *left, const void *right) {
  const slip_node *a = *(const slip_node *const *)left, *b = *(const slip_node *const *)right;
  const int by_key = strcmp(a->key, b->key);
  if (by_key != 0)
    return by_key;
  if (a->line != b->line)
    return a->line < b->line ? -1 : 1;
  return (a->column > b->column) - (a->column < b->column);
}

static slip_status fail_duplicate(const reader *r, const slip_node *first, const slip_node *again) {
  return slip_node_fail(r->err, SLIP_BAD_INPUT, again, "the key was already given at line %d: keep one of them",
                        first->line);
}

static slip_status refuse_duplicates(const reader *r, const slip_node *map) {
  if (map->count < 2)
    return SLIP_OK;
  const slip_node **nodes = slip_memory_resize(NULL, map->count * sizeof(slip_node *));
  if (nodes == NULL)
    return fail_memory(r);
  size_t n = 0;
  for (const slip_node *child = map->first; child != NULL; child = child->next)
    nodes[n++] = child;
  qsort(nodes, n, sizeof *nodes, compare_keys);
  slip_status status = SLIP_OK;
  for (size_t i = 1; i < n && status == SLIP_OK; i++)
    if (strcmp(nodes[i - 1]->key, nodes[i]->key) == 0)
      status = fail_duplicate(r, nodes[i - 1], nodes[i]);
  free(nodes);
  return status;
}

static slip_status take_event(reader *r, const yaml_event_t *event) {
  const yaml_mark_t mark = event->start_mark;
  switch (event->type) {
  case YAML_DOCUMENT_START_EVENT:
    if (r->documents++ > 0)
      return fail_mark(r, SLIP_BAD_INPUT, mark, "a second document starts here: keep one document per file");
    return SLIP_OK;
  case YAML_ALIAS_EVENT:
    return fail_mark(
        r, SLIP_BAD_INPUT, mark,
        "aliases (*%.40s) are not accepted: write the value out, or put text that starts with * in quotes",
        (const char *)event->data.alias.anchor);
  case YAML_SCALAR_EVENT:
    return take_scalar(r, event);
  case YAML_SEQUENCE_START_EVENT:
    return open_container(r, SLIP_NODE_SEQUENCE, mark, event->data.sequence_start.anchor,
                          event->data.sequence_start.tag);
  case YAML_MAPPING_START_EVENT:
    return open_container(r, SLIP_NODE_MAP, mark, event->data.mapping_start.anchor, event->data.mapping_start.tag);
  case YAML_SEQUENCE_END_EVENT:
    r->depth--;
    return SLIP_OK;
  case YAML_MAPPING_END_EVENT:
    r->depth--;
    return refuse_duplicates(r, r->frames[r->depth].node);
  default:
    return SLIP_OK;
  }
}

/* --- syntax errors: libyaml says what it met; we say what to do about it --- */

typedef struct remedy {
  const char *problem, *mend;
} remedy;

static const remedy remedies[] = {
    {"found invalid Unicode character escape code",
     "write the character itself in place of a pair of \\u escapes (a surrogate pair)"},
    {"found unexpected end of stream", "close the quote; the file may be cut off"},
    {"did not find expected ',' or '}'", "add the comma or the closing brace; the file may be cut off"},
    {"did not find expected ',' or ']'", "add the comma or the closing bracket; the file may be cut off"},
    {"found character that cannot start any token",
     "indent with spaces and not tabs, and put text that starts with @ ` or % in quotes"},
    {"found a tab character where an indentation space is expected", "indent with spaces and not tabs"},
    {"found a tab character that violates indentation", "indent with spaces and not tabs"},
    {"mapping values are not allowed in this context",
     "put text that contains ': ' in quotes, and line up the keys of one map"},
    {"could not find expected ':'",
     "write `key: value` on one line, and put a key longer than 1000 characters elsewhere"},
    {"did not find expected key", "line up the keys of one map, and put quotes around the whole of a value"},
    {"did not find expected '-' indicator", "line up the - of one list"},
    {"block sequence entries are not allowed in this context", "start a list on a line of its own"},
    {"did not find expected <document start>", "remove what follows the end of the document"},
    {"control characters are not allowed",
     "remove the control character, or write it as an escape in double quotes"},
    {"found unknown escape character", "use single quotes for text with backslashes, or write \\\\ for each"},
    {"exceeded maximum depth", "is a bracket missing?"},
};

static const char *remedy_of(const char *problem) {
  for (size_t i = 0; i < sizeof remedies / sizeof *remedies; i++)
    if (strstr(problem, remedies[i].problem) != NULL)
      return remedies[i].mend;
  return "check the syntax there";
}

/* Whether a line starts at i, by the line breaks of YAML 1.1. */
static bool starts_line(const char *bytes, size_t i) {
  if (i == 0 || bytes[i - 1] == '\n' || bytes[i - 1] == '\r')
    return true;
  if (i >= 2 && memcmp(bytes + i - 2, "\xC2\x85", 2) == 0)
    return true;
  return i >= 3 && (memcmp(bytes + i - 3, "\xE2\x80\xA8", 3) == 0 || memcmp(bytes + i - 3, "\xE2\x80\xA9", 3) == 0);
}

/* The line, from 1, of the byte at offset, which must exist. */
static int line_of(const char *bytes, size_t offset) {
  int line = 1;
  for (size_t i = 1; i <= offset; i++)
    line += starts_line(bytes, i) && !(bytes[i - 1] == '\r' && bytes[i] == '\n');
  return line;
}

static slip_status fail_syntax(const reader *r, const char *bytes, size_t n) {
  const yaml_parser_t *p = &r->parser;
  if (p->error == YAML_MEMORY_ERROR)
    return fail_memory(r);
  const char *problem = p->problem != NULL ? p->problem : "unknown error";
  if (p->error == YAML_READER_ERROR) { /* these have an offset in bytes and no mark */
    const int line = p->problem_offset < n ? line_of(bytes, p->problem_offset) : 0;
    return slip_fail_at(r->err, SLIP_BAD_INPUT, r->file, line, 0, current_key(r),
                        "not valid YAML or JSON: %s (U+%04X): %s", problem, (unsigned)p->problem_value,
                        remedy_of(problem));
  }
  /* At the end of the input libyaml is on a line that the file does not have. */
  yaml_mark_t mark = p->problem_mark;
  const size_t last_line = n == 0 ? 1 : (size_t)line_of(bytes, n - 1);
  if (mark.line >= last_line)
    mark.line = last_line - 1;
  if (p->context == NULL)
    return fail_mark(r, SLIP_BAD_INPUT, mark, "not valid YAML or JSON: %s: %s", problem, remedy_of(problem));
  return fail_mark(r, SLIP_BAD_INPUT, mark, "not valid YAML or JSON: %s %s that starts at line %zu: %s", problem,
                   p->context, p->context_mark.line + 1, remedy_of(problem));
}

static slip_status read_events(reader *r, const char *bytes, size_t n) {
  for (;;) {
    yaml_event_t event;
    if (!yaml_parser_parse(&r->parser, &event))
      return fail_syntax(r, bytes, n);
    const yaml_event_type_t type = event.type;
    const slip_status status = take_event(r, &event);
    yaml_event_delete(&event);
    if (status != SLIP_OK || type == YAML_STREAM_END_EVENT)
      return status;
  }
}

/* --- the bytes, before libyaml sees them --- */

static slip_status fail_bytes(slip_error *err, const char *file, const char *bytes, size_t n, size_t at) {
  const int line = line_of(bytes, at);
  const unsigned char c = (unsigned char)bytes[at];
  if (c == 0)
    return slip_fail_at(err, SLIP_BAD_INPUT, file, line, 0, NULL,
                        "a NUL byte at offset %zu: this is not text, or it is UTF-16; save it as UTF-8", at);
  if (n - at < 4 && c >= 0xC2 && c <= 0xF4 && slip_utf8_cut(bytes, n) == at)
    return slip_fail_at(err, SLIP_BAD_INPUT, file, line, 0, NULL,
                        "the file ends in the middle of a character: it was cut off; get the whole file");
  return slip_fail_at(err, SLIP_BAD_INPUT, file, line, 0, NULL,
                      "byte 0x%02X at offset %zu is not UTF-8: save the file as UTF-8", (unsigned)c, at);
}

static slip_status check_bytes(const char *file, const char *bytes, size_t n, slip_error *err) {
  if (n > SLIP_DOC_MAX_BYTES)
    return slip_fail_at(err, SLIP_BAD_INPUT, file, 0, 0, NULL,
                        "is larger than %d bytes, the most that is read: is it the right file?",
                        SLIP_DOC_MAX_BYTES);
  if (n >= 2 && (memcmp(bytes, "\xFF\xFE", 2) == 0 || memcmp(bytes, "\xFE\xFF", 2) == 0))
    return slip_fail_at(err, SLIP_BAD_INPUT, file, 1, 0, NULL, "is UTF-16 text: save it as UTF-8");
  int percent_lines = 0;
  for (size_t i = 0; i < n;) {
    const size_t length = bytes[i] == '\0' ? 0 : slip_utf8_length(bytes + i, n - i);
    if (length == 0)
      return fail_bytes(err, file, bytes, n, i);
    if (bytes[i] == '%' && starts_line(bytes, i) && ++percent_lines > SLIP_DOC_MAX_PERCENT_LINES)
      return slip_fail_at(err, SLIP_BAD_INPUT, file, line_of(bytes, i), 0, NULL,
                          "more than %d lines start with %%: remove the directives, or indent the text",
                          SLIP_DOC_MAX_PERCENT_LINES);
    i += length;
  }
  return SLIP_OK;
}

/* --- the whole --- */

/* No document at all, or one without content: an empty map. */
static slip_status finish_root(reader *r) {
  if (r->root == NULL) {
    slip_node *node = NULL;
    return add_node(r, SLIP_NODE_MAP, (yaml_mark_t){0}, &node);
  }
  if (r->root->kind == SLIP_NODE_SCALAR && !r->root->quoted && r->root->text[0] == '\0')
    *r->root =
        (slip_node){.kind = SLIP_NODE_MAP, .line = r->root->line, .column = r->root->column, .file = r->file};
  return SLIP_OK;
}

slip_status slip_doc_parse(slip_arena *arena, const char *file, const char *bytes, size_t n, const slip_node **root,
                           slip_error *err) {
  slip_status status = SLIP_OK;
  bool has_parser = false;
  reader r = {.arena = arena, .err = err, .file = file};
  SLIP_TRY(check_bytes(file, bytes, n, err));
  if (n >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) {
    bytes += 3;
    n -= 3;
  }
  r.file = slip_arena_strdup(arena, file);
  has_parser = r.file != NULL && yaml_parser_initialize(&r.parser) != 0;
  if (!has_parser) {
    r.file = file;
    status = fail_memory(&r);
    goto cleanup;
  }
  yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&r.parser, (const unsigned char *)bytes, n);
  SLIP_TRY(read_events(&r, bytes, n));
  SLIP_TRY(finish_root(&r));
  *root = r.root;
cleanup:
  if (has_parser)
    yaml_parser_delete(&r.parser);
  return status;
}

slip_status slip_doc_read(slip_arena *arena, const char *path, const slip_node **root, slip_error *err) {
  char *bytes = NULL;
  size_t n = 0;
  slip_status status = slip_read_file(path, SLIP_DOC_MAX_BYTES, &bytes, &n, err);
  if (status == SLIP_OK)
    status = slip_doc_parse(arena, path, bytes, n, root, err);
  free(bytes);
  return status;
}
