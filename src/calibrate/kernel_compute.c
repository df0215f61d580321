/* Kernel rows of one chip: matrix products, grouped products, attention. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/kernel_internal.h"

/* Latent attention of DeepSeek-V2 and V3: keys of 512 + 64, values of 512. */
#define MLA_KEY 576.0
#define MLA_VALUE 512.0

static slip_op *add(slip_kernel_reader *r, slip_op_kind kind, slip_dtype dtype) {
  slip_op *op = &r->out->kernel.ops[r->out->kernel.n_ops++];
  *op = (slip_op){.kind = kind, .name = r->op, .dtype = dtype};
  return op;
}

/* m rows shared by `groups` products of n x k. Weights in `stored`. */
static void add_gemm(slip_kernel_reader *r, slip_dtype dtype, slip_dtype stored, double m, double n, double k,
                     double groups) {
  slip_op *op = add(r, groups > 1 ? SLIP_OP_GROUPED : SLIP_OP_GEMM, dtype);
  op->m = m, op->n = n, op->k = k, op->groups = groups;
  op->block_scaled = groups <= 1 && dtype == SLIP_FP8 && strstr(r->dtype, "block") != NULL;
  op->weight_bytes = groups * n * k * slip_dtype_bytes(stored);
  op->read_bytes = m * k * slip_dtype_bytes(dtype);
  op->write_bytes = m * n * slip_dtype_bytes(SLIP_BF16);
}

/* What a rate counts: the last operator's work. */
static void count(slip_kernel_reader *r) {
  const slip_op *op = &r->out->kernel.ops[r->out->kernel.n_ops - 1];
  r->flop = op->kind == SLIP_OP_ATTENTION ? op->flops : 2 * op->m * op->n * op->k;
  r->bytes = op->weight_bytes + op->read_bytes + op->write_bytes;
}

/* Rows with the remark quantises=input time a layer that takes bf16 and quantises it before the product, as aiconfigurator's collectors do, which call the
 * engine's Linear (docs/measured.md; for TensorRT-LLM collector/trtllm/collect_gemm.py there). Blocks of 128 or 16 elements find their scales on the way, one kernel; one scale a tensor,
 * for which the collector gives no static one, takes a pass for the largest element and before it a cleared maximum. */
static void add_quantisation(slip_kernel_reader *r, slip_dtype dtype, double m, double k) {
  if (!strstr(r->remark, "quantises=input") || slip_dtype_bytes(dtype) >= 2)
    return;
  if (strstr(r->dtype, "per-tensor") && strstr(r->remark, "software=TRTLLM")) {
    add(r, SLIP_OP_STREAM, SLIP_BF16)->write_bytes = 4;
    add(r, SLIP_OP_STREAM, SLIP_BF16)->read_bytes = 2 * m * k;
  }
  slip_op *op = add(r, SLIP_OP_STREAM, SLIP_BF16);
  op->read_bytes = 2 * m * k, op->write_bytes = m * k * slip_dtype_bytes(dtype);
  slip_kernel_infer(r, "quantisation of the activations is timed too");
}

bool slip_kernel_read_gemm(slip_kernel_reader *r) {
  double m = slip_kernel_need(r, "m"), n = slip_kernel_need(r, "n"), k = slip_kernel_need(r, "k");
  slip_dtype stored, dtype;
  if (!slip_kernel_dtype(r, &stored) || r->out->shown.reason[0])
    return false;
  dtype = strstr(r->dtype, "weight-only") ? SLIP_BF16 : stored; /* widened on the way to the cores */
  if (isnan(r->device.peak_flops[dtype]))
    return slip_kernel_skip(r, "dtype: the chip has no published %s rate", slip_dtype_name(dtype));
  add_quantisation(r, dtype, m, k);
  add_gemm(r, dtype, stored, m, n, k, 1);
  count(r);
  return true;
}

/* ---- grouped products ---- */

