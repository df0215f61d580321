/* The stack of a row: its framework's text, release and year (docs/measured.md, "Names"). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/case.h"
#include "calibrate/names.h"

/* What sources call a framework, in canonical form, and the framework of the catalog that it is. */
static const struct {
  const char *written, *framework;
} frameworks[] = {
    {"trtllm", "TensorRT-LLM"},     {"trt-llm", "TensorRT-LLM"},
    {"tensorrt", "TensorRT-LLM"},                               /* MLPerf submissions with language models */
    {"nemo", "Megatron-Bridge"},    {"nvidia-release", "NeMo"}, /* MLPerf: NVIDIA's containers train with NeMo */
    {"ngc-pytorch", "NeMo"},        {"megatron-core", "Megatron-LM"},
    {"mcore", "Megatron-LM"},       {"modellink", "MindSpeed-LLM"},
    {"mindspeed", "MindSpeed-LLM"}, {"composer", "llm-foundry"},
    {"nim", "TensorRT-LLM"}, /* NVIDIA's: its optimised profiles are TensorRT-LLM engines */
};

/* Frameworks without a stack whose names contain another's (canonical). */
static const char *const strangers[] = {"nemo-automodel"}; /* PyTorch's FSDP2, not Megatron */

static bool stack_is(const slip_stack *stack, const char *canonical_name) {
  return slip_name_is(canonical_name, stack->framework) || slip_name_of_entry(&stack->entry, canonical_name);
}

/* Where in a canonical text the stack's framework is named first; NULL nowhere. */
static const char *named_at(const slip_stack *stack, char *text) {
  const char *first = NULL;
  char form[SLIP_NAME_BYTES];
  for (size_t i = 0; i < stack->entry.n_aliases + 2; i++) {
    const char *name = i == 0 ? stack->framework : i == 1 ? stack->entry.name : stack->entry.aliases[i - 2];
    const char *at = slip_name_canonical(name, form) ? slip_name_find(text, form) : NULL;
    if (at && (!first || at < first))
      first = at;
  }
  for (size_t i = 0; i < sizeof frameworks / sizeof *frameworks; i++) {
    const char *at = slip_name_find(text, frameworks[i].written);
    if (at && (!first || at < first) && slip_name_canonical(frameworks[i].framework, form) && stack_is(stack, form))
      first = at;
  }
  return first;
}

enum { RELEASE_PARTS = 3, MOST_RELEASE = 1000000 };

/* "0.4.3.post2" -> 0, 4, 3. Returns how many parts were read, at most three; 0 without a dot. */
static int read_release(const char *text, int parts[RELEASE_PARTS]) {
  int n = 0;
  while (n < RELEASE_PARTS && *text >= '0' && *text <= '9') {
    char *end = NULL;
    const long part = strtol(text, &end, 10); /* LONG_MAX when it does not fit */
    parts[n++] = (int)(part < MOST_RELEASE ? part : MOST_RELEASE);
    text = *end == '.' ? end + 1 : "";
  }
  return n > 1 ? n : 0;
}

/* Whether the text names a release of "0.6 to 0.7", both included as far as they are written: 0.7.4 is in it. */
static bool names_release(const char *text, const char *range) {
  const char *to = strstr(range, " to ");
  int from[RELEASE_PARTS], until[RELEASE_PARTS], named[RELEASE_PARTS] = {0};
  const int n_from = read_release(range, from), n_until = to ? read_release(to + 4, until) : 0;
  while (*text && read_release(text, named) == 0)
    text++;
  if (!*text || n_from == 0 || n_until == 0)
    return false;
  int above = 0, below = 0;
  for (int i = 0; i < n_from && above == 0; i++)
    above = (named[i] > from[i]) - (named[i] < from[i]);
  for (int i = 0; i < n_until && below == 0; i++)
    below = (named[i] > until[i]) - (named[i] < until[i]);
  return above >= 0 && below <= 0;
}

