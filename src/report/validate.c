/* A validation as tables and as JSON, and what its forms share. */
#include "report/validate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

static const char *const key_names[SLIP_GROUP_KEYS] = {
    [SLIP_BY_ALL] = "all",           [SLIP_BY_CHIP] = "chip",   [SLIP_BY_MODEL] = "model",
    [SLIP_BY_SOURCE] = "source",     [SLIP_BY_PHASE] = "phase", [SLIP_BY_STACK] = "stack",
    [SLIP_BY_QUANTITY] = "quantity",
};

static const char *const kind_names[SLIP_ROW_KINDS] = {
    [SLIP_ROW_TRAINING] = "training", [SLIP_ROW_SERVING] = "serving", [SLIP_ROW_KERNEL] = "kernels"};

const char *slip_group_key_name(slip_group_key key) {
  return (int)key >= 0 && key < SLIP_GROUP_KEYS ? key_names[key] : "";
}

slip_group_key slip_group_key_parse(const char *name) {
  int key = SLIP_BY_ALL;
  while (key < SLIP_GROUP_KEYS && strcmp(key_names[key], name) != 0)
    key++;
  return (slip_group_key)key;
}

const char *slip_row_kind_name(slip_row_kind kind) {
  return (int)kind >= 0 && kind < SLIP_ROW_KINDS ? kind_names[kind] : "";
}

/* ---- counts, reasons, order ---- */

slip_validation_counts slip_validation_count_all(const slip_validation *validation) {
  slip_validation_counts counts = {0};
  const slip_checked *last = NULL;
  bool last_scored = false;
  counts.quantities = slip_validation_count(validation);
  for (size_t i = 0; i < counts.quantities; i++) {
    const slip_checked *row = slip_validation_row(validation, i);
    if (last == NULL || row->line != last->line || row->file != last->file) {
      counts.rows++;
      last_scored = false;
    }
    counts.rows_scored += row->scored && !last_scored;
    counts.scored += row->scored;
    last_scored = last_scored || row->scored;
    last = row;
  }
  return counts;
}

static int by_text(const void *a, const void *b) {
  const slip_reason *left = a, *right = b;
  const int order = strcmp(left->text, right->text);
  return order != 0 ? order : (left->first > right->first) - (left->first < right->first);
}

static int by_count(const void *a, const void *b) {
  const slip_reason *left = a, *right = b;
  if (left->count != right->count)
    return left->count < right->count ? 1 : -1;
  return (left->first > right->first) - (left->first < right->first);
}

slip_reason *slip_validation_reasons(const slip_validation *validation, size_t *count) {
  const size_t all = slip_validation_count(validation);
  slip_reason *reasons = slip_memory_resize(NULL, (all + 1) * sizeof *reasons);
  size_t n = 0, groups = 0;
  *count = 0;
  if (reasons == NULL)
    return NULL;
  for (size_t i = 0; i < all; i++) {
    const slip_checked *row = slip_validation_row(validation, i);
    if (!row->scored)
      reasons[n++] = (slip_reason){row->reason, 1, i};
  }
  qsort(reasons, n, sizeof *reasons, by_text);
  for (size_t i = 0; i < n; i++) {
    if (groups > 0 && strcmp(reasons[groups - 1].text, reasons[i].text) == 0)
      reasons[groups - 1].count++;
    else
      reasons[groups++] = reasons[i];
  }
  qsort(reasons, groups, sizeof *reasons, by_count);
  *count = groups;
  return reasons;
}

typedef struct ranked {
  double off; /* |ln(predicted / measured)|; -1 not scored */
  size_t i;
} ranked;

static int by_off(const void *a, const void *b) {
  const ranked *left = a, *right = b;
  if (left->off < right->off || left->off > right->off)
    return left->off < right->off ? 1 : -1;
  return (left->i > right->i) - (left->i < right->i);
}

