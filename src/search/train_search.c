/* The best training plan: every legal plan is evaluated; layer costs are computed once per cut of a layer and reused. */
#include <math.h>
#include <slipstick/search.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"

enum { MAX_DIVISORS = 4096, MAX_MICRO_BATCH = 16, MAX_VPP = 16 };

slip_train_space slip_train_space_default(void) {
  slip_train_space space = {.schedule = -1, .sharding = -1, .recompute = -1};
  memset(&space.fixed, 0, sizeof space.fixed);
  return space;
}

/* Divisors of n up to `most`, ascending. */
static int divisors(int64_t n, int64_t most, int64_t *out) {
  int count = 0;
  for (int64_t i = 1; i <= most && i <= n && count < MAX_DIVISORS; i++)
    if (n % i == 0)
      out[count++] = i;
  return count;
}

static int choices(int64_t fixed, int64_t n, int64_t most, int64_t *out) {
  if (fixed > 0) {
    out[0] = fixed;
    return 1;
  }
  return divisors(n, most, out);
}

typedef struct train_search {
  const slip_train *train;
  const slip_train_space *space;
  const volatile int *stop;
  slip_train_result *best;
  bool found, stopped;
  slip_search_stats stats;
  slip_error *reason; /* why the plan nearest to fitting does not */
  double nearest;     /* its memory over the capacity */
  slip_layer_costs layers;
} train_search;

static int low(int fixed) {
  return fixed >= 0 ? fixed : 0;
}
static int high(int fixed, int count) {
  return fixed >= 0 ? fixed : count - 1;
}

static void try_plan(train_search *s, const slip_plan *plan) {
  slip_train_result result;
  slip_error err;
  s->stats.legal++;
  if (slip_train_schedule(s->train, plan, &s->layers, &result, &err) != SLIP_OK) {
    double need = result.memory.total / result.memory.capacity;
    if (!s->found && need < s->nearest) {
      s->nearest = need;
      if (s->reason)
        *s->reason = err;
    }
    return;
  }
  s->stats.feasible++;
  if (!s->found || result.step_s < s->best->step_s) {
    *s->best = result;
    s->found = true;
  }
}

/* All pipelines' inner choices for one cut of a layer: vpp, sharding. The layer costs hold for all of them. */
static void try_schedules(train_search *s, slip_plan plan) {
  int64_t layers = slip_train_job_of(s->train)->model->layers;
  bool costed = false;
  int64_t most_vpp = plan.pp > 1 && plan.schedule == SLIP_1F1B ? layers / plan.pp : 1;
  most_vpp = most_vpp > MAX_VPP ? MAX_VPP : most_vpp;
  for (int64_t vpp = 1; vpp <= most_vpp; vpp++) {
    if (s->space->fixed.vpp > 0 && vpp != s->space->fixed.vpp)
      continue;
    for (int sharding = low(s->space->sharding); sharding <= high(s->space->sharding, SLIP_SHARDINGS); sharding++) {
      plan.vpp = vpp;
      plan.sharding = (slip_sharding)sharding;
      if (slip_train_check(s->train, &plan, NULL) != SLIP_OK) {
        s->stats.illegal++;
        continue;
      }
      if (!costed)
        slip_train_layers(s->train, &plan, &s->layers);
      costed = true;
      try_plan(s, &plan);
    }
  }
}

static void try_modes(train_search *s, slip_plan plan) {
  for (int schedule = low(s->space->schedule); schedule <= high(s->space->schedule, SLIP_SCHEDULES); schedule++)
    for (int recompute = low(s->space->recompute); recompute <= high(s->space->recompute, SLIP_RECOMPUTES); recompute++) {
      if (s->stop && *s->stop) {
        s->stopped = true;
        return;
      }
      plan.schedule = (slip_schedule)schedule;
      plan.recompute = (slip_recompute)recompute;
      try_schedules(s, plan);
    }
}

