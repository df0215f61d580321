/* The built-in catalog as it is compiled in: every file loads, every fact says where it comes from, what is promised
 * by name is there, and the examples of the documentation load over it. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#include "base/text.h"
#include "catalog/fixture.h"
#include <slipstick/model.h>

static slip_catalog *catalog;

static int open_catalog(void **state) {
  slip_error err = {0};
  char text[1200];
  (void)state;
  if (slip_catalog_open(NULL, 0, &catalog, &err) == SLIP_OK)
    return 0;
  slip_error_format(&err, text, sizeof text);
  print_error("%s\n", text);
  return 1;
}

static int close_catalog(void **state) {
  (void)state;
  slip_catalog_free(catalog);
  return 0;
}

/* ---- names ---- */

static int count_missing(slip_kind kind, const char *const *names, size_t count) {
  int missing = 0;
  for (size_t i = 0; i < count; i++) {
    const slip_entry *entry = slip_catalog_lookup(catalog, kind, names[i]);
    if (!entry || strcmp(entry->name, names[i]) != 0) {
      print_error("no %s has the name %s\n", slip_kind_name(kind), names[i]);
      missing++;
    }
  }
  return missing;
}

#define ALL_THERE(kind, names) assert_int_equal(count_missing(kind, names, sizeof(names) / sizeof((names)[0])), 0)

static void the_chips_are_there(void **state) {
  static const char *const names[] = {"a100-80gb",    "h100",         "h800",   "h200",        "h20",
                                      "b200",         "gb200",        "b300",   "ascend-910b", "ascend-910c",
                                      "ascend-950pr", "ascend-950dt", "mlu590", "kunlun-p800", "mi300x",
                                      "mi308x",       "mi325x",       "mi355x", "tpu-v5p",     "tpu-v6e"};
  ALL_THERE(SLIP_KIND_CHIP, names);
}

static void the_systems_are_there(void **state) {
  static const char *const names[] = {
      "cloudmatrix384", "gb200-nvl72",   "gb300-nvl72",        "hgx-h100", "hgx-h200",      "hgx-h20",
      "hgx-h800",       "hgx-a100",      "hgx-b200",           "hgx-b300", "atlas-800t-a2", "atlas-950-superpod",
      "mlu590-8",       "kunlun-p800-8", "kunlun-tianchi-256", "mi300x-8", "tpu-v5p-pod"};
  ALL_THERE(SLIP_KIND_SYSTEM, names);
}

static void the_models_are_there(void **state) {
  static const char *const names[] = {"deepseek-v3",   "deepseek-v2",   "deepseek-v3.2",   "llama-2-70b",
                                      "llama-3.1-8b",  "llama-3.1-70b", "llama-3.1-405b",  "qwen3-8b",
                                      "qwen3-32b",     "qwen3-30b-a3b", "qwen3-235b-a22b", "mixtral-8x7b",
                                      "mixtral-8x22b", "gpt-oss-20b",   "gpt-oss-120b",    "kimi-k2",
                                      "gpt-3-175b",    "megatron-22b",  "megatron-1t"};
  ALL_THERE(SLIP_KIND_MODEL, names);
  assert_string_equal(slip_catalog_find(catalog, "deepseek-r1")->name, "deepseek-v3");
}

/* ---- facts ---- */

static bool is_blank(const char *text) {
  while (*text == ' ')
    text++;
  return *text == '\0';
}

/* A year first, if there is a date at all: dates are texts, but "11/24" sorts and reads badly. */
static bool is_date(const char *date) {
  int digits = 0;
  while (isdigit((unsigned char)date[digits]))
    digits++;
  return date[0] == '\0' || (digits == 4 && (date[0] == '1' || date[0] == '2'));
}

static int count_bad(const slip_fact *facts, size_t count) {
  int bad = 0;
  for (size_t i = 0; i < count; i++) {
    const slip_fact *fact = &facts[i];
    if (is_blank(fact->source) || !is_date(fact->date) ||
        (fact->text ? is_blank(fact->text) : !isfinite(fact->value))) {
      print_error("%s:%d: %s: source \"%s\", date \"%s\"\n", fact->file, fact->line, fact->field, fact->source,
                  fact->date);
      bad++;
    }
    bad += count_bad(fact->also, fact->n_also);
  }
  return bad;
}

static void every_fact_has_a_source_and_a_sane_date(void **state) {
  int bad = 0;
  size_t facts = 0;
  for (int kind = 0; kind < SLIP_KINDS; kind++) {
    assert_true(slip_catalog_count(catalog, (slip_kind)kind) > 0);
    for (size_t i = 0; i < slip_catalog_count(catalog, (slip_kind)kind); i++) {
      const slip_entry *entry = slip_catalog_entry(catalog, (slip_kind)kind, i);
      assert_memory_equal(entry->file, "data/", 5);
      bad += count_bad(entry->facts, entry->n_facts);
      facts += entry->n_facts;
    }
  }
  assert_int_equal(bad, 0);
  assert_true(facts > 300);
}

