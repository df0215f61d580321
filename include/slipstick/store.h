/* Results in SQLite: the rows of a sweep, written so that a kill at any moment loses none that was committed and doubles none, and
 * read-only queries over them.
 *
 * A database of runs has two tables: runs, one row a point (`point` is its key; the other columns are those of the sweep), and
 * meta(key, value): sweep (the file's text), fingerprint, version. */
#ifndef SLIPSTICK_STORE_H
#define SLIPSTICK_STORE_H

#include <slipstick/sweep.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- writing ---- */

typedef struct slip_runs slip_runs;

/* Creates the file, or goes on with it: SLIP_BAD_INPUT when it holds another sweep, was made by another version or with other catalog
 * numbers, or is no database of runs. SLIP_IO_FAILURE, SLIP_NO_MEMORY. The sweep must outlive it. */
slip_status slip_runs_open(const char *path, const slip_grid *sweep, const char *version, slip_runs **out,
                           slip_error *err);
/* Without a commit, what was added since the last is not kept. NULL is allowed. */
void slip_runs_close(slip_runs *runs);
/* Is the point's row there (also: added and not yet committed)? O(1). */
bool slip_runs_has(const slip_runs *runs, int64_t point);
int64_t slip_runs_count(const slip_runs *runs);
/* Adds the row slip_grid_point made; a row that is there already stays. */
slip_status slip_runs_add(slip_runs *runs, const slip_cell *cells, slip_error *err);
/* From here on the rows survive a kill. */
slip_status slip_runs_commit(slip_runs *runs, slip_error *err);

/* Computes every point that is not there, on all threads, and commits about twice a second. SLIP_INTERRUPTED when stopped: what
 * was computed is committed. Progress is told by points. */
slip_status slip_grid_run(const slip_grid *sweep, slip_runs *runs, const slip_search_watch *watch, slip_error *err);

/* ---- reading ---- */

typedef struct slip_query_row {
  int n;
  const char *const *names; /* [n] */
  const slip_cell *cells;   /* [n]; texts that are longer than a cell are cut */
} slip_query_row;

/* Runs one SQL statement that only reads, and calls `visit` for each row until it returns false; `visit_names` once before. Anything that
 * would write, attach or change settings is refused. SLIP_BAD_INPUT: SQLite's message. SLIP_INTERRUPTED when stopped. */
slip_status slip_query(const char *path, const char *sql, const volatile int *stop,
                       bool (*visit_names)(int n, const char *const *names, void *context),
                       bool (*visit)(const slip_query_row *row, void *context), void *context, slip_error *err);

#ifdef __cplusplus
}
#endif
#endif
