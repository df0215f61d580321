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
 * more. A chunk may hold the head alone (Megatron-LM: account_for_loss_in_pipeline_split). */
static int64_t spared(const slip_train *train, int64_t chunks, bool mirrored) {
  int64_t best = 0, least = INT64_MAX;
  for (int64_t w = 0; chunks > 1 && w <= train->head_layers; w++) {
    int64_t largest = largest_share(train, chunks, w, mirrored);
    if (largest < least) {
      least = largest;
      best = w;
    }
  }
  return best;
}

void slip_layout_stage(const slip_train *train, int64_t pp, int64_t vpp, bool mirrored, int64_t stage,
                       slip_stage *out) {
  const slip_model *model = train->job.model;
  int64_t chunks = pp * vpp, weight = spared(train, chunks, mirrored);
  memset(out, 0, sizeof *out);
  for (int64_t v = 0; v < vpp; v++) {
    int64_t chunk = v * pp + stage;
    int64_t from = layers_before(chunk, chunks, model->layers + weight, model->layers);
    int64_t to = layers_before(chunk + 1, chunks, model->layers + weight, model->layers);
    for (int64_t i = from; i < to; i++)
      out->layers[model->kind_of_layer[i]]++;
    out->total += to - from;
  }
  out->first = stage == 0;
  out->last = stage == pp - 1;
}

static void add_mirror(const slip_train *train, int64_t pp, int64_t stage, slip_stage *out) {
  slip_stage mirror;
  slip_layout_stage(train, pp, 1, true, pp - 1 - stage, &mirror);
  for (int i = 0; i < SLIP_MAX_LAYER_KINDS; i++)
    out->layers[i] = (uint16_t)(out->layers[i] + mirror.layers[i]);
  out->total += mirror.total;
  out->first = out->first || mirror.first;
  out->last = out->last || mirror.last;
}

static bool same_stage(const slip_stage *a, const slip_stage *b, int n_kinds) {
  return a->first == b->first && a->last == b->last &&
         memcmp(a->layers, b->layers, (size_t)n_kinds * sizeof *a->layers) == 0;
}

slip_status slip_layout_make(const slip_train *train, int64_t pp, int64_t vpp, bool mirrored, slip_layout *out,
                             slip_error *err) {
  slip_layout layout = {.pp = pp, .vpp = vpp, .share = mirrored ? 0.5 : 1};
  layout.groups = malloc((size_t)pp * sizeof *layout.groups);
  if (!layout.groups)
    return slip_fail(err, SLIP_NO_MEMORY, "no memory for a pipeline of %lld stages", (long long)pp);
  for (int64_t s = 0; s < pp; s++) {
    slip_stage stage;
    slip_layout_stage(train, pp, vpp, mirrored, s, &stage);
    if (mirrored)
      add_mirror(train, pp, s, &stage);
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

void slip_layout_free(slip_layout *layout) {
  free(layout->groups);
  layout->groups = NULL;
}
