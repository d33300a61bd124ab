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

/* By how much z changes with a gradient, beside which n becomes `squares`, and its root `root_of_squares`. */
static inline double change(double root_of_squares, double root, double w, double g, double alpha) {
    return g - (root_of_squares - root) / alpha * w;
}

static inline void update(Coordinate *coordinate, double w, double g, double alpha) {
    double squares = coordinate->n + g * g;
    coordinate->z += change(sqrt(squares), sqrt(coordinate->n), w, g, alpha);
    coordinate->n = squares;
}

/* Learn rows in their order, and write each one's probability from before it was learned.
 *
 * buckets: shape (n_rows, n_slots); labels: 0 or 1; state: n_buckets coordinates and the intercept; scratch: 6 * n_slots
 * numbers. Returns -1, or the first row with a bucket that there is not: the rows before it are learned. */
EXPORT int64_t learn_rows(const uint32_t *buckets, int64_t n_rows, int64_t n_slots, const int8_t *labels,
                          Coordinate *state, int64_t n_buckets, double alpha, double beta, double l1, double l2,
                          double *scratch, double *probabilities) {
    double *restrict z = scratch, *restrict n = z + n_slots, *restrict root = n + n_slots;
    double *restrict weights = root + n_slots, *restrict squares = weights + n_slots;
    double *restrict changes = squares + n_slots;
    Coordinate *intercept = state + n_buckets;
    double bias_root = sqrt(intercept->n);
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
        double bias = weight_of(intercept->z, bias_root, alpha, beta, 0.0, 0.0);
        double logit = bias;
        for (int64_t slot = 0; slot < n_slots; slot++) logit += weights[slot];
        double probability = sigmoid(logit);
        probabilities[row] = probability;
        double g = probability - (double)labels[row];
        for (int64_t slot = 0; slot < n_slots; slot++) {
            squares[slot] = n[slot] + g * g;
            changes[slot] = change(sqrt(squares[slot]), root[slot], weights[slot], g, alpha);
        }
        for (int64_t slot = 0; slot < n_slots; slot++) {
            Coordinate *coordinate = state + slots[slot];
            if (coordinate->n == n[slot]) {
                coordinate->z += changes[slot];
                coordinate->n = squares[slot];
            } else { /* another slot of this row was in the same bucket, and has updated it just now */
                update(coordinate, weights[slot], g, alpha);
            }
        }
        double bias_squares = intercept->n + g * g, root_of_squares = sqrt(bias_squares);
        intercept->z += change(root_of_squares, bias_root, bias, g, alpha);
        intercept->n = bias_squares;
        bias_root = root_of_squares;
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
