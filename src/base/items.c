/* "key=value,key=value" texts, and appending to a caller's buffer. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"

void slip_append(char *out, int size, int *length, const char *fmt, ...) {
  int room = *length < size ? size - *length : 0;
  va_list args;
  va_start(args, fmt);
  int wrote = vsnprintf(room > 0 ? out + *length : NULL, (size_t)room, fmt, args);
  va_end(args);
  if (wrote > 0)
    *length += wrote;
}

static bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

/* Copies [from, to) without surrounding blanks; false when empty or too long. */
static bool copy_trimmed(char *out, size_t size, const char *from, const char *to) {
  while (from < to && is_blank(*from))
    from++;
  while (to > from && is_blank(to[-1]))
    to--;
  size_t n = (size_t)(to - from);
  if (n == 0 || n >= size)
    return false;
  memcpy(out, from, n);
  out[n] = '\0';
  return true;
}

slip_status slip_next_item(slip_item_reader *reader, const char *what, slip_item *item, slip_error *err) {
  item->key[0] = item->value[0] = '\0';
  const char *start = reader->text;
  if (!reader->started && start[strspn(start, " \t")] == '\0')
    return SLIP_OK;
  if (reader->started && *start == '\0')
    return SLIP_OK;
  if (reader->started)
    start++; /* the comma that ended the last item */
  reader->started = true;
  const char *end = start + strcspn(start, ",");
  const char *equals = memchr(start, '=', (size_t)(end - start));
  if (!equals || !copy_trimmed(item->key, sizeof item->key, start, equals) ||
      !copy_trimmed(item->value, sizeof item->value, equals + 1, end)) {
    item->key[0] = '\0';
    return slip_fail_at(err, SLIP_BAD_INPUT, what, 0, 0, NULL,
                        "'%.*s' is not of the form key=value; write for instance tp=8,pp=4",
                        (int)(end - start < 40 ? end - start : 40), start);
  }
  reader->text = end;
  return SLIP_OK;
}
