/* The inner loop of fuzz_requests.py: requests of a corpus, changed at random, read by the kernel as it is compiled
 * here (with sanitizers). Body and results lie in memory of exactly their size, so that a byte too many is found. */

#include "../service/kernels/request.c"

enum { LONGEST = 1 << 16 };

/* Of an answer: the body, its length, the rows and their probabilities; false: stop. */
typedef int32_t Judge(const uint8_t *body, int64_t n_bytes, int64_t n_rows, const double *probabilities);

static const char *const TOKENS[] = {
    "{", "}", "[", "]", ",", ":", "/", "\"", "\\", "\\u0061", "\\n", "\\ud83d\\udeeb", "\\ud83d", "\\udeeb",
    "null", "true", "false", "0", "-", "-0", ".", ".0", "e", "e5", "E-3", "1e999", "e18446744073709551616",
    "123456789012345678", "9223372036854775808", "99999999999999999999999999999999999999999999999",
    "0.30000000000000004", "2.5e-324", " ", "\n", "\r", "\r\n", "\t", "\x1f", "\x7f", "\x80", "\xc3", "\xc3\xa9",
    "\xed\xa0\x80", "\xf0\x9f\x9b\xab", "\xef\xbb\xbf", "\"\"", "[]", "{}", "{},", "\"x\":", "\"x\":1,",
    "\"instances\"", "\"x\":[{\"y\":[1,\"\\n\",null]}],", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "{\"a\":{\"a\":{\"a\":",
};

static uint64_t next(uint64_t *chance) {
    *chance ^= *chance << 13;
    *chance ^= *chance >> 7;
    *chance ^= *chance << 17;
    return *chance * UINT64_C(2685821657736338717) >> 16;
}

static int64_t below(uint64_t *chance, int64_t bound) { return (int64_t)(next(chance) % (uint64_t)bound); }

/* Put `n_put` bytes in the place of those from begin to end; the new length. */
static int64_t replace(uint8_t *body, int64_t length, int64_t begin, int64_t end, const uint8_t *put, int64_t n_put) {
    if (length - (end - begin) + n_put > LONGEST) return length;
    memmove(body + begin + n_put, body + end, (size_t)(length - end));
    memcpy(body + begin, put, (size_t)n_put);
    return length - (end - begin) + n_put;
}

static int64_t change(uint8_t *body, int64_t length, uint64_t *chance) {
    static uint8_t piece[LONGEST];
    int64_t begin = below(chance, length + 1), n_piece = below(chance, below(chance, 4) ? 9 : length + 1);
    if (n_piece > length - begin) n_piece = length - begin;
    const char *token = TOKENS[below(chance, sizeof TOKENS / sizeof *TOKENS)];
    switch (below(chance, 6)) {
        case 0:
            return replace(body, length, begin, begin + n_piece, piece, 0);
        case 1: /* the piece once more, anywhere */
            memcpy(piece, body + begin, (size_t)n_piece);
            begin = below(chance, length + 1);
            return replace(body, length, begin, begin, piece, n_piece);
        case 2:
            return replace(body, length, begin, begin, (const uint8_t *)token, (int64_t)strlen(token));
        case 3:
            return replace(body, length, begin, begin + n_piece, (const uint8_t *)token, (int64_t)strlen(token));
        case 4: /* shorter by its end */
            return begin;
        default:
            if (begin < length) body[begin] = (uint8_t)next(chance);
            return length;
    }
}

/* `rounds` requests; returns how many were answered, or -1: the judge said stop. */
EXPORT int64_t fuzz(const Plan *plan, const uint8_t *const *bodies, const int64_t *lengths, int64_t n_bodies,
                    int32_t by_lines, uint64_t seed, int64_t rounds, Judge *judge) {
    static uint8_t body[LONGEST];
    uint64_t chance = seed * 2 + 1;
    int64_t answered = 0;
    for (int64_t round = 0; round < rounds; round++) {
        int64_t chosen = below(&chance, n_bodies), length = lengths[chosen], most = 1 + below(&chance, 12);
        memcpy(body, bodies[chosen], (size_t)length);
        for (int64_t changes = below(&chance, 5); changes > 0; changes--) length = change(body, length, &chance);
        uint8_t *exact = malloc((size_t)length + 1);
        double *probabilities = malloc((size_t)most * sizeof *probabilities);
        memcpy(exact, body, (size_t)length);
        exact[length] = 0;
        int64_t n_rows = predict_request(plan, exact, length, by_lines, most, probabilities);
        bool go_on = n_rows <= most;
        if (n_rows > 0 && go_on) {
            answered++;
            go_on = judge(exact, length, n_rows, probabilities);
        }
        free(exact);
        free(probabilities);
        if (!go_on) return -1;
    }
    return answered;
}
