/* Reading a sweep: axes from lists and ranges, each value checked where it stands. */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/doc.h"
#include "base/fail.h"
#include "base/text.h"
#include "catalog/catalog_internal.h"
#include "scenario/sweep_internal.h"
#include "train/train_internal.h"

enum { TRAIN = 1, SERVE = 2, MOST_POINTS = 10000000, MOST_VALUES = 100000, MOST_BYTES = 1 << 20 };

#define AT(member) offsetof(slip_grid_job, member)
const slip_axis_field slip_axis_fields[] = {
    {"model", SLIP_AXIS_TEXT, TRAIN | SERVE, false, 0, 0, AT(model)},
    {"system", SLIP_AXIS_TEXT, TRAIN | SERVE, false, 0, 0, AT(system)},
    {"decode_system", SLIP_AXIS_TEXT, SERVE, false, 0, 0, AT(decode_system)},
    {"stack", SLIP_AXIS_TEXT, TRAIN | SERVE, false, 0, 0, AT(stack)},
    {"region", SLIP_AXIS_TEXT, TRAIN | SERVE, false, 0, 0, AT(region)},
    {"chips", SLIP_AXIS_COUNT, TRAIN | SERVE, false, 1, 1e7, AT(chips)},
    {"seq", SLIP_AXIS_COUNT, TRAIN, false, 1, 16777216, AT(seq)},
    {"batch", SLIP_AXIS_COUNT, TRAIN | SERVE, false, 1, 1e8, AT(batch)},
    {"dtype", SLIP_AXIS_TEXT, TRAIN, false, 0, 0, AT(dtype)},
    {"isl", SLIP_AXIS_COUNT, SERVE, false, 1, 16777216, AT(isl)},
    {"osl", SLIP_AXIS_COUNT, SERVE, false, 1, 16777216, AT(osl)},
    {"ttft", SLIP_AXIS_NUMBER, SERVE, true, 1e-6, 1e6, AT(ttft_s)},
    {"tpot", SLIP_AXIS_NUMBER, SERVE, true, 1e-6, 1e6, AT(tpot_s)},
    {"prefix_hit", SLIP_AXIS_NUMBER, SERVE, false, 0, 0.9999, AT(prefix_hit)},
    {"weights", SLIP_AXIS_TEXT, SERVE, false, 0, 0, AT(weights)},
    {"kv", SLIP_AXIS_TEXT, SERVE, false, 0, 0, AT(kv)},
    {"operation", SLIP_AXIS_TEXT, SERVE, false, 0, 0, AT(operation)},
    {"plan", SLIP_AXIS_TEXT, TRAIN | SERVE, false, 0, 0, AT(plan)},
    {"no_mtp", SLIP_AXIS_FLAG, TRAIN | SERVE, false, 0, 1, AT(no_mtp)},
};
const int slip_n_axis_fields = sizeof slip_axis_fields / sizeof *slip_axis_fields;

typedef struct reading {
  slip_grid *sweep;
  slip_error *err;
} reading;

/* ---- values ---- */

static slip_status read_seconds(const slip_node *node, double *out, slip_error *err) {
  if (node->kind != SLIP_NODE_SCALAR || !slip_parse_seconds(node->text, out))
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "expected a time: 50ms, 2s, 0.05");
  return SLIP_OK;
}

static slip_status read_number(const slip_axis_field *field, const slip_node *node, double *out, slip_error *err) {
  slip_status status = SLIP_OK;
  bool flag;
  int64_t count;
  switch (field->kind) {
  case SLIP_AXIS_FLAG:
    status = slip_node_bool(node, &flag, err);
    *out = status == SLIP_OK && flag;
    return status;
  case SLIP_AXIS_COUNT:
    status = slip_node_int(node, (int64_t)field->low, (int64_t)field->high, &count, err);
    *out = status == SLIP_OK ? (double)count : 0;
    return status;
  default:
    if (field->seconds)
      status = read_seconds(node, out, err);
    if (status == SLIP_OK && field->seconds && (*out < field->low || *out > field->high))
      return slip_node_fail(err, SLIP_BAD_INPUT, node, "a time from 1us to 1000000 s");
    return field->seconds ? status : slip_node_double(node, field->low, field->high, out, err);
  }
}

