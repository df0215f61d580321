/* From a parsed Hugging Face configuration to a slip_model. Used by slip_model_read and by the catalog, whose model
 * files carry the same fields under `config:`. */
#ifndef SLIP_MODEL_IMPORT_H
#define SLIP_MODEL_IMPORT_H

#include "base/arena.h"
#include "base/doc.h"
#include <slipstick/model.h>

/* Builds everything of *model but `entry` and `train_tokens` (which becomes NAN). The model lives in the arena and
 * does not point into the tree. A nested text_config is followed: the language model is read, towers for images and
 * sound are not. Errors: SLIP_BAD_INPUT (file, line, field), SLIP_UNSUPPORTED (an unknown model_type, a feature
 * that is not modelled, or a field that sounds as if it shaped the layers and that the family's importer does not
 * know), SLIP_NO_MEMORY. */
slip_status slip_model_build(slip_arena *arena, const slip_node *config, slip_model *model, slip_error *err);

/* Applies a separate hf_quant_config.json (NVIDIA ModelOpt): weight formats by class and the cache's format. */
slip_status slip_model_apply_quant(const slip_node *quant, slip_model *model, slip_error *err);

#endif
