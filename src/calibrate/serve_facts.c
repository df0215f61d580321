/* Facts of a serving row: remark or notes, formats, drafts, data sets. docs/measured.md says which keys there are. */
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate/serve_read.h"

/* ---- reasons and inferences ---- */

static const char *keep(slip_serve_reading *r, const char *fmt, va_list args) {
  char text[256];
  if (vsnprintf(text, sizeof text, fmt, args) < 0)
    text[0] = '\0';
  const char *copy = slip_arena_strdup(r->reader->arena, text);
  if (!copy)
    r->no_memory = true;
  return copy ? copy : "";
}

void slip_serve_skip(slip_serve_reading *r, const char *fmt, ...) {
  if (!r->out->shown.scored)
    return;
  va_list args;
  va_start(args, fmt);
  r->out->shown.reason = keep(r, fmt, args);
  va_end(args);
  r->out->shown.scored = false;
}

void slip_serve_infer(slip_serve_reading *r, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  const char *more = keep(r, fmt, args), *had = r->out->shown.inferred;
  va_end(args);
  const char *both = had[0] ? slip_arena_printf(r->reader->arena, "%s; %s", had, more) : more;
  if (!both)
    r->no_memory = true;
  r->out->shown.inferred = both ? both : "";
}

/* ---- facts ---- */

/* Phrases of the reference table's notes that say what a remark says with key=value. value NULL: the number after the phrase. */
static const struct {
  const char *key, *phrase, *value;
} phrases[] = {
    {"length_ratio", "range ratio 0.8", "0.9"}, /* uniform between 0.8 and 1 of the nominal */
    {"length_ratio", "lengths 0.8..1.0", "0.9"},
    {"rounds", "InferenceX/InferenceMAX random", "10"}, /* its harness sends 10 prompts per client */
    {"rounds", "MTP use NOT recorded", "10"},
    {"static_batch", "static batch ", NULL},
    {"max_running", "running batch <= ", NULL},
    {"cached_counted", "counts cached tokens", "yes"},
    {"cached_counted", "INCLUDING cache hits", "yes"},
    {"routing", "balanced experts", "forced-balanced"},
    {"service", "production 24 h average", "live"},
    {"not_scored", "from DeepSeek blog excluding cache hits", "quotes-ds_prod_prefill"},
    {"not_scored", "PROJECTED", "projection"},
    {"not_scored", "simulated perfect", "projection"},
    {"not_scored", "regression baseline", "regression-floor"},
    {"drafts", "no MTP", "none"},
    {"division", "open division", "open"},
    {"tpot", "nominal SLO", "rounded-label"},
    {"scenario", "scenario Offline", "offline"},
    {"scenario", "scenario Server", "server"},
    {"scenario", "scenario Interactive", "interactive"},
    {"context", "average KV length ", NULL},
    {"decode_cards", "decode cards ", NULL},
    {"measured", "measured 20", NULL},
};

static const char *word_at(slip_serve_reading *r, const char *start) {
  const char *copy = slip_arena_strndup(r->reader->arena, start, strcspn(start, " ;),"));
  if (!copy)
    r->no_memory = true;
  return copy;
}

const char *slip_serve_fact(slip_serve_reading *r, const char *key) {
  size_t n = strlen(key);
  for (const char *at = slip_row_text(r->row, "remark"); *at; at += strcspn(at, ";")) {
    at += strspn(at, " ;");
    if (strncmp(at, key, n) == 0 && at[n] == '=')
      return word_at(r, at + n + 1);
  }
  const char *notes = slip_row_text(r->row, "notes");
  for (size_t i = 0; i < sizeof phrases / sizeof *phrases && *notes; i++) {
    const char *at = strcmp(phrases[i].key, key) == 0 ? strstr(notes, phrases[i].phrase) : NULL;
    if (!at)
      continue;
    if (phrases[i].value)
      return phrases[i].value;
    const char *value = at + strlen(phrases[i].phrase);
    return word_at(r, strcmp(key, "measured") == 0 ? value - 2 : value);
  }
  return NULL;
}

double slip_serve_fact_number(slip_serve_reading *r, const char *key) {
  const char *text = slip_serve_fact(r, key);
  char *end = NULL;
  double value = text ? strtod(text, &end) : NAN;
  return text && end != text && value > 0 ? value : NAN;
}

bool slip_serve_layout_fact(slip_serve_reading *r, const char *key, slip_pool_layout *out) {
  const char *text = slip_serve_fact(r, key);
  long long n, tp, dp, ep, m, tp2, dp2, ep2;
  if (text && sscanf(text, "%9lldxtp%9llddp%9lldep%9lld", &n, &tp, &dp, &ep) == 4) {
    *out = (slip_pool_layout){n, tp, dp, ep};
  } else {
    const char *at = strstr(slip_row_text(r->row, "notes"), "PD disaggregated: ");
    if (!at || sscanf(at,
                      "PD disaggregated: %9lld prefill workers (attn tp%9lld dp%9lld moe_tp%*d ep%9lld), %9lld "
                      "decode workers (attn tp%9lld dp%9lld moe_tp%*d ep%9lld",
                      &n, &tp, &dp, &ep, &m, &tp2, &dp2, &ep2) != 8)
      return false;
    *out = strcmp(key, "prefill") == 0 ? (slip_pool_layout){n, tp, dp, ep} : (slip_pool_layout){m, tp2, dp2, ep2};
  }
  return out->instances >= 1 && out->tp >= 1 && out->dp >= 1 && out->ep >= 1;
}

