/* A fixed number of requests in flight: where a benchmark's closed loop settles. The equations are in the header. */
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "serve/serve_internal.h"

typedef slip_lane lane;

slip_lane slip_serve_lane(const slip_serve *serve, const slip_serve_plan *plan) {
  slip_prefill_pass pass = slip_serve_split_prompt(serve, slip_serve_chunk(plan), INFINITY);
  return (slip_lane){.serve = serve,
                     .plan = plan,
                     .lanes = (double)(plan->dp * plan->pp),
                     .tokens_out = fmax(1, (double)serve->job.osl - 1),
                     .passes = pass.passes,
                     .tokens = pass.tokens,
                     .past = pass.past,
                     .most_shared = pass.sequences,
                     .poll = fmax(1, (double)plan->poll),
                     .wait = fmax(0, (double)plan->wait)};
}

/* Prompts per lane of a step that carries one: one attention replica has it, the others step along without. */
static double fewest_prompts(const lane *l) {
  return 1 / (double)l->plan->dp;
}

double slip_lane_step_s(const slip_lane *l, double running, double prompts) {
  slip_step step = {.decoding = running > 0 ? fmax(1, running) : 0, .context = slip_serve_mean_context(l->serve)};
  if (prompts > 0) {
    step.prefill_sequences = fmax(1, prompts);
    step.prefill_tokens = l->tokens;
    step.prefill_past = l->past;
    step.prefill_busy = fmin(1, fmax(prompts, fewest_prompts(l)));
  }
  slip_step_cost cost;
  slip_serve_step(l->serve, l->plan, &step, &cost);
  return cost.seconds;
}

/* The arrival theorem: an arriving request meets the loop as it is without him (Reiser and Lavenberg 1980). */
static double others(double requests) {
  return isinf(requests) ? 1 : (requests - 1) / requests;
}

/* What happens with `running` sequences in a lane. */
typedef struct state {
  double rate; /* requests/s of the lane */
  double step, tpot, ttft, prefill_share;
  double decode, mixed, shared; /* a step without and with a chunk; prompts in a chunk */
} state;

/* A step that carries `prompts` while `beside` decode: with them, or before them in a step of its own. */
static double prompts_step_s(const lane *l, double beside, double prompts) {
  return slip_lane_step_s(l, l->serve->job.stack->prefill_apart >= 1 ? 0 : beside, prompts);
}

/* Sequences at which every step carries a full chunk: more could not be fed. Steps of their own come as many as prompts do. */
static double most_fed(const lane *l) {
  if (l->serve->job.stack->prefill_apart >= 1)
    return INFINITY;
  return l->most_shared / l->passes * l->tokens_out / l->serve->tokens_per_step;
}

/* Prompts after the first that complete what it waits for: one lane's full chunk, or one prompt in each of several lanes. A request goes where
 * one has just left, to any lane alike: sum of lanes / i, i = 1 to lanes, until all have one (the coupon collector's). */
static double awaited(const lane *l) {
  double sum = 0;
  for (int64_t i = 1; i <= (int64_t)l->lanes; i++)
    sum += l->lanes / (double)i;
  return (l->lanes > 1 ? sum : l->most_shared) - 1;
}

/* Steps that the first prompt waits for others: until they have come or its time is up. `arrivals` per step, of the whole instance: its lanes
 * take their prompts together. */
static double patience_steps(const lane *l, double arrivals) {
  return l->wait > 0 ? fmin(l->wait, fmax(0, awaited(l)) / fmax(1e-300, arrivals)) : 0;
}

/* Steps that a prompt waits on average for others to join it: those who come while the first waits, half as long. */
static double joining_steps(const lane *l, double arrivals) {
  const double patience = patience_steps(l, arrivals);
  return (patience + arrivals * patience * patience / 2) / (1 + arrivals * patience);
}

/* Wait of an arriving prompt before its own chunk: for the step under way, then for the chunks before it (M/G/1; nobody waits for
 * himself). */
