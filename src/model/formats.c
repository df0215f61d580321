/* Which number format each class of weight is released in: quantization_config inside the configuration, or a
 * separate hf_quant_config.json. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fail.h"
#include "model/draft.h"

/* ---- which classes of weight a list of excluded modules covers ---- */

typedef enum weight_class { ATTENTION, DENSE_FFN, SHARED, ROUTED, EMBEDDING, CLASSES } weight_class;

/* The class that a module's name (or a pattern for it) means; CLASSES for routers, norms and towers. A name that
 * ends at the FFN as a whole ("...mlp") is left aside: no published file has it. */
static weight_class class_of(const char *name) {
  if (strstr(name, "vision") != NULL || strstr(name, "mm_projector") != NULL || strstr(name, "norm") != NULL ||
      strstr(name, "mtp") != NULL)
    return CLASSES;
  if (strstr(name, "lm_head") != NULL || strstr(name, "embed") != NULL)
    return EMBEDDING;
  if (strstr(name, "attn") != NULL || strstr(name, "attention") != NULL)
    return ATTENTION;
  if (strstr(name, "shared_expert") != NULL)
    return SHARED;
  if (strstr(name, "router") != NULL)
    return CLASSES;
  if (strstr(name, "experts") != NULL)
    return ROUTED;
  if (strstr(name, "down") != NULL && strstr(name, "proj") != NULL)
    return DENSE_FFN;
  return CLASSES;
}

/* The layer number in "model.layers.12.self_attn", or -1 for a pattern over all layers. */
static long layer_of(const char *name) {
  const char *at = strstr(name, "layers.");
  if (at == NULL || at[7] < '0' || at[7] > '9')
    return -1;
  return strtol(at + 7, NULL, 10);
}

typedef struct exclusions {
  bool whole[CLASSES];                  /* by a pattern over all layers */
  bool layer[CLASSES][SLIP_MAX_LAYERS]; /* named one by one */
} exclusions;

static slip_status read_exclusions(const slip_node *list, int64_t layers, exclusions *out, slip_error *err) {
  if (list == NULL || slip_node_is_null(list))
    return SLIP_OK;
  if (list->kind != SLIP_NODE_SEQUENCE)
    return slip_node_fail(err, SLIP_BAD_INPUT, list, "expected a list of module names");
  for (const slip_node *item = list->first; item != NULL; item = item->next) {
    const char *name;
    if (slip_node_string(item, &name, NULL) != SLIP_OK)
      return slip_node_fail(err, SLIP_BAD_INPUT, list, "expected a list of module names");
    const weight_class class = class_of(name);
    const long layer = layer_of(name);
    if (class == CLASSES || layer >= layers)
      continue;
    if (layer < 0)
      out->whole[class] = true;
    else
      out->layer[class][layer] = true;
  }
  return SLIP_OK;
}

/* A class counts as excluded when a pattern covers it, or when half of the layers that have it are named. */
static bool is_excluded(const exclusions *x, const slip_model *m, const slip_layer_kind *kinds,
                        weight_class class) {
  int64_t have = 0, named = 0;
  for (int64_t i = 0; i < m->layers; i++) {
    const slip_layer_kind *kind = &kinds[m->kind_of_layer[i]];
    const bool has = class == ATTENTION   ? kind->attention.kind != SLIP_ATTENTION_NONE
                     : class == DENSE_FFN ? kind->ffn.kind == SLIP_FFN_DENSE
                                          : kind->ffn.kind == SLIP_FFN_MOE;
    have += has;
    named += has && x->layer[class][i];
  }
  return x->whole[class] || (have > 0 && 2 * named >= have);
}

static void set_formats(slip_model *m, const slip_layer_kind *kinds, const exclusions *x, slip_dtype plain,
                        slip_dtype quantised) {
  m->weights = (slip_weight_formats){
      .attention = is_excluded(x, m, kinds, ATTENTION) ? plain : quantised,
      .dense_ffn = is_excluded(x, m, kinds, DENSE_FFN) ? plain : quantised,
      .shared_experts = is_excluded(x, m, kinds, SHARED) ? plain : quantised,
      .routed_experts = is_excluded(x, m, kinds, ROUTED) ? plain : quantised,
      .embedding = plain, /* no published format quantises it */
  };
}

