/* The space of serving plans: instance shapes, chunk sizes, batches; and the jobs of each cluster, with drafts and without. */
#ifndef SLIP_SEARCH_SERVE_SPACE_H
#define SLIP_SEARCH_SERVE_SPACE_H

#include "serve/serve_internal.h"
#include <slipstick/search.h>

enum { SLIP_MAX_SHAPES = 4096, SLIP_MAX_CHUNKS = 8, SLIP_MAX_BATCHES = 64 };

/* Instance shapes: tp, pp and dp powers of two or what makes up a whole scale-up domain; ep all of tp x dp, or 1, or what lies
 * between by powers of two. Writes legal ones; returns how many. */
int slip_serve_shapes(const slip_serve *serve, const slip_serve_plan *fixed, slip_serve_plan *out,
                      int64_t *illegal);
/* Tokens prefilled per step and replica. */
int slip_serve_chunks(const slip_serve_plan *fixed, int64_t out[SLIP_MAX_CHUNKS]);
/* Running sequences per replica that an opened pool may have, ascending, below the most; then 0: as many as all objectives allow. */
int slip_serve_batches(const slip_serve *serve, const slip_pool *pool, const slip_serve_plan *fixed,
                       double out[SLIP_MAX_BATCHES]);

/* A job of its own for each choice of drafts and cluster. */
typedef struct slip_serve_variant {
  slip_serve *prefill, *decode; /* owned; the same object on one system */
  bool speculates;
  int64_t chips;
} slip_serve_variant;

typedef struct slip_serve_variants {
  slip_serve_variant *list; /* owned; [draft * n_clusters + cluster], with drafts first */
  int n_drafts, n_clusters;
} slip_serve_variants;

slip_status slip_serve_variants_open(const slip_serve *serve, const slip_serve *decode,
                                     const slip_serve_space *space, slip_serve_variants *out, slip_error *err);
void slip_serve_variants_close(slip_serve_variants *variants);

#endif
