/* Looking hashes up in a table that is sorted by them: service/core/seen.py. */

#include "andon.h"

enum {
    AHEAD = 32, /* rows: by then, where a search begins has come, and half of them later, what it begins with */
    FEW = 8     /* entries that are gone through one by one */
};

#pragma pack(push, 1)
typedef struct {
    uint64_t hash;
    uint32_t count;
} Entry; /* as it is in the file */
#pragma pack(pop)

/* Where the entries of each prefix, the hash shifted right, begin; of the last, also where they end.
 * starts: shape (n_prefixes + 1,), n_prefixes = 2^(64 - shift). */
EXPORT void index_entries(const Entry *entries, int64_t n_entries, int shift, int64_t n_prefixes, int64_t *starts) {
    int64_t prefix = 0;
    for (int64_t entry = 0; entry < n_entries; entry++) {
        while (prefix <= (int64_t)(entries[entry].hash >> shift)) starts[prefix++] = entry;
    }
    while (prefix <= n_prefixes) starts[prefix++] = n_entries;
}

/* The count of each row's hash, 0 where there is no such entry. The hashes are as good as random, so a prefix has few
 * entries; whatever they are, a search halves what is left. */
EXPORT void find_counts(const Entry *entries, const int64_t *starts, int shift, const uint64_t *hashes, int64_t n_rows,
                        int64_t *counts) {
    for (int64_t row = 0; row < n_rows; row++) {
        if (row + AHEAD < n_rows) PREFETCH(&starts[hashes[row + AHEAD] >> shift]);
        if (row + AHEAD / 2 < n_rows) PREFETCH(&entries[starts[hashes[row + AHEAD / 2] >> shift]]);
        uint64_t hash = hashes[row];
        int64_t low = starts[hash >> shift], high = starts[(hash >> shift) + 1];
        while (high - low > FEW) {
            int64_t middle = low + (high - low) / 2;
            if (entries[middle].hash <= hash) low = middle;
            else high = middle;
        }
        while (low < high && entries[low].hash < hash) low++;
        counts[row] = low < high && entries[low].hash == hash ? (int64_t)entries[low].count : 0;
    }
}
