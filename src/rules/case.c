/* What is known of one item and one transaction. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"
#include "rules/evaluate.h"

/* ---- ranges ---- */

slip_range slip_range_of(slip_exact value) {
  return (slip_range){value, value, false};
}

slip_range slip_range_unknown(void) {
  return (slip_range){{0, 1}, {0, 1}, true};
}

bool slip_range_is_single(slip_range range) {
  return !range.is_unbounded && slip_exact_compare(range.low, range.high) == 0;
}

static void widen(slip_range *range, slip_exact value) {
  if (slip_exact_compare(value, range->low) < 0)
    range->low = value;
  if (slip_exact_compare(value, range->high) > 0)
    range->high = value;
}

const char *slip_range_format(slip_arena *arena, slip_range range) {
  char low[SLIP_EXACT_SIZE], high[SLIP_EXACT_SIZE];
  slip_exact_format(low, range.low);
  if (range.is_unbounded)
    return range.low.over == 0 ? "unknown" : slip_arena_printf(arena, "%s or more", low);
  if (slip_range_is_single(range))
    return slip_arena_strdup(arena, low);
  return slip_arena_printf(arena, "%s to %s", low, slip_exact_format(high, range.high));
}

/* ---- opening ---- */

slip_status slip_case_open(const slip_rules *rules, slip_case **out, slip_error *err) {
  slip_arena *arena = slip_arena_open();
  slip_case *c = arena ? slip_arena_alloc(arena, sizeof *c) : NULL;
  const size_t n_inputs = rules->tables[SLIP_THING_INPUT].count,
               n_quantities = rules->tables[SLIP_THING_QUANTITY].count;
  if (c) {
    c->rules = rules;
    c->arena = arena;
    c->inputs = slip_arena_array(arena, n_inputs + 1, sizeof *c->inputs);
    c->stated = slip_arena_array(arena, n_quantities + 1, sizeof *c->stated);
    c->computed = slip_arena_array(arena, n_quantities + 1, sizeof *c->computed);
  }
  if (!c || !c->inputs || !c->stated || !c->computed) {
    slip_arena_free(arena);
    return slip_no_memory(err);
  }
  for (size_t i = 0; i < n_inputs; i++)
    c->inputs[i] = (case_value){.number = slip_range_unknown(), .truth = SLIP_UNDETERMINED};
  *out = c;
  return SLIP_OK;
}

void slip_case_free(slip_case *c) {
  if (c)
    slip_arena_free(c->arena);
}

/* ---- from the catalog ---- */

/* The chosen value, then those in conflict with it that say something of the same quantity. False: no number that can be exact. */
static bool take_number(slip_case *c, const pack_input *input, const slip_fact *fact, case_value *value) {
  slip_exact *published = slip_arena_array(c->arena, fact->n_also + 1, sizeof *published);
  size_t n = 0;
  for (size_t i = 0; i < fact->n_also + 1; i++) {
    const slip_fact *told = i == 0 ? fact : &fact->also[i - 1];
    slip_exact number;
    if (told->is_aside)
      continue;
    if (told->text || !slip_exact_from_double(told->shown, &number) ||
        !slip_exact_multiply(number, input->scale, &number))
      return false;
    if (i == 0)
      value->number = slip_range_of(number);
    else
      widen(&value->number, number);
    bool is_new = published != NULL;
    for (size_t k = 0; k < n && is_new; k++)
      is_new = slip_exact_compare(published[k], number) != 0;
    if (is_new)
      published[n++] = number;
  }
  value->published = published;
  value->n_published = n;
  return true;
}

static slip_truth truth_of(const char *text) {
  return strcmp(text, "yes") == 0 ? SLIP_YES : strcmp(text, "no") == 0 ? SLIP_NO : SLIP_UNDETERMINED;
}

/* A text or truth on which sources disagree is unknown; a number is the interval of what they say. */
static void take_fact(slip_case *c, const pack_input *input, const slip_fact *fact, case_value *value) {
  *value = (case_value){.is_known = true, .number = slip_range_unknown(), .truth = SLIP_UNDETERMINED, .fact = fact};
  value->source = fact->source;
  value->url = fact->url;
  value->date = fact->date;
  if (input->type == SLIP_VALUE_NUMBER) {
    value->is_known = take_number(c, input, fact, value);
    value->is_disputed = value->is_known && !slip_range_is_single(value->number);
    value->text = slip_range_format(c->arena, value->number);
    return;
  }
  value->text = fact->text;
  for (size_t i = 0; i < fact->n_also; i++)
    value->is_disputed =
        value->is_disputed || (!fact->also[i].is_aside && strcmp(fact->also[i].text, fact->text) != 0);
  if (!value->is_disputed)
    value->truth = truth_of(fact->text);
  value->is_known = !value->is_disputed && (input->type != SLIP_VALUE_TRUTH || value->truth != SLIP_UNDETERMINED);
}

