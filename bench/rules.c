/* The whole catalog under every date on which any rule changed. The aim of the issue: under 100 ms. The ratio is to the cost of opening catalog and
 * rules once, in the same run, which every command pays. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <slipstick/rules.h>

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static void check(slip_status status, const slip_error *err) {
  if (status == SLIP_OK)
    return;
  fprintf(stderr, "%s:%d: %s\n", err->file, err->line, err->message);
  exit(1);
}

static const slip_entry *nth_item(const slip_catalog *catalog, size_t i) {
  const size_t chips = slip_catalog_count(catalog, SLIP_KIND_CHIP);
  return i < chips ? slip_catalog_entry(catalog, SLIP_KIND_CHIP, i)
                   : slip_catalog_entry(catalog, SLIP_KIND_SYSTEM, i - chips);
}

/* Every item on every date, in a transaction from the US to China. Returns the verdicts made. */
static size_t sweep(const slip_rules *rules, const slip_catalog *catalog) {
  slip_error err = {0};
  size_t n_dates = 0, verdicts = 0;
  const slip_date *dates = slip_rules_dates(rules, &n_dates);
  for (size_t i = 0; nth_item(catalog, i) != NULL; i++) {
    slip_case *c = NULL;
    check(slip_case_open(rules, &c, &err), &err);
    check(slip_case_add_item(c, nth_item(catalog, i), &err), &err);
    check(slip_case_set(c, "from", "US", "bench", &err), &err);
    check(slip_case_set(c, "to", "CN", "bench", &err), &err);
    check(slip_case_set(c, "hq", "CN", "bench", &err), &err);
    slip_sweep *s = NULL;
    check(slip_rules_sweep(rules, c, &(slip_ask){.date = 0}, dates, n_dates, &s, &err), &err);
    verdicts += s->n_dates;
    slip_sweep_free(s);
    slip_case_free(c);
  }
  return verdicts;
}

int main(void) {
  slip_error err = {0};
  slip_rules *rules = NULL;
  slip_catalog *catalog = NULL;
  const double start = now_ms();
  check(slip_rules_open(NULL, 0, &rules, &err), &err);
  check(slip_catalog_open(NULL, 0, &catalog, &err), &err);
  const double opened = now_ms() - start;
  double best = 1e9;
  size_t verdicts = 0;
  for (int round = 0; round < 5; round++) {
    const double before = now_ms();
    verdicts = sweep(rules, catalog);
    const double took = now_ms() - before;
    best = took < best ? took : best;
  }
  printf("opening catalog and rules      %8.2f ms\n", opened);
  printf("catalog x every date of change %8.2f ms  %zu verdicts, %.2f us each, %.2f of opening; aim: 100 ms, %s\n",
         best, verdicts, 1e3 * best / (double)verdicts, best / opened, best < 100 ? "met" : "missed");
  slip_rules_free(rules);
  slip_catalog_free(catalog);
  return 0;
}
