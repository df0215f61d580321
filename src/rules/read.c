/* Files -> tables of named things; and those that are simple: inputs, lookups, groups, decisions. */
#include <string.h>

#include "base/fail.h"
#include "base/text.h"
#include "catalog/catalog_internal.h"
#include "rules/pack.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

const char *const slip_thing_keys[SLIP_THINGS] = {"inputs", "lookups",   "quantities",
                                                  "groups", "decisions", "rules"};
static const char *const thing_names[SLIP_THINGS] = {"input", "lookup", "quantity", "group", "decision", "rule"};

/* ---- small readers ---- */

slip_status pack_read_date(const slip_node *map, const char *key, slip_date *out, slip_error *err) {
  const slip_node *node = slip_node_get(map, key);
  *out = 0;
  if (slip_node_is_null(node))
    return SLIP_OK;
  if (node->kind != SLIP_NODE_SCALAR || !slip_date_parse(node->text, out))
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "expected a day of the calendar, such as 2026-01-15");
  return SLIP_OK;
}

slip_status pack_read_texts(slip_rules *rules, const slip_node *node, const char *const **out, size_t *count,
                            slip_error *err) {
  slip_status status = SLIP_OK;
  const bool one = node->kind == SLIP_NODE_SCALAR;
  if (node->kind == SLIP_NODE_MAP || (!one && node->count == 0))
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "expected a text or a list of texts that is not empty");
  const char **texts = slip_arena_array(rules->arena, one ? 1 : node->count, sizeof *texts);
  if (!texts)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  *count = 0;
  for (const slip_node *item = one ? node : node->first; item; item = one ? NULL : item->next)
    SLIP_TRY(slip_text_read(rules->arena, item, &texts[(*count)++], err));
  *out = texts;
cleanup:
  return status;
}

bool pack_is_country(const char *code) {
  return strlen(code) == 2 && code[0] >= 'A' && code[0] <= 'Z' && code[1] >= 'A' && code[1] <= 'Z';
}

size_t pack_country_index(const char *code) {
  return (size_t)(code[0] - 'A') * 26 + (size_t)(code[1] - 'A');
}

/* ---- names ---- */

bool pack_find(const slip_rules *rules, slip_thing thing, const char *id, size_t *index) {
  const pack_table *table = &rules->tables[thing];
  for (size_t i = 0; i < table->count; i++) {
    if (strcmp(table->entries[i].id, id) == 0) {
      *index = i;
      return true;
    }
  }
  return false;
}

slip_status pack_refer(const slip_rules *rules, slip_thing thing, const slip_node *node, size_t *index,
                       slip_error *err) {
  const pack_table *table = &rules->tables[thing];
  const char *nearest = NULL;
  if (node->kind != SLIP_NODE_SCALAR)
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "expected the id of a %s", thing_names[thing]);
  if (pack_find(rules, thing, node->text, index))
    return SLIP_OK;
  for (size_t i = 0; i < table->count; i++)
    if (!nearest || slip_edit_distance(node->text, table->entries[i].id) < slip_edit_distance(node->text, nearest))
      nearest = table->entries[i].id;
  return slip_node_fail(err, SLIP_BAD_INPUT, node, "no %s has the id \"%s\"%s%s%s", thing_names[thing], node->text,
                        nearest ? "; the nearest is \"" : "", nearest ? nearest : "", nearest ? "\"" : "");
}

static bool is_id(const char *id) {
  const size_t length = strlen(id);
  return length > 0 && length <= SLIP_NAME_MAX_BYTES &&
         strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:") == length;
}

static slip_status grow(slip_rules *rules, pack_table *table, slip_error *err) {
  if (table->count < table->capacity)
    return SLIP_OK;
  const size_t capacity = table->capacity ? 2 * table->capacity : 32;
  pack_entry *entries = slip_arena_array(rules->arena, capacity, sizeof *entries);
  if (!entries)
    return slip_no_memory(err);
  if (table->count)
    memcpy(entries, table->entries, table->count * sizeof *entries);
  table->entries = entries;
  table->capacity = capacity;
  return SLIP_OK;
}

