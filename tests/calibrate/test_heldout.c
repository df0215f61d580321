/* Predictions of rows by constants that were fitted without them, and the intervals that follow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <math.h>

#include "base/text.h"
#include "calibrate/heldout.h"

enum { PATH_BYTES = 512, MOST_ROWS = 32, Q = SLIP_MAX_QUANTITIES };

static slip_catalog *catalog;
static char path[PATH_BYTES];

static int open_all(void **state) {
  const char *base = getenv("TMPDIR");
  (void)snprintf(path, sizeof path, "%s/slipstick-heldout-XXXXXX", base && *base ? base : "/tmp");
  const int fd = mkstemp(path);
  if (fd < 0 || close(fd) != 0)
    return -1;
  return slip_catalog_open(NULL, 0, &catalog, NULL) == SLIP_OK ? 0 : -1;
}

static int close_all(void **state) {
  slip_catalog_free(catalog);
  return unlink(path);
}

static void near(double value, double expected, double tolerance) {
  if (!(fabs(value - expected) <= tolerance))
    fail_msg("%.9g is not %.9g within %.3g", value, expected, tolerance);
}

static void write_table(const slip_text *text) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(text->data, 1, text->length, file), text->length);
  assert_int_equal(fclose(file), 0);
}

/* ---- a small table of products bound by memory ---- */

/* Three labs, five chips of four generations; L40S has one row only. Microseconds; near what the chips do. */
static const struct {
  const char *lab, *chip;
  int n;
  double us;
} products[] = {
    {"Alpha lab", "H100 SXM 80GB", 8192, 57}, {"Alpha lab", "H100 SXM 80GB", 16384, 106},
    {"Alpha lab", "A100 SXM 80GB", 8192, 87}, {"Alpha lab", "A100 SXM 80GB", 16384, 172},
    {"Beta lab", "H100 SXM 80GB", 8192, 60},  {"Beta lab", "H100 SXM 80GB", 24576, 162},
    {"Beta lab", "B200 SXM 180GB", 8192, 28}, {"Beta lab", "B200 SXM 180GB", 16384, 49},
    {"Gamma lab", "A100 SXM 80GB", 8192, 92}, {"Gamma lab", "H20 96GB", 8192, 47},
    {"Gamma lab", "H20 96GB", 16384, 87},     {"Gamma lab", "L40S", 8192, 202},
};
enum { PRODUCTS = sizeof products / sizeof *products, L40S = PRODUCTS - 1 };

static void write_products(size_t doubled) {
  slip_text text = {0};
  slip_text_add(&text, "id,source,chip,op,dtype,shape,value,unit\n");
  for (size_t i = 0; i < PRODUCTS; i++)
    slip_text_printf(&text, "p%zu,%s,%s,gemm,bf16,\"{\"\"m\"\":1,\"\"n\"\":%d,\"\"k\"\":8192}\",%g,us\n", i,
                     products[i].lab, products[i].chip, products[i].n, products[i].us * (i == doubled ? 2 : 1));
  write_table(&text);
  slip_text_free(&text);
}

/* Predictions of the products in microseconds: by the fit to all, by folds, without the family; and how sure each was said to be. */
typedef struct outcome {
  double in_sample[PRODUCTS], folds[PRODUCTS], families[PRODUCTS], spread[PRODUCTS];
  slip_fit_size size;
} outcome;

