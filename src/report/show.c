/* `show`: everything that is known of one entry, with where each number comes from. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "report/entry.h"
#include "report/number.h"

/* ---- facts ---- */

enum { MOST_SOURCES = 128 };

/* The value as the file has it, with its unit. */
static void add_value(slip_text *out, const slip_fact *fact) {
  char number[SLIP_DOUBLE_SIZE];
  if (fact->text != NULL)
    slip_text_add(out, fact->text);
  else
    slip_text_add(out, slip_format_double(number, fact->shown));
  if (fact->unit[0] != '\0')
    slip_text_printf(out, " %s", fact->unit);
}

/* The sources of an entry, each once: facts name them by number. */
typedef struct sources {
  const slip_fact *facts[MOST_SOURCES]; /* the first fact of each source */
  int count;
} sources;

/* 1-based; 0 when there are more than fit: then the name stands in the table. */
static int source_number(sources *known, const slip_fact *fact) {
  for (int i = 0; i < known->count; i++)
    if (strcmp(known->facts[i]->source, fact->source) == 0 && strcmp(known->facts[i]->url, fact->url) == 0)
      return i + 1;
  if (known->count == MOST_SOURCES)
    return 0;
  known->facts[known->count++] = fact;
  return known->count;
}

static void add_fact_row(slip_table *table, sources *known, const slip_fact *fact, const char *name) {
  slip_text value = {0}, note = {0};
  const int number = source_number(known, fact);
  add_value(&value, fact);
  if (number == 0)
    slip_text_printf(&note, "%s %s; ", fact->source, fact->url);
  slip_text_add(&note, fact->note);
  slip_table_cell(table, name);
  slip_table_cell(table, value.failed ? "?" : value.data);
  slip_table_cell(table, slip_confidence_name(fact->confidence));
  slip_table_cell(table, fact->date);
  slip_table_printf(table, "[%d]", number);
  slip_table_cell(table, note.data);
  slip_text_free(&value);
  slip_text_free(&note);
}

static void add_facts(const slip_entry *entry, const slip_style *style, slip_text *out) {
  static const char *const headings[] = {"field", "value", "confidence", "date", "source", "note"};
  sources known = {.count = 0};
  if (entry->n_facts == 0)
    return;
  slip_table *table = slip_table_open(sizeof headings / sizeof *headings);
  for (size_t i = 0; i < sizeof headings / sizeof *headings; i++)
    slip_table_cell(table, headings[i]);
  slip_table_heading(table);
  for (size_t i = 0; i < entry->n_facts; i++) {
    const slip_fact *fact = &entry->facts[i];
    add_fact_row(table, &known, fact, fact->field);
    for (size_t k = 0; k < fact->n_also; k++)
      add_fact_row(table, &known, &fact->also[k],
                   fact->also[k].is_aside ? "  not chosen, set aside" : "  not chosen");
  }
  slip_text_add(out, "\n");
  slip_table_write(table, style, out);
  slip_table_free(table);
  slip_text_add(out, "\nsources\n");
  for (int i = 0; i < known.count; i++) {
    slip_text line = {0};
    slip_text_printf(&line, "[%d] %s %s", i + 1, known.facts[i]->source, known.facts[i]->url);
    slip_paragraph(out, style, 4, line.data != NULL ? line.data : "");
    out->failed = out->failed || line.failed;
    slip_text_free(&line);
  }
}

/* Fields that the cost model reads and that this entry has no published value for. */
static bool is_absent(const slip_entry *entry, const slip_field *field) {
  return field->offset >= 0 && !field->is_text && slip_entry_fact(entry, field->name) == NULL;
}

static void add_absent(const slip_entry *entry, const slip_style *style, slip_text *out) {
  size_t count = 0;
  const slip_field *fields = slip_kind_fields(entry->kind, &count);
  slip_text text = {0};
  for (size_t i = 0; i < count; i++)
    if (is_absent(entry, &fields[i]))
      slip_text_printf(&text, "%s%s", text.length > 0 ? ", " : "no published value: ", fields[i].name);
  if (text.length > 0) {
    slip_text_add(out, "\n");
    slip_paragraph(out, style, 2, text.data);
  }
  out->failed = out->failed || text.failed;
  slip_text_free(&text);
}

/* ---- what only one kind has ---- */

