/* Numbers for people: three significant digits, a prefix chosen after rounding, "-" for what is not known. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/number.h"

static char text[SLIP_CELL_SIZE];

static void plain_numbers_have_three_digits(void **state) {
  assert_string_equal(slip_number_plain(text, 1.2345), "1.23");
  assert_string_equal(slip_number_plain(text, 0.012345), "0.0123");
  assert_string_equal(slip_number_plain(text, 999.4), "999");
  assert_string_equal(slip_number_plain(text, 1512), "1510");
  assert_string_equal(slip_number_plain(text, 1515), "1520"); /* halves go away from zero */
  assert_string_equal(slip_number_plain(text, -1512), "-1510");
  assert_string_equal(slip_number_plain(text, 0), "0");
}

static void a_prefix_begins_at_ten_thousand(void **state) {
  assert_string_equal(slip_number_plain(text, 9994), "9990");
  assert_string_equal(slip_number_plain(text, 9996), "10.0 k"); /* rounded first: 10,000 */
  assert_string_equal(slip_number_plain(text, 582345), "582 k");
  assert_string_equal(slip_number_plain(text, 999600), "1.00 M");
}

static void what_is_not_known_is_a_dash(void **state) {
  assert_string_equal(slip_number_plain(text, NAN), "-");
  assert_string_equal(slip_number_unit(text, NAN, "W"), "-");
  assert_string_equal(slip_number_interval(text, NAN, 1, 2), "-");
  assert_string_equal(slip_number_usd(text, NAN), "-");
  assert_string_equal(slip_number_seconds(text, INFINITY), "inf");
}

static void units_take_prefixes(void **state) {
  assert_string_equal(slip_number_unit(text, 2.88768e17, "FLOP/s"), "289 PFLOP/s");
  assert_string_equal(slip_number_unit(text, 559e3, "W"), "559 kW");
  assert_string_equal(slip_number_unit(text, 12, "W"), "12.0 W");
  assert_string_equal(slip_number_unit(text, 1.9e-6, "s"), "1.90 us");
  assert_string_equal(slip_number_unit(text, 0.9996e3, "B"), "1.00 kB");
  assert_string_equal(slip_number_unit(text, 0, "B"), "0 B");
  assert_string_equal(slip_number_unit(text, 1e-14, "s"), "0.0000100 ns"); /* no prefix below nano */
}

static void an_interval_keeps_both_ends(void **state) {
  assert_string_equal(slip_number_interval(text, 1512, 1210, 1893), "1510 [1210, 1890]");
  assert_string_equal(slip_number_interval(text, 12345, 9876, 15432), "12.3 k [9880, 15.4 k]");
  assert_string_equal(slip_number_interval(text, 1512, NAN, 1893), "1510");
}

static void counts_are_exact(void **state) {
  assert_string_equal(slip_number_count(text, 8192), "8192");
  assert_string_equal(slip_number_count(text, 163840), "163840");
  assert_string_equal(slip_number_count(text, 2.5), "2.50");
}

static void money_time_and_shares(void **state) {
  assert_string_equal(slip_number_usd(text, 0.4123), "$0.412");
  assert_string_equal(slip_number_usd(text, 8.2e6), "$8.20 M");
  assert_string_equal(slip_number_usd(text, 3.456e9), "$3.46 bn");
  assert_string_equal(slip_number_seconds(text, 0.045), "45.0 ms");
  assert_string_equal(slip_number_seconds(text, 90), "90.0 s");
  assert_string_equal(slip_number_seconds(text, 150), "2.50 min");
  assert_string_equal(slip_number_seconds(text, 7200), "2.00 h");
  assert_string_equal(slip_number_seconds(text, 41.25 * 86400), "41.2 days");
  assert_string_equal(slip_number_percent(text, 0.43214), "43.2%");
  assert_string_equal(slip_number_percent(text, 0.0004), "<0.1%");
  assert_string_equal(slip_number_percent(text, 0), "0.0%");
  assert_string_equal(slip_number_ratio(text, 1.512), "1.51x");
  assert_string_equal(slip_number_params(text, 671026419200.0), "671 B");
  assert_string_equal(slip_number_params(text, 950e6), "950 M");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plain_numbers_have_three_digits), cmocka_unit_test(a_prefix_begins_at_ten_thousand),
      cmocka_unit_test(what_is_not_known_is_a_dash),     cmocka_unit_test(units_take_prefixes),
      cmocka_unit_test(an_interval_keeps_both_ends),     cmocka_unit_test(counts_are_exact),
      cmocka_unit_test(money_time_and_shares),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
