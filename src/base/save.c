/* Files that appear whole or not at all. */
#include "base/save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/text.h"

enum { MAX_PATH = 4096 };

static slip_status write_whole(int fd, const char *bytes, size_t n_bytes) {
  size_t done = 0;
  while (done < n_bytes) {
    const ssize_t n = write(fd, bytes + done, n_bytes - done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return SLIP_IO_FAILURE;
    done += (size_t)n;
  }
  return fsync(fd) == 0 ? SLIP_OK : SLIP_IO_FAILURE;
}

/* link() refuses a name that is taken, in one step; where a file system has no links, look first. */
static bool put_in_place(const char *temporary, const char *path, bool replace) {
  struct stat info;
  if (replace)
    return rename(temporary, path) == 0;
  if (link(temporary, path) == 0)
    return unlink(temporary) == 0;
  if (errno != EPERM && errno != ENOTSUP && errno != ENOSYS)
    return false;
  if (lstat(path, &info) == 0) {
    errno = EEXIST;
    return false;
  }
  return rename(temporary, path) == 0;
}

slip_status slip_save_file(const char *path, const char *bytes, size_t n, bool replace, slip_error *err) {
  char temporary[MAX_PATH + 16];
  int length = 0;
  slip_status status = SLIP_OK;
  slip_append(temporary, sizeof temporary, &length, "%s.%ld.new", path, (long)getpid());
  if (length >= (int)sizeof temporary)
    return slip_fail(err, SLIP_BAD_INPUT, "the path is longer than %d bytes", MAX_PATH - 1);
  const int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL, 0666);
  if (fd < 0)
    return slip_fail(err, SLIP_IO_FAILURE, "%s cannot be written: %s", path, strerror(errno));
  status = write_whole(fd, bytes, n);
  if (close(fd) != 0 || status != SLIP_OK)
    status = slip_fail(err, SLIP_IO_FAILURE, "%s could not be written: %s", path, strerror(errno));
  else if (!put_in_place(temporary, path, replace))
    status = errno == EEXIST ? slip_fail(err, SLIP_BAD_INPUT, "%s is there already; --force replaces it", path)
                             : slip_fail(err, SLIP_IO_FAILURE, "%s cannot be written: %s", path, strerror(errno));
  if (status != SLIP_OK)
    (void)unlink(temporary);
  return status;
}
