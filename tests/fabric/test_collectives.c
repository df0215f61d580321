/* Collectives as alpha-beta over levels, worked by hand on the toy network: 8 ranks at 50 GB/s sustained and 2 us
 * a step, nodes joined at 8 GB/s sustained and 5 us a step. Every collective starts in 8 us and has a ramp over
 * its transfer time. */
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

#define START 8e-6

/* T seconds at the full rate take T + 100 us T / (T + 100 us). */
static double ramp(double transfer) {
  return transfer + 1e-4 * transfer / (transfer + 1e-4);
}

/* 1 GB over 8 ranks of a node: each sends 7/8 of it out and gets 7/8 back, in 2 x log2(8) steps. */
static void all_reduce_in_a_node(void **state) {
  slip_network net = toy_network();
  double latency;
  double seconds = slip_collective_s(&net, SLIP_ALL_REDUCE, (slip_group){8, 1}, 1e9, &latency);
  close_to(latency, START + 6 * 2e-6);
  close_to(seconds, ramp(2 * 7.0 / 8 * 1e9 / 50e9) + START + 12e-6);
}

/* 16 ranks in two nodes: reduce-scatter inside (7/8 of 1 GB), then half of the eighth that each rank holds
 * crosses. */
static void all_reduce_over_two_nodes(void **state) {
  slip_network net = toy_network();
  double half = 7.0 / 8 * 1e9 / 50e9 + 0.5 * (1e9 / 8) / 8e9, steps = 3 * 2e-6 + 5e-6;
  close_to(time_of(&net, SLIP_ALL_REDUCE, 16, 1, 1e9), START + ramp(2 * half) + 2 * steps);
}

/* 16 ranks, one of each node: only the network between nodes. 15/16 of 1 GB at 8 GB/s, log2(16) steps. */
static void strided_groups_meet_outside(void **state) {
  slip_network net = toy_network();
  close_to(time_of(&net, SLIP_ALL_GATHER, 16, 8, 1e9), START + ramp(15.0 / 16 * 1e9 / 8e9) + 4 * 5e-6);
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
  close_to(time_of(&net, SLIP_ALL_GATHER, 8, 1, 1e9), START + ramp(7.0 / 8 * 1e9 / 50e9) + 7 * 2e-6);
}

/* Links of a mesh of eight go to one rank each: four of the ranks reach each other by 3/7 of what each has, two by 1/7; all eight by all. */
static void ranks_of_a_mesh_reach_each_other_by_their_own_links(void **state) {
  slip_network net = toy_network();
  net.levels[0].topology = "mesh";
  close_to(time_of(&net, SLIP_ALL_GATHER, 4, 1, 1e9), START + ramp(3.0 / 4 * 1e9 / (50e9 * 3 / 7)) + 2 * 2e-6);
  close_to(time_of(&net, SLIP_ALL_GATHER, 4, 2, 1e9), START + ramp(3.0 / 4 * 1e9 / (50e9 * 3 / 7)) + 2 * 2e-6);
  close_to(time_of(&net, SLIP_ALL_TO_ALL, 4, 1, 1e9), START + ramp(3.0 / 4 * 1e9 / (50e9 * 3 / 7)) + 2 * 2e-6);
  close_to(time_of(&net, SLIP_SEND, 2, 1, 1e9), 1e9 / (50e9 / 7) + 2e-6);
  close_to(time_of(&net, SLIP_ALL_GATHER, 8, 1, 1e9), START + ramp(7.0 / 8 * 1e9 / 50e9) + 3 * 2e-6);
}

