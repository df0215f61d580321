/* Why a step takes as long as it does: the same operators as stage one, kept one by one, on the slowest stage. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"
#include "train/train_internal.h"

typedef struct why_list {
  slip_why *lines;
  size_t count, capacity;
  bool failed;
} why_list;

static int add_line(why_list *list, int parent, const char *name, double seconds, slip_bound bound) {
  if (list->count == list->capacity) {
    size_t capacity = list->capacity ? 2 * list->capacity : 64;
    slip_why *lines = realloc(list->lines, capacity * sizeof *lines);
    if (!lines) {
      list->failed = true;
      return 0;
    }
    list->lines = lines;
    list->capacity = capacity;
  }
  slip_why *line = &list->lines[list->count];
  memset(line, 0, sizeof *line);
  line->parent = parent;
  line->seconds = seconds;
  line->bound = bound;
  int length = 0;
  slip_append(line->name, sizeof line->name, &length, "%s", name);
  return (int)list->count++;
}

void slip_why_free(slip_why *why) {
  free(why);
}

static void note_of(const slip_train *train, const slip_plan *plan, const slip_op *op, slip_why *line) {
  int length = 0, size = sizeof line->note;
  if (op->kind == SLIP_OP_GEMM)
    slip_append(line->note, size, &length, "m %.0f n %.0f k %.0f, %s", op->m, op->n, op->k, slip_dtype_name(op->dtype));
  else if (op->kind == SLIP_OP_GROUPED)
    slip_append(line->note, size, &length, "%.0f rows over %.1f experts, n %.0f k %.0f, %s", op->m, op->groups, op->n, op->k,
                slip_dtype_name(op->dtype));
  else if (op->kind == SLIP_OP_ATTENTION)
    slip_append(line->note, size, &length, "%.3g GFLOP, %.3g MB", op->flops / 1e9, (op->read_bytes + op->write_bytes) / 1e6);
  else if (op->kind == SLIP_OP_STREAM)
    slip_append(line->note, size, &length, "%.3g MB", (op->read_bytes + op->write_bytes) / 1e6);
  else {
    slip_group group = slip_plan_group(plan, op->axis);
    double bytes = op->collective == SLIP_EXCHANGE ? op->tokens * op->fan_out * op->bytes : op->bytes;
    slip_append(line->note, size, &length, "%s over %lld ranks (%s), %.3g MB", slip_collective_name(op->collective),
                (long long)group.ranks, train->network.levels[slip_group_level(&train->network, group)].name, bytes / 1e6);
  }
}

static slip_bound main_bound(const slip_pass *pass) {
  int most = 0;
  for (int i = 1; i < SLIP_BOUNDS; i++)
    if (pass->bounds[i] > pass->bounds[most])
      most = i;
  return (slip_bound)most;
}

/* The operators of one pass, each a line; what closing the pass changes (waiting for the host, hidden traffic) is a line of its own. */
static void explain_pass(const slip_train *train, const slip_plan *plan, const slip_op_list *ops, bool backward,
                         const slip_pass *whole, double times, const char *name, why_list *list) {
  if (whole->seconds <= 0)
    return;
  int root = add_line(list, 0, name, whole->seconds * times, main_bound(whole));
  double named = 0;
  for (int i = 0; i < ops->count; i++) {
    slip_pass one = {{0}, {0}, 0};
    slip_train_operator(train, plan, &ops->ops[i], backward, &one);
    int line = add_line(list, root, ops->ops[i].name, one.seconds * times, main_bound(&one));
    if (!list->failed)
      note_of(train, plan, &ops->ops[i], &list->lines[line]);
    named += one.seconds;
  }
  double again = backward ? whole->parts[SLIP_PART_RECOMPUTE] : 0, host = whole->parts[SLIP_PART_HOST];
  if (again > 0)
    add_line(list, root, "recompute", again * times, main_bound(whole));
  if (host > 0)
    add_line(list, root, "waiting for the host", host * times, SLIP_BOUND_HOST);
  double rest = whole->seconds - named - again - host;
  if (fabs(rest) > 1e-9 * whole->seconds)
    add_line(list, root, rest < 0 ? "hidden behind compute" : "other", rest * times, SLIP_BOUND_NETWORK);
}

static void kind_name(const slip_layer_kind *kind, int64_t layers, const char *pass, char *out, int size) {
  static const char *const mixers[] = {"no mixer", "GQA", "MLA", "linear attention", "SSM"};
  static const char *const ffns[] = {"no FFN", "dense FFN", "MoE"};
  int length = 0;
  slip_append(out, size, &length, "%lld x %s, %s: %s", (long long)layers, mixers[kind->attention.kind], ffns[kind->ffn.kind], pass);
}

