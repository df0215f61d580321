/* Token mixers: softmax attention (GQA, MLA, sparse with an indexer), linear attention and state-space layers. */
#include <math.h>

#include "model/operators_internal.h"

/* Tokens of a chunk in the chunked form of linear attention and SSM kernels (Mamba-2, arXiv 2405.21060, section 6; the released kernels use 64 to 256). */
#define SCAN_CHUNK 128.0
/* A step with at most so many new tokens per sequence uses the decode kernel (one token and its drafts). */
#define DECODE_TOKENS 8.0

double slip_attention_pairs(const slip_segment *s, double limit) {
  double first = s->past + 1, last = s->past + s->new_tokens; /* keys that the first and last new token see */
  double pairs;
  if (limit <= 0 || last <= limit)
    pairs = s->new_tokens * (first + last) / 2;
  else if (first >= limit)
    pairs = s->new_tokens * limit;
  else
    pairs = (limit - s->past) * (first + limit) / 2 + (last - limit) * limit;
  return s->sequences * pairs;
}

/* Keys of a segment that lie in reach of its new tokens: what the kernel must read. */
static double keys_in_reach(const slip_segment *s, double limit) {
  double keys = s->past + s->new_tokens;
  if (limit > 0)
    keys = fmin(keys, limit + s->new_tokens);
  return s->sequences * keys;
}

static double reach_limit(const slip_attention *a) {
  return (double)(a->index_topk > 0 ? a->index_topk : a->window);
}

static double cut(double heads, double ranks) {
  return fmax(heads / ranks, 1);
}

static slip_op *add_attention(slip_op_list *list, const slip_work *work, const slip_segment *s, double flops,
                              double cache_bytes, double query_elements, double out_elements) {
  slip_op *op =
      slip_op_add(list, SLIP_OP_ATTENTION, SLIP_PART_ATTENTION,
                  s->new_tokens <= DECODE_TOKENS && s->past > 0 ? "decode attention" : "prefill attention");
  op->dtype = SLIP_BF16;
  op->flops = flops;
  op->read_bytes = cache_bytes + query_elements * SLIP_ACTIVATION_BYTES;
  op->write_bytes = out_elements * SLIP_ACTIVATION_BYTES;
  op->decode = !work->training && s->new_tokens <= DECODE_TOKENS;
  return op;
}

/* ---- sparse attention's indexer: every key is scored, in fp8 where the chip has it; its own key cache ---- */

static void add_indexer(const slip_model *model, const slip_attention *a, const slip_shard *shard,
                        const slip_work *work, double tokens, slip_op_list *list) {
  if (a->index_heads == 0 || a->index_shared)
    return;
  double dim = (double)a->index_dim, heads = (double)a->index_heads;
  double q_in = a->q_rank > 0 ? (double)a->q_rank : (double)model->hidden;
  slip_op_gemm(list, work, SLIP_PART_PROJECTIONS, "indexer queries", work->weights.attention, tokens, heads * dim,
               q_in);
  slip_op_gemm(list, work, SLIP_PART_PROJECTIONS, "indexer keys", work->weights.attention, tokens, dim + heads,
               (double)model->hidden);
  for (int i = 0; i < work->n_segments; i++) {
    const slip_segment *s = &work->segments[i];
    double share = 1 / (double)shard->cp;
    slip_op *op =
        add_attention(list, work, s, 2 * slip_attention_pairs(s, 0) * heads * dim * share,
                      work->training ? 0 : keys_in_reach(s, 0) * dim * share, tokens * heads * dim / 2, 0);
    op->name = "indexer scores";
    op->keys = slip_attention_pairs(s, 0) / (s->sequences * s->new_tokens);
    op->dtype = work->compute;
  }
}

/* ---- GQA ---- */