/* Each of 16 ranks sends 1 GB in all: 7/16 to its node at 50 GB/s, 8/16 across at 8 GB/s; at the same time. */
static void all_to_all_takes_the_slower_level(void **state) {
  slip_network net = toy_network();
  double across = 8.0 / 16 * 1e9 / 8e9;
  close_to(time_of(&net, SLIP_ALL_TO_ALL, 16, 1, 1e9),
           START + ramp(across) + 3 * 2e-6); /* waits 3 x 2 us inside, 1 x 5 across */
  net.levels[1].bytes_per_s = 1e15;
  close_to(time_of(&net, SLIP_ALL_TO_ALL, 16, 1, 1e9), START + ramp(7.0 / 16 * 1e9 / 50e9) + 3 * 2e-6);
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

/* 1 ns at the full rate takes twice as long, 10 s take 0.1 ms more. */
static void short_transfers_run_at_half_the_rate_and_long_ones_fill_a_pipeline(void **state) {
  slip_network net = toy_network();
  double latency, seconds = slip_collective_s(&net, SLIP_ALL_GATHER, (slip_group){2, 1}, 100, &latency);
  assert_near(seconds - latency, 2e-9, 1e-4);
  seconds = slip_collective_s(&net, SLIP_ALL_GATHER, (slip_group){2, 1}, 1e12, &latency);
  assert_near(seconds - latency, 10 + 1e-4, 1e-6);
}

/* A switch that adds vectors up at 0.6 of 100 GB/s: 1 GB takes 16.7 ms, whatever the ranks, where the ring takes
 * 35 ms of 8 ranks; of two ranks the ring's 20 ms stay; of two nodes each has its own switch and nothing changes.
 */
static void a_switch_may_reduce(void **state) {
  slip_network net = toy_network(), plain = toy_network();
  net.levels[0].reduce_fraction = 0.6;
  close_to(time_of(&net, SLIP_ALL_REDUCE, 8, 1, 1e9), START + ramp(1e9 / 60e9) + 6 * 2e-6);
  close_to(time_of(&net, SLIP_ALL_REDUCE, 4, 1, 1e9), START + ramp(1e9 / 60e9) + 4 * 2e-6);
  assert_true(time_of(&net, SLIP_ALL_REDUCE, 2, 1, 1e9) == time_of(&plain, SLIP_ALL_REDUCE, 2, 1, 1e9));
  assert_true(time_of(&net, SLIP_ALL_REDUCE, 16, 1, 1e9) == time_of(&plain, SLIP_ALL_REDUCE, 16, 1, 1e9));
  assert_true(time_of(&net, SLIP_ALL_GATHER, 8, 1, 1e9) == time_of(&plain, SLIP_ALL_GATHER, 8, 1, 1e9));
}

static double direct(const slip_network *net, int64_t ranks, double bytes, slip_shots shots) {
  return slip_direct_all_reduce_s(net, (slip_group){ranks, 1}, bytes, 3e-6, shots, NULL);
}

/* 8 ranks at 0.35 of 100 GB/s, barriers of 2 + 3 us. One shot reads 7 vectors, two read 2 x 7/8 of one after two barriers: they take the same when
 * 5.25 vectors do 5 us, 33 KB. In a mesh of 8, 4 reach each other by 3 of 7 links. */
static void engines_read_their_peers_memory_once_or_twice(void **state) {
  slip_network net = toy_network();
  close_to(direct(&net, 8, 1e4, SLIP_FEWEST_S), 5e-6 + 7e4 / 35e9);
  close_to(direct(&net, 8, 1e6, SLIP_FEWEST_S), 10e-6 + 1.75e6 / 35e9);
  close_to(direct(&net, 8, 1e6, SLIP_ONE_SHOT), 5e-6 + 7e6 / 35e9);
  close_to(direct(&net, 8, 1e4, SLIP_TWO_SHOTS), 10e-6 + 1.75e4 / 35e9);
  double latency;
  slip_direct_all_reduce_s(&net, (slip_group){8, 1}, 1e6, 3e-6, SLIP_FEWEST_S, &latency);
  close_to(latency, 10e-6);
  assert_true(direct(&net, 1, 1e6, SLIP_FEWEST_S) == 0);
  assert_true(isinf(direct(&net, 16, 1e6, SLIP_FEWEST_S))); /* between nodes nobody reads another's memory */
  net.levels[0].topology = "mesh";
  close_to(direct(&net, 8, 1e6, SLIP_ONE_SHOT), 5e-6 + 7e6 / 35e9);
  close_to(direct(&net, 4, 1e6, SLIP_ONE_SHOT), 5e-6 + 3e6 / (35e9 * 3 / 7));
  net.levels[0].topology = "torus-2d";
  assert_true(isinf(direct(&net, 8, 1e6, SLIP_FEWEST_S)));
}

/* One start and one ramp instead of two; the rest is the same. */
static void an_all_reduce_is_a_reduce_scatter_and_an_all_gather(void **state) {
  slip_network net = toy_network();
  for (int64_t ranks = 2; ranks <= 1024; ranks *= 2)
    for (int64_t stride = 1; stride <= 8; stride *= 2) {
      double whole = time_of(&net, SLIP_ALL_REDUCE, ranks, stride, 1e8);
      double parts = time_of(&net, SLIP_REDUCE_SCATTER, ranks, stride, 1e8) +
                     time_of(&net, SLIP_ALL_GATHER, ranks, stride, 1e8);
      assert_true(whole <= parts - START && whole >= parts - START - 1e-4);
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

/* ---- published rows: NCCL ---- */

/* Bounds: what the fit of data/systems/ reaches, and a little; A100 has four rows of two nodes that are slower by
 * up to 85%. */
static void published_rows_are_met(void **state) {
  static const kernel_bound bounds[] = {
      {"a100-80gb", "allreduce", 0.14, 0.9}, {"h100", "allreduce", 0.14, 0.3},
      {"h200", "allreduce", 0.07, 0.25},     {"b200", "allreduce", 0.1, 0.25},
      {"gb200", "allreduce", 0.18, 0.45},    {"a100-80gb", "allgather", 0.1, 0.25},
      {"h200", "allgather", 0.1, 0.3},       {"b200", "allgather", 0.25, 0.5},
      {"gb200", "allgather", 0.08, 0.15},    {"h200", "alltoall", 0.2, 0.25},
      {"gb200", "alltoall", 0.06, 0.2},
  };
  kernel_rows_within(bounds, sizeof bounds / sizeof *bounds, 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_reduce_in_a_node),
      cmocka_unit_test(all_reduce_over_two_nodes),
      cmocka_unit_test(engines_read_their_peers_memory_once_or_twice),
      cmocka_unit_test(strided_groups_meet_outside),
      cmocka_unit_test(a_torus_takes_a_ring),
      cmocka_unit_test(ranks_of_a_mesh_reach_each_other_by_their_own_links),
      cmocka_unit_test(all_to_all_takes_the_slower_level),
      cmocka_unit_test(a_message_takes_one_step_at_the_level_that_joins_its_ends),
      cmocka_unit_test(one_rank_sends_nothing),
      cmocka_unit_test(short_transfers_run_at_half_the_rate_and_long_ones_fill_a_pipeline),
      cmocka_unit_test(a_switch_may_reduce),
      cmocka_unit_test(an_all_reduce_is_a_reduce_scatter_and_an_all_gather),
      cmocka_unit_test(time_grows_with_bytes_and_falls_with_bandwidth),
      cmocka_unit_test(a_large_domain_needs_nothing_beyond),
      cmocka_unit_test(a_system_without_a_number_is_refused),
      cmocka_unit_test(published_rows_are_met),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
