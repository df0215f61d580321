/* Opening a training job, and the estimate of one plan. */
#include <math.h>
#include <stdlib.h>

#include "base/fail.h"
#include "train/train_internal.h"

slip_train_job slip_train_job_default(void) {
  return (slip_train_job){.seq = 4096, .batch = 1024, .dtype = SLIP_BF16, .mtp = true};
}

double slip_train_spread(const slip_stack *stack, const slip_model *model) {
  return slip_model_has_experts(model) && stack->spread_train_moe > 0 ? stack->spread_train_moe
                                                                      : stack->spread_train;
}

int64_t slip_train_attended(const slip_train_job *job) {
  return job->document > 0 && job->document < job->seq ? job->document : job->seq;
}

static slip_status check_job(const slip_train_job *job, slip_error *err) {
  if (!job->model || !job->system || !job->stack)
    return slip_fail(err, SLIP_BAD_INPUT, "a training job needs a model, a system and a stack");
  const struct {
    const char *name;
    int64_t value, low, high;
  } ranges[] = {{"chips", job->chips, 1, 10000000},
                {"seq", job->seq, 1, 16777216},
                {"batch", job->batch, 1, 100000000},
                {"document", job->document, 0, 16777216}};
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
    if (ranges[i].value < ranges[i].low || ranges[i].value > ranges[i].high)
      return slip_fail_at(err, SLIP_BAD_INPUT, NULL, 0, 0, ranges[i].name, "must be from %lld to %lld, not %lld",
                          (long long)ranges[i].low, (long long)ranges[i].high, (long long)ranges[i].value);
  if (!(job->capacity >= 0 && job->capacity <= 1000))
    return slip_fail_at(err, SLIP_BAD_INPUT, NULL, 0, 0, "capacity", "must be from 0 to 1000, not %g",
                        job->capacity);
  if (job->masked && !(job->capacity > 0))
    return slip_fail_at(err, SLIP_BAD_INPUT, NULL, 0, 0, "masked",
                        "masks have places by capacity: give that as well (--capacity)");
  if (job->dtype != SLIP_BF16 && job->dtype != SLIP_FP8 && job->dtype != SLIP_FP4)
    return slip_fail_at(err, SLIP_BAD_INPUT, NULL, 0, 0, "dtype",
                        "training is modelled in bf16, fp8 and fp4, not %s", slip_dtype_name(job->dtype));
  return SLIP_OK;
}

static slip_status check_stack(const slip_stack *stack, slip_error *err) {
  const struct {
    const char *field;
    double value;
  } needed[] = {{"overlap_dp", stack->overlap_dp},
                {"overlap_tp", stack->overlap_tp},
                {"overlap_ep", stack->overlap_ep},
                {"overlap_pp", stack->overlap_pp},
                {"overlap_cp", stack->overlap_cp},
                {"host_layer_us", stack->host_layer_s},
                {"host_moe_layer_us", stack->host_moe_layer_s},
                {"step_overhead_s", stack->step_overhead_s},
                {"jitter", stack->jitter},
                {"elementwise_passes", stack->elementwise_passes},
                {"imbalance_train", stack->imbalance_train},
                {"flash_attention", stack->flash_attention},
                {"memory_share", stack->memory_share},
                {"spread_train", stack->spread_train}};
  for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
    slip_status status = slip_require(&stack->entry, needed[i].field, needed[i].value, err);
    if (status != SLIP_OK)
      return status;
  }
  return SLIP_OK;
}

/* How many layers the head and the MTP modules weigh, in useful FLOP, rounded: what the last stage is spared. */
static int64_t head_layers(const slip_train *train) {
  const slip_model *model = train->job.model;
  double head = 2 * (double)model->hidden * (double)model->vocab;
  double body = slip_model_forward_flop_per_token(model, (double)slip_train_attended(&train->job), false) - head;
  double layer = body / (double)model->layers;
  double modules = train->mtp ? (double)model->mtp_modules : 0;
  return (int64_t)(head * (1 + modules) / layer + modules + 0.5);
}

slip_status slip_train_open(const slip_train_job *job, slip_train **out, slip_error *err) {
  slip_train *train = NULL;
  slip_status status = SLIP_OK;
  SLIP_TRY(check_job(job, err));
  SLIP_TRY(check_stack(job->stack, err));
  train = calloc(1, sizeof *train);
  if (!train)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "no memory for a training job");
  train->job = *job;
  SLIP_TRY(slip_device_make(job->system->chip, &train->device, err));
  SLIP_TRY(slip_network_make(job->system, &train->network, err));
  train->ranks = (int64_t)((double)job->chips * job->system->chip->ranks);
  train->dtype = slip_device_dtype(&train->device, job->dtype, true);
  train->mtp = job->mtp && job->model->mtp_modules > 0 && job->model->mtp_kind >= 0;
  train->flop_per_token =
      3 * slip_model_forward_flop_per_token(job->model, (double)slip_train_attended(job), train->mtp);
  train->head_layers = head_layers(train);
  *out = train;
  train = NULL;
cleanup:
  free(train);
  return status;
}

void slip_train_free(slip_train *train) {
  free(train);
}

const slip_train_job *slip_train_job_of(const slip_train *train) {
  return &train->job;
}

int64_t slip_train_ranks(const slip_train *train) {
  return train->ranks;
}

slip_status slip_train_estimate(const slip_train *train, const slip_plan *plan, slip_train_result *out,
                                slip_error *err) {
  slip_plan checked = *plan;
  slip_layer_costs layers;
  slip_status status = slip_train_check(train, &checked, err);
  if (status != SLIP_OK)
    return status;
  slip_train_layers(train, &checked, &layers);
  return slip_train_schedule(train, &checked, &layers, out, err);
}
