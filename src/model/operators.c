/* Operator lists: the projections, FFNs, experts, norms and collectives of a layer. Attention proper is in mixer.c. */
#include <math.h>
#include <string.h>

#include "model/operators_internal.h"

static const char *const part_names[SLIP_PARTS] = {
    [SLIP_PART_PROJECTIONS] = "attention GEMM",
    [SLIP_PART_ATTENTION] = "attention",
    [SLIP_PART_DENSE_FFN] = "FFN GEMM",
    [SLIP_PART_EXPERTS] = "grouped GEMM",
    [SLIP_PART_SHARED_EXPERT] = "shared expert",
    [SLIP_PART_ROUTER] = "router",
    [SLIP_PART_ELEMENTWISE] = "elementwise",
    [SLIP_PART_HEAD] = "embedding and head",
    [SLIP_PART_TP] = "tensor parallel",
    [SLIP_PART_CP] = "context parallel",
    [SLIP_PART_EP] = "all-to-all",
    [SLIP_PART_PP] = "pipeline transfer",
    [SLIP_PART_DP] = "data parallel",
    [SLIP_PART_RECOMPUTE] = "recompute",
    [SLIP_PART_BUBBLE] = "pipeline bubble",
    [SLIP_PART_OPTIMIZER] = "optimizer",
    [SLIP_PART_HOST] = "host",
    [SLIP_PART_JITTER] = "jitter",
};

const char *slip_part_name(slip_part part) {
  return (unsigned)part < SLIP_PARTS ? part_names[part] : "unknown";
}

const char *slip_collective_name(slip_collective collective) {
  static const char *const names[SLIP_COLLECTIVES] = {"all-reduce", "all-gather", "reduce-scatter",
                                                      "all-to-all", "send",       "exchange"};
  return (unsigned)collective < SLIP_COLLECTIVES ? names[collective] : "unknown";
}

double slip_work_tokens(const slip_work *work) {
  double tokens = 0;
  for (int i = 0; i < work->n_segments; i++)
    tokens += work->segments[i].sequences * work->segments[i].new_tokens;
  return tokens;
}

/* ---- builders ---- */

slip_op *slip_op_add(slip_op_list *list, slip_op_kind kind, slip_part part, const char *name) {
  slip_op *op = &list->ops[list->count < SLIP_MAX_OPS ? list->count++ : SLIP_MAX_OPS - 1];
  memset(op, 0, sizeof *op);
  op->kind = kind;
  op->part = part;
  op->name = name;
  op->dtype = SLIP_BF16;
  return op;
}

/* The format a product computes in: that of its weights when the job allows it, bf16 otherwise. */
static slip_dtype product_dtype(const slip_work *work, slip_dtype weights) {
  return weights == SLIP_BF16 || weights == SLIP_FP32 ? SLIP_BF16 : work->compute;
}

slip_op *slip_op_gemm(slip_op_list *list, const slip_work *work, slip_part part, const char *name,
                      slip_dtype weights, double m, double n, double k) {
  slip_op *op = slip_op_add(list, SLIP_OP_GEMM, part, name);
  op->dtype = product_dtype(work, weights);
  op->m = m, op->n = n, op->k = k, op->groups = 1;
  op->flops = 2 * m * n * k;
  op->weight_bytes = n * k * slip_dtype_bytes(weights);
  op->read_bytes = m * k * slip_dtype_bytes(op->dtype);
  op->write_bytes = m * n * SLIP_ACTIVATION_BYTES;
  op->trainable = true;
  op->few_rows = !work->training;
  op->block_scaled = work->block_scaled && op->dtype == SLIP_FP8;
  return op;
}

void slip_op_stream(slip_op_list *list, slip_part part, const char *name, double read_elements,
                    double write_elements) {
  slip_op *op = slip_op_add(list, SLIP_OP_STREAM, part, name);
  op->read_bytes = read_elements * SLIP_ACTIVATION_BYTES;
  op->write_bytes = write_elements * SLIP_ACTIVATION_BYTES;
}

