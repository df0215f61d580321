/* Useful FLOP per token, and what backward keeps of forward. */
#include "model/operators_internal.h"

static double matrix_params_per_token(const slip_layer_kind *kind) {
  const slip_params *p = &kind->params;
  return p->attention + p->dense_ffn + p->shared_experts + p->router +
         p->routed_experts * slip_ffn_active_share(&kind->ffn);
}

static double layer_flop_per_token(const slip_layer_kind *kind, double seq) {
  return 2 * matrix_params_per_token(kind) + slip_mixer_flop_per_token(&kind->attention, seq);
}

double slip_model_forward_flop_per_token(const slip_model *model, double seq, bool with_mtp) {
  double head = 2 * (double)model->hidden * (double)model->vocab;
  double flop = head;
  for (int i = 0; i < model->n_kinds; i++)
    flop += (double)model->kinds[i].count * layer_flop_per_token(&model->kinds[i], seq);
  if (with_mtp && model->mtp_modules > 0) { /* each: one layer, the 2h -> h projection, the head again */
    double projection = 2 * 2 * (double)model->hidden * (double)model->hidden;
    flop += (double)model->mtp_modules *
            (layer_flop_per_token(&model->kinds[model->mtp_kind], seq) + projection + head);
  }
  return flop;
}

static void saved_by_mixer(const slip_attention *a, double input, double tp, double seq, bool flash,
                           slip_saved *out) {
  double qkv = 0, inner = 0;
  switch (a->kind) {
  case SLIP_ATTENTION_NONE:
    return;
  case SLIP_ATTENTION_GQA:
    qkv = (double)(a->heads * a->qk_dim) + slip_mixer_kv_elements(a);
    inner = (double)(a->heads * a->v_dim);
    break;
  case SLIP_ATTENTION_MLA: /* latents (not cut by tp), then expanded queries, keys and values */
    qkv =
        (double)a->heads * (double)(2 * a->qk_dim + a->v_dim) + tp * (double)(a->q_rank + a->kv_rank + a->rope_dim);
    inner = (double)(a->heads * a->v_dim);
    break;
  case SLIP_ATTENTION_LINEAR:
    inner = (double)(a->linear_value_heads * a->linear_value_dim);
    qkv = 2 * (double)(a->linear_key_heads * a->linear_key_dim) + 2 * inner;
    break;
  case SLIP_ATTENTION_SSM:
    inner = (double)(a->ssm_heads * a->ssm_head_dim);
    qkv = 2 * inner + 2 * (double)(a->ssm_groups * a->ssm_state);
    break;
  }
  out->attention_in = input; /* norm's input and the projection's */
  out->qkv = qkv * SLIP_ACTIVATION_BYTES / tp;
  out->attention_out = inner * SLIP_ACTIVATION_BYTES / tp;
  bool softmax = a->kind == SLIP_ATTENTION_GQA || a->kind == SLIP_ATTENTION_MLA;
  if (softmax &&
      !flash) /* softmax output, dropout mask and its output: 5 a s per token (arXiv 2205.05198, eq. 1) */
    out->scores = 5 * (double)a->heads * seq / tp;
}

void slip_layer_saved_bytes(const slip_model *model, const slip_layer_kind *kind, const slip_shard *shard,
                            double seq, bool flash_attention, double expert_load, slip_saved *out) {
  double hidden = (double)model->hidden, tp = (double)shard->tp;
  const slip_ffn *ffn = &kind->ffn;
  *out = (slip_saved){0};
  double input = 2 * hidden * SLIP_ACTIVATION_BYTES / (shard->whole_sequence ? 1 : tp);
  saved_by_mixer(&kind->attention, input, tp, seq, flash_attention, out);
  double matrices = ffn->gated ? 2 : 1;
  if (ffn->kind != SLIP_FFN_NONE)
    out->ffn_in = input;
  if (ffn->kind == SLIP_FFN_DENSE) {
    out->ffn_inner = matrices * (double)ffn->width * SLIP_ACTIVATION_BYTES / tp;
    out->activation = (double)ffn->width * SLIP_ACTIVATION_BYTES / tp;
  } else if (ffn->kind == SLIP_FFN_MOE) {
    double visits = (double)ffn->top_k * expert_load; /* rows at experts per routed token */
    double width = (double)ffn->expert_width;
    out->ffn_inner = matrices * (double)ffn->shared_width * SLIP_ACTIVATION_BYTES / tp;
    out->activation = (double)ffn->shared_width * SLIP_ACTIVATION_BYTES / tp;
    out->expert_in = visits * (double)ffn->expert_hidden * SLIP_ACTIVATION_BYTES / tp * (double)shard->etp;
    out->expert_inner = visits * matrices * width * SLIP_ACTIVATION_BYTES / tp;
    out->expert_activation = visits * width * SLIP_ACTIVATION_BYTES / tp;
  }
}
