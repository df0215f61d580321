/* Feeds files to a fuzz harness without a fuzzer, so that every build and every compiler replays the corpus.
 *
 *   replay-NAME FILE-OR-FOLDER...
 *
 * Each file is given whole, and cut short at each eighth of its length: truncation is the commonest damage. The bytes lie
 * in a block of exactly their size, so that AddressSanitizer sees one byte too many. A folder that does not exist counts
 * as empty; the empty input is always given. */
#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_INPUT_BYTES = 16 << 20, MAX_PATH_BYTES = 4096 };

static int give(const unsigned char *bytes, size_t size) {
  uint8_t *exact = calloc(size > 0 ? size : 1, 1);
  if (exact == NULL)
    return 1;
  if (size > 0)
    memcpy(exact, bytes, size);
  (void)LLVMFuzzerTestOneInput(exact, size);
  free(exact);
  return 0;
}

/* 0 when every input was given; a failure is reported. */
static int replay_file(const char *path) {
  unsigned char *bytes = malloc(MAX_INPUT_BYTES);
  FILE *in = fopen(path, "rb");
  int failed = bytes == NULL || in == NULL;
  if (!failed) {
    const size_t size = fread(bytes, 1, MAX_INPUT_BYTES, in);
    failed = ferror(in) != 0;
    for (size_t eighths = 0; eighths <= 8 && !failed; eighths++)
      failed = give(bytes, size / 8 * eighths + (eighths == 8 ? size % 8 : 0));
  }
  if (failed)
    (void)fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
  if (in != NULL)
    (void)fclose(in);
  free(bytes);
  return failed;
}

/* Files given, or -1 after a failure. */
static int replay_folder(const char *path, DIR *folder) {
  int count = 0;
  for (const struct dirent *item = readdir(folder); item != NULL && count >= 0; item = readdir(folder)) {
    char name[MAX_PATH_BYTES];
    if (item->d_name[0] == '.')
      continue;
    const int length = snprintf(name, sizeof name, "%s/%s", path, item->d_name);
    const int failed = length < 0 || (size_t)length >= sizeof name || replay_file(name) != 0;
    count = failed ? -1 : count + 1;
  }
  return count;
}

int main(int argc, char **argv) {
  int files = 0, failed = give(NULL, 0);
  for (int i = 1; i < argc && !failed; i++) {
    DIR *folder = opendir(argv[i]);
    if (folder != NULL) {
      const int count = replay_folder(argv[i], folder);
      (void)closedir(folder);
      failed = count < 0;
      files += failed ? 0 : count;
    } else if (errno == ENOTDIR) {
      failed = replay_file(argv[i]);
      files += failed ? 0 : 1;
    } else if (errno != ENOENT) {
      (void)fprintf(stderr, "replay: %s: %s\n", argv[i], strerror(errno));
      failed = 1;
    }
  }
  (void)printf("%d files replayed\n", files);
  return failed;
}
