/* slipstick train MODEL SYSTEM --chips N: one training job, with the best plan or with a given one. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "report/estimate.h"
#include "report/timeline.h"

typedef struct run {
  slip_train_job job;
  slip_train *train;
  slip_train_result result;
  slip_search_stats stats;
  slip_stack observed_stack;
  slip_lesson lesson;
  bool searched, has_result, has_memory;
  slip_why *why;
  size_t n_why;
} run;

static slip_status read_job(cli_session *session, slip_train_job *job, slip_error *err) {
  const cli_options *o = session->options;
  size_t used = 0;
  slip_status status = SLIP_OK;
  *job = slip_train_job_default();
  SLIP_TRY(cli_open_catalog(session, err));
  SLIP_TRY(cli_model(session, &job->model, &used, err));
  if (o->n_positional != used + 1)
    SLIP_FAIL(err, SLIP_BAD_INPUT, "train takes %s; see slipstick help train",
              o->model != NULL ? "one SYSTEM beside --model" : "MODEL and SYSTEM");
  SLIP_TRY(slip_catalog_system(session->catalog, o->positional[used], &job->system, err));
  if (o->chips == 0 && o->clusters == NULL)
    SLIP_FAIL(err, SLIP_BAD_INPUT, "--chips N is needed: how many chips train?");
  SLIP_TRY(cli_stack(session, job->system->chip, true, &job->stack, err));
  job->chips = o->chips > 0 ? o->chips : 1; /* --clusters says which */
  job->seq = o->seq > 0 ? o->seq : job->seq;
  job->document = o->document;
  job->capacity = o->capacity;
  job->masked = o->masked;
  job->batch = o->batch > 0 ? o->batch : job->batch;
  job->dtype = o->dtype < SLIP_DTYPES ? o->dtype : job->dtype;
  job->mtp = !o->no_mtp;
cleanup:
  return status;
}

/* The given plan, or the best one. A plan that does not fit still leaves its memory account. */
static slip_status estimate(cli_session *session, run *r, slip_error *err) {
  slip_status status = SLIP_OK;
  if (session->options->observed != NULL)
    SLIP_TRY(cli_observe_train(session, &r->job, &r->observed_stack, &r->lesson, err));
  SLIP_TRY(slip_train_open(&r->job, &r->train, err));
  if (session->options->plan != NULL) {
    slip_plan plan = slip_plan_default();
    SLIP_TRY(slip_plan_parse(session->options->plan, &plan, err));
    SLIP_TRY(slip_train_check(r->train, &plan, err));
    status = slip_train_estimate(r->train, &plan, &r->result, err);
    r->has_memory = status == SLIP_INFEASIBLE && r->result.memory.total > 0;
  } else {
    slip_train_space space;
    SLIP_TRY(cli_train_space(session, r->train, &space, err));
    const slip_search_watch watch = cli_watch(session);
    r->searched = true;
    status = slip_train_search(r->train, &space, &watch, &r->result, &r->job.chips, &r->stats, err);
    cli_progress_end();
    if (session->options->formats && r->result.step_s > 0)
      r->job.dtype = r->result.dtype;
    if (status == SLIP_INTERRUPTED && r->result.step_s > 0)
      status = SLIP_OK; /* the best so far */
  }
  r->has_result = status == SLIP_OK;
  if (r->has_result && session->options->explain)
    status = slip_train_explain(r->train, &r->result.plan, &r->why, &r->n_why, err);
cleanup:
  return status;
}

static bool to_file(const char *bytes, size_t n, void *context) {
  return fwrite(bytes, 1, n, context) == n;
}

static slip_status write_timeline(cli_session *session, const run *r, slip_error *err) {
  const char *path = session->options->timeline;
  FILE *file = fopen(path, "wb");
  if (file == NULL)
    return slip_fail(err, SLIP_IO_FAILURE, "%s cannot be written: %s", path, strerror(errno));
  slip_text title = {0};
  slip_text_printf(&title, "%s on %s", r->job.model->entry.title, r->job.system->entry.title);
  slip_status status =
      slip_report_timeline(r->train, &r->result.plan, title.failed ? "" : title.data, to_file, file, err);
  slip_text_free(&title);
  errno = 0;
  const bool closed = fclose(file) == 0;
  if (status == SLIP_IO_FAILURE || (status == SLIP_OK && !closed))
    status = slip_fail(err, SLIP_IO_FAILURE, "%s could not be written whole%s%s", path, errno != 0 ? ": " : "",
                       errno != 0 ? strerror(errno) : "");
  if (status == SLIP_OK && !session->options->json)
    slip_text_printf(&session->notes, "slipstick: wrote %s; open it with ui.perfetto.dev or chrome://tracing\n",
                     path);
  return status;
}

