/* Rows of the serving table, resolved. The rules are in docs/measured.md, "Serving". */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "calibrate/serve_read.h"

static const char *text_of(const slip_serve_reading *r, const char *column) {
  return slip_row_text(r->row, column);
}

static double number_of(slip_serve_reading *r, const char *column) {
  bool bad = false;
  double value = slip_row_number(r->row, column, &bad);
  if (bad)
    slip_serve_skip(r, "%s '%s' is not a number", column, text_of(r, column));
  return value;
}

static bool is_mlperf(const slip_serve_reading *r) {
  return strncmp(text_of(r, "source"), "MLPerf Inference", 16) == 0;
}

/* ---- identity ---- */

static void read_identity(slip_serve_reading *r) {
  slip_checked *shown = &r->out->shown;
  shown->file = r->row->table->file;
  shown->line = slip_row_line(r->row);
  shown->id = text_of(r, "id");
  shown->source = text_of(r, "source");
  shown->family = slip_source_family(r->reader->arena, shown->source);
  if (!shown->family) {
    r->no_memory = true;
    shown->family = "";
  }
  shown->phase = text_of(r, "phase");
  shown->chip = text_of(r, "chip");
  shown->model = text_of(r, "model");
  shown->stack = shown->reason = shown->inferred = "";
  shown->scored = true;
}

/* "2026-04-08" -> 2026.27; a bare year stays whole (any day of it). */
static double read_year(slip_serve_reading *r) {
  const char *measured = slip_serve_fact(r, "measured");
  if (measured) {
    char *end;
    double year = strtod(measured, &end);
    double month = *end == '-' ? strtod(end + 1, NULL) : 1;
    if (year > 2000 && year < 2100)
      return year + (month >= 1 && month <= 12 ? (month - 0.5) / 12 : 0);
  }
  return number_of(r, "year");
}

static void read_names(slip_serve_reading *r) {
  slip_case *out = r->out;
  const slip_catalog *catalog = r->reader->catalog;
  out->chip = slip_resolve_chip(catalog, out->shown.chip, &r->per_die);
  if (!out->chip) {
    slip_serve_skip(r,
                    strstr(out->shown.chip, "unclear") ? "chip '%s': die or package is not stated"
                                                       : "chip '%s' is not in the catalog",
                    out->shown.chip);
    return;
  }
  const slip_chip *grade = out->chip;
  out->chip = slip_resolve_estimable(catalog, grade);
  if (out->chip != grade)
    slip_serve_infer(r, "chip=%s for its grade %s", out->chip->entry.name, grade->entry.name);
  out->shown.chip = out->chip->entry.name;
  double domain = number_of(r, "chips_per_scaleup");
  out->serve.job.system =
      slip_resolve_system(catalog, out->chip, isnan(domain) ? 0 : (int64_t)(r->per_die ? domain / 2 : domain));
  if (!out->serve.job.system)
    slip_serve_skip(r, "system: the catalog has none with %s", out->chip->entry.name);
  const slip_model *model = slip_resolve_model(catalog, out->shown.model);
  if (!model) {
    slip_serve_skip(r, "model '%s' is not in the catalog", out->shown.model);
    return;
  }
  out->serve.job.model = model;
  out->shown.model = model->entry.name;
  out->shown.moe = slip_model_has_experts(model);
  out->stack = slip_resolve_stack(catalog, out->chip, text_of(r, "framework"), out->year, false, out->shown.moe);
  out->serve.job.stack = out->stack;
  out->shown.stack = out->stack ? out->stack->entry.name : "";
}

/* ---- formats ---- */

static double released_bytes(const slip_model *model) {
  double least = slip_dtype_bytes(model->weights.dense_ffn);
  return fmin(least, slip_dtype_bytes(model->weights.routed_experts));
}

/* "llama3.1-70b-fp8_dyn" */
static bool format_in_name(const char *name, slip_dtype *out) {
  for (int d = 0; d < SLIP_DTYPES; d++)
    if (strstr(name, slip_dtype_name((slip_dtype)d))) {
      *out = (slip_dtype)d;
      return true;
    }
  return false;
}

