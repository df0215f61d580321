/* Export and import rules as dated data: how an item is classified on a date, which licence and which review policy apply to a
 * transaction with it, what else bears on it, and the path that led there. A self-classification aid, not legal advice: no
 * function here ever says that something is permitted; it says which of the rules modelled were found to apply.
 *
 *   slip_rules     the rule pack: data/rules/ compiled in, overlaid by directories; immutable, shared between threads
 *   slip_case      what is known of one item and one transaction; what is not stated is unknown, never assumed
 *   slip_verdict   every decision of the pack on one date
 *
 * The engine knows no chip, no country and no threshold: those are data (docs/rules.md). Logic is three-valued (Kleene): a
 * condition is yes or no only when every value that the unknown inputs could take gives the same. A number on which sources
 * disagree is the interval of what they say, so a class that depends on whom one believes is undetermined, with the reason.
 * Arithmetic is exact and each bound is strict or inclusive as the text has it. Every function is total: no input makes it
 * loop, crash or trap; numbers too large to be exact are unknown. */
#ifndef SLIPSTICK_RULES_H
#define SLIPSTICK_RULES_H

#include <slipstick/catalog.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- dates ---- */

typedef int32_t slip_date; /* 20260115 is 2026-01-15; 0: none. Ordered as numbers. From 1900-01-01 to 2999-12-31. */
enum { SLIP_DATE_SIZE = 12 };

bool slip_date_parse(const char *text, slip_date *out);           /* "2026-01-15", a day of the calendar */
char *slip_date_format(char out[SLIP_DATE_SIZE], slip_date date); /* "" for 0; returns out */
slip_date slip_date_next(slip_date date);                         /* the day after; 0 for 0 */
/* Days from a to b; negative when b is earlier. */
int slip_date_days(slip_date a, slip_date b);

/* ---- answers ---- */

typedef enum slip_truth { SLIP_NO, SLIP_YES, SLIP_UNDETERMINED } slip_truth;

/* What the legal text is on the date asked about. */
typedef enum slip_text_status {
  SLIP_TEXT_IN_FORCE,
  SLIP_TEXT_NOT_YET,         /* published, not effective */
  SLIP_TEXT_SUSPENDED,       /* by an instrument that says so */
  SLIP_TEXT_EXPIRED,         /* superseded or lapsed */
  SLIP_TEXT_NEVER_PUBLISHED, /* binds somebody, but nobody else can read it */
  SLIP_TEXT_NONE             /* proposed only: a bill, a draft */
} slip_text_status;

typedef enum slip_enforcement {
  SLIP_ENFORCED,
  SLIP_ANNOUNCED_NOT_ENFORCED,
  SLIP_ENFORCEMENT_UNKNOWN
} slip_enforcement;

typedef enum slip_certainty {
  SLIP_LEGAL_TEXT,
  SLIP_SECONDARY_TEXT, /* the text as others describe it; nobody here has read it */
  SLIP_OFFICIAL_STATEMENT,
  SLIP_REPORTED,
  SLIP_PROPOSED
} slip_certainty;

const char *slip_truth_name(slip_truth truth); /* "no", "yes", "undetermined"; these never return NULL */
const char *slip_text_status_name(slip_text_status status);
const char *slip_enforcement_name(slip_enforcement enforcement);
const char *slip_certainty_name(slip_certainty certainty);

/* ---- the pack ---- */

/* A span of days, both included; to 0: open. */
typedef struct slip_period {
  slip_date from, to;
  slip_enforcement enforcement; /* of an enforcement period */
  const char *because;
} slip_period;

/* One rule: a dated condition, and what follows when it holds. Texts are never NULL. */
typedef struct slip_rule {
  const char *id;      /* "US-2023-11.a1" */
  const char *version; /* "US-2023-11": the instrument */
  const char *title;
  const char *citation, *source, *url;
  slip_date published, effective, compliance, expiry; /* expiry: the last day in force; 0: none */
  slip_certainty certainty;
  bool never_published;
  bool is_flag;        /* bears on a transaction without deciding it: shown as a flag, never as a plain yes or no */
  const char *gives;   /* the outcome of its decision when the condition holds; "" where the decision has none */
  const char *says[3]; /* for people, by slip_truth; "" when there is nothing to add */
  const slip_period *suspended, *enforcement;
  size_t n_suspended, n_enforcement;
  const char *file;
  int line;
} slip_rule;

/* One possible answer of a decision. rank: how strict it is, the higher the stricter. */
typedef struct slip_outcome {
  const char *id, *says;
  int rank;
} slip_outcome;

/* A question that rules answer: the class, the licence requirement, ... */
typedef struct slip_decision {
  const char *id;    /* "class" */
  const char *layer; /* "L0" .. "L6" */
  const char *title;
  bool takes_first; /* the first rule (in order) that holds decides; else each rule is a finding of its own */
  const slip_outcome *outcomes; /* the last one is that of no rule holding */
  size_t n_outcomes;
} slip_decision;

