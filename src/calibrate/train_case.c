/* One row of published training performance: read once, predicted as often as needed. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"
#include "calibrate/names.h"
#include "calibrate/train_read.h"

bool slip_train_skip(slip_train_reading *r, const char *fmt, ...) {
  if (r->skipped)
    return false;
  char text[256];
  va_list args;
  va_start(args, fmt);
  if (slip_vformat(text, sizeof text, fmt, args) < 0)
    *text = '\0';
  va_end(args);
  r->skipped = true;
  r->out->shown.scored = false;
  r->out->shown.reason = slip_train_keep(r, text);
  return false;
}

void slip_train_infer(slip_train_reading *r, const char *fmt, ...) {
  char text[256];
  va_list args;
  va_start(args, fmt);
  if (slip_vformat(text, sizeof text, fmt, args) < 0)
    *text = '\0';
  va_end(args);
  const char *before = r->out->shown.inferred;
  char *joined = slip_arena_printf(r->reader->arena, "%s%s%s", before, *before ? "; " : "", text);
  if (joined)
    r->out->shown.inferred = joined;
  else
    r->no_memory = true;
}

/* ---- what was measured ---- */

static bool read_quantity(slip_train_reading *r) {
  static const struct {
    const char *column, *unit;
  } quantities[] = {{"step_time_s", "s"}, {"tokens_per_s_per_chip", "token/s"}, {"tflops_per_chip", "TFLOP/s"}};
  for (size_t i = 0; i < sizeof quantities / sizeof *quantities; i++) {
    bool bad = false;
    double value = slip_row_number(r->row, quantities[i].column, &bad);
    if (bad || value <= 0)
      return slip_train_skip(r, "%s '%s' is not a positive number", quantities[i].column,
                             slip_row_text(r->row, quantities[i].column));
    if (isnan(value))
      continue;
    r->out->quantities[0] = (slip_quantity){quantities[i].column, quantities[i].unit, value};
    r->out->n_quantities = 1;
    r->out->shown.quantity = quantities[i].column;
    r->out->shown.unit = quantities[i].unit;
    r->out->shown.measured = value;
    return true;
  }
  return slip_train_skip(r, "step_time_s, tokens_per_s_per_chip and tflops_per_chip are missing");
}

/* ---- format ---- */

/* MLPerf's LLM rounds of 2024 and early 2025 compute in fp8 on every GPU that has it; fp4 came with v5.1, whose rows stay open (NVIDIA, "Blackwell
 * sweeps MLPerf Training v5.1", 2025-11: the first calculations in FP4). Google's rows do not say whether they use int8. */
static bool in_fp8_by_round(const slip_train_reading *r) {
  static const char *const rounds[] = {"MLPerf Training v4.0", "MLPerf Training v4.1", "MLPerf Training v5.0"};
  for (size_t i = 0; i < sizeof rounds / sizeof *rounds; i++)
    if (strncmp(r->out->shown.source, rounds[i], strlen(rounds[i])) == 0)
      return strcmp(r->out->chip->entry.vendor, "Google") != 0 && !isnan(r->out->chip->peak_flops[SLIP_FP8]);
  return false;
}

static bool read_dtype(slip_train_reading *r) {
  const char *text = slip_train_lower(r, slip_row_text(r->row, "dtype"));
  slip_train_job *job = &r->out->train.job;
  const slip_chip *chip = r->out->chip;
  if (strstr(text, "not stated") || strstr(text, " or "))
    return slip_train_skip(r, "dtype is not known: '%s'", text);
  job->dtype = SLIP_BF16;
  if (strstr(text, "fp4")) {
    job->dtype = SLIP_FP4;
  } else if (strstr(text, "fp8")) {
    job->dtype = SLIP_FP8;
    job->block_scaled = strstr(text, "mx") || strstr(text, "block") || strstr(text, "-sc");
  } else if (!*text && isnan(chip->peak_flops[SLIP_FP8])) {
    slip_train_infer(r, "dtype=bf16, the chip has no fp8");
  } else if (!*text && in_fp8_by_round(r)) {
    job->dtype = SLIP_FP8;
    slip_train_infer(r, "dtype=fp8, as every MLPerf round before fp4");
  } else if (!*text) {
    return slip_train_skip(r, "dtype is missing");
  } else if (strcmp(text, "bf16") != 0 && strcmp(text, "fp16") != 0) {
    return slip_train_skip(r, "dtype '%s' is not modelled", text);
  }
  return true;
}

