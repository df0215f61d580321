/* Facts: a number or a text with where it comes from; unit, range, whole numbers, conflicting values; and what is
 * refused, each time with file, line and field. */
#include <math.h>

#include "catalog/fixture.h"

#define CHIP_WITH(facts) PLAIN_CHIP_TEXT(facts)
enum { FACTS_LINE = 9 }; /* the first fact of CHIP_WITH */

static const slip_chip *chip_of(slip_catalog **catalog, const char *text) {
  const slip_chip *chip = NULL;
  *catalog = empty_catalog();
  must_add(*catalog, SLIP_KIND_KERNELS, KERNELS_TEXT);
  must_add(*catalog, SLIP_KIND_CHIP, text);
  must_finish(*catalog);
  assert_int_equal(slip_catalog_chip(*catalog, "c1", &chip, NULL), SLIP_OK);
  return chip;
}

static void file_units_become_si(void **state) {
  slip_catalog *catalog = NULL;
  const slip_chip *chip =
      chip_of(&catalog, CHIP_WITH(FACT("bf16_tflops", "312") FACT("int8_tops", "624") FACT("memory_gb", "80")
                                      FACT("memory_tbs", "2.039") FACT("tdp_w", "400") FACT("cores", "108")));
  assert_true(chip->peak_flops[SLIP_BF16] == 312e12);
  assert_true(chip->peak_flops[SLIP_INT8] == 624e12);
  assert_true(chip->memory_bytes == 80e9);
  assert_true(fabs(chip->memory_bytes_per_s / 2.039e12 - 1) < 1e-15);
  assert_true(chip->tdp_w == 400);
  assert_true(chip->cores == 108);
  assert_true(chip->kernels->launch_s == 2.5e-6);
  assert_true(chip->kernels->gemm_fraction[SLIP_BF16] == 0.7);
  slip_catalog_free(catalog);
}

static void an_absent_number_is_nan_and_has_no_fact(void **state) {
  slip_catalog *catalog = NULL;
  const slip_chip *chip = chip_of(&catalog, CHIP_WITH(FACT("bf16_tflops", "312")));
  assert_true(isnan(chip->peak_flops[SLIP_FP8]));
  assert_true(isnan(chip->memory_bytes));
  assert_true(isnan(chip->price_usd));
  assert_null(slip_entry_fact(&chip->entry, "fp8_tflops"));
  assert_int_equal(chip->entry.n_facts, 1);
  slip_catalog_free(catalog);
}

static void int4_computes_in_bf16(void **state) {
  slip_catalog *catalog = NULL;
  const slip_chip *chip = chip_of(&catalog, CHIP_WITH(FACT("bf16_tflops", "312")));
  assert_true(chip->peak_flops[SLIP_INT4] == 312e12);
  assert_true(chip->kernels->gemm_fraction[SLIP_INT4] == 0.7);
  slip_catalog_free(catalog);
}

static void a_fact_keeps_its_origin_and_the_values_not_chosen(void **state) {
  slip_catalog *catalog = NULL;
  const slip_chip *chip =
      chip_of(&catalog, CHIP_WITH("  bf16_tflops:\n"
                                  "    value: 989.4\n"
                                  "    source: Datasheet\n"
                                  "    url: https://example.org/a\n"
                                  "    date: 2024-11\n"
                                  "    confidence: high\n"
                                  "    note: dense\n"
                                  "    also:\n"
                                  "      - {value: 1979, source: A blog, confidence: low}\n"
                                  "  process: {value: 4N, source: Datasheet, confidence: high}\n"));
  const slip_fact *fact = slip_entry_fact(&chip->entry, "bf16_tflops");
  assert_non_null(fact);
  assert_true(fact->shown == 989.4 && fact->value == 989.4e12);
  assert_string_equal(fact->unit, "TFLOP/s");
  assert_null(fact->text);
  assert_string_equal(fact->source, "Datasheet");
  assert_string_equal(fact->url, "https://example.org/a");
  assert_string_equal(fact->date, "2024-11");
  assert_string_equal(fact->note, "dense");
  assert_int_equal(fact->confidence, SLIP_HIGH);
  assert_string_equal(fact->file, "mem.yaml");
  assert_int_equal(fact->line, FACTS_LINE);
  assert_int_equal(fact->n_also, 1);
  assert_true(fact->also[0].value == 1979e12);
  assert_string_equal(fact->also[0].field, "bf16_tflops");
  assert_string_equal(fact->also[0].date, "");
  assert_int_equal(fact->also[0].confidence, SLIP_LOW);
  const slip_fact *process = slip_entry_fact(&chip->entry, "process");
  assert_string_equal(process->text, "4N");
  assert_true(isnan(process->value) && isnan(process->shown));
  slip_catalog_free(catalog);
}

