/* The growing text, numbers in and out, edit distance, reading files, and UTF-8. */
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fail.h"

/* --- the C locale, for this thread and the length of one call; a program that embeds us may have set another --- */

typedef struct c_locale {
  locale_t c, before;
} c_locale;

static bool c_locale_enter(c_locale *scope) {
  scope->c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (scope->c == (locale_t)0)
    return false;
  scope->before = uselocale(scope->c);
  return true;
}

static void c_locale_leave(const c_locale *scope) {
  uselocale(scope->before);
  freelocale(scope->c);
}

int slip_vformat(char *out, size_t size, const char *fmt, va_list args) {
  c_locale scope;
  if (!c_locale_enter(&scope))
    return -1;
  const int length = vsnprintf(out, size, fmt, args);
  c_locale_leave(&scope);
  return length;
}

/* --- the growing text --- */

void slip_text_free(slip_text *text) {
  free(text->data);
  *text = (slip_text){0};
}

/* Room for n more bytes and the terminator. */
static bool reserve(slip_text *text, size_t n) {
  if (text->failed)
    return false;
  if (n >= SIZE_MAX / 2 - text->length) {
    text->failed = true;
    return false;
  }
  const size_t need = text->length + n + 1;
  if (need <= text->capacity)
    return true;
  size_t capacity = text->capacity < 128 ? 128 : text->capacity;
  while (capacity < need)
    capacity *= 2;
  char *data = slip_memory_resize(text->data, capacity);
  if (data == NULL) {
    text->failed = true;
    return false;
  }
  text->data = data;
  text->capacity = capacity;
  return true;
}

void slip_text_add_n(slip_text *text, const char *s, size_t n) {
  if (!reserve(text, n))
    return;
  if (n > 0)
    memcpy(text->data + text->length, s, n);
  text->length += n;
  text->data[text->length] = '\0';
}

void slip_text_add(slip_text *text, const char *s) {
  if (s != NULL)
    slip_text_add_n(text, s, strlen(s));
}

void slip_text_printf(slip_text *text, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  const int length = slip_vformat(NULL, 0, fmt, args);
  va_end(args);
  if (length < 0)
    text->failed = true;
  if (length < 0 || !reserve(text, (size_t)length))
    return;
  va_start(args, fmt);
  slip_vformat(text->data + text->length, (size_t)length + 1, fmt, args);
  va_end(args);
  text->length += (size_t)length;
}

/* --- numbers --- */

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* The end of the decimal number at the start of s (the core schema of YAML 1.2), NULL when there is none. */
static const char *number_end(const char *s) {
  if (*s == '+' || *s == '-')
    s++;
  const bool whole = is_digit(*s);
  while (is_digit(*s))
    s++;
  if (*s == '.') {
    if (!whole && !is_digit(s[1]))
      return NULL;
    s++;
    while (is_digit(*s))
      s++;
  } else if (!whole) {
    return NULL;
  }
  if (*s == 'e' || *s == 'E') {
    const char *exponent = s + 1;
    if (*exponent == '+' || *exponent == '-')
      exponent++;
    if (is_digit(*exponent)) {
      while (is_digit(*exponent))
        exponent++;
      s = exponent;
    }
  }
  return s;
}

bool slip_is_number(const char *s) {
  const char *end = number_end(s);
  return end != NULL && *end == '\0';
}

/* s starts with a decimal number, and what follows does not continue it for strtod. */
static bool read_double(const char *s, double *out) {
  c_locale scope;
  if (!c_locale_enter(&scope))
    return false;
  const double value = strtod(s, NULL);
  c_locale_leave(&scope);
  if (!isfinite(value))
    return false;
  *out = value == 0 ? 0 : value;
  return true;
}

bool slip_parse_double(const char *s, double *out) {
  return slip_is_number(s) && read_double(s, out);
}

/* The written exponent, clamped: no text is long enough for its digits to bring a larger one back into range. */
static int64_t written_exponent(const char *s) {
  const int64_t limit = INT64_C(1) << 60;
  const bool negative = *s == '-';
  if (*s == '+' || *s == '-')
    s++;
  int64_t exponent = 0;
  for (; is_digit(*s) && exponent < limit / 10; s++)
    exponent = exponent * 10 + (*s - '0');
  return negative ? -exponent : exponent;
}

/* Appends a digit to a value that is kept negative, since its range reaches one further. */
static bool append_digit(int64_t *value, int digit) {
  if (*value < (INT64_MIN + digit) / 10)
    return false;
  *value = *value * 10 - digit;
  return true;
}

