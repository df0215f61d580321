/* CSV tables. libcsv finds the cells; it knows nothing of lines, so it is fed one line at a time. */
#include "calibrate/csv.h"

#include <csv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"

/* What the callbacks of libcsv fill. Cells of finished rows stand one after the other, n_columns each. */
typedef struct reading {
  slip_arena *arena;
  const char **cells;
  size_t n_cells, cell_capacity;
  int *lines;
  bool *bad;
  size_t n_rows, row_capacity;
  size_t n_columns; /* 0 while the header is read */
  size_t column;    /* cells of the current row so far */
  bool in_row;      /* the line before ended inside a quoted cell */
  bool no_memory;
  int row_line;
} reading;

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Makes room for one more of `size` bytes; false when out of memory. */
static bool grow(void **array, size_t count, size_t *capacity, size_t size) {
  if (count < *capacity)
    return true;
  const size_t wanted = *capacity ? 2 * *capacity : 64;
  void *larger = slip_memory_resize(*array, wanted * size);
  if (!larger)
    return false;
  *array = larger;
  *capacity = wanted;
  return true;
}

static void push_cell(reading *r, const char *text) {
  if (!text || !grow((void **)&r->cells, r->n_cells, &r->cell_capacity, sizeof *r->cells))
    r->no_memory = true;
  else
    r->cells[r->n_cells++] = text;
}

static void on_cell(void *bytes, size_t n, void *context) {
  reading *r = context;
  const char *text = bytes ? bytes : "";
  const size_t column = r->column++;
  /* Cells beyond the header's are counted, not kept. */
  if (r->no_memory || (r->n_columns > 0 && column >= r->n_columns) || column > SLIP_TABLE_MAX_COLUMNS)
    return;
  while (n > 0 && is_blank(text[n - 1]))
    n--;
  for (; n > 0 && is_blank(*text); n--)
    text++;
  push_cell(r, n > 0 ? slip_arena_strndup(r->arena, text, n) : "");
}

static void end_row(reading *r, bool bad) {
  const size_t had = r->column;
  r->in_row = false;
  r->column = 0;
  if (r->n_columns == 0) {
    r->n_columns = had; /* the header's own cells stay in front */
    return;
  }
  size_t capacity = r->row_capacity;
  if (!grow((void **)&r->bad, r->n_rows, &capacity, sizeof *r->bad) ||
      !grow((void **)&r->lines, r->n_rows, &r->row_capacity, sizeof *r->lines)) {
    r->no_memory = true;
    return;
  }
  for (size_t i = had; i < r->n_columns && !r->no_memory; i++)
    push_cell(r, "");
  r->lines[r->n_rows] = r->row_line;
  r->bad[r->n_rows++] = bad || had > r->n_columns;
}

static void on_row(int terminator, void *context) {
  (void)terminator;
  end_row(context, false);
}

static slip_status start(struct csv_parser *parser, slip_error *err) {
  if (csv_init(parser, CSV_STRICT) != 0)
    return slip_no_memory(err);
  csv_set_realloc_func(parser, slip_memory_resize);
  csv_set_free_func(parser, free);
  return SLIP_OK;
}

/* The line of the first byte that is not UTF-8, or 0. */
static int foreign_line(const char *bytes, size_t n) {
  int line = 1;
  for (size_t at = 0; at < n;) {
    const size_t length = bytes[at] ? slip_utf8_length(bytes + at, n - at) : 0;
    if (length == 0)
      return line;
    line += bytes[at] == '\n';
    at += length;
  }
  return 0;
}

static slip_status check_header(const char *file, const reading *r, slip_error *err) {
  const int line = r->row_line;
  if (r->n_columns > SLIP_TABLE_MAX_COLUMNS)
    return slip_fail_at(err, SLIP_BAD_INPUT, file, line, 0, NULL, "a table has at most %d columns, not %zu",
                        SLIP_TABLE_MAX_COLUMNS, r->n_columns);
  for (size_t i = 0; i < r->n_columns; i++) {
    if (!r->cells[i][0])
      return slip_fail_at(err, SLIP_BAD_INPUT, file, line, 0, NULL, "column %zu has no name", i + 1);
    for (size_t j = 0; j < i; j++)
      if (strcmp(r->cells[i], r->cells[j]) == 0)
        return slip_fail_at(err, SLIP_BAD_INPUT, file, line, 0, NULL, "columns %zu and %zu are both called \"%s\"",
                            j + 1, i + 1, r->cells[i]);
  }
  return SLIP_OK;
}

static slip_status check_size(const char *file, const reading *r, slip_error *err) {
  if (r->n_rows > SLIP_TABLE_MAX_ROWS || r->n_cells > SLIP_TABLE_MAX_CELLS)
    return slip_fail_at(err, SLIP_BAD_INPUT, file, r->row_line, 0, NULL, "a table has at most %d rows and %d cells",
                        SLIP_TABLE_MAX_ROWS, SLIP_TABLE_MAX_CELLS);
  return SLIP_OK;
}

