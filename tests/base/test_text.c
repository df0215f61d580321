/* The growing text, numbers in and out, edit distance, files and UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"

static void a_text_grows(void **state) {
  (void)state;
  slip_text text = {0};
  assert_null(text.data);
  for (int i = 0; i < 1000; i++)
    slip_text_printf(&text, "%03d,", i);
  slip_text_add(&text, "end");
  slip_text_add(&text, NULL);
  slip_text_add_n(&text, "abc", 2);
  assert_false(text.failed);
  assert_int_equal(text.length, 4000 + 3 + 2);
  assert_memory_equal(text.data, "000,001,002,", 12);
  assert_string_equal(text.data + 3996, "999,endab");
  slip_text_free(&text);
  assert_null(text.data);
  slip_text_add(&text, "");
  assert_string_equal(text.data, "");
  slip_text_free(&text);
}

static void a_failed_text_stays_failed(void **state) {
  (void)state;
  slip_text text = {0};
  slip_arena_fail_after(1);
  slip_text_add(&text, "lost");
  assert_true(text.failed);
  slip_text_add(&text, "also lost");
  slip_text_printf(&text, "%d", 1);
  assert_true(text.failed);
  assert_int_equal(text.length, 0);
  slip_text_free(&text);
  slip_text_add(&text, "kept");
  slip_arena_fail_after(1);
  slip_text_printf(&text, "%1000d", 1);
  assert_true(text.failed);
  assert_string_equal(text.data, "kept");
  slip_text_free(&text);
  slip_text_add_n(&text, "x", SIZE_MAX - 1); /* refused by its size before it is read */
  assert_true(text.failed);
  slip_text_free(&text);
}

typedef struct double_case {
  const char *text;
  double value;
} double_case;

static void decimal_numbers_are_read(void **state) {
  (void)state;
  static const double_case cases[] = {
      {"0", 0},           {"-0", 0},        {"1", 1},      {"+1", 1},     {"-2.5", -2.5},
      {".5", 0.5},        {"5.", 5},        {"-.5", -0.5}, {"1e3", 1000}, {"1E+3", 1000},
      {"2.5e-3", 0.0025}, {"989.4", 989.4}, {"007", 7},    {"1e-400", 0}, {"1.7976931348623157e308", DBL_MAX},
      {"5e-324", 5e-324}, {"0.1", 0.1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    double value = 77;
    assert_true(slip_parse_double(cases[i].text, &value));
    assert_true(value == cases[i].value);
    assert_false(value == 0 && signbit(value));
    assert_true(slip_is_number(cases[i].text));
  }
  static const char *const refused[] = {"",    " ",        "1 ", " 1",  "1x",    "0x10",  "1e",      "1e+",
                                        "e5",  ".",        "-",  "+-1", "1..2",  "1_000", "1,5",     "inf",
                                        "nan", "Infinity", "-.", ".e1", "1e5.5", "1p3",   "\xD9\xA1"};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    double value = 77;
    assert_false(slip_parse_double(refused[i], &value));
    assert_true(value == 77);
    assert_false(slip_is_number(refused[i]));
  }
  double value = 77;
  assert_true(slip_is_number("1e309")); /* a number, but no finite double */
  assert_false(slip_parse_double("1e309", &value));
  assert_false(slip_parse_double("-1e999999999999999999999", &value));
  assert_true(value == 77);
}

typedef struct int_case {
  const char *text;
  int64_t value;
} int_case;

