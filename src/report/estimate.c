/* One estimate for people: first the answer, then how sure, then why. */
#include "report/estimate.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "report/number.h"

const char *slip_report_plan(const slip_serve_plan *plan, char out[SLIP_PLAN_TEXT]) {
  (void)slip_serve_plan_format(plan, out, SLIP_PLAN_TEXT);
  return out;
}

const double *slip_report_serve_parts(const slip_serve_result *result) {
  const bool prefill = result->disaggregated && result->prefill.chips_share > result->decode.chips_share;
  return prefill ? result->prefill.step.parts : result->decode.step.parts;
}

static void two_columns(slip_table *table, const char *label, const char *text) {
  slip_table_cell(table, label);
  slip_table_cell(table, text);
}

static void write_and_free(slip_table *table, const slip_style *style, slip_text *out) {
  slip_table_write(table, style, out);
  slip_table_free(table);
}

/* ---- parts ---- */

/* The parts that take time, largest first, with their share. */
static void add_parts(const double parts[SLIP_PARTS], double total, const slip_style *style, slip_text *out) {
  char a[SLIP_CELL_SIZE], b[SLIP_CELL_SIZE];
  bool done[SLIP_PARTS] = {false};
  slip_table *table = slip_table_open(3);
  slip_table_right(table, 1);
  slip_table_right(table, 2);
  for (;;) {
    int largest = -1;
    for (int i = 0; i < SLIP_PARTS; i++)
      if (!done[i] && parts[i] > 0 && (largest < 0 || parts[i] > parts[largest]))
        largest = i;
    if (largest < 0)
      break;
    done[largest] = true;
    slip_table_printf(table, "  %s", slip_part_name((slip_part)largest));
    slip_table_cell(table, slip_number_unit(a, parts[largest], "s"));
    slip_table_cell(table, slip_number_percent(b, parts[largest] / total));
  }
  slip_table_cell(table, "  total");
  slip_table_cell(table, slip_number_unit(a, total, "s"));
  slip_table_end_row(table);
  write_and_free(table, style, out);
}

static void add_bytes(slip_text *out, const char *name, double bytes) {
  char text[SLIP_CELL_SIZE];
  if (bytes != 0)
    slip_text_printf(out, "%s%s %s", out->length > 0 ? ", " : "", name, slip_number_unit(text, bytes, "B"));
}

static void add_paragraph(slip_text *out, const slip_style *style, const char *label, slip_text *text) {
  slip_text line = {0};
  slip_text_printf(&line, "%s%s", label, text->data != NULL ? text->data : "");
  slip_paragraph(out, style, 4, line.data != NULL ? line.data : "");
  out->failed = out->failed || text->failed || line.failed;
  slip_text_free(&line);
  slip_text_free(text);
}

void slip_report_train_memory(const slip_train_memory *m, const slip_style *style, slip_text *out) {
  char total[SLIP_CELL_SIZE], capacity[SLIP_CELL_SIZE];
  slip_text text = {0};
  add_bytes(&text, "weights", m->weights);
  add_bytes(&text, "gradients", m->gradients);
  add_bytes(&text, "optimizer", m->optimizer);
  add_bytes(&text, "activations", m->activations);
  add_bytes(&text, "buffers", m->buffers);
  slip_text head = {0};
  slip_text_printf(&head, "memory per rank, fullest stage (%" PRId64 "): %s of %s usable: ", m->stage,
                   slip_number_unit(total, m->total, "B"), slip_number_unit(capacity, m->capacity, "B"));
  add_paragraph(out, style, head.data != NULL ? head.data : "", &text);
  slip_text_free(&head);
}

static void add_search(slip_text *out, const slip_style *style, const slip_search_stats *stats) {
  slip_text text = {0};
  if (stats == NULL)
    return;
  slip_text_printf(&text,
                   "Best of %" PRId64 " legal plans: %" PRId64 " evaluated, of which %" PRId64
                   " serve the purpose and fit; bounds ruled out the other %" PRId64 " (%" PRId64
                   " combinations break a rule).",
                   stats->legal, stats->evaluated, stats->feasible, stats->pruned, stats->illegal);
  add_paragraph(out, style, "", &text);
}

static const char closing[] =
    "Intervals: 80%, from the spread that the stack's file states (docs/accuracy.md). Why: --explain. Sources: "
    "slipstick show NAME, for the stack slipstick show ";

static void add_closing(slip_text *out, const slip_style *style, const slip_stack *stack) {
  slip_text text = {0};
  slip_text_printf(&text, "%s%s.", closing, stack->entry.name);
  add_paragraph(out, style, "", &text);
}

/* ---- training ---- */

