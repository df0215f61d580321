/* The arena: a list of chunks that double in size, each allocation carved from the newest. Under AddressSanitizer the
 * unused part of a chunk is poisoned, so that overruns inside a chunk are found as they would be with malloc. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ARENA_POISONS 1
#endif

#ifdef ARENA_POISONS
#include <sanitizer/asan_interface.h>
enum { RED_ZONE = 16 };
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
enum { RED_ZONE = 0 };
#endif

enum { FIRST_CHUNK = 4 << 10, LARGEST_CHUNK = 1 << 20 };

typedef struct chunk {
  struct chunk *next;
  size_t used, capacity;
  _Alignas(max_align_t) char data[];
} chunk;

struct slip_arena {
  chunk *chunks; /* the newest first */
  size_t next_capacity;
};

/* The only state that outlives a call: counters for tests, which no result depends on. */
static atomic_size_t live_bytes;
static _Thread_local long fail_countdown;

size_t slip_arena_live_bytes(void) {
  return atomic_load(&live_bytes);
}

void slip_arena_fail_after(long n) {
  fail_countdown = n;
}

static bool must_fail(void) {
  return fail_countdown > 0 && --fail_countdown == 0;
}

void *slip_memory_resize(void *old, size_t size) {
  return must_fail() ? NULL : realloc(old, size);
}

static void *counted_alloc(size_t size) {
  void *memory = must_fail() ? NULL : calloc(1, size);
  if (memory != NULL)
    atomic_fetch_add(&live_bytes, size);
  return memory;
}

static void counted_free(void *memory, size_t size) {
  free(memory);
  atomic_fetch_sub(&live_bytes, size);
}

slip_arena *slip_arena_open(void) {
  slip_arena *arena = counted_alloc(sizeof *arena);
  if (arena != NULL)
    arena->next_capacity = FIRST_CHUNK;
  return arena;
}

void slip_arena_free(slip_arena *arena) {
  if (arena == NULL)
    return;
  chunk *next = NULL;
  for (chunk *c = arena->chunks; c != NULL; c = next) {
    next = c->next;
    counted_free(c, sizeof *c + c->capacity);
  }
  counted_free(arena, sizeof *arena);
}

/* An allocation that would waste most of a new chunk gets one of its own, put behind the newest so that what is left of
 * that one stays usable. */
static chunk *add_chunk(slip_arena *arena, size_t size) {
  const bool own = size > arena->next_capacity / 2;
  const size_t capacity = own ? size : arena->next_capacity;
  if (capacity > SIZE_MAX - sizeof(chunk))
    return NULL;
  chunk *c = counted_alloc(sizeof *c + capacity);
  if (c == NULL)
    return NULL;
  c->capacity = capacity;
  ASAN_POISON_MEMORY_REGION(c->data, capacity);
  if (own && arena->chunks != NULL) {
    c->next = arena->chunks->next;
    arena->chunks->next = c;
  } else {
    c->next = arena->chunks;
    arena->chunks = c;
  }
  if (!own && arena->next_capacity < LARGEST_CHUNK)
    arena->next_capacity *= 2;
  return c;
}

/* align is a power of two, at most that of max_align_t. */
static void *take(slip_arena *arena, size_t size, size_t align) {
  if (size == 0)
    size = 1;
  if (size > SIZE_MAX / 2)
    return NULL;
  chunk *c = arena->chunks;
  size_t start = c == NULL ? 0 : (c->used + align - 1) & ~(align - 1);
  if (c == NULL || start > c->capacity || c->capacity - start < size + RED_ZONE) {
    c = add_chunk(arena, size + RED_ZONE);
    start = 0;
  }
  if (c == NULL)
    return NULL;
  c->used = start + size + RED_ZONE;
  ASAN_UNPOISON_MEMORY_REGION(c->data + start, size);
  return c->data + start;
}

void *slip_arena_alloc(slip_arena *arena, size_t size) {
  return take(arena, size, _Alignof(max_align_t));
}

void *slip_arena_array(slip_arena *arena, size_t count, size_t size) {
  if (size != 0 && count > SIZE_MAX / size)
    return NULL;
  return slip_arena_alloc(arena, count * size);
}

char *slip_arena_strndup(slip_arena *arena, const char *bytes, size_t n) {
  if (n == SIZE_MAX)
    return NULL;
  char *copy = take(arena, n + 1, 1);
  if (copy != NULL && n > 0)
    memcpy(copy, bytes, n);
  return copy;
}

char *slip_arena_strdup(slip_arena *arena, const char *text) {
  return slip_arena_strndup(arena, text, strlen(text));
}

char *slip_arena_printf(slip_arena *arena, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  const int length = slip_vformat(NULL, 0, fmt, args);
  va_end(args);
  if (length < 0)
    return NULL;
  const size_t size = (size_t)length + 1;
  char *text = take(arena, size, 1);
  if (text == NULL)
    return NULL;
  va_start(args, fmt);
  slip_vformat(text, size, fmt, args);
  va_end(args);
  return text;
}
