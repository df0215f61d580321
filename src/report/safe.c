/* Text from files made safe for terminals, and the columns it takes there. */
#include <stdint.h>
#include <string.h>

#include "report/table.h"

static uint32_t decode(const char *s, size_t length) {
  const unsigned char lead = (unsigned char)*s;
  uint32_t point = length == 1 ? lead : lead & (0xFFU >> (length + 1));
  for (size_t i = 1; i < length; i++)
    point = point << 6 | ((unsigned char)s[i] & 0x3FU);
  return point;
}

typedef struct range {
  uint32_t first, last;
} range;

static bool is_in(uint32_t point, const range *ranges, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (point >= ranges[i].first && point <= ranges[i].last)
      return true;
  return false;
}

/* C0, DEL, C1; line and paragraph separators; directional marks, embeddings and isolates; byte order mark. */
static const range unsafe[] = {{0x00, 0x1F},     {0x7F, 0x9F},     {0x061C, 0x061C}, {0x200E, 0x200F},
                               {0x2028, 0x202E}, {0x2066, 0x2069}, {0xFEFF, 0xFEFF}};

/* Combining marks and zero-width characters of the scripts that product names use. */
static const range zero_width[] = {{0x0300, 0x036F}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF},
                                   {0x200B, 0x200D}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}};

/* Wide in Unicode's East Asian Width: CJK, kana, Hangul, full-width forms, most emoji. */
static const range wide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},  {0xAC00, 0xD7A3},
                             {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},  {0xFFE0, 0xFFE6},
                             {0x1F300, 0x1F64F}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};

void slip_safe_add(slip_text *out, const char *s, bool lines) {
  if (s == NULL)
    return;
  for (size_t left = strlen(s); left > 0;) {
    const size_t length = slip_utf8_length(s, left);
    if (length == 0 || (is_in(decode(s, length), unsafe, sizeof unsafe / sizeof *unsafe) && !(lines && *s == '\n')))
      slip_text_add_n(out, "?", 1);
    else
      slip_text_add_n(out, s, length);
    s += length > 0 ? length : 1;
    left -= length > 0 ? length : 1;
  }
}

int slip_text_columns(const char *s, size_t n) {
  int columns = 0;
  for (size_t at = 0; at < n;) {
    const size_t length = slip_utf8_length(s + at, n - at);
    const uint32_t point = length > 0 ? decode(s + at, length) : '?';
    if (is_in(point, wide, sizeof wide / sizeof *wide))
      columns += 2;
    else if (!is_in(point, zero_width, sizeof zero_width / sizeof *zero_width))
      columns += 1;
    at += length > 0 ? length : 1;
  }
  return columns;
}
