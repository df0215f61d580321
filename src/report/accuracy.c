/* The body of docs/accuracy.md. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "calibrate/explained.h"
#include "report/markdown.h"
#include "report/validate.h"

enum { WORST_ROWS = 30 };

static const char how_measured[] = " against the model. Errors are of predicted / measured. Median and 90th "
                                   "percentile are of the absolute error; bias is the "
                                   "median of predicted / measured, less 1; rank is Spearman's correlation; \"in "
                                   "80%\" is the share of measurements inside "
                                   "their 80% interval.\n";

static const char how_held_out[] =
    "\nIn sample: with the constants of the catalog, to whose fit the rows of data/measured "
    "contributed. 5 folds: constants fitted to four fifths of the rows "
    "predict the rest; rows of one source family, model (kernels: operator) and "
    "chip stay together. Family unseen: fitted without any row of the "
    "source's family. +1 row: then updated by one other row of the same stack and chip. "
    "How: docs/cost-model.md, "
    "\"Calibration of the built-in constants\".\n";

static void add_summary(slip_text *out, const char *kind, const slip_summary *s) {
  slip_text_add(out, "|");
  slip_markdown_cell(out, kind);
  if (s->group != NULL)
    slip_markdown_cell(out, s->group[0] != '\0' ? s->group : "(none)");
  slip_text_printf(out, " %zu | %zu |", s->scored, s->skipped);
  slip_markdown_percent(out, s->median_error);
  slip_markdown_percent(out, s->p90_error);
  slip_markdown_percent(out, isnan(s->bias) ? NAN : expm1(s->bias));
  if (isnan(s->rank_correlation))
    slip_text_add(out, " - |");
  else
    slip_text_printf(out, " %.3f |", s->rank_correlation);
  slip_markdown_percent(out, s->coverage);
}

/* The summary of the same group under another scheme; all NAN when it has no figure. */
static slip_summary find_summary(const slip_summary *all, size_t n, const char *group) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(all[i].group, group) == 0)
      return all[i];
  return (slip_summary){.median_error = NAN, .p90_error = NAN, .coverage = NAN};
}

/* Folds and unseen families of one group. */
static const slip_scheme beside[] = {SLIP_FOLDS, SLIP_FAMILIES};
enum { BESIDE = sizeof beside / sizeof *beside };

static bool is_held_out(const slip_validation *validation) {
  return slip_validation_of(validation, SLIP_FOLDS) != NULL;
}

static void add_held_out(const slip_summary *s, slip_text *out) {
  slip_markdown_percent(out, s->median_error);
  slip_markdown_percent(out, s->p90_error);
  slip_markdown_percent(out, s->coverage);
}

/* Groups of one kind under a scheme, into groups[most]. */
static size_t summarise(const slip_validation *validation, slip_scheme scheme, slip_row_kind kind,
                        slip_group_key key, slip_summary *groups, size_t most, slip_text *out) {
  const slip_validation *view = slip_validation_of(validation, scheme);
  size_t count = 0;
  if (view == NULL)
    return 0;
  if (slip_validation_summarise(view, kind, key, groups, most, &count, NULL) == SLIP_OK)
    return count;
  out->failed = true;
  return 0;
}

static void add_groups(const slip_validation *validation, slip_row_kind kind, slip_group_key key, slip_text *out) {
  const size_t most = slip_validation_count(validation) + 1;
  slip_summary *groups = slip_memory_resize(NULL, (1 + BESIDE) * most * sizeof *groups);
  size_t counts[1 + BESIDE] = {0};
  if (groups == NULL) {
    out->failed = true;
    return;
  }
  counts[0] = summarise(validation, SLIP_IN_SAMPLE, kind, key, groups, most, out);
  for (size_t k = 0; k < BESIDE; k++)
    counts[1 + k] = summarise(validation, beside[k], kind, key, groups + (1 + k) * most, most, out);
  for (size_t i = 0; i < counts[0]; i++) {
    slip_summary s = groups[i];
    s.group = key == SLIP_BY_ALL ? NULL : s.group;
    add_summary(out, slip_row_kind_name(kind), &s);
    for (size_t k = 0; k < BESIDE && is_held_out(validation); k++) {
      const slip_summary other = find_summary(groups + (1 + k) * most, counts[1 + k], groups[i].group);
      add_held_out(&other, out);
    }
    slip_text_add(out, "\n");
  }
  free(groups);
}

static void add_table(const slip_validation *validation, const char *title, slip_group_key key, unsigned kinds,
                      slip_text *out) {
  const char *head = slip_group_key_name(key);
  const bool held_out = is_held_out(validation);
  slip_text_printf(
      out, "\n## %s\n\n| kind |%s%s%s scored | not | median | p90 | bias | rank | in 80%% |%s\n| --- |%s", title,
      key == SLIP_BY_ALL ? "" : " ", key == SLIP_BY_ALL ? "" : head, key == SLIP_BY_ALL ? "" : " |",
      held_out ? " 5 folds: median | p90 | in 80% | family unseen: median | p90 | in 80% |" : "",
      key == SLIP_BY_ALL ? "" : " --- |");
  slip_text_printf(out, " --- | --- | --- | --- | --- | --- | --- |%s\n",
                   held_out ? " --- | --- | --- | --- | --- | --- |" : "");
  for (int kind = 0; kind < SLIP_ROW_KINDS; kind++)
    if ((kinds >> kind & 1U) != 0)
      add_groups(validation, (slip_row_kind)kind, key, out);
}

