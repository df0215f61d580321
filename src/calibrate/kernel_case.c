/* Kernel rows: from a line of the table to an operator or collective, and its prediction in the line's unit. */
#include "calibrate/kernel_internal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"

static const struct {
  const char *op;
  bool (*read)(slip_kernel_reader *r);
} readers[] = {
    {"gemm", slip_kernel_read_gemm},
    {"grouped_gemm", slip_kernel_read_grouped},
    {"attn_prefill", slip_kernel_read_prefill},
    {"attn_decode", slip_kernel_read_decode},
    {"mla_decode", slip_kernel_read_mla},
    {"allreduce", slip_kernel_read_collective},
    {"allgather", slip_kernel_read_collective},
    {"reducescatter", slip_kernel_read_collective},
    {"alltoall", slip_kernel_read_collective},
    {"dispatch", slip_kernel_read_exchange},
    {"combine", slip_kernel_read_exchange},
    {"p2p", slip_kernel_read_send},
    {"memcpy", slip_kernel_read_send},
};

/* ---- what the parts share ---- */

bool slip_kernel_skip(slip_kernel_reader *r, const char *fmt, ...) {
  slip_checked *shown = &r->out->shown;
  if (shown->reason[0])
    return false;
  char text[256];
  va_list args;
  va_start(args, fmt);
  slip_vformat(text, sizeof text, fmt, args);
  va_end(args);
  const char *kept = slip_arena_strdup(r->base->arena, text);
  r->no_memory = r->no_memory || !kept;
  shown->reason = kept ? kept : "";
  shown->scored = false;
  return false;
}

void slip_kernel_infer(slip_kernel_reader *r, const char *text) {
  slip_checked *shown = &r->out->shown;
  const char *kept = shown->inferred[0] ? slip_arena_printf(r->base->arena, "%s; %s", shown->inferred, text) : text;
  r->no_memory = r->no_memory || !kept;
  shown->inferred = kept ? kept : "";
}

double slip_kernel_number(slip_kernel_reader *r, const char *key) {
  const slip_node *node = slip_node_get(r->shape, key);
  double value;
  if (slip_node_is_null(node))
    return NAN;
  if (slip_node_double(node, 0, 1e18, &value, NULL) != SLIP_OK || !(value > 0)) {
    slip_kernel_skip(r, "shape: %s must be a number above 0", key);
    return NAN;
  }
  return value;
}

double slip_kernel_need(slip_kernel_reader *r, const char *key) {
  double value = slip_kernel_number(r, key);
  if (isnan(value))
    slip_kernel_skip(r, "shape: %s is missing", key);
  return value;
}

const char *slip_kernel_text(const slip_kernel_reader *r, const char *key) {
  const slip_node *node = slip_node_get(r->shape, key);
  return node && node->kind == SLIP_NODE_SCALAR ? node->text : "";
}

/* By the first word: "fp8 block-scaled", "bf16 (kv fp8)", "int8->bf16", "bfloat16". */
bool slip_kernel_dtype(slip_kernel_reader *r, slip_dtype *out) {
  char word[16];
  size_t n = strcspn(r->dtype, " ->/(");
  if (n >= sizeof word)
    n = sizeof word - 1;
  memcpy(word, r->dtype, n);
  word[n] = '\0';
  if (slip_dtype_parse(strcmp(word, "bfloat16") == 0 || strcmp(word, "float16") == 0 ? "bf16" : word, out))
    return true;
  return slip_kernel_skip(r, "dtype: %s", n > 0 ? "is not a format that is known" : "is missing");
}

/* ---- units ---- */

