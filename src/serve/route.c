/* Requests dealt to several instances by frontends that do not ask them how busy they are. The equation is in the header. */
#include <math.h>

#include "serve/serve_internal.h"

enum { MOST_FRONTENDS = 1000 }; /* more deal as if at random, as these do */

/* Mean of min(below + k, slots), k ~ Binomial(frontends, p), from the rarer of the two outcomes so that the first term is not lost. */
static double binomial_running(double below, double frontends, double p, double slots) {
  const bool rare = p <= 0.5;
  const double q = rare ? p : 1 - p;
  double probability = pow(1 - q, frontends), sum = 0; /* of i = 0 */
  for (int n = 0; n <= (int)frontends; n++) {
    const double i = n;
    sum += probability * fmin(below + (rare ? i : frontends - i), slots);
    probability *= (frontends - i) / (i + 1) * q / (1 - q);
  }
  return sum;
}

double slip_serve_dealt(double mean, double slots, double frontends) {
  const double deal = fmin(frontends, MOST_FRONTENDS), each = floor(mean / deal);
  if (deal * (each + 1) <= slots)
    return mean;
  return deal * each >= slots ? slots : binomial_running(deal * each, deal, mean / deal - each, slots);
}

double slip_serve_turn_wait(double mean, double slots, double instances, double spread) {
  const double taken =
      fmin(1, fmax(0, mean - slots + 1)); /* places are: the last one as often as requests come to it */
  return instances > 1 ? taken * spread * (1 - 1 / instances) / sqrt(2 * 3.14159265358979323846) : 0;
}
