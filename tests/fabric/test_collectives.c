/* Collectives as alpha-beta over levels, worked by hand on the toy network: 8 ranks at 50 GB/s sustained and 2 us a step,
 * nodes joined at 8 GB/s sustained and 5 us a step. */
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

static double time_of(const slip_network *net, slip_collective kind, int64_t ranks, int64_t stride, double bytes) {
  return slip_collective_s(net, kind, (slip_group){ranks, stride}, bytes, NULL);
}

/* 1 GB over 8 ranks of a node: each sends 7/8 of it out and gets 7/8 back, in 2 x log2(8) steps. */
static void all_reduce_in_a_node(void **state) {
  slip_network net = toy_network();
  double latency;
  double seconds = slip_collective_s(&net, SLIP_ALL_REDUCE, (slip_group){8, 1}, 1e9, &latency);
  close_to(latency, 6 * 2e-6);
  close_to(seconds, 2 * 7.0 / 8 * 1e9 / 50e9 + 12e-6);
}

/* 16 ranks in two nodes: reduce-scatter inside (7/8 of 1 GB), then half of the eighth that each rank holds crosses. */
static void all_reduce_over_two_nodes(void **state) {
  slip_network net = toy_network();
  double half = 7.0 / 8 * 1e9 / 50e9 + 3 * 2e-6 + 0.5 * (1e9 / 8) / 8e9 + 5e-6;
  close_to(time_of(&net, SLIP_ALL_REDUCE, 16, 1, 1e9), 2 * half);
}

/* 16 ranks, one of each node: only the network between nodes. 15/16 of 1 GB at 8 GB/s, log2(16) steps. */
static void strided_groups_meet_outside(void **state) {
  slip_network net = toy_network();
  close_to(time_of(&net, SLIP_ALL_GATHER, 16, 8, 1e9), 15.0 / 16 * 1e9 / 8e9 + 4 * 5e-6);
  assert_int_equal(slip_group_level(&net, (slip_group){16, 8}), 1);
  assert_int_equal(slip_group_members(&net, (slip_group){16, 8}, 0), 1);
  assert_int_equal(slip_group_members(&net, (slip_group){16, 2}, 0), 4);
  assert_int_equal(slip_group_members(&net, (slip_group){4, 2}, 0), 4);
  assert_int_equal(slip_group_level(&net, (slip_group){4, 2}), 0);
  assert_int_equal(slip_group_members(&net, (slip_group){4, 2}, -1), 1);
}

/* A ring where ranks are not joined pairwise: 7 steps instead of 3. */
static void a_torus_takes_a_ring(void **state) {
  slip_network net = toy_network();
  net.levels[0].topology = "torus-2d";
  close_to(time_of(&net, SLIP_ALL_GATHER, 8, 1, 1e9), 7.0 / 8 * 1e9 / 50e9 + 7 * 2e-6);
}

/* Each of 16 ranks sends 1 GB in all: 7/16 to its node at 50 GB/s, 8/16 across at 8 GB/s; at the same time. */
static void all_to_all_takes_the_slower_level(void **state) {
  slip_network net = toy_network();
  double across = 8.0 / 16 * 1e9 / 8e9;
  close_to(time_of(&net, SLIP_ALL_TO_ALL, 16, 1, 1e9), across + 3 * 2e-6); /* waits 3 x 2 us inside, 1 x 5 across */
  net.levels[1].bytes_per_s = 1e15;
  close_to(time_of(&net, SLIP_ALL_TO_ALL, 16, 1, 1e9), 7.0 / 16 * 1e9 / 50e9 + 3 * 2e-6);
}

static void a_message_takes_one_step_at_the_level_that_joins_its_ends(void **state) {
  slip_network net = toy_network();
  close_to(time_of(&net, SLIP_SEND, 2, 1, 1e9), 1e9 / 50e9 + 2e-6);
  close_to(time_of(&net, SLIP_SEND, 2, 8, 1e9), 1e9 / 8e9 + 5e-6);
}

static void one_rank_sends_nothing(void **state) {
  slip_network net = toy_network();
  for (int kind = 0; kind < SLIP_COLLECTIVES; kind++) {
    double latency = 1;
    assert_true(slip_collective_s(&net, (slip_collective)kind, (slip_group){1, 1}, 1e9, &latency) == 0);
    assert_true(latency == 0);
  }
}

static void an_all_reduce_is_a_reduce_scatter_and_an_all_gather(void **state) {
  slip_network net = toy_network();
  for (int64_t ranks = 2; ranks <= 1024; ranks *= 2)
    for (int64_t stride = 1; stride <= 8; stride *= 2) {
      double whole = time_of(&net, SLIP_ALL_REDUCE, ranks, stride, 1e8);
      close_to(time_of(&net, SLIP_REDUCE_SCATTER, ranks, stride, 1e8) +
                   time_of(&net, SLIP_ALL_GATHER, ranks, stride, 1e8),
               whole);
    }
}

