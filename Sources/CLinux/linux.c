// The only place that asks for _GNU_SOURCE.
#define _GNU_SOURCE
#include "CLinux.h"

#include <sys/statfs.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

const int linux_o_direct = O_DIRECT;
const int linux_o_path = O_PATH;
const int linux_seek_data = SEEK_DATA;
const int linux_seek_hole = SEEK_HOLE;
const int64_t linux_utime_omit = UTIME_OMIT;
const int64_t linux_utime_now = UTIME_NOW;
const int16_t linux_spawn_new_session = POSIX_SPAWN_SETSID;

int linux_open_beneath(int base, const char *path, int flags, mode_t mode) {
  struct open_how how;
  memset(&how, 0, sizeof how);
  how.flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW);
  how.mode = (flags & O_CREAT) ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return (int)syscall(SYS_openat2, base, path, &how, sizeof how);
}

ssize_t linux_copy_range(int from, int64_t from_offset, int to, int64_t to_offset, size_t length) {
  off64_t in = from_offset, out = to_offset;
  return copy_file_range(from, &in, to, &out, length, 0);
}

int linux_clone(int from, int to) { return ioctl(to, FICLONE, from); }

int linux_rename_new(int from_base, const char *from, int to_base, const char *to) {
  return renameat2(from_base, from, to_base, to, RENAME_NOREPLACE);
}

int linux_reserve(int fd, int64_t offset, int64_t length) {
  return fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, length);
}

int linux_sync_filesystem(int fd) { return syncfs(fd); }

int linux_punch_hole(int fd, int64_t offset, int64_t length) {
  return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}

int linux_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int linux_wait_readable(int fd, int64_t nanoseconds) {
  struct pollfd entry = {.fd = fd, .events = POLLIN};
  struct timespec time = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
  return ppoll(&entry, 1, &time, NULL);
}

void linux_name_thread(const char *name) {
  char cut[16];
  snprintf(cut, sizeof cut, "%s", name);
  pthread_setname_np(pthread_self(), cut);
}

int linux_use_all_processors(void) {
  cpu_set_t all;
  memset(&all, 0xff, sizeof all);
  return sched_setaffinity(0, sizeof all, &all);
}

uint64_t linux_filesystem(int file) {
  struct statfs filesystem;
  return fstatfs(file, &filesystem) == 0 ? (uint32_t)filesystem.f_type : 0;
}

int linux_peer_user(int socket, uid_t *user) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
  *user = peer.uid;
  return 0;
}

int linux_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

void linux_close_from(int first) {
  if (syscall(SYS_close_range, first, ~0U, 0) == 0) return;
  long end = sysconf(_SC_OPEN_MAX);
  for (int file = first; file < end; file++) close(file);
}
