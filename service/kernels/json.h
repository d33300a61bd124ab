/* JSON by RFC 8259, read where it lies: as strict as orjson (UTF-8 without surrogates, numbers in a double's range),
 * and stricter where it is easier so (depth, very long numbers, text with escapes longer than the caller's space).
 *
 * A position is a pointer into the body. `read_*` and `skip_*` take where something begins and return where it ends, or
 * NULL: it is not valid, or not sure to be. The byte behind the body's last one is there and is 0, which no rule of
 * the grammar accepts: so whoever goes on byte by byte, never past one that he has not accepted, needs no other bound.
 */
#ifndef ANDON_JSON_H
#define ANDON_JSON_H

#include <stdlib.h>

#include "andon.h"

#if defined(__SSE2__) && !defined(ANDON_NO_SSE2)
#include <emmintrin.h>
#endif

enum {
    MAX_DEPTH = 64,         /* of arrays and objects in a value that is skipped: as many bits as `objects` has */
    MAX_NUMBER = 64,        /* characters of a number whose value is asked for */
    MAX_MAGNITUDE = 308,    /* digits before the decimal point, the exponent counted in: so many fit into any double */
    MAX_SIGNIFICANT = 19,   /* digits that always fit into 64 bits */
    MAX_EXACT_EXPONENT = 22 /* of the powers of ten that are doubles */
};

typedef struct {
    const uint8_t *end;    /* of the body: there is the 0 */
    uint8_t *space, *full; /* where decoded text goes, and where that ends */
    bool broke;            /* whether white space so far held a line break */
} Json;

typedef struct {
    const uint8_t *bytes; /* NULL: null */
    size_t length;
} Text;

typedef struct {
    const uint8_t *bytes; /* as it is written */
    size_t length;
    bool negative, integer;
    uint64_t significant;   /* the digits without the point, if there are at most MAX_SIGNIFICANT of them */
    int64_t n_significant;  /* how many they are, from the first that is not 0 */
    int64_t exponent;       /* of ten: the value is significant * 10^exponent */
} Number;

/* White space. */

static const uint8_t *skip_long_space(Json *json, const uint8_t *at) {
    for (;; at++) {
        if (*at == '\n' || *at == '\r') {
            json->broke = true;
        } else if (*at != ' ' && *at != '\t') {
            return at;
        }
    }
}

static inline const uint8_t *skip_space(Json *json, const uint8_t *at) {
    if (*at > ' ') return at;
    if (*at == ' ' && at[1] > ' ') return at + 1; /* as Python's json writes it */
    return skip_long_space(json, at);
}

/* Strings. */

/* The first byte from `at` on that is no plain ASCII: a quote, a backslash, a control character, a byte above 127. */
static inline const uint8_t *skip_plain(const uint8_t *at, const uint8_t *end) {
#if defined(__SSE2__) && !defined(ANDON_NO_SSE2)
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1f);
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)at);
        __m128i special = _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash));
        special = _mm_or_si128(special, _mm_cmpeq_epi8(_mm_min_epu8(bytes, control), bytes));
        int found = _mm_movemask_epi8(_mm_or_si128(special, bytes)); /* a byte above 127 has its top bit set itself */
        if (found) return at + __builtin_ctz((unsigned)found);
    }
#else
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    for (; end - at >= 8; at += 8) {
        uint64_t word = load_64(at), quote = word ^ ones * '"', backslash = word ^ ones * '\\';
        /* The lowest top bit set is true; those above it may come from its borrow. */
        uint64_t found = ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) | ((word - ones * 0x20) & ~word);
        found = (found | word) & tops;
        if (found) return at + __builtin_ctzll(found) / 8;
    }
#endif
    while (*at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\') at++;
    return at;
}

static inline bool is_continuation(uint8_t byte) { return (byte & 0xc0) == 0x80; }

/* One character above ASCII, by table 3-7 of the Unicode standard: the shortest form, no surrogate, up to U+10FFFF. */
static inline const uint8_t *skip_character(const uint8_t *at) {
    uint8_t lead = at[0];
    if (lead < 0xc2 || lead > 0xf4) return NULL;
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < low || at[1] > high) return NULL;
    if (lead < 0xe0) return at + 2;
    if (!is_continuation(at[2])) return NULL;
    if (lead < 0xf0) return at + 3;
    return is_continuation(at[3]) ? at + 4 : NULL;
}

