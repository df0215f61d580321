/* Which token mixer and which FFN each layer has: the many ways in which configurations say it. */
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "model/draft.h"

static void set_all(slip_draft *d, slip_mixer mixer) {
  for (int64_t i = 0; i < d->model->layers; i++)
    d->layers[i].mixer = mixer;
}

/* layer_types: one name per layer. *found says whether the list is there. */
static slip_status from_layer_types(slip_draft *d, bool *found) {
  static const struct {
    const char *name;
    slip_mixer mixer;
  } names[] = {{"full_attention", SLIP_MIXER_FULL},
               {"sliding_attention", SLIP_MIXER_SLIDING},
               {"chunked_attention", SLIP_MIXER_CHUNKED},
               {"linear_attention", SLIP_MIXER_LINEAR}};
  const slip_node *list;
  slip_status status = slip_draft_layer_list(d, "layer_types", &list);
  if (status != SLIP_OK)
    return status;
  *found = list != NULL;
  int64_t i = 0;
  for (const slip_node *item = list == NULL ? NULL : list->first; item != NULL; item = item->next, i++) {
    const char *text;
    status = slip_draft_in_list(d, list, slip_node_string(item, &text, d->err));
    if (status != SLIP_OK)
      return status;
    size_t row = 0;
    while (row < sizeof names / sizeof names[0] && strcmp(names[row].name, text) != 0)
      row++;
    if (row == sizeof names / sizeof names[0])
      return slip_fail_at(d->err, SLIP_UNSUPPORTED, item->file, item->line, item->column, "layer_types",
                          "layer type '%s' is not modelled", text);
    d->layers[i].mixer = names[row].mixer;
  }
  return SLIP_OK;
}

/* Full attention, unless layer_types says otherwise or use_sliding_window is on: then Qwen2's rule holds, by which
 * layers from max_window_layers on have the window. */
slip_status slip_mixers_plain(slip_draft *d) {
  slip_status status = SLIP_OK;
  bool listed, windowed;
  int64_t first;
  SLIP_TRY(from_layer_types(d, &listed));
  SLIP_TRY(slip_draft_bool_or(d, "use_sliding_window", false, &windowed));
  if (listed)
    return SLIP_OK;
  set_all(d, SLIP_MIXER_FULL);
  if (!windowed)
    return SLIP_OK;
  SLIP_TRY(slip_draft_int_or(d, "max_window_layers", 0, SLIP_MAX_LAYERS, 0, &first));
  for (int64_t i = first; i < d->model->layers; i++)
    d->layers[i].mixer = SLIP_MIXER_SLIDING;
cleanup:
  return status;
}

/* Mistral, Mixtral: a sliding_window that is not null holds for every layer. */
slip_status slip_mixers_windowed(slip_draft *d) {
  bool listed;
  const slip_status status = from_layer_types(d, &listed);
  if (status == SLIP_OK && !listed)
    set_all(d, slip_draft_find(d, "sliding_window") == NULL ? SLIP_MIXER_FULL : SLIP_MIXER_SLIDING);
  return status;
}

/* Llama 4: every no_rope_layer_interval-th layer (4) attends to everything, the others within chunks.
 * no_rope_layers holds 1 for a chunked layer. Without attention_chunk_size all layers attend to everything. */
slip_status slip_mixers_llama4(slip_draft *d) {
  slip_status status = SLIP_OK;
  bool listed;
  const slip_node *list;
  int64_t interval;
  SLIP_TRY(from_layer_types(d, &listed));
  if (listed)
    return SLIP_OK;
  set_all(d, SLIP_MIXER_FULL);
  if (slip_draft_find(d, "attention_chunk_size") == NULL)
    return SLIP_OK;
  SLIP_TRY(slip_draft_int_or(d, "no_rope_layer_interval", 1, SLIP_MAX_LAYERS, 4, &interval));
  if (slip_node_get(d->text, "no_rope_layers") != NULL && slip_node_get(d->text, "no_rope_layers")->count == 0)
    list = NULL; /* some files carry an empty list for the default */
  else
    SLIP_TRY(slip_draft_layer_list(d, "no_rope_layers", &list));
  const slip_node *item = list == NULL ? NULL : list->first;
  for (int64_t i = 0; i < d->model->layers; i++) {
    int64_t rotary = (i + 1) % interval != 0;
    if (item != NULL) {
      SLIP_TRY(slip_draft_in_list(d, list, slip_node_int(item, 0, 1, &rotary, d->err)));
      item = item->next;
    }
    if (rotary)
      d->layers[i].mixer = SLIP_MIXER_CHUNKED;
  }
cleanup:
  return status;
}