/* Kernels that start one after the other where the row does not say: choosing experts, sorting, offsets, quantisation, two grouped products,
 * activation, summing up. One token on any chip takes this many launches' time (docs/cost-model.md). */
#define FUSED_LAUNCHES 11.0

/* Experts of one rank that have rows: `active` where the row counts them. Even routing: each visit meets an expert of its own until there are no
 * more; random: the mean. */
static double experts_met(slip_kernel_reader *r, double tokens, double top_k, double experts, double ep) {
  const double active = slip_kernel_number(r, "active");
  if (active > 0) /* false for NAN */
    return fmin(active, experts);
  if (strcmp(slip_kernel_text(r, "distribution"), "random") == 0)
    return experts / ep * (1 - pow(1 - top_k / experts, tokens));
  return fmax(fmin(experts, tokens * top_k) / ep, 1);
}

/* A whole expert FFN in one call. `tokens` are those of all expert-parallel ranks; spread evenly, or as `distribution` says. A row that counts
 * its `kernels` is of an engine's own (few_rows), with the activation at the end of the first product. */
static bool read_fused(slip_kernel_reader *r, slip_dtype dtype) {
  double tokens = slip_kernel_need(r, "tokens"), top_k = slip_kernel_need(r, "topk");
  double experts = slip_kernel_need(r, "experts"), ep = slip_kernel_need(r, "ep");
  double hidden = slip_kernel_need(r, "hidden"), inter = slip_kernel_need(r, "inter");
  double kernels = slip_kernel_number(r, "kernels");
  if (r->out->shown.reason[0])
    return false;
  if (strncmp(slip_kernel_text(r, "distribution"), "power_law", 9) == 0)
    slip_kernel_infer(r, "distribution: taken as even");
  double met = experts_met(r, tokens, top_k, experts, ep), visits = fmax(tokens * top_k / ep, met);
  slip_op *route =
      add(r, SLIP_OP_STREAM, SLIP_BF16); /* rows out to their experts in `dtype`, results back and added up */
  route->read_bytes = (tokens + visits) * hidden * 2;
  route->write_bytes = visits * hidden * slip_dtype_bytes(dtype) + tokens * hidden * 2;
  add_gemm(r, dtype, dtype, visits, 2 * inter, hidden, met);
  if (!(kernels > 0)) { /* true for NAN */
    slip_op *act = add(r, SLIP_OP_STREAM, SLIP_BF16);
    act->read_bytes = visits * 2 * inter * 2, act->write_bytes = visits * inter * 2;
  }
  add_gemm(r, dtype, dtype, visits, hidden, inter, met);
  for (int i = 0; i < r->out->kernel.n_ops; i++) {
    slip_op *op = &r->out->kernel.ops[i];
    if (op->kind == SLIP_OP_STREAM)
      continue;
    op->kind = SLIP_OP_GROUPED;
    op->few_rows = kernels > 0;
  }
  r->out->kernel.launches = kernels > 0 ? kernels : FUSED_LAUNCHES;
  r->flop = 2 * visits * hidden * inter * 3;
  return true;
}

/* DeepGEMM's generator of masked rows, which benchmarks share, gives a group int(mean * U) rows with U even from 0.7 to 1.3
 * (tests/generators.py there): share of the groups that have any. */
static double groups_with_rows(double mean) {
  return fmin(1, fmax(0, (1.3 - fmax(0.7, 1 / mean)) / 0.6));
}

/* The local experts' gate and up in one product, or their down. */
static bool read_projection(slip_kernel_reader *r, slip_dtype dtype) {
  double experts = slip_kernel_need(r, "local_experts"), each = slip_kernel_need(r, "tokens_per_expert");
  double hidden = slip_kernel_need(r, "hidden"), inter = slip_kernel_need(r, "inter");
  const char *proj = slip_kernel_text(r, "proj");
  bool up = strcmp(proj, "up") == 0;
  if (!up && strcmp(proj, "down") != 0)
    return slip_kernel_skip(r, "shape: proj is neither up nor down");
  if (r->out->shown.reason[0])
    return false;
  double met = experts;
  if (strcmp(slip_kernel_text(r, "layout"), "masked") == 0 && groups_with_rows(each) > 0)
    met = experts * groups_with_rows(each);
  add_gemm(r, dtype, dtype, experts * each, up ? 2 * inter : hidden, up ? hidden : inter, met);
  count(r);
  return true;
}

