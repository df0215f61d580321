/* The best training plan: every legal plan is evaluated. Layer costs depend only on the cut of a layer, so each cut is costed
 * once and combined with every pipeline, schedule and sharding; pipelines' layouts are made once for all cuts. */
#include <math.h>
#include <slipstick/search.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "train/train_internal.h"

enum { MAX_CHOICES = 512, MAX_MICRO_BATCH = 16, MAX_VPP = 16, MIRRORED = MAX_VPP, LAYOUTS = MAX_VPP + 1 };

slip_train_space slip_train_space_default(void) {
  slip_train_space space = {.schedule = -1, .sharding = -1, .recompute = -1};
  memset(&space.fixed, 0, sizeof space.fixed);
  return space;
}

/* What a layer's cost depends on. */
typedef struct layer_cut {
  int64_t tp, cp, ep, etp, micro_batch;
  slip_recompute recompute;
  bool dualpipe;
} layer_cut;

/* One thread's share of the search. */
typedef struct train_search {
  slip_train_result best;
  bool found;
  slip_search_stats stats;
  double nearest; /* memory over capacity of the plan that misses by least */
  slip_plan nearest_plan;
} train_search;

typedef struct train_problem {
  const slip_train *train;
  const slip_train_space *space;
  const volatile int *stop;
  slip_layout *layouts; /* [n_pp * LAYOUTS]: by vpp - 1, and the mirrored one of DualPipe last */
  int64_t pps[MAX_CHOICES];
  int n_pp;
} train_problem;

/* ---- what there is to choose from ---- */

/* Divisors of n up to `most`, ascending; or the one fixed value. */
static int choices(int64_t fixed, int64_t n, int64_t most, int64_t *out) {
  if (fixed > 0) {
    out[0] = fixed;
    return 1;
  }
  int count = 0;
  for (int64_t i = 1; i <= most && i <= n && count < MAX_CHOICES; i++)
    if (n % i == 0)
      out[count++] = i;
  return count;
}

static int64_t most_heads(const slip_model *model) {
  int64_t heads = 1;
  for (int i = 0; i < model->n_kinds; i++) {
    const slip_attention *a = &model->kinds[i].attention;
    int64_t most = a->heads > a->linear_value_heads ? a->heads : a->linear_value_heads;
    most = most > a->ssm_heads ? most : a->ssm_heads;
    heads = most > heads ? most : heads;
  }
  return heads;
}

static int64_t expert_count(const slip_model *model) {
  for (int i = 0; i < model->n_kinds; i++)
    if (model->kinds[i].ffn.kind == SLIP_FFN_MOE)
      return model->kinds[i].ffn.experts;
  return 1;
}

static bool allowed(int fixed, int value) {
  return fixed < 0 || fixed == value;
}

/* Schedules that the stack implements; one that the caller fixed is tried anyway (what if). */
static bool schedule_offered(const train_problem *problem, slip_schedule schedule) {
  const slip_stack *stack = slip_train_job_of(problem->train)->stack;
  if (problem->space->schedule >= 0)
    return problem->space->schedule == (int)schedule;
  return schedule == SLIP_1F1B || (schedule == SLIP_ZERO_BUBBLE && stack->zero_bubble >= 0.5) ||
         (schedule == SLIP_DUALPIPE && stack->dualpipe >= 0.5);
}

/* Appends to *cuts; false when out of memory. */
static bool add_cut(layer_cut **cuts, size_t *count, size_t *capacity, layer_cut cut) {
  if (*count == *capacity) {
    size_t larger = *capacity ? 2 * *capacity : 1024;
    layer_cut *grown = realloc(*cuts, larger * sizeof *grown);
    if (!grown)
      return false;
    *cuts = grown;
    *capacity = larger;
  }
  (*cuts)[(*count)++] = cut;
  return true;
}

static bool add_modes(const train_problem *problem, layer_cut cut, layer_cut **cuts, size_t *count,
                      size_t *capacity) {
  for (int recompute = 0; recompute < SLIP_RECOMPUTES; recompute++)
    for (int dualpipe = 0; dualpipe < 2; dualpipe++) {
      if (!allowed(problem->space->recompute, recompute))
        continue;
      if (dualpipe ? !schedule_offered(problem, SLIP_DUALPIPE)
                   : !schedule_offered(problem, SLIP_1F1B) && !schedule_offered(problem, SLIP_ZERO_BUBBLE))
        continue;
      cut.recompute = (slip_recompute)recompute;
      cut.dualpipe = dualpipe;
      if (!add_cut(cuts, count, capacity, cut))
        return false;
    }
  return true;
}

