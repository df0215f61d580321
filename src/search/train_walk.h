/* Every plan of one cut, evaluated: by reusing what plans share, or each in full. */
#ifndef SLIP_SEARCH_TRAIN_WALK_H
#define SLIP_SEARCH_TRAIN_WALK_H

#include "search/front.h"
#include "search/train_space.h"

/* A plan with its objectives: step time, memory, chips, cost of a step. */
typedef struct slip_train_candidate {
  slip_front_point at; /* objective[3] is 0 when the cost is not known */
  slip_plan plan;
  int format, cluster;
} slip_train_candidate;

enum { SLIP_AT_STEP, SLIP_AT_MEMORY, SLIP_AT_CHIPS, SLIP_AT_COST };

/* By chips, format, and the fields of the plan: what decides between equals. */
int slip_compare_candidates(const void *a, const void *b);

/* What one share of a search came to. */
typedef struct slip_train_outcome {
  slip_train_candidate best; /* of those that fit */
  bool found;
  slip_train_candidate nearest; /* of those that do not: memory over capacity in objective[0] */
  bool missed;
  slip_search_stats stats;
  slip_front front; /* when the walk has a price to look at, or a front is wanted */
} slip_train_outcome;

/* What a walk needs beside the outcome; one per thread. */
typedef struct slip_train_walk {
  const slip_train_problem *problem;
  const slip_price *price; /* of the front's cost; NULL: no front, the best plan only */
  const volatile int *stop;
  slip_layer_costs *costs; /* owned: [2 * SLIP_RECOMPUTES], DualPipe's last */
  slip_stage_sum *sums;    /* owned: [most_groups] */
  slip_stage_load *loads;  /* owned: [most_groups] */
} slip_train_walk;

bool slip_walk_open(slip_train_walk *walk, const slip_train_problem *problem, const slip_price *price,
                    const volatile int *stop);
void slip_walk_close(slip_train_walk *walk);

/* Sets cut->bound_s: what any plan of the cut takes at least, in seconds. The work of all layers without recompute, divided over all
 * ranks; a millionth of a millionth less for rounding. */
void slip_walk_bound(const slip_train_walk *walk, slip_cut *cut);
/* Evaluates the cut's plans into *out, whose best may come from elsewhere: in the bounded mode what cannot beat it is counted
 * as pruned. The outcome depends on nothing but the cut and the best. */
void slip_walk_cut(slip_train_walk *walk, const slip_cut *cut, slip_train_outcome *out);
/* Counts the cut's legal plans as pruned. */
void slip_walk_skip(slip_train_walk *walk, const slip_cut *cut, slip_train_outcome *out);

#endif
