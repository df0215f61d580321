/* What a rule file may not be: malformed, contradictory, cyclic. Each refusal names file and line. */
#include "rules/fixture.h"

#define HEAD "kind: rules\nname: t\ntitle: T\nseen: 2026-01-01\n" /* 4 lines */
#define INPUTS                                               \
  "inputs:\n"                                                \
  "- {id: n, type: number, title: a number, varies: true}\n" \
  "- {id: m, type: number, title: another}\n"                \
  "- {id: t, type: text, title: a text, values: [x, y]}\n"   \
  "- {id: b, type: truth, title: a truth}\n"                 \
  "- {id: c, type: country, title: a country}\n" /* to line 10 */
#define DECISIONS                                                                                             \
  "decisions:\n- {id: d, layer: L1, title: D, takes: first, outcomes: [{id: hit, rank: 1}, {id: none, rank: " \
  "0}]}\n" /* 12 */
#define BASE HEAD INPUTS DECISIONS
#define RULE(id, rest)                                                                                        \
  "- {id: " id                                                                                                \
  ", version: V, title: R, citation: C, source: S, published: 2024-01-01, effective: 2024-02-01, certainty: " \
  "legal text, " rest "}\n"
#define RULES "rules:\n" /* 13 */

static slip_status read_pack(const char *text, const char *overlay, slip_rules **out, slip_error *err) {
  slip_rules *rules = NULL;
  slip_status status = slip_rules_new(&rules, err);
  assert_int_equal(status, SLIP_OK);
  status = slip_rules_add(rules, 0, "rules/t.yaml", "t.yaml", text, strlen(text), err);
  if (status == SLIP_OK && overlay != NULL)
    status = slip_rules_add(rules, 1, "mine/o.yaml", "o.yaml", overlay, strlen(overlay), err);
  if (status == SLIP_OK)
    status = slip_rules_finish(rules, err);
  if (status == SLIP_OK && out != NULL)
    *out = rules;
  else
    slip_rules_free(rules);
  return status;
}

typedef struct refusal {
  const char *text;
  int line;
  const char *says;
} refusal;

static void check(const refusal *cases, size_t n) {
  for (size_t i = 0; i < n; i++) {
    slip_error err = {0};
    const slip_status status = read_pack(cases[i].text, NULL, NULL, &err);
    if (status != SLIP_BAD_INPUT || err.line != cases[i].line || strstr(err.message, cases[i].says) == NULL ||
        strcmp(err.file, "rules/t.yaml") != 0)
      fail_msg("case %zu: status %d, %s:%d: %s: %s\nexpected line %d: %s\n%s", i, (int)status, err.file, err.line,
               err.field, err.message, cases[i].line, cases[i].says, cases[i].text);
  }
  assert_int_equal(slip_arena_live_bytes(), 0);
}
#define CHECK(cases) check(cases, sizeof(cases) / sizeof((cases)[0]))

static void the_base_of_these_tests_is_sound(void **unused) {
  slip_error err = {0};
  slip_rules *rules = NULL;
  OK(read_pack(BASE RULES RULE("r", "decides: d, order: 1, gives: hit, when: {value: n, at_least: 4800}"), NULL,
               &rules, &err),
     &err);
  assert_int_equal(slip_rules_describe(rules).n_rules, 1);
  slip_rules_free(rules);
}