bool slip_kernel_read_grouped(slip_kernel_reader *r) {
  slip_dtype dtype;
  if (!slip_kernel_dtype(r, &dtype))
    return false;
  if (isnan(r->device.peak_flops[dtype]))
    return slip_kernel_skip(r, "dtype: the chip has no published %s rate", slip_dtype_name(dtype));
  if (slip_node_get(r->shape, "tokens"))
    return read_fused(r, dtype);
  if (slip_node_get(r->shape, "local_experts"))
    return read_projection(r, dtype);
  double groups = slip_kernel_need(r, "groups"), each = slip_kernel_number(r, "m");
  double n = slip_kernel_need(r, "n"), k = slip_kernel_need(r, "k");
  if (isnan(each))
    each = slip_kernel_need(r, "m_per_group");
  if (r->out->shown.reason[0])
    return false;
  add_gemm(r, dtype, dtype, groups * each, n, k, groups);
  count(r);
  return true;
}

/* ---- attention ---- */

typedef struct heads {
  double query, key, qk, v;
} heads;

/* "32-8-128": query heads, key heads, size. 128-128-64 is MLA's 192 and 128: the file's own utilisation says so,
 * and no other model has 128 key heads of 64. */
static bool parse_heads(slip_kernel_reader *r, const char *text, heads *h) {
  char *end;
  h->query = strtod(text, &end);
  h->key = *end == '-' ? strtod(end + 1, &end) : 0;
  h->qk = *end == '-' ? strtod(end + 1, &end) : 0;
  if (*end || !(h->query >= 1 && h->key >= 1 && h->qk >= 1))
    return slip_kernel_skip(r, "shape: heads_cfg is not QUERY-KEY-SIZE");
  h->v = h->qk;
  if (h->key == 128 && h->qk == 64) {
    h->qk = 192, h->v = 128;
    slip_kernel_infer(r, "head sizes: 192 and 128, MLA's, for 128 key heads of 64");
  }
  return true;
}

static bool read_heads(slip_kernel_reader *r, heads *h) {
  const char *text = slip_kernel_text(r, "heads_cfg");
  if (text[0])
    return parse_heads(r, text, h);
  h->query = slip_kernel_need(r, "h");
  h->key = slip_kernel_number(r, "h_kv");
  h->qk = slip_kernel_number(r, "d_qk");
  h->v = slip_kernel_number(r, "d_v");
  if (isnan(h->key))
    h->key = h->query;
  if (isnan(h->qk))
    h->qk = h->v = slip_kernel_need(r, "d");
  if (isnan(h->v))
    h->v = h->qk;
  return !r->out->shown.reason[0];
}

static double cache_element(const slip_kernel_reader *r) {
  const char *kv = strstr(r->dtype, "(kv ");
  return strstr(kv ? kv : slip_kernel_text(r, "kv_dtype"), "fp8") ? 1 : 2;
}

/* DeepSeek sparse attention, named by its kernel: "DSA logits-HEADS-SIZE" scores every key with an indexer in fp8,
 * one key a token; "DSA attn-HEADS-SIZE-KEPT" is latent attention over the keys kept. */
