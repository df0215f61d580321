/* Kernel rows of several ranks: collectives, expert dispatch and combine, messages. */
#include <math.h>
#include <string.h>

#include "calibrate/kernel_internal.h"

/* DeepEP's fp8 payload: one fp32 scale per 128 elements and 16 bytes of header; its bandwidths count them
 * (internode and low-latency tests of its repository). CANN's int8: 7.5 KB for 7,168 elements (CloudMatrix384
 * paper, table 7). */
static double token_bytes(double hidden, bool combine) {
  return combine ? 2 * hidden : hidden * (1 + 4.0 / 128) + 16;
}

static bool find_system(slip_kernel_reader *r) {
  r->out->kernel.system = slip_resolve_system(r->base->catalog, r->out->chip, 0);
  return r->out->kernel.system
             ? true
             : slip_kernel_skip(r, "chip: no system of %s is in the catalog", r->out->chip->entry.name);
}

static slip_op *collective(slip_kernel_reader *r, slip_collective kind) {
  slip_kernel_case *k = &r->out->kernel;
  k->n_ops = 1;
  k->ops[0] = (slip_op){.kind = SLIP_OP_COLLECTIVE, .name = r->op, .dtype = SLIP_BF16, .collective = kind};
  return &k->ops[0];
}

/* An all-reduce by a serving engine's own kernel, as the row's software says: vLLM's custom all-reduce of one stage or two,
 * TensorRT-LLM's ONESHOT and TWOSHOT. */
static void read_direct(slip_kernel_reader *r) {
  static const struct {
    const char *words;
    slip_shots shots;
  } kernels[] = {{"custom all-reduce", SLIP_FEWEST_S},
                 {"custom-1-stage", SLIP_ONE_SHOT},
                 {"custom-2-stage", SLIP_TWO_SHOTS},
                 {"ONESHOT", SLIP_ONE_SHOT},
                 {"TWOSHOT", SLIP_TWO_SHOTS}};
  for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
    if (strstr(r->remark, kernels[i].words)) {
      r->out->kernel.direct = true;
      r->out->kernel.shots = kernels[i].shots;
    }
}

/* Rates are NCCL's bus bandwidth: bytes * 2 (n - 1) / n for all-reduce, bytes * (n - 1) / n for the rest, bytes
 * being the whole vector (nccl-tests, PERFORMANCE.md). */
bool slip_kernel_read_collective(slip_kernel_reader *r) {
  double ranks = slip_kernel_need(r, "ranks"), bytes = slip_kernel_need(r, "bytes");
  if (r->out->shown.reason[0] || !find_system(r))
    return false;
  if (ranks >
      slip_kernel_number(r, "ranks_per_node")) /* false for NAN: one node, or the whole system as it is sold */
    return slip_kernel_skip(r, "shape: the network between its nodes is not stated");
  slip_collective kind = strcmp(r->op, "allreduce") == 0       ? SLIP_ALL_REDUCE
                         : strcmp(r->op, "allgather") == 0     ? SLIP_ALL_GATHER
                         : strcmp(r->op, "reducescatter") == 0 ? SLIP_REDUCE_SCATTER
                                                               : SLIP_ALL_TO_ALL;
  slip_op *op = collective(r, kind);
  op->bytes = bytes;
  r->out->kernel.group = (slip_group){(int64_t)ranks, 1};
  if (kind == SLIP_ALL_REDUCE)
    read_direct(r);
  r->bytes = bytes * (ranks - 1) / ranks * (kind == SLIP_ALL_REDUCE ? 2 : 1);
  return ranks >= 2 ? true : slip_kernel_skip(r, "shape: ranks must be 2 or more");
}

/* Expected number of `places` that at least one of `picks` even choices falls on. */
static double distinct(double places, double picks) {
  return places * (1 - pow(1 - 1 / places, picks));
}

/* What a source divides by its time to print a bandwidth: low-latency kernels all copies; normal kernels one copy
 * per rank (one domain) or per domain, the sender's own among them. */
static double counted_copies(const slip_kernel_reader *r, double ranks, double top_k, double limit) {
  const slip_level *level = &r->out->kernel.system->levels[0];
  if (!r->out->kernel.once)
    return top_k;
  if (level->ranks >= ranks)
    return distinct(ranks, top_k);
  double copies = distinct(ranks / level->ranks, top_k);
  return limit > 0 ? fmin(copies, limit) : copies;
}

bool slip_kernel_read_exchange(slip_kernel_reader *r) {
  double ranks = slip_kernel_need(r, "ranks"), tokens = slip_kernel_need(r, "tokens_per_rank");
  double hidden = slip_kernel_need(r, "hidden"), top_k = slip_kernel_need(r, "topk");
  double limit = slip_kernel_number(r, "topk_groups");
  const char *mode = slip_kernel_text(r, "mode");
  slip_kernel_case *k = &r->out->kernel;
  if (r->out->shown.reason[0] || !find_system(r))
    return false;
  slip_op *op = collective(r, SLIP_EXCHANGE);
  op->bytes = token_bytes(hidden, strcmp(r->op, "combine") == 0);
  op->tokens = tokens, op->fan_out = top_k, op->group_limit = isnan(limit) ? 0 : limit;
  k->group = (slip_group){(int64_t)ranks, 1};
  k->once = strcmp(mode, "normal") == 0 || strstr(r->remark, "mode=normal");
  if (!mode[0] &&
      !strstr(r->remark,
              "mode=")) { /* normal kernels route by groups of experts; a few hundred tokens are a decode step */
    k->once = limit > 0 || tokens > 1024;
    slip_kernel_infer(r, k->once ? "mode: normal" : "mode: low latency");
  }
  k->flat = strstr(r->remark, "path=rdma") || strstr(r->remark, "pure RDMA even inside");
  r->bytes = tokens * counted_copies(r, ranks, top_k, op->group_limit) * op->bytes;
  return ranks >= 2 ? true : slip_kernel_skip(r, "shape: ranks must be 2 or more");
}

/* One message between two packages, or between a package and a processor on the same fabric. Large where the row
 * prints a rate. */
bool slip_kernel_read_send(slip_kernel_reader *r) {
  double bytes = slip_kernel_number(r, "bytes");
  if (r->out->shown.reason[0] || !find_system(r))
    return false;
  if (strcmp(r->op, "memcpy") == 0) {
    const char *fabric = r->out->kernel.system->levels[r->out->kernel.system->n_levels > 2].fabric;
    if (!fabric || strcmp(fabric, "UB") != 0)
      return slip_kernel_skip(r, "op: the catalog has no link between %s and its processor",
                              r->out->chip->entry.name);
    slip_kernel_infer(r, "path: the fabric between packages, which joins the processors too");
  }
  if (isnan(bytes)) {
    if (strncmp(r->unit, "GB/s", 4) != 0)
      return slip_kernel_skip(r, "shape: bytes is missing");
    bytes = 1e9;
    slip_kernel_infer(r, "bytes: 1e9");
  }
  slip_op *op = collective(r, SLIP_SEND);
  op->bytes = bytes;
  r->out->kernel.group = (slip_group){2, (int64_t)fmax(r->out->chip->ranks, 1)};
  r->bytes = bytes;
  return true;
}
