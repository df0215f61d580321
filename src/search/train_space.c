/* What there is to choose from: clusters, formats, cuts of a layer, layouts of a pipeline. */
#include "search/train_space.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/fail.h"

enum { MAX_CHOICES = 512 };

slip_train_space slip_train_space_default(void) {
  slip_train_space space;
  memset(&space, 0, sizeof space);
  space.schedule = space.sharding = space.recompute = space.sequence_parallel = -1;
  space.recompute_layers = -1;
  space.most_micro_batch = space.most_vpp = 16;
  return space;
}

int slip_compare_plans(const slip_plan *a, const slip_plan *b) {
  const int64_t left[] = {a->tp,
                          a->pp,
                          a->vpp,
                          a->dp,
                          a->cp,
                          a->ep,
                          a->etp,
                          a->micro_batch,
                          (int64_t)a->schedule,
                          (int64_t)a->sharding,
                          (int64_t)a->recompute,
                          a->recompute_layers,
                          (int64_t)a->no_sequence_parallel,
                          (int64_t)a->exposed};
  const int64_t right[] = {b->tp,
                           b->pp,
                           b->vpp,
                           b->dp,
                           b->cp,
                           b->ep,
                           b->etp,
                           b->micro_batch,
                           (int64_t)b->schedule,
                           (int64_t)b->sharding,
                           (int64_t)b->recompute,
                           b->recompute_layers,
                           (int64_t)b->no_sequence_parallel,
                           (int64_t)b->exposed};
  for (size_t i = 0; i < sizeof left / sizeof *left; i++)
    if (left[i] != right[i])
      return left[i] < right[i] ? -1 : 1;
  return 0;
}

/* ---- choices ---- */

/* Divisors of n up to `most`, ascending; or the one fixed value. */
static int choices(int64_t fixed, int64_t n, int64_t most, int64_t *out) {
  if (fixed > 0) {
    out[0] = fixed;
    return 1;
  }
  int count = 0;
  for (int64_t i = 1; i <= most && i <= n && count < MAX_CHOICES; i++)
    if (n % i == 0)
      out[count++] = i;
  return count;
}

static int64_t most_heads(const slip_model *model) {
  int64_t heads = 1;
  for (int i = 0; i < model->n_kinds; i++) {
    const slip_attention *a = &model->kinds[i].attention;
    int64_t most = a->heads > a->linear_value_heads ? a->heads : a->linear_value_heads;
    most = most > a->ssm_heads ? most : a->ssm_heads;
    heads = most > heads ? most : heads;
  }
  return heads;
}

static int64_t expert_count(const slip_model *model) {
  for (int i = 0; i < model->n_kinds; i++)
    if (model->kinds[i].ffn.kind == SLIP_FFN_MOE)
      return model->kinds[i].ffn.experts;
  return 1;
}

static bool allowed(int fixed, int value) {
  return fixed < 0 || fixed == value;
}

bool slip_schedule_offered(const slip_train_problem *problem, slip_schedule schedule) {
  const slip_stack *stack = slip_train_job_of(problem->train)->stack;
  if (problem->space->schedule >= 0)
    return problem->space->schedule == (int)schedule;
  return schedule == SLIP_1F1B || (schedule == SLIP_ZERO_BUBBLE && stack->zero_bubble >= 0.5) ||
         (schedule == SLIP_DUALPIPE && stack->dualpipe >= 0.5);
}

unsigned slip_recompute_modes(const slip_train_space *space) {
  return space->recompute < 0 ? (1u << SLIP_RECOMPUTES) - 1 : 1u << space->recompute;
}

bool slip_block_offered(const slip_train_space *space, slip_recompute mode, int64_t block) {
  if (mode == SLIP_RECOMPUTE_NONE)
    return block == 0 && space->recompute_layers <= 0;
  return space->recompute_layers < 0 || block == space->recompute_layers;
}

