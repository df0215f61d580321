/* --pareto: every plan that no other beats; --why-not: what is wrong with one. */
#include <math.h>

#include "cli/cli.h"
#include "report/estimate.h"
#include "report/front.h"
#include "report/number.h"

/* A stopped search that has something is an answer. */
static slip_status settle(slip_status status, size_t count) {
  return status == SLIP_INTERRUPTED && count > 0 ? SLIP_OK : status;
}

static void note_price(cli_session *session, const char *why) {
  if (why[0] != '\0' && !session->options->json)
    slip_text_printf(&session->notes, "slipstick: without cost: %s\n", why);
}

static void begin(cli_session *session, const char *command, const slip_model *model, const slip_system *system) {
  cli_json_begin(session, command);
  slip_json_string(&session->json, "model", model->entry.name);
  slip_json_string(&session->json, "system", system->entry.name);
}

static void end(cli_session *session, const slip_search_stats *stats, const char *why) {
  if (why[0] != '\0')
    slip_json_string(&session->json, "usd_why", why);
  cli_note_stopped(session);
  slip_json_search(&session->json, "search", stats);
  cli_json_end(session);
}

static void title(cli_session *session, const char *what, const slip_model *model, const slip_system *system,
                  size_t count) {
  slip_text_printf(&session->out, "%s %s on %s: %zu plans that no other beats\n\n", what, model->entry.title,
                   system->entry.title, count);
}

/* ---- training ---- */

slip_status cli_train_front(cli_session *session, const slip_train *train, slip_error *err) {
  const slip_train_job *job = slip_train_job_of(train);
  slip_train_space space;
  slip_price price;
  char why[SLIP_WHY_SIZE];
  double pue;
  slip_train_point *points = NULL;
  size_t count = 0;
  slip_search_stats stats;
  slip_status status = SLIP_OK;
  SLIP_TRY(cli_train_space(session, train, &space, err));
  SLIP_TRY(cli_price(session, job->system, &price, &pue, why, err));
  const slip_search_watch watch = cli_watch(session);
  status = slip_train_pareto(train, &space, &price, &watch, &points, &count, &stats, err);
  cli_progress_end();
  SLIP_TRY(settle(status, count));
  if (session->options->json) {
    begin(session, "train", job->model, job->system);
    slip_json_train_front(&session->json, "front", points, count);
    end(session, &stats, why);
  } else {
    note_price(session, why);
    cli_note_stopped(session);
    title(session, "training", job->model, job->system, count);
    slip_report_train_front(points, count, &session->style, &session->out);
    slip_text_add(&session->out, "\n");
    slip_report_search(&stats, &session->style, &session->out);
  }
cleanup:
  slip_points_free(points);
  return status;
}

/* What --why-not found: rules, then memory or objectives, then the time against the best. */
typedef struct verdict {
  char plan[256], best_plan[256];
  slip_plan_verdict rules[SLIP_MAX_RULES];
  int n_rules, broken;
  slip_status status; /* of its estimate */
  slip_error error;
  double value, best; /* what is compared: step time, or tokens/s per chip; NAN: not computed */
  const char *unit;
  bool less_is_better, has_best;
} verdict;

static int count_broken(const verdict *v) {
  int broken = 0;
  for (int i = 0; i < v->n_rules; i++)
    broken += !v->rules[i].kept;
  return broken;
}

static void write_verdict_json(cli_session *session, const verdict *v) {
  slip_json *json = &session->json;
  slip_json_object(json, "why_not");
  slip_json_string(json, "plan", v->plan);
  slip_json_bool(json, "legal", v->broken == 0);
  slip_json_verdicts(json, "rules", v->rules, v->n_rules);
  slip_json_bool(json, "feasible", v->broken == 0 && v->status == SLIP_OK);
  slip_json_string(json, "infeasible_why", v->broken == 0 && v->status != SLIP_OK ? v->error.message : NULL);
  slip_json_double(json, v->unit, v->value);
  slip_json_string(json, "best_plan", v->has_best ? v->best_plan : NULL);
  char key[64];
  int length = 0;
  slip_append(key, sizeof key, &length, "best_%s", v->unit);
  slip_json_double(json, key, v->best);
  slip_json_object_end(json);
}

