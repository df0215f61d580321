/* One point of a sweep: its digits make a job on a catalog with moved numbers; the answer becomes a row. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"
#include "scenario/sweep_internal.h"

static const char default_region[] = "us-average";

/* ---- the row ---- */

typedef struct row {
  const slip_grid *sweep;
  slip_cell *cells;
} row;

static slip_cell *cell_of(const row *r, const char *name) {
  for (int i = 0; i < r->sweep->n_columns; i++)
    if (strcmp(r->sweep->columns[i].name, name) == 0)
      return &r->cells[i];
  return NULL;
}

static void set_text(slip_cell *cell, const char *text) {
  int length = 0;
  cell->type = SLIP_CELL_TEXT;
  slip_append(cell->text, sizeof cell->text, &length, "%s", text);
}

static void put_text(const row *r, const char *name, const char *text) {
  slip_cell *cell = cell_of(r, name);
  if (cell)
    set_text(cell, text);
}

static void put_real(const row *r, const char *name, double value) {
  slip_cell *cell = cell_of(r, name);
  if (cell && isfinite(value))
    *cell = (slip_cell){.type = SLIP_CELL_REAL, .real = value};
}

static void put_integer(const row *r, const char *name, int64_t value) {
  slip_cell *cell = cell_of(r, name);
  if (cell)
    *cell = (slip_cell){.type = SLIP_CELL_INTEGER, .integer = value};
}

/* ---- the job ---- */

static void take(const slip_grid_axis *axis, int64_t digit, slip_grid_job *job) {
  char *member = (char *)job + axis->field->offset;
  switch (axis->field->kind) {
  case SLIP_AXIS_TEXT:
    if (axis->texts)
      *(const char **)(void *)member = axis->texts[digit];
    return;
  case SLIP_AXIS_NUMBER:
    *(double *)(void *)member = axis->numbers[digit];
    return;
  default:
    *(int64_t *)(void *)member = (int64_t)axis->numbers[digit];
  }
}

/* The point's digits, the last axis fastest: into the row and the job. */
static void take_digits(const row *r, int64_t point, slip_grid_job *job, int64_t digits[SLIP_MAX_AXES]) {
  const slip_grid *sweep = r->sweep;
  for (int i = sweep->n_axes - 1; i >= 0; i--) {
    const slip_grid_axis *axis = &sweep->axes[i];
    const int64_t digit = digits[i] = point % axis->count;
    slip_cell *cell = &r->cells[1 + i];
    point /= axis->count;
    if (axis->texts)
      set_text(cell, axis->texts[digit]);
    else if (sweep->columns[1 + i].type == SLIP_CELL_INTEGER)
      *cell = (slip_cell){.type = SLIP_CELL_INTEGER, .integer = (int64_t)axis->numbers[digit]};
    else
      *cell = (slip_cell){.type = SLIP_CELL_REAL, .real = axis->numbers[digit]};
    if (axis->field)
      take(axis, digit, job);
  }
}

/* ---- entries with moved numbers ---- */

/* What one point runs on: copies of the catalog's entries, with this point's numbers. */
typedef struct world {
  const slip_grid *sweep;
  const int64_t *digits;
  slip_system system[2]; /* the job's; that of decode */
  slip_chip chip[2];
  slip_kernels kernels[2];
  slip_stack stack[2];
  slip_region region;
} world;

/* All that the sweep moves of one entry. */
static slip_status move(const world *w, slip_entry *entry, slip_error *err) {
  for (int i = 0; i < w->sweep->n_axes; i++) {
    const slip_grid_axis *axis = &w->sweep->axes[i];
    if (axis->field || axis->kind != entry->kind || strcmp(axis->entry, entry->name) != 0)
      continue;
    slip_status status = slip_axis_move(axis, entry, axis->numbers[w->digits[i]], err);
    if (status != SLIP_OK)
      return status;
  }
  return SLIP_OK;
}

