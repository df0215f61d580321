/* One reader for YAML and JSON (read as YAML's flow style by libyaml), giving a tree in which every node knows its
 * line and column, so that any later complaint can name file, line and field.
 *
 * Refused, each with a clear message: bytes that are not UTF-8, NUL bytes and NUL escapes, syntax errors and truncation,
 * duplicate keys, keys that are not scalars, aliases and anchors (the catalog needs none, and they allow exponential
 * growth), tags (!!str), more than one document, nesting deeper than SLIP_DOC_MAX_DEPTH, files larger than
 * SLIP_DOC_MAX_BYTES, more than SLIP_DOC_MAX_NODES nodes, more than SLIP_DOC_MAX_PERCENT_LINES lines that start with %
 * (YAML directives, on which libyaml is quadratic). An escaped surrogate pair ("\ud83d\ude00") is refused by libyaml: the
 * message says to write the character itself. An empty document is an empty map. A byte order mark of UTF-8 is skipped. */
#ifndef SLIP_BASE_DOC_H
#define SLIP_BASE_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include <slipstick/error.h>

enum {
  SLIP_DOC_MAX_DEPTH = 64,
  SLIP_DOC_MAX_BYTES = 16 << 20,
  SLIP_DOC_MAX_NODES = 1000000,
  SLIP_DOC_MAX_PERCENT_LINES = 16
};

typedef enum slip_node_kind { SLIP_NODE_SCALAR, SLIP_NODE_SEQUENCE, SLIP_NODE_MAP } slip_node_kind;

typedef struct slip_node {
  slip_node_kind kind;
  bool quoted;                   /* scalar written in quotes: a string whatever it looks like */
  int line, column;              /* 1-based; of the key for a child of a map */
  const char *file;              /* the name given to the reader */
  const char *key;               /* for a child of a map, else NULL */
  const char *text;              /* scalar: its text; else NULL */
  const struct slip_node *first; /* children of a sequence or map, in file order */
  const struct slip_node *next;  /* next sibling */
  size_t count;                  /* children */
} slip_node;

/* Parses bytes[0..n). `file` names the input in errors. The tree lives in the arena. The name is copied.
 * O(n log n) for any input: the keys of a map are sorted to find duplicates, since a fixed hash can be attacked. */
slip_status slip_doc_parse(slip_arena *arena, const char *file, const char *bytes, size_t n, const slip_node **root,
                           slip_error *err);
/* Reads and parses a file. */
slip_status slip_doc_read(slip_arena *arena, const char *path, const slip_node **root, slip_error *err);

/* Child of a map by key, NULL when absent or when map is NULL or not a map. O(children). */
const slip_node *slip_node_get(const slip_node *map, const char *key);
/* True for an absent node (NULL), and for an unquoted null, Null, NULL, ~ or empty scalar. */
bool slip_node_is_null(const slip_node *node);

/* Typed reads of a node that must be there and of that type. The error names file, line and key of the node.
 * Numbers: decimal or exponent, ".inf"/"Infinity" and NaN are refused as "not finite"; integers may be written 1e9 or
 * 8192.0 when exact. Bounds are inclusive; a value outside says the range (an infinite bound, or the smallest or largest of
 * the type, is not mentioned). Booleans: true/false (any case), yes/no are refused. A number or boolean in quotes is
 * refused, and so is an unquoted number, boolean or null where a string must be: the message says to remove or add the
 * quotes. Who takes both kinds reads node->text. */
slip_status slip_node_double(const slip_node *node, double low, double high, double *out, slip_error *err);
slip_status slip_node_int(const slip_node *node, int64_t low, int64_t high, int64_t *out, slip_error *err);
slip_status slip_node_bool(const slip_node *node, bool *out, slip_error *err);
slip_status slip_node_string(const slip_node *node, const char **out, slip_error *err);

/* A key that a map may have, or must. */
typedef struct slip_node_key {
  const char *name;
  bool required;
} slip_node_key;
/* The map has no other keys than these, each at most once, and a value for those that are required. An unknown key is refused at its place with the
 * nearest of the known ones. `what`: what the map describes, in errors. O(keys children). */
slip_status slip_node_keys(const slip_node *map, const slip_node_key *keys, size_t count, const char *what,
                           slip_error *err);
#define SLIP_NODE_KEYS(map, keys, what, err) \
  slip_node_keys((map), (keys), sizeof(keys) / sizeof((keys)[0]), (what), (err))

/* An error at a node: fills file, line, column and field (the node's key). Returns code. */
slip_status slip_node_fail(slip_error *err, slip_status code, const slip_node *node, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
