/* Results as JSON. The keys are an interface: docs/json.md. */
#include <math.h>
#include <string.h>

#include "report/estimate.h"

void slip_json_answer(slip_json *json, const char *key, const slip_answer *answer) {
  slip_json_double(json, key, answer->value);
  if (!isfinite(answer->value) && answer->why[0] != '\0') {
    slip_text name = {0};
    slip_text_printf(&name, "%s_why", key);
    slip_json_string(json, name.failed ? "why" : name.data, answer->why);
    slip_text_free(&name);
  }
}

/* Parts and bounds under their names; those that take no time are left out. */
static void add_parts(slip_json *json, const double parts[SLIP_PARTS]) {
  slip_json_object(json, "parts_s");
  for (int i = 0; i < SLIP_PARTS; i++)
    if (parts[i] != 0)
      slip_json_double(json, slip_part_name((slip_part)i), parts[i]);
  slip_json_object_end(json);
}

static void add_bounds(slip_json *json, const double bounds[SLIP_BOUNDS]) {
  slip_json_object(json, "bounds_s");
  for (int i = 0; i < SLIP_BOUNDS; i++)
    if (bounds[i] != 0)
      slip_json_double(json, slip_bound_name((slip_bound)i), bounds[i]);
  slip_json_object_end(json);
}

static void add_bound(slip_json *json, const double parts[SLIP_PARTS]) {
  char bound[SLIP_WHY_SIZE];
  (void)slip_bound_text(parts, bound, sizeof bound);
  slip_json_string(json, "bound", bound);
}

static void add_plan(slip_json *json, const slip_plan *plan) {
  char text[SLIP_PLAN_TEXT];
  (void)slip_plan_format(plan, text, sizeof text);
  slip_json_string(json, "plan", text);
}

/* Members of a training result that `train` and `compare` share, inside an open object. */
static void add_train(slip_json *json, const slip_train_result *r) {
  const double tokens = r->tokens_per_s_per_chip * r->step_s; /* per chip and step */
  add_plan(json, &r->plan);
  slip_json_string(json, "dtype", slip_dtype_name(r->dtype));
  slip_json_double(json, "tokens_per_s_per_chip", r->tokens_per_s_per_chip);
  slip_json_double(json, "lo", tokens / r->step_high_s);
  slip_json_double(json, "hi", tokens / r->step_low_s);
  slip_json_double(json, "tokens_per_s", r->tokens_per_s);
  slip_json_double(json, "mfu", r->mfu);
  slip_json_double(json, "step_s", r->step_s);
  slip_json_double(json, "step_lo_s", r->step_low_s);
  slip_json_double(json, "step_hi_s", r->step_high_s);
  slip_json_int(json, "micro_batches", r->micro_batches);
  add_bound(json, r->parts);
  add_parts(json, r->parts);
  add_bounds(json, r->bounds);
  slip_json_train_memory(json, "memory_bytes", &r->memory);
  slip_json_double(json, "power_w", r->system_power_w);
  if (isnan(r->system_power_w))
    slip_json_string(json, "power_w_why", "the system's power is not published");
}

void slip_json_train(slip_json *json, const char *key, const slip_train_result *result) {
  slip_json_object(json, key);
  add_train(json, result);
  slip_json_object_end(json);
}

void slip_json_train_memory(slip_json *json, const char *key, const slip_train_memory *m) {
  slip_json_object(json, key);
  slip_json_int(json, "stage", m->stage);
  slip_json_double(json, "weights", m->weights);
  slip_json_double(json, "gradients", m->gradients);
  slip_json_double(json, "optimizer", m->optimizer);
  slip_json_double(json, "activations", m->activations);
  slip_json_double(json, "buffers", m->buffers);
  slip_json_double(json, "total", m->total);
  slip_json_double(json, "capacity", m->capacity);
  slip_json_object_end(json);
}