static double queue_s(const lane *l, double requests, double rate, const state *at) {
  double service = l->passes * at->mixed, busy = fmin(1, rate * service / at->shared);
  double under_way = busy * service / 2 + (1 - busy) * at->decode / 2;
  double full = fmin(1, busy * at->shared / l->most_shared); /* load when every chunk is full */
  double unseen = (l->poll - 1) / 2 * at->step;              /* until the scheduler looks */
  double joining = joining_steps(l, rate * at->step * l->lanes) * at->step;
  return (under_way / fmax(1e-6, 1 - others(requests) * full) + unseen + joining) * others(requests);
}

/* Lanes of one instance step together, and engines fill their chunks in the same steps (TensorRT-LLM's attention_dp_config balances them,
 * SGLang holds decoding on all replicas while one prefills), so that f of an instance's steps carry prompts, not 1 - (1 - f)^dp. */
static void solve_lane(const lane *l, double running, double requests, state *out) {
  double finished =
      fmax(1e-300, running * l->serve->tokens_per_step / l->tokens_out); /* per step, at most most_fed's */
  double together = fmax(l->passes, fmax(l->poll, patience_steps(l, finished * l->lanes)));
  double least = fmax(1, finished * together), shared = fmin(least, l->most_shared), f = 0;
  double decode = slip_lane_step_s(l, running, 0), mixed = decode, step = decode;
  double interference = l->serve->job.stack->prefill_interference;
  bool apart = l->serve->job.stack->prefill_apart >= 1;
  double beside = running * others(requests); /* sequences that decode while a prompt is taken in: not its own */
  /* Prompts that arrive while a mixed step runs share the next: more per chunk, fewer chunks. A few rounds settle it. */
  for (int round = 0; round < 12; round++) {
    mixed = prompts_step_s(l, beside, shared);
    f = finished * l->passes / shared;
    step = decode + (apart ? f * mixed : fmin(1, f) * fmax(0, mixed - decode)) * interference * others(requests);
    double next = fmin(l->most_shared, fmax(least, finished * mixed / step));
    if (fabs(next - shared) <= 1e-3 * shared)
      break;
    shared = (shared + next) / 2;
  }
  *out = (state){.step = step,
                 .rate = finished / step,
                 .tpot = step / l->serve->tokens_per_step,
                 .prefill_share = apart ? f / (1 + f) : fmin(1, f),
                 .decode = decode,
                 .mixed = mixed,
                 .shared = shared};
  out->ttft = queue_s(l, requests, out->rate, out) + l->passes * mixed + slip_serve_request_s(l->serve);
}

/* All of a lane's requests arrive together: full chunks one after the other, in *all_s; the mean prompt waits for half of them. */
static double burst_s(const lane *l, double requests, double *all_s) {
  *all_s = INFINITY;
  if (isinf(requests))
    return INFINITY;
  double shared = fmin(l->most_shared, fmax(fewest_prompts(l), requests));
  double chunks = fmax(1, requests / shared), pass = l->passes * slip_lane_step_s(l, 0, shared);
  *all_s = pass * chunks;
  return pass * (chunks + 1) / 2 + slip_serve_request_s(l->serve);
}

/* Waiting and prefilling of a prompt on a lane that meets `crowd` times its mean rate. `beside` decode meanwhile; at most all_s / 2, as long as
 * all at once would wait. */
static double crowded_s(const lane *l, double requests, const state *at, double beside, double crowd,
                        double all_s) {
  state then = *at;
  then.shared = fmin(l->most_shared, fmax(at->shared, at->rate * crowd * l->passes * at->mixed));
  then.mixed = prompts_step_s(l, beside, then.shared);
  return fmin(queue_s(l, requests, at->rate * crowd, &then), all_s / 2 + at->step * fmax(l->poll, l->wait)) +
         l->passes * then.mixed;
}

/* Standard deviation over mean of the times per token of requests that draft: texts are guessed better or worse. Eleven runs with drafts of
 * SGLang's pages for Ascend have a 99th percentile 1.33 times the mean (1.24 to 1.46), three without drafts 1.11 (1.04 to 1.18). A percentile lies
 * 2.33 standard deviations from the mean: 0.14 and 0.05, and sqrt(0.14^2 - 0.05^2) is the drafts'. */
