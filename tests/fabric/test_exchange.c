/* Expert dispatch and combine, worked by hand on the toy network: 40 GB/s for an exchange in a node and 10 us to begin;
 * 5 GB/s between nodes and 20 us. 1000 tokens of 1000 bytes to 8 experts: 1 MB a copy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the four above */
#include <cmocka.h>

#include "support/close.h"
#include "support/kernel_rows.h"
#include "support/toy_network.h"

static double time_of(const slip_network *net, int64_t ranks, double limit, bool once) {
  return slip_exchange_s(net, (slip_group){ranks, 1}, 1000, 1000, 8, limit, once, NULL);
}

/* Low latency, 8 ranks: 8 copies, of which 1/8 stay: 7 MB at 40 GB/s. */
static void each_copy_travels_alone_at_low_latency(void **state) {
  slip_network net = toy_network();
  double latency;
  double seconds = slip_exchange_s(&net, (slip_group){8, 1}, 1000, 1000, 8, 0, false, &latency);
  close_to(latency, 10e-6);
  close_to(seconds, 7e6 / 40e9 + 10e-6);
  /* 32 ranks: 24/32 of the copies cross nodes: 6 MB at 5 GB/s; 7/32 stay in the node at 40 GB/s meanwhile */
  close_to(time_of(&net, 32, 0, false), 6e6 / 5e9 + 20e-6);
}

/* Normal kernels, 8 ranks: 8 picks fall on 8 (1 - (7/8)^8) = 5.251 ranks; one in eight is the sender itself. */
static void a_rank_gets_a_token_once(void **state) {
  slip_network net = toy_network();
  double ranks = 8 * (1 - pow(7.0 / 8, 8));
  close_to(time_of(&net, 8, 0, true), ranks * 7 / 8 * 1e6 / 40e9 + 10e-6);
}

/* Normal kernels, 64 ranks in 8 nodes: a token goes to 5.251 nodes, 7/8 of them others; with experts of at most 4 groups, one
 * to a node, to 4. */
static void a_node_gets_a_token_once(void **state) {
  slip_network net = toy_network();
  double nodes = 8 * (1 - pow(7.0 / 8, 8));
  close_to(time_of(&net, 64, 0, true), nodes * 7 / 8 * 1e6 / 5e9 + 20e-6);
  close_to(time_of(&net, 64, 4, true), 4.0 * 7 / 8 * 1e6 / 5e9 + 20e-6);
  assert_true(time_of(&net, 64, 4, false) ==
              time_of(&net, 64, 0, false)); /* the limit saves nothing when copies travel alone */
}

/* Two dies with a link of their own, in a domain of 32: a copy to another package takes the die's own link to the fabric, and
 * so does one to the other die. */
static void dies_do_not_share_the_way_out(void **state) {
  slip_network net = toy_network();
  net.n_levels = 3;
  net.levels[2] = net.levels[1];
  net.levels[1] = net.levels[0];
  net.levels[1].ranks = 32;
  net.levels[0].topology = "die-to-die";
  net.levels[0].ranks = 2;
  net.levels[0].bytes_per_s = 1; /* would dominate if it carried anything */
  close_to(time_of(&net, 32, 0, false), 8.0 * 31 / 32 * 1e6 / 40e9 + 10e-6);
}

static void one_rank_exchanges_nothing(void **state) {
  slip_network net = toy_network();
  double latency = 1;
  assert_true(slip_exchange_s(&net, (slip_group){1, 1}, 1000, 1000, 8, 0, true, &latency) == 0);
  assert_true(latency == 0);
}

static void time_follows_tokens_bandwidth_and_kind(void **state) {
  slip_network net = toy_network(), fast = toy_network();
  fast.levels[0].bytes_per_s *= 2;
  fast.levels[1].bytes_per_s *= 2;
  for (int once = 0; once < 2; once++)
    for (int64_t ranks = 2; ranks <= 512; ranks *= 2) {
      slip_group group = {ranks, 1};
      double few = slip_exchange_s(&net, group, 100, 7168, 8, 0, once, NULL);
      double many = slip_exchange_s(&net, group, 200, 7168, 8, 0, once, NULL);
      assert_true(many > few);
      assert_true(slip_exchange_s(&fast, group, 100, 7168, 8, 0, once, NULL) < few);
      assert_true(slip_exchange_s(&net, group, 100, 7168, 8, 0, true, NULL) <=
                  slip_exchange_s(&net, group, 100, 7168, 8, 0, false, NULL) * (1 + 1e-12));
    }
}