static bool read_sparse(slip_kernel_reader *r, double sequences, double fresh, double keys, double element,
                        bool decode) {
  const char *kernel = slip_kernel_text(r, "kernel");
  char *end;
  bool logits = strncmp(kernel, "DSA logits-", 11) == 0, attends = strncmp(kernel, "DSA attn-", 9) == 0;
  if (!logits && !attends)
    return slip_kernel_skip(r, "shape: kernel %s is not known", kernel);
  double count_heads = strtod(kernel + (logits ? 11 : 9), &end), size = *end == '-' ? strtod(end + 1, &end) : 0;
  double kept = attends && *end == '-' ? strtod(end + 1, &end) : INFINITY;
  if (!(count_heads >= 1 && size >= 1 && kept >= 1))
    return slip_kernel_skip(r, "shape: kernel %s has no sizes", kernel);
  slip_segment segment = {sequences, fresh, fmax(keys - fresh, 0)};
  double pairs = slip_attention_pairs(&segment, isinf(kept) ? 0 : kept),
         per_pair = logits ? size : size + MLA_VALUE;
  slip_op *op = add(r, SLIP_OP_ATTENTION, logits ? SLIP_FP8 : SLIP_BF16);
  op->decode = decode, op->mla = attends;
  op->flops = 2 * pairs * count_heads * per_pair;
  op->keys = pairs / (sequences * fresh);
  op->scores = attends ? pairs * count_heads : 0; /* an indexer has no softmax */
  op->rows = decode && attends ? fresh * count_heads : 0;
  op->read_bytes = sequences * fmin(keys, kept + fresh) * size * (logits ? 1 : element);
  op->write_bytes = logits ? 4 * pairs : 2 * sequences * fresh * count_heads * MLA_VALUE;
  count(r);
  return true;
}

/* Queries and the keys that each sees: `s` of both, or s_q queries at the end of kv_len keys; all keys where `causal` is false. */
static double attended_pairs(const slip_kernel_reader *r, double b, double queries, double keys) {
  const slip_segment segment = {b, queries, fmax(keys - queries, 0)};
  const bool all = strcmp(slip_kernel_text(r, "causal"), "false") == 0;
  return all ? b * queries * keys : slip_attention_pairs(&segment, 0);
}

bool slip_kernel_read_prefill(slip_kernel_reader *r) {
  double b = slip_kernel_number(r, "b"), s = slip_kernel_number(r, "s"), keys = slip_kernel_number(r, "kv_len"),
         element = 2;
  heads h = {0};
  slip_dtype dtype;
  if (slip_kernel_text(r, "kernel")[0]) {
    double fresh = slip_kernel_need(r, "s_q"), all = slip_kernel_need(r, "s_kv");
    return r->out->shown.reason[0] ? false : read_sparse(r, 1, fresh, all, 2, false);
  }
  if (isnan(s))
    s = slip_kernel_number(r, "seq_len");
  if (isnan(s))
    s = slip_kernel_number(r, "s_q");
  if (isnan(keys))
    keys = s;
  if (isnan(s))
    return slip_kernel_skip(r, "shape: s is missing");
  if (!read_heads(r, &h) || !slip_kernel_dtype(r, &dtype))
    return false;
  if (isnan(b)) {
    b = 1;
    slip_kernel_infer(r, "b: 1");
  }
  if (dtype != SLIP_BF16)
    element = 1;
  double pairs = attended_pairs(r, b, s, keys);
  if (strstr(r->remark, "includes=rotary") || strstr(r->remark, "torch_flow")) {
    slip_op *rotary = add(r, SLIP_OP_STREAM, SLIP_BF16); /* q, k and v rotated and put in the cache */
    rotary->read_bytes = 2 * b * s * (h.query * h.qk + h.key * (h.qk + h.v));
    rotary->write_bytes = element * b * s * (h.query * h.qk + h.key * (h.qk + h.v));
    /* TensorRT-LLM's context attention launches one kernel more, for sequence offsets and a cleared tile counter: computeSeqAndPaddingOffsets of
     * invokeBuildDecoderInfo, which AttentionOp::enqueueContext calls (cpp/tensorrt_llm/common/attentionOp.cpp; looked up at commit 00dbe28). And each
     * call is timed as a graph of its own (aiconfigurator, collector/trtllm/collect_attn.py), whose start counts as a launch; rows of generation
     * attention, timed alike, show none. */
    add(r, SLIP_OP_STREAM, SLIP_BF16)->write_bytes = 4;
    add(r, SLIP_OP_STREAM, SLIP_BF16)->write_bytes = 4;
    slip_kernel_infer(r, "rotary and the cache's writing are timed too");
  }
  slip_op *op = add(r, SLIP_OP_ATTENTION, isnan(r->device.peak_flops[dtype]) ? SLIP_BF16 : dtype);
  op->flops = 2 * pairs * h.query * (h.qk + h.v);
  op->scores = pairs * h.query;
  op->keys = pairs / (b * s);
  op->read_bytes = b * element * (s * h.query * h.qk + keys * h.key * (h.qk + h.v));
  op->write_bytes = b * s * 2 * h.query * h.v;
  count(r);
  return true;
}

