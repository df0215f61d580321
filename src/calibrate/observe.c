/* One observation updates a stack. The arithmetic: docs/cost-model.md, "Calibration by one observation". */
#include <math.h>
#include <slipstick/calibrate.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"

/* Two runs of the same plan on the same machine and stack differ by this much (standard deviation of ln): the median
 * distance between published rows with equal chip, model, plan and release is 1.7%, the 90th percentile 13%. */
#define NOISE_SD 0.05
/* What stays of a prediction's error once the stack is known (standard deviation of ln): median 7%, published training rows
 * after one observed row per source and chip, in a first prototype. It belongs to the row and is not learnt. */
#define ROW_SD 0.104
/* z of an 80% interval: half-width = Z80 * standard deviation. */
#define Z80 1.2815515655446004

#define LEAST_SHARED 0.1 /* of the variance, whatever a stack's file states */
#define MOST_SCALING 4.0 /* of the constants' prior variances */

#define AT(member) offsetof(slip_stack, member)

/* Prior widths relative to each other: what published stacks of one kind differ by; `pace` carries what nobody knows of a
 * stack. update() scales them together to the spread that the stack states. */
static const slip_constant constants[] = {
    {"pace_train", AT(pace_train), SLIP_LOG, 0.20, 0.5, 4, true, false},
    {"overlap_dp", AT(overlap_dp), SLIP_LOGIT, 0.7, 0, 1, true, false},
    {"overlap_tp", AT(overlap_tp), SLIP_LOGIT, 0.7, 0, 1, true, false},
    {"overlap_ep", AT(overlap_ep), SLIP_LOGIT, 0.7, 0, 1, true, false},
    {"host_layer_us", AT(host_layer_s), SLIP_LOG, 0.5, 0, 1, true, false},
    {"host_moe_layer_us", AT(host_moe_layer_s), SLIP_LOG, 0.5, 0, 1, true, false},
    {"elementwise_passes", AT(elementwise_passes), SLIP_LOG, 0.2, 0.1, 10, true, true},
    {"jitter", AT(jitter), SLIP_LOG, 0.5, 0, 1, true, false},
    {"pace_serve", AT(pace_serve), SLIP_LOG, 0.20, 0.5, 4, false, true},
    {"host_step_us", AT(host_step_s), SLIP_LOG, 0.5, 0, 1, false, true},
    {"two_batch_overlap", AT(two_batch_overlap), SLIP_LOGIT, 0.7, 0, 1, false, true},
    {"imbalance_serve", AT(imbalance_serve), SLIP_LOG, 0.1, 1, 10, false, true},
    {"prefill_interference", AT(prefill_interference), SLIP_LOGIT, 0.7, 0, 1, false, true},
};
enum { CONSTANTS = sizeof constants / sizeof *constants };

const slip_constant *slip_stack_constants(size_t *count) {
  *count = CONSTANTS;
  return constants;
}

/* ---- the observation's text ---- */

slip_status slip_observation_parse(const char *text, slip_observation *out, slip_error *err) {
  static const char *const names[SLIP_OBSERVED_KINDS] = {"step", "tokens_per_s", "tpot", "ttft"};
  slip_item_reader reader = {.text = text};
  slip_item item;
  slip_status status = slip_next_item(&reader, "observed", &item, err);
  if (status != SLIP_OK)
    return status;
  for (int i = 0; i < SLIP_OBSERVED_KINDS; i++) {
    if (strcmp(item.key, names[i]) != 0)
      continue;
    double value = 0;
    bool good = i == SLIP_OBSERVED_TOKENS_PER_S ? slip_parse_double(item.value, &value) : slip_parse_seconds(item.value, &value);
    if (!good || !(value > 0) || reader.text[0] != '\0')
      return slip_fail_at(err, SLIP_BAD_INPUT, "observed", 0, 0, names[i], "'%s' is not one value above 0; write %s",
                          item.value, i == SLIP_OBSERVED_TOKENS_PER_S ? "tokens_per_s=12000" : "a time such as 4.2s or 41ms");
    *out = (slip_observation){(slip_observed)i, value};
    return SLIP_OK;
  }
  return slip_fail_at(err, SLIP_BAD_INPUT, "observed", 0, 0, item.key, "is none of step, tokens_per_s, tpot, ttft");
}