#define DRAFTS_SPREAD 0.13

static double duration_spread(const slip_serve *serve) {
  return hypot(serve->job.length_spread, serve->drafts > 0 ? DRAFTS_SPREAD : 0);
}

/* Mean over the rounds of a benchmark, from what its first and its steady state wait; `lane` prefills at->rate. */
static double rounds_s(const lane *l, double requests, const state *at, double beside, double period, double first,
                       double all_s, double steady) {
  const slip_serve_job *job = &l->serve->job;
  double rounds = job->rounds, drift = duration_spread(l->serve) * period, sum = 0;
  if (!(rounds >= 1) || isinf(rounds) || isinf(period))
    return steady;
  const int samples = 3; /* the sum over the later rounds by the midpoint rule */
  double calm = crowded_s(l, requests, at, beside, 1, all_s);
  for (int i = 0; i < samples && drift > 0; i++) {
    double k = 0.5 + (rounds - 1) * (i + 0.5) / samples;
    double window = fmin(period, sqrt(all_s * all_s + 12 * k * drift * drift));
    sum += crowded_s(l, requests, at, beside, period / window, all_s) - calm;
  }
  return (first + (rounds - 1) * (steady + sum / samples)) / rounds;
}

/* One round of requests that begin together, their prompts before all decoding: after its own chunk the mean request waits for half of the
 * others before it goes on. */
static double burst_tpot_s(const lane *l, double requests, double all_s, const slip_loop *loop) {
  const double own_s = loop->burst_ttft_s - slip_serve_request_s(l->serve);
  return slip_lane_step_s(l, requests / l->lanes, 0) / l->serve->tokens_per_step + (all_s - own_s) / l->tokens_out;
}

/* Rounds of which more than the first are bursts. Where all requests may run and prompts go before all decoding, those that began together
 * decode in the same steps; of one length and without drafts they end with the same one and begin again together. */
static void fill_rounds(const lane *l, double requests, double most, double all_s, slip_loop *out) {
  const slip_serve_job *job = &l->serve->job;
  out->rounds_tpot_s = out->tpot_s;
  if (!(job->rounds >= 1) || isinf(job->rounds) || job->stack->prefill_apart < 1 || requests / l->lanes > most)
    return;
  const double tpot = burst_tpot_s(l, requests, all_s, out);
  const bool in_step = duration_spread(l->serve) <= 0;
  const double bursts = in_step ? job->rounds : 1;
  out->rounds_tpot_s = (bursts * tpot + (job->rounds - bursts) * out->tpot_s) / job->rounds;
  if (in_step)
    out->rounds_ttft_s = out->burst_ttft_s;
}

/* The largest value in [0, most] at which the loop holds no more than the requests; solve fills *at for it. Requests held grow with the
 * sequences running. */
typedef double (*held_at)(const void *context, double running, state *at);

static double settle(held_at held, const void *context, double requests, double most, state *at) {
  double low = 0, high = most, below = -requests, above = held(context, most, at) - requests;
  if (above <= 0)
    return most;
  int side =
      0; /* false position with the Illinois weights; bisection where the far end holds more than can be said */
  for (int i = 0; i < 60 && high - low > 1e-7 * high; i++) {
    double x = isinf(above) ? (low + high) / 2 : (low * above - high * below) / (above - below);
    x = fmin(fmax(x, low + 1e-8 * high), high * (1 - 1e-8));
    double over = held(context, x, at) - requests;
    if (over <= 0) {
      low = x, below = over;
      above = side < 0 && !isinf(above) ? above / 2 : above;
      side = -1;
    } else {
      high = x, above = over;
      below = side > 0 ? below / 2 : below;
      side = 1;
    }
    if (fabs(over) <= 1e-9 * requests)
      return x;
  }
  held(context, (low + high) / 2, at);
  return (low + high) / 2;
}

typedef struct one_instance {
  lane lane;
  double requests; /* in flight in the instance */
} one_instance;

