/* Money: straight-line capital, energy with PUE, or rent. */
#include <math.h>
#include <slipstick/econ.h>

#include "base/fail.h"

#define SECONDS_PER_YEAR (365.25 * 86400.0)

slip_econ_terms slip_econ_terms_default(void) {
  return (slip_econ_terms){.power_usd_per_j = NAN,
                           .pue = NAN,
                           .life_years = 4,
                           .utilisation = 0.8,
                           .rent_usd_per_chip_hour = NAN,
                           .site_life_years = 15};
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
  if (!(t->price_charge >= 0 && t->price_charge <= 100))
    return slip_fail_at(err, SLIP_BAD_INPUT, NULL, 0, 0, "price_charge", "must be from 0 to 100 of the price");
  if (!(t->power_subsidy >= 0 && t->power_subsidy <= 1))
    return slip_fail_at(err, SLIP_BAD_INPUT, NULL, 0, 0, "power_subsidy", "must be from 0 to 1");
  if (!(t->site_usd_per_w >= 0 && t->site_usd_per_w <= 1e6))
    return slip_fail_at(err, SLIP_BAD_INPUT, NULL, 0, 0, "site_usd_per_w", "must be from 0 to a million");
  if (!(t->site_life_years > 0 && t->site_life_years <= 200))
    return slip_fail_at(err, SLIP_BAD_INPUT, NULL, 0, 0, "site_life_years",
                        "must be above 0 and at most 200 years");
  return SLIP_OK;
}

slip_status slip_cost_of(const slip_system *system, double systems, double power_w, const slip_econ_terms *terms,
                         slip_cost_rate *out, slip_error *err) {
  slip_status status = SLIP_OK;
  slip_cost_rate rate = {0, 0, 0, 0};
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
    rate.capital_usd_per_s = system->price_usd * (1 + terms->price_charge) * systems /
                             (terms->life_years * SECONDS_PER_YEAR * terms->utilisation);
    rate.site_usd_per_s = terms->site_usd_per_w * system->power_w * systems /
                          (terms->site_life_years * SECONDS_PER_YEAR * terms->utilisation);
    rate.energy_usd_per_s = power_w * pue * price * (1 - terms->power_subsidy);
  }
  rate.total_usd_per_s = rate.capital_usd_per_s + rate.site_usd_per_s + rate.energy_usd_per_s;
  *out = rate;
cleanup:
  return status;
}

slip_break_even slip_power_break_even(const slip_work_cost *a, const slip_work_cost *b, double other_usd_per_j,
                                      double *usd_per_j) {
  const bool shared = isnan(other_usd_per_j);
  const double gap = b->fixed_usd + (shared ? 0 : b->energy_j * other_usd_per_j) - a->fixed_usd;
  const double slope = shared ? a->energy_j - b->energy_j : a->energy_j; /* a costs gap - slope p less than b */
  *usd_per_j = NAN;
  if (isnan(gap) || isnan(slope))
    return SLIP_CHEAPER_NEVER;
  if (slope > 0 && gap > 0) {
    *usd_per_j = gap / slope;
    return SLIP_CHEAPER_BELOW;
  }
  if (slope < 0 && gap < 0) {
    *usd_per_j = gap / slope;
    return SLIP_CHEAPER_ABOVE;
  }
  return gap > 0 || (gap == 0 && slope < 0) ? SLIP_CHEAPER_ALWAYS : SLIP_CHEAPER_NEVER;
}

double slip_stranded_usd(double sales_usd_per_quarter, double quarters, double cost_share) {
  return sales_usd_per_quarter * quarters * cost_share;
}
