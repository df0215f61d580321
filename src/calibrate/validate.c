/* Validation: tables are parsed one after the other, then their rows are read and predicted on all threads, each row on its own, so that
 * the outcome is the same whatever their number. */
#include <slipstick/validate.h>

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"
#include "calibrate/case.h"
#include "calibrate/measured.h"
#include "calibrate/validation.h"

enum { MAX_FILE_BYTES = 256 << 20, MAX_REASON = 400 };

/* One row of a table, and what came of it. */
typedef struct task {
  const slip_csv *table;
  size_t index;
  slip_row_kind kind;
  int n; /* quantities shown */
  bool done;
  slip_checked shown[SLIP_MAX_QUANTITIES];
} task;

/* ---- which kind of table it is ---- */

/* The columns that make a table one of a kind: all of `all`, and one of `any`. The first kind that fits is taken. */
static const struct {
  slip_row_kind kind;
  const char *all[4], *any[4];
} signatures[] = {
    {SLIP_ROW_KERNEL, {"chip", "op", "value", "unit"}, {"op"}},
    {SLIP_ROW_SERVING,
     {"chip", "model", "phase"},
     {"tokens_per_s_per_chip_in", "tokens_per_s_per_chip_out", "tpot_ms", "ttft_ms"}},
    {SLIP_ROW_TRAINING, {"chip", "model", "seq_len"}, {"step_time_s", "tokens_per_s_per_chip", "tflops_per_chip"}},
};

slip_status slip_csv_kind(const slip_csv *table, slip_row_kind *kind, slip_error *err) {
  for (size_t s = 0; s < sizeof signatures / sizeof *signatures; s++) {
    bool all = true, any = false;
    for (size_t i = 0; i < 4; i++) {
      all = all && (!signatures[s].all[i] || slip_csv_has(table, signatures[s].all[i]));
      any = any || (signatures[s].any[i] && slip_csv_has(table, signatures[s].any[i]));
    }
    if (all && any) {
      *kind = signatures[s].kind;
      return SLIP_OK;
    }
  }
  return slip_fail_at(
      err, SLIP_BAD_INPUT, table->file, 1, 0, NULL,
      "no table of measurements: training needs the columns chip, model, seq_len and one of step_time_s, "
      "tokens_per_s_per_chip, tflops_per_chip; serving chip, model, phase and one of "
      "tokens_per_s_per_chip_in, tokens_per_s_per_chip_out, tpot_ms, ttft_ms; kernels chip, op, value, unit");
}

/* ---- one row ---- */

static const struct {
  const char *phase; /* NULL: the row's own */
  slip_status (*read)(const slip_case_reader *reader, const slip_row *row, slip_case *out, slip_error *err);
  slip_status (*predict)(const slip_case *c, const slip_stack *stack, const slip_kernels *kernels,
                         double predicted[SLIP_MAX_QUANTITIES], double spread[SLIP_MAX_QUANTITIES],
                         slip_error *err);
} kinds[SLIP_ROW_KINDS] = {
    [SLIP_ROW_TRAINING] = {"training", slip_read_train_case, slip_predict_train_case},
    [SLIP_ROW_SERVING] = {NULL, slip_read_serve_case, slip_predict_serve_case},
    [SLIP_ROW_KERNEL] = {"kernel", slip_read_kernel_case, slip_predict_kernel_case},
};

static const char *or_else(const char *text, const char *otherwise) {
  return text ? text : otherwise;
}

/* What every row shows, whatever the reader left out. */
static slip_status identify(const slip_case_reader *reader, const slip_row *row, slip_row_kind kind,
                            slip_checked *s, slip_error *err) {
  s->kind = kind;
  s->file = row->table->file;
  s->line = slip_row_line(row);
  s->id = or_else(s->id, slip_row_text(row, "id"));
  s->source = or_else(s->source, slip_row_text(row, "source"));
  s->family = or_else(s->family, slip_source_family(reader->arena, s->source));
  s->phase = or_else(s->phase, or_else(kinds[kind].phase, slip_row_text(row, "phase")));
  s->chip = or_else(s->chip, slip_row_text(row, "chip"));
  s->model = or_else(s->model, slip_row_text(row, kind == SLIP_ROW_KERNEL ? "op" : "model"));
  s->stack = or_else(s->stack, "");
  s->reason = or_else(s->reason, "");
  s->inferred = or_else(s->inferred, "");
  s->quantity = s->unit = "";
  s->measured = s->predicted = s->lo = s->hi = NAN;
  return s->family ? SLIP_OK : slip_fail(err, SLIP_NO_MEMORY, "out of memory");
}

