/* Sums of parameters. */
#include <slipstick/model.h>

double slip_params_total(const slip_params *params) {
  return params->attention + params->dense_ffn + params->shared_experts + params->routed_experts + params->router +
         params->norms;
}

double slip_ffn_active_share(const slip_ffn *ffn) {
  return ffn->kind == SLIP_FFN_MOE ? (double)ffn->top_k / (double)ffn->experts : 1;
}

double slip_model_params(const slip_model *model) {
  double total = model->embedding_params + model->head_params + model->other_params;
  for (int i = 0; i < model->n_kinds; i++)
    total += (double)model->kinds[i].count * slip_params_total(&model->kinds[i].params);
  return total;
}

double slip_model_active_params(const slip_model *model) {
  double idle = 0;
  for (int i = 0; i < model->n_kinds; i++) {
    const slip_layer_kind *kind = &model->kinds[i];
    if (kind->ffn.kind == SLIP_FFN_MOE) /* routed_experts / experts is whole: the division is exact */
      idle += (double)kind->count * (double)(kind->ffn.experts - kind->ffn.top_k) *
              (kind->params.routed_experts / (double)kind->ffn.experts);
  }
  return slip_model_params(model) - idle;
}

bool slip_model_has_experts(const slip_model *model) {
  for (int i = 0; i < model->n_kinds; i++)
    if (model->kinds[i].ffn.kind == SLIP_FFN_MOE)
      return true;
  return false;
}
