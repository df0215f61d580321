/* What a rank holds while serving: weights, KV cache, the activations of one pass. */
#include <math.h>

#include "base/fail.h"
#include "serve/serve_internal.h"

static double layer_weight_bytes(const slip_serve *serve, const slip_layer_kind *kind, const slip_serve_plan *p) {
  const slip_params *w = &kind->params;
  const slip_weight_formats *f = &serve->weights;
  double tp = (double)p->tp;
  double shared_cut =
      slip_shared_is_routed(&kind->ffn, p->ep) ? INFINITY /* on ranks of its own, in a slot counted below */
      : p->ep > 1 && p->dp > 1                 ? 1
                               : tp; /* as in slip_layer_operators: replicated beside replicas of attention */
  double bytes = w->attention / tp * slip_dtype_bytes(f->attention) +
                 w->dense_ffn / tp * slip_dtype_bytes(f->dense_ffn) +
                 w->shared_experts / shared_cut * slip_dtype_bytes(f->shared_experts) + (w->router + w->norms) * 2;
  if (kind->ffn.kind == SLIP_FFN_MOE) {
    double slots = slip_expert_slots(&kind->ffn, p->ep) / (double)kind->ffn.experts;
    double etp = (double)slip_serve_shard(p).etp;
    bytes += w->routed_experts * slots / etp * slip_dtype_bytes(f->routed_experts);
  }
  return bytes;
}

static double weight_bytes(const slip_serve *serve, const slip_serve_plan *p) {
  const slip_model *model = serve->job.model;
  double layers = 0;
  for (int i = 0; i < model->n_kinds; i++)
    layers += (double)model->kinds[i].count * layer_weight_bytes(serve, &model->kinds[i], p);
  double table =
      (double)model->hidden * (double)model->vocab * slip_dtype_bytes(serve->weights.embedding) / (double)p->tp;
  double tables = model->tied_embeddings && p->pp == 1 ? table : 2 * table;
  if (serve->drafts > 0)
    tables += serve->drafts * (layer_weight_bytes(serve, &model->kinds[serve->draft_kind], p) +
                               4.0 * (double)model->hidden * (double)model->hidden / (double)p->tp);
  return layers / (double)p->pp + (p->pp > 1 ? table : tables);
}

/* Heads are cut over tp as far as there are key/value heads; a latent is not. */
double slip_serve_cache_bytes(const slip_serve *serve, const slip_serve_plan *p, double context) {
  const slip_model *model = serve->job.model;
  double heads = 1;
  for (int i = 0; i < model->n_kinds; i++) {
    const slip_attention *a = &model->kinds[i].attention;
    if (a->kind == SLIP_ATTENTION_GQA)
      heads = fmax(heads, (double)a->kv_heads);
    else if (a->kind == SLIP_ATTENTION_LINEAR)
      heads = fmax(heads, (double)a->linear_value_heads);
    else if (a->kind == SLIP_ATTENTION_SSM)
      heads = fmax(heads, (double)a->ssm_heads);
  }
  double bytes = slip_model_kv_bytes(model, context, serve->kv);
  if (serve->job.stack->whole_windows > 0)
    bytes = fmax(bytes, slip_model_kv_elements(model) * context * slip_dtype_bytes(serve->kv));
  return bytes / fmin((double)p->tp, heads) / (double)p->pp;
}

/* A scheduler that reserves nothing lets in what fits now and pauses what grows out of it: running sequences hold their prompts and
 * half of their outputs on average. */
static double sequence_bytes(const slip_serve *serve, const slip_serve_plan *p) {
  const double context =
      (double)serve->job.isl + (double)serve->job.osl * (1 + serve->job.stack->reserve_output) / 2;
  return slip_serve_cache_bytes(serve, p, context);
}

static double pass_bytes(const slip_serve *serve, const slip_serve_plan *p, double tokens) {
  const slip_model *model = serve->job.model;
  slip_shard shard = slip_serve_shard(p);
  double most = 0;
  for (int i = 0; i < model->n_kinds; i++) {
    slip_saved s;
    slip_layer_saved_bytes(model, &model->kinds[i], &shard, 1, true,
                           shard.ep > 1 ? serve->job.stack->imbalance_serve : 1, &s);
    most = fmax(most, s.attention_in + s.qkv + s.attention_out + s.ffn_in + s.ffn_inner + s.activation +
                          s.expert_in + s.expert_inner + s.expert_activation);
  }
  return most * tokens;
}

void slip_serve_memory_of(const slip_serve *serve, const slip_serve_plan *p, double tokens, double sequences,
                          slip_serve_memory *out) {
  const slip_stack *stack = serve->job.stack;
  out->capacity = serve->device.memory_exposed_bytes * stack->memory_share;
  out->weights = weight_bytes(serve, p);
  out->buffers = pass_bytes(serve, p, tokens);
  double one = sequence_bytes(serve, p);
  double room = fmax(0, (out->capacity - out->weights - out->buffers) * stack->kv_memory_share);
  double replicas = (double)p->dp;
  out->sequences_max = serve->job.ignore_memory ? INFINITY : floor(room / one) * replicas;
  out->kv_cache = sequences / replicas * one;
  out->total = out->weights + out->buffers + out->kv_cache;
}

slip_status slip_serve_check_memory(const slip_serve *serve, const slip_serve_memory *m, slip_error *err) {
  if (serve->job.ignore_memory)
    return SLIP_OK;
  if (m->weights + m->buffers > m->capacity)
    return slip_fail(err, SLIP_INFEASIBLE,
                     "does not fit: the weights need %.1f GB per rank and a pass %.1f GB; %.1f GB may be used",
                     m->weights / 1e9, m->buffers / 1e9, m->capacity / 1e9);
  if (m->sequences_max < 1)
    return slip_fail(err, SLIP_INFEASIBLE,
                     "does not fit: after weights (%.1f GB per rank) and a pass (%.1f GB) the KV cache of one "
                     "sequence has no room in %.1f GB",
                     m->weights / 1e9, m->buffers / 1e9, m->capacity / 1e9);
  return SLIP_OK;
}
