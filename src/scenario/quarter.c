/* One quarter of a scenario, for a block of samples: what is made, who buys what, which fleet results, and what it does.
 * docs/scenarios.md has the equations in the same order. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "scenario/scenario_internal.h"

#define SECONDS_PER_YEAR (365.25 * 86400)
#define SECONDS_PER_QUARTER (SECONDS_PER_YEAR / 4)
#define EACH SLIP_EACH_LANE

/* What buyers have left, and how this quarter's purchases add up. */
typedef struct purse {
  slip_lanes left[SCENARIO_BUYERS];   /* of the budget */
  slip_lanes abroad[SCENARIO_BUYERS]; /* of it, for imports */
  slip_lanes training[SCENARIO_BUYERS];
  slip_lanes budget, reading, site;
} purse;

static void at(const slip_scenario *s, const slip_lanes *knots, size_t index, slip_quarter q, slip_lanes out) {
  slip_deck_at(s->deck, knots, index, q, out);
}

/* a - b where rounding may leave crumbs: nothing below a trillionth of a. */
static double rest(double a, double b) {
  return a - b > a * 1e-12 ? a - b : 0;
}

/* ---- the beginning ---- */

static void install(scenario_state *st, size_t fleet, const slip_lanes train, const slip_lanes serve) {
  EACH {
    st->first_train[fleet][l] += train[l];
    st->first_serve[fleet][l] += serve[l];
    st->train[fleet][l] += train[l];
    st->serve[fleet][l] += serve[l];
  }
}

/* Share of the budget's money that goes to training, for chips bought before the scenario. */
static void mean_training(const slip_scenario *s, const slip_lanes *knots, slip_lanes out) {
  slip_lanes share, training;
  memset(out, 0, sizeof(slip_lanes));
  for (size_t b = 0; b < s->n_buyers; b++) {
    at(s, knots, s->buyers[b].share, s->from, share);
    at(s, knots, s->buyers[b].training, s->from, training);
    EACH out[l] += share[l] * training[l];
  }
}

SLIP_WIDE void scenario_start(const slip_scenario *s, const slip_lanes *knots, scenario_state *st) {
  slip_lanes part, chips, train, serve;
  memset(st, 0, offsetof(scenario_state, cohort_train));
  supply_start(s->supply, &st->supply);
  mean_training(s, knots, part);
  for (slip_quarter q = s->supply->from; q < s->from; q++) {
    supply_step(s->supply, s->deck, knots, q, &st->supply);
    for (size_t p = 0; p < s->supply->n_products; p++) {
      EACH {
        train[l] = st->supply.made[p][l] * part[l];
        serve[l] = st->supply.made[p][l] - train[l];
      }
      install(st, s->product_fleet[p], train, serve);
    }
  }
  for (size_t i = 0; i < s->n_installed; i++) {
    at(s, knots, s->installed[i].chips, s->from, chips);
    at(s, knots, s->installed[i].training, s->from, part);
    EACH {
      train[l] = chips[l] * part[l];
      serve[l] = chips[l] - train[l];
    }
    install(st, s->installed[i].fleet, train, serve);
  }
}

/* ---- retiring ---- */

/* What was there at the beginning goes evenly over one life; what is bought goes when its own is over. */
static void retire_some(slip_lanes chips, const slip_lanes leaving, double share, slip_lanes gone) {
  EACH {
    const double n = leaving[l] * share, left = rest(chips[l], n);
    gone[l] += chips[l] - left;
    chips[l] = left;
  }
}

static void retire(const slip_scenario *s, size_t q, scenario_state *st) {
  const size_t life = (size_t)s->life_quarters;
  double *gone = st->measures[SLIP_RETIRED];
  for (size_t f = 0; f < s->n_fleets; f++) {
    const bool is_first = q < life;
    if (s->fleets[f].source == SCENARIO_RENTED || !s->fleets[f].is_used || (is_first && !s->fleets[f].is_old))
      continue;
    const double share = is_first ? 1.0 / (double)life : 1;
    retire_some(st->train[f], is_first ? st->first_train[f] : st->cohort_train[f][q - life], share, gone);
    retire_some(st->serve[f], is_first ? st->first_serve[f] : st->cohort_serve[f][q - life], share, gone);
  }
}

