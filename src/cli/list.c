/* slipstick list KIND */
#include <string.h>

#include "cli/cli.h"
#include "report/entry.h"

static const char *folder_name(size_t i, const void *context) {
  (void)context;
  return slip_kind_folder((slip_kind)i);
}

slip_status cli_list(cli_session *session, slip_error *err) {
  const cli_options *options = session->options;
  const char *wanted = options->n_positional == 1 ? options->positional[0] : "";
  int kind = -1;
  for (int i = 0; i < SLIP_KINDS; i++)
    if (strcmp(wanted, slip_kind_folder((slip_kind)i)) == 0 || strcmp(wanted, slip_kind_name((slip_kind)i)) == 0)
      kind = i;
  if (kind < 0) {
    const char *nearest = *wanted != '\0' ? cli_nearest(wanted, folder_name, SLIP_KINDS, NULL) : NULL;
    return slip_fail(
        err, SLIP_BAD_INPUT, "list what? One of: chips, systems, models, stacks, kernels, regions%s%s%s",
        nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
  }
  const slip_status status = cli_open_catalog(session, err);
  if (status != SLIP_OK)
    return status;
  if (options->json) {
    cli_json_begin(session, "list");
    slip_json_string(&session->json, "kind", slip_kind_name((slip_kind)kind));
    slip_json_list(&session->json, "entries", session->catalog, (slip_kind)kind);
    cli_json_end(session);
  } else {
    slip_report_list(session->catalog, (slip_kind)kind, &session->style, &session->out);
  }
  return SLIP_OK;
}
