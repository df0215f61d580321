/* The main job: one model, several systems, side by side. */
#ifndef SLIPSTICK_COMPARE_H
#define SLIPSTICK_COMPARE_H

#include <slipstick/econ.h>
#include <slipstick/search.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { SLIP_WHY_SIZE = 256 };

/* One column to compute. */
typedef struct slip_compare_system {
  const slip_system *system;
  int64_t chips;                               /* 0: whole systems, at least min_chips of the job */
  const slip_region *region;                   /* NULL: the job's */
  const slip_stack *train_stack, *serve_stack; /* NULL: newest for the chip */
} slip_compare_system;

typedef struct slip_compare_job {
  const slip_catalog *catalog;
  const slip_model *model;
  bool train, serve;
  int64_t min_chips;      /* default size of a column's cluster */
  int64_t seq, batch;     /* training */
  slip_dtype train_dtype; /* wanted; a chip without it trains in bf16 */
  double train_tokens;    /* NAN: the model's own budget */
  int64_t isl, osl;       /* serving */
  double ttft_s, tpot_s;
  int disaggregated; /* -1 either */
  slip_econ_terms terms;
} slip_compare_job;

/* train and serve both, min_chips 256, seq 4096, batch 15360 (DeepSeek-V3's own), fp8 training where the chip has it (as DeepSeek-V3 was), isl 4096, osl 1024, TPOT 50 ms, TTFT 5 s, terms default. */
slip_compare_job slip_compare_job_default(void);

/* A number, or why there is none. */
typedef struct slip_answer {
  double value;            /* NAN when unknown */
  char why[SLIP_WHY_SIZE]; /* "" when known */
} slip_answer;

typedef struct slip_compare_column {
  const slip_system *system;
  const slip_region *region;
  const slip_stack *train_stack, *serve_stack;
  int64_t chips, systems; /* systems: chips / chips per system, rounded up */
  slip_answer peak_bf16_flops, power_w,
      price_usd; /* of its chips: dense peak; full load and list price, a part of a system by its chips */
  /* training; valid when train_why is "" */
  char train_why[SLIP_WHY_SIZE];
  slip_train_result train;
  slip_answer train_days, train_usd, train_joule_per_token; /* for the token budget; after PUE */
  /* serving */
  char serve_why[SLIP_WHY_SIZE];
  slip_serve_result serve;
  slip_answer serve_joule_per_token, serve_usd_per_mtoken; /* per output token, input's share included; after PUE */
  slip_search_stats train_stats, serve_stats;
} slip_compare_column;

/* Fills out[0..n). A column that cannot be answered says why and the others are still computed; only bad arguments,
 * lack of memory and `stop` end the whole. progress, when not NULL, is told after each column and half column. */
slip_status slip_compare(const slip_compare_job *job, const slip_compare_system *systems, size_t n,
                         const volatile int *stop, void (*progress)(double share, void *context), void *context,
                         slip_compare_column *out, slip_error *err);

/* The two parts that take most of the time, by name: "grouped GEMM 31%, attention 18%". Writes at most `size` bytes. */
int slip_bound_text(const double parts[SLIP_PARTS], char *out, int size);

#ifdef __cplusplus
}
#endif
#endif