static void texts_of_several_lines_become_one(void **state) {
  slip_catalog *catalog = NULL;
  const slip_chip *chip = chip_of(&catalog, CHIP_WITH("  process:\n"
                                                      "    value: N4\n"
                                                      "    source: |\n"
                                                      "      A table\n"
                                                      "      in a book\n"
                                                      "    confidence: medium\n"));
  assert_string_equal(chip->entry.facts[0].source, "A table in a book");
  slip_catalog_free(catalog);
}

static void an_unknown_field_is_refused_with_the_nearest(void **state) {
  refuses(SLIP_KIND_CHIP, CHIP_WITH(FACT("tdp_w", "1") FACT("bf16_tflop", "312")), FACTS_LINE + 1, "bf16_tflop",
          "\"bf16_tflops\"");
}

static void a_fact_needs_value_source_and_confidence(void **state) {
  refuses(SLIP_KIND_CHIP, CHIP_WITH("  tdp_w: {source: a, confidence: high}\n"), FACTS_LINE, "tdp_w.value",
          "needs");
  refuses(SLIP_KIND_CHIP, CHIP_WITH("  tdp_w: {value: 7, confidence: high}\n"), FACTS_LINE, "tdp_w.source",
          "needs");
  refuses(SLIP_KIND_CHIP, CHIP_WITH("  tdp_w: {value: 7, source: a}\n"), FACTS_LINE, "tdp_w.confidence", "needs");
  refuses(SLIP_KIND_CHIP, CHIP_WITH("  tdp_w: {value: , source: a, confidence: high}\n"), FACTS_LINE, "tdp_w.value",
          "needs");
  refuses(SLIP_KIND_CHIP, CHIP_WITH("  tdp_w: {value: 7, source: \"\", confidence: high}\n"), FACTS_LINE,
          "tdp_w.source", "empty");
  refuses(SLIP_KIND_CHIP, CHIP_WITH("  tdp_w: 700\n"), FACTS_LINE, "tdp_w", "map");
  refuses(SLIP_KIND_CHIP, CHIP_WITH("  - tdp_w\n"), FACTS_LINE - 1, "facts", "map");
}

static void a_value_is_within_its_range(void **state) {
  refuses(SLIP_KIND_CHIP, CHIP_WITH(FACT("tdp_w", "-1")), FACTS_LINE, "tdp_w.value", "");
  refuses(SLIP_KIND_CHIP, CHIP_WITH(FACT("memory_gb", "0")), FACTS_LINE, "memory_gb.value", "");
  refuses(SLIP_KIND_CHIP, CHIP_WITH(FACT("bf16_tflops", "312e12")), FACTS_LINE, "bf16_tflops.value", "");
  refuses(SLIP_KIND_CHIP, CHIP_WITH(FACT("bf16_tflops", ".inf")), FACTS_LINE, "bf16_tflops.value", "");
  refuses(SLIP_KIND_CHIP, CHIP_WITH(FACT("bf16_tflops", "fast")), FACTS_LINE, "bf16_tflops.value", "");
  refuses(SLIP_KIND_KERNELS, "kind: kernels\nname: k\ntitle: K\nfacts:\n" FACT("kv_read_fraction", "1.01"), 5,
          "kv_read_fraction.value", "1");
  refuses(SLIP_KIND_KERNELS, "kind: kernels\nname: k\ntitle: K\nfacts:\n" FACT("kv_read_fraction", "0"), 5,
          "kv_read_fraction.value", "");
  refuses(SLIP_KIND_REGION, "kind: region\nname: r\ntitle: R\nfacts:\n" FACT("pue", "0.9"), 5, "pue.value", "1");
}

static void a_count_is_whole(void **state) {
  refuses(SLIP_KIND_CHIP, CHIP_WITH(FACT("cores", "108.5")), FACTS_LINE, "cores.value", "");
  refuses(SLIP_KIND_CHIP, CHIP_WITH(FACT("ranks", "0")), FACTS_LINE, "ranks.value", "");
}

