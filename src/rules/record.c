/* Hashes: of the pack, of the catalog, of a case. */
#include <stdlib.h>
#include <string.h>

#include <nettle/sha2.h>

#include "base/fail.h"
#include "base/text.h"
#include "rules/evaluate.h"

static void write_hex(char out[SLIP_HASH_SIZE], struct sha256_ctx *context) {
  static const char digits[] = "0123456789abcdef";
  uint8_t digest[SHA256_DIGEST_SIZE];
  sha256_digest(context, sizeof digest, digest);
  for (size_t i = 0; i < sizeof digest; i++) {
    out[2 * i] = digits[digest[i] >> 4];
    out[2 * i + 1] = digits[digest[i] & 15];
  }
  out[SLIP_HASH_SIZE - 1] = '\0';
}

/* Texts with their end, so that "ab" "c" and "a" "bc" differ. */
static void add_text(struct sha256_ctx *context, const char *text) {
  const char *safe = text ? text : "";
  sha256_update(context, strlen(safe) + 1, (const uint8_t *)safe);
}

char *slip_hash(char out[SLIP_HASH_SIZE], const void *bytes, size_t n) {
  struct sha256_ctx context;
  sha256_init(&context);
  sha256_update(&context, n, bytes);
  write_hex(out, &context);
  return out;
}

/* ---- the pack ---- */

slip_status pack_hash_begin(slip_rules *rules, slip_error *err) {
  struct sha256_ctx *context = slip_arena_alloc(rules->arena, sizeof *context);
  if (!context)
    return slip_no_memory(err);
  sha256_init(context);
  rules->hasher = context;
  return SLIP_OK;
}

void pack_hash_add(slip_rules *rules, const char *name, const char *bytes, size_t n) {
  add_text(rules->hasher, name);
  sha256_update(rules->hasher, n, (const uint8_t *)bytes);
  add_text(rules->hasher, "");
}

void pack_hash_end(slip_rules *rules) {
  write_hex(rules->hash, rules->hasher);
}

/* ---- the catalog ---- */

static void add_fact(struct sha256_ctx *context, const slip_fact *fact) {
  char number[SLIP_DOUBLE_SIZE];
  add_text(context, fact->field);
  add_text(context, fact->text ? fact->text : slip_format_double(number, fact->shown));
  add_text(context, fact->source);
  add_text(context, fact->url);
  add_text(context, fact->date);
  add_text(context, fact->note);
  for (size_t i = 0; i < fact->n_also; i++)
    add_fact(context, &fact->also[i]);
}

char *slip_catalog_hash(const slip_catalog *catalog, char out[SLIP_HASH_SIZE]) {
  struct sha256_ctx context;
  sha256_init(&context);
  for (int kind = 0; kind < SLIP_KINDS; kind++) {
    const size_t count = slip_catalog_count(catalog, (slip_kind)kind);
    for (size_t i = 0; i < count; i++) {
      const slip_entry *entry = slip_catalog_entry(catalog, (slip_kind)kind, i);
      add_text(&context, slip_kind_name((slip_kind)kind));
      add_text(&context, entry->name);
      for (size_t k = 0; k < entry->n_facts; k++)
        add_fact(&context, &entry->facts[k]);
    }
  }
  write_hex(out, &context);
  return out;
}

/* ---- the case ---- */

static void add_value(struct sha256_ctx *context, const char *id, const case_value *value) {
  if (!value->is_known)
    return;
  add_text(context, id);
  add_text(context, value->text);
  add_text(context, value->source);
}

char *slip_case_hash(const slip_case *c, char out[SLIP_HASH_SIZE]) {
  const slip_rules *rules = c->rules;
  struct sha256_ctx context;
  sha256_init(&context);
  for (size_t i = 0; i < rules->tables[SLIP_THING_INPUT].count; i++)
    add_value(&context, rules->inputs[i].public.id, &c->inputs[i]);
  for (size_t i = 0; i < rules->tables[SLIP_THING_QUANTITY].count; i++)
    add_value(&context, rules->quantities[i].id, &c->stated[i]);
  write_hex(out, &context);
  return out;
}
