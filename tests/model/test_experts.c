/* Which work a layer of experts is: rows and experts of a rank, what is dispatched, what the busiest rank has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
/* after the four above */
#include <cmocka.h>

#include "support/operators.h"

/* DeepSeek-V3 decode on 32 expert ranks, 64 sequences each: 2,048 tokens visit 8 of 256 experts, so that a rank's 8 experts see
 * 64 * 8 = 512 rows; with a hot rank of 1.25, 640, and its dispatch takes as long as one of 80 tokens. Every expert is visited:
 * 1 - (1 - 8/256)^2048 = 1. */
static void an_expert_layer_by_hand(void **state) {
  const slip_model *model = model_named("deepseek-v3");
  slip_work work = serving(64, 1, 4096);
  work.compute = SLIP_FP8;
  work.weights.routed_experts = SLIP_FP8;
  work.dispatch_bytes = 1;
  work.imbalance = 1.25;
  const slip_shard shard = {1, 1, 32, 1, false};
  const slip_layer_kind *kind = &model->kinds[model->kind_of_layer[model->layers - 1]];
  slip_op_list list;
  slip_layer_operators(model, kind, &shard, &work, &list);
  const slip_op *up = op_named(&list, "experts up"), *dispatch = op_named(&list, "dispatch"),
                *combine = op_named(&list, "combine");
  close_to(up->m, 640);
  close_to(up->groups, 8);
  assert_true(up->n == 4096 && up->k == 7168);
  assert_int_equal(up->dtype, SLIP_FP8);
  close_to(up->weight_bytes, 8.0 * 4096 * 7168);
  assert_int_equal(dispatch->collective, SLIP_EXCHANGE);
  assert_true(dispatch->tokens == 80 && dispatch->fan_out == 8 && dispatch->bytes == 7168 &&
              dispatch->group_limit == 4);
  assert_true(combine->bytes == 2 * 7168);
  /* absorbed MLA: 128 heads on a latent of 512 + 64 elements, 4,097 keys; the cache is read once for all heads */
  const slip_op *attention = op_named(&list, "decode attention");
  assert_true(attention->decode && attention->mla);
  close_to(attention->flops, 2.0 * 64 * 4097 * 128 * (576 + 512));
  close_to(attention->read_bytes, 64 * 4097.0 * 576 * 2 + 64 * 128 * 576.0 * 2);
}

/* 2 sequences of 1,024 tokens to 8 of 256 experts over 32 ranks, a capacity of 1.25: each rank's experts have 2,048 x 8 x 1.25 = 20,480 places whatever
 * the imbalance, and as many rows travel as if 2,560 tokens did. By masks, places of a sequence by its tokens (8 x 1.25 x 1,024 by 1,024), in and out,
 * in place of the permutation. */
static void a_capacity_fills_the_places_of_all_experts(void **state) {
  const slip_model *model = model_named("deepseek-v3");
  const slip_layer_kind *kind = &model->kinds[model->kind_of_layer[model->layers - 1]];
  const slip_shard shard = {1, 1, 32, 1, false};
  slip_work work = training(2, 1024);
  work.imbalance = 1.5;
  work.capacity = 1.25;
  slip_op_list list;
  slip_layer_operators(model, kind, &shard, &work, &list);
  close_to(op_named(&list, "experts up")->m, 20480);
  close_to(op_named(&list, "dispatch")->tokens, 2560);
  close_to(op_named(&list, "combine")->tokens, 2560);
  close_to(op_named(&list, "permute tokens")->read_bytes, 2 * 2 * 20480.0 * 7168);
  work.mask_tokens = 1024;
  slip_layer_operators(model, kind, &shard, &work, &list);
  const slip_op *in = op_named(&list, "rows to places"), *out = op_named(&list, "places to rows");
  assert_true(in->m == 20480 && in->n == 7168 && in->k == 1024 && in->dtype == SLIP_BF16);
  assert_true(out->m == 2048 && out->n == 7168 && out->k == 10240);
  close_to(in->flops, out->flops);
  for (int i = 0; i < list.count; i++)
    assert_string_not_equal(list.ops[i].name, "permute tokens");
  work.training = false; /* engines drop and pad nothing */
  slip_layer_operators(model, kind, &shard, &work, &list);
  close_to(op_named(&list, "experts up")->m, 2048 * 8 * 1.5);
}

/* 64 tokens on eight ranks of one attention replica. Serving, nothing is dispatched, whether the experts are cut (etp 8) or dealt (ep 8):
 * every rank holds and routes all 64. In training the ranks split them, 8 each; with dispatch (tp 1, ep 32) a rank routes its own 64. */
