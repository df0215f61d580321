/* What is calibrated: data/calibration/NAME.yaml, one file per kind of row. It says which constants of the catalog are fitted to which
 * rows, which entries share one value, and what is believed before any row is seen.
 *
 *   x = prior, moved (in ln or logit) by common_sd * m + entry_sd * e + own_sd * d,   m, e, d ~ N(0, 1)
 *
 * m is one number per field of a file: what stacks (or chip generations) of a kind have in common, and thus what one of which no row
 * was ever seen gets. e is one number per group's first entry, shared by all its fields that have an entry_sd: a generation whose products
 * sustain much of its peak sustains much in attention too. d is one number per group of entries that share the constant.
 * docs/cost-model.md, "Calibration of the built-in constants". */
#ifndef SLIP_CALIBRATE_AGENDA_H
#define SLIP_CALIBRATE_AGENDA_H

#include <slipstick/calibrate.h>

#include "base/arena.h"
#include "catalog/embedded.h"

extern const slip_embedded_file slip_calibration_files[]; /* data/calibration/, compiled in; sorted by path */
extern const size_t slip_calibration_file_count;

typedef struct slip_agenda_field {
  const char *name;
  const slip_field *field; /* of its kind */
  double prior;            /* SI */
  bool bounded;            /* the value stays between low and high, SI */
  double low, high;
  double common_sd, entry_sd, own_sd; /* of the transformed value; 0: there is no such part */
  slip_transform transform;
  const char *why; /* where the prior comes from */
} slip_agenda_field;

/* A place that holds the constant: a kernel profile or a stack, or one level of a system's network. */
typedef struct slip_agenda_owner {
  slip_kind kind;
  const char *entry, *level; /* level NULL unless kind is SLIP_KIND_SYSTEM */
  int line;
} slip_agenda_owner;

/* One constant: a field and those who share its value. */
typedef struct slip_agenda_constant {
  size_t field; /* index */
  double prior; /* SI: the field's, or the group's own */
  const char *why;
  const slip_agenda_owner *owners;
  size_t n_owners;
} slip_agenda_constant;

/* A field that keeps its ratio to another of the same entry while that is fitted: nothing measures it by itself. */
typedef struct slip_agenda_follower {
  const char *name, *leader;
} slip_agenda_follower;

typedef struct slip_agenda {
  const char *file;
  slip_row_kind rows;
  double row_sd;  /* of ln(predicted / measured): what belongs to a row and is not learnt */
  double ttft_sd; /* the same of a time to first token, which hangs on the queue; row_sd when absent */
  const slip_agenda_field *fields;
  size_t n_fields;
  const slip_agenda_constant *constants;
  size_t n_constants;
  const slip_agenda_follower *followers;
  size_t n_followers;
} slip_agenda;

/* Reads one file from memory; all of it lives in the arena. SLIP_BAD_INPUT with file, line and field: a key or field that is not known, a
 * prior outside its range, a field without a prior, a constant given twice to one owner. Whether owners exist is seen when it is bound. O(n). */
slip_status slip_agenda_parse(slip_arena *arena, const char *file, const char *bytes, size_t n, slip_agenda *out,
                              slip_error *err);
/* The built-in agenda of a kind of row. */
slip_status slip_agenda_builtin(slip_arena *arena, slip_row_kind rows, slip_agenda *out, slip_error *err);

#endif
