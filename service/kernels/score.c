/* Log-odds and probabilities of whole batches. The sum of a row runs over its slots in their order, from the intercept,
 * in double precision: the same to the last bit as one row at a time in service/core/model.py. */

#include "andon.h"

enum { AHEAD = 16 }; /* rows: by then, a weight that is in no cache has come */

/* The weights of all slots onto the logits, from whole hashes by slot, shape (n_slots, n_rows). Some rows at a time, so
 * that their logits stay in the cache. */
EXPORT void add_weights(const uint64_t *hashes, int64_t n_slots, int64_t n_rows, uint64_t mask, const float *weights,
                        double *logits) {
    enum { BLOCK = 256 };
    for (int64_t first = 0; first < n_rows; first += BLOCK) {
        int64_t last = first + BLOCK < n_rows ? first + BLOCK : n_rows;
        for (int64_t slot = 0; slot < n_slots; slot++) {
            const uint64_t *of_slot = hashes + slot * n_rows;
            for (int64_t row = first; row < last; row++) {
                if (row + AHEAD < n_rows) PREFETCH(&weights[of_slot[row + AHEAD] & mask]);
                logits[row] += (double)weights[of_slot[row] & mask];
            }
        }
    }
}

/* All slots' weights onto the logits, from buckets of shape (n_rows, n_slots), each below `n_buckets`.
 * Returns -1, or the first row with a bucket that there is not. */
EXPORT int64_t add_row_weights(const uint32_t *buckets, int64_t n_rows, int64_t n_slots, int64_t n_buckets,
                               const float *weights, double *logits) {
    for (int64_t row = 0; row < n_rows; row++) {
        const uint32_t *slots = buckets + row * n_slots;
        double logit = logits[row];
        for (int64_t slot = 0; slot < n_slots; slot++) {
            if (slots[slot] >= n_buckets) return row;
            logit += (double)weights[slots[slot]];
        }
        logits[row] = logit;
    }
    return -1;
}

/* Probabilities in the place of logits. */
EXPORT void sigmoids(double *logits, int64_t n_rows) {
    for (int64_t row = 0; row < n_rows; row++) logits[row] = sigmoid(logits[row]);
}
