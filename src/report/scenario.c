/* Scenarios as tables. */
#include "report/scenario.h"

#include <math.h>
#include <string.h>

#include "report/number.h"

#define J_PER_WH 3600.0

/* ---- one cell ---- */

typedef struct row {
  slip_measure measure;
  const char *label; /* NULL: the measure's title */
} row;

static const row chip_rows[] = {
    {SLIP_MADE, NULL},      {SLIP_BOUGHT_DOMESTIC, NULL}, {SLIP_BOUGHT_IMPORTED, NULL}, {SLIP_RENTED_ABROAD, NULL},
    {SLIP_INSTALLED, NULL}, {SLIP_DOMESTIC_SHARE, NULL},  {SLIP_NEEDED_DOMESTIC, NULL}};
static const row compute_rows[] = {{SLIP_COMPUTE_DOMESTIC, "domestic"},
                                   {SLIP_COMPUTE_IMPORTED, "imported"},
                                   {SLIP_COMPUTE_ABROAD, "abroad"},
                                   {SLIP_COMPUTE_SHARE, "domestic share"}};
static const row work_rows[] = {{SLIP_RUNS, "runs a year, all training chips"},
                                {SLIP_DAYS, "days for one run on all of them"},
                                {SLIP_LARGEST_FLOP, "largest run in 90 days"},
                                {SLIP_LARGEST_PARAMS, "  its compute-optimal parameters"},
                                {SLIP_TOKENS_DAY, "output tokens a day at 50 ms"}};
static const row money_rows[] = {{SLIP_COST, "cost"},
                                 {SLIP_COST_HARDWARE, "  hardware"},
                                 {SLIP_COST_SITE, "  buildings"},
                                 {SLIP_COST_ENERGY, "  energy"},
                                 {SLIP_COST_RENT, "  rent abroad"},
                                 {SLIP_POWER_W, "power at the meter, all at work"},
                                 {SLIP_ENERGY_J, "energy"},
                                 {SLIP_REVENUE_FOREIGN, "revenue of foreign vendors"},
                                 {SLIP_REVENUE_DOMESTIC, "revenue of domestic vendors"},
                                 {SLIP_FEES, "fees and tariffs"},
                                 {SLIP_UNSPENT, "budget that bought nothing"}};

static void one(char out[SLIP_CELL_SIZE], slip_measure measure, double value) {
  const char *unit = slip_measure_of(measure)->unit;
  if (strcmp(unit, "USD") == 0)
    (void)slip_number_usd(out, value);
  else if (strcmp(unit, "share") == 0)
    (void)slip_number_percent(out, value);
  else if (strcmp(unit, "FLOP/s") == 0 || strcmp(unit, "W") == 0)
    (void)slip_number_unit(out, value, unit);
  else if (strcmp(unit, "J") == 0)
    (void)slip_number_unit(out, value / J_PER_WH, "Wh");
  else if (strcmp(unit, "parameters") == 0)
    (void)slip_number_params(out, value);
  else if (strcmp(unit, "FLOP") == 0)
    (void)slip_format_double(out, value);
  else
    (void)slip_number_plain(out, value);
}

/* FLOP of a run are said with a power of ten: 3.1e26. */
static void flop(char out[SLIP_CELL_SIZE], double value) {
  int length = 0;
  slip_append(out, SLIP_CELL_SIZE, &length, "%.1e", value);
}

static void add_band(slip_table *table, slip_measure measure, const slip_band *band) {
  char low[SLIP_CELL_SIZE], median[SLIP_CELL_SIZE], high[SLIP_CELL_SIZE];
  void (*say)(char *, double) = NULL;
  if (band->low == 0 && band->high == 0) {
    slip_table_cell(table, "0");
    return;
  }
  if (strcmp(slip_measure_of(measure)->unit, "FLOP") == 0)
    say = flop;
  const double values[] = {band->low, band->median, band->high};
  char *const cells[] = {low, median, high};
  for (int i = 0; i < 3; i++) {
    if (say)
      say(cells[i], values[i]);
    else
      one(cells[i], measure, values[i]);
  }
  slip_table_printf(table, "%s [%s, %s]", median, low, high);
}

/* ---- columns ---- */

