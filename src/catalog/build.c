/* One file -> one slip_chip, slip_system, ...: what differs by kind. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "catalog/catalog_internal.h"
#include "model/import.h"
#include <slipstick/model.h>

#define BIT(kind) (1u << (kind))
#define ALL_KINDS (BIT(SLIP_KINDS) - 1u)
#define CHIP BIT(SLIP_KIND_CHIP)
#define SYSTEM BIT(SLIP_KIND_SYSTEM)
#define STACK BIT(SLIP_KIND_STACK)
#define MODEL BIT(SLIP_KIND_MODEL)

static const slip_key file_keys[] = {
    {"kind", ALL_KINDS, ALL_KINDS},
    {"name", ALL_KINDS, ALL_KINDS},
    {"title", ALL_KINDS, ALL_KINDS},
    {"vendor", ALL_KINDS, CHIP | SYSTEM},
    {"status", CHIP | SYSTEM, CHIP | SYSTEM},
    {"summary", ALL_KINDS, 0},
    {"aliases", ALL_KINDS, 0},
    {"facts", ALL_KINDS, 0},
    {"kernels", CHIP, CHIP},
    {"chip", SYSTEM, SYSTEM},
    {"levels", SYSTEM, 0},
    {"for_vendor", STACK, STACK},
    {"for_chip", STACK, 0},
    {"for_models", STACK, 0},
    {"only_releases", STACK, 0},
    {"framework", STACK, STACK},
    {"release", STACK, 0},
    {"date", STACK, 0},
    {"trains", STACK, 0},
    {"serves", STACK, 0},
    {"is_prior", STACK, 0},
    {"config", MODEL, MODEL},
    {"config_source", MODEL, MODEL},
};

static const slip_key level_keys[] = {{"name", SYSTEM, SYSTEM}, {"facts", SYSTEM, 0}};

static const slip_key config_source_keys[] = {{"source", MODEL, MODEL},
                                              {"url", MODEL, 0},
                                              {"date", MODEL, 0},
                                              {"confidence", MODEL, MODEL},
                                              {"note", MODEL, 0}};

static const size_t struct_sizes[SLIP_KINDS] = {
    [SLIP_KIND_CHIP] = sizeof(slip_chip),     [SLIP_KIND_KERNELS] = sizeof(slip_kernels),
    [SLIP_KIND_SYSTEM] = sizeof(slip_system), [SLIP_KIND_STACK] = sizeof(slip_stack),
    [SLIP_KIND_MODEL] = sizeof(slip_model),   [SLIP_KIND_REGION] = sizeof(slip_region),
};

/* ---- systems ---- */

static slip_status level_index(const slip_node *node, int *out, slip_error *err) {
  for (int i = 0; i < 3; i++) {
    if (node->kind == SLIP_NODE_SCALAR && strcmp(node->text, slip_level_names[i]) == 0) {
      *out = i;
      return SLIP_OK;
    }
  }
  return slip_node_fail(err, SLIP_BAD_INPUT, node, "must be one of: %s, %s, %s", slip_level_names[0],
                        slip_level_names[1], slip_level_names[2]);
}

static slip_status read_level(slip_reading *reading, const slip_node *node, int *last, slip_level *level) {
  size_t n_fields = 0;
  const slip_field *fields = slip_level_fields(&n_fields);
  slip_status status = SLIP_OK;
  int index = 0;
  SLIP_TRY(slip_keys_check(node, level_keys, sizeof level_keys / sizeof level_keys[0], reading->kind, "a level",
                           reading->err));
  const slip_node *name = slip_node_get(node, "name");
  SLIP_TRY(level_index(name, &index, reading->err));
  if (index <= *last) {
    status = slip_node_fail(reading->err, SLIP_BAD_INPUT, name, "levels stand innermost first: %s, %s, %s",
                            slip_level_names[0], slip_level_names[1], slip_level_names[2]);
    goto cleanup;
  }
  *last = index;
  level->name = slip_level_names[index];
  SLIP_TRY(slip_facts_read(reading, slip_node_get(node, "facts"), level->name, fields, n_fields, level));
cleanup:
  return status;
}

