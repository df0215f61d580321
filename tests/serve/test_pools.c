/* Pools: how much cache fits, which batch meets the objectives, how two pools balance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the four above */
#include <cmocka.h>

#include "support/serve_cases.h"

/* ---- memory ---- */

/* The weights of attention in a format of their own: DeepSeek-V3's in fp4 keep attention's 61 x 187.1 M as released, in fp8, and said to be in bf16 they take
 * as many bytes more. */
static void attention_may_keep_a_format_of_its_own(void **state) {
  slip_serve_job job = serve_job_of("deepseek-v3", "gb200-nvl72", "tensorrt-llm-2025");
  const slip_serve_plan plan = serve_plan_of("tp=1,dp=8,ep=8");
  slip_serve_memory released, wide;
  job.weights = SLIP_FP4;
  slip_serve *serve = serve_open(&job);
  slip_serve_memory_of(serve, &plan, 1, 1, &released);
  slip_serve_free(serve);
  job.attention = SLIP_BF16;
  serve = serve_open(&job);
  slip_serve_memory_of(serve, &plan, 1, 1, &wide);
  assert_near((wide.weights - released.weights) / 1e9, 61 * 0.1871, 0.03);
  slip_serve_free(serve);
}

/* Llama 3.1 70B in bf16, tp 8, on H200: a token's cache is 80 layers x 8 heads x (128 + 128) x 2 bytes = 327,680, an eighth
 * on each rank. SGLang reserves nothing for outputs: a running request holds 4096 + 1024 / 2 tokens on average, 188.7 MB a rank.
 * H200's driver reports 143,771 MiB = 150.75 GB.
 *   room = (150.75 GB x memory_share - weights - one pass) x kv_memory_share */
static void cache_capacity_by_hand(void **state) {
  slip_serve_job job = serve_job_of("llama-3.1-70b", "hgx-h200", "sglang-2026");
  slip_stack stack = *job.stack;
  stack.max_sequences = 1e9;
  job.stack = &stack;
  slip_serve *serve = serve_open(&job);
  slip_serve_plan plan = serve_plan_of("tp=8");
  slip_pool pool;
  double tpot;
  assert_int_equal(slip_serve_decode(serve, &plan, &pool, &tpot, NULL), SLIP_OK);
  const double request = 327680.0 / 8 * (4096 + 512);
  assert_near(pool.memory.weights, 2 * slip_model_params(job.model) / 8, 0.001); /* norms are not cut */
  close_to(pool.memory.capacity, 150.75e9 * stack.memory_share);
  double room = pool.memory.capacity - pool.memory.weights - pool.memory.buffers;
  assert_near(pool.memory.sequences_max, floor(room * stack.kv_memory_share / request),
              0.01);                                            /* buffers of the final batch differ */
  assert_int_equal(pool.plan.batch, pool.memory.sequences_max); /* no objective: as many as fit */
  close_to(pool.memory.kv_cache, (double)pool.plan.batch * request);
  close_to(pool.memory.total, pool.memory.weights + pool.memory.kv_cache + pool.memory.buffers);
  assert_true(pool.memory.total <= pool.memory.capacity);
  slip_serve_free(serve);
  stack.reserve_output = 1; /* room for the whole output beforehand: 5120 tokens each */
  double let_in = pool.memory.sequences_max;
  serve = serve_open(&job);
  assert_int_equal(slip_serve_decode(serve, &plan, &pool, &tpot, NULL), SLIP_OK);
  assert_near(pool.memory.sequences_max, let_in * (4096 + 512) / 5120, 0.01);
  slip_serve_free(serve);
}

/* gpt-oss-120b: of 36 layers of 2 x 8 heads of 64 in bf16 every other one sees 128 tokens only. A request of 4,096 and 512 tokens holds
 * 18 x (4,608 + 128) x 2,048 bytes; where the cache manager takes no notice of windows, 36 x 4,608 x 2,048. */
static void windows_save_memory_where_the_cache_knows_them(void **state) {
  slip_serve_job job = serve_job_of("gpt-oss-120b", "hgx-h200", "sglang-2026");
  slip_stack stack = *job.stack;
  job.stack = &stack;
  slip_serve_plan plan = serve_plan_of("tp=1,batch=1");
  slip_pool cut, whole;
  double tpot;
  slip_serve *serve = serve_open(&job);
  assert_int_equal(slip_serve_decode(serve, &plan, &cut, &tpot, NULL), SLIP_OK);
  stack.whole_windows = 1;
  assert_int_equal(slip_serve_decode(serve, &plan, &whole, &tpot, NULL), SLIP_OK);
  close_to(cut.memory.kv_cache, 18 * (4608 + 128) * 2048.0);
  close_to(whole.memory.kv_cache, 36 * 4608 * 2048.0);
  assert_near(whole.memory.sequences_max, cut.memory.sequences_max * 18 * (4608 + 128) / (36 * 4608.0), 0.01);
  slip_serve_free(serve);
}

