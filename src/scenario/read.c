/* Scenario files. A key that a scenario lacks is that of the file named by `like`; inputs of both are joined by id. */
#include <math.h>
#include <string.h>

#include "base/fail.h"
#include "catalog/catalog_internal.h"
#include "scenario/scenario_internal.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const mode_names[] = {"blockade", "rules", "open"};
static const char *const source_names[] = {"domestic", "imported", "abroad"};
static const char *const payer_names[] = {"vendor", "buyer"};

static const slip_node *get(const slip_scenario *s, const char *key) {
  const slip_node *node = slip_node_get(s->root, key);
  return node || !s->base ? node : slip_node_get(s->base, key);
}

static slip_status refer(slip_scenario *s, const slip_node *map, const char *key, double low, double high,
                         size_t *out, slip_error *err) {
  const slip_node *node = slip_node_get(map, key);
  if (slip_node_is_null(node))
    return slip_fail_at(err, SLIP_BAD_INPUT, map->file, map->line, map->column, key,
                        "needs the id of an input, or a number");
  return slip_deck_refer(s->deck, node, low, high, out, err);
}

static slip_status text(slip_scenario *s, const slip_node *map, const char *key, const char **out,
                        slip_error *err) {
  return slip_text_child(s->arena, map, key, out, err);
}

/* A list under a key of at most `most` maps; *list NULL when absent. */
static slip_status list_of(const slip_node *list, const char *what, size_t most, slip_error *err) {
  const slip_status status = slip_file_list(list, what, err);
  if (status == SLIP_OK && !slip_node_is_null(list) && list->count > most)
    return slip_node_fail(err, SLIP_BAD_INPUT, list, "at most %zu %s", most, what);
  return status;
}

static const slip_node *first_of(const slip_node *list) {
  return list == NULL || slip_node_is_null(list) ? NULL : list->first;
}

/* ---- fleets ---- */

static slip_status add_fleet(slip_scenario *s, const char *name, const slip_node *node, scenario_source source,
                             size_t *index, slip_error *err) {
  const slip_system *system = NULL;
  if (slip_catalog_system(s->catalog, name, &system, err) != SLIP_OK) {
    slip_error_set_place(err, node->file, node->line, "system");
    return SLIP_BAD_INPUT;
  }
  for (*index = 0; *index < s->n_fleets; ++*index)
    if (s->fleets[*index].system == system && s->fleets[*index].source == source)
      return SLIP_OK;
  if (s->n_fleets == SCENARIO_FLEETS)
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "more than %d kinds of fleets", SCENARIO_FLEETS);
  scenario_fleet *fleet = &s->fleets[s->n_fleets++];
  *fleet = (scenario_fleet){.system = system, .source = source, .node = node};
  const double chips = system->chips;
  fleet->peak_flops = system->chip->peak_flops[SLIP_BF16];
  fleet->price_usd = system->price_usd / chips;
  slip_status status = slip_require(&system->entry, "chips", chips, err);
  if (status == SLIP_OK)
    status = slip_require(&system->chip->entry, "bf16_tflops", fleet->peak_flops, err);
  if (status == SLIP_OK)
    status = slip_require(&system->entry, "power_kw", system->power_w, err);
  if (status == SLIP_OK && source != SCENARIO_RENTED)
    status = slip_require(&system->entry, "price_usd", system->price_usd, err);
  return status;
}

static slip_status fleet_of(slip_scenario *s, const slip_node *map, scenario_source source, size_t *index,
                            slip_error *err) {
  const slip_node *node = slip_node_get(map, "system");
  if (node->kind != SLIP_NODE_SCALAR)
    return slip_node_fail(err, SLIP_BAD_INPUT, node, "expected the name of a system");
  return add_fleet(s, node->text, node, source, index, err);
}

/* ---- what is stated to the rules ---- */

static slip_status read_given(const slip_node *map, scenario_given *given, size_t *n, slip_error *err) {
  if (slip_node_is_null(map))
    return SLIP_OK;
  if (map->kind != SLIP_NODE_MAP || map->count > SCENARIO_GIVEN)
    return slip_node_fail(err, SLIP_BAD_INPUT, map, "expected at most %d inputs of the rules, each with its value",
                          SCENARIO_GIVEN);
  for (const slip_node *node = map->first; node; node = node->next) {
    if (node->kind != SLIP_NODE_SCALAR)
      return slip_node_fail(err, SLIP_BAD_INPUT, node, "expected a number, \"yes\" or \"no\", a country or a text");
    given[(*n)++] = (scenario_given){node->key, node->text, node};
  }
  return SLIP_OK;
}

