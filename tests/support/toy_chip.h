/* A chip with round numbers, so that a test can state the answer by hand. */
#ifndef SLIP_TESTS_TOY_CHIP_H
#define SLIP_TESTS_TOY_CHIP_H

#include <math.h>
#include <slipstick/cost.h>

/* 100 cores, 100 TFLOP/s bf16, 200 fp8, 1 TB/s, 80 GB; kernels at half of peak and half of bandwidth, 2 us a launch. */
static inline slip_kernels toy_kernels(void) {
  slip_kernels k = {.entry = {.kind = SLIP_KIND_KERNELS, .name = "toy", .file = "toy.yaml"}};
  for (int i = 0; i < SLIP_DTYPES; i++)
    k.gemm_fraction[i] = NAN;
  k.gemm_fraction[SLIP_BF16] = 0.5;
  k.gemm_fraction[SLIP_FP8] = 0.4;
  k.grouped_fraction = 0.9;
  k.attention_fraction = 0.4;
  k.attention_backward_fraction = 0.25;
  k.attention_keys_half = 1000;
  k.mla_decode_fraction = 0.2;
  k.mla_decode_fp8_fraction = NAN;
  k.kv_read_fraction = 0.8;
  k.memory_fraction = 0.5;
  k.weight_read_fraction = 0.5;
  k.grouped_read_fraction = NAN;
  k.depth_half = 100;
  k.tile_m = 128;
  k.tile_n = 128;
  k.launch_s = 2e-6;
  return k;
}

static inline slip_chip toy_chip(const slip_kernels *kernels) {
  slip_chip chip = {.entry = {.kind = SLIP_KIND_CHIP, .name = "toy", .file = "toy.yaml"}, .kernels = kernels};
  for (int i = 0; i < SLIP_DTYPES; i++)
    chip.peak_flops[i] = NAN;
  chip.ranks = 1;
  chip.dies = 1;
  chip.cores = 100;
  chip.power_limited_rate = 1;
  chip.peak_flops[SLIP_BF16] = chip.peak_flops[SLIP_INT4] = 100e12;
  chip.peak_flops[SLIP_FP8] = 200e12;
  chip.memory_bytes = 80e9;
  chip.memory_bytes_per_s = 1e12;
  return chip;
}

#endif