/* value = scale * seconds or scale / seconds. */
static bool read_unit(slip_kernel_reader *r) {
  slip_kernel_case *k = &r->out->kernel;
  const char *unit = r->unit;
  k->is_rate = true;
  if (strcmp(unit, "us") == 0)
    k->is_rate = false, k->scale = 1e6;
  else if (strcmp(unit, "TFLOPS") == 0)
    k->scale = r->flop * 1e-12;
  else if (strcmp(unit, "% of peak compute") == 0)
    k->scale = 100 * r->flop / r->device.peak_flops[k->ops[k->n_ops - 1].dtype];
  else if (strncmp(unit, "GB/s", 4) == 0)
    k->scale = r->bytes * 1e-9;
  else
    return slip_kernel_skip(r, "unit: %s is not one of us, TFLOPS, GB/s, %% of peak compute", unit);
  return isfinite(k->scale) && k->scale > 0 ? true
                                            : slip_kernel_skip(r, "unit: a %s has no rate in %s", r->op, unit);
}

/* ---- one row ---- */

static void identify(slip_kernel_reader *r) {
  slip_checked *shown = &r->out->shown;
  *shown = (slip_checked){.file = r->row->table->file,
                          .line = slip_row_line(r->row),
                          .id = slip_row_text(r->row, "id"),
                          .source = slip_row_text(r->row, "source"),
                          .phase = "kernel",
                          .chip = slip_row_text(r->row, "chip"),
                          .model = r->op,
                          .stack = "",
                          .quantity = "value",
                          .unit = r->unit,
                          .measured = NAN,
                          .predicted = NAN,
                          .lo = NAN,
                          .hi = NAN,
                          .scored = true,
                          .reason = "",
                          .inferred = ""};
  shown->family = slip_source_family(r->base->arena, shown->source);
  r->no_memory = r->no_memory || !shown->family;
}

static bool read_chip(slip_kernel_reader *r) {
  const char *text = slip_row_text(r->row, "chip");
  bool per_die;
  slip_error err = {.message = ""};
  if (!text[0])
    return slip_kernel_skip(r, "chip: is missing");
  r->out->chip = slip_resolve_chip(r->base->catalog, text, &per_die);
  if (!r->out->chip)
    return slip_kernel_skip(r, "chip: %s is not in the catalog", text);
  r->out->shown.chip = r->out->chip->entry.name;
  if (slip_device_make(r->out->chip, &r->device, &err) != SLIP_OK)
    return slip_kernel_skip(r, "chip: %s", err.message);
  return true;
}

/* Keys that an operator's reader asks for, and those that say no more than the row does elsewhere. */
static const char read_keys[] =
    " active b batch_size batchsize bytes causal d d_qk d_v distribution ep experts groups h h_kv heads_cfg hidden "
    "inter k kernel kernels kv_dtype kv_len layout local_experts m m_per_group mode n next_n proj ranks "
    "ranks_per_node s s_kv s_q seq_len tokens tokens_per_expert tokens_per_rank topk topk_groups what dir mla path "
    "scope sms tokens_per_gpu ";

/* Other keys are named: what they say may matter. */
static void note_unread(slip_kernel_reader *r) {
  for (const slip_node *node = r->shape->first; node; node = node->next) {
    const char *word = slip_arena_printf(r->base->arena, " %s ", node->key),
               *text = slip_arena_printf(r->base->arena, "shape: %s is not read", node->key);
    r->no_memory = r->no_memory || !word || !text;
    if (word && text && !strstr(read_keys, word))
      slip_kernel_infer(r, text);
  }
}

static bool read_shape(slip_kernel_reader *r) {
  const char *text = slip_row_text(r->row, "shape");
  slip_error err = {.message = ""};
  slip_status status = slip_doc_parse(r->base->arena, "shape", text, strlen(text), &r->shape, &err);
  if (status == SLIP_NO_MEMORY)
    r->no_memory = true;
  if (status != SLIP_OK)
    return slip_kernel_skip(r, "shape: %s", err.message);
  if (r->shape->kind != SLIP_NODE_MAP)
    return slip_kernel_skip(r, "shape: is not a JSON object");
  note_unread(r);
  return true;
}

