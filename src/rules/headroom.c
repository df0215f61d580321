/* What would change an answer: distances to bounds, break-points of one parameter, and the nearest variant.
 *
 * In the logarithms of the parameters every bound on a product or ratio of them is a half-space, so the set on which an answer
 * holds is a union of polyhedra, and the nearest point of each lies on an intersection of some of their planes, as the projection
 * of the origin onto it. There are a dozen planes and five parameters: all intersections of up to three are tried, and each
 * candidate is put to the evaluator itself, so that a variant is never told that the rules would not give. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"
#include "rules/evaluate.h"

enum { MAX_VARIABLES = 8, MAX_PLANES = 24, MAX_BREAKS = 64, NOT_A_POWER = 99, MAX_ATOMS = SLIP_PACK_MAX_DISTANCES };

typedef struct variable {
  slip_thing thing;
  size_t index;
  const char *id, *title, *unit;
} variable;

typedef struct plane {
  int power[MAX_VARIABLES];
  double gap; /* ln(bound / value): how far the quantity has to move */
} plane;

typedef struct study {
  slip_headroom public; /* first */
  slip_arena *arena;
  const slip_rules *rules;
  slip_case *c;
  slip_ask ask;
  evaluation e;
  size_t decision;
  variable variables[MAX_VARIABLES];
  size_t n_variables;
  const pack_condition *atoms[MAX_ATOMS]; /* comparisons of the decision's rules */
  size_t n_atoms;
  bool seen_rule[SLIP_PACK_MAX];
  plane planes[MAX_PLANES];
  size_t n_planes;
} study;

static const char undetermined[] = "undetermined";

/* The one outcome of the decision with the case as it stands now. */
static const char *outcome_now(study *s) {
  s->c->is_computed = false;
  slip_case_compute(s->c);
  evaluation_run(&s->e);
  const uint64_t candidates = s->e.decision[s->decision].candidates;
  const slip_decision *decision = &s->rules->decisions[s->decision].public;
  for (size_t i = 0; i < decision->n_outcomes; i++)
    if (candidates == UINT64_C(1) << i)
      return decision->outcomes[i].id;
  return undetermined;
}

/* ---- parameters of the design ---- */

static void add_variable(study *s, variable v) {
  if (s->n_variables < MAX_VARIABLES)
    s->variables[s->n_variables++] = v;
}

static void find_variables(study *s) {
  for (size_t i = 0; i < s->rules->tables[SLIP_THING_QUANTITY].count; i++) {
    const pack_quantity *q = &s->rules->quantities[i];
    if (q->varies)
      add_variable(s, (variable){SLIP_THING_QUANTITY, i, q->id, q->title, q->unit});
  }
  for (size_t i = 0; i < s->rules->tables[SLIP_THING_INPUT].count; i++) {
    const slip_input *input = &s->rules->inputs[i].public;
    if (input->varies)
      add_variable(s, (variable){SLIP_THING_INPUT, i, input->id, input->title, input->unit});
  }
}

static case_value *place_of(study *s, const variable *v) {
  return v->thing == SLIP_THING_QUANTITY ? &s->c->stated[v->index] : &s->c->inputs[v->index];
}

static void put(study *s, const variable *v, slip_exact value) {
  *place_of(s, v) = (case_value){.is_known = true,
                                 .number = slip_range_of(value),
                                 .truth = SLIP_UNDETERMINED,
                                 .text = "varied",
                                 .source = "varied",
                                 .url = "",
                                 .date = ""};
  s->c->is_computed = false;
}

static slip_range range_of(study *s, const variable *v) {
  slip_case_compute(s->c);
  return slip_case_number(s->c, v->thing, v->index);
}

/* The power of a variable in an expression; NOT_A_POWER when it is no product of powers of it. */
static int power_in(const study *s, const pack_term *term, const variable *v) {
  if (term->operation == SLIP_OP_NUMBER)
    return 0;
  if (term->operation == SLIP_OP_INPUT)
    return v->thing == SLIP_THING_INPUT && v->index == term->index ? 1 : 0;
  if (term->operation == SLIP_OP_QUANTITY)
    return v->thing == SLIP_THING_QUANTITY && v->index == term->index
               ? 1
               : power_in(s, s->rules->quantities[term->index].term, v);
  int power = 0;
  for (const pack_term *inner = term->first; inner; inner = inner->next) {
    const int of_inner = power_in(s, inner, v);
    if (of_inner == NOT_A_POWER ||
        (of_inner != 0 && term->operation != SLIP_OP_PRODUCT && term->operation != SLIP_OP_RATIO))
      return NOT_A_POWER;
    power += term->operation == SLIP_OP_RATIO && inner != term->first ? -of_inner : of_inner;
  }
  return power;
}