static slip_status read_buyer(slip_scenario *s, const slip_node *node, scenario_buyer *b, slip_error *err) {
  static const slip_node_key keys[] = {{"id", true},       {"title", true}, {"end_user", true}, {"share", true},
                                       {"training", true}, {"home", false}, {"given", false}};
  slip_status status = SLIP_OK;
  SLIP_TRY(SLIP_NODE_KEYS(node, keys, "a buyer", err));
  SLIP_TRY(text(s, node, "id", &b->id, err));
  SLIP_TRY(text(s, node, "title", &b->title, err));
  SLIP_TRY(text(s, node, "end_user", &b->end_user, err));
  SLIP_TRY(refer(s, node, "share", 0, 1, &b->share, err));
  SLIP_TRY(refer(s, node, "training", 0, 1, &b->training, err));
  b->has_home = slip_node_get(node, "home") != NULL;
  if (b->has_home)
    SLIP_TRY(refer(s, node, "home", 0, 1, &b->home, err));
  SLIP_TRY(read_given(slip_node_get(node, "given"), b->given, &b->n_given, err));
cleanup:
  return status;
}

static slip_status read_demand(slip_scenario *s, slip_error *err) {
  static const slip_node_key keys[] = {{"market", true}, {"utilisation", true}, {"site", true}, {"buyers", true}};
  slip_status status = SLIP_OK;
  const slip_node *demand = get(s, "demand"), *buyers = NULL;
  double sum = 0;
  SLIP_TRY(SLIP_NODE_KEYS(demand, keys, "demand", err));
  SLIP_TRY(refer(s, demand, "market", 0, 1e5, &s->market, err));
  SLIP_TRY(refer(s, demand, "utilisation", 0, 1, &s->utilisation, err));
  SLIP_TRY(refer(s, demand, "site", 0, 1e4, &s->site, err));
  buyers = slip_node_get(demand, "buyers");
  SLIP_TRY(list_of(buyers, "buyers", SCENARIO_BUYERS, err));
  if (buyers->count == 0)
    return slip_node_fail(err, SLIP_BAD_INPUT, buyers, "demand has at least one buyer");
  for (const slip_node *node = buyers->first; node; node = node->next) {
    scenario_buyer *b = &s->buyers[s->n_buyers++];
    SLIP_TRY(read_buyer(s, node, b, err));
    if (s->deck->items[b->share].n_knots != 1 ||
        s->deck->items[b->share].knots[0].low < s->deck->items[b->share].knots[0].high)
      return slip_node_fail(err, SLIP_BAD_INPUT, slip_node_get(node, "share"),
                            "the buyers' shares are fixed numbers that add up to 1");
    sum += s->deck->items[b->share].knots[0].low;
  }
  if (fabs(sum - 1) > 1e-9)
    return slip_node_fail(err, SLIP_BAD_INPUT, buyers, "the buyers' shares add up to %g, not to 1", sum);
cleanup:
  return status;
}

/* ---- imports ---- */

static slip_status read_regime(const slip_node *node, scenario_regime *r, slip_error *err) {
  static const slip_node_key keys[] = {{"from", true}, {"mode", true}, {"given", false}};
  slip_status status = SLIP_OK;
  size_t mode = 0;
  SLIP_TRY(SLIP_NODE_KEYS(node, keys, "a policy", err));
  SLIP_TRY(slip_file_quarter(node, "from", &r->from, err));
  SLIP_TRY(slip_word_read(slip_node_get(node, "mode"), mode_names, COUNT_OF(mode_names), &mode, err));
  r->mode = (scenario_mode)mode;
  SLIP_TRY(read_given(slip_node_get(node, "given"), r->given, &r->n_given, err));
cleanup:
  return status;
}

static slip_status read_mappings(slip_scenario *s, const slip_node *map, scenario_mapping *out, size_t most,
                                 size_t *n, slip_error *err) {
  slip_status status = SLIP_OK;
  if (slip_node_is_null(map))
    return SLIP_OK;
  if (map->kind != SLIP_NODE_MAP || map->count > most)
    return slip_node_fail(err, SLIP_BAD_INPUT, map, "expected at most %zu words of the rules, each with a share",
                          most);
  for (const slip_node *node = map->first; node; node = node->next) {
    scenario_mapping *m = &out[(*n)++];
    *m = (scenario_mapping){.word = node->key, .node = node};
    SLIP_TRY(slip_deck_refer(s->deck, node, 0, 1, &m->share, err));
  }
cleanup:
  return status;
}

