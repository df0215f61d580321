/* One training job and one parallel plan -> step time, memory, energy, and the parts they add up to.
 *
 * Two stages (DESIGN.md, "Speed is a feature"): slip_train_layers gives the cost of each kind of layer, which depends only on the
 * cut of a layer; slip_train_schedule combines it with the pipeline, data parallelism and the number of micro-batches.
 * slip_train_estimate does both. All are pure functions of an opened job: re-entrant, shared between threads. */
#ifndef SLIPSTICK_TRAIN_H
#define SLIPSTICK_TRAIN_H

#include <slipstick/cost.h>
#include <slipstick/fabric.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the plan ---- */

typedef enum slip_schedule {
  SLIP_1F1B,        /* one forward, one backward; interleaved when vpp > 1 (arXiv 2104.04473) */
  SLIP_ZERO_BUBBLE, /* weight gradients fill the drain: ZB-H1 (arXiv 2401.10241) */
  SLIP_DUALPIPE,    /* bidirectional, all-to-all behind compute (DeepSeek-V3, arXiv 2412.19437, section 3.2.1) */
  SLIP_SCHEDULES
} slip_schedule;

typedef enum slip_sharding { /* what data-parallel ranks share out (ZeRO, arXiv 1910.02054) */
                             SLIP_SHARD_NONE,
                             SLIP_SHARD_OPTIMIZER, /* ZeRO-1, Megatron's distributed optimizer */
                             SLIP_SHARD_GRADIENTS, /* ZeRO-2 */
                             SLIP_SHARD_WEIGHTS,   /* ZeRO-3, FSDP */
                             SLIP_SHARDINGS
} slip_sharding;

typedef enum slip_recompute {
  SLIP_RECOMPUTE_NONE,
  SLIP_RECOMPUTE_SELECTIVE, /* norms, activation functions, MLA's expansions; the score matrices without flash attention */
  SLIP_RECOMPUTE_FULL, /* every layer's forward again; only its input is kept */
  SLIP_RECOMPUTES
} slip_recompute;

const char *slip_schedule_name(slip_schedule schedule);
const char *slip_sharding_name(slip_sharding sharding);
const char *slip_recompute_name(slip_recompute recompute);

typedef struct slip_plan {
  int64_t tp, pp, vpp, dp, cp, ep, etp; /* >= 1; dp 0: what is left of the ranks */
  int64_t micro_batch;                  /* sequences */
  slip_schedule schedule;
  slip_sharding sharding;
  slip_recompute recompute;
  int64_t recompute_layers;  /* with selective or full: the first so many layers of each chunk; 0: all of them
                              * (Megatron-LM: --recompute-method block --recompute-num-layers) */
  bool no_sequence_parallel; /* activations between tensor-parallel blocks are kept whole on every rank, and reduced
                              * instead of scattered and gathered (arXiv 2205.05198, section 4.2.2) */
  unsigned exposed;          /* SLIP_OVERLAP_...: traffic that the stack would hide behind compute, but is not to */
} slip_plan;

enum { /* kinds of traffic that a stack may hide; bits of slip_plan.exposed */
       SLIP_OVERLAP_TP = 1,
       SLIP_OVERLAP_CP = 2,
       SLIP_OVERLAP_EP = 4,
       SLIP_OVERLAP_PP = 8,
       SLIP_OVERLAP_DP = 16,
       SLIP_OVERLAPS = 31
};

/* All ones, 1F1B, distributed optimizer, no recompute, sequence parallelism, all of the stack's overlap, dp 0. */
slip_plan slip_plan_default(void);
/* "tp=8,pp=16,vpp=2,ep=8,mbs=1,recompute=full,sharding=1,schedule=1f1b": keys in any order, others keep their default; keys:
 * tp pp vpp dp cp ep etp mbs schedule sharding recompute recompute_layers sp (yes, no) overlap (all, none, or those that are
 * hidden: "dp+pp"). SLIP_BAD_INPUT naming the key and its legal values. Spaces are allowed around
 * items. O(n). */
slip_status slip_plan_parse(const char *text, slip_plan *out, slip_error *err);
/* The shortest text that parses to the same plan: parts at their default are left out, but tp, pp, dp and mbs stay. Always
 * terminated; returns the whole length. */
