/* Conditions and quantities: the two small languages of a rule file (docs/rules.md). */
#include <string.h>

#include "base/fail.h"
#include "catalog/catalog_internal.h"
#include "rules/pack.h"

/* ---- quantities ---- */

static const struct {
  const char *key;
  slip_operation operation;
} operations[] = {
    {"largest", SLIP_OP_LARGEST}, {"sum", SLIP_OP_SUM}, {"product", SLIP_OP_PRODUCT}, {"ratio", SLIP_OP_RATIO}};
enum { OPERATIONS = sizeof operations / sizeof operations[0] };

static slip_status read_term(slip_rules *rules, const slip_node *node, pack_term **out, slip_error *err);

static slip_status read_leaf(slip_rules *rules, const slip_node *node, pack_term *term, slip_error *err) {
  size_t index = 0;
  if (slip_exact_parse(node->text, &term->number)) {
    term->operation = SLIP_OP_NUMBER;
    return SLIP_OK;
  }
  if (pack_find(rules, SLIP_THING_QUANTITY, node->text, &term->index)) {
    term->operation = SLIP_OP_QUANTITY;
    return SLIP_OK;
  }
  const slip_status status = pack_refer(rules, SLIP_THING_INPUT, node, &index, err);
  if (status != SLIP_OK)
    return status;
  if (rules->inputs[index].type != SLIP_VALUE_NUMBER)
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "the input \"%s\" is no number", node->text);
  term->operation = SLIP_OP_INPUT;
  term->index = index;
  return SLIP_OK;
}

/* {largest: [..]}, {sum: [..]}, {product: [..]}, {ratio: [a, b]}; `node` is the list. */
static slip_status read_operation(slip_rules *rules, const slip_node *node, pack_term *term, slip_error *err) {
  slip_status status = SLIP_OK;
  pack_term **tail = &term->first;
  if (node->kind != SLIP_NODE_SEQUENCE || node->count == 0)
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "expected a list of ids, numbers or operations");
  if (term->operation == SLIP_OP_RATIO && node->count != 2)
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "a ratio has two terms");
  for (const slip_node *item = node->first; item; item = item->next) {
    SLIP_TRY(read_term(rules, item, tail, err));
    tail = &(*tail)->next;
  }
cleanup:
  return status;
}

static slip_status read_term(slip_rules *rules, const slip_node *node, pack_term **out, slip_error *err) {
  pack_term *term = slip_arena_alloc(rules->arena, sizeof *term);
  if (!term)
    return slip_no_memory(err);
  *out = term;
  if (node->kind == SLIP_NODE_SCALAR)
    return read_leaf(rules, node, term, err);
  if (node->kind == SLIP_NODE_MAP && node->count == 1)
    for (size_t i = 0; i < OPERATIONS; i++)
      if (strcmp(node->first->key, operations[i].key) == 0) {
        term->operation = operations[i].operation;
        return read_operation(rules, node->first, term, err);
      }
  return slip_node_fail(err, SLIP_BAD_INPUT, node,
                        "expected an id, a number, or one of largest, sum, product, ratio");
}

slip_status pack_read_quantity(slip_rules *rules, const slip_node *node, pack_quantity *quantity, slip_error *err) {
  static const slip_node_key keys[] = {{"id", true},          {"title", true},    {"unit", false},
                                       {"definition", false}, {"varies", false},  {"largest", false},
                                       {"sum", false},        {"product", false}, {"ratio", false}};
  slip_status status = SLIP_OK;
  size_t found = 0;
  SLIP_TRY(SLIP_NODE_KEYS(node, keys, "a quantity", err));
  quantity->node = node;
  quantity->id = slip_node_get(node, "id")->text;
  SLIP_TRY(slip_text_child(rules->arena, node, "title", &quantity->title, err));
  SLIP_TRY(slip_text_child(rules->arena, node, "unit", &quantity->unit, err));
  SLIP_TRY(slip_text_child(rules->arena, node, "definition", &quantity->definition, err));
  const slip_node *varies = slip_node_get(node, "varies");
  if (varies)
    SLIP_TRY(slip_node_bool(varies, &quantity->varies, err));
  for (size_t i = 0; i < OPERATIONS; i++) {
    const slip_node *list = slip_node_get(node, operations[i].key);
    if (!list)
      continue;
    found++;
    quantity->term = slip_arena_alloc(rules->arena, sizeof *quantity->term);
    if (!quantity->term)
      SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
    quantity->term->operation = operations[i].operation;
    SLIP_TRY(read_operation(rules, list, quantity->term, err));
  }
  if (found != 1)
    status = slip_node_fail(err, SLIP_BAD_INPUT, node, "a quantity is exactly one of largest, sum, product, ratio");
cleanup:
  return status;
}

