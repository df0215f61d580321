/* Inside of the rule pack: how files become rules, and what the evaluator walks.
 *
 *   pack.c        opening: built-in files, overlays, the list of dates, the hash
 *   read.c        files -> tables of named things; the small ones among them (inputs, lookups, groups, decisions)
 *   condition.c   conditions and quantities
 *   rule.c        rules: dates, periods, citation
 *   link.c        the order of evaluation; cycles; contradictions between rules
 *   case.c        what is known of one item and one transaction
 *   evaluate.c    three-valued logic over intervals
 *   verdict.c     decisions on a date, and the derivation as a tree
 *   headroom.c    distances, break-points, nearest variants
 *   record.c      hashes */
#ifndef SLIP_RULES_PACK_H
#define SLIP_RULES_PACK_H

#include "base/arena.h"
#include "base/doc.h"
#include "rules/exact.h"
#include <slipstick/rules.h>

enum {
  SLIP_PACK_MAX = 512, /* things of one kind; bounds the recursion of every walk */
  SLIP_PACK_COUNTRIES = 26 * 26,
  SLIP_PACK_MAX_DISTANCES = 256
};

typedef enum slip_thing {
  SLIP_THING_INPUT,
  SLIP_THING_LOOKUP,
  SLIP_THING_QUANTITY,
  SLIP_THING_GROUP,
  SLIP_THING_DECISION,
  SLIP_THING_RULE,
  SLIP_THINGS
} slip_thing;

extern const char *const slip_thing_keys[SLIP_THINGS]; /* "inputs", "lookups", ...: the key of a file */

/* ---- values ---- */

typedef enum slip_value_type {
  SLIP_VALUE_NUMBER,
  SLIP_VALUE_TEXT,
  SLIP_VALUE_TRUTH,
  SLIP_VALUE_COUNTRY
} slip_value_type;

typedef struct pack_input {
  slip_input public;
  slip_value_type type;
  slip_exact scale;           /* a catalog's number times this is the input's */
  const char *const *choices; /* of a text; NULL: any */
  size_t n_choices;
} pack_input;

/* A text made from a text: the country of a vendor, whether a process is planar. */
typedef struct pack_lookup {
  const char *id;
  size_t input;
  const char *const *keys, *const *values;
  size_t count;
} pack_lookup;

typedef enum slip_operation {
  SLIP_OP_NUMBER,
  SLIP_OP_INPUT,
  SLIP_OP_QUANTITY,
  SLIP_OP_LARGEST, /* of those that are known: what the maker does not list, the item does not offer */
  SLIP_OP_SUM,
  SLIP_OP_PRODUCT,
  SLIP_OP_RATIO
} slip_operation;

typedef struct pack_term {
  slip_operation operation;
  slip_exact number;
  size_t index; /* of the input or quantity */
  struct pack_term *first, *next;
} pack_term;

typedef struct pack_quantity {
  const char *id, *title, *unit, *definition;
  bool varies; /* a design parameter by itself: the rates of an item scaled together */
  pack_term *term;
  const slip_node *node;
} pack_quantity;

/* ---- groups of countries ---- */

typedef struct pack_member {
  char code[4];
  slip_date joined, left; /* 0: always; 0: never */
} pack_member;

typedef struct pack_group {
  const char *id, *title;
  pack_member *members; /* sorted by code */
  size_t n_members;
  unsigned char *place; /* by country: 1 + place among the members; 0: none */
  bool *is_settled;     /* by country: its membership is known for all dates */
  slip_date known_from;
  const size_t *with, *without; /* groups added and taken away; with before without */
  size_t n_with, n_without;
  const slip_node *node;
} pack_group;

/* ---- conditions ---- */

typedef enum slip_condition_kind {
  SLIP_ALL_OF,
  SLIP_ANY_OF,
  SLIP_NOT_OF,
  SLIP_COMPARE,  /* a number within bounds */
  SLIP_IS,       /* a text is one of */
  SLIP_HOLDS,    /* a truth is yes */
  SLIP_IN_GROUP, /* a country */
  SLIP_BY_RULE,  /* another rule's value on the date */
  SLIP_BY_DECISION
} slip_condition_kind;