/* A range: from, to, points, and `scale: log`. */
static slip_status read_range(reading *r, const slip_node *node, double low, double high, slip_grid_axis *axis) {
  static const char *const keys[] = {"from", "to", "points", "scale"};
  slip_status status = SLIP_OK;
  double from, to;
  int64_t points;
  const char *scale = "linear";
  for (const slip_node *child = node->first; child; child = child->next) {
    bool known = false;
    for (int i = 0; i < 4; i++)
      known = known || strcmp(child->key, keys[i]) == 0;
    if (!known)
      return slip_node_fail(r->err, SLIP_BAD_INPUT, child,
                            "is no key of a range; the keys are from, to, points, scale");
  }
  for (int i = 0; i < 3; i++)
    if (!slip_node_get(node, keys[i]))
      return slip_node_fail(r->err, SLIP_BAD_INPUT, node, "a range needs %s", keys[i]);
  SLIP_TRY(slip_node_double(slip_node_get(node, "from"), low, high, &from, r->err));
  SLIP_TRY(slip_node_double(slip_node_get(node, "to"), low, high, &to, r->err));
  SLIP_TRY(slip_node_int(slip_node_get(node, "points"), 1, MOST_VALUES, &points, r->err));
  if (slip_node_get(node, "scale"))
    SLIP_TRY(slip_node_string(slip_node_get(node, "scale"), &scale, r->err));
  bool logarithmic = strcmp(scale, "log") == 0;
  if (!logarithmic && strcmp(scale, "linear") != 0)
    return slip_node_fail(r->err, SLIP_BAD_INPUT, slip_node_get(node, "scale"), "'%s' is not linear or log", scale);
  if (logarithmic && !(from > 0 && to > 0))
    return slip_node_fail(r->err, SLIP_BAD_INPUT, node, "a geometric range runs between values above 0");
  axis->count = points;
  axis->numbers = slip_arena_array(r->sweep->arena, (size_t)points, sizeof *axis->numbers);
  if (!axis->numbers)
    SLIP_FAIL(r->err, SLIP_NO_MEMORY, "out of memory");
  for (int64_t i = 0; i < points; i++) {
    double t = points > 1 ? (double)i / (double)(points - 1) : 0;
    axis->numbers[i] = i == points - 1 && points > 1 ? to
                       : logarithmic                 ? from * pow(to / from, t)
                                                     : from + (to - from) * t;
  }
cleanup:
  return status;
}

/* ---- what texts may be ---- */

static bool is_file(const char *name) {
  const size_t length = strlen(name);
  return strchr(name, '/') != NULL || (length > 5 && strcmp(name + length - 5, ".json") == 0);
}

const slip_model *slip_grid_model(const slip_grid *sweep, const slip_catalog *catalog, const char *name,
                                  slip_error *err) {
  const slip_model *model = NULL;
  for (size_t i = 0; i < sweep->n_models; i++)
    if (strcmp(sweep->models[i].path, name) == 0)
      return slip_model_of(sweep->models[i].file);
  return slip_catalog_model(catalog, name, &model, err) == SLIP_OK ? model : NULL;
}

static slip_status check_model(reading *r, const char *name) {
  slip_grid *sweep = r->sweep;
  slip_status status = SLIP_OK;
  if (!is_file(name) || slip_grid_model(sweep, sweep->catalog, name, r->err))
    return slip_grid_model(sweep, sweep->catalog, name, r->err) ? SLIP_OK : r->err->code;
  void *grown = slip_memory_resize(sweep->models, (sweep->n_models + 1) * sizeof *sweep->models);
  if (!grown)
    SLIP_FAIL(r->err, SLIP_NO_MEMORY, "out of memory");
  sweep->models = grown;
  sweep->models[sweep->n_models].path = name;
  SLIP_TRY(slip_model_read(name, &sweep->models[sweep->n_models].file, r->err));
  sweep->n_models++;
cleanup:
  return status;
}

static slip_status check_dtype(const char *text, const char *legal, slip_error *err) {
  slip_dtype dtype;
  if (!slip_dtype_parse(text, &dtype) || !strstr(legal, slip_dtype_name(dtype)))
    return slip_fail(err, SLIP_BAD_INPUT, "'%s' is not one of %s", text, legal);
  return SLIP_OK;
}