/* ---- sequence and batch ---- */

/* Rows that leave the sequence out: a model with learned positions trains on all of them; the custom of its
 * generation else. */
static int64_t usual_seq(const slip_model *model, const char *name) {
  if (model->learned_positions > 0)
    return model->learned_positions;
  return strstr(name, "llama3") || strstr(name, "llama-3") || strstr(name, "llama4") || strstr(name, "llama-4")
             ? 8192
             : 4096;
}

/* Tokens of a replica and step: of published MaxText runs on TPUs 6,000 to 33,000 a chip; of LLM Foundry's, TorchTitan's and IBM's on GPUs 8,000 to
 * 32,000. */
#define USUAL_TOKENS 16384

static bool read_batch(slip_train_reading *r) {
  slip_train_job *job = &r->out->train.job;
  bool bad = false;
  double step = slip_row_number(r->row, "step_time_s", &bad);
  double rate = slip_row_number(r->row, "tokens_per_s_per_chip", &bad);
  const char *per_chip = slip_train_fact(r, "batch_per_chip");
  job->seq = slip_train_count(r, "seq_len");
  job->batch = slip_train_count(r, "global_batch_seqs");
  if (r->skipped)
    return false;
  if (job->seq == 0) {
    job->seq = usual_seq(job->model, slip_train_lower(r, slip_row_text(r->row, "model")));
    slip_train_infer(r, "seq_len=%lld, the model's custom", (long long)job->seq);
  }
  if (job->batch == 0 && per_chip && atof(per_chip) > 0) {
    job->batch = (int64_t)(atof(per_chip) * (double)job->chips + 0.5);
    slip_train_infer(r, "batch=%lld from the batch per chip", (long long)job->batch);
  }
  if (job->batch == 0 && step > 0 && rate > 0) {
    job->batch = (int64_t)(step * rate * r->out->train.devices / (double)job->seq + 0.5);
    slip_train_infer(r, "batch=%lld from step time and rate", (long long)job->batch);
  }
  /* Without a layout either nothing is known of a larger job. */
  const bool usual = strcmp(r->out->chip->entry.vendor, "Google") == 0 ||
                     (double)job->chips * r->out->chip->ranks <= 8 || *slip_row_text(r->row, "tp") ||
                     *slip_row_text(r->row, "dp");
  if (job->batch == 0 && usual && slip_train_count(r, "pp") <= 1) {
    const int64_t each = USUAL_TOKENS / job->seq, tp = slip_train_count(r, "tp"), cp = slip_train_count(r, "cp");
    const int64_t replicas = job->chips / ((tp ? tp : 1) * (cp ? cp : 1));
    job->batch = replicas * (each > 1 ? each : 1);
    if (job->batch > 0)
      slip_train_infer(r, "batch=%lld, %d tokens per replica", (long long)job->batch, USUAL_TOKENS);
  }
  if (job->batch == 0)
    return slip_train_skip(r, "global_batch_seqs is missing");
  return true;
}

/* Fine-tuning sets are packed: NeMo's tables take SQuAD 1.1, whose passages with question and answer are about 200 tokens (Rajpurkar et al. 2016,
 * arXiv 1606.05250: passages of 117 words in the mean). */
#define PACKED_DOCUMENT 256

static void read_packing(slip_train_reading *r) {
  const char *packed = slip_train_fact(r, "packed");
  if (!packed || strcmp(packed, "yes") != 0)
    return;
  r->out->train.job.document = PACKED_DOCUMENT;
  slip_train_infer(r, "packed documents of %d tokens", PACKED_DOCUMENT);
}

