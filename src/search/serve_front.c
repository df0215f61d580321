/* The front of serving: what a pool does is computed once for each shape, chunk and batch; ways to serve are pools joined.
 *
 * Which pools can be left out, and which splits of a fleet, without cutting a point of the front:
 *   - a pool that another of the same instance size beats in rate, power and latency (where a TTFT objective looks at it, also
 *     with the same number of senders): whatever is joined to it, the other does as well with as many instances;
 *   - with n prefill instances, fewer decode instances than keep pace but one: tokens and energy per token both improve with
 *     each one added; and more than keep pace: they only add power (or, on a thriftier system, as many as there are);
 *   - a pair of pools whose rate in balance, and whose energy and cost in balance, a point in hand already beats. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "search/serve_ways.h"

bool slip_ways_stopped(const slip_ways *s) {
  return s->watch->stop && *s->watch->stop;
}

static int compare_shapes(const slip_serve_plan *a, const slip_serve_plan *b) {
  const int64_t x[] = {a->tp, a->pp, a->dp, a->ep, a->batch, a->chunk, a->poll, a->wait, a->instances};
  const int64_t y[] = {b->tp, b->pp, b->dp, b->ep, b->batch, b->chunk, b->poll, b->wait, b->instances};
  for (size_t i = 0; i < sizeof x / sizeof *x; i++)
    if (x[i] != y[i])
      return x[i] < y[i] ? -1 : 1;
  return 0;
}

static int compare_candidates(const void *a, const void *b) {
  const slip_way *x = a, *y = b;
  if (x->variant != y->variant)
    return x->variant < y->variant ? -1 : 1;
  if (x->disaggregated != y->disaggregated)
    return x->disaggregated ? 1 : -1;
  int prefill = compare_shapes(&x->prefill, &y->prefill);
  return prefill != 0 ? prefill : compare_shapes(&x->decode, &y->decode);
}

/* ---- objectives ---- */

/* share_b: of the chips that are of the decode side's system. */
void slip_ways_objectives(const slip_ways *s, double tokens, double tpot_s, double power_w, double share_b,
                          double out[4]) {
  double capital = s->price[0].usd_per_chip_s * (1 - share_b) + s->price[1].usd_per_chip_s * share_b;
  out[0] = -tokens;
  out[1] = s->best_only ? 0 : tpot_s;
  out[2] = s->best_only ? 0 : slip_ways_known((capital + s->price[0].usd_per_j * power_w) / tokens * 1e6);
  out[3] = s->best_only ? 0 : slip_ways_known(power_w / tokens * s->pue);
}

static void add(slip_ways *s, slip_way *c) {
  s->stats.evaluated++;
  s->stats.feasible++;
  slip_front_add(&s->front, c);
}

void slip_ways_add(slip_ways *s, int variant, const slip_serve_result *r) {
  slip_way c = {
      .variant = variant, .disaggregated = r->disaggregated, .prefill = r->prefill.plan, .decode = r->decode.plan};
  c.prefill.disaggregated = c.decode.disaggregated = r->disaggregated;
  c.prefill.batch = r->disaggregated ? 0 : r->decode.plan.batch; /* a prefill pool's batch follows from its chunk */
  slip_ways_objectives(s, r->output_tokens_per_s_per_chip, r->tpot_s, r->system_power_w_per_chip,
                       r->disaggregated ? r->decode.chips_share : 0, c.at.objective);
  add(s, &c);
}

void slip_ways_refuse(slip_ways *s, const slip_error *err) {
  s->stats.evaluated++;
  if (s->reason.code == SLIP_OK)
    s->reason = *err;
}

/* ---- pools ---- */

static void cost_prefill(const slip_serve *serve, slip_serve_plan plan, slip_way_pool *out) {
  plan.disaggregated = false;
  plan.batch = 0;
  out->there = slip_serve_prefill(serve, &plan, &out->pool, &out->latency_s, NULL) == SLIP_OK;
  if (out->there)
    out->power_w = slip_serve_pool_power_w(serve, &out->pool);
}

