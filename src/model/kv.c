/* What a sequence keeps between steps: keys and values, latents, indexer keys, states. */
#include <math.h>

#include <slipstick/model.h>

/* Elements that one more token adds to the cache of one layer. */
static double elements_per_token(const slip_attention *a) {
  switch (a->kind) {
  case SLIP_ATTENTION_GQA:
    return (double)(a->kv_heads * (a->qk_dim + a->v_dim));
  case SLIP_ATTENTION_MLA:
    return (double)(a->kv_rank + a->rope_dim);
  case SLIP_ATTENTION_NONE:
  case SLIP_ATTENTION_LINEAR:
  case SLIP_ATTENTION_SSM:
    break;
  }
  return 0;
}

double slip_model_kv_elements(const slip_model *model) {
  double total = 0;
  for (int i = 0; i < model->n_kinds; i++)
    total += (double)model->kinds[i].count * elements_per_token(&model->kinds[i].attention);
  return total;
}

/* Bytes of state of one layer and sequence, whatever its length. */
static double state_bytes(const slip_attention *a) {
  enum { STATE_BYTES = 4, CONV_BYTES = 2 };
  double state = 0, channels = 0;
  if (a->kind == SLIP_ATTENTION_LINEAR) {
    state = (double)(a->linear_value_heads * a->linear_key_dim) * (double)a->linear_value_dim;
    channels = 2 * (double)(a->linear_key_heads * a->linear_key_dim) +
               (double)(a->linear_value_heads * a->linear_value_dim);
  } else if (a->kind == SLIP_ATTENTION_SSM) {
    state = (double)(a->ssm_heads * a->ssm_head_dim) * (double)a->ssm_state;
    channels = (double)(a->ssm_heads * a->ssm_head_dim) + 2 * (double)(a->ssm_groups * a->ssm_state);
  }
  const double kept = a->conv_width > 1 ? (double)(a->conv_width - 1) : 0;
  return state * STATE_BYTES + channels * kept * CONV_BYTES;
}

/* Bytes of one indexer key: fp8, and an fp32 scale for each 128 elements. */
static double index_key_bytes(const slip_attention *a) {
  return a->index_heads == 0 ? 0 : (double)a->index_dim + 4 * ceil((double)a->index_dim / 128);
}

double slip_model_kv_bytes(const slip_model *model, double context, slip_dtype dtype) {
  const double element = slip_dtype_bytes(dtype);
  double total = 0;
  for (int i = 0; i < model->n_kinds; i++) {
    const slip_attention *a = &model->kinds[i].attention;
    const double kept = a->window > 0 ? fmin(context, (double)a->window) : context;
    total += (double)model->kinds[i].count *
             (kept * elements_per_token(a) * element + context * index_key_bytes(a) + state_bytes(a));
  }
  return total;
}
