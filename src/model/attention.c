/* The dimensions of a layer's token mixer, and its exact number of parameters. */
#include <string.h>

#include "base/fail.h"
#include "model/draft.h"

/* Parameters of softmax attention with grouped keys and values. */
typedef struct gqa_extras {
  bool qkv_bias, o_bias, head_norm, sinks;
} gqa_extras;

static double gqa_params(double hidden, const slip_attention *a, const gqa_extras *x) {
  const double q = (double)(a->heads * a->qk_dim), k = (double)(a->kv_heads * a->qk_dim);
  const double v = a->shared_kv ? 0 : (double)(a->kv_heads * a->v_dim);
  const double o = (double)(a->heads * a->v_dim), gate = a->output_gate ? o : 0;
  double total = hidden * (q + k + v + gate + o);
  if (x->qkv_bias)
    total += q + k + v;
  if (x->o_bias)
    total += hidden;
  if (x->head_norm)
    total += 2 * (double)a->qk_dim;
  if (a->norm_over_heads)
    total += q + k;
  if (x->sinks)
    total += (double)a->heads;
  return total;
}

static slip_status read_window(slip_draft *d, const slip_choice *choice, slip_attention *a) {
  a->chunked = choice->mixer == SLIP_MIXER_CHUNKED;
  if (a->chunked)
    return slip_draft_int(d, "attention_chunk_size", 1, SLIP_LIMIT_TOKENS, &a->window);
  if (choice->mixer == SLIP_MIXER_SLIDING)
    return slip_draft_int(d, "sliding_window|sliding_window_size", 1, SLIP_LIMIT_TOKENS, &a->window);
  return SLIP_OK;
}

/* Heads and head size by the names of the layer's sort. */
static slip_status read_heads(slip_draft *d, const slip_choice *choice, slip_attention *a) {
  slip_status status = SLIP_OK;
  const bool sliding = choice->mixer == SLIP_MIXER_SLIDING;
  const bool swa = (d->family->flags & SLIP_F_SWA_KEYS) != 0 && sliding;
  const bool global = (d->family->flags & SLIP_F_GLOBAL_KEYS) != 0 && !sliding;
  bool shared = false;
  if (global)
    SLIP_TRY(slip_draft_bool_or(d, "attention_k_eq_v", false, &shared));
  SLIP_TRY(slip_draft_int(d, swa ? "swa_num_attention_heads|num_attention_heads" : "num_attention_heads|n_head", 1,
                          SLIP_LIMIT_HEADS, &a->heads));
  SLIP_TRY(slip_draft_int_or(d,
                             swa      ? "swa_num_key_value_heads|num_key_value_heads"
                             : shared ? "num_global_key_value_heads|num_key_value_heads"
                                      : "num_key_value_heads",
                             1, SLIP_LIMIT_HEADS, a->heads, &a->kv_heads));
  if (choice->kv_heads > 0)
    a->kv_heads = choice->kv_heads;
  if (a->heads % a->kv_heads != 0)
    return slip_draft_fail(d, SLIP_BAD_INPUT, "num_key_value_heads",
                           "%lld query heads do not divide by %lld key/value heads; correct one of them",
                           (long long)a->heads, (long long)a->kv_heads);
  SLIP_TRY(slip_draft_int_or(d,
                             swa      ? "swa_head_dim|head_dim"
                             : global ? "global_head_dim|head_dim"
                                      : "head_dim|attention_head_dim",
                             1, SLIP_LIMIT_HEAD_DIM, 0, &a->qk_dim));
  if (a->qk_dim == 0 && d->model->hidden % a->heads != 0)
    return slip_draft_fail(d, SLIP_BAD_INPUT, "head_dim",
                           "hidden_size %lld does not divide by %lld heads; give head_dim",
                           (long long)d->model->hidden, (long long)a->heads);
  if (a->qk_dim == 0)
    a->qk_dim = d->model->hidden / a->heads;
  SLIP_TRY(slip_draft_int_or(d, swa ? "swa_v_head_dim|v_head_dim" : "v_head_dim", 1, SLIP_LIMIT_HEAD_DIM, a->qk_dim,
                             &a->v_dim));
  a->shared_kv = shared;
  if (shared && a->v_dim != a->qk_dim)
    return slip_draft_fail(d, SLIP_BAD_INPUT, "v_head_dim", "keys that double as values need one head size");
cleanup:
  return status;
}

