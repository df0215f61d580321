/* The operators of one layer, forward, on one rank: shapes, FLOP, bytes, collectives.
 *
 * This is where "what work does this model do" is answered; how long it takes is the business of cost.h and fabric.h.
 * Sharding follows Megatron-LM: attention and dense FFN over tp ranks (arXiv 1909.08053), sequences over cp ranks, experts
 * over ep ranks each cut in etp (MoE Parallel Folding, arXiv 2504.14960: ep * etp * edp = tp * cp * dp). */
#ifndef SLIPSTICK_OPERATORS_H
#define SLIPSTICK_OPERATORS_H

#include <slipstick/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a piece of time is spent on. The first group are operators, the second what a schedule adds. Breakdown arrays are indexed by it. */
typedef enum slip_part {
  SLIP_PART_PROJECTIONS, /* attention's matrices */
  SLIP_PART_ATTENTION,   /* attention itself; linear attention and SSM scans */
  SLIP_PART_DENSE_FFN,
  SLIP_PART_EXPERTS,
  SLIP_PART_SHARED_EXPERT,
  SLIP_PART_ROUTER,
  SLIP_PART_ELEMENTWISE, /* norms, residuals, rotary, activations, token permutation */
  SLIP_PART_HEAD,        /* embedding, output matrix, loss or sampling */
  SLIP_PART_TP,          /* collectives, exposed */
  SLIP_PART_CP,
  SLIP_PART_EP,
  SLIP_PART_PP,
  SLIP_PART_DP,
  SLIP_PART_RECOMPUTE,
  SLIP_PART_BUBBLE,
  SLIP_PART_OPTIMIZER,
  SLIP_PART_HOST,   /* launches and Python that the device waits for */
  SLIP_PART_JITTER, /* stragglers, clocks */
  SLIP_PARTS
} slip_part;

const char *slip_part_name(slip_part part); /* "all-to-all", "grouped GEMM", ... */

typedef enum slip_op_kind {
  SLIP_OP_GEMM,       /* m x k by k x n */
  SLIP_OP_GROUPED,    /* `groups` GEMMs that share m rows between them */
  SLIP_OP_ATTENTION,  /* softmax attention: flops and cache bytes are given */
  SLIP_OP_STREAM,     /* bytes only */
  SLIP_OP_COLLECTIVE, /* network */
} slip_op_kind;

typedef enum slip_collective {
  SLIP_ALL_REDUCE,
  SLIP_ALL_GATHER,
  SLIP_REDUCE_SCATTER,
  SLIP_ALL_TO_ALL,
  SLIP_SEND,
  SLIP_EXCHANGE, /* one expert dispatch or combine */
  SLIP_COLLECTIVES
} slip_collective;

const char *slip_collective_name(slip_collective collective);

typedef enum slip_axis {
  SLIP_AXIS_TP,
  SLIP_AXIS_CP,
  SLIP_AXIS_EP,
  SLIP_AXIS_ETP,
  SLIP_AXIS_PP,
  SLIP_AXIS_DP
} slip_axis;

typedef struct slip_op {
  slip_op_kind kind;
  slip_part part;
  const char *name; /* static text */
  slip_dtype dtype; /* in which it computes */
  double m, n, k;   /* GEMM, grouped GEMM: rows of all groups together, columns and depth of one */
  double groups;    /* grouped GEMM: groups that have rows */
  double flops;     /* forward */
  double weight_bytes, read_bytes, write_bytes; /* matrices; activations and cache read; activations written */
  bool
      hidden_start; /* serving: its start and ramps are hidden, fused into the kernel before it or on a second stream */
  bool few_rows;     /* serving: engines have kernels of smaller tiles for products of few rows */
  bool trainable;    /* has weights: its backward is two products, else attention's or a stream's */
  bool block_scaled; /* fp8 product: scales of blocks (MXFP8, 1 x 128), not of tensors */
  bool mirrored;     /* stream: its backward moves what its forward does, not twice that */
  bool decode;       /* attention: few queries a sequence, the decode kernel */
  bool mla;          /* attention on the latent cache */
  bool own_keys;     /* attention on the latent cache: each new token has keys of its own, chosen by an indexer */
  double keys;       /* attention: keys that a query sees, on average; 0 unknown */
  double rows; /* decode attention: queries that share one sequence's keys (heads of a group, drafts); 0 unknown */
  double scores; /* attention: query-key pairs times heads, which kernels before flash attention wrote to memory */
  slip_collective collective;
  slip_axis axis;
  double bytes;       /* collective: payload per rank as its kind defines it (fabric.h); exchange: of one token */
  double tokens;      /* exchange: tokens that this rank sends */
  double fan_out;     /* exchange: experts per token */
  double group_limit; /* exchange: at most so many expert groups per token; 0 no limit */
} slip_op;

