/* Parameters and cache of known models, computed by hand, matrix by matrix, from what their papers state. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <slipstick/model.h>

static slip_model_file *parse(const char *json) {
  slip_model_file *file = NULL;
  slip_error err = {0};
  if (slip_model_parse("test.json", json, strlen(json), &file, &err) != SLIP_OK)
    fail_msg("%s: %s", err.field, err.message);
  return file;
}

static void assert_exact(double got, double expected) {
  if (got != expected)
    fail_msg("%.17g != %.17g", got, expected);
}

#define DEEPSEEK_V3                                                                                                \
  "{\"model_type\": \"deepseek_v3\", \"hidden_size\": 7168, \"num_hidden_layers\": 61, \"vocab_size\": 129280,"    \
  "\"num_attention_heads\": 128, \"num_key_value_heads\": 128, \"q_lora_rank\": 1536, \"kv_lora_rank\": 512,"      \
  "\"qk_nope_head_dim\": 128, \"qk_rope_head_dim\": 64, \"v_head_dim\": 128, \"intermediate_size\": 18432,"        \
  "\"moe_intermediate_size\": 2048, \"n_routed_experts\": 256, \"n_shared_experts\": 1, \"num_experts_per_tok\": " \
  "8,"                                                                                                             \
  "\"first_k_dense_replace\": 3, \"moe_layer_freq\": 1, \"n_group\": 8, \"topk_group\": 4,"                        \
  "\"topk_method\": \"noaux_tc\", \"num_nextn_predict_layers\": 1, \"max_position_embeddings\": 163840,"           \
  "\"tie_word_embeddings\": false}"

/* DeepSeek-V3 (arXiv 2412.19437, section 4.2), per layer:
 *   query down     7168 x 1536                 11,010,048   and its norm    1,536
 *   query up       1536 x 128 x (128 + 64)     37,748,736
 *   kv down        7168 x (512 + 64)            4,128,768   and its norm      512
 *   kv up          512 x 128 x (128 + 128)     16,777,216
 *   output         128 x 128 x 7168           117,440,512   attention     187,107,328
 *   dense FFN      3 x 7168 x 18432                                       396,361,728
 *   one expert     3 x 7168 x 2048             44,040,192   256 of them 11,274,289,152; one shared 44,040,192
 *   router         7168 x 256 + 256 (bias)      1,835,264
 *   two norms      2 x 7168                        14,336
 * 3 dense layers of 583,483,392; 58 MoE layers of 11,507,286,272; embedding and head 129280 x 7168 = 926,679,040
 * each;
 * final norm 7,168.
 * Total  3 x 583,483,392 + 58 x 11,507,286,272 + 2 x 926,679,040 + 7,168 = 671,026,419,200.
 * Active: without 58 x 248 experts of 44,040,192 = 633,474,121,728:         37,552,297,472. */
static void deepseek_v3_has_671_billion_parameters_of_which_a_token_uses_37_6(void **state) {
  (void)state;
  slip_model_file *file = parse(DEEPSEEK_V3);
  const slip_model *m = slip_model_of(file);
  assert_int_equal(m->n_kinds, 2);
  assert_int_equal(m->kind_of_layer[2], 0);
  assert_int_equal(m->kind_of_layer[3], 1);
  const slip_layer_kind *dense = &m->kinds[0], *moe = &m->kinds[1];
  assert_int_equal(dense->count, 3);
  assert_int_equal(moe->count, 58);
  assert_exact(dense->params.attention, 187107328.0);
  assert_exact(dense->params.dense_ffn, 396361728.0);
  assert_exact(moe->params.routed_experts, 11274289152.0);
  assert_exact(moe->params.shared_experts, 44040192.0);
  assert_exact(moe->params.router, 1835264.0);
  assert_exact(slip_params_total(&dense->params), 583483392.0);
  assert_exact(slip_params_total(&moe->params), 11507286272.0);
  assert_exact(slip_model_params(m), 671026419200.0);
  assert_exact(slip_model_active_params(m), 37552297472.0);
  assert_int_equal(moe->ffn.groups, 8);
  assert_int_equal(moe->ffn.top_groups, 4);
  assert_exact(slip_ffn_active_share(&moe->ffn), 8.0 / 256);
  slip_model_free(file);
}

/* One MTP module (section 2.2): a MoE layer, a projection 2 x 7168 x 7168, and three norms of 7168; embeddings
 * shared. 11,507,286,272 + 102,760,448 + 21,504 = 11,610,068,224. */
