/* The tables of fields: what they promise to readers, to `show` and to docs/catalog.md. */
#include <math.h>
#include <stdlib.h>

#include "base/text.h"
#include "catalog/fixture.h"
#include <slipstick/model.h>

/* Six kinds, and the levels of systems. */
static const slip_field *table(int i, size_t *count) {
  return i < SLIP_KINDS ? slip_kind_fields((slip_kind)i, count) : slip_level_fields(count);
}

static void each_field_has_a_name_a_meaning_and_a_range(void **state) {
  for (int t = 0; t <= SLIP_KINDS; t++) {
    size_t count = 0;
    const slip_field *fields = table(t, &count);
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
      assert_true(strlen(fields[i].name) > 0 && strlen(fields[i].meaning) > 0);
      assert_non_null(fields[i].unit);
      assert_true(fields[i].is_text || fields[i].low < fields[i].high);
      assert_true(fields[i].is_text || (fields[i].multiply > 0 && fields[i].divide > 0));
      assert_true(fields[i].choices == NULL || fields[i].is_text);
    }
  }
}

static void no_name_and_no_member_stands_twice_in_a_table(void **state) {
  for (int t = 0; t <= SLIP_KINDS; t++) {
    size_t count = 0;
    const slip_field *fields = table(t, &count);
    for (size_t i = 0; i < count; i++) {
      for (size_t j = 0; j < i; j++) {
        assert_string_not_equal(fields[i].name, fields[j].name);
        assert_true(fields[i].offset < 0 || fields[i].offset != fields[j].offset);
      }
    }
  }
}

/* A field that ends in a unit is in that unit. */
static void names_end_in_their_unit(void **state) {
  static const struct {
    const char *tail, *unit;
  } rows[] = {{"_tflops", "TFLOP/s"}, {"_tops", "TOP/s"}, {"_gb", "GB"}, {"_tbs", "TB/s"}, {"gbs", "GB/s"},
              {"_us", "us"},          {"_w", "W"},        {"_kw", "kW"}, {"_usd", "USD"},  {"_fraction", ""}};
  int checked = 0;
  for (int t = 0; t <= SLIP_KINDS; t++) {
    size_t count = 0;
    const slip_field *fields = table(t, &count);
    for (size_t i = 0; i < count; i++) {
      const size_t length = strlen(fields[i].name);
      for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        const size_t n = strlen(rows[r].tail);
        if (length >= n && strcmp(fields[i].name + length - n, rows[r].tail) == 0) {
          assert_string_equal(fields[i].unit, rows[r].unit);
          checked++;
        }
      }
    }
  }
  assert_true(checked > 30);
}

/* Every double of a stack is filled by a field: the struct between its first and its last number has no gap. */
static void a_stack_has_a_field_for_each_of_its_numbers(void **state) {
  size_t count = 0;
  const slip_field *fields = slip_kind_fields(SLIP_KIND_STACK, &count);
  const size_t first = offsetof(slip_stack, overlap_dp);
  assert_int_equal(count, (sizeof(slip_stack) - first) / sizeof(double));
  for (size_t i = 0; i < count; i++)
    assert_true(fields[i].offset >= (ptrdiff_t)first);
}

static void kinds_have_names_and_folders(void **state) {
  static const char *const folders[] = {"chips", "kernels", "systems", "stacks", "models", "regions"};
  size_t count = 7;
  for (int i = 0; i < SLIP_KINDS; i++)
    assert_string_equal(slip_kind_folder((slip_kind)i), folders[i]);
  assert_string_equal(slip_kind_name(SLIP_KIND_CHIP), "chip");
  assert_string_equal(slip_kind_name(SLIP_KINDS), "");
  assert_null(slip_kind_fields(SLIP_KINDS, &count));
  assert_int_equal(count, 0);
  assert_string_equal(slip_confidence_name(SLIP_ASSUMED), "assumed");
  assert_string_equal(slip_confidence_name(SLIP_CONFIDENCES), "unknown");
}

static void the_documentation_has_a_row_for_each_field(void **state) {
  const char *root = getenv("SLIP_SOURCE_DIR");
  char path[1000], row[100];
  char *text = NULL;
  size_t n = 0;
  slip_error err = {0};
  if (!root)
    skip();
  snprintf(path, sizeof path, "%s/docs/catalog.md", root);
  assert_int_equal(slip_read_file(path, 1 << 20, &text, &n, &err), SLIP_OK);
  for (int t = 0; t <= SLIP_KINDS; t++) {
    size_t count = 0;
    const slip_field *fields = table(t, &count);
    for (size_t i = 0; i < count; i++) {
      snprintf(row, sizeof row, "| `%s` | %s |", fields[i].name, fields[i].is_text ? "text" : fields[i].unit);
      if (!strstr(text, row))
        fail_msg("docs/catalog.md lacks this row: %s %g to %g | %s |", row, fields[i].low, fields[i].high,
                 fields[i].meaning);
    }
  }
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_field_has_a_name_a_meaning_and_a_range),
      cmocka_unit_test(no_name_and_no_member_stands_twice_in_a_table),
      cmocka_unit_test(names_end_in_their_unit),
      cmocka_unit_test(a_stack_has_a_field_for_each_of_its_numbers),
      cmocka_unit_test(kinds_have_names_and_folders),
      cmocka_unit_test(the_documentation_has_a_row_for_each_field),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