void slip_op_quantise(slip_op_list *list, const slip_work *work, slip_dtype weights, double elements) {
  if (!work->training && work->quantises && product_dtype(work, weights) == SLIP_FP8)
    slip_op_stream(list, SLIP_PART_ELEMENTWISE, "quantise", elements, elements / SLIP_ACTIVATION_BYTES);
}

void slip_op_collective(slip_op_list *list, slip_part part, slip_collective collective, slip_axis axis,
                        const char *name, double bytes) {
  slip_op *op = slip_op_add(list, SLIP_OP_COLLECTIVE, part, name);
  op->collective = collective;
  op->axis = axis;
  op->bytes = bytes;
}

/* Of an element that is gathered for a product. Transformer Engine quantises first: an fp8 product with one scale a tensor gathers its
 * input and backward the gradient of its output in fp8; formats with scales of blocks gather one copy forward and two backward, by rows and by
 * columns (pytorch/distributed.py, _all_gather_fp8, _all_gather_mxfp8, _all_gather_nvfp4): half of three. Gradients are scattered in bf16. */
static double gathered_bytes(const slip_work *work) {
  if (work->compute == SLIP_BF16 || work->compute == SLIP_FP32)
    return SLIP_ACTIVATION_BYTES;
  bool blocks = work->block_scaled || work->compute == SLIP_FP4;
  return slip_dtype_bytes(work->compute) * (blocks ? 1.5 : 1);
}

/* What surrounds a block that is cut over tensor-parallel ranks. Training mostly uses sequence parallelism (gather
 * before, scatter after, arXiv 2205.05198 section 4.2.2); without it, and when serving, activations are whole and reduced
 * after (and their gradients before). */
static void add_tensor_parallel(slip_op_list *list, const slip_work *work, bool scattered, slip_axis axis,
                                int64_t ranks, double elements) {
  if (ranks <= 1)
    return;
  double bytes = elements * SLIP_ACTIVATION_BYTES;
  if (scattered) {
    slip_op_collective(list, SLIP_PART_TP, SLIP_ALL_GATHER, axis, "gather activations",
                       elements * gathered_bytes(work));
    slip_op_collective(list, SLIP_PART_TP, SLIP_REDUCE_SCATTER, axis, "scatter activations", bytes);
  } else {
    slip_op_collective(list, SLIP_PART_TP, SLIP_ALL_REDUCE, axis, "all-reduce activations", bytes);
  }
}

/* ---- feed-forward ---- */

static void add_mlp(slip_op_list *list, const slip_work *work, slip_part part, const char *up_name,
                    const char *down_name, slip_dtype weights, bool gated, double tokens, double hidden,
                    double width) {
  slip_op_quantise(list, work, weights, tokens * hidden); /* the activation writes fp8 itself */
  slip_op_gemm(list, work, part, up_name, weights, tokens, width * (gated ? 2 : 1), hidden);
  slip_op_stream(list, SLIP_PART_ELEMENTWISE, "activation", tokens * width * (gated ? 2 : 1), tokens * width);
  slip_op_gemm(list, work, part, down_name, weights, tokens, hidden, width);
}

double slip_moe_active_experts(const slip_ffn *ffn, int64_t ep, double group_tokens, double spread) {
  double slots = slip_expert_slots(ffn, ep);
  double passed_by = fmax(0, 1 - (double)ffn->top_k / (slots * (double)ep));
  double v = spread * spread, odds = pow(passed_by, -v) - 1;
  if (v <= 0 || odds <= 0 || isinf(odds))
    return slots * (1 - pow(passed_by, group_tokens));
  return slots * (1 - pow(1 + group_tokens * odds, -1 / v));
}

