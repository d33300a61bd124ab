/* Text that comes from outside: whether it is UTF-8, and which values it stands for. Value `row` is the bytes from
 * begins[row] up to ends[row] of `bytes`; where its bit of the validity bitmap is not set, it is missing. */

#include "andon.h"

#include <stdlib.h>

enum { SHORT_NUMBER = 64 /* characters; a longer one is copied to memory of its own */ };

/* UTF-8. */

static inline bool is_ascii(const uint8_t *at, const uint8_t *end) {
    uint64_t high = 0;
    for (; end - at >= 64; at += 64) { /* without an exit, so that it is done many bytes at a time */
        for (int word = 0; word < 8; word++) high |= load_64(at + 8 * word);
    }
    for (; end - at >= 8; at += 8) high |= load_64(at);
    for (; at < end; at++) high |= *at;
    return (high & UINT64_C(0x8080808080808080)) == 0;
}

static inline bool continues(const uint8_t *at, const uint8_t *end, uint8_t low, uint8_t high) {
    return at < end && *at >= low && *at <= high;
}

/* Behind one character above ASCII, by table 3-7 of the Unicode standard (the shortest form, no surrogates, up to
 * U+10FFFF); NULL: it is none. */
static const uint8_t *behind_character(const uint8_t *at, const uint8_t *end) {
    uint8_t first = *at++;
    if (first < 0xc2 || first > 0xf4) return NULL;
    int more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (!continues(at++, end, low, high)) return NULL;
    while (--more > 0) {
        if (!continues(at++, end, 0x80, 0xbf)) return NULL;
    }
    return at;
}

static bool is_utf8(const uint8_t *at, const uint8_t *end) {
    if (is_ascii(at, end)) return true;
    while (at < end) {
        at = *at < 0x80 ? at + 1 : behind_character(at, end);
        if (at == NULL) return false;
    }
    return true;
}

/* Whether every value is UTF-8 by itself. Returns -1, the first row that is not, or, where one does not lie within
 * `n_bytes`, -2 - row. Values that lie side by side, as Arrow's do, are looked at all at once. */
#define DEFINE_FIRST_INVALID(NAME, OFFSET)                                                                         \
    EXPORT int64_t NAME(const OFFSET *begins, const OFFSET *ends, int64_t n_rows, const uint8_t *bytes,            \
                        int64_t n_bytes, const uint8_t *validity, int64_t first_bit) {                             \
        int64_t least = n_bytes, most = 0, total = 0;                                                              \
        bool wrong = false;                                                                                        \
        for (int64_t row = 0; row < n_rows; row++) {                                                               \
            int64_t begin = begins[row], end = ends[row];                                                          \
            bool outside = (begin < 0) | (end < begin) | (end > n_bytes);                                          \
            wrong |= outside;                                                                                      \
            least = begin < least ? begin : least;                                                                 \
            most = end > most ? end : most;                                                                        \
            total += outside ? 0 : end - begin;                                                                    \
        }                                                                                                          \
        for (int64_t row = 0; wrong; row++) {                                                                      \
            if (begins[row] < 0 || ends[row] < begins[row] || ends[row] > n_bytes) return -2 - row;                \
        }                                                                                                          \
        if (total == 0) return -1;                                                                                 \
        if ((most - least) / 8 <= total && is_ascii(bytes + least, bytes + most)) return -1;                       \
        for (int64_t row = 0; row < n_rows; row++) {                                                               \
            if (!is_valid(validity, first_bit + row)) continue;                                                    \
            if (!is_utf8(bytes + begins[row], bytes + ends[row])) return row;                                      \
        }                                                                                                          \
        return -1;                                                                                                 \
    }

DEFINE_FIRST_INVALID(first_invalid_text_32, int32_t)
DEFINE_FIRST_INVALID(first_invalid_text_64, int64_t)

/* Values. */

static inline bool is_digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }

/* -?[0-9]+ that fits into 64 bits. */
static bool read_integer(const uint8_t *at, const uint8_t *end, int64_t *value) {
    bool negative = at < end && *at == '-';
    if (negative) at++;
    if (at == end) return false;
    uint64_t magnitude = 0, most = (uint64_t)INT64_MAX + negative;
    for (; at < end; at++) {
        if (!is_digit(*at)) return false;
        uint64_t digit = (uint64_t)(*at - '0');
        if (magnitude > (most - digit) / 10) return false;
        magnitude = magnitude * 10 + digit;
    }
    *value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

static const uint8_t *behind_digits(const uint8_t *at, const uint8_t *end) {
    while (at < end && is_digit(*at)) at++;
    return at;
}

/* By the C library, which rounds correctly. Its locale is Python's: C, unless a program sets another. */
static bool library_double(const uint8_t *number, size_t length, double *value) {
    char space[SHORT_NUMBER], *stopped, *text = length < SHORT_NUMBER ? space : malloc(length + 1);
    if (text == NULL) return false;
    memcpy(text, number, length);
    text[length] = 0;
    *value = strtod(text, &stopped);
    bool whole = *stopped == 0;
    if (text != space) free(text);
    return whole && isfinite(*value);
}

/* [+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?, its value a finite double. May allocate. */
static bool read_number(const uint8_t *first, const uint8_t *end, double *value) {
    const uint8_t *at = first + (first < end && (*first == '-' || *first == '+'));
    const uint8_t *whole = at;
    at = behind_digits(at, end);
    int64_t n_digits = at - whole;
    if (at < end && *at == '.') {
        const uint8_t *fraction = at + 1;
        at = behind_digits(fraction, end);
        n_digits += at - fraction;
    }
    if (n_digits == 0) return false;
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-')) at++;
        const uint8_t *exponent = at;
        at = behind_digits(exponent, end);
        if (at == exponent) return false;
    }
    return at == end && library_double(first, (size_t)(end - first), value);
}

