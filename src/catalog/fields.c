/* The tables of the catalog: kinds, confidences, and every field that a file of each kind may carry, with its unit,
 * legal range, meaning and the struct member that it fills. Readers, documentation and `show` work from these rows.
 *
 * Ranges are generous on purpose: they catch a wrong unit or a slipped decimal point, not a bold design. */
#include <math.h>
#include <string.h>

#include "catalog/catalog_internal.h"
#include <slipstick/model.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* unit text, multiply, divide */
#define PURE "", 1, 1
#define TFLOPS "TFLOP/s", 1e12, 1
#define TOPS "TOP/s", 1e12, 1
#define GB "GB", 1e9, 1
#define MB "MB", 1e6, 1
#define TBS "TB/s", 1e12, 1
#define GBS "GB/s", 1e9, 1
#define GBPS "Gbit/s", 0.125e9, 1
#define WATT "W", 1, 1
#define KILOWATT "kW", 1e3, 1
#define MM2 "mm2", 1, 1
#define USD "USD", 1, 1
#define SECOND "s", 1, 1
#define MICROSECOND "us", 1, 1e6
#define BILLION "billion", 1e9, 1
#define USD_PER_KWH "USD/kWh", 1, 3.6e6
#define TOKENS "tokens", 1, 1
#define ELEMENTS "elements", 1, 1
#define KEYS "keys", 1, 1

/* A number that fills a member, a whole number that does, a number for people only, a text for people only. */
#define NUMBER(owner, name, member, unit, low, high, meaning) \
  { name, unit, low, high, false, false, NULL, offsetof(owner, member), meaning }
#define WHOLE(owner, name, member, unit, low, high, meaning) \
  { name, unit, low, high, false, true, NULL, offsetof(owner, member), meaning }
#define CARRIED(name, unit, low, high, meaning) \
  { name, unit, low, high, false, false, NULL, -1, meaning }
#define TEXT(name, meaning) \
  { name, PURE, 0, 0, true, false, NULL, -1, meaning }
#define CHOICE(name, choices, meaning) \
  { name, PURE, 0, 0, true, false, choices, -1, meaning }

#define FRACTION(owner, name, member, meaning) \
  { name, PURE, 1e-4, 1, false, false, NULL, offsetof(owner, member), meaning }
#define SHARE(owner, name, member, meaning) \
  { name, PURE, 0, 1, false, false, NULL, offsetof(owner, member), meaning }
#define PEAK(name, dtype, unit, meaning)                                               \
  {                                                                                    \
    name, unit, 1e-3, 1e6, false, false, NULL, offsetof(slip_chip, peak_flops[dtype]), \
        meaning " peak, dense, per package"                                            \
  }

