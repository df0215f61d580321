/* Collectives as alpha-beta over the levels of a network. The equations are in docs/cost-model.md. */
#include <math.h>
#include <slipstick/fabric.h>
#include <string.h>

#include "base/fail.h"

slip_status slip_network_make(const slip_system *system, slip_network *out, slip_error *err) {
  slip_status status = SLIP_OK;
  if (system->n_levels == 0)
    SLIP_FAIL(err, SLIP_MISSING,
              "%s has no published network levels (%s); add them there or in an overlay (--catalog)",
              system->entry.name, system->entry.file);
  for (int i = 0; i < system->n_levels; i++) {
    const slip_level *level = &system->levels[i];
    const char *missing = isnan(level->bytes_per_s) ? "gbs"
                          : isnan(level->latency_s) ? "latency_us"
                          : isnan(level->fraction)  ? "fraction"
                          : isnan(level->ranks)     ? "chips"
                                                    : NULL;
    if (missing) {
      char field[64] = "";
      strncat(field, level->name, 40);
      strcat(field, ".");
      strcat(field, missing);
      SLIP_TRY(slip_require(&system->entry, field, NAN, err));
    }
  }
  memcpy(out->levels, system->levels, sizeof out->levels);
  out->n_levels = system->n_levels;
  for (int i = 0; i < out->n_levels; i++) {
    slip_level *level = &out->levels[i];
    if (isnan(level->exchange_s))
      level->exchange_s = level->latency_s;
    if (isnan(level->copy_s))
      level->copy_s = 0;
    if (isnan(level->exchange_fraction))
      level->exchange_fraction = level->fraction;
    if (isnan(level->bulk_fraction))
      level->bulk_fraction = level->exchange_fraction;
  }
cleanup:
  return status;
}

int64_t slip_group_members(const slip_network *net, slip_group group, int level) {
  if (level < 0)
    return 1;
  double domain = net->levels[level].ranks;
  if (isinf(domain) || domain >= (double)(group.ranks * group.stride))
    return group.ranks;
  int64_t members = (int64_t)(domain / (double)group.stride);
  return members < 1 ? 1 : members > group.ranks ? group.ranks : members;
}

int slip_group_level(const slip_network *net, slip_group group) {
  for (int i = 0; i < net->n_levels; i++)
    if (slip_group_members(net, group, i) >= group.ranks)
      return i;
  return net->n_levels - 1;
}

/* What a collective takes whatever its size and ranks: the kernel starts on all ranks and they meet. Fitted to
 * NCCL's all-reduce, all-gather and all-to-all of 8 KB to 17 GB in one node of A100 to GB300, together with
 * NVLink's latency per step (docs/cost-model.md); a message between two ranks has none. */
#define START_S 8e-6
/* Ramp over the size: protocols for short messages spend half of the bandwidth on flags, and those for long ones
 * fill a pipeline. A transfer of T seconds at the full rate takes T + FILL_S * T / (T + FILL_S): twice as long
 * when short, FILL_S more when long. */
#define FILL_S 100e-6

static double with_ramp(double transfer_s) {
  return transfer_s > 0 ? transfer_s + FILL_S * transfer_s / (transfer_s + FILL_S) : 0;
}

/* Share of a rank's bandwidth on level i that leads to `peers` domains of the level below. In a mesh each pair has links of its own, and those to others lie
 * idle: 3 of 7 among four of eight. */
static double reach(const slip_network *net, int i, double peers) {
  const slip_level *level = &net->levels[i];
  const double all = level->ranks / (i > 0 ? net->levels[i - 1].ranks : 1);
  return strcmp(level->topology, "mesh") == 0 && isfinite(all) && all > peers ? (peers - 1) / (all - 1) : 1;
}

/* Whether every two ranks of the level are connected: in a torus they are not. */
static bool pairwise(const slip_level *level) {
  return strcmp(level->topology, "torus-2d") != 0 && strcmp(level->topology, "torus-3d") != 0;
}

