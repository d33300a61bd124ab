/* Hashes of whole columns. Each function carries the chain of hashes on by one column: `states[row]` comes as the hash
 * so far (at first the seed of the field) and leaves as the hash with the row's value. A missing value leaves it as it
 * is. A validity bitmap is Arrow's: a bit a row, the least significant first, from `first_bit` on; NULL: none missing. */

#include "andon.h"

/* Text: value `row` is the bytes of `bytes` from begins[row] up to ends[row]. Arrow's columns are given as their offsets,
 * where a value ends at the next one's begin: offsets, and the same one further on. `hash_text_*` carries the states on;
 * `hash_text_from_*` begins each at `seed`, and writes it for a missing row.
 * They return -1, or the first row whose value does not lie within `n_bytes`; then no state is whole.
 *
 * Lengths mix in a column of ids, and a processor that meets them as they come guesses each one's code wrong. So the rows
 * are taken GROUP at a time, and of those, all of one length after the other. */

enum { GROUP = 64, LONG = 32, NONE = 33 }; /* lengths from LONG on are one kind; NONE: a missing value */

/* For each of the rows whose bit is set, by its `row`. */
#define EACH(ROWS, STATEMENT)                                                                                      \
    for (uint64_t left = (ROWS); left != 0; left &= left - 1) {                                                    \
        int64_t row = first + __builtin_ctzll(left);                                                               \
        STATEMENT;                                                                                                 \
    }

#define OF_1(n, SEED) case n: EACH(rows, states[row] = xxh64_of(bytes + begins[row], n, SEED)) break;
#define OF_4(n, SEED) OF_1(n, SEED) OF_1(n + 1, SEED) OF_1(n + 2, SEED) OF_1(n + 3, SEED)
#define OF_16(n, SEED) OF_4(n, SEED) OF_4(n + 4, SEED) OF_4(n + 8, SEED) OF_4(n + 12, SEED)

#define DEFINE_HASH_TEXT(NAME, OFFSET, LENGTH, SEED, MISSING)                                                      \
    EXPORT int64_t NAME(const OFFSET *begins, const OFFSET *ends, int64_t n_rows, const uint8_t *bytes,            \
                        int64_t n_bytes, const uint8_t *validity, int64_t first_bit, uint64_t seed,                \
                        uint64_t *states) {                                                                        \
        (void)seed;                                                                                                \
        for (int64_t first = 0; first < n_rows; first += GROUP) {                                                  \
            int64_t n_group = n_rows - first < GROUP ? n_rows - first : GROUP;                                     \
            uint8_t kinds[GROUP];                                                                                  \
            int64_t wrong = 0;                                                                                     \
            for (int64_t i = 0; i < n_group; i++) {                                                                \
                OFFSET begin = begins[first + i], end = ends[first + i];                                           \
                wrong |= (begin < 0) | (end < begin) | (end > n_bytes);                                            \
                LENGTH length = (LENGTH)end - (LENGTH)begin;                                                       \
                kinds[i] = (uint8_t)(length < LONG ? length : LONG);                                               \
            }                                                                                                      \
            for (int64_t i = 0; wrong && i < n_group; i++) {                                                       \
                OFFSET begin = begins[first + i], end = ends[first + i];                                           \
                if (begin < 0 || end < begin || end > n_bytes) return first + i;                                   \
            }                                                                                                      \
            for (int64_t i = 0; validity != NULL && i < n_group; i++) {                                            \
                if (!is_valid(validity, first_bit + first + i)) kinds[i] = NONE;                                   \
            }                                                                                                      \
            uint64_t undone = n_group == GROUP ? ~UINT64_C(0) : (UINT64_C(1) << n_group) - 1;                      \
            while (undone != 0) {                                                                                  \
                int kind = kinds[__builtin_ctzll(undone)];                                                         \
                uint64_t rows = equal_bytes(kinds, (uint8_t)kind) & undone;                                        \
                undone &= ~rows;                                                                                   \
                switch (kind) {                                                                                    \
                    OF_16(0, SEED) OF_16(16, SEED)                                                                 \
                    case NONE: EACH(rows, states[row] = MISSING) break;                                            \
                    default: EACH(rows, size_t length = (size_t)(ends[row] - begins[row]);                         \
                                  states[row] = xxh64_of(bytes + begins[row], length, SEED))                       \
                }                                                                                                  \
            }                                                                                                      \
        }                                                                                                          \
        return -1;                                                                                                 \
    }

DEFINE_HASH_TEXT(hash_text_32, int32_t, uint32_t, states[row], states[row])
DEFINE_HASH_TEXT(hash_text_64, int64_t, uint64_t, states[row], states[row])
DEFINE_HASH_TEXT(hash_text_from_32, int32_t, uint32_t, seed, seed)
DEFINE_HASH_TEXT(hash_text_from_64, int64_t, uint64_t, seed, seed)