static const slip_field chip_fields[] = {
    WHOLE(slip_chip, "ranks", ranks, PURE, 1, 64, "devices that software addresses in one package; 1 when absent"),
    WHOLE(slip_chip, "dies", dies, PURE, 1, 1000, "compute dies in the package"),
    WHOLE(slip_chip, "cores", cores, PURE, 1, 1e7, "SMs, AI cores or CUs of the package"),
    PEAK("fp32_tflops", SLIP_FP32, TFLOPS, "fp32"),
    PEAK("bf16_tflops", SLIP_BF16, TFLOPS, "bf16 (or fp16)"),
    PEAK("fp8_tflops", SLIP_FP8, TFLOPS, "fp8"),
    PEAK("int8_tops", SLIP_INT8, TOPS, "int8"),
    PEAK("fp4_tflops", SLIP_FP4, TFLOPS, "fp4"),
    NUMBER(slip_chip, "memory_gb", memory_bytes, GB, 1e-3, 1e5,
           "memory that software can use, per package; 1e9 bytes"),
    NUMBER(slip_chip, "memory_exposed_gb", memory_exposed_bytes, GB, 1e-3, 1e5,
           "memory as the driver reports it, per package; 1e9 bytes; memory_gb when absent"),
    NUMBER(slip_chip, "memory_tbs", memory_bytes_per_s, TBS, 1e-4, 1e4, "memory bandwidth per package"),
    NUMBER(slip_chip, "tdp_w", tdp_w, WATT, 1, 1e5, "power limit of the package"),
    SHARE(slip_chip, "power_limited_rate", power_limited_rate,
          "compute under its power limit relative to the chips that its kernel profile was measured on; 1 when "
          "absent"),
    NUMBER(slip_chip, "idle_w", idle_w, WATT, 0, 1e5, "power of the idle package"),
    NUMBER(slip_chip, "die_mm2", die_mm2, MM2, 1, 1e5, "area of all compute dies together"),
    NUMBER(slip_chip, "price_usd", price_usd, USD, 1, 1e8, "price of one package"),
    TEXT("process", "the fab's process, as named by the source"),
    TEXT("launch", "launch date, as published"),
    TEXT("memory_type", "HBM3, HBM2e, ..."),
    CARRIED("bf16_reported_tflops", TFLOPS, 1e-3, 1e6,
            "bf16 rate told without a source that can be checked; not used"),
    CARRIED("int8_reported_tops", TOPS, 1e-3, 1e6, "int8 rate told without a source that can be checked; not used"),
    CARRIED("scaleup_gbs", GBS, 1e-2, 1e6, "scale-up bandwidth per chip and direction"),
    CARRIED("scaleout_gbps", GBPS, 1e-2, 1e6, "scale-out network port per chip"),
    CARRIED("l2_mb", MB, 1e-3, 1e6, "last-level cache of the package"),
    CARRIED("transistors_billion", BILLION, 1e-3, 1e5, "transistors of the package"),
    CARRIED("die_mm2_each", MM2, 1, 1e5, "area of one compute die"),
    CARRIED("price_low_usd", USD, 1, 1e8, "lower end of the published prices"),
    CARRIED("price_high_usd", USD, 1, 1e8, "upper end of the published prices"),
    CHOICE("form", "package module card memory-stack", "as what it is sold; for rules"),
    CHOICE("datacentre", "yes no", "designed or marketed for data centres; for rules"),
    CHOICE("transistor_type", "planar non-planar", "of the logic dies that die_mm2 counts; for rules"),
    CARRIED("io_gbs", GBS, 1e-2, 1e6,
            "all inputs and outputs to other ICs but volatile memory, both directions; for rules"),
    CARRIED("package_mm2", MM2, 1, 1e5, "area of the package or stack; for rules"),
};

#define GEMM(name, dtype)                                                \
  FRACTION(slip_kernels, "gemm_" name "_fraction", gemm_fraction[dtype], \
           "of the " name " peak: a large square GEMM")
#define KERNEL(name, meaning) FRACTION(slip_kernels, #name, name, meaning)

