/* embed [--as NAME] OUT.c FOLDER FILE... : writes a C source that defines NAME_files[] and NAME_file_count (slip_embedded,
 * src/catalog/embedded.h, when not given) with the bytes of each FOLDER/FILE, sorted by name. Runs while building, on the
 * machine that builds. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare_names(const void *a, const void *b) {
  const char *const *left = a, *const *right = b;
  return strcmp(*left, *right);
}

/* One array named bytes_<index>. Returns the number of bytes, -1 after a failure (reported). */
static long write_bytes(FILE *out, const char *folder, const char *name, int index) {
  char path[4096];
  const int length = snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *in = length > 0 && (size_t)length < sizeof path ? fopen(path, "rb") : NULL;
  if (in == NULL) {
    (void)fprintf(stderr, "embed: %s/%s: %s\n", folder, name, strerror(errno));
    return -1;
  }
  long size = 0;
  (void)fprintf(out, "/* %s */\nstatic const unsigned char bytes_%d[] = {", name, index);
  for (int c = fgetc(in); c != EOF; c = fgetc(in), size++)
    (void)fprintf(out, size % 24 == 0 ? "\n%d," : "%d,", c);
  /* A C array cannot be empty; the 0 is not counted. */
  (void)fputs(size == 0 ? "0};\n" : "\n};\n", out);
  const int failed = ferror(in);
  (void)fclose(in);
  if (failed)
    (void)fprintf(stderr, "embed: cannot read %s\n", path);
  return failed ? -1 : size;
}

int main(int argc, char **argv) {
  const char *as = "slip_embedded";
  if (argc >= 3 && strcmp(argv[1], "--as") == 0) {
    as = argv[2];
    argc -= 2;
    argv += 2;
  }
  if (argc < 3) {
    (void)fputs("usage: embed [--as NAME] OUT.c FOLDER FILE...\n", stderr);
    return 2;
  }
  const int count = argc - 3;
  char **names = argv + 3;
  qsort(names, (size_t)count, sizeof *names, compare_names);
  long *sizes = calloc((size_t)count + 1, sizeof *sizes);
  FILE *out = fopen(argv[1], "wb");
  int failed = sizes == NULL || out == NULL;
  if (!failed)
    (void)fprintf(out,
                  "/* Made by tools/embed.c from data/; not to be edited. */\n#include \"catalog/embedded.h\"\n\n"
                  "extern const slip_embedded_file %s_files[];\nextern const size_t %s_file_count;\n\n",
                  as, as);
  for (int i = 0; i < count && !failed; i++) {
    sizes[i] = write_bytes(out, argv[2], names[i], i);
    failed = sizes[i] < 0;
  }
  if (!failed) {
    (void)fprintf(out, "\nconst slip_embedded_file %s_files[] = {\n", as);
    for (int i = 0; i < count; i++)
      (void)fprintf(out, "  {\"%s\", bytes_%d, %ld},\n", names[i], i, sizes[i]);
    if (count == 0)
      (void)fputs("  {0},\n", out);
    (void)fprintf(out, "};\nconst size_t %s_file_count = %d;\n", as, count);
  }
  if (out != NULL) {
    const int torn = ferror(out);
    failed |= fclose(out) != 0 || torn;
  }
  free(sizes);
  if (failed) {
    (void)fprintf(stderr, "embed: cannot make %s\n", argv[1]);
    (void)remove(argv[1]);
  }
  return failed;
}
