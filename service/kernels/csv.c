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
    int64_t quoted;   /* whether a field was that begins with a quote */
} Found;

/* Commas and line breaks in the text, found a window of 64 bytes at a time. Each is given out once. */

enum { WINDOW = 64 };

typedef struct {
    const uint8_t *text;
    int64_t end, window; /* of the text; where the window begins */
    uint64_t stops;      /* a bit for each byte of the window that is a stop and was not given out */
    uint64_t high;       /* not 0: a byte above 127 was among those looked at */
    bool quoted;         /* a field began with a quote */
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
        stops->quoted = true;
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

static void take_rows(Stops *stops, const int32_t *slots, int64_t n_columns, bool blank, bool last, int32_t *begins,
                      int32_t *ends, int64_t stride, int64_t most, Found *found) {
    const uint8_t *text = stops->text;
    int64_t length = stops->end;
    while (found->n_rows < most && found->end < length) {
        int64_t at = found->end, stop;
        if (!blank && is_break(text[at])) {
            found->end = next_stop(stops) + 1;
            continue;
        }
        for (found->n_fields = 1;; found->n_fields++) {
            stop = end_of_field(stops, at);
            if (stop < 0) {
                if (last) found->trouble = UNCLOSED;
                return;
            }
            int64_t slot = found->n_fields <= n_columns ? slots[found->n_fields - 1] : -1;
            if (slot >= 0) {
                begins[slot * stride + found->n_rows] = (int32_t)at;
                ends[slot * stride + found->n_rows] = (int32_t)stop;
            }
            if (stop == length || text[stop] != ',') break;
            at = stop + 1;
        }
        if (!last && (stop == length || (text[stop] == '\r' && stop + 1 == length))) return;
        if (found->n_fields != n_columns) {
            found->trouble = RAGGED;
            return;
        }
        found->end = behind_break(stops, stop);
        found->n_rows++;
    }
}

/* Where the rows of a span of text end, and the fields in them, without looking at each. */

enum { SPAN = 4096 }; /* bytes; what is found in them stays in the first cache */

#define BREAK (UINT32_C(1) << 31) /* of a stop: it is no comma */

/* The stops among the bytes of a window, from `at` on in the text, of which `breaks` are line breaks. */
static inline int64_t write_stops(uint64_t stops, uint64_t breaks, int64_t at, uint32_t *found) {
    int64_t count = 0;
    for (; stops != 0; stops &= stops - 1, count++) {
        int bit = __builtin_ctzll(stops);
        found[count] = (uint32_t)(at + bit) | (uint32_t)(breaks >> bit & 1) << 31;
    }
    return count;
}

/* Take the rows that are as most are: each with its commas and a \n, and no quotes and no \r in the span of text that
 * they lie in. It ends before the first span or row that is not so, and leaves that to take_rows. */
static void take_plain_rows(const uint8_t *text, int64_t length, const int32_t *slots, int64_t n_columns,
                            int32_t *begins, int32_t *ends, int64_t stride, int64_t most, Found *found, uint64_t *high) {
    while (length - found->end >= SPAN) {
        uint32_t stops[SPAN];
        int64_t n_stops = 0, begin = found->end, stop = 0;
        uint64_t odd = 0, above = 0;
        for (int64_t at = begin; at < begin + SPAN; at += WINDOW) {
            uint64_t breaks = equal_bytes(text + at, '\n');
            odd |= equal_bytes(text + at, '"') | equal_bytes(text + at, '\r');
            for (int word = 0; word < WINDOW; word += 8) above |= load_64(text + at + word);
            n_stops += write_stops(equal_bytes(text + at, ',') | breaks, breaks, at, stops + n_stops);
        }
        if (odd) return;
        *high |= above & UINT64_C(0x8080808080808080);
        for (; n_stops - stop >= n_columns; stop += n_columns) {
            const uint32_t *row = stops + stop;
            uint32_t inner = 0;
            for (int64_t column = 0; column < n_columns - 1; column++) inner |= row[column];
            if (found->n_rows == most || (inner & BREAK) || !(row[n_columns - 1] & BREAK)) return;
            uint32_t at = (uint32_t)found->end;
            for (int64_t column = 0; column < n_columns; column++) {
                uint32_t end = row[column] & ~BREAK;
                if (slots[column] >= 0) {
                    begins[slots[column] * stride + found->n_rows] = (int32_t)at;
                    ends[slots[column] * stride + found->n_rows] = (int32_t)end;
                }
                at = end + 1;
            }
            found->end = at;
            found->n_rows++;
        }
        if (stop == 0) return; /* a row that is longer than the span */
    }
}

/* The rows from `begin` on, at most `most`: where the fields that are wanted lie, quotes included, and their hashes; that
 * of a row in its slot is at [slot * stride + row] of `begins`, `ends` and `hashes`.
 *
 * slots: for each of the n_columns fields of a row, the slot that it is wanted in, or -1. blank: whether a line with
 * nothing in it is a row. last: whether nothing follows this text; otherwise the last row is not taken, if more of it may
 * come. seeds: of the first n_hashed slots, which are to be hashed, and from which on hashes are written.
 *
 * Some rows are split and then hashed, and then the next, so that the text is fetched from memory once. */
EXPORT void split_rows(const uint8_t *text, int64_t begin, int64_t length, const int32_t *slots, int64_t n_columns,
                       int32_t blank, int32_t last, int32_t *begins, int32_t *ends, int64_t stride, int64_t most,
                       const uint64_t *seeds, int64_t n_hashed, uint64_t *hashes, Found *found) {
    enum { ROWS = 512 };
    Stops stops = {.text = text, .end = length};
    int64_t first = 0, some;
    *found = (Found){.trouble = SOUND, .end = begin};
    do {
        some = n_hashed && most - first > ROWS ? first + ROWS : most;
        take_plain_rows(text, length, slots, n_columns, begins, ends, stride, some, found, &stops.high);
        look_from(&stops, found->end);
        take_rows(&stops, slots, n_columns, blank, last, begins, ends, stride, some, found);
        for (int64_t slot = 0; slot < n_hashed; slot++) {
            int64_t at = slot * stride + first;
            hash_text_from_32(begins + at, ends + at, found->n_rows - first, text, length, NULL, 0, seeds[slot], hashes + at);
        }
        first = found->n_rows;
    } while (first == some && first < most);
    found->ascii = stops.high == 0;
    found->quoted = stops.quoted;
}

/* The text of one field written to `out`, without its quotes, if it is in some; behind it. */
static uint8_t *copy_field(const uint8_t *at, const uint8_t *end, bool quoted, uint8_t *out) {
    if (quoted && at < end && *at == '"') {
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
    return out + (end - at);
}

/* A column of fields that were split, one after the other: n_rows + 1 offsets, and the bytes, which are no more than the
 * fields'. quoted: whether there may be quotes, which are left out; otherwise what looks like one is a field's own. */
EXPORT void copy_fields(const uint8_t *text, const int32_t *begins, const int32_t *ends, int64_t n_rows, int32_t quoted,
                        int32_t *offsets, uint8_t *bytes) {
    uint8_t *out = bytes;
    for (int64_t row = 0; row < n_rows; row++) {
        offsets[row] = (int32_t)(out - bytes);
        out = copy_field(text + begins[row], text + ends[row], quoted, out);
    }
    offsets[n_rows] = (int32_t)(out - bytes);
}
