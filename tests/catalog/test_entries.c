/* Entries of each kind: heads, chips, levels of systems, stacks, regions, models. */
#include <math.h>

#include "catalog/fixture.h"
#include <slipstick/model.h>

#define IN_PACKAGE "- {name: in-package, facts: {" LEVEL_FACT("gbs", "540") "}}\n"
#define SCALE_UP                                                                                        \
  "- {name: scale-up, facts: {" LEVEL_FACT("chips", "8") ", " LEVEL_FACT("gbs", "400") ", " LEVEL_FACT( \
      "latency_us",                                                                                     \
      "2") ", " LEVEL_FACT("fraction", "0.8") ", " LEVEL_FACT("topology",                               \
                                                              "switch") ", " LEVEL_FACT("fabric", "Wire 4") "}}\n"
#define SCALE_OUT "- {name: scale-out, facts: {" LEVEL_FACT("gbs", "50") "}}\n"
enum { LEVELS_LINE = 10 }; /* the first level of SYSTEM_TEXT */

static const slip_system *system_of(slip_catalog **catalog, const char *text) {
  const slip_system *system = NULL;
  *catalog = small_catalog();
  must_add(*catalog, SLIP_KIND_SYSTEM, text);
  must_finish(*catalog);
  assert_int_equal(slip_catalog_system(*catalog, "s1", &system, NULL), SLIP_OK);
  return system;
}

static void refuses_system(const char *text, int line, const char *field, const char *part) {
  slip_catalog *catalog = small_catalog();
  slip_error err = {0};
  slip_status status = add_text(catalog, SLIP_KIND_SYSTEM, text, &err);
  if (status == SLIP_OK)
    status = slip_catalog_finish(catalog, &err);
  assert_int_equal(status, SLIP_BAD_INPUT);
  assert_string_equal(err.file, "mem.yaml");
  assert_string_equal(err.field, field);
  assert_non_null(strstr(err.message, part));
  assert_int_equal(err.line, line);
  slip_catalog_free(catalog);
}

/* ---- heads ---- */

static void the_head_says_what_the_entry_is(void **state) {
  slip_catalog *catalog = small_catalog();
  const slip_entry *entry = slip_catalog_find(catalog, "c1");
  assert_int_equal(entry->kind, SLIP_KIND_CHIP);
  assert_string_equal(entry->title, "Plain chip");
  assert_string_equal(entry->vendor, "Acme");
  assert_string_equal(entry->status, "shipping");
  assert_string_equal(entry->summary, "");
  assert_string_equal(entry->file, "mem.yaml");
  assert_int_equal(entry->n_aliases, 2);
  assert_string_equal(entry->aliases[1], "old one");
  slip_catalog_free(catalog);
}

static void wrong_heads_are_refused(void **state) {
  refuses(SLIP_KIND_CHIP, "", 1, "kind", "needs");
  refuses(SLIP_KIND_CHIP, "kind: region\nname: c\ntitle: C\nvendor: V\nstatus: shipping\nkernels: k\n", 1, "kind",
          "chips/");
  refuses(SLIP_KIND_REGION, "kind: region\nname: Bad Name\ntitle: C\n", 2, "name", "lower-case");
  refuses(SLIP_KIND_REGION, "kind: region\nname: ../x\ntitle: C\n", 2, "name", "lower-case");
  refuses(SLIP_KIND_REGION, "kind: region\nname: r\ntitel: C\n", 3, "titel", "\"title\"");
  refuses(SLIP_KIND_REGION, "kind: region\nname: r\ntitle: C\nstatus: shipping\n", 4, "status", "region");
  refuses(SLIP_KIND_REGION, "kind: region\nname: r\ntitle: C\naliases: r2\n", 4, "aliases", "list");
  refuses(SLIP_KIND_REGION, "kind: region\nname: r\ntitle: C\naliases: [[r2]]\n", 4, "aliases", "text");
  refuses(SLIP_KIND_REGION, "[1, 2]\n", 1, "", "map");
  refuses(SLIP_KIND_CHIP, "kind: chip\nname: c\ntitle: C\nvendor: V\nstatus: sold\nkernels: k\n", 5, "status",
          "shipping, announced, rumoured, end of life");
}

