/* What a stack's features make of a layer: expert dispatchers, fused experts, scans, scales of blocks, and kernels before flash attention.
 * Held against the operators' own costs, so that only the feature is at stake. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* after the four above */
#include <cmocka.h>

#include "support/jobs.h"

static slip_model_file *moe;
static slip_system toy;
static slip_stack stack;

static int open_toys(void **state) {
  moe = model_from(SMALL_MOE);
  toy = toy_system();
  stack = toy_stack();
  return jobs_open(state);
}

static int close_toys(void **state) {
  slip_model_free(moe);
  return jobs_close(state);
}

/* `model` with the toy's stack: one sequence of 1,024 tokens. */
static slip_layer_costs costs_of(const slip_model *model, const slip_stack *with, slip_dtype dtype,
                                 const char *text) {
  slip_train_job job = slip_train_job_default();
  slip_layer_costs costs;
  slip_error err = {.message = ""};
  job.model = model, job.system = &toy, job.stack = with;
  job.chips = 8, job.seq = 1024, job.batch = 8, job.dtype = dtype;
  slip_train *train = train_open(&job);
  slip_plan plan = plan_of(text);
  if (slip_train_check(train, &plan, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  slip_train_layers(train, &plan, &costs);
  slip_train_free(train);
  return costs;
}

/* Its first layer kind; experts over 8 ranks. */
static slip_layer_cost layer_of(const slip_model *model, const slip_stack *with, slip_dtype dtype,
                                const char *text) {
  return costs_of(model, with, dtype, text).kinds[0];
}

static slip_layer_cost head_of(const slip_model *model, const slip_stack *with) {
  return costs_of(model, with, SLIP_BF16, "tp=1").head;
}

/* 1,024 tokens of 1,024 elements in bf16 to 2 of 16 experts on 8 ranks, out and back. */
static void copies_travel_alone_or_once_to_each_place(void **state) {
  const slip_network net = toy_network();
  const slip_group all = {8, 1};
  slip_stack once = stack, alone = stack;
  (void)state;
  once.dispatch_once = 1, alone.dispatch_once = 0;
  const double one_exchange = slip_exchange_s(&net, all, 1024, 1024 * 2, 2, 0, true, NULL);
  const double one_all_to_all = slip_collective_s(&net, SLIP_ALL_TO_ALL, all, 1024 * 2 * (1024 * 2.0), NULL);
  close_to(layer_of(slip_model_of(moe), &once, SLIP_BF16, "ep=8").forward.parts[SLIP_PART_EP], 2 * one_exchange);
  close_to(layer_of(slip_model_of(moe), &alone, SLIP_BF16, "ep=8").forward.parts[SLIP_PART_EP], 2 * one_all_to_all);
}

/* 2,048 rows of 1,024 elements are copied 4 times with the one, 8 with the other; backward the same, not twice that. */
static void an_all_to_all_permutes_twice_as_often(void **state) {
  slip_stack once = stack, alone = stack;
  slip_system quiet = toy;
  slip_device device;
  (void)state;
  once.dispatch_once = 1, alone.dispatch_once = 0;
  assert_int_equal(slip_device_make(quiet.chip, &device, NULL), SLIP_OK);
  const double four = slip_stream_s(&device, 4 * 2048 * (1024 * 2.0));
  const slip_layer_cost a = layer_of(slip_model_of(moe), &once, SLIP_BF16, "ep=8");
  const slip_layer_cost b = layer_of(slip_model_of(moe), &alone, SLIP_BF16, "ep=8");
  close_to(b.forward.parts[SLIP_PART_ELEMENTWISE] - a.forward.parts[SLIP_PART_ELEMENTWISE], four);
  close_to(b.backward.parts[SLIP_PART_ELEMENTWISE] - a.backward.parts[SLIP_PART_ELEMENTWISE], four);
}

/* The activation of 2,048 rows of twice 512 elements: read, and half of it written; backward twice that. */
static void fused_experts_have_no_activation_of_their_own(void **state) {
  slip_stack fused = stack;
  slip_device device;
  (void)state;
  fused.fused_experts = 1;
  assert_int_equal(slip_device_make(toy.chip, &device, NULL), SLIP_OK);
  const slip_op activation = {
      .kind = SLIP_OP_STREAM, .read_bytes = 2048 * 1024 * 2.0, .write_bytes = 2048 * 512 * 2.0};
  const slip_layer_cost a = layer_of(slip_model_of(moe), &stack, SLIP_BF16, "ep=8");
  const slip_layer_cost b = layer_of(slip_model_of(moe), &fused, SLIP_BF16, "ep=8");
  close_to(a.forward.parts[SLIP_PART_ELEMENTWISE] - b.forward.parts[SLIP_PART_ELEMENTWISE],
           slip_op_cost(&device, &activation).seconds);
  close_to(a.backward.parts[SLIP_PART_ELEMENTWISE] - b.backward.parts[SLIP_PART_ELEMENTWISE],
           slip_op_backward_cost(&device, &activation).seconds);
}

/* Dense products at twice the profile's rate take half their time on the cores, expert products keep theirs. */
static void dense_products_run_at_the_rate_of_the_stack(void **state) {
  slip_stack fast = stack;
  slip_device device;
  (void)state;
  fast.gemm_rate = 2;
  assert_int_equal(slip_device_make(toy.chip, &device, NULL), SLIP_OK);
  const slip_layer_cost a = layer_of(slip_model_of(moe), &stack, SLIP_BF16, "ep=8");
  const slip_layer_cost b = layer_of(slip_model_of(moe), &fast, SLIP_BF16, "ep=8");
  const slip_op out = {.kind = SLIP_OP_GEMM, .dtype = SLIP_BF16, .m = 1024, .n = 1024, .k = 1024, .groups = 1};
  const slip_op qkv = {.kind = SLIP_OP_GEMM, .dtype = SLIP_BF16, .m = 1024, .n = 2048, .k = 1024, .groups = 1};
  double saved = 0;
  for (int i = 0; i < 2; i++) {
    slip_op op = i == 0 ? out : qkv;
    op.weight_bytes = 2 * op.n * op.k, op.read_bytes = 2 * op.m * op.k, op.write_bytes = 2 * op.m * op.n;
    const slip_cost cost = slip_op_cost(&device, &op);
    saved +=
        slip_overlapped_s(cost.compute_s, cost.memory_s) - slip_overlapped_s(cost.compute_s / 2, cost.memory_s);
  }
  close_to(a.forward.parts[SLIP_PART_PROJECTIONS] - b.forward.parts[SLIP_PART_PROJECTIONS], saved);
  close_to(a.forward.parts[SLIP_PART_EXPERTS], b.forward.parts[SLIP_PART_EXPERTS]);
}

/* A scan at a quarter of its roofline takes three times its own time more. */
static void scans_run_at_the_rate_of_the_stack(void **state) {
  slip_stack slow = stack;
  const slip_model *model = model_of("nemotron-3-nano");
  slip_device device;
  slip_op_list list;
  (void)state;
  slow.scan_rate = 0.25;
  assert_int_equal(slip_device_make(toy.chip, &device, NULL), SLIP_OK);
  const slip_layer_cost a = layer_of(model, &stack, SLIP_BF16, "tp=1"),
                        b = layer_of(model, &slow, SLIP_BF16, "tp=1");
  assert_int_equal(model->kinds[0].attention.kind, SLIP_ATTENTION_SSM);
  slip_work work = {.n_segments = 1, .training = true, .compute = SLIP_BF16, .kv = SLIP_BF16, .imbalance = 1};
  work.segments[0] = (slip_segment){1, 1024, 0};
  work.weights = (slip_weight_formats){SLIP_BF16, SLIP_BF16, SLIP_BF16, SLIP_BF16, SLIP_BF16};
  slip_layer_operators(model, &model->kinds[0], &(slip_shard){1, 1, 1, 1, false}, &work, &list);
  for (int i = 0; i < list.count; i++)
    if (strcmp(list.ops[i].name, "state scan") == 0) {
      const slip_cost scan = slip_op_cost(&device, &list.ops[i]);
      close_to(b.forward.seconds - a.forward.seconds, 3 * slip_overlapped_s(scan.compute_s, scan.memory_s));
      return;
    }
  fail_msg("there is no scan");
}

/* 16 experts over 8 ranks are 2 on each: the host takes 1 s for the layer and 0.25 s for each of them, forward and backward. */
static void the_host_launches_each_expert(void **state) {
  slip_stack slow = stack;
  (void)state;
  slow.host_moe_layer_s = 1, slow.host_expert_s = 0.25;
  close_to(layer_of(slip_model_of(moe), &slow, SLIP_BF16, "ep=8").forward.seconds, 1.5);
  close_to(layer_of(slip_model_of(moe), &slow, SLIP_BF16, "ep=8").backward.seconds, 1.5);
  close_to(layer_of(slip_model_of(moe), &slow, SLIP_BF16, "ep=2").forward.seconds, 3);
}

/* Eight ranks share the toy's fast domain; sixteen do not, and their collectives are not hidden whatever the stack can do. */
static void tensor_parallel_traffic_hides_within_the_fast_domain_only(void **state) {
  slip_stack hiding = stack;
  (void)state;
  hiding.overlap_tp = 0.75;
  const double inside = layer_of(slip_model_of(moe), &stack, SLIP_BF16, "tp=8").forward.parts[SLIP_PART_TP];
  close_to(layer_of(slip_model_of(moe), &hiding, SLIP_BF16, "tp=8").forward.parts[SLIP_PART_TP], inside / 4);
  toy.levels[0].ranks = 4;
  const double across = layer_of(slip_model_of(moe), &stack, SLIP_BF16, "tp=8").forward.parts[SLIP_PART_TP];
  close_to(layer_of(slip_model_of(moe), &hiding, SLIP_BF16, "tp=8").forward.parts[SLIP_PART_TP], across);
  toy.levels[0].ranks = 8;
}

/* What the stack could hide in eight bits it does not in four: the whole of the gather before attention and the scatter after it, 1,024 tokens of
 * 1,024 elements, gathered at 1.5 x (1/2 + 1/16) bytes. (Experts are not cut.) */
static void four_bits_hide_no_tensor_parallel_traffic(void **state) {
  const slip_network net = toy_network();
  const slip_group all = {8, 1};
  const double tokens = 1024 * 1024;
  slip_stack hiding = stack;
  slip_chip chip = *toy.chip;
  slip_system fast = toy;
  (void)state;
  hiding.overlap_tp = 0.75;
  chip.peak_flops[SLIP_FP4] = 4 * chip.peak_flops[SLIP_BF16];
  fast.chip = &chip;
  slip_system before = toy;
  toy = fast;
  const double four = layer_of(slip_model_of(moe), &hiding, SLIP_FP4, "tp=8").forward.parts[SLIP_PART_TP];
  toy = before;
  close_to(four, slip_collective_s(&net, SLIP_ALL_GATHER, all, tokens * 0.84375, NULL) +
                     slip_collective_s(&net, SLIP_REDUCE_SCATTER, all, tokens * 2, NULL));
}

/* A sixth of the bytes takes a sixth of the head's time that is not its products. */
static void a_fused_loss_spares_the_memory(void **state) {
  slip_stack fused = stack, plain = stack;
  slip_device device;
  (void)state;
  fused.loss_bytes = 6, plain.loss_bytes = 0;
  assert_int_equal(slip_device_make(toy.chip, &device, NULL), SLIP_OK);
  const double logits = 1024.0 * (double)slip_model_of(moe)->vocab;
  const slip_layer_cost a = head_of(slip_model_of(moe), &plain), b = head_of(slip_model_of(moe), &fused);
  close_to(a.forward.seconds - b.forward.seconds, slip_stream_s(&device, (12 - 2) * logits));
  close_to(a.backward.seconds - b.backward.seconds, slip_stream_s(&device, (24 - 4) * logits));
}

/* One sequence of four documents of 256 tokens attends like four sequences of 256; products see 1,024 tokens either way. */
static void documents_attend_to_themselves(void **state) {
  slip_train_job job = slip_train_job_default();
  slip_layer_costs whole, packed, apart;
  (void)state;
  job.model = slip_model_of(moe), job.system = &toy, job.stack = &stack;
  job.chips = 8, job.seq = 1024, job.batch = 8;
  slip_plan plan = plan_of("tp=1,dp=8");
  slip_train *train = train_open(&job);
  slip_train_layers(train, &plan, &whole);
  slip_train_free(train);
  job.document = 256;
  train = train_open(&job);
  slip_train_layers(train, &plan, &packed);
  slip_train_free(train);
  job.document = 0, job.seq = 256, job.batch = 32, plan.micro_batch = 4;
  train = train_open(&job);
  slip_train_layers(train, &plan, &apart);
  slip_train_free(train);
  close_to(packed.kinds[0].forward.parts[SLIP_PART_ATTENTION], apart.kinds[0].forward.parts[SLIP_PART_ATTENTION]);
  assert_true(packed.kinds[0].forward.parts[SLIP_PART_ATTENTION] <
              whole.kinds[0].forward.parts[SLIP_PART_ATTENTION]);
  close_to(packed.kinds[0].forward.parts[SLIP_PART_EXPERTS], whole.kinds[0].forward.parts[SLIP_PART_EXPERTS]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(copies_travel_alone_or_once_to_each_place),
      cmocka_unit_test(an_all_to_all_permutes_twice_as_often),
      cmocka_unit_test(fused_experts_have_no_activation_of_their_own),
      cmocka_unit_test(dense_products_run_at_the_rate_of_the_stack),
      cmocka_unit_test(tensor_parallel_traffic_hides_within_the_fast_domain_only),
      cmocka_unit_test(four_bits_hide_no_tensor_parallel_traffic),
      cmocka_unit_test(a_fused_loss_spares_the_memory),
      cmocka_unit_test(documents_attend_to_themselves),
      cmocka_unit_test(the_host_launches_each_expert),
      cmocka_unit_test(scans_run_at_the_rate_of_the_stack),
  };
  return cmocka_run_group_tests(tests, open_toys, close_toys);
}
