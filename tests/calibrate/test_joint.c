/* The joint fit of constants of many entries: rows made by known constants, and posteriors worked by hand. A message of one byte takes the
 * level's latency and nothing else, so that ln(predicted) is linear in ln(latency): prior and rows are normal, and so is what is left to be known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "calibrate/joint.h"
#include "calibrate/linear.h"

/* OpenMP's own, when the library was built with it. */
void omp_set_num_threads(int threads) __attribute__((weak));

enum { MOST_ROWS = 64, MOST_UNKNOWNS = 16, Q = SLIP_MAX_QUANTITIES };

static slip_catalog *opened;

static int open_catalog(void **state) {
  return slip_catalog_open(NULL, 0, &opened, NULL) == SLIP_OK ? 0 : -1;
}

static int close_catalog(void **state) {
  slip_catalog_free(opened);
  return 0;
}

static void near(double value, double expected, double tolerance) {
  if (!(fabs(value - expected) <= tolerance))
    fail_msg("%.9g is not %.9g within %.3g", value, expected, tolerance);
}

/* ---- a fit on its own copy of the catalog ---- */

typedef struct bench {
  slip_arena *arena;
  slip_catalog *catalog;
  slip_agenda agenda;
  slip_fit_row rows[MOST_ROWS];
  size_t n_rows;
  slip_joint *joint;
  const slip_joint_constant *constants;
  size_t n_constants;
  double u[MOST_UNKNOWNS], residuals[MOST_ROWS * Q], sd[MOST_UNKNOWNS], effective;
} bench;

static bench *bench_open(void) {
  bench *b = calloc(1, sizeof *b);
  assert_non_null(b);
  b->arena = slip_arena_open();
  assert_int_equal(slip_catalog_copy(opened, &b->catalog, NULL), SLIP_OK);
  return b;
}

static void bench_close(bench *b) {
  slip_catalog_free(b->catalog);
  slip_arena_free(b->arena);
  free(b);
}

/* A row of a chip, operator and shape, in microseconds. */
static slip_case *add_row(bench *b, const char *chip, const char *op, const char *shape, double us) {
  slip_csv *table = slip_arena_alloc(b->arena, sizeof *table);
  slip_case *c = slip_arena_alloc(b->arena, sizeof *c);
  const char *text = slip_arena_printf(
      b->arena, "id,source,chip,op,dtype,shape,value,unit\nr,Example,%s,%s,bf16,\"%s\",1,us\n", chip, op, shape);
  const slip_case_reader reader = {b->catalog, b->arena};
  const slip_row row = {table, 0};
  assert_int_equal(slip_csv_parse(b->arena, "rows", text, strlen(text), table, NULL), SLIP_OK);
  assert_int_equal(slip_read_kernel_case(&reader, &row, c, NULL), SLIP_OK);
  if (!c->shown.scored)
    fail_msg("%s", c->shown.reason);
  c->quantities[0].measured = us;
  assert_in_range(b->n_rows, 0, MOST_ROWS - 1);
  b->rows[b->n_rows++] = (slip_fit_row){.c = c, .used = {true}, .n_used = 1};
  return c;
}

/* One byte between neighbours of HGX H100: the latency of its scale-up level. */
static void add_message(bench *b, double us) {
  add_row(b, "H100 SXM 80GB", "p2p", "{\"\"bytes\"\":1}", us);
}

static void bind(bench *b, const char *agenda) {
  slip_error err = {.message = ""};
  if (slip_agenda_parse(b->arena, "mem.yaml", agenda, strlen(agenda), &b->agenda, &err) != SLIP_OK ||
      slip_joint_open(b->arena, &b->agenda, b->catalog, b->rows, b->n_rows, &b->joint, &err) != SLIP_OK)
    fail_msg("line %d: %s: %s", err.line, err.field, err.message);
  assert_in_range(slip_joint_unknowns(b->joint), 0, MOST_UNKNOWNS);
  assert_int_equal(slip_joint_start(b->joint, b->u, NULL), SLIP_OK);
}

