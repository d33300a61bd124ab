/* Sums for the metrics of service/core/metrics.py, over rows of a label, 0 or 1, and its probability. */

#include "andon.h"

enum { BLOCK = 64 }; /* rows that are summed before they join the sum: what rounding costs stays small */

/* The sum of the losses, -log of the probability of the label (of one below `epsilon`, of that), and that of the
 * probabilities: sums[0] and sums[1]. A probability that is NaN makes NaN of both. */
EXPORT void sum_losses(const int8_t *labels, const double *probabilities, int64_t n_rows, double epsilon,
                       double *sums) {
    double losses = 0.0, predicted = 0.0;
    for (int64_t row = 0; row < n_rows;) {
        int64_t end = n_rows - row > BLOCK ? row + BLOCK : n_rows;
        double block_losses = 0.0, block_predicted = 0.0;
        for (; row < end; row++) {
            double of_label = labels[row] == 1 ? probabilities[row] : 1.0 - probabilities[row];
            if (of_label < epsilon) of_label = epsilon;
            if (of_label > 1.0) of_label = 1.0;
            block_losses -= log(of_label);
            block_predicted += probabilities[row];
        }
        losses += block_losses;
        predicted += block_predicted;
    }
    sums[0] = losses;
    sums[1] = predicted;
}

/* Count the rows by label and probability, cut into n_cells equal steps: counts, shape (2, n_cells), those before
 * included. Returns -1, or the first row whose probability is not from 0 to 1: the rows before it are counted. */
EXPORT int64_t count_cells(const int8_t *labels, const double *probabilities, int64_t n_rows, int64_t n_cells,
                           int64_t *counts) {
    for (int64_t row = 0; row < n_rows; row++) {
        double probability = probabilities[row];
        if (!(probability >= 0.0 && probability <= 1.0)) return row;
        int64_t cell = (int64_t)(probability * (double)n_cells);
        counts[(labels[row] == 1) * n_cells + (cell < n_cells ? cell : n_cells - 1)]++;
    }
    return -1;
}