static void write_json(cli_session *session, const run *r, slip_status status, const slip_error *err) {
  slip_json *json = &session->json;
  cli_json_begin(session, "train");
  slip_json_string(json, "model", r->job.model->entry.name);
  slip_json_string(json, "system", r->job.system->entry.name);
  slip_json_string(json, "stack", r->job.stack->entry.name);
  slip_json_int(json, "chips", r->job.chips);
  slip_json_int(json, "seq", r->job.seq);
  if (r->job.document > 0)
    slip_json_int(json, "document", r->job.document);
  if (r->job.capacity > 0) {
    slip_json_double(json, "capacity", r->job.capacity);
    slip_json_bool(json, "masked", r->job.masked);
  }
  slip_json_int(json, "batch", r->job.batch);
  slip_json_string(json, "dtype_wanted", slip_dtype_name(r->job.dtype));
  if (r->has_result) {
    slip_json_train(json, "result", &r->result);
  } else {
    slip_json_null(json, "result");
    if (status != SLIP_OK)
      cli_json_why(session, err);
    if (r->has_memory)
      slip_json_train_memory(json, "memory_bytes", &r->result.memory);
  }
  if (r->lesson.measured > 0)
    cli_json_lesson(session, &r->lesson);
  cli_note_stopped(session);
  if (r->searched)
    slip_json_search(json, "search", &r->stats);
  if (r->why != NULL)
    slip_json_why(json, "explain", r->why, r->n_why);
  cli_json_end(session);
}

/* --pareto and --why-not have answers of their own. */
static slip_status other_answer(cli_session *session, run *r, slip_error *err) {
  const cli_options *o = session->options;
  slip_status status = SLIP_OK;
  if (o->pareto && o->why_not != NULL)
    SLIP_FAIL(err, SLIP_BAD_INPUT, "--pareto and --why-not exclude each other");
  if (o->plan != NULL || o->explain || o->timeline != NULL || o->observed != NULL)
    SLIP_FAIL(err, SLIP_BAD_INPUT, "--%s goes without --plan, --explain, --timeline and --observed",
              o->pareto ? "pareto" : "why-not");
  SLIP_TRY(slip_train_open(&r->job, &r->train, err));
  status = o->pareto ? cli_train_front(session, r->train, err) : cli_train_why_not(session, r->train, err);
cleanup:
  slip_train_free(r->train);
  return status;
}

slip_status cli_train(cli_session *session, slip_error *err) {
  run r = {0};
  slip_status status = read_job(session, &r.job, err);
  if (status != SLIP_OK)
    return status;
  if (session->options->pareto || session->options->why_not != NULL)
    return other_answer(session, &r, err);
  SLIP_TRY(estimate(session, &r, err));
  if (session->options->timeline != NULL)
    SLIP_TRY(write_timeline(session, &r, err));
cleanup:
  if (session->options->json && (status == SLIP_OK || cli_is_answer(status))) {
    write_json(session, &r, status, err);
  } else if (status == SLIP_OK) {
    const slip_train_report report = {&r.job, &r.result, r.searched ? &r.stats : NULL};
    cli_note_stopped(session);
    if (r.lesson.measured > 0)
      cli_note_lesson(session, &r.lesson);
    slip_report_train(&report, &session->style, &session->out);
    if (r.why != NULL) {
      slip_text_add(&session->out, "\n");
      slip_report_why(r.why, r.n_why, &session->style, &session->out);
    }
  } else if (r.has_memory) {
    slip_report_train_memory(&r.result.memory, &session->style, &session->out);
  }
  slip_why_free(r.why);
  slip_train_free(r.train);
  return status;
}