/* ---- bounds ---- */

static const struct {
  const char *key;
  bool is_low, is_strict;
} bounds[] = {
    {"at_least", true, false}, {"more_than", true, true}, {"at_most", false, false}, {"less_than", false, true}};
enum { BOUNDS = sizeof bounds / sizeof bounds[0] };

static slip_status read_bound(const slip_node *node, size_t i, pack_condition *c, slip_error *err) {
  slip_exact value = {0, 1};
  if (node->kind != SLIP_NODE_SCALAR || !slip_exact_parse(node->text, &value))
    return slip_node_fail(err, SLIP_BAD_INPUT, node,
                          "expected a decimal number of at most 15 digits and 9 decimals, not negative");
  if (bounds[i].is_low ? c->has_low : c->has_high)
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "a second %s bound", bounds[i].is_low ? "lower" : "upper");
  if (bounds[i].is_low) {
    c->has_low = true;
    c->low_strict = bounds[i].is_strict;
    c->low = value;
  } else {
    c->has_high = true;
    c->high_strict = bounds[i].is_strict;
    c->high = value;
  }
  return SLIP_OK;
}

static slip_status read_compare(const slip_node *node, pack_condition *c, slip_error *err) {
  slip_status status = SLIP_OK;
  c->kind = SLIP_COMPARE;
  for (size_t i = 0; i < BOUNDS; i++) {
    const slip_node *bound = slip_node_get(node, bounds[i].key);
    if (bound)
      SLIP_TRY(read_bound(bound, i, c, err));
  }
  if (!c->has_low && !c->has_high)
    SLIP_TRY(slip_node_fail(err, SLIP_BAD_INPUT, node,
                            "a number needs a bound: at_least, more_than, at_most or less_than"));
  const int order = c->has_low && c->has_high ? slip_exact_compare(c->low, c->high) : -1;
  if (order > 0 || (order == 0 && (c->low_strict || c->high_strict)))
    status = slip_node_fail(err, SLIP_BAD_INPUT, node, "contradictory: no number lies between these bounds");
cleanup:
  return status;
}

/* ---- conditions on a value ---- */

static slip_status check_choice(const slip_rules *rules, const pack_condition *c, const slip_node *node,
                                slip_error *err) {
  const pack_input *input = c->thing == SLIP_THING_INPUT ? &rules->inputs[c->index] : NULL;
  const char *const *legal = input ? input->choices : rules->lookups[c->index].values;
  const size_t count = input ? input->n_choices : rules->lookups[c->index].count;
  for (size_t t = 0; t < c->n_texts; t++) {
    bool found = !legal;
    for (size_t i = 0; i < count && !found; i++)
      found = strcmp(legal[i], c->texts[t]) == 0;
    if (!found)
      return slip_node_fail(err, SLIP_BAD_INPUT, node, "\"%s\" is no value of it", c->texts[t]);
    if (input && input->type == SLIP_VALUE_COUNTRY && !pack_is_country(c->texts[t]))
      return slip_node_fail(err, SLIP_BAD_INPUT, node, "\"%s\" is no country code", c->texts[t]);
  }
  return SLIP_OK;
}

