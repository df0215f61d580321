/* The command line's own types: the options as a struct that one typed table fills, the commands, and what they
 * share. */
#ifndef SLIP_CLI_CLI_H
#define SLIP_CLI_CLI_H

#include <signal.h>

#include "base/fail.h"
#include "base/json.h"
#include "base/text.h"
#include "report/table.h"
#include <slipstick/calibrate.h>
#include <slipstick/compare.h>
#include <slipstick/slipstick.h>
#include <slipstick/store.h>

/* Exit statuses (docs/cli.md). */
enum { EXIT_ANSWERED = 0, EXIT_NO_ANSWER = 1, EXIT_BAD_USAGE = 2, EXIT_MACHINE = 3 };

enum { CLI_MAX_POSITIONAL = 32, CLI_MAX_DIRS = 32, CLI_MAX_OPTIONS = 96 };

/* Every option's value. What was not given keeps its default of cli_options_default: 0, NAN or NULL mean "not
 * given". */
typedef struct cli_options {
  const char *positional[CLI_MAX_POSITIONAL]; /* after the command */
  size_t n_positional;
  const char *dirs[CLI_MAX_DIRS]; /* --catalog */
  size_t n_dirs;
  const char *rule_dirs[CLI_MAX_DIRS]; /* --rules */
  size_t n_rule_dirs;
  bool json, no_color, help, version, markdown, explain, no_mtp, disaggregate, aggregate, train, serve, rows, cv,
      force, pareto, overlaps, formats, csv, all, proposed, known, masked;
  int64_t chips, seq, document, batch, isl, osl, worst;
  double tpot_s, ttft_s, prefix_hit, capacity, train_tokens, power_price, pue, life, utilisation, rent;
  slip_dtype dtype, weights, attention, kv; /* SLIP_DTYPES: not given */
  const char *observed, *observed_plan;
  const char *plan, *decode_plan, *model, *stack, *kind, *timeline, *region, *prefill_system, *decode_system, *by,
      *svg, *from, *output, *why_not, *search, *clusters;
  const char *date, *known_on, *to, *hq, *parent_hq, *end_user, *end_use, *marketed, *given, *headroom, *log, *diff;
  int64_t volume, year, samples, seed;
  const char *vary;
} cli_options;

/* ---- the table of commands ---- */

typedef struct cli_session cli_session;

typedef enum cli_command_id {
  CLI_LIST,
  CLI_SHOW,
  CLI_TRAIN,
  CLI_SERVE,
  CLI_COMPARE,
  CLI_VALIDATE,
  CLI_CALIBRATE,
  CLI_SWEEP,
  CLI_QUERY,
  CLI_CLASSIFY,
  CLI_SCENARIO,
  CLI_HELP,
  CLI_COMMANDS
} cli_command_id;

typedef struct cli_command {
  const char *name, *arguments, *summary, *details, *example;
  slip_status (*run)(cli_session *session, slip_error *err);
} cli_command;

extern const cli_command cli_commands[CLI_COMMANDS];

/* ---- the table of options ---- */

typedef enum cli_type { CLI_FLAG, CLI_COUNT, CLI_NUMBER, CLI_SECONDS, CLI_DTYPE, CLI_TEXT, CLI_DIRS } cli_type;

typedef struct cli_option {
  const char *name;     /* without the dashes */
  const char *argument; /* its name in help; NULL for flags */
  cli_type type;
  unsigned commands;   /* bit per cli_command_id */
  size_t offset;       /* of the member of cli_options */
  double low, high;    /* legal range, inclusive; numbers only */
  const char *choices; /* dtypes: the legal ones, separated by spaces */
  const char *help;
} cli_option;

extern const cli_option cli_option_table[];
extern const size_t cli_option_count;

cli_options cli_options_default(void);
/* Reads argv[1..argc) into *options and *command (-1: none given). SLIP_BAD_INPUT names the argument. */
slip_status cli_parse(int argc, char **argv, cli_options *options, int *command, slip_error *err);
/* "deepseek-v3" of what the user may have meant, or NULL: the nearest of `count` names when near enough. */
const char *cli_nearest(const char *given, const char *(*name)(size_t i, const void *context), size_t count,
                        const void *context);

/* ---- a run ---- */

/* Processes that share a sweep (slipstick-mpi). NULL in the plain binary. */
typedef struct cli_ranks cli_ranks;
struct cli_ranks {
  bool (*serves)(const cli_ranks *ranks); /* computes for another rank, which writes */
  slip_status (*serve)(cli_ranks *ranks, const slip_grid *sweep, slip_error *err);
  slip_status (*run)(cli_ranks *ranks, const slip_grid *sweep, slip_runs *runs, const slip_search_watch *watch,
                     slip_error *err);
};

struct cli_session {
  cli_ranks *ranks;
  const cli_options *options;
  slip_style style;
  slip_text out;                     /* written to stdout at the end, whole */
  slip_text notes;                   /* lines for stderr, whatever the outcome; in JSON runs too */
  slip_json json;                    /* valid between cli_json_begin and cli_json_end */
  slip_catalog *catalog;             /* opened by cli_open_catalog */
  slip_model_file *model_file;       /* owned; set by cli_model when the model came from a file */
  const volatile sig_atomic_t *stop; /* raised by Ctrl-C */
};

