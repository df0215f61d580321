/* Number formats: names and bytes per stored element. */
#include <math.h>

#include "catalog/fixture.h"

static void each_name_reads_back(void **state) {
  for (int i = 0; i < SLIP_DTYPES; i++) {
    slip_dtype found = SLIP_DTYPES;
    assert_true(slip_dtype_parse(slip_dtype_name((slip_dtype)i), &found));
    assert_int_equal(found, i);
  }
}

static void other_names_mean_the_same_format(void **state) {
  static const struct {
    const char *name;
    slip_dtype dtype;
  } rows[] = {
      {"fp16", SLIP_BF16}, {"mxfp8", SLIP_FP8}, {"nvfp4", SLIP_FP4}, {"mxfp4", SLIP_FP4}, {"FP8", SLIP_FP8}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    slip_dtype found = SLIP_DTYPES;
    assert_true(slip_dtype_parse(rows[i].name, &found));
    assert_int_equal(found, rows[i].dtype);
  }
}

static void unknown_names_are_refused_and_leave_the_output_alone(void **state) {
  slip_dtype found = SLIP_FP8;
  assert_false(slip_dtype_parse("fp7", &found));
  assert_false(slip_dtype_parse("fp", &found));
  assert_false(slip_dtype_parse("fp88", &found));
  assert_false(slip_dtype_parse("", &found));
  assert_false(slip_dtype_parse(NULL, &found));
  assert_int_equal(found, SLIP_FP8);
}

static void stored_bytes_hold_the_scales_of_four_bit_formats(void **state) {
  assert_true(slip_dtype_bytes(SLIP_FP32) == 4.0);
  assert_true(slip_dtype_bytes(SLIP_BF16) == 2.0);
  assert_true(slip_dtype_bytes(SLIP_FP8) == 1.0);
  assert_true(slip_dtype_bytes(SLIP_INT8) == 1.0);
  assert_true(slip_dtype_bytes(SLIP_FP4) == 0.5625);  /* 16 elements: 8 bytes and a scale byte */
  assert_true(slip_dtype_bytes(SLIP_INT4) == 0.5625); /* 32 elements: 16 bytes and a bf16 scale */
  assert_true(isnan(slip_dtype_bytes(SLIP_DTYPES)));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_name_reads_back),
      cmocka_unit_test(other_names_mean_the_same_format),
      cmocka_unit_test(unknown_names_are_refused_and_leave_the_output_alone),
      cmocka_unit_test(stored_bytes_hold_the_scales_of_four_bit_formats),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
