/* Fuzzes the Hugging Face importer (slip_model_parse): any bytes give a model whose sums are finite and not negative, or an error with
 * a message; nothing leaks. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include <slipstick/model.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
  if (!condition)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  slip_model_file *file = NULL;
  slip_error err = {0};
  const slip_status status = slip_model_parse("fuzz", (const char *)data, size, &file, &err);
  if (status == SLIP_OK) {
    const slip_model *model = slip_model_of(file);
    const double total = slip_model_params(model), active = slip_model_active_params(model);
    require(isfinite(total) && total > 0 && active > 0 && active <= total * (1 + 1e-12));
    require(isfinite(model->mtp_params) && model->mtp_params >= 0);
    require(slip_model_kv_bytes(model, 4096, SLIP_BF16) >= 0);
    int64_t layers = 0;
    for (int i = 0; i < model->n_kinds; i++)
      layers += model->kinds[i].count;
    require(layers == model->layers);
  } else {
    require(file == NULL && err.message[0] != '\0' && err.code == status);
  }
  slip_model_free(file);
  require(slip_arena_live_bytes() == 0);
  return 0;
}
