/* The catalog itself: built-in files, overlay directories, and the references from entry to entry. */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fail.h"
#include "base/folder.h"
#include "base/text.h"
#include "catalog/catalog_internal.h"
#include "catalog/embedded.h"

/* ---- entries ---- */

slip_status slip_catalog_new(slip_catalog **out, slip_error *err) {
  slip_arena *arena = slip_arena_open();
  slip_catalog *catalog = arena ? slip_arena_alloc(arena, sizeof *catalog) : NULL;
  if (!catalog) {
    slip_arena_free(arena);
    return slip_no_memory(err);
  }
  catalog->arena = arena;
  *out = catalog;
  return SLIP_OK;
}

void slip_catalog_free(slip_catalog *catalog) {
  if (catalog)
    slip_arena_free(catalog->arena);
}

/* Keeps the list in name order. An entry of the same name is replaced. */
static slip_status insert(slip_catalog *catalog, slip_kind kind, slip_catalog_item item, slip_error *err) {
  slip_catalog_list *list = &catalog->lists[kind];
  size_t at = 0;
  while (at < list->count && strcmp(list->items[at].entry->name, item.entry->name) < 0)
    at++;
  if (at < list->count && strcmp(list->items[at].entry->name, item.entry->name) == 0) {
    list->items[at] = item;
    return SLIP_OK;
  }
  if (list->count == list->capacity) {
    const size_t capacity = list->capacity ? 2 * list->capacity : 32;
    slip_catalog_item *items = slip_arena_array(catalog->arena, capacity, sizeof *items);
    if (!items)
      return slip_no_memory(err);
    if (list->count)
      memcpy(items, list->items, list->count * sizeof *items);
    list->items = items;
    list->capacity = capacity;
  }
  memmove(list->items + at + 1, list->items + at, (list->count - at) * sizeof item);
  list->items[at] = item;
  list->count++;
  return SLIP_OK;
}

static slip_status add_root(slip_catalog *catalog, slip_kind kind, const char *file, const char *stem,
                            const slip_node *root, slip_error *err) {
  slip_catalog_item item = {.root = root};
  const slip_status status = slip_entry_build(catalog->arena, kind, file, stem, root, &item.entry, err);
  return status == SLIP_OK ? insert(catalog, kind, item, err) : status;
}

slip_status slip_catalog_add(slip_catalog *catalog, slip_kind kind, const char *file, const char *stem,
                             const char *bytes, size_t n, slip_error *err) {
  const slip_node *root = NULL;
  slip_status status = SLIP_OK;
  const char *kept = slip_arena_strdup(catalog->arena, file);
  if (!kept)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  SLIP_TRY(slip_doc_parse(catalog->arena, kept, bytes, n, &root, err));
  SLIP_TRY(add_root(catalog, kind, kept, stem, root, err));
cleanup:
  return status;
}

/* ---- the built-in catalog ---- */

/* The part of a file's name before ".yaml"; NULL when it does not end so, or when out of memory (*failed). */
static const char *stem_of(slip_arena *arena, const char *name, bool *failed) {
  const size_t length = strlen(name), tail = strlen(".yaml");
  if (length <= tail || strcmp(name + length - tail, ".yaml") != 0)
    return NULL;
  const char *stem = slip_arena_strndup(arena, name, length - tail);
  *failed = !stem;
  return stem;
}

static bool kind_of_folder(const char *folder, size_t length, slip_kind *out) {
  for (int kind = 0; kind < SLIP_KINDS; kind++) {
    const char *name = slip_kind_folder((slip_kind)kind);
    if (strlen(name) == length && memcmp(name, folder, length) == 0) {
      *out = (slip_kind)kind;
      return true;
    }
  }
  return false;
}

static slip_status fail_folder(const char *path, const char *folder, slip_error *err) {
  slip_text legal = {0};
  for (int kind = 0; kind < SLIP_KINDS; kind++)
    slip_text_printf(&legal, "%s%s", kind ? ", " : "", slip_kind_folder((slip_kind)kind));
  const slip_status status =
      legal.failed ? slip_no_memory(err)
                   : slip_fail_at(err, SLIP_BAD_INPUT, path, 0, 0, NULL,
                                  "\"%s\" is no folder of a catalog; these are: %s", folder, legal.data);
  slip_text_free(&legal);
  return status;
}

