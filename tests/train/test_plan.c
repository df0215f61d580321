/* The training plan: its text form, and every rule of legality with the plan that breaks it. */
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

/* ---- text ---- */

static void the_default_plan_is_one_of_everything(void **state) {
  slip_plan p = slip_plan_default();
  char text[200];
  slip_plan_format(&p, text, sizeof text);
  assert_string_equal(text, "tp=1,pp=1,dp=0,mbs=1");
  assert_int_equal(p.sharding, SLIP_SHARD_OPTIMIZER);
  assert_int_equal(p.schedule, SLIP_1F1B);
  assert_int_equal(p.recompute, SLIP_RECOMPUTE_NONE);
}

static void every_key_is_read_in_any_order_with_spaces(void **state) {
  slip_plan p = plan_of(
      " recompute=full, mbs=2 ,sharding=gradients,schedule=zero-bubble,etp=2,ep=8,cp=4,dp=16,vpp=3,pp=5,tp=8");
  assert_int_equal(p.tp, 8);
  assert_int_equal(p.pp, 5);
  assert_int_equal(p.vpp, 3);
  assert_int_equal(p.dp, 16);
  assert_int_equal(p.cp, 4);
  assert_int_equal(p.ep, 8);
  assert_int_equal(p.etp, 2);
  assert_int_equal(p.micro_batch, 2);
  assert_int_equal(p.schedule, SLIP_ZERO_BUBBLE);
  assert_int_equal(p.sharding, SLIP_SHARD_GRADIENTS);
  assert_int_equal(p.recompute, SLIP_RECOMPUTE_FULL);
}

/* ZeRO's stages by number: 0 none, 1 optimizer, 2 gradients, 3 weights. */
static void sharding_may_be_given_as_a_zero_stage(void **state) {
  assert_int_equal(plan_of("sharding=0").sharding, SLIP_SHARD_NONE);
  assert_int_equal(plan_of("sharding=3").sharding, SLIP_SHARD_WEIGHTS);
}

static bool same_plan(const slip_plan *a, const slip_plan *b) {
  return a->tp == b->tp && a->pp == b->pp && a->vpp == b->vpp && a->dp == b->dp && a->cp == b->cp &&
         a->ep == b->ep && a->etp == b->etp && a->micro_batch == b->micro_batch && a->schedule == b->schedule &&
         a->sharding == b->sharding && a->recompute == b->recompute && a->recompute_layers == b->recompute_layers &&
         a->no_sequence_parallel == b->no_sequence_parallel && a->exposed == b->exposed;
}

static void what_is_written_reads_back_as_the_same_plan(void **state) {
  for (int i = 0; i < SLIP_SCHEDULES * SLIP_SHARDINGS * SLIP_RECOMPUTES; i++) {
    slip_plan p = {.tp = 1 + i % 3,
                   .pp = 1 + i % 5,
                   .vpp = 1 + i % 2,
                   .dp = i % 7,
                   .cp = 1 + i % 4,
                   .ep = 1 + i % 6,
                   .etp = 1 + i % 2,
                   .micro_batch = 1 + i,
                   .schedule = (slip_schedule)(i % SLIP_SCHEDULES),
                   .sharding = (slip_sharding)(i / SLIP_SCHEDULES % SLIP_SHARDINGS),
                   .recompute = (slip_recompute)(i / SLIP_SCHEDULES / SLIP_SHARDINGS)};
    char text[200];
    int length = slip_plan_format(&p, text, sizeof text);
    assert_int_equal(length, strlen(text));
    slip_plan back = plan_of(text);
    assert_true(same_plan(&p, &back));
  }
}

static void a_small_buffer_is_filled_and_terminated(void **state) {
  slip_plan p = plan_of("tp=8,pp=16");
  char text[6] = "xxxxx";
  assert_int_equal(slip_plan_format(&p, text, sizeof text), strlen("tp=8,pp=16,dp=0,mbs=1"));
  assert_string_equal(text, "tp=8,");
  assert_int_equal(slip_plan_format(&p, NULL, 0), strlen("tp=8,pp=16,dp=0,mbs=1"));
}