static slip_status read_gqa_extras(slip_draft *d, const slip_choice *choice, slip_attention *a, gqa_extras *x) {
  slip_status status = SLIP_OK;
  const unsigned flags = d->family->flags;
  bool bias, norm, sink_swa = false, sink_full = false;
  const char *norm_type;
  SLIP_TRY(slip_draft_bool_or(d, "attention_bias", false, &bias));
  SLIP_TRY(slip_draft_bool_or(d, "qkv_bias", false, &x->qkv_bias));
  if (bias && (flags & (SLIP_F_BIAS_KEY_QKV | SLIP_F_QKV_BIAS)) == 0)
    return slip_draft_fail(d, SLIP_UNSUPPORTED, "attention_bias", "biases are not known for model_type %s",
                           d->family->model_type);
  x->qkv_bias = x->qkv_bias || bias || (flags & (SLIP_F_QKV_BIAS | SLIP_F_GPT2)) != 0;
  x->o_bias = (bias && (flags & SLIP_F_BIAS_KEY_O) != 0) || (flags & SLIP_F_GPT2) != 0;
  norm = false;
  if (flags & (SLIP_F_QK_NORM | SLIP_F_QK_NORM_KEY | SLIP_F_SHARED_ONE)) /* Llama 4's norm has no weights */
    SLIP_TRY(slip_draft_bool_or(d, "use_qk_norm", false, &norm));
  SLIP_TRY(slip_draft_text_or(d, "qk_norm_type", "per_head", &norm_type));
  const bool by_key = norm && (flags & SLIP_F_QK_NORM_KEY) != 0;
  a->norm_over_heads = by_key && strcmp(norm_type, "per_layer") == 0;
  x->head_norm = (flags & SLIP_F_QK_NORM) != 0 || (by_key && !a->norm_over_heads);
  if (flags & SLIP_F_SINK_KEYS) {
    SLIP_TRY(slip_draft_bool_or(d, "add_swa_attention_sink_bias", false, &sink_swa));
    SLIP_TRY(slip_draft_bool_or(d, "add_full_attention_sink_bias", false, &sink_full));
  }
  x->sinks = (flags & SLIP_F_SINKS) != 0 || (choice->mixer == SLIP_MIXER_SLIDING ? sink_swa : sink_full);
  SLIP_TRY(slip_draft_bool_or(d, "attn_output_gate|attention_output_gate", (flags & SLIP_F_OUTPUT_GATE) != 0,
                              &a->output_gate));
cleanup:
  return status;
}

static slip_status build_gqa(slip_draft *d, const slip_choice *choice, slip_layer_kind *kind) {
  slip_status status = SLIP_OK;
  slip_attention *a = &kind->attention;
  gqa_extras extras = {0};
  a->kind = SLIP_ATTENTION_GQA;
  SLIP_TRY(read_heads(d, choice, a));
  SLIP_TRY(read_window(d, choice, a));
  SLIP_TRY(read_gqa_extras(d, choice, a, &extras));
  kind->params.attention = gqa_params((double)d->model->hidden, a, &extras);
cleanup:
  return status;
}

/* DeepSeek-V2 (arXiv 2405.04434) section 2.1; the indexer as in DeepSeek-V3.2's report, section 2. */
static double mla_params(double hidden, const slip_attention *a, bool bias) {
  const double q_out = (double)(a->heads * a->qk_dim), q_rank = (double)a->q_rank, kv_rank = (double)a->kv_rank;
  const double kv_in = (double)(a->kv_rank + a->rope_dim);
  double total = a->q_rank > 0 ? hidden * q_rank + q_rank + q_rank * q_out : hidden * q_out;
  total += hidden * kv_in + kv_rank;                                /* down-projection and its norm */
  total += kv_rank * (double)(a->heads * (a->nope_dim + a->v_dim)); /* up to keys and values */
  total += (double)(a->heads * a->v_dim) * hidden;                  /* output */
  if (bias)
    total += (a->q_rank > 0 ? q_rank : 0) + kv_in + hidden;
  if (a->index_heads > 0) /* queries, one key, its LayerNorm, head weights */
    total += q_rank * (double)(a->index_heads * a->index_dim) + hidden * (double)a->index_dim +
             2 * (double)a->index_dim + hidden * (double)a->index_heads;
  return total;
}

