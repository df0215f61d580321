/* What a serving step costs: parts and bounds, the host, collectives, two half batches, the explanation. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the five above */
#include <cmocka.h>

#include "support/serve_cases.h"

static void parts_and_bounds_add_up_to_the_step(void **state) {
  for (int i = 0; i < CASES; i++) {
    slip_serve *serve = open_case(i);
    slip_serve_plan plan = serve_plan_of(cases[i].plan);
    for (int n = 0; n < 60; n++) {
      slip_step step = {.decoding = n % 5 ? 1 << n % 10 : 0, .context = 100 * (n + 1)};
      if (n % 3 == 0 || step.decoding == 0)
        step.prefill_sequences = 1 + n % 4, step.prefill_tokens = 64 * (n + 1),
        step.prefill_past = n % 2 ? 1000 : 0;
      slip_step_cost cost;
      slip_serve_step(serve, &plan, &step, &cost);
      double parts = 0, bounds = 0;
      for (int k = 0; k < SLIP_PARTS; k++) {
        assert_true(cost.parts[k] >= -1e-12 * cost.seconds);
        parts += cost.parts[k];
      }
      for (int k = 0; k < SLIP_BOUNDS; k++) {
        assert_true(cost.bounds[k] >= -1e-12 * cost.seconds);
        bounds += cost.bounds[k];
      }
      close_to(parts, cost.seconds);
      close_to(bounds, cost.seconds);
    }
    slip_serve_free(serve);
  }
}

/* A stack whose experts take twice as long spends twice the time on experts and router, and on nothing else more. */
static void the_pace_of_experts_is_theirs_alone(void **state) {
  slip_serve_job job = serve_job_of("deepseek-v3", "gb200-nvl72", "tensorrt-llm-2025");
  const slip_serve_plan plan = serve_plan_of("tp=1,dp=8,ep=8");
  const slip_step step = {.decoding = 32, .context = 4096};
  slip_stack slow = *job.stack;
  slip_step_cost usual, slowed;
  slow.pace_experts *= 2;
  slip_serve *serve = serve_open(&job);
  slip_serve_step(serve, &plan, &step, &usual);
  slip_serve_free(serve);
  job.stack = &slow;
  serve = serve_open(&job);
  slip_serve_step(serve, &plan, &step, &slowed);
  for (int i = 0; i < SLIP_PARTS; i++) {
    const bool experts = i == SLIP_PART_EXPERTS || i == SLIP_PART_SHARED_EXPERT || i == SLIP_PART_ROUTER;
    if (experts)
      assert_true(usual.parts[i] > 0);
    if (i != SLIP_PART_HOST) /* hidden behind the rest */
      close_to(slowed.parts[i], usual.parts[i] * (experts ? 2 : 1));
  }
  slip_serve_free(serve);
}

/* Longer context never helps; more sequences never help but for tiles of a grouped GEMM (a step may fall by a percent where
 * more rows fill a larger tile). */
static void a_step_grows_with_batch_context_and_prompt(void **state) {
  for (int i = 0; i < CASES; i++) {
    slip_serve *serve = open_case(i);
    slip_serve_plan plan = serve_plan_of(cases[i].plan);
    double last = 0;
    for (double n = 1; n <= 256; n *= 2) {
      double now = step_s(serve, &plan, (slip_step){.decoding = n, .context = 4096});
      assert_true(now >= last * 0.99);
      last = now;
    }
    last = 0;
    for (double context = 128; context <= 65536; context *= 2) {
      double now = step_s(serve, &plan, (slip_step){.decoding = 32, .context = context});
      assert_true(now >= last * (1 - 1e-12));
      last = now;
    }
    last = 0;
    for (double tokens = 256; tokens <= 16384; tokens *= 2) {
      double now = step_s(serve, &plan, (slip_step){.prefill_sequences = 1, .prefill_tokens = tokens});
      assert_true(now >= last);
      last = now;
    }
    slip_serve_free(serve);
  }
}

