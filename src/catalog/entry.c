/* What files of all kinds share: their keys, texts, the head of an entry, and facts with their sources. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"
#include "catalog/catalog_internal.h"

#define BIT(kind) (1u << (kind))
#define ALL_KINDS (BIT(SLIP_KINDS) - 1u)

static const slip_key fact_keys[] = {
    {"value", ALL_KINDS, ALL_KINDS},
    {"source", ALL_KINDS, ALL_KINDS},
    {"url", ALL_KINDS, 0},
    {"date", ALL_KINDS, 0},
    {"confidence", ALL_KINDS, ALL_KINDS},
    {"note", ALL_KINDS, 0},
    {"spread", ALL_KINDS, 0},
    {"also", ALL_KINDS, 0},
};

static const char *const statuses[] = {"shipping", "announced", "rumoured", "end of life"};

/* ---- keys ---- */

/* Among `count` names that lie `stride` bytes apart. */
static const char *nearest(const char *name, const char *const *first, size_t count, size_t stride) {
  const char *best = "";
  int best_distance = 0;
  for (size_t i = 0; i < count; i++) {
    const char *candidate = *(const char *const *)(const void *)((const char *)first + i * stride);
    const int distance = slip_edit_distance(name, candidate);
    if (i == 0 || distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

slip_status slip_keys_check(const slip_node *map, const slip_key *keys, size_t count, slip_kind kind,
                            const char *what, slip_error *err) {
  if (map->kind != SLIP_NODE_MAP)
    return slip_node_fail(err, SLIP_BAD_INPUT, map, "%s is a map of keys and values", what);
  for (const slip_node *child = map->first; child; child = child->next) {
    size_t i = 0;
    while (i < count && strcmp(keys[i].name, child->key) != 0)
      i++;
    if (i == count)
      return slip_node_fail(err, SLIP_BAD_INPUT, child, "no key of %s; the nearest is \"%s\"", what,
                            nearest(child->key, &keys[0].name, count, sizeof keys[0]));
    if (!(keys[i].kinds & BIT(kind)))
      return slip_node_fail(err, SLIP_BAD_INPUT, child, "no key of %s", what);
  }
  for (size_t i = 0; i < count; i++) {
    if ((keys[i].required & BIT(kind)) && slip_node_is_null(slip_node_get(map, keys[i].name)))
      return slip_fail_at(err, SLIP_BAD_INPUT, map->file, map->line, map->column, keys[i].name,
                          "%s needs a value for this key", what);
  }
  return SLIP_OK;
}

/* ---- texts ---- */

/* C0 and C1 control characters and DEL, and the marks that change the direction of writing: they could make a
 * terminal show another text than the file holds. s[0..n) is one valid UTF-8 character. */
static bool is_control(const unsigned char *s, size_t n) {
  if (n == 1)
    return s[0] < 0x20 || s[0] == 0x7f;
  if (n == 2)
    return s[0] == 0xc2 && s[1] < 0xa0;
  if (n != 3 || s[0] != 0xe2)
    return false;
  return (s[1] == 0x80 && (s[2] == 0x8e || s[2] == 0x8f || (s[2] >= 0xa8 && s[2] <= 0xae))) ||
         (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9);
}

slip_status slip_text_read(slip_arena *arena, const slip_node *node, const char **out, slip_error *err) {
  if (node->kind != SLIP_NODE_SCALAR || slip_node_is_null(node))
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "expected a text");
  size_t length = strlen(node->text);
  if (length > SLIP_TEXT_MAX_BYTES)
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "longer than %d bytes", SLIP_TEXT_MAX_BYTES);
  char *text = slip_arena_strndup(arena, node->text, length);
  if (!text)
    return slip_no_memory(err);
  for (size_t i = 0; i < length;) {
    if (text[i] == '\n' || text[i] == '\t')
      text[i] = ' ';
    const size_t n = slip_utf8_length(text + i, length - i);
    if (n == 0 || is_control((const unsigned char *)text + i, n))
      return slip_node_fail(err, SLIP_BAD_INPUT, node, "holds a control character");
    i += n;
  }
  while (length > 0 && text[length - 1] == ' ')
    text[--length] = '\0';
  if (length == 0)
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "expected a text, this one is empty");
  *out = text;
  return SLIP_OK;
}