int slip_plan_format(const slip_plan *plan, char *out, int size);

/* ---- the job ---- */

typedef struct slip_train_job {
  const slip_model *model;
  const slip_system *system;
  const slip_stack *stack;
  int64_t chips; /* in the cluster, >= 1 */
  int64_t seq;   /* tokens per sequence */
  /* Tokens of each document that is packed into a sequence, which attention does not leave; 0, or as many as seq: one fills it. */
  int64_t document;
  int64_t batch; /* sequences per optimizer step */
  /* Mixtures of experts: each expert takes this many times its even share of a sequence's tokens, no more (the rest is dropped) and no fewer
   * (padded), 0 to 1000; 0: as many as come. */
  double capacity;
  bool
      masked; /* with a capacity: tokens go to their places and back by products with one-hot masks (GShard, arXiv 2006.16668, algorithm 1) */
  slip_dtype
      dtype; /* of the layers' GEMMs: bf16, fp8 or fp4; what the chip lacks falls to bf16 and the result says so */
  bool block_scaled;  /* fp8 with scales of blocks (MXFP8, 1 x 128) instead of one a tensor */
  bool mtp;           /* train the model's multi-token prediction modules, if it has any */
  bool ignore_memory; /* time a plan that does not fit as well: for measured plans, which did fit */
} slip_train_job;

/* seq 4096, batch 1024, bf16, mtp true; pointers NULL, chips, document and capacity 0. */
slip_train_job slip_train_job_default(void);

/* Half-width of the 80% interval of ln(step time) that a stack states for training this model. */
double slip_train_spread(const slip_stack *stack, const slip_model *model);

typedef struct slip_train slip_train;
/* Checks the job and prepares chip and network. The catalog and the model must outlive it.
 * SLIP_BAD_INPUT (a field out of range), SLIP_MISSING (a catalog value), SLIP_NO_MEMORY. */
slip_status slip_train_open(const slip_train_job *job, slip_train **out, slip_error *err);
void slip_train_free(slip_train *train);
const slip_train_job *slip_train_job_of(const slip_train *train);
/* Ranks of the job: chips times the ranks of a package. */
int64_t slip_train_ranks(const slip_train *train);

/* Fills plan->dp when 0 and checks every rule of legality. SLIP_INFEASIBLE with the rule that is broken and the numbers. */
slip_status slip_train_check(const slip_train *train, slip_plan *plan, slip_error *err);

/* One rule of legality, and whether a plan keeps it. */
typedef struct slip_plan_verdict {
  const char *rule;   /* short name: "heads", "interleaving"; static */
  const char *reason; /* why there is such a rule, with its source; static */
  bool kept;
  char numbers
      [192]; /* what breaks it: "tp=5 does not divide the 128 attention heads of deepseek-v3"; "" when kept */
} slip_plan_verdict;
enum { SLIP_MAX_RULES = 32 };
/* Every rule in the order in which slip_train_check asks, up to the first that makes the rest meaningless (a degree below
 * one, more ranks than there are). Fills plan->dp when 0 and it can. Returns how many were written. */
int slip_train_verdicts(const slip_train *train, slip_plan *plan, slip_plan_verdict out[SLIP_MAX_RULES]);

/* ---- results ---- */

/* Bytes per rank on the fullest stage. */
typedef struct slip_train_memory {
  double weights, gradients, optimizer, activations, buffers, total;
  double capacity; /* what the stack lets a job fill */
  int64_t stage;   /* 0-based */
} slip_train_memory;

typedef struct slip_train_result {
  slip_plan plan;
  slip_dtype dtype;                       /* the layers' GEMMs really compute in it */
  int64_t micro_batches;                  /* per pipeline */
  double step_s, step_low_s, step_high_s; /* with its 80% interval */
  double tokens_per_s, tokens_per_s_per_chip;
  double mfu;                 /* useful FLOP / (chips * dense peak of `dtype` * step); recompute not counted */
  double parts[SLIP_PARTS];   /* seconds; add up to step_s */
  double bounds[SLIP_BOUNDS]; /* seconds by what bound them; add up to step_s */
  slip_train_memory memory;
  double system_power_w; /* average of the whole cluster before PUE; NAN when the system's power is not published */
} slip_train_result;