typedef struct pack_condition {
  slip_condition_kind kind;
  slip_thing thing; /* what the operand is: input, lookup or quantity; of SLIP_BY_*: rule or decision */
  size_t index;
  size_t group;
  bool has_low, has_high, low_strict, high_strict;
  slip_exact low, high;
  const char *const *texts; /* SLIP_IS: the texts; SLIP_BY_DECISION: outcomes */
  size_t n_texts;
  uint64_t outcomes; /* SLIP_BY_DECISION: bit per outcome of the decision */
  const char *says;  /* what the text asks for, for people; "" */
  struct pack_condition *first, *next;
} pack_condition;

typedef struct pack_rule {
  slip_rule public;
  bool has_decision;
  size_t decision, outcome; /* outcome: of the decision; n_outcomes: none */
  int64_t order;
  pack_condition *when;
  pack_condition *checklist; /* certifications: conditions joined to `when`, listed by name */
  const slip_node *node;
} pack_rule;

typedef struct pack_decision {
  slip_decision public;
  slip_outcome *outcomes;
  size_t *rules; /* in order */
  size_t n_rules;
  const slip_node *node;
} pack_decision;

/* ---- the pack ---- */

/* A named thing of a file, not yet built. */
typedef struct pack_entry {
  const char *id;
  const slip_node *node;
  size_t layer; /* 0: built in; i: the i-th directory */
} pack_entry;

typedef struct pack_table {
  pack_entry *entries;
  size_t count, capacity;
} pack_table;

typedef struct pack_file {
  const char *name;
  const slip_node *root;
  size_t layer;
} pack_file;

/* What is evaluated after what. */
typedef struct pack_step {
  bool is_decision;
  size_t index;
} pack_step;

struct slip_rules {
  slip_arena *arena;
  pack_file *files;
  size_t n_files, files_capacity;
  pack_table tables[SLIP_THINGS];
  pack_input *inputs;
  pack_lookup *lookups;
  pack_quantity *quantities;
  pack_group *groups;
  pack_decision *decisions;
  pack_rule *rules;
  size_t *quantity_order; /* each after those that it needs */
  pack_step *steps;       /* rules and decisions, likewise */
  size_t n_steps;
  slip_date *dates;
  size_t n_dates;
  slip_date newest;
  const char *disclaimer;
  char hash[SLIP_HASH_SIZE];
  void *hasher; /* while files are added */
};

/* ---- pack.c: also for fuzzers and tests ---- */

slip_status slip_rules_new(slip_rules **out, slip_error *err);
/* Adds a file from memory. layer 0 is the built-in pack. `name` ends in ".yaml". */
slip_status slip_rules_add(slip_rules *rules, size_t layer, const char *file, const char *name, const char *bytes,
                           size_t n, slip_error *err);
/* Builds and checks everything; once. */
slip_status slip_rules_finish(slip_rules *rules, slip_error *err);

/* ---- read.c ---- */

slip_status pack_file_check(slip_rules *rules, const slip_node *root, const char *stem, slip_error *err);
slip_status pack_build_small(slip_rules *rules,
                             slip_error *err); /* all but quantities, groups' references and rules */
/* Index of a thing by id; false when there is none. */
bool pack_find(const slip_rules *rules, slip_thing thing, const char *id, size_t *index);
/* As pack_find, for a node that names it; the error gives the nearest id. */
slip_status pack_refer(const slip_rules *rules, slip_thing thing, const slip_node *node, size_t *index,
                       slip_error *err);
slip_status pack_read_date(const slip_node *map, const char *key, slip_date *out, slip_error *err);
/* A list of texts, or one text. *out of *count. */
slip_status pack_read_texts(slip_rules *rules, const slip_node *node, const char *const **out, size_t *count,
                            slip_error *err);
bool pack_is_country(const char *code);      /* two capital letters */
size_t pack_country_index(const char *code); /* of such: under SLIP_PACK_COUNTRIES */

/* ---- condition.c ---- */

slip_status pack_read_condition(slip_rules *rules, const slip_node *node, pack_condition **out, slip_error *err);
slip_status pack_read_checklist(slip_rules *rules, const slip_node *node, pack_condition **out, slip_error *err);
slip_status pack_read_quantity(slip_rules *rules, const slip_node *node, pack_quantity *quantity, slip_error *err);

/* ---- rule.c ---- */

slip_status pack_build_rules(slip_rules *rules, slip_error *err);

/* ---- link.c ---- */

slip_status pack_link(slip_rules *rules, slip_error *err);

/* ---- record.c ---- */

slip_status pack_hash_begin(slip_rules *rules, slip_error *err);
void pack_hash_add(slip_rules *rules, const char *name, const char *bytes, size_t n);
void pack_hash_end(slip_rules *rules);

#endif
