/* Money: straight-line capital, energy with PUE, or rent. */
#include <math.h>
#include <slipstick/econ.h>

#include "base/fail.h"

#define SECONDS_PER_YEAR (365.25 * 86400.0)

slip_econ_terms slip_econ_terms_default(void) {
  return (slip_econ_terms){
      .power_usd_per_j = NAN, .pue = NAN, .life_years = 4, .utilisation = 0.8, .rent_usd_per_chip_hour = NAN};
}

static slip_status check_terms(const slip_econ_terms *t, slip_error *err) {
  if (!(t->life_years > 0 && t->life_years <= 50))
    return slip_fail_at(err, SLIP_BAD_INPUT, NULL, 0, 0, "life", "must be above 0 and at most 50 years");
  if (!(t->utilisation > 0 && t->utilisation <= 1))
    return slip_fail_at(err, SLIP_BAD_INPUT, NULL, 0, 0, "utilisation", "must be above 0 and at most 1");
  if (t->power_usd_per_j < 0)
    return slip_fail_at(err, SLIP_BAD_INPUT, NULL, 0, 0, "power-price", "must not be negative");
  if (t->pue < 1)
    return slip_fail_at(err, SLIP_BAD_INPUT, NULL, 0, 0, "pue", "must be at least 1");
  if (t->rent_usd_per_chip_hour < 0)
    return slip_fail_at(err, SLIP_BAD_INPUT, NULL, 0, 0, "rent", "must not be negative");
  return SLIP_OK;
}

slip_status slip_cost_of(const slip_system *system, double systems, double power_w, const slip_econ_terms *terms,
                         slip_cost_rate *out, slip_error *err) {
  slip_status status = SLIP_OK;
  slip_cost_rate rate = {0, 0, 0};
  SLIP_TRY(check_terms(terms, err));
  if (!isnan(terms->rent_usd_per_chip_hour)) { /* rent holds power, building and network */
    rate.capital_usd_per_s = terms->rent_usd_per_chip_hour / 3600 * system->chips * systems / terms->utilisation;
  } else {
    double price = terms->power_usd_per_j, pue = terms->pue;
    if (isnan(price) && terms->region)
      price = terms->region->power_usd_per_j;
    if (isnan(pue) && terms->region)
      pue = terms->region->pue;
    if (isnan(price) || isnan(pue))
      SLIP_FAIL(err, SLIP_BAD_INPUT, "the cost of energy needs a region, or a power price and a PUE");
    SLIP_TRY(slip_require(&system->entry, "price_usd", system->price_usd, err));
    SLIP_TRY(slip_require(&system->entry, "power_kw", system->power_w, err));
    rate.capital_usd_per_s =
        system->price_usd * systems / (terms->life_years * SECONDS_PER_YEAR * terms->utilisation);
    rate.energy_usd_per_s = power_w * pue * price;
  }
  rate.total_usd_per_s = rate.capital_usd_per_s + rate.energy_usd_per_s;
  *out = rate;
cleanup:
  return status;
}
