"""NDJSON, CSV and Arrow that are none, or that the model does not expect."""

import io
import json
from functools import cache

import pyarrow as pa
from corpus import GOOD, JSON, MAX_BODY_BYTES, MAX_ROWS, entries

LINE = json.dumps(GOOD).encode()
HEADER = ",".join(GOOD).encode() + b"\n"
ROW = b"UA,1545,N14228,EWR,IAH,17,11,2,39.0,62.0,0.0,10.0\n"

ARROW = "application/vnd.apache.arrow.stream"

NDJSON_MALFORMED = {
    "half a line": LINE[:-1],
    "a bad line behind a good one": LINE + b"\n{\n",
    "two documents in a line": LINE + LINE + b"\n",
    "a byte order mark": b"\xef\xbb\xbf" + LINE,
    "UTF-16": LINE.decode().encode("utf-16"),
    "NaN": LINE.replace(b"39.0", b"NaN"),
    "nested 100,000 deep": b"[" * 100_000,
    "old line ends": LINE + b"\r" + LINE + b"\r",
}

NDJSON_INVALID = {
    "a line of null": b"null\n",
    "an array": b"[" + LINE + b"]",
    "a document of JSON": b'{"instances":[' + LINE + b"]}",
    "the second line is wrong": LINE + b"\n" + LINE.replace(b"1545", b'"1545"'),
}

CSV_MALFORMED = {
    "nothing": b"",
    "a header without its end": HEADER[:-1],
    "a quote that is never closed": HEADER + b'"' + ROW,
    "a quote that is never closed, 4 MB": lambda: HEADER + b'"' + b'x,"",' * 800_000,
    "4 MB of quotes": lambda: HEADER + b'"' * (4_000_001 - len(HEADER) % 2),
    "a field too many": HEADER + ROW[:-1] + b",1\n",
    "a field too few": HEADER + ROW.rsplit(b",", 1)[0] + b"\n",
    "10^6 columns": lambda: b",".join([b"c"] * 1_000_000) + b"\n",
    "10^6 fields in a row": lambda: HEADER + b"," * 1_000_000 + b"\n",
    "a header of other bytes": b"\xff\xfe," + HEADER + b"x," + ROW,
    "UTF-16": lambda: (HEADER + ROW).decode().encode("utf-16"),
}

CSV_INVALID = {
    "no column of the model's": b"a,b\n1,2\n",
    "NULs alone": lambda: bytes(100_000) + b"\n",
    "a column twice": b"carrier," + HEADER + b"UA," + ROW,
    "a NUL in an integer": HEADER + ROW.replace(b"1545", b"15\x0045"),
    "a float for an integer": HEADER + ROW.replace(b"1545", b"1545.0"),
    "an integer with a space": HEADER + ROW.replace(b"1545", b" 1545"),
    "an integer of 5,000 digits": HEADER + ROW.replace(b"1545", b"7" * 5_000),
    "NaN": HEADER + ROW.replace(b"39.0", b"NaN"),
    "1e999": HEADER + ROW.replace(b"39.0", b"1e999"),
    "a number of other digits": HEADER + ROW.replace(b"39.0", "٣٩".encode()),
    "text of other bytes": HEADER + ROW.replace(b"N14228", b"\xff\xfe"),
    "a surrogate in UTF-8": HEADER + ROW.replace(b"N14228", b"\xed\xa0\x80"),
    "semicolons": (HEADER + ROW).replace(b",", b";"),
}


@cache
def stream(*, compression=None, rows=3, **changed) -> bytes:
    """An Arrow stream of good rows, some of whose columns are others."""
    columns = {name: pa.array([value] * rows) for name, value in GOOD.items()}
    columns.update({name: column() for name, column in changed.items()})
    table, sink = pa.table(columns), io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    return sink.getvalue()


def file() -> bytes:
    """Arrow's file, which is not its stream."""
    table, sink = pa.table({name: [value] for name, value in GOOD.items()}), io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def altered(place: int, data: bytes):
    """The stream with other bytes in a place."""
    return lambda: stream()[:place] + data + stream()[place + len(data) :]


