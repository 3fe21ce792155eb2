// SHA-256 of two runs of bytes at once. A processor's SHA instructions wait for one another within one hash; a second
// hash in the gaps costs nothing, so that two take hardly longer than one.
#ifndef CDIGEST_H
#define CDIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Whether this processor has the instructions.
bool digest_has_pairs(void);

// Hashes `length` bytes, a multiple of 64, at `a` and at `b`. Only where digest_has_pairs().
void digest_pair(const void *a, const void *b, size_t length, uint8_t id_a[32], uint8_t id_b[32]);

#endif
