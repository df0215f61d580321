/* Reading data/calibration/NAME.yaml. */
#include "calibrate/agenda.h"

#include <math.h>
#include <string.h>

#include "base/doc.h"
#include "base/fail.h"

typedef struct reading {
  slip_arena *arena;
  slip_agenda *out;
  slip_agenda_field *fields;
  slip_agenda_constant *constants;
  slip_error *err;
} reading;

static slip_status check_keys(const slip_node *map, const char *const *legal, slip_error *err) {
  if (map->kind != SLIP_NODE_MAP)
    return slip_node_fail(err, SLIP_BAD_INPUT, map, "expected a map of keys and values");
  for (const slip_node *child = map->first; child; child = child->next) {
    size_t i = 0;
    while (legal[i] && strcmp(legal[i], child->key) != 0)
      i++;
    if (!legal[i])
      return slip_node_fail(err, SLIP_BAD_INPUT, child, "is not a key here");
  }
  return SLIP_OK;
}

static slip_status need(const slip_node *map, const char *key, const slip_node **out, slip_error *err) {
  *out = slip_node_get(map, key);
  return *out ? SLIP_OK : slip_node_fail(err, SLIP_BAD_INPUT, map, "\"%s\" is missing", key);
}

/* ---- fields ---- */

static const slip_field *find_field(const slip_field *fields, size_t n, const char *name) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(fields[i].name, name) == 0 && fields[i].offset >= 0 && !fields[i].is_text)
      return &fields[i];
  return NULL;
}

/* Of a kernel profile, a stack or a level: no two of these kinds share a name. */
static const slip_field *any_field(const char *name) {
  size_t n;
  const slip_field *fields = slip_kind_fields(SLIP_KIND_STACK, &n), *found = find_field(fields, n, name);
  if (!found) {
    fields = slip_kind_fields(SLIP_KIND_KERNELS, &n);
    found = find_field(fields, n, name);
  }
  if (!found) {
    fields = slip_level_fields(&n);
    found = find_field(fields, n, name);
  }
  return found;
}

static slip_status read_scale(const slip_node *node, slip_transform *out, slip_error *err) {
  const char *text = NULL;
  const slip_status status = slip_node_string(node, &text, err);
  if (status != SLIP_OK)
    return status;
  if (strcmp(text, "positive") != 0 && strcmp(text, "share") != 0)
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "is positive (ln is normal) or share (logit is), not '%s'",
                          text);
  *out = strcmp(text, "share") == 0 ? SLIP_LOGIT : SLIP_LOG;
  return SLIP_OK;
}

/* From the unit of the file. All alike, so that what is equal there is equal in SI. */
static double si(const slip_field *f, double value) {
  return value * f->multiply / f->divide;
}

static slip_status read_bounds(const reading *r, const slip_node *node, slip_agenda_field *out) {
  const slip_node *low = slip_node_get(node, "low"), *high = slip_node_get(node, "high");
  const slip_field *f = out->field;
  slip_status status = SLIP_OK;
  if (!low && !high)
    return SLIP_OK;
  if (!low || !high || out->transform == SLIP_LOGIT)
    return slip_node_fail(r->err, SLIP_BAD_INPUT, node, "low and high go together, with scale: positive");
  SLIP_TRY(slip_node_double(low, f->low, f->high, &out->low, r->err));
  SLIP_TRY(slip_node_double(high, f->low, f->high, &out->high, r->err));
  out->low = si(f, out->low), out->high = si(f, out->high);
  out->bounded = true;
  if (!(out->low < out->prior && out->prior < out->high))
    return slip_node_fail(r->err, SLIP_BAD_INPUT, node, "the prior is not between low and high");
cleanup:
  return status;
}