static void malformed_files_are_refused(void **unused) {
  static const refusal cases[] = {
      {"kind: rules\nname: t\ntitle: T\n", 1, "needs a value"},
      {"kind: chip\nname: t\ntitle: T\nseen: 2026-01-01\n", 1, "kind: rules"},
      {"kind: rules\nname: u\ntitle: T\nseen: 2026-01-01\n", 2, "differs from the name of the file"},
      {"kind: rules\nname: t\ntitle: T\nseen: 2026-02-30\n", 4, "day of the calendar"},
      {HEAD "rulez: []\n", 5, "the nearest is \"rules\""},
      {HEAD "rules: {}\n", 5, "expected a list"},
      {HEAD "inputs:\n- {id: a b, type: number, title: A}\n", 6, "needs an id"},
      {HEAD "inputs:\n- {id: a, type: numbers, title: A}\n", 6, "must be one of: number"},
      {HEAD "inputs:\n- {id: a, type: text, title: A, scale: 2}\n", 6, "only an input of type number"},
      {HEAD "groups:\n- {id: g, title: G, members: CN usa}\n", 6, "no country code"},
      {HEAD "groups:\n- {id: g, title: G, members: CN CN}\n", 6, "named twice"},
      {HEAD "groups:\n- {id: g, title: G, with: [h]}\n", 6, "no group has the id"},
      {BASE RULES RULE("r", "when: {value: n}"), 14, "needs a bound"},
      {BASE RULES RULE("r", "when: {value: n, at_least: many}"), 14, "decimal number"},
      {BASE RULES RULE("r", "when: {value: nn, at_least: 1}"), 14, "the nearest is \"n\""},
      {BASE RULES RULE("r", "when: {value: t, is: z}"), 14, "no value of it"},
      {BASE RULES RULE("r", "when: {value: b, is: x}"), 14, "write \"fact: b\""},
      {BASE RULES RULE("r", "when: {fact: n}"), 14, "not of type truth"},
      {BASE RULES RULE("r", "when: {all: []}"), 14, "not empty"},
      {BASE RULES RULE("r", "when: {all: [], any: []}"), 14, "exactly one of"},
      {BASE RULES RULE("r", "when: {decision: d, is: miss}"), 14, "no outcome"},
      {BASE RULES RULE("r", "decides: d, order: 1, gives: miss, when: {fact: b}"), 14, "no outcome"},
      {BASE RULES RULE("r", "decides: d, order: 1, when: {fact: b}"), 14, "gives one of its outcomes"},
      {BASE RULES RULE("r", "gives: hit, when: {fact: b}"), 14, "only a rule that decides"},
      {BASE RULES RULE("r", "decides: d, gives: hit, when: {fact: b}"), 14, "has an order"},
      {BASE RULES RULE("r", "url: ftp://x, when: {fact: b}"), 14, "http"},
      {BASE RULES RULE("r", "checklist: [{fact: b}], when: {fact: b}"), 14, "each point of a checklist"},
      {BASE RULES "- {id: r, version: V}\n", 14, "needs a value for this key"},
      {BASE "quantities:\n- {id: q, title: Q, ratio: [n]}\n", 14, "two terms"},
      {BASE "quantities:\n- {id: q, title: Q, sum: [n], product: [m]}\n", 14, "exactly one"},
      {BASE "quantities:\n- {id: q, title: Q, sum: [n, t]}\n", 14, "is no number"},
      {BASE "quantities:\n- {id: n, title: Q, sum: [m]}\n", 14, "already the id of the input"},
  };
  CHECK(cases);
}