/* One level's share of a reduce-scatter or all-gather among `peers`: each holds `bytes` and ends with (or starts
 * from) a part. The direct exchange needs every pair connected at full rate; a ring works anywhere. */
static double phase_s(const slip_network *net, int i, double peers, double bytes, double *latency) {
  const slip_level *level = &net->levels[i];
  double rate = level->bytes_per_s * level->fraction * reach(net, i, peers);
  double steps =
      pairwise(level) ? ceil(log2(peers)) : peers - 1; /* recursive halving where pairs connect, else a ring */
  *latency += steps * level->latency_s;
  return (peers - 1) / peers * bytes / rate;
}

/* Reduce-scatter going out (or all-gather coming back): at level i the ranks of an inner domain have already cut
 * the vector among themselves, so bytes shrink by its members. */
static double half_reduce_s(const slip_network *net, slip_group group, double bytes, double *latency) {
  double seconds = 0;
  int64_t inside = 1;
  for (int i = 0; i < net->n_levels && inside < group.ranks; i++) {
    int64_t members = slip_group_members(net, group, i);
    if (members <= inside)
      continue;
    double peers = ceil((double)members / (double)inside);
    seconds += phase_s(net, i, peers, bytes / (double)inside, latency);
    inside = members;
  }
  return seconds;
}

/* The switch adds the vectors up and sends the sum to all: each rank sends and receives its vector once, whatever
 * the number of ranks. Only where one domain holds the group. NAN: not there. */
static double in_switch_s(const slip_network *net, slip_group group, double bytes) {
  const slip_level *level = &net->levels[slip_group_level(net, group)];
  bool alone =
      slip_group_level(net, group) == 0 || slip_group_members(net, group, slip_group_level(net, group) - 1) == 1;
  return alone && group.ranks > 2 ? bytes / (level->bytes_per_s * level->reduce_fraction) : NAN;
}

/* Everybody to everybody: what leaves a domain crosses the level above. Levels work at the same time. */
static double all_to_all_s(const slip_network *net, slip_group group, double bytes, double *latency) {
  double slowest = 0, wait = 0;
  int64_t inside = 1;
  for (int i = 0; i < net->n_levels && inside < group.ranks; i++) {
    int64_t members = slip_group_members(net, group, i);
    if (members <= inside)
      continue;
    const slip_level *level = &net->levels[i];
    double share = (double)(members - inside) / (double)group.ranks, peers = (double)members / (double)inside;
    slowest = fmax(slowest, bytes * share / (level->bytes_per_s * level->fraction * reach(net, i, peers)));
    wait = fmax(wait, level->latency_s * ceil(log2(peers)));
    inside = members;
  }
  *latency += wait;
  return slowest;
}

double slip_collective_s(const slip_network *net, slip_collective kind, slip_group group, double bytes,
                         double *latency_s) {
  double latency = START_S, seconds = 0;
  if (latency_s)
    *latency_s = 0;
  if (group.ranks <= 1)
    return 0;
  switch (kind) {
  case SLIP_ALL_REDUCE:
    latency = 0;
    seconds = with_ramp(fmin(2 * half_reduce_s(net, group, bytes, &latency), in_switch_s(net, group, bytes)));
    latency = START_S + 2 * latency;
    break;
  case SLIP_ALL_GATHER:
  case SLIP_REDUCE_SCATTER:
    seconds = with_ramp(half_reduce_s(net, group, bytes, &latency));
    break;
  case SLIP_ALL_TO_ALL:
  case SLIP_EXCHANGE:
    seconds = with_ramp(all_to_all_s(net, group, bytes, &latency));
    break;
  case SLIP_SEND: {
    const int i = slip_group_level(net, group);
    const slip_level *level = &net->levels[i];
    latency = level->latency_s;
    seconds = bytes / (level->bytes_per_s * level->fraction * reach(net, i, 2));
    break;
  }
  case SLIP_COLLECTIVES:
    break;
  }
  if (latency_s)
    *latency_s = latency;
  return seconds + latency;
}

