/* The pipeline and what surrounds it: bubbles, uneven stages, data-parallel traffic, the optimizer, overheads. Costs of a layer
 * are made up (forward 1 s, backward 2 s, of which the weight gradient is 1 s), so that a step can be worked by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the four above */
#include <cmocka.h>

#include "support/jobs.h"

/* Eight dense layers with a vocabulary so small that the head weighs nothing in the layout. */
#define EIGHT_LAYERS                                                                                           \
  "{\"model_type\": \"llama\", \"hidden_size\": 1024, \"num_hidden_layers\": 8, \"num_attention_heads\": 16, " \
  "\"num_key_value_heads\": 16, \"intermediate_size\": 4096, \"vocab_size\": 256, "                            \
  "\"tie_word_embeddings\": false, \"torch_dtype\": \"bfloat16\"}"

static slip_model_file *eight;
static slip_system toy;
static slip_stack stack;

static int open_toys(void **state) {
  eight = model_from(EIGHT_LAYERS);
  toy = toy_system();
  stack = toy_stack();
  return 0;
}

static int close_toys(void **state) {
  slip_model_free(eight);
  return 0;
}

static slip_pass pass_of(double seconds) {
  slip_pass pass = {.seconds = seconds};
  pass.parts[SLIP_PART_DENSE_FFN] = seconds;
  pass.bounds[SLIP_BOUND_COMPUTE] = seconds;
  return pass;
}

static slip_layer_costs made_up(void) {
  slip_layer_costs costs;
  memset(&costs, 0, sizeof costs);
  costs.n_kinds = 1;
  costs.kinds[0].forward = pass_of(1);
  costs.kinds[0].backward = pass_of(2);
  costs.kinds[0].weight_gradient_s = 1;
  return costs;
}

/* Estimates a plan on `chips` chips with `batch` sequences and the given costs. */
static slip_train_result step_of(const slip_layer_costs *costs, int64_t chips, int64_t batch, const char *text) {
  slip_train_job job = slip_train_job_default();
  job.model = slip_model_of(eight), job.system = &toy, job.stack = &stack;
  job.chips = chips, job.seq = 1024, job.batch = batch;
  slip_train *train = train_open(&job);
  slip_plan plan = plan_of(text);
  slip_train_result r = {.step_s = NAN};
  slip_error err = {.message = ""};
  if (slip_train_check(train, &plan, &err) != SLIP_OK ||
      slip_train_schedule(train, &plan, costs, &r, &err) != SLIP_OK)
    fail_msg("%s: %s", text, err.message);
  slip_train_free(train);
  return r;
}

/* arXiv 2104.04473, section 2.2: bubble = (pp - 1)(F + B) / vpp. Four stages of two layers: F = 2 s, B = 4 s.
 *   1f1b 3 x 6 = 18 s; vpp 2: 9 s. Eight micro-batches take 8 x 6 = 48 s, so the step is 66 s and 57 s. */
static void the_bubble_of_1f1b_is_pp_less_one_stages(void **state) {
  slip_layer_costs costs = made_up();
  stack.overlap_pp = 1;
  slip_train_result r = step_of(&costs, 4, 8, "pp=4");
  assert_int_equal(r.micro_batches, 8);
  close_to(r.parts[SLIP_PART_BUBBLE], 18);
  close_to(r.step_s, 66);
  r = step_of(&costs, 4, 8, "pp=4,vpp=2");
  close_to(r.parts[SLIP_PART_BUBBLE], 9);
  close_to(r.step_s, 57);
  stack.overlap_pp = 0;
}

/* ZB-H1 (arXiv 2401.10241; the row ZB1P of arXiv 2412.19437, table 2): (pp - 1)(F + B - 2W) = 3 x (2 + 4 - 2 x 2) = 6 s. */
static void zero_bubble_fills_the_drain_with_weight_gradients(void **state) {
  slip_layer_costs costs = made_up();
  close_to(step_of(&costs, 4, 8, "pp=4,schedule=zero-bubble").parts[SLIP_PART_BUBBLE], 6);
  costs.kinds[0].weight_gradient_s = 0; /* nothing to fill with: 1F1B's 18 s */
  close_to(step_of(&costs, 4, 8, "pp=4,schedule=zero-bubble").parts[SLIP_PART_BUBBLE], 18);
}

