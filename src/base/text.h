/* Strings: a growing buffer, and the few parsers that the faces and readers share.
 * Nothing here depends on the locale of the process: numbers are read and written in the C locale. */
#ifndef SLIP_BASE_TEXT_H
#define SLIP_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <slipstick/error.h>

/* A growing text. Zero-initialise; slip_text_free when done. After an allocation failure `failed` stays true and further
 * appends do nothing, so callers check once at the end. data is NULL until the first append, else terminated. */
typedef struct slip_text {
  char *data;
  size_t length, capacity;
  bool failed;
} slip_text;

void slip_text_free(slip_text *text);
void slip_text_add(slip_text *text, const char *s);
void slip_text_add_n(slip_text *text, const char *s, size_t n);
void slip_text_printf(slip_text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* vsnprintf in the C locale. Negative on failure. */
int slip_vformat(char *out, size_t size, const char *fmt, va_list args) __attribute__((format(printf, 3, 0)));

enum { SLIP_DOUBLE_SIZE = 32 };
/* The fewest digits that read back to the same double ("0.1", "1e21"); "nan", "inf", "-inf" otherwise. Returns out. */
char *slip_format_double(char out[SLIP_DOUBLE_SIZE], double value);

/* True when the whole of `s` is written as a decimal number: sign, digits with at most one point, exponent. No spaces,
 * hexadecimal, infinities or separators. It may still be too large for a double. */
bool slip_is_number(const char *s);
/* The whole of `s`, written as above, as a finite number; false otherwise. -0 gives 0; too small a value gives 0. */
bool slip_parse_double(const char *s, double *out);
/* As above when the value is whole and fits, exactly: "8192", "1e9", "8192.0", "-9223372036854775808". */
bool slip_parse_int(const char *s, int64_t *out);
/* A duration "50ms", "2s", "300us", "1.5" (seconds), also ns, min, h -> seconds, >= 0, finite; false otherwise. */
bool slip_parse_seconds(const char *s, double *out);

/* Appends to out[0..size) at *length as snprintf would, always terminated; *length grows by the whole length, so that
 * at the end it is the size that was needed. */
void slip_append(char *out, int size, int *length, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Reads "key=value,key=value" item by item. Blanks around keys and values are dropped; an empty text has no items. */
typedef struct slip_item_reader {
  const char *text;
  bool started;
} slip_item_reader;
typedef struct slip_item {
  char key[32], value[64];
} slip_item;
/* The next item; item->key is "" at the end. `what` names the text in errors. SLIP_BAD_INPUT: no '=', an empty key or value, an item
 * that is too long, an empty item. */
slip_status slip_next_item(slip_item_reader *reader, const char *what, slip_item *item, slip_error *err);

/* Levenshtein distance in bytes, for "did you mean". O(|a| |b|), of the first 64 bytes of each. */
int slip_edit_distance(const char *a, const char *b);

/* Reads a whole file or pipe into malloc'd *bytes (terminated, caller frees). Refuses directories and more than max
 * bytes. */
slip_status slip_read_file(const char *path, size_t max, char **bytes, size_t *n, slip_error *err);

/* True when s[0..n) is valid UTF-8 (no surrogates, no overlong forms, at most U+10FFFF). */
bool slip_is_utf8(const char *s, size_t n);
/* Bytes of the one valid UTF-8 character at s[0..n), 0 when there is none. */
size_t slip_utf8_length(const char *s, size_t n);
/* The largest m <= n such that s[0..m) does not end inside a character. s must have n bytes. */
size_t slip_utf8_cut(const char *s, size_t n);

#endif