static void take_text(case_value *value, const char *text, const slip_entry *entry) {
  if (text && text[0])
    *value = (case_value){.is_known = true,
                          .number = slip_range_unknown(),
                          .truth = truth_of(text),
                          .text = text,
                          .source = entry->file,
                          .url = "",
                          .date = ""};
}

slip_status slip_case_add_item(slip_case *c, const slip_entry *item, slip_error *err) {
  const slip_rules *rules = c->rules;
  const slip_entry *chip = item;
  if (item->kind == SLIP_KIND_SYSTEM)
    chip = &((const slip_system *)(const void *)item)->chip->entry;
  else if (item->kind != SLIP_KIND_CHIP)
    return slip_fail(err, SLIP_BAD_INPUT, "%s is a %s; rules classify chips and systems", item->name,
                     slip_kind_name(item->kind));
  for (size_t i = 0; i < rules->tables[SLIP_THING_INPUT].count; i++) {
    const pack_input *input = &rules->inputs[i];
    const char *field = input->public.field;
    const slip_fact *own = slip_entry_fact(item, field), *fact = own ? own : slip_entry_fact(chip, field);
    if (strcmp(field, "@chip") == 0)
      take_text(&c->inputs[i], chip->name, chip);
    else if (strcmp(field, "@vendor") == 0)
      take_text(&c->inputs[i], chip->vendor, chip);
    else if (strcmp(field, "@kind") == 0)
      take_text(&c->inputs[i], slip_kind_name(item->kind), item);
    else if (field[0] && fact)
      take_fact(c, input, fact, &c->inputs[i]);
  }
  c->is_computed = false;
  return SLIP_OK;
}

/* ---- stated ---- */

static slip_status set_number(slip_case *c, const char *name, const char *text, case_value *value,
                              slip_error *err) {
  slip_exact number;
  if (!slip_exact_parse(text, &number))
    return slip_fail(err, SLIP_BAD_INPUT,
                     "%s takes a number that is not negative, of at most 15 digits and 9 decimals, not '%s'", name,
                     text);
  value->number = slip_range_of(number);
  value->text = slip_range_format(c->arena, value->number);
  return SLIP_OK;
}

static slip_status set_input(slip_case *c, const pack_input *input, const char *text, case_value *value,
                             slip_error *err) {
  const char *name = input->public.id;
  char code[3] = "";
  slip_text legal = {0};
  slip_status status = SLIP_OK;
  switch (input->type) {
  case SLIP_VALUE_NUMBER:
    return set_number(c, name, text, value, err);
  case SLIP_VALUE_TRUTH:
    value->truth = truth_of(text);
    return value->truth != SLIP_UNDETERMINED
               ? SLIP_OK
               : slip_fail(err, SLIP_BAD_INPUT, "%s is yes, no or unknown, not '%s'", name, text);
  case SLIP_VALUE_COUNTRY:
    if (strlen(text) == 2) {
      code[0] = (char)toupper((unsigned char)text[0]);
      code[1] = (char)toupper((unsigned char)text[1]);
    }
    if (!pack_is_country(code))
      return slip_fail(err, SLIP_BAD_INPUT, "%s takes a country as two letters (ISO 3166: CN, US, SG), not '%s'",
                       name, text);
    value->text = slip_arena_strdup(c->arena, code);
    return SLIP_OK;
  case SLIP_VALUE_TEXT:
    break;
  }
  for (size_t i = 0; i < input->n_choices; i++)
    if (strcmp(input->choices[i], text) == 0)
      return SLIP_OK;
  if (input->n_choices == 0)
    return SLIP_OK;
  for (size_t i = 0; i < input->n_choices; i++)
    slip_text_printf(&legal, "%s%s", i ? ", " : "", input->choices[i]);
  status = legal.failed ? slip_no_memory(err)
                        : slip_fail(err, SLIP_BAD_INPUT, "%s is one of: %s; not '%s'", name, legal.data, text);
  slip_text_free(&legal);
  return status;
}

