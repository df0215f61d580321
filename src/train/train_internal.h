/* What the files of the training floor share. */
#ifndef SLIP_TRAIN_INTERNAL_H
#define SLIP_TRAIN_INTERNAL_H

#include <slipstick/train.h>

struct slip_train {
  slip_train_job job;
  slip_device device;
  slip_network network;
  slip_dtype dtype; /* in which the layers' GEMMs compute */
  int64_t ranks;
  bool mtp;              /* the job trains MTP modules and the model has them */
  double flop_per_token; /* useful, forward and backward */
  int64_t head_layers;   /* what the head and the MTP modules weigh, in layers, rounded */
};

/* Tokens that attend to each other: of a document, or of the whole sequence. */
int64_t slip_train_attended(const slip_train_job *job);

/* ---- legality ---- */

typedef enum slip_rule_level {                     /* what of a plan a rule looks at */
                               SLIP_RULE_CUT,      /* tp, cp, ep, etp, micro_batch, no_sequence_parallel */
                               SLIP_RULE_PIPELINE, /* these, pp and dp */
                               SLIP_RULE_PLAN      /* all of it */
} slip_rule_level;
/* All rules of one level. Those of the levels below must hold. */
bool slip_train_keeps(const slip_train *train, const slip_plan *plan, slip_rule_level level);

/* ---- how layers are spread over the pipeline ---- */

/* Layers of each kind on one stage, over its vpp chunks together. */
typedef struct slip_stage {
  uint16_t layers[SLIP_MAX_LAYER_KINDS];
  uint16_t spared[SLIP_MAX_LAYER_KINDS]; /* of these, beyond the plan's recompute_layers of their chunk */
  int64_t total;
  bool first, last; /* holds the embedding; holds the head */
} slip_stage;

/* Stages that are alike, with the first of them: the one with most micro-batches in flight. */
typedef struct slip_stage_group {
  slip_stage stage;
  int64_t index, count;
} slip_stage_group;

/* How a model lies on a pipeline of pp stages with vpp chunks each. Under DualPipe (mirrored) rank r holds stages r and
 * pp - 1 - r, and half of the micro-batches go through each (arXiv 2412.19437, figure 5). Contiguous chunks of nearly equal work; chunk c lies
 * on stage c % pp. The last chunk gives up as many layers of what the head and the MTP modules cost, rounded, as makes the
 * largest chunk smallest; it may hold the head alone. Depends on nothing else of a plan. */
typedef struct slip_layout {
  int64_t pp, vpp, block;   /* block: the plan's recompute_layers */
  double share;             /* of the micro-batches that go through each layer of a rank: 1, or 1/2 mirrored */
  slip_stage_group *groups; /* owned */
  int64_t n_groups;
} slip_layout;

slip_status slip_layout_make(const slip_train *train, int64_t pp, int64_t vpp, bool mirrored, int64_t block,
                             slip_layout *out, slip_error *err);
void slip_layout_free(slip_layout *layout);
/* One stage of it, without its mirror image. O(chunks). */
void slip_layout_stage(const slip_train *train, int64_t pp, int64_t vpp, bool mirrored, int64_t block,
                       int64_t stage, slip_stage *out);
/* Layers of the largest chunk: a block of as many or more is all of them. O(chunks). */
int64_t slip_layout_largest_chunk(const slip_train *train, int64_t pp, int64_t vpp, bool mirrored);

/* What a stage consists of: each layer cost and how often it occurs, embedding, head and MTP modules included. */
enum { SLIP_MAX_STAGE_COSTS = 2 * SLIP_MAX_LAYER_KINDS + 3 };
typedef struct slip_stage_cost {
  const slip_layer_cost *cost;
  double times;
} slip_stage_cost;
/* Fills out[0..SLIP_MAX_STAGE_COSTS); returns how many. */
int slip_train_stage_costs(const slip_layer_costs *layers, const slip_stage *stage, slip_stage_cost *out);

/* The shard of a layer under the plan. */
slip_shard slip_plan_shard(const slip_plan *plan);
/* The work of one micro-batch. */
slip_work slip_plan_work(const slip_train *train, const slip_plan *plan);
/* The communicator of an axis; experts' data parallelism has its own (below). */
slip_group slip_plan_group(const slip_plan *plan, slip_axis axis);
slip_group slip_plan_expert_dp_group(const slip_plan *plan);

/* The exposed time of one operator forward or backward, added to the pass. Returns the operator's own device time. */
void slip_train_operator(const slip_train *train, const slip_plan *plan, const slip_op *op, bool backward,
                         slip_pass *pass);
/* What the host and hidden communication leave: closes a layer's pass. `moe`: the layer has experts. */
void slip_train_close_pass(const slip_train *train, const slip_plan *plan, const slip_ffn *ffn, slip_pass *pass);

