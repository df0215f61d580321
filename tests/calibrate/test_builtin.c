/* Calibration of the catalog's own constants on small tables: what is fitted, and the files that come out. */
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
#include <dirent.h>
#include <math.h>

#include "base/arena.h"
#include "base/text.h"
#include <slipstick/calibrate.h>

/* OpenMP's own, when the library was built with it. */
void omp_set_num_threads(int threads) __attribute__((weak));

enum { PATH_BYTES = 512 };

static slip_catalog *catalog;
static char folder[PATH_BYTES], products_path[PATH_BYTES + 32], steps_path[PATH_BYTES + 32],
    out_path[PATH_BYTES + 32];

static void near(double value, double expected, double tolerance) {
  if (!(fabs(value - expected) <= tolerance))
    fail_msg("%.9g is not %.9g within %.3g", value, expected, tolerance);
}

/* ---- small tables ---- */

static int write_file(const char *path, const slip_text *text) {
  FILE *file = fopen(path, "wb");
  const bool whole = file && fwrite(text->data, 1, text->length, file) == text->length;
  return file && fclose(file) == 0 && whole ? 0 : -1;
}

/* Products bound by memory on H100 and A100, three labs. */
static int write_products(void) {
  static const char *const labs[] = {"Alpha lab", "Beta lab", "Gamma lab"};
  slip_text text = {0};
  slip_text_add(&text, "id,source,chip,op,dtype,shape,value,unit\n");
  for (int i = 0; i < 12; i++)
    slip_text_printf(&text, "p%d,%s,%s,gemm,bf16,\"{\"\"m\"\":1,\"\"n\"\":%d,\"\"k\"\":8192}\",%g,us\n", i,
                     labs[i % 3], i % 2 ? "A100 SXM 80GB" : "H100 SXM 80GB", 8192 * (1 + i / 6),
                     (i % 2 ? 88 : 56) * (1 + i / 6) + 0.5 * (i % 3));
  const int status = write_file(products_path, &text);
  slip_text_free(&text);
  return status;
}

/* Runs on one node under Megatron-Bridge, two labs. */
static int write_steps(void) {
  slip_text text = {0};
  slip_text_add(
      &text,
      "id,source,year,chip,chips_per_node,n_chips,model,seq_len,global_batch_seqs,micro_batch,tp,pp,cp,dp,dtype,"
      "framework,step_time_s\n");
  for (int i = 0; i < 6; i++)
    slip_text_printf(&text,
                     "s%d,%s,2025,H100-SXM-80GB,8,8,Llama-3.1-8B,4096,%d,1,%d,1,1,%d,BF16,Megatron-Bridge,%g\n", i,
                     i % 2 ? "Alpha lab" : "Beta lab", 32 << (i / 2), i % 2 ? 2 : 4, i % 2 ? 4 : 2,
                     (i % 2 ? 2.0 : 2.15) * (1 << (i / 2)));
  const int status = write_file(steps_path, &text);
  slip_text_free(&text);
  return status;
}

static int open_all(void **state) {
  const char *base = getenv("TMPDIR");
  (void)snprintf(folder, sizeof folder, "%s/slipstick-builtin-XXXXXX", base && *base ? base : "/tmp");
  if (!mkdtemp(folder))
    return -1;
  (void)snprintf(products_path, sizeof products_path, "%s/products.csv", folder);
  (void)snprintf(steps_path, sizeof steps_path, "%s/steps.csv", folder);
  (void)snprintf(out_path, sizeof out_path, "%s/out", folder);
  if (write_products() != 0 || write_steps() != 0)
    return -1;
  return slip_catalog_open(NULL, 0, &catalog, NULL) == SLIP_OK ? 0 : -1;
}

/* Removes a folder of files; returns how many there were. */
static size_t empty_folder(const char *path) {
  char name[2 * PATH_BYTES];
  size_t n = 0;
  DIR *dir = opendir(path);
  if (!dir)
    return 0;
  for (const struct dirent *item = readdir(dir); item; item = readdir(dir))
    if (item->d_name[0] != '.') {
      (void)snprintf(name, sizeof name, "%s/%s", path, item->d_name);
      n += remove(name) == 0;
    }
  (void)closedir(dir);
  (void)rmdir(path);
  return n;
}

static size_t empty_out(void) {
  static const char *const kinds[] = {"kernels", "stacks", "systems"};
  char path[PATH_BYTES + 64];
  size_t n = 0;
  for (size_t i = 0; i < 3; i++) {
    (void)snprintf(path, sizeof path, "%s/%s", out_path, kinds[i]);
    n += empty_folder(path);
  }
  (void)rmdir(out_path);
  return n;
}

