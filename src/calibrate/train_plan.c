/* The parallel plan of a training row: its columns, and the rules for those that are empty (docs/measured.md). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "calibrate/train_read.h"

/* Tokens of one micro-batch that is assumed where the row gives none and there is neither a pipeline nor full
 * sharding. */
#define USUAL_MICRO_BATCH_TOKENS 8192
/* A plan that was run did fit: our account of its memory is trusted to this factor before recompute is concluded
 * from it. Frameworks save what the account does not know: fp8 weights, bf16 gradients, offload. */
#define MEMORY_DOUBT 1.3
/* A module that makes up most of a mixture-of-experts layer, recomputed, costs this share of the whole layer's
 * forward. */
#define MOE_MODULE_SHARE 0.75

static bool on_tpu(const slip_train_reading *r) {
  return strcmp(r->out->chip->entry.vendor, "Google") == 0;
}

static bool has_experts(const slip_model *model) {
  for (int i = 0; i < model->n_kinds; i++)
    if (model->kinds[i].ffn.kind == SLIP_FFN_MOE)
      return true;
  return false;
}

/* ---- sharding ---- */

static slip_sharding sharding_of(slip_train_reading *r) {
  static const struct {
    const char *text;
    slip_sharding sharding;
  } names[] = {{"none", SLIP_SHARD_NONE},           {"zero1", SLIP_SHARD_OPTIMIZER},
               {"zero2", SLIP_SHARD_GRADIENTS},     {"zero3", SLIP_SHARD_WEIGHTS},
               {"fsdp", SLIP_SHARD_WEIGHTS},        {"optimizer", SLIP_SHARD_OPTIMIZER},
               {"gradients", SLIP_SHARD_GRADIENTS}, {"weights", SLIP_SHARD_WEIGHTS}};
  const char *fact =
      slip_train_fact(r, "sharding"); /* the notes know better: Megatron-FSDP rows leave the cell empty */
  const char *text = slip_train_lower(r, fact ? fact : slip_row_text(r->row, "sharding"));
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(text, names[i].text) == 0)
      return names[i].sharding;
  if (*text)
    slip_train_skip(r, "sharding '%s' is not one of none, zero1, zero2, zero3, fsdp", text);
  return on_tpu(r) ? SLIP_SHARD_WEIGHTS : SLIP_SHARD_OPTIMIZER;
}

/* arXiv 2205.05198 of May 2022 brought selective recompute and sequence parallelism; since then launchers turn the latter on with tensor
 * parallelism. Before, activations were checkpointed layer by layer in every launch script of large models that we know (Megatron-LM,
 * BLOOM, OPT, GPT-NeoX). */
#define SELECTIVE_AND_SEQUENCE_PARALLEL 2022.4

/* ---- recompute ---- */

static bool set_recompute_from_modules(slip_plan *p, slip_train_case *c, const char *modules) {
  p->recompute = SLIP_RECOMPUTE_SELECTIVE;
  if (strncmp(modules, "moe+", 4) == 0 || strcmp(modules, "moe") == 0) {
    p->recompute = SLIP_RECOMPUTE_FULL;
    c->full_share = MOE_MODULE_SHARE;
  }
  return true;
}

/* TorchTitan's selective checkpointing, its default, repeats every second matrix product or every second layer
 * (torchtitan/distributed/activation_checkpoint.py; selective_ac_option "op" or 2). */
#define TORCHTITAN_SELECTIVE_SHARE 0.5

static bool in_torchtitan(slip_train_reading *r) {
  return strstr(slip_train_lower(r, slip_row_text(r->row, "framework")), "torchtitan") != NULL;
}

