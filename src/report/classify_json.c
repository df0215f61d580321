/* Verdicts of the rules for programs. */
#include <math.h>
#include <string.h>

#include "report/classify.h"

static void json_date(slip_json *json, const char *key, slip_date date) {
  char text[SLIP_DATE_SIZE];
  slip_json_string(json, key, date ? slip_date_format(text, date) : NULL);
}

static void json_texts(slip_json *json, const char *key, const char *const *texts, size_t n) {
  slip_json_array(json, key);
  for (size_t i = 0; i < n; i++)
    slip_json_string(json, NULL, texts[i]);
  slip_json_array_end(json);
}

/* ---- findings ---- */

static void json_tree(slip_json *json, const char *key, const slip_derivation *node) {
  slip_json_object(json, key);
  slip_json_string(json, "value", slip_truth_name(node->value));
  slip_json_string(json, "text", node->text);
  if (node->first != NULL) {
    slip_json_array(json, "of");
    for (const slip_derivation *child = node->first; child != NULL; child = child->next)
      json_tree(json, NULL, child);
    slip_json_array_end(json);
  }
  slip_json_object_end(json);
}

static void json_rule(slip_json *json, const slip_rule *rule) {
  slip_json_string(json, "rule", rule->id);
  slip_json_string(json, "version", rule->version);
  slip_json_string(json, "title", rule->title);
  slip_json_string(json, "citation", rule->citation);
  slip_json_string(json, "source", rule->source);
  slip_json_string(json, "url", rule->url[0] != '\0' ? rule->url : NULL);
  json_date(json, "published", rule->published);
  json_date(json, "effective", rule->effective);
  json_date(json, "compliance", rule->compliance);
  json_date(json, "expiry", rule->expiry);
  slip_json_string(json, "certainty", slip_certainty_name(rule->certainty));
  slip_json_bool(json, "is_flag", rule->is_flag);
  slip_json_string(json, "gives", rule->gives[0] != '\0' ? rule->gives : NULL);
}

