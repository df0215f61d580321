/* Accuracy by class of rows, under each scheme of a held-out validation. */
#include "report/validate.h"

#include <math.h>

#include "report/markdown.h"

static const char *const scheme_names[SLIP_SCHEMES] = {[SLIP_IN_SAMPLE] = "in_sample",
                                                       [SLIP_FOLDS] = "folds",
                                                       [SLIP_FAMILIES] = "family_unseen",
                                                       [SLIP_OBSERVED] = "family_unseen_one_row"};

const char *slip_scheme_name(slip_scheme scheme) {
  return (int)scheme >= 0 && scheme < SLIP_SCHEMES ? scheme_names[scheme] : "";
}

static bool summarise(const slip_validation *validation, slip_scheme scheme, size_t i, slip_summary *out,
                      slip_order *order) {
  const slip_validation *view = slip_validation_of(validation, scheme);
  return view != NULL && slip_validation_class(view, i, out, order, NULL) == SLIP_OK && out->scored > 0;
}

static double share(size_t right, size_t of) {
  return of > 0 ? (double)right / (double)of : NAN;
}

/* ---- for people ---- */

static void percent(slip_table *table, double x) {
  if (isnan(x))
    slip_table_cell(table, "-");
  else
    slip_table_printf(table, x < 0.995 ? "%.1f%%" : "%.0f%%", x * 100);
}

static void errors(slip_table *table, const slip_summary *s, bool there) {
  if (there)
    slip_table_printf(table, "%.1f / %.1f", s->median_error * 100, s->p90_error * 100);
  else
    slip_table_cell(table, "-");
}

void slip_report_classes(const slip_validation *validation, const slip_style *style, slip_text *out) {
  static const char *const heads[] = {"median / p90, %", "rows",          "in sample", "5 folds",
                                      "in 80%",          "family unseen", "in 80%",    "+1 row",
                                      "in 80%",          "order",         "of systems"};
  enum { COLUMNS = sizeof heads / sizeof *heads };
  slip_table *table = slip_table_open(COLUMNS);
  for (size_t i = 1; i < COLUMNS; i++)
    slip_table_right(table, i);
  for (size_t i = 0; i < COLUMNS; i++)
    slip_table_cell(table, heads[i]);
  slip_table_heading(table);
  for (size_t i = 0; i < slip_row_classes(); i++) {
    slip_summary s = {0};
    slip_order order = {0};
    bool there = summarise(validation, SLIP_IN_SAMPLE, i, &s, NULL);
    slip_table_cell(table, slip_row_class_name(i));
    slip_table_printf(table, "%zu", there ? s.scored : 0);
    errors(table, &s, there);
    for (int scheme = SLIP_FOLDS; scheme < SLIP_SCHEMES; scheme++) {
      there = summarise(validation, (slip_scheme)scheme, i, &s, scheme == SLIP_FOLDS ? &order : NULL);
      errors(table, &s, there);
      percent(table, there ? s.coverage : NAN);
    }
    percent(table, share(order.configurations_right, order.configurations));
    percent(table, share(order.systems_right, order.systems));
  }
  slip_table_write(table, style, out);
  slip_table_free(table);
  slip_text_add(out,
                "\n5 folds: constants fitted to four fifths of the rows, predicted the rest; a source family's "
                "rows of one model "
                "and chip stay together. family unseen: fitted\nwithout any row of the source family; +1 row: "
                "then updated by one row of the stack and chip. order: of pairs of one chip, stack and source "
                "that differ\nby more than 15%, in folds; of systems: pairs of one source and model on different "
                "chips\n");
  for (int kind = 0; kind < SLIP_ROW_KINDS; kind++) {
    const slip_fit_size size = slip_validation_fit(validation, (slip_row_kind)kind);
    slip_text_printf(out, "%s: %zu constants (effective %.0f) fitted to %zu rows\n",
                     slip_row_kind_name((slip_row_kind)kind), size.constants, size.effective, size.rows);
  }
}

/* ---- Markdown ---- */

