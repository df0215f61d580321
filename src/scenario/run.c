/* Monte Carlo over a scenario. Outputs are years by measure, then, when asked for, quarters by measure. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "scenario/scenario_internal.h"
#include "supply/sample.h"

static const slip_measure_info infos[SLIP_MEASURES] = {
    [SLIP_MADE] = {"made", "made at home", "chips", true},
    [SLIP_BOUGHT_DOMESTIC] = {"bought_domestic", "bought, domestic", "chips", true},
    [SLIP_BOUGHT_IMPORTED] = {"bought_imported", "bought, imported", "chips", true},
    [SLIP_RENTED_ABROAD] = {"rented_abroad", "rented abroad", "chips", false},
    [SLIP_UNSOLD] = {"unsold", "made and not bought", "chips", false},
    [SLIP_INSTALLED] = {"installed", "at work in the country", "chips", false},
    [SLIP_RETIRED] = {"retired", "retired", "chips", true},
    [SLIP_DOMESTIC_SHARE] = {"domestic_share", "domestic share of chips bought", "share", true},
    [SLIP_COMPUTE_DOMESTIC] = {"compute_domestic", "compute, domestic", "FLOP/s", false},
    [SLIP_COMPUTE_IMPORTED] = {"compute_imported", "compute, imported", "FLOP/s", false},
    [SLIP_COMPUTE_ABROAD] = {"compute_abroad", "compute, abroad", "FLOP/s", false},
    [SLIP_COMPUTE_SHARE] = {"compute_share", "domestic share of compute", "share", false},
    [SLIP_RUNS] = {"runs", "training runs a year", "runs", false},
    [SLIP_DAYS] = {"days", "days for one run", "days", false},
    [SLIP_LARGEST_FLOP] = {"largest_flop", "largest run of 90 days", "FLOP", false},
    [SLIP_LARGEST_PARAMS] = {"largest_params", "compute-optimal parameters of it", "parameters", false},
    [SLIP_TOKENS_DAY] = {"tokens_day", "output tokens a day", "tokens", false},
    [SLIP_POWER_W] = {"power", "power at the meter", "W", false},
    [SLIP_ENERGY_J] = {"energy", "energy at the meter", "J", true},
    [SLIP_COST] = {"cost", "cost", "USD", true},
    [SLIP_COST_HARDWARE] = {"cost_hardware", "hardware", "USD", true},
    [SLIP_COST_SITE] = {"cost_site", "buildings", "USD", true},
    [SLIP_COST_ENERGY] = {"cost_energy", "energy", "USD", true},
    [SLIP_COST_RENT] = {"cost_rent", "rent abroad", "USD", true},
    [SLIP_REVENUE_FOREIGN] = {"revenue_foreign", "revenue of foreign vendors", "USD", true},
    [SLIP_REVENUE_DOMESTIC] = {"revenue_domestic", "revenue of domestic vendors", "USD", true},
    [SLIP_FEES] = {"fees", "fees and tariffs", "USD", true},
    [SLIP_BUDGET] = {"budget", "budget for hardware", "USD", true},
    [SLIP_UNSPENT] = {"unspent", "budget that bought nothing", "USD", true},
    [SLIP_NEEDED_DOMESTIC] = {"needed_domestic", "domestic chips that the wanted share needs", "chips", true},
};

const slip_measure_info *slip_measure_of(slip_measure measure) {
  return &infos[(unsigned)measure < SLIP_MEASURES ? measure : SLIP_MADE];
}

static const slip_measure driver_measures[SLIP_DRIVER_MEASURES] = {SLIP_COMPUTE_SHARE, SLIP_RUNS, SLIP_TOKENS_DAY,
                                                                   SLIP_COST};

typedef struct run {
  const slip_scenario *s;
  bool quarterly;
  size_t years;
} run;

SLIP_WIDE static void add_year(const run *r, size_t q, const slip_lanes *m, slip_lanes *out) {
  const size_t year = q / 4;
  for (size_t i = 0; i < SLIP_MEASURES; i++) {
    double *sum = out[i * r->years + year];
    if (!infos[i].is_flow && q % 4 != 3)
      continue;
    if (!infos[i].is_flow || q % 4 == 0)
      memcpy(sum, m[i], sizeof(slip_lanes));
    else
      SLIP_EACH_LANE
    sum[l] += m[i][l];
  }
  if (q % 4 != 3)
    return;
  /* a share of sums, not a sum of shares */
  const double *home = out[SLIP_BOUGHT_DOMESTIC * r->years + year],
               *in = out[SLIP_BOUGHT_IMPORTED * r->years + year];
  double *share = out[SLIP_DOMESTIC_SHARE * r->years + year];
  SLIP_EACH_LANE
  share[l] = home[l] + in[l] > 0 ? home[l] / (home[l] + in[l]) : 0;
}

