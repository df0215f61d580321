/* Items of the catalog under the built-in rules: what the published thresholds make of real chips, worked out by hand. */
#include "rules/fixture.h"

#include <math.h>

#define TO_CN "from=US to=CN hq=CN end_user=commercial end_use=commercial"
#define DATE "2026-03-01"

static slip_quantity quantity(slip_case *c, const char *id) {
  for (size_t i = 0;; i++) {
    const slip_quantity q = slip_case_quantity(c, i);
    assert_non_null(q.id);
    if (strcmp(q.id, id) == 0)
      return q;
  }
}

/* 296 x 8 = 2,368 < 2,400, and 2,368 / 814 = 2.909 < 3.2: neither .b.1 nor .b.2. */
static void h20_is_neither_a_nor_b(void **unused) {
  slip_case *c = case_of_item("h20", TO_CN);
  assert_string_equal(quantity(c, "tpp").value, "2368");
  assert_string_equal(quantity(c, "density").arithmetic, "2368 TPP / 814 mm2 = 2.909");
  slip_verdict *v = classify(c, DATE);
  assert_string_equal(outcome(v, "class"), "not 3A090");
  assert_string_equal(outcome(v, "licence"), "required|none found"); /* a letter that only its holder has read */
  assert_int_equal(rule_value(v, "US-2025-04-ISINF"), SLIP_YES);
  assert_true(slip_verdict_finding(v, "US-2025-04-ISINF")->rule->is_flag);
  slip_verdict_free(v);
  state(c, "letter_held=yes");
  v = classify(c, DATE);
  assert_string_equal(outcome(v, "licence"), "required");
  slip_verdict_free(v);
  slip_case_free(c);
}

/* 239 x 8 = 1,912; 1,912 / 609 = 3.1396 < 3.2, and 1,912 / 3.2 = 597.5 mm2. */
static void l20_sits_just_under_a_density(void **unused) {
  slip_error err = {0};
  slip_headroom *h = NULL;
  const slip_ask ask = {.date = day(DATE)};
  slip_case *c = case_of_item("l20", TO_CN);
  OK(slip_rules_headroom(pack, c, &ask, "class", &h, &err), &err);
  bool found = false;
  for (size_t i = 0; i < h->n_breaks; i++)
    if (strcmp(h->breaks[i].input, "die_mm2") == 0 && strcmp(h->breaks[i].at, "597.5") == 0) {
      found = true;
      assert_string_equal(h->breaks[i].below, "3A090.b");
      assert_string_equal(h->breaks[i].on, "3A090.b"); /* the bound is inclusive */
      assert_string_equal(h->breaks[i].above, "not 3A090");
    }
  assert_true(found);
  slip_headroom_free(h);
  slip_case_free(c);
  assert_string_equal(answer("l20", TO_CN, DATE, "class"), "not 3A090");
  assert_string_equal(answer("l20", TO_CN " die_mm2=597.5", DATE, "class"), "3A090.b");
  assert_string_equal(answer("l20", TO_CN " die_mm2=597.501", DATE, "class"), "not 3A090");
}

/* 2,614.9 x 8 = 20,919.2: 80.8 under 21,000. 1,835 x 16 = 29,360: over it. */
static void mi300x_and_mi325x_clear_the_cap_and_gaudi_3_does_not(void **unused) {
  static const char *const chips[] = {"mi300x", "mi325x"};
  for (size_t i = 0; i < 2; i++) {
    slip_case *c = case_of_item(chips[i], TO_CN);
    assert_string_equal(quantity(c, "tpp").value, "20919.2");
    assert_true(fabs(21000 - quantity(c, "tpp").high - 80.8) < 1e-6);
    slip_case_free(c);
    assert_int_equal(holds(chips[i], TO_CN, DATE, "US-2026-01-CBC.limits"), SLIP_YES);
  }
  assert_int_equal(holds("gaudi3", TO_CN, DATE, "US-2026-01-CBC.limits"), SLIP_NO);
  assert_string_equal(answer("gaudi3", TO_CN, DATE, "policy"), "presumption of denial");
  assert_int_equal(holds("mi325x", TO_CN, DATE, "US-2026-01-T232.band2"), SLIP_YES);
  assert_int_equal(holds("mi300x", TO_CN, DATE, "US-2026-01-T232.band2"), SLIP_NO); /* 5,300 GB/s */
}

