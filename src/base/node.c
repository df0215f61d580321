/* Reading the tree of doc.h: look-up and typed values. */
#include "base/doc.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/fail.h"
#include "base/text.h"

const slip_node *slip_node_get(const slip_node *map, const char *key) {
  if (map == NULL || map->kind != SLIP_NODE_MAP)
    return NULL;
  for (const slip_node *child = map->first; child != NULL; child = child->next)
    if (strcmp(child->key, key) == 0)
      return child;
  return NULL;
}

static bool is_one_of(const char *text, const char *const *words) {
  for (; *words != NULL; words++)
    if (strcmp(text, *words) == 0)
      return true;
  return false;
}

bool slip_node_is_null(const slip_node *node) {
  static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
  return node == NULL || (node->kind == SLIP_NODE_SCALAR && !node->quoted && is_one_of(node->text, nulls));
}

slip_status slip_node_fail(slip_error *err, slip_status code, const slip_node *node, const char *fmt, ...) {
  static const slip_node nowhere = {0};
  if (node == NULL)
    node = &nowhere;
  va_list args;
  va_start(args, fmt);
  slip_fail_at_v(err, code, node->file, node->line, node->column, node->key, fmt, args);
  va_end(args);
  return code;
}

/* The start of a scalar, for messages. */
typedef struct excerpt {
  char text[52];
} excerpt;

static excerpt excerpt_of(const slip_node *node) {
  const size_t most = sizeof((excerpt *)0)->text - 4, length = strlen(node->text);
  const size_t n = length <= most ? length : slip_utf8_cut(node->text, most);
  excerpt made;
  snprintf(made.text, sizeof made.text, "%.*s%s", (int)n, node->text, n < length ? "..." : "");
  return made;
}

/* Infinities and NaN as YAML, JSON writers and people spell them. */
static bool is_not_finite(const char *text) {
  static const char *const words[] = {"inf", ".inf", "infinity", "nan", ".nan", NULL};
  text += *text == '+' || *text == '-';
  for (const char *const *word = words; *word != NULL; word++)
    if (strcasecmp(text, *word) == 0)
      return true;
  return false;
}

static bool is_boolean(const char *text) {
  return strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0;
}

/* wanted: "a number", ... */
static slip_status require_scalar(const slip_node *node, const char *wanted, slip_error *err) {
  if (node == NULL)
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "a value is missing: give %s", wanted);
  if (node->kind != SLIP_NODE_SCALAR)
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "must be %s, not a %s", wanted,
                          node->kind == SLIP_NODE_MAP ? "map" : "list");
  if (slip_node_is_null(node))
    return slip_node_fail(err, SLIP_BAD_INPUT, node,
                          "must be %s, not null or empty: write a value, or remove the line", wanted);
  return SLIP_OK;
}

static slip_status require_plain(const slip_node *node, const char *wanted, slip_error *err) {
  const slip_status status = require_scalar(node, wanted, err);
  if (status != SLIP_OK || !node->quoted)
    return status;
  return slip_node_fail(err, SLIP_BAD_INPUT, node, "must be %s, not the text \"%s\": write it without quotes",
                        wanted, excerpt_of(node).text);
}

static slip_status require_number(const slip_node *node, const char *wanted, slip_error *err) {
  const slip_status status = require_plain(node, wanted, err);
  if (status != SLIP_OK || slip_is_number(node->text))
    return status;
  if (is_not_finite(node->text))
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "%s is not finite: write %s that is", excerpt_of(node).text,
                          wanted);
  return slip_node_fail(err, SLIP_BAD_INPUT, node,
                        "must be %s, not \"%s\": write digits, as in 12, 0.5 or 3e9, without a unit", wanted,
                        excerpt_of(node).text);
}

/* Bounds as text, NULL where there is none. */
static slip_status fail_range(const slip_node *node, const char *low, const char *high, slip_error *err) {
  const excerpt value = excerpt_of(node);
  if (low != NULL && high != NULL)
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "%s is out of range: must be from %s to %s", value.text, low,
                          high);
  if (low != NULL || high != NULL)
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "%s is out of range: must be %s or %s", value.text,
                          low != NULL ? low : high, low != NULL ? "more" : "less");
  return slip_node_fail(err, SLIP_BAD_INPUT, node, "%s is out of range: too large to be held", value.text);
}