/* DeepSeek-V3's latent cache is whole on every rank of a tensor-parallel group: 61 x 576 x 2 = 70,272 bytes a token. Over dp it is
 * spread: each replica holds its own sequences. */
static void a_latent_cache_is_not_cut_by_tensor_parallelism(void **state) {
  slip_serve_job job = serve_job_of("deepseek-v3", "hgx-h200", "sglang-2026");
  slip_serve *serve = serve_open(&job);
  slip_pool pool;
  double tpot;
  slip_serve_plan tensor = serve_plan_of("tp=16,ep=16,batch=16"), data = serve_plan_of("tp=1,dp=16,ep=16,batch=16");
  assert_int_equal(slip_serve_decode(serve, &tensor, &pool, &tpot, NULL), SLIP_OK);
  close_to(pool.memory.kv_cache, 16 * 70272.0 * (4096 + 512));
  assert_int_equal(slip_serve_decode(serve, &data, &pool, &tpot, NULL), SLIP_OK);
  close_to(pool.memory.kv_cache, 70272.0 * (4096 + 512));
  slip_serve_free(serve);
}

static void what_does_not_fit_is_refused_with_the_numbers(void **state) {
  slip_serve_job job = serve_job_of("deepseek-v3", "hgx-h800", "sglang-2026");
  slip_serve *serve = serve_open(&job);
  slip_pool pool;
  double tpot;
  slip_error err = {.message = ""};
  slip_serve_plan plan = serve_plan_of("tp=8"); /* 671 GB of fp8 weights on 640 GB */
  assert_int_equal(slip_serve_decode(serve, &plan, &pool, &tpot, &err), SLIP_INFEASIBLE);
  assert_non_null(strstr(err.message, "the weights need"));
  plan = serve_plan_of("tp=1,dp=32,ep=32,batch=100000");
  assert_int_equal(slip_serve_decode(serve, &plan, &pool, &tpot, &err), SLIP_INFEASIBLE);
  assert_non_null(strstr(err.message, "a batch of 100000 does not fit"));
  slip_serve_free(serve);
}

/* ---- objectives ---- */

/* The batch is the largest that meets the objective: it meets, and two tiles' worth more (steps may fall by a percent where rows fill
 * a larger tile) does not, unless memory or the scheduler's limit ends it. */
static void the_decode_batch_is_the_largest_that_meets_the_objective(void **state) {
  int bound = 0;
  for (int i = 0; i < CASES; i++)
    for (double tpot_s = 0.01; tpot_s < 0.09; tpot_s += 0.02) {
      slip_serve_job job = serve_job_of(cases[i].model, cases[i].system, cases[i].stack);
      job.tpot_s = tpot_s;
      slip_serve *serve = serve_open(&job);
      slip_serve_plan plan = serve_plan_of(cases[i].plan);
      slip_pool pool;
      double tpot;
      slip_error err = {.message = ""};
      if (slip_serve_decode(serve, &plan, &pool, &tpot, &err) == SLIP_OK) {
        assert_true(tpot <= tpot_s);
        double n = (double)(pool.plan.batch / plan.dp), more = n + 1;
        double most = fmin(pool.memory.sequences_max / (double)plan.dp, job.stack->max_sequences);
        if (more <= floor(most)) {
          slip_step step = {.decoding = more / (double)plan.pp, .context = 4096 + 512};
          double per_step = tpot > 0 ? pool.step.seconds / tpot : 1;
          assert_true(step_s(serve, &plan, step) / per_step > tpot_s * 0.995);
          bound++;
        }
      } else {
        assert_non_null(strstr(err.message, "above the objective"));
      }
      slip_serve_free(serve);
    }
  assert_true(bound >= 5); /* the objective, not memory, decided in that many */
}

/* But for tiles: a batch of 65 rows is padded to 128, and where compute is scarce (H20) the larger batch that a looser objective
 * allows may serve up to a tenth less. */
