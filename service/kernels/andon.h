/* The compiled loops of Andon: what they share. There is no Python in here; service/kernels/__init__.py binds them.
 *
 * Every function works on arrays that the caller owns, allocates nothing unless it says so, keeps no state of its own,
 * and may run in any number of threads at once. Sums run in the order of the rows and slots, in double precision, with
 * no reordering and no fused multiply-add (see build.py), so that a result is the same to the bit on every machine.
 */
#ifndef ANDON_H
#define ANDON_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Arrow's buffers and the artefact's arrays are little-endian"
#endif

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#define PREFETCH(address) __builtin_prefetch((address), 0, 3)
#define PREFETCH_FOR_WRITE(address) __builtin_prefetch((address), 1, 3)

/* Whether a bit of Arrow's validity bitmap is set (a bit a row, the least significant first); NULL: all are. */
static inline bool is_valid(const uint8_t *validity, int64_t bit) {
    return validity == NULL || (validity[bit >> 3] >> (bit & 7) & 1);
}

/* A bit for each of 64 bytes that is `byte`. */
static inline uint64_t equal_bytes(const uint8_t *at, uint8_t byte) {
    uint64_t equal = 0;
#ifdef __SSE2__
    for (int part = 0; part < 64; part += 16) {
        __m128i there = _mm_loadu_si128((const __m128i *)(const void *)(at + part));
        equal |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(there, _mm_set1_epi8((char)byte))) << part;
    }
#else
    for (int bit = 0; bit < 64; bit++) equal |= (uint64_t)(at[bit] == byte) << bit;
#endif
    return equal;
}

/* XXH64 of `length` bytes: the hash of the bucket contract (service/core/bucketer.py).
 * After the algorithm's description, https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md */

#define XXH_PRIME_1 UINT64_C(0x9E3779B185EBCA87)
#define XXH_PRIME_2 UINT64_C(0xC2B2AE3D27D4EB4F)
#define XXH_PRIME_3 UINT64_C(0x165667B19E3779F9)
#define XXH_PRIME_4 UINT64_C(0x85EBCA77C2B2AE63)
#define XXH_PRIME_5 UINT64_C(0x27D4EB2F165667C5)

static inline uint64_t load_64(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static inline uint32_t load_32(const uint8_t *bytes) {
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static inline uint64_t rotate_left(uint64_t word, int bits) { return word << bits | word >> (64 - bits); }

static inline uint64_t xxh64_round(uint64_t lane, uint64_t word) {
    return rotate_left(lane + word * XXH_PRIME_2, 31) * XXH_PRIME_1;
}

static inline uint64_t xxh64_merge(uint64_t hash, uint64_t lane) {
    return (hash ^ xxh64_round(0, lane)) * XXH_PRIME_1 + XXH_PRIME_4;
}

static inline uint64_t xxh64_avalanche(uint64_t hash) {
    hash = (hash ^ hash >> 33) * XXH_PRIME_2;
    hash = (hash ^ hash >> 29) * XXH_PRIME_3;
    return hash ^ hash >> 32;
}

static inline __attribute__((always_inline)) uint64_t xxh64_of(const uint8_t *bytes, size_t length, uint64_t seed) {
    size_t left = length;
    uint64_t hash;
    if (left >= 32) {
        uint64_t a = seed + XXH_PRIME_1 + XXH_PRIME_2, b = seed + XXH_PRIME_2, c = seed, d = seed - XXH_PRIME_1;
        for (; left >= 32; left -= 32, bytes += 32) {
            a = xxh64_round(a, load_64(bytes));
            b = xxh64_round(b, load_64(bytes + 8));
            c = xxh64_round(c, load_64(bytes + 16));
            d = xxh64_round(d, load_64(bytes + 24));
        }
        hash = rotate_left(a, 1) + rotate_left(b, 7) + rotate_left(c, 12) + rotate_left(d, 18);
        hash = xxh64_merge(xxh64_merge(xxh64_merge(xxh64_merge(hash, a), b), c), d);
    } else {
        hash = seed + XXH_PRIME_5;
    }
    hash += length;
    for (; left >= 8; left -= 8, bytes += 8) {
        hash = rotate_left(hash ^ xxh64_round(0, load_64(bytes)), 27) * XXH_PRIME_1 + XXH_PRIME_4;
    }
    if (left >= 4) {
        hash = rotate_left(hash ^ load_32(bytes) * XXH_PRIME_1, 23) * XXH_PRIME_2 + XXH_PRIME_3;
        left -= 4, bytes += 4;
    }
    for (; left > 0; left--, bytes++) {
        hash = rotate_left(hash ^ *bytes * XXH_PRIME_5, 11) * XXH_PRIME_1;
    }
    return xxh64_avalanche(hash);
}

/* The same, with code of its own for each length that ids have: one jump, instead of loops whose number of rounds the
 * processor guesses wrong in a column of many lengths. */
static inline uint64_t xxh64(const uint8_t *bytes, size_t length, uint64_t seed) {
#define OF(n) case n: return xxh64_of(bytes, n, seed);
#define OF_8(n) OF(n) OF(n + 1) OF(n + 2) OF(n + 3) OF(n + 4) OF(n + 5) OF(n + 6) OF(n + 7)
    switch (length) {
        OF_8(0) OF_8(8) OF_8(16) OF_8(24)
        default: return xxh64_of(bytes, length, seed);
    }
#undef OF_8
#undef OF
}

/* In hash.c and text.c; for those who find text and look at it at once, while it is in the cache. */
EXPORT int64_t hash_text_from_32(const int32_t *begins, const int32_t *ends, int64_t n_rows, const uint8_t *bytes,
                                 int64_t n_bytes, const uint8_t *validity, int64_t first_bit, uint64_t seed,
                                 uint64_t *states);
EXPORT int64_t find_prefixed_text(const uint8_t *bytes, int64_t n_bytes, int64_t n_rows, int32_t *begins,
                                  int32_t *ends);
EXPORT int64_t first_invalid_text_32(const int32_t *begins, const int32_t *ends, int64_t n_rows, const uint8_t *bytes,
                                     int64_t n_bytes, const uint8_t *validity, int64_t first_bit);

/* An integer's canonical form, its shortest decimal digits, written to `text` (at least 20 bytes); its length. */
static inline size_t write_decimal(int64_t value, uint8_t *text) {
    uint8_t digits[20];
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    size_t n_digits = 0, length = 0;
    do {
        digits[n_digits++] = (uint8_t)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) text[length++] = '-';
    while (n_digits > 0) text[length++] = digits[--n_digits];
    return length;
}

/* 1 / (1 + exp(-logit)) without overflow, as service/core/model.py has it. */
static inline double sigmoid(double logit) {
    if (logit >= 0.0) return 1.0 / (1.0 + exp(-logit));
    double odds = exp(logit);
    return odds / (1.0 + odds);
}

#endif