static slip_status check_text(reading *r, const slip_axis_field *field, const char *text) {
  const slip_catalog *catalog = r->sweep->catalog;
  const slip_system *system;
  const slip_stack *stack;
  const slip_region *region;
  slip_plan plan;
  slip_serve_plan serve_plan;
  switch (field->offset) {
  case AT(model):
    return check_model(r, text);
  case AT(system):
  case AT(decode_system):
    return slip_catalog_system(catalog, text, &system, r->err);
  case AT(stack):
    return slip_catalog_stack(catalog, text, &stack, r->err);
  case AT(region):
    return slip_catalog_region(catalog, text, &region, r->err);
  case AT(dtype):
    return check_dtype(text, "bf16, fp8, fp4", r->err);
  case AT(weights):
    return check_dtype(text, "bf16, fp8, int8, fp4, int4", r->err);
  case AT(kv):
    return check_dtype(text, "bf16, fp8, int8, fp4", r->err);
  case AT(operation):
    if (strcmp(text, "aggregated") != 0 && strcmp(text, "disaggregated") != 0 && strcmp(text, "either") != 0)
      return slip_fail(r->err, SLIP_BAD_INPUT, "'%s' is not one of aggregated, disaggregated, either", text);
    return SLIP_OK;
  default:
    return r->sweep->serve ? slip_serve_plan_parse(text, &serve_plan, r->err)
                           : slip_plan_parse(text, &plan, r->err);
  }
}

static slip_status read_text(reading *r, const slip_axis_field *field, const slip_node *node, const char **out) {
  if (node->kind != SLIP_NODE_SCALAR || node->text[0] == '\0')
    return slip_node_fail(r->err, SLIP_BAD_INPUT, node, "expected a text");
  *out = slip_arena_strdup(r->sweep->arena, node->text);
  if (!*out)
    return slip_no_memory(r->err);
  slip_status status = check_text(r, field, *out);
  if (status != SLIP_OK && field->offset == AT(plan)) {
    slip_error of_plan = *r->err;
    *r->err = (slip_error){.code = SLIP_OK};
    return slip_node_fail(r->err, SLIP_BAD_INPUT, node, "%s %s", of_plan.field, of_plan.message);
  }
  if (status == SLIP_BAD_INPUT && r->err->line == 0) /* of this file, not of a model's */
    slip_error_set_place(r->err, node->file, node->line, field->name);
  return status;
}

/* ---- axes ---- */

/* NULL, with the error set, when there are too many. */
static slip_grid_axis *add_axis(reading *r, const slip_node *node) {
  if (r->sweep->n_axes == SLIP_MAX_AXES) {
    (void)slip_node_fail(r->err, SLIP_BAD_INPUT, node, "at most %d keys and numbers", SLIP_MAX_AXES);
    return NULL;
  }
  slip_grid_axis *axis = &r->sweep->axes[r->sweep->n_axes++];
  *axis = (slip_grid_axis){.level = -1};
  return axis;
}

/* One value or a list of them, of a field of the job; NULL: numbers of the catalog. */
static slip_status read_values(reading *r, const slip_axis_field *field, const slip_node *node,
                               slip_grid_axis *axis) {
  bool list = node->kind == SLIP_NODE_SEQUENCE, texts = field && field->kind == SLIP_AXIS_TEXT;
  slip_status status = SLIP_OK;
  if (node->kind == SLIP_NODE_MAP) {
    if (texts || (field && field->kind != SLIP_AXIS_NUMBER) || (field && field->seconds))
      return slip_node_fail(r->err, SLIP_BAD_INPUT, node, "takes a value or a list of them, not a range");
    return read_range(r, node, field ? field->low : -1e300, field ? field->high : 1e300, axis);
  }
  axis->count = list ? (int64_t)node->count : 1;
  if (axis->count < 1 || axis->count > MOST_VALUES)
    return slip_node_fail(r->err, SLIP_BAD_INPUT, node, "a list has from 1 to %d values", MOST_VALUES);
  if (texts)
    axis->texts = slip_arena_array(r->sweep->arena, (size_t)axis->count, sizeof *axis->texts);
  else
    axis->numbers = slip_arena_array(r->sweep->arena, (size_t)axis->count, sizeof *axis->numbers);
  if (texts ? !axis->texts : !axis->numbers)
    SLIP_FAIL(r->err, SLIP_NO_MEMORY, "out of memory");
  int64_t i = 0;
  for (const slip_node *child = list ? node->first : node; child && i < axis->count;
       child = list ? child->next : NULL, i++) {
    if (texts)
      SLIP_TRY(read_text(r, field, child, &axis->texts[i]));
    else if (field)
      SLIP_TRY(read_number(field, child, &axis->numbers[i], r->err));
    else
      SLIP_TRY(slip_node_double(child, -1e300, 1e300, &axis->numbers[i], r->err));
  }
cleanup:
  return status;
}

