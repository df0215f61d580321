/* docs/accuracy.md of hand-made validations: what is held out stands beside what is in sample, and rows that are far off carry their explanation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "calibrate/validation.h"
#include "report/validate.h"

static slip_checked row_of(const char *id, double measured, double predicted) {
  return (slip_checked){.file = "data/measured/kernels.csv",
                        .line = 2,
                        .id = id,
                        .source = "Example",
                        .family = "example",
                        .phase = "kernel",
                        .chip = "h100",
                        .model = "gemm",
                        .stack = "",
                        .quantity = "value",
                        .unit = "us",
                        .measured = measured,
                        .predicted = predicted,
                        .lo = predicted / 1.2,
                        .hi = predicted * 1.2,
                        .scored = true,
                        .reason = "",
                        .inferred = "a|b",
                        .kind = SLIP_ROW_KERNEL,
                        .vendor = "NVIDIA"};
}

static void expect(const slip_text *text, const char *part) {
  assert_false(text->failed);
  if (!strstr(text->data, part))
    fail_msg("no \"%s\" in\n%s", part, text->data);
}

/* In sample 10% off, in folds 20, without its family 50 and outside its interval (15 / 1.2 is above 10). */
static void what_is_held_out_stands_beside_what_is_in_sample(void **state) {
  slip_checked in[] = {row_of("r", 10, 11)}, folds[] = {row_of("r", 10, 12)}, families[] = {row_of("r", 10, 15)},
               observed[] = {row_of("r", 10, 10)};
  observed[0].scored = false;
  slip_validation views[] = {
      {.rows = folds, .n_rows = 1}, {.rows = families, .n_rows = 1}, {.rows = observed, .n_rows = 1}};
  const slip_validation v = {.rows = in,
                             .n_rows = 1,
                             .views = {NULL, &views[0], &views[1], &views[2]},
                             .fits = {[SLIP_ROW_KERNEL] = {.rows = 1, .constants = 7, .effective = 0.9}}};
  slip_text out = {0};
  slip_markdown_validation(&v, &out);
  expect(&out, "| kernels and collectives | 1 | 10.0 / 10.0 | 20.0 / 20.0 | 100.0% | 50.0 / 50.0 | 0.0% | - | - | "
               "- | - |\n");
  expect(&out, "| training, mixture of experts | 0 | - | - | - | - | - | - | - | - | - |\n");
  expect(&out, "| kernels | 7 | 1 | 1 |\n");
  expect(&out, "| kernels | h100 | 1 | 0 | 10.0% | 10.0% | 10.0% | - | 100.0% | 20.0% | 20.0% | 100.0% | 50.0% | "
               "50.0% | 0.0% |\n");
  slip_text_free(&out);
}

static void without_refits_there_are_no_such_columns(void **state) {
  slip_checked in[] = {row_of("r", 10, 11)};
  const slip_validation v = {.rows = in, .n_rows = 1};
  slip_text out = {0};
  slip_markdown_validation(&v, &out);
  expect(&out, "| kernels | h100 | 1 | 0 | 10.0% | 10.0% | 10.0% | - | 100.0% |\n");
  assert_null(strstr(out.data, "By class of rows"));
  assert_null(strstr(out.data, "5 folds"));
  slip_text_free(&out);
}

/* K0460 has an entry in data/measured/explained.csv; another row, and the same name in a table of the user's, has none. */
static void a_row_that_is_far_off_carries_its_explanation(void **state) {
  slip_checked in[] = {row_of("K0460", 10, 11), row_of("other", 10, 12), row_of("K0460", 10, 13)};
  in[2].file = "mine.csv";
  const slip_validation v = {.rows = in, .n_rows = 3};
  slip_text out = {0};
  slip_markdown_validation(&v, &out);
  expect(&out, "Every published measurement of data/measured/kernels.csv, mine.csv against the model.");
  expect(&out, "| K0460 | h100 | gemm |  | value | 10 | 11 | +10% | a\\|b | As K0459: 18.9 MB of cache");
  expect(&out, "| other | h100 | gemm |  | value | 10 | 12 | +20% | a\\|b |  |\n");
  expect(&out, "| K0460 | h100 | gemm |  | value | 10 | 13 | +30% | a\\|b |  |\n");
  slip_text_free(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_held_out_stands_beside_what_is_in_sample),
      cmocka_unit_test(without_refits_there_are_no_such_columns),
      cmocka_unit_test(a_row_that_is_far_off_carries_its_explanation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
