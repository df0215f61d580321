/* The plan of a serving row: its columns, the rules for blanks (docs/measured.md), or the best legal layout. */
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "calibrate/serve_read.h"

/* A count column; 0 when blank. */
static int64_t count(slip_serve_reading *r, const char *column) {
  bool bad = false;
  double value = slip_row_number(r->row, column, &bad);
  if (bad || (!isnan(value) && !(value >= 1 && value <= 1e7 && value == floor(value)))) {
    slip_serve_skip(r, "%s '%s' is not a whole number of at least 1", column, slip_row_text(r->row, column));
    return 0;
  }
  return isnan(value) ? 0 : (int64_t)value;
}

typedef struct columns {
  int64_t ranks, tp, pp, dp, ep;
} columns;

static slip_serve_plan plan_of(int64_t tp, int64_t pp, int64_t dp, int64_t ep) {
  slip_serve_plan plan = slip_serve_plan_default();
  plan.tp = tp, plan.pp = pp, plan.dp = dp, plan.ep = ep;
  return plan;
}

/* Total ranks in one instance of the plan. */
static int64_t ranks_of(const slip_serve_plan *plan) {
  return plan->tp * plan->pp * plan->dp;
}

/* Instances of the row share its requests: `ranks` of the row over those of the plan, at least one. */
static void share(slip_serve_reading *r, const slip_serve_plan *plan, int64_t ranks) {
  r->out->serve.plan = *plan;
  r->out->serve.instances = fmax(1, floor((double)ranks / (double)ranks_of(plan)));
}

/* Of all tp, dp and ep that fill the row's ranks with whole instances, the layout that is fastest at the row's own load. */
static void search(slip_serve_reading *r, int64_t ranks) {
  slip_serve_case *c = &r->out->serve;
  bool mixture = slip_model_has_experts(c->job.model);
  slip_serve_case best = *c;
  double best_rate = 0;
  int64_t power = 1;
  while (power * 2 <= ranks)
    power *= 2;
  for (int64_t size = ranks; size >= 1; size = size > power ? power : size / 2)
    for (int64_t tp = 1; tp <= size; tp *= 2)
      for (int experts = 0; experts < (mixture && size > 1 ? 2 : 1); experts++) {
        if (size % tp != 0 || (!mixture && tp != size))
          continue;
        slip_serve_case tried = *c;
        tried.plan = plan_of(tp, 1, size / tp, experts ? size : 1);
        const int64_t instances = ranks / size; /* whole ones */
        tried.instances = (double)instances;
        if (tried.instances > 1 && tried.concurrency < tried.instances)
          continue;
        slip_serve_figures figures;
        if (slip_serve_figures_if_fits(&tried, &tried.job, &figures, NULL) != SLIP_OK)
          continue;
        double rate = c->phase == SLIP_PHASE_PREFILL ? figures.in_per_s_per_chip : figures.out_per_s_per_chip;
        if (rate > best_rate) {
          best_rate = rate;
          best = tried;
        }
      }
  if (!(best_rate > 0)) {
    slip_serve_skip(r, "tp: blank, and no legal layout of %lld ranks holds the model", (long long)ranks);
    return;
  }
  *c = best;
  r->out->shown.layout_known = false;
  slip_serve_infer(r, "tp=%lld dp=%lld ep=%lld by search", (long long)best.plan.tp, (long long)best.plan.dp,
                   (long long)best.plan.ep);
}

static void from_columns(slip_serve_reading *r, columns k, bool pool) {
  bool mixture = slip_model_has_experts(r->out->serve.job.model);
  int64_t pp = k.pp > 0 ? k.pp : 1, tp = k.tp, dp = mixture ? k.dp : 1, ep = k.ep;
  if (tp == 0 && ep > 0 && mixture) { /* wide expert parallelism: attention is replicated on every rank */
    tp = 1;
    dp = dp > 0 ? dp : k.ranks / pp;
    slip_serve_infer(r, "tp=1");
  } else if (tp == 0 && dp > 0 && mixture) {
    tp = k.ranks / (dp * pp);
    slip_serve_infer(r, "tp=%lld", (long long)tp);
  }
  if (tp == 0) {
    search(r, k.ranks);
    return;
  }
  if (dp == 0) {
    dp = pool && ep > tp && ep % tp == 0 ? ep / tp : 1;
    if (dp > 1)
      slip_serve_infer(r, "dp=%lld", (long long)dp);
  }
  if (!mixture)
    ep = 1;
  else if (ep == 0) { /* replicas of attention come with expert parallelism in every stack of the table */
    ep = dp > 1 ? tp * dp : 1;
    slip_serve_infer(r, "ep=%lld", (long long)ep);
  }
  slip_serve_plan plan = plan_of(tp, pp, dp, ep);
  if (ranks_of(&plan) > k.ranks) {
    slip_serve_skip(r, "tp: tp x pp x dp = %lld is more than the row's %lld ranks", (long long)ranks_of(&plan),
                    (long long)k.ranks);
    return;
  }
  share(r, &plan, k.ranks);
}