static slip_status read_indexer(slip_draft *d, const slip_choice *choice, slip_attention *a) {
  slip_status status = SLIP_OK;
  int64_t heads, dim;
  if (d->family->lay_mixers != slip_mixers_indexed)
    return SLIP_OK;
  SLIP_TRY(slip_draft_int(d, "index_topk", 1, SLIP_LIMIT_TOKENS, &a->index_topk));
  SLIP_TRY(slip_draft_int(d, "index_n_heads", 1, SLIP_LIMIT_HEADS, &heads));
  SLIP_TRY(slip_draft_int(d, "index_head_dim", 1, SLIP_LIMIT_HEAD_DIM, &dim));
  if (a->q_rank == 0)
    return slip_draft_fail(d, SLIP_UNSUPPORTED, "q_lora_rank",
                           "an indexer without low-rank queries is not modelled");
  a->index_shared = choice->mixer == SLIP_MIXER_SHARED_INDEX;
  a->index_heads = a->index_shared ? 0 : heads;
  a->index_dim = a->index_shared ? 0 : dim;
cleanup:
  return status;
}

static slip_status build_mla(slip_draft *d, const slip_choice *choice, slip_layer_kind *kind) {
  slip_status status = SLIP_OK;
  slip_attention *a = &kind->attention;
  bool bias;
  int64_t qk_stated;
  a->kind = SLIP_ATTENTION_MLA;
  if (choice->mixer != SLIP_MIXER_FULL && choice->mixer != SLIP_MIXER_SHARED_INDEX)
    return slip_draft_fail(d, SLIP_UNSUPPORTED, "layer_types", "latent attention with a window is not modelled");
  SLIP_TRY(slip_draft_int(d, "num_attention_heads", 1, SLIP_LIMIT_HEADS, &a->heads));
  SLIP_TRY(slip_draft_int_or(d, "q_lora_rank", 0, SLIP_LIMIT_RANK, 0, &a->q_rank));
  SLIP_TRY(slip_draft_int(d, "kv_lora_rank", 1, SLIP_LIMIT_RANK, &a->kv_rank));
  SLIP_TRY(slip_draft_int(d, "qk_nope_head_dim", 1, SLIP_LIMIT_HEAD_DIM, &a->nope_dim));
  SLIP_TRY(slip_draft_int(d, "qk_rope_head_dim", 0, SLIP_LIMIT_HEAD_DIM, &a->rope_dim));
  SLIP_TRY(slip_draft_int(d, "v_head_dim", 1, SLIP_LIMIT_HEAD_DIM, &a->v_dim));
  a->kv_heads = a->heads; /* num_key_value_heads repeats the heads and means nothing here, nor does head_dim */
  a->qk_dim = a->nope_dim + a->rope_dim;
  SLIP_TRY(slip_draft_int_or(d, "qk_head_dim", 1, 2 * SLIP_LIMIT_HEAD_DIM, a->qk_dim, &qk_stated));
  if (qk_stated != a->qk_dim)
    return slip_draft_fail(d, SLIP_BAD_INPUT, "qk_head_dim",
                           "is %lld but qk_nope_head_dim + qk_rope_head_dim is %lld; correct one of them",
                           (long long)qk_stated, (long long)a->qk_dim);
  SLIP_TRY(slip_draft_bool_or(d, "attention_bias", false, &bias));
  SLIP_TRY(read_indexer(d, choice, a));
  kind->params.attention = mla_params((double)d->model->hidden, a, bias);
cleanup:
  return status;
}

/* Gated delta net (arXiv 2412.06464) as in Qwen3-Next: queries, keys, values and output gate from the hidden state,
 * two scalars (decay and write strength) per value head, a short convolution over q, k, v, one norm, the output
 * projection. */
