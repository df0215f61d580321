/* Opening a serving job: formats, drafts, chip and network. */
#include <math.h>
#include <stdlib.h>

#include "base/fail.h"
#include "serve/serve_internal.h"

slip_serve_job slip_serve_job_default(void) {
  return (slip_serve_job){.isl = 4096,
                          .osl = 1024,
                          .ttft_s = INFINITY,
                          .tpot_s = INFINITY,
                          .weights = SLIP_DTYPES,
                          .attention = SLIP_DTYPES,
                          .kv = SLIP_DTYPES,
                          .speculate = true};
}

static slip_status check_job(const slip_serve_job *job, slip_error *err) {
  if (!job->model || !job->system || !job->stack)
    return slip_fail(err, SLIP_BAD_INPUT, "a serving job needs a model, a system and a stack");
  if (job->isl < 1 || job->osl < 1 || job->isl > 16777216 || job->osl > 16777216)
    return slip_fail_at(err, SLIP_BAD_INPUT, NULL, 0, 0, job->isl < 1 || job->isl > 16777216 ? "isl" : "osl",
                        "must be from 1 to 16777216 tokens");
  if (job->chips < 0 || job->chips > 10000000)
    return slip_fail_at(err, SLIP_BAD_INPUT, NULL, 0, 0, "chips", "must be from 0 (one instance) to 10000000");
  if (!(job->prefix_hit >= 0 && job->prefix_hit < 1))
    return slip_fail_at(err, SLIP_BAD_INPUT, NULL, 0, 0, "prefix_hit", "must be at least 0 and below 1");
  if (job->drafts < 0 || job->drafts > 64)
    return slip_fail_at(err, SLIP_BAD_INPUT, NULL, 0, 0, "drafts", "must be from 0 to 64");
  if (job->accepted > (double)(job->drafts > 0 ? job->drafts : 1))
    return slip_fail_at(err, SLIP_BAD_INPUT, NULL, 0, 0, "accepted", "is more than is drafted");
  if (!(job->ttft_s > 0) || !(job->tpot_s > 0))
    return slip_fail_at(err, SLIP_BAD_INPUT, NULL, 0, 0, job->ttft_s > 0 ? "tpot" : "ttft",
                        "must be a time above 0");
  return SLIP_OK;
}

static slip_status check_stack(const slip_stack *stack, slip_error *err) {
  const struct {
    const char *field;
    double value;
  } needed[] = {{"host_step_us", stack->host_step_s},
                {"host_serve_layer_us", stack->host_serve_layer_s},
                {"two_batch_overlap", stack->two_batch_overlap},
                {"imbalance_serve", stack->imbalance_serve},
                {"prefill_interference", stack->prefill_interference},
                {"kv_memory_share", stack->kv_memory_share},
                {"draft_acceptance", stack->draft_acceptance},
                {"max_sequences", stack->max_sequences},
                {"dispatch_us", stack->dispatch_s},
                {"elementwise_passes", stack->elementwise_passes},
                {"memory_share", stack->memory_share},
                {"spread_serve", stack->spread_serve}};
  for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
    slip_status status = slip_require(&stack->entry, needed[i].field, needed[i].value, err);
    if (status != SLIP_OK)
      return status;
  }
  return SLIP_OK;
}

/* The format a class of weights is stored in on this chip. 8-bit floats become 8-bit integers where only those compute;
 * formats of fewer bits than the chip computes stay as they are and are widened on the fly. */
static slip_dtype stored_format(const slip_serve *serve, slip_dtype asked, slip_dtype released) {
  slip_dtype wanted = asked != SLIP_DTYPES ? asked : released;
  slip_dtype computed = slip_device_dtype(&serve->device, wanted, false);
  bool swap = (wanted == SLIP_FP8 && computed == SLIP_INT8) || (wanted == SLIP_INT8 && computed == SLIP_FP8);
  return swap ? computed : wanted;
}

/* Published 4-bit checkpoints of mixtures of experts quantise the feed-forward part alone, or attention's output besides: the rest is in bf16
 * (nvidia/DeepSeek-R1-FP4, NVIDIA/Model-Optimizer issue 150; its v2 has the output in fp4). On average that is as many bytes as a
 * release in fp8 has; without the output in fp4 it is twice as many, which `attention` of the job says. */
static bool keeps_attention(const slip_serve *serve) {
  if (serve->job.weights != SLIP_FP4 && serve->job.weights != SLIP_INT4)
    return false;
  for (int i = 0; i < serve->job.model->n_kinds; i++)
    if (serve->job.model->kinds[i].ffn.kind == SLIP_FFN_MOE)
      return true;
  return false;
}