static void json_finding(slip_json *json, const slip_classified *c, const slip_finding *finding) {
  const slip_rule *rule = finding->rule;
  slip_json_object(json, NULL);
  json_rule(json, rule);
  slip_json_string(json, "text_status", slip_text_status_name(finding->text_status));
  slip_json_string(json, "enforcement", slip_enforcement_name(finding->enforcement));
  slip_json_string(json, "because", finding->because[0] != '\0' ? finding->because : NULL);
  slip_json_bool(json, "is_awaited", finding->is_awaited);
  slip_json_string(json, "met", slip_truth_name(finding->met));
  slip_json_string(json, "value", slip_truth_name(finding->value));
  slip_json_string(json, "says", rule->says[finding->value][0] != '\0' ? rule->says[finding->value] : NULL);
  json_texts(json, "missing_inputs", finding->missing, finding->n_missing);
  slip_json_array(json, "checklist");
  for (size_t i = 0; i < finding->n_checks; i++) {
    slip_json_object(json, NULL);
    slip_json_string(json, "input", finding->checks[i].input);
    slip_json_string(json, "says", finding->checks[i].says);
    slip_json_string(json, "value", slip_truth_name(finding->checks[i].value));
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
  const slip_derivation *tree = slip_verdict_derive(c->verdict, c->rules, c->facts, &c->ask, rule);
  if (tree != NULL)
    json_tree(json, "derivation", tree);
  else
    json->out->failed = true;
  slip_json_object_end(json);
}

static void json_decided(slip_json *json, const slip_classified *c, const slip_decided *decided) {
  slip_json_object(json, NULL);
  slip_json_string(json, "decision", decided->decision->id);
  slip_json_string(json, "layer", decided->decision->layer);
  slip_json_string(json, "title", decided->decision->title);
  slip_json_string(json, "value", slip_truth_name(decided->value));
  const bool first = decided->decision->takes_first;
  slip_json_string(json, "outcome", first && decided->n_candidates == 1 ? decided->candidates[0]->id : NULL);
  slip_json_array(json, "candidates");
  for (size_t i = 0; first && i < decided->n_candidates; i++) {
    slip_json_object(json, NULL);
    slip_json_string(json, "outcome", decided->candidates[i]->id);
    slip_json_string(json, "says", decided->candidates[i]->says);
    slip_json_int(json, "rank", decided->candidates[i]->rank);
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
  slip_json_string(json, "by", decided->by != NULL ? decided->by->rule->id : NULL);
  json_texts(json, "missing_inputs", decided->missing, decided->n_missing);
  slip_json_array(json, "findings");
  for (size_t i = 0; i < decided->n_findings; i++)
    json_finding(json, c, &decided->findings[i]);
  slip_json_array_end(json);
  slip_json_object_end(json);
}

/* ---- inputs ---- */

static void json_inputs(slip_json *json, const slip_classified *c) {
  slip_json_array(json, "inputs");
  for (size_t i = 0;; i++) {
    const slip_known known = slip_case_known(c->facts, i);
    if (known.input == NULL)
      break;
    slip_json_object(json, NULL);
    slip_json_string(json, "input", known.input->id);
    slip_json_string(json, "title", known.input->title);
    slip_json_string(json, "value", known.is_known || known.is_disputed ? known.value : NULL);
    slip_json_string(json, "unit", known.input->unit[0] != '\0' ? known.input->unit : NULL);
    slip_json_bool(json, "disputed", known.is_disputed);
    slip_json_string(json, "source", known.source[0] != '\0' ? known.source : NULL);
    slip_json_string(json, "url", known.url[0] != '\0' ? known.url : NULL);
    slip_json_string(json, "date", known.date[0] != '\0' ? known.date : NULL);
    slip_json_string(json, "confidence", known.fact != NULL ? slip_confidence_name(known.fact->confidence) : NULL);
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
  slip_json_array(json, "quantities");
  for (size_t i = 0;; i++) {
    const slip_quantity q = slip_case_quantity(c->facts, i);
    if (q.id == NULL)
      break;
    slip_json_object(json, NULL);
    slip_json_string(json, "quantity", q.id);
    slip_json_string(json, "title", q.title);
    slip_json_string(json, "unit", q.unit[0] != '\0' ? q.unit : NULL);
    slip_json_string(json, "definition", q.definition[0] != '\0' ? q.definition : NULL);
    slip_json_double(json, "low", q.low);
    slip_json_double(json, "high", q.high);
    slip_json_string(json, "arithmetic", q.arithmetic[0] != '\0' ? q.arithmetic : NULL);
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
}

/* ---- age ---- */

void slip_json_rule_data(slip_json *json, const slip_rules *rules, const slip_catalog *catalog, slip_date date) {
  const slip_rules_info info = slip_rules_describe(rules);
  char hash[SLIP_HASH_SIZE];
  size_t n = 0;
  const slip_date *dates = slip_rules_dates(rules, &n);
  slip_json_object(json, "rule_data");
  slip_json_string(json, "sha256", info.hash);
  slip_json_int(json, "rules", (int64_t)info.n_rules);
  json_date(json, "newest", info.newest);
  slip_json_int(json, "days_after", date ? slip_date_days(info.newest, date) : 0);
  slip_json_array(json, "changes_between");
  for (size_t i = 0; i < n; i++)
    if (dates[i] > info.newest && dates[i] <= date)
      json_date(json, NULL, dates[i]);
  slip_json_array_end(json);
  slip_json_string(json, "catalog_sha256", slip_catalog_hash(catalog, hash));
  slip_json_string(json, "disclaimer", info.disclaimer);
  slip_json_object_end(json);
}

/* ---- headroom and changes ---- */

static void json_breaks(slip_json *json, const slip_headroom *h) {
  slip_json_array(json, "breaks");
  for (size_t i = 0; i < h->n_breaks; i++) {
    const slip_break *b = &h->breaks[i];
    slip_json_object(json, NULL);
    slip_json_string(json, "parameter", b->input);
    slip_json_string(json, "unit", b->unit[0] != '\0' ? b->unit : NULL);
    slip_json_string(json, "at", b->at);
    slip_json_double(json, "from", b->from_value);
    slip_json_string(json, "below", b->below);
    slip_json_string(json, "on", b->on);
    slip_json_string(json, "above", b->above);
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
}

void slip_json_headroom(slip_json *json, const slip_headroom *h) {
  slip_json_array(json, "distances");
  for (size_t i = 0; i < h->n_distances; i++) {
    const slip_distance *d = &h->distances[i];
    slip_json_object(json, NULL);
    slip_json_string(json, "rule", d->rule->id);
    slip_json_string(json, "quantity", d->quantity);
    slip_json_double(json, "low", d->low);
    slip_json_double(json, "high", d->high);
    slip_json_string(json, "bound", d->bound);
    slip_json_double(json, "threshold", d->threshold);
    slip_json_string(json, "met", slip_truth_name(d->met));
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
  json_breaks(json, h);
  slip_json_array(json, "variants");
  for (size_t i = 0; i < h->n_variants; i++) {
    const slip_variant *v = &h->variants[i];
    slip_json_object(json, NULL);
    slip_json_string(json, "outcome", v->outcome);
    slip_json_double(json, "change", v->change);
    slip_json_array(json, "parameters");
    for (size_t k = 0; k < v->n_parameters; k++) {
      slip_json_object(json, NULL);
      slip_json_string(json, "parameter", v->parameters[k].id);
      slip_json_double(json, "from", v->parameters[k].from);
      slip_json_double(json, "to", v->parameters[k].to);
      slip_json_object_end(json);
    }
    slip_json_array_end(json);
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
}

void slip_json_changes(slip_json *json, const char *key, const slip_change *changes, size_t n) {
  slip_json_array(json, key);
  for (size_t i = 0; i < n; i++) {
    slip_json_object(json, NULL);
    if (changes[i].item != NULL)
      slip_json_string(json, "item", changes[i].item);
    json_date(json, "date", changes[i].date);
    slip_json_string(json, "what", changes[i].what);
    slip_json_string(json, "before", changes[i].before);
    slip_json_string(json, "after", changes[i].after);
    slip_json_string(json, "why", changes[i].why);
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
}

/* ---- the whole ---- */

void slip_json_classified(slip_json *json, const slip_classified *c) {
  slip_json_object(json, "item");
  slip_json_string(json, "name", c->item->name);
  slip_json_string(json, "kind", slip_kind_name(c->item->kind));
  slip_json_string(json, "title", c->item->title);
  slip_json_object_end(json);
  json_date(json, "date", c->ask.date);
  json_date(json, "known_on", c->ask.known_on);
  slip_json_bool(json, "with_proposed", c->ask.with_proposed);
  slip_json_array(json, "decisions");
  for (size_t i = 0; i < c->verdict->n_decided; i++)
    json_decided(json, c, &c->verdict->decided[i]);
  slip_json_array_end(json);
  json_inputs(json, c);
  if (c->headroom != NULL)
    json_breaks(json, c->headroom);
  slip_json_rule_data(json, c->rules, c->catalog, c->ask.date);
}