/* A later layer replaces what an earlier one defined, in its place; the same layer may not define it twice. */
static slip_status define(slip_rules *rules, slip_thing thing, size_t layer, const slip_node *node,
                          slip_error *err) {
  pack_table *table = &rules->tables[thing];
  pack_entry entry = {.node = node, .layer = layer};
  slip_status status = SLIP_OK;
  size_t at = 0;
  if (node->kind != SLIP_NODE_MAP)
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "each of %s is a map", slip_thing_keys[thing]);
  const slip_node *id = slip_node_get(node, "id");
  if (!id || id->kind != SLIP_NODE_SCALAR || !is_id(id->text))
    return slip_node_fail(err, SLIP_BAD_INPUT, id ? id : node,
                          "a %s needs an id: at most %d letters, digits, '-', '.', ':' and '_'", thing_names[thing],
                          SLIP_NAME_MAX_BYTES);
  entry.id = id->text;
  if (pack_find(rules, thing, entry.id, &at)) {
    const pack_entry *old = &table->entries[at];
    if (old->layer == layer)
      return slip_node_fail(err, SLIP_BAD_INPUT, id, "the %s \"%s\" is already defined at %s:%d",
                            thing_names[thing], entry.id, old->node->file, old->node->line);
    table->entries[at] = entry;
    return SLIP_OK;
  }
  for (int other = SLIP_THING_INPUT; other <= SLIP_THING_QUANTITY; other++)
    if (thing <= SLIP_THING_QUANTITY && pack_find(rules, (slip_thing)other, entry.id, &at))
      return slip_node_fail(err, SLIP_BAD_INPUT, id, "\"%s\" is already the id of the %s at %s:%d", entry.id,
                            thing_names[other], rules->tables[other].entries[at].node->file,
                            rules->tables[other].entries[at].node->line);
  if (table->count == SLIP_PACK_MAX)
    return slip_node_fail(err, SLIP_BAD_INPUT, id, "more than %d %s", SLIP_PACK_MAX, slip_thing_keys[thing]);
  SLIP_TRY(grow(rules, table, err));
  table->entries[table->count++] = entry;
cleanup:
  return status;
}

static slip_status define_all(slip_rules *rules, const pack_file *file, slip_error *err) {
  slip_status status = SLIP_OK;
  for (int thing = 0; thing < SLIP_THINGS; thing++) {
    const slip_node *list = slip_node_get(file->root, slip_thing_keys[thing]);
    if (slip_node_is_null(list))
      continue;
    if (list->kind != SLIP_NODE_SEQUENCE)
      return slip_node_fail(err, SLIP_BAD_INPUT, list, "expected a list of %s", slip_thing_keys[thing]);
    for (const slip_node *node = list->first; node; node = node->next)
      SLIP_TRY(define(rules, (slip_thing)thing, file->layer, node, err));
  }
cleanup:
  return status;
}

/* ---- the head of a file ---- */

slip_status pack_file_check(slip_rules *rules, const slip_node *root, const char *stem, slip_error *err) {
  static const slip_node_key keys[] = {{"kind", true},       {"name", true},        {"title", true},
                                       {"seen", true},       {"disclaimer", false}, {"inputs", false},
                                       {"lookups", false},   {"quantities", false}, {"groups", false},
                                       {"decisions", false}, {"rules", false}};
  slip_status status = SLIP_OK;
  slip_date seen = 0;
  const char *text = "";
  SLIP_TRY(SLIP_NODE_KEYS(root, keys, "a rule file", err));
  const slip_node *kind = slip_node_get(root, "kind"), *name = slip_node_get(root, "name");
  if (kind->kind != SLIP_NODE_SCALAR || strcmp(kind->text, "rules") != 0)
    return slip_node_fail(err, SLIP_BAD_INPUT, kind, "a rule file has \"kind: rules\"");
  if (name->kind != SLIP_NODE_SCALAR || (stem && strcmp(name->text, stem) != 0))
    return slip_node_fail(err, SLIP_BAD_INPUT, name, "differs from the name of the file, \"%s\"", stem ? stem : "");
  SLIP_TRY(slip_text_child(rules->arena, root, "title", &text, err));
  SLIP_TRY(pack_read_date(root, "seen", &seen, err));
  SLIP_TRY(slip_text_child(rules->arena, root, "disclaimer", &text, err));
  if (text[0])
    rules->disclaimer = text;
  rules->newest = seen > rules->newest ? seen : rules->newest;
cleanup:
  return status;
}