/* The floating-point format of fewest bits that a chip computes: what submissions of language models to MLPerf run in. */
static slip_dtype narrowest(const slip_chip *chip) {
  return !isnan(chip->peak_flops[SLIP_FP4]) ? SLIP_FP4 : !isnan(chip->peak_flops[SLIP_FP8]) ? SLIP_FP8 : SLIP_BF16;
}

static slip_harness harness_of(slip_serve_reading *r) {
  bool bad = false;
  double tp = slip_row_number(r->row, "tp", &bad);
  return slip_serve_harness(text_of(r, "source"), text_of(r, "framework"), r->out->shown.chip, r->out->shown.model,
                            isnan(tp) ? 0 : (int64_t)tp);
}

static void read_formats(slip_serve_reading *r) {
  slip_serve_job *job = &r->out->serve.job;
  const char *weights = text_of(r, "weights_dtype"), *kv = text_of(r, "kv_dtype");
  slip_dtype asked = SLIP_DTYPES;
  if (*weights && !slip_serve_dtype(weights, &asked) && !format_in_name(text_of(r, "model"), &asked)) {
    slip_serve_skip(r, "weights_dtype '%s' is no format", weights);
    return;
  }
  if (is_mlperf(r) && (!*weights || asked == SLIP_BF16 || asked == SLIP_FP32)) {
    asked = narrowest(r->out->chip);
    slip_serve_infer(r, "weights_dtype=%s: MLPerf's log names the format before quantisation",
                     slip_dtype_name(asked));
  } else if (!*weights) {
    slip_serve_infer(r, "weights_dtype as released");
  }
  /* Nobody widens a checkpoint: a row that names a wider format than the release speaks of what it computes in. */
  if (asked != SLIP_DTYPES && slip_dtype_bytes(asked) > 1.2 * released_bytes(job->model) && asked != SLIP_BF16)
    asked = SLIP_DTYPES;
  job->weights = asked == SLIP_FP32 ? SLIP_BF16 : asked;
  if (strstr(text_of(r, "act_dtype"), "bf16 attention"))
    job->attention = SLIP_BF16;
  if (*kv) {
    if (!slip_serve_dtype(kv, &job->kv))
      slip_serve_skip(r, "kv_dtype '%s' is no format", kv);
    return;
  }
  /* Checkpoints in nvfp4 come with an fp8 cache (hf_quant_config.json); of those in fp8 only TensorRT-LLM, MLPerf's submissions and
   * Gaudi's quantisation (Intel Neural Compressor, patching_common.py: KVCache is among its modules) take it, vLLM and SGLang keep the cache as released
   * unless told. */
  bool ascend = strcmp(r->out->chip->entry.vendor, "Huawei") == 0;
  const slip_harness harness = harness_of(r);
  bool follows = is_mlperf(r) || harness.fp8_cache || strcmp(r->out->stack->framework, "TensorRT-LLM") == 0 ||
                 strncmp(r->out->chip->entry.name, "gaudi", 5) == 0;
  /* OpenAI's mxfp4 checkpoints say nothing of the cache. */
  bool quantised =
      (asked == SLIP_FP4 && (follows || strncmp(weights, "mxfp4", 5) != 0)) || (follows && asked == SLIP_FP8);
  if (quantised && !ascend) {
    job->kv = SLIP_FP8;
    slip_serve_infer(r, "kv_dtype=fp8");
  }
}

/* ---- drafts ---- */

/* InferenceX's configurations, scripts and pull requests say what its rows in other tables do not (docs/measured.md). Dates are ISO, so
 * that their order is that of the texts. */