static void add_title(slip_text *out, const slip_style *style, const slip_model *model, const slip_system *system,
                      const char *rest) {
  slip_text text = {0};
  slip_text_printf(&text, "%s on %s, %s", model->entry.title, system->entry.title, rest);
  slip_text_add(out, style->colour ? "\033[1m" : "");
  slip_paragraph(out, style, 2, text.data != NULL ? text.data : "");
  slip_text_add(out, style->colour ? "\033[0m" : "");
  out->failed = out->failed || text.failed;
  slip_text_free(&text);
}

void slip_report_train(const slip_train_report *report, const slip_style *style, slip_text *out) {
  const slip_train_result *r = report->result;
  const slip_train_job *job = report->job;
  const double tokens = r->tokens_per_s_per_chip * r->step_s;
  char text[SLIP_WHY_SIZE], a[SLIP_CELL_SIZE], b[SLIP_CELL_SIZE], c[SLIP_CELL_SIZE];
  slip_text rest = {0};
  slip_text_printf(&rest, "%" PRId64 " chips: training, seq %" PRId64 ", batch %" PRId64 ", %s", job->chips,
                   job->seq, job->batch, slip_dtype_name(r->dtype));
  if (r->dtype != job->dtype)
    slip_text_printf(&rest, " (the chip has no %s)", slip_dtype_name(job->dtype));
  add_title(out, style, job->model, job->system, rest.data != NULL ? rest.data : "");
  slip_text_free(&rest);
  slip_text_add(out, "\n");

  slip_table *table = slip_table_open(2);
  (void)slip_plan_format(&r->plan, text, sizeof text);
  two_columns(table, "plan", text);
  two_columns(table, "tokens/s per chip",
              slip_number_interval(a, r->tokens_per_s_per_chip, tokens / r->step_high_s, tokens / r->step_low_s));
  two_columns(table, "tokens/s", slip_number_plain(a, r->tokens_per_s));
  slip_table_cell(table, "step");
  slip_table_printf(table, "%s [%s, %s]", slip_number_seconds(a, r->step_s), slip_number_seconds(b, r->step_low_s),
                    slip_number_seconds(c, r->step_high_s));
  slip_table_cell(table, "micro-batches");
  slip_table_printf(table, "%" PRId64, r->micro_batches);
  two_columns(table, "MFU, of the format's peak", slip_number_percent(a, r->mfu));
  two_columns(table, "power, average",
              isnan(r->system_power_w) ? "- (the system's power is not published)"
                                       : slip_number_unit(a, r->system_power_w, "W"));
  (void)slip_bound_text(r->parts, text, sizeof text);
  two_columns(table, "bound by", text);
  write_and_free(table, style, out);
  slip_text_add(out, "\nthe step's time\n");
  add_parts(r->parts, r->step_s, style, out);
  slip_text_add(out, "\n");
  slip_report_train_memory(&r->memory, style, out);
  add_search(out, style, report->stats);
  add_closing(out, style, job->stack);
}

/* ---- serving ---- */

static void add_pool(const char *name, const slip_pool *pool, const slip_style *style, slip_text *out) {
  char a[SLIP_CELL_SIZE], b[SLIP_CELL_SIZE];
  slip_text_printf(out, "\n%s: a step's time\n", name);
  add_parts(pool->step.parts, pool->step.seconds, style, out);
  slip_text text = {0};
  add_bytes(&text, "weights", pool->memory.weights);
  add_bytes(&text, "KV cache", pool->memory.kv_cache);
  add_bytes(&text, "buffers", pool->memory.buffers);
  slip_text head = {0};
  slip_text_printf(&head, "memory per rank: %s of %s: ", slip_number_unit(a, pool->memory.total, "B"),
                   slip_number_unit(b, pool->memory.capacity, "B"));
  add_paragraph(out, style, head.data != NULL ? head.data : "", &text);
  slip_text_free(&head);
}

static void add_formats(slip_table *table, const char *label, slip_dtype weights, slip_dtype compute,
                        slip_dtype kv) {
  slip_table_cell(table, label);
  slip_table_printf(table, "weights %s, compute %s, KV cache %s", slip_dtype_name(weights),
                    slip_dtype_name(compute), slip_dtype_name(kv));
}

