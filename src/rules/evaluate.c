/* Three-valued logic over intervals (Kleene 1952, the strong tables): an answer is yes or no only when every value that the
 * unknown inputs could take gives the same. */
#include <string.h>

#include "rules/evaluate.h"

slip_truth slip_truth_and(slip_truth a, slip_truth b) {
  return a == SLIP_NO || b == SLIP_NO ? SLIP_NO : a == SLIP_YES && b == SLIP_YES ? SLIP_YES : SLIP_UNDETERMINED;
}

slip_truth slip_truth_or(slip_truth a, slip_truth b) {
  return a == SLIP_YES || b == SLIP_YES ? SLIP_YES : a == SLIP_NO && b == SLIP_NO ? SLIP_NO : SLIP_UNDETERMINED;
}

slip_truth slip_truth_not(slip_truth a) {
  return a == SLIP_YES ? SLIP_NO : a == SLIP_NO ? SLIP_YES : SLIP_UNDETERMINED;
}

/* ---- what would decide ---- */

static void need(slip_missing *missing, size_t bit) {
  if (missing == NULL)
    return;
  missing->bits[bit / 64] |= UINT64_C(1) << (bit % 64);
}

static void need_all(slip_missing *missing, const slip_missing *other) {
  if (missing == NULL)
    return;
  for (size_t i = 0; i < MISSING_WORDS; i++)
    missing->bits[i] |= other->bits[i];
}

static void need_term(const evaluation *e, const pack_term *term, slip_missing *missing) {
  if (term->operation == SLIP_OP_INPUT) {
    const case_value *value = &e->c->inputs[term->index];
    if (!value->is_known || value->is_disputed)
      need(missing, term->index);
  } else if (term->operation == SLIP_OP_QUANTITY && !e->c->stated[term->index].is_known) {
    need_term(e, e->rules->quantities[term->index].term, missing);
  }
  /* What a list of rates leaves out is not missing while it has any. */
  const bool is_partial = term->operation == SLIP_OP_LARGEST && !slip_range_is_unknown(slip_case_term(e->c, term));
  for (const pack_term *inner = term->first; inner; inner = inner->next)
    if (!is_partial || !slip_range_is_unknown(slip_case_term(e->c, inner)))
      need_term(e, inner, missing);
}

/* Marks the disputed inputs of an expression: where a bound lies within what sources say, each of their values is tried. */
static void mark_straddle(evaluation *e, const pack_term *term) {
  if (term->operation == SLIP_OP_INPUT && e->c->inputs[term->index].is_disputed)
    e->straddles[term->index / 64] |= UINT64_C(1) << (term->index % 64);
  if (term->operation == SLIP_OP_QUANTITY && !e->c->stated[term->index].is_known)
    mark_straddle(e, e->rules->quantities[term->index].term);
  for (const pack_term *inner = term->first; inner; inner = inner->next)
    mark_straddle(e, inner);
}

static void need_operand(const evaluation *e, const pack_condition *c, slip_missing *missing) {
  if (c->thing == SLIP_THING_QUANTITY)
    need_term(e, &(pack_term){.operation = SLIP_OP_QUANTITY, .index = c->index}, missing);
  else if (c->thing == SLIP_THING_LOOKUP)
    need(missing, e->rules->lookups[c->index].input);
  else
    need(missing, c->index);
}

/* ---- countries ---- */

static slip_truth is_member(const pack_group *group, size_t code, slip_date date) {
  const pack_member *member = group->place[code] ? &group->members[group->place[code] - 1] : NULL;
  if (member && (member->joined || member->left))
    return (!member->joined || date >= member->joined) && (!member->left || date < member->left) ? SLIP_YES
                                                                                                 : SLIP_NO;
  if (date < group->known_from && !group->is_settled[code])
    return SLIP_UNDETERMINED;
  return member ? SLIP_YES : SLIP_NO;
}

