/* Classes of rows for which accuracy is promised, and whether the model orders what it compares. */
#include <slipstick/validate.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/fail.h"
#include "calibrate/validation.h"

enum { LEAST_OF_A_CHIP = 10 };

#define APART 1.15 /* pairs that are nearer are a tie */

static bool any(const slip_checked *r) {
  (void)r;
  return true;
}

static bool dense_nvidia(const slip_checked *r) {
  return !r->moe && r->layout_known && strcmp(r->vendor, "NVIDIA") == 0;
}

static bool moe(const slip_checked *r) {
  return r->moe;
}

static bool ascend_910b(const slip_checked *r) {
  return strncmp(r->chip, "ascend-910b", 11) == 0;
}

static bool is(const slip_checked *r, const char *quantity) {
  return strcmp(r->quantity, quantity) == 0;
}

static bool is_loop(const slip_checked *r) {
  return strcmp(r->phase, "e2e_online") == 0;
}

static bool tpot_known(const slip_checked *r) {
  return is(r, "tpot_ms") && r->drafts_known;
}

static bool tpot_dense(const slip_checked *r) {
  return tpot_known(r) && !r->moe;
}

static bool tpot_unknown(const slip_checked *r) {
  return is(r, "tpot_ms") && !r->drafts_known;
}

static bool offline(const slip_checked *r) {
  return strcmp(r->phase, "e2e_offline") == 0 && r->layout_known && is(r, "tokens_per_s_per_chip_out");
}

static bool online_rate(const slip_checked *r) {
  return is_loop(r) && is(r, "tokens_per_s_per_chip_out");
}

static bool decode_pool(const slip_checked *r) {
  return strcmp(r->phase, "decode") == 0;
}

static bool prefill_pool(const slip_checked *r) {
  return strcmp(r->phase, "prefill") == 0;
}

static bool ttft_aggregated(const slip_checked *r) {
  return is(r, "ttft_ms") && !r->disaggregated;
}

static bool ttft_disaggregated(const slip_checked *r) {
  return is(r, "ttft_ms") && r->disaggregated;
}

static bool not_ttft(const slip_checked *r) {
  return !is(r, "ttft_ms");
}

static const struct {
  const char *name;
  bool (*holds)(const slip_checked *r);
  slip_row_kind kind; /* SLIP_ROW_KINDS: any */
  bool of_chips;      /* chips with few rows are left out */
} classes[] = {
    {"training, chips with 10 rows or more", any, SLIP_ROW_TRAINING, true},
    {"training, dense, layout given, NVIDIA", dense_nvidia, SLIP_ROW_TRAINING, false},
    {"training, mixture of experts", moe, SLIP_ROW_TRAINING, false},
    {"training, Ascend 910B", ascend_910b, SLIP_ROW_TRAINING, false},
    {"serving, TPOT and rates", not_ttft, SLIP_ROW_SERVING, false},
    {"serving, TPOT, drafts known", tpot_known, SLIP_ROW_SERVING, false},
    {"serving, TPOT, drafts known, dense", tpot_dense, SLIP_ROW_SERVING, false},
    {"serving, TPOT, drafts unknown", tpot_unknown, SLIP_ROW_SERVING, false},
    {"serving, offline rate, layout given", offline, SLIP_ROW_SERVING, false},
    {"serving, rate at fixed load", online_rate, SLIP_ROW_SERVING, false},
    {"serving, decode pools", decode_pool, SLIP_ROW_SERVING, false},
    {"serving, prefill pools", prefill_pool, SLIP_ROW_SERVING, false},
    {"serving, TTFT, aggregated", ttft_aggregated, SLIP_ROW_SERVING, false},
    {"serving, TTFT, disaggregated", ttft_disaggregated, SLIP_ROW_SERVING, false},
    {"kernels and collectives", any, SLIP_ROW_KERNEL, false},
    {"all figures", any, SLIP_ROW_KINDS, false},
};

size_t slip_row_classes(void) {
  return sizeof classes / sizeof *classes;
}

const char *slip_row_class_name(size_t i) {
  return i < slip_row_classes() ? classes[i].name : "";
}

/* ---- order ---- */

/* A rate is better when it is more, a time when it is less; for order only the direction counts, which both sides share. */
static int order_of(double a, double b) {
  return a > b * APART ? 1 : b > a * APART ? -1 : 0;
}

static void count_pair(const slip_checked *a, const slip_checked *b, slip_order *out) {
  const int measured = order_of(a->measured, b->measured);
  if (measured == 0 || strcmp(a->quantity, b->quantity) != 0 || strcmp(a->unit, b->unit) != 0 ||
      strcmp(a->family, b->family) != 0 || strcmp(a->phase, b->phase) != 0)
    return;
  const bool right =
      measured > 0 ? a->predicted > b->predicted : a->predicted < b->predicted; /* equal ones order nothing */
  if (strcmp(a->chip, b->chip) == 0) {
    if (a->kind != b->kind || strcmp(a->stack, b->stack) != 0 ||
        (a->kind == SLIP_ROW_KERNEL && strcmp(a->model, b->model) != 0))
      return;
    out->configurations++;
    out->configurations_right += right;
  } else if (a->kind == b->kind && strcmp(a->model, b->model) == 0) {
    out->systems++;
    out->systems_right += right;
  }
}

/* ---- a class ---- */

static size_t rows_of_chip(const slip_checked *const *rows, size_t n, const char *chip) {
  size_t count = 0;
  for (size_t i = 0; i < n; i++)
    count += rows[i]->scored && strcmp(rows[i]->chip, chip) == 0;
  return count;
}

slip_status slip_validation_class(const slip_validation *validation, size_t i, slip_summary *out, slip_order *order,
                                  slip_error *err) {
  const size_t all = slip_validation_count(validation);
  slip_status status = SLIP_OK;
  size_t n = 0, kept = 0;
  if (i >= slip_row_classes())
    return slip_fail(err, SLIP_BAD_INPUT, "there is no class of rows %zu", i);
  const slip_checked **rows = slip_memory_resize(NULL, 2 * (all + 1) * sizeof *rows);
  if (!rows)
    return slip_no_memory(err);
  const slip_checked **few = rows + all + 1;
  for (size_t r = 0; r < all; r++) {
    const slip_checked *row = slip_validation_row(validation, r);
    if ((classes[i].kind == SLIP_ROW_KINDS || row->kind == classes[i].kind) && row->measured > 0 &&
        classes[i].holds(row))
      rows[n++] = row;
  }
  for (size_t r = 0; r < n; r++)
    if (!classes[i].of_chips || rows_of_chip(rows, n, rows[r]->chip) >= LEAST_OF_A_CHIP)
      few[kept++] = rows[r];
  SLIP_TRY(slip_summarise(classes[i].name, few, kept, out, err));
  if (order) {
    *order = (slip_order){0};
    for (size_t a = 0; a < kept; a++)
      for (size_t b = a + 1; b < kept; b++)
        if (few[a]->scored && few[b]->scored)
          count_pair(few[a], few[b], order);
  }
cleanup:
  free(rows);
  return status;
}
