/* The walk over the plans of one cut. What a plan's time consists of is computed where it is decided:
 *   the cut           layer costs of each kind of recompute, with and without DualPipe
 *   pp (and dp)       hand-over between stages; which schedules, interleavings and shardings are legal
 *   layout, recompute sums over the stages; the slowest; its gradient traffic
 *   schedule          what the pipeline's filling costs; activations in flight
 *   sharding          memory and step: a few additions
 * All of it by the functions that the estimate of one plan is made of, so the numbers are the same to the bit. */
#include "search/train_walk.h"

#include <math.h>
#include <stdlib.h>

#include "base/arena.h"

enum { CACHED = 4, KINDS_OF_VPP = 2 };
/* Lower bounds are sums in another order than the times that they bound. */
#define ROUNDING 1e-12

int slip_compare_candidates(const void *a, const void *b) {
  const slip_train_candidate *x = a, *y = b;
  if (x->cluster != y->cluster)
    return x->cluster < y->cluster ? -1 : 1;
  if (x->format != y->format)
    return x->format < y->format ? -1 : 1;
  return slip_compare_plans(&x->plan, &y->plan);
}

bool slip_walk_open(slip_train_walk *walk, const slip_train_problem *problem, const slip_price *price,
                    const volatile int *stop) {
  *walk = (slip_train_walk){.problem = problem, .price = price, .stop = stop};
  size_t groups = (size_t)(problem->most_groups > 0 ? problem->most_groups : 1);
  walk->costs = slip_memory_resize(NULL, (size_t)(2 * SLIP_RECOMPUTES) * sizeof *walk->costs);
  walk->sums = slip_memory_resize(NULL, groups * sizeof *walk->sums);
  walk->loads = slip_memory_resize(NULL, groups * sizeof *walk->loads);
  return walk->costs && walk->sums && walk->loads;
}

void slip_walk_close(slip_train_walk *walk) {
  free(walk->costs);
  free(walk->sums);
  free(walk->loads);
}

static bool stopped(const slip_train_walk *walk) {
  return walk->stop && *walk->stop;
}

static bool plain_offered(const slip_train_problem *problem) {
  return slip_schedule_offered(problem, SLIP_1F1B) || slip_schedule_offered(problem, SLIP_ZERO_BUBBLE);
}

/* ---- outcomes ---- */

static bool comes_before(const slip_train_candidate *a, const slip_train_candidate *b) {
  double x = a->at.objective[0], y = b->at.objective[0];
  return x < y || (!(x > y) && slip_compare_candidates(a, b) < 0);
}

static double usd_of(const slip_price *price, int64_t chips, double power_w, double step_s) {
  double usd = (price->usd_per_chip_s * (double)chips + price->usd_per_j * power_w) * step_s;
  return isnan(usd) ? 0 : usd;
}

static void consider(const slip_train_walk *walk, slip_train_candidate *candidate, double capacity, double power_w,
                     slip_train_outcome *out) {
  double *objective = candidate->at.objective;
  out->stats.evaluated++;
  if (objective[SLIP_AT_MEMORY] > capacity) {
    slip_train_candidate miss = *candidate;
    miss.at.objective[0] = objective[SLIP_AT_MEMORY] / capacity;
    if (!out->missed || comes_before(&miss, &out->nearest))
      out->nearest = miss;
    out->missed = true;
    return;
  }
  out->stats.feasible++;
  if (walk->price) {
    int64_t chips =
        slip_train_job_of(slip_problem_variant(walk->problem, candidate->format, candidate->cluster))->chips;
    objective[SLIP_AT_CHIPS] = (double)chips;
    objective[SLIP_AT_COST] = usd_of(walk->price, chips, power_w, objective[SLIP_AT_STEP]);
    if (!slip_front_covers(&out->front, objective))
      slip_front_add(&out->front, candidate);
  }
  if (!out->found || comes_before(candidate, &out->best))
    out->best = *candidate;
  out->found = true;
}

/* ---- one pipeline of one cluster ---- */

/* What is the same for all plans of a cut with one pp on one cluster. */
typedef struct site {
  const slip_train *train;
  slip_train_candidate candidate; /* plan: all but vpp, schedule, sharding, recompute and its block */
  int64_t micro_batches;
  double capacity, send_s;
  bool legal[SLIP_SCHEDULES][KINDS_OF_VPP][SLIP_SHARDINGS]; /* second index: interleaved */
  bool whole, halves; /* gradients are reduced whole by some sharding; in halves by some */
  struct {
    double dense, expert;
    slip_dp_traffic traffic;
  } cache[CACHED]; /* stages of one pp mostly hold the same parameters whatever the layout */
  int cached;
} site;