size_t *slip_validation_worst(const slip_validation *validation, size_t *scored) {
  const size_t all = slip_validation_count(validation);
  ranked *order = slip_memory_resize(NULL, (all + 1) * sizeof *order);
  size_t *worst = slip_memory_resize(NULL, (all + 1) * sizeof *worst);
  *scored = 0;
  if (order == NULL || worst == NULL) {
    free(order);
    free(worst);
    return NULL;
  }
  for (size_t i = 0; i < all; i++) {
    const slip_checked *row = slip_validation_row(validation, i);
    order[i] = (ranked){row->scored ? fabs(log(row->predicted / row->measured)) : -1.0, i};
    *scored += row->scored;
  }
  qsort(order, all, sizeof *order, by_off);
  for (size_t i = 0; i < all; i++)
    worst[i] = order[i].i;
  free(order);
  return worst;
}

/* ---- summaries ---- */

enum { SUMMARY_COLUMNS = 9 };

/* "12.3%", "-" for nothing. */
static void percent_cell(slip_table *table, double share) {
  if (isnan(share))
    slip_table_cell(table, "-");
  else
    slip_table_printf(table, "%.1f%%", share * 100);
}

static void add_summary(slip_table *table, const char *label, const slip_summary *s) {
  slip_table_cell(table, label);
  slip_table_printf(table, "%zu", s->scored);
  slip_table_printf(table, "%zu", s->skipped);
  percent_cell(table, s->median_error);
  percent_cell(table, s->p90_error);
  percent_cell(table, isnan(s->bias) ? NAN : expm1(s->bias));
  if (isnan(s->rank_correlation))
    slip_table_cell(table, "-");
  else
    slip_table_printf(table, "%.3f", s->rank_correlation);
  percent_cell(table, s->coverage);
  percent_cell(table, isnan(s->spread80) ? NAN : expm1(s->spread80));
}

/* One line per group of the kind, indented when `label` stands above them. */
static void add_groups(slip_table *table, const slip_validation *validation, slip_row_kind kind, slip_group_key key,
                       slip_text *out) {
  size_t count = 0;
  const size_t most = slip_validation_count(validation);
  slip_summary *groups = slip_memory_resize(NULL, (most + 1) * sizeof *groups);
  if (groups == NULL || slip_validation_summarise(validation, kind, key, groups, most, &count, NULL) != SLIP_OK) {
    out->failed = true;
    count = 0;
  }
  for (size_t i = 0; i < count; i++) {
    slip_text label = {0};
    slip_text_printf(&label, "%s%s", key == SLIP_BY_ALL ? "" : "  ",
                     key == SLIP_BY_ALL           ? slip_row_kind_name(kind)
                     : groups[i].group[0] == '\0' ? "(none)"
                                                  : groups[i].group);
    out->failed = out->failed || label.failed;
    add_summary(table, label.failed ? "" : label.data, &groups[i]);
    slip_text_free(&label);
  }
  free(groups);
}

static slip_table *open_summary(const char *first) {
  slip_table *table = slip_table_open(SUMMARY_COLUMNS);
  static const char *const heads[SUMMARY_COLUMNS - 1] = {"scored", "not",  "median", "p90",
                                                         "bias",   "rank", "in 80%", "spread80"};
  for (size_t i = 1; i < SUMMARY_COLUMNS; i++)
    slip_table_right(table, i);
  slip_table_cell(table, first);
  for (size_t i = 0; i < SUMMARY_COLUMNS - 1; i++)
    slip_table_cell(table, heads[i]);
  slip_table_heading(table);
  return table;
}

/* What the default summary splits each kind by. */
static const struct {
  slip_row_kind kind;
  slip_group_key keys[2];
} splits[] = {
    {SLIP_ROW_TRAINING, {SLIP_BY_QUANTITY, SLIP_BY_ALL}},
    {SLIP_ROW_SERVING, {SLIP_BY_PHASE, SLIP_BY_QUANTITY}},
    {SLIP_ROW_KERNEL, {SLIP_BY_MODEL, SLIP_BY_ALL}}, /* of kernels the operator */
};

static void add_reasons(const slip_validation *validation, const slip_style *style, slip_text *out) {
  enum { MOST = 12 };
  size_t count = 0;
  slip_reason *reasons = slip_validation_reasons(validation, &count);
  out->failed = out->failed || reasons == NULL;
  if (reasons != NULL && count > 0) {
    slip_table *table = slip_table_open(2);
    slip_table_right(table, 0);
    for (size_t i = 0; i < count && i < MOST; i++) {
      slip_table_printf(table, "%zu", reasons[i].count);
      slip_table_cell(table, reasons[i].text);
    }
    slip_text_add(out, "\nnot scored, by reason\n");
    slip_table_write(table, style, out);
    slip_table_free(table);
    if (count > MOST)
      slip_text_printf(out, "and %zu more reasons: --rows or --json lists every row\n", count - MOST);
  }
  free(reasons);
}

