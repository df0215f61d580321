/* The state of one import: the configuration, which of its fields were read, and the layers chosen so far.
 * Internal to src/model. */
#ifndef SLIP_MODEL_DRAFT_H
#define SLIP_MODEL_DRAFT_H

#include "model/import.h"

/* What mixes tokens in a layer, and what follows it. */
typedef enum slip_mixer {
  SLIP_MIXER_NONE,
  SLIP_MIXER_FULL,         /* the family's softmax attention over all earlier tokens */
  SLIP_MIXER_SLIDING,      /* the same within a window */
  SLIP_MIXER_CHUNKED,      /* the same within fixed chunks (Llama 4) */
  SLIP_MIXER_SHARED_INDEX, /* MLA that reuses the tokens chosen by an earlier layer's indexer */
  SLIP_MIXER_LINEAR,
  SLIP_MIXER_SSM
} slip_mixer;

typedef struct slip_choice {
  slip_mixer mixer;
  slip_ffn_kind ffn;
  int64_t kv_heads; /* set per layer (Nemotron-NAS); 0: the configuration's */
  int64_t width;    /* dense FFN set per layer (Nemotron-NAS); 0: the configuration's */
} slip_choice;

typedef struct slip_family slip_family;

enum { SLIP_MAX_USED_FIELDS = 512 };

typedef struct slip_draft {
  slip_arena *arena;
  slip_error *err;
  const slip_node *root, *text; /* text: text_config, or root when there is none */
  const slip_family *family;
  slip_model *model;
  const slip_node *used[SLIP_MAX_USED_FIELDS]; /* fields of the configuration that somebody asked for */
  int n_used;
  slip_choice layers[SLIP_MAX_LAYERS];
  slip_choice kind_choices[SLIP_MAX_LAYER_KINDS]; /* beside kinds */
  slip_layer_kind kinds[SLIP_MAX_LAYER_KINDS];
  int n_kinds;
} slip_draft;

/* What differs between families beyond what their configurations say. */
enum {
  SLIP_F_MLA = 1 << 0,          /* full attention is multi-head latent attention */
  SLIP_F_QKV_BIAS = 1 << 1,     /* implied bias on q, k, v */
  SLIP_F_BIAS_KEY_QKV = 1 << 2, /* `attention_bias` covers q, k, v */
  SLIP_F_BIAS_KEY_O = 1 << 3,   /* ... and the output projection too */
  SLIP_F_QK_NORM = 1 << 4,      /* implied norm of queries and keys, one weight per head dimension */
  SLIP_F_QK_NORM_KEY = 1 << 5,  /* the same when `use_qk_norm`; over all heads when `qk_norm_type` is per_layer */
  SLIP_F_SINKS = 1 << 6,        /* one learned attention sink per head */
  SLIP_F_OUTPUT_GATE = 1 << 7,  /* gate on the attention output unless `attn_output_gate` is false */
  SLIP_F_MOE = 1 << 8,          /* has routed experts */
  SLIP_F_EXPERT_BIAS = 1 << 9,  /* biases in experts */
  SLIP_F_ROUTER_BIAS = 1 << 10, /* one bias (or correction) per expert */
  SLIP_F_ROUTER_BIAS_KEY = 1 << 11,   /* the same when use_routing_bias / use_moe_router_bias */
  SLIP_F_ROUTER_BIAS_NOAUX = 1 << 12, /* the same when topk_method is noaux_tc */
  SLIP_F_SHARED_GATE = 1 << 13,       /* the shared expert has a gate of one row */
  SLIP_F_SHARED_ONE = 1 << 14,        /* one shared expert of the experts' size is implied (Llama 4) */
  SLIP_F_SHARED_DENSE = 1 << 15,      /* a dense FFN of intermediate_size runs beside the experts (Gemma 4) */
  SLIP_F_TIED = 1 << 16,              /* tied embeddings unless said otherwise */
  SLIP_F_GPT2 = 1 << 17,          /* biases everywhere, LayerNorm, learned positions, two-matrix FFN of 4 hidden */
  SLIP_F_UNGATED = 1 << 18,       /* two-matrix FFN (relu2) */
  SLIP_F_SWA_KEYS = 1 << 19,      /* sliding layers read swa_* first (MiMo-V2) */
  SLIP_F_GLOBAL_KEYS = 1 << 20,   /* full layers read global_* (Gemma 4) */
  SLIP_F_DENSE_MLP_KEY = 1 << 21, /* dense width is intermediate_size_mlp (Llama 4) */
  SLIP_F_SINK_KEYS = 1 << 22,     /* add_swa_attention_sink_bias, add_full_attention_sink_bias (MiMo-V2) */
  SLIP_F_MTP_DENSE = 1 << 23,     /* MTP modules have a sliding mixer and a dense FFN (Step) */
  SLIP_F_EXPERTS_EVERYWHERE = 1 << 24 /* every layer is MoE, whatever intermediate_size says */
};

