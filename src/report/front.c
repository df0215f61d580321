/* Fronts as a table with a line for each plan that no other beats, and the verdict on one plan. */
#include "report/front.h"

#include <inttypes.h>
#include <math.h>

#include "report/estimate.h"
#include "report/number.h"

enum { PLAN_SIZE = 256 };

static void heading(slip_table *table, const char *const *names, size_t count) {
  for (size_t i = 0; i < count; i++) {
    slip_table_cell(table, names[i]);
    if (i + 1 < count)
      slip_table_right(table, i);
  }
  slip_table_heading(table);
}

static void close_table(slip_table *table, const slip_style *style, slip_text *out) {
  slip_table_write(table, style, out);
  slip_table_free(table);
}

void slip_report_train_front(const slip_train_point *points, size_t count, const slip_style *style,
                             slip_text *out) {
  static const char *const names[] = {"step", "tokens/s per chip", "memory", "chips", "$ per step", "format",
                                      "plan"};
  char text[SLIP_CELL_SIZE], plan[PLAN_SIZE];
  slip_table *table = slip_table_open(sizeof names / sizeof *names);
  heading(table, names, sizeof names / sizeof *names);
  for (size_t i = 0; i < count; i++) {
    const slip_train_result *r = &points[i].result;
    (void)slip_plan_format(&r->plan, plan, sizeof plan);
    slip_table_cell(table, slip_number_seconds(text, r->step_s));
    slip_table_cell(table, slip_number_plain(text, r->tokens_per_s_per_chip));
    slip_table_cell(table, slip_number_unit(text, r->memory.total, "B"));
    slip_table_printf(table, "%" PRId64, points[i].chips);
    slip_table_cell(table, slip_number_usd(text, points[i].usd_per_step));
    slip_table_cell(table, slip_dtype_name(r->dtype));
    slip_table_cell(table, plan);
  }
  close_table(table, style, out);
}

/* "prefill 2 x tp=1,pp=8 | decode 1 x tp=1,dp=32", or the one plan. */
static void add_ways(slip_table *table, const slip_serve_point *p) {
  char a[SLIP_PLAN_TEXT], b[SLIP_PLAN_TEXT];
  slip_serve_plan prefill = p->result.prefill.plan, decode = p->result.decode.plan;
  const int64_t n = prefill.instances, m = decode.instances;
  if (!p->result.disaggregated) {
    slip_table_cell(table, slip_report_plan(&decode, a));
    return;
  }
  prefill.disaggregated = decode.disaggregated = false;
  prefill.instances = decode.instances = 0;
  if (n > 0 && m > 0)
    slip_table_printf(table, "prefill %" PRId64 " x %s; decode %" PRId64 " x %s", n, slip_report_plan(&prefill, a),
                      m, slip_report_plan(&decode, b));
  else
    slip_table_printf(table, "prefill %s; decode %s", slip_report_plan(&prefill, a), slip_report_plan(&decode, b));
}

void slip_report_serve_front(const slip_serve_point *points, size_t count, bool open_fleet, const slip_style *style,
                             slip_text *out) {
  static const char *const names[] = {
      "tokens/s per chip", "tokens/s per user", "$/M tokens", "J/token", "TTFT", "chips", "drafts", "plan"};
  char text[SLIP_CELL_SIZE];
  slip_table *table = slip_table_open(sizeof names / sizeof *names);
  heading(table, names, sizeof names / sizeof *names);
  for (size_t i = 0; i < count; i++) {
    const slip_serve_result *r = &points[i].result;
    slip_table_cell(table, slip_number_plain(text, r->output_tokens_per_s_per_chip));
    slip_table_cell(table, slip_number_plain(text, 1 / r->tpot_s));
    slip_table_cell(table, slip_number_usd(text, points[i].usd_per_mtoken));
    slip_table_cell(table, slip_number_plain(text, points[i].joule_per_token));
    slip_table_cell(table, slip_number_seconds(text, r->ttft_s));
    if (open_fleet)
      slip_table_cell(table, "open");
    else
      slip_table_printf(table, "%" PRId64, points[i].chips);
    slip_table_cell(table, points[i].speculates ? "yes" : "no");
    add_ways(table, &points[i]);
  }
  close_table(table, style, out);
}

void slip_report_search(const slip_search_stats *stats, const slip_style *style, slip_text *out) {
  slip_text text = {0};
  slip_text_printf(&text,
                   "Of %" PRId64 " legal plans: %" PRId64 " evaluated, of which %" PRId64
                   " serve the purpose and fit; bounds ruled out the other %" PRId64 " (%" PRId64
                   " combinations break a rule).",
                   stats->legal, stats->evaluated, stats->feasible, stats->pruned, stats->illegal);
  slip_paragraph(out, style, 0, text.data != NULL ? text.data : "");
  out->failed = out->failed || text.failed;
  slip_text_free(&text);
}

void slip_report_verdicts(const slip_plan_verdict *verdicts, int count, const slip_style *style, slip_text *out) {
  slip_table *table = slip_table_open(4);
  static const char *const names[] = {"rule", "", "because", "what breaks it"};
  for (int i = 0; i < 4; i++)
    slip_table_cell(table, names[i]);
  slip_table_heading(table);
  for (int i = 0; i < count; i++) {
    slip_table_cell(table, verdicts[i].rule);
    slip_table_cell(table, verdicts[i].kept ? "kept" : "BROKEN");
    slip_table_cell(table, verdicts[i].reason);
    slip_table_cell(table, verdicts[i].numbers);
  }
  close_table(table, style, out);
}

/* ---- JSON ---- */

void slip_json_train_front(slip_json *json, const char *key, const slip_train_point *points, size_t count) {
  slip_json_array(json, key);
  for (size_t i = 0; i < count; i++) {
    slip_json_object(json, NULL);
    slip_json_int(json, "chips", points[i].chips);
    slip_json_double(json, "usd_per_step", points[i].usd_per_step);
    slip_json_train(json, "result", &points[i].result);
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
}

void slip_json_serve_front(slip_json *json, const char *key, const slip_serve_point *points, size_t count) {
  slip_json_array(json, key);
  for (size_t i = 0; i < count; i++) {
    slip_json_object(json, NULL);
    slip_json_int(json, "chips", points[i].chips);
    slip_json_bool(json, "drafts", points[i].speculates);
    slip_json_double(json, "tokens_per_s_per_user", 1 / points[i].result.tpot_s);
    slip_json_double(json, "usd_per_mtoken", points[i].usd_per_mtoken);
    slip_json_double(json, "joule_per_token", points[i].joule_per_token);
    slip_json_serve(json, "result", &points[i].result);
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
}

void slip_json_verdicts(slip_json *json, const char *key, const slip_plan_verdict *verdicts, int count) {
  slip_json_array(json, key);
  for (int i = 0; i < count; i++) {
    slip_json_object(json, NULL);
    slip_json_string(json, "rule", verdicts[i].rule);
    slip_json_bool(json, "kept", verdicts[i].kept);
    slip_json_string(json, "reason", verdicts[i].reason);
    slip_json_string(json, "broken_by", verdicts[i].kept ? NULL : verdicts[i].numbers);
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
}
