/* The serving plan: its text form and the rules of legality. */
#include <slipstick/serve.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"
#include "serve/serve_internal.h"

slip_serve_plan slip_serve_plan_default(void) {
  return (slip_serve_plan){.tp = 1, .pp = 1, .dp = 1, .ep = 1};
}

enum { MAX_DEGREE = 1 << 24 };

static const struct plan_key {
  const char *name;
  size_t offset;
  int64_t low; /* also the default */
} keys[] = {
    {"tp", offsetof(slip_serve_plan, tp), 1},       {"pp", offsetof(slip_serve_plan, pp), 1},
    {"dp", offsetof(slip_serve_plan, dp), 1},       {"ep", offsetof(slip_serve_plan, ep), 1},
    {"batch", offsetof(slip_serve_plan, batch), 0}, {"chunk", offsetof(slip_serve_plan, chunk), 0},
    {"poll", offsetof(slip_serve_plan, poll), 0},
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
                        "is no key of a serving plan; the keys are tp pp dp ep batch chunk poll disaggregate");
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

/* ---- legality ---- */

#define LL(x) ((long long)(x))

static slip_status check_experts(const slip_model *model, const slip_serve_plan *p, slip_error *err) {
  const slip_ffn *moe = NULL;
  for (int i = 0; i < model->n_kinds; i++)
    if (model->kinds[i].ffn.kind == SLIP_FFN_MOE)
      moe = &model->kinds[i].ffn;
  if (!moe) {
    if (p->ep > 1 || p->dp > 1)
      return slip_fail(
          err, SLIP_INFEASIBLE,
          "ep=%lld and dp=%lld need a mixture-of-experts model (a dense one is replicated as further instances)",
          LL(p->ep), LL(p->dp));
    return SLIP_OK;
  }
  int64_t block = p->tp * p->dp;
  if (block % p->ep != 0)
    return slip_fail(err, SLIP_INFEASIBLE, "ep=%lld must divide tp x dp = %lld", LL(p->ep), LL(block));
  int64_t etp = block / p->ep;
  if (moe->expert_width % etp != 0)
    return slip_fail(err, SLIP_INFEASIBLE,
                     "experts would be cut in tp x dp / ep = %lld, which does not divide their width %lld", LL(etp),
                     LL(moe->expert_width));
  if (p->ep > 2 * moe->experts)
    return slip_fail(err, SLIP_INFEASIBLE, "ep=%lld is more than twice the %lld experts", LL(p->ep),
                     LL(moe->experts));
  return SLIP_OK;
}

slip_status slip_serve_check(const slip_serve *serve, const slip_serve_plan *p, slip_error *err) {
  const slip_model *model = serve->job.model;
  if (p->tp < 1 || p->pp < 1 || p->dp < 1 || p->ep < 1 || p->batch < 0 || p->chunk < 0 || p->poll < 0)
    return slip_fail(err, SLIP_INFEASIBLE,
                     "tp, pp, dp and ep must be at least 1, batch, chunk and poll at least 0");
  int64_t ranks_per_chip = (int64_t)serve->job.system->chip->ranks;
  int64_t ranks = p->tp * p->pp * p->dp;
  if (ranks % ranks_per_chip != 0)
    return slip_fail(err, SLIP_INFEASIBLE, "tp x pp x dp = %lld ranks is not a whole number of chips of %lld ranks",
                     LL(ranks), LL(ranks_per_chip));
  if (serve->job.chips > 0 && ranks / ranks_per_chip > serve->job.chips)
    return slip_fail(err, SLIP_INFEASIBLE,
                     "an instance of tp x pp x dp = %lld ranks needs %lld chips; the fleet has %lld", LL(ranks),
                     LL(ranks / ranks_per_chip), LL(serve->job.chips));
  if (p->pp > model->layers)
    return slip_fail(err, SLIP_INFEASIBLE, "pp=%lld exceeds the %lld layers of %s", LL(p->pp), LL(model->layers),
                     model->entry.name);
  for (int i = 0; i < model->n_kinds; i++) {
    const slip_attention *a = &model->kinds[i].attention;
    int64_t heads = a->kind == SLIP_ATTENTION_LINEAR ? a->linear_value_heads
                    : a->kind == SLIP_ATTENTION_SSM  ? a->ssm_heads
                                                     : a->heads;
    if (a->kind != SLIP_ATTENTION_NONE && heads % p->tp != 0)
      return slip_fail(err, SLIP_INFEASIBLE, "tp=%lld does not divide the %lld attention heads of %s", LL(p->tp),
                       LL(heads), model->entry.name);
    if (model->kinds[i].ffn.kind == SLIP_FFN_DENSE && model->kinds[i].ffn.width % p->tp != 0)
      return slip_fail(err, SLIP_INFEASIBLE, "tp=%lld does not divide the FFN width %lld", LL(p->tp),
                       LL(model->kinds[i].ffn.width));
  }
  return check_experts(model, p, err);
}
