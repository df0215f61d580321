/* `list`: the entries of a kind, one a line, with the figures that people choose by. */
#include <math.h>
#include <string.h>

#include "report/entry.h"
#include "report/number.h"

const slip_chip *slip_entry_chip(const slip_entry *entry) {
  return (const slip_chip *)(const void *)entry;
}
const slip_kernels *slip_entry_kernels(const slip_entry *entry) {
  return (const slip_kernels *)(const void *)entry;
}
const slip_system *slip_entry_system(const slip_entry *entry) {
  return (const slip_system *)(const void *)entry;
}
const slip_stack *slip_entry_stack(const slip_entry *entry) {
  return (const slip_stack *)(const void *)entry;
}
const slip_model *slip_entry_model(const slip_entry *entry) {
  return (const slip_model *)(const void *)entry;
}
const slip_region *slip_entry_region(const slip_entry *entry) {
  return (const slip_region *)(const void *)entry;
}

static const char COUNT[] = "count", PARAMS[] = "parameters";

/* One column of a kind's list: a number (with its JSON key) or a text. */
typedef struct list_column {
  const char *heading, *key,
      *unit; /* unit: shown after the number with an SI prefix; NULL: plain; COUNT, PARAMS: so */
  double (*number)(const slip_entry *entry);
  const char *(*text)(const slip_entry *entry);
} list_column;

#define NUMBER(function, getter, member)               \
  static double function(const slip_entry *entry) {    \
    return (double)slip_entry_##getter(entry)->member; \
  }
#define TEXT(function, getter, member)                   \
  static const char *function(const slip_entry *entry) { \
    return slip_entry_##getter(entry)->member;           \
  }

static const char *entry_title(const slip_entry *entry) {
  return entry->title;
}
static const char *entry_status(const slip_entry *entry) {
  return entry->status;
}

NUMBER(chip_bf16, chip, peak_flops[SLIP_BF16])
NUMBER(chip_fp8, chip, peak_flops[SLIP_FP8])
NUMBER(chip_memory, chip, memory_bytes)
NUMBER(chip_bandwidth, chip, memory_bytes_per_s)
NUMBER(chip_tdp, chip, tdp_w)
NUMBER(system_chips, system, chips)
NUMBER(system_power, system, power_w)
NUMBER(system_price, system, price_usd)
TEXT(system_chip, system, chip->entry.name)
NUMBER(model_layers, model, layers)
TEXT(stack_vendor, stack, for_vendor)
TEXT(stack_chip, stack, for_chip)
TEXT(stack_framework, stack, framework)
TEXT(stack_release, stack, release)
TEXT(stack_date, stack, date)
NUMBER(kernels_gemm, kernels, gemm_fraction[SLIP_BF16])
NUMBER(kernels_attention, kernels, attention_fraction)
NUMBER(kernels_memory, kernels, memory_fraction)
NUMBER(region_pue, region, pue)

static double region_kwh(const slip_entry *entry) {
  return slip_entry_region(entry)->power_usd_per_j * 3.6e6;
}
static double model_total(const slip_entry *entry) {
  return slip_model_params(slip_entry_model(entry));
}
static double model_active(const slip_entry *entry) {
  return slip_model_active_params(slip_entry_model(entry));
}
/* In the cache's released format; what grows with the context, per token. */
static double model_kv(const slip_entry *entry) {
  const slip_model *model = slip_entry_model(entry);
  return slip_model_kv_elements(model) * slip_dtype_bytes(SLIP_BF16);
}
static double model_context(const slip_entry *entry) {
  const int64_t context = slip_entry_model(entry)->max_context;
  return context > 0 ? (double)context : NAN;
}
static const char *stack_use(const slip_entry *entry) {
  const slip_stack *stack = slip_entry_stack(entry);
  if (stack->trains)
    return stack->serves ? "training, serving" : "training";
  return stack->serves ? "serving" : "";
}
/* Chips (not ranks) in one scale-up domain. */
static double system_domain(const slip_entry *entry) {
  const slip_system *system = slip_entry_system(entry);
  for (int i = 0; i < system->n_levels; i++)
    if (strcmp(system->levels[i].name, "scale-up") == 0) {
      const double ranks = isnan(system->chip->ranks) ? 1 : system->chip->ranks;
      return system->levels[i].ranks / ranks;
    }
  return NAN;
}

static const list_column chip_columns[] = {{"title", "title", NULL, NULL, entry_title},
                                           {"bf16", "bf16_flops", "FLOP/s", chip_bf16, NULL},
                                           {"fp8", "fp8_flops", "FLOP/s", chip_fp8, NULL},
                                           {"memory", "memory_bytes", "B", chip_memory, NULL},
                                           {"bandwidth", "memory_bytes_per_s", "B/s", chip_bandwidth, NULL},
                                           {"TDP", "tdp_w", "W", chip_tdp, NULL},
                                           {"status", "status", NULL, NULL, entry_status}};