/* One line, its end included. Quotes in the wrong place spoil the row that they stand in; the next line starts afresh. */
static slip_status read_line(struct csv_parser *parser, const char *file, const char *bytes, size_t n, int line,
                             reading *r, slip_error *err) {
  const bool had_header = r->n_columns > 0;
  for (size_t i = 0; i < n && !r->in_row; i++)
    if (!is_blank(bytes[i])) {
      r->in_row = true;
      r->row_line = line;
    }
  const bool parsed = csv_parse(parser, bytes, n, on_cell, on_row, r) == n;
  if (r->no_memory || (!parsed && csv_error(parser) != CSV_EPARSE))
    return slip_no_memory(err);
  if (!parsed && !had_header)
    return slip_fail_at(err, SLIP_BAD_INPUT, file, line, 0, NULL,
                        "a quote in the header stands neither at the start nor at the end of a cell");
  if (!parsed) {
    end_row(r, true);
    csv_free(parser);
    const slip_status status = start(parser, err);
    if (status != SLIP_OK)
      return status;
  }
  if (r->no_memory)
    return slip_no_memory(err);
  return !had_header && r->n_columns > 0 ? check_header(file, r, err) : check_size(file, r, err);
}

static slip_status read_lines(struct csv_parser *parser, const char *file, const char *bytes, size_t n, reading *r,
                              slip_error *err) {
  slip_status status = SLIP_OK;
  int line = 1;
  for (size_t at = 0; at < n && status == SLIP_OK;) {
    size_t end = at;
    while (end < n && bytes[end] != '\n' && bytes[end] != '\r')
      end++;
    const bool has_end = end < n;
    end += has_end;
    status = read_line(parser, file, bytes + at, end - at, line, r, err);
    if (status == SLIP_OK && !has_end) /* the last line may lack its end */
      status = read_line(parser, file, "\n", 1, line, r, err);
    line += has_end && !(bytes[end - 1] == '\r' && end < n && bytes[end] == '\n');
    at = end;
  }
  return status;
}

/* Moves what was read into the arena. */
static slip_status keep(slip_arena *arena, const char *file, const reading *r, slip_csv *out, slip_error *err) {
  const size_t n_cells = r->n_cells - r->n_columns;
  const char **columns = slip_arena_array(arena, r->n_columns, sizeof *columns);
  const char **cells = slip_arena_array(arena, n_cells, sizeof *cells);
  int *lines = slip_arena_array(arena, r->n_rows, sizeof *lines);
  bool *bad = slip_arena_array(arena, r->n_rows, sizeof *bad);
  const char *name = slip_arena_strdup(arena, file);
  if (!columns || !cells || !lines || !bad || !name || !r->cells)
    return slip_no_memory(err);
  memcpy(columns, r->cells, r->n_columns * sizeof *columns);
  if (r->n_rows > 0) {
    memcpy(cells, r->cells + r->n_columns, n_cells * sizeof *cells);
    memcpy(lines, r->lines, r->n_rows * sizeof *lines);
    memcpy(bad, r->bad, r->n_rows * sizeof *bad);
  }
  *out = (slip_csv){.file = name,
                    .columns = columns,
                    .n_columns = r->n_columns,
                    .cells = cells,
                    .lines = lines,
                    .bad = bad,
                    .n_rows = r->n_rows};
  return SLIP_OK;
}

slip_status slip_csv_parse(slip_arena *arena, const char *file, const char *bytes, size_t n, slip_csv *out,
                           slip_error *err) {
  slip_status status = SLIP_OK;
  reading r = {.arena = arena};
  struct csv_parser parser;
  SLIP_TRY(start(&parser, err));
  if (n >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) { /* a byte order mark */
    bytes += 3;
    n -= 3;
  }
  const int foreign = foreign_line(bytes, n);
  if (foreign > 0)
    status = slip_fail_at(err, SLIP_BAD_INPUT, file, foreign, 0, NULL, "bytes that are not UTF-8 text");
  if (status == SLIP_OK)
    status = read_lines(&parser, file, bytes, n, &r, err);
  if (status == SLIP_OK && r.in_row)
    status = slip_fail_at(err, SLIP_BAD_INPUT, file, r.row_line, 0, NULL,
                          "the quoted cell that begins in this row never ends");
  if (status == SLIP_OK && r.n_columns == 0)
    status = slip_fail_at(err, SLIP_BAD_INPUT, file, 1, 0, NULL, "a table starts with a line of column names");
  if (status == SLIP_OK)
    status = keep(arena, file, &r, out, err);
  csv_free(&parser);
  free(r.cells);
  free(r.lines);
  free(r.bad);
cleanup:
  return status;
}

/* ---- cells ---- */

static size_t column_of(const slip_csv *table, const char *column) {
  size_t i = 0;
  while (i < table->n_columns && strcmp(table->columns[i], column) != 0)
    i++;
  return i;
}

bool slip_csv_has(const slip_csv *table, const char *column) {
  return column_of(table, column) < table->n_columns;
}

const char *slip_row_text(const slip_row *row, const char *column) {
  const slip_csv *table = row->table;
  const size_t i = column_of(table, column);
  return i < table->n_columns && row->index < table->n_rows ? table->cells[row->index * table->n_columns + i] : "";
}

double slip_row_number(const slip_row *row, const char *column, bool *bad) {
  const char *text = slip_row_text(row, column);
  double value = NAN;
  if (text[0] && !slip_parse_double(text, &value)) {
    *bad = true;
    return NAN;
  }
  return value;
}

int slip_row_line(const slip_row *row) {
  return row->index < row->table->n_rows ? row->table->lines[row->index] : 0;
}
