/* The database of a sweep's rows. Every commit is atomic, and the rollback journal undoes what a kill left half done; rows are keyed by
 * their point, so a row is there once or not at all. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/fail.h"
#include "base/text.h"
#include <slipstick/store.h>

struct slip_runs {
  const slip_grid *sweep;
  sqlite3 *db;
  sqlite3_stmt *insert;
  unsigned char *there; /* a bit for each point */
  int64_t count;
  bool open_transaction;
  char path[256];
};

enum { BUSY_MS = 20000 };

static slip_status failed(const slip_runs *runs, const char *doing, slip_error *err) {
  int code = sqlite3_errcode(runs->db);
  const char *message = sqlite3_errmsg(runs->db);
  if (code == SQLITE_NOMEM)
    return slip_no_memory(err);
  if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT)
    return slip_fail(err, SLIP_BAD_INPUT, "%s is no SQLite database, or a damaged one: %s", runs->path, message);
  return slip_fail(err, SLIP_IO_FAILURE, "%s: %s failed: %s", runs->path, doing, message);
}

static slip_status run_sql(slip_runs *runs, const char *sql, const char *doing, slip_error *err) {
  return sqlite3_exec(runs->db, sql, NULL, NULL, NULL) == SQLITE_OK ? SLIP_OK : failed(runs, doing, err);
}

/* ---- what the file is of ---- */

static slip_status read_meta(slip_runs *runs, const char *key, char **out, slip_error *err) {
  sqlite3_stmt *query = NULL;
  slip_status status = SLIP_OK;
  *out = NULL;
  if (sqlite3_prepare_v2(runs->db, "SELECT value FROM meta WHERE key = ?1", -1, &query, NULL) != SQLITE_OK)
    SLIP_FAIL(err, SLIP_BAD_INPUT, "%s is a database, but not of runs; choose another file", runs->path);
  sqlite3_bind_text(query, 1, key, -1, SQLITE_STATIC);
  if (sqlite3_step(query) == SQLITE_ROW) {
    const char *text = (const char *)sqlite3_column_text(query, 0);
    const size_t length = text ? strlen(text) : 0;
    *out = slip_memory_resize(NULL, length + 1);
    if (!*out)
      SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
    memcpy(*out, text ? text : "", length + 1);
  }
cleanup:
  sqlite3_finalize(query);
  return status;
}

static slip_status compare_meta(slip_runs *runs, const char *key, const char *expected, const char *complaint,
                                slip_error *err) {
  char *found = NULL;
  slip_status status = read_meta(runs, key, &found, err);
  if (status == SLIP_OK && (!found || strcmp(found, expected) != 0))
    status = slip_fail(err, SLIP_BAD_INPUT, "%s %s; choose another --out, or remove it", runs->path, complaint);
  free(found);
  return status;
}

static slip_status write_meta(slip_runs *runs, const char *key, const char *value, slip_error *err) {
  sqlite3_stmt *insert = NULL;
  slip_status status = SLIP_OK;
  if (sqlite3_prepare_v2(runs->db, "INSERT INTO meta VALUES (?1, ?2)", -1, &insert, NULL) != SQLITE_OK ||
      sqlite3_bind_text(insert, 1, key, -1, SQLITE_STATIC) != SQLITE_OK ||
      sqlite3_bind_text(insert, 2, value, -1, SQLITE_STATIC) != SQLITE_OK || sqlite3_step(insert) != SQLITE_DONE)
    status = failed(runs, "writing", err);
  sqlite3_finalize(insert);
  return status;
}

static void fingerprint_text(const slip_grid *sweep, char out[32]) {
  int length = 0;
  slip_append(out, 32, &length, "%016llx", (unsigned long long)slip_grid_fingerprint(sweep));
}

/* ---- tables ---- */

static slip_status create(slip_runs *runs, const char *version, slip_error *err) {
  static const char *const types[] = {"", "INTEGER", "REAL", "TEXT"};
  const slip_column *columns;
  int n = slip_grid_columns(runs->sweep, &columns);
  slip_text sql = {0};
  char fingerprint[32];
  slip_status status = SLIP_OK;
  fingerprint_text(runs->sweep, fingerprint);
  slip_text_add(&sql, "CREATE TABLE runs (point INTEGER PRIMARY KEY");
  for (int i = 1; i < n; i++)
    slip_text_printf(&sql, ", \"%s\" %s", columns[i].name, types[columns[i].type]);
  slip_text_add(&sql, ") STRICT; CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT) STRICT;");
  if (sql.failed)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  SLIP_TRY(run_sql(runs, sql.data, "making the tables", err));
  SLIP_TRY(write_meta(runs, "sweep", slip_grid_text(runs->sweep), err));
  SLIP_TRY(write_meta(runs, "fingerprint", fingerprint, err));
  SLIP_TRY(write_meta(runs, "version", version, err));
cleanup:
  slip_text_free(&sql);
  return status;
}

static slip_status check(slip_runs *runs, const char *version, slip_error *err) {
  char fingerprint[32];
  slip_status status = SLIP_OK;
  fingerprint_text(runs->sweep, fingerprint);
  SLIP_TRY(compare_meta(runs, "sweep", slip_grid_text(runs->sweep), "holds the rows of another sweep", err));
  SLIP_TRY(compare_meta(runs, "version", version, "was made by another version of slipstick", err));
  SLIP_TRY(compare_meta(runs, "fingerprint", fingerprint, "was made with other numbers in the catalog", err));
cleanup:
  return status;
}

