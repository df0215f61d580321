/* The machine of a training row: a catalog system, with the row's own scale-up domain and scale-out rate. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/train_read.h"

/* Gb/s of scale-out network per chip that a text states: "RoCE 1600 Gb/s per node", "InfiniBand 400 Gb/s per GPU",
 * "8x ConnectX-7 IB NDR 400Gb/s" (adapters of a node), "4x Omni-Path 100 Gb/s per node" (each). NAN: it states
 * none. */
static double stated_gbps(const char *text, double chips_per_node) {
  const char *compute = strstr(text, "Compute:"); /* MLPerf: storage and compute networks in one cell */
  const char *from = compute ? compute : text;
  double adapters = 0, rate = NAN;
  for (const char *at = from; *at; at++) {
    if (!isdigit((unsigned char)*at) || (at > from && (isalnum((unsigned char)at[-1]) || at[-1] == '-')))
      continue;
    char *end;
    double number = strtod(at, &end);
    if (*end == 'x' && adapters == 0)
      adapters = number;
    end += strspn(end, " ");
    if (strncmp(end, "Gb/s", 4) == 0 || strncmp(end, "Gbps", 4) == 0) {
      rate = number;
      break;
    }
    at = end > at ? end - 1 : at;
  }
  if (isnan(rate) || !(chips_per_node >= 1))
    return NAN;
  if (strstr(text, "per GPU"))
    return rate;
  if (adapters > 0)
    return adapters * rate / chips_per_node;
  return strstr(text, "per node") ? rate / chips_per_node : NAN;
}

static void set_level(slip_train_reading *r, slip_system *system, double domain, double gbps,
                      double ranks_per_chip) {
  for (int i = 0; i < system->n_levels; i++) {
    slip_level *level = &system->levels[i];
    if (strcmp(level->name, "scale-up") == 0 && domain >= 1 && domain * ranks_per_chip != level->ranks) {
      level->ranks = domain * ranks_per_chip;
      slip_train_infer(r, "scale-up domain of %g", domain);
    }
    double rate = gbps * 1e9 / 8 / ranks_per_chip;
    if (strcmp(level->name, "scale-out") == 0 && gbps > 0 && fabs(rate / level->bytes_per_s - 1) > 0.01) {
      level->bytes_per_s = rate;
      slip_train_infer(r, "scale-out %g Gb/s per chip", gbps);
    }
  }
}

bool slip_train_system(slip_train_reading *r) {
  const char *text = slip_row_text(r->row, "chip");
  bool per_die = false;
  const slip_chip *grade = slip_resolve_chip(r->reader->catalog, text, &per_die);
  if (!grade)
    return slip_train_skip(r, "chip '%s' is not in the catalog", text);
  const slip_chip *chip = slip_resolve_estimable(r->reader->catalog, grade);
  if (chip != grade)
    slip_train_infer(r, "chip=%s for its grade %s", chip->entry.name, grade->entry.name);
  r->out->chip = chip;
  r->out->shown.chip = chip->entry.name;

  bool bad = false;
  double domain = slip_row_number(r->row, "scaleup_domain", &bad); /* a text for TPUs: not a number, not an error */
  if (bad)
    domain = NAN;
  const slip_system *found = slip_resolve_system(r->reader->catalog, chip, domain >= 1 ? (int64_t)domain : 0);
  if (!found)
    return slip_train_skip(r, "no system with chip %s is in the catalog", chip->entry.name);
  slip_system *system = slip_arena_alloc(r->reader->arena, sizeof *system);
  if (!system) {
    r->no_memory = true;
    return false;
  }
  *system = *found;

  int64_t counted = slip_train_count(r, "n_chips");
  if (counted == 0)
    return slip_train_skip(r, "n_chips is missing");
  const char *slices = slip_train_fact(r, "slices");
  if (slices && atoi(slices) > 0) /* TPU slices are joined by the data-centre network */
    domain = (double)counted / atoi(slices);
  double node = slip_row_number(r->row, "chips_per_node", &bad);
  set_level(r, system, domain, stated_gbps(slip_row_text(r->row, "scaleout"), node), chip->ranks);

  r->out->train.devices = (double)counted;
  r->out->train.job.chips = per_die ? (int64_t)((double)counted / chip->ranks) : counted;
  r->out->train.job.system = system;
  if (r->out->train.job.chips < 1)
    return slip_train_skip(r, "n_chips %lld is less than one package", (long long)counted);
  return true;
}
