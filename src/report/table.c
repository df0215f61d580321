/* Aligned tables: measure, choose widths, wrap, write. */
#include "report/table.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"

enum { GAP = 2, MIN_WIDTH = 20, SMALLEST_CUT = 8, PARAGRAPH = 116 };

typedef struct row {
  struct row *next;
  const char **cells;
  bool heading, section;
} row;

struct slip_table {
  slip_arena *arena;
  size_t columns, filled; /* cells in the last row */
  int widest;             /* of columns after the first; 0: no limit */
  bool *right;
  row *first, *last;
  bool failed;
};

slip_table *slip_table_open(size_t columns) {
  slip_arena *arena = slip_arena_open();
  if (arena == NULL)
    return NULL;
  slip_table *table = slip_arena_alloc(arena, sizeof *table);
  if (table != NULL) {
    table->arena = arena;
    table->columns = columns;
    table->filled = columns;
    table->right = slip_arena_array(arena, columns, sizeof *table->right);
  }
  if (table == NULL || table->right == NULL) {
    slip_arena_free(arena);
    return NULL;
  }
  return table;
}

void slip_table_free(slip_table *table) {
  if (table != NULL)
    slip_arena_free(table->arena);
}

void slip_table_right(slip_table *table, size_t column) {
  if (table != NULL && column < table->columns)
    table->right[column] = true;
}

void slip_table_widest(slip_table *table, int columns) {
  if (table != NULL)
    table->widest = columns;
}

static row *add_row(slip_table *table) {
  row *added = slip_arena_alloc(table->arena, sizeof *added);
  if (added != NULL)
    added->cells = slip_arena_array(table->arena, table->columns, sizeof *added->cells);
  if (added == NULL || added->cells == NULL) {
    table->failed = true;
    return NULL;
  }
  for (size_t i = 0; i < table->columns; i++)
    added->cells[i] = "";
  if (table->last != NULL)
    table->last->next = added;
  else
    table->first = added;
  table->last = added;
  return added;
}

static const char *safe_copy(slip_table *table, const char *text) {
  slip_text safe = {0};
  slip_safe_add(&safe, text, true);
  const char *copy = safe.failed ? NULL : slip_arena_strdup(table->arena, safe.data != NULL ? safe.data : "");
  slip_text_free(&safe);
  if (copy == NULL)
    table->failed = true;
  return copy != NULL ? copy : "";
}

void slip_table_cell(slip_table *table, const char *text) {
  if (table == NULL || table->failed)
    return;
  if (table->filled == table->columns) {
    if (add_row(table) == NULL)
      return;
    table->filled = 0;
  }
  table->last->cells[table->filled++] = safe_copy(table, text);
}

void slip_table_printf(slip_table *table, const char *fmt, ...) {
  char text[1024];
  va_list args;
  va_start(args, fmt);
  const int length = slip_vformat(text, sizeof text, fmt, args);
  va_end(args);
  if (table != NULL && (length < 0 || (size_t)length >= sizeof text))
    table->failed = true; /* never cut silently */
  slip_table_cell(table, text);
}

void slip_table_end_row(slip_table *table) {
  if (table != NULL)
    table->filled = table->columns;
}

void slip_table_heading(slip_table *table) {
  if (table == NULL)
    return;
  slip_table_end_row(table);
  for (row *r = table->first; r != NULL; r = r->next)
    r->heading = !r->section;
}

void slip_table_section(slip_table *table, const char *text) {
  if (table == NULL || table->failed)
    return;
  row *added = add_row(table);
  table->filled = table->columns;
  if (added != NULL && table->columns > 0) {
    added->section = true;
    added->cells[0] = safe_copy(table, text);
  }
}

/* ---- wrapping ---- */

/* The end of the next line of s when at most `width` columns may be used: at a newline, else after the last space
 * or comma that fits, else after the first one: a word is never cut. *next is where the following line starts, or
 * NULL. */
static size_t line_end(const char *s, int width, const char **next) {
  size_t at = 0, best = 0, left = strlen(s);
  int columns = 0;
  bool indented = true; /* leading spaces are an indentation: no line ends there */
  *next = NULL;
  while (s[at] != '\0' && s[at] != '\n') {
    size_t step = slip_utf8_length(s + at, left - at);
    step = step > 0 ? step : 1;
    const int character = slip_text_columns(s + at, step);
    if (columns + character > width && best > 0 && s[at] != ' ') {
      at = best;
      *next = s + best;
      break;
    }
    columns += character;
    at += step;
    indented = indented && s[at - 1] == ' ';
    if ((s[at - 1] == ' ' || s[at - 1] == ',') && !indented)
      best = at;
  }
  if (s[at] == '\n' && *next == NULL)
    *next = s + at + 1;
  while (at > 0 && s[at - 1] == ' ')
    at--;
  return at;
}

/* Columns of the widest line when wrapped to `width`. */
static int wrapped_width(const char *s, int width) {
  int widest = 0;
  for (const char *next = NULL; s != NULL; s = next) {
    const int columns = slip_text_columns(s, line_end(s, width, &next));
    widest = columns > widest ? columns : widest;
  }
  return widest;
}

