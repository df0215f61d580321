/* Random scenario files over the whole grammar, each with a supply file of its own: whatever is valid keeps chips, dies, money and energy, is
 * finite and does not hang on the number of threads; whatever a slip of the pen makes of it is refused with its place, or just as sound. */
#define _GNU_SOURCE
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the four above */
#include <cmocka.h>

#include "base/random.h"
#include "scenario/scenario_internal.h"

enum { FILES = 150, RENAMED = 300, SCRATCHED = 300, TEXT_MAX = 1 << 16, INPUTS_MAX = 40 };

static slip_catalog *catalog;
static slip_rules *rules;
static char folder[] = "/tmp/slipstick-files-XXXXXX", supply_path[64], scenario_path[64];

/* ---- dice ---- */

static uint32_t stream, thrown;

static double uniform(void) {
  double u;
  slip_random_uniform(2026, stream, thrown++, 1, &u);
  return u;
}

static int below(int n) {
  return (int)(uniform() * n);
}

static bool maybe(double chance) {
  return uniform() < chance;
}

static const char *one_of(const char *const *words, int n) {
  return words[below(n)];
}
#define ONE_OF(words) one_of((words), (int)(sizeof(words) / sizeof *(words)))

/* ---- text ---- */

typedef struct page {
  char text[TEXT_MAX];
  size_t n;
} page;

/* A file while it is written: its body and the inputs that the body refers to, which come after it. */
typedef struct draft {
  page body, inputs;
  char prefix; /* of the ids of its inputs: those of both files are joined */
  int n_inputs;
} draft;

__attribute__((format(printf, 2, 3))) static void put(page *p, const char *format, ...) {
  va_list args;
  va_start(args, format);
  p->n += (size_t)vsnprintf(p->text + p->n, TEXT_MAX - p->n, format, args);
  va_end(args);
  assert_true(p->n < TEXT_MAX);
}

/* Three numbers in low..high that rise; the narrow case is a range that is one point. */
static void put_range(page *p, bool has_mode, double low, double high) {
  const double width = high - low, a = low + 0.6 * uniform() * width,
               c = maybe(0.1) ? a : a + 0.4 * uniform() * width;
  const double b = a + uniform() * (c - a);
  if (maybe(0.1))
    put(p, "value: %.17g", a);
  else if (has_mode && maybe(0.7))
    put(p, "low: %.17g, mode: %.17g, high: %.17g", a, b, c);
  else
    put(p, "low: %.17g, high: %.17g", a, c);
}

/* An input of random shape and path, within low..high. */
static void put_input(draft *d, double low, double high) {
  static const char *const shapes[] = {"triangular", "uniform", "lognormal"};
  const int shape = below(low > 0 && high > 10 ? 3 : 2), steps = below(4);
  page *p = &d->inputs;
  const double most = shape == 2 ? high / 10 : high; /* a lognormal's tail passes its high */
  put(p, "  - id: %c%d\n    title: input %d\n    unit: units\n", d->prefix, d->n_inputs, d->n_inputs);
  if (shape != 0 || maybe(0.5))
    put(p, "    shape: %s\n", shapes[shape]);
  if (steps == 0) {
    put(p, "    range: {");
    put_range(p, shape != 2, low, most);
    put(p, "}\n");
  } else {
    int quarter = 4 * 2024 + below(8);
    put(p, "    path:\n");
    for (int i = 0; i < steps; i++, quarter += 1 + below(12)) {
      put(p, "      - {quarter: %dQ%d, ", quarter / 4, quarter % 4 + 1);
      put_range(p, shape != 2, low, most);
      put(p, "}\n");
    }
  }
  put(p, "    sources:\n      - {source: dice, date: \"2026-11-28\", confidence: assumed}\n");
  d->n_inputs++;
}

