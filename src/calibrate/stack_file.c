/* A calibrated stack as a catalog file. */
#include <slipstick/calibrate.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fail.h"
#include "base/save.h"
#include "base/text.h"
#include "calibrate/spread.h"

#define SUFFIX "-calibrated"

enum { MAX_NAME = 64, MAX_QUOTED = 1900 }; /* of a catalog file: name, and a text less what an escape adds */

/* ---- YAML ---- */

/* In double quotes, whatever it looks like; control characters are left out. */
static void add_quoted(slip_text *out, const char *s) {
  const size_t length = strlen(s), n = slip_utf8_cut(s, length < MAX_QUOTED ? length : MAX_QUOTED);
  slip_text_add(out, "\"");
  for (size_t i = 0; i < n; i++) {
    if (s[i] == '"' || s[i] == '\\')
      slip_text_add(out, "\\");
    if ((unsigned char)s[i] >= 0x20 && s[i] != 0x7f)
      slip_text_add_n(out, s + i, 1);
  }
  slip_text_add(out, "\"");
}

static void add_pair(slip_text *out, const char *before, const char *key, const char *value) {
  if (*value == '\0')
    return;
  slip_text_printf(out, "%s%s: ", before, key);
  add_quoted(out, value);
  slip_text_add(out, "\n");
}

/* The keys of a fact; the first line is indented by `first`, the others by `rest`. */
static void add_fact(slip_text *out, const slip_fact *fact, const char *first, const char *rest) {
  char number[SLIP_DOUBLE_SIZE];
  if (fact->text)
    add_pair(out, first, "value", fact->text);
  else
    slip_text_printf(out, "%svalue: %s\n", first, slip_format_double(number, fact->shown));
  add_pair(out, rest, "source", fact->source);
  add_pair(out, rest, "url", fact->url);
  add_pair(out, rest, "date", fact->date);
  slip_text_printf(out, "%sconfidence: %s\n", rest, slip_confidence_name(fact->confidence));
  add_pair(out, rest, "note", fact->note);
}

static void add_also(slip_text *out, const slip_fact *old, bool itself) {
  if (!itself && old->n_also == 0)
    return;
  slip_text_add(out, "    also:\n");
  if (itself)
    add_fact(out, old, "      - ", "        ");
  for (size_t i = 0; i < old->n_also; i++)
    add_fact(out, &old->also[i], "      - ", "        ");
}

/* ---- what was fitted ---- */

static const slip_field *field_called(const char *name) {
  size_t n;
  const slip_field *fields = slip_kind_fields(SLIP_KIND_STACK, &n);
  for (size_t i = 0; i < n; i++)
    if (strcmp(fields[i].name, name) == 0)
      return &fields[i];
  return NULL;
}

/* In the unit of the file, to six digits. */
static double shown(const char *field, double value) {
  const slip_field *f = field_called(field);
  char text[SLIP_DOUBLE_SIZE];
  int length = 0;
  double rounded = value;
  slip_append(text, sizeof text, &length, "%.6g", f ? value * f->divide / f->multiply : value);
  return slip_parse_double(text, &rounded) ? rounded : value;
}

static double narrowed(const slip_calibration *c, slip_spread_class spread_class) {
  const double before = slip_spread_of_stack(c->base, c->kind, spread_class),
               after = slip_spread_of_stack(&c->stack, c->kind, spread_class);
  return after < before || after > before ? after : NAN;
}

/* The field's new value in SI; NAN when calibration did not move it. */
static double fitted_value(const slip_calibration *c, const char *field) {
  if (strcmp(field, slip_spread_field(c->kind, SLIP_SPREAD_MAIN)) == 0)
    return c->spread_after;
  for (int k = SLIP_SPREAD_MAIN + 1; k < slip_spread_classes(c->kind); k++)
    if (strcmp(field, slip_spread_field(c->kind, (slip_spread_class)k)) == 0)
      return narrowed(c, (slip_spread_class)k);
  for (size_t i = 0; i < c->n_constants; i++)
    if (c->constants[i].free && strcmp(c->constants[i].constant->field, field) == 0)
      return c->constants[i].after;
  return NAN;
}

/* The name of the table without its folder, other characters than ASCII as '?'. */
static void add_file_name(slip_text *out, const char *path) {
  const char *slash = strrchr(path, '/');
  for (const char *at = slash ? slash + 1 : path; *at; at++)
    slip_text_add_n(out, *at >= 0x20 && *at < 0x7f ? at : "?", 1);
}

static void add_note(slip_text *out, const slip_calibration *c, const char *date) {
  slip_text_printf(out, "fitted to %zu rows of ", c->rows_used);
  add_file_name(out, c->file);
  slip_text_printf(out, ", %s, with %zu free constants; median error in sample %.1f%%", date, c->n_free,
                   100 * c->after.median);
  if (c->folds != SLIP_FOLDS_NONE)
    slip_text_printf(out, ", cross-validated %.1f%%", 100 * c->crossed.median);
}

