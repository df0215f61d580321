/* Stage two: the pipeline over micro-batches, data-parallel traffic, the optimizer; the step's time, parts and interval. */
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "train/train_internal.h"

/* Gradients and parameters travel in bf16 (Megatron-Bridge's performance recipes; arXiv 2412.19437, section 3.3). */
#define WIRE_BYTES 2.0
/* Adam in fp32: master weight and two moments read and written (24), gradient read (4), bf16 weight written (2). */
#define OPTIMIZER_TRAFFIC_BYTES 30.0
/* ---- stages ---- */

int slip_train_stage_costs(const slip_layer_costs *layers, const slip_stage *stage, slip_stage_cost *out) {
  int count = 0;
  for (int i = 0; i < layers->n_kinds; i++)
    if (stage->layers[i] > 0)
      out[count++] = (slip_stage_cost){&layers->kinds[i], (double)stage->layers[i]};
  if (stage->first)
    out[count++] = (slip_stage_cost){&layers->embedding, 1};
  if (stage->last) {
    out[count++] = (slip_stage_cost){&layers->head, 1};
    out[count++] = (slip_stage_cost){&layers->mtp, 1};
  }
  return count;
}

slip_stage_time slip_train_stage_time(const slip_layer_costs *layers, const slip_stage *stage) {
  slip_stage_time t = {0, 0, 0};
  slip_stage_cost costs[SLIP_MAX_STAGE_COSTS];
  int count = slip_train_stage_costs(layers, stage, costs);
  for (int i = 0; i < count; i++) {
    t.forward_s += costs[i].times * costs[i].cost->forward.seconds;
    t.backward_s += costs[i].times * costs[i].cost->backward.seconds;
    t.weight_gradient_s += costs[i].times * costs[i].cost->weight_gradient_s;
  }
  return t;
}

void slip_train_stage_params(const slip_layer_costs *layers, const slip_stage *stage, double *dense,
                             double *expert) {
  double d = 0, e = 0;
  slip_stage_cost costs[SLIP_MAX_STAGE_COSTS];
  int count = slip_train_stage_costs(layers, stage, costs);
  for (int i = 0; i < count; i++) {
    d += costs[i].times * costs[i].cost->dense_params;
    e += costs[i].times * costs[i].cost->expert_params;
  }
  if (layers->tied && stage->first && stage->last)
    d -= layers->head.dense_params;
  *dense = d;
  *expert = e;
}

static double stage_saved(const slip_layer_costs *layers, const slip_stage *stage, double *transient) {
  double saved = 0, most = 0;
  slip_stage_cost costs[SLIP_MAX_STAGE_COSTS];
  int count = slip_train_stage_costs(layers, stage, costs);
  for (int i = 0; i < count; i++) {
    saved += costs[i].times * costs[i].cost->saved_bytes;
    most = fmax(most, costs[i].cost->transient_bytes);
  }
  *transient = most;
  return saved;
}

/* ---- memory ---- */

/* Micro-batches whose activations a stage holds at once. */
static double in_flight(const slip_plan *p, int64_t stage, int64_t micro_batches) {
  double all = (double)micro_batches, waves;
  if (p->schedule == SLIP_DUALPIPE)
    waves = (double)p->pp + 1; /* arXiv 2412.19437, table 2 */
  else if (p->vpp > 1)         /* chunks warmed up (arXiv 2104.04473, figure 4), each 1/vpp of a stage */
    waves = ((double)(p->pp - stage - 1) * 2 + (double)(p->vpp - 1) * (double)p->pp + 1) / (double)p->vpp;
  else
    waves = (double)(p->pp - stage);
  return fmin(all, waves);
}

