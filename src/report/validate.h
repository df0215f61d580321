/* A validation for people and programs: tables, JSON, the Markdown of docs/accuracy.md and a scatter plot (SVG). */
#ifndef SLIP_REPORT_VALIDATE_H
#define SLIP_REPORT_VALIDATE_H

#include "base/json.h"
#include "report/table.h"
#include <slipstick/validate.h>

/* "chip", "model", ... as --by takes it; "all" for SLIP_BY_ALL. SLIP_GROUP_KEYS when unknown. */
const char *slip_group_key_name(slip_group_key key);
slip_group_key slip_group_key_parse(const char *name);
/* "training", "serving", "kernels". */
const char *slip_row_kind_name(slip_row_kind kind);

/* Rows and quantities, done and left out. */
typedef struct slip_validation_counts {
  size_t rows, rows_scored; /* of the tables; a row is scored when one of its quantities is */
  size_t quantities, scored;
} slip_validation_counts;
slip_validation_counts slip_validation_count_all(const slip_validation *validation);

/* Why rows are not scored: one entry per reason, the commonest first. */
typedef struct slip_reason {
  const char *text;
  size_t count; /* quantities */
  size_t first; /* index of the first */
} slip_reason;
/* NULL when out of memory; free() it. */
slip_reason *slip_validation_reasons(const slip_validation *validation, size_t *count);
/* Indices of all rows, the scored ones first, those farthest off (by |ln|) leading. NULL when out of memory; free() it. */
size_t *slip_validation_worst(const slip_validation *validation, size_t *scored);

/* Summaries by kind, and by `by` unless it is SLIP_BY_ALL; then why rows are not scored. */
void slip_report_validation(const slip_validation *validation, slip_group_key by, const slip_style *style,
                            slip_text *out);
/* "in_sample", "folds", ... */
const char *slip_scheme_name(slip_scheme scheme);
/* Of a held-out validation: each class of rows under each scheme, and how many constants were fitted; as "held_out" in JSON. */
void slip_report_classes(const slip_validation *validation, const slip_style *style, slip_text *out);
void slip_markdown_classes(const slip_validation *validation, slip_text *out);
void slip_json_classes(slip_json *json, const slip_validation *validation);
/* Every row, or the `worst` ones when that is > 0. */
void slip_report_validation_rows(const slip_validation *validation, size_t worst, const slip_style *style,
                                 slip_text *out);
/* "rows" and "summary" inside the object that is open. */
void slip_json_validation(slip_json *json, const slip_validation *validation, slip_group_key by);
/* The body of docs/accuracy.md; of a held-out validation with classes of rows, folds and unseen families beside what is in sample. */
void slip_markdown_validation(const slip_validation *validation, slip_text *out);
/* Predicted against measured, both axes logarithmic, each point in its row's unit. */
void slip_svg_validation(const slip_validation *validation, slip_text *out);

#endif