/* The last `aside` rows are in no fit. */
static void hold_out_beside(size_t aside, const volatile int *stop, slip_status expected, outcome *out) {
  const char *files[] = {path};
  slip_arena *arena = slip_arena_open();
  slip_workbench *bench = NULL;
  slip_agenda agenda;
  slip_fit_rows rows;
  slip_joint *joint = NULL;
  slip_held_out held;
  const slip_fit_watch watch = {.stop = stop, .to = 1};
  double residuals[MOST_ROWS * Q];
  assert_int_equal(slip_workbench_open(catalog, true, files, 1, NULL, (slip_progress){0}, &bench, NULL), SLIP_OK);
  assert_int_equal(slip_agenda_builtin(arena, SLIP_ROW_KERNEL, &agenda, NULL), SLIP_OK);
  assert_int_equal(slip_fit_rows_take(bench, SLIP_ROW_KERNEL, arena, &rows, NULL), SLIP_OK);
  assert_true(rows.n == PRODUCTS && rows.n_fit == PRODUCTS);
  rows.n_fit -= aside;
  assert_int_equal(slip_joint_open(arena, &agenda, bench->catalog, rows.rows, rows.n_fit, &joint, NULL), SLIP_OK);
  double *u = slip_arena_array(arena, slip_joint_unknowns(joint), sizeof *u);
  assert_int_equal(slip_joint_start(joint, u, NULL), SLIP_OK);
  assert_int_equal(slip_hold_out(joint, &rows, SLIP_ROW_KERNEL, arena, &watch, u, &held, NULL), expected);
  assert_int_equal(slip_joint_residuals(joint, residuals, NULL),
                   SLIP_OK); /* the catalog is left at the fit to all */
  for (size_t i = 0; i < rows.n_fit && expected == SLIP_OK; i++) {
    const double us = rows.rows[i].c->quantities[0].measured;
    out->in_sample[i] = us * exp(residuals[i * Q]);
    out->folds[i] = us * exp(held.residuals[SLIP_FOLDS][i * Q]);
    out->families[i] = us * exp(held.residuals[SLIP_FAMILIES][i * Q]);
    out->spread[i] = held.spreads[SLIP_FOLDS][i * Q];
    assert_true(isnan(held.residuals[SLIP_OBSERVED][i * Q])); /* kernels run on no stack */
  }
  out->size = held.size;
  slip_workbench_free(bench);
  slip_arena_free(arena);
}

static void hold_out(const volatile int *stop, slip_status expected, outcome *out) {
  hold_out_beside(0, stop, expected, out);
}

/* What a row was measured at moves the fit to all rows, and nothing that was fitted without it. */
static void a_held_out_prediction_does_not_know_its_own_measurement(void **state) {
  static const size_t tried[] = {0, 3, 7, L40S};
  outcome as_is, after;
  write_products(SIZE_MAX);
  hold_out(NULL, SLIP_OK, &as_is);
  for (size_t k = 0; k < sizeof tried / sizeof *tried; k++) {
    const size_t i = tried[k];
    write_products(i);
    hold_out(NULL, SLIP_OK, &after);
    near(after.folds[i] / as_is.folds[i], 1, 0.01);
    near(after.families[i] / as_is.families[i], 1, 0.01);
    if (!(after.in_sample[i] > 1.01 * as_is.in_sample[i]))
      fail_msg("row %zu: %.4g us in sample, %.4g when it was measured at twice the time", i, as_is.in_sample[i],
               after.in_sample[i]);
    /* Its interval is of the other rows' residuals, whose own fits know the row: one of a dozen that is off by two drags them, so that the
     * interval moves, by half at the most. */
    assert_true(after.spread[i] > as_is.spread[i] / 1.5 && after.spread[i] < as_is.spread[i] * 1.5);
  }
}

/* L40S has no other row: held out it is what chips have in common, and measured at twice the time the fit to all follows it by more than 10%. */
static void a_lone_row_moves_its_chip_only_in_sample(void **state) {
  outcome as_is, after;
  write_products(SIZE_MAX);
  hold_out(NULL, SLIP_OK, &as_is);
  write_products(L40S);
  hold_out(NULL, SLIP_OK, &after);
  assert_true(after.in_sample[L40S] > 1.1 * as_is.in_sample[L40S]);
  for (size_t i = 0; i < L40S; i++)
    near(after.in_sample[i] / as_is.in_sample[i], 1, 0.05);
}

/* The L40S row aside: whatever it was measured at, the others are predicted as they were; but the intervals of those in other folds know how far
 * off it is. */
