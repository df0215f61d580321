/* classify --all, --timeline, --diff: many verdicts. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "cli/classify.h"

/* Every chip, then every system. */
static const slip_entry *nth_item(const slip_catalog *catalog, size_t i) {
  const size_t chips = slip_catalog_count(catalog, SLIP_KIND_CHIP);
  return i < chips ? slip_catalog_entry(catalog, SLIP_KIND_CHIP, i)
                   : slip_catalog_entry(catalog, SLIP_KIND_SYSTEM, i - chips);
}

/* ---- --all ---- */

/* One column per layer from L1 on: the first of its decisions that has one answer. */
static bool is_column(const slip_rules *rules, size_t i) {
  const slip_decision *decision = slip_rules_decision(rules, i);
  if (!decision->takes_first || strcmp(decision->layer, "L0") == 0)
    return false;
  for (size_t k = 0; k < i; k++)
    if (slip_rules_decision(rules, k)->takes_first &&
        strcmp(slip_rules_decision(rules, k)->layer, decision->layer) == 0)
      return false;
  return true;
}

static void add_cells(slip_table *table, const slip_rules *rules, const slip_verdict *verdict) {
  for (size_t i = 0; i < verdict->n_decided; i++) {
    slip_text cell = {0};
    if (!is_column(rules, i))
      continue;
    slip_outcome_cell(&verdict->decided[i], &cell);
    slip_table_cell(table, cell.data);
    slip_text_free(&cell);
  }
  slip_text flags = {0};
  slip_flags_cell(verdict, false, &flags);
  slip_table_cell(table, flags.data);
  slip_text_free(&flags);
}

static void add_json_row(slip_json *json, const slip_entry *item, const slip_verdict *verdict, slip_case *facts) {
  slip_json_object(json, NULL);
  slip_json_string(json, "item", item->name);
  slip_json_string(json, "kind", slip_kind_name(item->kind));
  slip_json_object(json, "quantities");
  for (size_t i = 0; slip_case_quantity(facts, i).id != NULL; i++)
    slip_json_double(json, slip_case_quantity(facts, i).id, slip_case_quantity(facts, i).low);
  slip_json_object_end(json);
  slip_json_object(json, "outcomes");
  for (size_t i = 0; i < verdict->n_decided; i++) {
    const slip_decided *decided = &verdict->decided[i];
    if (!decided->decision->takes_first)
      continue;
    slip_json_array(json, decided->decision->id);
    for (size_t k = 0; k < decided->n_candidates; k++)
      slip_json_string(json, NULL, decided->candidates[k]->id);
    slip_json_array_end(json);
  }
  slip_json_object_end(json);
  slip_text flags = {0};
  slip_flags_cell(verdict, true, &flags);
  slip_json_string(json, "flags", flags.data != NULL ? flags.data : "");
  slip_text_free(&flags);
  slip_json_object_end(json);
}

