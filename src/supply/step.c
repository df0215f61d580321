/* One quarter of a supply, for a block of samples. */
#include <string.h>

#include "supply/supply_internal.h"

#define MONTHS 3

void supply_start(const slip_supply *supply, supply_state *state) {
  (void)supply;
  memset(state, 0, sizeof *state);
}

static void add(slip_lanes a, const slip_lanes b) {
  SLIP_EACH_LANE
  a[l] += b[l];
}

/* Good dies: wafers x dies per wafer x yield. */
static void make(const supply_pool *pool, const slip_deck *deck, const slip_lanes *knots, slip_quarter quarter,
                 slip_lanes out) {
  slip_lanes value, defects, clustering;
  slip_deck_at(deck, knots, pool->wafers, quarter, out);
  const double whole = pool->die_mm2 > 0 ? slip_dies_per_wafer(pool->diameter_mm, pool->die_mm2) : 1;
  SLIP_EACH_LANE
  out[l] *= MONTHS * whole;
  if (!(pool->die_mm2 > 0)) {
    slip_deck_at(deck, knots, pool->dies_per_wafer, quarter, value);
    SLIP_EACH_LANE
    out[l] *= value[l];
  }
  if (pool->yield_given) {
    slip_deck_at(deck, knots, pool->yield, quarter, value);
    SLIP_EACH_LANE
    out[l] *= value[l];
    return;
  }
  slip_deck_at(deck, knots, pool->defects, quarter, defects);
  slip_deck_at(deck, knots, pool->clustering, quarter, clustering);
  for (int l = 0; l < SLIP_LANES; l++)
    out[l] *= slip_yield(pool->model, pool->die_mm2, defects[l], clustering[l]);
}

static double at_most_1(double x) {
  return x < 1 ? x : 1;
}

static void fill(const slip_supply *supply, const slip_deck *deck, const slip_lanes *knots, slip_quarter quarter,
                 supply_state *state) {
  slip_lanes in, release;
  const double elapsed = quarter - supply->from;
  for (size_t p = 0; p < supply->n_pools; p++) {
    const supply_pool *pool = &supply->pools[p];
    slip_lanes total = {0};
    if (pool->has_start) {
      slip_deck_at(deck, knots, pool->start, supply->from, in);
      slip_deck_at(deck, knots, pool->release, supply->from, release);
      SLIP_EACH_LANE {
        const double part = 1 / release[l];
        total[l] += in[l] * (at_most_1((elapsed + 1) * part) - at_most_1(elapsed * part));
      }
    }
    if (pool->is_made) {
      make(pool, deck, knots, quarter, in);
      add(total, in);
    }
    for (size_t a = 0; a < pool->n_arrives; a++) {
      slip_deck_at(deck, knots, pool->arrives[a], quarter, in);
      add(total, in);
    }
    add(state->stock[p], total);
    add(state->inflow[p], total);
  }
}

/* Packages that the pools allow: `part` of each pool, at most `room`. Takes what they need. */
static void package(const supply_product *product, supply_state *state, const slip_lanes part[SUPPLY_POOLS],
                    const slip_lanes room, slip_lanes started) {
  slip_lanes count;
  memcpy(count, room, sizeof(slip_lanes));
  for (size_t k = 0; k < product->n_needs; k++) {
    const double *left = part[product->needs[k].pool];
    const double packages = 1 / product->needs[k].each; /* of one unit */
    SLIP_EACH_LANE
    count[l] = left[l] * packages < count[l] ? left[l] * packages : count[l];
  }
  for (size_t k = 0; k < product->n_needs; k++) {
    double *stock = state->stock[product->needs[k].pool], *used = state->used[product->needs[k].pool];
    SLIP_EACH_LANE {
      const double take = count[l] * product->needs[k].each,
                   most = stock[l] < take ? stock[l] : take; /* rounding */
      stock[l] -= most;
      used[l] += most;
    }
  }
  add(started, count);
}

static bool needs(const supply_product *product, size_t pool) {
  for (size_t k = 0; k < product->n_needs; k++)
    if (product->needs[k].pool == pool)
      return true;
  return false;
}

SLIP_WIDE void supply_step(const slip_supply *supply, const slip_deck *deck, const slip_lanes *knots,
                           slip_quarter quarter, supply_state *state) {
  slip_lanes weight[SUPPLY_PRODUCTS], room[SUPPLY_PRODUCTS], started[SUPPLY_PRODUCTS], sum[SUPPLY_POOLS];
  slip_lanes whole[SUPPLY_POOLS], part[SUPPLY_POOLS], yield;
  fill(supply, deck, knots, quarter, state);
  memcpy(whole, state->stock, supply->n_pools * sizeof *whole);
  memset(sum, 0, supply->n_pools * sizeof *sum);
  for (size_t i = 0; i < supply->n_products; i++) {
    slip_deck_at(deck, knots, supply->products[i].share, quarter, weight[i]);
    for (size_t p = 0; p < supply->n_pools; p++)
      if (needs(&supply->products[i], p))
        add(sum[p], weight[i]);
    SLIP_EACH_LANE
    room[i][l] = 1e18;
    if (supply->products[i].has_capacity)
      slip_deck_at(deck, knots, supply->products[i].capacity, quarter, room[i]);
    memset(started[i], 0, sizeof(slip_lanes));
  }
  for (size_t p = 0; p < supply->n_pools; p++)
    SLIP_EACH_LANE
  whole[p][l] = sum[p][l] > 0 ? whole[p][l] / sum[p][l] : 0; /* per weight, from here on */
  for (size_t i = 0; i < supply->n_products; i++) {          /* each product's part of the pools, by weight */
    for (size_t p = 0; p < supply->n_pools; p++)
      if (needs(&supply->products[i], p))
        SLIP_EACH_LANE
    part[p][l] = whole[p][l] * weight[i][l];
    package(&supply->products[i], state, (const slip_lanes *)part, room[i], started[i]);
  }
  for (size_t i = 0; i < supply->n_products;
       i++) { /* what is left over, in order; none for a product without weight */
    SLIP_EACH_LANE
    room[i][l] = weight[i][l] > 0 ? room[i][l] - started[i][l] : 0;
    package(&supply->products[i], state, (const slip_lanes *)state->stock, room[i], started[i]);
    slip_deck_at(deck, knots, supply->products[i].packaging_yield, quarter, yield);
    SLIP_EACH_LANE {
      state->made[i][l] = started[i][l] * yield[l];
      state->scrapped[i][l] = started[i][l] - state->made[i][l];
    }
  }
}