static slip_status take_system(world *w, int which, const char *name, slip_error *err) {
  const slip_system *from;
  slip_status status = SLIP_OK;
  SLIP_TRY(slip_catalog_system(w->sweep->catalog, name, &from, err));
  w->system[which] = *from;
  w->chip[which] = *from->chip;
  w->system[which].chip = &w->chip[which];
  if (from->chip->kernels) {
    w->kernels[which] = *from->chip->kernels;
    w->chip[which].kernels = &w->kernels[which];
    SLIP_TRY(move(w, &w->kernels[which].entry, err));
  }
  SLIP_TRY(move(w, &w->chip[which].entry, err));
  status = move(w, &w->system[which].entry, err);
cleanup:
  return status;
}

static slip_status take_stack(world *w, int which, const char *name, bool train, slip_error *err) {
  const slip_chip *chip = &w->chip[which];
  const slip_stack *from = NULL;
  slip_status status = SLIP_OK;
  if (name)
    SLIP_TRY(slip_catalog_stack(w->sweep->catalog, name, &from, err));
  else
    from = slip_catalog_newest_stack(w->sweep->catalog, chip, train);
  if (!from || !(train ? from->trains : from->serves))
    SLIP_FAIL(err, SLIP_MISSING, "no stack that %s on %s", train ? "trains" : "serves", chip->entry.title);
  w->stack[which] = *from;
  status = move(w, &w->stack[which].entry, err);
cleanup:
  return status;
}

static slip_status take_region(world *w, const char *name, slip_error *err) {
  const slip_region *from;
  slip_status status = slip_catalog_region(w->sweep->catalog, name ? name : default_region, &from, err);
  if (status != SLIP_OK)
    return status;
  w->region = *from;
  return move(w, &w->region.entry, err);
}

/* What the hardware of `systems` systems costs while it draws power_w; NAN when it is not known. */
static double usd_per_s(const world *w, const slip_system *system, double systems, double power_w) {
  slip_econ_terms terms = slip_econ_terms_default();
  slip_cost_rate rate;
  slip_error ignored;
  terms.region = &w->region;
  return slip_cost_of(system, systems, power_w, &terms, &rate, &ignored) == SLIP_OK ? rate.total_usd_per_s : NAN;
}

/* An answer of its own kind, written as such; else a failure of the machine or a stop. */
static slip_status answer(const row *r, slip_status status, const slip_error *err) {
  if (status == SLIP_OK || status == SLIP_INFEASIBLE || status == SLIP_MISSING || status == SLIP_BAD_INPUT ||
      status == SLIP_UNSUPPORTED) {
    put_text(r, "status", status == SLIP_OK ? "ok" : slip_status_name(status));
    if (status != SLIP_OK)
      put_text(r, "why", err->message);
    return SLIP_OK;
  }
  return status;
}

static void put_search(const row *r, const slip_search_stats *stats) {
  put_integer(r, "plans_legal", stats->legal);
  put_integer(r, "plans_evaluated", stats->evaluated);
}

static bool is_raised(const volatile int *stop) {
  return stop && *stop;
}

/* ---- training ---- */

static void put_train(const row *r, const world *w, const slip_train_job *job, const slip_train_result *t) {
  char plan[256];
  double usd = usd_per_s(w, job->system, (double)job->chips / job->system->chips, t->system_power_w);
  (void)slip_plan_format(&t->plan, plan, sizeof plan);
  put_text(r, "best_plan", plan);
  put_real(r, "step_s", t->step_s);
  put_real(r, "step_low_s", t->step_low_s);
  put_real(r, "step_high_s", t->step_high_s);
  put_real(r, "tokens_per_s", t->tokens_per_s);
  put_real(r, "tokens_per_s_per_chip", t->tokens_per_s_per_chip);
  put_real(r, "mfu", t->mfu);
  put_real(r, "memory_bytes", t->memory.total);
  put_real(r, "power_w", t->system_power_w);
  put_real(r, "usd_per_step", usd * t->step_s);
  put_real(r, "usd_per_mtoken", usd / t->tokens_per_s * 1e6);
  put_real(r, "joule_per_token", t->system_power_w * w->region.pue / t->tokens_per_s);
}