static void contradictory_files_are_refused(void **unused) {
  static const refusal cases[] = {
      {BASE RULES RULE("r", "when: {value: n, at_least: 5, less_than: 5}"), 14, "contradictory: no number lies"},
      {BASE RULES RULE("r", "when: {value: n, more_than: 6, at_most: 5}"), 14, "contradictory: no number lies"},
      {BASE RULES RULE("r", "when: {value: n, at_least: 5, more_than: 4}"), 14, "a second lower bound"},
      {BASE RULES RULE("r", "expiry: 2024-01-31, when: {fact: b}"), 14, "expires before it is effective"},
      {BASE RULES RULE("r", "compliance: 2024-01-31, when: {fact: b}"), 14, "before it is effective"},
      {BASE RULES RULE("r", "compliance: 2025-01-31, expiry: 2025-01-30, when: {fact: b}"), 14,
       "expires before that"},
      {BASE RULES RULE("r", "suspended: [{from: 2025-02-01, to: 2025-01-01, because: x}], when: {fact: b}"), 14,
       "ends before it begins"},
      {BASE RULES RULE(
           "r", "suspended: [{from: 2025-01-01, because: x}, {from: 2025-02-01, because: y}], when: {fact: b}"),
       14, "overlaps"},
      {BASE RULES RULE("r", "enforcement: [{from: 2025-01-01, to: 2025-02-01, is: enforced, because: x}, {from: "
                            "2025-02-01, is: unknown, because: y}], when: {fact: b}"),
       14, "overlaps"},
      {BASE RULES RULE("r", "when: {fact: b}") RULE("r", "when: {fact: b}"), 15,
       "already defined at rules/t.yaml:14"},
      {BASE RULES RULE("r", "decides: d, order: 1, gives: hit, when: {fact: b}")
           RULE("s", "decides: d, order: 1, gives: none, when: {fact: b}"),
       15, "the rule \"r\" (rules/t.yaml:14) has the same order"},
      {HEAD "groups:\n- {id: g, title: G, joined: {AE: 2026-01-01}, left: {AE: 2025-01-01}}\n", 6,
       "leaves before it joins"},
      {HEAD
       "decisions:\n- {id: d, layer: L1, title: D, takes: first, outcomes: [{id: a, rank: 1}, {id: a, rank: 0}]}\n",
       6, "written twice"},
  };
  CHECK(cases);
}

static void cycles_are_refused(void **unused) {
  static const refusal cases[] = {
      {BASE RULES RULE("r", "when: {rule: r}"), 14, "cyclic: the rule \"r\""},
      {BASE RULES RULE("r", "when: {rule: s}") RULE("s", "when: {not: {rule: r}}"), 14, "cyclic"},
      {BASE RULES RULE("r", "decides: d, order: 1, gives: hit, when: {decision: d, is: none}"), 14,
       "cyclic: the rule \"r\""},
      {BASE "quantities:\n- {id: q, title: Q, sum: [n, p]}\n- {id: p, title: P, sum: [q, 1]}\n", 14,
       "cyclic: the quantity \"q\""},
      {HEAD "groups:\n- {id: g, title: G, with: [h]}\n- {id: h, title: H, without: [g]}\n", 6,
       "cyclic: the group \"g\""},
  };
  CHECK(cases);
}

/* ---- overlays ---- */

#define OVERLAY "kind: rules\nname: o\ntitle: O\nseen: 2026-01-01\n"

static void an_overlay_replaces_by_id_and_adds(void **unused) {
  slip_error err = {0};
  slip_rules *rules = NULL;
  const char *base = BASE RULES RULE("r", "decides: d, order: 1, gives: hit, when: {value: n, at_least: 4800}");
  OK(read_pack(base,
               OVERLAY RULES RULE("r", "decides: d, order: 1, gives: hit, when: {value: n, at_least: 100}")
                   RULE("s", "when: {fact: b}"),
               &rules, &err),
     &err);
  assert_int_equal(slip_rules_describe(rules).n_rules, 2);
  assert_string_equal(slip_rules_rule(rules, 0)->file, "mine/o.yaml");
  slip_case *c = case_of(rules, "n=100");
  slip_verdict *v = classify_with(rules, c, day("2025-01-01"), false);
  assert_string_equal(outcome(v, "d"), "hit");
  slip_verdict_free(v);
  slip_case_free(c);
  slip_rules_free(rules);
}

static void an_overlay_is_checked_with_what_is_below(void **unused) {
  slip_error err = {0};
  const char *base = BASE RULES RULE("r", "decides: d, order: 1, gives: hit, when: {fact: b}");
  assert_int_equal(
      read_pack(base, OVERLAY RULES RULE("s", "decides: d, order: 1, gives: none, when: {fact: b}"), NULL, &err),
      SLIP_BAD_INPUT);
  assert_string_equal(err.file, "mine/o.yaml");
  assert_int_equal(err.line, 6);
  assert_int_equal(read_pack(base, OVERLAY RULES RULE("s", "when: {rule: s}"), NULL, &err), SLIP_BAD_INPUT);
  assert_non_null(strstr(err.message, "cyclic"));
}

