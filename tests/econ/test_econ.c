/* Money, worked by hand on a system of 100,000 USD and 8 kW. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the four above */
#include <cmocka.h>

#include <slipstick/econ.h>

#include "support/jobs.h"

static const slip_region region = {.entry = {.kind = SLIP_KIND_REGION, .name = "here", .file = "here.yaml"},
                                   .power_usd_per_j = 0.09 / 3.6e6,
                                   .pue = 1.3};

static slip_econ_terms terms_of(void) {
  slip_econ_terms terms = slip_econ_terms_default();
  terms.region = &region;
  return terms;
}

static void the_defaults_are_four_years_at_four_fifths(void **state) {
  slip_econ_terms terms = slip_econ_terms_default();
  close_to(terms.life_years, 4);
  close_to(terms.utilisation, 0.8);
  assert_true(isnan(terms.rent_usd_per_chip_hour) && isnan(terms.power_usd_per_j) && isnan(terms.pue));
  assert_null(terms.region);
}

/* Capital: 100,000 USD over 4 x 365.25 x 86,400 s, of which 80% work: 0.990 mUSD per working second.
 * Energy: 6 kW x 1.3 x 0.09 USD/kWh = 0.195 mUSD per second. Two systems drawing 12 kW together: twice both. */
static void owning_costs_capital_and_energy(void **state) {
  slip_system system = toy_system();
  slip_econ_terms terms = terms_of();
  slip_cost_rate rate;
  assert_int_equal(slip_cost_of(&system, 1, 6000, &terms, &rate, NULL), SLIP_OK);
  close_to(rate.capital_usd_per_s, 100000 / (4 * 365.25 * 86400 * 0.8));
  close_to(rate.energy_usd_per_s, 6.0 * 1.3 * 0.09 / 3600);
  close_to(rate.total_usd_per_s, rate.capital_usd_per_s + rate.energy_usd_per_s);
  slip_cost_rate two;
  assert_int_equal(slip_cost_of(&system, 2, 12000, &terms, &two, NULL), SLIP_OK);
  close_to(two.total_usd_per_s, 2 * rate.total_usd_per_s);
}

/* 2 USD per chip and hour for 8 chips at 80%: 8 x 2 / 3600 / 0.8 per working second; rent holds power and building. */
static void renting_costs_by_the_hour(void **state) {
  slip_system system = toy_system();
  slip_econ_terms terms = slip_econ_terms_default();
  terms.rent_usd_per_chip_hour = 2;
  slip_cost_rate rate;
  assert_int_equal(slip_cost_of(&system, 1, NAN, &terms, &rate, NULL), SLIP_OK);
  close_to(rate.total_usd_per_s, 8 * 2.0 / 3600 / 0.8);
  assert_true(rate.energy_usd_per_s == 0);
}

static void overrides_replace_the_region(void **state) {
  slip_system system = toy_system();
  slip_econ_terms terms = terms_of();
  terms.power_usd_per_j = 0.05 / 3.6e6;
  terms.pue = 1.1;
  slip_cost_rate rate;
  assert_int_equal(slip_cost_of(&system, 1, 1000, &terms, &rate, NULL), SLIP_OK);
  close_to(rate.energy_usd_per_s, 1.1 * 0.05 / 3600);
  terms.region = NULL; /* both overrides: no region needed */
  assert_int_equal(slip_cost_of(&system, 1, 1000, &terms, &rate, NULL), SLIP_OK);
  terms.pue = NAN;
  slip_error err = {.message = ""};
  assert_int_equal(slip_cost_of(&system, 1, 1000, &terms, &rate, &err), SLIP_BAD_INPUT);
  assert_non_null(strstr(err.message, "region"));
}

static void what_is_not_published_is_named(void **state) {
  slip_system system = toy_system();
  slip_econ_terms terms = terms_of();
  slip_cost_rate rate = {7, 7, 7, 7};
  slip_error err = {.message = ""};
  system.price_usd = NAN;
  assert_int_equal(slip_cost_of(&system, 1, 1000, &terms, &rate, &err), SLIP_MISSING);
  assert_string_equal(err.field, "price_usd");
  system.price_usd = 1, system.power_w = NAN;
  assert_int_equal(slip_cost_of(&system, 1, 1000, &terms, &rate, &err), SLIP_MISSING);
  assert_string_equal(err.field, "power_kw");
  close_to(rate.total_usd_per_s, 7); /* untouched */
}

