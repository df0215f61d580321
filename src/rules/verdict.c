/* Decisions on a date as a result that people and programs read, and the derivation of a rule as a tree. */
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"
#include "rules/evaluate.h"

typedef struct verdict {
  slip_verdict public; /* first: the caller's pointer */
  slip_arena *arena;
} verdict;

/* ---- what is missing, by name ---- */

static const char *missing_name(const evaluation *e, slip_arena *arena, size_t bit) {
  if (bit < MISSING_GROUPS)
    return e->rules->inputs[bit].public.id;
  if (bit < MISSING_RULES)
    return slip_arena_printf(arena, "group:%s", e->rules->groups[bit - MISSING_GROUPS].id);
  return slip_arena_printf(arena, "enforcement:%s", e->rules->rules[bit - MISSING_RULES].public.id);
}

static slip_status list_missing(const evaluation *e, slip_arena *arena, const slip_missing *missing,
                                const char *const **out, size_t *count, slip_error *err) {
  size_t n = 0;
  for (size_t bit = 0; bit < MISSING_BITS; bit++)
    n += missing->bits[bit / 64] >> (bit % 64) & 1;
  const char **names = slip_arena_array(arena, n, sizeof *names);
  if (!names)
    return slip_no_memory(err);
  *count = 0;
  for (size_t bit = 0; bit < MISSING_BITS; bit++) {
    if (!(missing->bits[bit / 64] >> (bit % 64) & 1))
      continue;
    names[*count] = missing_name(e, arena, bit);
    if (!names[(*count)++])
      return slip_no_memory(err);
  }
  *out = names;
  return SLIP_OK;
}

/* ---- findings ---- */

static slip_status list_checks(const evaluation *e, slip_arena *arena, size_t index, slip_finding *finding,
                               slip_error *err) {
  const pack_condition *list = e->rules->rules[index].checklist;
  size_t n = 0;
  for (const pack_condition *c = list ? list->first : NULL; c; c = c->next)
    n++;
  slip_check *checks = slip_arena_array(arena, n, sizeof *checks);
  if (!checks)
    return slip_no_memory(err);
  for (const pack_condition *c = list ? list->first : NULL; c; c = c->next)
    checks[finding->n_checks++] =
        (slip_check){e->rules->inputs[c->index].public.id, c->says, e->c->inputs[c->index].truth};
  finding->checks = checks;
  return SLIP_OK;
}

static slip_status make_finding(const evaluation *e, slip_arena *arena, size_t index, slip_finding *finding,
                                slip_error *err) {
  const rule_state *state = &e->rule[index];
  slip_status status = SLIP_OK;
  *finding = (slip_finding){.rule = &e->rules->rules[index].public,
                            .met = state->met,
                            .value = state->value,
                            .text_status = state->text_status,
                            .enforcement = state->enforcement,
                            .is_awaited = state->is_awaited,
                            .because = state->because,
                            .besides = state->besides};
  SLIP_TRY(list_checks(e, arena, index, finding, err));
  SLIP_TRY(list_missing(e, arena, &state->missing, &finding->missing, &finding->n_missing, err));
cleanup:
  return status;
}

static slip_status make_decided(const evaluation *e, slip_arena *arena, size_t index, const slip_finding *all,
                                slip_decided *decided, slip_error *err) {
  const pack_decision *decision = &e->rules->decisions[index];
  const decision_state *state = &e->decision[index];
  slip_status status = SLIP_OK;
  slip_finding *findings = slip_arena_array(arena, decision->n_rules, sizeof *findings);
  const slip_outcome **candidates = slip_arena_array(arena, decision->public.n_outcomes, sizeof *candidates);
  if (!findings || !candidates)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  *decided = (slip_decided){
      .decision = &decision->public, .value = state->value, .candidates = candidates, .findings = findings};
  for (size_t i = 0; i < decision->public.n_outcomes; i++)
    if (state->candidates >> i & 1)
      candidates[decided->n_candidates++] = &decision->outcomes[i];
  for (size_t i = 0; i < decision->n_rules; i++) {
    if (e->rule[decision->rules[i]].is_hidden)
      continue;
    slip_finding *finding = &findings[decided->n_findings++];
    *finding = all[decision->rules[i]];
    if (decision->rules[i] == state->by)
      decided->by = finding;
  }
  SLIP_TRY(list_missing(e, arena, &state->missing, &decided->missing, &decided->n_missing, err));
cleanup:
  return status;
}

