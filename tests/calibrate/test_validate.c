/* Validation of files: what is checked, what is only listed, and that threads, interruption and lack of memory change nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include <slipstick/validate.h>

/* OpenMP's own, when the library was built with it. */
void omp_set_num_threads(int threads) __attribute__((weak));

static slip_catalog *catalog;

static int open_catalog(void **state) {
  return slip_catalog_open(NULL, 0, &catalog, NULL) == SLIP_OK ? 0 : -1;
}

static int close_catalog(void **state) {
  slip_catalog_free(catalog);
  return 0;
}

/* The small tables of the command line's tests. */
enum { PATH_BYTES = 1024 };

static const char *table_path(const char *name, char out[PATH_BYTES]) {
  (void)snprintf(out, PATH_BYTES, "%s/tests/cli/measured/%s.csv", getenv("SLIP_SOURCE_DIR"), name);
  return out;
}

static slip_status validate(const char *name, const volatile int *stop, slip_validation **out, slip_error *err) {
  char path[PATH_BYTES];
  const char *files[] = {table_path(name, path)};
  const slip_validate_job job = {catalog, files, 1};
  return slip_validate(&job, stop, NULL, NULL, out, err);
}

static const slip_checked *row_called(const slip_validation *v, const char *id) {
  for (size_t i = 0; i < slip_validation_count(v); i++)
    if (strcmp(slip_validation_row(v, i)->id, id) == 0)
      return slip_validation_row(v, i);
  fail_msg("no row %s", id);
  return NULL;
}

/* A bad row is kept with its line and reason, and what follows it is done all the same. Line 3 of the file is empty. */
static void a_bad_row_is_named_and_the_rest_is_done(void **state) {
  static const struct {
    const char *id;
    int line;
    bool scored;
    const char *reason;
  } want[] = {
      {"t-ok", 2, true, ""},
      {"t-number", 4, false, "global_batch_seqs"},
      {"t-chip", 5, false, "Chip of tomorrow"},
      {"t-cells", 6, false, "more cells"},
      {"t-last", 7, true, ""},
  };
  slip_validation *v = NULL;
  assert_int_equal(validate("training", NULL, &v, NULL), SLIP_OK);
  assert_int_equal(slip_validation_count(v), 5);
  assert_null(slip_validation_row(v, 5));
  for (size_t i = 0; i < 5; i++) {
    const slip_checked *row = slip_validation_row(v, i);
    assert_string_equal(row->id, want[i].id);
    assert_int_equal(row->line, want[i].line);
    assert_int_equal(row->scored, want[i].scored);
    assert_non_null(strstr(row->reason, want[i].reason));
    assert_string_equal(row->phase, "training");
    assert_int_equal(isnan(row->predicted), !want[i].scored);
  }
  const slip_checked *row = row_called(v, "t-ok");
  assert_string_equal(row->chip, "h100");
  assert_string_equal(row->model, "llama-3.1-8b");
  assert_string_equal(row->family, "Example table");
  assert_string_equal(row->quantity, "step_time_s");
  assert_true(row->measured == 1.6);
  assert_true(row->lo < row->predicted && row->predicted < row->hi);
  assert_true(fabs(row->lo * row->hi / (row->predicted * row->predicted) - 1) < 1e-12); /* even in ln */
  slip_validation_free(v);
}

/* The same GEMM as a time and as a rate: 2 x 8192^3 FLOP. */
static void both_units_of_a_kernel_say_the_same(void **state) {
  slip_validation *v = NULL;
  assert_int_equal(validate("kernels", NULL, &v, NULL), SLIP_OK);
  const double us = row_called(v, "k-gemm")->predicted, tflops = row_called(v, "k-rate")->predicted;
  assert_true(fabs(us * 1e-6 * tflops * 1e12 / (2.0 * 8192 * 8192 * 8192) - 1) < 1e-9);
  assert_false(row_called(v, "k-op")->scored);
  slip_validation_free(v);
}

static void what_is_no_table_is_refused(void **state) {
  slip_validation *v = NULL;
  slip_error err;
  assert_int_equal(validate("no-table", NULL, &v, &err), SLIP_BAD_INPUT);
  assert_int_equal(err.line, 1);
  assert_non_null(strstr(err.file, "no-table.csv"));
  assert_int_equal(validate("unfinished", NULL, &v, &err), SLIP_BAD_INPUT);
  assert_int_equal(err.line, 2);
  assert_int_equal(validate("not-there", NULL, &v, &err), SLIP_IO_FAILURE);
  assert_null(v);
}

