/* Lines of an explanation. */
#include "train/why.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

int slip_why_add(slip_why_list *list, int parent, const char *name, double seconds, slip_bound bound) {
  if (list->count == list->capacity && !list->failed) {
    size_t capacity = list->capacity ? 2 * list->capacity : 64;
    slip_why *lines = realloc(list->lines, capacity * sizeof *lines);
    if (lines) {
      list->lines = lines;
      list->capacity = capacity;
    }
    list->failed = !lines;
  }
  if (list->failed)
    return 0;
  slip_why *line = &list->lines[list->count];
  memset(line, 0, sizeof *line);
  line->parent = parent;
  line->seconds = seconds;
  line->bound = bound;
  int length = 0;
  slip_append(line->name, sizeof line->name, &length, "%s", name);
  return (int)list->count++;
}

void slip_why_free(slip_why *why) {
  free(why);
}

void slip_why_note(slip_why_list *list, int index, const slip_op *op, int64_t ranks, const char *level) {
  if (list->failed)
    return;
  slip_why *line = &list->lines[index];
  int length = 0, size = sizeof line->note;
  switch (op->kind) {
  case SLIP_OP_GEMM:
    slip_append(line->note, size, &length, "m %.0f n %.0f k %.0f, %s", op->m, op->n, op->k,
                slip_dtype_name(op->dtype));
    return;
  case SLIP_OP_GROUPED:
    slip_append(line->note, size, &length, "%.0f rows over %.1f experts, n %.0f k %.0f, %s", op->m, op->groups,
                op->n, op->k, slip_dtype_name(op->dtype));
    return;
  case SLIP_OP_ATTENTION:
    slip_append(line->note, size, &length, "%.3g GFLOP, %.3g MB", op->flops / 1e9,
                (op->read_bytes + op->write_bytes) / 1e6);
    return;
  case SLIP_OP_STREAM:
    slip_append(line->note, size, &length, "%.3g MB", (op->read_bytes + op->write_bytes) / 1e6);
    return;
  case SLIP_OP_COLLECTIVE: {
    double bytes = op->collective == SLIP_EXCHANGE ? op->tokens * op->fan_out * op->bytes : op->bytes;
    slip_append(line->note, size, &length, "%s over %lld ranks (%s), %.3g MB", slip_collective_name(op->collective),
                (long long)ranks, level, bytes / 1e6);
    return;
  }
  }
}

slip_bound slip_main_bound(const double bounds[SLIP_BOUNDS]) {
  int most = 0;
  for (int i = 1; i < SLIP_BOUNDS; i++)
    if (bounds[i] > bounds[most])
      most = i;
  return (slip_bound)most;
}

void slip_why_kind(const slip_layer_kind *kind, int64_t layers, const char *suffix, char *out, int size) {
  static const char *const mixers[] = {"no mixer", "GQA", "MLA", "linear attention", "SSM"};
  static const char *const ffns[] = {"no FFN", "dense FFN", "MoE"};
  int length = 0;
  slip_append(out, size, &length, "%lld x %s, %s%s", (long long)layers, mixers[kind->attention.kind],
              ffns[kind->ffn.kind], suffix);
}
