/* Classes of rows, and the order of pairs counted by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "base/arena.h"
#include "calibrate/validation.h"

enum { MOST = 32 };

#define DENSE_NVIDIA "training, dense, layout given, NVIDIA"
#define KERNELS "kernels and collectives"

static slip_checked training(const char *chip, double measured, double predicted) {
  return (slip_checked){.id = "row",
                        .family = "table",
                        .phase = "training",
                        .chip = chip,
                        .model = "llama",
                        .stack = "megatron",
                        .quantity = "step_time_s",
                        .unit = "s",
                        .kind = SLIP_ROW_TRAINING,
                        .vendor = "NVIDIA",
                        .layout_known = true,
                        .measured = measured,
                        .predicted = predicted,
                        .lo = predicted / 1.2,
                        .hi = predicted * 1.2,
                        .scored = true};
}

static slip_checked kernel(const char *chip, const char *op, double measured, double predicted) {
  slip_checked row = training(chip, measured, predicted);
  row.kind = SLIP_ROW_KERNEL;
  row.phase = "kernel", row.model = op, row.stack = "", row.quantity = "value", row.unit = "us";
  return row;
}

static slip_checked serving(const char *phase, const char *quantity) {
  slip_checked row = training("h200", 10, 11);
  row.kind = SLIP_ROW_SERVING;
  row.phase = phase, row.quantity = quantity, row.stack = "vllm";
  return row;
}

static size_t class_of(const char *name) {
  for (size_t i = 0; i < slip_row_classes(); i++)
    if (strcmp(slip_row_class_name(i), name) == 0)
      return i;
  fail_msg("no class '%s'", name);
  return 0;
}

static slip_summary summary_of(slip_checked *rows, size_t n, const char *name, slip_order *order) {
  const slip_validation v = {.rows = rows, .n_rows = n};
  slip_summary s = {0};
  assert_int_equal(slip_validation_class(&v, class_of(name), &s, order, NULL), SLIP_OK);
  return s;
}

static void expect_order(slip_checked *rows, size_t n, const char *name, slip_order expected) {
  slip_order o = {9, 9, 9, 9};
  (void)summary_of(rows, n, name, &o);
  assert_int_equal(o.configurations, expected.configurations);
  assert_int_equal(o.configurations_right, expected.configurations_right);
  assert_int_equal(o.systems, expected.systems);
  assert_int_equal(o.systems_right, expected.systems_right);
}

/* ---- order ---- */

/* Measured 1.0 1.1 2.0 3.0, predicted 1 1 4 3. The pair 1.0, 1.1 is a tie (less than 15% apart). Of the five others only 2.0 against 3.0 is
 * predicted the wrong way round. */
static void pairs_of_one_chip_and_stack_are_configurations(void **state) {
  slip_checked rows[] = {training("h100", 1.0, 1), training("h100", 1.1, 1), training("h100", 2.0, 4),
                         training("h100", 3.0, 3)};
  expect_order(rows, 4, DENSE_NVIDIA, (slip_order){5, 4, 0, 0});
}

/* 14.9% is a tie, 16% is not. Equal predictions are wrong whichever of the two is measured more: they order nothing. */
static void fifteen_percent_is_a_tie(void **state) {
  slip_checked tie[] = {training("h100", 100, 1), training("h100", 114.9, 2)};
  expect_order(tie, 2, DENSE_NVIDIA, (slip_order){0, 0, 0, 0});
  slip_checked apart[] = {training("h100", 116, 2), training("h100", 100, 2)};
  expect_order(apart, 2, DENSE_NVIDIA, (slip_order){1, 0, 0, 0});
  slip_checked turned[] = {training("h100", 100, 2), training("h100", 116, 2)};
  expect_order(turned, 2, DENSE_NVIDIA, (slip_order){1, 0, 0, 0});
}

