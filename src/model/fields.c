/* Reading a configuration's fields: names that differ between families, ranges, and the watch over fields that
 * nobody read. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/fail.h"
#include "model/draft.h"

static const slip_node *get_n(const slip_node *map, const char *key, size_t n) {
  if (map == NULL || map->kind != SLIP_NODE_MAP)
    return NULL;
  for (const slip_node *child = map->first; child != NULL; child = child->next)
    if (strlen(child->key) == n && memcmp(child->key, key, n) == 0)
      return child;
  return NULL;
}

static bool was_used(const slip_draft *d, const slip_node *node) {
  for (int i = 0; i < d->n_used; i++)
    if (d->used[i] == node)
      return true;
  return false;
}

static void mark_used(slip_draft *d, const slip_node *node) {
  if (!was_used(d, node) && d->n_used < SLIP_MAX_USED_FIELDS)
    d->used[d->n_used++] = node;
}

const slip_node *slip_draft_find(slip_draft *d, const char *names) {
  const slip_node *found = NULL;
  while (*names != '\0') {
    const size_t n = strcspn(names, "|");
    const slip_node *places[2] = {get_n(d->text, names, n), d->root == d->text ? NULL : get_n(d->root, names, n)};
    for (int i = 0; i < 2; i++) {
      if (places[i] == NULL)
        continue;
      mark_used(d, places[i]);
      if (found == NULL && !slip_node_is_null(places[i]))
        found = places[i];
    }
    names += n;
    if (*names == '|')
      names++;
  }
  return found;
}

slip_status slip_draft_fail(slip_draft *d, slip_status code, const char *field, const char *fmt, ...) {
  char message[SLIP_MESSAGE_SIZE];
  va_list args;
  va_start(args, fmt);
  vsnprintf(message, sizeof message, fmt, args);
  va_end(args);
  return slip_fail_at(d->err, code, d->text->file, d->text->line, d->text->column, field, "%s", message);
}

slip_status slip_draft_int(slip_draft *d, const char *names, int64_t low, int64_t high, int64_t *out) {
  const slip_node *node = slip_draft_find(d, names);
  if (node != NULL)
    return slip_node_int(node, low, high, out, d->err);
  char first[SLIP_FIELD_SIZE];
  const size_t n = strcspn(names, "|");
  snprintf(first, sizeof first, "%.*s", (int)n, names);
  return slip_draft_fail(d, SLIP_BAD_INPUT, first, "this field is missing; give a whole number%s%s",
                         names[n] == '|' ? ", also accepted as " : "", names[n] == '|' ? names + n + 1 : "");
}

slip_status slip_draft_int_or(slip_draft *d, const char *names, int64_t low, int64_t high, int64_t fallback,
                              int64_t *out) {
  const slip_node *node = slip_draft_find(d, names);
  if (node != NULL)
    return slip_node_int(node, low, high, out, d->err);
  *out = fallback;
  return SLIP_OK;
}

slip_status slip_draft_bool_or(slip_draft *d, const char *names, bool fallback, bool *out) {
  const slip_node *node = slip_draft_find(d, names);
  if (node != NULL)
    return slip_node_bool(node, out, d->err);
  *out = fallback;
  return SLIP_OK;
}

slip_status slip_draft_text_or(slip_draft *d, const char *names, const char *fallback, const char **out) {
  const slip_node *node = slip_draft_find(d, names);
  if (node != NULL)
    return slip_node_string(node, out, d->err);
  *out = fallback;
  return SLIP_OK;
}

slip_status slip_draft_layer_list(slip_draft *d, const char *names, const slip_node **out) {
  const slip_node *node = slip_draft_find(d, names);
  *out = NULL;
  if (node == NULL)
    return SLIP_OK;
  if (node->kind != SLIP_NODE_SEQUENCE)
    return slip_node_fail(d->err, SLIP_BAD_INPUT, node, "expected a list with one element per layer");
  if (node->count != (size_t)d->model->layers)
    return slip_node_fail(d->err, SLIP_BAD_INPUT, node,
                          "has %zu elements for %lld layers; give one element per layer", node->count,
                          (long long)d->model->layers);
  *out = node;
  return SLIP_OK;
}

slip_status slip_draft_in_list(slip_draft *d, const slip_node *list, slip_status status) {
  if (status != SLIP_OK && d->err != NULL && d->err->field[0] == '\0' && list->key != NULL)
    snprintf(d->err->field, sizeof d->err->field, "%s", list->key);
  return status;
}

/* ---- what is not modelled ---- */

