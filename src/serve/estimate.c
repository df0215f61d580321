/* Stage two of serving: the steady state of a fleet, aggregated or disaggregated; power and interval. */
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "serve/serve_internal.h"

static double pool_power_w(const slip_serve *serve, const slip_pool *pool) {
  const slip_system *system = serve->job.system;
  double working =
      (pool->step.bounds[SLIP_BOUND_COMPUTE] + pool->step.bounds[SLIP_BOUND_MEMORY]) / pool->step.seconds;
  return system->power_w / system->chips * slip_load_share(working);
}

/* The prompt's cache goes from the prefill instance to the decode instance: over the scale-up network when both systems
 * are one and its domain holds both instances, else over the outermost level of the slower side. */
double slip_serve_transfer_s(const slip_serve *prefill, const slip_pool *a, const slip_serve *decode,
                             const slip_pool *b) {
  double bytes = slip_model_kv_bytes(prefill->job.model, (double)prefill->job.isl, decode->kv);
  const slip_network *net = &prefill->network;
  int last = net->n_levels - 1;
  int64_t ranks = (a->instance_chips + b->instance_chips) * (int64_t)prefill->job.system->chip->ranks;
  const slip_level *level = &net->levels[last];
  if (prefill->job.system == decode->job.system)
    level = &net->levels[slip_group_level(net, (slip_group){ranks, 1})];
  double rate = level->bytes_per_s * level->fraction;
  if (prefill->job.system != decode->job.system) {
    const slip_level *other = &decode->network.levels[decode->network.n_levels - 1];
    rate = fmin(rate, other->bytes_per_s * other->fraction);
  }
  /* The ranks of one attention replica send side by side: their own heads, or a slice each of a latent cache that all hold. */
  double senders = (double)(a->plan.tp * a->plan.pp);
  return level->latency_s + bytes / (rate * senders);
}

/* Chips of each pool so that neither waits: whole instances of a fleet, or the exact ratio when the fleet is open. */
static slip_status split_fleet(const slip_serve *prefill, const slip_pool *a, const slip_pool *b, double request_in,
                               double request_out, double *chips_a, double *chips_b, double *chips_all,
                               slip_error *err) {
  double rate_a = a->tokens_per_s_per_chip / request_in, rate_b = b->tokens_per_s_per_chip / request_out;
  if (prefill->job.chips == 0) {
    *chips_a = rate_b / (rate_a + rate_b);
    *chips_b = 1 - *chips_a;
    *chips_all = 1;
    return SLIP_OK;
  }
  int64_t chips = prefill->job.chips, size_a = a->instance_chips, size_b = b->instance_chips;
  /* Up to the crossing of the two rates more prefill helps, beyond it less; whole decode instances move the crossing by
   * at most one of them: size_b / size_a prefill instances. */
  int64_t crossing = (int64_t)((double)chips * rate_b / (rate_a + rate_b) / (double)size_a);
  int64_t margin = size_b / size_a + 2;
  double best = 0;
  for (int64_t n = crossing > margin ? crossing - margin : 1; n <= crossing + margin; n++) {
    int64_t m = (chips - n * size_a) / size_b;
    double rate = m < 1 ? 0 : fmin(rate_a * (double)(n * size_a), rate_b * (double)(m * size_b));
    if (rate > best) {
      best = rate;
      *chips_a = (double)(n * size_a);
      *chips_b = (double)(m * size_b);
    }
  }
  *chips_all = (double)chips;
  if (best <= 0)
    return slip_fail(
        err, SLIP_INFEASIBLE,
        "one prefill instance (%lld chips) and one decode instance (%lld) need more than the fleet's %lld chips",
        (long long)size_a, (long long)size_b, (long long)chips);
  return SLIP_OK;
}

