/* The best serving plan: every instance shape is evaluated; the batch is solved for within each. */
#include <math.h>
#include <slipstick/search.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"

enum { MAX_SHAPES = 4096, MAX_INSTANCE_RANKS = 1024, MAX_PIPELINE = 16 };

/* The shapes of one job's instances, and what each is good for as a pool. */
typedef struct shape {
  slip_serve_plan plan;
  slip_pool pool;
  double latency_s;
} shape;

typedef struct serve_search {
  const slip_serve *prefill, *decode;
  const slip_serve_plan *fixed;
  const volatile int *stop;
  slip_serve_result *best;
  bool found, stopped;
  slip_search_stats stats;
  slip_error reason;
} serve_search;

static void consider(serve_search *s, const slip_serve_result *result) {
  s->stats.feasible++;
  if (!s->found || result->output_tokens_per_s_per_chip > s->best->output_tokens_per_s_per_chip) {
    *s->best = *result;
    s->found = true;
  }
}

static void remember(serve_search *s, const slip_error *err) {
  if (!s->found && s->reason.code == SLIP_OK)
    s->reason = *err;
}

static bool has_experts(const slip_model *model) {
  for (int i = 0; i < model->n_kinds; i++)
    if (model->kinds[i].ffn.kind == SLIP_FFN_MOE)
      return true;
  return false;
}

/* Instance shapes: tp, pp and dp powers of two or what makes up a whole scale-up domain; ep all of tp x dp, or 1, or what lies between
 * by powers of two. Writes legal ones; returns how many. */
static int list_shapes(const slip_serve *serve, const slip_serve_plan *fixed, slip_serve_plan *out,
                       int64_t *illegal) {
  const slip_serve_job *job = slip_serve_job_of(serve);
  int64_t ranks_per_chip = (int64_t)job->system->chip->ranks;
  int64_t most = job->chips > 0 ? job->chips * ranks_per_chip : (int64_t)(job->system->chips) * ranks_per_chip;
  most = most > MAX_INSTANCE_RANKS ? MAX_INSTANCE_RANKS : most;
  bool moe = has_experts(job->model);
  int count = 0;
  for (int64_t ranks = 1; ranks <= most; ranks++)
    for (int64_t tp = 1; tp <= ranks; tp *= 2)
      for (int64_t pp = 1; pp <= MAX_PIPELINE && tp * pp <= ranks; pp *= 2)
        for (int64_t ep = 1; ep <= ranks; ep++) {
          if (ranks % (tp * pp) != 0 || (ranks / (tp * pp) > 1 && !moe))
            continue;
          int64_t block = ranks / pp, dp = block / tp;
          bool power = (dp & (dp - 1)) == 0;
          bool whole = !power && (double)ranks == job->system->chips * (double)ranks_per_chip;
          if ((!power && !whole) || block % ep != 0 || (ep > 1 && !moe) || (ep != block && (ep & (ep - 1)) != 0))
            continue;
          slip_serve_plan plan = *fixed;
          if ((fixed->tp > 0 && fixed->tp != tp) || (fixed->pp > 0 && fixed->pp != pp) ||
              (fixed->dp > 0 && fixed->dp != dp) || (fixed->ep > 0 && fixed->ep != ep))
            continue;
          plan.tp = tp, plan.pp = pp, plan.dp = dp, plan.ep = ep;
          if (slip_serve_check(serve, &plan, NULL) != SLIP_OK)
            (*illegal)++;
          else if (count < MAX_SHAPES)
            out[count++] = plan;
        }
  return count;
}

/* The shapes that do the pool's job at all. Returns how many of `n` plans stay. */
static int list_pools(serve_search *s, const slip_serve *serve, bool prefill, const slip_serve_plan *plans, int n,
                      shape *out) {
  int count = 0;
  for (int i = 0; i < n; i++) {
    shape *p = &out[count];
    slip_error err;
    if (s->stop && *s->stop) {
      s->stopped = true;
      break;
    }
    p->plan = plans[i];
    p->plan.disaggregated = true;
    if (prefill)
      p->plan.batch = 0;
    s->stats.legal++;
    slip_status status = prefill ? slip_serve_prefill(serve, &p->plan, &p->pool, &p->latency_s, &err)
                                 : slip_serve_decode(serve, &p->plan, &p->pool, &p->latency_s, &err);
    if (status == SLIP_OK)
      count++;
    else
      remember(s, &err);
  }
  return count;
}