static slip_truth in_group(const evaluation *e, size_t index, size_t code, slip_missing *missing) {
  const pack_group *group = &e->rules->groups[index];
  slip_truth result = group->n_members > 0 ? is_member(group, code, e->ask.date) : SLIP_NO;
  if (result == SLIP_UNDETERMINED)
    need(missing, MISSING_GROUPS + index);
  for (size_t i = 0; i < group->n_with; i++)
    result = slip_truth_or(result, in_group(e, group->with[i], code, missing));
  for (size_t i = 0; i < group->n_without; i++)
    result = slip_truth_and(result, slip_truth_not(in_group(e, group->without[i], code, missing)));
  return result;
}

/* ---- leaves ---- */

static const char *text_of(const evaluation *e, const pack_condition *c) {
  if (c->thing == SLIP_THING_INPUT) {
    const case_value *value = &e->c->inputs[c->index];
    return value->is_known ? value->text : NULL;
  }
  const pack_lookup *lookup = &e->rules->lookups[c->index];
  const case_value *value = &e->c->inputs[lookup->input];
  for (size_t i = 0; value->is_known && i < lookup->count; i++)
    if (strcmp(lookup->keys[i], value->text) == 0)
      return lookup->values[i];
  return NULL;
}

static slip_truth is_one_of(const char *const *texts, size_t count, const char *text) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(texts[i], text) == 0)
      return SLIP_YES;
  return SLIP_NO;
}

slip_truth evaluate_bounds(const pack_condition *c, slip_range range) {
  slip_truth low = SLIP_YES, high = SLIP_YES;
  if (c->has_low) {
    const int strict = c->low_strict ? 1 : 0;
    low = slip_exact_compare(range.low, c->low) >= strict                          ? SLIP_YES
          : !range.is_unbounded && slip_exact_compare(range.high, c->low) < strict ? SLIP_NO
                                                                                   : SLIP_UNDETERMINED;
  }
  if (c->has_high) {
    const int strict = c->high_strict ? 1 : 0;
    high = !range.is_unbounded && slip_exact_compare(c->high, range.high) >= strict ? SLIP_YES
           : slip_exact_compare(c->high, range.low) < strict                        ? SLIP_NO
                                                                                    : SLIP_UNDETERMINED;
  }
  return slip_truth_and(low, high);
}

static slip_truth by_decision(const evaluation *e, const pack_condition *c, slip_missing *missing) {
  const decision_state *state = &e->decision[c->index];
  if ((state->candidates & ~c->outcomes) == 0)
    return SLIP_YES;
  if ((state->candidates & c->outcomes) == 0)
    return SLIP_NO;
  need_all(missing, &state->missing);
  return SLIP_UNDETERMINED;
}

static slip_truth leaf(evaluation *e, const pack_condition *c, slip_missing *missing) {
  slip_truth result = SLIP_UNDETERMINED;
  const char *text = NULL;
  slip_range range;
  switch (c->kind) {
  case SLIP_COMPARE:
    range = slip_case_number(e->c, c->thing, c->index);
    result = evaluate_bounds(c, range);
    if (result == SLIP_UNDETERMINED && !slip_range_is_unknown(range))
      mark_straddle(e, &(pack_term){.operation = c->thing == SLIP_THING_QUANTITY ? SLIP_OP_QUANTITY : SLIP_OP_INPUT,
                                    .index = c->index});
    break;
  case SLIP_HOLDS:
    result = e->c->inputs[c->index].truth;
    break;
  case SLIP_IS:
    text = text_of(e, c);
    result = text ? is_one_of(c->texts, c->n_texts, text) : SLIP_UNDETERMINED;
    break;
  case SLIP_IN_GROUP:
    text = text_of(e, c);
    if (text && pack_is_country(text))
      return in_group(e, c->group, pack_country_index(text), missing);
    break;
  case SLIP_BY_RULE:
    if (e->rule[c->index].value == SLIP_UNDETERMINED)
      need_all(missing, &e->rule[c->index].missing);
    return e->rule[c->index].value;
  case SLIP_BY_DECISION:
    return by_decision(e, c, missing);
  default:
    break;
  }
  if (result == SLIP_UNDETERMINED && missing != NULL)
    need_operand(e, c, missing);
  return result;
}

