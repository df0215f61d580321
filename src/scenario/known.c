/* Published figures, computed from the same inputs: output of a product, charges, break-even power prices. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "scenario/scenario_internal.h"
#include "supply/sample.h"

#define J_PER_KWH 3.6e6

static void output(const slip_scenario *s, const scenario_known *k, const slip_lanes *knots, supply_state *state,
                   slip_lanes out) {
  supply_start(s->supply, state);
  for (slip_quarter q = s->supply->from; q <= k->to; q++) {
    supply_step(s->supply, s->deck, knots, q, state);
    for (int l = 0; q >= k->from && l < SLIP_LANES; l++)
      out[l] += state->made[k->product][l];
  }
}

static void charge(const slip_scenario *s, const scenario_known *k, const slip_lanes *knots, slip_lanes out) {
  slip_lanes sales, quarters, share;
  slip_deck_at(s->deck, knots, k->sales, s->from, sales);
  slip_deck_at(s->deck, knots, k->quarters, s->from, quarters);
  slip_deck_at(s->deck, knots, k->cost_share, s->from, share);
  for (int l = 0; l < SLIP_LANES; l++)
    out[l] = slip_stranded_usd(sales[l], quarters[l], share[l]);
}

/* What a trained token costs on one chip; energy at the meter of its region. */
static slip_work_cost cost_of(const slip_scenario *s, const scenario_fleet *fleet, const slip_region *region,
                              double rate, double utilisation, bool power_only) {
  const double life_s = (double)s->life_quarters / 4 * 365.25 * 86400;
  return (slip_work_cost){.fixed_usd = power_only ? 0 : fleet->price_usd / (life_s * utilisation * rate),
                          .energy_j = fleet->train_w * region->pue / rate};
}

/* USD per kWh at which the first system's token costs what the second's costs in its region; 0: at no price. */
static void break_even(const slip_scenario *s, const scenario_known *k, const slip_lanes *knots, slip_lanes out) {
  slip_lanes rate, other, utilisation;
  slip_deck_at(s->deck, knots, s->fleets[k->fleet].train_rate, s->from, rate);
  slip_deck_at(s->deck, knots, s->fleets[k->other].train_rate, s->from, other);
  slip_deck_at(s->deck, knots, s->utilisation, s->from, utilisation);
  for (int l = 0; l < SLIP_LANES; l++) {
    double price = NAN;
    const slip_work_cost a =
        cost_of(s, &s->fleets[k->fleet], s->regions[SCENARIO_DOMESTIC], rate[l], utilisation[l], k->power_only);
    const slip_work_cost b =
        cost_of(s, &s->fleets[k->other], k->other_region, other[l], utilisation[l], k->power_only);
    const slip_break_even verdict = slip_power_break_even(&a, &b, k->other_region->power_usd_per_j, &price);
    out[l] = verdict == SLIP_CHEAPER_BELOW ? price * J_PER_KWH : 0;
  }
}

static void known_block(const void *context, void *scratch, const slip_lanes *knots, slip_lanes *out) {
  const slip_scenario *s = context;
  memset(out, 0, s->n_known * sizeof *out);
  for (size_t i = 0; i < s->n_known; i++) {
    if (s->known[i].kind == SCENARIO_OUTPUT)
      output(s, &s->known[i], knots, scratch, out[i]);
    else if (s->known[i].kind == SCENARIO_CHARGE)
      charge(s, &s->known[i], knots, out[i]);
    else
      break_even(s, &s->known[i], knots, out[i]);
  }
}

slip_status slip_scenario_known(const slip_scenario *s, const slip_scenario_ask *ask, slip_known_figures *out,
                                slip_error *err) {
  slip_status status = SLIP_OK;
  slip_samples samples = {0};
  const slip_study study = {s->deck, s->n_known, sizeof(supply_state), known_block, s};
  for (size_t f = 0; f < s->n_fleets; f++)
    if (!s->fleets[f].is_estimated)
      return slip_fail(err, SLIP_BAD_INPUT, "slip_scenario_prepare comes before slip_scenario_known");
  slip_known_figure *figures = slip_memory_resize(NULL, (s->n_known + 1) * sizeof *figures);
  if (!figures)
    return slip_no_memory(err);
  SLIP_TRY(slip_sample(&study, ask->samples, ask->seed, ask->threads, NULL, &samples, err));
  for (size_t i = 0; i < s->n_known; i++)
    figures[i] = (slip_known_figure){s->known[i].title, s->known[i].unit, samples.bands[i], s->known[i].published,
                                     s->known[i].n_published};
  *out = (slip_known_figures){figures, s->n_known};
  figures = NULL;
cleanup:
  slip_samples_free(&samples);
  free(figures);
  return status;
}

void slip_known_figures_free(slip_known_figures *figures) {
  free(figures->figures);
  *figures = (slip_known_figures){NULL, 0};
}
