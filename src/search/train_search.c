/* The best training plan and the front: all cuts in rounds, the most promising first. Within a round every cut is walked against the
 * best of the rounds before, so what is pruned, as well as what is found, does not depend on which thread came first. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/fail.h"
#include "search/train_walk.h"

enum { FIRST_ROUND = 32, LARGEST_ROUND = 1024 };

typedef struct train_search {
  slip_train_problem problem;
  const slip_price *price; /* NULL: the best plan; else the front */
  const slip_search_watch *watch;
  slip_train_outcome all;
  bool no_memory;
} train_search;

static bool stopped(const train_search *s) {
  return s->watch->stop && *s->watch->stop;
}

static void merge(slip_train_outcome *into, const slip_train_outcome *from) {
  into->stats.legal += from->stats.legal;
  into->stats.evaluated += from->stats.evaluated;
  into->stats.feasible += from->stats.feasible;
  into->stats.pruned += from->stats.pruned;
  into->stats.illegal += from->stats.illegal;
  const slip_train_candidate *a = &from->best, *b = &into->best;
  double left = a->at.objective[0], right = b->at.objective[0];
  if (from->found && (!into->found || left < right || (!(left > right) && slip_compare_candidates(a, b) < 0)))
    into->best = from->best;
  into->found = into->found || from->found;
  a = &from->nearest, b = &into->nearest;
  left = a->at.objective[0], right = b->at.objective[0];
  if (from->missed && (!into->missed || left < right || (!(left > right) && slip_compare_candidates(a, b) < 0)))
    into->nearest = from->nearest;
  into->missed = into->missed || from->missed;
  slip_front_merge(&into->front, &from->front);
}

/* What is done with the cuts [from, to). */
typedef enum task { BOUND, WALK, SKIP } task;

static void do_cut(slip_train_walk *walk, task what, slip_cut *cut, const slip_train_outcome *known,
                   slip_train_outcome *mine) {
  if (what == BOUND) {
    slip_walk_bound(walk, cut);
    return;
  }
  if (what == SKIP) {
    slip_walk_skip(walk, cut, mine);
    return;
  }
  slip_train_outcome one = {.best = known->best, .found = known->found};
  one.front = mine->front; /* the front does not depend on the order; it is lent */
  slip_walk_cut(walk, cut, &one);
  mine->front = one.front;
  one.front = (slip_front){0};
  merge(mine, &one);
}

static void do_cuts(train_search *s, task what, size_t from, size_t to) {
  const slip_train_outcome known = {.best = s->all.best, .found = s->all.found};
#pragma omp parallel
  {
    slip_train_walk walk;
    slip_train_outcome mine = {.found = false};
    slip_front_open(&mine.front, sizeof(slip_train_candidate), slip_compare_candidates);
    bool open = slip_walk_open(&walk, &s->problem, s->price, s->watch->stop);
#pragma omp for schedule(dynamic, 4)
    for (size_t i = from; i < to; i++)
      if (open && !stopped(s))
        do_cut(&walk, what, &s->problem.cuts[i], &known, &mine);
#pragma omp critical
    {
      merge(&s->all, &mine);
      s->no_memory = s->no_memory || !open || s->all.front.failed;
    }
    slip_front_free(&mine.front);
    slip_walk_close(&walk);
  }
}

static void tell(const train_search *s, size_t done) {
  if (s->watch->progress)
    s->watch->progress(s->problem.n_cuts > 0 ? (double)done / (double)s->problem.n_cuts : 1, s->watch->context);
}

static int compare_cuts(const void *a, const void *b) {
  const slip_cut *x = a, *y = b;
  if (x->bound_s < y->bound_s || x->bound_s > y->bound_s)
    return x->bound_s < y->bound_s ? -1 : 1;
  if (x->format != y->format)
    return x->format < y->format ? -1 : 1;
  return slip_compare_plans(&x->plan, &y->plan);
}

static void run(train_search *s) {
  size_t n = s->problem.n_cuts, done = 0;
  bool bounded = s->problem.space->mode == SLIP_SEARCH_BOUNDED && !s->price;
  if (bounded) {
    do_cuts(s, BOUND, 0, n);
    if (n > 1)
      qsort(s->problem.cuts, n, sizeof *s->problem.cuts, compare_cuts);
  }
  for (size_t round = FIRST_ROUND; done < n && !stopped(s) && !s->no_memory;
       round = round < LARGEST_ROUND ? 2 * round : round) {
    if (bounded && s->all.found && s->problem.cuts[done].bound_s > s->all.best.at.objective[SLIP_AT_STEP])
      break;
    size_t to = n - done > round ? done + round : n;
    do_cuts(s, WALK, done, to);
    done = to;
    tell(s, done);
  }
  if (done < n && !stopped(s) && !s->no_memory) /* none of the rest can be faster */
    do_cuts(s, SKIP, done, n);
  s->all.stats.illegal += s->problem.illegal;
  tell(s, n);
}

/* ---- the answers ---- */