static void a_looser_objective_serves_no_less(void **state) {
  for (int i = 0; i < CASES; i++) {
    double last = 0;
    for (double tpot_s = 0.02; tpot_s < 0.2; tpot_s *= 1.5) {
      slip_serve_job job = serve_job_of(cases[i].model, cases[i].system, cases[i].stack);
      job.tpot_s = tpot_s;
      slip_serve *serve = serve_open(&job);
      slip_serve_plan plan = serve_plan_of(cases[i].plan);
      slip_pool pool;
      double tpot;
      if (slip_serve_decode(serve, &plan, &pool, &tpot, NULL) == SLIP_OK) {
        assert_true(pool.tokens_per_s_per_chip >= last * 0.9);
        last = pool.tokens_per_s_per_chip;
      }
      slip_serve_free(serve);
    }
  }
}

/* ---- both phases ---- */

/* Aggregated: n requests take n prefills and osl / tokens_per_step decode steps of the same chips. Rates follow from one request
 * rate: output = rate x osl, input = rate x isl. */
static void an_aggregated_instance_conserves_work(void **state) {
  slip_serve_job job = serve_job_of("llama-3.1-70b", "hgx-h200", "sglang-2026");
  slip_serve *serve = serve_open(&job);
  slip_serve_plan plan = serve_plan_of("tp=8,batch=128");
  slip_serve_result r;
  assert_int_equal(slip_serve_estimate(serve, &plan, NULL, NULL, &r, NULL), SLIP_OK);
  double one_prefill_s = 4096 / (r.prefill.tokens_per_s_per_chip * 8);
  double cycle_s = 1024 * r.decode.step.seconds + 128 * one_prefill_s;
  close_to(r.requests_per_s_per_chip, 128 / cycle_s / 8);
  close_to(r.output_tokens_per_s_per_chip, r.requests_per_s_per_chip * 1024);
  close_to(r.input_tokens_per_s_per_chip, r.requests_per_s_per_chip * 4096);
  assert_true(r.tpot_s > r.decode.step.seconds); /* prefills stretch the steps */
  slip_serve_free(serve);
}

/* Disaggregated, open fleet: chips are split so that prefill and decode handle the same requests per second.
 *   share_p x rate_p / isl = share_d x rate_d / osl,  share_p + share_d = 1 */
static void a_disaggregated_fleet_balances_its_pools(void **state) {
  slip_serve_job job = serve_job_of("deepseek-v3", "hgx-h800", "deepseek-serve-2025");
  slip_serve *serve = serve_open(&job);
  slip_serve_plan prefill = serve_plan_of("tp=1,dp=32,ep=32,disaggregate=yes"),
                  decode = serve_plan_of("tp=1,dp=64,ep=64,batch=4096,disaggregate=yes");
  slip_serve_result r;
  assert_int_equal(slip_serve_estimate(serve, &prefill, serve, &decode, &r, NULL), SLIP_OK);
  close_to(r.prefill.chips_share + r.decode.chips_share, 1);
  double in = r.prefill.chips_share * r.prefill.tokens_per_s_per_chip / 4096;
  double out = r.decode.chips_share * r.decode.tokens_per_s_per_chip / 1024;
  close_to(in, out);
  close_to(r.requests_per_s_per_chip, in);
  /* The cache of a prompt, 4096 x 70,272 bytes, goes from one node's chip to another over its own 50 GB/s link. */
  const slip_level *out_level = &job.system->levels[job.system->n_levels - 1];
  close_to(r.transfer_s, out_level->latency_s + 4096 * 70272.0 / (out_level->bytes_per_s * out_level->fraction));
  slip_serve_free(serve);
}

/* A closed fleet takes whole instances: 96 H800 and instances of 32 give 1 + 2 or 2 + 1, whichever serves more. */
static void a_closed_fleet_takes_whole_instances(void **state) {
  slip_serve_job job = serve_job_of("deepseek-v3", "hgx-h800", "deepseek-serve-2025");
  job.chips = 96;
  slip_serve *serve = serve_open(&job);
  slip_serve_plan plan = serve_plan_of("tp=1,dp=32,ep=32,disaggregate=yes");
  slip_serve_result r;
  assert_int_equal(slip_serve_estimate(serve, &plan, NULL, NULL, &r, NULL), SLIP_OK);
  double a = r.prefill.tokens_per_s_per_chip / 4096, b = r.decode.tokens_per_s_per_chip / 1024;
  close_to(r.requests_per_s_per_chip, fmax(fmin(a, 2 * b), fmin(2 * a, b)) / 3);
  slip_serve_free(serve);
  job.chips = 40; /* room for one instance only */
  serve = serve_open(&job);
  slip_error err = {.message = ""};
  assert_int_equal(slip_serve_estimate(serve, &plan, NULL, NULL, &r, &err), SLIP_INFEASIBLE);
  assert_non_null(strstr(err.message, "40 chips"));
  slip_serve_free(serve);
}