void slip_report_validation(const slip_validation *validation, slip_group_key by, const slip_style *style,
                            slip_text *out) {
  const slip_validation_counts counts = slip_validation_count_all(validation);
  slip_text_printf(out, "%zu of %zu rows scored, in %zu quantities\n\n", counts.rows_scored, counts.rows,
                   counts.scored);
  slip_table *table = open_summary("kind");
  for (size_t i = 0; i < sizeof splits / sizeof *splits; i++) {
    add_groups(table, validation, splits[i].kind, SLIP_BY_ALL, out);
    for (size_t k = 0; k < 2 && splits[i].keys[k] != SLIP_BY_ALL; k++)
      add_groups(table, validation, splits[i].kind, splits[i].keys[k], out);
  }
  slip_table_write(table, style, out);
  slip_table_free(table);
  if (by != SLIP_BY_ALL) {
    slip_text_add(out, "\n");
    table = open_summary(slip_group_key_name(by));
    for (int kind = 0; kind < SLIP_ROW_KINDS; kind++) {
      add_groups(table, validation, (slip_row_kind)kind, SLIP_BY_ALL, out);
      add_groups(table, validation, (slip_row_kind)kind, by, out);
    }
    slip_table_write(table, style, out);
    slip_table_free(table);
  }
  slip_text_add(out,
                "\nmedian, p90: of |predicted / measured - 1|; bias: median of predicted / measured, less 1; rank: "
                "Spearman; in 80%: measured\nwithin the 80% interval; spread80: what 80% of the rows are within\n");
  add_reasons(validation, style, out);
}

/* ---- rows ---- */

static void add_row(slip_table *table, const slip_checked *row) {
  if (row->id[0] != '\0')
    slip_table_cell(table, row->id);
  else
    slip_table_printf(table, "line %d", row->line);
  slip_table_cell(table, row->phase);
  slip_table_cell(table, row->chip);
  slip_table_cell(table, row->model);
  slip_table_cell(table, row->quantity);
  if (isnan(row->measured))
    slip_table_cell(table, "-");
  else
    slip_table_printf(table, "%.4g", row->measured);
  if (row->scored) {
    slip_table_printf(table, "%.4g", row->predicted);
    slip_table_printf(table, "%+.1f%%", slip_checked_error(row) * 100);
    slip_table_printf(table, "[%.4g, %.4g]", row->lo, row->hi);
    slip_table_cell(table, row->inferred);
  } else {
    slip_table_cell(table, "-");
    slip_table_cell(table, "-");
    slip_table_cell(table, "-");
    slip_table_printf(table, "%s:%d: %s", row->file, row->line, row->reason);
  }
}

void slip_report_validation_rows(const slip_validation *validation, size_t worst, const slip_style *style,
                                 slip_text *out) {
  static const char *const heads[] = {"row",      "phase",     "chip",  "model",    "quantity",
                                      "measured", "predicted", "error", "interval", "remark"};
  enum { COLUMNS = sizeof heads / sizeof *heads, REMARK = 60 };
  size_t scored = 0, n = slip_validation_count(validation);
  size_t *order = worst > 0 ? slip_validation_worst(validation, &scored) : NULL;
  out->failed = out->failed || (worst > 0 && order == NULL);
  slip_table *table = slip_table_open(COLUMNS);
  slip_table_widest(table, REMARK);
  for (size_t i = 5; i < 9; i++)
    slip_table_right(table, i);
  for (size_t i = 0; i < COLUMNS; i++)
    slip_table_cell(table, heads[i]);
  slip_table_heading(table);
  if (worst > 0)
    n = order == NULL ? 0 : worst < scored ? worst : scored;
  for (size_t i = 0; i < n; i++)
    add_row(table, slip_validation_row(validation, order != NULL ? order[i] : i));
  slip_table_write(table, style, out);
  slip_table_free(table);
  free(order);
}