static slip_status build_linear(slip_draft *d, slip_layer_kind *kind) {
  slip_status status = SLIP_OK;
  slip_attention *a = &kind->attention;
  a->kind = SLIP_ATTENTION_LINEAR;
  a->output_gate = true;
  SLIP_TRY(slip_draft_int(d, "linear_num_key_heads", 1, SLIP_LIMIT_HEADS, &a->linear_key_heads));
  SLIP_TRY(slip_draft_int(d, "linear_num_value_heads", 1, SLIP_LIMIT_HEADS, &a->linear_value_heads));
  SLIP_TRY(slip_draft_int(d, "linear_key_head_dim", 1, SLIP_LIMIT_HEAD_DIM, &a->linear_key_dim));
  SLIP_TRY(slip_draft_int(d, "linear_value_head_dim", 1, SLIP_LIMIT_HEAD_DIM, &a->linear_value_dim));
  SLIP_TRY(slip_draft_int(d, "linear_conv_kernel_dim", 1, 256, &a->conv_width));
  if (a->linear_value_heads % a->linear_key_heads != 0)
    return slip_draft_fail(d, SLIP_BAD_INPUT, "linear_num_value_heads",
                           "%lld value heads do not divide by %lld key heads", (long long)a->linear_value_heads,
                           (long long)a->linear_key_heads);
  const double hidden = (double)d->model->hidden, heads = (double)a->linear_value_heads;
  const double key = (double)(a->linear_key_heads * a->linear_key_dim);
  const double value = (double)(a->linear_value_heads * a->linear_value_dim);
  kind->params.attention = hidden * (2 * key + 2 * value) + hidden * 2 * heads +
                           (2 * key + value) * (double)a->conv_width + 2 * heads + (double)a->linear_value_dim +
                           value * hidden;
cleanup:
  return status;
}

/* Mamba-2 (arXiv 2405.21060): one projection to gate, x, B, C and time steps, a convolution over x, B, C, per-head
 * A, D and time bias, a gated norm, the output projection. */
static slip_status build_ssm(slip_draft *d, slip_layer_kind *kind) {
  slip_status status = SLIP_OK;
  slip_attention *a = &kind->attention;
  bool bias, conv_bias;
  a->kind = SLIP_ATTENTION_SSM;
  SLIP_TRY(slip_draft_int(d, "mamba_num_heads", 1, SLIP_LIMIT_HEADS, &a->ssm_heads));
  SLIP_TRY(slip_draft_int(d, "mamba_head_dim", 1, SLIP_LIMIT_HEAD_DIM, &a->ssm_head_dim));
  SLIP_TRY(slip_draft_int(d, "ssm_state_size", 1, SLIP_LIMIT_HEAD_DIM, &a->ssm_state));
  SLIP_TRY(slip_draft_int(d, "n_groups", 1, SLIP_LIMIT_HEADS, &a->ssm_groups));
  SLIP_TRY(slip_draft_int(d, "conv_kernel", 1, 256, &a->conv_width));
  SLIP_TRY(slip_draft_bool_or(d, "mamba_proj_bias|use_bias", false, &bias));
  SLIP_TRY(slip_draft_bool_or(d, "use_conv_bias", true, &conv_bias));
  if (a->ssm_heads % a->ssm_groups != 0)
    return slip_draft_fail(d, SLIP_BAD_INPUT, "n_groups", "%lld heads do not divide into %lld groups",
                           (long long)a->ssm_heads, (long long)a->ssm_groups);
  const double hidden = (double)d->model->hidden, heads = (double)a->ssm_heads;
  const double inner = (double)(a->ssm_heads * a->ssm_head_dim);
  const double conv = inner + 2 * (double)(a->ssm_groups * a->ssm_state), in = inner + conv + heads;
  kind->params.attention = hidden * in + conv * (double)a->conv_width + (conv_bias ? conv : 0) + 3 * heads + inner +
                           inner * hidden + (bias ? in + hidden : 0);
cleanup:
  return status;
}

slip_status slip_attention_build(slip_draft *d, const slip_choice *choice, slip_layer_kind *kind) {
  switch (choice->mixer) {
  case SLIP_MIXER_NONE:
    return SLIP_OK;
  case SLIP_MIXER_LINEAR:
    return build_linear(d, kind);
  case SLIP_MIXER_SSM:
    return build_ssm(d, kind);
  case SLIP_MIXER_FULL:
  case SLIP_MIXER_SLIDING:
  case SLIP_MIXER_CHUNKED:
  case SLIP_MIXER_SHARED_INDEX:
    break;
  }
  return (d->family->flags & SLIP_F_MLA) != 0 ? build_mla(d, choice, kind) : build_gqa(d, choice, kind);
}