static void a_row_aside_tells_of_intervals_only(void **state) {
  outcome as_is, after;
  int wider = 0;
  write_products(SIZE_MAX);
  hold_out_beside(1, NULL, SLIP_OK, &as_is);
  write_products(L40S);
  hold_out_beside(1, NULL, SLIP_OK, &after);
  assert_int_equal(as_is.size.rows, PRODUCTS - 1);
  for (size_t i = 0; i < L40S; i++) {
    assert_true(after.in_sample[i] == as_is.in_sample[i] && after.folds[i] == as_is.folds[i]);
    assert_true(after.families[i] == as_is.families[i] && after.spread[i] >= as_is.spread[i]);
    wider += after.spread[i] > 1.1 * as_is.spread[i];
  }
  assert_true(wider > PRODUCTS / 2);
}

static void the_size_of_the_fit_counts_rows_and_constants(void **state) {
  outcome o;
  write_products(SIZE_MAX);
  hold_out(NULL, SLIP_OK, &o);
  assert_int_equal(o.size.rows, PRODUCTS);
  /* Products bound by memory move weight_read_fraction of four generations, and those of one generation its depth_half a little. One number per
   * generation is determined at most, and what they share. Their arithmetic does not hide altogether, so that the fractions of the peak move them a
   * little too. */
  assert_int_equal(o.size.constants, 9);
  assert_true(o.size.effective > 2 && o.size.effective < 6);
}

/* The intervals of kernels that the program carries (`spread_of` in kernel_case.c) are those that the residuals of source families unseen give. After a
 * calibration this prints what to put there. */
static void kernel_intervals_are_those_of_sources_unseen(void **state) {
  const char *root = getenv("SLIP_SOURCE_DIR");
  char table[PATH_BYTES + 64];
  if (!root)
    skip();
  (void)snprintf(table, sizeof table, "%s/data/measured/kernels.csv", root);
  const char *files[] = {table};
  slip_catalog *own;
  slip_arena *arena = slip_arena_open();
  slip_workbench *bench = NULL;
  slip_agenda agenda;
  slip_fit_rows rows;
  slip_joint *joint = NULL;
  slip_held_out held;
  const slip_fit_watch watch = {.to = 1};
  int off = 0;
  assert_int_equal(slip_catalog_open(NULL, 0, &own, NULL), SLIP_OK);
  assert_int_equal(slip_workbench_open(own, true, files, 1, NULL, (slip_progress){0}, &bench, NULL), SLIP_OK);
  assert_int_equal(slip_agenda_builtin(arena, SLIP_ROW_KERNEL, &agenda, NULL), SLIP_OK);
  assert_int_equal(slip_fit_rows_take(bench, SLIP_ROW_KERNEL, arena, &rows, NULL), SLIP_OK);
  assert_int_equal(slip_joint_open(arena, &agenda, bench->catalog, rows.rows, rows.n, &joint, NULL), SLIP_OK);
  double *u = slip_arena_array(arena, slip_joint_unknowns(joint), sizeof *u);
  slip_grouped *scratch = slip_arena_array(arena, rows.n * Q, sizeof *scratch);
  assert_int_equal(slip_joint_start(joint, u, NULL), SLIP_OK);
  assert_int_equal(slip_hold_out(joint, &rows, SLIP_ROW_KERNEL, arena, &watch, u, &held, NULL), SLIP_OK);
  const slip_spread_rows of_held = {&rows, held.residuals[SLIP_FAMILIES], slip_family_group, NULL, scratch, false};
  for (size_t r = 0; r < rows.n; r++) {
    const slip_case *c = rows.rows[r].c;
    const char *op = c->shown.model;
    size_t first = 0;
    while (strcmp(rows.rows[first].c->shown.model, op) != 0)
      first++;
    if (first < r)
      continue;
    double predicted[Q], carried[Q], of_unseen = slip_spread_from(&of_held, op, SLIP_SPREAD_MAIN);
    assert_int_equal(slip_workbench_predict(c, predicted, carried, NULL), SLIP_OK);
    if (fabs(carried[0] / of_unseen - 1) > 0.12) {
      print_error("%s: %.3f carried, %.3f of sources unseen\n", op, carried[0], of_unseen);
      off++;
    }
  }
  slip_workbench_free(bench);
  slip_arena_free(arena);
  slip_catalog_free(own);
  assert_int_equal(off, 0);
}