static void drafts_of_inferencex(slip_serve_reading *r, slip_draft_text *d) {
  static const struct {
    const char *framework, *chip, *model,
        *before; /* how the names begin; the first date of a configuration that drafts */
  } none[] = {{"sglang", "h200", "deepseek", "2026-05"},
              {"sglang", "b300", "deepseek", "2026-05"},
              {"sglang", "", "glm-5", "2026-04-18"},
              {"sglang", "", "qwen3.5", "2026-04"}};
  const char *framework = text_of(r, "framework"), *chip = r->out->shown.chip, *model = r->out->shown.model;
  const char *measured = slip_serve_fact(r, "measured");
  if (d->known || !measured || slip_serve_fact(r, "drafts") || !strstr(text_of(r, "source"), "InferenceX"))
    return;
  if (strcmp(text_of(r, "pd_disagg"), "yes") == 0) {
    d->known = true;
  } else if (strncmp(framework, "trtllm", 6) == 0) { /* when drafting came in, and the image it moved to */
    bool bad = false;
    d->known = true;
    d->on = strstr(framework, "1.2.0rc6.post3") || strncmp(measured, "2026-01-14", 10) == 0;
    d->drafts = !d->on ? 0 : slip_row_number(r->row, "dp", &bad) > 1 ? 1 : 3;
  }
  for (size_t i = 0; i < sizeof none / sizeof *none && !d->known; i++)
    d->known = strncmp(framework, none[i].framework, strlen(none[i].framework)) == 0 &&
               strncmp(chip, none[i].chip, strlen(none[i].chip)) == 0 &&
               strncmp(model, none[i].model, strlen(none[i].model)) == 0 && strcmp(measured, none[i].before) < 0;
  if (d->known)
    slip_serve_infer(r, "drafts=%lld by InferenceX's configurations", (long long)d->drafts);
}

static void read_drafts(slip_serve_reading *r) {
  slip_serve_case *c = &r->out->serve;
  slip_draft_text d = slip_serve_drafts(text_of(r, "speculative"));
  bool own = c->job.model->mtp_modules > 0;
  const char *fact = slip_serve_fact(r, "drafts");
  drafts_of_inferencex(r, &d);
  const double number = slip_serve_fact_number(r, "drafts"); /* NAN for none */
  if (!d.known && number <= 100) {
    d.known = d.on = true;
    d.drafts = (int64_t)fmax(1, floor(number));
  }
  if (!d.known) {
    /* Without drafting modules a row would name its draft model; MLPerf's rules up to 5.1 and tables of saturated throughput have none,
     * and a prefill pool drafts nothing. */
    d.known = !own || c->phase == SLIP_PHASE_PREFILL || is_mlperf(r) || (fact && strcmp(fact, "none") == 0) ||
              strcmp(r->out->shown.phase, "e2e_offline") == 0;
    d.on = false;
  }
  c->speculation_known = d.known;
  c->job.speculate = d.on || !d.known;
  c->job.drafts = d.on && d.drafts == 0 && !own ? 1 : d.drafts;
  c->job.accepted = isnan(d.accepted) ? 0 : d.accepted;
  if (d.on && !(c->job.accepted > 0))
    slip_serve_infer(r, "accepted drafts by the stack");
  if (!d.known)
    slip_serve_infer(r, "drafts: predicted with and without");
}

/* ---- load ---- */