/* All batches of one shape. The last is solved for. */
static void cost_decode(const slip_serve *serve, slip_serve_plan plan, const slip_serve_plan *fixed,
                        slip_way_pool out[SLIP_MAX_BATCHES]) {
  slip_pool opened;
  double batches[SLIP_MAX_BATCHES];
  for (int k = 0; k < SLIP_MAX_BATCHES; k++)
    out[k].there = false;
  if (slip_serve_open_pool(serve, &plan, 1 + serve->drafts, &opened, NULL) != SLIP_OK)
    return;
  int n = slip_serve_batches(serve, &opened, fixed, batches);
  for (int k = 0; k < n; k++) {
    slip_way_pool *point = &out[k];
    if (batches[k] > 0) {
      point->pool = opened;
      slip_serve_fill_decode(serve, &point->pool, batches[k]);
      point->latency_s = point->pool.step.seconds / serve->tokens_per_step;
      point->there =
          true; /* whether it meets the TPOT objective is asked where it is used: alone or beside prefill */
    } else {
      point->there = slip_serve_decode(serve, &plan, &point->pool, &point->latency_s, NULL) == SLIP_OK;
    }
    point->per_replica = (double)point->pool.plan.batch / (double)plan.dp;
    if (point->there)
      point->power_w = slip_serve_pool_power_w(serve, &point->pool);
  }
}

static void cost_pools(slip_ways *s, const slip_serve_variant *v) {
#pragma omp parallel for schedule(dynamic, 4)
  for (int i = 0; i < s->n_shapes; i++)
    for (int k = 0; k < s->n_chunks; k++) {
      slip_serve_plan plan = s->shapes[i];
      plan.chunk = s->chunks[k];
      s->prefill[i * s->n_chunks + k].there = false;
      if (!slip_ways_stopped(s))
        cost_prefill(v->prefill, plan, &s->prefill[i * s->n_chunks + k]);
    }
#pragma omp parallel for schedule(dynamic, 4)
  for (int i = 0; i < s->n_decode_shapes; i++) {
    slip_way_pool *points = &s->decode[(size_t)i * SLIP_MAX_BATCHES];
    for (int k = 0; k < SLIP_MAX_BATCHES; k++)
      points[k].there = false;
    if (!slip_ways_stopped(s))
      cost_decode(v->decode, s->decode_shapes[i], &s->space->fixed, points);
  }
}

bool slip_ways_in_fleet(const slip_serve_variant *v, const slip_pool *pool) {
  return v->chips == 0 || pool->instance_chips <= v->chips;
}

/* ---- both phases on the same chips ---- */

static void share_with(slip_ways *s, int variant, const slip_way_pool *prefill, const slip_pool *decode, double n) {
  const slip_serve *serve = s->variants.list[variant].prefill;
  slip_serve_result r;
  slip_error err;
  memset(&r, 0, sizeof r);
  r.prefill = prefill->pool;
  r.decode = *decode;
  r.decode.plan = prefill->pool.plan; /* one plan, with the chunk */
  r.decode.plan.batch = decode->plan.batch;
  r.ttft_s = prefill->latency_s;
  s->stats.legal++;
  slip_serve_mix(serve, &r.decode.plan, n, &r);
  if (r.tpot_s > slip_serve_job_of(serve)->tpot_s)
    s->stats.evaluated++;
  else if (slip_serve_share(serve, &r, &err) == SLIP_OK)
    slip_ways_add(s, variant, &r);
  else
    slip_ways_refuse(s, &err);
}

