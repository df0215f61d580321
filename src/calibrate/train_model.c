/* The model of a training row: of the catalog, cut to fewer layers, or built from the row's dimension columns. */
#include <math.h>
#include <string.h>

#include "calibrate/train_read.h"

/* What rows leave out and the family's published implementation says: gated FFN, tied output matrix, vocabulary,
 * sliding window. First match in the model's text wins. shared: width of shared experts over the width of one
 * routed expert. */
static const struct family {
  const char *name;
  bool gated, tied;
  int64_t vocab, window;
  double shared;
} families[] = {
    {"gpt-oss", true, false, 201088, 0, 0},
    {"bloom", false, true, 250880, 0, 0},
    {"maxtext", true, false, 32000, 0, 0},
    {"gpt", false, true, 51200, 0, 0},
    {"mpt", false, true, 50368, 0, 0},
    {"opt-", false, true, 50272, 0, 0},
    {"turing", false, true, 51200, 0, 0},
    {"megatron", false, true, 51200, 0, 0},
    {"nemotron", false, false, 256000, 0, 0},
    {"codellama", true, false, 32000, 0, 0},
    {"llama-33b", true, false, 32000, 0, 0},
    {"llama-3", true, false, 128256, 0, 0},
    {"llama3", true, false, 128256, 0, 0},
    {"llama", true, false, 32000, 0, 0},
    {"mixtral", true, false, 32000, 0, 0},
    {"mistral", true, false, 32000, 4096, 0},
    {"baichuan2", true, false, 125696, 0, 0},
    {"baichuan", true, false, 64000, 0, 0},
    {"aquila", true, false, 100008, 0, 0},
    {"internlm", true, false, 103168, 0, 0},
    {"qwen", true, false, 151936, 0, 0},
    {"gemma", true, true, 256000, 0, 0},
    {"glm", true, false, 151552, 0, 0},
    {"minicpm", true, true, 122753, 0, 0},
    {"deepseek", true, false, 129280, 0, 1},
    {"yi-", true, false, 64000, 0, 0},
    {"", true, false, 0, 0, 0},
};

static const struct family *family_of(const char *name) {
  size_t i = 0;
  while (!strstr(name, families[i].name))
    i++;
  return &families[i];
}

typedef struct dimensions {
  int64_t layers, hidden, heads, kv_heads, head_dim, width, vocab, experts, top_k;
} dimensions;

static int64_t layers_from_params(slip_train_reading *r, const dimensions *d, bool gated) {
  bool bad = false;
  double params = slip_row_number(r->row, "params_b", &bad) * 1e9;
  if (isnan(params) || d->experts > 0)
    return 0;
  double hidden = (double)d->hidden;
  double layer = (2 + 2 * (double)d->kv_heads / (double)d->heads) * hidden * hidden +
                 (gated ? 3 : 2) * hidden * (double)d->width;
  int64_t layers = (int64_t)((params - hidden * (double)d->vocab) / layer + 0.5);
  slip_train_infer(r, "n_layers=%lld from params_b", (long long)layers);
  return layers;
}

/* Empty dimension cells, by the rules of docs/measured.md. False: not enough is known. */
static bool read_dimensions(slip_train_reading *r, const struct family *family, dimensions *d) {
  *d = (dimensions){.layers = slip_train_count(r, "n_layers"),
                    .hidden = slip_train_count(r, "d_model"),
                    .heads = slip_train_count(r, "n_heads"),
                    .kv_heads = slip_train_count(r, "n_kv_heads"),
                    .head_dim = slip_train_count(r, "head_dim"),
                    .width = slip_train_count(r, "d_ff"),
                    .vocab = slip_train_count(r, "vocab"),
                    .experts = slip_train_count(r, "n_experts"),
                    .top_k = slip_train_count(r, "top_k")};
  if (r->skipped)
    return false;
  if (d->hidden == 0)
    return slip_train_skip(r, "model '%s' is not in the catalog and d_model is missing",
                           slip_row_text(r->row, "model"));
  if (d->heads == 0) {
    d->heads = d->hidden % 128 == 0 ? d->hidden / 128 : d->hidden / 96;
    slip_train_infer(r, "n_heads=%lld (heads of 128 or 96)", (long long)d->heads);
  }
  if (d->kv_heads == 0)
    d->kv_heads = d->heads;
  if (d->head_dim == 0)
    d->head_dim = d->hidden / d->heads;
  if (d->vocab == 0 && family->vocab > 0) {
    d->vocab = family->vocab;
    slip_train_infer(r, "vocab=%lld by family", (long long)d->vocab);
  }
  if (d->vocab == 0)
    return slip_train_skip(r, "vocab is missing and the model's family is unknown");
  if (d->width == 0 && !family->gated) {
    d->width = 4 * d->hidden;
    slip_train_infer(r, "d_ff=4 d_model");
  }
  if (d->width == 0 && d->experts == 0 && strstr(family->name, "llama")) {
    d->width = (8 * d->hidden / 3 + 255) / 256 * 256;
    slip_train_infer(r, "d_ff=%lld, 8/3 d_model in steps of 256", (long long)d->width);
  }
  if (d->width == 0)
    return slip_train_skip(r, "d_ff is missing");
  if (d->layers == 0)
    d->layers = layers_from_params(r, d, family->gated);
  if (d->layers < 1 || d->layers > SLIP_MAX_LAYERS)
    return slip_train_skip(r, "n_layers is missing");
  if (d->experts > 0 && (d->top_k < 1 || d->top_k > d->experts))
    return slip_train_skip(r, "top_k is missing");
  return true;
}