/* Sources give 654 (TPP 5,232), 600 (4,800) and 296 (2,368) for its 8-bit rate. */
static void mi308x_is_undetermined(void **unused) {
  slip_case *c = case_of_item("mi308x", TO_CN);
  slip_verdict *v = classify(c, DATE);
  const slip_decided *class = slip_verdict_find(v, "class");
  assert_int_equal(class->value, SLIP_UNDETERMINED);
  bool disputed = false;
  for (size_t i = 0; i < class->n_missing; i++)
    disputed = disputed || strcmp(class->missing[i], "fp8_tflops") == 0;
  assert_true(disputed);
  slip_verdict_free(v);
  slip_case_free(c);
}

/* 15,831 TPP and 4,800 GB/s lie in band 1; the NVL's 13,376 lies under its 14,000. */
static void h200_sxm_is_in_the_tariff_band_and_h200_nvl_is_not(void **unused) {
  assert_int_equal(holds("h200", TO_CN, DATE, "US-2026-01-T232.band1"), SLIP_YES);
  assert_int_equal(holds("h200-nvl", TO_CN, DATE, "US-2026-01-T232.band1"), SLIP_NO);
}

static void ascend_910c_falls_under_general_prohibition_10(void **unused) {
  slip_case *c = case_of_item("ascend-910c", "from=CN to=SG");
  slip_verdict *before = classify(c, "2025-05-12"), *after = classify(c, "2025-05-13");
  assert_int_equal(rule_value(before, "US-2025-05-GP10"), SLIP_NO);
  assert_int_equal(rule_value(after, "US-2025-05-GP10"), SLIP_YES);
  assert_true(slip_verdict_finding(after, "US-2025-05-GP10")->rule->is_flag);
  slip_verdict_free(before);
  slip_verdict_free(after);
  slip_case_free(c);
  assert_int_equal(holds("cloudmatrix384", "", DATE, "US-2025-05-GP10"), SLIP_YES); /* a system of such chips */
  assert_int_equal(holds("ascend-910", "", DATE, "US-2025-05-GP10"), SLIP_NO);
}

/* Consumer cards under 4,800 TPP are out by Note 2, whatever their density; over it they are in, and items of NAC and ACA. */
static void consumer_cards_are_out_under_4800(void **unused) {
  assert_string_equal(answer("rtx-4090d", TO_CN, DATE, "class"), "not 3A090");
  assert_string_equal(answer("rtx-4090d", TO_CN " datacentre=yes", DATE, "class"), "3A090.a");
  assert_string_equal(answer("rtx-4090d", TO_CN " datacentre=unknown", DATE, "class"), "3A090.a|not 3A090");
  assert_string_equal(answer("rtx-4090", TO_CN, DATE, "class"), "3A090.a");
  assert_int_equal(holds("rtx-4090", TO_CN, DATE, "US-740.8.items"), SLIP_YES);
  assert_int_equal(holds("h100", TO_CN, DATE, "US-740.8.items"), SLIP_NO);
  assert_string_equal(answer("rtx-5090", TO_CN, DATE, "class"), "3A090.a");
  assert_string_equal(answer("rtx-5090d", TO_CN, DATE, "class"), "not 3A090");
}

/* One chip over the line makes the computer 4A090, whatever else is in the box; a bare package is none. */
static void a_computer_is_classed_by_any_chip_in_it(void **unused) {
  assert_string_equal(answer("hgx-b200", TO_CN, DATE, "assembly"), "4A090.a");
  assert_string_equal(answer("h100-pcie", TO_CN, DATE, "assembly"), "4A090.a"); /* as the vendor says of it */
  assert_string_equal(answer("hgx-h20", TO_CN, DATE, "assembly"), "not 4A090");
  assert_string_equal(answer("b200", TO_CN " form=package", DATE, "assembly"), "not 4A090");
}

/* A Singapore firm with a parent in Beijing: licensed by headquarters, wherever it sits. */
static void the_headquarters_rule_follows_the_parent(void **unused) {
  const char *beijing = "from=US to=SG hq=SG parent_hq=CN end_user=commercial end_use=commercial";
  const char *none = "from=US to=SG hq=SG parent_hq=SG end_user=commercial end_use=commercial listed_ownership=0";
  assert_string_equal(answer("h100", beijing, "2026-08-01", "licence"), "required");
  assert_string_equal(answer("h100", beijing, "2026-08-01", "policy"),
                      "presumption of denial|case by case"); /* sources contradict */
  assert_string_equal(answer("h100", none, "2026-08-01", "licence"), "none found");
  assert_string_equal(
      answer("h100", "from=US to=SG hq=SG end_user=commercial end_use=commercial", "2026-08-01", "licence"),
      "required|none found");
}

