/* What the files of the serving floor share. */
#ifndef SLIP_SERVE_INTERNAL_H
#define SLIP_SERVE_INTERNAL_H

#include <slipstick/serve.h>

struct slip_serve {
  slip_serve_job job;
  slip_device device;
  slip_network network;
  slip_weight_formats weights; /* as stored */
  slip_dtype compute, kv;
  double drafts;          /* tokens drafted per sequence and step */
  int draft_kind;         /* kind of layer that drafts */
  double tokens_per_step; /* 1 + accepted drafts */
};

/* Tokens prefilled per step and attention replica when the plan does not say: vLLM's and SGLang's default on large chips. */
enum { SLIP_DEFAULT_CHUNK = 8192 };

/* The shard of a layer under the plan: experts over ep, each cut in tp * dp / ep. */
slip_shard slip_serve_shard(const slip_serve_plan *plan);
slip_group slip_serve_group(const slip_serve_plan *plan, slip_axis axis);
/* The work of one step of one attention replica. */
slip_work slip_serve_work(const slip_serve *serve, const slip_step *step);
/* Exposed time of one operator, added to the cost. `once`: dispatch with copies merged. */
void slip_serve_operator(const slip_serve *serve, const slip_serve_plan *plan, const slip_op *op, bool prefill,
                         double times, slip_step_cost *cost);
int64_t slip_serve_chips(const slip_serve *serve, const slip_serve_plan *plan);
/* Steady state of prefill and decode on the same chips; power and interval are not filled in. */
slip_status slip_serve_aggregated(const slip_serve *serve, const slip_serve_plan *plan, slip_serve_result *out,
                                  slip_error *err);

/* ---- the pieces of an estimate, for those who combine many pools ---- */

/* Sequences per replica that an opened pool's memory and the scheduler allow. */
double slip_serve_most_sequences(const slip_serve *serve, const slip_pool *pool);
/* Fills step, rate, batch and memory of an opened pool for `per_replica` running sequences. */
void slip_serve_fill_decode(const slip_serve *serve, slip_pool *pool, double per_replica);
/* Sequences per replica of an opened decode pool beside prefill on the same chips: the plan's, or the most that all allow. */
slip_status slip_serve_mixed_batch(const slip_serve *serve, slip_pool *decode, const slip_pool *prefill,
                                   double *out, slip_error *err);
/* Both phases on the same chips: out->prefill as slip_serve_prefill gave it (with its ttft_s), out->decode filled for n. */
void slip_serve_mix(const slip_serve *serve, const slip_serve_plan *plan, double n, slip_serve_result *out);
/* Power of one chip of a pool at work, W before PUE. */
double slip_serve_pool_power_w(const slip_serve *serve, const slip_pool *pool);
/* A fleet of n prefill and m decode instances; n 0: the shares with which neither waits. */
typedef struct slip_split {
  double prefill_chips, decode_chips, all_chips; /* counts, or shares of 1 in an open fleet */
  double requests_per_s_per_chip, power_w_per_chip;
} slip_split;
void slip_serve_split_rate(const slip_serve *prefill, const slip_pool *a, double power_a_w, const slip_pool *b,
                           double power_b_w, slip_split *split);
/* From pools and their ttft_s, tpot_s to the whole result; the plans' instances are kept when both are > 0. */
slip_status slip_serve_join(const slip_serve *prefill, const slip_serve *decode, slip_serve_result *out,
                            slip_error *err);
/* From slip_serve_mix to the whole result. */
slip_status slip_serve_share(const slip_serve *serve, slip_serve_result *out, slip_error *err);
/* What both end with: formats, intervals, energy. */
void slip_serve_conclude(const slip_serve *serve, const slip_serve *decode, slip_serve_result *out);

/* Seconds in which the cache of a prompt goes from a prefill to a decode instance. */
double slip_serve_transfer_s(const slip_serve *prefill, const slip_pool *a, const slip_serve *decode,
                             const slip_pool *b);
/* Checks a plan and its memory for `tokens` in one pass; fills plan, instance_chips and memory. */
slip_status slip_serve_open_pool(const slip_serve *serve, const slip_serve_plan *plan, double tokens,
                                 slip_pool *out, slip_error *err);
/* How a replica prefills: whole prompts side by side while they fit a chunk, else a prompt in several passes. */
typedef struct slip_prefill_pass {
  double sequences, tokens, past; /* of one pass; past at its mean over the passes */
  double passes;
} slip_prefill_pass;
slip_prefill_pass slip_serve_split_prompt(const slip_serve *serve, double chunk, double most_sequences);
double slip_serve_chunk(const slip_serve_plan *plan);
double slip_serve_request_s(const slip_serve *serve); /* what a request takes outside all steps (S12) */
double slip_serve_mean_context(const slip_serve *serve);

/* One lane: an attention replica's share of the instance, or one of its pipeline's micro-batches. */
typedef struct slip_lane {
  const slip_serve *serve;
  const slip_serve_plan *plan;
  double lanes;       /* of the instance */
  double tokens_out;  /* decode tokens of a request: osl - 1, those after the first */
  double passes;      /* chunks of a prompt */
  double tokens;      /* of a prompt in one chunk */
  double past;        /* cached before it, mean */
  double most_shared; /* prompts that fit a chunk */
  double poll;        /* steps between two looks for new requests, >= 1 */
  double wait;        /* steps that the first prompt of a chunk waits for others, >= 0 */
} slip_lane;
slip_lane slip_serve_lane(const slip_serve *serve, const slip_serve_plan *plan);
/* A step with `running` sequences and `prompts` prompts (or parts of them) in every lane; below 1 that share of the attention replicas has
 * one, if nobody decodes. A lane that decodes at all holds at least one sequence. */
double slip_lane_step_s(const slip_lane *l, double running, double prompts);
/* Sequences per lane that the plan, else the stack's scheduler, lets run. */
double slip_lane_scheduled(const slip_lane *l);

/* Sequences that run on an instance with `slots` places when it has `mean` requests on average, dealt by `frontends` (>= 1) in rotation:
 * serve.h, slip_serve_closed_loop_split. */
double slip_serve_dealt(double mean, double slots, double frontends);
/* What a request waits for its turn there when lengths differ, as a share of the time that one is decoded. */
double slip_serve_turn_wait(double mean, double slots, double instances, double spread);

/* Bytes of one sequence's cache on a rank when it holds `context` tokens. */
double slip_serve_cache_bytes(const slip_serve *serve, const slip_serve_plan *plan, double context);
/* Memory of a rank with `tokens` tokens in one pass. */
void slip_serve_memory_of(const slip_serve *serve, const slip_serve_plan *plan, double tokens, double sequences,
                          slip_serve_memory *out);
/* SLIP_INFEASIBLE naming the component when the weights or a single sequence do not fit. */
slip_status slip_serve_check_memory(const slip_serve *serve, const slip_serve_memory *memory, slip_error *err);

#endif