/* ---- buying ---- */

static void open_purse(const slip_scenario *s, const slip_lanes *knots, slip_quarter q, purse *p) {
  slip_lanes market, share;
  at(s, knots, s->market, q, market);
  at(s, knots, s->reading, q, p->reading);
  at(s, knots, s->site, q, p->site);
  memset(p->budget, 0, sizeof p->budget);
  for (size_t b = 0; b < s->n_buyers; b++) {
    at(s, knots, s->buyers[b].share, q, share);
    at(s, knots, s->buyers[b].training, q, p->training[b]);
    EACH {
      p->left[b][l] = market[l] * 1e9 / 4 * share[l];
      p->budget[l] += p->left[b][l];
    }
    memcpy(p->abroad[b], p->left[b], sizeof(slip_lanes));
    if (s->buyers[b].has_home) {
      at(s, knots, s->buyers[b].home, q, share);
      EACH p->abroad[b][l] *= 1 - share[l];
    }
  }
}

/* Buyers would spend `most` each; when that is more than is on offer, each gets the same part of his wish, `part`. */
static void buy(const slip_scenario *s, const purse *p, const slip_lanes *most, const slip_lanes price,
                const slip_lanes offer, slip_lanes part, slip_lanes train, slip_lanes serve) {
  slip_lanes all = {0}, to_train = {0};
  for (size_t b = 0; b < s->n_buyers; b++) {
    EACH {
      all[l] += most[b][l];
      to_train[l] += most[b][l] * p->training[b][l];
    }
  }
  EACH {
    const double offered = offer[l] * price[l], share = all[l] > offered ? offered / all[l] : 1;
    const double chips_per_usd = share / price[l];
    part[l] = share;
    train[l] = to_train[l] * chips_per_usd;
    serve[l] = (all[l] - to_train[l]) * chips_per_usd;
  }
}

/* Whether what is bought in quarter q retires before the scenario ends. */
static bool retires(const slip_scenario *s, size_t q) {
  return q + (size_t)s->life_quarters < s->n_quarters;
}

/* Chips of this quarter join a fleet; hardware and building are paid. */
static void join(const slip_scenario *s, const purse *p, size_t fleet, size_t q, const slip_lanes train,
                 const slip_lanes serve, const slip_lanes price, scenario_state *st) {
  const double w = s->fleets[fleet].system->power_w / s->fleets[fleet].system->chips;
  double *hardware = st->measures[SLIP_COST_HARDWARE], *site = st->measures[SLIP_COST_SITE];
  EACH {
    const double chips = train[l] + serve[l];
    st->train[fleet][l] += train[l];
    st->serve[fleet][l] += serve[l];
    hardware[l] += chips * price[l];
    site[l] += chips * w * p->site[l];
  }
  if (!retires(s, q))
    return;
  EACH {
    st->cohort_train[fleet][q][l] += train[l];
    st->cohort_serve[fleet][q][l] += serve[l];
  }
}

/* What gets through, per buyer: between the strictest and the mildest reading; then the least of the Chinese rules that hold, those of
 * which nobody knows whether they do as far as they are read strictly. */
static void read_grant(const slip_scenario *s, const slip_lanes *knots, const scenario_grant *g, slip_quarter q,
                       const slip_lanes reading, slip_lanes out) {
  slip_lanes mild, limit;
  at(s, knots, g->strict, q, out);
  if (g->mild != g->strict) {
    at(s, knots, g->mild, q, mild);
    EACH out[l] += reading[l] * (mild[l] - out[l]);
  }
  for (size_t i = 0; i < g->n_china; i++) {
    at(s, knots, g->china[i].share, q, limit);
    if (!g->china[i].is_certain)
      EACH limit[l] += reading[l] * (1 - limit[l]);
    EACH out[l] = limit[l] < out[l] ? limit[l] : out[l];
  }
}

