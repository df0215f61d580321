/* Stage one: what one micro-batch costs in one layer of each kind, forward and backward. */
#include <math.h>
#include <string.h>

#include "train/train_internal.h"

/* DualPipe gives 20 of an H800's 132 SMs to communication (DeepSeek-V3, arXiv 2412.19437, section 3.2.2). */
#define DUALPIPE_COMPUTE_SHARE (1.0 - 20.0 / 132.0)

slip_shard slip_plan_shard(const slip_plan *p) {
  return (slip_shard){
      .tp = p->tp, .cp = p->cp, .ep = p->ep, .etp = p->etp, .whole_sequence = p->no_sequence_parallel};
}

/* Reads and writes of the routed rows that are not products, dispatch to combine. A dispatcher that sends a token once also
 * lays the rows out for the experts: a copy in and a copy out. The all-to-all's permutes (read, write), sorts by local
 * expert (2), sorts back (2), and gathers the results (2); rows for fp8 products are padded and unpadded as well (4).
 * (Megatron-LM, moe/token_dispatcher.py and TEGroupedMLP.) */
static double routed_passes(const slip_train *train) {
  if (!(train->job.stack->dispatch_once < 0.5)) /* true for NAN */
    return 4;
  return train->dtype == SLIP_BF16 || train->dtype == SLIP_FP32 ? 8 : 12;
}

static bool fused_experts(const slip_train *train) {
  return train->job.stack->fused_experts > 0.5; /* false for NAN */
}

slip_work slip_plan_work(const slip_train *train, const slip_plan *p) {
  slip_work work = {.n_segments = 1, .training = true, .compute = train->dtype, .kv = SLIP_BF16};
  double document = (double)slip_train_attended(&train->job);
  work.segments[0] = (slip_segment){(double)p->micro_batch * (double)train->job.seq / document, document, 0};
  slip_dtype matrices = train->dtype;
  work.weights = (slip_weight_formats){matrices, matrices, matrices, matrices, SLIP_BF16};
  /* Tokens travel in bf16 (Megatron quantises after the dispatch) but in DeepSeek's own stack: arXiv 2412.19437,
   * section 3.3.3. */
  work.dispatch_bytes = train->dtype != SLIP_BF16 && p->schedule == SLIP_DUALPIPE ? 1 : 2;
  work.block_scaled = train->job.block_scaled;
  work.imbalance = train->job.stack->imbalance_train;
  work.routed_passes = routed_passes(train);
  work.capacity = train->job.capacity;
  work.mask_tokens = train->job.masked ? (double)train->job.seq : 0;
  work.fused_experts = fused_experts(train);
  work.loss_bytes = train->job.stack->loss_bytes > 0 ? train->job.stack->loss_bytes : 0; /* 0 for NAN */
  return work;
}

/* Ranks are numbered tp fastest, then cp, dp, pp (Megatron's order); experts fold into the tp-cp-dp block. */
slip_group slip_plan_group(const slip_plan *p, slip_axis axis) {
  switch (axis) {
  case SLIP_AXIS_TP:
    return (slip_group){p->tp, 1};
  case SLIP_AXIS_CP:
    return (slip_group){p->cp, p->tp};
  case SLIP_AXIS_ETP:
    return (slip_group){p->etp, 1};
  case SLIP_AXIS_EP:
    return (slip_group){p->ep, p->etp};
  case SLIP_AXIS_DP: /* gradients of what is not an expert: replicas over dp and cp */
    return (slip_group){p->dp * p->cp, p->tp};
  case SLIP_AXIS_PP:
    return (slip_group){p->pp, p->tp * p->cp * p->dp};
  }
  return (slip_group){1, 1};
}

slip_group slip_plan_expert_dp_group(const slip_plan *p) {
  return (slip_group){p->tp * p->cp * p->dp / (p->ep * p->etp), p->ep * p->etp};
}

static void add_time(slip_pass *pass, slip_part part, slip_bound bound, double seconds) {
  pass->parts[part] += seconds;
  pass->bounds[bound] += seconds;
  pass->seconds += seconds;
}

