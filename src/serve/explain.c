/* Why an engine step takes as long as it does: stage one's operators, kept one by one. */
#include <math.h>
#include <stdlib.h>

#include "base/fail.h"
#include "serve/serve_internal.h"
#include "train/why.h"

typedef struct explain {
  const slip_serve *serve;
  const slip_serve_plan *plan;
  bool prefill;
  slip_why_list *list;
  double named; /* seconds in lines under the root so far */
} explain;

static void explain_ops(explain *e, const char *name, const slip_op_list *ops, double times) {
  slip_step_cost whole = {.seconds = 0};
  for (int i = 0; i < ops->count; i++)
    slip_serve_operator(e->serve, e->plan, &ops->ops[i], e->prefill, times, &whole);
  if (whole.seconds <= 0)
    return;
  int root = slip_why_add(e->list, 0, name, whole.seconds, slip_main_bound(whole.bounds));
  for (int i = 0; i < ops->count; i++) {
    slip_step_cost one = {.seconds = 0};
    slip_serve_operator(e->serve, e->plan, &ops->ops[i], e->prefill, times, &one);
    int line = slip_why_add(e->list, root, ops->ops[i].name, one.seconds, slip_main_bound(one.bounds));
    slip_group group = slip_serve_group(e->plan, ops->ops[i].axis);
    slip_why_note(e->list, line, &ops->ops[i], group.ranks,
                  e->serve->network.levels[slip_group_level(&e->serve->network, group)].name);
  }
  e->named += whole.seconds;
}

static void explain_layers(explain *e, const slip_step *step) {
  const slip_model *model = e->serve->job.model;
  slip_shard shard = slip_serve_shard(e->plan);
  slip_work work = slip_serve_work(e->serve, step);
  slip_op_list ops;
  char name[64];
  for (int i = 0; i < model->n_kinds; i++) {
    if (model->kinds[i].count == 0)
      continue;
    slip_layer_operators(model, &model->kinds[i], &shard, &work, &ops);
    slip_why_kind(&model->kinds[i], model->kinds[i].count, "", name, sizeof name);
    explain_ops(e, name, &ops, (double)model->kinds[i].count);
  }
  bool drafting = e->serve->drafts > 0 && step->decoding > 0;
  if (drafting) {
    slip_layer_operators(model, &model->kinds[e->serve->draft_kind], &shard, &work, &ops);
    explain_ops(e, "draft: MTP layer", &ops, e->serve->drafts);
  }
  slip_edge_operators(model, false, 0, &shard, &work, &ops);
  e->prefill = false;
  explain_ops(e, "embedding", &ops, 1);
  slip_edge_operators(model, true, step->prefill_sequences + step->decoding * (1 + e->serve->drafts), &shard, &work,
                      &ops);
  explain_ops(e, drafting ? "head, also for drafts" : "head", &ops, drafting ? 1 + e->serve->drafts : 1);
}

slip_status slip_serve_explain(const slip_serve *serve, const slip_serve_plan *plan, const slip_step *step,
                               slip_why **out, size_t *count, slip_error *err) {
  slip_why_list list = {0};
  slip_step_cost cost;
  slip_status status = slip_serve_check(serve, plan, err);
  if (status != SLIP_OK)
    return status;
  slip_serve_step(serve, plan, step, &cost);
  slip_why_add(&list, -1, "step", cost.seconds, slip_main_bound(cost.bounds));
  explain e = {.serve = serve, .plan = plan, .prefill = step->prefill_sequences > 0, .list = &list};
  explain_layers(&e, step);
  double rest[2] = {cost.parts[SLIP_PART_PP], cost.parts[SLIP_PART_HOST]};
  if (rest[0] > 0)
    slip_why_add(&list, 0, slip_part_name(SLIP_PART_PP), rest[0], SLIP_BOUND_NETWORK);
  if (rest[1] > 0)
    slip_why_add(&list, 0, "host and gaps", rest[1], SLIP_BOUND_HOST);
  double hidden = cost.seconds - e.named - rest[0] - rest[1]; /* <= 0: what two-batch overlap hides */
  if (fabs(hidden) > 1e-9 * cost.seconds)
    slip_why_add(&list, 0, "hidden by two-batch overlap", hidden, SLIP_BOUND_NETWORK);
  if (list.failed) {
    free(list.lines);
    return slip_fail(err, SLIP_NO_MEMORY, "no memory for the explanation");
  }
  *out = list.lines;
  *count = list.count;
  return SLIP_OK;
}