/* "dense-cf1.25", as MaxText calls it: a capacity, and masks. */
static bool read_capacity(slip_train_reading *r) {
  const char *dispatcher = slip_train_fact(r, "dispatcher");
  if (!dispatcher || strncmp(dispatcher, "dense-cf", 8) != 0)
    return true;
  const double factor = strtod(dispatcher + 8, NULL);
  if (!(factor > 0 && factor <= 1000)) /* true for NAN */
    return slip_train_skip(r, "dispatcher: '%s' has no capacity factor above 0 and up to 1000", dispatcher);
  r->out->train.job.capacity = factor;
  r->out->train.job.masked = true;
  return true;
}

/* ---- year and stack ---- */

/* "26.04" or "25.11.01" after a bracket or a blank: year and month of a release. NAN: none. */
static double release_year(const char *text) {
  for (const char *at = text; *at; at++) {
    int year, month, n = 0;
    if ((at == text || at[-1] == '(' || at[-1] == ' ') && sscanf(at, "%2d.%2d%n", &year, &month, &n) == 2 &&
        n == 5 && year >= 20 && year < 40 && month >= 1 && month <= 12)
      return 2000 + year + (month - 0.5) / 12;
  }
  return NAN;
}

/* The first stack of the same maker whose name ends so; NULL: none. */
static const slip_stack *of_any_release(const slip_catalog *catalog, const slip_stack *stack, const char *suffix) {
  for (size_t i = 0; i < slip_catalog_count(catalog, SLIP_KIND_STACK); i++) {
    const slip_entry *entry = slip_catalog_entry(catalog, SLIP_KIND_STACK, i);
    const size_t n = strlen(entry->name), m = strlen(suffix);
    if (strcmp(entry->vendor, stack->entry.vendor) == 0 && n > m && strcmp(entry->name + n - m, suffix) == 0)
      return (const slip_stack *)(const void *)entry;
  }
  return NULL;
}

/* A stack whose constants depend on features or on the chips' generation has variants whose names end in them:
 *   fused          the row says that an expert FFN runs as one kernel; of whatever release, since kernels go into images before releases do
 *   overlap        the row says that expert exchanges run beside other work
 *   hybrid         the row names a dispatcher that sends a token once to each place (HybridEP, DeepEP)
 *   graphs         the row says that CUDA graphs were used
 *   hybrid-graphs  both
 *   legacy         the framework's text names its older model classes (MindSpeed-LLM's Legacy beside Mcore)
 *   plain          the row says that overlap was off
 *   hopper         (or another kernel profile) the chip is of that generation
 * The first that the catalog has is taken. */
static const slip_stack *variant_of(slip_train_reading *r, const slip_stack *stack) {
  const char *graphs = slip_train_fact(r, "cuda_graph"), *overlap = slip_train_fact(r, "overlap");
  const char *dispatcher = slip_train_fact(r, "dispatcher"), *beside = slip_train_fact(r, "a2a_overlap");
  const bool captured = graphs && strcmp(graphs, "none") != 0;
  const bool once = dispatcher && (slip_name_is("hybridep", dispatcher) || slip_name_is("deepep", dispatcher));
  const char *experts = slip_train_fact(r, "experts");
  const bool fused = experts && strcmp(experts, "fused") == 0;
  const char *suffixes[] = {fused ? "fused" : NULL,
                            beside && strcmp(beside, "yes") == 0 ? "overlap" : NULL,
                            once && captured ? "hybrid-graphs" : NULL,
                            once && !captured ? "hybrid" : NULL,
                            captured && !once ? "graphs" : NULL,
                            strstr(slip_row_text(r->row, "framework"), "Legacy") ? "legacy" : NULL,
                            overlap && strcmp(overlap, "off") == 0 ? "plain" : NULL,
                            r->out->chip->kernels ? r->out->chip->kernels->entry.name : NULL};
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
    const slip_stack *found;
    char name[128];
    int length = 0;
    if (!suffixes[i])
      continue;
    slip_append(name, sizeof name, &length, "%s-%s", stack->entry.name, suffixes[i]);
    if (slip_catalog_stack(r->reader->catalog, name, &found, NULL) == SLIP_OK)
      return found;
    found = fused && i == 0 ? of_any_release(r->reader->catalog, stack, "-fused") : NULL;
    if (found)
      return found;
  }
  return stack;
}