static void add_chip(const slip_entry *entry, const slip_style *style, slip_text *out) {
  const slip_kernels *kernels = slip_entry_chip(entry)->kernels;
  slip_text text = {0};
  if (kernels == NULL)
    return;
  slip_text_printf(&text, "kernel profile: %s (slipstick show %s --kind kernels)", kernels->entry.name,
                   kernels->entry.name);
  slip_paragraph(out, style, 2, text.data);
  slip_text_free(&text);
}

static void add_system(const slip_entry *entry, const slip_style *style, slip_text *out) {
  const slip_system *system = slip_entry_system(entry);
  char text[SLIP_CELL_SIZE];
  slip_text line = {0};
  slip_text_printf(&line, "chip: %s (slipstick show %s --kind chip)", system->chip->entry.name,
                   system->chip->entry.name);
  slip_paragraph(out, style, 2, line.data);
  slip_text_free(&line);
  slip_table *table = slip_table_open(7);
  static const char *const headings[] = {
      "level", "topology", "fabric", "ranks in a domain", "per rank, one direction", "latency", "sustained"};
  for (size_t i = 0; i < sizeof headings / sizeof *headings; i++)
    slip_table_cell(table, headings[i]);
  slip_table_heading(table);
  for (int i = 0; i < system->n_levels; i++) {
    const slip_level *level = &system->levels[i];
    slip_table_cell(table, level->name);
    slip_table_cell(table, level->topology);
    slip_table_cell(table, level->fabric);
    slip_table_cell(table, isinf(level->ranks) ? "no limit" : slip_number_count(text, level->ranks));
    slip_table_cell(table, slip_number_unit(text, level->bytes_per_s, "B/s"));
    slip_table_cell(table, slip_number_unit(text, level->latency_s, "s"));
    slip_table_cell(table, slip_number_percent(text, level->fraction));
  }
  slip_text_add(out, "\n");
  slip_table_write(table, style, out);
  slip_table_free(table);
}

static void add_stack(const slip_entry *entry, const slip_style *style, slip_text *out) {
  const slip_stack *stack = slip_entry_stack(entry);
  slip_text line = {0};
  slip_text_printf(&line, "%s %s of %s, for chips of %s%s%s; %s%s%s%s", stack->framework, stack->release,
                   stack->date, stack->for_vendor, stack->for_chip[0] != '\0' ? ", only " : "", stack->for_chip,
                   stack->trains ? "trains" : "", stack->trains && stack->serves ? ", " : "",
                   stack->serves ? "serves" : "", stack->is_prior ? "; the prior for what is not known" : "");
  slip_paragraph(out, style, 2, line.data != NULL ? line.data : "");
  out->failed = out->failed || line.failed;
  slip_text_free(&line);
}

/* Parameters by class over the whole model, and how much of each one token uses. */
typedef struct class_sum {
  const char *name, *key;
  double total, active;
} class_sum;

enum { CLASSES = 9 };

static void sum_classes(const slip_model *model, class_sum sums[CLASSES]) {
  const class_sum names[CLASSES] = {{"attention", "attention", 0, 0},
                                    {"dense FFN", "dense_ffn", 0, 0},
                                    {"shared experts", "shared_experts", 0, 0},
                                    {"routed experts", "routed_experts", 0, 0},
                                    {"router", "router", 0, 0},
                                    {"norms", "norms", 0, 0},
                                    {"embedding", "embedding", 0, 0},
                                    {"output matrix", "head", 0, 0},
                                    {"other", "other", 0, 0}};
  memcpy(sums, names, sizeof names);
  for (int i = 0; i < model->n_kinds; i++) {
    const slip_layer_kind *kind = &model->kinds[i];
    const slip_params *p = &kind->params;
    const double parts[] = {p->attention, p->dense_ffn, p->shared_experts, p->routed_experts, p->router, p->norms};
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
      const double share = k == 3 ? slip_ffn_active_share(&kind->ffn) : 1;
      sums[k].total += parts[k] * (double)kind->count;
      sums[k].active += parts[k] * share * (double)kind->count;
    }
  }
  const double edges[] = {model->embedding_params, model->head_params, model->other_params};
  for (size_t k = 0; k < sizeof edges / sizeof *edges; k++)
    sums[6 + k].total = sums[6 + k].active = edges[k];
}

