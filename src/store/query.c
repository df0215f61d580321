/* Reading a database: one statement that an authorizer found to only read. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/fail.h"
#include "base/text.h"
#include <slipstick/store.h>

enum { STEPS_BETWEEN_LOOKS = 1000, BUSY_MS = 20000 };

/* What a statement may do: read tables and call functions. */
static int authorize(void *context, int action, const char *a, const char *b, const char *database,
                     const char *trigger) {
  (void)context, (void)b, (void)database, (void)trigger;
  switch (action) {
  case SQLITE_SELECT:
  case SQLITE_READ:
  case SQLITE_FUNCTION:
  case SQLITE_RECURSIVE:
    return SQLITE_OK;
  case SQLITE_PRAGMA: /* what is in the file */
    return a && (sqlite3_stricmp(a, "table_info") == 0 || sqlite3_stricmp(a, "table_list") == 0) ? SQLITE_OK
                                                                                                 : SQLITE_DENY;
  default:
    return SQLITE_DENY;
  }
}

static int look(void *context) {
  const volatile int *stop = context;
  return stop && *stop;
}

static void take_cell(sqlite3_stmt *statement, int i, slip_cell *cell) {
  int length = 0;
  *cell = (slip_cell){.type = SLIP_CELL_NULL};
  switch (sqlite3_column_type(statement, i)) {
  case SQLITE_INTEGER:
    cell->type = SLIP_CELL_INTEGER;
    cell->integer = sqlite3_column_int64(statement, i);
    return;
  case SQLITE_FLOAT:
    cell->type = SLIP_CELL_REAL;
    cell->real = sqlite3_column_double(statement, i);
    return;
  case SQLITE_TEXT:
    cell->type = SLIP_CELL_TEXT;
    slip_append(cell->text, sizeof cell->text, &length, "%s", (const char *)sqlite3_column_text(statement, i));
    cell->text[slip_utf8_cut(cell->text, strlen(cell->text))] = '\0';
    return;
  case SQLITE_BLOB:
    cell->type = SLIP_CELL_TEXT;
    slip_append(cell->text, sizeof cell->text, &length, "(%d bytes)", sqlite3_column_bytes(statement, i));
    return;
  default:
    return;
  }
}

static bool is_blank(const char *text) {
  return text[strspn(text, " \t\r\n;")] == '\0';
}

static slip_status sql_failed(sqlite3 *db, const char *path, slip_error *err) {
  int code = sqlite3_errcode(db);
  if (code == SQLITE_NOMEM)
    return slip_no_memory(err);
  if (code == SQLITE_INTERRUPT)
    return slip_fail(err, SLIP_INTERRUPTED, "the query was stopped");
  if (code == SQLITE_AUTH)
    return slip_fail(err, SLIP_BAD_INPUT, "a query only reads: SELECT ... (%s)", sqlite3_errmsg(db));
  if (code == SQLITE_CANTOPEN || code == SQLITE_IOERR)
    return slip_fail(err, SLIP_IO_FAILURE, "%s: %s", path, sqlite3_errmsg(db));
  return slip_fail(err, SLIP_BAD_INPUT, "%s: %s", path, sqlite3_errmsg(db));
}

/* A kill may have left a journal that has to be rolled back first, which needs the file open for writing; nothing else is written. */
static slip_status open_for_reading(const char *path, sqlite3 **db, slip_error *err) {
  int code = sqlite3_open_v2(path, db, SQLITE_OPEN_READWRITE, NULL);
  if (code != SQLITE_OK) {
    sqlite3_close(*db);
    code = sqlite3_open_v2(path, db, SQLITE_OPEN_READONLY, NULL);
  }
  if (code != SQLITE_OK)
    return slip_fail(err, code == SQLITE_NOMEM ? SLIP_NO_MEMORY : SLIP_IO_FAILURE, "%s cannot be opened: %s", path,
                     *db ? sqlite3_errmsg(*db) : "out of memory");
  sqlite3_busy_timeout(*db, BUSY_MS);
  if (sqlite3_exec(*db, "PRAGMA query_only = ON", NULL, NULL, NULL) != SQLITE_OK)
    return sql_failed(*db, path, err);
  sqlite3_set_authorizer(*db, authorize, NULL);
  return SLIP_OK;
}

slip_status slip_query(const char *path, const char *sql, const volatile int *stop,
                       bool (*visit_names)(int n, const char *const *names, void *context),
                       bool (*visit)(const slip_query_row *row, void *context), void *context, slip_error *err) {
  sqlite3 *db = NULL;
  sqlite3_stmt *statement = NULL;
  const char *tail = "";
  const char **names = NULL;
  slip_cell *cells = NULL;
  slip_status status = SLIP_OK;
  int code = SQLITE_DONE;
  SLIP_TRY(open_for_reading(path, &db, err));
  sqlite3_progress_handler(db, STEPS_BETWEEN_LOOKS, look, (void *)stop);
  if (sqlite3_prepare_v2(db, sql, -1, &statement, &tail) != SQLITE_OK)
    SLIP_TRY(sql_failed(db, path, err));
  if (!statement || !is_blank(tail))
    SLIP_FAIL(err, SLIP_BAD_INPUT, "a query is one SQL statement");
  const int n = sqlite3_column_count(statement);
  names = slip_memory_resize(NULL, ((size_t)n + 1) * sizeof *names);
  cells = slip_memory_resize(NULL, ((size_t)n + 1) * sizeof *cells);
  if (!names || !cells)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  for (int i = 0; i < n; i++)
    names[i] = sqlite3_column_name(statement, i);
  bool going = visit_names(n, names, context);
  while (going && (code = sqlite3_step(statement)) == SQLITE_ROW) {
    for (int i = 0; i < n; i++)
      take_cell(statement, i, &cells[i]);
    const slip_query_row row = {n, names, cells};
    going = visit(&row, context);
  }
  if (going && code != SQLITE_DONE)
    status = sql_failed(db, path, err);
cleanup:
  sqlite3_finalize(statement);
  sqlite3_close(db);
  free(names);
  free(cells);
  return status;
}
