/* Small dense linear algebra of the fits. */
#ifndef SLIP_CALIBRATE_LINEAR_H
#define SLIP_CALIBRATE_LINEAR_H

#include <stddef.h>

#define SLIP_HUBER \
  1.345 /* standard deviations up to which the loss is a square: 95% efficient where errors are normal */

/* z^2 / 2 up to SLIP_HUBER, straight beyond (Huber 1964). */
double slip_huber(double z);
/* Inverse of a symmetric positive definite n x n matrix, in place, by Gauss and Jordan. O(n^3). */
void slip_invert(double *m, size_t n);

#endif