/* DualPipe (arXiv 2412.19437, table 2): (pp/2 - 1)(F&B + B - 3W), F&B = 6 s, B = 4 s, W = 2 s: 1 x (6 + 4 - 6) = 4 s. */
static void dualpipe_feeds_the_pipeline_from_both_ends(void **state) {
  slip_layer_costs costs = made_up();
  slip_train_result r = step_of(&costs, 4, 8, "pp=4,schedule=dualpipe");
  close_to(r.parts[SLIP_PART_BUBBLE], 4);
  close_to(r.parts[SLIP_PART_DENSE_FFN], 48); /* a rank holds two half-used chunks: the work is the same */
}

/* Eight layers on three stages lie 3, 2, 3. The slowest stage sets the pace (3 x 3 s a micro-batch), the others' time is the
 * bubble: (8 - 3) x 3 s. Six micro-batches: 54 + 15 s. */
static void the_slowest_of_uneven_stages_sets_the_pace(void **state) {
  slip_layer_costs costs = made_up();
  stack.overlap_pp = 1;
  slip_train_result r = step_of(&costs, 3, 6, "pp=3");
  close_to(r.parts[SLIP_PART_BUBBLE], 15);
  close_to(r.step_s, 69);
  stack.overlap_pp = 0;
}

/* Embedding on the first stage, head on the last: a head of 6 s makes the last of two stages the slow one. */
static void embedding_and_head_lie_on_the_ends(void **state) {
  slip_layer_costs costs = made_up();
  costs.embedding.forward = pass_of(1);
  costs.head.forward = pass_of(2);
  costs.head.backward = pass_of(4);
  stack.overlap_pp = 1;
  slip_train_result r = step_of(&costs, 2, 4, "pp=2");
  close_to(r.parts[SLIP_PART_BUBBLE], 4 * 3 + 1); /* the first stage: four layers and the embedding */
  close_to(r.step_s, 4 * (4 * 3 + 6) + 13);
  stack.overlap_pp = 0;
}

/* Each chunk sends its output (micro-batch x seq x hidden x 2 bytes over tp) and gets a gradient back, every micro-batch:
 * 1 x 1024 x 1024 x 2 = 2.1 MB. Inside a node of 8: 2 us + 2.1 MB / 50 GB/s; twice, times vpp, times micro-batches. */
static void transfers_between_stages_cost_unless_they_hide(void **state) {
  slip_layer_costs costs = made_up();
  double send = 2e-6 + 1024.0 * 1024 * 2 / 50e9;
  close_to(step_of(&costs, 4, 8, "pp=4").parts[SLIP_PART_PP], 8 * 2 * send);
  close_to(step_of(&costs, 4, 8, "pp=4,vpp=2").parts[SLIP_PART_PP], 8 * 2 * 2 * send);
  stack.overlap_pp = 0.75;
  close_to(step_of(&costs, 4, 8, "pp=4").parts[SLIP_PART_PP], 8 * 2 * send / 4);
  stack.overlap_pp = 0;
}

/* Of two ranks with the same activations each sends half, 1.05 MB, as it does when it has no more than that half. */
static void each_rank_sends_its_part_with_and_without_sequence_parallelism(void **state) {
  slip_layer_costs costs = made_up();
  (void)state;
  double send = 2e-6 + 1024.0 * 1024 * 2 / 2 / 50e9;
  close_to(step_of(&costs, 8, 8, "tp=2,pp=4").parts[SLIP_PART_PP], 8 * 2 * send);
  close_to(step_of(&costs, 8, 8, "tp=2,pp=4,sp=no").parts[SLIP_PART_PP], 8 * 2 * send);
}

/* A collective starts in 8 us and T seconds of transfer take T + 100 us T / (T + 100 us) (fabric.h). */
static double collective_s(double steps_s, double transfer_s) {
  return 8e-6 + steps_s + transfer_s + 1e-4 * transfer_s / (transfer_s + 1e-4);
}

