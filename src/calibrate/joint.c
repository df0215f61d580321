#include "calibrate/joint_internal.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "calibrate/constants.h"
#include "calibrate/linear.h"
#include "calibrate/workbench.h"

enum { Q = SLIP_MAX_QUANTITIES };

#define STEP 0.05       /* of derivatives, in ln or logit */
#define LEAST_MOVE 1e-3 /* derivative below which a row says nothing of a constant */
#define FARTHEST_START 3.0
#define FREE 1e9 /* variance that leaves a constant wherever the others put it */

/* ---- a constant and its places ---- */

size_t slip_joint_unknowns(const slip_joint *joint) {
  return joint->n_unknowns;
}

size_t slip_joint_constants(const slip_joint *joint, const slip_joint_constant **out) {
  for (size_t i = 0; i < joint->n_constants; i++)
    joint->shown[i] = joint->constants[i].shown;
  *out = joint->shown;
  return joint->n_constants;
}

double slip_joint_moved_by(const bound_constant *c, const double *u) {
  double sum = 0;
  for (int part = 0; part < PARTS; part++)
    if (c->unknown[part] != SIZE_MAX)
      sum += c->sd[part] * u[c->unknown[part]];
  return sum;
}

/* The transformed value, in which priors are normal: ln x; logit of a share; logit of where x lies between bounds, at the prior as steep as
 * ln x. */
static double transformed(const bound_constant *c, double x) {
  const slip_agenda_field *f = c->shown.field;
  if (f->transform == SLIP_LOGIT)
    return log(x / (1 - x));
  return f->bounded ? log((x - f->low) / (f->high - x)) / c->steep : log(x);
}

static double restored(const bound_constant *c, double y) {
  const slip_agenda_field *f = c->shown.field;
  if (f->transform == SLIP_LOGIT)
    return 1 / (1 + exp(-y));
  return f->bounded ? f->low + (f->high - f->low) / (1 + exp(-y * c->steep)) : exp(y);
}

static double steepness(const slip_agenda_field *f) {
  return f->bounded ? f->prior * (f->high - f->low) / ((f->prior - f->low) * (f->high - f->prior)) : 1;
}

static void set(bound_constant *c, double value) {
  c->shown.now = value;
  for (size_t p = 0; p < c->n_places; p++)
    *c->places[p] = value;
  for (size_t p = 0; p < c->n_followers; p++)
    *c->followers[p] = value * c->ratios[p];
}

void slip_joint_move(slip_joint *joint, const double *u) {
  for (size_t i = 0; i < joint->n_constants; i++) {
    bound_constant *c = &joint->constants[i];
    set(c, restored(c, transformed(c, c->shown.shared->prior) + slip_joint_moved_by(c, u)));
  }
}

double slip_joint_common(const slip_joint *joint, const double *u, size_t field) {
  const slip_agenda_field *f = &joint->agenda->fields[field];
  for (size_t i = 0; i < joint->n_constants; i++) {
    const bound_constant *c = &joint->constants[i];
    if (c->shown.field == f && c->unknown[FIELD] != SIZE_MAX)
      return restored(c, transformed(c, f->prior) + f->common_sd * u[c->unknown[FIELD]]);
  }
  return f->prior;
}

/* What moving either constant by its unknowns has in common: the covariance of the two before any row is seen. */
static double prior_covariance(const bound_constant *a, const bound_constant *b) {
  double sum = 0;
  for (int part = 0; part < PARTS; part++)
    if (a->unknown[part] != SIZE_MAX && a->unknown[part] == b->unknown[part])
      sum += a->sd[part] * b->sd[part];
  return sum;
}