static slip_status read_field(reading *r, const slip_axis_field *field, const slip_node *node) {
  if (!(field->jobs & (r->sweep->serve ? SERVE : TRAIN)))
    return slip_node_fail(r->err, SLIP_BAD_INPUT, node, "is no key of a %s job",
                          r->sweep->serve ? "serve" : "train");
  slip_grid_axis *axis = add_axis(r, node);
  if (!axis)
    return r->err->code;
  axis->field = field;
  strcpy(axis->column, field->name);
  return read_values(r, field, node, axis);
}

/* ---- numbers of the catalog ---- */

static slip_status find_number(reading *r, const slip_node *field_node, const char *name, slip_grid_axis *axis) {
  size_t count;
  const slip_field *fields = slip_kind_fields(axis->kind, &count);
  const char *dot = strchr(name, '.');
  if (axis->kind == SLIP_KIND_SYSTEM && dot) {
    const slip_system *system = NULL;
    slip_status status = slip_catalog_system(r->sweep->catalog, axis->entry, &system, r->err);
    for (int i = 0; status == SLIP_OK && i < system->n_levels; i++)
      if (strlen(system->levels[i].name) == (size_t)(dot - name) &&
          strncmp(system->levels[i].name, name, (size_t)(dot - name)) == 0)
        axis->level = i;
    if (axis->level < 0)
      return slip_node_fail(r->err, SLIP_BAD_INPUT, field_node, "%s has no level '%.*s'", axis->entry,
                            (int)(dot - name), name);
    fields = slip_level_fields(&count);
    name = dot + 1;
  }
  for (size_t i = 0; i < count; i++)
    if (strcmp(fields[i].name, name) == 0)
      axis->number = &fields[i];
  bool fixed = axis->kind == SLIP_KIND_CHIP && strcmp(name, "ranks") == 0; /* the levels were made for it */
  if (!axis->number || axis->number->is_text || axis->number->offset < 0 || fixed)
    return slip_node_fail(r->err, SLIP_BAD_INPUT, field_node,
                          "'%s' is no number that the model reads of a %s; slipstick show %s lists them", name,
                          slip_kind_name(axis->kind), axis->entry);
  return SLIP_OK;
}

/* "h800_memory_tbs", or the name given. */
static slip_status name_column(reading *r, const slip_node *node, const char *field, slip_grid_axis *axis) {
  const slip_node *given = slip_node_get(node, "name");
  const char *text = NULL;
  slip_status status = SLIP_OK;
  int length = 0;
  if (given)
    SLIP_TRY(slip_node_string(given, &text, r->err));
  if (text)
    slip_append(axis->column, sizeof axis->column, &length, "%s", text);
  else
    slip_append(axis->column, sizeof axis->column, &length, "%s_%s", axis->entry, field);
  if (length < 1 || length >= (int)sizeof axis->column)
    return slip_node_fail(r->err, SLIP_BAD_INPUT, given ? given : node,
                          "the column's name has from 1 to 63 letters; give `name`");
  for (char *c = axis->column; *c; c++) {
    bool letter = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9' && c != axis->column) || *c == '_';
    if (!letter && text)
      return slip_node_fail(r->err, SLIP_BAD_INPUT, given,
                            "a column's name has lower-case letters, digits and '_', a letter first");
    if (!letter)
      *c = '_';
  }
cleanup:
  return status;
}

static slip_status check_keys(reading *r, const slip_node *node) {
  static const char *const keys[] = {"chip",  "system", "kernels", "stack", "region",
                                     "field", "to",     "times",   "name"};
  for (const slip_node *child = node->first; child; child = child->next) {
    bool known = false;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
      known = known || strcmp(child->key, keys[i]) == 0;
    if (!known)
      return slip_node_fail(
          r->err, SLIP_BAD_INPUT, child,
          "is no key of a number to set; the keys are chip, system, kernels, stack or region, then field, to or "
          "times, name");
  }
  return SLIP_OK;
}