static void add_pool(slip_json *json, const char *key, const slip_pool *pool) {
  char text[SLIP_PLAN_TEXT];
  slip_json_object(json, key);
  slip_json_string(json, "plan", slip_report_plan(&pool->plan, text));
  slip_json_int(json, "batch", pool->plan.batch);
  slip_json_int(json, "instance_chips", pool->instance_chips);
  slip_json_double(json, "chips_share", pool->chips_share);
  slip_json_double(json, "tokens_per_s_per_chip", pool->tokens_per_s_per_chip);
  slip_json_double(json, "step_s", pool->step.seconds);
  add_bound(json, pool->step.parts);
  add_parts(json, pool->step.parts);
  add_bounds(json, pool->step.bounds);
  slip_json_object(json, "memory_bytes");
  slip_json_double(json, "weights", pool->memory.weights);
  slip_json_double(json, "kv_cache", pool->memory.kv_cache);
  slip_json_double(json, "buffers", pool->memory.buffers);
  slip_json_double(json, "total", pool->memory.total);
  slip_json_double(json, "capacity", pool->memory.capacity);
  slip_json_object_end(json);
  slip_json_double(json, "sequences_max", pool->memory.sequences_max);
  slip_json_object_end(json);
}

static void add_serve(slip_json *json, const slip_serve_result *r) {
  char text[SLIP_PLAN_TEXT];
  slip_json_string(json, "plan", slip_report_plan(&r->prefill.plan, text));
  if (r->disaggregated)
    slip_json_string(json, "decode_plan", slip_report_plan(&r->decode.plan, text));
  slip_json_bool(json, "disaggregated", r->disaggregated);
  slip_json_double(json, "prefill_tokens_per_s_per_chip", r->prefill.tokens_per_s_per_chip);
  slip_json_double(json, "decode_tokens_per_s_per_chip", r->decode.tokens_per_s_per_chip);
  slip_json_double(json, "output_tokens_per_s_per_chip", r->output_tokens_per_s_per_chip);
  slip_json_double(json, "lo", r->output_low);
  slip_json_double(json, "hi", r->output_high);
  slip_json_double(json, "input_tokens_per_s_per_chip", r->input_tokens_per_s_per_chip);
  slip_json_double(json, "requests_per_s_per_chip", r->requests_per_s_per_chip);
  slip_json_double(json, "ttft_s", r->ttft_s);
  slip_json_double(json, "tpot_s", r->tpot_s);
  slip_json_double(json, "ttft_lo_s", r->ttft_low_s);
  slip_json_double(json, "ttft_hi_s", r->ttft_high_s);
  slip_json_double(json, "tpot_lo_s", r->tpot_low_s);
  slip_json_double(json, "tpot_hi_s", r->tpot_high_s);
  slip_json_double(json, "tokens_per_step", r->tokens_per_step);
  slip_json_double(json, "kv_transfer_s", r->transfer_s);
  add_bound(json, slip_report_serve_parts(r));
  slip_json_double(json, "power_w_per_chip", r->system_power_w_per_chip);
  if (isnan(r->system_power_w_per_chip))
    slip_json_string(json, "power_w_per_chip_why", "the system's power is not published");
  add_pool(json, "prefill", &r->prefill);
  add_pool(json, "decode", &r->decode);
}

void slip_json_serve(slip_json *json, const char *key, const slip_serve_result *result) {
  slip_json_object(json, key);
  add_serve(json, result);
  slip_json_double(json, "joule_per_token", result->joule_per_output_token);
  slip_json_object_end(json);
}

void slip_json_search(slip_json *json, const char *key, const slip_search_stats *stats) {
  slip_json_object(json, key);
  slip_json_int(json, "legal", stats->legal);
  slip_json_int(json, "evaluated", stats->evaluated);
  slip_json_int(json, "pruned", stats->pruned);
  slip_json_int(json, "feasible", stats->feasible);
  slip_json_int(json, "illegal", stats->illegal);
  slip_json_object_end(json);
}