static slip_status do_train(const row *r, const slip_grid_job *j, world *w, const slip_model *model,
                            const volatile int *stop, slip_error *err) {
  slip_train_job job = slip_train_job_default();
  slip_train *train = NULL;
  slip_train_result result;
  slip_status status = SLIP_OK;
  SLIP_TRY(take_system(w, 0, j->system, err));
  SLIP_TRY(take_stack(w, 0, j->stack, true, err));
  job.model = model, job.system = &w->system[0], job.stack = &w->stack[0];
  job.chips = j->chips;
  job.seq = j->seq > 0 ? j->seq : job.seq;
  job.batch = j->batch > 0 ? j->batch : job.batch;
  job.mtp = !j->no_mtp;
  if (j->dtype)
    (void)slip_dtype_parse(j->dtype, &job.dtype);
  SLIP_TRY(slip_train_open(&job, &train, err));
  if (j->plan) {
    slip_plan plan;
    SLIP_TRY(slip_plan_parse(j->plan, &plan, err));
    SLIP_TRY(slip_train_estimate(train, &plan, &result, err));
  } else {
    slip_train_space space = slip_train_space_default();
    slip_search_stats stats = {0};
    status = slip_train_best(train, &space, stop, &result, &stats, err);
    if (status == SLIP_OK || status == SLIP_INFEASIBLE)
      put_search(r, &stats);
    if (is_raised(stop))
      status = slip_fail(err, SLIP_INTERRUPTED, "stopped");
    if (status != SLIP_OK)
      goto cleanup;
  }
  put_train(r, w, &job, &result);
cleanup:
  slip_train_free(train);
  return status;
}

/* ---- serving ---- */

static void put_serve(const row *r, const world *w, const slip_serve_job *a, const slip_serve_job *b,
                      const slip_serve_point *p) {
  const slip_serve_result *s = &p->result;
  char plan[256];
  double tokens = s->output_tokens_per_s_per_chip, share = s->disaggregated ? s->decode.chips_share : 0;
  double usd = usd_per_s(w, a->system, (1 - share) / a->system->chips, s->system_power_w_per_chip) +
               usd_per_s(w, b->system, share / b->system->chips, 0);
  slip_serve_plan_format(&s->prefill.plan, plan, sizeof plan);
  put_text(r, "prefill_plan", plan);
  slip_serve_plan_format(&s->decode.plan, plan, sizeof plan);
  put_text(r, "decode_plan", plan);
  put_integer(r, "disaggregated", s->disaggregated);
  put_integer(r, "drafts", p->speculates);
  put_real(r, "output_tokens_per_s_per_chip", tokens);
  put_real(r, "output_low", s->output_low);
  put_real(r, "output_high", s->output_high);
  put_real(r, "result_ttft_s", s->ttft_s);
  put_real(r, "result_tpot_s", s->tpot_s);
  put_real(r, "power_w_per_chip", s->system_power_w_per_chip);
  put_real(r, "usd_per_mtoken", usd / tokens * 1e6);
  put_real(r, "joule_per_token", s->joule_per_output_token * w->region.pue);
}

static slip_status read_serve_job(const slip_grid_job *j, world *w, const slip_model *model, slip_serve_job *a,
                                  slip_serve_job *b, slip_error *err) {
  slip_status status = SLIP_OK;
  *a = slip_serve_job_default();
  SLIP_TRY(take_system(w, 0, j->system, err));
  SLIP_TRY(take_stack(w, 0, j->stack, false, err));
  a->model = model, a->system = &w->system[0], a->stack = &w->stack[0];
  a->chips = j->chips;
  a->isl = j->isl > 0 ? j->isl : a->isl;
  a->osl = j->osl > 0 ? j->osl : a->osl;
  a->ttft_s = isnan(j->ttft_s) ? a->ttft_s : j->ttft_s;
  a->tpot_s = isnan(j->tpot_s) ? a->tpot_s : j->tpot_s;
  a->prefix_hit = isnan(j->prefix_hit) ? a->prefix_hit : j->prefix_hit;
  a->speculate = a->speculate && !j->no_mtp;
  if (j->weights)
    (void)slip_dtype_parse(j->weights, &a->weights);
  if (j->kv)
    (void)slip_dtype_parse(j->kv, &a->kv);
  *b = *a;
  if (j->decode_system) {
    SLIP_TRY(take_system(w, 1, j->decode_system, err));
    SLIP_TRY(take_stack(w, 1, NULL, false, err));
    if (strcmp(w->system[1].entry.name, w->system[0].entry.name) != 0)
      b->system = &w->system[1], b->stack = &w->stack[1];
  }
cleanup:
  return status;
}

