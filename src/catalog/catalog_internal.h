/* Inside of the catalog: how a file becomes an entry.
 *
 *   catalog.c  the catalog itself: built-in files, overlays, references between entries, finishing
 *   lookup.c   finding entries by name, suggestions, the newest stack, slip_require
 *   build.c    one file -> one slip_chip, slip_system, ... (what differs by kind)
 *   entry.c    names, texts and facts (what all kinds share)
 *   fields.c   the tables of fields, kinds and confidences
 *   dtype.c    number formats
 *
 * Everything of a catalog, and the documents that it was read from, lives in one arena. */
#ifndef SLIP_CATALOG_CATALOG_INTERNAL_H
#define SLIP_CATALOG_CATALOG_INTERNAL_H

#include "base/arena.h"
#include "base/doc.h"
#include <slipstick/catalog.h>

enum {
  SLIP_NAME_MAX_BYTES = 64,  /* of an entry's name or alias */
  SLIP_TEXT_MAX_BYTES = 2000 /* of a title, source, note, ... */
};

/* ---- fields.c ---- */

extern const char *const slip_level_names[3]; /* innermost first */
/* Writes NAN and "" into every member of `object` that one of the fields fills. */
void slip_fields_clear(const slip_field *fields, size_t count, void *object);

/* ---- entry.c ---- */

/* A file on its way to becoming an entry. */
typedef struct slip_reading {
  slip_arena *arena;
  slip_kind kind;
  const char *file;
  const slip_node *root;
  slip_fact *facts; /* room for all facts that the file can hold */
  size_t n_facts;
  slip_error *err;
} slip_reading;

/* Checks the keys of a map against `count` legal names; the error names the nearest one. `what`: "a chip file". */
typedef struct slip_key {
  const char *name;
  unsigned kinds, required; /* bit 1 << kind: may carry it, must carry it */
} slip_key;
slip_status slip_keys_check(const slip_node *map, const slip_key *keys, size_t count, slip_kind kind,
                            const char *what, slip_error *err);

/* A text on one line: line ends become spaces, other control characters are refused. */
slip_status slip_text_read(slip_arena *arena, const slip_node *node, const char **out, slip_error *err);
/* One of `count` words; *out is its index. */
slip_status slip_word_read(const slip_node *node, const char *const *words, size_t count, size_t *out,
                           slip_error *err);
/* As slip_text_read of a child; "" when it is absent. */
slip_status slip_text_child(slip_arena *arena, const slip_node *map, const char *key, const char **out,
                            slip_error *err);

/* Name, title, vendor, status, summary and aliases of reading->root into *entry. `stem`: the name that the file's
 * own name promises; NULL skips that check. */
slip_status slip_entry_read_head(slip_reading *reading, const char *stem, slip_entry *entry);
/* Reads a map of facts (NULL: none), appends them to reading->facts as "PREFIX.FIELD", and fills `object`. */
slip_status slip_facts_read(slip_reading *reading, const slip_node *map, const char *prefix,
                            const slip_field *fields, size_t n_fields, void *object);
/* Source, url, date, confidence and note of a fact. */
slip_status slip_fact_read_source(slip_reading *reading, const slip_node *map, slip_fact *fact);

/* ---- build.c ---- */

/* The struct of a kind, built from one parsed file. Its first member is its slip_entry. References to other entries
 * are left open. */
slip_status slip_entry_build(slip_arena *arena, slip_kind kind, const char *file, const char *stem,
                             const slip_node *root, slip_entry **out, slip_error *err);
/* Turns a system's levels from chips into ranks, once its chip is known. */
slip_status slip_system_finish(slip_system *system, slip_error *err);

/* ---- catalog.c ---- */

typedef struct slip_catalog_item {
  slip_entry *entry;     /* first member of the slip_chip, slip_system, ... */
  const slip_node *root; /* the file that it was built from */
} slip_catalog_item;

typedef struct slip_catalog_list {
  slip_catalog_item *items; /* in name order */
  size_t count, capacity;
} slip_catalog_list;

struct slip_catalog {
  slip_arena *arena;
  slip_catalog_list lists[SLIP_KINDS];
};

/* An empty catalog; slip_catalog_add any number of times; slip_catalog_finish once. */
slip_status slip_catalog_new(slip_catalog **out, slip_error *err);
/* Adds one file from memory, in place of the entry of that kind and name if there is one. */
slip_status slip_catalog_add(slip_catalog *catalog, slip_kind kind, const char *file, const char *stem,
                             const char *bytes, size_t n, slip_error *err);
/* Adds the files of an overlay directory. */
slip_status slip_catalog_add_directory(slip_catalog *catalog, const char *path, slip_error *err);
/* Checks that names are unique and resolves references. */
slip_status slip_catalog_finish(slip_catalog *catalog, slip_error *err);

/* A catalog of its own with the same entries, whose numbers the caller may move: slip_catalog_lookup gives entries that are not const. The
 * source must outlive it. O(files). */
slip_status slip_catalog_copy(const slip_catalog *source, slip_catalog **out, slip_error *err);

/* ---- lookup.c ---- */

/* Equal but for the case of ASCII letters. */
bool slip_same_name(const char *a, const char *b);
/* By name, else by alias; NULL when unknown. */
slip_entry *slip_catalog_lookup(const slip_catalog *catalog, slip_kind kind, const char *name);
/* Up to three near names of that kind as ", did you mean ..."-text into out; "" when nothing is near. */
void slip_catalog_suggest(const slip_catalog *catalog, slip_kind kind, const char *name, char *out, size_t size);

#endif
