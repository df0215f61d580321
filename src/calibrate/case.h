/* A row of measurements, resolved: everything that is needed to predict it again and again (validation once, calibration
 * thousands of times). Reading is done once per row; predicting reads nothing and allocates nothing that it keeps. */
#ifndef SLIP_CALIBRATE_CASE_H
#define SLIP_CALIBRATE_CASE_H

#include <slipstick/validate.h>

#include "base/arena.h"
#include "calibrate/csv.h"

enum { SLIP_MAX_QUANTITIES = 4 };

typedef struct slip_quantity {
  const char *name, *unit;
  double measured;
} slip_quantity;

/* A training row: the job and its plan; system is a catalog system or one made up from the row's chip. */
typedef struct slip_train_case {
  slip_train_job job; /* stack is replaced when predicting */
  slip_plan plan;
  bool searched;         /* the row gives no layout: the best legal plan is taken */
  double flop_per_token; /* of the source's own convention, to turn tflops_per_chip into time */
  double devices;        /* that the source divides its rates by: chips, or the dies of a package */
  bool frozen;           /* the matrices are frozen (LoRA): their gradients are neither made nor sent nor applied */
  bool unfused_attention; /* the row says that scores go through memory, whatever the stack can do */
  double full_share; /* share of the layers that full recompute is done for, when the plan's recompute is full */
} slip_train_case;

/* A live service has spare capacity for its busy minutes and for the time to first token. Where a source does not say how loaded its
 * prefill pool was, it is taken to be where throughput over mean delay (Kleinrock's power, 1979) is largest for arrivals at random and
 * equal prompts (M/D/1): load (1 - load) / (2 - load), which is so at 2 - sqrt 2 and at least 80% of it from 0.35 to 0.79. */
#define SLIP_LIVE_LOAD 0.5857864376269
#define SLIP_LIVE_LOAD_LEAST 0.3476709867785
#define SLIP_LIVE_LOAD_MOST 0.7895873134246

typedef enum slip_serve_phase {
  SLIP_PHASE_PREFILL, /* a pool */
  SLIP_PHASE_DECODE,  /* a pool */
  SLIP_PHASE_LOOP,    /* requests in flight, or saturation */
  SLIP_PHASE_STATIC,  /* one batch from its prompts to its last token; tpot counts the prompts' time */
} slip_serve_phase;

/* A serving row: one pool, or a closed loop of `concurrency` requests on one instance. */
typedef struct slip_serve_case {
  slip_serve_job job;
  slip_serve_plan plan, decode_plan;
  double concurrency; /* requests in flight on the instance; NAN: as many as fit (offline) */
  bool
      speculation_known; /* false: the row does not say whether drafts were used; both are predicted, the centre is scored */
  slip_serve_phase phase;
  double instances, prefill_instances; /* that share the concurrency; prefill_instances: of a disaggregated loop */
  double requests;                     /* of a run in which all are queued at once; 0: a loop without end */
  bool eager;                          /* the engine ran without graphs */
  bool serial_host;                    /* the engine ran without its overlapped scheduler */
  double memory_share;                 /* of a chip that the engine was told to fill; 0: as its stack does */
  bool in_process; /* the load generator calls the engine itself, which preempts rather than reserve: MLPerf */
  bool balanced;   /* tokens were spread evenly over the experts by hand */
  double counted;  /* input tokens that the source counts per token computed: cache hits included or not */
  bool live;       /* a prefill pool of a live service, of which the source does not say how loaded it was */
} slip_serve_case;

enum { SLIP_MAX_KERNEL_OPS = 6 };

/* A kernel row: one operator, a fused chain of them, or one collective. */
typedef struct slip_kernel_case {
  slip_op ops[SLIP_MAX_KERNEL_OPS];
  int n_ops;
  bool burst; /* a few products at a time: the power limit does not yet lower the clock */
  double
      launches; /* of a mixture-of-experts FFN in one call: kernels that start one after the other, routing included; 0: not such */
  const slip_system *system; /* collectives: its network */
  slip_group group;
  bool once;   /* exchange: normal kernels, a token crosses once (fabric.h); else low latency */
  bool direct; /* all-reduce: an engine's own kernel (fabric.h), which takes `shots` */
  slip_shots shots;
  bool flat; /* exchange: everything takes the outermost level, also between neighbours */
  double
      scale; /* predicted seconds -> the row's unit: value = scale / seconds (rates) or scale * seconds (times) */
  bool is_rate;
} slip_kernel_case;

