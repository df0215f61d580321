/* Names as sources write them. Where the shared tables are there, every name in them is tried as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "calibrate/case.h"

static slip_catalog *catalog;

static int open_catalog(void **state) {
  return slip_catalog_open(NULL, 0, &catalog, NULL) == SLIP_OK ? 0 : -1;
}

static int close_catalog(void **state) {
  slip_catalog_free(catalog);
  return 0;
}

typedef struct pair {
  const char *text, *name; /* name NULL: must not be resolved */
} pair;

/* The 910B3 is in no system of the catalog and its kernel profile is ascend-910b's; the H200 is in one. What has neither stays what it is. */
static void grades_are_estimated_as_the_chip_of_their_profile(void **state) {
  static const pair cases[] = {
      {"910B3", "ascend-910b"}, {"H200", "h200"}, {"H20 141GB", "h20-141gb"}, {"Rubin", "rubin"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    bool per_die;
    const slip_chip *chip = slip_resolve_chip(catalog, cases[i].text, &per_die);
    assert_non_null(chip);
    assert_string_equal(slip_resolve_estimable(catalog, chip)->entry.name, cases[i].name);
  }
}

static void chips_are_known_however_they_are_written(void **state) {
  static const pair cases[] = {
      {"H100-SXM-80GB", "h100"},
      {"NVIDIA H100 SXM5 80 GB", "h100"},
      {"H200 SXM 141GB", "h200"},
      {"GB200 (per GPU)", "gb200"},
      {"GB300 NVL72", "gb300"},
      {"MI300X 192GB", "mi300x"},
      {"AMD Instinct MI355X OAM 288GB", "mi355x"},
      {"TPU v7x (Ironwood)", "tpu-v7"},
      {"Ascend 910B (Atlas 900 A2 PODc)", "ascend-910b"},
      {"Huawei Ascend 910B3", "ascend-910b3"},
      {"H20 96GB", "h20"},
      {"H20 141GB", "h20-141gb"}, /* the memory tells variants apart */
      {"A100-SXM-40GB", "a100-40gb"},
      {"A100 SXM 80GB", "a100-80gb"},
      {"H100 NVL 94GB", "h100-nvl"}, /* another board, whatever its die */
      {"H100 PCIe 80GB", "h100-pcie"},
      {"H100 SXM 40GB", NULL}, /* there is no such H100 */
      {"Biren BR166 64GB", NULL},
      {"", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    bool per_die = true;
    const slip_chip *chip = slip_resolve_chip(catalog, cases[i].text, &per_die);
    if ((chip != NULL) != (cases[i].name != NULL))
      fail_msg("%s -> %s", cases[i].text, chip ? chip->entry.name : "nothing");
    if (chip)
      assert_string_equal(chip->entry.name, cases[i].name);
    assert_false(per_die);
  }
}

/* Ascend 910C: two dies in a package, and sources count one or the other. */
static void die_or_package_is_read(void **state) {
  bool per_die = false;
  assert_string_equal(slip_resolve_chip(catalog, "Ascend 910C die", &per_die)->entry.name, "ascend-910c");
  assert_true(per_die);
  assert_non_null(slip_resolve_chip(catalog, "Ascend 910C (package, 2 dies)", &per_die));
  assert_false(per_die);
  assert_non_null(slip_resolve_chip(
      catalog, "Ascend 910C (Atlas 900 A3 SuperPoD; 16 dies/NPUs per node as counted)", &per_die));
  assert_true(per_die);
  assert_null(slip_resolve_chip(catalog, "Ascend 910C (die or package unclear)", &per_die));
  assert_true(slip_resolve_chip_is_unclear("Ascend 910C (die or package unclear)"));
  assert_false(slip_resolve_chip_is_unclear("Ascend 910C die"));
}

static void models_are_known_however_they_are_written(void **state) {
  static const pair cases[] = {
      {"meta-llama/Llama-3.1-70B-Instruct", "llama-3.1-70b"},
      {"LLAMA3.1_405B", "llama-3.1-405b"},
      {"llama3.1-70b-fp8_dyn", "llama-3.1-70b"},
      {"deepseek-ai/DeepSeek-R1-0528-NVFP4", "deepseek-v3"},
      {"DeepSeek-V3 671B", "deepseek-v3"},
      {"DeepSeek-V3/R1 671B", "deepseek-v3"},
      {"Qwen3_235B_a22B", "qwen3-235b-a22b"},
      {"Qwen/Qwen3-235B-A22B-Instruct-2507-FP8", "qwen3-235b-a22b"},
      {"nvidia/Qwen3-32B-NVFP4", "qwen3-32b"},
      {"llama2-70b (99% target)", "llama-2-70b"},
      {"GPT OSS 120B", "gpt-oss-120b"},
      {"mistralai/Mixtral-8x7B-Instruct-v0.1", "mixtral-8x7b"},
      {"DeepSeek-V3 236B", NULL},     /* a parameter count that is not this model's */
      {"llama3.1-405b_pruned", NULL}, /* another shape */
      {"Mixtral-8x22B-G8T8", NULL},   /* finer experts */
      {"Llama-3.1-7", NULL},
      {"", NULL},
      {"/", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const slip_model *model = slip_resolve_model(catalog, cases[i].text);
    if ((model != NULL) != (cases[i].name != NULL))
      fail_msg("%s -> %s", cases[i].text, model ? model->entry.name : "nothing");
    if (model)
      assert_string_equal(model->entry.name, cases[i].name);
  }
}

static const slip_chip *chip_named(const char *name) {
  const slip_chip *chip = NULL;
  assert_int_equal(slip_catalog_chip(catalog, name, &chip, NULL), SLIP_OK);
  return chip;
}

static void a_framework_names_its_stack(void **state) {
  const slip_stack *stack =
      slip_resolve_stack(catalog, chip_named("gb200"), "Megatron-Bridge/Megatron-Core", 2026.9, true, false);
  assert_string_equal(stack->framework, "Megatron-Bridge"); /* what is named first */
  stack = slip_resolve_stack(catalog, chip_named("ascend-910c"), "CloudMatrix-Infer", 2025, false, false);
  assert_string_equal(stack->framework, "CloudMatrix-Infer");
  stack = slip_resolve_stack(catalog, chip_named("ascend-910b"), "ModelLink/MindSpeed-LLM (Megatron on torch_npu)",
                             2026.5, true, false);
  assert_string_equal(stack->framework, "MindSpeed-LLM"); /* its old name is not known, its new one is */
  stack = slip_resolve_stack(catalog, chip_named("h100"), "a framework of tomorrow", 2030, true, false);
  assert_true(stack->is_prior && stack->trains);
  stack = slip_resolve_stack(catalog, chip_named("h100"), "", NAN, false, false);
  assert_true(stack->is_prior && stack->serves);
}

/* Of one framework: the newest that was out, else the oldest. A year without a month is any day of it: 2025 counts as its end. */
static void a_year_chooses_the_release(void **state) {
  static const double years[] = {2019, 2021.5, 2023, 2024.25, 2025.5, 2025, 2026.25, 2026.5, 2026, 2031};
  const slip_chip *h100 = chip_named("h100");
  const char *last = "";
  for (size_t i = 0; i < sizeof years / sizeof *years; i++) {
    const slip_stack *stack = slip_resolve_stack(catalog, h100, "Megatron-Bridge", years[i], true, false);
    assert_string_equal(stack->framework, "Megatron-Bridge");
    assert_true(strcmp(stack->date, last) >= 0); /* later rows never get older software */
    last = stack->date;
  }
}

/* The capacity tells parts of one name apart, also in brackets; without one it is the plain part. */
static void a_capacity_tells_parts_of_one_name_apart(void **state) {
  static const struct {
    const char *text, *chip;
  } cases[] = {{"H100", "h100"},
               {"NVIDIA H100 SXM5", "h100"},
               {"H100-SXM-80GB", "h100"},
               {"H100 (per GPU)", "h100"},
               {"H100 SXM (96GB HBM2e 2.4 TB/s, 500 W limit)", "h100-96gb"},
               {"H100 96GB HBM2e", "h100-96gb"},
               {"H100 SXM (80GB)", "h100"},
               {"H200 SXM 141GB", "h200"},
               {"A100 (40GB)", "a100-40gb"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    bool per_die;
    const slip_chip *chip = slip_resolve_chip(catalog, cases[i].text, &per_die);
    assert_non_null(chip);
    assert_string_equal(chip->entry.name, cases[i].chip);
  }
}

/* A stack for a range of releases stands for what names one of them, on either vendor's chips, and for its kind of model only; it is never
 * taken without being named. */
static void a_named_release_goes_before_the_year(void **state) {
  static const struct {
    const char *framework;
    bool experts;
    const char *on_h200, *on_mi300x;
  } cases[] = {{"vLLM 0.7.4.dev181+gf35f8e22", true, "vllm-2025-moe", "vllm-2025-moe"},
               {"vLLM 0.6", true, "vllm-2025-moe", "vllm-2025-moe"},
               {"vLLM v0.7.4", false, "vllm-2025", "vllm-rocm-2025"},
               {"vLLM 0.10.7", true, "vllm-2025", "vllm-rocm-2025"},
               {"vLLM 0.8.1", true, "vllm-2025", "vllm-rocm-2025"},
               {"vLLM 0.5.9", true, "vllm-2025", "vllm-rocm-2025"},
               {"vLLM", true, "vllm-2025", "vllm-rocm-2025"},
               {"SGLang 0.4.3.post2", true, "sglang-2025-moe", "sglang-2025-moe"},
               {"SGLang 0.4.30", true, "sglang-2026", "sglang-rocm-2026"},
               {"SGLang 0.4.6.post1", true, "sglang-2026", "sglang-rocm-2026"},
               {"SGLang 0", true, "sglang-2026", "sglang-rocm-2026"},
               {"SGLang 99999999999999999999999999999.4", true, "sglang-2026", "sglang-rocm-2026"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int amd = 0; amd < 2; amd++)
      assert_string_equal(slip_resolve_stack(catalog, chip_named(amd ? "mi300x" : "h200"), cases[i].framework,
                                             2026.5, false, cases[i].experts)
                              ->entry.name,
                          amd ? cases[i].on_mi300x : cases[i].on_h200);
  const slip_stack *newest = slip_catalog_newest_stack(catalog, chip_named("mi300x"), false);
  assert_string_equal(newest->only_releases, "");
}

/* Less is sure of a stack of which nothing is known: three quarters of the others have narrower intervals, or more. */
static void what_is_not_known_has_a_wide_interval(void **state) {
  const slip_stack *serve = slip_resolve_stack(catalog, chip_named("h100"), "", NAN, false, false);
  const slip_stack *train = slip_resolve_stack(catalog, chip_named("h100"), "", NAN, true, false);
  int servers = 0, narrower_servers = 0, trainers = 0, narrower_trainers = 0;
  for (size_t i = 0; i < slip_catalog_count(catalog, SLIP_KIND_STACK); i++) {
    const slip_stack *stack = (const slip_stack *)(const void *)slip_catalog_entry(catalog, SLIP_KIND_STACK, i);
    if (stack->is_prior)
      continue;
    servers += stack->serves;
    narrower_servers += stack->serves && stack->spread_rate < serve->spread_rate &&
                        stack->spread_serve < serve->spread_serve && stack->spread_offline < serve->spread_offline;
    trainers += stack->trains;
    narrower_trainers += stack->trains && stack->spread_train < train->spread_train &&
                         stack->spread_train_moe < train->spread_train_moe;
  }
  assert_true(servers > 8 && 4 * narrower_servers >= 3 * servers);
  assert_true(trainers > 20 && 4 * narrower_trainers >= 3 * trainers);
}

/* NeMo AutoModel is PyTorch's FSDP2 and no stack of the catalog; NVIDIA NIM serves TensorRT-LLM engines. */
static void a_name_within_a_name_does_not_mislead(void **state) {
  const slip_chip *h100 = chip_named("h100");
  assert_true(slip_resolve_stack(catalog, h100, "NeMo AutoModel (PyTorch FSDP2)", 2026, true, false)->is_prior);
  assert_string_equal(slip_resolve_stack(catalog, h100, "NeMo 25.04", 2025.5, true, false)->framework, "NeMo");
  assert_string_equal(slip_resolve_stack(catalog, h100, "NVIDIA NIM 1.8.0", 2025, false, false)->framework,
                      "TensorRT-LLM");
}

static void a_chip_has_its_system(void **state) {
  assert_string_equal(slip_resolve_system(catalog, chip_named("gb200"), 72)->entry.name, "gb200-nvl72");
  assert_string_equal(slip_resolve_system(catalog, chip_named("h200"), 0)->entry.name, "hgx-h200");
  assert_string_equal(slip_resolve_system(catalog, chip_named("kunlun-p800"), 256)->entry.name,
                      "kunlun-tianchi-256");
  assert_string_equal(slip_resolve_system(catalog, chip_named("kunlun-p800"), 8)->entry.name, "kunlun-p800-8");
}

static void releases_of_one_table_are_one_family(void **state) {
  static const pair cases[] = {
      {"NVIDIA Megatron-Bridge performance summary (26.06)", "NVIDIA Megatron-Bridge performance summary"},
      {"NVIDIA Megatron-Bridge performance summary (25.09)", "NVIDIA Megatron-Bridge performance summary"},
      {"MLPerf Training v4.1 gpt3 closed result, Google", "MLPerf Training"},
      {"MLPerf Training v5.0 llama2_70b_lora closed result, Dell", "MLPerf Training"},
      {"ModelLink/MindSpeed-LLM 1.0.RC3 README performance table", "MindSpeed-LLM"},
      {"MoE Parallel Folding (arXiv:2504.14960) table 2", "MoE Parallel Folding"},
      {"NVIDIA TensorRT-LLM perf-overview v0.14", "NVIDIA TensorRT-LLM perf-overview"},
      {"NVIDIA NeMo 24.07 performance benchmarks (fine-tuning, FP8)", "NVIDIA NeMo performance benchmarks"},
      {"DeepGEMM README", "DeepGEMM README"},
      {"(2024)", "(2024)"}, /* nothing left: the text itself */
      {"", ""},
  };
  slip_arena *arena = slip_arena_open();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_string_equal(slip_source_family(arena, cases[i].text), cases[i].name);
  slip_arena_free(arena);
}

/* Chips that published tables name and the catalog does not have, each for want of a published specification sheet here or of a kernel
 * profile: they are listed as unknown, and nothing else is. */
static const char *const unknown_chips[] = {"Jetson AGX Orin 64GB"};

static bool is_listed(const char *text) {
  for (size_t i = 0; i < sizeof unknown_chips / sizeof *unknown_chips; i++)
    if (strcmp(text, unknown_chips[i]) == 0)
      return true;
  return false;
}

static void every_chip_of_the_shared_tables_is_known_or_listed(void **state) {
  static const char *const files[] = {"training", "inference", "kernels"};
  const char *shared = getenv("SLIP_SHARED");
  if (!shared)
    skip();
  slip_arena *arena = slip_arena_open();
  for (size_t f = 0; f < 3; f++) {
    char path[1024], *bytes = NULL;
    size_t n = 0;
    slip_csv table;
    (void)snprintf(path, sizeof path, "%s/reference/measured/%s.csv", shared, files[f]);
    assert_int_equal(slip_read_file(path, 1 << 24, &bytes, &n, NULL), SLIP_OK);
    assert_int_equal(slip_csv_parse(arena, path, bytes, n, &table, NULL), SLIP_OK);
    free(bytes);
    assert_true(table.n_rows > 700);
    for (size_t i = 0; i < table.n_rows; i++) {
      const slip_row row = {&table, i};
      bool per_die;
      const char *text = slip_row_text(&row, "chip");
      assert_false(table.bad[i]);
      if (!slip_resolve_chip(catalog, text, &per_die) && !slip_resolve_chip_is_unclear(text) && !is_listed(text))
        fail_msg("%s:%d: %s", path, table.lines[i], text);
    }
  }
  slip_arena_free(arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(chips_are_known_however_they_are_written),
      cmocka_unit_test(grades_are_estimated_as_the_chip_of_their_profile),
      cmocka_unit_test(die_or_package_is_read),
      cmocka_unit_test(models_are_known_however_they_are_written),
      cmocka_unit_test(a_framework_names_its_stack),
      cmocka_unit_test(a_year_chooses_the_release),
      cmocka_unit_test(a_capacity_tells_parts_of_one_name_apart),
      cmocka_unit_test(a_named_release_goes_before_the_year),
      cmocka_unit_test(what_is_not_known_has_a_wide_interval),
      cmocka_unit_test(a_name_within_a_name_does_not_mislead),
      cmocka_unit_test(a_chip_has_its_system),
      cmocka_unit_test(releases_of_one_table_are_one_family),
      cmocka_unit_test(every_chip_of_the_shared_tables_is_known_or_listed),
  };
  return cmocka_run_group_tests(tests, open_catalog, close_catalog);
}
