/* Calibration by many rows: synthetic rows of a stack whose constants are known, in tables made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <math.h>

#include "base/text.h"
#include "calibrate/case.h"
#include "calibrate/constants.h"
#include "support/jobs.h"

/* OpenMP's own, when the library was built with it. */
void omp_set_num_threads(int threads) __attribute__((weak));

#define STACK "megatron-bridge-25.11"

enum { MOST_ROWS = 64, PATH_BYTES = 512 };

static char folder[PATH_BYTES], table_path[PATH_BYTES + 32];

static int open_all(void **state) {
  const char *base = getenv("TMPDIR");
  (void)snprintf(folder, sizeof folder, "%s/slipstick-fit-XXXXXX", base && *base ? base : "/tmp");
  if (!mkdtemp(folder))
    return -1;
  (void)snprintf(table_path, sizeof table_path, "%s/rows.csv", folder);
  char overlay[PATH_BYTES + 32];
  (void)snprintf(overlay, sizeof overlay, "%s/tests/calibrate/catalog", getenv("SLIP_SOURCE_DIR"));
  const char *const dirs[] = {overlay};
  return slip_catalog_open(dirs, 1, &jobs_catalog, NULL) == SLIP_OK ? 0 : -1;
}

static int close_all(void **state) {
  char path[PATH_BYTES + 96];
  static const char *const files[] = {
      "rows.csv", "mine.yaml", "stacks/megatron-bridge-25.11-calibrated.yaml", "stacks/mine.yaml", "stacks", ""};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    (void)snprintf(path, sizeof path, "%s/%s", folder, files[i]);
    (void)remove(path);
  }
  return jobs_close(state);
}

static void near(double value, double expected, double tolerance) {
  if (!(fabs(value - expected) <= tolerance))
    fail_msg("%.9g is not %.9g within %.3g", value, expected, tolerance);
}

