/* Fronts and verdicts for people and for programs. */
#ifndef SLIP_REPORT_FRONT_H
#define SLIP_REPORT_FRONT_H

#include "base/json.h"
#include "report/table.h"
#include <slipstick/search.h>

void slip_report_train_front(const slip_train_point *points, size_t count, const slip_style *style, slip_text *out);
void slip_report_serve_front(const slip_serve_point *points, size_t count, bool open_fleet, const slip_style *style,
                             slip_text *out);
/* How many plans were looked at, as a sentence. */
void slip_report_search(const slip_search_stats *stats, const slip_style *style, slip_text *out);
/* Rules with a mark for each that is broken, and its reason. */
void slip_report_verdicts(const slip_plan_verdict *verdicts, int count, const slip_style *style, slip_text *out);

/* Each writes an array under `key`. */
void slip_json_train_front(slip_json *json, const char *key, const slip_train_point *points, size_t count);
void slip_json_serve_front(slip_json *json, const char *key, const slip_serve_point *points, size_t count);
void slip_json_verdicts(slip_json *json, const char *key, const slip_plan_verdict *verdicts, int count);

#endif