static void figures_not_fit_to_differ_do_not(void **state) {
  const slip_chip *h200 = NULL, *ascend = NULL;
  const slip_system *nvl72 = NULL, *cloudmatrix = NULL;
  assert_int_equal(slip_catalog_chip(catalog, "h200", &h200, NULL), SLIP_OK);
  assert_int_equal(slip_catalog_chip(catalog, "ascend-910c", &ascend, NULL), SLIP_OK);
  assert_int_equal(slip_catalog_system(catalog, "gb200-nvl72", &nvl72, NULL), SLIP_OK);
  assert_int_equal(slip_catalog_system(catalog, "cloudmatrix384", &cloudmatrix, NULL), SLIP_OK);
  assert_true(fabs(h200->peak_flops[SLIP_BF16] / 989.4e12 - 1) < 1e-3); /* 1,979 with sparsity, halved */
  assert_true(h200->ranks == 1);
  assert_true(ascend->ranks == 2); /* two dies, each addressed by itself */
  assert_true(nvl72->chips == 72 && nvl72->levels[0].ranks == 72);
  assert_true(nvl72->levels[0].bytes_per_s == 900e9); /* NVLink 5: 1.8 TB/s both directions added */
  assert_true(cloudmatrix->chips == 384);
  assert_ptr_equal(cloudmatrix->chip, ascend);
  const slip_level *inner = &cloudmatrix->levels[0], *up = &cloudmatrix->levels[1];
  assert_true(inner->ranks == 2);
  assert_true(inner->bytes_per_s == 270e9); /* per die and direction */
  assert_true(up->ranks == 768);
  assert_true(up->bytes_per_s == 196e9); /* half of a package's 392 GB/s */
}

static void every_chip_has_a_stack_to_train_and_to_serve(void **state) {
  for (size_t i = 0; i < slip_catalog_count(catalog, SLIP_KIND_CHIP); i++) {
    const slip_chip *chip = (const slip_chip *)(const void *)slip_catalog_entry(catalog, SLIP_KIND_CHIP, i);
    assert_non_null(chip->kernels);
    assert_non_null(slip_catalog_newest_stack(catalog, chip, true));
    assert_non_null(slip_catalog_newest_stack(catalog, chip, false));
  }
}

/* ---- the documentation's examples ---- */

static bool kind_of_text(const char *text, slip_kind *out) {
  for (int kind = 0; kind < SLIP_KINDS; kind++) {
    char line[40];
    const int n = snprintf(line, sizeof line, "kind: %s\n", slip_kind_name((slip_kind)kind));
    if (strncmp(text, line, (size_t)n) == 0) {
      *out = (slip_kind)kind;
      return true;
    }
  }
  return false;
}

static void the_examples_of_the_documentation_load(void **state) {
  const char *root = getenv("SLIP_SOURCE_DIR");
  const char *const opening = "```yaml\n";
  char path[1000], *text = NULL;
  size_t n = 0;
  int examples = 0;
  if (!root)
    skip();
  snprintf(path, sizeof path, "%s/docs/catalog.md", root);
  assert_int_equal(slip_read_file(path, 1 << 20, &text, &n, NULL), SLIP_OK);
  slip_catalog *mine = NULL;
  slip_error err = {0};
  assert_int_equal(slip_catalog_open(NULL, 0, &mine, &err), SLIP_OK);
  for (const char *at = strstr(text, opening); at; at = strstr(at, opening)) {
    slip_kind kind = SLIP_KINDS;
    at += strlen(opening);
    const char *end = strstr(at, "\n```");
    assert_non_null(end);
    assert_true(kind_of_text(at, &kind));
    if (slip_catalog_add(mine, kind, "docs/catalog.md", NULL, at, (size_t)(end - at), &err) != SLIP_OK)
      fail_msg("example %d: line %d: %s: %s", examples, err.line, err.field, err.message);
    examples++;
  }
  assert_int_equal(examples, SLIP_KINDS);
  for (int kind = 0; kind < SLIP_KINDS; kind++)
    assert_int_equal(slip_catalog_count(mine, (slip_kind)kind), slip_catalog_count(catalog, (slip_kind)kind) + 1);
  const slip_entry *chip = slip_catalog_lookup(mine, SLIP_KIND_CHIP, "acme-1");
  assert_string_equal(chip->name, "my-chip");
  slip_catalog_free(mine);
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_chips_are_there),
      cmocka_unit_test(the_systems_are_there),
      cmocka_unit_test(the_models_are_there),
      cmocka_unit_test(every_fact_has_a_source_and_a_sane_date),
      cmocka_unit_test(figures_not_fit_to_differ_do_not),
      cmocka_unit_test(every_chip_has_a_stack_to_train_and_to_serve),
      cmocka_unit_test(the_examples_of_the_documentation_load),
  };
  return cmocka_run_group_tests(tests, open_catalog, close_catalog);
}
