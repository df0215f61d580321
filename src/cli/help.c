/* Help, for people and as docs/cli.md: made of the tables of commands and options. */
#include <string.h>

#include "cli/cli.h"

const cli_command cli_commands[CLI_COMMANDS] = {
    [CLI_LIST] = {"list", "chips|systems|models|stacks|kernels|regions", "what the catalog holds",
                  "One line per entry, with the figures that people choose by.", "slipstick list systems",
                  cli_list},
    [CLI_SHOW] =
        {"show", "NAME", "everything known of one entry, with sources",
         "Every number with its unit, source, date and confidence; values in conflict with the chosen one under "
         "it; the "
         "fields without a published value at the end. NAME may also be the path of a Hugging Face config.json.",
         "slipstick show h20", cli_show},
    [CLI_TRAIN] =
        {"train", "MODEL SYSTEM --chips N", "speed, memory and power of training",
         "MODEL is a name of the catalog, a path that ends in .json, or a folder that holds a config.json. "
         "Without --plan the best feasible plan of a full enumeration is taken. A plan's keys: tp pp vpp dp cp ep "
         "etp mbs schedule sharding recompute recompute_layers sp overlap; a dp that is left out is what is left "
         "of the chips. "
         "--pareto and --why-not ask more of the search.",
         "slipstick train deepseek-v3 hgx-h800 --chips 2048 --batch 15360 --dtype fp8 --explain", cli_train},
    [CLI_SERVE] =
        {"serve", "MODEL SYSTEM", "throughput, latency and power of serving",
         "MODEL as for train. Without --plan the plan with the most output tokens/s per chip that meets the "
         "objectives is taken. A plan's keys: tp pp dp ep batch chunk poll wait frontends instances disaggregate. "
         "With "
         "--prefill-system and "
         "--decode-system the two phases run on different systems; SYSTEM is left out when both are given.",
         "slipstick serve deepseek-v3 gb200-nvl72 --isl 4096 --osl 1024 --tpot 50ms", cli_serve},
    [CLI_COMPARE] =
        {"compare", "MODEL SYSTEM[:CHIPS][@REGION]...", "several systems side by side",
         "The best plan of each system for training and for serving, with intervals, energy, money, what "
         "bounds it, and ratios to the first. MODEL as for train.",
         "slipstick compare deepseek-v3 cloudmatrix384@china-industrial gb200-nvl72 hgx-h20:256", cli_compare},
    [CLI_VALIDATE] =
        {"validate", "[FILE.csv ...]", "the model against published measurements, row by row",
         "Without FILE, every row of data/measured. A FILE has a header line; columns are found by name "
         "(docs/measured.md). A bad row is listed with its line and the rest is still done.",
         "slipstick validate --by chip --worst 20", cli_validate},
    [CLI_CALIBRATE] =
        {"calibrate", "[--from FILE.csv]", "the catalog's constants fitted to published rows, or a stack to yours",
         "Without --from, the constants of kernels, networks and stacks that data/calibration names are fitted to "
         "data/measured, a "
         "minute or two; --out DIR writes the catalog files that change. With --from a stack is fitted to your "
         "rows: FILE is a table of training or serving rows as validate reads it (docs/measured.md). The constants "
         "of "
         "one stack become the most "
         "probable ones given its present values and your rows; few rows move it little. Rows of other stacks, and "
         "rows that "
         "cannot be resolved, are listed and left out. Use the outcome with --catalog DIR --stack NAME-calibrated.",
         "slipstick calibrate --from mine.csv --stack megatron-bridge-26.06 --cv --out my-catalog", cli_calibrate},
    [CLI_SWEEP] = {"sweep", "FILE.yaml --out runs.db", "a grid of jobs into a database",
                   "FILE holds a job, lists and ranges of what is varied (models, systems, chips, lengths, "
                   "objectives, and any number of the "
                   "catalog), and every combination becomes a row (docs/search.md). Stopped or killed at any "
                   "moment, the same command goes on "
                   "where it was. mpirun -n 4 slipstick-mpi sweep ... shares the work between processes.",
                   "slipstick sweep hbm.yaml --out runs.db", cli_sweep},
    [CLI_QUERY] = {"query", "runs.db 'SQL'", "what a sweep found",
                   "One SQL statement that only reads; the table is runs, with a column for each key of the sweep "
                   "and each result "
                   "(PRAGMA table_info(runs) lists them).",
                   "slipstick query runs.db 'SELECT system, min(step_s) FROM runs GROUP BY system'", cli_query},
    [CLI_CLASSIFY] = {"classify", "ITEM", "export rules: class, licence, review policy, and why",
                      "ITEM is a chip or system of the catalog. What is not stated is unknown, and an answer that "
                      "hangs on it is "
                      "undetermined, with what would decide it. Not legal advice (docs/rules.md).",
                      "slipstick classify h200 --date 2026-02-01 --from US --to CN --hq CN", cli_classify},
    [CLI_SCENARIO] = {"scenario", "NAME|FILE.yaml...",
                      "policy x supply x money: how much compute, and what it trains and serves",
                      "Built in: full-blockade, h20-only, h200-case-by-case, h200-buyer-limits, open, "
                      "train-abroad, domestic-80-2030. "
                      "A file is written as docs/scenarios.md says. One scenario is told year by year, several "
                      "side by side; all "
                      "numbers are medians with 80% intervals over everything that is uncertain.",
                      "slipstick scenario full-blockade h20-only h200-case-by-case open", cli_scenario},
    [CLI_HELP] = {"help", "[COMMAND]", "this list, or the options of a command", "", "slipstick help compare",
                  cli_help},
};

