// SHA-256 (FIPS 180-4) with the x86 SHA extensions, two messages at once. Elsewhere OpenSSL is used, one message at a
// time.
#include "CDigest.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <string.h>

#define USES_SHA __attribute__((target("sha,sse4.1")))
#define INLINED __attribute__((target("sha,sse4.1"), always_inline)) static inline

static const uint32_t constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

// The state of one message in the instructions' word order (a highest), and the last 16 words of its schedule.
struct lane {
  __m128i abef, cdgh, words[4];
};

USES_SHA static struct lane begun(void) {
  struct lane lane;
  lane.abef = _mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c);
  lane.cdgh = _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19);
  return lane;
}

INLINED void load(struct lane *lane, const uint8_t *block) {
  const __m128i swapped = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  for (int i = 0; i < 4; i++)
    lane->words[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)block + i), swapped);
}

// Four rounds, and the four schedule words needed sixteen rounds later.
INLINED void four_rounds(struct lane *lane, int group) {
  __m128i *w = lane->words;
  __m128i sum = _mm_add_epi32(w[group & 3], _mm_load_si128((const __m128i *)constants + group));
  lane->cdgh = _mm_sha256rnds2_epu32(lane->cdgh, lane->abef, sum);
  lane->abef = _mm_sha256rnds2_epu32(lane->abef, lane->cdgh, _mm_shuffle_epi32(sum, 0x0e));
  if (group >= 12) return;
  __m128i next = _mm_sha256msg1_epu32(w[group & 3], w[(group + 1) & 3]);
  next = _mm_add_epi32(next, _mm_alignr_epi8(w[(group + 3) & 3], w[(group + 2) & 3], 4));
  w[group & 3] = _mm_sha256msg2_epu32(next, w[(group + 3) & 3]);
}

INLINED void add(struct lane *lane, const struct lane *before) {
  lane->abef = _mm_add_epi32(lane->abef, before->abef);
  lane->cdgh = _mm_add_epi32(lane->cdgh, before->cdgh);
}

USES_SHA static void hash(struct lane *x, struct lane *y, const uint8_t *a, const uint8_t *b, size_t blocks) {
  struct lane p = *x, q = *y;
  for (; blocks > 0; blocks--, a += 64, b += 64) {
    struct lane p_before = p, q_before = q;
    load(&p, a);
    load(&q, b);
#pragma GCC unroll 16
    for (int group = 0; group < 16; group++) {
      four_rounds(&p, group);
      four_rounds(&q, group);
    }
    add(&p, &p_before);
    add(&q, &q_before);
  }
  *x = p;
  *y = q;
}

USES_SHA static void finish(const struct lane *lane, uint8_t id[32]) {
  uint32_t high[4], low[4];
  _mm_storeu_si128((__m128i *)high, lane->abef);
  _mm_storeu_si128((__m128i *)low, lane->cdgh);
  const uint32_t state[8] = {high[3], high[2], low[3], low[2], high[1], high[0], low[1], low[0]};
  for (int i = 0; i < 8; i++) {
    uint32_t word = __builtin_bswap32(state[i]);
    memcpy(id + 4 * i, &word, 4);
  }
}

bool digest_has_pairs(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSE4_1)) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

void digest_pair(const void *a, const void *b, size_t length, uint8_t id_a[32], uint8_t id_b[32]) {
  struct lane x = begun(), y = begun();
  hash(&x, &y, a, b, length / 64);
  // After whole blocks, padding is one block: an end mark and the length in bits.
  uint8_t last[64] = {0x80};
  uint64_t bits = __builtin_bswap64((uint64_t)length * 8);
  memcpy(last + 56, &bits, 8);
  hash(&x, &y, last, last, 1);
  finish(&x, id_a);
  finish(&y, id_b);
}

#else

bool digest_has_pairs(void) { return false; }

void digest_pair(const void *a, const void *b, size_t length, uint8_t id_a[32], uint8_t id_b[32]) { __builtin_trap(); }

#endif