slip_status slip_classify(const slip_rules *rules, slip_case *c, const slip_ask *ask, slip_verdict **out,
                          slip_error *err) {
  slip_status status = SLIP_OK;
  evaluation e;
  slip_arena *arena = slip_arena_open();
  verdict *v = arena ? slip_arena_alloc(arena, sizeof *v) : NULL;
  const size_t n = rules->tables[SLIP_THING_DECISION].count;
  const size_t n_rules = rules->tables[SLIP_THING_RULE].count;
  slip_decided *decided = v ? slip_arena_array(arena, n, sizeof *decided) : NULL;
  slip_finding *findings = v ? slip_arena_array(arena, n_rules, sizeof *findings) : NULL;
  if (!decided || !findings || !evaluation_open(&e, arena, rules, c, ask))
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  evaluation_run(&e);
  v->arena = arena;
  v->public = (slip_verdict){ask->date, decided, n, findings, n_rules};
  for (size_t i = 0; i < n_rules; i++)
    SLIP_TRY(make_finding(&e, arena, i, &findings[i], err));
  for (size_t i = 0; i < n; i++)
    SLIP_TRY(make_decided(&e, arena, i, findings, &decided[i], err));
  *out = &v->public;
  arena = NULL;
cleanup:
  slip_arena_free(arena);
  return status;
}

void slip_verdict_free(slip_verdict *v) {
  if (v)
    slip_arena_free(((verdict *)(void *)v)->arena);
}

const slip_decided *slip_verdict_find(const slip_verdict *v, const char *id) {
  for (size_t i = 0; i < v->n_decided; i++)
    if (strcmp(v->decided[i].decision->id, id) == 0)
      return &v->decided[i];
  return NULL;
}

const slip_finding *slip_verdict_finding(const slip_verdict *v, const char *id) {
  for (size_t i = 0; i < v->n_findings; i++)
    if (strcmp(v->findings[i].rule->id, id) == 0)
      return &v->findings[i];
  return NULL;
}

/* ---- many dates ---- */

typedef struct sweep {
  slip_sweep public; /* first */
  slip_arena *arena;
} sweep;

slip_status slip_rules_sweep(const slip_rules *rules, slip_case *c, const slip_ask *ask, const slip_date *dates,
                             size_t n, slip_sweep **out, slip_error *err) {
  const size_t n_rules = rules->tables[SLIP_THING_RULE].count,
               n_decisions = rules->tables[SLIP_THING_DECISION].count;
  slip_status status = SLIP_OK;
  evaluation e;
  slip_arena *arena = slip_arena_open();
  sweep *s = arena ? slip_arena_alloc(arena, sizeof *s) : NULL;
  uint64_t *candidates = s ? slip_arena_array(arena, n * n_decisions + 1, sizeof *candidates) : NULL;
  unsigned char *values = s ? slip_arena_array(arena, n * n_rules + 1, sizeof *values) : NULL;
  if (!candidates || !values || !evaluation_open(&e, arena, rules, c, ask))
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  e.is_lean = true;
  for (size_t d = 0; d < n; d++) {
    e.ask.date = dates[d];
    evaluation_run(&e);
    for (size_t i = 0; i < n_decisions; i++)
      candidates[d * n_decisions + i] = e.decision[i].candidates;
    for (size_t i = 0; i < n_rules; i++)
      values[d * n_rules + i] = (unsigned char)e.rule[i].value;
  }
  *s = (sweep){{n, n_decisions, n_rules, candidates, values}, arena};
  *out = &s->public;
  arena = NULL;
cleanup:
  slip_arena_free(arena);
  return status;
}

void slip_sweep_free(slip_sweep *s) {
  if (s)
    slip_arena_free(((sweep *)(void *)s)->arena);
}

/* ---- derivation ---- */

typedef struct derive {
  evaluation *e;
  slip_arena *arena;
  bool failed;
} derive;

static const char *value_text(const derive *d, const pack_condition *c) {
  const slip_rules *rules = d->e->rules;
  if (c->thing == SLIP_THING_LOOKUP) {
    const pack_lookup *lookup = &rules->lookups[c->index];
    const case_value *value = &d->e->c->inputs[lookup->input];
    for (size_t i = 0; value->is_known && i < lookup->count; i++)
      if (strcmp(lookup->keys[i], value->text) == 0)
        return lookup->values[i];
    return "unknown";
  }
  const bool is_number = c->thing == SLIP_THING_QUANTITY || rules->inputs[c->index].type == SLIP_VALUE_NUMBER;
  if (is_number)
    return slip_range_format(d->arena, slip_case_number(d->e->c, c->thing, c->index));
  const case_value *value = &d->e->c->inputs[c->index];
  return value->is_known ? value->text : value->is_disputed ? "disputed" : "unknown";
}

static const char *value_name(const slip_rules *rules, const pack_condition *c) {
  return c->thing == SLIP_THING_QUANTITY ? rules->quantities[c->index].id
         : c->thing == SLIP_THING_LOOKUP ? rules->lookups[c->index].id
                                         : rules->inputs[c->index].public.id;
}

