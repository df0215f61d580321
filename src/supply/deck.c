/* Assumptions: reading them from files, quantile tables, drawing them in blocks. */
#include "supply/deck.h"

#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "base/random.h"
#include "base/text.h"
#include "catalog/catalog_internal.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const shape_names[] = {"triangular", "uniform", "lognormal"};

/* ---- small readers ---- */

slip_status slip_file_quarter(const slip_node *map, const char *key, slip_quarter *out, slip_error *err) {
  const slip_node *node = slip_node_get(map, key);
  if (node == NULL)
    return slip_fail_at(err, SLIP_BAD_INPUT, map->file, map->line, map->column, key,
                        "needs a quarter such as 2026Q1");
  if (node->kind != SLIP_NODE_SCALAR || !slip_quarter_parse(node->text, out))
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "expected a quarter from 1990Q1 to 2099Q4, such as 2026Q1");
  return SLIP_OK;
}

slip_status slip_file_list(const slip_node *list, const char *what, slip_error *err) {
  if (slip_node_is_null(list))
    return SLIP_OK;
  if (list->kind != SLIP_NODE_SEQUENCE)
    return slip_node_fail(err, SLIP_BAD_INPUT, list, "expected a list of %s", what);
  for (const slip_node *node = list->first; node; node = node->next)
    if (node->kind != SLIP_NODE_MAP)
      return slip_node_fail(err, SLIP_BAD_INPUT, node, "each of the %s is a map", what);
  return SLIP_OK;
}

bool slip_deck_find(const slip_deck *deck, const char *id, size_t *index) {
  for (size_t i = 0; i < deck->n; i++) {
    if (strcmp(deck->items[i].id, id) == 0) {
      *index = i;
      return true;
    }
  }
  return false;
}

/* ---- one assumption ---- */

static slip_status read_citation(slip_deck *deck, const slip_node *node, slip_citation *out, slip_error *err) {
  static const slip_node_key keys[] = {{"value", false}, {"at", false},        {"source", true}, {"url", false},
                                       {"date", true},   {"confidence", true}, {"note", false}};
  slip_status status = SLIP_OK;
  size_t confidence = 0;
  const char *names[SLIP_CONFIDENCES];
  for (int i = 0; i < SLIP_CONFIDENCES; i++)
    names[i] = slip_confidence_name((slip_confidence)i);
  SLIP_TRY(SLIP_NODE_KEYS(node, keys, "a source", err));
  out->value = NAN;
  if (slip_node_get(node, "value"))
    SLIP_TRY(slip_node_double(slip_node_get(node, "value"), -1e18, 1e18, &out->value, err));
  SLIP_TRY(slip_text_child(deck->arena, node, "at", &out->at, err));
  SLIP_TRY(slip_text_child(deck->arena, node, "source", &out->source, err));
  SLIP_TRY(slip_text_child(deck->arena, node, "url", &out->url, err));
  SLIP_TRY(slip_text_child(deck->arena, node, "date", &out->date, err));
  SLIP_TRY(slip_text_child(deck->arena, node, "note", &out->note, err));
  SLIP_TRY(slip_word_read(slip_node_get(node, "confidence"), names, SLIP_CONFIDENCES, &confidence, err));
  out->confidence = (slip_confidence)confidence;
cleanup:
  return status;
}

slip_status slip_deck_citations(slip_deck *deck, const slip_node *list, const slip_citation **out, size_t *n,
                                slip_error *err) {
  slip_status status = slip_file_list(list, "sources", err);
  if (status != SLIP_OK)
    return status;
  if (list->count == 0)
    return slip_node_fail(err, SLIP_BAD_INPUT, list, "name at least one source");
  slip_citation *citations = slip_arena_array(deck->arena, list->count, sizeof *citations);
  if (!citations)
    return slip_no_memory(err);
  for (const slip_node *node = list->first; node && status == SLIP_OK; node = node->next)
    status = read_citation(deck, node, &citations[(*n)++], err);
  *out = citations;
  return status;
}

