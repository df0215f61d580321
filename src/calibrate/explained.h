/* Why rows of data/measured are far off: data/measured/explained.csv, which has columns id and explanation and is no table of measurements. */
#ifndef SLIP_CALIBRATE_EXPLAINED_H
#define SLIP_CALIBRATE_EXPLAINED_H

#include <slipstick/validate.h>

#include "calibrate/csv.h"
#include "catalog/embedded.h"

extern const slip_embedded_file slip_explained_files[]; /* compiled in; one file */
extern const size_t slip_explained_file_count;

/* Texts live in the arena. SLIP_BAD_INPUT: no such columns; SLIP_NO_MEMORY. */
slip_status slip_explained_open(slip_arena *arena, slip_csv *out, slip_error *err);
/* Of a row of data/measured; "" when there is none. A row of another table has none, whatever its id. O(entries). */
const char *slip_explained(const slip_csv *explained, const slip_checked *row);

#endif
