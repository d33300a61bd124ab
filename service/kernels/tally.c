/* Counts of values and of buckets, row by row; what they are for is in service/core/tallies.py. */

#include "andon.h"

enum {
    AHEAD = 64,  /* rows: by then, a record that is in no cache has come */
    FAR = 256,   /* rows: by then, so have hashes; the machine's own prefetching begins anew with each page of memory */
    BLOCK = 256, /* rows at a time, so that what lies between two steps stays in the first cache */
};

/* A place of a hash table with open addressing; without rows, it is free. The hashes are as good as random, and their
 * first bits are the place, so that the table is as good as sorted. */
typedef struct {
    uint64_t hash;
    uint32_t rows, positives;
} Value;

/* What came to a bucket: the hash that was first, mixed with its slot, and twice the lookups, plus 1 if another came. */
typedef struct {
    uint64_t owner, lookups;
} Bucket;

/* By how much a hash is to be shifted for its place among n_places, a power of two from 2 on. */
static inline int shift_of(int64_t n_places) { return __builtin_clzll((uint64_t)n_places) + 1; }

/* The place of a value, or the free one where it belongs; there always is one. */
static inline uint64_t place_of(const Value *values, int64_t n_places, int shift, uint64_t hash) {
    uint64_t place = hash >> shift;
    while (values[place].hash != hash && values[place].rows != 0) place = (place + 1) & (uint64_t)(n_places - 1);
    return place;
}

/* The rates of ones among all rows before each, of which `rows` with `positives` came before the first; one half where
 * they are not between 0 and 1. Returns the first row from which on they are, or n_rows. */
EXPORT int64_t running_rates(const int8_t *labels, int64_t n_rows, int64_t rows, int64_t positives, double *rates) {
    int64_t settled = n_rows;
    for (int64_t row = 0; row < n_rows; row++) {
        bool both = positives > 0 && positives < rows;
        if (both && settled == n_rows) settled = row;
        rates[row] = both ? (double)positives / (double)rows : 0.5;
        rows++;
        positives += labels[row] == 1;
    }
    return settled;
}

/* Score each row from `first` on by the rows of its value before, then count it.
 *
 * hashes, labels, rates: shape (n_rows,); settled: as of running_rates. values: n_places of them, of which *room may
 * still be taken, and one is free even then. *surplus: rows of the missing value beyond what its record can count.
 * grid: rows by label and rounded score, shape (2, n_steps + 1).
 * Returns n_rows, or the first row whose value there was no room for; takes what it took from *room. */
EXPORT int64_t tally_values(const uint64_t *hashes, const int8_t *labels, const double *rates, int64_t settled,
                            int64_t first, int64_t n_rows, uint64_t missing, double prior_rows, Value *values,
                            int64_t n_places, int64_t *room, int64_t *surplus, uint32_t *grid, int64_t n_steps) {
    uint32_t rows[BLOCK], positives[BLOCK]; /* of the values, before each row */
    int32_t cells[BLOCK];
    int shift = shift_of(n_places);
    bool full = false;
    int64_t row = first;
    while (row < n_rows && !full) {
        int64_t start = row, end = n_rows - row > BLOCK ? row + BLOCK : n_rows;
        for (; row < end; row++) {
            if (row + FAR < n_rows) PREFETCH(&hashes[row + FAR]);
            if (row + AHEAD < n_rows) PREFETCH_FOR_WRITE(&values[hashes[row + AHEAD] >> shift]);
            Value *value = &values[place_of(values, n_places, shift, hashes[row])];
            if (value->rows == 0) {
                full = *room == 0;
                if (full) break;
                --*room;
                value->hash = hashes[row];
            }
            rows[row - start] = value->rows;
            positives[row - start] = value->positives;
            bool one = labels[row] == 1;
            if (value->rows < UINT32_MAX) {
                value->rows++;
                value->positives += one;
            } else {
                value->positives += one && value->positives < UINT32_MAX;
                *surplus += hashes[row] == missing;
            }
        }
        int64_t n_block = row - start;
        for (int64_t i = 0; i < n_block; i++) {
            double rate = rates[start + i];
            double ones = (double)positives[i], zeros = (double)(rows[i] - positives[i]);
            double for_one = (ones + prior_rows * rate) * (1.0 - rate);
            double for_zero = (zeros + prior_rows * (1.0 - rate)) * rate;
            cells[i] = (int32_t)(for_one / (for_one + for_zero) * (double)n_steps + 0.5);
        }
        for (int64_t i = 0; i < n_block && start + i < settled; i++) cells[i] = (int32_t)(n_steps / 2);
        for (int64_t i = 0; i < n_block; i++) grid[(labels[start + i] == 1) * (n_steps + 1) + cells[i]]++;
    }
    return row;
}

