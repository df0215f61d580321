/* slip_model_build: from a configuration's fields to layers. The order: refuse what cannot be modelled, find the
 * family, lay out the layers, build each kind of layer once, then what lies outside them. */
#include "model/import.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "model/draft.h"

/* ---- the family ---- */

static slip_status first_architecture(slip_draft *d, const char **out) {
  const slip_node *list = slip_draft_find(d, "architectures");
  *out = NULL;
  if (list == NULL || list->kind != SLIP_NODE_SEQUENCE || list->first == NULL)
    return SLIP_OK;
  return slip_node_string(list->first, out, d->err);
}

static slip_status find_family(slip_draft *d) {
  slip_status status = SLIP_OK;
  const char *type, *architecture;
  SLIP_TRY(slip_draft_text_or(d, "model_type", NULL, &type));
  SLIP_TRY(first_architecture(d, &architecture));
  if (type == NULL && architecture == NULL)
    return slip_draft_fail(d, SLIP_BAD_INPUT, "model_type",
                           "this field is missing; it names the model's architecture");
  d->family = slip_family_find(type, architecture);
  if (d->family == NULL && type != NULL)
    return slip_node_fail(d->err, SLIP_UNSUPPORTED, slip_draft_find(d, "model_type"),
                          "model_type '%s' is not modelled; nothing is guessed about it", type);
  if (d->family == NULL)
    return slip_node_fail(d->err, SLIP_UNSUPPORTED, slip_draft_find(d, "architectures"),
                          "architecture '%s' is not modelled; nothing is guessed about it", architecture);
  d->model->family = slip_arena_strdup(d->arena, d->family->model_type);
  if (d->model->family == NULL)
    return slip_no_memory(d->err);
cleanup:
  return status;
}

/* ---- dimensions of the whole ---- */

/* num_hidden_layers, else the length of what describes the layers one by one. */
static slip_status read_layers(slip_draft *d) {
  if (slip_draft_find(d, "num_hidden_layers|n_layer") == NULL) {
    const slip_node *list = slip_draft_find(d, "layers_block_type");
    const slip_node *pattern = slip_draft_find(d, "hybrid_override_pattern");
    size_t n = 0;
    if (list != NULL && list->kind == SLIP_NODE_SEQUENCE)
      n = list->count;
    else if (pattern != NULL && pattern->kind == SLIP_NODE_SCALAR)
      n = strlen(pattern->text);
    if (n > SLIP_MAX_LAYERS)
      return slip_node_fail(d->err, SLIP_BAD_INPUT, list != NULL ? list : pattern, "%zu layers are more than %d", n,
                            SLIP_MAX_LAYERS);
    if (n > 0) {
      d->model->layers = (int64_t)n;
      return SLIP_OK;
    }
  }
  return slip_draft_int(d, "num_hidden_layers|n_layer", 1, SLIP_MAX_LAYERS, &d->model->layers);
}

static slip_status read_dimensions(slip_draft *d) {
  slip_status status = SLIP_OK;
  slip_model *m = d->model;
  SLIP_TRY(read_layers(d));
  SLIP_TRY(slip_draft_int(d, "hidden_size|n_embd", 1, SLIP_LIMIT_HIDDEN, &m->hidden));
  SLIP_TRY(slip_draft_int(d, "vocab_size", 1, SLIP_LIMIT_VOCAB, &m->vocab));
  SLIP_TRY(
      slip_draft_int_or(d, "max_position_embeddings|n_positions|n_ctx", 1, SLIP_LIMIT_TOKENS, 0, &m->max_context));
  SLIP_TRY(
      slip_draft_bool_or(d, "tie_word_embeddings", (d->family->flags & SLIP_F_TIED) != 0, &m->tied_embeddings));
  if (d->family->flags & SLIP_F_GPT2) {
    if (m->max_context == 0)
      return slip_draft_fail(d, SLIP_BAD_INPUT, "n_positions",
                             "this field is missing; give the rows of the position table");
    if (m->max_context > SLIP_LIMIT_VOCAB)
      return slip_draft_fail(d, SLIP_BAD_INPUT, "n_positions", "a table of %lld learned positions is too large",
                             (long long)m->max_context);
    m->learned_positions = m->max_context;
  }
cleanup:
  return status;
}

