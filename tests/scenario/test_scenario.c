/* Scenarios: what goes in comes out, whatever the draws; the rules decide; the same bytes for any number of threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the four above */
#include <cmocka.h>

#include "scenario/scenario_internal.h"
#include "support/close.h"

static slip_catalog *catalog;
static slip_rules *rules;

static int open_both(void **state) {
  (void)state;
  return slip_catalog_open(NULL, 0, &catalog, NULL) == SLIP_OK && slip_rules_open(NULL, 0, &rules, NULL) == SLIP_OK
             ? 0
             : -1;
}

static int close_both(void **state) {
  (void)state;
  slip_rules_free(rules);
  slip_catalog_free(catalog);
  return 0;
}

static slip_scenario *open_named(const char *name) {
  slip_scenario *s = NULL;
  slip_error err = {.message = ""};
  if (slip_scenario_open(name, catalog, rules, &s, &err) != SLIP_OK)
    fail_msg("%s:%d: %s: %s", err.file, err.line, err.field, err.message);
  return s;
}

/* Rates that no search gave: tests of the money and the chips do not hang on them. */
static void pretend_estimates(slip_scenario *s) {
  const slip_node rate = {.kind = SLIP_NODE_SCALAR, .text = "1000", .file = "test"};
  for (size_t f = 0; f < s->n_fleets; f++) {
    scenario_fleet *fleet = &s->fleets[f];
    assert_int_equal(slip_deck_refer(s->deck, &rate, 0, 1e9, &fleet->train_rate, NULL), SLIP_OK);
    fleet->serve_rate = fleet->train_rate;
    fleet->train_w = 1000, fleet->serve_w = 500;
    fleet->is_estimated = true;
  }
  assert_int_equal(slip_deck_finish(s->deck, NULL), SLIP_OK);
}

static const char *const names[] = {"full-blockade", "h20-only",     "h200-case-by-case", "h200-buyer-limits",
                                    "open",          "train-abroad", "domestic-80-2030"};

/* Totals of one sample since the scenario began. */
typedef struct totals {
  slip_lanes first, bought, retired, spent;
} totals;

static void check_quarter(const slip_scenario *s, const scenario_state *st, totals *t) {
  const slip_lanes *m = st->measures;
  for (int l = 0; l < SLIP_LANES; l++) {
    t->bought[l] += m[SLIP_BOUGHT_DOMESTIC][l] + m[SLIP_BOUGHT_IMPORTED][l];
    t->retired[l] += m[SLIP_RETIRED][l];
    /* chips in = installed + retired */
    assert_near(t->first[l] + t->bought[l], m[SLIP_INSTALLED][l] + t->retired[l], 1e-9);
    /* money: budget = paid for hardware + unspent; paid = vendors + fees */
    assert_near(m[SLIP_COST_HARDWARE][l] + m[SLIP_UNSPENT][l], m[SLIP_BUDGET][l], 1e-9);
    assert_near(m[SLIP_REVENUE_FOREIGN][l] + m[SLIP_REVENUE_DOMESTIC][l] + m[SLIP_FEES][l] + 1,
                m[SLIP_COST_HARDWARE][l] + 1, 1e-9);
    assert_near(m[SLIP_COST][l],
                m[SLIP_COST_HARDWARE][l] + m[SLIP_COST_SITE][l] + m[SLIP_COST_ENERGY][l] + m[SLIP_COST_RENT][l],
                1e-12);
    for (size_t f = 0; f < s->n_fleets; f++)
      assert_true(st->train[f][l] >= 0 && st->serve[f][l] >= 0);
    assert_true(m[SLIP_COMPUTE_SHARE][l] >= 0 && m[SLIP_COMPUTE_SHARE][l] <= 1);
  }
}

/* No more Ascend packages than dies of wafers and bank: 2 per 910C, 1 per 910B, made, scrapped or left over. */
static void check_dies(const slip_scenario *s, const scenario_state *st) {
  for (size_t p = 0; p < s->supply->n_pools; p++)
    for (int l = 0; l < SLIP_LANES; l++)
      assert_near(st->supply.used[p][l] + st->supply.stock[p][l], st->supply.inflow[p][l], 1e-9);
}

