/* Folders of data files. */
#ifndef SLIP_BASE_FOLDER_H
#define SLIP_BASE_FOLDER_H

#include <stddef.h>

#include "base/arena.h"
#include <slipstick/error.h>

/* The names in a directory but those that start with a dot, sorted, so that the order of reading (and thus which
 * error comes first) does not depend on the file system. O(n^2) at worst, n being the files of one folder. */
slip_status slip_folder_list(slip_arena *arena, const char *path, const char ***out, size_t *n_out,
                             slip_error *err);

#endif