static void whole_numbers_are_read_exactly(void **state) {
  (void)state;
  static const int_case cases[] = {
      {"0", 0},
      {"-0", 0},
      {"8192", 8192},
      {"8192.0", 8192},
      {"8192.", 8192},
      {"+12", 12},
      {"-12", -12},
      {"1e9", 1000000000},
      {"1.5e1", 15},
      {"10e-1", 1},
      {"0.0012e4", 12},
      {"14.8e12", INT64_C(14800000000000)},
      {"0e99999999999999999999", 0},
      {"0.0", 0},
      {"00000000000000000000000000007", 7},
      {"7.0000000000000000000000000000", 7},
      {"9007199254740993", INT64_C(9007199254740993)}, /* 2^53 + 1: no double */
      {"9223372036854775807", INT64_MAX},
      {"-9223372036854775808", INT64_MIN},
      {"9.223372036854775807e18", INT64_MAX},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int64_t value = 77;
    assert_true(slip_parse_int(cases[i].text, &value));
    assert_int_equal(value, cases[i].value);
  }
  static const char *const refused[] = {"",
                                        "1.5",
                                        "15e-1",
                                        "1e-400",
                                        "9223372036854775808",
                                        "-9223372036854775809",
                                        "1e19",
                                        "1e999999999999999999999",
                                        "1e-99999999999999999999",
                                        "x",
                                        "1k",
                                        "0x10",
                                        "1 ",
                                        "0.00000000000000000000000000000000001",
                                        "92233720368547758070",
                                        ".",
                                        "1e"};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    int64_t value = 77;
    assert_false(slip_parse_int(refused[i], &value));
    assert_int_equal(value, 77);
  }
}

static void durations_are_read(void **state) {
  (void)state;
  static const double_case cases[] = {
      {"50ms", 0.05}, {"2s", 2}, {"300us", 0.0003}, {"1.5", 1.5}, {"7ns", 7e-9}, {"2min", 120},
      {"1h", 3600},   {"0", 0},  {"0ms", 0},        {"-0s", 0},   {"1e3ms", 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    double value = 77;
    assert_true(slip_parse_seconds(cases[i].text, &value));
    assert_true(value == cases[i].value);
  }
  static const char *const refused[] = {"",   "ms",   "50 ms", "50MS", "-1ms", "1e400s", "1e308h", "5d",
                                        "1e", "1ems", "0x5s",  "inf",  "nan",  "50ms ",  "s50"};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    double value = 77;
    assert_false(slip_parse_seconds(refused[i], &value));
    assert_true(value == 77);
  }
}

static void check_round_trip(double value) {
  char text[SLIP_DOUBLE_SIZE];
  slip_format_double(text, value);
  assert_true(strlen(text) < SLIP_DOUBLE_SIZE);
  assert_true(strtod(text, NULL) == value);
}

static size_t digits_of(const char *text) {
  size_t digits = 0;
  for (; *text != '\0' && *text != 'e'; text++)
    digits += *text >= '0' && *text <= '9';
  return digits;
}

static void doubles_are_written_with_the_fewest_digits(void **state) {
  (void)state;
  static const double_case cases[] = {
      {"0", 0},
      {"0.1", 0.1},
      {"989.4", 989.4},
      {"1000000", 1e6},
      {"1e21", 1e21},
      {"1e-7", 1e-7},
      {"-2.5", -2.5},
      {"0.30000000000000004", 0.1 + 0.2},
      {"5e-324", 5e-324},
      {"1.7976931348623157e308", DBL_MAX},
      {"2.2250738585072014e-308", DBL_MIN},
      {"123456789012345", 123456789012345.0},
      {"1e100", 1e100},
      {"9007199254740992", 9007199254740992.0},
      {"inf", INFINITY},
      {"-inf", -INFINITY},
      /* 2^-44: the nearest 16 digits, ...801e-14, read back to its lower neighbour; ...802e-14 do not */
      {"5.684341886080802e-14", 0x1p-44},
  };
  char text[SLIP_DOUBLE_SIZE];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_string_equal(slip_format_double(text, cases[i].value), cases[i].text);
  assert_string_equal(slip_format_double(text, NAN), "nan");
  for (int exponent = -1074; exponent <= 1023; exponent++) {
    const double power = ldexp(1, exponent);
    check_round_trip(power);
    check_round_trip(nextafter(power, 0));
    check_round_trip(nextafter(power, INFINITY) < INFINITY ? nextafter(power, INFINITY) : power);
    check_round_trip(-power);
    /* No 16 digits do it where 17 are used: try the neighbours of the nearest 16 digits. */
    if (digits_of(slip_format_double(text, power)) == 17) {
      char tried[40];
      snprintf(tried, sizeof tried, "%.15e", power);
      char *last = strchr(tried, 'e') - 1;
      const char nearest = *last;
      for (char c = '0'; c <= '9'; c++) {
        *last = c;
        assert_false(strtod(tried, NULL) == power);
      }
      assert_true(nearest >= '0');
    }
  }
  uint64_t bits = 88172645463325252u; /* xorshift64 */
  for (int i = 0; i < 20000; i++) {
    double value = 0;
    bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
    memcpy(&value, &bits, sizeof value);
    if (isfinite(value))
      check_round_trip(value);
  }
}