/* low <= mode <= high; a lognormal is positive and symmetric in the logarithm, so its mode may be left out. */
static slip_status check_knot(slip_shape shape, const slip_node *node, slip_knot *knot, bool has_mode,
                              slip_error *err) {
  if (!(knot->low <= knot->high))
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "low %g is above high %g", knot->low, knot->high);
  if (shape == SLIP_SHAPE_LOGNORMAL && !(knot->low > 0))
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "a lognormal range is above 0");
  if (shape == SLIP_SHAPE_LOGNORMAL)
    knot->mode =
        fmin(fmax(sqrt(knot->low) * sqrt(knot->high), knot->low), knot->high); /* rounding, when low is high */
  else if (!has_mode)
    knot->mode = (knot->low + knot->high) / 2;
  if (!(knot->low <= knot->mode && knot->mode <= knot->high))
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "mode %g is not between low %g and high %g", knot->mode,
                          knot->low, knot->high);
  return SLIP_OK;
}

static slip_status read_knot(const slip_node *node, slip_shape shape, bool dated, slip_knot *knot,
                             slip_error *err) {
  static const slip_node_key keys[] = {
      {"quarter", false}, {"low", false}, {"mode", false}, {"high", false}, {"value", false}};
  slip_status status = SLIP_OK;
  SLIP_TRY(SLIP_NODE_KEYS(node, keys, "a range", err));
  if (dated)
    SLIP_TRY(slip_file_quarter(node, "quarter", &knot->quarter, err));
  const slip_node *value = slip_node_get(node, "value"), *mode = slip_node_get(node, "mode");
  if (value) {
    SLIP_TRY(slip_node_double(value, -1e18, 1e18, &knot->low, err));
    knot->mode = knot->high = knot->low;
    if (slip_node_get(node, "low") || slip_node_get(node, "high") || mode)
      return slip_node_fail(err, SLIP_BAD_INPUT, value, "give a value, or low and high, not both");
  } else {
    const slip_node *low = slip_node_get(node, "low"), *high = slip_node_get(node, "high");
    if (!low || !high)
      return slip_node_fail(err, SLIP_BAD_INPUT, node, "a range needs low and high, or a value");
    SLIP_TRY(slip_node_double(low, -1e18, 1e18, &knot->low, err));
    SLIP_TRY(slip_node_double(high, -1e18, 1e18, &knot->high, err));
    if (mode)
      SLIP_TRY(slip_node_double(mode, -1e18, 1e18, &knot->mode, err));
  }
  SLIP_TRY(check_knot(shape, node, knot, mode || value, err));
cleanup:
  return status;
}

static slip_status read_knots(slip_deck *deck, const slip_node *node, slip_assumption *item, slip_error *err) {
  slip_status status = SLIP_OK;
  const slip_node *path = slip_node_get(node, "path"), *range = slip_node_get(node, "range");
  if (!path == !range)
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "an input has either a range, or a path of ranges by quarter");
  if (path)
    SLIP_TRY(slip_file_list(path, "ranges of a path", err));
  const size_t count = path ? path->count : 1;
  if (count == 0 || count > SLIP_KNOTS_MAX)
    return slip_node_fail(err, SLIP_BAD_INPUT, path, "a path has 1 to %d ranges", SLIP_KNOTS_MAX);
  slip_knot *knots = slip_arena_array(deck->arena, count, sizeof *knots);
  if (!knots)
    return slip_no_memory(err);
  for (const slip_node *at = path ? path->first : range; at; at = path ? at->next : NULL) {
    SLIP_TRY(read_knot(at, item->shape, path != NULL, &knots[item->n_knots], err));
    if (item->n_knots > 0 && knots[item->n_knots].quarter <= knots[item->n_knots - 1].quarter)
      return slip_node_fail(err, SLIP_BAD_INPUT, at, "quarters of a path rise");
    item->n_knots++;
  }
  item->knots = knots;