/* What stands where an input may stand: an id or a number (the ends of what is allowed among them). */
static const char *value(draft *d, double low, double high) {
  static char text[8][40];
  static unsigned turn;
  char *out = text[turn++ % 8];
  if (d->n_inputs < INPUTS_MAX && maybe(0.5)) {
    snprintf(out, sizeof text[0], "%c%d", d->prefix, d->n_inputs);
    put_input(d, low, high);
  } else {
    snprintf(out, sizeof text[0], "%.17g", maybe(0.15) ? low : maybe(0.1) ? high : low + uniform() * (high - low));
  }
  return out;
}

/* ---- a supply file ---- */

static void put_made(draft *d) {
  static const char *const models[] = {"poisson", "murphy", "negative-binomial"};
  page *p = &d->body;
  const int kind = below(4);
  const double area = 50 + 700 * uniform();
  put(p, "    made:\n      wafers: %s\n", value(d, 0, 30000));
  if (kind < 3 || maybe(0.5)) {
    put(p, "      die_mm2: %.17g\n", area);
    if (maybe(0.3))
      put(p, "      diameter_mm: %d\n", maybe(0.5) ? 200 : 300);
  } else {
    put(p, "      dies_per_wafer: %s\n", value(d, 10, 900));
  }
  if (kind == 3)
    put(p, "      yield: {given: %s}\n", value(d, 0, 1));
  else
    put(p, "      yield: {model: %s, defects: %s%s%s}\n", models[kind], value(d, 0, 2),
        kind == 2 ? ", clustering: " : "", kind == 2 ? value(d, 0.5, 20) : "");
}

static void put_pools(draft *d, int count) {
  page *p = &d->body;
  put(p, "pools:\n");
  for (int i = 0; i < count; i++) {
    put(p, "  - id: pool%d\n    title: pool %d\n    unit: dies\n", i, i);
    if (maybe(0.6))
      put(p, "    start: %s\n    release: %s\n", value(d, 0, 3e6), value(d, 1, 20));
    if (maybe(0.7))
      put_made(d);
    if (maybe(0.3))
      put(p, "    arrives: [%s, %s]\n", value(d, 0, 1e6), value(d, 0, 1e5));
  }
}

static void put_products(draft *d, int pools) {
  static const char *const systems[] = {"cloudmatrix384", "atlas-800t-a2"};
  page *p = &d->body;
  put(p, "products:\n");
  for (int i = 0, count = 1 + below(4); i < count; i++) {
    const int first = below(pools), second = (first + 1) % pools;
    put(p, "  - id: product%d\n    title: product %d\n    system: %s\n    share: %s\n    packaging_yield: %s\n", i,
        i, ONE_OF(systems), value(d, 0, 1), value(d, 0, 1));
    if (maybe(0.3))
      put(p, "    capacity: %s\n", value(d, 0, 3e5));
    put(p, "    needs:\n      - {pool: pool%d, each: %d}\n", first, 1 + below(4));
    if (second != first && maybe(0.6))
      put(p, "      - {pool: pool%d, each: %d}\n", second, 1 + below(8));
  }
}

static void write_supply(draft *d, int from) {
  const int pools = 1 + below(4);
  *d = (draft){.prefix = 'p'};
  put(&d->body, "kind: supply\nname: dice\ntitle: dice\nseen: today\nfrom: %dQ%d\n", from / 4, from % 4 + 1);
  put_input(d, 0, 1); /* the list is never empty */
  put_pools(d, pools);
  put_products(d, pools);
  put(&d->body, "inputs:\n%s", d->inputs.text);
}

/* ---- a scenario file ---- */

