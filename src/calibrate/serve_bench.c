/* What trtllm-bench, TensorRT-LLM's benchmark, chooses where its user says nothing. Facts of its source: tensorrt_llm/bench/build/tuning.py and
 * bench/build/build.py, bench/benchmark/utils/general.py, and the "Number of Requests" of docs/source/.../perf-overview.md of releases 0.14 and 1.1. */
#include <math.h>
#include <stddef.h>

#include "calibrate/serve_read.h"

double slip_trtllm_requests(int64_t isl, int64_t osl) {
  static const struct {
    int64_t isl, osl;
    double requests;
  } runs[] = {{128, 128, 30000},  {128, 2048, 3000},  {128, 4096, 1500},   {2048, 128, 3000},   {2048, 2048, 1500},
              {5000, 500, 1500},  {1000, 1000, 3000}, {500, 2000, 3000},   {20000, 2000, 1000}, {1024, 1024, 3000},
              {8192, 1024, 1500}, {1024, 8192, 1500}, {32768, 1024, 1000}, {1024, 32768, 1000}};
  for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
    if (runs[i].isl == isl && runs[i].osl == osl)
      return runs[i].requests;
  return 0;
}

/* Formats that the tool's tuning does not know (mxfp4) get its defaults. */
#define UNTUNED_BATCH 2048
#define UNTUNED_TOKENS 8192

static bool released_in_fp4(const slip_model *model) {
  return model->weights.routed_experts == SLIP_FP4 || model->weights.dense_ffn == SLIP_FP4;
}

/* Elements as a checkpoint's index counts them (two 4-bit values are stored in one), at the bytes that the tool takes one for: half a one for
 * nvfp4, one for fp8. */
static double engine_bytes(const slip_serve_job *job) {
  double elements = slip_model_params(job->model);
  if (job->weights == SLIP_FP4)
    return elements * 0.5 * 0.5;
  return elements * (job->weights == SLIP_FP8 || job->model->weights.dense_ffn == SLIP_FP8 ? 1 : 2);
}

/* Bytes of a token's cache, every layer alike: keys and values of at least one head a rank, or the latents. */
static double token_bytes(const slip_serve_job *job, int64_t tp) {
  const slip_model *model = job->model;
  double most = 0;
  for (int i = 0; i < model->n_kinds; i++) {
    const slip_attention *a = &model->kinds[i].attention;
    double elements = a->kind == SLIP_ATTENTION_MLA ? (double)(a->kv_rank + a->rope_dim)
                                                    : 2 * fmax((double)tp, (double)a->kv_heads) * (double)a->qk_dim;
    most = fmax(most, (double)model->layers * elements);
  }
  return most * (job->kv == SLIP_FP8 ? 1 : 2);
}

static double rounded_up(double value, double unit) {
  return unit * ceil(value / unit);
}

slip_bench_engine slip_trtllm_engine(const slip_serve_job *job, const slip_serve_plan *plan) {
  const double share = 0.9; /* of the free memory, for the cache: the tool's default */
  double gpus = (double)(plan->tp * plan->dp * plan->pp); /* its tp counts replicas of attention */
  double memory = job->system->chip->memory_bytes * gpus;
  double isl = (double)job->isl, osl = (double)job->osl;
  double fits = fmax(0, memory - engine_bytes(job)) * share / (token_bytes(job, plan->tp * plan->dp) * (isl + osl));
  double batch = fmin(fits, 4096) / (double)plan->pp, tokens = fmin(batch * (1 + isl / osl), 32768);
  double most = batch < 256    ? fmax(64, rounded_up(batch, 32))
                : batch < 1024 ? rounded_up(batch, 128)
                               : rounded_up(batch, 256);
  double step = tokens < 4096   ? fmax(2048, rounded_up(tokens, 256))
                : tokens < 8192 ? rounded_up(tokens, 512)
                                : rounded_up(tokens, 1024);
  if (released_in_fp4(job->model))
    most = UNTUNED_BATCH, step = UNTUNED_TOKENS;
  /* Without chunked prefill a step must hold the longest prompt beside a full batch. */
  return (slip_bench_engine){(int64_t)most, (int64_t)fmax(step, isl + most)};
}
