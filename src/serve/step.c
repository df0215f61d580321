/* Stage one of serving: the time of one engine step on one attention replica. */
#include <math.h>
#include <string.h>

#include "serve/serve_internal.h"

/* host_serve_layer_us is of a layer of so many: a dense one's. */
#define LAYER_KERNELS 10.0

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

/* Published fp8 checkpoints of mixtures of experts (DeepSeek-V3, Kimi K2, GLM, MiniMax, Qwen3) scale the input of a product by blocks of
 * 1 x 128, which a kernel of its own must do (DeepGEMM, README, "Notices"); dense ones (ModelOpt, llm-compressor) mostly have one scale
 * a tensor, known beforehand, which the kernel before applies. */
static bool quantises(const slip_serve *serve) {
  return serve->compute == SLIP_FP8 && slip_model_has_experts(serve->job.model);
}

slip_work slip_serve_work(const slip_serve *serve, const slip_step *step) {
  slip_work work = {.compute = serve->compute,
                    .kv = serve->kv,
                    .weights = serve->weights,
                    .dispatch_bytes = slip_dtype_bytes(serve->compute == SLIP_FP4 ? SLIP_FP8 : serve->compute),
                    .quantises = quantises(serve),
                    .imbalance = serve->job.stack->imbalance_serve,
                    .routing_spread = serve->job.stack->routing_spread,
                    .busy = step->decoding > 0 ? 0 : step->prefill_busy};
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

/* Serving engines reduce small vectors with kernels of their own where the ranks reach each other directly. Else the library's
 * collective, and always for an engine without such kernels (on Ascend: HCCL starts each collective from a control core or from
 * vector cores, xLLM pull request 1988). */
static double all_reduce_s(const slip_serve *serve, slip_group group, double bytes, double *latency) {
  const slip_network *net = &serve->network;
  const double library = slip_collective_s(net, SLIP_ALL_REDUCE, group, bytes, latency);
  if (group.ranks > 1 && serve->job.stack->reduce_s >= 0) { /* false for NAN */
    const double passing = serve->job.stack->reduce_s * (double)(group.ranks - 1);
    *latency += passing;
    return library + passing;
  }
  double wait;
  const double own =
      slip_direct_all_reduce_s(net, group, bytes, serve->device.kernels.launch_s, SLIP_FEWEST_S, &wait);
  if (own >= library)
    return library;
  *latency = wait;
  return own;
}

/* What an operator whose start is hidden takes of the rank's compute and bandwidth. */
static slip_cost hidden_start_cost(const slip_device *d, const slip_op *op) {
  slip_cost cost = slip_op_cost(d, op);
  cost.launch_s = 0;
  if (op->kind == SLIP_OP_GEMM || op->kind == SLIP_OP_GROUPED)
    cost.memory_s -= SLIP_MEMORY_RAMP_S;
  if (op->kind == SLIP_OP_GEMM)
    cost.compute_s = fmin(cost.compute_s, op->flops / (d->peak_flops[op->dtype] * d->gemm_fraction[op->dtype]));
  cost.seconds = slip_overlapped_s(cost.compute_s, cost.memory_s);
  cost.bound = cost.compute_s > cost.memory_s ? SLIP_BOUND_COMPUTE : SLIP_BOUND_MEMORY;
  return cost;
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
    } else if (op->collective == SLIP_ALL_REDUCE) {
      seconds = all_reduce_s(serve, group, op->bytes, &latency);
    } else {
      seconds = slip_collective_s(&serve->network, op->collective, group, op->bytes, &latency);
    }
    slip_bound bound = latency > seconds / 2 ? SLIP_BOUND_LATENCY : SLIP_BOUND_NETWORK;
    add_time(cost, op->part, bound, seconds * times);
    return;
  }
  slip_cost one = op->hidden_start ? hidden_start_cost(&serve->device, op) : slip_op_cost(&serve->device, op);
  double seconds = one.seconds;
  if (op->kind == SLIP_OP_STREAM)
    seconds = one.launch_s + (seconds - one.launch_s) * stack->elementwise_passes;
  bool experts =
      op->part == SLIP_PART_EXPERTS || op->part == SLIP_PART_ROUTER || op->part == SLIP_PART_SHARED_EXPERT;
  add_time(cost, op->part, one.bound, seconds * times * stack->pace_serve * (experts ? stack->pace_experts : 1));
}