slip_status cli_classify_all(cli_session *session, const slip_rules *rules, const slip_ask *ask, slip_error *err) {
  const cli_options *o = session->options;
  size_t columns = 2;
  char date[SLIP_DATE_SIZE];
  slip_status status = SLIP_OK;
  slip_case *facts = NULL;
  slip_verdict *verdict = NULL;
  for (size_t i = 0; slip_rules_decision(rules, i) != NULL; i++)
    columns += is_column(rules, i) ? 1 : 0;
  slip_table *table = slip_table_open(columns + 2);
  slip_table_widest(table, 44);
  if (o->json) {
    cli_json_begin(session, "classify");
    slip_json_string(&session->json, "date", slip_date_format(date, ask->date));
    slip_json_array(&session->json, "items");
  }
  slip_table_cell(table, "item");
  for (size_t i = 0; i < 2; i++)
    slip_table_cell(table, i == 0 ? "TPP" : "TPP/mm2");
  for (size_t i = 0; slip_rules_decision(rules, i) != NULL; i++)
    if (is_column(rules, i))
      slip_table_cell(table, slip_rules_decision(rules, i)->id);
  slip_table_cell(table, "flags");
  slip_table_heading(table);
  for (size_t i = 0;; i++) {
    const slip_entry *item = nth_item(session->catalog, i);
    if (item == NULL || *session->stop != 0)
      break;
    SLIP_TRY(cli_classify_case(o, rules, item, &facts, err));
    SLIP_TRY(slip_classify(rules, facts, ask, &verdict, err));
    if (o->json)
      add_json_row(&session->json, item, verdict, facts);
    slip_table_cell(table, item->name);
    for (size_t q = 0; q < 2; q++) {
      const slip_quantity quantity = slip_case_quantity(facts, q);
      slip_table_cell(table, quantity.id != NULL ? quantity.value : "");
    }
    add_cells(table, rules, verdict);
    slip_verdict_free(verdict);
    slip_case_free(facts);
    verdict = NULL;
    facts = NULL;
  }
  if (o->json) {
    slip_json_array_end(&session->json);
    slip_json_rule_data(&session->json, rules, session->catalog, ask->date);
    cli_json_end(session);
  } else {
    slip_text_printf(&session->out, "the catalog on %s\n\n", slip_date_format(date, ask->date));
    slip_table_write(table, &session->style, &session->out);
    slip_report_rule_data(rules, ask->date, &session->style, &session->out);
  }
cleanup:
  slip_verdict_free(verdict);
  slip_case_free(facts);
  slip_table_free(table);
  return status;
}

/* ---- changes ---- */

typedef struct changes {
  slip_change *list;
  size_t n, capacity;
} changes;

static void free_changes(changes *c) {
  for (size_t i = 0; i < c->n; i++) {
    free(c->list[i].what);
    free(c->list[i].before);
    free(c->list[i].after);
    free(c->list[i].why);
  }
  free(c->list);
}

/* Takes the texts. */
static slip_status add_change(changes *c, const char *item, slip_date date, slip_text text[4], slip_error *err) {
  bool failed = false;
  for (int i = 0; i < 4; i++) {
    slip_text_add(&text[i], "");
    failed = failed || text[i].failed || text[i].data == NULL;
  }
  if (!failed && c->n == c->capacity) {
    const size_t capacity = c->capacity ? 2 * c->capacity : 64;
    slip_change *list = slip_memory_resize(c->list, capacity * sizeof *list);
    failed = list == NULL;
    if (!failed) {
      c->list = list;
      c->capacity = capacity;
    }
  }
  if (failed) {
    for (int i = 0; i < 4; i++)
      slip_text_free(&text[i]);
    return slip_no_memory(err);
  }
  c->list[c->n++] = (slip_change){item, date, text[0].data, text[1].data, text[2].data, text[3].data};
  return SLIP_OK;
}

static bool same_candidates(const slip_decided *a, const slip_decided *b) {
  if (a->n_candidates != b->n_candidates)
    return false;
  for (size_t i = 0; i < a->n_candidates; i++)
    if (strcmp(a->candidates[i]->id, b->candidates[i]->id) != 0)
      return false;
  return true;
}

static const slip_finding *same_rule(const slip_decided *decided, const slip_finding *finding) {
  for (size_t i = 0; decided != NULL && i < decided->n_findings; i++)
    if (strcmp(decided->findings[i].rule->id, finding->rule->id) == 0)
      return &decided->findings[i];
  return NULL;
}

static slip_truth value_of(const slip_finding *finding) {
  return finding != NULL ? finding->value : SLIP_NO;
}

static void write_why(const slip_finding *finding, slip_text *out) {
  if (finding != NULL)
    slip_text_printf(out, "%s: %s (%s; %s%s%s)", finding->rule->id, finding->rule->title, finding->rule->citation,
                     slip_text_status_name(finding->text_status), finding->because[0] != '\0' ? ": " : "",
                     finding->because);
}

