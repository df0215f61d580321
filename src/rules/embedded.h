/* The built-in rule pack: every data/rules/NAME.yaml, compiled into the library at build time by tools/embed.c, sorted by path. */
#ifndef SLIP_RULES_EMBEDDED_H
#define SLIP_RULES_EMBEDDED_H

#include "catalog/embedded.h"

extern const slip_embedded_file slip_rules_files[];
extern const size_t slip_rules_file_count;

#endif