/* ---- inputs ---- */

static slip_status read_flag(const slip_node *map, const char *key, bool *out, slip_error *err) {
  const slip_node *node = slip_node_get(map, key);
  return node ? slip_node_bool(node, out, err) : SLIP_OK;
}

static slip_status read_input(slip_rules *rules, const slip_node *node, pack_input *input, slip_error *err) {
  static const slip_node_key keys[] = {{"id", true},     {"type", true},    {"title", true},
                                       {"unit", false},  {"ask", false},    {"field", false},
                                       {"scale", false}, {"values", false}, {"varies", false}};
  static const char *const types[] = {"number", "text", "truth", "country"};
  slip_status status = SLIP_OK;
  size_t type = 0;
  SLIP_TRY(SLIP_NODE_KEYS(node, keys, "an input", err));
  SLIP_TRY(slip_word_read(slip_node_get(node, "type"), types, COUNT_OF(types), &type, err));
  input->type = (slip_value_type)type;
  input->public.id = slip_node_get(node, "id")->text;
  SLIP_TRY(slip_text_child(rules->arena, node, "title", &input->public.title, err));
  SLIP_TRY(slip_text_child(rules->arena, node, "unit", &input->public.unit, err));
  SLIP_TRY(slip_text_child(rules->arena, node, "ask", &input->public.ask, err));
  SLIP_TRY(slip_text_child(rules->arena, node, "field", &input->public.field, err));
  SLIP_TRY(read_flag(node, "varies", &input->public.varies, err));
  input->scale = (slip_exact){1, 1};
  const slip_node *scale = slip_node_get(node, "scale"), *values = slip_node_get(node, "values");
  if (scale && (scale->kind != SLIP_NODE_SCALAR || !slip_exact_parse(scale->text, &input->scale)))
    SLIP_TRY(slip_node_fail(err, SLIP_BAD_INPUT, scale, "expected a decimal number that is not negative"));
  if (values && input->type != SLIP_VALUE_TEXT)
    SLIP_TRY(slip_node_fail(err, SLIP_BAD_INPUT, values, "only an input of type text has values"));
  if (values)
    SLIP_TRY(pack_read_texts(rules, values, &input->choices, &input->n_choices, err));
  if ((input->public.varies || scale) && input->type != SLIP_VALUE_NUMBER)
    SLIP_TRY(slip_node_fail(err, SLIP_BAD_INPUT, node, "only an input of type number has a scale or varies"));
cleanup:
  return status;
}

/* ---- lookups ---- */

static slip_status read_lookup(slip_rules *rules, const slip_node *node, pack_lookup *lookup, slip_error *err) {
  static const slip_node_key keys[] = {
      {"id", true}, {"title", false}, {"of", true}, {"table", true}, {"source", false}};
  slip_status status = SLIP_OK;
  SLIP_TRY(SLIP_NODE_KEYS(node, keys, "a lookup", err));
  SLIP_TRY(pack_refer(rules, SLIP_THING_INPUT, slip_node_get(node, "of"), &lookup->input, err));
  const slip_node *table = slip_node_get(node, "table");
  lookup->id = slip_node_get(node, "id")->text;
  if (rules->inputs[lookup->input].type == SLIP_VALUE_NUMBER)
    SLIP_TRY(slip_node_fail(err, SLIP_BAD_INPUT, node, "a lookup is of a text, not of a number"));
  if (table->kind != SLIP_NODE_MAP)
    SLIP_TRY(slip_node_fail(err, SLIP_BAD_INPUT, table, "expected a map from texts to texts"));
  const char **names = slip_arena_array(rules->arena, table->count, sizeof *names);
  const char **values = slip_arena_array(rules->arena, table->count, sizeof *values);
  if (!names || !values)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  for (const slip_node *row = table->first; row; row = row->next) {
    names[lookup->count] = row->key;
    SLIP_TRY(slip_text_read(rules->arena, row, &values[lookup->count++], err));
  }
  lookup->keys = names;
  lookup->values = values;
cleanup:
  return status;
}

