/* A run: reads the arguments, runs one command, writes what it made, and exits with how it went. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static int exit_status(slip_status status) {
  switch (status) {
  case SLIP_OK:
    return EXIT_ANSWERED;
  case SLIP_MISSING:
  case SLIP_INFEASIBLE:
  case SLIP_INTERRUPTED:
    return EXIT_NO_ANSWER;
  case SLIP_BAD_INPUT:
  case SLIP_UNSUPPORTED:
    return EXIT_BAD_USAGE;
  case SLIP_IO_FAILURE:
  case SLIP_NO_MEMORY:
  case SLIP_STATUS_COUNT:
    break;
  }
  return EXIT_MACHINE;
}

/* False when not all of it arrived: a closed pipe, a full disk. */
static bool write_all(FILE *file, const slip_text *text) {
  if (text->length > 0 && fwrite(text->data, 1, text->length, file) != text->length)
    return false;
  return fflush(file) == 0;
}

/* --json asked for, also where the arguments could not be read. */
static bool wants_json(int argc, char **argv) {
  for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
    if (strcmp(argv[i], "--json") == 0)
      return true;
  return false;
}

static void add_json_error(slip_text *out, const slip_error *err) {
  slip_json json;
  slip_json_begin(&json, out);
  slip_json_object(&json, NULL);
  slip_json_object(&json, "error");
  slip_json_string(&json, "code", slip_status_name(err->code));
  slip_json_int(&json, "exit", exit_status(err->code));
  slip_json_string(&json, "message", err->message);
  slip_json_string(&json, "file", err->file[0] != '\0' ? err->file : NULL);
  slip_json_int(&json, "line", err->line);
  slip_json_int(&json, "column", err->column);
  slip_json_string(&json, "field", err->field[0] != '\0' ? err->field : NULL);
  slip_json_object_end(&json);
  slip_json_object_end(&json);
  slip_json_end(&json);
}

static slip_status run(cli_session *session, int command, slip_error *err) {
  const cli_options *options = session->options;
  if (options->version) {
    if (options->json) {
      cli_json_begin(session, "version");
      slip_json_string(&session->json, "version", SLIPSTICK_VERSION);
      cli_json_end(session);
    } else {
      slip_text_add(&session->out, "slipstick " SLIPSTICK_VERSION "\n");
    }
    return SLIP_OK;
  }
  if (options->help && !options->json) {
    cli_help_text(command, &session->style, &session->out);
    return SLIP_OK;
  }
  if (options->help)
    return cli_help(session, err);
  if (command < 0)
    return slip_fail(err, SLIP_BAD_INPUT, "which command? See slipstick help");
  return cli_commands[command].run(session, err);
}

/* Everything at the end and in one place: answer, notes, error. */
static int finish(cli_session *session, bool json, slip_status status, slip_error *err) {
  char message[SLIP_MESSAGE_SIZE + SLIP_WHERE_SIZE + SLIP_FIELD_SIZE + 32];
  if (json && status != SLIP_OK && session->out.length == 0)
    add_json_error(&session->out, err);
  if (session->out.failed || session->notes.failed)
    status = slip_no_memory(err);
  else if (!write_all(stdout, &session->out))
    status = slip_fail(err, SLIP_IO_FAILURE, "the output could not be written: %s", strerror(errno));
  (void)write_all(stderr, &session->notes);
  if (status != SLIP_OK) {
    (void)slip_error_format(err, message, sizeof message);
    (void)fprintf(stderr, "slipstick: %s\n", message);
  }
  return exit_status(status);
}

int cli_main(int argc, char **argv, cli_ranks *ranks) {
  cli_options options = cli_options_default();
  slip_error err = {0};
  int command = -1;
  cli_session session = {.ranks = ranks, .options = &options, .stop = cli_catch_signals()};
  slip_status status = cli_parse(argc, argv, &options, &command, &err);
  session.style = cli_style(&options);
  if (status == SLIP_OK)
    status = run(&session, command, &err);
  const bool speaks = ranks == NULL || !ranks->serves(ranks); /* one of many ranks is enough */
  const int code = !speaks ? exit_status(status) : finish(&session, wants_json(argc, argv), status, &err);
  cli_session_free(&session);
  return code;
}