static int close_all(void **state) {
  slip_catalog_free(catalog);
  (void)empty_out();
  (void)unlink(products_path);
  (void)unlink(steps_path);
  return rmdir(folder);
}

static slip_builtin_calibration *calibrate(const char *const *files, size_t n) {
  const slip_builtin_job job = {.catalog = catalog, .date = "2026-11-28", .files = files, .n_files = n};
  slip_builtin_calibration *c = NULL;
  slip_error err = {.message = ""};
  if (slip_calibrate_builtin(&job, NULL, NULL, NULL, &c, &err) != SLIP_OK)
    fail_msg("%s:%d: %s: %s", err.file, err.line, err.field, err.message);
  return c;
}

static const slip_builtin_constant *constant_of(const slip_builtin_stage *stage, const char *field,
                                                const char *shared) {
  for (size_t i = 0; i < stage->n_constants; i++)
    if (strcmp(stage->constants[i].field, field) == 0 && strstr(stage->constants[i].shared, shared))
      return &stage->constants[i];
  fail_msg("no constant '%s' of %s", field, shared);
  return NULL;
}

/* ---- what is fitted ---- */

static void kernels_come_first_and_a_kind_without_rows_is_left_as_it_is(void **state) {
  const char *files[] = {products_path};
  slip_builtin_calibration *c = calibrate(files, 1);
  assert_int_equal(c->stages[0].kind, SLIP_ROW_KERNEL);
  assert_string_equal(c->stages[0].agenda, "data/calibration/kernels.yaml");
  assert_int_equal(c->stages[0].size.rows, 12);
  assert_int_equal(c->stages[1].kind, SLIP_ROW_TRAINING);
  assert_int_equal(c->stages[2].kind, SLIP_ROW_SERVING);
  for (int i = 1; i < SLIP_ROW_KINDS; i++) {
    assert_int_equal(c->stages[i].size.rows, 0);
    assert_int_equal(c->stages[i].n_constants, 0);
    assert_true(isnan(c->stages[i].after.median));
  }
  slip_builtin_calibration_free(c);
}

/* H100 reads 2 x 8192^2 bytes in 56 us, less a launch: at 3.35 TB/s that is a share of about 0.72 to 0.75; between that and the prior, 0.76, must the
 * fitted one lie. Rows say what is left to be known. A generation without rows is as wide as its prior at most: sqrt(0.4^2 + 0.4^2). */
static void a_constant_lies_between_its_prior_and_its_rows(void **state) {
  const char *files[] = {products_path};
  slip_builtin_calibration *c = calibrate(files, 1);
  const slip_builtin_constant *hopper = constant_of(&c->stages[0], "weight_read_fraction", "kernels/hopper");
  const slip_builtin_constant *ada = constant_of(&c->stages[0], "weight_read_fraction", "kernels/ada");
  const double bytes = 2.0 * 8192 * 8192, least = bytes / 3.35e12 / 57e-6,
               most = fmax(0.76, bytes / 3.35e12 / 50e-6);
  assert_true(hopper->after > least && hopper->after < most);
  assert_true(hopper->is_share && hopper->prior == 0.76);
  assert_int_equal(hopper->rows, 6);
  assert_true(hopper->posterior_sd < 0.25);
  assert_int_equal(ada->rows, 0);
  assert_true(ada->posterior_sd > 0.4 && ada->posterior_sd < sqrt(0.32));
  assert_true(c->stages[0].after.median <= c->stages[0].before.median);
  assert_true(c->stages[0].size.effective > 1 && c->stages[0].size.effective < (double)c->stages[0].size.constants);
  slip_builtin_calibration_free(c);
}

static void threads_change_nothing(void **state) {
  const char *files[] = {products_path};
  double first = 0;
  for (int threads = 1; threads <= 2; threads++) {
    if (omp_set_num_threads)
      omp_set_num_threads(threads);
    slip_builtin_calibration *c = calibrate(files, 1);
    const double after = constant_of(&c->stages[0], "weight_read_fraction", "kernels/hopper")->after;
    if (threads == 1)
      first = after;
    assert_memory_equal(&after, &first, sizeof first);
    slip_builtin_calibration_free(c);
  }
}

/* ---- the files ---- */

static slip_catalog *open_overlay(void) {
  const char *dirs[] = {out_path};
  slip_catalog *overlay = NULL;
  slip_error err = {.message = ""};
  if (slip_catalog_open(dirs, 1, &overlay, &err) != SLIP_OK)
    fail_msg("%s:%d: %s: %s", err.file, err.line, err.field, err.message);
  return overlay;
}

static const slip_entry *entry_of(const slip_catalog *in, slip_kind kind, const char *name) {
  for (size_t i = 0; i < slip_catalog_count(in, kind); i++)
    if (strcmp(slip_catalog_entry(in, kind, i)->name, name) == 0)
      return slip_catalog_entry(in, kind, i);
  fail_msg("no entry '%s'", name);
  return NULL;
}