static void read_lengths(slip_serve_reading *r) {
  slip_serve_case *c = &r->out->serve;
  double isl = number_of(r, "isl"), osl = number_of(r, "osl"), ratio = slip_serve_fact_number(r, "length_ratio");
  double context = slip_serve_fact_number(r, "context");
  if (isnan(isl) && is_mlperf(r)) {
    isl = slip_mlperf_input_tokens(text_of(r, "model"));
    if (!isnan(isl))
      slip_serve_infer(r, "isl=%.0f, the data set's mean", isl);
    else if (!isnan(osl) && strstr(text_of(r, "model"), "70b")) {
      isl = osl; /* questions and answers of OpenOrca are of a like length; no mean is published */
      slip_serve_infer(r, "isl=osl");
    }
  }
  if (isnan(isl) && c->phase == SLIP_PHASE_DECODE && !isnan(context)) {
    isl = context;
    osl = 1;
    slip_serve_infer(r, "isl by the mean context");
  }
  if (isnan(isl) && c->phase == SLIP_PHASE_PREFILL) {
    isl =
        4096; /* attention is a small share of a prompt of this length: half or twice it changes the rate by a few percent */
    slip_serve_infer(r, "isl=4096");
  }
  if (isnan(osl) && (c->phase == SLIP_PHASE_PREFILL || c->phase == SLIP_PHASE_DECODE))
    osl = 1;
  if (isnan(isl) || isnan(osl)) {
    slip_serve_skip(r, "%s is blank", isnan(isl) ? "isl" : "osl");
    return;
  }
  /* What the server counted as tokens, where it was more than the client meant. */
  const double counted = slip_serve_fact_number(r, "prompt_ratio");
  if (!isnan(counted) && !isnan(isl)) {
    isl *= counted;
    slip_serve_infer(r, "isl x %.3g: as the server counted", counted);
  }
  if (!isnan(ratio) && ratio <= 1) { /* the mean of lengths even between 2 ratio - 1 and 1 of the nominal */
    isl *= ratio, osl *= ratio;
    c->job.length_spread = (1 - ratio) / sqrt(3) / ratio;
  }
  if (!(isl >= 1 && isl <= 1e7 && osl >= 1 && osl <= 1e7)) {
    slip_serve_skip(r, "isl %g or osl %g is not from 1 to 1e7", isl, osl);
    return;
  }
  c->job.isl = llround(isl), c->job.osl = llround(osl);
  double hit = number_of(r, "prefix_hit_rate");
  if (!isnan(hit) && !(hit >= 0 && hit < 1)) {
    slip_serve_skip(r, "prefix_hit_rate %g is not from 0 to 1", hit);
    return;
  }
  c->job.prefix_hit = isnan(hit) ? 0 : hit;
  double rounds = slip_serve_fact_number(r, "rounds");
  c->job.rounds = isnan(rounds) ? 0 : rounds;
  c->in_process = is_mlperf(r);
  const char *routing = slip_serve_fact(r, "routing");
  c->balanced = routing && strcmp(routing, "forced-balanced") == 0;
  c->counted = slip_serve_fact(r, "cached_counted") ? 1 / (1 - c->job.prefix_hit) : 1;
  const char *service = slip_serve_fact(r, "service");
  c->live = service && strcmp(service, "live") == 0 && c->phase == SLIP_PHASE_PREFILL;
  if (c->live)
    slip_serve_infer(r, "load=%.2f of what the pool can do, by the rule for live services", SLIP_LIVE_LOAD);
}

/* Requests in flight on all of the row's chips; NAN not stated. */
static double read_concurrency(slip_serve_reading *r, double chips) {
  double n = number_of(r, "concurrency");
  if (!isnan(n))
    return n;
  bool bad = false;
  double per_chip = slip_row_number(r->row, "batch_per_chip", &bad);
  if (!bad && !isnan(per_chip) && !isnan(chips))
    return per_chip * chips;
  /* An open loop: Little's law over its own figures says how many were in flight. */
  double rate = number_of(r, "tokens_per_s_per_chip_out"), ttft = number_of(r, "ttft_ms"),
         tpot = number_of(r, "tpot_ms");
  double osl = (double)r->out->serve.job.osl;
  if (rate > 0 && tpot > 0 && chips > 0) {
    n = rate * chips / osl * ((isnan(ttft) ? 0 : ttft) + tpot * (osl - 1)) / 1e3;
    slip_serve_infer(r, "concurrency=%.0f by Little's law over the row", n);
    r->out->serve.job.ignore_memory = true; /* all of them ran */
    return fmax(1, n);
  }
  return NAN;
}