static slip_status add_embedded(slip_catalog *catalog, slip_error *err) {
  slip_status status = SLIP_OK;
  for (size_t i = 0; i < slip_embedded_file_count; i++) {
    const slip_embedded_file *file = &slip_embedded_files[i];
    const char *slash = strchr(file->path, '/');
    slip_kind kind = SLIP_KIND_CHIP;
    bool failed = false;
    if (!slash || !kind_of_folder(file->path, (size_t)(slash - file->path), &kind))
      return fail_folder("data", file->path, err);
    const char *stem = stem_of(catalog->arena, slash + 1, &failed);
    const char *path = slip_arena_printf(catalog->arena, "data/%s", file->path);
    if (failed || !path)
      SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
    SLIP_TRY(slip_catalog_add(catalog, kind, path, stem, (const char *)file->bytes, file->size, err));
  }
cleanup:
  return status;
}

/* ---- overlay directories ---- */

static slip_status is_directory(const char *path, bool *out, slip_error *err) {
  struct stat info;
  if (stat(path, &info) != 0)
    return slip_fail_at(err, SLIP_IO_FAILURE, path, 0, 0, NULL, "cannot be read: %s", strerror(errno));
  *out = S_ISDIR(info.st_mode);
  return SLIP_OK;
}

static bool ends_in(const char *name, const char *tail) {
  const size_t length = strlen(name), n = strlen(tail);
  return length >= n && strcmp(name + length - n, tail) == 0;
}

static slip_status add_file(slip_catalog *catalog, slip_kind kind, const char *folder, const char *name,
                            slip_error *err) {
  const slip_node *root = NULL;
  bool failed = false;
  slip_status status = SLIP_OK;
  const char *path = slip_arena_printf(catalog->arena, "%s/%s", folder, name);
  const char *stem = stem_of(catalog->arena, name, &failed);
  if (failed || !path)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  /* A likely slip that would otherwise be silence. */
  if (ends_in(name, ".yml"))
    return slip_fail_at(err, SLIP_BAD_INPUT, path, 0, 0, NULL, "catalog files end in .yaml; rename this one");
  if (!stem)
    return SLIP_OK;
  SLIP_TRY(slip_doc_read(catalog->arena, path, &root, err));
  SLIP_TRY(add_root(catalog, kind, path, stem, root, err));
cleanup:
  return status;
}

static slip_status add_folder(slip_catalog *catalog, slip_kind kind, const char *folder, slip_error *err) {
  const char **names = NULL;
  size_t count = 0;
  slip_status status = SLIP_OK;
  SLIP_TRY(slip_folder_list(catalog->arena, folder, &names, &count, err));
  for (size_t i = 0; i < count; i++)
    SLIP_TRY(add_file(catalog, kind, folder, names[i], err));
cleanup:
  return status;
}

slip_status slip_catalog_add_directory(slip_catalog *catalog, const char *path, slip_error *err) {
  const char **names = NULL;
  size_t count = 0;
  slip_status status = SLIP_OK;
  SLIP_TRY(slip_folder_list(catalog->arena, path, &names, &count, err));
  for (size_t i = 0; i < count; i++) {
    const char *inner = slip_arena_printf(catalog->arena, "%s/%s", path, names[i]);
    slip_kind kind = SLIP_KIND_CHIP;
    bool is_folder = false;
    if (!inner)
      SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
    SLIP_TRY(is_directory(inner, &is_folder, err));
    if (!is_folder && !ends_in(names[i], ".yaml") && !ends_in(names[i], ".yml"))
      continue;
    if (!is_folder)
      return slip_fail_at(err, SLIP_BAD_INPUT, inner, 0, 0, NULL,
                          "catalog files lie in the folder of their kind, such as %s/", slip_kind_folder(kind));
    if (!kind_of_folder(names[i], strlen(names[i]), &kind))
      return fail_folder(inner, names[i], err);
    SLIP_TRY(add_folder(catalog, kind, inner, err));
  }
cleanup:
  return status;
}

/* ---- finishing ---- */

/* That an alias finds its own entry and no other. */
static slip_status check_alias(const slip_catalog_list *list, const slip_catalog_item *owner, const char *alias,
                               slip_error *err) {
  const slip_node *node = slip_node_get(owner->root, "aliases");
  for (size_t i = 0; i < list->count; i++) {
    const slip_entry *other = list->items[i].entry;
    size_t found = slip_same_name(other->name, alias) ? 1 : 0;
    for (size_t a = 0; a < other->n_aliases; a++)
      found += slip_same_name(other->aliases[a], alias) ? 1 : 0;
    if (other == owner->entry && found > 1)
      return slip_node_fail(err, SLIP_BAD_INPUT, node, "\"%s\" is written twice", alias);
    if (other != owner->entry && found > 0)
      return slip_node_fail(err, SLIP_BAD_INPUT, node, "\"%s\" is also a name or alias of the %s %s (%s)", alias,
                            slip_kind_name(other->kind), other->name, other->file);
  }
  return SLIP_OK;
}

