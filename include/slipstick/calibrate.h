/* Calibration of a software stack by what was observed on it.
 *
 * A stack has a few constants with log-normal (or, for shares, logit-normal) priors. One observation moves them by the
 * evidence it carries and no further: the update of a linear Gaussian model (Kalman gain) around the prior, with the noise
 * that equal runs show. So a single row never takes the whole of a residual, and the interval narrows by what was learnt. */
#ifndef SLIPSTICK_CALIBRATE_H
#define SLIPSTICK_CALIBRATE_H

#include <slipstick/serve.h>
#include <slipstick/train.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum slip_transform {
  SLIP_LOG,   /* a positive number: ln x is normal */
  SLIP_LOGIT, /* a share in (0, 1): ln(x / (1 - x)) is normal */
} slip_transform;

/* A constant of slip_stack that calibration may move. */
typedef struct slip_constant {
  const char *field; /* its name in stack files */
  size_t offset;     /* of the double in slip_stack */
  slip_transform transform;
  double prior_sd;   /* of the transformed value */
  double low, high;  /* legal range of the value itself, SI */
  bool trains, serves;
} slip_constant;

/* The table of them. */
const slip_constant *slip_stack_constants(size_t *count);

typedef enum slip_observed {
  SLIP_OBSERVED_STEP,         /* training step, s */
  SLIP_OBSERVED_TOKENS_PER_S, /* training: of the whole cluster; serving: output tokens of the whole fleet or instance */
  SLIP_OBSERVED_TPOT,         /* s */
  SLIP_OBSERVED_TTFT,         /* s */
  SLIP_OBSERVED_KINDS
} slip_observed;

/* "step=4.2s", "tokens_per_s=12000", "tpot=41ms", "ttft=1.2s". SLIP_BAD_INPUT. */
typedef struct slip_observation {
  slip_observed kind;
  double value; /* SI, > 0 */
} slip_observation;
slip_status slip_observation_parse(const char *text, slip_observation *out, slip_error *err);

/* What an observation taught. */
typedef struct slip_lesson {
  slip_observed kind;
  double predicted, measured; /* before, in the observation's unit */
  double posterior;           /* after */
  double spread_before, spread_after;
} slip_lesson;

/* Copies the job's stack into *out with its constants updated by one observation made with `plan`, and its spread
 * narrowed. SLIP_BAD_INPUT when the observation is of another kind of job; else as the estimate. */
slip_status slip_observe_train(const slip_train_job *job, const slip_plan *plan, const slip_observation *observation,
                               slip_stack *out, slip_lesson *lesson, slip_error *err);
slip_status slip_observe_serve(const slip_serve_job *job, const slip_serve_plan *plan,
                               const slip_observation *observation, slip_stack *out, slip_lesson *lesson,
                               slip_error *err);

#ifdef __cplusplus
}
#endif
#endif