static void gqa(const slip_model *model, const slip_attention *a, const slip_shard *shard, const slip_work *work,
                double tokens, slip_op_list *list) {
  double tp = (double)shard->tp, cp = (double)shard->cp, hidden = (double)model->hidden;
  double heads = cut((double)a->heads, tp), kv_heads = cut((double)a->kv_heads, tp);
  double qk = (double)a->qk_dim, v = (double)a->v_dim;
  double q_width = heads * (qk + (a->output_gate ? v : 0));
  double kv_width = kv_heads * (qk + (a->shared_kv ? 0 : v));
  slip_op_quantise(list, work, work->weights.attention, tokens * hidden);
  slip_op_gemm(list, work, SLIP_PART_PROJECTIONS, "q k v", work->weights.attention, tokens, q_width + kv_width,
               hidden);
  if (a->norm_over_heads &&
      shard->tp > 1) /* sums of squares in fp32, of queries and of keys (vLLM, MiniMaxText01RMSNormTP.forward_qk) */
    slip_op_collective(list, SLIP_PART_TP, SLIP_ALL_REDUCE, SLIP_AXIS_TP, "all-reduce norms", tokens * 2 * 4);
  slip_op_stream(list, SLIP_PART_ELEMENTWISE, "rotary", tokens * (heads + kv_heads) * qk,
                 tokens * (heads + kv_heads) * qk);
  add_indexer(model, a, shard, work, tokens, list);
  for (int i = 0; i < work->n_segments; i++) {
    const slip_segment *s = &work->segments[i];
    double pairs = slip_attention_pairs(s, reach_limit(a)) / cp;
    double kv_bytes = work->training ? SLIP_ACTIVATION_BYTES : slip_dtype_bytes(work->kv);
    double cache = keys_in_reach(s, reach_limit(a)) * kv_heads * (qk + v) * kv_bytes;
    double new_tokens = s->sequences * s->new_tokens / cp;
    slip_op *op = add_attention(list, work, s, 2 * pairs * heads * (qk + v), cache, new_tokens * heads * qk,
                                new_tokens * heads * v);
    op->scores = pairs * heads;
    op->keys = pairs / new_tokens;
    op->rows = heads / kv_heads * s->new_tokens;
  }
  if (a->output_gate && !work->training)
    slip_op_stream(list, SLIP_PART_ELEMENTWISE, "output gate", 2 * tokens * heads * v, tokens * heads * v);
  slip_op_quantise(list, work, work->weights.attention, tokens * heads * v);
  slip_op_gemm(list, work, SLIP_PART_PROJECTIONS, "attention out", work->weights.attention, tokens, hidden,
               heads * v);
}

/* ---- MLA: arXiv 2405.04434, eqs. 9 to 19; the absorbed form of its section 2.1.2 when that is less work ---- */

static void mla_segment(const slip_attention *a, double heads, double cp, const slip_work *work,
                        const slip_segment *s, slip_op_list *list) {
  double rank = (double)a->kv_rank, rope = (double)a->rope_dim, nope = (double)a->nope_dim, v = (double)a->v_dim;
  double pairs = slip_attention_pairs(s, reach_limit(a)) / cp;
  double fresh = s->sequences * s->new_tokens / cp, keys = s->sequences * (s->past + s->new_tokens) / cp;
  double expand = 2 * (work->training ? fresh : keys) * rank * heads * (nope + v); /* latent -> keys and values */
  double plain = 2 * pairs * heads * (nope + rope + v) + expand;
  double absorb = 2 * fresh * heads * rank * (nope + v);
  double latent = 2 * pairs * heads * (2 * rank + rope) + absorb;
  /* Keys chosen token by token cannot be expanded once for all: the kernel gathers latents, and a token's heads are all that share them. */
  bool chosen = !work->training && a->index_topk > 0 && s->past + s->new_tokens > (double)a->index_topk;
  bool absorbed = !work->training && (chosen || latent < plain);
  slip_dtype weights = work->weights.attention;
  if (!absorbed) {
    slip_op_gemm(list, work, SLIP_PART_PROJECTIONS, "kv up", weights, work->training ? fresh : keys,
                 heads * (nope + v), rank);
    double cache = keys_in_reach(s, reach_limit(a)) * heads * (nope + rope + v) * SLIP_ACTIVATION_BYTES;
    slip_op *op = add_attention(list, work, s, 2 * pairs * heads * (nope + rope + v), work->training ? 0 : cache,
                                fresh * heads * (nope + rope), fresh * heads * v);
    op->scores = pairs * heads;
    op->keys = pairs / fresh;
    return;
  }
  /* One small product per head, side by side: as wide as all heads, as deep as one. */
  slip_op *queries =
      slip_op_gemm(list, work, SLIP_PART_PROJECTIONS, "absorb queries", weights, fresh, heads * rank, nope);
  queries->read_bytes *= heads;
  slip_op *op = add_attention(list, work, s, 2 * pairs * heads * (2 * rank + rope),
                              keys_in_reach(s, reach_limit(a)) * (rank + rope) * slip_dtype_bytes(work->kv),
                              fresh * heads * (rank + rope), fresh * heads * rank);
  op->mla = true;
  if (work->kv == SLIP_FP8 && op->decode && a->index_topk == 0) /* kernels for chosen keys widen such a cache */
    op->dtype = SLIP_FP8;
  op->keys = pairs / fresh;
  op->own_keys = chosen && !op->decode;
  op->rows = op->own_keys ? heads : heads * s->new_tokens;
  slip_op *values =
      slip_op_gemm(list, work, SLIP_PART_PROJECTIONS, "absorb values", weights, fresh, heads * v, rank);
  values->read_bytes *= heads;
}