struct slip_family {
  const char *model_type;
  const char *architecture; /* for configurations without model_type; NULL none */
  slip_status (*lay_mixers)(slip_draft *d);
  unsigned flags;
  int mixer_norms, ffn_norms, moe_norms; /* hidden-wide norms beside a present mixer, dense FFN, MoE */
};

/* ---- fields (fields.c) ---- */

/* Limits of every dimension: large enough for ten more years, small enough that no product overflows. */
enum {
  SLIP_LIMIT_HIDDEN = 1 << 20,
  SLIP_LIMIT_HEADS = 1 << 14,
  SLIP_LIMIT_HEAD_DIM = 1 << 14,
  SLIP_LIMIT_RANK = 1 << 18,
  SLIP_LIMIT_WIDTH = 1 << 22,
  SLIP_LIMIT_EXPERTS = 1 << 16,
  SLIP_LIMIT_VOCAB = 1 << 24,
  SLIP_LIMIT_MTP = 64
};
#define SLIP_LIMIT_TOKENS ((int64_t)1 << 40)

/* `names` are keys in order of trial, separated by '|'. Looked up in text_config, then at the top. All that are
 * there count as read. NULL when none is there or the first that is, is null. */
const slip_node *slip_draft_find(slip_draft *d, const char *names);
slip_status slip_draft_int(slip_draft *d, const char *names, int64_t low, int64_t high, int64_t *out);
slip_status slip_draft_int_or(slip_draft *d, const char *names, int64_t low, int64_t high, int64_t fallback,
                              int64_t *out);
slip_status slip_draft_bool_or(slip_draft *d, const char *names, bool fallback, bool *out);
slip_status slip_draft_text_or(slip_draft *d, const char *names, const char *fallback, const char **out);
/* A list with one element per layer; *out NULL when absent. */
slip_status slip_draft_layer_list(slip_draft *d, const char *names, const slip_node **out);
/* Passes a status on; an error at an element of a list (which has no key of its own) gets the list's key as its
 * field. */
slip_status slip_draft_in_list(slip_draft *d, const slip_node *list, slip_status status);
/* An error that belongs to an absent or derived field. */
slip_status slip_draft_fail(slip_draft *d, slip_status code, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Refuses features by the fields that announce them; to be called before anything is read. */
slip_status slip_draft_refuse_features(slip_draft *d);
/* Refuses what nobody read though its name says that it shapes layers; to be called last. */
slip_status slip_draft_refuse_unread(slip_draft *d);

/* ---- parts ---- */

/* NULL when unknown; by model_type, or by architecture when model_type is NULL. (families.c) */
const slip_family *slip_family_find(const char *model_type, const char *architecture);

/* Which mixer each layer has. (layers.c) */
slip_status slip_mixers_plain(slip_draft *d);
slip_status slip_mixers_windowed(slip_draft *d);
slip_status slip_mixers_llama4(slip_draft *d);
slip_status slip_mixers_mimo_v2(slip_draft *d);
slip_status slip_mixers_linear(slip_draft *d);
slip_status slip_mixers_indexed(slip_draft *d);
slip_status slip_mixers_nemotron_h(slip_draft *d);
slip_status slip_mixers_nemotron_nas(slip_draft *d);
/* Which FFN each layer has, for families whose mixer rule does not say. (layers.c) */
slip_status slip_lay_ffns(slip_draft *d);

slip_status slip_attention_build(slip_draft *d, const slip_choice *choice, slip_layer_kind *kind); /* attention.c */
slip_status slip_ffn_build(slip_draft *d, const slip_choice *choice, slip_layer_kind *kind);       /* ffn.c */
slip_status slip_formats_build(slip_draft *d);                                                     /* formats.c */

#endif
