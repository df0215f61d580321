/* One verdict for people: the answer of each layer first, then what would decide or change it, then where it comes from. */
#include <math.h>
#include <string.h>

#include "report/classify.h"
#include "report/number.h"

/* ---- cells ---- */

void slip_outcome_cell(const slip_decided *decided, slip_text *out) {
  if (decided->n_candidates > 1)
    slip_text_add(out, "undetermined: ");
  for (size_t i = 0; i < decided->n_candidates; i++)
    slip_text_printf(out, "%s%s", i ? " or " : "", decided->candidates[i]->id);
}

void slip_flags_cell(const slip_verdict *verdict, bool possible, slip_text *out) {
  bool any = false;
  for (size_t i = 0; i < verdict->n_decided; i++) {
    const slip_decided *decided = &verdict->decided[i];
    for (size_t k = 0; !decided->decision->takes_first && k < decided->n_findings; k++) {
      const slip_finding *finding = &decided->findings[k];
      if (finding->value == SLIP_NO || (!possible && finding->value != SLIP_YES))
        continue;
      slip_text_printf(out, "%s%s%s", any ? ", " : "", finding->rule->id, finding->value == SLIP_YES ? "" : "?");
      any = true;
    }
  }
}

/* ---- what is missing ---- */

static const slip_input *input_of(const slip_rules *rules, const char *id) {
  for (size_t i = 0;; i++) {
    const slip_input *input = slip_rules_input(rules, i);
    if (input == NULL || strcmp(input->id, id) == 0)
      return input;
  }
}

/* ", on which sources disagree: 362 to 724.13 TFLOP/s" */
static void add_dispute(const slip_classified *c, const slip_input *input, slip_text *out) {
  for (size_t i = 0;; i++) {
    const slip_known known = slip_case_known(c->facts, i);
    if (known.input == NULL || known.input == input) {
      if (known.input != NULL && known.is_disputed)
        slip_text_printf(out, ", on which sources disagree: %s %s", known.value, input->unit);
      return;
    }
  }
}

static void add_missing(const slip_classified *c, const char *id, slip_text *out) {
  const slip_input *input = input_of(c->rules, id);
  if (strncmp(id, "group:", 6) == 0)
    slip_text_printf(out, "membership of %s on that date, which was not reconstructed", id + 6);
  else if (strncmp(id, "enforcement:", 12) == 0)
    slip_text_printf(out, "whether %s is enforced on that date", id + 12);
  else if (input != NULL)
    slip_text_printf(out, "%s%s%s%s", input->title, input->ask[0] != '\0' ? " (" : "", input->ask,
                     input->ask[0] != '\0' ? ")" : "");
  else
    slip_text_add(out, id);
  if (input != NULL)
    add_dispute(c, input, out);
}

static void paragraph(slip_text *out, const slip_style *style, int indent, slip_text *line) {
  for (int i = 0; i < indent - 2; i++)
    slip_text_add_n(out, " ", 1);
  slip_paragraph(out, style, indent, line->data != NULL ? line->data : "");
  out->failed = out->failed || line->failed;
  slip_text_free(line);
}

static void report_missing(const slip_classified *c, const char *const *missing, size_t n, const slip_style *style,
                           slip_text *out) {
  if (n == 0)
    return;
  slip_text line = {0};
  slip_text_add(&line, "would decide it: ");
  for (size_t i = 0; i < n; i++) {
    slip_text_add(&line, i ? "; " : "");
    add_missing(c, missing[i], &line);
  }
  paragraph(out, style, 6, &line);
}

/* ---- findings ---- */

static void report_citation(const slip_finding *finding, const slip_style *style, slip_text *out) {
  const slip_rule *rule = finding->rule;
  char effective[SLIP_DATE_SIZE], expiry[SLIP_DATE_SIZE];
  slip_text line = {0};
  slip_text_printf(&line, "%s, %s: %s since %s", rule->id, rule->citation,
                   slip_text_status_name(finding->text_status), slip_date_format(effective, rule->effective));
  if (rule->expiry)
    slip_text_printf(&line, " until %s", slip_date_format(expiry, rule->expiry));
  slip_text_printf(&line, "; %s%s", finding->enforcement == SLIP_ENFORCEMENT_UNKNOWN ? "enforcement " : "",
                   slip_enforcement_name(finding->enforcement));
  if (finding->because[0] != '\0')
    slip_text_printf(&line, " (%s)", finding->because);
  slip_text_printf(&line, "; %s", slip_certainty_name(rule->certainty));
  paragraph(out, style, 8, &line);
}

