"""JSON that is none, and JSON that the model does not expect."""

import gzip
import json

from corpus import GOOD, JSON, MAX_BODY_BYTES, MAX_ROWS, entries

TEXT = json.dumps({"instances": [GOOD]})


def row(**changed):
    """A request of one row with some of its fields changed."""
    return json.dumps({"instances": [{**GOOD, **changed}]}).encode()


def without(name):
    """A request of one row without a field."""
    return json.dumps({"instances": [{key: value for key, value in GOOD.items() if key != name}]}).encode()


def put(old, new):
    """The good request with another text in one place."""
    assert TEXT.count(old) == 1, old
    return TEXT.replace(old, new).encode()


MALFORMED = {
    "no body": b"",
    "white space alone": b" \t\r\n ",
    "a truncated document": TEXT[:-2].encode(),
    "truncated within a string": TEXT[: TEXT.index("N14228") + 3].encode(),
    "garbage behind it": TEXT.encode() + b"x",
    "two documents": TEXT.encode() * 2,
    "a trailing comma": put("}]}", "},]}"),
    "single quotes": TEXT.replace('"', "'").encode(),
    "a comment": b"/**/" + TEXT.encode(),
    "a key without quotes": put('"hour"', "hour"),
    "True of Python": put("1545", "True"),
    "NaN": put("39.0", "NaN"),
    "Infinity": put("39.0", "-Infinity"),
    "1e999": put("39.0", "1e999"),
    "an integer of 5,000 digits": put("1545", "7" * 5_000),
    "a number with a leading zero": put("1545", "01545"),
    "a hexadecimal number": put("1545", "0x609"),
    "a lone high surrogate": put("N14228", "\\ud800"),
    "a lone low surrogate": put("N14228", "\\udc00"),
    "surrogates in the wrong order": put("N14228", "\\udc00\\ud800"),
    "a surrogate in UTF-8": TEXT.encode().replace(b"N14228", b"\xed\xa0\x80"),
    "bytes that are not UTF-8": TEXT.encode().replace(b"N14228", b"\xff\xfe"),
    "an overlong form": TEXT.encode().replace(b"N14228", b"\xc0\x80"),
    "latin-1": TEXT.encode().replace(b"N14228", "Zürich".encode("latin-1")),
    "a byte order mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "UTF-16": TEXT.encode("utf-16"),
    "UTF-16 without a mark": TEXT.encode("utf-16-be"),
    "UTF-32": TEXT.encode("utf-32"),
    "a NUL before it": b"\0" + TEXT.encode(),
    "a control character in a string": TEXT.encode().replace(b"N14228", b"a\nb"),
    "an unknown escape": put("N14228", "\\x41"),
    "nested 100,000 deep": b"[" * 100_000,
    "nested 100,000 deep, and closed": b"[" * 100_000 + b"]" * 100_000,
    "objects nested 100,000 deep": b'{"instances":' * 100_000,
    "nested 100,000 deep in a field": put('"N14228"', "[" * 100_000 + "]" * 100_000),
    "compressed, and it does not say so": gzip.compress(TEXT.encode(), mtime=0),
    "a form": b"instances=1",
    "CSV, and it says it is JSON": b"carrier,flight\nUA,1545\n",
}

INVALID = {
    "null": b"null",
    "an array": b"[]",
    "a string": b'"instances"',
    "no instances": b"{}",
    "a key beside instances": b'{"signature_name":"x",' + TEXT[1:].encode(),
    "100,000 keys": lambda: json.dumps({f"k{number}": 0 for number in range(100_000)}).encode(),
    "instances null": b'{"instances":null}',
    "instances an object": b'{"instances":{}}',
    "instances empty": b'{"instances":[]}',
    "an instance null": b'{"instances":[null]}',
    "an instance an array": b'{"instances":[[1]]}',
    "an empty instance": b'{"instances":[{}]}',
    "a field absent": without("flight"),
    "a field of another case": TEXT.replace('"hour"', '"Hour"').encode(),
    "a string for an integer": row(flight="1545"),
    "a boolean for an integer": row(flight=True),
    "7.0 for an integer": row(flight=7.0),
    "2^63 for an integer": row(flight=2**63),
    "2^64 for an integer": row(flight=2**64),
    "an integer for a string": row(carrier=7),
    "an array for a string": row(carrier=["UA"]),
    "an object for a string": row(carrier={"UA": "UA"}),
    "a string for a number": row(temp="39"),
    "NaN as a string": row(temp="NaN"),
    "a boolean for a number": row(temp=False),
    "900 deep for a number": put("39.0", "[" * 900 + "]" * 900),
    "of equal keys the last is wrong": put('"flight": 1545', '"flight": 1545, "flight": "x"'),
    "of equal instances the last is wrong": TEXT[:-1].encode() + b',"instances":7}',
    "5,000 wrong rows": lambda: json.dumps({"instances": [{"carrier": 7}] * 5_000}).encode(),
}

TOO_MUCH = {
    "a row too many": lambda: json.dumps({"instances": [GOOD] * (MAX_ROWS + 1)}).encode()[:MAX_BODY_BYTES],
    "100,000 empty rows": b'{"instances":[' + b"{}," * 99_999 + b"{}]}",
    "a byte too long": lambda: TEXT.encode().ljust(MAX_BODY_BYTES + 1),
}

TYPES = {
    "no content type": None,
    "text": "text/plain",
    "a form": "application/x-www-form-urlencoded",
    "a multipart form": "multipart/form-data; boundary=x",
    "octets": "application/octet-stream",
    "any": "*/*",
    "no type at all": ";;;",
    "a long one": "application/" + "x" * 4_000,
    "latin-1": f"{JSON}; charset=latin-1",
    "UTF-16": f"{JSON}; charset=utf-16",
    "a charset that there is not": f"{JSON}; charset=klingon",
}

ENCODINGS = {
    "gzip": ("gzip", lambda: gzip.compress(TEXT.encode(), mtime=0)),
    "gzip that it is not": ("gzip", TEXT.encode()),
    "a gzip bomb of 100 MB": ("gzip", lambda: gzip.compress(bytes(10**6), mtime=0) * 100),
    "two of them": ("gzip, gzip", b"x"),
    "brotli": ("br", b"x"),
    "zstd": ("zstd", b"x"),
    "one that there is not": ("klingon", TEXT.encode()),
}

ENTRIES = [
    *entries("json", 400, MALFORMED),
    *entries("json", 422, INVALID),
    *entries("json", 413, TOO_MUCH),
    *entries(
        "json", 415, {f"type, {name}": {"content_type": given} for name, given in TYPES.items()}, body=TEXT.encode()
    ),
    *entries(
        "json",
        415,
        {
            f"encoding, {name}": {"headers": (f"Content-Encoding: {encoding}",), "body": body}
            for name, (encoding, body) in ENCODINGS.items()
        },
    ),
    *entries("json", 406, {"an answer that it can't give": {"headers": ("Accept: text/html",), "body": TEXT.encode()}}),
]