bool slip_problem_pipeline(const slip_train_problem *problem, const slip_train *variant, int64_t pp,
                           slip_plan *plan) {
  const slip_plan *fixed = &problem->space->fixed;
  int64_t ranks = slip_train_ranks(variant), block = plan->tp * plan->cp * pp;
  if ((fixed->pp > 0 && fixed->pp != pp) || block > ranks || ranks % block != 0)
    return false;
  plan->pp = pp;
  plan->dp = ranks / block;
  if ((plan->exposed & SLIP_OVERLAP_PP && problem->space->overlaps && pp == 1) ||
      (fixed->dp > 0 && fixed->dp != plan->dp))
    return false;
  return true;
}

/* ---- clusters and formats ---- */

static slip_status open_variant(const slip_train *train, int64_t chips, slip_dtype dtype, slip_train **out,
                                slip_error *err) {
  slip_train_job job = *slip_train_job_of(train);
  job.chips = chips;
  job.dtype = dtype;
  job.ignore_memory = true; /* every plan has a time; whether it fits is asked beside it */
  return slip_train_open(&job, out, err);
}

static int list_formats(const slip_train *train, const slip_train_space *space, slip_dtype out[SLIP_DTYPES]) {
  int count = 0;
  for (int i = 0; i < SLIP_DTYPES; i++) /* a format that the chip lacks would be another one's plans again */
    if (space->dtypes >> i & 1u && slip_device_dtype(&train->device, (slip_dtype)i, true) == (slip_dtype)i)
      out[count++] = (slip_dtype)i;
  if (count == 0)
    out[count++] = slip_train_job_of(train)->dtype;
  return count;
}

static slip_status open_variants(slip_train_problem *problem, slip_error *err) {
  slip_status status = SLIP_OK;
  const slip_train_space *space = problem->space;
  slip_dtype formats[SLIP_DTYPES];
  int n = list_formats(problem->train, space, formats);
  problem->n_clusters = space->n_clusters > 0 ? space->n_clusters : 1;
  if (problem->n_clusters > SLIP_MAX_CLUSTERS)
    SLIP_FAIL(err, SLIP_BAD_INPUT, "at most %d clusters may be searched at once", SLIP_MAX_CLUSTERS);
  problem->variants = calloc((size_t)n * (size_t)problem->n_clusters, sizeof(slip_train *));
  if (!problem->variants)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "no memory for the search");
  problem->n_formats = n;
  for (int f = 0; f < n; f++)
    for (int c = 0; c < problem->n_clusters; c++) {
      int64_t chips = space->n_clusters > 0 ? space->clusters[c] : slip_train_job_of(problem->train)->chips;
      SLIP_TRY(
          open_variant(problem->train, chips, formats[f], &problem->variants[f * problem->n_clusters + c], err));
    }
cleanup:
  return status;
}

static int64_t most_ranks(const slip_train_problem *problem) {
  int64_t most = 0;
  for (int c = 0; c < problem->n_clusters; c++) {
    int64_t ranks = slip_train_ranks(slip_problem_variant(problem, 0, c));
    most = ranks > most ? ranks : most;
  }
  return most;
}

/* ---- layouts ---- */

static slip_status add_layout(slip_train_problem *problem, slip_pipelines *pipelines, int64_t pp, int64_t vpp,
                              bool mirrored, int64_t block, slip_error *err) {
  slip_layout *grown = slip_memory_resize(pipelines->layouts, (size_t)(pipelines->count + 1) * sizeof *grown);
  if (!grown)
    return slip_fail(err, SLIP_NO_MEMORY, "no memory for the search");
  pipelines->layouts = grown;
  slip_layout *layout = &grown[pipelines->count];
  slip_status status = slip_layout_make(problem->train, pp, vpp, mirrored, block, layout, err);
  if (status != SLIP_OK)
    return status;
  pipelines->count++;
  problem->most_groups = layout->n_groups > problem->most_groups ? layout->n_groups : problem->most_groups;
  return SLIP_OK;
}

