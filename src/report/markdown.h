/* Cells of Markdown tables. */
#ifndef SLIP_REPORT_MARKDOWN_H
#define SLIP_REPORT_MARKDOWN_H

#include "base/text.h"

/* " TEXT |", with what Markdown reads as special escaped. */
void slip_markdown_cell(slip_text *out, const char *text);
/* " 12.3% |", " - |" for NAN. */
void slip_markdown_percent(slip_text *out, double share);

#endif