/* The j-th column's band of a measure; NULL when the column has no such year. */
typedef struct columns {
  const slip_scenario_report *reports;
  size_t n;
  bool of_years; /* one scenario, a column a year */
  int year;
} columns;

static const slip_band *band_of(const columns *c, size_t j, slip_measure measure) {
  const slip_scenario_result *r = c->of_years ? c->reports[0].result : c->reports[j].result;
  const long year = c->of_years ? (long)j : (long)c->year - r->first_year;
  return year >= 0 && year < (long)r->n_years ? &r->year[(size_t)measure * r->n_years + (size_t)year] : NULL;
}

static bool is_all_zero(const columns *c, slip_measure measure) {
  for (size_t j = 0; j < c->n; j++) {
    const slip_band *band = band_of(c, j, measure);
    if (band && (band->low != 0 || band->high != 0))
      return false;
  }
  return true;
}

static void add_rows(slip_table *table, const columns *c, const char *section, const row *rows, size_t n) {
  slip_table_section(table, section);
  for (size_t i = 0; i < n; i++) {
    if (is_all_zero(c, rows[i].measure))
      continue;
    slip_table_printf(table, "  %s", rows[i].label ? rows[i].label : slip_measure_of(rows[i].measure)->title);
    for (size_t j = 0; j < c->n; j++) {
      const slip_band *band = band_of(c, j, rows[i].measure);
      if (band)
        add_band(table, rows[i].measure, band);
      else
        slip_table_cell(table, "-");
    }
  }
}

/* Revenue against the first column. */
static void add_difference(slip_table *table, const columns *c) {
  char cell[SLIP_CELL_SIZE];
  if (c->n < 2 || c->of_years)
    return;
  slip_table_cell(table, "  against the first, medians");
  const slip_band *first = band_of(c, 0, SLIP_REVENUE_FOREIGN);
  for (size_t j = 0; j < c->n; j++) {
    const slip_band *band = band_of(c, j, SLIP_REVENUE_FOREIGN);
    const double gain = band && first ? band->median - first->median : NAN;
    slip_table_printf(table, "%s%s", gain > 0 ? "+" : gain < 0 ? "-" : "", slip_number_usd(cell, fabs(gain)));
  }
}

#define ADD_ROWS(table, c, section, rows) add_rows((table), (c), (section), (rows), sizeof(rows) / sizeof *(rows))

static void add_body(slip_table *table, const columns *c) {
  ADD_ROWS(table, c, "CHIPS", chip_rows);
  ADD_ROWS(table, c, "COMPUTE AT THE END OF THE YEAR  dense bf16 peak", compute_rows);
  ADD_ROWS(table, c, "TRAIN AND SERVE  at the pace of the year's end", work_rows);
  ADD_ROWS(table, c, "MONEY AND POWER", money_rows);
  add_difference(table, c);
}

static void add_drivers(const slip_scenario_report *report, const slip_style *style, slip_text *out) {
  slip_text line = {0};
  slip_text_printf(&line, "%s - what matters most: ", slip_scenario_describe(report->scenario).name);
  for (size_t i = 0; i < report->result->n_drivers && i < 3; i++) {
    const slip_scenario_driver *d = &report->result->drivers[i];
    slip_text_printf(&line, "%s%s (%s; runs %+.2f, tokens %+.2f, domestic share %+.2f, cost %+.2f)",
                     i > 0 ? "; " : "", d->assumption->title, d->assumption->id, d->rank_correlation[1],
                     d->rank_correlation[2], d->rank_correlation[0], d->rank_correlation[3]);
  }
  slip_paragraph(out, style, 2, line.data ? line.data : "");
  out->failed = out->failed || line.failed;
  slip_text_free(&line);
}

static void add_closing(const slip_scenario *scenario, const slip_scenario_ask *ask, const slip_style *style,
                        slip_text *out) {
  const slip_scenario_info info = slip_scenario_describe(scenario);
  slip_text line = {0};
  slip_text_printf(
      &line,
      "Median [10%%, 90%%] of %lld samples, seed %u. A run is %s on its own budget of tokens; fleets train and "
      "serve at the estimates of slipstick for clusters of about %lld chips. Numbers in brackets behind an input: "
      "rank correlation. Every input, its range and its sources: --json. Equations and what is left out: "
      "docs/scenarios.md. The classification is no legal advice.",
      (long long)ask->samples, (unsigned)ask->seed, info.model->entry.title, (long long)info.cluster);
  slip_paragraph(out, style, 0, line.data ? line.data : "");
  out->failed = out->failed || line.failed;
  slip_text_free(&line);
}

