/* What the two ways of simulating a pipeline share. */
#ifndef SLIP_TRAIN_TIMELINE_INTERNAL_H
#define SLIP_TRAIN_TIMELINE_INTERNAL_H

#include "train/train_internal.h"

/* n doubles, all NAN, or NULL when out of memory; free() it. */
double *slip_nan_array(int64_t n);

typedef bool (*slip_slice_visitor)(const slip_slice *slice, void *context);

/* Schedules whose backward is split (zero-bubble, DualPipe): each rank takes what is ready, input gradients first, then
 * forwards as far as memory allows, weight gradients in the gaps. *end_s is the end of the last unit. *stopped: the visitor said so. */
slip_status slip_timeline_split(const slip_train *train, const slip_plan *plan, const slip_layer_costs *costs,
                                int64_t micro_batches, double transfer_s, slip_slice_visitor visit, void *context,
                                double *end_s, bool *stopped, slip_error *err);

#endif
