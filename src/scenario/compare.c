/* The main job: one model on several systems, a column each. */
#include <math.h>
#include <slipstick/compare.h>
#include <stdio.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"

slip_compare_job slip_compare_job_default(void) {
  return (slip_compare_job){.train = true,
                            .serve = true,
                            .min_chips = 256,
                            .seq = 4096,
                            .batch = 15360,
                            .train_dtype = SLIP_FP8,
                            .train_tokens = NAN,
                            .isl = 4096,
                            .osl = 1024,
                            .ttft_s = 5,
                            .tpot_s = 0.05,
                            .disaggregated = -1,
                            .terms = slip_econ_terms_default()};
}

static slip_answer known(double value) {
  slip_answer answer = {.value = value};
  return answer;
}

static slip_answer unknown(const char *why) {
  slip_answer answer = {.value = NAN};
  int length = 0;
  slip_append(answer.why, SLIP_WHY_SIZE, &length, "%s", why);
  return answer;
}

/* A catalog number, scaled; or that it is not published. */
static slip_answer from_catalog(const slip_entry *entry, const char *field, double value, double scale) {
  slip_error err;
  if (slip_require(entry, field, value, &err) != SLIP_OK)
    return unknown(err.message);
  return known(value * scale);
}

/* SLIP_INTERRUPTED still carries an answer; no memory and the like end the whole. */
static bool is_answer(slip_status status) {
  return status == SLIP_OK || status == SLIP_INTERRUPTED;
}

static slip_status keep_reason(slip_status status, const slip_error *reason, char *why, slip_error *err) {
  if (is_answer(status))
    return SLIP_OK;
  if (status == SLIP_NO_MEMORY || status == SLIP_BAD_INPUT) {
    if (err)
      *err = *reason;
    return status;
  }
  int length = 0;
  slip_append(why, SLIP_WHY_SIZE, &length, "%s", reason->message);
  return SLIP_OK;
}

/* ---- training ---- */

/* Systems that the column's chips make up: part of one when a pod is larger than what is asked for. */
static double share_of_systems(const slip_compare_column *column) {
  double per_system = isnan(column->system->chips) ? 1 : column->system->chips;
  return (double)column->chips / per_system;
}

static slip_answer usd_for(const slip_compare_column *column, const slip_compare_job *job, double power_w,
                           double seconds, double scale) {
  slip_econ_terms terms = job->terms;
  slip_cost_rate rate;
  slip_error err;
  terms.region = column->region;
  if (slip_cost_of(column->system, share_of_systems(column), power_w, &terms, &rate, &err) != SLIP_OK)
    return unknown(err.message);
  return known(rate.total_usd_per_s * seconds * scale);
}

static double pue_of(const slip_compare_column *column, const slip_compare_job *job) {
  if (!isnan(job->terms.pue))
    return job->terms.pue;
  return column->region ? column->region->pue : NAN;
}

static void conclude_training(const slip_compare_job *job, slip_compare_column *column) {
  double tokens = isnan(job->train_tokens) ? job->model->train_tokens : job->train_tokens;
  const slip_train_result *r = &column->train;
  slip_answer power = from_catalog(&column->system->entry, "power_kw", r->system_power_w, 1);
  column->train_joule_per_token = power;
  if (!isnan(power.value))
    column->train_joule_per_token = known(power.value * pue_of(column, job) / r->tokens_per_s);
  if (isnan(tokens)) {
    column->train_days = unknown("the model's training budget is not published; give --train-tokens");
    column->train_usd = column->train_days;
    return;
  }
  double seconds = tokens / r->tokens_per_s;
  column->train_days = known(seconds / 86400);
  column->train_usd = usd_for(column, job, r->system_power_w, seconds, 1);
}

static slip_status train_column(const slip_compare_job *job, const volatile int *stop, slip_compare_column *column,
                                slip_error *err) {
  slip_train_job train_job = slip_train_job_default();
  train_job.model = job->model, train_job.system = column->system, train_job.stack = column->train_stack;
  train_job.chips = column->chips, train_job.seq = job->seq, train_job.batch = job->batch;
  train_job.dtype = job->train_dtype;
  slip_train *train = NULL;
  slip_error reason = {.code = SLIP_OK};
  slip_status status = slip_train_open(&train_job, &train, &reason);
  if (status == SLIP_OK) {
    slip_train_space space = slip_train_space_default();
    status = slip_train_best(train, &space, stop, &column->train, &column->train_stats, &reason);
  }
  if (is_answer(status))
    conclude_training(job, column);
  slip_train_free(train);
  return keep_reason(status, &reason, column->train_why, err);
}

/* ---- serving ---- */