static slip_status read_fee(slip_scenario *s, const slip_node *fee, scenario_import *in, slip_error *err) {
  static const slip_node_key keys[] = {{"share", true}, {"paid_by", true}};
  slip_status status = SLIP_OK;
  size_t payer = 0;
  SLIP_TRY(SLIP_NODE_KEYS(fee, keys, "a fee", err));
  SLIP_TRY(refer(s, fee, "share", 0, 1, &in->fee, err));
  SLIP_TRY(slip_word_read(slip_node_get(fee, "paid_by"), payer_names, COUNT_OF(payer_names), &payer, err));
  in->buyer_pays_fee = payer == 1;
cleanup:
  return status;
}

static slip_status number(slip_scenario *s, const slip_node *near, const char *digits, size_t *index,
                          slip_error *err) {
  const slip_node node = {.kind = SLIP_NODE_SCALAR, .text = digits, .file = near->file, .line = near->line};
  return slip_deck_refer(s->deck, &node, -1e18, 1e18, index, err);
}

static slip_status read_policies(slip_scenario *s, const slip_node *list, scenario_import *in, slip_error *err) {
  slip_status status = SLIP_OK;
  SLIP_TRY(list_of(list, "policies", SCENARIO_REGIMES, err));
  for (const slip_node *at = first_of(list); at; at = at->next) {
    SLIP_TRY(read_regime(at, &in->regimes[in->n_regimes++], err));
    if (in->n_regimes > 1 && in->regimes[in->n_regimes - 1].from <= in->regimes[in->n_regimes - 2].from)
      return slip_node_fail(err, SLIP_BAD_INPUT, at, "policies follow each other in time");
  }
  if (in->n_regimes == 0 || in->regimes[0].from > s->from)
    return slip_node_fail(err, SLIP_BAD_INPUT, list, "the first policy begins with the scenario or before");
cleanup:
  return status;
}

static slip_status read_import(slip_scenario *s, const slip_node *node, scenario_import *in, slip_error *err) {
  static const slip_node_key keys[] = {{"id", true},      {"title", true}, {"system", true}, {"offered", true},
                                       {"caps", false},   {"fee", false},  {"price", false}, {"policy", true},
                                       {"review", false}, {"china", false}};
  slip_status status = SLIP_OK;
  SLIP_TRY(SLIP_NODE_KEYS(node, keys, "an import", err));
  SLIP_TRY(text(s, node, "id", &in->id, err));
  SLIP_TRY(text(s, node, "title", &in->title, err));
  SLIP_TRY(fleet_of(s, node, SCENARIO_IMPORTED, &in->fleet, err));
  SLIP_TRY(refer(s, node, "offered", 0, 1e9, &in->offered, err));
  const slip_node *caps = slip_node_get(node, "caps");
  if (caps && (caps->kind != SLIP_NODE_SEQUENCE || caps->count > SCENARIO_CAPS))
    return slip_node_fail(err, SLIP_BAD_INPUT, caps, "expected a list of at most %d inputs, chips a year",
                          SCENARIO_CAPS);
  for (const slip_node *at = first_of(caps); at; at = at->next)
    SLIP_TRY(slip_deck_refer(s->deck, at, 0, 1e9, &in->caps[in->n_caps++], err));
  SLIP_TRY(number(s, node, "0", &in->fee, err));
  if (slip_node_get(node, "fee"))
    SLIP_TRY(read_fee(s, slip_node_get(node, "fee"), in, err));
  in->has_price = slip_node_get(node, "price") != NULL;
  if (in->has_price)
    SLIP_TRY(refer(s, node, "price", 1, 1e7, &in->price, err));
  SLIP_TRY(read_policies(s, slip_node_get(node, "policy"), in, err));
  SLIP_TRY(read_mappings(s, slip_node_get(node, "review"), in->review, SCENARIO_REVIEWS, &in->n_review, err));
  SLIP_TRY(read_mappings(s, slip_node_get(node, "china"), in->china, SCENARIO_CHINA, &in->n_china, err));
cleanup:
  return status;
}

static slip_status read_imports(slip_scenario *s, slip_error *err) {
  slip_status status = SLIP_OK;
  const slip_node *list = get(s, "imports");
  SLIP_TRY(list_of(list, "imports", SCENARIO_IMPORTS, err));
  for (const slip_node *node = first_of(list); node; node = node->next)
    SLIP_TRY(read_import(s, node, &s->imports[s->n_imports++], err));
cleanup:
  return status;
}

