/* A supply file in memory, and one quarter of it. */
#ifndef SLIP_SUPPLY_SUPPLY_INTERNAL_H
#define SLIP_SUPPLY_SUPPLY_INTERNAL_H

#include "supply/deck.h"

enum { SUPPLY_POOLS = 8, SUPPLY_PRODUCTS = 8, SUPPLY_NEEDS = 4, SUPPLY_ARRIVALS = 4, SUPPLY_QUARTERS = 64 };

/* Indices are of the deck's assumptions. */
typedef struct supply_pool {
  const char *id, *title, *unit;
  bool has_start, is_made;
  size_t start, release;         /* stock at the file's first quarter, and over how many quarters it is let go */
  size_t wafers, dies_per_wafer; /* made: wafers a month */
  double die_mm2, diameter_mm;   /* die_mm2 > 0: dies_per_wafer is computed */
  bool yield_given;
  size_t yield, defects, clustering;
  slip_yield_model model;
  size_t arrives[SUPPLY_ARRIVALS]; /* units a quarter from elsewhere */
  size_t n_arrives;
} supply_pool;

typedef struct supply_product {
  slip_supply_product public;
  size_t share, packaging_yield, capacity;
  bool has_capacity;
  struct {
    size_t pool;
    double each;
  } needs[SUPPLY_NEEDS];
  size_t n_needs;
} supply_product;

struct slip_supply {
  slip_arena *arena;
  const slip_node *root;
  const char *name, *title, *file;
  slip_quarter from;
  slip_deck *deck;
  supply_pool pools[SUPPLY_POOLS];
  supply_product products[SUPPLY_PRODUCTS];
  size_t n_pools, n_products;
};

/* A block's state. inflow and used are totals since the first quarter: inflow = used + stock. */
typedef struct supply_state {
  slip_lanes stock[SUPPLY_POOLS], inflow[SUPPLY_POOLS], used[SUPPLY_POOLS];
  slip_lanes made[SUPPLY_PRODUCTS], scrapped[SUPPLY_PRODUCTS]; /* of the last quarter */
} supply_state;

void supply_start(const slip_supply *supply, supply_state *state);
/* deck: the supply's own, or one whose first assumptions are at the same indices. Quarters follow each other from supply->from. */
void supply_step(const slip_supply *supply, const slip_deck *deck, const slip_lanes *knots, slip_quarter quarter,
                 supply_state *state);

/* After assumptions were replaced: each must still stay within what its users allow. */
slip_status slip_supply_recheck(const slip_supply *supply, slip_error *err);
/* From memory, for fuzzers and tests. `name`: of the file, in errors. */
slip_status slip_supply_parse(const char *name, const char *bytes, size_t n, slip_supply **out, slip_error *err);
/* Reads pools, products of supply->root into *supply; the deck must be there. */
slip_status supply_read(slip_supply *supply, slip_error *err);

#endif
