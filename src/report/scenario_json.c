/* Scenarios as JSON. */
#include <string.h>

#include "report/scenario.h"

static void add_band(slip_json *json, const char *key, const slip_band *band) {
  slip_json_object(json, key);
  slip_json_double(json, "low", band->low);
  slip_json_double(json, "median", band->median);
  slip_json_double(json, "high", band->high);
  slip_json_object_end(json);
}

static void add_bands(slip_json *json, const char *key, const slip_band *bands, size_t n) {
  slip_json_object(json, key);
  for (int m = 0; m < SLIP_MEASURES; m++) {
    slip_json_array(json, slip_measure_of((slip_measure)m)->id);
    for (size_t i = 0; i < n; i++)
      add_band(json, NULL, &bands[(size_t)m * n + i]);
    slip_json_array_end(json);
  }
  slip_json_object_end(json);
}

static void add_citations(slip_json *json, const char *key, const slip_citation *citations, size_t n) {
  slip_json_array(json, key);
  for (size_t i = 0; i < n; i++) {
    const slip_citation *c = &citations[i];
    slip_json_object(json, NULL);
    slip_json_double(json, "value", c->value);
    slip_json_string(json, "at", c->at);
    slip_json_string(json, "source", c->source);
    slip_json_string(json, "url", c->url);
    slip_json_string(json, "date", c->date);
    slip_json_string(json, "confidence", slip_confidence_name(c->confidence));
    slip_json_string(json, "note", c->note);
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
}

static void add_inputs(slip_json *json, const slip_scenario *scenario) {
  static const char *const shapes[] = {"triangular", "uniform", "lognormal"};
  char quarter[SLIP_QUARTER_SIZE];
  slip_json_array(json, "inputs");
  for (size_t i = 0; slip_scenario_assumption(scenario, i); i++) {
    const slip_assumption *a = slip_scenario_assumption(scenario, i);
    if (a->id[0] == '=')
      continue; /* a number written in place of an input */
    slip_json_object(json, NULL);
    slip_json_string(json, "id", a->id);
    slip_json_string(json, "title", a->title);
    slip_json_string(json, "unit", a->unit);
    slip_json_string(json, "shape", shapes[a->shape]);
    slip_json_array(json, "path");
    for (size_t k = 0; k < a->n_knots; k++) {
      slip_json_object(json, NULL);
      slip_json_string(json, "quarter", a->n_knots > 1 ? slip_quarter_format(quarter, a->knots[k].quarter) : NULL);
      slip_json_double(json, "low", a->knots[k].low);
      slip_json_double(json, "mode", a->knots[k].mode);
      slip_json_double(json, "high", a->knots[k].high);
      slip_json_object_end(json);
    }
    slip_json_array_end(json);
    add_citations(json, "sources", a->citations, a->n_citations);
    slip_json_string(json, "file", a->file);
    slip_json_int(json, "line", a->line);
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
}

static void add_drivers(slip_json *json, const slip_scenario_result *r) {
  static const char *const keys[SLIP_DRIVER_MEASURES] = {"compute_share", "runs", "tokens_day", "cost"};
  slip_json_array(json, "drivers");
  for (size_t i = 0; i < r->n_drivers; i++) {
    const slip_scenario_driver *d = &r->drivers[i];
    slip_json_object(json, NULL);
    slip_json_string(json, "input", d->assumption->id);
    slip_json_double(json, "weight", d->weight);
    for (int k = 0; k < SLIP_DRIVER_MEASURES; k++)
      slip_json_double(json, keys[k], d->rank_correlation[k]);
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
}

static void add_policies(slip_json *json, const slip_scenario *scenario) {
  slip_policy p;
  char quarter[SLIP_QUARTER_SIZE];
  slip_json_array(json, "policies");
  for (size_t i = 0; slip_scenario_policy(scenario, i, &p); i++) {
    slip_json_object(json, NULL);
    slip_json_string(json, "import", p.import);
    slip_json_string(json, "buyer", p.buyer);
    slip_json_string(json, "from", slip_quarter_format(quarter, p.quarter));
    slip_json_string(json, "mode", p.mode);
    slip_json_string(json, "strictest", p.strictest);
    slip_json_string(json, "mildest", p.mildest);
    slip_json_string(json, "china", p.china);
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
}

static void add_scenario(slip_json *json, const slip_scenario_report *report) {
  const slip_scenario_info info = slip_scenario_describe(report->scenario);
  const slip_scenario_result *r = report->result;
  char quarter[SLIP_QUARTER_SIZE];
  slip_json_object(json, NULL);
  slip_json_string(json, "name", info.name);
  slip_json_string(json, "title", info.title);
  slip_json_string(json, "summary", info.summary);
  slip_json_string(json, "model", info.model->entry.name);
  slip_json_int(json, "cluster", info.cluster);
  slip_json_array(json, "years");
  for (size_t y = 0; y < r->n_years; y++)
    slip_json_int(json, NULL, r->first_year + (int)y);
  slip_json_array_end(json);
  add_bands(json, "by_year", r->year, r->n_years);
  slip_json_array(json, "quarters");
  for (size_t q = 0; q < r->n_quarters; q++)
    slip_json_string(json, NULL, slip_quarter_format(quarter, info.from + (slip_quarter)q));
  slip_json_array_end(json);
  if (r->quarter)
    add_bands(json, "by_quarter", r->quarter, r->n_quarters);
  add_drivers(json, r);
  add_policies(json, report->scenario);
  add_inputs(json, report->scenario);
  slip_json_object_end(json);
}

void slip_json_scenarios(slip_json *json, const slip_scenario_report *reports, size_t n,
                         const slip_scenario_ask *ask) {
  slip_json_int(json, "samples", ask->samples);
  slip_json_int(json, "seed", ask->seed);
  slip_json_array(json, "measures");
  for (int m = 0; m < SLIP_MEASURES; m++) {
    const slip_measure_info *info = slip_measure_of((slip_measure)m);
    slip_json_object(json, NULL);
    slip_json_string(json, "id", info->id);
    slip_json_string(json, "title", info->title);
    slip_json_string(json, "unit", info->unit);
    slip_json_bool(json, "is_flow", info->is_flow);
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
  slip_json_array(json, "scenarios");
  for (size_t i = 0; i < n; i++)
    add_scenario(json, &reports[i]);
  slip_json_array_end(json);
}

void slip_json_scenario_steps(slip_json *json, const slip_scenario_step *steps, size_t n) {
  slip_json_array(json, "vary");
  for (size_t i = 0; i < n; i++) {
    slip_json_object(json, NULL);
    slip_json_string(json, "scenario", slip_scenario_describe(steps[i].scenario).name);
    slip_json_string(json, "input", steps[i].input);
    slip_json_double(json, "value", steps[i].value);
    slip_json_int(json, "first_year", steps[i].result->first_year);
    add_bands(json, "by_year", steps[i].result->year, steps[i].result->n_years);
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
}

void slip_json_known(slip_json *json, const slip_known_figures *known) {
  slip_json_array(json, "known");
  for (size_t i = 0; i < known->n; i++) {
    slip_json_object(json, NULL);
    slip_json_string(json, "title", known->figures[i].title);
    slip_json_string(json, "unit", known->figures[i].unit);
    add_band(json, "computed", &known->figures[i].computed);
    add_citations(json, "published", known->figures[i].published, known->figures[i].n_published);
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
}
