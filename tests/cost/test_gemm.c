/* The time of a matrix product: seconds = launch + max(compute, memory). Expected values are worked by hand on the
 * toy chip (100 cores, 100 TFLOP/s, 1 TB/s, half of each sustained, tiles of 128 x 128, depth_half 100, 2 us a
 * launch). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the four above */
#include <cmocka.h>

#include "support/close.h"
#include "support/kernel_rows.h"
#include "support/toy_chip.h"

static slip_kernels kernels;
static slip_chip chip;

static slip_device toy(void) {
  slip_device d;
  kernels = toy_kernels();
  chip = toy_chip(&kernels);
  assert_int_equal(slip_device_make(&chip, &d, NULL), SLIP_OK);
  return d;
}

/* 1280 x 1280 x 4000: 10 x 10 tiles fill 100 cores once; depth 4000/4100.
 *   compute = 2 * 1280 * 1280 * 4000 / (100e12 * 0.5 * 4000/4100) = 268.7 us
 *   memory  = (10.24 + 10.24 + 3.28 MB) / 0.5 TB/s = 47.5 us, of which little cannot hide: 268.8 us together */
static void a_product_that_fills_the_cores_runs_at_the_sustained_rate(void **state) {
  slip_device d = toy();
  slip_cost cost = slip_gemm_cost(&d, SLIP_BF16, 1280, 1280, 4000, 1, -1);
  close_to(cost.compute_s, 2.0 * 1280 * 1280 * 4000 / (100e12 * 0.5) * 4100 / 4000);
  close_to(cost.memory_s, 2e-6 + (1280.0 * 4000 * 2 + 1280.0 * 4000 * 2 + 1280.0 * 1280 * 2) / 0.5e12);
  close_to(cost.seconds, 2e-6 + pow(pow(cost.compute_s, 4) + pow(cost.memory_s, 4), 0.25));
  assert_true(cost.seconds > 2e-6 + cost.compute_s && cost.seconds < 2e-6 + 1.001 * cost.compute_s);
  assert_int_equal(cost.bound, SLIP_BOUND_COMPUTE);
}

/* Equal times overlap to 2^(1/4) = 1.1892 of one; 1 and 2 to 17^(1/4) = 2.0305; nothing beside a time leaves it as it is. */
static void arithmetic_and_traffic_overlap_in_part(void **state) {
  (void)state;
  close_to(slip_overlapped_s(3, 3), 3 * 1.189207115003);
  close_to(slip_overlapped_s(1, 2), 2.030543184868);
  close_to(slip_overlapped_s(2, 1), 2.030543184868);
  close_to(slip_overlapped_s(5, 0), 5);
  close_to(slip_overlapped_s(0, 5), 5);
  for (double a = 1e-7; a < 10; a *= 3)
    for (double b = 1e-7; b < 10; b *= 3) {
      double both = slip_overlapped_s(a, b);
      assert_true(both >= fmax(a, b) * (1 - 1e-12) && both <= (a + b) * (1 + 1e-12));
      assert_true(slip_overlapped_s(1.1 * a, b) >= both && slip_overlapped_s(a, 1.1 * b) >= both);
    }
}

/* 101 tiles on 100 cores take two waves: one more column of tiles in a 1 x 101 grid nearly doubles the time. What
 * is left: smaller tiles of lower rate and splits of k may recover a part, so the rise lies between 1 and 2. */
static void one_tile_too_many_costs_a_wave(void **state) {
  slip_device d = toy();
  double full = slip_gemm_cost(&d, SLIP_BF16, 128, 100 * 128, 800, 1, 0).compute_s;
  double over = slip_gemm_cost(&d, SLIP_BF16, 128, 101 * 128, 800, 1, 0).compute_s;
  assert_true(over > 1.15 * full);
  assert_true(over <= 2 * full);
  d.cores = NAN; /* without a core count waves are left out */
  full = slip_gemm_cost(&d, SLIP_BF16, 128, 100 * 128, 800, 1, 0).compute_s;
  over = slip_gemm_cost(&d, SLIP_BF16, 128, 101 * 128, 800, 1, 0).compute_s;
  close_to(over / full, 1.01);
}

/* m = 1: 8192 x 8192 bf16 weights, 134 MB at 0.5 TB/s, 268.5 us; activations are 32 KB more. This chip has little arithmetic for its memory: the
 * row, padded to 64, takes 234 us there, so that the two do not hide behind each other altogether. */
