/* Huber's loss and the inverse of a small matrix. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "calibrate/linear.h"

enum { MOST = 12 };

static void near(double value, double expected, double tolerance) {
  if (!(fabs(value - expected) <= tolerance))
    fail_msg("%.12g is not %.12g within %.3g", value, expected, tolerance);
}

/* z^2 / 2 up to k = 1.345; then k (|z| - k / 2): at 2, 1.345 x (2 - 0.6725) = 1.7854875. */
static void the_loss_is_a_square_then_a_line(void **state) {
  near(slip_huber(0), 0, 0);
  near(slip_huber(1), 0.5, 0);
  near(slip_huber(-1), 0.5, 0);
  near(slip_huber(2), 1.7854875, 1e-12);
  near(slip_huber(-2), 1.7854875, 1e-12);
  near(slip_huber(1e9 + 1) - slip_huber(1e9), 1.345, 1e-6);
}

/* At the joint neither the value nor the slope jumps. */
static void the_loss_is_smooth_at_the_joint(void **state) {
  const double k = SLIP_HUBER, h = 1e-6;
  near(slip_huber(k + h) - slip_huber(k), k * h, 1e-11);
  near(slip_huber(k) - slip_huber(k - h), k * h, 1e-11);
}

/* (4 2; 2 3) has determinant 8: the inverse is (3 -2; -2 4) / 8. */
static void the_inverse_of_two_by_two(void **state) {
  double m[4] = {4, 2, 2, 3};
  slip_invert(m, 2);
  near(m[0], 0.375, 1e-15);
  near(m[1], -0.25, 1e-15);
  near(m[2], -0.25, 1e-15);
  near(m[3], 0.5, 1e-15);
}

static void the_inverse_of_one_number(void **state) {
  double m[1] = {8};
  slip_invert(m, 1);
  near(m[0], 0.125, 0);
  slip_invert(m, 0);
}

/* M = I + A A' with A of fixed pseudo-random numbers: M times its inverse is the identity. */
static void a_matrix_times_its_inverse_is_the_identity(void **state) {
  double a[MOST * MOST], m[MOST * MOST] = {0}, inverse[MOST * MOST];
  uint64_t seed = 5;
  for (size_t i = 0; i < (size_t)MOST * MOST; i++) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    a[i] = (double)(seed >> 11) / 9007199254740992.0 - 0.5;
  }
  for (size_t i = 0; i < MOST; i++)
    for (size_t j = 0; j < MOST; j++) {
      m[i * MOST + j] = i == j;
      for (size_t k = 0; k < MOST; k++)
        m[i * MOST + j] += a[i * MOST + k] * a[j * MOST + k];
    }
  memcpy(inverse, m, sizeof m);
  slip_invert(inverse, MOST);
  for (size_t i = 0; i < MOST; i++)
    for (size_t j = 0; j < MOST; j++) {
      double sum = 0;
      for (size_t k = 0; k < MOST; k++)
        sum += m[i * MOST + k] * inverse[k * MOST + j];
      near(sum, i == j, 1e-12);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_loss_is_a_square_then_a_line),
      cmocka_unit_test(the_loss_is_smooth_at_the_joint),
      cmocka_unit_test(the_inverse_of_two_by_two),
      cmocka_unit_test(the_inverse_of_one_number),
      cmocka_unit_test(a_matrix_times_its_inverse_is_the_identity),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