/* MiMo-V2: hybrid_layer_pattern holds 1 for a layer with a window. */
slip_status slip_mixers_mimo_v2(slip_draft *d) {
  slip_status status = SLIP_OK;
  const slip_node *list;
  set_all(d, SLIP_MIXER_FULL);
  SLIP_TRY(slip_draft_layer_list(d, "hybrid_layer_pattern", &list));
  if (list == NULL)
    return slip_draft_fail(d, SLIP_BAD_INPUT, "hybrid_layer_pattern",
                           "this field is missing; give 0 or 1 per layer");
  int64_t i = 0;
  for (const slip_node *item = list->first; item != NULL; item = item->next, i++) {
    int64_t windowed;
    SLIP_TRY(slip_draft_in_list(d, list, slip_node_int(item, 0, 1, &windowed, d->err)));
    if (windowed)
      d->layers[i].mixer = SLIP_MIXER_SLIDING;
  }
cleanup:
  return status;
}

/* Qwen3-Next, Qwen3.5: every full_attention_interval-th layer is softmax attention, the others gated delta net. */
slip_status slip_mixers_linear(slip_draft *d) {
  slip_status status = SLIP_OK;
  bool listed;
  int64_t interval;
  SLIP_TRY(from_layer_types(d, &listed));
  if (listed)
    return SLIP_OK;
  SLIP_TRY(slip_draft_int_or(d, "full_attention_interval", 1, SLIP_MAX_LAYERS, 4, &interval));
  for (int64_t i = 0; i < d->model->layers; i++)
    d->layers[i].mixer = (i + 1) % interval == 0 ? SLIP_MIXER_FULL : SLIP_MIXER_LINEAR;
cleanup:
  return status;
}

/* DeepSeek-V3.2, GLM-5: an indexer in each layer, or (GLM-5.2) only in the layers called "full"; "shared" layers
 * hold no indexer weights and reuse the choice of the last full one. Without indexer_types, index_topk_freq must be
 * 1. */
slip_status slip_mixers_indexed(slip_draft *d) {
  slip_status status = SLIP_OK;
  const slip_node *list;
  int64_t every;
  set_all(d, SLIP_MIXER_FULL);
  SLIP_TRY(slip_draft_layer_list(d, "indexer_types", &list));
  SLIP_TRY(slip_draft_int_or(d, "index_topk_freq", 1, SLIP_MAX_LAYERS, 1, &every));
  slip_draft_find(d, "index_skip_topk_offset|index_topk_pattern"); /* they derive indexer_types */
  if (list == NULL && every != 1)
    return slip_draft_fail(d, SLIP_UNSUPPORTED, "index_topk_freq",
                           "sharing of the indexer without indexer_types is not modelled; give indexer_types");
  int64_t i = 0;
  for (const slip_node *item = list == NULL ? NULL : list->first; item != NULL; item = item->next, i++) {
    const char *text;
    SLIP_TRY(slip_draft_in_list(d, list, slip_node_string(item, &text, d->err)));
    if (strcmp(text, "shared") == 0)
      d->layers[i].mixer = SLIP_MIXER_SHARED_INDEX;
    else if (strcmp(text, "full") != 0)
      SLIP_TRY(slip_fail_at(d->err, SLIP_UNSUPPORTED, item->file, item->line, item->column, "indexer_types",
                            "indexer type '%s' is not modelled; 'full' and 'shared' are", text));
  }
cleanup:
  return status;
}

/* Nemotron-H: a layer is one mixer alone. A pattern of M (Mamba-2), * (attention), E (MoE), - (FFN), or a list of
 * names. */
