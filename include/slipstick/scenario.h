/* Scenarios: policy x supply x money -> how much compute there is, by quarter, and what it trains and serves.
 *
 *   slip_scenario_open      one scenario, built in or from a file, over a catalog and a rule pack
 *   slip_scenario_prepare   what each of its systems trains and serves: from the searches of <slipstick/search.h>, once per system
 *   slip_scenario_run       Monte Carlo over everything uncertain: quantiles by year or quarter, and the inputs that matter most
 *   slip_known_figures      published figures held against the same inputs
 *
 * docs/scenarios.md has the equations, the form of the files, and what is left out. */
#ifndef SLIPSTICK_SCENARIO_H
#define SLIPSTICK_SCENARIO_H

#include <slipstick/compare.h>
#include <slipstick/rules.h>
#include <slipstick/supply.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what is told ---- */

typedef enum slip_measure {
  SLIP_MADE,             /* chips: good packages made at home */
  SLIP_BOUGHT_DOMESTIC,  /* chips of it bought */
  SLIP_BOUGHT_IMPORTED,  /* chips bought from abroad */
  SLIP_RENTED_ABROAD,    /* chips, level: rented in other countries */
  SLIP_UNSOLD,           /* chips, level: made at home, not bought */
  SLIP_INSTALLED,        /* chips, level: working in the country */
  SLIP_RETIRED,          /* chips */
  SLIP_DOMESTIC_SHARE,   /* of chips bought; NAN, told as 0, when none was */
  SLIP_COMPUTE_DOMESTIC, /* FLOP/s, level: dense bf16 peak of what is installed, by where it was made */
  SLIP_COMPUTE_IMPORTED,
  SLIP_COMPUTE_ABROAD,
  SLIP_COMPUTE_SHARE,  /* domestic over the three */
  SLIP_RUNS,           /* training runs a year of the model's own budget, on all chips that train */
  SLIP_DAYS,           /* days for one such run on all of them */
  SLIP_LARGEST_FLOP,   /* 6 N D of the largest run of 90 days on the chips of one kind */
  SLIP_LARGEST_PARAMS, /* N of it when compute-optimal: D = 20 N (Hoffmann et al. 2022, arXiv 2203.15556) */
  SLIP_TOKENS_DAY,     /* output tokens a day within the objective of the job */
  SLIP_POWER_W,        /* W at the meter (PUE included) while all chips in the country work */
  SLIP_ENERGY_J,       /* J at the meter */
  SLIP_COST,           /* USD: the next four */
  SLIP_COST_HARDWARE,
  SLIP_COST_SITE,
  SLIP_COST_ENERGY,
  SLIP_COST_RENT,
  SLIP_REVENUE_FOREIGN, /* USD that foreign vendors keep of the hardware */
  SLIP_REVENUE_DOMESTIC,
  SLIP_FEES,            /* USD of the hardware's cost to a treasury: tariffs, revenue shares */
  SLIP_BUDGET,          /* USD that buyers have for hardware */
  SLIP_UNSPENT,         /* USD of it that bought nothing */
  SLIP_NEEDED_DOMESTIC, /* chips: what would have to be bought at home for the wanted domestic share of the whole budget */
  SLIP_MEASURES
} slip_measure;

typedef struct slip_measure_info {
  const char *id, *title, *unit;
  bool is_flow; /* a year's is the sum of its quarters; else that of its last quarter */
} slip_measure_info;
/* Never NULL in range. */
const slip_measure_info *slip_measure_of(slip_measure measure);

/* ---- a scenario ---- */

typedef struct slip_scenario slip_scenario;

/* By name, or from a file when the name has a '/' or ends in .yaml. Catalog and rules must outlive it. SLIP_BAD_INPUT with file, line and
 * field. O(imports * buyers * quarters) verdicts. */
slip_status slip_scenario_open(const char *name, const slip_catalog *catalog, const slip_rules *rules,
                               slip_scenario **out, slip_error *err);
void slip_scenario_free(slip_scenario *scenario); /* NULL is allowed */