END_BYTES = 8
"""The end of a stream is told by these, or by its end."""

CUTS = 24


def cut(part: int):
    """The stream's first ``part`` of so many."""
    return lambda: stream()[: (len(stream()) - END_BYTES) * part // CUTS - 1]


ARROW_MALFORMED = {
    "nothing": b"",
    "zeros": bytes(10_000),
    "ones": b"\xff" * 10_000,
    "a file, not a stream": file,
    "a schema of 2 GB": b"\xff\xff\xff\xff\xff\xff\xff\x7f" + bytes(64),
    "a schema of a negative length": b"\xff\xff\xff\xff\xff\xff\xff\xff" + bytes(64),
    "a schema that points outside": altered(8, b"\xff\xff\xff\x7f"),
    "a schema that is none": altered(8, bytes(64)),
    **{f"cut after {part}/{CUTS}": cut(part) for part in range(1, CUTS + 1)},
}

ARROW_INVALID = {
    "a field without a column": lambda: stream().replace(b"flight", b"flugzg"),
    "text for an integer": lambda: stream(flight=lambda: pa.array(["1"] * 3)),
    "doubles for an integer": lambda: stream(flight=lambda: pa.array([1.0] * 3)),
    "an integer for text": lambda: stream(carrier=lambda: pa.array([1] * 3)),
    "NaN": lambda: stream(temp=lambda: pa.array([1.0, float("nan"), 2.0])),
    "an infinity": lambda: stream(temp=lambda: pa.array([1.0, float("inf"), 2.0])),
    "a list": lambda: stream(carrier=lambda: pa.array([["UA"]] * 3)),
    "a time": lambda: stream(temp=lambda: pa.array([1] * 3, pa.timestamp("s"))),
    "2^63 in an integer": lambda: stream(flight=lambda: pa.array([2**63] * 3, pa.uint64())),
    "text that is not UTF-8": lambda: stream(tailnum=lambda: pa.array([b"\xff\xfe"] * 3).view(pa.utf8())),
}

ENTRIES = [
    *entries("ndjson", 400, NDJSON_MALFORMED, content_type="application/x-ndjson"),
    *entries("ndjson", 422, NDJSON_INVALID, content_type="application/x-ndjson"),
    *entries(
        "ndjson", 413, {"a row too many": lambda: b"{}\n" * (MAX_ROWS + 1)}, content_type="application/x-ndjson"
    ),
    *entries("csv", 400, CSV_MALFORMED, content_type="text/csv"),
    *entries("csv", 422, CSV_INVALID, content_type="text/csv"),
    *entries(
        "csv",
        413,
        {
            "a row too many": lambda: HEADER + ROW * (MAX_ROWS + 1),
            "a byte too long": lambda: (HEADER + ROW).ljust(MAX_BODY_BYTES + 1),
        },
        content_type="text/csv",
    ),
    *entries("csv", 415, {"in latin-1, as it says": HEADER + ROW}, content_type="text/csv; charset=latin-1"),
    *entries("arrow", 400, ARROW_MALFORMED, content_type=ARROW),
    *entries("arrow", 422, ARROW_INVALID, content_type=ARROW),
    *entries("arrow", 413, {"a row too many": lambda: stream(rows=MAX_ROWS + 1)}, content_type=ARROW),
    *entries(
        "arrow",
        415,
        {f"compressed, {name}": lambda name=name: stream(rows=1_000, compression=name) for name in ("lz4", "zstd")},
        content_type=ARROW,
    ),
    *entries("arrow", 400, {"and it says it is JSON": lambda: stream()}, content_type=JSON),
    *entries("arrow", 400, {"JSON, and it says it is this": LINE}, content_type=ARROW),
    *entries("csv", 422, {"JSON, and it says it is this": LINE + b"\n"}, content_type="text/csv"),
]