static void read_phase(slip_serve_reading *r) {
  static const struct {
    const char *name;
    slip_serve_phase phase;
  } phases[] = {{"prefill", SLIP_PHASE_PREFILL},
                {"decode", SLIP_PHASE_DECODE},
                {"e2e_offline", SLIP_PHASE_LOOP},
                {"e2e_online", SLIP_PHASE_LOOP}};
  for (size_t i = 0; i < sizeof phases / sizeof *phases; i++)
    if (strcmp(r->out->shown.phase, phases[i].name) == 0) {
      r->out->serve.phase = phases[i].phase;
      if (phases[i].phase == SLIP_PHASE_LOOP && !isnan(slip_serve_fact_number(r, "static_batch")))
        r->out->serve.phase = SLIP_PHASE_STATIC;
      return;
    }
  slip_serve_skip(r, "phase '%s' is not prefill, decode, e2e_offline or e2e_online", r->out->shown.phase);
}

static void read_load(slip_serve_reading *r) {
  slip_serve_case *c = &r->out->serve;
  double chips = number_of(r, "n_chips"), per_chip = NAN;
  bool bad = false;
  per_chip = slip_row_number(r->row, "batch_per_chip", &bad);
  if (c->phase == SLIP_PHASE_PREFILL || c->phase == SLIP_PHASE_DECODE) {
    c->concurrency = NAN;
    if (c->phase == SLIP_PHASE_DECODE) {
      double n = number_of(r, "concurrency");
      c->concurrency = !bad && !isnan(per_chip) ? per_chip * (isnan(chips) ? 1 : chips) : n;
      double rate = number_of(r, "tokens_per_s_per_chip_out"), tpot = number_of(r, "tpot_ms");
      if (isnan(c->concurrency) && rate > 0 && tpot > 0 && chips > 0) {
        c->concurrency = rate * chips * tpot / 1e3;
        slip_serve_infer(r, "batch=%.0f by Little's law over the row", c->concurrency);
      }
    }
    return;
  }
  c->concurrency = read_concurrency(r, chips);
  bool offline = strcmp(r->out->shown.phase, "e2e_offline") == 0;
  if (offline && is_mlperf(r))
    c->concurrency = NAN;
  if (isnan(c->concurrency) && !offline)
    slip_serve_skip(r, "concurrency: neither stated nor to be had from rate and latency");
  if (!isnan(c->concurrency) && c->concurrency < 1)
    c->concurrency = 1;
}

/* How the source set up the engine: what the row says, else what its scripts have in common. Of the pools of a disaggregated row only
 * what it says is known. */
static void read_harness(slip_serve_reading *r) {
  slip_serve_case *c = &r->out->serve;
  slip_harness h = harness_of(r);
  const char *graphs = slip_serve_fact(r, "graphs");
  c->eager = graphs && strcmp(graphs, "off") == 0;
  const double chunk = slip_serve_fact_number(r, "chunk"), poll = slip_serve_fact_number(r, "poll"),
               share = slip_serve_fact_number(r, "memory_share");
  if (c->phase == SLIP_PHASE_LOOP && c->plan.disaggregated && !isnan(chunk))
    c->plan.chunk = (int64_t)fmin(fmax(1, floor(chunk)), 1e9);
  if (c->phase != SLIP_PHASE_LOOP || c->plan.disaggregated)
    return;
  if (!isnan(chunk)) {
    h.chunk = (int64_t)fmin(fmax(1, floor(chunk)), 1e9);
    h.own_prompt = false;
  }
  if (!isnan(poll))
    h.poll = h.poll_few = (int64_t)fmin(fmax(1, floor(poll)), 1e6);
  const char *overlap = slip_serve_fact(r, "overlap_schedule");
  c->serial_host = overlap && strcmp(overlap, "off") == 0;
  if (share <= 1) /* false for NAN */
    h.memory_share = share;
  c->plan.chunk = h.own_prompt ? (int64_t)ceil((double)c->job.isl + c->concurrency) : h.chunk;
  c->plan.poll = c->concurrency >= h.poll_from ? h.poll : h.poll_few;
  if (c->plan.chunk > 0 && isnan(chunk))
    slip_serve_infer(r, "chunk=%lld by the source's scripts", (long long)c->plan.chunk);
  const double wait = slip_serve_fact_number(r, "wait");
  c->plan.wait = wait >= 1 ? (int64_t)fmin(floor(wait), 1e6) : 0; /* false for NAN */
  c->memory_share = h.memory_share;
  if (c->plan.poll > 0 && isnan(poll))
    slip_serve_infer(r, "poll=%lld by the source's scripts", (long long)c->plan.poll);
}

