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
#include "search/front.h"
#include "search/serve_space.h"

#define ROUNDING 1e-12 /* bounds are sums in another order than what they bound */

typedef struct candidate {
  slip_front_point at; /* -output tokens/s per chip, TPOT, $ per million tokens, J per token */
  int variant;
  bool disaggregated;
  slip_serve_plan prefill, decode;
} candidate;

/* One pool by itself, with what a front looks at. */
typedef struct pool_point {
  slip_pool pool;
  double latency_s; /* TTFT of the prefill alone; TPOT */
  double power_w;   /* of a chip at work */
  double per_replica;
  bool there;
} pool_point;

typedef struct search {
  const slip_serve_space *space;
  const slip_search_watch *watch;
  slip_serve_variants variants;
  slip_price price[2];
  double pue;
  bool best_only; /* the most tokens/s per chip is all that counts */
  slip_front front;
  slip_search_stats stats;
  slip_error reason; /* why the first way that does not serve does not */
  slip_serve_plan *shapes;
  slip_serve_plan *decode_shapes;
  int n_shapes, n_decode_shapes;
  int64_t chunks[SLIP_MAX_CHUNKS];
  int n_chunks;
  pool_point *prefill; /* [n_shapes * n_chunks] */
  pool_point *decode;  /* [n_decode_shapes * SLIP_MAX_BATCHES] */
} search;

static bool stopped(const search *s) {
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
  const candidate *x = a, *y = b;
  if (x->variant != y->variant)
    return x->variant < y->variant ? -1 : 1;
  if (x->disaggregated != y->disaggregated)
    return x->disaggregated ? 1 : -1;
  int prefill = compare_shapes(&x->prefill, &y->prefill);
  return prefill != 0 ? prefill : compare_shapes(&x->decode, &y->decode);
}

/* ---- objectives ---- */

static double known(double value) {
  return isnan(value) ? 0 : value;
}

/* share_b: of the chips that are of the decode side's system. */
static void objectives(const search *s, double tokens, double tpot_s, double power_w, double share_b,
                       double out[4]) {
  double capital = s->price[0].usd_per_chip_s * (1 - share_b) + s->price[1].usd_per_chip_s * share_b;
  out[0] = -tokens;
  out[1] = s->best_only ? 0 : tpot_s;
  out[2] = s->best_only ? 0 : known((capital + s->price[0].usd_per_j * power_w) / tokens * 1e6);
  out[3] = s->best_only ? 0 : known(power_w / tokens * s->pue);
}

static void add(search *s, candidate *c) {
  s->stats.evaluated++;
  s->stats.feasible++;
  slip_front_add(&s->front, c);
}

static void add_result(search *s, int variant, const slip_serve_result *r) {
  candidate c = {
      .variant = variant, .disaggregated = r->disaggregated, .prefill = r->prefill.plan, .decode = r->decode.plan};
  c.prefill.disaggregated = c.decode.disaggregated = r->disaggregated;
  c.prefill.batch = r->disaggregated ? 0 : r->decode.plan.batch; /* a prefill pool's batch follows from its chunk */
  objectives(s, r->output_tokens_per_s_per_chip, r->tpot_s, r->system_power_w_per_chip,
             r->disaggregated ? r->decode.chips_share : 0, c.at.objective);
  add(s, &c);
}

static void remember(search *s, const slip_error *err) {
  s->stats.evaluated++;
  if (s->reason.code == SLIP_OK)
    s->reason = *err;
}

/* ---- pools ---- */

static void cost_prefill(const slip_serve *serve, slip_serve_plan plan, pool_point *out) {
  plan.disaggregated = false;
  plan.batch = 0;
  out->there = slip_serve_prefill(serve, &plan, &out->pool, &out->latency_s, NULL) == SLIP_OK;
  if (out->there)
    out->power_w = slip_serve_pool_power_w(serve, &out->pool);
}

