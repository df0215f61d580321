/* The error record: formatting, and making whatever came from an input harmless to print. */
#include <slipstick/error.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"

static const char *const status_names[SLIP_STATUS_COUNT] = {
    [SLIP_OK] = "ok",
    [SLIP_BAD_INPUT] = "bad input",
    [SLIP_MISSING] = "missing",
    [SLIP_UNSUPPORTED] = "unsupported",
    [SLIP_INFEASIBLE] = "infeasible",
    [SLIP_IO_FAILURE] = "i/o failure",
    [SLIP_NO_MEMORY] = "out of memory",
    [SLIP_INTERRUPTED] = "interrupted",
};

const char *slip_status_name(slip_status status) {
  const int i = (int)status;
  return i >= 0 && i < SLIP_STATUS_COUNT ? status_names[i] : "unknown";
}

/* C0, DEL, C1 (U+0080..9F), line and paragraph separators and the marks that change the direction of writing
 * (U+200E..F, U+2028..E, U+2066..9). s is a valid character of n bytes. */
static bool is_unsafe(const unsigned char *s, size_t n) {
  if (n == 1)
    return s[0] < 0x20 || s[0] == 0x7F;
  if (n == 2)
    return s[0] == 0xC2 && s[1] < 0xA0;
  if (n == 3 && s[0] == 0xE2 && s[1] == 0x80)
    return s[2] == 0x8E || s[2] == 0x8F || (s[2] >= 0xA8 && s[2] <= 0xAE);
  return n == 3 && s[0] == 0xE2 && s[1] == 0x81 && s[2] >= 0xA6 && s[2] <= 0xA9;
}

static void make_printable(char *s) {
  const size_t length = strlen(s);
  size_t out = 0;
  for (size_t i = 0; i < length;) {
    const size_t n = slip_utf8_length(s + i, length - i);
    if (n == 0 || is_unsafe((const unsigned char *)s + i, n)) {
      s[out++] = '?';
      i += n == 0 ? 1 : n;
    } else {
      memmove(s + out, s + i, n);
      out += n;
      i += n;
    }
  }
  s[out] = '\0';
}

/* Copies the start, or the end, of text with "..." for what did not fit. */
static void copy_short(char *out, size_t size, const char *text, bool keep_end) {
  const size_t length = strlen(text);
  if (length < size) {
    memcpy(out, text, length + 1);
  } else if (keep_end) {
    const char *end = text + length - (size - 4);
    while (((unsigned char)*end & 0xC0) == 0x80)
      end++;
    memcpy(out, "...", 3);
    memcpy(out + 3, end, strlen(end) + 1);
  } else {
    const size_t n = slip_utf8_cut(text, size - 4);
    memcpy(out, text, n);
    memcpy(out + n, "...", 4);
  }
  make_printable(out);
}

slip_status slip_fail_at_v(slip_error *err, slip_status code, const char *file, int line, int column,
                           const char *field, const char *fmt, va_list args) {
  if (err == NULL)
    return code;
  /* Filled beside *err, since the arguments may point into it. One byte more shows what was cut. */
  slip_error made = {.code = code, .line = line, .column = column};
  char message[SLIP_MESSAGE_SIZE + 1];
  const bool formatted = slip_vformat(message, sizeof message, fmt, args) >= 0;
  copy_short(made.message, sizeof made.message, formatted ? message : fmt, false);
  copy_short(made.file, sizeof made.file, file != NULL ? file : "", true);
  copy_short(made.field, sizeof made.field, field != NULL ? field : "", false);
  *err = made;
  return code;
}

slip_status slip_fail_at(slip_error *err, slip_status code, const char *file, int line, int column,
                         const char *field, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  slip_fail_at_v(err, code, file, line, column, field, fmt, args);
  va_end(args);
  return code;
}

slip_status slip_fail(slip_error *err, slip_status code, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  slip_fail_at_v(err, code, NULL, 0, 0, NULL, fmt, args);
  va_end(args);
  return code;
}

void slip_error_set_place(slip_error *err, const char *file, int line, const char *field) {
  if (err == NULL || err->file[0] != '\0')
    return;
  if (file != NULL)
    copy_short(err->file, sizeof err->file, file, true);
  if (err->line == 0)
    err->line = line;
  if (field != NULL && err->field[0] == '\0')
    copy_short(err->field, sizeof err->field, field, false);
}

int slip_error_format(const slip_error *err, char *out, int size) {
  if (out != NULL && size > 0)
    out[0] = '\0';
  if (err == NULL)
    return 0;
  char line[24] = "";
  if (err->line > 0)
    snprintf(line, sizeof line, err->file[0] != '\0' ? ":%d" : "line %d", err->line);
  const bool placed = err->file[0] != '\0' || line[0] != '\0';
  const char *const after_field = err->field[0] != '\0' ? ": " : "";
  const size_t room = out != NULL && size > 0 ? (size_t)size : 0;
  const int length = snprintf(out, room, "%s%s%s%s%s%s", err->file, line, placed ? ": " : "", err->field,
                              after_field, err->message);
  if (room > 0 && length >= size)
    out[slip_utf8_cut(out, room - 1)] = '\0';
  return length;
}
