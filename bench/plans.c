/* How fast plans are evaluated: one at a time in full, and by the search, which costs each cut of a layer once. Prints ratios
 * of one run; absolute rates depend on the machine. */
#include <slipstick/search.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fail(const slip_error *err) {
  char text[1024];
  slip_error_format(err, text, sizeof text);
  fprintf(stderr, "%s\n", text);
  exit(3);
}

/* Plans per second when each is estimated by itself. */
static double one_at_a_time(const slip_train *train, const slip_plan *plan) {
  enum { TIMES = 20000 };
  slip_train_result result;
  slip_error err;
  double start = now_s();
  for (int i = 0; i < TIMES; i++)
    if (slip_train_estimate(train, plan, &result, &err) != SLIP_OK)
      fail(&err);
  return TIMES / (now_s() - start);
}

static void run(const slip_catalog *catalog, const char *model, const char *system, int64_t chips, int64_t batch) {
  slip_train_job job = slip_train_job_default();
  slip_train *train = NULL;
  slip_error err;
  if (slip_catalog_model(catalog, model, &job.model, &err) != SLIP_OK ||
      slip_catalog_system(catalog, system, &job.system, &err) != SLIP_OK)
    fail(&err);
  job.stack = slip_catalog_newest_stack(catalog, job.system->chip, true);
  job.chips = chips, job.batch = batch;
  if (slip_train_open(&job, &train, &err) != SLIP_OK)
    fail(&err);
  slip_train_space space = slip_train_space_default();
  slip_train_result best;
  slip_search_stats stats;
  double start = now_s();
  if (slip_train_best(train, &space, NULL, &best, &stats, &err) != SLIP_OK)
    fail(&err);
  double seconds = now_s() - start, searched = (double)stats.legal / seconds;
  double single = one_at_a_time(train, &best.plan);
  printf("%-14s %-12s %5lld chips: %9lld plans in %6.3f s, %7.3g plans/s; one at a time %7.3g/s; ratio %.1f\n",
         model, system, (long long)chips, (long long)stats.legal, seconds, searched, single, searched / single);
  slip_train_free(train);
}

int main(void) {
  slip_catalog *catalog = NULL;
  slip_error err;
  if (slip_catalog_open(NULL, 0, &catalog, &err) != SLIP_OK)
    fail(&err);
  run(catalog, "gpt-3-175b", "hgx-a100", 1024, 1536);
  run(catalog, "llama-3.1-405b", "hgx-h100", 1024, 1024);
  run(catalog, "deepseek-v3", "hgx-h800", 2048, 15360);
  slip_catalog_free(catalog);
  return 0;
}
