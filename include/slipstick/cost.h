/* The time of one operator on one rank of a chip.
 *
 * Each operator is bound by compute, by memory or by its launch; the constants of a generation's kernels come from
 * its kernel profile (data/kernels/, with their sources), never from end-to-end results. */
#ifndef SLIPSTICK_COST_H
#define SLIPSTICK_COST_H

#include <slipstick/operators.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum slip_bound {
  SLIP_BOUND_COMPUTE,
  SLIP_BOUND_MEMORY,
  SLIP_BOUND_NETWORK,
  SLIP_BOUND_LATENCY, /* launches and message latencies */
  SLIP_BOUND_BUBBLE,
  SLIP_BOUND_HOST,
  SLIP_BOUND_OVERHEAD, /* jitter, imbalance of stages */
  SLIP_BOUNDS
} slip_bound;

const char *slip_bound_name(slip_bound bound);

/* One rank of a chip, ready for arithmetic: the package's figures divided by its ranks. */
typedef struct slip_device {
  const slip_chip *chip;
  /* Under the chip's power limit; NAN where the chip has no such unit or no published rate. */
  double peak_flops[SLIP_DTYPES];
  double memory_bytes, memory_exposed_bytes, memory_bytes_per_s;
  double cores; /* NAN: not known, wave quantisation is left out */
  double
      gemm_fraction[SLIP_DTYPES]; /* sustained fraction of peak, inherited from bf16's when the profile has none */
  slip_kernels kernels;
} slip_device;

/* SLIP_MISSING, naming chip and field, when the chip lacks its bf16 rate, memory size or bandwidth, or its kernel
 * profile lacks a constant. */
slip_status slip_device_make(const slip_chip *chip, slip_device *out, slip_error *err);

/* The format in which a job that asks for `wanted` computes on this chip: itself when the chip has the rate; fp8
 * and int8 stand in for each other when serving (`training` false); fp4 falls to fp8 or int8; at last bf16.
 * Training takes only formats that are faster than bf16. */
slip_dtype slip_device_dtype(const slip_device *device, slip_dtype wanted, bool training);

typedef struct slip_cost {
  double seconds;   /* launch + slip_overlapped_s(compute, memory), and what else holds it up */
  double compute_s; /* at the sustained rate */
  double memory_s;
  double launch_s;
  slip_bound bound;
} slip_cost;

/* m x k by k x n, `groups` of them sharing the m rows.
 *   compute = 2 m n k / (peak * fraction * share)
 * seconds and compute_s are never less than k * tile_m * 8 ps (and the launch), the pace at which one core walks the depth of a tile.
 * Rows fill whole tiles (of 64 rows at the least), in each group: sizes of groups spread evenly from 0.7 to 1.3 of their mean, as
 * DeepGEMM's benchmark draws them and routing does, so that each group ends in a part of a tile. share = padding * fill * d / (d + depth_half) at the best choice of
 * tile (tile_m x tile_n, halves, quarters, at their own rate) and split of k into depths d: the useful part of the
 * tiles, and of the cores' time over their waves. Grows with m, n and k.
 *   memory = 2 us + (weights + in + out bytes) / (bandwidth * weight_read_fraction): the memory's latency and the last wave
 * bytes < 0: derived from the shape. All arguments > 0. O(1). */
slip_cost slip_gemm_cost(const slip_device *device, slip_dtype dtype, double m, double n, double k, double groups,
                         double bytes);

/* Seconds of work whose arithmetic alone takes `compute_s` and whose memory traffic alone `memory_s`, both >= 0: (compute_s^4 + memory_s^4)^(1/4).
 * The longer where the two are far apart, 1.19 times as long where they are equal: a pipeline never fills both (start, drain and waits of either
 * cannot hide behind the other). Grows with each. The fourth power: products of 1 to 128 rows on an H100 and an H200 and decode attention on H20
 * at the ridge (docs/cost-model.md, O). O(1). */
double slip_overlapped_s(double compute_s, double memory_s);

/* Seconds that a product's memory traffic takes beside its bytes: the memory's latency and a last wave that does not fill the bus. Beyond a launch
 * of 2.5 us the time over the bytes of skinny bf16 products (1 to 64 rows) meets zero bytes at 1 to 3 us on A100, H100 and H200 (aiconfigurator's
 * tables, 29 to 235 MB). */
#define SLIP_MEMORY_RAMP_S 2e-6

/* Forward (or inference) time of an operator that is not a collective. Attention:
 *   prefill = flops (1 + half * 256 / width / keys) (1 + 0.65 cores / blocks) / (peak * attention_fraction)
 * half: attention_keys_half; width: FLOP per pair and product, 256 for a head of 128; blocks: 128 queries of a
 * head each (left out when op->scores is 0). Softmax in fp8 at 1.3 times the bf16 rate.
 *   decode: flops / (peak * mla_decode_fraction * rows / padded rows) and bytes / (bandwidth * kv_read_fraction), overlapped
 * rows padded to 64 for latent attention, to 16 and at 0.6 of its rate for grouped queries. And a wait of 2
 * launches (prefill), 4 + 0.4 log2(1 + keys / 1024) (decode), 5.5 + 0.8 log2(..) (latent): docs/cost-model.md. */
slip_cost slip_op_cost(const slip_device *device, const slip_op *op);
/* Its backward: two products for a trainable GEMM (input and weight gradients), 2.5 times the FLOP for attention
 * (five products instead of two; FlashAttention-2, arXiv 2307.08691, section 3.1), twice the bytes for a stream. */
slip_cost slip_op_backward_cost(const slip_device *device, const slip_op *op);

/* Bytes moved at streaming speed: optimizer steps, copies. */
double slip_stream_s(const slip_device *device, double bytes);

/* Share of a system's full-load power that it draws while its chips work for a share `working` of the time
 * (compute or memory bound) and wait for the rest. Linear between two published readings: MLPerf Training v4.0
 * power logs of 8 x H100 nodes (10.2 kW at most) give 0.70 when nothing waits (7.16 kW, one node) and 0.50 in a
 * run that communicates for about half its time (5.09 kW, 64 nodes), so 0.30 while waiting. working in [0, 1]. */
double slip_load_share(double working);

#ifdef __cplusplus
}
#endif
#endif
