/* The parallel plan and its text form. What makes a plan legal is in legality.c. */
#include <slipstick/train.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"

static const char *const schedule_names[] = {"1f1b", "zero-bubble", "dualpipe"};
static const char *const sharding_names[] = {"none", "optimizer", "gradients", "weights"};
static const char *const recompute_names[] = {"none", "selective", "full"};

const char *slip_schedule_name(slip_schedule s) {
  return (unsigned)s < SLIP_SCHEDULES ? schedule_names[s] : "unknown";
}
const char *slip_sharding_name(slip_sharding s) {
  return (unsigned)s < SLIP_SHARDINGS ? sharding_names[s] : "unknown";
}
const char *slip_recompute_name(slip_recompute r) {
  return (unsigned)r < SLIP_RECOMPUTES ? recompute_names[r] : "unknown";
}

slip_plan slip_plan_default(void) {
  return (slip_plan){.tp = 1,
                     .pp = 1,
                     .vpp = 1,
                     .dp = 0,
                     .cp = 1,
                     .ep = 1,
                     .etp = 1,
                     .micro_batch = 1,
                     .schedule = SLIP_1F1B,
                     .sharding = SLIP_SHARD_OPTIMIZER,
                     .recompute = SLIP_RECOMPUTE_NONE};
}

/* ---- text ---- */

enum { MAX_DEGREE = 1 << 24 };

/* The numeric keys, in the order in which they are written; `always` are written even at their default. */
static const struct plan_key {
  const char *name;
  size_t offset;
  int64_t low;
  bool always;
} keys[] = {
    {"tp", offsetof(slip_plan, tp), 1, true},
    {"pp", offsetof(slip_plan, pp), 1, true},
    {"vpp", offsetof(slip_plan, vpp), 1, false},
    {"dp", offsetof(slip_plan, dp), 0, true},
    {"cp", offsetof(slip_plan, cp), 1, false},
    {"ep", offsetof(slip_plan, ep), 1, false},
    {"etp", offsetof(slip_plan, etp), 1, false},
    {"mbs", offsetof(slip_plan, micro_batch), 1, true},
    {"recompute_layers", offsetof(slip_plan, recompute_layers), 0, false},
};
enum { KEYS = sizeof keys / sizeof *keys };

static int64_t *plan_field(slip_plan *plan, size_t offset) {
  return (int64_t *)(void *)((char *)plan + offset);
}

/* Looks a name up among choices, or takes its index ("sharding=1"). -1: neither. */
static int choice(const char *value, const char *const *names, int count) {
  for (int i = 0; i < count; i++)
    if (strcmp(value, names[i]) == 0)
      return i;
  if (value[0] >= '0' && value[0] < '0' + count && value[1] == '\0')
    return value[0] - '0';
  return -1;
}

/* "dp+pp": what is hidden; SLIP_OVERLAPS + 1 when a name is unknown. Gives the kinds that are exposed. */
static const struct {
  const char *name;
  unsigned bit;
} overlaps[] = {{"tp", SLIP_OVERLAP_TP},
                {"cp", SLIP_OVERLAP_CP},
                {"ep", SLIP_OVERLAP_EP},
                {"pp", SLIP_OVERLAP_PP},
                {"dp", SLIP_OVERLAP_DP}};
enum { OVERLAPS = sizeof overlaps / sizeof *overlaps };

static unsigned read_overlap(const char *value) {
  unsigned hidden = 0;
  if (strcmp(value, "all") == 0)
    return 0;
  if (strcmp(value, "none") == 0)
    return SLIP_OVERLAPS;
  for (const char *at = value;;) {
    size_t length = strcspn(at, "+");
    unsigned bit = 0;
    for (int i = 0; i < OVERLAPS; i++)
      if (strlen(overlaps[i].name) == length && strncmp(at, overlaps[i].name, length) == 0)
        bit = overlaps[i].bit;
    if (bit == 0 || (hidden & bit))
      return SLIP_OVERLAPS + 1;
    hidden |= bit;
    if (at[length] == '\0')
      return SLIP_OVERLAPS & ~hidden;
    at += length + 1;
  }
}

static void write_overlap(unsigned exposed, char *out, int size, int *length) {
  const char *joint = "";
  slip_append(out, size, length, ",overlap=%s", (exposed & SLIP_OVERLAPS) == SLIP_OVERLAPS ? "none" : "");
  for (int i = 0; i < OVERLAPS; i++)
    if (!(exposed & overlaps[i].bit)) {
      slip_append(out, size, length, "%s%s", joint, overlaps[i].name);
      joint = "+";
    }
}

/* The keys that are not whole numbers. */
static const struct {
  const char *name, *legal;
} choice_keys[] = {
    {"schedule", "1f1b, zero-bubble, dualpipe"},
    {"sharding", "none, optimizer, gradients, weights (or 0, 1, 2, 3 as in ZeRO)"},
    {"recompute", "none, selective, full"},
    {"sp", "yes, no"},
    {"overlap", "all, none, or the kinds of traffic that are hidden, of tp cp ep pp dp, as in dp+pp"}};
