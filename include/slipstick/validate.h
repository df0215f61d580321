/* The model held against published measurements, row by row.
 *
 * A table is a CSV file with a header line; columns are found by name, so their order does not matter and others may be there.
 * Which columns make a row of training, serving or kernels is in docs/measured.md. The built-in tables are data/measured/. */
#ifndef SLIPSTICK_VALIDATE_H
#define SLIPSTICK_VALIDATE_H

#include <slipstick/search.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum slip_row_kind { SLIP_ROW_TRAINING, SLIP_ROW_SERVING, SLIP_ROW_KERNEL, SLIP_ROW_KINDS } slip_row_kind;

/* One quantity of one row. Texts live as long as both the validation and the catalog. */
typedef struct slip_checked {
  const char *file;
  int line;                /* of the row, 1-based */
  const char *id, *source; /* as the row has them */
  const char *family;      /* the source's family: all releases of one table are one */
  const char *phase;       /* "training", "prefill", "decode", "e2e_offline", "e2e_online", "kernel" */
  const char *chip,
      *model;        /* catalog names, or the row's own text when they were not resolved; kernels: op as model */
  const char *stack; /* of the catalog; "" for kernels */
  const char *quantity, *unit; /* "step_time_s", "tokens_per_s_per_chip_out", ... */
  double measured, predicted;  /* in `unit`; predicted NAN when skipped */
  double lo, hi;               /* 80% interval of the prediction */
  bool scored;                 /* false: listed only */
  const char *reason;          /* why not scored; "" when it is */
  const char *inferred;        /* fields that the row lacks and how they were filled in; "" none */
  slip_row_kind kind;
} slip_checked;

/* predicted / measured - 1. */
double slip_checked_error(const slip_checked *row);

typedef struct slip_validation slip_validation;

typedef struct slip_validate_job {
  const slip_catalog *catalog;
  const char *const *files; /* CSV files; none: the built-in tables */
  size_t n_files;
} slip_validate_job;

/* Reads and predicts every row. A bad row is kept, not scored, with its line and reason, and the rest is still done. Errors: a file that
 * cannot be read or is no table (SLIP_IO_FAILURE, SLIP_BAD_INPUT), SLIP_NO_MEMORY. progress, when not NULL, is told the share done; stop is polled:
 * SLIP_INTERRUPTED then still leaves the rows done so far in *out. Rows are spread over threads; the result does not depend on their number,
 * and progress is called by one of them at a time. O(rows), once the catalog is open. */
slip_status slip_validate(const slip_validate_job *job, const volatile int *stop,
                          void (*progress)(double share, void *context), void *context, slip_validation **out,
                          slip_error *err);
void slip_validation_free(slip_validation *validation);
size_t slip_validation_count(const slip_validation *validation);
const slip_checked *slip_validation_row(const slip_validation *validation, size_t i); /* in table order */

/* Over the scored rows of a group. Quantiles are interpolated linearly between the two nearest ranks. */
typedef struct slip_summary {
  const char *group; /* "all", or the value of the key */
  size_t scored, skipped;
  double median_error, p90_error; /* of |predicted / measured - 1| */
  double bias;                    /* median of ln(predicted / measured) */
  double rank_correlation;        /* Spearman, equal values sharing their mean rank; NAN below three rows */
  double coverage;                /* share whose measurement lies in its 80% interval */
  double spread80;                /* 80% quantile of |ln(predicted / measured)| */
} slip_summary;

typedef enum slip_group_key {
  SLIP_BY_ALL,
  SLIP_BY_CHIP,
  SLIP_BY_MODEL,
  SLIP_BY_SOURCE,
  SLIP_BY_PHASE,
  SLIP_BY_STACK,
  SLIP_BY_QUANTITY,
  SLIP_GROUP_KEYS
} slip_group_key;

/* One summary per value of the key, in order of name; at most `most` are written, *count is how many there are. kind SLIP_ROW_KINDS: all kinds.
 * O(rows log rows). */
slip_status slip_validation_summarise(const slip_validation *validation, slip_row_kind kind, slip_group_key key,
                                      slip_summary *out, size_t most, size_t *count, slip_error *err);

#ifdef __cplusplus
}
#endif
#endif
