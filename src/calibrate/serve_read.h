/* What the files that read serving rows share. */
#ifndef SLIP_CALIBRATE_SERVE_READ_H
#define SLIP_CALIBRATE_SERVE_READ_H

#include "calibrate/case.h"

/* One row being read. The first thing wrong with it is its reason; what is filled in for it is listed in `inferred`. */
typedef struct slip_serve_reading {
  const slip_case_reader *reader;
  const slip_row *row;
  slip_case *out;
  bool per_die; /* figures are per die of a package of several */
  bool no_memory;
} slip_serve_reading;

/* Not scored, with the reason; the first one stays. */
void slip_serve_skip(slip_serve_reading *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Adds to the list of what was filled in. */
void slip_serve_infer(slip_serve_reading *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A fact without a column of its own: `key=value` of the remark, else what the reference table's notes say in words. NULL when neither. */
const char *slip_serve_fact(slip_serve_reading *r, const char *key);
double slip_serve_fact_number(slip_serve_reading *r, const char *key); /* NAN when absent */

/* One pool of a disaggregated row: "4xtp1dp8ep8". */
typedef struct slip_pool_layout {
  int64_t instances, tp, dp, ep;
} slip_pool_layout;
/* The fact `key` ("prefill" or "decode"), from the remark or the notes' sentence on workers. */
bool slip_serve_layout_fact(slip_serve_reading *r, const char *key, slip_pool_layout *out);

/* How a source set up the engine, where its rows do not say and its published scripts do (docs/measured.md). 0: its default. */
typedef struct slip_harness {
  int64_t chunk;   /* tokens prefilled per step */
  bool own_prompt; /* the chunk is the row's own prompt and one token for each request in flight */
  int64_t poll; /* steps between two looks for requests, from `poll_from` requests in flight on; poll_few below */
  int64_t poll_few;
  double poll_from;
  bool fp8_cache;
  double memory_share; /* of a chip's memory */
  bool at_once;        /* the requests in flight are all there are */
  enum {
    SLIP_BENCH_NONE,
    SLIP_BENCH_TRT_ENGINE, /* trtllm-bench with an engine built before: its batch and tokens are limits of the builder */
    SLIP_BENCH_TRT_TUNED /* trtllm-bench chooses them by the lengths and what it takes for the memory */
  } bench;
} slip_harness;
/* tp: of the row; 0 not given. */
slip_harness slip_serve_harness(const char *source, const char *framework, const char *chip, const char *model,
                                int64_t tp);

/* Requests of one run of TensorRT-LLM's performance overview; 0 for lengths that it does not have. */
double slip_trtllm_requests(int64_t isl, int64_t osl);
/* The limits that trtllm-bench sets itself. */
typedef struct slip_bench_engine {
  int64_t max_batch, max_tokens; /* per attention replica: sequences; tokens of a step */
} slip_bench_engine;
slip_bench_engine slip_trtllm_engine(const slip_serve_job *job, const slip_serve_plan *plan);

/* Mean input tokens of the data set of an MLPerf Inference benchmark; NAN for others. */
double slip_mlperf_input_tokens(const char *model);

/* Format of a dtype column: its first word ("fp8_block", "int8 (W8A8)", "mxfp4", "UINT4"). false: not a format. */
bool slip_serve_dtype(const char *text, slip_dtype *out);

/* What a row says of drafts. known false: nothing. */
typedef struct slip_draft_text {
  bool known, on;
  int64_t drafts;  /* 0: not said */
  double accepted; /* tokens per step beyond the first; NAN: not said */
} slip_draft_text;
slip_draft_text slip_serve_drafts(const char *text);

/* The plan(s) and instances of the row. Needs chip, job.model, job.system. */
void slip_serve_read_plan(slip_serve_reading *r);

/* The loop or pool under a job; shared by reading (search of a layout) and predicting. rates and times by name. */
typedef struct slip_serve_figures {
  double in_per_s_per_chip, out_per_s_per_chip, tpot_s, ttft_s;
} slip_serve_figures;
slip_status slip_serve_figures_if_fits(const slip_serve_case *c, const slip_serve_job *job, slip_serve_figures *out,
                                       slip_error *err);
/* The same; what was measured did fit, so when memory refuses it is ignored. */
slip_status slip_serve_figures_of(const slip_serve_case *c, const slip_serve_job *job, slip_serve_figures *out,
                                  slip_error *err);

#endif