static void mla(const slip_model *model, const slip_attention *a, const slip_shard *shard, const slip_work *work,
                double tokens, slip_op_list *list) {
  double hidden = (double)model->hidden, heads = cut((double)a->heads, (double)shard->tp);
  double qk = (double)(a->nope_dim + a->rope_dim);
  slip_dtype weights = work->weights.attention;
  /* low-rank inputs are not cut by tp: every rank computes them, as Megatron and the serving engines do; one fused product */
  double down = (double)(a->q_rank + a->kv_rank + a->rope_dim);
  slip_op_quantise(list, work, weights, tokens * hidden);
  slip_op_gemm(list, work, SLIP_PART_PROJECTIONS, "q kv down", weights, tokens, down, hidden);
  slip_op_stream(list, SLIP_PART_ELEMENTWISE, "latent norms", tokens * down, tokens * down);
  if (a->q_rank > 0)
    slip_op_quantise(list, work, weights, tokens * (double)a->q_rank);
  slip_op_gemm(list, work, SLIP_PART_PROJECTIONS, "q up", weights, tokens, heads * qk,
               a->q_rank > 0 ? (double)a->q_rank : hidden);
  slip_op_stream(list, SLIP_PART_ELEMENTWISE, "rotary", tokens * heads * (double)a->rope_dim,
                 tokens * heads * (double)a->rope_dim);
  add_indexer(model, a, shard, work, tokens, list);
  for (int i = 0; i < work->n_segments; i++)
    mla_segment(a, heads, (double)shard->cp, work, &work->segments[i], list);
  if (a->output_gate)
    slip_op_gemm(list, work, SLIP_PART_PROJECTIONS, "output gate", weights, tokens, heads * (double)a->v_dim,
                 hidden);
  slip_op_quantise(list, work, weights, tokens * heads * (double)a->v_dim);
  slip_op_gemm(list, work, SLIP_PART_PROJECTIONS, "attention out", weights, tokens, hidden,
               heads * (double)a->v_dim);
}

/* ---- linear attention and SSM ---- */

/* FLOP of the recurrence per token: state update and read are 2 x 2 x key x value per head; the chunked form adds
 * the products inside a chunk (half of it, causal). */
static double scan_flop(double heads, double key, double value) {
  return heads * (4 * key * value + SCAN_CHUNK * (key + value));
}

static void add_scan(const slip_work *work, double heads, double key, double value, double in_width,
                     double out_width, double cp, slip_op_list *list) {
  for (int i = 0; i < work->n_segments; i++) {
    const slip_segment *s = &work->segments[i];
    double fresh = s->sequences * s->new_tokens / cp;
    double state = s->sequences * heads * key * value * 4; /* fp32, read and written once a pass */
    if (work->training) /* by one kernel each chunk's state is made, passed on to the next chunk, and used */
      state = 2 * fresh / SCAN_CHUNK * heads * key * value * 4;
    slip_op *op = add_attention(list, work, s, fresh * scan_flop(heads, key, value), state, fresh * in_width,
                                fresh * out_width);
    op->name = "state scan";
    op->write_bytes += state;
  }
}

