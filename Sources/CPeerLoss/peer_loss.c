// Open MPI 4.1 ends a process with "pml_ob1_sendreq.c:190 FATAL" when one of its TCP connections breaks while something
// is queued on it, whatever the error handler of the communicator: so the death of one rank ends those that write to
// it. There is no parameter against it.
//
// These functions stand before libc's. Where Open MPI's TCP transport meets a broken connection, they put an open but
// silent one in its place. What is queued for the dead peer then stays queued, as if its node had lost power; whoever
// waits for it learns of the death from the failure detector. Other callers, such as the runtime, which must see that a
// connection has closed, get what the kernel says.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

// Whether Open MPI's TCP transport, a component that it loads, has the code at `address`.
static bool is_transport(const void *address) {
  Dl_info place;
  return dladdr(address, &place) && place.dli_fname && strstr(place.dli_fname, "mca_btl_tcp");
}

// Replaces the connection by one end of a pair whose other end stays open and says nothing.
static bool silence(int connection) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) return false;
  bool is_replaced = dup3(pair[0], connection, O_CLOEXEC) == connection;
  close(pair[0]);
  if (!is_replaced) close(pair[1]);
  return is_replaced;
}

static bool would_block(int error) { return error == EAGAIN || error == EINTR || error == EINPROGRESS; }

// What a caller gets whose call on `connection` returned `result`: of a connection that its peer has broken, that it
// would block.
static long answer(long result, bool is_broken, int connection, const void *caller, int error) {
  if (!is_broken || !is_transport(caller) || !silence(connection)) return result;
  errno = error;
  return -1;
}

ssize_t writev(int connection, const struct iovec *parts, int count) {
  long result = syscall(SYS_writev, connection, parts, count);
  bool is_broken = result < 0 && !would_block(errno);
  return answer(result, is_broken, connection, __builtin_return_address(0), EAGAIN);
}

ssize_t readv(int connection, const struct iovec *parts, int count) {
  long result = syscall(SYS_readv, connection, parts, count);
  bool is_broken = result == 0 || (result < 0 && !would_block(errno));
  return answer(result, is_broken, connection, __builtin_return_address(0), EAGAIN);
}

int connect(int connection, const struct sockaddr *address, socklen_t length) {
  long result = syscall(SYS_connect, connection, address, length);
  bool is_broken = result < 0 && !would_block(errno);
  return (int)answer(result, is_broken, connection, __builtin_return_address(0), EINPROGRESS);
}
