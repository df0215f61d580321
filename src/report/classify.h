/* Verdicts of the rules for people and programs: what `classify` says. */
#ifndef SLIP_REPORT_CLASSIFY_H
#define SLIP_REPORT_CLASSIFY_H

#include "base/json.h"
#include "report/table.h"
#include <slipstick/rules.h>

/* One item on one date, with everything that is told of it. */
typedef struct slip_classified {
  const slip_catalog *catalog;
  const slip_rules *rules;
  const slip_entry *item;
  slip_case *facts;
  slip_ask ask;
  slip_verdict *verdict;
  const slip_headroom *headroom; /* NULL: break-points are not told */
} slip_classified;

/* "h20 (NVIDIA H20 96 GB) on 2026-03-01". */
void slip_report_classified(const slip_classified *c, bool explain, const slip_style *style, slip_text *out);
/* Into an object that is open. The derivation of each rule that is not hidden is a tree. */
void slip_json_classified(slip_json *json, const slip_classified *c);

/* The distance of each quantity from each bound, break-points, and the nearest variants of another class; with `policy`
 * (NULL: none) those of another review policy, too. */
void slip_report_headroom(const slip_classified *c, const slip_headroom *policy, const slip_style *style,
                          slip_text *out);
void slip_json_headroom(slip_json *json, const slip_headroom *headroom);

/* The answer of a decision in one cell: an outcome, or those that are possible. */
void slip_outcome_cell(const slip_decided *decided, slip_text *out);
/* The rules that hold of the decisions that take each, and with `possible` those that may: "US-2025-05-GP10, CN-H20-CAC?" */
void slip_flags_cell(const slip_verdict *verdict, bool possible, slip_text *out);

/* What the rules and the catalog are, how old, and that this is no legal advice. */
void slip_report_rule_data(const slip_rules *rules, slip_date date, const slip_style *style, slip_text *out);
void slip_json_rule_data(slip_json *json, const slip_rules *rules, const slip_catalog *catalog, slip_date date);

/* The whole catalog on one date; a change of an answer from one date, or one pack, to another. */
typedef struct slip_change {
  const char *item; /* of a difference between packs; NULL in a timeline */
  slip_date date;
  char *what, *before, *after, *why;
} slip_change;
void slip_report_changes(const slip_change *changes, size_t n, const slip_style *style, slip_text *out);
void slip_json_changes(slip_json *json, const char *key, const slip_change *changes, size_t n);

#endif
