/* Serving one model on one system: the time of an engine step, and what a batch policy makes of it.
 *
 * Two stages: slip_serve_step is the cost of one step as a function of (tokens prefilled, sequences decoding, context);
 * slip_serve_estimate is the steady state of a policy over it: aggregated (the same chips prefill and decode) or
 * disaggregated (a prefill pool and a decode pool, possibly of different systems, with the KV cache sent between them). */
#ifndef SLIPSTICK_SERVE_H
#define SLIPSTICK_SERVE_H

#include <slipstick/cost.h>
#include <slipstick/fabric.h>
#include <slipstick/train.h> /* slip_why */

#ifdef __cplusplus
extern "C" {
#endif

/* One engine instance: tp * dp * pp ranks. Attention is cut over tp and replicated dp times (each replica has its own
 * sequences); experts are spread over ep ranks, each cut in tp * dp / ep. */
typedef struct slip_serve_plan {
  int64_t tp, pp, dp, ep;
  int64_t batch; /* running sequences of the instance; 0: the largest that memory and the objectives allow */
  int64_t chunk; /* tokens prefilled per step and attention replica; 0: the stack's habit (8192) */
  int64_t poll;  /* steps between two looks for new requests; 0 or 1: before every step */
  int64_t wait;  /* steps that a prompt waits for others to fill its chunk while sequences decode (TensorRT-LLM:
                  * batch_wait_timeout_iters; with attention replicas attention_dp_config's timeout_iters, until all have one); 0: none */
  bool disaggregated;
  int64_t instances; /* disaggregated: of this pool in the fleet; 0: as many as keep pace with the other pool */
  int64_t frontends; /* disaggregated: that deal requests to this pool's instances, each in rotation; 0: one */
} slip_serve_plan;

slip_serve_plan slip_serve_plan_default(void);
/* "tp=8,dp=4,ep=32,batch=512,chunk=8192,poll=30,disaggregate=yes,instances=2". As slip_plan_parse. */
slip_status slip_serve_plan_parse(const char *text, slip_serve_plan *out, slip_error *err);
int slip_serve_plan_format(const slip_serve_plan *plan, char *out, int size);

typedef struct slip_serve_job {
  const slip_model *model;
  const slip_system *system;
  const slip_stack *stack;
  int64_t chips;         /* of the fleet; instances are packed into it; 0: one instance */
  int64_t isl, osl;      /* tokens in and out of a request, >= 1 */
  double prefix_hit;     /* share of the input found in the prefix cache, [0, 1) */
  double ttft_s, tpot_s; /* objectives; infinity: none */
  slip_dtype
      weights; /* format the weights are served in; SLIP_DTYPES: as released, or the nearest that the chip computes */
  slip_dtype
      attention; /* of attention's weights; SLIP_DTYPES: like the others, but that 4-bit mixtures of experts keep it as released */
  slip_dtype
      kv; /* SLIP_DTYPES: as released (bf16 unless the configuration says otherwise), if the chip computes it */
  bool speculate; /* draft tokens: with the model's MTP modules, or as `drafts` says */
  int64_t
      drafts; /* drafted per sequence and step; 0: one when the model has MTP modules, else none. A model without them
                   * drafts with a head of one of its own layers (EAGLE and kin) */
  double
      accepted; /* drafted tokens accepted per step; not above 0: a, a^2, ... of them by the stack's acceptance a */
  double rounds; /* of a closed loop: requests that each client sends, the first all at once; 0: very many */
  double
      length_spread; /* standard deviation of the requests' durations over their mean: what pulls clients that began together apart */
  bool ignore_memory; /* memory neither refuses nor limits the batch: for runs that were measured and so did fit */
} slip_serve_job;

/* isl 4096, osl 1024, no objectives, prefix_hit 0, formats as released, speculate true, memory refused. */
slip_serve_job slip_serve_job_default(void);

typedef struct slip_serve slip_serve;
/* SLIP_BAD_INPUT, SLIP_MISSING, SLIP_NO_MEMORY. The catalog and model must outlive it. */
slip_status slip_serve_open(const slip_serve_job *job, slip_serve **out, slip_error *err);
void slip_serve_free(slip_serve *serve);
const slip_serve_job *slip_serve_job_of(const slip_serve *serve);
/* Formats that the job really runs in. */
slip_dtype slip_serve_weights(const slip_serve *serve);
slip_dtype slip_serve_compute(const slip_serve *serve);
slip_dtype slip_serve_kv(const slip_serve *serve);

/* SLIP_INFEASIBLE with the rule broken. */
slip_status slip_serve_check(const slip_serve *serve, const slip_serve_plan *plan, slip_error *err);
/* Every rule, as slip_train_verdicts. */
int slip_serve_verdicts(const slip_serve *serve, const slip_serve_plan *plan,
                        slip_plan_verdict out[SLIP_MAX_RULES]);

/* One engine step of one attention replica (all replicas do the same): `prefill` new prompt tokens at mean depth, and
 * `decoding` sequences of mean `context`, each advancing by one token and its drafts. */
typedef struct slip_step {
  double prefill_sequences, prefill_tokens, prefill_past; /* sequences, new tokens of each, tokens cached of each */
  double decoding, context;
  double
      prefill_busy; /* share of the attention replicas that have these prompts, the others none; 0: all of them. Without decoding only */
} slip_step;

typedef struct slip_step_cost {
  double seconds;
  double parts[SLIP_PARTS];   /* add up to seconds */
  double bounds[SLIP_BOUNDS]; /* add up to seconds */
} slip_step_cost;

/* The plan must be legal. O(kinds). */
void slip_serve_step(const slip_serve *serve, const slip_serve_plan *plan, const slip_step *step,
                     slip_step_cost *cost);

/* Bytes per rank. */
typedef struct slip_serve_memory {
  double weights, kv_cache, buffers, total;
  double capacity;
  double sequences_max; /* sequences of the job's full length that fit an instance */
} slip_serve_memory;

/* A pool of one phase, or both phases on the same chips. */
typedef struct slip_pool {
  slip_serve_plan plan; /* batch filled in */
  int64_t instance_chips;
  double chips_share;  /* of all chips of the estimate: 1 when aggregated */
  slip_step work;      /* its typical step, of one attention replica */
  slip_step_cost step; /* what that costs */
  slip_serve_memory memory;
  double tokens_per_s_per_chip; /* of this pool: input tokens computed (prefill), output tokens (decode) */
} slip_pool;

typedef struct slip_serve_result {
  bool disaggregated;
  slip_dtype weights, compute, kv; /* formats that the decode side really runs in */
  slip_pool prefill, decode; /* aggregated: the same chips, each rate as if the phase had them for its own time */
  double tokens_per_step;    /* output tokens per sequence and decode step: 1 + accepted drafts */
  double ttft_s, tpot_s;
  double tpot_low_s, tpot_high_s;
  double ttft_low_s, ttft_high_s;
  double output_tokens_per_s_per_chip; /* over all chips */
  double input_tokens_per_s_per_chip;
  double output_low, output_high; /* 80% interval of output_tokens_per_s_per_chip */
  double requests_per_s_per_chip;
  double system_power_w_per_chip; /* average, before PUE; NAN when not published */
  double joule_per_output_token;  /* before PUE, input included; NAN as above */
  double transfer_s;              /* KV hand-over, disaggregated */
} slip_serve_result;

/* Steady state of one plan. `decode_plan` and `decode` may differ from the prefill side (heterogeneous disaggregation):
 * for one system pass the same object twice; decode NULL or equal means one system. When the plans are not
 * disaggregated only `plan` counts. SLIP_INFEASIBLE: illegal, weights or one sequence do not fit, or no batch meets the objectives. */
slip_status slip_serve_estimate(const slip_serve *serve, const slip_serve_plan *plan, const slip_serve *decode,
                                const slip_serve_plan *decode_plan, slip_serve_result *out, slip_error *err);

/* One pool by itself: the best batch of a plan for prefill (objective TTFT) or decode (objective TPOT). */
slip_status slip_serve_prefill(const slip_serve *serve, const slip_serve_plan *plan, slip_pool *out, double *ttft_s,
                               slip_error *err);
slip_status slip_serve_decode(const slip_serve *serve, const slip_serve_plan *plan, slip_pool *out, double *tpot_s,
                              slip_error *err);

/* ---- a fixed number of requests in flight ---- */

/* Steady state of a closed loop: `requests` clients, each of which sends its next request when the last is answered.
 * Little's law holds by construction: requests = requests_per_s * (ttft_s + tpot_s * (osl - 1)), osl >= 2. */
typedef struct slip_loop {
  double running;        /* sequences decoding, mean */
  double requests_per_s; /* of everything in the loop */
  double ttft_s, tpot_s; /* means; tpot over the osl - 1 tokens after the first */
  double
      burst_ttft_s; /* mean, when all arrive at once: the first round of a benchmark, that steady state does not see */
  double rounds_ttft_s, rounds_tpot_s; /* means over the job's rounds; ttft_s and tpot_s when it names none */
  double
      prefill_steps; /* share of steps that carry a prefill chunk; of the prefill lanes' time when disaggregated */
  int64_t chips;     /* in the loop */
} slip_loop;

/* One instance that prefills and decodes. Each lane (attention replica and pipeline micro-batch) runs `running` sequences;
 * a step carries a chunk of waiting prompts beside them whenever some wait (prompts that fit share a chunk), so with f the
 * share of such steps
 *   step = T(decode) + f (T(mixed) - T(decode)) interference,   f = prompts finished per step * passes / prompts per chunk
 * Where the stack takes prompts apart (prefill_apart), they run in steps of their own, f of them for each that decodes (f may exceed 1):
 *   step = T(decode) + f T(prompts alone) interference
 * A prompt waits for the step under way, for those before it (M/G/1 with the arrival theorem's (N-1)/N: nobody waits for himself),
 * then for its own passes. What exceeds the scheduler's or the memory's sequences waits outside. requests: >= 1; infinity is
 * saturation (ttft_s infinite). plan->batch > 0 caps the running sequences of the instance. SLIP_INFEASIBLE as slip_serve_decode.
 * plan->poll = p: prompts wait for the next of every p steps as well, and those that came meanwhile are taken in together.
 * plan->wait = w: the first prompt of a chunk waits w steps, or until the chunk is full, and those who come meanwhile (a per step, in the
 * whole instance) wait w / 2 on average, in all (w + a w^2 / 2) / (1 + a w). With n attention replicas it waits until each has one, at most w: n (1 + 1/2
 * + ... + 1/n) - 1 prompts more.
 * Rounds: all clients begin at once, and S seconds of prefill set them apart; in round k their requests still arrive within
 * W = min(T, sqrt(S^2 + 12 k (length_spread T)^2)) of the period T = requests / requests_per_s, so that prefill meets T / W times the mean rate; the first
 * round waits as burst_ttft_s says. Requests that draft differ by 0.13 in their times per token, which adds to length_spread in
 * quadrature. Where a stack has prefill_apart and all requests may run, the first round's mean request waits for the rest of S before it decodes on:
 *   T(decode, all) / tokens per step + (S - wait of the mean prompt) / (osl - 1) per token;
 * and requests of one length without drafts stay in step: every round is like the first.
 * O(log) steps. */
slip_status slip_serve_closed_loop(const slip_serve *serve, const slip_serve_plan *plan, double requests,
                                   slip_loop *out, slip_error *err);
/* Prefill and decode on their own instances, `n_prefill` and `n_decode` of them, the cache sent between them. decode_plan->batch > 0 caps the
 * running sequences of a decode instance. What exceeds that (or memory) waits for a place, and so for its first token: the decode engine
 * sends it (TensorRT-LLM's executor when it first schedules the request, SGLang and vLLM likewise). That wait,
 *   ttft = (requests - running) / requests_per_s,
 * hides the prompt's own; rounds_ttft_s is the longer of the two, the first round's requests waiting half as long on average.
 * Of x requests an instance past their prompts, decode_plan->frontends = F deal so that it has F floor(x / F) + Binomial(F, x / F - floor(x / F)) and
 * runs at most those it may; and with lengths that differ a turn comes length_spread / sqrt(2 pi) (1 - 1 / n_decode) of a request's decoding
 * before a place is free, where all are taken. Prefill replicas step together: one prompt alone is one replica's (slip_step.prefill_busy). */
slip_status slip_serve_closed_loop_split(const slip_serve *prefill, const slip_serve_plan *plan, double n_prefill,
                                         const slip_serve *decode, const slip_serve_plan *decode_plan,
                                         double n_decode, double requests, slip_loop *out, slip_error *err);

/* ---- a fixed number of requests, all queued at once ---- */

/* How offline throughput is measured: the clock stops with the last answer, so that the ramp and the drain count. */
typedef struct slip_run {
  double seconds;        /* until the last request is answered */
  double requests_per_s; /* requests / seconds, of the instance */
  double running;        /* sequences decoding in the instance, mean over the decode steps */
  int64_t chips;
} slip_run;

/* One instance that prefills and decodes `requests` (1 to 1e12), spread evenly over its lanes (attention replica and pipeline micro-batch).
 * Decode steps pass one after the other; in each, waiting prompts come in as far as one chunk, the scheduler (plan->batch, else the
 * stack's max_sequences) and the cache allow, and every sequence leaves after D = (osl - 1) / tokens per step steps. So with n requests
 * a lane, M at once and c a step: waves of M, n/c + D steps when n <= M, and
 *   seconds = sum over steps of T(decode, sequences then running) + n (T(mixed) - T(decode)) passes / prompts per chunk + request_us
 *             + isl request_token_us.
 * A stack that reserves no room for outputs takes in what fits now; when the caches outgrow the memory the last to come wait and compute
 * their tokens anew. SLIP_BAD_INPUT, SLIP_INFEASIBLE as slip_serve_decode. O(1): requests go in at most 96 cohorts, three waves are
 * played and further ones are like the third. */
slip_status slip_serve_run(const slip_serve *serve, const slip_serve_plan *plan, double requests, slip_run *out,
                           slip_error *err);

/* The tree behind one step: step -> part -> operator. `prefill` chooses which pool's step. Free with slip_why_free. */
slip_status slip_serve_explain(const slip_serve *serve, const slip_serve_plan *plan, const slip_step *step,
                               slip_why **out, size_t *count, slip_error *err);

#ifdef __cplusplus
}
#endif
#endif
