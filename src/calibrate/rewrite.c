#include "calibrate/rewrite.h"

#include <stdio.h>
#include <string.h>

#include "base/fail.h"

/* In double quotes, with what YAML reads as special there escaped. */
static void add_quoted(slip_text *out, const char *s) {
  slip_text_add(out, "\"");
  for (; *s; s++) {
    if (*s == '"' || *s == '\\')
      slip_text_add(out, "\\");
    if ((unsigned char)*s >= 0x20 && *s != 0x7f)
      slip_text_add_n(out, s, 1);
  }
  slip_text_add(out, "\"");
}

static double rounded(double value) {
  char text[SLIP_DOUBLE_SIZE];
  int length = 0;
  double read = value;
  slip_append(text, sizeof text, &length, "%.4g", value);
  return slip_parse_double(text, &read) ? read : value;
}

static size_t indent_of(const char *line, const char *end) {
  size_t n = 0;
  while (line + n < end && line[n] == ' ')
    n++;
  return n;
}

static const char *next_line(const char *line, const char *end) {
  const char *newline = memchr(line, '\n', (size_t)(end - line));
  return newline ? newline + 1 : end;
}

static bool is_blank(const char *line, const char *next) {
  for (; line < next; line++)
    if (*line != ' ' && *line != '\r' && *line != '\n')
      return false;
  return true;
}

/* The end of the block whose key is on `line`: behind its last line that is indented more. Blank lines and comments are of the block when
 * more of it comes below them. */
static const char *block_end(const char *line, const char *end) {
  const size_t indent = indent_of(line, end);
  const char *after = next_line(line, end);
  for (const char *at = after; at < end; at = next_line(at, end)) {
    const size_t here = indent_of(at, end);
    const bool is_comment = at + here < end && at[here] == '#';
    if (is_comment || is_blank(at, next_line(at, end)))
      continue;
    if (here <= indent)
      break;
    after = next_line(at, end);
  }
  return after;
}

static bool is_key(const char *line, const char *end, const char *field) {
  const char *dot = strrchr(field, '.'), *name = dot ? dot + 1 : field; /* facts of levels are "LEVEL.FIELD" */
  const size_t indent = indent_of(line, end), length = strlen(name);
  const char *at = line + indent, *next = next_line(line, end);
  return (size_t)(next - at) > length && memcmp(at, name, length) == 0 && at[length] == ':' &&
         is_blank(at + length + 1, next);
}

/* "FIELD:" alone on its line, which "facts:" and "levels:" are not. */
static bool is_any_fact(const char *line, const char *end) {
  const char *at = line + indent_of(line, end), *key = at;
  while (at < end && ((*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9') || *at == '_'))
    at++;
  return at > key && at < end && *at == ':' && is_blank(at + 1, next_line(line, end)) &&
         !is_key(line, end, "facts") && !is_key(line, end, "levels");
}

/* The "also" of a fact's block, kept as it stands. */
static void add_also(const char *from, const char *to, slip_text *out) {
  for (const char *at = next_line(from, to); at < to; at = next_line(at, to))
    if (is_key(at, to, "also")) {
      const char *end = block_end(at, to);
      slip_text_add_n(out, at, (size_t)(end - at));
      return;
    }
}

static void add_block(const slip_new_fact *fact, size_t indent, const char *date, slip_text *out) {
  char number[SLIP_DOUBLE_SIZE];
  const char *dot = strrchr(fact->field, '.');
  const int in = (int)indent, below = in + 2;
  slip_text_printf(out, "%*s%s:\n", in, "", dot ? dot + 1 : fact->field);
  slip_text_printf(out, "%*svalue: %s\n%*ssource: ", below, "", slip_format_double(number, rounded(fact->shown)),
                   below, "");
  add_quoted(out, fact->source);
  slip_text_printf(out, "\n%*sdate: \"%s\"\n%*sconfidence: derived\n%*snote: ", below, "", date, below, "", below,
                   "");
  add_quoted(out, fact->note);
  slip_text_add(out, "\n");
}

slip_status slip_rewrite_facts(const char *file, const char *text, size_t n, const slip_new_fact *facts,
                               size_t n_facts, const char *date, slip_text *out, slip_error *err) {
  const char *at = text, *const end = text + n;
  int line = 1;
  for (size_t i = 0; i < n_facts; i++) {
    const slip_new_fact *fact = &facts[i];
    for (; line < fact->line && at < end; line++) {
      const char *next = next_line(at, end);
      slip_text_add_n(out, at, (size_t)(next - at));
      at = next;
    }
    if (line != fact->line || !(fact->is_new ? is_any_fact(at, end) : is_key(at, end, fact->field)))
      return slip_fail_at(err, SLIP_BAD_INPUT, file, fact->line, 0, fact->field,
                          "cannot be rewritten: each fact must be a block of its own, below a line \"FIELD:\"");
    add_block(fact, indent_of(at, end), date, out);
    if (fact->is_new)
      continue;
    const char *after = block_end(at, end);
    add_also(at, after, out);
    for (; at < after; line++)
      at = next_line(at, end);
  }
  slip_text_add_n(out, at, (size_t)(end - at));
  return out->failed ? slip_no_memory(err) : SLIP_OK;
}