static void ranks_that_dispatch_nothing_route_all_tokens(void **state) {
  static const struct {
    slip_shard shard;
    bool training;
    double routed;
  } want[] = {
      {{8, 1, 1, 8, false}, false, 64},
      {{8, 1, 8, 1, false}, false, 64},
      {{8, 1, 1, 8, false}, true, 8},
      {{1, 1, 32, 1, false}, false, 64},
  };
  const slip_model *model = model_named("deepseek-v3");
  const slip_layer_kind *kind = &model->kinds[model->kind_of_layer[model->layers - 1]];
  for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
    slip_work work = training(64, 1);
    work.training = want[i].training;
    work.segments[0] = (slip_segment){64, 1, 4096};
    slip_op_list list;
    slip_layer_operators(model, kind, &want[i].shard, &work, &list);
    close_to(op_named(&list, "router")->m, want[i].routed);
    if (!want[i].training)
      close_to(op_named(&list, "top k")->write_bytes, want[i].routed * 8 * 8);
  }
}

/* DeepSeek-V3 on 320 ranks, more than its 256 experts: one to a rank, and the shared expert on ranks of its own, so that 96 tokens go to nine
 * experts each: 864 rows a rank. On 256 ranks 768 rows, and every rank has the shared expert beside its own. */
static void the_shared_expert_is_routed_when_ranks_outnumber_experts(void **state) {
  const slip_model *model = model_named("deepseek-v3");
  const slip_layer_kind *kind = &model->kinds[model->n_kinds - 1];
  slip_work work = serving(96, 1, 4096);
  slip_op_list list;
  slip_layer_operators(model, kind, &(slip_shard){.tp = 1, .cp = 1, .ep = 320, .etp = 1}, &work, &list);
  close_to(op_named(&list, "experts up")->m, 864);
  close_to(op_named(&list, "dispatch")->fan_out, 9);
  for (int i = 0; i < list.count; i++)
    assert_true(strcmp(list.ops[i].name, "shared up") != 0);
  slip_layer_operators(model, kind, &(slip_shard){.tp = 1, .cp = 1, .ep = 256, .etp = 1}, &work, &list);
  close_to(op_named(&list, "experts up")->m, 768);
  close_to(op_named(&list, "combine")->fan_out, 8);
  close_to(op_named(&list, "shared up")->m, 96);
}

/* gpt-oss in training: 128 experts whole on one rank, 4 per token of 2,880; 1,024 tokens make 4,096 rows. Its biased experts take
 * 22 passes over the width and 14 over the hidden rows in single steps; one fused kernel takes none; no bias no steps. */
static void biased_experts_take_single_steps(void **state) {
  const slip_model *model = model_named("gpt-oss-120b");
  slip_work work = training(1, 1024);
  const slip_shard whole = {1, 1, 1, 1, false};
  slip_op_list list;
  slip_layer_operators(model, &model->kinds[0], &whole, &work, &list);
  const slip_op *act = op_named(&list, "expert activation"), *bias = op_named(&list, "expert biases");
  close_to(act->read_bytes + act->write_bytes, 22 * 4096.0 * 2880 * 2);
  close_to(bias->read_bytes + bias->write_bytes, 14 * 4096.0 * 2880 * 2);
  assert_true(bias->mirrored && !act->mirrored);
  work.fused_experts = true;
  slip_layer_operators(model, &model->kinds[0], &whole, &work, &list);
  for (int i = 0; i < list.count; i++)
    assert_true(strcmp(list.ops[i].name, "expert activation") != 0 &&
                strcmp(list.ops[i].name, "expert biases") != 0);
  work.fused_experts = false;
  model = model_named("qwen3-30b-a3b"); /* 8 of 128 experts, width 768 */
  slip_layer_operators(model, &model->kinds[0], &whole, &work, &list);
  act = op_named(&list, "expert activation");
  close_to(act->read_bytes + act->write_bytes, 3 * 8192.0 * 768 * 2);
}