/* All of or any of: the first that settles it ends it. */
static slip_truth evaluate_list(evaluation *e, const pack_condition *c, slip_missing *missing) {
  const bool is_all = c->kind == SLIP_ALL_OF;
  slip_truth result = is_all ? SLIP_YES : SLIP_NO;
  for (const pack_condition *inner = c->first; inner; inner = inner->next) {
    const slip_truth value = evaluate_condition(e, inner, missing);
    result = is_all ? slip_truth_and(result, value) : slip_truth_or(result, value);
    if (result == (is_all ? SLIP_NO : SLIP_YES))
      return result;
  }
  return result;
}

slip_truth evaluate_condition(evaluation *e, const pack_condition *c, slip_missing *missing) {
  if (c->kind > SLIP_NOT_OF)
    return leaf(e, c, missing);
  if (c->kind == SLIP_NOT_OF)
    return slip_truth_not(evaluate_condition(e, c->first, missing));
  if (missing == NULL)
    return evaluate_list(e, c, NULL);
  slip_missing needed = {{0}};
  const slip_truth result = evaluate_list(e, c, &needed);
  if (result == SLIP_UNDETERMINED)
    need_all(missing, &needed);
  return result;
}

/* ---- rules on a date ---- */

static const slip_period *period_at(const slip_period *periods, size_t count, slip_date date) {
  for (size_t i = 0; i < count; i++)
    if (periods[i].from <= date && (periods[i].to == 0 || date <= periods[i].to))
      return &periods[i];
  return NULL;
}

/* Everything but the condition. */
static void place_in_time(const slip_rule *rule, const slip_ask *ask, rule_state *state) {
  const slip_date known_on = ask->known_on ? ask->known_on : 29991231;
  const slip_period *suspended = period_at(rule->suspended, rule->n_suspended, ask->date);
  const slip_period *enforcement = period_at(rule->enforcement, rule->n_enforcement, ask->date);
  const bool is_proposed = rule->certainty == SLIP_PROPOSED;
  const slip_date first = rule->published < rule->effective ? rule->published : rule->effective;
  state->is_hidden = ask->date < first || rule->published > known_on || (is_proposed && !ask->with_proposed);
  state->because = enforcement ? enforcement->because : suspended ? suspended->because : "";
  state->enforcement = enforcement ? enforcement->enforcement : SLIP_ENFORCED;
  state->is_awaited = rule->compliance && ask->date >= rule->effective && ask->date < rule->compliance;
  state->text_status = ask->date < rule->effective                ? SLIP_TEXT_NOT_YET
                       : rule->expiry && ask->date > rule->expiry ? SLIP_TEXT_EXPIRED
                       : suspended                                ? SLIP_TEXT_SUSPENDED
                       : is_proposed                              ? SLIP_TEXT_NONE
                       : rule->never_published                    ? SLIP_TEXT_NEVER_PUBLISHED
                                                                  : SLIP_TEXT_IN_FORCE;
}

static bool has_effect(const rule_state *state) {
  return (state->text_status == SLIP_TEXT_IN_FORCE || state->text_status == SLIP_TEXT_NEVER_PUBLISHED ||
          state->text_status == SLIP_TEXT_NONE) &&
         !state->is_awaited && state->enforcement != SLIP_ANNOUNCED_NOT_ENFORCED;
}