static slip_status read_value(slip_rules *rules, const slip_node *node, pack_condition *c, slip_error *err) {
  const slip_node *value = slip_node_get(node, "value"), *is = slip_node_get(node, "is"),
                  *in = slip_node_get(node, "in");
  const slip_node *group = slip_node_get(node, "in_group");
  slip_status status = SLIP_OK;
  bool is_number = false, is_country = false;
  if (value->kind == SLIP_NODE_SCALAR && pack_find(rules, SLIP_THING_QUANTITY, value->text, &c->index)) {
    c->thing = SLIP_THING_QUANTITY;
    is_number = true;
  } else if (value->kind == SLIP_NODE_SCALAR && pack_find(rules, SLIP_THING_LOOKUP, value->text, &c->index)) {
    c->thing = SLIP_THING_LOOKUP;
  } else {
    SLIP_TRY(pack_refer(rules, SLIP_THING_INPUT, value, &c->index, err));
    c->thing = SLIP_THING_INPUT;
    is_number = rules->inputs[c->index].type == SLIP_VALUE_NUMBER;
    is_country = rules->inputs[c->index].type == SLIP_VALUE_COUNTRY;
    if (rules->inputs[c->index].type == SLIP_VALUE_TRUTH)
      SLIP_TRY(
          slip_node_fail(err, SLIP_BAD_INPUT, value, "this input is yes or no: write \"fact: %s\"", value->text));
  }
  if ((is ? 1 : 0) + (in ? 1 : 0) + (group ? 1 : 0) > (is_number ? 0 : 1))
    SLIP_TRY(
        slip_node_fail(err, SLIP_BAD_INPUT, node,
                       is_number ? "a number is compared with bounds" : "one of is, in and in_group, not several"));
  if (is_number) {
    SLIP_TRY(read_compare(node, c, err));
  } else if (group) {
    if (!is_country && c->thing == SLIP_THING_INPUT)
      SLIP_TRY(slip_node_fail(err, SLIP_BAD_INPUT, value, "this input is no country"));
    c->kind = SLIP_IN_GROUP;
    SLIP_TRY(pack_refer(rules, SLIP_THING_GROUP, group, &c->group, err));
  } else if (is || in) {
    c->kind = SLIP_IS;
    SLIP_TRY(pack_read_texts(rules, is ? is : in, &c->texts, &c->n_texts, err));
    SLIP_TRY(check_choice(rules, c, is ? is : in, err));
  } else {
    status = slip_node_fail(err, SLIP_BAD_INPUT, node, "a text needs is, in or in_group");
  }
cleanup:
  return status;
}

/* ---- conditions on other rules ---- */

static slip_status read_decision(slip_rules *rules, const slip_node *node, pack_condition *c, slip_error *err) {
  const slip_node *is = slip_node_get(node, "is"), *in = slip_node_get(node, "in");
  slip_status status = SLIP_OK;
  c->kind = SLIP_BY_DECISION;
  c->thing = SLIP_THING_DECISION;
  SLIP_TRY(pack_refer(rules, SLIP_THING_DECISION, slip_node_get(node, "decision"), &c->index, err));
  const slip_decision *decision = &rules->decisions[c->index].public;
  if (!is == !in)
    SLIP_TRY(slip_node_fail(err, SLIP_BAD_INPUT, node, "a decision needs one of is, in: its outcomes"));
  if (!decision->takes_first)
    SLIP_TRY(slip_node_fail(err, SLIP_BAD_INPUT, node,
                            "\"%s\" has findings, not one outcome: name the rule instead", decision->id));
  SLIP_TRY(pack_read_texts(rules, is ? is : in, &c->texts, &c->n_texts, err));
  for (size_t t = 0; t < c->n_texts; t++) {
    size_t i = 0;
    while (i < decision->n_outcomes && strcmp(decision->outcomes[i].id, c->texts[t]) != 0)
      i++;
    if (i == decision->n_outcomes)
      SLIP_TRY(slip_node_fail(err, SLIP_BAD_INPUT, is ? is : in, "\"%s\" is no outcome of the decision %s",
                              c->texts[t], decision->id));
    c->outcomes |= UINT64_C(1) << i;
  }
cleanup:
  return status;
}

