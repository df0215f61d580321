/* Opening a rule pack: the built-in files, overlay directories, and what can be asked of the whole. */
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/folder.h"
#include "base/text.h"
#include "rules/embedded.h"
#include "rules/pack.h"

slip_status slip_rules_new(slip_rules **out, slip_error *err) {
  slip_arena *arena = slip_arena_open();
  slip_rules *rules = arena ? slip_arena_alloc(arena, sizeof *rules) : NULL;
  if (!rules) {
    slip_arena_free(arena);
    return slip_no_memory(err);
  }
  rules->arena = arena;
  rules->disclaimer = "";
  *out = rules;
  return pack_hash_begin(rules, err);
}

void slip_rules_free(slip_rules *rules) {
  if (rules)
    slip_arena_free(rules->arena);
}

/* ---- files ---- */

/* In place of the file of that name of an earlier layer; else at the end. */
static slip_status keep(slip_rules *rules, pack_file file, slip_error *err) {
  for (size_t i = 0; i < rules->n_files; i++) {
    if (strcmp(rules->files[i].name, file.name) == 0 && rules->files[i].layer < file.layer) {
      rules->files[i] = file;
      return SLIP_OK;
    }
  }
  if (rules->n_files == rules->files_capacity) {
    const size_t capacity = rules->files_capacity ? 2 * rules->files_capacity : 32;
    pack_file *files = slip_arena_array(rules->arena, capacity, sizeof *files);
    if (!files)
      return slip_no_memory(err);
    if (rules->n_files)
      memcpy(files, rules->files, rules->n_files * sizeof *files);
    rules->files = files;
    rules->files_capacity = capacity;
  }
  rules->files[rules->n_files++] = file;
  return SLIP_OK;
}

slip_status slip_rules_add(slip_rules *rules, size_t layer, const char *file, const char *name, const char *bytes,
                           size_t n, slip_error *err) {
  slip_status status = SLIP_OK;
  const slip_node *root = NULL;
  const size_t length = strlen(name), tail = strlen(".yaml");
  const char *path = slip_arena_strdup(rules->arena, file), *kept = slip_arena_strdup(rules->arena, name);
  const char *stem = slip_arena_strndup(rules->arena, name, length > tail ? length - tail : 0);
  if (!path || !kept || !stem)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  SLIP_TRY(slip_doc_parse(rules->arena, path, bytes, n, &root, err));
  SLIP_TRY(pack_file_check(rules, root, stem, err));
  SLIP_TRY(keep(rules, (pack_file){kept, root, layer}, err));
  pack_hash_add(rules, name, bytes, n);
cleanup:
  if (status != SLIP_OK)
    slip_error_set_place(err, file, 0, NULL);
  return status;
}

static slip_status add_embedded(slip_rules *rules, slip_error *err) {
  slip_status status = SLIP_OK;
  for (size_t i = 0; i < slip_rules_file_count; i++) {
    const slip_embedded_file *file = &slip_rules_files[i];
    const char *slash = strchr(file->path, '/');
    const char *path = slip_arena_printf(rules->arena, "data/%s", file->path);
    if (!path)
      SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
    SLIP_TRY(
        slip_rules_add(rules, 0, path, slash ? slash + 1 : file->path, (const char *)file->bytes, file->size, err));
  }
cleanup:
  return status;
}

static bool ends_in(const char *name, const char *tail) {
  const size_t length = strlen(name), n = strlen(tail);
  return length > n && strcmp(name + length - n, tail) == 0;
}

static slip_status add_directory(slip_rules *rules, size_t layer, const char *directory, slip_error *err) {
  const char **names = NULL;
  size_t count = 0, found = 0, n = 0;
  char *bytes = NULL;
  slip_status status = SLIP_OK;
  SLIP_TRY(slip_folder_list(rules->arena, directory, &names, &count, err));
  for (size_t i = 0; i < count; i++) {
    const char *path = slip_arena_printf(rules->arena, "%s/%s", directory, names[i]);
    if (!path)
      SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
    if (ends_in(names[i], ".yml"))
      SLIP_TRY(slip_fail_at(err, SLIP_BAD_INPUT, path, 0, 0, NULL, "rule files end in .yaml; rename this one"));
    if (!ends_in(names[i], ".yaml"))
      continue;
    found++;
    SLIP_TRY(slip_read_file(path, SLIP_DOC_MAX_BYTES, &bytes, &n, err));
    SLIP_TRY(slip_rules_add(rules, layer, path, names[i], bytes, n, err));
    free(bytes);
    bytes = NULL;
  }
  if (found == 0)
    status = slip_fail_at(err, SLIP_BAD_INPUT, directory, 0, 0, NULL, "holds no rule file (*.yaml)");
cleanup:
  free(bytes);
  return status;
}

