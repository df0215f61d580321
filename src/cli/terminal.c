/* The terminal: its width, colour, signals, and the progress bar. The one place of global state: a signal handler
 * has no other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

enum { WIDEST = 10000, BAR = 30 };

slip_style cli_style(const cli_options *options) {
  slip_style style = {false, 0};
  const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM"), *columns = getenv("COLUMNS");
  const bool terminal = isatty(STDOUT_FILENO) == 1;
  style.colour = terminal && !options->no_color && (no_color == NULL || *no_color == '\0') &&
                 (term == NULL || strcmp(term, "dumb") != 0);
  struct winsize size;
  int64_t wanted = 0;
  if (columns != NULL && slip_parse_int(columns, &wanted) && wanted > 0 && wanted <= WIDEST)
    style.width = (int)wanted;
  else if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
    style.width = size.ws_col;
  return style;
}

static volatile sig_atomic_t stop_raised;

static volatile time_t stop_time;

/* The first Ctrl-C asks for the best so far; another one, not of the same moment (some senders signal both the process
 * and its group), ends the process. */
static void raise_stop(int signal_number) {
  const time_t now = time(NULL);
  if (stop_raised != 0 && now > stop_time + 1) {
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
  }
  if (stop_raised == 0)
    stop_time = now;
  stop_raised = 1;
}

const volatile sig_atomic_t *cli_catch_signals(void) {
  struct sigaction action = {0};
  action.sa_handler = raise_stop;
  (void)sigaction(SIGINT, &action, NULL);
  /* A closed pipe is then a failed write, which has an exit status of its own. */
  struct sigaction ignore = {0};
  ignore.sa_handler = SIG_IGN;
  (void)sigaction(SIGPIPE, &ignore, NULL);
  return &stop_raised;
}

void cli_progress(double share, void *context) {
  (void)context;
  if (isatty(STDERR_FILENO) != 1)
    return;
  const int filled = (int)(share * BAR + 0.5);
  char bar[BAR + 1];
  for (int i = 0; i < BAR; i++)
    bar[i] = i < filled ? '#' : '.';
  bar[BAR] = '\0';
  (void)fprintf(stderr, "\r[%s] %3.0f%%", bar, share * 100);
  (void)fflush(stderr);
}

void cli_progress_end(void) {
  if (isatty(STDERR_FILENO) == 1)
    (void)fputs("\r\033[K", stderr);
}
