/* Calibration of the catalog's own constants: kernels, then training and serving stacks; what changes, as files of the catalog. */
#include <slipstick/calibrate.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fail.h"
#include "base/save.h"
#include "base/text.h"
#include "calibrate/constants.h"
#include "calibrate/heldout.h"
#include "calibrate/rewrite.h"
#include "calibrate/validation.h"
#include "catalog/embedded.h"

#define FOLLOWS ", which is fitted; " /* in the note of one that follows */

enum { Q = SLIP_MAX_QUANTITIES, MAX_FILE_BYTES = 1 << 24 };

static const slip_row_kind order[SLIP_ROW_KINDS] = {SLIP_ROW_KERNEL, SLIP_ROW_TRAINING, SLIP_ROW_SERVING};

/* A fact of an entry that changes. */
typedef struct change {
  const slip_entry *entry;
  slip_new_fact fact;
} change;

typedef struct file {
  const slip_entry *entry;
  slip_text text;
} file;

typedef struct run {
  slip_workbench *bench;
  slip_arena *arena; /* of the answer */
  slip_builtin_calibration *out;
  change *changes;
  size_t n_changes, capacity;
  const char *date;
  slip_error *err;
} run;

typedef struct answer {
  slip_builtin_calibration shown;
  file *files;
} answer;

/* ---- what changes ---- */

/* The first fact beside which one of this name stands: of the same level, or of the entry itself. */
static const slip_fact *beside(const slip_entry *entry, const char *field) {
  const char *dot = strrchr(field, '.');
  const size_t prefix = dot ? (size_t)(dot - field) + 1 : 0;
  for (size_t i = 0; i < entry->n_facts; i++) {
    const char *other = strrchr(entry->facts[i].field, '.');
    const size_t length = other ? (size_t)(other - entry->facts[i].field) + 1 : 0;
    if (length == prefix && memcmp(entry->facts[i].field, field, prefix) == 0)
      return &entry->facts[i];
  }
  return NULL;
}

/* "slipstick calibrate, fitted to data/measured/kernels.csv": the tables that the rows of the kind come from. NULL when out of memory. */
static const char *source_of(const run *r, slip_row_kind kind) {
  const char *text = "slipstick calibrate, fitted to ", *last = NULL;
  for (size_t i = 0; i < r->bench->n_rows && text; i++) { /* rows of a table stand together */
    const slip_workbench_row *row = &r->bench->rows[i];
    if (row->kind != kind || row->table->file == last)
      continue;
    text = slip_arena_printf(r->arena, "%s%s%s", text, last ? ", " : "", row->table->file);
    last = row->table->file;
  }
  return text;
}

/* `shown` in the file's unit. An entry without facts of that place is left as it is. */
static slip_status add_change(run *r, const slip_entry *entry, const char *field, double shown, const char *note,
                              slip_row_kind kind) {
  const char *source = source_of(r, kind);
  const char *kept = slip_arena_strdup(r->arena, field);
  const slip_fact *old = slip_entry_fact(entry, field), *place = old ? old : beside(entry, field);
  if (!source || !note || !kept)
    return slip_no_memory(r->err);
  if (!place)
    return SLIP_OK;
  if (r->n_changes == r->capacity) {
    const size_t capacity = r->capacity ? 2 * r->capacity : 256;
    change *larger = slip_memory_resize(r->changes, capacity * sizeof *larger);
    if (!larger)
      return slip_no_memory(r->err);
    r->changes = larger;
    r->capacity = capacity;
  }
  r->changes[r->n_changes++] = (change){entry, {kept, place->line, !old, shown, source, note}};
  return SLIP_OK;
}

static int by_entry_and_line(const void *a, const void *b) {
  const change *left = a, *right = b;
  const int order_of_files = strcmp(left->entry->file, right->entry->file);
  if (order_of_files != 0)
    return order_of_files;
  if (left->fact.line != right->fact.line)
    return left->fact.line - right->fact.line;
  if (left->fact.is_new != right->fact.is_new)
    return left->fact.is_new ? -1 : 1;
  return strcmp(left->fact.field, right->fact.field);
}

/* ---- constants ---- */