/* SLIP_INFEASIBLE when the plan is illegal or does not fit; then *out still holds the memory account (of a plan that
 * does not fit) and the message names the component that broke it. O(stages * kinds). */
slip_status slip_train_estimate(const slip_train *train, const slip_plan *plan, slip_train_result *out,
                                slip_error *err);

/* ---- the two stages, for those who evaluate many plans ---- */

/* Cost of one micro-batch through one layer of each kind, through the embedding and the head. */
typedef struct slip_pass {
  double parts[SLIP_PARTS];
  double bounds[SLIP_BOUNDS];
  double seconds; /* the sum of either */
} slip_pass;

typedef struct slip_layer_cost {
  slip_pass forward, backward;        /* backward with its recompute */
  double weight_gradient_s;           /* the part of backward that no other stage waits for */
  double saved_bytes;                 /* kept from forward to backward, per rank and micro-batch */
  double transient_bytes;             /* needed only while the layer runs backward (full recompute) */
  double dense_params, expert_params; /* per rank */
} slip_layer_cost;

typedef struct slip_layer_costs {
  int n_kinds;
  slip_layer_cost kinds[SLIP_MAX_LAYER_KINDS];
  slip_layer_cost spared[SLIP_MAX_LAYER_KINDS]; /* without recompute; only with the plan's recompute_layers > 0 */
  slip_layer_cost embedding, head, mtp;         /* mtp: all modules with their heads */
  bool tied;                                    /* a stage that has both holds one matrix for embedding and head */
} slip_layer_costs;

/* Depends only on the plan's tp, cp, ep, etp, micro_batch, recompute, no_sequence_parallel, exposed, on whether recompute_layers
 * is 0 and on whether its schedule is DualPipe. The plan
 * must be legal. O(kinds). */
void slip_train_layers(const slip_train *train, const slip_plan *plan, slip_layer_costs *out);
/* The rest. As slip_train_estimate, without the check of legality. */
slip_status slip_train_schedule(const slip_train *train, const slip_plan *plan, const slip_layer_costs *layers,
                                slip_train_result *out, slip_error *err);

/* ---- why ---- */

/* A line of the explanation: node i's parent is `parent` (< i; -1 the root). Children add up to their parent. */
typedef struct slip_why {
  int parent;
  char name[64];
  double seconds;
  slip_bound bound;
  char note[96]; /* shape, collective, count: "m 4096 n 24576 k 1536, fp8" */
} slip_why;

/* The tree behind an estimate: step -> part -> operator of each layer kind on the slowest stage. Returns an array of *count lines that
 * the caller frees with slip_why_free; built on demand, never in the hot path. */
slip_status slip_train_explain(const slip_train *train, const slip_plan *plan, slip_why **out, size_t *count,
                               slip_error *err);
void slip_why_free(slip_why *why);

/* ---- the step as a timeline ---- */

enum {
  SLIP_SLICE_FORWARD,
  SLIP_SLICE_BACKWARD, /* whole, or of the inputs only where the schedule splits it */
  SLIP_SLICE_WEIGHT_GRADIENT,
  SLIP_SLICE_COMMUNICATION, /* exposed gradient and parameter traffic */
  SLIP_SLICE_OPTIMIZER
};

/* One slice of the schedule: what a pipeline stage does from start_s to end_s. */
typedef struct slip_slice {
  int64_t stage, chunk, micro_batch; /* chunk: virtual stage on this stage; DualPipe: direction. 0-based */
  int what;                          /* SLIP_SLICE_... */
  double start_s, end_s;
} slip_slice;
/* Simulates the plan's order of work, stage by stage, and calls `visit` for every slice in order of start; stops when it
 * returns false. The last end equals the estimate's step_s up to the closed form's idealisation of the bubble (docs/cost-model.md).
 * O(stages * chunks * micro-batches). */
slip_status slip_train_timeline(const slip_train *train, const slip_plan *plan,
                                bool (*visit)(const slip_slice *slice, void *context), void *context,
                                slip_error *err);

#ifdef __cplusplus
}
#endif
#endif
