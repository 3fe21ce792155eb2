// Makes one system call of a program fail, or kills the program there. Preloaded (LD_PRELOAD), it counts the calls that
// change a disk below one directory, and acts at the call of a given number. Its instructions and results are in a file
// mapped by the tests and all processes under test, so that calls of several processes are counted together.
//
//   FAULT_BELOW=DIR      calls on files and paths in and below DIR count
//   FAULT_CONTROL=FILE   a struct control
//
// A file or directory whose fsync failed is marked by an access time in the year 2100: nothing proves that its data is
// on disk. A later sync of a directory removes its mark, since its entries are in the journal again. A file keeps the
// mark, since the kernel takes its unwritten pages for written: it must be replaced by a new file.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { faultKill = -1, faultShort = -2 };

struct control {
  int64_t position;       // the call to hit, from 1; 0: none
  int64_t fault;          // faultKill, faultShort, or the errno to fail with
  _Atomic int64_t count;  // calls so far; with faultShort only those that may do less than all
  char call[32];          // the one that was hit
  char path[472];
};

static const struct timespec marked = {.tv_sec = 4102444800};
static const struct timespec unmarked = {.tv_sec = 0};
static const struct timespec same = {.tv_nsec = UTIME_OMIT};
static const char *below;
static size_t belowLength;
static struct control *control;

__attribute__((constructor)) static void begin(void) {
  const char *file = getenv("FAULT_CONTROL");
  const char *directory = getenv("FAULT_BELOW");
  if (!file || !directory) return;
  int number = open(file, O_RDWR | O_CLOEXEC);
  if (number < 0) return;
  void *memory = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, number, 0);
  close(number);
  if (memory == MAP_FAILED) return;
  below = directory;
  belowLength = strlen(directory);
  control = memory;
}

static void pathOf(int file, char *path, size_t size) {
  char link[32];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, size - 1);
  path[length < 0 ? 0 : length] = 0;
}

static int isBelow(const char *path) {
  return strncmp(path, below, belowLength) == 0 && (path[belowLength] == 0 || path[belowLength] == '/');
}

// Counts a call; returns the fault to inject, or 0.
static int64_t fault(const char *call, int base, const char *name, int mayBeShort) {
  if (!control) return 0;
  char path[4096 + 256];
  if (name && *name == '/') {
    snprintf(path, sizeof path, "%s", name);
  } else {
    if (base == AT_FDCWD) {
      if (!getcwd(path, 4096)) return 0;
    } else {
      pathOf(base, path, 4096);
    }
    size_t length = strlen(path);
    if (name) snprintf(path + length, sizeof path - length, "/%s", name);
  }
  if (!isBelow(path) || (control->fault == faultShort && !mayBeShort)) return 0;
  if (atomic_fetch_add(&control->count, 1) + 1 != control->position) return 0;
  snprintf(control->call, sizeof control->call, "%s", call);
  snprintf(control->path, sizeof control->path, "%.471s", path);
  if (control->fault == faultKill) kill(getpid(), SIGKILL);
  return control->fault;
}