/* Share of a collective that the stack hides, unless the plan exposes it. Products are overlapped with tensor parallelism through buffers
 * that ranks map from each other, which ends with the fast domain (Transformer Engine's userbuffers), and which 4-bit formats do without:
 * Megatron-Bridge's recipes set tp_comm_overlap = False for nvfp4 (scripts/performance/configs/llama). */
static double overlap_of(const slip_train *train, const slip_plan *p, const slip_op *op) {
  const slip_stack *stack = train->job.stack;
  const slip_group group = slip_plan_group(p, op->axis);
  switch (op->part) {
  case SLIP_PART_TP:
    if (train->dtype == SLIP_FP4 ||
        strcmp(train->network.levels[slip_group_level(&train->network, group)].name, "scale-out") == 0)
      return 0;
    return p->exposed & SLIP_OVERLAP_TP ? 0 : stack->overlap_tp;
  case SLIP_PART_CP:
    return p->exposed & SLIP_OVERLAP_CP ? 0 : stack->overlap_cp;
  case SLIP_PART_EP:
    return p->exposed & SLIP_OVERLAP_EP ? 0 : stack->overlap_ep;
  default:
    return 0;
  }
}

static double collective_s(const slip_train *train, const slip_plan *p, const slip_op *op, bool backward,
                           double *latency) {
  slip_group group = slip_plan_group(p, op->axis);
  if (op->collective == SLIP_EXCHANGE && train->job.stack->dispatch_once < 0.5) /* false for NAN */
    return slip_collective_s(&train->network, SLIP_ALL_TO_ALL, group, op->tokens * op->fan_out * op->bytes,
                             latency);
  if (op->collective == SLIP_EXCHANGE)
    return slip_exchange_s(&train->network, group, op->tokens, op->bytes, op->fan_out, op->group_limit, true,
                           latency);
  double seconds = slip_collective_s(&train->network, op->collective, group, op->bytes, latency);
  /* A gather of keys and values comes back as a scatter of their gradients, after a second gather. */
  return backward && op->part == SLIP_PART_CP ? 2 * seconds : seconds;
}

/* Half-precision products whose depth is no multiple of 8 (16 bytes) run on the vector units, 78 instead of 312
 * TFLOP/s on A100 (NVIDIA A100 whitepaper; cuBLAS alignment rule), and load their operands one half at a time, so that these starve
 * by half as well: BigScience's rows with heads of 108 and 150 ask for 8 to 10. */
#define VECTOR_UNIT_SLOWDOWN 8.0

/* Attention before flash attention: all of the square, not its causal half, and every score through memory: written by
 * the product (2 bytes), read and written by the softmax (4) and by dropout (4, and its mask 1), read by the second
 * product (2); arXiv 2205.05198, figure 3. */
static slip_op without_flash(const slip_op *op) {
  slip_op whole = *op;
  double head_dim = op->flops / (4 * op->scores);
  whole.flops *= fmod(round(head_dim), 8) == 0 ? 2 : 2 * VECTOR_UNIT_SLOWDOWN;
  whole.read_bytes += 13 * 2 * op->scores;
  return whole;
}

/* Quantising what an fp8 or fp4 product multiplies: read in bf16, written as rows for this product and as columns for
 * the weight gradient. Forward its input, backward the gradient of its output. */
static double cast_s(const slip_train *train, const slip_op *op, bool backward) {
  bool product = op->kind == SLIP_OP_GEMM || op->kind == SLIP_OP_GROUPED;
  if (!product || op->dtype == SLIP_BF16 || op->dtype == SLIP_FP32)
    return 0;
  if (op->kind == SLIP_OP_GROUPED && fused_experts(train)) /* in the epilogue of the product before */
    return 0;
  double elements = op->m * (backward ? op->n : op->k);
  double bytes = elements * (2 + 2 * slip_dtype_bytes(op->dtype));
  return slip_stream_s(&train->device, bytes) * train->job.stack->elementwise_passes;
}