/* Prefill on H20 and decode on H200, each pool with its own chips. */
static void prefill_and_decode_may_run_on_different_systems(void **state) {
  slip_serve_job a = serve_job_of("deepseek-v3", "hgx-h200", "sglang-2026"),
                 b = serve_job_of("deepseek-v3", "hgx-h20", "sglang-2026");
  slip_serve *prefill = serve_open(&a), *decode = serve_open(&b);
  slip_serve_plan p = serve_plan_of("tp=1,dp=16,ep=16,disaggregate=yes"),
                  d = serve_plan_of("tp=1,dp=16,ep=16,batch=512,disaggregate=yes");
  slip_serve_result mixed;
  slip_pool alone;
  double latency;
  assert_int_equal(slip_serve_estimate(prefill, &p, decode, &d, &mixed, NULL), SLIP_OK);
  assert_int_equal(slip_serve_prefill(prefill, &p, &alone, &latency, NULL), SLIP_OK);
  close_to(mixed.prefill.tokens_per_s_per_chip, alone.tokens_per_s_per_chip);
  assert_int_equal(slip_serve_decode(decode, &d, &alone, &latency, NULL), SLIP_OK);
  close_to(mixed.decode.tokens_per_s_per_chip, alone.tokens_per_s_per_chip);
  slip_serve_free(prefill);
  slip_serve_free(decode);
}

/* Nine tenths of the input from the prefix cache: the prefill pool computes a tenth of the tokens for the same requests. */
static void a_prefix_hit_is_not_computed_again(void **state) {
  slip_serve_job job = serve_job_of("llama-3.1-70b", "hgx-h200", "sglang-2026");
  slip_serve_plan plan = serve_plan_of("tp=8,batch=64");
  slip_serve_result cold, warm;
  slip_serve *serve = serve_open(&job);
  assert_int_equal(slip_serve_estimate(serve, &plan, NULL, NULL, &cold, NULL), SLIP_OK);
  slip_serve_free(serve);
  job.prefix_hit = 0.9;
  serve = serve_open(&job);
  assert_int_equal(slip_serve_estimate(serve, &plan, NULL, NULL, &warm, NULL), SLIP_OK);
  slip_serve_free(serve);
  assert_true(warm.requests_per_s_per_chip > cold.requests_per_s_per_chip);
}

/* One draft a step, accepted 70% of the time: 1.7 tokens a step. The step is longer than without. */
static void a_draft_adds_tokens_and_time(void **state) {
  slip_serve_job job = serve_job_of("deepseek-v3", "hgx-h200", "sglang-2026");
  slip_serve_plan plan = serve_plan_of("tp=1,dp=16,ep=16,batch=128");
  slip_serve_result with, without;
  slip_serve *serve = serve_open(&job);
  assert_int_equal(slip_serve_estimate(serve, &plan, NULL, NULL, &with, NULL), SLIP_OK);
  slip_serve_free(serve);
  job.speculate = false;
  serve = serve_open(&job);
  assert_int_equal(slip_serve_estimate(serve, &plan, NULL, NULL, &without, NULL), SLIP_OK);
  slip_serve_free(serve);
  close_to(with.tokens_per_step, 1 + job.stack->draft_acceptance);
  close_to(without.tokens_per_step, 1);
  assert_true(with.decode.step.seconds > without.decode.step.seconds);
  assert_true(with.tpot_s < without.tpot_s);
}

/* Energy: a chip draws its share of the system's full load times (0.30 + 0.40 x share of compute- or memory-bound time);
 * J/token = W per chip / output tokens per second and chip. */
