/* The main job as a library call: one column a system, each number as if asked for alone, and what is unknown says why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the four above */
#include <cmocka.h>

#include <slipstick/compare.h>

#include "support/jobs.h"

static slip_compare_job job_of(const char *model) {
  slip_compare_job job = slip_compare_job_default();
  job.catalog = jobs_catalog, job.model = model_of(model);
  job.min_chips = 16, job.batch = 256;
  slip_error err;
  assert_int_equal(slip_catalog_region(jobs_catalog, "us-average", &job.terms.region, &err), SLIP_OK);
  return job;
}

static slip_compare_column column_of(const slip_compare_job *job, const char *system) {
  slip_compare_system in = {.system = system_of(system)};
  slip_compare_column column;
  slip_error err = {.message = ""};
  if (slip_compare(job, &in, 1, NULL, NULL, NULL, &column, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  return column;
}

static void a_column_is_what_the_parts_say_alone(void **state) {
  slip_compare_job job = job_of("llama-3.1-8b");
  slip_compare_column c = column_of(&job, "hgx-h200");
  assert_int_equal(c.chips, 16);
  assert_int_equal(c.systems, 2);
  close_to(c.peak_bf16_flops.value, 16 * 989.4e12);
  close_to(c.power_w.value, 2 * c.system->power_w);
  close_to(c.price_usd.value, 2 * c.system->price_usd);
  assert_string_equal(c.train_why, "");
  assert_string_equal(c.serve_why, "");

  slip_train_job train_job = slip_train_job_default();
  train_job.model = job.model, train_job.system = c.system, train_job.stack = c.train_stack;
  train_job.chips = 16, train_job.seq = job.seq, train_job.batch = job.batch, train_job.dtype = job.train_dtype;
  slip_train *train = train_open(&train_job);
  slip_train_result alone;
  assert_int_equal(slip_train_estimate(train, &c.train.plan, &alone, NULL), SLIP_OK);
  assert_true(alone.step_s == c.train.step_s);
  slip_train_free(train);

  double seconds = job.model->train_tokens / c.train.tokens_per_s;
  close_to(c.train_days.value, seconds / 86400);
  const slip_region *region = job.terms.region;
  close_to(c.train_joule_per_token.value, c.train.system_power_w * region->pue / c.train.tokens_per_s);
  slip_cost_rate rate;
  assert_int_equal(slip_cost_of(c.system, 2, c.train.system_power_w, &job.terms, &rate, NULL), SLIP_OK);
  close_to(c.train_usd.value, rate.total_usd_per_s * seconds);
  close_to(c.serve_joule_per_token.value, c.serve.joule_per_output_token * region->pue);
}

/* $/M tokens: what both systems cost a second over what they put out a second, times 1e6. */
static void dollars_per_million_tokens_by_hand(void **state) {
  slip_compare_job job = job_of("llama-3.1-8b");
  job.train = false;
  slip_compare_column c = column_of(&job, "hgx-h100");
  double power = c.serve.system_power_w_per_chip * 16;
  double capital = 2 * c.system->price_usd / (4 * 365.25 * 86400 * 0.8);
  double energy = power * job.terms.region->pue * job.terms.region->power_usd_per_j;
  close_to(c.serve_usd_per_mtoken.value, (capital + energy) / (c.serve.output_tokens_per_s_per_chip * 16) * 1e6);
}

/* 256 chips at least: 4 x 72, 1 x 384, 32 x 8. */
static void clusters_are_whole_systems(void **state) {
  static const struct {
    const char *system;
    int64_t chips, systems;
  } rows[] = {{"gb200-nvl72", 288, 4}, {"cloudmatrix384", 384, 1}, {"hgx-h20", 256, 32}};
  slip_compare_job job = job_of("llama-3.1-8b");
  job.min_chips = 256, job.train = job.serve = false;
  for (int i = 0; i < 3; i++) {
    slip_compare_column c = column_of(&job, rows[i].system);
    assert_int_equal(c.chips, rows[i].chips);
    assert_int_equal(c.systems, rows[i].systems);
  }
}

/* A column that cannot be answered names what is missing; its neighbours are still answered. Both phases. */
static void missing_data_leaves_a_reason_in_its_column(void **state) {
  slip_compare_job job = job_of("llama-3.1-8b");
  slip_compare_system in[2] = {{.system = system_of("kunlun-p800-8")}, {.system = system_of("hgx-h20")}};
  slip_compare_column out[2];
  assert_int_equal(slip_compare(&job, in, 2, NULL, NULL, NULL, out, NULL), SLIP_OK);
  assert_non_null(strstr(out[0].train_why, "bf16_tflops"));
  assert_non_null(strstr(out[0].serve_why, "bf16_tflops"));
  assert_true(isnan(out[0].peak_bf16_flops.value));
  assert_non_null(strstr(out[0].peak_bf16_flops.why, "bf16_tflops"));
  assert_true(isnan(out[0].power_w.value));
  assert_non_null(strstr(out[0].power_w.why, "power_kw"));
  assert_string_equal(out[1].train_why, "");
  assert_string_equal(out[1].serve_why, "");
}

static void what_does_not_fit_leaves_a_reason_too(void **state) {
  slip_compare_job job = job_of("llama-3.1-405b");
  job.min_chips = 8, job.tpot_s = 0.02;
  slip_compare_column c = column_of(&job, "hgx-a100");
  assert_non_null(strstr(c.train_why, "none of"));
  assert_true(c.serve_why[0] != '\0');
}

/* Without a power price nothing but the money is missing: NULL region. */
static void without_a_region_there_is_no_money(void **state) {
  slip_compare_job job = job_of("llama-3.1-8b");
  job.terms.region = NULL;
  job.train = false;
  slip_compare_column c = column_of(&job, "hgx-h200");
  assert_true(isnan(c.serve_usd_per_mtoken.value));
  assert_non_null(strstr(c.serve_usd_per_mtoken.why, "region"));
  assert_true(c.serve.output_tokens_per_s_per_chip > 0);
}

static void a_model_without_a_token_budget_has_no_days(void **state) {
  slip_compare_job job = job_of("llama-3.1-8b");
  slip_model model = *job.model;
  model.train_tokens = NAN;
  job.model = &model, job.serve = false;
  slip_compare_column c = column_of(&job, "hgx-h200");
  assert_true(isnan(c.train_days.value));
  assert_non_null(strstr(c.train_days.why, "budget"));
  job.train_tokens = 1e12;
  c = column_of(&job, "hgx-h200");
  close_to(c.train_days.value, 1e12 / c.train.tokens_per_s / 86400);
}

typedef struct steps {
  int calls;
  double last;
} steps;

static void count_steps(double share, void *context) {
  steps *s = context;
  assert_true(share > s->last && share <= 1);
  s->last = share;
  s->calls++;
}

static void progress_is_told_after_each_half_column(void **state) {
  slip_compare_job job = job_of("llama-3.1-8b");
  slip_compare_system in[2] = {{.system = system_of("hgx-h200")}, {.system = system_of("hgx-h20")}};
  slip_compare_column out[2];
  steps s = {0, 0};
  assert_int_equal(slip_compare(&job, in, 2, NULL, count_steps, &s, out, NULL), SLIP_OK);
  assert_int_equal(s.calls, 4);
  close_to(s.last, 1);
}

static void bad_arguments_end_the_whole(void **state) {
  slip_compare_job job = job_of("llama-3.1-8b");
  slip_compare_system in = {.system = system_of("hgx-h200")};
  slip_compare_column out;
  assert_int_equal(slip_compare(&job, &in, 0, NULL, NULL, NULL, &out, NULL), SLIP_BAD_INPUT);
  job.min_chips = 0;
  assert_int_equal(slip_compare(&job, &in, 1, NULL, NULL, NULL, &out, NULL), SLIP_BAD_INPUT);
  job = job_of("llama-3.1-8b");
  job.model = NULL;
  assert_int_equal(slip_compare(&job, &in, 1, NULL, NULL, NULL, &out, NULL), SLIP_BAD_INPUT);
  job = job_of("llama-3.1-8b");
  job.isl = 0;
  slip_error err = {.message = ""};
  assert_int_equal(slip_compare(&job, &in, 1, NULL, NULL, NULL, &out, &err), SLIP_BAD_INPUT);
  assert_string_equal(err.field, "isl");
}

static void the_two_main_bounds_are_named_with_their_shares(void **state) {
  double parts[SLIP_PARTS] = {0};
  char text[64];
  assert_true(slip_bound_text(parts, text, sizeof text) > 0);
  assert_string_equal(text, "nothing");
  parts[SLIP_PART_EXPERTS] = 3, parts[SLIP_PART_EP] = 7;
  slip_bound_text(parts, text, sizeof text);
  assert_string_equal(text, "all-to-all 70%, grouped GEMM 30%");
  parts[SLIP_PART_EP] = 0;
  slip_bound_text(parts, text, sizeof text);
  assert_true(strncmp(text, "grouped GEMM 100%", 17) == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_column_is_what_the_parts_say_alone),
      cmocka_unit_test(dollars_per_million_tokens_by_hand),
      cmocka_unit_test(clusters_are_whole_systems),
      cmocka_unit_test(missing_data_leaves_a_reason_in_its_column),
      cmocka_unit_test(what_does_not_fit_leaves_a_reason_too),
      cmocka_unit_test(without_a_region_there_is_no_money),
      cmocka_unit_test(a_model_without_a_token_budget_has_no_days),
      cmocka_unit_test(progress_is_told_after_each_half_column),
      cmocka_unit_test(bad_arguments_end_the_whole),
      cmocka_unit_test(the_two_main_bounds_are_named_with_their_shares),
  };
  return cmocka_run_group_tests(tests, jobs_open, jobs_close);
}