static const char *fact_name(const run *r, const slip_agenda_owner *owner, const char *field) {
  return owner->level ? slip_arena_printf(r->arena, "%s.%s", owner->level, field) : field;
}

static const slip_fact *fact_of(const run *r, const slip_agenda_owner *owner, const char *field) {
  const char *name = fact_name(r, owner, field);
  const slip_entry *entry = slip_catalog_lookup(r->bench->catalog, owner->kind, owner->entry);
  return entry && name ? slip_entry_fact(entry, name) : NULL;
}

static const char *owner_text(slip_arena *arena, const slip_agenda_owner *o) {
  return o->level ? slip_arena_printf(arena, "%s/%s/%s", slip_kind_folder(o->kind), o->entry, o->level)
                  : slip_arena_printf(arena, "%s/%s", slip_kind_folder(o->kind), o->entry);
}

/* "stacks/a, stacks/b", all but `except`. */
static const char *owners_text(slip_arena *arena, const slip_agenda_constant *c, size_t except) {
  const char *text = "";
  for (size_t i = 0; i < c->n_owners && text; i++) {
    const char *one = i == except ? "" : owner_text(arena, &c->owners[i]);
    if (one && *one)
      text = slip_arena_printf(arena, "%s%s%s", text, *text ? ", " : "", one);
    else if (!one)
      text = NULL;
  }
  return text;
}

static double per_unit(const slip_agenda_field *f) {
  return f->field->divide / f->field->multiply;
}

static const char *note_of(const run *r, const slip_builtin_stage *stage, const slip_joint_constant *c, double sd,
                           size_t owner) {
  const slip_agenda_field *f = c->field;
  const char *others = owners_text(r->arena, c->shared, owner);
  if (!others)
    return NULL;
  const char *shared = *others ? slip_arena_printf(r->arena, "; one value with %s", others) : "";
  if (!shared)
    return NULL;
  if (c->moved == 0)
    return slip_arena_printf(r->arena,
                             "no row tells: what the others of its kind have in common, from a prior of %.4g%s",
                             c->shared->prior * per_unit(f), shared);
  return slip_arena_printf(
      r->arena,
      "%zu rows; prior %.4g, left to be known %.2f in %s; all rows of the kind in sample %.1f%% median, held out "
      "%.1f%%%s",
      c->moved, c->shared->prior * per_unit(f), sd, f->transform == SLIP_LOGIT ? "logit" : "ln",
      stage->after.median * 100, stage->folds.median * 100, shared);
}

/* `ratio`: how much the leader has moved. */
static slip_status change_followers(run *r, const slip_agenda *agenda, const slip_builtin_stage *stage,
                                    const slip_agenda_owner *owner, const char *leader, double ratio) {
  slip_status status = SLIP_OK;
  for (size_t i = 0; i < agenda->n_followers; i++) {
    const slip_agenda_follower *f = &agenda->followers[i];
    const slip_fact *fact = fact_of(r, owner, f->name);
    if (strcmp(f->leader, leader) != 0 || !fact)
      continue;
    const char *said = strstr(fact->note, FOLLOWS) ? strstr(fact->note, FOLLOWS) + strlen(FOLLOWS) : fact->note;
    SLIP_TRY(add_change(
        r, slip_catalog_lookup(r->bench->catalog, owner->kind, owner->entry), fact->field, fact->shown * ratio,
        slip_arena_printf(r->arena, "keeps its ratio to %s" FOLLOWS "%s", f->leader, said), stage->kind));
  }
cleanup:
  return status;
}

static slip_status change_constant(run *r, const slip_agenda *agenda, const slip_builtin_stage *stage,
                                   const slip_joint_constant *c, double sd) {
  slip_status status = SLIP_OK;
  for (size_t k = 0; k < c->shared->n_owners; k++) {
    const slip_agenda_owner *owner = &c->shared->owners[k];
    const slip_fact *fact = fact_of(r, owner, c->field->name);
    const slip_entry *entry = slip_catalog_lookup(r->bench->catalog, owner->kind, owner->entry);
    const char *name = fact_name(r, owner, c->field->name);
    if (!name)
      return slip_no_memory(r->err);
    SLIP_TRY(add_change(r, entry, name, c->now * per_unit(c->field), note_of(r, stage, c, sd, k), stage->kind));
    if (fact && fact->value > 0)
      SLIP_TRY(change_followers(r, agenda, stage, owner, c->field->name, c->now / fact->value));
  }
cleanup:
  return status;
}