// Defines a call without partial results: the real one unless the fault is due.
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define WHOLE(name, parameters, arguments, base, path) \
  int name parameters { \
    int64_t error = fault(#name, base, path, 0); \
    if (error == 0) return REAL(name) arguments; \
    errno = (int)error; \
    return -1; \
  }

WHOLE(ftruncate, (int file, off_t size), (file, size), file, NULL)
WHOLE(ftruncate64, (int file, off64_t size), (file, size), file, NULL)
WHOLE(fallocate, (int file, int mode, off_t at, off_t size), (file, mode, at, size), file, NULL)
WHOLE(fallocate64, (int file, int mode, off64_t at, off64_t size), (file, mode, at, size), file, NULL)
WHOLE(fchmod, (int file, mode_t mode), (file, mode), file, NULL)
WHOLE(chmod, (const char *path, mode_t mode), (path, mode), AT_FDCWD, path)
WHOLE(fchmodat, (int base, const char *path, mode_t mode, int flags), (base, path, mode, flags), base, path)
WHOLE(futimens, (int file, const struct timespec times[2]), (file, times), file, NULL)
WHOLE(utimensat, (int base, const char *path, const struct timespec times[2], int flags), (base, path, times, flags),
      base, path)
WHOLE(mkdir, (const char *path, mode_t mode), (path, mode), AT_FDCWD, path)
WHOLE(mkdirat, (int base, const char *path, mode_t mode), (base, path, mode), base, path)
WHOLE(rmdir, (const char *path), (path), AT_FDCWD, path)
WHOLE(unlink, (const char *path), (path), AT_FDCWD, path)
WHOLE(unlinkat, (int base, const char *path, int flags), (base, path, flags), base, path)
WHOLE(symlink, (const char *target, const char *path), (target, path), AT_FDCWD, path)
WHOLE(symlinkat, (const char *target, int base, const char *path), (target, base, path), base, path)
WHOLE(link, (const char *from, const char *to), (from, to), AT_FDCWD, to)
WHOLE(linkat, (int base, const char *from, int base2, const char *to, int flags), (base, from, base2, to, flags), base2,
      to)
WHOLE(rename, (const char *from, const char *to), (from, to), AT_FDCWD, to)
WHOLE(renameat, (int base, const char *from, int base2, const char *to), (base, from, base2, to), base2, to)
WHOLE(renameat2, (int base, const char *from, int base2, const char *to, unsigned flags),
      (base, from, base2, to, flags), base2, to)

// Defines a call with partial results.
#define PARTIAL(name, parameters, arguments, file) \
  ssize_t name parameters { \
    int64_t error = fault(#name, file, NULL, size > 1); \
    if (error == faultShort) size /= 2; \
    if (error <= 0) return REAL(name) arguments; \
    errno = (int)error; \
    return -1; \
  }

PARTIAL(write, (int file, const void *bytes, size_t size), (file, bytes, size), file)
PARTIAL(pwrite, (int file, const void *bytes, size_t size, off_t at), (file, bytes, size, at), file)
PARTIAL(pwrite64, (int file, const void *bytes, size_t size, off64_t at), (file, bytes, size, at), file)
PARTIAL(copy_file_range, (int from, off64_t *in, int to, off64_t *out, size_t size, unsigned flags),
        (from, in, to, out, size, flags), to)

// Opening counts if it may create a file.
#define OPEN(name, parameters, arguments, base) \
  int name parameters { \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    int64_t error = flags & O_CREAT ? fault(#name, base, path, 0) : 0; \
    if (error == 0) return REAL(name) arguments; \
    errno = (int)error; \
    return -1; \
  }

OPEN(open, (const char *path, int flags, ...), (path, flags, mode), AT_FDCWD)
OPEN(open64, (const char *path, int flags, ...), (path, flags, mode), AT_FDCWD)
OPEN(openat, (int base, const char *path, int flags, ...), (base, path, flags, mode), base)
OPEN(openat64, (int base, const char *path, int flags, ...), (base, path, flags, mode), base)

int ioctl(int file, unsigned long request, ...) {
  va_list rest;
  va_start(rest, request);
  void *argument = va_arg(rest, void *);
  va_end(rest);
  int64_t error = request == FICLONE || request == FICLONERANGE ? fault("ioctl FICLONE", file, NULL, 0) : 0;
  if (error == 0) return REAL(ioctl)(file, request, argument);
  errno = (int)error;
  return -1;
}

static int synced(const char *call, int (*real)(int), int file) {
  int64_t error = fault(call, file, NULL, 0);
  if (error == 0) {
    struct stat status;
    int result = real(file);
    if (control && result == 0 && fstat(file, &status) == 0 && S_ISDIR(status.st_mode) &&
        status.st_atim.tv_sec == marked.tv_sec)
      REAL(futimens)(file, (struct timespec[]){unmarked, same});
    return result;
  }
  if (error != EINTR) REAL(futimens)(file, (struct timespec[]){marked, same});
  errno = (int)error;
  return -1;
}

int fsync(int file) { return synced("fsync", REAL(fsync), file); }
int fdatasync(int file) { return synced("fdatasync", REAL(fdatasync), file); }
