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

/* Memory of a rank with `tokens` tokens in one pass. */
void slip_serve_memory_of(const slip_serve *serve, const slip_serve_plan *plan, double tokens, double sequences,
                          slip_serve_memory *out);
/* SLIP_INFEASIBLE naming the component when the weights or a single sequence do not fit. */
slip_status slip_serve_check_memory(const slip_serve *serve, const slip_serve_memory *memory, slip_error *err);

#endif