static int column_width(const slip_table *table, size_t column, int width) {
  int widest = 0;
  for (const row *r = table->first; r != NULL; r = r->next) {
    const int columns = r->section ? 0 : wrapped_width(r->cells[column], width);
    widest = columns > widest ? columns : widest;
  }
  return widest;
}

/* Widths of the first column and of columns [from, to): natural, then the widest reduced until they fit. */
static bool choose_widths(const slip_table *table, size_t from, size_t to, int limit, const int *natural,
                          const int *least, int *widths) {
  int total = 0;
  for (size_t i = 0; i < to; i = i == 0 ? from : i + 1) {
    widths[i] = natural[i];
    total += natural[i] + (i == 0 ? 0 : GAP);
  }
  while (limit > 0 && total > limit) {
    size_t widest = table->columns;
    for (size_t i = 0; i < to; i = i == 0 ? from : i + 1)
      if (widths[i] > least[i] && (widest == table->columns || widths[i] > widths[widest]))
        widest = i;
    if (widest == table->columns)
      return false;
    widths[widest]--;
    total--;
  }
  return true;
}

/* ---- writing ---- */

static void pad(slip_text *out, int columns) {
  for (int i = 0; i < columns; i++)
    slip_text_add_n(out, " ", 1);
}

static void write_row(const slip_table *table, const row *r, size_t from, size_t to, const int *widths,
                      const char **rest, slip_text *out) {
  for (size_t i = 0; i < to; i = i == 0 ? from : i + 1)
    rest[i] = r->cells[i];
  for (bool more = true; more;) {
    more = false;
    int owed = 0; /* spaces that are written only when something follows */
    for (size_t i = 0; i < to; i = i == 0 ? from : i + 1) {
      const char *next = NULL;
      const size_t length = rest[i] != NULL ? line_end(rest[i], widths[i], &next) : 0;
      const int columns = rest[i] != NULL ? slip_text_columns(rest[i], length) : 0;
      const int slack = widths[i] > columns ? widths[i] - columns : 0;
      owed += table->right[i] ? slack : 0;
      if (length > 0) {
        pad(out, owed);
        slip_text_add_n(out, rest[i], length);
        owed = 0;
      } else {
        owed += columns;
      }
      owed += (table->right[i] ? 0 : slack) + GAP;
      rest[i] = next;
      more = more || next != NULL;
    }
    slip_text_add(out, "\n");
  }
}

static void write_block(const slip_table *table, const slip_style *style, size_t from, size_t to, const int *widths,
                        const char **rest, slip_text *out) {
  for (const row *r = table->first; r != NULL; r = r->next) {
    const bool bold = style->colour && (r->heading || r->section);
    slip_text_add(out, bold ? "\033[1m" : "");
    if (r->section)
      slip_paragraph(out, style, 2, r->cells[0]);
    else
      write_row(table, r, from, to, widths, rest, out);
    slip_text_add(out, bold ? "\033[0m" : "");
  }
}

void slip_table_write(const slip_table *table, const slip_style *style, slip_text *out) {
  if (table == NULL || table->failed) {
    out->failed = true;
    return;
  }
  const size_t n = table->columns;
  int *widths = slip_arena_array(table->arena, 3 * n, sizeof *widths);
  const char **rest = slip_arena_array(table->arena, n, sizeof *rest);
  if (widths == NULL || rest == NULL) {
    out->failed = true;
    return;
  }
  int *natural = widths + n, *least = widths + 2 * n;
  for (size_t i = 0; i < n; i++) {
    natural[i] = column_width(table, i, i > 0 && table->widest > 0 ? table->widest : INT32_MAX / 2);
    least[i] = column_width(table, i, SMALLEST_CUT);
  }
  const int limit = style->width > 0 && style->width < MIN_WIDTH ? MIN_WIDTH : style->width;
  for (size_t from = n > 1 ? 1 : n, to = n; from < n || n == 1; from = to, to = n) {
    while (to > from + 1 && !choose_widths(table, from, to, limit, natural, least, widths))
      to--;
    (void)choose_widths(table, from, to, limit, natural, least, widths);
    if (from > 1)
      slip_text_add(out, "\n");
    write_block(table, style, from, to, widths, rest, out);
    if (n == 1)
      break;
  }
}

void slip_paragraph(slip_text *out, const slip_style *style, int indent, const char *text) {
  slip_text safe = {0};
  slip_safe_add(&safe, text, true);
  const char *s = safe.data != NULL ? safe.data : "";
  const int width = style->width <= 0 ? PARAGRAPH : style->width < MIN_WIDTH ? MIN_WIDTH : style->width;
  bool first = true;
  for (const char *next = NULL; s != NULL; s = next, first = false) {
    const size_t length = line_end(s, first ? width : width - indent, &next);
    pad(out, first || length == 0 ? 0 : indent);
    slip_text_add_n(out, s, length);
    slip_text_add(out, "\n");
  }
  out->failed = out->failed || safe.failed;
  slip_text_free(&safe);
}
