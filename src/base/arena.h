/* A growing arena: many small allocations, freed together. Not thread-safe; one owner.
 * Every byte is counted in a counter that tests read (slip_arena_live_bytes). */
#ifndef SLIP_BASE_ARENA_H
#define SLIP_BASE_ARENA_H

#include <stddef.h>

typedef struct slip_arena slip_arena;

/* NULL when out of memory. */
slip_arena *slip_arena_open(void);
/* NULL is allowed. */
void slip_arena_free(slip_arena *arena);

/* Zeroed, aligned for any type. NULL when out of memory or size overflows. size 0 gives a unique non-NULL pointer. */
void *slip_arena_alloc(slip_arena *arena, size_t size);
/* count * size, overflow checked. */
void *slip_arena_array(slip_arena *arena, size_t count, size_t size);
/* Copies; the second makes a terminated copy of n bytes. NULL when out of memory. */
char *slip_arena_strdup(slip_arena *arena, const char *text);
char *slip_arena_strndup(slip_arena *arena, const char *bytes, size_t n);
char *slip_arena_printf(slip_arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Bytes held now by all arenas of the process: 0 once everything is freed. For tests. */
size_t slip_arena_live_bytes(void);

/* Makes the n-th following allocation of memory from the system fail (1 = the next), once; 0 switches it off.
 * For tests of the out-of-memory paths; per thread. It covers arenas, slip_text, slip_read_file and whatever else is
 * allocated with slip_memory_resize. */
void slip_arena_fail_after(long n);

/* realloc that obeys slip_arena_fail_after; memory outside arenas comes from here. Released with free().
 * NULL when out of memory, and then `old` is still valid. size must not be 0. */
void *slip_memory_resize(void *old, size_t size);

#endif