static void report_checks(const slip_finding *finding, const slip_style *style, slip_text *out) {
  static const char *const boxes[] = {"[no]", "[yes]", "[ ]"};
  for (size_t i = 0; i < finding->n_checks; i++) {
    slip_text line = {0};
    slip_text_printf(&line, "%s %s", boxes[finding->checks[i].value], finding->checks[i].says);
    paragraph(out, style, 8, &line);
  }
}

/* A finding that holds, with its citation. */
static void report_flag(const slip_finding *finding, const slip_style *style, slip_text *out) {
  const slip_rule *rule = finding->rule;
  const char *says = rule->says[SLIP_YES];
  slip_text line = {0};
  slip_text_printf(&line, "%s: %s", rule->is_flag ? "flag" : "conditions as modelled hold",
                   says[0] != '\0' ? says : rule->title);
  paragraph(out, style, 6, &line);
  report_citation(finding, style, out);
  report_checks(finding, style, out);
}

/* One that may hold, in one line: what it is, and what would decide it. */
static void report_possible(const slip_finding *finding, const slip_style *style, slip_text *out) {
  const slip_rule *rule = finding->rule;
  const char *says = rule->says[SLIP_UNDETERMINED];
  slip_text line = {0};
  slip_text_printf(&line, "may apply: %s [%s", says[0] != '\0' ? says : rule->title, rule->id);
  for (size_t i = 0; i < finding->n_missing; i++)
    slip_text_printf(&line, "%s %s", i ? "," : "; would decide it:", finding->missing[i]);
  slip_text_add(&line, "]");
  paragraph(out, style, 6, &line);
}

/* The condition holds, but the rule has no effect on the date. */
static bool is_text_only(const slip_finding *finding) {
  return finding->value == SLIP_NO && finding->met == SLIP_YES && finding->text_status != SLIP_TEXT_EXPIRED;
}

static void report_text_only(const slip_finding *finding, const slip_style *style, slip_text *out) {
  slip_text line = {0};
  slip_text_printf(&line, "without effect on this date%s: %s",
                   finding->is_awaited ? ", its compliance date to come" : "", finding->rule->title);
  paragraph(out, style, 6, &line);
  report_citation(finding, style, out);
}

/* ---- decisions ---- */

/* Of the answer that no rule holds: those in force that were put to the test. */
static void report_tested(const slip_decided *decided, const slip_style *style, slip_text *out) {
  slip_text line = {0};
  bool any = false;
  slip_text_add(&line, "tested, and do not hold: ");
  for (size_t i = 0; i < decided->n_findings; i++) {
    const slip_finding *finding = &decided->findings[i];
    if (finding->value != SLIP_NO || finding->text_status == SLIP_TEXT_EXPIRED ||
        finding->text_status == SLIP_TEXT_NOT_YET)
      continue;
    slip_text_printf(&line, "%s%s (%s)", any ? "; " : "", finding->rule->id, finding->rule->citation);
    any = true;
  }
  if (any)
    paragraph(out, style, 6, &line);
  slip_text_free(&line);
}

/* Of an answer that is open: the rules with a checklist or a word of their own that may decide it. */
static bool report_open(const slip_decided *decided, const slip_style *style, slip_text *out) {
  bool has_checks = false;
  for (size_t i = 0; i < decided->n_findings; i++) {
    const slip_finding *finding = &decided->findings[i];
    const char *says = finding->rule->says[SLIP_UNDETERMINED];
    if (finding->value != SLIP_UNDETERMINED || (finding->n_checks == 0 && says[0] == '\0'))
      continue;
    slip_text note = {0};
    slip_text_printf(&note, "%s if: %s", finding->rule->gives, says[0] != '\0' ? says : finding->rule->title);
    paragraph(out, style, 6, &note);
    report_citation(finding, style, out);
    report_checks(finding, style, out);
    has_checks = has_checks || finding->n_checks > 0;
  }
  return has_checks;
}

