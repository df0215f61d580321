/* slipstick classify ITEM | --all | --timeline ITEM | --headroom ITEM | --diff DIR */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/classify.h"
#include "cli/cli.h"

/* ---- what is asked ---- */

/* Today in UTC: the one place where the clock is read. */
static slip_date today(void) {
  const time_t now = time(NULL);
  struct tm utc;
  if (gmtime_r(&now, &utc) == NULL)
    return 0;
  return 10000 * (utc.tm_year + 1900) + 100 * (utc.tm_mon + 1) + utc.tm_mday;
}

static slip_status read_date(const char *option, const char *text, slip_date *out, slip_error *err) {
  if (text != NULL && !slip_date_parse(text, out))
    return slip_fail(err, SLIP_BAD_INPUT, "--%s takes a day as YYYY-MM-DD, not '%s'", option, text);
  return SLIP_OK;
}

static slip_status read_ask(const cli_options *o, slip_ask *ask, slip_error *err) {
  slip_status status = SLIP_OK;
  *ask = (slip_ask){.date = today(), .with_proposed = o->proposed};
  SLIP_TRY(read_date("date", o->date, &ask->date, err));
  SLIP_TRY(read_date("known-on", o->known_on, &ask->known_on, err));
cleanup:
  return status;
}

static const char *item_name(size_t i, const void *context) {
  const slip_catalog *catalog = context;
  const size_t chips = slip_catalog_count(catalog, SLIP_KIND_CHIP);
  return i < chips ? slip_catalog_entry(catalog, SLIP_KIND_CHIP, i)->name
                   : slip_catalog_entry(catalog, SLIP_KIND_SYSTEM, i - chips)->name;
}

slip_status cli_classify_item(const slip_catalog *catalog, const char *name, const slip_entry **out,
                              slip_error *err) {
  const slip_chip *chip = NULL;
  const slip_system *system = NULL;
  slip_error ignored;
  if (slip_catalog_chip(catalog, name, &chip, &ignored) == SLIP_OK) {
    *out = &chip->entry;
    return SLIP_OK;
  }
  if (slip_catalog_system(catalog, name, &system, &ignored) == SLIP_OK) {
    *out = &system->entry;
    return SLIP_OK;
  }
  const size_t n = slip_catalog_count(catalog, SLIP_KIND_CHIP) + slip_catalog_count(catalog, SLIP_KIND_SYSTEM);
  const char *nearest = cli_nearest(name, item_name, n, catalog);
  return slip_fail(err, SLIP_BAD_INPUT, "no chip or system is called '%s'%s%s%s", name,
                   nearest ? "; did you mean '" : "; see slipstick list chips", nearest ? nearest : "",
                   nearest ? "'?" : "");
}

/* The transaction as the options state it. */
slip_status cli_classify_state(const cli_options *o, slip_case *facts, slip_error *err) {
  char volume[32];
  const struct {
    const char *input, *value;
  } stated[] = {{"from", o->from},
                {"to", o->to},
                {"hq", o->hq},
                {"parent_hq", o->parent_hq},
                {"end_user", o->end_user},
                {"end_use", o->end_use},
                {"datacentre", o->marketed}};
  slip_status status = SLIP_OK;
  slip_item_reader reader = {.text = o->given != NULL ? o->given : ""};
  slip_item item;
  for (size_t i = 0; i < sizeof stated / sizeof stated[0]; i++)
    if (stated[i].value != NULL)
      SLIP_TRY(slip_case_set(facts, stated[i].input, stated[i].value, "stated by the user", err));
  if (o->volume > 0) {
    snprintf(volume, sizeof volume, "%lld", (long long)o->volume);
    SLIP_TRY(slip_case_set(facts, "volume", volume, "stated by the user", err));
  }
  for (;;) {
    SLIP_TRY(slip_next_item(&reader, "--given", &item, err));
    if (item.key[0] == '\0')
      break;
    SLIP_TRY(slip_case_set(facts, item.key, item.value, "stated by the user", err));
  }
cleanup:
  return status;
}