static void chips_money_and_dies_are_conserved(void **state) {
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    slip_scenario *s = open_named(names[i]);
    pretend_estimates(s);
    slip_lanes *knots = calloc(s->deck->n_knots, sizeof *knots);
    scenario_state *st = calloc(1, sizeof *st);
    for (uint32_t block = 0; block < 4; block++) {
      totals t = {0};
      slip_deck_draw(s->deck, 100 + (uint32_t)i, block * SLIP_LANES, knots, NULL);
      scenario_start(s, (const slip_lanes *)knots, st);
      for (size_t f = 0; f < s->n_fleets; f++)
        for (int l = 0; l < SLIP_LANES; l++)
          t.first[l] += st->train[f][l] + st->serve[f][l];
      for (size_t q = 0; q < s->n_quarters; q++) {
        scenario_quarter(s, (const slip_lanes *)knots, q, true, st);
        check_quarter(s, st, &t);
        check_dies(s, st);
      }
    }
    free(st);
    free(knots);
    slip_scenario_free(s);
  }
}

static double median(const slip_scenario_result *r, slip_measure m) {
  return r->year[(size_t)m * r->n_years + r->n_years - 1].median;
}

static slip_scenario_result *run_of(slip_scenario *s, int threads) {
  const slip_scenario_ask ask = {.samples = 3000, .seed = 5, .threads = threads};
  slip_scenario_result *r = NULL;
  assert_int_equal(slip_scenario_run(s, &ask, NULL, &r, NULL), SLIP_OK);
  return r;
}

static void a_blockade_lets_nothing_in(void **state) {
  slip_scenario *s = open_named("full-blockade");
  pretend_estimates(s);
  slip_scenario_result *r = run_of(s, 1);
  assert_true(median(r, SLIP_BOUGHT_IMPORTED) == 0 && median(r, SLIP_REVENUE_FOREIGN) == 0);
  close_to(median(r, SLIP_DOMESTIC_SHARE), 1);
  slip_scenario_result_free(r);
  slip_scenario_free(s);
}

/* The same draws: each step of opening imports no less. */
static void opening_never_imports_less(void **state) {
  const char *const order[] = {"full-blockade", "h200-buyer-limits", "h200-case-by-case", "open"};
  double before = -1;
  for (size_t i = 0; i < 4; i++) {
    slip_scenario *s = open_named(order[i]);
    pretend_estimates(s);
    slip_scenario_result *r = run_of(s, 1);
    assert_true(median(r, SLIP_BOUGHT_IMPORTED) >= before);
    before = median(r, SLIP_BOUGHT_IMPORTED);
    slip_scenario_result_free(r);
    slip_scenario_free(s);
  }
}

static void any_number_of_threads_gives_the_same(void **state) {
  slip_scenario *s = open_named("h200-buyer-limits");
  pretend_estimates(s);
  slip_scenario_result *one = run_of(s, 1), *three = run_of(s, 3);
  assert_memory_equal(one->year, three->year, SLIP_MEASURES * one->n_years * sizeof *one->year);
  for (size_t i = 0; i < one->n_drivers; i++)
    assert_true(one->drivers[i].weight == three->drivers[i].weight);
  slip_scenario_result_free(one);
  slip_scenario_result_free(three);
  slip_scenario_free(s);
}

/* The rule of January 2026 reviews a certified H200 case by case from its date on; state-funded centres may not buy. */
static void the_rules_decide(void **state) {
  slip_scenario *s = open_named("h200-buyer-limits");
  slip_policy p;
  bool found = false;
  for (size_t i = 0; slip_scenario_policy(s, i, &p); i++) {
    assert_string_equal(p.mode, "rules");
    assert_string_equal(p.strictest, "case by case");
    found = found || (strcmp(p.buyer, "state") == 0 && strstr(p.china, "CN-STATE-DC") != NULL);
    assert_true(strcmp(p.buyer, "cloud") != 0 || strstr(p.china, "CN-STATE-DC") == NULL);
  }
  assert_true(found);
  slip_scenario_free(s);
}

