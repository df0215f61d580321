/* data/calibration files: what a good one says, and what is refused, with file, line and field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "base/text.h"
#include "calibrate/agenda.h"
#include "calibrate/joint.h"

static slip_arena *arena;

static int setup(void **state) {
  arena = slip_arena_open();
  return arena ? 0 : -1;
}

static int teardown(void **state) {
  slip_arena_free(arena);
  return 0;
}

#define HEAD "rows: serving\nrow_sd: 0.15\n"
#define STEP \
  "  host_step_us: {prior: 2500, common_sd: 0.5, entry_sd: 0.2, own_sd: 0.6, scale: positive, why: engines}\n"
#define HIT "  draft_acceptance: {prior: 0.7, own_sd: 0.4, scale: share, why: papers}\n"
#define HOT \
  "  imbalance_serve: {prior: 1.2, own_sd: 0.1, scale: positive, low: 1, high: 3, why: without a balancer}\n"
#define FIELDS "fields:\n" STEP HIT HOT
#define GROUP(of, fields) "  - {of: [" of "], fields: [" fields "]}\n"

/* ---- a good file ---- */

static void a_file_says_fields_groups_and_followers(void **state) {
  static const char text[] = HEAD FIELDS "shared:\n" GROUP("stacks/a, stacks/b", "host_step_us, imbalance_serve")
      GROUP("stacks/c", "host_step_us") "follow:\n  host_serve_layer_us: host_step_us\n";
  slip_agenda a;
  slip_error err = {.message = ""};
  if (slip_agenda_parse(arena, "mem.yaml", text, strlen(text), &a, &err) != SLIP_OK)
    fail_msg("%d: %s: %s", err.line, err.field, err.message);
  assert_string_equal(a.file, "mem.yaml");
  assert_int_equal(a.rows, SLIP_ROW_SERVING);
  assert_true(a.row_sd == 0.15 && a.ttft_sd == 0.15); /* times to first token as the rest, unless said otherwise */
  assert_int_equal(a.n_fields, 3);
  const slip_agenda_field *step = &a.fields[0], *hit = &a.fields[1], *hot = &a.fields[2];
  assert_string_equal(step->name, "host_step_us");
  assert_true(fabs(step->prior - 2500e-6) < 1e-12); /* seconds in memory, microseconds in the file */
  assert_true(step->common_sd == 0.5 && step->entry_sd == 0.2 && step->own_sd == 0.6);
  assert_int_equal(step->transform, SLIP_LOG);
  assert_false(step->bounded);
  assert_string_equal(step->why, "engines");
  assert_int_equal(hit->transform, SLIP_LOGIT);
  assert_true(hit->prior == 0.7 && hit->common_sd == 0 && hit->entry_sd == 0 && hit->own_sd == 0.4);
  assert_true(hot->bounded && hot->low == 1 && hot->high == 3);
  assert_int_equal(a.n_constants, 3); /* one per group and field */
  assert_int_equal(a.constants[0].field, 0);
  assert_int_equal(a.constants[0].n_owners, 2);
  assert_int_equal(a.constants[0].owners[1].kind, SLIP_KIND_STACK);
  assert_string_equal(a.constants[0].owners[1].entry, "b");
  assert_null(a.constants[0].owners[1].level);
  assert_int_equal(a.constants[0].owners[1].line, 8);
  assert_int_equal(a.constants[1].field, 2);
  assert_int_equal(a.constants[2].n_owners, 1);
  assert_int_equal(a.n_followers, 1);
  assert_string_equal(a.followers[0].name, "host_serve_layer_us");
  assert_string_equal(a.followers[0].leader, "host_step_us");
}

static void times_to_first_token_may_have_a_width_of_their_own(void **state) {
  static const char text[] = HEAD "ttft_sd: 0.6\n" FIELDS "shared: []\n";
  slip_agenda a;
  assert_int_equal(slip_agenda_parse(arena, "mem.yaml", text, strlen(text), &a, NULL), SLIP_OK);
  assert_true(a.row_sd == 0.15 && a.ttft_sd == 0.6);
}

