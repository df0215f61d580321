/* The answer changes exactly where a date says so: on each side of every effective, compliance and expiry date, of every period
 * and of every move of a country. */
#include "rules/fixture.h"

#define TO_CN "from=US to=CN hq=CN end_user=commercial end_use=commercial"
#define UNDER_CBC TO_CN " volume=1 cn_units_before=0 us_units=100"

/* ---- named dates, worked out by hand ---- */

static void expect(const char *item, const char *words, const char *decision, const char *date_before,
                   const char *before, const char *date_after, const char *after) {
  assert_string_equal(answer(item, words, date_before, decision), before);
  assert_string_equal(answer(item, words, date_after, decision), after);
}

static void classes_change_on_their_days(void **unused) {
  expect("a100-80gb", TO_CN, "class", "2022-10-20", "not 3A090", "2022-10-21", "3A090");
  expect("a100-80gb", TO_CN, "class", "2023-11-16", "3A090", "2023-11-17", "3A090.a");
  expect("a800", TO_CN, "class", "2023-11-16", "not 3A090", "2023-11-17", "3A090.a");
  expect("hbm3e-stack", TO_CN, "class", "2024-12-01", "not 3A090", "2024-12-02", "3A090.c");
}

static void licences_change_on_their_days(void **unused) {
  expect("a100-80gb", TO_CN, "licence", "2022-10-20", "none found", "2022-10-21", "required");
  expect("a100-80gb", "from=US to=MO end_user=commercial end_use=commercial", "licence", "2023-01-16", "none found",
         "2023-01-17", "required");
  /* In force on 2024-12-02, to be complied with from 2024-12-31. */
  expect("hbm3e-stack", TO_CN, "licence", "2024-12-30", "none found", "2024-12-31", "required");
  /* Kazakhstan came under control with the rule of 2023; who was a member before July 2026 was not reconstructed. */
  expect("h100", "from=US to=KZ hq=KZ parent_hq=KZ end_user=commercial end_use=commercial", "licence", "2026-07-22",
         "required|none found", "2026-07-23", "required");
}

/* UAE: D:4 until 2026-07-09, A:5 with a carve-back for parties that are not approved from 2026-07-10. */
static void the_uae_moves_on_its_day(void **unused) {
  const char *words = "from=US to=AE hq=AE parent_hq=AE end_user=commercial end_use=commercial uae_approved=yes";
  expect("h100", words, "licence", "2026-07-09", "required", "2026-07-10", "none found");
  const char *other = "from=US to=AE hq=AE parent_hq=AE end_user=commercial end_use=commercial uae_approved=no";
  expect("h100", other, "licence", "2026-07-09", "required", "2026-07-10", "required");
  expect("h100", other, "policy", "2026-07-09", "presumption of approval", "2026-07-10", "case by case");
}

static void cyprus_leaves_d5_on_its_day(void **unused) {
  const char *words = "from=US to=CY hq=CY parent_hq=CY end_user=commercial end_use=commercial";
  slip_case *c = case_of_item("h100", words);
  slip_verdict *before = classify(c, "2024-05-29"), *after = classify(c, "2024-05-30");
  /* A:6 on both days as of 2026, so the destination scope is open before it was read; the headquarters limb is not. */
  assert_int_equal(rule_value(before, "US-2023-11.licence-headquarters"), SLIP_YES);
  assert_int_equal(rule_value(after, "US-2023-11.licence-headquarters"), SLIP_NO);
  slip_verdict_free(before);
  slip_verdict_free(after);
  slip_case_free(c);
}