/* A program that embeds the library may have chosen a locale that writes 1,5. */
static void numbers_do_not_depend_on_the_locale(void **state) {
  (void)state;
  static const char *const commas[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8", "de_DE", "fr_FR"};
  size_t i = 0;
  while (i < sizeof commas / sizeof *commas && setlocale(LC_ALL, commas[i]) == NULL)
    i++;
  if (i == sizeof commas / sizeof *commas)
    skip();
  char own[16], text[SLIP_DOUBLE_SIZE];
  snprintf(own, sizeof own, "%.1f", 1.5);
  double value = 0;
  slip_text grown = {0};
  slip_text_printf(&grown, "%.1f", 1.5);
  const bool parsed = slip_parse_double("1.5", &value), comma = slip_parse_double("1,5", &value);
  slip_format_double(text, 1.5);
  char after[16];
  snprintf(after, sizeof after, "%.1f", 1.5);
  setlocale(LC_ALL, "C");
  assert_string_equal(own, "1,5");
  assert_string_equal(after, "1,5"); /* and the program's choice is left as it was */
  assert_true(parsed && value == 1.5);
  assert_false(comma);
  assert_string_equal(grown.data, "1.5");
  assert_string_equal(text, "1.5");
  slip_text_free(&grown);
}

static void edit_distance_counts_edits(void **state) {
  (void)state;
  assert_int_equal(slip_edit_distance("", ""), 0);
  assert_int_equal(slip_edit_distance("abc", ""), 3);
  assert_int_equal(slip_edit_distance("", "abc"), 3);
  assert_int_equal(slip_edit_distance("h200", "h200"), 0);
  assert_int_equal(slip_edit_distance("h200", "h20"), 1);
  assert_int_equal(slip_edit_distance("kitten", "sitting"), 3);
  assert_int_equal(slip_edit_distance("gb200-nvl72", "gb300-nvl72"), 1);
  assert_int_equal(slip_edit_distance("abcd", "dcba"), 4);
  char a[300], b[300];
  memset(a, 'a', 299), memset(b, 'b', 299);
  a[299] = b[299] = '\0';
  assert_int_equal(slip_edit_distance(a, b), 64);
}

static void write_temporary(char *path, const void *bytes, size_t n) {
  strcpy(path, "slipstick-test-XXXXXX");
  const int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, bytes, n), n);
  close(fd);
}

