/* Which work a layer is: the operators' shapes and FLOP against hand-computed ones and against the model's own count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* after the four above */
#include <cmocka.h>

#include "support/operators.h"

static double flops_of(const slip_op_list *list, bool products) {
  double flops = 0;
  for (int i = 0; i < list->count; i++)
    if (!products || list->ops[i].kind == SLIP_OP_GEMM || list->ops[i].kind == SLIP_OP_GROUPED)
      flops += list->ops[i].flops;
  return flops;
}

/* Forward FLOP of one sequence through all layers and the head, as the sum of the operator lists. */
static double listed_flops(const slip_model *model, double length) {
  slip_work work = training(1, length);
  const slip_shard whole = {1, 1, 1, 1, false};
  slip_op_list list;
  double flops = 0;
  for (int k = 0; k < model->n_kinds; k++) {
    slip_layer_operators(model, &model->kinds[k], &whole, &work, &list);
    assert_true(list.count < SLIP_MAX_OPS);
    flops += (double)model->kinds[k].count * flops_of(&list, false);
  }
  slip_edge_operators(model, true, length, &whole, &work, &list);
  return flops + flops_of(&list, false);
}

static void the_list_does_the_work_of_the_model(void **state) {
  const char *const names[] = {"deepseek-v3",   "llama-3.1-405b", "llama-3.1-8b", "qwen3-235b-a22b",
                               "mixtral-8x22b", "gpt-oss-120b",   "gpt-3-175b",   "deepseek-v2"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const slip_model *model = model_named(names[i]);
    double expected = 4096 * slip_model_forward_flop_per_token(model, 4096, false);
    assert_near(listed_flops(model, 4096), expected, 0.01);
  }
}

/* Llama-3.1-8B, 4,096 tokens: hidden 4096, 32 heads and 8 key heads of 128, FFN 14336.
 *   q k v  2 * 4096 * 6144 * 4096      attention out  2 * 4096 * 4096 * 4096
 *   up     2 * 4096 * 28672 * 4096     down           2 * 4096 * 4096 * 14336
 *   attention  2 * (4096 * 4097 / 2) pairs * 32 heads * 256 */
static void a_dense_layer_by_hand(void **state) {
  const slip_model *model = model_named("llama-3.1-8b");
  slip_work work = training(1, 4096);
  const slip_shard whole = {1, 1, 1, 1, false};
  slip_op_list list;
  slip_layer_operators(model, &model->kinds[0], &whole, &work, &list);
  close_to(op_named(&list, "q k v")->flops, 2.0 * 4096 * 6144 * 4096);
  close_to(op_named(&list, "attention out")->flops, 2.0 * 4096 * 4096 * 4096);
  close_to(op_named(&list, "FFN up")->flops, 2.0 * 4096 * 28672 * 4096);
  close_to(op_named(&list, "FFN down")->flops, 2.0 * 4096 * 4096 * 14336);
  close_to(op_named(&list, "prefill attention")->flops, 2.0 * (4096.0 * 4097 / 2) * 32 * 256);
  close_to(op_named(&list, "FFN up")->weight_bytes, 2.0 * 28672 * 4096);
  for (int i = 0; i < list.count; i++)
    assert_int_not_equal(list.ops[i].kind, SLIP_OP_COLLECTIVE); /* one rank has nobody to talk to */
}

/* One attention replica of DeepSeek-V3 decodes 64 sequences in fp8 by blocks: kernels quantise the input of the down-projection (7168 wide,
 * 64 x 7168 elements of 2 bytes read and of 1 written), of the queries' (1536), of the output's (128 heads x 128), of the shared and of the routed
 * experts; what an activation writes is fp8 already. The router's 256 fp32 logits are read for the top 8 (index and weight, 4 bytes each).
 * With scales known beforehand nothing is quantised apart, and in training neither kernel is listed. */