static const slip_field kernels_fields[] = {
    GEMM("bf16", SLIP_BF16),
    GEMM("fp8", SLIP_FP8),
    GEMM("int8", SLIP_INT8),
    GEMM("fp4", SLIP_FP4),
    GEMM("fp32", SLIP_FP32),
    KERNEL(gemm_fp4_library_fraction, "of the fp4 peak: a large GEMM of the general library, which training calls; "
                                      "gemm_fp4_fraction when absent"),
    KERNEL(sustained_rate,
           "of a product's rate in a short burst, what the power limit leaves when products go on; 1 when absent"),
    KERNEL(fp8_block_rate, "fp8 products scaled in blocks, relative to one scale a tensor; 1 when absent"),
    KERNEL(widened_rate,
           "products of experts whose weights are widened to bf16 on their way (Marlin), relative to bf16 ones; "
           "1 when absent"),
    KERNEL(grouped_fraction, "a large grouped GEMM relative to a GEMM of the same dtype"),
    KERNEL(attention_fraction, "of the bf16 peak: prefill attention, every query seeing very many keys"),
    KERNEL(attention_backward_fraction, "of the bf16 peak: the backward of attention, likewise"),
    NUMBER(slip_kernels, "attention_keys_half", attention_keys_half, KEYS, 0, 1e6,
           "keys that a query sees on average at which prefill attention and its backward run at half their rate"),
    KERNEL(mla_decode_fraction, "of the bf16 peak: absorbed-MLA decode when compute bound"),
    KERNEL(mla_decode_fp8_fraction, "of the fp8 peak: the same on an fp8 cache; absent: it computes in bf16"),
    WHOLE(slip_kernels, "sparse_rows", sparse_rows, ELEMENTS, 1, 65536,
          "query heads that sparse latent attention computes at least for each new token; 64 when absent"),
    KERNEL(kv_read_fraction, "of memory bandwidth: decode attention reading the KV cache"),
    KERNEL(memory_fraction, "of memory bandwidth: streaming elementwise work"),
    KERNEL(weight_read_fraction, "of memory bandwidth: skinny GEMMs reading weights"),
    KERNEL(grouped_read_fraction,
           "of memory bandwidth: skinny grouped GEMMs reading weights; weight_read_fraction when absent"),
    NUMBER(slip_kernels, "depth_half", depth_half, ELEMENTS, 0, 1e6,
           "GEMM depth k at which the sustained fraction has halved"),
    WHOLE(slip_kernels, "tile_m", tile_m, ELEMENTS, 1, 65536, "output tile of the largest kernel, rows"),
    WHOLE(slip_kernels, "tile_n", tile_n, ELEMENTS, 1, 65536, "output tile of the largest kernel, columns"),
    NUMBER(slip_kernels, "launch_us", launch_s, MICROSECOND, 0, 1e4,
           "start and end of one kernel in a captured graph"),
};

static const slip_field system_fields[] = {
    WHOLE(slip_system, "chips", chips, PURE, 1, 1e7, "chips per system as sold"),
    NUMBER(slip_system, "power_kw", power_w, KILOWATT, 1e-3, 1e7, "whole system at full load, before PUE"),
    NUMBER(slip_system, "price_usd", price_usd, USD, 1, 1e12, "whole system"),
    TEXT("launch", "launch date, as published"),
    CARRIED("cpus", PURE, 0, 1e7, "host processors"),
    CARRIED("racks", PURE, 1e-2, 1e6, "racks or cabinets"),
    CARRIED("memory_total_gb", GB, 1e-3, 1e10, "accelerator memory of the whole system"),
    CARRIED("power_low_kw", KILOWATT, 1e-3, 1e7, "lower end of the published power"),
    CARRIED("power_high_kw", KILOWATT, 1e-3, 1e7, "upper end of the published power"),
    CARRIED("price_low_usd", USD, 1, 1e12, "lower end of the published prices"),
    CARRIED("price_high_usd", USD, 1, 1e12, "upper end of the published prices"),
};

/* `chips` and `gbs` land in ranks and bytes_per_s as they are; slip_system_finish makes per-rank values of them. */
static const slip_field level_fields[] = {
    WHOLE(slip_level, "chips", ranks, PURE, 1, 1e7, "chips in one domain, of scale-up only"),
    NUMBER(slip_level, "gbs", bytes_per_s, GBS, 1e-2, 1e6, "bandwidth per chip (whole package) and direction"),
    NUMBER(slip_level, "latency_us", latency_s, MICROSECOND, 0, 1e6,
           "one small message between two ranks, software included"),
    FRACTION(slip_level, "fraction", fraction, "of the bandwidth that large collectives sustain"),
    NUMBER(slip_level, "exchange_us", exchange_s, MICROSECOND, 0, 1e6,
           "fixed time of one expert dispatch or combine; latency_us when absent"),
    NUMBER(slip_level, "copy_us", copy_s, MICROSECOND, 0, 1e3,
           "time of a rank for each copy of a token in low-latency dispatch or combine, whatever its size; 0 when "
           "absent"),
    FRACTION(slip_level, "exchange_fraction", exchange_fraction,
             "of the bandwidth that expert dispatch and combine sustain; fraction when absent"),
    FRACTION(slip_level, "bulk_fraction", bulk_fraction,
             "the same of the exchange kernels for training and prefill; exchange_fraction when absent"),
    FRACTION(slip_level, "reduce_fraction", reduce_fraction,
             "of the bandwidth at which the switch reduces an all-reduced vector; absent: it cannot"),
    {"topology", PURE, 0, 0, true, false, "switch mesh torus-2d torus-3d clos die-to-die",
     offsetof(slip_level, topology),
     "shape of one domain; in a mesh a subset reaches itself by its own links alone"},
    {"fabric", PURE, 0, 0, true, false, NULL, offsetof(slip_level, fabric), "NVLink 5, UB, InfiniBand NDR, ..."},
};

