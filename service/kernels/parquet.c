/* Pages of a Parquet file: their headers, and what is in one that was decompressed.
 * After https://github.com/apache/parquet-format: README.md, Encodings.md and src/main/thrift/parquet.thrift; the headers
 * are structs of Thrift's compact protocol, thrift/doc/specs/thrift-compact-protocol.md. */

#include "andon.h"

typedef struct {
    const uint8_t *at, *end;
    bool broken; /* it ended too early, or is no such thing */
} Reader;

static inline uint8_t read_byte(Reader *reader) {
    if (reader->at < reader->end) return *reader->at++;
    reader->broken = true;
    return 0;
}

static uint64_t read_varint(Reader *reader) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        uint8_t byte = read_byte(reader);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
    }
    reader->broken = true;
    return 0;
}

static int64_t read_zigzag(Reader *reader) {
    uint64_t value = read_varint(reader);
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

/* Headers. */

enum Type { STOP, YES, NO, BYTE, I16, I32, INT64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT };

enum { DEPTH = 16 }; /* of structs and lists in each other; Parquet's own have 3 */

/* The type of a struct's next field, and its number by that of the one before; STOP: there is none. */
static enum Type next_field(Reader *reader, int64_t *number) {
    uint8_t byte = read_byte(reader);
    int type = byte & 0x0f;
    if (reader->broken || type == STOP) return STOP;
    *number = byte >> 4 ? *number + (byte >> 4) : read_zigzag(reader);
    if (type > STRUCT || *number < 1 || *number > INT16_MAX) reader->broken = true;
    return reader->broken ? STOP : (enum Type)type;
}

static void skip_bytes(Reader *reader, uint64_t count) {
    if (count > (uint64_t)(reader->end - reader->at)) reader->broken = true;
    else reader->at += count;
}

static void skip(Reader *reader, enum Type type, int depth) {
    int64_t number = 0;
    if (depth > DEPTH) reader->broken = true;
    if (reader->broken) return;
    switch (type) {
        case STOP: case YES: case NO: return;
        case BYTE: skip_bytes(reader, 1); return;
        case I16: case I32: case INT64: read_varint(reader); return;
        case DOUBLE: skip_bytes(reader, 8); return;
        case BINARY: skip_bytes(reader, read_varint(reader)); return;
        case STRUCT:
            while ((type = next_field(reader, &number)) != STOP) skip(reader, type, depth + 1);
            return;
        case LIST: case SET: case MAP: reader->broken = true; /* no header has one */
    }
}

typedef struct {
    int64_t kind;         /* 0: data, 1: index, 2: dictionary, 3: data in its second version */
    int64_t uncompressed; /* bytes, levels included */
    int64_t compressed;
    int64_t n_values;     /* missing ones included */
    int64_t encoding;     /* 0: plain, 2 and 8: codes of the dictionary */
    int64_t levels;       /* the encoding of a first version's definition levels, 3: runs; or the bytes of a second's */
    int64_t repetition;   /* the bytes of a second version's repetition levels */
    int64_t packed;       /* whether the values are compressed */
    int64_t end;          /* where, from where the header begins, the page does */
} Header;

/* A field's integer, if it is one. */
static void read_integer(Reader *reader, enum Type type, int64_t *value) {
    if (type == I16 || type == I32 || type == INT64) *value = read_zigzag(reader);
    else if (type == YES || type == NO) *value = type == YES;
    else skip(reader, type, 0);
}

/* The struct of one of the kinds of page: of each, which fields hold what; 0: none does. */
typedef struct {
    int64_t n_values, encoding, levels, repetition, packed;
} Fields;

static void read_details(Reader *reader, Fields fields, Header *header) {
    enum Type type;
    int64_t number = 0;
    while ((type = next_field(reader, &number)) != STOP) {
        if (number == fields.n_values) read_integer(reader, type, &header->n_values);
        else if (number == fields.encoding) read_integer(reader, type, &header->encoding);
        else if (number == fields.levels) read_integer(reader, type, &header->levels);
        else if (number == fields.repetition) read_integer(reader, type, &header->repetition);
        else if (number == fields.packed) read_integer(reader, type, &header->packed);
        else skip(reader, type, 1);
    }
}

/* A page's header; whether it is one. What it lacks is -1. */
EXPORT int32_t read_page_header(const uint8_t *bytes, int64_t n_bytes, Header *header) {
    Reader reader = {.at = bytes, .end = bytes + n_bytes};
    enum Type type;
    int64_t number = 0;
    *header = (Header){-1, -1, -1, -1, -1, -1, -1, 1, -1};
    while ((type = next_field(&reader, &number)) != STOP) {
        if (number == 1) read_integer(&reader, type, &header->kind);
        else if (number == 2) read_integer(&reader, type, &header->uncompressed);
        else if (number == 3) read_integer(&reader, type, &header->compressed);
        else if (number == 5 && type == STRUCT) read_details(&reader, (Fields){.n_values = 1, .encoding = 2, .levels = 3}, header);
        else if (number == 7 && type == STRUCT) read_details(&reader, (Fields){.n_values = 1, .encoding = 2}, header);
        else if (number == 8 && type == STRUCT) read_details(&reader, (Fields){1, 4, 5, 6, 7}, header);
        else skip(&reader, type, 0);
    }
    header->end = reader.at - bytes;
    return !reader.broken;
}

/* Runs: of one value repeated, or of values side by side, each of so many bits, in eights. */

typedef struct {
    int64_t count;         /* of values */
    const uint8_t *packed; /* where those that are side by side lie; NULL: they are all the same */
    uint32_t value;        /* that one */
} Run;

/* The next run. Side by side, the last values of a page may lack, if nobody asks for them. */
static Run next_run(Reader *reader, int width) {
    uint64_t head = read_varint(reader);
    int64_t left = reader->end - reader->at;
    if (head & 1) {
        uint64_t eights = head >> 1, room = width ? (uint64_t)left / (uint64_t)width + 1 : UINT32_MAX;
        eights = eights < room ? eights : room;
        int64_t n_bytes = (int64_t)eights * width;
        Run run = {.count = (int64_t)eights * 8, .packed = reader->at};
        if (n_bytes > left) {
            n_bytes = left;
            run.count = left * 8 / width;
        }
        reader->at += n_bytes;
        return run;
    }
    Run run = {.count = (int64_t)(head >> 1)};
    for (int byte = 0; byte < (width + 7) / 8; byte++) run.value |= (uint32_t)read_byte(reader) << (8 * byte);
    return run;
}

/* The value at `index` of those side by side, of `width` bits each, of which no byte from `end` on is looked at. */
static inline uint32_t unpacked(const uint8_t *packed, const uint8_t *end, int width, int64_t index) {
    int64_t bit = index * width;
    const uint8_t *at = packed + (bit >> 3);
    uint64_t word = 0;
    if (end - at >= 8) word = load_64(at);
    else memcpy(&word, at, (size_t)(end - at));
    return (uint32_t)(word >> (bit & 7) & ((UINT64_C(1) << width) - 1));
}

/* Codes, each of `width` bits, at most 32, and below n_values; whether there are n_codes of them. */
static bool read_codes(const uint8_t *bytes, int64_t n_bytes, int width, int64_t n_codes, int64_t n_values,
                       int32_t *codes) {
    Reader reader = {.at = bytes, .end = bytes + n_bytes};
    while (n_codes > 0) {
        Run run = next_run(&reader, width);
        int64_t count = run.count < n_codes ? run.count : n_codes;
        uint32_t most = run.value;
        if (reader.broken || count == 0) return false;
        if (run.packed == NULL) {
            for (int64_t i = 0; i < count; i++) codes[i] = (int32_t)run.value;
        } else {
            for (int64_t i = 0; i < count; i++) {
                uint32_t code = unpacked(run.packed, reader.end, width, i);
                most = code > most ? code : most;
                codes[i] = (int32_t)code;
            }
        }
        if (most >= n_values) return false;
        codes += count;
        n_codes -= count;
    }
    return true;
}

/* Levels of a bit each, written as the validity bitmap of n_rows rows, which comes all 0. Returns how many of them are
 * set; -1: there are not the levels of so many rows. */
static int64_t read_levels(const uint8_t *bytes, int64_t n_bytes, int64_t n_rows, uint8_t *validity) {
    Reader reader = {.at = bytes, .end = bytes + n_bytes};
    int64_t row = 0, n_valid = 0;
    while (row < n_rows) {
        Run run = next_run(&reader, 1);
        int64_t count = run.count < n_rows - row ? run.count : n_rows - row;
        if (reader.broken || count == 0 || run.value > 1) return -1;
        if (run.packed == NULL && count == n_rows) return run.value ? n_rows : 0; /* as it mostly is */
        for (int64_t i = 0; i < count; i++, row++) {
            uint32_t level = run.packed ? run.packed[i >> 3] >> (i & 7) & 1 : run.value;
            validity[row >> 3] |= (uint8_t)(level << (row & 7));
            n_valid += level;
        }
    }
    return n_valid;
}

/* The first values, of the rows that are not missing, moved to their rows; the others become 0. */
static void spread(int32_t *values, int64_t n_rows, int64_t n_valid, const uint8_t *validity) {
    for (int64_t row = n_rows - 1; row >= 0; row--) values[row] = is_valid(validity, row) ? values[--n_valid] : 0;
}

/* A page of text, decompressed: where its values lie or their codes, and their hashes.
 *
 * levels: the definition levels; without bytes of their own (NULL) they come before the values, with their length, if
 * `optional`, and otherwise there are none: no row is missing.
 * values: from their places on, and of codes, from the width on.
 * n_codes: how many values the dictionary has; -1: the values are in the page themselves.
 * begins: the codes, or, with `ends`, the places, counted from *skipped on; n_rows of them, 0 of a missing one. validity:
 * a bitmap that comes all 0, and means nothing if no row is missing. hashes: of values that are in the page themselves,
 * that of a missing row is `seed`.
 * Returns how many rows are not missing; -1: it is no such page, or its text is not UTF-8. */
EXPORT int64_t read_text_page(const uint8_t *levels, int64_t n_levels, const uint8_t *values, int64_t n_bytes,
                              int32_t optional, int64_t n_rows, int64_t n_codes, uint64_t seed, int32_t *begins,
                              int32_t *ends, uint8_t *validity, uint64_t *hashes, int64_t *skipped) {
    const uint8_t *page = values;
    int64_t n_valid = n_rows;
    if (optional) {
        if (levels == NULL) {
            if (n_bytes < 4 || (n_levels = load_32(values)) > n_bytes - 4) return -1;
            levels = values + 4;
            values += 4 + n_levels;
            n_bytes -= 4 + n_levels;
        }
        n_valid = read_levels(levels, n_levels, n_rows, validity);
        if (n_valid < 0) return -1;
    }
    *skipped = values - page;
    const uint8_t *there = n_valid == n_rows ? NULL : validity;
    if (n_codes >= 0) {
        if (n_valid > 0) {
            if (n_bytes == 0 || values[0] > 32) return -1;
            if (!read_codes(values + 1, n_bytes - 1, values[0], n_valid, n_codes, begins)) return -1;
        }
        if (there) spread(begins, n_rows, n_valid, there);
        return n_valid;
    }
    if (find_prefixed_text(values, n_bytes, n_valid, begins, ends) < n_valid) return -1;
    if (first_invalid_text_32(begins, ends, n_valid, values, n_bytes, NULL, 0) != -1) return -1;
    if (there) spread(begins, n_rows, n_valid, there);
    if (there) spread(ends, n_rows, n_valid, there);
    hash_text_from_32(begins, ends, n_rows, values, n_bytes, there, 0, seed, hashes);
    return n_valid;
}