bool slip_parse_int(const char *s, int64_t *out) {
  if (!slip_is_number(s))
    return false;
  const bool negative = *s == '-';
  if (*s == '+' || *s == '-')
    s++;
  const size_t written = strcspn(s, "eE");
  const char *point = memchr(s, '.', written);
  const size_t whole = point == NULL ? written : (size_t)(point - s);
  /* Digits before the decimal point once the exponent is applied; those after it must be zero. */
  const int64_t exponent = s[written] == '\0' ? 0 : written_exponent(s + written + 1);
  const int64_t places = (int64_t)whole + exponent;
  int64_t value = 0, seen = 0;
  for (size_t i = 0; i < written; i++) {
    if (s[i] == '.')
      continue;
    const int digit = s[i] - '0';
    if (seen++ < places ? !append_digit(&value, digit) : digit != 0)
      return false;
  }
  for (; value != 0 && seen < places; seen++)
    if (!append_digit(&value, 0))
      return false;
  if (!negative && value == INT64_MIN)
    return false;
  *out = negative ? value : -value;
  return true;
}

typedef struct time_unit {
  const char *suffix;
  double times, per; /* dividing by a whole power of ten rounds once, multiplying by 1e-3 twice */
} time_unit;

static const time_unit time_units[] = {
    {"", 1, 1}, {"s", 1, 1}, {"ms", 1, 1e3}, {"us", 1, 1e6}, {"ns", 1, 1e9}, {"min", 60, 1}, {"h", 3600, 1},
};

bool slip_parse_seconds(const char *s, double *out) {
  const char *end = number_end(s);
  if (end == NULL)
    return false;
  for (size_t i = 0; i < sizeof time_units / sizeof *time_units; i++) {
    const time_unit *unit = &time_units[i];
    double value = 0;
    if (strcmp(end, unit->suffix) != 0)
      continue;
    if (!read_double(s, &value))
      return false;
    const double seconds = value * unit->times / unit->per;
    if (seconds < 0 || !isfinite(seconds))
      return false;
    *out = seconds;
    return true;
  }
  return false;
}

/* "1e+06" -> "1e6", "1e-05" -> "1e-5" */
static void trim_exponent(char *s) {
  char *in = strchr(s, 'e');
  if (in == NULL)
    return;
  char *out = ++in;
  if (*in == '-')
    out++;
  in++; /* printf always writes a sign and two digits */
  while (*in == '0' && in[1] != '\0')
    in++;
  memmove(out, in, strlen(in) + 1);
}

/* Below a power of two doubles are half as far apart, so the nearest 16 digits may miss it on that side where the next
 * ones up on the wide side reach it. True when they do; s then holds them. */
static bool try_next_16_digits(char *s, double value) {
  snprintf(s, SLIP_DOUBLE_SIZE, "%.15e", value);
  char *digit = strchr(s, 'e') - 1;
  if (*digit == '9') /* a carry would leave fewer than 16 digits, which were tried */
    return false;
  ++*digit;
  return strtod(s, NULL) == value;
}

static void format_shortest(char *s, double value) {
  int exponent = 0;
  const bool power_of_two = fabs(frexp(value, &exponent)) == 0.5;
  /* Any decimal of 15 digits that reads back to a normal double is found at 15; subnormal ones carry fewer. */
  for (int digits = fabs(value) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
    snprintf(s, SLIP_DOUBLE_SIZE, "%.*g", digits, value);
    if (strtod(s, NULL) == value)
      return;
    if (digits == 16 && power_of_two && try_next_16_digits(s, value))
      return;
  }
}