/* Both pools of a disaggregated loop, from the facts of the row. false: it does not name them. */
static bool from_pools(slip_serve_reading *r) {
  slip_pool_layout a, b;
  slip_serve_case *c = &r->out->serve;
  if (!slip_serve_layout_fact(r, "prefill", &a) || !slip_serve_layout_fact(r, "decode", &b))
    return false;
  c->plan = plan_of(a.tp, 1, a.dp, a.ep);
  c->decode_plan = plan_of(b.tp, 1, b.dp, b.ep);
  c->plan.disaggregated = c->decode_plan.disaggregated = true;
  c->prefill_instances = (double)a.instances;
  c->instances = (double)b.instances;
  return true;
}

/* Launch flags of SGLang (--tp-size with --enable-dp-attention) and TensorRT-LLM (tp_size with enable_attention_dp) count tp over all
 * ranks of an instance, attention replicas included: so do rows whose tp x dp would be more than their ranks, and SGLang's pages. */
static bool counts_replicas_in_tp(const slip_serve_reading *r, const columns *k) {
  if (k->dp <= 1 || k->tp % k->dp != 0)
    return false;
  return k->tp * k->dp * (k->pp > 0 ? k->pp : 1) > k->ranks ||
         strstr(slip_row_text(r->row, "framework"), "SGLang NPU") != NULL;
}

void slip_serve_read_plan(slip_serve_reading *r) {
  slip_serve_case *c = &r->out->serve;
  int64_t per_chip = (int64_t)r->out->chip->ranks, chips = count(r, "n_chips");
  columns k = {.tp = count(r, "tp"), .pp = count(r, "pp"), .dp = count(r, "dp"), .ep = count(r, "ep")};
  if (chips == 0) {
    int64_t ranks = k.ep > 0 ? k.ep : k.tp * (k.pp > 0 ? k.pp : 1) * (k.dp > 0 ? k.dp : 1);
    if (ranks < 1) {
      slip_serve_skip(r, "n_chips: blank, and no layout to tell it");
      return;
    }
    chips = r->per_die ? ranks : ranks / per_chip;
    slip_serve_infer(r, "n_chips=%lld", (long long)chips);
  }
  k.ranks = r->per_die ? chips : chips * per_chip;
  bool split = strcmp(slip_row_text(r->row, "pd_disagg"), "yes") == 0;
  bool loop = c->phase == SLIP_PHASE_LOOP || c->phase == SLIP_PHASE_STATIC;
  if (loop && split) {
    double cards = slip_serve_fact_number(r, "decode_cards");
    if (from_pools(r))
      return;
    if (isnan(cards) || k.tp == 0) {
      slip_serve_skip(r, "pd_disagg: the layout of the prefill pool is not stated");
      return;
    }
    /* The decode side is given; the chips that are left prefill, each instance as large as the decode's. */
    int64_t ranks = (int64_t)cards * per_chip, left = k.ranks - ranks;
    int64_t dp = k.dp > 0 ? k.dp : 1, tp = counts_replicas_in_tp(r, &k) ? k.tp / dp : k.tp;
    bool mixture = slip_model_has_experts(c->job.model);
    c->decode_plan = plan_of(tp, 1, mixture ? dp : 1, mixture && dp > 1 ? tp * dp : 1);
    int64_t node = left < 16 ? left : 16;
    c->plan = plan_of(mixture ? 1 : node, 1, mixture ? node : 1, mixture ? node : 1);
    c->plan.disaggregated = c->decode_plan.disaggregated = true;
    c->instances = fmax(1, floor((double)ranks / (double)ranks_of(&c->decode_plan)));
    c->prefill_instances = fmax(1, floor((double)left / (double)fmax(1, (double)node)));
    slip_serve_infer(r, "prefill pool of %lld ranks", (long long)left);
    return;
  }
  if (counts_replicas_in_tp(r, &k))
    k.tp /= k.dp;
  from_columns(r, k, !loop);
}