/* In how many rows a value came, as far as its record can count. */
EXPORT int64_t rows_of_value(const Value *values, int64_t n_places, uint64_t hash) {
    return values[place_of(values, n_places, shift_of(n_places), hash)].rows;
}

/* All values but the missing one, by ascending hashes, and the rows of each; how many there are. */
EXPORT int64_t list_values(const Value *values, int64_t n_places, uint64_t missing, uint64_t *hashes, uint32_t *rows) {
    int64_t count = 0;
    for (int64_t place = 0; place < n_places; place++) {
        Value value = values[place];
        if (value.rows == 0 || value.hash == missing) continue;
        int64_t at = count++;
        for (; at > 0 && hashes[at - 1] > value.hash; at--) { /* a few steps, for they are as good as sorted */
            hashes[at] = hashes[at - 1];
            rows[at] = rows[at - 1];
        }
        hashes[at] = value.hash;
        rows[at] = value.rows;
    }
    return count;
}

/* All values of one table into another, which is larger and empty. */
EXPORT void move_values(const Value *from, int64_t n_from, Value *values, int64_t n_places) {
    int shift = shift_of(n_places);
    for (int64_t place = 0; place < n_from; place++) {
        if (from[place].rows != 0) values[place_of(values, n_places, shift, from[place].hash)] = from[place];
    }
}

/* The lookups of one slot. A value of one slot and one of another may have the very same hash, and are two owners of a
 * bucket all the same: `salt` tells the slots apart. */
EXPORT void tally_buckets(const uint64_t *hashes, int64_t n_rows, uint64_t salt, Bucket *buckets, uint64_t mask) {
    for (int64_t row = 0; row < n_rows; row++) {
        if (row + FAR < n_rows) PREFETCH(&hashes[row + FAR]);
        if (row + AHEAD < n_rows) PREFETCH_FOR_WRITE(&buckets[hashes[row + AHEAD] & mask]);
        Bucket *bucket = &buckets[hashes[row] & mask];
        uint64_t owner = hashes[row] ^ salt;
        if (bucket->lookups == 0) bucket->owner = owner;
        bucket->lookups = (bucket->lookups + 2) | (bucket->owner != owner);
    }
}

/* How many owners each bucket has, 2 standing for any more: those that tally_buckets found, and then, by one call of
 * `add_owners` for each field, the values of a field's table. */
EXPORT void count_owners(const Bucket *buckets, int64_t n_buckets, uint8_t *owners) {
    for (int64_t bucket = 0; bucket < n_buckets; bucket++) {
        owners[bucket] = buckets[bucket].lookups == 0 ? 0 : buckets[bucket].lookups & 1 ? 2 : 1;
    }
}

EXPORT void add_owners(const Value *values, int64_t n_places, uint64_t mask, uint8_t *owners) {
    for (int64_t place = 0; place < n_places; place++) {
        if (values[place].rows == 0) continue;
        uint8_t *count = &owners[values[place].hash & mask];
        if (*count < 2) ++*count;
    }
}

/* The lookups that met a shared bucket: those that tally_buckets counted, and those of a field's table, of which *values
 * becomes how many values other than the missing one are on a shared bucket. */
EXPORT int64_t shared_lookups(const Bucket *buckets, int64_t n_buckets, const uint8_t *owners) {
    int64_t lookups = 0;
    for (int64_t bucket = 0; bucket < n_buckets; bucket++) {
        if (owners[bucket] == 2) lookups += (int64_t)(buckets[bucket].lookups >> 1);
    }
    return lookups;
}

EXPORT int64_t shared_rows(const Value *values, int64_t n_places, uint64_t missing, uint64_t mask,
                           const uint8_t *owners, int64_t *n_values) {
    int64_t rows = 0;
    *n_values = 0;
    for (int64_t place = 0; place < n_places; place++) {
        if (values[place].rows == 0 || owners[values[place].hash & mask] != 2) continue;
        rows += values[place].rows;
        *n_values += values[place].hash != missing;
    }
    return rows;
}
