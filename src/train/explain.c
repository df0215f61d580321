/* Why a step takes as long as it does: the same operators as stage one, kept one by one, on the slowest stage. */
#include <math.h>
#include <stdlib.h>

#include "base/fail.h"
#include "train/train_internal.h"
#include "train/why.h"

/* The operators of one pass, each a line; what closing the pass changes (waiting for the host, hidden traffic) is a line of its own. */
static void explain_pass(const slip_train *train, const slip_plan *plan, const slip_op_list *ops, bool backward,
                         const slip_pass *whole, double times, const char *name, slip_why_list *list) {
  if (whole->seconds <= 0)
    return;
  int root = slip_why_add(list, 0, name, whole->seconds * times, slip_main_bound(whole->bounds));
  double named = 0;
  for (int i = 0; i < ops->count; i++) {
    slip_pass one = {{0}, {0}, 0};
    slip_train_operator(train, plan, &ops->ops[i], backward, &one);
    int line = slip_why_add(list, root, ops->ops[i].name, one.seconds * times, slip_main_bound(one.bounds));
    slip_group group = slip_plan_group(plan, ops->ops[i].axis);
    slip_why_note(list, line, &ops->ops[i], group.ranks,
                  train->network.levels[slip_group_level(&train->network, group)].name);
    named += one.seconds;
  }
  double again = backward ? whole->parts[SLIP_PART_RECOMPUTE] : 0, host = whole->parts[SLIP_PART_HOST];
  if (again > 0)
    slip_why_add(list, root, "recompute", again * times, slip_main_bound(whole->bounds));
  if (host > 0)
    slip_why_add(list, root, "waiting for the host", host * times, SLIP_BOUND_HOST);
  double rest = whole->seconds - named - again - host;
  if (fabs(rest) > 1e-9 * whole->seconds)
    slip_why_add(list, root, rest < 0 ? "hidden behind compute" : "other", rest * times, SLIP_BOUND_NETWORK);
}

static void explain_layers(const slip_train *train, const slip_plan *plan, const slip_layer_costs *costs,
                           const slip_stage *stage, double batches, slip_why_list *list) {
  const slip_model *model = train->job.model;
  slip_shard shard = slip_plan_shard(plan);
  slip_work work = slip_plan_work(train, plan);
  slip_op_list ops;
  char name[64];
  for (int i = 0; i < model->n_kinds; i++) {
    slip_layer_operators(model, &model->kinds[i], &shard, &work, &ops);
    const struct {
      int layers;
      const slip_layer_cost *cost;
      const char *forward, *backward;
    } blocks[] = {{stage->layers[i] - stage->spared[i], &costs->kinds[i], ": forward", ": backward"},
                  {stage->spared[i], &costs->spared[i], ", spared: forward", ", spared: backward"}};
    for (int b = 0; b < 2; b++) {
      if (blocks[b].layers == 0)
        continue;
      double times = (double)blocks[b].layers * batches;
      slip_why_kind(&model->kinds[i], blocks[b].layers, blocks[b].forward, name, sizeof name);
      explain_pass(train, plan, &ops, false, &blocks[b].cost->forward, times, name, list);
      slip_why_kind(&model->kinds[i], blocks[b].layers, blocks[b].backward, name, sizeof name);
      explain_pass(train, plan, &ops, true, &blocks[b].cost->backward, times, name, list);
    }
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
    slip_why_add(list, 0, "MTP modules: forward", costs->mtp.forward.seconds * batches,
                 slip_main_bound(costs->mtp.forward.bounds));
    slip_why_add(list, 0, "MTP modules: backward", costs->mtp.backward.seconds * batches,
                 slip_main_bound(costs->mtp.backward.bounds));
  }
}

slip_status slip_train_explain(const slip_train *train, const slip_plan *plan, slip_why **out, size_t *count,
                               slip_error *err) {
  slip_status status = SLIP_OK;
  slip_why_list list = {0};
  slip_plan checked = *plan;
  slip_train_result result;
  slip_layer_costs costs;
  slip_layout layout = {.groups = NULL};
  const slip_stage_group *slowest;
  double fill;
  SLIP_TRY(slip_train_estimate(train, &checked, &result, err));
  checked = result.plan;
  slip_train_layers(train, &checked, &costs);
  SLIP_TRY(slip_layout_make(train, checked.pp, checked.vpp, checked.schedule == SLIP_DUALPIPE,
                            checked.recompute_layers, &layout, err));
  SLIP_TRY(slip_train_slowest(&checked, &costs, &layout, &slowest, &fill, err));
  const slip_stage *stage = &slowest->stage;
  slip_why_add(&list, -1, "step", result.step_s, slip_main_bound(result.bounds));
  explain_layers(train, &checked, &costs, stage, (double)result.micro_batches * layout.share, &list);
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
      slip_why_add(&list, 0, slip_part_name(rest[i].part), result.parts[rest[i].part], rest[i].bound);
  if (train->job.stack->step_overhead_s > 0)
    slip_why_add(&list, 0, "step overhead", train->job.stack->step_overhead_s, SLIP_BOUND_HOST);
  if (list.failed)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "no memory for the explanation");
  *out = list.lines;
  *count = list.count;
  list.lines = NULL;
cleanup:
  free(list.lines);
  slip_layout_free(&layout);
  return status;
}
