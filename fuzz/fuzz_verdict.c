/* Fuzzes the evaluator with the built-in pack: any statements about any item on any date give a verdict, and knowing one thing more never opens
 * what was settled. Input: words "name=value" separated by blanks; "date=YYYY-MM-DD" sets the day. */
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

enum { MAX_TEXT = 1024, MAX_WORDS = 40 };

static slip_sweep *ask(const slip_rules *rules, slip_case *c, slip_date date) {
  slip_error err = {0};
  slip_sweep *s = NULL;
  REQUIRE(slip_rules_sweep(rules, c, &(slip_ask){.date = 0}, &date, 1, &s, &err) == SLIP_OK);
  return s;
}

/* The verdict of the same says the same. */
static void check_verdict(const slip_rules *rules, slip_case *c, slip_date date) {
  slip_error err = {0};
  slip_verdict *v = NULL;
  slip_sweep *s = ask(rules, c, date);
  REQUIRE(slip_classify(rules, c, &(slip_ask){.date = date}, &v, &err) == SLIP_OK);
  for (size_t i = 0; i < v->n_findings; i++)
    REQUIRE(v->findings[i].value == (slip_truth)s->values[i]);
  slip_verdict_free(v);
  slip_sweep_free(s);
}

/* A statement that was not made before. */
static bool is_new(const slip_case *c, const slip_rules *rules, const char *name) {
  size_t index = 0;
  return pack_find(rules, SLIP_THING_INPUT, name, &index) && !c->inputs[index].is_known;
}

static void compare(const slip_sweep *before, const slip_sweep *after) {
  for (size_t i = 0; i < after->n_rules; i++)
    REQUIRE(before->values[i] == SLIP_UNDETERMINED || before->values[i] == after->values[i]);
}

/* The rates of an item are one list: a format more may raise TPP, so they are no single statements. */
static bool is_rate(const char *name) {
  return strstr(name, "_tflops") != NULL || strstr(name, "_tops") != NULL;
}

static void run(const slip_rules *rules, char *text) {
  slip_case *c = NULL;
  slip_error err = {0};
  slip_date date = 20260301;
  int left = MAX_WORDS;
  REQUIRE(slip_case_open(rules, &c, &err) == SLIP_OK);
  for (char *word = strtok(text, " "); word != NULL && left > 0; word = strtok(NULL, " "), left--) {
    char *value = strchr(word, '=');
    if (value == NULL)
      continue;
    *value++ = '\0';
    if (strcmp(word, "date") == 0) {
      (void)slip_date_parse(value, &date);
      continue;
    }
    const bool adds = is_new(c, rules, word) && !is_rate(word) && strcmp(value, "unknown") != 0;
    slip_sweep *before = ask(rules, c, date);
    const slip_status status = slip_case_set(c, word, value, "fuzz", &err);
    REQUIRE(status == SLIP_OK || (status == SLIP_BAD_INPUT && err.message[0] != '\0'));
    slip_sweep *after = ask(rules, c, date);
    if (adds && status == SLIP_OK)
      compare(before, after);
    slip_sweep_free(before);
    slip_sweep_free(after);
  }
  check_verdict(rules, c, date);
  slip_case_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static slip_rules *rules;
  slip_error err = {0};
  char text[MAX_TEXT + 1];
  if (rules == NULL)
    REQUIRE(slip_rules_open(NULL, 0, &rules, &err) == SLIP_OK);
  if (size > MAX_TEXT || memchr(data, 0, size) != NULL)
    return 0;
  if (size > 0)
    memcpy(text, data, size);
  text[size] = '\0';
  run(rules, text);
  return 0;
}
