#include "cchunking.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define FERRY_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")))

enum { kWindow = 64, kStreams = 16, kStep = 16, kMaximumStretch = 1024 };

bool ferry_gear_is_supported(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512vbmi");
}

// One byte plane of the table for 64 bytes: two look-ups of 128 entries each, chosen by the index's top bit.
FERRY_TARGET static inline __m512i look_up(__m512i bytes, __mmask64 upper, const uint8_t *plane) {
    __m512i low = _mm512_permutex2var_epi8(
        _mm512_loadu_si512(plane), bytes, _mm512_loadu_si512(plane + 64));
    __m512i high = _mm512_permutex2var_epi8(
        _mm512_loadu_si512(plane + 128), bytes, _mm512_loadu_si512(plane + 192));
    return _mm512_mask_blend_epi8(upper, low, high);
}

// 16 bytes of each of four streams, `distance` apart.
FERRY_TARGET static inline __m512i load_four(const uint8_t *bytes, size_t distance) {
    __m512i four = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)bytes));
    four = _mm512_mask_broadcast_i32x4(four, 0x00F0, _mm_loadu_si128((const __m128i *)(bytes + distance)));
    four = _mm512_mask_broadcast_i32x4(four, 0x0F00, _mm_loadu_si128((const __m128i *)(bytes + 2 * distance)));
    return _mm512_mask_broadcast_i32x4(four, 0xF000, _mm_loadu_si128((const __m128i *)(bytes + 3 * distance)));
}

// Interleaves four byte planes into 32-bit words. Within each 128-bit lane word t of result k is byte 4k + t.
FERRY_TARGET static inline void interleave(const __m512i planes[4], __m512i words[4]) {
    __m512i even0 = _mm512_unpacklo_epi8(planes[0], planes[1]);
    __m512i even1 = _mm512_unpackhi_epi8(planes[0], planes[1]);
    __m512i odd0 = _mm512_unpacklo_epi8(planes[2], planes[3]);
    __m512i odd1 = _mm512_unpackhi_epi8(planes[2], planes[3]);
    words[0] = _mm512_unpacklo_epi16(even0, odd0);
    words[1] = _mm512_unpackhi_epi16(even0, odd0);
    words[2] = _mm512_unpacklo_epi16(even1, odd1);
    words[3] = _mm512_unpackhi_epi16(even1, odd1);
}

// Stream 4q + k is column k of 128-bit lane q. The 16 hashes are kept in two vectors: columns 0 and 1 of each lane in
// `left`, 2 and 3 in `right`.
struct hashes {
    __m512i left, right, left_lowest, right_lowest;
};

