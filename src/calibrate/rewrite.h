/* New values in the text of a catalog file, everything else as it stands. */
#ifndef SLIP_CALIBRATE_REWRITE_H
#define SLIP_CALIBRATE_REWRITE_H

#include <slipstick/catalog.h>

#include "base/text.h"

/* A fact that changes, or a new one. */
typedef struct slip_new_fact {
  const char *field; /* as slip_fact has it: "fraction", or "scale-up.fraction" of a level */
  int line;          /* where it stands in the text; a new one: the line of a fact before which it is put */
  bool is_new;
  double shown; /* in the file's unit; four digits are written */
  const char *source, *note;
} slip_new_fact;

/* Writes text[0..n) into *out with the facts' blocks replaced: value, source, date, confidence "derived" and note; "also"
 * lists stay. `facts` in ascending order of line; of two on one line the new one first. A fact that is replaced, and one
 * before which a new one is put, must be a block of its own ("field:" alone on its line); else SLIP_BAD_INPUT with file, line and field. O(n + facts). */
slip_status slip_rewrite_facts(const char *file, const char *text, size_t n, const slip_new_fact *facts,
                               size_t n_facts, const char *date, slip_text *out, slip_error *err);

#endif