/* ---- the configuration's own quantization_config ---- */

static slip_status plain_format(slip_draft *d, slip_dtype *out) {
  static const struct {
    const char *name;
    slip_dtype dtype;
  } rows[] = {{"bfloat16", SLIP_BF16}, {"float16", SLIP_BF16}, {"float32", SLIP_FP32}, {"auto", SLIP_BF16}};
  const char *name;
  const slip_status status = slip_draft_text_or(d, "torch_dtype|dtype", "bfloat16", &name);
  if (status != SLIP_OK)
    return status;
  if (strncmp(name, "torch.", 6) == 0)
    name += 6;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (strcmp(rows[i].name, name) == 0) {
      *out = rows[i].dtype;
      return SLIP_OK;
    }
  return slip_draft_fail(d, SLIP_UNSUPPORTED, "torch_dtype",
                         "number format '%s' is not modelled; bfloat16, float16 and float32 are", name);
}

/* bits and type of a compressed-tensors or GPTQ/AWQ description. */
static slip_status by_bits(const slip_node *where, int64_t bits, const char *type, slip_dtype *out,
                           slip_error *err) {
  const bool is_float = strcmp(type, "float") == 0;
  if (bits == 8)
    *out = is_float ? SLIP_FP8 : SLIP_INT8;
  else if (bits == 4)
    *out = is_float ? SLIP_FP4 : SLIP_INT4;
  else
    return slip_node_fail(err, SLIP_UNSUPPORTED, where, "weights of %lld bits are not modelled; 4 and 8 are",
                          (long long)bits);
  return SLIP_OK;
}

/* num_bits and type of a map; `key` "num_bits" or "bits". */
static slip_status bits_of(const slip_node *map, const char *key, slip_dtype *out, slip_error *err) {
  slip_status status = SLIP_OK;
  const slip_node *bits_node = slip_node_get(map, key), *type_node = slip_node_get(map, "type");
  int64_t bits;
  const char *type = "int";
  if (bits_node == NULL)
    return slip_node_fail(err, SLIP_BAD_INPUT, map, "%s is missing", key);
  SLIP_TRY(slip_node_int(bits_node, 1, 64, &bits, err));
  if (type_node != NULL && !slip_node_is_null(type_node))
    SLIP_TRY(slip_node_string(type_node, &type, err));
  SLIP_TRY(by_bits(bits_node, bits, type, out, err));
cleanup:
  return status;
}

static slip_status compressed_tensors(const slip_node *quant, slip_dtype *weights, slip_dtype *kv,
                                      slip_error *err) {
  slip_status status = SLIP_OK;
  const slip_node *groups = slip_node_get(quant, "config_groups");
  if (groups == NULL || groups->kind != SLIP_NODE_MAP || groups->first == NULL)
    return slip_node_fail(err, SLIP_BAD_INPUT, quant, "config_groups is missing");
  if (groups->count != 1)
    return slip_node_fail(err, SLIP_UNSUPPORTED, groups, "several groups of weight formats are not modelled");
  const slip_node *described = slip_node_get(groups->first, "weights");
  if (described == NULL || described->kind != SLIP_NODE_MAP)
    return slip_node_fail(err, SLIP_BAD_INPUT, groups->first, "weights is missing");
  SLIP_TRY(bits_of(described, "num_bits", weights, err));
  const slip_node *cache = slip_node_get(quant, "kv_cache_scheme");
  if (cache != NULL && !slip_node_is_null(cache))
    SLIP_TRY(bits_of(cache, "num_bits", kv, err));
cleanup:
  return status;
}

static slip_status method_format(const slip_node *quant, slip_dtype *weights, slip_dtype *kv, slip_error *err) {
  slip_status status = SLIP_OK;
  const slip_node *node = slip_node_get(quant, "quant_method");
  const char *method;
  if (node == NULL)
    return slip_node_fail(err, SLIP_BAD_INPUT, quant, "quant_method is missing");
  SLIP_TRY(slip_node_string(node, &method, err));
  if (strcmp(method, "fp8") == 0 || strcmp(method, "fbgemm_fp8") == 0)
    *weights = SLIP_FP8;
  else if (strcmp(method, "mxfp4") == 0)
    *weights = SLIP_FP4;
  else if (strcmp(method, "compressed-tensors") == 0)
    SLIP_TRY(compressed_tensors(quant, weights, kv, err));
  else if (strcmp(method, "gptq") == 0 || strcmp(method, "awq") == 0)
    SLIP_TRY(bits_of(quant, "bits", weights, err));
  else
    return slip_node_fail(
        err, SLIP_UNSUPPORTED, node,
        "quantisation method '%s' is not modelled; fp8, mxfp4, compressed-tensors, gptq and awq are", method);
cleanup:
  return status;
}

