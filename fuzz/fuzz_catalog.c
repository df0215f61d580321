/* Bytes as one catalog file of each kind, over a catalog that holds what a chip and a system may name. Nothing but
 * SLIP_OK, bad input, an unsupported model and no memory may come out, and nothing may stay behind. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/catalog_internal.h"

static const char kernels_text[] = "{kind: kernels, name: k, title: K}";
static const char chip_text[] = "{kind: chip, name: c, title: C, vendor: V, status: shipping, kernels: k, "
                                "facts: {ranks: {value: 2, source: s, confidence: high}}}";

/* An answer that no input may give ends the run, so that the fuzzer keeps the input. */
static void expect(int is_as_it_should_be) {
  if (!is_as_it_should_be)
    abort();
}

static void use(const slip_catalog *catalog, slip_kind kind) {
  for (size_t i = 0; i < slip_catalog_count(catalog, kind); i++) {
    const slip_entry *entry = slip_catalog_entry(catalog, kind, i);
    expect(slip_catalog_find(catalog, entry->name) != NULL);
    for (size_t f = 0; f < entry->n_facts; f++) {
      expect(entry->facts[f].source[0] != '\0');
      expect((entry->facts[f].text != NULL) != (entry->facts[f].value == entry->facts[f].value));
    }
  }
}

static void try_kind(slip_kind kind, const char *bytes, size_t size) {
  slip_catalog *catalog = NULL;
  slip_error err = {0};
  expect(slip_catalog_new(&catalog, &err) == SLIP_OK);
  expect(slip_catalog_add(catalog, SLIP_KIND_KERNELS, "k.yaml", "k", kernels_text, strlen(kernels_text), &err) ==
         SLIP_OK);
  expect(slip_catalog_add(catalog, SLIP_KIND_CHIP, "c.yaml", "c", chip_text, strlen(chip_text), &err) == SLIP_OK);
  slip_status status = slip_catalog_add(catalog, kind, "input", NULL, bytes, size, &err);
  if (status == SLIP_OK)
    status = slip_catalog_finish(catalog, &err);
  expect(status == SLIP_OK || status == SLIP_BAD_INPUT || status == SLIP_UNSUPPORTED || status == SLIP_NO_MEMORY);
  expect(status == SLIP_OK || (err.message[0] != '\0' && err.file[0] != '\0'));
  if (status == SLIP_OK)
    use(catalog, kind);
  slip_catalog_free(catalog);
  expect(slip_arena_live_bytes() == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  for (int kind = 0; kind < SLIP_KINDS; kind++)
    try_kind((slip_kind)kind, (const char *)data, size);
  return 0;
}