/* Keeps the shapes that no other beats in both rate and instance size (smaller instances pack better into a fleet). */
static int keep_front(shape *shapes, int n, bool latency_matters) {
  int kept = 0;
  for (int i = 0; i < n; i++) {
    bool beaten = false;
    for (int j = 0; j < n && !beaten; j++) {
      const slip_pool *a = &shapes[i].pool, *b = &shapes[j].pool;
      bool as_good = b->tokens_per_s_per_chip >= a->tokens_per_s_per_chip &&
                     b->instance_chips <= a->instance_chips &&
                     (!latency_matters || shapes[j].latency_s <= shapes[i].latency_s);
      bool better = b->tokens_per_s_per_chip > a->tokens_per_s_per_chip || b->instance_chips < a->instance_chips ||
                    (latency_matters && shapes[j].latency_s < shapes[i].latency_s) || j < i;
      beaten = i != j && as_good && better;
    }
    if (!beaten)
      shapes[kept++] = shapes[i];
  }
  return kept;
}

static void try_disaggregated(serve_search *s, const slip_serve_plan *plans_a, int n_a,
                              const slip_serve_plan *plans_b, int n_b, shape *a, shape *b) {
  n_a = keep_front(a, list_pools(s, s->prefill, true, plans_a, n_a, a), true);
  n_b = keep_front(b, list_pools(s, s->decode, false, plans_b, n_b, b), true);
  for (int i = 0; i < n_a; i++)
    for (int j = 0; j < n_b && !s->stopped; j++) {
      slip_serve_result result;
      slip_error err;
      if (slip_serve_estimate(s->prefill, &a[i].plan, s->decode, &b[j].plan, &result, &err) == SLIP_OK)
        consider(s, &result);
      else
        remember(s, &err);
      s->stopped = s->stop && *s->stop;
    }
}

static void try_aggregated(serve_search *s, const slip_serve_plan *plans, int n) {
  for (int i = 0; i < n && !s->stopped; i++) {
    slip_serve_plan plan = plans[i];
    slip_serve_result result;
    slip_error err;
    plan.disaggregated = false;
    s->stats.legal++;
    if (slip_serve_estimate(s->prefill, &plan, s->prefill, NULL, &result, &err) == SLIP_OK)
      consider(s, &result);
    else
      remember(s, &err);
    s->stopped = s->stop && *s->stop;
  }
}

slip_status slip_serve_best(const slip_serve *serve, const slip_serve *decode, const slip_serve_plan *fixed,
                            int disaggregated, const volatile int *stop, slip_serve_result *out,
                            slip_search_stats *stats, slip_error *err) {
  slip_status status = SLIP_OK;
  bool two_systems = decode && decode != serve;
  serve_search s = {.prefill = serve, .decode = decode ? decode : serve, .fixed = fixed, .stop = stop, .best = out};
  slip_serve_plan *plans = calloc(2 * MAX_SHAPES, sizeof *plans);
  shape *shapes = calloc(2 * MAX_SHAPES, sizeof *shapes);
  if (!plans || !shapes)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "no memory for the search");
  int n_a = list_shapes(s.prefill, fixed, plans, &s.stats.illegal);
  int n_b = two_systems ? list_shapes(s.decode, fixed, plans + MAX_SHAPES, &s.stats.illegal) : n_a;
  if (disaggregated != 1 && !two_systems)
    try_aggregated(&s, plans, n_a);
  if (disaggregated != 0 || two_systems)
    try_disaggregated(&s, plans, n_a, two_systems ? plans + MAX_SHAPES : plans, n_b, shapes, shapes + MAX_SHAPES);
  if (stats)
    *stats = s.stats;
  if (s.stopped)
    SLIP_FAIL(err, s.found ? SLIP_INTERRUPTED : SLIP_INFEASIBLE, "stopped after %lld plans%s",
              (long long)s.stats.legal, s.found ? "" : "; none of them serves");
  if (!s.found)
    SLIP_FAIL(err, SLIP_INFEASIBLE, "none of %lld plans serves; the first %s", (long long)s.stats.legal,
              s.reason.code != SLIP_OK ? s.reason.message : "shape is illegal");
cleanup:
  free(plans);
  free(shapes);
  return status;
}
