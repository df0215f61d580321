/* Summaries, with the answers worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "calibrate/validation.h"
#include "support/close.h"

/* A row of chip `chip` with an interval of half to double its prediction. */
static slip_checked row_of(const char *chip, double measured, double predicted) {
  return (slip_checked){.file = "t.csv",
                        .id = "r",
                        .source = "s",
                        .family = "s",
                        .phase = "training",
                        .chip = chip,
                        .model = "m",
                        .stack = "k",
                        .quantity = "step_time_s",
                        .unit = "s",
                        .measured = measured,
                        .predicted = predicted,
                        .lo = predicted / 2,
                        .hi = predicted * 2,
                        .scored = !isnan(predicted),
                        .reason = isnan(predicted) ? "why" : "",
                        .inferred = "",
                        .kind = SLIP_ROW_TRAINING};
}

static size_t summarise(slip_checked *rows, size_t n, slip_group_key key, slip_summary *out, size_t most) {
  slip_validation v = {.rows = rows, .n_rows = n};
  size_t count = 0;
  assert_int_equal(slip_validation_summarise(&v, SLIP_ROW_KINDS, key, out, most, &count, NULL), SLIP_OK);
  return count;
}

/* Measured 100 each, predicted 110, 80, 150, 90, 300: absolute errors 10, 20, 50, 10, 200 %.
 * Sorted 10 10 20 50 200: the median is 20; the 90th percentile lies at rank 0.9 x 4 = 3.6, so 50 + 0.6 x 150 = 140.
 * Ratios sorted 0.8 0.9 1.1 1.5 3: the median is 1.1. Interval [p/2, 2p] holds 100 for all but 300.
 * |ln| sorted: ln 1/0.9, ln 1.1, ln 1/0.8, ln 1.5, ln 3; rank 0.8 x 4 = 3.2: ln 1.5 + 0.2 (ln 3 - ln 1.5). */
static void errors_bias_and_coverage_by_hand(void **state) {
  slip_checked rows[] = {row_of("a", 100, 110), row_of("a", 100, 80),  row_of("a", 100, 150),
                         row_of("a", 100, 90),  row_of("a", 100, 300), row_of("a", 100, NAN)};
  slip_summary s;
  assert_int_equal(summarise(rows, 6, SLIP_BY_ALL, &s, 1), 1);
  assert_string_equal(s.group, "all");
  assert_int_equal(s.scored, 5);
  assert_int_equal(s.skipped, 1);
  assert_near(s.median_error, 0.2, 1e-12);
  assert_near(s.p90_error, 1.4, 1e-12);
  assert_near(s.bias, log(1.1), 1e-12);
  assert_near(s.coverage, 0.8, 1e-12);
  assert_near(s.spread80, log(1.5) + 0.2 * log(2.0), 1e-12);
  assert_true(isnan(s.rank_correlation)); /* all measurements are equal: there is no order to get right */
}

/* Measured 1 2 3 4, predicted 10 30 20 40: rank differences 0 1 1 0, so 1 - 6 x 2 / (4 x 15) = 0.8. */
static void rank_correlation_by_hand(void **state) {
  slip_checked rows[] = {row_of("a", 1, 10), row_of("a", 2, 30), row_of("a", 3, 20), row_of("a", 4, 40)};
  slip_summary s;
  (void)summarise(rows, 4, SLIP_BY_ALL, &s, 1);
  assert_near(s.rank_correlation, 0.8, 1e-12);
  (void)summarise(rows, 2, SLIP_BY_ALL, &s, 1);
  assert_true(isnan(s.rank_correlation)); /* two rows say nothing */
}

/* Predicted 1 1 3, measured 1 2 3. Ranks 0.5 0.5 2 and 0 1 2; about their mean 1: -0.5 -0.5 1 and -1 0 1;
 * covariance 0.5 + 0 + 1 = 1.5; 1.5 / sqrt(1.5 x 2). */
static void equal_values_share_their_rank(void **state) {
  slip_checked rows[] = {row_of("a", 1, 1), row_of("a", 2, 1), row_of("a", 3, 3)};
  slip_summary s;
  (void)summarise(rows, 3, SLIP_BY_ALL, &s, 1);
  assert_near(s.rank_correlation, 1.5 / sqrt(3.0), 1e-12);
}

static void groups_come_in_order_of_name(void **state) {
  slip_checked rows[] = {row_of("z", 1, 2), row_of("b", 1, 1), row_of("z", 1, 4), row_of("c", 1, NAN)};
  slip_summary s[2];
  assert_int_equal(summarise(rows, 4, SLIP_BY_CHIP, s, 2), 3); /* three there are, two fit */
  assert_string_equal(s[0].group, "b");
  assert_string_equal(s[1].group, "c");
  assert_int_equal(s[1].scored, 0);
  assert_int_equal(s[1].skipped, 1);
  assert_true(isnan(s[1].median_error) && isnan(s[1].coverage));
  slip_summary all[3];
  (void)summarise(rows, 4, SLIP_BY_CHIP, all, 3);
  assert_string_equal(all[2].group, "z");
  assert_near(all[2].median_error, 2.0, 1e-12); /* of 100% and 300% */
}

static void kinds_are_kept_apart(void **state) {
  slip_checked rows[] = {row_of("a", 1, 2), row_of("a", 1, 4)};
  rows[1].kind = SLIP_ROW_KERNEL;
  slip_validation v = {.rows = rows, .n_rows = 2};
  slip_summary s;
  size_t count = 0;
  assert_int_equal(slip_validation_summarise(&v, SLIP_ROW_KERNEL, SLIP_BY_ALL, &s, 1, &count, NULL), SLIP_OK);
  assert_near(s.median_error, 3.0, 1e-12);
  assert_int_equal(slip_validation_summarise(&v, SLIP_ROW_SERVING, SLIP_BY_ALL, &s, 1, &count, NULL), SLIP_OK);
  assert_int_equal(count, 0);
}

static void the_error_is_of_the_prediction(void **state) {
  const slip_checked row = row_of("a", 200, 150);
  assert_near(slip_checked_error(&row), -0.25, 1e-12);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(errors_bias_and_coverage_by_hand),
      cmocka_unit_test(rank_correlation_by_hand),
      cmocka_unit_test(equal_values_share_their_rank),
      cmocka_unit_test(groups_come_in_order_of_name),
      cmocka_unit_test(kinds_are_kept_apart),
      cmocka_unit_test(the_error_is_of_the_prediction),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
