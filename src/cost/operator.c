/* The time of one operator: GEMM, grouped GEMM, attention, streams. The equations are in docs/cost-model.md. */
#include <math.h>
#include <slipstick/cost.h>
#include <stdint.h>
#include <string.h>

#include "base/wide.h"

/* Rows that a product of few rows is padded to: the least that Hopper's matrix instruction handles. The other
 * chips take 16 to 128; it binds only on H20, where compute is scarce (published rows of m = 16 and 128:
 * docs/cost-model.md). */
#define ROW_QUANTUM 64.0
/* Kernels that widen weights to a format of more bits on their way multiply the other way round, or by the smaller instruction, and so pad to
 * no more than this (triton_kernels' opt_flags.py: blocks of 16 rows and up). */
#define WIDENED_ROWS 16.0
/* Marlin's blocks of rows, where the generation's profile gives its rate: the least of 8, 16, 32, 48 and 64 that most groups fit in (vLLM's and
 * SGLang's fused_marlin_moe.py). */
#define MARLIN_LEAST 8.0
#define MARLIN_MOST 64.0
/* One core walks the depth of a tile at no less than this pace per element of k and row of the profile's tile,
 * however narrow the product: 1 ns per element on Hopper (m = 16, n = 128 to 1536, k = 7168 to 65536), 2 ns on
 * Blackwell with its tiles of twice the rows. */
#define DEPTH_STEP_S_PER_ROW 8e-12
#define FEW_ROWS_TILE 128.0
/* Attention takes this many launches' time however little it does: lengths and offsets are laid out, the pipeline
 * fills and drains, partial results are merged. Decode divides the keys of a sequence over the cores and walks
 * each part block by block: so many more for each doubling of the keys beyond WALK_KEYS. From the published rows
 * of one sequence and few heads on five generations (docs/cost-model.md). */
static const struct {
  double launches, walk;
} prefill_wait = {2, 0}, grouped_wait = {4, 0.4}, latent_wait = {5.5, 0.8};
#define WALK_KEYS 1024.0
/* Rows that a block of queries is padded to: latent decode on warp-group instructions of 64 rows, grouped-query
 * decode on those of 16; and the share of latent decode's rate that the smaller instruction reaches (H20's rows of
 * 64 and 128 heads). */
#define LATENT_ROWS 64.0
#define GROUPED_ROWS 16.0
#define GROUPED_SHARE 0.6
/* Prefill takes blocks of this many queries of a head, one to a core; with fewer blocks than cores, or a part of a
 * last wave, cores idle: blocks / (blocks + IDLE_CORES * cores). One constant for all generations. */
#define QUERY_BLOCK 128.0
#define IDLE_CORES 0.65
/* Softmax attention in fp8 relative to bf16: the products are twice as fast, the exponentials are not (H200, B200:
 * 1.2 to 1.4). */
#define FP8_SOFTMAX_GAIN 1.3
/* Key and value elements of the head for which attention_keys_half is given: 128 + 128. */
#define PAIR_WIDTH 256.0
/* Splits of k that libraries choose from when too few tiles fill the cores. */
static const double splits[] = {1, 2, 4, 8};
/* Tiles tried, relative to the profile's, and the share of its rate that a smaller tile sustains: it reuses each
 * operand less (for a square tile the traffic from shared memory grows with 1/edge). */
static const struct {
  double m, n, rate;
} tiles[] = {{1, 1, 1}, {0.5, 1, 0.92}, {0.5, 0.5, 0.84}, {0.25, 0.5, 0.7}, {0.125, 0.5, 0.55}};

/* Groups of a grouped product are not of one size: routing and the libraries' own benchmarks (DeepGEMM's draws each group's rows evenly
 * from 0.7 to 1.3 of the mean) spread them, and each group ends in a part of a tile. */
#define GROUP_LEAST 0.7
#define GROUP_MOST 1.3

/* Integral of ceil from 0 to x. */
static double ceil_integral(double x) {
  double whole = floor(x);
  return whole * (whole + 1) / 2 + (whole + 1) * (x - whole);
}