static void fit(bench *b) {
  const slip_joint_job job = {0};
  slip_error err = {.message = ""};
  if (slip_joint_fit(b->joint, &job, b->u, b->residuals, &err) != SLIP_OK ||
      slip_joint_posterior(b->joint, &job, b->residuals, b->sd, &b->effective, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  b->n_constants = slip_joint_constants(b->joint, &b->constants);
}

static slip_level *level_of(const bench *b, const char *system, size_t level) {
  slip_system *s = (slip_system *)(void *)slip_catalog_lookup(b->catalog, SLIP_KIND_SYSTEM, system);
  assert_non_null(s);
  return &s->levels[level];
}

static slip_kernels *kernels_of(const bench *b, const char *name) {
  return (slip_kernels *)(void *)slip_catalog_lookup(b->catalog, SLIP_KIND_KERNELS, name);
}

#define LATENCY(priors) \
  "rows: kernels\nrow_sd: 0.1\nfields:\n  latency_us: {prior: 2, " priors ", scale: positive, why: test}\n"
#define H100 "systems/hgx-h100/scale-up"
#define A100 "systems/hgx-a100/scale-up"

/* ---- the linear case ---- */

/* Prior ln 2 with sd 0.4: precision 6.25. Three rows of sd 0.1: 300. y = 300 mean / 306.25, sd = 306.25^-1/2 = 0.0571; the rows determine
 * 1 - (1 / 306.25) / 0.16 = 0.97959 of the one constant. */
static void one_constant_gets_the_normal_posterior(void **state) {
  const double rows[] = {2.4, 2.5, 2.55};
  bench *b = bench_open();
  double mean = 0;
  for (size_t i = 0; i < 3; i++) {
    add_message(b, rows[i]);
    mean += log(rows[i] / 2) / 3;
  }
  bind(b, LATENCY("own_sd: 0.4") "shared:\n  - {of: [" H100 "], fields: [latency_us]}\n");
  assert_int_equal(slip_joint_unknowns(b->joint), 1);
  fit(b);
  assert_int_equal(b->n_constants, 1);
  assert_int_equal(b->constants[0].n_rows, 3);
  near(log(b->constants[0].now / 2e-6), 300 * mean / 306.25, 1e-4);
  near(b->sd[0], 1 / sqrt(306.25), 1e-5);
  near(b->effective, 0.979592, 1e-5);
  near(level_of(b, "hgx-h100", 0)->latency_s, b->constants[0].now, 0); /* the catalog is left there */
  for (size_t i = 0; i < 3; i++)
    near(b->residuals[i * Q], log(b->constants[0].now * 1e6 / rows[i]), 1e-5);
  bench_close(b);
}

/* Beyond 1.345 sd a row pulls with 1.345 / sd, however far it is: y = 0.1^2 x 1.345 / 0.1 = 0.1345 for 8 us and for 80. */
static void a_row_that_is_far_off_pulls_as_one_at_the_joint(void **state) {
  for (double us = 8; us < 100; us *= 10) {
    bench *b = bench_open();
    add_message(b, us);
    bind(b, LATENCY("own_sd: 0.1") "shared:\n  - {of: [" H100 "], fields: [latency_us]}\n");
    fit(b);
    near(log(b->constants[0].now / 2e-6), 0.1345, 1e-4);
    bench_close(b);
  }
}

static void rows_left_out_pull_not_and_are_predicted_all_the_same(void **state) {
  bench *b = bench_open();
  const bool in[] = {true, false};
  const slip_joint_job job = {.in = in};
  add_message(b, 2.1);
  add_message(b, 3);
  bind(b, LATENCY("own_sd: 0.4") "shared:\n  - {of: [" H100 "], fields: [latency_us]}\n");
  assert_int_equal(slip_joint_fit(b->joint, &job, b->u, b->residuals, NULL), SLIP_OK);
  const double now = 2 * exp(100 * log(2.1 / 2) / 106.25);
  near(b->residuals[0], log(now / 2.1), 1e-4);
  near(b->residuals[Q], log(now / 3), 1e-4);
  bench_close(b);
}

/* ---- no rows ---- */

/* The prior, as wide as its parts together: sqrt(0.3^2 + 0.2^2 + 0.6^2) = 0.7. Nothing is determined. */
static void without_rows_the_prior_stays_with_its_width(void **state) {
  bench *b = bench_open();
  bind(b, LATENCY("common_sd: 0.3, entry_sd: 0.2, own_sd: 0.6") "shared:\n  - {of: [" H100
                                                                "], fields: [latency_us]}\n");
  assert_int_equal(slip_joint_unknowns(b->joint), 3);
  fit(b);
  near(b->constants[0].now, 2e-6, 2e-10);
  assert_int_equal(b->constants[0].n_rows, 0);
  near(b->sd[0], 0.7, 1e-12);
  near(b->effective, 0, 1e-12);
  near(slip_joint_common(b->joint, b->u, 0), 2e-6, 2e-10);
  bench_close(b);
}

static void an_agenda_without_constants_fits_nothing(void **state) {
  bench *b = bench_open();
  add_message(b, 2.1);
  bind(b, LATENCY("own_sd: 0.6") "shared: []\n");
  fit(b);
  assert_int_equal(b->n_constants, 0);
  near(b->residuals[0], log(level_of(b, "hgx-h100", 0)->latency_s * 1e6 / 2.1), 1e-5);
  near(b->effective, 0, 0);
  bench_close(b);
}

/* ---- what groups have in common ---- */

/* y of the group with rows has prior variance 0.3^2 + 0.4^2 = 0.25 and n = 4 rows of variance 0.01: y = 0.25 / (0.25 + 0.0025) mean. Of it
 * 0.09 / 0.25 are the common part, which the group without rows has too. Its variance: 0.25 - 0.09^2 / 0.2525. */
static void a_group_without_rows_moves_with_the_others(void **state) {
  bench *b = bench_open();
  for (int i = 0; i < 4; i++)
    add_message(b, i % 2 ? 2.9 : 2.7);
  bind(b,
       LATENCY("common_sd: 0.3, own_sd: 0.4") "shared:\n  - {of: [" A100 "], fields: [latency_us]}\n  - {of: [" H100
                                              "], fields: [latency_us]}\n");
  assert_int_equal(slip_joint_unknowns(b->joint), 3);
  fit(b);
  const double y = 0.25 / 0.2525 * (log(2.9 / 2) + log(2.7 / 2)) / 2;
  assert_int_equal(b->constants[0].n_rows, 0);
  assert_int_equal(b->constants[1].n_rows, 4);
  near(log(b->constants[1].now / 2e-6), y, 2e-4);
  near(log(b->constants[0].now / 2e-6), 0.36 * y, 2e-4);
  near(log(slip_joint_common(b->joint, b->u, 0) / 2e-6), 0.36 * y, 2e-4);
  near(b->sd[0], sqrt(0.25 - 0.09 * 0.09 / 0.2525), 1e-4);
  near(b->sd[1], sqrt(0.25 - 0.25 * 0.25 / 0.2525), 1e-4);
  bench_close(b);
}

/* Entry parts 0.3 of latency and 0.2 of exchange: y has variance 0.3^2 + 0.4^2, of which the entry's number e takes 0.3 / 0.25 y; exchange
 * moves by 0.2 e = 0.24 y. That of another entry stays. */
static void fields_of_one_entry_move_together(void **state) {
  bench *b = bench_open();
  for (int i = 0; i < 4; i++)
    add_message(b, 2.8);
  bind(b, LATENCY("entry_sd: 0.3, own_sd: 0.4") "  exchange_us: {prior: 20, entry_sd: 0.2, own_sd: 0.5, scale: "
                                                "positive, why: test}\nshared:\n"
                                                "  - {of: [" H100
                                                "], fields: [latency_us, exchange_us]}\n  - {of: [" A100
                                                "], fields: [exchange_us]}\n");
  fit(b);
  const double y = 0.25 / 0.2525 * log(2.8 / 2);
  near(log(b->constants[0].now / 2e-6), y, 2e-4);
  near(log(b->constants[1].now / 20e-6), 0.24 * y, 2e-4);
  near(log(b->constants[2].now / 20e-6), 0, 2e-4);
  bench_close(b);
}

/* The group's prior is 4 us, and the common part moves it by the same factor as the others. */
static void a_group_with_a_prior_of_its_own_starts_there(void **state) {
  bench *b = bench_open();
  for (int i = 0; i < 4; i++)
    add_message(b, 2.8);
  bind(b,
       LATENCY("common_sd: 0.3, own_sd: 0.4") "shared:\n  - {of: [" H100 "], fields: [latency_us]}\n  - {of: [" A100
                                              "], fields: [latency_us], prior: {latency_us: 4}, why: test}\n");
  fit(b);
  near(log(b->constants[1].now / 4e-6), 0.36 * 0.25 / 0.2525 * log(2.8 / 2), 2e-4);
  bench_close(b);
}

static void entries_that_share_a_constant_have_one_value(void **state) {
  bench *b = bench_open();
  add_message(b, 2.3);
  bind(b, LATENCY("own_sd: 0.4") "shared:\n  - {of: [" A100 ", " H100 "], fields: [latency_us]}\n");
  fit(b);
  assert_true(level_of(b, "hgx-a100", 0)->latency_s == level_of(b, "hgx-h100", 0)->latency_s);
  assert_int_equal(b->constants[0].n_rows, 1);
  bench_close(b);
}

/* ---- bounds, shares, followers ---- */

/* logit of where x lies between the bounds, scaled to be as steep as ln at the prior: eight rows 2% off move it as without bounds, by 800 / 801.56 of
 * ln(1.02), to 2.0399 us; rows at 50 us keep it below 3, rows at 0.05 above 1. */
static void a_bounded_constant_stays_within(void **state) {
  static const struct { double us, low, high; } cases[] = {{2.04, 2.0398, 2.04}, {50, 2.5, 3}, {0.05, 1, 1.5}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    bench *b = bench_open();
    for (int k = 0; k < 8; k++)
      add_message(b, cases[i].us);
    bind(b, LATENCY("low: 1, high: 3, own_sd: 0.8") "shared:\n  - {of: [" H100 "], fields: [latency_us]}\n");
    fit(b);
    const double us = b->constants[0].now * 1e6;
    if (!(us > cases[i].low && us < cases[i].high))
      fail_msg("rows at %g us: %.5g is not within %.5g to %.5g", cases[i].us, us, cases[i].low, cases[i].high);
    bench_close(b);
  }
}

/* A product of one row of activations reads its weights: T = launch + 2 us + bytes / (rate x share). Times made with a share of 0.7 give it back. With y =
 * logit(share), d ln T / d y = -(1 - share) m, m being memory's part of T; n rows leave sd = (1 / 0.5^2 + sum ((1 - share) m)^2 / 0.1^2)^-1/2. */
static void a_share_is_recovered_from_products_bound_by_memory(void **state) {
  static const int widths[] = {8192, 12288, 16384, 24576};
  bench *b = bench_open();
  slip_kernels *k = kernels_of(b, "hopper");
  const double before = k->weight_read_fraction;
  double information = 1 / 0.25;
  k->weight_read_fraction = 0.7;
  for (size_t i = 0; i < 4; i++) {
    double us[Q];
    slip_case *c = add_row(b, "H100 SXM 80GB", "gemm",
                           slip_arena_printf(b->arena, "{\"\"m\"\":1,\"\"n\"\":%d,\"\"k\"\":8192}", widths[i]), 1);
    assert_int_equal(slip_predict_kernel_case(c, NULL, NULL, us, NULL, NULL), SLIP_OK);
    c->quantities[0].measured = us[0];
    information += pow(0.3 * (1 - (k->launch_s * 1e6 + 2) / us[0]), 2) / 0.01;
  }
  k->weight_read_fraction = before;
  bind(b, "rows: kernels\nrow_sd: 0.1\nfields:\n"
          "  weight_read_fraction: {prior: 0.6999, own_sd: 0.5, scale: share, why: test}\n"
          "shared:\n  - {of: [kernels/hopper], fields: [weight_read_fraction]}\n");
  fit(b);
  near(b->constants[0].now, 0.7, 1e-4);
  near(b->sd[0], 1 / sqrt(information), 0.005 / sqrt(information));
  bench_close(b);
}

/* From a prior well off, many rows outweigh it: ln-errors below a tenth of a row's sd. */
static void rows_outweigh_a_prior_that_is_off(void **state) {
  bench *b = bench_open();
  for (int i = 0; i < 50; i++)
    add_message(b, 4);
  bind(b, LATENCY("own_sd: 0.4") "shared:\n  - {of: [" H100 "], fields: [latency_us]}\n");
  fit(b);
  /* precision 6.25 against 50 x 100: y = ln 2 x 5000 / 5006.25 */
  near(log(b->constants[0].now / 2e-6), log(2) * 5000 / 5006.25, 1e-4);
  bench_close(b);
}

static void a_follower_keeps_its_ratio_and_all_is_restored(void **state) {
  bench *b = bench_open();
  slip_level *level = level_of(b, "hgx-h100", 0);
  const double latency = level->latency_s, exchange = level->exchange_s;
  add_message(b, 3);
  bind(b, LATENCY("own_sd: 0.4") "shared:\n  - {of: [" H100
                                 "], fields: [latency_us]}\nfollow:\n  exchange_us: latency_us\n");
  fit(b);
  assert_true(level->latency_s > 1.2 * latency);
  near(level->exchange_s / level->latency_s, exchange / latency, 1e-12 * exchange / latency);
  slip_joint_restore(b->joint);
  assert_true(level->latency_s == latency && level->exchange_s == exchange);
  bench_close(b);
}

/* ---- where a fit starts ---- */

/* The catalog has 1.5 us: ln(1.5 / 2) = -0.2877 = 0.3 x common + 0.4 x own, shortest with -0.2877 / 0.25 times 0.3 and 0.4. With an own
 * width of 0.05 alone it would be 5.75: no farther than 3. */
static void a_fit_starts_from_the_catalog(void **state) {
  bench *b = bench_open();
  slip_level *level = level_of(b, "hgx-h100", 0);
  level->latency_s = 1.5e-6;
  bind(b, LATENCY("common_sd: 0.3, own_sd: 0.4") "shared:\n  - {of: [" H100 "], fields: [latency_us]}\n");
  near(b->u[0], -0.4603, 1e-4);
  near(b->u[1], -0.3452, 1e-4); /* the common part */
  slip_joint_move(b->joint, b->u);
  near(level->latency_s, 1.5e-6, 1e-18);
  slip_joint_restore(b->joint);
  bind(b, LATENCY("own_sd: 0.05") "shared:\n  - {of: [" H100 "], fields: [latency_us]}\n");
  near(b->u[0], -3, 0);
  level->latency_s = NAN; /* the file has no value: the prior */
  bind(b, LATENCY("own_sd: 0.05") "shared:\n  - {of: [" H100 "], fields: [latency_us]}\n");
  near(b->u[0], 0, 0);
  bench_close(b);
}

/* The most probable unknowns of fitted constants are those of the fit, so that fitting again changes nothing. */
static void a_fit_starts_where_the_last_one_ended(void **state) {
  static const char agenda[] =
      LATENCY("common_sd: 0.3, entry_sd: 0.2, own_sd: 0.4") "shared:\n  - {of: [" H100
                                                            "], fields: [latency_us]}\n  - {of: [" A100
                                                            "], fields: [latency_us]}\n";
  double ended[MOST_UNKNOWNS];
  bench *b = bench_open();
  add_message(b, 2.8);
  bind(b, agenda);
  fit(b);
  memcpy(ended, b->u, sizeof ended);
  assert_true(fabs(ended[0]) > 0.1);
  bind(b, agenda);
  for (size_t i = 0; i < slip_joint_unknowns(b->joint); i++)
    near(b->u[i], ended[i], 1e-4);
  bench_close(b);
}

/* ---- threads, interruption, memory ---- */

static void fit_products(bench *b) {
  for (int i = 0; i < 24; i++)
    add_row(b, "H100 SXM 80GB", "gemm",
            slip_arena_printf(b->arena, "{\"\"m\"\":%d,\"\"n\"\":%d,\"\"k\"\":4096}", 1 << (i % 12),
                              1024 * (1 + i / 4)),
            20.0 + 13 * i);
  bind(b, "rows: kernels\nrow_sd: 0.1\nfields:\n"
          "  weight_read_fraction: {prior: 0.7, own_sd: 0.5, scale: share, why: test}\n"
          "  gemm_bf16_fraction: {prior: 0.7, own_sd: 0.5, scale: share, why: test}\n"
          "  depth_half: {prior: 300, own_sd: 0.5, scale: positive, why: test}\n"
          "shared:\n  - {of: [kernels/hopper], fields: [weight_read_fraction, gemm_bf16_fraction, depth_half]}\n");
  fit(b);
}

/* The fit that starts where a fit ended, as the next calibration does, ends there again, and so does one that starts 2 prior widths off: what is
 * fitted does not depend on how often. */
static void a_fit_that_starts_from_a_fit_stays(void **state) {
  bench *b = bench_open();
  fit_products(b);
  double first[MOST_UNKNOWNS];
  for (size_t i = 0; i < b->n_constants; i++)
    first[i] = b->constants[i].now;
  slip_joint_job job = {0};
  assert_int_equal(slip_joint_fit(b->joint, &job, b->u, b->residuals, NULL), SLIP_OK);
  for (size_t i = 0; i < b->n_constants; i++)
    near(b->constants[i].now / first[i], 1, 0.01);
  for (size_t i = 0; i < slip_joint_unknowns(b->joint); i++)
    b->u[i] += i % 2 ? 2 : -2;
  assert_int_equal(slip_joint_fit(b->joint, &job, b->u, b->residuals, NULL), SLIP_OK);
  for (size_t i = 0; i < b->n_constants; i++)
    near(b->constants[i].now / first[i], 1, 0.01);
  bench_close(b);
}

static void threads_change_nothing(void **state) {
  double first[MOST_UNKNOWNS] = {0}, first_sd[MOST_UNKNOWNS] = {0};
  for (int threads = 1; threads <= 2; threads++) {
    if (omp_set_num_threads)
      omp_set_num_threads(threads);
    bench *b = bench_open();
    fit_products(b);
    if (threads == 1) {
      memcpy(first, b->u, sizeof first);
      memcpy(first_sd, b->sd, sizeof first_sd);
    }
    assert_memory_equal(b->u, first, sizeof first);
    assert_memory_equal(b->sd, first_sd, sizeof first_sd);
    bench_close(b);
  }
}

static void a_fit_stops_when_asked(void **state) {
  const volatile int stop = 1;
  const slip_joint_job job = {.stop = &stop};
  bench *b = bench_open();
  add_message(b, 3);
  bind(b, LATENCY("own_sd: 0.4") "shared:\n  - {of: [" H100 "], fields: [latency_us]}\n");
  assert_int_equal(slip_joint_fit(b->joint, &job, b->u, b->residuals, NULL), SLIP_INTERRUPTED);
  bench_close(b);
}

static void lack_of_memory_is_an_error(void **state) {
  const slip_joint_job job = {0};
  bench *b = bench_open();
  add_message(b, 3);
  bind(b, LATENCY("own_sd: 0.4") "shared:\n  - {of: [" H100 "], fields: [latency_us]}\n");
  slip_arena_fail_after(1);
  assert_int_equal(slip_joint_fit(b->joint, &job, b->u, b->residuals, NULL), SLIP_NO_MEMORY);
  slip_arena_fail_after(1);
  assert_int_equal(slip_joint_posterior(b->joint, &job, b->residuals, b->sd, &b->effective, NULL), SLIP_NO_MEMORY);
  slip_arena_fail_after(0);
  bench_close(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_constant_gets_the_normal_posterior),
      cmocka_unit_test(a_row_that_is_far_off_pulls_as_one_at_the_joint),
      cmocka_unit_test(rows_left_out_pull_not_and_are_predicted_all_the_same),
      cmocka_unit_test(without_rows_the_prior_stays_with_its_width),
      cmocka_unit_test(an_agenda_without_constants_fits_nothing),
      cmocka_unit_test(a_group_without_rows_moves_with_the_others),
      cmocka_unit_test(fields_of_one_entry_move_together),
      cmocka_unit_test(a_group_with_a_prior_of_its_own_starts_there),
      cmocka_unit_test(entries_that_share_a_constant_have_one_value),
      cmocka_unit_test(a_bounded_constant_stays_within),
      cmocka_unit_test(a_share_is_recovered_from_products_bound_by_memory),
      cmocka_unit_test(rows_outweigh_a_prior_that_is_off),
      cmocka_unit_test(a_follower_keeps_its_ratio_and_all_is_restored),
      cmocka_unit_test(a_fit_starts_from_the_catalog),
      cmocka_unit_test(a_fit_starts_where_the_last_one_ended),
      cmocka_unit_test(a_fit_that_starts_from_a_fit_stays),
      cmocka_unit_test(threads_change_nothing),
      cmocka_unit_test(a_fit_stops_when_asked),
      cmocka_unit_test(lack_of_memory_is_an_error),
  };
  return cmocka_run_group_tests(tests, open_catalog, close_catalog);
}