static int power_of(const study *s, const pack_condition *atom, const variable *v) {
  const pack_term term = {.operation = atom->thing == SLIP_THING_QUANTITY ? SLIP_OP_QUANTITY : SLIP_OP_INPUT,
                          .index = atom->index};
  return power_in(s, &term, v);
}

/* ---- comparisons ---- */

static bool applies(const rule_state *state) {
  return !state->is_hidden && !state->is_awaited && state->enforcement != SLIP_ANNOUNCED_NOT_ENFORCED &&
         (state->text_status == SLIP_TEXT_IN_FORCE || state->text_status == SLIP_TEXT_NEVER_PUBLISHED ||
          state->text_status == SLIP_TEXT_NONE);
}

static void collect_rule(study *s, size_t index);

static void collect_atoms(study *s, const pack_condition *c) {
  if (c->kind == SLIP_COMPARE && s->n_atoms < MAX_ATOMS)
    s->atoms[s->n_atoms++] = c;
  if (c->kind == SLIP_BY_RULE)
    collect_rule(s, c->index);
  for (const pack_condition *inner = c->first; inner; inner = inner->next)
    collect_atoms(s, inner);
}

static void collect_rule(study *s, size_t index) {
  if (s->seen_rule[index] || !applies(&s->e.rule[index]))
    return;
  s->seen_rule[index] = true;
  collect_atoms(s, s->rules->rules[index].when);
}

/* ---- distances ---- */

static slip_status add_distance(study *s, slip_distance *list, size_t rule, const pack_condition *c, bool of_low,
                                slip_error *err) {
  char number[SLIP_EXACT_SIZE];
  const slip_range range = slip_case_number(s->c, c->thing, c->index);
  const bool strict = of_low ? c->low_strict : c->high_strict;
  const slip_exact bound = of_low ? c->low : c->high;
  pack_condition one = *c;
  one.has_low = of_low;
  one.has_high = !of_low;
  const pack_quantity *q = c->thing == SLIP_THING_QUANTITY ? &s->rules->quantities[c->index] : NULL;
  const slip_input *input = q ? NULL : &s->rules->inputs[c->index].public;
  slip_distance *d = &list[s->public.n_distances];
  *d = (slip_distance){.rule = &s->rules->rules[rule].public,
                       .quantity = q ? q->id : input->id,
                       .title = q ? q->title : input->title,
                       .unit = q ? q->unit : input->unit,
                       .met = evaluate_bounds(&one, range),
                       .low = slip_range_is_unknown(range) ? NAN : slip_exact_to_double(range.low),
                       .high = slip_range_is_unknown(range) ? NAN
                               : range.is_unbounded         ? INFINITY
                                                            : slip_exact_to_double(range.high),
                       .threshold = slip_exact_to_double(bound)};
  d->bound = slip_arena_printf(s->arena, "%s%s %s", of_low ? ">" : "<", strict ? "" : "=",
                               slip_exact_format(number, bound));
  if (!d->bound)
    return slip_no_memory(err);
  s->public.n_distances++;
  return SLIP_OK;
}

static slip_status add_distances(study *s, slip_distance *list, size_t rule, const pack_condition *c,
                                 slip_error *err) {
  slip_status status = SLIP_OK;
  if (s->public.n_distances + 2 > SLIP_PACK_MAX_DISTANCES)
    return SLIP_OK;
  if (c->kind == SLIP_COMPARE && c->has_low)
    SLIP_TRY(add_distance(s, list, rule, c, true, err));
  if (c->kind == SLIP_COMPARE && c->has_high)
    SLIP_TRY(add_distance(s, list, rule, c, false, err));
  for (const pack_condition *inner = c->first; inner; inner = inner->next)
    SLIP_TRY(add_distances(s, list, rule, inner, err));
cleanup:
  return status;
}