static void fixing_an_input_takes_its_range_away_and_gives_it_back(void **state) {
  slip_scenario *s = open_named("full-blockade");
  slip_error err;
  const char *id = NULL;
  pretend_estimates(s);
  slip_scenario_result *before = run_of(s, 1);
  assert_int_equal(slip_scenario_fix(s, "yield_9", 0.2, &id, NULL), SLIP_OK);
  assert_string_equal(id, "yield_910");
  slip_scenario_result *low = run_of(s, 1);
  assert_int_equal(slip_scenario_fix(s, "yield_910", 0.6, NULL, NULL), SLIP_OK);
  slip_scenario_result *high = run_of(s, 1);
  assert_true(median(low, SLIP_MADE) < median(high, SLIP_MADE));
  assert_int_equal(slip_scenario_fix(s, "yield_910", 1.5, NULL, &err), SLIP_BAD_INPUT);
  assert_int_equal(slip_scenario_fix(s, "yeld_910", 0.5, NULL, &err), SLIP_BAD_INPUT);
  assert_non_null(strstr(err.message, "yield_910"));
  assert_int_equal(slip_scenario_fix(s, "yield_910", NAN, NULL, NULL), SLIP_OK);
  slip_scenario_result *after = run_of(s, 1);
  assert_memory_equal(before->year, after->year, SLIP_MEASURES * before->n_years * sizeof *before->year);
  slip_scenario_result_free(before), slip_scenario_result_free(low), slip_scenario_result_free(high),
      slip_scenario_result_free(after);
  slip_scenario_free(s);
}

static void refused(const char *text, int line, const char *field, const char *message) {
  slip_scenario *s = NULL;
  slip_error err = {.message = ""};
  assert_int_equal(slip_scenario_parse("t.yaml", text, strlen(text), catalog, rules, &s, &err), SLIP_BAD_INPUT);
  if (!strstr(err.message, message) || err.line != line || strcmp(err.field, field) != 0)
    fail_msg("got %s line %d %s: %s", err.file, err.line, err.field, err.message);
}

#define HEAD "kind: scenario\nname: t\ntitle: t\nsummary: t\nseen: now\n"
#define LIKE HEAD "like: open\n"

static void malformed_files_name_line_and_field(void **state) {
  refused(HEAD, 1, "from", "needs this key");
  refused(HEAD "like: opne\n", 6, "like", "did you mean 'open'");
  refused(LIKE "colour: red\n", 7, "colour", "no key of a scenario");
}

static void impossible_values_are_refused(void **state) {
  refused(LIKE "to: 2025Q4\n", 7, "to", "whole years");
  refused(LIKE "life_years: 0\n", 7, "life_years", "");
  refused(LIKE "reading: 1.5\n", 7, "reading", "must stay from 0 to 1");
  refused(LIKE "regions: {domestic: atlantis, imported: china, abroad: us}\n", 7, "domestic", "");
  refused(LIKE "imports: [{id: a, title: t, system: hgx-h900, offered: 1, policy: [{from: 2026Q1, mode: open}]}]\n",
          7, "system", "");
  refused(LIKE
          "imports: [{id: a, title: t, system: hgx-h200, offered: -1, policy: [{from: 2026Q1, mode: open}]}]\n",
          7, "offered", "must stay from 0");
  refused(LIKE "imports: [{id: a, title: t, system: hgx-h200, offered: 1, policy: [{from: 2027Q1, mode: open}]}]\n",
          7, "policy", "begins with the scenario");
  refused(LIKE
          "imports: [{id: a, title: t, system: hgx-h200, offered: 1, policy: [{from: 2026Q1, mode: rules}]}]\n",
          7, "review", "has no share here");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(chips_money_and_dies_are_conserved),
      cmocka_unit_test(a_blockade_lets_nothing_in),
      cmocka_unit_test(opening_never_imports_less),
      cmocka_unit_test(any_number_of_threads_gives_the_same),
      cmocka_unit_test(the_rules_decide),
      cmocka_unit_test(fixing_an_input_takes_its_range_away_and_gives_it_back),
      cmocka_unit_test(malformed_files_name_line_and_field),
      cmocka_unit_test(impossible_values_are_refused),
  };
  return cmocka_run_group_tests(tests, open_both, close_both);
}