static void explain_layers(const slip_train *train, const slip_plan *plan, const slip_layer_costs *costs,
                           const slip_stage *stage, double batches, why_list *list) {
  const slip_model *model = train->job.model;
  slip_shard shard = slip_plan_shard(plan);
  slip_work work = slip_plan_work(train, plan);
  slip_op_list ops;
  char name[64];
  for (int i = 0; i < model->n_kinds; i++) {
    if (stage->layers[i] == 0)
      continue;
    double times = (double)stage->layers[i] * batches;
    slip_layer_operators(model, &model->kinds[i], &shard, &work, &ops);
    kind_name(&model->kinds[i], stage->layers[i], "forward", name, sizeof name);
    explain_pass(train, plan, &ops, false, &costs->kinds[i].forward, times, name, list);
    kind_name(&model->kinds[i], stage->layers[i], "backward", name, sizeof name);
    explain_pass(train, plan, &ops, true, &costs->kinds[i].backward, times, name, list);
  }
  const struct {
    bool there, head;
    const slip_layer_cost *cost;
    const char *forward, *backward;
  } edges[] = {{stage->first, false, &costs->embedding, "embedding: forward", "embedding: backward"},
               {stage->last, true, &costs->head, "head: forward", "head: backward"}};
  for (int i = 0; i < 2; i++) {
    if (!edges[i].there)
      continue;
    slip_edge_operators(model, edges[i].head, slip_work_tokens(&work), &shard, &work, &ops);
    explain_pass(train, plan, &ops, false, &edges[i].cost->forward, batches, edges[i].forward, list);
    explain_pass(train, plan, &ops, true, &edges[i].cost->backward, batches, edges[i].backward, list);
  }
  if (stage->last && costs->mtp.forward.seconds > 0) {
    add_line(list, 0, "MTP modules: forward", costs->mtp.forward.seconds * batches, main_bound(&costs->mtp.forward));
    add_line(list, 0, "MTP modules: backward", costs->mtp.backward.seconds * batches, main_bound(&costs->mtp.backward));
  }
}

slip_status slip_train_explain(const slip_train *train, const slip_plan *plan, slip_why **out, size_t *count,
                               slip_error *err) {
  slip_status status = SLIP_OK;
  why_list list = {0};
  slip_plan checked = *plan;
  slip_train_result result;
  slip_layer_costs costs;
  slip_layout layout = {.groups = NULL};
  double fill;
  SLIP_TRY(slip_train_estimate(train, &checked, &result, err));
  checked = result.plan;
  slip_train_layers(train, &checked, &costs);
  SLIP_TRY(slip_layout_make(train, checked.pp, checked.vpp, &layout, err));
  const slip_stage *stage = &slip_train_slowest(&checked, &costs, &layout, &fill)->stage;
  add_line(&list, -1, "step", result.step_s, SLIP_BOUND_COMPUTE);
  explain_layers(train, &checked, &costs, stage, (double)result.micro_batches, &list);
  const struct {
    slip_part part;
    slip_bound bound;
  } rest[] = {{SLIP_PART_BUBBLE, SLIP_BOUND_BUBBLE},
              {SLIP_PART_PP, SLIP_BOUND_NETWORK},
              {SLIP_PART_DP, SLIP_BOUND_NETWORK},
              {SLIP_PART_OPTIMIZER, SLIP_BOUND_MEMORY},
              {SLIP_PART_JITTER, SLIP_BOUND_OVERHEAD}};
  for (int i = 0; i < 5; i++)
    if (result.parts[rest[i].part] > 0)
      add_line(&list, 0, slip_part_name(rest[i].part), result.parts[rest[i].part], rest[i].bound);
  if (train->job.stack->step_overhead_s > 0)
    add_line(&list, 0, "step overhead", train->job.stack->step_overhead_s, SLIP_BOUND_HOST);
  if (list.failed)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "no memory for the explanation");
  for (int i = 1; i < SLIP_BOUNDS; i++) /* the root: what binds most of the step */
    if (result.bounds[i] > result.bounds[list.lines[0].bound])
      list.lines[0].bound = (slip_bound)i;
  *out = list.lines;
  *count = list.count;
  list.lines = NULL;
cleanup:
  free(list.lines);
  slip_layout_free(&layout);
  return status;
}