static slip_status find_distances(study *s, slip_error *err) {
  slip_status status = SLIP_OK;
  slip_distance *list = slip_arena_array(s->arena, SLIP_PACK_MAX_DISTANCES, sizeof *list);
  if (!list)
    return slip_no_memory(err);
  s->public.distances = list;
  for (size_t i = 0; i < s->rules->tables[SLIP_THING_RULE].count; i++)
    if (applies(&s->e.rule[i]))
      SLIP_TRY(add_distances(s, list, i, s->rules->rules[i].when, err));
cleanup:
  return status;
}

/* ---- break-points ---- */

/* The value of v at which the quantity of the atom is the bound, given what it is at v = 1 (one end of its range). */
static bool solve(slip_exact at_one, slip_exact bound, int power, slip_exact *out) {
  return power == 1 ? slip_exact_divide(bound, at_one, out) : power == -1 && slip_exact_divide(at_one, bound, out);
}

static const char *outcome_at(study *s, const variable *v, slip_exact value) {
  put(s, v, value);
  return outcome_now(s);
}

static slip_status try_break(study *s, const variable *v, slip_exact at, slip_range own, slip_break *list,
                             slip_error *err) {
  slip_exact below, above;
  char number[SLIP_EXACT_SIZE];
  const slip_exact under = {999999, 1000000}, over = {1000001, 1000000};
  if (!slip_exact_multiply(at, under, &below) || !slip_exact_multiply(at, over, &above) ||
      s->public.n_breaks == MAX_BREAKS)
    return SLIP_OK;
  slip_break b = {
      .input = v->id, .title = v->title, .unit = v->unit, .at_value = slip_exact_to_double(at), .from_value = NAN};
  if (slip_range_is_single(own))
    b.from_value = slip_exact_to_double(own.low);
  for (size_t i = 0; i < s->public.n_breaks; i++)
    if (strcmp(list[i].input, v->id) == 0 && list[i].at_value == b.at_value)
      return SLIP_OK;
  b.below = outcome_at(s, v, below);
  b.on = outcome_at(s, v, at);
  b.above = outcome_at(s, v, above);
  if (b.below == b.on && b.on == b.above)
    return SLIP_OK;
  b.at = slip_arena_strdup(s->arena, slip_exact_format(number, at));
  if (!b.at)
    return slip_no_memory(err);
  size_t place = s->public.n_breaks++;
  for (; place > 0 && strcmp(list[place - 1].input, v->id) == 0 && list[place - 1].at_value > b.at_value; place--)
    list[place] = list[place - 1];
  list[place] = b;
  return SLIP_OK;
}

static slip_status breaks_of(study *s, const variable *v, slip_break *list, slip_error *err) {
  slip_status status = SLIP_OK;
  const case_value kept = *place_of(s, v);
  const slip_range own = range_of(s, v);
  for (size_t i = 0; i < s->n_atoms; i++) {
    const pack_condition *atom = s->atoms[i];
    const int power = power_of(s, atom, v);
    if (power != 1 && power != -1)
      continue;
    put(s, v, (slip_exact){1, 1});
    slip_case_compute(s->c);
    const slip_range at_one = slip_case_number(s->c, atom->thing, atom->index);
    slip_exact at;
    for (int end = 0; end < 2 && !at_one.is_unbounded; end++) {
      const slip_exact value = end == 0 ? at_one.low : at_one.high;
      if (atom->has_low && solve(value, atom->low, power, &at))
        SLIP_TRY(try_break(s, v, at, own, list, err));
      if (atom->has_high && solve(value, atom->high, power, &at))
        SLIP_TRY(try_break(s, v, at, own, list, err));
    }
  }
cleanup:
  *place_of(s, v) = kept;
  s->c->is_computed = false;
  return status;
}

/* ---- the nearest variant ---- */

static void add_plane(study *s, const pack_condition *atom, slip_exact bound) {
  const slip_range range = slip_case_number(s->c, atom->thing, atom->index);
  plane made = {.gap = 0};
  bool any = false;
  if (!slip_range_is_single(range) || range.low.over == 0 || bound.over == 0 || s->n_planes == MAX_PLANES)
    return;
  for (size_t v = 0; v < s->n_variables; v++) {
    const int power = power_of(s, atom, &s->variables[v]);
    if (power == NOT_A_POWER)
      return;
    made.power[v] = slip_range_is_single(range_of(s, &s->variables[v])) ? power : 0;
    any = any || made.power[v] != 0;
  }
  made.gap = log(slip_exact_to_double(bound) / slip_exact_to_double(range.low));
  for (size_t i = 0; i < s->n_planes; i++)
    if (memcmp(s->planes[i].power, made.power, sizeof made.power) == 0 && fabs(s->planes[i].gap - made.gap) < 1e-12)
      return;
  if (any)
    s->planes[s->n_planes++] = made;
}