static void the_name_is_that_of_the_file(void **state) {
  slip_catalog *catalog = empty_catalog();
  slip_error err = {0};
  const char *text = "kind: region\nname: here\ntitle: R\n";
  assert_int_equal(slip_catalog_add(catalog, SLIP_KIND_REGION, "f", "there", text, strlen(text), &err),
                   SLIP_BAD_INPUT);
  assert_string_equal(err.field, "name");
  assert_int_equal(err.line, 2);
  assert_int_equal(slip_catalog_add(catalog, SLIP_KIND_REGION, "f", "here", text, strlen(text), &err), SLIP_OK);
  slip_catalog_free(catalog);
}

/* ---- chips ---- */

static void a_package_is_one_rank_unless_its_file_says_more(void **state) {
  slip_catalog *catalog = small_catalog();
  const slip_chip *plain = NULL, *twin = NULL;
  must_finish(catalog);
  assert_int_equal(slip_catalog_chip(catalog, "c1", &plain, NULL), SLIP_OK);
  assert_int_equal(slip_catalog_chip(catalog, "c2", &twin, NULL), SLIP_OK);
  assert_true(plain->ranks == 1);
  assert_null(slip_entry_fact(&plain->entry, "ranks"));
  assert_true(twin->ranks == 2);
  assert_ptr_equal(plain->kernels, twin->kernels);
  slip_catalog_free(catalog);
}

/* ---- systems ---- */

/* 8 packages of 2 ranks: a domain has 16 ranks, and each rank gets half of its package's bandwidth. */
static void levels_count_ranks(void **state) {
  slip_catalog *catalog = NULL;
  const slip_system *system = system_of(&catalog, SYSTEM_TEXT("c2", IN_PACKAGE SCALE_UP SCALE_OUT));
  assert_true(system->chips == 8);
  assert_int_equal(system->n_levels, 3);
  const slip_level *inner = &system->levels[0], *up = &system->levels[1], *out = &system->levels[2];
  assert_string_equal(inner->name, "in-package");
  assert_true(inner->ranks == 2);
  assert_true(inner->bytes_per_s == 270e9);
  assert_true(isnan(inner->latency_s));
  assert_string_equal(inner->topology, "");
  assert_string_equal(up->name, "scale-up");
  assert_true(up->ranks == 16);
  assert_true(up->bytes_per_s == 200e9);
  assert_true(up->latency_s == 2e-6);
  assert_true(up->fraction == 0.8);
  assert_string_equal(up->topology, "switch");
  assert_string_equal(up->fabric, "Wire 4");
  assert_string_equal(out->name, "scale-out");
  assert_true(isinf(out->ranks));
  assert_true(out->bytes_per_s == 25e9);
  slip_catalog_free(catalog);
}

static void level_facts_belong_to_the_entry_in_the_files_units(void **state) {
  slip_catalog *catalog = NULL;
  const slip_system *system = system_of(&catalog, SYSTEM_TEXT("c2", SCALE_UP SCALE_OUT));
  const slip_fact *fact = slip_entry_fact(&system->entry, "scale-up.gbs");
  assert_true(fact->shown == 400 && fact->value == 400e9); /* per chip, as written */
  assert_string_equal(fact->unit, "GB/s");
  assert_string_equal(slip_entry_fact(&system->entry, "scale-up.fabric")->text, "Wire 4");
  assert_int_equal(system->entry.n_facts, 1 + 6 + 1);
  slip_catalog_free(catalog);
}

static void beyond_bounded_levels_lies_one_of_which_nothing_is_known(void **state) {
  slip_catalog *catalog = NULL;
  const slip_system *system = system_of(&catalog, SYSTEM_TEXT("c1", SCALE_UP));
  assert_int_equal(system->n_levels, 2);
  assert_true(system->levels[0].ranks == 8);
  assert_string_equal(system->levels[1].name, "scale-out");
  assert_true(isinf(system->levels[1].ranks));
  assert_true(isnan(system->levels[1].bytes_per_s));
  assert_null(slip_entry_fact(&system->entry, "scale-out.gbs"));
  slip_catalog_free(catalog);
}

static void an_exchange_is_as_fast_as_other_traffic_unless_its_file_says_more(void **state) {
  slip_catalog *catalog = NULL;
  const slip_system *system =
      system_of(&catalog, SYSTEM_TEXT("c1", SCALE_UP
                                      "- {name: scale-out, facts: {" LEVEL_FACT("latency_us", "5") ", " LEVEL_FACT(
                                          "exchange_us", "9") ", " LEVEL_FACT("exchange_fraction", "0.5") "}}\n"));
  assert_true(system->levels[0].exchange_s == 2e-6);
  assert_true(system->levels[0].exchange_fraction == 0.8);
  assert_null(slip_entry_fact(&system->entry, "scale-up.exchange_us"));
  assert_true(system->levels[1].exchange_s == 9e-6);
  assert_true(system->levels[1].exchange_fraction == 0.5);
  slip_catalog_free(catalog);
}