static slip_status unknown_name(const slip_rules *rules, const char *name, slip_error *err) {
  const char *nearest = "";
  for (size_t i = 0; i < rules->tables[SLIP_THING_INPUT].count; i++) {
    const char *id = rules->inputs[i].public.id;
    nearest = i == 0 || slip_edit_distance(name, id) < slip_edit_distance(name, nearest) ? id : nearest;
  }
  return slip_fail(err, SLIP_BAD_INPUT, "the rules read nothing called '%s'; the nearest is '%s'", name, nearest);
}

slip_status slip_case_set(slip_case *c, const char *input, const char *value, const char *source, slip_error *err) {
  slip_status status = SLIP_OK;
  size_t index = 0;
  case_value made = {
      .is_known = true, .number = slip_range_unknown(), .truth = SLIP_UNDETERMINED, .url = "", .date = ""};
  const bool is_input = pack_find(c->rules, SLIP_THING_INPUT, input, &index);
  if (!is_input && !pack_find(c->rules, SLIP_THING_QUANTITY, input, &index))
    return unknown_name(c->rules, input, err);
  case_value *place = is_input ? &c->inputs[index] : &c->stated[index];
  made.text = slip_arena_strdup(c->arena, value);
  made.source = slip_arena_strdup(c->arena, source);
  if (!made.text || !made.source)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  if (strcmp(value, "unknown") == 0)
    made = (case_value){.number = slip_range_unknown(), .truth = SLIP_UNDETERMINED};
  else if (is_input)
    SLIP_TRY(set_input(c, &c->rules->inputs[index], value, &made, err));
  else
    SLIP_TRY(set_number(c, input, value, &made, err));
  if (made.is_known && !made.text)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  *place = made;
  c->is_computed = false;
cleanup:
  return status;
}

/* ---- quantities ---- */

static slip_range add_ranges(slip_range a, slip_range b) {
  slip_range sum = {.is_unbounded = a.is_unbounded || b.is_unbounded};
  if (!slip_exact_add(a.low, b.low, &sum.low) || (!sum.is_unbounded && !slip_exact_add(a.high, b.high, &sum.high)))
    return slip_range_unknown();
  return sum;
}

static slip_range multiply_ranges(slip_range a, slip_range b) {
  slip_range product = {.is_unbounded = a.is_unbounded || b.is_unbounded};
  if (!slip_exact_multiply(a.low, b.low, &product.low) ||
      (!product.is_unbounded && !slip_exact_multiply(a.high, b.high, &product.high)))
    return slip_range_unknown();
  return product;
}

static slip_range divide_ranges(slip_range a, slip_range b) {
  slip_range ratio = {.low = {0, 1}, .high = {0, 1}, .is_unbounded = a.is_unbounded || b.low.over == 0};
  if (!b.is_unbounded && !slip_exact_divide(a.low, b.high, &ratio.low))
    return slip_range_unknown();
  if (!ratio.is_unbounded && !slip_exact_divide(a.high, b.low, &ratio.high))
    return slip_range_unknown();
  return ratio;
}

/* The larger of two, each known to be somewhere in its range. */
static slip_range larger_range(slip_range a, slip_range b) {
  const slip_range low = slip_exact_compare(a.low, b.low) >= 0 ? a : b;
  const slip_range high = a.is_unbounded || (!b.is_unbounded && slip_exact_compare(a.high, b.high) >= 0) ? a : b;
  return (slip_range){low.low, high.high, high.is_unbounded};
}

bool slip_range_is_unknown(slip_range range) {
  return range.is_unbounded && range.low.over == 0;
}

slip_range slip_case_term(const slip_case *c, const pack_term *term) {
  switch (term->operation) {
  case SLIP_OP_NUMBER:
    return slip_range_of(term->number);
  case SLIP_OP_INPUT:
    return c->inputs[term->index].number;
  case SLIP_OP_QUANTITY:
    return c->computed[term->index];
  default:
    break;
  }
  slip_range result = slip_case_term(c, term->first);
  for (const pack_term *inner = term->first->next; inner; inner = inner->next) {
    const slip_range next = slip_case_term(c, inner);
    if (term->operation == SLIP_OP_SUM)
      result = add_ranges(result, next);
    else if (term->operation == SLIP_OP_PRODUCT)
      result = multiply_ranges(result, next);
    else if (term->operation == SLIP_OP_RATIO)
      result = divide_ranges(result, next);
    else if (slip_range_is_unknown(result) || slip_range_is_unknown(next)) /* largest of those that are known */
      result = slip_range_is_unknown(result) ? next : result;
    else
      result = larger_range(result, next);
  }
  return result;
}