static void write_bounds(const pack_condition *c, slip_text *out) {
  char number[SLIP_EXACT_SIZE];
  if (c->has_low)
    slip_text_printf(out, " %s %s", c->low_strict ? ">" : ">=", slip_exact_format(number, c->low));
  if (c->has_high)
    slip_text_printf(out, "%s %s %s", c->has_low ? " and" : "",
                     c->high_strict ? "<" : "<=", slip_exact_format(number, c->high));
}

static void write_texts(const pack_condition *c, slip_text *out) {
  for (size_t i = 0; i < c->n_texts; i++)
    slip_text_printf(out, "%s%s", i ? ", " : "", c->texts[i]);
}

static void write_condition(const derive *d, const pack_condition *c, slip_text *out) {
  const slip_rules *rules = d->e->rules;
  switch (c->kind) {
  case SLIP_ALL_OF:
    slip_text_add(out, "all of");
    break;
  case SLIP_ANY_OF:
    slip_text_add(out, "any of");
    break;
  case SLIP_NOT_OF:
    slip_text_add(out, "not");
    break;
  case SLIP_BY_RULE:
    slip_text_printf(out, "rule %s", rules->rules[c->index].public.id);
    break;
  case SLIP_BY_DECISION:
    slip_text_printf(out, "%s is one of: ", rules->decisions[c->index].public.id);
    write_texts(c, out);
    break;
  default: {
    const char *value = value_text(d, c);
    slip_text_printf(out, "%s = %s", value_name(rules, c), value ? value : "");
    if (c->kind == SLIP_COMPARE)
      write_bounds(c, out);
    if (c->kind == SLIP_IN_GROUP)
      slip_text_printf(out, " in %s", rules->groups[c->group].title);
    if (c->kind == SLIP_IS) {
      slip_text_add(out, ", one of: ");
      write_texts(c, out);
    }
  }
  }
  if (c->says[0])
    slip_text_printf(out, " (%s)", c->says);
}

static slip_derivation *derive_node(derive *d, slip_truth value, slip_text *text) {
  slip_derivation *node = slip_arena_alloc(d->arena, sizeof *node);
  const char *kept = text->data && !text->failed ? slip_arena_strdup(d->arena, text->data) : NULL;
  slip_text_free(text);
  if (!node || !kept) {
    d->failed = true;
    return NULL;
  }
  node->value = value;
  node->text = kept;
  return node;
}

static slip_derivation *derive_condition(derive *d, const pack_condition *c, int depth);

/* The condition of the rule, then where it stands in time when that matters. Depth-limited: a chain of rules may be long. */
static slip_derivation *derive_rule(derive *d, size_t index, int depth) {
  const pack_rule *rule = &d->e->rules->rules[index];
  const rule_state *state = &d->e->rule[index];
  slip_text text = {0};
  slip_text_printf(&text, "rule %s: %s [%s; %s]", rule->public.id, rule->public.title, rule->public.citation,
                   slip_text_status_name(state->text_status));
  slip_derivation *node = derive_node(d, state->value, &text);
  if (!node || depth <= 0 || state->is_hidden)
    return node;
  slip_derivation *when = derive_condition(d, rule->when, depth - 1);
  node->first = when;
  if (when && rule->checklist)
    when->next = derive_condition(d, rule->checklist, depth - 1);
  return node;
}

static slip_derivation *derive_condition(derive *d, const pack_condition *c, int depth) {
  slip_missing ignored = {{0}};
  slip_text text = {0};
  if (c->kind == SLIP_BY_RULE)
    return derive_rule(d, c->index, depth);
  write_condition(d, c, &text);
  slip_derivation *node = derive_node(d, evaluate_condition(d->e, c, &ignored), &text);
  if (!node || depth <= 0)
    return node;
  const slip_derivation **tail = &node->first;
  for (const pack_condition *inner = c->first; inner; inner = inner->next) {
    slip_derivation *child = derive_condition(d, inner, depth - 1);
    if (!child)
      return node;
    *tail = child;
    tail = &child->next;
  }
  return node;
}

enum { DEEPEST = 24 };

const slip_derivation *slip_verdict_derive(slip_verdict *v, const slip_rules *rules, slip_case *c,
                                           const slip_ask *ask, const slip_rule *rule) {
  evaluation e;
  derive d = {&e, ((verdict *)(void *)v)->arena, false};
  size_t index = 0;
  if (!pack_find(rules, SLIP_THING_RULE, rule->id, &index) || !evaluation_open(&e, d.arena, rules, c, ask))
    return NULL;
  evaluation_run(&e);
  const slip_derivation *root = derive_rule(&d, index, DEEPEST);
  return d.failed ? NULL : root;
}
