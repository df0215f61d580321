/* Loops that are compiled once more for processors with wider vectors. */
#ifndef SLIP_BASE_WIDE_H
#define SLIP_BASE_WIDE_H

/* A function over arrays, with all that it calls in its file; the loader picks the one that the processor has. The answers are the same, bit for
 * bit: products and sums are not fused (-ffp-contract=off). Sanitizers do not know such functions, nor do other compilers and C libraries. */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__OPTIMIZE__) && defined(__GNUC__) && \
    !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SLIP_WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), flatten))
#else
#define SLIP_WIDE
#endif

#endif
