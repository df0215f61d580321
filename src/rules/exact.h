/* Exact arithmetic of the rules: a threshold is met or not, never nearly.
 *
 * A number is a fraction of two 64-bit integers in lowest terms. Products and quotients are formed in 128 bits and reduced;
 * what does not fit after that is refused (false), so that a result is exact or absent. Comparison never overflows. */
#ifndef SLIP_RULES_EXACT_H
#define SLIP_RULES_EXACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct slip_exact {
  int64_t over, under; /* value = over / under; under > 0; lowest terms */
} slip_exact;

enum { SLIP_EXACT_SIZE = 48 };

/* A decimal as people write it: "4800", "5.92", "1e3"; not negative, at most 15 digits before and 9 after the point, 18 in all. */
bool slip_exact_parse(const char *text, slip_exact *out);
/* The shortest decimal of the double, exactly: 0.864 is 864/1000. */
bool slip_exact_from_double(double value, slip_exact *out);
double slip_exact_to_double(slip_exact a);
/* <0, 0, >0 */
int slip_exact_compare(slip_exact a, slip_exact b);
bool slip_exact_add(slip_exact a, slip_exact b, slip_exact *out);
bool slip_exact_multiply(slip_exact a, slip_exact b, slip_exact *out);
/* False too when b is zero. */
bool slip_exact_divide(slip_exact a, slip_exact b, slip_exact *out);
/* In full when it has at most six decimals ("597.5"), else cut, not rounded, to four, so that what lies under a threshold is
 * never shown as having reached it. Returns out. */
char *slip_exact_format(char out[SLIP_EXACT_SIZE], slip_exact a);

#endif
