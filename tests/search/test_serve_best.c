/* The search for a serving plan against a plain loop over every instance shape. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the four above */
#include <cmocka.h>

#include <slipstick/search.h>

#include "support/jobs.h"

enum { MAX_SHAPES = 512 };

/* Every legal tp, pp, dp, ep with tp, pp and ep powers of two (ep also all of tp x dp) and dp a power of two, of instances up to the
 * fleet: the space that the search states. */
static int all_shapes(const slip_serve *serve, int64_t ranks, slip_serve_plan *out) {
  int count = 0;
  for (int64_t tp = 1; tp <= ranks; tp *= 2)
    for (int64_t pp = 1; pp <= 16 && tp * pp <= ranks; pp *= 2)
      for (int64_t dp = 1; tp * pp * dp <= ranks; dp *= 2)
        for (int64_t ep = 1; ep <= tp * dp; ep *= 2) {
          slip_serve_plan plan = slip_serve_plan_default();
          plan.tp = tp, plan.pp = pp, plan.dp = dp, plan.ep = ep;
          if (slip_serve_check(serve, &plan, NULL) == SLIP_OK && count < MAX_SHAPES)
            out[count++] = plan;
        }
  return count;
}

/* The most output tokens/s per chip of any shape (aggregated), or of any pair of shapes (disaggregated); 0: nothing serves. */
static double best_of_all(const slip_serve *prefill, const slip_serve *decode, int64_t ranks, bool disaggregated) {
  static slip_serve_plan a[MAX_SHAPES], b[MAX_SHAPES];
  int n_a = all_shapes(prefill, ranks, a), n_b = all_shapes(decode, ranks, b);
  double best = 0;
  for (int i = 0; i < n_a; i++)
    for (int j = 0; j < (disaggregated ? n_b : 1); j++) {
      slip_serve_result r;
      a[i].disaggregated = b[j].disaggregated = disaggregated;
      if (slip_serve_estimate(prefill, &a[i], decode, &b[j], &r, NULL) == SLIP_OK)
        best = fmax(best, r.output_tokens_per_s_per_chip);
    }
  return best;
}

static const struct {
  const char *model, *system;
  int64_t chips;
  double ttft_s, tpot_s;
} jobs[] = {
    {"llama-3.1-8b", "hgx-h200", 8, 2, 0.03},
    {"llama-3.1-8b", "hgx-h20", 4, 1, 0.02},
    {"llama-3.1-70b", "hgx-h200", 8, INFINITY, INFINITY},
    {"qwen3-30b-a3b", "hgx-h100", 8, 1, 0.05},
    {"gpt-oss-20b", "hgx-b200", 8, 0.5, 0.01},
    {"qwen3-30b-a3b", "mi300x-8", 16, 2, 0.05},
    {"qwen3-30b-a3b", "cloudmatrix384", 8, 5, 0.05},
};
enum { JOBS = sizeof jobs / sizeof *jobs };

static slip_serve *open_job(int i) {
  slip_serve_job job = serve_job_of(jobs[i].model, jobs[i].system, "prior-serve");
  job.chips = jobs[i].chips, job.ttft_s = jobs[i].ttft_s, job.tpot_s = jobs[i].tpot_s;
  return serve_open(&job);
}

static int64_t ranks_of(int i) {
  return jobs[i].chips * (int64_t)system_of(jobs[i].system)->chip->ranks;
}

static void against_the_loop(bool disaggregated) {
  int served = 0;
  for (int i = 0; i < JOBS; i++) {
    slip_serve *serve = open_job(i);
    double expected = best_of_all(serve, serve, ranks_of(i), disaggregated);
    slip_serve_plan any = {.tp = 0};
    slip_serve_result best;
    slip_search_stats stats;
    slip_error err = {.message = ""};
    slip_status status = slip_serve_best(serve, NULL, &any, disaggregated, NULL, &best, &stats, &err);
    assert_int_equal(status == SLIP_OK, expected > 0);
    if (status == SLIP_OK) {
      char text[2][160];
      slip_serve_plan_format(&best.prefill.plan, text[0], sizeof text[0]);
      slip_serve_plan_format(&best.decode.plan, text[1], sizeof text[1]);
      printf("  %s on %lld x %s: %.0f tokens/s per chip; prefill %s, decode %s\n", jobs[i].model,
             (long long)jobs[i].chips, jobs[i].system, best.output_tokens_per_s_per_chip, text[0], text[1]);
      if (best.output_tokens_per_s_per_chip != expected)
        fail_msg("the loop finds %.12g, the search %.12g", expected, best.output_tokens_per_s_per_chip);
      assert_true(best.ttft_s <= jobs[i].ttft_s && best.tpot_s <= jobs[i].tpot_s);
      assert_int_equal(best.disaggregated, disaggregated);
      served++;
    } else {
      assert_int_equal(status, SLIP_INFEASIBLE);
      assert_true(err.message[0] != '\0');
    }
    slip_serve_free(serve);
  }
  assert_true(served >= 5);
}

