/* From the bytes of a request to the probability of each of its rows, with nothing in between: no value becomes an
 * object, and a string is hashed where it lies. What is not surely valid is not answered: the caller then asks the
 * path that explains (service/core/documents.py), and where there is an answer here, it is that path's to the bit. */

#include "json.h"

enum {
    SPACE = 16384, /* bytes for the decoded text of one row */
    BATCH = 8      /* rows between looking their weights up and adding them: by then, those in no cache have come */
};

enum { STRING, INTEGER, BOOLEAN, EDGES, LOG2 };

/* Mirrored by service/kernels/requests.py, as is Plan. */
typedef struct {
    const uint8_t *key; /* the name and a closing quote, as they stand in a request; at least 8 bytes can be read */
    int64_t key_length;
    uint64_t seed;       /* the hash of the name, and of a missing value */
    const double *edges; /* of EDGES, ascending */
    int64_t n_edges;
    int32_t kind;
    int32_t required;
    int32_t plain; /* whether the key can be looked for as it is: it has nothing that JSON must escape */
    int32_t unused;
} Field;

/* What a schema and its weights come to. It is only read, by any number of threads. */
typedef struct {
    const Field *fields; /* in the order of their slots */
    int64_t n_fields;
    const int32_t *table; /* open addressing by `seed`: the index of a field, or -1 */
    uint64_t table_mask;
    const int32_t *members; /* of all crosses, one after the other: indices of fields */
    const int64_t *ends;    /* where each cross ends among the members */
    int64_t n_crosses;
    const float *weights; /* mask + 1 of them, and the intercept */
    uint64_t mask;
} Plan;

typedef struct {
    Text text;   /* canonical; `bytes` is NULL where the value is missing */
    int64_t row; /* which has a value here; those of other rows are remains */
} Value;

typedef struct {
    const Plan *plan;
    Json json;
    Value *values;     /* of the row that is read, by field */
    int32_t *follower; /* by field, the one that came after it in an earlier row; last, the one that came first */
    uint64_t *hashes;  /* of one row, by field */
    uint32_t *buckets; /* shape (BATCH, n_slots) */
    int64_t n_slots;
    double *probabilities;
    int64_t n_rows, most;
} Work;

/* Keys. */

static inline bool stands_here(const Field *field, const uint8_t *at, const uint8_t *end) {
    int64_t length = field->key_length;
    if (!field->plain || end - at < (length > 8 ? length : 8)) return false;
    uint64_t different = load_64(at) ^ load_64(field->key);
    if (length <= 8) return different << (64 - 8 * length) == 0;
    return different == 0 && memcmp(at + 8, field->key + 8, (size_t)length - 8) == 0;
}

/* The index of the field of that name, or -1. */
static int32_t find_field(const Plan *plan, Text name) {
    uint64_t hash = xxh64(name.bytes, name.length, 42);
    for (uint64_t place = hash;; place++) {
        int32_t index = plan->table[place & plan->table_mask];
        if (index < 0) return -1;
        const Field *field = &plan->fields[index];
        if (field->seed != hash || (size_t)field->key_length - 1 != name.length) continue;
        if (memcmp(field->key, name.bytes, name.length) == 0) return index;
    }
}

/* A key, from behind its opening quote; `field` becomes its field, or -1. `last` is the field before it in this row:
 * clients write one row as the other, so what followed that one in an earlier row is looked for first. */
static inline const uint8_t *read_key(Work *work, const uint8_t *at, int32_t *last, int32_t *field) {
    int32_t guess = work->follower[*last];
    const Field *expected = &work->plan->fields[guess];
    if (stands_here(expected, at, work->json.end)) {
        *last = *field = guess;
        return at + expected->key_length;
    }
    Text name;
    uint8_t *space = work->json.space;
    at = read_string(&work->json, at, &name);
    if (at == NULL) return NULL;
    *field = find_field(work->plan, name);
    work->json.space = space;
    if (*field >= 0) *last = work->follower[*last] = *field;
    return at;
}

/* Values: each read_* gives the canonical text that the value is hashed by, as service/core/bucketer.py has it. */

static const uint8_t *read_integer(const uint8_t *at, Text *text) {
    Number number;
    at = read_number(at, &number);
    if (at == NULL || !fits_int64(&number)) return NULL;
    bool signed_zero = number.negative && number.significant == 0;
    *text = (Text){number.bytes + signed_zero, number.length - signed_zero};
    return at;
}