/* ---- the rest ---- */

static slip_status read_abroad(slip_scenario *s, slip_error *err) {
  static const slip_node_key keys[] = {
      {"id", true}, {"system", true}, {"chips", true}, {"rent", true}, {"training", true}};
  slip_status status = SLIP_OK;
  const slip_node *list = get(s, "abroad");
  SLIP_TRY(list_of(list, "systems abroad", SCENARIO_ABROAD, err));
  for (const slip_node *node = first_of(list); node; node = node->next) {
    scenario_abroad *a = &s->abroad[s->n_abroad++];
    SLIP_TRY(SLIP_NODE_KEYS(node, keys, "a system abroad", err));
    SLIP_TRY(text(s, node, "id", &a->id, err));
    SLIP_TRY(fleet_of(s, node, SCENARIO_RENTED, &a->fleet, err));
    SLIP_TRY(refer(s, node, "chips", 0, 1e9, &a->chips, err));
    SLIP_TRY(refer(s, node, "rent", 0, 1e5, &a->rent, err));
    SLIP_TRY(refer(s, node, "training", 0, 1, &a->training, err));
  }
cleanup:
  return status;
}

static slip_status read_installed(slip_scenario *s, slip_error *err) {
  static const slip_node_key keys[] = {{"system", true}, {"chips", true}, {"training", true}, {"source", false}};
  slip_status status = SLIP_OK;
  const slip_node *list = get(s, "installed");
  SLIP_TRY(list_of(list, "installed systems", SCENARIO_INSTALLED, err));
  for (const slip_node *node = first_of(list); node; node = node->next) {
    scenario_installed *in = &s->installed[s->n_installed++];
    size_t source = SCENARIO_IMPORTED;
    SLIP_TRY(SLIP_NODE_KEYS(node, keys, "an installed system", err));
    if (slip_node_get(node, "source"))
      SLIP_TRY(slip_word_read(slip_node_get(node, "source"), source_names, 2, &source, err));
    SLIP_TRY(fleet_of(s, node, (scenario_source)source, &in->fleet, err));
    SLIP_TRY(refer(s, node, "chips", 0, 1e9, &in->chips, err));
    SLIP_TRY(refer(s, node, "training", 0, 1, &in->training, err));
  }
cleanup:
  return status;
}

static slip_status read_regions(slip_scenario *s, slip_error *err) {
  static const slip_node_key keys[] = {{"domestic", true}, {"imported", true}, {"abroad", true}};
  slip_status status = SLIP_OK;
  const slip_node *map = get(s, "regions");
  SLIP_TRY(SLIP_NODE_KEYS(map, keys, "the regions", err));
  for (int i = 0; i < SCENARIO_SOURCES; i++) {
    const slip_node *node = slip_node_get(map, source_names[i]);
    if (node->kind != SLIP_NODE_SCALAR ||
        slip_catalog_region(s->catalog, node->text, &s->regions[i], err) != SLIP_OK) {
      slip_error_set_place(err, node->file, node->line, source_names[i]);
      return SLIP_BAD_INPUT;
    }
  }
cleanup:
  return status;
}

