/* The arena: zeroed, aligned, counted, and honest when memory runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

static void allocations_are_zeroed_aligned_and_disjoint(void **state) {
  (void)state;
  slip_arena *arena = slip_arena_open();
  assert_non_null(arena);
  enum { COUNT = 3000 };
  unsigned char *blocks[COUNT];
  /* Sizes from 0 to about 3000 pass through several chunks, and now and then one is larger than a chunk. */
  for (size_t i = 0; i < COUNT; i++) {
    const size_t size = i % 500 == 499 ? 100000 : i;
    blocks[i] = slip_arena_alloc(arena, size);
    assert_non_null(blocks[i]);
    assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
    for (size_t j = 0; j < size; j++)
      assert_int_equal(blocks[i][j], 0);
    memset(blocks[i], (int)(i % 251) + 1, size);
  }
  for (size_t i = 0; i < COUNT; i++) {
    const size_t size = i % 500 == 499 ? 100000 : i;
    for (size_t j = 0; j < size; j++)
      assert_int_equal(blocks[i][j], i % 251 + 1);
  }
  slip_arena_free(arena);
  assert_int_equal(slip_arena_live_bytes(), 0);
}

static void empty_allocations_are_unique(void **state) {
  (void)state;
  slip_arena *arena = slip_arena_open();
  void *a = slip_arena_alloc(arena, 0), *b = slip_arena_alloc(arena, 0), *c = slip_arena_array(arena, 0, 8);
  assert_non_null(a);
  assert_non_null(b);
  assert_non_null(c);
  assert_ptr_not_equal(a, b);
  assert_ptr_not_equal(b, c);
  slip_arena_free(arena);
}

static void sizes_that_overflow_are_refused(void **state) {
  (void)state;
  slip_arena *arena = slip_arena_open();
  assert_null(slip_arena_alloc(arena, SIZE_MAX));
  assert_null(slip_arena_alloc(arena, SIZE_MAX - 15));
  assert_null(slip_arena_array(arena, SIZE_MAX / 2, 3));
  assert_null(slip_arena_array(arena, (SIZE_MAX >> 4) + 1, 16)); /* wraps to 0 */
  assert_null(slip_arena_strndup(arena, "x", SIZE_MAX));
  /* and the arena still works */
  assert_string_equal(slip_arena_strdup(arena, "fine"), "fine");
  slip_arena_free(arena);
  assert_int_equal(slip_arena_live_bytes(), 0);
}

static void strings_are_copied(void **state) {
  (void)state;
  slip_arena *arena = slip_arena_open();
  char source[] = "tensor";
  const char *whole = slip_arena_strdup(arena, source), *part = slip_arena_strndup(arena, source, 3);
  const char *none = slip_arena_strndup(arena, source, 0);
  memset(source, 'x', 6);
  assert_string_equal(whole, "tensor");
  assert_string_equal(part, "ten");
  assert_string_equal(none, "");
  assert_memory_equal(slip_arena_strndup(arena, "a\0b", 3), "a\0b", 4);
  assert_string_equal(slip_arena_printf(arena, "%s-%d %.2f", "tp", 8, 0.5), "tp-8 0.50");
  assert_string_equal(slip_arena_printf(arena, "%s", ""), "");
  assert_int_equal(strlen(slip_arena_printf(arena, "%*d", 100000, 1)), 100000);
  slip_arena_free(arena);
}

/* The counter holds at least what was asked for, of all arenas together, and returns to 0. */
static void live_bytes_are_counted(void **state) {
  (void)state;
  assert_int_equal(slip_arena_live_bytes(), 0);
  slip_arena *a = slip_arena_open(), *b = slip_arena_open();
  assert_non_null(slip_arena_alloc(a, 1000000));
  assert_true(slip_arena_live_bytes() >= 1000000);
  assert_non_null(slip_arena_alloc(b, 1000000));
  assert_true(slip_arena_live_bytes() >= 2000000);
  slip_arena_free(a);
  assert_in_range(slip_arena_live_bytes(), 1000000, 1999999);
  slip_arena_free(b);
  assert_int_equal(slip_arena_live_bytes(), 0);
  slip_arena_free(NULL);
}

/* Many small allocations must not cost a call to the system each, nor large waste: 1e5 x 16 bytes in at most 3.2 MB. */
static void small_allocations_share_chunks(void **state) {
  (void)state;
#if defined(__SANITIZE_ADDRESS__)
  skip(); /* red zones */
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
  skip();
#endif
#endif
  slip_arena *arena = slip_arena_open();
  for (int i = 0; i < 100000; i++)
    assert_non_null(slip_arena_alloc(arena, 16));
  assert_true(slip_arena_live_bytes() <= 3200000);
  slip_arena_free(arena);
}

static void every_allocation_can_fail(void **state) {
  (void)state;
  slip_arena_fail_after(1);
  assert_null(slip_arena_open());
  slip_arena *arena = slip_arena_open(); /* once only */
  assert_non_null(arena);
  slip_arena_fail_after(1);
  assert_null(slip_arena_alloc(arena, 8));
  slip_arena_fail_after(1);
  assert_null(slip_arena_strdup(arena, "abc"));
  slip_arena_fail_after(1);
  assert_null(slip_arena_printf(arena, "%d", 1));
  slip_arena_fail_after(2); /* counts allocations from the system, not from the arena */
  assert_non_null(slip_arena_alloc(arena, 100000));
  assert_null(slip_arena_alloc(arena, 100000));
  assert_non_null(slip_arena_alloc(arena, 100000));
  slip_arena_fail_after(1);
  slip_arena_fail_after(0);
  assert_non_null(slip_arena_alloc(arena, 100000));
  slip_arena_free(arena);
  assert_int_equal(slip_arena_live_bytes(), 0);
}

static void resized_memory_obeys_the_switch(void **state) {
  (void)state;
  char *memory = slip_memory_resize(NULL, 4);
  assert_non_null(memory);
  memcpy(memory, "abc", 4);
  slip_arena_fail_after(1);
  assert_null(slip_memory_resize(memory, 1000));
  assert_string_equal(memory, "abc");
  memory = slip_memory_resize(memory, 1000);
  assert_string_equal(memory, "abc");
  free(memory);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(allocations_are_zeroed_aligned_and_disjoint),
      cmocka_unit_test(empty_allocations_are_unique),
      cmocka_unit_test(sizes_that_overflow_are_refused),
      cmocka_unit_test(strings_are_copied),
      cmocka_unit_test(live_bytes_are_counted),
      cmocka_unit_test(small_allocations_share_chunks),
      cmocka_unit_test(every_allocation_can_fail),
      cmocka_unit_test(resized_memory_obeys_the_switch),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