static void run_rule(evaluation *e, size_t index) {
  const pack_rule *rule = &e->rules->rules[index];
  rule_state *state = &e->rule[index];
  slip_missing *missing = e->is_lean ? NULL : &state->missing;
  if (!e->is_lean)
    memset(&state->missing, 0, sizeof state->missing);
  place_in_time(&rule->public, &e->ask, state);
  state->value = state->met = state->besides = SLIP_NO;
  if (state->is_hidden || (e->is_lean && !has_effect(state)))
    return;
  state->met = state->besides = evaluate_condition(e, rule->when, missing);
  if (rule->checklist && state->met != SLIP_NO)
    state->met = slip_truth_and(state->met, evaluate_condition(e, rule->checklist, missing));
  if (!has_effect(state) || state->met == SLIP_NO)
    return;
  state->value = state->met;
  if (state->enforcement == SLIP_ENFORCEMENT_UNKNOWN) {
    state->value = SLIP_UNDETERMINED;
    need(missing, MISSING_RULES + index);
  }
}

/* ---- decisions ---- */

/* What the candidates of a decision that takes the first come to. */
static void conclude(const evaluation *e, const pack_decision *decision, decision_state *state) {
  const size_t n = decision->public.n_outcomes;
  const bool is_one = (state->candidates & (state->candidates - 1)) == 0;
  const bool is_last = state->candidates == UINT64_C(1) << (n - 1);
  if (!decision->public.takes_first)
    return;
  state->value = is_last ? SLIP_NO : is_one || !(state->candidates >> (n - 1)) ? SLIP_YES : SLIP_UNDETERMINED;
  if (!is_one)
    state->by = SLIP_PACK_MAX;
  else if (!e->is_lean)
    memset(&state->missing, 0, sizeof state->missing);
}

static void run_decision(evaluation *e, size_t index) {
  const pack_decision *decision = &e->rules->decisions[index];
  const size_t n = decision->public.n_outcomes;
  decision_state *state = &e->decision[index];
  slip_missing *missing = e->is_lean ? NULL : &state->missing;
  if (!e->is_lean)
    memset(&state->missing, 0, sizeof state->missing);
  state->candidates = 0;
  state->by = SLIP_PACK_MAX;
  state->value = SLIP_NO;
  bool settled = false;
  for (size_t i = 0; i < decision->n_rules && !settled; i++) {
    const size_t at = decision->rules[i];
    const rule_state *rule = &e->rule[at];
    state->value = slip_truth_or(state->value, rule->value);
    if (rule->value == SLIP_NO)
      continue;
    if (rule->value == SLIP_UNDETERMINED)
      need_all(missing, &rule->missing);
    const size_t outcome = e->rules->rules[at].outcome;
    if (outcome < n)
      state->candidates |= UINT64_C(1) << outcome;
    if (rule->value == SLIP_YES && state->by == SLIP_PACK_MAX)
      state->by = at;
    settled = decision->public.takes_first && rule->value == SLIP_YES;
  }
  if (!settled)
    state->candidates |= UINT64_C(1) << (n - 1);
  conclude(e, decision, state);
}

bool evaluation_open(evaluation *e, slip_arena *arena, const slip_rules *rules, slip_case *c, const slip_ask *ask) {
  slip_case_compute(c);
  *e = (evaluation){.rules = rules, .c = c, .ask = *ask, .is_lean = false};
  e->rule = slip_arena_array(arena, rules->tables[SLIP_THING_RULE].count + 1, sizeof *e->rule);
  e->decision = slip_arena_array(arena, rules->tables[SLIP_THING_DECISION].count + 1, sizeof *e->decision);
  e->one_rule = slip_arena_array(arena, rules->tables[SLIP_THING_RULE].count + 1, sizeof *e->rule);
  e->one_decision = slip_arena_array(arena, rules->tables[SLIP_THING_DECISION].count + 1, sizeof *e->decision);
  return e->rule && e->decision && e->one_rule && e->one_decision;
}

static void run_once(evaluation *e) {
  for (size_t i = 0; i < e->rules->n_steps; i++) {
    if (e->rules->steps[i].is_decision)
      run_decision(e, e->rules->steps[i].index);
    else
      run_rule(e, e->rules->steps[i].index);
  }
}

/* ---- over the published values ---- */

enum { MOST_DISPUTED = 8 };

