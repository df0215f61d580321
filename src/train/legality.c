/* The rules that a legal plan keeps: one table, from which come the check of a plan, `--why-not`, and what the search cuts off
 * before it has a whole plan. */
#include <stdarg.h>
#include <string.h>

#include "base/fail.h"
#include "base/note.h"
#include "train/train_internal.h"

#define LL(x) ((long long)(x))

static bool divides(int64_t a, int64_t b) {
  return b % a == 0;
}

static const char *model_name(const slip_train *train) {
  return train->job.model->entry.name;
}

static bool has_experts(const slip_train *train) {
  for (int i = 0; i < train->job.model->n_kinds; i++)
    if (train->job.model->kinds[i].ffn.kind == SLIP_FFN_MOE)
      return true;
  return false;
}

/* ---- ranks and batch ---- */

static bool degrees(const slip_train *train, const slip_plan *p, const slip_note *n) {
  (void)train;
  if (p->tp < 1 || p->pp < 1 || p->vpp < 1 || p->dp < 0 || p->cp < 1 || p->ep < 1 || p->etp < 1 ||
      p->micro_batch < 1 || p->recompute_layers < 0)
    return slip_broken(n,
                       "tp, pp, vpp, cp, ep, etp and mbs must be at least 1, dp and recompute_layers at least 0");
  return true;
}

static bool enough_ranks(const slip_train *train, const slip_plan *p, const slip_note *n) {
  if (p->tp > train->ranks || p->cp > train->ranks || p->pp > train->ranks || p->tp * p->cp > train->ranks ||
      p->tp * p->cp * p->pp > train->ranks)
    return slip_broken(n, "tp x cp x pp = %lld x %lld x %lld needs more than the %lld ranks of %lld chips",
                       LL(p->tp), LL(p->cp), LL(p->pp), LL(train->ranks), LL(train->job.chips));
  return true;
}

static bool whole_cluster(const slip_train *train, const slip_plan *p, const slip_note *n) {
  if (p->dp == 0 || p->dp > train->ranks || p->tp * p->cp * p->pp * p->dp != train->ranks)
    return slip_broken(n, "tp x cp x pp x dp = %lld x %lld x %lld x %lld is not the %lld ranks of %lld chips",
                       LL(p->tp), LL(p->cp), LL(p->pp), LL(p->dp), LL(train->ranks), LL(train->job.chips));
  return true;
}

static bool batch(const slip_train *train, const slip_plan *p, const slip_note *n) {
  if (p->dp == 0)
    return true; /* the rule before is broken */
  if (p->micro_batch > train->job.batch || !divides(p->dp * p->micro_batch, train->job.batch))
    return slip_broken(n, "dp x mbs = %lld x %lld does not divide the batch of %lld sequences", LL(p->dp),
                       LL(p->micro_batch), LL(train->job.batch));
  return true;
}

/* ---- a layer's cut ---- */

static bool sequence_blocks(const slip_train *train, const slip_plan *p, const slip_note *n) {
  if (p->cp > 1 && !divides(2 * p->cp, train->job.seq))
    return slip_broken(n,
                       "2 x cp = %lld does not divide the sequence of %lld tokens (each rank takes two blocks, for "
                       "causal balance)",
                       LL(2 * p->cp), LL(train->job.seq));
  return true;
}

static bool sequence_parallel(const slip_train *train, const slip_plan *p, const slip_note *n) {
  if (!p->no_sequence_parallel && !divides(p->tp, train->job.seq / p->cp))
    return slip_broken(n, "tp=%lld does not divide the %lld tokens of a rank (sequence parallelism)", LL(p->tp),
                       LL(train->job.seq / p->cp));
  return true;
}

static bool heads(const slip_train *train, const slip_plan *p, const slip_note *n) {
  for (int i = 0; i < train->job.model->n_kinds; i++) {
    const slip_attention *a = &train->job.model->kinds[i].attention;
    if (a->kind != SLIP_ATTENTION_NONE && a->heads > 0 && !divides(p->tp, a->heads))
      return slip_broken(n, "tp=%lld does not divide the %lld attention heads of %s", LL(p->tp), LL(a->heads),
                         model_name(train));
    if (a->kind == SLIP_ATTENTION_LINEAR && !divides(p->tp, a->linear_value_heads))
      return slip_broken(n, "tp=%lld does not divide the %lld linear-attention heads", LL(p->tp),
                         LL(a->linear_value_heads));
    if (a->kind == SLIP_ATTENTION_SSM && !divides(p->tp, a->ssm_heads))
      return slip_broken(n, "tp=%lld does not divide the %lld state-space heads", LL(p->tp), LL(a->ssm_heads));
  }
  return true;
}

static bool ffn_width(const slip_train *train, const slip_plan *p, const slip_note *n) {
  for (int i = 0; i < train->job.model->n_kinds; i++) {
    const slip_ffn *f = &train->job.model->kinds[i].ffn;
    if (f->kind == SLIP_FFN_DENSE && !divides(p->tp, f->width))
      return slip_broken(n, "tp=%lld does not divide the FFN width %lld", LL(p->tp), LL(f->width));
  }
  return true;
}

