/* FTRL-Proximal with per-coordinate learning rates; the formulas and their source are in service/core/learner.py.
 * A coordinate's state is (z, n). Divisions and square roots are done side by side for the slots of a row, which
 * changes no bit: each is IEEE arithmetic on its own. */

#include "andon.h"

enum { AHEAD = 8 }; /* rows: by then, a state that is in no cache has come */

typedef struct {
    double z, n;
} Coordinate;

static inline double weight_of(double z, double root, double alpha, double beta, double l1, double l2) {
    double pull = -(z - copysign(l1, z)) / ((beta + root) / alpha + l2);
    return fabs(z) <= l1 ? 0.0 : pull;
}

static inline void update(Coordinate *coordinate, double root, double w, double g, double alpha) {
    double squares = coordinate->n + g * g;
    coordinate->z += g - (sqrt(squares) - root) / alpha * w;
    coordinate->n = squares;
}

/* Learn rows in their order, and write each one's probability from before it was learned.
 *
 * buckets: shape (n_rows, n_slots); labels: 0 or 1; state: n_buckets coordinates and the intercept; scratch: 4 * n_slots
 * numbers. Returns -1, or the first row with a bucket that there is not: the rows before it are learned. */
EXPORT int64_t learn_rows(const uint32_t *buckets, int64_t n_rows, int64_t n_slots, const int8_t *labels,
                          Coordinate *state, int64_t n_buckets, double alpha, double beta, double l1, double l2,
                          double *scratch, double *probabilities) {
    double *restrict z = scratch, *restrict n = z + n_slots, *restrict root = n + n_slots;
    double *restrict weights = root + n_slots;
    Coordinate *intercept = state + n_buckets;
    for (int64_t row = 0; row < n_rows; row++) {
        const uint32_t *slots = buckets + row * n_slots;
        if (row + AHEAD < n_rows) {
            const uint32_t *later = slots + AHEAD * n_slots;
            for (int64_t slot = 0; slot < n_slots; slot++) PREFETCH_FOR_WRITE(&state[later[slot]]);
        }
        for (int64_t slot = 0; slot < n_slots; slot++) {
            if (slots[slot] >= n_buckets) return row;
            z[slot] = state[slots[slot]].z;
            n[slot] = state[slots[slot]].n;
        }
        for (int64_t slot = 0; slot < n_slots; slot++) {
            root[slot] = sqrt(n[slot]);
            weights[slot] = weight_of(z[slot], root[slot], alpha, beta, l1, l2);
        }
        double bias_root = sqrt(intercept->n);
        double bias = weight_of(intercept->z, bias_root, alpha, beta, 0.0, 0.0);
        double logit = bias;
        for (int64_t slot = 0; slot < n_slots; slot++) logit += weights[slot];
        double probability = sigmoid(logit);
        probabilities[row] = probability;
        double g = probability - (double)labels[row];
        for (int64_t slot = 0; slot < n_slots; slot++) {
            Coordinate *coordinate = state + slots[slot];
            /* Another slot of this row may have been in the same bucket, and have updated it just now. */
            double now = coordinate->n == n[slot] ? root[slot] : sqrt(coordinate->n);
            update(coordinate, now, weights[slot], g, alpha);
        }
        update(intercept, bias_root, bias, g, alpha);
    }
    return -1;
}

/* The weights that the state stands for, of every bucket and the intercept last, shape (n_buckets + 1,). */
EXPORT void learned_weights(const Coordinate *state, int64_t n_buckets, double alpha, double beta, double l1,
                            double l2, float *weights) {
    for (int64_t bucket = 0; bucket < n_buckets; bucket++) {
        weights[bucket] = (float)weight_of(state[bucket].z, sqrt(state[bucket].n), alpha, beta, l1, l2);
    }
    const Coordinate *intercept = state + n_buckets;
    weights[n_buckets] = (float)weight_of(intercept->z, sqrt(intercept->n), alpha, beta, 0.0, 0.0);
}
