#include "report/markdown.h"

#include <math.h>

#include "report/table.h"

void slip_markdown_cell(slip_text *out, const char *text) {
  slip_text safe = {0};
  slip_safe_add(&safe, text, false);
  slip_text_add(out, " ");
  for (const char *c = safe.data != NULL ? safe.data : ""; *c != '\0'; c++) {
    if (*c == '|' || *c == '<' || *c == '*' || *c == '_')
      slip_text_add(out, "\\");
    slip_text_add_n(out, c, 1);
  }
  slip_text_add(out, " |");
  out->failed = out->failed || safe.failed;
  slip_text_free(&safe);
}

void slip_markdown_percent(slip_text *out, double share) {
  if (isnan(share))
    slip_text_add(out, " - |");
  else
    slip_text_printf(out, " %.1f%% |", share * 100);
}