static void write_verdict_text(cli_session *session, const verdict *v, const char *what) {
  slip_text *out = &session->out;
  char a[SLIP_CELL_SIZE], b[SLIP_CELL_SIZE], c[SLIP_CELL_SIZE];
  slip_text_printf(out, "%s\n%s\n\n", v->plan,
                   v->broken > 0          ? "is not legal:"
                   : v->status != SLIP_OK ? "is legal, but does not do:"
                   : !v->has_best         ? "is legal and fits."
                   : v->value != v->best
                       ? "is legal and fits, but another is better:" /* NOLINT: the same number or not */
                       : "is the best there is.");
  if (v->broken > 0)
    slip_report_verdicts(v->rules, v->n_rules, &session->style, out);
  else if (v->status != SLIP_OK)
    slip_paragraph(out, &session->style, 0, v->error.message);
  if (v->broken == 0 && v->status == SLIP_OK)
    slip_text_printf(out, "  %s %s\n", what,
                     v->less_is_better ? slip_number_seconds(a, v->value) : slip_number_plain(a, v->value));
  if (v->has_best)
    slip_text_printf(
        out, "  the best: %s%s%s%s\n  %s\n",
        v->less_is_better ? slip_number_seconds(b, v->best) : slip_number_plain(b, v->best),
        isnan(v->value) ? "" : ", ",
        isnan(v->value) ? "" : slip_number_ratio(c, v->less_is_better ? v->value / v->best : v->best / v->value),
        isnan(v->value) ? "" : " as fast", v->best_plan);
}

slip_status cli_train_why_not(cli_session *session, const slip_train *train, slip_error *err) {
  const slip_train_job *job = slip_train_job_of(train);
  verdict v = {.value = NAN, .best = NAN, .unit = "step_s", .less_is_better = true};
  slip_plan plan;
  slip_train_space space;
  slip_train_result r;
  slip_search_stats stats = {0};
  slip_error ignored;
  slip_status status = SLIP_OK;
  SLIP_TRY(slip_plan_parse(session->options->why_not, &plan, err));
  SLIP_TRY(cli_train_space(session, train, &space, err));
  v.n_rules = slip_train_verdicts(train, &plan, v.rules);
  v.broken = count_broken(&v);
  (void)slip_plan_format(&plan, v.plan, sizeof v.plan);
  v.status = v.broken == 0 ? slip_train_estimate(train, &plan, &r, &v.error) : SLIP_INFEASIBLE;
  v.value = v.status == SLIP_OK ? r.step_s : NAN;
  const slip_search_watch watch = cli_watch(session);
  const slip_status searched = slip_train_search(train, &space, &watch, &r, NULL, &stats, &ignored);
  cli_progress_end();
  v.has_best = searched == SLIP_OK || searched == SLIP_INTERRUPTED;
  if (v.has_best) {
    v.best = r.step_s;
    (void)slip_plan_format(&r.plan, v.best_plan, sizeof v.best_plan);
  }
  if (session->options->json) {
    begin(session, "train", job->model, job->system);
    write_verdict_json(session, &v);
    end(session, &stats, "");
  } else {
    cli_note_stopped(session);
    write_verdict_text(session, &v, "step:");
    slip_text_add(&session->out, "\n");
    slip_report_search(&stats, &session->style, &session->out);
  }
cleanup:
  return status;
}

/* ---- serving ---- */