static void inputs_of_block_scaled_products_are_quantised(void **state) {
  const slip_model *model = model_named("deepseek-v3");
  slip_work work = serving(64, 1, 4096);
  work.quantises = true;
  work.compute = SLIP_FP8;
  work.weights = (slip_weight_formats){SLIP_FP8, SLIP_FP8, SLIP_FP8, SLIP_FP8, SLIP_BF16};
  const slip_shard whole = {1, 1, 1, 1, false};
  const slip_layer_kind *kind = &model->kinds[model->kind_of_layer[model->layers - 1]];
  slip_op_list list;
  slip_layer_operators(model, kind, &whole, &work, &list);
  const double widths[] = {7168, 1536, 128 * 128, 7168, 7168};
  size_t found = 0;
  for (int i = 0; i < list.count; i++)
    if (strcmp(list.ops[i].name, "quantise") == 0) {
      assert_true(found < sizeof widths / sizeof *widths);
      close_to(list.ops[i].read_bytes, 64 * widths[found] * 2);
      close_to(list.ops[i].write_bytes, 64 * widths[found++]);
    }
  assert_int_equal(found, sizeof widths / sizeof *widths);
  close_to(op_named(&list, "top k")->read_bytes, 64 * 256 * 4);
  close_to(op_named(&list, "top k")->write_bytes, 64 * 8 * 8);
  work.quantises = false;
  int count = list.count;
  slip_layer_operators(model, kind, &whole, &work, &list);
  assert_int_equal(count - list.count, 5);
  work.training = work.quantises = true;
  slip_layer_operators(model, kind, &whole, &work, &list);
  for (int i = 0; i < list.count; i++)
    assert_true(strcmp(list.ops[i].name, "quantise") != 0 && strcmp(list.ops[i].name, "top k") != 0);
}

/* MiniMax-M2.5 norms queries and keys over all heads: four ranks exchange two fp32 sums of squares for each of 64 tokens. One rank has them
 * all, and Qwen3, which norms each head by itself, exchanges nothing. */
static void a_norm_over_all_heads_is_summed_over_ranks(void **state) {
  const slip_shard four = {4, 1, 1, 4, false}, whole = {1, 1, 1, 1, false};
  slip_op_list list;
  const slip_model *model = model_named("minimax-m2.5"), *by_head = model_named("qwen3-235b-a22b");
  slip_work work = serving(64, 1, 4096);
  slip_layer_operators(model, &model->kinds[0], &four, &work, &list);
  const slip_op *sums = op_named(&list, "all-reduce norms");
  assert_true(sums->kind == SLIP_OP_COLLECTIVE && sums->collective == SLIP_ALL_REDUCE &&
              sums->axis == SLIP_AXIS_TP);
  close_to(sums->bytes, 64 * 2 * 4);
  slip_layer_operators(model, &model->kinds[0], &whole, &work, &list);
  for (int i = 0; i < list.count; i++)
    assert_string_not_equal(list.ops[i].name, "all-reduce norms");
  slip_layer_operators(by_head, &by_head->kinds[0], &four, &work, &list);
  for (int i = 0; i < list.count; i++)
    assert_string_not_equal(list.ops[i].name, "all-reduce norms");
}

/* Latent decode attention computes in what its cache is in: fp8 kernels take it as it is. Prompts, other attention, and keys that an indexer chose
 * (their kernels widen an fp8 cache) compute in bf16. */
static void latent_decode_computes_in_the_format_of_its_cache(void **state) {
  const struct {
    const char *model;
    double fresh, past;
    slip_dtype cache, computes;
  } cases[] = {{"deepseek-v3", 1, 4096, SLIP_FP8, SLIP_FP8},
               {"deepseek-v3", 1, 4096, SLIP_BF16, SLIP_BF16},
               {"deepseek-v3", 4096, 0, SLIP_FP8, SLIP_BF16},
               {"deepseek-v3.2", 1, 4096, SLIP_FP8, SLIP_BF16},
               {"llama-3.1-70b", 1, 4096, SLIP_FP8, SLIP_BF16}};
  const slip_shard whole = {1, 1, 1, 1, false};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const slip_model *model = model_named(cases[i].model);
    slip_work work = serving(4, cases[i].fresh, cases[i].past);
    work.kv = cases[i].cache;
    slip_op_list list;
    slip_layer_operators(model, &model->kinds[model->n_kinds - 1], &whole, &work, &list);
    const slip_op *op = op_named(&list, cases[i].past > 0 ? "decode attention" : "prefill attention");
    assert_int_equal(op->dtype, cases[i].computes);
  }
}

/* Serving over tensor-parallel ranks: the norm is done at the end of the all-reduce before it, the shared expert beside the routed ones.
 * Neither holds on one rank without a shared expert, nor in training. */
static void some_starts_are_hidden_in_serving(void **state) {
  const slip_model *model = model_named("deepseek-v3");
  slip_work work = training(1, 64);
  const slip_layer_kind *kind = &model->kinds[model->kind_of_layer[model->layers - 1]];
  slip_op_list list;
  slip_layer_operators(model, kind, &(slip_shard){8, 1, 1, 8, false}, &work, &list);
  for (int i = 0; i < list.count; i++)
    assert_false(list.ops[i].hidden_start);
  work.training = false;
  slip_layer_operators(model, kind, &(slip_shard){8, 1, 1, 8, false}, &work, &list);
  assert_true(op_named(&list, "residual and norm")->hidden_start && op_named(&list, "shared up")->hidden_start);
  assert_false(op_named(&list, "experts up")->hidden_start);
  slip_layer_operators(model, kind, &(slip_shard){1, 1, 1, 1, false}, &work, &list);
  assert_false(op_named(&list, "residual and norm")->hidden_start);
}