static void fill_kind(const dimensions *d, const struct family *family, bool gated, slip_layer_kind *kind) {
  double hidden = (double)d->hidden, matrices = gated ? 3 : 2, width = (double)d->width;
  kind->attention = (slip_attention){.kind = SLIP_ATTENTION_GQA,
                                     .heads = d->heads,
                                     .kv_heads = d->kv_heads,
                                     .qk_dim = d->head_dim,
                                     .v_dim = d->head_dim,
                                     .window = family->window};
  kind->ffn = (slip_ffn){.kind = SLIP_FFN_DENSE, .gated = gated, .width = d->width};
  kind->params.attention = 2 * hidden * (double)((d->heads + d->kv_heads) * d->head_dim);
  kind->params.norms = 2 * hidden;
  kind->count = d->layers;
  if (d->experts > 0) {
    double shared = family->shared * width;
    kind->ffn = (slip_ffn){.kind = SLIP_FFN_MOE,
                           .gated = gated,
                           .experts = d->experts,
                           .top_k = d->top_k,
                           .expert_width = d->width,
                           .shared_width = (int64_t)shared,
                           .expert_hidden = d->hidden};
    kind->params.routed_experts = (double)d->experts * matrices * hidden * width;
    kind->params.shared_experts = matrices * hidden * shared;
    kind->params.router = hidden * (double)d->experts;
  } else {
    kind->params.dense_ffn = matrices * hidden * width;
  }
}

static const slip_model *build(slip_train_reading *r, const char *name) {
  const struct family *family = family_of(name);
  const char *ffn = slip_train_fact(r, "ffn");
  bool gated = ffn ? strcmp(ffn, "plain") != 0 : family->gated;
  dimensions d;
  if (!read_dimensions(r, family, &d))
    return NULL;
  slip_arena *arena = r->reader->arena;
  slip_model *model = slip_arena_alloc(arena, sizeof *model);
  slip_layer_kind *kind = slip_arena_alloc(arena, sizeof *kind);
  uint8_t *order = slip_arena_alloc(arena, (size_t)d.layers); /* zeroed: all of kind 0 */
  if (!model || !kind || !order) {
    r->no_memory = true;
    return NULL;
  }
  fill_kind(&d, family, gated, kind);
  const char *text = slip_row_text(r->row, "model");
  double table = (double)d.hidden * (double)d.vocab;
  *model = (slip_model){.entry = {.kind = SLIP_KIND_MODEL,
                                  .name = text,
                                  .title = text,
                                  .vendor = "",
                                  .status = "",
                                  .summary = "",
                                  .file = r->row->table->file},
                        .family = family->name,
                        .hidden = d.hidden,
                        .vocab = d.vocab,
                        .layers = d.layers,
                        .kinds = kind,
                        .n_kinds = 1,
                        .kind_of_layer = order,
                        .tied_embeddings = family->tied,
                        .embedding_params = table,
                        .head_params = family->tied ? 0 : table,
                        .other_params = (double)d.hidden,
                        .mtp_kind = -1,
                        .weights = {SLIP_BF16, SLIP_BF16, SLIP_BF16, SLIP_BF16, SLIP_BF16},
                        .kv_dtype = SLIP_BF16,
                        .train_tokens = NAN};
  slip_train_infer(r, "model from its dimensions");
  return model;
}

/* A model with fewer layers, as used on one node: all of the kind that the whole has most of. */
static const slip_model *cut(slip_train_reading *r, const slip_model *whole, int64_t layers) {
  slip_arena *arena = r->reader->arena;
  int most = 0;
  for (int i = 1; i < whole->n_kinds; i++)
    if (whole->kinds[i].count > whole->kinds[most].count)
      most = i;
  slip_model *model = slip_arena_alloc(arena, sizeof *model);
  slip_layer_kind *kind = slip_arena_alloc(arena, sizeof *kind);
  uint8_t *order = slip_arena_alloc(arena, (size_t)layers);
  if (!model || !kind || !order) {
    r->no_memory = true;
    return NULL;
  }
  *kind = whole->kinds[most];
  kind->count = layers;
  *model = *whole;
  model->layers = layers;
  model->kinds = kind;
  model->n_kinds = 1;
  model->kind_of_layer = order;
  model->mtp_modules = 0;
  model->mtp_kind = -1;
  model->mtp_params = 0;
  slip_train_infer(r, "%lld layers of the kind that the model has most of", (long long)layers);
  return model;
}

static bool has_mla(const slip_model *model) {
  for (int i = 0; i < model->n_kinds; i++)
    if (model->kinds[i].attention.kind == SLIP_ATTENTION_MLA)
      return true;
  return false;
}

const slip_model *slip_train_model(slip_train_reading *r) {
  const char *text = slip_row_text(r->row, "model");
  const char *name = slip_train_lower(r, text);
  /* "deepseekv3 (cut to 4 layers)" is found by what stands before the bracket */
  char *plain = slip_arena_strndup(r->reader->arena, text, strcspn(text, "("));
  if (!plain) {
    r->no_memory = true;
    return NULL;
  }
  for (size_t n = strlen(plain); n > 0 && plain[n - 1] == ' '; n--)
    plain[n - 1] = '\0';
  const slip_model *model = slip_resolve_model(r->reader->catalog, text);
  if (!model)
    model = slip_resolve_model(r->reader->catalog, plain);
  int64_t layers = slip_train_count(r, "n_layers"), hidden = slip_train_count(r, "d_model");
  if (r->skipped)
    return NULL;
  if (!model)
    return build(r, name);
  if (hidden > 0 && hidden != model->hidden)
    return build(r, name);
  if (layers > 0 && layers < model->layers)
    return has_mla(model) ? cut(r, model, layers) : build(r, name);
  return model;
}
