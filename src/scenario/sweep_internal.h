/* A sweep as read: its axes, and what a point's digits make of a job. */
#ifndef SLIP_SCENARIO_SWEEP_INTERNAL_H
#define SLIP_SCENARIO_SWEEP_INTERNAL_H

#include "base/arena.h"
#include <slipstick/model.h>
#include <slipstick/sweep.h>

/* Of the rows: grows when what they hold, or how it is computed, changes within one version of the program. */
#define SLIP_SWEEP_VERSION "rows 1"

/* A parameter of a job, or a number of the catalog. */
typedef enum slip_axis_kind { SLIP_AXIS_TEXT, SLIP_AXIS_COUNT, SLIP_AXIS_NUMBER, SLIP_AXIS_FLAG } slip_axis_kind;

/* What one point asks. Texts are NULL, counts 0, numbers NAN where the file says nothing. */
typedef struct slip_grid_job {
  const char *model, *system, *decode_system, *stack, *region, *plan, *dtype, *weights, *kv, *operation;
  int64_t chips, seq, batch, isl, osl;
  double ttft_s, tpot_s, prefix_hit;
  int64_t no_mtp;
} slip_grid_job;

typedef struct slip_axis_field {
  const char *name;
  slip_axis_kind kind;
  unsigned jobs; /* bit 0: train, bit 1: serve */
  bool seconds;  /* a time: 50ms, 2s */
  double low, high;
  size_t offset; /* in slip_grid_job */
} slip_axis_field;
extern const slip_axis_field slip_axis_fields[];
extern const int slip_n_axis_fields;

typedef struct slip_grid_axis {
  const slip_axis_field *field; /* NULL: a number of the catalog */
  char column[64];
  int64_t count;
  const char **texts; /* [count], texts */
  double *numbers;    /* [count], the rest */
  /* of the catalog */
  slip_kind kind;
  const char *entry;
  const slip_field *number;
  int level; /* index of the system's level; -1: not of a level */
  bool times;
} slip_grid_axis;

enum { SLIP_MAX_AXES = 40 };

struct slip_grid {
  const slip_catalog *catalog;
  slip_arena *arena;
  const char *text; /* of the file */
  bool serve;
  slip_grid_axis axes[SLIP_MAX_AXES];
  int n_axes;
  int64_t points;
  struct {
    const char *path;
    slip_model_file *file;
  } * models; /* those read from files; [n_models], owned */
  size_t n_models;
  slip_column columns[SLIP_MAX_COLUMNS];
  int n_columns;
};

/* Moves a number of a copy of the axis's entry: sets it (in the file's unit), or multiplies what it is. SLIP_BAD_INPUT: nothing
 * published to multiply, or out of the field's range. */
slip_status slip_axis_move(const slip_grid_axis *axis, slip_entry *entry, double value, slip_error *err);
/* Every value of such an axis can be had. */
slip_status slip_axis_check(const slip_catalog *catalog, const slip_grid_axis *axis, slip_error *err);
/* A model of the catalog, or one that the sweep read from a file. */
const slip_model *slip_grid_model(const slip_grid *sweep, const slip_catalog *catalog, const char *name,
                                  slip_error *err);

#endif