static void a_large_domain_needs_nothing_beyond(void **state) {
  slip_network net = toy_network(), slow = toy_network();
  net.levels[0].ranks = slow.levels[0].ranks = 64;
  slow.levels[1].bytes_per_s = 1;
  for (int once = 0; once < 2; once++)
    assert_true(time_of(&net, 64, 0, once) == time_of(&slow, 64, 0, once));
}

/* ---- published rows ---- */

/* Rows in microseconds: DeepEP on H800 over RDMA (CloudMatrix paper's older edition: no NVLink at all; current edition: NVLink in
 * the node), DeepEP in one node of H100 to GB300, CANN over UB. Dispatch sends one byte an element, combine two. */
static void published_rows_are_met(void **state) {
  const struct {
    const char *chip, *system;
    double median, ninth;
  } cases[] = {
      {"H800", "hgx-h800", 0.08, 0.12},
      {"H100 SXM 80GB", "hgx-h100", 0.16, 0.3},
      {"H200 SXM 141GB", "hgx-h200", 0.15, 0.3},
      {"B200 SXM", "hgx-b200", 0.12, 0.45},
      {"GB200 (per GPU)", "gb200-nvl72", 0.3, 0.6},
      {"GB300 (per GPU)", "gb300-nvl72", 0.36, 0.6},
      {"Ascend 910C die", "cloudmatrix384", 0.2, 0.36},
  };
  size_t count;
  kernel_row *rows = kernel_rows_read(&count);
  if (!rows)
    skip();
  slip_catalog *catalog;
  assert_int_equal(slip_catalog_open(NULL, 0, &catalog, NULL), SLIP_OK);
  int misses = 0;
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    const slip_system *system;
    slip_network net;
    row_errors errors = {.count = 0};
    assert_int_equal(slip_catalog_system(catalog, cases[c].system, &system, NULL), SLIP_OK);
    assert_int_equal(slip_network_make(system, &net, NULL), SLIP_OK);
    for (size_t i = 0; i < count; i++) {
      const kernel_row *row = &rows[i];
      bool combine = strcmp(row->op, "combine") == 0;
      if (strcmp(row->chip, cases[c].chip) != 0 || !(combine || strcmp(row->op, "dispatch") == 0) ||
          strcmp(row->unit, "us") != 0)
        continue;
      slip_network used = net;
      if (strstr(row->source, "older README"))
        used.levels[0].ranks = 1;
      double seconds = slip_exchange_s(
          &used, (slip_group){(int64_t)kernel_row_number(row, "ranks"), 1},
          kernel_row_number(row, "tokens_per_rank"), kernel_row_number(row, "hidden") * (combine ? 2 : 1),
          kernel_row_number(row, "topk"), 0, strstr(row->shape, "\"normal\"") != NULL, NULL);
      row_errors_add(&errors, seconds, row->value * 1e-6);
    }
    double median = row_errors_quantile(&errors, 0.5), ninth = row_errors_quantile(&errors, 0.9);
    print_message("  %s: %zu rows, median %.1f%%, 90th percentile %.1f%%\n", cases[c].chip, errors.count,
                  100 * median, 100 * ninth);
    misses += !(errors.count >= 4 && median <= cases[c].median && ninth <= cases[c].ninth);
  }
  slip_catalog_free(catalog);
  free(rows);
  assert_int_equal(misses, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_copy_travels_alone_at_low_latency),
      cmocka_unit_test(a_rank_gets_a_token_once),
      cmocka_unit_test(a_node_gets_a_token_once),
      cmocka_unit_test(dies_do_not_share_the_way_out),
      cmocka_unit_test(one_rank_exchanges_nothing),
      cmocka_unit_test(time_follows_tokens_bandwidth_and_kind),
      cmocka_unit_test(a_large_domain_needs_nothing_beyond),
      cmocka_unit_test(published_rows_are_met),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