/* h100 2 s, h200 1 s, b200 4 s: three pairs of one model on different chips, of which h200 against b200 is predicted wrong. */
static void pairs_of_one_model_on_different_chips_are_systems(void **state) {
  slip_checked rows[] = {training("h100", 2, 2), training("h200", 1, 1.9), training("b200", 4, 1.8)};
  expect_order(rows, 3, DENSE_NVIDIA, (slip_order){0, 0, 3, 1});
}

/* Each of these differs from the first in one respect that makes the pair incomparable; the last has another chip and another model. */
static void pairs_that_differ_in_more_are_not_compared(void **state) {
  slip_checked rows[] = {training("h100", 1, 1), training("h100", 9, 9)};
  rows[1].stack = "other";
  expect_order(rows, 2, DENSE_NVIDIA, (slip_order){0});
  rows[1] = training("h100", 9, 9), rows[1].family = "other";
  expect_order(rows, 2, DENSE_NVIDIA, (slip_order){0});
  rows[1] = training("h100", 9, 9), rows[1].quantity = "tokens_per_s_per_chip";
  expect_order(rows, 2, DENSE_NVIDIA, (slip_order){0});
  rows[1] = training("h100", 9, 9), rows[1].unit = "ms";
  expect_order(rows, 2, DENSE_NVIDIA, (slip_order){0});
  rows[1] = training("h100", 9, 9), rows[1].phase = "finetuning";
  expect_order(rows, 2, DENSE_NVIDIA, (slip_order){0});
  rows[1] = training("h200", 9, 9), rows[1].model = "other";
  expect_order(rows, 2, DENSE_NVIDIA, (slip_order){0});
  rows[1] = training("h100", 9, 9), rows[1].scored = false;
  expect_order(rows, 2, DENSE_NVIDIA, (slip_order){0});
  rows[1] = training("h100", 9, 9), rows[1].model = "other"; /* one chip and stack: any models */
  expect_order(rows, 2, DENSE_NVIDIA, (slip_order){1, 1, 0, 0});
}

/* A product and an all-reduce are no two configurations of one thing. */
static void kernels_are_compared_within_their_operator(void **state) {
  slip_checked rows[] = {kernel("h100", "gemm", 1, 1), kernel("h100", "gemm", 2, 2),
                         kernel("h100", "allreduce", 9, 9), kernel("h200", "gemm", 4, 1.5)};
  expect_order(rows, 4, KERNELS, (slip_order){1, 1, 2, 1});
}

/* Of all figures those of one kind are compared: a product with a product, though a step of training has the same chip, unit and name. */
static void all_figures_are_compared_within_their_kind(void **state) {
  slip_checked rows[] = {kernel("h100", "gemm", 1, 1), kernel("h100", "gemm", 2, 2), kernel("h100", "gemm", 3, 3)};
  rows[2].kind = SLIP_ROW_TRAINING;
  expect_order(rows, 3, "all figures", (slip_order){1, 1, 0, 0});
}

/* ---- membership ---- */

static void a_row_is_in_the_classes_that_it_fits(void **state) {
  slip_checked rows[8];
  size_t n = 0;
  rows[n++] = training("h100", 1, 1);
  rows[n] = training("h100", 1, 1), rows[n++].moe = true;
  rows[n] = training("ascend-910b", 1, 1), rows[n++].vendor = "Huawei";
  rows[n] = training("h100", 1, 1), rows[n++].layout_known = false;
  rows[n++] = kernel("h100", "gemm", 1, 1);
  assert_int_equal(summary_of(rows, n, DENSE_NVIDIA, NULL).scored, 1);
  assert_int_equal(summary_of(rows, n, "training, mixture of experts", NULL).scored, 1);
  assert_int_equal(summary_of(rows, n, "training, Ascend 910B", NULL).scored, 1);
  assert_int_equal(summary_of(rows, n, KERNELS, NULL).scored, 1);
  assert_int_equal(summary_of(rows, n, "all figures", NULL).scored, 5);
}

