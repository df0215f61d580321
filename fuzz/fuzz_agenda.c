/* Bytes as a file of data/calibration. Nothing but SLIP_OK, bad input with a line and no memory may come out; what is read is sound and can be
 * bound to the built-in catalog, or an owner is named that it lacks. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "calibrate/joint.h"

static slip_catalog *catalog; /* opened once; binding reads it, and restoring leaves it as it was */

/* An answer that no input may give ends the run, so that the fuzzer keeps the input. */
static void expect(int is_as_it_should_be) {
  if (!is_as_it_should_be)
    abort();
}

static void check_fields(const slip_agenda *a) {
  expect(a->row_sd > 0 && (int)a->rows >= 0 && a->rows < SLIP_ROW_KINDS && a->n_fields > 0);
  for (size_t i = 0; i < a->n_fields; i++) {
    const slip_agenda_field *f = &a->fields[i];
    expect(f->field != NULL && f->why != NULL && f->prior > 0 && isfinite(f->prior));
    expect(f->transform == SLIP_LOG || f->prior < 1);
    expect(!f->bounded || (f->low < f->prior && f->prior < f->high));
    expect(f->own_sd >= 0 && f->entry_sd >= 0 && f->common_sd >= 0);
  }
}

/* Its fit to no rows is its prior. */
static void bind(slip_arena *arena, const slip_agenda *a) {
  slip_joint *joint = NULL;
  slip_error err = {0};
  const slip_status status = slip_joint_open(arena, a, catalog, NULL, 0, &joint, &err);
  expect(status == SLIP_OK || (status == SLIP_BAD_INPUT && err.line > 0 && err.message[0] != '\0'));
  if (status != SLIP_OK)
    return;
  const slip_joint_constant *constants;
  const size_t n = slip_joint_constants(joint, &constants);
  double *u = slip_arena_array(arena, slip_joint_unknowns(joint) + 1, sizeof *u);
  expect(n == a->n_constants && u != NULL);
  expect(slip_joint_start(joint, u, NULL) == SLIP_OK);
  for (size_t i = 0; i < slip_joint_unknowns(joint); i++)
    expect(isfinite(u[i]));
  slip_joint_move(joint, u);
  (void)slip_joint_constants(joint, &constants);
  for (size_t i = 0; i < n; i++)
    expect(constants[i].now >= 0);
  slip_joint_restore(joint);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (catalog == NULL)
    expect(slip_catalog_open(NULL, 0, &catalog, NULL) == SLIP_OK);
  slip_arena *arena = slip_arena_open();
  slip_agenda a;
  slip_error err = {0};
  expect(arena != NULL);
  const slip_status status = slip_agenda_parse(arena, "input", (const char *)data, size, &a, &err);
  expect(status == SLIP_OK || (status == SLIP_BAD_INPUT && err.line > 0 && err.message[0] != '\0'));
  if (status == SLIP_OK) {
    check_fields(&a);
    bind(arena, &a);
  }
  slip_arena_free(arena);
  return 0;
}
