/* The trace of a step: what Perfetto reads, every forward and backward of every stage, streamed through a sink
 * that may refuse. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/doc.h"
#include "base/text.h"
#include "report/timeline.h"
#include <slipstick/train.h>

/* Llama 3.1 8B on 8 H200: 2 stages, 4 replicas, 16 micro-batches each. */
enum { STAGES = 2, MICRO_BATCHES = 16 };

typedef struct fixture {
  slip_catalog *catalog;
  slip_train *train;
  slip_plan plan;
} fixture;

static void set_up(fixture *f) {
  slip_error err;
  slip_train_job job = slip_train_job_default();
  assert_int_equal(slip_catalog_open(NULL, 0, &f->catalog, &err), SLIP_OK);
  assert_int_equal(slip_catalog_model(f->catalog, "llama-3.1-8b", &job.model, &err), SLIP_OK);
  assert_int_equal(slip_catalog_system(f->catalog, "hgx-h200", &job.system, &err), SLIP_OK);
  job.stack = slip_catalog_newest_stack(f->catalog, job.system->chip, true);
  job.chips = 8;
  job.batch = 4 * MICRO_BATCHES;
  assert_int_equal(slip_train_open(&job, &f->train, &err), SLIP_OK);
  f->plan = slip_plan_default();
  f->plan.pp = STAGES;
  assert_int_equal(slip_train_check(f->train, &f->plan, &err), SLIP_OK);
  assert_int_equal(f->plan.dp, 4);
}

static void tear_down(fixture *f) {
  slip_train_free(f->train);
  slip_catalog_free(f->catalog);
}

static bool keep(const char *bytes, size_t n, void *context) {
  slip_text_add_n(context, bytes, n);
  return true;
}

static bool refuse(const char *bytes, size_t n, void *context) {
  (void)bytes;
  (void)n;
  ++*(int *)context;
  return false;
}

static double number(const slip_node *map, const char *key) {
  double value = NAN;
  slip_error err;
  assert_int_equal(slip_node_double(slip_node_get(map, key), -INFINITY, INFINITY, &value, &err), SLIP_OK);
  return value;
}

static bool starts_with(const slip_node *event, const char *name) {
  return strncmp(slip_node_get(event, "name")->text, name, strlen(name)) == 0;
}

static void the_trace_holds_every_pass_of_every_stage(void **state) {
  fixture f;
  slip_text trace = {0};
  slip_error err;
  const slip_node *root = NULL;
  set_up(&f);
  assert_int_equal(slip_report_timeline(f.train, &f.plan, "a \"quoted\" title", keep, &trace, &err), SLIP_OK);
  slip_arena *arena = slip_arena_open();
  assert_int_equal(slip_doc_parse(arena, "trace", trace.data, trace.length, &root, &err), SLIP_OK);
  int forward = 0, backward = 0;
  for (const slip_node *e = slip_node_get(root, "traceEvents")->first; e != NULL; e = e->next) {
    if (strcmp(slip_node_get(e, "ph")->text, "X") != 0)
      continue;
    assert_true(number(e, "ts") >= 0 && number(e, "dur") >= 0);
    assert_true(number(e, "tid") >= 0 && number(e, "tid") < 2 * STAGES);
    forward += starts_with(e, "forward") ? 1 : 0;
    backward += starts_with(e, "backward") ? 1 : 0;
  }
  assert_int_equal(forward, STAGES * MICRO_BATCHES);
  assert_int_equal(backward, STAGES * MICRO_BATCHES);
  slip_arena_free(arena);
  slip_text_free(&trace);
  tear_down(&f);
}

static void a_sink_that_refuses_is_an_io_failure(void **state) {
  fixture f;
  slip_error err;
  int calls = 0;
  set_up(&f);
  assert_int_equal(slip_report_timeline(f.train, &f.plan, "t", refuse, &calls, &err), SLIP_IO_FAILURE);
  assert_int_equal(calls, 1); /* not asked again */
  tear_down(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_trace_holds_every_pass_of_every_stage),
      cmocka_unit_test(a_sink_that_refuses_is_an_io_failure),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