/* The shortest u at which constant i has moved by `by`[i]: A' (A A')^-1 by, of the equations A u = by. */
slip_status slip_joint_start(const slip_joint *joint, double *u, slip_error *err) {
  const size_t n = joint->n_constants;
  double *gram = slip_memory_resize(NULL, (n * n + n + 1) * sizeof *gram);
  if (!gram)
    return slip_no_memory(err);
  double *by = gram + n * n;
  for (size_t i = 0; i < n; i++) {
    const bound_constant *c = &joint->constants[i];
    by[i] = transformed(c, c->originals[0]) - transformed(c, c->shown.shared->prior);
    const bool known = isfinite(by[i]) && c->sd[OWN] > 0;
    by[i] = known ? by[i] : 0;
    for (size_t j = 0; j < n; j++)
      gram[i * n + j] = prior_covariance(c, &joint->constants[j]);
    if (!known)
      gram[i * n + i] += FREE;
  }
  slip_invert(gram, n);
  memset(u, 0, joint->n_unknowns * sizeof *u);
  for (size_t i = 0; i < n; i++) {
    double pull = 0;
    for (size_t j = 0; j < n; j++)
      pull += gram[i * n + j] * by[j];
    const bound_constant *c = &joint->constants[i];
    for (int part = 0; part < PARTS; part++)
      if (c->unknown[part] != SIZE_MAX)
        u[c->unknown[part]] += pull * c->sd[part];
  }
  for (size_t i = 0; i < joint->n_unknowns; i++)
    u[i] = fmax(-FARTHEST_START, fmin(FARTHEST_START, u[i]));
  free(gram);
  return SLIP_OK;
}

void slip_joint_restore(slip_joint *joint) {
  for (size_t i = 0; i < joint->n_constants; i++) {
    bound_constant *c = &joint->constants[i];
    for (size_t p = 0; p < c->n_places; p++)
      *c->places[p] = c->originals[p];
    for (size_t p = 0; p < c->n_followers; p++)
      *c->followers[p] = c->follower_originals[p];
  }
}

/* ---- binding ---- */

static double *member(void *object, const slip_field *field) {
  return (double *)(void *)((char *)object + field->offset);
}

static slip_status find_owner(const slip_joint *joint, const slip_agenda_owner *owner, void **out,
                              slip_error *err) {
  slip_entry *entry = slip_catalog_lookup(joint->catalog, owner->kind, owner->entry);
  const char *file = joint->agenda->file;
  if (!entry)
    return slip_fail_at(err, SLIP_BAD_INPUT, file, owner->line, 0, "of", "there is no %s '%s' in the catalog",
                        slip_kind_name(owner->kind), owner->entry);
  *out = entry; /* the first member of its struct */
  if (owner->kind != SLIP_KIND_SYSTEM)
    return SLIP_OK;
  slip_system *system = (slip_system *)(void *)entry;
  for (int i = 0; i < system->n_levels; i++)
    if (strcmp(system->levels[i].name, owner->level) == 0) {
      *out = &system->levels[i];
      return SLIP_OK;
    }
  return slip_fail_at(err, SLIP_BAD_INPUT, file, owner->line, 0, "of", "system '%s' has no level '%s'",
                      owner->entry, owner->level);
}

static const slip_field *field_of_kind(slip_kind kind, const char *name) {
  size_t n;
  const slip_field *fields = kind == SLIP_KIND_SYSTEM ? slip_level_fields(&n) : slip_kind_fields(kind, &n);
  for (size_t i = 0; i < n; i++)
    if (strcmp(fields[i].name, name) == 0)
      return &fields[i];
  return NULL;
}

static slip_status bind_followers(const slip_joint *joint, const slip_agenda_owner *owner, void *object,
                                  bound_constant *c) {
  const double leader = *member(object, c->shown.field->field);
  for (size_t i = 0; i < joint->agenda->n_followers; i++) {
    const slip_agenda_follower *f = &joint->agenda->followers[i];
    const slip_field *field = field_of_kind(owner->kind, f->name);
    if (strcmp(f->leader, c->shown.field->name) != 0 || !field || field->offset < 0)
      continue;
    double *place = member(object, field);
    if (!(*place > 0) || !(leader > 0))
      continue;
    c->followers[c->n_followers] = place;
    c->follower_originals[c->n_followers] = *place;
    c->ratios[c->n_followers++] = *place / leader;
  }
  return SLIP_OK;
}

