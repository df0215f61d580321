/* Monte Carlo over blocks of samples: the same numbers for any number of threads, since a block depends on its index only. */
#ifndef SLIP_SUPPLY_SAMPLE_H
#define SLIP_SUPPLY_SAMPLE_H

#include "supply/deck.h"

typedef struct slip_study {
  const slip_deck *deck;
  size_t n_outputs;
  size_t scratch_bytes; /* of one thread */
  /* Fills out[n_outputs] from one block's draws. Pure but for its scratch, which it must not expect to be clean. */
  void (*block)(const void *context, void *scratch, const slip_lanes *knots, slip_lanes *out);
  const void *context;
} slip_study;

enum {
  SLIP_KEPT =
      32768, /* samples that are kept, of each output; of any more, only what the quantiles need (quantile.h) */
  SLIP_RANKED = 16384 /* of them, those that rank correlations look at */
};

typedef struct slip_samples {
  size_t n_outputs;
  int64_t n, n_kept;
  uint32_t seed;
  float *values;    /* [output * n_kept + sample]: the first samples */
  slip_band *bands; /* [output]: exact quantiles of all samples (nearest rank) */
} slip_samples;

/* SLIP_INTERRUPTED when stop was raised: nothing is kept. O(n) time; memory for 7% of the numbers, and of SLIP_KEPT samples. */
slip_status slip_sample(const slip_study *study, int64_t n, uint32_t seed, int threads, const volatile int *stop,
                        slip_samples *out, slip_error *err);
void slip_samples_free(slip_samples *samples);
/* Correlation of the output's rank with each input's uniform draw, which is its rank: Spearman's, of the first SLIP_RANKED samples.
 * 0 for fixed inputs and for an output that does not vary. out[deck->n]. O(n log n + n deck). */
slip_status slip_samples_ranks(const slip_samples *samples, const slip_deck *deck, size_t output, double *out,
                               slip_error *err);

#endif