static void faster_memory_links_and_cores_never_slow_a_step(void **state) {
  for (int i = 0; i < CASES; i++) {
    slip_serve_job job = serve_job_of(cases[i].model, cases[i].system, cases[i].stack);
    slip_serve_plan plan = serve_plan_of(cases[i].plan);
    slip_serve *serve = serve_open(&job);
    slip_step steps[] = {{.decoding = 64, .context = 4096}, {.prefill_sequences = 2, .prefill_tokens = 4096}};
    for (int what = 0; what < 3; what++) {
      slip_chip chip = *job.system->chip;
      slip_system system = *job.system;
      system.chip = &chip;
      if (what == 0)
        chip.memory_bytes_per_s *= 1.5;
      for (int k = 0; what == 1 && k < SLIP_DTYPES; k++)
        chip.peak_flops[k] *= 1.5;
      for (int k = 0; what == 2 && k < system.n_levels; k++)
        system.levels[k].bytes_per_s *= 1.5;
      slip_serve_job changed = job;
      changed.system = &system;
      slip_serve *better = serve_open(&changed);
      for (int k = 0; k < 2; k++)
        assert_true(step_s(better, &plan, steps[k]) <= step_s(serve, &plan, steps[k]) * (1 + 1e-12));
      slip_serve_free(better);
    }
    slip_serve_free(serve);
  }
}

/* A step is max(host, device): where the device needs 3 ms and the host 20 ms, the step takes 20 ms and the host waits 17. */
static void the_host_is_waited_for_not_added(void **state) {
  slip_serve_job job = serve_job_of("llama-3.1-8b", "hgx-h200", "sglang-2026");
  slip_stack stack = *job.stack;
  job.stack = &stack;
  slip_serve_plan plan = serve_plan_of("tp=1");
  slip_step step = {.decoding = 1, .context = 1024};
  stack.host_step_s = stack.host_serve_layer_s = stack.host_sequence_s = 0;
  slip_serve *serve = serve_open(&job);
  double device = step_s(serve, &plan, step);
  slip_serve_free(serve);
  stack.host_step_s = 0.02;
  serve = serve_open(&job);
  slip_step_cost cost;
  slip_serve_step(serve, &plan, &step, &cost);
  close_to(cost.seconds, 0.02);
  close_to(cost.parts[SLIP_PART_HOST], 0.02 - device);
  slip_serve_free(serve);
  stack.host_sequence_s = 0.001; /* and 1 ms for its one sequence */
  serve = serve_open(&job);
  slip_serve_step(serve, &plan, &step, &cost);
  close_to(cost.seconds, 0.021);
  slip_serve_free(serve);
  job.drafts = 3, job.accepted = 1.5; /* and for each of the 2.5 tokens that it emits with drafts */
  serve = serve_open(&job);
  slip_serve_step(serve, &plan, &step, &cost);
  close_to(cost.seconds, 0.0225);
  slip_serve_free(serve);
  job.drafts = 0, job.accepted = 0;
  stack.serial_host = 1; /* host and device take turns */
  serve = serve_open(&job);
  slip_serve_step(serve, &plan, &step, &cost);
  close_to(cost.seconds, 0.021 + device);
  close_to(cost.parts[SLIP_PART_HOST], 0.021);
  slip_serve_free(serve);
  stack.serial_host = stack.host_step_s = stack.host_sequence_s = 0,
  stack.host_serve_layer_s = 10e-6; /* gaps of a captured graph do add: 32 layers of 9 kernels; 10 us is of ten */
  serve = serve_open(&job);
  close_to(step_s(serve, &plan, step), device + 32 * 0.9 * 10e-6);
  slip_serve_free(serve);
}