/* Tiles of `tile` rows (of at least `least`) that a product of `rows` rows takes; of a group, the mean over sizes spread evenly from
 * GROUP_LEAST to GROUP_MOST of `rows`. */
static double row_tiles(double rows, double tile, double least, bool grouped) {
  double whole = fmax(tile, least), low = GROUP_LEAST * rows / whole, high = GROUP_MOST * rows / whole;
  double count = grouped ? (ceil_integral(high) - ceil_integral(low)) / (high - low) : ceil(rows / whole);
  return count * whole / tile;
}

/* Waves may be filled by so much more than whole, where rounding was forgiven. */
#define WAVE_SLACK (1 + 4e-9)

double slip_overlapped_s(double compute_s, double memory_s) {
  double compute = compute_s * compute_s, memory = memory_s * memory_s;
  return sqrt(sqrt(compute * compute + memory * memory));
}

/* Rows of a tile: at most and at least. */
typedef struct block {
  double most, least;
} block;

/* Share of the sustained rate that the shape leaves: padding of tiles, waves over the cores, and the ramp along
 * the depth of each split, at the best choice of tile and split. A split shortens the depth, so that it pays only
 * while cores idle; every choice takes longer for a larger product, and so does the best. */
static double shape_share(const slip_device *d, double rows_per_group, block tile, double n, double k,
                          double groups) {
  bool waves = d->cores >= 1; /* false for NAN */
  double best = 0, whole_depth = k / (k + d->kernels.depth_half);
  for (size_t t = 0; t < sizeof tiles / sizeof *tiles; t++) {
    if (tiles[t].rate * whole_depth * WAVE_SLACK <= best)
      continue; /* not even without padding */
    double tile_m = tile.most * tiles[t].m, tile_n = d->kernels.tile_n * tiles[t].n;
    double count = groups * row_tiles(rows_per_group, tile_m, tile.least, groups > 1) * ceil(n / tile_n);
    double padding =
        waves ? groups * rows_per_group * n / (count * tile_m * tile_n) /* useful share of the tiles */
              : rows_per_group / (row_tiles(rows_per_group, tile.least, tile.least, groups > 1) * tile.least);
    for (size_t s = 0; s < sizeof splits / sizeof *splits; s++) {
      double depth = k / splits[s], ramp = depth + d->kernels.depth_half;
      if (padding * tiles[t].rate * depth / ramp * WAVE_SLACK <= best)
        break; /* not even with every core at work, and a deeper split less so */
      double work = count * splits[s];
      /* mean tiles of groups are fractions: what rounding adds to a whole number of waves is no wave more */
      double fill = waves ? work / (ceil(work / d->cores - 1e-9) * d->cores) : 1;
      double share = padding * fill * tiles[t].rate * depth / ramp;
      best = share > best ? share : best;
    }
  }
  return best;
}

/* A search asks for the same products again and again: the shares last found are kept, per thread. */
typedef struct remembered {
  double rows, least, n, k, groups, tile_m, tile_n, depth_half, cores, share;
} remembered;
enum { REMEMBERED = 1 << 11 };