static void a_skinny_product_reads_its_weights(void **state) {
  slip_device d = toy();
  slip_cost cost = slip_gemm_cost(&d, SLIP_BF16, 1, 8192, 8192, 1, -1);
  close_to(cost.memory_s, 2e-6 + (8192.0 * 8192 * 2 + 8192 * 2 + 8192 * 2) /
                                     0.5e12); /* the memory's latency and last wave first */
  close_to(cost.seconds, 2e-6 + slip_overlapped_s(cost.compute_s, cost.memory_s));
  assert_int_equal(cost.bound, SLIP_BOUND_MEMORY);
  close_to(slip_gemm_cost(&d, SLIP_BF16, 1, 8192, 8192, 1, 1e9).memory_s,
           2e-6 + 2e-3); /* bytes given: 1 GB at 0.5 TB/s */
}

/* 64 x 64 x 32: a quarter of a million FLOP on a handful of cores at the foot of the depth ramp: shorter than the
 * launch and the memory's latency, which nothing covers. */
static void a_tiny_product_costs_a_launch(void **state) {
  slip_device d = toy();
  slip_cost cost = slip_gemm_cost(&d, SLIP_BF16, 64, 64, 32, 1, -1);
  assert_int_equal(cost.bound, SLIP_BOUND_LATENCY);
  assert_true(cost.seconds > 4e-6 && cost.seconds < 6e-6);
}

/* 16 x 128 x 65536 in fp8: one tile deep and narrow. One core walks 65,536 elements at 1.024 ns: 67 us, though arithmetic
 * and bytes would take 20 and 34. DeepGEMM needs 61 us for it on H800. */
static void depth_has_a_pace(void **state) {
  slip_device d = toy();
  slip_cost cost = slip_gemm_cost(&d, SLIP_FP8, 16, 128, 65536, 1, 0);
  close_to(cost.compute_s, 65536 * 128 * 8e-12);
}

/* In bf16 libraries split k over cores that would idle: one tile of 16 x 128 over 8 of 10 cores, 5 tiles over 2 each, 6 over one. What one core
 * walks in 67 us, eight do in 8.4. */
