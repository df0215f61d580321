/* Fuzzes the two plan strings: any text either gives a clear error or a plan that, written and read again, is the
 * same plan, and whose text is then a fixed point. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include <slipstick/serve.h>
#include <slipstick/train.h>

#define REQUIRE(condition) \
  do {                     \
    if (!(condition))      \
      abort();             \
  } while (0)

enum { MAX_TEXT = 4096, PLAN_TEXT = 512 };

static void check_error(const slip_error *err, slip_status status) {
  REQUIRE(status == SLIP_BAD_INPUT && err->code == status && err->message[0] != '\0');
  REQUIRE(slip_is_utf8(err->message, strlen(err->message)));
  for (const char *c = err->message; *c != '\0'; c++)
    REQUIRE((unsigned char)*c >= 0x20 && *c != 0x7F);
}

static bool same_train(const slip_plan *a, const slip_plan *b) {
  return a->tp == b->tp && a->pp == b->pp && a->vpp == b->vpp && a->dp == b->dp && a->cp == b->cp &&
         a->ep == b->ep && a->etp == b->etp && a->micro_batch == b->micro_batch && a->schedule == b->schedule &&
         a->sharding == b->sharding && a->recompute == b->recompute && a->recompute_layers == b->recompute_layers &&
         a->no_sequence_parallel == b->no_sequence_parallel && a->exposed == b->exposed;
}

static bool same_serve(const slip_serve_plan *a, const slip_serve_plan *b) {
  return a->tp == b->tp && a->pp == b->pp && a->dp == b->dp && a->ep == b->ep && a->batch == b->batch &&
         a->chunk == b->chunk && a->disaggregated == b->disaggregated && a->instances == b->instances &&
         a->poll == b->poll;
}

static void check_train(const char *text) {
  slip_error err = {0};
  slip_plan plan = slip_plan_default(), again;
  const slip_plan untouched = plan;
  const slip_status status = slip_plan_parse(text, &plan, &err);
  if (status != SLIP_OK) {
    check_error(&err, status);
    REQUIRE(same_train(&plan, &untouched));
    return;
  }
  char written[PLAN_TEXT], twice[PLAN_TEXT], small[8];
  const int length = slip_plan_format(&plan, written, sizeof written);
  REQUIRE(length > 0 && length < PLAN_TEXT && (size_t)length == strlen(written));
  REQUIRE(slip_plan_parse(written, &again, &err) == SLIP_OK && same_train(&plan, &again));
  REQUIRE(slip_plan_format(&again, twice, sizeof twice) == length && strcmp(written, twice) == 0);
  REQUIRE(slip_plan_format(&plan, small, sizeof small) == length && strlen(small) < sizeof small);
}

static void check_serve(const char *text) {
  slip_error err = {0};
  slip_serve_plan plan = slip_serve_plan_default(), again;
  const slip_serve_plan untouched = plan;
  const slip_status status = slip_serve_plan_parse(text, &plan, &err);
  if (status != SLIP_OK) {
    check_error(&err, status);
    REQUIRE(same_serve(&plan, &untouched));
    return;
  }
  char written[PLAN_TEXT], twice[PLAN_TEXT];
  const int length = slip_serve_plan_format(&plan, written, sizeof written);
  REQUIRE(length > 0 && length < PLAN_TEXT && (size_t)length == strlen(written));
  REQUIRE(slip_serve_plan_parse(written, &again, &err) == SLIP_OK && same_serve(&plan, &again));
  REQUIRE(slip_serve_plan_format(&again, twice, sizeof twice) == length && strcmp(written, twice) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char text[MAX_TEXT + 1];
  if (size > MAX_TEXT || memchr(data, 0, size) != NULL)
    return 0;
  if (size > 0)
    memcpy(text, data, size);
  text[size] = '\0';
  check_train(text);
  check_serve(text);
  return 0;
}