static void add_fitted(slip_text *out, const slip_calibration *c, const char *field, double value, const char *note,
                       const char *date) {
  const slip_fact *old = slip_entry_fact(&c->base->entry, field);
  const slip_fact fact = {.field = field,
                          .shown = shown(field, value),
                          .source = "slipstick calibrate",
                          .url = "",
                          .date = date,
                          .note = note,
                          .confidence = SLIP_DERIVED};
  slip_text_printf(out, "  %s:\n", field);
  add_fact(out, &fact, "    ", "    ");
  if (old)
    add_also(out, old, true);
}

static void add_facts(slip_text *out, const slip_calibration *c, const char *note, const char *date) {
  const slip_entry *base = &c->base->entry;
  slip_text_add(out, "facts:\n");
  for (size_t i = 0; i < base->n_facts; i++) {
    const slip_fact *fact = &base->facts[i];
    const double value = fitted_value(c, fact->field);
    if (!isnan(value)) {
      add_fitted(out, c, fact->field, value, note, date);
      continue;
    }
    slip_text_printf(out, "  %s:\n", fact->field);
    add_fact(out, fact, "    ", "    ");
    add_also(out, fact, false);
  }
  for (size_t i = 0; i < c->n_constants; i++) { /* those that the base left at their default */
    const char *field = c->constants[i].constant->field;
    if (c->constants[i].free && !slip_entry_fact(base, field))
      add_fitted(out, c, field, c->constants[i].after, note, date);
  }
}

static void add_stack(slip_text *out, const slip_calibration *c, const char *name, const char *date) {
  const slip_stack *base = c->base;
  slip_text note = {0}, title = {0};
  add_note(&note, c, date);
  slip_text_printf(&title, "%s, calibrated", base->entry.title);
  slip_text_printf(out, "kind: stack\nname: ");
  add_quoted(out, name);
  slip_text_add(out, "\n");
  add_pair(out, "", "title", title.data ? title.data : "");
  add_pair(out, "", "vendor", base->entry.vendor);
  add_pair(out, "", "summary", note.data ? note.data : "");
  add_pair(out, "", "for_vendor", base->for_vendor);
  add_pair(out, "", "for_chip", base->for_chip);
  add_pair(out, "", "for_models", base->for_models);
  add_pair(out, "", "framework", base->framework);
  add_pair(out, "", "release", base->release);
  add_pair(out, "", "date", base->date[0] ? base->date : date);
  slip_text_printf(out, "trains: %s\nserves: %s\nis_prior: false\n", base->trains ? "true" : "false",
                   base->serves ? "true" : "false");
  add_facts(out, c, note.data ? note.data : "", date);
  out->failed = out->failed || note.failed || title.failed;
  slip_text_free(&note);
  slip_text_free(&title);
}

/* ---- where it goes ---- */

static bool ends_in(const char *text, const char *end) {
  const size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

static bool is_stack_name(const char *name) {
  const size_t length = strlen(name);
  return length > 0 && length <= MAX_NAME && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == length &&
         name[0] != '-' && name[0] != '.';
}

/* The file's path, and the name of the stack in it. */
static slip_status place(const slip_calibration *c, const char *path, char written[SLIP_STACK_PATH_SIZE],
                         char name[MAX_NAME + 1], slip_error *err) {
  struct stat info;
  int length = 0, of_name = 0;
  const char *base = c->base->entry.name;
  if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
    slip_append(name, MAX_NAME + 1, &of_name, "%s%s", base, ends_in(base, SUFFIX) ? "" : SUFFIX);
    slip_append(written, SLIP_STACK_PATH_SIZE, &length, "%s/stacks", path);
    if (length < SLIP_STACK_PATH_SIZE && mkdir(written, 0777) != 0 && errno != EEXIST)
      return slip_fail(err, SLIP_IO_FAILURE, "%s cannot be made: %s", written, strerror(errno));
    slip_append(written, SLIP_STACK_PATH_SIZE, &length, "/%s.yaml", name);
  } else {
    const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
    if (!ends_in(file, ".yaml"))
      return slip_fail(err, SLIP_BAD_INPUT, "%s is no folder and does not end in .yaml", path);
    slip_append(name, MAX_NAME + 1, &of_name, "%.*s", (int)(strlen(file) - strlen(".yaml")), file);
    slip_append(written, SLIP_STACK_PATH_SIZE, &length, "%s", path);
  }
  if (length >= SLIP_STACK_PATH_SIZE)
    return slip_fail(err, SLIP_BAD_INPUT, "the path is longer than %d bytes", SLIP_STACK_PATH_SIZE - 1);
  if (of_name > MAX_NAME || !is_stack_name(name))
    return slip_fail(
        err, SLIP_BAD_INPUT,
        "'%s' cannot name a stack: at most %d lower-case letters, digits, '-' and '.', and it is the file's name",
        name, MAX_NAME);
  return SLIP_OK;
}

slip_status slip_calibration_write(const slip_calibration *calibration, const char *path, const char *date,
                                   bool replace, char written[SLIP_STACK_PATH_SIZE], slip_error *err) {
  char name[MAX_NAME + 1] = "";
  slip_text text = {0};
  slip_status status = SLIP_OK;
  SLIP_TRY(place(calibration, path, written, name, err));
  add_stack(&text, calibration, name, date);
  if (text.failed)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  SLIP_TRY(slip_save_file(written, text.data, text.length, replace, err));
cleanup:
  slip_text_free(&text);
  return status;
}
