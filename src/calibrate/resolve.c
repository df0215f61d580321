/* Names as sources write them -> the catalog's chips, systems and models (docs/measured.md, "Names"). What a source adds to a name and what does not
 * change the thing named are rows of the tables below. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"
#include "calibrate/case.h"
#include "calibrate/names.h"

/* ---- chips ---- */

/* Words beside a chip's name that do not make it another chip (canonical). "nvl", "pcie" and the like do, and stay. */
static const char *const chip_words[] = {
    "nvidia", "amd",  "instinct", "huawei", "google", "sxm-4", "sxm-5", "sxm-6",   "sxm",    "oam",    "hgx", "dgx",
    "gpu",    "gpus", "hbm-3",    "hbm-3e", "hbm-2e", "die",   "card",  "package", "nvl-72", "nvl-36", "per"};

/* What a text says of the unit that its figures are of. */
static const struct {
  const char *words; /* canonical */
  bool die;
} unit_words[] = {{"per-die", true}, {"dies-npus", true}};

/* Takes "80gb" or "80-gb" out of a canonical text; NAN without it. */
static double take_size(char *text) {
  char *at = text;
  while (*at) {
    char *end = at;
    while (slip_is_digit(*end))
      end++;
    char *unit = *end == '-' ? end + 1 : end;
    if (end > at && end - at < 5 && strncmp(unit, "gb", 2) == 0 && (unit[2] == '-' || unit[2] == '\0')) {
      const double size = strtod(at, NULL);
      char *rest = unit + 2 + (unit[2] == '-');
      memmove(at, rest, strlen(rest) + 1);
      const size_t left = strlen(text);
      if (left > 0 && text[left - 1] == '-')
        text[left - 1] = '\0';
      return size;
    }
    while (*at && *at != '-')
      at++;
    at += *at == '-';
  }
  return NAN;
}

static double strip_chip(char *text) {
  const double size = take_size(text);
  for (size_t i = 0; i < sizeof chip_words / sizeof *chip_words; i++)
    slip_name_drop(text, chip_words[i]);
  return size;
}

static bool stripped_is(const char *name, const char *base) {
  char form[SLIP_NAME_BYTES], plain[SLIP_NAME_BYTES];
  slip_name_without_brackets(name, plain);
  if (!slip_name_canonical(plain, form))
    return false;
  (void)strip_chip(form);
  return form[0] && strcmp(form, base) == 0;
}

/* The capacity printed on a chip ("141gb", "180 GB of 192") is within this of what software may use. */
static const double size_tolerance = 0.12;

static const slip_chip *chip_of_base(const slip_catalog *catalog, const char *base, double size_gb) {
  const slip_chip *best = NULL;
  double nearest = size_tolerance;
  const size_t count = slip_catalog_count(catalog, SLIP_KIND_CHIP);
  for (size_t i = 0; i < count; i++) {
    const slip_entry *entry = slip_catalog_entry(catalog, SLIP_KIND_CHIP, i);
    const slip_chip *chip = (const slip_chip *)(const void *)entry;
    bool same = stripped_is(entry->name, base);
    for (size_t a = 0; a < entry->n_aliases && !same; a++)
      same = stripped_is(entry->aliases[a], base);
    const double off = isnan(size_gb) ? 0.0 : fabs(chip->memory_bytes / 1e9 / size_gb - 1.0);
    if (same && (off < nearest || (isnan(size_gb) && !best))) {
      best = chip;
      nearest = off;
    }
  }
  return best;
}

bool slip_resolve_chip_is_unclear(const char *text) {
  char whole[SLIP_NAME_BYTES];
  return slip_name_canonical(text, whole) && slip_name_find(whole, "unclear") != NULL;
}

const slip_chip *slip_resolve_chip(const slip_catalog *catalog, const char *text, bool *per_die) {
  char whole[SLIP_NAME_BYTES], plain[SLIP_NAME_BYTES], base[SLIP_NAME_BYTES];
  *per_die = false;
  if (!slip_name_canonical(text, whole) || !whole[0] || slip_resolve_chip_is_unclear(text))
    return NULL;
  slip_name_without_brackets(text, plain);
  if (!slip_name_canonical(plain, base))
    return NULL;
  bool dies = slip_name_find(base, "die") != NULL;
  for (size_t i = 0; i < sizeof unit_words / sizeof *unit_words; i++)
    if (slip_name_find(whole, unit_words[i].words))
      dies = unit_words[i].die;
  const slip_entry *entry = slip_name_entry(catalog, SLIP_KIND_CHIP, whole);
  const slip_chip *chip = (const slip_chip *)(const void *)entry;
  if (!chip) {
    const double outside = strip_chip(base), size_gb = isnan(outside) ? take_size(whole) : outside;
    chip = base[0] ? chip_of_base(catalog, base, size_gb) : NULL;
  }
  *per_die = chip && dies && chip->ranks > 1;
  return chip;
}