/* Every cut of a layer that some legal plan can have. */
static slip_status list_cuts(const train_problem *problem, layer_cut **cuts, size_t *count, slip_error *err) {
  const slip_train_job *job = slip_train_job_of(problem->train);
  const slip_plan *fixed = &problem->space->fixed;
  int64_t ranks = slip_train_ranks(problem->train), experts = expert_count(job->model);
  int64_t tps[MAX_CHOICES], cps[MAX_CHOICES], eps[MAX_CHOICES], etps[MAX_CHOICES], micro[MAX_CHOICES];
  size_t capacity = 0;
  int n_tp = choices(fixed->tp, ranks, most_heads(job->model), tps);
  int n_ep = choices(fixed->ep, experts, experts, eps);
  int n_micro = choices(fixed->micro_batch, job->batch, MAX_MICRO_BATCH, micro);
  for (int t = 0; t < n_tp; t++) {
    int n_cp = choices(fixed->cp, ranks / tps[t], job->seq / 2 > 0 ? job->seq / 2 : 1, cps);
    int n_etp = choices(fixed->etp, experts > 1 ? tps[t] : 1, tps[t], etps);
    for (int c = 0; c < n_cp; c++)
      for (int e = 0; e < n_ep; e++)
        for (int i = 0; i < n_etp; i++)
          for (int m = 0; m < n_micro; m++) {
            layer_cut cut = {tps[t], cps[c], eps[e], etps[i], micro[m], SLIP_RECOMPUTE_NONE, false};
            if (!add_modes(problem, cut, cuts, count, &capacity))
              return slip_fail(err, SLIP_NO_MEMORY, "no memory for the search");
          }
  }
  return SLIP_OK;
}

/* ---- evaluation ---- */

/* The order that breaks ties: field by field. */
static int compare_plans(const slip_plan *a, const slip_plan *b) {
  const int64_t left[] = {a->tp,
                          a->pp,
                          a->vpp,
                          a->dp,
                          a->cp,
                          a->ep,
                          a->etp,
                          a->micro_batch,
                          (int64_t)a->schedule,
                          (int64_t)a->sharding,
                          (int64_t)a->recompute};
  const int64_t right[] = {b->tp,
                           b->pp,
                           b->vpp,
                           b->dp,
                           b->cp,
                           b->ep,
                           b->etp,
                           b->micro_batch,
                           (int64_t)b->schedule,
                           (int64_t)b->sharding,
                           (int64_t)b->recompute};
  for (size_t i = 0; i < sizeof left / sizeof *left; i++)
    if (left[i] != right[i])
      return left[i] < right[i] ? -1 : 1;
  return 0;
}

static bool better(double a, const slip_plan *plan_a, double b, const slip_plan *plan_b) {
  return a < b || (a == b && compare_plans(plan_a, plan_b) < 0); /* NOLINT: exact ties only */
}

static void try_plan(const train_problem *problem, const slip_plan *plan, const slip_layer_costs *layers,
                     const slip_layout *layout, train_search *s) {
  slip_train_result result;
  s->stats.legal++;
  if (slip_train_schedule_on(problem->train, plan, layers, layout, &result, NULL) == SLIP_OK) {
    s->stats.feasible++;
    if (!s->found || better(result.step_s, plan, s->best.step_s, &s->best.plan))
      s->best = result;
    s->found = true;
    return;
  }
  double need = result.memory.total / result.memory.capacity;
  if (better(need, plan, s->nearest, &s->nearest_plan)) {
    s->nearest = need;
    s->nearest_plan = *plan;
  }
}

/* All pipelines, schedules and shardings of one cut. */
static void try_cut(const train_problem *problem, const layer_cut *cut, train_search *s) {
  int64_t ranks = slip_train_ranks(problem->train);
  slip_layer_costs layers;
  bool costed = false;
  slip_plan plan = {.tp = cut->tp,
                    .cp = cut->cp,
                    .ep = cut->ep,
                    .etp = cut->etp,
                    .micro_batch = cut->micro_batch,
                    .recompute = cut->recompute};
  for (int i = 0; i < problem->n_pp; i++) {
    int64_t block = cut->tp * cut->cp * problem->pps[i];
    plan.pp = problem->pps[i];
    plan.dp = ranks / block;
    if (ranks % block != 0 || (problem->space->fixed.dp > 0 && plan.dp != problem->space->fixed.dp))
      continue;
    for (int schedule = 0; schedule < SLIP_SCHEDULES; schedule++) {
      plan.schedule = (slip_schedule)schedule;
      if ((schedule == SLIP_DUALPIPE) != cut->dualpipe || !schedule_offered(problem, plan.schedule))
        continue;
      for (int vpp = 1; vpp <= (cut->dualpipe ? 1 : MAX_VPP); vpp++) {
        const slip_layout *layout = &problem->layouts[i * LAYOUTS + (cut->dualpipe ? MIRRORED : vpp - 1)];
        plan.vpp = vpp;
        if (!layout->groups)
          continue;
        for (int sharding = 0; sharding < SLIP_SHARDINGS; sharding++) {
          plan.sharding = (slip_sharding)sharding;
          if (!allowed(problem->space->sharding, sharding))
            continue;
          if (slip_train_check(problem->train, &plan, NULL) != SLIP_OK) {
            s->stats.illegal++;
            continue;
          }
          if (!costed)
            slip_train_layers(problem->train, &plan, &layers);
          costed = true;
          try_plan(problem, &plan, &layers, layout, s);
        }
      }
    }
  }
}

