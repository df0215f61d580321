/* The time of attention: seconds = launch + max(FLOP / (peak * fraction), bytes / (bandwidth * fraction)), on the
 * toy chip: prefill 0.4, backward 0.25 and MLA or decode 0.2 of 100 TFLOP/s; a cache is read at 0.8 TB/s, the rest
 * at 0.5. Prefill and backward reach keys / (keys + 1000) of their fraction when a query sees so many keys on
 * average. */
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

/* 4 TFLOP at 40 TFLOP/s: 100 ms; 1 GB at 0.5 TB/s, 2 ms, hides behind it but for 4 ns */
static void prefill_runs_at_its_fraction_of_the_peak(void **state) {
  slip_device d = toy();
  slip_op op = {.kind = SLIP_OP_ATTENTION, .dtype = SLIP_BF16, .flops = 4e12, .read_bytes = 1e9};
  slip_cost cost = slip_op_cost(&d, &op);
  close_to(cost.compute_s, 0.1);
  close_to(cost.memory_s, 2e-3);
  close_to(cost.seconds, 0.1 * pow(1 + pow(0.02, 4), 0.25) + 2e-6);
  assert_int_equal(cost.bound, SLIP_BOUND_COMPUTE);
}

/* Forward is two products, backward five: 2.5 x 4 TFLOP at 25 TFLOP/s, and twice the bytes. */
static void backward_is_five_products_for_two(void **state) {
  slip_device d = toy();
  slip_op op = {.kind = SLIP_OP_ATTENTION, .dtype = SLIP_BF16, .flops = 4e12, .read_bytes = 1e9};
  slip_cost cost = slip_op_backward_cost(&d, &op);
  close_to(cost.compute_s, 0.4);
  close_to(cost.memory_s, 4e-3);
}

/* 1,000 keys a query are the half of toy_chip.h: half of 40 TFLOP/s, 200 ms for 4 TFLOP; 3,000 keys three
 * quarters, 133 ms; 250 keys a fifth, 500 ms. Bytes are not slowed. */
static void a_query_that_sees_few_keys_runs_slower(void **state) {
  slip_device d = toy();
  slip_op op = {.kind = SLIP_OP_ATTENTION, .dtype = SLIP_BF16, .flops = 4e12, .read_bytes = 1e9, .keys = 1000};
  close_to(slip_op_cost(&d, &op).compute_s, 0.2);
  close_to(slip_op_cost(&d, &op).memory_s, 2e-3);
  op.keys = 3000;
  close_to(slip_op_cost(&d, &op).compute_s, 0.4 / 3);
  op.keys = 250;
  close_to(slip_op_cost(&d, &op).compute_s, 0.5);
}

/* Backward has the same ramp: 10 TFLOP at half of 25 TFLOP/s is 800 ms, so it keeps its ratio to forward at any
 * length. */
static void backward_has_the_ramp_of_forward(void **state) {
  slip_device d = toy();
  slip_op op = {.kind = SLIP_OP_ATTENTION, .dtype = SLIP_BF16, .flops = 4e12, .keys = 1000};
  close_to(slip_op_backward_cost(&d, &op).compute_s, 0.8);
  for (op.keys = 1; op.keys < 1e6; op.keys *= 7)
    close_to(slip_op_backward_cost(&d, &op).compute_s / slip_op_cost(&d, &op).compute_s, 2.5 * 0.4 / 0.25);
}

/* Decode kernels divide the keys over the cores and absorbed MLA has its own fraction: neither depends on the
 * keys. */
static void decode_and_latent_attention_have_no_ramp(void **state) {
  slip_device d = toy();
  slip_op decode = {.kind = SLIP_OP_ATTENTION, .dtype = SLIP_BF16, .decode = true, .flops = 2e12, .keys = 10};
  slip_op latent = {.kind = SLIP_OP_ATTENTION, .dtype = SLIP_BF16, .mla = true, .flops = 2e12, .keys = 10};
  close_to(slip_op_cost(&d, &decode).compute_s, 0.1);
  close_to(slip_op_cost(&d, &latent).compute_s, 0.1);
}

/* With FLOP in proportion to keys, as in a real layer, the time is (keys + 1000) x 4 GFLOP at 40 TFLOP/s, 0.1 ms a
 * key: more keys never take less time, and the same FLOP over more keys a query never more. A chip with a smaller
 * half is no slower. */
static void time_rises_with_keys_and_rate_too(void **state) {
  slip_device d = toy(), quick = toy();
  quick.kernels.attention_keys_half = 500;
  double time = 0, rate = 0;
  for (double keys = 1; keys < 1e6; keys *= 1.5) {
    slip_op op = {.kind = SLIP_OP_ATTENTION, .dtype = SLIP_BF16, .flops = 4e9 * keys, .keys = keys};
    double compute_s = slip_op_cost(&d, &op).compute_s;
    close_to(compute_s, 1e-4 * (keys + 1000));
    assert_true(compute_s > time && op.flops / compute_s > rate);
    assert_true(slip_op_cost(&quick, &op).compute_s < compute_s);
    time = compute_s;
    rate = op.flops / compute_s;
  }
}

