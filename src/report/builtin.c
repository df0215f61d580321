/* The calibration of the catalog's own constants as tables and as JSON. */
#include <math.h>

#include "report/calibrate.h"
#include "report/validate.h"

/* ---- for people ---- */

static void add_constants(const slip_builtin_stage *stage, const slip_style *style, slip_text *out) {
  static const char *const heads[] = {"constant", "unit", "prior", "before",   "after",
                                      "left sd",  "of",   "rows",  "shared by"};
  enum { COLUMNS = sizeof heads / sizeof *heads, SHARED = 70 };
  slip_table *table = slip_table_open(COLUMNS);
  slip_table_widest(table, SHARED);
  for (size_t i = 2; i < COLUMNS - 1; i++)
    slip_table_right(table, i);
  for (size_t i = 0; i < COLUMNS; i++)
    slip_table_cell(table, heads[i]);
  slip_table_heading(table);
  for (size_t i = 0; i < stage->n_constants; i++) {
    const slip_builtin_constant *c = &stage->constants[i];
    slip_table_cell(table, c->field);
    slip_table_cell(table, c->unit);
    slip_table_printf(table, "%.4g", c->prior);
    if (isnan(c->before))
      slip_table_cell(table, "-");
    else
      slip_table_printf(table, "%.4g", c->before);
    slip_table_printf(table, "%.4g", c->after);
    slip_table_printf(table, "%.2f", c->posterior_sd);
    slip_table_cell(table, c->is_share ? "logit" : "ln");
    slip_table_printf(table, "%zu", c->rows);
    slip_table_cell(table, c->shared);
  }
  slip_table_write(table, style, out);
  slip_table_free(table);
}

static void add_error(slip_table *table, const char *label, const slip_fit_errors *errors) {
  slip_table_cell(table, label);
  if (isnan(errors->median)) { /* no rows of the kind */
    slip_table_cell(table, "-");
    slip_table_cell(table, "-");
    return;
  }
  slip_table_printf(table, "%.1f%%", errors->median * 100);
  slip_table_printf(table, "%.1f%%", errors->p90 * 100);
}

static void add_errors(const slip_builtin_stage *stage, const slip_style *style, slip_text *out) {
  slip_table *table = slip_table_open(3);
  slip_table_right(table, 1);
  slip_table_right(table, 2);
  slip_table_cell(table, "error");
  slip_table_cell(table, "median");
  slip_table_cell(table, "p90");
  slip_table_heading(table);
  add_error(table, "in sample, before", &stage->before);
  add_error(table, "in sample, after", &stage->after);
  add_error(table, "rows not seen, 5 folds", &stage->folds);
  add_error(table, "source family not seen", &stage->unseen);
  slip_table_write(table, style, out);
  slip_table_free(table);
}

void slip_report_builtin(const slip_builtin_calibration *calibration, const slip_style *style, slip_text *out) {
  for (int i = 0; i < SLIP_ROW_KINDS; i++) {
    const slip_builtin_stage *stage = &calibration->stages[i];
    slip_text_printf(out, "%s%s: %zu constants (effective %.0f) fitted to %zu rows, %s\n\n", i > 0 ? "\n" : "",
                     slip_row_kind_name(stage->kind), stage->size.constants, stage->size.effective,
                     stage->size.rows, stage->agenda);
    add_constants(stage, style, out);
    slip_text_add(out, "\n");
    add_errors(stage, style, out);
  }
}

/* ---- JSON ---- */

static void json_errors(slip_json *json, const char *key, const slip_fit_errors *errors) {
  slip_json_object(json, key);
  slip_json_double(json, "median", errors->median);
  slip_json_double(json, "p90", errors->p90);
  slip_json_object_end(json);
}

static void json_stage(slip_json *json, const slip_builtin_stage *stage) {
  slip_json_object(json, NULL);
  slip_json_string(json, "kind", slip_row_kind_name(stage->kind));
  slip_json_string(json, "agenda", stage->agenda);
  slip_json_int(json, "rows", (int64_t)stage->size.rows);
  slip_json_int(json, "constants_fitted", (int64_t)stage->size.constants);
  slip_json_double(json, "effective_constants", stage->size.effective);
  json_errors(json, "error_before", &stage->before);
  json_errors(json, "error_after", &stage->after);
  json_errors(json, "error_folds", &stage->folds);
  json_errors(json, "error_family_unseen", &stage->unseen);
  slip_json_array(json, "constants");
  for (size_t i = 0; i < stage->n_constants; i++) {
    const slip_builtin_constant *c = &stage->constants[i];
    slip_json_object(json, NULL);
    slip_json_string(json, "field", c->field);
    slip_json_string(json, "unit", c->unit);
    slip_json_string(json, "shared", c->shared);
    slip_json_double(json, "prior", c->prior);
    slip_json_double(json, "before", c->before);
    slip_json_double(json, "after", c->after);
    slip_json_double(json, "posterior_sd", c->posterior_sd);
    slip_json_string(json, "transform", c->is_share ? "logit" : "ln");
    slip_json_int(json, "rows", (int64_t)c->rows);
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
  slip_json_object_end(json);
}

void slip_json_builtin(slip_json *json, const slip_builtin_calibration *calibration) {
  slip_json_array(json, "stages");
  for (int i = 0; i < SLIP_ROW_KINDS; i++)
    json_stage(json, &calibration->stages[i]);
  slip_json_array_end(json);
}