static void the_affiliates_rule_comes_goes_and_is_unknown(void **unused) {
  const char *words = "from=US to=SG hq=SG parent_hq=SG end_user=commercial end_use=commercial listed_ownership=50";
  const char *rule = "US-2025-09-AFF.licence";
  assert_int_equal(holds("h20", words, "2025-09-28", rule), SLIP_NO);
  assert_int_equal(holds("h20", words, "2025-09-29", rule), SLIP_YES);
  assert_int_equal(holds("h20", words, "2025-11-09", rule), SLIP_YES);
  assert_int_equal(holds("h20", words, "2025-11-10", rule), SLIP_NO);
  assert_int_equal(holds("h20", words, "2026-11-09", rule), SLIP_NO);
  /* The text returns; whether it is enforced, no document seen says. */
  assert_int_equal(holds("h20", words, "2026-11-10", rule), SLIP_UNDETERMINED);
  slip_case *c = case_of_item("h20", words);
  slip_verdict *v = classify(c, "2026-11-10");
  const slip_finding *finding = slip_verdict_finding(v, rule);
  assert_int_equal(finding->text_status, SLIP_TEXT_IN_FORCE);
  assert_int_equal(finding->enforcement, SLIP_ENFORCEMENT_UNKNOWN);
  assert_string_equal(finding->missing[0], "enforcement:US-2025-09-AFF.licence");
  slip_verdict_free(v);
  slip_case_free(c);
}

/* In the text since 2025-01-13 and in no effect on any day: compliance came after the announcement. */
static void the_diffusion_rule_is_text_only(void **unused) {
  slip_case *c = case_of_item("h100", "from=US to=CH hq=CH parent_hq=CH end_user=commercial end_use=commercial");
  static const char *const days[] = {"2025-01-13", "2025-05-12", "2025-05-13", "2025-05-15", "2026-03-01"};
  for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
    slip_verdict *v = classify(c, days[i]);
    const slip_finding *finding = slip_verdict_finding(v, "US-2025-01-AID.licence");
    assert_int_equal(finding->met, SLIP_YES);
    assert_int_equal(finding->value, SLIP_NO);
    assert_int_equal(finding->text_status, SLIP_TEXT_IN_FORCE);
    assert_int_equal(finding->enforcement,
                     strcmp(days[i], "2025-05-13") < 0 ? SLIP_ENFORCED : SLIP_ANNOUNCED_NOT_ENFORCED);
    slip_verdict_free(v);
  }
  slip_case_free(c);
}

static void the_january_2026_policy_begins_on_its_day(void **unused) {
  const char *all = UNDER_CBC
      " cert_parameters=yes cert_us_available=yes cert_us_supply=yes cert_foundry=yes cert_end_use=yes cert_kyc=yes"
      " cert_remote_access=yes cert_remote_users=yes cert_weights=yes cert_us_lab=yes";
  expect("h200", all, "policy", "2026-01-14", "presumption of denial", "2026-01-15", "case by case");
  expect("h200", UNDER_CBC, "policy", "2026-01-14", "presumption of denial", "2026-01-15",
         "presumption of denial|case by case");
  assert_int_equal(holds("h200", TO_CN, "2026-01-14", "US-2026-01-T232.band1"), SLIP_NO);
  assert_int_equal(holds("h200", TO_CN, "2026-01-15", "US-2026-01-T232.band1"), SLIP_YES);
}

static void what_was_not_published_yet_was_not_known(void **unused) {
  slip_error err = {0};
  slip_verdict *v = NULL;
  slip_case *c = case_of_item("hbm3e-stack", TO_CN);
  /* Effective on 2024-12-02, published on 2024-12-05: on the 3rd nobody could read it. */
  const slip_ask hindsight = {.date = day("2024-12-03")},
                 then = {.date = day("2024-12-03"), .known_on = day("2024-12-03")};
  OK(slip_classify(pack, c, &hindsight, &v, &err), &err);
  assert_string_equal(outcome(v, "class"), "3A090.c");
  slip_verdict_free(v);
  OK(slip_classify(pack, c, &then, &v, &err), &err);
  assert_string_equal(outcome(v, "class"), "not 3A090");
  slip_verdict_free(v);
  slip_case_free(c);
}

/* ---- every date of the pack ---- */

static bool is_before(slip_date day, slip_date other) {
  return day < other;
}