static void add_worst(const slip_validation *validation, slip_text *out) {
  size_t scored = 0;
  size_t *order = slip_validation_worst(validation, &scored);
  slip_arena *arena = slip_arena_open();
  slip_csv explained = {0};
  out->failed =
      out->failed || order == NULL || arena == NULL || slip_explained_open(arena, &explained, NULL) != SLIP_OK;
  slip_text_add(out, "\n## The worst rows\n\n| row | chip | model | stack | quantity | measured | predicted | "
                     "error | filled in | why |\n"
                     "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
  for (size_t i = 0; order != NULL && arena != NULL && i < scored && i < WORST_ROWS; i++) {
    const slip_checked *row = slip_validation_row(validation, order[i]);
    slip_text_add(out, "|");
    slip_markdown_cell(out, row->id);
    slip_markdown_cell(out, row->chip);
    slip_markdown_cell(out, row->model);
    slip_markdown_cell(out, row->stack);
    slip_markdown_cell(out, row->quantity);
    slip_text_printf(out, " %.4g | %.4g | %+.0f%% |", row->measured, row->predicted, slip_checked_error(row) * 100);
    slip_markdown_cell(out, row->inferred);
    slip_markdown_cell(out, slip_explained(&explained, row));
    slip_text_add(out, "\n");
  }
  slip_arena_free(arena);
  free(order);
}

static void add_unscored(const slip_validation *validation, slip_text *out) {
  size_t count = 0;
  slip_reason *reasons = slip_validation_reasons(validation, &count);
  out->failed = out->failed || reasons == NULL;
  slip_text_add(out, "\n## Rows not scored, by reason\n\n| reason | rows |\n| --- | --- |\n");
  for (size_t i = 0; reasons != NULL && i < count; i++) {
    const slip_checked *last = NULL;
    slip_text_add(out, "|");
    slip_markdown_cell(out, reasons[i].text);
    slip_text names = {0};
    for (size_t k = reasons[i].first; k < slip_validation_count(validation); k++) {
      const slip_checked *row = slip_validation_row(validation, k);
      if (row->scored || strcmp(row->reason, reasons[i].text) != 0 ||
          (last != NULL && last->line == row->line && last->file == row->file))
        continue;
      slip_text_printf(&names, "%s%s", last != NULL ? ", " : "", row->id);
      last = row;
    }
    slip_markdown_cell(out, names.data != NULL ? names.data : "");
    out->failed = out->failed || names.failed;
    slip_text_free(&names);
    slip_text_add(out, "\n");
  }
  free(reasons);
}

/* "# Accuracy", and which tables were read: the rows of each stand together. */
static void add_introduction(const slip_validation *validation, slip_text *out) {
  const slip_checked *last = NULL;
  slip_text_add(out, "# Accuracy\n\nEvery published measurement of");
  for (size_t i = 0; i < slip_validation_count(validation); i++) {
    const slip_checked *row = slip_validation_row(validation, i);
    if (last == NULL || strcmp(row->file, last->file) != 0)
      slip_text_printf(out, "%s %s", last != NULL ? "," : "", row->file);
    last = row;
  }
  slip_text_add(out, how_measured);
}

void slip_markdown_validation(const slip_validation *validation, slip_text *out) {
  static const unsigned every = 7, jobs = 1U << SLIP_ROW_TRAINING | 1U << SLIP_ROW_SERVING;
  const slip_validation_counts counts = slip_validation_count_all(validation);
  add_introduction(validation, out);
  slip_text_printf(
      out, "\n%zu of %zu rows are scored, in %zu quantities; the rest is listed at the end with the reason.\n",
      counts.rows_scored, counts.rows, counts.scored);
  if (is_held_out(validation)) {
    slip_text_add(out, how_held_out);
    slip_text_add(out, "\n## By class of rows\n\n");
    slip_markdown_classes(validation, out);
  }
  add_table(validation, "Overall", SLIP_BY_ALL, every, out);
  add_table(validation, "By phase", SLIP_BY_PHASE, every, out);
  add_table(validation, "By quantity", SLIP_BY_QUANTITY, every, out);
  add_table(validation, "By chip", SLIP_BY_CHIP, every, out);
  add_table(validation, "By source", SLIP_BY_SOURCE, every, out);
  add_table(validation, "By stack", SLIP_BY_STACK, jobs, out);
  add_table(validation, "Kernels by operator", SLIP_BY_MODEL, 1U << SLIP_ROW_KERNEL, out);
  add_worst(validation, out);
  add_unscored(validation, out);
}