/* Every constant of a stage stands in the file of each entry that shares it, to four digits, with its provenance. */
static void check_stage(const slip_builtin_stage *stage, const slip_catalog *overlay, const char *table) {
  for (size_t i = 0; i < stage->n_constants; i++) {
    const slip_builtin_constant *c = &stage->constants[i];
    char shared[4096];
    (void)snprintf(shared, sizeof shared, "%s", c->shared);
    char *rest = NULL;
    for (char *owner = strtok_r(shared, ", ", &rest); owner; owner = strtok_r(NULL, ", ", &rest)) {
      char name[128] = "", level[64] = "", field[256];
      const slip_kind kind = strncmp(owner, "stacks/", 7) == 0    ? SLIP_KIND_STACK
                             : strncmp(owner, "kernels/", 8) == 0 ? SLIP_KIND_KERNELS
                                                                  : SLIP_KIND_SYSTEM;
      assert_true(sscanf(strchr(owner, '/') + 1, "%127[^/]/%63s", name, level) >= 1);
      (void)snprintf(field, sizeof field, "%s%s%s", level, level[0] ? "." : "", c->field);
      const slip_fact *fact = slip_entry_fact(entry_of(overlay, kind, name), field);
      if (!fact)
        fail_msg("%s has no %s", owner, field);
      near(fact->shown, c->after, 5.1e-4 * c->after);
      assert_non_null(strstr(fact->source, table));
      assert_string_equal(fact->date, "2026-11-28");
      assert_int_equal(fact->confidence, SLIP_DERIVED);
      assert_non_null(strstr(fact->note, c->rows > 0 ? "held out" : "no row tells"));
    }
  }
}

/* What else the files say is what it was: facts that are not fitted, conflicting values, texts. */
static void check_kept(const slip_catalog *overlay) {
  const slip_entry *before = entry_of(catalog, SLIP_KIND_KERNELS, "hopper"),
                   *after = entry_of(overlay, SLIP_KIND_KERNELS, "hopper");
  assert_string_equal(after->title, before->title);
  const slip_fact *launch = slip_entry_fact(before, "launch_us"), *kept = slip_entry_fact(after, "launch_us");
  assert_true(kept->value == launch->value);
  assert_string_equal(kept->note, launch->note);
  const slip_fact *old = slip_entry_fact(entry_of(catalog, SLIP_KIND_SYSTEM, "hgx-h100"), "scale-up.fraction"),
                  *new = slip_entry_fact(entry_of(overlay, SLIP_KIND_SYSTEM, "hgx-h100"), "scale-up.fraction");
  assert_int_equal(new->n_also, old->n_also);
  assert_true(old->n_also > 0 && new->also[0].value == old->also[0].value);
}

/* attention_backward_fraction follows attention_fraction: the ratio of the two is that of the catalog. */
static void check_followers(const slip_catalog *overlay) {
  const slip_entry *before = entry_of(catalog, SLIP_KIND_KERNELS, "hopper"),
                   *after = entry_of(overlay, SLIP_KIND_KERNELS, "hopper");
  const double ratio = slip_entry_fact(before, "attention_backward_fraction")->value /
                       slip_entry_fact(before, "attention_fraction")->value;
  near(slip_entry_fact(after, "attention_backward_fraction")->value /
           slip_entry_fact(after, "attention_fraction")->value,
       ratio, 1e-3 * ratio);
}

