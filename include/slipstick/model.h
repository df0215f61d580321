/* A language model as the cost model sees it: which layers it is made of, and their exact dimensions.
 *
 * Read from a Hugging Face config.json (slip_model_read), or taken from the catalog, whose model files carry the
 * same fields. A feature that is not modelled is refused with SLIP_UNSUPPORTED and its name; nothing is guessed. */
#ifndef SLIPSTICK_MODEL_H
#define SLIPSTICK_MODEL_H

#include <slipstick/catalog.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum slip_attention_kind {
  SLIP_ATTENTION_NONE,   /* the layer has no token mixer (Nemotron-NAS, MLP-only layers of hybrids) */
  SLIP_ATTENTION_GQA,    /* softmax attention with heads >= kv_heads; MHA is kv_heads == heads, MQA 1 */
  SLIP_ATTENTION_MLA,    /* multi-head latent attention, DeepSeek-V2 (arXiv 2405.04434) section 2.1 */
  SLIP_ATTENTION_LINEAR, /* gated delta net and kin: fixed-size state per value head */
  SLIP_ATTENTION_SSM,    /* Mamba-2 */
} slip_attention_kind;

typedef struct slip_attention {
  slip_attention_kind kind;
  int64_t heads, kv_heads; /* query heads; key/value heads (GQA) */
  int64_t qk_dim, v_dim;   /* per head: GQA head_dim twice; MLA nope + rope, and v_head_dim */
  int64_t window;          /* sliding window in tokens; 0: all earlier tokens */
  bool chunked;            /* the window is a fixed chunk: a token sees its own chunk only (Llama 4) */
  /* MLA: low ranks. q_rank 0: plain query projection. The cache holds kv_rank + rope_dim elements a token. */
  int64_t q_rank, kv_rank, nope_dim, rope_dim;
  /* Sparse attention with an indexer (DeepSeek-V3.2 technical report): 0 without. A layer whose indexer is shared
   * reuses the choice of an earlier layer: it has index_topk but no indexer of its own. */
  int64_t index_heads, index_dim, index_topk;
  bool index_shared;
  /* linear attention and SSM. State elements per sequence: linear_value_heads * linear_key_dim * linear_value_dim;
   * ssm_heads * ssm_head_dim * ssm_state. conv_width is the short convolution's (0 none); its channels are
   * 2 * linear_key_heads * linear_key_dim + linear_value_heads * linear_value_dim, or
   * ssm_heads * ssm_head_dim + 2 * ssm_groups * ssm_state. Mamba-2 projects the hidden state to
   * 2 * ssm_heads * ssm_head_dim + 2 * ssm_groups * ssm_state + ssm_heads. */
  int64_t linear_key_heads, linear_value_heads, linear_key_dim, linear_value_dim;
  int64_t ssm_heads, ssm_head_dim, ssm_state, ssm_groups;
  int64_t conv_width;
  bool output_gate; /* a gate on the output, projected from the hidden state: heads * v_dim wide (GQA), or
                     * linear_value_heads * linear_value_dim (linear, which always has it) */
  bool shared_kv;   /* one projection gives keys and values (Gemma 4). Keys are then normed and rotated, values only
                     * normed, so the cache holds both */
  bool norm_over_heads; /* GQA: queries and keys are normed over all heads, so that ranks which hold some of them
                         * exchange sums of squares */
} slip_attention;

typedef enum slip_ffn_kind { SLIP_FFN_NONE, SLIP_FFN_DENSE, SLIP_FFN_MOE } slip_ffn_kind;

typedef struct slip_ffn {
  slip_ffn_kind kind;
  bool gated;    /* SwiGLU and kin: three matrices; else two. Holds for dense, routed and shared alike */
  int64_t width; /* inner width of the dense FFN (kind DENSE) */
  int64_t experts, top_k, expert_width; /* routed experts (kind MOE) */
  int64_t shared_width;                 /* inner width of all shared experts together; 0 none */
  int64_t expert_hidden; /* width of what routed experts read and write: hidden, unless a latent projection narrows
                           * it (a matrix hidden x expert_hidden before, one after; shared experts see hidden) */
  bool expert_bias;      /* routed experts add biases */
  int64_t groups, top_groups; /* group-limited routing: experts come from top_groups of groups; 0 no limit */
} slip_ffn;