static uint64_t bits_of(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static double known_share(const slip_device *d, double rows, block tile, double n, double k, double groups) {
  static _Thread_local remembered table[REMEMBERED];
  const uint64_t mixed =
      (bits_of(rows) ^ bits_of(n) * 3 ^ bits_of(k) * 5 ^ bits_of(groups) * 7) * 0x9E3779B97F4A7C15ULL;
  remembered *r = &table[mixed >> 53];
  const slip_kernels *of = &d->kernels;
  if (r->rows != rows || r->least != tile.least || r->n != n || r->k != k || r->groups != groups ||
      r->tile_m != tile.most || r->tile_n != of->tile_n || r->depth_half != of->depth_half || r->cores != d->cores)
    *r = (remembered){rows,       tile.least,
                      n,          k,
                      groups,     tile.most,
                      of->tile_n, of->depth_half,
                      d->cores,   shape_share(d, rows, tile, n, k, groups)};
  return r->share;
}

static slip_cost finish(double compute_s, double memory_s, double launch_s) {
  slip_cost cost = {.compute_s = compute_s, .memory_s = memory_s, .launch_s = launch_s};
  double work = slip_overlapped_s(compute_s, memory_s);
  cost.seconds = launch_s + work;
  cost.bound = launch_s > work         ? SLIP_BOUND_LATENCY
               : compute_s >= memory_s ? SLIP_BOUND_COMPUTE
                                       : SLIP_BOUND_MEMORY;
  return cost;
}

typedef struct product {
  slip_dtype dtype;
  bool block_scaled, widened; /* widened: weights of fewer bits than they are multiplied in */
  bool few_rows;              /* by an engine, which has kernels for few rows */
} product;

/* Cores that walk the depth of a tile together. Libraries split k of a bf16 product whose tiles leave cores idle; kernels of scaled formats
 * mostly do not (DeepGEMM, TensorRT-LLM's for fp8 and fp4: their rows of k = 7,168 and 16,384 take the whole walk). B200's and B300's rows of
 * 1 to 16 tokens, 256 and 384 experts and k = 7,168 take 4.3 to 5.1 us in cuBLAS (vLLM, pull request 44217), where one core would walk 15. */
static double walkers(const slip_device *d, product how, double m, double n) {
  if (how.dtype != SLIP_BF16 || !(d->cores >= 1))
    return 1;
  double count = ceil(m / FEW_ROWS_TILE) * ceil(n / FEW_ROWS_TILE), most = 1;
  for (size_t s = 0; s < sizeof splits / sizeof *splits; s++)
    if (count * splits[s] <= d->cores)
      most = splits[s];
  return most;
}

/* The least time in which a core walks the depth of its tile. Engines multiply few rows by kernels of their own, with smaller tiles than
 * Blackwell's libraries (TensorRT-LLM's and FlashInfer's router, fused down-projections and fused experts). */
static double depth_s(const slip_device *d, product how, double m, double n, double k, double groups) {
  double tile = how.few_rows ? fmin(d->kernels.tile_m, FEW_ROWS_TILE) : d->kernels.tile_m;
  return k / (groups <= 1 ? walkers(d, how, m, n) : 1) * tile * DEPTH_STEP_S_PER_ROW;
}

/* Experts in fewer bits, multiplied in bf16 by the instruction of older generations. Dense products have kernels that widen for the newer one
 * (Machete). */
static bool by_marlin(const slip_device *d, product how, double groups) {
  return groups > 1 && how.widened && how.dtype == SLIP_BF16 && d->kernels.widened_rate > 0; /* false for NAN */
}

/* Engines choose among kernels for each product; training, and benchmarks of libraries, take the library's. */
static double sustained_fraction(const slip_device *d, product how, double groups) {
  const slip_kernels *k = &d->kernels;
  bool library = how.dtype == SLIP_FP4 && !how.few_rows && k->gemm_fp4_library_fraction > 0; /* false for NAN */
  double fraction = library ? k->gemm_fp4_library_fraction : d->gemm_fraction[how.dtype];
  if (groups > 1)
    fraction *= k->grouped_fraction;
  if (how.block_scaled && k->fp8_block_rate > 0)
    fraction *= k->fp8_block_rate;
  if (by_marlin(d, how, groups))
    fraction *= k->widened_rate;
  return fraction;
}

/* Groups are found through tables of pointers and sizes, and end in the middle of what one core reads. */
static double read_fraction(const slip_kernels *k, double groups) {
  return groups > 1 && k->grouped_read_fraction > 0 ? k->grouped_read_fraction
                                                    : k->weight_read_fraction; /* false for NAN */
}

static block tile_rows(const slip_device *d, product how, double groups) {
  if (by_marlin(d, how, groups))
    return (block){fmin(d->kernels.tile_m, MARLIN_MOST), MARLIN_LEAST};
  return (block){d->kernels.tile_m, how.widened ? WIDENED_ROWS : ROW_QUANTUM};
}

static slip_cost gemm_cost(const slip_device *d, product how, double m, double n, double k, double groups,
                           double bytes) {
  slip_dtype dtype = how.dtype;
  double rows = m / groups;
  double rate = d->peak_flops[dtype] * sustained_fraction(d, how, groups) *
                known_share(d, rows, tile_rows(d, how, groups), n, k, groups);
  if (bytes < 0) {
    double element = slip_dtype_bytes(dtype);
    bytes = groups * n * k * element + m * k * element + m * n * slip_dtype_bytes(SLIP_BF16);
  }
  double compute_s = 2 * rows * groups * n * k / rate, walk_s = depth_s(d, how, m, n, k, groups);
  double memory_s = SLIP_MEMORY_RAMP_S + bytes / (d->memory_bytes_per_s * read_fraction(&d->kernels, groups));
  slip_cost cost = finish(compute_s, memory_s, d->kernels.launch_s);
  cost.compute_s = fmax(compute_s, walk_s);
  cost.seconds = fmax(cost.seconds, cost.launch_s + walk_s);
  if (cost.bound == SLIP_BOUND_MEMORY && memory_s < 2 * SLIP_MEMORY_RAMP_S) /* it waits longer than it reads */
    cost.bound = SLIP_BOUND_LATENCY;
  return cost;
}

SLIP_WIDE slip_cost slip_gemm_cost(const slip_device *d, slip_dtype dtype, double m, double n, double k,
                                   double groups, double bytes) {
  return gemm_cost(d, (product){.dtype = dtype}, m, n, k, groups, bytes);
}

static double op_bytes(const slip_op *op) {
  return op->weight_bytes + op->read_bytes + op->write_bytes;
}

static product product_of(const slip_op *op) {
  double weights = fmax(op->groups, 1) * op->n * op->k * slip_dtype_bytes(op->dtype);
  return (product){.dtype = op->dtype,
                   .block_scaled = op->block_scaled,
                   .few_rows = op->few_rows,
                   .widened = op->weight_bytes > 0 && op->weight_bytes < weights * (1 - 1e-6)};
}

/* Share of the long-sequence rate that prefill attention and its backward reach. A block of queries starts and
 * drains its pipeline once however few keys it walks: the work of attention_keys_half keys of a head of 128, fewer
 * of a wider one. And blocks are few or do not divide by the cores. Scans and whatever else does not say how many
 * keys it sees run at the full rate. */
static double prefill_share(const slip_device *d, const slip_op *op) {
  double share = 1, half = d->kernels.attention_keys_half;
  if (op->keys > 0 && op->scores > 0) {
    double blocks = op->scores / op->keys / QUERY_BLOCK;
    half *= PAIR_WIDTH / (op->flops / (2 * op->scores));
    if (d->cores >= 1)
      share = blocks / (blocks + IDLE_CORES * d->cores);
  }
  return op->keys > 0 ? share * op->keys / (op->keys + half) : share;
}

/* FLOP/s of decode and latent attention, padding of the query rows included. */
static double decode_flops(const slip_device *d, const slip_op *op, double peak) {
  const slip_kernels *k = &d->kernels;
  double quantum = !op->mla ? GROUPED_ROWS : op->own_keys && k->sparse_rows >= 1 ? k->sparse_rows : LATENT_ROWS;
  double useful = op->rows > 0 ? op->rows / (ceil(op->rows / quantum) * quantum) : 1;
  if (op->mla && op->dtype == SLIP_FP8)
    return useful * (isnan(k->mla_decode_fp8_fraction) || isnan(d->peak_flops[SLIP_FP8])
                         ? d->peak_flops[SLIP_BF16] * k->mla_decode_fraction
                         : d->peak_flops[SLIP_FP8] * k->mla_decode_fp8_fraction);
  return useful * peak * k->mla_decode_fraction * (op->mla || op->scores <= 0 ? 1 : GROUPED_SHARE);
}

static slip_cost attention_cost(const slip_device *d, const slip_op *op, double flops, double bytes,
                                bool backward) {
  const slip_kernels *k = &d->kernels;
  double peak = d->peak_flops[isnan(d->peak_flops[op->dtype]) ? SLIP_BF16 : op->dtype], rate;
  double launches;
  if (!backward && (op->decode || op->mla)) {
    rate = decode_flops(d, op, peak);
    double doublings = log2(1 + op->keys / WALK_KEYS);
    launches = op->mla ? latent_wait.launches + latent_wait.walk * doublings
                       : grouped_wait.launches + grouped_wait.walk * doublings;
  } else {
    if (op->dtype == SLIP_FP8 && op->scores > 0 && !isnan(d->peak_flops[SLIP_FP8]))
      peak = d->peak_flops[SLIP_BF16] * FP8_SOFTMAX_GAIN;
    rate = peak * (backward ? k->attention_backward_fraction : k->attention_fraction) * prefill_share(d, op);
    launches = op->keys > 0 ? prefill_wait.launches : 1;
  }
  double reading = d->memory_bytes_per_s * (op->decode ? k->kv_read_fraction : k->memory_fraction);
  return finish(flops / rate, bytes / reading, k->launch_s * launches);
}

static slip_cost stream_cost(const slip_device *d, double bytes) {
  return finish(0, bytes / (d->memory_bytes_per_s * d->kernels.memory_fraction), d->kernels.launch_s);
}

SLIP_WIDE slip_cost slip_op_cost(const slip_device *d, const slip_op *op) {
  switch (op->kind) {
  case SLIP_OP_GEMM:
  case SLIP_OP_GROUPED:
    if (!(op->m > 0 && op->n > 0 && op->k > 0))
      return finish(0, 0, 0);
    return gemm_cost(d, product_of(op), op->m, op->n, op->k, fmax(op->groups, 1), op_bytes(op));
  case SLIP_OP_ATTENTION:
    return attention_cost(d, op, op->flops, op_bytes(op), false);
  case SLIP_OP_STREAM:
    return stream_cost(d, op_bytes(op));
  case SLIP_OP_COLLECTIVE:
    break;
  }
  return finish(0, 0, 0);
}

static slip_cost add(slip_cost a, slip_cost b) {
  slip_cost sum = {a.seconds + b.seconds, a.compute_s + b.compute_s, a.memory_s + b.memory_s,
                   a.launch_s + b.launch_s, a.bound};
  if (b.seconds > a.seconds)
    sum.bound = b.bound;
  return sum;
}

SLIP_WIDE slip_cost slip_op_backward_cost(const slip_device *d, const slip_op *op) {
  switch (op->kind) {
  case SLIP_OP_GEMM:
  case SLIP_OP_GROUPED: {
    if (!(op->m > 0 && op->n > 0 && op->k > 0))
      return finish(0, 0, 0);
    double groups = fmax(op->groups, 1);
    const product how = {.dtype = op->dtype, .block_scaled = op->block_scaled};
    double gradient_bytes = op->weight_bytes + op->read_bytes + op->write_bytes; /* dX = dY W^T */
    slip_cost inputs = gemm_cost(d, how, op->m, op->k, op->n, groups, gradient_bytes);
    /* dW = X^T dY: k rows, n columns, depth m / groups; accumulated in fp32, read and written */
    double weight_elements = groups * op->n * op->k;
    slip_cost weights = gemm_cost(d, how, op->k * groups, op->n, op->m / groups, groups,
                                  op->read_bytes + op->write_bytes + 8 * weight_elements);
    return add(inputs, weights);
  }
  case SLIP_OP_ATTENTION:
    return attention_cost(d, op, 2.5 * op->flops, 2 * op_bytes(op), true);
  case SLIP_OP_STREAM:
    return stream_cost(d, (op->mirrored ? 1 : 2) * op_bytes(op));
  case SLIP_OP_COLLECTIVE:
    break;
  }
  return finish(0, 0, 0);
}

double slip_stream_s(const slip_device *d, double bytes) {
  return bytes / (d->memory_bytes_per_s * d->kernels.memory_fraction);
}
