/* Operator lists of the catalog's models. Include after cmocka.h. */
#ifndef SLIP_TESTS_OPERATORS_H
#define SLIP_TESTS_OPERATORS_H

#include <string.h>

#include "support/close.h"
#include <slipstick/operators.h>

static slip_catalog *catalog;

static inline int open_catalog(void **state) {
  return slip_catalog_open(NULL, 0, &catalog, NULL) == SLIP_OK ? 0 : 1;
}

static inline int close_catalog(void **state) {
  slip_catalog_free(catalog);
  return 0;
}

static inline const slip_model *model_named(const char *name) {
  const slip_model *model = NULL;
  assert_int_equal(slip_catalog_model(catalog, name, &model, NULL), SLIP_OK);
  return model;
}

/* Training in bf16: sequences of this length from their start. */
static inline slip_work training(double sequences, double length) {
  slip_work work = {.n_segments = 1,
                    .training = true,
                    .compute = SLIP_BF16,
                    .kv = SLIP_BF16,
                    .dispatch_bytes = 2,
                    .imbalance = 1};
  work.segments[0] = (slip_segment){sequences, length, 0};
  work.weights = (slip_weight_formats){SLIP_BF16, SLIP_BF16, SLIP_BF16, SLIP_BF16, SLIP_BF16};
  return work;
}

/* Serving in bf16: sequences that add `fresh` tokens to `past` ones. */
static inline slip_work serving(double sequences, double fresh, double past) {
  slip_work work = training(sequences, fresh);
  work.training = false;
  work.segments[0].past = past;
  return work;
}

static inline const slip_op *op_named(const slip_op_list *list, const char *name) {
  for (int i = 0; i < list->count; i++)
    if (strcmp(list->ops[i].name, name) == 0)
      return &list->ops[i];
  fail_msg("no operator is named %s", name);
  return NULL;
}

#endif
