/* The time of one collective on one system's network.
 *
 * A system's network is a short list of levels, innermost first (die to die, scale-up, scale-out), each with
 * bandwidth per rank and direction, latency, and domain size. Alpha-beta with the best legal algorithm at each
 * level; a collective over several levels is hierarchical: reduce-scatter going out, all-gather coming back
 * (Thakur et al. 2005; Rabenseifner 2004). Inside one switched domain an all-reduce may be done by the switch. In a mesh
 * ("mesh" as topology) each pair has links of its own: p ranks of n reach each other by (p - 1) / (n - 1) of the bandwidth.
 * Every collective but a send starts in 8 us, and T seconds of transfer take T + 100 us T / (T + 100 us): half the
 * rate when short, a pipeline to fill when long. */
#ifndef SLIPSTICK_FABRIC_H
#define SLIPSTICK_FABRIC_H

#include <slipstick/operators.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The ranks of one communicator: `ranks` of them, `stride` apart in the global rank order. */
typedef struct slip_group {
  int64_t ranks, stride;
} slip_group;

typedef struct slip_network {
  slip_level levels[SLIP_MAX_LEVELS];
  int n_levels;
} slip_network;

/* SLIP_MISSING when the system has no levels, or a level lacks a number. */
slip_status slip_network_make(const slip_system *system, slip_network *out, slip_error *err);

/* The level at which the ends of the group are joined: 0 innermost. */
int slip_group_level(const slip_network *net, slip_group group);
/* Members of the group that share one domain of level `level`: between 1 and ranks. */
int64_t slip_group_members(const slip_network *net, slip_group group, int level);

/* Seconds, >= 0; 0 for one rank. bytes >= 0:
 *   all-reduce: the vector each rank holds; all-gather: the whole gathered vector; reduce-scatter: the whole
 *   vector each rank starts with; all-to-all: what each rank sends in all; send: the message.
 * *latency_s, when not NULL, is the part that does not depend on the bytes. O(levels). */
double slip_collective_s(const slip_network *net, slip_collective kind, slip_group group, double bytes,
                         double *latency_s);

/* One expert dispatch or combine: each rank sends `tokens` tokens of `bytes` each to `fan_out` experts spread
 * evenly over the group. `once`: a token crosses to each domain and rank once however many of its experts live
 * there (normal kernels, bulk_fraction); otherwise once per expert (low-latency kernels, exchange_fraction).
 * group_limit > 0: experts come from at most that many of the outermost domains (group-limited routing). Levels
 * work at the same time: the slowest decides. O(levels). */
double slip_exchange_s(const slip_network *net, slip_group group, double tokens, double bytes, double fan_out,
                       double group_limit, bool once, double *latency_s);

/* How often the ranks of an engine's own all-reduce read each other's memory. */
typedef enum slip_shots {
  SLIP_FEWEST_S, /* whichever takes less, as engines choose by size */
  SLIP_ONE_SHOT, /* every rank reads all others' vectors */
  SLIP_TWO_SHOTS /* its part of them, and then the sums */
} slip_shots;

/* Seconds of an all-reduce by a serving engine's own kernel (vLLM's custom_all_reduce, TensorRT-LLM's ONESHOT and TWOSHOT), >= 0; 0 for one rank.
 * Each shot starts with a barrier (latency + launch_s); docs/cost-model.md, S11. INFINITY where the ranks do not all reach each other inside one
 * domain. bytes >= 0: the vector each rank holds. *latency_s, when not NULL, is the part that does not depend on the bytes. O(levels). */
double slip_direct_all_reduce_s(const slip_network *net, slip_group group, double bytes, double launch_s,
                                slip_shots shots, double *latency_s);

#ifdef __cplusplus
}
#endif
#endif
