/* A run of a fixed number of requests that are all queued at once: how offline throughput is measured. The equations are in the header. */
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "serve/serve_internal.h"

enum {
  COHORTS_PER_WAVE = 24, /* requests of a lane go together in this many parts of what may run at once */
  MAX_COHORTS = 4 * COHORTS_PER_WAVE,
  TICKS = 96, /* parts of a sequence's decode steps */
  SAMPLES = 7 /* batch sizes at which a step is priced; between them it is a line */
};

/* What a lane's run is made of. */
typedef struct lane_run {
  const slip_lane *lane;
  double steps;         /* decode steps of a request */
  double most;          /* sequences that may run at once */
  double admitted;      /* prompts that one step takes in */
  double prompt_s;      /* that a prompt adds to the steps it shares */
  double room;          /* bytes for the cache of the lane's sequences; infinity: no limit */
  double first, growth; /* bytes of a sequence that begins, and more per decode step */
  double batch[SAMPLES], step_s[SAMPLES];
} lane_run;

typedef struct cohort {
  double size, done; /* requests; decode steps behind them */
  enum { WAITING, RUNNING, ANSWERED } state;
} cohort;

static double step_of(const lane_run *r, double running) {
  int i = 1;
  while (i < SAMPLES - 1 && r->batch[i] < running)
    i++;
  double share = (running - r->batch[i - 1]) / fmax(1e-9, r->batch[i] - r->batch[i - 1]);
  return r->step_s[i - 1] + fmax(0, share) * (r->step_s[i] - r->step_s[i - 1]);
}

/* Steps cost least and hold least at one sequence, most at `most`. */
static void price_steps(lane_run *r) {
  for (int i = 0; i < SAMPLES; i++) {
    r->batch[i] = pow(r->most, (double)i / (SAMPLES - 1));
    r->step_s[i] = slip_lane_step_s(r->lane, r->batch[i], 0);
  }
}

static double bytes_of(const lane_run *r, const cohort *c) {
  return c->size * (r->first + r->growth * c->done);
}

typedef struct progress {
  double seconds, sequence_steps, steps; /* so far */
  double running, bytes;
} progress;

/* Takes in what waits, in order, as far as the chunks of `ticks_steps` steps, the scheduler and the memory allow. */
static void admit(const lane_run *r, cohort *cohorts, int n, double *credit, progress *at) {
  for (int i = 0; i < n; i++) {
    cohort *c = &cohorts[i];
    if (c->state != WAITING)
      continue;
    bool alone = at->running <= 0;
    if (!alone &&
        (*credit < c->size || at->running + c->size > r->most * (1 + 1e-9) || at->bytes + bytes_of(r, c) > r->room))
      return;
    *credit = fmax(0, *credit - c->size);
    c->state = RUNNING;
    at->running += c->size;
    at->bytes += bytes_of(r, c);
    /* One that was preempted computes its prompt and what it had written anew. */
    double isl = (double)r->lane->serve->job.isl;
    at->seconds += c->size * r->prompt_s * (isl + c->done * r->lane->serve->tokens_per_step) / isl;
  }
  *credit = 0; /* nothing waits: chunks go empty */
}

/* Those that came last make room for what the others' caches have grown by. */
static void preempt(const lane_run *r, cohort *cohorts, int n, progress *at) {
  for (int i = n - 1; i > 0 && at->bytes > r->room && at->running > cohorts[i].size; i--)
    if (cohorts[i].state == RUNNING) {
      cohorts[i].state = WAITING;
      at->running -= cohorts[i].size;
      at->bytes -= bytes_of(r, &cohorts[i]);
    }
}