/* Fields that switch on a feature of the architecture for which there is no cost model. */
static const struct {
  const char *field;
  const char *feature;
} unmodelled[] = {
    {"compress_ratios", "attention over a compressed cache (compress_ratios per layer)"},
    {"hc_mult", "hyper-connections (several residual streams)"},
    {"o_lora_rank", "a grouped low-rank attention output projection"},
    {"num_hash_layers", "hash-routed experts"},
    {"attn_res_block_size", "attention residuals over the outputs of earlier blocks"},
    {"sparse_attention_config", "block-sparse attention"},
    {"mla_use_output_gate", "an output gate on latent attention"},
    {"linear_attn_config", "Kimi delta attention"},
    {"parallel_attn", "attention and FFN in parallel"},
    {"use_parallel_residual", "attention and FFN in parallel"},
    {"parallel_residual", "attention and FFN in parallel"},
    {"add_cross_attention", "cross-attention"},
    {"cross_attention_layers", "cross-attention layers"},
    {"is_encoder_decoder", "an encoder beside the decoder"},
    {"num_kv_shared_layers", "layers that reuse the keys and values of earlier layers"},
    {"hidden_size_per_layer_input", "per-layer input embeddings"},
    {"use_double_wide_mlp", "double-wide FFNs in layers that share keys and values"},
    {"altup_num_inputs", "alternating updates (AltUp)"},
    {"laurel_rank", "learned augmented residuals (LAuReL)"},
    {"zero_expert_num", "zero-computation experts"},
    {"pruned_heads", "pruned heads"},
    {"mtp_use_dedicated_embeddings", "MTP modules with embeddings of their own"},
};

/* True when a field is there and says something: not null, false, zero, empty, "". */
static bool says_something(const slip_node *node) {
  if (node == NULL || slip_node_is_null(node))
    return false;
  if (node->kind != SLIP_NODE_SCALAR)
    return node->count > 0;
  double number;
  return strcasecmp(node->text, "false") != 0 && node->text[0] != '\0' &&
         (slip_node_double(node, -1e300, 1e300, &number, NULL) != SLIP_OK || number != 0);
}

slip_status slip_draft_refuse_features(slip_draft *d) {
  for (size_t i = 0; i < sizeof unmodelled / sizeof unmodelled[0]; i++) {
    const slip_node *node = slip_draft_find(d, unmodelled[i].field);
    if (!says_something(node))
      continue;
    if (strcmp(unmodelled[i].field, "hc_mult") == 0 && node->kind == SLIP_NODE_SCALAR &&
        strcmp(node->text, "1") == 0)
      continue;
    const slip_node *on = slip_node_get(node, "use_sparse_attention");
    if (on != NULL && !says_something(on))
      continue;
    return slip_node_fail(d->err, SLIP_UNSUPPORTED, node,
                          "%s: this feature is not modelled, so the model's cost cannot be told",
                          unmodelled[i].feature);
  }
  return SLIP_OK;
}

/* Pieces of names that announce shape. */
static const char *const shaping[] = {
    "attn",  "attention", "expert", "moe",  "layer",  "head",  "rank",     "lora",    "index",    "sparse", "mamba",
    "ssm",   "conv",      "mlp",    "ffn",  "window", "inter", "hidden_s", "latent",  "resid",    "embed",  "mtp",
    "nextn", "compress",  "hash",   "loop", "hybrid", "block", "memory",   "feed_fo", "parallel", "qk_norm"};

/* Fields with such names that change neither the matrices nor the bytes moved: dropout, initialisation, loss
 * weights, rotary and routing details, numerics, and switches of generic library code. */
