/* What the files that read a training row share. A row is read in steps; the first step that fails leaves its
 * reason in the case and every later one does nothing. */
#ifndef SLIP_CALIBRATE_TRAIN_READ_H
#define SLIP_CALIBRATE_TRAIN_READ_H

#include "calibrate/case.h"

typedef struct slip_train_reading {
  const slip_case_reader *reader;
  const slip_row *row;
  slip_case *out;
  bool skipped, no_memory;
} slip_train_reading;

/* Lists the row without a score; the first reason stays. Always false. */
bool slip_train_skip(slip_train_reading *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Says how a field that the row lacks was filled in. */
void slip_train_infer(slip_train_reading *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A whole number >= 1 of a column; 0 when the cell is empty. Skips the row when it holds anything else. */
int64_t slip_train_count(slip_train_reading *r, const char *column);
/* Lower-case copy. Never NULL. */
const char *slip_train_lower(slip_train_reading *r, const char *text);
/* Copy of `text` in the arena; "" when out of memory, which is noted. */
const char *slip_train_keep(slip_train_reading *r, const char *text);

/* A fact beside the columns: `key=value` in `remark`, else one of the phrases of `notes` that say the same
 * (docs/measured.md lists the keys). NULL when neither says it. */
const char *slip_train_fact(slip_train_reading *r, const char *key);

/* What a family of sources counts as model FLOP, and whether it trains DeepSeek's MTP module. */
typedef struct slip_train_convention {
  const char *source;  /* how the source begins or what it contains */
  bool full_attention; /* the whole square, not its causal half */
  bool recompute;      /* the layers' forward is counted again */
  bool mtp;
} slip_train_convention;
const slip_train_convention *slip_train_convention_of(const char *source);
/* FLOP of one trained token by the convention. `frozen`: no weight gradients. */
double slip_train_flop_per_token(const slip_train_convention *convention, const slip_model *model, double seq,
                                 bool mtp, bool frozen);

/* The row's model: of the catalog, cut to the row's layers, or built from its dimension columns. NULL: skipped. */
const slip_model *slip_train_model(slip_train_reading *r);

/* Chip and system: the catalog's, its scale-out rate and scale-up domain replaced by what the row says. */
bool slip_train_system(slip_train_reading *r);

/* The plan, from the columns and the rules for empty ones; needs the job but for its stack's constants. */
bool slip_train_plan(slip_train_reading *r);

/* Seconds of a step of the case's job and plan on `stack`; *memory, when not NULL, gets the fullest stage. */
slip_status slip_train_case_step(const slip_train_case *c, const slip_train_job *job, const slip_plan *plan,
                                 double *step_s, slip_train_memory *memory, slip_error *err);

#endif