static const char introduction[] = "slipstick: a slide rule for AI systems. How fast, how hungry and how costly a "
                                   "language model trains or serves on an "
                                   "AI system, how sure that is, and why.";

static const struct {
  const char *name, *meaning;
} statuses[] = {
    {"0", "answered; also when Ctrl-C cut a search short and something was found: a note says so"},
    {"1", "no answer: nothing is feasible, or a value that is needed is not published; the reason is named"},
    {"2", "bad usage or bad input: the argument, or file, line and field, is named"},
    {"3", "the machine failed: files, a closed pipe, a full disk, memory"},
};

static const struct {
  const char *name, *meaning;
} variables[] = {
    {"SLIPSTICK_CATALOG", "directories that overlay the catalog, separated by colons"},
    {"NO_COLOR", "no colour when set to anything"},
    {"COLUMNS", "width of the output; the terminal's when not set, no limit for files and pipes"},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

enum { WIDEST_MEANING = 92 };

static bool applies(const cli_option *option, int command) {
  return (option->commands >> command & 1U) != 0;
}

static void add_options(int command, const slip_style *style, slip_text *out) {
  slip_table *table = slip_table_open(2);
  slip_table_widest(table, WIDEST_MEANING);
  for (size_t i = 0; i < cli_option_count; i++) {
    const cli_option *option = &cli_option_table[i];
    if (!applies(option, command))
      continue;
    slip_table_printf(table, "  --%s%s%s", option->name, option->argument != NULL ? " " : "",
                      option->argument != NULL ? option->argument : "");
    if (option->choices != NULL)
      slip_table_printf(table, "%s (%s)", option->help, option->choices);
    else
      slip_table_cell(table, option->help);
  }
  slip_table_write(table, style, out);
  slip_table_free(table);
}

static void add_pairs(bool of_statuses, const slip_style *style, slip_text *out) {
  slip_table *table = slip_table_open(2);
  const size_t count = of_statuses ? COUNT_OF(statuses) : COUNT_OF(variables);
  for (size_t i = 0; i < count; i++) {
    slip_table_printf(table, "  %s", of_statuses ? statuses[i].name : variables[i].name);
    slip_table_cell(table, of_statuses ? statuses[i].meaning : variables[i].meaning);
  }
  slip_table_write(table, style, out);
  slip_table_free(table);
}

static void add_whole(const slip_style *style, slip_text *out) {
  slip_paragraph(out, style, 0, introduction);
  slip_text_add(out, "\nusage: slipstick COMMAND [ARGUMENTS] [OPTIONS]\n\n");
  slip_table *table = slip_table_open(2);
  for (int i = 0; i < CLI_COMMANDS; i++) {
    slip_table_printf(table, "  %s %s", cli_commands[i].name, cli_commands[i].arguments);
    slip_table_cell(table, cli_commands[i].summary);
  }
  slip_table_write(table, style, out);
  slip_table_free(table);
  slip_text_add(out, "\nexit status\n");
  add_pairs(true, style, out);
  slip_text_add(out, "\nenvironment\n");
  add_pairs(false, style, out);
  slip_text_add(out, "\nOptions of a command: slipstick help COMMAND. Version: slipstick --version.\n");
}

void cli_help_text(int command, const slip_style *style, slip_text *out) {
  if (command < 0) {
    add_whole(style, out);
    return;
  }
  const cli_command *c = &cli_commands[command];
  slip_text_printf(out, "usage: slipstick %s %s [OPTIONS]\n\n", c->name, c->arguments);
  slip_text line = {0};
  slip_text_printf(&line, "%s: %s. %s", c->name, c->summary, c->details);
  slip_paragraph(out, style, 0, line.data != NULL ? line.data : "");
  out->failed = out->failed || line.failed;
  slip_text_free(&line);
  slip_text_printf(out, "\n  %s\n\noptions\n", c->example);
  add_options(command, style, out);
}

/* ---- docs/cli.md ---- */

/* '|' would end a cell. */
static void add_markdown(slip_text *out, const char *text) {
  for (; *text != '\0'; text++) {
    if (*text == '|')
      slip_text_add(out, "\\");
    slip_text_add_n(out, text, 1);
  }
}

static void add_markdown_options(slip_text *out, int command) {
  slip_text_add(out, "| option | meaning |\n| --- | --- |\n");
  for (size_t i = 0; i < cli_option_count; i++) {
    const cli_option *option = &cli_option_table[i];
    if (!applies(option, command))
      continue;
    slip_text_printf(out, "| `--%s%s%s` | ", option->name, option->argument != NULL ? " " : "",
                     option->argument != NULL ? option->argument : "");
    add_markdown(out, option->help);
    if (option->choices != NULL)
      slip_text_printf(out, " (%s)", option->choices);
    slip_text_add(out, " |\n");
  }
}

static void add_whole_markdown(slip_text *out) {
  slip_text_printf(out, "# The command line\n\nMade by `slipstick help --markdown`; a test compares.\n\n%s\n\n",
                   introduction);
  slip_text_add(out, "Options may stand anywhere, as `--name value` or `--name=value`; `--` ends them.\n");
  for (int i = 0; i < CLI_COMMANDS; i++) {
    const cli_command *c = &cli_commands[i];
    slip_text_printf(out, "\n## slipstick %s\n\n`slipstick %s %s`: %s.%s%s\n\n```\n%s\n```\n\n", c->name, c->name,
                     c->arguments, c->summary, *c->details != '\0' ? " " : "", c->details, c->example);
    add_markdown_options(out, i);
  }
  slip_text_add(out, "\n## Exit status\n\n| status | meaning |\n| --- | --- |\n");
  for (size_t i = 0; i < COUNT_OF(statuses); i++)
    slip_text_printf(out, "| %s | %s |\n", statuses[i].name, statuses[i].meaning);
  slip_text_add(out, "\n## Environment\n\n| variable | meaning |\n| --- | --- |\n");
  for (size_t i = 0; i < COUNT_OF(variables); i++)
    slip_text_printf(out, "| `%s` | %s |\n", variables[i].name, variables[i].meaning);
}

/* ---- JSON ---- */

static void add_json(cli_session *session, int only) {
  slip_json *json = &session->json;
  cli_json_begin(session, "help");
  slip_json_array(json, "commands");
  for (int i = 0; i < CLI_COMMANDS; i++) {
    if (only >= 0 && i != only)
      continue;
    slip_json_object(json, NULL);
    slip_json_string(json, "name", cli_commands[i].name);
    slip_json_string(json, "arguments", cli_commands[i].arguments);
    slip_json_string(json, "summary", cli_commands[i].summary);
    slip_json_array(json, "options");
    for (size_t k = 0; k < cli_option_count; k++) {
      const cli_option *option = &cli_option_table[k];
      if (!applies(option, i))
        continue;
      slip_json_object(json, NULL);
      slip_json_string(json, "name", option->name);
      slip_json_string(json, "argument", option->argument);
      slip_json_string(json, "help", option->help);
      slip_json_string(json, "choices", option->choices);
      slip_json_object_end(json);
    }
    slip_json_array_end(json);
    slip_json_object_end(json);
  }
  slip_json_array_end(json);
  cli_json_end(session);
}

static const char *command_name(size_t i, const void *context) {
  (void)context;
  return cli_commands[i].name;
}

slip_status cli_help(cli_session *session, slip_error *err) {
  const cli_options *options = session->options;
  int command = -1;
  if (options->n_positional > 1)
    return slip_fail(err, SLIP_BAD_INPUT, "help takes one command");
  if (options->n_positional == 1) {
    for (int i = 0; i < CLI_COMMANDS; i++)
      if (strcmp(options->positional[0], cli_commands[i].name) == 0)
        command = i;
    const char *nearest = cli_nearest(options->positional[0], command_name, CLI_COMMANDS, NULL);
    if (command < 0)
      return slip_fail(err, SLIP_BAD_INPUT, "no command '%s'%s%s%s", options->positional[0],
                       nearest != NULL ? "; did you mean '" : "", nearest != NULL ? nearest : "",
                       nearest != NULL ? "'?" : "");
  }
  if (options->json)
    add_json(session, command);
  else if (options->markdown)
    add_whole_markdown(&session->out);
  else
    cli_help_text(command, &session->style, &session->out);
  return SLIP_OK;
}