static void choose_formats(slip_serve *serve) {
  const slip_weight_formats *released = &serve->job.model->weights;
  slip_dtype asked = serve->job.weights, attention = serve->job.attention;
  if (attention == SLIP_DTYPES)
    attention = keeps_attention(serve) ? released->attention : asked;
  serve->weights.attention = stored_format(serve, attention, released->attention);
  serve->weights.dense_ffn = stored_format(serve, asked, released->dense_ffn);
  serve->weights.shared_experts = stored_format(serve, asked, released->shared_experts);
  serve->weights.routed_experts = stored_format(serve, asked, released->routed_experts);
  serve->weights.embedding = released->embedding == SLIP_FP32 ? SLIP_BF16 : released->embedding;
  /* Products compute in the format of the class that was quantised most. */
  slip_dtype narrowest = serve->weights.attention;
  const slip_dtype classes[] = {serve->weights.dense_ffn, serve->weights.shared_experts,
                                serve->weights.routed_experts};
  for (int i = 0; i < 3; i++)
    if (slip_dtype_bytes(classes[i]) < slip_dtype_bytes(narrowest))
      narrowest = classes[i];
  serve->compute = slip_device_dtype(&serve->device, narrowest, false);
  if (narrowest == SLIP_FP4 && isnan(serve->device.peak_flops[SLIP_FP4]))
    serve->compute = SLIP_BF16; /* engines widen such weights to the activations' bf16 (Marlin, triton_kernels) */
  slip_dtype kv = serve->job.kv != SLIP_DTYPES ? serve->job.kv : serve->job.model->kv_dtype;
  serve->kv = serve->job.kv != SLIP_DTYPES || !isnan(serve->device.peak_flops[kv]) ? kv : SLIP_BF16;
}

static void choose_drafts(slip_serve *serve) {
  const slip_model *model = serve->job.model;
  bool own = model->mtp_modules > 0 && model->mtp_kind >= 0;
  serve->draft_kind = own ? model->mtp_kind : model->n_kinds - 1;
  serve->drafts = 0;
  serve->tokens_per_step = 1;
  if (!serve->job.speculate || (!own && serve->job.drafts == 0))
    return;
  /* One draft a step from the first module: what DeepSeek's own deployment and the published measurements use. */
  int64_t drafts = serve->job.drafts > 0 ? serve->job.drafts : 1;
  double acceptance = serve->job.stack->draft_acceptance, chain = 1, accepted = 0;
  for (int64_t i = 0; i < drafts; i++) { /* a draft counts only when all before it were accepted */
    chain *= acceptance;
    accepted += chain;
  }
  serve->drafts = (double)drafts;
  serve->tokens_per_step = 1 + (serve->job.accepted > 0 ? serve->job.accepted : accepted);
}

slip_status slip_serve_open(const slip_serve_job *job, slip_serve **out, slip_error *err) {
  slip_serve *serve = NULL;
  slip_status status = SLIP_OK;
  SLIP_TRY(check_job(job, err));
  SLIP_TRY(check_stack(job->stack, err));
  serve = calloc(1, sizeof *serve);
  if (!serve)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "no memory for a serving job");
  serve->job = *job;
  SLIP_TRY(slip_device_make(job->system->chip, &serve->device, err));
  SLIP_TRY(slip_network_make(job->system, &serve->network, err));
  choose_formats(serve);
  choose_drafts(serve);
  *out = serve;
  serve = NULL;
cleanup:
  free(serve);
  return status;
}

void slip_serve_free(slip_serve *serve) {
  free(serve);
}

const slip_serve_job *slip_serve_job_of(const slip_serve *serve) {
  return &serve->job;
}

slip_dtype slip_serve_weights(const slip_serve *serve) {
  return serve->weights.routed_experts != serve->weights.dense_ffn &&
                 slip_dtype_bytes(serve->weights.routed_experts) < slip_dtype_bytes(serve->weights.dense_ffn)
             ? serve->weights.routed_experts
             : serve->weights.dense_ffn;
}

slip_dtype slip_serve_compute(const slip_serve *serve) {
  return serve->compute;
}

slip_dtype slip_serve_kv(const slip_serve *serve) {
  return serve->kv;
}

int64_t slip_serve_chips(const slip_serve *serve, const slip_serve_plan *p) {
  return p->tp * p->pp * p->dp / (int64_t)serve->job.system->chip->ranks;
}
