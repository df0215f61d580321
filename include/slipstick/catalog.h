/* The catalog: chips, kernel profiles, systems, software stacks, models and regions, each number with its source.
 *
 * The built-in catalog is compiled into the library from data/; directories given to slip_catalog_open overlay it: a
 * file KIND/NAME.yaml replaces the entry of that kind and name. An opened catalog is immutable and may be shared between
 * threads. Everything reached from it lives as long as it does.
 *
 * Units: files carry human units (tflops, gbs, gb, us); the structs below carry SI (flop/s, bytes/s, bytes, s),
 * converted once, at loading. A number without a published value is NAN here and has no fact: it is never guessed. */
#ifndef SLIPSTICK_CATALOG_H
#define SLIPSTICK_CATALOG_H

#include <slipstick/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- number formats ---- */

typedef enum slip_dtype {
  SLIP_FP32,
  SLIP_BF16, /* also fp16: same rate and size on every chip here */
  SLIP_FP8,  /* also mxfp8 and block-scaled fp8 */
  SLIP_INT8,
  SLIP_FP4,  /* nvfp4, mxfp4: 4 bits and a scale per block */
  SLIP_INT4, /* weight-only integer formats; computes in bf16 */
  SLIP_DTYPES
} slip_dtype;

const char *slip_dtype_name(slip_dtype dtype);
/* False when the name is unknown. Accepts the names above, fp16, mxfp8, nvfp4, mxfp4. */
bool slip_dtype_parse(const char *name, slip_dtype *out);
/* Bytes of one stored element, scales included (fp4: 0.5 + 1/16, NVFP4's one scale byte per 16 elements; int4: 0.5 + 2/32,
 * one bf16 scale per 32 elements; the scales of fp8 and int8 are a fraction of a percent and left out). NAN out of range. */
double slip_dtype_bytes(slip_dtype dtype);

/* ---- facts ---- */

typedef enum slip_kind {
  SLIP_KIND_CHIP,
  SLIP_KIND_KERNELS,
  SLIP_KIND_SYSTEM,
  SLIP_KIND_STACK,
  SLIP_KIND_MODEL,
  SLIP_KIND_REGION,
  SLIP_KINDS
} slip_kind;

const char *slip_kind_name(slip_kind kind);   /* "chip", "kernels", ... ; "" out of range */
const char *slip_kind_folder(slip_kind kind); /* "chips", "kernels", ... : its folder in data/ and in overlays */

typedef enum slip_confidence {
  SLIP_HIGH,    /* vendor document, or measured and published by the one who measured */
  SLIP_MEDIUM,  /* secondary text */
  SLIP_LOW,     /* forum, aggregator, rumour */
  SLIP_DERIVED, /* arithmetic of ours from published figures; the note says which */
  SLIP_ASSUMED, /* an assumption of ours, to be replaced by a measurement; the note says why */
  SLIP_CONFIDENCES
} slip_confidence;

const char *slip_confidence_name(slip_confidence confidence);

/* One number or text with where it comes from. */
typedef struct slip_fact {
  const char *field; /* its name in the file, e.g. "bf16_tflops"; level facts are "scale-up.gbs" */
  const char *unit;  /* the file's unit, e.g. "TFLOP/s"; "" for text and pure numbers */
  double shown;      /* in the file's unit; NAN for text */
  double value;      /* SI; NAN for text */
  const char *text;  /* text facts; NULL for numbers */
  const char *source, *url, *date, *note; /* "" when the file gives none; source is never "" */
  slip_confidence confidence;
  const char *file; /* where it was read, e.g. "data/chips/h200.yaml" */
  int line;
  /* Of a conflicting value: it says nothing of how uncertain the number is (another quantity, such as a sparse rate or
   * another grade; the same figure rounded), and widens no interval. */
  bool is_aside;
  const struct slip_fact *also; /* conflicting values, not chosen */
  size_t n_also;
} slip_fact;

/* What every entry has. */
typedef struct slip_entry {
  slip_kind kind;
  const char *name;  /* lower case, digits, '-' and '.': the name users type */
  const char *title; /* for people */
  const char *vendor;
  const char *status;  /* "shipping", "announced", "rumoured", "end of life"; "" where it does not apply */
  const char *summary; /* one line, may be "" */
  const char *file;
  const slip_fact *facts;
  size_t n_facts;
  const char *const *aliases; /* other names under which it is found */
  size_t n_aliases;
} slip_entry;

/* The chosen fact of a field, or NULL. O(facts). */
const slip_fact *slip_entry_fact(const slip_entry *entry, const char *field);

/* ---- chips ---- */

/* Constants of a generation's kernels: fractions of the physical peak that large operators sustain, and latencies.
 * Shared by every chip of the generation (data/kernels/). All fractions are in (0, 1). */
