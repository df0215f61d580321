/* The parallel plan: its text form and the rules of legality. */
#include <slipstick/train.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"
#include "train/train_internal.h"

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
    {"tp", offsetof(slip_plan, tp), 1, true},    {"pp", offsetof(slip_plan, pp), 1, true},
    {"vpp", offsetof(slip_plan, vpp), 1, false}, {"dp", offsetof(slip_plan, dp), 0, true},
    {"cp", offsetof(slip_plan, cp), 1, false},   {"ep", offsetof(slip_plan, ep), 1, false},
    {"etp", offsetof(slip_plan, etp), 1, false}, {"mbs", offsetof(slip_plan, micro_batch), 1, true},
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

static slip_status set_choice(slip_plan *plan, const char *key, const char *value, slip_error *err) {
  int found;
  if (strcmp(key, "schedule") == 0) {
    if ((found = choice(value, schedule_names, SLIP_SCHEDULES)) < 0)
      return slip_fail_at(err, SLIP_BAD_INPUT, "plan", 0, 0, key, "'%s' is not one of 1f1b, zero-bubble, dualpipe",
                          value);
    plan->schedule = (slip_schedule)found;
  } else if (strcmp(key, "sharding") == 0) {
    if ((found = choice(value, sharding_names, SLIP_SHARDINGS)) < 0)
      return slip_fail_at(err, SLIP_BAD_INPUT, "plan", 0, 0, key,
                          "'%s' is not one of none, optimizer, gradients, weights (or 0, 1, 2, 3 as in ZeRO)",
                          value);
    plan->sharding = (slip_sharding)found;
  } else if (strcmp(key, "recompute") == 0) {
    if ((found = choice(value, recompute_names, SLIP_RECOMPUTES)) < 0)
      return slip_fail_at(err, SLIP_BAD_INPUT, "plan", 0, 0, key, "'%s' is not one of none, selective, full",
                          value);
    plan->recompute = (slip_recompute)found;
  } else {
    return slip_fail_at(err, SLIP_BAD_INPUT, "plan", 0, 0, key,
                        "is no key of a plan; the keys are tp pp vpp dp cp ep etp mbs schedule sharding recompute");
  }
  return SLIP_OK;
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

/* The order of keys for the duplicate check: numeric ones, then the three choices. */
static int key_index(const char *key) {
  static const char *const rest[] = {"schedule", "sharding", "recompute"};
  for (int i = 0; i < KEYS; i++)
    if (strcmp(key, keys[i].name) == 0)
      return i;
  for (int i = 0; i < 3; i++)
    if (strcmp(key, rest[i]) == 0)
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
  return length;
}

/* ---- legality ---- */

#define LL(x) ((long long)(x))

static bool divides(int64_t a, int64_t b) {
  return b % a == 0;
}

static slip_status check_layers(const slip_train *train, const slip_plan *p, slip_error *err) {
  const slip_model *model = train->job.model;
  for (int i = 0; i < model->n_kinds; i++) {
    const slip_attention *a = &model->kinds[i].attention;
    const slip_ffn *f = &model->kinds[i].ffn;
    if (a->kind != SLIP_ATTENTION_NONE && a->heads > 0 && !divides(p->tp, a->heads))
      return slip_fail(err, SLIP_INFEASIBLE, "tp=%lld does not divide the %lld attention heads of %s", LL(p->tp),
                       LL(a->heads), model->entry.name);
    if (a->kind == SLIP_ATTENTION_LINEAR && !divides(p->tp, a->linear_value_heads))
      return slip_fail(err, SLIP_INFEASIBLE, "tp=%lld does not divide the %lld linear-attention heads", LL(p->tp),
                       LL(a->linear_value_heads));
    if (a->kind == SLIP_ATTENTION_SSM && !divides(p->tp, a->ssm_heads))
      return slip_fail(err, SLIP_INFEASIBLE, "tp=%lld does not divide the %lld state-space heads", LL(p->tp),
                       LL(a->ssm_heads));
    if (f->kind == SLIP_FFN_DENSE && !divides(p->tp, f->width))
      return slip_fail(err, SLIP_INFEASIBLE, "tp=%lld does not divide the FFN width %lld", LL(p->tp), LL(f->width));
    if (f->kind == SLIP_FFN_MOE && !divides(p->ep, f->experts))
      return slip_fail(err, SLIP_INFEASIBLE, "ep=%lld does not divide the %lld experts", LL(p->ep), LL(f->experts));
    if (f->kind == SLIP_FFN_MOE && !divides(p->etp, f->expert_width))
      return slip_fail(err, SLIP_INFEASIBLE, "etp=%lld does not divide the expert width %lld", LL(p->etp),
                       LL(f->expert_width));
  }
  return SLIP_OK;
}

static slip_status check_experts(const slip_train *train, const slip_plan *p, slip_error *err) {
  bool moe = false;
  for (int i = 0; i < train->job.model->n_kinds; i++)
    moe = moe || train->job.model->kinds[i].ffn.kind == SLIP_FFN_MOE;
  if (!moe && (p->ep > 1 || p->etp > 1))
    return slip_fail(err, SLIP_INFEASIBLE,
                     "ep=%lld and etp=%lld need a mixture-of-experts model; %s has no experts", LL(p->ep),
                     LL(p->etp), train->job.model->entry.name);
  if (p->etp > p->tp || !divides(p->etp, p->tp))
    return slip_fail(err, SLIP_INFEASIBLE, "etp=%lld must divide tp=%lld", LL(p->etp), LL(p->tp));
  if (!divides(p->ep * p->etp, p->tp * p->cp * p->dp))
    return slip_fail(err, SLIP_INFEASIBLE, "ep x etp = %lld must divide tp x cp x dp = %lld", LL(p->ep * p->etp),
                     LL(p->tp * p->cp * p->dp));
  return SLIP_OK;
}

static slip_status check_pipeline(const slip_train *train, const slip_plan *p, slip_error *err) {
  int64_t per_pipeline = train->job.batch / (p->dp * p->micro_batch);
  if (p->pp * p->vpp > train->job.model->layers)
    return slip_fail(err, SLIP_INFEASIBLE, "pp x vpp = %lld chunks, but %s has %lld layers", LL(p->pp * p->vpp),
                     train->job.model->entry.name, LL(train->job.model->layers));
  if (p->vpp > 1 && p->pp == 1)
    return slip_fail(err, SLIP_INFEASIBLE, "vpp=%lld needs a pipeline (pp > 1)", LL(p->vpp));
  if (p->vpp > 1 && !divides(p->pp, per_pipeline))
    return slip_fail(err, SLIP_INFEASIBLE,
                     "interleaving needs micro-batches per pipeline (%lld) to be a multiple of pp=%lld",
                     LL(per_pipeline), LL(p->pp));
  if (p->schedule != SLIP_1F1B && (p->pp == 1 || p->vpp > 1))
    return slip_fail(err, SLIP_INFEASIBLE, "schedule=%s needs pp > 1 and vpp = 1", slip_schedule_name(p->schedule));
  if (p->schedule == SLIP_DUALPIPE && (!divides(2, p->pp) || per_pipeline < 2 * p->pp || !divides(2, per_pipeline)))
    return slip_fail(
        err, SLIP_INFEASIBLE,
        "dualpipe needs an even pp and an even number of at least 2 x pp = %lld micro-batches; there are %lld",
        LL(2 * p->pp), LL(per_pipeline));
  if (p->sharding >= SLIP_SHARD_GRADIENTS && p->pp > 1)
    return slip_fail(err, SLIP_INFEASIBLE,
                     "sharding=%s with a pipeline would gather at every micro-batch of every stage; use "
                     "sharding=optimizer with pp > 1",
                     slip_sharding_name(p->sharding));
  return SLIP_OK;
}

slip_status slip_train_check(const slip_train *train, slip_plan *p, slip_error *err) {
  int64_t cut = p->tp * p->cp * p->pp;
  if (p->tp > train->ranks || p->cp > train->ranks || p->pp > train->ranks || cut > train->ranks)
    return slip_fail(err, SLIP_INFEASIBLE,
                     "tp x cp x pp = %lld x %lld x %lld needs more than the %lld ranks of %lld chips", LL(p->tp),
                     LL(p->cp), LL(p->pp), LL(train->ranks), LL(train->job.chips));
  if (p->dp == 0 && divides(cut, train->ranks))
    p->dp = train->ranks / cut;
  if (p->dp == 0 || p->dp > train->ranks || cut * p->dp != train->ranks)
    return slip_fail(err, SLIP_INFEASIBLE,
                     "tp x cp x pp x dp = %lld x %lld x %lld x %lld is not the %lld ranks of %lld chips", LL(p->tp),
                     LL(p->cp), LL(p->pp), LL(p->dp), LL(train->ranks), LL(train->job.chips));
  if (p->micro_batch > train->job.batch || !divides(p->dp * p->micro_batch, train->job.batch))
    return slip_fail(err, SLIP_INFEASIBLE, "dp x mbs = %lld x %lld does not divide the batch of %lld sequences",
                     LL(p->dp), LL(p->micro_batch), LL(train->job.batch));
  if (!divides(2 * p->cp, train->job.seq) && p->cp > 1)
    return slip_fail(err, SLIP_INFEASIBLE,
                     "2 x cp = %lld does not divide the sequence of %lld tokens (each rank takes two blocks, for "
                     "causal balance)",
                     LL(2 * p->cp), LL(train->job.seq));
  if (!divides(p->tp, train->job.seq / p->cp))
    return slip_fail(err, SLIP_INFEASIBLE,
                     "tp=%lld does not divide the %lld tokens of a rank (sequence parallelism)", LL(p->tp),
                     LL(train->job.seq / p->cp));
  slip_status status = check_layers(train, p, err);
  if (status == SLIP_OK)
    status = check_experts(train, p, err);
  if (status == SLIP_OK)
    status = check_pipeline(train, p, err);
  return status;
}
