/* Built-in supply and scenario files, and files of the user's. */
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"
#include "supply/embedded.h"

static const char *stem_of(slip_arena *arena, const char *folder, const char *path) {
  const size_t n = strlen(folder), length = strlen(path), tail = strlen(".yaml");
  if (strncmp(path, folder, n) != 0 || path[n] != '/' || length < n + 1 + tail)
    return NULL;
  return slip_arena_strndup(arena, path + n + 1, length - n - 1 - tail);
}

const char *slip_study_name(slip_arena *arena, const char *folder, size_t i) {
  for (size_t k = 0; k < slip_studies_file_count; k++) {
    const char *stem = stem_of(arena, folder, slip_studies_files[k].path);
    if (stem && i-- == 0)
      return stem;
  }
  return NULL;
}

static bool is_file(const char *name) {
  const size_t n = strlen(name), tail = strlen(".yaml");
  return strchr(name, '/') != NULL || (n > tail && strcmp(name + n - tail, ".yaml") == 0);
}

slip_status slip_study_read(slip_arena *arena, const char *folder, const char *name, const slip_node **root,
                            slip_error *err) {
  const char *nearest = NULL;
  if (is_file(name))
    return slip_doc_read(arena, name, root, err);
  for (size_t k = 0; k < slip_studies_file_count; k++) {
    const slip_embedded_file *file = &slip_studies_files[k];
    const char *stem = stem_of(arena, folder, file->path);
    if (!stem)
      continue;
    if (strcmp(stem, name) == 0) {
      const char *path = slip_arena_printf(arena, "data/%s", file->path);
      return path ? slip_doc_parse(arena, path, (const char *)file->bytes, file->size, root, err)
                  : slip_no_memory(err);
    }
    if (!nearest || slip_edit_distance(name, stem) < slip_edit_distance(name, nearest))
      nearest = stem;
  }
  return slip_fail(err, SLIP_BAD_INPUT, "no built-in of %s is called '%s'%s%s%s; a file's name ends in .yaml",
                   folder, name, nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}
