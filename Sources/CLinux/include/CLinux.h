// What Linux has and Swift's Glibc module hides: a few calls and constants, under names of our own.
#ifndef CLINUX_H
#define CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Opens `path` below the directory `base`; no `..`, no absolute path and no symlink leads out of it or is followed.
int linux_open_beneath(int base, const char *path, int flags, mode_t mode);

// Copies between two descriptors inside the kernel; returns the bytes copied, or -1.
ssize_t linux_copy_range(int from, int64_t from_offset, int to, int64_t to_offset, size_t length);

// Makes `to` share all the bytes of `from` (a reflink); 0, or -1 where the filesystem cannot.
int linux_clone(int from, int to);

// Renames, refusing to replace anything.
int linux_rename_new(int from_base, const char *from, int to_base, const char *to);

// Reserves the blocks of a range inside the file's size; it reads as before.
int linux_reserve(int fd, int64_t offset, int64_t length);

// Frees the blocks of a range; it reads as zeros afterwards.
int linux_punch_hole(int fd, int64_t offset, int64_t length);

// Puts on the disk all that was written to the filesystem on which `fd` lies; 0 or -1.
int linux_sync_filesystem(int fd);

extern const int linux_o_direct;
extern const int linux_o_path;
extern const int linux_seek_data;
extern const int linux_seek_hole;
extern const int64_t linux_utime_omit;
extern const int64_t linux_utime_now;

// An eventfd that does not block.
int linux_eventfd(void);

// Waits until `fd` can be read, at most so many nanoseconds; 1, 0 when the time was over, or -1.
int linux_wait_readable(int fd, int64_t nanoseconds);

// Names the calling thread, as top and gdb show it; what is longer than 15 bytes is cut.
void linux_name_thread(const char *name);

// Widens the calling thread to every processor that the process's cpuset allows; 0 or -1.
int linux_use_all_processors(void);

// A pipe that no program started later inherits: [0] is read, [1] is written; 0 or -1.
int linux_pipe(int ends[2]);

// Closes every file from `first` on.
void linux_close_from(int first);

// For posix_spawnattr_setflags: the process begins a session of its own.
extern const int16_t linux_spawn_new_session;

// Who is at the other end of a connected local socket; 0, or -1 where that cannot be said.
int linux_peer_user(int socket, uid_t *user);

// The number of the kind of filesystem that a file lies on, as statfs has it; 0 where it does not say.
uint64_t linux_filesystem(int file);

#endif