static slip_status read_field(reading *r, const slip_node *node, slip_agenda_field *out) {
  static const char *const legal[] = {"prior", "common_sd", "entry_sd", "own_sd", "scale",
                                      "why",   "low",       "high",     NULL};
  slip_status status = SLIP_OK;
  const slip_node *child = NULL;
  double prior;
  SLIP_TRY(check_keys(node, legal, r->err));
  out->name = node->key;
  out->field = any_field(node->key);
  if (!out->field)
    return slip_node_fail(r->err, SLIP_BAD_INPUT, node, "is no number of a kernel profile, a stack or a level");
  const slip_field *f = out->field;
  SLIP_TRY(need(node, "scale", &child, r->err));
  SLIP_TRY(read_scale(child, &out->transform, r->err));
  SLIP_TRY(need(node, "prior", &child, r->err));
  SLIP_TRY(slip_node_double(child, f->low, f->high, &prior, r->err));
  out->prior = si(f, prior);
  if (!(prior > 0) || (out->transform == SLIP_LOGIT && !(prior < 1)))
    return slip_node_fail(r->err, SLIP_BAD_INPUT, child, "must be above 0%s",
                          out->transform == SLIP_LOGIT ? " and below 1: it is a share" : "");
  SLIP_TRY(need(node, "own_sd", &child, r->err));
  SLIP_TRY(slip_node_double(child, 0, 10, &out->own_sd, r->err));
  child = slip_node_get(node, "common_sd");
  if (child)
    SLIP_TRY(slip_node_double(child, 0, 10, &out->common_sd, r->err));
  child = slip_node_get(node, "entry_sd");
  if (child)
    SLIP_TRY(slip_node_double(child, 0, 10, &out->entry_sd, r->err));
  SLIP_TRY(need(node, "why", &child, r->err));
  SLIP_TRY(slip_node_string(child, &out->why, r->err));
  SLIP_TRY(read_bounds(r, node, out));
cleanup:
  return status;
}

static slip_status read_fields(reading *r, const slip_node *map) {
  slip_status status = SLIP_OK;
  if (map->kind != SLIP_NODE_MAP || map->count == 0)
    return slip_node_fail(r->err, SLIP_BAD_INPUT, map, "expected a map of fields");
  r->fields = slip_arena_array(r->arena, map->count, sizeof *r->fields);
  if (!r->fields)
    return slip_no_memory(r->err);
  for (const slip_node *node = map->first; node; node = node->next)
    SLIP_TRY(read_field(r, node, &r->fields[r->out->n_fields++]));
  r->out->fields = r->fields;
cleanup:
  return status;
}

/* ---- who shares what ---- */

/* "stacks/NAME", "kernels/NAME", "systems/NAME/LEVEL". */
static slip_status read_owner(reading *r, const slip_node *node, slip_agenda_owner *out) {
  static const slip_kind kinds[] = {SLIP_KIND_STACK, SLIP_KIND_KERNELS, SLIP_KIND_SYSTEM};
  const char *text = NULL, *slash;
  const slip_status status = slip_node_string(node, &text, r->err);
  if (status != SLIP_OK)
    return status;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    const char *folder = slip_kind_folder(kinds[i]);
    const size_t n = strlen(folder);
    if (strncmp(text, folder, n) != 0 || text[n] != '/' || text[n + 1] == '\0')
      continue;
    slash = strchr(text + n + 1, '/');
    if ((slash != NULL) != (kinds[i] == SLIP_KIND_SYSTEM) || (slash && slash[1] == '\0'))
      break;
    out->kind = kinds[i];
    out->line = node->line;
    out->entry = slash ? slip_arena_strndup(r->arena, text + n + 1, (size_t)(slash - text) - n - 1) : text + n + 1;
    out->level = slash ? slash + 1 : NULL;
    return out->entry ? SLIP_OK : slip_no_memory(r->err);
  }
  return slip_node_fail(r->err, SLIP_BAD_INPUT, node, "'%s' is not stacks/NAME, kernels/NAME or systems/NAME/LEVEL",
                        text);
}

static bool fits(const slip_agenda_field *field, const slip_agenda_owner *owner) {
  size_t n;
  const slip_field *fields =
      owner->kind == SLIP_KIND_SYSTEM ? slip_level_fields(&n) : slip_kind_fields(owner->kind, &n);
  return find_field(fields, n, field->name) == field->field;
}

static bool same_owner(const slip_agenda_owner *a, const slip_agenda_owner *b) {
  return a->kind == b->kind && strcmp(a->entry, b->entry) == 0 &&
         (a->level ? b->level && strcmp(a->level, b->level) == 0 : !b->level);
}

static slip_status check_new(const reading *r, const slip_node *node, size_t field,
                             const slip_agenda_owner *owner) {
  for (size_t i = 0; i < r->out->n_constants; i++)
    for (size_t k = 0; k < r->constants[i].n_owners && r->constants[i].field == field; k++)
      if (same_owner(&r->constants[i].owners[k], owner))
        return slip_node_fail(r->err, SLIP_BAD_INPUT, node, "'%s' of %s is in two groups", r->fields[field].name,
                              owner->entry);
  return SLIP_OK;
}

/* Of those under "fields"; their number when it is none. */
static size_t index_of(const reading *r, const char *name) {
  size_t i = 0;
  while (i < r->out->n_fields && strcmp(r->fields[i].name, name) != 0)
    i++;
  return i;
}

static bool is_fitted(const reading *r, const char *name) {
  return index_of(r, name) < r->out->n_fields;
}

