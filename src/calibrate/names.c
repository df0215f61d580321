#include "calibrate/names.h"

#include <string.h>

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Letters; bytes of other scripts count as such. */
static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

/* Walks the canonical form of a text, character by character. */
typedef struct walker {
  const char *at;
  char last; /* the character given last; 0 at the start */
  bool gap;  /* characters that are neither letters nor digits were skipped */
} walker;

static bool is_kept(const walker *w) {
  const char c = *w->at;
  return is_letter(c) || slip_is_digit(c) ||
         (c == '.' && slip_is_digit(w->last) && !w->gap && slip_is_digit(w->at[1]));
}

static char next(walker *w) {
  while (*w->at && !is_kept(w)) {
    w->gap = true;
    w->at++;
  }
  if (!*w->at)
    return '\0';
  if (w->last && w->last != '-' && (w->gap || (is_letter(w->last) && slip_is_digit(*w->at)))) {
    w->gap = false;
    w->last = '-';
    return '-';
  }
  w->gap = false;
  w->last = lower(*w->at++);
  return w->last;
}

bool slip_name_canonical(const char *text, char out[SLIP_NAME_BYTES]) {
  walker w = {.at = text};
  size_t n = 0;
  for (char c = next(&w); c && n < SLIP_NAME_BYTES; c = next(&w))
    out[n++] = c;
  if (n == SLIP_NAME_BYTES)
    return false;
  out[n] = '\0';
  return true;
}

bool slip_name_is(const char *canonical_name, const char *text) {
  walker w = {.at = text};
  for (const char *c = canonical_name;; c++) {
    const char d = next(&w);
    if (*c != d)
      return false;
    if (!d)
      return true;
  }
}

char *slip_name_find(char *text, const char *words) {
  const size_t n = strlen(words);
  if (n == 0)
    return NULL;
  for (char *at = text; (at = strstr(at, words)) != NULL; at++)
    if ((at == text || at[-1] == '-') && (at[n] == '-' || at[n] == '\0'))
      return at;
  return NULL;
}

void slip_name_drop(char *text, const char *words) {
  const size_t n = strlen(words);
  for (char *at; (at = slip_name_find(text, words)) != NULL;) {
    char *rest = at + n + (at[n] == '-');
    memmove(at, rest, strlen(rest) + 1);
  }
  const size_t left = strlen(text);
  if (left > 0 && text[left - 1] == '-')
    text[left - 1] = '\0';
}

void slip_name_without_brackets(const char *text, char out[SLIP_NAME_BYTES]) {
  size_t n = 0;
  int depth = 0;
  for (; *text && n + 1 < SLIP_NAME_BYTES; text++) {
    if (*text == '(' || *text == '[')
      depth++;
    if (depth == 0)
      out[n++] = *text;
    if ((*text == ')' || *text == ']') && depth > 0)
      depth--;
  }
  out[n] = '\0';
}

bool slip_name_of_entry(const slip_entry *entry, const char *canonical_name) {
  if (slip_name_is(canonical_name, entry->name))
    return true;
  for (size_t i = 0; i < entry->n_aliases; i++)
    if (slip_name_is(canonical_name, entry->aliases[i]))
      return true;
  return false;
}

const slip_entry *slip_name_entry(const slip_catalog *catalog, slip_kind kind, const char *canonical_name) {
  const size_t count = slip_catalog_count(catalog, kind);
  for (size_t i = 0; i < count; i++)
    if (slip_name_of_entry(slip_catalog_entry(catalog, kind, i), canonical_name))
      return slip_catalog_entry(catalog, kind, i);
  return NULL;
}