/* ---- constants as transformed values ---- */

static double *value_of(slip_stack *stack, const slip_constant *c) {
  return (double *)(void *)((char *)stack + c->offset);
}

/* A share of exactly 0 or 1, or a time of 0, says that the effect is not there: it stays. */
static bool is_free(const slip_stack *stack, const slip_constant *c) {
  double x = *(const double *)(const void *)((const char *)stack + c->offset);
  return c->transform == SLIP_LOGIT ? x > 0 && x < 1 : x > 0;
}

static double shifted(const slip_constant *c, double x, double by) {
  double y = c->transform == SLIP_LOGIT ? 1 / (1 + (1 - x) / x * exp(-by)) : x * exp(by);
  return fmin(fmax(y, c->low), c->high);
}

/* ---- the update ---- */

/* ln of the predicted quantity under a candidate stack. */
typedef slip_status (*log_prediction)(const void *context, const slip_stack *stack, double *out, slip_error *err);

/* Sensitivity of the prediction to each constant, by a central step of a tenth of the prior's width. */
static slip_status sensitivities(log_prediction predict, const void *context, const slip_stack *stack, bool train,
                                 double out[CONSTANTS], slip_error *err) {
  for (int i = 0; i < CONSTANTS; i++) {
    const slip_constant *c = &constants[i];
    out[i] = 0;
    if (!(train ? c->trains : c->serves) || !is_free(stack, c))
      continue;
    double ends[2];
    for (int side = 0; side < 2; side++) {
      slip_stack moved = *stack;
      *value_of(&moved, c) = shifted(c, *value_of(&moved, c), (side ? 0.1 : -0.1) * c->prior_sd);
      slip_status status = predict(context, &moved, &ends[side], err);
      if (status != SLIP_OK)
        return status;
    }
    out[i] = (ends[1] - ends[0]) / (0.2 * c->prior_sd);
  }
  return SLIP_OK;
}

/* The variance of ln(prediction) is the row's own (ROW_SD^2), not learnt, and the stack's, shared by all its rows and carried by
 * the constants: sum s_i^2 g_i^2, with all s_i scaled alike so that it is what the stack's spread leaves. The gain of
 * constant i is s_i^2 g_i / (shared + own + noise). */
static slip_status update(log_prediction predict, const void *context, const slip_stack *stack, bool train,
                          double log_measured, slip_stack *out, slip_lesson *lesson, slip_error *err) {
  double g[CONSTANTS], before, after, raw = 0;
  slip_status status = SLIP_OK;
  SLIP_TRY(predict(context, stack, &before, err));
  SLIP_TRY(sensitivities(predict, context, stack, train, g, err));
  for (int i = 0; i < CONSTANTS; i++)
    raw += g[i] * g[i] * constants[i].prior_sd * constants[i].prior_sd;
  double spread = train ? stack->spread_train : stack->spread_serve;
  double total = pow(spread / Z80, 2), noise = NOISE_SD * NOISE_SD;
  double shared = fmax(total - ROW_SD * ROW_SD, LEAST_SHARED * total);
  shared = fmin(shared, MOST_SCALING * raw); /* a row that the constants hardly move teaches little about them */
  double own = total - shared, scale = raw > 0 ? shared / raw : 0;
  double denominator = shared + own + noise;
  *out = *stack;
  for (int i = 0; i < CONSTANTS; i++) {
    double by = scale * constants[i].prior_sd * constants[i].prior_sd * g[i] / denominator * (log_measured - before);
    if (fabs(by) > 0)
      *value_of(out, &constants[i]) = shifted(&constants[i], *value_of(out, &constants[i]), by);
  }
  SLIP_TRY(predict(context, out, &after, err));
  double left = own + shared - shared * shared / denominator; /* variance of the next prediction */
  *(train ? &out->spread_train : &out->spread_serve) = Z80 * sqrt(left);
  *lesson = (slip_lesson){.kind = lesson->kind, .predicted = exp(before), .measured = exp(log_measured), .posterior = exp(after),
                          .spread_before = spread, .spread_after = Z80 * sqrt(left)};
cleanup:
  return status;
}

