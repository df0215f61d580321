/* What the importer refuses, with the field that is to be mended: wrong values, wrong lists, unknown features. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include <slipstick/model.h>

/* A small Llama of which each test changes or adds fields: the last of two equal fields would be a duplicate, so
 * `change` replaces the field at `slot`. */
typedef struct refusal {
  const char *fields; /* of the map, after the base fields that `leave_out` does not name */
  const char *leave_out;
  slip_status code;
  const char *field;   /* expected in the error */
  const char *message; /* part of the message */
} refusal;

static const struct {
  const char *key, *value;
} base[] = {{"model_type", "\"llama\""}, {"hidden_size", "64"},        {"num_hidden_layers", "2"},
            {"vocab_size", "100"},       {"num_attention_heads", "4"}, {"num_key_value_heads", "2"},
            {"intermediate_size", "128"}};

static void compose(char *out, size_t size, const refusal *row) {
  size_t n = (size_t)snprintf(out, size, "{\n");
  for (size_t i = 0; i < sizeof base / sizeof base[0]; i++) {
    char key[64];
    snprintf(key, sizeof key, "\"%s\"", base[i].key);
    if (strstr(row->fields, key) == NULL && (row->leave_out == NULL || strstr(row->leave_out, base[i].key) == NULL))
      n += (size_t)snprintf(out + n, size - n, "%s: %s,\n", key, base[i].value);
  }
  snprintf(out + n, size - n, "%s}\n", row->fields);
}

static void check(const refusal *rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    char json[4096];
    slip_model_file *file = NULL;
    slip_error err = {0};
    compose(json, sizeof json, &rows[i]);
    const slip_status status = slip_model_parse("my.json", json, strlen(json), &file, &err);
    if (status != rows[i].code || strcmp(err.field, rows[i].field) != 0 ||
        strstr(err.message, rows[i].message) == NULL)
      fail_msg("row %zu: %s, field '%s': %s", i, slip_status_name(status), err.field, err.message);
    assert_null(file);
    assert_string_equal(err.file, "my.json");
    assert_true(err.line >= 1);
  }
  assert_int_equal(slip_arena_live_bytes(), 0);
}
#define CHECK(rows) check(rows, sizeof rows / sizeof rows[0])

static void the_base_is_accepted(void **state) {
  (void)state;
  const refusal none = {"\"head_dim\": 16", NULL, SLIP_OK, "", ""};
  char json[4096];
  slip_model_file *file = NULL;
  compose(json, sizeof json, &none);
  assert_int_equal(slip_model_parse("my.json", json, strlen(json), &file, NULL), SLIP_OK);
  assert_string_equal(slip_model_of(file)->family, "llama");
  assert_string_equal(slip_model_of(file)->entry.name, "my");
  slip_model_free(file);
}

static void dimensions_have_ranges(void **state) {
  (void)state;
  static const refusal rows[] = {
      {"\"hidden_size\": 0", NULL, SLIP_BAD_INPUT, "hidden_size", "1"},
      {"\"hidden_size\": 1048577", NULL, SLIP_BAD_INPUT, "hidden_size", "1048576"},
      {"\"hidden_size\": -64", NULL, SLIP_BAD_INPUT, "hidden_size", ""},
      {"\"hidden_size\": 1e30", NULL, SLIP_BAD_INPUT, "hidden_size", ""},
      {"\"hidden_size\": 64.5", NULL, SLIP_BAD_INPUT, "hidden_size", ""},
      {"\"hidden_size\": \"many\"", NULL, SLIP_BAD_INPUT, "hidden_size", ""},
      {"\"hidden_size\": [64]", NULL, SLIP_BAD_INPUT, "hidden_size", ""},
      {"\"num_hidden_layers\": 1025", NULL, SLIP_BAD_INPUT, "num_hidden_layers", "1024"},
      {"\"num_hidden_layers\": 0", NULL, SLIP_BAD_INPUT, "num_hidden_layers", ""},
      {"\"vocab_size\": 999999999999", NULL, SLIP_BAD_INPUT, "vocab_size", ""},
      {"\"num_key_value_heads\": 3", NULL, SLIP_BAD_INPUT, "num_key_value_heads", "do not divide"},
      {"\"num_key_value_heads\": 8", NULL, SLIP_BAD_INPUT, "num_key_value_heads", "do not divide"},
      {"\"num_attention_heads\": 6", NULL, SLIP_BAD_INPUT, "head_dim", "give head_dim"},
      {"\"intermediate_size\": 99999999", NULL, SLIP_BAD_INPUT, "intermediate_size", ""},
      {"\"tie_word_embeddings\": 2", NULL, SLIP_BAD_INPUT, "tie_word_embeddings", ""},
  };
  CHECK(rows);
}