static void bad_text_names_the_key_and_what_is_legal(void **state) {
  static const struct {
    const char *text, *field, *says;
  } bad[] = {
      {"tp=0", "tp", "1"},
      {"tp=-1", "tp", "whole number"},
      {"pp=two", "pp", "whole number"},
      {"tp=1.5", "tp", "whole number"},
      {"ep=99999999999999999999", "ep", "whole number"},
      {"mbs=16777217", "mbs", "16777216"},
      {"tp=2,pp=2,tp=4", "tp", "twice"},
      {"schedule=1f1b,schedule=1f1b", "schedule", "twice"},
      {"schedule=gpipe", "schedule", "1f1b, zero-bubble, dualpipe"},
      {"sharding=4", "sharding", "none, optimizer, gradients, weights"},
      {"recompute=some", "recompute", "none, selective, full"},
      {"zero=1", "zero", "tp pp vpp dp cp ep etp mbs schedule sharding recompute recompute_layers sp overlap"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    slip_plan p = {.tp = 77};
    slip_error err = {.message = ""};
    assert_int_equal(slip_plan_parse(bad[i].text, &p, &err), SLIP_BAD_INPUT);
    assert_int_equal(p.tp, 77); /* untouched */
    assert_string_equal(err.field, bad[i].field);
    if (!strstr(err.message, bad[i].says))
      fail_msg("%s: '%s' does not say '%s'", bad[i].text, err.message, bad[i].says);
  }
  static const char *const broken[] = {"tp", "tp=", "=8", "tp=8,,pp=2", "tp=8;pp=2"};
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
    slip_plan p;
    if (slip_plan_parse(broken[i], &p, NULL) != SLIP_BAD_INPUT)
      fail_msg("'%s' is accepted", broken[i]);
  }
}

/* ---- legality ---- */

static slip_model_file *dense, *moe;
static slip_system toy;
static slip_stack stack;

static int open_toys(void **state) {
  dense = model_from(SMALL_DENSE);
  moe = model_from(SMALL_MOE);
  toy = toy_system();
  stack = toy_stack();
  return 0;
}

static int close_toys(void **state) {
  slip_model_free(dense);
  slip_model_free(moe);
  return 0;
}

static slip_train *open_job(const slip_model_file *model, int64_t chips, int64_t seq, int64_t batch) {
  slip_train_job job = slip_train_job_default();
  job.model = slip_model_of(model), job.system = &toy, job.stack = &stack;
  job.chips = chips, job.seq = seq, job.batch = batch;
  return train_open(&job);
}