typedef struct slip_case {
  slip_row_kind kind;
  slip_checked shown; /* identity, texts, scored, reason, inferred; numbers are filled in when checked */
  const slip_chip *chip;
  const slip_stack *stack; /* NULL for kernels */
  double year;             /* of the measurement, from the row's year or date; NAN unknown */
  slip_quantity quantities[SLIP_MAX_QUANTITIES];
  int n_quantities;
  slip_train_case train;
  slip_serve_case serve;
  slip_kernel_case kernel;
} slip_case;

/* What reading needs. Texts, models built from dimension columns and made-up systems live in the arena. */
typedef struct slip_case_reader {
  const slip_catalog *catalog;
  slip_arena *arena;
} slip_case_reader;

/* Fill *out from one row of a table of that kind. Only SLIP_NO_MEMORY is an error: whatever is wrong with the row ends in
 * out->shown.scored = false with a reason that names the field. */
slip_status slip_read_train_case(const slip_case_reader *reader, const slip_row *row, slip_case *out,
                                 slip_error *err);
slip_status slip_read_serve_case(const slip_case_reader *reader, const slip_row *row, slip_case *out,
                                 slip_error *err);
slip_status slip_read_kernel_case(const slip_case_reader *reader, const slip_row *row, slip_case *out,
                                  slip_error *err);

/* Predicts every quantity of a scored case, in the unit of the row. stack and kernels NULL: the case's own (calibration passes
 * candidates). `spread`, when not NULL, gets the half-width of the 80% interval of ln(predicted) of each quantity. SLIP_INFEASIBLE and SLIP_MISSING: the model
 * refuses what was measured; the row is then listed with that reason. */
slip_status slip_predict_train_case(const slip_case *c, const slip_stack *stack, const slip_kernels *kernels,
                                    double predicted[SLIP_MAX_QUANTITIES], double spread[SLIP_MAX_QUANTITIES],
                                    slip_error *err);
slip_status slip_predict_serve_case(const slip_case *c, const slip_stack *stack, const slip_kernels *kernels,
                                    double predicted[SLIP_MAX_QUANTITIES], double spread[SLIP_MAX_QUANTITIES],
                                    slip_error *err);
slip_status slip_predict_kernel_case(const slip_case *c, const slip_stack *stack, const slip_kernels *kernels,
                                     double predicted[SLIP_MAX_QUANTITIES], double spread[SLIP_MAX_QUANTITIES],
                                     slip_error *err);

/* What `spread` of a prediction under the stack has beyond the stack's own: half of the way between what the row leaves open. >= 0. */
double slip_case_range(const slip_case *c, const slip_stack *stack, const double spread[SLIP_MAX_QUANTITIES]);

/* ---- names as sources write them (resolve.c) ---- */

/* The catalog's chip for a source's text: aliases, case, spaces, "SXM", "(per GPU)", "80GB" and the like. NULL when unknown.
 * *per_die: the text says that figures are per die of a package of several. */
const slip_chip *slip_resolve_chip(const slip_catalog *catalog, const char *text, bool *per_die);
/* True when the text says that it is unclear what the figures are of ("die or package unclear"): slip_resolve_chip then gives NULL. */
bool slip_resolve_chip_is_unclear(const char *text);
/* The system that measurements of a chip were made on: a catalog system of that chip, preferring the scale-up domain given (0: any). NULL: none. */
const slip_system *slip_resolve_system(const slip_catalog *catalog, const slip_chip *chip, int64_t scale_up_domain);
/* The chip to estimate a row of `chip` with: itself when a catalog system has it; else the one after which its kernel profile is named, of which
 * it is a grade (910B1 to 910B3: the 910B), when a system has that; else itself. */
const slip_chip *slip_resolve_estimable(const slip_catalog *catalog, const slip_chip *chip);
/* The catalog's model: organisation, -Instruct, -Base, -FP8, -NVFP4, _FP8 and the like left out. NULL when unknown. */
const slip_model *slip_resolve_model(const slip_catalog *catalog, const char *text);
/* The stack of a framework text and a year (2025.5 is mid-2025): one for the release that the text names, else the newest catalog stack of that
 * framework and vendor not released after the year, else its oldest, else the prior of its kind. `experts`: the model is a mixture of experts. */
const slip_stack *slip_resolve_stack(const slip_catalog *catalog, const slip_chip *chip, const char *framework,
                                     double year, bool train, bool experts);
/* A source's family: releases, versions, dates and bracketed parts left out ("NVIDIA Megatron-Bridge performance summary"). */
const char *slip_source_family(slip_arena *arena, const char *source);

#endif