void slip_train_stage_memory(const slip_train *train, const slip_plan *p, const slip_layer_costs *layers,
                             const slip_layout *layout, const slip_stage_group *group, int64_t micro_batches,
                             slip_train_memory *out) {
  const slip_stage *stage = &group->stage;
  double dense, expert, transient;
  slip_train_stage_params(layers, stage, &dense, &expert);
  double dense_share = (double)slip_plan_group(p, SLIP_AXIS_DP).ranks;
  double expert_share = (double)slip_plan_expert_dp_group(p).ranks;
  double whole = dense + expert, shared_out = dense / dense_share + expert / expert_share;
  *out = (slip_train_memory){.stage = group->index,
                             .capacity = train->device.memory_bytes * train->job.stack->memory_share};
  out->weights = 2 * (p->sharding >= SLIP_SHARD_WEIGHTS ? shared_out : whole);
  out->gradients = 4 * (p->sharding >= SLIP_SHARD_GRADIENTS ? shared_out : whole);
  out->optimizer = 12 * (p->sharding >= SLIP_SHARD_OPTIMIZER ? shared_out : whole);
  double saved = stage_saved(layers, stage, &transient) * layout->share;
  out->activations = saved * in_flight(p, group->index, micro_batches);
  out->buffers = transient;
  if (p->sharding >= SLIP_SHARD_WEIGHTS &&
      stage->total > 0) /* this layer's weights whole, and the next one's on their way */
    out->buffers += 2 * 2 * whole / (double)stage->total;
  out->total = out->weights + out->gradients + out->optimizer + out->activations + out->buffers;
}

/* ---- the pipeline ---- */

const slip_stage_group *slip_train_slowest(const slip_plan *p, const slip_layer_costs *layers,
                                           const slip_layout *layout, double *fill_s) {
  const slip_stage_group *slowest = NULL;
  double most = -1, all = 0, weight_gradient = 0, stages = (double)p->pp;
  for (int64_t i = 0; i < layout->n_groups; i++) {
    const slip_stage_group *group = &layout->groups[i];
    slip_stage_time t = slip_train_stage_time(layers, &group->stage);
    double one = (t.forward_s + t.backward_s) * layout->share;
    all += one * (double)group->count;
    weight_gradient += t.weight_gradient_s * layout->share * (double)group->count;
    if (one > most) {
      most = one;
      slowest = group;
    }
  }
  double others = all - most; /* equal stages: (pp - 1)(F + B) */
  double mean = all / stages, mean_w = weight_gradient / stages;
  switch (p->schedule) {
  case SLIP_ZERO_BUBBLE: /* (PP - 1)(F + B - 2W), B the whole backward: arXiv 2412.19437, table 2 */
    *fill_s = fmax(0, others - 2 * (stages - 1) * mean_w);
    break;
  case SLIP_DUALPIPE: /* (PP/2 - 1)(F&B + B - 3W) of the same table; F&B overlapped takes F + B, and B is 2/3 of it */
    *fill_s = fmax(0, (stages / 2 - 1) * (mean + mean * 2 / 3 - 3 * mean_w));
    break;
  default:
    *fill_s = others / (double)p->vpp;
    break;
  }
  return slowest;
}

static double exposed(double seconds, double overlap, double window) {
  return seconds - fmin(overlap * seconds, window);
}

/* Gradient reduction and parameter gathering of one step for `params` parameters shared by `group`. */
static double dp_traffic_s(const slip_train *train, const slip_plan *p, slip_group group, double params) {
  if (params <= 0)
    return 0; /* no message, no latency: a model without experts */
  if (p->sharding == SLIP_SHARD_NONE)
    return slip_collective_s(&train->network, SLIP_ALL_REDUCE, group, params * WIRE_BYTES, NULL);
  return slip_collective_s(&train->network, SLIP_REDUCE_SCATTER, group, params * WIRE_BYTES, NULL) +
         slip_collective_s(&train->network, SLIP_ALL_GATHER, group, params * WIRE_BYTES, NULL);
}