/* In training a state of fp32 per chunk of 128 tokens is made, passed on and used: four times through memory. Nemotron 3 Nano: 64
 * heads of 64, state 128. */
static void training_scans_keep_a_state_per_chunk(void **state) {
  const slip_model *model = model_named("nemotron-3-nano");
  slip_work work = training(1, 1024);
  slip_op_list list;
  slip_layer_operators(model, &model->kinds[0], &(slip_shard){1, 1, 1, 1, false}, &work, &list);
  const slip_op *scan = op_named(&list, "state scan");
  const double states = 1024.0 / 128 * 64 * 64 * 128 * 4, inner = 64 * 64, groups = 8 * 128;
  close_to(scan->read_bytes + scan->weight_bytes + scan->write_bytes,
           4 * states + 1024 * (inner + 2 * groups) * 2 + 1024 * inner * 2);
}

/* Beyond the indexer's 2,048 keys each token of DeepSeek-V3.2 has keys of its own: the latents stay as they are and only the token's 128 heads
 * share them. Up to there all see the same keys, and expanding them is less work. */
static void chosen_keys_are_not_expanded(void **state) {
  const slip_model *model = model_named("deepseek-v3.2");
  slip_work work = serving(1, 4096, 0);
  slip_op_list list;
  slip_layer_operators(model, &model->kinds[0], &(slip_shard){1, 1, 1, 1, false}, &work, &list);
  const slip_op *far = op_named(&list, "prefill attention");
  double pairs = 2048 * 2049 / 2 + 2048 * 2048.0;
  assert_true(far->mla && far->own_keys);
  close_to(far->rows, 128);
  close_to(far->flops, 2 * pairs * 128 * (2 * 512 + 64));
  work.segments[0] = (slip_segment){1, 2048, 0};
  slip_layer_operators(model, &model->kinds[0], &(slip_shard){1, 1, 1, 1, false}, &work, &list);
  const slip_op *near = op_named(&list, "prefill attention");
  assert_false(near->mla || near->own_keys);
}

static void two_tensor_ranks_halve_the_products(void **state) {
  const char *const names[] = {"llama-3.1-70b", "gpt-3-175b"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const slip_model *model = model_named(names[i]);
    slip_work work = training(2, 2048);
    slip_op_list whole, half;
    slip_layer_operators(model, &model->kinds[0], &(slip_shard){1, 1, 1, 1, false}, &work, &whole);
    slip_layer_operators(model, &model->kinds[0], &(slip_shard){2, 1, 1, 1, false}, &work, &half);
    close_to(2 * flops_of(&half, true), flops_of(&whole, true));
    close_to(2 * flops_of(&half, false), flops_of(&whole, false));
    /* sequence parallel: a gather before and a scatter after each of the two blocks, of the whole activation */
    int collectives = 0;
    for (int o = 0; o < half.count; o++)
      if (half.ops[o].kind == SLIP_OP_COLLECTIVE) {
        collectives++;
        close_to(half.ops[o].bytes, 2.0 * 2 * 2048 * (double)model->hidden);
      }
    assert_int_equal(collectives, 4);
  }
}

static void context_ranks_share_the_sequence(void **state) {
  const slip_model *model = model_named("llama-3.1-70b");
  slip_work work = training(1, 8192);
  slip_op_list whole, part;
  slip_layer_operators(model, &model->kinds[0], &(slip_shard){1, 1, 1, 1, false}, &work, &whole);
  slip_layer_operators(model, &model->kinds[0], &(slip_shard){1, 4, 1, 1, false}, &work, &part);
  close_to(4 * flops_of(&part, false), flops_of(&whole, false));
  assert_true(op_named(&part, "gather keys and values")->bytes ==
              8192.0 * 2 * 8 * 128 * 2); /* k and v of 8 heads of 128 */
}

static void attention_pairs_are_a_sum(void **state) {
  const double pasts[] = {0, 1, 7, 100}, news[] = {1, 2, 9, 64}, limits[] = {0, 1, 5, 8, 64, 1000};
  for (int p = 0; p < 4; p++)
    for (int n = 0; n < 4; n++)
      for (int l = 0; l < 6; l++) {
        double sum = 0;
        for (double i = 1; i <= news[n]; i++)
          sum += limits[l] > 0 ? fmin(pasts[p] + i, limits[l]) : pasts[p] + i;
        slip_segment segment = {3, news[n], pasts[p]};
        close_to(slip_attention_pairs(&segment, limits[l]), 3 * sum);
      }
}

