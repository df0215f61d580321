/* One rank of a chip: its share of the package, the constants it inherits, the format it computes in, what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* after the four above */
#include <cmocka.h>

#include "support/toy_chip.h"

static void a_rank_has_its_share_of_the_package(void **state) {
  slip_kernels kernels = toy_kernels();
  slip_chip chip = toy_chip(&kernels);
  slip_device d;
  slip_error err;
  chip.ranks = 2; /* two dies, each a rank: half of everything, the same kernels */
  assert_int_equal(slip_device_make(&chip, &d, &err), SLIP_OK);
  assert_true(d.peak_flops[SLIP_BF16] == 50e12);
  assert_true(d.peak_flops[SLIP_FP8] == 100e12);
  assert_true(d.memory_bytes == 40e9);
  assert_true(d.memory_bytes_per_s == 0.5e12);
  assert_true(d.cores == 50);
  assert_true(d.kernels.launch_s == 2e-6);
  assert_ptr_equal(d.chip, &chip);
}

/* A lower power limit lowers the clock of the cores: products slow down, memory does not. */
static void a_power_limit_slows_products_only(void **state) {
  slip_kernels kernels = toy_kernels();
  slip_chip chip = toy_chip(&kernels);
  slip_device usual, limited;
  assert_int_equal(slip_device_make(&chip, &usual, NULL), SLIP_OK);
  chip.power_limited_rate = 0.75;
  assert_int_equal(slip_device_make(&chip, &limited, NULL), SLIP_OK);
  assert_true(limited.peak_flops[SLIP_BF16] == 0.75 * usual.peak_flops[SLIP_BF16]);
  assert_true(limited.peak_flops[SLIP_FP8] == 0.75 * usual.peak_flops[SLIP_FP8]);
  assert_true(limited.memory_bytes_per_s == usual.memory_bytes_per_s);
  assert_true(limited.cores == usual.cores);
}

static void unknown_gemm_fractions_are_those_of_bf16(void **state) {
  slip_kernels kernels = toy_kernels();
  slip_chip chip = toy_chip(&kernels);
  slip_device d;
  assert_int_equal(slip_device_make(&chip, &d, NULL), SLIP_OK);
  assert_true(d.gemm_fraction[SLIP_FP8] == 0.4);  /* its own */
  assert_true(d.gemm_fraction[SLIP_INT8] == 0.5); /* bf16's */
  assert_true(d.gemm_fraction[SLIP_INT4] == 0.5);
  assert_true(isnan(d.peak_flops[SLIP_INT8])); /* a rate is never inherited */
}

static void missing_numbers_are_named(void **state) {
  const struct {
    const char *field;
    size_t offset;
  } chip_fields[] = {
      {"bf16_tflops", offsetof(slip_chip, peak_flops) + SLIP_BF16 * sizeof(double)},
      {"memory_gb", offsetof(slip_chip, memory_bytes)},
      {"memory_tbs", offsetof(slip_chip, memory_bytes_per_s)},
  };
  const double nothing = NAN;
  for (size_t i = 0; i < sizeof chip_fields / sizeof *chip_fields; i++) {
    slip_kernels kernels = toy_kernels();
    slip_chip chip = toy_chip(&kernels);
    slip_device d;
    slip_error err;
    memcpy((char *)&chip + chip_fields[i].offset, &nothing, sizeof nothing);
    assert_int_equal(slip_device_make(&chip, &d, &err), SLIP_MISSING);
    assert_string_equal(err.field, chip_fields[i].field);
    assert_non_null(strstr(err.message, "toy"));
  }
  slip_kernels kernels = toy_kernels();
  slip_chip chip = toy_chip(&kernels);
  slip_device d;
  slip_error err;
  kernels.kv_read_fraction = NAN;
  assert_int_equal(slip_device_make(&chip, &d, &err), SLIP_MISSING);
  assert_string_equal(err.field, "kv_read_fraction");
  kernels = toy_kernels();
  kernels.attention_keys_half = NAN;
  assert_int_equal(slip_device_make(&chip, &d, &err), SLIP_MISSING);
  assert_string_equal(err.field, "attention_keys_half");
  chip.kernels = NULL;
  assert_int_equal(slip_device_make(&chip, &d, &err), SLIP_MISSING);
  assert_non_null(strstr(err.message, "kernel profile"));
}

static void the_number_format_falls_back_in_order(void **state) {
  slip_kernels kernels = toy_kernels();
  slip_chip chip = toy_chip(&kernels);
  slip_device d;
  assert_int_equal(slip_device_make(&chip, &d, NULL), SLIP_OK);
  /* has fp8, not int8, not fp4 */
  assert_int_equal(slip_device_dtype(&d, SLIP_BF16, true), SLIP_BF16);
  assert_int_equal(slip_device_dtype(&d, SLIP_FP8, true), SLIP_FP8);
  assert_int_equal(slip_device_dtype(&d, SLIP_FP4, false), SLIP_FP8);
  assert_int_equal(slip_device_dtype(&d, SLIP_INT8, false), SLIP_FP8);
  assert_int_equal(slip_device_dtype(&d, SLIP_INT4, false), SLIP_BF16);
  /* int8 instead of fp8, as on Ascend 910C: it stands in when serving, nothing trains in it */
  chip.peak_flops[SLIP_FP8] = NAN;
  chip.peak_flops[SLIP_INT8] = 200e12;
  assert_int_equal(slip_device_make(&chip, &d, NULL), SLIP_OK);
  assert_int_equal(slip_device_dtype(&d, SLIP_FP8, false), SLIP_INT8);
  assert_int_equal(slip_device_dtype(&d, SLIP_FP8, true), SLIP_BF16);
}

static void fp4_without_fp8_serves_in_int8(void **state) {
  slip_kernels kernels = toy_kernels();
  slip_chip chip = toy_chip(&kernels);
  slip_device d;
  chip.peak_flops[SLIP_FP8] = NAN;
  chip.peak_flops[SLIP_INT8] = 200e12;
  assert_int_equal(slip_device_make(&chip, &d, NULL), SLIP_OK);
  assert_int_equal(slip_device_dtype(&d, SLIP_FP4, false), SLIP_INT8); /* cost.h: "fp4 falls to fp8 or int8" */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_rank_has_its_share_of_the_package),
      cmocka_unit_test(a_power_limit_slows_products_only),
      cmocka_unit_test(unknown_gemm_fractions_are_those_of_bf16),
      cmocka_unit_test(missing_numbers_are_named),
      cmocka_unit_test(the_number_format_falls_back_in_order),
      cmocka_unit_test(fp4_without_fp8_serves_in_int8),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