/* Experts and micro-batches of one cut (tp, cp, pp, dp). */
static void try_experts(train_search *s, slip_plan plan) {
  const slip_train_job *job = slip_train_job_of(s->train);
  int64_t experts = 1, eps[MAX_DIVISORS], etps[MAX_DIVISORS], micro[MAX_DIVISORS];
  for (int i = 0; i < job->model->n_kinds; i++)
    if (job->model->kinds[i].ffn.kind == SLIP_FFN_MOE)
      experts = job->model->kinds[i].ffn.experts;
  if (job->batch % plan.dp != 0) {
    s->stats.illegal++;
    return;
  }
  int n_ep = choices(s->space->fixed.ep, experts, experts, eps);
  int n_etp = choices(s->space->fixed.etp, experts > 1 ? plan.tp : 1, plan.tp, etps);
  int n_micro = choices(s->space->fixed.micro_batch, job->batch / plan.dp, MAX_MICRO_BATCH, micro);
  for (int e = 0; e < n_ep; e++)
    for (int t = 0; t < n_etp; t++)
      for (int m = 0; m < n_micro && !s->stopped; m++) {
        plan.ep = eps[e], plan.etp = etps[t], plan.micro_batch = micro[m];
        try_modes(s, plan);
      }
}

static void enumerate(train_search *s) {
  const slip_train_job *job = slip_train_job_of(s->train);
  int64_t ranks = slip_train_ranks(s->train), heads = 1;
  for (int i = 0; i < job->model->n_kinds; i++)
    if (job->model->kinds[i].attention.heads > heads)
      heads = job->model->kinds[i].attention.heads;
  int64_t tps[MAX_DIVISORS], cps[MAX_DIVISORS], pps[MAX_DIVISORS];
  int n_tp = choices(s->space->fixed.tp, ranks, heads, tps);
  for (int t = 0; t < n_tp; t++) {
    if (ranks % tps[t] != 0)
      continue;
    int n_pp = choices(s->space->fixed.pp, ranks / tps[t], job->model->layers, pps);
    for (int i = 0; i < n_pp; i++) {
      if ((ranks / tps[t]) % pps[i] != 0)
        continue;
      int64_t left = ranks / tps[t] / pps[i];
      int n_cp = choices(s->space->fixed.cp, left, job->seq / 2 > 0 ? job->seq / 2 : 1, cps);
      for (int c = 0; c < n_cp && !s->stopped; c++) {
        slip_plan plan = slip_plan_default();
        plan.tp = tps[t], plan.pp = pps[i], plan.cp = cps[c];
        if (left % cps[c] != 0 || (s->space->fixed.dp > 0 && left / cps[c] != s->space->fixed.dp)) {
          s->stats.illegal++;
          continue;
        }
        plan.dp = left / cps[c];
        try_experts(s, plan);
      }
    }
  }
}

slip_status slip_train_best(const slip_train *train, const slip_train_space *space, const volatile int *stop,
                            slip_train_result *out, slip_search_stats *stats, slip_error *err) {
  slip_error reason = {.code = SLIP_OK};
  train_search search = {.train = train, .space = space, .stop = stop, .best = out, .reason = &reason, .nearest = INFINITY};
  enumerate(&search);
  if (stats)
    *stats = search.stats;
  if (search.stopped)
    return slip_fail(err, search.found ? SLIP_INTERRUPTED : SLIP_INFEASIBLE, "stopped after %lld plans%s",
                     (long long)search.stats.legal, search.found ? "" : "; none of them fits");
  if (search.found)
    return SLIP_OK;
  const slip_train_job *job = slip_train_job_of(train);
  if (search.stats.legal == 0)
    return slip_fail(err, SLIP_INFEASIBLE, "no legal plan: a batch of %lld sequences over %lld ranks leaves no cut that divides",
                     (long long)job->batch, (long long)slip_train_ranks(train));
  return slip_fail(err, SLIP_INFEASIBLE, "none of %lld plans fits; the nearest %s", (long long)search.stats.legal, reason.message);
}