static void libraries_split_the_depth_in_bf16(void **state) {
  slip_device d = toy();
  d.cores = 10;
  d.peak_flops[SLIP_BF16] = 1e18; /* only the walk is left */
  const struct { double n, walkers; } cases[] = {{128, 8}, {5 * 128, 2}, {6 * 128, 1}, {20 * 128, 1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    close_to(slip_gemm_cost(&d, SLIP_BF16, 16, cases[i].n, 65536, 1, 0).compute_s,
             65536 * 128 * 8e-12 / cases[i].walkers);
  close_to(slip_gemm_cost(&d, SLIP_BF16, 32, 128, 65536, 2, 0).compute_s,
           65536 * 128 * 8e-12); /* groups are not split */
}

/* Grouped products read their weights at a rate of their own where the profile has one. 8 groups of 4096 x 4096 in bf16, 268 MB. */
static void groups_have_a_reading_rate_of_their_own(void **state) {
  slip_device d = toy();
  const double bytes = 8 * 4096.0 * 4096 * 2;
  const double as_dense = slip_gemm_cost(&d, SLIP_BF16, 8, 4096, 4096, 8, bytes).memory_s;
  d.kernels.grouped_read_fraction = d.kernels.weight_read_fraction / 2;
  close_to(slip_gemm_cost(&d, SLIP_BF16, 8, 4096, 4096, 8, bytes).memory_s - SLIP_MEMORY_RAMP_S,
           2 * (as_dense - SLIP_MEMORY_RAMP_S));
  close_to(slip_gemm_cost(&d, SLIP_BF16, 1, 4096, 4096, 1, bytes).memory_s, as_dense);
}

/* Rows are padded to 64, in each group: 1 row costs what 64 cost. Groups are spread from 0.7 to 1.3 of their mean, so that groups of 49
 * rows (34 to 63.7) still take one padded tile each, and some of 50 rows (up to 65) take two. */
static void rows_are_padded_in_each_group(void **state) {
  slip_device d = toy();
  close_to(slip_gemm_cost(&d, SLIP_BF16, 1, 4096, 8000, 1, 0).compute_s,
           slip_gemm_cost(&d, SLIP_BF16, 64, 4096, 8000, 1, 0).compute_s);
  double one = slip_gemm_cost(&d, SLIP_BF16, 8, 4096, 8000, 8, 0).compute_s;
  double full = slip_gemm_cost(&d, SLIP_BF16, 8 * 49, 4096, 8000, 8, 0).compute_s;
  close_to(one, full);
  assert_true(slip_gemm_cost(&d, SLIP_BF16, 8 * 50, 4096, 8000, 8, 0).compute_s > full);
}

/* A profile with tiles of 256 rows walks twice as long as one of 128, but engines' kernels for few rows do not, grouped or not. */
static void engines_walk_the_depth_in_smaller_tiles(void **state) {
  slip_device d = toy();
  d.kernels.tile_m = 256, d.cores = NAN; /* one tile, whatever the cores */
  slip_op op = {.kind = SLIP_OP_GEMM, .dtype = SLIP_BF16, .m = 16, .n = 128, .k = 65536, .groups = 1};
  close_to(slip_op_cost(&d, &op).compute_s, 65536 * 256 * 8e-12);
  op.few_rows = true;
  close_to(slip_op_cost(&d, &op).compute_s, 65536 * 128 * 8e-12);
  op.kind = SLIP_OP_GROUPED, op.groups = 2;
  close_to(slip_op_cost(&d, &op).compute_s, 65536 * 128 * 8e-12);
  op.few_rows = false;
  close_to(slip_op_cost(&d, &op).compute_s, 65536 * 256 * 8e-12);
}

/* Weights of half the bits that they are multiplied in: kernels that widen them pad to 16 rows only, so that groups of 12 rows
 * (at most 12 x 1.3) cost what groups of one do; those of 16 / 0.7 rows and more (at most 30) take a tile of 32 rows, which runs at 0.7 of the
 * rate where tiles of 16 reach 0.55. */
static void widened_weights_pad_to_sixteen_rows(void **state) {
  slip_device d = toy();
  slip_op op = {.kind = SLIP_OP_GROUPED, .dtype = SLIP_BF16, .m = 8, .n = 4096, .k = 8000, .groups = 8};
  op.weight_bytes = 8 * 4096.0 * 8000 * 2;
  double plain = slip_op_cost(&d, &op).compute_s;
  op.weight_bytes /= 2;
  double one = slip_op_cost(&d, &op).compute_s;
  op.m = 8 * 12; /* at most 12 x 1.3 < 16 */
  close_to(slip_op_cost(&d, &op).compute_s, one);
  op.m = 8 * 16 / 0.7;
  close_to(slip_op_cost(&d, &op).compute_s, one * (32 / 0.7) / (16 / 0.55));
  assert_true(one < 0.6 * plain); /* a quarter of the rows, at the 0.55 / 0.7 of a smaller tile */
}

/* Marlin, where a profile has its rate: blocks of 8 to 64 rows at that share of bf16's rate. Experts of 2 and of 6 rows pad to 8 alike, at
 * 0.55 of the rate; 8 to 15 rows (11.5, 0.7 to 1.3 times) take one block of 16 at 0.7. Dense products, weights of as many bits as they are multiplied in, and other formats keep the library's tiles and rate. */
static void experts_of_four_bits_multiply_by_the_older_instruction(void **state) {
  slip_device d = toy(), marlin = toy();
  marlin.kernels.widened_rate = 0.5;
  slip_op op = {.kind = SLIP_OP_GROUPED, .dtype = SLIP_BF16, .m = 8 * 2, .n = 4096, .k = 8000, .groups = 8};
  op.weight_bytes = 8 * 4096.0 * 8000 / 2;
  double two = slip_op_cost(&marlin, &op).compute_s;
  op.m = 8 * 6; /* at most 6 x 1.3 < 8 */
  close_to(slip_op_cost(&marlin, &op).compute_s, two);
  double slow = slip_op_cost(&marlin, &op).compute_s;
  op.m = 8 * 11.5;
  close_to(slip_op_cost(&marlin, &op).compute_s, slow * (16 / 0.7) / (8 / 0.55));
  op.m = 8 * 6;
  marlin.kernels.widened_rate = 0.25;
  close_to(slip_op_cost(&marlin, &op).compute_s, 2 * slow);
  slip_op other = op;
  other.weight_bytes *= 4; /* as wide as bf16 */
  close_to(slip_op_cost(&marlin, &other).compute_s, slip_op_cost(&d, &other).compute_s);
  other = op, other.dtype = SLIP_FP8;
  close_to(slip_op_cost(&marlin, &other).compute_s, slip_op_cost(&d, &other).compute_s);
  other = op, other.kind = SLIP_OP_GEMM, other.groups = 1;
  close_to(slip_op_cost(&marlin, &other).compute_s, slip_op_cost(&d, &other).compute_s);
}

/* Each group ends in a part of a tile. Mean 128 rows: sizes of 1.4 to 2.6 tiles of 64 rows, half of them two and half three, 2.5 in the
 * mean, so that 128 / 160 of the work is useful. Mean 12,800: 140 to 260 tiles, 200.5 in the mean (half a tile more than even groups). */
static void groups_end_in_a_part_of_a_tile(void **state) {
  slip_device d = toy();
  d.cores = NAN; /* without waves only the padding to 64 rows is left */
  const double even = 2.0 * 1280 * 1280 * 4000 / (100e12 * 0.5) * 4100 / 4000 / 0.9;
  close_to(slip_gemm_cost(&d, SLIP_BF16, 10 * 128, 1280, 4000, 10, 0).compute_s, even * 160 / 128);
  close_to(slip_gemm_cost(&d, SLIP_BF16, 10 * 12800, 1280, 4000, 10, 0).compute_s, even * 100 * 200.5 / 200);
}

/* Grouped: at 0.9 of the rate. 10 groups of 32 rows (22.4 to 41.6) take one padded tile of 64 rows each, as one product of 640 rows. */
static void a_grouped_product_runs_at_its_own_fraction(void **state) {
  slip_device d = toy();
  d.cores = NAN; /* waves aside */
  double plain = slip_gemm_cost(&d, SLIP_BF16, 640, 1280, 4000, 1, 0).compute_s;
  double grouped = slip_gemm_cost(&d, SLIP_BF16, 320, 1280, 4000, 10, 0).compute_s;
  close_to(plain / grouped, 0.9);
  d = toy(); /* every group has weights of its own */
  slip_cost bytes = slip_gemm_cost(&d, SLIP_BF16, 1280, 1280, 4000, 10, -1);
  close_to(bytes.memory_s, 2e-6 + (10 * 1280.0 * 4000 * 2 + 1280.0 * 4000 * 2 + 1280.0 * 1280 * 2) / 0.5e12);
}

/* Scales of blocks: the same product at the profile's rate for them, forward and backward; bf16 has no scales. */
static void scales_of_blocks_run_at_their_own_rate(void **state) {
  slip_device d = toy();
  slip_op op = {
      .kind = SLIP_OP_GEMM, .dtype = SLIP_FP8, .m = 1280, .n = 1280, .k = 4000, .groups = 1, .trainable = true};
  double tensor = slip_op_cost(&d, &op).compute_s, tensor_back = slip_op_backward_cost(&d, &op).compute_s;
  op.block_scaled = true;
  close_to(slip_op_cost(&d, &op).compute_s, tensor); /* the profile does not say */
  d.kernels.fp8_block_rate = 0.8;
  close_to(slip_op_cost(&d, &op).compute_s, tensor / 0.8);
  close_to(slip_op_backward_cost(&d, &op).compute_s, tensor_back / 0.8);
}

/* fp4: engines' products of few rows at 0.6 of the peak, the library's at 0.4, which takes 1.5 times as long, forward and backward. Where the
 * profile does not tell them apart both take the same; other formats know no difference. */
static void the_library_has_its_own_fraction_in_fp4(void **state) {
  (void)state;
  slip_device d = toy();
  d.peak_flops[SLIP_FP4] = 400e12, d.gemm_fraction[SLIP_FP4] = 0.6;
  slip_op engine = {.kind = SLIP_OP_GEMM, .dtype = SLIP_FP4, .m = 1280, .n = 1280, .k = 4000, .groups = 1};
  slip_op library = engine;
  engine.few_rows = true;
  const double same = slip_op_cost(&d, &engine).compute_s, back = slip_op_backward_cost(&d, &library).compute_s;
  close_to(slip_op_cost(&d, &library).compute_s, same);
  d.kernels.gemm_fp4_library_fraction = 0.4;
  close_to(slip_op_cost(&d, &engine).compute_s, same);
  close_to(slip_op_cost(&d, &library).compute_s, 1.5 * same);
  close_to(slip_op_backward_cost(&d, &library).compute_s, 1.5 * back);
  library.dtype = engine.dtype = SLIP_FP8;
  close_to(slip_op_cost(&d, &library).compute_s, slip_op_cost(&d, &engine).compute_s);
}

static void each_format_has_its_peak_and_fraction(void **state) {
  slip_device d = toy();
  double bf16 = slip_gemm_cost(&d, SLIP_BF16, 1280, 1280, 4000, 1, 0).compute_s;
  double fp8 = slip_gemm_cost(&d, SLIP_FP8, 1280, 1280, 4000, 1, 0).compute_s;
  close_to(bf16 / fp8, 200e12 * 0.4 / (100e12 * 0.5));
}

static void time_grows_with_every_size(void **state) {
  slip_device d = toy();
  const double sizes[] = {1, 16, 63, 64, 65, 128, 129, 400, 799, 801, 1000, 1601, 3201, 5000, 9000};
  const int count = sizeof sizes / sizeof *sizes;
  const double others[] = {40, 700, 6400};
  for (int o = 0; o < 3; o++)
    for (int p = 0; p < 3; p++)
      for (int i = 1; i < count; i++) {
        double a = others[o], b = others[p], small = sizes[i - 1], large = sizes[i];
        for (double groups = 1; groups <= 3; groups += 2) {
          assert_true(slip_gemm_cost(&d, SLIP_BF16, large, a, b, groups, -1).seconds >=
                      slip_gemm_cost(&d, SLIP_BF16, small, a, b, groups, -1).seconds * (1 - 1e-12));
          assert_true(slip_gemm_cost(&d, SLIP_BF16, a, large, b, groups, -1).seconds >=
                      slip_gemm_cost(&d, SLIP_BF16, a, small, b, groups, -1).seconds * (1 - 1e-12));
          assert_true(slip_gemm_cost(&d, SLIP_BF16, a, b, large, groups, -1).seconds >=
                      slip_gemm_cost(&d, SLIP_BF16, a, b, small, groups, -1).seconds * (1 - 1e-12));
        }
      }
}

static void time_falls_with_every_rate(void **state) {
  slip_device slow = toy();
  const double shapes[][3] = {{1, 4096, 4096}, {64, 7168, 2048}, {500, 5000, 5000}, {8192, 8192, 8192}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    double before = slip_gemm_cost(&slow, SLIP_BF16, shapes[i][0], shapes[i][1], shapes[i][2], 1, -1).seconds;
    slip_device fast = slow;
    fast.peak_flops[SLIP_BF16] *= 3;
    assert_true(slip_gemm_cost(&fast, SLIP_BF16, shapes[i][0], shapes[i][1], shapes[i][2], 1, -1).seconds <=
                before);
    fast = slow;
    fast.memory_bytes_per_s *= 3;
    assert_true(slip_gemm_cost(&fast, SLIP_BF16, shapes[i][0], shapes[i][1], shapes[i][2], 1, -1).seconds <=
                before);
  }
}

/* Backward of y = x W: dX = dY W^T and dW = X^T dY, each as many FLOP as forward, so about twice the time when
 * large. */
static void backward_is_two_products(void **state) {
  slip_device d = toy();
  slip_op op = {.kind = SLIP_OP_GEMM,
                .dtype = SLIP_BF16,
                .m = 12800,
                .n = 12800,
                .k = 12800,
                .groups = 1,
                .flops = 2.0 * 12800 * 12800 * 12800,
                .trainable = true};
  op.weight_bytes = op.read_bytes = op.write_bytes = 12800.0 * 12800 * 2;
  slip_cost forward = slip_op_cost(&d, &op), backward = slip_op_backward_cost(&d, &op);
  close_to(backward.compute_s, 2 * forward.compute_s);
  close_to(backward.launch_s, 2 * forward.launch_s);
  close_to(backward.memory_s,
           2 * 2e-6 + (3 * 12800.0 * 12800 * 2 + 2 * 12800.0 * 12800 * 2 + 8 * 12800.0 * 12800) / 0.5e12);
}

/* A stream moves its bytes at memory_fraction: 1 GB at 0.5 TB/s. Backward moves twice as many. */
/* A permutation's backward is the permutation back. */
static void a_mirrored_stream_moves_its_bytes_once(void **state) {
  slip_device d = toy();
  slip_op op = {.kind = SLIP_OP_STREAM, .read_bytes = 3e9, .write_bytes = 1e9};
  close_to(slip_op_backward_cost(&d, &op).memory_s, 2 * slip_op_cost(&d, &op).memory_s);
  op.mirrored = true;
  close_to(slip_op_backward_cost(&d, &op).memory_s, slip_op_cost(&d, &op).memory_s);
}

static void a_stream_is_bytes_over_bandwidth(void **state) {
  slip_device d = toy();
  slip_op op = {.kind = SLIP_OP_STREAM, .read_bytes = 0.75e9, .write_bytes = 0.25e9};
  close_to(slip_op_cost(&d, &op).seconds, 2e-6 + 2e-3);
  close_to(slip_op_backward_cost(&d, &op).seconds, 2e-6 + 4e-3);
  close_to(slip_stream_s(&d, 1e9), 2e-3);
  op.kind = SLIP_OP_COLLECTIVE; /* the network's business */
  assert_true(slip_op_cost(&d, &op).seconds == 0);
}

/* ---- published rows ---- */

/* Bounds: what the fit of data/kernels/ reaches, and a little. Grouped rows of H100, H200, B200 and GB200 are
 * whole expert FFNs in one call. */
static void published_rows_are_met(void **state) {
  static const kernel_bound bounds[] = {
      {"a100-80gb", "gemm", 0.06, 0.18},     {"h100", "gemm", 0.08, 0.16},
      {"h200", "gemm", 0.065, 0.16},         {"h800", "gemm", 0.105, 0.26},
      {"h20", "gemm", 0.06, 0.19},           {"gb200", "gemm", 0.09, 0.22},
      {"gb300", "gemm", 0.09, 0.14},         {"h800", "grouped_gemm", 0.08, 0.22},
      {"h20", "grouped_gemm", 0.08, 0.15},   {"h200", "grouped_gemm", 0.18, 0.30},
      {"h100", "grouped_gemm", 0.06, 0.17},  {"b200", "grouped_gemm", 0.12, 0.45},
      {"gb200", "grouped_gemm", 0.25, 0.42}, {"ascend-910c", "grouped_gemm", 0.03, 0.05},
  };
  kernel_rows_within(bounds, sizeof bounds / sizeof *bounds, 8);
}

/* CloudMatrix384 paper, table 10: an INT8 grouped product of 4 x (7168 x 4096 x 4096) reaches 79.4% of a die's 752
 * TOP/s. */
static void ascend_910c_reaches_its_published_share(void **state) {
  slip_catalog *catalog;
  const slip_chip *real;
  slip_device d;
  assert_int_equal(slip_catalog_open(NULL, 0, &catalog, NULL), SLIP_OK);
  assert_int_equal(slip_catalog_chip(catalog, "ascend-910c", &real, NULL), SLIP_OK);
  assert_int_equal(slip_device_make(real, &d, NULL), SLIP_OK);
  double flop = 2.0 * 4 * 7168 * 4096 * 4096;
  double share = flop / slip_gemm_cost(&d, SLIP_INT8, 4 * 7168, 4096, 4096, 4, -1).seconds / 752e12;
  assert_near(share, 0.794, 0.04);
  slip_catalog_free(catalog);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_product_that_fills_the_cores_runs_at_the_sustained_rate),
      cmocka_unit_test(arithmetic_and_traffic_overlap_in_part),
      cmocka_unit_test(one_tile_too_many_costs_a_wave),
      cmocka_unit_test(a_skinny_product_reads_its_weights),
      cmocka_unit_test(a_tiny_product_costs_a_launch),
      cmocka_unit_test(depth_has_a_pace),
      cmocka_unit_test(libraries_split_the_depth_in_bf16),
      cmocka_unit_test(groups_have_a_reading_rate_of_their_own),
      cmocka_unit_test(rows_are_padded_in_each_group),
      cmocka_unit_test(engines_walk_the_depth_in_smaller_tiles),
      cmocka_unit_test(widened_weights_pad_to_sixteen_rows),
      cmocka_unit_test(experts_of_four_bits_multiply_by_the_older_instruction),
      cmocka_unit_test(groups_end_in_a_part_of_a_tile),
      cmocka_unit_test(a_grouped_product_runs_at_its_own_fraction),
      cmocka_unit_test(scales_of_blocks_run_at_their_own_rate),
      cmocka_unit_test(the_library_has_its_own_fraction_in_fp4),
      cmocka_unit_test(each_format_has_its_peak_and_fraction),
      cmocka_unit_test(time_grows_with_every_size),
      cmocka_unit_test(time_falls_with_every_rate),
      cmocka_unit_test(backward_is_two_products),
      cmocka_unit_test(a_mirrored_stream_moves_its_bytes_once),
      cmocka_unit_test(a_stream_is_bytes_over_bandwidth),
      cmocka_unit_test(published_rows_are_met),
      cmocka_unit_test(ascend_910c_reaches_its_published_share),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