enum { CHOICES = sizeof choice_keys / sizeof *choice_keys };

static bool take_choice(slip_plan *plan, int key, const char *value) {
  static const char *const no_yes[] = {"no", "yes"};
  int found;
  switch (key) {
  case 0:
    if ((found = choice(value, schedule_names, SLIP_SCHEDULES)) >= 0)
      plan->schedule = (slip_schedule)found;
    return found >= 0;
  case 1:
    if ((found = choice(value, sharding_names, SLIP_SHARDINGS)) >= 0)
      plan->sharding = (slip_sharding)found;
    return found >= 0;
  case 2:
    if ((found = choice(value, recompute_names, SLIP_RECOMPUTES)) >= 0)
      plan->recompute = (slip_recompute)found;
    return found >= 0;
  case 3:
    found = choice(value, no_yes, 2);
    plan->no_sequence_parallel = found == 0;
    return found >= 0;
  default:
    plan->exposed = read_overlap(value);
    return plan->exposed <= SLIP_OVERLAPS;
  }
}

static slip_status set_choice(slip_plan *plan, const char *key, const char *value, slip_error *err) {
  for (int i = 0; i < CHOICES; i++) {
    if (strcmp(key, choice_keys[i].name) != 0)
      continue;
    if (!take_choice(plan, i, value))
      return slip_fail_at(err, SLIP_BAD_INPUT, "plan", 0, 0, key, "'%s' is not one of %s", value,
                          choice_keys[i].legal);
    return SLIP_OK;
  }
  return slip_fail_at(err, SLIP_BAD_INPUT, "plan", 0, 0, key,
                      "is no key of a plan; the keys are tp pp vpp dp cp ep etp mbs schedule sharding recompute "
                      "recompute_layers sp overlap");
}

static slip_status set_key(slip_plan *plan, const char *key, const char *value, slip_error *err) {
  for (int i = 0; i < KEYS; i++) {
    if (strcmp(key, keys[i].name) != 0)
      continue;
    int64_t number;
    if (!slip_parse_int(value, &number) || number < keys[i].low || number > MAX_DEGREE)
      return slip_fail_at(err, SLIP_BAD_INPUT, "plan", 0, 0, key, "'%s' is not a whole number from %d to %d", value,
                          (int)keys[i].low, (int)MAX_DEGREE);
    *plan_field(plan, keys[i].offset) = number;
    return SLIP_OK;
  }
  return set_choice(plan, key, value, err);
}

/* The order of keys for the duplicate check: numeric ones, then the choices. */
static int key_index(const char *key) {
  for (int i = 0; i < KEYS; i++)
    if (strcmp(key, keys[i].name) == 0)
      return i;
  for (int i = 0; i < CHOICES; i++)
    if (strcmp(key, choice_keys[i].name) == 0)
      return KEYS + i;
  return -1;
}

slip_status slip_plan_parse(const char *text, slip_plan *out, slip_error *err) {
  slip_plan plan = slip_plan_default();
  unsigned seen = 0;
  slip_item_reader reader = {.text = text};
  slip_item item;
  slip_status status;
  while ((status = slip_next_item(&reader, "plan", &item, err)) == SLIP_OK && item.key[0]) {
    int index = key_index(item.key);
    if (index >= 0 && (seen & (1u << index)))
      return slip_fail_at(err, SLIP_BAD_INPUT, "plan", 0, 0, item.key, "is given twice; keep one");
    if (index >= 0)
      seen |= 1u << index;
    status = set_key(&plan, item.key, item.value, err);
    if (status != SLIP_OK)
      return status;
  }
  if (status == SLIP_OK)
    *out = plan;
  return status;
}

int slip_plan_format(const slip_plan *plan, char *out, int size) {
  slip_plan standard = slip_plan_default(), copy = *plan;
  int length = 0;
  for (int i = 0; i < KEYS; i++) {
    int64_t value = *plan_field(&copy, keys[i].offset);
    if (!keys[i].always && value == *plan_field(&standard, keys[i].offset))
      continue;
    slip_append(out, size, &length, "%s%s=%lld", length ? "," : "", keys[i].name, (long long)value);
  }
  if (plan->schedule != standard.schedule)
    slip_append(out, size, &length, ",schedule=%s", slip_schedule_name(plan->schedule));
  if (plan->sharding != standard.sharding)
    slip_append(out, size, &length, ",sharding=%s", slip_sharding_name(plan->sharding));
  if (plan->recompute != standard.recompute)
    slip_append(out, size, &length, ",recompute=%s", slip_recompute_name(plan->recompute));
  if (plan->no_sequence_parallel)
    slip_append(out, size, &length, ",sp=no");
  if (plan->exposed & SLIP_OVERLAPS)
    write_overlap(plan->exposed, out, size, &length);
  return length;
}