/* Returns how many kernels of the layer start one after the other. */
static int add_layer(const slip_serve *serve, const slip_serve_plan *p, const slip_step *step,
                     const slip_layer_kind *kind, double times, slip_step_cost *cost) {
  slip_shard shard = slip_serve_shard(p);
  slip_work work = slip_serve_work(serve, step);
  slip_op_list ops;
  int kernels = 0;
  slip_layer_operators(serve->job.model, kind, &shard, &work, &ops);
  for (int i = 0; i < ops.count; i++) {
    slip_serve_operator(serve, p, &ops.ops[i], step->prefill_sequences > 0, times, cost);
    kernels += !ops.ops[i].hidden_start;
  }
  return kernels;
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

/* Layers and edges of one pass over the whole step. Returns how many kernels of all layers start one after the other. */
static double add_pass(const slip_serve *serve, const slip_serve_plan *plan, const slip_step *step,
                       slip_step_cost *cost) {
  const slip_model *model = serve->job.model;
  double kernels = 0;
  memset(cost, 0, sizeof *cost);
  for (int i = 0; i < model->n_kinds; i++) {
    const double layers = (double)model->kinds[i].count;
    kernels += layers * add_layer(serve, plan, step, &model->kinds[i], layers, cost);
  }
  bool drafting = serve->drafts > 0 && step->decoding > 0;
  if (drafting) /* each draft is one pass through a layer that drafts and the head */
    add_layer(serve, plan, step, &model->kinds[serve->draft_kind], serve->drafts, cost);
  add_edges(serve, plan, step, drafting ? 1 + serve->drafts : 1, cost);
  return kernels;
}

/* Two half batches take turns: one computes while the other's tokens travel. Each half reads the weights and launches its kernels for
 * itself, so the stack does so only where that is less than the traffic it hides. What is hidden is at most the computing. */
static void overlap_batches(const slip_serve *serve, const slip_serve_plan *plan, const slip_step *step,
                            slip_step_cost *cost) {
  double share = serve->job.stack->two_batch_overlap;
  if (!(share > 0) || !(cost->parts[SLIP_PART_EP] > 0))
    return;
  slip_step_cost half;
  slip_step part = *step;
  part.prefill_sequences /= 2;
  part.decoding /= 2;
  add_pass(serve, plan, &part, &half);
  /* The kernels that carry prompts' traffic hold some cores all the while, so that what computes beside them has the others. */
  double cores = step->prefill_sequences > 0 ? serve->job.stack->exchange_cores : 0;
  add_time(&half, SLIP_PART_EP, SLIP_BOUND_COMPUTE, half.bounds[SLIP_BOUND_COMPUTE] * cores / (1 - cores));
  double lost = half.bounds[SLIP_BOUND_COMPUTE] * cores;
  double traffic = 2 * (half.parts[SLIP_PART_EP] - lost);
  double hidden = fmin(traffic * share, 2 * half.seconds - traffic);
  if (!(2 * half.seconds - hidden < cost->seconds))
    return;
  for (int i = 0; i < SLIP_PARTS; i++)
    cost->parts[i] = 2 * half.parts[i];
  for (int i = 0; i < SLIP_BOUNDS; i++)
    cost->bounds[i] = 2 * half.bounds[i];
  double network = fmin(hidden, cost->bounds[SLIP_BOUND_NETWORK]);
  cost->parts[SLIP_PART_EP] -= hidden;
  cost->bounds[SLIP_BOUND_NETWORK] -= network;
  cost->bounds[SLIP_BOUND_LATENCY] -= hidden - network;
  cost->seconds = 2 * half.seconds - hidden;
}

void slip_serve_step(const slip_serve *serve, const slip_serve_plan *plan, const slip_step *step,
                     slip_step_cost *cost) {
  const slip_model *model = serve->job.model;
  const slip_stack *stack = serve->job.stack;
  const double kernels = add_pass(serve, plan, step, cost);
  overlap_batches(serve, plan, step, cost);
  if (plan->pp > 1) {
    double tokens = step->prefill_sequences * step->prefill_tokens + step->decoding * (1 + serve->drafts);
    slip_group next = {2, slip_serve_group(plan, SLIP_AXIS_PP).stride};
    double latency = 0, bytes = tokens * (double)model->hidden * 2 / (double)plan->tp;
    double send = slip_collective_s(&serve->network, SLIP_SEND, next, bytes, &latency);
    add_time(cost, SLIP_PART_PP, latency > send / 2 ? SLIP_BOUND_LATENCY : SLIP_BOUND_NETWORK,
             send * (double)(plan->pp - 1));
  }
  add_time(cost, SLIP_PART_HOST, SLIP_BOUND_HOST, stack->host_serve_layer_s * kernels / LAYER_KERNELS);
  double host = stack->host_step_s +
                stack->host_sequence_s * (step->decoding * serve->tokens_per_step + step->prefill_sequences);
  /* prompts vary in length, so their steps are launched kernel by kernel, not as a graph */
  if (step->prefill_sequences > 0 || stack->decode_graphs == 0)
    for (int i = 0; i < model->n_kinds; i++) {
      double layer = model->kinds[i].ffn.kind == SLIP_FFN_MOE ? stack->host_moe_layer_s : stack->host_layer_s;
      host += (double)model->kinds[i].count * (layer > 0 ? layer : 0);
    }
  if (stack->serial_host > 0) { /* scheduling, launching and sampling before and after the device's work */
    add_time(cost, SLIP_PART_HOST, SLIP_BOUND_HOST, host);
  } else if (host > cost->seconds) { /* max(host, device) */
    add_time(cost, SLIP_PART_HOST, SLIP_BOUND_HOST, host - cost->seconds);
    cost->seconds = host; /* exactly, whatever the device takes */
  }
}