void slip_json_why(slip_json *json, const char *key, const slip_why *why, size_t count) {
  slip_json_array(json, key);
  for (size_t i = 0; i < count; i++) {
    slip_json_object(json, NULL);
    slip_json_int(json, "parent", why[i].parent);
    slip_json_string(json, "name", why[i].name);
    slip_json_double(json, "seconds", why[i].seconds);
    slip_json_string(json, "bound", slip_bound_name(why[i].bound));
    slip_json_string(json, "note", why[i].note);
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
}

/* ---- the comparison ---- */

static void add_compare_train(slip_json *json, const slip_compare_column *c) {
  if (c->train_why[0] != '\0') {
    slip_json_null(json, "train");
    slip_json_string(json, "train_why", c->train_why);
    return;
  }
  slip_json_object(json, "train");
  add_train(json, &c->train);
  slip_json_answer(json, "days", &c->train_days);
  slip_json_answer(json, "usd", &c->train_usd);
  slip_json_answer(json, "joule_per_token", &c->train_joule_per_token);
  slip_json_string(json, "stack", c->train_stack != NULL ? c->train_stack->entry.name : NULL);
  slip_json_search(json, "search", &c->train_stats);
  slip_json_object_end(json);
}

static void add_compare_serve(slip_json *json, const slip_compare_column *c) {
  if (c->serve_why[0] != '\0') {
    slip_json_null(json, "serve");
    slip_json_string(json, "serve_why", c->serve_why);
    return;
  }
  slip_json_object(json, "serve");
  add_serve(json, &c->serve);
  slip_json_answer(json, "joule_per_token", &c->serve_joule_per_token);
  slip_json_answer(json, "usd_per_mtoken", &c->serve_usd_per_mtoken);
  slip_json_string(json, "stack", c->serve_stack != NULL ? c->serve_stack->entry.name : NULL);
  slip_json_search(json, "search", &c->serve_stats);
  slip_json_object_end(json);
}

static void add_job(slip_json *json, const slip_compare_job *job) {
  slip_json_object(json, "job");
  if (job->train) {
    slip_json_int(json, "seq", job->seq);
    slip_json_int(json, "batch", job->batch);
    slip_json_string(json, "dtype", slip_dtype_name(job->train_dtype));
    slip_json_double(json, "train_tokens", isnan(job->train_tokens) ? job->model->train_tokens : job->train_tokens);
  }
  if (job->serve) {
    slip_json_int(json, "isl", job->isl);
    slip_json_int(json, "osl", job->osl);
    slip_json_double(json, "ttft_s", job->ttft_s); /* null: no objective */
    slip_json_double(json, "tpot_s", job->tpot_s);
  }
  slip_json_double(json, "life_years", job->terms.life_years);
  slip_json_double(json, "utilisation", job->terms.utilisation);
  slip_json_double(json, "rent_usd_per_chip_hour", job->terms.rent_usd_per_chip_hour);
  slip_json_object_end(json);
}

void slip_json_compare(slip_json *json, const slip_compare_job *job, const slip_compare_column *columns, size_t n) {
  slip_json_string(json, "model", job->model->entry.name);
  add_job(json, job);
  slip_json_array(json, "systems");
  for (size_t i = 0; i < n; i++) {
    const slip_compare_column *c = &columns[i];
    slip_json_object(json, NULL);
    slip_json_string(json, "name", c->system->entry.name);
    slip_json_string(json, "title", c->system->entry.title);
    slip_json_int(json, "chips", c->chips);
    slip_json_int(json, "systems", c->systems);
    slip_json_string(json, "region", c->region != NULL ? c->region->entry.name : NULL);
    slip_json_answer(json, "peak_bf16_flops", &c->peak_bf16_flops);
    slip_json_answer(json, "power_w", &c->power_w);
    slip_json_answer(json, "price_usd", &c->price_usd);
    if (job->train)
      add_compare_train(json, c);
    if (job->serve)
      add_compare_serve(json, c);
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
}
