/* Random files of supply and scenarios. */
#include "support/random_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* after the four above */
#include <cmocka.h>

#include "base/random.h"

enum { INPUTS_MAX = 40 };

/* ---- dice ---- */

static uint32_t stream, thrown;

void dice_take(uint32_t number) {
  stream = number, thrown = 0;
}

static double uniform(void) {
  double u;
  slip_random_uniform(2026, stream, thrown++, 1, &u);
  return u;
}

int dice_below(int n) {
  return (int)(uniform() * n);
}

bool dice_maybe(double chance) {
  return uniform() < chance;
}

const char *dice_one_of(const char *const *words, int n) {
  return words[dice_below(n)];
}

/* ---- text ---- */

__attribute__((format(printf, 2, 3))) static void put(random_page *p, const char *format, ...) {
  va_list args;
  va_start(args, format);
  p->n += (size_t)vsnprintf(p->text + p->n, PAGE_MAX - p->n, format, args);
  va_end(args);
  assert_true(p->n < PAGE_MAX);
}

/* Three numbers in low..high that rise; the narrow case is a range that is one point. */
static void put_range(random_page *p, bool has_mode, double low, double high) {
  const double width = high - low, a = low + 0.6 * uniform() * width,
               c = dice_maybe(0.1) ? a : a + 0.4 * uniform() * width;
  const double b = a + uniform() * (c - a);
  if (dice_maybe(0.1))
    put(p, "value: %.17g", a);
  else if (has_mode && dice_maybe(0.7))
    put(p, "low: %.17g, mode: %.17g, high: %.17g", a, b, c);
  else
    put(p, "low: %.17g, high: %.17g", a, c);
}

/* An input of random shape and path, within low..high. */
static void put_input(random_draft *d, double low, double high) {
  static const char *const shapes[] = {"triangular", "uniform", "lognormal"};
  const int shape = dice_below(low > 0 && high > 10 ? 3 : 2), steps = dice_below(4);
  random_page *p = &d->inputs;
  const double most = shape == 2 ? high / 10 : high; /* a lognormal's tail passes its high */
  put(p, "  - id: %c%d\n    title: input %d\n    unit: units\n", d->prefix, d->n_inputs, d->n_inputs);
  if (shape != 0 || dice_maybe(0.5))
    put(p, "    shape: %s\n", shapes[shape]);
  if (steps == 0) {
    put(p, "    range: {");
    put_range(p, shape != 2, low, most);
    put(p, "}\n");
  } else {
    int quarter = 4 * 2024 + dice_below(8);
    put(p, "    path:\n");
    for (int i = 0; i < steps; i++, quarter += 1 + dice_below(12)) {
      put(p, "      - {quarter: %dQ%d, ", quarter / 4, quarter % 4 + 1);
      put_range(p, shape != 2, low, most);
      put(p, "}\n");
    }
  }
  put(p, "    sources:\n      - {source: dice, date: \"2026-11-28\", confidence: assumed}\n");
  d->n_inputs++;
}

/* What stands where an input may stand: an id or a number (the ends of what is allowed among them). */
static const char *value(random_draft *d, double low, double high) {
  static char text[8][40];
  static unsigned turn;
  char *out = text[turn++ % 8];
  if (d->n_inputs < INPUTS_MAX && dice_maybe(0.5)) {
    snprintf(out, sizeof text[0], "%c%d", d->prefix, d->n_inputs);
    put_input(d, low, high);
  } else {
    snprintf(out, sizeof text[0], "%.17g",
             dice_maybe(0.15)  ? low
             : dice_maybe(0.1) ? high
                               : low + uniform() * (high - low));
  }
  return out;
}

/* ---- a supply file ---- */

static void put_made(random_draft *d) {
  static const char *const models[] = {"poisson", "murphy", "negative-binomial"};
  random_page *p = &d->body;
  const int kind = dice_below(4);
  const double area = 50 + 700 * uniform();
  put(p, "    made:\n      wafers: %s\n", value(d, 0, 30000));
  if (kind < 3 || dice_maybe(0.5)) {
    put(p, "      die_mm2: %.17g\n", area);
    if (dice_maybe(0.3))
      put(p, "      diameter_mm: %d\n", dice_maybe(0.5) ? 200 : 300);
  } else {
    put(p, "      dies_per_wafer: %s\n", value(d, 10, 900));
  }
  if (kind == 3)
    put(p, "      yield: {given: %s}\n", value(d, 0, 1));
  else
    put(p, "      yield: {model: %s, defects: %s%s%s}\n", models[kind], value(d, 0, 2),
        kind == 2 ? ", clustering: " : "", kind == 2 ? value(d, 0.5, 20) : "");
}

