/* Reading tables of measurements into cases, on all threads; each row on its own, so that the outcome is the same whatever their
 * number. */
#include "calibrate/workbench.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"
#include "calibrate/measured.h"
#include "calibrate/validation.h"

enum { MAX_FILE_BYTES = 256 << 20 };

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
  s->vendor = or_else(s->vendor, "");
  s->reason = or_else(s->reason, "");
  s->inferred = or_else(s->inferred, "");
  s->quantity = s->unit = "";
  s->measured = s->predicted = s->lo = s->hi = NAN;
  return s->family ? SLIP_OK : slip_no_memory(err);
}

static slip_status read_row(const slip_case_reader *reader, slip_workbench_row *r, slip_error *err) {
  const slip_row row = {r->table, r->index};
  slip_status status = SLIP_OK;
  r->c = (slip_case){.kind = r->kind, .year = NAN};
  if (r->table->bad[r->index])
    r->c.shown.reason = "the row has more cells than the header, or quotes in the wrong place";
  else
    SLIP_TRY(kinds[r->kind].read(reader, &row, &r->c, err));
  r->c.shown.vendor = r->c.chip ? r->c.chip->entry.vendor : "";
  SLIP_TRY(identify(reader, &row, r->kind, &r->c.shown, err));
  if (r->c.shown.scored && r->c.n_quantities == 0) {
    r->c.shown.scored = false;
    r->c.shown.reason = "the row measures nothing that is predicted";
  }
  r->read = true;
cleanup:
  return status;
}

slip_status slip_workbench_predict(const slip_case *c, double predicted[SLIP_MAX_QUANTITIES],
                                   double spread[SLIP_MAX_QUANTITIES], slip_error *err) {
  return kinds[c->kind].predict(c, NULL, NULL, predicted, spread, err);
}

slip_status slip_workbench_predict_under(const slip_case *c, const slip_stack *stack,
                                         double predicted[SLIP_MAX_QUANTITIES], slip_error *err) {
  return kinds[c->kind].predict(c, stack, NULL, predicted, NULL, err);
}

/* ---- all rows ---- */

slip_arena *slip_workbench_add_arena(slip_workbench *b) {
  slip_arena **larger = slip_memory_resize(b->arenas, (b->n_arenas + 1) * sizeof *b->arenas);
  if (!larger)
    return NULL;
  b->arenas = larger;
  slip_arena *arena = slip_arena_open();
  if (arena)
    b->arenas[b->n_arenas++] = arena;
  return arena;
}

/* Rows of a kind that are to be read; SLIP_ROW_KINDS: all. SLIP_NO_MEMORY, or SLIP_INTERRUPTED when rows were left out. */
static slip_status read_rows(slip_workbench *b, slip_row_kind kind, const volatile int *stop,
                             slip_progress progress, slip_error *err) {
  atomic_bool no_memory = false;
  atomic_size_t done = 0;
  size_t left_out = 0;
  const size_t n = b->n_rows + b->n_aside;
#pragma omp parallel default(shared)
  {
    slip_arena *arena = NULL;
#pragma omp critical(slip_workbench)
    arena = slip_workbench_add_arena(b);
    const slip_case_reader reader = {b->catalog, arena};
    if (!arena)
      atomic_store(&no_memory, true);
#pragma omp for schedule(dynamic, 4) reduction(+ : left_out)
    for (size_t i = 0; i < n; i++) {
      slip_error ignored;
      if (kind != SLIP_ROW_KINDS && b->rows[i].kind != kind)
        continue;
      if ((stop && *stop) || atomic_load(&no_memory)) {
        left_out++;
        continue;
      }
      if (read_row(&reader, &b->rows[i], &ignored) != SLIP_OK)
        atomic_store(&no_memory, true);
      const size_t so_far = atomic_fetch_add(&done, 1) + 1;
      if (progress.call && so_far % 64 == 0) {
#pragma omp critical(slip_workbench)
        progress.call((double)so_far / (double)n, progress.context);
      }
    }
  }
  if (atomic_load(&no_memory))
    return slip_no_memory(err);
  return left_out == 0 ? SLIP_OK
                       : slip_fail(err, SLIP_INTERRUPTED, "stopped with %zu of %zu rows left", left_out, n);
}

