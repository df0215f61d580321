/* Inside of scenarios:
 *
 *   scenario.c   opening, describing, fixing inputs
 *   read.c       files -> slip_scenario
 *   policy.c     the rules' verdicts by import, buyer and quarter
 *   estimate.c   what each system trains and serves
 *   quarter.c    one quarter, for a block of samples: money, purchases, fleets, measures
 *   run.c        Monte Carlo and its quantiles
 *   known.c      published figures */
#ifndef SLIP_SCENARIO_SCENARIO_INTERNAL_H
#define SLIP_SCENARIO_SCENARIO_INTERNAL_H

#include "supply/supply_internal.h"
#include <slipstick/scenario.h>

enum {
  SCENARIO_BUYERS = 6,
  SCENARIO_IMPORTS = 6,
  SCENARIO_ABROAD = 4,
  SCENARIO_INSTALLED = 8,
  SCENARIO_FLEETS = 16,
  SCENARIO_QUARTERS = 60, /* of a scenario; its supply may begin four years earlier and no more */
  SCENARIO_REGIMES = 12,
  SCENARIO_GIVEN = 24,
  SCENARIO_REVIEWS = 8,
  SCENARIO_CHINA = 8,
  SCENARIO_CAPS = 4,
  SCENARIO_KNOWN = 8
};

typedef enum scenario_source {
  SCENARIO_DOMESTIC,
  SCENARIO_IMPORTED,
  SCENARIO_RENTED,
  SCENARIO_SOURCES
} scenario_source;

/* Chips of one system and source. */
typedef struct scenario_fleet {
  const slip_system *system;
  scenario_source source;
  bool is_estimated, is_used;    /* is_used: may have chips; else only a known figure asks for it */
  bool is_old;                   /* may have chips before the scenario begins */
  size_t train_rate, serve_rate; /* inputs made by estimate.c: tokens/s per chip */
  double train_w, serve_w;       /* of one chip with its part of the system, before PUE */
  double peak_flops, price_usd;  /* of one chip with its part of the system */
  const slip_node *node;
} scenario_fleet;

typedef struct scenario_given {
  const char *key, *value;
  const slip_node *node;
} scenario_given;

typedef struct scenario_buyer {
  const char *id, *title, *end_user;
  size_t share, training, home; /* home: part of the budget that is kept for domestic chips */
  bool has_home;
  scenario_given given[SCENARIO_GIVEN];
  size_t n_given;
} scenario_buyer;

typedef enum scenario_mode { SCENARIO_BLOCKADE, SCENARIO_BY_RULES, SCENARIO_OPEN } scenario_mode;

typedef struct scenario_regime {
  slip_quarter from;
  scenario_mode mode;
  scenario_given given[SCENARIO_GIVEN];
  size_t n_given;
} scenario_regime;

/* A word of the rules and the input that says what share gets through. */
typedef struct scenario_mapping {
  const char *word;
  size_t share;
  const slip_node *node;
} scenario_mapping;

/* What share of a buyer's wishes passes: between the strictest and the mildest reading, then the least of the Chinese side. */
typedef struct scenario_grant {
  scenario_mode mode;
  const char *strict_word, *mild_word, *china_text;
  size_t strict, mild;
  struct {
    size_t share;
    bool is_certain;
  } china[SCENARIO_CHINA];
  size_t n_china;
} scenario_grant;

typedef struct scenario_import {
  const char *id, *title;
  size_t fleet, offered, fee, price;
  bool has_price, buyer_pays_fee;
  size_t caps[SCENARIO_CAPS];
  size_t n_caps;
  scenario_regime regimes[SCENARIO_REGIMES];
  size_t n_regimes;
  scenario_mapping review[SCENARIO_REVIEWS], china[SCENARIO_CHINA];
  size_t n_review, n_china;
  scenario_grant *grants; /* [buyer * n_quarters + quarter] */
} scenario_import;

typedef struct scenario_abroad {
  const char *id;
  size_t fleet, chips, rent, training;
} scenario_abroad;

typedef struct scenario_installed {
  size_t fleet, chips, training;
} scenario_installed;

typedef enum scenario_known_kind { SCENARIO_OUTPUT, SCENARIO_CHARGE, SCENARIO_BREAK_EVEN } scenario_known_kind;

typedef struct scenario_known {
  const char *title, *unit;
  scenario_known_kind kind;
  size_t product;                     /* output */
  slip_quarter from, to;              /* output */
  size_t sales, quarters, cost_share; /* charge */
  size_t fleet, other;                /* break-even: fleets */
  const slip_region *other_region;
  bool power_only;
  const slip_citation *published;
  size_t n_published;
} scenario_known;

struct slip_scenario {
  slip_arena *arena;
  const slip_catalog *catalog;
  const slip_rules *rules;
  const slip_node *root, *base; /* base: of `like`; NULL */
  const char *name, *title, *summary, *file;
  slip_quarter from, to;
  size_t n_quarters;
  const slip_model *model;
  int64_t cluster, life_quarters;
  slip_supply *supply;
  slip_deck *deck;                     /* the supply's assumptions first, at the same indices */
  slip_assumption kept[SLIP_DECK_MAX]; /* those that were fixed; id NULL: not fixed */
  const slip_region *regions[SCENARIO_SOURCES];
  size_t market, utilisation, site, reading, floor, subsidy;
  bool has_floor;
  scenario_buyer buyers[SCENARIO_BUYERS];
  size_t n_buyers;
  scenario_fleet fleets[SCENARIO_FLEETS];
  size_t n_fleets;
  size_t product_fleet[SUPPLY_PRODUCTS];
  scenario_import imports[SCENARIO_IMPORTS];
  size_t n_imports;
  scenario_abroad abroad[SCENARIO_ABROAD];
  size_t n_abroad;
  scenario_installed installed[SCENARIO_INSTALLED];
  size_t n_installed;
  scenario_known known[SCENARIO_KNOWN];
  size_t n_known;
};

/* read.c: root and base are set; fills the rest but grants and estimates. */
slip_status scenario_read(slip_scenario *s, slip_error *err);
/* policy.c */
slip_status scenario_judge(slip_scenario *s, slip_error *err);
/* scenario.c: from memory, for fuzzers and tests. */
slip_status slip_scenario_parse(const char *name, const char *bytes, size_t n, const slip_catalog *catalog,
                                const slip_rules *rules, slip_scenario **out, slip_error *err);

/* ---- quarter.c ---- */

typedef struct scenario_state {
  supply_state supply;
  slip_lanes unsold[SUPPLY_PRODUCTS];
  slip_lanes train[SCENARIO_FLEETS], serve[SCENARIO_FLEETS]; /* chips at work */
  slip_lanes first_train[SCENARIO_FLEETS],
      first_serve[SCENARIO_FLEETS]; /* there at the beginning: they retire evenly */
  slip_lanes cohort_train[SCENARIO_FLEETS][SCENARIO_QUARTERS], cohort_serve[SCENARIO_FLEETS][SCENARIO_QUARTERS];
  slip_lanes measures[SLIP_MEASURES]; /* of the last quarter */
} scenario_state;

/* Runs the supply up to the scenario's first quarter and installs what is there. */
void scenario_start(const slip_scenario *s, const slip_lanes *knots, scenario_state *state);
/* q-th quarter of the scenario, one after the other. Without `results` its shares, its compute and what it trains and serves are left at 0: nothing
 * later hangs on them, and of a year only the last quarter's count. */
void scenario_quarter(const slip_scenario *s, const slip_lanes *knots, size_t q, bool results,
                      scenario_state *state);

#endif
