/* Fuzzes the reader of scenarios: any bytes give a clear error, or a scenario in which chips and money are conserved. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "scenario/scenario_internal.h"

#define REQUIRE(condition) \
  do {                     \
    if (!(condition))      \
      abort();             \
  } while (0)

enum { MAX_SIZE = 1 << 15 };

static slip_catalog *catalog;
static slip_rules *rules;

static void pretend_estimates(slip_scenario *s) {
  const slip_node rate = {.kind = SLIP_NODE_SCALAR, .text = "1000", .file = "fuzz"};
  for (size_t f = 0; f < s->n_fleets; f++) {
    size_t index = 0;
    if (slip_deck_refer(s->deck, &rate, 0, 1e9, &index, NULL) != SLIP_OK)
      index = 0; /* no room: any input will do */
    s->fleets[f].train_rate = s->fleets[f].serve_rate = index;
    s->fleets[f].train_w = s->fleets[f].serve_w = 1000;
    s->fleets[f].is_estimated = true;
  }
  REQUIRE(slip_deck_finish(s->deck, NULL) == SLIP_OK);
}

static void check(slip_scenario *s) {
  slip_lanes *knots = malloc((s->deck->n_knots + 1) * sizeof *knots);
  scenario_state *state = malloc(sizeof *state);
  REQUIRE(knots != NULL && state != NULL);
  slip_deck_draw(s->deck, 1, 0, knots, NULL);
  scenario_start(s, (const slip_lanes *)knots, state);
  for (size_t q = 0; q < s->n_quarters; q++) {
    scenario_quarter(s, (const slip_lanes *)knots, q, true, state);
    for (int l = 0; l < SLIP_LANES; l++) {
      const double paid = state->measures[SLIP_COST_HARDWARE][l] + state->measures[SLIP_UNSPENT][l];
      REQUIRE(fabs(paid - state->measures[SLIP_BUDGET][l]) <= 1e-6 * (1 + paid));
      REQUIRE(isfinite(state->measures[SLIP_COST][l]) && state->measures[SLIP_INSTALLED][l] >= 0);
    }
  }
  free(state);
  free(knots);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  slip_error err = {.code = SLIP_OK};
  slip_scenario *s = NULL;
  if (size > MAX_SIZE)
    return 0;
  if (catalog == NULL)
    REQUIRE(slip_catalog_open(NULL, 0, &catalog, &err) == SLIP_OK &&
            slip_rules_open(NULL, 0, &rules, &err) == SLIP_OK);
  const size_t before = slip_arena_live_bytes();
  const slip_status status = slip_scenario_parse("fuzz.yaml", (const char *)data, size, catalog, rules, &s, &err);
  if (status == SLIP_OK) {
    pretend_estimates(s);
    check(s);
  } else {
    REQUIRE(err.message[0] != '\0' && slip_is_utf8(err.message, strlen(err.message)));
    REQUIRE(status == SLIP_BAD_INPUT || status == SLIP_MISSING || status == SLIP_IO_FAILURE);
  }
  slip_scenario_free(s);
  REQUIRE(slip_arena_live_bytes() == before);
  return 0;
}
