/* slipstick scenario NAME|FILE.yaml ...: policy x supply x money, several side by side. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "cli/cli.h"
#include "report/scenario.h"
#include <slipstick/scenario.h>

enum { DEFAULT_SAMPLES = 20000, VARY_STEPS = 5, MOST_SCENARIOS = 16 };

/* What a run holds. */
typedef struct work {
  slip_rules *rules;
  slip_scenario *scenarios[MOST_SCENARIOS];
  slip_scenario_report reports[MOST_SCENARIOS];
  slip_scenario_result *results[MOST_SCENARIOS];
  slip_scenario_step steps[MOST_SCENARIOS * VARY_STEPS];
  slip_scenario_result *step_results[MOST_SCENARIOS * VARY_STEPS];
  size_t n, n_steps;
  slip_scenario_ask ask;
} work;

static void work_free(work *w) {
  for (size_t i = 0; i < MOST_SCENARIOS * VARY_STEPS; i++)
    slip_scenario_result_free(w->step_results[i]);
  for (size_t i = 0; i < MOST_SCENARIOS; i++) {
    slip_scenario_result_free(w->results[i]);
    slip_scenario_free(w->scenarios[i]);
  }
  slip_rules_free(w->rules);
  free(w);
}

static slip_status open_all(cli_session *session, work *w, slip_error *err) {
  const cli_options *o = session->options;
  slip_status status = SLIP_OK;
  const bool only_known = o->known && o->n_positional == 0;
  if (o->n_positional == 0 && !only_known) {
    char name[128];
    slip_text names = {0};
    for (size_t i = 0; slip_scenario_name(i, name, sizeof name); i++)
      slip_text_printf(&names, "%s%s", i > 0 ? ", " : "", name);
    status = slip_fail(err, SLIP_BAD_INPUT, "which scenario? A file that ends in .yaml, or one of: %s",
                       names.data ? names.data : "");
    slip_text_free(&names);
    return status;
  }
  if (o->n_positional > MOST_SCENARIOS)
    return slip_fail(err, SLIP_BAD_INPUT, "at most %d scenarios at once", MOST_SCENARIOS);
  SLIP_TRY(cli_open_catalog(session, err));
  SLIP_TRY(slip_rules_open(o->rule_dirs, o->n_rule_dirs, &w->rules, err));
  w->n = only_known ? 1 : o->n_positional;
  for (size_t i = 0; i < w->n; i++)
    SLIP_TRY(slip_scenario_open(only_known ? "open" : o->positional[i], session->catalog, w->rules,
                                &w->scenarios[i], err));
cleanup:
  return status;
}

static slip_status run_all(cli_session *session, work *w, slip_error *err) {
  slip_status status = SLIP_OK;
  SLIP_TRY(slip_scenario_prepare(w->scenarios, w->n, session->stop, cli_progress, NULL, err));
  for (size_t i = 0; i < w->n; i++) {
    SLIP_TRY(slip_scenario_run(w->scenarios[i], &w->ask, session->stop, &w->results[i], err));
    w->reports[i] = (slip_scenario_report){w->scenarios[i], w->results[i]};
  }
cleanup:
  cli_progress_end();
  return status;
}

/* The year that is told: --year, or the last one of the first scenario. */
static slip_status read_year(const cli_session *session, const work *w, int *year, slip_error *err) {
  int first = 9999, last = 0;
  *year = slip_scenario_describe(w->scenarios[0]).to / 4;
  for (size_t i = 0; i < w->n; i++) {
    const slip_scenario_info info = slip_scenario_describe(w->scenarios[i]);
    first = info.from / 4 < first ? info.from / 4 : first;
    last = info.to / 4 > last ? info.to / 4 : last;
  }
  if (session->options->year > 0)
    *year = (int)session->options->year;
  if (*year < first || *year > last)
    return slip_fail(err, SLIP_BAD_INPUT, "--year is from %d to %d here, not %d", first, last, *year);
  return SLIP_OK;
}

/* "input=a..b" */
static slip_status read_vary(const char *text, char *id, size_t size, double *low, double *high, slip_error *err) {
  const char *equals = strchr(text, '='), *dots = equals ? strstr(equals, "..") : NULL;
  char number[64];
  const size_t length = equals ? (size_t)(equals - text) : 0, digits = dots ? (size_t)(dots - equals - 1) : 0;
  if (dots && length > 0 && length < size && digits < sizeof number) {
    memcpy(id, text, length);
    id[length] = '\0';
    memcpy(number, equals + 1, digits);
    number[digits] = '\0';
    if (slip_parse_double(number, low) && slip_parse_double(dots + 2, high) && *low < *high)
      return SLIP_OK;
  }
  return slip_fail(err, SLIP_BAD_INPUT,
                   "--vary takes an input and two rising numbers, as yield_910=0.2..0.6, not '%s'", text);
}