/* The blocks of recompute of one layout: 0 is all layers; a block of a whole chunk would be the same again. */
static slip_status add_blocks(slip_train_problem *problem, int64_t pp, int64_t vpp, bool mirrored,
                              slip_error *err) {
  const slip_train_space *space = problem->space;
  slip_pipelines *pipelines = &problem->pipelines[pp];
  slip_status status = SLIP_OK;
  int64_t largest = slip_layout_largest_chunk(problem->train, pp, vpp, mirrored);
  SLIP_TRY(add_layout(problem, pipelines, pp, vpp, mirrored, 0, err));
  if (space->recompute == SLIP_RECOMPUTE_NONE || space->recompute_layers == 0)
    return status;
  if (space->recompute_layers > 0)
    return add_layout(problem, pipelines, pp, vpp, mirrored, space->recompute_layers, err);
  for (int64_t block = 1; block < largest; block++)
    SLIP_TRY(add_layout(problem, pipelines, pp, vpp, mirrored, block, err));
cleanup:
  return status;
}

static bool divides_a_cluster(const slip_train_problem *problem, int64_t pp) {
  for (int c = 0; c < problem->n_clusters; c++)
    if (slip_train_ranks(slip_problem_variant(problem, 0, c)) % pp == 0)
      return true;
  return false;
}

static slip_status make_layouts(slip_train_problem *problem, slip_error *err) {
  const slip_plan *fixed = &problem->space->fixed;
  int64_t layers = slip_train_job_of(problem->train)->model->layers;
  slip_status status = SLIP_OK;
  problem->pipelines = calloc((size_t)layers + 1, sizeof *problem->pipelines);
  if (!problem->pipelines)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "no memory for the search");
  for (int64_t pp = 1; pp <= layers; pp++) {
    if ((fixed->pp > 0 && fixed->pp != pp) || !divides_a_cluster(problem, pp))
      continue;
    bool plain = slip_schedule_offered(problem, SLIP_1F1B) || slip_schedule_offered(problem, SLIP_ZERO_BUBBLE);
    for (int64_t vpp = 1; plain && vpp <= (pp > 1 ? problem->space->most_vpp : 1) && pp * vpp <= layers; vpp++)
      if (fixed->vpp <= 0 || fixed->vpp == vpp)
        SLIP_TRY(add_blocks(problem, pp, vpp, false, err));
    if (slip_schedule_offered(problem, SLIP_DUALPIPE) && pp > 1 && fixed->vpp <= 1)
      SLIP_TRY(add_blocks(problem, pp, 1, true, err));
  }
cleanup:
  return status;
}

/* ---- cuts ---- */

static bool add_cut(slip_train_problem *problem, const slip_cut *cut) {
  if (problem->n_cuts == problem->cut_capacity) {
    size_t larger = problem->cut_capacity ? 2 * problem->cut_capacity : 1024;
    slip_cut *grown = slip_memory_resize(problem->cuts, larger * sizeof *grown);
    if (!grown)
      return false;
    problem->cuts = grown;
    problem->cut_capacity = larger;
  }
  problem->cuts[problem->n_cuts++] = *cut;
  return true;
}

/* Kinds of traffic that the stack hides and that a plan of this cut may have. */
static unsigned hidden_kinds(const slip_train_problem *problem, const slip_plan *p) {
  const slip_stack *stack = slip_train_job_of(problem->train)->stack;
  bool by_schedule = slip_schedule_offered(problem, SLIP_DUALPIPE);
  return (stack->overlap_tp > 0 && p->tp > 1 ? SLIP_OVERLAP_TP : 0u) |
         (stack->overlap_cp > 0 && p->cp > 1 ? SLIP_OVERLAP_CP : 0u) |
         ((stack->overlap_ep > 0 || by_schedule) && p->ep > 1 ? SLIP_OVERLAP_EP : 0u) |
         (stack->overlap_pp > 0 ? SLIP_OVERLAP_PP : 0u) | (stack->overlap_dp > 0 ? SLIP_OVERLAP_DP : 0u);
}

