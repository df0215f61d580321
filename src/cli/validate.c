/* slipstick validate [FILE.csv ...]: the model against published measurements. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "report/validate.h"

static slip_status read_key(const cli_options *o, slip_group_key *key, slip_error *err) {
  *key = o->by != NULL ? slip_group_key_parse(o->by) : SLIP_BY_ALL;
  if (*key == SLIP_GROUP_KEYS)
    return slip_fail(err, SLIP_BAD_INPUT, "--by is one of: chip model source phase stack quantity; not '%s'",
                     o->by);
  if ((o->json ? 1 : 0) + (o->markdown ? 1 : 0) > 1)
    return slip_fail(err, SLIP_BAD_INPUT, "--json and --markdown exclude each other");
  return SLIP_OK;
}

static slip_status write_svg(const char *path, const slip_validation *validation, slip_error *err) {
  slip_text svg = {0};
  slip_svg_validation(validation, &svg);
  slip_status status = SLIP_OK;
  FILE *file = svg.failed ? NULL : fopen(path, "wb");
  if (svg.failed) {
    status = slip_no_memory(err);
  } else if (file == NULL) {
    status = slip_fail(err, SLIP_IO_FAILURE, "%s cannot be written: %s", path, strerror(errno));
  } else {
    const bool whole = fwrite(svg.data, 1, svg.length, file) == svg.length;
    if (fclose(file) != 0 || !whole)
      status = slip_fail(err, SLIP_IO_FAILURE, "%s could not be written: %s", path, strerror(errno));
  }
  slip_text_free(&svg);
  return status;
}

static void write_answer(cli_session *session, const slip_validation *validation, slip_group_key key,
                         bool stopped) {
  const cli_options *o = session->options;
  const slip_validation *shown = o->cv ? slip_validation_of(validation, SLIP_FOLDS) : validation;
  if (stopped)
    slip_text_add(&session->notes, "slipstick: stopped by Ctrl-C: the rows done so far, not all\n");
  if (o->json) {
    cli_json_begin(session, "validate");
    if (stopped)
      slip_json_bool(&session->json, "stopped", true);
    slip_json_validation(&session->json, shown, key);
    if (o->cv)
      slip_json_classes(&session->json, validation);
    cli_json_end(session);
  } else if (o->markdown) {
    slip_markdown_validation(validation, &session->out);
  } else {
    if (o->rows || o->worst > 0) {
      slip_report_validation_rows(shown, (size_t)o->worst, &session->style, &session->out);
      slip_text_add(&session->out, "\n");
    }
    if (o->cv) {
      slip_report_classes(validation, &session->style, &session->out);
      slip_text_add(&session->out, "\nby 5 folds: ");
    }
    slip_report_validation(shown, key, &session->style, &session->out);
  }
}

slip_status cli_validate(cli_session *session, slip_error *err) {
  const cli_options *o = session->options;
  slip_validation *validation = NULL;
  slip_group_key key = SLIP_BY_ALL;
  slip_status status = SLIP_OK;
  SLIP_TRY(read_key(o, &key, err));
  SLIP_TRY(cli_open_catalog(session, err));
  const slip_validate_job job = {session->catalog, o->positional, o->n_positional};
  status =
      (o->cv ? slip_validate_held_out : slip_validate)(&job, session->stop, cli_progress, NULL, &validation, err);
  cli_progress_end();
  const bool stopped = status == SLIP_INTERRUPTED;
  if (validation == NULL)
    goto cleanup;
  write_answer(session, validation, key, stopped);
  status = slip_validation_count(validation) > 0 ? SLIP_OK : status;
  if (o->svg != NULL)
    SLIP_TRY(write_svg(o->svg, validation, err));
cleanup:
  slip_validation_free(validation);
  return status;
}
