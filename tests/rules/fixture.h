/* The built-in pack and catalog, cases from a few words, and packs from texts: for the tests of the rules. */
#ifndef TESTS_RULES_FIXTURE_H
#define TESTS_RULES_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "rules/evaluate.h"

static slip_rules *pack;
static slip_catalog *catalog;

static inline void fail_with(const slip_error *err) {
  char text[1200];
  slip_error_format(err, text, sizeof text);
  fail_msg("%s", text);
}

#define OK(call, err)      \
  do {                     \
    if ((call) != SLIP_OK) \
      fail_with(err);      \
  } while (0)

static inline int open_all(void **state) {
  slip_error err = {0};
  char text[1200];
  (void)state;
  if (slip_rules_open(NULL, 0, &pack, &err) == SLIP_OK && slip_catalog_open(NULL, 0, &catalog, &err) == SLIP_OK)
    return 0;
  slip_error_format(&err, text, sizeof text);
  print_error("%s\n", text);
  return 1;
}

static inline int close_all(void **state) {
  (void)state;
  slip_rules_free(pack);
  slip_catalog_free(catalog);
  return 0;
}

/* "tpp=4800 to=CN": each is stated; blanks separate. */
static inline void state(slip_case *c, const char *words) {
  slip_error err = {0};
  char copy[1024];
  assert_in_range(snprintf(copy, sizeof copy, "%s", words), 0, sizeof copy - 1);
  for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
    char *value = strchr(word, '=');
    assert_non_null(value);
    *value++ = '\0';
    OK(slip_case_set(c, word, value, "a test", &err), &err);
  }
}

static inline slip_case *case_of(const slip_rules *rules, const char *words) {
  slip_error err = {0};
  slip_case *c = NULL;
  OK(slip_case_open(rules, &c, &err), &err);
  state(c, words);
  return c;
}

/* A chip or system of the catalog. */
static inline slip_case *case_of_item(const char *name, const char *words) {
  slip_error err = {0};
  const slip_chip *chip = NULL;
  const slip_system *system = NULL;
  slip_case *c = case_of(pack, "");
  if (slip_catalog_chip(catalog, name, &chip, &err) == SLIP_OK) {
    OK(slip_case_add_item(c, &chip->entry, &err), &err);
  } else {
    OK(slip_catalog_system(catalog, name, &system, &err), &err);
    OK(slip_case_add_item(c, &system->entry, &err), &err);
  }
  state(c, words);
  return c;
}

static inline slip_date day(const char *text) {
  slip_date date = 0;
  assert_true(slip_date_parse(text, &date));
  return date;
}

static inline slip_verdict *classify_with(const slip_rules *rules, slip_case *c, slip_date date,
                                          bool with_proposed) {
  slip_error err = {0};
  slip_verdict *verdict = NULL;
  const slip_ask ask = {.date = date, .with_proposed = with_proposed};
  OK(slip_classify(rules, c, &ask, &verdict, &err), &err);
  return verdict;
}

static inline slip_verdict *classify(slip_case *c, const char *date) {
  return classify_with(pack, c, day(date), false);
}

/* The outcome of a decision; those possible joined with '|' when there are several. */
static inline const char *outcome(const slip_verdict *v, const char *decision) {
  static char text[4][256];
  static int turn;
  char *out = text[turn = (turn + 1) % 4];
  const slip_decided *decided = slip_verdict_find(v, decision);
  assert_non_null(decided);
  out[0] = '\0';
  for (size_t i = 0; i < decided->n_candidates; i++)
    snprintf(out + strlen(out), sizeof text[0] - strlen(out), "%s%s", i ? "|" : "", decided->candidates[i]->id);
  return out;
}

static inline slip_truth rule_value(const slip_verdict *v, const char *id) {
  const slip_finding *finding = slip_verdict_finding(v, id);
  assert_non_null(finding);
  return finding->value;
}

/* One question, one answer. */
static inline const char *answer(const char *item, const char *words, const char *date, const char *decision) {
  slip_case *c = case_of_item(item, words);
  slip_verdict *v = classify(c, date);
  const char *text = outcome(v, decision);
  slip_verdict_free(v);
  slip_case_free(c);
  return text;
}

static inline slip_truth holds(const char *item, const char *words, const char *date, const char *rule) {
  slip_case *c = case_of_item(item, words);
  slip_verdict *v = classify(c, date);
  const slip_truth value = rule_value(v, rule);
  slip_verdict_free(v);
  slip_case_free(c);
  return value;
}

#endif
