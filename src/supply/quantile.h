/* Exact quantiles of more numbers than are kept. The first of them tell, for each quantile, a bracket in which that of all will lie; of the
 * rest only those inside a bracket are kept, and counted those below. When a quantile lies outside its bracket after all, that is said.
 * Nothing depends on the order of the numbers. No number is NAN. */
#ifndef SLIP_SUPPLY_QUANTILE_H
#define SLIP_SUPPLY_QUANTILE_H

#include "supply/deck.h"

enum { SLIP_BAND_RANKS = 3, SLIP_RANKS_MAX = 2 * SLIP_BAND_RANKS };

/* Scratch of slip_ranks_find, in numbers. */
enum { SLIP_RANKS_SCRATCH = (1 + SLIP_RANKS_MAX) << 16 };

/* The ranks_count <= SLIP_RANKS_MAX values of the given ranks (0: the smallest) among v[n]. O(n). */
void slip_ranks_find(const float *v, int64_t n, const int64_t *ranks, int ranks_count, uint32_t *scratch,
                     double *found);
/* The quantiles 0.1, 0.5 and 0.9 of v[n] (nearest rank). */
slip_band slip_band_find(const float *v, int64_t n, uint32_t *scratch);

/* Between what the quantiles of all will lie. */
typedef struct slip_bracket {
  float low[SLIP_BAND_RANKS], high[SLIP_BAND_RANKS];
} slip_bracket;

/* From v[n], the first of `total` independent draws: the ranks six standard deviations of an order statistic below and above,
 * sqrt(p (1 - p) (1/n + 1/total)) each (David and Nagaraja, Order Statistics, 2003). */
slip_bracket slip_bracket_of(const float *v, int64_t n, int64_t total, uint32_t *scratch);
/* One that keeps every number. */
slip_bracket slip_bracket_all(void);

/* What has been seen of one output. */
typedef struct slip_tally {
  int64_t n, below[SLIP_BAND_RANKS], at_low[SLIP_BAND_RANKS], at_high[SLIP_BAND_RANKS];
  float *inside; /* of any bracket; owned */
  size_t n_inside, capacity;
} slip_tally;

/* Counts v[count], count <= SLIP_LANES. False when there is no memory. */
bool slip_tally_add(slip_tally *tally, const slip_bracket *bracket, const float *v, int count);
/* Adds what another has seen within the same bracket. */
bool slip_tally_merge(slip_tally *tally, const slip_tally *other);
void slip_tally_free(slip_tally *tally);
/* The quantiles of all that was added; false when one lies outside its bracket. Changes the order of `inside`. O(n_inside). */
bool slip_tally_band(slip_tally *tally, const slip_bracket *bracket, uint32_t *scratch, slip_band *out);

#endif
