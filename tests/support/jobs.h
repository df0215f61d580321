/* Jobs over the built-in catalog, and a made-up system and model with round numbers whose answers can be worked by hand.
 * After <cmocka.h>. A test program is one file, so that the catalog here is its own. */
#ifndef SLIP_TESTS_JOBS_H
#define SLIP_TESTS_JOBS_H

#include <slipstick/serve.h>
#include <slipstick/train.h>
#include <string.h>

#include "support/close.h"
#include "support/toy_chip.h"
#include "support/toy_network.h"

static slip_catalog *jobs_catalog;

/* Setup and teardown of a group of tests. */
static inline int jobs_open(void **state) {
  (void)state;
  return slip_catalog_open(NULL, 0, &jobs_catalog, NULL) == SLIP_OK ? 0 : -1;
}

static inline int jobs_close(void **state) {
  (void)state;
  slip_catalog_free(jobs_catalog);
  jobs_catalog = NULL;
  return 0;
}

static inline const slip_system *system_of(const char *name) {
  const slip_system *system = NULL;
  slip_error err = {.message = ""};
  if (slip_catalog_system(jobs_catalog, name, &system, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  return system;
}

static inline const slip_model *model_of(const char *name) {
  const slip_model *model = NULL;
  slip_error err = {.message = ""};
  if (slip_catalog_model(jobs_catalog, name, &model, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  return model;
}

static inline const slip_stack *stack_of(const char *name) {
  const slip_stack *stack = NULL;
  slip_error err = {.message = ""};
  if (slip_catalog_stack(jobs_catalog, name, &stack, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  return stack;
}

static inline slip_plan plan_of(const char *text) {
  slip_plan plan = slip_plan_default();
  slip_error err = {.message = ""};
  if (slip_plan_parse(text, &plan, &err) != SLIP_OK)
    fail_msg("%s: %s", text, err.message);
  return plan;
}

static inline slip_serve_plan serve_plan_of(const char *text) {
  slip_serve_plan plan = slip_serve_plan_default();
  slip_error err = {.message = ""};
  if (slip_serve_plan_parse(text, &plan, &err) != SLIP_OK)
    fail_msg("%s: %s", text, err.message);
  return plan;
}

static inline slip_train *train_open(const slip_train_job *job) {
  slip_train *train = NULL;
  slip_error err = {.message = ""};
  if (slip_train_open(job, &train, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  return train;
}

static inline slip_serve *serve_open(const slip_serve_job *job) {
  slip_serve *serve = NULL;
  slip_error err = {.message = ""};
  if (slip_serve_open(job, &serve, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  return serve;
}

/* A training job on catalog entries; seq 4096. */
static inline slip_train_job train_job_of(const char *model, const char *system, const char *stack, int64_t chips,
                                          int64_t batch) {
  slip_train_job job = slip_train_job_default();
  job.model = model_of(model), job.system = system_of(system), job.stack = stack_of(stack);
  job.chips = chips, job.batch = batch;
  return job;
}

/* A serving job on catalog entries; one instance, 4096 in, 1024 out, no objectives. */
static inline slip_serve_job serve_job_of(const char *model, const char *system, const char *stack) {
  slip_serve_job job = slip_serve_job_default();
  job.model = model_of(model), job.system = system_of(system), job.stack = stack_of(stack);
  return job;
}

/* ---- a toy: eight of the toy chip a node, a stack that hides nothing and adds nothing ---- */

static slip_kernels toy_system_kernels;
static slip_chip toy_system_chip;

static inline slip_system toy_system(void) {
  toy_system_kernels = toy_kernels();
  toy_system_chip = toy_chip(&toy_system_kernels);
  slip_network net = toy_network();
  slip_system system = {.entry = {.kind = SLIP_KIND_SYSTEM, .name = "toy", .file = "toy.yaml"},
                        .chip = &toy_system_chip,
                        .chips = 8,
                        .n_levels = net.n_levels,
                        .power_w = 8000,
                        .price_usd = 100000};
  memcpy(system.levels, net.levels, sizeof system.levels);
  return system;
}

static inline slip_stack toy_stack(void) {
  return (slip_stack){.entry = {.kind = SLIP_KIND_STACK, .name = "toy", .file = "toy.yaml"},
                      .for_vendor = "any",
                      .framework = "toy",
                      .release = "1",
                      .date = "2026-01",
                      .trains = true,
                      .serves = true,
                      .elementwise_passes = 1,
                      .imbalance_train = 1,
                      .flash_attention = 1,
                      .imbalance_serve = 1,
                      .decode_graphs = 1,
                      .reduce_s = NAN,
                      .prefill_interference = 1,
                      .kv_memory_share = 1,
                      .draft_acceptance = 0.5,
                      .max_sequences = 1024,
                      .zero_bubble = 1,
                      .dualpipe = 1,
                      .memory_share = 1,
                      .spread_ttft = 1,
                      .spread_ttft_split = 1,
                      .pace_train = 1,
                      .pace_serve = 1,
                      .pace_experts = 1,
                      .spread_train = 0.2,
                      .spread_serve = 0.3,
                      .spread_rate = 0.4,
                      .spread_offline = 0.2};
}

/* A Hugging Face configuration from memory; free with slip_model_free. */
static inline slip_model_file *model_from(const char *json) {
  slip_model_file *file = NULL;
  slip_error err = {.message = ""};
  if (slip_model_parse("test", json, strlen(json), &file, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  return file;
}

/* 8 dense layers, hidden 1024, 16 heads of 64 (8 key/value heads), gated FFN of 4096, vocabulary 32000. */
#define SMALL_DENSE                                                                                            \
  "{\"model_type\": \"llama\", \"hidden_size\": 1024, \"num_hidden_layers\": 8, \"num_attention_heads\": 16, " \
  "\"num_key_value_heads\": 8, \"intermediate_size\": 4096, \"vocab_size\": 32000, "                           \
  "\"tie_word_embeddings\": false, \"torch_dtype\": \"bfloat16\"}"
/* 8 layers of 16 experts (width 512, 2 per token), hidden 1024, otherwise as above. */
#define SMALL_MOE                                                                                                  \
  "{\"model_type\": \"qwen3_moe\", \"hidden_size\": 1024, \"num_hidden_layers\": 8, \"num_attention_heads\": 16, " \
  "\"num_key_value_heads\": 8, \"head_dim\": 64, \"intermediate_size\": 4096, \"moe_intermediate_size\": 512, "    \
  "\"num_experts\": 16, \"num_experts_per_tok\": 2, \"decoder_sparse_step\": 1, \"mlp_only_layers\": [], "         \
  "\"norm_topk_prob\": true, \"vocab_size\": 32000, \"tie_word_embeddings\": false, \"torch_dtype\": "             \
  "\"bfloat16\"}"

#endif
