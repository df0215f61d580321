/* A calibration as a table and as JSON. */
#include "report/calibrate.h"

#include <math.h>
#include <string.h>

#include "report/number.h"

static const slip_field *field_of(const slip_fitted *f) {
  size_t n;
  const slip_field *fields = slip_kind_fields(SLIP_KIND_STACK, &n);
  for (size_t i = 0; i < n; i++)
    if (strcmp(fields[i].name, f->constant->field) == 0)
      return &fields[i];
  return NULL;
}

/* In the unit of the field's name. */
static double shown(const slip_fitted *f, double value) {
  const slip_field *field = field_of(f);
  return field != NULL ? value * field->divide / field->multiply : value;
}

static const char *scale_of(const slip_fitted *f) {
  return f->constant->transform == SLIP_LOG ? "ln" : "logit";
}

static const char *const fold_names[] = {[SLIP_FOLDS_NONE] = "",
                                         [SLIP_FOLDS_ROWS] = "rows",
                                         [SLIP_FOLDS_GROUPS] = "groups",
                                         [SLIP_FOLDS_MIXED] = "mixed"};
static const char *const fold_texts[] = {[SLIP_FOLDS_NONE] = "",
                                         [SLIP_FOLDS_ROWS] = "each row left out once",
                                         [SLIP_FOLDS_GROUPS] = "five folds by chip and model",
                                         [SLIP_FOLDS_MIXED] = "five folds of rows"};

/* ---- for people ---- */

static void add_constants(const slip_calibration *c, const slip_style *style, slip_text *out) {
  static const char *const heads[] = {"constant", "before", "after", "prior sd", "posterior sd", "of"};
  enum { COLUMNS = sizeof heads / sizeof *heads };
  slip_table *table = slip_table_open(COLUMNS);
  char cell[SLIP_CELL_SIZE];
  for (size_t i = 1; i < COLUMNS - 1; i++)
    slip_table_right(table, i);
  for (size_t i = 0; i < COLUMNS; i++)
    slip_table_cell(table, heads[i]);
  slip_table_heading(table);
  for (size_t i = 0; i < c->n_constants; i++) {
    const slip_fitted *f = &c->constants[i];
    slip_table_cell(table, f->constant->field);
    slip_table_cell(table, slip_number_plain(cell, shown(f, f->before)));
    slip_table_cell(table, slip_number_plain(cell, shown(f, f->after)));
    if (f->free) {
      slip_table_printf(table, "%.3f", f->prior_sd);
      slip_table_printf(table, "%.3f", f->posterior_sd);
      slip_table_cell(table, scale_of(f));
    } else {
      slip_table_cell(table, "-");
      slip_table_cell(table, "-");
      slip_table_cell(table, "stays: not in this stack, or no row depends on it");
    }
  }
  slip_table_write(table, style, out);
  slip_table_free(table);
}

static void add_errors(const slip_calibration *c, const slip_style *style, slip_text *out) {
  slip_table *table = slip_table_open(4);
  for (size_t i = 1; i < 4; i++)
    slip_table_right(table, i);
  static const char *const heads[] = {"error", "median", "p90", "interval"};
  for (size_t i = 0; i < 4; i++)
    slip_table_cell(table, heads[i]);
  slip_table_heading(table);
  const struct {
    const char *name;
    slip_fit_errors errors;
    double spread;
  } lines[] = {{"before", c->before, c->spread_before},
               {"after, on the rows fitted", c->after, c->spread_after},
               {"after, on rows not seen", c->crossed, NAN}};
  for (size_t i = 0; i < (c->folds != SLIP_FOLDS_NONE ? 3 : 2); i++) {
    slip_table_cell(table, lines[i].name);
    slip_table_printf(table, "%.1f%%", 100 * lines[i].errors.median);
    slip_table_printf(table, "%.1f%%", 100 * lines[i].errors.p90);
    if (isnan(lines[i].spread))
      slip_table_cell(table, "");
    else
      slip_table_printf(table, "x or / %.3f", exp(lines[i].spread));
  }
  slip_table_write(table, style, out);
  slip_table_free(table);
}

