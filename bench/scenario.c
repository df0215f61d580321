/* How many Monte Carlo samples a second each built-in scenario takes on one thread, and two threads over one. Estimates come first. */
#include <slipstick/scenario.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static double now_s(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double time_run(const slip_scenario *s, int64_t samples, int threads, clockid_t clock) {
  const slip_scenario_ask ask = {.samples = samples, .seed = 1, .threads = threads};
  slip_scenario_result *result = NULL;
  slip_error err;
  const double start = now_s(clock);
  if (slip_scenario_run(s, &ask, NULL, &result, &err) != SLIP_OK) {
    fprintf(stderr, "%s\n", err.message);
    return -1;
  }
  slip_scenario_result_free(result);
  return now_s(clock) - start;
}

int main(void) {
  slip_catalog *catalog = NULL;
  slip_rules *rules = NULL;
  slip_scenario *scenarios[16] = {NULL};
  slip_error err;
  char name[128];
  size_t n = 0;
  if (slip_catalog_open(NULL, 0, &catalog, &err) != SLIP_OK || slip_rules_open(NULL, 0, &rules, &err) != SLIP_OK)
    return 1;
  for (size_t i = 0; n < 16 && slip_scenario_name(i, name, sizeof name); i++)
    if (slip_scenario_open(name, catalog, rules, &scenarios[n], &err) == SLIP_OK)
      n++;
  const double start = now_s(CLOCK_MONOTONIC);
  if (slip_scenario_prepare(scenarios, n, NULL, NULL, NULL, &err) != SLIP_OK) {
    fprintf(stderr, "%s\n", err.message);
    return 1;
  }
  printf("estimates of all systems: %.2f s\n", now_s(CLOCK_MONOTONIC) - start);
  for (size_t i = 0; i < n; i++) {
    const int64_t samples = 1000000;
    const double one = time_run(scenarios[i], samples / 5, 1, CLOCK_MONOTONIC),
                 two = time_run(scenarios[i], samples / 5, 2, CLOCK_MONOTONIC);
    const double cpu = time_run(scenarios[i], samples, 1, CLOCK_PROCESS_CPUTIME_ID);
    printf("%-20s 1e6 samples on one thread %.2f s of CPU; one thread over two: %.2fx\n",
           slip_scenario_describe(scenarios[i]).name, cpu, one / two);
    fflush(stdout);
    slip_scenario_free(scenarios[i]);
  }
  slip_rules_free(rules);
  slip_catalog_free(catalog);
  return 0;
}
