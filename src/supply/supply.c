/* Opening a supply, and its distribution. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "supply/embedded.h"
#include "supply/sample.h"
#include "supply/supply_internal.h"

static slip_status supply_new(slip_supply **out, slip_error *err) {
  slip_arena *arena = slip_arena_open();
  slip_supply *s = arena ? slip_arena_alloc(arena, sizeof *s) : NULL;
  slip_deck *deck = s ? slip_arena_alloc(arena, sizeof *deck) : NULL;
  if (!deck) {
    slip_arena_free(arena);
    return slip_no_memory(err);
  }
  deck->arena = arena;
  s->arena = arena;
  s->deck = deck;
  *out = s;
  return SLIP_OK;
}

void slip_supply_free(slip_supply *supply) {
  if (supply)
    slip_arena_free(supply->arena);
}

static slip_status supply_build(slip_supply *s, slip_supply **out, slip_error *err) {
  slip_status status = SLIP_OK;
  SLIP_TRY(supply_read(s, err));
  SLIP_TRY(slip_deck_finish(s->deck, err));
  *out = s;
  s = NULL;
cleanup:
  slip_supply_free(s);
  return status;
}

slip_status slip_supply_open(const char *name, slip_supply **out, slip_error *err) {
  slip_supply *s = NULL;
  slip_status status = supply_new(&s, err);
  if (status != SLIP_OK)
    return status;
  status = slip_study_read(s->arena, "supply", name, &s->root, err);
  if (status == SLIP_OK)
    return supply_build(s, out, err);
  slip_supply_free(s);
  return status;
}

slip_status slip_supply_parse(const char *name, const char *bytes, size_t n, slip_supply **out, slip_error *err) {
  slip_supply *s = NULL;
  slip_status status = supply_new(&s, err);
  if (status != SLIP_OK)
    return status;
  status = slip_doc_parse(s->arena, name, bytes, n, &s->root, err);
  if (status == SLIP_OK)
    return supply_build(s, out, err);
  slip_supply_free(s);
  return status;
}

slip_status slip_supply_recheck(const slip_supply *supply, slip_error *err) {
  const slip_deck *deck = supply->deck;
  for (size_t i = 0; i < deck->n; i++)
    for (size_t k = 0; k < deck->items[i].n_knots; k++)
      if (deck->items[i].knots[k].low < deck->least[i] || deck->items[i].knots[k].high > deck->most[i])
        return slip_fail_at(err, SLIP_BAD_INPUT, deck->items[i].file, deck->items[i].line, 0, deck->items[i].id,
                            "must stay from %g to %g", deck->least[i], deck->most[i]);
  return SLIP_OK;
}

size_t slip_supply_products(const slip_supply *supply) {
  return supply->n_products;
}

slip_supply_product slip_supply_product_at(const slip_supply *supply, size_t i) {
  return supply->products[i].public;
}

const slip_assumption *slip_supply_assumption(const slip_supply *supply, size_t i) {
  return i < supply->deck->n ? &supply->deck->items[i] : NULL;
}

/* ---- Monte Carlo: outputs are [product][quarter], then [product] totals, then the total of all ---- */

typedef struct run {
  const slip_supply *supply;
  slip_quarter from, to;
} run;

static void run_block(const void *context, void *scratch, const slip_lanes *knots, slip_lanes *out) {
  const run *r = context;
  const slip_supply *s = r->supply;
  supply_state *state = scratch;
  const size_t quarters = (size_t)(r->to - r->from) + 1;
  slip_lanes *total = &out[s->n_products * quarters];
  memset(total, 0, (s->n_products + 1) * sizeof *total);
  supply_start(s, state);
  for (slip_quarter q = s->from; q <= r->to; q++) {
    supply_step(s, s->deck, knots, q, state);
    for (size_t i = 0; q >= r->from && i < s->n_products; i++) {
      memcpy(out[i * quarters + (size_t)(q - r->from)], state->made[i], sizeof(slip_lanes));
      SLIP_EACH_LANE {
        total[i][l] += state->made[i][l];
        total[s->n_products][l] += state->made[i][l];
      }
    }
  }
}

static int by_strength(const void *a, const void *b) {
  const slip_driver *x = a, *y = b;
  const double left = fabs(x->rank_correlation), right = fabs(y->rank_correlation);
  return left > right ? -1 : left < right ? 1 : x->assumption < y->assumption ? -1 : 1;
}

struct result_memory {
  slip_supply_result public;
  slip_band *bands;
  slip_driver *drivers;
};

void slip_supply_result_free(slip_supply_result *result) {
  struct result_memory *m = (struct result_memory *)result;
  if (!m)
    return;
  free(m->bands);
  free(m->drivers);
  free(m);
}

static slip_status find_drivers(const slip_samples *samples, const slip_deck *deck, size_t output,
                                slip_driver *drivers, size_t *count, slip_error *err) {
  double ranks[SLIP_DECK_MAX];
  slip_status status = slip_samples_ranks(samples, deck, output, ranks, err);
  for (size_t i = 0; status == SLIP_OK && i < deck->n; i++)
    if (deck->tables[i])
      drivers[(*count)++] = (slip_driver){&deck->items[i], ranks[i]};
  qsort(drivers, *count, sizeof *drivers, by_strength);
  return status;
}

slip_status slip_supply_run(const slip_supply *s, const slip_supply_ask *ask, slip_supply_result **out,
                            slip_error *err) {
  slip_status status = SLIP_OK;
  slip_samples samples = {0};
  struct result_memory *m = NULL;
  const slip_quarter from = ask->from > s->from ? ask->from : s->from;
  if (ask->to < from || ask->to - s->from >= SUPPLY_QUARTERS)
    return slip_fail(err, SLIP_BAD_INPUT,
                     "the quarters asked for end before the supply begins, or more than %d after", SUPPLY_QUARTERS);
  const run r = {s, from, ask->to};
  const size_t quarters = (size_t)(ask->to - from) + 1, n_bands = s->n_products * quarters + s->n_products;
  const slip_study study = {s->deck, n_bands + 1, sizeof(supply_state), run_block, &r};
  SLIP_TRY(slip_sample(&study, ask->samples, ask->seed, ask->threads, NULL, &samples, err));
  m = slip_memory_resize(NULL, sizeof *m);
  if (!m)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  *m = (struct result_memory){0};
  m->drivers = slip_memory_resize(NULL, SLIP_DECK_MAX * sizeof *m->drivers);
  if (!m->drivers)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  SLIP_TRY(find_drivers(&samples, s->deck, n_bands, m->drivers, &m->public.n_drivers, err));
  m->bands = samples.bands;
  samples.bands = NULL;
  m->public.n_products = s->n_products;
  m->public.n_quarters = quarters;
  m->public.made = m->bands;
  m->public.total = &m->bands[s->n_products * quarters];
  m->public.drivers = m->drivers;
  *out = &m->public;
  m = NULL;
cleanup:
  slip_samples_free(&samples);
  slip_supply_result_free(m ? &m->public : NULL);
  return status;
}
