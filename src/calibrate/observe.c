/* One observation updates a stack. The arithmetic: docs/cost-model.md, "Calibration by one observation". */
#include <math.h>
#include <slipstick/calibrate.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"
#include "calibrate/constants.h"
#include "calibrate/spread.h"

enum { CONSTANTS = SLIP_MAX_CONSTANTS };

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
    bool good = i == SLIP_OBSERVED_TOKENS_PER_S ? slip_parse_double(item.value, &value)
                                                : slip_parse_seconds(item.value, &value);
    if (!good || !(value > 0) || reader.text[0] != '\0')
      return slip_fail_at(err, SLIP_BAD_INPUT, "observed", 0, 0, names[i],
                          "'%s' is not one value above 0; write %s", item.value,
                          i == SLIP_OBSERVED_TOKENS_PER_S ? "tokens_per_s=12000" : "a time such as 4.2s or 41ms");
    *out = (slip_observation){(slip_observed)i, value};
    return SLIP_OK;
  }
  return slip_fail_at(err, SLIP_BAD_INPUT, "observed", 0, 0, item.key, "is none of step, tokens_per_s, tpot, ttft");
}

/* ---- the update ---- */

/* ln of the predicted quantity under a candidate stack. */
typedef slip_status (*log_prediction)(const void *context, const slip_stack *stack, double *out, slip_error *err);

/* Sensitivity of the prediction to each constant, by a central step of a tenth of the prior's width. */
static slip_status sensitivities(log_prediction predict, const void *context, const slip_stack *stack, bool train,
                                 double out[CONSTANTS], slip_error *err) {
  size_t n;
  const slip_constant *constants = slip_stack_constants(&n);
  for (size_t i = 0; i < n; i++) {
    const slip_constant *c = &constants[i];
    out[i] = 0;
    if (!(train ? c->trains : c->serves) || !slip_constant_is_free(stack, c))
      continue;
    double ends[2];
    for (int side = 0; side < 2; side++) {
      slip_stack moved = *stack;
      *slip_constant_of(&moved, c) =
          slip_constant_shifted(c, *slip_constant_of(&moved, c), (side ? 0.1 : -0.1) * c->prior_sd);
      slip_status status = predict(context, &moved, &ends[side], err);
      if (status != SLIP_OK)
        return status;
    }
    out[i] = (ends[1] - ends[0]) / (0.2 * c->prior_sd);
  }
  return SLIP_OK;
}

/* The variance of ln(prediction) is the row's own (SLIP_ROW_SD^2), not learnt, and the stack's, shared by all its rows and carried by
 * the constants: sum s_i^2 g_i^2, with all s_i scaled alike so that it is what the stack's spread leaves. The gain of
 * constant i is s_i^2 g_i / (shared + own + noise). */
static slip_status update(log_prediction predict, const void *context, const slip_stack *stack, bool train,
                          double log_measured, slip_stack *out, slip_lesson *lesson, slip_error *err) {
  size_t n;
  const slip_constant *constants = slip_stack_constants(&n);
  double g[CONSTANTS] = {0}, before, after, raw = 0;
  slip_status status = SLIP_OK;
  SLIP_TRY(predict(context, stack, &before, err));
  SLIP_TRY(sensitivities(predict, context, stack, train, g, err));
  for (size_t i = 0; i < n; i++)
    raw += g[i] * g[i] * constants[i].prior_sd * constants[i].prior_sd;
  double spread = train ? stack->spread_train : stack->spread_serve;
  const slip_spread_parts parts = slip_spread_split(spread, raw);
  const double own = parts.own, shared = parts.shared, scale = parts.scale, noise = SLIP_NOISE_SD * SLIP_NOISE_SD;
  double denominator = shared + own + noise;
  *out = *stack;
  for (size_t i = 0; i < n; i++) {
    double by =
        scale * constants[i].prior_sd * constants[i].prior_sd * g[i] / denominator * (log_measured - before);
    if (fabs(by) > 0)
      *slip_constant_of(out, &constants[i]) =
          slip_constant_shifted(&constants[i], *slip_constant_of(out, &constants[i]), by);
  }
  SLIP_TRY(predict(context, out, &after, err));
  double left = own + shared - shared * shared / denominator; /* variance of the next prediction */
  slip_spread_narrow(out, train, SLIP_Z80 * sqrt(left));
  out->spread_train_moe =
      train ? SLIP_Z80 * sqrt(left) : stack->spread_train_moe; /* of the job that was observed */
  *lesson = (slip_lesson){.kind = lesson->kind,
                          .predicted = exp(before),
                          .measured = exp(log_measured),
                          .posterior = exp(after),
                          .spread_before = spread,
                          .spread_after = SLIP_Z80 * sqrt(left)};
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

slip_status slip_observe_train(const slip_train_job *job, const slip_plan *plan,
                               const slip_observation *observation, slip_stack *out, slip_lesson *lesson,
                               slip_error *err) {
  train_run run = {*job, *plan, observation->kind};
  if (run.kind != SLIP_OBSERVED_STEP && run.kind != SLIP_OBSERVED_TOKENS_PER_S)
    return slip_fail_at(err, SLIP_BAD_INPUT, "observed", 0, 0, NULL,
                        "training is observed by step or tokens_per_s");
  lesson->kind = run.kind;
  slip_stack of_kind = *job->stack; /* its interval for models of this kind */
  of_kind.spread_train = slip_train_spread(job->stack, job->model);
  return update(train_log, &run, &of_kind, true, log(observation->value), out, lesson, err);
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
    return slip_fail_at(err, SLIP_BAD_INPUT, "observed", 0, 0, NULL,
                        "serving is observed by tokens_per_s, tpot or ttft");
  if (plan->batch <= 0)
    return slip_fail_at(err, SLIP_BAD_INPUT, "observed", 0, 0, "batch",
                        "needs the batch at which it was measured; give --batch or batch= in the plan");
  lesson->kind = run.kind;
  const slip_stack *stack = job->stack;
  slip_stack of_kind = *stack; /* its interval for figures of this kind */
  if (run.kind == SLIP_OBSERVED_TOKENS_PER_S)
    of_kind.spread_serve = stack->spread_rate;
  slip_status status = update(serve_log, &run, &of_kind, false, log(observation->value), out, lesson, err);
  if (status == SLIP_OK)
    out->spread_serve = stack->spread_serve * lesson->spread_after / lesson->spread_before;
  return status;
}