/* How a layer is cut. All >= 1. */
typedef struct slip_shard {
  int64_t tp, cp, ep, etp;
  bool whole_sequence; /* training: no sequence parallelism over tp */
} slip_shard;

/* Sequences that a step handles alike: `sequences`, each with `new_tokens` to process after `past` cached ones. */
typedef struct slip_segment {
  double sequences, new_tokens, past;
} slip_segment;

enum { SLIP_MAX_SEGMENTS = 2, SLIP_MAX_OPS = 48 };

/* The work that one attention replica (tp * cp ranks) does together in one pass over a layer. */
typedef struct slip_work {
  slip_segment segments[SLIP_MAX_SEGMENTS];
  int n_segments;
  bool training;               /* no cache; causal from the first token */
  slip_dtype compute;          /* of GEMMs whose weights are stored in it or in more bits */
  slip_dtype kv;               /* of the cache */
  slip_weight_formats weights; /* as stored in this job */
  bool block_scaled;           /* fp8 products have scales of blocks */
  bool quantises;              /* serving: kernels of their own quantise the input of fp8 products (O10) */
  double dispatch_bytes;       /* per element sent to experts (combine is bf16): 1 for fp8 and int8, 2 for bf16 */
  double imbalance;            /* hottest expert rank over the mean, >= 1 */
  double routing_spread;       /* standard deviation over mean of how often experts are picked, >= 0; 0: evenly */
  bool fused_experts;          /* training: an expert FFN is one kernel with its biases and activation */
  double loss_bytes;           /* training: that the loss moves for each logit, forward and backward; 0: 36 */
  double routed_passes;        /* reads and writes of each routed row beside the products, >= 2; 0: 4 */
  double
      capacity; /* training: rows that each expert takes over the mean, dropped or padded to; 0: as many as come */
  double
      mask_tokens; /* training with a capacity: of a sequence, whose rows move by products with one-hot masks; 0: they are permuted */
  double
      busy; /* share of the replicas over one set of experts that have this work, the others none; 0: all of them */
} slip_work;

/* Tokens of the work: sum of sequences * new_tokens. */
double slip_work_tokens(const slip_work *work);

typedef struct slip_op_list {
  slip_op ops[SLIP_MAX_OPS];
  int count;
} slip_op_list;

/* Forward operators of one layer of the kind. Never fails: every kind in slip_model has its operators. O(1). */
void slip_layer_operators(const slip_model *model, const slip_layer_kind *kind, const slip_shard *shard,
                          const slip_work *work, slip_op_list *out);
/* Embedding look-up and, when `head`, the output matrix over `logit_tokens` tokens with its loss or sampling. Vocabulary over tp. */
void slip_edge_operators(const slip_model *model, bool head, double logit_tokens, const slip_shard *shard,
                         const slip_work *work, slip_op_list *out);

/* Experts that each of ep ranks holds: experts / ep rounded up; the slots left over hold second copies of busy experts. */
double slip_expert_slots(const slip_ffn *ffn, int64_t ep);
/* Serving with more ranks than experts (one to a rank): the shared expert is one of those that a token is sent to, held by ranks of its own
 * (DeepSeek-V3, arXiv 2412.19437, s. 3.4.2: EP320, nine experts a token; CloudMatrix384 as well). Its width must be a multiple of an expert's. */
bool slip_shared_is_routed(const slip_ffn *ffn, int64_t ep);

/* Query-key pairs of a segment: each new token sees all earlier ones and itself, at most `limit` (window or top-k; 0 none).
 * Closed form of sum over i = 1..new of min(past + i, limit). */
double slip_attention_pairs(const slip_segment *segment, double limit);

/* FLOP of the model for one token forward, the useful work only: 2 per active parameter of the matrices (no embedding
 * look-up, head included) and causal attention over sequences of `seq` tokens. Training counts three times that.
 * The convention of MFU here; docs/cost-model.md compares it with other sources' conventions. */
double slip_model_forward_flop_per_token(const slip_model *model, double seq, bool with_mtp);

/* Bytes that backward needs from one layer's forward, per token and rank, bf16 (Korthikanti et al. 2022,
 * arXiv 2205.05198, section 4, generalised to GQA, MLA and MoE). expert_load: rows at the experts over tokens x top_k. */
typedef struct slip_saved {
  double attention_in, qkv, scores, attention_out; /* norm and projection inputs; q k v; score matrices; output */
  double ffn_in, ffn_inner, activation;            /* inputs; gate and up outputs; their product */
  double expert_in, expert_inner, expert_activation;
} slip_saved;
void slip_layer_saved_bytes(const slip_model *model, const slip_layer_kind *kind, const slip_shard *shard,
                            double seq, bool flash_attention, double expert_load, slip_saved *out);

#ifdef __cplusplus
}
#endif
#endif
