/* Opening scenarios, telling what is in them, fixing inputs. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"
#include "scenario/scenario_internal.h"
#include "supply/embedded.h"

static slip_status scenario_new(const slip_catalog *catalog, const slip_rules *rules, slip_scenario **out,
                                slip_error *err) {
  slip_arena *arena = slip_arena_open();
  slip_scenario *s = arena ? slip_arena_alloc(arena, sizeof *s) : NULL;
  if (!s) {
    slip_arena_free(arena);
    return slip_no_memory(err);
  }
  s->arena = arena;
  s->catalog = catalog;
  s->rules = rules;
  *out = s;
  return SLIP_OK;
}

void slip_scenario_free(slip_scenario *s) {
  if (!s)
    return;
  slip_supply_free(s->supply);
  slip_arena_free(s->arena);
}

static slip_status scenario_build(slip_scenario *s, slip_error *err) {
  slip_status status = SLIP_OK;
  s->file = s->root->file;
  const slip_node *like = slip_node_get(s->root, "like");
  if (like && like->kind != SLIP_NODE_SCALAR)
    return slip_node_fail(err, SLIP_BAD_INPUT, like, "expected the name of a scenario");
  if (like) {
    status = slip_study_read(s->arena, "scenarios", like->text, &s->base, err);
    if (status == SLIP_OK && slip_node_get(s->base, "like"))
      status =
          slip_node_fail(err, SLIP_BAD_INPUT, like, "\"%s\" is itself like another; name that one", like->text);
    slip_error_set_place(status == SLIP_OK ? NULL : err, like->file, like->line, "like");
  }
  if (status == SLIP_OK)
    status = scenario_read(s, err);
  if (status == SLIP_OK)
    status = scenario_judge(s, err);
  if (status == SLIP_OK)
    status = slip_deck_finish(s->deck, err);
  return status;
}

slip_status slip_scenario_open(const char *name, const slip_catalog *catalog, const slip_rules *rules,
                               slip_scenario **out, slip_error *err) {
  slip_scenario *s = NULL;
  slip_status status = SLIP_OK;
  SLIP_TRY(scenario_new(catalog, rules, &s, err));
  SLIP_TRY(slip_study_read(s->arena, "scenarios", name, &s->root, err));
  SLIP_TRY(scenario_build(s, err));
  *out = s;
  s = NULL;
cleanup:
  slip_scenario_free(s);
  return status;
}

slip_status slip_scenario_parse(const char *name, const char *bytes, size_t n, const slip_catalog *catalog,
                                const slip_rules *rules, slip_scenario **out, slip_error *err) {
  slip_scenario *s = NULL;
  slip_status status = SLIP_OK;
  SLIP_TRY(scenario_new(catalog, rules, &s, err));
  SLIP_TRY(slip_doc_parse(s->arena, name, bytes, n, &s->root, err));
  SLIP_TRY(scenario_build(s, err));
  *out = s;
  s = NULL;
cleanup:
  slip_scenario_free(s);
  return status;
}

/* ---- telling ---- */

slip_scenario_info slip_scenario_describe(const slip_scenario *s) {
  return (slip_scenario_info){s->name, s->title, s->summary, s->file, s->from, s->to, s->model, s->cluster};
}

const slip_assumption *slip_scenario_assumption(const slip_scenario *s, size_t i) {
  return i < s->deck->n ? &s->deck->items[i] : NULL;
}

bool slip_scenario_name(size_t i, char *out, size_t size) {
  slip_arena *arena = slip_arena_open();
  const char *name = arena ? slip_study_name(arena, "scenarios", i) : NULL;
  const bool found = name && strlen(name) < size;
  if (found)
    memcpy(out, name, strlen(name) + 1);
  slip_arena_free(arena);
  return found;
}

static bool is_same(const scenario_grant *a, const scenario_grant *b) {
  return a->mode == b->mode && strcmp(a->strict_word, b->strict_word) == 0 &&
         strcmp(a->mild_word, b->mild_word) == 0 && strcmp(a->china_text, b->china_text) == 0;
}

bool slip_scenario_policy(const slip_scenario *s, size_t i, slip_policy *out) {
  static const char *const modes[] = {"blockade", "rules", "open"};
  for (size_t k = 0; k < s->n_imports; k++) {
    for (size_t b = 0; b < s->n_buyers; b++) {
      for (size_t q = 0; q < s->n_quarters; q++) {
        const scenario_grant *g = &s->imports[k].grants[b * s->n_quarters + q];
        if ((q > 0 && is_same(g, g - 1)) || i-- > 0)
          continue;
        *out = (slip_policy){s->imports[k].id, s->buyers[b].id, modes[g->mode], s->from + (slip_quarter)q,
                             g->strict_word,   g->mild_word,    g->china_text};
        return true;
      }
    }
  }
  return false;
}

/* ---- fixing ---- */

static slip_status find_input(const slip_scenario *s, const char *id, size_t *index, slip_error *err) {
  const slip_deck *deck = s->deck;
  const char *nearest = NULL;
  size_t matches = 0;
  if (slip_deck_find(deck, id, index))
    return SLIP_OK;
  for (size_t i = 0; i < deck->n; i++) {
    if (deck->items[i].id[0] == '=')
      continue;
    if (strncmp(deck->items[i].id, id, strlen(id)) == 0) {
      *index = i;
      matches++;
    }
    if (!nearest || slip_edit_distance(id, deck->items[i].id) < slip_edit_distance(id, nearest))
      nearest = deck->items[i].id;
  }
  if (matches == 1)
    return SLIP_OK;
  return slip_fail(err, SLIP_BAD_INPUT, "scenario %s: %s input '%s'; the nearest is '%s'", s->name,
                   matches > 1 ? "more than one" : "no", id, nearest ? nearest : "");
}

slip_status slip_scenario_fix(slip_scenario *s, const char *id, double value, const char **id_out,
                              slip_error *err) {
  size_t i = 0;
  slip_status status = find_input(s, id, &i, err);
  if (status != SLIP_OK)
    return status;
  slip_deck *deck = s->deck;
  if (!isnan(value) && !(value >= deck->least[i] && value <= deck->most[i]))
    return slip_fail(err, SLIP_BAD_INPUT, "scenario %s: %s is from %g to %g, not %g", s->name, deck->items[i].id,
                     deck->least[i], deck->most[i], value);
  if (id_out)
    *id_out = deck->items[i].id;
  if (!s->kept[i].id)
    s->kept[i] = deck->items[i];
  deck->items[i] = s->kept[i];
  if (!isnan(value)) {
    slip_knot *knot = slip_arena_alloc(deck->arena, sizeof *knot);
    if (!knot)
      return slip_no_memory(err);
    *knot = (slip_knot){s->from, value, value, value};
    deck->items[i].knots = knot;
    deck->items[i].n_knots = 1;
  }
  return slip_deck_finish(deck, err);
}
