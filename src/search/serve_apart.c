/* The front of serving, each phase on chips of its own: pairs of pools and splits of the fleet. What is left out, and why: serve_front.c. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "search/serve_ways.h"

#define ROUNDING 1e-12 /* bounds are sums in another order than what they bound */

static bool ttft_matters(const slip_serve_variant *v) {
  return !isinf(slip_serve_job_of(v->prefill)->ttft_s);
}

/* b is no worse than a whatever they are joined to, and better in something. */
static bool outdoes(const slip_way_pool *b, const slip_way_pool *a, bool decode, bool ttft) {
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
  const slip_way_pool *x = *(const slip_way_pool *const *)a, *y = *(const slip_way_pool *const *)b;
  if (x->pool.instance_chips != y->pool.instance_chips)
    return x->pool.instance_chips < y->pool.instance_chips ? -1 : 1;
  return x < y ? -1 : x > y; /* one array */
}

/* Of kept[from..count) and a pool of the same size, those that nothing outdoes. Returns the new count. */
static int keep_one(const slip_way_pool **kept, int from, int count, const slip_way_pool *p, bool decode,
                    bool ttft) {
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
static int keep_pools(const slip_ways *s, const slip_serve_variant *v, bool decode, const slip_way_pool ***out) {
  const slip_way_pool *points = decode ? s->decode : s->prefill;
  size_t n = decode ? (size_t)s->n_decode_shapes * SLIP_MAX_BATCHES : (size_t)s->n_shapes * (size_t)s->n_chunks,
         there = 0;
  const slip_way_pool **kept = calloc(n + 1, sizeof(slip_way_pool *));
  int count = 0, from = 0;
  *out = kept;
  if (!kept)
    return -1;
  for (size_t i = 0; i < n; i++)
    if (points[i].there && slip_ways_in_fleet(v, &points[i].pool) &&
        !(decode && points[i].latency_s > slip_serve_job_of(v->decode)->tpot_s))
      kept[there++] = &points[i];
  qsort((void *)kept, there, sizeof *kept, by_size);
  for (size_t i = 0; i < there; i++) {
    const slip_way_pool *p = kept[i];
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
  const slip_way_pool *a, *b;
  double isl, osl;
} pair;

/* No split does better than the one in balance with no chip idle. */
static bool pair_is_beaten(slip_ways *s, const pair *p) {
  double per_request =
      p->isl / p->a->pool.tokens_per_s_per_chip + p->osl / p->b->pool.tokens_per_s_per_chip; /* chip-seconds */
  double share_b = p->osl / p->b->pool.tokens_per_s_per_chip / per_request;
  double joules = p->a->power_w * p->isl / p->a->pool.tokens_per_s_per_chip +
                  p->b->power_w * p->osl / p->b->pool.tokens_per_s_per_chip;
  double bound[4];
  slip_ways_objectives(s, p->osl / per_request, p->b->latency_s, joules / per_request, share_b, bound);
  if (s->price[0].usd_per_chip_s < s->price[1].usd_per_chip_s ||
      s->price[0].usd_per_chip_s > s->price[1].usd_per_chip_s) {
    double cheaper =
        fmin(s->price[0].usd_per_chip_s, s->price[1].usd_per_chip_s); /* two systems: any share of either */
    bound[2] = slip_ways_known((cheaper * per_request + s->price[0].usd_per_j * joules) / p->osl * 1e6);
  }
  bound[0] *= 1 + ROUNDING;
  for (int i = 1; i < 4; i++)
    bound[i] *= 1 - ROUNDING;
  return slip_front_covers(&s->front, bound);
}

static void try_split(slip_ways *s, const pair *p, int64_t n, int64_t m) {
  slip_split split = {.prefill_chips = (double)n * (double)p->a->pool.instance_chips,
                      .decode_chips = (double)m * (double)p->b->pool.instance_chips,
                      .all_chips = (double)p->v->chips};
  slip_serve_split_rate(p->v->prefill, &p->a->pool, p->a->power_w, &p->b->pool, p->b->power_w, &split);
  slip_way c = {.variant = p->variant, .disaggregated = true};
  slip_ways_objectives(s, split.requests_per_s_per_chip * p->osl, p->b->latency_s, split.power_w_per_chip,
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
static void try_splits(slip_ways *s, const pair *p) {
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
static void try_balanced(slip_ways *s, const pair *p) {
  slip_serve_result r;
  slip_error err;
  s->stats.legal++;
  memset(&r, 0, sizeof r);
  r.prefill = p->a->pool, r.decode = p->b->pool;
  r.ttft_s = p->a->latency_s, r.tpot_s = p->b->latency_s;
  if (slip_serve_join(p->v->prefill, p->v->decode, &r, &err) == SLIP_OK)
    slip_ways_add(s, p->variant, &r);
  else
    slip_ways_refuse(s, &err);
}

static bool late(const pair *p) {
  double transfer = slip_serve_transfer_s(p->v->prefill, &p->a->pool, p->v->decode, &p->b->pool);
  return p->a->latency_s + (transfer + p->b->pool.step.seconds) > slip_serve_job_of(p->v->prefill)->ttft_s;
}

slip_status slip_ways_apart(slip_ways *s, int variant, slip_error *err) {
  slip_status status = SLIP_OK;
  const slip_serve_variant *v = &s->variants.list[variant];
  const slip_serve_job *job = slip_serve_job_of(v->prefill);
  const slip_way_pool **a = NULL, **b = NULL;
  int n_a = keep_pools(s, v, false, &a), n_b = keep_pools(s, v, true, &b);
  if (n_a < 0 || n_b < 0)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "no memory for the search");
  for (int i = 0; i < n_a && !slip_ways_stopped(s); i++)
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