static double held_by_one(const void *context, double running, state *at) {
  const one_instance *c = context;
  solve_lane(&c->lane, running, c->requests, at);
  return (running + at->rate * at->ttft) * c->lane.lanes;
}

double slip_lane_scheduled(const slip_lane *l) {
  return l->plan->batch > 0 ? (double)l->plan->batch / l->lanes
                            : floor(l->serve->job.stack->max_sequences / (double)l->plan->pp);
}

/* Running sequences per lane that memory, the scheduler and the plan allow. */
static double most_running(const lane *l, const slip_serve_memory *memory) {
  return fmax(1, fmin(floor(memory->sequences_max / l->lanes), slip_lane_scheduled(l)));
}

static slip_status check_requests(double requests, slip_error *err) {
  if (!(requests >= 1))
    return slip_fail_at(err, SLIP_BAD_INPUT, NULL, 0, 0, "requests", "must be at least 1 in flight");
  return SLIP_OK;
}

static void fill(slip_loop *out, const state *at, double running, double rate, double requests) {
  out->requests_per_s = rate;
  out->running = running;
  out->tpot_s = at->tpot;
  out->prefill_steps = at->prefill_share;
  /* Those who do not run wait for their first token. */
  out->ttft_s = isinf(requests) ? INFINITY : fmax(0, requests - running) / rate;
}

slip_status slip_serve_closed_loop(const slip_serve *serve, const slip_serve_plan *plan, double requests,
                                   slip_loop *out, slip_error *err) {
  slip_status status = SLIP_OK;
  slip_pool pool;
  memset(out, 0, sizeof *out);
  SLIP_TRY(check_requests(requests, err));
  SLIP_TRY(slip_serve_open_pool(serve, plan, slip_serve_chunk(plan), &pool, err));
  one_instance c = {slip_serve_lane(serve, plan), requests};
  state at = {0};
  double most = fmin(most_running(&c.lane, &pool.memory), most_fed(&c.lane));
  double running = settle(held_by_one, &c, requests, most, &at);
  fill(out, &at, running * c.lane.lanes, at.rate * c.lane.lanes, requests);
  double all_s;
  out->burst_ttft_s = burst_s(&c.lane, requests / c.lane.lanes, &all_s);
  out->rounds_ttft_s = rounds_s(&c.lane, requests, &at, running * others(requests), requests / out->requests_per_s,
                                out->burst_ttft_s, all_s, out->ttft_s);
  fill_rounds(&c.lane, requests, most, all_s, out);
  out->chips = pool.instance_chips;
cleanup:
  return status;
}

/* ---- disaggregated ---- */

typedef struct two_pools {
  lane prefill, decode;
  double prefill_lanes, decode_lanes; /* of all instances */
  double requests;
  double handover_s; /* cache sent, and the first decode step */
  double most;       /* sequences that a decode lane may run */
  double frontends;
} two_pools;

/* Of `decoding` requests per decode lane, waiting for a place or not, those that run. */
static double running_of(const two_pools *c, double decoding) {
  const lane *l = &c->decode;
  double instances = c->decode_lanes / l->lanes, mean = decoding * l->lanes, slots = c->most * l->lanes;
  double running = instances > 1 ? slip_serve_dealt(mean, slots, c->frontends) : fmin(mean, slots);
  return running / l->lanes / (1 + slip_serve_turn_wait(mean, slots, instances, l->serve->job.length_spread));
}

/* Prompts of one prefill lane: bulk service of those that arrived while the last chunk ran. */
static void solve_prefill(const two_pools *c, double rate, state *at) {
  const lane *l = &c->prefill;
  const double fewest = fewest_prompts(l);
  double shared = fewest, service = l->passes * slip_lane_step_s(l, 0, shared);
  for (int round = 0; round < 12; round++) {
    double next = fmin(l->most_shared, fmax(fewest, rate * service));
    if (fabs(next - shared) <= 1e-6 * shared)
      break;
    shared = (shared + next) / 2;
    service = l->passes * slip_lane_step_s(l, 0, shared);
  }
  state met = {.rate = rate, .mixed = service / l->passes, .shared = shared};
  at->ttft = queue_s(l, c->requests, rate, &met) + service + slip_serve_request_s(l->serve);
  at->prefill_share = fmin(1, rate * service / shared);
  at->mixed = met.mixed, at->shared = shared;
}