slip_status slip_node_double(const slip_node *node, double low, double high, double *out, slip_error *err) {
  double value = 0;
  const slip_status status = require_number(node, "a number", err);
  if (status != SLIP_OK)
    return status;
  if (!slip_parse_double(node->text, &value))
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "%s is not finite: it is too large for a double",
                          excerpt_of(node).text);
  if (!(value >= low && value <= high)) {
    char low_text[SLIP_DOUBLE_SIZE], high_text[SLIP_DOUBLE_SIZE];
    return fail_range(node, low > -DBL_MAX ? slip_format_double(low_text, low) : NULL,
                      high < DBL_MAX ? slip_format_double(high_text, high) : NULL, err);
  }
  *out = value;
  return SLIP_OK;
}

slip_status slip_node_int(const slip_node *node, int64_t low, int64_t high, int64_t *out, slip_error *err) {
  int64_t value = 0;
  double approximate = 0;
  const slip_status status = require_number(node, "a whole number", err);
  if (status != SLIP_OK)
    return status;
  const bool fits = slip_parse_int(node->text, &value);
  /* Not whole, or beyond 64 bits? Doubles that large are whole. */
  if (!fits && slip_parse_double(node->text, &approximate) && fabs(approximate) < 9e18)
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "must be a whole number, not %s", excerpt_of(node).text);
  if (!fits || value < low || value > high) {
    char low_text[24], high_text[24];
    snprintf(low_text, sizeof low_text, "%" PRId64, low);
    snprintf(high_text, sizeof high_text, "%" PRId64, high);
    return fail_range(node, low > INT64_MIN ? low_text : NULL, high < INT64_MAX ? high_text : NULL, err);
  }
  *out = value;
  return SLIP_OK;
}

slip_status slip_node_bool(const slip_node *node, bool *out, slip_error *err) {
  const slip_status status = require_plain(node, "true or false", err);
  if (status != SLIP_OK)
    return status;
  if (!is_boolean(node->text))
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "must be true or false, not \"%s\"", excerpt_of(node).text);
  *out = strcasecmp(node->text, "true") == 0;
  return SLIP_OK;
}

slip_status slip_node_string(const slip_node *node, const char **out, slip_error *err) {
  const slip_status status = require_scalar(node, "text", err);
  if (status != SLIP_OK)
    return status;
  if (!node->quoted && (slip_is_number(node->text) || is_not_finite(node->text) || is_boolean(node->text)))
    return slip_node_fail(err, SLIP_BAD_INPUT, node,
                          "must be text, not %s: put it in quotes if it is meant as text", excerpt_of(node).text);
  *out = node->text;
  return SLIP_OK;
}

slip_status slip_node_keys(const slip_node *map, const slip_node_key *keys, size_t count, const char *what,
                           slip_error *err) {
  if (map->kind != SLIP_NODE_MAP)
    return slip_node_fail(err, SLIP_BAD_INPUT, map, "%s is a map of keys and values", what);
  for (const slip_node *child = map->first; child; child = child->next) {
    size_t i = 0, nearest = 0;
    for (; i < count && strcmp(keys[i].name, child->key) != 0; i++)
      if (slip_edit_distance(child->key, keys[i].name) < slip_edit_distance(child->key, keys[nearest].name))
        nearest = i;
    if (i == count)
      return slip_node_fail(err, SLIP_BAD_INPUT, child, "no key of %s; the nearest is \"%s\"", what,
                            keys[nearest].name);
  }
  for (size_t i = 0; i < count; i++)
    if (keys[i].required && slip_node_is_null(slip_node_get(map, keys[i].name)))
      return slip_fail_at(err, SLIP_BAD_INPUT, map->file, map->line, map->column, keys[i].name,
                          "%s needs a value for this key", what);
  return SLIP_OK;
}