static void put_demand(draft *d) {
  static const char *const users[] = {"commercial", "cloud-provider", "public-sector", "university"};
  page *p = &d->body;
  int left = 100;
  const int count = 1 + below(4);
  put(p, "demand:\n  market: %s\n  utilisation: %s\n  site: %s\n  buyers:\n", value(d, 0, 200), value(d, 0, 1),
      value(d, 0, 20));
  for (int i = 0; i < count; i++) {
    const int part = i + 1 == count ? left : below(left + 1);
    left -= part;
    put(p, "    - id: buyer%d\n      title: buyer %d\n      end_user: %s\n      share: %g\n      training: %s\n", i,
        i, ONE_OF(users), part / 100.0, value(d, 0, 1));
    if (maybe(0.5))
      put(p, "      home: %s\n", value(d, 0, 1));
    if (maybe(0.5))
      put(p, "      given: {large_tech_firm: \"%s\", state_funded: \"%s\"}\n", maybe(0.5) ? "yes" : "no",
          maybe(0.5) ? "yes" : "no");
  }
}

static void put_policy(draft *d, int from) {
  static const char *const modes[] = {"blockade", "open", "rules"};
  page *p = &d->body;
  int quarter = from - below(3);
  put(p, "    policy:\n");
  for (int i = 0, count = 1 + below(3); i < count; i++, quarter += 1 + below(9)) {
    const char *mode = ONE_OF(modes);
    put(p, "      - from: %dQ%d\n        mode: %s\n", quarter / 4, quarter % 4 + 1, mode);
    if (strcmp(mode, "rules") == 0 && maybe(0.5))
      put(p,
          "        given: {cert_parameters: \"yes\", cert_us_available: \"%s\", volume: \"%d\", cn_units_before: "
          "\"0\", us_units: \"1000000\"}\n",
          maybe(0.5) ? "yes" : "no", below(200000));
  }
  put(p, "    review: {denial: %s, presumption of denial: %s, ", value(d, 0, 1), value(d, 0, 1));
  put(p, "case by case: %s, presumption of approval: %s, not asked: %s}\n", value(d, 0, 1), value(d, 0, 1),
      value(d, 0, 1));
  if (maybe(0.5))
    put(p, "    china: {CN-STATE-DC: %s, CN-H20-CAUTION: %s, CN-H200-JUSTIFY: %s}\n", value(d, 0, 1),
        value(d, 0, 1), value(d, 0, 1));
}

static const char *const foreign[] = {"hgx-h200", "hgx-h20", "gb200-nvl72", "hgx-b200", "hgx-h800"};

static void put_imports(draft *d, int from) {
  page *p = &d->body;
  const int count = below(5);
  put(p, count ? "imports:\n" : "imports: []\n");
  for (int i = 0; i < count; i++) {
    put(p, "  - id: import%d\n    title: import %d\n    system: %s\n    offered: %s\n", i, i, ONE_OF(foreign),
        value(d, 0, 3e6));
    if (maybe(0.5))
      put(p, "    caps: [%s, %s]\n", value(d, 0, 1e6), value(d, 0, 2e6));
    if (maybe(0.5))
      put(p, "    fee: {share: %s, paid_by: %s}\n", value(d, 0, 1), maybe(0.5) ? "vendor" : "buyer");
    if (maybe(0.4))
      put(p, "    price: %s\n", value(d, 1000, 1e5));
    put_policy(d, from);
  }
}

static void put_rest(draft *d) {
  static const char *const regions[] = {"china-industrial", "china-west", "eu",       "korea",
                                        "taiwan",           "us-average", "us-texas", "us-virginia"};
  page *p = &d->body;
  put(p, "regions: {domestic: %s, imported: %s, abroad: %s}\n", ONE_OF(regions), ONE_OF(regions), ONE_OF(regions));
  put(p, "reading: %s\n", value(d, 0, 1));
  if (maybe(0.3))
    put(p, "domestic_share: %s\n", value(d, 0, 1));
  if (maybe(0.4))
    put(p, "power_subsidy: %s\n", value(d, 0, 1));
  if (maybe(0.6))
    put(p, "installed:\n  - {system: %s, chips: %s, training: %s, source: %s}\n", ONE_OF(foreign), value(d, 0, 1e6),
        value(d, 0, 1), maybe(0.5) ? "imported" : "domestic");
  if (maybe(0.4))
    put(p, "abroad:\n  - {id: far, system: %s, chips: %s, rent: %s, training: %s}\n", ONE_OF(foreign),
        value(d, 0, 1e6), value(d, 0, 10), value(d, 0, 1));
  if (maybe(0.3))
    put(p,
        "known:\n  - {title: charge, unit: USD, kind: charge, sales: %s, quarters: %s, cost_share: %s, published: "
        "[{value: 5, source: dice, "
        "date: \"2026\", confidence: low}]}\n",
        value(d, 0, 1e10), value(d, 0, 5), value(d, 0, 1));
}

