/* What the files of `slipstick classify` share. */
#ifndef SLIP_CLI_CLASSIFY_H
#define SLIP_CLI_CLASSIFY_H

#include "cli/cli.h"
#include "report/classify.h"

/* A chip, else a system, by name or alias. */
slip_status cli_classify_item(const slip_catalog *catalog, const char *name, const slip_entry **out,
                              slip_error *err);
slip_status cli_classify_state(const cli_options *o, slip_case *facts, slip_error *err);
/* The item with the transaction as the options state it. */
slip_status cli_classify_case(const cli_options *o, const slip_rules *rules, const slip_entry *item,
                              slip_case **out, slip_error *err);

slip_status cli_classify_all(cli_session *session, const slip_rules *rules, const slip_ask *ask, slip_error *err);
slip_status cli_classify_timeline(cli_session *session, const slip_rules *rules, const slip_ask *ask,
                                  slip_error *err);
slip_status cli_classify_diff(cli_session *session, const slip_rules *rules, const slip_ask *ask, slip_error *err);
/* --log: one JSON line at the end of the file. */
slip_status cli_classify_log(cli_session *session, const slip_classified *c, slip_error *err);

#endif
