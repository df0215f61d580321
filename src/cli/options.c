/* One typed table of options: parsing, --help, docs/cli.md and the range checks all come from its rows. */
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "cli/cli.h"

#define BIT(command) (1U << (command))
#define ALL (BIT(CLI_COMMANDS) - 1U)
#define JOBS (BIT(CLI_TRAIN) | BIT(CLI_SERVE) | BIT(CLI_COMPARE))
#define ESTIMATES (BIT(CLI_TRAIN) | BIT(CLI_SERVE))
#define CATALOG (ALL & ~BIT(CLI_HELP))
#define AT(member) offsetof(cli_options, member)

#define CHIPS 1, 1e7
#define TOKENS 1, 1e8
#define SEQUENCES 1, 1e9

const cli_option cli_option_table[] = {
    /* what is asked */
    {"model", "PATH", CLI_TEXT, JOBS, AT(model), 0, 0, NULL,
     "a Hugging Face config.json, or a folder that holds one, instead of MODEL"},
    {"chips", "N", CLI_COUNT, JOBS, AT(chips), CHIPS, NULL,
     "chips (packages) in the cluster; serve: 1 instance when not given; compare: at least so many in whole "
     "systems, 256"},
    {"train", NULL, CLI_FLAG, BIT(CLI_COMPARE), AT(train), 0, 0, NULL,
     "compare training; both when neither is given"},
    {"serve", NULL, CLI_FLAG, BIT(CLI_COMPARE), AT(serve), 0, 0, NULL, "compare serving"},
    {"seq", "S", CLI_COUNT, BIT(CLI_TRAIN) | BIT(CLI_COMPARE), AT(seq), TOKENS, NULL,
     "training: tokens per sequence, 4096"},
    {"document", "D", CLI_COUNT, BIT(CLI_TRAIN), AT(document), TOKENS, NULL,
     "tokens of each document that is packed into a sequence and that attention does not leave; one fills it"},
    {"capacity", "FACTOR", CLI_NUMBER, BIT(CLI_TRAIN), AT(capacity), 0.01, 1000, NULL,
     "mixtures of experts: each expert takes so many times its even share of a sequence's tokens, padded or "
     "dropped; as many as come"},
    {"masked", NULL, CLI_FLAG, BIT(CLI_TRAIN), AT(masked), 0, 0, NULL,
     "with --capacity: tokens reach their experts by products with one-hot masks (GShard), not by a permutation"},
    {"batch", "B", CLI_COUNT, JOBS, AT(batch), SEQUENCES, NULL,
     "training: sequences per step (train 1024, compare 15360); serve: running sequences of an instance, else the "
     "largest that fits"},
    {"dtype", "FORMAT", CLI_DTYPE, BIT(CLI_TRAIN) | BIT(CLI_COMPARE), AT(dtype), 0, 0, "bf16 fp8",
     "training: number format of the layers' matrix products (train: bf16, compare: fp8); a chip without it takes "
     "bf16"},
    {"train-tokens", "N", CLI_NUMBER, BIT(CLI_COMPARE), AT(train_tokens), 1, 1e18, NULL,
     "training: token budget; the model's own when not given"},
    {"isl", "I", CLI_COUNT, BIT(CLI_SERVE) | BIT(CLI_COMPARE), AT(isl), TOKENS, NULL, "serving: tokens in, 4096"},
    {"osl", "O", CLI_COUNT, BIT(CLI_SERVE) | BIT(CLI_COMPARE), AT(osl), TOKENS, NULL, "serving: tokens out, 1024"},
    {"tpot", "TIME", CLI_SECONDS, BIT(CLI_SERVE) | BIT(CLI_COMPARE), AT(tpot_s), 1e-6, 1e6, NULL,
     "serving: at most so long per output token (50ms, 0.05); compare: 50ms; serve: no limit"},
    {"ttft", "TIME", CLI_SECONDS, BIT(CLI_SERVE) | BIT(CLI_COMPARE), AT(ttft_s), 1e-6, 1e6, NULL,
     "serving: at most so long to the first token; compare: 5s; serve: no limit"},
    {"prefix-hit", "SHARE", CLI_NUMBER, BIT(CLI_SERVE), AT(prefix_hit), 0, 0.9999, NULL,
     "serving: share of the input found in the prefix cache, 0"},
    {"weights", "FORMAT", CLI_DTYPE, BIT(CLI_SERVE), AT(weights), 0, 0, "bf16 fp8 int8 fp4 int4",
     "serving: format of the weights; as released, or the nearest that the chip computes, when not given"},
    {"attention", "FORMAT", CLI_DTYPE, BIT(CLI_SERVE), AT(attention), 0, 0, "bf16 fp8 int8 fp4 int4",
     "serving: format of attention's weights; that of --weights, but that 4-bit mixtures of experts keep it as "
     "released"},
    {"kv", "FORMAT", CLI_DTYPE, BIT(CLI_SERVE), AT(kv), 0, 0, "bf16 fp8 int8 fp4",
     "serving: format of the KV cache"},
    {"no-mtp", NULL, CLI_FLAG, ESTIMATES, AT(no_mtp), 0, 0, NULL,
     "train without the multi-token prediction modules; serve without drafting"},
    /* how it is done */
    {"plan", "PLAN", CLI_TEXT, ESTIMATES, AT(plan), 0, 0, NULL,
     "evaluate this plan (train: tp=8,pp=16,vpp=2,ep=8,mbs=1,...; serve: tp=8,dp=4,ep=32,...); without it the best "
     "feasible plan is searched"},
    {"pareto", NULL, CLI_FLAG, ESTIMATES, AT(pareto), 0, 0, NULL,
     "every plan that no other beats: train in step time, memory, chips and cost; serve in tokens/s per chip, "
     "tokens/s per "
     "user, cost and energy per token"},
    {"why-not", "PLAN", CLI_TEXT, ESTIMATES, AT(why_not), 0, 0, NULL,
     "why this plan is not the best one: the rules it breaks, the memory it lacks, or the time it loses"},
    {"search", "MODE", CLI_TEXT, ESTIMATES, AT(search), 0, 0, NULL,
     "bounded (as good as exhaustive, and the fastest), exhaustive (every legal plan, costs reused) or brute "
     "(every plan in "
     "full): the answer is the same"},
    {"clusters", "N,N,...", CLI_TEXT, ESTIMATES, AT(clusters), 0, 0, NULL,
     "numbers of chips to choose from, instead of --chips; --pareto: --chips, its half, its quarter, ... in whole "
     "systems"},
    {"formats", NULL, CLI_FLAG, BIT(CLI_TRAIN), AT(formats), 0, 0, NULL,
     "choose the number format as well: bf16, and fp8 and fp4 where the chip has them"},
    {"overlap-kinds", NULL, CLI_FLAG, BIT(CLI_TRAIN), AT(overlaps), 0, 0, NULL,
     "search every subset of the traffic that the stack hides, too"},
    {"decode-plan", "PLAN", CLI_TEXT, BIT(CLI_SERVE), AT(decode_plan), 0, 0, NULL,
     "the decode pool's plan; --plan is then the prefill pool's"},
    {"disaggregate", NULL, CLI_FLAG, BIT(CLI_SERVE) | BIT(CLI_COMPARE), AT(disaggregate), 0, 0, NULL,
     "prefill and decode on different chips; the better of the two when neither is given"},
    {"aggregate", NULL, CLI_FLAG, BIT(CLI_SERVE) | BIT(CLI_COMPARE), AT(aggregate), 0, 0, NULL,
     "prefill and decode on the same chips"},
    {"prefill-system", "SYSTEM", CLI_TEXT, BIT(CLI_SERVE), AT(prefill_system), 0, 0, NULL,
     "prefill on this system, decode on SYSTEM or --decode-system"},
    {"decode-system", "SYSTEM", CLI_TEXT, BIT(CLI_SERVE), AT(decode_system), 0, 0, NULL,
     "decode on this system, prefill on SYSTEM or --prefill-system"},
    {"stack", "NAME", CLI_TEXT, ESTIMATES | BIT(CLI_CALIBRATE), AT(stack), 0, 0, NULL,
     "software stack; when not given, the newest for the chip; calibrate: the one that all rows are of"},
    {"observed", "WHAT=VALUE", CLI_TEXT, ESTIMATES, AT(observed), 0, 0, NULL,
     "one measurement of yours on this stack: step=4.2s, tokens_per_s=12000, tpot=41ms or ttft=1.2s; updates the "
     "stack's "
     "constants by as much as one row is worth and narrows the interval"},
    {"observed-plan", "PLAN", CLI_TEXT, ESTIMATES, AT(observed_plan), 0, 0, NULL,
     "the plan that --observed was measured on; that of --plan when not given"},
    /* money */
    {"region", "NAME", CLI_TEXT, JOBS, AT(region), 0, 0, NULL,
     "power price and PUE of this region, us-average; compare: SYSTEM@REGION for one system; train and serve: with "
     "--pareto"},
    {"power-price", "USD/kWh", CLI_NUMBER, JOBS, AT(power_price), 1e-6, 100, NULL,
     "power price of every system, instead of the region's"},
    {"pue", "X", CLI_NUMBER, JOBS, AT(pue), 1, 10, NULL, "facility power over IT power, instead of the region's"},
    {"life", "YEARS", CLI_NUMBER, JOBS, AT(life), 0.01, 100, NULL, "years over which the price is written off, 4"},
    {"utilisation", "SHARE", CLI_NUMBER, JOBS, AT(utilisation), 1e-4, 1, NULL,
     "share of its life that the hardware works, 0.8"},
    {"rent", "USD/h", CLI_NUMBER, JOBS, AT(rent), 1e-6, 1e6, NULL,
     "rent of one chip, power included, instead of price and power"},
    /* what is printed */
    {"explain", NULL, CLI_FLAG, ESTIMATES | BIT(CLI_CLASSIFY), AT(explain), 0, 0, NULL,
     "the tree of parts behind the time, down to operators; classify: how each answer was reached"},
    {"timeline", "FILE|ITEM", CLI_TEXT, BIT(CLI_TRAIN) | BIT(CLI_CLASSIFY), AT(timeline), 0, 0, NULL,
     "train: write one step as a Chrome/Perfetto trace into FILE; classify: each date on which an answer for ITEM "
     "changed, and why"},
    {"kind", "KIND", CLI_TEXT, BIT(CLI_SHOW), AT(kind), 0, 0, NULL,
     "chip, system, model, stack, kernels or region, where a name stands for several"},
    {"by", "KEY", CLI_TEXT, BIT(CLI_VALIDATE), AT(by), 0, 0, NULL,
     "also summarise by chip, model, source, phase, stack or quantity"},
    {"rows", NULL, CLI_FLAG, BIT(CLI_VALIDATE), AT(rows), 0, 0, NULL,
     "print every row: measured, predicted, error, interval, or why it is not scored"},
    {"worst", "N", CLI_COUNT, BIT(CLI_VALIDATE), AT(worst), 1, 1e6, NULL, "print the N rows that are farthest off"},
    {"svg", "FILE", CLI_TEXT, BIT(CLI_VALIDATE), AT(svg), 0, 0, NULL,
     "write a scatter plot of predicted against measured"},
    {"markdown", NULL, CLI_FLAG, BIT(CLI_HELP) | BIT(CLI_VALIDATE), AT(markdown), 0, 0, NULL,
     "as Markdown: the whole help (docs/cli.md), or the body of docs/accuracy.md"},
    {"from", "FILE|COUNTRY", CLI_TEXT, BIT(CLI_CALIBRATE) | BIT(CLI_CLASSIFY), AT(from), 0, 0, NULL,
     "calibrate: the table of your measurements (CSV); classify: the country of export (US)"},
    {"cv", NULL, CLI_FLAG, BIT(CLI_CALIBRATE) | BIT(CLI_VALIDATE), AT(cv), 0, 0, NULL,
     "also the error on rows that the fit has not seen. validate: constants fitted without a fifth of the rows, "
     "without a "
     "source family, and after one row of it; calibrate --from: each row left out once, above 20 rows five folds "
     "by chip "
     "and model"},
    {"csv", NULL, CLI_FLAG, BIT(CLI_QUERY) | BIT(CLI_SCENARIO), AT(csv), 0, 0, NULL,
     "comma-separated values with every digit, instead of a table; scenario: every measure by quarter"},
    {"out", "PATH", CLI_TEXT, BIT(CLI_CALIBRATE) | BIT(CLI_SWEEP), AT(output), 0, 0, NULL,
     "sweep: the database of its rows, made or gone on with; calibrate: write the files, below the folder PATH (as "
     "--catalog takes it); with "
     "--from the stack, also to a PATH that is NAME.yaml"},
    {"force", NULL, CLI_FLAG, BIT(CLI_CALIBRATE), AT(force), 0, 0, NULL, "replace files of --out that are there"},
    /* rules */
    {"date", "DATE", CLI_TEXT, BIT(CLI_CLASSIFY), AT(date), 0, 0, NULL, "the day of the export, YYYY-MM-DD; today"},
    {"known-on", "DATE", CLI_TEXT, BIT(CLI_CLASSIFY), AT(known_on), 0, 0, NULL,
     "leave out rules that were published later: what could be read on that day"},
    {"to", "COUNTRY", CLI_TEXT, BIT(CLI_CLASSIFY), AT(to), 0, 0, NULL, "the destination, two letters (ISO 3166)"},
    {"hq", "COUNTRY", CLI_TEXT, BIT(CLI_CLASSIFY), AT(hq), 0, 0, NULL, "headquarters of the party that gets it"},
    {"parent-hq", "COUNTRY", CLI_TEXT, BIT(CLI_CLASSIFY), AT(parent_hq), 0, 0, NULL,
     "headquarters of its ultimate parent"},
    {"end-user", "KIND", CLI_TEXT, BIT(CLI_CLASSIFY), AT(end_user), 0, 0, NULL,
     "commercial, cloud-provider, public-sector, university, military, military-intelligence, listed (Entity "
     "List), "
     "listed-fn1, listed-fn4, listed-fn5"},
    {"end-use", "KIND", CLI_TEXT, BIT(CLI_CLASSIFY), AT(end_use), 0, 0, NULL,
     "commercial, research, ai-training, supercomputer, military, military-intelligence, wmd"},
    {"volume", "N", CLI_COUNT, BIT(CLI_CLASSIFY), AT(volume), 1, 1e9, NULL, "units"},
    {"marketed-for-datacentre", "yes|no", CLI_TEXT, BIT(CLI_CLASSIFY), AT(marketed), 0, 0, NULL,
     "whether the item is designed or marketed for data centres, instead of what the catalog says"},
    {"given", "NAME=VALUE,...", CLI_TEXT, BIT(CLI_CLASSIFY), AT(given), 0, 0, NULL,
     "any other input of the rules, or a quantity (tpp=4800), instead of what is known; \"unknown\" takes one "
     "back"},
    {"all", NULL, CLI_FLAG, BIT(CLI_CLASSIFY), AT(all), 0, 0, NULL,
     "a table of every chip and system of the catalog"},
    {"headroom", "ITEM", CLI_TEXT, BIT(CLI_CLASSIFY), AT(headroom), 0, 0, NULL,
     "how far each parameter of ITEM is from each bound, and the nearest variant of another class"},
    {"proposed", NULL, CLI_FLAG, BIT(CLI_CLASSIFY), AT(proposed), 0, 0, NULL,
     "also apply bills, as if in force since they were published"},
    {"rules", "DIR", CLI_DIRS, BIT(CLI_CLASSIFY) | BIT(CLI_SCENARIO), AT(rule_dirs), 0, 0, NULL,
     "overlay the rules with DIR/*.yaml (docs/rules.md); repeatable, later ones win"},
    {"diff", "DIR", CLI_TEXT, BIT(CLI_CLASSIFY), AT(diff), 0, 0, NULL,
     "list the items for which the rules overlaid with DIR answer differently"},
    {"log", "FILE", CLI_TEXT, BIT(CLI_CLASSIFY), AT(log), 0, 0, NULL,
     "append the verdict to FILE as a JSON line, with hashes of rules, catalog, inputs and the line before"},
    /* scenarios */
    {"year", "YEAR", CLI_COUNT, BIT(CLI_SCENARIO), AT(year), 1990, 2099, NULL,
     "the year that is told; the last one, and of a single scenario every one"},
    {"vary", "INPUT=A..B", CLI_TEXT, BIT(CLI_SCENARIO), AT(vary), 0, 0, NULL,
     "fix one input at five values from A to B, all else uncertain, and tell what follows; the start of an input's "
     "id will "
     "do (yield=0.2..0.6)"},
    {"known", NULL, CLI_FLAG, BIT(CLI_SCENARIO), AT(known), 0, 0, NULL,
     "published figures beside what the same inputs give: output, charges, break-even power prices"},
    {"samples", "N", CLI_COUNT, BIT(CLI_SCENARIO), AT(samples), 1, 1 << 24, NULL, "Monte Carlo samples, 20000"},
    {"seed", "N", CLI_COUNT, BIT(CLI_SCENARIO), AT(seed), 0, 4294967295.0, NULL,
     "seed of the samples, 1; the same seed gives the same bytes"},
    /* everywhere */
    {"catalog", "DIR", CLI_DIRS, CATALOG, AT(dirs), 0, 0, NULL,
     "overlay the catalog with DIR/chips/*.yaml, DIR/systems/*.yaml, ...; repeatable, later ones win; after the "
     "directories of SLIPSTICK_CATALOG (separated by colons)"},
    {"json", NULL, CLI_FLAG, ALL, AT(json), 0, 0, NULL,
     "the answer, or the error, as JSON on stdout (docs/json.md)"},
    {"no-color", NULL, CLI_FLAG, ALL, AT(no_color), 0, 0, NULL,
     "no colour; nor is there any when NO_COLOR is set or stdout is not a terminal"},
    {"help", NULL, CLI_FLAG, ALL, AT(help), 0, 0, NULL, "this help"},
    {"version", NULL, CLI_FLAG, ALL, AT(version), 0, 0, NULL, "the version"},
};
const size_t cli_option_count = sizeof cli_option_table / sizeof *cli_option_table;