/* ---- systems ---- */

static double domain_of(const slip_system *system) {
  for (int i = 0; i < system->n_levels; i++)
    if (strcmp(system->levels[i].name, "scale-up") == 0)
      return system->levels[i].ranks / system->chip->ranks;
  return 1.0;
}

/* How far a system's domain is from the wanted one; a larger domain can be used in part, a smaller one cannot be stretched. */
static double domain_distance(const slip_system *system, int64_t wanted) {
  if (wanted <= 0)
    return 0.0;
  const double ratio = domain_of(system) / (double)wanted;
  return ratio >= 1.0 ? log(ratio) : 100.0 - log(ratio);
}

const slip_system *slip_resolve_system(const slip_catalog *catalog, const slip_chip *chip,
                                       int64_t scale_up_domain) {
  const slip_system *best = NULL;
  double nearest = INFINITY;
  const size_t count = slip_catalog_count(catalog, SLIP_KIND_SYSTEM);
  for (size_t i = 0; i < count; i++) {
    const slip_entry *entry = slip_catalog_entry(catalog, SLIP_KIND_SYSTEM, i);
    const slip_system *system = (const slip_system *)(const void *)entry;
    const double distance = system->chip == chip ? domain_distance(system, scale_up_domain) : INFINITY;
    if (distance < nearest) {
      best = system;
      nearest = distance;
    }
  }
  return best;
}

const slip_chip *slip_resolve_estimable(const slip_catalog *catalog, const slip_chip *chip) {
  if (slip_resolve_system(catalog, chip, 0) != NULL || chip->kernels == NULL)
    return chip;
  const slip_chip *namesake = NULL;
  if (slip_catalog_chip(catalog, chip->kernels->entry.name, &namesake, NULL) != SLIP_OK)
    return chip;
  return slip_resolve_system(catalog, namesake, 0) != NULL ? namesake : chip;
}

/* ---- models ---- */

/* What releases, checkpoints, formats and tasks add at the end of a name (canonical): the shape stays. */
static const char *const model_endings[] = {
    "instruct", "base",   "chat",     "it",        "hf",       "fp-8",    "nvfp-4",         "mxfp-4",
    "fp-4",     "bf-16",  "fp-16",    "int-8",     "int-4",    "w-8a-8",  "w-4a-8",         "w-4a-16",
    "w-8a-16",  "awq",    "gptq",     "dynamic",   "dyn",      "pre",     "trtllm",         "kv",
    "lora",     "sft",    "pretrain", "finetuned", "edge",     "preview", "full-fine-tune", "dpo",
    "thinking", "mlperf", "v-0.1",    "v-0.3",     "terminus", "exp",     "0324",           "0528",
    "0711",     "0905",   "2507",     "dense",     "text"};

/* A parameter count at the end of a name says no more than the name when it is the model's own within this. */
static const double params_tolerance = 0.05;

static bool drop_ending(char *text) {
  const size_t n = strlen(text);
  for (size_t i = 0; i < sizeof model_endings / sizeof *model_endings; i++) {
    const size_t m = strlen(model_endings[i]);
    if (n > m + 1 && text[n - m - 1] == '-' && strcmp(text + n - m, model_endings[i]) == 0) {
      text[n - m - 1] = '\0';
      return true;
    }
  }
  return false;
}

static const slip_model *model_of_canonical(const slip_catalog *catalog, char *text) {
  do {
    const slip_entry *entry = slip_name_entry(catalog, SLIP_KIND_MODEL, text);
    if (entry)
      return (const slip_model *)(const void *)entry;
    char *last = strrchr(text, '-');
    char *end = NULL;
    const double billions = last ? strtod(last + 1, &end) : NAN;
    if (last && billions > 0 && strcmp(end, "b") == 0) {
      *last = '\0';
      entry = slip_name_entry(catalog, SLIP_KIND_MODEL, text);
      const slip_model *model = (const slip_model *)(const void *)entry;
      if (model && fabs(slip_model_params(model) / (billions * 1e9) - 1.0) < params_tolerance)
        return model;
      *last = '-';
    }
  } while (drop_ending(text));
  return NULL;
}

