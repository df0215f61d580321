/* slipstick serve MODEL SYSTEM: one serving job; prefill and decode may run on different systems. */
#include <math.h>
#include <string.h>

#include "cli/cli.h"
#include "report/estimate.h"

typedef struct run {
  slip_serve_job job, decode_job; /* decode_job only when two_systems */
  slip_serve *serve, *decode;
  bool two_systems;
  slip_serve_plan plan, decode_plan;
  slip_serve_result result;
  slip_search_stats stats;
  slip_stack observed_stack;
  slip_lesson lesson;
  bool searched, has_result;
  slip_why *why[2]; /* prefill, decode */
  size_t n_why[2];
} run;

/* Which system prefills and which decodes: SYSTEM stands for whichever is not named by an option. */
static slip_status read_systems(cli_session *session, size_t used, run *r, slip_error *err) {
  const cli_options *o = session->options;
  const bool both = o->prefill_system != NULL && o->decode_system != NULL;
  const size_t want = used + (both ? 0 : 1);
  if (o->n_positional != want)
    return slip_fail(err, SLIP_BAD_INPUT, "serve takes %s%s%s; see slipstick help serve",
                     o->model != NULL ? "" : "MODEL", o->model != NULL || both ? "" : " and ",
                     both ? "" : "SYSTEM");
  const char *named = both ? NULL : o->positional[used];
  slip_status status = SLIP_OK;
  SLIP_TRY(slip_catalog_system(session->catalog, o->prefill_system != NULL ? o->prefill_system : named,
                               &r->job.system, err));
  SLIP_TRY(slip_catalog_system(session->catalog, o->decode_system != NULL ? o->decode_system : named,
                               &r->decode_job.system, err));
  r->two_systems = r->job.system != r->decode_job.system;
  if (r->two_systems && o->aggregate)
    SLIP_FAIL(err, SLIP_BAD_INPUT, "--aggregate cannot be had with two systems");
cleanup:
  return status;
}

static slip_status read_job(cli_session *session, run *r, slip_error *err) {
  const cli_options *o = session->options;
  size_t used = 0;
  slip_status status = SLIP_OK;
  slip_serve_job *job = &r->job;
  *job = r->decode_job = slip_serve_job_default();
  if (o->aggregate && o->disaggregate)
    SLIP_FAIL(err, SLIP_BAD_INPUT, "--aggregate and --disaggregate exclude each other");
  if (o->decode_plan != NULL && (o->plan == NULL || o->aggregate))
    SLIP_FAIL(err, SLIP_BAD_INPUT, "--decode-plan needs --plan for the prefill pool, and excludes --aggregate");
  SLIP_TRY(cli_open_catalog(session, err));
  SLIP_TRY(cli_model(session, &job->model, &used, err));
  SLIP_TRY(read_systems(session, used, r, err));
  SLIP_TRY(cli_stack(session, job->system->chip, false, &job->stack, err));
  job->chips = o->chips;
  job->isl = o->isl > 0 ? o->isl : job->isl;
  job->osl = o->osl > 0 ? o->osl : job->osl;
  job->prefix_hit = isnan(o->prefix_hit) ? job->prefix_hit : o->prefix_hit;
  job->ttft_s = isnan(o->ttft_s) ? job->ttft_s : o->ttft_s;
  job->tpot_s = isnan(o->tpot_s) ? job->tpot_s : o->tpot_s;
  job->attention = o->attention;
  job->weights = o->weights < SLIP_DTYPES ? o->weights : job->weights;
  job->kv = o->kv < SLIP_DTYPES ? o->kv : job->kv;
  job->speculate = job->speculate && !o->no_mtp;
  const slip_system *decode_system = r->decode_job.system;
  r->decode_job = *job;
  r->decode_job.system = decode_system;
  if (r->two_systems)
    SLIP_TRY(cli_stack(session, decode_system->chip, false, &r->decode_job.stack, err));
cleanup:
  return status;
}

static slip_status read_plans(const cli_options *o, run *r, slip_error *err) {
  slip_status status = SLIP_OK;
  r->plan = slip_serve_plan_default();
  SLIP_TRY(slip_serve_plan_parse(o->plan, &r->plan, err));
  r->plan.disaggregated =
      !o->aggregate && (r->plan.disaggregated || o->disaggregate || o->decode_plan != NULL || r->two_systems);
  r->plan.batch = o->batch > 0 ? o->batch : r->plan.batch;
  r->decode_plan = r->plan;
  if (o->decode_plan != NULL) {
    r->decode_plan = slip_serve_plan_default();
    SLIP_TRY(slip_serve_plan_parse(o->decode_plan, &r->decode_plan, err));
    r->decode_plan.batch = o->batch > 0 ? o->batch : r->decode_plan.batch;
    r->decode_plan.disaggregated = true;
    r->plan.batch = 0; /* --batch is of decode */
  }
cleanup:
  return status;
}