static void a_system_may_have_no_levels_yet(void **state) {
  slip_catalog *catalog = NULL;
  const slip_system *system = system_of(&catalog, SYSTEM_TEXT("c1", ""));
  assert_int_equal(system->n_levels, 0);
  slip_catalog_free(catalog);
}

static void wrong_levels_are_refused(void **state) {
  refuses_system(SYSTEM_TEXT("c1", SCALE_OUT SCALE_UP), LEVELS_LINE + 1, "name", "innermost first");
  refuses_system(SYSTEM_TEXT("c1", SCALE_UP SCALE_UP), LEVELS_LINE + 1, "name", "innermost first");
  refuses_system(SYSTEM_TEXT("c1", "- {name: sideways}\n"), LEVELS_LINE, "name", "in-package, scale-up, scale-out");
  refuses_system(SYSTEM_TEXT("c1", "- {name: scale-up, facts: {" LEVEL_FACT("gps", "1") "}}\n"), LEVELS_LINE, "gps",
                 "\"gbs\"");
  refuses_system(SYSTEM_TEXT("c1", "- {name: scale-up, facts: {" LEVEL_FACT("gbs", "0") "}}\n"), LEVELS_LINE,
                 "scale-up.gbs.value", "");
  refuses_system(SYSTEM_TEXT("c1", "- {name: scale-up, facts: {" LEVEL_FACT("topology", "web") "}}\n"), LEVELS_LINE,
                 "scale-up.topology.value", "torus-3d");
  refuses_system(SYSTEM_TEXT("c1", IN_PACKAGE SCALE_OUT), 0, "in-package.chips", "one rank");
  refuses_system(SYSTEM_TEXT("c2", "- {name: in-package, facts: {" LEVEL_FACT("chips", "2") "}}\n"), LEVELS_LINE,
                 "in-package.chips", "leave");
  refuses_system(SYSTEM_TEXT("c1", "- {name: scale-up}\n" SCALE_OUT), 0, "scale-up.chips", "unlimited");
  refuses_system(SYSTEM_TEXT("c1", "- {name: scale-up}\n"), 0, "scale-up.chips", "unlimited");
  refuses_system(SYSTEM_TEXT("c1", "- {name: scale-out, facts: {" LEVEL_FACT("chips", "64") "}}\n"), LEVELS_LINE,
                 "scale-out.chips", "unlimited");
  /* one package of two ranks is no larger than the package */
  refuses_system(SYSTEM_TEXT("c2", IN_PACKAGE "- {name: scale-up, facts: {" LEVEL_FACT("chips", "1") "}}\n"),
                 LEVELS_LINE + 1, "scale-up.chips", "grow");
  refuses_system(SYSTEM_TEXT("c1", "- 7\n"), LEVELS_LINE, "", "map");
}

/* ---- stacks and regions ---- */

static void a_stack_trains_or_serves_and_has_a_date(void **state) {
  refuses(SLIP_KIND_STACK, STACK_TEXT("a", "for_vendor: Acme\ndate: 2026-02"), 1, "trains", "neither");
  refuses(SLIP_KIND_STACK, STACK_TEXT("a", "for_vendor: Acme\ntrains: true"), 1, "date", "YYYY-MM");
  refuses(SLIP_KIND_STACK, STACK_TEXT("a", "for_vendor: Acme\ntrains: true\ndate: Feb 2026"), 1, "date", "YYYY-MM");
  refuses(SLIP_KIND_STACK, STACK_TEXT("a", "for_vendor: Acme\ntrains: 1\ndate: 2026-02"), 6, "trains", "");
  slip_catalog *catalog = empty_catalog();
  must_add(catalog, SLIP_KIND_STACK, STACK_TEXT("a", "for_vendor: any\nserves: true\nis_prior: true"));
  const slip_stack *stack = NULL;
  assert_int_equal(slip_catalog_stack(catalog, "a", &stack, NULL), SLIP_OK);
  assert_true(stack->serves && stack->is_prior && !stack->trains);
  assert_string_equal(stack->for_vendor, "any");
  assert_string_equal(stack->framework, "frame");
  assert_string_equal(stack->date, "");
  assert_true(stack->overlap_dp == 0.5);
  assert_true(isnan(stack->dispatch_s));
  slip_catalog_free(catalog);
}