/* Decode reads its cache: 8 GB at 0.8 TB/s is 10 ms. Laying out, filling and merging cost four launches, 8 us; of
 * 7,168 keys, three doublings of 1,024, 0.4 launches more for each. */
static void decode_reads_its_cache(void **state) {
  slip_device d = toy();
  slip_op op = {.kind = SLIP_OP_ATTENTION, .dtype = SLIP_BF16, .decode = true, .flops = 1e9, .read_bytes = 8e9};
  slip_cost cost = slip_op_cost(&d, &op);
  close_to(cost.memory_s, 0.01);
  close_to(cost.launch_s, 8e-6);
  close_to(cost.seconds, 0.010008);
  op.keys = 7168;
  close_to(slip_op_cost(&d, &op).launch_s, (4 + 3 * 0.4) * 2e-6);
  op.mla = true;
  close_to(slip_op_cost(&d, &op).launch_s, (5.5 + 3 * 0.8) * 2e-6);
  assert_int_equal(cost.bound, SLIP_BOUND_MEMORY);
}

/* A block of 128 queries to a core: 100 blocks on 100 cores are busy for 100 / (100 + 65) of the time. 100 x 128
 * queries that see 1,000 keys, half of toy_chip.h for a head of 128, 256 FLOP a product and pair; of 256 the half
 * is 500 keys. */
static void few_blocks_leave_cores_idle(void **state) {
  slip_device d = toy();
  double pairs = 100 * 128 * 1000.0;
  slip_op op = {
      .kind = SLIP_OP_ATTENTION, .dtype = SLIP_BF16, .flops = 2 * pairs * 256, .keys = 1000, .scores = pairs};
  close_to(slip_op_cost(&d, &op).compute_s, op.flops / (40e12 * 0.5 * 100 / 165));
  op.flops *= 2;
  close_to(slip_op_cost(&d, &op).compute_s, op.flops / (40e12 * 1000 / 1500 * 100 / 165));
  op.scores *= 1e6, op.flops *= 1e6;
  assert_near(slip_op_cost(&d, &op).compute_s, op.flops / (40e12 * 1000 / 1500), 1e-5);
}

/* Softmax attention in fp8 gains 1.3: the exponentials stay. */
static void softmax_limits_what_fp8_gains(void **state) {
  slip_device d = toy();
  slip_op op = {.kind = SLIP_OP_ATTENTION, .dtype = SLIP_BF16, .flops = 4e12, .keys = 1000, .scores = 1e9};
  double bf16 = slip_op_cost(&d, &op).compute_s;
  op.dtype = SLIP_FP8;
  close_to(slip_op_cost(&d, &op).compute_s, bf16 / 1.3);
}

/* Queries of 16 heads fill a quarter of latent decode's 64 rows; 4 heads of a group a quarter of 16 rows, and that
 * kernel reaches 0.6 of the rate. 2 TFLOP at 0.2 of 100 TFLOP/s is 100 ms. */
static void decode_pads_its_queries(void **state) {
  slip_device d = toy();
  slip_op op = {
      .kind = SLIP_OP_ATTENTION, .dtype = SLIP_BF16, .decode = true, .mla = true, .flops = 2e12, .rows = 16};
  close_to(slip_op_cost(&d, &op).compute_s, 0.4);
  op.rows = 128;
  close_to(slip_op_cost(&d, &op).compute_s, 0.1);
  op.mla = false, op.rows = 4, op.scores = 1e9;
  close_to(slip_op_cost(&d, &op).compute_s, 0.4 / 0.6);
}

/* Where each token has keys of its own its heads fill 64 rows, or as many as the profile's kernel has: 16 heads a quarter, or an eighth. */
static void sparse_attention_pads_the_heads_of_a_token(void **state) {
  slip_device d = toy();
  slip_op op = {
      .kind = SLIP_OP_ATTENTION, .dtype = SLIP_BF16, .mla = true, .own_keys = true, .flops = 2e12, .rows = 16};
  d.kernels.sparse_rows = NAN;
  close_to(slip_op_cost(&d, &op).compute_s, 0.4);
  d.kernels.sparse_rows = 128;
  close_to(slip_op_cost(&d, &op).compute_s, 0.8);
}

/* On an fp8 cache latent decode computes in fp8 where the profile says how fast, else in bf16. 2 TFLOP at 0.3 of
 * 200 TFLOP/s. */
static void latent_decode_in_fp8(void **state) {
  slip_device d = toy();
  slip_op op = {.kind = SLIP_OP_ATTENTION, .dtype = SLIP_FP8, .decode = true, .mla = true, .flops = 2e12};
  close_to(slip_op_cost(&d, &op).compute_s, 0.1);
  d.kernels.mla_decode_fp8_fraction = 0.3;
  close_to(slip_op_cost(&d, &op).compute_s, 2e12 / 60e12);
}

