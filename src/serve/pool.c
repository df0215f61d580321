/* One pool by itself: how fast a plan prefills, how many sequences it may decode within the objective. */
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "serve/serve_internal.h"

/* Input tokens of a request that are not found in the prefix cache. */
static double fresh_input(const slip_serve *serve) {
  return fmax(1, (double)serve->job.isl * (1 - serve->job.prefix_hit));
}

double slip_serve_request_s(const slip_serve *serve) {
  const slip_serve_job *job = &serve->job;
  return job->stack->request_s + (double)job->isl * job->stack->request_token_s;
}

double slip_serve_chunk(const slip_serve_plan *p) {
  return (double)(p->chunk > 0 ? p->chunk : SLIP_DEFAULT_CHUNK);
}

slip_prefill_pass slip_serve_split_prompt(const slip_serve *serve, double chunk, double most_sequences) {
  double fresh = fresh_input(serve), hit = (double)serve->job.isl - fresh;
  if (fresh <= chunk) {
    double side_by_side = fmax(1, fmin(floor(chunk / fresh), most_sequences));
    return (slip_prefill_pass){side_by_side, fresh, hit, 1};
  }
  double passes = ceil(fresh / chunk), tokens = fresh / passes;
  return (slip_prefill_pass){1, tokens, hit + tokens * (passes - 1) / 2, passes};
}

slip_status slip_serve_open_pool(const slip_serve *serve, const slip_serve_plan *plan, double tokens,
                                 slip_pool *out, slip_error *err) {
  slip_status status = slip_serve_check(serve, plan, err);
  if (status != SLIP_OK)
    return status;
  memset(out, 0, sizeof *out);
  out->plan = *plan;
  out->instance_chips = slip_serve_chips(serve, plan);
  out->chips_share = 1;
  slip_serve_memory_of(serve, plan, tokens, 0, &out->memory);
  return slip_serve_check_memory(serve, &out->memory, err);
}

/* ---- prefill ---- */

slip_status slip_serve_prefill(const slip_serve *serve, const slip_serve_plan *plan, slip_pool *out, double *ttft_s,
                               slip_error *err) {
  double chunk = slip_serve_chunk(plan);
  slip_status status = slip_serve_open_pool(serve, plan, chunk, out, err);
  if (status != SLIP_OK)
    return status;
  double most = floor(out->memory.sequences_max / (double)plan->dp);
  slip_prefill_pass pass = slip_serve_split_prompt(serve, chunk, fmax(1, most));
  double ttft;
  for (;;) {
    out->work =
        (slip_step){.prefill_sequences = pass.sequences, .prefill_tokens = pass.tokens, .prefill_past = pass.past};
    slip_serve_step(serve, plan, &out->work, &out->step);
    /* A request waits half a pass on average for the next to begin, then for its own passes. */
    ttft = out->step.seconds * (pass.passes + 0.5);
    if (ttft <= serve->job.ttft_s || pass.sequences <= 1)
      break;
    pass = slip_serve_split_prompt(serve, chunk, floor(pass.sequences / 2));
  }
  if (ttft > serve->job.ttft_s)
    return slip_fail(err, SLIP_INFEASIBLE,
                     "prefilling %lld tokens takes %.3g s, above the TTFT objective of %.3g s",
                     (long long)serve->job.isl, ttft, serve->job.ttft_s);
  /* pp stages work on different passes at the same time */
  double rate = pass.sequences * pass.tokens / out->step.seconds * (double)plan->dp * (double)plan->pp;
  out->tokens_per_s_per_chip = rate / (double)out->instance_chips;
  out->plan.batch = (int64_t)pass.sequences * plan->dp * plan->pp;
  *ttft_s = ttft;
  return SLIP_OK;
}

/* ---- decode ---- */

/* Mean tokens in the cache of a running sequence: the input and half the output. */
double slip_serve_mean_context(const slip_serve *serve) {
  return (double)serve->job.isl + (double)serve->job.osl / 2;
}

static slip_step decode_work(const slip_serve *serve, const slip_serve_plan *plan, double per_replica) {
  return (slip_step){.decoding = per_replica / (double)plan->pp, .context = slip_serve_mean_context(serve)};
}

static void decode_step(const slip_serve *serve, const slip_serve_plan *plan, double per_replica,
                        slip_step_cost *cost) {
  slip_step step = decode_work(serve, plan, per_replica);
  slip_serve_step(serve, plan, &step, cost);
}

