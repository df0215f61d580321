/* The evaluator: a case, and three-valued logic over its intervals. */
#ifndef SLIP_RULES_EVALUATE_H
#define SLIP_RULES_EVALUATE_H

#include "rules/pack.h"

/* All that a number may be: [low, high], or [low, infinity). What is unknown is [0, infinity). */
typedef struct slip_range {
  slip_exact low, high;
  bool is_unbounded;
} slip_range;

slip_range slip_range_of(slip_exact value);
slip_range slip_range_unknown(void);
bool slip_range_is_single(slip_range range);
bool slip_range_is_unknown(slip_range range); /* nothing at all is known of it */
/* "814", "5000 to 5232", "600 or more", "unknown"; NULL: out of memory. */
const char *slip_range_format(slip_arena *arena, slip_range range);

typedef struct case_value {
  bool is_known, is_disputed;
  slip_range number;
  const slip_exact *published; /* of a disputed number: the values that sources give, one each */
  size_t n_published;
  slip_truth truth;
  const char *text; /* of any type, as people write it */
  const char *source, *url, *date;
  const slip_fact *fact;
} case_value;

struct slip_case {
  const slip_rules *rules;
  slip_arena *arena;
  case_value *inputs;
  case_value *stated;   /* per quantity: set by slip_case_set */
  slip_range *computed; /* per quantity */
  bool is_computed;
};

/* Fills c->computed. */
void slip_case_compute(slip_case *c);
/* Of an expression, its quantities being computed. */
slip_range slip_case_term(const slip_case *c, const pack_term *term);
/* The number of an input or quantity; computed must be filled. */
slip_range slip_case_number(const slip_case *c, slip_thing thing, size_t index);

/* What would have to be known: inputs, then groups whose history is not known, then rules whose enforcement is not. */
enum {
  MISSING_GROUPS = SLIP_PACK_MAX,
  MISSING_RULES = 2 * SLIP_PACK_MAX,
  MISSING_BITS = 3 * SLIP_PACK_MAX,
  MISSING_WORDS = MISSING_BITS / 64
};
typedef struct slip_missing {
  uint64_t bits[MISSING_WORDS];
} slip_missing;

typedef struct rule_state {
  slip_truth met, value, besides;
  slip_text_status text_status;
  slip_enforcement enforcement;
  bool is_awaited, is_hidden; /* hidden: not published yet on the date (or on known_on), or only proposed */
  const char *because;
  slip_missing missing;
} rule_state;

typedef struct decision_state {
  uint64_t candidates; /* bit per outcome */
  slip_truth value;
  size_t by; /* rule; SLIP_PACK_MAX: none */
  slip_missing missing;
} decision_state;

typedef struct evaluation {
  const slip_rules *rules;
  slip_case *c;
  slip_ask ask;
  rule_state *rule;
  decision_state *decision;
  rule_state *one_rule; /* of one combination of published values */
  decision_state *one_decision;
  bool is_lean; /* values only: not what is missing, nor whether a rule that is not in force would be met */
  uint64_t
      straddles[SLIP_PACK_MAX / 64]; /* disputed inputs of a comparison with a bound that their range straddles */
} evaluation;

/* Room for one evaluation, in the arena. False: out of memory. */
bool evaluation_open(evaluation *e, slip_arena *arena, const slip_rules *rules, slip_case *c, const slip_ask *ask);
/* Every rule and decision. O(conditions), times at most MOST_COMBINATIONS where an answer hangs on numbers that are disputed: then the rules
 * are run over each combination of the published values, since an interval alone forgets that TPP and density rise together. */
enum { MOST_COMBINATIONS = 64 };
void evaluation_run(evaluation *e);
/* One condition; *missing (NULL: nothing) gets what would decide it when it is undetermined. */
slip_truth evaluate_condition(evaluation *e, const pack_condition *condition, slip_missing *missing);
slip_truth evaluate_bounds(const pack_condition *condition, slip_range range);
slip_truth slip_truth_and(slip_truth a, slip_truth b);
slip_truth slip_truth_or(slip_truth a, slip_truth b);
slip_truth slip_truth_not(slip_truth a);

#endif
