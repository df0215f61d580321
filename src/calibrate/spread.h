/* Half-widths of 80% intervals, from residuals of rows that were predicted without being fitted to. */
#ifndef SLIP_CALIBRATE_SPREAD_H
#define SLIP_CALIBRATE_SPREAD_H

#include "calibrate/fit.h"

/* Rows of a workbench that a fit of their kind can use. */
typedef struct slip_fit_rows {
  slip_fit_row *rows;
  size_t *of; /* index of each in the workbench */
  size_t n;
  size_t n_fit; /* the first ones; those aside follow, which are fitted to by nobody */
} slip_fit_rows;

/* ---- quantiles of figures that come in groups ---- */

/* A figure, and what it has something in common with. */
typedef struct slip_grouped {
  double value, weight;
  uint64_t group;
  bool aside; /* of a row in no fit */
} slip_grouped;

/* How much of the variance of values lies between groups, 0 to 1: the intraclass correlation (MSB - MSW) / (MSB + (n0 - 1) MSW) of one-way
 * analysis of variance, n0 = (N - sum n_g^2 / N) / (k - 1) (Donner, Int. Stat. Rev. 54, 1986). 1 where groups cannot be told
 * from values: one group, or as many as values. Reorders v. O(n log n). */
double slip_intraclass(slip_grouped *v, size_t n);
/* Below which value one more of the same kind falls with probability p: the place p (n + 1) of n values that weigh the same, so that few
 * values give a wide answer, at most the largest. Values of a group tell in part the same: each weighs 1 / (1 + (n_g - 1) rho), the inverse of
 * its group's design effect (Kish, Survey Sampling, 1965), rho that of all, and n is the sum of the weights, *effective (NULL: not
 * wanted); a value lies in the middle of its weight. Values aside weigh together no more than the others do, since either kind may be the next. NAN
 * of none. Reorders v. O(n log n). */
double slip_grouped_quantile(slip_grouped *v, size_t n, double p, double *effective);

/* ---- intervals ---- */

/* Figures whose intervals are of one kind. */
typedef enum slip_spread_class {
  SLIP_SPREAD_MAIN,       /* training; TPOT */
  SLIP_SPREAD_MOE,        /* training of mixtures of experts */
  SLIP_SPREAD_TTFT = 1,   /* times to first token */
  SLIP_SPREAD_TTFT_SPLIT, /* the same where prefill has chips of its own */
  SLIP_SPREAD_RATE,       /* tokens/s of pools, and of a load that does not end */
  SLIP_SPREAD_OFFLINE,    /* anything of a fixed number of requests that are all there at once */
  SLIP_SPREAD_CLASSES
} slip_spread_class;

slip_spread_class slip_spread_class_of(const slip_case *c, int quantity);
/* How many classes the kind of rows has. */
int slip_spread_classes(slip_row_kind kind);
/* The stack's field of a class: its name, and its value. */
const char *slip_spread_field(slip_row_kind kind, slip_spread_class spread_class);
double slip_spread_of_stack(const slip_stack *stack, slip_row_kind kind, slip_spread_class spread_class);
/* The stack has learnt so much that its main half-width is `spread` now: the others, but those of queues, narrow alike. */
void slip_spread_narrow(slip_stack *stack, bool train, double spread);

uint64_t slip_text_hash(const char *text);
/* What rows have in common when a scheme predicts them: source family, model (operator) and chip; the source family; or, when nothing is known of
 * it, the stack (of one that the catalog does not have, the source family). */
uint64_t slip_fold_group(const slip_case *c);
uint64_t slip_family_group(const slip_case *c);
uint64_t slip_stack_group(const slip_case *c);

/* The catalog does not have the row's stack: it is predicted with the prior of its kind. */
bool slip_spread_is_of_prior(const slip_case *c);
/* Whose residuals tell of this row's interval: the stack, an operator's name for kernels. */
const char *slip_spread_owner(const slip_case *c);
/* Half-width of the 80% interval of a stack (of an operator, for kernels) from residuals[n * SLIP_MAX_QUANTITIES]: its own 80% quantile, and that
 * of all rows of the class, which counts as SLIP_POOL_ROWS independent figures; the class's likewise, and that of all classes akin: times to
 * first token, or all others. `group`: see above. `use` NULL: all rows. `of` NULL: any stack's. A class without figures akin has the
 * half-width of the class that its field falls back to (catalog.h). NAN without any. O(n log n). */
#define SLIP_POOL_ROWS 8.0
typedef struct slip_spread_rows {
  const slip_fit_rows *rows;
  const double *residuals;
  uint64_t (*group)(const slip_case *c);
  const bool *use;
  slip_grouped *scratch; /* [n * SLIP_MAX_QUANTITIES] */
  bool known;            /* rows of stacks that the catalog does not have tell nothing of one that it has */
} slip_spread_rows;
double slip_spread_from(const slip_spread_rows *from, const char *of, slip_spread_class spread_class);

#endif
