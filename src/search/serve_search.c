/* The best serving plan: every instance shape is evaluated; the batch is solved for within each. */
#include <math.h>
#include <slipstick/search.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "search/serve_space.h"

enum { MAX_SHAPES = SLIP_MAX_SHAPES };

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
    s->stats.evaluated++;
    slip_status status = prefill ? slip_serve_prefill(serve, &p->plan, &p->pool, &p->latency_s, &err)
                                 : slip_serve_decode(serve, &p->plan, &p->pool, &p->latency_s, &err);
    if (status == SLIP_OK)
      count++;
    else
      remember(s, &err);
  }
  return count;
}

/* b does whatever a does in a fleet, and no worse: as fast, and its instances make up any number of chips that a's do. Where
 * there is a TTFT objective, the latency and what the transfer of a cache depends on count as well. */
static bool as_good(const slip_serve *serve, const shape *b, const shape *a) {
  const slip_serve_job *job = slip_serve_job_of(serve);
  bool ttft = !isinf(job->ttft_s);
  bool same =
      b->pool.instance_chips == a->pool.instance_chips && b->plan.tp * b->plan.pp == a->plan.tp * a->plan.pp;
  return b->pool.tokens_per_s_per_chip >= a->pool.tokens_per_s_per_chip &&
         (job->chips == 0 || a->pool.instance_chips % b->pool.instance_chips == 0) &&
         (!ttft || (same && b->latency_s <= a->latency_s));
}

/* Keeps the shapes that no other outdoes; of those alike the first. */
static int keep_front(const slip_serve *serve, shape *shapes, int n) {
  int kept = 0;
  for (int i = 0; i < n; i++) {
    bool beaten = false;
    for (int j = 0; j < kept && !beaten; j++)
      beaten = as_good(serve, &shapes[j], &shapes[i]);
    for (int j = i + 1; j < n && !beaten; j++)
      beaten = as_good(serve, &shapes[j], &shapes[i]) && !as_good(serve, &shapes[i], &shapes[j]);
    if (!beaten)
      shapes[kept++] = shapes[i];
  }
  return kept;
}

static void try_disaggregated(serve_search *s, const slip_serve_plan *plans_a, int n_a,
                              const slip_serve_plan *plans_b, int n_b, shape *a, shape *b) {
  n_a = keep_front(s->prefill, a, list_pools(s, s->prefill, true, plans_a, n_a, a));
  n_b = keep_front(s->decode, b, list_pools(s, s->decode, false, plans_b, n_b, b));
  for (int i = 0; i < n_a; i++)
    for (int j = 0; j < n_b && !s->stopped; j++) {
      slip_serve_result result = {
          .prefill = a[i].pool, .decode = b[j].pool, .ttft_s = a[i].latency_s, .tpot_s = b[j].latency_s};
      slip_error err;
      if (slip_serve_join(s->prefill, s->decode, &result, &err) == SLIP_OK)
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
  int n_a = slip_serve_shapes(s.prefill, fixed, plans, &s.stats.illegal);
  int n_b = two_systems ? slip_serve_shapes(s.decode, fixed, plans + MAX_SHAPES, &s.stats.illegal) : n_a;
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
    SLIP_FAIL(err, SLIP_INFEASIBLE, "no plan serves; the first %s",
              s.reason.code != SLIP_OK ? s.reason.message : "shape is illegal");
cleanup:
  free(plans);
  free(shapes);
  return status;
}
