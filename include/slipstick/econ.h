/* Money: capital over its life, the building and its power plant, energy by region, or rent; and where two systems cost the same. */
#ifndef SLIPSTICK_ECON_H
#define SLIPSTICK_ECON_H

#include <slipstick/catalog.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slip_econ_terms {
  const slip_region *region;     /* power price and PUE; NULL: both overrides must be set */
  double power_usd_per_j;        /* > 0 overrides the region; NAN: the region's */
  double pue;                    /* >= 1 overrides the region; NAN: the region's */
  double life_years;             /* straight-line life of the hardware */
  double utilisation;            /* share of its life that it works, (0, 1] */
  double rent_usd_per_chip_hour; /* instead of capital and power; NAN: own it */
  double
      price_charge; /* share of the hardware's price on top: a tariff, or a revenue share that the buyer bears; >= 0 */
  double power_subsidy; /* share of the power price that somebody else pays, [0, 1] */
  double
      site_usd_per_w; /* building, power and cooling plant and the network between systems, per watt of the system; >= 0 */
  double site_life_years; /* straight-line life of that, > 0 */
} slip_econ_terms;

/* life 4 years, utilisation 0.8, site life 15 years, nothing on top, no overrides, region NULL. All are assumptions; docs/cost-model.md. */
slip_econ_terms slip_econ_terms_default(void);

typedef struct slip_cost_rate {
  double capital_usd_per_s; /* per working second */
  double site_usd_per_s;    /* likewise, of the building */
  double energy_usd_per_s;
  double total_usd_per_s; /* the sum */
} slip_cost_rate;

/* Cost of running `systems` of them at an average power of power_w (all systems together, before PUE).
 * SLIP_MISSING naming the field when the price or the power is not published. SLIP_BAD_INPUT for terms out of range. */
slip_status slip_cost_of(const slip_system *system, double systems, double power_w, const slip_econ_terms *terms,
                         slip_cost_rate *out, slip_error *err);

/* ---- break-even ---- */

/* What one unit of work (a token, a training run) takes. */
typedef struct slip_work_cost {
  double fixed_usd; /* capital, building: whatever does not hang on the power price; >= 0 */
  double energy_j;  /* after PUE; > 0 */
} slip_work_cost;

typedef enum slip_break_even {
  SLIP_CHEAPER_BELOW,  /* a costs less than b while a's power costs less than *usd_per_j */
  SLIP_CHEAPER_ABOVE,  /* one price for both, and a is the frugal one: from *usd_per_j on */
  SLIP_CHEAPER_ALWAYS, /* *usd_per_j is NAN */
  SLIP_CHEAPER_NEVER   /* likewise */
} slip_break_even;

/* At what power price does a cost what b costs? With b's own price p_b given: p = (F_b + E_b p_b - F_a) / E_a. With other_usd_per_j NAN both
 * pay the same: p = (F_b - F_a) / (E_a - E_b). Prices are >= 0: a line that never crosses there gives ALWAYS or NEVER. A curve is this over
 * many p_b. NAN among the costs gives NEVER and NAN. O(1). */
slip_break_even slip_power_break_even(const slip_work_cost *a, const slip_work_cost *b, double other_usd_per_j,
                                      double *usd_per_j);

/* Inventory and commitments that an order stops: sales a quarter x quarters held or ordered x cost of sales over sales. O(1). */
double slip_stranded_usd(double sales_usd_per_quarter, double quarters, double cost_share);

#ifdef __cplusplus
}
#endif
#endif
