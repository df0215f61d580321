/* Two macros carry all error propagation inside the library (STYLE.md):
 *
 *   SLIP_TRY(call)                   goes to `cleanup:` with `status` set when call fails
 *   SLIP_FAIL(err, code, fmt, ...)   fills err, sets `status`, goes to `cleanup:`
 *
 * The function declares `slip_status status = SLIP_OK;` and ends with a `cleanup:` label that returns it.
 * Functions with nothing to clean return slip_fail(...) directly. */
#ifndef SLIP_BASE_FAIL_H
#define SLIP_BASE_FAIL_H

#include <stdarg.h>

#include <slipstick/error.h>

#define SLIP_TRY(call)     \
  do {                     \
    status = (call);       \
    if (status != SLIP_OK) \
      goto cleanup;        \
  } while (0)

#define SLIP_FAIL(err, ...)                 \
  do {                                      \
    status = slip_fail((err), __VA_ARGS__); \
    goto cleanup;                           \
  } while (0)

/* Clears *err, sets code and message, returns code. err may be NULL. Control characters (also line separators and
 * those that reverse the direction of writing) and bytes that are not UTF-8 in the formatted text, file and field are
 * replaced by '?', so that a hostile input cannot write to the terminal. A message that is too long ends in "...";
 * a file name that is too long keeps its end. The arguments may point into *err. Numbers are formatted in the C locale. */
slip_status slip_fail(slip_error *err, slip_status code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* "out of memory". In the header, so that an analyser sees that it is never SLIP_OK. */
static inline slip_status slip_no_memory(slip_error *err) {
  (void)slip_fail(err, SLIP_NO_MEMORY, "out of memory");
  return SLIP_NO_MEMORY;
}

/* As slip_fail, with the place. file and field may be NULL; line and column 0 when unknown. */
slip_status slip_fail_at(slip_error *err, slip_status code, const char *file, int line, int column,
                         const char *field, const char *fmt, ...) __attribute__((format(printf, 7, 8)));

/* As slip_fail_at, for functions that themselves take a format. */
slip_status slip_fail_at_v(slip_error *err, slip_status code, const char *file, int line, int column,
                           const char *field, const char *fmt, va_list args) __attribute__((format(printf, 7, 0)));

/* Adds the place to an error that has none yet (file == ""). A line or field that the error already has is kept.
 * err, file and field may be NULL. */
void slip_error_set_place(slip_error *err, const char *file, int line, const char *field);

#endif
