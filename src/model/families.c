/* The families of architectures that are modelled: one row each. What a row says beyond the configuration's own
 * fields is what the family's published implementation does without being told (biases, norms of queries and keys,
 * shared experts). */
#include <string.h>

#include "model/draft.h"

enum {
  BIAS_ALL = SLIP_F_BIAS_KEY_QKV | SLIP_F_BIAS_KEY_O,
  DEEPSEEK = SLIP_F_MLA | SLIP_F_MOE | SLIP_F_ROUTER_BIAS_NOAUX | BIAS_ALL,
  QWEN3 = SLIP_F_QK_NORM | BIAS_ALL,
  QWEN3_NEXT = QWEN3 | SLIP_F_OUTPUT_GATE,
  GEMMA4 = SLIP_F_QK_NORM | SLIP_F_GLOBAL_KEYS | SLIP_F_SHARED_DENSE | SLIP_F_TIED | SLIP_F_MOE | BIAS_ALL,
  LLAMA4 = SLIP_F_MOE | SLIP_F_SHARED_ONE | SLIP_F_DENSE_MLP_KEY | BIAS_ALL,
};

static const slip_family families[] = {
    {"llama", "LlamaForCausalLM", slip_mixers_plain, BIAS_ALL, 1, 1, 1},
    {"mistral", "MistralForCausalLM", slip_mixers_windowed, BIAS_ALL, 1, 1, 1},
    {"mixtral", "MixtralForCausalLM", slip_mixers_windowed, SLIP_F_MOE, 1, 1, 1},
    {"qwen2", "Qwen2ForCausalLM", slip_mixers_plain, SLIP_F_QKV_BIAS, 1, 1, 1},
    {"qwen2_moe", "Qwen2MoeForCausalLM", slip_mixers_plain, SLIP_F_QKV_BIAS | SLIP_F_MOE | SLIP_F_SHARED_GATE, 1, 1,
     1},
    {"qwen3", "Qwen3ForCausalLM", slip_mixers_plain, QWEN3, 1, 1, 1},
    {"qwen3_moe", "Qwen3MoeForCausalLM", slip_mixers_plain, QWEN3 | SLIP_F_MOE, 1, 1, 1},
    {"qwen3_vl_moe_text", NULL, slip_mixers_plain, QWEN3 | SLIP_F_MOE, 1, 1, 1},
    {"qwen3_vl_text", NULL, slip_mixers_plain, QWEN3, 1, 1, 1},
    {"qwen3_next", "Qwen3NextForCausalLM", slip_mixers_linear, QWEN3_NEXT | SLIP_F_MOE | SLIP_F_SHARED_GATE, 1, 1,
     1},
    {"qwen3_5_text", NULL, slip_mixers_linear, QWEN3_NEXT, 1, 1, 1},
    {"qwen3_5_moe_text", NULL, slip_mixers_linear, QWEN3_NEXT | SLIP_F_MOE | SLIP_F_SHARED_GATE, 1, 1, 1},
    {"mimo", "MiMoForCausalLM", slip_mixers_plain, SLIP_F_BIAS_KEY_QKV, 1, 1, 1},
    {"mimo_v2_flash", "MiMoV2FlashForCausalLM", slip_mixers_mimo_v2,
     SLIP_F_SWA_KEYS | SLIP_F_SINK_KEYS | SLIP_F_MOE | SLIP_F_ROUTER_BIAS_NOAUX | SLIP_F_BIAS_KEY_QKV, 1, 1, 1},
    {"deepseek", "DeepseekForCausalLM", slip_mixers_plain, SLIP_F_MOE | BIAS_ALL, 1, 1, 1},
    {"deepseek_v2", "DeepseekV2ForCausalLM", slip_mixers_plain, DEEPSEEK, 1, 1, 1},
    {"deepseek_v3", "DeepseekV3ForCausalLM", slip_mixers_plain, DEEPSEEK, 1, 1, 1},
    {"kimi_k2", NULL, slip_mixers_plain, DEEPSEEK, 1, 1, 1},
    {"deepseek_v32", "DeepseekV32ForCausalLM", slip_mixers_indexed, DEEPSEEK, 1, 1, 1},
    {"glm_moe_dsa", "GlmMoeDsaForCausalLM", slip_mixers_indexed, DEEPSEEK, 1, 1, 1},
    {"glm4_moe", "Glm4MoeForCausalLM", slip_mixers_plain,
     SLIP_F_BIAS_KEY_QKV | SLIP_F_QK_NORM_KEY | SLIP_F_MOE | SLIP_F_ROUTER_BIAS, 1, 1, 1},
    {"gpt_oss", "GptOssForCausalLM", slip_mixers_plain,
     BIAS_ALL | SLIP_F_SINKS | SLIP_F_MOE | SLIP_F_EXPERT_BIAS | SLIP_F_ROUTER_BIAS, 1, 1, 1},
    {"minimax_m2", "MiniMaxM2ForCausalLM", slip_mixers_plain,
     SLIP_F_QK_NORM_KEY | SLIP_F_MOE | SLIP_F_ROUTER_BIAS_KEY, 1, 1, 1},
    {"step3p7", "Step3p7FlashForCausalLM", slip_mixers_plain,
     SLIP_F_QK_NORM_KEY | SLIP_F_MOE | SLIP_F_ROUTER_BIAS_KEY | SLIP_F_MTP_DENSE, 1, 1, 1},
    {"llama4_text", "Llama4ForCausalLM", slip_mixers_llama4, LLAMA4, 1, 1, 1},
    {"gemma4_text", NULL, slip_mixers_plain, GEMMA4, 2, 2, 5},
    {"nemotron_h", "NemotronHForCausalLM", slip_mixers_nemotron_h,
     SLIP_F_UNGATED | SLIP_F_MOE | SLIP_F_ROUTER_BIAS | BIAS_ALL, 1, 1, 1},
    {"nemotron-nas", "DeciLMForCausalLM", slip_mixers_nemotron_nas, BIAS_ALL, 1, 1, 1},
    {"gpt2", "GPT2LMHeadModel", slip_mixers_plain, SLIP_F_GPT2 | SLIP_F_TIED, 1, 1, 1},
};

const slip_family *slip_family_find(const char *model_type, const char *architecture) {
  for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
    const slip_family *row = &families[i];
    if (model_type != NULL
            ? strcmp(row->model_type, model_type) == 0
            : architecture != NULL && row->architecture != NULL && strcmp(row->architecture, architecture) == 0)
      return row;
  }
  return NULL;
}