static slip_status read_set(reading *r, const slip_node *node) {
  static const slip_kind kinds[] = {SLIP_KIND_CHIP, SLIP_KIND_SYSTEM, SLIP_KIND_KERNELS, SLIP_KIND_STACK,
                                    SLIP_KIND_REGION};
  slip_status status = SLIP_OK;
  const char *name = NULL, *field = NULL;
  if (node->kind != SLIP_NODE_MAP)
    return slip_node_fail(r->err, SLIP_BAD_INPUT, node, "expected {chip: NAME, field: FIELD, to: [...]}");
  SLIP_TRY(check_keys(r, node));
  slip_grid_axis *axis = add_axis(r, node);
  if (!axis)
    return r->err->code;
  const slip_node *owner = NULL;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    const slip_node *found = slip_node_get(node, slip_kind_name(kinds[i]));
    if (found && owner)
      return slip_node_fail(r->err, SLIP_BAD_INPUT, found, "one of chip, system, kernels, stack, region, not two");
    if (found)
      axis->kind = kinds[i];
    owner = found ? found : owner;
  }
  if (!owner || !slip_node_get(node, "field"))
    return slip_node_fail(r->err, SLIP_BAD_INPUT, node,
                          "whose number, and which? {chip: NAME, field: FIELD, to: [...]}");
  const slip_node *to = slip_node_get(node, "to"), *times = slip_node_get(node, "times");
  if (!to == !times)
    return slip_node_fail(r->err, SLIP_BAD_INPUT, node, "needs `to` or `times`, and not both");
  if (owner->kind != SLIP_NODE_SCALAR)
    return slip_node_fail(r->err, SLIP_BAD_INPUT, owner, "expected a name");
  name = owner->text;
  const slip_entry *entry = slip_catalog_lookup(r->sweep->catalog, axis->kind, name);
  char near[128];
  if (!entry) {
    slip_catalog_suggest(r->sweep->catalog, axis->kind, name, near, sizeof near);
    return slip_node_fail(r->err, SLIP_BAD_INPUT, owner, "no %s '%s'%s", slip_kind_name(axis->kind), name, near);
  }
  axis->entry = entry->name;
  SLIP_TRY(slip_node_string(slip_node_get(node, "field"), &field, r->err));
  SLIP_TRY(find_number(r, slip_node_get(node, "field"), field, axis));
  SLIP_TRY(name_column(r, node, field, axis));
  axis->times = times != NULL;
  SLIP_TRY(read_values(r, NULL, times ? times : to, axis));
  status = slip_axis_check(r->sweep->catalog, axis, r->err);
  if (status != SLIP_OK)
    slip_error_set_place(r->err, node->file, node->line, field);
cleanup:
  return status;
}

/* ---- the file ---- */

static slip_status read_root(reading *r, const slip_node *root) {
  slip_status status = SLIP_OK;
  const char *job = NULL;
  if (root->kind != SLIP_NODE_MAP || !slip_node_get(root, "job"))
    return slip_node_fail(r->err, SLIP_BAD_INPUT, root, "a sweep starts with `job: train` or `job: serve`");
  SLIP_TRY(slip_node_string(slip_node_get(root, "job"), &job, r->err));
  r->sweep->serve = strcmp(job, "serve") == 0;
  if (!r->sweep->serve && strcmp(job, "train") != 0)
    return slip_node_fail(r->err, SLIP_BAD_INPUT, slip_node_get(root, "job"), "'%s' is not train or serve", job);
  for (const slip_node *node = root->first; node; node = node->next) {
    if (strcmp(node->key, "job") == 0)
      continue;
    if (strcmp(node->key, "set") == 0) {
      if (node->kind != SLIP_NODE_SEQUENCE)
        return slip_node_fail(r->err, SLIP_BAD_INPUT, node, "expected a list of numbers to set");
      for (const slip_node *child = node->first; child; child = child->next)
        SLIP_TRY(read_set(r, child));
      continue;
    }
    const slip_axis_field *field = NULL;
    for (int i = 0; i < slip_n_axis_fields; i++)
      if (strcmp(slip_axis_fields[i].name, node->key) == 0)
        field = &slip_axis_fields[i];
    if (!field)
      return slip_node_fail(
          r->err, SLIP_BAD_INPUT, node,
          "is no key of a sweep; the keys are job, set, model, system, chips, ... (include/slipstick/sweep.h)");
    SLIP_TRY(read_field(r, field, node));
  }
  const char *const needed[] = {"model", "system", r->sweep->serve ? NULL : "chips"};
  for (int i = 0; i < 3 && needed[i]; i++)
    if (!slip_node_get(root, needed[i]))
      return slip_node_fail(r->err, SLIP_BAD_INPUT, root, "a sweep needs `%s`", needed[i]);
cleanup:
  return status;
}