static slip_status read_known(slip_scenario *s, const slip_node *node, scenario_known *k, slip_error *err) {
  static const char *const kinds[] = {"output", "charge", "break-even"};
  static const slip_node_key keys[] = {
      {"title", true},   {"unit", true},   {"kind", true},          {"published", true},  {"product", false},
      {"from", false},   {"to", false},    {"sales", false},        {"quarters", false},  {"cost_share", false},
      {"system", false}, {"other", false}, {"other_region", false}, {"power_only", false}};
  slip_status status = SLIP_OK;
  size_t kind = 0;
  const char *word = "";
  SLIP_TRY(SLIP_NODE_KEYS(node, keys, "a known figure", err));
  SLIP_TRY(text(s, node, "title", &k->title, err));
  SLIP_TRY(text(s, node, "unit", &k->unit, err));
  SLIP_TRY(slip_word_read(slip_node_get(node, "kind"), kinds, COUNT_OF(kinds), &kind, err));
  k->kind = (scenario_known_kind)kind;
  SLIP_TRY(slip_deck_citations(s->deck, slip_node_get(node, "published"), &k->published, &k->n_published, err));
  if (k->kind == SCENARIO_CHARGE) {
    SLIP_TRY(refer(s, node, "sales", 0, 1e12, &k->sales, err));
    SLIP_TRY(refer(s, node, "quarters", 0, 100, &k->quarters, err));
    SLIP_TRY(refer(s, node, "cost_share", 0, 1, &k->cost_share, err));
  } else if (k->kind == SCENARIO_OUTPUT) {
    SLIP_TRY(slip_file_quarter(node, "from", &k->from, err));
    SLIP_TRY(slip_file_quarter(node, "to", &k->to, err));
    SLIP_TRY(text(s, node, "product", &word, err));
    while (k->product < s->supply->n_products && strcmp(s->supply->products[k->product].public.id, word) != 0)
      k->product++;
    if (k->product == s->supply->n_products || k->from < s->supply->from || k->to < k->from || k->to > s->to)
      return slip_node_fail(err, SLIP_BAD_INPUT, node,
                            "needs a product of the supply, and quarters from its first to the scenario's last");
  } else {
    if (!slip_node_get(node, "system") || !slip_node_get(node, "other") || !slip_node_get(node, "other_region"))
      return slip_node_fail(err, SLIP_BAD_INPUT, node, "a break-even needs system, other and other_region");
    SLIP_TRY(fleet_of(s, node, SCENARIO_DOMESTIC, &k->fleet, err));
    SLIP_TRY(text(s, node, "other", &word, err));
    SLIP_TRY(add_fleet(s, word, slip_node_get(node, "other"), SCENARIO_RENTED, &k->other, err));
    SLIP_TRY(text(s, node, "other_region", &word, err));
    SLIP_TRY(slip_catalog_region(s->catalog, word, &k->other_region, err));
    if (slip_node_get(node, "power_only"))
      SLIP_TRY(slip_node_bool(slip_node_get(node, "power_only"), &k->power_only, err));
  }
cleanup:
  slip_error_set_place(status == SLIP_OK ? NULL : err, node->file, node->line, NULL);
  return status;
}

static slip_status read_head(slip_scenario *s, slip_error *err) {
  slip_status status = SLIP_OK;
  const char *word = "";
  int64_t years = 0;
  SLIP_TRY(text(s, s->root, "name", &s->name, err));
  SLIP_TRY(text(s, s->root, "title", &s->title, err));
  SLIP_TRY(text(s, s->root, "summary", &s->summary, err));
  const slip_node *near = slip_node_get(s->root, "from") || !s->base ? s->root : s->base;
  SLIP_TRY(slip_file_quarter(near, "from", &s->from, err));
  near = slip_node_get(s->root, "to") || !s->base ? s->root : s->base;
  SLIP_TRY(slip_file_quarter(near, "to", &s->to, err));
  if (s->from % 4 != 0 || s->to % 4 != 3 || s->to < s->from || s->to - s->from >= SCENARIO_QUARTERS)
    return slip_node_fail(
        err, SLIP_BAD_INPUT, slip_node_get(near, "to"),
        "a scenario runs over whole years, from a first quarter to a fourth one, at most %d quarters",
        SCENARIO_QUARTERS);
  s->n_quarters = (size_t)(s->to - s->from) + 1;
  if (s->from < s->supply->from || s->from - s->supply->from > 16)
    return slip_node_fail(err, SLIP_BAD_INPUT, slip_node_get(near, "to"),
                          "its supply begins before the scenario, at most four years");
  near = slip_node_get(s->root, "model") ? s->root : s->base ? s->base : s->root;
  SLIP_TRY(text(s, near, "model", &word, err));
  if (slip_catalog_model(s->catalog, word, &s->model, err) != SLIP_OK) {
    slip_error_set_place(err, near->file, near->line, "model");
    return SLIP_BAD_INPUT;
  }
  if (!(s->model->train_tokens > 0))
    return slip_node_fail(err, SLIP_BAD_INPUT, get(s, "model"),
                          "the model's training budget is not published; take another model");
  SLIP_TRY(slip_node_int(get(s, "cluster"), 1, 1000000, &s->cluster, err));
  SLIP_TRY(slip_node_int(get(s, "life_years"), 1, 30, &years, err));
  s->life_quarters = 4 * years;
cleanup:
  return status;
}