cleanup:
  return status;
}

static bool is_id(const char *id) {
  const size_t n = strlen(id);
  return n > 0 && n <= SLIP_NAME_MAX_BYTES && strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789_-.") == n;
}

static slip_status read_item(slip_deck *deck, const slip_node *node, slip_assumption *item, slip_error *err) {
  static const slip_node_key keys[] = {{"id", true},     {"title", true}, {"unit", true},   {"shape", false},
                                       {"range", false}, {"path", false}, {"sources", true}};
  slip_status status = SLIP_OK;
  size_t shape = SLIP_SHAPE_TRIANGULAR;
  SLIP_TRY(SLIP_NODE_KEYS(node, keys, "an input", err));
  const slip_node *id = slip_node_get(node, "id");
  if (id->kind != SLIP_NODE_SCALAR || !is_id(id->text))
    return slip_node_fail(err, SLIP_BAD_INPUT, id, "an id has at most %d small letters, digits, '_', '-' and '.'",
                          SLIP_NAME_MAX_BYTES);
  *item = (slip_assumption){.id = id->text, .file = node->file, .line = id->line};
  SLIP_TRY(slip_text_child(deck->arena, node, "title", &item->title, err));
  SLIP_TRY(slip_text_child(deck->arena, node, "unit", &item->unit, err));
  if (slip_node_get(node, "shape"))
    SLIP_TRY(slip_word_read(slip_node_get(node, "shape"), shape_names, COUNT_OF(shape_names), &shape, err));
  item->shape = (slip_shape)shape;
  SLIP_TRY(read_knots(deck, node, item, err));
  SLIP_TRY(slip_deck_citations(deck, slip_node_get(node, "sources"), &item->citations, &item->n_citations, err));
cleanup:
  return status;
}

slip_status slip_deck_add(slip_deck *deck, const slip_assumption *item, slip_error *err) {
  size_t at = deck->n;
  if (!slip_deck_find(deck, item->id, &at) && deck->n == SLIP_DECK_MAX)
    return slip_fail_at(err, SLIP_BAD_INPUT, item->file, item->line, 0, item->id, "more than %d inputs",
                        SLIP_DECK_MAX);
  if (at == deck->n) {
    deck->least[at] = -INFINITY;
    deck->most[at] = INFINITY;
  }
  deck->items[at] = *item;
  deck->streams[at] = slip_random_stream(item->id);
  deck->n += at == deck->n ? 1 : 0;
  return SLIP_OK;
}

slip_status slip_deck_read(slip_deck *deck, const slip_node *list, bool replace, slip_error *err) {
  slip_status status = SLIP_OK;
  slip_assumption item = {0};
  const size_t before = deck->n;
  size_t at = 0;
  SLIP_TRY(slip_file_list(list, "inputs", err));
  for (const slip_node *node = list ? list->first : NULL; node; node = node->next) {
    SLIP_TRY(read_item(deck, node, &item, err));
    const bool is_there = slip_deck_find(deck, item.id, &at);
    if (is_there && (!replace || at >= before || deck->items[at].file == item.file))
      return slip_node_fail(err, SLIP_BAD_INPUT, slip_node_get(node, "id"),
                            "the input \"%s\" is already defined at line %d", item.id, deck->items[at].line);
    SLIP_TRY(slip_deck_add(deck, &item, err));
  }
cleanup:
  return status;
}

slip_status slip_deck_within(const slip_deck *deck, size_t index, double low, double high, const slip_node *node,
                             slip_error *err) {
  const slip_assumption *item = &deck->items[index];
  for (size_t k = 0; k < item->n_knots; k++)
    if (!(item->knots[k].low >= low && item->knots[k].high <= high))
      return slip_node_fail(err, SLIP_BAD_INPUT, node,
                            "the input \"%s\" (line %d) reaches from %g to %g; here it must stay from %g to %g",
                            item->id, item->line, item->knots[k].low, item->knots[k].high, low, high);
  return SLIP_OK;
}