/* The rule that decides now; else the first of the decision that has come to hold or to be open; else the first that no longer does. */
static const slip_finding *cause(const slip_decided *before, const slip_decided *after) {
  const slip_finding *risen = NULL, *fallen = NULL;
  for (size_t i = after->n_findings; i-- > 0;) {
    const slip_finding *now = &after->findings[i];
    const slip_truth was = value_of(same_rule(before, now));
    if (was != now->value && now->value != SLIP_NO)
      risen = now;
    if (was != now->value && now->value == SLIP_NO)
      fallen = now;
  }
  return after->by != NULL ? after->by : risen != NULL ? risen : fallen;
}

/* What differs between two verdicts of one item. */
static slip_status compare(changes *c, const char *item, slip_date date, const slip_verdict *before,
                           const slip_verdict *after, slip_error *err) {
  slip_status status = SLIP_OK;
  for (size_t i = 0; i < after->n_decided; i++) {
    const slip_decided *now = &after->decided[i], *then = slip_verdict_find(before, now->decision->id);
    if (now->decision->takes_first) {
      slip_text text[4] = {{0}, {0}, {0}, {0}};
      if (then != NULL && same_candidates(then, now))
        continue;
      slip_text_add(&text[0], now->decision->title);
      if (then != NULL)
        slip_outcome_cell(then, &text[1]);
      slip_outcome_cell(now, &text[2]);
      write_why(then != NULL ? cause(then, now) : now->by, &text[3]);
      SLIP_TRY(add_change(c, item, date, text, err));
      continue;
    }
    for (size_t k = 0; k < now->n_findings; k++) {
      slip_text text[4] = {{0}, {0}, {0}, {0}};
      const slip_finding *finding = &now->findings[k];
      const slip_truth was = value_of(same_rule(then, finding));
      if (was == finding->value)
        continue;
      slip_text_add(&text[0], now->decision->title);
      slip_text_add(&text[1], was == SLIP_NO ? "-" : was == SLIP_YES ? "flag" : "may apply");
      slip_text_add(&text[2], finding->value == SLIP_NO ? "-" : finding->value == SLIP_YES ? "flag" : "may apply");
      write_why(finding, &text[3]);
      SLIP_TRY(add_change(c, item, date, text, err));
    }
  }
cleanup:
  return status;
}

/* ---- --timeline ---- */

/* Where the story begins. */
static slip_status begin(changes *c, slip_date date, const slip_verdict *verdict, slip_error *err) {
  slip_status status = SLIP_OK;
  for (size_t i = 0; i < verdict->n_decided; i++) {
    slip_text text[4] = {{0}, {0}, {0}, {0}};
    if (!verdict->decided[i].decision->takes_first)
      continue;
    slip_text_add(&text[0], verdict->decided[i].decision->title);
    slip_outcome_cell(&verdict->decided[i], &text[2]);
    write_why(verdict->decided[i].by, &text[3]);
    SLIP_TRY(add_change(c, NULL, date, text, err));
  }
cleanup:
  return status;
}

/* Whether any answer on the i-th date is another than on the one before. */
static bool differs(const slip_sweep *s, size_t i) {
  const uint64_t *candidates = s->candidates + i * s->n_decisions;
  const unsigned char *values = s->values + i * s->n_rules;
  return memcmp(candidates, candidates - s->n_decisions, s->n_decisions * sizeof *candidates) != 0 ||
         memcmp(values, values - s->n_rules, s->n_rules) != 0;
}

