/* Names as sources write them -> the catalog (docs/measured.md, "Names"). Two texts are the same name when their canonical
 * forms agree: lower case, every run of other characters one '-', and a '-' before a digit that follows a letter, so that
 * "LLAMA3.1_405B", "Llama 3.1 405B" and "llama-3.1-405b" are all "llama-3.1-405b". What a source adds to a name and
 * what does not change the thing named are rows of the tables below. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/text.h"
#include "calibrate/case.h"

enum { NAME_BYTES = 192 };

/* ---- canonical forms ---- */

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* Letters; bytes of other scripts count as such. */
static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

/* Walks the canonical form of a text, character by character. */
typedef struct walker {
  const char *at;
  char last; /* the character given last; 0 at the start */
  bool gap;  /* characters that are neither letters nor digits were skipped */
} walker;

static bool is_kept(const walker *w) {
  const char c = *w->at;
  return is_letter(c) || is_digit(c) || (c == '.' && is_digit(w->last) && !w->gap && is_digit(w->at[1]));
}

static char next(walker *w) {
  while (*w->at && !is_kept(w)) {
    w->gap = true;
    w->at++;
  }
  if (!*w->at)
    return '\0';
  if (w->last && w->last != '-' && (w->gap || (is_letter(w->last) && is_digit(*w->at)))) {
    w->gap = false;
    w->last = '-';
    return '-';
  }
  w->gap = false;
  w->last = lower(*w->at++);
  return w->last;
}

/* False when it does not fit: no name is that long. */
static bool canonical(const char *text, char out[NAME_BYTES]) {
  walker w = {.at = text};
  size_t n = 0;
  for (char c = next(&w); c && n < NAME_BYTES; c = next(&w))
    out[n++] = c;
  if (n == NAME_BYTES)
    return false;
  out[n] = '\0';
  return true;
}

static bool is_name(const char *canonical_name, const char *text) {
  walker w = {.at = text};
  for (const char *c = canonical_name;; c++) {
    const char d = next(&w);
    if (*c != d)
      return false;
    if (!d)
      return true;
  }
}

/* Where the words stand in a canonical text, whole words only; NULL when they do not. */
static char *find_words(char *text, const char *words) {
  const size_t n = strlen(words);
  if (n == 0)
    return NULL;
  for (char *at = text; (at = strstr(at, words)) != NULL; at++)
    if ((at == text || at[-1] == '-') && (at[n] == '-' || at[n] == '\0'))
      return at;
  return NULL;
}

/* Takes every occurrence of the words out of a canonical text. */
static void drop_words(char *text, const char *words) {
  const size_t n = strlen(words);
  for (char *at; (at = find_words(text, words)) != NULL;) {
    char *rest = at + n + (at[n] == '-');
    memmove(at, rest, strlen(rest) + 1);
  }
  const size_t left = strlen(text);
  if (left > 0 && text[left - 1] == '-')
    text[left - 1] = '\0';
}

/* Copies the text without its bracketed parts. */
static void without_brackets(const char *text, char out[NAME_BYTES]) {
  size_t n = 0;
  int depth = 0;
  for (; *text && n + 1 < NAME_BYTES; text++) {
    if (*text == '(' || *text == '[')
      depth++;
    if (depth == 0)
      out[n++] = *text;
    if ((*text == ')' || *text == ']') && depth > 0)
      depth--;
  }
  out[n] = '\0';
}

static bool entry_is(const slip_entry *entry, const char *canonical_name) {
  if (is_name(canonical_name, entry->name))
    return true;
  for (size_t i = 0; i < entry->n_aliases; i++)
    if (is_name(canonical_name, entry->aliases[i]))
      return true;
  return false;
}

static const slip_entry *find_entry(const slip_catalog *catalog, slip_kind kind, const char *canonical_name) {
  const size_t count = slip_catalog_count(catalog, kind);
  for (size_t i = 0; i < count; i++)
    if (entry_is(slip_catalog_entry(catalog, kind, i), canonical_name))
      return slip_catalog_entry(catalog, kind, i);
  return NULL;
}

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
    while (is_digit(*end))
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
    drop_words(text, chip_words[i]);
  return size;
}

static bool stripped_is(const char *name, const char *base) {
  char form[NAME_BYTES], plain[NAME_BYTES];
  without_brackets(name, plain);
  if (!canonical(plain, form))
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
  char whole[NAME_BYTES];
  return canonical(text, whole) && find_words(whole, "unclear") != NULL;
}