/* A fact that rules read. */
typedef struct slip_input {
  const char *id, *title, *unit, *ask; /* ask: how to supply it */
  const char *field;                   /* of the catalog; "" when it is of the transaction */
  bool varies;                         /* a parameter of the design: headroom is told in it */
} slip_input;

typedef struct slip_rules slip_rules;

typedef struct slip_rules_info {
  size_t n_files, n_rules, n_decisions, n_inputs;
  slip_date newest;       /* the newest material that any file of the pack was made from */
  const char *hash;       /* SHA-256 of the files, in hexadecimal */
  const char *disclaimer; /* of the pack; "" when it has none */
} slip_rules_info;

/* Opens the built-in pack, then overlays every *.yaml of each directory: a file of the same name replaces a built-in file, and
 * anything of an id that is there already (a rule, an input, a group, ...) replaces it. dirs may be NULL when n_dirs is 0.
 * Errors: SLIP_BAD_INPUT with file and line for what is malformed, contradictory (two rules of one decision with the same
 * order, an empty range, overlapping periods, dates out of order, ...), cyclic, or refers to what is not there;
 * SLIP_IO_FAILURE; SLIP_NO_MEMORY. O(n log n) in the size of the files, O(references) to check. */
slip_status slip_rules_open(const char *const *dirs, size_t n_dirs, slip_rules **out, slip_error *err);
void slip_rules_free(slip_rules *rules); /* NULL is allowed */
slip_rules_info slip_rules_describe(const slip_rules *rules);
/* i-th in the order of files; NULL out of range. */
const slip_rule *slip_rules_rule(const slip_rules *rules, size_t i);
const slip_decision *slip_rules_decision(const slip_rules *rules, size_t i);
const slip_input *slip_rules_input(const slip_rules *rules, size_t i);
/* Every date on which anything of the pack changes (effective, compliance, the day after an expiry, either end of a period, a
 * country joining or leaving a group), in order, without duplicates. The array lives as long as the pack. */
const slip_date *slip_rules_dates(const slip_rules *rules, size_t *count);

/* ---- the case ---- */

typedef struct slip_case slip_case;

/* A case of which nothing is known. The pack must outlive it. */
slip_status slip_case_open(const slip_rules *rules, slip_case **out, slip_error *err);
void slip_case_free(slip_case *c); /* NULL is allowed */
/* What the catalog knows of a chip or system (for a system: its own fields, and those of its chip). Values in conflict widen
 * numbers to intervals. The catalog must outlive the case. SLIP_BAD_INPUT when the entry is of another kind. */
slip_status slip_case_add_item(slip_case *c, const slip_entry *item, slip_error *err);
/* States one input or quantity, in place of what was known: a number in the input's unit, "yes" or "no", a country as ISO 3166 code
 * of two letters, or a text; "unknown" takes it back. source says where it comes from ("the user"). SLIP_BAD_INPUT for an unknown name or a bad value. */
slip_status slip_case_set(slip_case *c, const char *input, const char *value, const char *source, slip_error *err);

/* What a case holds of one input, for reports. */
typedef struct slip_known {
  const slip_input *input; /* NULL for a quantity that was set */
  bool is_known, is_disputed;
  const char *value; /* "814", "yes", "CN"; of a disputed number "5000 to 5232" */
  const char *source, *url, *date;
  const slip_fact *fact; /* of the catalog; NULL when stated */
} slip_known;
/* i-th input of the pack. */
slip_known slip_case_known(const slip_case *c, size_t i);
/* A quantity with its arithmetic: "296 x 8 = 2368"; "" when it is unknown. id must be a quantity of the pack. */
typedef struct slip_quantity {
  const char *id, *title, *unit, *definition, *value, *arithmetic;
  double low, high; /* NAN: unknown; high may be infinite */
} slip_quantity;
/* The i-th quantity; id NULL out of range. Texts live as long as the case. */
slip_quantity slip_case_quantity(slip_case *c, size_t i);

/* ---- the verdict ---- */

/* One point of a checklist of certifications. */
typedef struct slip_check {
  const char *input, *says;
  slip_truth value;
} slip_check;

typedef struct slip_finding {
  const slip_rule *rule;
  slip_truth met; /* the condition, whatever the date */
  slip_truth
      value; /* what it comes to on the date: no when it is not in force, not yet to be complied with or announced not
                       to be enforced; undetermined when it is met and nobody knows whether it is enforced */
  slip_text_status text_status;
  slip_enforcement enforcement;
  bool is_awaited;     /* in force, but the compliance date is still to come */
  const char *because; /* of a suspension or of an enforcement period; "" */
  const char *const
      *missing; /* ids of the inputs that would decide it, unknown or disputed; "group:ID" where nobody here knows
                                 who was a member on the date; "enforcement:ID" where nobody knows whether a rule is enforced */
  size_t n_missing;
  const slip_check *checks; /* of its checklist; those that are open are among the missing */
  size_t n_checks;
  slip_truth besides; /* the condition without the checklist */
} slip_finding;