/* slip_train_layers for every kind of recompute in the bit mask `modes`, operators costed once; out[mode] as that call would fill it
 * (spared as well, when none is among the modes). */
void slip_train_layers_each(const slip_train *train, const slip_plan *plan, unsigned modes,
                            slip_layer_costs out[SLIP_RECOMPUTES]);

/* ---- the schedule: what a search computes once and uses for many plans ---- */

/* One micro-batch through a stage, all its chunks; and what the stage holds. */
typedef struct slip_stage_sum {
  double forward_s, backward_s, weight_gradient_s;
  double working_s;        /* of forward and backward: bound by compute or memory */
  double dense, expert;    /* parameters per rank */
  double saved, transient; /* bytes: of activations; of what is needed only while a layer runs backward */
} slip_stage_sum;
slip_stage_sum slip_train_stage_sum(const slip_layer_costs *layers, const slip_stage *stage);

/* The groups of a layout summed: the stage that all others wait for, and what they wait. */
typedef struct slip_pipeline {
  int64_t slowest;          /* index of its group */
  double most_s, all_s;     /* forward and backward of one micro-batch: of that stage; of all stages together */
  double weight_gradient_s; /* of all stages together */
} slip_pipeline;
slip_pipeline slip_train_pipeline(const slip_layout *layout, const slip_stage_sum *sums);
/* Time that the slowest stage waits while the pipeline fills and drains. */
double slip_train_fill_s(const slip_plan *plan, const slip_pipeline *pipeline);

/* Gradients and parameters of one stage, once over the data-parallel ranks. */
typedef struct slip_dp_traffic {
  double reduce_dense_s, reduce_expert_s; /* all-reduce */
  double halves_dense_s, halves_expert_s; /* reduce-scatter and all-gather */
} slip_dp_traffic;
/* Only of what the sharding needs: `whole` all-reduce, `halves` the other. */
slip_dp_traffic slip_train_dp_traffic(const slip_train *train, const slip_plan *plan, double dense, double expert,
                                      bool whole, bool halves);
/* One hand-over between stages of a micro-batch's activations; 0 without a pipeline. */
double slip_train_send_s(const slip_train *train, const slip_plan *plan);

/* A step's time and what it consists of. */
typedef struct slip_step_time {
  double work_s, bubble_s, pp_s, dp_s, optimizer_s, host_s, jitter_s, total_s;
  double working_s; /* of total_s: bound by compute or memory */
} slip_step_time;
slip_step_time slip_train_step_time(const slip_train *train, const slip_plan *plan, const slip_layout *layout,
                                    const slip_pipeline *pipeline, const slip_stage_sum *slowest,
                                    const slip_dp_traffic *traffic, double send_s, double fill_s,
                                    int64_t micro_batches);

/* What a group's first stage holds, whatever is sharded: the parts that do not depend on the sharding. */
typedef struct slip_stage_load {
  double whole, shared_out; /* parameters: of the stage; divided over the data-parallel ranks */
  double gathered;          /* bytes: two layers' weights, when they are gathered */
  double activations, transient;
} slip_stage_load;
slip_stage_load slip_train_stage_load(const slip_plan *plan, const slip_layout *layout,
                                      const slip_stage_group *group, const slip_stage_sum *sum,
                                      int64_t micro_batches);
/* Bytes per rank: components and total; stage and capacity are the caller's. */
slip_train_memory slip_train_load_memory(const slip_stage_load *load, slip_sharding sharding);
double slip_train_capacity(const slip_train *train);

/* Memory of a group's first stage. */
void slip_train_stage_memory(const slip_train *train, const slip_plan *plan, const slip_layer_costs *layers,
                             const slip_layout *layout, const slip_stage_group *group, int64_t micro_batches,
                             slip_train_memory *out);

/* Average power of the whole cluster, W before PUE, in a step that works for working_s of total_s. */
double slip_train_power_w(const slip_train *train, double working_s, double total_s);

/* Sum of a stage's forward and backward times for one micro-batch (all its chunks). */
typedef struct slip_stage_time {
  double forward_s, backward_s, weight_gradient_s;
} slip_stage_time;
slip_stage_time slip_train_stage_time(const slip_layer_costs *layers, const slip_stage *stage);

/* The group of the slowest stage; *fill_s is the time that it waits while the pipeline fills and drains. */
slip_status slip_train_slowest(const slip_plan *plan, const slip_layer_costs *layers, const slip_layout *layout,
                               const slip_stage_group **out, double *fill_s, slip_error *err);

/* slip_train_schedule on a layout made before. */
slip_status slip_train_schedule_on(const slip_train *train, const slip_plan *plan, const slip_layer_costs *layers,
                                   const slip_layout *layout, slip_train_result *out, slip_error *err);

#endif