/* 50 % of the US volume: 60 shipped before and this one unit to 122 in the US is just allowed by the ratio, to 121 it is not. */
static void volume_counts_against_the_us_volume(void **unused) {
  assert_string_equal(answer("h200", TO_CN " volume=1 cn_units_before=60 us_units=121", DATE, "policy"),
                      "presumption of denial");
  assert_string_equal(answer("h200", TO_CN " volume=1 cn_units_before=60 us_units=122", DATE, "policy"),
                      "presumption of denial|case by case");
  assert_string_equal(answer("h200", TO_CN " cert_us_lab=no", DATE, "policy"), "presumption of denial");
}

static void memory_stacks_are_classed_by_density(void **unused) {
  assert_string_equal(answer("hbm3e-stack", TO_CN, DATE, "class"), "3A090.c"); /* 1,200 / 121 = 9.9 */
  assert_int_equal(holds("hbm3e-stack", TO_CN " hbm_conditions=yes", DATE, "US-2024-12-HBM.exception"),
                   SLIP_NO); /* not under 3.3 */
  assert_int_equal(holds("hbm2-stack", TO_CN " hbm_conditions=yes", DATE, "US-2024-12-HBM.exception"),
                   SLIP_YES); /* 256 / 92 = 2.78 */
  assert_string_equal(answer("hbm2-stack", TO_CN " dram_gbs=184", DATE, "class"),
                      "not 3A090"); /* 184 / 92 = 2, and the bound is strict */
}

static void bills_apply_only_when_asked_for(void **unused) {
  slip_case *c = case_of_item("h200", TO_CN);
  slip_verdict *law = classify_with(pack, c, day(DATE), false), *bill = classify_with(pack, c, day(DATE), true);
  assert_int_equal(rule_value(law, "US-BILL-SAFE-CHIPS"), SLIP_NO);
  assert_string_equal(outcome(bill, "policy"), "denial");
  assert_int_equal(slip_verdict_finding(bill, "US-BILL-SAFE-CHIPS")->text_status, SLIP_TEXT_NONE);
  slip_verdict_free(law);
  slip_verdict_free(bill);
  slip_case_free(c);
}

/* No text of the pack says that anything is permitted. */
static void nothing_is_ever_cleared(void **unused) {
  static const char *const words[] = {"cleared", "permitted", "no licence needed", "is legal", "you may export"};
  for (size_t i = 0; slip_rules_rule(pack, i) != NULL; i++)
    for (int k = 0; k < 3; k++)
      for (size_t w = 0; w < sizeof words / sizeof words[0]; w++)
        assert_null(strstr(slip_rules_rule(pack, i)->says[k], words[w]));
  for (size_t i = 0; slip_rules_decision(pack, i) != NULL; i++)
    for (size_t k = 0; k < slip_rules_decision(pack, i)->n_outcomes; k++)
      for (size_t w = 0; w < sizeof words / sizeof words[0]; w++)
        assert_null(strstr(slip_rules_decision(pack, i)->outcomes[k].says, words[w]));
}

/* Every rule names its text, its source and its dates, and every flag has something to say. */
static void every_rule_is_cited(void **unused) {
  for (size_t i = 0; slip_rules_rule(pack, i) != NULL; i++) {
    const slip_rule *rule = slip_rules_rule(pack, i);
    assert_true(rule->citation[0] != '\0' && rule->source[0] != '\0' && rule->published && rule->effective);
    assert_true(!rule->is_flag || rule->says[SLIP_YES][0] != '\0');
    /* Nothing reported is a legal text. */
    assert_true(rule->certainty != SLIP_REPORTED || rule->is_flag || rule->never_published);
  }
}

static bool differs(const slip_variant *v, const char *id) {
  for (size_t i = 0; i < v->n_parameters; i++)
    if (strcmp(v->parameters[i].id, id) == 0)
      return true;
  return false;
}

/* The H20 at 2,368 TPP: .b.1 begins at 2,400, a factor of 2,400/2,368 away, ln of which is 0.01342, and nothing else is nearer. */
static void the_nearest_variant_is_the_nearest(void **unused) {
  slip_error err = {0};
  slip_headroom *h = NULL;
  const slip_ask ask = {.date = day(DATE)};
  slip_case *c = case_of_item("h20", TO_CN);
  OK(slip_rules_headroom(pack, c, &ask, "class", &h, &err), &err);
  assert_true(h->n_variants >= 2);
  assert_string_equal(h->variants[0].outcome, "3A090.b");
  assert_true(fabs(h->variants[0].change - log(2400.0 / 2368)) < 1e-5);
  assert_true(differs(&h->variants[0], "tpp") && !differs(&h->variants[0], "die_mm2"));
  slip_headroom_free(h);
  /* The L20: density 3.1396 to 3.2 by TPP and area together, each by half of ln(3.2/3.1396), so sqrt(2) of that half in all. */
  slip_case_free(c);
  c = case_of_item("l20", TO_CN);
  OK(slip_rules_headroom(pack, c, &ask, "class", &h, &err), &err);
  assert_true(fabs(h->variants[0].change - log(3.2 * 609 / 1912) / sqrt(2)) < 1e-5);
  slip_headroom_free(h);
  slip_case_free(c);
}