static void directories_that_are_none_are_told(void **unused) {
  slip_error err = {0};
  slip_rules *rules = NULL;
  const char *dirs[] = {"/no/such/folder"};
  assert_int_equal(slip_rules_open(dirs, 1, &rules, &err), SLIP_IO_FAILURE);
  assert_string_equal(err.file, "/no/such/folder");
}

/* ---- stating what is known ---- */

static void bad_statements_are_refused(void **unused) {
  slip_error err = {0};
  slip_rules *rules = NULL;
  slip_case *c = NULL;
  OK(read_pack(BASE, NULL, &rules, &err), &err);
  OK(slip_case_open(rules, &c, &err), &err);
  static const char *const bad[][3] = {{"n", "-1", "not negative"},   {"n", "1e99", "takes a number"},
                                       {"t", "z", "one of: x, y"},    {"b", "maybe", "yes, no or unknown"},
                                       {"c", "China", "two letters"}, {"nn", "1", "the nearest is 'n'"}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_int_equal(slip_case_set(c, bad[i][0], bad[i][1], "a test", &err), SLIP_BAD_INPUT);
    assert_non_null(strstr(err.message, bad[i][2]));
  }
  OK(slip_case_set(c, "c", "cn", "a test", &err), &err);
  assert_string_equal(slip_case_known(c, 4).value, "CN");
  OK(slip_case_set(c, "c", "unknown", "a test", &err), &err);
  assert_false(slip_case_known(c, 4).is_known);
  slip_case_free(c);
  slip_rules_free(rules);
}

/* Numbers whose quotient cannot be exact are unknown, not rounded: the answer stays open. */
static void what_overflows_is_unknown(void **unused) {
  slip_error err = {0};
  slip_rules *rules = NULL;
  OK(read_pack(BASE "quantities:\n- {id: q, title: Q, product: [n, n, n]}\n" RULES RULE(
                   "r", "decides: d, order: 1, gives: hit, when: {value: q, at_least: 5}"),
               NULL, &rules, &err),
     &err);
  slip_case *c = case_of(rules, "n=123456789012.345");
  slip_verdict *v = classify_with(rules, c, day("2025-01-01"), false);
  assert_string_equal(outcome(v, "d"), "hit|none");
  slip_verdict_free(v);
  slip_case_free(c);
  slip_rules_free(rules);
}

/* Out of memory at any allocation is told, and nothing leaks. */
static void running_out_of_memory_is_told(void **unused) {
  const char *text = BASE RULES RULE("r", "decides: d, order: 1, gives: hit, suspended: [{from: 2025-01-01, "
                                          "because: x}], when: {value: n, at_least: 4800}");
  bool done = false;
  for (long n = 1; n < 2000 && !done; n++) {
    slip_error err = {0};
    slip_rules *rules = NULL;
    slip_arena_fail_after(n);
    slip_status status = slip_rules_new(&rules, &err);
    if (status == SLIP_OK)
      status = slip_rules_add(rules, 0, "t.yaml", "t.yaml", text, strlen(text), &err);
    if (status == SLIP_OK)
      status = slip_rules_finish(rules, &err);
    slip_arena_fail_after(0);
    done = status == SLIP_OK;
    assert_true(done || status == SLIP_NO_MEMORY);
    slip_rules_free(rules);
    assert_int_equal(slip_arena_live_bytes(), 0);
  }
  assert_true(done);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_base_of_these_tests_is_sound),
      cmocka_unit_test(malformed_files_are_refused),
      cmocka_unit_test(contradictory_files_are_refused),
      cmocka_unit_test(cycles_are_refused),
      cmocka_unit_test(an_overlay_replaces_by_id_and_adds),
      cmocka_unit_test(an_overlay_is_checked_with_what_is_below),
      cmocka_unit_test(directories_that_are_none_are_told),
      cmocka_unit_test(bad_statements_are_refused),
      cmocka_unit_test(what_overflows_is_unknown),
      cmocka_unit_test(running_out_of_memory_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
