/* The time of attention: seconds = launch + max(FLOP / (peak * fraction), bytes / (bandwidth * fraction)), on the toy chip:
 * prefill 0.4, backward 0.25 and MLA or decode 0.2 of 100 TFLOP/s; a cache is read at 0.8 TB/s, the rest at 0.5. Prefill
 * and backward reach keys / (keys + 1000) of their fraction when a query sees so many keys on average. */
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

/* 4 TFLOP at 40 TFLOP/s: 100 ms */
static void prefill_runs_at_its_fraction_of_the_peak(void **state) {
  slip_device d = toy();
  slip_op op = {.kind = SLIP_OP_ATTENTION, .dtype = SLIP_BF16, .flops = 4e12, .read_bytes = 1e9};
  slip_cost cost = slip_op_cost(&d, &op);
  close_to(cost.compute_s, 0.1);
  close_to(cost.memory_s, 2e-3);
  close_to(cost.seconds, 0.1 + 2e-6);
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

/* 1,000 keys a query are the half of toy_chip.h: half of 40 TFLOP/s, 200 ms for 4 TFLOP; 3,000 keys three quarters, 133 ms;
 * 250 keys a fifth, 500 ms. Bytes are not slowed. */
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

/* Backward has the same ramp: 10 TFLOP at half of 25 TFLOP/s is 800 ms, so it keeps its ratio to forward at any length. */
static void backward_has_the_ramp_of_forward(void **state) {
  slip_device d = toy();
  slip_op op = {.kind = SLIP_OP_ATTENTION, .dtype = SLIP_BF16, .flops = 4e12, .keys = 1000};
  close_to(slip_op_backward_cost(&d, &op).compute_s, 0.8);
  for (op.keys = 1; op.keys < 1e6; op.keys *= 7)
    close_to(slip_op_backward_cost(&d, &op).compute_s / slip_op_cost(&d, &op).compute_s, 2.5 * 0.4 / 0.25);
}

/* Decode kernels divide the keys over the cores and absorbed MLA has its own fraction: neither depends on the keys. */
static void decode_and_latent_attention_have_no_ramp(void **state) {
  slip_device d = toy();
  slip_op decode = {.kind = SLIP_OP_ATTENTION, .dtype = SLIP_BF16, .decode = true, .flops = 2e12, .keys = 10};
  slip_op latent = {.kind = SLIP_OP_ATTENTION, .dtype = SLIP_BF16, .mla = true, .flops = 2e12, .keys = 10};
  close_to(slip_op_cost(&d, &decode).compute_s, 0.1);
  close_to(slip_op_cost(&d, &latent).compute_s, 0.1);
}

/* With FLOP in proportion to keys, as in a real layer, the time is (keys + 1000) x 4 GFLOP at 40 TFLOP/s, 0.1 ms a key: more
 * keys never take less time, and the same FLOP over more keys a query never more. A chip with a smaller half is no slower. */
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

/* Decode reads its cache: 8 GB at 0.8 TB/s is 10 ms. The split and merge of the cache cost five launches, 10 us. */
static void decode_reads_its_cache(void **state) {
  slip_device d = toy();
  slip_op op = {.kind = SLIP_OP_ATTENTION, .dtype = SLIP_BF16, .decode = true, .flops = 1e9, .read_bytes = 8e9};
  slip_cost cost = slip_op_cost(&d, &op);
  close_to(cost.memory_s, 0.01);
  close_to(cost.launch_s, 10e-6);
  close_to(cost.seconds, 0.01001);
  assert_int_equal(cost.bound, SLIP_BOUND_MEMORY);
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

/* Forward of whole sequences, causal. Head sizes are in the shape, or in a name: query heads - key heads - size; for
 * 128-128-64 the file's own utilisation tells that it is MLA's 192 and 128. */
static bool prefill_op(const kernel_row *row, slip_op *op) {
  double b = kernel_row_number(row, "b"), h = kernel_row_number(row, "h"), kv = kernel_row_number(row, "h_kv");
  double s = kernel_row_number(row, "s"), qk = kernel_row_number(row, "d_qk"), v = kernel_row_number(row, "d_v");
  const char *heads = strstr(row->shape, "\"heads_cfg\":\"");
  if (strncmp(row->dtype, "fp8", 3) == 0 || strcmp(row->unit, "us") != 0 || strstr(row->shape, "kernel"))
    return false;
  if (heads) {
    char *end;
    h = strtod(heads + strlen("\"heads_cfg\":\""), &end);
    kv = strtod(end + 1, &end);
    qk = v = strtod(end + 1, &end);
    b = 1, s = kernel_row_number(row, "seq_len");
    if (kv == 128)
      qk = 192, v = 128;
  }
  if (isnan(kv))
    kv = h;
  if (isnan(qk))
    qk = v = kernel_row_number(row, "d");
  *op = (slip_op){.kind = SLIP_OP_ATTENTION,
                  .dtype = SLIP_BF16,
                  .flops = 2 * b * h * s * (s + 1) / 2 * (qk + v),
                  .read_bytes = 2 * b * s * (h + kv) * (qk + v),
                  .keys = (s + 1) / 2};
  return true;
}

static bool decode_op(const kernel_row *row, slip_op *op) {
  double b = kernel_row_number(row, "b"), h = kernel_row_number(row, "h"), keys = kernel_row_number(row, "kv_len");
  bool mla = strcmp(row->op, "mla_decode") == 0;
  if (isnan(b) || isnan(h) || isnan(keys) || strcmp(row->unit, "us") != 0)
    return false;
  double d = mla ? 0 : kernel_row_number(row, "d"), kv = mla ? 1 : kernel_row_number(row, "h_kv");
  double in_and_out = mla ? 576 + 512 : 2 * d, stored = mla ? 576 : 2 * d;
  double element = strstr(row->dtype, "kv fp8") ? 1 : 2;
  *op = (slip_op){.kind = SLIP_OP_ATTENTION,
                  .dtype = SLIP_BF16,
                  .decode = true,
                  .mla = mla,
                  .flops = 2 * b * h * keys * in_and_out,
                  .read_bytes = b * kv * keys * stored * element + 2 * b * h * in_and_out};
  return true;
}

/* Bounds: what the fit of data/kernels/ reaches, and a little. Prefill: every length, 1,024 to 32,768 tokens. H800's four
 * rows (FlashAttention-3, 128 heads of 192) run up to 75% faster than the fit to all Hopper rows: its bound says so. Neither
 * too few heads to fill the cores nor the head size is in the equation, and the 90th percentiles show it. */
static void published_rows_are_met(void **state) {
  const struct {
    const char *chip, *entry, *op;
    double median;
  } cases[] = {
      {"A100 SXM 80GB", "a100-80gb", "attn_prefill", 0.06},
      {"H100 SXM 80GB", "h100", "attn_prefill", 0.1},
      {"H200 SXM 141GB", "h200", "attn_prefill", 0.08},
      {"H800", "h800", "attn_prefill", 0.55},
      {"H20 96GB", "h20", "attn_prefill", 0.05},
      {"B200 SXM", "b200", "attn_prefill", 0.3},
      {"GB200 (per GPU)", "gb200", "attn_prefill", 0.08},
      {"H200 SXM 141GB", "h200", "attn_decode", 0.2},
      {"H800", "h800", "attn_decode", 0.1},
      {"H20 96GB", "h20", "attn_decode", 0.42},
      {"H100 SXM 80GB", "h100", "mla_decode", 0.28},
      {"H200 SXM 141GB", "h200", "mla_decode", 0.28},
      {"H800", "h800", "mla_decode", 0.1},
      {"H20 96GB", "h20", "mla_decode", 0.1},
      {"B200 SXM", "b200", "mla_decode", 0.2},
      {"GB200 (per GPU)", "gb200", "mla_decode", 0.1},
      {"GB300 (per GPU)", "gb300", "mla_decode", 0.1},
  };
  size_t count;
  kernel_row *rows = kernel_rows_read(&count);
  if (!rows)
    skip();
  slip_catalog *catalog;
  assert_int_equal(slip_catalog_open(NULL, 0, &catalog, NULL), SLIP_OK);
  int misses = 0;
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    const slip_chip *real;
    slip_device d;
    row_errors errors = {.count = 0};
    assert_int_equal(slip_catalog_chip(catalog, cases[c].entry, &real, NULL), SLIP_OK);
    assert_int_equal(slip_device_make(real, &d, NULL), SLIP_OK);
    for (size_t i = 0; i < count; i++) {
      slip_op op;
      if (strcmp(rows[i].chip, cases[c].chip) != 0 || strcmp(rows[i].op, cases[c].op) != 0)
        continue;
      bool prefill = strcmp(cases[c].op, "attn_prefill") == 0;
      if (prefill ? prefill_op(&rows[i], &op) : decode_op(&rows[i], &op))
        row_errors_add(&errors, slip_op_cost(&d, &op).seconds, rows[i].value * 1e-6);
    }
    double median = row_errors_quantile(&errors, 0.5), ninth = row_errors_quantile(&errors, 0.9);
    print_message("  %s %s: %zu rows, median %.1f%%, 90th percentile %.1f%%\n", cases[c].chip, cases[c].op,
                  errors.count, 100 * median, 100 * ninth);
    misses += !(errors.count >= 3 && median <= cases[c].median);
  }
  slip_catalog_free(catalog);
  free(rows);
  assert_int_equal(misses, 0);
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
      cmocka_unit_test(latent_decode_may_be_bound_by_compute),
      cmocka_unit_test(a_missing_format_computes_in_bf16),
      cmocka_unit_test(time_follows_flop_bytes_and_rates),
      cmocka_unit_test(published_rows_are_met),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
