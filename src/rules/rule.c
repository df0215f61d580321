/* Rules: dates, periods, citation, what they decide. */
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "catalog/catalog_internal.h"
#include "rules/pack.h"

static const char *const certainties[] = {"legal text", "secondary text", "official statement", "reported",
                                          "proposed"};
static const char *const enforcements[] = {"enforced", "announced not enforced", "unknown"};

/* ---- periods ---- */

static slip_status read_period(slip_rules *rules, const slip_node *node, bool of_enforcement, slip_period *period,
                               slip_error *err) {
  static const slip_node_key with[] = {{"from", true}, {"to", false}, {"is", true}, {"because", true}};
  static const slip_node_key without[] = {{"from", true}, {"to", false}, {"because", true}};
  slip_status status = SLIP_OK;
  size_t is = SLIP_ENFORCED;
  if (of_enforcement)
    SLIP_TRY(SLIP_NODE_KEYS(node, with, "a period of enforcement", err));
  else
    SLIP_TRY(SLIP_NODE_KEYS(node, without, "a suspension", err));
  SLIP_TRY(pack_read_date(node, "from", &period->from, err));
  SLIP_TRY(pack_read_date(node, "to", &period->to, err));
  SLIP_TRY(slip_text_child(rules->arena, node, "because", &period->because, err));
  if (of_enforcement)
    SLIP_TRY(slip_word_read(slip_node_get(node, "is"), enforcements, 3, &is, err));
  period->enforcement = (slip_enforcement)is;
  if (period->to && period->to < period->from)
    status = slip_node_fail(err, SLIP_BAD_INPUT, node, "contradictory: it ends before it begins");
cleanup:
  return status;
}

static slip_status read_periods(slip_rules *rules, const slip_node *list, bool of_enforcement,
                                const slip_period **out, size_t *count, slip_error *err) {
  slip_status status = SLIP_OK;
  if (slip_node_is_null(list))
    return SLIP_OK;
  if (list->kind != SLIP_NODE_SEQUENCE)
    return slip_node_fail(err, SLIP_BAD_INPUT, list, "expected a list of periods");
  slip_period *periods = slip_arena_array(rules->arena, list->count, sizeof *periods);
  if (!periods)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  for (const slip_node *node = list->first; node; node = node->next) {
    slip_period *period = &periods[*count];
    SLIP_TRY(read_period(rules, node, of_enforcement, period, err));
    if (*count > 0 && (period[-1].to == 0 || period[-1].to >= period->from))
      SLIP_TRY(slip_node_fail(err, SLIP_BAD_INPUT, node, "contradictory: it overlaps the period before it"));
    (*count)++;
  }
  *out = periods;
cleanup:
  return status;
}

/* ---- what a rule says and decides ---- */

static slip_status read_says(slip_rules *rules, const slip_node *node, slip_rule *rule, slip_error *err) {
  static const slip_node_key keys[] = {{"yes", false}, {"no", false}, {"undetermined", false}};
  slip_status status = SLIP_OK;
  const slip_node *map = slip_node_get(node, "says");
  for (int i = 0; i < 3; i++)
    rule->says[i] = "";
  if (slip_node_is_null(map))
    return SLIP_OK;
  SLIP_TRY(SLIP_NODE_KEYS(map, keys, "says", err));
  for (int i = 0; i < 3; i++)
    SLIP_TRY(slip_text_child(rules->arena, map, slip_truth_name((slip_truth)i), &rule->says[i], err));
cleanup:
  return status;
}

static slip_status read_decides(slip_rules *rules, const slip_node *node, pack_rule *rule, slip_error *err) {
  const slip_node *decides = slip_node_get(node, "decides"), *gives = slip_node_get(node, "gives");
  const slip_node *order = slip_node_get(node, "order");
  slip_status status = SLIP_OK;
  rule->public.gives = "";
  if (!decides) {
    if (gives || order)
      status =
          slip_node_fail(err, SLIP_BAD_INPUT, gives ? gives : order, "only a rule that decides something has this");
    return status;
  }
  SLIP_TRY(pack_refer(rules, SLIP_THING_DECISION, decides, &rule->decision, err));
  const slip_decision *decision = &rules->decisions[rule->decision].public;
  rule->has_decision = true;
  rule->outcome = decision->n_outcomes;
  if (!order)
    SLIP_TRY(slip_node_fail(err, SLIP_BAD_INPUT, node,
                            "a rule that decides has an order: its place among the rules of %s", decision->id));
  SLIP_TRY(slip_node_int(order, 0, 1000000, &rule->order, err));
  if (!gives && decision->takes_first)
    SLIP_TRY(slip_node_fail(err, SLIP_BAD_INPUT, node, "a rule of %s gives one of its outcomes", decision->id));
  if (!gives)
    return SLIP_OK;
  for (size_t i = 0; gives->kind == SLIP_NODE_SCALAR && i < decision->n_outcomes; i++)
    if (strcmp(decision->outcomes[i].id, gives->text) == 0)
      rule->outcome = i;
  if (rule->outcome == decision->n_outcomes)
    SLIP_TRY(slip_node_fail(err, SLIP_BAD_INPUT, gives, "no outcome of the decision %s", decision->id));
  rule->public.gives = decision->outcomes[rule->outcome].id;
cleanup:
  return status;
}