enum { WIDEST_CELL = 30, SUMMARY_INDENT = 2 };

void slip_report_scenarios(const slip_scenario_report *reports, size_t n, int year, const slip_scenario_ask *ask,
                           const slip_style *style, slip_text *out) {
  const columns c = {reports, n, false, year};
  slip_table *table = slip_table_open(n + 1);
  slip_table_widest(table, WIDEST_CELL);
  slip_table_printf(table, "%d", year);
  for (size_t j = 0; j < n; j++)
    slip_table_cell(table, slip_scenario_describe(reports[j].scenario).name);
  slip_table_heading(table);
  add_body(table, &c);
  slip_table_write(table, style, out);
  slip_table_free(table);
  slip_text_add(out, "\n");
  for (size_t j = 0; j < n; j++)
    add_drivers(&reports[j], style, out);
  add_closing(reports[0].scenario, ask, style, out);
}

/* ---- one scenario ---- */

static void add_policies(const slip_scenario *scenario, const slip_style *style, slip_text *out) {
  slip_policy p;
  char quarter[SLIP_QUARTER_SIZE];
  if (!slip_scenario_policy(scenario, 0, &p))
    return;
  slip_table *table = slip_table_open(5);
  const char *heads[] = {"import", "buyer", "from", "review policy by the rules", "Chinese side"};
  for (size_t i = 0; i < 5; i++)
    slip_table_cell(table, heads[i]);
  slip_table_heading(table);
  for (size_t i = 0; slip_scenario_policy(scenario, i, &p); i++) {
    slip_table_cell(table, p.import);
    slip_table_cell(table, p.buyer);
    slip_table_cell(table, slip_quarter_format(quarter, p.quarter));
    if (strcmp(p.mode, "rules") != 0)
      slip_table_printf(table, "none: %s", p.mode);
    else if (strcmp(p.strictest, p.mildest) == 0)
      slip_table_cell(table, p.strictest);
    else
      slip_table_printf(table, "undetermined: %s or %s", p.strictest, p.mildest);
    slip_table_cell(table, p.china);
  }
  slip_table_write(table, style, out);
  slip_table_free(table);
  slip_text_add(out, "\n");
}

void slip_report_scenario_years(const slip_scenario_report *report, const slip_scenario_ask *ask,
                                const slip_style *style, slip_text *out) {
  const slip_scenario_info info = slip_scenario_describe(report->scenario);
  const columns c = {report, report->result->n_years, true, 0};
  slip_text line = {0};
  slip_text_printf(&line, "%s: %s", info.name, info.summary);
  slip_paragraph(out, style, SUMMARY_INDENT, line.data ? line.data : "");
  slip_text_free(&line);
  slip_text_add(out, "\n");
  slip_table *table = slip_table_open(c.n + 1);
  slip_table_widest(table, WIDEST_CELL);
  slip_table_cell(table, "");
  for (size_t j = 0; j < c.n; j++)
    slip_table_printf(table, "%d", report->result->first_year + (int)j);
  slip_table_heading(table);
  add_body(table, &c);
  slip_table_write(table, style, out);
  slip_table_free(table);
  slip_text_add(out, "\n");
  add_policies(report->scenario, style, out);
  add_drivers(report, style, out);
  add_closing(report->scenario, ask, style, out);
}

/* ---- --vary, --known ---- */