static void it_stops_when_asked(void **state) {
  const volatile int stop = 1;
  outcome o;
  write_products(SIZE_MAX);
  hold_out(&stop, SLIP_INTERRUPTED, &o);
}

/* ---- intervals ---- */

typedef struct figures {
  slip_case cases[MOST_ROWS];
  slip_fit_row rows[MOST_ROWS];
  double residuals[MOST_ROWS * Q];
  slip_grouped scratch[MOST_ROWS * Q];
  slip_fit_rows all;
} figures;

static void add_figure(figures *f, const char *op, const char *chip, double residual) {
  const size_t i = f->all.n++;
  f->cases[i] =
      (slip_case){.kind = SLIP_ROW_KERNEL, .shown = {.model = op, .stack = "", .family = "", .chip = chip}};
  f->cases[i].quantities[0].name = "value";
  f->cases[i].n_quantities = 1;
  f->rows[i] = (slip_fit_row){.c = &f->cases[i], .used = {true}, .n_used = 1};
  for (size_t q = 0; q < Q; q++)
    f->residuals[i * Q + q] = q == 0 ? residual : NAN;
  f->all.rows = f->rows;
  f->all.n_fit = f->all.n;
}

/* The group of these figures: their chip. */
static uint64_t chip_group(const slip_case *c) {
  return slip_text_hash(c->shown.chip);
}

static double interval(figures *f, const bool *use, const char *of, slip_spread_class spread_class) {
  const slip_spread_rows from = {&f->all, f->residuals, chip_group, use, f->scratch, false};
  return slip_spread_from(&from, of, spread_class);
}