static void a_missing_field_is_named(void **state) {
  (void)state;
  static const refusal rows[] = {
      {"\"x\": 1", "hidden_size", SLIP_BAD_INPUT, "hidden_size", "missing"},
      {"\"x\": 1", "vocab_size", SLIP_BAD_INPUT, "vocab_size", "missing"},
      {"\"x\": 1", "num_hidden_layers", SLIP_BAD_INPUT, "num_hidden_layers", "missing"},
      {"\"x\": 1", "intermediate_size", SLIP_BAD_INPUT, "intermediate_size", "missing"},
      {"\"x\": 1", "model_type", SLIP_BAD_INPUT, "model_type", "missing"},
      {"\"model_type\": \"gpt_oss\", \"layer_types\": [\"sliding_attention\", \"full_attention\"]", NULL,
       SLIP_BAD_INPUT, "sliding_window", "missing"},
  };
  CHECK(rows);
}

static void lists_have_one_element_per_layer(void **state) {
  (void)state;
  static const refusal rows[] = {
      {"\"layer_types\": [\"full_attention\"]", NULL, SLIP_BAD_INPUT, "layer_types", "1 elements for 2 layers"},
      {"\"layer_types\": \"full_attention\"", NULL, SLIP_BAD_INPUT, "layer_types", "list"},
      {"\"layer_types\": [\"full_attention\", \"star_attention\"]", NULL, SLIP_UNSUPPORTED, "layer_types",
       "star_attention"},
      {"\"layer_types\": [\"full_attention\", 7]", NULL, SLIP_BAD_INPUT, "layer_types", "7"},
      {"\"model_type\": \"nemotron_h\", \"hybrid_override_pattern\": \"M\"", NULL, SLIP_BAD_INPUT,
       "hybrid_override_pattern", "1 signs for 2 layers"},
      {"\"model_type\": \"nemotron_h\", \"hybrid_override_pattern\": \"*X\"", NULL, SLIP_UNSUPPORTED,
       "hybrid_override_pattern", "'X'"},
      {"\"model_type\": \"mimo_v2_flash\"", NULL, SLIP_BAD_INPUT, "hybrid_layer_pattern", "missing"},
      {"\"model_type\": \"nemotron-nas\", \"block_configs\": [{}, {}]", NULL, SLIP_BAD_INPUT, "block_configs",
       "attention"},
      {"\"model_type\": \"qwen3_moe\", \"num_experts\": 8, \"num_experts_per_tok\": 2, \"mlp_only_layers\": [2]",
       NULL, SLIP_BAD_INPUT, "mlp_only_layers", ""},
  };
  CHECK(rows);
}

static void experts_must_fit(void **state) {
  (void)state;
  static const refusal rows[] = {
      {"\"model_type\": \"mixtral\", \"num_local_experts\": 8, \"num_experts_per_tok\": 9", NULL, SLIP_BAD_INPUT,
       "num_experts_per_tok", "9 of 8"},
      {"\"model_type\": \"mixtral\", \"num_local_experts\": 65537, \"num_experts_per_tok\": 2", NULL,
       SLIP_BAD_INPUT, "num_local_experts", "65536"},
      {"\"model_type\": \"mixtral\"", NULL, SLIP_BAD_INPUT, "n_routed_experts", "num_local_experts"},
      {"\"model_type\": \"deepseek\", \"n_routed_experts\": 8, \"num_experts_per_tok\": 6, \"n_group\": 4, "
       "\"topk_group\": 2",
       NULL, SLIP_BAD_INPUT, "topk_group", "4 groups"},
  };
  CHECK(rows);
}

