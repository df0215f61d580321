/* Policies over time: what the rules say of each import to each buyer in each quarter, as shares that get through. */
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "scenario/scenario_internal.h"

static const char stated[] = "the scenario";

/* The middle of the quarter's second month. */
static slip_date date_of(slip_quarter quarter) {
  return (slip_date)(10000 * (quarter / 4) + 100 * (3 * (quarter % 4) + 2) + 15);
}

static slip_status set_all(slip_case *c, const scenario_given *given, size_t n, slip_error *err) {
  slip_status status = SLIP_OK;
  for (size_t i = 0; i < n; i++) {
    status = slip_case_set(c, given[i].key, given[i].value, stated, err);
    if (status != SLIP_OK) {
      slip_error_set_place(err, given[i].node->file, given[i].node->line, given[i].key);
      return status;
    }
  }
  return status;
}

static slip_status open_case(const slip_scenario *s, const scenario_import *in, const scenario_buyer *buyer,
                             const scenario_regime *regime, slip_case **out, slip_error *err) {
  static const char *const defaults[][2] = {
      {"from", "US"}, {"to", "CN"}, {"hq", "CN"}, {"parent_hq", "CN"}, {"end_use", "commercial"}};
  slip_status status = SLIP_OK;
  slip_case *c = NULL;
  SLIP_TRY(slip_case_open(s->rules, &c, err));
  SLIP_TRY(slip_case_add_item(c, &s->fleets[in->fleet].system->chip->entry, err));
  for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
    SLIP_TRY(slip_case_set(c, defaults[i][0], defaults[i][1], stated, err));
  SLIP_TRY(slip_case_set(c, "end_user", buyer->end_user, stated, err));
  SLIP_TRY(set_all(c, buyer->given, buyer->n_given, err));
  SLIP_TRY(set_all(c, regime->given, regime->n_given, err));
  *out = c;
  c = NULL;
cleanup:
  slip_case_free(c);
  return status;
}

static const scenario_mapping *mapping_of(const scenario_mapping *m, size_t n, const char *word) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(m[i].word, word) == 0)
      return &m[i];
  return NULL;
}

/* The words of review and china must be words of the rules, or a slip of the pen would let everything pass. */
static slip_status check_words(const slip_scenario *s, const scenario_import *in, const slip_verdict *v,
                               slip_error *err) {
  const slip_decided *policy = slip_verdict_find(v, "policy");
  for (size_t i = 0; i < in->n_review; i++) {
    size_t k = 0;
    while (policy && k < policy->decision->n_outcomes &&
           strcmp(policy->decision->outcomes[k].id, in->review[i].word) != 0)
      k++;
    if (!policy || k == policy->decision->n_outcomes)
      return slip_node_fail(err, SLIP_BAD_INPUT, in->review[i].node,
                            "no review policy of the rules; they are: denial, "
                            "presumption of denial, case by case, presumption of approval, not asked");
  }
  for (size_t i = 0; i < in->n_china; i++) {
    size_t k = 0;
    while (slip_rules_rule(s->rules, k) && strcmp(slip_rules_rule(s->rules, k)->id, in->china[i].word) != 0)
      k++;
    if (!slip_rules_rule(s->rules, k))
      return slip_node_fail(err, SLIP_BAD_INPUT, in->china[i].node, "no rule of the pack has this id");
  }
  return SLIP_OK;
}

static slip_status grant_review(const slip_scenario *s, const scenario_import *in, const slip_verdict *v,
                                const scenario_buyer *buyer, scenario_grant *g, slip_error *err) {
  const slip_decided *policy = slip_verdict_find(v, "policy");
  if (!policy || policy->n_candidates == 0)
    return slip_fail(err, SLIP_BAD_INPUT, "the rules have no decision \"policy\"");
  const slip_outcome *strict = policy->candidates[0], *mild = strict;
  for (size_t i = 0; i < policy->n_candidates; i++) {
    const slip_outcome *o = policy->candidates[i];
    if (!mapping_of(in->review, in->n_review, o->id))
      return slip_fail_at(err, SLIP_BAD_INPUT, s->fleets[in->fleet].node->file, s->fleets[in->fleet].node->line, 0,
                          "review", "import %s, buyer %s: the rules come to \"%s\", which has no share here",
                          in->id, buyer->id, o->id);
    strict = o->rank > strict->rank ? o : strict;
    mild = o->rank < mild->rank ? o : mild;
  }
  g->strict_word = strict->id;
  g->mild_word = mild->id;
  g->strict = mapping_of(in->review, in->n_review, strict->id)->share;
  g->mild = mapping_of(in->review, in->n_review, mild->id)->share;
  return SLIP_OK;
}

