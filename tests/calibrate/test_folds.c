/* Dealing rows to folds: rows of one hash stay together, the hashes go round in ascending order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "calibrate/folds.h"

enum { MOST = 600 };

static slip_arena *arena;

static int setup(void **state) {
  arena = slip_arena_open();
  return arena ? 0 : -1;
}

static int teardown(void **state) {
  slip_arena_free(arena);
  return 0;
}

static slip_groups deal(const uint64_t *hashes, size_t n, size_t folds) {
  slip_groups groups;
  assert_int_equal(slip_groups_deal(arena, hashes, n, folds, &groups, NULL), SLIP_OK);
  return groups;
}

static void hashes_are_dealt_in_ascending_order(void **state) {
  /* In order 1 4 7 9 12: to two folds 0 1 0 1 0. */
  const uint64_t hashes[] = {9, 4, 9, 1, 12, 7, 4};
  const size_t expected[] = {1, 1, 1, 0, 0, 0, 1};
  const slip_groups g = deal(hashes, 7, 2);
  assert_int_equal(g.groups, 5);
  for (size_t i = 0; i < 7; i++)
    assert_int_equal(g.of[i], expected[i]);
}

static void with_as_many_folds_as_rows_each_hash_is_one(void **state) {
  const uint64_t hashes[] = {30, 10, 20, 10, UINT64_MAX, 0};
  const size_t expected[] = {3, 1, 2, 1, 4, 0};
  const slip_groups g = deal(hashes, 6, 6);
  assert_int_equal(g.groups, 5);
  for (size_t i = 0; i < 6; i++)
    assert_int_equal(g.of[i], expected[i]);
}

static void no_rows_have_no_groups(void **state) {
  assert_int_equal(deal(NULL, 0, 5).groups, 0);
}

/* From ten groups to a fold on, a row more leaves the others in their folds. */
static void many_groups_stay_where_they_are(void **state) {
  uint64_t hashes[51];
  for (uint64_t i = 0; i < 51; i++)
    hashes[i] = 1000 - 7 * i;
  const slip_groups before = deal(hashes, 50, 5), after = deal(hashes, 51, 5);
  assert_int_equal(before.groups, 50);
  for (size_t i = 0; i < 50; i++) {
    assert_int_equal(before.of[i], hashes[i] % 5);
    assert_int_equal(after.of[i], before.of[i]);
  }
}

/* Few groups: equal hashes share a fold, every fold is one of them, and no fold has two hashes more than another. */
static void folds_are_even_in_hashes(void **state) {
  uint64_t hashes[MOST], state_ = 1;
  for (size_t i = 0; i < MOST; i++) {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    hashes[i] = state_ >> 59; /* 32 different ones */
  }
  const slip_groups g = deal(hashes, MOST, 5);
  size_t in_fold[5] = {0};
  for (size_t i = 0; i < MOST; i++) {
    bool is_first = true;
    assert_true(g.of[i] < 5);
    for (size_t k = 0; k < i; k++)
      if (hashes[k] == hashes[i]) {
        assert_int_equal(g.of[k], g.of[i]);
        is_first = false;
      }
    in_fold[g.of[i]] += is_first;
  }
  size_t least = MOST, most = 0, sum = 0;
  for (int k = 0; k < 5; k++) {
    least = in_fold[k] < least ? in_fold[k] : least;
    most = in_fold[k] > most ? in_fold[k] : most;
    sum += in_fold[k];
  }
  assert_true(most - least <= 1);
  assert_int_equal(sum, g.groups);
}

static void lack_of_memory_is_an_error(void **state) {
  const uint64_t hashes[] = {1, 2};
  slip_arena *own = slip_arena_open();
  slip_groups g;
  slip_arena_fail_after(1);
  const slip_status status = slip_groups_deal(own, hashes, 1 << 20, 5, &g, NULL);
  slip_arena_fail_after(0);
  assert_int_equal(status, SLIP_NO_MEMORY);
  slip_arena_free(own);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(hashes_are_dealt_in_ascending_order),
      cmocka_unit_test(many_groups_stay_where_they_are),
      cmocka_unit_test(with_as_many_folds_as_rows_each_hash_is_one),
      cmocka_unit_test(no_rows_have_no_groups),
      cmocka_unit_test(folds_are_even_in_hashes),
      cmocka_unit_test(lack_of_memory_is_an_error),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