slip_status cli_classify_case(const cli_options *o, const slip_rules *rules, const slip_entry *item,
                              slip_case **out, slip_error *err) {
  slip_case *facts = NULL;
  slip_status status = SLIP_OK;
  SLIP_TRY(slip_case_open(rules, &facts, err));
  SLIP_TRY(slip_case_add_item(facts, item, err));
  SLIP_TRY(cli_classify_state(o, facts, err));
  *out = facts;
  facts = NULL;
cleanup:
  slip_case_free(facts);
  return status;
}

/* ---- one item ---- */

static slip_status classify_item(cli_session *session, const slip_rules *rules, const char *name, bool is_headroom,
                                 slip_error *err) {
  const cli_options *o = session->options;
  slip_classified c = {.catalog = session->catalog, .rules = rules};
  slip_headroom *headroom = NULL, *policy = NULL;
  slip_status status = SLIP_OK;
  SLIP_TRY(read_ask(o, &c.ask, err));
  SLIP_TRY(cli_classify_item(session->catalog, name, &c.item, err));
  SLIP_TRY(cli_classify_case(o, rules, c.item, &c.facts, err));
  SLIP_TRY(slip_classify(rules, c.facts, &c.ask, &c.verdict, err));
  SLIP_TRY(slip_rules_headroom(rules, c.facts, &c.ask, "class", &headroom, err));
  c.headroom = headroom;
  if (is_headroom && slip_verdict_find(c.verdict, "policy") != NULL)
    SLIP_TRY(slip_rules_headroom(rules, c.facts, &c.ask, "policy", &policy, err));
  if (o->log != NULL)
    SLIP_TRY(cli_classify_log(session, &c, err));
  if (o->json) {
    cli_json_begin(session, "classify");
    slip_json_classified(&session->json, &c);
    if (is_headroom) {
      slip_json_object(&session->json, "headroom");
      slip_json_headroom(&session->json, headroom);
      slip_json_object_end(&session->json);
      if (policy != NULL) {
        slip_json_object(&session->json, "policy_headroom");
        slip_json_headroom(&session->json, policy);
        slip_json_object_end(&session->json);
      }
    }
    cli_json_end(session);
  } else if (is_headroom) {
    slip_report_headroom(&c, policy, &session->style, &session->out);
  } else {
    slip_report_classified(&c, o->explain, &session->style, &session->out);
  }
cleanup:
  slip_headroom_free(headroom);
  slip_headroom_free(policy);
  slip_verdict_free(c.verdict);
  slip_case_free(c.facts);
  return status;
}

/* ---- which of the five ---- */

slip_status cli_classify(cli_session *session, slip_error *err) {
  const cli_options *o = session->options;
  slip_rules *rules = NULL;
  slip_ask ask;
  slip_status status = SLIP_OK;
  const bool is_item = o->n_positional == 1;
  const int modes = (is_item ? 1 : 0) + (o->all ? 1 : 0) + (o->timeline != NULL ? 1 : 0) +
                    (o->headroom != NULL ? 1 : 0) + (o->diff != NULL ? 1 : 0);
  if (o->n_positional > 1 || modes != 1)
    return slip_fail(err, SLIP_BAD_INPUT,
                     "classify takes one ITEM (see slipstick list chips), or one of --all, --timeline ITEM, "
                     "--headroom ITEM, --diff DIR");
  if (o->log != NULL && !is_item)
    return slip_fail(err, SLIP_BAD_INPUT, "--log goes with one ITEM");
  SLIP_TRY(read_ask(o, &ask, err));
  SLIP_TRY(cli_open_catalog(session, err));
  SLIP_TRY(slip_rules_open(o->rule_dirs, o->n_rule_dirs, &rules, err));
  if (is_item || o->headroom != NULL)
    status = classify_item(session, rules, is_item ? o->positional[0] : o->headroom, !is_item, err);
  else if (o->all)
    status = cli_classify_all(session, rules, &ask, err);
  else if (o->timeline != NULL)
    status = cli_classify_timeline(session, rules, &ask, err);
  else
    status = cli_classify_diff(session, rules, &ask, err);
cleanup:
  slip_rules_free(rules);
  return status;
}