/* "field: message", of what the model answered instead of a number. */
static slip_status refuse(slip_arena *arena, const slip_error *why, slip_checked *s, slip_error *err) {
  s->scored = false;
  s->reason = why->field[0] ? slip_arena_printf(arena, "%s: %.*s", why->field, MAX_REASON, why->message)
                            : slip_arena_printf(arena, "%.*s", MAX_REASON, why->message);
  return s->reason ? SLIP_OK : slip_fail(err, SLIP_NO_MEMORY, "out of memory");
}

static void skip(slip_checked *s, const char *reason) {
  s->scored = false;
  s->reason = reason;
}

static bool is_positive(double x) {
  return x > 0 && isfinite(x);
}

static void score(slip_checked *s, double predicted, double spread) {
  if (!s->scored)
    return;
  if (!is_positive(s->measured))
    skip(s, "the measured value is not a positive number");
  else if (!is_positive(predicted))
    skip(s, "the model has no value for this quantity");
  else {
    s->predicted = predicted;
    s->lo = predicted * exp(-spread);
    s->hi = predicted * exp(spread);
  }
}

static slip_status check_row(const slip_case_reader *reader, task *t, slip_error *err) {
  const slip_row row = {t->table, t->index};
  double predicted[SLIP_MAX_QUANTITIES] = {NAN, NAN, NAN, NAN}, spread[SLIP_MAX_QUANTITIES] = {0};
  slip_case c = {.kind = t->kind, .year = NAN};
  slip_status status = SLIP_OK;
  if (t->table->bad[t->index])
    skip(&c.shown, "the row has more cells than the header, or quotes in the wrong place");
  else
    SLIP_TRY(kinds[t->kind].read(reader, &row, &c, err));
  SLIP_TRY(identify(reader, &row, t->kind, &c.shown, err));
  if (c.shown.scored && c.n_quantities == 0)
    skip(&c.shown, "the row measures nothing that is predicted");
  if (c.shown.scored) {
    slip_error why = {0};
    status = kinds[t->kind].predict(&c, NULL, NULL, predicted, spread, &why);
    if (status == SLIP_NO_MEMORY)
      SLIP_FAIL(err, status, "out of memory");
    if (status != SLIP_OK)
      SLIP_TRY(refuse(reader->arena, &why, &c.shown, err));
  }
  t->n = c.n_quantities > 1 ? c.n_quantities : 1;
  for (int q = 0; q < t->n; q++) {
    slip_checked *s = &t->shown[q];
    *s = c.shown;
    if (q >= c.n_quantities)
      continue;
    s->quantity = or_else(c.quantities[q].name, "");
    s->unit = or_else(c.quantities[q].unit, "");
    s->measured = c.quantities[q].measured;
    score(s, predicted[q], spread[q]);
  }
  t->done = true;
cleanup:
  return status;
}

/* ---- all rows ---- */

typedef struct progress_call {
  void (*call)(double share, void *context);
  void *context;
} progress_call;

static slip_arena *add_arena(slip_validation *v) {
  slip_arena **larger = slip_memory_resize(v->arenas, (v->n_arenas + 1) * sizeof *v->arenas);
  if (!larger)
    return NULL;
  v->arenas = larger;
  slip_arena *arena = slip_arena_open();
  if (arena)
    v->arenas[v->n_arenas++] = arena;
  return arena;
}

/* SLIP_NO_MEMORY, or SLIP_INTERRUPTED when rows were left out. */
static slip_status check_rows(const slip_catalog *catalog, task *tasks, size_t n, const volatile int *stop,
                              progress_call progress, slip_validation *v, slip_error *err) {
  atomic_bool no_memory = false;
  atomic_size_t done = 0;
  size_t left_out = 0;
#pragma omp parallel default(shared)
  {
    slip_arena *arena = NULL;
#pragma omp critical(slip_validate)
    arena = add_arena(v);
    const slip_case_reader reader = {catalog, arena};
    if (!arena)
      atomic_store(&no_memory, true);
#pragma omp for schedule(dynamic, 4) reduction(+ : left_out)
    for (size_t i = 0; i < n; i++) {
      slip_error ignored;
      if ((stop && *stop) || atomic_load(&no_memory)) {
        left_out++;
        continue;
      }
      if (check_row(&reader, &tasks[i], &ignored) != SLIP_OK)
        atomic_store(&no_memory, true);
      const size_t so_far = atomic_fetch_add(&done, 1) + 1;
      if (progress.call && so_far % 64 == 0) {
#pragma omp critical(slip_validate)
        progress.call((double)so_far / (double)n, progress.context);
      }
    }
  }
  if (atomic_load(&no_memory))
    return slip_fail(err, SLIP_NO_MEMORY, "out of memory");
  return left_out == 0 ? SLIP_OK
                       : slip_fail(err, SLIP_INTERRUPTED, "stopped with %zu of %zu rows left", left_out, n);
}