static double keys_of(const char *model_name, const char *op, int layer, slip_segment segment, int64_t cp,
                      bool is_training) {
  const slip_model *model = model_named(model_name);
  slip_work work = training(1, 1);
  work.training = is_training;
  work.segments[0] = segment;
  slip_op_list list;
  slip_layer_operators(model, &model->kinds[model->kind_of_layer[layer]], &(slip_shard){1, cp, 1, 1, false}, &work,
                       &list);
  return op_named(&list, op)->keys;
}

/* Keys that a query sees on average: half of a causal sequence, (1 + 4096) / 2, however many sequences or context ranks there
 * are; with 3,072 keys in the cache, the next 1,024 tokens see 3,073 to 4,096. A window of 128 is full from the 128th token
 * on: (128 * 129 / 2 + 3968 * 128) / 4096. DeepSeek-V3.2's indexer scores all keys, its attention sees 2,048 of them at
 * most: (2048 * 2049 / 2 + 6144 * 2048) / 8192. */
static void attention_says_how_many_keys_a_query_sees(void **state) {
  const char *const prefill = "prefill attention";
  close_to(keys_of("llama-3.1-8b", prefill, 0, (slip_segment){1, 4096, 0}, 1, true), 2048.5);
  close_to(keys_of("llama-3.1-8b", prefill, 0, (slip_segment){7, 4096, 0}, 4, true), 2048.5);
  close_to(keys_of("llama-3.1-8b", prefill, 0, (slip_segment){3, 1024, 3072}, 1, false), 3584.5);
  close_to(keys_of("deepseek-v3", prefill, 0, (slip_segment){2, 4096, 0}, 1, true), 2048.5);
  close_to(keys_of("gpt-oss-120b", prefill, 0, (slip_segment){1, 4096, 0}, 1, true), (8256 + 3968 * 128.0) / 4096);
  close_to(keys_of("gpt-oss-120b", prefill, 1, (slip_segment){1, 4096, 0}, 1, true), 2048.5);
  close_to(keys_of("deepseek-v3.2", "indexer scores", 0, (slip_segment){5, 8192, 0}, 1, true), 4096.5);
  close_to(keys_of("deepseek-v3.2", prefill, 0, (slip_segment){5, 8192, 0}, 1, true),
           (2048 * 2049 / 2 + 6144 * 2048.0) / 8192);
}

/* One projection may give keys and values (Gemma 4), but keys are rotated and values are not: the cache holds both, and
 * decode reads both. One head of each, 128 wide, 1,000 keys in bf16: 1,000 x 256 x 2 bytes, and the query's 128 x 2. */
static void a_shared_projection_still_reads_keys_and_values(void **state) {
  slip_layer_kind kind = model_named("llama-3.1-8b")->kinds[0];
  kind.attention.heads = kind.attention.kv_heads = 1;
  kind.attention.qk_dim = kind.attention.v_dim = 128;
  kind.attention.shared_kv = true;
  slip_work work = serving(1, 1, 999);
  slip_op_list list;
  slip_layer_operators(model_named("llama-3.1-8b"), &kind, &(slip_shard){1, 1, 1, 1, false}, &work, &list);
  close_to(op_named(&list, "decode attention")->read_bytes, 1000 * 256 * 2 + 128 * 2);
}

/* The output matrix of Llama-3.1-8B for 10 tokens, cut over 4: 2 * 10 * 4096 * 128256 / 4. */
static void the_head_is_cut_over_tensor_ranks(void **state) {
  const slip_model *model = model_named("llama-3.1-8b");
  slip_work work = training(1, 10);
  slip_op_list list;
  slip_edge_operators(model, true, 10, &(slip_shard){4, 1, 1, 1, false}, &work, &list);
  close_to(op_named(&list, "output matrix")->flops, 2.0 * 10 * 4096 * 128256 / 4);
  slip_edge_operators(model, false, 10, &(slip_shard){4, 1, 1, 1, false}, &work, &list);
  assert_int_equal(list.count, 1);
  assert_true(list.ops[0].flops == 0);
}

/* 10 x 128,256 / 4 logits: 36 bytes each where nothing is said, 6 with a fused loss; a third of it forward, in streams that move twice as much
 * backward. */
