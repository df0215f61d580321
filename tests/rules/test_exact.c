/* Exact arithmetic: what is equal is equal, and what is just under a bound is under it. */
#include "rules/fixture.h"

#include "rules/exact.h"

static slip_exact number(const char *text) {
  slip_exact value = {0, 0};
  assert_true(slip_exact_parse(text, &value));
  return value;
}

static void decimals_are_fractions_in_lowest_terms(void **unused) {
  const slip_exact density = number("5.92");
  assert_int_equal(density.over, 148); /* 592/100 */
  assert_int_equal(density.under, 25);
  assert_int_equal(number("4800").over, 4800);
  assert_int_equal(number("1e3").over, 1000);
  assert_int_equal(number("1.5e-3").under, 2000); /* 3/2000 */
  assert_int_equal(number("0").under, 1);
}

static void what_is_no_decimal_is_refused(void **unused) {
  static const char *const bad[] = {"",    "-1",  "abc", "1.0000000001", "1234567890123456", "1e99", ".", "0x10",
                                    "inf", "nan", "1e",  "1 2"};
  slip_exact value;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    if (slip_exact_parse(bad[i], &value))
      fail_msg("'%s' was read", bad[i]);
}

/* 1912 / 3.2 = 597.5 exactly; as doubles 1912 / 597.5 would do, but 20,919.2 / 3.2 and the like would not. */
static void products_and_quotients_are_exact(void **unused) {
  slip_exact area, density, tpp;
  assert_true(slip_exact_divide(number("1912"), number("3.2"), &area));
  assert_int_equal(slip_exact_compare(area, number("597.5")), 0);
  assert_true(slip_exact_divide(number("1912"), area, &density));
  assert_int_equal(slip_exact_compare(density, number("3.2")), 0);
  assert_true(slip_exact_multiply(number("2614.9"), number("8"), &tpp));
  assert_int_equal(slip_exact_compare(tpp, number("20919.2")), 0);
  /* Thirds never end, and are compared all the same. */
  assert_true(slip_exact_divide(number("1"), number("3"), &area));
  assert_true(slip_exact_multiply(area, number("3"), &density));
  assert_int_equal(slip_exact_compare(density, number("1")), 0);
}

static void what_does_not_fit_is_refused_not_rounded(void **unused) {
  const slip_exact huge = number("999999999999999.999"), tiny = number("0.000000001");
  slip_exact value;
  assert_false(slip_exact_multiply(huge, huge, &value));
  assert_false(slip_exact_divide(huge, tiny, &value));
  assert_false(slip_exact_divide(number("1"), number("0"), &value));
}

/* A density of 3.19999 is not shown as 3.2. */
static void shown_numbers_are_cut_not_rounded(void **unused) {
  char text[SLIP_EXACT_SIZE];
  slip_exact value;
  assert_string_equal(slip_exact_format(text, number("597.5")), "597.5");
  assert_string_equal(slip_exact_format(text, number("4800")), "4800");
  assert_true(slip_exact_divide(number("2"), number("3"), &value));
  assert_string_equal(slip_exact_format(text, value), "0.6666");
  assert_true(slip_exact_divide(number("1919.9999"), number("600"), &value));
  assert_string_equal(slip_exact_format(text, value), "3.1999");
}

static void days_are_those_of_the_calendar(void **unused) {
  char text[SLIP_DATE_SIZE];
  slip_date date = 0;
  assert_true(slip_date_parse("2024-02-29", &date));
  assert_int_equal(slip_date_next(date), 20240301);
  assert_int_equal(slip_date_next(20231231), 20240101);
  assert_int_equal(slip_date_next(0), 0);
  assert_int_equal(slip_date_days(20240228, 20240301), 2); /* a leap year */
  assert_int_equal(slip_date_days(20260928, 20251109), -323);
  assert_string_equal(slip_date_format(text, 20260115), "2026-01-15");
  static const char *const bad[] = {"2023-02-29", "2023-13-01", "2023-00-10", "2023-1-1",  "20230101",
                                    "",           "2023-04-31", "1899-12-31", "2023-01-0x"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_false(slip_date_parse(bad[i], &date));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(decimals_are_fractions_in_lowest_terms),
      cmocka_unit_test(what_is_no_decimal_is_refused),
      cmocka_unit_test(products_and_quotients_are_exact),
      cmocka_unit_test(what_does_not_fit_is_refused_not_rounded),
      cmocka_unit_test(shown_numbers_are_cut_not_rounded),
      cmocka_unit_test(days_are_those_of_the_calendar),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