static slip_step_extras step_extras(const slip_train *train, const slip_plan *p, const slip_layer_costs *layers,
                                    const slip_stage *stage, int64_t micro_batches) {
  const slip_stack *stack = train->job.stack;
  slip_step_extras x = {0};
  double dense, expert;
  slip_train_stage_params(layers, stage, &dense, &expert);
  slip_group dense_group = slip_plan_group(p, SLIP_AXIS_DP), expert_group = slip_plan_expert_dp_group(p);
  slip_stage_time t = slip_train_stage_time(layers, stage);
  double window = t.forward_s + t.backward_s;
  if (p->sharding >= SLIP_SHARD_WEIGHTS) { /* every micro-batch gathers twice and scatters once */
    double once =
        dp_traffic_s(train, p, dense_group, dense) * 1.5 + dp_traffic_s(train, p, expert_group, expert) * 1.5;
    x.dp_s = once * (double)micro_batches;
    window *= (double)micro_batches;
  } else {
    x.dp_s = dp_traffic_s(train, p, dense_group, dense) + dp_traffic_s(train, p, expert_group, expert);
  }
  x.dp_exposed_s = exposed(x.dp_s, stack->overlap_dp, window);

  double shard_dense = p->sharding >= SLIP_SHARD_OPTIMIZER ? (double)dense_group.ranks : 1;
  double shard_expert = p->sharding >= SLIP_SHARD_OPTIMIZER ? (double)expert_group.ranks : 1;
  x.optimizer_s =
      slip_stream_s(&train->device, OPTIMIZER_TRAFFIC_BYTES * (dense / shard_dense + expert / shard_expert));

  if (p->pp > 1) { /* each chunk hands its output on and gets its gradient back */
    double tokens = (double)p->micro_batch * (double)train->job.seq / (double)(p->cp * p->tp);
    double message = tokens * (double)train->job.model->hidden * 2.0;
    slip_group next = {2, slip_plan_group(p, SLIP_AXIS_PP).stride};
    double send = slip_collective_s(&train->network, SLIP_SEND, next, message, NULL);
    x.pp_exposed_s = 2 * (double)p->vpp * send * (1 - stack->overlap_pp);
  }
  return x;
}

/* ---- the step ---- */

static void add_part(slip_train_result *out, slip_part part, slip_bound bound, double seconds) {
  out->parts[part] += seconds;
  out->bounds[bound] += seconds;
  out->step_s += seconds;
}

static void add_pass(slip_train_result *out, const slip_pass *pass, double times) {
  for (int i = 0; i < SLIP_PARTS; i++)
    out->parts[i] += times * pass->parts[i];
  for (int i = 0; i < SLIP_BOUNDS; i++)
    out->bounds[i] += times * pass->bounds[i];
  out->step_s += times * pass->seconds;
}

static void assemble(const slip_train *train, const slip_plan *p, const slip_layer_costs *layers,
                     const slip_layout *layout, slip_train_result *out) {
  double fill = 0, batches = (double)out->micro_batches * layout->share;
  const slip_stage *stage = &slip_train_slowest(p, layers, layout, &fill)->stage;
  slip_stage_cost costs[SLIP_MAX_STAGE_COSTS];
  int count = slip_train_stage_costs(layers, stage, costs);
  for (int i = 0; i < count; i++) {
    add_pass(out, &costs[i].cost->forward, costs[i].times * batches);
    add_pass(out, &costs[i].cost->backward, costs[i].times * batches);
  }
  slip_step_extras x = step_extras(train, p, layers, stage, out->micro_batches);
  add_part(out, SLIP_PART_BUBBLE, SLIP_BOUND_BUBBLE, fill);
  add_part(out, SLIP_PART_PP, SLIP_BOUND_NETWORK, x.pp_exposed_s * (double)out->micro_batches);
  add_part(out, SLIP_PART_DP, SLIP_BOUND_NETWORK, x.dp_exposed_s);
  add_part(out, SLIP_PART_OPTIMIZER, SLIP_BOUND_MEMORY, x.optimizer_s);
  add_part(out, SLIP_PART_HOST, SLIP_BOUND_HOST, train->job.stack->step_overhead_s);
  add_part(out, SLIP_PART_JITTER, SLIP_BOUND_OVERHEAD, out->step_s * train->job.stack->jitter);
}

