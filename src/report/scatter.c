/* Predicted against measured as SVG: both axes logarithmic and alike, so that the diagonal is a perfect prediction. */
#include <math.h>

#include "report/validate.h"

enum { SIDE = 760, LEFT = 84, TOP = 56, RIGHT = 24, BOTTOM = 72, MOST_LABELS = 14 };

static const char *const colours[SLIP_ROW_KINDS] = {
    [SLIP_ROW_TRAINING] = "#1b6ca8", [SLIP_ROW_SERVING] = "#c8553d", [SLIP_ROW_KERNEL] = "#5b8c5a"};

/* Decades shown on both axes. */
typedef struct range {
  double low, high;
} range;

static double x_of(const range *r, double decade) {
  return LEFT + SIDE * (decade - r->low) / (r->high - r->low);
}

static double y_of(const range *r, double decade) {
  return TOP + SIDE - SIDE * (decade - r->low) / (r->high - r->low);
}

static range find_range(const slip_validation *validation) {
  range r = {INFINITY, -INFINITY};
  for (size_t i = 0; i < slip_validation_count(validation); i++) {
    const slip_checked *row = slip_validation_row(validation, i);
    if (!row->scored)
      continue;
    r.low = fmin(r.low, fmin(log10(row->measured), log10(row->predicted)));
    r.high = fmax(r.high, fmax(log10(row->measured), log10(row->predicted)));
  }
  if (!(r.low <= r.high))
    return (range){0, 1};
  r = (range){floor(r.low), ceil(r.high)};
  if (!(r.low < r.high))
    r.high = r.low + 1;
  return r;
}

static void add_axes(const range *r, slip_text *out) {
  const int decades = (int)(r->high - r->low), step = (decades + MOST_LABELS - 1) / MOST_LABELS;
  for (int i = 0; i <= decades; i += step) {
    const double d = r->low + i;
    slip_text_printf(
        out,
        "<path d=\"M%.1f %d V%d M%d %.1f H%d\" stroke=\"#ddd\" stroke-width=\"1\"/>\n"
        "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">10<tspan dy=\"-5\" font-size=\"9\">%.0f</tspan></text>\n"
        "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">10<tspan dy=\"-5\" font-size=\"9\">%.0f</tspan></text>\n",
        x_of(r, d), TOP, TOP + SIDE, LEFT, y_of(r, d), LEFT + SIDE, x_of(r, d), TOP + SIDE + 22, d, LEFT - 8,
        y_of(r, d) + 4, d);
  }
  slip_text_printf(
      out,
      "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#444\"/>\n"
      "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">measured, in the unit of the row</text>\n"
      "<text transform=\"translate(24 %d) rotate(-90)\" text-anchor=\"middle\">predicted, in the unit of the "
      "row</text>\n",
      LEFT, TOP, SIDE, SIDE, LEFT + SIDE / 2, TOP + SIDE + 52, TOP + SIDE / 2);
}

/* The diagonal and the band of 20% on either side of it, cut at the frame by a clip path. */
static void add_band(const range *r, slip_text *out) {
  const double up = log10(1.2), down = log10(0.8), a = r->low, b = r->high;
  slip_text_printf(
      out,
      "<g clip-path=\"url(#frame)\"><polygon points=\"%.1f,%.1f %.1f,%.1f %.1f,%.1f %.1f,%.1f\" fill=\"#000\" "
      "fill-opacity=\"0.07\"/>\n<path d=\"M%.1f %.1f L%.1f %.1f\" stroke=\"#666\" stroke-width=\"1\"/></g>\n",
      x_of(r, a), y_of(r, a + up), x_of(r, b), y_of(r, b + up), x_of(r, b), y_of(r, b + down), x_of(r, a),
      y_of(r, a + down), x_of(r, a), y_of(r, a), x_of(r, b), y_of(r, b));
}

static void add_legend(const slip_validation *validation, slip_text *out) {
  int line = 0;
  for (int kind = 0; kind < SLIP_ROW_KINDS; kind++) {
    slip_summary sum = {0};
    size_t count = 0;
    if (slip_validation_summarise(validation, (slip_row_kind)kind, SLIP_BY_ALL, &sum, 1, &count, NULL) != SLIP_OK)
      out->failed = true;
    if (count == 0 || sum.scored == 0)
      continue;
    const int y = TOP + 24 + 20 * line++;
    slip_text_printf(
        out,
        "<circle cx=\"%d\" cy=\"%d\" r=\"5\" fill=\"%s\"/><text x=\"%d\" y=\"%d\">%s: %zu, median error "
        "%.1f%%</text>\n",
        LEFT + 18, y - 4, colours[kind], LEFT + 30, y, slip_row_kind_name((slip_row_kind)kind), sum.scored,
        sum.median_error * 100);
  }
  slip_text_printf(out, "<text x=\"%d\" y=\"%d\">grey: within 20%%</text>\n", LEFT + 30, TOP + 24 + 20 * line);
}

void slip_svg_validation(const slip_validation *validation, slip_text *out) {
  const range r = find_range(validation);
  slip_text_printf(
      out,
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
      "font-family=\"sans-serif\" font-size=\"13\" role=\"img\">\n<title>slipstick: predicted against "
      "measured</title>\n<clipPath id=\"frame\"><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/></clipPath>\n"
      "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
      "<text x=\"%d\" y=\"34\" font-size=\"17\">Predicted against measured</text>\n",
      LEFT + SIDE + RIGHT, TOP + SIDE + BOTTOM, LEFT + SIDE + RIGHT, TOP + SIDE + BOTTOM, LEFT, TOP, SIDE, SIDE,
      LEFT);
  add_band(&r, out);
  add_axes(&r, out);
  for (int kind = SLIP_ROW_KINDS - 1; kind >= 0; kind--) {
    slip_text_printf(out, "<g fill=\"%s\" fill-opacity=\"0.55\">\n", colours[kind]);
    for (size_t i = 0; i < slip_validation_count(validation); i++) {
      const slip_checked *row = slip_validation_row(validation, i);
      if (row->scored && row->kind == (slip_row_kind)kind)
        slip_text_printf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"2.2\"/>\n", x_of(&r, log10(row->measured)),
                         y_of(&r, log10(row->predicted)));
    }
    slip_text_add(out, "</g>\n");
  }
  add_legend(validation, out);
  slip_text_add(out, "</svg>\n");
}
