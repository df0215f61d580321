/* A calibration for people and programs. */
#ifndef SLIP_REPORT_CALIBRATE_H
#define SLIP_REPORT_CALIBRATE_H

#include "base/json.h"
#include "report/table.h"
#include <slipstick/calibrate.h>

/* Constants before and after, rows used and left out, errors and intervals. */
void slip_report_calibration(const slip_calibration *calibration, const slip_style *style, slip_text *out);
/* The same inside an object that is open. */
void slip_json_calibration(slip_json *json, const slip_calibration *calibration);

/* Of the catalog's own constants. */
void slip_report_builtin(const slip_builtin_calibration *calibration, const slip_style *style, slip_text *out);
void slip_json_builtin(slip_json *json, const slip_builtin_calibration *calibration);

#endif