/* Mean of the largest of 2^i normal deviates (Harter, Biometrika 48, 1961, table 1; 256 and up by the same integral). */
static const double largest_of[] = {0, 0.5642, 1.0294, 1.4236, 1.7660, 2.0697, 2.3437, 2.5946, 2.8270, 3.0444};

static double largest_deviate(double n) {
  const size_t doublings = sizeof largest_of / sizeof *largest_of - 1;
  const double at = log2(fmax(n, 1)), last = (double)doublings;
  const double clipped = fmin(at, last), below = fmin(floor(clipped), last - 1);
  const size_t i = (size_t)below;
  return largest_of[i] + (clipped - below) * (largest_of[i + 1] - largest_of[i]);
}

double slip_moe_most_experts(double active, double slots, int64_t ep) {
  const double chance = active / slots;
  return fmin(slots, active + largest_deviate((double)ep) * sqrt(fmax(0, active * (1 - chance))));
}

double slip_moe_hottest_rank(const slip_ffn *ffn, double imbalance, double rows, int64_t ep) {
  if (ep <= 1 || rows <= 0)
    return imbalance;
  const double experts = (double)ffn->experts, k = (double)ffn->top_k;
  const double others = fmax(0, 1 - 1 / (double)ep) * fmax(0, experts - k) / fmax(1, experts - 1);
  const double chance = largest_deviate((double)ep) * sqrt(others / rows);
  return 1 + hypot(imbalance - 1, chance);
}

bool slip_shared_is_routed(const slip_ffn *ffn, int64_t ep) {
  return ep > ffn->experts && ffn->shared_width > 0 && ffn->shared_width % ffn->expert_width == 0;
}

double slip_expert_slots(const slip_ffn *ffn, int64_t ep) {
  return ceil((double)ffn->experts / (double)ep);
}

static void grouped(slip_op_list *list, const slip_work *work, const char *name, double rows, double groups,
                    double n, double k) {
  slip_op *op = slip_op_gemm(list, work, SLIP_PART_EXPERTS, name, work->weights.routed_experts, rows, n, k);
  op->kind = SLIP_OP_GROUPED;
  op->block_scaled = false; /* grouped_fraction was measured on such */
  op->groups = groups;
  op->weight_bytes *= groups;
}

/* Serving waits for the rank that gets most: it receives (and returns) `hottest` times what each sends. */
static void add_exchange(slip_op_list *list, const slip_ffn *ffn, const slip_work *work, const char *name,
                         double tokens, double picks, double hottest, double bytes_per_element) {
  slip_op *op = slip_op_add(list, SLIP_OP_COLLECTIVE, SLIP_PART_EP, name);
  op->collective = SLIP_EXCHANGE;
  op->axis = SLIP_AXIS_EP;
  op->tokens = work->training ? tokens : tokens * hottest;
  op->bytes = (double)ffn->expert_hidden * bytes_per_element;
  op->fan_out = picks;
  op->group_limit = ffn->groups > 1 ? (double)ffn->top_groups : 0;
}

/* Experts with biases clamp their gate as well (gpt-oss), which no fused activation of 2025 covers: in training it is made of single
 * steps. In elements of 2 bytes, of the width: clamp both halves (2 and 2 read, 2 written each), sigmoid (1, 1), twice scaled
 * (1, 1; 2, 1), gate plus one (1, 1), product (2, 1), weighted in fp32 (1, 2) and back (2, 1). The output bias, scaled by the router's
 * fp32 weights: bias times weight (2 written), plus the row (3, 2), joined over experts (2, 2), back to bf16 (2, 1); of the hidden width
 * (Megatron-LM, mlp.py's glu and TEGroupedMLP._apply_bias). */
#define STEPS_READS 12.0
#define STEPS_WRITES 10.0
#define BIAS_READS 7.0
#define BIAS_WRITES 7.0