static void unknown_architectures_are_refused(void **state) {
  (void)state;
  static const refusal rows[] = {
      {"\"model_type\": \"frobnicator\"", NULL, SLIP_UNSUPPORTED, "model_type", "frobnicator"},
      {"\"architectures\": [\"FrobnicatorForCausalLM\"]", "model_type", SLIP_UNSUPPORTED, "architectures",
       "Frobnicator"},
      {"\"hc_mult\": 4", NULL, SLIP_UNSUPPORTED, "hc_mult", "hyper-connections"},
      {"\"compress_ratios\": [0, 4]", NULL, SLIP_UNSUPPORTED, "compress_ratios", "compressed"},
      {"\"o_lora_rank\": 64", NULL, SLIP_UNSUPPORTED, "o_lora_rank", "low-rank"},
      {"\"use_parallel_residual\": true", NULL, SLIP_UNSUPPORTED, "use_parallel_residual", "parallel"},
      {"\"num_kv_shared_layers\": 1", NULL, SLIP_UNSUPPORTED, "num_kv_shared_layers", "reuse"},
      {"\"quantization_config\": {\"quant_method\": \"exl9\"}", NULL, SLIP_UNSUPPORTED, "quant_method", "exl9"},
      {"\"torch_dtype\": \"float6\"", NULL, SLIP_UNSUPPORTED, "torch_dtype", "float6"},
  };
  CHECK(rows);
}

/* A dense family with experts, or a family that is given another's latent ranks, would be miscounted in silence. */
static void unread_fields_that_shape_layers_are_refused(void **state) {
  (void)state;
  static const refusal rows[] = {
      {"\"num_local_experts\": 8", NULL, SLIP_UNSUPPORTED, "num_local_experts", "llama"},
      {"\"kv_lora_rank\": 512", NULL, SLIP_UNSUPPORTED, "kv_lora_rank", "llama"},
      {"\"index_topk\": 2048", NULL, SLIP_UNSUPPORTED, "index_topk", "llama"},
      {"\"use_qk_norm\": true", NULL, SLIP_UNSUPPORTED, "use_qk_norm", "llama"},
      {"\"hybrid_layer_pattern\": [0, 1]", NULL, SLIP_UNSUPPORTED, "hybrid_layer_pattern", "llama"},
  };
  CHECK(rows);
  /* the same fields switched off change nothing */
  const refusal off = {"\"num_local_experts\": 0, \"kv_lora_rank\": null, \"use_qk_norm\": false, \"hc_mult\": 1,"
                       "\"compress_ratios\": [], \"use_parallel_residual\": false",
                       NULL, SLIP_OK, "", ""};
  char json[4096];
  slip_model_file *file = NULL;
  compose(json, sizeof json, &off);
  assert_int_equal(slip_model_parse("my.json", json, strlen(json), &file, NULL), SLIP_OK);
  slip_model_free(file);
}

static void what_is_no_configuration_is_refused(void **state) {
  (void)state;
  static const char *const inputs[] = {
      "", "[1, 2]", "7", "{\"hidden_size\": 64", "null", "{\"a\": \xff}", "{\"a\": 1, \"a\": 2}"};
  for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
    slip_model_file *file = NULL;
    slip_error err = {0};
    assert_int_equal(slip_model_parse("my.json", inputs[i], strlen(inputs[i]), &file, &err), SLIP_BAD_INPUT);
    assert_null(file);
    assert_true(err.message[0] != '\0');
  }
  slip_error err = {0};
  slip_model_file *file = NULL;
  assert_int_equal(slip_model_read("/nowhere/config.json", &file, &err), SLIP_IO_FAILURE);
  assert_int_equal(slip_arena_live_bytes(), 0);
}

/* Each allocation failing in turn gives SLIP_NO_MEMORY and leaks nothing. */
static void running_out_of_memory_is_reported(void **state) {
  (void)state;
  const refusal none = {"\"head_dim\": 16", NULL, SLIP_OK, "", ""};
  char json[4096];
  compose(json, sizeof json, &none);
  slip_status status = SLIP_NO_MEMORY;
  int failures = 0;
  for (long n = 1; n < 1000 && status != SLIP_OK; n++) {
    slip_model_file *file = NULL;
    slip_arena_fail_after(n);
    status = slip_model_parse("my.json", json, strlen(json), &file, NULL);
    slip_arena_fail_after(0);
    if (status != SLIP_OK) {
      assert_int_equal(status, SLIP_NO_MEMORY);
      failures++;
    }
    slip_model_free(file);
    assert_int_equal(slip_arena_live_bytes(), 0);
  }
  assert_int_equal(status, SLIP_OK);
  assert_true(failures > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_base_is_accepted),
      cmocka_unit_test(dimensions_have_ranges),
      cmocka_unit_test(a_missing_field_is_named),
      cmocka_unit_test(lists_have_one_element_per_layer),
      cmocka_unit_test(experts_must_fit),
      cmocka_unit_test(unknown_architectures_are_refused),
      cmocka_unit_test(unread_fields_that_shape_layers_are_refused),
      cmocka_unit_test(what_is_no_configuration_is_refused),
      cmocka_unit_test(running_out_of_memory_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