static slip_status vary(cli_session *session, work *w, slip_error *err) {
  char id[128];
  double low = 0, high = 0;
  slip_status status = SLIP_OK;
  SLIP_TRY(read_vary(session->options->vary, id, sizeof id, &low, &high, err));
  for (size_t i = 0; i < w->n; i++) {
    for (int k = 0; k < VARY_STEPS; k++) {
      slip_scenario_step *step = &w->steps[w->n_steps];
      step->scenario = w->scenarios[i];
      step->value = low + (high - low) * k / (VARY_STEPS - 1);
      SLIP_TRY(slip_scenario_fix(w->scenarios[i], id, step->value, &step->input, err));
      SLIP_TRY(slip_scenario_run(w->scenarios[i], &w->ask, session->stop, &w->step_results[w->n_steps], err));
      step->result = w->step_results[w->n_steps++];
    }
    SLIP_TRY(slip_scenario_fix(w->scenarios[i], id, NAN, NULL, err));
  }
cleanup:
  return status;
}

static void tell(cli_session *session, const work *w, int year) {
  const cli_options *o = session->options;
  const slip_style *style = &session->style;
  if (o->json) {
    cli_json_begin(session, "scenario");
    slip_json_scenarios(&session->json, w->reports, w->n, &w->ask);
    if (o->vary)
      slip_json_scenario_steps(&session->json, w->steps, w->n_steps);
    cli_json_end(session);
  } else if (o->csv) {
    slip_csv_scenarios(w->reports, w->n, &session->out);
  } else if (o->vary) {
    slip_report_scenario_steps(w->steps, w->n_steps, year, style, &session->out);
  } else if (w->n == 1 && o->year <= 0) {
    slip_report_scenario_years(&w->reports[0], &w->ask, style, &session->out);
  } else {
    slip_report_scenarios(w->reports, w->n, year, &w->ask, style, &session->out);
  }
}

static slip_status tell_known(cli_session *session, work *w, slip_error *err) {
  slip_known_figures known = {NULL, 0};
  slip_status status = SLIP_OK;
  SLIP_TRY(slip_scenario_prepare(w->scenarios, 1, session->stop, cli_progress, NULL, err));
  SLIP_TRY(slip_scenario_known(w->scenarios[0], &w->ask, &known, err));
  if (session->options->json) {
    cli_json_begin(session, "scenario");
    slip_json_known(&session->json, &known);
    cli_json_end(session);
  } else {
    slip_report_known(&known, &session->style, &session->out);
  }
cleanup:
  cli_progress_end();
  slip_known_figures_free(&known);
  return status;
}

slip_status cli_scenario(cli_session *session, slip_error *err) {
  const cli_options *o = session->options;
  slip_status status = SLIP_OK;
  int year = 0;
  char id[128];
  double low = 0, high = 0;
  if (o->vary && read_vary(o->vary, id, sizeof id, &low, &high, err) != SLIP_OK) /* before the searches */
    return SLIP_BAD_INPUT;
  if ((o->csv && o->json) || (o->csv && o->vary) || (o->known && (o->csv || o->vary || o->n_positional > 1)))
    return slip_fail(
        err, SLIP_BAD_INPUT,
        "--csv goes without --json and --vary; --known with one scenario at most, and without --csv and --vary");
  work *w = slip_memory_resize(NULL, sizeof *w);
  if (!w)
    return slip_no_memory(err);
  memset(w, 0, sizeof *w);
  w->ask = (slip_scenario_ask){.samples = o->samples > 0 ? o->samples : DEFAULT_SAMPLES,
                               .seed = (uint32_t)o->seed,
                               .quarterly = o->json || o->csv};
  SLIP_TRY(open_all(session, w, err));
  if (o->known) {
    SLIP_TRY(tell_known(session, w, err));
    goto cleanup;
  }
  SLIP_TRY(read_year(session, w, &year, err));
  SLIP_TRY(run_all(session, w, err));
  if (o->vary)
    SLIP_TRY(vary(session, w, err));
  tell(session, w, year);
cleanup:
  work_free(w);
  return status;
}