static void every_illegal_plan_is_refused_with_its_rule(void **state) {
  static const struct {
    bool moe;
    int64_t chips, seq, batch;
    const char *plan, *rule;
  } cases[] = {
      {false, 8, 2048, 64, "tp=16", "needs more than the 8 ranks"},
      {false, 8, 2048, 64, "tp=3", "is not the 8 ranks"}, /* dp cannot be filled in */
      {false, 8, 2048, 64, "tp=2,pp=2,dp=4", "is not the 8 ranks"},
      {false, 8, 2048, 60, "tp=1,mbs=2", "does not divide the batch of 60"},
      {false, 8, 2048, 4, "tp=8,mbs=8", "does not divide the batch of 4"},
      {false, 8, 2050, 64, "cp=2", "2 x cp = 4 does not divide the sequence of 2050"},
      {false, 8, 2049, 64, "tp=2", "does not divide the 2049 tokens"},
      {false, 32, 2048, 64, "tp=32", "does not divide the 16 attention heads"},
      {false, 8, 2048, 64, "ep=2", "need a mixture-of-experts model"},
      {false, 16, 2048, 64, "pp=16", "chunks, but"},
      {false, 16, 2048, 64, "pp=4,vpp=4", "16 chunks"},
      {false, 8, 2048, 64, "vpp=2", "needs a pipeline"},
      {false, 8, 2048, 12, "pp=4,dp=2,vpp=2", "to be a multiple of pp=4"},
      {false, 8, 2048, 64, "schedule=zero-bubble", "needs pp > 1 and vpp = 1"},
      {false, 8, 2048, 64, "pp=4,vpp=2,schedule=dualpipe", "needs pp > 1 and vpp = 1"},
      {false, 8, 2048, 12, "pp=4,dp=2,schedule=dualpipe", "at least 2 x pp = 8"},
      {false, 9, 2048, 36, "pp=3,dp=3,schedule=dualpipe", "even pp"},
      {false, 8, 2048, 64, "pp=2,sharding=weights", "use sharding=optimizer"},
      {true, 8, 2048, 64, "ep=3", "does not divide the 16 experts"},
      {true, 8, 2048, 64, "ep=16", "must divide tp x cp x dp = 8"},
      {true, 8, 2048, 64, "tp=2,etp=4", "must divide tp=2"},
      {true, 8, 2048, 64, "tp=8,etp=4,ep=4", "must divide tp x cp x dp = 8"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    slip_train *train = open_job(cases[i].moe ? moe : dense, cases[i].chips, cases[i].seq, cases[i].batch);
    slip_plan plan = plan_of(cases[i].plan);
    slip_error err = {.message = ""};
    slip_train_result result;
    slip_status status = slip_train_estimate(train, &plan, &result, &err);
    if (status != SLIP_INFEASIBLE || !strstr(err.message, cases[i].rule))
      fail_msg("%s: %s '%s', not '%s'", cases[i].plan, slip_status_name(status), err.message, cases[i].rule);
    slip_train_free(train);
  }
}

static void data_parallelism_is_what_is_left_of_the_ranks(void **state) {
  slip_train *train = open_job(dense, 32, 2048, 64);
  slip_plan plan = plan_of("tp=2,pp=2,cp=2");
  assert_int_equal(slip_train_check(train, &plan, NULL), SLIP_OK);
  assert_int_equal(plan.dp, 4);
  slip_train_free(train);
}

/* Ascend 910C: two dies a package, each a rank. */
static void a_package_of_two_dies_is_two_ranks(void **state) {
  toy_system_chip.ranks = 2;
  slip_train *train = open_job(dense, 8, 2048, 64);
  assert_int_equal(slip_train_ranks(train), 16);
  slip_plan plan = plan_of("tp=4");
  assert_int_equal(slip_train_check(train, &plan, NULL), SLIP_OK);
  assert_int_equal(plan.dp, 4);
  slip_train_free(train);
  toy_system_chip.ranks = 1;
}

static void a_job_out_of_range_is_refused_by_field(void **state) {
  slip_train_job job = slip_train_job_default();
  slip_train *train;
  slip_error err;
  assert_int_equal(slip_train_open(&job, &train, &err), SLIP_BAD_INPUT); /* no model */
  job.model = slip_model_of(dense), job.system = &toy, job.stack = &stack;
  assert_int_equal(slip_train_open(&job, &train, &err), SLIP_BAD_INPUT);
  assert_string_equal(err.field, "chips");
  job.chips = 8, job.seq = 0;
  assert_int_equal(slip_train_open(&job, &train, &err), SLIP_BAD_INPUT);
  assert_string_equal(err.field, "seq");
  job.seq = 1024, job.batch = -1;
  assert_int_equal(slip_train_open(&job, &train, &err), SLIP_BAD_INPUT);
  assert_string_equal(err.field, "batch");
  job.batch = 8, job.document = -1;
  assert_int_equal(slip_train_open(&job, &train, &err), SLIP_BAD_INPUT);
  assert_string_equal(err.field, "document");
  job.document = 0, job.dtype = SLIP_INT8;
  assert_int_equal(slip_train_open(&job, &train, &err), SLIP_BAD_INPUT);
  assert_string_equal(err.field, "dtype");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_default_plan_is_one_of_everything),
      cmocka_unit_test(every_key_is_read_in_any_order_with_spaces),
      cmocka_unit_test(sharding_may_be_given_as_a_zero_stage),
      cmocka_unit_test(what_is_written_reads_back_as_the_same_plan),
      cmocka_unit_test(a_small_buffer_is_filled_and_terminated),
      cmocka_unit_test(bad_text_names_the_key_and_what_is_legal),
      cmocka_unit_test(every_illegal_plan_is_refused_with_its_rule),
      cmocka_unit_test(data_parallelism_is_what_is_left_of_the_ranks),
      cmocka_unit_test(a_package_of_two_dies_is_two_ranks),
      cmocka_unit_test(a_job_out_of_range_is_refused_by_field),
  };
  return cmocka_run_group_tests(tests, open_toys, close_toys);
}
