/* Comma-separated values, read as Arrow and Spark read them: a field that begins with a quote may hold
 * commas, line breaks and, doubled, quotes; what follows its closing quote is taken as it stands. Lines end in \n, \r
 * or \r\n, of which the last may lack. */

#include "andon.h"

typedef struct {
    int32_t begin, end; /* of a field as it is written, quotes included */
} Cell;

enum { SOUND, RAGGED, UNCLOSED };

typedef struct {
    int64_t n_rows;   /* that are sound */
    int64_t trouble;  /* one of the above */
    int64_t n_fields; /* of the first row that has too few or too many */
    int64_t end;      /* where what was not taken begins */
    int64_t ascii;    /* whether no byte that was looked at is above 127 */
} Found;

/* Commas and line breaks in the text, found a window of 64 bytes at a time. Each is given out once. */

enum { WINDOW = 64 };

typedef struct {
    const uint8_t *text;
    int64_t end, window; /* of the text; where the window begins */
    uint64_t stops;      /* a bit for each byte of the window that is a stop and was not given out */
    uint64_t high;       /* not 0: a byte above 127 was among those looked at */
} Stops;

static inline bool is_break(uint8_t byte) { return byte == '\n' || byte == '\r'; }

static inline void look_at(Stops *stops, const uint8_t *at) {
    stops->stops = equal_bytes(at, ',') | equal_bytes(at, '\n') | equal_bytes(at, '\r');
    for (int word = 0; word < WINDOW; word += 8) stops->high |= load_64(at + word) & UINT64_C(0x8080808080808080);
}

static inline void look_from(Stops *stops, int64_t at) {
    uint8_t rest[WINDOW] = {0};
    stops->window = at;
    if (stops->end - at >= WINDOW) {
        look_at(stops, stops->text + at);
    } else {
        if (at < stops->end) memcpy(rest, stops->text + at, (size_t)(stops->end - at));
        look_at(stops, rest);
    }
}

static inline int64_t next_stop(Stops *stops) {
    while (stops->stops == 0) {
        if (stops->end - stops->window <= WINDOW) return stops->end;
        look_from(stops, stops->window + WINDOW);
    }
    int64_t stop = stops->window + __builtin_ctzll(stops->stops);
    stops->stops &= stops->stops - 1;
    return stop;
}

/* None before `at` is given out any more. */
static inline void skip_to(Stops *stops, int64_t at) {
    if (at - stops->window >= WINDOW) {
        look_from(stops, at);
    } else {
        stops->stops &= ~UINT64_C(0) << (at - stops->window);
    }
}

/* Behind the closing quote of the field that begins with a quote at `at`; -1: it is never closed. */
static inline int64_t behind_quotes(const uint8_t *text, int64_t at, int64_t end) {
    for (;;) {
        const uint8_t *quote = memchr(text + at + 1, '"', (size_t)(end - at - 1));
        if (quote == NULL) return -1;
        at = quote - text + 1;
        if (at == end || text[at] != '"') return at;
    }
}

/* Take note of bytes above 127 in quotes, where nothing is looked at for stops. */
static inline void look_into_quotes(Stops *stops, int64_t at, int64_t end) {
    for (; at < end; at++) stops->high |= stops->text[at] & 0x80;
}

/* The end of the field that begins at `at`, behind the last stop: a comma, a line break, or the end of the text; -1: its
 * quote is never closed. */
static inline int64_t end_of_field(Stops *stops, int64_t at) {
    if (at < stops->end && stops->text[at] == '"') {
        int64_t quoted = at;
        at = behind_quotes(stops->text, at, stops->end);
        if (at < 0) return -1;
        look_into_quotes(stops, quoted, at);
        skip_to(stops, at);
    }
    return next_stop(stops);
}

/* Behind the line break, if there is one, that the last stop is. */
static inline int64_t behind_break(Stops *stops, int64_t stop) {
    if (stop == stops->end) return stop;
    bool both = stops->text[stop] == '\r' && stop + 1 < stops->end && stops->text[stop + 1] == '\n';
    return both ? next_stop(stops) + 1 : stop + 1;
}

/* The header: its fields, at most `most` of which are written down, and how many there are. Returns where the line
 * after it begins; -1: a quote is never closed. */