/* The best way; drafting may be off in it, and the fleet another: then the jobs are opened again, for what explains them. */
static slip_status take_best(run *r, const slip_serve_point *best, slip_error *err) {
  slip_status status = SLIP_OK;
  r->result = best->result;
  if (best->chips == r->job.chips && (best->speculates || !r->job.speculate))
    return SLIP_OK;
  r->job.chips = r->decode_job.chips = best->chips;
  r->job.speculate = r->decode_job.speculate = r->job.speculate && best->speculates;
  slip_serve_free(r->serve);
  slip_serve_free(r->decode);
  r->serve = r->decode = NULL;
  SLIP_TRY(slip_serve_open(&r->job, &r->serve, err));
  if (r->two_systems)
    SLIP_TRY(slip_serve_open(&r->decode_job, &r->decode, err));
cleanup:
  return status;
}

static slip_status search(cli_session *session, run *r, slip_error *err) {
  slip_serve_space space;
  slip_serve_point best = {.chips = 0};
  slip_status status = cli_serve_space(session, r->serve, &space, err);
  if (status != SLIP_OK)
    return status;
  const slip_search_watch watch = cli_watch(session);
  r->searched = true;
  status = slip_serve_search(r->serve, r->two_systems ? r->decode : NULL, &space, &watch, &best, &r->stats, err);
  cli_progress_end();
  if (status == SLIP_OK || (status == SLIP_INTERRUPTED && best.result.output_tokens_per_s_per_chip > 0))
    status = take_best(r, &best, err);
  return status;
}

/* The typical step of each pool. */
static slip_status explain(run *r, slip_error *err) {
  const slip_pool *pools[2] = {&r->result.prefill, &r->result.decode};
  slip_status status = SLIP_OK;
  for (int i = 0; i < 2; i++)
    SLIP_TRY(slip_serve_explain(i == 1 && r->two_systems ? r->decode : r->serve, &pools[i]->plan, &pools[i]->work,
                                &r->why[i], &r->n_why[i], err));
cleanup:
  return status;
}

static slip_status estimate(cli_session *session, run *r, slip_error *err) {
  slip_status status = SLIP_OK;
  if (session->options->observed != NULL && r->two_systems)
    SLIP_FAIL(err, SLIP_BAD_INPUT, "--observed is of one stack; it cannot be told apart on two systems");
  if (session->options->observed != NULL)
    SLIP_TRY(cli_observe_serve(session, &r->job, &r->observed_stack, &r->lesson, err));
  SLIP_TRY(slip_serve_open(&r->job, &r->serve, err));
  if (r->two_systems)
    SLIP_TRY(slip_serve_open(&r->decode_job, &r->decode, err));
  if (session->options->plan != NULL) {
    SLIP_TRY(read_plans(session->options, r, err));
    SLIP_TRY(slip_serve_estimate(r->serve, &r->plan, r->two_systems ? r->decode : r->serve, &r->decode_plan,
                                 &r->result, err));
  } else {
    SLIP_TRY(search(session, r, err));
  }
  r->has_result = true;
  if (session->options->explain)
    SLIP_TRY(explain(r, err));
cleanup:
  return status;
}