static double held_by_two(const void *context, double decoding, state *at) {
  const two_pools *c = context;
  const lane *l = &c->decode;
  double running = running_of(c, decoding);
  at->step = slip_lane_step_s(l, running, 0);
  at->tpot = at->step / l->serve->tokens_per_step;
  at->rate = running / (at->tpot * l->tokens_out);
  double per_prefill_lane = at->rate * c->decode_lanes / c->prefill_lanes;
  double capacity =
      c->prefill.most_shared / (c->prefill.passes * slip_lane_step_s(&c->prefill, 0, c->prefill.most_shared));
  if (per_prefill_lane >= capacity) /* more than prefill can deliver never runs */
    return INFINITY;
  solve_prefill(c, per_prefill_lane, at);
  at->ttft += c->handover_s + at->step;
  return (decoding + at->rate * at->ttft) * c->decode_lanes;
}

/* Mean wait of all rounds when decode instances run all they may: the first `running` requests start at once and the rest of the first round
 * when its turn comes, evenly up to the wait that all later ones have. */
static double slot_rounds_s(const slip_loop *at, double requests, double rounds) {
  double first = at->ttft_s * fmax(0, 1 - at->running / requests) / 2;
  return rounds >= 1 && !isinf(rounds) ? (first + (rounds - 1) * at->ttft_s) / rounds : at->ttft_s;
}

slip_status slip_serve_closed_loop_split(const slip_serve *prefill, const slip_serve_plan *plan, double n_prefill,
                                         const slip_serve *decode, const slip_serve_plan *decode_plan,
                                         double n_decode, double requests, slip_loop *out, slip_error *err) {
  slip_status status = SLIP_OK;
  slip_pool a, b;
  memset(out, 0, sizeof *out);
  SLIP_TRY(check_requests(requests, err));
  if (!(n_prefill > 0) || !(n_decode > 0))
    SLIP_FAIL(err, SLIP_BAD_INPUT, "a disaggregated loop needs instances of both kinds");
  SLIP_TRY(slip_serve_open_pool(prefill, plan, slip_serve_chunk(plan), &a, err));
  SLIP_TRY(slip_serve_open_pool(decode, decode_plan, 1 + decode->drafts, &b, err));
  two_pools c = {.prefill = slip_serve_lane(prefill, plan),
                 .decode = slip_serve_lane(decode, decode_plan),
                 .requests = requests};
  c.prefill_lanes = c.prefill.lanes * n_prefill, c.decode_lanes = c.decode.lanes * n_decode;
  c.handover_s = slip_serve_transfer_s(prefill, &a, decode, &b);
  state at = {0};
  c.most = most_running(&c.decode, &b.memory), c.frontends = fmax(1, (double)decode_plan->frontends);
  double decoding = settle(held_by_two, &c, requests, requests / c.decode_lanes, &at);
  fill(out, &at, running_of(&c, decoding) * c.decode_lanes, at.rate * c.decode_lanes, requests);
  double all_s, later = c.handover_s + at.step;
  double burst = burst_s(&c.prefill, requests / c.prefill_lanes, &all_s) + later;
  out->burst_ttft_s = fmax(burst, slot_rounds_s(out, requests, 1));
  state prefilling = {.rate = at.rate * c.decode_lanes / c.prefill_lanes, .mixed = at.mixed, .shared = at.shared};
  /* Who waits for a place in decode has his prompt done meanwhile, however many others prefill with him. */
  double prompts =
      rounds_s(&c.prefill, requests, &prefilling, 0, requests / out->requests_per_s, burst, all_s, at.ttft);
  out->rounds_tpot_s = out->tpot_s;
  out->rounds_ttft_s = fmax(prompts, slot_rounds_s(out, requests, prefill->job.rounds));
  out->chips = (int64_t)((double)a.instance_chips * n_prefill + (double)b.instance_chips * n_decode);
cleanup:
  return status;
}
