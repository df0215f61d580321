#include "calibrate/linear.h"

#include <math.h>

double slip_huber(double z) {
  const double a = fabs(z);
  return a <= SLIP_HUBER ? 0.5 * z * z : SLIP_HUBER * (a - 0.5 * SLIP_HUBER);
}

void slip_invert(double *m, size_t n) {
  for (size_t k = 0; k < n; k++) {
    const double pivot = m[k * n + k];
    m[k * n + k] = 1;
    for (size_t j = 0; j < n; j++)
      m[k * n + j] /= pivot;
    for (size_t i = 0; i < n; i++) {
      const double factor = m[i * n + k];
      if (i == k || factor == 0)
        continue;
      m[i * n + k] = 0;
      for (size_t j = 0; j < n; j++)
        m[i * n + j] -= factor * m[k * n + j];
    }
  }
}
