/* The space of training plans, cut into pieces that share costs: a cut of a layer, and the layouts of the pipelines. */
#ifndef SLIP_SEARCH_TRAIN_SPACE_H
#define SLIP_SEARCH_TRAIN_SPACE_H

#include "train/train_internal.h"
#include <slipstick/search.h>

/* All plans with the same cut of a layer, in one format: their layer costs differ only by recompute and by DualPipe. */
typedef struct slip_cut {
  slip_plan plan; /* tp, cp, ep, etp, micro_batch, no_sequence_parallel, exposed */
  int format;     /* index into the problem's formats */
  double bound_s; /* no plan of the cut takes less */
} slip_cut;

/* The pipelines of one number of stages. */
typedef struct slip_pipelines {
  slip_layout *layouts; /* owned; by vpp, then block; then the mirrored ones by block */
  int count;
} slip_pipelines;

typedef struct slip_train_problem {
  const slip_train *train;
  const slip_train_space *space;
  slip_train **variants; /* owned: [format * n_clusters + cluster] */
  int n_formats, n_clusters;
  slip_pipelines *pipelines; /* owned: [pp], for 1 <= pp <= layers */
  slip_cut *cuts;            /* owned; those that keep the rules of a cut */
  size_t n_cuts, cut_capacity;
  int64_t illegal; /* cuts that a rule refused */
  int64_t most_groups;
} slip_train_problem;

slip_status slip_problem_open(const slip_train *train, const slip_train_space *space, slip_train_problem *out,
                              slip_error *err);
void slip_problem_close(slip_train_problem *problem);

static inline const slip_train *slip_problem_variant(const slip_train_problem *problem, int format, int cluster) {
  return problem->variants[format * problem->n_clusters + cluster];
}
/* The k-th number of pipeline stages of a cluster, with tp, cp of the plan and what the space fixes: sets pp and dp. False when there is none or
 * it does not divide the ranks. */
bool slip_problem_pipeline(const slip_train_problem *problem, const slip_train *variant, int64_t pp,
                           slip_plan *plan);
/* Schedules that the stack implements; one that the caller fixed is tried anyway (what if). */
bool slip_schedule_offered(const slip_train_problem *problem, slip_schedule schedule);
/* Kinds of recompute to try, as a bit mask. */
unsigned slip_recompute_modes(const slip_train_space *space);
/* Is the layout one of this kind of recompute? */
bool slip_block_offered(const slip_train_space *space, slip_recompute mode, int64_t block);
/* The order that breaks ties: chips, format, then field by field. */
int slip_compare_plans(const slip_plan *a, const slip_plan *b);

#endif
