/* Stage one of serving: the time of one engine step on one attention replica. */
#include <math.h>
#include <string.h>

#include "serve/serve_internal.h"

slip_shard slip_serve_shard(const slip_serve_plan *p) {
  return (slip_shard){.tp = p->tp, .cp = 1, .ep = p->ep, .etp = p->tp * p->dp / p->ep};
}

/* Ranks are numbered tp fastest, then dp, then pp; experts fold into the tp-dp block. */
slip_group slip_serve_group(const slip_serve_plan *p, slip_axis axis) {
  switch (axis) {
  case SLIP_AXIS_TP:
    return (slip_group){p->tp, 1};
  case SLIP_AXIS_ETP:
    return (slip_group){p->tp * p->dp / p->ep, 1};
  case SLIP_AXIS_EP:
    return (slip_group){p->ep, p->tp * p->dp / p->ep};
  case SLIP_AXIS_PP:
    return (slip_group){p->pp, p->tp * p->dp};
  default:
    return (slip_group){1, 1};
  }
}

slip_work slip_serve_work(const slip_serve *serve, const slip_step *step) {
  slip_work work = {.compute = serve->compute,
                    .kv = serve->kv,
                    .weights = serve->weights,
                    .dispatch_bytes = slip_dtype_bytes(serve->compute == SLIP_FP4 ? SLIP_FP8 : serve->compute),
                    .imbalance = serve->job.stack->imbalance_serve};
  if (step->prefill_sequences > 0)
    work.segments[work.n_segments++] =
        (slip_segment){step->prefill_sequences, step->prefill_tokens, step->prefill_past};
  if (step->decoding > 0)
    work.segments[work.n_segments++] = (slip_segment){step->decoding, 1 + serve->drafts, step->context};
  return work;
}

static void add_time(slip_step_cost *cost, slip_part part, slip_bound bound, double seconds) {
  cost->parts[part] += seconds;
  cost->bounds[bound] += seconds;
  cost->seconds += seconds;
}

void slip_serve_operator(const slip_serve *serve, const slip_serve_plan *p, const slip_op *op, bool prefill,
                         double times, slip_step_cost *cost) {
  const slip_stack *stack = serve->job.stack;
  if (op->kind == SLIP_OP_COLLECTIVE) {
    double latency = 0, seconds;
    slip_group group = slip_serve_group(p, op->axis);
    if (op->collective == SLIP_EXCHANGE) {
      seconds = slip_exchange_s(&serve->network, group, op->tokens, op->bytes, op->fan_out, op->group_limit,
                                prefill, &latency) +
                stack->dispatch_s;
      latency += stack->dispatch_s;
    } else {
      seconds = slip_collective_s(&serve->network, op->collective, group, op->bytes, &latency);
    }
    slip_bound bound = latency > seconds / 2 ? SLIP_BOUND_LATENCY : SLIP_BOUND_NETWORK;
    add_time(cost, op->part, bound, seconds * times);
    return;
  }
  slip_cost one = slip_op_cost(&serve->device, op);
  double seconds = one.seconds;
  if (op->kind == SLIP_OP_STREAM)
    seconds = one.launch_s + (seconds - one.launch_s) * stack->elementwise_passes;
  add_time(cost, op->part, one.bound, seconds * times);
}

static void add_layer(const slip_serve *serve, const slip_serve_plan *p, const slip_step *step,
                      const slip_layer_kind *kind, double times, slip_step_cost *cost) {
  slip_shard shard = slip_serve_shard(p);
  slip_work work = slip_serve_work(serve, step);
  slip_op_list ops;
  slip_layer_operators(serve->job.model, kind, &shard, &work, &ops);
  for (int i = 0; i < ops.count; i++)
    slip_serve_operator(serve, p, &ops.ops[i], step->prefill_sequences > 0, times, cost);
}

static void add_edges(const slip_serve *serve, const slip_serve_plan *p, const slip_step *step, double heads,
                      slip_step_cost *cost) {
  slip_shard shard = slip_serve_shard(p);
  slip_work work = slip_serve_work(serve, step);
  slip_op_list ops;
  slip_edge_operators(serve->job.model, false, 0, &shard, &work, &ops);
  for (int i = 0; i < ops.count; i++)
    slip_serve_operator(serve, p, &ops.ops[i], false, 1, cost);
  double logits = step->prefill_sequences + step->decoding * (1 + serve->drafts);
  slip_edge_operators(serve->job.model, true, logits, &shard, &work, &ops);
  for (int i = 0; i < ops.count; i++)
    slip_serve_operator(serve, p, &ops.ops[i], false, heads, cost);
}

/* Two half batches take turns: one computes while the other's tokens travel. What overlaps is at most the rest of the step. */
static void overlap_batches(const slip_serve *serve, slip_step_cost *cost) {
  double traffic = cost->parts[SLIP_PART_EP];
  double hidden = fmin(traffic * serve->job.stack->two_batch_overlap, cost->seconds - traffic);
  double network = fmin(hidden, cost->bounds[SLIP_BOUND_NETWORK]);
  cost->parts[SLIP_PART_EP] -= hidden;
  cost->bounds[SLIP_BOUND_NETWORK] -= network;
  cost->bounds[SLIP_BOUND_LATENCY] -= hidden - network;
  cost->seconds -= hidden;
}

void slip_serve_step(const slip_serve *serve, const slip_serve_plan *plan, const slip_step *step,
                     slip_step_cost *cost) {
  const slip_model *model = serve->job.model;
  const slip_stack *stack = serve->job.stack;
  memset(cost, 0, sizeof *cost);
  for (int i = 0; i < model->n_kinds; i++)
    add_layer(serve, plan, step, &model->kinds[i], (double)model->kinds[i].count, cost);
  bool drafting = serve->drafts > 0 && step->decoding > 0;
  if (drafting) /* each draft is one pass through an MTP module's layer and the head */
    add_layer(serve, plan, step, &model->kinds[model->mtp_kind], serve->drafts, cost);
  add_edges(serve, plan, step, drafting ? 1 + serve->drafts : 1, cost);
  overlap_batches(serve, cost);
  if (plan->pp > 1) {
    double tokens = step->prefill_sequences * step->prefill_tokens + step->decoding * (1 + serve->drafts);
    slip_group next = {2, slip_serve_group(plan, SLIP_AXIS_PP).stride};
    double latency = 0, bytes = tokens * (double)model->hidden * 2 / (double)plan->tp;
    double send = slip_collective_s(&serve->network, SLIP_SEND, next, bytes, &latency);
    add_time(cost, SLIP_PART_PP, latency > send / 2 ? SLIP_BOUND_LATENCY : SLIP_BOUND_NETWORK,
             send * (double)(plan->pp - 1));
  }
  add_time(cost, SLIP_PART_HOST, SLIP_BOUND_HOST, stack->host_serve_layer_s * (double)model->layers);
  if (stack->host_step_s > cost->seconds) /* max(host, device) */
    add_time(cost, SLIP_PART_HOST, SLIP_BOUND_HOST, stack->host_step_s - cost->seconds);
}
