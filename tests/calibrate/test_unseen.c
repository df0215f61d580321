/* data/unseen/: published measurements that no constant was fitted to; data/blind/: those that intervals do not know either. The errors there
 * are the model's, not the fit's; how they come about is in docs/limits.md ("Rows never fitted"). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "calibrate/measured.h"
#include <slipstick/validate.h>

enum { PATH_BYTES = 1024, MOST = 256 };

static slip_catalog *catalog;
static slip_validation *unseen, *blind, *built_in;

static slip_status validate(const char *const *files, size_t n, slip_validation **out) {
  const slip_validate_job job = {catalog, files, n};
  return slip_validate(&job, NULL, NULL, NULL, out, NULL);
}

static int open_all(void **state) {
  const char *root = getenv("SLIP_SOURCE_DIR");
  static const char *const names[] = {"unseen/serving", "unseen/training", "blind/serving", "blind/training",
                                      "blind/kernels"};
  static char paths[5][PATH_BYTES];
  const char *files[5];
  for (int i = 0; i < 5; i++) {
    (void)snprintf(paths[i], PATH_BYTES, "%s/data/%s.csv", root ? root : ".", names[i]);
    files[i] = paths[i];
  }
  if (slip_catalog_open(NULL, 0, &catalog, NULL) != SLIP_OK || validate(files, 2, &unseen) != SLIP_OK ||
      validate(&files[2], 3, &blind) != SLIP_OK)
    return -1;
  return validate(NULL, 0, &built_in) == SLIP_OK ? 0 : -1;
}

static int close_all(void **state) {
  slip_validation_free(unseen);
  slip_validation_free(blind);
  slip_validation_free(built_in);
  slip_catalog_free(catalog);
  return 0;
}

static void share_no_row(const slip_validation *these, const slip_validation *those) {
  for (size_t i = 0; i < slip_validation_count(these); i++)
    for (size_t k = 0; k < slip_validation_count(those); k++) {
      const slip_checked *a = slip_validation_row(these, i), *b = slip_validation_row(those, k);
      assert_int_not_equal(strcmp(a->id, b->id), 0);
    }
}

/* What is compiled in is what calibration fits to and what intervals know: data/unseen is not among the first, data/blind nowhere. */
static void no_row_is_among_those_that_are_fitted(void **state) {
  for (size_t i = 0; i < slip_measured_file_count; i++)
    assert_true(strncmp(slip_measured_files[i].path, "measured/", 9) == 0);
  for (size_t i = 0; i < slip_unseen_file_count; i++)
    assert_true(strncmp(slip_unseen_files[i].path, "unseen/", 7) == 0);
  share_no_row(unseen, built_in);
  share_no_row(blind, built_in);
  share_no_row(blind, unseen);
}

