/* Equality of floating-point results within a relative tolerance (cmocka 1.1 has it for float only). */
#ifndef SLIP_TESTS_CLOSE_H
#define SLIP_TESTS_CLOSE_H

#include <math.h>

/* After <cmocka.h>. Fails unless |value - expected| <= tolerance * |expected|; NAN fails. */
#define assert_near(value, expected, tolerance)                                 \
  do {                                                                          \
    double near_value = (value), near_expected = (expected);                    \
    if (!(fabs(near_value - near_expected) <= (tolerance)*fabs(near_expected))) \
      fail_msg("%s is %.12g, not %.12g", #value, near_value, near_expected);    \
  } while (0)
#define close_to(value, expected) assert_near(value, expected, 1e-9)

#endif