/* What a stack's own kernels take beyond those of the chip's profile: its expert products and attention in compute, its scans in both. */
static double slowdown_s(const slip_stack *stack, const slip_op *op, const slip_cost *cost) {
  const bool scan = op->kind == SLIP_OP_ATTENTION && op->scores <= 0;
  const double rate = scan                            ? stack->scan_rate
                      : op->kind == SLIP_OP_ATTENTION ? stack->attention_rate
                      : op->kind == SLIP_OP_GROUPED   ? stack->grouped_rate
                      : op->kind == SLIP_OP_GEMM      ? stack->gemm_rate
                                                      : NAN;
  if (!(rate > 0)) /* absent, or left out of a struct */
    return 0;
  return slip_overlapped_s(cost->compute_s / rate, cost->memory_s / (scan ? rate : 1)) -
         slip_overlapped_s(cost->compute_s, cost->memory_s);
}

void slip_train_operator(const slip_train *train, const slip_plan *p, const slip_op *op, bool backward,
                         slip_pass *pass) {
  if (op->kind == SLIP_OP_COLLECTIVE) {
    double latency = 0, seconds = collective_s(train, p, op, backward, &latency);
    slip_bound bound = latency > seconds / 2 ? SLIP_BOUND_LATENCY : SLIP_BOUND_NETWORK;
    if (op->part == SLIP_PART_EP && p->schedule == SLIP_DUALPIPE && !(p->exposed & SLIP_OVERLAP_EP))
      add_time(pass, op->part, bound, seconds); /* hidden as a whole when the pass is closed */
    else
      add_time(pass, op->part, bound, seconds * (1 - overlap_of(train, p, op)));
    return;
  }
  slip_op whole;
  if (op->scores > 0 && train->job.stack->flash_attention < 0.5) {
    whole = without_flash(op);
    op = &whole;
  }
  slip_cost cost = backward ? slip_op_backward_cost(&train->device, op) : slip_op_cost(&train->device, op);
  double seconds = cost.seconds;
  seconds += slowdown_s(train->job.stack, op, &cost);
  if (op->kind == SLIP_OP_STREAM)
    seconds = cost.launch_s + (seconds - cost.launch_s) * train->job.stack->elementwise_passes;
  if (p->schedule == SLIP_DUALPIPE && p->ep > 1)
    seconds /= DUALPIPE_COMPUTE_SHARE;
  add_time(pass, op->part, cost.bound, seconds * train->job.stack->pace_train);
  double cast = cast_s(train, op, backward) * train->job.stack->pace_train;
  if (cast > 0)
    add_time(pass, SLIP_PART_ELEMENTWISE, SLIP_BOUND_MEMORY, cast);
}

/* Takes up to `seconds` of a part's time away from its bounds, network first. */
static void hide(slip_pass *pass, slip_part part, double seconds) {
  double network = fmin(seconds, pass->bounds[SLIP_BOUND_NETWORK]);
  pass->parts[part] -= seconds;
  pass->bounds[SLIP_BOUND_NETWORK] -= network;
  pass->bounds[SLIP_BOUND_LATENCY] -= seconds - network;
  pass->seconds -= seconds;
}

/* Launches of a layer: of an expert layer, those around its experts and those of each expert that the rank holds (Transformer Engine's
 * GroupedLinear calls cuBLAS for one after the other). */
static double host_s(const slip_train *train, const slip_plan *p, const slip_ffn *ffn) {
  const slip_stack *stack = train->job.stack;
  if (ffn->kind != SLIP_FFN_MOE)
    return stack->host_layer_s;
  const double each = stack->host_expert_s > 0 ? stack->host_expert_s : 0; /* 0 for NAN */
  return stack->host_moe_layer_s + each * slip_expert_slots(ffn, p->ep);
}

void slip_train_close_pass(const slip_train *train, const slip_plan *p, const slip_ffn *ffn, slip_pass *pass) {
  if (p->schedule == SLIP_DUALPIPE && pass->parts[SLIP_PART_EP] > 0 && !(p->exposed & SLIP_OVERLAP_EP)) {
    double compute =
        pass->seconds - pass->parts[SLIP_PART_EP] - pass->parts[SLIP_PART_TP] - pass->parts[SLIP_PART_CP];
    hide(pass, SLIP_PART_EP, fmin(pass->parts[SLIP_PART_EP], compute));
  }
  double host = host_s(train, p, ffn);
  if (host > pass->seconds) /* the device waits for the host: max(host, device), not a sum */
    add_time(pass, SLIP_PART_HOST, SLIP_BOUND_HOST, host - pass->seconds);
}

