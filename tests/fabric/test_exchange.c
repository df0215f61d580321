/* Expert dispatch and combine, worked by hand on the toy network: 40 GB/s for an exchange in a node and 10 us to
 * begin; 5 GB/s between nodes and 20 us. 1000 tokens of 1000 bytes to 8 experts: 1 MB a copy. */
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

/* Cores that write copy by copy: 7 copies of 1,000 tokens leave the rank, at 0.1 us each 0.7 ms, where the link needs 0.175; with 0.01 us they
 * are hidden behind the link. Bulk kernels collect a message for each rank. */
static void copies_take_their_time_whatever_their_size(void **state) {
  slip_network net = toy_network();
  double bulk = time_of(&net, 8, 0, true);
  net.levels[0].copy_s = 0.1e-6;
  close_to(time_of(&net, 8, 0, false), 7000 * 0.1e-6 + 10e-6);
  close_to(time_of(&net, 8, 0, true), bulk);
  net.levels[0].copy_s = 0.01e-6;
  close_to(time_of(&net, 8, 0, false), 7e6 / 40e9 + 10e-6);
}

/* Normal kernels, 8 ranks: 8 picks fall on 8 (1 - (7/8)^8) = 5.251 ranks; one in eight is the sender itself. */
static void a_rank_gets_a_token_once(void **state) {
  slip_network net = toy_network();
  double ranks = 8 * (1 - pow(7.0 / 8, 8));
  close_to(time_of(&net, 8, 0, true), ranks * 7 / 8 * 1e6 / 40e9 + 10e-6);
}

/* Normal kernels, 64 ranks in 8 nodes: a token goes to 5.251 nodes, 7/8 of them others; with experts of at most 4
 * groups, one to a node, to 4. */
static void a_node_gets_a_token_once(void **state) {
  slip_network net = toy_network();
  double nodes = 8 * (1 - pow(7.0 / 8, 8));
  close_to(time_of(&net, 64, 0, true), nodes * 7 / 8 * 1e6 / 5e9 + 20e-6);
  close_to(time_of(&net, 64, 4, true), 4.0 * 7 / 8 * 1e6 / 5e9 + 20e-6);
  assert_true(time_of(&net, 64, 4, false) ==
              time_of(&net, 64, 0, false)); /* the limit saves nothing when copies travel alone */
}

/* Normal kernels copy with a few cores and have a fraction of their own. */
static void kernels_for_bulk_have_their_own_fraction(void **state) {
  slip_network net = toy_network();
  double before = time_of(&net, 8, 0, true), low_latency = time_of(&net, 8, 0, false);
  net.levels[0].bulk_fraction = 0.2;
  close_to(time_of(&net, 8, 0, true) - 10e-6, 2 * (before - 10e-6));
  assert_true(time_of(&net, 8, 0, false) == low_latency);
}

/* Two dies with a link of their own, in a domain of 32: a copy to another package takes the die's own link to the
 * fabric, and so does one to the other die. */
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

/* ---- published rows: DeepEP on H800 to GB300, CANN on Ascend 910C ---- */

/* Bounds: what the fit of data/systems/ reaches, and a little. */
static void published_rows_are_met(void **state) {
  static const kernel_bound bounds[] = {
      {"h800", "dispatch", 0.06, 0.1},        {"h800", "combine", 0.06, 0.1},
      {"h200", "dispatch", 0.05, 0.2},        {"h200", "combine", 0.06, 0.1},
      {"b200", "dispatch", 0.18, 0.25},       {"b200", "combine", 0.18, 0.45},
      {"gb200", "combine", 0.06, 0.2},        {"gb300", "dispatch", 0.16, 0.22},
      {"gb300", "combine", 0.06, 0.12},       {"ascend-910c", "dispatch", 0.10, 0.2},
      {"ascend-910c", "combine", 0.06, 0.13},
  };
  kernel_rows_within(bounds, sizeof bounds / sizeof *bounds, 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_copy_travels_alone_at_low_latency),
      cmocka_unit_test(copies_take_their_time_whatever_their_size),
      cmocka_unit_test(a_rank_gets_a_token_once),
      cmocka_unit_test(a_node_gets_a_token_once),
      cmocka_unit_test(kernels_for_bulk_have_their_own_fraction),
      cmocka_unit_test(dies_do_not_share_the_way_out),
      cmocka_unit_test(one_rank_exchanges_nothing),
      cmocka_unit_test(time_follows_tokens_bandwidth_and_kind),
      cmocka_unit_test(a_large_domain_needs_nothing_beyond),
      cmocka_unit_test(published_rows_are_met),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
