/* The serving plan: its text form, and every rule of legality with the plan that breaks it. */
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

static void what_is_written_reads_back_as_the_same_plan(void **state) {
  static const char *const texts[] = {
      "tp=8",
      "tp=1,dp=320,ep=320,batch=15360",
      "tp=4,pp=2,dp=2,ep=8,chunk=4096",
      "tp=1,dp=32,ep=32,chunk=16384,disaggregate=yes",
      "",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    slip_serve_plan a = serve_plan_of(texts[i]);
    char text[200];
    int length = slip_serve_plan_format(&a, text, sizeof text);
    assert_int_equal(length, strlen(text));
    slip_serve_plan b = serve_plan_of(text);
    assert_int_equal(a.tp, b.tp);
    assert_int_equal(a.pp, b.pp);
    assert_int_equal(a.dp, b.dp);
    assert_int_equal(a.ep, b.ep);
    assert_int_equal(a.batch, b.batch);
    assert_int_equal(a.chunk, b.chunk);
    assert_int_equal(a.disaggregated, b.disaggregated);
  }
}

static void bad_text_names_the_key_and_what_is_legal(void **state) {
  static const struct {
    const char *text, *field, *says;
  } bad[] = {
      {"tp=0", "tp", "whole number from 1"},
      {"batch=-1", "batch", "whole number from 0"},
      {"ep=many", "ep", "whole number"},
      {"tp=2,tp=2", "tp", "twice"},
      {"disaggregate=maybe", "disaggregate", "yes or no"},
      {"vpp=2", "vpp", "tp pp dp ep batch chunk poll wait frontends instances disaggregate"},
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    slip_serve_plan p = {.tp = 77};
    slip_error err = {.message = ""};
    assert_int_equal(slip_serve_plan_parse(bad[i].text, &p, &err), SLIP_BAD_INPUT);
    assert_int_equal(p.tp, 77);
    assert_string_equal(err.field, bad[i].field);
    if (!strstr(err.message, bad[i].says))
      fail_msg("%s: '%s' does not say '%s'", bad[i].text, err.message, bad[i].says);
  }
}

static void every_illegal_plan_is_refused_with_its_rule(void **state) {
  static const struct {
    const char *model, *system;
    int64_t chips;
    const char *plan, *rule;
  } cases[] = {
      {"llama-3.1-70b", "hgx-h200", 0, "dp=2", "need a mixture-of-experts model"},
      {"llama-3.1-70b", "hgx-h200", 0, "tp=3", "does not divide the 64 attention heads"},
      {"llama-3.1-70b", "hgx-h200", 4, "tp=8", "needs 8 chips; the fleet has 4"},
      {"llama-3.1-70b", "hgx-h200", 0, "tp=1,pp=128", "exceeds the 80 layers"},
      {"deepseek-v3", "hgx-h200", 0, "tp=8,ep=3", "must divide tp x dp = 8"},
      {"deepseek-v3", "hgx-h200", 0, "tp=1,dp=1024,ep=1024", "more than twice the 256 experts"},
      {"deepseek-v3", "hgx-h200", 0, "tp=8,dp=3,ep=8", "does not divide their width 2048"},
      {"llama-3.1-8b", "cloudmatrix384", 0, "tp=1", "not a whole number of chips of 2 ranks"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    slip_serve_job job = serve_job_of(cases[i].model, cases[i].system, "prior-serve");
    job.chips = cases[i].chips;
    slip_serve *serve = serve_open(&job);
    slip_serve_plan plan = serve_plan_of(cases[i].plan);
    slip_error err = {.message = ""};
    if (slip_serve_check(serve, &plan, &err) != SLIP_INFEASIBLE || !strstr(err.message, cases[i].rule))
      fail_msg("%s on %s: '%s', not '%s'", cases[i].plan, cases[i].system, err.message, cases[i].rule);
    slip_serve_result result;
    assert_int_equal(slip_serve_estimate(serve, &plan, NULL, NULL, &result, NULL), SLIP_INFEASIBLE);
    slip_serve_free(serve);
  }
}

static void a_job_out_of_range_is_refused_by_field(void **state) {
  slip_serve_job good = serve_job_of("llama-3.1-8b", "hgx-h200", "prior-serve"), job;
  static const char *const fields[] = {"isl", "osl", "chips", "prefix_hit", "prefix_hit", "ttft", "tpot"};
  for (int i = 0; i < 7; i++) {
    job = good;
    switch (i) {
    case 0:
      job.isl = 0;
      break;
    case 1:
      job.osl = -5;
      break;
    case 2:
      job.chips = -1;
      break;
    case 3:
      job.prefix_hit = 1;
      break;
    case 4:
      job.prefix_hit = NAN;
      break;
    case 5:
      job.ttft_s = 0;
      break;
    default:
      job.tpot_s = NAN;
      break;
    }
    slip_serve *serve = NULL;
    slip_error err = {.message = ""};
    assert_int_equal(slip_serve_open(&job, &serve, &err), SLIP_BAD_INPUT);
    assert_string_equal(err.field, fields[i]);
    assert_null(serve);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_reads_back_as_the_same_plan),
      cmocka_unit_test(bad_text_names_the_key_and_what_is_legal),
      cmocka_unit_test(every_illegal_plan_is_refused_with_its_rule),
      cmocka_unit_test(a_job_out_of_range_is_refused_by_field),
  };
  return cmocka_run_group_tests(tests, jobs_open, jobs_close);
}