slip_status slip_text_child(slip_arena *arena, const slip_node *map, const char *key, const char **out,
                            slip_error *err) {
  const slip_node *node = slip_node_get(map, key);
  *out = "";
  return slip_node_is_null(node) ? SLIP_OK : slip_text_read(arena, node, out, err);
}

slip_status slip_word_read(const slip_node *node, const char *const *words, size_t count, size_t *out,
                           slip_error *err) {
  for (size_t i = 0; i < count && node->kind == SLIP_NODE_SCALAR; i++) {
    if (strcmp(node->text, words[i]) == 0) {
      *out = i;
      return SLIP_OK;
    }
  }
  slip_text legal = {0};
  for (size_t i = 0; i < count; i++)
    slip_text_printf(&legal, "%s%s", i ? ", " : "", words[i]);
  const slip_status status = legal.failed
                                 ? slip_no_memory(err)
                                 : slip_node_fail(err, SLIP_BAD_INPUT, node, "must be one of: %s", legal.data);
  slip_text_free(&legal);
  return status;
}

/* ---- the head of an entry ---- */

static bool is_name(const char *name) {
  const size_t length = strlen(name);
  const char *const first = "abcdefghijklmnopqrstuvwxyz0123456789";
  return length > 0 && length <= SLIP_NAME_MAX_BYTES &&
         strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == length && strchr(first, name[0]) != NULL;
}

static slip_status read_name(slip_reading *reading, const char *stem, slip_entry *entry) {
  const slip_node *node = slip_node_get(reading->root, "name");
  slip_status status = SLIP_OK;
  SLIP_TRY(slip_text_read(reading->arena, node, &entry->name, reading->err));
  if (!is_name(entry->name))
    status = slip_node_fail(reading->err, SLIP_BAD_INPUT, node,
                            "\"%s\" is no name: at most %d lower-case letters, digits, '-' and '.', not starting "
                            "with '-' or '.'",
                            entry->name, SLIP_NAME_MAX_BYTES);
  else if (stem && strcmp(stem, entry->name) != 0)
    status = slip_node_fail(reading->err, SLIP_BAD_INPUT, node, "\"%s\" differs from the name of the file, \"%s\"",
                            entry->name, stem);
cleanup:
  return status;
}

static slip_status read_aliases(slip_reading *reading, slip_entry *entry) {
  const slip_node *list = slip_node_get(reading->root, "aliases");
  slip_status status = SLIP_OK;
  if (slip_node_is_null(list))
    return SLIP_OK;
  if (list->kind != SLIP_NODE_SEQUENCE)
    return slip_node_fail(reading->err, SLIP_BAD_INPUT, list, "expected a list of names");
  const char **aliases = slip_arena_array(reading->arena, list->count, sizeof *aliases);
  if (!aliases)
    SLIP_FAIL(reading->err, SLIP_NO_MEMORY, "out of memory");
  size_t count = 0;
  for (const slip_node *node = list->first; node; node = node->next) {
    SLIP_TRY(slip_text_read(reading->arena, node, &aliases[count], reading->err));
    if (strlen(aliases[count]) > SLIP_NAME_MAX_BYTES) {
      status = slip_node_fail(reading->err, SLIP_BAD_INPUT, node, "longer than %d bytes", SLIP_NAME_MAX_BYTES);
      goto cleanup;
    }
    count++;
  }
  entry->aliases = aliases;
  entry->n_aliases = count;
cleanup:
  if (status != SLIP_OK && reading->err && reading->err->field[0] == '\0') /* an item of a list has no key */
    snprintf(reading->err->field, sizeof reading->err->field, "aliases");
  return status;
}

