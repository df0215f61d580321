/* The trace writer: one event a line, flushed in blocks. */
#include "report/timeline.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/json.h"

enum { FLUSH_BYTES = 64 << 10 };

typedef struct writer {
  slip_text text;
  slip_sink *sink;
  void *context;
  bool refused;
} writer;

static bool flush(writer *w) {
  if (!w->refused && !w->text.failed && w->text.length > 0)
    w->refused = !w->sink(w->text.data, w->text.length, w->context);
  w->text.length = 0;
  return !w->refused && !w->text.failed;
}

/* Rows of the viewer: each stage has one for compute and one for communication, side by side. */
static void add_row_name(writer *w, int64_t stage, bool communication) {
  slip_text_printf(&w->text,
                   ",\n{\"ph\":\"M\",\"pid\":0,\"tid\":%" PRId64
                   ",\"name\":\"thread_name\",\"args\":{\"name\":\"stage %" PRId64 "%s\"}}",
                   2 * stage + (communication ? 1 : 0), stage, communication ? " network" : "");
}

/* Microseconds, to the nanosecond: the length is taken after rounding, so that slices that touch do not overlap. */
static double rounded_us(double seconds) {
  return round(seconds * 1e9) / 1e3;
}

static bool visit(const slip_slice *slice, void *context) {
  static const char *const names[] = {"forward", "backward", "weight gradient", "communication", "optimizer"};
  writer *w = context;
  const bool communication = slice->what == SLIP_SLICE_COMMUNICATION;
  const double start_us = rounded_us(slice->start_s), end_us = rounded_us(slice->end_s);
  slip_text_printf(&w->text,
                   ",\n{\"ph\":\"X\",\"pid\":0,\"tid\":%" PRId64 ",\"ts\":%.3f,\"dur\":%.3f,\"name\":\"%s",
                   2 * slice->stage + (communication ? 1 : 0), start_us, end_us - start_us, names[slice->what]);
  if (slice->what == SLIP_SLICE_OPTIMIZER)
    slip_text_add(&w->text, "\"}");
  else
    slip_text_printf(&w->text, " %" PRId64 "\",\"args\":{\"micro_batch\":%" PRId64 ",\"chunk\":%" PRId64 "}}",
                     slice->micro_batch, slice->micro_batch, slice->chunk);
  return w->text.length < FLUSH_BYTES || flush(w);
}

static void add_heading(writer *w, const char *title, int64_t stages) {
  slip_text name = {0};
  slip_json json;
  slip_json_begin(&json, &name); /* for its escaping */
  slip_json_string(&json, NULL, title);
  slip_json_end(&json);
  if (name.length > 0 && name.data[name.length - 1] == '\n')
    name.data[--name.length] = '\0';
  slip_text_add(&w->text, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
  slip_text_printf(&w->text, "{\"ph\":\"M\",\"pid\":0,\"name\":\"process_name\",\"args\":{\"name\":%s}}",
                   name.data != NULL ? name.data : "\"\"");
  w->text.failed = w->text.failed || name.failed;
  slip_text_free(&name);
  for (int64_t stage = 0; stage < stages; stage++) {
    add_row_name(w, stage, false);
    add_row_name(w, stage, true);
  }
}

slip_status slip_report_timeline(const slip_train *train, const slip_plan *plan, const char *title, slip_sink *sink,
                                 void *context, slip_error *err) {
  writer w = {.sink = sink, .context = context};
  add_heading(&w, title, plan->pp);
  slip_status status = slip_train_timeline(train, plan, visit, &w, err);
  if (status == SLIP_OK) {
    slip_text_add(&w.text, "\n]}\n");
    (void)flush(&w);
  }
  if (w.text.failed)
    status = slip_no_memory(err);
  else if (w.refused)
    status = slip_fail(err, SLIP_IO_FAILURE, "the timeline could not be written");
  slip_text_free(&w.text);
  return status;
}