typedef struct slip_kernels {
  slip_entry entry;
  double gemm_fraction
      [SLIP_DTYPES]; /* of the peak of that dtype, for a large square GEMM; NAN where not known; int4: bf16's */
  double
      gemm_fp4_library_fraction; /* the same in fp4 of the general library, which training calls, where serving engines choose among kernels;
                                  * gemm_fraction when absent */
  double
      sustained_rate; /* of the rate in a burst of a few products that remains when they go on: the power limit lowers the clock. The
                          * fractions above are of what goes on; only measurements of bursts are held against it. 1 when absent */
  double fp8_block_rate; /* fp8 products scaled in blocks, relative to one scale a tensor; 1 when absent */
  /* Products of experts whose weights are widened to bf16 on their way, relative to bf16 ones: Marlin multiplies by the instruction of older
   * generations, in blocks of 8 to 64 rows. Absent: 1, in the profile's own tiles. */
  double widened_rate;
  double grouped_fraction;            /* a large grouped GEMM relative to a GEMM of the same dtype */
  double attention_fraction;          /* of bf16 peak: prefill attention, every query seeing very many keys */
  double attention_backward_fraction; /* of bf16 peak: its backward, likewise */
  double attention_keys_half;     /* keys that a query sees on average at which both have halved, heads of 128 */
  double mla_decode_fraction;     /* of bf16 peak: absorbed-MLA decode when compute bound */
  double mla_decode_fp8_fraction; /* of fp8 peak: the same on an fp8 cache; NAN: it computes in bf16 */
  double sparse_rows; /* query heads that sparse latent attention computes at least for each new token; NAN: 64 */
  double kv_read_fraction;      /* of memory bandwidth: decode attention reading the KV cache */
  double memory_fraction;       /* of memory bandwidth: streaming elementwise work */
  double weight_read_fraction;  /* of memory bandwidth: skinny GEMMs reading weights */
  double grouped_read_fraction; /* the same of skinny grouped GEMMs; weight_read_fraction when NAN */
  double depth_half;            /* GEMM depth k at which the sustained fraction has halved */
  double tile_m, tile_n;        /* output tile of the kernel that reaches gemm_fraction */
  double launch_s;              /* start and end of one kernel in a captured graph */
} slip_kernels;

typedef struct slip_chip {
  slip_entry entry;
  const slip_kernels *kernels;
  double ranks; /* devices that software addresses in one package: Ascend 910C has 2 dies, each a rank; else 1 */
  double dies;  /* compute dies in the package */
  double cores; /* SMs, AI cores, CUs, of the package: for wave quantisation */
  double peak_flops[SLIP_DTYPES]; /* dense, per package; int4 is bf16's, in which it computes */
  double memory_bytes;            /* usable by software, per package */
  double
      memory_exposed_bytes; /* as the driver reports it: data sheets mean 2^30 bytes by a GB of HBM; memory_bytes when absent */
  double memory_bytes_per_s; /* per package */
  double tdp_w;              /* per package */
  /* 0..1: of compute, where the power limit is lower than that of the chips its kernel profile was measured on; 1 when absent. Switching power
   * grows with the clock and the square of the voltage, the voltage with about the 0.75th power of the clock:
   * ((limit - idle) / (usual - idle))^(1 / 2.5) (cost-model.md, G1g) */
  double power_limited_rate;
  double idle_w;
  double die_mm2; /* all compute dies */
  double price_usd;
} slip_chip;

/* ---- systems ---- */

enum { SLIP_MAX_LEVELS = 4 };

typedef struct slip_level {
  const char *name;     /* "in-package", "scale-up", "scale-out" */
  const char *topology; /* "switch", "mesh", "torus-2d", "torus-3d", "clos", "die-to-die" */
  const char *fabric;   /* "NVLink 5", "UB", "InfiniBand NDR", ... */
  double ranks;         /* ranks (not chips) within one domain of this level; infinity for the outermost */
  double bytes_per_s;   /* per rank and direction */
  double latency_s;     /* one small message between two ranks, software included */
  double fraction;      /* of bytes_per_s that large collectives sustain, in (0, 1] */
  double exchange_s;    /* fixed time of one expert dispatch or combine; latency_s when the file gives none */
  double
      copy_s; /* that a rank needs to send (or fetch) one copy of a token, whatever its size; 0 when the file gives none */
  double exchange_fraction; /* of bytes_per_s that expert dispatch and combine sustain; fraction when absent */
  double bulk_fraction;     /* the same of the kernels for training and prefill; exchange_fraction when absent */
  double reduce_fraction;   /* of bytes_per_s at which a vector is reduced inside the switch; NAN: it cannot */
} slip_level;