/* True when the row says what is recomputed. */
static bool read_recompute(slip_train_reading *r, slip_plan *p) {
  slip_train_case *c = &r->out->train;
  const char *text = slip_row_text(r->row, "recompute");
  const char *modules = slip_train_fact(r, "recompute_modules"), *remat = slip_train_fact(r, "remat");
  const char *layers = slip_train_fact(r, "recompute_layers");
  c->full_share = 1;
  if (strcmp(text, "full") == 0) {
    p->recompute = SLIP_RECOMPUTE_FULL;
    if (layers && atof(layers) > 0)
      c->full_share = fmin(1, atof(layers) * (double)(p->pp * p->vpp) / (double)c->job.model->layers);
    return true;
  }
  if (modules)
    return set_recompute_from_modules(p, c, modules);
  if (in_torchtitan(r) && strcmp(text, "none") != 0) {
    p->recompute = SLIP_RECOMPUTE_FULL;
    c->full_share = TORCHTITAN_SELECTIVE_SHARE;
    slip_train_infer(r, "selective recompute of every second product, as TorchTitan's");
    return true;
  }
  if (strcmp(text, "none") == 0 || strcmp(text, "selective") == 0) {
    p->recompute = *text == 's' ? SLIP_RECOMPUTE_SELECTIVE : SLIP_RECOMPUTE_NONE;
    return true;
  }
  if (*text)
    return slip_train_skip(r, "recompute '%s' is not one of none, selective, full", text);
  if (remat || on_tpu(r)) { /* MaxText recomputes whole layers by default; "minimal" keeps every product */
    p->recompute = remat && strncmp(remat, "minimal", 7) == 0 ? SLIP_RECOMPUTE_SELECTIVE : SLIP_RECOMPUTE_FULL;
    if (!remat)
      slip_train_infer(r, "recompute=full (the framework's default)");
    return true;
  }
  return false;
}

/* Nothing said: the least recompute that fits the chip's memory with some doubt, none when not even full does. */
static void infer_recompute(slip_train_reading *r, slip_plan *p) {
  slip_train_job job = r->out->train.job;
  job.stack = r->out->stack;
  if (r->out->year < SELECTIVE_AND_SEQUENCE_PARALLEL) {
    p->recompute = SLIP_RECOMPUTE_FULL;
    slip_train_infer(r, "recompute=full before May 2022");
    return;
  }
  for (int kind = SLIP_RECOMPUTE_NONE; kind < SLIP_RECOMPUTES; kind++) {
    slip_train_memory memory;
    double step;
    p->recompute = (slip_recompute)kind;
    if (slip_train_case_step(&r->out->train, &job, p, &step, &memory, NULL) != SLIP_OK)
      break;
    if (memory.total <= MEMORY_DOUBT * r->out->chip->memory_bytes / r->out->chip->ranks) {
      if (kind > 0)
        slip_train_infer(r, "recompute=%s, the least that fits", slip_recompute_name(p->recompute));
      return;
    }
  }
  p->recompute = SLIP_RECOMPUTE_NONE;
}

/* ---- layout ---- */

static void fill_experts(slip_train_reading *r, slip_plan *p) {
  int64_t ranks = p->tp * p->cp * p->dp;
  if (!has_experts(r->out->train.job.model)) {
    p->ep = p->etp = 1;
    return;
  }
  int64_t ep = slip_train_count(r, "ep"), etp = slip_train_count(r, "etp");
  p->ep = ep ? ep : 1;
  p->etp = etp ? etp : ep > 1 ? 1 : p->tp; /* without expert parallelism experts are cut like an FFN */
  if (!ep && p->tp == 1 && p->sharding != SLIP_SHARD_WEIGHTS)
    slip_train_infer(r, "ep=1");
  if (p->ep * p->etp > ranks || ranks % (p->ep * p->etp) != 0) {
    p->etp = 1;
    if (ranks % p->ep != 0)
      slip_train_skip(r, "ep=%lld does not divide tp x cp x dp = %lld", (long long)p->ep, (long long)ranks);
  }
}

static void fill_micro_batch(slip_train_reading *r, slip_plan *p) {
  const slip_train_job *job = &r->out->train.job;
  int64_t per_replica = job->batch / p->dp, given = slip_train_count(r, "micro_batch");
  if (given) {
    p->micro_batch = given;
  } else if (p->pp > 1) {
    p->micro_batch = 1;
    slip_train_infer(r, "micro_batch=1");
  } else if (p->sharding == SLIP_SHARD_WEIGHTS) {
    p->micro_batch = per_replica;
    slip_train_infer(r, "micro_batch=batch/dp=%lld", (long long)p->micro_batch);
  } else {
    p->micro_batch = 1;
    while (per_replica % (2 * p->micro_batch) == 0 && 2 * p->micro_batch * job->seq <= USUAL_MICRO_BATCH_TOKENS)
      p->micro_batch *= 2;
    slip_train_infer(r, "micro_batch=%lld, about %d tokens", (long long)p->micro_batch, USUAL_MICRO_BATCH_TOKENS);
  }
  if (p->micro_batch > per_replica && per_replica >= 1) {
    slip_train_infer(r, "micro_batch=%lld, all of a replica's batch", (long long)per_replica);
    p->micro_batch = per_replica;
  }
}