/* ---- tables ---- */

static slip_status parse_builtin(slip_arena *arena, size_t i, slip_csv *out, slip_error *err) {
  const slip_embedded_file *file =
      i < slip_measured_file_count ? &slip_measured_files[i] : &slip_unseen_files[i - slip_measured_file_count];
  const char *name = slip_arena_printf(arena, "data/%s", file->path);
  if (!name)
    return slip_no_memory(err);
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

static slip_status parse_tables(const char *const *files, size_t n_files, slip_arena *arena, slip_csv *tables,
                                slip_row_kind *table_kinds, size_t n, slip_error *err) {
  slip_status status = SLIP_OK;
  for (size_t i = 0; i < n && status == SLIP_OK; i++) {
    status = n_files ? slip_csv_read(arena, files[i], &tables[i], err) : parse_builtin(arena, i, &tables[i], err);
    if (status == SLIP_OK)
      status = slip_csv_kind(&tables[i], &table_kinds[i], err);
  }
  return status;
}

/* `aside`: the built-in tables of data/unseen as well. */
static slip_status open_tables(slip_workbench *b, const char *const *files, size_t n_files, bool aside,
                               slip_error *err) {
  slip_status status = SLIP_OK;
  const size_t n_asked = n_files ? n_files : slip_measured_file_count,
               n_tables = n_asked + (aside ? slip_unseen_file_count : 0);
  slip_arena *arena = slip_workbench_add_arena(b);
  slip_csv *tables = arena ? slip_arena_array(arena, n_tables, sizeof *tables) : NULL;
  slip_row_kind *table_kinds = arena ? slip_arena_array(arena, n_tables, sizeof *table_kinds) : NULL;
  if (!tables || !table_kinds)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  SLIP_TRY(parse_tables(files, n_files, arena, tables, table_kinds, n_tables, err));
  for (size_t i = 0; i < n_tables; i++)
    *(i < n_asked ? &b->n_rows : &b->n_aside) += tables[i].n_rows;
  b->rows = slip_memory_resize(NULL, (b->n_rows + b->n_aside + 1) * sizeof *b->rows);
  if (!b->rows)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  for (size_t i = 0, at = 0; i < n_tables; i++)
    for (size_t row = 0; row < tables[i].n_rows; row++)
      b->rows[at++] = (slip_workbench_row){.table = &tables[i], .index = row, .kind = table_kinds[i]};
cleanup:
  return status;
}

slip_status slip_workbench_open(const slip_catalog *catalog, bool copy, const char *const *files, size_t n_files,
                                const volatile int *stop, slip_progress progress, slip_workbench **out,
                                slip_error *err) {
  slip_status status = SLIP_OK;
  slip_workbench *b = slip_memory_resize(NULL, sizeof *b);
  if (!b)
    return slip_no_memory(err);
  *b = (slip_workbench){.owns_catalog = copy};
  if (copy)
    SLIP_TRY(slip_catalog_copy(catalog, &b->catalog, err));
  else
    memcpy(&b->catalog, &catalog, sizeof catalog); /* loses its const, and is not moved: see the header */
  SLIP_TRY(open_tables(b, files, n_files, copy && n_files == 0, err));
  status = read_rows(b, SLIP_ROW_KINDS, stop, progress, err);
cleanup:
  if (status == SLIP_OK || status == SLIP_INTERRUPTED)
    *out = b;
  else
    slip_workbench_free(b);
  return status;
}

void slip_workbench_free(slip_workbench *bench) {
  if (!bench)
    return;
  for (size_t i = 0; i < bench->n_arenas; i++)
    slip_arena_free(bench->arenas[i]);
  free(bench->arenas);
  free(bench->rows);
  if (bench->owns_catalog)
    slip_catalog_free(bench->catalog);
  free(bench);
}

slip_status slip_workbench_reread(slip_workbench *bench, slip_row_kind kind, slip_error *err) {
  return read_rows(bench, kind, NULL, (slip_progress){0}, err);
}

slip_arena *slip_workbench_arena(slip_workbench *bench) {
  return bench->arenas[0];
}