/* ---- JSON ---- */

static void json_row(slip_json *json, const slip_checked *row) {
  slip_json_object(json, NULL);
  slip_json_string(json, "id", row->id);
  slip_json_string(json, "phase", row->phase);
  slip_json_string(json, "chip", row->chip);
  slip_json_string(json, "source", row->source);
  slip_json_string(json, "quantity", row->quantity);
  slip_json_double(json, "measured", row->measured);
  slip_json_double(json, "predicted", row->predicted);
  slip_json_double(json, "error_pct", row->scored ? slip_checked_error(row) * 100 : NAN);
  slip_json_double(json, "lo", row->lo);
  slip_json_double(json, "hi", row->hi);
  slip_json_string(json, "status", row->scored ? "ok" : "skipped");
  slip_json_string(json, "reason", row->reason);
  slip_json_string(json, "model", row->model);
  slip_json_string(json, "stack", row->stack);
  slip_json_string(json, "unit", row->unit);
  slip_json_string(json, "family", row->family);
  slip_json_string(json, "inferred", row->inferred);
  slip_json_string(json, "file", row->file);
  slip_json_int(json, "line", row->line);
  slip_json_object_end(json);
}

static void json_summary(slip_json *json, const char *key, const slip_summary *s) {
  slip_json_object(json, key);
  if (key == NULL)
    slip_json_string(json, "group", s->group);
  slip_json_int(json, "scored", (int64_t)s->scored);
  slip_json_int(json, "skipped", (int64_t)s->skipped);
  slip_json_double(json, "median_error", s->median_error);
  slip_json_double(json, "p90_error", s->p90_error);
  slip_json_double(json, "bias", s->bias);
  slip_json_double(json, "rank_correlation", s->rank_correlation);
  slip_json_double(json, "coverage", s->coverage);
  slip_json_double(json, "spread80", s->spread80);
  slip_json_object_end(json);
}

static void json_groups(slip_json *json, const slip_validation *validation, slip_row_kind kind,
                        slip_group_key key) {
  const size_t most = slip_validation_count(validation);
  slip_summary *groups = slip_memory_resize(NULL, (most + 1) * sizeof *groups);
  size_t count = 0;
  if (groups == NULL || slip_validation_summarise(validation, kind, key, groups, most, &count, NULL) != SLIP_OK) {
    json->out->failed = true;
    count = 0;
  }
  const char *name = kind < SLIP_ROW_KINDS ? slip_row_kind_name(kind) : "all";
  if (key == SLIP_BY_ALL) {
    const slip_summary none = {.group = "all",
                               .median_error = NAN,
                               .p90_error = NAN,
                               .bias = NAN,
                               .rank_correlation = NAN,
                               .coverage = NAN,
                               .spread80 = NAN};
    json_summary(json, name, count > 0 ? &groups[0] : &none);
  } else {
    slip_json_array(json, name);
    for (size_t i = 0; i < count; i++)
      json_summary(json, NULL, &groups[i]);
    slip_json_array_end(json);
  }
  free(groups);
}

void slip_json_validation(slip_json *json, const slip_validation *validation, slip_group_key by) {
  const slip_validation_counts counts = slip_validation_count_all(validation);
  slip_json_array(json, "rows");
  for (size_t i = 0; i < counts.quantities; i++)
    json_row(json, slip_validation_row(validation, i));
  slip_json_array_end(json);
  slip_json_object(json, "summary");
  slip_json_int(json, "rows", (int64_t)counts.rows);
  slip_json_int(json, "rows_scored", (int64_t)counts.rows_scored);
  for (int kind = 0; kind <= SLIP_ROW_KINDS; kind++)
    json_groups(json, validation, (slip_row_kind)kind, SLIP_BY_ALL);
  if (by != SLIP_BY_ALL) {
    slip_json_object(json, "groups");
    slip_json_string(json, "by", slip_group_key_name(by));
    for (int kind = 0; kind < SLIP_ROW_KINDS; kind++)
      json_groups(json, validation, (slip_row_kind)kind, by);
    slip_json_object_end(json);
  }
  slip_json_object_end(json);
}