EXPORT int64_t split_header(const uint8_t *text, int64_t begin, int64_t length, Cell *cells, int64_t most,
                            int64_t *n_fields) {
    Stops stops = {.text = text, .end = length};
    look_from(&stops, begin);
    for (*n_fields = 1;; ++*n_fields) {
        int64_t stop = end_of_field(&stops, begin);
        if (stop < 0) return -1;
        if (*n_fields <= most) cells[*n_fields - 1] = (Cell){(int32_t)begin, (int32_t)stop};
        if (stop == length || text[stop] != ',') return behind_break(&stops, stop);
        begin = stop + 1;
    }
}

static void take_rows(Stops *stops, const int32_t *slots, int64_t n_columns, int64_t n_slots, bool blank, bool last,
                      Cell *cells, int64_t most, int64_t *lengths, Found *found) {
    const uint8_t *text = stops->text;
    int64_t length = stops->end;
    while (found->n_rows < most && found->end < length) {
        int64_t at = found->end, stop;
        if (!blank && is_break(text[at])) {
            found->end = next_stop(stops) + 1;
            continue;
        }
        Cell *row = cells + found->n_rows * n_slots;
        for (found->n_fields = 1;; found->n_fields++) {
            stop = end_of_field(stops, at);
            if (stop < 0) {
                if (last) found->trouble = UNCLOSED;
                return;
            }
            int32_t slot = found->n_fields <= n_columns ? slots[found->n_fields - 1] : -1;
            if (slot >= 0) row[slot] = (Cell){(int32_t)at, (int32_t)stop};
            if (stop == length || text[stop] != ',') break;
            at = stop + 1;
        }
        if (!last && (stop == length || (text[stop] == '\r' && stop + 1 == length))) return;
        if (found->n_fields != n_columns) {
            found->trouble = RAGGED;
            return;
        }
        for (int64_t slot = 0; slot < n_slots; slot++) lengths[slot] += row[slot].end - row[slot].begin;
        found->end = behind_break(stops, stop);
        found->n_rows++;
    }
}

/* The rows from `begin` on, at most `most`: the cells that are wanted, by slot.
 *
 * slots: for each of the n_columns fields of a row, the slot that it is wanted in, or -1. blank: whether a line with
 * nothing in it is a row. last: whether nothing follows this text; otherwise the last row is not taken, if more of it may
 * come. lengths: for each slot, what its cells come to in bytes. */
EXPORT void split_rows(const uint8_t *text, int64_t begin, int64_t length, const int32_t *slots, int64_t n_columns,
                       int64_t n_slots, int32_t blank, int32_t last, Cell *cells, int64_t most, int64_t *lengths,
                       Found *found) {
    Stops stops = {.text = text, .end = length};
    look_from(&stops, begin);
    *found = (Found){.trouble = SOUND, .end = begin};
    take_rows(&stops, slots, n_columns, n_slots, blank, last, cells, most, lengths, found);
    found->ascii = stops.high == 0;
}

/* The text of one cell, without its quotes, written to `bytes`, where there is room for SLACK bytes more than the cell
 * has; how long it is. Most are short and not the last of the text: those are copied without a loop. */

enum { SLACK = 32 };

static inline int64_t copy_cell(const uint8_t *text, int64_t length, Cell cell, uint8_t *bytes) {
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
    } else if (end - at <= SLACK && length - cell.begin >= SLACK) {
        memcpy(out, at, SLACK);
        return end - at;
    }
    memcpy(out, at, (size_t)(end - at));
    return out - bytes + (end - at);
}

/* The columns of all slots, each written to its own part of the arrays: n_rows + 1 offsets, the bytes from starts[slot]
 * on (room for the slot's length and SLACK), and a validity bitmap of `n_bitmap` bytes, all 0 at first. A field of nothing
 * is missing, and one of two quotes is the empty text. missing: for each slot, how many are. */
EXPORT void copy_columns(const uint8_t *text, int64_t length, const Cell *cells, int64_t n_slots, int64_t n_rows,
                         const int64_t *starts, int64_t n_bitmap, int32_t *offsets, uint8_t *bytes, uint8_t *validity,
                         int64_t *missing) {
    for (int64_t slot = 0; slot < n_slots; slot++) {
        offsets[slot * (n_rows + 1)] = 0;
        missing[slot] = 0;
    }
    for (int64_t row = 0; row < n_rows; row++) {
        int32_t *ends = offsets + row;
        for (int64_t slot = 0; slot < n_slots; slot++, cells++, ends += n_rows + 1) {
            bool valid = cells->end > cells->begin;
            ends[1] = ends[0] + (int32_t)copy_cell(text, length, *cells, bytes + starts[slot] + ends[0]);
            validity[slot * n_bitmap + (row >> 3)] |= (uint8_t)(valid << (row & 7));
            missing[slot] += !valid;
        }
    }
}