static void an_mtp_module_is_a_layer_a_projection_and_three_norms(void **state) {
  (void)state;
  slip_model_file *file = parse(DEEPSEEK_V3);
  const slip_model *m = slip_model_of(file);
  assert_int_equal(m->mtp_modules, 1);
  assert_int_equal(m->mtp_kind, 1);
  assert_exact(m->mtp_params, 11610068224.0);
  slip_model_free(file);
}

/* 61 layers x (512 + 64) elements = 35,136; in bf16 70,272 bytes a token. */
static void deepseek_v3_caches_70_3_kilobytes_a_token(void **state) {
  (void)state;
  slip_model_file *file = parse(DEEPSEEK_V3);
  const slip_model *m = slip_model_of(file);
  assert_exact(slip_model_kv_elements(m), 35136.0);
  assert_exact(slip_model_kv_bytes(m, 1, SLIP_BF16), 70272.0);
  assert_exact(slip_model_kv_bytes(m, 4096, SLIP_FP8), 4096.0 * 35136);
  assert_exact(slip_model_kv_bytes(m, 0, SLIP_BF16), 0.0);
  slip_model_free(file);
}

/* Llama-3.1-405B (arXiv 2407.21783, table 3): per layer
 *   q and o        2 x 16384 x 16384      536,870,912
 *   k and v        2 x 16384 x 8 x 128     33,554,432
 *   FFN            3 x 16384 x 53248    2,617,245,696
 *   norms          2 x 16384                   32,768
 * 126 x 3,187,703,808 + 2 x 128256 x 16384 (4,202,692,608) + 16,384 = 405,853,388,800. */
static void llama_405b(void **state) {
  (void)state;
  slip_model_file *file = parse(
      "{\"model_type\": \"llama\", \"hidden_size\": 16384, \"num_hidden_layers\": 126, \"vocab_size\": 128256,"
      "\"num_attention_heads\": 128, \"num_key_value_heads\": 8, \"intermediate_size\": 53248}");
  const slip_model *m = slip_model_of(file);
  assert_int_equal(m->n_kinds, 1);
  assert_exact(slip_params_total(&m->kinds[0].params), 3187703808.0);
  assert_exact(slip_model_params(m), 405853388800.0);
  assert_exact(slip_model_active_params(m), 405853388800.0);
  assert_exact(slip_model_kv_elements(m), 126.0 * 2 * 8 * 128);
  assert_int_equal(m->mtp_kind, -1);
  assert_true(isnan(m->train_tokens));
  slip_model_free(file);
}

/* GPT with layers l, hidden h, vocabulary v and s positions (arXiv 2104.04473, equation 2): 12 l h^2 (1 + 13/(12h)
 * + (v + s)/(12 l h)), which leaves out the final LayerNorm's 2 h. GPT-3: 12 x 96 x 12288^2 = 173,946,175,488; + 13
 * x 96 x 12288 = 15,335,424; + (50257 + 2048) x 12288 = 642,723,840; + 24,576 = 174,604,259,328. */
static void gpt3_follows_the_published_formula(void **state) {
  (void)state;
  slip_model_file *file = parse("{\"model_type\": \"gpt2\", \"n_embd\": 12288, \"n_layer\": 96, \"n_head\": 96,"
                                "\"n_positions\": 2048, \"vocab_size\": 50257, \"n_inner\": null}");
  const slip_model *m = slip_model_of(file);
  assert_exact(slip_model_params(m), 174604259328.0);
  assert_true(m->tied_embeddings);
  assert_exact(m->head_params, 0);
  assert_int_equal(m->learned_positions, 2048);
  assert_false(m->kinds[0].ffn.gated);
  assert_int_equal(m->kinds[0].ffn.width, 4 * 12288);
  assert_int_equal(m->kinds[0].attention.kv_heads, 96);
  slip_model_free(file);
}

/* An indexer (DeepSeek-V3.2) on a small latent attention: hidden 64, q_rank 32, 2 index heads of 128: 32 x 2 x 128
 * + 64 x 128 + 2 x 128 + 64 x 2 = 16,768 parameters, and a key of 128 + 4 bytes a token. A layer called shared has
 * none of it. */