static slip_status nothing_fits(const train_search *s, slip_error *err) {
  const slip_train_job *job = slip_train_job_of(s->problem.train);
  if (s->all.stats.legal == 0)
    return slip_fail(
        err, SLIP_INFEASIBLE,
        "no legal plan: no cut of %lld ranks divides the model, the batch of %lld sequences and what was fixed",
        (long long)slip_train_ranks(s->problem.train), (long long)job->batch);
  const slip_train_candidate *nearest = &s->all.nearest;
  slip_train_job small = *slip_train_job_of(slip_problem_variant(&s->problem, nearest->format, nearest->cluster));
  small.ignore_memory = false;
  slip_train *train = NULL;
  slip_train_result result;
  slip_error reason;
  slip_status status = slip_train_open(&small, &train, err);
  if (status != SLIP_OK)
    return status;
  slip_train_estimate(train, &nearest->plan, &result, &reason);
  slip_train_free(train);
  char plan[200];
  slip_plan_format(&nearest->plan, plan, sizeof plan);
  return slip_fail(err, SLIP_INFEASIBLE, "none of %lld plans fits; the nearest, %s, %s",
                   (long long)s->all.stats.legal, plan, reason.message);
}

/* Runs; SLIP_OK and SLIP_INTERRUPTED when there is something to report. */
static slip_status search(train_search *s, slip_search_stats *stats, slip_error *err) {
  slip_status status = SLIP_OK;
  run(s);
  if (stats)
    *stats = s->all.stats;
  if (s->no_memory)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "no memory for the search");
  if (stopped(s))
    SLIP_FAIL(err, s->all.found ? SLIP_INTERRUPTED : SLIP_INFEASIBLE, "stopped after %lld plans%s",
              (long long)s->all.stats.evaluated, s->all.found ? "" : "; none of them fits");
  if (!s->all.found)
    status = nothing_fits(s, err);
cleanup:
  return status;
}

static slip_status open_search(train_search *s, const slip_train *train, const slip_train_space *space,
                               slip_error *err) {
  slip_front_open(&s->all.front, sizeof(slip_train_candidate), slip_compare_candidates);
  return slip_problem_open(train, space, &s->problem, err);
}

static void close_search(train_search *s) {
  slip_front_free(&s->all.front);
  slip_problem_close(&s->problem);
}

slip_status slip_train_search(const slip_train *train, const slip_train_space *space,
                              const slip_search_watch *watch, slip_train_result *out, int64_t *chips,
                              slip_search_stats *stats, slip_error *err) {
  const slip_search_watch nobody = {0};
  train_search s = {.watch = watch ? watch : &nobody};
  slip_status status = open_search(&s, train, space, err);
  if (status == SLIP_OK)
    status = search(&s, stats, err);
  if (s.all.found && (status == SLIP_OK || status == SLIP_INTERRUPTED)) {
    const slip_train *variant = slip_problem_variant(&s.problem, s.all.best.format, s.all.best.cluster);
    slip_error ignored;
    slip_train_estimate(variant, &s.all.best.plan, out, &ignored);
    if (chips)
      *chips = slip_train_job_of(variant)->chips;
  }
  close_search(&s);
  return status;
}

slip_status slip_train_best(const slip_train *train, const slip_train_space *space, const volatile int *stop,
                            slip_train_result *out, slip_search_stats *stats, slip_error *err) {
  const slip_search_watch watch = {.stop = stop};
  return slip_train_search(train, space, &watch, out, NULL, stats, err);
}

static slip_status give_points(const train_search *s, slip_train_point **out, size_t *count, slip_error *err) {
  const slip_front *front = &s->all.front;
  slip_train_point *points = calloc(front->count, sizeof *points);
  if (!points)
    return slip_fail(err, SLIP_NO_MEMORY, "no memory for the front");
  for (size_t i = 0; i < front->count; i++) {
    const slip_train_candidate *c = (const slip_train_candidate *)(const void *)front->points + i;
    const slip_train *variant = slip_problem_variant(&s->problem, c->format, c->cluster);
    slip_error ignored;
    slip_train_estimate(variant, &c->plan, &points[i].result, &ignored);
    points[i].chips = slip_train_job_of(variant)->chips;
    points[i].usd_per_step = c->at.objective[SLIP_AT_COST] > 0 ? c->at.objective[SLIP_AT_COST] : NAN;
  }
  *out = points;
  *count = front->count;
  return SLIP_OK;
}

slip_status slip_train_pareto(const slip_train *train, const slip_train_space *space, const slip_price *price,
                              const slip_search_watch *watch, slip_train_point **out, size_t *count,
                              slip_search_stats *stats, slip_error *err) {
  const slip_search_watch nobody = {0};
  const slip_price unknown = {NAN, NAN};
  train_search s = {.watch = watch ? watch : &nobody, .price = price ? price : &unknown};
  *out = NULL;
  *count = 0;
  slip_status status = open_search(&s, train, space, err);
  if (status == SLIP_OK)
    status = search(&s, stats, err);
  if (s.all.found && (status == SLIP_OK || status == SLIP_INTERRUPTED)) {
    slip_front_sort(&s.all.front);
    slip_status given = give_points(&s, out, count, err);
    status = given == SLIP_OK ? status : given;
  }
  close_search(&s);
  return status;
}

void slip_points_free(void *points) {
  free(points);
}