static bool read_value(slip_kernel_reader *r) {
  bool bad = false;
  double value = slip_row_number(r->row, "value", &bad);
  if (!(value > 0))
    return slip_kernel_skip(r, "value: must be a number above 0");
  r->out->shown.measured = value;
  r->out->quantities[0] = (slip_quantity){"value", r->unit, value};
  r->out->n_quantities = 1;
  return true;
}

/* Harnesses that launch each kernel from Python, and the time in us below which their figures are the host's:
 * there they do not depend on the size, and the same chip, size and library timed alone are two to three times
 * faster. */
static const struct {
  const char *word, *dtype; /* in the notes or the source; of the dtype cell */
  double below_us;
} host_harnesses[] = {
    {"timing=host", "", INFINITY},
    {"VLLM", "fp8 block-scaled", 80}, /* a quantisation and a product; none below 50 */
    {"all_reduce_bench.py", "", 60},  /* torch; none below 38 */
    {"vidur", "", 70},                /* torch; none below 34 */
};

static bool timed_the_host(const slip_kernel_reader *r) {
  double measured = r->out->shown.measured;
  double us = r->out->kernel.is_rate ? r->out->kernel.scale / measured * 1e6 : measured;
  for (size_t i = 0; i < sizeof host_harnesses / sizeof *host_harnesses; i++)
    if (strstr(r->dtype, host_harnesses[i].dtype) && us < host_harnesses[i].below_us &&
        (strstr(r->remark, host_harnesses[i].word) || strstr(r->out->shown.source, host_harnesses[i].word)))
      return true;
  return false;
}

/* Benchmarks that time a few tens of products after flushing the cache (DeepGEMM's bench_kineto, which InferSim uses as well), or take the best of a
 * search (MAMF); the others loop long enough to log power, at the limit for large products. */
static bool timed_a_burst(const slip_kernel_reader *r) {
  static const char *const sources[] = {"DeepGEMM", "InferSim", "MAMF"};
  for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
    if (strstr(r->out->shown.source, sources[i]))
      return true;
  return false;
}

static bool read_row(slip_kernel_reader *r) {
  identify(r);
  if (r->row->table->bad[r->row->index])
    return slip_kernel_skip(r, "row: more cells than columns");
  if (!read_chip(r) || !read_shape(r) || !read_value(r))
    return false;
  r->out->kernel.burst = timed_a_burst(r);
  for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
    if (strcmp(readers[i].op, r->op) == 0)
      return readers[i].read(r) && read_unit(r) &&
             (!timed_the_host(r) ||
              slip_kernel_skip(r, "value: timed with the host in the loop, which takes longer than the kernel"));
  return slip_kernel_skip(r, r->op[0] ? "op: %s is not known" : "op: is missing%s", r->op);
}

slip_status slip_read_kernel_case(const slip_case_reader *reader, const slip_row *row, slip_case *out,
                                  slip_error *err) {
  slip_kernel_reader r = {.base = reader,
                          .row = row,
                          .op = slip_row_text(row, "op"),
                          .dtype = slip_row_text(row, "dtype"),
                          .unit = slip_row_text(row, "unit"),
                          .remark = slip_row_text(row, slip_csv_has(row->table, "remark") ? "remark" : "notes"),
                          .out = out,
                          .flop = NAN,
                          .bytes = NAN};
  *out = (slip_case){.kind = SLIP_ROW_KERNEL, .year = NAN, .kernel = {.scale = NAN}};
  out->shown.scored = read_row(&r);
  return r.no_memory ? slip_no_memory(err) : SLIP_OK;
}

/* ---- prediction ---- */

/* Half-width of the 80% interval of ln(predicted / measured): what slip_spread_from makes of the residuals of source families unseen, each row predicted with
 * constants fitted without its source family; 0.3 for what has none. Held to them by tests/calibrate/test_heldout.c, which prints what to put here
 * (`kernel_intervals_are_those_of_sources_unseen`). */