static void conflicting_values_obey_the_same_rules(void **state) {
  refuses(SLIP_KIND_CHIP,
          CHIP_WITH("  tdp_w: {value: 7, source: a, confidence: high, also: [{value: 8, confidence: low}]}\n"),
          FACTS_LINE, "tdp_w.source", "needs");
  refuses(SLIP_KIND_CHIP,
          CHIP_WITH("  tdp_w:\n    value: 7\n    source: a\n    confidence: high\n    also:\n"
                    "    - {value: -8, source: b, confidence: low}\n"),
          FACTS_LINE + 5, "tdp_w.value", "");
  refuses(SLIP_KIND_CHIP,
          CHIP_WITH("  tdp_w: {value: 7, source: a, confidence: high, also: "
                    "[{value: 8, source: b, confidence: low, also: []}]}\n"),
          FACTS_LINE, "tdp_w.also", "no key");
  refuses(SLIP_KIND_CHIP, CHIP_WITH("  tdp_w: {value: 7, source: a, confidence: high, also: 8}\n"), FACTS_LINE,
          "tdp_w.also", "list");
}

static void a_derived_or_assumed_value_says_how_it_was_made(void **state) {
  refuses(SLIP_KIND_CHIP, CHIP_WITH("  tdp_w: {value: 7, source: ours, confidence: derived}\n"), FACTS_LINE,
          "tdp_w.note", "derived");
  refuses(SLIP_KIND_CHIP, CHIP_WITH("  tdp_w: {value: 7, source: ours, confidence: assumed}\n"), FACTS_LINE,
          "tdp_w.note", "assumed");
}

static void confidence_and_url_are_checked(void **state) {
  refuses(SLIP_KIND_CHIP, CHIP_WITH("  tdp_w: {value: 7, source: a, confidence: sure}\n"), FACTS_LINE,
          "tdp_w.confidence", "high, medium, low, derived, assumed");
  refuses(SLIP_KIND_CHIP, CHIP_WITH("  tdp_w: {value: 7, source: a, confidence: high, url: \"javascript:x\"}\n"),
          FACTS_LINE, "tdp_w.url", "https://");
  refuses(SLIP_KIND_CHIP, CHIP_WITH("  tdp_w: {value: 7, sauce: a, confidence: high}\n"), FACTS_LINE, "tdp_w.sauce",
          "\"source\"");
}

static void a_text_that_could_drive_a_terminal_is_refused(void **state) {
  refuses(SLIP_KIND_CHIP, CHIP_WITH("  process: {value: \"\\e[2J\", source: a, confidence: high}\n"), FACTS_LINE,
          "process.value", "control");
  refuses(SLIP_KIND_CHIP, CHIP_WITH("  tdp_w: {value: 7, source: \"a\\u202Eb\", confidence: high}\n"), FACTS_LINE,
          "tdp_w.source", "control");
}

static void a_field_written_twice_is_refused(void **state) {
  slip_catalog *catalog = empty_catalog();
  slip_error err = {0};
  assert_int_equal(add_text(catalog, SLIP_KIND_CHIP, CHIP_WITH(FACT("tdp_w", "1") FACT("tdp_w", "2")), &err),
                   SLIP_BAD_INPUT);
  assert_int_equal(err.line, FACTS_LINE + 1);
  assert_string_equal(err.field, "tdp_w");
  slip_catalog_free(catalog);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(file_units_become_si),
      cmocka_unit_test(an_absent_number_is_nan_and_has_no_fact),
      cmocka_unit_test(int4_computes_in_bf16),
      cmocka_unit_test(a_fact_keeps_its_origin_and_the_values_not_chosen),
      cmocka_unit_test(texts_of_several_lines_become_one),
      cmocka_unit_test(an_unknown_field_is_refused_with_the_nearest),
      cmocka_unit_test(a_fact_needs_value_source_and_confidence),
      cmocka_unit_test(a_value_is_within_its_range),
      cmocka_unit_test(a_count_is_whole),
      cmocka_unit_test(conflicting_values_obey_the_same_rules),
      cmocka_unit_test(a_derived_or_assumed_value_says_how_it_was_made),
      cmocka_unit_test(confidence_and_url_are_checked),
      cmocka_unit_test(a_text_that_could_drive_a_terminal_is_refused),
      cmocka_unit_test(a_field_written_twice_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
