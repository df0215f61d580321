/* Philox2x32-10. */
#include "base/random.h"

#include "base/wide.h"

enum { PHILOX_ROUNDS = 10 };
static const uint32_t philox_multiplier = 0xD256D193U, philox_weyl = 0x9E3779B9U; /* of the paper, table 2 */

void slip_philox2x32(uint32_t counter0, uint32_t counter1, uint32_t key, uint32_t out[2]) {
  for (int round = 0; round < PHILOX_ROUNDS; round++) {
    const uint64_t product = (uint64_t)philox_multiplier * counter0;
    counter0 = (uint32_t)(product >> 32) ^ key ^ counter1;
    counter1 = (uint32_t)product;
    key += philox_weyl;
  }
  out[0] = counter0;
  out[1] = counter1;
}

/* Counters of consecutive samples, side by side: the same rounds as above. */
enum { BLOCK = 32 };

static void uniform_block(uint32_t seed, uint32_t stream, uint32_t first, double out[BLOCK]) {
  uint32_t counter0[BLOCK], counter1[BLOCK], key = seed;
  for (uint32_t i = 0; i < BLOCK; i++)
    counter0[i] = first + i, counter1[i] = stream;
  for (int round = 0; round < PHILOX_ROUNDS; round++) {
#pragma omp simd
    for (int i = 0; i < BLOCK; i++) {
      const uint64_t product = (uint64_t)philox_multiplier * counter0[i];
      counter0[i] = (uint32_t)(product >> 32) ^ key ^ counter1[i];
      counter1[i] = (uint32_t)product;
    }
    key += philox_weyl;
  }
#pragma omp simd
  for (int i = 0; i < BLOCK; i++)
    out[i] = ((double)counter0[i] + 0.5) / 4294967296.0;
}

SLIP_WIDE void slip_random_uniform(uint32_t seed, uint32_t stream, uint32_t first, size_t count, double *out) {
  size_t done = 0;
  for (; count - done >= BLOCK; done += BLOCK)
    uniform_block(seed, stream, first + (uint32_t)done, out + done);
  for (; done < count; done++) {
    uint32_t word[2];
    slip_philox2x32(first + (uint32_t)done, stream, seed, word);
    out[done] = ((double)word[0] + 0.5) / 4294967296.0;
  }
}

uint32_t slip_random_stream(const char *name) {
  uint32_t hash = 2166136261U;
  for (; *name != '\0'; name++)
    hash = (hash ^ (unsigned char)*name) * 16777619U;
  return hash;
}
