/* Writing a file so that nobody ever sees half of it. */
#ifndef SLIP_BASE_SAVE_H
#define SLIP_BASE_SAVE_H

#include <stdbool.h>
#include <stddef.h>

#include <slipstick/error.h>

/* Writes bytes[0..n) beside `path` and puts the file in its place in one step. One that is there is replaced only when `replace`; else
 * SLIP_BAD_INPUT. SLIP_IO_FAILURE: what was there before still is. */
slip_status slip_save_file(const char *path, const char *bytes, size_t n, bool replace, slip_error *err);

#endif