/* Without graphs a decode step, too, is launched kernel by kernel: 32 layers of 1 ms here, longer than the device works. */
static void decoding_without_graphs_waits_for_launches(void **state) {
  slip_serve_job job = serve_job_of("llama-3.1-8b", "hgx-h200", "sglang-2026");
  slip_stack stack = *job.stack;
  job.stack = &stack;
  stack.host_step_s = stack.host_serve_layer_s = stack.host_sequence_s = stack.serial_host = 0;
  stack.host_layer_s = 1e-3;
  slip_serve_plan plan = serve_plan_of("tp=1");
  const slip_step step = {.decoding = 1, .context = 1024};
  slip_serve *serve = serve_open(&job);
  assert_true(step_s(serve, &plan, step) < 0.032);
  slip_serve_free(serve);
  stack.decode_graphs = 0;
  serve = serve_open(&job);
  close_to(step_s(serve, &plan, step), 0.032);
  slip_serve_free(serve);
}

/* On Ascend the library reduces: its own time, and 5 us for each of the seven other ranks. Llama 3.1 70B reduces twice in each of 80 layers. */
static void an_engine_without_kernels_of_its_own_reduces_by_the_library(void **state) {
  slip_serve_job job = serve_job_of("llama-3.1-70b", "atlas-800t-a2", "sglang-npu-2026");
  slip_stack stack = *job.stack;
  const slip_serve_plan plan = serve_plan_of("tp=8");
  const slip_step step = {.decoding = 4, .context = 1024};
  slip_step_cost by_itself, by_library, slow;
  job.stack = &stack;
  stack.reduce_s = NAN;
  slip_serve *serve = serve_open(&job);
  slip_serve_step(serve, &plan, &step, &by_itself);
  slip_serve_free(serve);
  stack.reduce_s = 0;
  serve = serve_open(&job);
  slip_serve_step(serve, &plan, &step, &by_library);
  double latency;
  const double library = slip_collective_s(&serve->network, SLIP_ALL_REDUCE, slip_serve_group(&plan, SLIP_AXIS_TP),
                                           4 * 8192 * 2.0, &latency);
  assert_near(by_library.parts[SLIP_PART_TP], 160 * library, 0.01); /* and the logits' gather */
  slip_serve_free(serve);
  stack.reduce_s = 5e-6;
  serve = serve_open(&job);
  slip_serve_step(serve, &plan, &step, &slow);
  slip_serve_free(serve);
  assert_true(by_itself.parts[SLIP_PART_TP] < by_library.parts[SLIP_PART_TP]);
  close_to(slow.parts[SLIP_PART_TP], by_library.parts[SLIP_PART_TP] + 160 * 7 * 5e-6);
}

static void step_with_overlap_on(double share, double cores, const slip_step *step, slip_step_cost *cost) {
  slip_serve_job job = serve_job_of("deepseek-v3", "hgx-h800", "deepseek-serve-2025");
  slip_stack stack = *job.stack;
  stack.two_batch_overlap = share;
  stack.exchange_cores = cores;
  stack.host_step_s = stack.host_serve_layer_s = stack.host_layer_s = stack.host_moe_layer_s = 0;
  job.stack = &stack;
  slip_serve *serve = serve_open(&job);
  slip_serve_plan plan = serve_plan_of("tp=1,dp=32,ep=32");
  slip_serve_step(serve, &plan, step, cost);
  slip_serve_free(serve);
}

static void step_with_overlap(double share, const slip_step *step, slip_step_cost *cost) {
  step_with_overlap_on(share, 0, step, cost);
}

/* Kernels that hold a fifth of the cores for prompts' traffic leave four fifths to computing, which takes 1 / 0.8 as long; those of decode hold
 * none. */
static void hidden_traffic_of_prompts_takes_cores(void **state) {
  slip_step prompts = {.prefill_sequences = 4, .prefill_tokens = 4096}, tokens = {.decoding = 128, .context = 4096};
  slip_step_cost free, held;
  step_with_overlap(0.9, &prompts, &free);
  step_with_overlap_on(0.9, 0.2, &prompts, &held);
  close_to(held.bounds[SLIP_BOUND_COMPUTE], free.bounds[SLIP_BOUND_COMPUTE] / 0.8);
  close_to(held.seconds, free.seconds + free.bounds[SLIP_BOUND_COMPUTE] * (1 / 0.8 - 1));
  step_with_overlap(0.9, &tokens, &free);
  step_with_overlap_on(0.9, 0.2, &tokens, &held);
  close_to(held.seconds, free.seconds);
}