slip_status slip_entry_read_head(slip_reading *reading, const char *stem, slip_entry *entry) {
  const slip_node *root = reading->root;
  const slip_node *kind = slip_node_get(root, "kind");
  const slip_node *at = slip_node_get(root, "status");
  slip_status status = SLIP_OK;
  if (kind->kind != SLIP_NODE_SCALAR || strcmp(kind->text, slip_kind_name(reading->kind)) != 0) {
    status = slip_node_fail(reading->err, SLIP_BAD_INPUT, kind, "a file in %s/ has \"kind: %s\"",
                            slip_kind_folder(reading->kind), slip_kind_name(reading->kind));
    goto cleanup;
  }
  entry->kind = reading->kind;
  entry->file = reading->file;
  entry->status = "";
  SLIP_TRY(read_name(reading, stem, entry));
  SLIP_TRY(slip_text_child(reading->arena, root, "title", &entry->title, reading->err));
  SLIP_TRY(slip_text_child(reading->arena, root, "vendor", &entry->vendor, reading->err));
  SLIP_TRY(slip_text_child(reading->arena, root, "summary", &entry->summary, reading->err));
  if (at) {
    size_t i = 0;
    SLIP_TRY(slip_word_read(at, statuses, sizeof statuses / sizeof statuses[0], &i, reading->err));
    entry->status = statuses[i];
  }
  SLIP_TRY(read_aliases(reading, entry));
cleanup:
  return status;
}

/* ---- facts ---- */

slip_status slip_fact_read_source(slip_reading *reading, const slip_node *map, slip_fact *fact) {
  slip_error *err = reading->err;
  slip_arena *arena = reading->arena;
  slip_status status = SLIP_OK;
  const char *names[SLIP_CONFIDENCES];
  size_t confidence = 0;
  fact->file = reading->file;
  fact->line = map->line;
  SLIP_TRY(slip_text_child(arena, map, "source", &fact->source, err));
  SLIP_TRY(slip_text_child(arena, map, "url", &fact->url, err));
  SLIP_TRY(slip_text_child(arena, map, "date", &fact->date, err));
  SLIP_TRY(slip_text_child(arena, map, "note", &fact->note, err));
  for (int i = 0; i < SLIP_CONFIDENCES; i++)
    names[i] = slip_confidence_name((slip_confidence)i);
  SLIP_TRY(slip_word_read(slip_node_get(map, "confidence"), names, SLIP_CONFIDENCES, &confidence, err));
  fact->confidence = (slip_confidence)confidence;
  if (fact->url[0] && strncmp(fact->url, "http://", 7) != 0 && strncmp(fact->url, "https://", 8) != 0) {
    status = slip_node_fail(err, SLIP_BAD_INPUT, slip_node_get(map, "url"), "starts with http:// or https://");
  } else if (!fact->note[0] && (fact->confidence == SLIP_DERIVED || fact->confidence == SLIP_ASSUMED)) {
    status = slip_fail_at(err, SLIP_BAD_INPUT, map->file, map->line, map->column, "note",
                          "a value with confidence \"%s\" needs a note that says how it was made",
                          slip_confidence_name(fact->confidence));
  }
cleanup:
  return status;
}

static bool is_choice(const char *choices, const char *text) {
  const size_t length = strlen(text);
  for (const char *word = choices; *word;) {
    const size_t n = strcspn(word, " ");
    if (n == length && memcmp(word, text, n) == 0)
      return true;
    word += n + strspn(word + n, " ");
  }
  return false;
}

static slip_status read_value(slip_reading *reading, const slip_node *node, const slip_field *field,
                              slip_fact *fact) {
  slip_status status = SLIP_OK;
  fact->unit = field->unit;
  if (field->is_text) {
    fact->shown = fact->value = NAN;
    SLIP_TRY(slip_text_read(reading->arena, node, &fact->text, reading->err));
    if (field->choices && !is_choice(field->choices, fact->text))
      status = slip_node_fail(reading->err, SLIP_BAD_INPUT, node, "must be one of: %s", field->choices);
  } else if (field->is_count) {
    int64_t count = 0;
    SLIP_TRY(slip_node_int(node, (int64_t)field->low, (int64_t)field->high, &count, reading->err));
    fact->shown = (double)count;
  } else {
    SLIP_TRY(slip_node_double(node, field->low, field->high, &fact->shown, reading->err));
  }
  if (!field->is_text)
    fact->value = fact->shown * field->multiply / field->divide;
cleanup:
  return status;
}

