/* Counter-based random numbers: the value depends on what is asked for, never on what was asked before, so that any
 * order of evaluation on any number of threads gives the same numbers. */
#ifndef SLIP_BASE_RANDOM_H
#define SLIP_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* `count` uniform numbers in (0, 1), of stream `stream`, for indices first, first + 1, ... Philox2x32-10 (Salmon et al., "Parallel random
 * numbers: as easy as 1, 2, 3", SC 2011) with the counter (index, stream) and the key `seed`. 32 bits each. O(count). */
void slip_random_uniform(uint32_t seed, uint32_t stream, uint32_t first, size_t count, double *out);
/* One block of Philox2x32-10, for tests. */
void slip_philox2x32(uint32_t counter0, uint32_t counter1, uint32_t key, uint32_t out[2]);
/* A stream number of a name: FNV-1a, 32 bits. */
uint32_t slip_random_stream(const char *name);

#endif
