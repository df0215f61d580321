/* Timelines of schedules that split the backward pass: zero-bubble (arXiv 2401.10241) and DualPipe (arXiv 2412.19437, figure 5).
 * The order of work is not tabulated but found: every rank takes the first of what is ready. */
#include <math.h>
#include <stdlib.h>

#include "base/fail.h"
#include "train/timeline_internal.h"

typedef enum pass { INPUT_GRADIENT, FORWARD, WEIGHT_GRADIENT, PASSES } pass; /* in order of urgency */

/* One direction of micro-batches through the ranks: the only one, or one of DualPipe's two. */
typedef struct stream {
  int64_t micro_batches;
  int64_t *issued;  /* [PASSES * ranks]: micro-batches started */
  double *ended[2]; /* FORWARD and INPUT_GRADIENT: [ranks * micro_batches], NAN before */
} stream;

typedef struct pipeline {
  int64_t ranks;
  int n_streams;
  stream streams[2];
  double *length; /* [PASSES * ranks], by stage */
  double *free_at;
} pipeline;

typedef struct choice {
  int64_t rank;
  int stream;
  pass what;
  double start;
} choice;

/* The stage of the model that a rank runs for a stream: the second stream comes from the other end. */
static int64_t stage_of(const pipeline *line, int stream_index, int64_t rank) {
  return stream_index == 0 ? rank : line->ranks - 1 - rank;
}

static double *ended(const pipeline *line, int stream_index, pass what, int64_t stage, int64_t micro_batch) {
  const stream *s = &line->streams[stream_index];
  return &s->ended[what == FORWARD ? 0 : 1][stage * s->micro_batches + micro_batch];
}

/* When the next unit of a kind can start on a rank; infinity when there is none or its input is not scheduled yet. */
static double ready(const pipeline *line, int stream_index, int64_t rank, pass what) {
  const stream *s = &line->streams[stream_index];
  int64_t stage = stage_of(line, stream_index, rank), last = line->ranks - 1;
  int64_t n = s->issued[what * line->ranks + rank];
  int64_t forwards = s->issued[FORWARD * line->ranks + rank],
          inputs = s->issued[INPUT_GRADIENT * line->ranks + rank];
  double at = 0;
  if (n == s->micro_batches)
    return INFINITY;
  if (what == FORWARD) {
    if (forwards - inputs >= line->ranks - stage) /* as many in flight as 1F1B keeps */
      return INFINITY;
    at = stage == 0 ? 0 : *ended(line, stream_index, FORWARD, stage - 1, n);
  } else if (what == INPUT_GRADIENT) {
    if (n == forwards)
      return INFINITY;
    at = stage == last ? *ended(line, stream_index, FORWARD, stage, n)
                       : *ended(line, stream_index, INPUT_GRADIENT, stage + 1, n);
  } else if (n == inputs) {
    return INFINITY;
  }
  return isnan(at) ? INFINITY : fmax(at, line->free_at[rank]);
}

/* The unit that can start first; ties go to the more urgent kind, then the lower rank. */
static choice first_unit(const pipeline *line) {
  choice best = {.rank = -1, .start = INFINITY};
  for (int what = 0; what < PASSES; what++)
    for (int64_t rank = 0; rank < line->ranks; rank++)
      for (int s = 0; s < line->n_streams; s++) {
        double start = ready(line, s, rank, (pass)what);
        if (start < best.start)
          best = (choice){rank, s, (pass)what, start};
      }
  return best;
}

static slip_slice run(pipeline *line, const choice *c) {
  static const int kinds[PASSES] = {SLIP_SLICE_BACKWARD, SLIP_SLICE_FORWARD, SLIP_SLICE_WEIGHT_GRADIENT};
  stream *s = &line->streams[c->stream];
  /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): open_pipeline has refused what it could not allocate */
  int64_t stage = stage_of(line, c->stream, c->rank), n = s->issued[c->what * line->ranks + c->rank]++;
  double end = c->start + line->length[c->what * line->ranks + stage];
  line->free_at[c->rank] = end;
  if (c->what != WEIGHT_GRADIENT)
    *ended(line, c->stream, c->what, stage, n) = end;
  slip_slice slice = {.stage = c->rank, .chunk = c->stream, .micro_batch = n, .start_s = c->start, .end_s = end};
  slice.what = kinds[c->what];
  return slice;
}

static bool open_stream(stream *s, int64_t ranks, int64_t micro_batches) {
  s->micro_batches = micro_batches;
  s->issued = calloc((size_t)(PASSES * ranks), sizeof *s->issued);
  for (int i = 0; i < 2; i++)
    s->ended[i] = slip_nan_array(ranks * micro_batches);
  return s->issued && s->ended[0] && s->ended[1];
}

static slip_status open_pipeline(const slip_train *train, const slip_plan *plan, const slip_layer_costs *costs,
                                 int64_t micro_batches, double transfer_s, pipeline *line, slip_error *err) {
  line->ranks = plan->pp;
  line->n_streams = plan->schedule == SLIP_DUALPIPE ? 2 : 1;
  line->length = calloc((size_t)(PASSES * plan->pp), sizeof(double));
  line->free_at = calloc((size_t)plan->pp, sizeof(double));
  bool opened = line->length && line->free_at;
  for (int i = 0; i < line->n_streams; i++)
    opened = open_stream(&line->streams[i], plan->pp, micro_batches / line->n_streams) && opened;
  if (!opened)
    return slip_fail(err, SLIP_NO_MEMORY, "no memory for a timeline of %lld stages", (long long)plan->pp);
  for (int64_t s = 0; s < plan->pp; s++) {
    slip_stage stage;
    slip_layout_stage(train, plan->pp, 1, plan->schedule == SLIP_DUALPIPE, plan->recompute_layers, s, &stage);
    slip_stage_time t = slip_train_stage_time(costs, &stage);
    line->length[FORWARD * plan->pp + s] = t.forward_s + transfer_s / 2;
    line->length[INPUT_GRADIENT * plan->pp + s] = t.backward_s - t.weight_gradient_s + transfer_s / 2;
    line->length[WEIGHT_GRADIENT * plan->pp + s] = t.weight_gradient_s;
  }
  return SLIP_OK;
}

static void close_pipeline(pipeline *line) {
  for (int i = 0; i < 2; i++) {
    free(line->streams[i].issued);
    free(line->streams[i].ended[0]);
    free(line->streams[i].ended[1]);
  }
  free(line->length);
  free(line->free_at);
}

slip_status slip_timeline_split(const slip_train *train, const slip_plan *plan, const slip_layer_costs *costs,
                                int64_t micro_batches, double transfer_s, slip_slice_visitor visit, void *context,
                                double *end_s, bool *stopped, slip_error *err) {
  pipeline line = {.ranks = 0};
  slip_status status = open_pipeline(train, plan, costs, micro_batches, transfer_s, &line, err);
  *end_s = 0;
  *stopped = false;
  while (status == SLIP_OK && !*stopped) {
    choice next = first_unit(&line);
    if (next.rank < 0)
      break;
    slip_slice slice = run(&line, &next);
    *end_s = fmax(*end_s, slice.end_s);
    *stopped = !visit(&slice, context);
  }
  close_pipeline(&line);
  return status;
}