const slip_model *slip_resolve_model(const slip_catalog *catalog, const char *text) {
  char plain[SLIP_NAME_BYTES], name[SLIP_NAME_BYTES];
  if (slip_name_canonical(text, name) && name[0]) {
    const slip_entry *entry = slip_name_entry(catalog, SLIP_KIND_MODEL, name);
    if (entry)
      return (const slip_model *)(const void *)entry;
  }
  slip_name_without_brackets(text, plain);
  if (!slip_name_canonical(plain, name))
    return NULL;
  const slip_model *model = model_of_canonical(catalog, name);
  const char *slash = strrchr(plain, '/');
  if (!model && slash && slip_name_canonical(slash + 1, name))
    model = model_of_canonical(catalog, name);
  return model;
}

/* ---- source families ---- */

/* Publishers all of whose releases, pages and submissions are one family, whatever follows the name. */
static const char *const publishers[] = {
    "MLPerf Training",
    "MLPerf Inference",
    "ModelLink",
    "MindSpeed-LLM",
    "Google tpu-recipes",
    "Google gpu-recipes",
    "vLLM-Ascend",
    "MaxText",
    "AMD Primus",
    "CloudMatrix384 paper",
    "NVIDIA TensorRT-LLM perf-overview",
    "Pangu Ultra MoE",
    "LMSYS/SGLang blog",
};

/* ModelLink is what MindSpeed-LLM was called. */
static const struct { const char *publisher, *family; } renamed[] = {{"ModelLink", "MindSpeed-LLM"}};

/* "25.09", "v5.1", "r0.8.0", "1.0.RC3", "RC1", "2025-05-05", "arXiv:2504.14960" */
static bool is_release(const char *word, size_t n) {
  if (n > 6 && strncmp(word, "arXiv:", 6) == 0)
    return true;
  size_t i = 0;
  if (n > 1 && (word[0] == 'v' || word[0] == 'r') && slip_is_digit(word[1]))
    i = 1;
  else if (n > 2 && strncmp(word, "RC", 2) == 0)
    i = 2;
  bool digit = false;
  for (; i < n; i++) {
    digit = digit || slip_is_digit(word[i]);
    const bool candidate = (word[i] == 'R' && i + 1 < n && word[i + 1] == 'C') || (word[i] == 'C' && digit);
    if (!slip_is_digit(word[i]) && word[i] != '.' && word[i] != '-' && word[i] != ',' && !candidate)
      return false;
  }
  return digit;
}

/* The length of text[0..n) without a last word that only counts parts ("table" of "table 2"). */
static size_t without_part(const char *text, size_t n) {
  static const char *const parts[] = {"table", "Table", "section", "appendix", "figure", "/"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    const size_t m = strlen(parts[i]);
    if (n > m && text[n - m - 1] == ' ' && strncmp(text + n - m, parts[i], m) == 0)
      return n - m - 1;
  }
  return n;
}

/* Writes what is left of a source into out, which has its size. */
static void strip_source(const char *source, char *out) {
  size_t n = 0;
  int depth = 0;
  for (const char *at = source; *at;) {
    const size_t length = *at == ' ' ? 1 : strcspn(at, " ([)]");
    if (length == 0) {
      depth += *at == '(' || *at == '[' ? 1 : depth > 0 ? -1 : 0;
      at++;
      continue;
    }
    if (depth == 0 && *at != ' ' && is_release(at, length)) {
      n = without_part(out, n);
    } else if (depth == 0 && *at != ' ') {
      if (n > 0 && *at != ',' && *at != ':')
        out[n++] = ' ';
      memcpy(out + n, at, length);
      n += length;
    }
    at += length;
  }
  while (n > 0 && (out[n - 1] == ',' || out[n - 1] == ':'))
    n--;
  out[n] = '\0';
}

const char *slip_source_family(slip_arena *arena, const char *source) {
  for (size_t i = 0; i < sizeof publishers / sizeof *publishers; i++)
    if (strncmp(source, publishers[i], strlen(publishers[i])) == 0) {
      for (size_t j = 0; j < sizeof renamed / sizeof *renamed; j++)
        if (strcmp(publishers[i], renamed[j].publisher) == 0)
          return renamed[j].family;
      return publishers[i];
    }
  char *family = slip_arena_alloc(arena, strlen(source) + 1);
  if (!family)
    return NULL;
  strip_source(source, family);
  return family[0] ? family : source;
}