typedef struct spread {
  size_t input[MOST_DISPUTED], at[MOST_DISPUTED];
  size_t n;
} spread;

/* The disputed numbers on which an answer hangs, as many as keep the combinations few; the rest stay intervals. */
static void find_spread(const evaluation *e, spread *s) {
  size_t combinations = 1;
  for (size_t i = 0; i < e->rules->tables[SLIP_THING_INPUT].count && s->n < MOST_DISPUTED; i++) {
    const case_value *value = &e->c->inputs[i];
    if (!(e->straddles[i / 64] >> (i % 64) & 1) || value->n_published < 2 ||
        combinations * value->n_published > MOST_COMBINATIONS)
      continue;
    combinations *= value->n_published;
    s->input[s->n++] = i;
  }
}

/* The next combination; false after the last. */
static bool advance(const evaluation *e, spread *s) {
  for (size_t i = 0; i < s->n; i++) {
    if (++s->at[i] < e->c->inputs[s->input[i]].n_published)
      return true;
    s->at[i] = 0;
  }
  return false;
}

static void need_spread(const spread *s, slip_missing *missing) {
  for (size_t i = 0; i < s->n; i++)
    need(missing, s->input[i]);
}

/* Joins one combination's answers to those so far: what differs is undetermined, and hangs on what is disputed. */
static void join_rule(bool is_lean, const spread *s, rule_state *all, const rule_state *one) {
  if (!is_lean && (all->value != one->value || all->met != one->met))
    need_spread(s, &all->missing);
  if (!is_lean)
    need_all(&all->missing, &one->missing);
  all->value = all->value == one->value ? all->value : SLIP_UNDETERMINED;
  all->met = all->met == one->met ? all->met : SLIP_UNDETERMINED;
  all->besides = all->besides == one->besides ? all->besides : SLIP_UNDETERMINED;
}

static void join_decision(const evaluation *e, const spread *s, const pack_decision *decision, decision_state *all,
                          const decision_state *one) {
  if (!e->is_lean && all->candidates != one->candidates)
    need_spread(s, &all->missing);
  if (!e->is_lean)
    need_all(&all->missing, &one->missing);
  all->candidates |= one->candidates;
  all->value = all->value == one->value ? all->value : SLIP_UNDETERMINED;
  conclude(e, decision, all);
}

static void run_combination(evaluation *e, const spread *s) {
  for (size_t i = 0; i < s->n; i++) {
    case_value *value = &e->c->inputs[s->input[i]];
    value->number = slip_range_of(value->published[s->at[i]]);
  }
  e->c->is_computed = false;
  slip_case_compute(e->c);
  run_once(e);
}

static void run_spread(evaluation *e) {
  const size_t n_rules = e->rules->tables[SLIP_THING_RULE].count,
               n_decisions = e->rules->tables[SLIP_THING_DECISION].count;
  slip_range kept[MOST_DISPUTED];
  spread s = {.n = 0};
  find_spread(e, &s);
  if (s.n == 0)
    return;
  for (size_t i = 0; i < s.n; i++)
    kept[i] = e->c->inputs[s.input[i]].number;
  run_combination(e, &s);
  evaluation one = *e;
  one.rule = e->one_rule;
  one.decision = e->one_decision;
  while (advance(e, &s)) {
    run_combination(&one, &s);
    for (size_t i = 0; i < n_rules; i++)
      join_rule(e->is_lean, &s, &e->rule[i], &one.rule[i]);
    for (size_t i = 0; i < n_decisions; i++)
      join_decision(e, &s, &e->rules->decisions[i], &e->decision[i], &one.decision[i]);
  }
  for (size_t i = 0; i < s.n; i++)
    e->c->inputs[s.input[i]].number = kept[i];
  e->c->is_computed = false;
  slip_case_compute(e->c);
}

void evaluation_run(evaluation *e) {
  memset(e->straddles, 0, sizeof e->straddles);
  run_once(e);
  run_spread(e);
}
