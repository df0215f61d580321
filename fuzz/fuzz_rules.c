/* Fuzzes the rule reader and, where it takes the text, the evaluator: any bytes either give a clear error with file and line, or a pack with
 * which every question has an answer that is well formed. The first line of the input, up to a newline, states facts; the rest is the file. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "rules/evaluate.h"

#define REQUIRE(condition) \
  do {                     \
    if (!(condition))      \
      abort();             \
  } while (0)

enum { MAX_SIZE = 1 << 15, MAX_FACTS = 16 };

static void check_error(const slip_error *err, slip_status status) {
  REQUIRE(status != SLIP_OK && err->code == status && err->message[0] != '\0');
  REQUIRE(status == SLIP_BAD_INPUT || status == SLIP_UNSUPPORTED);
  REQUIRE(slip_is_utf8(err->message, strlen(err->message)));
}

/* "a=1 b=yes": what the pack does not know, or may not be, is refused with a reason. */
static void state_facts(slip_case *c, char *words) {
  int left = MAX_FACTS;
  for (char *word = strtok(words, " "); word != NULL && left > 0; word = strtok(NULL, " "), left--) {
    slip_error err = {0};
    char *value = strchr(word, '=');
    if (value == NULL)
      continue;
    *value++ = '\0';
    const slip_status status = slip_case_set(c, word, value, "fuzz", &err);
    if (status != SLIP_OK)
      check_error(&err, status);
  }
}

static void check_verdict(const slip_verdict *v) {
  for (size_t i = 0; i < v->n_decided; i++) {
    const slip_decided *decided = &v->decided[i];
    REQUIRE(decided->n_candidates >= 1 && decided->n_candidates <= decided->decision->n_outcomes);
    REQUIRE(decided->value == SLIP_NO || decided->value == SLIP_YES || decided->value == SLIP_UNDETERMINED);
    if (decided->decision->takes_first && decided->n_candidates > 1)
      REQUIRE(decided->n_missing > 0);
  }
  for (size_t i = 0; i < v->n_findings; i++)
    REQUIRE(v->findings[i].value != SLIP_YES || v->findings[i].met == SLIP_YES);
}

static void classify(const slip_rules *rules, slip_case *c, slip_date date, bool with_proposed) {
  slip_error err = {0};
  slip_verdict *v = NULL;
  slip_headroom *h = NULL;
  const slip_ask ask = {.date = date, .with_proposed = with_proposed};
  REQUIRE(slip_classify(rules, c, &ask, &v, &err) == SLIP_OK);
  check_verdict(v);
  for (size_t i = 0; i < v->n_findings && i < 8; i++)
    REQUIRE(slip_verdict_derive(v, rules, c, &ask, v->findings[i].rule) != NULL);
  slip_verdict_free(v);
  if (slip_rules_decision(rules, 0) != NULL) {
    REQUIRE(slip_rules_headroom(rules, c, &ask, slip_rules_decision(rules, 0)->id, &h, &err) == SLIP_OK);
    for (size_t i = 0; i < h->n_variants; i++)
      REQUIRE(isfinite(h->variants[i].change) && h->variants[i].change >= 0);
    slip_headroom_free(h);
  }
}

static void evaluate(const slip_rules *rules, char *facts) {
  slip_error err = {0};
  slip_case *c = NULL;
  size_t n = 0;
  const slip_date *dates = slip_rules_dates(rules, &n);
  REQUIRE(slip_case_open(rules, &c, &err) == SLIP_OK);
  classify(rules, c, 20260101, false); /* nothing known */
  state_facts(c, facts);
  for (size_t i = 0; i < n && i < 6; i++)
    classify(rules, c, dates[i], i % 2 == 0);
  for (size_t i = 0; slip_case_quantity(c, i).id != NULL; i++)
    REQUIRE(slip_case_quantity(c, i).value != NULL);
  slip_case_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  slip_error err = {0};
  slip_rules *rules = NULL;
  char facts[512] = "";
  if (size > MAX_SIZE)
    return 0;
  const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
  const size_t line = end != NULL ? (size_t)(end - data) : 0;
  if (end == NULL || line >= sizeof facts)
    return 0;
  memcpy(facts, data, line);
  if (strlen(facts) != line)
    return 0;
  REQUIRE(slip_rules_new(&rules, &err) == SLIP_OK);
  slip_status status =
      slip_rules_add(rules, 0, "fuzz.yaml", "fuzz.yaml", (const char *)end + 1, size - line - 1, &err);
  if (status == SLIP_OK)
    status = slip_rules_finish(rules, &err);
  if (status == SLIP_OK)
    evaluate(rules, facts);
  else
    check_error(&err, status);
  slip_rules_free(rules);
  REQUIRE(slip_arena_live_bytes() == 0);
  return 0;
}