static void a_loss_moves_its_bytes_of_each_logit(void **state) {
  const slip_model *model = model_named("llama-3.1-8b");
  slip_work work = training(1, 10);
  slip_op_list list;
  const struct { double said, forward; } cases[] = {{0, 12}, {6, 2}, {52, 52.0 / 3}};
  for (int i = 0; i < 3; i++) {
    work.loss_bytes = cases[i].said;
    slip_edge_operators(model, true, 10, &(slip_shard){4, 1, 1, 1, false}, &work, &list);
    const slip_op *loss = op_named(&list, "loss");
    close_to(loss->read_bytes + loss->write_bytes, 10 * 128256 / 4 * cases[i].forward);
    assert_false(loss->mirrored);
  }
}

/* 100 tokens of 4,096 elements over 4 ranks. Scattered in bf16, gathered as they are multiplied: 2 bytes, 1 in fp8, and with blocks half of three
 * copies, one forward and two backward: 1.5 in MXFP8, 1.5 x (1/2 + 1/16) in fp4. */
static void quantised_activations_gather_fewer_bytes(void **state) {
  const slip_model *model = model_named("llama-3.1-8b");
  slip_work work = training(1, 100);
  slip_op_list list;
  const struct {
    slip_dtype compute;
    bool blocks;
    double bytes;
  } cases[] = {{SLIP_BF16, false, 2}, {SLIP_FP8, false, 1}, {SLIP_FP8, true, 1.5}, {SLIP_FP4, false, 0.84375}};
  for (int i = 0; i < 4; i++) {
    work.compute = cases[i].compute;
    work.block_scaled = cases[i].blocks;
    slip_layer_operators(model, &model->kinds[0], &(slip_shard){4, 1, 1, 1, false}, &work, &list);
    close_to(op_named(&list, "gather activations")->bytes, 100 * 4096 * cases[i].bytes);
    close_to(op_named(&list, "scatter activations")->bytes, 100 * 4096 * 2.0);
  }
}

/* Korthikanti et al. 2022, eq. 2 for GPT (arXiv 2205.05198): 34 s b h bytes a layer and 5 a s^2 b for the scores without flash
 * attention, of which this counts attention 11 and FFN 19 less the dropout masks (3) that it leaves out. */
static void saved_bytes_of_gpt(void **state) {
  const slip_model *model = model_named("gpt-3-175b");
  slip_saved saved;
  double h = (double)model->hidden;
  slip_layer_saved_bytes(model, &model->kinds[0], &(slip_shard){1, 1, 1, 1, false}, 2048, false, 1, &saved);
  close_to(saved.scores, 5.0 * 96 * 2048);
  close_to(saved.qkv, 2 * 3 * h);
  close_to(saved.attention_out, 2 * h);
  close_to(saved.ffn_inner, 2 * 4 * h);
  close_to(saved.activation, 2 * 4 * h);
  double linear =
      saved.attention_in + saved.qkv + saved.attention_out + saved.ffn_in + saved.ffn_inner + saved.activation;
  assert_near(linear, 34 * h, 0.1);
  slip_layer_saved_bytes(model, &model->kinds[0], &(slip_shard){8, 1, 1, 1, false}, 2048, true, 1, &saved);
  assert_true(saved.scores == 0);
  close_to(saved.qkv, 2 * 3 * h / 8);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_list_does_the_work_of_the_model),
      cmocka_unit_test(a_dense_layer_by_hand),
      cmocka_unit_test(inputs_of_block_scaled_products_are_quantised),
      cmocka_unit_test(a_norm_over_all_heads_is_summed_over_ranks),
      cmocka_unit_test(latent_decode_computes_in_the_format_of_its_cache),
      cmocka_unit_test(some_starts_are_hidden_in_serving),
      cmocka_unit_test(training_scans_keep_a_state_per_chunk),
      cmocka_unit_test(chosen_keys_are_not_expanded),
      cmocka_unit_test(two_tensor_ranks_halve_the_products),
      cmocka_unit_test(context_ranks_share_the_sequence),
      cmocka_unit_test(attention_pairs_are_a_sum),
      cmocka_unit_test(attention_says_how_many_keys_a_query_sees),
      cmocka_unit_test(a_shared_projection_still_reads_keys_and_values),
      cmocka_unit_test(the_head_is_cut_over_tensor_ranks),
      cmocka_unit_test(a_loss_moves_its_bytes_of_each_logit),
      cmocka_unit_test(quantised_activations_gather_fewer_bytes),
      cmocka_unit_test(saved_bytes_of_gpt),
  };
  return cmocka_run_group_tests(tests, open_catalog, close_catalog);
}