/* Expected number of `places` that at least one of `picks` even choices falls on. */
static double distinct(double places, double picks) {
  return places * (1 - pow(1 - 1 / places, picks));
}

/* Copies of one token that cross a level which joins `domains` domains of `inside` ranks each, seen from one rank.
 */
static double crossing_copies(double ranks, double members, double inside, double fan_out, double group_limit,
                              bool once) {
  double domains = ranks / inside;
  bool outermost = members >= ranks;
  if (!once) /* every copy goes straight to its rank: this level carries those whose rank it joins */
    return fan_out * (members - inside) / ranks;
  double copies = distinct(domains, fan_out);
  if (outermost && inside > 1 && group_limit > 0)
    copies = fmin(copies, group_limit);
  copies *= 1 - 1 / domains;
  /* The level inside a node also forwards what came in from outside, so it carries the copies of all domains. */
  return outermost || inside <= 1 ? copies : copies * (members - inside) / (ranks - inside);
}

double slip_exchange_s(const slip_network *net, slip_group group, double tokens, double bytes, double fan_out,
                       double group_limit, bool once, double *latency_s) {
  double slowest = 0, latency = 0;
  int64_t inside = 1;
  if (latency_s)
    *latency_s = 0;
  if (group.ranks <= 1)
    return 0;
  for (int i = 0; i < net->n_levels && inside < group.ranks; i++) {
    const slip_level *level = &net->levels[i];
    int64_t members = slip_group_members(net, group, i);
    if (members <= inside)
      continue;
    if (strcmp(level->topology, "die-to-die") == 0 && members < group.ranks)
      continue; /* each die has its own link to the next level, which carries this traffic as well */
    double copies =
        crossing_copies((double)group.ranks, (double)members, (double)inside, fan_out, group_limit, once);
    double fraction =
        (once ? level->bulk_fraction : level->exchange_fraction) * reach(net, i, (double)members / (double)inside);
    double sending = once ? 0 : level->copy_s; /* cores write copy by copy while the link carries them */
    slowest = fmax(slowest, tokens * copies * fmax(bytes / (level->bytes_per_s * fraction), sending));
    latency = fmax(latency, level->exchange_s);
    inside = members;
  }
  if (latency_s)
    *latency_s = latency;
  return slowest + latency;
}

/* Share of a link's rate that kernels reach whose few thread blocks read their peers' memory word by word. vLLM 0.20's kernel in a
 * CUDA graph, 1 to 8 MiB (2 (n-1)/n bytes over the growth of the time; ai-dynamo/aiconfigurator, campaign_checkpoints,
 * custom_allreduce_perf): H200 0.41 of 450 GB/s with 8 ranks and 0.34 with 4, B200 0.34 and 0.29 of 900. */
#define DIRECT_SHARE 0.35

double slip_direct_all_reduce_s(const slip_network *net, slip_group group, double bytes, double launch_s,
                                slip_shots shots, double *latency_s) {
  const int i = slip_group_level(net, group);
  const slip_level *level = &net->levels[i];
  const double peers = (double)group.ranks;
  double wait = 0, seconds = 0;
  if (group.ranks > 1) {
    const double rate = level->bytes_per_s * DIRECT_SHARE * reach(net, i, peers),
                 barrier = level->latency_s + launch_s;
    const double one = barrier + (peers - 1) * bytes / rate;
    const double two = 2 * barrier + 2 * (peers - 1) / peers * bytes / rate;
    const bool once = shots == SLIP_ONE_SHOT || (shots == SLIP_FEWEST_S && one <= two);
    const bool reachable = pairwise(level) && isfinite(level->ranks);
    wait = once ? barrier : 2 * barrier;
    seconds = !reachable ? INFINITY : once ? one : two;
  }
  if (latency_s)
    *latency_s = wait;
  return seconds;
}
