/* One rank of a chip, and which number format it computes in. */
#include <math.h>
#include <slipstick/cost.h>

#include "base/fail.h"

const char *slip_bound_name(slip_bound bound) {
  static const char *const names[SLIP_BOUNDS] = {"compute", "memory", "network", "latency",
                                                 "bubble",  "host",   "overhead"};
  return (unsigned)bound < SLIP_BOUNDS ? names[bound] : "unknown";
}

static slip_status require_kernels(const slip_kernels *k, slip_error *err) {
  const struct {
    const char *field;
    double value;
  } needed[] = {
      {"gemm_bf16_fraction", k->gemm_fraction[SLIP_BF16]},
      {"grouped_fraction", k->grouped_fraction},
      {"attention_fraction", k->attention_fraction},
      {"attention_backward_fraction", k->attention_backward_fraction},
      {"attention_keys_half", k->attention_keys_half},
      {"mla_decode_fraction", k->mla_decode_fraction},
      {"kv_read_fraction", k->kv_read_fraction},
      {"memory_fraction", k->memory_fraction},
      {"weight_read_fraction", k->weight_read_fraction},
      {"depth_half", k->depth_half},
      {"tile_m", k->tile_m},
      {"tile_n", k->tile_n},
      {"launch_us", k->launch_s},
  };
  for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
    slip_status status = slip_require(&k->entry, needed[i].field, needed[i].value, err);
    if (status != SLIP_OK)
      return status;
  }
  return SLIP_OK;
}

slip_status slip_device_make(const slip_chip *chip, slip_device *out, slip_error *err) {
  slip_status status = SLIP_OK;
  SLIP_TRY(slip_require(&chip->entry, "bf16_tflops", chip->peak_flops[SLIP_BF16], err));
  SLIP_TRY(slip_require(&chip->entry, "memory_gb", chip->memory_bytes, err));
  SLIP_TRY(slip_require(&chip->entry, "memory_tbs", chip->memory_bytes_per_s, err));
  if (!chip->kernels)
    SLIP_FAIL(err, SLIP_MISSING, "%s names no kernel profile; add `kernels: NAME` to its file", chip->entry.name);
  SLIP_TRY(require_kernels(chip->kernels, err));

  *out = (slip_device){.chip = chip, .kernels = *chip->kernels};
  for (int i = 0; i < SLIP_DTYPES; i++) {
    out->peak_flops[i] = chip->peak_flops[i] * chip->power_limited_rate / chip->ranks;
    double fraction = chip->kernels->gemm_fraction[i];
    out->gemm_fraction[i] = isnan(fraction) ? chip->kernels->gemm_fraction[SLIP_BF16] : fraction;
  }
  out->memory_bytes = chip->memory_bytes / chip->ranks;
  out->memory_exposed_bytes = chip->memory_exposed_bytes > 0 ? chip->memory_exposed_bytes / chip->ranks
                                                             : out->memory_bytes; /* not for NAN */
  out->memory_bytes_per_s = chip->memory_bytes_per_s / chip->ranks;
  out->cores = chip->cores / chip->ranks;
cleanup:
  return status;
}

slip_dtype slip_device_dtype(const slip_device *device, slip_dtype wanted, bool training) {
  /* rows: what may stand in for the wanted format, in order of preference */
  static const slip_dtype serve_order[SLIP_DTYPES][4] = {
      [SLIP_FP32] = {SLIP_BF16, SLIP_BF16, SLIP_BF16, SLIP_BF16},
      [SLIP_BF16] = {SLIP_BF16, SLIP_BF16, SLIP_BF16, SLIP_BF16},
      [SLIP_FP8] = {SLIP_FP8, SLIP_INT8, SLIP_BF16, SLIP_BF16},
      [SLIP_INT8] = {SLIP_INT8, SLIP_FP8, SLIP_BF16, SLIP_BF16},
      [SLIP_FP4] = {SLIP_FP4, SLIP_FP8, SLIP_INT8, SLIP_BF16},
      [SLIP_INT4] = {SLIP_BF16, SLIP_BF16, SLIP_BF16, SLIP_BF16},
  };
  for (int i = 0; i < 4; i++) {
    slip_dtype dtype = serve_order[wanted][i];
    if (training && dtype == SLIP_INT8)
      continue; /* nothing trains in int8 here */
    if (training && !(device->peak_flops[dtype] * device->gemm_fraction[dtype] >
                      device->peak_flops[SLIP_BF16] * device->gemm_fraction[SLIP_BF16]))
      continue; /* casts for nothing: some chips take fp8 at the rate of bf16 */
    if (!isnan(device->peak_flops[dtype]))
      return dtype;
  }
  return SLIP_BF16;
}

double slip_load_share(double working) {
  const double at_work = 0.70, waiting = 0.30; /* see the header for the readings */
  return waiting + (at_work - waiting) * working;
}