static void try_shared(slip_ways *s, int variant) {
  const slip_serve_variant *v = &s->variants.list[variant];
  for (int i = 0; i < s->n_shapes && !slip_ways_stopped(s); i++)
    for (int k = 0; k < s->n_chunks; k++) {
      const slip_way_pool *prefill = &s->prefill[i * s->n_chunks + k];
      slip_pool opened;
      double n;
      slip_error err;
      slip_serve_plan plan = s->shapes[i];
      plan.chunk = s->chunks[k];
      if (!prefill->there || !slip_ways_in_fleet(v, &prefill->pool) ||
          slip_serve_open_pool(v->prefill, &plan, slip_serve_chunk(&plan), &opened, NULL) != SLIP_OK)
        continue;
      double most = slip_serve_most_sequences(v->prefill, &opened);
      const slip_way_pool *decode = &s->decode[(size_t)i * SLIP_MAX_BATCHES];
      double batches[SLIP_MAX_BATCHES];
      int count = slip_serve_batches(v->prefill, &opened, &s->space->fixed, batches);
      for (int b = 0; b < count - 1; b++) {
        const slip_way_pool *same = NULL; /* the decode step does not depend on the chunk */
        for (int d = 0; d < SLIP_MAX_BATCHES && !same; d++)
          if (decode[d].there && !(decode[d].per_replica < batches[b] || decode[d].per_replica > batches[b]))
            same = &decode[d];
        slip_pool filled = opened;
        if (!same)
          slip_serve_fill_decode(v->prefill, &filled, batches[b]);
        if (batches[b] < most)
          share_with(s, variant, prefill, same ? &same->pool : &filled, batches[b]);
      }
      if (slip_serve_mixed_batch(v->prefill, &opened, &prefill->pool, &n, &err) == SLIP_OK) {
        slip_serve_fill_decode(v->prefill, &opened, n);
        share_with(s, variant, prefill, &opened, n);
      } else {
        s->stats.legal++;
        slip_ways_refuse(s, &err);
      }
    }
}

/* ---- one by one ---- */

static void estimate(slip_ways *s, int variant, const slip_serve_plan *plan, const slip_serve_plan *decode_plan) {
  const slip_serve_variant *v = &s->variants.list[variant];
  slip_serve_result r;
  slip_error err;
  s->stats.legal++;
  if (slip_serve_estimate(v->prefill, plan, v->decode, decode_plan, &r, &err) == SLIP_OK)
    slip_ways_add(s, variant, &r);
  else
    slip_ways_refuse(s, &err);
}

static void estimate_splits(slip_ways *s, int variant, slip_serve_plan a, slip_serve_plan b) {
  const slip_serve_variant *v = &s->variants.list[variant];
  int64_t size_a = slip_serve_chips(v->prefill, &a), size_b = slip_serve_chips(v->decode, &b);
  if (v->chips == 0)
    estimate(s, variant, &a, &b);
  for (int64_t n = 1; n * size_a + size_b <= v->chips && !slip_ways_stopped(s); n++)
    for (int64_t m = 1; n * size_a + m * size_b <= v->chips; m++) {
      a.instances = n;
      b.instances = m;
      estimate(s, variant, &a, &b);
    }
}

/* Batches of a plan in a pool with `tokens` a pass. */
static int list_batches(const slip_ways *s, const slip_serve *serve, const slip_serve_plan *plan, double tokens,
                        double *out) {
  slip_pool pool;
  if (slip_serve_open_pool(serve, plan, tokens, &pool, NULL) != SLIP_OK)
    return 0;
  return slip_serve_batches(serve, &pool, &s->space->fixed, out);
}

static void brute_force(slip_ways *s, int variant, bool shared, bool apart) {
  const slip_serve_variant *v = &s->variants.list[variant];
  double batches[SLIP_MAX_BATCHES];
  for (int i = 0; i < s->n_shapes; i++)
    for (int k = 0; k < s->n_chunks; k++) {
      slip_serve_plan a = s->shapes[i];
      a.chunk = s->chunks[k];
      int n = shared ? list_batches(s, v->prefill, &a, slip_serve_chunk(&a), batches) : 0;
      for (int b = 0; b < n && !slip_ways_stopped(s); b++) {
        slip_serve_plan plan = a;
        plan.disaggregated = false;
        plan.batch = batches[b] > 0 ? (int64_t)(batches[b] * (double)plan.dp) : s->space->fixed.batch;
        estimate(s, variant, &plan, NULL);
      }
      a.disaggregated = true;
      a.batch = 0;
      for (int j = 0; apart && j < s->n_decode_shapes; j++) {
        slip_serve_plan d = s->decode_shapes[j];
        d.disaggregated = true;
        n = list_batches(s, v->decode, &d, 1 + v->decode->drafts, batches);
        for (int b = 0; b < n && !slip_ways_stopped(s); b++) {
          d.batch = batches[b] > 0 ? (int64_t)(batches[b] * (double)d.dp) : s->space->fixed.batch;
          estimate_splits(s, variant, a, d);
        }
      }
    }
}