/* A number written where an input may stand: a fixed input of its own, known to the file that holds it. */
static slip_status add_number(slip_deck *deck, const slip_node *node, size_t *index, slip_error *err) {
  double value = 0;
  slip_status status = slip_node_double(node, -1e18, 1e18, &value, err);
  slip_citation *citation = slip_arena_alloc(deck->arena, sizeof *citation);
  slip_knot *knot = slip_arena_alloc(deck->arena, sizeof *knot);
  const char *id = slip_arena_printf(deck->arena, "=%s", node->text);
  if (status != SLIP_OK)
    return status;
  if (!citation || !knot || !id)
    return slip_no_memory(err);
  if (slip_deck_find(deck, id, index))
    return SLIP_OK;
  *citation = (slip_citation){value, "", "the file itself", "", "", "", SLIP_ASSUMED};
  *knot = (slip_knot){0, value, value, value};
  slip_assumption item = {id, id, "", SLIP_SHAPE_UNIFORM, knot, 1, citation, 1, node->file, node->line};
  *index = deck->n;
  return slip_deck_add(deck, &item, err);
}

slip_status slip_deck_refer(slip_deck *deck, const slip_node *node, double low, double high, size_t *index,
                            slip_error *err) {
  slip_status status = SLIP_OK;
  const char *nearest = NULL;
  if (node->kind != SLIP_NODE_SCALAR)
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "expected the id of an input, or a number");
  if (!node->quoted && slip_is_number(node->text)) {
    SLIP_TRY(add_number(deck, node, index, err));
  } else if (!slip_deck_find(deck, node->text, index)) {
    for (size_t i = 0; i < deck->n; i++)
      if (!nearest || slip_edit_distance(node->text, deck->items[i].id) < slip_edit_distance(node->text, nearest))
        nearest = deck->items[i].id;
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "no input has the id \"%s\"%s%s%s", node->text,
                          nearest ? "; the nearest is \"" : "", nearest ? nearest : "", nearest ? "\"" : "");
  }
  SLIP_TRY(slip_deck_within(deck, *index, low, high, node, err));
  deck->least[*index] = fmax(deck->least[*index], low);
  deck->most[*index] = fmin(deck->most[*index], high);
cleanup:
  return status;
}

/* ---- quantiles ---- */

/* The standard normal's quantile by bisection of erfc: exact to a few ulp, and used only to make tables. */
static double normal_quantile(double u) {
  double low = -6, high = 6;
  for (int i = 0; i < 60; i++) {
    const double middle = (low + high) / 2;
    if (erfc(-middle / sqrt(2)) / 2 < u)
      low = middle;
    else
      high = middle;
  }
  return (low + high) / 2;
}

#define NORMAL_90 1.2815515655446004 /* the standard normal's 90% quantile */

static double knot_quantile(slip_shape shape, const slip_knot *knot, double u) {
  const double width = knot->high - knot->low;
  if (!(width > 0))
    return knot->low;
  if (shape == SLIP_SHAPE_UNIFORM)
    return knot->low + u * width;
  if (shape == SLIP_SHAPE_TRIANGULAR) {
    const double left = (knot->mode - knot->low) / width;
    return u < left ? knot->low + sqrt(u * width * (knot->mode - knot->low))
                    : knot->high - sqrt((1 - u) * width * (knot->high - knot->mode));
  }
  const double clipped = fmin(fmax(u, 1.0 / 1024), 1023.0 / 1024);
  return knot->mode * exp(normal_quantile(clipped) * log(knot->high / knot->low) / (2 * NORMAL_90));
}