/* Two half batches take 2 T(half) without the `two_batch_overlap` of their expert traffic that each hides behind the other. */
static void two_batch_overlap_hides_expert_traffic(void **state) {
  slip_step step = {.prefill_sequences = 2, .prefill_tokens = 4096},
            one = {.prefill_sequences = 1, .prefill_tokens = 4096};
  slip_step_cost half, both;
  step_with_overlap(0, &one, &half);
  step_with_overlap(0.5, &step, &both);
  close_to(both.parts[SLIP_PART_EP], half.parts[SLIP_PART_EP]);
  close_to(both.seconds, 2 * half.seconds - half.parts[SLIP_PART_EP]);
}

/* A half batch reads all the weights once more, so a small batch is better left whole: the step is the lesser of both. */
static void small_batches_are_not_split(void **state) {
  slip_step step = {.decoding = 1, .context = 4096};
  slip_step_cost whole, offered;
  step_with_overlap(0, &step, &whole);
  step_with_overlap(0.1, &step, &offered);
  close_to(offered.seconds, whole.seconds);
  close_to(offered.parts[SLIP_PART_EP], whole.parts[SLIP_PART_EP]);
}

static void every_node_of_the_explanation_is_the_sum_of_its_children(void **state) {
  static const slip_step steps[] = {
      {.decoding = 64, .context = 4096},
      {.prefill_sequences = 1, .prefill_tokens = 8192},
      {.prefill_sequences = 1, .prefill_tokens = 512, .prefill_past = 100, .decoding = 8, .context = 300}};
  for (int i = 0; i < CASES; i++) {
    slip_serve *serve = open_case(i);
    slip_serve_plan plan = serve_plan_of(cases[i].plan);
    for (int k = 0; k < 3; k++) {
      slip_why *why = NULL;
      size_t count = 0;
      assert_int_equal(slip_serve_explain(serve, &plan, &steps[k], &why, &count, NULL), SLIP_OK);
      close_to(why[0].seconds, step_s(serve, &plan, steps[k]));
      for (size_t node = 0; node < count; node++) {
        double sum = 0;
        bool any = false;
        for (size_t child = node + 1; child < count; child++)
          if (why[child].parent == (int)node)
            sum += why[child].seconds, any = true;
        if (any && fabs(sum - why[node].seconds) > 1e-9 * why[0].seconds)
          fail_msg("%s on %s: children of '%s' add up to %.12g, not %.12g", cases[i].model, cases[i].system,
                   why[node].name, sum, why[node].seconds);
      }
      slip_why_free(why);
    }
    slip_serve_free(serve);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parts_and_bounds_add_up_to_the_step),
      cmocka_unit_test(the_pace_of_experts_is_theirs_alone),
      cmocka_unit_test(a_step_grows_with_batch_context_and_prompt),
      cmocka_unit_test(faster_memory_links_and_cores_never_slow_a_step),
      cmocka_unit_test(the_host_is_waited_for_not_added),
      cmocka_unit_test(decoding_without_graphs_waits_for_launches),
      cmocka_unit_test(an_engine_without_kernels_of_its_own_reduces_by_the_library),
      cmocka_unit_test(hidden_traffic_of_prompts_takes_cores),
      cmocka_unit_test(two_batch_overlap_hides_expert_traffic),
      cmocka_unit_test(small_batches_are_not_split),
      cmocka_unit_test(every_node_of_the_explanation_is_the_sum_of_its_children),
  };
  return cmocka_run_group_tests(tests, jobs_open, jobs_close);
}
