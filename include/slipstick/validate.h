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
  const char *vendor; /* of the chip; "" when that is not known */
  bool moe;           /* the model has experts; kernels: false */
  bool layout_known;  /* the row gives its parallel layout: none was searched */
  bool drafts_known;  /* serving: the row says whether drafts were used, or its model has no drafting modules */
  bool disaggregated; /* serving: prefill and decode on different chips */
} slip_checked;

/* predicted / measured - 1. */
double slip_checked_error(const slip_checked *row);

typedef struct slip_validation slip_validation;

/* With which constants a row is predicted. */
typedef enum slip_scheme {
  SLIP_IN_SAMPLE, /* those of the catalog, to whose fit the built-in rows may have contributed */
  SLIP_FOLDS, /* fitted to four fifths of the rows, of which it is none: five folds; rows of one source family, model (kernels: operator)
                   * and chip stay together */
  SLIP_FAMILIES, /* fitted to all rows but those of its source family */
  SLIP_OBSERVED, /* the same, then updated by one other row of its own stack and chip (calibrate.h, slip_observe_train): one of the first five
                   * by a hash of their ids, dealt in turn. Training and serving only */
  SLIP_SCHEMES
} slip_scheme;

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
/* The same rows under every scheme: what is fitted and with what priors is data/calibration/ (docs/catalog.md). *out is the validation in
 * sample, and slip_validation_of gives the others. Takes minutes; SLIP_INTERRUPTED leaves nothing. */
slip_status slip_validate_held_out(const slip_validate_job *job, const volatile int *stop,
                                   void (*progress)(double share, void *context), void *context,
                                   slip_validation **out, slip_error *err);
/* Of a held-out validation: its rows under a scheme, as a validation that lives as long. NULL when there are none. */
const slip_validation *slip_validation_of(const slip_validation *validation, slip_scheme scheme);
/* The fit to all rows of a kind that a held-out validation began with. */
typedef struct slip_fit_size {
  size_t rows, constants; /* rows that counted; constants that some row depends on */
  double effective;       /* constants that the rows determine, sum of 1 - posterior / prior variance */
} slip_fit_size;
slip_fit_size slip_validation_fit(const slip_validation *validation, slip_row_kind kind);
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

/* ---- what is promised: classes of rows ---- */

/* Whether the model puts measurements in the right order: pairs of which one is more than 15% above the other. */
typedef struct slip_order {
  size_t configurations, configurations_right; /* of one chip, stack, source family, kind and quantity */
  size_t systems,
      systems_right; /* of one source family, model and quantity on different chips (kernels: same operator) */
} slip_order;

/* Classes overlap: "training", "training, mixture of experts", "TPOT, drafts known", ...; the last is of all figures. */
size_t slip_row_classes(void);
const char *slip_row_class_name(size_t i);
/* Over the rows of the class; classes of chips leave out those with fewer than 10 scored figures. order may be NULL.
 * SLIP_BAD_INPUT: no such class; SLIP_NO_MEMORY. O(rows^2) with order. */
slip_status slip_validation_class(const slip_validation *validation, size_t i, slip_summary *out, slip_order *order,
                                  slip_error *err);

#ifdef __cplusplus
}
#endif
#endif