static bool choose_stack(slip_train_reading *r) {
  const char *framework = slip_row_text(r->row, "framework");
  bool bad = false;
  double year = slip_row_number(r->row, "year", &bad);
  double release = release_year(slip_row_text(r->row, "source"));
  if (isnan(release))
    release = release_year(framework);
  if (release < year - 1) /* of a library named along; false for NAN */
    release = NAN;
  r->out->year = isnan(release) ? year + 0.5 : release;
  r->out->stack = slip_resolve_stack(r->reader->catalog, r->out->chip, framework, r->out->year, true, false);
  if (!r->out->stack)
    return slip_train_skip(r, "no training stack for framework '%s' is in the catalog", framework);
  r->out->stack = variant_of(r, r->out->stack);
  r->out->shown.stack = r->out->stack->entry.name;
  return true;
}

/* ---- the row ---- */

static void read_row(slip_train_reading *r) {
  slip_case *out = r->out;
  slip_train_case *c = &out->train;
  const char *task = slip_train_fact(r, "task"), *mtp = slip_train_fact(r, "mtp");
  const char *unscored = slip_train_fact(r, "not_scored"), *attention = slip_train_fact(r, "attention");
  const char *name = slip_train_lower(r, slip_row_text(r->row, "model"));
  bool usable = read_quantity(r);
  if (unscored)
    usable = slip_train_skip(r, "not scored: %s", unscored);
  if (!slip_train_system(r) || !choose_stack(r) || !usable)
    return;
  c->job.model = slip_train_model(r);
  if (!c->job.model || r->no_memory)
    return;
  out->shown.model = c->job.model->entry.name;
  out->shown.moe = slip_model_has_experts(c->job.model);
  if (!read_dtype(r) || !read_batch(r))
    return;
  c->unfused_attention = attention && strcmp(attention, "unfused") == 0;
  c->frozen = (task && strcmp(task, "lora") == 0) || strstr(name, "lora");
  const slip_train_convention *convention = slip_train_convention_of(out->shown.source);
  c->job.mtp = mtp ? strcmp(mtp, "off") != 0 : convention->mtp && !strstr(name, "no mtp");
  c->flop_per_token =
      slip_train_flop_per_token(convention, c->job.model, (double)c->job.seq, c->job.mtp, c->frozen);
  read_packing(r);
  if (!read_capacity(r))
    return;
  c->job.ignore_memory = true;
  if (!slip_train_plan(r))
    return;
  out->shown.scored = true;
}

slip_status slip_read_train_case(const slip_case_reader *reader, const slip_row *row, slip_case *out,
                                 slip_error *err) {
  *out = (slip_case){.kind = SLIP_ROW_TRAINING, .year = NAN};
  slip_train_reading r = {.reader = reader, .row = row, .out = out};
  out->train.job = slip_train_job_default();
  out->train.plan = slip_plan_default();
  out->shown = (slip_checked){.file = row->table->file,
                              .line = slip_row_line(row),
                              .id = slip_row_text(row, "id"),
                              .source = slip_row_text(row, "source"),
                              .family = slip_source_family(reader->arena, slip_row_text(row, "source")),
                              .phase = "training",
                              .chip = slip_row_text(row, "chip"),
                              .model = slip_row_text(row, "model"),
                              .stack = "",
                              .quantity = "",
                              .unit = "",
                              .measured = NAN,
                              .predicted = NAN,
                              .lo = NAN,
                              .hi = NAN,
                              .reason = "",
                              .inferred = ""};
  if (row->table->bad[row->index])
    slip_train_skip(&r, "the row has more cells than the header");
  else
    read_row(&r);
  if (r.no_memory || !out->shown.family)
    return slip_no_memory(err);
  return SLIP_OK;
}

