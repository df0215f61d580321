#include "calibrate/folds.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"

enum { MANY = 10 }; /* groups to a fold from which chance deals evenly enough */

static int ascending(const void *a, const void *b) {
  const uint64_t *left = a, *right = b;
  return (*left > *right) - (*left < *right);
}

slip_status slip_groups_deal(slip_arena *arena, const uint64_t *hashes, size_t n, size_t folds, slip_groups *out,
                             slip_error *err) {
  uint64_t *sorted = slip_arena_array(arena, n + 1, sizeof *sorted);
  out->of = slip_arena_array(arena, n + 1, sizeof *out->of);
  out->groups = 0;
  if (!sorted || !out->of)
    return slip_no_memory(err);
  if (n == 0)
    return SLIP_OK;
  memcpy(sorted, hashes, n * sizeof *sorted);
  qsort(sorted, n, sizeof *sorted, ascending);
  for (size_t i = 0; i < n; i++)
    if (out->groups == 0 || sorted[out->groups - 1] != sorted[i])
      sorted[out->groups++] = sorted[i];
  const bool many = out->groups / folds >= MANY;
  for (size_t i = 0; i < n; i++) {
    const uint64_t *at = bsearch(&hashes[i], sorted, out->groups, sizeof *sorted, ascending);
    const size_t place = many ? (size_t)(hashes[i] % folds) : (size_t)(at - sorted) % folds;
    out->of[i] = at ? place : 0;
  }
  return SLIP_OK;
}
