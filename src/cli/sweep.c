/* slipstick sweep FILE.yaml --out runs.db: a grid of jobs into SQLite; slipstick query runs.db 'SQL': what came of it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include <slipstick/store.h>

/* ---- sweep ---- */

static void write_sweep(cli_session *session, const slip_grid *sweep, int64_t before, int64_t after) {
  const cli_options *o = session->options;
  const int64_t points = slip_grid_points(sweep);
  if (o->json) {
    slip_json *json = &session->json;
    cli_json_begin(session, "sweep");
    slip_json_string(json, "file", o->positional[0]);
    slip_json_string(json, "out", o->output);
    slip_json_int(json, "points", points);
    slip_json_int(json, "present", before);
    slip_json_int(json, "computed", after - before);
    if (after < points)
      slip_json_bool(json, "stopped", true);
    cli_json_end(session);
    return;
  }
  slip_text_printf(&session->out, "%lld points: %lld were there, %lld computed, into %s\n", (long long)points,
                   (long long)before, (long long)(after - before), o->output);
  if (after < points)
    slip_text_printf(&session->notes,
                     "slipstick: stopped by Ctrl-C; the same command goes on with the other %lld\n",
                     (long long)(points - after));
  slip_text_printf(&session->out, "Ask it with: slipstick query %s 'SELECT * FROM runs LIMIT 10'\n", o->output);
}

slip_status cli_sweep(cli_session *session, slip_error *err) {
  const cli_options *o = session->options;
  slip_grid *sweep = NULL;
  slip_runs *runs = NULL;
  slip_status status = SLIP_OK;
  const slip_search_watch watch = cli_watch(session);
  int64_t before = 0;
  if (o->n_positional != 1 || o->output == NULL)
    return slip_fail(err, SLIP_BAD_INPUT, "sweep takes FILE.yaml and --out runs.db; see slipstick help sweep");
  SLIP_TRY(cli_open_catalog(session, err));
  SLIP_TRY(slip_grid_read(session->catalog, o->positional[0], &sweep, err));
  if (session->ranks != NULL && session->ranks->serves(session->ranks)) { /* computes for the rank that writes */
    status = session->ranks->serve(session->ranks, sweep, err);
    goto cleanup;
  }
  SLIP_TRY(slip_runs_open(o->output, sweep, SLIPSTICK_VERSION, &runs, err));
  before = slip_runs_count(runs);
  status = session->ranks != NULL ? session->ranks->run(session->ranks, sweep, runs, &watch, err)
                                  : slip_grid_run(sweep, runs, &watch, err);
  cli_progress_end();
  if (status == SLIP_OK || status == SLIP_INTERRUPTED) {
    status = SLIP_OK; /* what there is, is kept */
    write_sweep(session, sweep, before, slip_runs_count(runs));
  }
cleanup:
  slip_runs_close(runs);
  slip_grid_free(sweep);
  return status;
}

/* ---- query ---- */

typedef struct answer {
  cli_session *session;
  slip_table *table;
} answer;

static void add_csv(slip_text *out, const char *text) {
  if (strpbrk(text, ",\"\r\n") == NULL) {
    slip_text_add(out, text);
    return;
  }
  slip_text_add(out, "\"");
  for (const char *c = text; *c != '\0'; c++)
    slip_text_add_n(out, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1);
  slip_text_add(out, "\"");
}

static bool add_names(int n, const char *const *names, void *context) {
  answer *a = context;
  const cli_options *o = a->session->options;
  if (o->json) {
    slip_json_array(&a->session->json, "columns");
    for (int i = 0; i < n; i++)
      slip_json_string(&a->session->json, NULL, names[i]);
    slip_json_array_end(&a->session->json);
    slip_json_array(&a->session->json, "rows");
  } else if (o->csv) {
    for (int i = 0; i < n; i++) {
      slip_text_add(&a->session->out, i > 0 ? "," : "");
      add_csv(&a->session->out, names[i]);
    }
    slip_text_add(&a->session->out, "\n");
  } else if (n > 0) {
    a->table = slip_table_open((size_t)n);
    for (int i = 0; i < n; i++)
      slip_table_cell(a->table, names[i]);
    slip_table_heading(a->table);
  }
  return true;
}

static const char *text_of(const slip_cell *cell, bool exact, char number[SLIP_DOUBLE_SIZE]) {
  int length = 0;
  switch (cell->type) {
  case SLIP_CELL_INTEGER:
    slip_append(number, SLIP_DOUBLE_SIZE, &length, "%lld", (long long)cell->integer);
    return number;
  case SLIP_CELL_REAL:
    if (exact)
      return slip_format_double(number, cell->real);
    slip_append(number, SLIP_DOUBLE_SIZE, &length, "%.6g", cell->real);
    return number;
  case SLIP_CELL_TEXT:
    return cell->text;
  default:
    return "";
  }
}

static void add_json_cell(slip_json *json, const slip_cell *cell) {
  switch (cell->type) {
  case SLIP_CELL_INTEGER:
    slip_json_int(json, NULL, cell->integer);
    return;
  case SLIP_CELL_REAL:
    slip_json_double(json, NULL, cell->real);
    return;
  case SLIP_CELL_TEXT:
    slip_json_string(json, NULL, cell->text);
    return;
  default:
    slip_json_null(json, NULL);
  }
}

static bool add_row(const slip_query_row *row, void *context) {
  answer *a = context;
  const cli_options *o = a->session->options;
  char number[SLIP_DOUBLE_SIZE];
  if (o->json)
    slip_json_array(&a->session->json, NULL);
  for (int i = 0; i < row->n; i++) {
    if (o->json) {
      add_json_cell(&a->session->json, &row->cells[i]);
    } else if (o->csv) {
      slip_text_add(&a->session->out, i > 0 ? "," : "");
      add_csv(&a->session->out, text_of(&row->cells[i], true, number));
    } else {
      if (row->cells[i].type == SLIP_CELL_INTEGER || row->cells[i].type == SLIP_CELL_REAL)
        slip_table_right(a->table, (size_t)i);
      slip_table_cell(a->table, text_of(&row->cells[i], false, number));
    }
  }
  if (o->json)
    slip_json_array_end(&a->session->json);
  else if (o->csv)
    slip_text_add(&a->session->out, "\n");
  return !a->session->out.failed;
}

slip_status cli_query(cli_session *session, slip_error *err) {
  const cli_options *o = session->options;
  answer a = {.session = session};
  if (o->n_positional != 2)
    return slip_fail(err, SLIP_BAD_INPUT,
                     "query takes runs.db and one SQL statement in quotes; see slipstick help query");
  if (o->json && o->csv)
    return slip_fail(err, SLIP_BAD_INPUT, "--json and --csv exclude each other");
  if (o->json)
    cli_json_begin(session, "query");
  slip_status status = slip_query(o->positional[0], o->positional[1], session->stop, add_names, add_row, &a, err);
  if (o->json && status == SLIP_OK) {
    slip_json_array_end(&session->json);
    cli_json_end(session);
  } else if (status != SLIP_OK) { /* no half answer: an error instead */
    slip_text_free(&session->out);
    session->out = (slip_text){0};
  } else if (a.table != NULL) {
    slip_table_write(a.table, &session->style, &session->out);
  }
  slip_table_free(a.table);
  return status;
}
