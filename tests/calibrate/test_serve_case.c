/* Serving rows: how they are resolved (docs/measured.md, "Serving"), and how far the built-in table's rows are met. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the seven above */
#include <cmocka.h>

#include "base/text.h"
#include "calibrate/case.h"
#include "calibrate/serve_read.h"
#include "support/jobs.h"

#define COLUMNS                                                                                            \
  "id,source,year,chip,n_chips,chips_per_scaleup,model,weights_dtype,kv_dtype,framework,phase,isl,osl,"    \
  "prefix_hit_rate,batch_per_chip,concurrency,tp,pp,ep,dp,pd_disagg,speculative,tokens_per_s_per_chip_in," \
  "tokens_per_s_per_chip_out,ttft_ms,tpot_ms,remark,notes,confidence\n"

static slip_arena *arena;

static slip_case read_row(const char *cells) {
  slip_text text = {0};
  slip_csv table;
  slip_case out;
  slip_error err = {.message = ""};
  slip_text_add(&text, COLUMNS);
  slip_text_add(&text, cells);
  slip_text_add(&text, "\n");
  if (slip_csv_parse(arena, "test.csv", text.data, text.length, &table, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  slip_text_free(&text);
  slip_csv *kept = slip_arena_alloc(arena, sizeof *kept);
  *kept = table;
  slip_case_reader reader = {jobs_catalog, arena};
  slip_row row = {kept, 0};
  assert_int_equal(slip_read_serve_case(&reader, &row, &out, &err), SLIP_OK);
  return out;
}

static slip_case good(const char *cells) {
  slip_case c = read_row(cells);
  if (!c.shown.scored)
    fail_msg("%s", c.shown.reason);
  return c;
}

static void skipped(const char *cells, const char *because) {
  slip_case c = read_row(cells);
  assert_false(c.shown.scored);
  if (!strstr(c.shown.reason, because))
    fail_msg("'%s' does not say '%s'", c.shown.reason, because);
}

static double predict(const slip_case *c, int quantity, double *spread) {
  double values[SLIP_MAX_QUANTITIES], spreads[SLIP_MAX_QUANTITIES];
  slip_error err = {.message = ""};
  if (slip_predict_serve_case(c, NULL, NULL, values, spreads, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  if (spread)
    *spread = spreads[quantity];
  return values[quantity];
}

#define LLAMA(load)                                                                                      \
  "a,S,2025,H200 SXM 141GB,8,8,meta-llama/Llama-3.1-70B,fp8,fp8,vllm 0.10.0,e2e_online,1024,1024,," load \
  ",8,1,,,no,,,,100,10,,,high"

static void a_plain_row_is_a_closed_loop_on_one_instance(void **state) {
  slip_case c = good(LLAMA(",32"));
  assert_string_equal(c.shown.chip, "h200");
  assert_string_equal(c.shown.model, "llama-3.1-70b");
  assert_int_equal(c.serve.phase, SLIP_PHASE_LOOP);
  assert_int_equal(c.serve.plan.tp, 8);
  assert_int_equal(c.serve.job.weights, SLIP_FP8);
  assert_int_equal(c.serve.job.kv, SLIP_FP8);
  close_to(c.serve.concurrency, 32);
  close_to(c.serve.instances, 1);
  assert_true(c.serve.speculation_known);
  assert_int_equal(c.n_quantities, 2);
  assert_string_equal(c.quantities[0].name, "tpot_ms");
  close_to(c.quantities[0].measured, 10);
}

/* 4 a chip on 8 chips are 32; tp=2 on 8 chips are four instances that share them. */
static void concurrency_and_instances_follow_from_chips(void **state) {
  close_to(good(LLAMA("4,")).serve.concurrency, 32);
  slip_case c =
      good("a,S,2025,H200,8,8,Llama-3.1-70B,fp8,,vllm,e2e_online,1024,1024,,,32,2,1,,,no,,,,100,10,,,high");
  close_to(c.serve.instances, 4);
}

/* A rate alone with TTFT and TPOT: N = X (TTFT + TPOT (osl - 1)) = 8 x 128 / 129 x (1 + 0.01 x 128). */
static void an_open_loop_gets_its_requests_by_littles_law(void **state) {
  slip_case c =
      good("a,S,2025,H200,8,8,Llama-3.1-70B,fp8,,vllm,e2e_online,1024,129,,,,8,1,,,no,,,128,1000,10,,,high");
  close_to(c.serve.concurrency, 8 * 128.0 / 129 * (1 + 0.01 * 128));
  assert_non_null(strstr(c.shown.inferred, "Little"));
}

/* Two dies a package: a rate per die is half of the package's, and 8 dies are 4 packages of 8 ranks. */
static void die_rows_become_package_rows(void **state) {
  slip_case die =
      good("a,S,2026,Ascend 910C die,4,16,Qwen3-32B,int8,,SGLang,e2e_online,3500,1500,,,76,4,,,,no,,,300,,,,,high");
  slip_case whole = good("a,S,2026,\"Ascend 910C (package, 2 "
                         "dies)\",2,8,Qwen3-32B,int8,,SGLang,e2e_online,3500,1500,,,76,4,,,,no,,,600,,,,,high");
  close_to(die.quantities[0].measured, 600);
  close_to(predict(&die, 0, NULL), predict(&whole, 0, NULL));
  skipped("a,S,2026,Ascend 910C (die or package "
          "unclear),4,16,Qwen3-32B,int8,,SGLang,e2e_online,3500,1500,,,76,4,,,,no,,,300,,,,,high",
          "die or package");
}

static void a_grade_is_predicted_as_its_chip_and_says_so(void **state) {
#define ATLAS(chip) "a,S,2026," chip ",8,8,Qwen3-32B,bf16,,SGLang,e2e_online,1024,1024,,,16,8,,,,no,,,,,40,,,high"
  slip_case grade = good(ATLAS("Ascend 910B3")), chip = good(ATLAS("Ascend 910B"));
  assert_string_equal(grade.shown.chip, "ascend-910b");
  assert_non_null(strstr(grade.shown.inferred, "chip=ascend-910b for its grade ascend-910b3"));
  close_to(predict(&grade, 0, NULL), predict(&chip, 0, NULL));
}

/* A model with MTP modules and no word on drafts: both are predicted, the geometric centre is the answer, the interval spans both. */
static void unknown_speculation_is_the_centre_of_both(void **state) {
#define DEEPSEEK(spec)                                                                                         \
  "a,S,2026,H200,8,8,deepseek-ai/DeepSeek-R1,fp8_block,,sglang 0.5.9,e2e_online,1024,1024,,,64,8,1,,,no," spec \
  ",,,,20,,,high"
  slip_case unknown = good(DEEPSEEK("")), on = good(DEEPSEEK("MTP1")), off = good(DEEPSEEK("none"));
  assert_false(unknown.serve.speculation_known);
  assert_true(on.serve.speculation_known && off.serve.speculation_known);
  double wide, narrow, with = predict(&on, 0, &narrow), without = predict(&off, 0, NULL);
  assert_near(predict(&unknown, 0, &wide), sqrt(with * without), 1e-9);
  assert_near(wide, narrow + fabs(log(with / without)) / 2, 1e-9);
}

static void drafts_are_read_as_sources_write_them(void **state) {
  const struct {
    const char *text;
    bool known, on;
    int64_t drafts;
    double accepted; /* NAN: not said */
  } rows[] = {
      {"", false, false, 0, NAN},
      {"suspected MTP, not recorded", false, false, 0, NAN},
      {"MTP?", false, false, 0, NAN},
      {"none (accept length 1.0)", true, false, 0, NAN},
      {"MTP3 (accept length 2.82)", true, true, 3, 1.82},
      {"MTP1 (accept length ~1.8-1.9)", true, true, 1, 0.85},
      {"MTP 1 token, assumed 70% accept", true, true, 1, 0.7},
      {"simulated MTP (60% accept assumed)", true, true, 0, 0.6},
      {"EAGLE3 (3 tokens)", true, true, 3, NAN},
      {"DFlash (7 tokens)", true, true, 7, NAN},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    slip_draft_text d = slip_serve_drafts(rows[i].text);
    if (d.known != rows[i].known || d.on != rows[i].on || d.drafts != rows[i].drafts)
      fail_msg("%s: known %d on %d drafts %d", rows[i].text, d.known, d.on, (int)d.drafts);
    if (isnan(rows[i].accepted))
      assert_true(isnan(d.accepted));
    else
      close_to(d.accepted, rows[i].accepted);
  }
}

/* Lengths drawn from 0.8 to 1 of the nominal are 0.9 of it in the mean; pools are named in the remark, or in the notes' own words. */
static void remark_and_notes_say_the_same(void **state) {
#define POOLS                                                             \
  "a,S,2026,GB200 (per GPU),48,72,deepseek-ai/DeepSeek-V3,nvfp4,,sglang " \
  "0.5.8,e2e_online,1000,1000,,,512,1,1,32,32,yes,,,,767,14,"
  slip_case a = good(POOLS "length_ratio=0.9; rounds=10; prefill=4xtp1dp4ep4; decode=1xtp1dp32ep32,,high");
  slip_case b =
      good(POOLS ",\"PD disaggregated: 4 prefill workers (attn tp1 dp4 moe_tp1 ep4), 1 decode workers (attn tp1 "
                 "dp32 moe_tp1 ep32); random lengths 0.8..1.0 of nominal; MTP use NOT recorded\",high");
  const slip_case *both[] = {&a, &b};
  for (int i = 0; i < 2; i++) {
    const slip_serve_case *c = &both[i]->serve;
    assert_int_equal(c->job.isl, 900);
    close_to(c->prefill_instances, 4);
    close_to(c->instances, 1);
    assert_int_equal(c->plan.dp, 4);
    assert_int_equal(c->decode_plan.dp, 32);
    assert_int_equal(c->decode_plan.ep, 32);
    close_to(c->job.rounds, 10);
  }
  close_to(predict(&a, 0, NULL), predict(&b, 0, NULL));
}

/* Recipes cap the running sequences of a decode engine's attention replica: 16 on each of 32 are 512 of the instance. With 2,000 requests in
 * flight the rest wait before their first token. What the row says of drafts needs no inference. */
static void recipes_cap_the_decode_engines(void **state) {
#define LOADED                                                                     \
  "a,InferenceX,2026,GB200 (per GPU),48,72,deepseek-ai/DeepSeek-V3,nvfp4,,trtllm " \
  "0.8.1,e2e_online,1000,1000,,,2000,1,1,32,32,yes,,,,767,14,"                     \
  "measured=2026-02-03; prefill=4xtp1dp4ep4; decode=1xtp1dp32ep32"
  slip_case free = good(LOADED ",,high"), capped = good(LOADED "; decode_batch=16; drafts=none; recipe=R,,high");
  assert_int_equal(free.serve.decode_plan.batch, 0);
  assert_int_equal(capped.serve.decode_plan.batch, 512);
  assert_int_equal(capped.serve.plan.batch, 0);
  assert_true(capped.serve.speculation_known && !capped.serve.job.speculate);
  assert_non_null(strstr(free.shown.inferred, "drafts=0 by InferenceX"));
  assert_null(strstr(capped.shown.inferred, "drafts"));
  /* 1,488 of 2,000 wait for a place: 1,488 / 512 of a request's 999 tokens */
  assert_string_equal(capped.quantities[0].name, "tpot_ms");
  double tpot = predict(&capped, 0, NULL), ttft = predict(&capped, 1, NULL);
  assert_near(ttft, 1488.0 / 512 * 999 * tpot, 1e-6);
  assert_true(tpot < predict(&free, 0, NULL));
}

/* A decode pool's rate is its batch over TPOT: 100 on a chip at 50 ms are 2,000 tokens/s. A row that says all three has one figure, and so has
 * one whose batch is to be had from the two; where they disagree both are scored. */
static void a_decode_pool_has_one_figure(void **state) {
#define POOL(batch, rate, tpot)                                                                               \
  "a,S,2026,H800 SXM,16,8,DeepSeek-V3,fp8,,sglang 0.5.0,decode,4096,1024,," batch ",,,,16,16,yes,none,," rate \
  ",," tpot ",,,high"
  slip_case stated = good(POOL("100", "2000", "50")), follows = good(POOL("", "2000", "50")),
            apart = good(POOL("100", "2000", "45")), alone = good(POOL("100", "", "50"));
  assert_int_equal(stated.n_quantities, 1);
  assert_string_equal(stated.quantities[0].name, "tokens_per_s_per_chip_out");
  assert_int_equal(follows.n_quantities, 1);
  close_to(follows.serve.concurrency, 1600);
  assert_int_equal(apart.n_quantities, 2);
  assert_int_equal(alone.n_quantities, 1);
  assert_string_equal(alone.quantities[0].name, "tpot_ms");
}

/* A live pool of unknown load: 2 - sqrt 2 of what it can do, where x (1 - x) / (2 - x) is largest; the interval reaches to 0.35 and 0.79, where that is 80%
 * of it. A prompt waits and is served (2 - x) / (2 - 2 x) = 1.707 times as long (M/D/1). */
static void a_live_pool_is_loaded_where_its_power_is_largest(void **state) {
#define PREFILL_POOL(more)                                 \
  "a,S,2025,H800,32,8,DeepSeek-R1 671B,fp8,bf16,DeepSeek " \
  "in-house,prefill,4096,,,,,,,32,32,yes,,4000,,900,,\"" more "\",,high"
  const slip_case full = good(PREFILL_POOL("x=1")), live = good(PREFILL_POOL("service=live"));
  const double x = 2 - sqrt(2), best = x * (1 - x) / (2 - x);
  double narrow, wide;
  close_to(SLIP_LIVE_LOAD, x);
  close_to(SLIP_LIVE_LOAD_LEAST * (1 - SLIP_LIVE_LOAD_LEAST) / (2 - SLIP_LIVE_LOAD_LEAST), 0.8 * best);
  close_to(SLIP_LIVE_LOAD_MOST * (1 - SLIP_LIVE_LOAD_MOST) / (2 - SLIP_LIVE_LOAD_MOST), 0.8 * best);
  close_to(predict(&live, 0, &wide) / predict(&full, 0, &narrow), x);
  close_to(wide - narrow, log(SLIP_LIVE_LOAD_MOST / SLIP_LIVE_LOAD_LEAST) / 2);
  close_to(predict(&live, 1, NULL) / predict(&full, 1, NULL), (2 - x) / (2 - 2 * x));
  assert_non_null(strstr(live.shown.inferred, "load=0.59"));
  assert_false(good(LLAMA(",32")).serve.live);
#undef PREFILL_POOL
}

/* A recipe also says how many frontends deal to the decode instances and what a prefill step takes. */
static void recipes_set_up_both_pools(void **state) {
  slip_case plain = good(LOADED ",,high"), set = good(LOADED "; frontends=9; chunk=16384,,high");
  assert_true(plain.serve.plan.chunk == 0 && plain.serve.decode_plan.frontends == 0);
  assert_true(set.serve.plan.chunk == 16384 && set.serve.decode_plan.frontends == 9);
  assert_int_equal(set.serve.plan.frontends, 0);
}

/* A client that counts prompts with another tokenizer than the server's: 1,000 tokens that it means are 5,030 of the server's. */
static void prompts_are_as_long_as_the_server_counts(void **state) {
  slip_case c = good(LOADED "; prompt_ratio=5.03,,high");
  assert_int_equal(c.serve.job.isl, 5030);
  assert_int_equal(c.serve.job.osl, 1000);
  assert_non_null(strstr(c.shown.inferred, "isl x 5.03"));
}

static void blank_layouts_follow_the_rules(void **state) {
  /* ep alone: attention on every rank (32 dies of 16 packages) */
  slip_case wide = good("a,S,2025,\"Ascend 910C (package, 2 dies)\",16,384,DeepSeek-R1 "
                        "671B,int8,,CloudMatrix-Infer,prefill,4096,,,16384 tokens/NPU,,,,32,,yes,,5655,,,,,,high");
  assert_int_equal(wide.serve.plan.tp, 1);
  assert_int_equal(wide.serve.plan.dp, 32);
  assert_int_equal(wide.serve.plan.chunk, 8192); /* per die */
  /* nothing at all: the fastest legal layout, and the row says so */
  slip_case none = good("a,MLPerf Inference v5.1 results,2025,H200 SXM 141GB,8,8,llama3.1-405b,fp8,,TensorRT "
                        "10.11,e2e_offline,,684,,,,,,,,,,,70,,,scenario=offline,,high");
  assert_non_null(strstr(none.shown.inferred, "by search"));
  assert_int_equal(none.serve.job.isl, 9428);
  close_to((double)none.serve.plan.tp * none.serve.instances, 8);
  assert_true(isnan(none.serve.concurrency));
  /* 405 B in fp8 need more than one chip of 141 GB */
  assert_true(none.serve.plan.tp >= 4);
}

/* 405 B parameters in bf16 never fit two chips of 80 GB. What was measured did fit, so it is predicted all the same. */
static void what_memory_refuses_is_still_predicted(void **state) {
  slip_case c = good("a,S,2025,H100,2,8,Llama-3.1-405B,bf16,,vllm,e2e_online,1024,1024,,,4,2,1,,,no,,,,,90,,,high");
  slip_serve_figures figures;
  assert_int_equal(slip_serve_figures_if_fits(&c.serve, &c.serve.job, &figures, NULL), SLIP_INFEASIBLE);
  assert_true(predict(&c, 0, NULL) > 0);
}

static void what_cannot_be_scored_says_why(void **state) {
  skipped("a,S,2025,Imaginary X1,8,8,Llama-3.1-70B,fp8,,vllm,e2e_online,1024,1024,,,4,8,1,,,no,,,,,10,,,high",
          "Imaginary X1");
  skipped("a,S,2025,H200,8,8,Nobody-7B,fp8,,vllm,e2e_online,1024,1024,,,4,8,1,,,no,,,,,10,,,high", "Nobody-7B");
  skipped("a,S,2025,H200,8,8,Llama-3.1-70B,fp8,,vllm,e2e_online,,1024,,,4,8,1,,,no,,,,,10,,,high", "isl");
  skipped("a,S,2025,H200,8,8,Llama-3.1-70B,fp8,,vllm,e2e_online,1024,1024,,,,8,1,,,no,,,,,10,,,high",
          "concurrency");
  skipped("a,S,2025,H200,8,8,Llama-3.1-70B,UNSET,,vllm,e2e_online,1024,1024,,,4,8,1,,,no,,,,,10,,,high", "UNSET");
  skipped("a,S,2025,H200,8,8,Llama-3.1-70B,fp8,,vllm,e2e_online,1024,1024,,,4,8,1,,,no,,,,,,,,high", "no rate");
  skipped("a,S,2025,H200,8,8,Llama-3.1-70B,fp8,,vllm,e2e_online,1024,1024,,,4,16,1,,,no,,,,,10,,,high", "tp");
  skipped("a,S,2025,H200,8,8,Llama-3.1-70B,fp8,,vllm,e2e_online,1024,1024,,,4,two,1,,,no,,,,,10,,,high",
          "tp 'two'");
  skipped("a,S,2025,H200,8,8,Llama-3.1-70B,fp8,,vllm,sideways,1024,1024,,,4,8,1,,,no,,,,,10,,,high", "phase");
  skipped("a,S,2025,H200,8,8,Llama-3.1-70B,fp8,,vllm,e2e_online,1024,1024,,,4,8,1,,,no,,,,,-1,,,high", "tpot_ms");
  skipped("a,S,2025,H200,8,8,Llama-3.1-70B,fp8,,vllm,e2e_online,1024,1024,,,4,8,1,,,no,,,,,10,not_scored="
          "regression-floor,,high",
          "regression-floor");
}

/* ---- the built-in table ---- */

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

typedef struct guard {
  const char *quantity, *phase;
  double median, p90; /* of |predicted / measured - 1|; a little above what it was when written */
  double errors[1024];
  int n;
} guard;

static void note(guard *guards, size_t n, const slip_case *c) {
  double values[SLIP_MAX_QUANTITIES];
  if (slip_predict_serve_case(c, NULL, NULL, values, NULL, NULL) != SLIP_OK)
    return;
  for (int q = 0; q < c->n_quantities; q++)
    for (size_t i = 0; i < n; i++)
      if (strcmp(guards[i].quantity, c->quantities[q].name) == 0 && strcmp(guards[i].phase, c->shown.phase) == 0 &&
          guards[i].n < 1024)
        guards[i].errors[guards[i].n++] = fabs(values[q] / c->quantities[q].measured - 1);
}

static void the_built_in_table_is_met_as_well_as_it_was(void **state) {
  static guard guards[] = {
      {.quantity = "tokens_per_s_per_chip_in", .phase = "prefill", .median = 0.25, .p90 = 0.90},
      {.quantity = "tokens_per_s_per_chip_out", .phase = "decode", .median = 0.18, .p90 = 0.45},
      {.quantity = "tokens_per_s_per_chip_out", .phase = "e2e_offline", .median = 0.19, .p90 = 0.55},
      {.quantity = "tpot_ms", .phase = "e2e_online", .median = 0.15, .p90 = 0.42},
      {.quantity = "ttft_ms", .phase = "e2e_online", .median = 0.45, .p90 = 1.0},
  };
  enum { GUARDS = sizeof guards / sizeof *guards };
  const char *root = getenv("SLIP_SOURCE_DIR");
  char path[1024];
  char *bytes = NULL;
  size_t n = 0;
  slip_csv table;
  slip_error err = {.message = ""};
  if (!root)
    skip();
  (void)snprintf(path, sizeof path, "%s/data/measured/serving.csv", root);
  assert_int_equal(slip_read_file(path, 1 << 24, &bytes, &n, &err), SLIP_OK);
  if (slip_csv_parse(arena, "serving.csv", bytes, n, &table, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  free(bytes);
  slip_case_reader reader = {jobs_catalog, arena};
  size_t scored = 0;
  for (size_t i = 0; i < table.n_rows; i++) {
    slip_row row = {&table, i};
    slip_case c;
    assert_int_equal(slip_read_serve_case(&reader, &row, &c, &err), SLIP_OK);
    if (!c.shown.scored)
      continue;
    scored++;
    note(guards, GUARDS, &c);
  }
  printf("  %zu of %zu rows scored\n", scored, table.n_rows);
  assert_true(table.n_rows >= 800);
  assert_true((double)scored >= 0.86 * (double)table.n_rows);
  for (size_t i = 0; i < GUARDS; i++) {
    guard *g = &guards[i];
    assert_true(g->n > 5);
    qsort(g->errors, (size_t)g->n, sizeof *g->errors, by_value);
    double median = g->errors[g->n / 2], p90 = g->errors[(int)(0.9 * g->n)];
    printf("  %-26s %-12s %4d rows, median %5.1f%%, 90th percentile %5.1f%%\n", g->quantity, g->phase, g->n,
           100 * median, 100 * p90);
    assert_true(median < g->median);
    assert_true(p90 < g->p90);
  }
}

/* TensorRT-LLM's overview sends 3,000 requests of 1,000 and 1,000 tokens at once. 0.14's engines take 4,096 sequences. Its later editions let
 * trtllm-bench choose: Llama 70B in fp8 (70.55e9 bytes) leaves 0.9 x (2 x 141e9 - 70.55e9) for caches, of which a request takes
 * 2,000 x 2 x 80 x 8 x 128 bytes in fp8: 580 requests, so a batch of 640 (steps of 128), and 1,160 tokens a step, so 2,048; the prompt and a full
 * batch fit (1,640). A chunk is what the sequences leave of it. */
static void runs_of_trtllm_bench_are_set_up_as_it_does(void **state) {
  slip_case old = good(
      "a,NVIDIA TensorRT-LLM perf-overview v0.14,2024,H200 SXM 141GB,2,8,Llama-3.1-70B,fp8,fp8,TensorRT-LLM 0.14.0,"
      "e2e_offline,1000,1000,,,,2,1,,,no,,,1000,,,,,high");
  close_to(old.serve.requests, 3000);
  assert_int_equal(old.serve.plan.batch, 4096);
  slip_case c =
      good("a,NVIDIA TensorRT-LLM perf-overview (per-GPU edition),2025,H200 SXM 141GB,2,8,Llama-3.1-70B,fp8,,"
           "TensorRT-LLM (PyTorch backend),e2e_offline,1000,1000,,,,2,1,,,no,,,1000,,,,,high");
  close_to(c.serve.requests, 3000);
  assert_int_equal(c.serve.plan.batch, 640);
  assert_int_equal(c.serve.plan.chunk, 2048 - 640);
  assert_non_null(strstr(c.shown.inferred, "3000 requests at once"));
  assert_true(slip_trtllm_requests(77, 77) == 0);
  /* mxfp4 is not in its list of formats: defaults */
  slip_case small =
      good("a,NVIDIA TensorRT-LLM perf-overview (per-GPU edition),2025,H200 SXM 141GB,1,8,gpt-oss-120b,fp8,,"
           "TensorRT-LLM (PyTorch backend),e2e_offline,1024,8192,,,,1,1,,,no,,,1000,,,,,high");
  assert_int_equal(small.serve.plan.batch, 2048);
}

/* NVIDIA's nvfp4 checkpoints name an fp8 cache (hf_quant_config.json), OpenAI's mxfp4 name none: there engines keep bf16, but TensorRT-LLM
 * chooses fp8. A row's own word comes before both. */
static void a_cache_is_as_the_checkpoint_or_the_engine_says(void **state) {
  static const struct {
    const char *chip, *model, *formats, *framework;
    slip_dtype kv;
  } want[] = {
      {"H100", "openai/gpt-oss-120b", "mxfp4,", "vllm 0.10.2", SLIP_DTYPES},
      {"H100", "openai/gpt-oss-120b", "mxfp4,fp8", "vllm 0.10.2", SLIP_FP8},
      {"H100", "openai/gpt-oss-120b", "mxfp4,", "TensorRT-LLM 1.0", SLIP_FP8},
      {"B200", "deepseek-ai/DeepSeek-R1", "nvfp4,", "sglang 0.5.9", SLIP_FP8},
      {"B200", "deepseek-ai/DeepSeek-R1", "fp8_block,", "sglang 0.5.9", SLIP_DTYPES},
      {"H100", "llama3.1-70b", "fp8,", "NVIDIA NIM 1.8.0", SLIP_FP8},
      {"H100", "llama3.1-70b", "fp8,", "vllm 0.10.2", SLIP_DTYPES},
      {"Gaudi 3", "llama3.1-70b", "fp8,", "Optimum Habana", SLIP_FP8},
      {"Gaudi 3", "llama3.1-70b", "bf16,", "Optimum Habana", SLIP_DTYPES},
  };
  for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
    char cells[256];
    (void)snprintf(cells, sizeof cells,
                   "a,S,2025,%s,8,8,%s,%s,%s,e2e_online,1024,1024,,,64,8,1,,,no,none,,,,20,,,high", want[i].chip,
                   want[i].model, want[i].formats, want[i].framework);
    assert_int_equal(good(cells).serve.job.kv, want[i].kv);
  }
}

/* AMD's tables give the number of prompts: all at once, and all may run. */
static void prompts_of_a_throughput_script_are_all_there_are(void **state) {
  slip_case c =
      good("a,AMD ROCm/vllm dev-docker README,2025,MI300X 192GB,8,8,Llama-3.1-70B,fp8,fp8,vLLM 0.10.0 ROCm,"
           "e2e_offline,128,2048,,,3200,8,1,,,no,,,1000,,,,,medium");
  close_to(c.serve.requests, 3200);
  assert_int_equal(c.serve.plan.batch, 3200);
  assert_int_equal(c.serve.plan.chunk, 131072);
  slip_case named = good(
      "a,S,2025,H200 SXM 141GB,8,8,Llama-3.1-70B,fp8,fp8,vllm 0.10.0,e2e_offline,128,2048,,,,8,1,,,no,,,1000,,,"
      "requests=500,,high");
  close_to(named.serve.requests, 500);
}

static int open_all(void **state) {
  arena = slip_arena_open();
  return arena ? jobs_open(state) : -1;
}

static int close_all(void **state) {
  slip_arena_free(arena);
  return jobs_close(state);
}

#define INFERENCEX(chip, model, framework, load, when, split)                                   \
  "a,aiconfigurator (InferenceX/InferenceMAX data),2026," chip ",8,8," model ",fp8,," framework \
  ",e2e_online,1024,1024,,," load ",8,1,,," split ",,,,100,10,\"measured=" when                 \
  "; length_ratio=0.9; rounds=10; prefill=1xtp8dp1ep1; decode=1xtp8dp1ep1\",,high"

/* InferenceX's scripts start SGLang on B200 with chunks of 32,768 tokens, an fp8 cache, and a look for requests every 30 steps, every 10 below
 * 16 in flight; TensorRT-LLM there takes one prompt (and a token of each request) a step. Lengths even in 0.8 to 1: their standard
 * deviation is 0.2 / sqrt(12) = 0.0577 of the nominal, 0.0642 of their mean. */
static void inferencex_rows_run_as_its_scripts_say(void **state) {
  slip_case c = good(INFERENCEX("B200 SXM", "DeepSeek-R1", "sglang 0.5.9", "64", "2026-03-25", "no"));
  assert_true(c.serve.plan.chunk == 32768 && c.serve.plan.poll == 30);
  assert_int_equal(c.serve.job.kv, SLIP_FP8);
  assert_near(c.serve.job.length_spread, 0.2 / sqrt(12) / 0.9, 1e-9);
  c = good(INFERENCEX("B200 SXM", "DeepSeek-R1", "sglang 0.5.9", "8", "2026-03-25", "no"));
  assert_int_equal(c.serve.plan.poll, 10);
  c = good(INFERENCEX("B200 SXM", "DeepSeek-R1", "trtllm 1.2.0rc6.post2", "64", "2026-02-03", "no"));
  assert_int_equal(c.serve.plan.chunk, 922 + 64);
  c = good(LLAMA(",32"));
  assert_true(c.serve.plan.chunk == 0 && c.serve.plan.poll == 0);
}

/* What a row says of its engine goes before what the scripts have in common. */
static void a_row_may_say_how_its_engine_was_set_up(void **state) {
#define SET(facts)                                                                                       \
  "a,aiconfigurator (InferenceX/InferenceMAX data),2026,B200 SXM,8,8,DeepSeek-R1,fp8,bf16,sglang 0.5.9," \
  "e2e_online,1024,1024,,,64,8,1,,,no,,,,100,10,\"measured=2026-03-25; length_ratio=0.9" facts "\",,high"
  slip_case c = good(SET("; chunk=2048; poll=5; memory_share=0.8; max_running=16"));
  assert_true(c.serve.plan.chunk == 2048 && c.serve.plan.poll == 5 && c.serve.plan.batch == 16);
  assert_near(c.serve.memory_share, 0.8, 0);
  assert_int_equal(c.serve.job.kv, SLIP_BF16);
  assert_null(strstr(c.shown.inferred, "chunk"));
  assert_true(!c.serve.serial_host && !c.serve.speculation_known && !c.serve.eager);
  assert_true(good(SET("; graphs=off")).serve.eager && !good(SET("; graphs=on")).serve.eager);
  c = good(SET("; drafts=2; overlap_schedule=off"));
  assert_true(c.serve.serial_host && c.serve.speculation_known && c.serve.job.speculate);
  assert_int_equal(c.serve.job.drafts, 2);
  c = good(SET("; chunk=-1; poll=x; memory_share=7")); /* no numbers of that kind */
  assert_true(c.serve.plan.chunk == 32768 && c.serve.plan.poll == 30);
  assert_near(c.serve.memory_share, 0, 0);
#undef SET
}

/* And its configurations and pull requests say which of its rows draft. */
static void inferencex_says_elsewhere_which_rows_draft(void **state) {
  static const struct {
    const char *row;
    bool known;
    int64_t drafts; /* 0: none */
  } rows[] = {
      {INFERENCEX("B200 SXM", "DeepSeek-R1", "trtllm 1.2.0rc6.post2", "4", "2026-02-03", "no"), true, 0},
      {INFERENCEX("B200 SXM", "DeepSeek-R1", "trtllm 1.2.0rc6.post3", "4", "2026-02-06", "no"), true, 3},
      {INFERENCEX("H200 SXM", "DeepSeek-R1", "trtllm 1.1.0rc2.post2", "4", "2026-01-14", "no"), true, 3},
      {INFERENCEX("B200 SXM", "DeepSeek-R1", "sglang 0.5.8", "4", "2026-02-09", "yes"), true, 0},
      {INFERENCEX("B200 SXM", "GLM-5", "sglang nightly", "4", "2026-03-20", "no"), true, 0},
      {INFERENCEX("B200 SXM", "GLM-5", "sglang nightly", "4", "2026-04-20", "no"), false, 0},
      {INFERENCEX("B200 SXM", "DeepSeek-R1", "sglang 0.5.9", "4", "2026-03-25", "no"), false, 0},
      {INFERENCEX("B300 SXM", "DeepSeek-R1", "sglang 0.5.10.post1", "4", "2026-04-17", "no"), true, 0},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    slip_case c = good(rows[i].row);
    assert_int_equal(c.serve.speculation_known, rows[i].known);
    if (rows[i].known) {
      assert_int_equal(c.serve.job.speculate, rows[i].drafts > 0);
      assert_int_equal(c.serve.job.drafts, rows[i].drafts);
    }
  }
}

/* Submissions to MLPerf run in the format of fewest bits that the chip computes; a log that names none, or the one before quantisation,
 * says nothing else. */
static void mlperf_runs_in_the_narrowest_format(void **state) {
  static const struct {
    const char *chip, *model, *weights, *source;
    slip_dtype want;
  } cases[] = {{"H200", "llama2-70b", "", "MLPerf Inference v5.0 results", SLIP_FP8},
               {"B200", "llama2-70b", "", "MLPerf Inference v5.0 results", SLIP_FP4},
               {"B200", "llama2-70b", "bf16", "MLPerf Inference v5.0 results", SLIP_FP4},
               {"B200", "llama2-70b", "fp8", "MLPerf Inference v5.0 results", SLIP_FP8},
               {"B200", "llama2-70b", "", "a blog", SLIP_DTYPES}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char cells[256];
    (void)snprintf(cells, sizeof cells,
                   "a,%s,2025,%s,8,8,%s,%s,,TensorRT 10.8,e2e_offline,1024,1024,,,64,8,1,,,no,none,,100,,,,,high",
                   cases[i].source, cases[i].chip, cases[i].model, cases[i].weights);
    assert_int_equal(good(cells).serve.job.weights, cases[i].want);
  }
}

/* MLPerf's load generator calls the engine itself; its open division may change the model; what ran in an open loop did fit. */
static void mlperf_rows_have_no_server(void **state) {
#define MLPERF(division)                                                              \
  "a,MLPerf Inference v5.1 results,2025,H200 SXM 141GB,8,8,llama2-70b,fp8,,TensorRT " \
  "10.11,e2e_online,,294,,,,,,,,,,,4000,300,150,scenario=server; division=" division ",,high"
  slip_case c = good(MLPERF("closed"));
  assert_true(c.serve.in_process && c.serve.job.ignore_memory);
  skipped(MLPERF("open"), "open division");
  assert_false(good(LLAMA(",32")).serve.in_process);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_plain_row_is_a_closed_loop_on_one_instance),
      cmocka_unit_test(concurrency_and_instances_follow_from_chips),
      cmocka_unit_test(an_open_loop_gets_its_requests_by_littles_law),
      cmocka_unit_test(die_rows_become_package_rows),
      cmocka_unit_test(a_grade_is_predicted_as_its_chip_and_says_so),
      cmocka_unit_test(unknown_speculation_is_the_centre_of_both),
      cmocka_unit_test(drafts_are_read_as_sources_write_them),
      cmocka_unit_test(remark_and_notes_say_the_same),
      cmocka_unit_test(recipes_cap_the_decode_engines),
      cmocka_unit_test(a_decode_pool_has_one_figure),
      cmocka_unit_test(a_live_pool_is_loaded_where_its_power_is_largest),
      cmocka_unit_test(recipes_set_up_both_pools),
      cmocka_unit_test(prompts_are_as_long_as_the_server_counts),
      cmocka_unit_test(blank_layouts_follow_the_rules),
      cmocka_unit_test(what_memory_refuses_is_still_predicted),
      cmocka_unit_test(what_cannot_be_scored_says_why),
      cmocka_unit_test(inferencex_rows_run_as_its_scripts_say),
      cmocka_unit_test(a_row_may_say_how_its_engine_was_set_up),
      cmocka_unit_test(inferencex_says_elsewhere_which_rows_draft),
      cmocka_unit_test(mlperf_runs_in_the_narrowest_format),
      cmocka_unit_test(mlperf_rows_have_no_server),
      cmocka_unit_test(runs_of_trtllm_bench_are_set_up_as_it_does),
      cmocka_unit_test(a_cache_is_as_the_checkpoint_or_the_engine_says),
      cmocka_unit_test(prompts_of_a_throughput_script_are_all_there_are),
      cmocka_unit_test(the_built_in_table_is_met_as_well_as_it_was),
  };
  return cmocka_run_group_tests(tests, open_all, close_all);
}