static void add_serve_rows(slip_table *table, const slip_serve_report *report) {
  const slip_serve_result *r = report->result;
  char text[SLIP_WHY_SIZE], plan[SLIP_PLAN_TEXT], a[SLIP_CELL_SIZE], b[SLIP_CELL_SIZE], c[SLIP_CELL_SIZE];
  two_columns(table, r->disaggregated ? "prefill plan" : "plan", slip_report_plan(&r->prefill.plan, plan));
  if (r->disaggregated) {
    two_columns(table, "decode plan", slip_report_plan(&r->decode.plan, plan));
    slip_table_cell(table, "chips, prefill : decode");
    slip_table_printf(table, "%s : %s", slip_number_percent(a, r->prefill.chips_share),
                      slip_number_percent(b, r->decode.chips_share));
  }
  two_columns(table, "output tokens/s per chip",
              slip_number_interval(a, r->output_tokens_per_s_per_chip, r->output_low, r->output_high));
  two_columns(table, "input tokens/s per chip", slip_number_plain(a, r->input_tokens_per_s_per_chip));
  two_columns(table, "requests/s per chip", slip_number_plain(a, r->requests_per_s_per_chip));
  two_columns(table, "prefill tokens/s per chip", slip_number_plain(a, r->prefill.tokens_per_s_per_chip));
  two_columns(table, "decode tokens/s per chip", slip_number_plain(a, r->decode.tokens_per_s_per_chip));
  slip_table_cell(table, "TTFT");
  slip_table_printf(table, "%s [%s, %s]", slip_number_seconds(a, r->ttft_s), slip_number_seconds(b, r->ttft_low_s),
                    slip_number_seconds(c, r->ttft_high_s));
  slip_table_cell(table, "TPOT");
  slip_table_printf(table, "%s [%s, %s]", slip_number_seconds(a, r->tpot_s), slip_number_seconds(b, r->tpot_low_s),
                    slip_number_seconds(c, r->tpot_high_s));
  two_columns(table, "output tokens per step", slip_number_plain(a, r->tokens_per_step));
  if (r->disaggregated)
    two_columns(table, "KV hand-over", slip_number_seconds(a, r->transfer_s));
  add_formats(table, report->decode_job != NULL ? "formats, prefill" : "formats", report->weights, report->compute,
              report->kv);
  if (report->decode_job != NULL)
    add_formats(table, "formats, decode", report->decode_weights, report->decode_compute, report->decode_kv);
  if (isnan(r->joule_per_output_token)) {
    two_columns(table, "energy", "- (the system's power is not published)");
  } else {
    slip_table_cell(table, "energy");
    slip_table_printf(table, "%s J/token, %s per chip", slip_number_plain(a, r->joule_per_output_token),
                      slip_number_unit(b, r->system_power_w_per_chip, "W"));
  }
  (void)slip_bound_text(slip_report_serve_parts(r), text, sizeof text);
  two_columns(table, "bound by", text);
}

void slip_report_serve(const slip_serve_report *report, const slip_style *style, slip_text *out) {
  const slip_serve_result *r = report->result;
  const slip_serve_job *job = report->job;
  slip_text rest = {0};
  if (report->decode_job != NULL)
    slip_text_printf(&rest, "decode on %s, ", report->decode_job->system->entry.title);
  if (job->chips > 0)
    slip_text_printf(&rest, "%" PRId64 " chips: ", job->chips);
  else
    slip_text_printf(&rest, "instances of %" PRId64 " chips: ", r->decode.instance_chips);
  slip_text_printf(&rest, "serving, %" PRId64 " in, %" PRId64 " out", job->isl, job->osl);
  add_title(out, style, job->model, job->system, rest.data != NULL ? rest.data : "");
  slip_text_free(&rest);
  slip_text_add(out, "\n");
  slip_table *table = slip_table_open(2);
  add_serve_rows(table, report);
  write_and_free(table, style, out);
  add_pool("prefill", &r->prefill, style, out);
  add_pool("decode", &r->decode, style, out);
  slip_text_add(out, "\n");
  add_search(out, style, report->stats);
  add_closing(out, style, job->stack);
}

/* ---- why ---- */

static int depth_of(const slip_why *why, size_t i) {
  int depth = 0;
  for (int at = why[i].parent; at >= 0; at = why[at].parent)
    depth++;
  return depth;
}

void slip_report_why(const slip_why *why, size_t count, const slip_style *style, slip_text *out) {
  char a[SLIP_CELL_SIZE], b[SLIP_CELL_SIZE];
  slip_table *table = slip_table_open(5);
  slip_table_right(table, 1);
  slip_table_right(table, 2);
  slip_table_cell(table, "where the time goes");
  slip_table_cell(table, "time");
  slip_table_cell(table, "share");
  slip_table_cell(table, "bound by");
  slip_table_end_row(table);
  slip_table_heading(table);
  for (size_t i = 0; i < count; i++) {
    slip_table_printf(table, "%*s%s", 2 * depth_of(why, i), "", why[i].name);
    slip_table_cell(table, slip_number_unit(a, why[i].seconds, "s"));
    slip_table_cell(table, why[0].seconds > 0 ? slip_number_percent(b, why[i].seconds / why[0].seconds) : "-");
    slip_table_cell(table, slip_bound_name(why[i].bound));
    slip_table_cell(table, why[i].note);
  }
  write_and_free(table, style, out);
}
