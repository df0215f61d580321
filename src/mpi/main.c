/* slipstick-mpi: the same commands. A sweep is shared by the ranks: rank 0 deals out points one by one and writes, the others compute; a
 * rank alone does both. Every other command is rank 0's. Rows are the same whichever rank computed them. */
#include <mpi.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "base/arena.h"
#include "cli/cli.h"

enum { TAG_POINT = 1, TAG_ROW = 2, NOTHING = -1 };
#define COMMIT_S 0.5

typedef struct world {
  cli_ranks ranks; /* first: the functions are called with it */
  int rank, size;
} world;

/* What a rank sends: the row before its next point, and what became of it. */
typedef struct report {
  int status; /* a slip_status; NOTHING: no row yet */
  slip_error err;
} report;

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool serves(const cli_ranks *ranks) {
  return ((const world *)(const void *)ranks)->rank > 0;
}

/* A message: the report, then the row. */
static size_t message_size(const slip_grid *sweep) {
  const slip_column *columns;
  return sizeof(report) + (size_t)slip_grid_columns(sweep, &columns) * sizeof(slip_cell);
}

static slip_status serve(cli_ranks *ranks, const slip_grid *sweep, slip_error *err) {
  (void)ranks;
  const size_t size = message_size(sweep);
  char *message = slip_memory_resize(NULL, size);
  if (message == NULL) {
    (void)slip_no_memory(err);
    MPI_Abort(MPI_COMM_WORLD, EXIT_MACHINE); /* the others would wait for ever */
    return SLIP_NO_MEMORY;
  }
  report *r = (report *)(void *)message;
  slip_cell *cells = (slip_cell *)(void *)(message + sizeof *r);
  memset(message, 0, size);
  r->status = NOTHING;
  for (;;) {
    long long point = NOTHING;
    MPI_Send(message, (int)size, MPI_BYTE, 0, TAG_ROW, MPI_COMM_WORLD);
    MPI_Recv(&point, 1, MPI_LONG_LONG, 0, TAG_POINT, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (point < 0)
      break;
    memset(message, 0, size);
    r->status = (int)slip_grid_point(sweep, point, NULL, cells, &r->err);
  }
  free(message);
  return SLIP_OK;
}

typedef struct deal {
  const slip_grid *sweep;
  slip_runs *runs;
  const slip_search_watch *watch;
  int64_t next;
  double committed_s;
  slip_status status;
  slip_error *err;
} deal;

/* The next point that is not there; NOTHING at the end, after a failure, or when stopped. */
static long long next_point(deal *d) {
  if (d->status != SLIP_OK || (d->watch->stop != NULL && *d->watch->stop != 0))
    return NOTHING;
  while (d->next < slip_grid_points(d->sweep) && slip_runs_has(d->runs, d->next))
    d->next++;
  return d->next < slip_grid_points(d->sweep) ? d->next++ : NOTHING;
}

static void take(deal *d, const report *r, const slip_cell *cells) {
  if (r->status == NOTHING || d->status != SLIP_OK)
    return;
  if (r->status != SLIP_OK) {
    d->status = (slip_status)r->status;
    *d->err = r->err;
    return;
  }
  d->status = slip_runs_add(d->runs, cells, d->err);
  if (d->status != SLIP_OK || now_s() - d->committed_s < COMMIT_S)
    return;
  d->status = slip_runs_commit(d->runs, d->err);
  d->committed_s = now_s();
  if (d->watch->progress != NULL)
    d->watch->progress((double)slip_runs_count(d->runs) / (double)slip_grid_points(d->sweep), d->watch->context);
}

/* A receive that blocks spins, and would take a core from the ranks that compute. */
static void wait_for_a_row(void) {
  const struct timespec pause = {.tv_nsec = 200000};
  int there = 0;
  while (MPI_Iprobe(MPI_ANY_SOURCE, TAG_ROW, MPI_COMM_WORLD, &there, MPI_STATUS_IGNORE) == MPI_SUCCESS && !there)
    (void)nanosleep(&pause, NULL);
}

static slip_status run(cli_ranks *ranks, const slip_grid *sweep, slip_runs *runs, const slip_search_watch *watch,
                       slip_error *err) {
  const world *w = (const world *)(const void *)ranks;
  if (w->size == 1)
    return slip_grid_run(sweep, runs, watch, err);
  const size_t size = message_size(sweep);
  char *message = slip_memory_resize(NULL, size);
  if (message == NULL)
    return slip_no_memory(err);
  deal d = {.sweep = sweep, .runs = runs, .watch = watch, .committed_s = now_s(), .status = SLIP_OK, .err = err};
  for (int working = w->size - 1; working > 0;) {
    MPI_Status from;
    wait_for_a_row();
    MPI_Recv(message, (int)size, MPI_BYTE, MPI_ANY_SOURCE, TAG_ROW, MPI_COMM_WORLD, &from);
    take(&d, (const report *)(const void *)message, (const slip_cell *)(const void *)(message + sizeof(report)));
    const long long point = next_point(&d);
    MPI_Send(&point, 1, MPI_LONG_LONG, from.MPI_SOURCE, TAG_POINT, MPI_COMM_WORLD);
    working -= point < 0;
  }
  free(message);
  slip_error last;
  const slip_status status = slip_runs_commit(runs, &last);
  if (d.status == SLIP_OK && status != SLIP_OK)
    *err = last;
  if (d.status != SLIP_OK || status != SLIP_OK)
    return d.status != SLIP_OK ? d.status : status;
  return slip_runs_count(runs) < slip_grid_points(sweep) ? slip_fail(err, SLIP_INTERRUPTED, "stopped") : SLIP_OK;
}

/* A command that only one rank does. */
static bool is_shared(int argc, char **argv) {
  for (int i = 1; i < argc; i++)
    if (argv[i][0] != '-')
      return strcmp(argv[i], "sweep") == 0;
  return false;
}

int main(int argc, char **argv) {
  world w = {.ranks = {serves, serve, run}};
  if (MPI_Init(&argc, &argv) != MPI_SUCCESS)
    return EXIT_MACHINE;
  MPI_Comm_rank(MPI_COMM_WORLD, &w.rank);
  MPI_Comm_size(MPI_COMM_WORLD, &w.size);
#ifdef _OPENMP
  if (w.size > 1 && getenv("OMP_NUM_THREADS") == NULL) /* ranks are mostly one to a core */
    omp_set_num_threads(1);
#endif
  int code = EXIT_ANSWERED;
  if (w.rank == 0 || is_shared(argc, argv))
    code = cli_main(argc, argv, &w.ranks);
  if (code != EXIT_ANSWERED && w.size > 1) { /* others may wait for this rank */
    const struct timespec forwarding = {.tv_nsec = 300000000};
    (void)nanosleep(&forwarding, NULL); /* mpirun drops what it has not read of the message when ranks end */
    MPI_Abort(MPI_COMM_WORLD, code);
  }
  MPI_Finalize();
  return code;
}