/* What the status of a rule must be by its own dates, written anew from docs/rules.md. */
static slip_text_status status_by_dates(const slip_rule *rule, slip_date date) {
  if (is_before(date, rule->effective))
    return SLIP_TEXT_NOT_YET;
  if (rule->expiry && is_before(rule->expiry, date))
    return SLIP_TEXT_EXPIRED;
  for (size_t i = 0; i < rule->n_suspended; i++)
    if (!is_before(date, rule->suspended[i].from) &&
        (!rule->suspended[i].to || !is_before(rule->suspended[i].to, date)))
      return SLIP_TEXT_SUSPENDED;
  return rule->certainty == SLIP_PROPOSED ? SLIP_TEXT_NONE
         : rule->never_published          ? SLIP_TEXT_NEVER_PUBLISHED
                                          : SLIP_TEXT_IN_FORCE;
}

/* Forward from the first of the month, or of the month before, until the next day is it. */
static slip_date day_before(slip_date date) {
  const slip_date first = date / 100 * 100 + 1;
  slip_date before = date != first ? first : date % 10000 == 101 ? (date / 10000 - 1) * 10000 + 1201 : first - 100;
  while (slip_date_next(before) != date)
    before = slip_date_next(before);
  return before;
}

/* On the day before and on the day itself of every date on which anything changes, each rule stands where its dates say. */
static void every_rule_changes_exactly_on_its_dates(void **unused) {
  size_t n = 0, flips = 0;
  const slip_date *dates = slip_rules_dates(pack, &n);
  slip_case *c = case_of_item("h200", UNDER_CBC);
  assert_true(n > 40);
  for (size_t i = 0; i < n; i++) {
    slip_verdict *v[2] = {classify_with(pack, c, day_before(dates[i]), true),
                          classify_with(pack, c, dates[i], true)};
    size_t changed = 0;
    for (size_t k = 0; k < v[0]->n_findings; k++)
      for (int side = 0; side < 2; side++) {
        const slip_finding *finding = &v[side]->findings[k];
        assert_int_equal(finding->text_status,
                         status_by_dates(finding->rule, side ? dates[i] : day_before(dates[i])));
        changed += side && (finding->text_status != v[0]->findings[k].text_status ||
                            finding->enforcement != v[0]->findings[k].enforcement ||
                            finding->is_awaited != v[0]->findings[k].is_awaited)
                       ? 1
                       : 0;
      }
    flips += changed;
    slip_verdict_free(v[0]);
    slip_verdict_free(v[1]);
  }
  assert_true(flips >=
              n - 10); /* nearly every date moves a rule; the rest are publications and moves of countries */
  slip_case_free(c);
}

/* Between two dates of the pack nothing changes: the list of dates is complete. */
static void nothing_changes_between_dates(void **unused) {
  size_t n = 0;
  const slip_date *dates = slip_rules_dates(pack, &n);
  slip_case *c = case_of_item("h200", UNDER_CBC);
  for (size_t i = 0; i + 1 < n; i++) {
    slip_verdict *first = classify_with(pack, c, dates[i], false),
                 *last = classify_with(pack, c, day_before(dates[i + 1]), false);
    for (size_t k = 0; k < first->n_findings; k++) {
      assert_int_equal(first->findings[k].value, last->findings[k].value);
      assert_int_equal(first->findings[k].text_status, last->findings[k].text_status);
      assert_int_equal(first->findings[k].enforcement, last->findings[k].enforcement);
    }
    slip_verdict_free(first);
    slip_verdict_free(last);
  }
  slip_case_free(c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(classes_change_on_their_days),
      cmocka_unit_test(licences_change_on_their_days),
      cmocka_unit_test(the_uae_moves_on_its_day),
      cmocka_unit_test(cyprus_leaves_d5_on_its_day),
      cmocka_unit_test(the_affiliates_rule_comes_goes_and_is_unknown),
      cmocka_unit_test(the_diffusion_rule_is_text_only),
      cmocka_unit_test(the_january_2026_policy_begins_on_its_day),
      cmocka_unit_test(what_was_not_published_yet_was_not_known),
      cmocka_unit_test(every_rule_changes_exactly_on_its_dates),
      cmocka_unit_test(nothing_changes_between_dates),
  };
  return cmocka_run_group_tests(tests, open_all, close_all);
}