static inline bool is_word(const uint8_t *at, int64_t length, const char *word) {
    return length == (int64_t)strlen(word) && memcmp(at, word, (size_t)length) == 0;
}

static bool read_boolean(const uint8_t *at, const uint8_t *end, bool *value) {
    *value = is_word(at, end - at, "true") || is_word(at, end - at, "True") || is_word(at, end - at, "TRUE");
    return *value || is_word(at, end - at, "false") || is_word(at, end - at, "False") || is_word(at, end - at, "FALSE");
}

/* The values that text stands for, from values that lie within `bytes`. Returns -1, or the first row that is
 * neither missing nor such a value; a missing one becomes 0. */

EXPORT int64_t parse_integers(const int32_t *begins, const int32_t *ends, int64_t n_rows, const uint8_t *bytes,
                              const uint8_t *validity, int64_t first_bit, int64_t *values) {
    for (int64_t row = 0; row < n_rows; row++) {
        values[row] = 0;
        if (!is_valid(validity, first_bit + row)) continue;
        if (!read_integer(bytes + begins[row], bytes + ends[row], &values[row])) return row;
    }
    return -1;
}

EXPORT int64_t parse_numbers(const int32_t *begins, const int32_t *ends, int64_t n_rows, const uint8_t *bytes,
                              const uint8_t *validity, int64_t first_bit, double *values) {
    for (int64_t row = 0; row < n_rows; row++) {
        values[row] = 0.0;
        if (!is_valid(validity, first_bit + row)) continue;
        if (!read_number(bytes + begins[row], bytes + ends[row], &values[row])) return row;
    }
    return -1;
}

/* `values`: a bit a row, all 0 at first. */
EXPORT int64_t parse_booleans(const int32_t *begins, const int32_t *ends, int64_t n_rows, const uint8_t *bytes,
                              const uint8_t *validity, int64_t first_bit, uint8_t *values) {
    for (int64_t row = 0; row < n_rows; row++) {
        bool value = false;
        if (!is_valid(validity, first_bit + row)) continue;
        if (!read_boolean(bytes + begins[row], bytes + ends[row], &value)) return row;
        values[row >> 3] |= (uint8_t)(value << (row & 7));
    }
    return -1;
}

/* Arrow's views of text: 16 bytes a row, a length and then the text itself, if it has at most 12 bytes, or its first 4
 * bytes, the index of a buffer and where in that it begins. */

typedef struct {
    int32_t length;
    union {
        uint8_t text[12];
        struct {
            uint8_t begin[4];
            int32_t buffer, offset;
        } far;
    } at;
} View;

static inline View view_at(const uint8_t *views, int64_t row) { /* which may lie anywhere */
    View view;
    memcpy(&view, views + row * (int64_t)sizeof view, sizeof view);
    return view;
}

/* The length of all views, or, where one does not lie within its buffer, -1 - row. */
EXPORT int64_t measure_views(const uint8_t *views, int64_t n_rows, const int64_t *lengths, int64_t n_buffers,
                             const uint8_t *validity, int64_t first_bit) {
    int64_t total = 0;
    for (int64_t row = 0; row < n_rows; row++) {
        if (!is_valid(validity, first_bit + row)) continue;
        View view = view_at(views, row);
        if (view.length < 0) return -1 - row;
        if (view.length > 12) {
            if (view.at.far.buffer < 0 || view.at.far.buffer >= n_buffers || view.at.far.offset < 0) return -1 - row;
            if ((int64_t)view.at.far.offset + view.length > lengths[view.at.far.buffer]) return -1 - row;
        }
        total += view.length;
    }
    return total;
}

/* The text of views that were measured: n_rows + 1 offsets, and the bytes one after the other. */
EXPORT void copy_views(const uint8_t *views, int64_t n_rows, const uint8_t *const *buffers, const uint8_t *validity,
                       int64_t first_bit, int64_t *offsets, uint8_t *bytes) {
    int64_t at = 0;
    for (int64_t row = 0; row < n_rows; row++) {
        offsets[row] = at;
        if (!is_valid(validity, first_bit + row)) continue;
        View view = view_at(views, row);
        const uint8_t *text = view.length > 12 ? buffers[view.at.far.buffer] + view.at.far.offset : view.at.text;
        memcpy(bytes + at, text, (size_t)view.length);
        at += view.length;
    }
    offsets[n_rows] = at;
}

/* Where the values lie each of which has its length before it (32 bits). Returns how many there are whole, at most
 * n_rows. */
EXPORT int64_t find_prefixed_text(const uint8_t *bytes, int64_t n_bytes, int64_t n_rows, int32_t *begins,
                                  int32_t *ends) {
    int64_t at = 0, row = 0;
    for (; row < n_rows && n_bytes - at >= 4; row++) {
        int64_t length = load_32(bytes + at);
        if (length > n_bytes - at - 4) break;
        begins[row] = (int32_t)(at + 4);
        at += 4 + length;
        ends[row] = (int32_t)at;
    }
    return row;
}