char *slip_format_double(char out[SLIP_DOUBLE_SIZE], double value) {
  c_locale scope;
  if (!isfinite(value)) {
    snprintf(out, SLIP_DOUBLE_SIZE, "%s", isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
  } else if (c_locale_enter(&scope)) {
    format_shortest(out, value);
    c_locale_leave(&scope);
    trim_exponent(out);
  } else {
    snprintf(out, SLIP_DOUBLE_SIZE, "nan");
  }
  return out;
}

/* --- names --- */

enum { EDIT_MAX = 64 };

int slip_edit_distance(const char *a, const char *b) {
  const size_t rows = strnlen(a, EDIT_MAX), columns = strnlen(b, EDIT_MAX);
  int cost[EDIT_MAX + 1]; /* of turning a[0..i) into b[0..j), for the row i */
  for (size_t j = 0; j <= columns; j++)
    cost[j] = (int)j;
  for (size_t i = 1; i <= rows; i++) {
    int diagonal = cost[0];
    cost[0] = (int)i;
    for (size_t j = 1; j <= columns; j++) {
      const int replaced = diagonal + (a[i - 1] != b[j - 1]);
      const int shorter = (cost[j] < cost[j - 1] ? cost[j] : cost[j - 1]) + 1;
      diagonal = cost[j];
      cost[j] = replaced < shorter ? replaced : shorter;
    }
  }
  return cost[columns];
}

/* --- files --- */

static slip_status fail_errno(slip_error *err, const char *path, const char *what, int error) {
  const locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  const char *why = c != (locale_t)0 ? strerror_l(error, c) : "unknown error";
  slip_fail_at(err, SLIP_IO_FAILURE, path, 0, 0, NULL, "%s: %s", what, why);
  if (c != (locale_t)0)
    freelocale(c);
  return SLIP_IO_FAILURE;
}

static slip_status open_file(const char *path, int *fd, slip_error *err) {
  struct stat info;
  *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (*fd < 0)
    return fail_errno(err, path, "cannot open the file", errno);
  if (fstat(*fd, &info) != 0)
    return fail_errno(err, path, "cannot read the file", errno);
  if (S_ISDIR(info.st_mode))
    return slip_fail_at(err, SLIP_IO_FAILURE, path, 0, 0, NULL, "is a directory: name a file in it");
  return SLIP_OK;
}

/* Reads until the end or until text holds more than max bytes. */
static slip_status read_all(int fd, const char *path, size_t max, slip_text *text, slip_error *err) {
  while (text->length <= max) {
    if (!reserve(text, text->length < 4096 ? 4096 : text->length))
      return slip_fail_at(err, SLIP_NO_MEMORY, path, 0, 0, NULL, "not enough memory to read the file");
    const size_t room = text->capacity - text->length - 1;
    const ssize_t got = read(fd, text->data + text->length, room);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return fail_errno(err, path, "cannot read the file", errno);
    text->length += (size_t)got;
    text->data[text->length] = '\0';
    if (got == 0)
      return SLIP_OK;
  }
  return slip_fail_at(err, SLIP_BAD_INPUT, path, 0, 0, NULL,
                      "is larger than %zu bytes, the most that is read: is it the right file?", max);
}

slip_status slip_read_file(const char *path, size_t max, char **bytes, size_t *n, slip_error *err) {
  slip_status status = SLIP_OK;
  slip_text text = {0};
  int fd = -1;
  SLIP_TRY(open_file(path, &fd, err));
  SLIP_TRY(read_all(fd, path, max, &text, err));
  *bytes = text.data;
  *n = text.length;
  text = (slip_text){0};
cleanup:
  slip_text_free(&text);
  if (fd >= 0)
    close(fd);
  return status;
}

/* --- UTF-8 --- */

static bool is_continuation(unsigned char c) {
  return (c & 0xC0) == 0x80;
}

/* Unicode 15, table 3-7: the second byte excludes overlong forms, surrogates and what is above U+10FFFF. */
size_t slip_utf8_length(const char *s, size_t n) {
  const unsigned char *b = (const unsigned char *)s;
  if (n >= 1 && b[0] < 0x80)
    return 1;
  if (n >= 2 && b[0] >= 0xC2 && b[0] <= 0xDF)
    return is_continuation(b[1]) ? 2 : 0;
  if (n >= 3 && b[0] >= 0xE0 && b[0] <= 0xEF) {
    const unsigned low = b[0] == 0xE0 ? 0xA0 : 0x80, high = b[0] == 0xED ? 0x9F : 0xBF;
    return b[1] >= low && b[1] <= high && is_continuation(b[2]) ? 3 : 0;
  }
  if (n >= 4 && b[0] >= 0xF0 && b[0] <= 0xF4) {
    const unsigned low = b[0] == 0xF0 ? 0x90 : 0x80, high = b[0] == 0xF4 ? 0x8F : 0xBF;
    return b[1] >= low && b[1] <= high && is_continuation(b[2]) && is_continuation(b[3]) ? 4 : 0;
  }
  return 0;
}

bool slip_is_utf8(const char *s, size_t n) {
  for (size_t i = 0; i < n;) {
    const size_t length = slip_utf8_length(s + i, n - i);
    if (length == 0)
      return false;
    i += length;
  }
  return true;
}

size_t slip_utf8_cut(const char *s, size_t n) {
  for (size_t back = 1; back <= 3 && back <= n; back++) {
    const unsigned char c = (unsigned char)s[n - back];
    if (is_continuation(c))
      continue;
    const size_t length = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
    return length > back ? n - back : n;
  }
  return n;
}