static void write_scenario(draft *d, int from) {
  *d = (draft){.prefix = 's'};
  put(&d->body, "kind: scenario\nname: dice\ntitle: dice\nsummary: dice\nseen: today\nfrom: %dQ1\nto: %dQ4\n",
      from / 4, from / 4 + below(7));
  put(&d->body, "supply: %s\nmodel: deepseek-v3\ncluster: %d\nlife_years: %d\n", supply_path, 1 + below(4096),
      1 + below(8));
  put_input(d, 0, 1);
  put_demand(d);
  put_imports(d, from);
  put_rest(d);
  put(&d->body, "inputs:\n%s", d->inputs.text);
}

/* Both files of one number. */
static void write_both(uint32_t number, draft *supply, draft *scenario) {
  stream = number, thrown = 0;
  const int from = 4 * (2025 + below(4));
  write_supply(supply, from - below(9));
  write_scenario(scenario, from);
}

static void save(const char *path, const char *text, size_t n) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_true(fwrite(text, 1, n, file) == n);
  assert_int_equal(fclose(file), 0);
}

/* ---- what holds for every scenario ---- */

/* Rates that no search gave, different for every fleet: a thousand times its place. */
static void pretend_estimates(slip_scenario *s) {
  char digits[16];
  const slip_node rate = {.kind = SLIP_NODE_SCALAR, .text = digits, .file = "test"};
  for (size_t f = 0; f < s->n_fleets; f++) {
    scenario_fleet *fleet = &s->fleets[f];
    snprintf(digits, sizeof digits, "%zu", 1000 * (f + 1));
    assert_int_equal(slip_deck_refer(s->deck, &rate, 0, 1e9, &fleet->train_rate, NULL), SLIP_OK);
    fleet->serve_rate = fleet->train_rate;
    fleet->train_w = 1000, fleet->serve_w = 500;
    fleet->is_estimated = true;
  }
  assert_int_equal(slip_deck_finish(s->deck, NULL), SLIP_OK);
}

typedef struct ledger {
  slip_lanes first, bought, retired, made, sold; /* chips */
  slip_lanes inflow[SUPPLY_POOLS],
      spent[SUPPLY_POOLS]; /* dies, stacks: what the inputs say comes in, and what good chips hold */
} ledger;

static const char *what; /* fails: the files of which number, or which change */

static void holds(bool condition, const char *claim, const slip_scenario *s, size_t q) {
  if (!condition)
    fail_msg("%s, quarter %zu of %s: not true that %s", what, q, s->file, claim);
}
#define HOLDS(condition, claim) holds((condition), (claim), s, q)

static bool same(double a, double b, double size) {
  return fabs(a - b) <= 1e-9 * (1 + fabs(size));
}

