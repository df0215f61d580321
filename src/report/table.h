/* Aligned tables of UTF-8 text for terminals and files.
 *
 * A table is filled cell by cell, row by row, and written into a slip_text. When it is wider than the style
 * allows, cells are wrapped at spaces and after commas; when even that is too wide, the columns are written in
 * several blocks that repeat the first column. Nothing is ever cut off. Cells are made safe for terminals
 * (slip_safe_add). */
#ifndef SLIP_REPORT_TABLE_H
#define SLIP_REPORT_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

typedef struct slip_style {
  bool colour; /* ANSI attributes allowed */
  int width;   /* columns of the terminal; 0: no limit */
} slip_style;

/* Appends s with control characters, characters that reverse the direction of writing and bytes that are not UTF-8
 * replaced by '?'. Newlines are kept when `lines`. s may be NULL: nothing. */
void slip_safe_add(slip_text *out, const char *s, bool lines);
/* Terminal columns that safe UTF-8 text takes: combining marks 0, East Asian wide characters 2, others 1. */
int slip_text_columns(const char *s, size_t n);

typedef struct slip_table slip_table;

/* NULL when out of memory; every function below then does nothing, and slip_table_write sets out->failed. */
slip_table *slip_table_open(size_t columns);
void slip_table_free(slip_table *table); /* NULL is allowed */
/* Numbers stand flush right in this column. */
void slip_table_right(slip_table *table, size_t column);
/* Cells of columns after the first are wrapped to this many columns even where there is room. */
void slip_table_widest(slip_table *table, int columns);
/* The next cell; a row is complete after `columns` of them. A newline in the text starts a new line in the cell.
 * NULL: empty. */
void slip_table_cell(slip_table *table, const char *text);
void slip_table_printf(slip_table *table, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Fills the rest of the current row with empty cells. */
void slip_table_end_row(slip_table *table);
/* The rows so far are headings (bold in colour). */
void slip_table_heading(slip_table *table);
/* A line of its own over all columns, between complete rows; bold in colour. */
void slip_table_section(slip_table *table, const char *text);
void slip_table_write(const slip_table *table, const slip_style *style, slip_text *out);

/* A paragraph, wrapped at spaces to style->width (116 when there is no limit) with following lines indented. */
void slip_paragraph(slip_text *out, const slip_style *style, int indent, const char *text);

#endif