static void add_parameter_table(const slip_model *model, const slip_style *style, slip_text *out) {
  char text[SLIP_CELL_SIZE];
  class_sum sums[CLASSES];
  sum_classes(model, sums);
  slip_table *table = slip_table_open(3);
  slip_table_right(table, 1);
  slip_table_right(table, 2);
  slip_table_cell(table, "parameters");
  slip_table_cell(table, "total");
  slip_table_cell(table, "active");
  slip_table_heading(table);
  for (size_t i = 0; i < CLASSES; i++) {
    if (sums[i].total == 0)
      continue;
    slip_table_cell(table, sums[i].name);
    slip_table_printf(table, "%.0f", sums[i].total);
    slip_table_cell(table, slip_number_params(text, sums[i].active));
  }
  slip_table_cell(table, "all");
  slip_table_printf(table, "%.0f", slip_model_params(model));
  slip_table_cell(table, slip_number_params(text, slip_model_active_params(model)));
  if (model->mtp_modules > 0) {
    slip_table_printf(table, "MTP modules (%" PRId64 ")", model->mtp_modules);
    slip_table_printf(table, "%.0f", model->mtp_params);
    slip_table_end_row(table);
  }
  slip_text_add(out, "\n");
  slip_table_write(table, style, out);
  slip_table_free(table);
}

static void add_layer_table(const slip_model *model, const slip_style *style, slip_text *out) {
  char text[SLIP_CELL_SIZE];
  slip_table *table = slip_table_open(4);
  slip_table_right(table, 0);
  slip_table_right(table, 3);
  slip_table_cell(table, "layers");
  slip_table_cell(table, "token mixer");
  slip_table_cell(table, "FFN");
  slip_table_cell(table, "parameters each");
  slip_table_heading(table);
  for (int i = 0; i < model->n_kinds; i++) {
    const slip_layer_kind *kind = &model->kinds[i];
    slip_text mixer = {0}, ffn = {0};
    slip_report_attention(&kind->attention, &mixer);
    slip_report_ffn(&kind->ffn, &ffn);
    if (kind->count > 0)
      slip_table_printf(table, "%" PRId64, kind->count);
    else
      slip_table_cell(table, "MTP only");
    slip_table_cell(table, mixer.failed ? "?" : mixer.data);
    slip_table_cell(table, ffn.failed ? "?" : ffn.data);
    slip_table_cell(table, slip_number_params(text, slip_params_total(&kind->params)));
    slip_text_free(&mixer);
    slip_text_free(&ffn);
  }
  slip_text_add(out, "\n");
  slip_table_write(table, style, out);
  slip_table_free(table);
}

static void add_model(const slip_entry *entry, const slip_style *style, slip_text *out) {
  const slip_model *model = slip_entry_model(entry);
  char a[SLIP_CELL_SIZE];
  const double elements = slip_model_kv_elements(model);
  slip_text line = {0};
  slip_report_model_line(model, &line);
  slip_text_printf(&line, "\nhidden %" PRId64 ", vocabulary %" PRId64 ", %" PRId64 " layers%s", model->hidden,
                   model->vocab, model->layers, model->tied_embeddings ? ", embeddings tied" : "");
  if (model->max_context > 0)
    slip_text_printf(&line, ", context %" PRId64 " tokens", model->max_context);
  slip_text_printf(&line, "\nweights as released: attention %s, dense FFN %s, shared experts %s, ",
                   slip_dtype_name(model->weights.attention), slip_dtype_name(model->weights.dense_ffn),
                   slip_dtype_name(model->weights.shared_experts));
  slip_text_printf(&line, "routed experts %s, embedding %s\n", slip_dtype_name(model->weights.routed_experts),
                   slip_dtype_name(model->weights.embedding));
  slip_text_printf(&line, "KV cache per token: %.0f elements, %s in bf16", elements,
                   slip_number_unit(a, elements * slip_dtype_bytes(SLIP_BF16), "B"));
  slip_text_printf(&line, ", %s in fp8 (windows counted fully)",
                   slip_number_unit(a, elements * slip_dtype_bytes(SLIP_FP8), "B"));
  slip_paragraph(out, style, 2, line.data != NULL ? line.data : "");
  out->failed = out->failed || line.failed;
  slip_text_free(&line);
  add_parameter_table(model, style, out);
  add_layer_table(model, style, out);
}

/* ---- the whole ---- */