slip_status cli_open_catalog(cli_session *session, slip_error *err);
/* The model of --model, or of the first of the arguments, of which it then counts *used as taken. */
slip_status cli_model(cli_session *session, const slip_model **model, size_t *used, slip_error *err);
/* --stack, or the newest one for the chip; checks that it trains (or serves) and is for the chip's vendor. */
slip_status cli_stack(cli_session *session, const slip_chip *chip, bool train, const slip_stack **out,
                      slip_error *err);
void cli_session_free(cli_session *session);

/* --observed: updates *stack from the job's and puts it into the job. */
slip_status cli_observe_train(cli_session *session, slip_train_job *job, slip_stack *stack, slip_lesson *lesson,
                              slip_error *err);
slip_status cli_observe_serve(cli_session *session, slip_serve_job *job, slip_stack *stack, slip_lesson *lesson,
                              slip_error *err);
/* What was learnt: a note on stderr; a key "observed" of a JSON answer. */
void cli_note_lesson(cli_session *session, const slip_lesson *lesson);
void cli_json_lesson(cli_session *session, const slip_lesson *lesson);

/* ---- what train and serve share beyond one plan ---- */

/* Mode of --search. */
slip_status cli_search_mode(const cli_session *session, slip_search_mode *out, slip_error *err);
/* --clusters 256,512,...; with --pareto and without it: --chips, its half, ... while they are whole systems. */
slip_status cli_clusters(const cli_session *session, int64_t chips, const slip_system *system,
                         int64_t out[SLIP_MAX_CLUSTERS], int *n, slip_error *err);
/* --region and the options that replace its figures. */
slip_status cli_terms(const cli_session *session, slip_econ_terms *terms, slip_error *err);
/* Cost of one chip-second and one joule; NAN, with *why saying what is not published, when there is none. */
slip_status cli_price(const cli_session *session, const slip_system *system, slip_price *out, double *pue,
                      char why[SLIP_WHY_SIZE], slip_error *err);
/* Ctrl-C and the bar. */
slip_search_watch cli_watch(const cli_session *session);

/* --pareto and --why-not of an opened job. */
slip_status cli_train_front(cli_session *session, const slip_train *train, slip_error *err);
slip_status cli_train_why_not(cli_session *session, const slip_train *train, slip_error *err);
slip_status cli_serve_front(cli_session *session, const slip_serve *serve, const slip_serve *decode,
                            slip_error *err);
slip_status cli_serve_why_not(cli_session *session, const slip_serve *serve, slip_error *err);
slip_status cli_train_space(const cli_session *session, const slip_train *train, slip_train_space *space,
                            slip_error *err);
slip_status cli_serve_space(const cli_session *session, const slip_serve *serve, slip_serve_space *space,
                            slip_error *err);

/* A note, and in JSON a key, that Ctrl-C cut the search short, when it did. */
void cli_note_stopped(cli_session *session);
/* Opens the answer's object with "command"; ends it. */
void cli_json_begin(cli_session *session, const char *command);
void cli_json_end(cli_session *session);
/* "why" with the error's message and "missing" with field and file when it names a field. */
void cli_json_why(cli_session *session, const slip_error *err);

/* True for a path: it has a slash, ends in .json, or is a folder. */
bool cli_is_path(const char *name);
/* True when `status` is an answer of its own kind (nothing feasible, a value missing, stopped), not a failure. */
bool cli_is_answer(slip_status status);

/* ---- the terminal ---- */

/* Colour and width of stdout. */
slip_style cli_style(const cli_options *options);
/* Catches Ctrl-C and ignores SIGPIPE. */
const volatile sig_atomic_t *cli_catch_signals(void);
/* A bar on stderr when that is a terminal; share from 0 to 1. Fits slip_compare's progress. */
void cli_progress(double share, void *context);
void cli_progress_end(void);

/* ---- the whole ---- */

/* Reads the arguments, runs one command, writes what it made; the exit status. ranks: NULL, or those of slipstick-mpi. */
int cli_main(int argc, char **argv, cli_ranks *ranks);

/* ---- commands ---- */

slip_status cli_list(cli_session *session, slip_error *err);
slip_status cli_show(cli_session *session, slip_error *err);
slip_status cli_train(cli_session *session, slip_error *err);
slip_status cli_serve(cli_session *session, slip_error *err);
slip_status cli_compare(cli_session *session, slip_error *err);
slip_status cli_validate(cli_session *session, slip_error *err);
slip_status cli_calibrate(cli_session *session, slip_error *err);
slip_status cli_sweep(cli_session *session, slip_error *err);
slip_status cli_query(cli_session *session, slip_error *err);
slip_status cli_classify(cli_session *session, slip_error *err);
slip_status cli_scenario(cli_session *session, slip_error *err);
slip_status cli_help(cli_session *session, slip_error *err);
/* Help of one command, or of the whole for -1. */
void cli_help_text(int command, const slip_style *style, slip_text *out);

#endif