static void add_expert_activation(slip_op_list *list, const slip_work *work, const slip_ffn *ffn, double rows,
                                  double width) {
  if (work->training && work->fused_experts)
    return;
  /* in fp4 the activation is the first product's last step (TensorRT-LLM's kernels, which FlashInfer gives vLLM and SGLang) */
  if (!work->training && work->compute == SLIP_FP4 && work->weights.routed_experts == SLIP_FP4)
    return;
  if (work->training && ffn->expert_bias)
    slip_op_stream(list, SLIP_PART_ELEMENTWISE, "expert activation", STEPS_READS * rows * width,
                   STEPS_WRITES * rows * width);
  else
    slip_op_stream(list, SLIP_PART_ELEMENTWISE, "expert activation", rows * width * (ffn->gated ? 2 : 1),
                   rows * width);
}

static void add_moe(const slip_model *model, const slip_ffn *ffn, const slip_shard *shard, const slip_work *work,
                    double tokens, slip_op_list *list) {
  double hidden = (double)model->hidden, inner = (double)ffn->expert_hidden;
  double own = tokens / (double)shard->tp;                  /* of this rank */
  double together = own * (double)(shard->ep * shard->etp); /* of all ranks over one set of experts */
  /* One attention replica over all the experts' ranks, serving: every rank holds every token already, so nothing is
   * dispatched; each rank adds what its experts make of them, and one all-reduce sums (as vLLM, SGLang and TensorRT-LLM do). */
  bool everywhere = !work->training && shard->ep > 1 && shard->ep * shard->etp == shard->tp;
  bool dispatched = shard->ep > 1 && !everywhere;
  /* Where nothing is dispatched each rank of a serving engine routes all that its experts see. */
  double routed = work->training || dispatched ? own : together;
  bool shared_routed = !work->training && slip_shared_is_routed(ffn, shard->ep);
  double picks = (double)ffn->top_k + (shared_routed ? (double)ffn->shared_width / (double)ffn->expert_width : 0);
  slip_op *router =
      slip_op_gemm(list, work, SLIP_PART_ROUTER, "router", SLIP_BF16, routed, (double)ffn->experts, hidden);
  router->write_bytes *= 2; /* logits in fp32 */
  if (!work->training)
    slip_op_stream(list, SLIP_PART_ROUTER, "top k", routed * (double)ffn->experts * 2,
                   routed * (double)ffn->top_k * 4);
  if (ffn->expert_hidden != model->hidden) /* latent experts: down before the dispatch, up after the combine */
    slip_op_gemm(list, work, SLIP_PART_SHARED_EXPERT, "latent down", work->weights.shared_experts, routed, inner,
                 hidden);

  /* ep * etp ranks route own tokens each; their visits spread over ep ranks (the hottest gets `hottest` times the mean). */
  double busy = dispatched && work->busy > 0 ? work->busy : 1;
  double group_tokens = together * busy;
  double rows = own * (double)shard->etp * picks * busy, hottest = shard->ep > 1 ? work->imbalance : 1;
  if (!work->training && work->routing_spread > 0)
    hottest = slip_moe_hottest_rank(ffn, hottest, rows, shard->ep);
  const bool capped = work->training && work->capacity > 0, masked = capped && work->mask_tokens > 0;
  const double filled = capped ? work->capacity : 1; /* places over rows */
  if (capped)                                        /* all experts have as many places */
    hottest = filled;
  rows *= hottest;
  double groups = slip_moe_active_experts(ffn, shard->ep, group_tokens, work->routing_spread);
  if (!work->training) /* all wait for the rank that reads most */
    groups = slip_moe_most_experts(groups, slip_expert_slots(ffn, shard->ep), shard->ep);
  groups = fmax(groups, fmin(1, rows));
  double width = (double)ffn->expert_width / (double)shard->etp;

  if (masked) /* places of each sequence by its tokens, times tokens by width */
    slip_op_gemm(list, work, SLIP_PART_ROUTER, "rows to places", SLIP_BF16, own * picks * filled, inner,
                 work->mask_tokens);
  if (dispatched)
    add_exchange(list, ffn, work, "dispatch", own * filled, picks, hottest, work->dispatch_bytes);
  if (!everywhere)
    add_tensor_parallel(list, work, work->training, SLIP_AXIS_ETP, shard->etp,
                        group_tokens / (double)shard->ep * (double)(shard->ep > 1 ? ffn->top_k : 1) * inner);
  double carried = work->dispatch_bytes / SLIP_ACTIVATION_BYTES;
  if (work->training && !masked) {
    const double passes = work->routed_passes > 0 ? work->routed_passes : 4;
    slip_op_stream(list, SLIP_PART_ELEMENTWISE, "permute tokens", passes / 2 * rows * inner,
                   passes / 2 * rows * inner);
    list->ops[list->count - 1].mirrored = true;
  } else if (dispatched) { /* what came in, sorted by expert */
    slip_op_stream(list, SLIP_PART_ELEMENTWISE, "scatter tokens", rows * inner * carried, rows * inner * carried);
  }
  if (!dispatched) /* what travels is quantised before */
    slip_op_quantise(list, work, work->weights.routed_experts, routed * inner);
  grouped(list, work, "experts up", rows, groups, width * (ffn->gated ? 2 : 1), inner);
  add_expert_activation(list, work, ffn, rows, width);
  grouped(list, work, "experts down", rows, groups, inner, width);
  if (!work->training) /* serving's grouped GEMMs gather their rows themselves; the weighted sum over a token's experts is left */
    slip_op_stream(list, SLIP_PART_ELEMENTWISE, "sum experts", rows * inner, fmin(rows, routed) * inner);
  if (ffn->expert_bias && work->training && !work->fused_experts) {
    slip_op_stream(list, SLIP_PART_ELEMENTWISE, "expert biases", BIAS_READS * rows * inner,
                   BIAS_WRITES * rows * inner);
    list->ops[list->count - 1].mirrored = true;
  }
  if (everywhere)
    add_tensor_parallel(list, work, work->training, SLIP_AXIS_TP, shard->tp, tokens * inner);
  else if (shard->ep > 1)
    add_exchange(list, ffn, work, "combine", own * filled, picks, hottest, SLIP_ACTIVATION_BYTES);
  if (masked)
    slip_op_gemm(list, work, SLIP_PART_ROUTER, "places to rows", SLIP_BF16, own, inner,
                 picks * filled * work->mask_tokens);

  if (ffn->expert_hidden != model->hidden)
    slip_op_gemm(list, work, SLIP_PART_SHARED_EXPERT, "latent up", work->weights.shared_experts, routed, hidden,
                 inner);
  if (ffn->shared_width > 0 && !shared_routed) {
    /* With experts spread over ranks the shared expert is replicated and sees this rank's own tokens; else it is cut like an FFN. */
    bool cut_by_tp = shard->ep == 1 || everywhere;
    double cut = cut_by_tp ? (double)shard->tp : 1;
    double rows_shared = cut_by_tp ? tokens : own;
    int first = list->count;
    add_mlp(list, work, SLIP_PART_SHARED_EXPERT, "shared up", "shared down", work->weights.shared_experts,
            ffn->gated, rows_shared, hidden, (double)ffn->shared_width / cut);
    for (int i = first; i < list->count;
         i++) /* on a second stream beside the routed experts (vLLM, SGLang, TensorRT-LLM) */
      list->ops[i].hidden_start = !work->training;
  }
}