static slip_status disaggregated(const slip_serve *prefill, const slip_serve_plan *plan, const slip_serve *decode,
                                 const slip_serve_plan *decode_plan, slip_serve_result *out, slip_error *err) {
  slip_status status = SLIP_OK;
  SLIP_TRY(slip_serve_prefill(prefill, plan, &out->prefill, &out->ttft_s, err));
  SLIP_TRY(slip_serve_decode(decode, decode_plan, &out->decode, &out->tpot_s, err));
  double isl = fmax(1, (double)prefill->job.isl * (1 - prefill->job.prefix_hit)), osl = (double)prefill->job.osl;
  double chips_a = 0, chips_b = 0, all = 1;
  SLIP_TRY(split_fleet(prefill, &out->prefill, &out->decode, isl, osl, &chips_a, &chips_b, &all, err));
  out->transfer_s = slip_serve_transfer_s(prefill, &out->prefill, decode, &out->decode);
  out->ttft_s += out->transfer_s + out->decode.step.seconds;
  if (out->ttft_s > prefill->job.ttft_s)
    SLIP_FAIL(err, SLIP_INFEASIBLE,
              "TTFT is %.3g s with the KV cache's transfer of %.3g s, above the objective of %.3g s", out->ttft_s,
              out->transfer_s, prefill->job.ttft_s);
  out->prefill.chips_share = chips_a / all;
  out->decode.chips_share = chips_b / all;
  double by_prefill = out->prefill.tokens_per_s_per_chip * out->prefill.chips_share / isl;
  double by_decode = out->decode.tokens_per_s_per_chip * out->decode.chips_share / osl;
  out->requests_per_s_per_chip = fmin(by_prefill, by_decode);
  double idle = 1 - out->prefill.chips_share - out->decode.chips_share;
  double idle_w = prefill->job.system->power_w / prefill->job.system->chips * slip_load_share(0);
  out->system_power_w_per_chip = out->prefill.chips_share * pool_power_w(prefill, &out->prefill) +
                                 out->decode.chips_share * pool_power_w(decode, &out->decode) +
                                 fmax(0, idle) * idle_w;
cleanup:
  return status;
}

static slip_status aggregated(const slip_serve *serve, const slip_serve_plan *plan, slip_serve_result *out,
                              slip_error *err) {
  slip_status status = slip_serve_aggregated(serve, plan, out, err);
  if (status != SLIP_OK)
    return status;
  if (out->ttft_s > serve->job.ttft_s)
    return slip_fail(err, SLIP_INFEASIBLE, "TTFT is %.3g s beside decoding, above the objective of %.3g s",
                     out->ttft_s, serve->job.ttft_s);
  double used = 1;
  if (serve->job.chips > 0) { /* whole instances; the chips left over wait */
    int64_t size = out->decode.instance_chips, left_over = serve->job.chips % size;
    used = (double)(serve->job.chips - left_over) / (double)serve->job.chips;
  }
  double fresh = fmax(1, (double)serve->job.isl * (1 - serve->job.prefix_hit));
  double prefill_share =
      out->requests_per_s_per_chip * fresh / out->prefill.tokens_per_s_per_chip; /* of the time */
  double idle_w = serve->job.system->power_w / serve->job.system->chips * slip_load_share(0);
  out->system_power_w_per_chip = used * (prefill_share * pool_power_w(serve, &out->prefill) +
                                         (1 - prefill_share) * pool_power_w(serve, &out->decode)) +
                                 (1 - used) * idle_w;
  out->requests_per_s_per_chip *= used;
  return SLIP_OK;
}

slip_status slip_serve_estimate(const slip_serve *serve, const slip_serve_plan *plan, const slip_serve *decode,
                                const slip_serve_plan *decode_plan, slip_serve_result *out, slip_error *err) {
  memset(out, 0, sizeof *out);
  out->disaggregated = plan->disaggregated;
  if (!decode)
    decode = serve;
  slip_status status = plan->disaggregated
                           ? disaggregated(serve, plan, decode, decode_plan ? decode_plan : plan, out, err)
                           : aggregated(serve, plan, out, err);
  if (status != SLIP_OK)
    return status;
  const slip_serve_job *job = &serve->job;
  out->weights = slip_serve_weights(decode), out->compute = decode->compute, out->kv = decode->kv;
  out->tokens_per_step = decode->tokens_per_step;
  out->output_tokens_per_s_per_chip = out->requests_per_s_per_chip * (double)job->osl;
  out->input_tokens_per_s_per_chip = out->requests_per_s_per_chip * (double)job->isl;
  double spread = exp(fmax(job->stack->spread_serve, decode->job.stack->spread_serve));
  out->tpot_low_s = out->tpot_s / spread;
  out->tpot_high_s = out->tpot_s * spread;
  double queue = exp(fmax(job->stack->spread_ttft, decode->job.stack->spread_ttft));
  out->ttft_low_s = out->ttft_s / queue;
  out->ttft_high_s = out->ttft_s * queue;
  out->output_low = out->output_tokens_per_s_per_chip / spread;
  out->output_high = out->output_tokens_per_s_per_chip * spread;
  out->joule_per_output_token = out->system_power_w_per_chip / out->output_tokens_per_s_per_chip;
  return SLIP_OK;
}