typedef struct slip_system {
  slip_entry entry;
  const slip_chip *chip;
  double chips;                       /* per system as sold */
  slip_level levels[SLIP_MAX_LEVELS]; /* innermost first */
  int n_levels;
  double power_w;   /* whole system, full load, before PUE */
  double price_usd; /* whole system */
} slip_system;

/* ---- stacks ---- */

/* The software of a date: what it overlaps, what the host costs. Few bounded constants, never per model. */
typedef struct slip_stack {
  slip_entry entry;
  const char *for_vendor;                 /* chips' vendor this stack runs on; "any" */
  const char *for_chip;                   /* the one chip it was built for, by name; "" any of the vendor's */
  const char *for_models;                 /* "experts": mixtures of experts only; "" any model */
  const char *framework, *release, *date; /* date is ISO "2026-02" */
  const char *only_releases; /* "0.6 to 0.7": stands only for measurements that name such a release; "" for any */
  bool trains, serves;
  bool is_prior; /* the prior of its kind: used when nothing is known of the stack */
  /* training */
  double overlap_dp;   /* share of gradient and parameter traffic hidden behind compute, 0..1 */
  double overlap_tp;   /* share of tensor-parallel traffic hidden */
  double overlap_ep;   /* share of expert all-to-all hidden */
  double overlap_pp;   /* share of pipeline transfers hidden */
  double overlap_cp;   /* share of context-parallel traffic hidden */
  double host_layer_s; /* host time of one dense layer and micro-batch, forward; what the device does not hide */
  double host_moe_layer_s; /* the same of a mixture-of-experts layer */
  double
      host_expert_s; /* and of each routed expert of the rank, whose products are launched one by one; 0 when absent */
  double step_overhead_s; /* per optimizer step */
  double jitter;          /* stragglers and clock: share added to the step */
  double
      elementwise_passes; /* reads and writes of the hidden state per layer that fusion leaves, relative to the list */
  double imbalance_train;       /* hottest expert rank over the mean */
  double zero_bubble, dualpipe; /* 1: the stack has this pipeline schedule, so a search may choose it */
  double
      even_stages; /* 1: layers that divide among the pipeline's chunks are dealt evenly (Megatron-LM before 2025); 0: the last chunk is
                         spared what the head weighs; 0 when absent */
  double flash_attention; /* 1: scores never reach memory; 0: they do (stacks of 2022 and before) */
  double
      attention_rate;  /* of its attention kernels, relative to the best of the chip's generation; 1 when absent */
  double gemm_rate;    /* of its dense GEMMs in training, relative to the kernel profile; 1 when absent */
  double grouped_rate; /* of its expert GEMMs, relative to the kernel profile; 1 when absent */
  double scan_rate; /* of its state-space scans in training, relative to their products and states; 1 when absent */
  double
      dispatch_once; /* 1: its expert dispatcher sends a token once to each place (DeepEP, HybridEP); 0: a copy per expert through the
                        library's all-to-all; 1 when absent */
  double
      loss_bytes; /* that the loss moves for each logit, forward and backward, beside the output matrix's products; 36 when absent */
  double fused_experts; /* 1: an expert FFN is one kernel with its biases, activation and casts; 0 when absent */
  /* serving */
  double host_step_s;        /* host time per engine step */
  double host_serve_layer_s; /* device-side gap per layer that a captured graph leaves */
  double
      host_sequence_s; /* host time per prompt of a step, and per token that it emits: scheduling, sampling, streaming; 0 when absent */
  double
      request_s; /* of a request outside all steps, before its first token is out: server, queues between processes; 0
                     * when absent */
  double request_token_s;   /* the same for each token of its prompt: tokenizer, transport; 0 when absent */
  double two_batch_overlap; /* share of expert traffic hidden behind the other half batch */
  double
      exchange_cores; /* share of the cores that kernels of hidden prefill traffic occupy meanwhile; 0 when absent */
  double imbalance_serve;
  double
      routing_spread; /* standard deviation over mean of how often experts are picked in serving; 0, even, when absent */
  double prefill_interference; /* share of a prefill's time by which decode steps of the same chips stretch */
  double
      prefill_apart; /* 1: prompts run in steps of their own, decoding waits; 0: beside what decodes; 0 when absent */
  double serial_host; /* 1: host and device take turns; 0: the host works ahead; 0 when absent */
  double
      decode_graphs; /* 0: decode steps are launched kernel by kernel, as prompts are; 1: as one graph; 1 when absent */
  double whole_windows;   /* 1: layers with a window keep the whole context in the cache; 0 when absent */
  double kv_memory_share; /* of the memory left after weights that the KV cache may use */
  double
      reserve_output; /* share of its output that a request must find room for in the cache before it runs; 1 when absent */
  double draft_acceptance; /* accepted draft tokens per drafted token (MTP) */
  double max_sequences;    /* running sequences per replica */
  double dispatch_s;       /* fixed time of one expert dispatch or combine beyond the fabric's latency */
  double
      reduce_s; /* of an all-reduce in serving, for each other rank, beyond the library's time; NAN: the engine has kernels of its own */
  double
      memory_share; /* of a chip's memory that a job may fill: the rest is the runtime's, the libraries' buffers, fragments */
  /* intervals: half-width of the 80% interval of ln(predicted/measured) */
  double spread_train,
      spread_serve; /* spread_serve: of the time per output token, and of what else has no field of its own */
  double spread_train_moe; /* of training mixtures of experts; spread_train when absent */
  double spread_rate;      /* of the tokens/s of a fleet; spread_serve when absent */
  double spread_offline; /* of anything of a fixed number of requests (slip_serve_run); spread_serve when absent */
  double spread_ttft;    /* of the time to first token, which hangs on the queue; spread_serve when absent */
  double
      spread_ttft_split; /* the same where prefill has chips of its own: a router and a hand-over more; spread_ttft when absent */
  /* what one observation mostly moves (calibrate.h): time of a chip's own operators relative to the model's; 1 when absent */
  double pace_train, pace_serve;
  double
      pace_experts; /* in serving, of the experts' products and their router, beyond pace_serve: fused MoE kernels; 1 when absent */
} slip_stack;