static bool read_sequence_parallel(slip_train_reading *r, slip_plan *p) {
  const char *text = slip_row_text(r->row, "seq_parallel");
  if (*text && strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
    return slip_train_skip(r, "seq_parallel '%s' is neither yes nor no", text);
  const bool unheard = r->out->year < SELECTIVE_AND_SEQUENCE_PARALLEL;
  p->no_sequence_parallel = strcmp(text, "no") == 0 || (!*text && unheard);
  if (!*text && unheard && p->tp > 1)
    slip_train_infer(r, "no sequence parallelism before May 2022");
  return true;
}

/* Layout given: dp is what is left. */
static bool read_layout(slip_train_reading *r, slip_plan *p) {
  int64_t ranks = (int64_t)((double)r->out->train.job.chips * r->out->chip->ranks);
  const char *tp = slip_train_fact(r, "tp");
  int64_t columns[] = {slip_train_count(r, "tp"), slip_train_count(r, "pp"), slip_train_count(r, "vpp"),
                       slip_train_count(r, "cp"), slip_train_count(r, "dp")};
  if (r->skipped)
    return false;
  if (!columns[0] && tp && atoi(tp) > 0)
    columns[0] = atoi(tp);
  p->tp = columns[0] ? columns[0] : 1;
  p->pp = columns[1] ? columns[1] : 1;
  p->vpp = columns[2] ? columns[2] : 1;
  p->cp = columns[3] ? columns[3] : 1;
  int64_t cut = p->tp * p->pp * p->cp;
  if (cut > ranks || ranks % cut != 0)
    return slip_train_skip(r, "tp x pp x cp = %lld does not divide the %lld ranks", (long long)cut,
                           (long long)ranks);
  p->dp = ranks / cut;
  if (columns[4] && columns[4] != p->dp)
    return slip_train_skip(r, "dp=%lld, but %lld ranks / (tp x pp x cp) = %lld", (long long)columns[4],
                           (long long)ranks, (long long)p->dp);
  return true;
}

/* Full sharding over all ranks; where there are more ranks than sequences, each is cut over several by tensor
 * parallelism. */
static bool shard_all(slip_train_reading *r, slip_plan *p) {
  int64_t ranks = (int64_t)((double)r->out->train.job.chips * r->out->chip->ranks);
  p->sharding = SLIP_SHARD_WEIGHTS;
  p->tp = 1;
  while (ranks / p->tp > r->out->train.job.batch && p->tp < 16 && ranks % (2 * p->tp) == 0)
    p->tp *= 2;
  p->dp = ranks / p->tp;
  if (p->dp > r->out->train.job.batch)
    return slip_train_skip(r, "layout is missing, and %lld ranks cannot share %lld sequences", (long long)ranks,
                           (long long)r->out->train.job.batch);
  slip_train_infer(r, "layout: full sharding over all chips, tp=%lld", (long long)p->tp);
  return true;
}

static bool search(slip_train_reading *r, slip_plan *p) {
  slip_train_job job = r->out->train.job;
  job.stack = r->out->stack;
  slip_train *train = NULL;
  slip_train_result result;
  slip_search_stats stats;
  slip_error err = {0};
  slip_train_space space = slip_train_space_default();
  space.sequence_parallel = 1;
  space.recompute_layers = 0; /* what trainers use without being asked */
  space.fixed.micro_batch = slip_train_count(r, "micro_batch");
  space.fixed.pp = slip_train_count(r, "pp");
  space.fixed.cp = slip_train_count(r, "cp");
  space.fixed.ep = slip_train_count(r, "ep");
  slip_status status = slip_train_open(&job, &train, &err);
  if (status == SLIP_OK)
    status = slip_train_best(train, &space, NULL, &result, &stats, &err);
  slip_train_free(train);
  if (status == SLIP_NO_MEMORY)
    r->no_memory = true;
  if (status != SLIP_OK)
    return slip_train_skip(r, "layout is missing, and no legal plan was found: %s", err.message);
  *p = result.plan;
  r->out->train.searched = true;
  char text[160];
  slip_plan_format(p, text, sizeof text);
  slip_train_infer(r, "layout searched: %s", text);
  return true;
}

/* Layout missing: TPUs shard over all chips, few chips replicate where that fits, others are searched. */
static bool infer_layout(slip_train_reading *r, slip_plan *p) {
  slip_train_job job = r->out->train.job;
  if (on_tpu(r) || p->sharding == SLIP_SHARD_WEIGHTS)
    return shard_all(r, p);
  int64_t ranks = (int64_t)((double)job.chips * r->out->chip->ranks);
  if (ranks <= 8 && job.batch % ranks == 0) {
    slip_train_memory memory;
    double step;
    slip_plan replicated = *p;
    replicated.dp = ranks;
    job.stack = r->out->stack;
    if (slip_train_case_step(&r->out->train, &job, &replicated, &step, &memory, NULL) == SLIP_OK &&
        memory.total <= r->out->chip->memory_bytes / r->out->chip->ranks) {
      *p = replicated;
      slip_train_infer(r, "layout: data parallel");
      return true;
    }
  }
  return search(r, p);
}

/* Interleaved pipelines came with arXiv 2104.04473 of April 2021. Public frameworks have them when their launch script says so; of one of which nothing
 * is known, a team that fills pipelines of its own with few micro-batches is taken to have chosen the best. */
#define INTERLEAVED_SINCE 2021.3

static void infer_interleaving(slip_train_reading *r, slip_plan *p) {
  if (!r->out->stack->is_prior || p->pp < 2 || *slip_row_text(r->row, "vpp") || r->out->year < INTERLEAVED_SINCE)
    return;
  slip_train_job job = r->out->train.job;
  job.stack = r->out->stack;
  slip_plan tried = *p;
  double least = INFINITY, step;
  for (tried.vpp = 1; tried.vpp * tried.pp <= job.model->layers + 2; tried.vpp++)
    if (slip_train_case_step(&r->out->train, &job, &tried, &step, NULL, NULL) == SLIP_OK && step < least) {
      least = step;
      p->vpp = tried.vpp;
    }
  if (p->vpp > 1)
    slip_train_infer(r, "vpp=%lld, the fastest", (long long)p->vpp);
}

bool slip_train_plan(slip_train_reading *r) {
  slip_train_case *c = &r->out->train;
  slip_plan *p = &c->plan;
  *p = slip_plan_default();
  c->full_share = 1;
  p->sharding = sharding_of(r);
  const char *schedule = slip_train_fact(r, "schedule");
  bool given = *slip_row_text(r->row, "tp") || *slip_row_text(r->row, "dp") || slip_train_fact(r, "tp");
  r->out->shown.layout_known = given;
  if (r->skipped || !(given ? read_layout(r, p) : infer_layout(r, p)))
    return false;
  if (c->searched)
    return !r->skipped;
  if (schedule && strcmp(schedule, "zero-bubble") == 0 && p->pp > 1)
    p->schedule = SLIP_ZERO_BUBBLE;
  if (schedule && strcmp(schedule, "dualpipe") == 0 && p->pp > 1)
    p->schedule = SLIP_DUALPIPE;
  if (c->job.batch < p->dp)
    return slip_train_skip(r, "global_batch_seqs %lld is less than dp %lld", (long long)c->job.batch,
                           (long long)p->dp);
  if (!read_sequence_parallel(r, p))
    return false;
  fill_micro_batch(r, p);
  fill_experts(r, p);
  if (!r->skipped && !read_recompute(r, p) && !r->skipped)
    infer_recompute(r, p);
  if (!r->skipped)
    infer_interleaving(r, p);
  return !r->skipped;
}