/* Five figures of a stack of the catalog are 0.1 off, five of engines that it does not have 0.9: these say nothing of those. */
static void stacks_unknown_tell_nothing_of_known_ones(void **state) {
  static const char *const chips[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
  static const slip_stack known = {.is_prior = false}, prior = {.is_prior = true};
  static figures f;
  for (int i = 0; i < 10; i++) {
    add_figure(&f, "gemm", chips[i], i % 2 ? 0.1 : 0.9);
    f.cases[i].stack = i % 2 ? &known : &prior;
  }
  slip_spread_rows from = {&f.all, f.residuals, chip_group, NULL, f.scratch, true};
  near(slip_spread_from(&from, NULL, SLIP_SPREAD_MAIN), 0.1, 1e-12);
  from.known = false;
  near(slip_spread_from(&from, NULL, SLIP_SPREAD_MAIN), 0.9, 1e-12);
}

/* Products are 0.1 off, collectives 0.3, five rows each, to either side, each on a chip of its own: so each tells as much as if it were alone. The 80%
 * quantile of all ten is 0.3 (0.8 x 9 = 7.2), products' own 0.1: sqrt((5 x 0.1^2 + 8 x 0.3^2) / 13) = 0.2434. An operator without rows has
 * that of all. */
static void an_interval_is_its_own_quantile_pooled_with_all(void **state) {
  static const char *const chips[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
  static figures f;
  for (int i = 0; i < 5; i++) {
    add_figure(&f, "gemm", chips[2 * i], i % 2 ? 0.1 : -0.1);
    add_figure(&f, "allreduce", chips[2 * i + 1], i % 2 ? 0.3 : -0.3);
  }
  near(interval(&f, NULL, "gemm", SLIP_SPREAD_MAIN), sqrt((5 * 0.01 + 8 * 0.09) / 13), 1e-12);
  near(interval(&f, NULL, "allreduce", SLIP_SPREAD_MAIN), 0.3, 1e-12);
  near(interval(&f, NULL, "p2p", SLIP_SPREAD_MAIN), 0.3, 1e-12);
  near(interval(&f, NULL, NULL, SLIP_SPREAD_MAIN), 0.3, 1e-12);
  /* Rows that are not used, that were not predicted, or that leave something open do not count. */
  bool use[MOST_ROWS];
  for (size_t i = 0; i < f.all.n; i++)
    use[i] = strcmp(f.cases[i].shown.model, "gemm") == 0;
  near(interval(&f, use, "gemm", SLIP_SPREAD_MAIN), 0.1, 1e-12);
  for (size_t i = 1; i < f.all.n; i += 2)
    f.rows[i].range = 0.2;
  near(interval(&f, NULL, NULL, SLIP_SPREAD_MAIN), 0.1, 1e-12);
  for (size_t i = 0; i < f.all.n; i += 2)
    f.residuals[i * Q] = NAN;
  assert_true(isnan(interval(&f, NULL, NULL, SLIP_SPREAD_MAIN)));
}

/* Groups (1, 1, 1), (5, 5, 5) and 9: nothing varies within, rho = 1, each group weighs 1. Of their weight 3 and one more, the middles of
 * the values lie at 2/3, 1, 4/3, 5/3, 2, 7/3 and 3: 0.7 of 4 is 0.7 of the way from 5 to 9, half of it a 5, and 0.8 of it beyond the largest. Groups
 * (0, 4) and (2, 2): MSB 0, MSW 4: rho would be negative and is 0, each value weighs 1, the i-th lies at i of 5. Groups (1, 3) and (5, 7):
 * MSB 16, MSW 2, n0 = 2: rho = 14 / 18, each weighs 1 / (1 + 7/9) = 9/16, four of them 9/4: 0.75 of 13/4 is 17/18 of the way from 5 to 7. */
static void figures_of_a_group_tell_in_part_the_same(void **state) {
  slip_grouped alike[] = {{1, 0, 1, false}, {5, 0, 2, false}, {1, 0, 1, false}, {9, 0, 3, false},
                          {5, 0, 2, false}, {1, 0, 1, false}, {5, 0, 2, false}};
  slip_grouped apart[] = {{0, 0, 1, false}, {2, 0, 2, false}, {4, 0, 1, false}, {2, 0, 2, false}};
  slip_grouped some[] = {{1, 0, 1, false}, {3, 0, 1, false}, {5, 0, 2, false}, {7, 0, 2, false}};
  slip_grouped single[] = {{1, 0, 1, false}, {3, 0, 1, false}};
  double effective;
  near(slip_intraclass(alike, 7), 1, 1e-12);
  near(slip_grouped_quantile(alike, 7, 0.7, &effective), 7.8, 1e-12);
  near(effective, 3, 1e-12);
  near(slip_grouped_quantile(alike, 7, 0.8, NULL), 9, 1e-12);
  near(slip_grouped_quantile(alike, 7, 0.1, NULL), 1, 1e-12);
  near(slip_grouped_quantile(alike, 7, 0.5, NULL), 5, 1e-12);
  near(slip_intraclass(apart, 4), 0, 1e-12);
  near(slip_grouped_quantile(apart, 4, 0.7, &effective), 3, 1e-12);
  near(effective, 4, 1e-12);
  near(slip_intraclass(some, 4), 14.0 / 18, 1e-12);
  near(slip_grouped_quantile(some, 4, 0.75, &effective), 5 + 2 * 17.0 / 18, 1e-12);
  near(effective, 9.0 / 4, 1e-12);
  near(slip_intraclass(single, 2), 1, 1e-12); /* one group: as if they were one figure */
  assert_true(isnan(slip_grouped_quantile(single, 0, 0.8, &effective)));
}

/* Two figures that were fitted beside four that were not, all alone: these weigh 1/2 each, together as much as those. Of 4 and one more, 0.5 is the
 * middle between the last 1, at 2, and the first 5, at 2.75: 2.5 is 2/3 of the way. One aside beside two weighs 1. */
static void rows_aside_weigh_no_more_than_those_that_were_fitted(void **state) {
  slip_grouped many[] = {{1, 0, 1, false}, {1, 0, 2, false}, {5, 0, 3, true},
                         {5, 0, 4, true},  {5, 0, 5, true},  {5, 0, 6, true}};
  slip_grouped one[] = {{1, 0, 1, false}, {1, 0, 2, false}, {5, 0, 3, true}};
  double effective;
  near(slip_grouped_quantile(many, 6, 0.5, &effective), 1 + 4 * 2.0 / 3, 1e-12);
  near(effective, 4, 1e-12);
  (void)slip_grouped_quantile(one, 3, 0.5, &effective);
  near(effective, 3, 1e-12);
}

static void figures_of_each_kind_have_intervals_of_their_own(void **state) {
  slip_case serve = {
      .kind = SLIP_ROW_SERVING,
      .shown.phase = "e2e_online",
      .quantities = {{.name = "tpot_ms"}, {.name = "ttft_ms"}, {.name = "tokens_per_s_per_chip_out"}},
      .n_quantities = 3};
  slip_case train = {.kind = SLIP_ROW_TRAINING, .quantities = {{.name = "step_time_s"}}, .n_quantities = 1};
  assert_int_equal(slip_spread_class_of(&serve, 0), SLIP_SPREAD_MAIN);
  assert_int_equal(slip_spread_class_of(&serve, 1), SLIP_SPREAD_TTFT);
  assert_int_equal(slip_spread_class_of(&serve, 2), SLIP_SPREAD_RATE);
  serve.shown.disaggregated = true; /* prefill has chips of its own */
  assert_int_equal(slip_spread_class_of(&serve, 0), SLIP_SPREAD_MAIN);
  assert_int_equal(slip_spread_class_of(&serve, 1), SLIP_SPREAD_TTFT_SPLIT);
  serve.shown.phase = "e2e_offline";
  assert_int_equal(slip_spread_class_of(&serve, 0), SLIP_SPREAD_OFFLINE);
  assert_int_equal(slip_spread_class_of(&serve, 2), SLIP_SPREAD_OFFLINE);
  assert_int_equal(slip_spread_class_of(&train, 0), SLIP_SPREAD_MAIN);
  train.shown.moe = true;
  assert_int_equal(slip_spread_class_of(&train, 0), SLIP_SPREAD_MOE);
}

/* A class without figures has the interval of that which its field falls back to: split queues that of queues, all others the main one. */
static void a_class_without_figures_borrows(void **state) {
  static figures f;
  add_figure(&f, "x", "a", 0.2);
  add_figure(&f, "x", "b", 0.7);
  f.cases[0].kind = f.cases[1].kind = SLIP_ROW_SERVING;
  f.cases[0].shown.phase = f.cases[1].shown.phase = "e2e_online";
  f.cases[0].quantities[0].name = "tpot_ms";
  f.cases[1].quantities[0].name = "ttft_ms";
  near(interval(&f, NULL, NULL, SLIP_SPREAD_MAIN), 0.2, 1e-12);
  near(interval(&f, NULL, NULL, SLIP_SPREAD_RATE), 0.2, 1e-12);
  near(interval(&f, NULL, NULL, SLIP_SPREAD_TTFT_SPLIT), 0.7, 1e-12);
}

/* Two figures of a class alone, |ln| 0.1: its place 0.8 (2 + 1) = 2.4 lies beyond both. All six that are not of queues: 0.8 (6 + 1) = 5.6 between
 * the fifth and the sixth, 0.3 both. The class has sqrt((2 x 0.01 + 8 x 0.09) / 10). */
static void a_class_with_few_figures_leans_on_its_kin(void **state) {
  static figures f;
  static const char *const chips[] = {"a", "b", "c", "d", "e", "f", "g"};
  for (int i = 0; i < 7; i++) {
    add_figure(&f, "x", chips[i], i < 2 ? 0.1 : i < 6 ? 0.3 : 0.9);
    f.cases[i].kind = SLIP_ROW_SERVING;
    f.cases[i].shown.phase = "e2e_online";
    f.cases[i].quantities[0].name = i < 2 ? "tokens_per_s_per_chip_out" : i < 6 ? "tpot_ms" : "ttft_ms";
  }
  near(interval(&f, NULL, NULL, SLIP_SPREAD_RATE), sqrt((2 * 0.01 + 8 * 0.09) / 10), 1e-12);
  near(interval(&f, NULL, NULL, SLIP_SPREAD_OFFLINE), 0.3, 1e-12);
  near(interval(&f, NULL, NULL, SLIP_SPREAD_TTFT), 0.9, 1e-12);
}

/* What is learnt of a stack narrows its intervals alike, but those of queues. */
static void what_is_learnt_narrows_all_but_queues(void **state) {
  slip_stack stack = {.spread_serve = 0.4,
                      .spread_rate = 0.6,
                      .spread_offline = 0.2,
                      .spread_ttft = 1,
                      .spread_ttft_split = 2,
                      .spread_train = 0.3,
                      .spread_train_moe = 0.6};
  slip_spread_narrow(&stack, false, 0.2);
  near(stack.spread_serve, 0.2, 1e-12);
  near(stack.spread_rate, 0.3, 1e-12);
  near(stack.spread_offline, 0.1, 1e-12);
  near(stack.spread_ttft + stack.spread_ttft_split, 3, 1e-12);
  near(stack.spread_train, 0.3, 1e-12);
  slip_spread_narrow(&stack, true, 0.1);
  near(stack.spread_train_moe, 0.2, 1e-12);
}

/* ---- as a validation ---- */

static slip_validation *validate(void) {
  const char *files[] = {path};
  const slip_validate_job job = {catalog, files, 1};
  slip_validation *v = NULL;
  slip_error err = {.message = ""};
  if (slip_validate_held_out(&job, NULL, NULL, NULL, &v, &err) != SLIP_OK)
    fail_msg("%s", err.message);
  return v;
}

/* Of two rows each is predicted after the other; of 7, the first five by hash are observed, those five each by the next of them, rows 5 and 6 by
 * 0 and 1. */
static void no_row_is_predicted_after_itself(void **state) {
  (void)state;
  assert_int_equal(slip_observer_of(0, 2), 1);
  assert_int_equal(slip_observer_of(1, 2), 0);
  static const size_t of_seven[] = {1, 2, 3, 4, 0, 0, 1};
  for (size_t i = 0; i < 7; i++)
    assert_int_equal(slip_observer_of(i, 7), of_seven[i]);
}

/* One family of runs of one stack on one chip: each is predicted after another of them was observed; their slowness of 20%, which the family left out
 * does not show, is then known. Without other families there are no residuals to make an interval of: it is the stated one. */
static void an_observed_row_helps_the_others(void **state) {
  slip_text text = {0};
  slip_text_add(
      &text,
      "id,source,year,chip,chips_per_node,n_chips,model,seq_len,global_batch_seqs,micro_batch,tp,pp,cp,dp,dtype,"
      "framework,step_time_s\n");
  static const int batches[] = {32, 64, 128};
  for (int i = 0; i < 3; i++)
    slip_text_printf(&text,
                     "r%d,Example,2025,H100-SXM-80GB,8,8,Llama-3.1-8B,4096,%d,1,2,1,1,4,BF16,Megatron-Bridge,%g\n",
                     i, batches[i], 1.95 * batches[i] / 32.0);
  slip_text_add(&text,
                "bad,Example,2025,Chip of tomorrow,8,8,Llama-3.1-8B,4096,32,1,2,1,1,4,BF16,Megatron-Bridge,1\n");
  write_table(&text);
  slip_text_free(&text);
  slip_validation *v = validate();
  const slip_validation *families = slip_validation_of(v, SLIP_FAMILIES),
                        *observed = slip_validation_of(v, SLIP_OBSERVED);
  assert_ptr_equal(slip_validation_of(v, SLIP_IN_SAMPLE), v);
  for (size_t i = 0; i < 3; i++) {
    const slip_checked *as_is = slip_validation_row(v, i), *unseen = slip_validation_row(families, i),
                       *after = slip_validation_row(observed, i);
    assert_true(as_is->scored && unseen->scored);
    assert_true(unseen->lo < unseen->predicted && unseen->predicted < unseen->hi);
    near(unseen->hi / unseen->predicted, as_is->hi / as_is->predicted, 1e-9);
    assert_true(after->scored);
    assert_true(fabs(slip_checked_error(after)) < fabs(slip_checked_error(unseen)));
  }
  assert_false(slip_validation_row(families, 3)->scored);
  assert_non_null(strstr(slip_validation_row(families, 3)->reason, "chip"));
  assert_int_equal(slip_validation_fit(v, SLIP_ROW_TRAINING).rows, 3);
  assert_int_equal(slip_validation_fit(v, SLIP_ROW_SERVING).rows, 0);
  slip_validation_free(v);
}

/* The catalog that was given is read from, never moved. */
static void the_catalog_is_left_as_it_was(void **state) {
  const slip_chip *chip = NULL;
  assert_int_equal(slip_catalog_chip(catalog, "h100", &chip, NULL), SLIP_OK);
  const double before = chip->kernels->weight_read_fraction;
  write_products(SIZE_MAX);
  slip_validation *v = validate();
  assert_true(chip->kernels->weight_read_fraction == before);
  for (size_t i = 0; i < PRODUCTS; i++)
    assert_true(slip_validation_row(slip_validation_of(v, SLIP_FOLDS), i)->scored);
  slip_validation_free(v);
}

static void lack_of_memory_is_an_error(void **state) {
  const char *files[] = {path};
  const slip_validate_job job = {catalog, files, 1};
  write_products(SIZE_MAX);
  for (long n = 1; n < 60; n += 4) {
    const size_t live = slip_arena_live_bytes();
    slip_validation *v = NULL;
    slip_arena_fail_after(n);
    const slip_status status = slip_validate_held_out(&job, NULL, NULL, NULL, &v, NULL);
    slip_arena_fail_after(0);
    assert_true(status == SLIP_OK || status == SLIP_NO_MEMORY);
    slip_validation_free(v);
    assert_int_equal(slip_arena_live_bytes(), live);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_held_out_prediction_does_not_know_its_own_measurement),
      cmocka_unit_test(a_lone_row_moves_its_chip_only_in_sample),
      cmocka_unit_test(a_row_aside_tells_of_intervals_only),
      cmocka_unit_test(the_size_of_the_fit_counts_rows_and_constants),
      cmocka_unit_test(kernel_intervals_are_those_of_sources_unseen),
      cmocka_unit_test(it_stops_when_asked),
      cmocka_unit_test(stacks_unknown_tell_nothing_of_known_ones),
      cmocka_unit_test(an_interval_is_its_own_quantile_pooled_with_all),
      cmocka_unit_test(figures_of_a_group_tell_in_part_the_same),
      cmocka_unit_test(rows_aside_weigh_no_more_than_those_that_were_fitted),
      cmocka_unit_test(figures_of_each_kind_have_intervals_of_their_own),
      cmocka_unit_test(a_class_without_figures_borrows),
      cmocka_unit_test(a_class_with_few_figures_leans_on_its_kin),
      cmocka_unit_test(what_is_learnt_narrows_all_but_queues),
      cmocka_unit_test(no_row_is_predicted_after_itself),
      cmocka_unit_test(an_observed_row_helps_the_others),
      cmocka_unit_test(the_catalog_is_left_as_it_was),
      cmocka_unit_test(lack_of_memory_is_an_error),
  };
  return cmocka_run_group_tests(tests, open_all, close_all);
}
