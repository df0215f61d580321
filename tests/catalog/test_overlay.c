/* Overlay directories, references between entries, and names that two entries claim. The directories here overlay
 * an empty catalog or the small one, so that these rules do not depend on the built-in data. */
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalog/fixture.h"

#define REGION_TEXT(name, rest) "kind: region\nname: " name "\ntitle: R\n" rest

/* ---- directories of a test, removed at its end ---- */

typedef struct tree {
  char root[64];
  char paths[40][160]; /* in the order of making */
  int count;
} tree;

static int make_tree(void **state) {
  const char *tmp = getenv("TMPDIR");
  tree *t = calloc(1, sizeof *t);
  if (!t)
    return 1;
  snprintf(t->root, sizeof t->root, "%.40s/slip-catalog-XXXXXX", tmp && strlen(tmp) <= 40 ? tmp : "/tmp");
  *state = t;
  return mkdtemp(t->root) ? 0 : 1;
}

static int remove_tree(void **state) {
  tree *t = *state;
  while (t->count > 0)
    remove(t->paths[--t->count]);
  const int failed = rmdir(t->root);
  free(t);
  return failed;
}

static const char *path_of(tree *t, const char *name) {
  char *path = t->paths[t->count++];
  const size_t root = strlen(t->root), rest = strlen(name);
  assert_true(root + rest + 2 <= sizeof t->paths[0]);
  memcpy(path, t->root, root);
  path[root] = '/';
  memcpy(path + root + 1, name, rest + 1);
  return path;
}

static void folder(tree *t, const char *name) {
  assert_int_equal(mkdir(path_of(t, name), 0700), 0);
}

static void file(tree *t, const char *name, const char *text) {
  FILE *out = fopen(path_of(t, name), "wb");
  assert_non_null(out);
  assert_true(fputs(text, out) >= 0);
  assert_int_equal(fclose(out), 0);
}

static void refuses_tree(const tree *t, slip_status code, const char *file_tail, const char *part) {
  slip_catalog *catalog = small_catalog();
  slip_error err = {0};
  slip_status status = slip_catalog_add_directory(catalog, t->root, &err);
  if (status == SLIP_OK)
    status = slip_catalog_finish(catalog, &err);
  assert_int_equal(status, code);
  const size_t length = strlen(err.file), n = strlen(file_tail);
  if (length < n || strcmp(err.file + length - n, file_tail) != 0)
    fail_msg("the error names \"%s\", not \"%s\": %s", err.file, file_tail, err.message);
  if (!strstr(err.message, part))
    fail_msg("\"%s\" does not say \"%s\"", err.message, part);
  slip_catalog_free(catalog);
}

/* ---- overlaying ---- */

static void a_file_replaces_the_whole_entry_of_its_kind_and_name(void **state) {
  tree *t = *state;
  const slip_chip *chip = NULL;
  folder(t, "chips");
  file(t, "chips/c1.yaml",
       "kind: chip\nname: c1\ntitle: Mine\nvendor: Me\nstatus: rumoured\nkernels: k1\nfacts:\n" FACT("tdp_w",
                                                                                                     "500"));
  slip_catalog *catalog = small_catalog();
  assert_int_equal(slip_catalog_add_directory(catalog, t->root, NULL), SLIP_OK);
  must_finish(catalog);
  assert_int_equal(slip_catalog_count(catalog, SLIP_KIND_CHIP), 2);
  assert_int_equal(slip_catalog_chip(catalog, "c1", &chip, NULL), SLIP_OK);
  assert_string_equal(chip->entry.title, "Mine");
  assert_true(chip->tdp_w == 500);
  assert_true(isnan(chip->peak_flops[SLIP_BF16])); /* nothing of the old entry is left */
  assert_int_equal(slip_catalog_chip(catalog, "old one", &chip, NULL), SLIP_BAD_INPUT);
  assert_non_null(strstr(chip->entry.file, "/chips/c1.yaml"));
  assert_int_equal(chip->entry.facts[0].line, 8);
  slip_catalog_free(catalog);
}