static void merge(train_search *into, const train_search *from) {
  into->stats.legal += from->stats.legal;
  into->stats.feasible += from->stats.feasible;
  into->stats.illegal += from->stats.illegal;
  if (from->found &&
      (!into->found || better(from->best.step_s, &from->best.plan, into->best.step_s, &into->best.plan)))
    into->best = from->best;
  into->found = into->found || from->found;
  if (better(from->nearest, &from->nearest_plan, into->nearest, &into->nearest_plan)) {
    into->nearest = from->nearest;
    into->nearest_plan = from->nearest_plan;
  }
}

static bool stopped(const train_problem *problem) {
  return problem->stop && *problem->stop;
}

static void run(const train_problem *problem, const layer_cut *cuts, size_t count, train_search *all) {
#pragma omp parallel
  {
    train_search mine = {.nearest = INFINITY};
#pragma omp for schedule(dynamic, 16)
    for (size_t i = 0; i < count; i++)
      if (!stopped(problem))
        try_cut(problem, &cuts[i], &mine);
#pragma omp critical
    merge(all, &mine);
  }
}

/* ---- the whole ---- */

static slip_status make_layouts(train_problem *problem, slip_error *err) {
  const slip_train_job *job = slip_train_job_of(problem->train);
  const slip_plan *fixed = &problem->space->fixed;
  problem->n_pp = choices(fixed->pp, slip_train_ranks(problem->train), job->model->layers, problem->pps);
  problem->layouts = calloc((size_t)(problem->n_pp > 0 ? problem->n_pp : 1) * LAYOUTS, sizeof *problem->layouts);
  if (!problem->layouts)
    return slip_fail(err, SLIP_NO_MEMORY, "no memory for the search");
  for (int i = 0; i < problem->n_pp; i++)
    for (int which = 0; which < LAYOUTS; which++) {
      int64_t pp = problem->pps[i], vpp = which == MIRRORED ? 1 : which + 1;
      bool useless = pp == 1 && (vpp > 1 || which == MIRRORED);
      if (pp * vpp > job->model->layers || useless || (fixed->vpp > 0 && vpp != fixed->vpp))
        continue;
      slip_status status =
          slip_layout_make(problem->train, pp, vpp, which == MIRRORED, &problem->layouts[i * LAYOUTS + which], err);
      if (status != SLIP_OK)
        return status;
    }
  return SLIP_OK;
}

static slip_status nothing_fits(const train_problem *problem, const train_search *all, slip_error *err) {
  const slip_train_job *job = slip_train_job_of(problem->train);
  if (all->stats.legal == 0)
    return slip_fail(
        err, SLIP_INFEASIBLE,
        "no legal plan: no cut of %lld ranks divides the model, the batch of %lld sequences and what was fixed",
        (long long)slip_train_ranks(problem->train), (long long)job->batch);
  slip_train_result result;
  slip_error reason;
  slip_train_estimate(problem->train, &all->nearest_plan, &result, &reason);
  char plan[160];
  slip_plan_format(&all->nearest_plan, plan, sizeof plan);
  return slip_fail(err, SLIP_INFEASIBLE, "none of %lld plans fits; the nearest, %s, %s",
                   (long long)all->stats.legal, plan, reason.message);
}

slip_status slip_train_best(const slip_train *train, const slip_train_space *space, const volatile int *stop,
                            slip_train_result *out, slip_search_stats *stats, slip_error *err) {
  slip_status status = SLIP_OK;
  train_problem problem = {.train = train, .space = space, .stop = stop};
  train_search all = {.nearest = INFINITY};
  layer_cut *cuts = NULL;
  size_t count = 0;
  SLIP_TRY(make_layouts(&problem, err));
  SLIP_TRY(list_cuts(&problem, &cuts, &count, err));
  run(&problem, cuts, count, &all);
  if (stats)
    *stats = all.stats;
  if (all.found)
    *out = all.best;
  if (stopped(&problem))
    SLIP_FAIL(err, all.found ? SLIP_INTERRUPTED : SLIP_INFEASIBLE, "stopped after %lld plans%s",
              (long long)all.stats.legal, all.found ? "" : "; none of them fits");
  if (!all.found)
    status = nothing_fits(&problem, &all, err);
cleanup:
  free(cuts);
  for (int i = 0; problem.layouts && i < problem.n_pp * LAYOUTS; i++)
    slip_layout_free(&problem.layouts[i]);
  free(problem.layouts);
  return status;
}