static slip_status show_constants(run *r, const slip_agenda *agenda, slip_builtin_stage *stage, slip_joint *joint,
                                  const double *sd) {
  const slip_joint_constant *constants;
  const size_t n = slip_joint_constants(joint, &constants);
  slip_status status = SLIP_OK;
  slip_builtin_constant *shown = slip_arena_array(r->arena, n + 1, sizeof *shown);
  if (!shown)
    return slip_no_memory(r->err);
  stage->constants = shown;
  stage->n_constants = n;
  for (size_t i = 0; i < n; i++) {
    const slip_joint_constant *c = &constants[i];
    const slip_fact *fact = fact_of(r, &c->shared->owners[0], c->field->name);
    shown[i] = (slip_builtin_constant){.field = slip_arena_strdup(r->arena, c->field->name),
                                       .unit = c->field->field->unit,
                                       .shared = owners_text(r->arena, c->shared, SIZE_MAX),
                                       .prior = c->shared->prior * per_unit(c->field),
                                       .before = fact ? fact->shown : NAN,
                                       .after = c->now * per_unit(c->field),
                                       .posterior_sd = sd[i],
                                       .is_share = c->field->transform == SLIP_LOGIT,
                                       .rows = c->moved};
    if (!shown[i].field || !shown[i].shared)
      return slip_no_memory(r->err);
    SLIP_TRY(change_constant(r, agenda, stage, c, sd[i]));
  }
cleanup:
  return status;
}

/* ---- intervals, and the priors of kinds ---- */

/* Rows of the stack that say something of an interval of this class. */
static size_t rows_of(const slip_fit_rows *rows, const slip_entry *stack, slip_spread_class class) {
  size_t n = 0;
  for (size_t i = 0; i < rows->n; i++) {
    const slip_case *c = rows->rows[i].c;
    bool says = false;
    for (int q = 0; q < c->n_quantities; q++)
      says = says || slip_spread_class_of(c, q) == class;
    n += says && c->stack && strcmp(c->stack->entry.name, stack->name) == 0;
  }
  return n;
}

/* ln(predicted / measured) of all rows as if nothing were known of their stacks; NAN where there is none. */
static void residuals_under(const slip_stack *prior, const slip_fit_rows *rows, double *residuals) {
  for (size_t i = 0; i < rows->n; i++) {
    const slip_fit_row *row = &rows->rows[i];
    double predicted[Q];
    slip_error ignored;
    const bool known = slip_workbench_predict_under(row->c, prior, predicted, &ignored) == SLIP_OK;
    for (int q = 0; q < Q; q++)
      residuals[i * Q + (size_t)q] =
          known && row->used[q] ? log(predicted[q] / row->c->quantities[q].measured) : NAN;
  }
}

/* How the figures that tell of a stack's interval were predicted. */
typedef struct evidence {
  const double *residuals;
  uint64_t (*group)(const slip_case *c);
  const char *of;  /* NULL: those of any stack */
  const char *how; /* for the note */
} evidence;

/* Around an engine or a trainer are the scripts, the data and the machines of its source: what rows say of another source's they say when predicted
 * without their own. `under_prior`: residuals_under() of the stack, when it is a prior. */
static evidence evidence_of(const slip_held_out *held, const double *under_prior, const slip_stack *stack,
                            size_t rows) {
  if (stack->is_prior)
    return (evidence){under_prior, slip_stack_group, NULL, "predicted as if nothing were known of its stack"};
  if (rows == 0)
    return (evidence){held->residuals[SLIP_FAMILIES], slip_family_group, NULL,
                      "predicted without any row of its source family: no rows of this stack"};
  return (evidence){held->residuals[SLIP_FAMILIES], slip_family_group, stack->entry.name,
                    "predicted without any row of its source family"};
}