static slip_status read_dates(const slip_node *node, slip_rule *rule, slip_error *err) {
  slip_status status = SLIP_OK;
  SLIP_TRY(pack_read_date(node, "published", &rule->published, err));
  SLIP_TRY(pack_read_date(node, "effective", &rule->effective, err));
  SLIP_TRY(pack_read_date(node, "compliance", &rule->compliance, err));
  SLIP_TRY(pack_read_date(node, "expiry", &rule->expiry, err));
  if (rule->expiry && rule->expiry < rule->effective)
    status = slip_node_fail(err, SLIP_BAD_INPUT, slip_node_get(node, "expiry"),
                            "contradictory: it expires before it is effective");
  else if (rule->compliance && rule->compliance < rule->effective)
    status = slip_node_fail(err, SLIP_BAD_INPUT, slip_node_get(node, "compliance"),
                            "contradictory: it is to be complied with before it is effective");
  else if (rule->compliance && rule->expiry && rule->compliance > rule->expiry)
    status = slip_node_fail(err, SLIP_BAD_INPUT, slip_node_get(node, "compliance"),
                            "contradictory: it expires before that");
cleanup:
  return status;
}

static slip_status read_head(slip_rules *rules, const slip_node *node, slip_rule *rule, slip_error *err) {
  slip_status status = SLIP_OK;
  size_t certainty = 0;
  const slip_node *unpublished = slip_node_get(node, "never_published"), *flag = slip_node_get(node, "flag");
  rule->id = slip_node_get(node, "id")->text;
  rule->file = node->file;
  rule->line = node->line;
  SLIP_TRY(slip_text_child(rules->arena, node, "version", &rule->version, err));
  SLIP_TRY(slip_text_child(rules->arena, node, "title", &rule->title, err));
  SLIP_TRY(slip_text_child(rules->arena, node, "citation", &rule->citation, err));
  SLIP_TRY(slip_text_child(rules->arena, node, "source", &rule->source, err));
  SLIP_TRY(slip_text_child(rules->arena, node, "url", &rule->url, err));
  SLIP_TRY(slip_word_read(slip_node_get(node, "certainty"), certainties, 5, &certainty, err));
  rule->certainty = (slip_certainty)certainty;
  if (unpublished)
    SLIP_TRY(slip_node_bool(unpublished, &rule->never_published, err));
  if (flag)
    SLIP_TRY(slip_node_bool(flag, &rule->is_flag, err));
  if (rule->url[0] && strncmp(rule->url, "http://", 7) != 0 && strncmp(rule->url, "https://", 8) != 0)
    SLIP_TRY(slip_node_fail(err, SLIP_BAD_INPUT, slip_node_get(node, "url"), "starts with http:// or https://"));
  SLIP_TRY(read_dates(node, rule, err));
  SLIP_TRY(read_says(rules, node, rule, err));
cleanup:
  return status;
}

static slip_status read_rule(slip_rules *rules, const slip_node *node, pack_rule *rule, slip_error *err) {
  static const slip_node_key keys[] = {{"id", true},           {"version", true},   {"title", true},
                                       {"citation", true},     {"source", true},    {"url", false},
                                       {"published", true},    {"effective", true}, {"compliance", false},
                                       {"expiry", false},      {"certainty", true}, {"never_published", false},
                                       {"flag", false},        {"decides", false},  {"order", false},
                                       {"gives", false},       {"says", false},     {"suspended", false},
                                       {"enforcement", false}, {"when", true},      {"checklist", false}};
  slip_status status = SLIP_OK;
  slip_rule *public = &rule->public;
  rule->node = node;
  SLIP_TRY(SLIP_NODE_KEYS(node, keys, "a rule", err));
  SLIP_TRY(read_head(rules, node, public, err));
  SLIP_TRY(read_decides(rules, node, rule, err));
  SLIP_TRY(
      read_periods(rules, slip_node_get(node, "suspended"), false, &public->suspended, &public->n_suspended, err));
  SLIP_TRY(read_periods(rules, slip_node_get(node, "enforcement"), true, &public->enforcement,
                        &public->n_enforcement, err));
  SLIP_TRY(pack_read_condition(rules, slip_node_get(node, "when"), &rule->when, err));
  const slip_node *checklist = slip_node_get(node, "checklist");
  if (checklist)
    SLIP_TRY(pack_read_checklist(rules, checklist, &rule->checklist, err));
cleanup:
  return status;
}

slip_status pack_build_rules(slip_rules *rules, slip_error *err) {
  slip_status status = SLIP_OK;
  const pack_table *table = &rules->tables[SLIP_THING_RULE];
  for (size_t i = 0; i < table->count; i++) {
    status = read_rule(rules, table->entries[i].node, &rules->rules[i], err);
    if (status != SLIP_OK)
      return status;
  }
  return SLIP_OK;
}