enum { MOST_PLANES = 3 };

/* The x of least norm with power[i] . x = gap[i] for each of n planes: x = A' (A A')^-1 b. False when they are dependent. */
static bool project(const study *s, const plane *const *chosen, const double *gap, int n, double x[MAX_VARIABLES]) {
  double m[MOST_PLANES][MOST_PLANES + 1];
  for (int i = 0; i < n; i++) {
    for (int k = 0; k < n; k++) {
      m[i][k] = 0;
      for (size_t v = 0; v < s->n_variables; v++)
        m[i][k] += chosen[i]->power[v] * chosen[k]->power[v];
    }
    m[i][n] = gap[i];
  }
  for (int i = 0; i < n; i++) { /* small integers, positive definite when independent: no pivoting needed */
    if (fabs(m[i][i]) < 1e-9)
      return false;
    for (int r = 0; r < n; r++) {
      const double factor = r == i ? 0 : m[r][i] / m[i][i];
      for (int k = i; k <= n && factor != 0; k++)
        m[r][k] -= factor * m[i][k];
    }
  }
  for (size_t v = 0; v < s->n_variables; v++) {
    x[v] = 0;
    for (int i = 0; i < n; i++)
      x[v] += chosen[i]->power[v] * m[i][n] / m[i][i];
  }
  return true;
}

/* Puts value * exp(x) for each parameter that moves; false when one does not stay a number that can be exact. */
static bool put_all(study *s, const double from[MAX_VARIABLES], const double x[MAX_VARIABLES],
                    double to[MAX_VARIABLES]) {
  for (size_t v = 0; v < s->n_variables; v++) {
    char text[SLIP_DOUBLE_SIZE];
    slip_exact value;
    to[v] = from[v];
    if (fabs(x[v]) < 1e-12)
      continue;
    snprintf(text, sizeof text, "%.9g", from[v] * exp(x[v]));
    if (!slip_exact_parse(text, &value))
      return false;
    to[v] = slip_exact_to_double(value);
    put(s, &s->variables[v], value);
  }
  return true;
}

static void keep_variant(study *s, slip_variant *list, const char *outcome, double change,
                         const double from[MAX_VARIABLES], const double to[MAX_VARIABLES]) {
  size_t at = 0;
  while (at < s->public.n_variants && strcmp(list[at].outcome, outcome) != 0)
    at++;
  if (at < s->public.n_variants && list[at].change <= change)
    return;
  if (at == s->public.n_variants)
    s->public.n_variants++;
  slip_variant *variant = &list[at];
  *variant = (slip_variant){.outcome = outcome, .change = change};
  for (size_t v = 0; v < s->n_variables; v++)
    if (to[v] != from[v]) {
      const variable *p = &s->variables[v];
      variant->parameters[variant->n_parameters++] =
          (struct slip_variant_parameter){p->id, p->title, p->unit, from[v], to[v]};
    }
}

typedef struct saved {
  case_value *inputs, *stated;
} saved;

static void restore(study *s, const saved *kept) {
  memcpy(s->c->inputs, kept->inputs, s->rules->tables[SLIP_THING_INPUT].count * sizeof *kept->inputs);
  memcpy(s->c->stated, kept->stated, s->rules->tables[SLIP_THING_QUANTITY].count * sizeof *kept->stated);
  s->c->is_computed = false;
}

/* All sides of the planes chosen: a hair beyond or before each. */
static void try_planes(study *s, const saved *kept, const plane *const *chosen, int n, const char *now,
                       const double *from, slip_variant *list) {
  for (unsigned sides = 0; sides < 1U << n; sides++) {
    double gap[MOST_PLANES], x[MAX_VARIABLES] = {0}, to[MAX_VARIABLES] = {0}, square = 0;
    for (int i = 0; i < n; i++)
      gap[i] = chosen[i]->gap + (sides >> i & 1 ? 1e-7 : -1e-7);
    if (!project(s, chosen, gap, n, x))
      return;
    for (size_t v = 0; v < s->n_variables; v++)
      square += x[v] * x[v];
    if (sqrt(square) > 3) /* a factor of twenty: another item, not a variant */
      continue;
    if (put_all(s, from, x, to)) {
      const char *outcome = outcome_now(s);
      if (outcome != now && outcome != undetermined)
        keep_variant(s, list, outcome, sqrt(square), from, to);
    }
    restore(s, kept);
  }
}