static double spread_of(const slip_case *c) {
  static const struct {
    const char *op;
    double spread;
  } spreads[] = {{"gemm", 0.172},       {"grouped_gemm", 0.169}, {"attn_prefill", 0.226}, {"attn_decode", 0.263},
                 {"mla_decode", 0.278}, {"allreduce", 0.254},    {"allgather", 0.331},    {"alltoall", 0.247},
                 {"dispatch", 0.219},   {"combine", 0.338},      {"p2p", 0.231},          {"memcpy", 0.275}};
  for (size_t i = 0; i < sizeof spreads / sizeof *spreads; i++)
    if (strcmp(spreads[i].op, c->shown.model) == 0)
      return spreads[i].spread;
  return 0.3;
}

static slip_status chip_seconds(const slip_case *c, const slip_kernels *kernels, double *seconds, slip_error *err) {
  slip_device device;
  slip_chip chip = *c->chip;
  if (kernels)
    chip.kernels = kernels;
  slip_status status = slip_device_make(&chip, &device, err);
  if (status != SLIP_OK)
    return status;
  *seconds = c->kernel.launches * device.kernels.launch_s;
  for (int i = 0; i < c->kernel.n_ops; i++) {
    slip_cost cost = slip_op_cost(&device, &c->kernel.ops[i]);
    const bool product = c->kernel.ops[i].kind == SLIP_OP_GEMM || c->kernel.ops[i].kind == SLIP_OP_GROUPED;
    if (product && c->kernel.burst && device.kernels.sustained_rate > 0) /* false for NAN */
      cost.seconds =
          cost.launch_s + slip_overlapped_s(cost.compute_s * device.kernels.sustained_rate, cost.memory_s);
    *seconds += c->kernel.launches > 0 ? cost.seconds - cost.launch_s : cost.seconds;
  }
  return SLIP_OK;
}

static slip_status network_seconds(const slip_case *c, double *seconds, slip_error *err) {
  const slip_kernel_case *k = &c->kernel;
  const slip_op *op = &k->ops[0];
  slip_network net;
  slip_status status = slip_network_make(k->system, &net, err);
  if (status != SLIP_OK)
    return status;
  if (k->direct) {
    slip_device device;
    status = slip_device_make(c->chip, &device, err);
    if (status != SLIP_OK)
      return status;
    *seconds = slip_direct_all_reduce_s(&net, k->group, op->bytes, device.kernels.launch_s, k->shots, NULL);
    if (isfinite(*seconds)) /* else the engine calls the library */
      return SLIP_OK;
  }
  if (op->collective != SLIP_EXCHANGE) {
    *seconds = slip_collective_s(&net, op->collective, k->group, op->bytes, NULL);
    return SLIP_OK;
  }
  for (int i = 0; k->flat && i < net.n_levels - 1; i++)
    net.levels[i].ranks = 1;
  *seconds = slip_exchange_s(&net, k->group, op->tokens, op->bytes, op->fan_out, op->group_limit, k->once, NULL);
  return SLIP_OK;
}

slip_status slip_predict_kernel_case(const slip_case *c, const slip_stack *stack, const slip_kernels *kernels,
                                     double predicted[SLIP_MAX_QUANTITIES], double spread[SLIP_MAX_QUANTITIES],
                                     slip_error *err) {
  const slip_kernel_case *k = &c->kernel;
  double seconds = NAN;
  (void)stack; /* kernels run without one */
  slip_status status = k->ops[0].kind == SLIP_OP_COLLECTIVE ? network_seconds(c, &seconds, err)
                                                            : chip_seconds(c, kernels, &seconds, err);
  if (status != SLIP_OK)
    return status;
  predicted[0] = k->is_rate ? k->scale / seconds : k->scale * seconds;
  if (spread)
    spread[0] = spread_of(c);
  return SLIP_OK;
}