static slip_status read_levels(slip_reading *reading, slip_system *system) {
  const slip_node *list = slip_node_get(reading->root, "levels");
  slip_status status = SLIP_OK;
  int last = -1;
  if (slip_node_is_null(list))
    return SLIP_OK;
  if (list->kind != SLIP_NODE_SEQUENCE)
    return slip_node_fail(reading->err, SLIP_BAD_INPUT, list, "expected a list of levels, innermost first");
  for (const slip_node *node = list->first; node; node = node->next) {
    /* The strictly rising order of the three names bounds n_levels. */
    SLIP_TRY(read_level(reading, node, &last, &system->levels[system->n_levels]));
    system->n_levels++;
  }
cleanup:
  return status;
}

static slip_status fail_at_level(const slip_system *system, const slip_level *level, const char *why,
                                 slip_error *err) {
  int line = 0;
  char field[SLIP_FIELD_SIZE];
  snprintf(field, sizeof field, "%s.chips", level->name);
  const slip_fact *fact = slip_entry_fact(&system->entry, field);
  if (fact)
    line = fact->line;
  return slip_fail_at(err, SLIP_BAD_INPUT, system->entry.file, line, 0, field, "%s", why);
}

/* Chips in a domain become ranks, and bandwidth per chip becomes bandwidth per rank. */
static slip_status finish_level(const slip_system *system, slip_level *level, slip_error *err) {
  const double ranks = system->chip->ranks;
  const bool has_chips = !isnan(level->ranks);
  const char *complaint = NULL;
  if (level->name == slip_level_names[0]) {
    if (has_chips)
      complaint = "an in-package level has the chip's ranks; leave `chips` out";
    else if (ranks < 2)
      complaint = "the chip has one rank, so nothing is in-package; leave this level out";
    level->ranks = ranks;
  } else if (level->name == slip_level_names[1]) {
    if (!has_chips)
      complaint = "only scale-out is unlimited; say how many chips one domain has";
    level->ranks *= ranks;
  } else {
    if (has_chips)
      complaint = "scale-out is unlimited; leave `chips` out";
    level->ranks = INFINITY;
  }
  level->bytes_per_s /= ranks;
  if (isnan(level->exchange_s))
    level->exchange_s = level->latency_s;
  if (isnan(level->copy_s))
    level->copy_s = 0;
  if (isnan(level->exchange_fraction))
    level->exchange_fraction = level->fraction;
  if (isnan(level->bulk_fraction))
    level->bulk_fraction = level->exchange_fraction;
  return complaint ? fail_at_level(system, level, complaint, err) : SLIP_OK;
}

/* A system of which only bounded levels are published still has an outermost one, of which nothing is known. */
static void add_unknown_scale_out(slip_system *system) {
  size_t n_fields = 0;
  const slip_field *fields = slip_level_fields(&n_fields);
  slip_level *level = &system->levels[system->n_levels++];
  slip_fields_clear(fields, n_fields, level);
  level->name = slip_level_names[2];
  level->ranks = INFINITY;
}

slip_status slip_system_finish(slip_system *system, slip_error *err) {
  slip_status status = SLIP_OK;
  double inner = 1;
  for (int i = 0; i < system->n_levels; i++) {
    slip_level *level = &system->levels[i];
    SLIP_TRY(finish_level(system, level, err));
    if (!(level->ranks > inner)) {
      status = fail_at_level(system, level, "domains grow from level to level: this one is no larger than the last",
                             err);
      goto cleanup;
    }
    inner = level->ranks;
  }
  if (system->n_levels > 0 && !isinf(inner))
    add_unknown_scale_out(system);
cleanup:
  return status;
}

/* ---- stacks ---- */

/* "2026", "2026-02" or "2026-02-27": dates are compared as texts. */
static bool is_iso_date(const char *date) {
  const char *const shape = "dddd-dd-dd";
  const size_t length = strlen(date);
  if (length != 4 && length != 7 && length != 10)
    return false;
  for (size_t i = 0; i < length; i++) {
    if (shape[i] == 'd' ? date[i] < '0' || date[i] > '9' : date[i] != shape[i])
      return false;
  }
  return true;
}

