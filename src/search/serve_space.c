/* What there is to choose from when serving. */
#include "search/serve_space.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"

enum { MAX_INSTANCE_RANKS = 1024, MAX_PIPELINE = 16 };

slip_serve_space slip_serve_space_default(void) {
  slip_serve_space space;
  memset(&space, 0, sizeof space);
  space.disaggregated = space.speculate = -1;
  return space;
}

static bool has_experts(const slip_model *model) {
  for (int i = 0; i < model->n_kinds; i++)
    if (model->kinds[i].ffn.kind == SLIP_FFN_MOE)
      return true;
  return false;
}

static bool keeps(int64_t fixed, int64_t value) {
  return fixed <= 0 || fixed == value;
}

static bool is_power_of_two(int64_t n) {
  return (n & (n - 1)) == 0;
}

/* Shapes of one tp, pp and dp. */
static int list_ep(const slip_serve *serve, const slip_serve_plan *fixed, slip_serve_plan plan, bool moe, int count,
                   slip_serve_plan *out, int64_t *illegal) {
  int64_t block = plan.tp * plan.dp;
  for (int64_t ep = 1; ep <= block; ep = ep < block && 2 * ep > block ? block : 2 * ep) {
    if (block % ep != 0 || (ep > 1 && !moe) || !keeps(fixed->ep, ep))
      continue;
    plan.ep = ep;
    if (slip_serve_check(serve, &plan, NULL) != SLIP_OK)
      (*illegal)++;
    else if (count < SLIP_MAX_SHAPES)
      out[count++] = plan;
  }
  return count;
}

int slip_serve_shapes(const slip_serve *serve, const slip_serve_plan *fixed, slip_serve_plan *out,
                      int64_t *illegal) {
  const slip_serve_job *job = slip_serve_job_of(serve);
  int64_t ranks_per_chip = (int64_t)job->system->chip->ranks;
  int64_t most = job->chips > 0 ? job->chips * ranks_per_chip : (int64_t)(job->system->chips) * ranks_per_chip;
  most = most > MAX_INSTANCE_RANKS ? MAX_INSTANCE_RANKS : most;
  bool moe = has_experts(job->model);
  int count = 0;
  for (int64_t ranks = 1; ranks <= most; ranks++)
    for (int64_t tp = 1; tp <= ranks; tp *= 2)
      for (int64_t pp = 1; pp <= MAX_PIPELINE && tp * pp <= ranks; pp *= 2) {
        int64_t dp = ranks / (tp * pp);
        bool whole = (double)ranks == job->system->chips * (double)ranks_per_chip;
        if (ranks % (tp * pp) != 0 || (dp > 1 && !moe) || (!is_power_of_two(dp) && !whole))
          continue;
        if (!keeps(fixed->tp, tp) || !keeps(fixed->pp, pp) || !keeps(fixed->dp, dp))
          continue;
        slip_serve_plan plan = *fixed;
        plan.tp = tp, plan.pp = pp, plan.dp = dp;
        count = list_ep(serve, fixed, plan, moe, count, out, illegal);
      }
  return count;
}

int slip_serve_chunks(const slip_serve_plan *fixed, int64_t out[SLIP_MAX_CHUNKS]) {
  int count = 0;
  if (fixed->chunk > 0)
    out[count++] = fixed->chunk;
  else
    for (int64_t chunk = 1024; chunk <= 16384; chunk *= 2)
      out[count++] = chunk;
  return count;
}

int slip_serve_batches(const slip_serve *serve, const slip_pool *pool, const slip_serve_plan *fixed,
                       double out[SLIP_MAX_BATCHES]) {
  double most = slip_serve_most_sequences(serve, pool);
  int count = 0;
  if (fixed->batch <= 0)
    for (double n = 1; n < most && count < SLIP_MAX_BATCHES - 3; n *= 2) {
      out[count++] = n;
      if (n >= 2 && 1.5 * n < most)
        out[count++] = 1.5 * n;
    }
  out[count++] = 0;
  return count;
}

/* ---- variants ---- */

static slip_status open_variant(const slip_serve *serve, bool speculate, int64_t chips, slip_serve **out,
                                slip_error *err) {
  slip_serve_job job = *slip_serve_job_of(serve);
  job.speculate = job.speculate && speculate;
  job.chips = chips;
  return slip_serve_open(&job, out, err);
}

/* With drafts first, and once where there are none. */
static int list_drafts(const slip_serve *serve, const slip_serve *decode, const slip_serve_space *space,
                       bool out[2]) {
  bool drafts = serve->drafts > 0 || decode->drafts > 0;
  int count = 0;
  if (drafts && space->speculate != 0)
    out[count++] = true;
  if (!drafts || space->speculate <= 0)
    out[count++] = false;
  return count;
}

slip_status slip_serve_variants_open(const slip_serve *serve, const slip_serve *decode,
                                     const slip_serve_space *space, slip_serve_variants *out, slip_error *err) {
  slip_status status = SLIP_OK;
  bool drafts[2] = {false, false};
  if (!decode)
    decode = serve;
  *out = (slip_serve_variants){.n_drafts = list_drafts(serve, decode, space, drafts),
                               .n_clusters = space->n_clusters > 0 ? space->n_clusters : 1};
  if (out->n_clusters > SLIP_MAX_CLUSTERS)
    SLIP_FAIL(err, SLIP_BAD_INPUT, "at most %d clusters may be searched at once", SLIP_MAX_CLUSTERS);
  out->list = calloc((size_t)out->n_drafts * (size_t)out->n_clusters, sizeof *out->list);
  if (!out->list)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "no memory for the search");
  for (int d = 0; d < out->n_drafts; d++)
    for (int c = 0; c < out->n_clusters; c++) {
      slip_serve_variant *v = &out->list[d * out->n_clusters + c];
      v->chips = space->n_clusters > 0 ? space->clusters[c] : slip_serve_job_of(serve)->chips;
      v->speculates = drafts[d];
      SLIP_TRY(open_variant(serve, drafts[d], v->chips, &v->prefill, err));
      v->decode = v->prefill;
      if (decode != serve)
        SLIP_TRY(open_variant(decode, drafts[d], v->chips, &v->decode, err));
    }
cleanup:
  return status;
}

void slip_serve_variants_close(slip_serve_variants *variants) {
  for (int i = 0; variants->list && i < variants->n_drafts * variants->n_clusters; i++) {
    slip_serve_variant *v = &variants->list[i];
    if (v->decode != v->prefill)
      slip_serve_free(v->decode);
    slip_serve_free(v->prefill);
  }
  free(variants->list);
}