/* Dies that come into a pool in one quarter, at most: 3 months of wafers x dies x yield, arrivals, and the stock (at once). */
static void add_inflow(const slip_scenario *s, const slip_lanes *knots, slip_quarter quarter, ledger *t) {
  slip_lanes a, b;
  for (size_t p = 0; p < s->supply->n_pools; p++) {
    const supply_pool *pool = &s->supply->pools[p];
    if (pool->has_start && quarter == s->supply->from) {
      slip_deck_at(s->deck, knots, pool->start, quarter, a);
      for (int l = 0; l < SLIP_LANES; l++)
        t->inflow[p][l] += a[l];
    }
    for (size_t i = 0; i < pool->n_arrives; i++) {
      slip_deck_at(s->deck, knots, pool->arrives[i], quarter, a);
      for (int l = 0; l < SLIP_LANES; l++)
        t->inflow[p][l] += a[l];
    }
    if (!pool->is_made)
      continue;
    slip_deck_at(s->deck, knots, pool->wafers, quarter, a);
    for (int l = 0; l < SLIP_LANES; l++)
      b[l] = M_PI * pool->diameter_mm * pool->diameter_mm / 4 /
             (pool->die_mm2 > 0 ? pool->die_mm2 : 1); /* no round wafer holds more */
    if (!(pool->die_mm2 > 0))
      slip_deck_at(s->deck, knots, pool->dies_per_wafer, quarter, b);
    for (int l = 0; l < SLIP_LANES; l++)
      a[l] *= 3 * b[l];
    if (pool->yield_given)
      slip_deck_at(s->deck, knots, pool->yield, quarter, b);
    else
      slip_deck_at(s->deck, knots, pool->defects, quarter, b);
    for (int l = 0; l < SLIP_LANES;
         l++) { /* Murphy's is the mildest of the models but for strong clustering, where 1 bounds it */
      const double faults = pool->yield_given ? 0 : pool->die_mm2 / 100 * b[l];
      const double poisson = exp(-faults), murphy = faults > 0 ? pow((1 - poisson) / faults, 2) : 1;
      t->inflow[p][l] += a[l] * (pool->yield_given                   ? b[l]
                                 : pool->model == SLIP_YIELD_POISSON ? poisson
                                 : pool->model == SLIP_YIELD_MURPHY  ? murphy
                                                                     : 1);
    }
  }
}

/* No more chips than wafers, stacks and stocks allow. */
static void check_supply(const slip_scenario *s, const scenario_state *st, size_t q, ledger *t) {
  for (size_t i = 0; i < s->supply->n_products; i++)
    for (size_t k = 0; k < s->supply->products[i].n_needs; k++)
      for (int l = 0; l < SLIP_LANES; l++)
        t->spent[s->supply->products[i].needs[k].pool][l] +=
            st->supply.made[i][l] * s->supply->products[i].needs[k].each;
  for (size_t p = 0; p < s->supply->n_pools; p++)
    for (int l = 0; l < SLIP_LANES; l++) {
      HOLDS(t->spent[p][l] <= t->inflow[p][l] * (1 + 1e-9) + 1e-6, "chips hold no more dies than came in");
      HOLDS(same(st->supply.used[p][l] + st->supply.stock[p][l], st->supply.inflow[p][l], st->supply.inflow[p][l]),
            "dies in = used + left over");
      HOLDS(st->supply.stock[p][l] >= 0, "no stock is below 0");
    }
}

/* Imports of a quarter: no more than a quarter of what is offered and of each cap. */
static void check_offers(const slip_scenario *s, const slip_lanes *knots, const scenario_state *st, size_t q) {
  slip_lanes most = {0}, offer, cap;
  for (size_t i = 0; i < s->n_imports; i++) {
    slip_deck_at(s->deck, knots, s->imports[i].offered, s->from + (slip_quarter)q, offer);
    for (size_t c = 0; c < s->imports[i].n_caps; c++) {
      slip_deck_at(s->deck, knots, s->imports[i].caps[c], s->from + (slip_quarter)q, cap);
      for (int l = 0; l < SLIP_LANES; l++)
        offer[l] = fmin(offer[l], cap[l]);
    }
    for (int l = 0; l < SLIP_LANES && s->imports[i].grants[q].mode != SCENARIO_BLOCKADE; l++)
      most[l] += offer[l] / 4;
  }
  for (int l = 0; l < SLIP_LANES; l++)
    HOLDS(st->measures[SLIP_BOUGHT_IMPORTED][l] <= most[l] * (1 + 1e-9),
          "imports stay within offers, caps and blockades");
}

