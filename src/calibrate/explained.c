#include "calibrate/explained.h"

#include <string.h>

#include "base/fail.h"

slip_status slip_explained_open(slip_arena *arena, slip_csv *out, slip_error *err) {
  const slip_embedded_file *file = &slip_explained_files[0];
  const slip_status status =
      slip_csv_parse(arena, "data/measured/explained.csv", (const char *)file->bytes, file->size, out, err);
  if (status != SLIP_OK || (slip_csv_has(out, "id") && slip_csv_has(out, "explanation")))
    return status;
  return slip_fail_at(err, SLIP_BAD_INPUT, out->file, 1, 0, NULL, "needs the columns id and explanation");
}

const char *slip_explained(const slip_csv *explained, const slip_checked *row) {
  static const char built_in[] = "data/measured/";
  if (strncmp(row->file, built_in, sizeof built_in - 1) != 0)
    return "";
  for (size_t i = 0; i < explained->n_rows; i++) {
    const slip_row entry = {explained, i};
    if (strcmp(slip_row_text(&entry, "id"), row->id) == 0)
      return slip_row_text(&entry, "explanation");
  }
  return "";
}