slip_harness slip_serve_harness(const char *source, const char *framework, const char *chip, const char *model,
                                int64_t tp) {
  /* benchmarks/single_node/NAME.sh of github.com/SemiAnalysisAI/InferenceX: dsr1_fp8_b200, dsr1_fp8_h200, glm5_fp8_b200, qwen3.5_fp8_b200,
   * dsr1_fp4_b200_trt, dsr1_fp8_h200_trt. chip and model: how the names begin; the first that fits holds. */
  static const struct {
    const char *source, *framework, *chip, *model;
    int64_t tp; /* 0: any */
    slip_harness set;
  } harnesses[] = {
      {"InferenceX", "sglang", "b200", "glm", 0, {.chunk = 32768, .fp8_cache = true}},
      {"InferenceX",
       "sglang",
       "b200",
       "deepseek",
       4,
       {.chunk = 8192, .poll = 10, .poll_few = 10, .fp8_cache = true, .memory_share = 0.95}},
      {"InferenceX",
       "sglang",
       "b200",
       "",
       0,
       {.chunk = 32768, .poll = 30, .poll_few = 10, .poll_from = 16, .fp8_cache = true}},
      {"InferenceX", "sglang", "b300", "", 0, {.chunk = 32768, .fp8_cache = true}},
      {"InferenceX",
       "sglang",
       "gb",
       "deepseek",
       0,
       {.fp8_cache = true}}, /* NAME.yaml of its recipes for GB200 and GB300 */
      {"InferenceX", "sglang", "", "", 0, {.chunk = 32768}},
      {"InferenceX", "trtllm", "b200", "deepseek", 0, {.own_prompt = true}},
      {"TensorRT-LLM perf-overview v0", "", "", "", 0, {.bench = SLIP_BENCH_TRT_ENGINE, .memory_share = 0.99}},
      {"TensorRT-LLM perf-overview", "", "", "", 0, {.bench = SLIP_BENCH_TRT_TUNED}},
      {"TensorRT-LLM best practice DeepSeek", "", "", "", 0, {.chunk = 1152}},
      {"ROCm/vllm dev-docker", "", "", "", 0, {.chunk = 131072, .at_once = true}},
  };
  for (size_t i = 0; i < sizeof harnesses / sizeof *harnesses; i++)
    if (strstr(source, harnesses[i].source) &&
        strncmp(framework, harnesses[i].framework, strlen(harnesses[i].framework)) == 0 &&
        strncmp(chip, harnesses[i].chip, strlen(harnesses[i].chip)) == 0 &&
        strncmp(model, harnesses[i].model, strlen(harnesses[i].model)) == 0 &&
        (harnesses[i].tp == 0 || harnesses[i].tp == tp))
      return harnesses[i].set;
  return (slip_harness){0};
}

double slip_mlperf_input_tokens(const char *model) {
  /* Means of the data sets as MLCommons describes its benchmarks (posts on the 405 B benchmark of v5.0, the small one and the reasoning
   * one of v5.1): LongBench, RULER and GovReport; CNN/DailyMail; reasoning problems. To be checked against the sets themselves. */
  static const struct {
    const char *model;
    double tokens;
  } sets[] = {{"llama3.1-405b", 9428}, {"llama3.1-8b", 778}, {"deepseek-r1", 800}};
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
    if (strncmp(model, sets[i].model, strlen(sets[i].model)) == 0)
      return sets[i].tokens;
  return NAN;
}

bool slip_serve_dtype(const char *text, slip_dtype *out) {
  char word[24];
  size_t n = 0;
  while (n + 1 < sizeof word && isalnum((unsigned char)text[n])) {
    word[n] = (char)tolower((unsigned char)text[n]);
    n++;
  }
  word[n] = '\0';
  const char *name = word[0] == 'u' && strncmp(word, "uint", 4) == 0 ? word + 1 : word;
  return slip_dtype_parse(name, out);
}

/* ---- drafts ---- */

static double number_in(const char *text, const char *before) {
  const char *at = text ? strstr(text, before) : NULL;
  if (!at)
    return NAN;
  at += strlen(before);
  at += strspn(at, " ~");
  char *end;
  double low = strtod(at, &end);
  if (end == at)
    return NAN;
  if (*end == '-') { /* a range: its middle */
    char *end2;
    double high = strtod(end + 1, &end2);
    if (end2 != end + 1)
      return (low + high) / 2;
  }
  return low;
}

slip_draft_text slip_serve_drafts(const char *text) {
  slip_draft_text d = {.accepted = NAN};
  if (!*text || strstr(text, "not recorded") || strchr(text, '?'))
    return d;
  d.known = true;
  if (strncmp(text, "none", 4) == 0 || strncmp(text, "off", 3) == 0 || strcmp(text, "no") == 0)
    return d;
  d.on = true;
  const char *mtp = strstr(text, "MTP"), *bracket = strchr(text, '(');
  if (mtp && isdigit((unsigned char)mtp[3]))
    d.drafts = mtp[3] - '0';
  else if (mtp && mtp[3] == ' ' && isdigit((unsigned char)mtp[4]))
    d.drafts = mtp[4] - '0';
  else if (strstr(text, "EAGLE"))
    d.drafts = 3; /* the depth that vLLM's and SGLang's guides start with */
  if (bracket && isdigit((unsigned char)bracket[1]) && strstr(bracket, "tokens"))
    d.drafts = bracket[1] - '0';
  double length = number_in(text, "accept length");
  if (length >= 1)
    d.accepted = length - 1;
  const char *percent = strchr(text, '%');
  if (isnan(d.accepted) && percent && strstr(text, "accept")) {
    while (percent > text && isdigit((unsigned char)percent[-1]))
      percent--;
    double rate = atof(percent) / 100, chain = 1, sum = 0;
    for (int64_t i = 0; i < (d.drafts > 0 ? d.drafts : 1); i++)
      sum += chain *= rate;
    d.accepted = sum;
  }
  return d;
}