static void terms_out_of_range_are_refused_by_field(void **state) {
  static const struct {
    const char *field;
    double life, utilisation, price, pue, rent;
  } bad[] = {
      {"life", 0, 0.8, NAN, NAN, NAN},        {"life", 51, 0.8, NAN, NAN, NAN},
      {"life", NAN, 0.8, NAN, NAN, NAN},      {"utilisation", 4, 0, NAN, NAN, NAN},
      {"utilisation", 4, 1.1, NAN, NAN, NAN}, {"power-price", 4, 0.8, -1, NAN, NAN},
      {"pue", 4, 0.8, NAN, 0.9, NAN},         {"rent", 4, 0.8, NAN, NAN, -2},
  };
  slip_system system = toy_system();
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    slip_econ_terms terms = terms_of();
    terms.life_years = bad[i].life, terms.utilisation = bad[i].utilisation;
    terms.power_usd_per_j = bad[i].price, terms.pue = bad[i].pue, terms.rent_usd_per_chip_hour = bad[i].rent;
    slip_cost_rate rate;
    slip_error err = {.message = ""};
    assert_int_equal(slip_cost_of(&system, 1, 1000, &terms, &rate, &err), SLIP_BAD_INPUT);
    assert_string_equal(err.field, bad[i].field);
  }
}

/* A tariff of a quarter, half of the power paid by the province, 10 USD a watt of building over 15 years:
 * capital x 1.25, energy / 2, and 10 x 8000 / (15 x 365.25 x 86,400 x 0.8) on top; the parts add up. */
static void charges_subsidies_and_buildings_add_up(void **state) {
  slip_system system = toy_system();
  slip_econ_terms terms = terms_of();
  slip_cost_rate plain, rate;
  assert_int_equal(slip_cost_of(&system, 1, 6000, &terms, &plain, NULL), SLIP_OK);
  assert_true(plain.site_usd_per_s == 0);
  terms.price_charge = 0.25, terms.power_subsidy = 0.5, terms.site_usd_per_w = 10;
  assert_int_equal(slip_cost_of(&system, 1, 6000, &terms, &rate, NULL), SLIP_OK);
  close_to(rate.capital_usd_per_s, 1.25 * plain.capital_usd_per_s);
  close_to(rate.energy_usd_per_s, plain.energy_usd_per_s / 2);
  close_to(rate.site_usd_per_s, 80000 / (15 * 365.25 * 86400 * 0.8));
  close_to(rate.total_usd_per_s, rate.capital_usd_per_s + rate.site_usd_per_s + rate.energy_usd_per_s);
  terms.power_subsidy = 1.5;
  assert_int_equal(slip_cost_of(&system, 1, 6000, &terms, &rate, NULL), SLIP_BAD_INPUT);
}

/* a: 2 USD and 20 J a unit; b: 5 USD and 10 J. With b at 0.1 USD/J: a = 2 + 20 p costs b's 6 at p = 0.2. One price for both: 2 + 20 p = 5 + 10 p at
 * p = 0.3, and a is cheaper below it, b above. Power alone: 20 p = 10 x 0.1 at p = 0.05. */
static void break_even_is_where_the_lines_cross(void **state) {
  const slip_work_cost a = {2, 20}, b = {5, 10}, a_power = {0, 20}, b_power = {0, 10}, dear = {9, 20},
                       unknown = {NAN, 1};
  double p = 0;
  assert_int_equal(slip_power_break_even(&a, &b, 0.1, &p), SLIP_CHEAPER_BELOW);
  close_to(p, 0.2);
  assert_int_equal(slip_power_break_even(&a, &b, NAN, &p), SLIP_CHEAPER_BELOW);
  close_to(p, 0.3);
  assert_int_equal(slip_power_break_even(&b, &a, NAN, &p), SLIP_CHEAPER_ABOVE);
  close_to(p, 0.3);
  assert_int_equal(slip_power_break_even(&a_power, &b_power, 0.1, &p), SLIP_CHEAPER_BELOW);
  close_to(p, 0.05);
  assert_int_equal(slip_power_break_even(&dear, &b, NAN, &p), SLIP_CHEAPER_NEVER);
  assert_int_equal(slip_power_break_even(&b, &dear, NAN, &p), SLIP_CHEAPER_ALWAYS);
  assert_int_equal(slip_power_break_even(&unknown, &b, 0.1, &p), SLIP_CHEAPER_NEVER);
  assert_true(isnan(p));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_defaults_are_four_years_at_four_fifths),
      cmocka_unit_test(owning_costs_capital_and_energy),
      cmocka_unit_test(renting_costs_by_the_hour),
      cmocka_unit_test(overrides_replace_the_region),
      cmocka_unit_test(what_is_not_published_is_named),
      cmocka_unit_test(terms_out_of_range_are_refused_by_field),
      cmocka_unit_test(charges_subsidies_and_buildings_add_up),
      cmocka_unit_test(break_even_is_where_the_lines_cross),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
