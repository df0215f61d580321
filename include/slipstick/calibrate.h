/* Calibration of a software stack by what was observed on it.
 *
 * A stack has a few constants with log-normal (or, for shares, logit-normal) priors. One observation moves them by the
 * evidence it carries and no further: the update of a linear Gaussian model (Kalman gain) around the prior, with the noise
 * that equal runs show. So a single row never takes the whole of a residual, and the interval narrows by what was learnt.
 * Many rows of a table move them together: the most probable constants given the rows (slip_calibrate). */
#ifndef SLIPSTICK_CALIBRATE_H
#define SLIPSTICK_CALIBRATE_H

#include <slipstick/serve.h>
#include <slipstick/train.h>
#include <slipstick/validate.h>

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
  double prior_sd;   /* of the transformed value */
  double low, high;  /* legal range of the value itself, SI */
  slip_transform transform;
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
slip_status slip_observe_train(const slip_train_job *job, const slip_plan *plan,
                               const slip_observation *observation, slip_stack *out, slip_lesson *lesson,
                               slip_error *err);
slip_status slip_observe_serve(const slip_serve_job *job, const slip_serve_plan *plan,
                               const slip_observation *observation, slip_stack *out, slip_lesson *lesson,
                               slip_error *err);

/* ---- many rows ---- */

typedef struct slip_calibrate_job {
  const slip_catalog *catalog;
  const char *file;    /* a table of training or of serving rows, as slip_validate reads */
  const char *stack;   /* whose constants are fitted; NULL: the one that all rows resolve to */
  bool cross_validate; /* leave one row out up to 20 rows, else five folds */
  double seconds;      /* limit of time for all fits; 0: 280 */
} slip_calibrate_job;

/* A constant before and after. Widths are standard deviations of the transformed value. */
typedef struct slip_fitted {
  const slip_constant *constant;
  double before, after; /* SI */
  double prior_sd, posterior_sd;
  bool free; /* some row depends on it; else it stays as it was */
} slip_fitted;

/* A row of the table that took no part. Texts live as long as the calibration. */
typedef struct slip_left_out {
  const char *id;
  int line;
  const char *reason;
} slip_left_out;

/* Of |predicted / measured - 1| over all figures of the rows used. */
typedef struct slip_fit_errors {
  double median, p90;
} slip_fit_errors;

typedef enum slip_folds {
  SLIP_FOLDS_NONE,   /* not cross-validated: not asked for, one row only, or stopped */
  SLIP_FOLDS_ROWS,   /* each row left out once */
  SLIP_FOLDS_GROUPS, /* five folds; rows of one chip and model stay together */
  SLIP_FOLDS_MIXED,  /* five folds of rows: there are fewer than five pairs of chip and model */
} slip_folds;

enum { SLIP_MAX_CONSTANTS = 16 };

typedef struct slip_calibration {
  slip_row_kind kind; /* training or serving */
  const char *file;
  const slip_stack *base; /* of the catalog, which must outlive the calibration */
  slip_stack stack;       /* the base with its constants and spread as fitted */
  slip_fitted constants[SLIP_MAX_CONSTANTS];
  size_t n_constants, n_free;
  size_t rows, rows_used, figures; /* figures: measured quantities of the rows used */
  const slip_left_out *left_out;
  size_t n_left_out;
  slip_fit_errors before, after, crossed; /* crossed: of rows that the fit did not see; NAN without folds */
  slip_folds folds;
  double spread_before, spread_after; /* half-width of the 80% interval of ln(prediction) */
  bool converged; /* false: ended by the limit of evaluations or of time, at the best found by then */
  void *memory;
} slip_calibration;

/* Fits the constants of one stack to the rows of a table. Rows that cannot be resolved, and rows of other stacks, are listed and left out;
 * a row of no or an unknown framework counts for the stack named. SLIP_BAD_INPUT: the file, an unknown stack, rows of several
 * stacks and none named, a table of kernels; SLIP_INFEASIBLE: no usable row; SLIP_INTERRUPTED: stop was raised before the fit was done.
 * progress as in slip_validate. The outcome does not depend on the number of threads. */
