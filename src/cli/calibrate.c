/* slipstick calibrate: the catalog's own constants fitted to published rows; with --from FILE.csv a stack to the user's. */
#include <stdio.h>
#include <time.h>

#include "cli/cli.h"
#include "report/calibrate.h"

/* "2026-11-24", in UTC. */
static slip_status today(char out[32], slip_error *err) {
  const time_t now = time(NULL);
  struct tm parts;
  if (gmtime_r(&now, &parts) == NULL || strftime(out, 32, "%Y-%m-%d", &parts) == 0)
    return slip_fail(err, SLIP_IO_FAILURE, "the clock gives no date");
  return SLIP_OK;
}

static void write_answer(cli_session *session, const slip_calibration *c, const char *written) {
  const cli_options *o = session->options;
  if (!c->converged)
    slip_text_add(&session->notes,
                  "slipstick: the fit ended at its limit of evaluations or time: the best found by then\n");
  if (o->cv && c->folds == SLIP_FOLDS_NONE)
    slip_text_add(&session->notes, c->rows_used < 2
                                       ? "slipstick: no cross-validation: it needs two rows\n"
                                       : "slipstick: no cross-validation: it was stopped, or ran out of time\n");
  if (written != NULL)
    slip_text_printf(&session->notes, "slipstick: wrote %s\n", written);
  if (o->json) {
    cli_json_begin(session, "calibrate");
    slip_json_calibration(&session->json, c);
    slip_json_string(&session->json, "written", written);
    cli_json_end(session);
  } else {
    slip_report_calibration(c, &session->style, &session->out);
  }
}

/* Without --from: the constants of the catalog itself. */
static slip_status calibrate_catalog(cli_session *session, slip_error *err) {
  const cli_options *o = session->options;
  slip_builtin_calibration *calibration = NULL;
  slip_status status = SLIP_OK;
  char date[32];
  if (o->stack != NULL || o->cv)
    return slip_fail(err, SLIP_BAD_INPUT,
                     "%s goes with --from FILE.csv: without it the catalog's own constants are "
                     "fitted, and always held against rows not seen",
                     o->stack != NULL ? "--stack" : "--cv");
  SLIP_TRY(today(date, err));
  SLIP_TRY(cli_open_catalog(session, err));
  const slip_builtin_job job = {.catalog = session->catalog, .date = date};
  status = slip_calibrate_builtin(&job, session->stop, cli_progress, NULL, &calibration, err);
  cli_progress_end();
  if (status != SLIP_OK)
    goto cleanup;
  if (o->output != NULL)
    status = slip_builtin_calibration_write(calibration, o->output, o->force,
                                            err); /* the answer took minutes: it is shown */
  const bool written = o->output != NULL && status == SLIP_OK;
  if (written)
    slip_text_printf(&session->notes, "slipstick: wrote %zu files below %s\n", calibration->n_files, o->output);
  if (o->json) {
    cli_json_begin(session, "calibrate");
    slip_json_builtin(&session->json, calibration);
    slip_json_string(&session->json, "written", written ? o->output : NULL);
    cli_json_end(session);
  } else {
    slip_report_builtin(calibration, &session->style, &session->out);
  }
cleanup:
  slip_builtin_calibration_free(calibration);
  return status;
}

slip_status cli_calibrate(cli_session *session, slip_error *err) {
  const cli_options *o = session->options;
  slip_calibration *calibration = NULL;
  slip_status status = SLIP_OK;
  char written[SLIP_STACK_PATH_SIZE], date[32];
  if (o->n_positional > 0)
    return slip_fail(err, SLIP_BAD_INPUT,
                     "calibrate takes the table of your measurements as --from FILE.csv, and no other argument");
  if (o->force && o->output == NULL)
    return slip_fail(err, SLIP_BAD_INPUT, "--force goes with --out");
  if (o->from == NULL)
    return calibrate_catalog(session, err);
  SLIP_TRY(cli_open_catalog(session, err));
  const slip_calibrate_job job = {
      .catalog = session->catalog, .file = o->from, .stack = o->stack, .cross_validate = o->cv};
  status = slip_calibrate(&job, session->stop, cli_progress, NULL, &calibration, err);
  cli_progress_end();
  if (status != SLIP_OK)
    goto cleanup;
  if (o->output != NULL) {
    status = today(date, err);
    if (status == SLIP_OK)
      status = slip_calibration_write(calibration, o->output, date, o->force, written, err);
  }
  write_answer(session, calibration, o->output != NULL && status == SLIP_OK ? written : NULL);
cleanup:
  slip_calibration_free(calibration);
  return status;
}
