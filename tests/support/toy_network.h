/* A network with round numbers: 8 ranks of a node at 100 GB/s (half sustained) and 2 us, then 10 GB/s (0.8 sustained) and
 * 5 us. Expert exchange: 10 us and 0.4 in the node, 20 us and 0.5 between nodes. */
#ifndef SLIP_TESTS_TOY_NETWORK_H
#define SLIP_TESTS_TOY_NETWORK_H

#include <math.h>
#include <slipstick/fabric.h>

static inline slip_network toy_network(void) {
  slip_network net = {.n_levels = 2};
  net.levels[0] = (slip_level){.name = "scale-up",
                               .topology = "switch",
                               .fabric = "toy",
                               .ranks = 8,
                               .bytes_per_s = 100e9,
                               .latency_s = 2e-6,
                               .fraction = 0.5,
                               .exchange_s = 10e-6,
                               .exchange_fraction = 0.4,
                               .bulk_fraction = 0.4,
                               .reduce_fraction = NAN};
  net.levels[1] = (slip_level){.name = "scale-out",
                               .topology = "clos",
                               .fabric = "toy",
                               .ranks = INFINITY,
                               .bytes_per_s = 10e9,
                               .latency_s = 5e-6,
                               .fraction = 0.8,
                               .exchange_s = 20e-6,
                               .exchange_fraction = 0.5,
                               .bulk_fraction = 0.5,
                               .reduce_fraction = NAN};
  return net;
}

#endif