// Steps all streams by the four bytes each of them has in `bytes`.
FERRY_TARGET static inline void step_four(struct hashes *hashes, __m512i bytes, const uint8_t *planes) {
    // From four bytes of one stream side by side to the same byte of four streams side by side.
    const __m512i transpose = _mm512_broadcast_i32x4(
        _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    bytes = _mm512_shuffle_epi8(bytes, transpose);
    __mmask64 upper = _mm512_movepi8_mask(bytes);
    __m512i plane[8], low[4], high[4];
    for (int k = 0; k < 8; k++) plane[k] = look_up(bytes, upper, planes + 256 * k);
    interleave(plane, low);
    interleave(plane + 4, high);
    for (int t = 0; t < 4; t++) {
        __m512i left = _mm512_unpacklo_epi32(low[t], high[t]);
        __m512i right = _mm512_unpackhi_epi32(low[t], high[t]);
        hashes->left = _mm512_add_epi64(_mm512_add_epi64(hashes->left, hashes->left), left);
        hashes->right = _mm512_add_epi64(_mm512_add_epi64(hashes->right, hashes->right), right);
        hashes->left_lowest = _mm512_min_epu64(hashes->left_lowest, hashes->left);
        hashes->right_lowest = _mm512_min_epu64(hashes->right_lowest, hashes->right);
    }
}

// Steps all streams by 16 bytes from `bytes` on and returns in which of them a hash was below `bound`: in bits 2q and
// 2q + 1 columns 0 and 1 of lane q, in bits 8 + 2q and 9 + 2q columns 2 and 3.
FERRY_TARGET static inline unsigned step_sixteen(
    struct hashes *hashes, const uint8_t *bytes, size_t stretch, __m512i bound, const uint8_t *planes
) {
    __m512i column0 = load_four(bytes, 4 * stretch);
    __m512i column1 = load_four(bytes + stretch, 4 * stretch);
    __m512i column2 = load_four(bytes + 2 * stretch, 4 * stretch);
    __m512i column3 = load_four(bytes + 3 * stretch, 4 * stretch);
    __m512i low01 = _mm512_unpacklo_epi32(column0, column1);
    __m512i high01 = _mm512_unpackhi_epi32(column0, column1);
    __m512i low23 = _mm512_unpacklo_epi32(column2, column3);
    __m512i high23 = _mm512_unpackhi_epi32(column2, column3);
    hashes->left_lowest = hashes->right_lowest = _mm512_set1_epi64(-1);
    step_four(hashes, _mm512_unpacklo_epi64(low01, low23), planes);
    step_four(hashes, _mm512_unpackhi_epi64(low01, low23), planes);
    step_four(hashes, _mm512_unpacklo_epi64(high01, high23), planes);
    step_four(hashes, _mm512_unpackhi_epi64(high01, high23), planes);
    return _mm512_cmplt_epu64_mask(hashes->left_lowest, bound)
        | (unsigned)_mm512_cmplt_epu64_mask(hashes->right_lowest, bound) << 8;
}

FERRY_TARGET size_t ferry_gear_first_group(
    const uint8_t *first, size_t stretch, uint64_t bound, const uint8_t planes[2048]
) {
    struct hashes hashes = {.left = _mm512_setzero_si512(), .right = _mm512_setzero_si512()};
    const __m512i bounds = _mm512_set1_epi64((long long)bound);
    const size_t groups = stretch / kStep;
    uint16_t found[kMaximumStretch / kStep];
    unsigned any = 0;
    // What is found while the window fills up is not a place of this stretch. One byte is then missing at the front,
    // because the window of the first place ends with its own byte: 64 bytes of warming up, the oldest shifted out.
    const uint8_t *bytes = first - kWindow;
    for (size_t k = 0; k < kWindow / kStep; k++, bytes += kStep) step_sixteen(&hashes, bytes, stretch, bounds, planes);
    // The processor's own prefetcher does not follow 16 short streams: fetch what the next call will read. Past the end of
    // the buffer a prefetch does nothing.
    const uint8_t *ahead = first + kStreams * stretch;
    for (size_t k = 0; k < groups; k++, bytes += kStep, ahead += kStreams * kStep) {
        for (size_t line = 0; line < kStreams * kStep; line += 64) _mm_prefetch((const char *)(ahead + line), _MM_HINT_T0);
        found[k] = (uint16_t)step_sixteen(&hashes, bytes, stretch, bounds, planes);
        any |= found[k];
    }
    if (any == 0) return stretch;
    for (unsigned stream = 0; stream < kStreams; stream++) {
        unsigned lane = stream / 4, column = stream % 4;
        unsigned bit = 1u << (2 * lane + column % 2 + (column < 2 ? 0 : 8));
        if ((any & bit) == 0) continue;
        for (size_t k = 0; k < groups; k++) {
            if (found[k] & bit) return stream * groups + k;
        }
    }
    return stretch;
}

#else

bool ferry_gear_is_supported(void) { return false; }

size_t ferry_gear_first_group(const uint8_t *first, size_t stretch, uint64_t bound, const uint8_t planes[2048]) {
    (void)first, (void)bound, (void)planes;
    return stretch;
}

#endif