static slip_status check_keys(slip_scenario *s, slip_error *err) {
  static const slip_node_key keys[] = {{"kind", true},           {"name", true},     {"title", true},
                                       {"summary", true},        {"seen", true},     {"like", false},
                                       {"from", false},          {"to", false},      {"supply", false},
                                       {"model", false},         {"cluster", false}, {"life_years", false},
                                       {"regions", false},       {"demand", false},  {"installed", false},
                                       {"imports", false},       {"abroad", false},  {"domestic_share", false},
                                       {"power_subsidy", false}, {"reading", false}, {"inputs", false},
                                       {"known", false}};
  static const char *const needed[] = {"from",       "to",      "supply", "model",  "cluster",
                                       "life_years", "regions", "demand", "reading"};
  slip_status status = SLIP_NODE_KEYS(s->root, keys, "a scenario", err);
  if (status == SLIP_OK && s->base)
    status = SLIP_NODE_KEYS(s->base, keys, "a scenario", err);
  for (const slip_node *root = s->root; status == SLIP_OK && root; root = root == s->root ? s->base : NULL) {
    const slip_node *kind = slip_node_get(root, "kind");
    if (kind->kind != SLIP_NODE_SCALAR || strcmp(kind->text, "scenario") != 0)
      status = slip_node_fail(err, SLIP_BAD_INPUT, kind, "a scenario has \"kind: scenario\"");
  }
  for (size_t i = 0; status == SLIP_OK && i < COUNT_OF(needed); i++)
    if (slip_node_is_null(get(s, needed[i])))
      status = slip_fail_at(err, SLIP_BAD_INPUT, s->root->file, s->root->line, s->root->column, needed[i],
                            "a scenario needs this key, of its own or of the one that it is `like`");
  return status;
}

static slip_status read_inputs(slip_scenario *s, slip_error *err) {
  slip_status status = SLIP_OK;
  const slip_node *supply = get(s, "supply");
  if (supply->kind != SLIP_NODE_SCALAR)
    return slip_node_fail(err, SLIP_BAD_INPUT, supply, "expected the name of a supply");
  status = slip_supply_open(supply->text, &s->supply, err);
  slip_error_set_place(status == SLIP_OK ? NULL : err, supply->file, supply->line, "supply");
  if (status != SLIP_OK)
    return status;
  s->deck = s->supply->deck;
  if (s->base)
    SLIP_TRY(slip_deck_read(s->deck, slip_node_get(s->base, "inputs"), true, err));
  SLIP_TRY(slip_deck_read(s->deck, slip_node_get(s->root, "inputs"), true, err));
  SLIP_TRY(slip_supply_recheck(s->supply, err));
cleanup:
  return status;
}

slip_status scenario_read(slip_scenario *s, slip_error *err) {
  slip_status status = SLIP_OK;
  if (s->root == NULL)
    return slip_fail(err, SLIP_BAD_INPUT, "no document");
  SLIP_TRY(check_keys(s, err));
  SLIP_TRY(read_inputs(s, err));
  SLIP_TRY(read_head(s, err));
  SLIP_TRY(read_regions(s, err));
  SLIP_TRY(read_demand(s, err));
  SLIP_TRY(slip_deck_refer(s->deck, get(s, "reading"), 0, 1, &s->reading, err));
  s->has_floor = !slip_node_is_null(get(s, "domestic_share"));
  if (s->has_floor)
    SLIP_TRY(slip_deck_refer(s->deck, get(s, "domestic_share"), 0, 1, &s->floor, err));
  SLIP_TRY(number(s, s->root, "0", &s->subsidy, err));
  if (!slip_node_is_null(get(s, "power_subsidy")))
    SLIP_TRY(slip_deck_refer(s->deck, get(s, "power_subsidy"), 0, 1, &s->subsidy, err));
  for (size_t i = 0; i < s->supply->n_products; i++)
    SLIP_TRY(add_fleet(s, s->supply->products[i].public.system, get(s, "supply"), SCENARIO_DOMESTIC,
                       &s->product_fleet[i], err));
  SLIP_TRY(read_installed(s, err));
  SLIP_TRY(read_imports(s, err));
  SLIP_TRY(read_abroad(s, err));
  for (size_t f = 0; f < s->n_fleets; f++) {
    s->fleets[f].is_used = true;
    s->fleets[f].is_old = s->fleets[f].source == SCENARIO_DOMESTIC;
  }
  for (size_t i = 0; i < s->n_installed; i++)
    s->fleets[s->installed[i].fleet].is_old = true;
  SLIP_TRY(list_of(get(s, "known"), "known figures", SCENARIO_KNOWN, err));
  for (const slip_node *node = first_of(get(s, "known")); node; node = node->next)
    SLIP_TRY(read_known(s, node, &s->known[s->n_known++], err));
cleanup:
  return status;
}