/* ---- layer ---- */

static void add_norm(slip_op_list *list, const slip_work *work, int64_t tp, double tokens, double hidden) {
  /* one fused kernel: reads the branch and the residual, writes the new residual and its norm. Serving engines do it at the end of the
   * all-reduce before it (TensorRT-LLM, FlashInfer's allreduce fusion in vLLM and SGLang). */
  slip_op_stream(list, SLIP_PART_ELEMENTWISE, "residual and norm", 2 * tokens * hidden, 2 * tokens * hidden);
  list->ops[list->count - 1].hidden_start = !work->training && tp > 1;
}

void slip_layer_operators(const slip_model *model, const slip_layer_kind *kind, const slip_shard *shard,
                          const slip_work *work, slip_op_list *out) {
  out->count = 0;
  double hidden = (double)model->hidden;
  double tokens = slip_work_tokens(work) / (double)shard->cp; /* that this rank's replica share handles */
  bool scattered = work->training && !shard->whole_sequence;
  double norm_tokens = scattered ? tokens / (double)shard->tp : tokens;
  if (kind->attention.kind != SLIP_ATTENTION_NONE) {
    add_norm(out, work, shard->tp, norm_tokens, hidden);
    slip_mixer_operators(model, &kind->attention, shard, work, tokens, out);
    add_tensor_parallel(out, work, scattered, SLIP_AXIS_TP, shard->tp, tokens * hidden);
    if (shard->cp > 1) {
      double kv = slip_mixer_kv_elements(&kind->attention) /
                  fmin((double)shard->tp, fmax(1, (double)kind->attention.kv_heads));
      slip_op_collective(out, SLIP_PART_CP, SLIP_ALL_GATHER, SLIP_AXIS_CP, "gather keys and values",
                         tokens * (double)shard->cp * kv * SLIP_ACTIVATION_BYTES);
    }
  }
  if (kind->ffn.kind == SLIP_FFN_NONE)
    return;
  add_norm(out, work, shard->tp, norm_tokens, hidden);
  if (kind->ffn.kind == SLIP_FFN_DENSE) {
    add_mlp(out, work, SLIP_PART_DENSE_FFN, "FFN up", "FFN down", work->weights.dense_ffn, kind->ffn.gated, tokens,
            hidden, (double)kind->ffn.width / (double)shard->tp);
    add_tensor_parallel(out, work, scattered, SLIP_AXIS_TP, shard->tp, tokens * hidden);
  } else {
    add_moe(model, &kind->ffn, shard, work, tokens, out);
  }
}

