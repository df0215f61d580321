/* What the files of the operator lists share. */
#ifndef SLIP_MODEL_OPERATORS_INTERNAL_H
#define SLIP_MODEL_OPERATORS_INTERNAL_H

#include <slipstick/operators.h>

/* Activations are bf16 between operators. */
#define SLIP_ACTIVATION_BYTES 2.0

slip_op *slip_op_add(slip_op_list *list, slip_op_kind kind, slip_part part, const char *name);
slip_op *slip_op_gemm(slip_op_list *list, const slip_work *work, slip_part part, const char *name,
                      slip_dtype weights, double m, double n, double k);
void slip_op_stream(slip_op_list *list, slip_part part, const char *name, double read_elements,
                    double write_elements);

/* Bytes: what the collective takes (cost.h). */
void slip_op_collective(slip_op_list *list, slip_part part, slip_collective collective, slip_axis axis,
                        const char *name, double bytes);

/* Where work->quantises and the product with such weights is fp8: a kernel reads its bf16 input and writes it in fp8. */
void slip_op_quantise(slip_op_list *list, const slip_work *work, slip_dtype weights, double elements);

/* Expected experts of one rank that `group_tokens` tokens visit. With s slots a rank one token visits one of them with q = k / (s ep), all of them
 * with 1 - (1 - q)^tokens when routing is even: s (1 - (1 - q)^tokens). Else the rate -ln(1 - q) differs from expert to expert as a gamma
 * distribution whose standard deviation is `spread` times its mean, v = spread^2: s (1 - (1 + tokens ((1 - q)^-v - 1))^(-1 / v)), which keeps
 * q for one token. O(1). */
double slip_moe_active_experts(const slip_ffn *ffn, int64_t ep, double group_tokens, double spread);

/* Expected experts that the rank with most of them visits, of ep ranks that each hold `slots` and on average visit `active`, each with probability
 * p = active / slots: active + m(ep) sqrt(slots p (1 - p)), at most slots; m(n) the mean of the largest of n normal deviates, 0 for 1. The visits of all
 * ranks together hardly vary, which makes ranks differ by as much more as the finite number of experts makes them differ less. O(1). */
double slip_moe_most_experts(double active, double slots, int64_t ep);

/* Rows of the rank that gets most over the mean, of ep ranks that get `rows` each on average, >= 1. Two things make ranks differ: that some experts
 * are picked more often than others, which alone gives `imbalance` = 1 + m(ep) d, and chance, by sqrt(rows (1 - 1/ep) (E - k) / (E - 1)) rows as the number of a
 * token's k different picks of E experts that fall to one rank is hypergeometric. Deviations of both add in squares. O(1). */
double slip_moe_hottest_rank(const slip_ffn *ffn, double imbalance, double rows, int64_t ep);

/* Projections and attention of a token mixer for `tokens` tokens on one rank. */
void slip_mixer_operators(const slip_model *model, const slip_attention *attention, const slip_shard *shard,
                          const slip_work *work, double tokens, slip_op_list *list);
/* Elements per token that attention needs from another rank's tokens (keys and values before the tp cut). */
double slip_mixer_kv_elements(const slip_attention *attention);
/* Useful FLOP of attention proper per token of sequences of `seq` tokens, causal, forward. */
double slip_mixer_flop_per_token(const slip_attention *attention, double seq);

#endif
