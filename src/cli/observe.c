/* --observed: what the user measured on the stack, with which plan; the job then runs on the stack as it has become. */
#include <math.h>
#include <string.h>

#include "cli/cli.h"
#include "report/number.h"

/* The option pair; *plan is the text of the plan that was measured. */
static slip_status read_observation(const cli_options *o, slip_observation *observation, const char **plan,
                                    slip_error *err) {
  *plan = o->observed_plan != NULL ? o->observed_plan : o->plan;
  if (*plan == NULL)
    return slip_fail(
        err, SLIP_BAD_INPUT,
        "--observed needs the plan that it was measured on: give --observed-plan, or --plan when it is "
        "the same");
  return slip_observation_parse(o->observed, observation, err);
}

slip_status cli_observe_train(cli_session *session, slip_train_job *job, slip_stack *stack, slip_lesson *lesson,
                              slip_error *err) {
  const char *text;
  slip_observation observation;
  slip_plan plan = slip_plan_default();
  slip_status status = SLIP_OK;
  SLIP_TRY(read_observation(session->options, &observation, &text, err));
  SLIP_TRY(slip_plan_parse(text, &plan, err));
  SLIP_TRY(slip_observe_train(job, &plan, &observation, stack, lesson, err));
  job->stack = stack;
cleanup:
  return status;
}

slip_status cli_observe_serve(cli_session *session, slip_serve_job *job, slip_stack *stack, slip_lesson *lesson,
                              slip_error *err) {
  const char *text;
  slip_observation observation;
  slip_serve_plan plan = slip_serve_plan_default();
  slip_status status = SLIP_OK;
  SLIP_TRY(read_observation(session->options, &observation, &text, err));
  SLIP_TRY(slip_serve_plan_parse(text, &plan, err));
  if (session->options->batch > 0)
    plan.batch = session->options->batch;
  plan.disaggregated = plan.disaggregated || session->options->disaggregate;
  SLIP_TRY(slip_observe_serve(job, &plan, &observation, stack, lesson, err));
  job->stack = stack;
cleanup:
  return status;
}

void cli_note_lesson(cli_session *session, const slip_lesson *lesson) {
  char text[3][SLIP_CELL_SIZE];
  const double values[3] = {lesson->measured, lesson->predicted, lesson->posterior};
  for (int i = 0; i < 3; i++)
    (void)(lesson->kind == SLIP_OBSERVED_TOKENS_PER_S ? slip_number_plain : slip_number_seconds)(text[i],
                                                                                                 values[i]);
  slip_text_printf(&session->notes,
                   "slipstick: observed %s where the stack's file gives %s; its constants now give %s, and the "
                   "interval's half-width goes from %.0f%% to %.0f%%\n",
                   text[0], text[1], text[2], 100 * (exp(lesson->spread_before) - 1),
                   100 * (exp(lesson->spread_after) - 1));
}

void cli_json_lesson(cli_session *session, const slip_lesson *lesson) {
  slip_json *json = &session->json;
  slip_json_object(json, "observed");
  slip_json_double(json, "measured", lesson->measured);
  slip_json_double(json, "predicted_before", lesson->predicted);
  slip_json_double(json, "predicted_after", lesson->posterior);
  slip_json_double(json, "spread_before", lesson->spread_before);
  slip_json_double(json, "spread_after", lesson->spread_after);
  slip_json_object_end(json);
}
