/* Where a rule of legality writes what breaks it; out NULL: nobody asks. */
#ifndef SLIP_BASE_NOTE_H
#define SLIP_BASE_NOTE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

typedef struct slip_note {
  char *out;
  int size; /* bytes, with the terminator */
} slip_note;

/* Always false, the verdict of the rule that calls it. What is too long is cut. */
__attribute__((format(printf, 2, 3))) static inline bool slip_broken(const slip_note *n, const char *fmt, ...) {
  if (n->out) {
    va_list args;
    va_start(args, fmt);
    (void)slip_vformat(n->out, (size_t)n->size, fmt, args);
    va_end(args);
  }
  return false;
}

#endif