static void a_shared_indexer_has_no_weights_and_no_keys(void **state) {
  (void)state;
  slip_model_file *file =
      parse("{\"model_type\": \"glm_moe_dsa\", \"hidden_size\": 64, \"num_hidden_layers\": 2, \"vocab_size\": 100,"
            "\"num_attention_heads\": 2, \"q_lora_rank\": 32, \"kv_lora_rank\": 16, \"qk_nope_head_dim\": 8,"
            "\"qk_rope_head_dim\": 4, \"v_head_dim\": 8, \"intermediate_size\": 64, \"first_k_dense_replace\": 2,"
            "\"index_topk\": 64, \"index_n_heads\": 2, \"index_head_dim\": 128, \"indexer_types\": [\"full\", "
            "\"shared\"]}");
  const slip_model *m = slip_model_of(file);
  assert_int_equal(m->n_kinds, 2);
  assert_exact(m->kinds[0].params.attention - m->kinds[1].params.attention, 16768.0);
  assert_true(m->kinds[1].attention.index_shared);
  assert_int_equal(m->kinds[1].attention.index_topk, 64);
  assert_int_equal(m->kinds[1].attention.index_heads, 0);
  assert_exact(slip_model_kv_bytes(m, 10, SLIP_BF16), 10.0 * (2 * 20 * 2 + 132));
  slip_model_free(file);
}

/* gpt-oss: windows cut the real cache but not the count of elements. 2 layers, 2 KV heads of 8, window 4, context
 * 10: full 10 x 2 x 16 x 2 bytes = 640; windowed 4 x 2 x 16 x 2 = 256. Parameters of attention, hidden 32, 4 heads:
 * q 32 x 32, k, v 32 x 16 each, o 32 x 32, biases 32 + 16 + 16 + 32, sinks 4 = 3172. */
static void windows_cut_the_cache(void **state) {
  (void)state;
  slip_model_file *file = parse(
      "{\"model_type\": \"gpt_oss\", \"hidden_size\": 32, \"num_hidden_layers\": 2, \"vocab_size\": 100,"
      "\"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"head_dim\": 8, \"intermediate_size\": 16,"
      "\"num_local_experts\": 4, \"num_experts_per_tok\": 2, \"experts_per_token\": 2, \"attention_bias\": true,"
      "\"sliding_window\": 4, \"layer_types\": [\"sliding_attention\", \"full_attention\"]}");
  const slip_model *m = slip_model_of(file);
  assert_exact(slip_model_kv_elements(m), 2.0 * 2 * 2 * 8);
  assert_exact(slip_model_kv_bytes(m, 10, SLIP_BF16), 640.0 + 256.0);
  assert_exact(m->kinds[0].params.attention, 3172.0);
  /* 4 experts of 3 x 32 x 16 weights and 2 x 16 + 32 biases; router 32 x 4 + 4 */
  assert_exact(m->kinds[0].params.routed_experts, 4.0 * (1536 + 64));
  assert_exact(m->kinds[0].params.router, 132.0);
  slip_model_free(file);
}

/* Gated delta net: hidden 16, 1 key head and 2 value heads of 4, width 4. q, k 16 x 4 each; v and gate 16 x 8 each;
 * two scalars per value head 16 x 2 x 2; convolution (4 + 4 + 8) x 4; A and time bias 2 + 2; norm 4; output 8 x 16:
 * 128 + 256 + 64 + 64 + 4 + 4 + 128 = 648. State 2 x 4 x 4 in fp32 and 3 past inputs of 16 channels in bf16: 128 +
 * 96. */
static void linear_attention_keeps_a_state_of_fixed_size(void **state) {
  (void)state;
  slip_model_file *file =
      parse("{\"model_type\": \"qwen3_5_text\", \"hidden_size\": 16, \"num_hidden_layers\": 2, \"vocab_size\": 100,"
            "\"num_attention_heads\": 2, \"num_key_value_heads\": 1, \"head_dim\": 8, \"intermediate_size\": 32,"
            "\"full_attention_interval\": 2, \"linear_num_key_heads\": 1, \"linear_num_value_heads\": 2,"
            "\"linear_key_head_dim\": 4, \"linear_value_head_dim\": 4, \"linear_conv_kernel_dim\": 4}");
  const slip_model *m = slip_model_of(file);
  assert_int_equal(m->kinds[0].attention.kind, SLIP_ATTENTION_LINEAR);
  assert_exact(m->kinds[0].params.attention, 648.0);
  /* softmax layer: q and its gate 2 x 16 x 16, k, v 2 x 16 x 8, o 16 x 16, norms 2 x 8 = 1040 */
  assert_exact(m->kinds[1].params.attention, 1040.0);
  assert_true(m->kinds[1].attention.output_gate);
  assert_exact(slip_model_kv_bytes(m, 5, SLIP_BF16), 224.0 + 5 * 16 * 2);
  slip_model_free(file);
}

