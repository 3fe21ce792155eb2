// Replaces functions of libzmq and looks up the originals.

#define _GNU_SOURCE
#include "zmq_faults.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <zmq.h>

// No other multipart message has a part of this length.
enum { header_bytes = 16 };

static atomic_int failing_headers, failing_bodies;

void zmq_faults_fail(int headers, int bodies) {
  failing_headers = headers;
  failing_bodies = bodies;
}

int zmq_faults_left(void) { return failing_headers + failing_bodies; }

static bool fails(atomic_int *count) {
  int left = *count;
  while (left > 0) {
    if (!atomic_compare_exchange_weak(count, &left, left - 1)) continue;
    errno = EAGAIN;
    return true;
  }
  return false;
}

int zmq_send(void *socket, const void *bytes, size_t length, int flags) {
  int (*next)(void *, const void *, size_t, int) = dlsym(RTLD_NEXT, "zmq_send");
  if (length == header_bytes && (flags & ZMQ_SNDMORE) && fails(&failing_headers)) return -1;
  return next(socket, bytes, length, flags);
}

int zmq_msg_send(zmq_msg_t *message, void *socket, int flags) {
  int (*next)(zmq_msg_t *, void *, int) = dlsym(RTLD_NEXT, "zmq_msg_send");
  if (fails(&failing_bodies)) return -1;
  return next(message, socket, flags);
}