static void time_grows_with_bytes_and_falls_with_bandwidth(void **state) {
  slip_network net = toy_network(), fast = toy_network();
  fast.levels[0].bytes_per_s *= 2;
  fast.levels[1].bytes_per_s *= 2;
  for (int kind = 0; kind < SLIP_EXCHANGE; kind++)
    for (int64_t ranks = 2; ranks <= 64; ranks *= 2) {
      double last = 0;
      for (double bytes = 1; bytes <= 1e10; bytes *= 10) {
        double seconds = time_of(&net, (slip_collective)kind, ranks, 1, bytes);
        assert_true(seconds > last);
        assert_true(time_of(&fast, (slip_collective)kind, ranks, 1, bytes) < seconds);
        last = seconds;
      }
    }
}

/* A domain that holds the whole group makes the level beyond irrelevant, however slow. */
static void a_large_domain_needs_nothing_beyond(void **state) {
  slip_network net = toy_network(), slow = toy_network();
  net.levels[0].ranks = slow.levels[0].ranks = 64;
  slow.levels[1].bytes_per_s = 1;
  slow.levels[1].latency_s = 10;
  for (int kind = 0; kind < SLIP_EXCHANGE; kind++)
    for (int64_t ranks = 2; ranks <= 64; ranks *= 2)
      assert_true(time_of(&net, (slip_collective)kind, ranks, 1, 1e8) ==
                  time_of(&slow, (slip_collective)kind, ranks, 1, 1e8));
}

static void a_system_without_a_number_is_refused(void **state) {
  slip_system system = {.entry = {.name = "toy", .file = "toy.yaml"}};
  slip_network net;
  slip_error err;
  assert_int_equal(slip_network_make(&system, &net, &err), SLIP_MISSING);
  slip_network whole = toy_network();
  memcpy(system.levels, whole.levels, sizeof system.levels);
  system.n_levels = 2;
  system.levels[0].exchange_s = system.levels[0].exchange_fraction = NAN; /* these have stand-ins */
  assert_int_equal(slip_network_make(&system, &net, &err), SLIP_OK);
  assert_true(net.levels[0].exchange_s == 2e-6 && net.levels[0].exchange_fraction == 0.5);
  assert_true(net.levels[1].exchange_s == 20e-6 && net.levels[1].exchange_fraction == 0.5);
  system.levels[1].bytes_per_s = NAN;
  assert_int_equal(slip_network_make(&system, &net, &err), SLIP_MISSING);
  assert_string_equal(err.field, "scale-out.gbs");
}

/* ---- published rows: NCCL in one node (stas00, aiconfigurator) ---- */

/* Without the message-size ramp of the real protocols the middle sizes come out too fast, and with a ring's bandwidth the
 * large all-reduce of an in-switch reduction too slow: the bounds say how much. */
static void published_rows_are_met(void **state) {
  const struct {
    const char *chip, *system;
    double median;
  } cases[] = {
      {"A100 SXM 80GB", "hgx-a100", 0.24},      {"H100 SXM 80GB", "hgx-h100", 0.18},
      {"H200 SXM 141GB", "hgx-h200", 0.35},     {"B200 SXM", "hgx-b200", 0.28},
      {"GB200 (per GPU)", "gb200-nvl72", 0.58},
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
      int kind = strcmp(row->op, "allreduce") == 0   ? SLIP_ALL_REDUCE
                 : strcmp(row->op, "allgather") == 0 ? SLIP_ALL_GATHER
                 : strcmp(row->op, "alltoall") == 0  ? SLIP_ALL_TO_ALL
                                                     : -1;
      double ranks = kernel_row_number(row, "ranks"), bytes = kernel_row_number(row, "bytes");
      if (strcmp(row->chip, cases[c].chip) != 0 || kind < 0 || ranks > 8 || strstr(row->source, "vidur"))
        continue;
      double moved =
          (ranks - 1) / ranks * bytes * (kind == SLIP_ALL_REDUCE ? 2 : 1); /* nccl-tests' bus bandwidth */
      double seconds = strcmp(row->unit, "us") == 0 ? row->value * 1e-6 : moved / (row->value * 1e9);
      row_errors_add(&errors, time_of(&net, (slip_collective)kind, (int64_t)ranks, 1, bytes), seconds);
    }
    double median = row_errors_quantile(&errors, 0.5), ninth = row_errors_quantile(&errors, 0.9);
    print_message("  %s: %zu rows, median %.1f%%, 90th percentile %.1f%%\n", cases[c].chip, errors.count,
                  100 * median, 100 * ninth);
    misses += !(errors.count >= 7 && median <= cases[c].median);
  }
  slip_catalog_free(catalog);
  free(rows);
  assert_int_equal(misses, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_reduce_in_a_node),
      cmocka_unit_test(all_reduce_over_two_nodes),
      cmocka_unit_test(strided_groups_meet_outside),
      cmocka_unit_test(a_torus_takes_a_ring),
      cmocka_unit_test(all_to_all_takes_the_slower_level),
      cmocka_unit_test(a_message_takes_one_step_at_the_level_that_joins_its_ends),
      cmocka_unit_test(one_rank_sends_nothing),
      cmocka_unit_test(an_all_reduce_is_a_reduce_scatter_and_an_all_gather),
      cmocka_unit_test(time_grows_with_bytes_and_falls_with_bandwidth),
      cmocka_unit_test(a_large_domain_needs_nothing_beyond),
      cmocka_unit_test(a_system_without_a_number_is_refused),
      cmocka_unit_test(published_rows_are_met),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
