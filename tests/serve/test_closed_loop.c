/* The closed loop: the steady state of a fixed number of requests in flight, against equations worked by hand on the toy system. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the five above */
#include <cmocka.h>

#include "support/jobs.h"

enum { ISL = 512, OSL = 65 };

typedef struct toy {
  slip_system system;
  slip_stack stack;
  slip_model_file *file;
  slip_serve *serve;
} toy;

static void toy_open(toy *t, const char *config) {
  t->system = toy_system();
  t->stack = toy_stack();
  t->file = model_from(config);
  slip_serve_job job = slip_serve_job_default();
  job.model = slip_model_of(t->file), job.system = &t->system, job.stack = &t->stack;
  job.isl = ISL, job.osl = OSL, job.speculate = false;
  t->serve = serve_open(&job);
}

static void toy_close(toy *t) {
  slip_serve_free(t->serve);
  slip_model_free(t->file);
}

static double seconds_of(const toy *t, const slip_serve_plan *plan, double prompts, double decoding) {
  slip_step step = {.prefill_sequences = prompts,
                    .prefill_tokens = prompts > 0 ? ISL : 0,
                    .decoding = decoding,
                    .context = ISL + OSL / 2.0};
  slip_step_cost cost;
  slip_serve_step(t->serve, plan, &step, &cost);
  return cost.seconds;
}

static slip_loop loop_of(const toy *t, const char *text, double requests) {
  slip_serve_plan plan = serve_plan_of(text);
  slip_loop loop;
  slip_error err = {.message = ""};
  if (slip_serve_closed_loop(t->serve, &plan, requests, &loop, &err) != SLIP_OK)
    fail_msg("%s: %s", text, err.message);
  return loop;
}