static void add_head(const slip_entry *entry, const slip_style *style, slip_text *out) {
  slip_text line = {0};
  slip_text_printf(&line, "%s  (%s %s)", entry->title, slip_kind_name(entry->kind), entry->name);
  slip_text_add(out, style->colour ? "\033[1m" : "");
  slip_paragraph(out, style, 2, line.data != NULL ? line.data : "");
  slip_text_add(out, style->colour ? "\033[0m" : "");
  line.length = 0;
  const char *const parts[] = {entry->vendor, entry->status, entry->summary};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (parts[i] != NULL && parts[i][0] != '\0')
      slip_text_printf(&line, "%s%s", line.length > 0 ? "; " : "", parts[i]);
  if (line.length > 0)
    slip_paragraph(out, style, 2, line.data);
  line.length = 0;
  slip_text_printf(&line, "file: %s", entry->file);
  for (size_t i = 0; i < entry->n_aliases; i++)
    slip_text_printf(&line, "%s%s", i > 0 ? ", " : "; also called ", entry->aliases[i]);
  slip_paragraph(out, style, 2, line.data != NULL ? line.data : "");
  out->failed = out->failed || line.failed;
  slip_text_free(&line);
}

void slip_report_show(const slip_entry *entry, const slip_style *style, slip_text *out) {
  add_head(entry, style, out);
  if (entry->kind == SLIP_KIND_CHIP)
    add_chip(entry, style, out);
  else if (entry->kind == SLIP_KIND_SYSTEM)
    add_system(entry, style, out);
  else if (entry->kind == SLIP_KIND_MODEL)
    add_model(entry, style, out);
  else if (entry->kind == SLIP_KIND_STACK)
    add_stack(entry, style, out);
  add_facts(entry, style, out);
  add_absent(entry, style, out);
}

/* ---- JSON ---- */

static void add_json_fact(slip_json *json, const slip_fact *fact) {
  slip_json_object(json, NULL);
  slip_json_string(json, "field", fact->field);
  if (fact->text != NULL)
    slip_json_string(json, "value", fact->text);
  else
    slip_json_double(json, "value", fact->shown);
  slip_json_string(json, "unit", fact->unit);
  if (fact->text == NULL)
    slip_json_double(json, "si", fact->value);
  slip_json_string(json, "source", fact->source);
  slip_json_string(json, "url", fact->url);
  slip_json_string(json, "date", fact->date);
  slip_json_string(json, "confidence", slip_confidence_name(fact->confidence));
  slip_json_string(json, "note", fact->note);
  slip_json_string(json, "file", fact->file);
  slip_json_int(json, "line", fact->line);
  if (fact->is_aside)
    slip_json_bool(json, "aside", true);
  if (fact->n_also > 0) {
    slip_json_array(json, "also");
    for (size_t i = 0; i < fact->n_also; i++)
      add_json_fact(json, &fact->also[i]);
    slip_json_array_end(json);
  }
  slip_json_object_end(json);
}