/* ---- the whole ---- */

static void tell(const slip_ways *s, int done) {
  if (s->watch->progress)
    s->watch->progress((double)done / (double)(s->variants.n_drafts * s->variants.n_clusters), s->watch->context);
}

/* The cluster in which every shape of the others fits as well. */
static const slip_serve_variant *largest(const slip_ways *s, int draft) {
  const slip_serve_variant *most = &s->variants.list[draft * s->variants.n_clusters];
  for (int c = 1; c < s->variants.n_clusters; c++) {
    const slip_serve_variant *v = &s->variants.list[draft * s->variants.n_clusters + c];
    if (most->chips != 0 && (v->chips == 0 || v->chips > most->chips))
      most = v;
  }
  return most;
}

static slip_status run_draft(slip_ways *s, int draft, slip_error *err) {
  slip_status status = SLIP_OK;
  const slip_serve_variant *most = largest(s, draft);
  bool two_systems = most->decode != most->prefill;
  bool shared = s->space->disaggregated != 1 && !two_systems, apart = s->space->disaggregated != 0 || two_systems;
  s->n_shapes = slip_serve_shapes(most->prefill, &s->space->fixed, s->shapes, &s->stats.illegal);
  s->n_decode_shapes = slip_serve_shapes(most->decode, &s->space->fixed, s->decode_shapes, &s->stats.illegal);
  free(s->prefill);
  free(s->decode);
  s->prefill = calloc((size_t)s->n_shapes * (size_t)s->n_chunks + 1, sizeof *s->prefill);
  s->decode = calloc((size_t)s->n_decode_shapes * SLIP_MAX_BATCHES + 1, sizeof *s->decode);
  if (!s->prefill || !s->decode)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "no memory for the search");
  if (s->space->mode != SLIP_SEARCH_BRUTE)
    cost_pools(s, most);
  for (int c = 0; c < s->variants.n_clusters; c++) {
    int variant = draft * s->variants.n_clusters + c;
    if (s->space->mode == SLIP_SEARCH_BRUTE) {
      brute_force(s, variant, shared, apart);
    } else {
      if (shared)
        try_shared(s, variant);
      if (apart)
        SLIP_TRY(slip_ways_apart(s, variant, err));
    }
    tell(s, variant + 1);
  }
cleanup:
  return status;
}

/* Why nothing serves: of a way that was joined, or of the first pool that is not. */
static void explain(slip_ways *s, slip_error *out) {
  const slip_serve_variant *v = &s->variants.list[0];
  slip_serve_result r;
  if (s->reason.code == SLIP_OK && s->n_shapes > 0) {
    slip_serve_plan plan = s->shapes[0];
    plan.disaggregated = s->space->disaggregated == 1 || v->decode != v->prefill;
    slip_serve_estimate(v->prefill, &plan, v->decode, s->n_decode_shapes > 0 ? &s->decode_shapes[0] : NULL, &r,
                        &s->reason);
  }
  *out = s->reason;
}

static slip_status run(slip_ways *s, slip_search_stats *stats, slip_error *err) {
  slip_status status = SLIP_OK;
  s->shapes = calloc(2 * SLIP_MAX_SHAPES, sizeof *s->shapes);
  if (!s->shapes)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "no memory for the search");
  s->decode_shapes = s->shapes + SLIP_MAX_SHAPES;
  s->n_chunks = slip_serve_chunks(&s->space->fixed, s->chunks);
  for (int d = 0; d < s->variants.n_drafts && !slip_ways_stopped(s); d++)
    SLIP_TRY(run_draft(s, d, err));
  if (stats)
    *stats = s->stats;
  if (s->front.failed)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "no memory for the front");
  if (slip_ways_stopped(s))
    SLIP_FAIL(err, s->front.count > 0 ? SLIP_INTERRUPTED : SLIP_INFEASIBLE, "stopped after %lld plans%s",
              (long long)s->stats.evaluated, s->front.count > 0 ? "" : "; none of them serves");
  if (s->front.count == 0) {
    slip_error reason;
    explain(s, &reason);
    SLIP_FAIL(err, SLIP_INFEASIBLE, "no plan serves; the first %s",
              reason.code != SLIP_OK ? reason.message : "shape is illegal");
  }