static void systems_use_the_replaced_chip(void **state) {
  tree *t = *state;
  const slip_system *system = NULL;
  folder(t, "chips");
  file(t, "chips/c1.yaml",
       "kind: chip\nname: c1\ntitle: Mine\nvendor: Me\nstatus: rumoured\nkernels: k1\nfacts:\n" FACT("ranks", "4"));
  slip_catalog *catalog = small_catalog();
  must_add(catalog, SLIP_KIND_SYSTEM,
           SYSTEM_TEXT("c1", "- {name: scale-up, facts: {" LEVEL_FACT("chips", "8") "}}\n"));
  assert_int_equal(slip_catalog_add_directory(catalog, t->root, NULL), SLIP_OK);
  must_finish(catalog);
  assert_int_equal(slip_catalog_system(catalog, "s1", &system, NULL), SLIP_OK);
  assert_true(system->levels[0].ranks == 32);
  slip_catalog_free(catalog);
}

static void later_directories_win(void **state) {
  tree *t = *state;
  const slip_region *region = NULL;
  slip_error err = {0};
  char first[80], second[80];
  folder(t, "one");
  folder(t, "one/regions");
  folder(t, "two");
  folder(t, "two/regions");
  file(t, "one/regions/r.yaml", REGION_TEXT("r", "facts:\n" FACT("pue", "1.1")));
  file(t, "two/regions/r.yaml", REGION_TEXT("r", "facts:\n" FACT("pue", "1.2")));
  snprintf(first, sizeof first, "%s/one", t->root);
  snprintf(second, sizeof second, "%s/two", t->root);
  slip_catalog *catalog = empty_catalog();
  assert_int_equal(slip_catalog_add_directory(catalog, first, &err), SLIP_OK);
  assert_int_equal(slip_catalog_add_directory(catalog, second, &err), SLIP_OK);
  assert_int_equal(slip_catalog_region(catalog, "r", &region, &err), SLIP_OK);
  assert_true(region->pue == 1.2);
  slip_catalog_free(catalog);
}

static void files_that_are_not_yaml_are_ignored(void **state) {
  tree *t = *state;
  folder(t, "regions");
  file(t, "README.md", "how to\n");
  file(t, "regions/notes.txt", "{{{\n");
  file(t, "regions/r.yaml~", "{{{\n");
  file(t, "regions/.r.yaml", "{{{\n");
  file(t, "regions/r.yaml", REGION_TEXT("r", ""));
  slip_catalog *catalog = empty_catalog();
  assert_int_equal(slip_catalog_add_directory(catalog, t->root, NULL), SLIP_OK);
  assert_int_equal(slip_catalog_count(catalog, SLIP_KIND_REGION), 1);
  slip_catalog_free(catalog);
}

static void a_directory_that_is_not_there_is_an_io_failure(void **state) {
  slip_catalog *catalog = NULL;
  slip_error err = {0};
  const char *dirs[] = {"/no/such/directory"};
  assert_int_equal(slip_catalog_open(dirs, 1, &catalog, &err), SLIP_IO_FAILURE);
  assert_null(catalog);
  assert_string_equal(err.file, "/no/such/directory");
}

static void an_unknown_sub_folder_is_refused_with_the_legal_ones(void **state) {
  tree *t = *state;
  folder(t, "chip");
  refuses_tree(t, SLIP_BAD_INPUT, "/chip", "chips, kernels, systems, stacks, models, regions");
}

static void misplaced_and_misnamed_files_are_not_passed_over(void **state) {
  tree *t = *state;
  file(t, "c9.yaml", "");
  refuses_tree(t, SLIP_BAD_INPUT, "/c9.yaml", "folder of their kind");
  remove(t->paths[--t->count]);
  folder(t, "chips");
  file(t, "chips/c9.yml", "");
  refuses_tree(t, SLIP_BAD_INPUT, "/chips/c9.yml", ".yaml");
}

static void a_file_has_the_name_of_its_entry(void **state) {
  tree *t = *state;
  folder(t, "regions");
  file(t, "regions/north.yaml", REGION_TEXT("south", ""));
  refuses_tree(t, SLIP_BAD_INPUT, "/regions/north.yaml", "\"north\"");
}

static void files_are_read_in_name_order(void **state) {
  tree *t = *state;
  folder(t, "regions");
  file(t, "regions/c.yaml", "c: 1\n");
  file(t, "regions/a.yaml", REGION_TEXT("a", ""));
  file(t, "regions/b.yaml", "b: 1\n");
  refuses_tree(t, SLIP_BAD_INPUT, "/regions/b.yaml", "no key");
}