static slip_status find_variants(study *s, const char *now, slip_error *err) {
  const size_t n_inputs = s->rules->tables[SLIP_THING_INPUT].count,
               n_q = s->rules->tables[SLIP_THING_QUANTITY].count;
  const saved kept = {slip_arena_array(s->arena, n_inputs + 1, sizeof *kept.inputs),
                      slip_arena_array(s->arena, n_q + 1, sizeof *kept.stated)};
  slip_variant *list =
      slip_arena_array(s->arena, s->rules->decisions[s->decision].public.n_outcomes + 1, sizeof *list);
  double from[MAX_VARIABLES] = {0};
  if (!kept.inputs || !kept.stated || !list)
    return slip_no_memory(err);
  memcpy(kept.inputs, s->c->inputs, n_inputs * sizeof *kept.inputs);
  memcpy(kept.stated, s->c->stated, n_q * sizeof *kept.stated);
  for (size_t v = 0; v < s->n_variables; v++)
    from[v] = slip_exact_to_double(range_of(s, &s->variables[v]).low);
  slip_case_compute(s->c);
  for (size_t i = 0; i < s->n_atoms; i++) {
    if (s->atoms[i]->has_low)
      add_plane(s, s->atoms[i], s->atoms[i]->low);
    if (s->atoms[i]->has_high)
      add_plane(s, s->atoms[i], s->atoms[i]->high);
  }
  const plane *p = s->planes;
  for (size_t i = 0; i < s->n_planes; i++) {
    try_planes(s, &kept, (const plane *const[]){&p[i]}, 1, now, from, list);
    for (size_t j = i + 1; j < s->n_planes; j++) {
      try_planes(s, &kept, (const plane *const[]){&p[i], &p[j]}, 2, now, from, list);
      for (size_t k = j + 1; k < s->n_planes; k++)
        try_planes(s, &kept, (const plane *const[]){&p[i], &p[j], &p[k]}, 3, now, from, list);
    }
  }
  for (size_t i = 1; i < s->public.n_variants; i++) /* nearest first */
    for (size_t at = i; at > 0 && list[at].change < list[at - 1].change; at--) {
      const slip_variant swap = list[at];
      list[at] = list[at - 1];
      list[at - 1] = swap;
    }
  s->public.variants = list;
  return SLIP_OK;
}

/* ---- all three ---- */

slip_status slip_rules_headroom(const slip_rules *rules, slip_case *c, const slip_ask *ask, const char *decision,
                                slip_headroom **out, slip_error *err) {
  slip_status status = SLIP_OK;
  slip_arena *arena = slip_arena_open();
  study *s = arena ? slip_arena_alloc(arena, sizeof *s) : NULL;
  slip_break *breaks = s ? slip_arena_array(arena, MAX_BREAKS, sizeof *breaks) : NULL;
  if (!breaks || !evaluation_open(&s->e, arena, rules, c, ask))
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  s->arena = arena;
  s->rules = rules;
  s->c = c;
  s->ask = *ask;
  if (!pack_find(rules, SLIP_THING_DECISION, decision, &s->decision))
    SLIP_FAIL(err, SLIP_BAD_INPUT, "no decision of the rules is called '%s'", decision);
  find_variables(s);
  s->e.is_lean = true;
  const char *now = outcome_now(s);
  SLIP_TRY(find_distances(s, err));
  for (size_t i = 0; i < rules->decisions[s->decision].n_rules; i++)
    collect_rule(s, rules->decisions[s->decision].rules[i]);
  s->public.breaks = breaks;
  for (size_t v = 0; v < s->n_variables; v++)
    SLIP_TRY(breaks_of(s, &s->variables[v], breaks, err));
  slip_case_compute(c);
  SLIP_TRY(find_variants(s, now, err));
  *out = &s->public;
  arena = NULL;
cleanup:
  slip_arena_free(arena);
  return status;
}

void slip_headroom_free(slip_headroom *headroom) {
  if (headroom)
    slip_arena_free(((study *)(void *)headroom)->arena);
}
