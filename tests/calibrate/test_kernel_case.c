/* Rows of kernel measurements: what operator or collective each becomes, worked by hand, and which rows are
 * refused and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the seven above */
#include <cmocka.h>

#include <math.h>

#include "calibrate/case.h"
#include "support/close.h"
#include "support/kernel_rows.h"

static slip_catalog *catalog;
static slip_arena *arena;

static int setup(void **state) {
  arena = slip_arena_open();
  return arena && slip_catalog_open(NULL, 0, &catalog, NULL) == SLIP_OK ? 0 : -1;
}

static int teardown(void **state) {
  slip_catalog_free(catalog);
  slip_arena_free(arena);
  return 0;
}

/* One row of a table with the columns named. */
static slip_case read_columns(const char *columns, const char *line) {
  slip_csv *table = slip_arena_alloc(arena, sizeof *table);
  char *text = slip_arena_printf(arena, "%s\n%s\n", columns, line);
  slip_error err = {.message = ""};
  slip_case_reader reader = {.catalog = catalog, .arena = arena};
  slip_case c;
  if (slip_csv_parse(arena, "t.csv", text, strlen(text), table, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  slip_row row = {table, 0};
  assert_int_equal(slip_read_kernel_case(&reader, &row, &c, &err), SLIP_OK);
  return c;
}

static slip_case read_row(const char *line) {
  return read_columns("id,source,chip,op,dtype,shape,value,unit,remark", line);
}

static slip_case read_scored(const char *line) {
  slip_case c = read_row(line);
  if (!c.shown.scored)
    fail_msg("%s", c.shown.reason);
  return c;
}

static double predict(const slip_case *c) {
  double predicted[SLIP_MAX_QUANTITIES], spread[SLIP_MAX_QUANTITIES];
  slip_error err = {.message = ""};
  if (slip_predict_kernel_case(c, NULL, NULL, predicted, spread, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  assert_true(spread[0] > 0 && spread[0] < 1);
  return predicted[0];
}

static void assert_refused(const char *line, const char *reason) {
  slip_case c = read_row(line);
  assert_false(c.shown.scored);
  if (!strstr(c.shown.reason, reason))
    fail_msg("\"%s\" does not say \"%s\"", c.shown.reason, reason);
}

/* ---- identity ---- */

static void a_row_keeps_its_names(void **state) {
  slip_case c =
      read_scored("K1,A table,H200 SXM 141GB,gemm,bf16,\"{\"\"m\"\":64,\"\"n\"\":4096,\"\"k\"\":8192}\",10,us,");
  assert_string_equal(c.shown.id, "K1");
  assert_string_equal(c.shown.phase, "kernel");
  assert_string_equal(c.shown.model, "gemm");
  assert_string_equal(c.shown.chip, "h200");
  assert_string_equal(c.shown.stack, "");
  assert_string_equal(c.shown.unit, "us");
  assert_int_equal(c.shown.line, 2);
  assert_true(c.shown.measured == 10 && c.n_quantities == 1 && c.quantities[0].measured == 10);
}

/* ---- one row of each operation ---- */

/* 64 x 8192 x 4096 in bf16: 67 MB of weights, 1 MB in, 0.5 MB out, 4.3 GFLOP. A rate is FLOP over the predicted
 * time. */
static void a_gemm(void **state) {
  slip_case c = read_scored("a,s,H200,gemm,bf16,\"{\"\"m\"\":64,\"\"n\"\":4096,\"\"k\"\":8192}\",10,us,");
  const slip_op *op = &c.kernel.ops[0];
  assert_int_equal(op->kind, SLIP_OP_GEMM);
  assert_true(op->m == 64 && op->n == 4096 && op->k == 8192);
  close_to(op->weight_bytes, 2.0 * 4096 * 8192);
  close_to(op->read_bytes, 2.0 * 64 * 8192);
  close_to(op->write_bytes, 2.0 * 64 * 4096);
  slip_case rate = read_scored("a,s,H200,gemm,bf16,\"{\"\"m\"\":64,\"\"n\"\":4096,\"\"k\"\":8192}\",500,TFLOPS,");
  close_to(predict(&rate), 2.0 * 64 * 4096 * 8192 / predict(&c) / 1e6);
}

/* A source that times bursts is held against a clock that the power limit has not lowered yet: with a sustained rate of 0.8 the arithmetic of a
 * large product (8192^3, bound by it) takes 0.8 of its time, its launch all of it (and what little of its traffic does not hide); a product bound by
 * memory (one row) takes as long as ever. */
static void a_burst_runs_before_the_power_limit(void **state) {
  static const char large[] = "\"{\"\"m\"\":8192,\"\"n\"\":8192,\"\"k\"\":8192}\"";
  static const char thin[] = "\"{\"\"m\"\":1,\"\"n\"\":8192,\"\"k\"\":8192}\"";
  const char *const shapes[] = {large, thin};
  for (int i = 0; i < 2; i++) {
    slip_case steady = read_scored(slip_arena_printf(arena, "a,s,H200,gemm,bf16,%s,10,us,", shapes[i]));
    slip_case burst =
        read_scored(slip_arena_printf(arena, "a,DeepGEMM README,H200,gemm,bf16,%s,10,us,", shapes[i]));
    slip_kernels kernels = *steady.chip->kernels;
    double expected[SLIP_MAX_QUANTITIES], predicted[SLIP_MAX_QUANTITIES];
    kernels.sustained_rate = 0.8;
    assert_false(steady.kernel.burst);
    assert_true(burst.kernel.burst);
    assert_int_equal(slip_predict_kernel_case(&steady, NULL, &kernels, expected, NULL, NULL), SLIP_OK);
    assert_int_equal(slip_predict_kernel_case(&burst, NULL, &kernels, predicted, NULL, NULL), SLIP_OK);
    const double launch_us = kernels.launch_s * 1e6;
    assert_true(fabs(predicted[0] / (i == 0 ? launch_us + 0.8 * (expected[0] - launch_us) : expected[0]) - 1) <
                5e-3);
    kernels.sustained_rate = NAN; /* not known: no difference */
    assert_int_equal(slip_predict_kernel_case(&burst, NULL, &kernels, predicted, NULL, NULL), SLIP_OK);
    close_to(predicted[0], expected[0]);
  }
}

/* Masked rows of DeepGEMM's generator: int(mean x U), U even from 0.7 to 1.3. Of a mean of 1 half of the groups get none, so that half of the
 * weights are read; of a mean of 4 (2.8 to 5.2) all have some. */
static void masked_groups_without_rows_read_no_weights(void **state) {
  slip_case one = read_scored(
      "a,s,H800,grouped_gemm,fp8,\"{\"\"local_experts\"\":256,\"\"tokens_per_expert\"\":1,\"\"hidden\"\":7168,"
      "\"\"inter\"\":2048,\"\"proj\"\":\"\"up\"\",\"\"layout\"\":\"\"masked\"\"}\",1297,us,");
  slip_case four = read_scored(
      "a,s,H800,grouped_gemm,fp8,\"{\"\"local_experts\"\":256,\"\"tokens_per_expert\"\":4,\"\"hidden\"\":7168,"
      "\"\"inter\"\":2048,\"\"proj\"\":\"\"up\"\",\"\"layout\"\":\"\"masked\"\"}\",2672,us,");
  close_to(one.kernel.ops[0].groups, 128);
  close_to(four.kernel.ops[0].groups, 256);
  close_to(one.kernel.ops[0].weight_bytes, four.kernel.ops[0].weight_bytes / 2);
}

/* Integer weights are widened: half a byte (and scales) an element to read, bf16 products. */
static void a_gemm_of_integer_weights_computes_in_bf16(void **state) {
  slip_case c =
      read_scored("a,s,A100 SXM 80GB,gemm,int4 weight-only,\"{\"\"m\"\":1,\"\"n\"\":8192,\"\"k\"\":8192}\",38,us,");
  assert_int_equal(c.kernel.ops[0].dtype, SLIP_BF16);
  close_to(c.kernel.ops[0].weight_bytes, slip_dtype_bytes(SLIP_INT4) * 8192 * 8192);
}

/* The gate and up products of 8 local experts, 64 tokens each: 512 rows, 2 x 1536 columns. */
static void a_grouped_gemm(void **state) {
  slip_case c =
      read_scored("a,s,H20 96GB,grouped_gemm,fp8 block-scaled,\"{\"\"local_experts\"\":8,\"\"hidden\"\":4096,"
                  "\"\"inter\"\":1536,\"\"tokens_per_expert\"\":64.0,\"\"proj\"\":\"\"up\"\",\"\"layout\"\":"
                  "\"\"masked\"\"}\",100,us,");
  const slip_op *op = &c.kernel.ops[0];
  assert_int_equal(op->kind, SLIP_OP_GROUPED);
  assert_true(op->m == 512 && op->n == 3072 && op->k == 4096 && op->groups == 8);
  close_to(op->weight_bytes, 8.0 * 3072 * 4096);
}

/* Groups of m rows; per cent of the die's peak: 100 * FLOP / (time * peak). Memory traffic is all bytes over the
 * time. */
static void a_grouped_gemm_in_per_cent_of_peak(void **state) {
  const char *shape = "\"{\"\"groups\"\":4,\"\"m\"\":7168,\"\"n\"\":4096,\"\"k\"\":4096}\"";
  slip_case c = read_scored(
      slip_arena_printf(arena, "a,s,Ascend 910C die,grouped_gemm,int8->bf16,%s,79.4,%% of peak compute,", shape));
  slip_case traffic = read_scored(
      slip_arena_printf(arena, "a,s,Ascend 910C die,grouped_gemm,int8->bf16,%s,260,GB/s memory traffic,", shape));
  double flop = 2.0 * 4 * 7168 * 4096 * 4096, bytes = 4 * 4096.0 * 4096 + 4 * 7168.0 * 4096 * 3;
  double seconds = 100 * flop / 752e12 / predict(&c);
  assert_near(predict(&c), 79.4, 0.04);
  close_to(predict(&traffic), bytes / seconds * 1e-9);
}

/* 128 tokens of all ranks to 8 of 256 experts, 32 ranks: 32 visits here, to 8 experts. Routing, up, activation,
 * down. */
static void a_fused_expert_ffn(void **state) {
  slip_case c =
      read_scored("a,s,B200 SXM,grouped_gemm,nvfp4,\"{\"\"tokens\"\":128,\"\"hidden\"\":7168,\"\"inter\"\":2048,"
                  "\"\"experts\"\":256,\"\"topk\"\":8,\"\"ep\"\":32,\"\"distribution\"\":\"\"balanced\"\"}\","
                  "62,us,");
  const slip_kernel_case *k = &c.kernel;
  assert_true(k->n_ops == 4 && k->launches == 11);
  assert_int_equal(k->ops[0].kind, SLIP_OP_STREAM);
  assert_true(k->ops[1].m == 32 && k->ops[1].n == 4096 && k->ops[1].k == 7168 && k->ops[1].groups == 8);
  assert_int_equal(k->ops[2].kind, SLIP_OP_STREAM);
  assert_true(k->ops[3].m == 32 && k->ops[3].n == 7168 && k->ops[3].k == 2048 && k->ops[3].groups == 8);
}

/* An engine's own kernels, five of them: no activation beside, tiles for few rows. Of 256 experts 32 are here; 64 tokens meet 32 (1 - (31/32)^64) of
 * them at random, 4 where the row counts them, and no fewer rows than experts that have any. */
static void a_fused_expert_ffn_of_an_engine(void **state) {
#define MOE(facts)                                                                               \
  "a,s,B300 SXM,grouped_gemm,nvfp4,\"{\"\"tokens\"\":64,\"\"hidden\"\":7168,\"\"inter\"\":2048," \
  "\"\"experts\"\":256,\"\"topk\"\":8,\"\"ep\"\":8,\"\"kernels\"\":5," facts "}\",62,us,"
  slip_case c = read_scored(MOE("\"\"distribution\"\":\"\"random\"\""));
  const slip_kernel_case *k = &c.kernel;
  assert_true(k->n_ops == 3 && k->launches == 5);
  assert_int_equal(k->ops[1].kind, SLIP_OP_GROUPED);
  assert_true(k->ops[1].few_rows && k->ops[2].few_rows && k->ops[1].m == 64);
  close_to(k->ops[1].groups, 32 * (1 - pow(31.0 / 32, 64)));
  c = read_scored(MOE("\"\"distribution\"\":\"\"random\"\",\"\"active\"\":4"));
  assert_true(c.kernel.ops[1].groups == 4 && c.kernel.ops[1].m == 64);
  c = read_scored(MOE("\"\"active\"\":100"));
  assert_true(c.kernel.ops[1].groups == 100 && c.kernel.ops[1].m == 100);
#undef MOE
}

/* 2 sequences of 1,000 tokens, causal: 2 x 500,500 pairs of 32 heads; 2 FLOP of 128 + 128 a pair. */
static void prefill_attention(void **state) {
  slip_case c =
      read_scored("a,s,H100 SXM 80GB,attn_prefill,bf16,\"{\"\"b\"\":2,\"\"h\"\":32,\"\"h_kv\"\":8,\"\"s\"\":1000,"
                  "\"\"d\"\":128,\"\"causal\"\":true}\",100,us,");
  const slip_op *op = &c.kernel.ops[0];
  assert_int_equal(c.kernel.n_ops, 1);
  close_to(op->scores, 2 * 500500.0 * 32);
  close_to(op->flops, op->scores * 2 * 256);
  close_to(op->keys, 500.5);
  slip_case timed = read_scored("a,s,H100 SXM 80GB,attn_prefill,bf16,\"{\"\"b\"\":2,\"\"h\"\":32,\"\"h_kv\"\":8,"
                                "\"\"s\"\":1000,\"\"d\"\":128}\",100,us,includes=rotary");
  assert_true(timed.kernel.n_ops == 4 && predict(&timed) > predict(&c)); /* rotary, offsets, a graph, attention */
}

/* Every query sees every key: 2 x 1,000 x 1,000 pairs; or 100 queries at the end of 1,000 keys: 100 x 900 + 100 x 101 / 2 pairs of one sequence. */
static void attention_over_other_keys(void **state) {
#define PREFILL(shape)                                                                                  \
  "a,s,H100 SXM 80GB,attn_prefill,bf16,\"{\"\"b\"\":2,\"\"h\"\":32,\"\"h_kv\"\":8,\"\"d\"\":128," shape \
  "}\",100,us,"
  slip_case all = read_scored(PREFILL("\"\"s\"\":1000,\"\"causal\"\":false"));
  close_to(all.kernel.ops[0].scores, 2 * 1e6 * 32);
  close_to(all.kernel.ops[0].keys, 1000);
  slip_case last = read_scored(PREFILL("\"\"s_q\"\":100,\"\"kv_len\"\":1000,\"\"causal\"\":true"));
  close_to(last.kernel.ops[0].scores, 2 * 95050.0 * 32);
  close_to(last.kernel.ops[0].read_bytes, 2 * 2.0 * (100 * 32 * 128 + 1000 * 8 * 256));
  slip_case some = read_scored(PREFILL("\"\"s_q\"\":100,\"\"kv_len\"\":1000,\"\"causal\"\":false"));
  close_to(some.kernel.ops[0].scores, 2 * 1e5 * 32);
  slip_case odd = read_scored(PREFILL("\"\"s\"\":1000,\"\"window\"\":128"));
  assert_non_null(strstr(odd.shown.inferred, "shape: window is not read"));
#undef PREFILL
}

/* An engine's layer takes bf16 and quantises: 64 x 8192 elements read as bf16 and written as fp8; one scale a tensor is searched for first, in a
 * cleared cell. A library's product of fp8 operands, or one of bf16, has nothing to quantise. */
static void an_engines_product_quantises_its_input(void **state) {
  static const char shape[] = "\"{\"\"m\"\":64,\"\"n\"\":4096,\"\"k\"\":8192}\"";
  slip_case block = read_scored(slip_arena_printf(arena,
                                                  "a,NVIDIA aiconfigurator perf database,H200,gemm,fp8 "
                                                  "block-scaled,%s,10,us,software=TRTLLM-1; quantises=input",
                                                  shape));
  slip_case tensor = read_scored(slip_arena_printf(
      arena,
      "a,NVIDIA aiconfigurator perf database,H200,gemm,fp8 per-tensor,%s,10,us,software=TRTLLM-1; quantises=input",
      shape));
  slip_case plain = read_scored(slip_arena_printf(
      arena, "a,NVIDIA aiconfigurator perf database,H200,gemm,bf16,%s,10,us,software=TRTLLM-1; quantises=input",
      shape));
  slip_case library = read_scored(slip_arena_printf(arena, "a,s,H200,gemm,fp8 per-tensor,%s,10,us,", shape));
  assert_int_equal(block.kernel.n_ops, 2);
  close_to(block.kernel.ops[0].read_bytes, 2.0 * 64 * 8192);
  close_to(block.kernel.ops[0].write_bytes, 64.0 * 8192);
  assert_int_equal(tensor.kernel.n_ops, 4);
  close_to(tensor.kernel.ops[1].read_bytes, 2.0 * 64 * 8192);
  assert_int_equal(plain.kernel.n_ops, 1);
  assert_int_equal(library.kernel.n_ops, 1);
  assert_true(predict(&tensor) > predict(&library));
}

/* A file named by query heads, key heads, size; 128-128-64 is MLA's 192 and 128. */
static void prefill_attention_of_a_named_file(void **state) {
  slip_case c =
      read_scored("a,s,H800,attn_prefill,bf16,\"{\"\"heads_cfg\"\":\"\"128-128-64\"\",\"\"seq_len\"\":1024}\",117,"
                  "us,");
  close_to(c.kernel.ops[0].flops, 2 * 1024.0 * 1025 / 2 * 128 * 320);
  assert_non_null(strstr(c.shown.inferred, "192 and 128"));
  assert_non_null(strstr(c.shown.inferred, "b: 1"));
}

/* 16 sequences of 4,096 keys, 8 key heads of 128 + 128, one byte each; 8 query heads share them. */
static void decode_attention(void **state) {
  slip_case c = read_scored("a,s,H20 96GB,attn_decode,bf16 (kv fp8),\"{\"\"b\"\":16,\"\"h\"\":64,\"\"h_kv\"\":8,"
                            "\"\"kv_len\"\":4096,\"\"d\"\":128}\",60,us,");
  const slip_op *op = &c.kernel.ops[0];
  assert_true(op->decode && !op->mla && op->rows == 8);
  close_to(op->flops, 2 * 16 * 64 * 4096.0 * 256);
  close_to(op->read_bytes, 16 * 8 * 4096.0 * 256 + 2 * 16 * 64 * 128);
}

/* The latent cache: 576 elements a key; queries of 576, results of 512. An fp8 cache computes in fp8. */
static void latent_decode(void **state) {
  slip_case c = read_scored("a,s,H800,mla_decode,bf16 (kv fp8),\"{\"\"b\"\":32,\"\"h\"\":128,\"\"kv_len\"\":1000,"
                            "\"\"d_qk\"\":576,\"\"d_v\"\":512}\",60,us,");
  const slip_op *op = &c.kernel.ops[0];
  assert_true(op->decode && op->mla && op->rows == 128 && op->dtype == SLIP_FP8);
  close_to(op->flops, 2 * 32 * 128 * 1000.0 * 1088);
  close_to(op->read_bytes, 32 * 1000.0 * 576 + 2 * 32 * 128 * 576);
}

/* Three tokens a step: they share the cache, and see 1,000, 999 and 998 keys. */
static void latent_decode_of_drafts(void **state) {
  slip_case c = read_scored("a,s,H20 96GB,mla_decode,bf16,\"{\"\"b\"\":32,\"\"h\"\":64,\"\"kv_len\"\":1000,"
                            "\"\"s_q\"\":3,\"\"d_qk\"\":576,\"\"d_v\"\":512}\",60,us,");
  const slip_op *op = &c.kernel.ops[0];
  assert_true(op->rows == 192 && op->keys == 999);
  close_to(op->flops, 2 * 32 * 64 * 2997.0 * 1088);
  close_to(op->read_bytes, 2 * (32 * 1000.0 * 576 + 3 * 32 * 64 * 576));
}

/* Sparse attention: 64 indexer heads of 128 score every key, one fp8 key of 128 a token; then 2,048 keys are kept.
 */
static void sparse_attention(void **state) {
  slip_case logits =
      read_scored("a,s,H800,attn_decode,fp8,\"{\"\"kernel\"\":\"\"DSA logits-64-128\"\",\"\"batchsize\"\":64,"
                  "\"\"next_n\"\":1,\"\"s_kv\"\":4096}\",20,us,");
  close_to(logits.kernel.ops[0].flops, 2 * 64 * 4096.0 * 64 * 128);
  close_to(logits.kernel.ops[0].read_bytes, 64 * 4096.0 * 128);
  slip_case kept =
      read_scored("a,s,H800,attn_decode,bf16,\"{\"\"kernel\"\":\"\"DSA attn-128-576-2048\"\",\"\"kv_dtype\"\":"
                  "\"\"fp8\"\",\"\"batch_size\"\":64,\"\"kv_len\"\":4096}\",96,us,");
  close_to(kept.kernel.ops[0].flops, 2 * 64 * 2048.0 * 128 * 1088);
  assert_true(kept.kernel.ops[0].mla && kept.kernel.ops[0].keys == 2048);
}

/* NCCL's bus bandwidth: 2 x 7/8 of the bytes over the time for all-reduce, 7/8 for all-gather. */
static void collectives(void **state) {
  const char *shape = "\"{\"\"bytes\"\":1000000000,\"\"ranks\"\":8,\"\"scope\"\":\"\"one node\"\"}\"";
  const struct {
    const char *op;
    slip_collective kind;
    double factor;
  } cases[] = {
      {"allreduce", SLIP_ALL_REDUCE, 2}, {"allgather", SLIP_ALL_GATHER, 1}, {"alltoall", SLIP_ALL_TO_ALL, 1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    slip_case us = read_scored(slip_arena_printf(arena, "a,s,H200,%s,,%s,3000,us,", cases[i].op, shape));
    slip_case bus = read_scored(slip_arena_printf(arena, "a,s,H200,%s,,%s,300,GB/s busbw,", cases[i].op, shape));
    assert_int_equal(us.kernel.ops[0].collective, cases[i].kind);
    assert_true(us.kernel.group.ranks == 8 && us.kernel.system && us.chip == us.kernel.system->chip);
    close_to(predict(&bus), cases[i].factor * 7 / 8 * 1e9 / (predict(&us) * 1e-6) * 1e-9);
  }
}

/* The row's software names the kernel: NCCL starts in 8 us, an engine's own after a barrier, and one shot of 8 MB reads 7 of them where two read 1.75:
 * at 0.35 of 450 GB/s, after 2.5 us to start and 1.56 to the next rank. */
static void all_reduces_by_engines(void **state) {
  const char *row = "a,s,H200,allreduce,,\"{\"\"bytes\"\":%s,\"\"ranks\"\":8}\",9,us,software=%s";
  slip_case nccl = read_scored(slip_arena_printf(arena, row, "8192", "NCCL-2.27"));
  slip_case own = read_scored(slip_arena_printf(arena, row, "8192", "vLLM custom all-reduce"));
  assert_true(!nccl.kernel.direct && own.kernel.direct && predict(&own) < predict(&nccl) - 8);
  slip_case one = read_scored(slip_arena_printf(arena, row, "8000000", "TensorRT-LLM ONESHOT"));
  slip_case two = read_scored(slip_arena_printf(arena, row, "8000000", "custom-2-stage"));
  assert_near(predict(&one), 4.06 + 7 * 8 / 0.1575, 0.01);
  assert_near(predict(&two), 2 * 4.06 + 1.75 * 8 / 0.1575, 0.01);
  const char *far =
      "a,s,H200,allreduce,,\"{\"\"bytes\"\":8192,\"\"ranks\"\":16}\",9,us,software=%s"; /* two nodes: the library */
  slip_case by_library = read_scored(slip_arena_printf(arena, far, "NCCL-2.27"));
  slip_case by_engine = read_scored(slip_arena_printf(arena, far, "vLLM custom all-reduce"));
  assert_true(predict(&by_engine) == predict(&by_library));
}

/* fp8 dispatch: 7,168 bytes, 56 scales of 4 and 16 of header a token; combine: bf16. Low latency counts all 8
 * copies. */
static void dispatch_and_combine(void **state) {
  const char *shape = "\"{\"\"ranks\"\":16,\"\"tokens_per_rank\"\":128,\"\"hidden\"\":7168,\"\"topk\"\":8}\"";
  slip_case us = read_scored(slip_arena_printf(arena, "a,s,H800,dispatch,fp8,%s,118,us,", shape));
  slip_case rate = read_scored(slip_arena_printf(arena, "a,s,H800,dispatch,fp8,%s,63,GB/s RDMA,", shape));
  slip_case combine = read_scored(slip_arena_printf(arena, "a,s,H800,combine,bf16,%s,195,us,", shape));
  assert_true(us.kernel.ops[0].bytes == 7168 + 56 * 4 + 16 && combine.kernel.ops[0].bytes == 14336);
  assert_false(us.kernel.once);
  close_to(predict(&rate), 128 * 8 * 7408.0 / (predict(&us) * 1e-6) * 1e-9);
}

/* Over RDMA alone neighbours wait as long as others. Normal kernels send a token once to each node. */
static void dispatch_of_other_kinds(void **state) {
  const char *shape = "\"{\"\"ranks\"\":8,\"\"tokens_per_rank\"\":128,\"\"hidden\"\":7168,\"\"topk\"\":8}\"";
  slip_case near_by = read_scored(slip_arena_printf(arena, "a,s,H800,dispatch,fp8,%s,77,us,", shape));
  slip_case rdma = read_scored(slip_arena_printf(arena, "a,s,H800,dispatch,fp8,%s,163,us,path=rdma-only", shape));
  assert_true(predict(&rdma) > 1.5 * predict(&near_by));
  slip_case normal =
      read_scored("a,s,H800,dispatch,fp8,\"{\"\"ranks\"\":64,\"\"tokens_per_rank\"\":4096,\"\"hidden\"\":7168,"
                  "\"\"topk\"\":8,\"\"topk_groups\"\":4}\",51,GB/s bottleneck (RDMA),");
  assert_true(normal.kernel.once && normal.kernel.ops[0].group_limit == 4);
}

/* A message between two packages of Ascend 910C, each of two dies; to the processor over the same fabric. */
static void messages(void **state) {
  slip_case p2p =
      read_scored("a,s,Ascend 910C die,p2p,,\"{\"\"path\"\":\"\"NPU-NPU\"\",\"\"bytes\"\":512}\",1.9,us,");
  assert_true(p2p.kernel.group.ranks == 2 && p2p.kernel.group.stride == 2);
  assert_near(predict(&p2p), 1.9, 0.01);
  slip_case rate = read_scored("a,s,Ascend 910C die,memcpy,,\"{\"\"path\"\":\"\"NPU-CPU\"\"}\",151,GB/s,");
  assert_near(predict(&rate), 164, 0.01); /* 0.837 of 196 */
}

/* ---- another table's columns ---- */

static void columns_may_come_in_any_order_and_notes_for_remark(void **state) {
  slip_case c =
      read_columns("unit,value,notes,shape,extra,op,dtype,chip",
                   "us,163,pure RDMA even inside a node; 40 GB/s,\"{\"\"ranks\"\":8,\"\"tokens_per_rank\"\":128,"
                   "\"\"hidden\"\":7168,\"\"topk\"\":8}\",x,dispatch,fp8,H800");
  assert_true(c.shown.scored && c.kernel.flat);
}

/* ---- refusals ---- */

static void refused_rows_say_why(void **state) {
  const char *gemm = "\"{\"\"m\"\":64,\"\"n\"\":4096,\"\"k\"\":8192}\"";
#define ROW(...) slip_arena_printf(arena, __VA_ARGS__)
  assert_refused(ROW("a,s,,gemm,bf16,%s,10,us,", gemm), "chip: is missing");
  assert_refused(ROW("a,s,Frobnicator 9,gemm,bf16,%s,10,us,", gemm), "Frobnicator 9 is not in the catalog");
  assert_refused(ROW("a,s,H200,gemm,bf16,%s,,us,", gemm), "value");
  assert_refused(ROW("a,s,H200,gemm,bf16,%s,-1,us,", gemm), "value");
  assert_refused(ROW("a,s,H200,gemm,bf16,%s,ten,us,", gemm), "value");
  assert_refused(ROW("a,s,H200,gemm,bf16,%s,10,furlongs,", gemm), "unit: furlongs");
  assert_refused(ROW("a,s,H200,gemm,,%s,10,us,", gemm), "dtype: is missing");
  assert_refused(ROW("a,s,H200,gemm,posit8,%s,10,us,", gemm), "dtype");
  assert_refused(ROW("a,s,H200,gemm,nvfp4,%s,10,us,", gemm), "no published fp4 rate");
  assert_refused(ROW("a,s,H200,convolution,bf16,%s,10,us,", gemm), "op: convolution");
  assert_refused("a,s,H200,gemm,bf16,\"{\"\"m\"\":64,\"\"n\"\":4096}\",10,us,", "shape: k is missing");
  assert_refused("a,s,H200,gemm,bf16,\"{\"\"m\"\":0,\"\"n\"\":1,\"\"k\"\":1}\",10,us,", "shape: m");
  assert_refused("a,s,H200,gemm,bf16,\"{\"\"m\"\":\",10,us,", "shape:");
  assert_refused("a,s,H200,gemm,bf16,\"[1]\",10,us,", "shape: is not a JSON object");
  assert_refused("a,s,H800,mla_decode,bf16,{},660,TFLOPS,", "shape: b is missing");
  assert_refused("a,s,Ascend 910C die,mla_decode,int8,\"{\"\"what\"\":\"\"whole decode layer\"\"}\",874,us,",
                 "whole decode layer");
  assert_refused(
      "a,s,H800,attn_decode,bf16,\"{\"\"kernel\"\":\"\"other\"\",\"\"batch_size\"\":1,\"\"kv_len\"\":9}\",9,us,",
      "kernel other");
  assert_refused("a,s,H800,attn_prefill,bf16,\"{\"\"heads_cfg\"\":\"\"32-8\"\",\"\"seq_len\"\":9}\",9,us,",
                 "heads_cfg");
  assert_refused("a,s,H200,allreduce,,\"{\"\"bytes\"\":8,\"\"ranks\"\":1}\",9,us,", "ranks");
  assert_refused(
      "a,s,A100 SXM 80GB,allreduce,,\"{\"\"bytes\"\":8,\"\"ranks\"\":16,\"\"ranks_per_node\"\":8}\",9,us,",
      "network between its nodes");
  assert_refused("a,s,H200,memcpy,,\"{\"\"bytes\"\":8}\",9,us,", "no link");
  assert_refused(ROW("a,s,H200,gemm,bf16,%s,10,us,timing=host", gemm), "host");
#undef ROW
}

static void a_candidate_profile_replaces_the_chips_own(void **state) {
  slip_case c = read_scored("a,s,H200,gemm,bf16,\"{\"\"m\"\":8192,\"\"n\"\":8192,\"\"k\"\":8192}\",10,us,");
  slip_kernels half = *c.chip->kernels;
  double predicted[SLIP_MAX_QUANTITIES];
  half.gemm_fraction[SLIP_BF16] /= 2;
  assert_int_equal(slip_predict_kernel_case(&c, NULL, &half, predicted, NULL, NULL), SLIP_OK);
  assert_near(predicted[0], 2 * predict(&c), 0.01);
}

/* ---- the whole table ---- */

static void nearly_all_published_rows_are_scored(void **state) {
  kernel_rows rows;
  size_t scored = 0;
  if (!kernel_rows_open(&rows))
    skip();
  for (size_t i = 0; i < rows.count; i++) {
    scored += rows.cases[i].shown.scored;
    assert_true(rows.cases[i].shown.scored == (rows.cases[i].shown.reason[0] == '\0'));
  }
  print_message("  %zu of %zu rows scored\n", scored, rows.count);
  assert_true(rows.count >= 1034 && (double)scored >= 0.9 * (double)rows.count);
  kernel_rows_close(&rows);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_row_keeps_its_names),
      cmocka_unit_test(a_gemm),
      cmocka_unit_test(a_burst_runs_before_the_power_limit),
      cmocka_unit_test(masked_groups_without_rows_read_no_weights),
      cmocka_unit_test(a_gemm_of_integer_weights_computes_in_bf16),
      cmocka_unit_test(a_grouped_gemm),
      cmocka_unit_test(a_grouped_gemm_in_per_cent_of_peak),
      cmocka_unit_test(a_fused_expert_ffn),
      cmocka_unit_test(a_fused_expert_ffn_of_an_engine),
      cmocka_unit_test(prefill_attention),
      cmocka_unit_test(attention_over_other_keys),
      cmocka_unit_test(an_engines_product_quantises_its_input),
      cmocka_unit_test(prefill_attention_of_a_named_file),
      cmocka_unit_test(decode_attention),
      cmocka_unit_test(latent_decode),
      cmocka_unit_test(latent_decode_of_drafts),
      cmocka_unit_test(sparse_attention),
      cmocka_unit_test(collectives),
      cmocka_unit_test(all_reduces_by_engines),
      cmocka_unit_test(dispatch_and_combine),
      cmocka_unit_test(dispatch_of_other_kinds),
      cmocka_unit_test(messages),
      cmocka_unit_test(columns_may_come_in_any_order_and_notes_for_remark),
      cmocka_unit_test(refused_rows_say_why),
      cmocka_unit_test(a_candidate_profile_replaces_the_chips_own),
      cmocka_unit_test(nearly_all_published_rows_are_scored),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