static const uint8_t *read_boolean(const uint8_t *at, Text *text) {
    const uint8_t *first = at;
    at = skip_word(at, *at == 't' ? "true" : "false");
    if (at != NULL) *text = (Text){first, (size_t)(at - first)};
    return at;
}

/* The bin of a number, as features.bin_index has it. */
static int64_t bin_of(const Field *field, double value) {
    if (field->kind == EDGES) {
        int64_t low = 0, high = field->n_edges;
        while (low < high) {
            int64_t middle = low + (high - low) / 2;
            if (value < field->edges[middle]) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        return low;
    }
    int exponent;
    if (fabs(value) < 1.0) return 0;
    frexp(value, &exponent);
    return value > 0 ? exponent : -exponent;
}

static const uint8_t *read_binned(Json *json, const Field *field, const uint8_t *at, Text *text) {
    Number number;
    double value;
    at = read_number(at, &number);
    if (at == NULL || json->full - json->space < 20 || !nearest_double(&number, &value)) return NULL;
    *text = (Text){json->space, write_decimal(bin_of(field, value), json->space)};
    json->space += text->length;
    return at;
}

static inline const uint8_t *read_value(Json *json, const Field *field, const uint8_t *at, Text *text) {
    if (*at == 'n') {
        *text = (Text){NULL, 0};
        return skip_word(at, "null");
    }
    switch (field->kind) {
        case STRING:
            return *at == '"' ? read_string(json, at + 1, text) : NULL;
        case INTEGER:
            return read_integer(at, text);
        case BOOLEAN:
            return read_boolean(at, text);
        default:
            return read_binned(json, field, at, text);
    }
}

/* Rows. */

/* The values of one object, which begins at `at`. Of equal keys the last counts, and all must be valid. */
static const uint8_t *read_row(Work *work, const uint8_t *at, uint8_t *space) {
    Json *json = &work->json;
    int32_t last = (int32_t)work->plan->n_fields, field;
    json->space = space;
    if (*at != '{') return NULL;
    at = skip_space(json, at + 1);
    if (*at == '}') return at + 1;
    for (;;) {
        if (*at != '"') return NULL;
        at = read_key(work, at + 1, &last, &field);
        if (at == NULL) return NULL;
        at = skip_space(json, at);
        if (*at != ':') return NULL;
        at = skip_space(json, at + 1);
        if (field < 0) {
            at = skip_value(json, at);
        } else {
            Value *value = &work->values[field];
            value->row = work->n_rows;
            at = read_value(json, &work->plan->fields[field], at, &value->text);
        }
        if (at == NULL) return NULL;
        at = skip_space(json, at);
        if (*at == '}') return at + 1;
        if (*at != ',') return NULL;
        at = skip_space(json, at + 1);
    }
}

/* The buckets of the row that was read, whose weights are sent for; false: a required field is absent. */
static bool find_buckets(Work *work) {
    const Plan *plan = work->plan;
    uint32_t *buckets = work->buckets + work->n_rows % BATCH * work->n_slots;
    for (int64_t index = 0; index < plan->n_fields; index++) {
        const Field *field = &plan->fields[index];
        Value *value = &work->values[index];
        if (value->row != work->n_rows) {
            if (field->required) return false;
            value->text.bytes = NULL;
        }
        uint64_t hash = field->seed;
        if (value->text.bytes) hash = xxh64(value->text.bytes, value->text.length, hash);
        work->hashes[index] = hash;
        *buckets++ = (uint32_t)(hash & plan->mask);
        PREFETCH(&plan->weights[hash & plan->mask]);
    }
    const int32_t *member = plan->members;
    for (int64_t cross = 0; cross < plan->n_crosses; cross++) {
        uint64_t hash = work->hashes[*member++];
        for (; member < plan->members + plan->ends[cross]; member++) {
            const Field *field = &plan->fields[*member];
            const Text *text = &work->values[*member].text;
            hash = xxh64(field->key, (size_t)field->key_length - 1, hash);
            if (text->bytes) hash = xxh64(text->bytes, text->length, hash);
        }
        *buckets++ = (uint32_t)(hash & plan->mask);
        PREFETCH(&plan->weights[hash & plan->mask]);
    }
    return true;
}

/* Probabilities of the rows since the last batch: the sum runs as in service/core/model.py. */
static void score_batch(const Work *work) {
    const float *weights = work->plan->weights;
    const uint32_t *bucket = work->buckets;
    for (int64_t row = (work->n_rows - 1) / BATCH * BATCH; row < work->n_rows; row++) {
        double logit = (double)weights[work->plan->mask + 1];
        for (int64_t slot = 0; slot < work->n_slots; slot++) logit += (double)weights[*bucket++];
        work->probabilities[row] = sigmoid(logit);
    }
}

static const uint8_t *take_row(Work *work, const uint8_t *at, uint8_t *space) {
    if (work->n_rows == work->most) return NULL;
    at = read_row(work, at, space);
    if (at == NULL || !find_buckets(work)) return NULL;
    work->n_rows++;
    if (work->n_rows % BATCH == 0) score_batch(work);
    return at;
}

/* {"instances": [row, ...]}, and nothing beside it. */
static bool take_document(Work *work, const uint8_t *at, uint8_t *space) {
    Json *json = &work->json;
    at = skip_space(json, at);
    if (*at != '{') return false;
    at = skip_word(skip_space(json, at + 1), "\"instances\"");
    if (at == NULL) return false;
    at = skip_space(json, at);
    if (*at != ':') return false;
    at = skip_space(json, at + 1);
    if (*at != '[') return false;
    do {
        at = take_row(work, skip_space(json, at + 1), space);
        if (at == NULL) return false;
        at = skip_space(json, at);
    } while (*at == ',');
    if (*at != ']') return false;
    at = skip_space(json, at + 1);
    return *at == '}' && skip_space(json, at + 1) == json->end;
}

static const uint8_t *skip_blanks(const uint8_t *at) {
    while (*at == ' ' || *at == '\t') at++;
    return at;
}

/* A row a line. Lines end in \n or \r\n, of which the last may lack; a line with nothing in it is passed over. */
static bool take_lines(Work *work, const uint8_t *at, uint8_t *space) {
    Json *json = &work->json;
    while (at < json->end) {
        if (*at != '\r' && *at != '\n') {
            json->broke = false;
            at = take_row(work, skip_blanks(at), space);
            if (at == NULL || json->broke) return false;
            at = skip_blanks(at);
        }
        if (*at == '\r') at++;
        if (*at == '\n') {
            at++;
        } else if (at != json->end) {
            return false;
        }
    }
    return true;
}

/* The probability of each row of a request, at most `most` of them, written to `probabilities`; how many rows there
 * are, or -1: not sure. `body` is followed by a byte that is 0. Allocates once, by the number of fields and slots. */
EXPORT int64_t predict_request(const Plan *plan, const uint8_t *body, int64_t n_bytes, int32_t by_lines, int64_t most,
                               double *probabilities) {
    uint8_t space[SPACE];
    size_t n_fields = (size_t)plan->n_fields, n_slots = n_fields + (size_t)plan->n_crosses;
    Work work = {.plan = plan,
                 .json = {.end = body + n_bytes, .full = space + SPACE},
                 .n_slots = (int64_t)n_slots,
                 .probabilities = probabilities,
                 .most = most};
    size_t a_field = sizeof *work.values + sizeof *work.hashes + sizeof *work.follower;
    uint8_t *memory = malloc(n_fields * a_field + sizeof *work.follower + BATCH * n_slots * sizeof *work.buckets);
    if (memory == NULL) return -1;
    work.values = (Value *)memory;
    work.hashes = (uint64_t *)(work.values + n_fields);
    work.follower = (int32_t *)(work.hashes + n_fields);
    work.buckets = (uint32_t *)(work.follower + n_fields + 1);
    for (size_t field = 0; field < n_fields; field++) {
        work.values[field].row = -1;
        work.follower[field] = (int32_t)((field + 1) % n_fields);
    }
    work.follower[n_fields] = 0;
    bool sure = by_lines ? take_lines(&work, body, space) : take_document(&work, body, space);
    if (sure && work.n_rows % BATCH) score_batch(&work);
    free(memory);
    return sure && work.n_rows > 0 ? work.n_rows : -1;
}