static double uniform(uint64_t *state) { /* a fixed linear congruential stream: the test is the same everywhere */
  *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
  return ((double)(*state >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(uint64_t *state) { /* Box-Muller */
  const double u = uniform(state), v = uniform(state);
  return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* ---- tables ---- */

static const char header[] =
    "id,source,year,chip,chips_per_node,n_chips,model,seq_len,global_batch_seqs,micro_batch,tp,pp,cp,ep,dp,"
    "dtype,framework,step_time_s\n";

/* 24 runs: three models, plans in which communication, host and compute weigh differently. */
static void add_row(slip_text *out, size_t i, double step_s) {
  static const char *const models[] = {"Llama-3.1-8B", "Llama-3.1-70B", "Mixtral-8x7B"};
  static const int pp[] = {1, 4, 1};
  const size_t model = i % 3;
  const int tp = 1 << (i / 3 % 4), micro = 1 << (i / 12 % 2), ep = model == 2 ? 8 : 1;
  char number[SLIP_DOUBLE_SIZE];
  slip_text_printf(
      out, "r%zu,Example (25.11),2025,H100-SXM-80GB,8,64,%s,%d,%d,%d,%d,%d,1,%d,%d,BF16,Megatron-Bridge,%s\n", i,
      models[model], model == 1 ? 4096 : 2048, 128 << (i % 2), micro, tp, pp[model], ep, 64 / tp / pp[model],
      slip_format_double(number, step_s));
}

/* Predicted steps of the rows under a stack. */
static void predict_rows(size_t n, const slip_stack *stack, double step_s[MOST_ROWS]) {
  slip_arena *arena = slip_arena_open();
  slip_text text = {0};
  slip_csv table;
  slip_error err = {.message = ""};
  slip_text_add(&text, header);
  for (size_t i = 0; i < n; i++)
    add_row(&text, i, 1);
  assert_int_equal(slip_csv_parse(arena, "rows", text.data, text.length, &table, &err), SLIP_OK);
  const slip_case_reader reader = {jobs_catalog, arena};
  for (size_t i = 0; i < n; i++) {
    const slip_row row = {&table, i};
    slip_case c;
    double predicted[SLIP_MAX_QUANTITIES];
    assert_int_equal(slip_read_train_case(&reader, &row, &c, &err), SLIP_OK);
    if (!c.shown.scored)
      fail_msg("row %zu: %s", i, c.shown.reason);
    assert_string_equal(c.stack->entry.name, STACK);
    if (slip_predict_train_case(&c, stack, NULL, predicted, NULL, &err) != SLIP_OK)
      fail_msg("row %zu: %s", i, err.message);
    step_s[i] = predicted[0];
  }
  slip_text_free(&text);
  slip_arena_free(arena);
}

static void write_table(const slip_text *text) {
  FILE *file = fopen(table_path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(text->data, 1, text->length, file), text->length);
  assert_int_equal(fclose(file), 0);
}

static void write_rows(size_t n, const double *step_s) {
  slip_text text = {0};
  slip_text_add(&text, header);
  for (size_t i = 0; i < n; i++)
    add_row(&text, i, step_s[i]);
  write_table(&text);
  slip_text_free(&text);
}

static slip_calibration *calibrate(bool cross_validate) {
  const slip_calibrate_job job = {.catalog = jobs_catalog, .file = table_path, .cross_validate = cross_validate};
  slip_calibration *c = NULL;
  slip_error err = {.message = ""};
  if (slip_calibrate(&job, NULL, NULL, NULL, &c, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  return c;
}

/* ln or logit of b over a. */
static double distance(const slip_constant *c, double a, double b) {
  return c->transform == SLIP_LOG ? log(b / a) : log(b / (1 - b)) - log(a / (1 - a));
}

/* ---- one row and many ---- */

/* One row, 10% slower than predicted: the optimum of a linear model with normal errors is the Kalman update of --observed. */
static void one_row_gives_what_observed_gives(void **state) {
  double step_s[MOST_ROWS], after[MOST_ROWS];
  predict_rows(1, stack_of(STACK), step_s);
  step_s[0] *= 1.1;
  write_rows(1, step_s);
  slip_calibration *c = calibrate(true);
  assert_int_equal(c->rows_used, 1);
  assert_int_equal(c->folds, SLIP_FOLDS_NONE);
  predict_rows(1, &c->stack, after);
  slip_train_job job = slip_train_job_default();
  job.model = model_of("llama-3.1-8b");
  job.system = system_of("hgx-h100");
  job.stack = stack_of(STACK);
  job.chips = 64;
  job.seq = 2048;
  job.batch = 128;
  const slip_plan plan = plan_of("tp=1,pp=1,dp=64,mbs=1");
  const slip_observation one = {SLIP_OBSERVED_STEP, step_s[0]};
  slip_stack observed;
  slip_lesson lesson;
  assert_int_equal(slip_observe_train(&job, &plan, &one, &observed, &lesson, NULL), SLIP_OK);
  const double gain = log(after[0] / (step_s[0] / 1.1)) / log(1.1);
  const double kalman = log(lesson.posterior / lesson.predicted) / log(1.1);
  near(gain, kalman, 0.03);
  near(c->spread_after, lesson.spread_after, 0.01 * lesson.spread_after);
  slip_calibration_free(c);
}

/* Rows that agree with a stack 8% slower: the interval narrows with every doubling, towards the rows' own 0.104. */
static void more_rows_shrink_the_spread(void **state) {
  double step_s[MOST_ROWS], spread = INFINITY;
  predict_rows(24, stack_of(STACK), step_s);
  for (size_t i = 0; i < 24; i++)
    step_s[i] *= 1.08;
  for (size_t n = 1; n <= 24; n *= 2) {
    write_rows(n, step_s);
    slip_calibration *c = calibrate(false);
    assert_true(c->spread_after < spread);
    assert_true(c->spread_after < c->spread_before);
    spread = c->spread_after;
    slip_calibration_free(c);
  }
  assert_true(spread > SLIP_Z80 * 0.7 * SLIP_ROW_SD);
}

/* Noise-free rows of a stack that is half a prior width off in every constant. In a linear model the error of constant i is at most its posterior
 * width times the distance in prior widths (here sqrt(n) / 2), and well below it where the rows say much. */
static void constants_are_recovered_within_their_posterior_width(void **state) {
  double step_s[MOST_ROWS];
  const slip_stack *base = stack_of(STACK);
  predict_rows(24, base, step_s);
  write_rows(24, step_s);
  slip_calibration *as_is = calibrate(false);
  slip_stack truth = *base;
  for (size_t i = 0; i < as_is->n_constants; i++) {
    const slip_fitted *f = &as_is->constants[i];
    if (f->free)
      *slip_constant_of(&truth, f->constant) =
          slip_constant_shifted(f->constant, f->before, (i % 2 ? -0.5 : 0.5) * f->prior_sd);
    near(f->after, f->before, 1e-3 * f->before); /* rows that agree move nothing */
  }
  predict_rows(24, &truth, step_s);
  write_rows(24, step_s);
  slip_calibration *c = calibrate(false);
  assert_true(c->n_free >= 4);
  for (size_t i = 0; i < c->n_constants; i++) {
    const slip_fitted *f = &c->constants[i];
    if (!f->free)
      continue;
    const double off = distance(f->constant, slip_constant_value(&truth, f->constant), f->after);
    print_message("%-20s off by %+.4f, posterior width %.4f, prior %.4f\n", f->constant->field, off,
                  f->posterior_sd, f->prior_sd);
    assert_true(fabs(off) <= f->posterior_sd);
    assert_true(f->posterior_sd < f->prior_sd);
  }
  assert_true(c->after.median < 0.2 * c->before.median);
  slip_calibration_free(as_is);
  slip_calibration_free(c);
}

/* Whatever the rows say, the median error on them is not larger than it was (to what the optimizer leaves undone). */
static void a_fit_is_never_worse_than_the_prior(void **state) {
  uint64_t seed = 7;
  double base[MOST_ROWS], step_s[MOST_ROWS];
  predict_rows(24, stack_of(STACK), base);
  for (int draw = 0; draw < 12; draw++) {
    const size_t n = 2 + 2 * (size_t)draw;
    for (size_t i = 0; i < n; i++)
      step_s[i] = base[i] * exp((draw % 3 == 0 ? 0.5 : 0.1) * normal(&seed)) * (i % 4 == 0 && draw % 2 ? 3 : 1);
    write_rows(n, step_s);
    slip_calibration *c = calibrate(false);
    if (c->after.median > c->before.median * 1.001)
      fail_msg("draw %d: %.4f after %.4f", draw, c->after.median, c->before.median);
    slip_calibration_free(c);
  }
}

/* Rows 15% slow with an error of their own of 5%: rows not seen are predicted far better than before. */
static void cross_validation_sees_what_was_learnt(void **state) {
  static const struct {
    size_t rows;
    slip_folds folds;
  } cases[] = {{12, SLIP_FOLDS_ROWS},
               {24, SLIP_FOLDS_MIXED}}; /* three pairs of chip and model are fewer than five folds */
  uint64_t seed = 3;
  double step_s[MOST_ROWS];
  for (size_t k = 0; k < 2; k++) {
    predict_rows(cases[k].rows, stack_of(STACK), step_s);
    for (size_t i = 0; i < cases[k].rows; i++)
      step_s[i] *= 1.15 * exp(0.05 * normal(&seed));
    write_rows(cases[k].rows, step_s);
    slip_calibration *c = calibrate(true);
    assert_int_equal(c->folds, cases[k].folds);
    assert_true(c->crossed.median < 0.6 * c->before.median);
    assert_true(c->crossed.median > 0.5 * c->after.median);
    slip_calibration_free(c);
  }
}

/* Eleven rows are 10% slow, one is off by a factor. Huber's loss goes on as a line, so that row pulls as hard at a factor of 4 as at 16 (a square
 * would pull twice as hard, ln 16 = 2 ln 4), and the eleven decide. */
static void a_row_that_is_far_off_pulls_no_harder_the_farther_it_is(void **state) {
  double step_s[MOST_ROWS], moved[2];
  for (int k = 0; k < 2; k++) {
    predict_rows(12, stack_of(STACK), step_s);
    for (size_t i = 0; i < 12; i++)
      step_s[i] *= i > 0 ? 1.1 : k ? 16 : 4;
    write_rows(12, step_s);
    slip_calibration *c = calibrate(false);
    moved[k] = log(c->constants[0].after / c->constants[0].before);
    assert_true(c->after.median < 0.03);
    slip_calibration_free(c);
  }
  assert_true(moved[0] > 0);
  near(moved[1], moved[0], 0.05 * moved[0]);
}

static void threads_change_nothing(void **state) {
  double step_s[MOST_ROWS], first = 0;
  predict_rows(24, stack_of(STACK), step_s);
  for (size_t i = 0; i < 24; i++)
    step_s[i] *= i % 2 ? 1.2 : 1.1;
  write_rows(24, step_s);
  for (int threads = 1; threads <= 3; threads++) {
    if (omp_set_num_threads)
      omp_set_num_threads(threads);
    slip_calibration *c = calibrate(false);
    if (threads == 1)
      first = c->constants[0].after;
    assert_memory_equal(&c->constants[0].after, &first, sizeof first);
    slip_calibration_free(c);
  }
}

/* ---- what is refused, and what is left out ---- */

static slip_status status_of(const char *stack, const volatile int *stop, slip_error *err) {
  const slip_calibrate_job job = {.catalog = jobs_catalog, .file = table_path, .stack = stack};
  slip_calibration *c = NULL;
  const slip_status status = slip_calibrate(&job, stop, NULL, NULL, &c, err);
  slip_calibration_free(c);
  return status;
}

static void rows_of_other_stacks_and_bad_rows_are_left_out(void **state) {
  slip_text text = {0};
  slip_error err;
  slip_text_add(&text, header);
  add_row(&text, 0, 1.5);
  slip_text_add(&text,
                "other,Example,2026,H100-SXM-80GB,8,64,Llama-3.1-8B,2048,128,1,1,1,1,1,64,BF16,TorchTitan,1.5\n"
                "chip,Example,2026,Chip of tomorrow,8,64,Llama-3.1-8B,2048,128,1,1,1,1,1,64,BF16,TorchTitan,1.5\n"
                "none,Example,2026,H100-SXM-80GB,8,64,Llama-3.1-8B,2048,128,1,2,1,1,1,32,BF16,,1.5\n");
  write_table(&text);
  slip_text_free(&text);
  assert_int_equal(status_of(NULL, NULL, &err), SLIP_BAD_INPUT);
  assert_non_null(strstr(err.message, "--stack"));
  const slip_calibrate_job job = {.catalog = jobs_catalog, .file = table_path, .stack = STACK};
  slip_calibration *c = NULL;
  assert_int_equal(slip_calibrate(&job, NULL, NULL, NULL, &c, &err), SLIP_OK);
  assert_int_equal(c->rows, 4);
  assert_int_equal(c->rows_used, 2); /* the row without a framework counts for the stack named */
  assert_int_equal(c->n_left_out, 2);
  assert_string_equal(c->left_out[0].id, "other");
  assert_non_null(strstr(c->left_out[0].reason, "of another stack: torchtitan"));
  assert_int_equal(c->left_out[1].line, 4);
  assert_non_null(strstr(c->left_out[1].reason, "chip"));
  slip_calibration_free(c);
  assert_int_equal(status_of("no-such-stack", NULL, &err), SLIP_BAD_INPUT);
  assert_int_equal(status_of("vllm-2025", NULL, &err), SLIP_BAD_INPUT);      /* it does not train */
  assert_int_equal(status_of("mindspeed-2.2", NULL, &err), SLIP_INFEASIBLE); /* no row is of it */
}

static void what_is_no_use_is_refused(void **state) {
  static const struct {
    const char *text;
    slip_status status;
  } tables[] = {{"a,b\n1,2\n", SLIP_BAD_INPUT},
                {"chip,op,value,unit\nH100,gemm,1,us\n", SLIP_BAD_INPUT},
                {header, SLIP_INFEASIBLE}};
  slip_error err;
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
    slip_text text = {0};
    slip_text_add(&text, tables[i].text);
    write_table(&text);
    slip_text_free(&text);
    assert_int_equal(status_of(STACK, NULL, &err), tables[i].status);
  }
  const volatile int stop = 1;
  double step_s[MOST_ROWS];
  predict_rows(2, stack_of(STACK), step_s);
  write_rows(2, step_s);
  assert_int_equal(status_of(STACK, &stop, &err), SLIP_INTERRUPTED);
}

/* Every allocation fails once: an error each time, and nothing is left behind. */
static void lack_of_memory_is_an_error(void **state) {
  double step_s[MOST_ROWS];
  slip_error err;
  predict_rows(2, stack_of(STACK), step_s);
  write_rows(2, step_s);
  if (omp_set_num_threads)
    omp_set_num_threads(1);
  for (long n = 1; n < 40; n++) {
    const size_t live = slip_arena_live_bytes();
    slip_arena_fail_after(n);
    const slip_status status = status_of(NULL, NULL, &err);
    slip_arena_fail_after(0);
    assert_true(status == SLIP_OK || status == SLIP_NO_MEMORY);
    assert_int_equal(slip_arena_live_bytes(), live);
  }
}

/* ---- the file ---- */

static void check_file(const char *name, const slip_calibration *c) {
  const char *dirs[] = {folder};
  slip_catalog *catalog = NULL;
  const slip_stack *stack = NULL;
  slip_error err = {.message = ""};
  if (slip_catalog_open(dirs, 1, &catalog, &err) != SLIP_OK ||
      slip_catalog_stack(catalog, name, &stack, &err) != SLIP_OK)
    fail_msg("%s: %s", err.file, err.message);
  assert_non_null(stack);
  if (!stack)
    return;
  for (size_t i = 0; i < c->n_constants; i++) {
    const double after = c->constants[i].after;
    near(slip_constant_value(stack, c->constants[i].constant), after, 1e-5 * after);
  }
  near(stack->spread_train, c->spread_after, 1e-5);
  near(stack->overlap_pp, c->base->overlap_pp, 0);
  assert_string_equal(stack->framework, c->base->framework);
  const slip_fact *kept = slip_entry_fact(&stack->entry, "overlap_pp"),
                  *old = slip_entry_fact(&c->base->entry, "overlap_pp");
  assert_string_equal(kept->source, old->source);
  assert_string_equal(kept->note, old->note);
  assert_int_equal(kept->confidence, old->confidence);
  const slip_fact *fitted = slip_entry_fact(&stack->entry, "pace_train");
  assert_string_equal(fitted->source, "slipstick calibrate");
  assert_int_equal(fitted->confidence, SLIP_DERIVED);
  assert_non_null(strstr(fitted->note, "fitted to 3 rows of rows.csv, 2026-11-24"));
  assert_non_null(strstr(fitted->note, "cross-validated"));
  const slip_fact *spread = slip_entry_fact(&stack->entry, "spread_train");
  assert_true(spread->n_also >= 1);
  near(spread->also[0].value, c->spread_before, 0);
  slip_catalog_free(catalog);
}

static void the_file_loads_and_is_not_overwritten(void **state) {
  double step_s[MOST_ROWS];
  char written[SLIP_STACK_PATH_SIZE], path[PATH_BYTES + 96], absent[PATH_BYTES + 96];
  slip_error err = {.message = ""};
  predict_rows(3, stack_of(STACK), step_s);
  for (size_t i = 0; i < 3; i++)
    step_s[i] *= 1.2;
  write_rows(3, step_s);
  slip_calibration *c = calibrate(true);
  if (slip_calibration_write(c, folder, "2026-11-24", false, written, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  check_file(STACK "-calibrated", c);
  assert_int_equal(slip_calibration_write(c, folder, "2026-11-24", false, written, &err), SLIP_BAD_INPUT);
  assert_non_null(strstr(err.message, "--force"));
  assert_int_equal(slip_calibration_write(c, folder, "2026-11-24", true, written, &err), SLIP_OK);
  (void)snprintf(path, sizeof path, "%s/stacks/mine.yaml", folder);
  assert_int_equal(slip_calibration_write(c, path, "2026-11-24", false, written, &err), SLIP_OK);
  assert_string_equal(written, path);
  check_file("mine", c);
  static const char *const bad[] = {"stacks/Mine.yaml", "stacks/mine.txt", "absent", "absent/mine.yaml"};
  for (size_t i = 0; i < 4; i++) {
    (void)snprintf(absent, sizeof absent, "%s/%s", folder, bad[i]);
    assert_int_equal(slip_calibration_write(c, absent, "2026-11-24", false, written, &err),
                     i < 3 ? SLIP_BAD_INPUT : SLIP_IO_FAILURE);
  }
  slip_calibration_free(c);
}

/* Serving rows of three figures each, which one machine has measured: they are fitted, the intervals of time per token and rates
 * narrow alike and reach the file, and the interval of the time to first token, which is the queue's, stays. */
static void serving_rows_of_several_figures_are_learnt_from(void **state) {
  slip_text text = {0};
  slip_text_add(&text,
                "id,source,year,chip,n_chips,model,weights_dtype,framework,phase,isl,osl,concurrency,tp,pp,dp,"
                "pd_disagg,speculative,tokens_per_s_per_chip_out,ttft_ms,tpot_ms\n");
  static const int clients[] = {8, 16, 32, 64};
  for (int i = 0; i < 4; i++)
    slip_text_printf(&text,
                     "s%d,Example,2025,H100-SXM-80GB,1,Llama-3.1-8B,bf16,vLLM,e2e_online,1024,512,%d,1,1,1,no,no,"
                     "%g,%g,%g\n",
                     i, clients[i], clients[i] * 95.0 / (1 + clients[i] / 100.0), 60.0 + 2 * clients[i],
                     10.5 * (1 + clients[i] / 100.0));
  write_table(&text);
  slip_text_free(&text);
  slip_calibration *c = calibrate(false);
  char written[SLIP_STACK_PATH_SIZE], path[PATH_BYTES + 96];
  slip_error err = {.message = ""};
  assert_int_equal(c->rows_used, 4);
  assert_true(c->after.median < c->before.median);
  assert_true(c->spread_after < c->spread_before);
  near(c->stack.spread_rate / c->base->spread_rate, c->spread_after / c->spread_before, 1e-9);
  near(c->stack.spread_offline / c->base->spread_offline, c->spread_after / c->spread_before, 1e-9);
  near(c->stack.spread_ttft, c->base->spread_ttft, 0);
  (void)snprintf(path, sizeof path, "%s/stacks/served.yaml", folder);
  if (slip_calibration_write(c, path, "2026-11-24", true, written, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  const char *dirs[] = {folder};
  slip_catalog *catalog = NULL;
  const slip_stack *stack = NULL;
  assert_int_equal(slip_catalog_open(dirs, 1, &catalog, &err), SLIP_OK);
  assert_int_equal(slip_catalog_stack(catalog, "served", &stack, &err), SLIP_OK);
  near(stack->spread_serve, c->spread_after, 1e-5);
  near(stack->spread_rate, c->stack.spread_rate, 1e-5);
  near(stack->spread_ttft, c->base->spread_ttft, 1e-5);
  slip_catalog_free(catalog);
  slip_calibration_free(c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_row_gives_what_observed_gives),
      cmocka_unit_test(more_rows_shrink_the_spread),
      cmocka_unit_test(constants_are_recovered_within_their_posterior_width),
      cmocka_unit_test(a_fit_is_never_worse_than_the_prior),
      cmocka_unit_test(cross_validation_sees_what_was_learnt),
      cmocka_unit_test(a_row_that_is_far_off_pulls_no_harder_the_farther_it_is),
      cmocka_unit_test(threads_change_nothing),
      cmocka_unit_test(rows_of_other_stacks_and_bad_rows_are_left_out),
      cmocka_unit_test(what_is_no_use_is_refused),
      cmocka_unit_test(lack_of_memory_is_an_error),
      cmocka_unit_test(the_file_loads_and_is_not_overwritten),
      cmocka_unit_test(serving_rows_of_several_figures_are_learnt_from),
  };
  return cmocka_run_group_tests(tests, open_all, close_all);
}