/* ---- training ---- */

typedef struct train_run {
  slip_train_job job;
  slip_plan plan;
  slip_observed kind;
} train_run;

static slip_status train_log(const void *context, const slip_stack *stack, double *out, slip_error *err) {
  const train_run *run = context;
  slip_train_job job = run->job;
  slip_train *train = NULL;
  slip_train_result result;
  slip_status status = SLIP_OK;
  job.stack = stack;
  job.ignore_memory = true; /* it ran, so it fits */
  SLIP_TRY(slip_train_open(&job, &train, err));
  SLIP_TRY(slip_train_estimate(train, &run->plan, &result, err));
  *out = log(run->kind == SLIP_OBSERVED_STEP ? result.step_s : result.tokens_per_s);
cleanup:
  slip_train_free(train);
  return status;
}

slip_status slip_observe_train(const slip_train_job *job, const slip_plan *plan, const slip_observation *observation,
                               slip_stack *out, slip_lesson *lesson, slip_error *err) {
  train_run run = {*job, *plan, observation->kind};
  if (run.kind != SLIP_OBSERVED_STEP && run.kind != SLIP_OBSERVED_TOKENS_PER_S)
    return slip_fail_at(err, SLIP_BAD_INPUT, "observed", 0, 0, NULL, "training is observed by step or tokens_per_s");
  lesson->kind = run.kind;
  return update(train_log, &run, job->stack, true, log(observation->value), out, lesson, err);
}

/* ---- serving ---- */

typedef struct serve_run {
  slip_serve_job job;
  slip_serve_plan plan;
  slip_observed kind;
} serve_run;

static slip_status serve_log(const void *context, const slip_stack *stack, double *out, slip_error *err) {
  const serve_run *run = context;
  slip_serve_job job = run->job;
  slip_serve *serve = NULL;
  slip_serve_result result;
  slip_status status = SLIP_OK;
  job.stack = stack;
  job.ignore_memory = true;
  job.ttft_s = job.tpot_s = INFINITY; /* what was measured may miss the objectives */
  SLIP_TRY(slip_serve_open(&job, &serve, err));
  SLIP_TRY(slip_serve_estimate(serve, &run->plan, NULL, NULL, &result, err));
  double chips = job.chips > 0 ? (double)job.chips : (double)result.decode.instance_chips;
  *out = log(run->kind == SLIP_OBSERVED_TPOT   ? result.tpot_s
             : run->kind == SLIP_OBSERVED_TTFT ? result.ttft_s
                                               : result.output_tokens_per_s_per_chip * chips);
cleanup:
  slip_serve_free(serve);
  return status;
}

slip_status slip_observe_serve(const slip_serve_job *job, const slip_serve_plan *plan,
                               const slip_observation *observation, slip_stack *out, slip_lesson *lesson,
                               slip_error *err) {
  serve_run run = {*job, *plan, observation->kind};
  if (run.kind == SLIP_OBSERVED_STEP)
    return slip_fail_at(err, SLIP_BAD_INPUT, "observed", 0, 0, NULL, "serving is observed by tokens_per_s, tpot or ttft");
  if (plan->batch <= 0)
    return slip_fail_at(err, SLIP_BAD_INPUT, "observed", 0, 0, "batch", "needs the batch at which it was measured; give --batch or batch= in the plan");
  lesson->kind = run.kind;
  return update(serve_log, &run, job->stack, false, log(observation->value), out, lesson, err);
}