/* O(labels^2): a few thousand comparisons. */
static slip_status check_aliases(const slip_catalog_list *list, slip_error *err) {
  slip_status status = SLIP_OK;
  for (size_t i = 0; i < list->count; i++) {
    const slip_entry *entry = list->items[i].entry;
    for (size_t a = 0; a < entry->n_aliases; a++)
      SLIP_TRY(check_alias(list, &list->items[i], entry->aliases[a], err));
  }
cleanup:
  return status;
}

/* The entry that the file of `item` names under `key`. */
static slip_status resolve(const slip_catalog *catalog, const slip_catalog_item *item, const char *key,
                           slip_kind target, slip_entry **out, slip_error *err) {
  const slip_node *node = slip_node_get(item->root, key);
  if (node->kind != SLIP_NODE_SCALAR)
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "expected the name of a %s entry", slip_kind_name(target));
  *out = slip_catalog_lookup(catalog, target, node->text);
  if (*out)
    return SLIP_OK;
  char near[160];
  slip_catalog_suggest(catalog, target, node->text, near, sizeof near);
  return slip_node_fail(err, SLIP_BAD_INPUT, node, "no file %s/%s.yaml is in the catalog, which %s needs%s",
                        slip_kind_folder(target), node->text, item->entry->file, near);
}

slip_status slip_catalog_finish(slip_catalog *catalog, slip_error *err) {
  slip_status status = SLIP_OK;
  slip_entry *found = NULL;
  for (int kind = 0; kind < SLIP_KINDS; kind++)
    SLIP_TRY(check_aliases(&catalog->lists[kind], err));
  const slip_catalog_list *chips = &catalog->lists[SLIP_KIND_CHIP];
  for (size_t i = 0; i < chips->count; i++) {
    SLIP_TRY(resolve(catalog, &chips->items[i], "kernels", SLIP_KIND_KERNELS, &found, err));
    ((slip_chip *)(void *)chips->items[i].entry)->kernels = (const slip_kernels *)(const void *)found;
  }
  const slip_catalog_list *systems = &catalog->lists[SLIP_KIND_SYSTEM];
  for (size_t i = 0; i < systems->count; i++) {
    slip_system *system = (slip_system *)(void *)systems->items[i].entry;
    SLIP_TRY(resolve(catalog, &systems->items[i], "chip", SLIP_KIND_CHIP, &found, err));
    system->chip = (const slip_chip *)(const void *)found;
    SLIP_TRY(slip_system_finish(system, err));
  }
cleanup:
  return status;
}

slip_status slip_catalog_open(const char *const *dirs, size_t n_dirs, slip_catalog **out, slip_error *err) {
  slip_catalog *catalog = NULL;
  slip_status status = SLIP_OK;
  SLIP_TRY(slip_catalog_new(&catalog, err));
  SLIP_TRY(add_embedded(catalog, err));
  for (size_t i = 0; i < n_dirs; i++)
    SLIP_TRY(slip_catalog_add_directory(catalog, dirs[i], err));
  SLIP_TRY(slip_catalog_finish(catalog, err));
  *out = catalog;
  catalog = NULL;
cleanup:
  slip_catalog_free(catalog);
  return status;
}

slip_status slip_catalog_copy(const slip_catalog *source, slip_catalog **out, slip_error *err) {
  slip_catalog *catalog = NULL;
  slip_status status = SLIP_OK;
  SLIP_TRY(slip_catalog_new(&catalog, err));
  for (int kind = 0; kind < SLIP_KINDS; kind++)
    for (size_t i = 0; i < source->lists[kind].count; i++) {
      const slip_catalog_item *item = &source->lists[kind].items[i];
      SLIP_TRY(add_root(catalog, (slip_kind)kind, item->entry->file, item->entry->name, item->root, err));
    }
  SLIP_TRY(slip_catalog_finish(catalog, err));
  *out = catalog;
  catalog = NULL;
cleanup:
  slip_catalog_free(catalog);
  return status;
}
