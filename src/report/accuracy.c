/* The body of docs/accuracy.md. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "report/validate.h"

enum { WORST_ROWS = 30 };

static const char introduction[] =
    "# Accuracy\n\nMade by `slipstick validate --markdown`: every published measurement of data/measured against "
    "the model. Errors "
    "are of predicted / measured. Median and 90th percentile are of the absolute error; bias is the median of "
    "predicted / measured, less 1; rank "
    "is Spearman's correlation; the last column is the share of measurements inside their 80% interval.\n";

static void add_cell(slip_text *out, const char *text) {
  slip_text safe = {0};
  slip_safe_add(&safe, text, false);
  slip_text_add(out, " ");
  for (const char *c = safe.data != NULL ? safe.data : ""; *c != '\0'; c++) {
    if (*c == '|' || *c == '<' || *c == '*' || *c == '_')
      slip_text_add(out, "\\");
    slip_text_add_n(out, c, 1);
  }
  slip_text_add(out, " |");
  out->failed = out->failed || safe.failed;
  slip_text_free(&safe);
}

static void add_percent(slip_text *out, double share) {
  if (isnan(share))
    slip_text_add(out, " - |");
  else
    slip_text_printf(out, " %.1f%% |", share * 100);
}

static void add_summary(slip_text *out, const char *kind, const slip_summary *s) {
  slip_text_add(out, "|");
  add_cell(out, kind);
  if (s->group != NULL)
    add_cell(out, s->group[0] != '\0' ? s->group : "(none)");
  slip_text_printf(out, " %zu | %zu |", s->scored, s->skipped);
  add_percent(out, s->median_error);
  add_percent(out, s->p90_error);
  add_percent(out, isnan(s->bias) ? NAN : expm1(s->bias));
  if (isnan(s->rank_correlation))
    slip_text_add(out, " - |");
  else
    slip_text_printf(out, " %.3f |", s->rank_correlation);
  add_percent(out, s->coverage);
  slip_text_add(out, "\n");
}

static void add_groups(const slip_validation *validation, slip_row_kind kind, slip_group_key key, slip_text *out) {
  const size_t most = slip_validation_count(validation);
  slip_summary *groups = slip_memory_resize(NULL, (most + 1) * sizeof *groups);
  size_t count = 0;
  if (groups == NULL || slip_validation_summarise(validation, kind, key, groups, most, &count, NULL) != SLIP_OK) {
    out->failed = true;
    count = 0;
  }
  for (size_t i = 0; i < count; i++) {
    slip_summary s = groups[i];
    s.group = key == SLIP_BY_ALL ? NULL : s.group;
    add_summary(out, slip_row_kind_name(kind), &s);
  }
  free(groups);
}

static void add_table(const slip_validation *validation, const char *title, slip_group_key key, unsigned kinds,
                      slip_text *out) {
  const char *head = slip_group_key_name(key);
  slip_text_printf(out,
                   "\n## %s\n\n| kind |%s%s%s scored | not | median | p90 | bias | rank | in 80%% |\n| --- |%s",
                   title, key == SLIP_BY_ALL ? "" : " ", key == SLIP_BY_ALL ? "" : head,
                   key == SLIP_BY_ALL ? "" : " |", key == SLIP_BY_ALL ? "" : " --- |");
  slip_text_add(out, " --- | --- | --- | --- | --- | --- | --- |\n");
  for (int kind = 0; kind < SLIP_ROW_KINDS; kind++)
    if ((kinds >> kind & 1U) != 0)
      add_groups(validation, (slip_row_kind)kind, key, out);
}

static void add_worst(const slip_validation *validation, slip_text *out) {
  size_t scored = 0;
  size_t *order = slip_validation_worst(validation, &scored);
  out->failed = out->failed || order == NULL;
  slip_text_add(out, "\n## The worst rows\n\n| row | chip | model | stack | quantity | measured | predicted | "
                     "error | filled in |\n"
                     "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
  for (size_t i = 0; order != NULL && i < scored && i < WORST_ROWS; i++) {
    const slip_checked *row = slip_validation_row(validation, order[i]);
    slip_text_add(out, "|");
    add_cell(out, row->id);
    add_cell(out, row->chip);
    add_cell(out, row->model);
    add_cell(out, row->stack);
    add_cell(out, row->quantity);
    slip_text_printf(out, " %.4g | %.4g | %+.0f%% |", row->measured, row->predicted, slip_checked_error(row) * 100);
    add_cell(out, row->inferred);
    slip_text_add(out, "\n");
  }
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
    add_cell(out, reasons[i].text);
    slip_text names = {0};
    for (size_t k = reasons[i].first; k < slip_validation_count(validation); k++) {
      const slip_checked *row = slip_validation_row(validation, k);
      if (row->scored || strcmp(row->reason, reasons[i].text) != 0 ||
          (last != NULL && last->line == row->line && last->file == row->file))
        continue;
      slip_text_printf(&names, "%s%s", last != NULL ? ", " : "", row->id);
      last = row;
    }
    add_cell(out, names.data != NULL ? names.data : "");
    out->failed = out->failed || names.failed;
    slip_text_free(&names);
    slip_text_add(out, "\n");
  }
  free(reasons);
}

void slip_markdown_validation(const slip_validation *validation, slip_text *out) {
  static const unsigned every = 7, jobs = 1U << SLIP_ROW_TRAINING | 1U << SLIP_ROW_SERVING;
  const slip_validation_counts counts = slip_validation_count_all(validation);
  slip_text_add(out, introduction);
  slip_text_printf(
      out, "\n%zu of %zu rows are scored, in %zu quantities; the rest is listed at the end with the reason.\n",
      counts.rows_scored, counts.rows, counts.scored);
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
