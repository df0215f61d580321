/* Finding entries: names and aliases, what is suggested for an unknown name, the newest stack, required values. */
#include <math.h>

#include "catalog/fixture.h"

#define REGION_TEXT(name, rest) "kind: region\nname: " name "\ntitle: R\n" rest

static void names_and_aliases_are_found_in_any_case(void **state) {
  slip_catalog *catalog = small_catalog();
  static const char *const names[] = {"c1", "C1", "c-one", "C-ONE", "Old One"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    const slip_chip *chip = NULL;
    assert_int_equal(slip_catalog_chip(catalog, names[i], &chip, NULL), SLIP_OK);
    assert_string_equal(chip->entry.name, "c1");
  }
  slip_catalog_free(catalog);
}

static void entries_stand_in_name_order(void **state) {
  slip_catalog *catalog = empty_catalog();
  must_add(catalog, SLIP_KIND_REGION, REGION_TEXT("b", ""));
  must_add(catalog, SLIP_KIND_REGION, REGION_TEXT("c", ""));
  must_add(catalog, SLIP_KIND_REGION, REGION_TEXT("a", ""));
  assert_int_equal(slip_catalog_count(catalog, SLIP_KIND_REGION), 3);
  assert_string_equal(slip_catalog_entry(catalog, SLIP_KIND_REGION, 0)->name, "a");
  assert_string_equal(slip_catalog_entry(catalog, SLIP_KIND_REGION, 1)->name, "b");
  assert_string_equal(slip_catalog_entry(catalog, SLIP_KIND_REGION, 2)->name, "c");
  assert_null(slip_catalog_entry(catalog, SLIP_KIND_REGION, 3));
  assert_int_equal(slip_catalog_count(catalog, SLIP_KIND_CHIP), 0);
  assert_null(slip_catalog_entry(catalog, SLIP_KINDS, 0));
  slip_catalog_free(catalog);
}

/* The lists outgrow their first room (32 entries). */
static void many_entries_are_all_found(void **state) {
  slip_catalog *catalog = empty_catalog();
  char text[100], name[8];
  for (int i = 0; i < 100; i++) {
    snprintf(text, sizeof text, "kind: region\nname: r%02d\ntitle: R\n", (i * 37) % 100);
    must_add(catalog, SLIP_KIND_REGION, text);
  }
  assert_int_equal(slip_catalog_count(catalog, SLIP_KIND_REGION), 100);
  for (size_t i = 0; i < 100; i++) {
    snprintf(name, sizeof name, "r%02zu", i);
    assert_string_equal(slip_catalog_entry(catalog, SLIP_KIND_REGION, i)->name, name);
  }
  slip_catalog_free(catalog);
}

static void an_unknown_name_is_answered_with_the_nearest(void **state) {
  slip_catalog *catalog = empty_catalog();
  const slip_region *region = NULL;
  slip_error err = {0};
  must_add(catalog, SLIP_KIND_REGION, REGION_TEXT("texas", ""));
  must_add(catalog, SLIP_KIND_REGION, REGION_TEXT("us-east", "aliases: [virginia]\n"));
  must_add(catalog, SLIP_KIND_REGION, REGION_TEXT("us-west", ""));
  assert_int_equal(slip_catalog_region(catalog, "texsa", &region, &err), SLIP_BAD_INPUT);
  assert_string_equal(err.message, "no region is called \"texsa\"; did you mean texas");
  assert_int_equal(slip_catalog_region(catalog, "virginai", &region, &err), SLIP_BAD_INPUT);
  assert_string_equal(err.message, "no region is called \"virginai\"; did you mean us-east");
  /* a part of a name */
  assert_int_equal(slip_catalog_region(catalog, "us", &region, &err), SLIP_BAD_INPUT);
  assert_string_equal(err.message, "no region is called \"us\"; did you mean us-east, us-west");
  assert_int_equal(slip_catalog_region(catalog, "mars", &region, &err), SLIP_BAD_INPUT);
  assert_string_equal(err.message, "no region is called \"mars\", nor anything like it");
  assert_int_equal(slip_catalog_region(catalog, "", &region, &err), SLIP_BAD_INPUT);
  assert_null(region);
  slip_catalog_free(catalog);
}

static void three_names_at_most_are_suggested_nearest_first(void **state) {
  slip_catalog *catalog = empty_catalog();
  const slip_region *region = NULL;
  slip_error err = {0};
  static const char *const texts[] = {REGION_TEXT("abcdefgh1", ""), REGION_TEXT("abcdefghij", ""),
                                      REGION_TEXT("abcdefzz", ""), REGION_TEXT("abcdefgz", "")};
  for (size_t i = 0; i < 4; i++)
    must_add(catalog, SLIP_KIND_REGION, texts[i]);
  /* distances: abcdefgh1 1, abcdefgz 1, abcdefzz 2, abcdefghij 2 (name order decides: abcdefghij first) */
  assert_int_equal(slip_catalog_region(catalog, "abcdefgh", &region, &err), SLIP_BAD_INPUT);
  assert_string_equal(err.message,
                      "no region is called \"abcdefgh\"; did you mean abcdefgh1, abcdefgz, abcdefghij");
  slip_catalog_free(catalog);
}