static void files_are_read_whole_or_refused(void **state) {
  (void)state;
  char path[64], *bytes = NULL;
  size_t n = 77;
  slip_error err = {0};
  char large[20000];
  memset(large, 'z', sizeof large);
  large[100] = '\0';
  write_temporary(path, large, sizeof large);
  assert_int_equal(slip_read_file(path, sizeof large, &bytes, &n, &err), SLIP_OK);
  assert_int_equal(n, sizeof large);
  assert_memory_equal(bytes, large, sizeof large);
  assert_int_equal(bytes[n], 0);
  free(bytes);
  assert_int_equal(slip_read_file(path, SIZE_MAX, &bytes, &n, &err), SLIP_OK);
  free(bytes);
  bytes = NULL, n = 77;
  assert_int_equal(slip_read_file(path, sizeof large - 1, &bytes, &n, &err), SLIP_BAD_INPUT);
  assert_string_equal(err.file, path);
  assert_non_null(strstr(err.message, "larger than 19999 bytes"));
  /* each of its allocations may fail: 4 KiB, then doublings */
  for (long i = 1; i <= 3; i++) {
    slip_arena_fail_after(i);
    assert_int_equal(slip_read_file(path, sizeof large, &bytes, &n, &err), SLIP_NO_MEMORY);
  }
  slip_arena_fail_after(0);
  assert_null(bytes);
  assert_int_equal(n, 77);
  unlink(path);
  assert_int_equal(slip_read_file(path, 100, &bytes, &n, &err), SLIP_IO_FAILURE);
  assert_string_equal(err.file, path);
  assert_non_null(strstr(err.message, "No such file"));
  assert_int_equal(slip_read_file(".", 100, &bytes, &n, &err), SLIP_IO_FAILURE);
  assert_non_null(strstr(err.message, "directory"));
  write_temporary(path, "", 0);
  assert_int_equal(slip_read_file(path, 0, &bytes, &n, &err), SLIP_OK);
  assert_int_equal(n, 0);
  assert_string_equal(bytes, "");
  free(bytes);
  unlink(path);
}

typedef struct utf8_case {
  const char *bytes;
  bool good;
} utf8_case;

static void utf8_is_told_from_what_is_not(void **state) {
  (void)state;
  static const utf8_case cases[] = {
      {"", true},
      {"plain", true},
      {"\xC3\xA9", true},
      {"\xE6\x98\x87\xE8\x85\xBE", true},
      {"\xF0\x9F\x98\x80", true},
      {"\xF4\x8F\xBF\xBF", true}, /* U+10FFFF */
      {"\xED\x9F\xBF", true},     /* U+D7FF */
      {"\xEE\x80\x80", true},     /* U+E000 */
      {"\x80", false},
      {"\xC0\x80", false}, /* overlong NUL */
      {"\xC1\xBF", false},
      {"\xE0\x9F\xBF", false}, /* overlong */
      {"\xF0\x8F\xBF\xBF", false},
      {"\xED\xA0\x80", false}, /* a surrogate */
      {"\xED\xBF\xBF", false},
      {"\xF4\x90\x80\x80", false}, /* above U+10FFFF */
      {"\xF5\x80\x80\x80", false},
      {"\xFF", false},
      {"a\xC3", false}, /* cut off */
      {"a\xE6\x98", false},
      {"a\xF0\x9F\x98", false},
      {"\xC3\x28", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_int_equal(slip_is_utf8(cases[i].bytes, strlen(cases[i].bytes)), cases[i].good);
  assert_true(slip_is_utf8("a\0b", 3));
  assert_int_equal(slip_utf8_length("\xC3\xA9", 1), 0);
  assert_int_equal(slip_utf8_length("\xC3\xA9", 2), 2);
  assert_int_equal(slip_utf8_length("", 0), 0);
  /* every cut of e-acute, rising, smiling */
  const char *mixed = "\xC3\xA9\xE6\x98\x87\xF0\x9F\x98\x80";
  static const size_t cuts[] = {0, 0, 2, 2, 2, 5, 5, 5, 5, 9};
  for (size_t n = 0; n <= 9; n++)
    assert_int_equal(slip_utf8_cut(mixed, n), cuts[n]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_text_grows),
      cmocka_unit_test(a_failed_text_stays_failed),
      cmocka_unit_test(decimal_numbers_are_read),
      cmocka_unit_test(whole_numbers_are_read_exactly),
      cmocka_unit_test(durations_are_read),
      cmocka_unit_test(doubles_are_written_with_the_fewest_digits),
      cmocka_unit_test(numbers_do_not_depend_on_the_locale),
      cmocka_unit_test(edit_distance_counts_edits),
      cmocka_unit_test(files_are_read_whole_or_refused),
      cmocka_unit_test(utf8_is_told_from_what_is_not),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