static void the_files_are_an_overlay_with_the_fitted_values(void **state) {
  const char *files[] = {products_path, steps_path};
  slip_builtin_calibration *c = calibrate(files, 2);
  slip_error err = {.message = ""};
  assert_int_equal(c->stages[1].size.rows, 6);
  if (slip_builtin_calibration_write(c, out_path, false, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  slip_catalog *overlay = open_overlay();
  check_stage(&c->stages[0], overlay, "products.csv");
  check_stage(&c->stages[1], overlay, "steps.csv");
  check_kept(overlay);
  check_followers(overlay);
  /* The prior of training stacks takes what they have in common; intervals of every stack that trains change. */
  const slip_entry *prior = entry_of(overlay, SLIP_KIND_STACK, "prior-train");
  assert_non_null(strstr(slip_entry_fact(prior, "overlap_dp")->note, "what fitted stacks have in common"));
  assert_non_null(strstr(slip_entry_fact(prior, "spread_train")->note, "80% quantile"));
  assert_true(slip_entry_fact(prior, "spread_train")->value > 0);

  /* A file that is there stays; with `replace` it is written anew. */
  assert_int_equal(slip_builtin_calibration_write(c, out_path, false, &err), SLIP_BAD_INPUT);
  assert_non_null(strstr(err.message, "--force"));
  assert_int_equal(slip_builtin_calibration_write(c, out_path, true, &err), SLIP_OK);
  assert_int_equal(empty_out(), c->n_files);
  slip_catalog_free(overlay);
  slip_builtin_calibration_free(c);
}

/* Calibrating the outcome again with the same rows finds nearly the same constants: a fit starts from the catalog, but does not depend on it. */
static void a_second_calibration_changes_little(void **state) {
  const char *files[] = {products_path};
  slip_builtin_calibration *c = calibrate(files, 1), *again = NULL;
  assert_int_equal(slip_builtin_calibration_write(c, out_path, false, NULL), SLIP_OK);
  slip_catalog *overlay = open_overlay();
  const slip_builtin_job job = {.catalog = overlay, .date = "2026-11-29", .files = files, .n_files = 1};
  assert_int_equal(slip_calibrate_builtin(&job, NULL, NULL, NULL, &again, NULL), SLIP_OK);
  for (size_t i = 0; i < c->stages[0].n_constants; i++) {
    const slip_builtin_constant *first = &c->stages[0].constants[i], *second = &again->stages[0].constants[i];
    if (first->rows > 0)
      near(second->after, first->after, 0.02 * first->after);
  }
  assert_int_equal(slip_builtin_calibration_write(again, out_path, true, NULL), SLIP_OK);
  assert_true(empty_out() > 0);
  slip_builtin_calibration_free(again);
  slip_catalog_free(overlay);
  slip_builtin_calibration_free(c);
}

static void a_folder_that_cannot_be_made_is_an_error(void **state) {
  const char *files[] = {products_path};
  char path[PATH_BYTES + 64];
  slip_error err = {.message = ""};
  slip_builtin_calibration *c = calibrate(files, 1);
  (void)snprintf(path, sizeof path, "%s/below", products_path); /* a file is in the way */
  assert_int_equal(slip_builtin_calibration_write(c, path, false, &err), SLIP_IO_FAILURE);
  assert_non_null(strstr(err.message, path));
  slip_builtin_calibration_free(c);
}

/* ---- what is refused ---- */

static void tables_that_are_none_and_interruption_leave_nothing(void **state) {
  const char *none[] = {"/does/not/exist.csv"}, *files[] = {products_path};
  const volatile int stop = 1;
  slip_builtin_calibration *c = NULL;
  slip_builtin_job job = {.catalog = catalog, .date = "2026-11-28", .files = none, .n_files = 1};
  const size_t live = slip_arena_live_bytes();
  assert_int_equal(slip_calibrate_builtin(&job, NULL, NULL, NULL, &c, NULL), SLIP_IO_FAILURE);
  job.files = files;
  assert_int_equal(slip_calibrate_builtin(&job, &stop, NULL, NULL, &c, NULL), SLIP_INTERRUPTED);
  assert_null(c);
  assert_int_equal(slip_arena_live_bytes(), live);
}

/* Allocations fail one after another: an error each time, and nothing is left behind. */
static void lack_of_memory_is_an_error(void **state) {
  const char *files[] = {products_path};
  const slip_builtin_job job = {.catalog = catalog, .date = "2026-11-28", .files = files, .n_files = 1};
  if (omp_set_num_threads)
    omp_set_num_threads(1); /* the failure is of this thread */
  bool failed = false;
  for (long n = 1; n < 2000; n += n < 40 ? 1 : n / 8) {
    const size_t live = slip_arena_live_bytes();
    slip_builtin_calibration *c = NULL;
    slip_arena_fail_after(n);
    const slip_status status = slip_calibrate_builtin(&job, NULL, NULL, NULL, &c, NULL);
    slip_arena_fail_after(0);
    assert_true(status == SLIP_OK || status == SLIP_NO_MEMORY);
    failed = failed || status == SLIP_NO_MEMORY;
    slip_builtin_calibration_free(c);
    assert_int_equal(slip_arena_live_bytes(), live);
  }
  assert_true(failed);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(kernels_come_first_and_a_kind_without_rows_is_left_as_it_is),
      cmocka_unit_test(a_constant_lies_between_its_prior_and_its_rows),
      cmocka_unit_test(threads_change_nothing),
      cmocka_unit_test(the_files_are_an_overlay_with_the_fitted_values),
      cmocka_unit_test(a_second_calibration_changes_little),
      cmocka_unit_test(a_folder_that_cannot_be_made_is_an_error),
      cmocka_unit_test(tables_that_are_none_and_interruption_leave_nothing),
      cmocka_unit_test(lack_of_memory_is_an_error),
  };
  return cmocka_run_group_tests(tests, open_all, close_all);
}
