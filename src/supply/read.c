/* Supply files: pools and products. */
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "catalog/catalog_internal.h"
#include "supply/supply_internal.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const model_names[] = {"poisson", "murphy", "negative-binomial"};

static slip_status refer(slip_supply *s, const slip_node *map, const char *key, double low, double high,
                         size_t *out, slip_error *err) {
  const slip_node *node = slip_node_get(map, key);
  if (slip_node_is_null(node))
    return slip_fail_at(err, SLIP_BAD_INPUT, map->file, map->line, map->column, key,
                        "needs the id of an input, or a number");
  return slip_deck_refer(s->deck, node, low, high, out, err);
}

/* yield: {given: INPUT} or {model: ..., defects: INPUT, clustering: INPUT} */
static slip_status read_yield(slip_supply *s, const slip_node *node, supply_pool *pool, slip_error *err) {
  static const slip_node_key keys[] = {
      {"given", false}, {"model", false}, {"defects", false}, {"clustering", false}};
  slip_status status = SLIP_OK;
  size_t model = 0;
  SLIP_TRY(SLIP_NODE_KEYS(node, keys, "a yield", err));
  pool->yield_given = slip_node_get(node, "given") != NULL;
  if (pool->yield_given) {
    if (node->count > 1)
      return slip_node_fail(err, SLIP_BAD_INPUT, node, "a yield is either given or modelled");
    return refer(s, node, "given", 0, 1, &pool->yield, err);
  }
  if (!slip_node_get(node, "model"))
    return slip_node_fail(err, SLIP_BAD_INPUT, node,
                          "a yield is given, or has a model: poisson, murphy or negative-binomial");
  SLIP_TRY(slip_word_read(slip_node_get(node, "model"), model_names, COUNT_OF(model_names), &model, err));
  pool->model = (slip_yield_model)model;
  SLIP_TRY(refer(s, node, "defects", 0, 1000, &pool->defects, err));
  pool->clustering = pool->defects;
  if (pool->model == SLIP_YIELD_NEGATIVE_BINOMIAL)
    SLIP_TRY(refer(s, node, "clustering", 1e-3, 1e6, &pool->clustering, err));
  if (!(pool->die_mm2 > 0))
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "a yield model needs die_mm2");
cleanup:
  return status;
}

static slip_status read_made(slip_supply *s, const slip_node *node, supply_pool *pool, slip_error *err) {
  static const slip_node_key keys[] = {
      {"wafers", true}, {"dies_per_wafer", false}, {"die_mm2", false}, {"diameter_mm", false}, {"yield", true}};
  slip_status status = SLIP_OK;
  const slip_node *area = slip_node_get(node, "die_mm2"), *diameter = slip_node_get(node, "diameter_mm");
  SLIP_TRY(SLIP_NODE_KEYS(node, keys, "what is made", err));
  pool->is_made = true;
  pool->diameter_mm = 300;
  SLIP_TRY(refer(s, node, "wafers", 0, 1e8, &pool->wafers, err));
  if (!area == !slip_node_get(node, "dies_per_wafer"))
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "give die_mm2 or dies_per_wafer, one of them");
  if (area) {
    SLIP_TRY(slip_node_double(area, 0.01, 60000, &pool->die_mm2, err));
    if (diameter)
      SLIP_TRY(slip_node_double(diameter, 25, 450, &pool->diameter_mm, err));
    if (!(slip_dies_per_wafer(pool->diameter_mm, pool->die_mm2) > 0))
      return slip_node_fail(err, SLIP_BAD_INPUT, area, "no such die fits a wafer of %g mm", pool->diameter_mm);
  } else {
    SLIP_TRY(refer(s, node, "dies_per_wafer", 0, 1e6, &pool->dies_per_wafer, err));
  }
  SLIP_TRY(read_yield(s, slip_node_get(node, "yield"), pool, err));
cleanup:
  return status;
}

static slip_status read_pool(slip_supply *s, const slip_node *node, supply_pool *pool, slip_error *err) {
  static const slip_node_key keys[] = {{"id", true},       {"title", true}, {"unit", true},    {"start", false},
                                       {"release", false}, {"made", false}, {"arrives", false}};
  slip_status status = SLIP_OK;
  const slip_node *arrives = slip_node_get(node, "arrives");
  SLIP_TRY(SLIP_NODE_KEYS(node, keys, "a pool", err));
  SLIP_TRY(slip_text_child(s->arena, node, "id", &pool->id, err));
  SLIP_TRY(slip_text_child(s->arena, node, "title", &pool->title, err));
  SLIP_TRY(slip_text_child(s->arena, node, "unit", &pool->unit, err));
  pool->has_start = slip_node_get(node, "start") != NULL;
  if (pool->has_start) {
    SLIP_TRY(refer(s, node, "start", 0, 1e12, &pool->start, err));
    SLIP_TRY(refer(s, node, "release", 1, 400, &pool->release, err));
  }
  if (slip_node_get(node, "made"))
    SLIP_TRY(read_made(s, slip_node_get(node, "made"), pool, err));
  if (arrives && (arrives->kind != SLIP_NODE_SEQUENCE || arrives->count > SUPPLY_ARRIVALS))
    return slip_node_fail(err, SLIP_BAD_INPUT, arrives, "expected a list of at most %d inputs, units a quarter",
                          SUPPLY_ARRIVALS);
  for (const slip_node *at = arrives ? arrives->first : NULL; at; at = at->next)
    SLIP_TRY(slip_deck_refer(s->deck, at, 0, 1e12, &pool->arrives[pool->n_arrives++], err));
cleanup:
  return status;
}

