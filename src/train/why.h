/* Building an explanation: a growing list of lines. Shared by training and serving. */
#ifndef SLIP_TRAIN_WHY_H
#define SLIP_TRAIN_WHY_H

#include <slipstick/train.h>

typedef struct slip_why_list {
  slip_why *lines; /* owned */
  size_t count, capacity;
  bool failed; /* out of memory: later lines are dropped */
} slip_why_list;

/* Appends a line; returns its index (0 after a failure). */
int slip_why_add(slip_why_list *list, int parent, const char *name, double seconds, slip_bound bound);
/* What the operator is: shape and format, or bytes, or the collective over `ranks` on a level. */
void slip_why_note(slip_why_list *list, int index, const slip_op *op, int64_t ranks, const char *level);
/* The bound that most of bounds[] lies in. */
slip_bound slip_main_bound(const double bounds[SLIP_BOUNDS]);
/* "58 x MLA, MoE": how many layers of what kind. */
void slip_why_kind(const slip_layer_kind *kind, int64_t layers, const char *suffix, char *out, int size);

#endif
