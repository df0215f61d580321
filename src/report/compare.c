/* The comparison's table: systems as columns, read top-down by somebody in a hurry. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "report/entry.h"
#include "report/estimate.h"
#include "report/number.h"

typedef const slip_compare_column column;

/* ---- rows: each a function of one column that writes a cell; "" or "-" when there is no value ---- */

static void usd_answer(char out[SLIP_WHY_SIZE], const slip_answer *answer) {
  (void)slip_number_usd(out, answer->value);
}

static void size_cell(column *c, char out[SLIP_WHY_SIZE]) {
  slip_text text = {0};
  const double chips = c->system->chips;
  if (isfinite(chips) && chips * (double)c->systems == (double)c->chips)
    slip_text_printf(&text, "%.0f x %" PRId64, chips, c->systems);
  else
    slip_text_printf(&text, "%" PRId64 " chips in %" PRId64, c->chips, c->systems);
  memcpy(out, text.failed ? "-" : text.data, text.failed ? 2 : text.length + 1);
  slip_text_free(&text);
}
static void region_cell(column *c, char out[SLIP_WHY_SIZE]) {
  memcpy(out, "-", 2);
  if (c->region != NULL && strlen(c->region->entry.name) < SLIP_WHY_SIZE)
    memcpy(out, c->region->entry.name, strlen(c->region->entry.name) + 1);
}
static void peak_cell(column *c, char out[SLIP_WHY_SIZE]) {
  (void)slip_number_unit(out, c->peak_bf16_flops.value, "FLOP/s");
}
static void power_cell(column *c, char out[SLIP_WHY_SIZE]) {
  (void)slip_number_unit(out, c->power_w.value, "W");
}
static void price_cell(column *c, char out[SLIP_WHY_SIZE]) {
  usd_answer(out, &c->price_usd);
}

static void train_plan(column *c, char out[SLIP_WHY_SIZE]) {
  (void)slip_plan_format(&c->train.plan, out, SLIP_WHY_SIZE);
}
static void train_dtype(column *c, char out[SLIP_WHY_SIZE]) {
  const char *name = slip_dtype_name(c->train.dtype);
  memcpy(out, name, strlen(name) + 1);
}
static void train_rate(column *c, char out[SLIP_WHY_SIZE]) {
  const slip_train_result *r = &c->train;
  const double tokens = r->tokens_per_s_per_chip * r->step_s;
  (void)slip_number_interval(out, r->tokens_per_s_per_chip, tokens / r->step_high_s, tokens / r->step_low_s);
}
static void train_system_rate(column *c, char out[SLIP_WHY_SIZE]) {
  (void)slip_number_plain(out, c->train.tokens_per_s_per_chip * c->system->chips);
}
static void train_all(column *c, char out[SLIP_WHY_SIZE]) {
  (void)slip_number_plain(out, c->train.tokens_per_s);
}
static void train_mfu(column *c, char out[SLIP_WHY_SIZE]) {
  (void)slip_number_percent(out, c->train.mfu);
}
static void train_budget(column *c, char out[SLIP_WHY_SIZE]) {
  char days[SLIP_CELL_SIZE], usd[SLIP_CELL_SIZE];
  slip_text text = {0};
  slip_text_printf(&text, "%s days, %s", slip_number_plain(days, c->train_days.value),
                   slip_number_usd(usd, c->train_usd.value));
  memcpy(out, text.failed ? "-" : text.data, text.failed ? 2 : text.length + 1);
  slip_text_free(&text);
}
static void train_energy(column *c, char out[SLIP_WHY_SIZE]) {
  (void)slip_number_unit(out, c->train_joule_per_token.value, "J");
}
static void train_bound(column *c, char out[SLIP_WHY_SIZE]) {
  (void)slip_bound_text(c->train.parts, out, SLIP_WHY_SIZE);
}