/* All batches of one shape. The last is solved for. */
static void cost_decode(const slip_serve *serve, slip_serve_plan plan, const slip_serve_plan *fixed,
                        pool_point out[SLIP_MAX_BATCHES]) {
  slip_pool opened;
  double batches[SLIP_MAX_BATCHES];
  for (int k = 0; k < SLIP_MAX_BATCHES; k++)
    out[k].there = false;
  if (slip_serve_open_pool(serve, &plan, 1 + serve->drafts, &opened, NULL) != SLIP_OK)
    return;
  int n = slip_serve_batches(serve, &opened, fixed, batches);
  for (int k = 0; k < n; k++) {
    pool_point *point = &out[k];
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

static void cost_pools(search *s, const slip_serve_variant *v) {
#pragma omp parallel for schedule(dynamic, 4)
  for (int i = 0; i < s->n_shapes; i++)
    for (int k = 0; k < s->n_chunks; k++) {
      slip_serve_plan plan = s->shapes[i];
      plan.chunk = s->chunks[k];
      s->prefill[i * s->n_chunks + k].there = false;
      if (!stopped(s))
        cost_prefill(v->prefill, plan, &s->prefill[i * s->n_chunks + k]);
    }
#pragma omp parallel for schedule(dynamic, 4)
  for (int i = 0; i < s->n_decode_shapes; i++) {
    pool_point *points = &s->decode[(size_t)i * SLIP_MAX_BATCHES];
    for (int k = 0; k < SLIP_MAX_BATCHES; k++)
      points[k].there = false;
    if (!stopped(s))
      cost_decode(v->decode, s->decode_shapes[i], &s->space->fixed, points);
  }
}

static bool in_fleet(const slip_serve_variant *v, const slip_pool *pool) {
  return v->chips == 0 || pool->instance_chips <= v->chips;
}

/* ---- both phases on the same chips ---- */

static void share_with(search *s, int variant, const pool_point *prefill, const slip_pool *decode, double n) {
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
    add_result(s, variant, &r);
  else
    remember(s, &err);
}

static void try_shared(search *s, int variant) {
  const slip_serve_variant *v = &s->variants.list[variant];
  for (int i = 0; i < s->n_shapes && !stopped(s); i++)
    for (int k = 0; k < s->n_chunks; k++) {
      const pool_point *prefill = &s->prefill[i * s->n_chunks + k];
      slip_pool opened;
      double n;
      slip_error err;
      slip_serve_plan plan = s->shapes[i];
      plan.chunk = s->chunks[k];
      if (!prefill->there || !in_fleet(v, &prefill->pool) ||
          slip_serve_open_pool(v->prefill, &plan, slip_serve_chunk(&plan), &opened, NULL) != SLIP_OK)
        continue;
      double most = slip_serve_most_sequences(v->prefill, &opened);
      const pool_point *decode = &s->decode[(size_t)i * SLIP_MAX_BATCHES];
      double batches[SLIP_MAX_BATCHES];
      int count = slip_serve_batches(v->prefill, &opened, &s->space->fixed, batches);
      for (int b = 0; b < count - 1; b++) {
        const pool_point *same = NULL; /* the decode step does not depend on the chunk */
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
        remember(s, &err);
      }
    }
}

/* ---- each phase on chips of its own ---- */

static bool ttft_matters(const slip_serve_variant *v) {
  return !isinf(slip_serve_job_of(v->prefill)->ttft_s);
}

/* b is no worse than a whatever they are joined to, and better in something. */
static bool outdoes(const pool_point *b, const pool_point *a, bool decode, bool ttft) {
  const slip_pool *x = &a->pool, *y = &b->pool;
  if (x->instance_chips != y->instance_chips || (ttft && x->plan.tp * x->plan.pp != y->plan.tp * y->plan.pp))
    return false;
  bool latency = decode || ttft;
  bool no_worse = y->tokens_per_s_per_chip >= x->tokens_per_s_per_chip && !(b->power_w > a->power_w) &&
                  (!latency || b->latency_s <= a->latency_s);
  bool better = y->tokens_per_s_per_chip > x->tokens_per_s_per_chip || b->power_w < a->power_w ||
                (latency && b->latency_s < a->latency_s);
  return no_worse && better;
}

static int by_size(const void *a, const void *b) {
  const pool_point *x = *(const pool_point *const *)a, *y = *(const pool_point *const *)b;
  if (x->pool.instance_chips != y->pool.instance_chips)
    return x->pool.instance_chips < y->pool.instance_chips ? -1 : 1;
  return x < y ? -1 : x > y; /* one array */
}

/* Of kept[from..count) and a pool of the same size, those that nothing outdoes. Returns the new count. */
static int keep_one(const pool_point **kept, int from, int count, const pool_point *p, bool decode, bool ttft) {
  int left = from;
  for (int k = from; k < count; k++)
    if (outdoes(kept[k], p, decode, ttft))
      return count;
  for (int k = from; k < count; k++)
    if (!outdoes(p, kept[k], decode, ttft))
      kept[left++] = kept[k];
  kept[left++] = p;
  return left;
}

/* The pools of one phase that nothing outdoes, by size of instance. Returns how many, -1 without memory; *out is the caller's to
 * free. */
static int keep_pools(const search *s, const slip_serve_variant *v, bool decode, const pool_point ***out) {
  const pool_point *points = decode ? s->decode : s->prefill;
  size_t n = decode ? (size_t)s->n_decode_shapes * SLIP_MAX_BATCHES : (size_t)s->n_shapes * (size_t)s->n_chunks,
         there = 0;
  const pool_point **kept = calloc(n + 1, sizeof(pool_point *));
  int count = 0, from = 0;
  *out = kept;
  if (!kept)
    return -1;
  for (size_t i = 0; i < n; i++)
    if (points[i].there && in_fleet(v, &points[i].pool) &&
        !(decode && points[i].latency_s > slip_serve_job_of(v->decode)->tpot_s))
      kept[there++] = &points[i];
  qsort((void *)kept, there, sizeof *kept, by_size);
  for (size_t i = 0; i < there; i++) {
    const pool_point *p = kept[i];
    if (count > 0 && kept[count - 1]->pool.instance_chips != p->pool.instance_chips)
      from = count;
    count = keep_one(kept, from, count, p, decode, ttft_matters(v));
  }
  return count;
}

/* Two pools, and what does not depend on how many instances there are of each. */
typedef struct pair {
  int variant;
  const slip_serve_variant *v;
  const pool_point *a, *b;
  double isl, osl;
} pair;

/* No split does better than the one in balance with no chip idle. */
static bool pair_is_beaten(search *s, const pair *p) {
  double per_request =
      p->isl / p->a->pool.tokens_per_s_per_chip + p->osl / p->b->pool.tokens_per_s_per_chip; /* chip-seconds */
  double share_b = p->osl / p->b->pool.tokens_per_s_per_chip / per_request;
  double joules = p->a->power_w * p->isl / p->a->pool.tokens_per_s_per_chip +
                  p->b->power_w * p->osl / p->b->pool.tokens_per_s_per_chip;
  double bound[4];
  objectives(s, p->osl / per_request, p->b->latency_s, joules / per_request, share_b, bound);
  if (s->price[0].usd_per_chip_s < s->price[1].usd_per_chip_s ||
      s->price[0].usd_per_chip_s > s->price[1].usd_per_chip_s) {
    double cheaper =
        fmin(s->price[0].usd_per_chip_s, s->price[1].usd_per_chip_s); /* two systems: any share of either */
    bound[2] = known((cheaper * per_request + s->price[0].usd_per_j * joules) / p->osl * 1e6);
  }
  bound[0] *= 1 + ROUNDING;
  for (int i = 1; i < 4; i++)
    bound[i] *= 1 - ROUNDING;
  return slip_front_covers(&s->front, bound);
}

static void try_split(search *s, const pair *p, int64_t n, int64_t m) {
  slip_split split = {.prefill_chips = (double)n * (double)p->a->pool.instance_chips,
                      .decode_chips = (double)m * (double)p->b->pool.instance_chips,
                      .all_chips = (double)p->v->chips};
  slip_serve_split_rate(p->v->prefill, &p->a->pool, p->a->power_w, &p->b->pool, p->b->power_w, &split);
  candidate c = {.variant = p->variant, .disaggregated = true};
  objectives(s, split.requests_per_s_per_chip * p->osl, p->b->latency_s, split.power_w_per_chip,
             split.decode_chips / split.all_chips, c.at.objective);
  s->stats.evaluated++;
  s->stats.feasible++;
  if (slip_front_covers(&s->front, c.at.objective))
    return;
  c.prefill = p->a->pool.plan;
  c.decode = p->b->pool.plan;
  c.prefill.batch = 0;
  c.prefill.disaggregated = c.decode.disaggregated = true;
  c.prefill.instances = n;
  c.decode.instances = m;
  slip_front_add(&s->front, &c);
}

static int64_t splits_of(int64_t chips, int64_t size_a, int64_t size_b) {
  int64_t count = 0;
  for (int64_t n = 1; n * size_a + size_b <= chips; n++)
    count += (chips - n * size_a) / size_b;
  return count;
}

/* Every number of prefill instances, with the numbers of decode instances that the header of this file leaves. */
static void try_splits(search *s, const pair *p) {
  int64_t size_a = p->a->pool.instance_chips, size_b = p->b->pool.instance_chips, chips = p->v->chips;
  double rate_a = p->a->pool.tokens_per_s_per_chip * (double)size_a / p->isl;
  double rate_b = p->b->pool.tokens_per_s_per_chip * (double)size_b / p->osl;
  int64_t before = s->stats.evaluated, all = splits_of(chips, size_a, size_b);
  s->stats.legal += all;
  if (!pair_is_beaten(s, p))
    for (int64_t n = 1; n * size_a + size_b <= chips; n++) {
      int64_t most = (chips - n * size_a) / size_b;
      int64_t pace = (int64_t)fmin(ceil((double)n * rate_a / rate_b), (double)most);
      for (int64_t m = pace > 1 ? pace - 1 : 1; m <= pace + 1 && m <= most; m++)
        try_split(s, p, n, m);
      if (most > pace + 1)
        try_split(s, p, n, most);
    }
  s->stats.pruned += all - (s->stats.evaluated - before);
}

/* An open fleet has the pools in balance. */
static void try_balanced(search *s, const pair *p) {
  slip_serve_result r;
  slip_error err;
  s->stats.legal++;
  memset(&r, 0, sizeof r);
  r.prefill = p->a->pool, r.decode = p->b->pool;
  r.ttft_s = p->a->latency_s, r.tpot_s = p->b->latency_s;
  if (slip_serve_join(p->v->prefill, p->v->decode, &r, &err) == SLIP_OK)
    add_result(s, p->variant, &r);
  else
    remember(s, &err);
}

static bool late(const pair *p) {
  double transfer = slip_serve_transfer_s(p->v->prefill, &p->a->pool, p->v->decode, &p->b->pool);
  return p->a->latency_s + (transfer + p->b->pool.step.seconds) > slip_serve_job_of(p->v->prefill)->ttft_s;
}

static slip_status try_apart(search *s, int variant, slip_error *err) {
  slip_status status = SLIP_OK;
  const slip_serve_variant *v = &s->variants.list[variant];
  const slip_serve_job *job = slip_serve_job_of(v->prefill);
  const pool_point **a = NULL, **b = NULL;
  int n_a = keep_pools(s, v, false, &a), n_b = keep_pools(s, v, true, &b);
  if (n_a < 0 || n_b < 0)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "no memory for the search");
  for (int i = 0; i < n_a && !stopped(s); i++)
    for (int k = 0; k < n_b; k++) {
      const pair p = {variant, v, a[i], b[k], fmax(1, (double)job->isl * (1 - job->prefix_hit)), (double)job->osl};
      if (late(&p))
        continue;
      if (v->chips > 0)
        try_splits(s, &p);
      else
        try_balanced(s, &p);
    }
cleanup:
  free((void *)a);
  free((void *)b);
  return status;
}

/* ---- one by one ---- */

static void estimate(search *s, int variant, const slip_serve_plan *plan, const slip_serve_plan *decode_plan) {
  const slip_serve_variant *v = &s->variants.list[variant];
  slip_serve_result r;
  slip_error err;
  s->stats.legal++;
  if (slip_serve_estimate(v->prefill, plan, v->decode, decode_plan, &r, &err) == SLIP_OK)
    add_result(s, variant, &r);
  else
    remember(s, &err);
}

static void estimate_splits(search *s, int variant, slip_serve_plan a, slip_serve_plan b) {
  const slip_serve_variant *v = &s->variants.list[variant];
  int64_t size_a = slip_serve_chips(v->prefill, &a), size_b = slip_serve_chips(v->decode, &b);
  if (v->chips == 0)
    estimate(s, variant, &a, &b);
  for (int64_t n = 1; n * size_a + size_b <= v->chips && !stopped(s); n++)
    for (int64_t m = 1; n * size_a + m * size_b <= v->chips; m++) {
      a.instances = n;
      b.instances = m;
      estimate(s, variant, &a, &b);
    }
}

/* Batches of a plan in a pool with `tokens` a pass. */
static int list_batches(const search *s, const slip_serve *serve, const slip_serve_plan *plan, double tokens,
                        double *out) {
  slip_pool pool;
  if (slip_serve_open_pool(serve, plan, tokens, &pool, NULL) != SLIP_OK)
    return 0;
  return slip_serve_batches(serve, &pool, &s->space->fixed, out);
}

static void brute_force(search *s, int variant, bool shared, bool apart) {
  const slip_serve_variant *v = &s->variants.list[variant];
  double batches[SLIP_MAX_BATCHES];
  for (int i = 0; i < s->n_shapes; i++)
    for (int k = 0; k < s->n_chunks; k++) {
      slip_serve_plan a = s->shapes[i];
      a.chunk = s->chunks[k];
      int n = shared ? list_batches(s, v->prefill, &a, slip_serve_chunk(&a), batches) : 0;
      for (int b = 0; b < n && !stopped(s); b++) {
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
        for (int b = 0; b < n && !stopped(s); b++) {
          d.batch = batches[b] > 0 ? (int64_t)(batches[b] * (double)d.dp) : s->space->fixed.batch;
          estimate_splits(s, variant, a, d);
        }
      }
    }
}

/* ---- the whole ---- */

static void tell(const search *s, int done) {
  if (s->watch->progress)
    s->watch->progress((double)done / (double)(s->variants.n_drafts * s->variants.n_clusters), s->watch->context);
}

/* The cluster in which every shape of the others fits as well. */
static const slip_serve_variant *largest(const search *s, int draft) {
  const slip_serve_variant *most = &s->variants.list[draft * s->variants.n_clusters];
  for (int c = 1; c < s->variants.n_clusters; c++) {
    const slip_serve_variant *v = &s->variants.list[draft * s->variants.n_clusters + c];
    if (most->chips != 0 && (v->chips == 0 || v->chips > most->chips))
      most = v;
  }
  return most;
}

static slip_status run_draft(search *s, int draft, slip_error *err) {
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
        SLIP_TRY(try_apart(s, variant, err));
    }
    tell(s, variant + 1);
  }