static void put_pools(random_draft *d, int count) {
  random_page *p = &d->body;
  put(p, "pools:\n");
  for (int i = 0; i < count; i++) {
    put(p, "  - id: pool%d\n    title: pool %d\n    unit: dies\n", i, i);
    if (dice_maybe(0.6))
      put(p, "    start: %s\n    release: %s\n", value(d, 0, 3e6), value(d, 1, 20));
    if (dice_maybe(0.7))
      put_made(d);
    if (dice_maybe(0.3))
      put(p, "    arrives: [%s, %s]\n", value(d, 0, 1e6), value(d, 0, 1e5));
  }
}

static void put_products(random_draft *d, int pools) {
  static const char *const systems[] = {"cloudmatrix384", "atlas-800t-a2"};
  random_page *p = &d->body;
  put(p, "products:\n");
  for (int i = 0, count = 1 + dice_below(4); i < count; i++) {
    const int first = dice_below(pools), second = (first + 1) % pools;
    put(p, "  - id: product%d\n    title: product %d\n    system: %s\n    share: %s\n    packaging_yield: %s\n", i,
        i, DICE_ONE_OF(systems), value(d, 0, 1), value(d, 0, 1));
    if (dice_maybe(0.3))
      put(p, "    capacity: %s\n", value(d, 0, 3e5));
    put(p, "    needs:\n      - {pool: pool%d, each: %d}\n", first, 1 + dice_below(4));
    if (second != first && dice_maybe(0.6))
      put(p, "      - {pool: pool%d, each: %d}\n", second, 1 + dice_below(8));
  }
}

static void write_supply(random_draft *d, int from) {
  const int pools = 1 + dice_below(4);
  *d = (random_draft){.prefix = 'p'};
  put(&d->body, "kind: supply\nname: dice\ntitle: dice\nseen: today\nfrom: %dQ%d\n", from / 4, from % 4 + 1);
  put_input(d, 0, 1); /* the list is never empty */
  put_pools(d, pools);
  put_products(d, pools);
  put(&d->body, "inputs:\n%s", d->inputs.text);
}

/* ---- a scenario file ---- */

static void put_demand(random_draft *d) {
  static const char *const users[] = {"commercial", "cloud-provider", "public-sector", "university"};
  random_page *p = &d->body;
  int left = 100;
  const int count = 1 + dice_below(4);
  put(p, "demand:\n  market: %s\n  utilisation: %s\n  site: %s\n  buyers:\n", value(d, 0, 200), value(d, 0, 1),
      value(d, 0, 20));
  for (int i = 0; i < count; i++) {
    const int part = i + 1 == count ? left : dice_below(left + 1);
    left -= part;
    put(p, "    - id: buyer%d\n      title: buyer %d\n      end_user: %s\n      share: %g\n      training: %s\n", i,
        i, DICE_ONE_OF(users), part / 100.0, value(d, 0, 1));
    if (dice_maybe(0.5))
      put(p, "      home: %s\n", value(d, 0, 1));
    if (dice_maybe(0.5))
      put(p, "      given: {large_tech_firm: \"%s\", state_funded: \"%s\"}\n", dice_maybe(0.5) ? "yes" : "no",
          dice_maybe(0.5) ? "yes" : "no");
  }
}

static void put_policy(random_draft *d, int from) {
  static const char *const modes[] = {"blockade", "open", "rules"};
  random_page *p = &d->body;
  int quarter = from - dice_below(3);
  put(p, "    policy:\n");
  for (int i = 0, count = 1 + dice_below(3); i < count; i++, quarter += 1 + dice_below(9)) {
    const char *mode = DICE_ONE_OF(modes);
    put(p, "      - from: %dQ%d\n        mode: %s\n", quarter / 4, quarter % 4 + 1, mode);
    if (strcmp(mode, "rules") == 0 && dice_maybe(0.5))
      put(p,
          "        given: {cert_parameters: \"yes\", cert_us_available: \"%s\", volume: \"%d\", cn_units_before: "
          "\"0\", us_units: \"1000000\"}\n",
          dice_maybe(0.5) ? "yes" : "no", dice_below(200000));
  }
  put(p, "    review: {denial: %s, presumption of denial: %s, ", value(d, 0, 1), value(d, 0, 1));
  put(p, "case by case: %s, presumption of approval: %s, not asked: %s}\n", value(d, 0, 1), value(d, 0, 1),
      value(d, 0, 1));
  if (dice_maybe(0.5))
    put(p, "    china: {CN-STATE-DC: %s, CN-H20-CAUTION: %s, CN-H200-JUSTIFY: %s}\n", value(d, 0, 1),
        value(d, 0, 1), value(d, 0, 1));
}

