/* Pareto fronts by insertion: a new point is compared with those kept, the one that last covered something first. */
#include "search/front.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

enum { FIRST_CAPACITY = 64 };

void slip_front_open(slip_front *front, size_t size, int (*compare)(const void *a, const void *b)) {
  *front = (slip_front){.size = size, .compare = compare};
}

void slip_front_free(slip_front *front) {
  free(front->points);
  front->points = NULL;
  front->count = front->capacity = 0;
}

static char *point_at(const slip_front *front, size_t i) {
  return front->points + i * front->size;
}

static const double *objectives_of(const void *point) {
  return ((const slip_front_point *)point)->objective;
}

/* a is nowhere worse than b. */
static bool covers(const double *a, const double *b) {
  for (int i = 0; i < SLIP_OBJECTIVES; i++)
    if (a[i] > b[i])
      return false;
  return true;
}

static bool equal(const double *a, const double *b) {
  return covers(a, b) && covers(b, a);
}

static void swap_bytes(char *a, char *b, size_t n) {
  for (size_t i = 0; i < n; i++) {
    char byte = a[i];
    a[i] = b[i];
    b[i] = byte;
  }
}

/* Moves a point one step towards the front of the queue of those asked first. */
static void promote(slip_front *front, size_t i) {
  if (i > 0)
    swap_bytes(point_at(front, i / 2), point_at(front, i), front->size);
}

bool slip_front_covers(slip_front *front, const double objective[SLIP_OBJECTIVES]) {
  for (size_t i = 0; i < front->count; i++) {
    const double *kept = objectives_of(point_at(front, i));
    if (covers(kept, objective) && !covers(objective, kept)) {
      promote(front, i);
      return true;
    }
  }
  return false;
}

static bool reserve(slip_front *front) {
  if (front->count < front->capacity)
    return true;
  size_t capacity = front->capacity ? 2 * front->capacity : FIRST_CAPACITY;
  char *grown = slip_memory_resize(front->points, capacity * front->size);
  if (!grown) {
    front->failed = true;
    return false;
  }
  front->points = grown;
  front->capacity = capacity;
  return true;
}

void slip_front_add(slip_front *front, const void *point) {
  const double *objective = objectives_of(point);
  size_t kept = 0;
  for (size_t i = 0; i < front->count; i++) {
    const char *other = point_at(front, i);
    if (equal(objectives_of(other), objective)) {
      if (front->compare(other, point) > 0)
        memcpy(point_at(front, i), point, front->size);
      return;
    }
    if (covers(objectives_of(other), objective)) {
      promote(front, i);
      return; /* nothing can have been dropped before: the front would have held two of which one beats the other */
    }
  }
  for (size_t i = 0; i < front->count; i++)
    if (!covers(objective, objectives_of(point_at(front, i)))) {
      if (kept != i)
        memcpy(point_at(front, kept), point_at(front, i), front->size);
      kept++;
    }
  front->count = kept;
  if (reserve(front))
    memcpy(point_at(front, front->count++), point, front->size);
}

void slip_front_merge(slip_front *into, const slip_front *from) {
  for (size_t i = 0; i < from->count; i++)
    slip_front_add(into, point_at(from, i));
  into->failed = into->failed || from->failed;
}

static int compare_objectives(const void *a, const void *b) {
  const double *x = objectives_of(a), *y = objectives_of(b);
  for (int i = 0; i < SLIP_OBJECTIVES; i++)
    if (x[i] < y[i] || x[i] > y[i])
      return x[i] < y[i] ? -1 : 1;
  return 0; /* no two points of a front are alike */
}

void slip_front_sort(slip_front *front) {
  if (front->count > 1)
    qsort(front->points, front->count, front->size, compare_objectives);
}