void slip_report_scenario_steps(const slip_scenario_step *steps, size_t n, int year, const slip_style *style,
                                slip_text *out) {
  static const slip_measure shown[] = {SLIP_BOUGHT_DOMESTIC, SLIP_COMPUTE_SHARE, SLIP_RUNS, SLIP_TOKENS_DAY,
                                       SLIP_COST};
  const size_t n_shown = sizeof shown / sizeof *shown;
  char value[SLIP_CELL_SIZE];
  slip_table *table = slip_table_open(n_shown + 2);
  slip_table_printf(table, "%d", year);
  slip_table_cell(table, n > 0 ? steps[0].input : "");
  for (size_t i = 0; i < n_shown; i++)
    slip_table_cell(table, slip_measure_of(shown[i])->title);
  slip_table_heading(table);
  for (size_t k = 0; k < n; k++) {
    const slip_scenario_report report = {steps[k].scenario, steps[k].result};
    const columns c = {&report, 1, false, year};
    slip_table_cell(table, slip_scenario_describe(steps[k].scenario).name);
    slip_table_cell(table, slip_number_plain(value, steps[k].value));
    for (size_t i = 0; i < n_shown; i++) {
      const slip_band *band = band_of(&c, 0, shown[i]);
      if (band)
        add_band(table, shown[i], band);
      else
        slip_table_cell(table, "-");
    }
  }
  slip_table_write(table, style, out);
  slip_table_free(table);
}

static void say_known(char out[SLIP_CELL_SIZE], const char *unit, double value) {
  if (strcmp(unit, "USD") == 0)
    (void)slip_number_usd(out, value);
  else
    (void)slip_number_plain(out, value);
}

void slip_report_known(const slip_known_figures *known, const slip_style *style, slip_text *out) {
  char low[SLIP_CELL_SIZE], median[SLIP_CELL_SIZE], high[SLIP_CELL_SIZE], value[SLIP_CELL_SIZE];
  slip_table *table = slip_table_open(5);
  slip_table_widest(table, 48);
  const char *heads[] = {"", "from the inputs [10%, 90%]", "published", "inside", "by"};
  for (size_t i = 0; i < 5; i++)
    slip_table_cell(table, heads[i]);
  slip_table_heading(table);
  for (size_t i = 0; i < known->n; i++) {
    const slip_known_figure *f = &known->figures[i];
    say_known(low, f->unit, f->computed.low);
    say_known(median, f->unit, f->computed.median);
    say_known(high, f->unit, f->computed.high);
    for (size_t k = 0; k < f->n_published; k++) {
      const slip_citation *c = &f->published[k];
      const bool is_given = !isnan(c->value);
      if (k == 0) {
        slip_table_printf(table, "%s, %s", f->title, f->unit);
        slip_table_printf(table, "%s [%s, %s]", median, low, high);
      } else {
        slip_table_cell(table, "");
        slip_table_cell(table, "");
      }
      say_known(value, f->unit, c->value);
      slip_table_cell(table, value);
      slip_table_cell(table, !is_given                                                     ? "-"
                             : c->value >= f->computed.low && c->value <= f->computed.high ? "yes"
                                                                                           : "no");
      slip_table_printf(table, "%s, %s%s%s", c->source, c->date, c->note[0] ? ": " : "", c->note);
    }
  }
  slip_table_write(table, style, out);
  slip_table_free(table);
}

/* ---- CSV ---- */

void slip_csv_scenarios(const slip_scenario_report *reports, size_t n, slip_text *out) {
  char quarter[SLIP_QUARTER_SIZE], low[SLIP_DOUBLE_SIZE], median[SLIP_DOUBLE_SIZE], high[SLIP_DOUBLE_SIZE];
  slip_text_add(out, "scenario,quarter,measure,unit,low,median,high\n");
  for (size_t k = 0; k < n; k++) {
    const slip_scenario_info info = slip_scenario_describe(reports[k].scenario);
    const slip_scenario_result *r = reports[k].result;
    for (size_t q = 0; q < r->n_quarters; q++) {
      for (int m = 0; m < SLIP_MEASURES; m++) {
        const slip_band *b = &r->quarter[(size_t)m * r->n_quarters + q];
        const slip_measure_info *measure = slip_measure_of((slip_measure)m);
        slip_text_add(out, "\"");
        for (const char *c = info.name; *c != '\0'; c++) {
          slip_text_add_n(out, c, 1);
          if (*c == '"')
            slip_text_add(out, "\"");
        }
        slip_text_printf(out, "\",%s,%s,%s,%s,%s,%s\n", slip_quarter_format(quarter, info.from + (slip_quarter)q),
                         measure->id, measure->unit, slip_format_double(low, b->low),
                         slip_format_double(median, b->median), slip_format_double(high, b->high));
      }
    }
  }
}