slip_status slip_calibrate(const slip_calibrate_job *job, const volatile int *stop,
                           void (*progress)(double share, void *context), void *context, slip_calibration **out,
                           slip_error *err);
void slip_calibration_free(slip_calibration *calibration); /* NULL is allowed */

enum { SLIP_STACK_PATH_SIZE = 4096 };

/* Writes the calibrated stack as a catalog file: into PATH/stacks/ when path is a folder, under the name BASE-calibrated; else to path itself,
 * NAME.yaml, under that name. Every fact of the base keeps its source; the fitted ones have the base's value under "also".
 * `date` is today, "2026-11-24". The file appears whole or not at all; one that is there is replaced only when `replace`. `written` gets its
 * path. SLIP_BAD_INPUT, SLIP_IO_FAILURE, SLIP_NO_MEMORY. */
slip_status slip_calibration_write(const slip_calibration *calibration, const char *path, const char *date,
                                   bool replace, char written[SLIP_STACK_PATH_SIZE], slip_error *err);

/* ---- the constants of the catalog itself ---- */

/* A constant of the catalog, shared by some entries, as fitted to published rows (data/calibration/ says which and with what prior). */
typedef struct slip_builtin_constant {
  const char *field, *unit;
  const char *shared;          /* "stacks/NAME, stacks/NAME": who has it */
  double prior, before, after; /* in the unit of the file; before: of the first that shares it, NAN: it had none */
  double posterior_sd;         /* of the transformed value */
  bool is_share;               /* transformed by logit, else by ln */
  size_t rows;                 /* that depend on it; 0: it stays as the others of its kind have it */
} slip_builtin_constant;

typedef struct slip_builtin_stage {
  slip_row_kind kind;
  const char *agenda; /* file of data/calibration/ */
  const slip_builtin_constant *constants;
  size_t n_constants;
  slip_fit_size size;
  slip_fit_errors before, after, folds,
      unseen; /* in sample as the catalog was, as fitted; held out by folds; a source family unseen */
} slip_builtin_stage;

typedef struct slip_builtin_calibration {
  slip_builtin_stage stages[SLIP_ROW_KINDS]; /* in the order of fitting: kernels, training, serving */
  size_t n_files;                            /* of the catalog, that change */
  void *memory;
} slip_builtin_calibration;

typedef struct slip_builtin_job {
  const slip_catalog *catalog;
  const char *date;         /* "2026-11-24" */
  const char *const *files; /* tables to fit to; none: the built-in ones. A kind without rows is left as it is */
  size_t n_files;
} slip_builtin_job;

/* Fits the constants of kernels and networks to the kernel rows, then those of training and serving stacks to end-to-end rows, given the
 * former; then the intervals of stacks from rows held out, and the priors for stacks of which nothing is known. The catalog is not changed. SLIP_INTERRUPTED leaves nothing. Minutes; the outcome does not depend on the number of
 * threads. The catalog must outlive it. */
slip_status slip_calibrate_builtin(const slip_builtin_job *job, const volatile int *stop,
                                   void (*progress)(double share, void *context), void *context,
                                   slip_builtin_calibration **out, slip_error *err);
void slip_builtin_calibration_free(slip_builtin_calibration *calibration); /* NULL is allowed */
/* Writes the files that change into folder/kernels, folder/stacks, folder/systems, each whole or not at all: an overlay of the catalog.
 * SLIP_BAD_INPUT: one is there and not `replace`; SLIP_IO_FAILURE. */
slip_status slip_builtin_calibration_write(const slip_builtin_calibration *calibration, const char *folder,
                                           bool replace, slip_error *err);

#ifdef __cplusplus
}
#endif
#endif