static inline const uint8_t *read_hexadecimal(const uint8_t *at, uint32_t *value) {
    *value = 0;
    for (int digit = 0; digit < 4; digit++, at++) {
        uint8_t letter = *at | 0x20;
        if (*at >= '0' && *at <= '9') {
            *value = *value << 4 | (uint32_t)(*at - '0');
        } else if (letter >= 'a' && letter <= 'f') {
            *value = *value << 4 | (uint32_t)(letter - 'a' + 10);
        } else {
            return NULL;
        }
    }
    return at;
}

/* UTF-8 of one code point, written to `bytes` (at least 4); where it ends. */
static inline uint8_t *write_character(uint32_t point, uint8_t *bytes) {
    if (point < 0x80) {
        *bytes++ = (uint8_t)point;
        return bytes;
    }
    if (point < 0x800) {
        *bytes++ = (uint8_t)(0xc0 | point >> 6);
    } else {
        if (point < 0x10000) {
            *bytes++ = (uint8_t)(0xe0 | point >> 12);
        } else {
            *bytes++ = (uint8_t)(0xf0 | point >> 18);
            *bytes++ = (uint8_t)(0x80 | (point >> 12 & 0x3f));
        }
        *bytes++ = (uint8_t)(0x80 | (point >> 6 & 0x3f));
    }
    *bytes++ = (uint8_t)(0x80 | (point & 0x3f));
    return bytes;
}

/* What stands behind a backslash, written to `*space` (at least 4 bytes), which moves on. */
static const uint8_t *read_escape(const uint8_t *at, uint8_t **space) {
    static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (*at != 'u') {
        const char *found = *at ? strchr(escapes, *at) : NULL;
        if (found == NULL) return NULL;
        *(*space)++ = (uint8_t)meanings[found - escapes];
        return at + 1;
    }
    uint32_t point, low;
    at = read_hexadecimal(at + 1, &point);
    if (at == NULL) return NULL;
    if (point >= 0xd800 && point <= 0xdfff) { /* a surrogate: the first half of a pair, or nothing */
        if (point >= 0xdc00 || at[0] != '\\' || at[1] != 'u') return NULL;
        at = read_hexadecimal(at + 2, &low);
        if (at == NULL || low < 0xdc00 || low > 0xdfff) return NULL;
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    }
    *space = write_character(point, *space);
    return at;
}

/* A string that has its first backslash at `at`, decoded into the reader's space. */
static const uint8_t *read_escaped(Json *json, const uint8_t *first, const uint8_t *at, Text *text) {
    uint8_t *space = json->space;
    const uint8_t *run = first; /* what was accepted and not copied yet begins here */
    for (;;) {
        size_t length = (size_t)(at - run);
        if ((size_t)(json->full - space) < length + 4) return NULL;
        memcpy(space, run, length);
        space += length;
        if (*at == '"') break;
        if (*at == '\\') {
            at = read_escape(at + 1, &space);
            run = at;
        } else {
            run = at;
            at = *at < 0x80 ? NULL : skip_character(at);
        }
        if (at == NULL) return NULL;
        at = skip_plain(at, json->end);
    }
    *text = (Text){json->space, (size_t)(space - json->space)};
    json->space = space;
    return at + 1;
}

/* A string, from behind its opening quote to behind its closing one. Its text lies in the body, or, if it is written
 * with escapes, in the reader's space. */
static inline const uint8_t *read_string(Json *json, const uint8_t *at, Text *text) {
    const uint8_t *first = at;
    at = skip_plain(at, json->end);
    while (*at >= 0x80) {
        at = skip_character(at);
        if (at == NULL) return NULL;
        at = skip_plain(at, json->end);
    }
    if (*at == '"') {
        *text = (Text){first, (size_t)(at - first)};
        return at + 1;
    }
    return *at == '\\' ? read_escaped(json, first, at, text) : NULL;
}

/* Numbers. */

static inline bool is_digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }

static inline const uint8_t *read_digits(const uint8_t *at, Number *number) {
    if (!is_digit(*at)) return NULL;
    for (; is_digit(*at); at++) {
        if (number->n_significant < MAX_SIGNIFICANT) number->significant = number->significant * 10 + (*at - '0');
        number->n_significant += number->n_significant > 0 || *at != '0';
    }
    return at;
}

static const uint8_t *read_exponent(const uint8_t *at, Number *number) {
    bool negative = *at == '-';
    if (*at == '-' || *at == '+') at++;
    if (!is_digit(*at)) return NULL;
    int64_t exponent = 0;
    for (; is_digit(*at); at++) {
        if (exponent < INT64_C(1000000000000)) exponent = exponent * 10 + (*at - '0');
    }
    number->exponent += negative ? -exponent : exponent;
    return at;
}