/* Seconds for `requests` of one lane; adds to what the mean batch is made of. */
static progress run_of(const lane_run *r, double requests) {
  cohort cohorts[MAX_COHORTS];
  double size = fmax(fmin(r->most, requests) / COHORTS_PER_WAVE, requests / MAX_COHORTS), left = requests;
  int n = 0, open = 0;
  for (; n < MAX_COHORTS && left > 1e-9 * requests; n++, left -= size)
    cohorts[n] = (cohort){.size = fmin(size, left), .state = WAITING};
  progress at = {0};
  double tick = r->steps / TICKS, credit = 0;
  for (open = n; open > 0;) {
    credit += r->admitted * tick;
    admit(r, cohorts, n, &credit, &at);
    at.seconds += tick * step_of(r, at.running);
    at.sequence_steps += at.running * tick;
    at.steps += tick;
    at.running = at.bytes = 0;
    for (int i = 0; i < n; i++) {
      cohort *c = &cohorts[i];
      if (c->state != RUNNING)
        continue;
      c->done += tick;
      if (c->done >= r->steps * (1 - 1e-9)) {
        c->state = ANSWERED;
        open--;
        continue;
      }
      at.running += c->size;
      at.bytes += bytes_of(r, c);
    }
    preempt(r, cohorts, n, &at);
  }
  return at;
}

/* Waves repeat: what is beyond three of them takes as long per request as the third. */
static progress all_of(const lane_run *r, double requests) {
  double waves = requests / r->most;
  if (waves <= 3)
    return run_of(r, requests);
  double few = 2 + (waves - floor(waves)), more = waves - few;
  progress a = run_of(r, (few - 1) * r->most), b = run_of(r, few * r->most);
  b.seconds += more * (b.seconds - a.seconds);
  b.sequence_steps += more * (b.sequence_steps - a.sequence_steps);
  b.steps += more * (b.steps - a.steps);
  return b;
}

static lane_run lane_run_of(const slip_lane *l, const slip_pool *pool, double requests) {
  const slip_serve *serve = l->serve;
  const slip_stack *stack = serve->job.stack;
  lane_run r = {.lane = l, .steps = l->tokens_out / serve->tokens_per_step, .room = INFINITY};
  double memory = pool->memory.sequences_max / l->lanes;
  r.most = fmax(1, fmin(requests, slip_lane_scheduled(l)));
  if (stack->reserve_output >= 1) { /* a place is held for the whole output */
    r.most = fmax(1, fmin(r.most, floor(memory)));
  } else if (!isinf(memory)) {
    double isl = (double)serve->job.isl, osl = (double)serve->job.osl;
    double held = isl + osl * (1 + stack->reserve_output) / 2;
    r.room = memory * slip_serve_cache_bytes(serve, l->plan, held);
    r.first = slip_serve_cache_bytes(serve, l->plan, isl + osl * stack->reserve_output);
    r.growth = (slip_serve_cache_bytes(serve, l->plan, isl + osl) - r.first) / r.steps;
    r.most = fmax(1, fmin(r.most, r.room / r.first));
  }
  price_steps(&r);
  double beside = r.most / 2;                   /* while the first wave comes in, half of it decodes on average */
  double shared = fmin(l->most_shared, r.most); /* prompts that a chunk holds */
  double added = stack->prefill_apart >= 1 ? slip_lane_step_s(l, 0, shared)
                                           : slip_lane_step_s(l, beside, shared) - step_of(&r, beside);
  r.admitted = l->most_shared / l->passes;
  r.prompt_s = fmax(0, added) * stack->prefill_interference * l->passes / shared;
  return r;
}

slip_status slip_serve_run(const slip_serve *serve, const slip_serve_plan *plan, double requests, slip_run *out,
                           slip_error *err) {
  slip_status status = SLIP_OK;
  slip_pool pool;
  memset(out, 0, sizeof *out);
  if (!(requests >= 1 && requests <= 1e12))
    SLIP_FAIL(err, SLIP_BAD_INPUT, "a run needs from 1 to 1e12 requests, not %g", requests);
  SLIP_TRY(slip_serve_open_pool(serve, plan, slip_serve_chunk(plan), &pool, err));
  slip_lane lane = slip_serve_lane(serve, plan);
  double each = fmax(1, requests / lane.lanes);
  lane_run r = lane_run_of(&lane, &pool, each);
  progress all = all_of(&r, each);
  out->seconds = all.seconds + slip_serve_request_s(serve);
  out->requests_per_s = requests / out->seconds;
  out->running = all.sequence_steps / all.steps * lane.lanes;
  out->chips = pool.instance_chips;
cleanup:
  return status;
}