/* ---- prediction ---- */

/* Full recompute of a share of the layers: what lies between none and all. */
static void blend(slip_layer_cost *with, const slip_layer_cost *without, double share) {
  with->backward.seconds = without->backward.seconds + share * (with->backward.seconds - without->backward.seconds);
  with->saved_bytes = without->saved_bytes + share * (with->saved_bytes - without->saved_bytes);
}

/* Frozen matrices: backward gives gradients of inputs only; nothing is reduced or stepped (adapters are a percent
 * of it). */
static void freeze(slip_layer_cost *cost) {
  cost->backward.seconds -= cost->weight_gradient_s;
  cost->weight_gradient_s = 0;
  cost->dense_params = cost->expert_params = 0;
}

static void adapt(const slip_train_case *c, const slip_train *train, const slip_plan *plan,
                  slip_layer_costs *layers) {
  if (plan->recompute == SLIP_RECOMPUTE_FULL && c->full_share < 1) {
    slip_plan bare = *plan;
    slip_layer_costs without;
    bare.recompute = SLIP_RECOMPUTE_NONE;
    slip_train_layers(train, &bare, &without);
    for (int i = 0; i < layers->n_kinds; i++)
      blend(&layers->kinds[i], &without.kinds[i], c->full_share);
  }
  if (!c->frozen)
    return;
  for (int i = 0; i < layers->n_kinds; i++)
    freeze(&layers->kinds[i]);
  freeze(&layers->embedding);
  freeze(&layers->head);
  freeze(&layers->mtp);
}

slip_status slip_train_case_step(const slip_train_case *c, const slip_train_job *job, const slip_plan *plan,
                                 double *step_s, slip_train_memory *memory, slip_error *err) {
  slip_status status = SLIP_OK;
  slip_train *train = NULL;
  slip_layer_costs layers;
  slip_train_result result;
  SLIP_TRY(slip_train_open(job, &train, err));
  slip_train_layers(train, plan, &layers);
  adapt(c, train, plan, &layers);
  SLIP_TRY(slip_train_schedule(train, plan, &layers, &result, err));
  *step_s = result.step_s;
  if (memory)
    *memory = result.memory;
cleanup:
  slip_train_free(train);
  return status;
}

static double in_unit(const slip_case *c, const slip_quantity *quantity, double step_s) {
  const slip_train_case *t = &c->train;
  double rate = (double)t->job.seq * (double)t->job.batch / step_s / t->devices;
  if (strcmp(quantity->name, "step_time_s") == 0)
    return step_s;
  if (strcmp(quantity->name, "tokens_per_s_per_chip") == 0)
    return rate;
  return rate * t->flop_per_token / 1e12;
}

slip_status slip_predict_train_case(const slip_case *c, const slip_stack *stack, const slip_kernels *kernels,
                                    double predicted[SLIP_MAX_QUANTITIES], double spread[SLIP_MAX_QUANTITIES],
                                    slip_error *err) {
  slip_train_job job = c->train.job;
  slip_chip chip = *c->chip;
  slip_system system = *job.system;
  slip_stack plain = *(stack ? stack : c->stack);
  if (c->train.unfused_attention)
    plain.flash_attention = 0;
  job.stack = &plain;
  if (kernels) {
    chip.kernels = kernels;
    system.chip = &chip;
    job.system = &system;
  }
  double step_s;
  slip_status status = slip_train_case_step(&c->train, &job, &c->train.plan, &step_s, NULL, err);
  if (status != SLIP_OK)
    return status;
  for (int i = 0; i < c->n_quantities; i++) {
    predicted[i] = in_unit(c, &c->quantities[i], step_s);
    if (spread)
      spread[i] = slip_train_spread(job.stack, job.model);
  }
  return SLIP_OK;
}