/* ---- groups ---- */

enum { MOST_MEMBERS = 255 };

static pack_member *member_of(pack_group *group, const char *code) {
  const size_t place = pack_is_country(code) ? group->place[pack_country_index(code)] : 0;
  return place ? &group->members[place - 1] : NULL;
}

static slip_status check_code(const slip_node *node, const char *code, slip_error *err) {
  return pack_is_country(code) ? SLIP_OK
                               : slip_node_fail(err, SLIP_BAD_INPUT, node,
                                                "\"%.20s\" is no country code (two capital letters)", code);
}

static slip_status add_member(pack_group *group, const slip_node *node, const char *code, slip_error *err) {
  const slip_status status = check_code(node, code, err);
  if (status != SLIP_OK)
    return status;
  if (member_of(group, code))
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "%s is named twice", code);
  if (group->n_members == MOST_MEMBERS)
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "more than %d members", MOST_MEMBERS);
  memcpy(group->members[group->n_members++].code, code, 3);
  group->place[pack_country_index(code)] = (unsigned char)group->n_members;
  return SLIP_OK;
}

/* "AM AZ BY": two-letter codes separated by blanks; of members, or of those that are settled. */
static slip_status read_codes(pack_group *group, const slip_node *node, const char *text, bool of_members,
                              slip_error *err) {
  slip_status status = SLIP_OK;
  for (const char *at = text; *at != '\0';) {
    char code[8] = "";
    const size_t length = strcspn(at, " ");
    memcpy(code, at, length < sizeof code ? length : sizeof code - 1);
    if (length > 0 && of_members)
      SLIP_TRY(add_member(group, node, code, err));
    if (length > 0 && !of_members) {
      SLIP_TRY(check_code(node, code, err));
      group->is_settled[pack_country_index(code)] = true;
    }
    at += length + strspn(at + length, " ");
  }
cleanup:
  return status;
}

/* {CY: 2024-05-30}: the first day in (joined) or out (left). */
static slip_status read_moves(pack_group *group, const slip_node *map, bool joined, slip_error *err) {
  slip_status status = SLIP_OK;
  if (!map || slip_node_is_null(map))
    return SLIP_OK;
  if (map->kind != SLIP_NODE_MAP)
    return slip_node_fail(err, SLIP_BAD_INPUT, map, "expected a map from country codes to dates");
  for (const slip_node *row = map->first; row; row = row->next) {
    slip_date date = 0;
    pack_member *member = member_of(group, row->key);
    if (!member) {
      SLIP_TRY(add_member(group, row, row->key, err));
      member = &group->members[group->n_members - 1];
    }
    SLIP_TRY(pack_read_date(map, row->key, &date, err));
    *(joined ? &member->joined : &member->left) = date;
    if (member->joined && member->left && member->left <= member->joined)
      SLIP_TRY(slip_node_fail(err, SLIP_BAD_INPUT, row, "%s leaves before it joins", row->key));
  }
cleanup:
  return status;
}

static slip_status read_group_refs(slip_rules *rules, const slip_node *list, const size_t **out, size_t *count,
                                   slip_error *err) {
  slip_status status = SLIP_OK;
  if (slip_node_is_null(list))
    return SLIP_OK;
  if (list->kind != SLIP_NODE_SEQUENCE)
    return slip_node_fail(err, SLIP_BAD_INPUT, list, "expected a list of groups");
  size_t *groups = slip_arena_array(rules->arena, list->count, sizeof *groups);
  if (!groups)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  for (const slip_node *node = list->first; node; node = node->next)
    SLIP_TRY(pack_refer(rules, SLIP_THING_GROUP, node, &groups[(*count)++], err));
  *out = groups;
cleanup:
  return status;
}