static slip_status keep_rows(const task *tasks, size_t n, slip_validation *v, slip_error *err) {
  size_t count = 0;
  for (size_t i = 0; i < n; i++)
    count += tasks[i].done ? (size_t)tasks[i].n : 0;
  v->rows = slip_memory_resize(NULL, (count + 1) * sizeof *v->rows);
  if (!v->rows)
    return slip_fail(err, SLIP_NO_MEMORY, "out of memory");
  for (size_t i = 0; i < n; i++)
    for (int q = 0; q < tasks[i].n && tasks[i].done; q++)
      v->rows[v->n_rows++] = tasks[i].shown[q];
  return SLIP_OK;
}

/* ---- tables ---- */

static slip_status parse_builtin(slip_arena *arena, size_t i, slip_csv *out, slip_error *err) {
  const slip_embedded_file *file = &slip_measured_files[i];
  const char *name = slip_arena_printf(arena, "data/%s", file->path);
  if (!name)
    return slip_fail(err, SLIP_NO_MEMORY, "out of memory");
  return slip_csv_parse(arena, name, (const char *)file->bytes, file->size, out, err);
}

slip_status slip_csv_read(slip_arena *arena, const char *path, slip_csv *out, slip_error *err) {
  char *bytes = NULL;
  size_t n = 0;
  slip_status status = slip_read_file(path, MAX_FILE_BYTES, &bytes, &n, err);
  if (status == SLIP_OK)
    status = slip_csv_parse(arena, path, bytes, n, out, err);
  free(bytes);
  return status;
}

static slip_status parse_tables(const slip_validate_job *job, slip_arena *arena, slip_csv *tables,
                                slip_row_kind *table_kinds, size_t n, slip_error *err) {
  slip_status status = SLIP_OK;
  for (size_t i = 0; i < n && status == SLIP_OK; i++) {
    status = job->n_files ? slip_csv_read(arena, job->files[i], &tables[i], err)
                          : parse_builtin(arena, i, &tables[i], err);
    if (status == SLIP_OK)
      status = slip_csv_kind(&tables[i], &table_kinds[i], err);
  }
  return status;
}

slip_status slip_validate(const slip_validate_job *job, const volatile int *stop,
                          void (*progress)(double share, void *context), void *context, slip_validation **out,
                          slip_error *err) {
  slip_status status = SLIP_OK;
  const size_t n_tables = job->n_files ? job->n_files : slip_measured_file_count;
  task *tasks = NULL;
  size_t n_tasks = 0;
  slip_validation *v = slip_memory_resize(NULL, sizeof *v);
  if (!v)
    return slip_fail(err, SLIP_NO_MEMORY, "out of memory");
  *v = (slip_validation){0};
  slip_arena *arena = add_arena(v);
  slip_csv *tables = arena ? slip_arena_array(arena, n_tables, sizeof *tables) : NULL;
  slip_row_kind *table_kinds = arena ? slip_arena_array(arena, n_tables, sizeof *table_kinds) : NULL;
  if (!tables || !table_kinds)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  SLIP_TRY(parse_tables(job, arena, tables, table_kinds, n_tables, err));
  for (size_t i = 0; i < n_tables; i++)
    n_tasks += tables[i].n_rows;
  tasks = slip_memory_resize(NULL, (n_tasks + 1) * sizeof *tasks);
  if (!tasks)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  for (size_t i = 0, at = 0; i < n_tables; i++)
    for (size_t row = 0; row < tables[i].n_rows; row++)
      tasks[at++] = (task){.table = &tables[i], .index = row, .kind = table_kinds[i]};
  status = check_rows(job->catalog, tasks, n_tasks, stop, (progress_call){progress, context}, v, err);
  if (status == SLIP_OK || status == SLIP_INTERRUPTED) {
    const slip_status kept = keep_rows(tasks, n_tasks, v, err);
    status = kept == SLIP_OK ? status : kept;
  }
cleanup:
  free(tasks);
  if (status == SLIP_OK || status == SLIP_INTERRUPTED)
    *out = v;
  else
    slip_validation_free(v);
  return status;
}

void slip_validation_free(slip_validation *validation) {
  if (!validation)
    return;
  for (size_t i = 0; i < validation->n_arenas; i++)
    slip_arena_free(validation->arenas[i]);
  free(validation->arenas);
  free(validation->rows);
  free(validation);
}

size_t slip_validation_count(const slip_validation *validation) {
  return validation->n_rows;
}

const slip_checked *slip_validation_row(const slip_validation *validation, size_t i) {
  return i < validation->n_rows ? &validation->rows[i] : NULL;
}

double slip_checked_error(const slip_checked *row) {
  return row->predicted / row->measured - 1.0;
}
