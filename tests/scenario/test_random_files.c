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

#include "scenario/scenario_internal.h"
#include "support/random_files.h"

enum { FILES = 150, RENAMED = 300, SCRATCHED = 300 };

static slip_catalog *catalog;
static slip_rules *rules;
static char folder[] = "/tmp/slipstick-files-XXXXXX", supply_path[64], scenario_path[64];

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

static random_draft supply, scenario; /* too large for the stack */

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
    random_files(i, supply_path, &supply, &scenario);
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
static size_t key_at(const random_page *p) {
  size_t at = (size_t)dice_below((int)p->n);
  while (at > 0 && p->text[at - 1] != '\n')
    at--;
  at += strspn(p->text + at, " -{");
  return at;
}

/* A key with a letter too many is no key: refused in its file, on its line, by its name. */
static void misspelt_keys_are_refused_where_they_are(void **state) {
  char name[48], changed[PAGE_MAX], wrong[64];
  for (uint32_t i = 0; i < RENAMED; i++) {
    random_files(i / 4, supply_path, &supply, &scenario);
    dice_take(1000000 + i);
    const bool in_supply = dice_maybe(0.3);
    const random_page *p = in_supply ? &supply.body : &scenario.body;
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
static void splice(random_page *p, size_t at, size_t old, const char *text) {
  const size_t n = strlen(text);
  assert_true(p->n - old + n < PAGE_MAX);
  memmove(p->text + at + n, p->text + at + old, p->n - at - old + 1);
  memcpy(p->text + at, text, n);
  p->n += n - old;
}

/* One slip of the pen: a line lost or doubled, a number or a byte changed, the end torn off. */
static void scratch(random_page *p) {
  static const char *const numbers[] = {"-1",   "0",  "1e300", ".nan",     "-.inf", "99999999999999999999",
                                        "\"\"", "[]", "~",     "1.0000001"};
  size_t start = key_at(p), digit = start;
  const int kind = dice_below(5);
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
    splice(p, digit, strspn(p->text + digit, "0123456789.e+-"), DICE_ONE_OF(numbers));
  } else if (kind == 3) {
    p->text[dice_below((int)p->n)] = (char)(1 + dice_below(255));
  } else {
    p->n = (size_t)dice_below((int)p->n);
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
    random_files(i / 2, supply_path, &supply, &scenario);
    dice_take(2000000 + i);
    scratch(dice_maybe(0.3) ? &supply.body : &scenario.body);
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
