/* A model in words: parameters, layers, cache. */
#include <inttypes.h>
#include <math.h>

#include "report/entry.h"
#include "report/number.h"

void slip_report_attention(const slip_attention *a, slip_text *out) {
  switch (a->kind) {
  case SLIP_ATTENTION_NONE:
    slip_text_add(out, "no token mixer");
    return;
  case SLIP_ATTENTION_GQA:
    slip_text_printf(out, "%s, %" PRId64 " heads, %" PRId64 " KV heads of %" PRId64,
                     a->kv_heads == a->heads ? "MHA"
                     : a->kv_heads == 1      ? "MQA"
                                             : "GQA",
                     a->heads, a->kv_heads, a->qk_dim);
    break;
  case SLIP_ATTENTION_MLA:
    slip_text_printf(out, "MLA, %" PRId64 " heads, latent %" PRId64 " + %" PRId64, a->heads, a->kv_rank,
                     a->rope_dim);
    break;
  case SLIP_ATTENTION_LINEAR:
    slip_text_printf(out, "linear attention, %" PRId64 " value heads, state %" PRId64 " x %" PRId64,
                     a->linear_value_heads, a->linear_key_dim, a->linear_value_dim);
    break;
  case SLIP_ATTENTION_SSM:
    slip_text_printf(out, "SSM, %" PRId64 " heads of %" PRId64 ", state %" PRId64, a->ssm_heads, a->ssm_head_dim,
                     a->ssm_state);
    break;
  }
  if (a->window > 0)
    slip_text_printf(out, ", %s %" PRId64, a->chunked ? "chunk" : "window", a->window);
  if (a->index_topk > 0)
    slip_text_printf(out, ", indexer top %" PRId64 "%s", a->index_topk, a->index_shared ? " (shared)" : "");
}

void slip_report_ffn(const slip_ffn *f, slip_text *out) {
  if (f->kind == SLIP_FFN_NONE)
    slip_text_add(out, "no FFN");
  else if (f->kind == SLIP_FFN_DENSE)
    slip_text_printf(out, "dense FFN of %" PRId64, f->width);
  else
    slip_text_printf(out, "MoE, %" PRId64 " of %" PRId64 " experts of %" PRId64, f->top_k, f->experts,
                     f->expert_width);
  if (f->kind == SLIP_FFN_MOE && f->shared_width > 0)
    slip_text_printf(out, ", shared %" PRId64, f->shared_width);
  if (f->kind == SLIP_FFN_MOE && f->groups > 0 && f->top_groups > 0)
    slip_text_printf(out, ", from %" PRId64 " of %" PRId64 " groups", f->top_groups, f->groups);
}

static void add_parameters(slip_text *out, double count) {
  char number[SLIP_CELL_SIZE];
  slip_text_add(out, slip_number_params(number, count));
}

static const char *mixer_name(const slip_attention *a) {
  switch (a->kind) {
  case SLIP_ATTENTION_NONE:
    break;
  case SLIP_ATTENTION_GQA:
    return a->kv_heads == a->heads ? "MHA" : a->kv_heads == 1 ? "MQA" : "GQA";
  case SLIP_ATTENTION_MLA:
    return a->index_topk > 0 ? "sparse MLA" : "MLA";
  case SLIP_ATTENTION_LINEAR:
    return "linear attention";
  case SLIP_ATTENTION_SSM:
    return "SSM";
  }
  return NULL;
}

void slip_report_model_line(const slip_model *model, slip_text *out) {
  const double total = slip_model_params(model), active = slip_model_active_params(model);
  bool seen[SLIP_ATTENTION_SSM + 1] = {false};
  int64_t experts = 0;
  add_parameters(out, total);
  slip_text_add(out, " parameters");
  if (active < total) {
    slip_text_add(out, ", ");
    add_parameters(out, active);
    slip_text_add(out, " active");
  }
  for (int i = 0; i < model->n_kinds; i++) {
    const slip_layer_kind *kind = &model->kinds[i];
    const char *name = mixer_name(&kind->attention);
    if (kind->count > 0 && name != NULL && !seen[kind->attention.kind]) {
      slip_text_printf(out, ", %s", name);
      seen[kind->attention.kind] = true;
    }
    if (kind->count > 0 && kind->ffn.kind == SLIP_FFN_MOE)
      experts = kind->ffn.experts > experts ? kind->ffn.experts : experts;
  }
  if (experts > 0)
    slip_text_printf(out, ", %" PRId64 " experts", experts);
  if (model->mtp_modules > 0)
    slip_text_printf(out, ", MTP %" PRId64, model->mtp_modules);
}
