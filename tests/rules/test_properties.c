/* Properties of the rules as a whole: more performance never lowers an answer; more knowledge never opens one; no input traps. */
#include "rules/fixture.h"

/* A small generator of our own, so that the cases are the same everywhere (Marsaglia 2003, xorshift). */
static uint64_t random_state;

static uint64_t next_random(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

static size_t below(size_t n) {
  return (size_t)(next_random() % n);
}

static const char *pick(const char *const *from, size_t n) {
  return from[below(n)];
}
#define PICK(list) pick(list, sizeof(list) / sizeof((list)[0]))

/* Around every bound, on both sides, and at it. */
static const char *const tpps[] = {"0",         "1599.999", "1600",      "1600.001", "1912",  "2368",
                                   "2399.999",  "2400",     "2400.001",  "4799.999", "4800",  "4800.001",
                                   "12000",     "14000",    "14000.001", "17500",    "20800", "20800.001",
                                   "20999.999", "21000",    "21100",     "60000"};
static const char *const areas[] = {"1",   "270", "322.9", "450",  "597.5", "609",
                                    "750", "814", "1000",  "1500", "3000"};
static const char *const drams[] = {"0",    "500",  "1399", "1400", "4000",     "4500", "4800",
                                    "5000", "5800", "6000", "6200", "6499.999", "6500", "8000"};
static const char *const ios[] = {"0", "300", "599.999", "600", "900", "1100", "1800"};
static const char *const countries[] = {"US", "CN", "HK", "MO", "KZ", "AE", "SG", "DE", "IL", "RU", "CY", "IN"};
static const char *const days[] = {
    "2020-01-01", "2022-10-21", "2023-01-17", "2023-11-16", "2023-11-17", "2024-04-04", "2024-12-31", "2025-05-20",
    "2025-10-01", "2026-01-14", "2026-01-15", "2026-07-09", "2026-07-10", "2026-08-01", "2026-11-10", "2029-06-01"};
static const char *const users[] = {"commercial", "cloud-provider", "public-sector",
                                    "military",   "listed",         "listed-fn4"};
static const char *const uses[] = {"commercial", "research", "ai-training", "supercomputer", "military"};
static const char *const truths[] = {"yes", "no"};

typedef struct setting {
  const char *input, *value;
} setting;

enum { SETTINGS = 26, FORM = 7, COVERS_B = 23 };

/* A whole case: every input that the rules of classification, licence and policy read. */
static void random_settings(setting s[SETTINGS]) {
  const setting made[SETTINGS] = {{"tpp", PICK(tpps)},
                                  {"die_mm2", PICK(areas)},
                                  {"dram_gbs", PICK(drams)},
                                  {"io_gbs", PICK(ios)},
                                  {"package_mm2", "120"},
                                  {"transistor_type", below(8) ? "non-planar" : "planar"},
                                  {"datacentre", PICK(truths)},
                                  {"form", below(4) ? "module" : "memory-stack"},
                                  {"kind", "chip"},
                                  {"chip", "some-chip"},
                                  {"vendor", "NVIDIA"},
                                  {"from", PICK(countries)},
                                  {"to", PICK(countries)},
                                  {"hq", PICK(countries)},
                                  {"parent_hq", PICK(countries)},
                                  {"end_user", PICK(users)},
                                  {"end_use", PICK(uses)},
                                  {"us_origin", PICK(truths)},
                                  {"us_technology", PICK(truths)},
                                  {"above_de_minimis", "no"},
                                  {"listed_ownership", below(2) ? "0" : "60"},
                                  {"letter_held", PICK(truths)},
                                  {"uae_approved", PICK(truths)},
                                  {"law_cbc_covers_b", PICK(truths)},
                                  {"law_nondc_case_by_case", PICK(truths)},
                                  {"law_hq_case_by_case", PICK(truths)}};
  memcpy(s, made, sizeof made);
}

static slip_case *case_of_settings(const setting *s, size_t n, uint64_t leave_out) {
  slip_error err = {0};
  slip_case *c = case_of(pack, "");
  for (size_t i = 0; i < n; i++)
    if (!(leave_out >> i & 1))
      OK(slip_case_set(c, s[i].input, s[i].value, "a test", &err), &err);
  return c;
}

static void print_settings(const setting *s, size_t n, const char *date) {
  for (size_t i = 0; i < n; i++)
    print_error("%s=%s ", s[i].input, s[i].value);
  print_error("on %s\n", date);
}

/* ---- monotone control ---- */

static void lowest_highest(const slip_verdict *v, const char *decision, int *low, int *high) {
  const slip_decided *decided = slip_verdict_find(v, decision);
  *low = 1000;
  *high = -1;
  for (size_t i = 0; i < decided->n_candidates; i++) {
    const int rank = decided->candidates[i]->rank;
    *low = rank < *low ? rank : *low;
    *high = rank > *high ? rank : *high;
  }
}

/* With everything else as it was, a higher TPP, DRAM bandwidth or I/O (and so density, at the same area) never gives a less strict class,
 * licence requirement or review policy on the same day: neither the least nor the most that is possible falls.
 * Of the review policy this holds where the paragraph of January 2026 covers 3A090.b (if it does not, a .b item to China is reviewed more
 * strictly than a .a item under the caps: that would be the law's own doing) and for what is no memory stack (of 3A090.c likewise). */
static void more_performance_is_never_less_controlled(void **unused) {
  static const char *const decisions[] = {"class", "assembly", "licence", "policy"};
  static const struct {
    const char *input;
    const char *const *ladder;
    size_t steps;
  } parameters[] = {{"tpp", tpps, sizeof tpps / sizeof tpps[0]},
                    {"dram_gbs", drams, sizeof drams / sizeof drams[0]},
                    {"io_gbs", ios, sizeof ios / sizeof ios[0]}};
  random_state = UINT64_C(88172645463325252);
  for (int round = 0; round < 400; round++) {
    setting s[SETTINGS];
    random_settings(s);
    const char *date = PICK(days);
    const size_t p = below(3),
                 n_decisions =
                     strcmp(s[COVERS_B].value, "no") == 0 || strcmp(s[FORM].value, "memory-stack") == 0 ? 3 : 4;
    const uint64_t left_out = below(3) ? 0
                                       : next_random() & ((UINT64_C(1) << SETTINGS) - 16) & ~(UINT64_C(1) << FORM) &
                                             ~(UINT64_C(1) << COVERS_B); /* never the parameters themselves */
    int floor_rank[4] = {-1, -1, -1, -1}, top_rank[4] = {-1, -1, -1, -1};
    for (size_t step = 0; step < parameters[p].steps; step++) {
      s[p == 0 ? 0 : p == 1 ? 2 : 3].value = parameters[p].ladder[step];
      slip_case *c = case_of_settings(s, SETTINGS, left_out);
      slip_verdict *v = classify(c, date);
      for (size_t d = 0; d < n_decisions; d++) {
        int low = 0, high = 0;
        lowest_highest(v, decisions[d], &low, &high);
        if (low < floor_rank[d] || high < top_rank[d]) {
          print_settings(s, SETTINGS, date);
          fail_msg("%s falls to %s as %s rises", decisions[d], outcome(v, decisions[d]), parameters[p].input);
        }
        floor_rank[d] = low;
        top_rank[d] = high;
      }
      slip_verdict_free(v);
      slip_case_free(c);
    }
  }
}

/* ---- more knowledge ---- */

/* What is possible with an input known was possible before it was: the set of outcomes only shrinks, and a rule that was settled stays. */
static void knowledge_only_settles(void **unused) {
  random_state = UINT64_C(6364136223846793005);
  size_t settled = 0;
  for (int round = 0; round < 300; round++) {
    setting s[SETTINGS];
    random_settings(s);
    const char *date = PICK(days);
    uint64_t left_out = next_random() & ((UINT64_C(1) << SETTINGS) - 1);
    slip_case *c = case_of_settings(s, SETTINGS, left_out);
    slip_verdict *before = classify(c, date);
    slip_case_free(c);
    while (left_out != 0) {
      uint64_t bit = UINT64_C(1) << below(SETTINGS);
      if (!(left_out & bit))
        continue;
      left_out &= ~bit;
      c = case_of_settings(s, SETTINGS, left_out);
      slip_verdict *after = classify(c, date);
      for (size_t i = 0; i < after->n_findings; i++) {
        const slip_truth was = before->findings[i].value, now = after->findings[i].value;
        if (was != SLIP_UNDETERMINED && now != was) {
          print_settings(s, SETTINGS, date);
          fail_msg("%s was %s and is %s once more is known", after->findings[i].rule->id, slip_truth_name(was),
                   slip_truth_name(now));
        }
        settled += was == SLIP_UNDETERMINED && now != was ? 1 : 0;
      }
      for (size_t i = 0; i < after->n_decided; i++)
        for (size_t k = 0; after->decided[i].decision->takes_first && k < after->decided[i].n_candidates; k++) {
          bool was_possible = false;
          for (size_t m = 0; m < before->decided[i].n_candidates; m++)
            was_possible = was_possible || before->decided[i].candidates[m] == after->decided[i].candidates[k];
          assert_true(was_possible);
        }
      slip_verdict_free(before);
      before = after;
      slip_case_free(c);
    }
    slip_verdict_free(before);
  }
  assert_true(settled > 1000); /* the property was put to work */
}

/* Whatever is undetermined names what would decide it. */
static void what_is_open_names_what_is_missing(void **unused) {
  random_state = UINT64_C(1442695040888963407);
  for (int round = 0; round < 300; round++) {
    setting s[SETTINGS];
    random_settings(s);
    slip_case *c = case_of_settings(s, SETTINGS, next_random());
    slip_verdict *v = classify(c, PICK(days));
    for (size_t i = 0; i < v->n_findings; i++)
      assert_true(v->findings[i].value != SLIP_UNDETERMINED || v->findings[i].n_missing > 0);
    for (size_t i = 0; i < v->n_decided; i++)
      assert_true(v->decided[i].n_candidates <= 1 || !v->decided[i].decision->takes_first ||
                  v->decided[i].n_missing > 0);
    slip_verdict_free(v);
    slip_case_free(c);
  }
}

/* The same question twice gives the same verdict, and the hash of the case says that it was the same. */
static void the_same_question_gives_the_same_answer(void **unused) {
  char a[SLIP_HASH_SIZE], b[SLIP_HASH_SIZE];
  slip_case *c = case_of_item("h200", "from=US to=CN"), *d = case_of_item("h200", "to=CN from=US"),
            *other = case_of_item("h200", "from=US to=MO");
  /* FIPS 180-4, the example of "abc". */
  assert_string_equal(slip_hash(a, "abc", 3), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert_string_equal(slip_case_hash(c, a), slip_case_hash(d, b));
  assert_string_not_equal(slip_case_hash(c, a), slip_case_hash(other, b));
  slip_verdict *v = classify(c, "2026-03-01"), *w = classify(d, "2026-03-01");
  for (size_t i = 0; i < v->n_findings; i++)
    assert_int_equal(v->findings[i].value, w->findings[i].value);
  slip_verdict_free(v);
  slip_verdict_free(w);
  slip_case_free(c);
  slip_case_free(d);
  slip_case_free(other);
}

/* A sweep over dates gives what a verdict on each of them gives, also where sources disagree. */
static void a_sweep_agrees_with_verdicts(void **unused) {
  static const char *const items[] = {"h20",           "mi308x",   "l40",       "ascend-910c",
                                      "rtx-pro-6000d", "hgx-b300", "hbm2-stack"};
  size_t n = 0;
  slip_error err = {0};
  const slip_date *dates = slip_rules_dates(pack, &n);
  for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
    slip_case *c = case_of_item(items[i], "from=US to=CN hq=CN end_user=commercial");
    slip_sweep *s = NULL;
    OK(slip_rules_sweep(pack, c, &(slip_ask){.date = 0}, dates, n, &s, &err), &err);
    for (size_t d = 0; d < n; d++) {
      slip_verdict *v = classify_with(pack, c, dates[d], false);
      for (size_t k = 0; k < v->n_findings; k++)
        assert_int_equal(s->values[d * s->n_rules + k], v->findings[k].value);
      for (size_t k = 0; k < v->n_decided; k++) {
        uint64_t possible = 0;
        for (size_t m = 0; m < v->decided[k].n_candidates; m++)
          possible |= UINT64_C(1) << (v->decided[k].candidates[m] - v->decided[k].decision->outcomes);
        assert_true(possible == s->candidates[d * s->n_decisions + k]);
      }
      slip_verdict_free(v);
    }
    slip_sweep_free(s);
    slip_case_free(c);
  }
}

/* 45 destinations, Macau among them, as the reference counts them on 2026-07-23; Israel drops out through A:6. */
static void the_destination_scope_has_45_members(void **unused) {
  size_t members = 0;
  char words[] = "from=US to=AA us_origin=yes tpp=5000 form=module";
  for (char first = 'A'; first <= 'Z'; first++)
    for (char second = 'A'; second <= 'Z'; second++) {
      words[11] = first;
      words[12] = second;
      slip_case *c = case_of(pack, words);
      slip_verdict *v = classify(c, "2026-07-23");
      const bool in_scope = rule_value(v, "US-2023-11.licence-destination") == SLIP_YES;
      members += in_scope && !(first == 'H' && second == 'K') ? 1 : 0; /* Hong Kong is China */
      assert_false(in_scope && first == 'I' && second == 'L');
      slip_verdict_free(v);
      slip_case_free(c);
    }
  assert_int_equal(members, 45);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(more_performance_is_never_less_controlled),
      cmocka_unit_test(knowledge_only_settles),
      cmocka_unit_test(what_is_open_names_what_is_missing),
      cmocka_unit_test(the_same_question_gives_the_same_answer),
      cmocka_unit_test(a_sweep_agrees_with_verdicts),
      cmocka_unit_test(the_destination_scope_has_45_members),
  };
  return cmocka_run_group_tests(tests, open_all, close_all);
}