/* Where a stack does not say: fp32 logits are read twice and written once, backward twice that. */
#define USUAL_LOSS_BYTES 36.0

/* A third forward: a stream moves twice as much backward (a fused loss reads its logits, then reads them and writes gradients). */
static void add_loss(slip_op_list *list, const slip_work *work, double logits) {
  double bytes = work->loss_bytes > 0 ? work->loss_bytes : USUAL_LOSS_BYTES;
  slip_op_stream(list, SLIP_PART_HEAD, "loss", logits * bytes / 3 / SLIP_ACTIVATION_BYTES, 0);
}

void slip_edge_operators(const slip_model *model, bool head, double logit_tokens, const slip_shard *shard,
                         const slip_work *work, slip_op_list *out) {
  out->count = 0;
  double hidden = (double)model->hidden, vocab = (double)model->vocab / (double)shard->tp;
  double tokens = slip_work_tokens(work) / (double)shard->cp;
  if (!head) {
    slip_op_stream(out, SLIP_PART_HEAD, "embedding", tokens * hidden, tokens * hidden);
    return;
  }
  double rows = logit_tokens / (double)shard->cp;
  slip_op_gemm(out, work, SLIP_PART_HEAD, "output matrix", work->weights.embedding, rows, vocab, hidden);
  if (work->training)
    add_loss(out, work, rows * vocab);
  else /* reads fp32 logits once */
    slip_op_stream(out, SLIP_PART_HEAD, "sampling", rows * vocab * 2, 0);
  if (shard->tp > 1 && !work->training)
    slip_op_collective(out, SLIP_PART_TP, SLIP_ALL_GATHER, SLIP_AXIS_TP, "gather logits",
                       rows * (double)model->vocab * SLIP_ACTIVATION_BYTES);
}