cli_options cli_options_default(void) {
  return (cli_options){.seed = 1,
                       .tpot_s = NAN,
                       .ttft_s = NAN,
                       .prefix_hit = NAN,
                       .train_tokens = NAN,
                       .power_price = NAN,
                       .pue = NAN,
                       .life = NAN,
                       .utilisation = NAN,
                       .rent = NAN,
                       .dtype = SLIP_DTYPES,
                       .weights = SLIP_DTYPES,
                       .attention = SLIP_DTYPES,
                       .kv = SLIP_DTYPES};
}

/* ---- did you mean ---- */

const char *cli_nearest(const char *given, const char *(*name)(size_t i, const void *context), size_t count,
                        const void *context) {
  const int length = (int)strlen(given);
  int best = length / 3 + 2; /* farther than that is another word */
  const char *nearest = NULL;
  for (size_t i = 0; i < count; i++) {
    const char *candidate = name(i, context);
    const int distance = candidate != NULL ? slip_edit_distance(given, candidate) : best;
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

static const char *option_name(size_t i, const void *context) {
  const int *command = context;
  const bool fits = *command < 0 || (cli_option_table[i].commands & BIT(*command)) != 0;
  return fits ? cli_option_table[i].name : NULL;
}

static const char *command_name(size_t i, const void *context) {
  (void)context;
  return cli_commands[i].name;
}

/* ---- values ---- */

static bool contains_word(const char *words, const char *word) {
  const size_t length = strlen(word);
  for (const char *at = words; (at = strstr(at, word)) != NULL; at += length)
    if ((at == words || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
      return true;
  return false;
}

static slip_status parse_number(const cli_option *option, const char *text, double *out, slip_error *err) {
  char low[SLIP_DOUBLE_SIZE], high[SLIP_DOUBLE_SIZE];
  const bool seconds = option->type == CLI_SECONDS;
  if (!(seconds ? slip_parse_seconds(text, out) : slip_parse_double(text, out)))
    return slip_fail(err, SLIP_BAD_INPUT, "--%s takes %s, not '%s'", option->name,
                     seconds ? "a time (50ms, 2s, 0.05)" : "a number", text);
  if (*out < option->low || *out > option->high)
    return slip_fail(err, SLIP_BAD_INPUT, "--%s is from %s to %s%s, not %s", option->name,
                     slip_format_double(low, option->low), slip_format_double(high, option->high),
                     seconds ? " seconds" : "", text);
  return SLIP_OK;
}

static slip_status parse_count(const cli_option *option, const char *text, int64_t *out, slip_error *err) {
  if (!slip_parse_int(text, out) || *out < (int64_t)option->low || *out > (int64_t)option->high)
    return slip_fail(err, SLIP_BAD_INPUT, "--%s takes a whole number from %.0f to %.0f, not '%s'", option->name,
                     option->low, option->high, text);
  return SLIP_OK;
}

static slip_status parse_dtype(const cli_option *option, const char *text, slip_dtype *out, slip_error *err) {
  slip_dtype dtype;
  if (!slip_dtype_parse(text, &dtype) || !contains_word(option->choices, slip_dtype_name(dtype)))
    return slip_fail(err, SLIP_BAD_INPUT, "--%s is one of: %s; not '%s'", option->name, option->choices, text);
  *out = dtype;
  return SLIP_OK;
}

static slip_status add_dir(cli_options *options, const cli_option *option, const char *text, slip_error *err) {
  const bool of_rules = option->offset == AT(rule_dirs);
  const char **dirs = of_rules ? options->rule_dirs : options->dirs;
  size_t *n = of_rules ? &options->n_rule_dirs : &options->n_dirs;
  if (*n == CLI_MAX_DIRS)
    return slip_fail(err, SLIP_BAD_INPUT, "--%s may be given at most %d times", option->name, CLI_MAX_DIRS);
  dirs[(*n)++] = text;
  return SLIP_OK;
}

static slip_status set_option(cli_options *options, const cli_option *option, const char *text, slip_error *err) {
  void *member = (char *)options + option->offset;
  if (option->type != CLI_FLAG && *text == '\0')
    return slip_fail(err, SLIP_BAD_INPUT, "--%s needs a value: %s", option->name, option->argument);
  switch (option->type) {
  case CLI_FLAG:
    *(bool *)member = true;
    return SLIP_OK;
  case CLI_COUNT:
    return parse_count(option, text, member, err);
  case CLI_NUMBER:
  case CLI_SECONDS:
    return parse_number(option, text, member, err);
  case CLI_DTYPE:
    return parse_dtype(option, text, member, err);
  case CLI_TEXT:
    *(const char **)member = text;
    return SLIP_OK;
  case CLI_DIRS:
    return add_dir(options, option, text, err);
  }
  return SLIP_OK;
}

/* ---- arguments ---- */

/* What is known while arguments are read: which rows were given, and whether the options have ended ("--"). */
typedef struct reading {
  int argc, at;
  char **argv;
  bool given[CLI_MAX_OPTIONS];
  bool ended;
  int command;
} reading;

static slip_status unknown_option(const char *name, int command, slip_error *err) {
  const char *nearest = cli_nearest(name, option_name, cli_option_count, &command);
  const char *of = command >= 0 ? cli_commands[command].name : "any command";
  if (nearest != NULL)
    return slip_fail(err, SLIP_BAD_INPUT, "no option --%s of %s; did you mean --%s?", name, of, nearest);
  return slip_fail(err, SLIP_BAD_INPUT, "no option --%s of %s; see slipstick help%s%s", name, of,
                   command >= 0 ? " " : "", command >= 0 ? of : "");
}

static const cli_option *find_option(const char *name, size_t length) {
  for (size_t i = 0; i < cli_option_count; i++)
    if (strlen(cli_option_table[i].name) == length && strncmp(cli_option_table[i].name, name, length) == 0)
      return &cli_option_table[i];
  return NULL;
}

static slip_status read_option(reading *r, cli_options *options, slip_error *err) {
  const char *name = r->argv[r->at];
  name = strcmp(name, "-h") == 0 ? "help" : strncmp(name, "--", 2) == 0 ? name + 2 : name + 1;
  const char *equals = strchr(name, '=');
  const size_t length = equals != NULL ? (size_t)(equals - name) : strlen(name);
  const cli_option *option = find_option(name, length);
  if (option == NULL || (r->argv[r->at][1] != '-' && strcmp(r->argv[r->at], "-h") != 0)) {
    char bare[64] = "";
    memcpy(bare, name, length < sizeof bare ? length : sizeof bare - 1);
    return unknown_option(bare, r->command, err);
  }
  const size_t row = (size_t)(option - cli_option_table);
  if (option->type == CLI_FLAG && equals != NULL)
    return slip_fail(err, SLIP_BAD_INPUT, "--%s takes no value", option->name);
  if (option->type != CLI_FLAG && option->type != CLI_DIRS && r->given[row])
    return slip_fail(err, SLIP_BAD_INPUT, "--%s is given twice", option->name);
  r->given[row] = true;
  const char *value = equals != NULL ? equals + 1 : "";
  if (option->type != CLI_FLAG && equals == NULL) {
    if (r->at + 1 >= r->argc)
      return slip_fail(err, SLIP_BAD_INPUT, "--%s needs a value: %s", option->name, option->argument);
    value = r->argv[++r->at];
  }
  return set_option(options, option, value, err);
}

static slip_status read_word(reading *r, cli_options *options, slip_error *err) {
  const char *word = r->argv[r->at];
  if (r->command >= 0) {
    if (options->n_positional == CLI_MAX_POSITIONAL)
      return slip_fail(err, SLIP_BAD_INPUT, "at most %d arguments", CLI_MAX_POSITIONAL);
    options->positional[options->n_positional++] = word;
    return SLIP_OK;
  }
  for (int i = 0; i < CLI_COMMANDS; i++)
    if (strcmp(cli_commands[i].name, word) == 0)
      r->command = i;
  if (r->command >= 0)
    return SLIP_OK;
  const char *nearest = cli_nearest(word, command_name, CLI_COMMANDS, NULL);
  if (nearest != NULL)
    return slip_fail(err, SLIP_BAD_INPUT, "no command '%s'; did you mean '%s'?", word, nearest);
  return slip_fail(err, SLIP_BAD_INPUT, "no command '%s'; see slipstick help", word);
}

slip_status cli_parse(int argc, char **argv, cli_options *options, int *command, slip_error *err) {
  reading r = {.argc = argc, .at = 1, .argv = argv, .command = -1};
  _Static_assert(sizeof cli_option_table / sizeof *cli_option_table <= CLI_MAX_OPTIONS,
                 "reading.given is too small");
  slip_status status = SLIP_OK;
  for (; r.at < argc; r.at++) {
    const char *argument = argv[r.at];
    if (!slip_is_utf8(argument, strlen(argument)))
      SLIP_FAIL(err, SLIP_BAD_INPUT, "argument %d is not UTF-8", r.at);
    if (!r.ended && strcmp(argument, "--") == 0)
      r.ended = true;
    else if (!r.ended && argument[0] == '-' && argument[1] != '\0')
      SLIP_TRY(read_option(&r, options, err));
    else
      SLIP_TRY(read_word(&r, options, err));
  }
  for (size_t i = 0; i < cli_option_count; i++)
    if (r.given[i] && r.command >= 0 && (cli_option_table[i].commands & BIT(r.command)) == 0)
      SLIP_TRY(unknown_option(cli_option_table[i].name, r.command, err));
cleanup:
  *command = r.command;
  return status;
}
