/* Rows of a sweep in a database: gone on with, refused where they are of something else, read and not written by queries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the headers above */
#include <cmocka.h>

#include <slipstick/store.h>

static slip_catalog *catalog;
static char path[64];

#define SWEEP                                                                       \
  "job: train\nmodel: llama-3.1-8b\nsystem: [hgx-h100, hgx-h200]\nchips: [8, 16]\n" \
  "batch: 64\nplan: [tp=1, tp=8]\nset:\n  - {chip: h100, field: memory_tbs, times: [1, 2]}\n"

static int open_catalog(void **state) {
  slip_error err;
  return slip_catalog_open(NULL, 0, &catalog, &err) == SLIP_OK ? 0 : -1;
}

static int close_catalog(void **state) {
  slip_catalog_free(catalog);
  return 0;
}

static int fresh_path(void **state) {
  strcpy(path, "/tmp/slipstick-runs-XXXXXX");
  int file = mkstemp(path);
  return file >= 0 && close(file) == 0 && unlink(path) == 0 ? 0 : -1;
}

static int remove_path(void **state) {
  unlink(path);
  return 0;
}

static slip_grid *sweep_of(const char *text) {
  slip_grid *sweep = NULL;
  slip_error err = {.message = ""};
  if (slip_grid_parse(catalog, "test.yaml", text, strlen(text), &sweep, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  return sweep;
}

static slip_runs *runs_of(const slip_grid *sweep) {
  slip_runs *runs = NULL;
  slip_error err = {.message = ""};
  if (slip_runs_open(path, sweep, "1", &runs, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  return runs;
}

typedef struct text {
  char bytes[20000];
  size_t length;
} text;

static bool ignore_names(int n, const char *const *names, void *context) {
  return true;
}

static bool append_row(const slip_query_row *row, void *context) {
  text *t = context;
  for (int i = 0; i < row->n; i++) {
    const slip_cell *c = &row->cells[i];
    int left = (int)(sizeof t->bytes - t->length);
    t->length += (size_t)(c->type == SLIP_CELL_INTEGER
                              ? snprintf(t->bytes + t->length, (size_t)left, "%lld|", (long long)c->integer)
                          : c->type == SLIP_CELL_REAL
                              ? snprintf(t->bytes + t->length, (size_t)left, "%.17g|", c->real)
                              : snprintf(t->bytes + t->length, (size_t)left, "%s|", c->type ? c->text : "-"));
    assert_true(t->length < sizeof t->bytes);
  }
  return true;
}

static text query(const char *sql) {
  text t = {.length = 0};
  slip_error err = {.message = ""};
  if (slip_query(path, sql, NULL, ignore_names, append_row, &t, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  return t;
}

/* Eight of the sixteen points committed, four more not: after closing, the eight are there; going on gives the whole. */
static void what_was_committed_stays_and_the_rest_is_computed(void **state) {
  slip_grid *sweep = sweep_of(SWEEP);
  slip_cell cells[SLIP_MAX_COLUMNS];
  slip_error err;
  assert_int_equal(slip_grid_points(sweep), 16);
  slip_runs *runs = runs_of(sweep);
  for (int64_t point = 0; point < 12; point++) {
    assert_int_equal(slip_grid_point(sweep, point * 5 % 16, NULL, cells, &err), SLIP_OK);
    assert_int_equal(slip_runs_add(runs, cells, &err), SLIP_OK);
    assert_int_equal(slip_runs_add(runs, cells, &err), SLIP_OK); /* twice is once */
    if (point == 7)
      assert_int_equal(slip_runs_commit(runs, &err), SLIP_OK);
  }
  assert_int_equal(slip_runs_count(runs), 12);
  slip_runs_close(runs);
  runs = runs_of(sweep);
  assert_int_equal(slip_runs_count(runs), 8);
  assert_true(slip_runs_has(runs, 35 % 16) && !slip_runs_has(runs, 40 % 16));
  assert_int_equal(slip_grid_run(sweep, runs, NULL, &err), SLIP_OK);
  assert_int_equal(slip_runs_count(runs), 16);
  slip_runs_close(runs);
  text all = query("SELECT * FROM runs");
  unlink(path);
  runs = runs_of(sweep);
  assert_int_equal(slip_grid_run(sweep, runs, NULL, &err), SLIP_OK);
  slip_runs_close(runs);
  text whole = query("SELECT * FROM runs");
  assert_string_equal(all.bytes, whole.bytes);
  slip_grid_free(sweep);
}

/* The step time of point (H100, 8 chips, tp 8, memory x 2) is that of the estimate on an H100 whose memory is twice as fast. */
static void a_row_is_the_estimate_on_the_moved_catalog(void **state) {
  slip_grid *sweep = sweep_of("job: train\nmodel: llama-3.1-8b\nsystem: hgx-h100\nchips: 8\nbatch: 64\nplan: tp=8\n"
                              "set:\n  - {chip: h100, field: memory_tbs, times: 2}\n"
                              "  - {system: hgx-h100, field: scale-up.gbs, to: 100}\n");
  slip_cell cells[SLIP_MAX_COLUMNS];
  const slip_column *columns;
  slip_error err;
  assert_int_equal(slip_grid_point(sweep, 0, NULL, cells, &err), SLIP_OK);
  slip_train_job job = slip_train_job_default();
  assert_int_equal(slip_catalog_model(catalog, "llama-3.1-8b", &job.model, &err), SLIP_OK);
  assert_int_equal(slip_catalog_system(catalog, "hgx-h100", &job.system, &err), SLIP_OK);
  slip_chip chip = *job.system->chip;
  slip_system system = *job.system;
  job.stack = slip_catalog_newest_stack(catalog, &chip, true);
  chip.memory_bytes_per_s *= 2;
  system.chip = &chip;
  for (int i = 0; i < system.n_levels; i++)
    if (strcmp(system.levels[i].name, "scale-up") == 0)
      system.levels[i].bytes_per_s = 100e9;
  job.system = &system, job.chips = 8, job.batch = 64;
  slip_train *train = NULL;
  slip_train_result result;
  slip_plan plan;
  assert_int_equal(slip_train_open(&job, &train, &err), SLIP_OK);
  assert_int_equal(slip_plan_parse("tp=8", &plan, &err), SLIP_OK);
  assert_int_equal(slip_train_estimate(train, &plan, &result, &err), SLIP_OK);
  int n = slip_grid_columns(sweep, &columns), seen = 0;
  for (int i = 0; i < n; i++)
    if (strcmp(columns[i].name, "step_s") == 0) {
      assert_true(cells[i].real == result.step_s);
      seen = 1;
    }
  assert_true(seen);
  slip_train_free(train);
  slip_grid_free(sweep);
}

static void another_sweep_version_or_file_is_refused(void **state) {
  slip_grid *sweep = sweep_of(SWEEP), *other = sweep_of(SWEEP "# another\n");
  slip_runs *runs = runs_of(sweep), *none = NULL;
  slip_error err = {.message = ""};
  slip_runs_close(runs);
  assert_int_equal(slip_runs_open(path, other, "1", &none, &err), SLIP_BAD_INPUT);
  assert_non_null(strstr(err.message, "another sweep"));
  assert_int_equal(slip_runs_open(path, sweep, "2", &none, &err), SLIP_BAD_INPUT);
  assert_non_null(strstr(err.message, "another version"));
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  for (int i = 0; i < 200; i++)
    fputs("this is no database, ", file);
  fclose(file);
  assert_int_equal(slip_runs_open(path, sweep, "1", &none, &err), SLIP_BAD_INPUT);
  assert_non_null(strstr(err.message, "no SQLite database"));
  slip_grid_free(sweep);
  slip_grid_free(other);
}

static void a_query_only_reads(void **state) {
  static const char *const refused[] = {"DELETE FROM runs",
                                        "UPDATE meta SET value = ''",
                                        "DROP TABLE runs",
                                        "CREATE TABLE t (x)",
                                        "ATTACH '/tmp/slipstick-other.db' AS other",
                                        "PRAGMA journal_mode = WAL",
                                        "PRAGMA query_only = OFF",
                                        "VACUUM",
                                        "SELECT 1; DELETE FROM runs",
                                        "not SQL",
                                        ""};
  slip_grid *sweep = sweep_of(SWEEP);
  slip_runs *runs = runs_of(sweep);
  slip_error err;
  assert_int_equal(slip_grid_run(sweep, runs, NULL, &err), SLIP_OK);
  slip_runs_close(runs);
  text before = query("SELECT * FROM runs"), t = {.length = 0};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    slip_error why = {.message = ""};
    assert_int_equal(slip_query(path, refused[i], NULL, ignore_names, append_row, &t, &why), SLIP_BAD_INPUT);
    assert_true(why.message[0] != '\0');
  }
  text after = query("SELECT * FROM runs");
  assert_string_equal(before.bytes, after.bytes);
  text count = query(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT count(*) FROM n, runs");
  assert_string_equal(count.bytes, "48|");
  slip_grid_free(sweep);
}

static void a_stopped_query_ends(void **state) {
  slip_grid *sweep = sweep_of(SWEEP);
  slip_runs_close(runs_of(sweep));
  volatile int stop = 1;
  text t = {.length = 0};
  slip_error err;
  assert_int_equal(
      slip_query(path, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
                 &stop, ignore_names, append_row, &t, &err),
      SLIP_INTERRUPTED);
  slip_grid_free(sweep);
}

static void what_is_wrong_with_a_sweep_is_said_where_it_is(void **state) {
  static const struct {
    const char *text, *says;
    int line;
  } cases[] = {
      {"model: x\n", "job: train", 1},
      {"job: train\nmodel: llama-3.1-8b\nsystem: hgx-h100\n", "needs `chips`", 1},
      {"job: both\n", "is not train or serve", 1},
      {"job: train\nmodel: llama-9\nsystem: hgx-h100\nchips: 8\n", "llama-9", 2},
      {"job: train\nmodel: llama-3.1-8b\nsystem: hgx-h100\nchips: [8, 0]\n", "from 1", 4},
      {"job: train\nmodel: llama-3.1-8b\nsystem: hgx-h100\nchips: 8\nisl: 5\n", "is no key of a train job", 5},
      {"job: train\nmodel: llama-3.1-8b\nsystem: hgx-h100\nchips: 8\nspeed: 5\n", "is no key of a sweep", 5},
      {"job: train\nmodel: llama-3.1-8b\nsystem: hgx-h100\nchips: 8\nplan: tp=x\n", "is not a whole number", 5},
      {"job: train\nmodel: llama-3.1-8b\nsystem: hgx-h100\nchips: 8\nset:\n  - {chip: h100, field: colour, to: "
       "1}\n",
       "colour", 6},
      {"job: train\nmodel: llama-3.1-8b\nsystem: hgx-h100\nchips: 8\nset:\n  - {chip: h1000, field: memory_tbs, "
       "to: 1}\n",
       "h1000", 6},
      {"job: train\nmodel: llama-3.1-8b\nsystem: hgx-h100\nchips: 8\nset:\n  - {chip: h100, field: memory_tbs}\n",
       "`to` or `times`", 6},
      {"job: train\nmodel: llama-3.1-8b\nsystem: hgx-h100\nchips: 8\nset:\n  - {chip: h100, field: ranks, to: 2}\n",
       "no number", 6},
      {"job: train\nmodel: llama-3.1-8b\nsystem: hgx-h100\nchips: 8\nset:\n  - {chip: h100, field: memory_tbs, "
       "times: 1e9}\n",
       "it is from", 6},
      {"job: serve\nmodel: llama-3.1-8b\nsystem: hgx-h100\ntpot: soon\n", "expected a time", 4},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    slip_grid *sweep = NULL;
    slip_error err = {.message = ""};
    assert_int_equal(slip_grid_parse(catalog, "test.yaml", cases[i].text, strlen(cases[i].text), &sweep, &err),
                     SLIP_BAD_INPUT);
    if (!strstr(err.message, cases[i].says) || err.line != cases[i].line)
      fail_msg("case %zu: line %d: %s", i, err.line, err.message);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(what_was_committed_stays_and_the_rest_is_computed, fresh_path, remove_path),
      cmocka_unit_test(a_row_is_the_estimate_on_the_moved_catalog),
      cmocka_unit_test_setup_teardown(another_sweep_version_or_file_is_refused, fresh_path, remove_path),
      cmocka_unit_test_setup_teardown(a_query_only_reads, fresh_path, remove_path),
      cmocka_unit_test_setup_teardown(a_stopped_query_ends, fresh_path, remove_path),
      cmocka_unit_test(what_is_wrong_with_a_sweep_is_said_where_it_is),
  };
  return cmocka_run_group_tests(tests, open_catalog, close_catalog);
}