static bool experts(const slip_train *train, const slip_plan *p, const slip_note *n) {
  for (int i = 0; i < train->job.model->n_kinds; i++) {
    const slip_ffn *f = &train->job.model->kinds[i].ffn;
    if (f->kind == SLIP_FFN_MOE && !divides(p->ep, f->experts))
      return slip_broken(n, "ep=%lld does not divide the %lld experts", LL(p->ep), LL(f->experts));
    if (f->kind == SLIP_FFN_MOE && !divides(p->etp, f->expert_width))
      return slip_broken(n, "etp=%lld does not divide the expert width %lld", LL(p->etp), LL(f->expert_width));
  }
  return true;
}

static bool no_experts(const slip_train *train, const slip_plan *p, const slip_note *n) {
  if ((p->ep > 1 || p->etp > 1) && !has_experts(train))
    return slip_broken(n, "ep=%lld and etp=%lld need a mixture-of-experts model; %s has no experts", LL(p->ep),
                       LL(p->etp), model_name(train));
  return true;
}

static bool expert_tensor(const slip_train *train, const slip_plan *p, const slip_note *n) {
  (void)train;
  if (p->etp > p->tp || !divides(p->etp, p->tp))
    return slip_broken(n, "etp=%lld must divide tp=%lld", LL(p->etp), LL(p->tp));
  return true;
}

static bool expert_sequence(const slip_train *train, const slip_plan *p, const slip_note *n) {
  if (p->no_sequence_parallel && p->tp > 1 && has_experts(train))
    return slip_broken(n, "experts beside tp=%lld need sequence parallelism (sp=yes)", LL(p->tp));
  return true;
}

static bool expert_block(const slip_train *train, const slip_plan *p, const slip_note *n) {
  (void)train;
  if (!divides(p->ep * p->etp, p->tp * p->cp * p->dp))
    return slip_broken(n, "ep x etp = %lld must divide tp x cp x dp = %lld", LL(p->ep * p->etp),
                       LL(p->tp * p->cp * p->dp));
  return true;
}

/* ---- the pipeline ---- */

/* 0 where dp could not be had: another rule is broken then. */
static int64_t per_pipeline(const slip_train *train, const slip_plan *p) {
  return p->dp > 0 ? train->job.batch / (p->dp * p->micro_batch) : 0;
}

static bool chunks(const slip_train *train, const slip_plan *p, const slip_note *n) {
  if (p->vpp > train->job.model->layers || p->pp * p->vpp > train->job.model->layers)
    return slip_broken(n, "pp x vpp = %lld chunks, but %s has %lld layers", LL(p->pp * p->vpp), model_name(train),
                       LL(train->job.model->layers));
  return true;
}

static bool interleaving(const slip_train *train, const slip_plan *p, const slip_note *n) {
  if (p->vpp > 1 && p->pp == 1)
    return slip_broken(n, "vpp=%lld needs a pipeline (pp > 1)", LL(p->vpp));
  if (p->vpp > 1 && !divides(p->pp, per_pipeline(train, p)))
    return slip_broken(n, "interleaving needs micro-batches per pipeline (%lld) to be a multiple of pp=%lld",
                       LL(per_pipeline(train, p)), LL(p->pp));
  return true;
}

static bool split_backward(const slip_train *train, const slip_plan *p, const slip_note *n) {
  (void)train;
  if (p->schedule != SLIP_1F1B && (p->pp == 1 || p->vpp > 1))
    return slip_broken(n, "schedule=%s needs pp > 1 and vpp = 1", slip_schedule_name(p->schedule));
  return true;
}

static bool both_ways(const slip_train *train, const slip_plan *p, const slip_note *n) {
  int64_t micro_batches = per_pipeline(train, p);
  if (p->dp > 0 && p->schedule == SLIP_DUALPIPE &&
      (!divides(2, p->pp) || micro_batches < 2 * p->pp || !divides(2, micro_batches)))
    return slip_broken(
        n, "dualpipe needs an even pp and an even number of at least 2 x pp = %lld micro-batches; there are %lld",
        LL(2 * p->pp), LL(micro_batches));
  return true;
}

static bool sharding(const slip_train *train, const slip_plan *p, const slip_note *n) {
  (void)train;
  if (p->sharding >= SLIP_SHARD_GRADIENTS && p->pp > 1)
    return slip_broken(
        n,
        "sharding=%s with a pipeline would gather at every micro-batch of every stage; use sharding=optimizer with "
        "pp > 1",
        slip_sharding_name(p->sharding));
  return true;
}

static bool recompute_block(const slip_train *train, const slip_plan *p, const slip_note *n) {
  (void)train;
  if (p->recompute_layers > 0 && p->recompute == SLIP_RECOMPUTE_NONE)
    return slip_broken(n, "recompute_layers=%lld needs recompute=selective or full", LL(p->recompute_layers));
  return true;
}

/* ---- the table ---- */