static slip_status change_spread(run *r, const slip_builtin_stage *stage, const slip_fit_rows *rows,
                                 const slip_held_out *held, const double *under_prior, const slip_stack *stack,
                                 slip_spread_class class, slip_grouped *scratch) {
  const char *field = slip_spread_field(stage->kind, class);
  const size_t n = rows_of(rows, &stack->entry, class);
  const evidence e = evidence_of(held, under_prior, stack, n);
  const slip_spread_rows from = {rows, e.residuals, e.group, NULL, scratch, !stack->is_prior};
  const double spread = slip_spread_from(&from, e.of, class);
  if (isnan(spread))
    return SLIP_OK;
  const char *note =
      e.of ? slip_arena_printf(r->arena,
                               "80%% quantile of |ln(predicted / measured)| over its %zu rows, each %s, and over "
                               "all %zu, which count as %g; %zu of all are in no fit",
                               n, e.how, rows->n, SLIP_POOL_ROWS, rows->n - rows->n_fit)
           : slip_arena_printf(
                 r->arena, "80%% quantile of |ln(predicted / measured)| over %zu rows, each %s; %zu are in no fit",
                 rows->n, e.how, rows->n - rows->n_fit);
  return add_change(r, &stack->entry, field, spread, note, stage->kind);
}

/* What the kind's groups have in common goes to the stack of which nothing is known. */
static slip_status change_prior(run *r, const slip_agenda *agenda, const slip_builtin_stage *stage,
                                const slip_joint *joint, const double *u, const slip_stack *stack) {
  slip_status status = SLIP_OK;
  for (size_t f = 0; f < agenda->n_fields; f++) {
    const slip_agenda_field *field = &agenda->fields[f];
    if (field->common_sd > 0)
      SLIP_TRY(
          add_change(r, &stack->entry, field->name, slip_joint_common(joint, u, f) * per_unit(field),
                     slip_arena_printf(r->arena, "what fitted stacks have in common, from a prior of %.4g (%s)",
                                       field->prior * per_unit(field), field->why),
                     stage->kind));
  }
cleanup:
  return status;
}

static slip_status change_stacks(run *r, const slip_agenda *agenda, const slip_builtin_stage *stage,
                                 const slip_joint *joint, const double *u, const slip_fit_rows *rows,
                                 const slip_held_out *held) {
  slip_status status = SLIP_OK;
  const bool train = stage->kind == SLIP_ROW_TRAINING;
  slip_grouped *scratch = slip_memory_resize(NULL, (rows->n * Q + 1) * sizeof *scratch);
  double *under_prior = slip_arena_array(r->arena, rows->n * Q + 1, sizeof *under_prior);
  if (!scratch || !under_prior) {
    status = slip_no_memory(r->err);
    goto cleanup;
  }
  for (size_t i = 0; i < slip_catalog_count(r->bench->catalog, SLIP_KIND_STACK); i++) {
    const slip_stack *stack =
        (const slip_stack *)(const void *)slip_catalog_entry(r->bench->catalog, SLIP_KIND_STACK, i);
    if (!(train ? stack->trains : stack->serves))
      continue;
    if (stack->is_prior)
      residuals_under(stack, rows, under_prior);
    for (int class = 0; class < slip_spread_classes(stage->kind); class ++)
      SLIP_TRY(change_spread(r, stage, rows, held, under_prior, stack, (slip_spread_class) class, scratch));
    if (stack->is_prior)
      SLIP_TRY(change_prior(r, agenda, stage, joint, u, stack));
  }
cleanup:
  free(scratch);
  return status;
}

/* ---- a stage ---- */

static slip_status errors_of(const slip_fit_rows *rows, const double *residuals, slip_fit_errors *out,
                             slip_error *err) {
  return slip_fit_errors_of(residuals, rows->n_fit * Q, out, err);
}