static slip_status do_serve(const row *r, const slip_grid_job *j, world *w, const slip_model *model,
                            const volatile int *stop, slip_error *err) {
  slip_serve_job a, b;
  slip_serve *serve = NULL, *decode = NULL;
  slip_serve_point point = {.speculates = !j->no_mtp};
  slip_status status = SLIP_OK;
  SLIP_TRY(read_serve_job(j, w, model, &a, &b, err));
  SLIP_TRY(slip_serve_open(&a, &serve, err));
  if (b.system != a.system)
    SLIP_TRY(slip_serve_open(&b, &decode, err));
  const char *operation = j->operation ? j->operation : "either";
  if (j->plan) {
    slip_serve_plan plan;
    SLIP_TRY(slip_serve_plan_parse(j->plan, &plan, err));
    plan.batch = j->batch > 0 ? j->batch : plan.batch;
    plan.disaggregated = plan.disaggregated || decode || strcmp(operation, "disaggregated") == 0;
    SLIP_TRY(slip_serve_estimate(serve, &plan, decode, &plan, &point.result, err));
  } else {
    slip_serve_space space = slip_serve_space_default();
    slip_search_stats stats = {0};
    const slip_search_watch watch = {.stop = stop};
    space.fixed.batch = j->batch;
    space.disaggregated = strcmp(operation, "disaggregated") == 0 ? 1
                          : strcmp(operation, "aggregated") == 0  ? 0
                                                                  : -1;
    status = slip_serve_search(serve, decode, &space, &watch, &point, &stats, err);
    if (status == SLIP_OK || status == SLIP_INFEASIBLE)
      put_search(r, &stats);
    if (is_raised(stop))
      status = slip_fail(err, SLIP_INTERRUPTED, "stopped");
    if (status != SLIP_OK)
      goto cleanup;
  }
  put_serve(r, w, &a, &b, &point);
cleanup:
  slip_serve_free(serve);
  slip_serve_free(decode);
  return status;
}

/* ---- the point ---- */

slip_status slip_grid_point(const slip_grid *sweep, int64_t point, const volatile int *stop, slip_cell *cells,
                            slip_error *err) {
  const row r = {sweep, cells};
  slip_grid_job job = {.ttft_s = NAN, .tpot_s = NAN, .prefix_hit = NAN};
  int64_t digits[SLIP_MAX_AXES];
  slip_error why = {0};
  if (point < 0 || point >= sweep->points)
    return slip_fail(err, SLIP_BAD_INPUT, "the sweep has points 0 to %lld, not %lld", (long long)sweep->points - 1,
                     (long long)point);
  for (int i = 0; i < sweep->n_columns; i++)
    cells[i] = (slip_cell){.type = SLIP_CELL_NULL};
  cells[0] = (slip_cell){.type = SLIP_CELL_INTEGER, .integer = point};
  take_digits(&r, point, &job, digits);
  world w = {.sweep = sweep, .digits = digits};
  const slip_model *model = slip_grid_model(sweep, sweep->catalog, job.model, &why);
  slip_status status = model ? take_region(&w, job.region, &why) : why.code;
  if (status == SLIP_OK)
    status = sweep->serve ? do_serve(&r, &job, &w, model, stop, &why) : do_train(&r, &job, &w, model, stop, &why);
  status = answer(&r, status, &why);
  if (status != SLIP_OK && err)
    *err = why;
  return status;
}