const slip_chip *slip_resolve_chip(const slip_catalog *catalog, const char *text, bool *per_die) {
  char whole[NAME_BYTES], plain[NAME_BYTES], base[NAME_BYTES];
  *per_die = false;
  if (!canonical(text, whole) || !whole[0] || slip_resolve_chip_is_unclear(text))
    return NULL;
  without_brackets(text, plain);
  if (!canonical(plain, base))
    return NULL;
  bool dies = find_words(base, "die") != NULL;
  for (size_t i = 0; i < sizeof unit_words / sizeof *unit_words; i++)
    if (find_words(whole, unit_words[i].words))
      dies = unit_words[i].die;
  const slip_entry *entry = find_entry(catalog, SLIP_KIND_CHIP, whole);
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
    const slip_entry *entry = find_entry(catalog, SLIP_KIND_MODEL, text);
    if (entry)
      return (const slip_model *)(const void *)entry;
    char *last = strrchr(text, '-');
    char *end = NULL;
    const double billions = last ? strtod(last + 1, &end) : NAN;
    if (last && billions > 0 && strcmp(end, "b") == 0) {
      *last = '\0';
      entry = find_entry(catalog, SLIP_KIND_MODEL, text);
      const slip_model *model = (const slip_model *)(const void *)entry;
      if (model && fabs(slip_model_params(model) / (billions * 1e9) - 1.0) < params_tolerance)
        return model;
      *last = '-';
    }
  } while (drop_ending(text));
  return NULL;
}

const slip_model *slip_resolve_model(const slip_catalog *catalog, const char *text) {
  char plain[NAME_BYTES], name[NAME_BYTES];
  if (canonical(text, name) && name[0]) {
    const slip_entry *entry = find_entry(catalog, SLIP_KIND_MODEL, name);
    if (entry)
      return (const slip_model *)(const void *)entry;
  }
  without_brackets(text, plain);
  if (!canonical(plain, name))
    return NULL;
  const slip_model *model = model_of_canonical(catalog, name);
  const char *slash = strrchr(plain, '/');
  if (!model && slash && canonical(slash + 1, name))
    model = model_of_canonical(catalog, name);
  return model;
}

/* ---- stacks ---- */

/* What sources call a framework, in canonical form, and the framework of the catalog that it is. */
static const struct {
  const char *written, *framework;
} frameworks[] = {
    {"trtllm", "TensorRT-LLM"},     {"trt-llm", "TensorRT-LLM"},
    {"tensorrt", "TensorRT-LLM"},                               /* MLPerf submissions with language models */
    {"nemo", "Megatron-Bridge"},    {"nvidia-release", "NeMo"}, /* MLPerf: NVIDIA's containers train with NeMo */
    {"ngc-pytorch", "NeMo"},        {"megatron-core", "Megatron-LM"},
    {"mcore", "Megatron-LM"},       {"modellink", "MindSpeed-LLM"},
    {"mindspeed", "MindSpeed-LLM"}, {"composer", "llm-foundry"},
    {"nvidia-nim", "TensorRT-LLM"}, /* its optimised profiles are TensorRT-LLM engines */
    {"nim", "TensorRT-LLM"},        {"nemo-automodel", "TorchTitan"}, /* PyTorch's FSDP2 and DTensor */
    {"automodel", "TorchTitan"},
};

static bool stack_is(const slip_stack *stack, const char *canonical_name) {
  return is_name(canonical_name, stack->framework) || entry_is(&stack->entry, canonical_name);
}

/* The earlier of two places in a text, of the same place the one with more bytes, which it writes to *bytes. */
static const char *earlier(const char *at, size_t at_bytes, const char *first, size_t *bytes) {
  if (first && (at > first || (at == first && at_bytes <= *bytes)))
    return first;
  *bytes = at_bytes;
  return at;
}

/* Where in a canonical text the stack's framework is named first, and how many bytes name it there (the longest: NeMo AutoModel is not
 * NeMo); NULL nowhere. */
static const char *named_at(const slip_stack *stack, char *text, size_t *bytes) {
  const char *first = NULL;
  char form[NAME_BYTES];
  *bytes = 0;
  for (size_t i = 0; i < stack->entry.n_aliases + 2; i++) {
    const char *name = i == 0 ? stack->framework : i == 1 ? stack->entry.name : stack->entry.aliases[i - 2];
    const char *at = canonical(name, form) ? find_words(text, form) : NULL;
    if (at)
      first = earlier(at, strlen(form), first, bytes);
  }
  for (size_t i = 0; i < sizeof frameworks / sizeof *frameworks; i++) {
    const char *at = find_words(text, frameworks[i].written);
    if (at && canonical(frameworks[i].framework, form) && stack_is(stack, form))
      first = earlier(at, strlen(frameworks[i].written), first, bytes);
  }
  return first;
}

enum { RELEASE_PARTS = 3 };

/* "0.4.3.post2" -> 0, 4, 3. Returns how many parts were read, at most three; 0 without a dot. */
static int read_release(const char *text, int parts[RELEASE_PARTS]) {
  int n = 0;
  while (n < RELEASE_PARTS && *text >= '0' && *text <= '9') {
    char *end = NULL;
    parts[n++] = (int)fmin(strtod(text, NULL), 1e6);
    (void)strtol(text, &end, 10);
    text = *end == '.' ? end + 1 : "";
  }
  return n > 1 ? n : 0;
}

