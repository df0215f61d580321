/* Numbers for people. Rounding to three digits comes first and the prefix second, so that 999.6 k is "1.00 M". */
#include "report/number.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { LOWEST_PREFIX = -3, HIGHEST_PREFIX = 6 };

static const char *const prefixes[] = {"n", "u", "m", "", "k", "M", "G", "T", "P", "E"};

static void format(char out[SLIP_CELL_SIZE], const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void format(char out[SLIP_CELL_SIZE], const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  (void)slip_vformat(out, SLIP_CELL_SIZE, fmt, args);
  va_end(args);
}

/* True when value is a number to lay out; else writes what stands for it. */
static int is_ordinary(char out[SLIP_CELL_SIZE], double value) {
  if (isnan(value)) {
    format(out, "-");
    return 0;
  }
  if (isinf(value)) {
    format(out, "%s", value > 0 ? "inf" : "-inf");
    return 0;
  }
  return 1;
}

/* Decimal exponent of value once rounded to three significant digits; 0 for 0. */
static int rounded_exponent(double value) {
  char text[SLIP_CELL_SIZE];
  format(text, "%.2e", value);
  const char *e = strchr(text, 'e');
  return value == 0 || e == NULL ? 0 : (int)strtol(e + 1, NULL, 10);
}

/* Three significant digits in positional notation. */
static void digits(char out[SLIP_CELL_SIZE], double value) {
  const int exponent = rounded_exponent(value);
  if (value == 0)
    format(out, "0");
  else if (exponent < -6 || exponent > 15)
    format(out, "%.2e", value);
  else if (exponent >= 3)
    format(out, "%.0f", round(value / pow(10, exponent - 2)) * pow(10, exponent - 2));
  else
    format(out, "%.*f", 2 - exponent, value);
}

/* value with the prefix that leaves 1 to 999 before the point; `gap` stands between number and prefix. */
static void with_prefix(char out[SLIP_CELL_SIZE], double value, const char *unit) {
  const int exponent = rounded_exponent(value);
  int prefix = (int)floor(exponent / 3.0);
  if (value == 0)
    prefix = 0;
  if (prefix < LOWEST_PREFIX)
    prefix = LOWEST_PREFIX;
  if (prefix > HIGHEST_PREFIX)
    prefix = HIGHEST_PREFIX;
  char number[SLIP_CELL_SIZE];
  digits(number, value / pow(10, 3 * prefix));
  const char *name = prefixes[prefix - LOWEST_PREFIX];
  format(out, "%.40s%s%s%.40s", number, *name != '\0' || *unit != '\0' ? " " : "", name, unit);
}

char *slip_number_plain(char out[SLIP_CELL_SIZE], double value) {
  if (!is_ordinary(out, value))
    return out;
  if (rounded_exponent(value) >= 4)
    with_prefix(out, value, "");
  else
    digits(out, value);
  return out;
}

char *slip_number_unit(char out[SLIP_CELL_SIZE], double value, const char *unit) {
  if (is_ordinary(out, value))
    with_prefix(out, value, unit);
  return out;
}

char *slip_number_interval(char out[SLIP_CELL_SIZE], double value, double low, double high) {
  char a[SLIP_CELL_SIZE], b[SLIP_CELL_SIZE], c[SLIP_CELL_SIZE];
  slip_number_plain(a, value);
  if (isnan(value) || isnan(low) || isnan(high))
    format(out, "%s", a);
  else
    format(out, "%.24s [%.24s, %.24s]", a, slip_number_plain(b, low), slip_number_plain(c, high));
  return out;
}

char *slip_number_count(char out[SLIP_CELL_SIZE], double value) {
  if (isfinite(value) && value == floor(value) && fabs(value) <= 9007199254740992.0)
    format(out, "%.0f", value);
  else
    slip_number_plain(out, value);
  return out;
}

char *slip_number_params(char out[SLIP_CELL_SIZE], double count) {
  if (!is_ordinary(out, count))
    return out;
  char number[SLIP_CELL_SIZE];
  const bool billions = fabs(count) >= 0.9995e9;
  format(out, "%.60s %s", slip_number_plain(number, billions ? count / 1e9 : count / 1e6), billions ? "B" : "M");
  return out;
}

char *slip_number_percent(char out[SLIP_CELL_SIZE], double share) {
  if (!is_ordinary(out, share))
    return out;
  if (share > 0 && share < 0.0005)
    format(out, "<0.1%%");
  else
    format(out, "%.1f%%", share * 100);
  return out;
}

char *slip_number_seconds(char out[SLIP_CELL_SIZE], double seconds) {
  static const struct {
    double seconds;
    const char *unit;
  } long_units[] = {{86400, "days"}, {3600, "h"}, {60, "min"}};
  if (!is_ordinary(out, seconds))
    return out;
  for (size_t i = 0; i < sizeof long_units / sizeof *long_units; i++) {
    /* 90 s reads better than 1.50 min, and 36 h than 1.5 days. */
    if (seconds >= 2 * long_units[i].seconds) {
      char number[SLIP_CELL_SIZE];
      format(out, "%.60s %s", slip_number_plain(number, seconds / long_units[i].seconds), long_units[i].unit);
      return out;
    }
  }
  with_prefix(out, seconds, "s");
  return out;
}

char *slip_number_usd(char out[SLIP_CELL_SIZE], double usd) {
  if (!is_ordinary(out, usd))
    return out;
  char number[SLIP_CELL_SIZE];
  if (fabs(usd) >= 1e9)
    format(out, "$%.60s bn", slip_number_plain(number, usd / 1e9));
  else
    format(out, "$%.60s", slip_number_plain(number, usd));
  return out;
}

char *slip_number_ratio(char out[SLIP_CELL_SIZE], double ratio) {
  if (!is_ordinary(out, ratio))
    return out;
  char number[SLIP_CELL_SIZE];
  digits(number, ratio);
  format(out, "%.60sx", number);
  return out;
}