static void serve_prefill_plan(column *c, char out[SLIP_WHY_SIZE]) {
  (void)slip_serve_plan_format(&c->serve.prefill.plan, out, SLIP_WHY_SIZE);
}
static void serve_decode_plan(column *c, char out[SLIP_WHY_SIZE]) {
  memcpy(out, "same chips", 11);
  if (c->serve.disaggregated)
    (void)slip_serve_plan_format(&c->serve.decode.plan, out, SLIP_WHY_SIZE);
}
static void serve_prefill(column *c, char out[SLIP_WHY_SIZE]) {
  (void)slip_number_plain(out, c->serve.prefill.tokens_per_s_per_chip);
}
static void serve_decode(column *c, char out[SLIP_WHY_SIZE]) {
  (void)slip_number_plain(out, c->serve.decode.tokens_per_s_per_chip);
}
static void serve_output(column *c, char out[SLIP_WHY_SIZE]) {
  (void)slip_number_interval(out, c->serve.output_tokens_per_s_per_chip, c->serve.output_low, c->serve.output_high);
}
static void serve_system_output(column *c, char out[SLIP_WHY_SIZE]) {
  (void)slip_number_plain(out, c->serve.output_tokens_per_s_per_chip * c->system->chips);
}
static void serve_ttft(column *c, char out[SLIP_WHY_SIZE]) {
  (void)slip_number_seconds(out, c->serve.ttft_s);
}
static void serve_tpot(column *c, char out[SLIP_WHY_SIZE]) {
  (void)slip_number_seconds(out, c->serve.tpot_s);
}
static void serve_formats(column *c, char out[SLIP_WHY_SIZE]) {
  int length = 0;
  slip_append(out, SLIP_WHY_SIZE, &length, "%s, KV %s", slip_dtype_name(c->serve.weights),
              slip_dtype_name(c->serve.kv));
}
static void serve_energy(column *c, char out[SLIP_WHY_SIZE]) {
  (void)slip_number_unit(out, c->serve_joule_per_token.value, "J");
}
static void serve_power(column *c, char out[SLIP_WHY_SIZE]) {
  (void)slip_number_unit(out, c->serve.system_power_w_per_chip * (double)c->chips, "W");
}
static void serve_cost(column *c, char out[SLIP_WHY_SIZE]) {
  usd_answer(out, &c->serve_usd_per_mtoken);
}
static void serve_bound(column *c, char out[SLIP_WHY_SIZE]) {
  (void)slip_bound_text(slip_report_serve_parts(&c->serve), out, SLIP_WHY_SIZE);
}

typedef struct row {
  const char *label;                                /* NULL: the token budget's */
  void (*cell)(column *c, char out[SLIP_WHY_SIZE]); /* NULL: the ratios to the first system */
} row;

static const char ratio_label[] = "ratio per chip, system";

static const row head_rows[] = {
    {"chips x systems", size_cell},   {"region", region_cell},     {"peak bf16 (dense)", peak_cell},
    {"power, full load", power_cell}, {"price, list", price_cell},
};
static const row train_rows[] = {
    {"tokens/s per chip", train_rate},
    {"tokens/s per system", train_system_rate},
    {"tokens/s, all chips", train_all},
    {ratio_label, NULL},
    {"MFU, of the format's peak", train_mfu},
    {NULL, train_budget},
    {"energy per token", train_energy},
    {"bound by", train_bound},
    {"plan", train_plan},
    {"GEMM format", train_dtype},
};
static const row serve_rows[] = {
    {"output tokens/s per chip", serve_output},
    {"output tokens/s per system", serve_system_output},
    {ratio_label, NULL},
    {"prefill tokens/s per chip", serve_prefill},
    {"decode tokens/s per chip", serve_decode},
    {"TTFT", serve_ttft},
    {"TPOT", serve_tpot},
    {"energy per output token", serve_energy},
    {"power, average", serve_power},
    {"$ per M output tokens", serve_cost},
    {"bound by", serve_bound},
    {"plan, prefill", serve_prefill_plan},
    {"plan, decode", serve_decode_plan},
    {"weights and cache", serve_formats},
};

enum block { HEAD, TRAIN, SERVE };

static bool is_answered(column *c, enum block block) {
  return block == HEAD || (block == TRAIN ? c->train_why : c->serve_why)[0] == '\0';
}

static double rate_of(column *c, enum block block) {
  if (!is_answered(c, block))
    return NAN;
  return block == TRAIN ? c->train.tokens_per_s_per_chip : c->serve.output_tokens_per_s_per_chip;
}