static slip_status one_mixer(slip_draft *d, const slip_node *where, const char *text, size_t n, slip_choice *out) {
  static const struct {
    const char *sign, *name;
    slip_mixer mixer;
    slip_ffn_kind ffn;
  } rows[] = {{"M", "mamba", SLIP_MIXER_SSM, SLIP_FFN_NONE},
              {"*", "attention", SLIP_MIXER_FULL, SLIP_FFN_NONE},
              {"E", "moe", SLIP_MIXER_NONE, SLIP_FFN_MOE},
              {"-", "mlp", SLIP_MIXER_NONE, SLIP_FFN_DENSE}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if ((n == 1 && rows[i].sign[0] == text[0]) ||
        (strlen(rows[i].name) == n && memcmp(rows[i].name, text, n) == 0)) {
      *out = (slip_choice){.mixer = rows[i].mixer, .ffn = rows[i].ffn};
      return SLIP_OK;
    }
  return slip_node_fail(d->err, SLIP_UNSUPPORTED, where, "layer kind '%.*s' is not modelled; M, *, E and - are",
                        (int)(n < 40 ? n : 40), text);
}

slip_status slip_mixers_nemotron_h(slip_draft *d) {
  slip_status status = SLIP_OK;
  const slip_node *list;
  SLIP_TRY(slip_draft_layer_list(d, "layers_block_type", &list));
  if (list != NULL) {
    int64_t i = 0;
    for (const slip_node *item = list->first; item != NULL; item = item->next, i++) {
      const char *text;
      SLIP_TRY(slip_draft_in_list(d, list, slip_node_string(item, &text, d->err)));
      SLIP_TRY(one_mixer(d, list, text, strlen(text), &d->layers[i]));
    }
    return SLIP_OK;
  }
  const slip_node *node = slip_draft_find(d, "hybrid_override_pattern");
  const char *pattern;
  if (node == NULL)
    return slip_draft_fail(d, SLIP_BAD_INPUT, "hybrid_override_pattern",
                           "this field is missing; give one sign per layer, or layers_block_type");
  SLIP_TRY(slip_node_string(node, &pattern, d->err));
  if (strlen(pattern) != (size_t)d->model->layers)
    return slip_node_fail(d->err, SLIP_BAD_INPUT, node, "has %zu signs for %lld layers; give one per layer",
                          strlen(pattern), (long long)d->model->layers);
  for (int64_t i = 0; i < d->model->layers; i++)
    SLIP_TRY(one_mixer(d, node, pattern + i, 1, &d->layers[i]));
cleanup:
  return status;
}

/* ---- Nemotron-NAS: each layer has its own widths, or lacks a part ---- */

static slip_status nas_refuse(slip_draft *d, const slip_node *part) {
  static const char *const fields[] = {"replace_with_linear", "sparsify",
                                       "num_sink_tokens",     "window_length",
                                       "unshifted_sink",      "use_prefill_window_in_sink_attention"};
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    const slip_node *node = slip_node_get(part, fields[i]);
    if (node == NULL || slip_node_is_null(node))
      continue;
    bool on = true;
    if (slip_node_bool(node, &on, NULL) != SLIP_OK || on)
      return slip_node_fail(d->err, SLIP_UNSUPPORTED, node, "this replacement of a layer's part is not modelled");
  }
  return SLIP_OK;
}

static slip_status nas_is_absent(slip_draft *d, const slip_node *block, const char *name, const slip_node **part,
                                 bool *absent) {
  slip_status status = SLIP_OK;
  *absent = false;
  *part = slip_node_get(block, name);
  if (*part == NULL || (*part)->kind != SLIP_NODE_MAP)
    return slip_node_fail(d->err, SLIP_BAD_INPUT, block, "this block has no '%s' map", name);
  SLIP_TRY(nas_refuse(d, *part));
  const slip_node *no_op = slip_node_get(*part, "no_op");
  if (no_op != NULL && !slip_node_is_null(no_op))
    SLIP_TRY(slip_node_bool(no_op, absent, d->err));
cleanup:
  return status;
}

static slip_status nas_block(slip_draft *d, const slip_node *block, int64_t heads, slip_choice *out) {
  slip_status status = SLIP_OK;
  const slip_node *part;
  bool absent;
  SLIP_TRY(nas_is_absent(d, block, "attention", &part, &absent));
  if (!absent) {
    const slip_node *node = slip_node_get(part, "n_heads_in_group");
    int64_t group;
    if (node == NULL)
      return slip_node_fail(d->err, SLIP_BAD_INPUT, part, "n_heads_in_group is missing");
    SLIP_TRY(slip_node_int(node, 1, heads, &group, d->err));
    if (heads % group != 0)
      return slip_node_fail(d->err, SLIP_BAD_INPUT, node, "%lld heads do not divide into groups of %lld",
                            (long long)heads, (long long)group);
    out->mixer = SLIP_MIXER_FULL;
    out->kv_heads = heads / group;
  }
  SLIP_TRY(nas_is_absent(d, block, "ffn", &part, &absent));
  if (!absent) {
    const slip_node *node = slip_node_get(part, "ffn_mult");
    double mult;
    if (node == NULL)
      return slip_node_fail(d->err, SLIP_BAD_INPUT, part, "ffn_mult is missing");
    SLIP_TRY(slip_node_double(node, 1e-3, 64, &mult, d->err));
    /* DeciLM: 2/3 of mult * hidden, rounded up to a multiple of 256. */
    const int64_t width = (int64_t)(2 * mult * (double)d->model->hidden / 3);
    out->ffn = SLIP_FFN_DENSE;
    out->width = (width + 255) / 256 * 256;
  }
cleanup:
  return status;
}

