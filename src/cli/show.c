/* slipstick show NAME [--kind KIND] */
#include <string.h>
#include <strings.h>

#include "cli/cli.h"
#include "report/entry.h"

static bool is_called(const slip_entry *entry, const char *name) {
  if (strcasecmp(entry->name, name) == 0)
    return true;
  for (size_t i = 0; i < entry->n_aliases; i++)
    if (strcasecmp(entry->aliases[i], name) == 0)
      return true;
  return false;
}

static const slip_entry *find_in(const slip_catalog *catalog, slip_kind kind, const char *name) {
  const size_t count = slip_catalog_count(catalog, kind);
  for (size_t i = 0; i < count; i++)
    if (is_called(slip_catalog_entry(catalog, kind, i), name))
      return slip_catalog_entry(catalog, kind, i);
  return NULL;
}

/* All entries in one numbering, for suggestions. */
typedef struct range {
  const slip_catalog *catalog;
  int kind; /* -1: every kind */
} range;

static const char *entry_name(size_t i, const void *context) {
  const range *r = context;
  for (int kind = 0; kind < SLIP_KINDS; kind++) {
    const size_t count = slip_catalog_count(r->catalog, (slip_kind)kind);
    if (i < count)
      return r->kind < 0 || r->kind == kind ? slip_catalog_entry(r->catalog, (slip_kind)kind, i)->name : NULL;
    i -= count;
  }
  return NULL;
}

static slip_status unknown_name(const slip_catalog *catalog, int kind, const char *name, slip_error *err) {
  const range r = {catalog, kind};
  size_t total = 0;
  for (int i = 0; i < SLIP_KINDS; i++)
    total += slip_catalog_count(catalog, (slip_kind)i);
  const char *what = kind >= 0 ? slip_kind_name((slip_kind)kind) : "catalog entry";
  const char *nearest = cli_nearest(name, entry_name, total, &r);
  if (nearest != NULL)
    return slip_fail(err, SLIP_BAD_INPUT, "no %s is called '%s'; did you mean '%s'?", what, name, nearest);
  return slip_fail(err, SLIP_BAD_INPUT, "no %s is called '%s'; see slipstick list", what, name);
}

static slip_status read_kind(const cli_options *options, int *kind, slip_error *err) {
  *kind = -1;
  if (options->kind == NULL)
    return SLIP_OK;
  for (int i = 0; i < SLIP_KINDS; i++)
    if (strcmp(options->kind, slip_kind_name((slip_kind)i)) == 0 ||
        strcmp(options->kind, slip_kind_folder((slip_kind)i)) == 0)
      *kind = i;
  if (*kind < 0)
    return slip_fail(err, SLIP_BAD_INPUT, "--kind is one of: chip, system, model, stack, kernels, region; not '%s'",
                     options->kind);
  return SLIP_OK;
}

/* Other kinds have an entry of that name, too: say so. */
static void note_namesakes(cli_session *session, slip_kind shown, const char *name) {
  for (int i = 0; i < SLIP_KINDS; i++) {
    const slip_entry *other = (slip_kind)i != shown ? find_in(session->catalog, (slip_kind)i, name) : NULL;
    if (other != NULL)
      slip_text_printf(&session->notes,
                       "slipstick: %s also names another entry (%s): slipstick show %s --kind %s\n", name,
                       slip_kind_name((slip_kind)i), other->name, slip_kind_name((slip_kind)i));
  }
}

slip_status cli_show(cli_session *session, slip_error *err) {
  const cli_options *options = session->options;
  slip_status status = SLIP_OK;
  const slip_entry *entry = NULL;
  int kind = -1;
  if (options->n_positional != 1)
    return slip_fail(err, SLIP_BAD_INPUT, "show takes one name; see slipstick list chips|systems|models|...");
  const char *name = options->positional[0];
  SLIP_TRY(read_kind(options, &kind, err));
  SLIP_TRY(cli_open_catalog(session, err));
  entry = kind >= 0 ? find_in(session->catalog, (slip_kind)kind, name) : slip_catalog_find(session->catalog, name);
  if (entry == NULL && (kind < 0 || kind == SLIP_KIND_MODEL) && cli_is_path(name)) {
    SLIP_TRY(slip_model_read(name, &session->model_file, err));
    entry = &slip_model_of(session->model_file)->entry;
  }
  if (entry == NULL) {
    status = unknown_name(session->catalog, kind, name, err);
    goto cleanup;
  }
  if (options->json) {
    cli_json_begin(session, "show");
    slip_json_show(&session->json, entry);
    cli_json_end(session);
  } else {
    slip_report_show(entry, &session->style, &session->out);
    if (kind < 0)
      note_namesakes(session, entry->kind, name);
  }
cleanup:
  return status;
}
