/* What recompute by block, sequence parallelism and overlap by kind do to a step and its memory, worked by hand; and the table of
 * legality against the check that it is the table of. */
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
#include "train/train_internal.h"

static slip_train_result estimate(const slip_train *train, const char *text) {
  slip_plan plan = plan_of(text);
  slip_train_result r;
  slip_error err = {.message = ""};
  if (slip_train_estimate(train, &plan, &r, &err) != SLIP_OK)
    fail_msg("%s: %s", text, err.message);
  return r;
}

static slip_train *gpt3(void) {
  slip_train_job job = train_job_of("gpt-3-175b", "hgx-a100", "megatron-lm-2022", 512, 512);
  job.seq = 2048;
  job.ignore_memory = true;
  return train_open(&job);
}

/* Full recompute of the first k of the 12 layers of a stage: the stage's time and its activations lie on a line between none (k = 0)
 * and all (k = 12). All stages are alike in their layers, so the step is as well: work = micro-batches x slowest stage. */
static void a_block_is_so_many_layers(void **state) {
  slip_train *train = gpt3();
  slip_plan plan = plan_of("tp=8,pp=8,recompute=full,recompute_layers=5");
  slip_layer_costs costs;
  slip_stage stage;
  plan.dp = 8;
  slip_train_layers(train, &plan, &costs);
  slip_layout_stage(train, 8, 1, false, 5, 3, &stage);
  assert_int_equal(stage.total, 12);
  assert_int_equal(stage.layers[0], 12);
  assert_int_equal(stage.spared[0], 7);
  slip_stage_sum sum = slip_train_stage_sum(&costs, &stage);
  close_to(sum.backward_s, 5 * costs.kinds[0].backward.seconds + 7 * costs.spared[0].backward.seconds);
  close_to(sum.saved, 5 * costs.kinds[0].saved_bytes + 7 * costs.spared[0].saved_bytes);
  double none = estimate(train, "tp=8,pp=8").memory.activations,
         all = estimate(train, "tp=8,pp=8,recompute=full").memory.activations;
  close_to(estimate(train, "tp=8,pp=8,recompute=full,recompute_layers=5").memory.activations,
           all + (none - all) * 7 / 12);
  slip_train_free(train);
}

/* With vpp = 3 each of a stage's three chunks has 4 layers: a block of 1 recomputes 3 layers of a stage, spares 9. */
static void a_block_is_of_each_chunk(void **state) {
  slip_train *train = gpt3();
  slip_stage stage;
  slip_layout_stage(train, 8, 3, false, 1, 0, &stage);
  assert_int_equal(stage.total, 12);
  assert_int_equal(stage.spared[0], 9);
  slip_train_free(train);
}

/* Llama 3.1 8B: the head weighs 2 of its 32 layers. On four stages, the last spared one: 8, 9, 8, 7 (and the head), at most 9; a stack that deals
 * evenly has 8 each, 10 with the head. On five stages 32 do not divide: both do the same. */
static void some_stacks_deal_layers_evenly(void **state) {
  static const int64_t best[] = {8, 9, 8, 7};
  slip_train_job jobs[2] = {train_job_of("llama-3.1-8b", "hgx-h100", "megatron-lm-2025", 64, 64),
                            train_job_of("llama-3.1-8b", "hgx-h100", "megatron-lm-2024", 64, 64)};
  slip_train *trains[2];
  slip_stage spared, even;
  for (int i = 0; i < 2; i++) {
    jobs[i].seq = 2048;
    trains[i] = train_open(&jobs[i]);
  }
  for (int64_t s = 0; s < 4; s++) {
    slip_layout_stage(trains[0], 4, 1, false, 0, s, &spared);
    slip_layout_stage(trains[1], 4, 1, false, 0, s, &even);
    assert_int_equal(spared.total, best[s]);
    assert_int_equal(even.total, 8);
  }
  for (int64_t s = 0; s < 5; s++) {
    slip_layout_stage(trains[0], 5, 1, false, 0, s, &spared);
    slip_layout_stage(trains[1], 5, 1, false, 0, s, &even);
    assert_int_equal(spared.total, even.total);
  }
  for (int i = 0; i < 2; i++)
    slip_train_free(trains[i]);
}

static void a_block_of_a_whole_chunk_is_full_recompute(void **state) {
  slip_train *train = gpt3();
  double block = estimate(train, "tp=8,pp=8,recompute=full,recompute_layers=12").step_s;
  assert_true(block == estimate(train, "tp=8,pp=8,recompute=full").step_s);
  slip_train_free(train);
}