static bool sharding_offered(const slip_train_space *space, int sharding) {
  return space->sharding < 0 || space->sharding == sharding;
}

/* Rules that look at the whole plan, asked once for each kind of schedule, interleaving and sharding. */
static void ask_rules(const slip_train_problem *problem, site *s, slip_train_outcome *out) {
  slip_plan plan = s->candidate.plan;
  plan.recompute = SLIP_RECOMPUTE_NONE;
  for (int schedule = 0; schedule < SLIP_SCHEDULES; schedule++)
    for (int interleaved = 0; interleaved < KINDS_OF_VPP; interleaved++)
      for (int sharding = 0; sharding < SLIP_SHARDINGS; sharding++) {
        bool *legal = &s->legal[schedule][interleaved][sharding];
        *legal = false;
        if (!slip_schedule_offered(problem, (slip_schedule)schedule) || !sharding_offered(problem->space, sharding))
          continue;
        plan.schedule = (slip_schedule)schedule;
        plan.sharding = (slip_sharding)sharding;
        plan.vpp = 1 + interleaved;
        *legal = slip_train_keeps(s->train, &plan, SLIP_RULE_PLAN);
        out->stats.illegal += !*legal;
        s->whole = s->whole || (*legal && sharding == SLIP_SHARD_NONE);
        s->halves = s->halves || (*legal && sharding != SLIP_SHARD_NONE);
      }
}

/* False: no such pipeline, or a rule of it is broken. */
static bool open_site(const slip_train_problem *problem, const slip_cut *cut, int cluster, int64_t pp, site *s,
                      slip_train_outcome *out) {
  if (problem->pipelines[pp].count == 0)
    return false;
  s->train = slip_problem_variant(problem, cut->format, cluster);
  s->candidate = (slip_train_candidate){.plan = cut->plan, .format = cut->format, .cluster = cluster};
  s->whole = s->halves = false;
  s->cached = 0;
  slip_plan *plan = &s->candidate.plan;
  if (!slip_problem_pipeline(problem, s->train, pp, plan))
    return false;
  if (!slip_train_keeps(s->train, plan, SLIP_RULE_PIPELINE)) {
    out->stats.illegal++;
    return false;
  }
  s->micro_batches = slip_train_job_of(s->train)->batch / (plan->dp * plan->micro_batch);
  s->capacity = slip_train_job_of(problem->train)->ignore_memory ? INFINITY : slip_train_capacity(s->train);
  ask_rules(problem, s, out);
  return s->whole || s->halves;
}

static bool is_mirrored(const slip_layout *layout) {
  return layout->share < 1;
}

static int64_t legal_of(const site *s, const slip_layout *layout) {
  int64_t count = 0;
  for (int schedule = 0; schedule < SLIP_SCHEDULES; schedule++)
    for (int sharding = 0; sharding < SLIP_SHARDINGS && (schedule == SLIP_DUALPIPE) == is_mirrored(layout);
         sharding++)
      count += s->legal[schedule][layout->vpp > 1][sharding];
  return count;
}

static const slip_dp_traffic *traffic_of(site *s, const slip_stage_sum *stage) {
  for (int i = 0; i < s->cached; i++)
    if (!(s->cache[i].dense < stage->dense || s->cache[i].dense > stage->dense ||
          s->cache[i].expert < stage->expert || s->cache[i].expert > stage->expert))
      return &s->cache[i].traffic;
  int at = s->cached < CACHED ? s->cached++ : CACHED - 1;
  s->cache[at].dense = stage->dense;
  s->cache[at].expert = stage->expert;
  s->cache[at].traffic =
      slip_train_dp_traffic(s->train, &s->candidate.plan, stage->dense, stage->expert, s->whole, s->halves);
  return &s->cache[at].traffic;
}

static double fullest(const slip_stage_load *loads, int64_t n, slip_sharding sharding) {
  double most = -1;
  for (int64_t i = 0; i < n; i++) {
    double total = slip_train_load_memory(&loads[i], sharding).total;
    most = total > most ? total : most;
  }
  return most;
}

/* Nothing of this layout can be faster: its slowest stage alone takes longer than the best plan. */
static bool too_slow(const slip_train_walk *walk, const site *s, const slip_pipeline *line,
                     const slip_train_outcome *out) {
  return walk->problem->space->mode == SLIP_SEARCH_BOUNDED && !walk->price && out->found &&
         line->most_s * (double)s->micro_batches * (1 - ROUNDING) > out->best.at.objective[SLIP_AT_STEP];
}

