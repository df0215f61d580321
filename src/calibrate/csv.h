/* CSV tables with a header line (RFC 4180, read by libcsv): cells by column name. */
#ifndef SLIP_CALIBRATE_CSV_H
#define SLIP_CALIBRATE_CSV_H

#include <slipstick/error.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

enum { SLIP_TABLE_MAX_COLUMNS = 256, SLIP_TABLE_MAX_ROWS = 1000000, SLIP_TABLE_MAX_CELLS = 16 << 20 };

typedef struct slip_csv {
  const char *file;
  const char *const *columns; /* header cells, trimmed */
  size_t n_columns;
  const char *const *cells; /* n_rows * n_columns, trimmed; a short row is filled with "" */
  const int *lines;         /* 1-based line on which each row starts */
  const bool *bad;          /* rows with more cells than the header has, or with quotes in the wrong place */
  size_t n_rows;
} slip_csv;

/* Everything lives in the arena. Refuses, with file and line: no header, an empty or repeated column name, NUL and bytes that are
 * not UTF-8, an unfinished quoted cell, more than the limits. Blank lines and a byte order mark are skipped. O(n). */
slip_status slip_csv_parse(slip_arena *arena, const char *file, const char *bytes, size_t n, slip_csv *out,
                           slip_error *err);

typedef struct slip_row {
  const slip_csv *table;
  size_t index;
} slip_row;

bool slip_csv_has(const slip_csv *table, const char *column);
/* The cell's text, "" when the column is not there. Never NULL. O(columns). */
const char *slip_row_text(const slip_row *row, const char *column);
/* The cell as a number; NAN when empty or absent. *bad is set (never cleared) when it holds something else. */
double slip_row_number(const slip_row *row, const char *column, bool *bad);
int slip_row_line(const slip_row *row);

#endif