/* Rows of the experts are copied so often between dispatch and combine as the work says, four times when it does not. */
static void routed_rows_are_copied_as_often_as_the_work_says(void **state) {
  const slip_model *model = model_named("qwen3-30b-a3b"); /* hidden 2,048, 8 experts per token */
  slip_work work = training(1, 1024);
  const slip_shard whole = {1, 1, 1, 1, false};
  slip_op_list list;
  for (int passes = 0; passes <= 12; passes += 6) {
    work.routed_passes = passes;
    slip_layer_operators(model, &model->kinds[0], &whole, &work, &list);
    const slip_op *permute = op_named(&list, "permute tokens");
    close_to(permute->read_bytes + permute->write_bytes, (passes ? passes : 4) * 8192.0 * 2048 * 2);
    assert_true(permute->mirrored);
  }
}

/* Few tokens visit few experts: one token of one sequence touches top_k of them. */
static void one_token_visits_its_experts_only(void **state) {
  const slip_model *model = model_named("deepseek-v3");
  slip_work work = serving(1, 1, 100);
  const slip_shard whole = {1, 1, 1, 1, false};
  slip_op_list list;
  slip_layer_operators(model, &model->kinds[model->kind_of_layer[model->layers - 1]], &whole, &work, &list);
  close_to(op_named(&list, "experts up")->groups, 8); /* 256 (1 - (1 - 8/256)^1) */
  close_to(op_named(&list, "experts up")->m, 8);
}

static double experts_read(const slip_model *model, const slip_shard *shard, double tokens, double spread) {
  slip_work work = serving(tokens / (double)shard->ep, 1, 100);
  work.routing_spread = spread;
  slip_op_list list;
  slip_layer_operators(model, &model->kinds[model->kind_of_layer[model->layers - 1]], shard, &work, &list);
  return op_named(&list, "experts up")->groups;
}

/* Routing that is not even: rates of a gamma distribution, v = spread^2. 64 tokens to 8 of 256 experts: evenly 256 (1 - (31/32)^64) = 222.4, with
 * spread 1 256 (1 - 1 / (1 + 64 (32/31 - 1))) = 172.5. One token visits 8 either way, and very many visit all. */
static void uneven_routing_visits_fewer_experts(void **state) {
  const slip_model *model = model_named("deepseek-v3");
  const slip_shard whole = {1, 1, 1, 1, false};
  close_to(experts_read(model, &whole, 64, 0), 256 * (1 - pow(31.0 / 32, 64)));
  close_to(experts_read(model, &whole, 64, 1), 256 * (1 - 1 / (1 + 64.0 / 31)));
  for (int i = 0; i < 20; i++)
    close_to(experts_read(model, &whole, 1, 0.2 * i), 8);
  double before = 256;
  for (int i = 0; i < 20; i++) {
    const double now = experts_read(model, &whole, 64, 0.2 * i);
    assert_true(now <= before && now >= 8);
    before = now;
  }
  assert_true(experts_read(model, &whole, 1e7, 1) > 255.9);
  assert_true(experts_read(model, &whole, 64, 1e-9) > 0); /* as even */
}

/* Ranks wait for the one that reads most. 64 tokens, 8 of 256 experts, 8 ranks of 32: each expert is visited with p = 1 - (31/32)^64 = 0.869, a
 * rank reads 27.8 on average and the largest of eight 27.8 + 1.4236 sqrt(32 p (1 - p)) = 30.5; never more than it has. */
static void ranks_wait_for_the_one_that_reads_most(void **state) {
  const slip_model *model = model_named("deepseek-v3");
  const slip_shard eight = {1, 1, 8, 1, false};
  const double p = 1 - pow(31.0 / 32, 64);
  close_to(experts_read(model, &eight, 64, 0), 32 * p + 1.4236 * sqrt(32 * p * (1 - p)));
  close_to(experts_read(model, &eight, 1e6, 0), 32);
  assert_true(experts_read(model, &eight, 300, 0) <= 32);
  for (int64_t ep = 2; ep <= 256; ep *= 2) /* the more ranks, the farther the largest is from the mean */
    assert_true(experts_read(model, &(slip_shard){1, 1, ep, 1, false}, 64, 0) >= 256.0 / (double)ep * p);
}

/* Rows of the busiest rank. 48 dies of one sequence each with 32 tokens, 8 of 256 experts: 256 rows a die on average; the number that falls to one
 * of 48 ranks has variance 256 (47/48) (248/255) and the largest of 48 is m(48) = 2.0697 + (log2 48 - 5) (2.3437 - 2.0697) = 2.2300 deviations above:
 * 2.2300 sqrt(0.95219 / 256) = 0.1360 of the mean. With ranks that differ by 1.27 already: 1 + sqrt(0.27^2 + 0.1360^2) = 1.3023. */