typedef struct slip_scenario_info {
  const char *name, *title, *summary, *file;
  slip_quarter from, to; /* a first and a last quarter of years */
  const slip_model *model;
  int64_t cluster; /* chips of the clusters that are estimated */
} slip_scenario_info;
slip_scenario_info slip_scenario_describe(const slip_scenario *scenario);
/* i-th assumption, estimates last; NULL out of range. */
const slip_assumption *slip_scenario_assumption(const slip_scenario *scenario, size_t i);
/* Copies the name of the i-th built-in scenario; false out of range, or when it does not fit. */
bool slip_scenario_name(size_t i, char *out, size_t size);

/* What the rules came to for one import, buyer and quarter, for reports. */
typedef struct slip_policy {
  const char *import, *buyer, *mode; /* mode: blockade, rules, open */
  slip_quarter quarter;
  const char *strictest, *mildest; /* review policies that are possible; "" unless by rules */
  const char *china;               /* rules of the Chinese side that count, separated by ", " */
} slip_policy;
/* i-th, only where it differs from the quarter before; false out of range. */
bool slip_scenario_policy(const slip_scenario *scenario, size_t i, slip_policy *out);

/* ---- estimates ---- */

/* Fills what every system of the scenarios trains and serves, each searched once for all of them. In parallel. SLIP_MISSING or
 * SLIP_INFEASIBLE naming the system that has no answer; SLIP_INTERRUPTED. */
slip_status slip_scenario_prepare(slip_scenario *const *scenarios, size_t n, const volatile int *stop,
                                  void (*progress)(double share, void *context), void *context, slip_error *err);

/* ---- answers ---- */

/* Fixes an input to one value at all times; NAN gives its range back. `id` may be the start of one id only. SLIP_BAD_INPUT when unknown,
 * ambiguous, or outside what the scenario allows. *id_out, when not NULL, is the whole id. */
slip_status slip_scenario_fix(slip_scenario *scenario, const char *id, double value, const char **id_out,
                              slip_error *err);

typedef struct slip_scenario_ask {
  int64_t samples; /* 1 .. SLIP_MAX_SAMPLES */
  uint32_t seed;
  int threads;    /* 0: as many as the machine has. Never changes the answer. */
  bool quarterly; /* also bands by quarter: more memory, 4 bytes x samples x measures x quarters */
} slip_scenario_ask;

enum { SLIP_DRIVER_MEASURES = 4 }; /* domestic share of compute, runs, tokens a day, cost */

typedef struct slip_scenario_driver {
  const slip_assumption *assumption;
  double weight;                                 /* mean square of the four */
  double rank_correlation[SLIP_DRIVER_MEASURES]; /* with the measures of the last year, as listed above */
} slip_scenario_driver;

typedef struct slip_scenario_result {
  size_t n_years, n_quarters;
  int first_year;
  const slip_band *year;               /* [measure * n_years + year] */
  const slip_band *quarter;            /* [measure * n_quarters + quarter]; NULL unless asked for */
  const slip_scenario_driver *drivers; /* by weight, strongest first */
  size_t n_drivers;
} slip_scenario_result;

/* Needs slip_scenario_prepare. Two scenarios draw the same number for inputs of one id and seed, so that their difference is not noise.
 * O(samples * quarters * (imports * buyers + fleets)). */
slip_status slip_scenario_run(const slip_scenario *scenario, const slip_scenario_ask *ask, const volatile int *stop,
                              slip_scenario_result **out, slip_error *err);
void slip_scenario_result_free(slip_scenario_result *result); /* NULL is allowed */

/* ---- published figures ---- */

/* One figure that came out of the inputs, and what was published of it. */
typedef struct slip_known_figure {
  const char *title, *unit;
  slip_band computed;
  const slip_citation *published; /* of the file */
  size_t n_published;
} slip_known_figure;
typedef struct slip_known_figures {
  slip_known_figure *figures;
  size_t n;
} slip_known_figures;
/* Output of products, charges after an order that stops sales, and break-even power prices, as the scenario's `known` lists them. Needs
 * slip_scenario_prepare. Texts live as long as the scenario. */
slip_status slip_scenario_known(const slip_scenario *scenario, const slip_scenario_ask *ask,
                                slip_known_figures *out, slip_error *err);
void slip_known_figures_free(slip_known_figures *figures);

#ifdef __cplusplus
}
#endif
#endif
