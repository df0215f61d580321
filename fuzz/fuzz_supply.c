/* Fuzzes the reader of supply files: any bytes give a clear error with file and line, or a supply that conserves what goes through it. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "supply/supply_internal.h"

#define REQUIRE(condition) \
  do {                     \
    if (!(condition))      \
      abort();             \
  } while (0)

enum { MAX_SIZE = 1 << 15, MAX_QUARTERS = 4 };

static void check_block(const slip_supply *s) {
  slip_lanes *knots = malloc((s->deck->n_knots + 1) * sizeof *knots);
  supply_state *state = malloc(sizeof *state);
  REQUIRE(knots != NULL && state != NULL);
  slip_deck_draw(s->deck, 1, 0, knots, NULL);
  supply_start(s, state);
  for (slip_quarter q = s->from; q < s->from + MAX_QUARTERS; q++)
    supply_step(s, s->deck, (const slip_lanes *)knots, q, state);
  for (size_t p = 0; p < s->n_pools; p++)
    for (int l = 0; l < SLIP_LANES; l++) {
      const double in = state->inflow[p][l], out = state->used[p][l] + state->stock[p][l];
      REQUIRE(state->stock[p][l] >= 0 && fabs(in - out) <= 1e-6 * (1 + in));
    }
  free(state);
  free(knots);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  slip_error err = {.code = SLIP_OK};
  slip_supply *s = NULL;
  if (size > MAX_SIZE)
    return 0;
  const slip_status status = slip_supply_parse("fuzz.yaml", (const char *)data, size, &s, &err);
  if (status == SLIP_OK)
    check_block(s);
  else
    REQUIRE(status == SLIP_BAD_INPUT && err.message[0] != '\0' && slip_is_utf8(err.message, strlen(err.message)));
  slip_supply_free(s);
  REQUIRE(slip_arena_live_bytes() == 0);
  return 0;
}
