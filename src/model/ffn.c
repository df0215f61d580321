/* The dimensions of a layer's feed-forward part, and its exact number of parameters. */
#include <string.h>

#include "base/fail.h"
#include "model/draft.h"

static double matrices(double in, double width, bool gated) {
  return (gated ? 3.0 : 2.0) * in * width;
}

static slip_status build_dense(slip_draft *d, const slip_choice *choice, slip_layer_kind *kind) {
  slip_status status = SLIP_OK;
  slip_ffn *f = &kind->ffn;
  const unsigned flags = d->family->flags;
  bool bias;
  f->kind = SLIP_FFN_DENSE;
  f->width = choice->width;
  if (f->width == 0 && (flags & SLIP_F_GPT2) != 0)
    SLIP_TRY(slip_draft_int_or(d, "n_inner", 1, SLIP_LIMIT_WIDTH, 4 * d->model->hidden, &f->width));
  else if (f->width == 0)
    SLIP_TRY(slip_draft_int(d, (flags & SLIP_F_DENSE_MLP_KEY) ? "intermediate_size_mlp" : "intermediate_size", 1,
                            SLIP_LIMIT_WIDTH, &f->width));
  SLIP_TRY(slip_draft_bool_or(d, "mlp_bias", (flags & SLIP_F_GPT2) != 0, &bias));
  kind->params.dense_ffn = matrices((double)d->model->hidden, (double)f->width, f->gated);
  if (bias)
    kind->params.dense_ffn += (f->gated ? 2.0 : 1.0) * (double)f->width + (double)d->model->hidden;
cleanup:
  return status;
}

/* Routed experts: how many, how wide, how many a token visits, and from how many groups. */
static slip_status read_experts(slip_draft *d, slip_ffn *f) {
  slip_status status = SLIP_OK;
  int64_t groups, top_groups;
  const char *method;
  SLIP_TRY(slip_draft_int(d, "n_routed_experts|num_experts|num_local_experts", 1, SLIP_LIMIT_EXPERTS, &f->experts));
  SLIP_TRY(slip_draft_int(d, "num_experts_per_tok|experts_per_token|num_experts_per_token|top_k_experts|moe_top_k",
                          1, SLIP_LIMIT_EXPERTS, &f->top_k));
  if (f->top_k > f->experts)
    return slip_draft_fail(d, SLIP_BAD_INPUT, "num_experts_per_tok", "a token cannot visit %lld of %lld experts",
                           (long long)f->top_k, (long long)f->experts);
  SLIP_TRY(slip_draft_int(d, "moe_intermediate_size|intermediate_size", 1, SLIP_LIMIT_WIDTH, &f->expert_width));
  SLIP_TRY(slip_draft_int_or(d, "moe_latent_size", 1, SLIP_LIMIT_HIDDEN, d->model->hidden, &f->expert_hidden));
  SLIP_TRY(slip_draft_int_or(d, "n_group|num_expert_group", 0, SLIP_LIMIT_EXPERTS, 0, &groups));
  SLIP_TRY(slip_draft_int_or(d, "topk_group", 0, SLIP_LIMIT_EXPERTS, 0, &top_groups));
  SLIP_TRY(slip_draft_text_or(d, "topk_method", "", &method));
  if (groups > 1 && strcmp(method, "greedy") != 0 && top_groups < groups) {
    if (f->experts % groups != 0 || top_groups < 1 || f->experts / groups * top_groups < f->top_k)
      return slip_draft_fail(
          d, SLIP_BAD_INPUT, "topk_group",
          "%lld experts in %lld groups, of which %lld are open, cannot give a token %lld experts",
          (long long)f->experts, (long long)groups, (long long)top_groups, (long long)f->top_k);
    f->groups = groups;
    f->top_groups = top_groups;
  }
cleanup:
  return status;
}

/* Shared experts: a size outright, or a number of experts of the routed size. */
static slip_status read_shared(slip_draft *d, slip_ffn *f) {
  slip_status status = SLIP_OK;
  const unsigned flags = d->family->flags;
  int64_t number, size;
  SLIP_TRY(slip_draft_int_or(d, "n_shared_experts|num_shared_experts", 0, 1024, (flags & SLIP_F_SHARED_ONE) ? 1 : 0,
                             &number));
  SLIP_TRY(slip_draft_int_or(d,
                             "shared_expert_intermediate_size|moe_shared_expert_intermediate_size|"
                             "shared_intermediate_size|share_expert_dim",
                             0, SLIP_LIMIT_WIDTH, -1, &size));
  f->shared_width = size >= 0 ? size : number * f->expert_width;
  if (flags & SLIP_F_SHARED_DENSE)
    SLIP_TRY(slip_draft_int(d, "intermediate_size", 1, SLIP_LIMIT_WIDTH, &f->shared_width));
cleanup:
  return status;
}

static slip_status has_router_bias(slip_draft *d, bool *out) {
  slip_status status = SLIP_OK;
  const unsigned flags = d->family->flags;
  bool keyed;
  const char *method;
  SLIP_TRY(slip_draft_bool_or(d, "use_routing_bias|use_moe_router_bias", false, &keyed));
  SLIP_TRY(slip_draft_text_or(d, "topk_method", "", &method));
  *out = (flags & SLIP_F_ROUTER_BIAS) != 0 || (keyed && (flags & SLIP_F_ROUTER_BIAS_KEY) != 0) ||
         ((flags & SLIP_F_ROUTER_BIAS_NOAUX) != 0 && strcmp(method, "noaux_tc") == 0);
cleanup:
  return status;
}

static slip_status build_moe(slip_draft *d, slip_layer_kind *kind) {
  slip_status status = SLIP_OK;
  slip_ffn *f = &kind->ffn;
  slip_params *p = &kind->params;
  const unsigned flags = d->family->flags;
  bool router_bias;
  f->kind = SLIP_FFN_MOE;
  SLIP_TRY(read_experts(d, f));
  SLIP_TRY(read_shared(d, f));
  SLIP_TRY(has_router_bias(d, &router_bias));
  const double hidden = (double)d->model->hidden, experts = (double)f->experts, width = (double)f->expert_width;
  const double inside = (double)f->expert_hidden;
  p->routed_experts = experts * matrices(inside, width, f->gated);
  f->expert_bias = (flags & SLIP_F_EXPERT_BIAS) != 0;
  if (f->expert_bias)
    p->routed_experts += experts * ((f->gated ? 2.0 : 1.0) * width + inside);
  p->shared_experts = matrices(hidden, (double)f->shared_width, f->gated);
  if (f->shared_width > 0 && (flags & SLIP_F_SHARED_GATE) != 0)
    p->shared_experts += hidden;
  if (f->expert_hidden != d->model->hidden)
    p->shared_experts += 2 * hidden * inside;
  p->router = hidden * experts + (router_bias ? experts : 0);
  if (flags & SLIP_F_SHARED_DENSE)
    p->router += hidden + experts; /* Gemma 4's router scales its input and each expert's output */
cleanup:
  return status;
}

slip_status slip_ffn_build(slip_draft *d, const slip_choice *choice, slip_layer_kind *kind) {
  kind->ffn.gated = (d->family->flags & (SLIP_F_GPT2 | SLIP_F_UNGATED)) == 0;
  switch (choice->ffn) {
  case SLIP_FFN_NONE:
    kind->ffn.gated = false;
    return SLIP_OK;
  case SLIP_FFN_DENSE:
    return build_dense(d, choice, kind);
  case SLIP_FFN_MOE:
    break;
  }
  return build_moe(d, kind);
}
