/* The serving plan and its text form. What makes a plan legal is in legality.c. */
#include <slipstick/serve.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"

slip_serve_plan slip_serve_plan_default(void) {
  return (slip_serve_plan){.tp = 1, .pp = 1, .dp = 1, .ep = 1};
}

enum { MAX_DEGREE = 1 << 24 };

static const struct plan_key {
  const char *name;
  size_t offset;
  int64_t low; /* also the default */
} keys[] = {
    {"tp", offsetof(slip_serve_plan, tp), 1},
    {"pp", offsetof(slip_serve_plan, pp), 1},
    {"dp", offsetof(slip_serve_plan, dp), 1},
    {"ep", offsetof(slip_serve_plan, ep), 1},
    {"batch", offsetof(slip_serve_plan, batch), 0},
    {"chunk", offsetof(slip_serve_plan, chunk), 0},
    {"instances", offsetof(slip_serve_plan, instances), 0},
    {"poll", offsetof(slip_serve_plan, poll), 0},
    {"wait", offsetof(slip_serve_plan, wait), 0},
    {"frontends", offsetof(slip_serve_plan, frontends), 0},
};
enum { KEYS = sizeof keys / sizeof *keys };

static int64_t *plan_field(slip_serve_plan *plan, size_t offset) {
  return (int64_t *)(void *)((char *)plan + offset);
}

static slip_status set_key(slip_serve_plan *plan, const slip_item *item, unsigned *seen, slip_error *err) {
  int index = -1;
  for (int i = 0; i < KEYS; i++)
    if (strcmp(item->key, keys[i].name) == 0)
      index = i;
  if (strcmp(item->key, "disaggregate") == 0)
    index = KEYS;
  if (index < 0)
    return slip_fail_at(err, SLIP_BAD_INPUT, "plan", 0, 0, item->key,
                        "is no key of a serving plan; the keys are tp pp dp ep batch chunk poll wait frontends "
                        "instances disaggregate");
  if (*seen & (1u << index))
    return slip_fail_at(err, SLIP_BAD_INPUT, "plan", 0, 0, item->key, "is given twice; keep one");
  *seen |= 1u << index;
  if (index == KEYS) {
    plan->disaggregated = strcmp(item->value, "yes") == 0;
    if (!plan->disaggregated && strcmp(item->value, "no") != 0)
      return slip_fail_at(err, SLIP_BAD_INPUT, "plan", 0, 0, item->key, "'%s' is not yes or no", item->value);
    return SLIP_OK;
  }
  int64_t number;
  if (!slip_parse_int(item->value, &number) || number < keys[index].low || number > MAX_DEGREE)
    return slip_fail_at(err, SLIP_BAD_INPUT, "plan", 0, 0, item->key, "'%s' is not a whole number from %d to %d",
                        item->value, (int)keys[index].low, (int)MAX_DEGREE);
  *plan_field(plan, keys[index].offset) = number;
  return SLIP_OK;
}

slip_status slip_serve_plan_parse(const char *text, slip_serve_plan *out, slip_error *err) {
  slip_serve_plan plan = slip_serve_plan_default();
  unsigned seen = 0;
  slip_item_reader reader = {.text = text};
  slip_item item;
  slip_status status;
  while ((status = slip_next_item(&reader, "plan", &item, err)) == SLIP_OK && item.key[0]) {
    status = set_key(&plan, &item, &seen, err);
    if (status != SLIP_OK)
      return status;
  }
  if (status == SLIP_OK)
    *out = plan;
  return status;
}

int slip_serve_plan_format(const slip_serve_plan *plan, char *out, int size) {
  slip_serve_plan copy = *plan;
  int length = 0;
  for (int i = 0; i < KEYS; i++) {
    int64_t value = *plan_field(&copy, keys[i].offset);
    if (value != keys[i].low || strcmp(keys[i].name, "tp") == 0)
      slip_append(out, size, &length, "%s%s=%lld", length ? "," : "", keys[i].name, (long long)value);
  }
  if (plan->disaggregated)
    slip_append(out, size, &length, ",disaggregate=yes");
  return length;
}