/* What is asked of two pools. decode NULL: the plan of prefill. */
static slip_loop pools_of(const slip_serve *serve, double n_prefill, const slip_serve_plan *decode, double n_decode,
                          double requests) {
  const slip_serve_plan plan = serve_plan_of("tp=1,chunk=512,disaggregate=yes");
  slip_loop loop;
  slip_error err = {.message = ""};
  if (slip_serve_closed_loop_split(serve, &plan, n_prefill, serve, decode ? decode : &plan, n_decode, requests,
                                   &loop, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  return loop;
}

/* One request alone waits for nobody: TTFT is one prefill step, TPOT one decode step, and the next comes when it is done. */
static void one_request_alone_prefills_then_decodes(void **state) {
  toy t;
  toy_open(&t, SMALL_DENSE);
  slip_serve_plan plan = serve_plan_of("tp=1,chunk=512");
  double prefill = seconds_of(&t, &plan, 1, 0), decode = seconds_of(&t, &plan, 0, 1);
  slip_loop loop = loop_of(&t, "tp=1,chunk=512", 1);
  assert_near(loop.ttft_s, prefill, 1e-5);
  assert_near(loop.tpot_s, decode, 1e-6);
  assert_near(loop.requests_per_s, 1 / (loop.ttft_s + (OSL - 1) * decode), 1e-6);
  toy_close(&t);
}

/* With every chunk one prompt long and the batch capped at B under saturation: a request brings one prompt and OSL - 1 decode steps, so
 * of all steps f = B / (OSL - 1) carry a prompt, a step takes T(B) + f (T(B and a prompt) - T(B)), and that is TPOT. */
static void saturation_conserves_work(void **state) {
  toy t;
  toy_open(&t, SMALL_DENSE);
  slip_serve_plan plan = serve_plan_of("tp=1,chunk=512");
  double b = 16, f = b / (OSL - 1), decode = seconds_of(&t, &plan, 0, b), mixed = seconds_of(&t, &plan, 1, b);
  double step = decode + f * (mixed - decode);
  slip_loop loop = loop_of(&t, "tp=1,chunk=512,batch=16", INFINITY);
  assert_near(loop.tpot_s, step, 1e-9);
  assert_near(loop.prefill_steps, f, 1e-9);
  assert_near(loop.requests_per_s, b / ((OSL - 1) * step), 1e-9);
  assert_true(isinf(loop.ttft_s));
  toy_close(&t);
}

/* A chunk of one prompt cannot feed more than OSL - 1 sequences: each step starts one and finishes one. */
static void no_more_run_than_chunks_can_feed(void **state) {
  toy t;
  toy_open(&t, SMALL_DENSE);
  slip_loop loop = loop_of(&t, "tp=1,chunk=512,batch=1000", INFINITY);
  assert_near(loop.running, OSL - 1, 1e-9);
  assert_near(loop.prefill_steps, 1, 1e-9);
  toy_close(&t);
}

/* Little's law: N = X (TTFT + TPOT (OSL - 1)), and nobody's first token comes sooner than a prefill of his own. */
static void littles_law_holds(void **state) {
  toy t;
  toy_open(&t, SMALL_MOE);
  const char *plans[] = {"tp=1", "tp=2", "tp=1,dp=4,ep=4", "tp=1,pp=2"};
  const double requests[] = {1, 2, 7, 64, 1000};
  for (size_t i = 0; i < sizeof plans / sizeof *plans; i++)
    for (size_t j = 0; j < sizeof requests / sizeof *requests; j++) {
      slip_serve_plan plan = serve_plan_of(plans[i]);
      slip_loop loop = loop_of(&t, plans[i], requests[j]);
      assert_near(loop.requests_per_s * (loop.ttft_s + loop.tpot_s * (OSL - 1)), requests[j], 1e-5);
      assert_true(loop.ttft_s >= seconds_of(&t, &plan, 1, 0) * (1 - 1e-5));
    }
  toy_close(&t);
}

/* More clients never get less done together, and none of them gets his tokens faster. */
static void more_clients_never_get_less_done(void **state) {
  toy t;
  toy_open(&t, SMALL_DENSE);
  slip_loop before = loop_of(&t, "tp=1", 1);
  for (double n = 2; n <= 4096; n *= 2) {
    slip_loop loop = loop_of(&t, "tp=1", n);
    assert_true(loop.requests_per_s >= before.requests_per_s * (1 - 1e-5));
    assert_true(loop.tpot_s >= before.tpot_s * (1 - 1e-5));
    before = loop;
  }
  slip_loop full = loop_of(&t, "tp=1", INFINITY);
  assert_true(full.requests_per_s >= before.requests_per_s * (1 - 1e-5));
  toy_close(&t);
}

/* What exceeds the batch waits outside: with 64 clients and 4 places, X is that of 4 places and TTFT = (64 - 4) / X. */
static void what_exceeds_the_batch_waits(void **state) {
  toy t;
  toy_open(&t, SMALL_DENSE);
  slip_loop loop = loop_of(&t, "tp=1,chunk=512,batch=4", 64);
  assert_near(loop.running, 4, 1e-6);
  assert_near(loop.ttft_s, 60 / loop.requests_per_s, 1e-6);
  toy_close(&t);
}

/* Four prompts at once, two to a chunk: two wait for one chunk, two for both; the mean is one and a half chunks. */
static void a_burst_waits_for_half_of_its_chunks(void **state) {
  toy t;
  toy_open(&t, SMALL_DENSE);
  slip_serve_plan plan = serve_plan_of("tp=1,chunk=1024");
  slip_loop loop = loop_of(&t, "tp=1,chunk=1024", 4);
  assert_near(loop.burst_ttft_s, 1.5 * seconds_of(&t, &plan, 2, 0), 1e-9);
  toy_close(&t);
}

/* The server and its tokenizer come before every first token and hold up nobody else. */
static void a_request_passes_the_server_first(void **state) {
  toy t;
  toy_open(&t, SMALL_DENSE);
  double alone = loop_of(&t, "tp=1,chunk=512", 1).ttft_s;
  slip_serve_free(t.serve);
  t.stack.request_s = 0.125, t.stack.request_token_s = 0.125 / ISL;
  slip_serve_job job = slip_serve_job_default();
  job.model = slip_model_of(t.file), job.system = &t.system, job.stack = &t.stack;
  job.isl = ISL, job.osl = OSL, job.speculate = false;
  t.serve = serve_open(&job);
  slip_loop loop = loop_of(&t, "tp=1,chunk=512", 1);
  assert_near(loop.ttft_s, alone + 0.25, 1e-5);
  assert_near(loop.requests_per_s * (loop.ttft_s + loop.tpot_s * (OSL - 1)), 1, 1e-6);
  toy_close(&t);
}

/* A scheduler that looks for requests every 31st step makes each wait 15 steps more, less his own share of the loop; and those that
 * came meanwhile go together, so that fewer steps carry prompts. */
static void prompts_wait_until_the_scheduler_looks(void **state) {
  toy t;
  toy_open(&t, SMALL_DENSE);
  slip_loop each = loop_of(&t, "tp=1,chunk=512", 16), seldom = loop_of(&t, "tp=1,chunk=512,poll=31", 16);
  assert_near(seldom.ttft_s - each.ttft_s, 15 * seldom.tpot_s * 15 / 16, 0.1);
  slip_loop together = loop_of(&t, "tp=1,poll=31", 16);
  assert_true(together.prefill_steps < 0.5 * seldom.prefill_steps);
  toy_close(&t);
}

/* A prompt that waits for others (TensorRT-LLM's batch_wait_timeout_iters) waits w steps when it is first and w / 2 when it joins: with a
 * arrivals a step (w + a w^2 / 2) / (1 + a w), less his own share of the loop. A chunk that is full goes at once. */
static void prompts_wait_for_others_to_fill_their_chunk(void **state) {
  toy t;
  toy_open(&t, SMALL_DENSE);
  slip_loop each = loop_of(&t, "tp=1", 8), joined = loop_of(&t, "tp=1,wait=10", 8);
  double a = joined.running / (OSL - 1), steps = (10 + a * 50) / (1 + a * 10);
  assert_near(joined.ttft_s - each.ttft_s, steps * joined.tpot_s * 7 / 8, 0.1);
  assert_true(joined.prefill_steps < each.prefill_steps);
  slip_loop full = loop_of(&t, "tp=1,chunk=512", 8), same = loop_of(&t, "tp=1,chunk=512,wait=10", 8);
  assert_near(same.ttft_s, full.ttft_s, 1e-9);
  assert_near(loop_of(&t, "tp=1,wait=10", 1).ttft_s, loop_of(&t, "tp=1", 1).ttft_s,
              1e-9); /* for whom should one wait */
  toy_close(&t);
}

/* Replicas of attention wait until each has a prompt (attention_dp_config, enable_balance). A prompt comes where a request has left, so that
 * two lanes have one each after 2 (1 + 1/2) = 3 prompts, 2 / a steps after the first: (2 / a + a (2 / a)^2 / 2) / 3 = 4 / (3 a) steps on average. */
static void replicas_wait_until_each_has_a_prompt(void **state) {
  toy t;
  toy_open(&t, SMALL_MOE);
  slip_loop each = loop_of(&t, "tp=1,dp=2,ep=2", 4), joined = loop_of(&t, "tp=1,dp=2,ep=2,wait=1000", 4);
  double step = joined.tpot_s, a = joined.requests_per_s * step;
  assert_near(joined.ttft_s - each.ttft_s, 4 / (3 * a) * step * 3 / 4, 0.1);
  toy_close(&t);
}

/* SGLang runs prompts in steps of their own: with one prompt to a chunk each request costs one such step, 1 / (OSL - 1) of them a decode
 * step and sequence. At saturation 16 run: step = T(decode) + 16 / 64 T(prompt alone); beside decoding they would share the weights. */
static void prompts_apart_take_steps_of_their_own(void **state) {
  toy t;
  toy_open(&t, SMALL_DENSE);
  slip_loop beside = loop_of(&t, "tp=1,chunk=512,batch=16", INFINITY);
  slip_serve_free(t.serve);
  t.stack.prefill_apart = 1;
  slip_serve_job job = slip_serve_job_default();
  job.model = slip_model_of(t.file), job.system = &t.system, job.stack = &t.stack;
  job.isl = ISL, job.osl = OSL, job.speculate = false;
  t.serve = serve_open(&job);
  slip_serve_plan plan = serve_plan_of("tp=1");
  double decode = seconds_of(&t, &plan, 0, 16), alone = seconds_of(&t, &plan, 1, 0);
  slip_loop apart = loop_of(&t, "tp=1,chunk=512,batch=16", INFINITY);
  assert_near(apart.tpot_s, decode + 16.0 / (OSL - 1) * alone, 1e-9);
  assert_true(apart.tpot_s > beside.tpot_s);
  toy_close(&t);
}

/* Replicas of attention step together and take their prompts in the same steps: with 16 sequences in each of two lanes and one prompt to a
 * chunk, f = 16 / (OSL - 1) of the instance's steps carry prompts, in both lanes. */
static void lanes_prefill_in_the_same_steps(void **state) {
  toy t;
  toy_open(&t, SMALL_MOE);
  slip_serve_plan plan = serve_plan_of("tp=1,dp=2,ep=2,chunk=512");
  double f = 16.0 / (OSL - 1), decode = seconds_of(&t, &plan, 0, 16), mixed = seconds_of(&t, &plan, 1, 16);
  slip_loop loop = loop_of(&t, "tp=1,dp=2,ep=2,chunk=512,batch=32", INFINITY);
  assert_near(loop.prefill_steps, f, 1e-9);
  assert_near(loop.tpot_s, decode + f * (mixed - decode), 1e-9);
  toy_close(&t);
}

static slip_loop rounds_with(toy *t, double rounds, double spread, int64_t drafts) {
  slip_serve_free(t->serve);
  slip_serve_job job = slip_serve_job_default();
  job.model = slip_model_of(t->file), job.system = &t->system, job.stack = &t->stack;
  job.isl = ISL, job.osl = OSL, job.speculate = drafts > 0;
  job.drafts = drafts, job.accepted = (double)drafts / 2;
  job.rounds = rounds, job.length_spread = spread;
  t->serve = serve_open(&job);
  return loop_of(t, "tp=1,chunk=512", 32);
}

static slip_loop rounds_of(toy *t, double rounds, double spread) {
  return rounds_with(t, rounds, spread, 0);
}

/* One round is the burst; a few are its share of them and the steady state; and where lengths differ little, clients that began together
 * still crowd prefill in later rounds. */
static void a_benchmark_is_its_rounds(void **state) {
  toy t;
  toy_open(&t, SMALL_DENSE);
  slip_loop steady = rounds_of(&t, 0, 0), burst = rounds_of(&t, 1, 0), equal = rounds_of(&t, 10, 0);
  assert_near(steady.rounds_ttft_s, steady.ttft_s, 1e-12);
  assert_near(burst.rounds_ttft_s, burst.burst_ttft_s, 1e-12);
  assert_near(equal.rounds_ttft_s, (equal.burst_ttft_s + 9 * equal.ttft_s) / 10, 1e-12);
  slip_loop some = rounds_of(&t, 10, 0.05), mixed = rounds_of(&t, 10, 10);
  assert_true(some.rounds_ttft_s > equal.rounds_ttft_s);
  assert_near(mixed.rounds_ttft_s, equal.rounds_ttft_s,
              1e-12); /* spread over the whole period: as if never together */
  toy_close(&t);
}

/* Prompts before all decoding, one to a chunk, 32 requests of one length: all 32 prompts run one after the other, the mean request has its first token
 * after 33 / 2 of them and waits for the 31 / 2 left, and then all decode together, end together and begin again. Where lengths differ, or drafts
 * are taken now and then (1.5 tokens a step here), only the first of two rounds is so. */
static void requests_of_one_length_stay_in_step(void **state) {
  toy t;
  toy_open(&t, SMALL_DENSE);
  t.stack.prefill_apart = 1;
  slip_loop equal = rounds_of(&t, 2, 0), differ = rounds_of(&t, 2, 0.1), steady = rounds_of(&t, 0, 0);
  slip_serve_plan plan = serve_plan_of("tp=1,chunk=512");
  const double alone = seconds_of(&t, &plan, 1, 0), together = seconds_of(&t, &plan, 0, 32);
  const double burst = together + 31.0 / 2 * alone / (OSL - 1);
  assert_near(equal.rounds_ttft_s, 33.0 / 2 * alone, 1e-9);
  assert_near(equal.rounds_tpot_s, burst, 1e-9);
  assert_near(differ.rounds_tpot_s, (burst + differ.tpot_s) / 2, 1e-9);
  assert_near(steady.rounds_tpot_s, steady.tpot_s, 1e-12);
  assert_true(burst < steady.tpot_s); /* which waits for all the others' prompts */
  slip_loop drafting = rounds_with(&t, 2, 0, 1);
  const double first = seconds_of(&t, &plan, 0, 32) / 1.5 + 31.0 / 2 * seconds_of(&t, &plan, 1, 0) / (OSL - 1);
  assert_near(drafting.rounds_tpot_s, (first + drafting.tpot_s) / 2, 1e-9);
  (void)rounds_of(&t, 2, 0);
  slip_loop capped = loop_of(&t, "tp=1,chunk=512,batch=8", 32); /* not all may run: nobody is in step */
  assert_near(capped.rounds_tpot_s, capped.tpot_s, 1e-12);
  toy_close(&t);
}

/* Disaggregated: decode steps never carry a prompt, and the loop delivers no more than its prefill instances do. */
static void pools_do_not_disturb_each_other(void **state) {
  toy t;
  toy_open(&t, SMALL_DENSE);
  slip_serve_plan plan = serve_plan_of("tp=1,chunk=512");
  slip_loop one = pools_of(t.serve, 1, NULL, 1, 1);
  assert_near(one.tpot_s, seconds_of(&t, &plan, 0, 1), 1e-6);
  assert_near(one.requests_per_s * (one.ttft_s + one.tpot_s * (OSL - 1)), 1, 1e-6);
  assert_int_equal(one.chips, 2);
  slip_loop many = pools_of(t.serve, 1, NULL, 100, 1e5);
  double most = 1 / seconds_of(&t, &plan, 1, 0);
  assert_true(many.requests_per_s <= most * (1 + 1e-6));
  assert_true(many.requests_per_s > 0.95 * most);
  slip_loop twice = pools_of(t.serve, 2, NULL, 200, 2e5);
  assert_near(twice.requests_per_s, 2 * many.requests_per_s, 1e-3);
  toy_close(&t);
}

static slip_run run_of(const toy *t, const char *text, double requests) {
  slip_serve_plan plan = serve_plan_of(text);
  slip_run run;
  slip_error err = {.message = ""};
  if (slip_serve_run(t->serve, &plan, requests, &run, &err) != SLIP_OK)
    fail_msg("%s: %s", text, err.message);
  return run;
}

/* 16 requests at once, one prompt a step, room for all: one comes in with each of the first 16 steps, each stays D = 64 steps, so that
 * min(s, 16, 80 - s) decode in step s of 80: 16 x 64 / 80 = 12.8 on average. Steps cost what that many cost, and each prompt its own time
 * beside half of them. Cohorts of 2/3 of a request round the last by one. */
static void a_run_that_fits_is_one_wave(void **state) {
  toy t;
  toy_open(&t, SMALL_DENSE);
  slip_serve_plan plan = serve_plan_of("tp=1,chunk=512");
  double n = 16, seconds = n * (seconds_of(&t, &plan, 1, n / 2) - seconds_of(&t, &plan, 0, n / 2));
  for (double s = 0.5; s < 80; s++)
    seconds += seconds_of(&t, &plan, 0, fmin(fmin(s, n), 80 - s));
  slip_run run = run_of(&t, "tp=1,chunk=512,batch=16", n);
  assert_near(run.running, 12.8, 0.02);
  assert_near(run.seconds, seconds, 0.02);
  assert_near(run.requests_per_s, n / run.seconds, 1e-12);
  toy_close(&t);
}

/* 8 at most: 12 requests take two waves, the second of 4: 8 + 4 over two times D steps, 6 on average. Prompts of many to a chunk come in at
 * once. And ten waves of 8 take ten times as long as one. */
static void more_than_may_run_come_in_waves(void **state) {
  toy t;
  toy_open(&t, SMALL_DENSE);
  slip_serve_plan plan = serve_plan_of("tp=1,chunk=8192");
  double prompt = (seconds_of(&t, &plan, 8, 4) - seconds_of(&t, &plan, 0, 4)) / 8;
  double eight = seconds_of(&t, &plan, 0, 8), four = seconds_of(&t, &plan, 0, 4);
  slip_run one = run_of(&t, "tp=1,chunk=8192,batch=8", 8), run = run_of(&t, "tp=1,chunk=8192,batch=8", 12);
  assert_near(run.running, 6, 1e-9);
  assert_near(one.seconds, (OSL - 1) * eight + 8 * prompt, 1e-3);
  assert_near(run.seconds, (OSL - 1) * (eight + four) + 12 * prompt, 5e-3);
  assert_near(run_of(&t, "tp=1,chunk=8192,batch=8", 80).seconds, 10 * one.seconds, 1e-9);
  toy_close(&t);
}

/* Without room kept for outputs all 16 begin, since their prompts of 512 fit in 15 x 577; room for 15 whole requests makes one wait from step 29 on (16 x 541 = 15 x 577).
 * Had room been kept, the last would have waited from the start: fewer at a time. */
static void what_outgrows_the_memory_waits(void **state) {
  toy t;
  toy_open(&t, SMALL_DENSE);
  slip_serve_plan plan = serve_plan_of("tp=1,chunk=16384");
  slip_pool pool;
  double tpot;
  slip_error err = {.message = ""};
  slip_run free = run_of(&t, "tp=1,chunk=16384,batch=16", 16);
  t.stack.reserve_output = 1;
  plan.batch = 1;
  assert_int_equal(slip_serve_decode(t.serve, &plan, &pool, &tpot, &err), SLIP_OK);
  t.stack.kv_memory_share = 15.5 / pool.memory.sequences_max;
  slip_run kept = run_of(&t, "tp=1,chunk=16384,batch=16", 16);
  t.stack.reserve_output = 0;
  slip_run waits = run_of(&t, "tp=1,chunk=16384,batch=16", 16);
  assert_near(free.running, 16, 1e-9);
  assert_true(waits.seconds > 1.05 * free.seconds);
  assert_true(waits.running > kept.running && waits.seconds < kept.seconds);
  assert_near(waits.running, 16 * 64 / (64 + 35.0), 0.05);
  assert_near(kept.running, 8, 1e-9); /* 15 and 1, over two times D steps */
  toy_close(&t);
}

/* Of 30 requests on two decode instances that run at most 4 each, 8 run: TPOT = T(4), 8 / (64 T(4)) finish per second, and by Little's law
 * the other 22 wait 22 / 8 of a request's decoding before their first token. Over 10 rounds: 8 of the first 30 start at once and the
 * last waits as long as all later ones, so that its mean is 22 / 30 / 2 of that. A cap above what runs changes nothing. */
static void requests_beyond_the_decode_batch_wait_for_a_place(void **state) {
  toy t;
  toy_open(&t, SMALL_DENSE);
  slip_serve_plan plan = serve_plan_of("tp=1,chunk=512,disaggregate=yes"), capped = plan;
  capped.batch = 4;
  slip_serve_job job = *slip_serve_job_of(t.serve);
  job.rounds = 10;
  slip_serve *rounds = serve_open(&job);
  double step = seconds_of(&t, &plan, 0, 4), wait = 22.0 / 8 * (OSL - 1) * step;
  assert_true(wait > 2 * seconds_of(&t, &plan, 1, 0)); /* prompts, each on an instance of its own, hide in it */
  slip_loop loop = pools_of(rounds, 30, &capped, 2, 30);
  assert_near(loop.running, 8, 1e-9);
  assert_near(loop.tpot_s, step, 1e-9);
  assert_near(loop.requests_per_s, 8 / (step * (OSL - 1)), 1e-9);
  assert_near(loop.ttft_s, wait, 1e-9);
  assert_near(loop.rounds_ttft_s, wait * (22.0 / 30 / 2 + 9) / 10, 1e-9);
  capped.batch = 30;
  slip_loop roomy = pools_of(rounds, 30, &capped, 2, 30), free = pools_of(rounds, 30, NULL, 2, 30);
  assert_near(roomy.rounds_ttft_s, free.rounds_ttft_s, 1e-5); /* to the search of the balance */
  assert_true(free.running > 8 && free.ttft_s < loop.ttft_s);
  slip_serve_free(rounds);
  toy_close(&t);
}

/* 7 requests on 7 decode instances that run one each. Ten frontends, each dealing in rotation, have one of their requests at an instance a
 * tenth of D / 7 of the time, D being those past their prompts: so an instance has none (1 - D / 70)^10 of the time, and of those that come the
 * rest waits for one that is taken. One frontend deals one to each and nobody waits. */
static void frontends_deal_without_looking(void **state) {
  toy t;
  toy_open(&t, SMALL_DENSE);
  slip_serve_plan capped = serve_plan_of("tp=1,chunk=512,disaggregate=yes,batch=1");
  slip_loop alone = pools_of(t.serve, 7, &capped, 7, 1), one = pools_of(t.serve, 7, &capped, 7, 7);
  capped.frontends = 10;
  slip_loop ten = pools_of(t.serve, 7, &capped, 7, 7);
  assert_near(one.ttft_s, alone.ttft_s, 0.05);
  double past = 7 - ten.requests_per_s * alone.ttft_s;
  assert_near(ten.running, 7 * (1 - pow(1 - past / 70, 10)), 0.01);
  assert_near(ten.requests_per_s * (ten.ttft_s + ten.tpot_s * (OSL - 1)), 7, 1e-6);
  capped.batch = 8; /* room for all ten frontends' requests but two */
  assert_near(pools_of(t.serve, 7, &capped, 7, 7).running, one.running, 1e-3);
  toy_close(&t);
}

/* Where one frontend deals and lengths differ by s, a request's turn comes s T / sqrt(2 pi) before its instance is free on average (the mean of
 * the positive part of a normal deviation), less the 1 / 7 who replace one of their own instance. */
static void turns_come_before_places_when_lengths_differ(void **state) {
  toy t;
  toy_open(&t, SMALL_DENSE);
  const slip_serve_plan capped = serve_plan_of("tp=1,chunk=512,disaggregate=yes,batch=1");
  slip_serve_job job = *slip_serve_job_of(t.serve);
  job.length_spread = 0.25;
  slip_serve *uneven = serve_open(&job);
  slip_loop even = pools_of(t.serve, 7, &capped, 7, 7), loop = pools_of(uneven, 7, &capped, 7, 7);
  double decoding = (OSL - 1) * loop.tpot_s;
  double taken = 1 - loop.requests_per_s * even.ttft_s / 7; /* the other places' requests are with their prompts */
  assert_near((loop.ttft_s - even.ttft_s) / decoding, taken * 0.25 / sqrt(2 * 3.14159265) * 6 / 7, 0.01);
  slip_serve_free(uneven);
  toy_close(&t);
}

/* Four replicas of attention that share their experts step together, but a prompt that comes alone is one replica's: its attention takes what
 * it takes, and the experts see a quarter of the rows of a step with a prompt in each. */
static void a_lone_prompt_is_one_replicas(void **state) {
  toy t;
  toy_open(&t, SMALL_MOE);
  slip_serve_plan plan = serve_plan_of("tp=1,dp=4,ep=4,chunk=512,disaggregate=yes");
  slip_loop loop;
  slip_error err;
  assert_int_equal(slip_serve_closed_loop_split(t.serve, &plan, 1, t.serve, &plan, 1, 1, &loop, &err), SLIP_OK);
  slip_step step = {.prefill_sequences = 1, .prefill_tokens = ISL, .prefill_busy = 0.25};
  slip_step_cost lone, all;
  slip_serve_step(t.serve, &plan, &step, &lone);
  step.prefill_busy = 0;
  slip_serve_step(t.serve, &plan, &step, &all);
  assert_true(lone.seconds < all.seconds);
  double decode = seconds_of(&t, &plan, 0, 1);
  assert_true(loop.ttft_s >= lone.seconds + decode && loop.ttft_s < all.seconds + decode);
  toy_close(&t);
}

static void nonsense_is_refused(void **state) {
  toy t;
  toy_open(&t, SMALL_DENSE);
  slip_serve_plan plan = serve_plan_of("tp=1");
  slip_loop loop;
  slip_error err;
  const double requests[] = {0, 0.5, -1, NAN};
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
    assert_int_equal(slip_serve_closed_loop(t.serve, &plan, requests[i], &loop, &err), SLIP_BAD_INPUT);
  slip_run run;
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
    assert_int_equal(slip_serve_run(t.serve, &plan, requests[i], &run, &err), SLIP_BAD_INPUT);
  assert_int_equal(slip_serve_closed_loop_split(t.serve, &plan, 0, t.serve, &plan, 1, 1, &loop, &err),
                   SLIP_BAD_INPUT);
  plan.tp = 3;
  assert_int_equal(slip_serve_closed_loop(t.serve, &plan, 1, &loop, &err), SLIP_INFEASIBLE);
  toy_close(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_request_alone_prefills_then_decodes),
      cmocka_unit_test(saturation_conserves_work),
      cmocka_unit_test(no_more_run_than_chunks_can_feed),
      cmocka_unit_test(littles_law_holds),
      cmocka_unit_test(more_clients_never_get_less_done),
      cmocka_unit_test(what_exceeds_the_batch_waits),
      cmocka_unit_test(a_burst_waits_for_half_of_its_chunks),
      cmocka_unit_test(a_request_passes_the_server_first),
      cmocka_unit_test(prompts_wait_until_the_scheduler_looks),
      cmocka_unit_test(prompts_wait_for_others_to_fill_their_chunk),
      cmocka_unit_test(replicas_wait_until_each_has_a_prompt),
      cmocka_unit_test(prompts_apart_take_steps_of_their_own),
      cmocka_unit_test(lanes_prefill_in_the_same_steps),
      cmocka_unit_test(a_benchmark_is_its_rounds),
      cmocka_unit_test(requests_of_one_length_stay_in_step),
      cmocka_unit_test(pools_do_not_disturb_each_other),
      cmocka_unit_test(a_run_that_fits_is_one_wave),
      cmocka_unit_test(more_than_may_run_come_in_waves),
      cmocka_unit_test(what_outgrows_the_memory_waits),
      cmocka_unit_test(requests_beyond_the_decode_batch_wait_for_a_place),
      cmocka_unit_test(frontends_deal_without_looking),
      cmocka_unit_test(turns_come_before_places_when_lengths_differ),
      cmocka_unit_test(a_lone_prompt_is_one_replicas),
      cmocka_unit_test(nonsense_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
