/* Stage two: the pipeline over micro-batches, data-parallel traffic, the optimizer; the step's time, parts and interval. */
#include <math.h>
#include <stdlib.h>
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
  for (int i = 0; i < layers->n_kinds; i++) {
    if (stage->layers[i] > stage->spared[i])
      out[count++] = (slip_stage_cost){&layers->kinds[i], (double)(stage->layers[i] - stage->spared[i])};
    if (stage->spared[i] > 0)
      out[count++] = (slip_stage_cost){&layers->spared[i], (double)stage->spared[i]};
  }
  if (stage->first)
    out[count++] = (slip_stage_cost){&layers->embedding, 1};
  if (stage->last) {
    out[count++] = (slip_stage_cost){&layers->head, 1};
    out[count++] = (slip_stage_cost){&layers->mtp, 1};
  }
  return count;
}

static void add_cost(const slip_layer_cost *cost, double times, slip_stage_sum *sum) {
  sum->forward_s += times * cost->forward.seconds;
  sum->backward_s += times * cost->backward.seconds;
  sum->weight_gradient_s += times * cost->weight_gradient_s;
  sum->working_s += times * (cost->forward.bounds[SLIP_BOUND_COMPUTE] + cost->forward.bounds[SLIP_BOUND_MEMORY] +
                             cost->backward.bounds[SLIP_BOUND_COMPUTE] + cost->backward.bounds[SLIP_BOUND_MEMORY]);
  sum->dense += times * cost->dense_params;
  sum->expert += times * cost->expert_params;
  sum->saved += times * cost->saved_bytes;
  sum->transient = fmax(sum->transient, cost->transient_bytes);
}

slip_stage_sum slip_train_stage_sum(const slip_layer_costs *layers, const slip_stage *stage) {
  slip_stage_sum sum = {0};
  for (int i = 0; i < layers->n_kinds; i++) {
    if (stage->layers[i] > stage->spared[i])
      add_cost(&layers->kinds[i], (double)(stage->layers[i] - stage->spared[i]), &sum);
    if (stage->spared[i] > 0)
      add_cost(&layers->spared[i], (double)stage->spared[i], &sum);
  }
  if (stage->first)
    add_cost(&layers->embedding, 1, &sum);
  if (stage->last) {
    add_cost(&layers->head, 1, &sum);
    add_cost(&layers->mtp, 1, &sum);
  }
  if (layers->tied && stage->first && stage->last)
    sum.dense -= layers->head.dense_params;
  return sum;
}

