/* A streaming JSON writer over slip_text: keeps commas, indentation and escaping right. Numbers are written in the
 * shortest decimal form that reads back to the same double; NaN and infinities become null.
 * Misuse (a value without a key inside an object, a key elsewhere, unbalanced ends, two values at the top, too deep)
 * is an assertion; where assertions are off, it sets out->failed. Bytes that are not UTF-8 become U+FFFD. */
#ifndef SLIP_BASE_JSON_H
#define SLIP_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum { SLIP_JSON_MAX_DEPTH = 64 };

typedef struct slip_json {
  slip_text *out;
  int depth;
  bool has_item[SLIP_JSON_MAX_DEPTH + 1]; /* something was written at this depth; 0 is the top */
  char closer[SLIP_JSON_MAX_DEPTH + 1];   /* '}' or ']', 0 at the top */
} slip_json;

void slip_json_begin(slip_json *json, slip_text *out);
void slip_json_end(slip_json *json); /* newline; asserts balance */

void slip_json_object(slip_json *json, const char *key); /* key NULL inside arrays and at the top */
void slip_json_object_end(slip_json *json);
void slip_json_array(slip_json *json, const char *key);
void slip_json_array_end(slip_json *json);
void slip_json_string(slip_json *json, const char *key, const char *value); /* NULL value -> null */
void slip_json_double(slip_json *json, const char *key, double value);
void slip_json_int(slip_json *json, const char *key, int64_t value);
void slip_json_bool(slip_json *json, const char *key, bool value);
void slip_json_null(slip_json *json, const char *key);

#endif
