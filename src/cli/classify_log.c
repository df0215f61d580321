/* classify --log FILE: a record of a verdict. Lines are only ever appended, and each carries the hash of the line before it, so that a
 * line that was changed or taken out shows. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "cli/classify.h"

enum { LONGEST_LINE = 1 << 16 };

static slip_status fail_log(const char *path, const char *what, slip_error *err) {
  return slip_fail_at(err, SLIP_IO_FAILURE, path, 0, 0, NULL, "%s: %s", what, strerror(errno));
}

/* SHA-256 of the last line, its newline left out; "" when there is none. */
static slip_status hash_last_line(int file, const char *path, char out[SLIP_HASH_SIZE], slip_error *err) {
  slip_status status = SLIP_OK;
  char *tail = NULL;
  const off_t size = lseek(file, 0, SEEK_END);
  const off_t from = size > LONGEST_LINE ? size - LONGEST_LINE : 0;
  out[0] = '\0';
  if (size < 0)
    return fail_log(path, "cannot be read to its end", err);
  if (size == 0)
    return SLIP_OK;
  const size_t n = (size_t)(size - from);
  tail = slip_memory_resize(NULL, n);
  if (tail == NULL)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  if (pread(file, tail, n, from) != (ssize_t)n) {
    status = fail_log(path, "cannot be read", err);
    goto cleanup;
  }
  if (tail[n - 1] != '\n')
    SLIP_FAIL(err, SLIP_BAD_INPUT, "%s does not end in a line that is whole: it is no log of this command", path);
  size_t start = n - 1;
  while (start > 0 && tail[start - 1] != '\n')
    start--;
  if ((start == 0 && from > 0) || tail[start] != '{')
    SLIP_FAIL(err, SLIP_BAD_INPUT, "the last line of %s is no line of this command's log", path);
  slip_hash(out, tail + start, n - 1 - start);
cleanup:
  free(tail);
  return status;
}

/* The answers alone, in the order of the decisions: what the hash of the result is of. */
static void write_outcomes(slip_json *json, const slip_verdict *verdict) {
  slip_json_object(json, "outcomes");
  for (size_t i = 0; i < verdict->n_decided; i++) {
    slip_text cell = {0};
    if (!verdict->decided[i].decision->takes_first)
      continue;
    slip_outcome_cell(&verdict->decided[i], &cell);
    slip_json_string(json, verdict->decided[i].decision->id, cell.data);
    slip_text_free(&cell);
  }
  slip_json_object_end(json);
  slip_text flags = {0};
  slip_flags_cell(verdict, true, &flags);
  slip_json_string(json, "flags", flags.data != NULL ? flags.data : "");
  slip_text_free(&flags);
}

static void write_line(const slip_classified *c, const char *previous, slip_text *out) {
  char hash[SLIP_HASH_SIZE], date[SLIP_DATE_SIZE], at[32] = "";
  const time_t now = time(NULL);
  struct tm utc;
  slip_json json;
  slip_json_begin(&json, out);
  slip_json_object(&json, NULL);
  if (gmtime_r(&now, &utc) != NULL)
    (void)strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%SZ", &utc);
  slip_json_string(&json, "at", at);
  slip_json_string(&json, "slipstick", SLIPSTICK_VERSION);
  slip_json_string(&json, "item", c->item->name);
  slip_json_string(&json, "date", slip_date_format(date, c->ask.date));
  slip_json_string(&json, "known_on", c->ask.known_on ? slip_date_format(date, c->ask.known_on) : NULL);
  slip_json_bool(&json, "with_proposed", c->ask.with_proposed);
  slip_json_string(&json, "rules_sha256", slip_rules_describe(c->rules).hash);
  slip_json_string(&json, "catalog_sha256", slip_catalog_hash(c->catalog, hash));
  slip_json_string(&json, "inputs_sha256", slip_case_hash(c->facts, hash));
  slip_json_object(&json, "stated");
  for (size_t i = 0;; i++) {
    const slip_known known = slip_case_known(c->facts, i);
    if (known.input == NULL)
      break;
    if (known.is_known && known.fact == NULL && strcmp(known.source, "stated by the user") == 0)
      slip_json_string(&json, known.input->id, known.value);
  }
  slip_json_object_end(&json);
  write_outcomes(&json, c->verdict);
  slip_json_string(&json, "previous_sha256", previous[0] != '\0' ? previous : NULL);
  slip_json_object_end(&json);
  slip_json_end(&json);
}

/* The JSON writer breaks lines between items; strings hold none, so what is between is layout. */
static void flatten(slip_text *text) {
  size_t to = 0;
  bool after_break = false;
  for (size_t i = 0; i + 1 < text->length; i++) {
    const char c = text->data[i];
    if (c == '\n' || (after_break && c == ' ')) {
      after_break = true;
      continue;
    }
    after_break = false;
    text->data[to++] = c;
  }
  text->data[to++] = '\n';
  text->data[to] = '\0';
  text->length = to;
}

slip_status cli_classify_log(cli_session *session, const slip_classified *c, slip_error *err) {
  const char *path = session->options->log;
  char previous[SLIP_HASH_SIZE];
  slip_text line = {0};
  slip_status status = SLIP_OK;
  const int file = open(path, O_RDWR | O_CREAT | O_APPEND, 0644);
  if (file < 0)
    return fail_log(path, "cannot be opened", err);
  if (flock(file, LOCK_EX) != 0) {
    status = fail_log(path, "cannot be locked", err);
    goto cleanup;
  }
  SLIP_TRY(hash_last_line(file, path, previous, err));
  write_line(c, previous, &line);
  if (line.failed)
    SLIP_FAIL(err, SLIP_NO_MEMORY, "out of memory");
  flatten(&line);
  if (write(file, line.data, line.length) != (ssize_t)line.length)
    status = fail_log(path, "cannot be written", err);
cleanup:
  slip_text_free(&line);
  if (close(file) != 0 && status == SLIP_OK)
    status = fail_log(path, "cannot be written", err);
  return status;
}