static void add_json_system(slip_json *json, const slip_system *system) {
  slip_json_string(json, "chip", system->chip->entry.name);
  slip_json_array(json, "levels");
  for (int i = 0; i < system->n_levels; i++) {
    const slip_level *level = &system->levels[i];
    slip_json_object(json, NULL);
    slip_json_string(json, "name", level->name);
    slip_json_string(json, "topology", level->topology);
    slip_json_string(json, "fabric", level->fabric);
    slip_json_double(json, "ranks", level->ranks);
    slip_json_double(json, "bytes_per_s", level->bytes_per_s);
    slip_json_double(json, "latency_s", level->latency_s);
    slip_json_double(json, "fraction", level->fraction);
    slip_json_double(json, "exchange_s", level->exchange_s);
    slip_json_double(json, "copy_s", level->copy_s);
    slip_json_double(json, "exchange_fraction", level->exchange_fraction);
    slip_json_double(json, "bulk_fraction", level->bulk_fraction);
    slip_json_double(json, "reduce_fraction", level->reduce_fraction);
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
}

static void add_json_stack(slip_json *json, const slip_stack *stack) {
  slip_json_string(json, "framework", stack->framework);
  slip_json_string(json, "release", stack->release);
  slip_json_string(json, "date", stack->date);
  slip_json_string(json, "for_vendor", stack->for_vendor);
  slip_json_string(json, "for_chip", stack->for_chip);
  slip_json_string(json, "for_models", stack->for_models);
  slip_json_string(json, "only_releases", stack->only_releases);
  slip_json_bool(json, "trains", stack->trains);
  slip_json_bool(json, "serves", stack->serves);
  slip_json_bool(json, "is_prior", stack->is_prior);
}

static void add_json_layers(slip_json *json, const slip_model *model) {
  slip_json_array(json, "layer_kinds");
  for (int i = 0; i < model->n_kinds; i++) {
    const slip_layer_kind *kind = &model->kinds[i];
    slip_text mixer = {0}, ffn = {0};
    slip_report_attention(&kind->attention, &mixer);
    slip_report_ffn(&kind->ffn, &ffn);
    slip_json_object(json, NULL);
    slip_json_int(json, "count", kind->count);
    slip_json_string(json, "mixer", mixer.data);
    slip_json_string(json, "ffn", ffn.data);
    slip_json_double(json, "parameters", slip_params_total(&kind->params));
    slip_json_object_end(json);
    json->out->failed = json->out->failed || mixer.failed || ffn.failed;
    slip_text_free(&mixer);
    slip_text_free(&ffn);
  }
  slip_json_array_end(json);
}

static void add_json_model(slip_json *json, const slip_model *model) {
  class_sum sums[CLASSES];
  sum_classes(model, sums);
  slip_json_string(json, "family", model->family);
  slip_json_double(json, "parameters", slip_model_params(model));
  slip_json_double(json, "active_parameters", slip_model_active_params(model));
  slip_json_object(json, "parameters_by_class");
  for (size_t i = 0; i < CLASSES; i++) {
    slip_json_object(json, sums[i].key);
    slip_json_double(json, "total", sums[i].total);
    slip_json_double(json, "active", sums[i].active);
    slip_json_object_end(json);
  }
  slip_json_object_end(json);
  slip_json_int(json, "mtp_modules", model->mtp_modules);
  slip_json_double(json, "mtp_parameters", model->mtp_params);
  slip_json_int(json, "layers", model->layers);
  slip_json_int(json, "hidden", model->hidden);
  slip_json_int(json, "vocab", model->vocab);
  slip_json_int(json, "max_context", model->max_context);
  slip_json_double(json, "kv_elements_per_token", slip_model_kv_elements(model));
  slip_json_double(json, "kv_bytes_per_token_bf16", slip_model_kv_elements(model) * slip_dtype_bytes(SLIP_BF16));
  slip_json_double(json, "train_tokens", model->train_tokens);
  add_json_layers(json, model);
}

void slip_json_show(slip_json *json, const slip_entry *entry) {
  slip_json_string(json, "kind", slip_kind_name(entry->kind));
  slip_json_string(json, "name", entry->name);
  slip_json_string(json, "title", entry->title);
  slip_json_string(json, "vendor", entry->vendor);
  slip_json_string(json, "status", entry->status);
  slip_json_string(json, "summary", entry->summary);
  slip_json_string(json, "file", entry->file);
  slip_json_array(json, "aliases");
  for (size_t i = 0; i < entry->n_aliases; i++)
    slip_json_string(json, NULL, entry->aliases[i]);
  slip_json_array_end(json);
  if (entry->kind == SLIP_KIND_CHIP && slip_entry_chip(entry)->kernels != NULL)
    slip_json_string(json, "kernels", slip_entry_chip(entry)->kernels->entry.name);
  else if (entry->kind == SLIP_KIND_SYSTEM)
    add_json_system(json, slip_entry_system(entry));
  else if (entry->kind == SLIP_KIND_MODEL)
    add_json_model(json, slip_entry_model(entry));
  else if (entry->kind == SLIP_KIND_STACK)
    add_json_stack(json, slip_entry_stack(entry));
  slip_json_array(json, "facts");
  for (size_t i = 0; i < entry->n_facts; i++)
    add_json_fact(json, &entry->facts[i]);
  slip_json_array_end(json);
  size_t count = 0;
  const slip_field *fields = slip_kind_fields(entry->kind, &count);
  slip_json_array(json, "absent");
  for (size_t i = 0; i < count; i++)
    if (is_absent(entry, &fields[i]))
      slip_json_string(json, NULL, fields[i].name);
  slip_json_array_end(json);
}