static void check_quarter(const slip_scenario *s, const slip_lanes *knots, const scenario_state *st, size_t q,
                          ledger *t) {
  const slip_lanes *m = st->measures;
  slip_lanes utilisation;
  slip_deck_at(s->deck, knots, s->utilisation, s->from + (slip_quarter)q, utilisation);
  for (int l = 0; l < SLIP_LANES; l++) {
    for (int i = 0; i < SLIP_MEASURES; i++)
      HOLDS(isfinite(m[i][l]) && m[i][l] >= 0, "all measures are finite and none is below 0");
    t->bought[l] += m[SLIP_BOUGHT_DOMESTIC][l] + m[SLIP_BOUGHT_IMPORTED][l];
    t->retired[l] += m[SLIP_RETIRED][l];
    t->made[l] += m[SLIP_MADE][l];
    t->sold[l] += m[SLIP_BOUGHT_DOMESTIC][l];
    HOLDS(same(t->first[l] + t->bought[l], m[SLIP_INSTALLED][l] + t->retired[l], t->first[l] + t->bought[l]),
          "chips in = installed + retired");
    HOLDS(same(t->made[l], t->sold[l] + m[SLIP_UNSOLD][l], t->made[l]), "chips made = sold + in stock");
    HOLDS(same(m[SLIP_COST_HARDWARE][l] + m[SLIP_UNSPENT][l], m[SLIP_BUDGET][l], m[SLIP_BUDGET][l]),
          "budget = hardware + unspent");
    HOLDS(same(m[SLIP_REVENUE_FOREIGN][l] + m[SLIP_REVENUE_DOMESTIC][l] + m[SLIP_FEES][l], m[SLIP_COST_HARDWARE][l],
               m[SLIP_BUDGET][l]),
          "hardware = revenues + fees");
    HOLDS(same(m[SLIP_COST_HARDWARE][l] + m[SLIP_COST_SITE][l] + m[SLIP_COST_ENERGY][l] + m[SLIP_COST_RENT][l],
               m[SLIP_COST][l], m[SLIP_COST][l]),
          "cost = hardware + buildings + energy + rent");
    HOLDS(same(m[SLIP_POWER_W][l] * utilisation[l] * 365.25 * 86400 / 4, m[SLIP_ENERGY_J][l], m[SLIP_ENERGY_J][l]),
          "energy = power x utilisation x time");
    HOLDS(m[SLIP_DOMESTIC_SHARE][l] <= 1 && m[SLIP_COMPUTE_SHARE][l] <= 1, "shares are at most 1");
    for (size_t f = 0; f < s->n_fleets; f++)
      HOLDS(st->train[f][l] >= 0 && st->serve[f][l] >= 0, "no fleet is below 0");
  }
}

static void check_samples(const slip_scenario *s) {
  slip_lanes *knots = calloc(s->deck->n_knots + 1, sizeof *knots);
  const slip_lanes *drawn = (const slip_lanes *)knots;
  scenario_state *st = malloc(sizeof *st);
  ledger *t = calloc(1, sizeof *t);
  assert_true(knots && st && t);
  memset(st, 0xff, sizeof *st); /* scratch is not clean */
  slip_deck_draw(s->deck, 7, 0, knots, NULL);
  scenario_start(s, drawn, st);
  for (slip_quarter quarter = s->supply->from; quarter < s->from; quarter++)
    add_inflow(s, drawn, quarter, t);
  for (size_t f = 0; f < s->n_fleets; f++)
    for (int l = 0; l < SLIP_LANES; l++)
      t->first[l] += st->train[f][l] + st->serve[f][l];
  for (size_t q = 0; q < s->n_quarters; q++) {
    scenario_quarter(s, drawn, q, true, st);
    add_inflow(s, drawn, s->from + (slip_quarter)q, t);
    check_supply(s, st, q, t);
    check_offers(s, drawn, st, q);
    check_quarter(s, drawn, st, q, t);
  }
  free(t);
  free(st);
  free(knots);
}