/* ---- kinds of layer ---- */

static bool same_choice(const slip_choice *a, const slip_choice *b) {
  return a->mixer == b->mixer && a->ffn == b->ffn && a->kv_heads == b->kv_heads && a->width == b->width;
}

/* The index of the kind of layer that `choice` asks for, built when it is new. */
static slip_status intern_kind(slip_draft *d, const slip_choice *choice, int *out) {
  slip_status status = SLIP_OK;
  for (int i = 0; i < d->n_kinds; i++)
    if (same_choice(&d->kind_choices[i], choice)) {
      *out = i;
      return SLIP_OK;
    }
  if (d->n_kinds == SLIP_MAX_LAYER_KINDS)
    return slip_draft_fail(d, SLIP_UNSUPPORTED, "num_hidden_layers", "more than %d different kinds of layer",
                           SLIP_MAX_LAYER_KINDS);
  slip_layer_kind *kind = &d->kinds[d->n_kinds];
  SLIP_TRY(slip_attention_build(d, choice, kind));
  SLIP_TRY(slip_ffn_build(d, choice, kind));
  const slip_family *f = d->family;
  const int norms = (choice->mixer != SLIP_MIXER_NONE ? f->mixer_norms : 0) +
                    (choice->ffn == SLIP_FFN_DENSE ? f->ffn_norms : 0) +
                    (choice->ffn == SLIP_FFN_MOE ? f->moe_norms : 0);
  kind->params.norms = (double)norms * (double)d->model->hidden * ((f->flags & SLIP_F_GPT2) != 0 ? 2 : 1);
  if (f->flags & SLIP_F_GLOBAL_KEYS)
    kind->params.norms += 1; /* Gemma 4's layer_scalar */
  d->kind_choices[d->n_kinds] = *choice;
  *out = d->n_kinds++;
cleanup:
  return status;
}

static slip_status build_kinds(slip_draft *d) {
  slip_status status = SLIP_OK;
  slip_model *m = d->model;
  uint8_t *of_layer = slip_arena_array(d->arena, (size_t)m->layers, sizeof *of_layer);
  if (of_layer == NULL)
    SLIP_FAIL(d->err, SLIP_NO_MEMORY, "out of memory");
  for (int64_t i = 0; i < m->layers; i++) {
    int kind;
    SLIP_TRY(intern_kind(d, &d->layers[i], &kind));
    of_layer[i] = (uint8_t)kind;
    d->kinds[kind].count++;
  }
  m->kind_of_layer = of_layer;
cleanup:
  return status;
}

/* ---- multi-token prediction ---- */

/* The layer inside an MTP module. DeepSeek-V3 (arXiv 2412.19437) section 2.2: like the model's last layer, with its own
 * indexer where there is one. Qwen3.5: softmax attention. Nemotron-H states its pattern, which must be attention + MoE.
 * Assumptions, as these configurations do not state it: MiniMax and MiMo as DeepSeek-V3; Step a window and a dense FFN. */
static slip_status mtp_choice(slip_draft *d, slip_choice *out) {
  *out = d->layers[d->model->layers - 1];
  if (out->mixer == SLIP_MIXER_SHARED_INDEX || out->mixer == SLIP_MIXER_LINEAR)
    out->mixer = SLIP_MIXER_FULL;
  if (d->family->flags & SLIP_F_MTP_DENSE)
    *out = (slip_choice){.mixer = SLIP_MIXER_SLIDING, .ffn = SLIP_FFN_DENSE};
  if (d->family->lay_mixers != slip_mixers_nemotron_h)
    return SLIP_OK;
  const slip_node *sign = slip_draft_find(d, "mtp_hybrid_override_pattern");
  const slip_node *list = slip_draft_find(d, "mtp_layers_block_type");
  const bool by_sign = sign != NULL && sign->kind == SLIP_NODE_SCALAR && strcmp(sign->text, "*E") == 0;
  const bool by_list = list != NULL && list->kind == SLIP_NODE_SEQUENCE && list->count == 2 &&
                       list->first->kind == SLIP_NODE_SCALAR && strcmp(list->first->text, "attention") == 0 &&
                       list->first->next->kind == SLIP_NODE_SCALAR && strcmp(list->first->next->text, "moe") == 0;
  if (!by_sign && !by_list)
    return slip_draft_fail(d, SLIP_UNSUPPORTED, "mtp_hybrid_override_pattern",
                           "an MTP module other than attention and MoE (*E) is not modelled");
  *out = (slip_choice){.mixer = SLIP_MIXER_FULL, .ffn = SLIP_FFN_MOE};
  return SLIP_OK;
}