static slip_status read_list(slip_rules *rules, const slip_node *list, pack_condition *c, slip_error *err) {
  slip_status status = SLIP_OK;
  pack_condition **tail = &c->first;
  if (list->kind != SLIP_NODE_SEQUENCE || list->count == 0)
    return slip_node_fail(err, SLIP_BAD_INPUT, list, "expected a list of conditions that is not empty");
  for (const slip_node *item = list->first; item; item = item->next) {
    SLIP_TRY(pack_read_condition(rules, item, tail, err));
    tail = &(*tail)->next;
  }
cleanup:
  return status;
}

static slip_status read_fact(slip_rules *rules, const slip_node *node, pack_condition *c, slip_error *err) {
  slip_status status = SLIP_OK;
  SLIP_TRY(pack_refer(rules, SLIP_THING_INPUT, node, &c->index, err));
  c->kind = SLIP_HOLDS;
  c->thing = SLIP_THING_INPUT;
  if (rules->inputs[c->index].type != SLIP_VALUE_TRUTH)
    status = slip_node_fail(err, SLIP_BAD_INPUT, node, "the input \"%s\" is not of type truth", node->text);
cleanup:
  return status;
}

slip_status pack_read_condition(slip_rules *rules, const slip_node *node, pack_condition **out, slip_error *err) {
  static const slip_node_key keys[] = {
      {"all", false},      {"any", false},       {"not", false},     {"value", false},     {"fact", false},
      {"rule", false},     {"decision", false},  {"is", false},      {"in", false},        {"in_group", false},
      {"at_least", false}, {"more_than", false}, {"at_most", false}, {"less_than", false}, {"says", false}};
  enum { HEADS = 7 };
  slip_status status = SLIP_OK;
  const slip_node *head = NULL;
  pack_condition *c = slip_arena_alloc(rules->arena, sizeof *c);
  if (!c)
    return slip_no_memory(err);
  *out = c;
  SLIP_TRY(SLIP_NODE_KEYS(node, keys, "a condition", err));
  size_t heads = 0;
  for (size_t i = 0; i < HEADS; i++) {
    const slip_node *found = slip_node_get(node, keys[i].name);
    heads += found ? 1 : 0;
    head = found ? found : head;
  }
  if (heads != 1)
    SLIP_TRY(slip_node_fail(err, SLIP_BAD_INPUT, node,
                            "a condition is exactly one of all, any, not, value, fact, rule, decision"));
  SLIP_TRY(slip_text_child(rules->arena, node, "says", &c->says, err));
  const bool takes_more = strcmp(head->key, "value") == 0 || strcmp(head->key, "decision") == 0;
  if (!takes_more && node->count > (c->says[0] ? 2U : 1U))
    SLIP_TRY(slip_node_fail(err, SLIP_BAD_INPUT, node, "nothing but \"says\" goes with \"%s\"", head->key));
  switch (head->key[0]) {
  case 'a': /* all, any */
    c->kind = head->key[1] == 'l' ? SLIP_ALL_OF : SLIP_ANY_OF;
    return read_list(rules, head, c, err);
  case 'n':
    c->kind = SLIP_NOT_OF;
    return pack_read_condition(rules, head, &c->first, err);
  case 'v':
    return read_value(rules, node, c, err);
  case 'f':
    return read_fact(rules, head, c, err);
  case 'r':
    c->kind = SLIP_BY_RULE;
    c->thing = SLIP_THING_RULE;
    return pack_refer(rules, SLIP_THING_RULE, head, &c->index, err);
  default:
    return read_decision(rules, node, c, err);
  }
cleanup:
  return status;
}

/* A list of facts and what each certifies: [{fact: ..., says: ...}]. */
slip_status pack_read_checklist(slip_rules *rules, const slip_node *node, pack_condition **out, slip_error *err) {
  slip_status status = SLIP_OK;
  pack_condition *c = slip_arena_alloc(rules->arena, sizeof *c);
  if (!c)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  c->kind = SLIP_ALL_OF;
  c->says = "";
  *out = c;
  SLIP_TRY(read_list(rules, node, c, err));
  for (const pack_condition *item = c->first; item; item = item->next)
    if (item->kind != SLIP_HOLDS || !item->says[0])
      SLIP_TRY(slip_node_fail(err, SLIP_BAD_INPUT, node, "each point of a checklist has \"fact\" and \"says\""));
cleanup:
  return status;
}
