/* Stage two of serving: the steady state of a fleet, aggregated or disaggregated; power and interval. */
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "serve/serve_internal.h"

double slip_serve_pool_power_w(const slip_serve *serve, const slip_pool *pool) {
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

/* Input tokens of a request that are computed. */
static double fresh_input(const slip_serve *serve) {
  return fmax(1, (double)serve->job.isl * (1 - serve->job.prefix_hit));
}

void slip_serve_split_rate(const slip_serve *prefill, const slip_pool *a, double power_a_w, const slip_pool *b,
                           double power_b_w, slip_split *split) {
  double share_a = split->prefill_chips / split->all_chips, share_b = split->decode_chips / split->all_chips;
  double by_prefill = a->tokens_per_s_per_chip * share_a / fresh_input(prefill);
  double by_decode = b->tokens_per_s_per_chip * share_b / (double)prefill->job.osl;
  double idle_w = prefill->job.system->power_w / prefill->job.system->chips * slip_load_share(0);
  split->requests_per_s_per_chip = fmin(by_prefill, by_decode);
  split->power_w_per_chip = share_a * power_a_w + share_b * power_b_w + fmax(0, 1 - share_a - share_b) * idle_w;
}

/* The plan's own numbers of instances. */
static slip_status given_split(const slip_serve *prefill, const slip_pool *a, const slip_pool *b, slip_split *out,
                               slip_error *err) {
  out->prefill_chips = (double)a->plan.instances * (double)a->instance_chips;
  out->decode_chips = (double)b->plan.instances * (double)b->instance_chips;
  double used = out->prefill_chips + out->decode_chips;
  out->all_chips = prefill->job.chips > 0 ? (double)prefill->job.chips : used;
  if (used > out->all_chips)
    return slip_fail(
        err, SLIP_INFEASIBLE,
        "%lld prefill instances of %lld chips and %lld decode instances of %lld need more than the fleet's "
        "%lld chips",
        (long long)a->plan.instances, (long long)a->instance_chips, (long long)b->plan.instances,
        (long long)b->instance_chips, (long long)prefill->job.chips);
  return SLIP_OK;
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

slip_status slip_serve_join(const slip_serve *prefill, const slip_serve *decode, slip_serve_result *out,
                            slip_error *err) {
  slip_status status = SLIP_OK;
  slip_pool *a = &out->prefill, *b = &out->decode;
  slip_split split = {.all_chips = 1};
  if (a->plan.instances > 0 && b->plan.instances > 0)
    SLIP_TRY(given_split(prefill, a, b, &split, err));
  else
    SLIP_TRY(split_fleet(prefill, a, b, fresh_input(prefill), (double)prefill->job.osl, &split.prefill_chips,
                         &split.decode_chips, &split.all_chips, err));
  out->transfer_s = slip_serve_transfer_s(prefill, a, decode, b);
  out->ttft_s += out->transfer_s + b->step.seconds;
  if (out->ttft_s > prefill->job.ttft_s)
    SLIP_FAIL(err, SLIP_INFEASIBLE,
              "TTFT is %.3g s with the KV cache's transfer of %.3g s, above the objective of %.3g s", out->ttft_s,
              out->transfer_s, prefill->job.ttft_s);
  slip_serve_split_rate(prefill, a, slip_serve_pool_power_w(prefill, a), b, slip_serve_pool_power_w(decode, b),
                        &split);
  a->chips_share = split.prefill_chips / split.all_chips;
  b->chips_share = split.decode_chips / split.all_chips;
  out->disaggregated = true;
  out->requests_per_s_per_chip = split.requests_per_s_per_chip;
  out->system_power_w_per_chip = split.power_w_per_chip;
  slip_serve_conclude(prefill, decode, out);
cleanup:
  return status;
}

slip_status slip_serve_share(const slip_serve *serve, slip_serve_result *out, slip_error *err) {
  if (out->ttft_s > serve->job.ttft_s)
    return slip_fail(err, SLIP_INFEASIBLE, "TTFT is %.3g s beside decoding, above the objective of %.3g s",
                     out->ttft_s, serve->job.ttft_s);
  double used = 1;
  if (serve->job.chips > 0) { /* whole instances; the chips left over wait */
    int64_t size = out->decode.instance_chips, left_over = serve->job.chips % size;
    used = (double)(serve->job.chips - left_over) / (double)serve->job.chips;
  }
  double prefill_share =
      out->requests_per_s_per_chip * fresh_input(serve) / out->prefill.tokens_per_s_per_chip; /* of the time */
  double idle_w = serve->job.system->power_w / serve->job.system->chips * slip_load_share(0);
  out->disaggregated = false;
  out->system_power_w_per_chip = used * (prefill_share * slip_serve_pool_power_w(serve, &out->prefill) +
                                         (1 - prefill_share) * slip_serve_pool_power_w(serve, &out->decode)) +
                                 (1 - used) * idle_w;
  out->requests_per_s_per_chip *= used;
  slip_serve_conclude(serve, serve, out);
  return SLIP_OK;
}

void slip_serve_conclude(const slip_serve *serve, const slip_serve *decode, slip_serve_result *out) {
  const slip_serve_job *job = &serve->job;
  out->weights = slip_serve_weights(decode), out->compute = decode->compute, out->kv = decode->kv;
  out->tokens_per_step = decode->tokens_per_step;
  out->output_tokens_per_s_per_chip = out->requests_per_s_per_chip * (double)job->osl;
  out->input_tokens_per_s_per_chip = out->requests_per_s_per_chip * (double)job->isl;
  double spread = exp(fmax(job->stack->spread_serve, decode->job.stack->spread_serve));
  double rate = exp(fmax(job->stack->spread_rate, decode->job.stack->spread_rate));
  out->tpot_low_s = out->tpot_s / spread;
  out->tpot_high_s = out->tpot_s * spread;
  double queue = exp(out->disaggregated ? fmax(job->stack->spread_ttft_split, decode->job.stack->spread_ttft_split)
                                        : job->stack->spread_ttft);
  out->ttft_low_s = out->ttft_s / queue;
  out->ttft_high_s = out->ttft_s * queue;
  out->output_low = out->output_tokens_per_s_per_chip / rate;
  out->output_high = out->output_tokens_per_s_per_chip * rate;
  out->joule_per_output_token = out->system_power_w_per_chip / out->output_tokens_per_s_per_chip;
}

slip_status slip_serve_estimate(const slip_serve *serve, const slip_serve_plan *plan, const slip_serve *decode,
                                const slip_serve_plan *decode_plan, slip_serve_result *out, slip_error *err) {
  slip_status status = SLIP_OK;
  memset(out, 0, sizeof *out);
  out->disaggregated = plan->disaggregated;
  if (!plan->disaggregated) {
    SLIP_TRY(slip_serve_aggregated(serve, plan, out, err));
    return slip_serve_share(serve, out, err);
  }
  if (!decode)
    decode = serve;
  SLIP_TRY(slip_serve_prefill(serve, plan, &out->prefill, &out->ttft_s, err));
  SLIP_TRY(slip_serve_decode(decode, decode_plan ? decode_plan : plan, &out->decode, &out->tpot_s, err));
  status = slip_serve_join(serve, decode, out, err);
cleanup:
  return status;
}
