/* The embedded catalog is data/ as it lies in the source tree: every data/KIND/NAME.yaml, byte for byte, sorted by path. data/calibration/, data/rules/,
 * data/supply/ and data/scenarios/ are no folders of the catalog: they say what is fitted (calibrate/agenda.h) what the rules are and what scenarios suppose, and are embedded by themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/agenda.h"
#include "catalog/embedded.h"
#include "rules/embedded.h"
#include "supply/embedded.h"

static const char *data_path(const char *below) {
  static char path[4096];
  const char *root = getenv("SLIP_SOURCE_DIR");
  if (root == NULL)
    skip();
  assert_in_range(snprintf(path, sizeof path, "%s/data/%s", root, below), 1, sizeof path - 1);
  return path;
}

static bool is_of_calibration(const char *path) {
  return strncmp(path, "calibration", 11) == 0;
}

static void paths_are_sorted_and_unique(void **state) {
  for (size_t i = 1; i < slip_embedded_file_count; i++)
    assert_true(strcmp(slip_embedded_files[i - 1].path, slip_embedded_files[i].path) < 0);
}

static void check_bytes(const slip_embedded_file *files, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const slip_embedded_file *file = &files[i];
    FILE *in = fopen(data_path(file->path), "rb");
    assert_non_null(in);
    unsigned char *bytes = malloc(file->size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, file->size + 1, in), file->size); /* not one byte more */
    assert_memory_equal(bytes, file->bytes, file->size);
    free(bytes);
    (void)fclose(in);
  }
}

static void each_file_has_the_bytes_of_the_tree(void **state) {
  check_bytes(slip_embedded_files, slip_embedded_file_count);
  check_bytes(slip_calibration_files, slip_calibration_file_count);
  check_bytes(slip_studies_files, slip_studies_file_count);
}

static void what_is_calibrated_is_no_entry_of_the_catalog(void **state) {
  for (size_t i = 0; i < slip_embedded_file_count; i++)
    assert_false(is_of_calibration(slip_embedded_files[i].path));
  for (size_t i = 0; i < slip_calibration_file_count; i++)
    assert_true(is_of_calibration(slip_calibration_files[i].path));
}

/* Files named *.yaml in data/<kind>. */
static size_t count_yaml(const char *kind) {
  size_t count = 0;
  DIR *folder = opendir(data_path(kind));
  if (folder == NULL)
    return 0; /* a plain file beside the folders */
  for (const struct dirent *item = readdir(folder); item != NULL; item = readdir(folder)) {
    const size_t length = strlen(item->d_name);
    count += item->d_name[0] != '.' && length > 5 && strcmp(item->d_name + length - 5, ".yaml") == 0;
  }
  (void)closedir(folder);
  return count;
}

/* Folders whose files are no entries of the catalog but have a table of their own. */
static bool is_apart(const char *folder) {
  return strcmp(folder, "rules") == 0 || strcmp(folder, "calibration") == 0 || strcmp(folder, "supply") == 0 ||
         strcmp(folder, "scenarios") == 0;
}

static void no_file_of_the_tree_is_left_out(void **state) {
  size_t count = 0;
  DIR *data = opendir(data_path(""));
  assert_non_null(data);
  for (const struct dirent *item = readdir(data); item != NULL; item = readdir(data))
    count += item->d_name[0] == '.' || is_apart(item->d_name) ? 0 : count_yaml(item->d_name);
  (void)closedir(data);
  assert_int_equal(slip_embedded_file_count, count);
  assert_int_equal(slip_rules_file_count, count_yaml("rules"));
  assert_int_equal(slip_calibration_file_count, count_yaml("calibration"));
  assert_int_equal(slip_studies_file_count, count_yaml("supply") + count_yaml("scenarios"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(paths_are_sorted_and_unique),
      cmocka_unit_test(each_file_has_the_bytes_of_the_tree),
      cmocka_unit_test(what_is_calibrated_is_no_entry_of_the_catalog),
      cmocka_unit_test(no_file_of_the_tree_is_left_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