static const char *largest_component(const slip_train_memory *m) {
  const struct {
    const char *name;
    double bytes;
  } parts[] = {{"weights", m->weights},
               {"gradients", m->gradients},
               {"optimizer states", m->optimizer},
               {"activations", m->activations},
               {"buffers", m->buffers}};
  int most = 0;
  for (int i = 1; i < 5; i++)
    if (parts[i].bytes > parts[most].bytes)
      most = i;
  return parts[most].name;
}

static slip_status check_memory(const slip_train *train, const slip_plan *p, const slip_layer_costs *layers,
                                const slip_layout *layout, slip_train_result *out, slip_error *err) {
  out->memory.total = -1;
  for (int64_t i = 0; i < layout->n_groups; i++) {
    const slip_stage_group *group = &layout->groups[i];
    slip_train_memory memory;
    slip_train_stage_memory(train, p, layers, layout, group, out->micro_batches, &memory);
    if (memory.total > out->memory.total)
      out->memory = memory;
  }
  const slip_train_memory *m = &out->memory;
  if (m->total <= m->capacity || train->job.ignore_memory)
    return SLIP_OK;
  return slip_fail(err, SLIP_INFEASIBLE,
                   "does not fit: stage %lld needs %.1f GB per rank, %.1f GB may be used; most of it is %s "
                   "(weights %.1f, gradients %.1f, "
                   "optimizer %.1f, activations %.1f, buffers %.1f GB)",
                   (long long)m->stage, m->total / 1e9, m->capacity / 1e9, largest_component(m), m->weights / 1e9,
                   m->gradients / 1e9, m->optimizer / 1e9, m->activations / 1e9, m->buffers / 1e9);
}

static void conclude(const slip_train *train, slip_train_result *out) {
  const slip_train_job *job = &train->job;
  double tokens = (double)job->seq * (double)job->batch;
  double spread = exp(slip_train_spread(job->stack, job->model));
  out->step_low_s = out->step_s / spread;
  out->step_high_s = out->step_s * spread;
  out->tokens_per_s = tokens / out->step_s;
  out->tokens_per_s_per_chip = out->tokens_per_s / (double)job->chips;
  double peak = job->system->chip->peak_flops[train->dtype] * (double)job->chips;
  out->mfu = train->flop_per_token * out->tokens_per_s / peak;
  double working = (out->bounds[SLIP_BOUND_COMPUTE] + out->bounds[SLIP_BOUND_MEMORY]) / out->step_s;
  double systems = (double)job->chips / job->system->chips;
  out->system_power_w = systems * job->system->power_w * slip_load_share(working);
}

slip_status slip_train_schedule_on(const slip_train *train, const slip_plan *plan, const slip_layer_costs *layers,
                                   const slip_layout *layout, slip_train_result *out, slip_error *err) {
  memset(out, 0, sizeof *out);
  out->plan = *plan;
  out->dtype = train->dtype;
  out->micro_batches = train->job.batch / (plan->dp * plan->micro_batch);
  slip_status status = check_memory(train, plan, layers, layout, out, err);
  if (status != SLIP_OK)
    return status;
  assemble(train, plan, layers, layout, out);
  conclude(train, out);
  return SLIP_OK;
}

slip_status slip_train_schedule(const slip_train *train, const slip_plan *plan, const slip_layer_costs *layers,
                                slip_train_result *out, slip_error *err) {
  slip_layout layout;
  slip_status status = slip_layout_make(train, plan->pp, plan->vpp, plan->schedule == SLIP_DUALPIPE, &layout, err);
  if (status != SLIP_OK)
    return status;
  status = slip_train_schedule_on(train, plan, layers, &layout, out, err);
  slip_layout_free(&layout);
  return status;
}