void slip_case_compute(slip_case *c) {
  const size_t n = c->rules->tables[SLIP_THING_QUANTITY].count;
  if (c->is_computed)
    return;
  for (size_t i = 0; i < n; i++) {
    const size_t at = c->rules->quantity_order[i];
    c->computed[at] =
        c->stated[at].is_known ? c->stated[at].number : slip_case_term(c, c->rules->quantities[at].term);
  }
  c->is_computed = true;
}

slip_range slip_case_number(const slip_case *c, slip_thing thing, size_t index) {
  return thing == SLIP_THING_QUANTITY ? c->computed[index] : c->inputs[index].number;
}

/* ---- for reports ---- */

slip_known slip_case_known(const slip_case *c, size_t i) {
  if (i >= c->rules->tables[SLIP_THING_INPUT].count)
    return (slip_known){0};
  const case_value *value = &c->inputs[i];
  return (slip_known){&c->rules->inputs[i].public,
                      value->is_known,
                      value->is_disputed,
                      value->text ? value->text : "",
                      value->source ? value->source : "",
                      value->url ? value->url : "",
                      value->date ? value->date : "",
                      value->fact};
}

static void write_term(slip_case *c, const pack_term *term, slip_text *out) {
  char number[SLIP_EXACT_SIZE];
  const slip_range value = slip_case_term(c, term);
  if (term->operation <= SLIP_OP_QUANTITY) {
    const char *unit = term->operation == SLIP_OP_INPUT      ? c->rules->inputs[term->index].public.unit
                       : term->operation == SLIP_OP_QUANTITY ? c->rules->quantities[term->index].unit
                                                             : "";
    if (term->operation == SLIP_OP_NUMBER)
      slip_text_add(out, slip_exact_format(number, term->number));
    else {
      const char *text = slip_range_format(c->arena, value);
      slip_text_printf(out, "%s%s%s", text ? text : "", unit[0] && text && strcmp(text, "unknown") != 0 ? " " : "",
                       unit[0] && text && strcmp(text, "unknown") != 0 ? unit : "");
    }
    return;
  }
  if (term->operation == SLIP_OP_LARGEST) { /* the one that governs */
    const pack_term *best = term->first;
    for (const pack_term *inner = term->first; inner; inner = inner->next)
      if (slip_exact_compare(slip_case_term(c, inner).low, slip_case_term(c, best).low) > 0)
        best = inner;
    write_term(c, best, out);
    return;
  }
  const char *sign = term->operation == SLIP_OP_SUM ? " + " : term->operation == SLIP_OP_PRODUCT ? " x " : " / ";
  for (const pack_term *inner = term->first; inner; inner = inner->next) {
    if (inner != term->first)
      slip_text_add(out, sign);
    write_term(c, inner, out);
  }
}

slip_quantity slip_case_quantity(slip_case *c, size_t i) {
  if (i >= c->rules->tables[SLIP_THING_QUANTITY].count)
    return (slip_quantity){0};
  slip_case_compute(c);
  const pack_quantity *quantity = &c->rules->quantities[i];
  const slip_range range = c->computed[i];
  slip_quantity q = {quantity->id,
                     quantity->title,
                     quantity->unit,
                     quantity->definition,
                     slip_range_format(c->arena, range),
                     "",
                     NAN,
                     NAN};
  slip_text text = {0};
  if (!slip_range_is_unknown(range)) {
    q.low = slip_exact_to_double(range.low);
    q.high = range.is_unbounded ? INFINITY : slip_exact_to_double(range.high);
    if (!c->stated[i].is_known) {
      write_term(c, quantity->term, &text);
      slip_text_printf(&text, " = %s", q.value ? q.value : "");
      const char *kept = text.data ? slip_arena_strdup(c->arena, text.data) : NULL;
      q.arithmetic = kept ? kept : "";
      slip_text_free(&text);
    } else {
      q.arithmetic = "as stated";
    }
  }
  q.value = q.value ? q.value : "";
  return q;
}