static slip_status run_stage(run *r, slip_builtin_stage *stage, const slip_fit_watch *watch) {
  slip_status status = SLIP_OK;
  slip_arena *arena = slip_arena_open();
  slip_agenda agenda;
  slip_fit_rows rows;
  slip_joint *joint = NULL;
  slip_held_out held;
  if (!arena)
    return slip_no_memory(r->err);
  if (stage->kind != SLIP_ROW_KERNEL)
    SLIP_TRY(slip_workbench_reread(r->bench, stage->kind, r->err));
  SLIP_TRY(slip_agenda_builtin(r->arena, stage->kind, &agenda, r->err));
  SLIP_TRY(slip_fit_rows_take(r->bench, stage->kind, arena, &rows, r->err));
  stage->agenda = agenda.file;
  stage->before = stage->after = stage->folds = stage->unseen = (slip_fit_errors){NAN, NAN};
  if (rows.n_fit == 0)
    goto cleanup;
  SLIP_TRY(slip_joint_open(arena, &agenda, r->bench->catalog, rows.rows, rows.n_fit, &joint, r->err));
  double *u = slip_arena_array(arena, slip_joint_unknowns(joint) + 1, sizeof *u);
  double *sd = slip_arena_array(arena, agenda.n_constants + 1, sizeof *sd);
  double *residuals = slip_arena_array(arena, rows.n_fit * Q + 1, sizeof *residuals);
  if (!u || !sd || !residuals) {
    status = slip_no_memory(r->err);
    goto cleanup;
  }
  SLIP_TRY(slip_joint_residuals(joint, residuals, r->err));
  SLIP_TRY(errors_of(&rows, residuals, &stage->before, r->err));
  SLIP_TRY(slip_joint_start(joint, u, r->err));
  SLIP_TRY(slip_hold_out(joint, &rows, stage->kind, arena, watch, u, &held, r->err));
  SLIP_TRY(slip_joint_residuals(joint, residuals, r->err));
  SLIP_TRY(errors_of(&rows, residuals, &stage->after, r->err));
  SLIP_TRY(errors_of(&rows, held.residuals[SLIP_FOLDS], &stage->folds, r->err));
  SLIP_TRY(errors_of(&rows, held.residuals[SLIP_FAMILIES], &stage->unseen, r->err));
  const slip_joint_job all = {.stop = watch->stop};
  stage->size = held.size;
  SLIP_TRY(slip_joint_posterior(joint, &all, residuals, sd, &stage->size.effective, r->err));
  SLIP_TRY(show_constants(r, &agenda, stage, joint, sd));
  if (stage->kind != SLIP_ROW_KERNEL)
    SLIP_TRY(change_stacks(r, &agenda, stage, joint, u, &rows, &held));
cleanup:
  slip_arena_free(arena);
  return status;
}

/* ---- files ---- */

static slip_status read_source(const slip_entry *entry, char **bytes, size_t *n, slip_error *err) {
  const char *below = strncmp(entry->file, "data/", 5) == 0 ? entry->file + 5 : "";
  for (size_t i = 0; i < slip_embedded_file_count; i++)
    if (strcmp(slip_embedded_files[i].path, below) == 0) {
      *n = slip_embedded_files[i].size;
      *bytes = slip_memory_resize(NULL, *n + 1);
      if (!*bytes)
        return slip_no_memory(err);
      memcpy(*bytes, slip_embedded_files[i].bytes, *n);
      return SLIP_OK;
    }
  return slip_read_file(entry->file, MAX_FILE_BYTES, bytes, n, err);
}

static slip_status make_file(const run *r, const change *changes, size_t n, file *out) {
  char *bytes = NULL;
  size_t size = 0;
  slip_status status = SLIP_OK;
  slip_new_fact *facts = slip_arena_array(r->arena, n, sizeof *facts);
  if (!facts)
    return slip_no_memory(r->err);
  for (size_t i = 0; i < n; i++)
    facts[i] = changes[i].fact;
  out->entry = changes[0].entry;
  SLIP_TRY(read_source(out->entry, &bytes, &size, r->err));
  SLIP_TRY(slip_rewrite_facts(out->entry->file, bytes, size, facts, n, r->date, &out->text, r->err));
cleanup:
  free(bytes);
  return status;
}

