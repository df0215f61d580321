/* Rows of kernel measurements, inside: what the parts of the reader share. The `shape` cell is a JSON object;
 * docs/measured.md lists its keys. */
#ifndef SLIP_CALIBRATE_KERNEL_INTERNAL_H
#define SLIP_CALIBRATE_KERNEL_INTERNAL_H

#include "base/doc.h"
#include "calibrate/case.h"

typedef struct slip_kernel_reader {
  const slip_case_reader *base;
  const slip_row *row;
  const char *op, *dtype, *unit, *remark; /* cells; remark is `notes` where the table has no `remark` */
  const slip_node *shape;
  slip_device device;
  slip_case *out;
  double flop, bytes; /* of the row, for units that are rates; NAN: such a unit cannot be read */
  bool no_memory;
} slip_kernel_reader;

/* Marks the row as not scored, with the reason; the first reason stays. Returns false. */
bool slip_kernel_skip(slip_kernel_reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Notes that a field was filled in, and how. */
void slip_kernel_infer(slip_kernel_reader *r, const char *text);

/* The number under `key` of the shape, NAN when absent; skips when it is no number above 0. */
double slip_kernel_number(slip_kernel_reader *r, const char *key);
/* The same, needed: skips, naming the key, when absent. */
double slip_kernel_need(slip_kernel_reader *r, const char *key);
/* The text under `key`, "" when absent. */
const char *slip_kernel_text(const slip_kernel_reader *r, const char *key);
/* The format that the dtype cell says; skips when it says none that is known. */
bool slip_kernel_dtype(slip_kernel_reader *r, slip_dtype *out);

/* Operators of one chip and collectives; each fills ops, group, flop, bytes. False when skipped. */
bool slip_kernel_read_gemm(slip_kernel_reader *r);
bool slip_kernel_read_grouped(slip_kernel_reader *r);
bool slip_kernel_read_prefill(slip_kernel_reader *r);
bool slip_kernel_read_decode(slip_kernel_reader *r);
bool slip_kernel_read_mla(slip_kernel_reader *r);
bool slip_kernel_read_collective(slip_kernel_reader *r);
bool slip_kernel_read_exchange(slip_kernel_reader *r);
bool slip_kernel_read_send(slip_kernel_reader *r);

#endif
