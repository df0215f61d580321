/* One step as a timeline: the pipeline's order of work, stage by stage, simulated with the costs of the estimate. */
#include <math.h>
#include <stdlib.h>

#include "base/fail.h"
#include "train/timeline_internal.h"

/* A step of more slices than this fills no screen and would fill the memory. */
#define MAX_UNITS 1e7

double *slip_nan_array(int64_t n) {
  double *array = malloc((size_t)n * sizeof *array);
  for (int64_t i = 0; array && i < n; i++)
    array[i] = NAN;
  return array;
}

/* One unit of work in a stage's order. */
typedef struct unit {
  int64_t chunk, micro_batch; /* chunk: virtual stage on this stage */
  bool backward;
} unit;

typedef struct pipeline {
  const slip_plan *plan;
  int64_t micro_batches, stages, chunks; /* chunks: vpp */
  double *forward_s, *backward_s;        /* [stages * chunks], transfer included */
  unit *order;                           /* [stages * units] */
  int64_t units;                         /* per stage: 2 * chunks * micro_batches */
  int64_t *next;                         /* per stage: next unit in its order */
  double *free_at;                       /* per stage */
  double *done;                          /* [2][stages * chunks][micro_batches]: end of a unit, NAN before */
} pipeline;

/* The i-th forward (or backward) of a stage under interleaving: pp micro-batches of a chunk, then the next chunk
 * (arXiv 2104.04473, figure 4). Without interleaving: micro-batch i. */
static unit nth_unit(const pipeline *line, int64_t i, bool backward) {
  int64_t group = line->stages * line->chunks, within = i % group;
  int64_t chunk = within / line->stages;
  unit u = {.chunk = backward ? line->chunks - 1 - chunk : chunk,
            .micro_batch = i / group * line->stages + within % line->stages,
            .backward = backward};
  if (line->chunks == 1)
    u = (unit){0, i, backward};
  return u;
}

/* Warm-up forwards, then one forward one backward, then the rest of the backwards. */
static void order_stage(pipeline *line, int64_t stage) {
  int64_t all = line->chunks * line->micro_batches;
  int64_t warm = line->chunks == 1 ? line->stages - stage - 1
                                   : (line->stages - stage - 1) * 2 + (line->chunks - 1) * line->stages;
  if (warm > all)
    warm = all;
  unit *out = &line->order[stage * line->units];
  int64_t n = 0, forward = 0, backward = 0;
  while (forward < warm)
    out[n++] = nth_unit(line, forward++, false);
  while (forward < all) {
    out[n++] = nth_unit(line, forward++, false);
    out[n++] = nth_unit(line, backward++, true);
  }
  while (backward < all)
    out[n++] = nth_unit(line, backward++, true);
}

static double *done_of(const pipeline *line, bool backward, int64_t virtual_stage, int64_t micro_batch) {
  int64_t all = line->stages * line->chunks;
  return &line->done[((backward ? all : 0) + virtual_stage) * line->micro_batches + micro_batch];
}

/* When the input of a unit is there: the forward before it, the backward after it, its own forward. NAN: not yet. */
static double ready_at(const pipeline *line, int64_t stage, const unit *u) {
  int64_t virtual_stage = u->chunk * line->stages + stage, last = line->stages * line->chunks - 1;
  if (!u->backward)
    /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.UndefReturn): slip_nan_array fills it */
    return virtual_stage == 0 ? 0 : *done_of(line, false, virtual_stage - 1, u->micro_batch);
  if (virtual_stage == last)
    return *done_of(line, false, virtual_stage, u->micro_batch);
  return *done_of(line, true, virtual_stage + 1, u->micro_batch);
}

/* Runs the stage whose next unit can start first. False when nothing is left. */
static bool run_next(pipeline *line, slip_slice *slice) {
  int64_t best = -1;
  double best_start = INFINITY;
  for (int64_t s = 0; s < line->stages; s++) {
    if (line->next[s] == line->units)
      continue;
    const unit *u = &line->order[s * line->units + line->next[s]];
    double start = fmax(ready_at(line, s, u), line->free_at[s]);
    if (!isnan(ready_at(line, s, u)) && start < best_start) {
      best_start = start;
      best = s;
    }
  }
  if (best < 0)
    return false;
  const unit *u = &line->order[best * line->units + line->next[best]++];
  int64_t virtual_stage = u->chunk * line->stages + best;
  double length = (u->backward ? line->backward_s : line->forward_s)[best * line->chunks + u->chunk];
  line->free_at[best] = best_start + length;
  *done_of(line, u->backward, virtual_stage, u->micro_batch) = best_start + length;
  *slice = (slip_slice){.stage = best,
                        .chunk = u->chunk,
                        .micro_batch = u->micro_batch,
                        .what = u->backward ? SLIP_SLICE_BACKWARD : SLIP_SLICE_FORWARD,
                        .start_s = best_start,
                        .end_s = best_start + length};
  return true;
}