cleanup:
  return status;
}

static slip_status fill_point(const slip_ways *s, const slip_way *c, slip_serve_point *out, slip_error *err) {
  const slip_serve_variant *v = &s->variants.list[c->variant];
  slip_status status = slip_serve_estimate(v->prefill, &c->prefill, v->decode, &c->decode, &out->result, err);
  double usd = c->at.objective[2], joule = c->at.objective[3];
  out->chips = v->chips;
  out->speculates = v->speculates;
  out->usd_per_mtoken = usd > 0 ? usd : NAN;
  out->joule_per_token = joule > 0 ? joule : NAN;
  return status;
}

static slip_status give_points(const slip_ways *s, slip_serve_point **out, size_t *count, slip_error *err) {
  slip_status status = SLIP_OK;
  slip_serve_point *points = calloc(s->front.count, sizeof *points);
  if (!points)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "no memory for the front");
  for (size_t i = 0; i < s->front.count; i++)
    SLIP_TRY(fill_point(s, (const slip_way *)(const void *)s->front.points + i, &points[i], err));
  *out = points;
  *count = s->front.count;
  points = NULL;
cleanup:
  free(points);
  return status;
}

static slip_status open_search(slip_ways *s, const slip_serve *serve, const slip_serve *decode, slip_error *err) {
  slip_front_open(&s->front, sizeof(slip_way), compare_candidates);
  return slip_serve_variants_open(serve, decode, s->space, &s->variants, err);
}

static void close_search(slip_ways *s) {
  slip_front_free(&s->front);
  slip_serve_variants_close(&s->variants);
  free(s->shapes);
  free(s->prefill);
  free(s->decode);
}

slip_status slip_serve_pareto(const slip_serve *serve, const slip_serve *decode, const slip_serve_space *space,
                              const slip_price price[2], double pue, const slip_search_watch *watch,
                              slip_serve_point **out, size_t *count, slip_search_stats *stats, slip_error *err) {
  const slip_search_watch nobody = {0};
  slip_ways s = {.space = space, .watch = watch ? watch : &nobody, .price = {{NAN, NAN}, {NAN, NAN}}, .pue = pue};
  *out = NULL;
  *count = 0;
  if (price) {
    s.price[0] = price[0];
    s.price[1] = price[decode && decode != serve ? 1 : 0];
  }
  slip_status status = open_search(&s, serve, decode, err);
  if (status == SLIP_OK)
    status = run(&s, stats, err);
  if (s.front.count > 0 && (status == SLIP_OK || status == SLIP_INTERRUPTED)) {
    slip_front_sort(&s.front);
    slip_status given = give_points(&s, out, count, err);
    status = given == SLIP_OK ? status : given;
  }
  close_search(&s);
  return status;
}

slip_status slip_serve_search(const slip_serve *serve, const slip_serve *decode, const slip_serve_space *space,
                              const slip_search_watch *watch, slip_serve_point *out, slip_search_stats *stats,
                              slip_error *err) {
  const slip_search_watch nobody = {0};
  slip_ways s = {.space = space,
                 .watch = watch ? watch : &nobody,
                 .price = {{NAN, NAN}, {NAN, NAN}},
                 .pue = 1,
                 .best_only = true};
  slip_status status = open_search(&s, serve, decode, err);
  if (status == SLIP_OK)
    status = run(&s, stats, err);
  if (s.front.count > 0 && (status == SLIP_OK || status == SLIP_INTERRUPTED)) {
    slip_status given = fill_point(&s, (const slip_way *)(const void *)s.front.points, out, err);
    status = given == SLIP_OK ? status : given;
  }
  close_search(&s);
  return status;
}