/* How many requests a benchmark of offline throughput sends, all at once, and the limits it sets itself. */
static void read_run(slip_serve_reading *r) {
  slip_serve_case *c = &r->out->serve;
  const slip_harness h = harness_of(r);
  if (c->phase != SLIP_PHASE_LOOP || strcmp(r->out->shown.phase, "e2e_offline") != 0)
    return;
  double requests = slip_serve_fact_number(r, "requests");
  if (!isnan(requests))
    c->requests = requests;
  else if (h.bench != SLIP_BENCH_NONE)
    c->requests = slip_trtllm_requests(c->job.isl, c->job.osl);
  else if (h.at_once && !isnan(c->concurrency))
    c->requests = c->concurrency;
  double replicas = (double)(c->plan.dp * c->plan.pp);
  if (h.bench == SLIP_BENCH_TRT_ENGINE)
    c->plan.batch = 4096; /* "Max Runtime Batch Size" of its example */
  if (h.bench == SLIP_BENCH_TRT_TUNED) {
    slip_bench_engine engine = slip_trtllm_engine(&c->job, &c->plan);
    c->plan.batch = engine.max_batch * (int64_t)replicas;
    double running = fmin((double)engine.max_batch, c->requests / c->instances / replicas);
    c->plan.chunk = (int64_t)fmax((double)c->job.isl, (double)engine.max_tokens - running);
    slip_serve_infer(r, "batch=%lld a rank and %lld tokens a step by trtllm-bench", (long long)engine.max_batch,
                     (long long)engine.max_tokens);
  }
  if (h.at_once && c->requests > 0)
    c->plan.batch = (int64_t)c->requests;
  if (c->requests > 0)
    slip_serve_infer(r, "%.0f requests at once", c->requests);
}

/* Batches of pools and caps, once the plan is known. */
static void read_batch(slip_serve_reading *r) {
  slip_serve_case *c = &r->out->serve;
  double running = slip_serve_fact_number(r, "max_running");
  if (!isnan(running) && c->phase == SLIP_PHASE_LOOP)
    c->plan.batch = (int64_t)fmax(1, floor(running / c->instances));
  double decoding =
      slip_serve_fact_number(r, "decode_batch"); /* of an attention replica; a plan's batch is the instance's */
  if (!isnan(decoding) && c->phase == SLIP_PHASE_LOOP && c->plan.disaggregated)
    c->decode_plan.batch = (int64_t)fmin(fmax(1, floor(decoding)), 1e6) * c->decode_plan.dp;
  const double frontends = slip_serve_fact_number(r, "frontends");
  if (frontends <= 1e6 && c->plan.disaggregated) /* false for NAN */
    c->decode_plan.frontends = (int64_t)fmax(1, floor(frontends));
  if (c->phase == SLIP_PHASE_DECODE) {
    if (isnan(c->concurrency))
      slip_serve_infer(r, "batch: the largest");
    else
      c->plan.batch = (int64_t)fmax(1, floor(c->concurrency / c->instances + 0.5));
  }
  if (c->phase == SLIP_PHASE_PREFILL) {
    /* "16384 tokens/NPU": of one package or card, so of all its replicas */
    double tokens = strstr(text_of(r, "batch_per_chip"), "token") ? atof(text_of(r, "batch_per_chip")) : NAN;
    double ranks = (double)(c->plan.tp * c->plan.pp * c->plan.dp) / r->out->chip->ranks;
    if (tokens >= 1)
      c->plan.chunk = (int64_t)fmax(1, tokens * ranks / (double)(c->plan.dp * c->plan.pp));
  }
}

/* ---- quantities ---- */

