/* Yield, dies per wafer, quarters. */
#include <math.h>
#include <string.h>

#include "base/text.h"
#include <slipstick/supply.h>

#define PI 3.14159265358979323846

double slip_yield(slip_yield_model model, double area_mm2, double defects_per_cm2, double clustering) {
  const double expected = area_mm2 / 100 * defects_per_cm2; /* defects per die */
  switch (model) {
  case SLIP_YIELD_POISSON:
    return exp(-expected);
  case SLIP_YIELD_MURPHY: {
    const double mean = expected > 1e-12 ? -expm1(-expected) / expected : isnan(expected) ? NAN : 1;
    return mean * mean;
  }
  case SLIP_YIELD_NEGATIVE_BINOMIAL:
    break;
  }
  return isinf(clustering) ? exp(-expected) : exp(-clustering * log1p(expected / clustering));
}

double slip_dies_per_wafer(double diameter_mm, double area_mm2) {
  const double radius = diameter_mm / 2;
  const double dies = PI * radius * radius / area_mm2 - PI * diameter_mm / sqrt(2 * area_mm2);
  return dies < 0 ? 0 : dies;
}

bool slip_quarter_parse(const char *text, slip_quarter *out) {
  if (strlen(text) != 6 || strspn(text, "0123456789") != 4 || text[4] != 'Q' || text[5] < '1' || text[5] > '4')
    return false;
  int year = 0;
  for (int i = 0; i < 4; i++)
    year = 10 * year + (text[i] - '0');
  if (year < 1990 || year > 2099)
    return false;
  *out = 4 * year + (text[5] - '1');
  return true;
}

char *slip_quarter_format(char out[SLIP_QUARTER_SIZE], slip_quarter quarter) {
  const unsigned year = (unsigned)(quarter / 4) % 10000;
  for (int i = 3, left = (int)year; i >= 0; i--, left /= 10)
    out[i] = (char)('0' + left % 10);
  out[4] = 'Q';
  out[5] = (char)('1' + (quarter % 4 + 4) % 4);
  out[6] = '\0';
  return out;
}
