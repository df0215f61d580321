/* What a search of train and serve is told on the command line: its mode, clusters, price; and how it is watched. */
#include <math.h>
#include <string.h>

#include "cli/cli.h"

static const char default_region[] = "us-average";

slip_search_watch cli_watch(const cli_session *session) {
  return (slip_search_watch){.stop = session->stop, .progress = cli_progress};
}

slip_status cli_search_mode(const cli_session *session, slip_search_mode *out, slip_error *err) {
  static const char *const names[] = {"bounded", "exhaustive", "brute"};
  const char *text = session->options->search;
  *out = SLIP_SEARCH_BOUNDED;
  for (int i = 0; i < 3 && text != NULL; i++)
    if (strcmp(text, names[i]) == 0) {
      *out = (slip_search_mode)i;
      return SLIP_OK;
    }
  return text == NULL
             ? SLIP_OK
             : slip_fail(err, SLIP_BAD_INPUT, "--search is one of bounded, exhaustive, brute, not '%s'", text);
}

static slip_status read_list(const char *text, int64_t out[SLIP_MAX_CLUSTERS], int *n, slip_error *err) {
  char word[32];
  for (const char *at = text;;) {
    size_t length = strcspn(at, ",");
    if (*n == SLIP_MAX_CLUSTERS)
      return slip_fail(err, SLIP_BAD_INPUT, "--clusters takes at most %d numbers", SLIP_MAX_CLUSTERS);
    memcpy(word, at, length < sizeof word ? length : sizeof word - 1);
    word[length < sizeof word ? length : sizeof word - 1] = '\0';
    if (!slip_parse_int(word, &out[*n]) || out[*n] < 1 || out[*n] > 10000000)
      return slip_fail(err, SLIP_BAD_INPUT,
                       "--clusters takes whole numbers from 1 to 10000000, separated by commas, not '%s'", text);
    (*n)++;
    if (at[length] == '\0')
      return SLIP_OK;
    at += length + 1;
  }
}

slip_status cli_clusters(const cli_session *session, int64_t chips, const slip_system *system,
                         int64_t out[SLIP_MAX_CLUSTERS], int *n, slip_error *err) {
  const cli_options *o = session->options;
  *n = 0;
  if (o->clusters != NULL)
    return read_list(o->clusters, out, n, err);
  if (!o->pareto)
    return SLIP_OK;
  const int64_t whole = (int64_t)system->chips;
  for (int64_t c = chips; c > 0 && *n < SLIP_MAX_CLUSTERS; c /= 2) {
    out[(*n)++] = c;
    if (c % 2 != 0 || c / 2 % whole != 0)
      break;
  }
  return SLIP_OK;
}

slip_status cli_terms(const cli_session *session, slip_econ_terms *terms, slip_error *err) {
  const cli_options *o = session->options;
  const char *region = o->region != NULL ? o->region : default_region;
  terms->power_usd_per_j = isnan(o->power_price) ? terms->power_usd_per_j : o->power_price / 3.6e6;
  terms->pue = isnan(o->pue) ? terms->pue : o->pue;
  terms->life_years = isnan(o->life) ? terms->life_years : o->life;
  terms->utilisation = isnan(o->utilisation) ? terms->utilisation : o->utilisation;
  terms->rent_usd_per_chip_hour = isnan(o->rent) ? terms->rent_usd_per_chip_hour : o->rent;
  return slip_catalog_region(session->catalog, region, &terms->region, err);
}

/* slip_cost_of is linear: one system at rest gives the capital, a watt more the price of a joule. */
slip_status cli_price(const cli_session *session, const slip_system *system, slip_price *out, double *pue,
                      char why[SLIP_WHY_SIZE], slip_error *err) {
  slip_econ_terms terms = slip_econ_terms_default();
  slip_cost_rate at_rest, a_watt;
  slip_error missing;
  slip_status status = cli_terms(session, &terms, err);
  if (status != SLIP_OK)
    return status;
  why[0] = '\0';
  *out = (slip_price){NAN, NAN};
  *pue = isnan(terms.pue) ? terms.region->pue : terms.pue;
  status = slip_cost_of(system, 1, 0, &terms, &at_rest, &missing);
  if (status == SLIP_OK)
    status = slip_cost_of(system, 1, 1, &terms, &a_watt, &missing);
  if (status == SLIP_MISSING) {
    int length = 0;
    slip_append(why, SLIP_WHY_SIZE, &length, "%s", missing.message);
    return SLIP_OK;
  }
  if (status != SLIP_OK) {
    *err = missing;
    return status;
  }
  out->usd_per_chip_s = at_rest.capital_usd_per_s / system->chips;
  out->usd_per_j = a_watt.energy_usd_per_s;
  return SLIP_OK;
}

slip_status cli_train_space(const cli_session *session, const slip_train *train, slip_train_space *space,
                            slip_error *err) {
  const slip_train_job *job = slip_train_job_of(train);
  *space = slip_train_space_default();
  space->overlaps = session->options->overlaps;
  if (session->options->formats)
    space->dtypes = 1u << SLIP_BF16 | 1u << SLIP_FP8 | 1u << SLIP_FP4;
  slip_status status = cli_search_mode(session, &space->mode, err);
  if (status == SLIP_OK)
    status = cli_clusters(session, job->chips, job->system, space->clusters, &space->n_clusters, err);
  return status;
}

slip_status cli_serve_space(const cli_session *session, const slip_serve *serve, slip_serve_space *space,
                            slip_error *err) {
  const cli_options *o = session->options;
  const slip_serve_job *job = slip_serve_job_of(serve);
  *space = slip_serve_space_default();
  space->fixed.batch = o->batch;
  space->disaggregated = o->disaggregate ? 1 : o->aggregate ? 0 : -1;
  slip_status status = cli_search_mode(session, &space->mode, err);
  if (status == SLIP_OK)
    status = cli_clusters(session, job->chips, job->system, space->clusters, &space->n_clusters, err);
  return status;
}