static void the_best_aggregated_plan_is_that_of_a_plain_loop(void **state) {
  against_the_loop(false);
}

static void the_best_pair_of_pools_is_that_of_a_plain_loop(void **state) {
  against_the_loop(true);
}

static void either_takes_the_better_of_the_two(void **state) {
  slip_serve *serve = open_job(0);
  slip_serve_plan any = {.tp = 0};
  slip_serve_result r[3];
  for (int k = -1; k <= 1; k++)
    assert_int_equal(slip_serve_best(serve, NULL, &any, k, NULL, &r[k + 1], NULL, NULL), SLIP_OK);
  assert_true(r[0].output_tokens_per_s_per_chip ==
              fmax(r[1].output_tokens_per_s_per_chip, r[2].output_tokens_per_s_per_chip));
  slip_serve_free(serve);
}

/* GB200 NVL72: 72 is no power of two; the whole domain is a shape too, and an open fleet may use it. */
static void a_whole_domain_is_a_shape(void **state) {
  slip_serve_job job = serve_job_of("deepseek-v3", "gb200-nvl72", "sglang-2026");
  job.chips = 72, job.tpot_s = 0.05;
  slip_serve *serve = serve_open(&job);
  slip_serve_plan fixed = {.tp = 1, .dp = 72, .ep = 72};
  slip_serve_result best;
  assert_int_equal(slip_serve_best(serve, NULL, &fixed, 0, NULL, &best, NULL, NULL), SLIP_OK);
  assert_int_equal(best.decode.instance_chips, 72);
  slip_serve_free(serve);
}

static void what_is_fixed_stays(void **state) {
  slip_serve *serve = open_job(3);
  slip_serve_plan fixed = {.tp = 2, .ep = 4, .batch = 64};
  slip_serve_result best;
  slip_error err = {.message = ""};
  if (slip_serve_best(serve, NULL, &fixed, 0, NULL, &best, NULL, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  assert_int_equal(best.decode.plan.tp, 2);
  assert_int_equal(best.decode.plan.ep, 4);
  assert_int_equal(best.decode.plan.batch, 64);
  slip_serve_free(serve);
}

static void two_systems_share_the_phases(void **state) {
  slip_serve_job a = serve_job_of("llama-3.1-70b", "hgx-h200", "prior-serve"),
                 b = serve_job_of("llama-3.1-70b", "hgx-h20", "prior-serve");
  a.tpot_s = b.tpot_s = 0.05;
  slip_serve *prefill = serve_open(&a), *decode = serve_open(&b);
  slip_serve_plan any = {.tp = 0};
  slip_serve_result best;
  slip_error err = {.message = ""};
  if (slip_serve_best(prefill, decode, &any, -1, NULL, &best, NULL, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  assert_true(best.disaggregated);
  assert_true(best.output_tokens_per_s_per_chip == best_of_all(prefill, decode, 8, true));
  slip_serve_free(prefill);
  slip_serve_free(decode);
}

static void stopped_at_once_there_is_no_answer(void **state) {
  slip_serve *serve = open_job(0);
  slip_serve_plan any = {.tp = 0};
  volatile int stop = 1;
  slip_serve_result best;
  slip_search_stats stats;
  slip_error err = {.message = ""};
  slip_status status = slip_serve_best(serve, NULL, &any, -1, &stop, &best, &stats, &err);
  assert_int_equal(status, stats.feasible > 0 ? SLIP_INTERRUPTED : SLIP_INFEASIBLE);
  assert_non_null(strstr(err.message, "stopped after"));
  slip_serve_free(serve);
}

static void when_nothing_serves_the_reason_is_given(void **state) {
  slip_serve_job job = serve_job_of("deepseek-v3", "hgx-h100", "prior-serve");
  job.chips = 4; /* 671 GB of weights on 320 GB */
  slip_serve *serve = serve_open(&job);
  slip_serve_plan any = {.tp = 0};
  slip_serve_result best;
  slip_error err = {.message = ""};
  assert_int_equal(slip_serve_best(serve, NULL, &any, -1, NULL, &best, NULL, &err), SLIP_INFEASIBLE);
  assert_non_null(strstr(err.message, "does not fit"));
  slip_serve_free(serve);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_best_aggregated_plan_is_that_of_a_plain_loop),
      cmocka_unit_test(the_best_pair_of_pools_is_that_of_a_plain_loop),
      cmocka_unit_test(either_takes_the_better_of_the_two),
      cmocka_unit_test(a_whole_domain_is_a_shape),
      cmocka_unit_test(what_is_fixed_stays),
      cmocka_unit_test(two_systems_share_the_phases),
      cmocka_unit_test(stopped_at_once_there_is_no_answer),
      cmocka_unit_test(when_nothing_serves_the_reason_is_given),
  };
  return cmocka_run_group_tests(tests, jobs_open, jobs_close);
}