static void report_first(const slip_classified *c, const slip_decided *decided, const slip_style *style,
                         slip_text *out) {
  slip_text line = {0};
  bool has_checks = false;
  slip_text_printf(&line, "%s %s: %s", decided->decision->layer, decided->decision->title,
                   decided->n_candidates == 1 ? "" : "UNDETERMINED: ");
  for (size_t i = 0; i < decided->n_candidates; i++)
    slip_text_printf(&line, "%s%s", i ? ", or " : "", decided->candidates[i]->says);
  slip_text_add(out, style->colour ? "\033[1m" : "");
  paragraph(out, style, 2, &line);
  slip_text_add(out, style->colour ? "\033[0m" : "");
  if (decided->by != NULL) {
    slip_text note = {0};
    slip_text_printf(&note, "%s%s%s", decided->by->rule->title,
                     decided->by->rule->says[SLIP_YES][0] != '\0' ? "; " : "", decided->by->rule->says[SLIP_YES]);
    paragraph(out, style, 6, &note);
    report_citation(decided->by, style, out);
    report_checks(decided->by, style, out);
  }
  if (decided->n_candidates == 1 && decided->by == NULL)
    report_tested(decided, style, out);
  if (decided->n_candidates > 1)
    has_checks = report_open(decided, style, out);
  if (!has_checks)
    report_missing(c, decided->missing, decided->n_missing, style, out);
}

static void report_each(const slip_decided *decided, bool of_possible, const slip_style *style, slip_text *out) {
  for (size_t i = 0; i < decided->n_findings; i++) {
    const slip_finding *finding = &decided->findings[i];
    if (!of_possible && finding->value == SLIP_YES)
      report_flag(finding, style, out);
    if (of_possible && finding->value == SLIP_UNDETERMINED)
      report_possible(finding, style, out);
  }
}

static void report_decided(const slip_classified *c, const slip_decided *decided, const slip_style *style,
                           slip_text *out) {
  const bool first = decided->decision->takes_first;
  bool any = false;
  for (size_t i = 0; i < decided->n_findings; i++)
    any = any || decided->findings[i].value != SLIP_NO || is_text_only(&decided->findings[i]);
  if (first) {
    report_first(c, decided, style, out);
  } else {
    slip_text_printf(out, "%s%s %s:%s%s\n", style->colour ? "\033[1m" : "", decided->decision->layer,
                     decided->decision->title, any ? "" : " nothing found", style->colour ? "\033[0m" : "");
    report_each(decided, false, style, out);
    report_each(decided, true, style, out);
  }
  for (size_t i = 0; i < decided->n_findings; i++)
    if (is_text_only(&decided->findings[i]))
      report_text_only(&decided->findings[i], style, out);
}

/* ---- inputs and arithmetic ---- */

static void report_inputs(const slip_classified *c, const slip_style *style, slip_text *out) {
  slip_table *table = slip_table_open(4);
  slip_table_widest(table, 60);
  slip_table_cell(table, "  input");
  slip_table_cell(table, "value");
  slip_table_cell(table, "source");
  slip_table_cell(table, "date");
  slip_table_heading(table);
  for (size_t i = 0;; i++) {
    const slip_known known = slip_case_known(c->facts, i);
    if (known.input == NULL)
      break;
    if (!known.is_known && !known.is_disputed)
      continue;
    slip_table_printf(table, "  %s", known.input->title);
    slip_table_printf(table, "%s%s%s%s", known.value, known.input->unit[0] != '\0' ? " " : "", known.input->unit,
                      known.is_disputed ? " (sources disagree)" : "");
    slip_table_printf(table, "%s%s%s%s", known.source, known.fact != NULL ? " [" : "",
                      known.fact != NULL ? slip_confidence_name(known.fact->confidence) : "",
                      known.fact != NULL ? "]" : "");
    slip_table_cell(table, known.date);
  }
  slip_table_write(table, style, out);
  slip_table_free(table);
}

static void report_quantities(const slip_classified *c, bool explain, const slip_style *style, slip_text *out) {
  slip_text_add(out, "\narithmetic\n");
  for (size_t i = 0;; i++) {
    const slip_quantity q = slip_case_quantity(c->facts, i);
    if (q.id == NULL)
      break;
    if (isnan(q.low))
      continue;
    slip_text line = {0};
    slip_text_printf(&line, "%s: %s%s%s", q.title, q.arithmetic, q.unit[0] != '\0' ? " " : "", q.unit);
    if (explain && q.definition[0] != '\0')
      slip_text_printf(&line, " (%s)", q.definition);
    paragraph(out, style, 4, &line);
  }
}

/* Those in the range that the sources leave open, and those within a tenth of the value. */
static bool is_near(const slip_break *b) {
  return isnan(b->from_value) || (b->at_value > 0.9 * b->from_value && b->at_value < 1.1 * b->from_value);
}