static void read_quantities(slip_serve_reading *r) {
  static const struct {
    const char *name, *unit;
    bool per_chip;
  } all[] = {{"tokens_per_s_per_chip_in", "tokens/s", true},
             {"tokens_per_s_per_chip_out", "tokens/s", true},
             {"tpot_ms", "ms", false},
             {"ttft_ms", "ms", false}};
  slip_case *out = r->out;
  bool waits = slip_serve_fact(r, "scenario") == NULL || strcmp(slip_serve_fact(r, "scenario"), "offline") != 0;
  const char *tpot = slip_serve_fact(r, "tpot");
  bool label = tpot && strcmp(tpot, "rounded-label") == 0;
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    double value = number_of(r, all[i].name);
    if (isnan(value) || out->n_quantities >= SLIP_MAX_QUANTITIES)
      continue;
    if (!(value > 0)) {
      slip_serve_skip(r, "%s %g is not above 0", all[i].name, value);
      continue;
    }
    if (label && i == 2)
      continue; /* what the configuration was tuned to stay under */
    if (!waits && i >= 2)
      continue; /* everything was queued at once: times are those of the queue */
    if (r->per_die && all[i].per_chip)
      value *= out->chip->ranks;
    out->quantities[out->n_quantities++] = (slip_quantity){all[i].name, all[i].unit, value};
  }
  if (out->n_quantities == 0 && label)
    slip_serve_skip(r, "tpot_ms is a rounded objective, not a measurement");
  if (out->n_quantities == 0)
    slip_serve_skip(r, "no rate and no latency to compare with");
}

/* A decode pool's rate is its batch over TPOT. A row that states both, and the batch or what it follows from, has one figure:
 * its rate is scored. */
static void drop_repeated(slip_serve_reading *r) {
  slip_case *out = r->out;
  if (out->serve.phase != SLIP_PHASE_DECODE)
    return;
  double batch =
      number_of(r, "tokens_per_s_per_chip_out") * number_of(r, "n_chips") * number_of(r, "tpot_ms") / 1e3;
  if (!(fabs(batch / out->serve.concurrency - 1) < 0.02))
    return;
  for (int i = 0; i < out->n_quantities; i++)
    if (strcmp(out->quantities[i].name, "tpot_ms") == 0)
      out->quantities[i] = out->quantities[--out->n_quantities];
}

static void read_row(slip_serve_reading *r) {
  const char *not_scored = slip_serve_fact(r, "not_scored");
  if (not_scored)
    slip_serve_skip(r, "%s", not_scored);
  const char *division = slip_serve_fact(r, "division");
  if (division && strcmp(division, "open") == 0)
    slip_serve_skip(r, "MLPerf's open division: the model may be another");
  read_phase(r);
  read_names(r);
  read_quantities(r);
  if (!r->out->shown.scored)
    return;
  read_formats(r);
  read_lengths(r);
  read_drafts(r);
  read_load(r);
  drop_repeated(r);
  r->out->shown.drafts_known = r->out->serve.speculation_known;
  r->out->shown.layout_known = true;
  if (r->out->shown.scored)
    slip_serve_read_plan(r);
  r->out->shown.disaggregated = r->out->serve.plan.disaggregated;
  if (r->out->shown.scored) {
    read_harness(r);
    read_batch(r);
    read_run(r);
  }
}

slip_status slip_read_serve_case(const slip_case_reader *reader, const slip_row *row, slip_case *out,
                                 slip_error *err) {
  memset(out, 0, sizeof *out);
  out->kind = SLIP_ROW_SERVING;
  out->serve.job = slip_serve_job_default();
  out->serve.plan = out->serve.decode_plan = slip_serve_plan_default();
  out->serve.instances = out->serve.prefill_instances = out->serve.counted = 1;
  slip_serve_reading r = {.reader = reader, .row = row, .out = out};
  read_identity(&r);
  out->year = read_year(&r);
  if (row->table->bad[row->index])
    slip_serve_skip(&r, "the row has more cells than the header");
  read_row(&r);
  return r.no_memory ? slip_fail(err, SLIP_NO_MEMORY, "no memory for a serving row") : SLIP_OK;
}