/* A prior of the group's own, for what is published of just these. */
static slip_status read_own_prior(const reading *r, const slip_node *group, const slip_agenda_field *field,
                                  slip_agenda_constant *out) {
  const slip_node *node = slip_node_get(slip_node_get(group, "prior"), field->name), *why = NULL;
  slip_status status = SLIP_OK;
  double prior;
  if (!node)
    return SLIP_OK;
  SLIP_TRY(slip_node_double(node, field->field->low, field->field->high, &prior, r->err));
  SLIP_TRY(need(group, "why", &why, r->err));
  SLIP_TRY(slip_node_string(why, &out->why, r->err));
  out->prior = si(field->field, prior);
  if (!(prior > 0) || (field->transform == SLIP_LOGIT && !(prior < 1)) ||
      (field->bounded && !(field->low < out->prior && out->prior < field->high)))
    return slip_node_fail(r->err, SLIP_BAD_INPUT, node, "is not within the bounds of the field");
cleanup:
  return status;
}

static slip_status add_constant(reading *r, const slip_node *group, const slip_node *node,
                                const slip_agenda_owner *owners, size_t n_owners) {
  const char *name = NULL;
  slip_status status = SLIP_OK;
  size_t field = 0;
  SLIP_TRY(slip_node_string(node, &name, r->err));
  field = index_of(r, name);
  if (field == r->out->n_fields)
    return slip_node_fail(r->err, SLIP_BAD_INPUT, node, "'%s' has no prior under \"fields\"", name);
  for (size_t i = 0; i < n_owners; i++) {
    if (!fits(&r->fields[field], &owners[i]))
      return slip_node_fail(r->err, SLIP_BAD_INPUT, node, "a %s file has no '%s'", slip_kind_name(owners[i].kind),
                            name);
    SLIP_TRY(check_new(r, node, field, &owners[i]));
  }
  slip_agenda_constant *constant = &r->constants[r->out->n_constants];
  *constant = (slip_agenda_constant){field, r->fields[field].prior, r->fields[field].why, owners, n_owners};
  SLIP_TRY(read_own_prior(r, group, &r->fields[field], constant));
  r->out->n_constants++;
cleanup:
  return status;
}

/* "prior" of a group is of fields that the group lists. */
static slip_status check_priors(const slip_node *priors, const slip_node *fields, slip_error *err) {
  if (priors->kind != SLIP_NODE_MAP)
    return slip_node_fail(err, SLIP_BAD_INPUT, priors, "expected a map of fields and their priors");
  for (const slip_node *child = priors->first; child; child = child->next) {
    const slip_node *listed = fields->first;
    while (listed && !(listed->kind == SLIP_NODE_SCALAR && strcmp(listed->text, child->key) == 0))
      listed = listed->next;
    if (!listed)
      return slip_node_fail(err, SLIP_BAD_INPUT, child, "is not among the group's fields");
  }
  return SLIP_OK;
}

static slip_status read_group(reading *r, const slip_node *node) {
  static const char *const legal[] = {"of", "fields", "prior", "why", NULL};
  slip_status status = SLIP_OK;
  const slip_node *of = NULL, *fields = NULL;
  size_t n = 0;
  SLIP_TRY(check_keys(node, legal, r->err));
  SLIP_TRY(need(node, "of", &of, r->err));
  SLIP_TRY(need(node, "fields", &fields, r->err));
  if (of->kind != SLIP_NODE_SEQUENCE || of->count == 0 || fields->kind != SLIP_NODE_SEQUENCE)
    return slip_node_fail(r->err, SLIP_BAD_INPUT, node, "\"of\" and \"fields\" are lists");
  slip_agenda_owner *owners = slip_arena_array(r->arena, of->count, sizeof *owners);
  if (!owners)
    return slip_no_memory(r->err);
  for (const slip_node *child = of->first; child; child = child->next, n++) {
    SLIP_TRY(read_owner(r, child, &owners[n]));
    for (size_t i = 0; i < n; i++)
      if (same_owner(&owners[i], &owners[n]))
        return slip_node_fail(r->err, SLIP_BAD_INPUT, child, "'%s' is named twice", child->text);
  }
  const slip_node *priors = slip_node_get(node, "prior");
  if (priors)
    SLIP_TRY(check_priors(priors, fields, r->err));
  for (const slip_node *child = fields->first; child; child = child->next)
    SLIP_TRY(add_constant(r, node, child, owners, n));
cleanup:
  return status;
}

