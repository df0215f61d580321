/* Names of the enumerations, and days of the calendar. */
#include <stdio.h>
#include <string.h>

#include <slipstick/rules.h>

static const char *name_in(const char *const *names, int count, int i) {
  return i >= 0 && i < count ? names[i] : "unknown";
}

const char *slip_truth_name(slip_truth truth) {
  static const char *const names[] = {"no", "yes", "undetermined"};
  return name_in(names, 3, (int)truth);
}

const char *slip_text_status_name(slip_text_status status) {
  static const char *const names[] = {"in force", "not yet in force", "suspended",
                                      "expired",  "never published",  "proposed only"};
  return name_in(names, 6, (int)status);
}

const char *slip_enforcement_name(slip_enforcement enforcement) {
  static const char *const names[] = {"enforced", "announced not enforced", "unknown"};
  return name_in(names, 3, (int)enforcement);
}

const char *slip_certainty_name(slip_certainty certainty) {
  static const char *const names[] = {"legal text", "secondary text", "official statement", "reported", "proposed"};
  return name_in(names, 5, (int)certainty);
}

/* ---- dates: the proleptic Gregorian calendar from 1900 to 2999 ---- */

static int days_in_month(int year, int month) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

bool slip_date_parse(const char *text, slip_date *out) {
  static const char shape[] = "dddd-dd-dd";
  int digits[10] = {0};
  if (strlen(text) != sizeof shape - 1)
    return false;
  for (size_t i = 0; i < sizeof shape - 1; i++) {
    digits[i] = text[i] - '0';
    if (shape[i] == 'd' ? digits[i] < 0 || digits[i] > 9 : text[i] != '-')
      return false;
  }
  const int year = 1000 * digits[0] + 100 * digits[1] + 10 * digits[2] + digits[3];
  const int month = 10 * digits[5] + digits[6], day = 10 * digits[8] + digits[9];
  if (year < 1900 || year > 2999 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
    return false;
  *out = 10000 * year + 100 * month + day;
  return true;
}

char *slip_date_format(char out[SLIP_DATE_SIZE], slip_date date) {
  const unsigned value = date > 0 && date <= 29991231 ? (unsigned)date : 0;
  out[0] = '\0';
  if (value > 0)
    snprintf(out, SLIP_DATE_SIZE, "%04u-%02u-%02u", value / 10000 % 10000, value / 100 % 100, value % 100);
  return out;
}

slip_date slip_date_next(slip_date date) {
  const int year = date / 10000, month = date / 100 % 100, day = date % 100;
  if (date == 0 || month < 1 || month > 12)
    return 0;
  if (day < days_in_month(year, month))
    return date + 1;
  return month < 12 ? 10000 * year + 100 * (month + 1) + 1 : 10000 * (year + 1) + 101;
}

/* Days since the first of March of the year 0: the usual shift that puts the leap day at the end of the year. */
static int day_number(slip_date date) {
  const int month = date / 100 % 100, year = date / 10000 - (month < 3 ? 1 : 0);
  return 365 * year + year / 4 - year / 100 + year / 400 + (153 * (month + (month < 3 ? 9 : -3)) + 2) / 5 +
         date % 100;
}

int slip_date_days(slip_date a, slip_date b) {
  return day_number(b) - day_number(a);
}
