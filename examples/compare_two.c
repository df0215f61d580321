/* DeepSeek-V3 on two systems, with the library alone: cc compare_two.c $(pkg-config --cflags --libs slipstick) */
#include <slipstick/compare.h>
#include <stdio.h>
#include <stdlib.h>

static void check(slip_status status, const slip_error *err) {
  char text[1024];
  if (status == SLIP_OK)
    return;
  slip_error_format(err, text, sizeof text);
  fprintf(stderr, "%s: %s\n", slip_status_name(status), text);
  exit(1);
}

int main(void) {
  static const char *const names[2] = {"cloudmatrix384", "gb200-nvl72"};
  slip_catalog *catalog;
  slip_error err;
  check(slip_catalog_open(NULL, 0, &catalog, &err), &err);
  slip_compare_job job = slip_compare_job_default(); /* at least 256 chips; 4096 in, 1024 out, 50 ms per token */
  job.catalog = catalog;
  check(slip_catalog_model(catalog, "deepseek-v3", &job.model, &err), &err);
  check(slip_catalog_region(catalog, "us-average", &job.terms.region, &err), &err);
  slip_compare_system systems[2] = {{.system = NULL}, {.system = NULL}};
  for (int i = 0; i < 2; i++)
    check(slip_catalog_system(catalog, names[i], &systems[i].system, &err), &err);
  static slip_compare_column columns[2];
  check(slip_compare(&job, systems, 2, NULL, NULL, NULL, columns, &err), &err);
  for (int i = 0; i < 2; i++) { /* a column without an answer says why */
    const slip_compare_column *c = &columns[i];
    printf("%s, %lld chips\n", c->system->entry.title, (long long)c->chips);
    printf("  train %.0f tokens/s per chip, %.1f days %s\n", c->train.tokens_per_s_per_chip, c->train_days.value,
           c->train_why);
    printf("  serve %.0f output tokens/s per chip, %.2f $ per million %s\n", c->serve.output_tokens_per_s_per_chip,
           c->serve_usd_per_mtoken.value, c->serve_why);
  }
  slip_catalog_free(catalog);
  return 0;
}