static void errors_of_the_reader_keep_their_place(void **state) {
  tree *t = *state;
  folder(t, "regions");
  file(t, "regions/r.yaml", "kind: region\nname: [\n");
  refuses_tree(t, SLIP_BAD_INPUT, "/regions/r.yaml", "");
  remove(t->paths[--t->count]);
  folder(t, "regions/r.yaml"); /* a folder where a file should be */
  refuses_tree(t, SLIP_IO_FAILURE, "/regions/r.yaml", "");
}

/* ---- references and names ---- */

static void a_reference_that_leads_nowhere_names_both_files(void **state) {
  slip_catalog *catalog = empty_catalog();
  slip_error err = {0};
  must_add(catalog, SLIP_KIND_KERNELS, "kind: kernels\nname: k2\ntitle: K\n");
  must_add(catalog, SLIP_KIND_CHIP, PLAIN_CHIP_TEXT(""));
  assert_int_equal(slip_catalog_finish(catalog, &err), SLIP_BAD_INPUT);
  assert_string_equal(err.file, "mem.yaml");
  assert_int_equal(err.line, 7);
  assert_string_equal(err.field, "kernels");
  assert_string_equal(err.message,
                      "no file kernels/k1.yaml is in the catalog, which mem.yaml needs; did you mean k2");
  slip_catalog_free(catalog);
}

static void a_reference_may_be_an_alias(void **state) {
  slip_catalog *catalog = small_catalog();
  const slip_system *system = NULL;
  must_add(catalog, SLIP_KIND_SYSTEM, SYSTEM_TEXT("OLD ONE", ""));
  must_finish(catalog);
  assert_int_equal(slip_catalog_system(catalog, "s1", &system, NULL), SLIP_OK);
  assert_string_equal(system->chip->entry.name, "c1");
  slip_catalog_free(catalog);
}

static void no_two_entries_of_a_kind_share_a_name(void **state) {
  static const struct {
    const char *a, *b, *part;
  } rows[] = {
      {REGION_TEXT("a", "aliases: [X]\n"), REGION_TEXT("b", "aliases: [x]\n"), "alias of the region b"},
      {REGION_TEXT("a", "aliases: [B]\n"), REGION_TEXT("b", ""), "alias of the region b"},
      {REGION_TEXT("a", "aliases: [x, X]\n"), REGION_TEXT("b", ""), "twice"},
      {REGION_TEXT("a", "aliases: [A]\n"), REGION_TEXT("b", ""), "twice"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    slip_catalog *catalog = empty_catalog();
    slip_error err = {0};
    must_add(catalog, SLIP_KIND_REGION, rows[i].a);
    must_add(catalog, SLIP_KIND_REGION, rows[i].b);
    assert_int_equal(slip_catalog_finish(catalog, &err), SLIP_BAD_INPUT);
    assert_non_null(strstr(err.message, rows[i].part));
    assert_string_equal(err.field, "aliases");
    assert_int_equal(err.line, 4);
    slip_catalog_free(catalog);
  }
}

static void entries_of_different_kinds_may_share_a_name(void **state) {
  slip_catalog *catalog = small_catalog();
  must_add(catalog, SLIP_KIND_REGION, REGION_TEXT("c1", "aliases: [k1]\n"));
  must_finish(catalog);
  slip_catalog_free(catalog);
}

#define WITH_TREE(test) cmocka_unit_test_setup_teardown(test, make_tree, remove_tree)

int main(void) {
  const struct CMUnitTest tests[] = {
      WITH_TREE(a_file_replaces_the_whole_entry_of_its_kind_and_name),
      WITH_TREE(systems_use_the_replaced_chip),
      WITH_TREE(later_directories_win),
      WITH_TREE(files_that_are_not_yaml_are_ignored),
      cmocka_unit_test(a_directory_that_is_not_there_is_an_io_failure),
      WITH_TREE(an_unknown_sub_folder_is_refused_with_the_legal_ones),
      WITH_TREE(misplaced_and_misnamed_files_are_not_passed_over),
      WITH_TREE(a_file_has_the_name_of_its_entry),
      WITH_TREE(files_are_read_in_name_order),
      WITH_TREE(errors_of_the_reader_keep_their_place),
      cmocka_unit_test(a_reference_that_leads_nowhere_names_both_files),
      cmocka_unit_test(a_reference_may_be_an_alias),
      cmocka_unit_test(no_two_entries_of_a_kind_share_a_name),
      cmocka_unit_test(entries_of_different_kinds_may_share_a_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