static void an_owner_may_be_a_level_of_a_system(void **state) {
  static const char text[] = "rows: kernels\nrow_sd: 0.1\nfields:\n"
                             "  latency_us: {prior: 2.5, own_sd: 0.4, scale: positive, why: a hop}\nshared:\n"
                             "  - {of: [systems/s/scale-up, systems/s/scale-out], fields: [latency_us]}\n";
  slip_agenda a;
  assert_int_equal(slip_agenda_parse(arena, "mem.yaml", text, strlen(text), &a, NULL), SLIP_OK);
  assert_int_equal(a.constants[0].owners[1].kind, SLIP_KIND_SYSTEM);
  assert_string_equal(a.constants[0].owners[1].entry, "s");
  assert_string_equal(a.constants[0].owners[1].level, "scale-out");
}

/* ---- what is refused ---- */

typedef struct refusal {
  const char *text;
  int line;
  const char *field, *says;
} refusal;

static void check_refusals(const refusal *refusals, size_t n) {
  for (size_t i = 0; i < n; i++) {
    slip_agenda a;
    slip_error err = {.message = ""};
    const refusal *r = &refusals[i];
    const slip_status status = slip_agenda_parse(arena, "mem.yaml", r->text, strlen(r->text), &a, &err);
    if (status != SLIP_BAD_INPUT || err.line != r->line || strcmp(err.field, r->field) != 0 ||
        !strstr(err.message, r->says))
      fail_msg("case %zu: status %d, line %d, field \"%s\": %s\nnot line %d, field \"%s\": ...%s...", i, status,
               err.line, err.field, err.message, r->line, r->field, r->says);
    assert_string_equal(err.file, "mem.yaml");
  }
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void the_head_is_checked(void **state) {
  static const refusal refusals[] = {
      {"rows: [\n", 1, "rows", "not valid YAML"},
      {"- 1\n", 1, "", "expected a map"},
      {HEAD "colour: red\n", 3, "colour", "is not a key here"},
      {"row_sd: 0.15\n" FIELDS "shared: []\n", 1, "", "\"rows\" is missing"},
      {"rows: dancing\n", 1, "rows", "is training, serving or kernels, not 'dancing'"},
      {"rows: serving\n" FIELDS "shared: []\n", 1, "", "\"row_sd\" is missing"},
      {"rows: serving\nrow_sd: 0\n", 2, "row_sd", ""},
      {HEAD "ttft_sd: 5\n" FIELDS "shared: []\n", 3, "ttft_sd", ""},
      {HEAD "shared: []\n", 1, "", "\"fields\" is missing"},
      {HEAD "fields: {}\nshared: []\n", 3, "fields", "expected a map of fields"},
      {HEAD FIELDS, 1, "", "\"shared\" is missing"},
      {HEAD FIELDS "shared: {}\n", 7, "shared", "expected a list of groups"},
  };
  check_refusals(refusals, COUNT(refusals));
}

#define ONE(name, rest) HEAD "fields:\n" name ":\n    " rest "shared: []\n"

static void a_field_is_checked(void **state) {
  static const refusal refusals[] = {
      {ONE("  colour", "{prior: 1, own_sd: 1, scale: positive, why: w}\n"), 4, "colour",
       "is no number of a kernel profile"},
      {ONE("  host_step_us", "{own_sd: 1, scale: positive, why: w}\n"), 4, "host_step_us", "\"prior\" is missing"},
      {ONE("  host_step_us", "{prior: 1, scale: positive, why: w}\n"), 4, "host_step_us", "\"own_sd\" is missing"},
      {ONE("  host_step_us", "{prior: 1, own_sd: 1, why: w}\n"), 4, "host_step_us", "\"scale\" is missing"},
      {ONE("  host_step_us", "{prior: 1, own_sd: 1, scale: positive}\n"), 4, "host_step_us", "\"why\" is missing"},
      {ONE("  host_step_us", "{prior: 1, own_sd: 1, scale: round, why: w}\n"), 5, "scale",
       "positive (ln is normal) or share"},
      {ONE("  host_step_us", "{prior: 1, sd: 1, scale: positive, why: w}\n"), 5, "sd", "is not a key here"},
      {ONE("  host_step_us", "{prior: -1, own_sd: 1, scale: positive, why: w}\n"), 5, "prior", ""},
      {ONE("  host_step_us", "{prior: 0, own_sd: 1, scale: positive, why: w}\n"), 5, "prior", "must be above 0"},
      {ONE("  overlap_dp", "{prior: 0, own_sd: 1, scale: share, why: w}\n"), 5, "prior",
       "must be above 0 and below 1"},
      {ONE("  overlap_dp", "{prior: 1, own_sd: 1, scale: share, why: w}\n"), 5, "prior",
       "must be above 0 and below 1"},
      {ONE("  host_step_us", "{prior: 1, own_sd: -1, scale: positive, why: w}\n"), 5, "own_sd", ""},
      {ONE("  host_step_us", "{prior: 1, own_sd: 1, common_sd: 11, scale: positive, why: w}\n"), 5, "common_sd",
       ""},
      {ONE("  host_step_us", "{prior: 1, own_sd: 1, entry_sd: many, scale: positive, why: w}\n"), 5, "entry_sd",
       ""},
      {ONE("  host_step_us", "{prior: 5, own_sd: 1, scale: positive, low: 1, why: w}\n"), 4, "host_step_us",
       "low and high go together"},
      {ONE("  host_step_us", "{prior: 5, own_sd: 1, scale: positive, high: 9, why: w}\n"), 4, "host_step_us",
       "low and high go together"},
      {ONE("  overlap_dp", "{prior: 0.5, own_sd: 1, scale: share, low: 0, high: 1, why: w}\n"), 4, "overlap_dp",
       "with scale: positive"},
      {ONE("  host_step_us", "{prior: 5, own_sd: 1, scale: positive, low: 5, high: 9, why: w}\n"), 4,
       "host_step_us", "the prior is not between low and high"},
      {ONE("  host_step_us", "{prior: 5, own_sd: 1, scale: positive, low: 1, high: 4, why: w}\n"), 4,
       "host_step_us", "the prior is not between low and high"},
  };
  check_refusals(refusals, COUNT(refusals));
}

#define SHARED(groups) HEAD FIELDS "shared:\n" groups

static void groups_are_checked(void **state) {
  static const refusal refusals[] = {
      {SHARED("  - {of: [stacks/a], fields: [host_step_us], colour: red}\n"), 8, "colour", "is not a key here"},
      {SHARED("  - {fields: [host_step_us]}\n"), 8, "", "\"of\" is missing"},
      {SHARED("  - {of: [stacks/a]}\n"), 8, "", "\"fields\" is missing"},
      {SHARED("  - {of: stacks/a, fields: [host_step_us]}\n"), 8, "", "are lists"},
      {SHARED("  - {of: [], fields: [host_step_us]}\n"), 8, "", "are lists"},
      {SHARED(GROUP("a", "host_step_us")), 8, "", "'a' is not stacks/NAME, kernels/NAME or systems/NAME/LEVEL"},
      {SHARED(GROUP("stacks/", "host_step_us")), 8, "", "'stacks/' is not"},
      {SHARED(GROUP("stacks/a/b", "host_step_us")), 8, "", "'stacks/a/b' is not"},
      {SHARED(GROUP("systems/a", "host_step_us")), 8, "", "'systems/a' is not"},
      {SHARED(GROUP("systems/a/", "host_step_us")), 8, "", "'systems/a/' is not"},
      {SHARED(GROUP("chips/a", "host_step_us")), 8, "", "'chips/a' is not"},
      {SHARED(GROUP("stacks/a, stacks/a", "host_step_us")), 8, "", "'stacks/a' is named twice"},
      {SHARED(GROUP("stacks/a", "colour")), 8, "", "'colour' has no prior under \"fields\""},
      {SHARED(GROUP("stacks/a", "host_layer_us")), 8, "", "'host_layer_us' has no prior under \"fields\""},
      {SHARED(GROUP("kernels/a", "host_step_us")), 8, "", "a kernels file has no 'host_step_us'"},
      {SHARED(GROUP("systems/a/scale-up", "host_step_us")), 8, "", "a system file has no 'host_step_us'"},
      {SHARED(GROUP("stacks/a", "host_step_us") GROUP("stacks/b, stacks/a", "host_step_us")), 9, "",
       "'host_step_us' of a is in two groups"},
      {SHARED(GROUP("stacks/a", "host_step_us, host_step_us")), 8, "", "'host_step_us' of a is in two groups"},
  };
  check_refusals(refusals, COUNT(refusals));
}

#define FOLLOW(line) SHARED(GROUP("stacks/a", "host_step_us")) "follow:\n" line

static void followers_are_checked(void **state) {
  static const refusal refusals[] = {
      {SHARED(GROUP("stacks/a", "host_step_us")) "follow: [a]\n", 9, "follow",
       "expected a map of follower: leader"},
      {FOLLOW("  host_layer_us: overlap_dp\n"), 10, "host_layer_us",
       "follows one under \"fields\""}, /* which is not fitted */
      {FOLLOW("  colour: host_step_us\n"), 10, "colour", "a field of the catalog"},
      {FOLLOW("  draft_acceptance: host_step_us\n"), 10, "draft_acceptance", "that is not fitted itself"},
  };
  check_refusals(refusals, COUNT(refusals));
}

#define OWN(rest) \
  SHARED("  - {of: [stacks/a], fields: [host_step_us, imbalance_serve, draft_acceptance], " rest "}\n")

static void priors_of_groups_are_checked(void **state) {
  static const refusal refusals[] = {
      {OWN("why: w, prior: 3"), 8, "prior", "expected a map of fields and their priors"},
      {OWN("why: w, prior: [3]"), 8, "prior", "expected a map of fields and their priors"},
      {OWN("why: w, prior: {host_layer_us: 3}"), 8, "host_layer_us", "is not among the group's fields"},
      {OWN("prior: {host_step_us: 900}"), 8, "", "\"why\" is missing"},
      {OWN("why: w, prior: {host_step_us: 0}"), 8, "host_step_us", "is not within the bounds"},
      {OWN("why: w, prior: {host_step_us: -1}"), 8, "host_step_us", ""},
      {OWN("why: w, prior: {draft_acceptance: 1}"), 8, "draft_acceptance", "is not within the bounds"},
      {OWN("why: w, prior: {imbalance_serve: 3}"), 8, "imbalance_serve", "is not within the bounds"},
  };
  check_refusals(refusals, COUNT(refusals));
}

/* What is published of one group alone goes before the prior of the field. */
static void a_group_may_have_priors_of_its_own(void **state) {
  static const char text[] = OWN("prior: {host_step_us: 900}, why: its profile");
  slip_agenda a;
  assert_int_equal(slip_agenda_parse(arena, "mem.yaml", text, strlen(text), &a, NULL), SLIP_OK);
  assert_true(fabs(a.constants[0].prior - 900e-6) < 1e-12);
  assert_string_equal(a.constants[0].why, "its profile");
  assert_true(a.constants[1].prior == a.fields[2].prior);
  assert_string_equal(a.constants[1].why, "without a balancer");
}

/* ---- the built-in files ---- */

/* Every owner is an entry of the catalog, or binding fails; every fitted constant has a value there that lies where its prior may take it. */
static void the_built_in_files_bind_to_the_built_in_catalog(void **state) {
  slip_catalog *catalog = NULL, *moved = NULL;
  assert_int_equal(slip_catalog_open(NULL, 0, &catalog, NULL), SLIP_OK);
  assert_int_equal(slip_catalog_copy(catalog, &moved, NULL), SLIP_OK);
  for (int kind = 0; kind < SLIP_ROW_KINDS; kind++) {
    slip_agenda a;
    slip_joint *joint = NULL;
    slip_error err = {.message = ""};
    if (slip_agenda_builtin(arena, (slip_row_kind)kind, &a, &err) != SLIP_OK ||
        slip_joint_open(arena, &a, moved, NULL, 0, &joint, &err) != SLIP_OK)
      fail_msg("%s:%d: %s: %s", err.file, err.line, err.field, err.message);
    assert_int_equal(a.rows, kind);
    assert_true(a.n_constants > 0);
    for (size_t i = 0; i < a.n_fields; i++)
      assert_true(a.fields[i].own_sd > 0 && a.fields[i].why[0] != '\0');
  }
  slip_catalog_free(moved);
  slip_catalog_free(catalog);
}

static void an_owner_that_the_catalog_lacks_is_named_with_its_line(void **state) {
  static const struct {
    const char *owner, *field, *says;
  } cases[] = {
      {"stacks/of-tomorrow", "host_step_us", "there is no stack 'of-tomorrow' in the catalog"},
      {"systems/hgx-h100/roof", "latency_us", "system 'hgx-h100' has no level 'roof'"},
  };
  slip_catalog *catalog = NULL, *moved = NULL;
  assert_int_equal(slip_catalog_open(NULL, 0, &catalog, NULL), SLIP_OK);
  assert_int_equal(slip_catalog_copy(catalog, &moved, NULL), SLIP_OK);
  for (size_t i = 0; i < COUNT(cases); i++) {
    const char *text = slip_arena_printf(arena,
                                         HEAD "fields:\n  %s: {prior: 2.5, own_sd: 0.4, scale: positive, why: w}\n"
                                              "shared:\n  - {of: [%s], fields: [%s]}\n",
                                         cases[i].field, cases[i].owner, cases[i].field);
    slip_agenda a;
    slip_joint *joint = NULL;
    slip_error err = {.message = ""};
    assert_int_equal(slip_agenda_parse(arena, "mem.yaml", text, strlen(text), &a, &err), SLIP_OK);
    assert_int_equal(slip_joint_open(arena, &a, moved, NULL, 0, &joint, &err), SLIP_BAD_INPUT);
    assert_string_equal(err.file, "mem.yaml");
    assert_int_equal(err.line, 6);
    assert_string_equal(err.field, "of");
    assert_string_equal(err.message, cases[i].says);
  }
  slip_catalog_free(moved);
  slip_catalog_free(catalog);
}

/* docs/catalog.md, "Calibration": its example is a good file, whose owners exist. */
static void the_example_of_the_documentation_is_read(void **state) {
  const char *root = getenv("SLIP_SOURCE_DIR");
  char path[1000], *text = NULL;
  size_t n = 0;
  slip_catalog *catalog = NULL, *moved = NULL;
  slip_agenda a;
  slip_joint *joint = NULL;
  slip_error err = {.message = ""};
  if (!root)
    skip();
  (void)snprintf(path, sizeof path, "%s/docs/catalog.md", root);
  assert_int_equal(slip_read_file(path, 1 << 20, &text, &n, NULL), SLIP_OK);
  const char *at = strstr(text, "```\nrows: "), *end = at ? strstr(at + 4, "```") : NULL;
  assert_non_null(end);
  assert_int_equal(slip_catalog_open(NULL, 0, &catalog, NULL), SLIP_OK);
  assert_int_equal(slip_catalog_copy(catalog, &moved, NULL), SLIP_OK);
  if (slip_agenda_parse(arena, "docs/catalog.md", at + 4, (size_t)(end - at) - 4, &a, &err) != SLIP_OK ||
      slip_joint_open(arena, &a, moved, NULL, 0, &joint, &err) != SLIP_OK)
    fail_msg("line %d of the example: %s: %s", err.line, err.field, err.message);
  assert_int_equal(a.n_constants, 4);
  slip_catalog_free(moved);
  slip_catalog_free(catalog);
  free(text);
}

/* ---- memory ---- */

static void lack_of_memory_is_an_error(void **state) {
  static const char text[] = SHARED(GROUP("stacks/a, stacks/b", "host_step_us, imbalance_serve"));
  const size_t live = slip_arena_live_bytes();
  slip_status status = SLIP_NO_MEMORY;
  for (long n = 1; status != SLIP_OK; n++) {
    slip_agenda a;
    slip_arena *own = slip_arena_open();
    slip_arena_fail_after(n);
    status = slip_agenda_parse(own, "mem.yaml", text, strlen(text), &a, NULL);
    slip_arena_fail_after(0);
    assert_true(status == SLIP_OK || status == SLIP_NO_MEMORY);
    slip_arena_free(own);
    assert_int_equal(slip_arena_live_bytes(), live);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_file_says_fields_groups_and_followers),
      cmocka_unit_test(times_to_first_token_may_have_a_width_of_their_own),
      cmocka_unit_test(an_owner_may_be_a_level_of_a_system),
      cmocka_unit_test(the_head_is_checked),
      cmocka_unit_test(a_field_is_checked),
      cmocka_unit_test(groups_are_checked),
      cmocka_unit_test(priors_of_groups_are_checked),
      cmocka_unit_test(a_group_may_have_priors_of_its_own),
      cmocka_unit_test(followers_are_checked),
      cmocka_unit_test(the_built_in_files_bind_to_the_built_in_catalog),
      cmocka_unit_test(the_example_of_the_documentation_is_read),
      cmocka_unit_test(an_owner_that_the_catalog_lacks_is_named_with_its_line),
      cmocka_unit_test(lack_of_memory_is_an_error),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
