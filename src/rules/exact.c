/* Exact arithmetic of the rules. */
#include "rules/exact.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* gcc and clang both have it on every 64-bit machine; __extension__ keeps -Wpedantic quiet for those who ask for it. */
__extension__ typedef __int128 wide;

enum { MAX_WHOLE_DIGITS = 15, MAX_DECIMALS = 9 };

static wide greatest_common_divisor(wide a, wide b) {
  while (b != 0) {
    const wide rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/* over / under in lowest terms; false when either does not fit. Both are products of two 63-bit numbers at most, and so is
 * their sum's every term: no step overflows 127 bits. */
static bool reduce(wide over, wide under, slip_exact *out) {
  if (under == 0)
    return false;
  const wide divisor = over == 0 ? under : greatest_common_divisor(over, under);
  over /= divisor;
  under /= divisor;
  if (over > INT64_MAX || under > INT64_MAX)
    return false;
  *out = (slip_exact){(int64_t)over, (int64_t)under};
  return true;
}

bool slip_exact_parse(const char *text, slip_exact *out) {
  wide over = 0, under = 1;
  int whole = 0, decimals = 0, exponent = 0;
  const char *at = text;
  if (!slip_is_number(text) || *at == '-')
    return false;
  at += *at == '+' ? 1 : 0;
  for (; *at >= '0' && *at <= '9'; at++) {
    whole += over != 0 || *at != '0' ? 1 : 0;
    if (whole > MAX_WHOLE_DIGITS)
      return false;
    over = 10 * over + (*at - '0');
  }
  if (*at == '.')
    for (at++; *at >= '0' && *at <= '9'; at++) {
      if (++decimals > MAX_DECIMALS)
        return false;
      over = 10 * over + (*at - '0');
      under *= 10;
    }
  if (*at == 'e' || *at == 'E') {
    const bool negative = at[1] == '-';
    for (at += at[1] == '-' || at[1] == '+' ? 2 : 1; *at >= '0' && *at <= '9'; at++)
      exponent = exponent > 100 ? exponent : 10 * exponent + (*at - '0');
    if (exponent > MAX_DECIMALS && over != 0)
      return false;
    for (int i = 0; i < exponent && over != 0; i++) {
      over *= negative ? 1 : 10;
      under *= negative ? 10 : 1;
    }
  }
  return reduce(over, under, out);
}

bool slip_exact_from_double(double value, slip_exact *out) {
  char text[SLIP_DOUBLE_SIZE];
  return isfinite(value) && value >= 0 && slip_exact_parse(slip_format_double(text, value), out);
}

double slip_exact_to_double(slip_exact a) {
  return (double)a.over / (double)a.under;
}

int slip_exact_compare(slip_exact a, slip_exact b) {
  const wide left = (wide)a.over * b.under, right = (wide)b.over * a.under;
  return left < right ? -1 : left > right ? 1 : 0;
}

bool slip_exact_add(slip_exact a, slip_exact b, slip_exact *out) {
  /* Each product is under 2^126, so their sum is under 2^127. */
  return reduce((wide)a.over * b.under + (wide)b.over * a.under, (wide)a.under * b.under, out);
}

bool slip_exact_multiply(slip_exact a, slip_exact b, slip_exact *out) {
  return reduce((wide)a.over * b.over, (wide)a.under * b.under, out);
}

bool slip_exact_divide(slip_exact a, slip_exact b, slip_exact *out) {
  return b.over != 0 && reduce((wide)a.over * b.under, (wide)a.under * b.over, out);
}

char *slip_exact_format(char out[SLIP_EXACT_SIZE], slip_exact a) {
  const wide million = 1000000;
  int64_t whole = a.over / a.under;
  const wide rest = (wide)(a.over % a.under) * million;
  int64_t decimals = (int64_t)(rest / a.under);
  int places = 6;
  if (rest % a.under != 0) { /* does not end: cut */
    decimals /= 100;
    places = 4;
  }
  if (whole >= 100000 && rest % a.under != 0) {
    decimals /= 100;
    places = 2;
  }
  int length = snprintf(out, SLIP_EXACT_SIZE, "%" PRId64 ".%0*" PRId64, whole, places, decimals);
  while (length > 1 && out[length - 1] == '0')
    out[--length] = '\0';
  if (length > 1 && out[length - 1] == '.')
    out[--length] = '\0';
  return out;
}