static void power_is_priced_per_joule(void **state) {
  slip_catalog *catalog = empty_catalog();
  const slip_region *region = NULL;
  must_add(catalog, SLIP_KIND_REGION,
           "kind: region\nname: r\ntitle: R\nfacts:\n" FACT("usd_per_kwh", "0.072") FACT("pue", "1.2"));
  assert_int_equal(slip_catalog_region(catalog, "r", &region, NULL), SLIP_OK);
  assert_true(fabs(region->power_usd_per_j - 0.02e-6) < 1e-20); /* 0.072 USD over 3.6e6 J */
  assert_true(region->pue == 1.2);
  slip_catalog_free(catalog);
}

/* ---- models ---- */

#define LLAMA_CONFIG                                                                                       \
  "config:\n  architectures: [LlamaForCausalLM]\n  model_type: llama\n  hidden_size: 64\n"                 \
  "  intermediate_size: 128\n  num_attention_heads: 4\n  num_key_value_heads: 2\n  num_hidden_layers: 3\n" \
  "  vocab_size: 1000\n  hidden_act: silu\n  tie_word_embeddings: false\n  max_position_embeddings: 512\n" \
  "  rms_norm_eps: 1e-5\n  torch_dtype: bfloat16\n"

static void a_model_keeps_head_tokens_and_the_origin_of_its_configuration(void **state) {
  slip_catalog *catalog = empty_catalog();
  const slip_model *model = NULL;
  must_add(catalog, SLIP_KIND_MODEL,
           "kind: model\nname: m\ntitle: Tiny\nfacts:\n" FACT("train_tokens", "15e12") LLAMA_CONFIG
           "config_source: {source: A hub, url: \"https://example.org\", confidence: high}\n");
  assert_int_equal(slip_catalog_model(catalog, "M", &model, NULL), SLIP_OK);
  assert_string_equal(model->entry.name, "m");
  assert_true(model->train_tokens == 15e12);
  assert_int_equal(model->entry.n_facts, 2);
  const slip_fact *fact = slip_entry_fact(&model->entry, "config");
  assert_string_equal(fact->source, "A hub");
  assert_string_equal(fact->text, model->family);
  slip_catalog_free(catalog);
}

static void a_model_without_a_known_budget_has_nan_tokens(void **state) {
  slip_catalog *catalog = empty_catalog();
  const slip_model *model = NULL;
  must_add(catalog, SLIP_KIND_MODEL,
           "kind: model\nname: m\ntitle: Tiny\n" LLAMA_CONFIG "config_source: {source: A hub, confidence: low}\n");
  assert_int_equal(slip_catalog_model(catalog, "m", &model, NULL), SLIP_OK);
  assert_true(isnan(model->train_tokens));
  slip_catalog_free(catalog);
}

static void a_model_names_the_source_of_its_configuration(void **state) {
  refuses(SLIP_KIND_MODEL, "kind: model\nname: m\ntitle: Tiny\n" LLAMA_CONFIG, 1, "config_source", "needs");
  refuses(SLIP_KIND_MODEL,
          "kind: model\nname: m\ntitle: Tiny\n" LLAMA_CONFIG "config_source: {source: A hub, confidence: sure}\n",
          18, "confidence", "high");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_head_says_what_the_entry_is),
      cmocka_unit_test(wrong_heads_are_refused),
      cmocka_unit_test(the_name_is_that_of_the_file),
      cmocka_unit_test(a_package_is_one_rank_unless_its_file_says_more),
      cmocka_unit_test(levels_count_ranks),
      cmocka_unit_test(level_facts_belong_to_the_entry_in_the_files_units),
      cmocka_unit_test(beyond_bounded_levels_lies_one_of_which_nothing_is_known),
      cmocka_unit_test(an_exchange_is_as_fast_as_other_traffic_unless_its_file_says_more),
      cmocka_unit_test(a_system_may_have_no_levels_yet),
      cmocka_unit_test(wrong_levels_are_refused),
      cmocka_unit_test(a_stack_trains_or_serves_and_has_a_date),
      cmocka_unit_test(power_is_priced_per_joule),
      cmocka_unit_test(a_model_keeps_head_tokens_and_the_origin_of_its_configuration),
      cmocka_unit_test(a_model_without_a_known_budget_has_nan_tokens),
      cmocka_unit_test(a_model_names_the_source_of_its_configuration),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