/* ---- recompute ---- */

/* What selective recompute repeats: norms and activations; MLA's expansions with flash attention, the scores without. */
static bool selective_repeats(const slip_train *train, const slip_op *op) {
  if (op->kind == SLIP_OP_STREAM)
    return true;
  if (train->job.stack->flash_attention < 0.5)
    return op->kind == SLIP_OP_ATTENTION;
  return op->kind == SLIP_OP_GEMM && (strcmp(op->name, "kv up") == 0 || strcmp(op->name, "q up") == 0);
}

/* `forward`: the pass over all operators, not closed yet. */
static void add_recompute(const slip_train *train, const slip_plan *p, const slip_op_list *ops,
                          const slip_pass *forward, slip_pass *backward) {
  if (p->recompute == SLIP_RECOMPUTE_NONE)
    return;
  slip_pass again = {{0}, {0}, 0};
  if (p->recompute == SLIP_RECOMPUTE_FULL)
    again = *forward;
  else
    for (int i = 0; i < ops->count; i++)
      if (selective_repeats(train, &ops->ops[i]))
        slip_train_operator(train, p, &ops->ops[i], false, &again);
  backward->parts[SLIP_PART_RECOMPUTE] += again.seconds;
  backward->seconds += again.seconds;
  for (int i = 0; i < SLIP_BOUNDS; i++)
    backward->bounds[i] += again.bounds[i];
}

/* ---- memory that a layer keeps ---- */

/* In fp8 training the inputs of fp8 products are kept in fp8: what backward multiplies is the quantised copy (Transformer
 * Engine; DeepSeek-V3, arXiv 2412.19437, section 3.3.3). */
static void store_inputs_in_fp8(slip_saved *s) {
  s->attention_in *= 0.75; /* half of it is the norm's input, which stays bf16 */
  s->ffn_in *= 0.75;
  s->attention_out *= 0.5;
  s->activation *= 0.5;
  s->expert_in *= 0.5;
  s->expert_activation *= 0.5;
}

/* What selective recompute gives up: norm outputs, products of activations, MLA's expansions; the activation functions'
 * inputs stay, in fp8 when training in it (same section). Without flash attention: the score matrices only. */
static double given_up(const slip_train *train, const slip_attention *a, const slip_saved *s) {
  if (train->job.stack->flash_attention < 0.5)
    return s->scores;
  double gone = s->activation + s->expert_activation;
  if (train->dtype != SLIP_BF16) /* of in = norm input (2/3) and fp8 copy (1/3), the copy goes */
    gone += s->attention_in / 3 + s->ffn_in / 3 + s->ffn_inner / 2 + s->expert_inner / 2;
  else
    gone += s->attention_in / 2 + s->ffn_in / 2;
  if (a->kind == SLIP_ATTENTION_MLA)
    gone += s->qkv - 2.0 * (double)(a->q_rank + a->kv_rank + a->rope_dim);
  return gone;
}

static void keep_activations(const slip_train *train, const slip_plan *p, const slip_layer_kind *kind,
                             const slip_shard *shard, slip_layer_cost *out) {
  slip_saved s;
  bool flash = train->job.stack->flash_attention >= 0.5;
  const double load = train->job.capacity > 0 ? train->job.capacity
                      : shard->ep > 1         ? train->job.stack->imbalance_train
                                              : 1;
  slip_layer_saved_bytes(train->job.model, kind, shard, (double)train->job.seq, flash, load, &s);
  if (train->dtype != SLIP_BF16)
    store_inputs_in_fp8(&s);
  double tokens = (double)p->micro_batch * (double)train->job.seq / (double)p->cp;
  double all = s.attention_in + s.qkv + s.scores + s.attention_out + s.ffn_in + s.ffn_inner + s.activation +
               s.expert_in + s.expert_inner + s.expert_activation;
  double kept = all;
  if (p->recompute == SLIP_RECOMPUTE_SELECTIVE)
    kept -= given_up(train, &kind->attention, &s);
  else if (p->recompute == SLIP_RECOMPUTE_FULL)
    kept = 2.0 * (double)train->job.model->hidden / (p->no_sequence_parallel ? 1 : (double)p->tp);
  out->saved_bytes = kept * tokens;
  out->transient_bytes = p->recompute == SLIP_RECOMPUTE_NONE ? 0 : (all - kept) * tokens;
}