static slip_status make_files(run *r, answer *a) {
  slip_status status = SLIP_OK;
  qsort(r->changes, r->n_changes, sizeof *r->changes, by_entry_and_line);
  a->files = slip_arena_array(r->arena, r->n_changes + 1, sizeof *a->files);
  if (!a->files)
    return slip_no_memory(r->err);
  for (size_t i = 0, end; i < r->n_changes; i = end) {
    for (end = i + 1; end < r->n_changes && strcmp(r->changes[end].entry->file, r->changes[i].entry->file) == 0;)
      end++;
    SLIP_TRY(make_file(r, &r->changes[i], end - i, &a->files[a->shown.n_files++]));
  }
cleanup:
  return status;
}

static slip_status make_folder(const char *path, slip_error *err) {
  if (mkdir(path, 0777) != 0 && errno != EEXIST)
    return slip_fail(err, SLIP_IO_FAILURE, "%s cannot be made: %s", path, strerror(errno));
  return SLIP_OK;
}

slip_status slip_builtin_calibration_write(const slip_builtin_calibration *calibration, const char *folder,
                                           bool replace, slip_error *err) {
  const answer *a = (const answer *)(const void *)calibration;
  slip_status status = SLIP_OK;
  SLIP_TRY(make_folder(folder, err));
  for (size_t i = 0; i < calibration->n_files; i++) {
    char path[SLIP_STACK_PATH_SIZE];
    const slip_entry *entry = a->files[i].entry;
    int length = 0;
    slip_append(path, sizeof path, &length, "%s/%s", folder, slip_kind_folder(entry->kind));
    if (length < SLIP_STACK_PATH_SIZE)
      SLIP_TRY(make_folder(path, err));
    slip_append(path, sizeof path, &length, "/%s.yaml", entry->name);
    if (length >= SLIP_STACK_PATH_SIZE)
      SLIP_FAIL(err, SLIP_BAD_INPUT, "the path is longer than %d bytes", SLIP_STACK_PATH_SIZE - 1);
    SLIP_TRY(slip_save_file(path, a->files[i].text.data, a->files[i].text.length, replace, err));
  }
cleanup:
  return status;
}

/* ---- all of it ---- */

slip_status slip_calibrate_builtin(const slip_builtin_job *job, const volatile int *stop,
                                   void (*progress)(double share, void *context), void *context,
                                   slip_builtin_calibration **out, slip_error *err) {
  static const double ends[SLIP_ROW_KINDS + 1] = {0, 0.02, 0.2, 1}; /* shares of the time that the kinds take */
  slip_status status = SLIP_OK;
  run r = {.arena = slip_arena_open(), .date = job->date, .err = err};
  answer *a = r.arena ? slip_arena_alloc(r.arena, sizeof *a) : NULL;
  if (!a)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  a->shown.memory = r.arena;
  r.out = &a->shown;
  SLIP_TRY(
      slip_workbench_open(job->catalog, true, job->files, job->n_files, stop, (slip_progress){0}, &r.bench, err));
  for (int i = 0; i < SLIP_ROW_KINDS; i++) {
    const slip_fit_watch watch = {stop, {progress, context}, ends[i], ends[i + 1]};
    a->shown.stages[i].kind = order[i];
    SLIP_TRY(run_stage(&r, &a->shown.stages[i], &watch));
  }
  SLIP_TRY(make_files(&r, a));
  for (size_t i = 0; i < a->shown.n_files;
       i++) { /* entries of the caller's catalog, which outlives the workbench */
    const slip_entry *entry = a->files[i].entry;
    a->files[i].entry = slip_catalog_lookup(job->catalog, entry->kind, entry->name);
  }
  *out = &a->shown;
cleanup:
  slip_workbench_free(r.bench);
  free(r.changes);
  if (status != SLIP_OK && a)
    slip_builtin_calibration_free(&a->shown);
  else if (status != SLIP_OK)
    slip_arena_free(r.arena);
  return status;
}

void slip_builtin_calibration_free(slip_builtin_calibration *calibration) {
  if (!calibration)
    return;
  answer *a = (answer *)(void *)calibration;
  for (size_t i = 0; a->files && i < calibration->n_files; i++)
    slip_text_free(&a->files[i].text);
  slip_arena_free(calibration->memory);
}
