/* Inside of supply and of scenarios: the assumptions of one study, drawn in blocks of samples.
 *
 *   deck.c      reading assumptions, drawing them
 *   formula.c   yields, dies per wafer, quarters
 *   read.c      supply files
 *   step.c      one quarter of making and packaging, for a block of samples
 *   sample.c    Monte Carlo: blocks over threads, rank correlations
 *   quantile.c  exact quantiles in little memory
 *   supply.c    the public functions */
#ifndef SLIP_SUPPLY_DECK_H
#define SLIP_SUPPLY_DECK_H

#include "base/arena.h"
#include "base/doc.h"
#include "base/wide.h"
#include <slipstick/supply.h>

enum {
  SLIP_LANES = 64, /* samples of a block: everything of one fits the cache */
  SLIP_DECK_MAX = 128,
  SLIP_KNOTS_MAX = 16,
  SLIP_TABLE = 256 /* steps of a quantile table */
};

typedef double slip_lanes[SLIP_LANES];

/* A loop over the samples of a block, each on its own: no iteration reads what another writes. */
#define SLIP_EACH_LANE _Pragma("omp simd") for (int l = 0; l < SLIP_LANES; l++)

typedef struct slip_deck {
  slip_arena *arena;
  slip_assumption items[SLIP_DECK_MAX];
  const double *tables[SLIP_DECK_MAX]; /* [knot][SLIP_TABLE + 1]; NULL: all knots are fixed numbers */
  size_t first_knot[SLIP_DECK_MAX];    /* among all knots of the deck; set by slip_deck_finish */
  uint32_t streams[SLIP_DECK_MAX];
  double least[SLIP_DECK_MAX], most[SLIP_DECK_MAX]; /* what those that refer to it allow */
  size_t n, n_knots;
} slip_deck;

/* The index of an id; false when there is none. O(n). */
bool slip_deck_find(const slip_deck *deck, const char *id, size_t *index);
/* Reads a list of assumptions (NULL: none); one of an id that is there replaces it when `replace`. */
slip_status slip_deck_read(slip_deck *deck, const slip_node *list, bool replace, slip_error *err);
/* Adds (or replaces) one made here. */
slip_status slip_deck_add(slip_deck *deck, const slip_assumption *item, slip_error *err);
/* Checks that an assumption cannot leave [low, high] at any knot; the error is at the node that refers to it. */
slip_status slip_deck_within(const slip_deck *deck, size_t index, double low, double high, const slip_node *node,
                             slip_error *err);
/* A list of sources, at least one. */
slip_status slip_deck_citations(slip_deck *deck, const slip_node *list, const slip_citation **out, size_t *n,
                                slip_error *err);
/* Makes the tables. After the last change. */
slip_status slip_deck_finish(slip_deck *deck, slip_error *err);
/* Draws samples first .. first + SLIP_LANES - 1: knots[n_knots], and uniform[n] when not NULL. */
void slip_deck_draw(const slip_deck *deck, uint32_t seed, uint32_t first, slip_lanes *knots, slip_lanes *uniform);
/* The value of one assumption at a quarter, from what was drawn. */
void slip_deck_at(const slip_deck *deck, const slip_lanes *knots, size_t index, slip_quarter quarter,
                  slip_lanes out);

/* An assumption by id, or a number written in its place: an assumption "=VALUE" is then made. within low..high. */
slip_status slip_deck_refer(slip_deck *deck, const slip_node *node, double low, double high, size_t *index,
                            slip_error *err);

/* ---- readers shared with scenarios ---- */

slip_status slip_file_quarter(const slip_node *map, const char *key, slip_quarter *out, slip_error *err);
/* Map of list entries must be a sequence of maps (NULL: none). */
slip_status slip_file_list(const slip_node *list, const char *what, slip_error *err);

#endif
