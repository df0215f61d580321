/* The best plan of a full enumeration, and the fronts of what no plan beats: provably, within the space that is stated here.
 *
 * The search and the estimate of one plan are the same functions: a plan's time and memory come from slip_train_layers and
 * slip_train_schedule (slip_serve_step, slip_serve_estimate). The search computes what depends on a part of a plan once, and in
 * the bounded mode leaves out what a lower bound shows to be no faster. Brute force estimates every plan in full; all modes
 * give the same bits. Answers and counts do not depend on the number of threads. */
#ifndef SLIPSTICK_SEARCH_H
#define SLIPSTICK_SEARCH_H

#include <slipstick/serve.h>
#include <slipstick/train.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a search looked at. */
typedef struct slip_search_stats {
  int64_t legal;     /* plans of the space that keep every rule: evaluated + pruned, unless stopped */
  int64_t evaluated; /* plans whose objective was computed */
  int64_t feasible;  /* of the evaluated, those that fit memory and meet the objectives */
  int64_t pruned;    /* legal plans that a bound ruled out without looking at them one by one */
  int64_t illegal;   /* combinations that a rule refused; what is refused with a part of a plan counts once */
} slip_search_stats;

typedef enum slip_search_mode {
  SLIP_SEARCH_BOUNDED, /* leaves out plans whose lower bound is above a plan in hand; it cannot cut the optimum */
  SLIP_SEARCH_EXHAUSTIVE, /* evaluates every legal plan, with costs reused */
  SLIP_SEARCH_BRUTE       /* evaluates every legal plan in full, with no reuse: the check of the others */
} slip_search_mode;

/* How a search is watched and stopped. A zeroed struct watches nothing. */
typedef struct slip_search_watch {
  const volatile int *stop; /* polled when not NULL: once true the best so far is returned with SLIP_INTERRUPTED */
  void (*progress)(double share,
                   void *context); /* told now and then, share of the work from 0 to 1; never two at a time */
  void *context;
} slip_search_watch;

/* ---- training ---- */

enum { SLIP_MAX_CLUSTERS = 32 };

/* Values to fix: a field > 0 (or >= 0 for the enums) is kept, others are searched. */
typedef struct slip_train_space {
  slip_plan fixed;                   /* 0 in a numeric field: search it; exposed: kept, unless `overlaps` */
  int schedule, sharding, recompute; /* -1: search it */
  int sequence_parallel;             /* -1: both; 0: without; 1: with */
  int64_t recompute_layers;          /* -1: every block; 0: all layers or none; else this block */
  bool overlaps; /* every subset of the kinds of traffic that the stack hides; else all of them are hidden */
  int64_t most_micro_batch;            /* 16 */
  int64_t most_vpp;                    /* 16 */
  int64_t clusters[SLIP_MAX_CLUSTERS]; /* numbers of chips to choose from; none: the job's */
  int n_clusters;
  unsigned dtypes; /* bit 1 << slip_dtype: formats to choose from; 0: the job's */
  slip_search_mode mode;
} slip_train_space;

/* Everything is searched but clusters, dtypes and overlaps: traffic that is hidden costs nothing here. Bounded. */
slip_train_space slip_train_space_default(void);

/* The plan with the least step time among all legal ones that fit:
 *   tp, cp, dp: divisors of the ranks; ep of the experts, etp of tp; pp: any number of stages that divides the ranks, up to the
 *   layers; vpp up to most_vpp; micro_batch: divisors of the batch up to most_micro_batch; every schedule that the stack has (a
 *   fixed one is taken as what-if); every sharding; no recompute, selective and full, of all layers or of the first 1, 2, ... of
 *   each chunk; with and without sequence parallelism where tp > 1.
 * With several clusters or dtypes the least step time of all. Ties go to the first in lexical order of the fields.
 * SLIP_INFEASIBLE when nothing fits; err says what the closest plan lacked. SLIP_INTERRUPTED with the best so far. SLIP_NO_MEMORY.
 * O(cuts * kinds) for layer costs, and O(1) a plan. */
slip_status slip_train_best(const slip_train *train, const slip_train_space *space, const volatile int *stop,
                            slip_train_result *out, slip_search_stats *stats, slip_error *err);
/* The same, watched. *chips, when not NULL, is that of the cluster chosen. */
slip_status slip_train_search(const slip_train *train, const slip_train_space *space,
                              const slip_search_watch *watch, slip_train_result *out, int64_t *chips,
                              slip_search_stats *stats, slip_error *err);