/* All schedules and shardings of one layout with one kind of recompute. */
static void try_layout(slip_train_walk *walk, site *s, const slip_layout *layout, const slip_layer_costs *costs,
                       slip_recompute mode, slip_train_outcome *out) {
  slip_plan *plan = &s->candidate.plan;
  for (int64_t i = 0; i < layout->n_groups; i++)
    walk->sums[i] = slip_train_stage_sum(costs, &layout->groups[i].stage);
  slip_pipeline line = slip_train_pipeline(layout, walk->sums);
  if (too_slow(walk, s, &line, out)) {
    out->stats.pruned += legal_of(s, layout);
    return;
  }
  const slip_stage_sum *slowest = &walk->sums[line.slowest];
  const slip_dp_traffic *traffic = traffic_of(s, slowest);
  plan->vpp = layout->vpp;
  plan->recompute = mode;
  plan->recompute_layers = layout->block;
  bool loaded = false;
  for (int schedule = 0; schedule < SLIP_SCHEDULES; schedule++) {
    const bool *legal = s->legal[schedule][layout->vpp > 1];
    if ((schedule == SLIP_DUALPIPE) != is_mirrored(layout) || !(legal[0] || legal[1] || legal[2] || legal[3]))
      continue;
    plan->schedule = (slip_schedule)schedule;
    double fill = slip_train_fill_s(plan, &line);
    for (int64_t i = 0; i < layout->n_groups && !loaded; i++) /* 1F1B and zero-bubble hold the same */
      walk->loads[i] = slip_train_stage_load(plan, layout, &layout->groups[i], &walk->sums[i], s->micro_batches);
    loaded = true;
    for (int sharding = 0; sharding < SLIP_SHARDINGS; sharding++) {
      if (!legal[sharding])
        continue;
      plan->sharding = (slip_sharding)sharding;
      slip_step_time t =
          slip_train_step_time(s->train, plan, layout, &line, slowest, traffic, s->send_s, fill, s->micro_batches);
      s->candidate.at.objective[SLIP_AT_STEP] = t.total_s;
      s->candidate.at.objective[SLIP_AT_MEMORY] = fullest(walk->loads, layout->n_groups, plan->sharding);
      consider(walk, &s->candidate, s->capacity,
               walk->price ? slip_train_power_w(s->train, t.working_s, t.total_s) : 0, out);
    }
  }
}

/* ---- one by one ---- */

static void try_in_full(const slip_train_walk *walk, const site *s, slip_plan plan, slip_train_outcome *out) {
  slip_train_candidate candidate = s->candidate;
  slip_train_result r;
  plan.dp = 0;
  if (slip_train_check(s->train, &plan, NULL) != SLIP_OK)
    return;
  if (slip_train_estimate(s->train, &plan, &r, NULL) != SLIP_OK)
    return; /* no memory for it */
  candidate.plan = plan;
  candidate.at.objective[SLIP_AT_STEP] = r.step_s;
  candidate.at.objective[SLIP_AT_MEMORY] = r.memory.total;
  out->stats.legal++;
  consider(walk, &candidate, s->capacity, r.system_power_w, out);
}

static void try_each(const slip_train_walk *walk, const site *s, const slip_layout *layout, slip_recompute mode,
                     slip_train_outcome *out) {
  slip_plan plan = s->candidate.plan;
  plan.vpp = layout->vpp;
  plan.recompute = mode;
  plan.recompute_layers = layout->block;
  for (int schedule = 0; schedule < SLIP_SCHEDULES; schedule++)
    for (int sharding = 0; sharding < SLIP_SHARDINGS; sharding++) {
      plan.schedule = (slip_schedule)schedule;
      plan.sharding = (slip_sharding)sharding;
      if ((schedule == SLIP_DUALPIPE) == is_mirrored(layout) &&
          slip_schedule_offered(walk->problem, plan.schedule) && sharding_offered(walk->problem->space, sharding))
        try_in_full(walk, s, plan, out);
    }
}

/* ---- the cut ---- */

static void cost_cut(slip_train_walk *walk, const slip_cut *cut, unsigned modes) {
  const slip_train *train = slip_problem_variant(walk->problem, cut->format, 0);
  slip_plan plan = cut->plan;
  plan.schedule = SLIP_1F1B;
  if (plain_offered(walk->problem))
    slip_train_layers_each(train, &plan, modes, walk->costs);
  plan.schedule = SLIP_DUALPIPE;
  if (slip_schedule_offered(walk->problem, SLIP_DUALPIPE))
    slip_train_layers_each(train, &plan, modes, walk->costs + SLIP_RECOMPUTES);
}