static void write_json(cli_session *session, const run *r, slip_status status, const slip_error *err) {
  slip_json *json = &session->json;
  const slip_serve_job *job = &r->job;
  cli_json_begin(session, "serve");
  slip_json_string(json, "model", job->model->entry.name);
  slip_json_string(json, "system", job->system->entry.name);
  slip_json_string(json, "decode_system", r->decode_job.system->entry.name);
  slip_json_string(json, "stack", job->stack->entry.name);
  slip_json_string(json, "decode_stack", r->decode_job.stack->entry.name);
  slip_json_int(json, "chips", job->chips);
  slip_json_int(json, "isl", job->isl);
  slip_json_int(json, "osl", job->osl);
  slip_json_double(json, "prefix_hit", job->prefix_hit);
  slip_json_double(json, "ttft_objective_s", job->ttft_s); /* null: none */
  slip_json_double(json, "tpot_objective_s", job->tpot_s);
  if (r->has_result) {
    slip_json_string(json, "weights", slip_dtype_name(slip_serve_weights(r->serve)));
    slip_json_string(json, "compute", slip_dtype_name(slip_serve_compute(r->serve)));
    slip_json_string(json, "kv", slip_dtype_name(slip_serve_kv(r->serve)));
    const slip_serve *decode = r->two_systems ? r->decode : r->serve;
    slip_json_string(json, "decode_weights", slip_dtype_name(slip_serve_weights(decode)));
    slip_json_string(json, "decode_compute", slip_dtype_name(slip_serve_compute(decode)));
    slip_json_string(json, "decode_kv", slip_dtype_name(slip_serve_kv(decode)));
    slip_json_serve(json, "result", &r->result);
  } else {
    slip_json_null(json, "result");
    if (status != SLIP_OK)
      cli_json_why(session, err);
  }
  if (r->lesson.measured > 0)
    cli_json_lesson(session, &r->lesson);
  cli_note_stopped(session);
  if (r->searched)
    slip_json_search(json, "search", &r->stats);
  if (r->why[1] != NULL) {
    slip_json_why(json, "explain_prefill", r->why[0], r->n_why[0]);
    slip_json_why(json, "explain_decode", r->why[1], r->n_why[1]);
  }
  cli_json_end(session);
}

static void write_text(cli_session *session, const run *r) {
  const slip_serve *decode = r->two_systems ? r->decode : r->serve;
  const slip_serve_report report = {.job = &r->job,
                                    .decode_job = r->two_systems ? &r->decode_job : NULL,
                                    .weights = slip_serve_weights(r->serve),
                                    .compute = slip_serve_compute(r->serve),
                                    .kv = slip_serve_kv(r->serve),
                                    .decode_weights = slip_serve_weights(decode),
                                    .decode_compute = slip_serve_compute(decode),
                                    .decode_kv = slip_serve_kv(decode),
                                    .result = &r->result,
                                    .stats = r->searched ? &r->stats : NULL};
  if (r->lesson.measured > 0)
    cli_note_lesson(session, &r->lesson);
  cli_note_stopped(session);
  slip_report_serve(&report, &session->style, &session->out);
  static const char *const titles[2] = {"\none prompt's prefill\n",
                                        "\none decode step, half of the output written\n"};
  for (int i = 0; i < 2; i++) {
    if (r->why[i] == NULL)
      continue;
    slip_text_add(&session->out, titles[i]);
    slip_report_why(r->why[i], r->n_why[i], &session->style, &session->out);
  }
}

/* --pareto and --why-not have answers of their own. */
static slip_status other_answer(cli_session *session, run *r, slip_error *err) {
  const cli_options *o = session->options;
  slip_status status = SLIP_OK;
  if (o->pareto && o->why_not != NULL)
    SLIP_FAIL(err, SLIP_BAD_INPUT, "--pareto and --why-not exclude each other");
  if (o->plan != NULL || o->explain || o->observed != NULL)
    SLIP_FAIL(err, SLIP_BAD_INPUT, "--%s goes without --plan, --explain and --observed",
              o->pareto ? "pareto" : "why-not");
  if (o->why_not != NULL && r->two_systems)
    SLIP_FAIL(err, SLIP_BAD_INPUT, "--why-not is of a plan on one system");
  SLIP_TRY(slip_serve_open(&r->job, &r->serve, err));
  if (r->two_systems)
    SLIP_TRY(slip_serve_open(&r->decode_job, &r->decode, err));
  status = o->pareto ? cli_serve_front(session, r->serve, r->two_systems ? r->decode : NULL, err)
                     : cli_serve_why_not(session, r->serve, err);
cleanup:
  slip_serve_free(r->serve);
  slip_serve_free(r->decode);
  return status;
}

slip_status cli_serve(cli_session *session, slip_error *err) {
  run r = {0};
  slip_status status = read_job(session, &r, err);
  if (status != SLIP_OK)
    return status;
  if (session->options->pareto || session->options->why_not != NULL)
    return other_answer(session, &r, err);
  status = estimate(session, &r, err);
  if (session->options->json && (status == SLIP_OK || cli_is_answer(status)))
    write_json(session, &r, status, err);
  else if (status == SLIP_OK)
    write_text(session, &r);
  slip_why_free(r.why[0]);
  slip_why_free(r.why[1]);
  slip_serve_free(r.serve);
  slip_serve_free(r.decode);
  return status;
}
