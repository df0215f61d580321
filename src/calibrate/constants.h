/* The constants that calibration moves, as transformed values, and what a stack's stated spread says of them. */
#ifndef SLIP_CALIBRATE_CONSTANTS_H
#define SLIP_CALIBRATE_CONSTANTS_H

#include <slipstick/calibrate.h>

/* Two runs of the same plan on the same machine and stack differ by this much (standard deviation of ln): the median
 * distance between published rows with equal chip, model, plan and release is 1.7%, the 90th percentile 13%. */
#define SLIP_NOISE_SD 0.05
/* What stays of a prediction's error once the stack is known (standard deviation of ln): median 7%, published training rows
 * after one observed row per source and chip, in a first prototype. It belongs to the row and is not learnt. */
#define SLIP_ROW_SD 0.104
/* z of an 80% interval: half-width = SLIP_Z80 * standard deviation. */
#define SLIP_Z80 1.2815515655446004

/* The member of the stack that the constant names. */
double *slip_constant_of(slip_stack *stack, const slip_constant *c);
double slip_constant_value(const slip_stack *stack, const slip_constant *c);
/* A share of exactly 0 or 1, or a time of 0, says that the effect is not there: it stays. */
bool slip_constant_is_free(const slip_stack *stack, const slip_constant *c);
/* x moved by `by` of the transformed value, kept within its legal range. */
double slip_constant_shifted(const slip_constant *c, double x, double by);
/* How far b lies from a in the transformed value. */
double slip_constant_distance(const slip_constant *c, double a, double b);

/* The variance of ln(prediction) that a stack states, taken apart: the row's own, and the part that all rows of the stack share. `scale` turns the
 * table's prior variances into those that carry the shared part. */
typedef struct slip_spread_parts {
  double own, shared, scale;
} slip_spread_parts;

/* raw: what the table's prior variances give a prediction, sum of (sensitivity * prior_sd)^2. */
slip_spread_parts slip_spread_split(double spread, double raw);

#endif