/* What the batch is chosen by: the time between a sequence's tokens with n sequences per replica. */
typedef double (*token_time)(const slip_serve *serve, const slip_serve_plan *plan, double per_replica, double extra,
                             slip_step_cost *cost);

static double decode_only(const slip_serve *serve, const slip_serve_plan *plan, double n, double extra,
                          slip_step_cost *cost) {
  (void)extra;
  decode_step(serve, plan, n, cost);
  return cost->seconds / serve->tokens_per_step;
}

enum { LOOKS = 3 };

/* Where to look between low, whose time is below the objective, and high, whose is above: where the line between the two meets it, so that a time
 * that is nearly a line in n is found in a few looks; in the middle, when LOOKS of them have not halved what was left. */
static double between(double low, double low_s, double high, double high_s, double objective, int looks) {
  const double share = looks < LOOKS ? (objective - low_s) / (high_s - low_s) : 0.5;
  return fmin(high - 1, fmax(low + 1, floor(low + share * (high - low))));
}

/* The largest n in [1, most] whose token time meets the objective; 0 when not even one does. The time grows with n but for
 * tile effects, of which the search may step over some. O(log most). */
static double largest_batch(const slip_serve *serve, const slip_serve_plan *plan, token_time time, double extra,
                            double most) {
  slip_step_cost cost;
  const double objective = serve->job.tpot_s;
  double low = 1, high = most, high_s = time(serve, plan, high, extra, &cost);
  if (high_s <= objective)
    return most;
  double low_s = time(serve, plan, low, extra, &cost);
  if (low_s > objective)
    return 0;
  double left = high - low;
  for (int looks = 0; high - low > 1; looks++) {
    const double n = between(low, low_s, high, high_s, objective, looks);
    const double seconds = time(serve, plan, n, extra, &cost);
    if (seconds <= objective)
      low = n, low_s = seconds;
    else
      high = n, high_s = seconds;
    if (high - low <= left / 2) {
      left = high - low;
      looks = -1;
    }
  }
  return low;
}

double slip_serve_most_sequences(const slip_serve *serve, const slip_pool *pool) {
  double memory = floor(pool->memory.sequences_max / (double)pool->plan.dp);
  return fmin(memory, fmax(1, floor(serve->job.stack->max_sequences)));
}

/* Sequences per replica: the plan's, or the largest that memory, the scheduler and the objective allow. */
static slip_status choose_batch(const slip_serve *serve, slip_pool *pool, token_time time, double extra,
                                double *out, slip_error *err) {
  const slip_serve_plan *plan = &pool->plan;
  double replicas = (double)plan->dp, memory = floor(pool->memory.sequences_max / replicas);
  if (plan->batch > 0) {
    *out = ceil((double)plan->batch / replicas);
    if (*out > memory && !serve->job.ignore_memory)
      return slip_fail(err, SLIP_INFEASIBLE,
                       "a batch of %lld does not fit: the KV cache has room for %.0f sequences of %lld tokens "
                       "after weights (%.1f GB per rank)",
                       (long long)plan->batch, pool->memory.sequences_max,
                       (long long)serve->job.isl + (long long)serve->job.osl, pool->memory.weights / 1e9);
    slip_step_cost cost;
    double tpot = time(serve, plan, *out, extra, &cost);
    if (tpot > serve->job.tpot_s)
      return slip_fail(err, SLIP_INFEASIBLE,
                       "a batch of %lld takes %.3g ms per token, above the objective of %.3g ms",
                       (long long)plan->batch, tpot * 1e3, serve->job.tpot_s * 1e3);
    return SLIP_OK;
  }
  double most = slip_serve_most_sequences(serve, pool);
  *out = largest_batch(serve, plan, time, extra, most);
  if (*out < 1) {
    slip_step_cost cost;
    return slip_fail(err, SLIP_INFEASIBLE,
                     "even one sequence per replica takes %.3g ms per token, above the objective of %.3g ms",
                     time(serve, plan, 1, extra, &cost) * 1e3, serve->job.tpot_s * 1e3);
  }
  return SLIP_OK;
}

