/* Estimates for people and for programs: the summary of a training or serving estimate, its parts, the tree behind
 * it, and the comparison's table; each also as JSON (docs/json.md). All write into a slip_text or a slip_json;
 * nothing prints. */
#ifndef SLIP_REPORT_ESTIMATE_H
#define SLIP_REPORT_ESTIMATE_H

#include "base/json.h"
#include "report/table.h"
#include <slipstick/compare.h>

/* What an estimate is of, for headings. */
typedef struct slip_train_report {
  const slip_train_job *job;
  const slip_train_result *result;
  const slip_search_stats *stats; /* NULL: the plan was given */
} slip_train_report;

typedef struct slip_serve_report {
  const slip_serve_job *job, *decode_job; /* decode_job NULL: one system */
  slip_dtype weights, compute, kv;
  slip_dtype decode_weights, decode_compute, decode_kv; /* with two systems */
  const slip_serve_result *result;
  const slip_search_stats *stats;
} slip_serve_report;

/* ---- text ---- */

void slip_report_train(const slip_train_report *report, const slip_style *style, slip_text *out);
void slip_report_serve(const slip_serve_report *report, const slip_style *style, slip_text *out);
/* What fills a rank's memory, also of a plan that does not fit. */
void slip_report_train_memory(const slip_train_memory *memory, const slip_style *style, slip_text *out);
/* The tree of slip_train_explain or slip_serve_explain: time, share of the root, what bound it, note. */
void slip_report_why(const slip_why *why, size_t count, const slip_style *style, slip_text *out);
void slip_report_compare(const slip_compare_job *job, const slip_compare_column *columns, size_t n,
                         const slip_style *style, slip_text *out);

/* ---- JSON ---- */

/* NAN gives null and a sibling "KEY_why" with the reason, when there is one. */
void slip_json_answer(slip_json *json, const char *key, const slip_answer *answer);
/* Each writes an object under `key` (NULL inside arrays). */
void slip_json_train(slip_json *json, const char *key, const slip_train_result *result);
void slip_json_train_memory(slip_json *json, const char *key, const slip_train_memory *memory);
void slip_json_serve(slip_json *json, const char *key, const slip_serve_result *result);
void slip_json_search(slip_json *json, const char *key, const slip_search_stats *stats);
/* An array of lines with the index of their parent. */
void slip_json_why(slip_json *json, const char *key, const slip_why *why, size_t count);
/* "model", "systems" and the job, inside the object that is open. */
void slip_json_compare(slip_json *json, const slip_compare_job *job, const slip_compare_column *columns, size_t n);

/* ---- shared by the two ---- */

/* "prefill PLAN", "decode PLAN" or the one plan of both. */
enum { SLIP_PLAN_TEXT = 192 };
const char *slip_report_plan(const slip_serve_plan *plan, char out[SLIP_PLAN_TEXT]);
/* What bounds the whole of a serving estimate: the decode step's parts, except when prefill takes more of the
 * chips. */
const double *slip_report_serve_parts(const slip_serve_result *result);

#endif
