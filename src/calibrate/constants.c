/* The constants of a stack that calibration may move. */
#include "calibrate/constants.h"

#include <math.h>
#include <stddef.h>

#define LEAST_SHARED 0.1 /* of the variance, whatever a stack's file states */
#define MOST_SCALING 4.0 /* of the constants' prior variances */

#define AT(member) offsetof(slip_stack, member)

/* Prior widths relative to each other: what published stacks of one kind differ by; `pace` carries what nobody knows of a
 * stack. They are scaled together to the spread that the stack states. Products come from few libraries, which lie within a tenth of each other
 * (gemm_rate, pace_train); attention kernels do not: successive versions on one chip are a factor of two apart (25 to 40% against 50 to 73% of
 * A100's peak, arXiv 2307.08691; 35 against 75% of H100's, arXiv 2407.08608). */
static const slip_constant constants[] = {
    {"pace_train", AT(pace_train), 0.10, 0.5, 4, SLIP_LOG, true, false},
    {"overlap_dp", AT(overlap_dp), 0.7, 0, 1, SLIP_LOGIT, true, false},
    {"overlap_tp", AT(overlap_tp), 0.7, 0, 1, SLIP_LOGIT, true, false},
    {"overlap_ep", AT(overlap_ep), 0.7, 0, 1, SLIP_LOGIT, true, false},
    {"host_layer_us", AT(host_layer_s), 0.5, 0, 1, SLIP_LOG, true, false},
    {"host_moe_layer_us", AT(host_moe_layer_s), 0.5, 0, 1, SLIP_LOG, true, false},
    {"elementwise_passes", AT(elementwise_passes), 0.2, 0.1, 10, SLIP_LOG, true, true},
    {"jitter", AT(jitter), 0.5, 0, 1, SLIP_LOG, true, false},
    {"attention_rate", AT(attention_rate), 0.5, 0.01, 2, SLIP_LOG, true, false},
    {"gemm_rate", AT(gemm_rate), 0.1, 0.01, 2, SLIP_LOG, true, false},
    {"grouped_rate", AT(grouped_rate), 0.25, 0.01, 2, SLIP_LOG, true, false},
    {"pace_serve", AT(pace_serve), 0.20, 0.5, 4, SLIP_LOG, false, true},
    {"host_step_us", AT(host_step_s), 0.5, 0, 1, SLIP_LOG, false, true},
    {"two_batch_overlap", AT(two_batch_overlap), 0.7, 0, 1, SLIP_LOGIT, false, true},
    {"imbalance_serve", AT(imbalance_serve), 0.1, 1, 10, SLIP_LOG, false, true},
    {"prefill_interference", AT(prefill_interference), 0.7, 0, 1, SLIP_LOGIT, false, true},
};
_Static_assert(sizeof constants / sizeof *constants <= SLIP_MAX_CONSTANTS, "SLIP_MAX_CONSTANTS is too small");

const slip_constant *slip_stack_constants(size_t *count) {
  *count = sizeof constants / sizeof *constants;
  return constants;
}

double *slip_constant_of(slip_stack *stack, const slip_constant *c) {
  return (double *)(void *)((char *)stack + c->offset);
}

double slip_constant_value(const slip_stack *stack, const slip_constant *c) {
  return *(const double *)(const void *)((const char *)stack + c->offset);
}

bool slip_constant_is_free(const slip_stack *stack, const slip_constant *c) {
  const double x = slip_constant_value(stack, c);
  return c->transform == SLIP_LOGIT ? x > 0 && x < 1 : x > 0;
}

double slip_constant_shifted(const slip_constant *c, double x, double by) {
  const double y = c->transform == SLIP_LOGIT ? 1 / (1 + (1 - x) / x * exp(-by)) : x * exp(by);
  return fmin(fmax(y, c->low), c->high);
}

double slip_constant_distance(const slip_constant *c, double a, double b) {
  return c->transform == SLIP_LOGIT ? log(b / (1 - b)) - log(a / (1 - a)) : log(b / a);
}

slip_spread_parts slip_spread_split(double spread, double raw) {
  const double total = pow(spread / SLIP_Z80, 2);
  double shared = fmax(total - SLIP_ROW_SD * SLIP_ROW_SD, LEAST_SHARED * total);
  shared = fmin(shared, MOST_SCALING * raw); /* a row that the constants hardly move teaches little about them */
  return (slip_spread_parts){total - shared, shared, raw > 0 ? shared / raw : 0};
}