slip_stage_time slip_train_stage_time(const slip_layer_costs *layers, const slip_stage *stage) {
  slip_stage_sum sum = slip_train_stage_sum(layers, stage);
  return (slip_stage_time){sum.forward_s, sum.backward_s, sum.weight_gradient_s};
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

slip_stage_load slip_train_stage_load(const slip_plan *p, const slip_layout *layout, const slip_stage_group *group,
                                      const slip_stage_sum *sum, int64_t micro_batches) {
  double dense_share = (double)slip_plan_group(p, SLIP_AXIS_DP).ranks;
  double expert_share = (double)slip_plan_expert_dp_group(p).ranks;
  slip_stage_load load = {.whole = sum->dense + sum->expert,
                          .shared_out = sum->dense / dense_share + sum->expert / expert_share,
                          .activations = sum->saved * layout->share * in_flight(p, group->index, micro_batches),
                          .transient = sum->transient};
  if (group->stage.total > 0) /* this layer's weights whole, and the next one's on their way */
    load.gathered = 2 * 2 * load.whole / (double)group->stage.total;
  return load;
}

slip_train_memory slip_train_load_memory(const slip_stage_load *load, slip_sharding sharding) {
  slip_train_memory m = {.weights = 2 * (sharding >= SLIP_SHARD_WEIGHTS ? load->shared_out : load->whole),
                         .gradients = 4 * (sharding >= SLIP_SHARD_GRADIENTS ? load->shared_out : load->whole),
                         .optimizer = 12 * (sharding >= SLIP_SHARD_OPTIMIZER ? load->shared_out : load->whole),
                         .activations = load->activations,
                         .buffers = load->transient};
  if (sharding >= SLIP_SHARD_WEIGHTS)
    m.buffers += load->gathered;
  m.total = m.weights + m.gradients + m.optimizer + m.activations + m.buffers;
  return m;
}

double slip_train_capacity(const slip_train *train) {
  return train->device.memory_bytes * train->job.stack->memory_share;
}

void slip_train_stage_memory(const slip_train *train, const slip_plan *p, const slip_layer_costs *layers,
                             const slip_layout *layout, const slip_stage_group *group, int64_t micro_batches,
                             slip_train_memory *out) {
  slip_stage_sum sum = slip_train_stage_sum(layers, &group->stage);
  slip_stage_load load = slip_train_stage_load(p, layout, group, &sum, micro_batches);
  *out = slip_train_load_memory(&load, p->sharding);
  out->stage = group->index;
  out->capacity = slip_train_capacity(train);
}

/* ---- the pipeline ---- */

slip_pipeline slip_train_pipeline(const slip_layout *layout, const slip_stage_sum *sums) {
  slip_pipeline line = {.slowest = 0, .most_s = -1};
  for (int64_t i = 0; i < layout->n_groups; i++) {
    double one = (sums[i].forward_s + sums[i].backward_s) * layout->share;
    line.all_s += one * (double)layout->groups[i].count;
    line.weight_gradient_s += sums[i].weight_gradient_s * layout->share * (double)layout->groups[i].count;
    if (one > line.most_s) {
      line.most_s = one;
      line.slowest = i;
    }
  }
  return line;
}

double slip_train_fill_s(const slip_plan *p, const slip_pipeline *line) {
  double stages = (double)p->pp, others = line->all_s - line->most_s; /* equal stages: (pp - 1)(F + B) */
  double mean = line->all_s / stages, mean_w = line->weight_gradient_s / stages;
  switch (p->schedule) {
  case SLIP_ZERO_BUBBLE: /* (PP - 1)(F + B - 2W), B the whole backward: arXiv 2412.19437, table 2 */
    return fmax(0, others - 2 * (stages - 1) * mean_w);
  case SLIP_DUALPIPE: /* (PP/2 - 1)(F&B + B - 3W) of the same table; F&B overlapped takes F + B, and B is 2/3 of it */
    return fmax(0, (stages / 2 - 1) * (mean + mean * 2 / 3 - 3 * mean_w));
  default:
    return others / (double)p->vpp;
  }
}

slip_status slip_train_slowest(const slip_plan *p, const slip_layer_costs *layers, const slip_layout *layout,
                               const slip_stage_group **out, double *fill_s, slip_error *err) {
  slip_stage_sum *sums = malloc((size_t)layout->n_groups * sizeof *sums);
  if (!sums)
    return slip_fail(err, SLIP_NO_MEMORY, "no memory for a pipeline of %lld stages", (long long)layout->pp);
  for (int64_t i = 0; i < layout->n_groups; i++)
    sums[i] = slip_train_stage_sum(layers, &layout->groups[i].stage);
  slip_pipeline line = slip_train_pipeline(layout, sums);
  *fill_s = slip_train_fill_s(p, &line);
  *out = &layout->groups[line.slowest];
  free(sums);
  return SLIP_OK;
}

/* ---- what surrounds the pipeline ---- */

static double exposed(double seconds, double overlap, double window) {
  return seconds - fmin(overlap * seconds, window);
}

static double halves_s(const slip_train *train, slip_group group, double bytes) {
  return slip_collective_s(&train->network, SLIP_REDUCE_SCATTER, group, bytes, NULL) +
         slip_collective_s(&train->network, SLIP_ALL_GATHER, group, bytes, NULL);
}

slip_dp_traffic slip_train_dp_traffic(const slip_train *train, const slip_plan *p, double dense, double expert,
                                      bool whole, bool halves) {
  slip_dp_traffic t = {0};
  slip_group dense_group = slip_plan_group(p, SLIP_AXIS_DP), expert_group = slip_plan_expert_dp_group(p);
  if (dense > 0 && whole) /* no parameters: no message, no latency */
    t.reduce_dense_s = slip_collective_s(&train->network, SLIP_ALL_REDUCE, dense_group, dense * WIRE_BYTES, NULL);
  if (expert > 0 && whole)
    t.reduce_expert_s =
        slip_collective_s(&train->network, SLIP_ALL_REDUCE, expert_group, expert * WIRE_BYTES, NULL);
  if (dense > 0 && halves)
    t.halves_dense_s = halves_s(train, dense_group, dense * WIRE_BYTES);
  if (expert > 0 && halves)
    t.halves_expert_s = halves_s(train, expert_group, expert * WIRE_BYTES);
  return t;
}

/* Each tensor-parallel rank sends its share, with sequence parallelism because it has no more, and without because all have the same, of which
 * each sends a part that is gathered at the other end (arXiv 2104.04473, section 4.1; DeepSpeed partitions alike). */
double slip_train_send_s(const slip_train *train, const slip_plan *p) {
  if (p->pp <= 1)
    return 0;
  double tokens = (double)p->micro_batch * (double)train->job.seq / (double)(p->cp * p->tp);
  slip_group next = {2, slip_plan_group(p, SLIP_AXIS_PP).stride};
  return slip_collective_s(&train->network, SLIP_SEND, next, tokens * (double)train->job.model->hidden * 2.0, NULL);
}

/* Exposed gradient and parameter traffic of one step. */
static double dp_exposed_s(const slip_train *train, const slip_plan *p, const slip_dp_traffic *t, double window,
                           int64_t micro_batches) {
  double seconds;
  if (p->sharding >= SLIP_SHARD_WEIGHTS) { /* every micro-batch gathers twice and scatters once */
    seconds = (t->halves_dense_s * 1.5 + t->halves_expert_s * 1.5) * (double)micro_batches;
    window *= (double)micro_batches;
  } else if (p->sharding == SLIP_SHARD_NONE) {
    seconds = t->reduce_dense_s + t->reduce_expert_s;
  } else {
    seconds = t->halves_dense_s + t->halves_expert_s;
  }
  return exposed(seconds, p->exposed & SLIP_OVERLAP_DP ? 0 : train->job.stack->overlap_dp, window);
}

static double optimizer_s(const slip_train *train, const slip_plan *p, const slip_stage_sum *stage) {
  double dense = stage->dense, expert = stage->expert;
  if (p->sharding >= SLIP_SHARD_OPTIMIZER) {
    dense /= (double)slip_plan_group(p, SLIP_AXIS_DP).ranks;
    expert /= (double)slip_plan_expert_dp_group(p).ranks;
  }
  return slip_stream_s(&train->device, OPTIMIZER_TRAFFIC_BYTES * (dense + expert));
}

slip_step_time slip_train_step_time(const slip_train *train, const slip_plan *p, const slip_layout *layout,
                                    const slip_pipeline *line, const slip_stage_sum *slowest,
                                    const slip_dp_traffic *traffic, double send_s, double fill_s,
                                    int64_t micro_batches) {
  const slip_stack *stack = train->job.stack;
  slip_step_time t;
  t.work_s = line->most_s * (double)micro_batches;
  t.bubble_s = fill_s;
  /* each chunk hands its output on and gets its gradient back */
  t.pp_s = 2 * (double)p->vpp * send_s * (p->exposed & SLIP_OVERLAP_PP ? 1 : 1 - stack->overlap_pp) *
           (double)micro_batches;
  t.dp_s = dp_exposed_s(train, p, traffic, slowest->forward_s + slowest->backward_s, micro_batches);
  t.optimizer_s = optimizer_s(train, p, slowest);
  t.host_s = stack->step_overhead_s;
  t.total_s = t.work_s + t.bubble_s + t.pp_s + t.dp_s + t.optimizer_s + t.host_s;
  t.jitter_s = t.total_s * stack->jitter;
  t.total_s += t.jitter_s;
  t.working_s = slowest->working_s * layout->share * (double)micro_batches + t.optimizer_s;
  return t;
}

double slip_train_power_w(const slip_train *train, double working_s, double total_s) {
  double systems = (double)train->job.chips / train->job.system->chips;
  return systems * train->job.system->power_w * slip_load_share(working_s / total_s);
}

/* ---- the step ---- */

static void add_part(slip_train_result *out, slip_part part, slip_bound bound, double seconds) {
  out->parts[part] += seconds;
  out->bounds[bound] += seconds;
}

static void add_pass(slip_train_result *out, const slip_pass *pass, double times) {
  for (int i = 0; i < SLIP_PARTS; i++)
    out->parts[i] += times * pass->parts[i];
  for (int i = 0; i < SLIP_BOUNDS; i++)
    out->bounds[i] += times * pass->bounds[i];
}

/* The parts and bounds of a step; they add up to its time. */
static void break_down(const slip_layer_costs *layers, const slip_layout *layout, const slip_stage *slowest,
                       const slip_step_time *t, slip_train_result *out) {
  double batches = (double)out->micro_batches * layout->share;
  slip_stage_cost costs[SLIP_MAX_STAGE_COSTS];
  int count = slip_train_stage_costs(layers, slowest, costs);
  for (int i = 0; i < count; i++) {
    add_pass(out, &costs[i].cost->forward, costs[i].times * batches);
    add_pass(out, &costs[i].cost->backward, costs[i].times * batches);
  }
  add_part(out, SLIP_PART_BUBBLE, SLIP_BOUND_BUBBLE, t->bubble_s);
  add_part(out, SLIP_PART_PP, SLIP_BOUND_NETWORK, t->pp_s);
  add_part(out, SLIP_PART_DP, SLIP_BOUND_NETWORK, t->dp_s);
  add_part(out, SLIP_PART_OPTIMIZER, SLIP_BOUND_MEMORY, t->optimizer_s);
  add_part(out, SLIP_PART_HOST, SLIP_BOUND_HOST, t->host_s);
  add_part(out, SLIP_PART_JITTER, SLIP_BOUND_OVERHEAD, t->jitter_s);
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

/* The fullest stage; SLIP_INFEASIBLE when it does not fit. */
static slip_status check_memory(const slip_train *train, const slip_plan *p, const slip_layout *layout,
                                const slip_stage_sum *sums, slip_train_result *out, slip_error *err) {
  out->memory.total = -1;
  for (int64_t i = 0; i < layout->n_groups; i++) {
    slip_stage_load load = slip_train_stage_load(p, layout, &layout->groups[i], &sums[i], out->micro_batches);
    slip_train_memory memory = slip_train_load_memory(&load, p->sharding);
    memory.stage = layout->groups[i].index;
    if (memory.total > out->memory.total)
      out->memory = memory;
  }
  out->memory.capacity = slip_train_capacity(train);
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

static void conclude(const slip_train *train, const slip_step_time *t, slip_train_result *out) {
  const slip_train_job *job = &train->job;
  out->step_s = t->total_s;
  double tokens = (double)job->seq * (double)job->batch;
  double spread = exp(slip_train_spread(job->stack, job->model));
  out->step_low_s = out->step_s / spread;
  out->step_high_s = out->step_s * spread;
  out->tokens_per_s = tokens / out->step_s;
  out->tokens_per_s_per_chip = out->tokens_per_s / (double)job->chips;
  double peak = job->system->chip->peak_flops[train->dtype] * (double)job->chips;
  out->mfu = train->flop_per_token * out->tokens_per_s / peak;
  out->system_power_w = slip_train_power_w(train, t->working_s, t->total_s);
}

slip_status slip_train_schedule_on(const slip_train *train, const slip_plan *p, const slip_layer_costs *layers,
                                   const slip_layout *layout, slip_train_result *out, slip_error *err) {
  slip_status status = SLIP_OK;
  slip_stage_sum few[32], *sums = few;
  few[0] = (slip_stage_sum){0};
  memset(out, 0, sizeof *out);
  out->plan = *p;
  out->dtype = train->dtype;
  out->micro_batches = train->job.batch / (p->dp * p->micro_batch);
  if (layout->n_groups > (int64_t)(sizeof few / sizeof *few)) {
    sums = malloc((size_t)layout->n_groups * sizeof *sums);
    if (!sums)
      return slip_fail(err, SLIP_NO_MEMORY, "no memory for a pipeline of %lld stages", (long long)layout->pp);
  }
  for (int64_t i = 0; i < layout->n_groups; i++)
    sums[i] = slip_train_stage_sum(layers, &layout->groups[i].stage);
  SLIP_TRY(check_memory(train, p, layout, sums, out, err));
  slip_pipeline line = slip_train_pipeline(layout, sums);
  const slip_stage_sum *slowest = &sums[line.slowest];
  slip_dp_traffic traffic = slip_train_dp_traffic(train, p, slowest->dense, slowest->expert,
                                                  p->sharding == SLIP_SHARD_NONE, p->sharding != SLIP_SHARD_NONE);
  slip_step_time t = slip_train_step_time(train, p, layout, &line, slowest, &traffic, slip_train_send_s(train, p),
                                          slip_train_fill_s(p, &line), out->micro_batches);
  break_down(layers, layout, &layout->groups[line.slowest].stage, &t, out);
  conclude(train, &t, out);
cleanup:
  if (sums != few)
    free(sums);
  return status;
}

slip_status slip_train_schedule(const slip_train *train, const slip_plan *plan, const slip_layer_costs *layers,
                                slip_train_result *out, slip_error *err) {
  slip_layout layout;
  slip_status status = slip_layout_make(train, plan->pp, plan->vpp, plan->schedule == SLIP_DUALPIPE,
                                        plan->recompute_layers, &layout, err);
  if (status != SLIP_OK)
    return status;
  status = slip_train_schedule_on(train, plan, layers, &layout, out, err);
  slip_layout_free(&layout);
  return status;
}