/* ---- layers ---- */

static void run_ops(const slip_train *train, const slip_plan *p, const slip_op_list *ops, slip_layer_cost *out) {
  double backward_gemm = 0;
  for (int i = 0; i < ops->count; i++) {
    const slip_op *op = &ops->ops[i];
    double before = out->backward.parts[op->part]; /* without the casts, which come first */
    slip_train_operator(train, p, op, false, &out->forward);
    slip_train_operator(train, p, op, true, &out->backward);
    if (op->trainable)
      backward_gemm += out->backward.parts[op->part] - before;
  }
  out->weight_gradient_s += backward_gemm / 2; /* dX and dW have the same FLOP */
}

/* Forward and backward of a layer's operators: what all kinds of recompute share. */
static void layer_base(const slip_train *train, const slip_plan *p, const slip_layer_kind *kind, slip_op_list *ops,
                       slip_layer_cost *out) {
  memset(out, 0, sizeof *out);
  slip_shard shard = slip_plan_shard(p);
  slip_work work = slip_plan_work(train, p);
  slip_layer_operators(train->job.model, kind, &shard, &work, ops);
  run_ops(train, p, ops, out);
}

static void layer_finish(const slip_train *train, const slip_plan *p, const slip_layer_kind *kind,
                         const slip_op_list *ops, slip_layer_cost *out) {
  slip_shard shard = slip_plan_shard(p);
  add_recompute(train, p, ops, &out->forward, &out->backward);
  slip_train_close_pass(train, p, &kind->ffn, &out->forward);
  double device = out->backward.seconds;
  slip_train_close_pass(train, p, &kind->ffn, &out->backward);
  /* half of the launches that the host is late with are those of weight gradients */
  out->weight_gradient_s += fmax(0, out->backward.seconds - device) / 2;
  keep_activations(train, p, kind, &shard, out);
  const slip_params *params = &kind->params;
  out->dense_params =
      (params->attention + params->dense_ffn + params->shared_experts + params->router + params->norms) /
      (double)p->tp;
  out->expert_params = params->routed_experts / (double)(p->ep * p->etp);
}

static void edge_cost(const slip_train *train, const slip_plan *p, bool head, slip_layer_cost *out) {
  memset(out, 0, sizeof *out);
  slip_shard shard = slip_plan_shard(p);
  slip_work work = slip_plan_work(train, p);
  slip_op_list ops;
  slip_edge_operators(train->job.model, head, slip_work_tokens(&work), &shard, &work, &ops);
  run_ops(train, p, &ops, out);
  const slip_model *model = train->job.model;
  double table = (double)model->hidden * (double)model->vocab;
  double tokens = slip_work_tokens(&work) / (double)p->cp;
  if (head) {
    out->dense_params =
        table / (double)p->tp; /* a tied matrix has a copy on the last stage, unless that is the first */
    out->saved_bytes = 2.0 * tokens * (double)model->hidden /
                       (p->no_sequence_parallel ? 1 : (double)p->tp); /* the final norm's output */
    out->transient_bytes =
        6.0 * tokens * (double)model->vocab / (double)p->tp; /* logits: bf16, and fp32 in the loss */
  } else {
    out->dense_params = model->embedding_params / (double)p->tp;
  }
}

static void accumulate(slip_pass *into, const slip_pass *add, double times) {
  for (int i = 0; i < SLIP_PARTS; i++)
    into->parts[i] += times * add->parts[i];
  for (int i = 0; i < SLIP_BOUNDS; i++)
    into->bounds[i] += times * add->bounds[i];
  into->seconds += times * add->seconds;
}

static void accumulate_layer(slip_layer_cost *into, const slip_layer_cost *add, double times) {
  accumulate(&into->forward, &add->forward, times);
  accumulate(&into->backward, &add->backward, times);
  into->weight_gradient_s += times * add->weight_gradient_s;
  into->saved_bytes += times * add->saved_bytes;
  into->transient_bytes = fmax(into->transient_bytes, add->transient_bytes);
}