static slip_status count_points(reading *r) {
  slip_grid *sweep = r->sweep;
  sweep->points = 1;
  for (int i = 0; i < sweep->n_axes; i++) {
    for (int k = 0; k < i; k++)
      if (strcmp(sweep->axes[i].column, sweep->axes[k].column) == 0)
        return slip_fail(r->err, SLIP_BAD_INPUT, "two columns are called '%s'; give one of them another `name`",
                         sweep->axes[i].column);
    sweep->points *= sweep->axes[i].count;
    if (sweep->points > MOST_POINTS)
      return slip_fail(r->err, SLIP_BAD_INPUT, "more than %d points", MOST_POINTS);
  }
  return SLIP_OK;
}

static void add_column(slip_grid *sweep, const char *name, slip_cell_type type) {
  if (sweep->n_columns == SLIP_MAX_COLUMNS)
    return;
  slip_column *column = &sweep->columns[sweep->n_columns++];
  int length = 0;
  slip_append(column->name, sizeof column->name, &length, "%s", name);
  column->type = type;
}

static slip_cell_type type_of(const slip_grid_axis *axis) {
  if (!axis->field || axis->field->kind == SLIP_AXIS_NUMBER)
    return SLIP_CELL_REAL;
  return axis->field->kind == SLIP_AXIS_TEXT ? SLIP_CELL_TEXT : SLIP_CELL_INTEGER;
}

static slip_status list_columns(reading *r) {
  static const struct {
    const char *name;
    slip_cell_type type;
    int jobs;
  } results[] = {{"status", SLIP_CELL_TEXT, 3},
                 {"why", SLIP_CELL_TEXT, 3},
                 {"best_plan", SLIP_CELL_TEXT, TRAIN},
                 {"step_s", SLIP_CELL_REAL, TRAIN},
                 {"step_low_s", SLIP_CELL_REAL, TRAIN},
                 {"step_high_s", SLIP_CELL_REAL, TRAIN},
                 {"tokens_per_s", SLIP_CELL_REAL, TRAIN},
                 {"tokens_per_s_per_chip", SLIP_CELL_REAL, TRAIN},
                 {"mfu", SLIP_CELL_REAL, TRAIN},
                 {"memory_bytes", SLIP_CELL_REAL, TRAIN},
                 {"power_w", SLIP_CELL_REAL, TRAIN},
                 {"usd_per_step", SLIP_CELL_REAL, TRAIN},
                 {"prefill_plan", SLIP_CELL_TEXT, SERVE},
                 {"decode_plan", SLIP_CELL_TEXT, SERVE},
                 {"disaggregated", SLIP_CELL_INTEGER, SERVE},
                 {"drafts", SLIP_CELL_INTEGER, SERVE},
                 {"output_tokens_per_s_per_chip", SLIP_CELL_REAL, SERVE},
                 {"output_low", SLIP_CELL_REAL, SERVE},
                 {"output_high", SLIP_CELL_REAL, SERVE},
                 {"result_ttft_s", SLIP_CELL_REAL, SERVE},
                 {"result_tpot_s", SLIP_CELL_REAL, SERVE},
                 {"power_w_per_chip", SLIP_CELL_REAL, SERVE},
                 {"usd_per_mtoken", SLIP_CELL_REAL, TRAIN | SERVE},
                 {"joule_per_token", SLIP_CELL_REAL, TRAIN | SERVE},
                 {"plans_legal", SLIP_CELL_INTEGER, TRAIN | SERVE},
                 {"plans_evaluated", SLIP_CELL_INTEGER, TRAIN | SERVE}};
  slip_grid *sweep = r->sweep;
  add_column(sweep, "point", SLIP_CELL_INTEGER);
  for (int i = 0; i < sweep->n_axes; i++)
    add_column(sweep, sweep->axes[i].column, type_of(&sweep->axes[i]));
  for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
    if (!(results[i].jobs & (sweep->serve ? SERVE : TRAIN)))
      continue;
    for (int k = 0; k < sweep->n_columns; k++)
      if (strcmp(sweep->columns[k].name, results[i].name) == 0)
        return slip_fail(r->err, SLIP_BAD_INPUT, "the column '%s' is a result's; give the number another `name`",
                         results[i].name);
    add_column(sweep, results[i].name, results[i].type);
  }
  _Static_assert((int)SLIP_MAX_AXES + 24 <= (int)SLIP_MAX_COLUMNS, "columns");
  return SLIP_OK;
}

