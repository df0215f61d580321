/* What the commands share: the catalog with its overlays, the model, the stack, the frame of a JSON answer. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "cli/cli.h"

/* Directories of SLIPSTICK_CATALOG, then those of --catalog. */
slip_status cli_open_catalog(cli_session *session, slip_error *err) {
  const cli_options *options = session->options;
  const char *env = getenv("SLIPSTICK_CATALOG");
  const char *dirs[2 * CLI_MAX_DIRS];
  size_t n = 0;
  slip_status status = SLIP_OK;
  char *copy = NULL;
  if (env != NULL && *env != '\0') {
    copy = slip_memory_resize(NULL, strlen(env) + 1);
    if (copy == NULL)
      SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
    memcpy(copy, env, strlen(env) + 1);
    for (char *at = copy; at != NULL;) {
      char *colon = strchr(at, ':');
      if (colon != NULL)
        *colon = '\0';
      if (*at != '\0' && n == CLI_MAX_DIRS)
        SLIP_FAIL(err, SLIP_BAD_INPUT, "SLIPSTICK_CATALOG names more than %d directories", CLI_MAX_DIRS);
      if (*at != '\0')
        dirs[n++] = at;
      at = colon != NULL ? colon + 1 : NULL;
    }
  }
  for (size_t i = 0; i < options->n_dirs; i++)
    dirs[n++] = options->dirs[i];
  SLIP_TRY(slip_catalog_open(dirs, n, &session->catalog, err));
cleanup:
  free(copy);
  return status;
}

bool cli_is_path(const char *name) {
  const size_t length = strlen(name);
  struct stat info;
  return strchr(name, '/') != NULL || (length > 5 && strcmp(name + length - 5, ".json") == 0) ||
         (stat(name, &info) == 0 && S_ISDIR(info.st_mode));
}

slip_status cli_model(cli_session *session, const slip_model **model, size_t *used, slip_error *err) {
  const cli_options *options = session->options;
  const char *name = options->model;
  *used = 0;
  if (name == NULL) {
    if (options->n_positional == 0)
      return slip_fail(err, SLIP_BAD_INPUT, "which model? A name of `slipstick list models`, or --model PATH");
    name = options->positional[0];
    *used = 1;
    /* A catalog name wins over a folder that happens to be called the same. */
    slip_error ignored;
    if (!cli_is_path(name) || slip_catalog_model(session->catalog, name, model, &ignored) == SLIP_OK)
      return slip_catalog_model(session->catalog, name, model, err);
  }
  const slip_status status = slip_model_read(name, &session->model_file, err);
  if (status == SLIP_OK)
    *model = slip_model_of(session->model_file);
  return status;
}

slip_status cli_stack(cli_session *session, const slip_chip *chip, bool train, const slip_stack **out,
                      slip_error *err) {
  const char *name = session->options->stack;
  if (name == NULL) {
    *out = slip_catalog_newest_stack(session->catalog, chip, train);
    return *out != NULL ? SLIP_OK
                        : slip_fail(err, SLIP_MISSING, "the catalog has no stack that %s on %s",
                                    train ? "trains" : "serves", chip->entry.title);
  }
  const slip_status status = slip_catalog_stack(session->catalog, name, out, err);
  if (status != SLIP_OK)
    return status;
  const slip_stack *stack = *out;
  if (!(train ? stack->trains : stack->serves))
    return slip_fail(err, SLIP_BAD_INPUT, "--stack %s does not %s", stack->entry.name, train ? "train" : "serve");
  if (strcasecmp(stack->for_vendor, "any") != 0 && strcasecmp(stack->for_vendor, chip->entry.vendor) != 0)
    return slip_fail(err, SLIP_BAD_INPUT, "--stack %s runs on chips of %s; %s is of %s", stack->entry.name,
                     stack->for_vendor, chip->entry.title, chip->entry.vendor);
  return SLIP_OK;
}

void cli_session_free(cli_session *session) {
  slip_model_free(session->model_file);
  slip_catalog_free(session->catalog);
  slip_text_free(&session->out);
  slip_text_free(&session->notes);
}

void cli_note_stopped(cli_session *session) {
  if (*session->stop == 0)
    return;
  slip_text_add(&session->notes, "slipstick: stopped by Ctrl-C: the best found so far, not the best of all\n");
  if (session->options->json)
    slip_json_bool(&session->json, "stopped", true);
}

void cli_json_begin(cli_session *session, const char *command) {
  slip_json_begin(&session->json, &session->out);
  slip_json_object(&session->json, NULL);
  slip_json_string(&session->json, "command", command);
}

void cli_json_end(cli_session *session) {
  slip_json_object_end(&session->json);
  slip_json_end(&session->json);
}

void cli_json_why(cli_session *session, const slip_error *err) {
  slip_json *json = &session->json;
  slip_json_string(json, "status", slip_status_name(err->code));
  slip_json_string(json, "why", err->message);
  if (err->code == SLIP_MISSING) {
    slip_json_object(json, "missing");
    slip_json_string(json, "field", err->field);
    slip_json_string(json, "file", err->file);
    slip_json_object_end(json);
  }
}

bool cli_is_answer(slip_status status) {
  return status == SLIP_INFEASIBLE || status == SLIP_MISSING || status == SLIP_INTERRUPTED;
}
