/* Numbers for people: three significant digits, SI prefixes, intervals. Everything here is in the C locale.
 * NAN becomes "-", infinities "inf": a cell is never empty by accident. */
#ifndef SLIP_REPORT_NUMBER_H
#define SLIP_REPORT_NUMBER_H

#include <stdint.h>

enum { SLIP_CELL_SIZE = 96 };

/* "0.0123", "1.51", "1510"; from 10,000 on with a prefix: "12.3 k", "582 M". Returns out, as all of these do. */
char *slip_number_plain(char out[SLIP_CELL_SIZE], double value);
/* With a unit that takes prefixes from nano to exa: "302 PFLOP/s", "45.0 ms". */
char *slip_number_unit(char out[SLIP_CELL_SIZE], double value, const char *unit);
/* "1510 [1210, 1890]"; "1510" when either end is NAN. */
char *slip_number_interval(char out[SLIP_CELL_SIZE], double value, double low, double high);
/* A count, exactly: "8192"; a number that is not whole, or beyond 2^53, as slip_number_plain. */
char *slip_number_count(char out[SLIP_CELL_SIZE], double value);
/* Parameters, in millions or billions as people say them: "671 B", "950 M". */
char *slip_number_params(char out[SLIP_CELL_SIZE], double count);
/* 0.4321 -> "43.2%"; what rounds to nothing is "<0.1%" */
char *slip_number_percent(char out[SLIP_CELL_SIZE], double share);
/* "300 us", "45.0 ms", "1.50 s", "2.50 min", "3.00 h", "41.2 days": units that people say. */
char *slip_number_seconds(char out[SLIP_CELL_SIZE], double seconds);
/* "$0.412", "$1510", "$12.3 k", "$8.20 M" */
char *slip_number_usd(char out[SLIP_CELL_SIZE], double usd);
/* "1.51x" */
char *slip_number_ratio(char out[SLIP_CELL_SIZE], double ratio);

#endif