static slip_status open_pipeline(const slip_train *train, const slip_plan *plan, const slip_layer_costs *costs,
                                 double transfer_s, pipeline *line, slip_error *err) {
  int64_t virtual_stages = line->stages * line->chunks;
  line->units = 2 * line->chunks * line->micro_batches;
  line->forward_s = calloc((size_t)virtual_stages, sizeof(double));
  line->backward_s = calloc((size_t)virtual_stages, sizeof(double));
  line->order = calloc((size_t)(line->stages * line->units), sizeof(unit));
  line->next = calloc((size_t)line->stages, sizeof(int64_t));
  line->free_at = calloc((size_t)line->stages, sizeof(double));
  line->done = slip_nan_array(2 * virtual_stages * line->micro_batches);
  if (!line->forward_s || !line->backward_s || !line->order || !line->next || !line->free_at || !line->done)
    return slip_fail(err, SLIP_NO_MEMORY, "no memory for a timeline of %lld stages", (long long)line->stages);
  for (int64_t s = 0; s < line->stages; s++) {
    slip_stage stage;
    slip_layout_stage(train, plan->pp, plan->vpp, false, plan->recompute_layers, s, &stage);
    slip_stage_time t = slip_train_stage_time(costs, &stage);
    for (int64_t c = 0; c < line->chunks; c++) { /* the stage's chunks share its time evenly */
      line->forward_s[s * line->chunks + c] = t.forward_s / (double)line->chunks + transfer_s / 2;
      line->backward_s[s * line->chunks + c] = t.backward_s / (double)line->chunks + transfer_s / 2;
    }
    order_stage(line, s);
  }
  return SLIP_OK;
}

static void close_pipeline(pipeline *line) {
  free(line->forward_s);
  free(line->backward_s);
  free(line->order);
  free(line->next);
  free(line->free_at);
  free(line->done);
}

/* What follows the last backward on every stage: exposed gradient traffic, the optimizer, the step's overhead. */
static bool visit_tail(const slip_train_result *result, double start, slip_slice_visitor visit, void *context) {
  double dp = result->parts[SLIP_PART_DP], optimizer = result->parts[SLIP_PART_OPTIMIZER];
  for (int64_t s = 0; s < result->plan.pp; s++) {
    slip_slice slice = {.stage = s, .what = SLIP_SLICE_COMMUNICATION, .start_s = start, .end_s = start + dp};
    if (dp > 0 && !visit(&slice, context))
      return false;
  }
  for (int64_t s = 0; s < result->plan.pp; s++) {
    slip_slice slice = {
        .stage = s, .what = SLIP_SLICE_OPTIMIZER, .start_s = start + dp, .end_s = start + dp + optimizer};
    if (!visit(&slice, context))
      return false;
  }
  return true;
}

static slip_status one_forward_one_backward(const slip_train *train, const slip_plan *plan,
                                            const slip_layer_costs *costs, int64_t micro_batches, double transfer_s,
                                            slip_slice_visitor visit, void *context, double *end_s, bool *stopped,
                                            slip_error *err) {
  pipeline line = {.plan = plan, .micro_batches = micro_batches, .stages = plan->pp, .chunks = plan->vpp};
  slip_status status = open_pipeline(train, plan, costs, transfer_s, &line, err);
  slip_slice slice;
  *end_s = 0;
  *stopped = false;
  while (status == SLIP_OK && !*stopped && run_next(&line, &slice)) {
    *end_s = fmax(*end_s, slice.end_s);
    *stopped = !visit(&slice, context);
  }
  close_pipeline(&line);
  return status;
}

slip_status slip_train_timeline(const slip_train *train, const slip_plan *plan, slip_slice_visitor visit,
                                void *context, slip_error *err) {
  slip_status status = SLIP_OK;
  slip_plan checked = *plan;
  slip_train_result result;
  slip_layer_costs costs;
  double end = 0;
  bool stopped = false;
  SLIP_TRY(slip_train_check(train, &checked, err));
  slip_train_layers(train, &checked, &costs);
  SLIP_TRY(slip_train_schedule(train, &checked, &costs, &result, err));
  double units = 3.0 * (double)(checked.pp * checked.vpp) * (double)result.micro_batches;
  if (units > MAX_UNITS)
    SLIP_FAIL(err, SLIP_UNSUPPORTED,
              "the timeline would have %.3g slices, at most %.3g are drawn; take a smaller batch", units,
              MAX_UNITS);
  double transfer_s = result.parts[SLIP_PART_PP] / (double)(result.micro_batches * checked.vpp);
  bool split = checked.schedule != SLIP_1F1B;
  SLIP_TRY((split ? slip_timeline_split : one_forward_one_backward)(
      train, &checked, &costs, result.micro_batches, transfer_s, visit, context, &end, &stopped, err));
  if (!stopped)
    visit_tail(&result, end, visit, context);
cleanup:
  return status;
}
