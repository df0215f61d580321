/* Files that appear whole or not at all, and are replaced only when asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <dirent.h>

#include "base/save.h"
#include "base/text.h"

enum { PATH_BYTES = 512, LONG_PATH = 5000 };

static char folder[PATH_BYTES], path[PATH_BYTES + 16];

static int setup(void **state) {
  const char *base = getenv("TMPDIR");
  (void)snprintf(folder, sizeof folder, "%s/slipstick-save-XXXXXX", base && *base ? base : "/tmp");
  if (!mkdtemp(folder))
    return -1;
  (void)snprintf(path, sizeof path, "%s/file", folder);
  return 0;
}

static int teardown(void **state) {
  (void)unlink(path);
  return rmdir(folder); /* fails when anything was left behind */
}

static void holds(const char *expected, size_t n) {
  char *bytes = NULL;
  size_t size = 0;
  assert_int_equal(slip_read_file(path, 1 << 20, &bytes, &size, NULL), SLIP_OK);
  assert_int_equal(size, n);
  assert_memory_equal(bytes, expected, n);
  free(bytes);
}

static size_t files_in_folder(void) {
  size_t n = 0;
  DIR *dir = opendir(folder);
  assert_non_null(dir);
  for (const struct dirent *item = readdir(dir); item; item = readdir(dir))
    n += item->d_name[0] != '.';
  (void)closedir(dir);
  return n;
}

static void a_file_has_exactly_the_bytes(void **state) {
  static const char bytes[] = "one\0two\n";
  assert_int_equal(slip_save_file(path, bytes, sizeof bytes, false, NULL), SLIP_OK);
  holds(bytes, sizeof bytes);
  assert_int_equal(files_in_folder(), 1); /* nothing beside it */
}

static void a_file_that_is_there_stays_unless_replaced(void **state) {
  slip_error err = {.message = ""};
  assert_int_equal(slip_save_file(path, "old", 3, false, &err), SLIP_OK);
  assert_int_equal(slip_save_file(path, "new", 3, false, &err), SLIP_BAD_INPUT);
  assert_non_null(strstr(err.message, path));
  assert_non_null(strstr(err.message, "--force"));
  holds("old", 3);
  assert_int_equal(files_in_folder(), 1);
  assert_int_equal(slip_save_file(path, "", 0, true, &err), SLIP_OK);
  holds("", 0);
  assert_int_equal(files_in_folder(), 1);
}

static void a_link_to_nowhere_counts_as_there(void **state) {
  assert_int_equal(symlink("nowhere", path), 0);
  assert_int_equal(slip_save_file(path, "new", 3, false, NULL), SLIP_BAD_INPUT);
  assert_int_equal(slip_save_file(path, "new", 3, true, NULL), SLIP_OK); /* the link is replaced, not followed */
  holds("new", 3);
  assert_int_equal(files_in_folder(), 1);
}

static void a_folder_in_its_place_is_an_error_and_stays(void **state) {
  struct stat info;
  assert_int_equal(mkdir(path, 0777), 0);
  assert_int_equal(slip_save_file(path, "new", 3, false, NULL), SLIP_BAD_INPUT);
  assert_int_equal(slip_save_file(path, "new", 3, true, NULL), SLIP_IO_FAILURE);
  assert_true(stat(path, &info) == 0 && S_ISDIR(info.st_mode));
  assert_int_equal(files_in_folder(), 1);
  assert_int_equal(rmdir(path), 0);
}

static void a_folder_that_is_missing_is_named(void **state) {
  char absent[PATH_BYTES + 32];
  slip_error err = {.message = ""};
  (void)snprintf(absent, sizeof absent, "%s/absent/file", folder);
  assert_int_equal(slip_save_file(absent, "new", 3, false, &err), SLIP_IO_FAILURE);
  assert_non_null(strstr(err.message, absent));
  assert_int_equal(files_in_folder(), 0);
}

static void a_path_that_is_too_long_is_refused(void **state) {
  char text[LONG_PATH];
  slip_error err = {.message = ""};
  memset(text, 'a', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  assert_int_equal(slip_save_file(text, "new", 3, false, &err), SLIP_BAD_INPUT);
  assert_non_null(strstr(err.message, "longer than 4095 bytes"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_file_has_exactly_the_bytes, setup, teardown),
      cmocka_unit_test_setup_teardown(a_file_that_is_there_stays_unless_replaced, setup, teardown),
      cmocka_unit_test_setup_teardown(a_link_to_nowhere_counts_as_there, setup, teardown),
      cmocka_unit_test_setup_teardown(a_folder_in_its_place_is_an_error_and_stays, setup, teardown),
      cmocka_unit_test_setup_teardown(a_folder_that_is_missing_is_named, setup, teardown),
      cmocka_unit_test_setup_teardown(a_path_that_is_too_long_is_refused, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