static slip_status read_group(slip_rules *rules, const slip_node *node, pack_group *group, slip_error *err) {
  static const slip_node_key keys[] = {{"id", true},    {"title", true},    {"citation", false},
                                       {"url", false},  {"members", false}, {"joined", false},
                                       {"left", false}, {"settled", false}, {"known_from", false},
                                       {"with", false}, {"without", false}};
  slip_status status = SLIP_OK;
  const char *members = "", *settled = "";
  SLIP_TRY(SLIP_NODE_KEYS(node, keys, "a group", err));
  group->node = node;
  group->id = slip_node_get(node, "id")->text;
  SLIP_TRY(slip_text_child(rules->arena, node, "title", &group->title, err));
  SLIP_TRY(slip_text_child(rules->arena, node, "members", &members, err));
  SLIP_TRY(slip_text_child(rules->arena, node, "settled", &settled, err));
  SLIP_TRY(pack_read_date(node, "known_from", &group->known_from, err));
  const slip_node *joined = slip_node_get(node, "joined"), *left = slip_node_get(node, "left");
  const size_t room = strlen(members) / 2 + 1 + (joined ? joined->count : 0) + (left ? left->count : 0);
  group->members = slip_arena_array(rules->arena, room, sizeof *group->members);
  group->place = slip_arena_array(rules->arena, SLIP_PACK_COUNTRIES, sizeof *group->place);
  group->is_settled = slip_arena_array(rules->arena, SLIP_PACK_COUNTRIES, sizeof *group->is_settled);
  if (!group->members || !group->place || !group->is_settled)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  SLIP_TRY(read_codes(group, slip_node_get(node, "members"), members, true, err));
  SLIP_TRY(read_codes(group, slip_node_get(node, "settled"), settled, false, err));
  SLIP_TRY(read_moves(group, joined, true, err));
  SLIP_TRY(read_moves(group, left, false, err));
  SLIP_TRY(read_group_refs(rules, slip_node_get(node, "with"), &group->with, &group->n_with, err));
  SLIP_TRY(read_group_refs(rules, slip_node_get(node, "without"), &group->without, &group->n_without, err));
cleanup:
  return status;
}

/* ---- decisions ---- */

static slip_status read_outcome(slip_rules *rules, const slip_node *node, slip_outcome *outcome, slip_error *err) {
  static const slip_node_key keys[] = {{"id", true}, {"rank", true}, {"says", false}};
  slip_status status = SLIP_OK;
  int64_t rank = 0;
  SLIP_TRY(SLIP_NODE_KEYS(node, keys, "an outcome", err));
  SLIP_TRY(slip_text_child(rules->arena, node, "id", &outcome->id, err));
  SLIP_TRY(slip_text_child(rules->arena, node, "says", &outcome->says, err));
  SLIP_TRY(slip_node_int(slip_node_get(node, "rank"), 0, 1000, &rank, err));
  outcome->rank = (int)rank;
cleanup:
  return status;
}

