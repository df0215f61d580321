/* The rules that a legal serving plan keeps: one table, from which come the check of a plan and `--why-not`. */
#include <stdarg.h>

#include "base/fail.h"
#include "base/note.h"
#include "serve/serve_internal.h"

#define LL(x) ((long long)(x))

static const slip_ffn *experts_of(const slip_serve *serve) {
  const slip_model *model = serve->job.model;
  const slip_ffn *moe = NULL;
  for (int i = 0; i < model->n_kinds; i++)
    if (model->kinds[i].ffn.kind == SLIP_FFN_MOE)
      moe = &model->kinds[i].ffn;
  return moe;
}

static bool degrees(const slip_serve *serve, const slip_serve_plan *p, const slip_note *n) {
  (void)serve;
  if (p->tp < 1 || p->pp < 1 || p->dp < 1 || p->ep < 1 || p->batch < 0 || p->chunk < 0 || p->poll < 0 ||
      p->wait < 0 || p->instances < 0 || p->frontends < 0)
    return slip_broken(
        n, "tp, pp, dp and ep must be at least 1, batch, chunk, poll, wait, frontends and instances at least 0");
  return true;
}

static bool whole_chips(const slip_serve *serve, const slip_serve_plan *p, const slip_note *n) {
  int64_t per_chip = (int64_t)serve->job.system->chip->ranks, ranks = p->tp * p->pp * p->dp;
  if (ranks % per_chip != 0)
    return slip_broken(n, "tp x pp x dp = %lld ranks is not a whole number of chips of %lld ranks", LL(ranks),
                       LL(per_chip));
  return true;
}

static bool in_the_fleet(const slip_serve *serve, const slip_serve_plan *p, const slip_note *n) {
  int64_t per_chip = (int64_t)serve->job.system->chip->ranks, ranks = p->tp * p->pp * p->dp;
  if (serve->job.chips > 0 && ranks / per_chip > serve->job.chips)
    return slip_broken(n, "an instance of tp x pp x dp = %lld ranks needs %lld chips; the fleet has %lld",
                       LL(ranks), LL(ranks / per_chip), LL(serve->job.chips));
  return true;
}

static bool stages(const slip_serve *serve, const slip_serve_plan *p, const slip_note *n) {
  if (p->pp > serve->job.model->layers)
    return slip_broken(n, "pp=%lld exceeds the %lld layers of %s", LL(p->pp), LL(serve->job.model->layers),
                       serve->job.model->entry.name);
  return true;
}

static bool heads(const slip_serve *serve, const slip_serve_plan *p, const slip_note *n) {
  const slip_model *model = serve->job.model;
  for (int i = 0; i < model->n_kinds; i++) {
    const slip_attention *a = &model->kinds[i].attention;
    int64_t count = a->kind == SLIP_ATTENTION_LINEAR ? a->linear_value_heads
                    : a->kind == SLIP_ATTENTION_SSM  ? a->ssm_heads
                                                     : a->heads;
    if (a->kind != SLIP_ATTENTION_NONE && count % p->tp != 0)
      return slip_broken(n, "tp=%lld does not divide the %lld attention heads of %s", LL(p->tp), LL(count),
                         model->entry.name);
  }
  return true;
}

static bool ffn_width(const slip_serve *serve, const slip_serve_plan *p, const slip_note *n) {
  const slip_model *model = serve->job.model;
  for (int i = 0; i < model->n_kinds; i++)
    if (model->kinds[i].ffn.kind == SLIP_FFN_DENSE && model->kinds[i].ffn.width % p->tp != 0)
      return slip_broken(n, "tp=%lld does not divide the FFN width %lld", LL(p->tp), LL(model->kinds[i].ffn.width));
  return true;
}

static bool no_experts(const slip_serve *serve, const slip_serve_plan *p, const slip_note *n) {
  if (!experts_of(serve) && (p->ep > 1 || p->dp > 1))
    return slip_broken(
        n, "ep=%lld and dp=%lld need a mixture-of-experts model (a dense one is replicated as further instances)",
        LL(p->ep), LL(p->dp));
  return true;
}

static bool expert_block(const slip_serve *serve, const slip_serve_plan *p, const slip_note *n) {
  if (experts_of(serve) && p->tp * p->dp % p->ep != 0)
    return slip_broken(n, "ep=%lld must divide tp x dp = %lld", LL(p->ep), LL(p->tp * p->dp));
  return true;
}

static bool expert_width(const slip_serve *serve, const slip_serve_plan *p, const slip_note *n) {
  const slip_ffn *moe = experts_of(serve);
  int64_t cut = p->tp * p->dp / p->ep;
  if (moe && cut > 0 && moe->expert_width % cut != 0)
    return slip_broken(n, "experts would be cut in tp x dp / ep = %lld, which does not divide their width %lld",
                       LL(cut), LL(moe->expert_width));
  return true;
}

static bool expert_copies(const slip_serve *serve, const slip_serve_plan *p, const slip_note *n) {
  const slip_ffn *moe = experts_of(serve);
  if (moe && p->ep > 2 * moe->experts)
    return slip_broken(n, "ep=%lld is more than twice the %lld experts", LL(p->ep), LL(moe->experts));
  return true;
}

static const struct rule {
  const char *name;
  bool (*kept)(const slip_serve *serve, const slip_serve_plan *plan, const slip_note *n);
  bool decides; /* broken, the rules after it mean nothing */
  const char *reason;
} rules[] = {
    {"degrees", degrees, true, "every degree counts ranks, layers or sequences"},
    {"whole chips", whole_chips, false, "an instance does not share a package"},
    {"fleet", in_the_fleet, false, "an instance runs within the fleet"},
    {"stages", stages, false, "a stage holds at least one layer"},
    {"heads", heads, false, "attention is cut by whole heads"},
    {"FFN width", ffn_width, false, "the FFN's inner width is cut evenly"},
    {"no experts", no_experts, false,
     "replicas of attention inside an instance share experts; without them they are instances"},
    {"expert block", expert_block, false,
     "experts are spread over the ranks of attention (wide expert parallelism)"},
    {"expert width", expert_width, false, "what ep leaves of the ranks cuts each expert evenly"},
    {"expert copies", expert_copies, false, "no more than two copies of an expert are held"},
};
enum { RULES = sizeof rules / sizeof *rules };
_Static_assert(sizeof rules / sizeof *rules <= (size_t)SLIP_MAX_RULES, "slip_plan_verdict arrays are too small");

slip_status slip_serve_check(const slip_serve *serve, const slip_serve_plan *plan, slip_error *err) {
  char text[sizeof((slip_plan_verdict *)0)->numbers];
  const slip_note numbers = {err ? text : NULL, (int)sizeof text};
  for (int i = 0; i < RULES; i++)
    if (!rules[i].kept(serve, plan, &numbers))
      return err ? slip_fail(err, SLIP_INFEASIBLE, "%s", text) : SLIP_INFEASIBLE;
  return SLIP_OK;
}

int slip_serve_verdicts(const slip_serve *serve, const slip_serve_plan *plan,
                        slip_plan_verdict out[SLIP_MAX_RULES]) {
  for (int i = 0; i < RULES; i++) {
    slip_plan_verdict *v = &out[i];
    *v = (slip_plan_verdict){.rule = rules[i].name, .reason = rules[i].reason};
    const slip_note numbers = {v->numbers, (int)sizeof v->numbers};
    v->kept = rules[i].kept(serve, plan, &numbers);
    if (!v->kept && rules[i].decides)
      return i + 1;
  }
  return RULES;
}
