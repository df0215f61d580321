/* Folders of data files. */
#include "base/folder.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "base/fail.h"

slip_status slip_folder_list(slip_arena *arena, const char *path, const char ***out, size_t *n_out,
                             slip_error *err) {
  const char **names = NULL;
  size_t count = 0, capacity = 0;
  slip_status status = SLIP_OK;
  DIR *directory = opendir(path);
  if (!directory)
    return slip_fail_at(err, SLIP_IO_FAILURE, path, 0, 0, NULL, "cannot be read as a directory: %s",
                        strerror(errno));
  for (;;) {
    errno = 0; /* the end and a failure look alike otherwise */
    const struct dirent *item = readdir(directory);
    if (!item && errno != 0)
      SLIP_FAIL(err, SLIP_IO_FAILURE, "%s: cannot be read to its end: %s", path, strerror(errno));
    if (!item)
      break;
    if (item->d_name[0] == '.')
      continue;
    if (count == capacity) {
      capacity = capacity ? 2 * capacity : 32;
      const char **larger = slip_arena_array(arena, capacity, sizeof *larger);
      if (!larger)
        SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
      if (count)
        memcpy(larger, names, count * sizeof *larger);
      names = larger;
    }
    const char *name = slip_arena_strdup(arena, item->d_name);
    if (!name)
      SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
    size_t at = count++;
    for (; at > 0 && strcmp(names[at - 1], name) > 0; at--)
      names[at] = names[at - 1];
    names[at] = name;
  }
  *out = names;
  *n_out = count;
cleanup:
  closedir(directory);
  return status;
}