static slip_status read_groups(reading *r, const slip_node *list) {
  slip_status status = SLIP_OK;
  size_t most = 0;
  if (list->kind != SLIP_NODE_SEQUENCE)
    return slip_node_fail(r->err, SLIP_BAD_INPUT, list, "expected a list of groups");
  for (const slip_node *node = list->first; node; node = node->next) {
    const slip_node *fields = slip_node_get(node, "fields");
    most += fields ? fields->count : 0;
  }
  r->constants = slip_arena_array(r->arena, most + 1, sizeof *r->constants);
  if (!r->constants)
    return slip_no_memory(r->err);
  for (const slip_node *node = list->first; node; node = node->next)
    SLIP_TRY(read_group(r, node));
  r->out->constants = r->constants;
cleanup:
  return status;
}

static slip_status read_followers(reading *r, const slip_node *map) {
  slip_status status = SLIP_OK;
  if (map->kind != SLIP_NODE_MAP)
    return slip_node_fail(r->err, SLIP_BAD_INPUT, map, "expected a map of follower: leader");
  slip_agenda_follower *followers = slip_arena_array(r->arena, map->count + 1, sizeof *followers);
  if (!followers)
    return slip_no_memory(r->err);
  for (const slip_node *node = map->first; node; node = node->next) {
    slip_agenda_follower *f = &followers[r->out->n_followers++];
    f->name = node->key;
    SLIP_TRY(slip_node_string(node, &f->leader, r->err));
    if (!any_field(f->name) || is_fitted(r, f->name) || !is_fitted(r, f->leader))
      return slip_node_fail(r->err, SLIP_BAD_INPUT, node,
                            "a field of the catalog that is not fitted itself follows one under \"fields\"");
  }
  r->out->followers = followers;
cleanup:
  return status;
}

/* ---- the file ---- */

static slip_status read_kind(const slip_node *node, slip_row_kind *out, slip_error *err) {
  static const char *const names[SLIP_ROW_KINDS] = {
      [SLIP_ROW_TRAINING] = "training", [SLIP_ROW_SERVING] = "serving", [SLIP_ROW_KERNEL] = "kernels"};
  const char *text = NULL;
  const slip_status status = slip_node_string(node, &text, err);
  if (status != SLIP_OK)
    return status;
  for (int kind = 0; kind < SLIP_ROW_KINDS; kind++)
    if (strcmp(names[kind], text) == 0) {
      *out = (slip_row_kind)kind;
      return SLIP_OK;
    }
  return slip_node_fail(err, SLIP_BAD_INPUT, node, "is training, serving or kernels, not '%s'", text);
}

slip_status slip_agenda_parse(slip_arena *arena, const char *file, const char *bytes, size_t n, slip_agenda *out,
                              slip_error *err) {
  static const char *const legal[] = {"rows", "row_sd", "ttft_sd", "fields", "shared", "follow", NULL};
  const slip_node *root = NULL, *node = NULL;
  slip_status status = SLIP_OK;
  reading r = {.arena = arena, .out = out, .err = err};
  *out = (slip_agenda){.file = file};
  SLIP_TRY(slip_doc_parse(arena, file, bytes, n, &root, err));
  SLIP_TRY(check_keys(root, legal, err));
  SLIP_TRY(need(root, "rows", &node, err));
  SLIP_TRY(read_kind(node, &out->rows, err));
  SLIP_TRY(need(root, "row_sd", &node, err));
  SLIP_TRY(slip_node_double(node, 1e-3, 3, &out->row_sd, err));
  out->ttft_sd = out->row_sd;
  node = slip_node_get(root, "ttft_sd");
  if (node)
    SLIP_TRY(slip_node_double(node, 1e-3, 3, &out->ttft_sd, err));
  SLIP_TRY(need(root, "fields", &node, err));
  SLIP_TRY(read_fields(&r, node));
  SLIP_TRY(need(root, "shared", &node, err));
  SLIP_TRY(read_groups(&r, node));
  node = slip_node_get(root, "follow");
  if (node)
    SLIP_TRY(read_followers(&r, node));
cleanup:
  return status;
}

slip_status slip_agenda_builtin(slip_arena *arena, slip_row_kind rows, slip_agenda *out, slip_error *err) {
  for (size_t i = 0; i < slip_calibration_file_count; i++) {
    const slip_embedded_file *file = &slip_calibration_files[i];
    const char *name = slip_arena_printf(arena, "data/%s", file->path);
    if (!name)
      return slip_no_memory(err);
    const slip_status status = slip_agenda_parse(arena, name, (const char *)file->bytes, file->size, out, err);
    if (status != SLIP_OK || out->rows == rows)
      return status;
  }
  return slip_fail(err, SLIP_BAD_INPUT, "no file of data/calibration is for rows of this kind");
}