/* Without sequence parallelism what lies between the cut blocks is whole on each rank: of 34 s b h / t bytes, 10 s b h are
 * (arXiv 2205.05198, equation 2: s b h (10 + 24 / t)); ours without their dropout masks, 8 and 24: the first of 8 stages holds 8
 * micro-batches of 12 layers. */
static void without_sequence_parallelism_ten_of_thirty_four_stay_whole(void **state) {
  slip_train *train = gpt3();
  slip_train_memory m = estimate(train, "tp=8,pp=8,recompute=selective,sp=no").memory;
  close_to(m.activations, 8.0 * 12 * 2048 * 12288 * (8 + 24.0 / 8));
  slip_train_free(train);
}

/* Traffic that the stack would hide for a share is exposed whole: TP time / (1 - share) of it. */
static void exposed_traffic_takes_its_whole_time(void **state) {
  slip_train_job job = train_job_of("gpt-3-175b", "hgx-a100", "megatron-lm-2022", 512, 512);
  slip_stack stack = *job.stack;
  stack.overlap_tp = 0.5, stack.overlap_dp = 0.25, stack.overlap_pp = 0.75, stack.jitter = 0;
  job.stack = &stack, job.seq = 2048, job.ignore_memory = true;
  slip_train *train = train_open(&job);
  slip_train_result hidden = estimate(train, "tp=8,pp=8"), tp = estimate(train, "tp=8,pp=8,overlap=cp+ep+pp+dp"),
                    dp = estimate(train, "tp=8,pp=8,overlap=tp+cp+ep+pp"),
                    none = estimate(train, "tp=8,pp=8,overlap=none");
  close_to(tp.parts[SLIP_PART_TP], 2 * hidden.parts[SLIP_PART_TP]);
  close_to(dp.parts[SLIP_PART_DP], hidden.parts[SLIP_PART_DP] / 0.75);
  close_to(dp.parts[SLIP_PART_TP], hidden.parts[SLIP_PART_TP]);
  close_to(none.parts[SLIP_PART_PP], hidden.parts[SLIP_PART_PP] / 0.25);
  assert_true(none.step_s > tp.step_s && tp.step_s > hidden.step_s);
  slip_train_free(train);
}

/* The verdicts are the check: a plan is legal when every rule is kept, and the check's message is that of the first broken one. */
static void verdicts_and_check_agree(void **state) {
  slip_train_job job = train_job_of("deepseek-v3", "hgx-h800", "prior-train", 256, 1024);
  slip_train *train = train_open(&job);
  int legal = 0, illegal = 0;
  for (int i = 0; i < 4000; i++) {
    slip_plan p = slip_plan_default();
    p.tp = 1 + i % 9, p.pp = 1 + i / 9 % 5, p.ep = 1 << (i % 8), p.vpp = 1 + i / 45 % 3, p.cp = 1 + i / 7 % 2,
    p.etp = 1 + i / 11 % 2;
    p.micro_batch = 1 + i / 13 % 3, p.schedule = (slip_schedule)(i / 3 % SLIP_SCHEDULES);
    p.sharding = (slip_sharding)(i / 17 % SLIP_SHARDINGS), p.recompute_layers = i / 19 % 2,
    p.no_sequence_parallel = i / 23 % 2;
    p.recompute = (slip_recompute)(i / 29 % SLIP_RECOMPUTES);
    slip_plan q = p;
    slip_plan_verdict rules[SLIP_MAX_RULES];
    slip_error err = {.message = ""};
    slip_status status = slip_train_check(train, &p, &err);
    int n = slip_train_verdicts(train, &q, rules), first = -1;
    for (int k = n - 1; k >= 0; k--)
      first = rules[k].kept ? first : k;
    assert_int_equal(status == SLIP_OK, first < 0);
    if (first >= 0)
      assert_string_equal(err.message, rules[first].numbers);
    legal += first < 0, illegal += first >= 0;
  }
  assert_true(legal > 20 && illegal > 20);
  slip_train_free(train);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_block_is_so_many_layers),
      cmocka_unit_test(a_block_is_of_each_chunk),
      cmocka_unit_test(some_stacks_deal_layers_evenly),
      cmocka_unit_test(a_block_of_a_whole_chunk_is_full_recompute),
      cmocka_unit_test(without_sequence_parallelism_ten_of_thirty_four_stay_whole),
      cmocka_unit_test(exposed_traffic_takes_its_whole_time),
      cmocka_unit_test(verdicts_and_check_agree),
  };
  return cmocka_run_group_tests(tests, jobs_open, jobs_close);
}
