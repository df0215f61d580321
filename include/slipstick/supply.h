/* Supply: how many chips a year come out of wafers, yields, memory and packaging, when each of these is only known as a range.
 *
 *   slip_assumption   one uncertain number, a range at some quarters, with every estimate that was found of it
 *   slip_yield, ...   the formulas
 *   slip_supply       pools (dies, memory stacks) that are made, stocked and bought, and the products packaged from them
 *   slip_supply_run   a distribution by Monte Carlo: quantiles by quarter, and the inputs that matter most
 *
 * Units are those of the files: wafers a month, dies, stacks, packages, mm2, USD. Supply files are data/supply/NAME.yaml (docs/scenarios.md). */
#ifndef SLIPSTICK_SUPPLY_H
#define SLIPSTICK_SUPPLY_H

#include <slipstick/catalog.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- quarters ---- */

typedef int32_t slip_quarter; /* 4 * year + (0..3): 2026Q1 is 8104. From 1990Q1 to 2099Q4. */
enum { SLIP_QUARTER_SIZE = 8 };
bool slip_quarter_parse(const char *text, slip_quarter *out);                 /* "2026Q1" */
char *slip_quarter_format(char out[SLIP_QUARTER_SIZE], slip_quarter quarter); /* returns out */

/* ---- formulas ---- */

typedef enum slip_yield_model {
  SLIP_YIELD_POISSON, /* exp(-A D): defects fall independently */
  SLIP_YIELD_MURPHY,  /* ((1 - exp(-A D)) / (A D))^2: triangular spread of D (Murphy, Proc. IEEE 52, 1964) */
  SLIP_YIELD_NEGATIVE_BINOMIAL /* (1 + A D / a)^-a: clustered defects (Stapper, IBM J. Res. Dev. 27, 1983); a infinite: Poisson */
} slip_yield_model;

/* Share of good dies, (0, 1]. area_mm2 >= 0; defects_per_cm2 >= 0; clustering > 0, read by the negative binomial only. NAN in, NAN out. O(1). */
double slip_yield(slip_yield_model model, double area_mm2, double defects_per_cm2, double clustering);
/* Whole dies of area_mm2 on a wafer, scribe lines included in the area, >= 0, as a real number:
 * pi (d/2)^2 / A - pi d / sqrt(2 A), d the usable diameter (de Vries, "Investigation of gross die per wafer formulas", IEEE Trans.
 * Semicond. Manuf. 18, 2005, its first-order formula). 0 when the die does not fit. */
double slip_dies_per_wafer(double diameter_mm, double area_mm2);

/* ---- uncertain numbers ---- */

typedef enum slip_shape {
  SLIP_SHAPE_TRIANGULAR, /* low, mode, high: bounds and the likeliest */
  SLIP_SHAPE_UNIFORM,    /* low, high: bounds; mode is their middle */
  SLIP_SHAPE_LOGNORMAL /* low, mode, high: 10%, 50% and 90% quantiles; the middle is the geometric mean of the ends */
} slip_shape;

/* A range at one quarter. low <= mode <= high; all equal: a fixed number. */
typedef struct slip_knot {
  slip_quarter quarter;
  double low, mode, high;
} slip_knot;

/* What somebody says of it. Texts are never NULL. */
typedef struct slip_citation {
  double value; /* in the assumption's unit; NAN when the source gives none */
  const char *at, *source, *url, *date, *note;
  slip_confidence confidence;
} slip_citation;

/* One uncertain number. Between knots each quantile moves linearly; before the first and after the last it stays. One draw decides the
 * whole path: high stays high. Texts are never NULL. */
typedef struct slip_assumption {
  const char *id, *title, *unit;
  slip_shape shape;
  const slip_knot *knots;
  size_t n_knots; /* >= 1 */
  const slip_citation *citations;
  size_t n_citations; /* >= 1 */
  const char *file;
  int line;
} slip_assumption;

/* Quantile u in [0, 1] at a quarter. The lognormal's tails end at 1/1024 and 1023/1024. O(knots). */
double slip_assumption_quantile(const slip_assumption *assumption, slip_quarter quarter, double u);

/* ---- a supply file ---- */

typedef struct slip_supply slip_supply;

typedef struct slip_supply_product {
  const char *id, *title, *system; /* system: of the catalog, in which its packages are sold */
} slip_supply_product;

/* A built-in supply by name, or a file when the name has a '/' or ends in .yaml. SLIP_BAD_INPUT with file, line and field; with the
 * nearest name for one that is unknown; SLIP_IO_FAILURE; SLIP_NO_MEMORY. */
slip_status slip_supply_open(const char *name, slip_supply **out, slip_error *err);
void slip_supply_free(slip_supply *supply); /* NULL is allowed */
size_t slip_supply_products(const slip_supply *supply);
/* i-th product, in the file's order; i in range. */
slip_supply_product slip_supply_product_at(const slip_supply *supply, size_t i);
/* i-th assumption; NULL out of range. */
const slip_assumption *slip_supply_assumption(const slip_supply *supply, size_t i);

/* ---- Monte Carlo ---- */

enum { SLIP_MAX_SAMPLES = 1 << 24 };

typedef struct slip_band {
  double low, median, high; /* 10%, 50% and 90% quantiles */
} slip_band;

typedef struct slip_supply_ask {
  slip_quarter from,
      to; /* what is told; making starts at the file's own first quarter. from <= to, at most 64 quarters later than it */
  int64_t samples; /* 1 .. SLIP_MAX_SAMPLES */
  uint32_t seed;
  int threads; /* 0: as many as the machine has. Never changes the answer. */
} slip_supply_ask;

typedef struct slip_driver {
  const slip_assumption *assumption;
  double rank_correlation; /* Spearman's, with the total of all packages */
} slip_driver;

typedef struct slip_supply_result {
  size_t n_products, n_quarters;
  const slip_band *made;      /* [product * n_quarters + quarter]: good packages of the quarter */
  const slip_band *total;     /* [product]: of all quarters */
  const slip_driver *drivers; /* strongest first */
  size_t n_drivers;
} slip_supply_result;

/* Each quarter, per sample: pools gain what is made, released from stock or bought; products share each pool by their weights, and what one
 * cannot use goes to the others in order; a product is bound by its scarcest pool and by its capacity; packaging yield decides what is good.
 * What is not used stays in the pool. Sample s of assumption `id` is slip_random_uniform(seed, hash of id, s): no other draw moves it.
 * O(samples * quarters * products * pools). */
slip_status slip_supply_run(const slip_supply *supply, const slip_supply_ask *ask, slip_supply_result **out,
                            slip_error *err);
void slip_supply_result_free(slip_supply_result *result); /* NULL is allowed */

#ifdef __cplusplus
}
#endif
#endif