static void run_block(const void *context, void *scratch, const slip_lanes *knots, slip_lanes *out) {
  const run *r = context;
  const slip_scenario *s = r->s;
  scenario_state *state = scratch;
  scenario_start(s, knots, state);
  for (size_t q = 0; q < s->n_quarters; q++) {
    scenario_quarter(s, knots, q, r->quarterly || q % 4 == 3, state);
    add_year(r, q, (const slip_lanes *)state->measures, out);
    for (size_t i = 0; r->quarterly && i < SLIP_MEASURES; i++)
      memcpy(out[SLIP_MEASURES * r->years + i * s->n_quarters + q], state->measures[i], sizeof(slip_lanes));
  }
}

struct result_memory {
  slip_scenario_result public;
  slip_band *bands;
  slip_scenario_driver *drivers;
};

void slip_scenario_result_free(slip_scenario_result *result) {
  struct result_memory *m = (struct result_memory *)result;
  if (!m)
    return;
  free(m->bands);
  free(m->drivers);
  free(m);
}

static int by_weight(const void *a, const void *b) {
  const slip_scenario_driver *x = a, *y = b;
  return x->weight > y->weight ? -1 : x->weight < y->weight ? 1 : x->assumption < y->assumption ? -1 : 1;
}

static slip_status find_drivers(const slip_samples *samples, const run *r, struct result_memory *m,
                                slip_error *err) {
  double ranks[SLIP_DRIVER_MEASURES][SLIP_DECK_MAX];
  const slip_deck *deck = r->s->deck;
  slip_status status = SLIP_OK;
  for (int k = 0; k < SLIP_DRIVER_MEASURES; k++)
    SLIP_TRY(slip_samples_ranks(samples, deck, driver_measures[k] * r->years + r->years - 1, ranks[k], err));
  for (size_t i = 0; i < deck->n; i++) {
    if (!deck->tables[i])
      continue;
    slip_scenario_driver *d = &m->drivers[m->public.n_drivers++];
    *d = (slip_scenario_driver){.assumption = &deck->items[i]};
    for (int k = 0; k < SLIP_DRIVER_MEASURES; k++) {
      d->rank_correlation[k] = ranks[k][i];
      d->weight += ranks[k][i] * ranks[k][i] / SLIP_DRIVER_MEASURES;
    }
  }
  qsort(m->drivers, m->public.n_drivers, sizeof *m->drivers, by_weight);
cleanup:
  return status;
}

slip_status slip_scenario_run(const slip_scenario *s, const slip_scenario_ask *ask, const volatile int *stop,
                              slip_scenario_result **out, slip_error *err) {
  slip_status status = SLIP_OK;
  slip_samples samples = {0};
  struct result_memory *m = NULL;
  const run r = {s, ask->quarterly, s->n_quarters / 4};
  const size_t n_years = SLIP_MEASURES * r.years,
               n_all = n_years + (ask->quarterly ? SLIP_MEASURES * s->n_quarters : 0);
  for (size_t f = 0; f < s->n_fleets; f++)
    if (!s->fleets[f].is_estimated)
      return slip_fail(err, SLIP_BAD_INPUT, "slip_scenario_prepare comes before slip_scenario_run");
  const slip_study study = {s->deck, n_all, sizeof(scenario_state), run_block, &r};
  SLIP_TRY(slip_sample(&study, ask->samples, ask->seed, ask->threads, stop, &samples, err));
  m = slip_memory_resize(NULL, sizeof *m);
  if (!m)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  *m = (struct result_memory){0};
  m->drivers = slip_memory_resize(NULL, SLIP_DECK_MAX * sizeof *m->drivers);
  if (!m->drivers)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  SLIP_TRY(find_drivers(&samples, &r, m, err));
  m->bands = samples.bands;
  samples.bands = NULL;
  m->public.n_years = r.years;
  m->public.n_quarters = s->n_quarters;
  m->public.first_year = (int)(s->from / 4);
  m->public.year = m->bands;
  m->public.quarter = ask->quarterly ? &m->bands[n_years] : NULL;
  m->public.drivers = m->drivers;
  *out = &m->public;
  m = NULL;
cleanup:
  slip_samples_free(&samples);
  slip_scenario_result_free(m ? &m->public : NULL);
  return status;
}