/* The B200 with every certification given: case by case begins under 21,000 TPP and 6,500 GB/s together, a corner of two bounds. */
static void the_nearest_variant_may_lie_in_a_corner(void **unused) {
  slip_error err = {0};
  slip_headroom *h = NULL;
  const slip_ask ask = {.date = day(DATE)};
  slip_case *c = case_of_item(
      "b200",
      TO_CN " volume=1 cn_units_before=0 us_units=10 cert_parameters=yes cert_us_available=yes cert_us_supply=yes "
            "cert_foundry=yes cert_end_use=yes cert_kyc=yes cert_remote_access=yes cert_remote_users=yes "
            "cert_weights=yes cert_us_lab=yes");
  OK(slip_rules_headroom(pack, c, &ask, "policy", &h, &err), &err);
  assert_int_equal(h->n_variants, 1);
  assert_string_equal(h->variants[0].outcome, "case by case");
  const double tpp = log(36000.0 / 21000), dram = log(8000.0 / 6500);
  assert_true(fabs(h->variants[0].change - sqrt(tpp * tpp + dram * dram)) < 1e-5);
  assert_int_equal(h->variants[0].n_parameters, 2);
  slip_headroom_free(h);
  slip_case_free(c);
}

/* The headroom leaves the case as it found it. */
static void headroom_does_not_change_the_case(void **unused) {
  slip_error err = {0};
  slip_headroom *h = NULL;
  char before[SLIP_HASH_SIZE], after[SLIP_HASH_SIZE];
  const slip_ask ask = {.date = day(DATE)};
  slip_case *c = case_of_item("h200", TO_CN);
  slip_case_hash(c, before);
  OK(slip_rules_headroom(pack, c, &ask, "class", &h, &err), &err);
  assert_string_equal(slip_case_hash(c, after), before);
  slip_headroom_free(h);
  slip_case_free(c);
}

static void the_derivation_is_a_tree_down_to_numbers(void **unused) {
  slip_case *c = case_of_item("l20", TO_CN);
  const slip_ask ask = {.date = day(DATE)};
  slip_verdict *v = classify(c, DATE);
  const slip_derivation *tree =
      slip_verdict_derive(v, pack, c, &ask, slip_verdict_finding(v, "US-2023-11.b2")->rule);
  assert_non_null(tree);
  assert_int_equal(tree->value, SLIP_NO);
  bool found = false;
  for (const slip_derivation *leaf = tree->first->first; leaf; leaf = leaf->next)
    found = found || strcmp(leaf->text, "density = 3.1395 >= 3.2 and < 5.92") == 0;
  assert_true(found);
  slip_verdict_free(v);
  slip_case_free(c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(h20_is_neither_a_nor_b),
      cmocka_unit_test(l20_sits_just_under_a_density),
      cmocka_unit_test(mi300x_and_mi325x_clear_the_cap_and_gaudi_3_does_not),
      cmocka_unit_test(mi308x_is_undetermined),
      cmocka_unit_test(h200_sxm_is_in_the_tariff_band_and_h200_nvl_is_not),
      cmocka_unit_test(ascend_910c_falls_under_general_prohibition_10),
      cmocka_unit_test(consumer_cards_are_out_under_4800),
      cmocka_unit_test(a_computer_is_classed_by_any_chip_in_it),
      cmocka_unit_test(the_headquarters_rule_follows_the_parent),
      cmocka_unit_test(volume_counts_against_the_us_volume),
      cmocka_unit_test(memory_stacks_are_classed_by_density),
      cmocka_unit_test(bills_apply_only_when_asked_for),
      cmocka_unit_test(nothing_is_ever_cleared),
      cmocka_unit_test(every_rule_is_cited),
      cmocka_unit_test(the_nearest_variant_is_the_nearest),
      cmocka_unit_test(the_nearest_variant_may_lie_in_a_corner),
      cmocka_unit_test(headroom_does_not_change_the_case),
      cmocka_unit_test(the_derivation_is_a_tree_down_to_numbers),
  };
  return cmocka_run_group_tests(tests, open_all, close_all);
}