/* The same of coded text: the value of a row is that at codes[row], among `n_values`.
 * They return -1, or the first row whose code is no value's, or whose value is not within the text. */
#define DEFINE_HASH_CODED_TEXT(NAME, OFFSET)                                                                       \
    EXPORT int64_t NAME(const int32_t *codes, int64_t n_rows, const OFFSET *begins, const OFFSET *ends,            \
                        int64_t n_values, const uint8_t *bytes, int64_t n_bytes, const uint8_t *validity,          \
                        int64_t first_bit, uint64_t *states) {                                                     \
        for (int64_t row = 0; row < n_rows; row++) {                                                               \
            if (!is_valid(validity, first_bit + row)) continue;                                                    \
            if (codes[row] < 0 || codes[row] >= n_values) return row;                                              \
            int64_t begin = begins[codes[row]], end = ends[codes[row]];                                            \
            if (begin < 0 || end < begin || end > n_bytes) return row;                                             \
            states[row] = xxh64(bytes + begin, (size_t)(end - begin), states[row]);                                \
        }                                                                                                          \
        return -1;                                                                                                 \
    }

DEFINE_HASH_CODED_TEXT(hash_coded_text_32, int32_t)
DEFINE_HASH_CODED_TEXT(hash_coded_text_64, int64_t)

/* Integers, as their shortest decimal form. */
EXPORT void hash_integers(const int64_t *values, int64_t n_rows, const uint8_t *validity, int64_t first_bit,
                          uint64_t *states) {
    for (int64_t row = 0; row < n_rows; row++) {
        if (!is_valid(validity, first_bit + row)) continue;
        uint8_t text[20];
        size_t length = write_decimal(values[row], text);
        states[row] = xxh64(text, length, states[row]);
    }
}

/* Booleans, as `true` and `false`; a bit a row, from `first_value` on. */
EXPORT void hash_booleans(const uint8_t *values, int64_t first_value, int64_t n_rows, const uint8_t *validity,
                          int64_t first_bit, uint64_t *states) {
    for (int64_t row = 0; row < n_rows; row++) {
        if (!is_valid(validity, first_bit + row)) continue;
        bool value = values[(first_value + row) >> 3] >> ((first_value + row) & 7) & 1;
        states[row] = value ? xxh64((const uint8_t *)"true", 4, states[row])
                            : xxh64((const uint8_t *)"false", 5, states[row]);
    }
}

/* One and the same bytes, the name of a cross's next field, on top of every row's hash. */
EXPORT void hash_name(const uint8_t *name, int64_t length, int64_t n_rows, uint64_t *states) {
    for (int64_t row = 0; row < n_rows; row++) states[row] = xxh64(name, (size_t)length, states[row]);
}

/* Hashes of a dictionary's values spread over the rows that hold their codes; a missing row gets `missing`.
 * Returns -1, or the first row whose code is no value's. */
EXPORT int64_t spread_hashes(const int32_t *codes, int64_t n_rows, const uint64_t *hashes, int64_t n_hashes,
                             const uint8_t *validity, int64_t first_bit, uint64_t missing, uint64_t *states) {
    enum { BLOCK = 256 };
    for (int64_t first = 0; first < n_rows; first += BLOCK) {
        int64_t last = first + BLOCK < n_rows ? first + BLOCK : n_rows;
        bool all = validity == NULL; /* as it mostly is: then without a branch in the loop */
        for (int64_t row = first; row < last; row++) all &= (uint64_t)(int64_t)codes[row] < (uint64_t)n_hashes;
        for (int64_t row = first; all && row < last; row++) states[row] = hashes[codes[row]];
        for (int64_t row = first; !all && row < last; row++) {
            bool there = is_valid(validity, first_bit + row);
            if (there && (codes[row] < 0 || codes[row] >= n_hashes)) return row;
            states[row] = there ? hashes[codes[row]] : missing;
        }
    }
    return -1;
}

/* Hashes by slot, shape (n_slots, n_rows), to buckets by row, shape (n_rows, n_slots). */
EXPORT void fold_hashes(const uint64_t *hashes, int64_t n_slots, int64_t n_rows, uint64_t mask, uint32_t *buckets) {
    enum { BLOCK = 256 }; /* rows at a time, so that what is written in strides stays in the first cache */
    for (int64_t first = 0; first < n_rows; first += BLOCK) {
        int64_t last = first + BLOCK < n_rows ? first + BLOCK : n_rows;
        for (int64_t slot = 0; slot < n_slots; slot++) {
            const uint64_t *column = hashes + slot * n_rows;
            for (int64_t row = first; row < last; row++) {
                buckets[row * n_slots + slot] = (uint32_t)(column[row] & mask);
            }
        }
    }
}