/* Nemotron-H: layers of one mixer. Mamba-2 with hidden 16, 4 heads of 8, 2 groups, state 4, width 4: inner 32,
 * convolution channels 32 + 2 x 2 x 4 = 48; in 16 x (32 + 48 + 4), convolution 48 x 4 + 48, A, D, time bias 3 x 4,
 * norm 32, out 32 x 16: 1344 + 240 + 12 + 32 + 512 = 2140. Latent experts: 2 of 2 x 8 x 10, two projections 16 x 8,
 * shared 2 x 16 x 12. */
static void a_hybrid_layer_is_one_mixer_alone(void **state) {
  (void)state;
  slip_model_file *file = parse(
      "{\"model_type\": \"nemotron_h\", \"hidden_size\": 16, \"hybrid_override_pattern\": \"M*E-\", "
      "\"vocab_size\": 100,"
      "\"num_attention_heads\": 2, \"num_key_value_heads\": 1, \"head_dim\": 8, \"intermediate_size\": 20,"
      "\"mamba_num_heads\": 4, \"mamba_head_dim\": 8, \"ssm_state_size\": 4, \"n_groups\": 2, \"conv_kernel\": 4,"
      "\"n_routed_experts\": 2, \"num_experts_per_tok\": 1, \"moe_intermediate_size\": 10, \"moe_latent_size\": 8,"
      "\"n_shared_experts\": 1, \"moe_shared_expert_intermediate_size\": 12}");
  const slip_model *m = slip_model_of(file);
  assert_int_equal(m->layers, 4);
  assert_int_equal(m->n_kinds, 4);
  assert_exact(m->kinds[0].params.attention, 2140.0);
  assert_int_equal(m->kinds[0].ffn.kind, SLIP_FFN_NONE);
  assert_exact(m->kinds[0].params.norms, 16.0);
  assert_int_equal(m->kinds[2].attention.kind, SLIP_ATTENTION_NONE);
  assert_exact(m->kinds[2].params.routed_experts, 2.0 * 160);
  assert_exact(m->kinds[2].params.shared_experts, 384.0 + 256.0);
  assert_int_equal(m->kinds[2].ffn.expert_hidden, 8);
  assert_exact(m->kinds[3].params.dense_ffn, 2.0 * 16 * 20);
  /* Mamba state 4 x 8 x 4 in fp32, 3 x 48 inputs in bf16; attention 2 x 8 a token */
  assert_exact(slip_model_kv_bytes(m, 7, SLIP_BF16), 512.0 + 288.0 + 7 * 16 * 2);
  slip_model_free(file);
}

/* Qwen2: with use_sliding_window, layers from max_window_layers on have the window; without, none has. */
static void a_window_needs_its_switch(void **state) {
  (void)state;
  static const char format[] =
      "{\"model_type\": \"qwen2\", \"hidden_size\": 16, \"num_hidden_layers\": 3, \"vocab_size\": 100, "
      "\"num_attention_heads\": 2,"
      "\"intermediate_size\": 20, \"sliding_window\": 8, \"max_window_layers\": 1, \"use_sliding_window\": %s}";
  char json[sizeof format + 8];
  snprintf(json, sizeof json, format, "true");
  slip_model_file *file = parse(json);
  assert_int_equal(slip_model_of(file)->n_kinds, 2);
  assert_int_equal(slip_model_of(file)->kinds[1].count, 2);
  assert_int_equal(slip_model_of(file)->kinds[1].attention.window, 8);
  slip_model_free(file);
  snprintf(json, sizeof json, format, "false");
  file = parse(json);
  assert_int_equal(slip_model_of(file)->n_kinds, 1);
  assert_int_equal(slip_model_of(file)->kinds[0].attention.window, 0);
  slip_model_free(file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(deepseek_v3_has_671_billion_parameters_of_which_a_token_uses_37_6),
      cmocka_unit_test(an_mtp_module_is_a_layer_a_projection_and_three_norms),
      cmocka_unit_test(deepseek_v3_caches_70_3_kilobytes_a_token),
      cmocka_unit_test(llama_405b),
      cmocka_unit_test(gpt3_follows_the_published_formula),
      cmocka_unit_test(a_shared_indexer_has_no_weights_and_no_keys),
      cmocka_unit_test(windows_cut_the_cache),
      cmocka_unit_test(linear_attention_keeps_a_state_of_fixed_size),
      cmocka_unit_test(a_hybrid_layer_is_one_mixer_alone),
      cmocka_unit_test(a_window_needs_its_switch),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