static slip_scenario_result *run_of(const slip_scenario *s, int threads) {
  const slip_scenario_ask ask = {.samples = 200, .seed = 5, .threads = threads, .quarterly = true};
  slip_scenario_result *r = NULL;
  slip_error err = {.message = ""};
  if (slip_scenario_run(s, &ask, NULL, &r, &err) != SLIP_OK)
    fail_msg("%s: %s", what, err.message);
  return r;
}

static void check_threads(const slip_scenario *s) {
  slip_scenario_result *one = run_of(s, 1), *three = run_of(s, 3);
  assert_memory_equal(one->year, three->year, SLIP_MEASURES * one->n_years * sizeof *one->year);
  assert_memory_equal(one->quarter, three->quarter, SLIP_MEASURES * one->n_quarters * sizeof *one->quarter);
  slip_scenario_result_free(one);
  slip_scenario_result_free(three);
}

/* ---- tests ---- */

static draft supply, scenario; /* too large for the stack */

static slip_status open_saved(slip_scenario **s, slip_error *err) {
  *err = (slip_error){.code = SLIP_OK};
  return slip_scenario_open(scenario_path, catalog, rules, s, err);
}

static void valid_files_are_sound(void **state) {
  char name[32];
  for (uint32_t i = 0; i < FILES; i++) {
    slip_scenario *s = NULL;
    slip_error err;
    snprintf(name, sizeof name, "files %u", i);
    what = name;
    write_both(i, &supply, &scenario);
    save(supply_path, supply.body.text, supply.body.n);
    save(scenario_path, scenario.body.text, scenario.body.n);
    if (open_saved(&s, &err) != SLIP_OK)
      fail_msg("files %u are refused: %s:%d: %s: %s\n%s\n%s", i, err.file, err.line, err.field, err.message,
               supply.body.text, scenario.body.text);
    pretend_estimates(s);
    check_samples(s);
    check_threads(s);
    slip_scenario_free(s);
  }
}

/* The line of a text that a position is on, counted from 1. */
static int line_of(const char *text, size_t at) {
  int line = 1;
  for (size_t i = 0; i < at; i++)
    line += text[i] == '\n';
  return line;
}

/* The first key of a random line. */
static size_t key_at(const page *p) {
  size_t at = (size_t)below((int)p->n);
  while (at > 0 && p->text[at - 1] != '\n')
    at--;
  at += strspn(p->text + at, " -{");
  return at;
}

/* A key with a letter too many is no key: refused in its file, on its line, by its name. */
static void misspelt_keys_are_refused_where_they_are(void **state) {
  char name[48], changed[TEXT_MAX], wrong[64];
  for (uint32_t i = 0; i < RENAMED; i++) {
    write_both(i / 4, &supply, &scenario);
    stream = 1000000 + i;
    const bool in_supply = maybe(0.3);
    const page *p = in_supply ? &supply.body : &scenario.body;
    const size_t at = key_at(p), length = strcspn(p->text + at, ":");
    const int line = line_of(p->text, at);
    slip_scenario *s = NULL;
    slip_error err;
    snprintf(name, sizeof name, "files %u, line %d", i / 4, line);
    what = name;
    snprintf(wrong, sizeof wrong, "x%.*s", (int)length, p->text + at);
    const int n = snprintf(changed, sizeof changed, "%.*sx%s", (int)at, p->text, p->text + at);
    save(supply_path, in_supply ? changed : supply.body.text, in_supply ? (size_t)n : supply.body.n);
    save(scenario_path, in_supply ? scenario.body.text : changed, in_supply ? scenario.body.n : (size_t)n);
    if (open_saved(&s, &err) != SLIP_BAD_INPUT || err.line != line || strcmp(err.field, wrong) != 0 ||
        strcmp(err.file, in_supply ? supply_path : scenario_path) != 0)
      fail_msg("%s, %s of %s: got %s:%d: %s: %s", what, wrong, in_supply ? "supply" : "scenario", err.file,
               err.line, err.field, err.message);
  }
}

