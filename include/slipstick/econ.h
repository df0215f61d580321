/* Money: capital over its life, energy by region, or rent. */
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
} slip_econ_terms;

/* life 4 years, utilisation 0.8, no overrides, region NULL. Both are assumptions; docs/cost-model.md. */
slip_econ_terms slip_econ_terms_default(void);

typedef struct slip_cost_rate {
  double capital_usd_per_s; /* per working second */
  double energy_usd_per_s;
  double total_usd_per_s;
} slip_cost_rate;

/* Cost of running `systems` of them at an average power of power_w (all systems together, before PUE).
 * SLIP_MISSING naming the field when the price or the power is not published. SLIP_BAD_INPUT for terms out of range. */
slip_status slip_cost_of(const slip_system *system, double systems, double power_w, const slip_econ_terms *terms,
                         slip_cost_rate *out, slip_error *err);

#ifdef __cplusplus
}
#endif
#endif