#define STACK(name, unit, low, high, meaning) \
  { #name, unit, low, high, false, false, NULL, offsetof(slip_stack, name), meaning }
#define HIDDEN(name, meaning) SHARE(slip_stack, #name, name, meaning)

static const slip_field stack_fields[] = {
    HIDDEN(overlap_dp, "share of gradient and parameter traffic hidden behind compute"),
    HIDDEN(overlap_tp, "share of tensor-parallel traffic hidden"),
    HIDDEN(overlap_ep, "share of expert all-to-all hidden"),
    HIDDEN(overlap_pp, "share of pipeline transfers hidden"),
    HIDDEN(overlap_cp, "share of context-parallel traffic hidden"),
    NUMBER(slip_stack, "host_layer_us", host_layer_s, MICROSECOND, 0, 1e6,
           "host time of one dense layer and micro-batch, forward"),
    NUMBER(slip_stack, "host_moe_layer_us", host_moe_layer_s, MICROSECOND, 0, 1e6,
           "the same of a mixture-of-experts layer"),
    NUMBER(slip_stack, "host_expert_us", host_expert_s, MICROSECOND, 0, 1e6,
           "host time of each routed expert of a rank and layer, whose products are launched one by one; 0 when "
           "absent"),
    STACK(step_overhead_s, SECOND, 0, 1e4, "per optimizer step"),
    STACK(jitter, PURE, 0, 10, "stragglers and clock: share added to the step"),
    STACK(elementwise_passes, PURE, 0, 100,
          "passes over the hidden state per layer that fusion leaves, relative to the operator list"),
    STACK(imbalance_train, PURE, 1, 1000, "hottest expert rank over the mean, training"),
    WHOLE(slip_stack, "zero_bubble", zero_bubble, PURE, 0, 1, "1: the stack has the zero-bubble schedule"),
    WHOLE(slip_stack, "dualpipe", dualpipe, PURE, 0, 1, "1: the stack has DualPipe"),
    WHOLE(slip_stack, "even_stages", even_stages, PURE, 0, 1,
          "1: layers that divide among the pipeline's chunks are dealt evenly; 0: the last is spared what the head "
          "weighs; 0 when absent"),
    WHOLE(slip_stack, "flash_attention", flash_attention, PURE, 0, 1,
          "1: attention scores never reach memory; 0: they do (stacks of 2022 and before)"),
    STACK(attention_rate, PURE, 0.01, 2,
          "rate of its attention kernels relative to the best of the chip's generation; 1 when absent"),
    STACK(gemm_rate, PURE, 0.01, 2,
          "rate of its dense GEMMs in training relative to the kernel profile; 1 when absent"),
    STACK(grouped_rate, PURE, 0.01, 2,
          "rate of its expert GEMMs in training relative to the kernel profile; 1 when absent"),
    STACK(scan_rate, PURE, 0.01, 2,
          "rate of its state-space scans in training relative to their products and states; 1 when absent"),
    STACK(loss_bytes, PURE, 2, 200,
          "bytes that the loss moves for each logit, forward and backward, beside the output matrix's products; 36 "
          "when absent"),
    WHOLE(slip_stack, "fused_experts", fused_experts, PURE, 0, 1,
          "1: an expert FFN is one kernel with its biases, activation and casts; 0 when absent"),
    WHOLE(slip_stack, "dispatch_once", dispatch_once, PURE, 0, 1,
          "1: its expert dispatcher sends a token once to each place; 0: a copy per expert by all-to-all; 1 when "
          "absent"),
    NUMBER(slip_stack, "host_step_us", host_step_s, MICROSECOND, 0, 1e7, "host time per engine step"),
    NUMBER(slip_stack, "host_serve_layer_us", host_serve_layer_s, MICROSECOND, 0, 1e6,
           "device-side gaps that a captured graph leaves in a layer of ten kernels"),
    NUMBER(slip_stack, "host_sequence_us", host_sequence_s, MICROSECOND, 0, 1e5,
           "host time per prompt of a step and token that it emits; 0 when absent"),
    NUMBER(slip_stack, "request_us", request_s, MICROSECOND, 0, 1e8,
           "of a request outside all steps, before its first token is out; 0 when absent"),
    NUMBER(slip_stack, "request_token_us", request_token_s, MICROSECOND, 0, 1e6,
           "the same for each token of its prompt; 0 when absent"),
    HIDDEN(two_batch_overlap, "share of expert traffic hidden behind the other half batch"),
    HIDDEN(exchange_cores,
           "share of the cores that kernels of hidden prefill traffic occupy meanwhile; 0 when absent"),
    STACK(imbalance_serve, PURE, 1, 1000, "hottest expert rank over the mean, serving"),
    STACK(
        routing_spread, PURE, 0, 10,
        "standard deviation over mean of how often a layer's experts are picked, serving; 0, evenly, when absent"),
    HIDDEN(prefill_interference, "share of a prefill's time by which decode steps of the same chips stretch"),
    WHOLE(slip_stack, "prefill_apart", prefill_apart, PURE, 0, 1,
          "1: prompts run in steps of their own; 0: beside what decodes; 0 when absent"),
    WHOLE(slip_stack, "serial_host", serial_host, PURE, 0, 1,
          "1: host and device take turns; 0: the host works ahead; 0 when absent"),
    WHOLE(slip_stack, "decode_graphs", decode_graphs, PURE, 0, 1,
          "1: a decode step is one captured graph; 0: launched kernel by kernel; 1 when absent"),
    WHOLE(slip_stack, "whole_windows", whole_windows, PURE, 0, 1,
          "1: layers with a window keep the whole context in the cache; 0 when absent"),
    FRACTION(slip_stack, "kv_memory_share", kv_memory_share,
             "of the memory left after weights that the KV cache may use"),
    HIDDEN(reserve_output,
           "share of its output that a request must find room for in the cache before it runs; 1 when absent"),
    HIDDEN(draft_acceptance, "accepted draft tokens per drafted token (MTP)"),
    WHOLE(slip_stack, "max_sequences", max_sequences, PURE, 1, 1e7, "running sequences per replica"),
    NUMBER(slip_stack, "dispatch_us", dispatch_s, MICROSECOND, 0, 1e6,
           "fixed time of one expert dispatch or combine beyond the fabric's latency"),
    NUMBER(slip_stack, "reduce_us", reduce_s, MICROSECOND, 0, 1e6,
           "fixed time of an all-reduce by the library for each other rank; when absent the engine has kernels of "
           "its own"),
    FRACTION(slip_stack, "memory_share", memory_share, "of a chip's memory that a job may fill"),
    STACK(spread_ttft, PURE, 0, 5, "the same of the time to first token; spread_serve when absent"),
    STACK(spread_ttft_split, PURE, 0, 5,
          "the same of it where prefill has chips of its own; spread_ttft when absent"),
    STACK(pace_train, PURE, 0.1, 10,
          "time of a chip's own operators in training relative to the model's; 1 when absent"),
    STACK(pace_serve, PURE, 0.1, 10, "the same in serving; 1 when absent"),
    STACK(pace_experts, PURE, 0.1, 10,
          "the same of the experts' products and their router in serving, beyond pace_serve; 1 when absent"),
    STACK(spread_train, PURE, 0, 5, "half-width of the 80% interval of ln(predicted/measured), training"),
    STACK(spread_train_moe, PURE, 0, 5, "the same for mixtures of experts; spread_train when absent"),
    STACK(spread_serve, PURE, 0, 5,
          "half-width of the 80% interval of ln(predicted/measured) of the time per output token"),
    STACK(spread_rate, PURE, 0, 5, "the same of a fleet's tokens/s; spread_serve when absent"),
    STACK(spread_offline, PURE, 0, 5,
          "the same of a fixed number of requests that are all there at once; spread_serve when absent"),
};

static const slip_field model_fields[] = {
    NUMBER(slip_model, "train_tokens", train_tokens, TOKENS, 1, 1e18, "published training budget"),
};

static const slip_field region_fields[] = {
    NUMBER(slip_region, "usd_per_kwh", power_usd_per_j, USD_PER_KWH, 0, 100, "price of electricity"),
    NUMBER(slip_region, "pue", pue, PURE, 1, 10, "facility power over IT power"),
};

static const struct {
  const char *name, *folder;
  const slip_field *fields;
  size_t n_fields;
} kinds[SLIP_KINDS] = {
    [SLIP_KIND_CHIP] = {"chip", "chips", chip_fields, COUNT_OF(chip_fields)},
    [SLIP_KIND_KERNELS] = {"kernels", "kernels", kernels_fields, COUNT_OF(kernels_fields)},
    [SLIP_KIND_SYSTEM] = {"system", "systems", system_fields, COUNT_OF(system_fields)},
    [SLIP_KIND_STACK] = {"stack", "stacks", stack_fields, COUNT_OF(stack_fields)},
    [SLIP_KIND_MODEL] = {"model", "models", model_fields, COUNT_OF(model_fields)},
    [SLIP_KIND_REGION] = {"region", "regions", region_fields, COUNT_OF(region_fields)},
};

static const char *const confidences[SLIP_CONFIDENCES] = {
    [SLIP_HIGH] = "high",       [SLIP_MEDIUM] = "medium",   [SLIP_LOW] = "low",
    [SLIP_DERIVED] = "derived", [SLIP_ASSUMED] = "assumed",
};

const char *const slip_level_names[3] = {"in-package", "scale-up", "scale-out"};

static bool is_kind(slip_kind kind) {
  return (int)kind >= 0 && kind < SLIP_KINDS;
}

const char *slip_kind_name(slip_kind kind) {
  return is_kind(kind) ? kinds[kind].name : "";
}

const char *slip_kind_folder(slip_kind kind) {
  return is_kind(kind) ? kinds[kind].folder : "";
}

const char *slip_confidence_name(slip_confidence confidence) {
  return (int)confidence >= 0 && confidence < SLIP_CONFIDENCES ? confidences[confidence] : "unknown";
}

const slip_field *slip_kind_fields(slip_kind kind, size_t *count) {
  *count = is_kind(kind) ? kinds[kind].n_fields : 0;
  return is_kind(kind) ? kinds[kind].fields : NULL;
}

const slip_field *slip_level_fields(size_t *count) {
  *count = COUNT_OF(level_fields);
  return level_fields;
}

void slip_fields_clear(const slip_field *fields, size_t count, void *object) {
  static const char *const empty = "";
  for (size_t i = 0; i < count; i++) {
    if (fields[i].offset < 0)
      continue;
    char *member = (char *)object + fields[i].offset;
    if (fields[i].is_text)
      memcpy(member, &empty, sizeof empty);
    else
      memcpy(member, &(double){NAN}, sizeof(double));
  }
}
