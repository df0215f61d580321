/* Number formats: their names and what one stored element of each costs. */
#include <math.h>
#include <stddef.h>

#include "catalog/catalog_internal.h"

typedef struct dtype_row {
  const char *name;
  slip_dtype dtype;
  double bytes;
} dtype_row;

/* The first row of a dtype carries its own name; the others are what checkouts and vendors also call it.
 * NVFP4: one scale byte per 16 elements. int4: one bf16 scale per 32 elements (compressed-tensors with group_size
 * 32). */
static const dtype_row rows[] = {
    {"fp32", SLIP_FP32, 4.0},
    {"bf16", SLIP_BF16, 2.0},
    {"fp8", SLIP_FP8, 1.0},
    {"int8", SLIP_INT8, 1.0},
    {"fp4", SLIP_FP4, 0.5 + 1.0 / 16.0},
    {"int4", SLIP_INT4, 0.5 + 2.0 / 32.0},
    {"fp16", SLIP_BF16, 2.0},
    {"mxfp8", SLIP_FP8, 1.0},
    {"nvfp4", SLIP_FP4, 0.5 + 1.0 / 16.0},
    {"mxfp4", SLIP_FP4, 0.5 + 1.0 / 16.0},
};

static const dtype_row *row_of(slip_dtype dtype) {
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    if (rows[i].dtype == dtype)
      return &rows[i];
  }
  return NULL;
}

const char *slip_dtype_name(slip_dtype dtype) {
  const dtype_row *row = row_of(dtype);
  return row ? row->name : "unknown";
}

bool slip_dtype_parse(const char *name, slip_dtype *out) {
  for (size_t i = 0; name && i < sizeof(rows) / sizeof(rows[0]); i++) {
    if (slip_same_name(rows[i].name, name)) {
      *out = rows[i].dtype;
      return true;
    }
  }
  return false;
}

double slip_dtype_bytes(slip_dtype dtype) {
  const dtype_row *row = row_of(dtype);
  return row ? row->bytes : NAN;
}