typedef struct slip_decided {
  const slip_decision *decision;
  slip_truth value;                      /* yes: an outcome other than the last; of findings: any of them */
  const slip_outcome *const *candidates; /* the outcomes that are possible; one: determined */
  size_t n_candidates;
  const slip_finding *findings; /* of its rules, in their order; those not yet published on the date are left out */
  size_t n_findings;
  const slip_finding *by; /* the finding that decided; NULL when none did */
  const char *const *missing;
  size_t n_missing;
} slip_decided;

/* Why a condition is what it is: a tree. */
typedef struct slip_derivation {
  slip_truth value;
  const char *text; /* "TPP 2368 >= 4800", "all of", "rule US-2023-11.a1", ... */
  const struct slip_derivation *first, *next;
} slip_derivation;

typedef struct slip_ask {
  slip_date date;     /* of the export */
  slip_date known_on; /* leave out what was published later; 0: nothing */
  bool with_proposed; /* treat what is only proposed as if it were in force from its publication */
} slip_ask;

typedef struct slip_verdict {
  slip_date date;
  const slip_decided *decided;
  size_t n_decided;
  const slip_finding *findings; /* of every rule, in the order of the pack; those that only serve other rules too */
  size_t n_findings;
} slip_verdict;

/* The decisions of the pack for a case. O(conditions). The verdict refers to the pack and to nothing of the case. */
slip_status slip_classify(const slip_rules *rules, slip_case *c, const slip_ask *ask, slip_verdict **out,
                          slip_error *err);
void slip_verdict_free(slip_verdict *verdict);
/* The decision, or the finding of the rule, of that id; NULL when there is none. O(n). */
const slip_decided *slip_verdict_find(const slip_verdict *verdict, const char *id);
const slip_finding *slip_verdict_finding(const slip_verdict *verdict, const char *id);

/* One case on many dates, answers only: what takes a verdict to explain is left out, so that a catalog over all dates is quick. */
typedef struct slip_sweep {
  size_t n_dates, n_decisions, n_rules;
  const uint64_t *candidates;  /* [date * n_decisions + decision]: a bit per outcome that is possible */
  const unsigned char *values; /* [date * n_rules + rule]: slip_truth */
} slip_sweep;

/* ask->date is not used. O(dates * conditions). */
slip_status slip_rules_sweep(const slip_rules *rules, slip_case *c, const slip_ask *ask, const slip_date *dates,
                             size_t n, slip_sweep **out, slip_error *err);
void slip_sweep_free(slip_sweep *sweep);

/* The condition of one rule as a tree; into memory of the verdict. NULL when out of memory or not a rule of the pack. */
const slip_derivation *slip_verdict_derive(slip_verdict *verdict, const slip_rules *rules, slip_case *c,
                                           const slip_ask *ask, const slip_rule *rule);

/* ---- what would change it ---- */

/* One comparison of a rule in force with a number: how far the case is from it. */
typedef struct slip_distance {
  const slip_rule *rule;
  const char *quantity, *title, *unit, *bound; /* bound: ">= 4800" */
  slip_truth met;
  double low, high, threshold; /* the quantity's value, and the bound */
} slip_distance;

/* A value of a design parameter at which the answer of a decision changes while all else stays. */
typedef struct slip_break {
  const char *input, *title, *unit;
  const char *at;                 /* "597.5" */
  double at_value, from_value;    /* from_value: the case's own; NAN when unknown */
  const char *below, *on, *above; /* outcomes just below, exactly at and just above */
} slip_break;

/* The nearest variant of the item for which a decision has another answer: the point of least relative change (the root of
 * the summed squares of the logarithms of the ratios) over the design parameters of the pack. It tells a distance, no advice. */
typedef struct slip_variant {
  const char *outcome; /* what it would then be */
  double change;       /* sqrt(sum of ln(ratio)^2); 0.01 is about 1% */
  struct slip_variant_parameter {
    const char *id, *title, *unit;
    double from, to;
  } parameters[8];
  size_t n_parameters; /* those that change */
} slip_variant;

typedef struct slip_headroom {
  const slip_distance *distances;
  size_t n_distances;
  const slip_break *breaks;
  size_t n_breaks;
  const slip_variant *variants; /* one per other outcome that can be reached, nearest first */
  size_t n_variants;
} slip_headroom;

/* For one decision ("class"). The texts live as long as the headroom, which refers to the pack. Needs values that are known:
 * parameters that are unknown or disputed are left as they are. O(b^3 e), b the bounds of the rules in force (a dozen), e one evaluation. */
slip_status slip_rules_headroom(const slip_rules *rules, slip_case *c, const slip_ask *ask, const char *decision,
                                slip_headroom **out, slip_error *err);
void slip_headroom_free(slip_headroom *headroom);

/* ---- the record ---- */

enum { SLIP_HASH_SIZE = 65 };
/* SHA-256 in hexadecimal. Returns out. */
char *slip_hash(char out[SLIP_HASH_SIZE], const void *bytes, size_t n);
/* Of every fact of the catalog with its source. Returns out. */
char *slip_catalog_hash(const slip_catalog *catalog, char out[SLIP_HASH_SIZE]);
/* Of what a case holds. Returns out. */
char *slip_case_hash(const slip_case *c, char out[SLIP_HASH_SIZE]);

#ifdef __cplusplus
}
#endif
#endif