static double whole_pass_s(const slip_model *model, const slip_layer_costs *costs) {
  double sum = costs->embedding.forward.seconds + costs->embedding.backward.seconds + costs->head.forward.seconds +
               costs->head.backward.seconds + costs->mtp.forward.seconds + costs->mtp.backward.seconds;
  for (int i = 0; i < model->n_kinds; i++)
    sum += (double)model->kinds[i].count * (costs->kinds[i].forward.seconds + costs->kinds[i].backward.seconds);
  return sum;
}

void slip_walk_bound(const slip_train_walk *walk, slip_cut *cut) {
  const slip_train_problem *problem = walk->problem;
  const slip_train_job *job = slip_train_job_of(problem->train);
  double pass = INFINITY;
  cost_cut((slip_train_walk *)walk, cut, 1u << SLIP_RECOMPUTE_NONE);
  if (plain_offered(problem))
    pass = whole_pass_s(job->model, &walk->costs[SLIP_RECOMPUTE_NONE]);
  if (slip_schedule_offered(problem, SLIP_DUALPIPE))
    pass = fmin(pass, whole_pass_s(job->model, &walk->costs[SLIP_RECOMPUTES + SLIP_RECOMPUTE_NONE]));
  double ranks = 0;
  for (int c = 0; c < problem->n_clusters; c++)
    ranks = fmax(ranks, (double)slip_train_ranks(slip_problem_variant(problem, cut->format, c)));
  /* micro-batches per pipeline, batch / (dp mbs), times the mean stage, pass / pp, with dp pp = ranks / (tp cp) */
  double each =
      (double)job->batch * (double)(cut->plan.tp * cut->plan.cp) / (ranks * (double)cut->plan.micro_batch);
  cut->bound_s = each * pass * (1 - ROUNDING);
}

/* Calls for every layout and kind of recompute of the site. */
static void walk_site(slip_train_walk *walk, site *s, bool skip, slip_train_outcome *out) {
  const slip_train_space *space = walk->problem->space;
  const slip_pipelines *pipelines = &walk->problem->pipelines[s->candidate.plan.pp];
  unsigned modes = slip_recompute_modes(space);
  for (int i = 0; i < pipelines->count && !stopped(walk); i++) {
    const slip_layout *layout = &pipelines->layouts[i];
    int64_t legal = legal_of(s, layout);
    for (int mode = 0; mode < SLIP_RECOMPUTES && legal > 0; mode++) {
      if (!(modes >> mode & 1u) || !slip_block_offered(space, (slip_recompute)mode, layout->block))
        continue;
      if (space->mode == SLIP_SEARCH_BRUTE) {
        try_each(walk, s, layout, (slip_recompute)mode, out);
        continue;
      }
      out->stats.legal += legal;
      if (skip)
        out->stats.pruned += legal;
      else
        try_layout(walk, s, layout, &walk->costs[mode + (is_mirrored(layout) ? SLIP_RECOMPUTES : 0)],
                   (slip_recompute)mode, out);
    }
  }
}

static void walk_cut(slip_train_walk *walk, const slip_cut *cut, bool skip, slip_train_outcome *out) {
  const slip_train_problem *problem = walk->problem;
  int64_t layers = slip_train_job_of(problem->train)->model->layers;
  bool costed = skip || problem->space->mode == SLIP_SEARCH_BRUTE;
  site s;
  for (int cluster = 0; cluster < problem->n_clusters; cluster++)
    for (int64_t pp = 1; pp <= layers && !stopped(walk); pp++) {
      if (!open_site(problem, cut, cluster, pp, &s, out))
        continue;
      if (!costed)
        cost_cut(walk, cut, slip_recompute_modes(problem->space) | 1u << SLIP_RECOMPUTE_NONE);
      costed = true;
      s.send_s = skip ? 0 : slip_train_send_s(s.train, &s.candidate.plan);
      walk_site(walk, &s, skip, out);
    }
}

void slip_walk_cut(slip_train_walk *walk, const slip_cut *cut, slip_train_outcome *out) {
  walk_cut(walk, cut, false, out);
}

void slip_walk_skip(slip_train_walk *walk, const slip_cut *cut, slip_train_outcome *out) {
  walk_cut(walk, cut, true, out);
}
