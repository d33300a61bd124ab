"""``POST /predict``, described."""

from __future__ import annotations

from service.web.descriptions.family import PROBABILITIES, PROBLEM, TEXT, Family, Fragment, example, record, reference
from service.web.formats import arrow, csv, json, ndjson

_VERSION_HEADERS: Fragment = {
    "Andon-Model": {"description": "The model that answered, unless the body says it.", "schema": TEXT},
    "Andon-Version": {"description": "Its version, unless the body says it.", "schema": TEXT},
}

PREDICT: Fragment = {
    "operationId": "predict",
    "summary": "The probability of each row",
    "description": (
        "Rows in any of four formats, told by `Content-Type`; the answer is in the same one, or in the one that "
        "`Accept` prefers. The same rows get the same doubles in every format. An integer is written without a "
        "fraction: `7.0` is none. Keys and columns that the model does not use are ignored."
    ),
    "requestBody": {
        "required": True,
        "content": {
            json.FORMAT.media_type: {"schema": reference("Request"), "examples": example("JsonRequest")},
            ndjson.FORMAT.media_type: {
                "schema": {"type": "string", "description": "One `Instance` a line, each of it JSON."},
                "examples": example("NdjsonRequest"),
            },
            csv.FORMAT.media_type: {
                "schema": {"type": "string", "description": "A line with the fields' names, then a row a line."},
                "examples": example("CsvRequest"),
            },
            arrow.FORMAT.media_type: {
                "schema": {"description": "An Arrow IPC stream, uncompressed, with a column for each field."}
            },
        },
    },
    "responses": {
        "200": {
            "description": "One probability for each row, in the order of the rows.",
            "headers": _VERSION_HEADERS,
            "content": {
                json.FORMAT.media_type: {"schema": reference("Predictions"), "examples": example("JsonAnswer")},
                ndjson.FORMAT.media_type: {
                    "schema": {"type": "string", "description": '`{"probability": p}` a line.'},
                    "examples": example("NdjsonAnswer"),
                },
                csv.FORMAT.media_type: {
                    "schema": {"type": "string", "description": "The line `probability`, then one a line."},
                    "examples": example("CsvAnswer"),
                },
                arrow.FORMAT.media_type: {
                    "schema": {"description": "An Arrow IPC stream with one column of doubles, `probability`."}
                },
            },
        },
        **PROBLEM(
            {
                400: "The body is not of its format, or breaks off.",
                406: "`Accept` names none of the formats.",
                408: "The request did not arrive in time.",
                413: "The body is longer, or has more rows, than the service takes.",
                415: "The content type is none of the formats, or the body is encoded or compressed.",
                422: "Of its format, but not what the model expects; `errors` lists the values that are wrong.",
                503: "There is no verified model.",
            }
        ),
    },
}

PREDICTION = Family(
    name="Prediction",
    about="Probabilities for rows.",
    failures=PROBLEM,
    paths={"/predict": {"post": PREDICT}},
    schemas={
        "Predictions": record({"predictions": PROBABILITIES, "model": TEXT, "version": TEXT}),
    },
)