static void add_left_out(const slip_calibration *c, const slip_style *style, slip_text *out) {
  if (c->n_left_out == 0)
    return;
  slip_table *table = slip_table_open(3);
  slip_text_printf(out, "\n%zu rows left out\n", c->n_left_out);
  for (size_t i = 0; i < c->n_left_out; i++) {
    slip_table_printf(table, "  line %d", c->left_out[i].line);
    slip_table_cell(table, c->left_out[i].id);
    slip_table_cell(table, c->left_out[i].reason);
  }
  slip_table_write(table, style, out);
  slip_table_free(table);
}

void slip_report_calibration(const slip_calibration *calibration, const slip_style *style, slip_text *out) {
  const slip_calibration *c = calibration;
  slip_safe_add(out, c->base->entry.title, false);
  slip_text_printf(out, " (%s)\n%zu free constants, %zu of %zu rows used, with %zu figures\n\n",
                   c->base->entry.name, c->n_free, c->rows_used, c->rows, c->figures);
  add_constants(c, style, out);
  slip_text_add(out, "\n");
  add_errors(c, style, out);
  if (c->folds != SLIP_FOLDS_NONE)
    slip_text_printf(out, "rows not seen: %s; the interval is that of the next prediction (80%%)\n",
                     fold_texts[c->folds]);
  else
    slip_text_add(out, "the interval is that of the next prediction (80%)\n");
  if (c->n_free >= c->rows_used)
    slip_paragraph(out, style, 2,
                   "As many constants as rows, or more: the priors hold what the rows do not tell apart; trust the "
                   "prediction of "
                   "cases like the rows, not the single constants.");
  add_left_out(c, style, out);
}

/* ---- JSON ---- */

static void json_errors(slip_json *json, const char *key, const slip_fit_errors *errors) {
  slip_json_object(json, key);
  slip_json_double(json, "median", errors->median);
  slip_json_double(json, "p90", errors->p90);
  slip_json_object_end(json);
}

static void json_constant(slip_json *json, const slip_fitted *f) {
  slip_json_object(json, NULL);
  slip_json_string(json, "field", f->constant->field);
  slip_json_bool(json, "free", f->free);
  slip_json_double(json, "before", shown(f, f->before));
  slip_json_double(json, "after", shown(f, f->after));
  slip_json_string(json, "transform", scale_of(f));
  slip_json_double(json, "prior_sd", f->free ? f->prior_sd : NAN);
  slip_json_double(json, "posterior_sd", f->free ? f->posterior_sd : NAN);
  slip_json_object_end(json);
}

void slip_json_calibration(slip_json *json, const slip_calibration *calibration) {
  const slip_calibration *c = calibration;
  slip_json_string(json, "stack", c->base->entry.name);
  slip_json_string(json, "kind", c->kind == SLIP_ROW_TRAINING ? "training" : "serving");
  slip_json_string(json, "file", c->file);
  slip_json_int(json, "rows", (int64_t)c->rows);
  slip_json_int(json, "rows_used", (int64_t)c->rows_used);
  slip_json_int(json, "figures", (int64_t)c->figures);
  slip_json_int(json, "free_constants", (int64_t)c->n_free);
  slip_json_bool(json, "converged", c->converged);
  slip_json_array(json, "constants");
  for (size_t i = 0; i < c->n_constants; i++)
    json_constant(json, &c->constants[i]);
  slip_json_array_end(json);
  json_errors(json, "error_before", &c->before);
  json_errors(json, "error_after", &c->after);
  if (c->folds != SLIP_FOLDS_NONE) {
    json_errors(json, "error_cross_validated", &c->crossed);
    slip_json_string(json, "folds", fold_names[c->folds]);
  }
  slip_json_double(json, "spread_before", c->spread_before);
  slip_json_double(json, "spread_after", c->spread_after);
  slip_json_array(json, "left_out");
  for (size_t i = 0; i < c->n_left_out; i++) {
    slip_json_object(json, NULL);
    slip_json_string(json, "id", c->left_out[i].id);
    slip_json_int(json, "line", c->left_out[i].line);
    slip_json_string(json, "reason", c->left_out[i].reason);
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
}
