// SHA-256 of two buffers at once. Within one hash the SHA instructions depend on each other; a second hash fills the
// gaps, so two take hardly longer than one.
#ifndef CDIGEST_H
#define CDIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Whether this processor has the instructions.
bool digest_has_pairs(void);

// Hashes `length` bytes, a multiple of 64, at `a` and `b`. Requires digest_has_pairs().
void digest_pair(const void *a, const void *b, size_t length, uint8_t id_a[32], uint8_t id_b[32]);

#endif
