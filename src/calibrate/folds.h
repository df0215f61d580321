/* Dealing rows to folds by the hash of what must stay together. */
#ifndef SLIP_CALIBRATE_FOLDS_H
#define SLIP_CALIBRATE_FOLDS_H

#include <slipstick/error.h>
#include <stdint.h>

#include "base/arena.h"

typedef struct slip_groups {
  size_t *of;    /* fold of each row */
  size_t groups; /* different hashes */
} slip_groups;

/* The same folds on every machine. From ten groups to a fold on, a group's fold is its hash modulo `folds`, so that a row more or less leaves the
 * others where they are; fewer, in ascending order, go to the folds in turn, so that none is empty. With as many folds as rows each group is a fold of its own. In the arena. O(n log n). */
slip_status slip_groups_deal(slip_arena *arena, const uint64_t *hashes, size_t n, size_t folds, slip_groups *out,
                             slip_error *err);

#endif
