/* slip_model_read and slip_model_parse: a model of the caller's own, from a file, a folder or memory. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fail.h"
#include "model/import.h"

struct slip_model_file {
  slip_arena *arena;
  slip_model model;
};

/* The part of a path that names the model: the folder of a config.json, else the file's name without .json. */
static char *title_of(slip_arena *arena, const char *path) {
  size_t end = strlen(path);
  while (end > 1 && path[end - 1] == '/')
    end--;
  size_t start = end;
  while (start > 0 && path[start - 1] != '/')
    start--;
  if (end - start == 11 && memcmp(path + start, "config.json", 11) == 0 && start > 1) {
    end = start - 1;
    start = end;
    while (start > 0 && path[start - 1] != '/')
      start--;
  } else if (end - start > 5 && memcmp(path + end - 5, ".json", 5) == 0) {
    end -= 5;
  }
  return slip_arena_strndup(arena, path + start, end - start);
}

static slip_status fill_entry(slip_model_file *file, const char *path, slip_error *err) {
  char *title = title_of(file->arena, path);
  char *name = title == NULL ? NULL : slip_arena_strdup(file->arena, title);
  char *where = slip_arena_strdup(file->arena, path);
  if (title == NULL || name == NULL || where == NULL)
    return slip_no_memory(err);
  for (char *c = name; *c != '\0'; c++)
    *c = (char)(isalnum((unsigned char)*c) ? tolower((unsigned char)*c) : *c == '.' ? '.' : '-');
  file->model.entry = (slip_entry){.kind = SLIP_KIND_MODEL,
                                   .name = name,
                                   .title = title,
                                   .vendor = "",
                                   .status = "",
                                   .summary = "",
                                   .file = where};
  return SLIP_OK;
}

/* NULL when out of memory. */
static slip_model_file *open_file(void) {
  slip_model_file *file = calloc(1, sizeof *file);
  if (file != NULL)
    file->arena = slip_arena_open();
  if (file == NULL || file->arena == NULL) {
    slip_model_free(file);
    return NULL;
  }
  return file;
}

static bool is_folder(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool is_file(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

/* The folder that a config.json lies in; NULL for a file of another name, beside which nothing is looked for. */
static char *folder_of(slip_arena *arena, const char *path) {
  const size_t n = strlen(path);
  if (n >= 11 && strcmp(path + n - 11, "config.json") == 0 && (n == 11 || path[n - 12] == '/'))
    return n == 11 ? slip_arena_strdup(arena, ".") : slip_arena_strndup(arena, path, n - 12 > 0 ? n - 12 : 1);
  return NULL;
}

slip_status slip_model_read(const char *path, slip_model_file **out, slip_error *err) {
  slip_status status = SLIP_OK;
  slip_model_file *file = open_file();
  const slip_node *root, *quant;
  const char *config = path, *folder;
  if (file == NULL)
    return slip_no_memory(err);
  if (is_folder(path)) {
    folder = path;
    config = slip_arena_printf(file->arena, "%s/config.json", path);
    if (config == NULL)
      SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  } else {
    folder = folder_of(file->arena, path);
  }
  SLIP_TRY(slip_doc_read(file->arena, config, &root, err));
  SLIP_TRY(slip_model_build(file->arena, root, &file->model, err));
  SLIP_TRY(fill_entry(file, config, err));
  if (folder != NULL) {
    const char *beside = slip_arena_printf(file->arena, "%s/hf_quant_config.json", folder);
    if (beside == NULL)
      SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
    if (is_file(beside)) {
      SLIP_TRY(slip_doc_read(file->arena, beside, &quant, err));
      SLIP_TRY(slip_model_apply_quant(quant, &file->model, err));
    }
  }
  *out = file;
  file = NULL;
cleanup:
  slip_model_free(file);
  return status;
}

slip_status slip_model_parse(const char *name, const char *json, size_t n, slip_model_file **out, slip_error *err) {
  slip_status status = SLIP_OK;
  slip_model_file *file = open_file();
  const slip_node *root;
  if (file == NULL)
    return slip_no_memory(err);
  SLIP_TRY(slip_doc_parse(file->arena, name, json, n, &root, err));
  SLIP_TRY(slip_model_build(file->arena, root, &file->model, err));
  SLIP_TRY(fill_entry(file, name, err));
  *out = file;
  file = NULL;
cleanup:
  slip_model_free(file);
  return status;
}

const slip_model *slip_model_of(const slip_model_file *file) {
  return &file->model;
}

void slip_model_free(slip_model_file *file) {
  if (file == NULL)
    return;
  slip_arena_free(file->arena);
  free(file);
}