slip_status slip_grid_parse(const slip_catalog *catalog, const char *name, const char *bytes, size_t n,
                            slip_grid **out, slip_error *err) {
  slip_status status = SLIP_OK;
  const slip_node *root = NULL;
  slip_error unasked = {.code = SLIP_OK};
  err = err ? err : &unasked;
  slip_grid *sweep = slip_memory_resize(NULL, sizeof *sweep);
  reading r = {.sweep = sweep, .err = err};
  slip_arena *arena = slip_arena_open();
  if (!sweep || !arena) {
    free(sweep);
    slip_arena_free(arena);
    return slip_no_memory(err);
  }
  memset(sweep, 0, sizeof *sweep);
  sweep->catalog = catalog;
  sweep->arena = arena;
  if (n > MOST_BYTES)
    SLIP_FAIL(err, SLIP_BAD_INPUT, "%s is larger than a sweep can be (1 MiB)", name);
  sweep->text = slip_arena_strndup(arena, bytes, n);
  if (!sweep->text)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  SLIP_TRY(slip_doc_parse(arena, name, bytes, n, &root, err));
  SLIP_TRY(read_root(&r, root));
  SLIP_TRY(count_points(&r));
  SLIP_TRY(list_columns(&r));
  *out = sweep;
  sweep = NULL;
cleanup:
  if (status != SLIP_OK)
    slip_error_set_place(err, name, 0, NULL);
  slip_grid_free(sweep);
  return status;
}

slip_status slip_grid_read(const slip_catalog *catalog, const char *path, slip_grid **out, slip_error *err) {
  char *bytes = NULL;
  size_t n = 0;
  slip_status status = slip_read_file(path, MOST_BYTES, &bytes, &n, err);
  if (status == SLIP_OK)
    status = slip_grid_parse(catalog, path, bytes, n, out, err);
  free(bytes);
  return status;
}

void slip_grid_free(slip_grid *sweep) {
  if (!sweep)
    return;
  for (size_t i = 0; i < sweep->n_models; i++)
    slip_model_free(sweep->models[i].file);
  free(sweep->models);
  slip_arena_free(sweep->arena);
  free(sweep);
}

int64_t slip_grid_points(const slip_grid *sweep) {
  return sweep->points;
}

const char *slip_grid_text(const slip_grid *sweep) {
  return sweep->text;
}

int slip_grid_columns(const slip_grid *sweep, const slip_column **out) {
  *out = sweep->columns;
  return sweep->n_columns;
}

/* ---- what rows depend on ---- */

static void mix(uint64_t *hash, const void *bytes, size_t n) { /* FNV-1a */
  const unsigned char *b = bytes;
  for (size_t i = 0; i < n; i++)
    *hash = (*hash ^ b[i]) * 0x100000001b3u;
}

static void mix_text(uint64_t *hash, const char *text) {
  mix(hash, text ? text : "", text ? strlen(text) + 1 : 1);
}

uint64_t slip_grid_fingerprint(const slip_grid *sweep) {
  uint64_t hash = 0xcbf29ce484222325u;
  mix_text(&hash, SLIP_SWEEP_VERSION);
  for (int kind = 0; kind < SLIP_KINDS; kind++)
    for (size_t i = 0; i < slip_catalog_count(sweep->catalog, (slip_kind)kind); i++) {
      const slip_entry *entry = slip_catalog_entry(sweep->catalog, (slip_kind)kind, i);
      mix_text(&hash, entry->name);
      for (size_t f = 0; f < entry->n_facts; f++) {
        mix_text(&hash, entry->facts[f].field);
        mix_text(&hash, entry->facts[f].text);
        if (!isnan(entry->facts[f].value))
          mix(&hash, &entry->facts[f].value, sizeof entry->facts[f].value);
      }
    }
  return hash;
}