/* A row depends on a stack that it runs on, on the kernel profile of its chip, on a network of its system. */
static bool depends(const slip_case *c, const slip_agenda_owner *owner, const void *entry) {
  switch (owner->kind) {
  case SLIP_KIND_STACK:
    return (const void *)c->stack == entry;
  case SLIP_KIND_KERNELS:
    return c->chip && (const void *)c->chip->kernels == entry;
  default: {
    const slip_system *system = c->kind == SLIP_ROW_KERNEL    ? c->kernel.system
                                : c->kind == SLIP_ROW_SERVING ? c->serve.job.system
                                                              : NULL;
    return (const void *)system == entry;
  }
  }
}

static slip_status bind_rows(slip_joint *joint, bound_constant *c, slip_error *err) {
  const slip_agenda_constant *shared = c->shown.shared;
  c->rows = slip_arena_array(joint->arena, joint->n_rows + 1, sizeof *c->rows);
  if (!c->rows)
    return slip_no_memory(err);
  for (size_t r = 0; r < joint->n_rows; r++)
    for (size_t k = 0; k < shared->n_owners; k++) {
      const slip_entry *entry =
          slip_catalog_lookup(joint->catalog, shared->owners[k].kind, shared->owners[k].entry);
      if (depends(joint->rows[r].c, &shared->owners[k], entry)) {
        c->rows[c->shown.n_rows++] = r;
        break;
      }
    }
  c->derivatives = slip_arena_array(joint->arena, c->shown.n_rows * Q + 1, sizeof *c->derivatives);
  return c->derivatives ? SLIP_OK : slip_no_memory(err);
}

static slip_status bind(slip_joint *joint, size_t i, slip_error *err) {
  const slip_agenda_constant *shared = &joint->agenda->constants[i];
  bound_constant *c = &joint->constants[i];
  slip_status status = SLIP_OK;
  c->shown.field = &joint->agenda->fields[shared->field];
  c->shown.shared = shared;
  c->steep = steepness(c->shown.field);
  c->sd[FIELD] = c->shown.field->common_sd;
  c->sd[ENTRY] = c->shown.field->entry_sd;
  c->sd[OWN] = c->shown.field->own_sd;
  c->unknown[FIELD] = c->unknown[ENTRY] = SIZE_MAX;
  c->unknown[OWN] = i;
  const size_t most = shared->n_owners * (joint->agenda->n_followers + 1);
  c->places = slip_arena_array(joint->arena, shared->n_owners, sizeof *c->places);
  c->originals = slip_arena_array(joint->arena, shared->n_owners, sizeof *c->originals);
  c->followers = slip_arena_array(joint->arena, most, sizeof *c->followers);
  c->ratios = slip_arena_array(joint->arena, most, sizeof *c->ratios);
  c->follower_originals = slip_arena_array(joint->arena, most, sizeof *c->follower_originals);
  if (!c->originals || !c->follower_originals || !c->places || !c->followers || !c->ratios)
    return slip_no_memory(err);
  for (size_t k = 0; k < shared->n_owners; k++) {
    void *object = NULL;
    SLIP_TRY(find_owner(joint, &shared->owners[k], &object, err));
    c->places[c->n_places] = member(object, c->shown.field->field);
    c->originals[c->n_places] = *c->places[c->n_places];
    c->n_places++;
    SLIP_TRY(bind_followers(joint, &shared->owners[k], object, c));
  }
  SLIP_TRY(bind_rows(joint, c, err));
cleanup:
  return status;
}

static bool same_entry(const slip_agenda_constant *a, const slip_agenda_constant *b) {
  return a->owners[0].kind == b->owners[0].kind && strcmp(a->owners[0].entry, b->owners[0].entry) == 0;
}

/* Constants of one field, and of one entry, are moved by one unknown more. */
static void number_unknowns(slip_joint *joint) {
  joint->n_unknowns = joint->n_constants;
  for (int part = FIELD; part <= ENTRY; part++)
    for (size_t i = 0; i < joint->n_constants; i++) {
      bound_constant *c = &joint->constants[i];
      if (!(c->sd[part] > 0))
        continue;
      for (size_t k = 0; k < i && c->unknown[part] == SIZE_MAX; k++) {
        const bound_constant *other = &joint->constants[k];
        if (other->sd[part] > 0 && (part == FIELD ? other->shown.field == c->shown.field
                                                  : same_entry(other->shown.shared, c->shown.shared)))
          c->unknown[part] = other->unknown[part];
      }
      if (c->unknown[part] == SIZE_MAX)
        c->unknown[part] = joint->n_unknowns++;
    }
}