cleanup:
  return status;
}

/* Why nothing serves: of a way that was joined, or of the first pool that is not. */
static void explain(search *s, slip_error *out) {
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

static slip_status run(search *s, slip_search_stats *stats, slip_error *err) {
  slip_status status = SLIP_OK;
  s->shapes = calloc(2 * SLIP_MAX_SHAPES, sizeof *s->shapes);
  if (!s->shapes)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "no memory for the search");
  s->decode_shapes = s->shapes + SLIP_MAX_SHAPES;
  s->n_chunks = slip_serve_chunks(&s->space->fixed, s->chunks);
  for (int d = 0; d < s->variants.n_drafts && !stopped(s); d++)
    SLIP_TRY(run_draft(s, d, err));
  if (stats)
    *stats = s->stats;
  if (s->front.failed)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "no memory for the front");
  if (stopped(s))
    SLIP_FAIL(err, s->front.count > 0 ? SLIP_INTERRUPTED : SLIP_INFEASIBLE, "stopped after %lld plans%s",
              (long long)s->stats.evaluated, s->front.count > 0 ? "" : "; none of them serves");
  if (s->front.count == 0) {
    slip_error reason;
    explain(s, &reason);
    SLIP_FAIL(err, SLIP_INFEASIBLE, "none of %lld plans serves; the first %s", (long long)s->stats.legal,
              reason.code != SLIP_OK ? reason.message : "shape is illegal");
  }
