/* One training step as a trace in the Chrome / Perfetto JSON format (the "Trace Event Format": ui.perfetto.dev
 * opens it). Streamed: memory does not grow with the number of slices. */
#ifndef SLIP_REPORT_TIMELINE_H
#define SLIP_REPORT_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>

#include <slipstick/train.h>

/* Takes n bytes; false stops the writing. */
typedef bool slip_sink(const char *bytes, size_t n, void *context);

/* SLIP_IO_FAILURE when the sink refused, else as slip_train_timeline. `title` names the process in the viewer. */
slip_status slip_report_timeline(const slip_train *train, const slip_plan *plan, const char *title, slip_sink *sink,
                                 void *context, slip_error *err);

#endif