static bool is_empty(slip_runs *runs, bool *empty) {
  sqlite3_stmt *query = NULL;
  bool done = sqlite3_prepare_v2(runs->db, "SELECT count(*) FROM sqlite_schema", -1, &query, NULL) == SQLITE_OK &&
              sqlite3_step(query) == SQLITE_ROW;
  *empty = done && sqlite3_column_int(query, 0) == 0;
  sqlite3_finalize(query);
  return done;
}

static slip_status read_points(slip_runs *runs, slip_error *err) {
  sqlite3_stmt *query = NULL;
  slip_status status = SLIP_OK;
  int code;
  if (sqlite3_prepare_v2(runs->db, "SELECT point FROM runs", -1, &query, NULL) != SQLITE_OK)
    return failed(runs, "reading", err);
  while ((code = sqlite3_step(query)) == SQLITE_ROW) {
    int64_t point = sqlite3_column_int64(query, 0);
    if (point < 0 || point >= slip_grid_points(runs->sweep))
      continue;
    runs->there[point / 8] = (unsigned char)(runs->there[point / 8] | 1u << (point % 8));
    runs->count++;
  }
  if (code != SQLITE_DONE)
    status = failed(runs, "reading", err);
  sqlite3_finalize(query);
  return status;
}

static slip_status prepare_insert(slip_runs *runs, slip_error *err) {
  const slip_column *columns;
  int n = slip_grid_columns(runs->sweep, &columns);
  slip_text sql = {0};
  slip_status status = SLIP_OK;
  slip_text_add(&sql, "INSERT OR IGNORE INTO runs VALUES (?1");
  for (int i = 1; i < n; i++)
    slip_text_printf(&sql, ", ?%d", i + 1);
  slip_text_add(&sql, ")");
  if (sql.failed)
    status = slip_no_memory(err);
  else if (sqlite3_prepare_v2(runs->db, sql.data, -1, &runs->insert, NULL) != SQLITE_OK)
    status = failed(runs, "preparing", err);
  slip_text_free(&sql);
  return status;
}

slip_status slip_runs_open(const char *path, const slip_grid *sweep, const char *version, slip_runs **out,
                           slip_error *err) {
  slip_status status = SLIP_OK;
  bool empty = false;
  int length = 0;
  slip_runs *runs = calloc(1, sizeof *runs);
  if (!runs)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  runs->sweep = sweep;
  slip_append(runs->path, sizeof runs->path, &length, "%s", path);
  runs->there = calloc((size_t)(slip_grid_points(sweep) / 8 + 1), 1);
  if (!runs->there)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  if (sqlite3_open_v2(path, &runs->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK)
    SLIP_TRY(failed(runs, "opening", err));
  sqlite3_busy_timeout(runs->db, BUSY_MS);
  SLIP_TRY(run_sql(runs, "BEGIN IMMEDIATE", "opening", err)); /* rolls back what a kill left */
  runs->open_transaction = true;
  if (!is_empty(runs, &empty))
    SLIP_TRY(failed(runs, "reading", err));
  if (empty)
    SLIP_TRY(create(runs, version, err));
  SLIP_TRY(slip_runs_commit(runs, err));
  if (!empty)
    SLIP_TRY(check(runs, version, err));
  SLIP_TRY(read_points(runs, err));
  SLIP_TRY(prepare_insert(runs, err));
  *out = runs;
  runs = NULL;
cleanup:
  slip_runs_close(runs);
  return status;
}

void slip_runs_close(slip_runs *runs) {
  if (!runs)
    return;
  sqlite3_finalize(runs->insert);
  sqlite3_close(runs->db);
  free(runs->there);
  free(runs);
}

bool slip_runs_has(const slip_runs *runs, int64_t point) {
  return (runs->there[point / 8] & 1u << (point % 8)) != 0;
}

int64_t slip_runs_count(const slip_runs *runs) {
  return runs->count;
}

/* ---- rows ---- */

static void bind(sqlite3_stmt *insert, int index, const slip_cell *cell) {
  switch (cell->type) {
  case SLIP_CELL_INTEGER:
    sqlite3_bind_int64(insert, index, cell->integer);
    return;
  case SLIP_CELL_REAL:
    sqlite3_bind_double(insert, index, cell->real);
    return;
  case SLIP_CELL_TEXT:
    sqlite3_bind_text(insert, index, cell->text, -1, SQLITE_STATIC);
    return;
  default:
    sqlite3_bind_null(insert, index);
  }
}

slip_status slip_runs_add(slip_runs *runs, const slip_cell *cells, slip_error *err) {
  const slip_column *columns;
  int n = slip_grid_columns(runs->sweep, &columns);
  int64_t point = cells[0].integer;
  slip_status status = SLIP_OK;
  if (slip_runs_has(runs, point))
    return SLIP_OK;
  if (!runs->open_transaction)
    SLIP_TRY(run_sql(runs, "BEGIN IMMEDIATE", "writing", err));
  runs->open_transaction = true;
  for (int i = 0; i < n; i++)
    bind(runs->insert, i + 1, &cells[i]);
  int code = sqlite3_step(runs->insert);
  sqlite3_reset(runs->insert);
  sqlite3_clear_bindings(runs->insert);
  if (code != SQLITE_DONE)
    SLIP_TRY(failed(runs, "writing", err));
  runs->there[point / 8] = (unsigned char)(runs->there[point / 8] | 1u << (point % 8));
  runs->count++;
cleanup:
  return status;
}

slip_status slip_runs_commit(slip_runs *runs, slip_error *err) {
  if (!runs->open_transaction)
    return SLIP_OK;
  slip_status status = run_sql(runs, "COMMIT", "writing", err);
  runs->open_transaction = status != SLIP_OK;
  return status;
}