void slip_serve_fill_decode(const slip_serve *serve, slip_pool *pool, double per_replica) {
  const slip_serve_plan *plan = &pool->plan;
  double sequences = per_replica * (double)plan->dp;
  pool->work = decode_work(serve, plan, per_replica);
  slip_serve_step(serve, plan, &pool->work, &pool->step);
  pool->plan.batch = (int64_t)sequences;
  slip_serve_memory_of(serve, plan, per_replica / (double)plan->pp * (1 + serve->drafts), sequences, &pool->memory);
  pool->tokens_per_s_per_chip =
      sequences * serve->tokens_per_step / pool->step.seconds / (double)pool->instance_chips;
}

slip_status slip_serve_decode(const slip_serve *serve, const slip_serve_plan *plan, slip_pool *out, double *tpot_s,
                              slip_error *err) {
  double n;
  slip_status status = slip_serve_open_pool(serve, plan, 1 + serve->drafts, out, err);
  if (status == SLIP_OK)
    status = choose_batch(serve, out, decode_only, 0, &n, err);
  if (status != SLIP_OK)
    return status;
  slip_serve_fill_decode(serve, out, n);
  *tpot_s = out->step.seconds / serve->tokens_per_step;
  return SLIP_OK;
}

/* ---- both phases on the same chips ---- */

/* While n sequences decode, each also has to be prefilled once per osl tokens: n * tokens_per_step / osl prefills per
 * step, of `extra` seconds each, of which the stack's scheduler lets a share stretch the decode steps. */
static double mixed_token_s(const slip_serve *serve, const slip_serve_plan *plan, double n, double extra,
                            double step_s) {
  double prefills = n * serve->tokens_per_step / (double)serve->job.osl * extra / (double)plan->pp;
  return (step_s + prefills * serve->job.stack->prefill_interference) / serve->tokens_per_step;
}

static double mixed(const slip_serve *serve, const slip_serve_plan *plan, double n, double extra,
                    slip_step_cost *cost) {
  decode_step(serve, plan, n, cost);
  return mixed_token_s(serve, plan, n, extra, cost->seconds);
}

/* A replica's time for the prefill of one request. */
static double prefill_one_s(const slip_serve *serve, const slip_serve_plan *plan, const slip_pool *prefill) {
  double sequences = (double)prefill->plan.batch / (double)(plan->dp * plan->pp);
  double passes = ceil(fresh_input(serve) / slip_serve_chunk(plan));
  return prefill->step.seconds * passes / sequences;
}

slip_status slip_serve_mixed_batch(const slip_serve *serve, slip_pool *decode, const slip_pool *prefill,
                                   double *out, slip_error *err) {
  return choose_batch(serve, decode, mixed, prefill_one_s(serve, &decode->plan, prefill), out, err);
}

void slip_serve_mix(const slip_serve *serve, const slip_serve_plan *plan, double n, slip_serve_result *out) {
  double prefill_s = prefill_one_s(serve, plan, &out->prefill);
  double passes = ceil(fresh_input(serve) / slip_serve_chunk(plan));
  out->prefill.plan.batch = out->decode.plan.batch;
  out->tpot_s = mixed_token_s(serve, plan, n, prefill_s, out->decode.step.seconds);
  /* Work conservation: n requests take n prefills and osl / tokens_per_step decode steps of the replica. */
  double decode_s = (double)serve->job.osl / serve->tokens_per_step * out->decode.step.seconds;
  double cycle_s = decode_s + n * prefill_s / (double)plan->pp;
  double requests = n / cycle_s * (double)plan->dp / (double)out->decode.instance_chips;
  out->requests_per_s_per_chip = requests;
  out->ttft_s += out->decode.step.seconds * passes; /* each chunk shares its step with a decode */
}

slip_status slip_serve_aggregated(const slip_serve *serve, const slip_serve_plan *plan, slip_serve_result *out,
                                  slip_error *err) {
  slip_status status = slip_serve_prefill(serve, plan, &out->prefill, &out->ttft_s, err);
  double n;
  if (status == SLIP_OK)
    status = slip_serve_open_pool(serve, plan, slip_serve_chunk(plan), &out->decode, err);
  if (status == SLIP_OK)
    status = slip_serve_mixed_batch(serve, &out->decode, &out->prefill, &n, err);
  if (status != SLIP_OK)
    return status;
  slip_serve_fill_decode(serve, &out->decode, n);
  slip_serve_mix(serve, plan, n, out);
  return SLIP_OK;
}