static slip_status build_mtp(slip_draft *d) {
  slip_status status = SLIP_OK;
  slip_model *m = d->model;
  slip_choice choice;
  int64_t layers;
  bool on;
  m->mtp_kind = -1;
  SLIP_TRY(slip_draft_bool_or(d, "use_mtp", true, &on));
  SLIP_TRY(slip_draft_int_or(d, "num_nextn_predict_layers|mtp_num_hidden_layers|num_mtp_modules", 0, SLIP_LIMIT_MTP,
                             0, &m->mtp_modules));
  SLIP_TRY(slip_draft_int_or(d, "mtp_transformer_layers", 0, SLIP_LIMIT_MTP, 1, &layers));
  if (!on)
    m->mtp_modules = 0;
  if (m->mtp_modules == 0) {
    slip_draft_find(d, "mtp_hybrid_override_pattern|mtp_layers_block_type");
    return SLIP_OK;
  }
  if (layers != 1)
    return slip_draft_fail(d, SLIP_UNSUPPORTED, "mtp_transformer_layers",
                           "MTP modules of %lld layers are not modelled; of one they are", (long long)layers);
  SLIP_TRY(mtp_choice(d, &choice));
  SLIP_TRY(intern_kind(d, &choice, &m->mtp_kind));
  const double hidden = (double)m->hidden;
  m->mtp_params = (double)m->mtp_modules *
                  (slip_params_total(&d->kinds[m->mtp_kind].params) + 2 * hidden * hidden + 3 * hidden);
cleanup:
  return status;
}

/* ---- the whole ---- */

static slip_status finish(slip_draft *d) {
  slip_model *m = d->model;
  slip_layer_kind *kinds = slip_arena_array(d->arena, (size_t)d->n_kinds, sizeof *kinds);
  if (kinds == NULL)
    return slip_no_memory(d->err);
  memcpy(kinds, d->kinds, (size_t)d->n_kinds * sizeof *kinds);
  m->kinds = kinds;
  m->n_kinds = d->n_kinds;
  const double table = (double)m->vocab * (double)m->hidden;
  m->embedding_params = table + (double)m->learned_positions * (double)m->hidden;
  m->head_params = m->tied_embeddings ? 0 : table;
  m->other_params = (double)m->hidden * ((d->family->flags & SLIP_F_GPT2) != 0 ? 2 : 1);
  m->train_tokens = NAN;
  return SLIP_OK;
}

slip_status slip_model_build(slip_arena *arena, const slip_node *config, slip_model *model, slip_error *err) {
  slip_status status = SLIP_OK;
  if (config == NULL)
    return slip_fail(err, SLIP_BAD_INPUT, "there is no configuration");
  if (config->kind != SLIP_NODE_MAP)
    return slip_node_fail(err, SLIP_BAD_INPUT, config, "a model's configuration is a map of fields");
  slip_model built = {0};
  built.entry = model->entry;
  slip_draft *d = slip_arena_alloc(arena, sizeof *d);
  if (d == NULL)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  const slip_node *text = slip_node_get(config, "text_config");
  d->arena = arena;
  d->err = err;
  d->root = config;
  d->text = text != NULL && text->kind == SLIP_NODE_MAP ? text : config;
  d->model = &built;
  SLIP_TRY(slip_draft_refuse_features(d));
  SLIP_TRY(find_family(d));
  SLIP_TRY(read_dimensions(d));
  SLIP_TRY(d->family->lay_mixers(d));
  if (d->family->lay_mixers != slip_mixers_nemotron_h && d->family->lay_mixers != slip_mixers_nemotron_nas)
    SLIP_TRY(slip_lay_ffns(d));
  SLIP_TRY(build_kinds(d));
  SLIP_TRY(build_mtp(d));
  SLIP_TRY(slip_formats_build(d));
  SLIP_TRY(slip_draft_refuse_unread(d));
  SLIP_TRY(finish(d));
  *model = built;
cleanup:
  return status;
}