cleanup:
  return status;
}

static slip_status fill_point(const search *s, const candidate *c, slip_serve_point *out, slip_error *err) {
  const slip_serve_variant *v = &s->variants.list[c->variant];
  slip_status status = slip_serve_estimate(v->prefill, &c->prefill, v->decode, &c->decode, &out->result, err);
  double usd = c->at.objective[2], joule = c->at.objective[3];
  out->chips = v->chips;
  out->speculates = v->speculates;
  out->usd_per_mtoken = usd > 0 ? usd : NAN;
  out->joule_per_token = joule > 0 ? joule : NAN;
  return status;
}

static slip_status give_points(const search *s, slip_serve_point **out, size_t *count, slip_error *err) {
  slip_status status = SLIP_OK;
  slip_serve_point *points = calloc(s->front.count, sizeof *points);
  if (!points)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "no memory for the front");
  for (size_t i = 0; i < s->front.count; i++)
    SLIP_TRY(fill_point(s, (const candidate *)(const void *)s->front.points + i, &points[i], err));
  *out = points;
  *count = s->front.count;
  points = NULL;
cleanup:
  free(points);
  return status;
}

static slip_status open_search(search *s, const slip_serve *serve, const slip_serve *decode, slip_error *err) {
  slip_front_open(&s->front, sizeof(candidate), compare_candidates);
  return slip_serve_variants_open(serve, decode, s->space, &s->variants, err);
}

static void close_search(search *s) {
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
  search s = {.space = space, .watch = watch ? watch : &nobody, .price = {{NAN, NAN}, {NAN, NAN}}, .pue = pue};
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
  search s = {.space = space,
              .watch = watch ? watch : &nobody,
              .price = {{NAN, NAN}, {NAN, NAN}},
              .pue = 1,
              .best_only = true};
  slip_status status = open_search(&s, serve, decode, err);
  if (status == SLIP_OK)
    status = run(&s, stats, err);
  if (s.front.count > 0 && (status == SLIP_OK || status == SLIP_INTERRUPTED)) {
    slip_status given = fill_point(&s, (const candidate *)(const void *)s.front.points, out, err);
    status = given == SLIP_OK ? status : given;
  }
  close_search(&s);
  return status;
}