static int by_value(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The median of |predicted / measured - 1| of a source keeps to a bound: what it was when the rows were found, and some. Tuned servers and
 * trainers of known stacks come out like those that were fitted. The others are kept because they do not: GPUStack's engines of 2025 with
 * their defaults, thin engines on TPUs, MI300X under vLLM before its kernels for experts, trainers that no stack stands for. The bound keeps
 * the finding in sight. */
static void the_median_error_of_a_source_keeps_to_its_bound(void **state) {
  static const struct {
    const char *source, *quantity;
    int rows;
    double bound;
  } want[] = {
      {"InferenceX issue 870", "tpot_ms", 4, 0.13},
      {"InferenceX pull request 538", "tpot_ms", 7, 0.13},
      {"InferenceX pull request 538", "ttft_ms", 7, 0.30},
      {"InferenceX pull request 16", "tokens_per_s_per_chip_out", 22, 0.15},
      {"Oracle", "tokens_per_s_per_chip_out", 9, 0.13},
      {"AMD ROCm performance results", "tokens_per_s_per_chip_out", 40, 0.20},
      {"AMD ROCm blog: best practices", "tokens_per_s_per_chip_out", 40, 0.13},
      {"AMD ROCm blog: best practices", "tpot_ms", 32, 0.13},
      {"Azure AI benchmarking guide", "tokens_per_s_per_chip_out", 18, 0.15},
      {"NVIDIA TensorRT-LLM perf-overview", "tokens_per_s_per_chip_out", 40, 0.15},
      {"NVIDIA NIM", "tpot_ms", 9, 0.10},
      {"MLPerf Inference", "tokens_per_s_per_chip_out", 13, 0.10},
      {"Qwen2.5 speed benchmark", "tokens_per_s_per_chip_out", 12, 0.08},
      {"Intel model performance data for Gaudi", "tokens_per_s_per_chip_out", 40, 0.25},
      {"sglang-jax cookbook", "tpot_ms", 68, 0.25},
      {"SGLang cookbook: DeepSeek-R1", "tpot_ms", 9, 0.15},
      {"dstack benchmark: DeepSeek-R1 on 8xMI300X", "tpot_ms", 15, 0.30},
      {"GPUStack", "tokens_per_s_per_chip_out", 24, 0.50},
      {"NVIDIA DGX Cloud", "step_time_s", 140, 0.10},
      {"NVIDIA NeMo 25", "tokens_per_s_per_chip", 20, 0.15},
      {"Zero Bubble", "tokens_per_s_per_chip", 48, 0.09},
      {"MegaScale (", "step_time_s", 16, 0.10},
      {"InternEvo", "tokens_per_s_per_chip", 46, 0.18},
      {"PyTorch blog 2024-03", "tokens_per_s_per_chip", 8, 0.13},
      {"Megatron-Turing", "step_time_s", 3, 0.13},
      {"TorchTitan benchmarks llama3 H100", "tokens_per_s_per_chip", 18, 0.25},
      {"The Llama 3 Herd", "tflops_per_chip", 3, 0.25},
  };
  for (size_t w = 0; w < sizeof want / sizeof *want; w++) {
    double errors[MOST];
    int n = 0;
    for (size_t i = 0; i < slip_validation_count(unseen); i++) {
      const slip_checked *row = slip_validation_row(unseen, i);
      if (!row->scored || strncmp(row->source, want[w].source, strlen(want[w].source)) != 0 ||
          strcmp(row->quantity, want[w].quantity) != 0)
        continue;
      assert_true(n < MOST);
      errors[n++] = fabs(slip_checked_error(row));
    }
    qsort(errors, (size_t)n, sizeof *errors, by_value);
    const double median = n ? errors[n / 2] : NAN;
    printf("  %-44s %-26s %3d rows, median %4.1f%%, bound %.0f%%\n", want[w].source, want[w].quantity, n,
           100 * median, 100 * want[w].bound);
    assert_int_equal(n, want[w].rows);
    assert_true(median <= want[w].bound);
  }
}

/* All rows of a kind that nobody looked at: as found or, where a reader was at fault, as read now, and some. The intervals hold three of five. */
static void the_error_of_blind_rows_keeps_to_its_bound(void **state) {
  static const struct {
    slip_row_kind kind;
    double median, within;
  } want[] = {{SLIP_ROW_TRAINING, 0.23, 0.55}, {SLIP_ROW_SERVING, 0.52, 0.55}, {SLIP_ROW_KERNEL, 0.18, 0.5}};
  for (size_t w = 0; w < sizeof want / sizeof *want; w++) {
    static double errors[1024];
    size_t n = 0, within = 0;
    for (size_t i = 0; i < slip_validation_count(blind); i++) {
      const slip_checked *row = slip_validation_row(blind, i);
      if (!row->scored || row->kind != want[w].kind)
        continue;
      assert_true(n < sizeof errors / sizeof *errors);
      errors[n++] = fabs(slip_checked_error(row));
      within += row->lo <= row->measured && row->measured <= row->hi;
    }
    assert_true(n > 100);
    qsort(errors, n, sizeof *errors, by_value);
    printf("  %zu figures, median %.1f%%, %.0f%% within\n", n, 100 * errors[n / 2],
           100.0 * (double)within / (double)n);
    assert_true(errors[n / 2] <= want[w].median && (double)within >= want[w].within * (double)n);
  }
}

/* Six figures of seven say enough to be predicted, three of four of data/blind; the rest names what is missing. */
static void rows_that_are_not_scored_say_why(void **state) {
  const slip_validation *const all[] = {unseen, blind};
  for (int v = 0; v < 2; v++) {
    size_t scored = 0;
    for (size_t i = 0; i < slip_validation_count(all[v]); i++) {
      const slip_checked *row = slip_validation_row(all[v], i);
      scored += row->scored;
      assert_true(row->scored || row->reason[0] != '\0');
    }
    assert_true((double)scored >= (v == 0 ? 0.85 : 0.75) * (double)slip_validation_count(all[v]));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_row_is_among_those_that_are_fitted),
      cmocka_unit_test(the_median_error_of_a_source_keeps_to_its_bound),
      cmocka_unit_test(the_error_of_blind_rows_keeps_to_its_bound),
      cmocka_unit_test(rows_that_are_not_scored_say_why),
  };
  return cmocka_run_group_tests(tests, open_all, close_all);
}
