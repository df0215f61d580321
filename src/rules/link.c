/* The order of evaluation, and what the things of a pack must be together: free of cycles, and of contradictions between rules. */
#include <string.h>

#include "base/fail.h"
#include "rules/pack.h"

/* ---- depth-first order ---- */

typedef enum mark { WHITE, GREY, BLACK } mark;

typedef struct walk {
  slip_rules *rules;
  mark rule[SLIP_PACK_MAX], decision[SLIP_PACK_MAX], quantity[SLIP_PACK_MAX], group[SLIP_PACK_MAX];
  size_t n_quantities;
  slip_error *err;
} walk;

static slip_status fail_cycle(const walk *w, const slip_node *node, const char *what, const char *id) {
  return slip_node_fail(w->err, SLIP_BAD_INPUT, node, "cyclic: the %s \"%s\" depends on itself", what, id);
}

static slip_status visit_quantity(walk *w, size_t i);

static slip_status visit_term(walk *w, const pack_term *term) {
  slip_status status = SLIP_OK;
  if (term->operation == SLIP_OP_QUANTITY)
    SLIP_TRY(visit_quantity(w, term->index));
  for (const pack_term *inner = term->first; inner; inner = inner->next)
    SLIP_TRY(visit_term(w, inner));
cleanup:
  return status;
}

static slip_status visit_quantity(walk *w, size_t i) {
  const pack_quantity *quantity = &w->rules->quantities[i];
  if (w->quantity[i] == BLACK)
    return SLIP_OK;
  if (w->quantity[i] == GREY)
    return fail_cycle(w, quantity->node, "quantity", quantity->id);
  w->quantity[i] = GREY;
  const slip_status status = visit_term(w, quantity->term);
  w->quantity[i] = BLACK;
  if (status == SLIP_OK)
    w->rules->quantity_order[w->n_quantities++] = i;
  return status;
}

static slip_status visit_group(walk *w, size_t i) {
  const pack_group *group = &w->rules->groups[i];
  slip_status status = SLIP_OK;
  if (w->group[i] == BLACK)
    return SLIP_OK;
  if (w->group[i] == GREY)
    return fail_cycle(w, group->node, "group", group->id);
  w->group[i] = GREY;
  for (size_t k = 0; k < group->n_with; k++)
    SLIP_TRY(visit_group(w, group->with[k]));
  for (size_t k = 0; k < group->n_without; k++)
    SLIP_TRY(visit_group(w, group->without[k]));
cleanup:
  w->group[i] = BLACK;
  return status;
}

static slip_status visit_rule(walk *w, size_t i);
static slip_status visit_decision(walk *w, size_t i);

static slip_status visit_condition(walk *w, const pack_condition *condition) {
  slip_status status = SLIP_OK;
  if (condition->kind == SLIP_BY_RULE)
    SLIP_TRY(visit_rule(w, condition->index));
  if (condition->kind == SLIP_BY_DECISION)
    SLIP_TRY(visit_decision(w, condition->index));
  for (const pack_condition *inner = condition->first; inner; inner = inner->next)
    SLIP_TRY(visit_condition(w, inner));
cleanup:
  return status;
}

static slip_status visit_rule(walk *w, size_t i) {
  const pack_rule *rule = &w->rules->rules[i];
  slip_status status = SLIP_OK;
  if (w->rule[i] == BLACK)
    return SLIP_OK;
  if (w->rule[i] == GREY)
    return fail_cycle(w, rule->node, "rule", rule->public.id);
  w->rule[i] = GREY;
  SLIP_TRY(visit_condition(w, rule->when));
  if (rule->checklist)
    SLIP_TRY(visit_condition(w, rule->checklist));
  w->rules->steps[w->rules->n_steps++] = (pack_step){false, i};
cleanup:
  w->rule[i] = BLACK;
  return status;
}

static slip_status visit_decision(walk *w, size_t i) {
  const pack_decision *decision = &w->rules->decisions[i];
  slip_status status = SLIP_OK;
  if (w->decision[i] == BLACK)
    return SLIP_OK;
  if (w->decision[i] == GREY)
    return fail_cycle(w, decision->node, "decision", decision->public.id);
  w->decision[i] = GREY;
  for (size_t k = 0; k < decision->n_rules; k++)
    SLIP_TRY(visit_rule(w, decision->rules[k]));
  w->rules->steps[w->rules->n_steps++] = (pack_step){true, i};
cleanup:
  w->decision[i] = BLACK;
  return status;
}

/* ---- rules of a decision ---- */

/* Sorted by their order; two of the same order would leave it to chance which one decides. */
static slip_status collect_rules(slip_rules *rules, size_t index, slip_error *err) {
  pack_decision *decision = &rules->decisions[index];
  const size_t n = rules->tables[SLIP_THING_RULE].count;
  decision->rules = slip_arena_array(rules->arena, n + 1, sizeof *decision->rules);
  if (!decision->rules)
    return slip_no_memory(err);
  for (size_t i = 0; i < n; i++) {
    const pack_rule *rule = &rules->rules[i];
    if (!rule->has_decision || rule->decision != index)
      continue;
    size_t at = decision->n_rules++;
    for (; at > 0 && rules->rules[decision->rules[at - 1]].order > rule->order; at--)
      decision->rules[at] = decision->rules[at - 1];
    decision->rules[at] = i;
    const pack_rule *before = at > 0 ? &rules->rules[decision->rules[at - 1]] : NULL;
    if (before && before->order == rule->order)
      return slip_node_fail(err, SLIP_BAD_INPUT, rule->node,
                            "contradictory: the rule \"%s\" (%s:%d) has the same order in the decision %s",
                            before->public.id, before->public.file, before->public.line, decision->public.id);
  }
  return SLIP_OK;
}

slip_status pack_link(slip_rules *rules, slip_error *err) {
  const pack_table *t = rules->tables;
  const size_t n_rules = t[SLIP_THING_RULE].count, n_decisions = t[SLIP_THING_DECISION].count;
  const size_t n_quantities = t[SLIP_THING_QUANTITY].count;
  slip_status status = SLIP_OK;
  walk *w = slip_arena_alloc(rules->arena, sizeof *w);
  rules->steps = slip_arena_array(rules->arena, n_rules + n_decisions + 1, sizeof *rules->steps);
  rules->quantity_order = slip_arena_array(rules->arena, n_quantities + 1, sizeof *rules->quantity_order);
  if (!w || !rules->steps || !rules->quantity_order)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  w->rules = rules;
  w->err = err;
  for (size_t i = 0; i < n_decisions; i++)
    SLIP_TRY(collect_rules(rules, i, err));
  for (size_t i = 0; i < n_quantities; i++)
    SLIP_TRY(visit_quantity(w, i));
  for (size_t i = 0; i < t[SLIP_THING_GROUP].count; i++)
    SLIP_TRY(visit_group(w, i));
  for (size_t i = 0; i < n_rules; i++)
    SLIP_TRY(visit_rule(w, i));
  for (size_t i = 0; i < n_decisions; i++)
    SLIP_TRY(visit_decision(w, i));
cleanup:
  return status;
}
