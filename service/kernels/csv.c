/* Comma-separated values, as service/events/files.py has Arrow read them: a field that begins with a quote may hold
 * commas, line breaks and, doubled, quotes; what follows its closing quote is taken as it stands. Lines end in \n, \r
 * or \r\n, of which the last may lack. */

#include "andon.h"

typedef struct {
    uint32_t begin, end; /* of a field as it is written, quotes included */
} Cell;

enum { SOUND, RAGGED, UNCLOSED };

typedef struct {
    int64_t n_rows;   /* that are sound, or that there are */
    int64_t trouble;  /* one of the above */
    int64_t n_fields; /* of the first row that has too few or too many */
} Found;

/* The top bit of each byte that is `byte`; above the lowest of them, of some others too. */
static inline uint64_t marks_of(uint64_t word, uint8_t byte) {
    uint64_t other = word ^ UINT64_C(0x0101010101010101) * byte;
    return (other - UINT64_C(0x0101010101010101)) & ~other & UINT64_C(0x8080808080808080);
}

/* The first comma or line break from `at` on, or `end`. */
static inline const uint8_t *find_stop(const uint8_t *at, const uint8_t *end) {
    for (; end - at >= 8; at += 8) {
        uint64_t word = load_64(at);
        uint64_t marks = marks_of(word, ',') | marks_of(word, '\n') | marks_of(word, '\r');
        if (marks != 0) return at + (__builtin_ctzll(marks) >> 3);
    }
    while (at < end && *at != ',' && *at != '\n' && *at != '\r') at++;
    return at;
}

/* The end of the field that begins at `at`: a comma, a line break, or `end`; NULL: its quote is never closed. */
static inline const uint8_t *end_of_field(const uint8_t *at, const uint8_t *end) {
    if (at < end && *at == '"') {
        at++;
        for (;;) {
            at = memchr(at, '"', (size_t)(end - at));
            if (at == NULL) return NULL;
            at++;
            if (at == end || *at != '"') break;
            at++;
        }
    }
    return find_stop(at, end);
}

static inline const uint8_t *behind_break(const uint8_t *at, const uint8_t *end) {
    if (at < end && *at == '\r' && at + 1 < end && at[1] == '\n') return at + 2;
    return at < end ? at + 1 : at;
}

static inline bool is_break(uint8_t byte) { return byte == '\n' || byte == '\r'; }

/* The fields of one line, at most `most` of which are written down; where the next line begins, or NULL. */
static const uint8_t *split_line(const uint8_t *text, const uint8_t *at, const uint8_t *end, Cell *cells, int64_t most,
                                 int64_t *n_fields) {
    for (*n_fields = 1;; ++*n_fields) {
        const uint8_t *stop = end_of_field(at, end);
        if (stop == NULL) return NULL;
        if (*n_fields <= most) cells[*n_fields - 1] = (Cell){(uint32_t)(at - text), (uint32_t)(stop - text)};
        if (stop == end || *stop != ',') return behind_break(stop, end);
        at = stop + 1;
    }
}

/* The header: its fields, at most `most` of which are written down, and how many there are. Returns where the line
 * after it begins; -1: its quote is never closed. */
EXPORT int64_t split_header(const uint8_t *text, int64_t begin, int64_t length, Cell *cells, int64_t most,
                            int64_t *n_fields) {
    const uint8_t *next = split_line(text, text + begin, text + length, cells, most, n_fields);
    return next == NULL ? -1 : next - text;
}

/* The rows from `begin` on: of each of the first `most`, the cells that are wanted, by slot.
 *
 * slots: for each of the n_columns fields of a row, the slot that it is wanted in, or -1. blank: whether a line with
 * nothing in it is a row. lengths: for each slot, what its cells come to in bytes. */
EXPORT void split_rows(const uint8_t *text, int64_t begin, int64_t length, const int32_t *slots, int64_t n_columns,
                       int64_t n_slots, int32_t blank, Cell *cells, int64_t most, int64_t *lengths, Found *found) {
    const uint8_t *at = text + begin, *end = text + length;
    found->n_rows = 0, found->trouble = SOUND;
    while (at < end) {
        if (!blank && is_break(*at)) {
            at++;
            continue;
        }
        Cell *row = found->n_rows < most ? cells + found->n_rows * n_slots : NULL;
        for (found->n_fields = 1;; found->n_fields++) {
            const uint8_t *stop = end_of_field(at, end);
            if (stop == NULL) {
                found->trouble = UNCLOSED;
                return;
            }
            int32_t slot = found->n_fields <= n_columns ? slots[found->n_fields - 1] : -1;
            if (slot >= 0 && row != NULL) {
                row[slot] = (Cell){(uint32_t)(at - text), (uint32_t)(stop - text)};
                lengths[slot] += stop - at;
            }
            if (stop == end || *stop != ',') {
                at = behind_break(stop, end);
                break;
            }
            at = stop + 1;
        }
        if (found->n_fields != n_columns) {
            found->trouble = RAGGED;
            return;
        }
        found->n_rows++;
    }
}

/* The text of one cell, without its quotes, written to `bytes`; how long it is. */
static inline int64_t copy_cell(const uint8_t *text, Cell cell, uint8_t *bytes) {
    const uint8_t *at = text + cell.begin, *end = text + cell.end;
    uint8_t *out = bytes;
    if (at < end && *at == '"') {
        for (at++;; at++) {
            const uint8_t *quote = memchr(at, '"', (size_t)(end - at));
            memcpy(out, at, (size_t)(quote - at));
            out += quote - at;
            at = quote + 1;
            if (at == end || *at != '"') break;
            *out++ = '"';
        }
    }
    memcpy(out, at, (size_t)(end - at));
    return out - bytes + (end - at);
}

/* One slot's column: n_rows + 1 offsets, the bytes (room for the slot's length), and a validity bitmap, all 0 at
 * first. A field of nothing is missing, and one of two quotes is the empty text. */
EXPORT void copy_column(const uint8_t *text, const Cell *cells, int64_t n_slots, int64_t slot, int64_t n_rows,
                        int64_t *offsets, uint8_t *bytes, uint8_t *validity) {
    int64_t at = 0;
    for (int64_t row = 0; row < n_rows; row++) {
        Cell cell = cells[row * n_slots + slot];
        offsets[row] = at;
        at += copy_cell(text, cell, bytes + at);
        validity[row >> 3] |= (uint8_t)((cell.end > cell.begin) << (row & 7));
    }
    offsets[n_rows] = at;
}