static void linear(const slip_model *model, const slip_attention *a, const slip_shard *shard, const slip_work *work,
                   double tokens, slip_op_list *list) {
  double tp = (double)shard->tp, hidden = (double)model->hidden;
  double keys = cut((double)a->linear_key_heads, tp) * (double)a->linear_key_dim;
  double heads = cut((double)a->linear_value_heads, tp), values = heads * (double)a->linear_value_dim;
  slip_dtype weights = work->weights.attention;
  slip_op_quantise(list, work, weights, tokens * hidden);
  double scalars = 2 * heads; /* decay and write strength; of a product of their own in serving engines */
  slip_op_gemm(list, work, SLIP_PART_PROJECTIONS, "q k v gate", weights, tokens,
               2 * keys + 2 * values + (work->training ? scalars : 0), hidden);
  if (!work->training)
    slip_op_gemm(list, work, SLIP_PART_PROJECTIONS, "decay and strength", SLIP_BF16, tokens, scalars, hidden);
  if (!work->training)
    slip_op_stream(list, SLIP_PART_ELEMENTWISE, "split", tokens * (2 * keys + 2 * values),
                   tokens * (2 * keys + 2 * values));
  slip_op_stream(list, SLIP_PART_ELEMENTWISE, "short convolution", tokens * (2 * keys + values),
                 tokens * (2 * keys + values));
  add_scan(work, heads, (double)a->linear_key_dim, (double)a->linear_value_dim, 2 * keys + values, values,
           (double)shard->cp, list);
  slip_op_stream(list, SLIP_PART_ELEMENTWISE, "gated norm", 2 * tokens * values, tokens * values);
  slip_op_quantise(list, work, weights, tokens * values);
  slip_op_gemm(list, work, SLIP_PART_PROJECTIONS, "attention out", weights, tokens, hidden, values);
}

static void ssm(const slip_model *model, const slip_attention *a, const slip_shard *shard, const slip_work *work,
                double tokens, slip_op_list *list) {
  double tp = (double)shard->tp, hidden = (double)model->hidden;
  double heads = cut((double)a->ssm_heads, tp), inner = heads * (double)a->ssm_head_dim;
  double groups = cut((double)a->ssm_groups, tp) * (double)a->ssm_state;
  slip_dtype weights = work->weights.attention;
  slip_op_quantise(list, work, weights, tokens * hidden);
  slip_op_gemm(list, work, SLIP_PART_PROJECTIONS, "SSM in", weights, tokens, 2 * inner + 2 * groups + heads,
               hidden);
  slip_op_stream(list, SLIP_PART_ELEMENTWISE, "short convolution", tokens * (inner + 2 * groups),
                 tokens * (inner + 2 * groups));
  add_scan(work, heads, (double)a->ssm_state, (double)a->ssm_head_dim, inner + 2 * groups, inner, (double)shard->cp,
           list);
  slip_op_stream(list, SLIP_PART_ELEMENTWISE, "gated norm", 2 * tokens * inner, tokens * inner);
  slip_op_quantise(list, work, weights, tokens * inner);
  slip_op_gemm(list, work, SLIP_PART_PROJECTIONS, "SSM out", weights, tokens, hidden, inner);
}

void slip_mixer_operators(const slip_model *model, const slip_attention *a, const slip_shard *shard,
                          const slip_work *work, double tokens, slip_op_list *list) {
  switch (a->kind) {
  case SLIP_ATTENTION_NONE:
    return;
  case SLIP_ATTENTION_GQA:
    gqa(model, a, shard, work, tokens, list);
    return;
  case SLIP_ATTENTION_MLA:
    mla(model, a, shard, work, tokens, list);
    return;
  case SLIP_ATTENTION_LINEAR:
    linear(model, a, shard, work, tokens, list);
    return;
  case SLIP_ATTENTION_SSM:
    ssm(model, a, shard, work, tokens, list);
    return;
  }
}

double slip_mixer_kv_elements(const slip_attention *a) {
  switch (a->kind) {
  case SLIP_ATTENTION_GQA:
    return (double)a->kv_heads * (double)(a->qk_dim + a->v_dim);
  case SLIP_ATTENTION_MLA:
    return (double)(a->kv_rank + a->rope_dim);
  default:
    return 0; /* states are handed on whole: small */
  }
}

double slip_mixer_flop_per_token(const slip_attention *a, double seq) {
  slip_segment whole = {1, seq, 0};
  double pairs = slip_attention_pairs(&whole, reach_limit(a)) / seq;
  switch (a->kind) {
  case SLIP_ATTENTION_GQA:
  case SLIP_ATTENTION_MLA:
    return 2 * pairs * (double)a->heads * (double)(a->qk_dim + a->v_dim) +
           (a->index_shared ? 0
                            : 2 * slip_attention_pairs(&whole, 0) / seq * (double)(a->index_heads * a->index_dim));
  case SLIP_ATTENTION_LINEAR:
    return scan_flop((double)a->linear_value_heads, (double)a->linear_key_dim, (double)a->linear_value_dim);
  case SLIP_ATTENTION_SSM:
    return scan_flop((double)a->ssm_heads, (double)a->ssm_state, (double)a->ssm_head_dim);
  default:
    return 0;
  }
}