/* Parameters of one layer (or of the model) by what they are, counted exactly, biases and norms included. */
typedef struct slip_params {
  double attention; /* token mixer: projections, indexer, convolution, its own norms */
  double dense_ffn;
  double shared_experts; /* with latent projections around the experts, and shared-expert gates */
  double routed_experts;
  double router;
  double norms; /* layer norms of the hidden state */
} slip_params;

/* Layers that are alike. A hybrid's layer may be a token mixer alone or an FFN alone: the other half is NONE. */
typedef struct slip_layer_kind {
  slip_attention attention;
  slip_ffn ffn;
  slip_params params; /* of one such layer */
  int64_t count;      /* of the model's layers, MTP modules not counted; 0 for a kind that only they have */
} slip_layer_kind;

enum { SLIP_MAX_LAYERS = 1024, SLIP_MAX_LAYER_KINDS = 64 };

/* Number formats that a checkpoint's quantisation fixes, by class of weight. attention is every token mixer;
 * embedding is the input table and the output matrix. Routers and norms stay in bf16 in every published format. */
typedef struct slip_weight_formats {
  slip_dtype attention, dense_ffn, shared_experts, routed_experts, embedding;
} slip_weight_formats;

typedef struct slip_model {
  slip_entry entry;
  const char *family; /* the configuration's model_type */
  int64_t hidden, vocab, layers;
  int64_t max_context; /* tokens; 0 unknown */
  const slip_layer_kind *kinds;
  int n_kinds;
  const uint8_t *kind_of_layer; /* layers entries, in order, indices into kinds */
  bool tied_embeddings;
  int64_t learned_positions;   /* rows of a learned position table; 0 with rotary embeddings */
  double embedding_params;     /* input embedding (with the position table) */
  double head_params;          /* output matrix; 0 when tied */
  double other_params;         /* final norm and what belongs to no layer */
  int64_t mtp_modules;         /* multi-token prediction: each a layer, a projection 2 hidden x hidden, 3 norms */
  int mtp_kind;                /* index into kinds of an MTP module's layer; -1 without */
  double mtp_params;           /* of all MTP modules, embeddings and head shared with the model */
  slip_weight_formats weights; /* as released */
  slip_dtype kv_dtype;         /* as released; bf16 unless the configuration says otherwise */
  double train_tokens;         /* published training budget; NAN unknown */
} slip_model;

/* Reads a Hugging Face config.json (or a folder that holds one, with its hf_quant_config.json when there). Nested
 * text_config is followed. Owns the model; free with slip_model_free.
 * Errors: SLIP_BAD_INPUT (file, line, field), SLIP_UNSUPPORTED (which feature is not modelled), SLIP_IO_FAILURE. */
typedef struct slip_model_file slip_model_file;
slip_status slip_model_read(const char *path, slip_model_file **out, slip_error *err);
/* The same from memory; `name` stands for the path in errors. */
slip_status slip_model_parse(const char *name, const char *json, size_t n, slip_model_file **out, slip_error *err);
const slip_model *slip_model_of(const slip_model_file *file);
void slip_model_free(slip_model_file *file); /* NULL is allowed */

/* All parameters without MTP modules. */
double slip_model_params(const slip_model *model);
/* Parameters that one token uses: all but the routed experts that it does not visit. Input embedding and output
 * matrix are both counted whole (publishers differ: gpt-oss-120b is 5.71e9 so, 5.13e9 as published without one of
 * them). */
double slip_model_active_params(const slip_model *model);
/* Elements of KV cache per token that grow with the context, summed over layers without a window (windowed layers
 * count fully: the convention of derived_params; see slip_model_kv_bytes for the real cache). MLA: kv_rank +
 * rope_dim a layer. */
double slip_model_kv_elements(const slip_model *model);
/* Bytes of cache of one sequence of `context` tokens in `dtype`: windows cut; with indexer keys (fp8 and a 4-byte
 * scale per 128 elements, as DeepSeek-V3.2's released code keeps them), and the states of linear attention and SSM
 * layers (fp32, their convolution's last inputs in bf16), which do not grow. MTP modules not counted. context >= 0.
 * O(kinds). */
double slip_model_kv_bytes(const slip_model *model, double context, slip_dtype dtype);
/* Parameters of one layer kind, summed. */
double slip_params_total(const slip_params *params);
/* Some of its layers are mixtures of experts. O(kinds). */
bool slip_model_has_experts(const slip_model *model);
/* Share of routed experts' parameters that one token visits: top_k / experts; 1 without experts. */
double slip_ffn_active_share(const slip_ffn *ffn);

#ifdef __cplusplus
}
#endif
#endif