static const list_column kernels_columns[] = {
    {"title", "title", NULL, NULL, entry_title},
    {"bf16 GEMM of peak", "gemm_bf16_fraction", NULL, kernels_gemm, NULL},
    {"attention of peak", "attention_fraction", NULL, kernels_attention, NULL},
    {"streaming of bandwidth", "memory_fraction", NULL, kernels_memory, NULL}};
static const list_column system_columns[] = {
    {"title", "title", NULL, NULL, entry_title},   {"chip", "chip", NULL, NULL, system_chip},
    {"chips", "chips", COUNT, system_chips, NULL}, {"scale-up", "scale_up_chips", COUNT, system_domain, NULL},
    {"power", "power_w", "W", system_power, NULL}, {"price, USD", "price_usd", NULL, system_price, NULL},
    {"status", "status", NULL, NULL, entry_status}};
static const list_column stack_columns[] = {{"title", "title", NULL, NULL, entry_title},
                                            {"for", "for_vendor", NULL, NULL, stack_vendor},
                                            {"chip", "for_chip", NULL, NULL, stack_chip},
                                            {"framework", "framework", NULL, NULL, stack_framework},
                                            {"release", "release", NULL, NULL, stack_release},
                                            {"date", "date", NULL, NULL, stack_date},
                                            {"use", "use", NULL, NULL, stack_use}};
static const list_column model_columns[] = {{"title", "title", NULL, NULL, entry_title},
                                            {"parameters", "parameters", PARAMS, model_total, NULL},
                                            {"active", "active_parameters", PARAMS, model_active, NULL},
                                            {"layers", "layers", COUNT, model_layers, NULL},
                                            {"KV/token, bf16", "kv_bytes_per_token_bf16", "B", model_kv, NULL},
                                            {"context", "max_context", COUNT, model_context, NULL}};
static const list_column region_columns[] = {{"title", "title", NULL, NULL, entry_title},
                                             {"USD/kWh", "usd_per_kwh", NULL, region_kwh, NULL},
                                             {"PUE", "pue", NULL, region_pue, NULL}};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
  const list_column *columns;
  size_t count;
} lists[SLIP_KINDS] = {
    [SLIP_KIND_CHIP] = {chip_columns, COUNT_OF(chip_columns)},
    [SLIP_KIND_KERNELS] = {kernels_columns, COUNT_OF(kernels_columns)},
    [SLIP_KIND_SYSTEM] = {system_columns, COUNT_OF(system_columns)},
    [SLIP_KIND_STACK] = {stack_columns, COUNT_OF(stack_columns)},
    [SLIP_KIND_MODEL] = {model_columns, COUNT_OF(model_columns)},
    [SLIP_KIND_REGION] = {region_columns, COUNT_OF(region_columns)},
};

static const char *number_text(const list_column *column, double value, char text[SLIP_CELL_SIZE]) {
  if (column->unit == NULL)
    return slip_number_plain(text, value);
  if (column->unit == COUNT)
    return slip_number_count(text, value);
  if (column->unit == PARAMS)
    return slip_number_params(text, value);
  return slip_number_unit(text, value, column->unit);
}

void slip_report_list(const slip_catalog *catalog, slip_kind kind, const slip_style *style, slip_text *out) {
  char text[SLIP_CELL_SIZE];
  const list_column *columns = lists[kind].columns;
  slip_table *table = slip_table_open(lists[kind].count + 1);
  slip_table_cell(table, "name");
  for (size_t i = 0; i < lists[kind].count; i++) {
    slip_table_cell(table, columns[i].heading);
    if (columns[i].number != NULL)
      slip_table_right(table, i + 1);
  }
  slip_table_heading(table);
  const size_t count = slip_catalog_count(catalog, kind);
  for (size_t k = 0; k < count; k++) {
    const slip_entry *entry = slip_catalog_entry(catalog, kind, k);
    slip_table_cell(table, entry->name);
    for (size_t i = 0; i < lists[kind].count; i++) {
      if (columns[i].number == NULL)
        slip_table_cell(table, columns[i].text(entry));
      else
        slip_table_cell(table, number_text(&columns[i], columns[i].number(entry), text));
    }
  }
  slip_table_write(table, style, out);
  slip_table_free(table);
}

void slip_json_list(slip_json *json, const char *key, const slip_catalog *catalog, slip_kind kind) {
  const list_column *columns = lists[kind].columns;
  slip_json_array(json, key);
  const size_t count = slip_catalog_count(catalog, kind);
  for (size_t k = 0; k < count; k++) {
    const slip_entry *entry = slip_catalog_entry(catalog, kind, k);
    slip_json_object(json, NULL);
    slip_json_string(json, "name", entry->name);
    for (size_t i = 0; i < lists[kind].count; i++) {
      if (columns[i].number == NULL)
        slip_json_string(json, columns[i].key, columns[i].text(entry));
      else
        slip_json_double(json, columns[i].key, columns[i].number(entry));
    }
    slip_json_string(json, "summary", entry->summary);
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
}