static void markdown_errors(slip_text *out, const slip_summary *s, bool there) {
  if (there)
    slip_text_printf(out, " %.1f / %.1f |", s->median_error * 100, s->p90_error * 100);
  else
    slip_text_add(out, " - |");
}

void slip_markdown_classes(const slip_validation *validation, slip_text *out) {
  slip_text_add(out, "| median / p90 of the error, % | rows | in sample | 5 folds | in 80% | family unseen | in "
                     "80% | +1 row | in 80% | order | "
                     "order of systems |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
  for (size_t i = 0; i < slip_row_classes(); i++) {
    slip_summary s = {0};
    slip_order order = {0};
    bool there = summarise(validation, SLIP_IN_SAMPLE, i, &s, NULL);
    slip_text_add(out, "|");
    slip_markdown_cell(out, slip_row_class_name(i));
    slip_text_printf(out, " %zu |", there ? s.scored : 0);
    markdown_errors(out, &s, there);
    for (int scheme = SLIP_FOLDS; scheme < SLIP_SCHEMES; scheme++) {
      there = summarise(validation, (slip_scheme)scheme, i, &s, scheme == SLIP_FOLDS ? &order : NULL);
      markdown_errors(out, &s, there);
      slip_markdown_percent(out, there ? s.coverage : NAN);
    }
    slip_markdown_percent(out, share(order.configurations_right, order.configurations));
    slip_markdown_percent(out, share(order.systems_right, order.systems));
    slip_text_add(out, "\n");
  }
  slip_text_add(
      out,
      "\nOrder: of pairs of one chip, stack and source whose measurements differ by more than 15%, the share that "
      "folds put right; of "
      "systems: of pairs of one source and model on different chips.\n\n| kind | constants | effective | rows |\n"
      "| --- | --- | --- | --- |\n");
  for (int kind = 0; kind < SLIP_ROW_KINDS; kind++) {
    const slip_fit_size size = slip_validation_fit(validation, (slip_row_kind)kind);
    slip_text_printf(out, "| %s | %zu | %.0f | %zu |\n", slip_row_kind_name((slip_row_kind)kind), size.constants,
                     size.effective, size.rows);
  }
}

/* ---- JSON ---- */

void slip_json_classes(slip_json *json, const slip_validation *validation) {
  slip_json_object(json, "held_out");
  slip_json_array(json, "fits");
  for (int kind = 0; kind < SLIP_ROW_KINDS; kind++) {
    const slip_fit_size size = slip_validation_fit(validation, (slip_row_kind)kind);
    slip_json_object(json, NULL);
    slip_json_string(json, "kind", slip_row_kind_name((slip_row_kind)kind));
    slip_json_int(json, "rows", (int64_t)size.rows);
    slip_json_int(json, "constants", (int64_t)size.constants);
    slip_json_double(json, "effective_constants", size.effective);
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
  slip_json_array(json, "classes");
  for (size_t i = 0; i < slip_row_classes(); i++) {
    slip_json_object(json, NULL);
    slip_json_string(json, "class", slip_row_class_name(i));
    for (int scheme = 0; scheme < SLIP_SCHEMES; scheme++) {
      slip_summary s = {0};
      slip_order order = {0};
      if (!summarise(validation, (slip_scheme)scheme, i, &s, &order))
        continue;
      slip_json_object(json, slip_scheme_name((slip_scheme)scheme));
      slip_json_int(json, "scored", (int64_t)s.scored);
      slip_json_double(json, "median_error", s.median_error);
      slip_json_double(json, "p90_error", s.p90_error);
      slip_json_double(json, "bias", s.bias);
      slip_json_double(json, "coverage", s.coverage);
      slip_json_int(json, "order_pairs", (int64_t)order.configurations);
      slip_json_double(json, "order_right", share(order.configurations_right, order.configurations));
      slip_json_int(json, "order_pairs_of_systems", (int64_t)order.systems);
      slip_json_double(json, "order_right_of_systems", share(order.systems_right, order.systems));
      slip_json_object_end(json);
    }
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
  slip_json_object_end(json);
}