/* An MTP module: a layer, the projection of two hidden states to one, and the shared head again (arXiv 2412.19437, section 2.2). */
static void mtp_cost(const slip_train *train, const slip_plan *p, const slip_layer_costs *costs,
                     slip_layer_cost *out) {
  memset(out, 0, sizeof *out);
  const slip_model *model = train->job.model;
  if (!train->mtp)
    return;
  double modules = (double)model->mtp_modules, hidden = (double)model->hidden;
  accumulate_layer(out, &costs->kinds[model->mtp_kind], modules);
  accumulate_layer(out, &costs->head, modules);
  slip_work work = slip_plan_work(train, p);
  double tokens = slip_work_tokens(&work) / (double)(p->cp * p->tp);
  slip_op projection = {.kind = SLIP_OP_GEMM,
                        .part = SLIP_PART_HEAD,
                        .name = "MTP projection",
                        .dtype = SLIP_BF16,
                        .m = tokens,
                        .n = hidden,
                        .k = 2 * hidden,
                        .groups = 1,
                        .flops = 4 * tokens * hidden * hidden,
                        .weight_bytes = 4 * hidden * hidden,
                        .read_bytes = 4 * tokens * hidden,
                        .write_bytes = 2 * tokens * hidden,
                        .trainable = true};
  slip_op_list ops = {.count = 1};
  ops.ops[0] = projection;
  for (int i = 0; i < model->mtp_modules; i++)
    run_ops(train, p, &ops, out);
  out->dense_params = modules * (costs->kinds[model->mtp_kind].dense_params + 2 * hidden * hidden);
  out->expert_params = modules * costs->kinds[model->mtp_kind].expert_params;
}

void slip_train_layers_each(const slip_train *train, const slip_plan *plan, unsigned modes,
                            slip_layer_costs out[SLIP_RECOMPUTES]) {
  const slip_model *model = train->job.model;
  slip_layer_cost embedding, head;
  edge_cost(train, plan, false, &embedding);
  edge_cost(train, plan, true, &head);
  for (int i = 0; i < model->n_kinds; i++) {
    slip_op_list ops;
    slip_layer_cost base;
    layer_base(train, plan, &model->kinds[i], &ops, &base);
    for (int mode = 0; mode < SLIP_RECOMPUTES; mode++) {
      if (!(modes >> mode & 1u))
        continue;
      slip_plan p = *plan;
      p.recompute = (slip_recompute)mode;
      out[mode].kinds[i] = base;
      layer_finish(train, &p, &model->kinds[i], &ops, &out[mode].kinds[i]);
    }
  }
  for (int mode = 0; mode < SLIP_RECOMPUTES; mode++) {
    if (!(modes >> mode & 1u))
      continue;
    out[mode].n_kinds = model->n_kinds;
    out[mode].tied = model->tied_embeddings;
    out[mode].embedding = embedding;
    out[mode].head = head;
    mtp_cost(train, plan, &out[mode], &out[mode].mtp);
    for (int i = 0; mode != SLIP_RECOMPUTE_NONE && modes & 1u && i < model->n_kinds; i++)
      out[mode].spared[i] = out[SLIP_RECOMPUTE_NONE].kinds[i];
  }
}

/* Costs of one kind of recompute, and of none beside it where a part of the layers is spared. */
void slip_train_layers(const slip_train *train, const slip_plan *p, slip_layer_costs *out) {
  const slip_model *model = train->job.model;
  out->n_kinds = model->n_kinds;
  out->tied = model->tied_embeddings;
  for (int i = 0; i < model->n_kinds; i++) {
    slip_op_list ops;
    layer_base(train, p, &model->kinds[i], &ops, &out->kinds[i]);
    if (p->recompute_layers > 0) {
      slip_plan bare = *p;
      bare.recompute = SLIP_RECOMPUTE_NONE;
      out->spared[i] = out->kinds[i];
      layer_finish(train, &bare, &model->kinds[i], &ops, &out->spared[i]);
    }
    layer_finish(train, p, &model->kinds[i], &ops, &out->kinds[i]);
  }
  edge_cost(train, p, false, &out->embedding);
  edge_cost(train, p, true, &out->head);
  mtp_cost(train, p, out, &out->mtp);
}