static void import_one(const slip_scenario *s, const slip_lanes *knots, const scenario_import *in, size_t q,
                       purse *p, scenario_state *st) {
  const slip_quarter quarter = s->from + (slip_quarter)q;
  slip_lanes most[SCENARIO_BUYERS], price, fee, paid, offer, cap, part, train, serve;
  double *chips = st->measures[SLIP_BOUGHT_IMPORTED], *revenue = st->measures[SLIP_REVENUE_FOREIGN],
         *fees = st->measures[SLIP_FEES];
  at(s, knots, in->offered, quarter, offer);
  for (size_t i = 0; i < in->n_caps; i++) {
    at(s, knots, in->caps[i], quarter, cap);
    EACH offer[l] = cap[l] < offer[l] ? cap[l] : offer[l];
  }
  at(s, knots, in->fee, quarter, fee);
  if (in->has_price)
    at(s, knots, in->price, quarter, price);
  EACH {
    offer[l] /= 4;
    price[l] = in->has_price ? price[l] : s->fleets[in->fleet].price_usd;
    paid[l] = in->buyer_pays_fee ? price[l] * (1 + fee[l]) : price[l];
  }
  for (size_t b = 0; b < s->n_buyers; b++) {
    read_grant(s, knots, &in->grants[b * s->n_quarters + q], quarter, p->reading, most[b]);
    EACH most[b][l] *= p->left[b][l] < p->abroad[b][l] ? p->left[b][l] : p->abroad[b][l];
  }
  buy(s, p, (const slip_lanes *)most, paid, offer, part, train, serve);
  for (size_t b = 0; b < s->n_buyers; b++) {
    EACH {
      const double usd = most[b][l] * part[l];
      p->left[b][l] = rest(p->left[b][l], usd);
      p->abroad[b][l] = rest(p->abroad[b][l], usd);
    }
  }
  join(s, p, in->fleet, q, train, serve, paid, st);
  EACH {
    const double n = train[l] + serve[l], fee_usd = n * price[l] * fee[l];
    chips[l] += n;
    fees[l] += fee_usd;
    revenue[l] += n * paid[l] - fee_usd;
  }
}

static void buy_at_home(const slip_scenario *s, size_t q, purse *p, scenario_state *st) {
  slip_lanes price, part, train, serve;
  double *chips = st->measures[SLIP_BOUGHT_DOMESTIC], *revenue = st->measures[SLIP_REVENUE_DOMESTIC];
  for (size_t i = 0; i < s->supply->n_products; i++) {
    const size_t fleet = s->product_fleet[i];
    EACH price[l] = s->fleets[fleet].price_usd;
    buy(s, p, (const slip_lanes *)p->left, price, st->unsold[i], part, train, serve);
    for (size_t b = 0; b < s->n_buyers; b++)
      EACH p->left[b][l] = rest(p->left[b][l], p->left[b][l] * part[l]);
    join(s, p, fleet, q, train, serve, price, st);
    EACH {
      const double n = train[l] + serve[l];
      st->unsold[i][l] = rest(st->unsold[i][l], n);
      chips[l] += n;
      revenue[l] += n * price[l];
    }
  }
}

/* A wanted domestic share: buyers buy at home first, and abroad no more than (1 - share) / share of what they bought at home. */
static void limit_imports(const slip_scenario *s, const slip_lanes *knots, slip_quarter q, const slip_lanes *before,
                          purse *p, scenario_state *st) {
  slip_lanes floor, abroad;
  double *needed = st->measures[SLIP_NEEDED_DOMESTIC];
  at(s, knots, s->floor, q, floor);
  EACH abroad[l] = floor[l] > 0 ? (1 - floor[l]) / floor[l] : 0;
  for (size_t b = 0; b < s->n_buyers; b++) {
    EACH {
      const double home = before[b][l] - p->left[b][l];
      const double most = floor[l] > 0 ? home * abroad[l] : before[b][l];
      p->abroad[b][l] = most < p->abroad[b][l] ? most : p->abroad[b][l];
    }
  }
  EACH needed[l] = floor[l] * p->budget[l] / s->fleets[s->product_fleet[0]].price_usd;
}

