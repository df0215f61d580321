/* slipstick compare MODEL SYSTEM...: the main job. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "cli/cli.h"
#include "report/estimate.h"

/* SYSTEM[:CHIPS][@REGION]; the other order will do as well. */
static slip_status read_system(const cli_session *session, const char *text, slip_compare_system *out,
                               slip_error *err) {
  slip_status status = SLIP_OK;
  const size_t length = strlen(text);
  char *name = slip_memory_resize(NULL, length + 1);
  if (name == NULL)
    return slip_no_memory(err);
  memcpy(name, text, length + 1);
  char *region = strchr(name, '@'), *chips = strchr(name, ':');
  if (region != NULL)
    *region++ = '\0';
  if (chips != NULL)
    *chips++ = '\0';
  SLIP_TRY(slip_catalog_system(session->catalog, name, &out->system, err));
  if (chips != NULL && (!slip_parse_int(chips, &out->chips) || out->chips < 1 || out->chips > 10000000))
    SLIP_FAIL(err, SLIP_BAD_INPUT, "%s: the chips after ':' are a whole number from 1 to 10000000, not '%s'", text,
              chips);
  if (region != NULL)
    SLIP_TRY(slip_catalog_region(session->catalog, region, &out->region, err));
cleanup:
  free(name);
  return status;
}

static slip_status read_job(cli_session *session, slip_compare_job *job, slip_compare_system *systems, size_t *n,
                            slip_error *err) {
  const cli_options *o = session->options;
  slip_status status = SLIP_OK;
  size_t used = 0;
  *job = slip_compare_job_default();
  if (o->aggregate && o->disaggregate)
    SLIP_FAIL(err, SLIP_BAD_INPUT, "--aggregate and --disaggregate exclude each other");
  SLIP_TRY(cli_open_catalog(session, err));
  SLIP_TRY(cli_model(session, &job->model, &used, err));
  if (o->n_positional <= used)
    SLIP_FAIL(err, SLIP_BAD_INPUT, "compare which systems? Names of `slipstick list systems`");
  for (size_t i = used; i < o->n_positional; i++)
    SLIP_TRY(read_system(session, o->positional[i], &systems[i - used], err));
  *n = o->n_positional - used;
  SLIP_TRY(cli_terms(session, &job->terms, err));
  job->catalog = session->catalog;
  job->train = o->train || !o->serve;
  job->serve = o->serve || !o->train;
  job->min_chips = o->chips > 0 ? o->chips : job->min_chips;
  job->seq = o->seq > 0 ? o->seq : job->seq;
  job->batch = o->batch > 0 ? o->batch : job->batch;
  job->train_dtype = o->dtype < SLIP_DTYPES ? o->dtype : job->train_dtype;
  job->train_tokens = isnan(o->train_tokens) ? job->train_tokens : o->train_tokens;
  job->isl = o->isl > 0 ? o->isl : job->isl;
  job->osl = o->osl > 0 ? o->osl : job->osl;
  job->ttft_s = isnan(o->ttft_s) ? job->ttft_s : o->ttft_s;
  job->tpot_s = isnan(o->tpot_s) ? job->tpot_s : o->tpot_s;
  job->disaggregated = o->disaggregate ? 1 : o->aggregate ? 0 : -1;
cleanup:
  return status;
}

/* A stopped comparison leaves columns empty: what they lack says so. */
static size_t complete(const slip_compare_job *job, const slip_compare_system *systems,
                       slip_compare_column *columns, size_t n) {
  static const char stopped[] = "stopped before it was computed";
  size_t answered = 0;
  for (size_t i = 0; i < n; i++) {
    slip_compare_column *c = &columns[i];
    if (c->system == NULL) {
      slip_answer *answers[] = {&c->peak_bf16_flops, &c->power_w, &c->price_usd};
      for (size_t k = 0; k < sizeof answers / sizeof *answers; k++) {
        answers[k]->value = NAN;
        memcpy(answers[k]->why, stopped, sizeof stopped);
      }
      c->system = systems[i].system;
      c->chips = systems[i].chips;
    }
    if (job->train && c->train_why[0] == '\0' && !(c->train.step_s > 0))
      memcpy(c->train_why, stopped, sizeof stopped);
    if (job->serve && c->serve_why[0] == '\0' && !(c->serve.output_tokens_per_s_per_chip > 0))
      memcpy(c->serve_why, stopped, sizeof stopped);
    answered += (job->train && c->train_why[0] == '\0') || (job->serve && c->serve_why[0] == '\0') ? 1 : 0;
  }
  return answered;
}

/* No column has an answer: the whole has none, for the first column's reason. */
static slip_status no_answer(const slip_compare_job *job, const slip_compare_column *c, slip_error *err) {
  return slip_fail(err, SLIP_INFEASIBLE, "no system has an answer; %s: %s", c->system->entry.title,
                   job->train ? c->train_why : c->serve_why);
}

slip_status cli_compare(cli_session *session, slip_error *err) {
  slip_compare_job job;
  slip_compare_system systems[CLI_MAX_POSITIONAL] = {0};
  size_t n = 0;
  slip_status status = read_job(session, &job, systems, &n, err);
  if (status != SLIP_OK)
    return status;
  slip_compare_column *columns = slip_memory_resize(NULL, n * sizeof *columns);
  if (columns == NULL)
    return slip_no_memory(err);
  memset(columns, 0, n * sizeof *columns);
  status = slip_compare(&job, systems, n, session->stop, cli_progress, NULL, columns, err);
  cli_progress_end();
  if (status != SLIP_OK && status != SLIP_INTERRUPTED)
    goto cleanup;
  const size_t answered = complete(&job, systems, columns, n);
  if (status == SLIP_INTERRUPTED && answered > 0)
    status = SLIP_OK; /* what was computed so far */
  else if (status == SLIP_OK && answered == 0)
    status = no_answer(&job, &columns[0], err);
  if (session->options->json) {
    cli_json_begin(session, "compare");
    cli_note_stopped(session);
    slip_json_compare(&session->json, &job, columns, n);
    cli_json_end(session);
  } else if (status != SLIP_INTERRUPTED) {
    cli_note_stopped(session);
    slip_report_compare(&job, columns, n, &session->style, &session->out);
  }
cleanup:
  free(columns);
  return status;
}