/* Gradients and parameters travel in bf16. One layer of 1e6 parameters a rank: 8e6 on the one stage, 16 MB. Eight ranks of a
 * node, all-reduce: 2 x (3 steps x 2 us and 7/8 x 16 MB / 50 GB/s). A sharded optimizer scatters and gathers: twice half of that. */
static void replicas_reduce_their_gradients_once_a_step(void **state) {
  slip_layer_costs costs = made_up();
  costs.kinds[0].dense_params = 1e6;
  double transfer = 7.0 / 8 * 16e6 / 50e9, half = collective_s(3 * 2e-6, transfer);
  close_to(step_of(&costs, 8, 8, "sharding=none").parts[SLIP_PART_DP], collective_s(6 * 2e-6, 2 * transfer));
  close_to(step_of(&costs, 8, 8, "sharding=optimizer").parts[SLIP_PART_DP], 2 * half);
  /* sharded weights: gathered for forward and for backward, scattered after: 1.5 times, for every micro-batch (2 here) */
  close_to(step_of(&costs, 8, 16, "sharding=weights").parts[SLIP_PART_DP], 2 * 1.5 * 2 * half);
  stack.overlap_dp = 1; /* hidden behind the last micro-batch, which lasts 24 s */
  assert_true(step_of(&costs, 8, 8, "sharding=none").parts[SLIP_PART_DP] < 1e-12);
  stack.overlap_dp = 0;
}

/* What hides is at most the pass it hides behind: 1e12 parameters take far longer to reduce than one micro-batch's 24 s. */
static void traffic_hides_behind_one_micro_batch_at_most(void **state) {
  slip_layer_costs costs = made_up();
  costs.kinds[0].dense_params = 1e6;
  costs.kinds[0].forward = pass_of(1e-6);
  costs.kinds[0].backward = pass_of(2e-6);
  double whole = step_of(&costs, 8, 8, "sharding=none").parts[SLIP_PART_DP];
  stack.overlap_dp = 1;
  close_to(step_of(&costs, 8, 8, "sharding=none").parts[SLIP_PART_DP], whole - 8 * 3e-6);
  stack.overlap_dp = 0;
}

/* Adam in mixed precision moves 30 bytes a parameter: master and two moments read and written (24), gradient read (4), weight
 * written (2). 8e6 parameters at half of 1 TB/s: 0.48 ms; a sharded optimizer does an eighth of it on 8 replicas. */
static void the_optimizer_streams_its_states(void **state) {
  slip_layer_costs costs = made_up();
  costs.kinds[0].dense_params = 1e6;
  close_to(step_of(&costs, 8, 8, "sharding=none").parts[SLIP_PART_OPTIMIZER], 8e6 * 30 / 0.5e12);
  close_to(step_of(&costs, 8, 8, "sharding=optimizer").parts[SLIP_PART_OPTIMIZER], 8e6 * 30 / 8 / 0.5e12);
}

/* Experts replicate over fewer ranks: with ep = 4 of 8 ranks their gradients meet only 2 replicas, 4 apart.
 *   8 layers x 1e6 x 2 bytes = 16 MB: 2 x (1 step x 2 us and 1/2 x 16 MB / 50 GB/s) */
static void experts_have_their_own_replicas(void **state) {
  slip_model_file *moe = model_from(SMALL_MOE);
  slip_train_job job = slip_train_job_default();
  job.model = slip_model_of(moe), job.system = &toy, job.stack = &stack;
  job.chips = 8, job.seq = 1024, job.batch = 8;
  slip_train *train = train_open(&job);
  slip_plan plan = plan_of("ep=4,sharding=none");
  slip_layer_costs costs = made_up();
  costs.kinds[0].expert_params = 1e6;
  slip_train_result r;
  assert_int_equal(slip_train_check(train, &plan, NULL), SLIP_OK);
  assert_int_equal(slip_train_schedule(train, &plan, &costs, &r, NULL), SLIP_OK);
  close_to(r.parts[SLIP_PART_DP], collective_s(2 * 2e-6, 16e6 / 50e9));
  slip_train_free(train);
  slip_model_free(moe);
}