static void hostile_names_stay_within_the_message(void **state) {
  slip_catalog *catalog = small_catalog();
  const slip_chip *chip = NULL;
  slip_error err = {0};
  char name[5000];
  memset(name, 'c', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  assert_int_equal(slip_catalog_chip(catalog, name, &chip, &err), SLIP_BAD_INPUT);
  assert_true(strlen(err.message) < 300);
  assert_int_equal(slip_catalog_chip(catalog, "\033[2J", &chip, &err), SLIP_BAD_INPUT);
  assert_null(strchr(err.message, '\033'));
  slip_catalog_free(catalog);
}

static void any_kind_is_found_chips_first_and_names_before_aliases(void **state) {
  slip_catalog *catalog = small_catalog();
  must_add(catalog, SLIP_KIND_SYSTEM, "kind: system\nname: c1\ntitle: S\nvendor: V\nstatus: shipping\nchip: c1\n");
  must_add(catalog, SLIP_KIND_REGION, REGION_TEXT("c-one", "aliases: [lonely]\n"));
  assert_int_equal(slip_catalog_find(catalog, "C1")->kind, SLIP_KIND_CHIP);
  assert_int_equal(slip_catalog_find(catalog, "k1")->kind, SLIP_KIND_KERNELS);
  /* an alias of a chip, but the name of a region */
  assert_int_equal(slip_catalog_find(catalog, "c-one")->kind, SLIP_KIND_REGION);
  assert_int_equal(slip_catalog_find(catalog, "Lonely")->kind, SLIP_KIND_REGION);
  assert_null(slip_catalog_find(catalog, "nothing"));
  slip_catalog_free(catalog);
}

/* ---- stacks ---- */

static const char *newest(const slip_catalog *catalog, const char *chip_name, bool train) {
  const slip_chip *chip = NULL;
  assert_int_equal(slip_catalog_chip(catalog, chip_name, &chip, NULL), SLIP_OK);
  const slip_stack *stack = slip_catalog_newest_stack(catalog, chip, train);
  return stack ? stack->entry.name : "";
}

/* The vendor of c1 is Acme. */
static void the_newest_stack_of_the_vendor_is_taken(void **state) {
  slip_catalog *catalog = small_catalog();
  assert_string_equal(newest(catalog, "c1", true), "");
  must_add(catalog, SLIP_KIND_STACK,
           STACK_TEXT("any-prior", "for_vendor: any\ntrains: true\nserves: true\nis_prior: true"));
  assert_string_equal(newest(catalog, "c1", true), "any-prior");
  must_add(catalog, SLIP_KIND_STACK, STACK_TEXT("z-other", "for_vendor: Zeta\ntrains: true\ndate: 2030-01"));
  assert_string_equal(newest(catalog, "c1", true), "any-prior");
  must_add(catalog, SLIP_KIND_STACK, STACK_TEXT("acme-prior", "for_vendor: ACME\ntrains: true\nis_prior: true"));
  assert_string_equal(newest(catalog, "c1", true), "acme-prior");
  assert_string_equal(newest(catalog, "c1", false), "any-prior");
  must_add(catalog, SLIP_KIND_STACK, STACK_TEXT("old", "for_vendor: acme\ntrains: true\ndate: 2024-12"));
  assert_string_equal(newest(catalog, "c1", true), "old");
  must_add(catalog, SLIP_KIND_STACK, STACK_TEXT("new", "for_vendor: Acme\ntrains: true\ndate: 2025-03"));
  must_add(catalog, SLIP_KIND_STACK, STACK_TEXT("serving", "for_vendor: Acme\nserves: true\ndate: 2026-01"));
  assert_string_equal(newest(catalog, "c1", true), "new");
  assert_string_equal(newest(catalog, "c1", false), "serving");
  slip_catalog_free(catalog);
}

/* ---- required values ---- */

static void a_missing_value_names_entry_field_and_file(void **state) {
  slip_catalog *catalog = small_catalog();
  const slip_chip *chip = NULL;
  slip_error err = {0};
  assert_int_equal(slip_catalog_chip(catalog, "c1", &chip, NULL), SLIP_OK);
  assert_int_equal(slip_require(&chip->entry, "bf16_tflops", chip->peak_flops[SLIP_BF16], &err), SLIP_OK);
  assert_int_equal(slip_require(&chip->entry, "price_usd", chip->price_usd, &err), SLIP_MISSING);
  assert_string_equal(err.message,
                      "c1 has no published price_usd (mem.yaml); add it there or in an overlay (--catalog)");
  assert_string_equal(err.file, "mem.yaml");
  assert_string_equal(err.field, "price_usd");
  assert_int_equal(err.code, SLIP_MISSING);
  assert_int_equal(slip_require(&chip->entry, "price_usd", NAN, NULL), SLIP_MISSING);
  slip_catalog_free(catalog);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_and_aliases_are_found_in_any_case),
      cmocka_unit_test(entries_stand_in_name_order),
      cmocka_unit_test(many_entries_are_all_found),
      cmocka_unit_test(an_unknown_name_is_answered_with_the_nearest),
      cmocka_unit_test(three_names_at_most_are_suggested_nearest_first),
      cmocka_unit_test(hostile_names_stay_within_the_message),
      cmocka_unit_test(any_kind_is_found_chips_first_and_names_before_aliases),
      cmocka_unit_test(the_newest_stack_of_the_vendor_is_taken),
      cmocka_unit_test(a_missing_value_names_entry_field_and_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