/* What a cluster costs while it works; linear, as slip_cost_of is. */
typedef struct slip_price {
  double usd_per_chip_s; /* capital or rent of one chip, per working second; NAN: not known */
  double usd_per_j;      /* energy at the chip's system, PUE included; NAN: not known */
} slip_price;

/* A plan that no other beats in all of step time, memory of the fullest rank, chips, and cost of a step. */
typedef struct slip_train_point {
  slip_train_result result;
  int64_t chips;
  double usd_per_step; /* NAN when the price or the power is not known; then the front is of the other three */
} slip_train_point;

/* The front over the space's clusters and dtypes. Of plans alike in everything the first in lexical order stays. Sorted by step
 * time, then memory, chips, cost. *out is freed with slip_points_free. Bounded mode is taken as exhaustive. Errors as
 * slip_train_search; when interrupted, the front of what was seen. */
slip_status slip_train_pareto(const slip_train *train, const slip_train_space *space, const slip_price *price,
                              const slip_search_watch *watch, slip_train_point **out, size_t *count,
                              slip_search_stats *stats, slip_error *err);
void slip_points_free(void *points); /* NULL is allowed */

/* ---- serving ---- */

/* What a serving search maximises: output tokens/s per chip, subject to the job's objectives. Enumerates tp, pp, dp, ep of
 * an instance and, unless fixed, aggregated and disaggregated operation; batch is solved for, not enumerated.
 * decode: the job on the decode system (heterogeneous), or NULL. disaggregated: -1 either, 0 no, 1 yes.
 * fixed: fields > 0 are kept. */
slip_status slip_serve_best(const slip_serve *serve, const slip_serve *decode, const slip_serve_plan *fixed,
                            int disaggregated, const volatile int *stop, slip_serve_result *out,
                            slip_search_stats *stats, slip_error *err);

typedef struct slip_serve_space {
  slip_serve_plan fixed; /* fields > 0 are kept */
  int disaggregated;     /* -1: either; 0: no; 1: yes */
  int speculate;         /* -1: with drafts and without, where the job has them; 0: without; 1: as the job */
  int64_t clusters[SLIP_MAX_CLUSTERS]; /* chips of the fleet to choose from; none: the job's */
  int n_clusters;
  slip_search_mode mode; /* SLIP_SEARCH_BRUTE: every combination by slip_serve_estimate */
} slip_serve_space;

/* Everything is searched but clusters. Bounded. */
slip_serve_space slip_serve_space_default(void);

/* A way to serve that no other beats in all of output tokens/s per chip, tokens/s per user (1 / TPOT), cost and energy. */
typedef struct slip_serve_point {
  slip_serve_result result; /* the instances of a fleet that is split are in the plans of its pools */
  int64_t chips;            /* of the fleet; 0: open */
  bool speculates;          /* drafts, where the job has them */
  double usd_per_mtoken;  /* per million output tokens, input included; NAN when not known: not an objective then */
  double joule_per_token; /* as result.joule_per_output_token, times the PUE given; NAN likewise */
} slip_serve_point;

/* The best by output tokens/s per chip over shapes, chunk sizes (1024, 2048, ... 16384 tokens, unless fixed), drafts on and
 * off, operation, clusters, and batches and splits of the fleet as slip_serve_pareto states them. Errors as
 * slip_train_search. */
slip_status slip_serve_search(const slip_serve *serve, const slip_serve *decode, const slip_serve_space *space,
                              const slip_search_watch *watch, slip_serve_point *out, slip_search_stats *stats,
                              slip_error *err);

/* The front over shapes, chunk sizes, drafts, operation, clusters, and:
 *   batch per attention replica 1, 2, 3, 4, 6, 8, 12, ... (powers of two and halfway between them) and the largest that
 *   memory, the scheduler and the TPOT objective allow, unless fixed;
 *   in a fleet that is split, every number of prefill and of decode instances.
 * price[0] is of the prefill side's system, price[1] of the decode side's; NULL: cost is no objective. pue multiplies energy.
 * Sorted by tokens/s per chip, most first. *out is freed with slip_points_free. */
slip_status slip_serve_pareto(const slip_serve *serve, const slip_serve *decode, const slip_serve_space *space,
                              const slip_price price[2], double pue, const slip_search_watch *watch,
                              slip_serve_point **out, size_t *count, slip_search_stats *stats, slip_error *err);

#ifdef __cplusplus
}
#endif
#endif
