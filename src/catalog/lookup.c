/* Finding entries: by name or alias, the nearest names of an unknown one, the newest stack. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"
#include "catalog/catalog_internal.h"
#include <slipstick/model.h>

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool slip_same_name(const char *a, const char *b) {
  while (*a && lower(*a) == lower(*b)) {
    a++;
    b++;
  }
  return lower(*a) == lower(*b);
}

static const slip_catalog_list *list_of(const slip_catalog *catalog, slip_kind kind) {
  return (int)kind >= 0 && kind < SLIP_KINDS ? &catalog->lists[kind] : NULL;
}

size_t slip_catalog_count(const slip_catalog *catalog, slip_kind kind) {
  const slip_catalog_list *list = list_of(catalog, kind);
  return list ? list->count : 0;
}

const slip_entry *slip_catalog_entry(const slip_catalog *catalog, slip_kind kind, size_t i) {
  const slip_catalog_list *list = list_of(catalog, kind);
  return list && i < list->count ? list->items[i].entry : NULL;
}

const slip_fact *slip_entry_fact(const slip_entry *entry, const char *field) {
  for (size_t i = 0; i < entry->n_facts; i++) {
    if (strcmp(entry->facts[i].field, field) == 0)
      return &entry->facts[i];
  }
  return NULL;
}

/* ---- by name ---- */

static slip_entry *by_name(const slip_catalog_list *list, const char *name) {
  for (size_t i = 0; i < list->count; i++) {
    if (slip_same_name(list->items[i].entry->name, name))
      return list->items[i].entry;
  }
  return NULL;
}

static slip_entry *by_alias(const slip_catalog_list *list, const char *name) {
  for (size_t i = 0; i < list->count; i++) {
    slip_entry *entry = list->items[i].entry;
    for (size_t a = 0; a < entry->n_aliases; a++) {
      if (slip_same_name(entry->aliases[a], name))
        return entry;
    }
  }
  return NULL;
}

slip_entry *slip_catalog_lookup(const slip_catalog *catalog, slip_kind kind, const char *name) {
  const slip_catalog_list *list = &catalog->lists[kind];
  slip_entry *entry = by_name(list, name);
  return entry ? entry : by_alias(list, name);
}

/* Names go before aliases, so that no alias of one kind hides the name of another. */
const slip_entry *slip_catalog_find(const slip_catalog *catalog, const char *name) {
  static const slip_kind order[SLIP_KINDS] = {SLIP_KIND_CHIP,  SLIP_KIND_SYSTEM,  SLIP_KIND_MODEL,
                                              SLIP_KIND_STACK, SLIP_KIND_KERNELS, SLIP_KIND_REGION};
  const slip_entry *entry = NULL;
  for (size_t i = 0; i < SLIP_KINDS && !entry; i++)
    entry = by_name(&catalog->lists[order[i]], name);
  for (size_t i = 0; i < SLIP_KINDS && !entry; i++)
    entry = by_alias(&catalog->lists[order[i]], name);
  return entry;
}

/* ---- suggestions ---- */

enum { N_SUGGESTIONS = 3, FAR = 1000 };

/* 0 is nearest; FAR when the two have nothing in common. Both are short; case is ignored. */
static int name_distance(const char *wanted, const char *label) {
  char a[SLIP_NAME_MAX_BYTES + 1], b[SLIP_NAME_MAX_BYTES + 1];
  size_t n = 0, m = 0;
  for (; n < SLIP_NAME_MAX_BYTES && wanted[n]; n++)
    a[n] = lower(wanted[n]);
  for (; m < SLIP_NAME_MAX_BYTES && label[m]; m++)
    b[m] = lower(label[m]);
  a[n] = b[m] = '\0';
  const int distance = slip_edit_distance(a, b);
  /* One typed letter in three may be wrong. */
  if (distance <= 1 + (int)(n / 3))
    return distance;
  return n >= 2 && m >= 2 && (strstr(b, a) || strstr(a, b)) ? N_SUGGESTIONS + distance : FAR;
}

static int entry_distance(const char *wanted, const slip_entry *entry) {
  int best = name_distance(wanted, entry->name);
  for (size_t a = 0; a < entry->n_aliases; a++) {
    const int distance = name_distance(wanted, entry->aliases[a]);
    best = distance < best ? distance : best;
  }
  return best;
}