static void spend(const slip_scenario *s, const slip_lanes *knots, size_t q, scenario_state *st) {
  const slip_quarter quarter = s->from + (slip_quarter)q;
  purse p;
  slip_lanes before[SCENARIO_BUYERS];
  open_purse(s, knots, quarter, &p);
  if (s->has_floor) {
    memcpy(before, p.left, s->n_buyers * sizeof *before);
    buy_at_home(s, q, &p, st);
    limit_imports(s, knots, quarter, (const slip_lanes *)before, &p, st);
  }
  for (size_t i = 0; i < s->n_imports; i++)
    if (s->imports[i].grants[q].mode != SCENARIO_BLOCKADE) /* the mode is that of all buyers */
      import_one(s, knots, &s->imports[i], q, &p, st);
  if (!s->has_floor)
    buy_at_home(s, q, &p, st);
  memcpy(st->measures[SLIP_BUDGET], p.budget, sizeof(slip_lanes));
  for (size_t b = 0; b < s->n_buyers; b++)
    EACH st->measures[SLIP_UNSPENT][l] += p.left[b][l];
}

/* ---- abroad ---- */

static void rent(const slip_scenario *s, const slip_lanes *knots, slip_quarter q, scenario_state *st) {
  slip_lanes chips, usd, training;
  for (size_t f = 0; f < s->n_fleets; f++) {
    if (s->fleets[f].source == SCENARIO_RENTED) {
      memset(st->train[f], 0, sizeof(slip_lanes));
      memset(st->serve[f], 0, sizeof(slip_lanes));
    }
  }
  for (size_t i = 0; i < s->n_abroad; i++) {
    const scenario_abroad *a = &s->abroad[i];
    at(s, knots, a->chips, q, chips);
    at(s, knots, a->rent, q, usd);
    at(s, knots, a->training, q, training);
    EACH {
      st->train[a->fleet][l] += chips[l] * training[l];
      st->serve[a->fleet][l] += chips[l] * (1 - training[l]);
      st->measures[SLIP_RENTED_ABROAD][l] += chips[l];
      st->measures[SLIP_COST_RENT][l] += chips[l] * usd[l] * (SECONDS_PER_QUARTER / 3600);
    }
  }
}

/* ---- what the fleets do ---- */

/* Sums over fleets; apart from the state, so that nothing else can change them meanwhile. */
typedef struct doing {
  slip_lanes compute[SCENARIO_SOURCES], runs, largest, tokens, installed, power, energy_usd;
} doing;

/* What a fleet trains and serves. */
static void results_of(const slip_scenario *s, const slip_lanes *knots, slip_quarter q, const scenario_fleet *fleet,
                       const slip_lanes train, const slip_lanes serve, doing *d) {
  const double runs = SECONDS_PER_YEAR / s->model->train_tokens,
               flop = 6 * slip_model_active_params(s->model) * 90 * 86400;
  double *compute = d->compute[fleet->source];
  slip_lanes trains, serves;
  at(s, knots, fleet->train_rate, q, trains);
  at(s, knots, fleet->serve_rate, q, serves);
  EACH {
    const double tokens = train[l] * trains[l]; /* a second, while all work */
    compute[l] += (train[l] + serve[l]) * fleet->peak_flops;
    d->runs[l] += tokens * runs;
    d->largest[l] = tokens * flop > d->largest[l] ? tokens * flop : d->largest[l];
    d->tokens[l] += serve[l] * serves[l] * 86400;
  }
}

/* What a fleet at home draws. */
static void power_of(const slip_scenario *s, const scenario_fleet *fleet, const slip_lanes train,
                     const slip_lanes serve, const slip_lanes discount, doing *d) {
  const slip_region *region = s->regions[fleet->source];
  const double train_w = fleet->train_w * region->pue, serve_w = fleet->serve_w * region->pue;
  const double usd_per_j = region->power_usd_per_j;
  EACH {
    const double w = train[l] * train_w + serve[l] * serve_w;
    d->installed[l] += train[l] + serve[l];
    d->power[l] += w;
    d->energy_usd[l] +=
        w * usd_per_j * (fleet->source == SCENARIO_DOMESTIC ? discount[l] : 1) * SECONDS_PER_QUARTER;
  }
}

