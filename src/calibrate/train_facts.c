/* Facts of a training row that have no column of their own, and the FLOP conventions of the sources. */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "calibrate/train_read.h"

/* ---- remark and notes ---- */

/* Phrases of the reference table's notes that say what a remark says with key=value. value NULL: the text that
 * follows the phrase, up to a blank, ';' or ')'. */
static const struct phrase {
  const char *key, *phrase, *value;
} phrases[] = {
    {"not_scored", "token-drop", "token-drop"},
    {"not_scored", "tokendrop", "token-drop"},
    {"not_scored", "known regression", "known-regression"},
    {"not_scored", "cumulative optimization step", "software-steps-of-one-plan"},
    {"not_scored", "INCONSISTENT", "inconsistent-columns"},
    {"overlap", "overlap features off", "off"},
    {"cuda_graph", "cuda_graph=", NULL},
    {"dispatcher", "dispatcher=", NULL},
    {"task", "task=LoRA", "lora"},
    {"task", "LoRA fine-tuning", "lora"},
    {"task", "task=SFT", "sft"},
    {"mtp", "w/o MTP", "off"},
    {"recompute_layers", "recompute_num_layers=", NULL},
    {"recompute_modules", "recompute_modules=", NULL},
    {"remat", "remat_policy=", NULL},
    {"sharding", "(Megatron-FSDP)", "fsdp"},
    {"batch_per_chip", "per_device_batch_size=", NULL},
    {"container", "NeMo container ", NULL},
    {"tp", "ici_tensor_parallelism=", NULL},
    {"schedule", "PP algorithm zero-bubble", "zero-bubble"},
};

static const char *copy_word(slip_train_reading *r, const char *start) {
  size_t n = strcspn(start, " ;),");
  char *copy = slip_arena_strndup(r->reader->arena, start, n);
  if (!copy)
    r->no_memory = true;
  return copy ? copy : "";
}

static const char *fact_of_remark(slip_train_reading *r, const char *remark, const char *key) {
  size_t n = strlen(key);
  for (const char *at = remark; *at;) {
    at += strspn(at, " ;");
    if (strncmp(at, key, n) == 0 && at[n] == '=')
      return copy_word(r, at + n + 1);
    at += strcspn(at, ";");
  }
  return NULL;
}

const char *slip_train_fact(slip_train_reading *r, const char *key) {
  const char *found = fact_of_remark(r, slip_row_text(r->row, "remark"), key);
  const char *notes = slip_row_text(r->row, "notes");
  if (found || !*notes)
    return found;
  for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++) {
    const char *at = strcmp(phrases[i].key, key) == 0 ? strstr(notes, phrases[i].phrase) : NULL;
    if (at)
      return phrases[i].value ? phrases[i].value : copy_word(r, at + strlen(phrases[i].phrase));
  }
  return NULL;
}

/* ---- small helpers ---- */

const char *slip_train_keep(slip_train_reading *r, const char *text) {
  char *copy = slip_arena_strdup(r->reader->arena, text);
  if (!copy)
    r->no_memory = true;
  return copy ? copy : "";
}

const char *slip_train_lower(slip_train_reading *r, const char *text) {
  char *copy = slip_arena_strdup(r->reader->arena, text);
  if (!copy) {
    r->no_memory = true;
    return "";
  }
  for (char *c = copy; *c; c++)
    *c = (char)tolower((unsigned char)*c);
  return copy;
}

int64_t slip_train_count(slip_train_reading *r, const char *column) {
  bool bad = false;
  double value = slip_row_number(r->row, column, &bad);
  if (isnan(value) && !bad)
    return 0;
  if (bad || value < 1 || value > 1e12 || value != floor(value)) {
    slip_train_skip(r, "%s '%s' is not a whole number of at least 1", column, slip_row_text(r->row, column));
    return 0;
  }
  return (int64_t)value;
}

/* ---- conventions ---- */

/* How each family of sources counts FLOP (reference: the FLOP per token of each table, pinned to half a percent).
 * First match wins, so releases that differ stand before their family. */
static const slip_train_convention conventions[] = {
    /* source                                 full   again  mtp */
    {"Megatron-Bridge performance summary (25.11", false, false, false},
    {"Megatron-Bridge", false, false, true},
    {"NeMo 24.07", true, false, false},
    {"NeMo long-sequence", true, false, false},
    {"SC 2021", true, true, false},
    {"Megatron-LM", true, false, false},
    {"BigScience", true, true, false},
    {"BLOOM-176B", true, true, false},
    {"llm-foundry", true, false, false},
    {"MaxText TPU", true, false, false},
    {"MaxText Mixtral", true, false, false},
    {"OPT paper", true, false, false},
    {"DeepSeek-V3 technical report", false, false, true},
    {"", false, false, false},
};

const slip_train_convention *slip_train_convention_of(const char *source) {
  size_t i = 0;
  while (!strstr(source, conventions[i].source))
    i++;
  return &conventions[i];
}

double slip_train_flop_per_token(const slip_train_convention *convention, const slip_model *model, double seq,
                                 bool mtp, bool frozen) {
  double head = 2 * (double)model->hidden * (double)model->vocab;
  double matrices = slip_model_forward_flop_per_token(model, 1, mtp); /* attention over one token is nothing */
  double attention = slip_model_forward_flop_per_token(model, seq, mtp) - matrices;
  if (convention->full_attention)
    attention *= 2;
  double passes = frozen ? 2 : 3;
  double flop = passes * (matrices + attention);
  if (convention->recompute)
    flop += matrices - head + attention;
  return flop;
}