static void conclude_serving(const slip_compare_job *job, slip_compare_column *column) {
  const slip_serve_result *r = &column->serve;
  double per_second = r->output_tokens_per_s_per_chip * (double)column->chips;
  double power_w = r->system_power_w_per_chip * (double)column->chips;
  slip_answer power = from_catalog(&column->system->entry, "power_kw", r->joule_per_output_token, 1);
  column->serve_joule_per_token = power;
  if (!isnan(power.value))
    column->serve_joule_per_token = known(power.value * pue_of(column, job));
  column->serve_usd_per_mtoken = usd_for(column, job, power_w, 1e6 / per_second, 1);
}

static slip_status serve_column(const slip_compare_job *job, const volatile int *stop, slip_compare_column *column,
                                slip_error *err) {
  slip_serve_job serve_job = slip_serve_job_default();
  serve_job.model = job->model, serve_job.system = column->system, serve_job.stack = column->serve_stack;
  serve_job.chips = column->chips, serve_job.isl = job->isl, serve_job.osl = job->osl;
  serve_job.ttft_s = job->ttft_s, serve_job.tpot_s = job->tpot_s;
  slip_serve *serve = NULL;
  slip_error reason = {.code = SLIP_OK};
  slip_status status = slip_serve_open(&serve_job, &serve, &reason);
  if (status == SLIP_OK) {
    slip_serve_plan any = {0};
    status =
        slip_serve_best(serve, NULL, &any, job->disaggregated, stop, &column->serve, &column->serve_stats, &reason);
  }
  if (is_answer(status))
    conclude_serving(job, column);
  slip_serve_free(serve);
  return keep_reason(status, &reason, column->serve_why, err);
}

/* ---- columns ---- */

static void open_column(const slip_compare_job *job, const slip_compare_system *in, slip_compare_column *out) {
  const slip_system *system = in->system;
  memset(out, 0, sizeof *out);
  out->system = system;
  out->region = in->region ? in->region : job->terms.region;
  out->train_stack =
      in->train_stack ? in->train_stack : slip_catalog_newest_stack(job->catalog, system->chip, true);
  out->serve_stack =
      in->serve_stack ? in->serve_stack : slip_catalog_newest_stack(job->catalog, system->chip, false);
  double per_system = isnan(system->chips) ? 1 : system->chips;
  out->chips = in->chips;
  if (out->chips <= 0)
    out->chips = (int64_t)(ceil((double)job->min_chips / per_system) * per_system);
  out->systems = (int64_t)ceil((double)out->chips / per_system);
  double chips = (double)out->chips, share = share_of_systems(out);
  out->peak_bf16_flops =
      from_catalog(&system->chip->entry, "bf16_tflops", system->chip->peak_flops[SLIP_BF16], chips);
  out->power_w = from_catalog(&system->entry, "power_kw", system->power_w, share);
  out->price_usd = from_catalog(&system->entry, "price_usd", system->price_usd, share);
}

slip_status slip_compare(const slip_compare_job *job, const slip_compare_system *systems, size_t n,
                         const volatile int *stop, void (*progress)(double share, void *context), void *context,
                         slip_compare_column *out, slip_error *err) {
  slip_status status = SLIP_OK;
  if (!job->catalog || !job->model || n == 0)
    SLIP_FAIL(err, SLIP_BAD_INPUT, "a comparison needs a catalog, a model and at least one system");
  if (job->min_chips < 1)
    SLIP_FAIL(err, SLIP_BAD_INPUT, "min_chips must be at least 1");
  double halves = (job->train ? 1 : 0) + (job->serve ? 1 : 0), done = 0;
  for (size_t i = 0; i < n; i++) {
    open_column(job, &systems[i], &out[i]);
    if (job->train) {
      SLIP_TRY(train_column(job, stop, &out[i], err));
      if (progress)
        progress(++done / (halves * (double)n), context);
    }
    if (job->serve) {
      SLIP_TRY(serve_column(job, stop, &out[i], err));
      if (progress)
        progress(++done / (halves * (double)n), context);
    }
  }
cleanup:
  return status;
}

int slip_bound_text(const double parts[SLIP_PARTS], char *out, int size) {
  double total = 0;
  int first = 0, second = -1, length = 0;
  for (int i = 0; i < SLIP_PARTS; i++)
    total += parts[i];
  for (int i = 1; i < SLIP_PARTS; i++)
    if (parts[i] > parts[first])
      first = i;
  for (int i = 0; i < SLIP_PARTS; i++)
    if (i != first && (second < 0 || parts[i] > parts[second]))
      second = i;
  if (!(total > 0)) {
    slip_append(out, size, &length, "nothing");
    return length;
  }
  slip_append(out, size, &length, "%s %.0f%%", slip_part_name((slip_part)first), 100 * parts[first] / total);
  if (parts[second] >= 0.005 * total)
    slip_append(out, size, &length, ", %s %.0f%%", slip_part_name((slip_part)second), 100 * parts[second] / total);
  return length;
}
