/* Small catalogs from texts, for the tests of the catalog: one chip of each shape, with round numbers. */
#ifndef TESTS_CATALOG_FIXTURE_H
#define TESTS_CATALOG_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "catalog/catalog_internal.h"

#define FACT(field, value) "  " field ": {value: " value ", source: a datasheet, confidence: high}\n"
#define LEVEL_FACT(field, value) field ": {value: " value ", source: a paper, confidence: medium}"

#define KERNELS_TEXT \
  "kind: kernels\nname: k1\ntitle: Kernels\nfacts:\n" FACT("gemm_bf16_fraction", "0.7") FACT("launch_us", "2.5")

/* One rank in a package. */
#define PLAIN_CHIP_TEXT(facts)                                                                           \
  "kind: chip\nname: c1\ntitle: Plain chip\nvendor: Acme\nstatus: shipping\naliases: [C-One, old one]\n" \
  "kernels: k1\nfacts:\n" facts
/* Two ranks in a package. */
#define TWIN_CHIP_TEXT                                                                                           \
  "kind: chip\nname: c2\ntitle: Twin chip\nvendor: Acme\nstatus: announced\nkernels: k1\nfacts:\n" FACT("ranks", \
                                                                                                        "2")
#define SYSTEM_TEXT(chip, levels)                                                      \
  "kind: system\nname: s1\ntitle: System\nvendor: Acme\nstatus: shipping\nchip: " chip \
  "\nfacts:\n" FACT("chips", "8") "levels:\n" levels
#define STACK_TEXT(name, rest) \
  "kind: stack\nname: " name "\ntitle: Stack\nframework: frame\n" rest "\nfacts:\n" FACT("overlap_dp", "0.5")

static inline slip_catalog *empty_catalog(void) {
  slip_catalog *catalog = NULL;
  assert_int_equal(slip_catalog_new(&catalog, NULL), SLIP_OK);
  return catalog;
}

static inline slip_status add_text(slip_catalog *catalog, slip_kind kind, const char *text, slip_error *err) {
  return slip_catalog_add(catalog, kind, "mem.yaml", NULL, text, strlen(text), err);
}

static inline void must_add(slip_catalog *catalog, slip_kind kind, const char *text) {
  slip_error err = {0};
  if (add_text(catalog, kind, text, &err) != SLIP_OK)
    fail_msg("line %d: %s: %s", err.line, err.field, err.message);
}

static inline void must_finish(slip_catalog *catalog) {
  slip_error err = {0};
  if (slip_catalog_finish(catalog, &err) != SLIP_OK)
    fail_msg("%s:%d: %s: %s", err.file, err.line, err.field, err.message);
}

/* The catalog of one kernels, the two chips, and what is added before finishing. */
static inline slip_catalog *small_catalog(void) {
  slip_catalog *catalog = empty_catalog();
  must_add(catalog, SLIP_KIND_KERNELS, KERNELS_TEXT);
  must_add(catalog, SLIP_KIND_CHIP, PLAIN_CHIP_TEXT(FACT("bf16_tflops", "100")));
  must_add(catalog, SLIP_KIND_CHIP, TWIN_CHIP_TEXT);
  return catalog;
}

/* That the text is refused as bad input at this line and field, and that the message says `part`. */
static inline void refuses(slip_kind kind, const char *text, int line, const char *field, const char *part) {
  slip_catalog *catalog = empty_catalog();
  slip_error err = {0};
  assert_int_equal(add_text(catalog, kind, text, &err), SLIP_BAD_INPUT);
  assert_string_equal(err.file, "mem.yaml");
  assert_string_equal(err.field, field);
  if (!strstr(err.message, part))
    fail_msg("\"%s\" does not say \"%s\"", err.message, part);
  assert_int_equal(err.line, line);
  assert_int_equal(slip_catalog_count(catalog, kind), 0);
  slip_catalog_free(catalog);
}

#endif