static inline const uint8_t *read_number(const uint8_t *at, Number *number) {
    *number = (Number){.bytes = at, .negative = *at == '-', .integer = true};
    if (number->negative) at++;
    if (*at == '0' && is_digit(at[1])) return NULL;
    at = read_digits(at, number);
    if (at == NULL) return NULL;
    if (*at == '.') {
        const uint8_t *point = at;
        at = read_digits(at + 1, number);
        if (at == NULL) return NULL;
        number->integer = false;
        number->exponent = point + 1 - at;
    }
    if (*at == 'e' || *at == 'E') {
        number->integer = false;
        at = read_exponent(at + 1, number);
        if (at == NULL) return NULL;
    }
    number->length = (size_t)(at - number->bytes);
    return number->n_significant + number->exponent <= MAX_MAGNITUDE ? at : NULL;
}

/* Whether an integer fits into 64 bits with a sign. */
static inline bool fits_int64(const Number *number) {
    if (!number->integer || number->n_significant > MAX_SIGNIFICANT) return false;
    return number->significant <= (uint64_t)INT64_MAX + number->negative;
}

/* By the C library, which rounds correctly. In a locale with another decimal point it stops before the end. */
static bool library_double(const Number *number, double *value) {
    char text[MAX_NUMBER + 1];
    char *end;
    if (number->length > MAX_NUMBER) return false;
    memcpy(text, number->bytes, number->length);
    text[number->length] = '\0';
    *value = strtod(text, &end);
    return end == text + number->length && isfinite(*value);
}

/* The double nearest to a number, of two the even one; false: not sure of it. */
static inline bool nearest_double(const Number *number, double *value) {
    static const double powers[MAX_EXACT_EXPONENT + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                          1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                          1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    /* Two doubles that are exact, and one operation, which rounds once. */
    int64_t exponent = number->exponent;
    bool exact = number->n_significant <= MAX_SIGNIFICANT && number->significant <= UINT64_C(1) << 53;
    if (!exact || exponent < -MAX_EXACT_EXPONENT || exponent > MAX_EXACT_EXPONENT) {
        return library_double(number, value);
    }
    double magnitude = (double)number->significant;
    magnitude = exponent < 0 ? magnitude / powers[-exponent] : magnitude * powers[exponent];
    *value = number->negative ? -magnitude : magnitude;
    return true;
}

/* Values of no interest. */

static inline const uint8_t *skip_word(const uint8_t *at, const char *word) {
    for (; *word; word++, at++) {
        if (*at != (uint8_t)*word) return NULL;
    }
    return at;
}

/* A string, a number or a word. Text that is decoded on the way is forgotten. */
static const uint8_t *skip_scalar(Json *json, const uint8_t *at) {
    Number number;
    Text text;
    uint8_t *space = json->space;
    switch (*at) {
        case '"':
            at = read_string(json, at + 1, &text);
            json->space = space;
            return at;
        case 't':
            return skip_word(at, "true");
        case 'f':
            return skip_word(at, "false");
        case 'n':
            return skip_word(at, "null");
        default:
            return read_number(at, &number);
    }
}

/* The key of a member, its colon and the space around it: up to the value. */
static const uint8_t *skip_key(Json *json, const uint8_t *at) {
    at = *at == '"' ? skip_scalar(json, at) : NULL;
    if (at == NULL) return NULL;
    at = skip_space(json, at);
    return *at == ':' ? skip_space(json, at + 1) : NULL;
}

/* A value of any kind, however nested up to MAX_DEPTH, without recursion. */
static const uint8_t *skip_value(Json *json, const uint8_t *at) {
    uint64_t objects = 0; /* the lowest bit: whether the innermost of what is open is an object */
    int depth = 0;
    for (;;) {
        bool opened = *at == '{' || *at == '[';
        if (opened) {
            if (++depth > MAX_DEPTH) return NULL;
            objects = objects << 1 | (*at == '{');
            at = skip_space(json, at + 1);
        } else {
            at = skip_scalar(json, at);
            if (at == NULL) return NULL;
        }
        while (depth > 0) { /* behind a value, or a bracket just opened: close as many as close here */
            if (!opened) at = skip_space(json, at);
            if (*at != (objects & 1 ? '}' : ']')) break;
            at++, depth--, objects >>= 1, opened = false;
        }
        if (depth == 0) return at;
        if (!opened) {
            if (*at != ',') return NULL;
            at = skip_space(json, at + 1);
        }
        if (objects & 1) {
            at = skip_key(json, at);
            if (at == NULL) return NULL;
        }
    }
}

#endif