static slip_status read_flag(const slip_node *root, const char *key, bool *out, slip_error *err) {
  const slip_node *node = slip_node_get(root, key);
  return node ? slip_node_bool(node, out, err) : SLIP_OK;
}

static slip_status read_stack(slip_reading *reading, slip_stack *stack) {
  const slip_node *root = reading->root;
  slip_error *err = reading->err;
  slip_status status = SLIP_OK;
  stack->spread_train_moe = isnan(stack->spread_train_moe) ? stack->spread_train : stack->spread_train_moe;
  stack->spread_rate = isnan(stack->spread_rate) ? stack->spread_serve : stack->spread_rate;
  stack->spread_offline = isnan(stack->spread_offline) ? stack->spread_serve : stack->spread_offline;
  stack->spread_ttft = isnan(stack->spread_ttft) ? stack->spread_serve : stack->spread_ttft;
  stack->spread_ttft_split = isnan(stack->spread_ttft_split) ? stack->spread_ttft : stack->spread_ttft_split;
  stack->pace_train = isnan(stack->pace_train) ? 1 : stack->pace_train;
  stack->even_stages = isnan(stack->even_stages) ? 0 : stack->even_stages;
  stack->routing_spread = isnan(stack->routing_spread) ? 0 : stack->routing_spread;
  stack->host_sequence_s = isnan(stack->host_sequence_s) ? 0 : stack->host_sequence_s;
  stack->exchange_cores = isnan(stack->exchange_cores) ? 0 : stack->exchange_cores;
  stack->request_s = isnan(stack->request_s) ? 0 : stack->request_s;
  stack->request_token_s = isnan(stack->request_token_s) ? 0 : stack->request_token_s;
  stack->prefill_apart = isnan(stack->prefill_apart) ? 0 : stack->prefill_apart;
  stack->decode_graphs = isnan(stack->decode_graphs) ? 1 : stack->decode_graphs;
  stack->serial_host = isnan(stack->serial_host) ? 0 : stack->serial_host;
  stack->whole_windows = isnan(stack->whole_windows) ? 0 : stack->whole_windows;
  stack->reserve_output = isnan(stack->reserve_output) ? 1 : stack->reserve_output;
  stack->pace_serve = isnan(stack->pace_serve) ? 1 : stack->pace_serve;
  stack->pace_experts = isnan(stack->pace_experts) ? 1 : stack->pace_experts;
  SLIP_TRY(slip_text_child(reading->arena, root, "for_vendor", &stack->for_vendor, err));
  SLIP_TRY(slip_text_child(reading->arena, root, "for_chip", &stack->for_chip, err));
  SLIP_TRY(slip_text_child(reading->arena, root, "for_models", &stack->for_models, err));
  SLIP_TRY(slip_text_child(reading->arena, root, "only_releases", &stack->only_releases, err));
  SLIP_TRY(slip_text_child(reading->arena, root, "framework", &stack->framework, err));
  SLIP_TRY(slip_text_child(reading->arena, root, "release", &stack->release, err));
  SLIP_TRY(slip_text_child(reading->arena, root, "date", &stack->date, err));
  SLIP_TRY(read_flag(root, "trains", &stack->trains, err));
  SLIP_TRY(read_flag(root, "serves", &stack->serves, err));
  SLIP_TRY(read_flag(root, "is_prior", &stack->is_prior, err));
  if (!stack->trains && !stack->serves)
    status = slip_fail_at(err, SLIP_BAD_INPUT, reading->file, root->line, 0, "trains",
                          "a stack trains, serves or both: neither \"trains: true\" nor \"serves: true\" is there");
  else if (stack->date[0] ? !is_iso_date(stack->date) : !stack->is_prior)
    status = slip_fail_at(err, SLIP_BAD_INPUT, reading->file, root->line, 0, "date",
                          "a stack has the date of its release as YYYY-MM (only a prior may leave it out)");
  else if (stack->for_models[0] && strcmp(stack->for_models, "experts") != 0)
    status = slip_fail_at(err, SLIP_BAD_INPUT, reading->file, root->line, 0, "for_models",
                          "a stack is for the models \"experts\", or leaves the key out and is for all");
cleanup:
  return status;
}

/* ---- models ---- */

