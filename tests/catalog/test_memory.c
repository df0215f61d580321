/* Every allocation of opening a catalog may fail: each time the status says so, nothing is handed out, and nothing
 * stays behind. After a free nothing stays behind either. */
#include "catalog/fixture.h"

static slip_status open_small(slip_catalog **out, slip_error *err) {
  static const struct {
    slip_kind kind;
    const char *text;
  } files[] = {
      {SLIP_KIND_KERNELS, KERNELS_TEXT},
      {SLIP_KIND_CHIP, PLAIN_CHIP_TEXT("  tdp_w: {value: 7, source: a, confidence: high, also: "
                                       "[{value: 8, source: b, confidence: low}]}\n")},
      {SLIP_KIND_SYSTEM, SYSTEM_TEXT("c1", "- {name: scale-up, facts: {" LEVEL_FACT("chips", "8") "}}\n")},
      {SLIP_KIND_STACK, STACK_TEXT("a", "for_vendor: any\nserves: true\ndate: 2026-02")},
      {SLIP_KIND_REGION, "kind: region\nname: r\ntitle: R\nfacts:\n" FACT("pue", "1.1")},
  };
  slip_catalog *catalog = NULL;
  slip_status status = slip_catalog_new(&catalog, err);
  for (size_t i = 0; i < sizeof files / sizeof files[0] && status == SLIP_OK; i++)
    status = add_text(catalog, files[i].kind, files[i].text, err);
  if (status == SLIP_OK)
    status = slip_catalog_finish(catalog, err);
  if (status == SLIP_OK)
    *out = catalog;
  else
    slip_catalog_free(catalog);
  return status;
}

static slip_status open_built_in(slip_catalog **out, slip_error *err) {
  return slip_catalog_open(NULL, 0, out, err);
}

/* The first `every` points of failure are all tried, then each `every`-th one. */
static void fail_everywhere(slip_status (*open)(slip_catalog **, slip_error *), long every) {
  slip_status status = SLIP_NO_MEMORY;
  long tried = 0;
  for (long n = 1; status != SLIP_OK; n += n < every ? 1 : every) {
    slip_catalog *catalog = NULL;
    slip_error err = {0};
    slip_arena_fail_after(n);
    status = open(&catalog, &err);
    slip_arena_fail_after(0);
    if (status == SLIP_OK) {
      assert_non_null(catalog);
      slip_catalog_free(catalog);
    } else {
      assert_int_equal(status, SLIP_NO_MEMORY);
      assert_int_equal(err.code, SLIP_NO_MEMORY);
      assert_null(catalog);
      tried++;
    }
    assert_int_equal(slip_arena_live_bytes(), 0);
  }
  assert_true(tried > 3);
}

static void each_failed_allocation_of_a_small_catalog_is_reported(void **state) {
  fail_everywhere(open_small, 1000000);
}

static void failed_allocations_of_the_built_in_catalog_are_reported(void **state) {
  fail_everywhere(open_built_in, 40);
}

static void freeing_leaves_nothing(void **state) {
  slip_catalog *catalog = NULL;
  assert_int_equal(slip_catalog_open(NULL, 0, &catalog, NULL), SLIP_OK);
  assert_true(slip_arena_live_bytes() > 0);
  slip_catalog_free(catalog);
  assert_int_equal(slip_arena_live_bytes(), 0);
  slip_catalog_free(NULL);
}

static void a_refused_catalog_leaves_nothing(void **state) {
  slip_catalog *catalog = NULL;
  const char *dirs[] = {"/no/such/directory"};
  assert_int_equal(slip_catalog_open(dirs, 1, &catalog, NULL), SLIP_IO_FAILURE);
  assert_int_equal(slip_arena_live_bytes(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_failed_allocation_of_a_small_catalog_is_reported),
      cmocka_unit_test(failed_allocations_of_the_built_in_catalog_are_reported),
      cmocka_unit_test(freeing_leaves_nothing),
      cmocka_unit_test(a_refused_catalog_leaves_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