slip_status cli_classify_timeline(cli_session *session, const slip_rules *rules, const slip_ask *ask,
                                  slip_error *err) {
  const cli_options *o = session->options;
  const slip_entry *item = NULL;
  slip_case *facts = NULL;
  slip_verdict *before = NULL, *after = NULL;
  slip_sweep *sweep = NULL;
  changes c = {0};
  size_t n = 0;
  char date[SLIP_DATE_SIZE];
  const slip_date *dates = slip_rules_dates(rules, &n);
  slip_ask at = *ask;
  slip_status status = SLIP_OK;
  SLIP_TRY(cli_classify_item(session->catalog, o->timeline, &item, err));
  SLIP_TRY(cli_classify_case(o, rules, item, &facts, err));
  SLIP_TRY(slip_rules_sweep(rules, facts, ask, dates, n, &sweep, err));
  for (size_t i = 0; i < n; i++) {
    if (i > 0 && !differs(sweep, i))
      continue;
    at.date = dates[i];
    SLIP_TRY(slip_classify(rules, facts, &at, &after, err));
    SLIP_TRY(before != NULL ? compare(&c, NULL, dates[i], before, after, err) : begin(&c, dates[i], after, err));
    slip_verdict_free(before);
    before = after;
    after = NULL;
  }
  if (o->json) {
    cli_json_begin(session, "classify");
    slip_json_string(&session->json, "item", item->name);
    slip_json_changes(&session->json, "timeline", c.list, c.n);
    slip_json_rule_data(&session->json, rules, session->catalog, ask->date);
    cli_json_end(session);
  } else {
    slip_text_printf(&session->out,
                     "%s (%s): each date on which an answer changed, of %zu on which any rule did, to %s\n\n",
                     item->title, item->name, n, n > 0 ? slip_date_format(date, dates[n - 1]) : "");
    slip_report_changes(c.list, c.n, &session->style, &session->out);
    slip_report_rule_data(rules, ask->date, &session->style, &session->out);
  }
cleanup:
  free_changes(&c);
  slip_sweep_free(sweep);
  slip_verdict_free(before);
  slip_verdict_free(after);
  slip_case_free(facts);
  return status;
}

/* ---- --diff ---- */

static slip_status diff_item(cli_session *session, const slip_rules *pack[2], const slip_ask *ask,
                             const slip_entry *item, changes *c, slip_error *err) {
  slip_case *facts[2] = {NULL, NULL};
  slip_verdict *verdict[2] = {NULL, NULL};
  slip_status status = SLIP_OK;
  for (int i = 0; i < 2; i++) {
    const slip_ask own = {ask->date, ask->known_on, i == 1 && ask->with_proposed};
    SLIP_TRY(cli_classify_case(session->options, pack[i], item, &facts[i], err));
    SLIP_TRY(slip_classify(pack[i], facts[i], &own, &verdict[i], err));
  }
  SLIP_TRY(compare(c, item->name, 0, verdict[0], verdict[1], err));
cleanup:
  for (int i = 0; i < 2; i++) {
    slip_verdict_free(verdict[i]);
    slip_case_free(facts[i]);
  }
  return status;
}

slip_status cli_classify_diff(cli_session *session, const slip_rules *rules, const slip_ask *ask, slip_error *err) {
  const cli_options *o = session->options;
  const char *dirs[CLI_MAX_DIRS + 1];
  slip_rules *overlaid = NULL;
  changes c = {0};
  size_t total = 0;
  char date[SLIP_DATE_SIZE];
  slip_status status = SLIP_OK;
  memcpy(dirs, o->rule_dirs, o->n_rule_dirs * sizeof *dirs);
  dirs[o->n_rule_dirs] = o->diff;
  SLIP_TRY(slip_rules_open(dirs, o->n_rule_dirs + 1, &overlaid, err));
  const slip_rules *pack[2] = {rules, overlaid};
  for (; nth_item(session->catalog, total) != NULL; total++)
    SLIP_TRY(diff_item(session, pack, ask, nth_item(session->catalog, total), &c, err));
  if (o->json) {
    cli_json_begin(session, "classify");
    slip_json_string(&session->json, "date", slip_date_format(date, ask->date));
    slip_json_changes(&session->json, "differences", c.list, c.n);
    slip_json_rule_data(&session->json, overlaid, session->catalog, ask->date);
    cli_json_end(session);
  } else {
    slip_text_printf(&session->out, "%s on %s: %zu differences over %zu items\n\n", o->diff,
                     slip_date_format(date, ask->date), c.n, total);
    if (c.n > 0)
      slip_report_changes(c.list, c.n, &session->style, &session->out);
    slip_report_rule_data(overlaid, ask->date, &session->style, &session->out);
  }
cleanup:
  free_changes(&c);
  slip_rules_free(overlaid);
  return status;
}