static slip_status grant_china(slip_scenario *s, const scenario_import *in, const slip_verdict *v,
                               scenario_grant *g, slip_error *err) {
  g->china_text = "";
  for (size_t i = 0; i < in->n_china; i++) {
    const slip_finding *finding = slip_verdict_finding(v, in->china[i].word);
    if (!finding || finding->value == SLIP_NO)
      continue;
    g->china[g->n_china].share = in->china[i].share;
    g->china[g->n_china++].is_certain = finding->value == SLIP_YES;
    g->china_text = slip_arena_printf(s->arena, "%s%s%s%s", g->china_text, g->china_text[0] ? ", " : "",
                                      in->china[i].word, finding->value == SLIP_YES ? "" : "?");
    if (!g->china_text)
      return slip_no_memory(err);
  }
  return SLIP_OK;
}

static slip_status judge_one(slip_scenario *s, const scenario_import *in, const scenario_buyer *buyer, slip_case *c,
                             slip_quarter quarter, scenario_grant *g, slip_error *err) {
  const slip_ask ask = {.date = date_of(quarter)};
  slip_verdict *v = NULL;
  slip_status status = SLIP_OK;
  SLIP_TRY(slip_classify(s->rules, c, &ask, &v, err));
  SLIP_TRY(check_words(s, in, v, err));
  SLIP_TRY(grant_review(s, in, v, buyer, g, err));
  SLIP_TRY(grant_china(s, in, v, g, err));
cleanup:
  slip_verdict_free(v);
  return status;
}

static slip_status judge_regime(slip_scenario *s, scenario_import *in, size_t b, size_t r, size_t nothing,
                                size_t all, slip_error *err) {
  const scenario_regime *regime = &in->regimes[r];
  const slip_quarter end = r + 1 < in->n_regimes ? in->regimes[r + 1].from : s->to + 1;
  slip_case *c = NULL;
  slip_status status = SLIP_OK;
  if (regime->mode == SCENARIO_BY_RULES)
    SLIP_TRY(open_case(s, in, &s->buyers[b], regime, &c, err));
  for (slip_quarter q = regime->from > s->from ? regime->from : s->from; q < end && q <= s->to; q++) {
    scenario_grant *g = &in->grants[b * s->n_quarters + (size_t)(q - s->from)];
    g->mode = regime->mode;
    g->strict_word = g->mild_word = g->china_text = "";
    g->strict = g->mild = regime->mode == SCENARIO_OPEN ? all : nothing;
    if (regime->mode == SCENARIO_BY_RULES)
      SLIP_TRY(judge_one(s, in, &s->buyers[b], c, q, g, err));
  }
cleanup:
  slip_case_free(c);
  return status;
}

slip_status scenario_judge(slip_scenario *s, slip_error *err) {
  slip_status status = SLIP_OK;
  size_t nothing = 0, all = 0;
  const slip_node zero = {.kind = SLIP_NODE_SCALAR, .text = "0", .file = s->file},
                  one = {.kind = SLIP_NODE_SCALAR, .text = "1", .file = s->file};
  SLIP_TRY(slip_deck_refer(s->deck, &zero, 0, 1, &nothing, err));
  SLIP_TRY(slip_deck_refer(s->deck, &one, 0, 1, &all, err));
  for (size_t i = 0; i < s->n_imports; i++) {
    scenario_import *in = &s->imports[i];
    in->grants = slip_arena_array(s->arena, s->n_buyers * s->n_quarters, sizeof *in->grants);
    if (!in->grants)
      SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
    for (size_t b = 0; b < s->n_buyers; b++)
      for (size_t r = 0; r < in->n_regimes; r++)
        SLIP_TRY(judge_regime(s, in, b, r, nothing, all, err));
  }
cleanup:
  return status;
}
