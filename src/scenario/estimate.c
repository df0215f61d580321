/* What each system trains and serves: the search's best plan, once per system for all scenarios, as inputs with their intervals. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "scenario/scenario_internal.h"

enum { MOST_TASKS = 256 };

/* One search: a system trained, or served. */
typedef struct task {
  const slip_scenario *scenario;
  const slip_system *system;
  bool train;
  slip_compare_column column;
  slip_status status;
  slip_error err;
} task;

static bool is_same(const task *t, const slip_scenario *s, const slip_system *system) {
  return t->system == system && t->scenario->model == s->model && t->scenario->cluster == s->cluster &&
         t->scenario->catalog == s->catalog;
}

static const task *find(const task *tasks, size_t n, const slip_scenario *s, const slip_system *system,
                        bool train) {
  for (size_t i = 0; i < n; i++)
    if (tasks[i].train == train && is_same(&tasks[i], s, system))
      return &tasks[i];
  return NULL;
}

static void run_task(task *t, const volatile int *stop) {
  const slip_compare_system system = {.system = t->system};
  slip_compare_job job = slip_compare_job_default();
  job.catalog = t->scenario->catalog;
  job.model = t->scenario->model;
  job.train = t->train;
  job.serve = !t->train;
  job.min_chips = t->scenario->cluster;
  job.terms.region = t->scenario->regions[SCENARIO_DOMESTIC];
  t->status = slip_compare(&job, &system, 1, stop, NULL, NULL, &t->column, &t->err);
  const char *why = t->train ? t->column.train_why : t->column.serve_why;
  if (t->status == SLIP_OK && why[0] != '\0')
    t->status = slip_fail(&t->err, SLIP_INFEASIBLE, "%s has no %s estimate: %s", t->system->entry.name,
                          t->train ? "training" : "serving", why);
}

/* An input of the scenario: a rate per chip, lognormal between the estimate's 80% bounds. */
static slip_status add_rate(slip_scenario *s, const char *what, const slip_system *system, const slip_stack *stack,
                            double low, double high, size_t *index, slip_error *err) {
  slip_citation *citation = slip_arena_alloc(s->arena, sizeof *citation);
  slip_knot *knot = slip_arena_alloc(s->arena, sizeof *knot);
  const char *id = slip_arena_printf(s->arena, "%s.%s", what, system->entry.name);
  const char *title = slip_arena_printf(s->arena, "%s rate of %s", what, system->entry.title);
  if (!citation || !knot || !id || !title)
    return slip_no_memory(err);
  *citation =
      (slip_citation){sqrt(low * high), "", "estimate of slipstick", "", "", stack->entry.name, SLIP_DERIVED};
  *knot = (slip_knot){s->from, low, sqrt(low * high), high};
  const slip_assumption item = {id,      title, "tokens/s per chip", SLIP_SHAPE_LOGNORMAL, knot, 1, citation, 1,
                                s->file, 0};
  slip_status status = slip_deck_add(s->deck, &item, err);
  if (status == SLIP_OK && !slip_deck_find(s->deck, id, index))
    return slip_fail(err, SLIP_BAD_INPUT, "no room for the input %s", id);
  return status;
}

static slip_status fill(slip_scenario *s, scenario_fleet *fleet, const task *train, const task *serve,
                        slip_error *err) {
  const slip_train_result *t = &train->column.train;
  const slip_serve_result *v = &serve->column.serve;
  const double chips = (double)train->column.chips, tokens = t->tokens_per_s_per_chip * t->step_s;
  slip_status status = SLIP_OK;
  SLIP_TRY(add_rate(s, "train", fleet->system, train->column.train_stack, tokens / t->step_high_s,
                    tokens / t->step_low_s, &fleet->train_rate, err));
  SLIP_TRY(add_rate(s, "serve", fleet->system, serve->column.serve_stack, v->output_low, v->output_high,
                    &fleet->serve_rate, err));
  fleet->train_w = t->system_power_w / chips;
  fleet->serve_w = v->system_power_w_per_chip;
  if (!(fleet->train_w > 0) || !(fleet->serve_w > 0))
    SLIP_FAIL(err, SLIP_MISSING, "%s has no published power", fleet->system->entry.name);
  fleet->is_estimated = true;
cleanup:
  return status;
}

static size_t list_tasks(slip_scenario *const *scenarios, size_t n, task *tasks) {
  size_t count = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t f = 0; f < scenarios[i]->n_fleets; f++)
      for (int train = 1; train >= 0; train--) /* the long ones first */
        if (count < MOST_TASKS && !find(tasks, count, scenarios[i], scenarios[i]->fleets[f].system, train))
          tasks[count++] =
              (task){.scenario = scenarios[i], .system = scenarios[i]->fleets[f].system, .train = train};
  return count;
}

static void run_all(task *tasks, size_t count, const volatile int *stop, void (*progress)(double, void *),
                    void *context) {
  size_t done = 0;
#pragma omp parallel for schedule(dynamic, 1) default(shared)
  for (size_t i = 0; i < count; i++) {
    run_task(&tasks[i], stop);
#pragma omp critical(slip_scenario_progress)
    {
      done++;
      if (progress)
        progress((double)done / (double)count, context);
    }
  }
}

slip_status slip_scenario_prepare(slip_scenario *const *scenarios, size_t n, const volatile int *stop,
                                  void (*progress)(double share, void *context), void *context, slip_error *err) {
  slip_status status = SLIP_OK;
  task *tasks = slip_memory_resize(NULL, MOST_TASKS * sizeof *tasks);
  if (!tasks)
    return slip_no_memory(err);
  const size_t count = list_tasks(scenarios, n, tasks);
  run_all(tasks, count, stop, progress, context);
  if (stop && *stop)
    SLIP_FAIL(err, SLIP_INTERRUPTED, "stopped before the systems were estimated");
  for (size_t i = 0; i < count; i++) {
    if (tasks[i].status != SLIP_OK) {
      if (err)
        *err = tasks[i].err;
      status = tasks[i].status;
      goto cleanup;
    }
  }
  for (size_t i = 0; i < n; i++) {
    slip_scenario *s = scenarios[i];
    for (size_t f = 0; f < s->n_fleets; f++)
      SLIP_TRY(fill(s, &s->fleets[f], find(tasks, count, s, s->fleets[f].system, true),
                    find(tasks, count, s, s->fleets[f].system, false), err));
    SLIP_TRY(slip_deck_finish(s->deck, err));
  }
cleanup:
  free(tasks);
  return status;
}
