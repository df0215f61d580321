/* New values in the text of a catalog file, everything else as it stands. */
#ifndef SLIP_CALIBRATE_REWRITE_H
#define SLIP_CALIBRATE_REWRITE_H

#include <slipstick/catalog.h>

#include "base/text.h"

/* A fact that changes. */
typedef struct slip_new_fact {
  const slip_fact *old; /* as read from the text: its line says where it stands */
  double value;         /* SI */
  const char *source, *note;
} slip_new_fact;

/* Writes text[0..n) into *out with the facts' blocks replaced: value (four digits), source, date, confidence "derived" and note; "also"
 * lists stay. `facts` in ascending order of line, no two on one. Each must be a block of its own ("field:" alone on its line);
 * else SLIP_BAD_INPUT with file, line and field. O(n + facts). */
slip_status slip_rewrite_facts(const slip_entry *entry, const char *text, size_t n, const slip_new_fact *facts,
                               size_t n_facts, const char *date, slip_text *out, slip_error *err);
/* The value as such a file will hold it: four digits in the file's unit, back in SI. */
double slip_rewritten_value(const slip_fact *fact, double value);

#endif
