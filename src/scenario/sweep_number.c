/* Numbers of the catalog that an axis of a sweep moves. */
#include <math.h>
#include <stddef.h>

#include "base/fail.h"
#include "base/text.h"
#include "catalog/catalog_internal.h"
#include "scenario/sweep_internal.h"

/* Moves what is per chip in the file and per rank in memory. */
static double unit_of(const slip_system *system, const slip_field *number) {
  if (number->offset == (ptrdiff_t)offsetof(slip_level, bytes_per_s))
    return 1 / system->chip->ranks;
  if (number->offset == (ptrdiff_t)offsetof(slip_level, ranks))
    return system->chip->ranks;
  return 1;
}

/* The member of an entry that an axis moves; its SI value per unit of the file in *per. */
static double *member_of(const slip_grid_axis *axis, slip_entry *entry, double *per) {
  char *owner = (char *)entry;
  *per = 1;
  if (axis->level >= 0) {
    slip_system *system = (slip_system *)(void *)entry;
    owner = (char *)&system->levels[axis->level];
    *per = unit_of(system, axis->number);
  }
  return (double *)(void *)(owner + axis->number->offset);
}

/* What the member becomes, within the field's range. */
static slip_status moved(const slip_grid_axis *axis, const double *member, double per, double value, double *out,
                         slip_error *err) {
  const slip_field *f = axis->number;
  if (axis->times && isnan(*member))
    return slip_fail(err, SLIP_BAD_INPUT, "%s of %s is not published, so there is nothing to multiply; use `to`",
                     f->name, axis->entry);
  double si = axis->times ? *member * value : value * f->multiply / f->divide * per;
  double shown = si / per / f->multiply * f->divide, slack = 1e-9 * fabs(shown);
  if (isinf(si) || !(shown >= f->low - slack && shown <= f->high + slack)) {
    char a[SLIP_DOUBLE_SIZE], b[SLIP_DOUBLE_SIZE], c[SLIP_DOUBLE_SIZE];
    return slip_fail(err, SLIP_BAD_INPUT, "%s of %s would be %s %s; it is from %s to %s", f->name, axis->entry,
                     slip_format_double(a, shown), f->unit, slip_format_double(b, f->low),
                     slip_format_double(c, f->high));
  }
  *out = si;
  return SLIP_OK;
}

slip_status slip_axis_check(const slip_catalog *catalog, const slip_grid_axis *axis, slip_error *err) {
  double per, ignored;
  const double *member = member_of(axis, slip_catalog_lookup(catalog, axis->kind, axis->entry), &per);
  slip_status status = SLIP_OK;
  for (int64_t i = 0; i < axis->count && status == SLIP_OK; i++)
    status = moved(axis, member, per, axis->numbers[i], &ignored, err);
  return status;
}

slip_status slip_axis_move(const slip_grid_axis *axis, slip_entry *entry, double value, slip_error *err) {
  double per, si = 0, *member = member_of(axis, entry, &per);
  slip_status status = moved(axis, member, per, value, &si, err);
  if (status != SLIP_OK)
    return status;
  *member = si;
  if (axis->kind == SLIP_KIND_CHIP) /* int4 computes in bf16 */
    ((slip_chip *)(void *)entry)->peak_flops[SLIP_INT4] = ((slip_chip *)(void *)entry)->peak_flops[SLIP_BF16];
  if (axis->kind == SLIP_KIND_KERNELS)
    ((slip_kernels *)(void *)entry)->gemm_fraction[SLIP_INT4] =
        ((slip_kernels *)(void *)entry)->gemm_fraction[SLIP_BF16];
  return SLIP_OK;
}