/* Replaces `old` bytes at `at`. */
static void splice(page *p, size_t at, size_t old, const char *text) {
  const size_t n = strlen(text);
  assert_true(p->n - old + n < TEXT_MAX);
  memmove(p->text + at + n, p->text + at + old, p->n - at - old + 1);
  memcpy(p->text + at, text, n);
  p->n += n - old;
}

/* One slip of the pen: a line lost or doubled, a number or a byte changed, the end torn off. */
static void scratch(page *p) {
  static const char *const numbers[] = {"-1",   "0",  "1e300", ".nan",     "-.inf", "99999999999999999999",
                                        "\"\"", "[]", "~",     "1.0000001"};
  size_t start = key_at(p), digit = start;
  const int kind = below(5);
  while (start > 0 && p->text[start - 1] != '\n')
    start--;
  const size_t length = strcspn(p->text + start, "\n") + 1;
  char line[1024];
  snprintf(line, sizeof line, "%.*s", (int)length, p->text + start);
  if (kind == 0) {
    splice(p, start, length, "");
  } else if (kind == 1) {
    splice(p, start, 0, line);
  } else if (kind == 2) {
    digit += strcspn(p->text + digit, ":");
    digit += strcspn(p->text + digit, "0123456789");
    splice(p, digit, strspn(p->text + digit, "0123456789.e+-"), ONE_OF(numbers));
  } else if (kind == 3) {
    p->text[below((int)p->n)] = (char)(1 + below(255));
  } else {
    p->n = (size_t)below((int)p->n);
    p->text[p->n] = '\0';
  }
}

static void damaged_files_are_refused_or_sound(void **state) {
  char name[48];
  int refused = 0;
  for (uint32_t i = 0; i < SCRATCHED; i++) {
    slip_scenario *s = NULL;
    slip_error err;
    const size_t before = slip_arena_live_bytes();
    snprintf(name, sizeof name, "damaged files %u", i);
    what = name;
    write_both(i / 2, &supply, &scenario);
    stream = 2000000 + i;
    scratch(maybe(0.3) ? &supply.body : &scenario.body);
    save(supply_path, supply.body.text, supply.body.n);
    save(scenario_path, scenario.body.text, scenario.body.n);
    const slip_status status = open_saved(&s, &err);
    if (status == SLIP_OK) {
      pretend_estimates(s);
      check_samples(s);
    } else {
      refused++;
      /* of a file that cannot be opened there are no lines */
      if (err.message[0] == '\0' || err.file[0] == '\0' || (err.line < 1 && status != SLIP_IO_FAILURE))
        fail_msg("%s: got %s:%d: %s: %s", what, err.file, err.line, err.field, err.message);
    }
    slip_scenario_free(s);
    assert_int_equal(slip_arena_live_bytes(), before);
  }
  assert_true(refused > SCRATCHED / 4 && refused < SCRATCHED); /* both cases are met */
}

static int open_all(void **state) {
  if (!mkdtemp(folder))
    return -1;
  snprintf(supply_path, sizeof supply_path, "%s/supply.yaml", folder);
  snprintf(scenario_path, sizeof scenario_path, "%s/scenario.yaml", folder);
  return slip_catalog_open(NULL, 0, &catalog, NULL) == SLIP_OK && slip_rules_open(NULL, 0, &rules, NULL) == SLIP_OK
             ? 0
             : -1;
}

static int close_all(void **state) {
  slip_rules_free(rules);
  slip_catalog_free(catalog);
  unlink(supply_path);
  unlink(scenario_path);
  return rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(valid_files_are_sound),
      cmocka_unit_test(misspelt_keys_are_refused_where_they_are),
      cmocka_unit_test(damaged_files_are_refused_or_sound),
  };
  return cmocka_run_group_tests(tests, open_all, close_all);
}