/* The knots around a quarter and the weight of the second. */
static void around(const slip_assumption *a, slip_quarter quarter, size_t *first, double *weight) {
  size_t i = 0;
  while (i + 1 < a->n_knots && a->knots[i + 1].quarter <= quarter)
    i++;
  *first = i;
  *weight = 0;
  if (i + 1 < a->n_knots && quarter > a->knots[i].quarter)
    *weight = (double)(quarter - a->knots[i].quarter) / (double)(a->knots[i + 1].quarter - a->knots[i].quarter);
}

double slip_assumption_quantile(const slip_assumption *a, slip_quarter quarter, double u) {
  size_t k = 0;
  double weight = 0;
  around(a, quarter, &k, &weight);
  const double first = knot_quantile(a->shape, &a->knots[k], u);
  return weight > 0 ? first + weight * (knot_quantile(a->shape, &a->knots[k + 1], u) - first) : first;
}

static bool is_fixed(const slip_assumption *a) {
  for (size_t k = 0; k < a->n_knots; k++)
    if (a->knots[k].low < a->knots[k].high)
      return false;
  return true;
}

slip_status slip_deck_finish(slip_deck *deck, slip_error *err) {
  deck->n_knots = 0;
  for (size_t i = 0; i < deck->n; i++) {
    const slip_assumption *a = &deck->items[i];
    deck->first_knot[i] = deck->n_knots;
    deck->n_knots += a->n_knots;
    deck->tables[i] = NULL;
    if (is_fixed(a))
      continue;
    double *table = slip_arena_array(deck->arena, a->n_knots * (SLIP_TABLE + 1), sizeof *table);
    if (!table)
      return slip_no_memory(err);
    for (size_t k = 0; k < a->n_knots; k++)
      for (int t = 0; t <= SLIP_TABLE; t++)
        table[k * (SLIP_TABLE + 1) + (size_t)t] = knot_quantile(a->shape, &a->knots[k], (double)t / SLIP_TABLE);
    deck->tables[i] = table;
  }
  return SLIP_OK;
}

/* ---- drawing ---- */

SLIP_WIDE void slip_deck_draw(const slip_deck *deck, uint32_t seed, uint32_t first, slip_lanes *knots,
                              slip_lanes *uniform) {
  slip_lanes u, part;
  int at[SLIP_LANES];
  for (size_t i = 0; i < deck->n; i++) {
    const slip_assumption *a = &deck->items[i];
    slip_lanes *out = &knots[deck->first_knot[i]];
    if (!deck->tables[i]) {
      for (size_t k = 0; k < a->n_knots; k++)
        SLIP_EACH_LANE
      out[k][l] = a->knots[k].low;
      continue;
    }
    slip_random_uniform(seed, deck->streams[i], first, SLIP_LANES, u);
    if (uniform)
      memcpy(uniform[i], u, sizeof u);
    SLIP_EACH_LANE {
      at[l] = (int)(u[l] * SLIP_TABLE);
      part[l] = u[l] * SLIP_TABLE - at[l];
    }
    for (size_t k = 0; k < a->n_knots; k++) {
      const double *table = &deck->tables[i][k * (SLIP_TABLE + 1)];
      SLIP_EACH_LANE
      out[k][l] = table[at[l]] + part[l] * (table[at[l] + 1] - table[at[l]]);
    }
  }
}

SLIP_WIDE void slip_deck_at(const slip_deck *deck, const slip_lanes *knots, size_t index, slip_quarter quarter,
                            slip_lanes out) {
  size_t k = 0;
  double weight = 0;
  around(&deck->items[index], quarter, &k, &weight);
  const double *a = knots[deck->first_knot[index] + k];
  if (!(weight > 0)) {
    memcpy(out, a, sizeof(slip_lanes));
    return;
  }
  const double *b = knots[deck->first_knot[index] + k + 1];
  SLIP_EACH_LANE
  out[l] = a[l] + weight * (b[l] - a[l]);
}
