/* A sweep on the threads of one process: points are dealt out one by one, rows are added by one thread at a time. */
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/fail.h"
#include <slipstick/store.h>

/* Work that a kill may cost: what was computed since the last commit. */
#define COMMIT_S 0.5

typedef struct sweep_run {
  const slip_grid *sweep;
  slip_runs *runs;
  const slip_search_watch *watch;
  double committed_s;
  slip_status status;
  slip_error err;
} sweep_run;

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool stopped(const sweep_run *r) {
  return r->status != SLIP_OK || (r->watch->stop && *r->watch->stop);
}

static void keep_failure(sweep_run *r, slip_status status, const slip_error *err) {
  if (status == SLIP_OK || r->status != SLIP_OK)
    return;
  r->status = status;
  r->err = *err;
}

/* One thread at a time. */
static void take_row(sweep_run *r, slip_status status, const slip_cell *cells, slip_error *err) {
  if (status == SLIP_OK)
    status = slip_runs_add(r->runs, cells, err);
  if (status == SLIP_OK && now_s() - r->committed_s > COMMIT_S) {
    status = slip_runs_commit(r->runs, err);
    r->committed_s = now_s();
    if (r->watch->progress)
      r->watch->progress((double)slip_runs_count(r->runs) / (double)slip_grid_points(r->sweep), r->watch->context);
  }
  if (status != SLIP_INTERRUPTED)
    keep_failure(r, status, err);
}

slip_status slip_grid_run(const slip_grid *sweep, slip_runs *runs, const slip_search_watch *watch,
                          slip_error *err) {
  const slip_search_watch nobody = {0};
  sweep_run r = {.sweep = sweep, .runs = runs, .watch = watch ? watch : &nobody, .committed_s = now_s()};
  const slip_column *columns;
  const int n = slip_grid_columns(sweep, &columns);
  const int64_t points = slip_grid_points(sweep);
#pragma omp parallel
  {
    slip_cell *cells = slip_memory_resize(NULL, (size_t)n * sizeof *cells);
    slip_error failure = {0};
    if (!cells) {
      slip_status status = slip_fail(&failure, SLIP_NO_MEMORY, "out of memory");
#pragma omp critical(slip_grid_row)
      keep_failure(&r, status, &failure);
    }
#pragma omp for schedule(dynamic, 1)
    for (int64_t point = 0; point < points; point++) {
      bool wanted;
#pragma omp critical(slip_grid_row)
      wanted = cells && !stopped(&r) && !slip_runs_has(runs, point);
      if (!wanted)
        continue;
      slip_status status = slip_grid_point(sweep, point, r.watch->stop, cells, &failure);
#pragma omp critical(slip_grid_row)
      take_row(&r, status, cells, &failure);
    }
    free(cells);
  }
  slip_error last;
  slip_status status = slip_runs_commit(runs, &last);
  keep_failure(&r, status, &last);
  if (r.status != SLIP_OK) {
    if (err)
      *err = r.err;
    return r.status;
  }
  if (slip_runs_count(runs) < points)
    return slip_fail(err, SLIP_INTERRUPTED, "stopped after %lld of %lld points", (long long)slip_runs_count(runs),
                     (long long)points);
  return SLIP_OK;
}
