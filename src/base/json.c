/* The streaming JSON writer. */
#include "base/json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Misuse is a mistake in our own code: loud where assertions are on, else a text that is marked as failed. */
static bool require(slip_json *json, bool good) {
  assert(good);
  if (!good)
    json->out->failed = true;
  return good;
}

static void add_newline(slip_json *json) {
  slip_text_add(json->out, "\n");
  for (int i = 0; i < json->depth; i++)
    slip_text_add(json->out, "  ");
}

/* The code point of a valid character of at most three bytes, else 0. */
static unsigned code_point(const char *s, size_t n) {
  const unsigned char *b = (const unsigned char *)s;
  if (n == 1)
    return b[0];
  if (n == 2)
    return (b[0] & 0x1Fu) << 6 | (b[1] & 0x3Fu);
  return n == 3 ? (b[0] & 0x0Fu) << 12 | (b[1] & 0x3Fu) << 6 | (b[2] & 0x3Fu) : 0;
}

/* Beyond what JSON asks: what a terminal would act on, what YAML takes for a line break, and what libyaml refuses, so
 * that our own reader gets back what was written. */
static bool must_escape(unsigned c) {
  return (c > 0 && c < 0x20) || (c >= 0x7F && c <= 0x9F) || (c >= 0x2028 && c <= 0x202E) || c == 0xFEFF ||
         c == 0xFFFE || c == 0xFFFF;
}

static void add_string(slip_text *out, const char *s) {
  static const char escaped[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
  const size_t length = strlen(s);
  slip_text_add(out, "\"");
  for (size_t i = 0; i < length;) {
    const size_t n = slip_utf8_length(s + i, length - i);
    const char *special = strchr(escaped, s[i]);
    if (n == 0)
      slip_text_add(out, "\xEF\xBF\xBD");
    else if (special != NULL)
      slip_text_printf(out, "\\%c", letters[special - escaped]);
    else if (must_escape(code_point(s + i, n)))
      slip_text_printf(out, "\\u%04x", code_point(s + i, n));
    else
      slip_text_add_n(out, s + i, n);
    i += n == 0 ? 1 : n;
  }
  slip_text_add(out, "\"");
}

/* What goes before a value: comma, indentation, key. */
static bool begin_value(slip_json *json, const char *key) {
  const bool in_object = json->closer[json->depth] == '}';
  if (!require(json, in_object == (key != NULL)))
    return false;
  if (!require(json, json->depth > 0 || !json->has_item[0]))
    return false;
  if (json->has_item[json->depth])
    slip_text_add(json->out, ",");
  json->has_item[json->depth] = true;
  if (json->depth > 0)
    add_newline(json);
  if (key != NULL) {
    add_string(json->out, key);
    slip_text_add(json->out, ": ");
  }
  return true;
}

static void add_value(slip_json *json, const char *key, const char *value) {
  if (begin_value(json, key))
    slip_text_add(json->out, value);
}

static void open_container(slip_json *json, const char *key, const char *opener, char closer) {
  if (!require(json, json->depth < SLIP_JSON_MAX_DEPTH) || !begin_value(json, key))
    return;
  slip_text_add(json->out, opener);
  json->depth++;
  json->has_item[json->depth] = false;
  json->closer[json->depth] = closer;
}

static void close_container(slip_json *json, char closer) {
  if (!require(json, json->depth > 0 && json->closer[json->depth] == closer))
    return;
  const bool empty = !json->has_item[json->depth];
  json->depth--;
  if (!empty)
    add_newline(json);
  slip_text_add_n(json->out, &closer, 1);
}

void slip_json_begin(slip_json *json, slip_text *out) {
  *json = (slip_json){.out = out};
}

void slip_json_end(slip_json *json) {
  if (require(json, json->depth == 0 && json->has_item[0]))
    slip_text_add(json->out, "\n");
}

void slip_json_object(slip_json *json, const char *key) {
  open_container(json, key, "{", '}');
}

void slip_json_object_end(slip_json *json) {
  close_container(json, '}');
}

void slip_json_array(slip_json *json, const char *key) {
  open_container(json, key, "[", ']');
}

void slip_json_array_end(slip_json *json) {
  close_container(json, ']');
}

void slip_json_string(slip_json *json, const char *key, const char *value) {
  if (value == NULL)
    slip_json_null(json, key);
  else if (begin_value(json, key))
    add_string(json->out, value);
}

void slip_json_double(slip_json *json, const char *key, double value) {
  char text[SLIP_DOUBLE_SIZE];
  add_value(json, key, isfinite(value) ? slip_format_double(text, value) : "null");
}

void slip_json_int(slip_json *json, const char *key, int64_t value) {
  if (begin_value(json, key))
    slip_text_printf(json->out, "%" PRId64, value);
}

void slip_json_bool(slip_json *json, const char *key, bool value) {
  add_value(json, key, value ? "true" : "false");
}

void slip_json_null(slip_json *json, const char *key) {
  add_value(json, key, "null");
}
