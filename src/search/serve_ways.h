/* Inside of the front of serving: ways to serve, and what is known of them.
 *
 *   serve_front.c  pools, both phases on the same chips, one by one; the whole
 *   serve_apart.c  each phase on chips of its own */
#ifndef SLIP_SEARCH_SERVE_WAYS_H
#define SLIP_SEARCH_SERVE_WAYS_H

#include <math.h>

#include "search/front.h"
#include "search/serve_space.h"

typedef struct slip_way {
  slip_front_point at; /* -output tokens/s per chip, TPOT, $ per million tokens, J per token */
  int variant;
  bool disaggregated;
  slip_serve_plan prefill, decode;
} slip_way;

/* One pool by itself, with what a front looks at. */
typedef struct slip_way_pool {
  slip_pool pool;
  double latency_s; /* TTFT of the prefill alone; TPOT */
  double power_w;   /* of a chip at work */
  double per_replica;
  bool there;
} slip_way_pool;

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
  slip_way_pool *prefill; /* [n_shapes * n_chunks] */
  slip_way_pool *decode;  /* [n_decode_shapes * SLIP_MAX_BATCHES] */
} slip_ways;

/* An objective that no price or power is known for counts alike for all ways. */
static inline double slip_ways_known(double objective) {
  return isnan(objective) ? 0 : objective;
}

bool slip_ways_stopped(const slip_ways *s);
/* share_b: of the chips that are of the decode side's system. */
void slip_ways_objectives(const slip_ways *s, double tokens, double tpot_s, double power_w, double share_b,
                          double out[4]);
void slip_ways_add(slip_ways *s, int variant, const slip_serve_result *r);
/* A way that does not serve. */
void slip_ways_refuse(slip_ways *s, const slip_error *err);
bool slip_ways_in_fleet(const slip_serve_variant *v, const slip_pool *pool);
/* All pairs of pools and splits of the fleet that the header of serve_front.c leaves. SLIP_NO_MEMORY. */
slip_status slip_ways_apart(slip_ways *s, int variant, slip_error *err);

#endif