/* Whether the text names a release of "0.6 to 0.7", both included as far as they are written: 0.7.4 is in it. */
static bool names_release(const char *text, const char *range) {
  const char *to = strstr(range, " to ");
  int from[RELEASE_PARTS], until[RELEASE_PARTS], named[RELEASE_PARTS] = {0};
  const int n_from = read_release(range, from), n_until = to ? read_release(to + 4, until) : 0;
  while (*text && read_release(text, named) == 0)
    text++;
  if (!*text || n_from == 0 || n_until == 0)
    return false;
  int above = 0, below = 0;
  for (int i = 0; i < n_from && above == 0; i++)
    above = (named[i] > from[i]) - (named[i] < from[i]);
  for (int i = 0; i < n_until && below == 0; i++)
    below = (named[i] > until[i]) - (named[i] < until[i]);
  return above >= 0 && below <= 0;
}

static bool fits(const slip_stack *stack, const slip_chip *chip, const char *framework, bool train, bool experts) {
  char vendor[NAME_BYTES], name[NAME_BYTES];
  if (!(train ? stack->trains : stack->serves) || !canonical(chip->entry.vendor, vendor) ||
      !canonical(chip->entry.name, name))
    return false;
  if ((stack->for_models[0] && !experts) ||
      (stack->only_releases[0] && !names_release(framework, stack->only_releases)))
    return false;
  if (stack->for_chip[0] && !is_name(name, stack->for_chip))
    return false;
  return is_name(vendor, stack->for_vendor) || is_name("any", stack->for_vendor);
}

/* "2026-02" -> 2026.083; NAN when it is no date. */
static double year_of(const char *date) {
  char *end = NULL;
  const double year = strtod(date, &end);
  if (end == date)
    return NAN;
  const double month = *end == '-' ? strtod(end + 1, NULL) : 1.0;
  return year + (month >= 1.0 && month <= 12.0 ? (month - 1.0) / 12.0 : 0.0);
}

/* The prior of its kind: the vendor's own goes before anybody's. */
static const slip_stack *prior_of(const slip_catalog *catalog, const slip_chip *chip, bool train) {
  const slip_stack *best = NULL;
  const size_t count = slip_catalog_count(catalog, SLIP_KIND_STACK);
  for (size_t i = 0; i < count; i++) {
    const slip_entry *entry = slip_catalog_entry(catalog, SLIP_KIND_STACK, i);
    const slip_stack *stack = (const slip_stack *)(const void *)entry;
    if (stack->is_prior && fits(stack, chip, "", train, false) && (!best || is_name("any", best->for_vendor)))
      best = stack;
  }
  return best;
}

/* Whether `a` suits a measurement of `year` better than `b`, both of the framework: released by then, the newest of these; else the
 * oldest; a stack made for the chip before others of its date. */
static bool is_better(const slip_stack *a, const slip_stack *b, double year) {
  if ((a->only_releases[0] != '\0') != (b->only_releases[0] != '\0')) /* which the measurement names */
    return a->only_releases[0] != '\0';
  const double when_a = year_of(a->date), when_b = year_of(b->date);
  const bool out_a = isnan(year) || !(when_a > year), out_b = isnan(year) || !(when_b > year);
  if ((a->for_chip[0] != '\0') != (b->for_chip[0] != '\0') && out_a == out_b)
    return a->for_chip[0] != '\0';
  if (out_a != out_b)
    return out_a;
  return out_a ? when_a > when_b : when_a < when_b;
}

const slip_stack *slip_resolve_stack(const slip_catalog *catalog, const slip_chip *chip, const char *framework,
                                     double year, bool train, bool experts) {
  char text[NAME_BYTES];
  const slip_stack *best = NULL;
  const char *best_at = NULL;
  size_t best_bytes = 0;
  /* A year without a month is any day of it. */
  const double until = floor(year) == year ? year + 0.999 : year;
  /* Long texts list libraries after the framework. */
  char head[NAME_BYTES];
  (void)snprintf(head, sizeof head, "%.*s", NAME_BYTES / 2, framework);
  const bool readable = canonical(head, text);
  const size_t count = readable && text[0] ? slip_catalog_count(catalog, SLIP_KIND_STACK) : 0;
  for (size_t i = 0; i < count; i++) {
    const slip_entry *entry = slip_catalog_entry(catalog, SLIP_KIND_STACK, i);
    const slip_stack *stack = (const slip_stack *)(const void *)entry;
    size_t bytes = 0;
    const char *at =
        !stack->is_prior && fits(stack, chip, head, train, experts) ? named_at(stack, text, &bytes) : NULL;
    if (!at || (best && (at > best_at || (at == best_at && bytes < best_bytes))))
      continue;
    if (!best || at < best_at || bytes > best_bytes || is_better(stack, best, until)) {
      best = stack;
      best_at = at;
      best_bytes = bytes;
    }
  }
  return best ? best : prior_of(catalog, chip, train);
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
  if (n > 1 && (word[0] == 'v' || word[0] == 'r') && is_digit(word[1]))
    i = 1;
  else if (n > 2 && strncmp(word, "RC", 2) == 0)
    i = 2;
  bool digit = false;
  for (; i < n; i++) {
    digit = digit || is_digit(word[i]);
    const bool candidate = (word[i] == 'R' && i + 1 < n && word[i + 1] == 'C') || (word[i] == 'C' && digit);
    if (!is_digit(word[i]) && word[i] != '.' && word[i] != '-' && word[i] != ',' && !candidate)
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