/* ---- regions ---- */

typedef struct slip_region {
  slip_entry entry;
  double power_usd_per_j; /* file: usd_per_kwh */
  double pue;             /* facility power over IT power, >= 1 */
} slip_region;

/* ---- the catalog ---- */

typedef struct slip_catalog slip_catalog;

/* Opens the built-in catalog, then overlays each directory in turn. dirs may be NULL when n_dirs is 0.
 * Errors: SLIP_BAD_INPUT with file, line and field; SLIP_IO_FAILURE; SLIP_NO_MEMORY. */
slip_status slip_catalog_open(const char *const *dirs, size_t n_dirs, slip_catalog **out, slip_error *err);
void slip_catalog_free(slip_catalog *catalog); /* NULL is allowed */

size_t slip_catalog_count(const slip_catalog *catalog, slip_kind kind);
/* i-th entry in name order; NULL out of range. */
const slip_entry *slip_catalog_entry(const slip_catalog *catalog, slip_kind kind, size_t i);

/* By name or alias (case does not matter). SLIP_BAD_INPUT with the nearest names when unknown. */
slip_status slip_catalog_chip(const slip_catalog *catalog, const char *name, const slip_chip **out,
                              slip_error *err);
slip_status slip_catalog_system(const slip_catalog *catalog, const char *name, const slip_system **out,
                                slip_error *err);
slip_status slip_catalog_stack(const slip_catalog *catalog, const char *name, const slip_stack **out,
                               slip_error *err);
slip_status slip_catalog_region(const slip_catalog *catalog, const char *name, const slip_region **out,
                                slip_error *err);
struct slip_model; /* <slipstick/model.h> */
slip_status slip_catalog_model(const slip_catalog *catalog, const char *name, const struct slip_model **out,
                               slip_error *err);
/* Any kind: the first entry of that name in the order chip, system, model, stack, kernels, region. NULL when none. */
const slip_entry *slip_catalog_find(const slip_catalog *catalog, const char *name);

/* The newest stack that trains (or serves) and was built for the chip; else the newest for its vendor; else the prior of its kind. Never NULL with the
 * built-in catalog. */
const slip_stack *slip_catalog_newest_stack(const slip_catalog *catalog, const slip_chip *chip, bool train);

/* SLIP_MISSING, naming entry, field and file, when `value` is NAN; else SLIP_OK. */
slip_status slip_require(const slip_entry *entry, const char *field, double value, slip_error *err);

/* The fields that a kind of file may carry, for documentation, `show` and tests. */
typedef struct slip_field {
  const char *name, *unit;
  double multiply,
      divide;       /* SI value = value in the file * multiply / divide (two, so that microseconds stay exact) */
  double low, high; /* legal range in the file's unit, inclusive; 0 for text */
  bool is_text;
  bool is_count;       /* a whole number */
  const char *choices; /* text: the legal values, separated by spaces; NULL when any text will do */
  ptrdiff_t offset;    /* of the member that it fills in the struct of its kind; -1: carried for people only */
  const char *meaning;
} slip_field;
const slip_field *slip_kind_fields(slip_kind kind, size_t *count);
const slip_field *slip_level_fields(size_t *count);

#ifdef __cplusplus
}
#endif
#endif