slip_status cli_serve_front(cli_session *session, const slip_serve *serve, const slip_serve *decode,
                            slip_error *err) {
  const slip_serve_job *job = slip_serve_job_of(serve);
  const slip_serve *other = decode != NULL ? decode : serve;
  slip_serve_space space;
  slip_price price[2];
  char why[SLIP_WHY_SIZE], why_decode[SLIP_WHY_SIZE];
  double pue;
  slip_serve_point *points = NULL;
  size_t count = 0;
  slip_search_stats stats;
  slip_status status = SLIP_OK;
  SLIP_TRY(cli_serve_space(session, serve, &space, err));
  SLIP_TRY(cli_price(session, slip_serve_job_of(other)->system, &price[1], &pue, why_decode, err));
  SLIP_TRY(cli_price(session, job->system, &price[0], &pue, why, err));
  const slip_search_watch watch = cli_watch(session);
  status = slip_serve_pareto(serve, decode, &space, price, pue, &watch, &points, &count, &stats, err);
  cli_progress_end();
  SLIP_TRY(settle(status, count));
  if (session->options->json) {
    begin(session, "serve", job->model, job->system);
    slip_json_string(&session->json, "decode_system", slip_serve_job_of(other)->system->entry.name);
    slip_json_serve_front(&session->json, "front", points, count);
    end(session, &stats, why[0] != '\0' ? why : why_decode);
  } else {
    note_price(session, why[0] != '\0' ? why : why_decode);
    cli_note_stopped(session);
    title(session, "serving", job->model, job->system, count);
    slip_report_serve_front(points, count, job->chips == 0 && space.n_clusters == 0, &session->style,
                            &session->out);
    slip_text_add(&session->out, "\n");
    slip_report_search(&stats, &session->style, &session->out);
  }
cleanup:
  slip_points_free(points);
  return status;
}

slip_status cli_serve_why_not(cli_session *session, const slip_serve *serve, slip_error *err) {
  const slip_serve_job *job = slip_serve_job_of(serve);
  verdict v = {.value = NAN, .best = NAN, .unit = "output_tokens_per_s_per_chip"};
  slip_serve_plan plan;
  slip_serve_space space;
  slip_serve_result r;
  slip_serve_point best;
  slip_search_stats stats = {0};
  slip_error ignored;
  slip_status status = SLIP_OK;
  SLIP_TRY(slip_serve_plan_parse(session->options->why_not, &plan, err));
  SLIP_TRY(cli_serve_space(session, serve, &space, err));
  plan.disaggregated = plan.disaggregated || session->options->disaggregate;
  v.n_rules = slip_serve_verdicts(serve, &plan, v.rules);
  v.broken = count_broken(&v);
  (void)slip_serve_plan_format(&plan, v.plan, sizeof v.plan);
  v.status = v.broken == 0 ? slip_serve_estimate(serve, &plan, NULL, NULL, &r, &v.error) : SLIP_INFEASIBLE;
  v.value = v.status == SLIP_OK ? r.output_tokens_per_s_per_chip : NAN;
  const slip_search_watch watch = cli_watch(session);
  const slip_status searched = slip_serve_search(serve, NULL, &space, &watch, &best, &stats, &ignored);
  cli_progress_end();
  v.has_best = searched == SLIP_OK || searched == SLIP_INTERRUPTED;
  if (v.has_best) {
    char a[SLIP_PLAN_TEXT], b[SLIP_PLAN_TEXT];
    int length = 0;
    const slip_serve_result *w = &best.result;
    v.best = w->output_tokens_per_s_per_chip;
    if (w->disaggregated)
      slip_append(v.best_plan, sizeof v.best_plan, &length, "prefill %s; decode %s",
                  slip_report_plan(&w->prefill.plan, a), slip_report_plan(&w->decode.plan, b));
    else
      slip_append(v.best_plan, sizeof v.best_plan, &length, "%s", slip_report_plan(&w->decode.plan, a));
  }
  if (session->options->json) {
    begin(session, "serve", job->model, job->system);
    write_verdict_json(session, &v);
    end(session, &stats, "");
  } else {
    cli_note_stopped(session);
    write_verdict_text(session, &v, "output tokens/s per chip:");
    slip_text_add(&session->out, "\n");
    slip_report_search(&stats, &session->style, &session->out);
  }
cleanup:
  return status;
}
