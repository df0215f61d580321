/* The built-in catalog: every data/KIND/NAME.yaml, compiled into the library at build time by tools/embed.c.
 * Sorted by path (strcmp), so that it can be searched and is the same on every machine. */
#ifndef SLIP_CATALOG_EMBEDDED_H
#define SLIP_CATALOG_EMBEDDED_H

#include <stddef.h>

typedef struct slip_embedded_file {
  const char *path;           /* below data/, e.g. "chips/h200.yaml" */
  const unsigned char *bytes; /* not terminated */
  size_t size;
} slip_embedded_file;

extern const slip_embedded_file slip_embedded_files[];
extern const size_t slip_embedded_file_count;

#endif