static const char *const harmless[] = {"attention_dropout",
                                       "hidden_dropout",
                                       "attn_pdrop",
                                       "resid_pdrop",
                                       "embd_pdrop",
                                       "output_attentions",
                                       "output_hidden_states",
                                       "router_aux_loss_coef",
                                       "rms_norm_eps",
                                       "layer_norm_epsilon",
                                       "layernorm_epsilon",
                                       "layer_norm_eps",
                                       "output_router_logits",
                                       "router_z_loss_coef",
                                       "norm_topk_prob",
                                       "partial_rotary_factor",
                                       "max_window_layers",
                                       "chunk_size_feed_forward",
                                       "num_beam_groups",
                                       "_attn_implementation",
                                       "attn_implementation",
                                       "_attn_implementation_autoset",
                                       "mamba_hidden_act",
                                       "mlp_hidden_act",
                                       "mamba_ssm_cache_dtype",
                                       "mamba_ssm_dtype",
                                       "mamba_chunk_size",
                                       "residual_in_fp32",
                                       "rescale_prenorm_residual",
                                       "use_mamba_kernels",
                                       "mamba_dt_min",
                                       "moe_router_dtype",
                                       "moe_router_scaling_factor",
                                       "moe_renormalize",
                                       "moe_router_activation_func",
                                       "moe_router_activation",
                                       "moe_shared_expert_overlap",
                                       "moe_shared_expert_gate",
                                       "rope_interleave",
                                       "indexer_rope_interleave",
                                       "index_share_for_mtp_iteration",
                                       "attention_value_scale",
                                       "attention_scale",
                                       "attention_multiplier",
                                       "residual_multiplier",
                                       "embedding_multiplier",
                                       "attn_scale",
                                       "attn_temperature_tuning",
                                       "attn_logit_softcapping",
                                       "final_logit_softcapping",
                                       "num_logits_to_keep",
                                       "max_position_embeddings",
                                       "original_max_position_embeddings",
                                       "initial_context_length",
                                       "interleave_mrope",
                                       "mrope_interleaved",
                                       "use_bidirectional_attention",
                                       "vocab_size_per_layer_input",
                                       "hidden_size_per_layer_input",
                                       "hidden_activation",
                                       "cross_attention_hidden_size",
                                       "sliding_window_size",
                                       "attention_chunk_size",
                                       "sliding_window",
                                       "use_sliding_window",
                                       "router_jitter_noise",
                                       "expert_dtype",
                                       "ep_size",
                                       "moe_aux_loss_coef",
                                       "time_step_rank",
                                       "reorder_and_upcast_attn",
                                       "scale_attn_weights",
                                       "scale_attn_by_inverse_layer_idx",
                                       "summary_first_dropout",
                                       "layer_norm_type",
                                       "swa_rope_theta",
                                       "full_attention_interval",
                                       "num_key_value_heads",
                                       "head_dim",
                                       "tie_word_embeddings",
                                       "pretraining_tp",
                                       "hidden_act",
                                       "interpolation",
                                       "rope_parameters",
                                       "no_rope_layers",
                                       "decoder_sparse_step",
                                       "intermediate_size",
                                       "intermediate_size_mlp",
                                       "first_k_dense_replace"};

static bool is_harmless(const char *key) {
  for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++)
    if (strcmp(key, harmless[i]) == 0)
      return true;
  return false;
}

slip_status slip_draft_refuse_unread(slip_draft *d) {
  for (const slip_node *node = d->text->first; node != NULL; node = node->next) {
    if (was_used(d, node) || !says_something(node) || is_harmless(node->key))
      continue;
    for (size_t i = 0; i < sizeof shaping / sizeof shaping[0]; i++)
      if (strstr(node->key, shaping[i]) != NULL)
        return slip_node_fail(
            d->err, SLIP_UNSUPPORTED, node,
            "this field is not known for model_type %s and its name says that it shapes the layers; "
            "remove it if it does not",
            d->family->model_type);
  }
  return SLIP_OK;
}
