/* Names as sources write them. Two texts are the same name when their canonical forms agree: lower case, every run of other characters one '-',
 * and a '-' before a digit that follows a letter, so that "LLAMA3.1_405B", "Llama 3.1 405B" and "llama-3.1-405b" are all "llama-3.1-405b". */
#ifndef SLIP_CALIBRATE_NAMES_H
#define SLIP_CALIBRATE_NAMES_H

#include <stdbool.h>

#include <slipstick/catalog.h>

enum { SLIP_NAME_BYTES = 192 };

static inline bool slip_is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* False when it does not fit: no name is that long. */
bool slip_name_canonical(const char *text, char out[SLIP_NAME_BYTES]);
/* Whether a text's canonical form is this one. */
bool slip_name_is(const char *canonical_name, const char *text);
/* Where the words stand in a canonical text, whole words only; NULL when they do not. */
char *slip_name_find(char *text, const char *words);
/* Takes every occurrence of the words out of a canonical text. */
void slip_name_drop(char *text, const char *words);
/* Copies the text without its bracketed parts. */
void slip_name_without_brackets(const char *text, char out[SLIP_NAME_BYTES]);
/* Whether an entry has this name or alias. */
bool slip_name_of_entry(const slip_entry *entry, const char *canonical_name);
/* The catalog's entry of the kind with this name or alias; NULL without one. */
const slip_entry *slip_name_entry(const slip_catalog *catalog, slip_kind kind, const char *canonical_name);

#endif
