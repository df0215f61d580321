/* What a validation holds. */
#ifndef SLIP_CALIBRATE_VALIDATION_H
#define SLIP_CALIBRATE_VALIDATION_H

#include <slipstick/validate.h>

#include "base/arena.h"

struct slip_validation {
  slip_arena **arenas; /* of the tables' texts, and one per thread */
  size_t n_arenas;
  slip_checked *rows; /* in table order */
  size_t n_rows;
};

#endif