/* Overhead once a step; jitter is a share of all that comes before it: (8 layers x 3 s + 0.5 s) x 1.02. */
static void overhead_and_jitter_come_last(void **state) {
  slip_layer_costs costs = made_up();
  stack.step_overhead_s = 0.5;
  stack.jitter = 0.02;
  slip_train_result r = step_of(&costs, 1, 1, "sharding=none");
  close_to(r.step_s, 24.5 * 1.02);
  close_to(r.parts[SLIP_PART_HOST], 0.5);
  close_to(r.parts[SLIP_PART_JITTER], 0.49);
  stack.step_overhead_s = stack.jitter = 0;
}

/* spread 0.2: the interval is step / e^0.2 .. step x e^0.2. Power: all of the step is compute, so 0.70 of full load; 8 chips are
 * one system of 8 kW. */
static void interval_and_power_follow_from_the_step(void **state) {
  slip_layer_costs costs = made_up();
  stack.overlap_dp = 1;
  slip_train_result r = step_of(&costs, 8, 8, "sharding=none");
  stack.overlap_dp = 0;
  close_to(r.step_low_s, 24 * exp(-0.2));
  close_to(r.step_high_s, 24 * exp(0.2));
  close_to(r.tokens_per_s, 8 * 1024 / 24.0);
  close_to(r.tokens_per_s_per_chip, 1024 / 24.0);
  close_to(r.system_power_w, 8000 * 0.70);
  /* MFU: three times the useful forward FLOP over the bf16 peak of 8 x 100 TFLOP/s */
  double flop = 3 * slip_model_forward_flop_per_token(slip_model_of(eight), 1024, false);
  close_to(r.mfu, flop * 8 * 1024 / 24.0 / 8e14);
}

/* pace_train stretches all of a chip's own work, the casts of an fp8 product included. One chip, nothing to wait for. */
static void the_pace_holds_for_casts_too(void **state) {
  slip_stack slow = toy_stack();
  slow.pace_train = 2;
  double seconds[2];
  for (int i = 0; i < 2; i++) {
    slip_train_job job = slip_train_job_default();
    job.model = slip_model_of(eight), job.system = &toy, job.stack = i ? &slow : &stack;
    job.chips = 1, job.seq = 1024, job.batch = 1, job.dtype = SLIP_FP8, job.ignore_memory = true;
    slip_train *train = train_open(&job);
    slip_plan plan = plan_of("tp=1,pp=1,dp=1");
    slip_train_result result;
    slip_layer_costs costs;
    assert_int_equal(slip_train_estimate(train, &plan, &result, NULL), SLIP_OK);
    assert_int_equal(result.dtype, SLIP_FP8);
    slip_train_layers(train, &result.plan, &costs);
    seconds[i] = costs.kinds[0].forward.seconds;
    slip_train_free(train);
  }
  close_to(seconds[1], 2 * seconds[0]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_pace_holds_for_casts_too),
      cmocka_unit_test(the_bubble_of_1f1b_is_pp_less_one_stages),
      cmocka_unit_test(zero_bubble_fills_the_drain_with_weight_gradients),
      cmocka_unit_test(dualpipe_feeds_the_pipeline_from_both_ends),
      cmocka_unit_test(the_slowest_of_uneven_stages_sets_the_pace),
      cmocka_unit_test(embedding_and_head_lie_on_the_ends),
      cmocka_unit_test(transfers_between_stages_cost_unless_they_hide),
      cmocka_unit_test(each_rank_sends_its_part_with_and_without_sequence_parallelism),
      cmocka_unit_test(replicas_reduce_their_gradients_once_a_step),
      cmocka_unit_test(traffic_hides_behind_one_micro_batch_at_most),
      cmocka_unit_test(the_optimizer_streams_its_states),
      cmocka_unit_test(experts_have_their_own_replicas),
      cmocka_unit_test(overhead_and_jitter_come_last),
      cmocka_unit_test(interval_and_power_follow_from_the_step),
  };
  return cmocka_run_group_tests(tests, open_toys, close_toys);
}