/* exclusions is 5 KB: kept off the stack of callers by living here only. */
static slip_status apply(const slip_node *excluded, slip_model *m, const slip_layer_kind *kinds, slip_dtype plain,
                         slip_dtype quantised, slip_error *err) {
  exclusions x = {0};
  const slip_status status = read_exclusions(excluded, m->layers, &x, err);
  if (status == SLIP_OK)
    set_formats(m, kinds, &x, plain, quantised);
  return status;
}

slip_status slip_formats_build(slip_draft *d) {
  slip_status status = SLIP_OK;
  slip_model *m = d->model;
  slip_dtype plain = SLIP_BF16, quantised = SLIP_BF16;
  SLIP_TRY(plain_format(d, &plain));
  m->kv_dtype = SLIP_BF16;
  m->weights = (slip_weight_formats){plain, plain, plain, plain, plain};
  const slip_node *quant = slip_draft_find(d, "quantization_config");
  if (quant == NULL)
    return SLIP_OK;
  if (quant->kind != SLIP_NODE_MAP)
    return slip_node_fail(d->err, SLIP_BAD_INPUT, quant, "expected a map");
  SLIP_TRY(method_format(quant, &quantised, &m->kv_dtype, d->err));
  const slip_node *excluded = slip_node_get(quant, "modules_to_not_convert");
  if (excluded == NULL)
    excluded = slip_node_get(quant, "ignore");
  SLIP_TRY(apply(excluded, m, d->kinds, plain, quantised, d->err));
cleanup:
  return status;
}

/* ---- hf_quant_config.json ---- */

static slip_status algorithm(const slip_node *node, slip_dtype *out, slip_error *err) {
  static const struct {
    const char *name;
    slip_dtype dtype;
  } rows[] = {
      {"FP8", SLIP_FP8},       {"FP8_PB_WO", SLIP_FP8}, {"NVFP4", SLIP_FP4}, {"W4A16_AWQ", SLIP_INT4},
      {"NVFP4_AWQ", SLIP_FP4}, {"MXFP4", SLIP_FP4},     {"INT8", SLIP_INT8}, {"W8A8_SQ_PER_CHANNEL", SLIP_INT8},
      {"FP8_BLOCK", SLIP_FP8}};
  const char *name;
  const slip_status status = slip_node_string(node, &name, err);
  if (status != SLIP_OK)
    return status;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    if (strcasecmp(rows[i].name, name) == 0) {
      *out = rows[i].dtype;
      return SLIP_OK;
    }
  return slip_node_fail(err, SLIP_UNSUPPORTED, node, "quantisation '%s' is not modelled", name);
}

slip_status slip_model_apply_quant(const slip_node *quant, slip_model *model, slip_error *err) {
  slip_status status = SLIP_OK;
  const slip_node *inner = slip_node_get(quant, "quantization");
  if (inner == NULL || inner->kind != SLIP_NODE_MAP)
    return slip_node_fail(err, SLIP_BAD_INPUT, quant, "the map 'quantization' is missing");
  const slip_node *weights = slip_node_get(inner, "quant_algo"),
                  *cache = slip_node_get(inner, "kv_cache_quant_algo");
  slip_dtype dtype = SLIP_BF16, kv = model->kv_dtype;
  if (cache != NULL && !slip_node_is_null(cache))
    SLIP_TRY(algorithm(cache, &kv, err));
  if (weights != NULL && !slip_node_is_null(weights)) {
    SLIP_TRY(algorithm(weights, &dtype, err));
    SLIP_TRY(
        apply(slip_node_get(inner, "exclude_modules"), model, model->kinds, model->weights.embedding, dtype, err));
  }
  model->kv_dtype = kv;
cleanup:
  return status;
}
