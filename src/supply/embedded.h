/* The built-in studies: every data/supply/NAME.yaml and data/scenarios/NAME.yaml, compiled in by tools/embed.c, sorted by path. */
#ifndef SLIP_SUPPLY_EMBEDDED_H
#define SLIP_SUPPLY_EMBEDDED_H

#include "base/arena.h"
#include "base/doc.h"
#include "catalog/embedded.h"

extern const slip_embedded_file slip_studies_files[];
extern const size_t slip_studies_file_count;

/* The document of a built-in by name, or of a file when the name has a '/' or ends in .yaml. folder: "supply" or "scenarios". The error of
 * an unknown name gives the nearest. */
slip_status slip_study_read(slip_arena *arena, const char *folder, const char *name, const slip_node **root,
                            slip_error *err);
/* i-th built-in name of a folder; NULL out of range. Copied into the arena. */
const char *slip_study_name(slip_arena *arena, const char *folder, size_t i);

#endif
