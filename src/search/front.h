/* A Pareto front: what no other beats in every objective. */
#ifndef SLIP_SEARCH_FRONT_H
#define SLIP_SEARCH_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SLIP_OBJECTIVES = 4 };

/* Objectives are minimised. An objective that is not known is 0 for all. What a point is of lies behind it. */
typedef struct slip_front_point {
  double objective[SLIP_OBJECTIVES];
} slip_front_point;

/* Points of `size` bytes, each starting with a slip_front_point. The set does not depend on the order in which points come: of
 * two with the same objectives the one that `compare` puts first stays. */
typedef struct slip_front {
  char *points; /* owned */
  size_t count, capacity, size;
  int (*compare)(const void *a, const void *b);
  bool failed; /* out of memory: points were lost */
} slip_front;

void slip_front_open(slip_front *front, size_t size, int (*compare)(const void *a, const void *b));
void slip_front_free(slip_front *front);
/* True when a point of the front beats or equals these objectives. O(points), less when a recent one does. */
bool slip_front_covers(slip_front *front, const double objective[SLIP_OBJECTIVES]);
void slip_front_add(slip_front *front, const void *point);
void slip_front_merge(slip_front *into, const slip_front *from);
/* By objectives in turn, then by compare. */
void slip_front_sort(slip_front *front);

#endif
