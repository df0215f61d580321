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

/* ---- how layers are spread over the pipeline ---- */

/* Layers of each kind on one stage, over its vpp chunks together. */
typedef struct slip_stage {
  uint16_t layers[SLIP_MAX_LAYER_KINDS];
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
  int64_t pp, vpp;
  double share;             /* of the micro-batches that go through each layer of a rank: 1, or 1/2 mirrored */
  slip_stage_group *groups; /* owned */
  int64_t n_groups;
} slip_layout;

slip_status slip_layout_make(const slip_train *train, int64_t pp, int64_t vpp, bool mirrored, slip_layout *out,
                             slip_error *err);
void slip_layout_free(slip_layout *layout);
/* One stage of it. O(chunks of the stage). */
void slip_layout_stage(const slip_train *train, int64_t pp, int64_t vpp, bool mirrored, int64_t stage,
                       slip_stage *out);

/* What a stage consists of: each layer cost and how often it occurs, embedding, head and MTP modules included. */
enum { SLIP_MAX_STAGE_COSTS = SLIP_MAX_LAYER_KINDS + 3 };
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

/* Traffic and optimizer of one step on a stage with these parameters per rank. */
typedef struct slip_step_extras {
  double dp_s, dp_exposed_s, optimizer_s;
  double pp_exposed_s; /* per micro-batch */
} slip_step_extras;

/* Memory of a group's first stage. */
void slip_train_stage_memory(const slip_train *train, const slip_plan *plan, const slip_layer_costs *layers,
                             const slip_layout *layout, const slip_stage_group *group, int64_t micro_batches,
                             slip_train_memory *out);

/* Sum of a stage's forward and backward times for one micro-batch (all its chunks). */
typedef struct slip_stage_time {
  double forward_s, backward_s, weight_gradient_s;
} slip_stage_time;
slip_stage_time slip_train_stage_time(const slip_layer_costs *layers, const slip_stage *stage);

/* The group of the slowest stage; *fill_s is the time that it waits while the pipeline fills and drains. */
const slip_stage_group *slip_train_slowest(const slip_plan *plan, const slip_layer_costs *layers,
                                           const slip_layout *layout, double *fill_s);

/* Parameters per rank of a stage. */
void slip_train_stage_params(const slip_layer_costs *layers, const slip_stage *stage, double *dense,
                             double *expert);

/* slip_train_schedule on a layout made before. */
slip_status slip_train_schedule_on(const slip_train *train, const slip_plan *plan, const slip_layer_costs *layers,
                                   const slip_layout *layout, slip_train_result *out, slip_error *err);

#endif