/* Absorbed MLA has enough FLOP per byte to be bound by compute: 2 TFLOP at 0.2 x 100 TFLOP/s is 100 ms. */
static void latent_decode_may_be_bound_by_compute(void **state) {
  slip_device d = toy();
  slip_op op = {
      .kind = SLIP_OP_ATTENTION, .dtype = SLIP_BF16, .decode = true, .mla = true, .flops = 2e12, .read_bytes = 8e9};
  slip_cost cost = slip_op_cost(&d, &op);
  close_to(cost.compute_s, 0.1);
  assert_int_equal(cost.bound, SLIP_BOUND_COMPUTE);
}

/* The indexer's scores compute in fp8 where the chip has it, and in bf16 where it has not. */
static void a_missing_format_computes_in_bf16(void **state) {
  slip_device d = toy();
  slip_op op = {.kind = SLIP_OP_ATTENTION, .dtype = SLIP_FP8, .flops = 4e12};
  close_to(slip_op_cost(&d, &op).compute_s, 0.05);
  d.peak_flops[SLIP_FP8] = NAN;
  close_to(slip_op_cost(&d, &op).compute_s, 0.1);
}

static void time_follows_flop_bytes_and_rates(void **state) {
  slip_device d = toy();
  for (int decode = 0; decode < 2; decode++)
    for (double flops = 1e6; flops < 1e14; flops *= 100)
      for (double bytes = 1e3; bytes < 1e11; bytes *= 100) {
        slip_op op = {
            .kind = SLIP_OP_ATTENTION, .dtype = SLIP_BF16, .decode = decode, .flops = flops, .read_bytes = bytes};
        double before = slip_op_cost(&d, &op).seconds;
        slip_device fast = d;
        fast.peak_flops[SLIP_BF16] *= 2;
        assert_true(slip_op_cost(&fast, &op).seconds <= before);
        fast = d;
        fast.memory_bytes_per_s *= 2;
        assert_true(slip_op_cost(&fast, &op).seconds <= before);
        op.flops *= 2;
        assert_true(slip_op_cost(&d, &op).seconds >= before);
        op.read_bytes *= 2;
        assert_true(slip_op_cost(&d, &op).seconds >= before);
      }
}

/* ---- published rows ---- */

/* Bounds: what the fit of data/kernels/ reaches, and a little. */
static void published_rows_are_met(void **state) {
  static const kernel_bound bounds[] = {
      {"a100-80gb", "attn_prefill", 0.03, 0.06}, {"h100", "attn_prefill", 0.05, 0.14},
      {"h200", "attn_prefill", 0.06, 0.16},      {"h800", "attn_prefill", 0.05, 0.22},
      {"h20", "attn_prefill", 0.04, 0.12},       {"b200", "attn_prefill", 0.08, 0.17},
      {"gb200", "attn_prefill", 0.06, 0.15},     {"h200", "attn_decode", 0.12, 0.36},
      {"h800", "attn_decode", 0.08, 0.25},       {"h20", "attn_decode", 0.08, 0.45},
      {"h100", "attn_decode", 0.08, 0.32},       {"h100", "mla_decode", 0.14, 0.25},
      {"h200", "mla_decode", 0.1, 0.2},          {"h800", "mla_decode", 0.06, 0.14},
      {"h20", "mla_decode", 0.13, 0.22},         {"b200", "mla_decode", 0.09, 0.25},
      {"gb200", "mla_decode", 0.22, 0.3},        {"gb300", "mla_decode", 0.08, 0.25},
  };
  kernel_rows_within(bounds, sizeof bounds / sizeof *bounds, 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(prefill_runs_at_its_fraction_of_the_peak),
      cmocka_unit_test(backward_is_five_products_for_two),
      cmocka_unit_test(a_query_that_sees_few_keys_runs_slower),
      cmocka_unit_test(backward_has_the_ramp_of_forward),
      cmocka_unit_test(decode_and_latent_attention_have_no_ramp),
      cmocka_unit_test(time_rises_with_keys_and_rate_too),
      cmocka_unit_test(decode_reads_its_cache),
      cmocka_unit_test(few_blocks_leave_cores_idle),
      cmocka_unit_test(softmax_limits_what_fp8_gains),
      cmocka_unit_test(decode_pads_its_queries),
      cmocka_unit_test(sparse_attention_pads_the_heads_of_a_token),
      cmocka_unit_test(latent_decode_in_fp8),
      cmocka_unit_test(latent_decode_may_be_bound_by_compute),
      cmocka_unit_test(a_missing_format_computes_in_bf16),
      cmocka_unit_test(time_follows_flop_bytes_and_rates),
      cmocka_unit_test(published_rows_are_met),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