static void energy_by_hand(void **state) {
  slip_serve_job job = serve_job_of("llama-3.1-70b", "hgx-h200", "sglang-2026");
  slip_serve *serve = serve_open(&job);
  slip_serve_plan plan = serve_plan_of("tp=8,batch=64");
  slip_serve_result r;
  assert_int_equal(slip_serve_estimate(serve, &plan, NULL, NULL, &r, NULL), SLIP_OK);
  double watts[2];
  const slip_step_cost *steps[2] = {&r.prefill.step, &r.decode.step};
  for (int i = 0; i < 2; i++) {
    double working =
        (steps[i]->bounds[SLIP_BOUND_COMPUTE] + steps[i]->bounds[SLIP_BOUND_MEMORY]) / steps[i]->seconds;
    watts[i] = job.system->power_w / 8 * (0.30 + 0.40 * working);
  }
  double prefilling = r.requests_per_s_per_chip * 4096 / r.prefill.tokens_per_s_per_chip; /* share of the time */
  double power = prefilling * watts[0] + (1 - prefilling) * watts[1];
  close_to(r.system_power_w_per_chip, power);
  close_to(r.joule_per_output_token, power / r.output_tokens_per_s_per_chip);
  close_to(r.output_low, r.output_tokens_per_s_per_chip * exp(-job.stack->spread_rate));
  close_to(r.tpot_high_s, r.tpot_s * exp(job.stack->spread_serve));
  slip_serve_free(serve);
}

/* ---- formats and missing data ---- */

/* A chip without fp8 serves an fp8 model in int8 (Ascend 910C), one with neither in bf16 (A100 has int8). */
static void formats_fall_to_what_the_chip_computes(void **state) {
  static const struct {
    const char *system;
    slip_dtype compute;
  } rows[] = {
      {"hgx-h200", SLIP_FP8}, {"cloudmatrix384", SLIP_INT8}, {"gb200-nvl72", SLIP_FP8}, {"hgx-a100", SLIP_INT8}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    slip_serve_job job = serve_job_of("deepseek-v3", rows[i].system, "prior-serve");
    slip_serve *serve = serve_open(&job);
    assert_int_equal(slip_serve_compute(serve), rows[i].compute);
    assert_int_equal(slip_serve_weights(serve), rows[i].compute);
    slip_serve_free(serve);
    job.weights = SLIP_BF16;
    serve = serve_open(&job);
    assert_int_equal(slip_serve_compute(serve), SLIP_BF16);
    slip_serve_free(serve);
  }
}

static void missing_data_is_named(void **state) {
  slip_serve_job job = serve_job_of("deepseek-v3", "kunlun-p800-8", "prior-serve");
  slip_serve *serve = NULL;
  slip_error err = {.message = ""};
  assert_int_equal(slip_serve_open(&job, &serve, &err), SLIP_MISSING);
  assert_string_equal(err.field, "bf16_tflops");
  job = serve_job_of("deepseek-v3", "hgx-h200", "megatron-lm-2022"); /* a training stack does not serve */
  assert_int_equal(slip_serve_open(&job, &serve, &err), SLIP_MISSING);
  assert_string_equal(err.field, "host_step_us");
  slip_system system = *system_of("hgx-h200");
  system.levels[1].bytes_per_s = NAN;
  job = serve_job_of("deepseek-v3", "hgx-h200", "sglang-2026");
  job.system = &system;
  assert_int_equal(slip_serve_open(&job, &serve, &err), SLIP_MISSING);
  assert_string_equal(err.field, "scale-out.gbs");
  assert_null(serve);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cache_capacity_by_hand),
      cmocka_unit_test(windows_save_memory_where_the_cache_knows_them),
      cmocka_unit_test(a_latent_cache_is_not_cut_by_tensor_parallelism),
      cmocka_unit_test(what_does_not_fit_is_refused_with_the_numbers),
      cmocka_unit_test(the_decode_batch_is_the_largest_that_meets_the_objective),
      cmocka_unit_test(a_looser_objective_serves_no_less),
      cmocka_unit_test(an_aggregated_instance_conserves_work),
      cmocka_unit_test(a_disaggregated_fleet_balances_its_pools),
      cmocka_unit_test(a_closed_fleet_takes_whole_instances),
      cmocka_unit_test(prefill_and_decode_may_run_on_different_systems),
      cmocka_unit_test(a_prefix_hit_is_not_computed_again),
      cmocka_unit_test(a_draft_adds_tokens_and_time),
      cmocka_unit_test(attention_may_keep_a_format_of_its_own),
      cmocka_unit_test(energy_by_hand),
      cmocka_unit_test(formats_fall_to_what_the_chip_computes),
      cmocka_unit_test(missing_data_is_named),
  };
  return cmocka_run_group_tests(tests, jobs_open, jobs_close);
}