/* One fact, or one of its conflicting values: the same map, but without `also`. */
static slip_status read_fact(slip_reading *reading, const slip_node *map, const slip_field *field, bool is_chosen,
                             slip_fact *fact) {
  slip_status status = SLIP_OK;
  const size_t n_keys = sizeof fact_keys / sizeof fact_keys[0];
  const slip_node *spread = slip_node_get(map, "spread"), *also = slip_node_get(map, "also");
  bool counts = true;
  SLIP_TRY(slip_keys_check(map, fact_keys, n_keys, reading->kind,
                           is_chosen ? "a fact (value, source, confidence, ...)" : "a conflicting value",
                           reading->err));
  if (is_chosen ? spread : also)
    SLIP_TRY(slip_node_fail(reading->err, SLIP_BAD_INPUT, is_chosen ? spread : also, "%s",
                            is_chosen ? "no key of a fact but of its conflicting values"
                                      : "no key of a conflicting value"));
  if (spread)
    SLIP_TRY(slip_node_bool(spread, &counts, reading->err));
  fact->is_aside = !counts;
  SLIP_TRY(read_value(reading, slip_node_get(map, "value"), field, fact));
  SLIP_TRY(slip_fact_read_source(reading, map, fact));
  if (!also || slip_node_is_null(also))
    goto cleanup;
  if (also->kind != SLIP_NODE_SEQUENCE) {
    status = slip_node_fail(reading->err, SLIP_BAD_INPUT, also, "expected a list of conflicting values");
    goto cleanup;
  }
  slip_fact *others = slip_arena_array(reading->arena, also->count, sizeof *others);
  if (!others)
    SLIP_FAIL(reading->err, SLIP_NO_MEMORY, "out of memory");
  fact->also = others;
  for (const slip_node *node = also->first; node; node = node->next) {
    slip_fact *other = &others[fact->n_also++];
    other->field = fact->field;
    SLIP_TRY(read_fact(reading, node, field, false, other));
  }
cleanup:
  return status;
}

/* "value: not a number" alone does not say of what: the field becomes "bf16_tflops.value". */
static void name_owner(slip_error *err, const char *fact, const slip_node *node) {
  if (!err)
    return;
  char key[SLIP_FIELD_SIZE];
  memcpy(key, err->field, sizeof key);
  if (key[0] == '\0' || strcmp(key, node->key) == 0)
    snprintf(err->field, sizeof err->field, "%s", fact);
  else
    snprintf(err->field, sizeof err->field, "%s.%.*s", fact, (int)slip_utf8_cut(key, strnlen(key, 40)), key);
}

static void fill_member(const slip_field *field, const slip_fact *fact, void *object) {
  if (field->offset < 0)
    return;
  char *member = (char *)object + field->offset;
  if (field->is_text)
    memcpy(member, &fact->text, sizeof fact->text);
  else
    memcpy(member, &fact->value, sizeof fact->value);
}

slip_status slip_facts_read(slip_reading *reading, const slip_node *map, const char *prefix,
                            const slip_field *fields, size_t n_fields, void *object) {
  slip_status status = SLIP_OK;
  slip_fields_clear(fields, n_fields, object);
  if (slip_node_is_null(map))
    return SLIP_OK;
  if (map->kind != SLIP_NODE_MAP)
    return slip_node_fail(reading->err, SLIP_BAD_INPUT, map, "expected a map of facts");
  for (const slip_node *node = map->first; node; node = node->next) {
    size_t i = 0;
    while (i < n_fields && strcmp(fields[i].name, node->key) != 0)
      i++;
    if (i == n_fields)
      return slip_node_fail(reading->err, SLIP_BAD_INPUT, node, "no field of %s; the nearest is \"%s\"",
                            prefix[0] ? "a level" : slip_kind_name(reading->kind),
                            nearest(node->key, &fields[0].name, n_fields, sizeof fields[0]));
    slip_fact *fact = &reading->facts[reading->n_facts];
    fact->field = prefix[0] ? slip_arena_printf(reading->arena, "%s.%s", prefix, fields[i].name) : fields[i].name;
    if (!fact->field)
      return slip_no_memory(reading->err);
    status = read_fact(reading, node, &fields[i], true, fact);
    if (status != SLIP_OK) {
      name_owner(reading->err, fact->field, node);
      return status;
    }
    fill_member(&fields[i], fact, object);
    reading->n_facts++;
  }
  return status;
}
