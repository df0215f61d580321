/* How the layers of a model lie on a pipeline. */
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "train/train_internal.h"

/* Layers before chunk c when `slots` (layers and what the head counts for) are spread evenly over `chunks`. */
static int64_t layers_before(int64_t chunk, int64_t chunks, int64_t slots, int64_t layers) {
  int64_t slot = (2 * chunk * slots + chunks) / (2 * chunks);
  return slot < layers ? slot : layers;
}

static int64_t layers_of(int64_t chunk, int64_t chunks, int64_t slots, int64_t layers) {
  return layers_before(chunk + 1, chunks, slots, layers) - layers_before(chunk, chunks, slots, layers);
}

/* The largest share of work when the last chunk is spared w layers: of a chunk, or of a rank that holds a mirrored pair. */
static int64_t largest_share(const slip_train *train, int64_t chunks, int64_t w, bool mirrored) {
  int64_t layers = train->job.model->layers, slots = layers + w, largest = 0;
  for (int64_t c = 0; c < (mirrored ? chunks / 2 : chunks); c++) {
    int64_t here = layers_of(c, chunks, slots, layers);
    if (mirrored)
      here += layers_of(chunks - 1 - c, chunks, slots, layers);
    bool has_head = mirrored ? c == 0 : c == chunks - 1;
    here += has_head ? train->head_layers : 0;
    largest = here > largest ? here : largest;
  }
  return largest;
}

/* How many of the head's layers' worth the last chunk is spared: what makes the largest share smallest, and no
 * more. A chunk may hold the head alone (Megatron-LM: account_for_loss_in_pipeline_split). Software that only deals evenly (Megatron-LM before 2025:
 * "num_layers must be divisible by pipeline_model_parallel_size", its issue 381) spares nothing; where layers do not divide, such a plan ran on a
 * layout made by hand, which is taken to be the best. */
static int64_t spared(const slip_train *train, int64_t chunks, bool mirrored) {
  int64_t best = 0, least = INT64_MAX;
  if (train->job.stack->even_stages >= 0.5 && train->job.model->layers % chunks == 0)
    return 0;
  for (int64_t w = 0; chunks > 1 && w <= train->head_layers; w++) {
    int64_t largest = largest_share(train, chunks, w, mirrored);
    if (largest < least) {
      least = largest;
      best = w;
    }
  }
  return best;
}

/* The layers of one chunk added to a stage; those beyond the first `block` of the chunk are spared recompute (0: none is). */
static void add_chunk(const slip_model *model, int64_t from, int64_t to, int64_t block, slip_stage *out) {
  for (int64_t i = from; i < to; i++) {
    out->layers[model->kind_of_layer[i]]++;
    if (block > 0 && i - from >= block)
      out->spared[model->kind_of_layer[i]]++;
  }
  out->total += to - from;
}

static void fill_stage(const slip_train *train, int64_t pp, int64_t vpp, int64_t weight, int64_t block,
                       int64_t stage, slip_stage *out) {
  const slip_model *model = train->job.model;
  int64_t chunks = pp * vpp, slots = model->layers + weight;
  for (int64_t v = 0; v < vpp; v++) {
    int64_t chunk = v * pp + stage;
    add_chunk(model, layers_before(chunk, chunks, slots, model->layers),
              layers_before(chunk + 1, chunks, slots, model->layers), block, out);
  }
  out->first = out->first || stage == 0;
  out->last = out->last || stage == pp - 1;
}

void slip_layout_stage(const slip_train *train, int64_t pp, int64_t vpp, bool mirrored, int64_t block,
                       int64_t stage, slip_stage *out) {
  memset(out, 0, sizeof *out);
  fill_stage(train, pp, vpp, spared(train, pp * vpp, mirrored), block, stage, out);
}

static bool same_stage(const slip_stage *a, const slip_stage *b, int n_kinds) {
  return a->first == b->first && a->last == b->last &&
         memcmp(a->layers, b->layers, (size_t)n_kinds * sizeof *a->layers) == 0 &&
         memcmp(a->spared, b->spared, (size_t)n_kinds * sizeof *a->spared) == 0;
}

slip_status slip_layout_make(const slip_train *train, int64_t pp, int64_t vpp, bool mirrored, int64_t block,
                             slip_layout *out, slip_error *err) {
  slip_layout layout = {.pp = pp, .vpp = vpp, .block = block, .share = mirrored ? 0.5 : 1};
  int64_t weight = spared(train, pp * vpp, mirrored);
  layout.groups = malloc((size_t)pp * sizeof *layout.groups);
  if (!layout.groups)
    return slip_fail(err, SLIP_NO_MEMORY, "no memory for a pipeline of %lld stages", (long long)pp);
  for (int64_t s = 0; s < pp; s++) {
    slip_stage stage;
    memset(&stage, 0, sizeof stage);
    fill_stage(train, pp, vpp, weight, block, s, &stage);
    if (mirrored)
      fill_stage(train, pp, 1, weight, block, pp - 1 - s, &stage);
    int64_t g = 0;
    while (g < layout.n_groups && !same_stage(&layout.groups[g].stage, &stage, train->job.model->n_kinds))
      g++;
    if (g == layout.n_groups)
      layout.groups[layout.n_groups++] = (slip_stage_group){stage, s, 0};
    layout.groups[g].count++;
  }
  *out = layout;
  return SLIP_OK;
}

int64_t slip_layout_largest_chunk(const slip_train *train, int64_t pp, int64_t vpp, bool mirrored) {
  int64_t chunks = pp * vpp, slots = train->job.model->layers + spared(train, chunks, mirrored), most = 0;
  for (int64_t c = 0; c < chunks; c++) {
    int64_t here = layers_of(c, chunks, slots, train->job.model->layers);
    most = here > most ? here : most;
  }
  return most;
}

void slip_layout_free(slip_layout *layout) {
  free(layout->groups);
  layout->groups = NULL;
}