/* Ratios to the first system, per chip and per system. */
static void add_ratios(slip_table *table, enum block block, column *columns, size_t n) {
  char chip[SLIP_CELL_SIZE], system[SLIP_CELL_SIZE];
  const double first = rate_of(&columns[0], block);
  for (size_t k = 0; k < n; k++) {
    const double ratio = rate_of(&columns[k], block) / first;
    const double whole = ratio * columns[k].system->chips / columns[0].system->chips;
    if (isnan(ratio))
      slip_table_cell(table, "-");
    else
      slip_table_printf(table, "%s, %s", slip_number_ratio(chip, ratio), slip_number_ratio(system, whole));
  }
}

static void add_rows(slip_table *table, enum block block, const row *rows, size_t n_rows, const char *budget,
                     column *columns, size_t n) {
  char cell[SLIP_WHY_SIZE];
  for (size_t i = 0; i < n_rows; i++) {
    if (rows[i].cell == NULL && n < 2)
      continue;
    slip_table_printf(table, "%s%s", block == HEAD ? "" : "  ", rows[i].label != NULL ? rows[i].label : budget);
    if (rows[i].cell == NULL) {
      add_ratios(table, block, columns, n);
      continue;
    }
    for (size_t k = 0; k < n; k++) {
      memcpy(cell, "-", 2);
      if (is_answered(&columns[k], block))
        rows[i].cell(&columns[k], cell);
      slip_table_cell(table, cell);
    }
  }
}

/* ---- around the table ---- */

static void add_heading(const slip_compare_job *job, const slip_style *style, slip_text *out) {
  slip_text text = {0};
  slip_text_printf(&text, "%s  ", job->model->entry.title);
  slip_report_model_line(job->model, &text);
  slip_text_add(out, style->colour ? "\033[1m" : "");
  slip_paragraph(out, style, 2, text.data != NULL ? text.data : "");
  slip_text_add(out, style->colour ? "\033[0m\n" : "\n");
  out->failed = out->failed || text.failed;
  slip_text_free(&text);
}

/* What is asked of the systems, as the heading of a block. */
static void add_train_section(slip_table *table, const slip_compare_job *job) {
  slip_text text = {0};
  slip_text_printf(&text, "TRAIN  seq %" PRId64 ", batch %" PRId64 ", %s where the chip has it", job->seq,
                   job->batch, slip_dtype_name(job->train_dtype));
  slip_table_section(table, text.data);
  slip_text_free(&text);
}

static void add_serve_section(slip_table *table, const slip_compare_job *job) {
  char number[SLIP_CELL_SIZE];
  slip_text text = {0};
  slip_text_printf(&text, "SERVE  %" PRId64 " in, %" PRId64 " out", job->isl, job->osl);
  if (isfinite(job->tpot_s))
    slip_text_printf(&text, ", %s per token", slip_number_seconds(number, job->tpot_s));
  if (isfinite(job->ttft_s))
    slip_text_printf(&text, ", first token in %s", slip_number_seconds(number, job->ttft_s));
  slip_table_section(table, text.data);
  slip_text_free(&text);
}

enum { MOST_WHYS = 10, WIDEST_CELL = 24 };

typedef struct reason {
  const char *what, *why;
  double value;
  bool asked;
} reason;

static bool is_lacking(const reason *r) {
  return r->asked && !isfinite(r->value) && r->why[0] != '\0';
}