static slip_status read_decision(slip_rules *rules, const slip_node *node, pack_decision *decision,
                                 slip_error *err) {
  static const slip_node_key keys[] = {
      {"id", true}, {"layer", true}, {"title", true}, {"takes", true}, {"outcomes", true}};
  static const char *const layers[] = {"L0", "L1", "L2", "L3", "L4", "L5", "L6"};
  static const char *const takes[] = {"first", "each"};
  slip_status status = SLIP_OK;
  size_t layer = 0, take = 0;
  SLIP_TRY(SLIP_NODE_KEYS(node, keys, "a decision", err));
  SLIP_TRY(slip_word_read(slip_node_get(node, "layer"), layers, COUNT_OF(layers), &layer, err));
  SLIP_TRY(slip_word_read(slip_node_get(node, "takes"), takes, COUNT_OF(takes), &take, err));
  SLIP_TRY(slip_text_child(rules->arena, node, "title", &decision->public.title, err));
  const slip_node *list = slip_node_get(node, "outcomes");
  if (list->kind != SLIP_NODE_SEQUENCE || list->count < 1 || list->count > 60)
    SLIP_TRY(
        slip_node_fail(err, SLIP_BAD_INPUT, list, "expected a list of 1 to 60 outcomes, the last that of no rule"));
  decision->outcomes = slip_arena_array(rules->arena, list->count, sizeof *decision->outcomes);
  if (!decision->outcomes)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  size_t n = 0;
  for (const slip_node *item = list->first; item; item = item->next) {
    SLIP_TRY(read_outcome(rules, item, &decision->outcomes[n], err));
    for (size_t i = 0; i < n; i++)
      if (strcmp(decision->outcomes[i].id, decision->outcomes[n].id) == 0)
        SLIP_TRY(slip_node_fail(err, SLIP_BAD_INPUT, item, "the outcome \"%s\" is written twice",
                                decision->outcomes[n].id));
    n++;
  }
  decision->public.id = slip_node_get(node, "id")->text;
  decision->public.layer = layers[layer];
  decision->public.takes_first = take == 0;
  decision->public.outcomes = decision->outcomes;
  decision->public.n_outcomes = n;
  decision->node = node;
cleanup:
  return status;
}

/* ---- all of them ---- */

slip_status pack_build_small(slip_rules *rules, slip_error *err) {
  slip_status status = SLIP_OK;
  const pack_table *t = rules->tables;
  for (size_t i = 0; i < rules->n_files; i++)
    SLIP_TRY(define_all(rules, &rules->files[i], err));
  rules->inputs = slip_arena_array(rules->arena, t[SLIP_THING_INPUT].count + 1, sizeof *rules->inputs);
  rules->lookups = slip_arena_array(rules->arena, t[SLIP_THING_LOOKUP].count + 1, sizeof *rules->lookups);
  rules->quantities = slip_arena_array(rules->arena, t[SLIP_THING_QUANTITY].count + 1, sizeof *rules->quantities);
  rules->groups = slip_arena_array(rules->arena, t[SLIP_THING_GROUP].count + 1, sizeof *rules->groups);
  rules->decisions = slip_arena_array(rules->arena, t[SLIP_THING_DECISION].count + 1, sizeof *rules->decisions);
  rules->rules = slip_arena_array(rules->arena, t[SLIP_THING_RULE].count + 1, sizeof *rules->rules);
  if (!rules->inputs || !rules->lookups || !rules->quantities || !rules->groups || !rules->decisions ||
      !rules->rules)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  for (size_t i = 0; i < t[SLIP_THING_INPUT].count; i++)
    SLIP_TRY(read_input(rules, t[SLIP_THING_INPUT].entries[i].node, &rules->inputs[i], err));
  for (size_t i = 0; i < t[SLIP_THING_LOOKUP].count; i++)
    SLIP_TRY(read_lookup(rules, t[SLIP_THING_LOOKUP].entries[i].node, &rules->lookups[i], err));
  for (size_t i = 0; i < t[SLIP_THING_GROUP].count; i++)
    SLIP_TRY(read_group(rules, t[SLIP_THING_GROUP].entries[i].node, &rules->groups[i], err));
  for (size_t i = 0; i < t[SLIP_THING_QUANTITY].count; i++)
    SLIP_TRY(pack_read_quantity(rules, t[SLIP_THING_QUANTITY].entries[i].node, &rules->quantities[i], err));
  for (size_t i = 0; i < t[SLIP_THING_DECISION].count; i++)
    SLIP_TRY(read_decision(rules, t[SLIP_THING_DECISION].entries[i].node, &rules->decisions[i], err));
cleanup:
  return status;
}