static bool same_number(double a, double b) {
  return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

static void assert_same(const slip_validation *a, const slip_validation *b) {
  assert_int_equal(slip_validation_count(a), slip_validation_count(b));
  for (size_t i = 0; i < slip_validation_count(a); i++) {
    const slip_checked *x = slip_validation_row(a, i), *y = slip_validation_row(b, i);
    assert_string_equal(x->id, y->id);
    assert_string_equal(x->quantity, y->quantity);
    assert_string_equal(x->reason, y->reason);
    assert_string_equal(x->inferred, y->inferred);
    if (!same_number(x->predicted, y->predicted) || !same_number(x->lo, y->lo) || !same_number(x->hi, y->hi))
      fail_msg("%s: %.17g and %.17g", x->id, x->predicted, y->predicted);
  }
}

/* All built-in rows: the same bits for any number of threads, and in less than the two seconds that are promised for one core (five
 * times that where sanitizers slow it down). */
static void threads_change_nothing_and_one_is_fast_enough(void **state) {
  static const int threads[] = {1, 2, 5};
  const slip_validate_job job = {catalog, NULL, 0};
  slip_validation *one = NULL;
  for (size_t i = 0; i < 3; i++) {
    slip_validation *v = NULL;
    if (omp_set_num_threads)
      omp_set_num_threads(threads[i]);
    const clock_t begin = clock();
    assert_int_equal(slip_validate(&job, NULL, NULL, NULL, &v, NULL), SLIP_OK);
    if (i == 0)
      assert_true((double)(clock() - begin) / CLOCKS_PER_SEC < 10.0);
    if (one)
      assert_same(one, v);
    if (one)
      slip_validation_free(v);
    else
      one = v;
  }
  assert_true(slip_validation_count(one) > 1000);
  slip_validation_free(one);
  if (omp_set_num_threads)
    omp_set_num_threads(1);
}

/* Stopped from the start nothing is done; there is still a result, with no rows. */
static void stopping_keeps_what_is_done(void **state) {
  const volatile int stop = 1;
  slip_validation *v = NULL;
  slip_error err;
  assert_int_equal(validate("training", &stop, &v, &err), SLIP_INTERRUPTED);
  assert_non_null(v);
  assert_int_equal(slip_validation_count(v), 0);
  slip_validation_free(v);
}

typedef struct calls {
  int count;
  double last;
  volatile int stop;
} calls;

static void count_call(double share, void *context) {
  calls *c = context;
  assert_true(share > 0 && share <= 1);
  c->count++;
  c->last = share;
  c->stop = 1;
}

/* The stop flag is raised in the first report of progress: rows done until then are there, the rest is not. */
static void stopping_midway_keeps_a_part(void **state) {
  const slip_validate_job job = {catalog, NULL, 0};
  calls c = {0};
  slip_validation *whole = NULL, *part = NULL;
  assert_int_equal(slip_validate(&job, NULL, NULL, NULL, &whole, NULL), SLIP_OK);
  assert_int_equal(slip_validate(&job, &c.stop, count_call, &c, &part, NULL), SLIP_INTERRUPTED);
  assert_true(c.count >= 1 && c.last > 0);
  assert_true(slip_validation_count(part) > 0);
  assert_true(slip_validation_count(part) < slip_validation_count(whole));
  slip_validation_free(whole);
  slip_validation_free(part);
}

static void running_out_of_memory_is_told(void **state) {
  int failures = 0;
  if (omp_set_num_threads)
    omp_set_num_threads(1);
  for (long n = 1, good = 0; good < 3; n++) { /* libcsv tries again with less, so that one failure may do no harm */
    slip_validation *v = NULL;
    slip_error err;
    slip_arena_fail_after(n);
    const slip_status status = validate("training", NULL, &v, &err);
    slip_arena_fail_after(0);
    slip_validation_free(v);
    assert_true(status == SLIP_OK || status == SLIP_NO_MEMORY);
    good = status == SLIP_OK ? good + 1 : 0;
    failures += status == SLIP_NO_MEMORY;
  }
  assert_true(failures >= 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_bad_row_is_named_and_the_rest_is_done),
      cmocka_unit_test(both_units_of_a_kernel_say_the_same),
      cmocka_unit_test(what_is_no_table_is_refused),
      cmocka_unit_test(threads_change_nothing_and_one_is_fast_enough),
      cmocka_unit_test(stopping_keeps_what_is_done),
      cmocka_unit_test(stopping_midway_keeps_a_part),
      cmocka_unit_test(running_out_of_memory_is_told),
  };
  return cmocka_run_group_tests(tests, open_catalog, close_catalog);
}
