/* The best plan of a full enumeration. */
#ifndef SLIPSTICK_SEARCH_H
#define SLIPSTICK_SEARCH_H

#include <slipstick/serve.h>
#include <slipstick/train.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a search looked at. */
typedef struct slip_search_stats {
  int64_t legal;    /* plans whose objective was computed */
  int64_t feasible; /* of these, that fit memory and meet the objectives */
  int64_t illegal;  /* combinations that a rule refused */
} slip_search_stats;

/* Values to fix: a field > 0 (or >= 0 for the enums) is kept, others are searched. */
typedef struct slip_train_space {
  slip_plan fixed;                   /* 0 in a numeric field: search it */
  int schedule, sharding, recompute; /* -1: search it */
} slip_train_space;

slip_train_space slip_train_space_default(void); /* everything is searched */

/* The plan with the least step time among all legal ones:
 *   tp, cp, ep, etp, dp: divisors; pp: any number of stages that divides the ranks; vpp up to layers per stage;
 *   micro_batch: divisors of the batch per replica, up to 16; every schedule, sharding and recompute.
 * Ties go to the first in lexical order of the fields, so the answer never depends on threads. `stop`, when not NULL, is polled: once true
 * the best so far is returned with SLIP_INTERRUPTED. SLIP_INFEASIBLE when nothing fits; err says what the closest plan lacked. */
slip_status slip_train_best(const slip_train *train, const slip_train_space *space, const volatile int *stop,
                            slip_train_result *out, slip_search_stats *stats, slip_error *err);

/* What a serving search maximises: output tokens/s per chip, subject to the job's objectives. Enumerates tp, pp, dp, ep of
 * an instance and, unless fixed, aggregated and disaggregated operation; batch is solved for, not enumerated.
 * decode: the job on the decode system (heterogeneous), or NULL. disaggregated: -1 either, 0 no, 1 yes.
 * fixed: fields > 0 are kept. */
slip_status slip_serve_best(const slip_serve *serve, const slip_serve *decode, const slip_serve_plan *fixed,
                            int disaggregated, const volatile int *stop, slip_serve_result *out,
                            slip_search_stats *stats, slip_error *err);

#ifdef __cplusplus
}
#endif
#endif