/* Why a column has cells without a value; a reason that holds for several values is said once. */
static void add_footnotes(const slip_compare_job *job, column *c, const slip_style *style, slip_text *out) {
  const bool trained = job->train && is_answered(c, TRAIN), served = job->serve && is_answered(c, SERVE);
  const reason reasons[MOST_WHYS] = {
      {"peak", c->peak_bf16_flops.why, c->peak_bf16_flops.value, true},
      {"power", c->power_w.why, c->power_w.value, true},
      {"price", c->price_usd.why, c->price_usd.value, true},
      {"training", c->train_why, NAN, job->train},
      {"training days", c->train_days.why, c->train_days.value, trained},
      {"training cost", c->train_usd.why, c->train_usd.value, trained},
      {"training energy", c->train_joule_per_token.why, c->train_joule_per_token.value, trained},
      {"serving", c->serve_why, NAN, job->serve},
      {"serving energy", c->serve_joule_per_token.why, c->serve_joule_per_token.value, served},
      {"serving cost", c->serve_usd_per_mtoken.why, c->serve_usd_per_mtoken.value, served},
  };
  bool said[MOST_WHYS] = {false};
  slip_text text = {0};
  for (size_t i = 0; i < MOST_WHYS; i++) {
    if (said[i] || !is_lacking(&reasons[i]))
      continue;
    slip_text_printf(&text, "%s%s", text.length > 0 ? "; " : "", reasons[i].what);
    for (size_t k = i + 1; k < MOST_WHYS; k++) {
      if (is_lacking(&reasons[k]) && strcmp(reasons[k].why, reasons[i].why) == 0) {
        slip_text_printf(&text, ", %s", reasons[k].what);
        said[k] = true;
      }
    }
    slip_text_printf(&text, ": %s", reasons[i].why);
  }
  slip_text line = {0};
  slip_text_printf(&line, "%s - %s", c->system->entry.title, text.data != NULL ? text.data : "");
  if (text.length > 0)
    slip_paragraph(out, style, 2, line.data != NULL ? line.data : "");
  out->failed = out->failed || text.failed || line.failed;
  slip_text_free(&line);
  slip_text_free(&text);
}

/* Under which terms the money is. */
static void add_money(const slip_econ_terms *terms, const slip_style *style, slip_text *out) {
  char a[SLIP_CELL_SIZE], b[SLIP_CELL_SIZE];
  slip_text line = {0};
  if (!isnan(terms->rent_usd_per_chip_hour))
    slip_text_printf(&line, "Money: rent of %s per chip and hour.",
                     slip_number_usd(a, terms->rent_usd_per_chip_hour));
  else
    slip_text_printf(
        &line,
        "Money: list price over %s years of which %s are worked, and power (with PUE) at the price of the "
        "region%s.",
        slip_number_count(a, terms->life_years), slip_number_percent(b, terms->utilisation),
        isnan(terms->power_usd_per_j) && isnan(terms->pue) ? "" : " or as given");
  slip_paragraph(out, style, 2, line.data != NULL ? line.data : "");
  out->failed = out->failed || line.failed;
  slip_text_free(&line);
}

static const char closing[] = "Intervals: 80%, from the spread that each stack's file states; docs/accuracy.md "
                              "holds them against measurements. Sources: slipstick "
                              "show NAME. Why: slipstick train or "
                              "serve MODEL SYSTEM --explain.";

void slip_report_compare(const slip_compare_job *job, const slip_compare_column *columns, size_t n,
                         const slip_style *style, slip_text *out) {
  char number[SLIP_CELL_SIZE], budget[SLIP_CELL_SIZE + 16] = "token budget";
  const double tokens = isnan(job->train_tokens) ? job->model->train_tokens : job->train_tokens;
  if (isfinite(tokens)) {
    slip_text text = {0};
    slip_text_printf(&text, "%s tokens", slip_number_unit(number, tokens, ""));
    if (!text.failed)
      memcpy(budget, text.data, text.length + 1);
    slip_text_free(&text);
  }
  add_heading(job, style, out);
  slip_table *table = slip_table_open(n + 1);
  slip_table_widest(table, WIDEST_CELL);
  slip_table_cell(table, "");
  for (size_t k = 0; k < n; k++)
    slip_table_cell(table, columns[k].system->entry.title);
  slip_table_heading(table);
  add_rows(table, HEAD, head_rows, sizeof head_rows / sizeof *head_rows, budget, columns, n);
  if (job->train) {
    add_train_section(table, job);
    add_rows(table, TRAIN, train_rows, sizeof train_rows / sizeof *train_rows, budget, columns, n);
  }
  if (job->serve) {
    add_serve_section(table, job);
    add_rows(table, SERVE, serve_rows, sizeof serve_rows / sizeof *serve_rows, budget, columns, n);
  }
  slip_table_write(table, style, out);
  slip_table_free(table);
  slip_text_add(out, "\n");
  for (size_t k = 0; k < n; k++)
    add_footnotes(job, &columns[k], style, out);
  add_money(&job->terms, style, out);
  slip_paragraph(out, style, 0, closing);
}
