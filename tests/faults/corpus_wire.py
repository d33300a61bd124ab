"""What is hardly HTTP: lines, headers, lengths and chunks."""

from corpus import MAX_BODY_BYTES, chunks, entries
from corpus_json import TEXT

BODY = TEXT.encode()
HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
GET = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"
MOVED = b"GET /predict/metrics HTTP/1.1\r\nSCRIPT_NAME: /predict"
SMUGGLED = b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n"


def stated(length):
    """A request whose head states this length."""
    return HEAD + b"Connection: close\r\nContent-Length: " + length + b"\r\n\r\n" + BODY


def coded(coding, body=None, also=b""):
    """A request with this transfer coding."""
    body = chunks(BODY) if body is None else body
    return HEAD + also + b"Connection: close\r\nTransfer-Encoding: " + coding + b"\r\n\r\n" + body


def line(text):
    """A request with this line."""
    return text + b"\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def header(text):
    """A request with this header."""
    return GET + text + b"\r\nConnection: close\r\n\r\n"


CHUNKED = b"Transfer-Encoding: chunked\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)

REQUEST_LINES = {
    "nothing but a word": line(b"GET"),
    "HTTP/0.9": b"GET /health/live\r\n",
    "HTTP/0.9 with a header": line(b"GET /health/live"),
    "HTTP/9.9": line(b"GET /health/live HTTP/9.9"),
    "HTTP/1.x": line(b"GET /health/live HTTP/1.x"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    "a greeting of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n",
    "a greeting of SSH": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "binary": bytes(range(256)) + b"\r\n\r\n",
    "two spaces": line(b"GET  /health/live HTTP/1.1"),
    "a tab": line(b"GET\t/health/live\tHTTP/1.1"),
    "a method with a bracket": line(b"GE(T /health/live HTTP/1.1"),
    "a method in lower case": line(b"get /health/live HTTP/1.1"),
}

HEADERS = {
    "a header without a colon": header(b"X-Nothing"),
    "a header without a name": header(b": x"),
    "a space before the colon": header(b"X-Space : x"),
    "a folded header": header(b"X-Folded: a\r\n b"),
    "a NUL in a header": header(b"X-Nul: a\0b"),
    "a lone carriage return in a header": header(b"X-Return: a\rb"),
    "a bracket in a header's name": header(b"X(Y: a"),
}

LENGTHS = {
    "two lengths that differ": stated(b"5\r\nContent-Length: 6"),
    "two lengths in one header": stated(b"5, 6"),
    "a negative length": stated(b"-1"),
    "a length with a sign": stated(b"+%d" % len(BODY)),
    "a length in hexadecimal": stated(b"0x10"),
    "a length that is no number": stated(b"many"),
    "a length with an underscore": stated(b"1_0"),
    "a length of other digits": stated("١٢".encode()),
    "an empty length": stated(b""),
    "a length and chunks": coded(b"chunked", also=LENGTH),
    "a length and chunks, smuggling": HEAD + b"Content-Length: 4\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + SMUGGLED,
    "chunks and a length, smuggling": HEAD + CHUNKED + b"Content-Length: 6\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunked twice": coded(b"chunked, chunked"),
    "chunked, twice named": coded(b"chunked\r\nTransfer-Encoding: chunked"),
    "chunked and not last": coded(b"chunked, gzip"),
    "a vertical tab before chunked": coded(b"\x0bchunked", also=LENGTH),
    "a transfer coding that there is not": coded(b"xchunked"),
    "gzip as a transfer coding": coded(b"gzip, chunked"),
    "identity as a transfer coding": coded(b"identity", BODY, also=LENGTH),
    "chunks in HTTP/1.0": coded(b"chunked").replace(b"HTTP/1.1", b"HTTP/1.0", 1),
    "an underscore for the hyphen": HEAD + b"Connection: close\r\nTransfer_Encoding: chunked\r\n\r\n" + chunks(BODY),
}

BAD_CHUNKS = {
    "a size that is no number": b"zz\r\nabc\r\n0\r\n\r\n",
    "a negative size": b"-1\r\n\r\n0\r\n\r\n",
    "a size with a sign": b"+3\r\nabc\r\n0\r\n\r\n",
    "a size with 0x": b"0x3\r\nabc\r\n0\r\n\r\n",
    "no size": b"\r\nabc\r\n0\r\n\r\n",
    "a chunk longer than its size": b"3\r\nabcdef\r\n0\r\n\r\n",
    "a chunk without its end": b"3\r\nabc0\r\n\r\n",
    "a bad one behind a good one": b"1\r\n{\r\nzz\r\nabc\r\n",
}

CUT_CHUNKS = {
    "no chunk at all": b"",
    "a size broken off": b"1",
    "a chunk broken off": b"ff\r\nabc",
    "no last chunk": b"1\r\n{\r\n",
    "a size of 200 digits": b"f" * 200 + b"\r\nabc\r\n0\r\n\r\n",
    "a size ended by a bare line feed": b"3\nabc\n0\n\n",
}

ELSEWHERE = {
    "no such path": "/nowhere",
    "another case": "/Predict",
    "a slash behind it": "/predict/",
    "two slashes before it": "//health",
    "two slashes in it": "/health//live",
    "a path above the root": "/../../etc/passwd",
    "the same, encoded": "/%2e%2e/%2e%2e/etc/passwd",
    "a NUL in the path": "/%00",
    "bytes that are not UTF-8": "/%ff%fe",
    "a path of 3,000 letters": "/" + "x" * 3_000,
    "a template": "/{{7*7}}",
    "a script": "/<script>alert(1)</script>",
}

METHODS = {
    f"{method} {path}": {"method": method, "path": path}
    for method, path in [
        *((method, "/predict") for method in ("GET", "PUT", "PATCH", "DELETE", "TRACE", "BREW", "PROPFIND")),
        *(("POST", path) for path in ("/", "/health", "/health/live", "/health/ready")),
        ("DELETE", "/health"),
    ]
}

ENTRIES = [
    *entries("http", 400, {name: {"raw": raw, "ends": True} for name, raw in REQUEST_LINES.items()}),
    *entries("http", 400, {name: {"raw": raw} for name, raw in HEADERS.items()}),
    *entries("http", 400, {name: {"raw": raw, "ends": True} for name, raw in LENGTHS.items()}),
    *entries("http", 400, {f"chunks, {name}": {"raw": coded(b"chunked", body)} for name, body in BAD_CHUNKS.items()}),
    *entries(
        "http",
        400,
        {f"chunks, {name}": {"raw": coded(b"chunked", body), "ends": True} for name, body in CUT_CHUNKS.items()},
    ),
    *entries("http", 400, {"a body shorter than stated": {"raw": stated(b"%d" % (len(BODY) + 1)), "ends": True}}),
    *entries(
        "http",
        413,
        {
            "100 MB are stated": {"headers": ("Content-Length: 100000000",), "body": b"{"},
            "10^30 bytes are stated": {"headers": (f"Content-Length: {10**30}",), "body": b"{"},
            "chunks past the bound": {
                "headers": ("Transfer-Encoding: chunked",),
                "body": lambda: chunks(*[b" " * 2**16] * (MAX_BODY_BYTES // 2**16 + 4)),
            },
            "one chunk past the bound": {
                "headers": ("Transfer-Encoding: chunked",),
                "body": lambda: chunks(b" " * (MAX_BODY_BYTES + 2**16)),
            },
            "100-continue, and 100 MB": {
                "headers": ("Expect: 100-continue", "Content-Length: 100000000"),
                "more": (100,),
            },
        },
    ),
    *entries(
        "http",
        422,
        {"100-continue, and the model does not expect it": {"headers": ("Expect: 100-continue",), "body": b"{}"}},
        more=(100,),
    ),
    *entries("http", 417, {"an expectation that there is not": {"headers": ("Expect: 200-ok",), "body": BODY}}),
    *entries("http", 414, {"a line of 10,000 letters": {"raw": line(b"GET /" + b"x" * 10_000 + b" HTTP/1.1")}}),
    *entries(
        "http",
        431,
        {
            "a header of 100,000 letters": {"raw": header(b"X-Long: " + b"x" * 100_000)},
            "1,000 headers": {"raw": header(b"\r\n".join(b"X-%d: x" % number for number in range(1_000)))},
            "a name of 10,000 letters": {"raw": header(b"x" * 10_000 + b": x")},
        },
    ),
    *entries("http", 404, {name: {"path": path, "method": "GET"} for name, path in ELSEWHERE.items()}),
    *entries("http", 404, {"a request to be a proxy": {"raw": line(b"GET http://169.254.169.254/latest HTTP/1.1")}}),
    *entries("http", 404, {"a request to be a tunnel": {"raw": line(b"CONNECT 169.254.169.254:80 HTTP/1.1")}}),
    *entries("http", 404, {"a path that a header would move": {"raw": line(MOVED)}}),
    *entries("http", 405, METHODS, body=BODY),
    *entries(
        "http",
        400,
        {"a bad one behind a good one": {"raw": GET + b"\r\n" + GET + b"X(: x\r\n\r\n", "ends": True}},
        more=(200,),
    ),
]