static const struct rule {
  const char *name;
  bool (*kept)(const slip_train *train, const slip_plan *plan, const slip_note *n);
  slip_rule_level level;
  bool decides; /* broken, the rules after it mean nothing */
  const char *reason;
} rules[] = {
    {"degrees", degrees, SLIP_RULE_CUT, true, "every degree counts ranks, layers or sequences"},
    {"ranks", enough_ranks, SLIP_RULE_PIPELINE, true, "every rank holds one place of the tp x cp x pp grid"},
    {"whole cluster", whole_cluster, SLIP_RULE_PIPELINE, false,
     "replicas are alike, so dp of them fill the cluster; no rank idles"},
    {"batch", batch, SLIP_RULE_PIPELINE, false, "every replica takes the same whole number of micro-batches"},
    {"context blocks", sequence_blocks, SLIP_RULE_CUT, false,
     "causal attention is balanced by giving each rank an early and a late block of the sequence (ring attention's "
     "zigzag)"},
    {"sequence parallelism", sequence_parallel, SLIP_RULE_CUT, false,
     "activations between blocks are cut over tp along the sequence (arXiv 2205.05198, section 4.2.2)"},
    {"heads", heads, SLIP_RULE_CUT, false, "attention is cut by whole heads"},
    {"FFN width", ffn_width, SLIP_RULE_CUT, false, "the FFN's inner width is cut evenly"},
    {"experts", experts, SLIP_RULE_CUT, false,
     "every rank holds as many whole experts, or as even slices of them, as every other"},
    {"no experts", no_experts, SLIP_RULE_CUT, false, "expert parallelism is of experts"},
    {"expert tensor", expert_tensor, SLIP_RULE_CUT, false,
     "experts are cut by ranks of one tensor-parallel group (arXiv 2504.14960)"},
    {"expert sequence", expert_sequence, SLIP_RULE_CUT, false,
     "without it every rank of a tensor-parallel group would route the same tokens (Megatron-LM refuses it)"},
    {"expert block", expert_block, SLIP_RULE_PIPELINE, false,
     "experts fold into the ranks of one pipeline stage (arXiv 2504.14960)"},
    {"chunks", chunks, SLIP_RULE_PLAN, false, "a stage's chunk holds at least one layer"},
    {"interleaving", interleaving, SLIP_RULE_PLAN, false,
     "chunks take turns in rounds of pp micro-batches (arXiv 2104.04473)"},
    {"split backward", split_backward, SLIP_RULE_PLAN, false,
     "weight gradients fill the bubbles of a plain pipeline (arXiv 2401.10241; arXiv 2412.19437, section 3.2.1)"},
    {"both directions", both_ways, SLIP_RULE_PLAN, false,
     "half of the micro-batches enter at either end (arXiv 2412.19437, table 2)"},
    {"sharding", sharding, SLIP_RULE_PLAN, false,
     "gradients and weights are sharded only where one stage holds the model (arXiv 1910.02054)"},
    {"recompute block", recompute_block, SLIP_RULE_PLAN, false, "the block says which layers the recompute is of"},
};
enum { RULES = sizeof rules / sizeof *rules };
_Static_assert(sizeof rules / sizeof *rules <= (size_t)SLIP_MAX_RULES, "slip_plan_verdict arrays are too small");

static void fill_dp(const slip_train *train, slip_plan *p) {
  const slip_note nobody = {NULL, 0};
  if (p->dp == 0 && degrees(train, p, &nobody) && enough_ranks(train, p, &nobody) &&
      divides(p->tp * p->cp * p->pp, train->ranks))
    p->dp = train->ranks / (p->tp * p->cp * p->pp);
}

bool slip_train_keeps(const slip_train *train, const slip_plan *plan, slip_rule_level level) {
  const slip_note nobody = {NULL, 0};
  for (int i = 0; i < RULES; i++)
    if (rules[i].level == level && !rules[i].kept(train, plan, &nobody))
      return false;
  return true;
}

slip_status slip_train_check(const slip_train *train, slip_plan *plan, slip_error *err) {
  char text[sizeof((slip_plan_verdict *)0)->numbers];
  const slip_note numbers = {err ? text : NULL, (int)sizeof text};
  fill_dp(train, plan);
  for (int i = 0; i < RULES; i++)
    if (!rules[i].kept(train, plan, &numbers))
      return err ? slip_fail(err, SLIP_INFEASIBLE, "%s", text) : SLIP_INFEASIBLE;
  return SLIP_OK;
}

int slip_train_verdicts(const slip_train *train, slip_plan *plan, slip_plan_verdict out[SLIP_MAX_RULES]) {
  fill_dp(train, plan);
  for (int i = 0; i < RULES; i++) {
    slip_plan_verdict *v = &out[i];
    *v = (slip_plan_verdict){.rule = rules[i].name, .reason = rules[i].reason};
    const slip_note numbers = {v->numbers, (int)sizeof v->numbers};
    v->kept = rules[i].kept(train, plan, &numbers);
    if (!v->kept && rules[i].decides)
      return i + 1;
  }
  return RULES;
}