static const char *const foreign[] = {"hgx-h200", "hgx-h20", "gb200-nvl72", "hgx-b200", "hgx-h800"};

static void put_imports(random_draft *d, int from) {
  random_page *p = &d->body;
  const int count = dice_below(5);
  put(p, count ? "imports:\n" : "imports: []\n");
  for (int i = 0; i < count; i++) {
    put(p, "  - id: import%d\n    title: import %d\n    system: %s\n    offered: %s\n", i, i, DICE_ONE_OF(foreign),
        value(d, 0, 3e6));
    if (dice_maybe(0.5))
      put(p, "    caps: [%s, %s]\n", value(d, 0, 1e6), value(d, 0, 2e6));
    if (dice_maybe(0.5))
      put(p, "    fee: {share: %s, paid_by: %s}\n", value(d, 0, 1), dice_maybe(0.5) ? "vendor" : "buyer");
    if (dice_maybe(0.4))
      put(p, "    price: %s\n", value(d, 1000, 1e5));
    put_policy(d, from);
  }
}

static void put_rest(random_draft *d) {
  static const char *const regions[] = {"china-industrial", "china-west", "eu",       "korea",
                                        "taiwan",           "us-average", "us-texas", "us-virginia"};
  random_page *p = &d->body;
  put(p, "regions: {domestic: %s, imported: %s, abroad: %s}\n", DICE_ONE_OF(regions), DICE_ONE_OF(regions),
      DICE_ONE_OF(regions));
  put(p, "reading: %s\n", value(d, 0, 1));
  if (dice_maybe(0.3))
    put(p, "domestic_share: %s\n", value(d, 0, 1));
  if (dice_maybe(0.4))
    put(p, "power_subsidy: %s\n", value(d, 0, 1));
  if (dice_maybe(0.6))
    put(p, "installed:\n  - {system: %s, chips: %s, training: %s, source: %s}\n", DICE_ONE_OF(foreign),
        value(d, 0, 1e6), value(d, 0, 1), dice_maybe(0.5) ? "imported" : "domestic");
  if (dice_maybe(0.4))
    put(p, "abroad:\n  - {id: far, system: %s, chips: %s, rent: %s, training: %s}\n", DICE_ONE_OF(foreign),
        value(d, 0, 1e6), value(d, 0, 10), value(d, 0, 1));
  if (dice_maybe(0.3))
    put(p,
        "known:\n  - {title: charge, unit: USD, kind: charge, sales: %s, quarters: %s, cost_share: %s, published: "
        "[{value: 5, source: dice, "
        "date: \"2026\", confidence: low}]}\n",
        value(d, 0, 1e10), value(d, 0, 5), value(d, 0, 1));
}

static void write_scenario(random_draft *d, const char *supply_path, int from) {
  *d = (random_draft){.prefix = 's'};
  put(&d->body, "kind: scenario\nname: dice\ntitle: dice\nsummary: dice\nseen: today\nfrom: %dQ1\nto: %dQ4\n",
      from / 4, from / 4 + dice_below(7));
  put(&d->body, "supply: %s\nmodel: deepseek-v3\ncluster: %d\nlife_years: %d\n", supply_path, 1 + dice_below(4096),
      1 + dice_below(8));
  put_input(d, 0, 1);
  put_demand(d);
  put_imports(d, from);
  put_rest(d);
  put(&d->body, "inputs:\n%s", d->inputs.text);
}

void random_files(uint32_t number, const char *supply_path, random_draft *supply, random_draft *scenario) {
  dice_take(number);
  const int from = 4 * (2025 + dice_below(4));
  write_supply(supply, from - dice_below(9));
  write_scenario(scenario, supply_path, from);
}