/* ---- dates ---- */

static void add_date(slip_rules *rules, slip_date date) {
  if (date)
    rules->dates[rules->n_dates++] = date;
}

static int by_date(const void *a, const void *b) {
  const slip_date left = *(const slip_date *)a, right = *(const slip_date *)b;
  return left < right ? -1 : left > right ? 1 : 0;
}

static void add_periods(slip_rules *rules, const slip_period *periods, size_t count) {
  for (size_t i = 0; i < count; i++) {
    add_date(rules, periods[i].from);
    add_date(rules, slip_date_next(periods[i].to));
  }
}

static slip_status collect_dates(slip_rules *rules, slip_error *err) {
  const size_t n_rules = rules->tables[SLIP_THING_RULE].count, n_groups = rules->tables[SLIP_THING_GROUP].count;
  size_t room = 1;
  for (size_t i = 0; i < n_rules; i++)
    room += 4 + 2 * (rules->rules[i].public.n_suspended + rules->rules[i].public.n_enforcement);
  for (size_t i = 0; i < n_groups; i++)
    room += 1 + 2 * rules->groups[i].n_members;
  rules->dates = slip_arena_array(rules->arena, room, sizeof *rules->dates);
  if (!rules->dates)
    return slip_no_memory(err);
  for (size_t i = 0; i < n_rules; i++) {
    const slip_rule *rule = &rules->rules[i].public;
    add_date(rules, rule->published);
    add_date(rules, rule->effective);
    add_date(rules, rule->compliance);
    add_date(rules, slip_date_next(rule->expiry));
    add_periods(rules, rule->suspended, rule->n_suspended);
    add_periods(rules, rule->enforcement, rule->n_enforcement);
  }
  for (size_t i = 0; i < n_groups; i++) {
    add_date(rules, rules->groups[i].known_from);
    for (size_t k = 0; k < rules->groups[i].n_members; k++) {
      add_date(rules, rules->groups[i].members[k].joined);
      add_date(rules, rules->groups[i].members[k].left);
    }
  }
  qsort(rules->dates, rules->n_dates, sizeof *rules->dates, by_date);
  size_t kept = 0;
  for (size_t i = 0; i < rules->n_dates; i++)
    if (kept == 0 || rules->dates[kept - 1] != rules->dates[i])
      rules->dates[kept++] = rules->dates[i];
  rules->n_dates = kept;
  return SLIP_OK;
}

/* ---- opening ---- */

slip_status slip_rules_finish(slip_rules *rules, slip_error *err) {
  slip_status status = SLIP_OK;
  pack_hash_end(rules);
  SLIP_TRY(pack_build_small(rules, err));
  SLIP_TRY(pack_build_rules(rules, err));
  SLIP_TRY(pack_link(rules, err));
  SLIP_TRY(collect_dates(rules, err));
cleanup:
  return status;
}

slip_status slip_rules_open(const char *const *dirs, size_t n_dirs, slip_rules **out, slip_error *err) {
  slip_rules *rules = NULL;
  slip_status status = SLIP_OK;
  SLIP_TRY(slip_rules_new(&rules, err));
  SLIP_TRY(add_embedded(rules, err));
  for (size_t i = 0; i < n_dirs; i++)
    SLIP_TRY(add_directory(rules, i + 1, dirs[i], err));
  SLIP_TRY(slip_rules_finish(rules, err));
  *out = rules;
  rules = NULL;
cleanup:
  slip_rules_free(rules);
  return status;
}

/* ---- what can be asked ---- */

slip_rules_info slip_rules_describe(const slip_rules *rules) {
  const pack_table *t = rules->tables;
  return (slip_rules_info){rules->n_files,
                           t[SLIP_THING_RULE].count,
                           t[SLIP_THING_DECISION].count,
                           t[SLIP_THING_INPUT].count,
                           rules->newest,
                           rules->hash,
                           rules->disclaimer};
}

const slip_rule *slip_rules_rule(const slip_rules *rules, size_t i) {
  return i < rules->tables[SLIP_THING_RULE].count ? &rules->rules[i].public : NULL;
}

const slip_decision *slip_rules_decision(const slip_rules *rules, size_t i) {
  return i < rules->tables[SLIP_THING_DECISION].count ? &rules->decisions[i].public : NULL;
}

const slip_input *slip_rules_input(const slip_rules *rules, size_t i) {
  return i < rules->tables[SLIP_THING_INPUT].count ? &rules->inputs[i].public : NULL;
}

const slip_date *slip_rules_dates(const slip_rules *rules, size_t *count) {
  *count = rules->n_dates;
  return rules->dates;
}