/* Tokens that a step adds to each sequence: drafts and the token before them. */
static double fresh_queries(slip_kernel_reader *r) {
  const double queries = slip_kernel_number(r, "s_q");
  return isnan(queries) ? 1 : queries;
}

bool slip_kernel_read_decode(slip_kernel_reader *r) {
  if (slip_kernel_text(r, "kernel")[0]) {
    double b = slip_kernel_number(r, "batch_size"), fresh = slip_kernel_number(r, "next_n");
    double keys = slip_kernel_number(r, "s_kv");
    if (isnan(b))
      b = slip_kernel_need(r, "batchsize");
    if (isnan(keys))
      keys = slip_kernel_need(r, "kv_len");
    return r->out->shown.reason[0] ? false
                                   : read_sparse(r, b, isnan(fresh) ? 1 : fresh, keys, cache_element(r), true);
  }
  double b = slip_kernel_need(r, "b"), keys = slip_kernel_need(r, "kv_len"), queries = fresh_queries(r);
  heads h = {0};
  if (!read_heads(r, &h) || r->out->shown.reason[0])
    return false;
  slip_op *op = add(r, SLIP_OP_ATTENTION, SLIP_BF16);
  op->decode = true;
  const double pairs = attended_pairs(r, b, queries, keys);
  op->flops = 2 * pairs * h.query * (h.qk + h.v);
  op->scores = pairs * h.query;
  op->rows = queries * h.query / h.key;
  op->keys = pairs / (b * queries);
  op->read_bytes = b * h.key * keys * (h.qk + h.v) * cache_element(r) + 2 * b * queries * h.query * h.qk;
  op->write_bytes = 2 * b * queries * h.query * h.v;
  count(r);
  return true;
}

bool slip_kernel_read_mla(slip_kernel_reader *r) {
  if (slip_kernel_text(r, "what")[0])
    return slip_kernel_skip(r, "shape: %s, not a kernel", slip_kernel_text(r, "what"));
  double b = slip_kernel_need(r, "b"), h = slip_kernel_need(r, "h"), keys = slip_kernel_need(r, "kv_len");
  double qk = slip_kernel_number(r, "d_qk"), v = slip_kernel_number(r, "d_v"), queries = fresh_queries(r);
  if (r->out->shown.reason[0])
    return false;
  qk = isnan(qk) ? MLA_KEY : qk, v = isnan(v) ? MLA_VALUE : v;
  slip_op *op = add(r, SLIP_OP_ATTENTION, cache_element(r) == 1 ? SLIP_FP8 : SLIP_BF16);
  op->decode = op->mla = true;
  const double pairs = attended_pairs(r, b, queries, keys);
  op->rows = queries * h;
  op->flops = 2 * pairs * h * (qk + v);
  op->keys = pairs / (b * queries);
  op->read_bytes = b * keys * qk * cache_element(r) + 2 * b * queries * h * qk;
  op->write_bytes = 2 * b * queries * h * v;
  count(r);
  return true;
}