static void work(const slip_scenario *s, const slip_lanes *knots, slip_quarter q, bool results,
                 scenario_state *st) {
  slip_lanes utilisation, discount;
  slip_lanes *m = st->measures;
  doing d = {0};
  at(s, knots, s->utilisation, q, utilisation);
  at(s, knots, s->subsidy, q, discount);
  EACH discount[l] = 1 - discount[l];
  for (size_t f = 0; f < s->n_fleets; f++) {
    const scenario_fleet *fleet = &s->fleets[f];
    if (!fleet->is_used)
      continue;
    if (results)
      results_of(s, knots, q, fleet, st->train[f], st->serve[f], &d);
    if (fleet->source != SCENARIO_RENTED)
      power_of(s, fleet, st->train[f], st->serve[f], discount, &d);
  }
  memcpy(m[SLIP_COMPUTE_DOMESTIC], d.compute, sizeof d.compute);
  memcpy(m[SLIP_INSTALLED], d.installed, sizeof d.installed);
  memcpy(m[SLIP_POWER_W], d.power, sizeof d.power);
  EACH {
    m[SLIP_RUNS][l] = d.runs[l] * utilisation[l];
    m[SLIP_LARGEST_FLOP][l] = d.largest[l] * utilisation[l];
    m[SLIP_TOKENS_DAY][l] = d.tokens[l] * utilisation[l];
    m[SLIP_ENERGY_J][l] = d.power[l] * utilisation[l] * SECONDS_PER_QUARTER;
    m[SLIP_COST_ENERGY][l] = d.energy_usd[l] * utilisation[l];
  }
}

static void conclude(scenario_state *st, bool results) {
  slip_lanes *m = st->measures;
  EACH m[SLIP_COST][l] =
      m[SLIP_COST_HARDWARE][l] + m[SLIP_COST_SITE][l] + m[SLIP_COST_ENERGY][l] + m[SLIP_COST_RENT][l];
  if (!results)
    return;
  EACH {
    const double chips = m[SLIP_BOUGHT_DOMESTIC][l] + m[SLIP_BOUGHT_IMPORTED][l];
    const double compute = m[SLIP_COMPUTE_DOMESTIC][l] + m[SLIP_COMPUTE_IMPORTED][l] + m[SLIP_COMPUTE_ABROAD][l];
    m[SLIP_DOMESTIC_SHARE][l] = chips > 0 ? m[SLIP_BOUGHT_DOMESTIC][l] / chips : 0;
    m[SLIP_COMPUTE_SHARE][l] = compute > 0 ? m[SLIP_COMPUTE_DOMESTIC][l] / compute : 0;
    m[SLIP_DAYS][l] = m[SLIP_RUNS][l] > 0 ? 365.25 / m[SLIP_RUNS][l] : 0;
    m[SLIP_LARGEST_PARAMS][l] = sqrt(m[SLIP_LARGEST_FLOP][l] * (1.0 / 120)); /* C = 6 N D, D = 20 N */
  }
}

SLIP_WIDE void scenario_quarter(const slip_scenario *s, const slip_lanes *knots, size_t q, bool results,
                                scenario_state *st) {
  const slip_quarter quarter = s->from + (slip_quarter)q;
  memset(st->measures, 0, sizeof st->measures);
  for (size_t f = 0; retires(s, q) && f < s->n_fleets; f++) {
    memset(st->cohort_train[f][q], 0, sizeof(slip_lanes));
    memset(st->cohort_serve[f][q], 0, sizeof(slip_lanes));
  }
  supply_step(s->supply, s->deck, knots, quarter, &st->supply);
  for (size_t p = 0; p < s->supply->n_products; p++) {
    EACH {
      st->unsold[p][l] += st->supply.made[p][l];
      st->measures[SLIP_MADE][l] += st->supply.made[p][l];
    }
  }
  retire(s, q, st);
  spend(s, knots, q, st);
  rent(s, knots, quarter, st);
  for (size_t p = 0; p < s->supply->n_products; p++)
    EACH st->measures[SLIP_UNSOLD][l] += st->unsold[p][l];
  work(s, knots, quarter, results, st);
  conclude(st, results);
}