slip_status slip_joint_open(slip_arena *arena, const slip_agenda *agenda, slip_catalog *catalog,
                            const slip_fit_row *rows, size_t n_rows, slip_joint **out, slip_error *err) {
  slip_status status = SLIP_OK;
  slip_joint *joint = slip_arena_alloc(arena, sizeof *joint);
  if (!joint)
    return slip_no_memory(err);
  *joint = (slip_joint){.agenda = agenda, .catalog = catalog, .rows = rows, .n_rows = n_rows, .arena = arena};
  joint->n_constants = agenda->n_constants;
  joint->constants = slip_arena_array(arena, joint->n_constants + 1, sizeof *joint->constants);
  joint->shown = slip_arena_array(arena, joint->n_constants + 1, sizeof *joint->shown);
  if (!joint->constants || !joint->shown)
    return slip_no_memory(err);
  for (size_t i = 0; i < joint->n_constants; i++)
    SLIP_TRY(bind(joint, i, err));
  number_unknowns(joint);
  *out = joint;
cleanup:
  return status;
}

/* ---- residuals and derivatives ---- */

static bool predict(const slip_fit_row *row, double out[Q]) {
  double predicted[Q] = {NAN, NAN, NAN, NAN};
  slip_error ignored;
  const slip_status status = slip_workbench_predict(row->c, predicted, NULL, &ignored);
  for (int q = 0; q < Q; q++) {
    out[q] = NAN;
    if (!row->used[q])
      continue;
    out[q] =
        status == SLIP_OK && predicted[q] > 0 ? log(predicted[q] / row->c->quantities[q].measured) : SLIP_MISFIT;
    if (!isfinite(out[q]))
      out[q] = SLIP_MISFIT;
  }
  return status != SLIP_NO_MEMORY;
}

slip_status slip_joint_residuals(const slip_joint *joint, double *out, slip_error *err) {
  atomic_bool failed = false;
#pragma omp parallel for schedule(dynamic, 4) default(shared)
  for (size_t r = 0; r < joint->n_rows; r++)
    if (!predict(&joint->rows[r], &out[r * Q]))
      atomic_store(&failed, true);
  return atomic_load(&failed) ? slip_no_memory(err) : SLIP_OK;
}

static void count_moved(bound_constant *c) {
  c->shown.moved = 0;
  for (size_t k = 0; k < c->shown.n_rows; k++) {
    bool moves = false;
    for (size_t q = 0; q < Q; q++)
      moves = moves || fabs(c->derivatives[k * Q + q]) > LEAST_MOVE; /* false for NAN */
    c->shown.moved += moves;
  }
}

/* Central, by STEP to each side. */
static slip_status differentiate(slip_joint *joint, bound_constant *c, slip_error *err) {
  const double at = c->shown.now, y = transformed(c, at);
  atomic_bool failed = false;
  for (int side = 0; side < 2; side++) {
    set(c, restored(c, y + (side ? STEP : -STEP)));
#pragma omp parallel for schedule(dynamic, 1) default(shared)
    for (size_t k = 0; k < c->shown.n_rows; k++) {
      double here[Q];
      if (!predict(&joint->rows[c->rows[k]], here))
        atomic_store(&failed, true);
      for (int q = 0; q < Q; q++) {
        double *d = &c->derivatives[k * Q + (size_t)q];
        *d = side ? (here[q] - *d) / (2 * STEP) : here[q];
      }
    }
  }
  set(c, at);
  count_moved(c);
  return atomic_load(&failed) ? slip_no_memory(err) : SLIP_OK;
}

slip_status slip_joint_differentiate(slip_joint *joint, slip_error *err) {
  slip_status status = SLIP_OK;
  for (size_t i = 0; i < joint->n_constants; i++)
    SLIP_TRY(differentiate(joint, &joint->constants[i], err));
  joint->differentiated = true;
cleanup:
  return status;
}
