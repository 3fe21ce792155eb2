// Linux calls and constants that Swift's Glibc module does not export, under our own names.
#ifndef CLINUX_H
#define CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Opens `path` below `base`; rejects `..`, absolute paths and symlinks.
int linux_open_beneath(int base, const char *path, int flags, mode_t mode);

// Copies between descriptors in the kernel; returns the count, or -1.
ssize_t linux_copy_range(int from, int64_t from_offset, int to, int64_t to_offset, size_t length);

// Makes `to` a reflink of `from`; 0, or -1 if the filesystem cannot.
int linux_clone(int from, int to);

// Renames without replacing; fails if the target exists.
int linux_rename_new(int from_base, const char *from, int to_base, const char *to);

// Reserves blocks for a range within the file's size; its contents do not change.
int linux_reserve(int fd, int64_t offset, int64_t length);

// Punches a hole; the range then reads as zeros.
int linux_punch_hole(int fd, int64_t offset, int64_t length);

// Syncs the filesystem of `fd`; 0 or -1.
int linux_sync_filesystem(int fd);

extern const int linux_o_direct;
extern const int linux_o_path;
extern const int linux_seek_data;
extern const int linux_seek_hole;
extern const int64_t linux_utime_omit;
extern const int64_t linux_utime_now;

// A non-blocking eventfd.
int linux_eventfd(void);

// Waits until `fd` is readable, at most this many nanoseconds; 1, 0 at the timeout, or -1.
int linux_wait_readable(int fd, int64_t nanoseconds);

// Names the calling thread for top and gdb; truncated to 15 bytes.
void linux_name_thread(const char *name);

// Lets the calling thread use every processor of the process's cpuset; 0 or -1.
int linux_use_all_processors(void);

// A close-on-exec pipe: [0] reads, [1] writes; 0 or -1.
int linux_pipe(int ends[2]);

// Closes every descriptor from `first` on.
void linux_close_from(int first);

// For posix_spawnattr_setflags: the child starts a new session.
extern const int16_t linux_spawn_new_session;

// The user at the other end of a local socket; 0, or -1 if unknown.
int linux_peer_user(int socket, uid_t *user);

// The filesystem type number of a file, as in statfs; 0 if unknown.
uint64_t linux_filesystem(int file);

#endif