static slip_status read_need(slip_supply *s, const slip_node *node, supply_product *product, slip_error *err) {
  static const slip_node_key keys[] = {{"pool", true}, {"each", true}};
  slip_status status = SLIP_OK;
  const char *pool = "";
  size_t at = 0;
  SLIP_TRY(SLIP_NODE_KEYS(node, keys, "a need", err));
  SLIP_TRY(slip_text_child(s->arena, node, "pool", &pool, err));
  while (at < s->n_pools && strcmp(s->pools[at].id, pool) != 0)
    at++;
  if (at == s->n_pools)
    return slip_node_fail(err, SLIP_BAD_INPUT, slip_node_get(node, "pool"), "no pool has the id \"%s\"", pool);
  for (size_t k = 0; k < product->n_needs; k++)
    if (product->needs[k].pool == at)
      return slip_node_fail(err, SLIP_BAD_INPUT, node, "the pool \"%s\" is needed twice", pool);
  product->needs[product->n_needs].pool = at;
  SLIP_TRY(slip_node_double(slip_node_get(node, "each"), 1e-6, 1e6, &product->needs[product->n_needs].each, err));
  product->n_needs++;
cleanup:
  return status;
}

static slip_status read_product(slip_supply *s, const slip_node *node, supply_product *product, slip_error *err) {
  static const slip_node_key keys[] = {{"id", true},       {"title", true}, {"system", true},
                                       {"share", true},    {"needs", true}, {"packaging_yield", true},
                                       {"capacity", false}};
  slip_status status = SLIP_OK;
  SLIP_TRY(SLIP_NODE_KEYS(node, keys, "a product", err));
  SLIP_TRY(slip_text_child(s->arena, node, "id", &product->public.id, err));
  SLIP_TRY(slip_text_child(s->arena, node, "title", &product->public.title, err));
  SLIP_TRY(slip_text_child(s->arena, node, "system", &product->public.system, err));
  SLIP_TRY(refer(s, node, "share", 0, 1e6, &product->share, err));
  SLIP_TRY(refer(s, node, "packaging_yield", 0, 1, &product->packaging_yield, err));
  product->has_capacity = slip_node_get(node, "capacity") != NULL;
  if (product->has_capacity)
    SLIP_TRY(refer(s, node, "capacity", 0, 1e12, &product->capacity, err));
  const slip_node *list = slip_node_get(node, "needs");
  SLIP_TRY(slip_file_list(list, "needs", err));
  if (list->count < 1 || list->count > SUPPLY_NEEDS)
    return slip_node_fail(err, SLIP_BAD_INPUT, list, "a product needs 1 to %d pools", SUPPLY_NEEDS);
  for (const slip_node *at = list->first; at; at = at->next)
    SLIP_TRY(read_need(s, at, product, err));
cleanup:
  return status;
}

static slip_status count_within(const slip_node *map, const char *key, size_t most, const slip_node **list,
                                slip_error *err) {
  *list = slip_node_get(map, key);
  slip_status status = slip_file_list(*list, key, err);
  if (status == SLIP_OK && ((*list)->count < 1 || (*list)->count > most))
    status = slip_node_fail(err, SLIP_BAD_INPUT, *list, "expected 1 to %zu entries", most);
  return status;
}

slip_status supply_read(slip_supply *s, slip_error *err) {
  static const slip_node_key keys[] = {{"kind", true}, {"name", true},   {"title", true}, {"seen", true},
                                       {"from", true}, {"inputs", true}, {"pools", true}, {"products", true}};
  slip_status status = SLIP_OK;
  const slip_node *list = NULL, *kind = NULL;
  SLIP_TRY(SLIP_NODE_KEYS(s->root, keys, "a supply file", err));
  kind = slip_node_get(s->root, "kind");
  if (kind->kind != SLIP_NODE_SCALAR || strcmp(kind->text, "supply") != 0)
    return slip_node_fail(err, SLIP_BAD_INPUT, kind, "a supply file has \"kind: supply\"");
  SLIP_TRY(slip_text_child(s->arena, s->root, "name", &s->name, err));
  SLIP_TRY(slip_text_child(s->arena, s->root, "title", &s->title, err));
  SLIP_TRY(slip_file_quarter(s->root, "from", &s->from, err));
  SLIP_TRY(slip_deck_read(s->deck, slip_node_get(s->root, "inputs"), false, err));
  SLIP_TRY(count_within(s->root, "pools", SUPPLY_POOLS, &list, err));
  for (const slip_node *node = list->first; node; node = node->next, s->n_pools++) {
    SLIP_TRY(read_pool(s, node, &s->pools[s->n_pools], err));
    for (size_t i = 0; i < s->n_pools; i++)
      if (strcmp(s->pools[i].id, s->pools[s->n_pools].id) == 0)
        return slip_node_fail(err, SLIP_BAD_INPUT, node, "two pools have the id \"%s\"", s->pools[i].id);
  }
  SLIP_TRY(count_within(s->root, "products", SUPPLY_PRODUCTS, &list, err));
  for (const slip_node *node = list->first; node; node = node->next, s->n_products++) {
    SLIP_TRY(read_product(s, node, &s->products[s->n_products], err));
    for (size_t i = 0; i < s->n_products; i++)
      if (strcmp(s->products[i].public.id, s->products[s->n_products].public.id) == 0)
        return slip_node_fail(err, SLIP_BAD_INPUT, node, "two products have the id \"%s\"",
                              s->products[i].public.id);
  }
cleanup:
  return status;
}
