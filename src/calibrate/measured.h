/* The published measurements: every data/measured/NAME.csv, and those of data/unseen, which are in no fit, compiled into the library at build time by
 * tools/embed.c, sorted by path. Paths are below data/, e.g. "measured/training.csv". */
#ifndef SLIP_CALIBRATE_MEASURED_H
#define SLIP_CALIBRATE_MEASURED_H

#include "catalog/embedded.h"

extern const slip_embedded_file slip_measured_files[];
extern const size_t slip_measured_file_count;
extern const slip_embedded_file slip_unseen_files[];
extern const size_t slip_unseen_file_count;

#endif