static void the_busiest_rank_is_also_a_matter_of_chance(void **state) {
  const slip_model *model = model_named("deepseek-v3");
  const slip_layer_kind *kind = &model->kinds[model->kind_of_layer[model->layers - 1]];
  const slip_shard wide = {1, 1, 48, 1, false};
  const double alone = 2.2300 * sqrt(47.0 / 48 * 248 / 255 / 256);
  const struct {
    double imbalance, spread, tokens, expected;
  } cases[] = {{1, 0, 32, 1}, /* experts picked in turn */
               {1.27, 0, 32, 1.27},
               {1, 1, 32, 1 + alone},
               {1.27, 1, 32, 1 + hypot(0.27, alone)},
               {1.27, 1, 8, 1 + hypot(0.27, 2 * alone)}, /* a fourth of the rows, twice the deviation */
               {1.27, 1, 32e6, 1.27}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    slip_work work = serving(1, cases[i].tokens, 0);
    work.imbalance = cases[i].imbalance, work.routing_spread = cases[i].spread;
    slip_op_list list;
    slip_layer_operators(model, kind, &wide, &work, &list);
    assert_true(fabs(op_named(&list, "experts up")->m / (cases[i].tokens * 8 * cases[i].expected) - 1) < 1e-4);
    assert_true(fabs(op_named(&list, "dispatch")->tokens / (cases[i].tokens * cases[i].expected) - 1) < 1e-4);
  }
  slip_work work = training(1, 32); /* training pays its stack's imbalance only */
  work.imbalance = 1.27, work.routing_spread = 1;
  slip_op_list list;
  slip_layer_operators(model, kind, &wide, &work, &list);
  close_to(op_named(&list, "experts up")->m, 32 * 8 * 1.27);
}

/* In fp4 the activation is the end of the experts' first product: one kernel less. */
static void experts_in_fp4_activate_at_once(void **state) {
  const slip_model *model = model_named("deepseek-v3");
  const slip_dtype formats[] = {SLIP_FP8, SLIP_FP4};
  for (int i = 0; i < 2; i++) {
    slip_work work = serving(4, 1, 100);
    work.compute = work.weights.routed_experts = formats[i];
    slip_op_list list;
    slip_layer_operators(model, &model->kinds[model->kind_of_layer[model->layers - 1]],
                         &(slip_shard){1, 1, 1, 1, false}, &work, &list);
    bool found = false;
    for (int k = 0; k < list.count; k++)
      found |= strcmp(list.ops[k].name, "expert activation") == 0;
    assert_true(found == (formats[i] == SLIP_FP8));
  }
}

/* 32 replicas share the experts and one of them has 64 tokens: its rank sends all of them, and the experts of a rank see 64 x 8 visits over 32
 * ranks, 16, of which 8 experts get 8 p, p = 1 - (1 - 8/256)^64, and those of the rank that reads most all 8: 6.95 + 2.0697 sqrt(8 p (1 - p)) > 8. */
static void a_lone_replica_fills_a_share_of_the_experts(void **state) {
  const slip_model *model = model_named("deepseek-v3");
  slip_work work = serving(1, 64, 0);
  work.imbalance = 1;
  work.busy = 1.0 / 32;
  slip_op_list list;
  slip_layer_operators(model, &model->kinds[model->kind_of_layer[model->layers - 1]],
                       &(slip_shard){1, 1, 32, 1, false}, &work, &list);
  close_to(op_named(&list, "experts up")->m, 16);
  close_to(op_named(&list, "experts up")->groups, 8);
  close_to(op_named(&list, "dispatch")->tokens, 64);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_expert_layer_by_hand),
      cmocka_unit_test(a_capacity_fills_the_places_of_all_experts),
      cmocka_unit_test(ranks_that_dispatch_nothing_route_all_tokens),
      cmocka_unit_test(the_shared_expert_is_routed_when_ranks_outnumber_experts),
      cmocka_unit_test(biased_experts_take_single_steps),
      cmocka_unit_test(routed_rows_are_copied_as_often_as_the_work_says),
      cmocka_unit_test(one_token_visits_its_experts_only),
      cmocka_unit_test(uneven_routing_visits_fewer_experts),
      cmocka_unit_test(ranks_wait_for_the_one_that_reads_most),
      cmocka_unit_test(the_busiest_rank_is_also_a_matter_of_chance),
      cmocka_unit_test(experts_in_fp4_activate_at_once),
      cmocka_unit_test(a_lone_replica_fills_a_share_of_the_experts),
  };
  return cmocka_run_group_tests(tests, open_catalog, close_catalog);
}