slip_status slip_mixers_nemotron_nas(slip_draft *d) {
  slip_status status = SLIP_OK;
  const slip_node *list;
  int64_t heads;
  SLIP_TRY(slip_draft_int(d, "num_attention_heads", 1, SLIP_LIMIT_HEADS, &heads));
  SLIP_TRY(slip_draft_layer_list(d, "block_configs", &list));
  if (list == NULL)
    return slip_draft_fail(d, SLIP_BAD_INPUT, "block_configs", "this field is missing; give one block per layer");
  int64_t i = 0;
  for (const slip_node *block = list->first; block != NULL; block = block->next, i++)
    SLIP_TRY(slip_draft_in_list(d, list, nas_block(d, block, heads, &d->layers[i])));
cleanup:
  return status;
}

/* ---- FFNs ---- */

/* Lists of 0/1, or of "dense"/"sparse". *found says whether one is there. */
static slip_status ffns_from_lists(slip_draft *d, bool *found) {
  slip_status status = SLIP_OK;
  const slip_node *list;
  SLIP_TRY(slip_draft_layer_list(d, "mlp_layer_types", &list));
  const slip_node *freq = slip_draft_find(d, "moe_layer_freq");
  if (list == NULL && freq != NULL && freq->kind == SLIP_NODE_SEQUENCE)
    SLIP_TRY(slip_draft_layer_list(d, "moe_layer_freq", &list));
  *found = list != NULL;
  int64_t i = 0;
  for (const slip_node *item = list == NULL ? NULL : list->first; item != NULL; item = item->next, i++) {
    const bool sparse =
        item->kind == SLIP_NODE_SCALAR && (strcmp(item->text, "sparse") == 0 || strcmp(item->text, "1") == 0);
    const bool dense =
        item->kind == SLIP_NODE_SCALAR && (strcmp(item->text, "dense") == 0 || strcmp(item->text, "0") == 0);
    if (!sparse && !dense)
      SLIP_TRY(slip_fail_at(d->err, SLIP_UNSUPPORTED, item->file, item->line, item->column,
                            freq == list ? "moe_layer_freq" : "mlp_layer_types",
                            "element %lld is not modelled; write dense or sparse (0 or 1)", (long long)i));
    d->layers[i].ffn = sparse ? SLIP_FFN_MOE : SLIP_FFN_DENSE;
  }
cleanup:
  return status;
}

/* mlp_only_layers: the 0-based layers that stay dense. */
static slip_status apply_dense_layers(slip_draft *d, const slip_node *list) {
  if (list != NULL && list->kind != SLIP_NODE_SEQUENCE)
    return slip_node_fail(d->err, SLIP_BAD_INPUT, list, "expected a list of layer numbers");
  for (const slip_node *item = list == NULL ? NULL : list->first; item != NULL; item = item->next) {
    int64_t layer;
    const slip_status status =
        slip_draft_in_list(d, list, slip_node_int(item, 0, d->model->layers - 1, &layer, d->err));
    if (status != SLIP_OK)
      return status;
    d->layers[layer].ffn = SLIP_FFN_DENSE;
  }
  return SLIP_OK;
}

slip_status slip_lay_ffns(slip_draft *d) {
  slip_status status = SLIP_OK;
  bool listed, experts_on;
  int64_t first, every, step, interleave;
  for (int64_t i = 0; i < d->model->layers; i++)
    d->layers[i].ffn = SLIP_FFN_DENSE;
  if ((d->family->flags & SLIP_F_MOE) == 0)
    return apply_dense_layers(d, slip_draft_find(d, "mlp_only_layers"));
  /* Gemma 4 has dense members: enable_moe_block says. */
  SLIP_TRY(slip_draft_bool_or(d, "enable_moe_block", (d->family->flags & SLIP_F_SHARED_DENSE) == 0, &experts_on));
  if (!experts_on) {
    slip_draft_find(d, "num_experts|top_k_experts|moe_intermediate_size");
    return SLIP_OK;
  }
  SLIP_TRY(ffns_from_lists(d, &listed));
  SLIP_TRY(slip_draft_int_or(d, "first_k_dense_replace", 0, SLIP_MAX_LAYERS, 0, &first));
  if (listed)
    return SLIP_OK;
  SLIP_TRY(slip_draft_int_or(d, "moe_layer_freq", 1, SLIP_MAX_LAYERS, 1, &every));
  SLIP_TRY(slip_draft_int_or(d, "decoder_sparse_step", 1, SLIP_MAX_LAYERS, 1, &step));
  SLIP_TRY(slip_draft_int_or(d, "interleave_moe_layer_step", 1, SLIP_MAX_LAYERS, 1, &interleave));
  for (int64_t i = 0; i < d->model->layers; i++)
    if (i >= first && i % every == 0 && (i + 1) % step == 0 && (i + 1) % interleave == 0)
      d->layers[i].ffn = SLIP_FFN_MOE;
  SLIP_TRY(apply_dense_layers(d, slip_draft_find(d, "mlp_only_layers")));
cleanup:
  return status;
}
