// The two inner loops of FerryChunking that need instructions Swift cannot name. Both have a portable twin in Swift,
// which serves machines without these instructions and which the tests compare them with.
#ifndef FERRY_CCHUNKING_H
#define FERRY_CCHUNKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Whether this machine has the AVX-512 instructions that ferry_gear_first_group uses (VBMI: Ice Lake, Zen 4 and later).
bool ferry_gear_is_supported(void);

/// Looks in 16 stretches of `stretch` places, one after another, for places whose gear hash is below `bound`.
///
/// `first` points at the last byte that the hash of the first place covers; the 64 bytes before it and the
/// 16 * stretch - 1 after it are read. `stretch` is a multiple of 16, at most 1024. `planes` holds the table bytewise:
/// byte k (from the lowest) of entry i at 256 * k + i. Returns the index of the first group of 16 places that has one,
/// or `stretch` (the number of groups) if none has.
size_t ferry_gear_first_group(const uint8_t *first, size_t stretch, uint64_t bound, const uint8_t planes[2048]);

/// Whether this machine has the SHA instructions that ferry_sha256 uses.
bool ferry_sha256_is_supported(void);

/// A message to hash, and where its 32 bytes of digest go.
struct ferry_sha256_job {
    const uint8_t *bytes;
    size_t length;
    uint8_t *digest;
};

/// Computes the SHA-256 of `count` messages, two at a time: one alone leaves the unit idle half of the time, as each
/// step waits for the one before it.
void ferry_sha256(const struct ferry_sha256_job *jobs, size_t count);

#endif
