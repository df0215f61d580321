/* JSON of hand-made results: the keys that issue and docs/json.md promise, null with a why, and the interval of a
 * rate from that of a time. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/doc.h"
#include "report/estimate.h"

typedef struct document {
  slip_text text;
  slip_json json;
  slip_arena *arena;
  const slip_node *root;
} document;

static void begin(document *d) {
  memset(d, 0, sizeof *d);
  slip_json_begin(&d->json, &d->text);
  slip_json_object(&d->json, NULL);
}

/* Ends the object and reads it back with our own reader. */
static const slip_node *end(document *d) {
  slip_error err;
  slip_json_object_end(&d->json);
  slip_json_end(&d->json);
  assert_false(d->text.failed);
  d->arena = slip_arena_open();
  assert_int_equal(slip_doc_parse(d->arena, "json", d->text.data, d->text.length, &d->root, &err), SLIP_OK);
  return d->root;
}

static void done(document *d) {
  slip_arena_free(d->arena);
  slip_text_free(&d->text);
}

static double number(const slip_node *map, const char *key) {
  double value = NAN;
  slip_error err;
  assert_non_null(slip_node_get(map, key));
  assert_int_equal(slip_node_double(slip_node_get(map, key), -INFINITY, INFINITY, &value, &err), SLIP_OK);
  return value;
}

static const char *string(const slip_node *map, const char *key) {
  assert_non_null(slip_node_get(map, key));
  return slip_node_get(map, key)->text;
}

static slip_train_result hand_made(void) {
  slip_train_result r = {.plan = slip_plan_default(), .dtype = SLIP_FP8, .micro_batches = 4};
  r.plan.tp = 8;
  r.plan.dp = 2;
  r.step_s = 10;
  r.step_low_s = 8;
  r.step_high_s = 12.5;
  r.tokens_per_s = 16000;
  r.tokens_per_s_per_chip = 1000;
  r.mfu = 0.4;
  r.parts[SLIP_PART_EXPERTS] = 7;
  r.parts[SLIP_PART_BUBBLE] = 3;
  r.bounds[SLIP_BOUND_COMPUTE] = 7;
  r.bounds[SLIP_BOUND_BUBBLE] = 3;
  r.system_power_w = NAN;
  return r;
}

static void training_has_the_promised_keys(void **state) {
  document d;
  begin(&d);
  const slip_train_result r = hand_made();
  slip_json_train(&d.json, "result", &r);
  const slip_node *result = slip_node_get(end(&d), "result");
  /* 1000 tokens/s in 10 s are 10,000 tokens; in 12.5 s they are 800/s, in 8 s 1250/s */
  assert_float_equal(number(result, "tokens_per_s_per_chip"), 1000, 1e-9);
  assert_float_equal(number(result, "lo"), 800, 1e-9);
  assert_float_equal(number(result, "hi"), 1250, 1e-9);
  assert_float_equal(number(result, "mfu"), 0.4, 1e-12);
  assert_float_equal(number(result, "step_s"), 10, 1e-12);
  assert_string_equal(string(result, "plan"), "tp=8,pp=1,dp=2,mbs=1");
  assert_string_equal(string(result, "dtype"), "fp8");
  assert_non_null(strstr(string(result, "bound"), "70%"));
  const slip_node *parts = slip_node_get(result, "parts_s");
  assert_int_equal(parts->count, 2); /* parts that take no time are left out */
  assert_float_equal(number(parts, slip_part_name(SLIP_PART_EXPERTS)), 7, 1e-12);
  assert_float_equal(number(parts, slip_part_name(SLIP_PART_BUBBLE)), 3, 1e-12);
  done(&d);
}

static void what_is_not_known_is_null_with_a_why(void **state) {
  document d;
  begin(&d);
  const slip_train_result r = hand_made();
  const slip_answer unknown = {NAN, "k has no published price_usd"}, known = {12.5, ""};
  slip_json_train(&d.json, "result", &r);
  slip_json_answer(&d.json, "price_usd", &unknown);
  slip_json_answer(&d.json, "power_w", &known);
  const slip_node *root = end(&d);
  assert_true(slip_node_is_null(slip_node_get(slip_node_get(root, "result"), "power_w")));
  assert_non_null(slip_node_get(slip_node_get(root, "result"), "power_w_why"));
  assert_true(slip_node_is_null(slip_node_get(root, "price_usd")));
  assert_string_equal(string(root, "price_usd_why"), "k has no published price_usd");
  assert_float_equal(number(root, "power_w"), 12.5, 1e-12);
  assert_null(slip_node_get(root, "power_w_why"));
  done(&d);
}

static void compare_has_the_promised_keys(void **state) {
  const slip_chip chip = {.entry = {.name = "c", .title = "C"}};
  const slip_system system = {.entry = {.name = "s", .title = "S"}, .chip = &chip, .chips = 8};
  const slip_model model = {.entry = {.name = "m", .title = "M"}, .train_tokens = 1e12};
  slip_compare_job job = slip_compare_job_default();
  job.model = &model;
  slip_compare_column columns[2] = {{.system = &system, .chips = 16, .systems = 2},
                                    {.system = &system, .chips = 8, .systems = 1}};
  columns[0].train = hand_made();
  columns[0].serve.prefill.plan = columns[0].serve.decode.plan = slip_serve_plan_default();
  columns[0].serve.output_tokens_per_s_per_chip = 500;
  columns[0].serve.output_low = 400;
  columns[0].serve.output_high = 600;
  columns[0].serve_usd_per_mtoken = (slip_answer){NAN, "no price"};
  memcpy(columns[1].train_why, "no rate", 8);
  memcpy(columns[1].serve_why, "no rate", 8);
  document d;
  begin(&d);
  slip_json_compare(&d.json, &job, columns, 2);
  const slip_node *root = end(&d), *first = slip_node_get(root, "systems")->first;
  assert_string_equal(string(root, "model"), "m");
  static const char *const of_system[] = {"name",  "chips", "peak_bf16_flops", "power_w", "price_usd",
                                          "train", "serve"};
  static const char *const of_train[] = {"plan", "tokens_per_s_per_chip", "mfu", "step_s", "bound", "lo", "hi"};
  static const char *const of_serve[] = {"plan",
                                         "prefill_tokens_per_s_per_chip",
                                         "decode_tokens_per_s_per_chip",
                                         "ttft_s",
                                         "tpot_s",
                                         "joule_per_token",
                                         "usd_per_mtoken",
                                         "bound",
                                         "lo",
                                         "hi"};
  for (size_t i = 0; i < sizeof of_system / sizeof *of_system; i++)
    assert_non_null(slip_node_get(first, of_system[i]));
  for (size_t i = 0; i < sizeof of_train / sizeof *of_train; i++)
    assert_non_null(slip_node_get(slip_node_get(first, "train"), of_train[i]));
  for (size_t i = 0; i < sizeof of_serve / sizeof *of_serve; i++)
    assert_non_null(slip_node_get(slip_node_get(first, "serve"), of_serve[i]));
  assert_string_equal(string(slip_node_get(first, "serve"), "usd_per_mtoken_why"), "no price");
  assert_true(slip_node_is_null(slip_node_get(first->next, "train")));
  assert_string_equal(string(first->next, "train_why"), "no rate");
  assert_string_equal(string(first->next, "serve_why"), "no rate");
  done(&d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(training_has_the_promised_keys),
      cmocka_unit_test(what_is_not_known_is_null_with_a_why),
      cmocka_unit_test(compare_has_the_promised_keys),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
