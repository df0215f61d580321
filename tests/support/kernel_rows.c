#include "support/kernel_rows.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 11, CELL = 1024, MAX_ROWS = 4000 };

/* One record of comma separated cells, "" inside quotes for a quote. False at the end. Cells longer than CELL are cut. */
static bool read_record(FILE *file, char cells[COLUMNS][CELL]) {
  int column = 0, c = fgetc(file);
  size_t used = 0;
  bool quoted = false;
  if (c == EOF)
    return false;
  memset(cells, 0, (size_t)COLUMNS * CELL);
  for (; c != EOF; c = fgetc(file)) {
    if (quoted && c == '"') {
      int next = fgetc(file);
      if (next != '"') {
        quoted = false;
        ungetc(next, file);
        continue;
      }
    } else if (!quoted && c == '"') {
      quoted = true;
      continue;
    } else if (!quoted && c == ',') {
      column = column < COLUMNS - 1 ? column + 1 : column;
      used = 0;
      continue;
    } else if (!quoted && c == '\n') {
      break;
    }
    if (used < CELL - 1)
      cells[column][used++] = (char)c;
  }
  return true;
}

static void copy(char *out, size_t size, const char *cell) {
  snprintf(out, size, "%.*s", (int)size - 1, cell);
}

kernel_row *kernel_rows_read(size_t *count) {
  const char *shared = getenv("SLIP_SHARED");
  char path[1024];
  *count = 0;
  if (!shared)
    return NULL;
  snprintf(path, sizeof path, "%s/reference/measured/kernels.csv", shared);
  FILE *file = fopen(path, "r");
  if (!file)
    return NULL;
  char(*cells)[CELL] = malloc((size_t)COLUMNS * CELL);
  kernel_row *rows = malloc(MAX_ROWS * sizeof *rows);
  if (cells && rows && read_record(file, cells)) /* the first record names the columns */
    while (*count < MAX_ROWS && read_record(file, cells)) {
      kernel_row *row = &rows[(*count)++];
      copy(row->source, sizeof row->source, cells[1]);
      copy(row->chip, sizeof row->chip, cells[3]);
      copy(row->op, sizeof row->op, cells[4]);
      copy(row->dtype, sizeof row->dtype, cells[5]);
      copy(row->shape, sizeof row->shape, cells[6]);
      row->value = strtod(cells[7], NULL);
      copy(row->unit, sizeof row->unit, cells[8]);
    }
  free(cells);
  fclose(file);
  return rows;
}

double kernel_row_number(const kernel_row *row, const char *key) {
  char quoted[64];
  snprintf(quoted, sizeof quoted, "\"%s\":", key);
  const char *at = strstr(row->shape, quoted);
  return at ? strtod(at + strlen(quoted), NULL) : NAN;
}

void row_errors_add(row_errors *errors, double predicted, double measured) {
  if (errors->count < sizeof errors->values / sizeof *errors->values)
    errors->values[errors->count++] = fabs(log(predicted / measured));
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double row_errors_quantile(row_errors *errors, double quantile) {
  if (errors->count == 0)
    return NAN;
  qsort(errors->values, errors->count, sizeof *errors->values, by_value);
  size_t at = (size_t)(quantile * (double)errors->count);
  return exp(errors->values[at < errors->count ? at : errors->count - 1]) - 1;
}