static void add_break(const slip_break *b, slip_text *out) {
  const char *unit = b->unit[0] != '\0' ? " " : "";
  if (strcmp(b->below, b->on) == 0)
    slip_text_printf(out, "%s: %s at or below %s%s%s, %s above", b->title, b->on, b->at, unit, b->unit, b->above);
  else if (strcmp(b->on, b->above) == 0)
    slip_text_printf(out, "%s: %s below %s%s%s, %s from there", b->title, b->below, b->at, unit, b->unit, b->above);
  else
    slip_text_printf(out, "%s: %s below %s%s%s, %s at it, %s above", b->title, b->below, b->at, unit, b->unit,
                     b->on, b->above);
}

static void report_breaks(const slip_headroom *headroom, bool all, const slip_style *style, slip_text *out) {
  bool any = false;
  for (size_t i = 0; i < headroom->n_breaks; i++) {
    slip_text line = {0};
    if (!all && !is_near(&headroom->breaks[i]))
      continue;
    if (!any)
      slip_text_add(out, "\nwhat would change the class, all else as it is\n");
    any = true;
    add_break(&headroom->breaks[i], &line);
    paragraph(out, style, 4, &line);
  }
}

/* ---- derivation ---- */

static void report_tree(const slip_derivation *node, int depth, const slip_style *style, slip_text *out) {
  for (; node != NULL; node = node->next) {
    slip_text line = {0};
    slip_text_printf(&line, "%s  %s", slip_truth_name(node->value), node->text);
    paragraph(out, style, 2 * depth + 2, &line);
    report_tree(node->first, depth + 1, style, out);
  }
}

static void report_derivations(const slip_classified *c, const slip_style *style, slip_text *out) {
  slip_text_add(out, "\nhow each answer was reached\n");
  for (size_t i = 0; i < c->verdict->n_decided; i++) {
    const slip_decided *decided = &c->verdict->decided[i];
    slip_text_printf(out, "%s  %s\n", decided->decision->layer, decided->decision->title);
    for (size_t k = 0; k < decided->n_findings; k++)
      report_tree(slip_verdict_derive(c->verdict, c->rules, c->facts, &c->ask, decided->findings[k].rule), 1, style,
                  out);
  }
}

/* ---- age ---- */

void slip_report_rule_data(const slip_rules *rules, slip_date date, const slip_style *style, slip_text *out) {
  const slip_rules_info info = slip_rules_describe(rules);
  char newest[SLIP_DATE_SIZE], between[SLIP_DATE_SIZE];
  size_t n = 0;
  const slip_date *dates = slip_rules_dates(rules, &n);
  const int days = slip_date_days(info.newest, date);
  slip_text line = {0};
  slip_text_printf(&line, "Rule data: %zu rules of %zu files, made from material up to %s", info.n_rules,
                   info.n_files, slip_date_format(newest, info.newest));
  if (days > 0) {
    slip_text_printf(&line, "; the date asked about is %d days later: an extrapolation", days);
    bool any = false;
    for (size_t i = 0; i < n; i++)
      if (dates[i] > info.newest && dates[i] <= date) {
        slip_text_printf(&line, "%s%s", any ? ", " : ", and changes that were known ahead fall in between: ",
                         slip_date_format(between, dates[i]));
        any = true;
      }
  }
  slip_text_printf(&line, ". Pack %.12s.", info.hash);
  slip_text_add(out, "\n");
  slip_paragraph(out, style, 0, line.data != NULL ? line.data : "");
  out->failed = out->failed || line.failed;
  slip_text_free(&line);
  slip_paragraph(out, style, 0, info.disclaimer);
}

/* ---- the whole ---- */

void slip_report_classified(const slip_classified *c, bool explain, const slip_style *style, slip_text *out) {
  char date[SLIP_DATE_SIZE], known_on[SLIP_DATE_SIZE];
  slip_text_printf(out, "%s (%s) on %s%s%s%s\n\n", c->item->title, c->item->name,
                   slip_date_format(date, c->ask.date), c->ask.known_on ? ", as published by " : "",
                   slip_date_format(known_on, c->ask.known_on),
                   c->ask.with_proposed ? ", with what is only proposed" : "");
  for (size_t i = 0; i < c->verdict->n_decided; i++)
    report_decided(c, &c->verdict->decided[i], style, out);
  report_quantities(c, explain, style, out);
  if (c->headroom != NULL)
    report_breaks(c->headroom, explain, style, out);
  slip_text_add(out, "\n");
  report_inputs(c, style, out);
  if (explain)
    report_derivations(c, style, out);
  slip_report_rule_data(c->rules, c->ask.date, style, out);
}