static slip_status read_model(slip_reading *reading, slip_model *model) {
  const slip_node *config = slip_node_get(reading->root, "config");
  const slip_node *origin = slip_node_get(reading->root, "config_source");
  const slip_entry entry = model->entry;
  const double train_tokens = model->train_tokens;
  slip_status status = SLIP_OK;
  SLIP_TRY(slip_model_build(reading->arena, config, model, reading->err));
  model->entry = entry;
  model->train_tokens = train_tokens;
  SLIP_TRY(slip_keys_check(origin, config_source_keys, sizeof config_source_keys / sizeof config_source_keys[0],
                           reading->kind, "config_source", reading->err));
  slip_fact *fact = &reading->facts[reading->n_facts];
  *fact = (slip_fact){.field = "config", .unit = "", .shown = NAN, .value = NAN};
  fact->text = model->family && model->family[0] ? model->family : "Hugging Face fields";
  SLIP_TRY(slip_fact_read_source(reading, origin, fact));
  reading->n_facts++;
cleanup:
  if (status != SLIP_OK)
    slip_error_set_place(reading->err, reading->file, config->line, "config");
  return status;
}

/* ---- any kind ---- */

/* As many as the file can hold: its facts, those of its levels, and a model's config_source. */
static size_t count_facts(const slip_node *root) {
  const slip_node *facts = slip_node_get(root, "facts");
  const slip_node *levels = slip_node_get(root, "levels");
  size_t count = (facts ? facts->count : 0) + 1;
  for (const slip_node *level = levels ? levels->first : NULL; level; level = level->next) {
    const slip_node *inner = slip_node_get(level, "facts");
    count += inner ? inner->count : 0;
  }
  return count;
}

static slip_status read_rest(slip_reading *reading, slip_entry *entry) {
  switch (reading->kind) {
  case SLIP_KIND_CHIP: {
    slip_chip *chip = (slip_chip *)(void *)entry;
    if (isnan(chip->ranks))
      chip->ranks = 1;
    if (isnan(chip->power_limited_rate))
      chip->power_limited_rate = 1;
    chip->peak_flops[SLIP_INT4] = chip->peak_flops[SLIP_BF16];
    return SLIP_OK;
  }
  case SLIP_KIND_KERNELS: {
    slip_kernels *kernels = (slip_kernels *)(void *)entry;
    kernels->gemm_fraction[SLIP_INT4] = kernels->gemm_fraction[SLIP_BF16];
    return SLIP_OK;
  }
  case SLIP_KIND_SYSTEM:
    return read_levels(reading, (slip_system *)(void *)entry);
  case SLIP_KIND_STACK:
    return read_stack(reading, (slip_stack *)(void *)entry);
  case SLIP_KIND_MODEL:
    return read_model(reading, (slip_model *)(void *)entry);
  default:
    return SLIP_OK;
  }
}

slip_status slip_entry_build(slip_arena *arena, slip_kind kind, const char *file, const char *stem,
                             const slip_node *root, slip_entry **out, slip_error *err) {
  size_t n_fields = 0;
  const slip_field *fields = slip_kind_fields(kind, &n_fields);
  slip_reading reading = {.arena = arena, .kind = kind, .file = file, .root = root, .err = err};
  slip_status status = SLIP_OK;
  char what[32];
  snprintf(what, sizeof what, "a %s file", slip_kind_name(kind));
  SLIP_TRY(slip_keys_check(root, file_keys, sizeof file_keys / sizeof file_keys[0], kind, what, err));
  slip_entry *entry = slip_arena_alloc(arena, struct_sizes[kind]);
  reading.facts = slip_arena_array(arena, count_facts(root), sizeof *reading.facts);
  if (!entry || !reading.facts)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  SLIP_TRY(slip_entry_read_head(&reading, stem, entry));
  SLIP_TRY(slip_facts_read(&reading, slip_node_get(root, "facts"), "", fields, n_fields, entry));
  SLIP_TRY(read_rest(&reading, entry));
  entry->facts = reading.facts;
  entry->n_facts = reading.n_facts;
  *out = entry;
cleanup:
  if (status != SLIP_OK)
    slip_error_set_place(err, file, 0, NULL);
  return status;
}