static bool add_modes(slip_train_problem *problem, slip_plan plan) {
  const slip_train_space *space = problem->space;
  for (int sp = 1; sp >= 0; sp--) {
    if (!allowed(space->sequence_parallel, sp) || (sp == 0 && plan.tp == 1 && space->sequence_parallel < 0))
      continue; /* one rank has nothing to cut */
    plan.no_sequence_parallel = sp == 0;
    slip_plan whole = plan;
    whole.pp = whole.vpp = 1;
    if (!slip_train_keeps(problem->train, &whole, SLIP_RULE_CUT)) {
      problem->illegal++;
      continue;
    }
    unsigned hidden = space->overlaps ? hidden_kinds(problem, &plan) : 0;
    for (unsigned exposed = 0; exposed <= SLIP_OVERLAPS; exposed++) {
      if (exposed & ~hidden)
        continue;
      plan.exposed = space->overlaps ? exposed : space->fixed.exposed;
      for (int format = 0; format < problem->n_formats; format++)
        if (!add_cut(problem, &(slip_cut){plan, format, 0}))
          return false;
    }
  }
  return true;
}

/* Context-parallel degrees: of two blocks a rank, as many as the sequence has. */
static int64_t most_cp(const slip_train_job *job) {
  return job->seq / 2 > 0 ? job->seq / 2 : 1;
}

/* Divisors of any cluster's ranks. */
static int rank_choices(const slip_train_problem *problem, int64_t fixed, int64_t most, int64_t *out) {
  if (fixed > 0 || problem->n_clusters == 1)
    return choices(fixed, most_ranks(problem), most, out);
  int count = 0;
  int64_t limit = most_ranks(problem) < most ? most_ranks(problem) : most;
  for (int64_t i = 1; i <= limit && count < MAX_CHOICES; i++)
    if (divides_a_cluster(problem, i))
      out[count++] = i;
  return count;
}

static slip_status list_cuts(slip_train_problem *problem, slip_error *err) {
  const slip_train_job *job = slip_train_job_of(problem->train);
  const slip_plan *fixed = &problem->space->fixed;
  int64_t experts = expert_count(job->model);
  int64_t tps[MAX_CHOICES], cps[MAX_CHOICES], eps[MAX_CHOICES], etps[MAX_CHOICES], micro[MAX_CHOICES];
  int n_tp = rank_choices(problem, fixed->tp, most_heads(job->model), tps);
  int n_cp = rank_choices(problem, fixed->cp, most_cp(job), cps);
  int n_ep = choices(fixed->ep, experts, experts, eps);
  int n_micro = choices(fixed->micro_batch, job->batch, problem->space->most_micro_batch, micro);
  for (int t = 0; t < n_tp; t++) {
    int n_etp = choices(fixed->etp, experts > 1 ? tps[t] : 1, tps[t], etps);
    for (int c = 0; c < n_cp; c++) {
      if (tps[t] * cps[c] > most_ranks(problem))
        continue;
      for (int e = 0; e < n_ep; e++)
        for (int i = 0; i < n_etp; i++)
          for (int m = 0; m < n_micro; m++) {
            slip_plan plan = {.tp = tps[t], .cp = cps[c], .ep = eps[e], .etp = etps[i], .micro_batch = micro[m]};
            if (!add_modes(problem, plan))
              return slip_fail(err, SLIP_NO_MEMORY, "no memory for the search");
          }
    }
  }
  return SLIP_OK;
}

/* ---- the whole ---- */

slip_status slip_problem_open(const slip_train *train, const slip_train_space *space, slip_train_problem *out,
                              slip_error *err) {
  *out = (slip_train_problem){.train = train, .space = space};
  slip_status status = SLIP_OK;
  SLIP_TRY(open_variants(out, err));
  SLIP_TRY(make_layouts(out, err));
  SLIP_TRY(list_cuts(out, err));
cleanup:
  return status;
}

void slip_problem_close(slip_train_problem *problem) {
  for (int i = 0; problem->variants && i < problem->n_formats * problem->n_clusters; i++)
    slip_train_free(problem->variants[i]);
  free(problem->variants);
  int64_t layers = slip_train_job_of(problem->train)->model->layers;
  for (int64_t pp = 1; problem->pipelines && pp <= layers; pp++) {
    for (int i = 0; i < problem->pipelines[pp].count; i++)
      slip_layout_free(&problem->pipelines[pp].layouts[i]);
    free(problem->pipelines[pp].layouts);
  }
  free(problem->pipelines);
  free(problem->cuts);
}