void slip_catalog_suggest(const slip_catalog *catalog, slip_kind kind, const char *name, char *out, size_t size) {
  const slip_catalog_list *list = &catalog->lists[kind];
  const char *names[N_SUGGESTIONS];
  int distances[N_SUGGESTIONS];
  int count = 0;
  out[0] = '\0';
  for (size_t i = 0; i < list->count; i++) {
    const int distance = entry_distance(name, list->items[i].entry);
    int at = count;
    while (at > 0 && distances[at - 1] > distance)
      at--;
    if (distance == FAR || at == N_SUGGESTIONS)
      continue;
    count = count < N_SUGGESTIONS ? count + 1 : count;
    for (int j = count - 1; j > at; j--) {
      names[j] = names[j - 1];
      distances[j] = distances[j - 1];
    }
    names[at] = list->items[i].entry->name;
    distances[at] = distance;
  }
  size_t used = 0;
  for (int i = 0; i < count; i++) {
    const int n = snprintf(out + used, size - used, "%s%s", i ? ", " : "; did you mean ", names[i]);
    if (n < 0 || (size_t)n >= size - used) {
      out[used] = '\0';
      return;
    }
    used += (size_t)n;
  }
}

static slip_status find(const slip_catalog *catalog, slip_kind kind, const char *name, slip_entry **out,
                        slip_error *err) {
  *out = slip_catalog_lookup(catalog, kind, name);
  if (*out)
    return SLIP_OK;
  char near[240];
  slip_catalog_suggest(catalog, kind, name, near, sizeof near);
  return slip_fail(err, SLIP_BAD_INPUT, "no %s is called \"%.*s\"%s", slip_kind_name(kind),
                   (int)slip_utf8_cut(name, strnlen(name, 100)), name, near[0] ? near : ", nor anything like it");
}

/* The entry is the first member of the struct of its kind. */
#define FIND(kind, type)                                             \
  slip_entry *entry = NULL;                                          \
  const slip_status status = find(catalog, kind, name, &entry, err); \
  if (status == SLIP_OK)                                             \
    *out = (const type *)(const void *)entry;                        \
  return status

slip_status slip_catalog_chip(const slip_catalog *catalog, const char *name, const slip_chip **out,
                              slip_error *err) {
  FIND(SLIP_KIND_CHIP, slip_chip);
}

slip_status slip_catalog_system(const slip_catalog *catalog, const char *name, const slip_system **out,
                                slip_error *err) {
  FIND(SLIP_KIND_SYSTEM, slip_system);
}

slip_status slip_catalog_stack(const slip_catalog *catalog, const char *name, const slip_stack **out,
                               slip_error *err) {
  FIND(SLIP_KIND_STACK, slip_stack);
}

slip_status slip_catalog_region(const slip_catalog *catalog, const char *name, const slip_region **out,
                                slip_error *err) {
  FIND(SLIP_KIND_REGION, slip_region);
}

slip_status slip_catalog_model(const slip_catalog *catalog, const char *name, const struct slip_model **out,
                               slip_error *err) {
  FIND(SLIP_KIND_MODEL, slip_model);
}

/* ---- stacks ---- */

/* How well a stack suits: 4 made for the chip, 3 for its vendor, 2 the vendor's prior, 1 anybody's prior, 0 not at all. */
static int suits(const slip_stack *stack, const slip_chip *chip, bool train) {
  if ((train ? !stack->trains : !stack->serves) || stack->only_releases[0])
    return 0;
  if (stack->for_chip[0])
    return slip_same_name(stack->for_chip, chip->entry.name) ? 4 : 0;
  if (slip_same_name(stack->for_vendor, chip->entry.vendor))
    return stack->is_prior ? 2 : 3;
  return stack->is_prior && slip_same_name(stack->for_vendor, "any") ? 1 : 0;
}

const slip_stack *slip_catalog_newest_stack(const slip_catalog *catalog, const slip_chip *chip, bool train) {
  const slip_catalog_list *list = &catalog->lists[SLIP_KIND_STACK];
  const slip_stack *best = NULL;
  int best_rank = 0;
  for (size_t i = 0; i < list->count; i++) {
    const slip_stack *stack = (const slip_stack *)(const void *)list->items[i].entry;
    const int rank = suits(stack, chip, train);
    if (rank > best_rank || (rank > 0 && rank == best_rank && strcmp(stack->date, best->date) > 0)) {
      best = stack;
      best_rank = rank;
    }
  }
  return best;
}

slip_status slip_require(const slip_entry *entry, const char *field, double value, slip_error *err) {
  if (!isnan(value))
    return SLIP_OK;
  return slip_fail_at(err, SLIP_MISSING, entry->file, 0, 0, field,
                      "%s has no published %s (%s); add it there or in an overlay (--catalog)", entry->name, field,
                      entry->file);
}