static void serving_rows_are_told_apart_by_phase_quantity_and_drafts(void **state) {
  slip_checked rows[8];
  size_t n = 0;
  rows[n++] = serving("e2e_online", "tpot_ms"); /* drafts unknown */
  rows[n] = serving("e2e_online", "tpot_ms"), rows[n++].drafts_known = true;
  rows[n] = serving("e2e_online", "tpot_ms"), rows[n].drafts_known = true, rows[n++].moe = true;
  rows[n++] = serving("e2e_online", "ttft_ms");
  rows[n] = serving("e2e_online", "ttft_ms"), rows[n++].disaggregated = true;
  rows[n++] = serving("e2e_offline", "tokens_per_s_per_chip_out");
  rows[n++] = serving("decode", "tokens_per_s_per_chip_out");
  rows[n++] = serving("prefill", "tokens_per_s_per_chip_in");
  static const struct {
    const char *name;
    size_t rows;
  } expected[] = {{"serving, TPOT and rates", 6},
                  {"serving, TPOT, drafts known", 2},
                  {"serving, TPOT, drafts known, dense", 1},
                  {"serving, TPOT, drafts unknown", 1},
                  {"serving, offline rate, layout given", 1},
                  {"serving, rate at fixed load", 0},
                  {"serving, decode pools", 1},
                  {"serving, prefill pools", 1},
                  {"serving, TTFT, aggregated", 1},
                  {"serving, TTFT, disaggregated", 1}};
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
    assert_int_equal(summary_of(rows, n, expected[i].name, NULL).scored, expected[i].rows);
}

/* Ten scored rows of h100 count, nine of h200 do not: nor does a tenth that is not scored. */
static void chips_with_few_rows_are_left_out(void **state) {
  slip_checked rows[MOST];
  for (size_t i = 0; i < 10; i++)
    rows[i] = training("h100", 1, 1.1);
  for (size_t i = 10; i < 20; i++)
    rows[i] = training("h200", 1, 2);
  rows[19].scored = false;
  const slip_summary s = summary_of(rows, 20, "training, chips with 10 rows or more", NULL);
  assert_int_equal(s.scored, 10);
  assert_true(fabs(s.median_error - 0.1) < 1e-12);
  assert_true(fabs(s.coverage - 1) < 1e-12); /* 1 lies within 1.1 / 1.2 to 1.1 x 1.2 */
}

static void rows_without_a_measurement_are_of_no_class(void **state) {
  slip_checked rows[] = {training("h100", NAN, 1), training("h100", 0, 1)};
  rows[0].scored = rows[1].scored = false;
  const slip_summary s = summary_of(rows, 2, DENSE_NVIDIA, NULL);
  assert_int_equal(s.scored + s.skipped, 0);
}

static void there_are_no_other_classes(void **state) {
  const slip_validation v = {.n_rows = 0};
  slip_summary s;
  assert_int_equal(slip_validation_class(&v, slip_row_classes(), &s, NULL, NULL), SLIP_BAD_INPUT);
  assert_string_equal(slip_row_class_name(slip_row_classes()), "");
  slip_arena_fail_after(1);
  assert_int_equal(slip_validation_class(&v, 0, &s, NULL, NULL), SLIP_NO_MEMORY);
  slip_arena_fail_after(0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pairs_of_one_chip_and_stack_are_configurations),
      cmocka_unit_test(fifteen_percent_is_a_tie),
      cmocka_unit_test(pairs_of_one_model_on_different_chips_are_systems),
      cmocka_unit_test(pairs_that_differ_in_more_are_not_compared),
      cmocka_unit_test(kernels_are_compared_within_their_operator),
      cmocka_unit_test(all_figures_are_compared_within_their_kind),
      cmocka_unit_test(a_row_is_in_the_classes_that_it_fits),
      cmocka_unit_test(serving_rows_are_told_apart_by_phase_quantity_and_drafts),
      cmocka_unit_test(chips_with_few_rows_are_left_out),
      cmocka_unit_test(rows_without_a_measurement_are_of_no_class),
      cmocka_unit_test(there_are_no_other_classes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
