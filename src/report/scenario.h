/* Scenarios for people and for programs: side by side, by year, by quarter as CSV, as JSON (docs/json.md). */
#ifndef SLIP_REPORT_SCENARIO_H
#define SLIP_REPORT_SCENARIO_H

#include "base/json.h"
#include "report/table.h"
#include <slipstick/scenario.h>

typedef struct slip_scenario_report {
  const slip_scenario *scenario;
  const slip_scenario_result *result;
} slip_scenario_report;

/* One step of --vary: a scenario with one input fixed. */
typedef struct slip_scenario_step {
  const slip_scenario *scenario;
  const char *input;
  double value;
  const slip_scenario_result *result;
} slip_scenario_step;

/* n scenarios in columns, one year. */
void slip_report_scenarios(const slip_scenario_report *reports, size_t n, int year, const slip_scenario_ask *ask,
                           const slip_style *style, slip_text *out);
/* One scenario, years in columns, with its policies. */
void slip_report_scenario_years(const slip_scenario_report *report, const slip_scenario_ask *ask,
                                const slip_style *style, slip_text *out);
void slip_report_scenario_steps(const slip_scenario_step *steps, size_t n, int year, const slip_style *style,
                                slip_text *out);
void slip_report_known(const slip_known_figures *known, const slip_style *style, slip_text *out);
/* A line per scenario, quarter and measure, with a header. Needs quarterly results. */
void slip_csv_scenarios(const slip_scenario_report *reports, size_t n, slip_text *out);

void slip_json_scenarios(slip_json *json, const slip_scenario_report *reports, size_t n,
                         const slip_scenario_ask *ask);
void slip_json_scenario_steps(slip_json *json, const slip_scenario_step *steps, size_t n);
void slip_json_known(slip_json *json, const slip_known_figures *known);

#endif