/* ---- headroom ---- */

static void report_distances(const slip_headroom *h, const slip_style *style, slip_text *out) {
  slip_table *table = slip_table_open(6);
  static const char *const heads[] = {"  rule", "quantity", "value", "bound", "met", "the bound is"};
  for (size_t i = 0; i < 6; i++)
    slip_table_cell(table, heads[i]);
  slip_table_heading(table);
  for (size_t i = 0; i < h->n_distances; i++) {
    const slip_distance *d = &h->distances[i];
    char low[SLIP_DOUBLE_SIZE], high[SLIP_DOUBLE_SIZE];
    if (isnan(d->low))
      continue;
    slip_table_printf(table, "  %s", d->rule->id);
    slip_table_cell(table, d->quantity);
    (void)slip_format_double(low, floor(d->low * 1e4) / 1e4);
    (void)slip_format_double(high, floor(d->high * 1e4) / 1e4);
    slip_table_printf(table, "%s%s%s", low, d->low < d->high ? " to " : "", d->low < d->high ? high : "");
    slip_table_cell(table, d->bound);
    slip_table_cell(table, slip_truth_name(d->met));
    if (d->low < d->high || d->low <= 0)
      slip_table_cell(table, "-");
    else
      slip_table_printf(table, "%+.6g away (%+.2f%%)", d->threshold - d->low, 100 * (d->threshold / d->low - 1));
  }
  slip_table_write(table, style, out);
  slip_table_free(table);
}

static void report_variants(const slip_headroom *h, const slip_style *style, slip_text *out) {
  for (size_t i = 0; i < h->n_variants; i++) {
    const slip_variant *v = &h->variants[i];
    slip_text line = {0};
    slip_text_printf(&line, "nearest variant that would be %s (relative change %.4f): ", v->outcome, v->change);
    for (size_t k = 0; k < v->n_parameters; k++)
      slip_text_printf(&line, "%s%s %.9g instead of %.9g%s%s (%+.2f%%)", k ? ", " : "", v->parameters[k].title,
                       v->parameters[k].to, v->parameters[k].from, v->parameters[k].unit[0] != '\0' ? " " : "",
                       v->parameters[k].unit, 100 * (v->parameters[k].to / v->parameters[k].from - 1));
    slip_text_add(out, i == 0 ? "\n" : "");
    paragraph(out, style, 4, &line);
  }
}

void slip_report_headroom(const slip_classified *c, const slip_headroom *policy, const slip_style *style,
                          slip_text *out) {
  char date[SLIP_DATE_SIZE];
  const slip_headroom *h = c->headroom;
  slip_text_printf(out, "%s (%s) on %s: distance to each bound in force\n\n", c->item->title, c->item->name,
                   slip_date_format(date, c->ask.date));
  report_distances(h, style, out);
  report_breaks(h, true, style, out);
  report_variants(h, style, out);
  if (policy != NULL)
    report_variants(policy, style, out);
  slip_text_add(out,
                "\nDistances between an item and the text of a rule; no advice on what to build, buy or ship.\n");
  slip_report_rule_data(c->rules, c->ask.date, style, out);
}

/* ---- changes ---- */

void slip_report_changes(const slip_change *changes, size_t n, const slip_style *style, slip_text *out) {
  slip_table *table = slip_table_open(5);
  slip_table_widest(table, 48);
  const bool by_item = n > 0 && changes[0].item != NULL;
  slip_table_cell(table, by_item ? "item" : "date");
  slip_table_cell(table, "what");
  slip_table_cell(table, "before");
  slip_table_cell(table, "after");
  slip_table_cell(table, "why");
  slip_table_heading(table);
  for (size_t i = 0; i < n; i++) {
    char date[SLIP_DATE_SIZE];
    const bool same = i > 0 && changes[i].date == changes[i - 1].date && changes[i].item == changes[i - 1].item;
    slip_table_cell(table, same ? "" : by_item ? changes[i].item : slip_date_format(date, changes[i].date));
    slip_table_cell(table, changes[i].what);
    slip_table_cell(table, changes[i].before);
    slip_table_cell(table, changes[i].after);
    slip_table_cell(table, changes[i].why);
  }
  slip_table_write(table, style, out);
  slip_table_free(table);
}