static bool fits(const slip_stack *stack, const slip_chip *chip, const char *framework, bool train, bool experts) {
  char vendor[SLIP_NAME_BYTES], name[SLIP_NAME_BYTES];
  if (!(train ? stack->trains : stack->serves) || !slip_name_canonical(chip->entry.vendor, vendor) ||
      !slip_name_canonical(chip->entry.name, name))
    return false;
  if ((stack->for_models[0] && !experts) ||
      (stack->only_releases[0] && !names_release(framework, stack->only_releases)))
    return false;
  if (stack->for_chip[0] && !slip_name_is(name, stack->for_chip))
    return false;
  return slip_name_is(vendor, stack->for_vendor) || slip_name_is("any", stack->for_vendor);
}

/* "2026-02" -> 2026.083; NAN when it is no date. */
static double year_of(const char *date) {
  char *end = NULL;
  const double year = strtod(date, &end);
  if (end == date)
    return NAN;
  const double month = *end == '-' ? strtod(end + 1, NULL) : 1.0;
  return year + (month >= 1.0 && month <= 12.0 ? (month - 1.0) / 12.0 : 0.0);
}

/* The prior of its kind: the vendor's own goes before anybody's. */
static const slip_stack *prior_of(const slip_catalog *catalog, const slip_chip *chip, bool train) {
  const slip_stack *best = NULL;
  const size_t count = slip_catalog_count(catalog, SLIP_KIND_STACK);
  for (size_t i = 0; i < count; i++) {
    const slip_entry *entry = slip_catalog_entry(catalog, SLIP_KIND_STACK, i);
    const slip_stack *stack = (const slip_stack *)(const void *)entry;
    if (stack->is_prior && fits(stack, chip, "", train, false) && (!best || slip_name_is("any", best->for_vendor)))
      best = stack;
  }
  return best;
}

/* Whether `a` suits a measurement of `year` better than `b`, both of the framework: released by then, the newest of these; else the
 * oldest; a stack made for the chip before others of its date. */
static bool is_better(const slip_stack *a, const slip_stack *b, double year) {
  if ((a->only_releases[0] != '\0') != (b->only_releases[0] != '\0')) /* which the measurement names */
    return a->only_releases[0] != '\0';
  const double when_a = year_of(a->date), when_b = year_of(b->date);
  const bool out_a = isnan(year) || !(when_a > year), out_b = isnan(year) || !(when_b > year);
  if ((a->for_chip[0] != '\0') != (b->for_chip[0] != '\0') && out_a == out_b)
    return a->for_chip[0] != '\0';
  if (out_a != out_b)
    return out_a;
  return out_a ? when_a > when_b : when_a < when_b;
}

const slip_stack *slip_resolve_stack(const slip_catalog *catalog, const slip_chip *chip, const char *framework,
                                     double year, bool train, bool experts) {
  char text[SLIP_NAME_BYTES];
  const slip_stack *best = NULL;
  const char *best_at = NULL;
  /* A year without a month is any day of it. */
  const double until = floor(year) == year ? year + 0.999 : year;
  /* Long texts list libraries after the framework. */
  char head[SLIP_NAME_BYTES];
  (void)snprintf(head, sizeof head, "%.*s", SLIP_NAME_BYTES / 2, framework);
  const bool readable = slip_name_canonical(head, text);
  for (size_t i = 0; readable && i < sizeof strangers / sizeof *strangers; i++)
    slip_name_drop(text, strangers[i]);
  const size_t count = readable && text[0] ? slip_catalog_count(catalog, SLIP_KIND_STACK) : 0;
  for (size_t i = 0; i < count; i++) {
    const slip_entry *entry = slip_catalog_entry(catalog, SLIP_KIND_STACK, i);
    const slip_stack *stack = (const slip_stack *)(const void *)entry;
    const char *at = !stack->is_prior && fits(stack, chip, head, train, experts) ? named_at(stack, text) : NULL;
    if (at && (!best || at < best_at || (at == best_at && is_better(stack, best, until)))) {
      best = stack;
      best_at = at;
    }
  }
  return best ? best : prior_of(catalog, chip, train);
}
