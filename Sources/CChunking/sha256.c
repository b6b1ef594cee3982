#include "cchunking.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <string.h>

#define FERRY_TARGET __attribute__((target("sha,avx2")))

enum { kBlock = 64 };

// FIPS 180-4, 4.2.2.
static const uint32_t kRoundConstants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

bool ferry_sha256_is_supported(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
    return (b & bit_SHA) != 0 && __builtin_cpu_supports("avx2");
}

// The state as the instructions want it: words A, B, E, F and C, D, G, H, each from the top down.
struct state {
    __m128i abef, cdgh;
};

FERRY_TARGET static inline __m128i load_words(const uint8_t *bytes) {
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)bytes), big_endian);
}

// Rounds 4k to 4k + 3 with the four schedule words in `words[k % 4]`, which then become those of rounds 4k + 16 on.
FERRY_TARGET static inline void four_rounds(struct state *state, __m128i words[4], int k) {
    __m128i *now = &words[k & 3];
    __m128i sum = _mm_add_epi32(*now, _mm_load_si128((const __m128i *)&kRoundConstants[4 * k]));
    state->cdgh = _mm_sha256rnds2_epu32(state->cdgh, state->abef, sum);
    state->abef = _mm_sha256rnds2_epu32(state->abef, state->cdgh, _mm_shuffle_epi32(sum, 0x0E));
    if (k >= 12) return;
    __m128i last = words[(k + 3) & 3];
    __m128i seven_back = _mm_alignr_epi8(last, words[(k + 2) & 3], 4);
    __m128i next = _mm_add_epi32(_mm_sha256msg1_epu32(*now, words[(k + 1) & 3]), seven_back);
    *now = _mm_sha256msg2_epu32(next, last);
}

FERRY_TARGET static void compress_one(struct state *state, const uint8_t *bytes, size_t blocks) {
    struct state now = *state;
    for (; blocks > 0; blocks--, bytes += kBlock) {
        struct state before = now;
        __m128i words[4];
#pragma GCC unroll 16
        for (int k = 0; k < 4; k++) words[k] = load_words(bytes + 16 * k);
#pragma GCC unroll 16
        for (int k = 0; k < 16; k++) four_rounds(&now, words, k);
        now.abef = _mm_add_epi32(now.abef, before.abef);
        now.cdgh = _mm_add_epi32(now.cdgh, before.cdgh);
    }
    *state = now;
}

// The same number of blocks of two messages, their rounds interleaved.
FERRY_TARGET static void compress_two(
    struct state *first, const uint8_t *first_bytes, struct state *second, const uint8_t *second_bytes, size_t blocks
) {
    struct state one = *first, two = *second;
    for (; blocks > 0; blocks--, first_bytes += kBlock, second_bytes += kBlock) {
        struct state one_before = one, two_before = two;
        __m128i one_words[4], two_words[4];
#pragma GCC unroll 16
        for (int k = 0; k < 4; k++) {
            one_words[k] = load_words(first_bytes + 16 * k);
            two_words[k] = load_words(second_bytes + 16 * k);
        }
#pragma GCC unroll 16
        for (int k = 0; k < 16; k++) {
            four_rounds(&one, one_words, k);
            four_rounds(&two, two_words, k);
        }
        one.abef = _mm_add_epi32(one.abef, one_before.abef);
        one.cdgh = _mm_add_epi32(one.cdgh, one_before.cdgh);
        two.abef = _mm_add_epi32(two.abef, two_before.abef);
        two.cdgh = _mm_add_epi32(two.cdgh, two_before.cdgh);
    }
    *first = one;
    *second = two;
}

// A message on its way: first its whole blocks, then its rest with the padding.
struct lane {
    struct state state;
    const uint8_t *bytes;
    size_t blocks;
    size_t tail_blocks;
    uint8_t tail[2 * kBlock];
    uint8_t *digest;
};

FERRY_TARGET static void start(struct lane *lane, const struct ferry_sha256_job *job) {
    lane->state.abef = _mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c);
    lane->state.cdgh = _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19);
    lane->bytes = job->bytes;
    lane->blocks = job->length / kBlock;
    lane->digest = job->digest;
    // FIPS 180-4, 5.1.1: a one bit, zeros, and the length in bits as 64 bits, big endian, at the end of a block.
    size_t rest = job->length % kBlock;
    lane->tail_blocks = rest < kBlock - 8 ? 1 : 2;
    memset(lane->tail, 0, sizeof lane->tail);
    if (rest > 0) memcpy(lane->tail, job->bytes + (job->length - rest), rest);
    lane->tail[rest] = 0x80;
    uint64_t bits = __builtin_bswap64((uint64_t)job->length * 8);
    memcpy(lane->tail + lane->tail_blocks * kBlock - 8, &bits, 8);
}

// Turns to the tail when the whole blocks are done; returns false when that is done too.
static bool has_blocks(struct lane *lane) {
    if (lane->blocks == 0) {
        lane->blocks = lane->tail_blocks;
        lane->tail_blocks = 0;
        lane->bytes = lane->tail;
    }
    return lane->blocks > 0;
}

static void advance(struct lane *lane, size_t blocks) {
    lane->bytes += blocks * kBlock;
    lane->blocks -= blocks;
}

FERRY_TARGET static void finish(const struct lane *lane) {
    // From (A, B, E, F) and (C, D, G, H) to (A, B, C, D) and (E, F, G, H), the first word in the lowest place.
    __m128i first = _mm_shuffle_epi32(lane->state.abef, 0x1B), second = _mm_shuffle_epi32(lane->state.cdgh, 0x1B);
    __m128i abcd = _mm_unpacklo_epi64(first, second), efgh = _mm_unpackhi_epi64(first, second);
    __m128i words[2] = {abcd, efgh};
    for (int k = 0; k < 2; k++) {
        _mm_storeu_si128((__m128i *)(lane->digest + 16 * k), load_words((const uint8_t *)&words[k]));
    }
}

FERRY_TARGET void ferry_sha256(const struct ferry_sha256_job *jobs, size_t count) {
    struct lane lanes[2];
    size_t next = 0;
    bool running[2] = {false, false};
    for (;;) {
        for (int k = 0; k < 2; k++) {
            if (running[k] && !has_blocks(&lanes[k])) {
                finish(&lanes[k]);
                running[k] = false;
            }
            if (!running[k] && next < count) {
                start(&lanes[k], &jobs[next++]);
                running[k] = has_blocks(&lanes[k]);
            }
        }
        if (running[0] && running[1]) {
            size_t blocks = lanes[0].blocks < lanes[1].blocks ? lanes[0].blocks : lanes[1].blocks;
            compress_two(&lanes[0].state, lanes[0].bytes, &lanes[1].state, lanes[1].bytes, blocks);
            advance(&lanes[0], blocks);
            advance(&lanes[1], blocks);
        } else if (running[0] || running[1]) {
            struct lane *lane = running[0] ? &lanes[0] : &lanes[1];
            size_t blocks = lane->blocks;
            compress_one(&lane->state, lane->bytes, blocks);
            advance(lane, blocks);
        } else {
            return;
        }
    }
}

#else

bool ferry_sha256_is_supported(void) { return false; }

void ferry_sha256(const struct ferry_sha256_job *jobs, size_t count) { (void)jobs, (void)count; }

#endif
