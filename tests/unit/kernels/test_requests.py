"""The reader of requests against orjson, value by value: what it takes, orjson takes, and for the same."""

import ctypes
import itertools
import json
import math
from array import array
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from xxhash import xxh64_intdigest

from service.core.model import sigmoid
from service.kernels.requests import KINDS, LONG, FieldPlan, RequestPlan

N_BUCKETS = 2**16
WEIGHTS = np.random.default_rng(4).normal(size=N_BUCKETS + 1).astype(np.float32)

DEEP = 64
DECODED = 16 * 1024

VALID = [
    '""',
    '"a"',
    '"plain text of more than thirty-two bytes, so that whole words of it are read"',
    '"0123456789abcde\\n"',
    '"0123456789abcdef\\n"',
    '"\u007f"',
    '"né"',
    '"机场 and 16 bytes"',
    '"\U0001f6eb"',
    '"\U0010ffff"',
    '"\ufffe\uffff"',
    '"\\ud83d\\uDEEB"',
    '"\\u0000"',
    '"\\u007f\\u0080\\u07ff\\u0800\\ud7ff\\ue000\\uffff"',
    '"\\"\\\\\\/\\b\\f\\n\\r\\t"',
    "0",
    "-0",
    "7",
    "-12",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551616",
    "1234567890123456789012345678901234567890",
    "-0.0",
    "0e0",
    "0E+5",
    "1.5",
    "1e5",
    "1E-5",
    "1e+05",
    "5e-324",
    "1e-400",
    "0.1e-999999999999999999999999",
    "2.2250738585072011e-308",
    "9.99e307",
    "0." + "0" * 400 + "1",
    "0." + "0" * 400 + "1e400",
    "true",
    "false",
    "null",
    "[]",
    "{}",
    "[1, [2, {}], \"three\", {\"four\": [null]}]",
    '{"a": {"b": []}, "a": [[]], "\\u0061": 1.5}',
    "[" * DEEP + "]" * DEEP,
    '{"a":' * DEEP + "1" + "}" * DEEP,
]

INVALID = [
    "",
    "01",
    "-01",
    "00",
    "1.",
    ".5",
    "+1",
    "1e",
    "1e+",
    "1e1.5",
    "-",
    "--1",
    "- 1",
    "1 2",
    "0x10",
    "1_000",
    "1e309",
    "-1e999",
    "1e4294967296",
    "1e9223372036854775808",
    "1e18446744073709551616",
    "1e" + "9" * 24,
    "9" * 5000,
    "1" * 400 + ".5",
    "NaN",
    "Infinity",
    "-Infinity",
    "nul",
    "nulll",
    "True",
    "'a'",
    "a",
    '"',
    '"a',
    '"a\\"',
    '"\\"',
    '"\\x"',
    '"\\u12"',
    '"\\u12g4"',
    '"\\U0041"',
    '"\\ud800"',
    '"\\udc00"',
    '"\\ud800\\u0041"',
    '"\\ud800\\ud800"',
    '"\\ud800\\ue000"',
    '"\\udc00\\ud800"',
    '"\\udc00\\udc00"',
    '"\\ud800x"',
    '"\x00"',
    '"\x1f"',
    '"a\nb"',
    '"0123456789abcdef\t"',
    '"\x1f0123456789abcdef"',
    '"0123456789\x000123456789"',
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1",
    "]",
    "[}",
    "{]",
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '{,"a":1}',
    '{"a" 1}',
    '{"a":1 "b":2}',
    "{a:1}",
    "{1:1}",
    '{null:1}',
    '{"a":1',
    "/* no */ 1",
    "1 // no",
    "\ufeff1",
    "\u00a01",
    "\x0c1",
    "\x001",
    "[" * 100_000,
    "[" * 100_000 + "]" * 100_000,
    '{"a":' * 100_000,
    '{"a":' + "[" * DEEP + "]" * DEEP + "]",
]

NOT_UTF8 = [
    b"\x80",  # a continuation of nothing
    b"\xbf",
    b"\xc3",  # nothing that continues
    b"\xc3(",
    b"\xe6\x9c",
    b"\xe6\x9c(",
    b"\xf0\x9f\x9b",
    b"\xf0\x9f\x9b(",
    b"\xc0\x80",  # longer than it need be
    b"\xc1\xbf",
    b"\xe0\x9f\xbf",
    b"\xf0\x8f\xbf\xbf",
    b"\xed\xa0\x80",  # surrogates
    b"\xed\xbf\xbf",
    b"\xf4\x90\x80\x80",  # past the last code point
    b"\xf5\x80\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xfe",
    b"\xff",
]


def field(name, kind="string", **options):
    return FieldPlan(name=name, seed=xxh64_intdigest(name, 42), kind=kind, **{"required": False, **options})


def plan(*fields, crosses=()):
    return RequestPlan(fields, crosses, WEIGHTS)


def one(request_plan, *members, **options):
    """The answer to one row, made of ``(key, value)``: texts of JSON."""
    row = b",".join(as_bytes(key) + b":" + as_bytes(value) for key, value in members)
    return request_plan.predict(b'{"instances":[{' + row + b"}]}", max_rows=9, **options)


def as_bytes(text):
    return text.encode() if isinstance(text, str) else text


def answer(*hashes):
    """The answer to a row with these hashes, by itself."""
    logit = float(WEIGHTS[-1])
    for hashed in hashes:
        logit += float(WEIGHTS[hashed % N_BUCKETS])
    return [sigmoid(logit)]


def hashed(name, value):
    seed = xxh64_intdigest(name, 42)
    return seed if value is None else xxh64_intdigest(value, seed)


def orjson_takes(text):
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def name_of(text):
    return repr(text[:30])


def test_a_valid_value_of_an_unknown_key_is_passed_over():
    request_plan, expected = plan(field(b"f")), answer(hashed(b"f", b"v"))
    for value in VALID:
        assert orjson_takes(value), name_of(value)
        for spaced in (value, f" {value} ", f"\n\t\r {value}\n"):
            assert one(request_plan, ('"unknown"', spaced), ('"f"', '"v"')) == expected, name_of(spaced)


def test_an_invalid_value_is_never_passed_over():
    plans = {kind: plan(field(b"f", kind)) for kind in KINDS}
    for value in INVALID:
        assert not orjson_takes(value), name_of(value)
        for kind, request_plan in plans.items():
            assert one(request_plan, ('"f"', value)) is None, (kind, name_of(value))
            assert one(request_plan, ('"unknown"', value)) is None, (kind, name_of(value))


def test_text_that_is_not_utf8_is_never_taken():
    request_plan = plan(field(b"f"))
    arounds = [(b"", b""), (b"abc", b"def"), (b"0123456789abcdef", b"0123456789abcdef")]
    for value, around, before in itertools.product(NOT_UTF8, arounds, [b'"', b'"\\n']):
        wrong = before + value.join(around) + b'"'
        assert not orjson_takes(wrong), wrong
        for member in (('"f"', wrong), ('"unknown"', wrong), (wrong, '"v"')):
            assert one(request_plan, member) is None, member


def test_text_is_hashed_by_what_it_says_not_by_how_it_is_written():
    for text in [text for text in VALID if text.startswith('"')]:
        value = orjson.loads(text).encode()
        assert one(plan(field(b"f")), ('"f"', text)) == answer(hashed(b"f", value)), text
        assert one(plan(field(value)), (text, '"v"')) == answer(hashed(value, b"v")), text


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=60), name=st.text("ab\"\\/é\n\x7f", max_size=12))
def test_any_text_is_the_same_in_every_writing(text, name):
    expected = answer(hashed(name.encode(), text.encode()))
    for dumps in (orjson.dumps, json.dumps, lambda value: json.dumps(value, ensure_ascii=False)):
        assert one(plan(field(name.encode())), (dumps(name), dumps(text))) == expected


def test_text_of_any_length_is_taken_up_to_the_space_for_what_is_decoded():
    request_plan = plan(field(b"f"))
    for length in (*range(40), 63, 64, 65, 1000, DECODED - 4, DECODED):
        text = "x" * length
        found = one(request_plan, ('"f"', orjson.dumps(text)))
        assert found == answer(hashed(b"f", text.encode())), length
        escaped = one(request_plan, ('"f"', f'"{text[1:]}\\u0078"'))
        assert escaped == (answer(hashed(b"f", text.encode() or b"x")) if length < DECODED else None), length


def test_text_of_earlier_rows_leaves_its_space_to_later_ones():
    row = '{"f":"\\n' + "x" * (DECODED - 100) + '"}'
    body = f'{{"instances":[{",".join([row] * 20)}]}}'.encode()
    assert plan(field(b"f")).predict(body, max_rows=20) == answer(hashed(b"f", b"\n" + b"x" * (DECODED - 100))) * 20


@pytest.mark.parametrize(("length", "answered"), [(DECODED - 20, True), (DECODED - 19, False), (DECODED - 4, False)])
def test_a_bin_is_written_only_where_there_is_space_for_it_beside_decoded_text(length, answered):
    request_plan = plan(field(b"f"), field(b"n", "log2"))
    found = one(request_plan, ('"f"', '"' + "\\n" * length + '"'), ('"n"', "-9e307"))
    assert found == (answer(hashed(b"f", b"\n" * length), hashed(b"n", b"-1024")) if answered else None)


def test_decoded_keys_and_values_that_are_passed_over_take_no_space():
    written = '"\\n' + "x" * 1000 + '"'
    members = [(written, written)] * (2 * DECODED // 1000) + [(written, f"[{written}, {{{written}: {written}}}]")] * 20
    assert one(plan(field(b"f")), *members, ('"\\u0066"', '"v"')) == answer(hashed(b"f", b"v"))


def test_a_whole_row_of_decoded_text_is_there_for_its_cross():
    values = [f"\n{letter}" * 40 for letter in "abc"]
    members = [(json.dumps(name), json.dumps(value)) for name, value in zip("pqr", values, strict=True)]
    state = 42
    for name, value in zip("pqr", values, strict=True):
        state = xxh64_intdigest(value.encode(), xxh64_intdigest(name.encode(), state))
    single = [hashed(name.encode(), value.encode()) for name, value in zip("pqr", values, strict=True)]
    assert one(plan(*map(field, (b"p", b"q", b"r")), crosses=[[0, 1, 2]]), *members) == answer(*single, state)


def test_an_integer_is_hashed_by_its_decimal_digits():
    request_plan = plan(field(b"f", "integer"))
    for text, canonical in [
        *(("0", b"0"), ("-0", b"0"), ("7", b"7"), ("-12", b"-12"), ("null", None)),
        *((text, text.encode()) for text in ("9223372036854775807", "-9223372036854775808", "1000000000000000000")),
    ]:
        assert one(request_plan, ('"f"', text)) == answer(hashed(b"f", canonical)), text


def test_another_type_than_the_fields_is_not_sure():
    for kind, text in [
        *(("integer", text) for text in ("1.0", "1e3", "-0.0", '"7"', "true", "[7]", "{}")),
        *(("integer", text) for text in ("9223372036854775808", "-9223372036854775809", "18446744073709551617")),
        *(("integer", "1" + "0" * zeros) for zeros in (19, 20, 40)),
        *(("boolean", text) for text in ("0", '"true"', "tru", "TRUE", "truefalse", "[]")),
        *((kind, text) for kind in ("edges", "log2") for text in ('"7"', "true", "[7]", "1e400")),
        *(("string", text) for text in ("0", "true", "1.5", "[]", '["a"]', "{}")),
    ]:
        assert one(plan(field(b"f", kind)), ('"f"', text)) is None, (kind, text)


def test_a_boolean_is_hashed_by_its_word():
    for text, canonical in [("true", b"true"), ("false", b"false"), ("null", None)]:
        assert one(plan(field(b"f", "boolean")), ('"f"', text)) == answer(hashed(b"f", canonical)), text


def assert_exact(text):
    """The number is read as the double that Python reads: no more and no less, which the bins beside it would show."""
    value = float(text)
    edges = tuple(sorted({math.nextafter(value, -math.inf), value, math.nextafter(value, math.inf)} - {math.inf}))
    expected = b"%d" % (1 + edges.index(value))
    assert one(plan(field(b"f", "edges", edges=edges)), ('"f"', text)) == answer(hashed(b"f", expected)), text


HALFWAY = [
    "9007199254740993",
    "9007199254740995",
    "-9007199254740993",
    "18014398509481990",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709549568",
    "18446744073709551616",
    "1.00000000000000011102230246251565404236316680908203125",
    "1.00000000000000011102230246251565404236316680908203124",
    "1.00000000000000011102230246251565404236316680908203126",
    "0.500000000000000166533453693773481063544750213623046875",
    "9007199254740992.5",
    "9007199254740993.0",
    "90071992547409930e-1",
    "9007199254740993e22",
    "1e22",
    "1e23",
    "8.5e22",
    "123456789012345e-22",
    "123456789012345e-23",
    "4.35",
    "0.1",
    "0.30000000000000004",
    "5e-324",
    "2.5e-324",
    "2.4703282292062327e-324",
    "2.4703282292062328e-324",
    "2.2250738585072011e-308",
    "2.2250738585072014e-308",
    "1.7976931348623157e307",
    "6929495644600919.5",
    "3.7455744005952583e15",
]


def test_a_number_between_two_doubles_is_the_nearer_one():
    for text in HALFWAY:
        assert_exact(text)


@given(value=st.floats(-1e300, 1e300), digits=st.integers(1, 25))
@example(value=0.1, digits=17)
def test_any_number_is_the_double_that_python_reads(value, digits):
    for text in (repr(value), f"{value:.{digits}e}", f"{value:.{digits}g}"):
        assert_exact(text)


@given(significant=st.integers(0, 10**22), exponent=st.integers(-330, 285), negative=st.booleans())
def test_any_decimal_is_the_double_that_python_reads(significant, exponent, negative):
    sign = "-" if negative else ""
    assert_exact(f"{sign}{significant}e{exponent}")
    assert_exact(f"{sign}{significant}")


def test_a_log2_bin_is_the_sign_times_the_number_of_binary_digits():
    request_plan = plan(field(b"f", "log2"))
    for text, index in [
        *(("0", 0), ("-0.0", 0), ("0.99", 0), ("-1", -1), ("1", 1), ("1.99", 1), ("2", 2), ("-1024", -11)),
        *(("18446744073709551615", 65), ("8.9e307", 1023), ("9e307", 1024), ("5e-324", 0)),
    ]:
        assert one(request_plan, ('"f"', text)) == answer(hashed(b"f", b"%d" % index)), text


def test_keys_are_found_in_any_order_and_however_they_begin():
    names = [b"abcdefghij"[:length] for length in (0, 1, 2, 3, 6, 7, 8, 9, 10)] + ["é".encode(), b'q"', b"b\\"]
    request_plan = plan(*map(field, names))
    values = [(name.decode(), f"value {place}") for place, name in enumerate(names)]
    expected = answer(*(hashed(name, f"value {place}".encode()) for place, name in enumerate(names)))
    orders = [values, values[::-1], values[5:] + values[:5], values[::2] + values[1::2]]
    for first, second in itertools.product(orders, orders):
        body = orjson.dumps({"instances": [dict(first), dict(second), dict(first)]})
        assert request_plan.predict(body, max_rows=3) == expected * 3


def test_a_key_that_is_almost_the_fields_is_another():
    for key in ('""', '"f"', '"ff0"', '"FF"', '"ff "', '"f\\u0000"', '"\\u0066"', '"ff\\u0022"'):
        assert one(plan(field(b"ff")), (key, '"v"')) == answer(hashed(b"ff", None)), key
        assert one(plan(field(b"ff", required=True)), (key, '"v"')) is None, key


def test_a_key_with_an_escaped_quote_is_not_taken_for_one_with_a_quote():
    for key in ('"q"', '"q""', '"q""":1,"'):
        assert one(plan(field(b'q"')), (key, '"v"')) in (None, answer(hashed(b'q"', None)))
    assert one(plan(field(b'q"')), ('"q\\""', '"v"')) == answer(hashed(b'q"', b"v"))


def test_of_equal_keys_the_last_counts():
    request_plan = plan(field(b"f"), field(b"g"))
    later = [('"f"', '"1"'), ('"g"', '"2"'), ('"f"', '"3"'), ('"\\u0067"', "null")]
    assert one(request_plan, *later) == answer(hashed(b"f", b"3"), hashed(b"g", None))


def test_what_a_row_leaves_out_is_missing_and_not_what_the_row_before_had():
    request_plan = plan(field(b"f"), field(b"g"))
    both = answer(hashed(b"f", b"1"), hashed(b"g", b"2"))
    first = answer(hashed(b"f", b"1"), hashed(b"g", None))
    none = answer(hashed(b"f", None), hashed(b"g", None))
    body = b'{"instances":[{"f":"1","g":"2"},{"f":"1"},{},{"f":null}]}'
    assert request_plan.predict(body, max_rows=4) == [*both, *first, *none, *none]


BODIES = [
    b"",
    b" ",
    b"{}",
    b"[]",
    b"null",
    b'{"instances":[]}',
    b'{"instances":{}}',
    b'{"instances":null}',
    b'{"instances":[1]}',
    b'{"instances":[null]}',
    b'{"instances":[[]]}',
    b'{"instances":[{}]',
    b'{"instances":[{}}',
    b'{"instances":[{},]}',
    b'{"instances":[,{}]}',
    b'{"instances":[{}{}]}',
    b'{"instances":[{}],}',
    b'{"instances":[{}]}}',
    b'{"instances":[{}]} {}',
    b'{"instances":[{}]}\0',
    b'{"instances":[{}]}\0\0',
    b'\0{"instances":[{}]}',
    b'\xef\xbb\xbf{"instances":[{}]}',
    b'{"instances":[{}],"other":1}',
    b'{"other":1,"instances":[{}]}',
    b'{"instances":[{}],"instances":[{},{}]}',
    b'{"\\u0069nstances":[{}]}',
    b'{"Instances":[{}]}',
    b'{"instances" [{}]}',
    b"{'instances':[{}]}",
    b'[{"instances":[{}]}]',
    b'{"instances":[{"f":"a" "g":"b"}]}',
    b'{"instances":[{"f":"a",}]}',
    b'{"instances":[{,"f":"a"}]}',
    b'{"instances":[{"f","a"}]}',
    b'{"instances":[{f:"a"}]}',
    b'{"instances":' + b"[" * 100_000,
    b"[" * 100_000,
    b'{"instances":[' + b'{"instances":[' * 100_000,
]


def test_a_document_of_another_shape_is_not_sure():
    request_plan = plan(field(b"f"))
    for body in BODIES:
        assert request_plan.predict(body, max_rows=9) is None, name_of(body)
        assert request_plan.predict(b'{"instances":[{}]}', max_rows=9) == answer(hashed(b"f", None)), name_of(body)


def test_white_space_may_stand_wherever_json_lets_it():
    tokens = [b"{", b'"instances"', b":", b"[", b"{", b'"f"', b":", b'"v"', b"}", b"]", b"}"]
    for space in (b" ", b"  ", b"\n", b"\r\n", b"\t", b" \t\n\r" * 9):
        body = space + space.join(tokens) + space
        assert plan(field(b"f")).predict(body, max_rows=9) == answer(hashed(b"f", b"v"))
    for space in (b"\0", b"\x0b", b"\x0c", b"\xa0", b"\xc2\xa0", b"/**/"):
        for place in range(len(tokens) + 1):
            body = b"".join([*tokens[:place], space, *tokens[place:]])
            assert plan(field(b"f")).predict(body, max_rows=9) is None


def test_a_request_that_was_cut_off_anywhere_is_not_sure():
    body = b'{"instances": [{"f": "a\\u00e9\xc3\xa9", "n": -1.5e3, "u": [true, {"x": null}]}, {"f": null}]}'
    request_plan = plan(field(b"f"), field(b"n", "log2"))
    assert len(request_plan.predict(body, max_rows=9)) == 2
    assert all(request_plan.predict(body[:end], max_rows=9) is None for end in range(len(body)))


def test_as_many_rows_as_allowed_are_answered_and_one_more_is_not():
    request_plan = plan(field(b"f"))
    every_row = [{"f": str(row)} for row in range(1000)]
    answers = [answer(hashed(b"f", str(row).encode()))[0] for row in range(1000)]
    for n_rows in (1, 2, 7, 8, 9, 16, 17, 1000):
        rows, expected = every_row[:n_rows], answers[:n_rows]
        document = orjson.dumps({"instances": rows})
        lines = b"\n".join(map(orjson.dumps, rows))
        for body, by_lines in ((document, False), (lines, True)):
            assert request_plan.predict(body, max_rows=n_rows, by_lines=by_lines) == expected, n_rows
            assert request_plan.predict(body, max_rows=n_rows - 1, by_lines=by_lines) is None, n_rows


def test_the_least_rows_that_there_are_find_room_for_their_results():
    for n_rows in (1, 2, 3, 100, LONG):
        body = b'{"instances":[' + b",".join([b"{}"] * n_rows) + b"]}"
        assert plan(field(b"f")).predict(body, max_rows=LONG) == answer(hashed(b"f", None)) * n_rows
        lines = b"\n".join([b"{}"] * n_rows)
        assert plan(field(b"f")).predict(lines, max_rows=LONG, by_lines=True) == answer(hashed(b"f", None)) * n_rows


def test_lines_are_rows_and_empty_lines_are_none():
    for body, n_rows in [
        (b"{}", 1),
        (b"{}\n", 1),
        (b"{}\r\n{}\n{}", 3),
        (b"\n\r\n{}\n\n\n{}\n\n", 2),
        (b" { } \r\n\t{}", 2),
        (b'{"f" : "v" , "u":[1, 2]}\n', 1),
        (b"{}\r", 1),
        (b"", None),
        (b"\n\n", None),
        (b" \n{}", None),
        (b"{}{}", None),
        (b"{} {}", None),
        (b"{},{}", None),
        (b"{}\r{}", None),
        (b"{}\r\r\n", None),
        (b"{\n}", None),
        (b"{\r}", None),
        (b'{"f":\n"v"}', None),
        (b'{"u":[\n]}', None),
        (b"[]", None),
        (b"{}\nnull", None),
        (b"{}\n{", None),
        (b"{}\n\0", None),
        (b"{}\0", None),
        (b"\xef\xbb\xbf{}", None),
    ]:
        found = plan(field(b"f")).predict(body, max_rows=9, by_lines=True)
        assert (found and len(found)) == n_rows, body


def test_any_number_of_threads_may_ask_at_once():
    request_plan = plan(field(b"f"), field(b"g"), crosses=[[1, 0]])
    bodies = [
        orjson.dumps({"instances": [{"f": f"{body} {row}", "g": "é\n" * (row % 30)} for row in range(700)]})
        for body in range(6)
    ]
    assert min(map(len, bodies)) > LONG
    expected = [request_plan.predict(body, max_rows=700) for body in bodies]
    assert all(expected)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda body: request_plan.predict(body, max_rows=700), bodies * 20))
    assert found == expected * 20


def test_the_body_is_bytes_and_nothing_else():
    for body in ("{}", bytearray(b"{}"), array("B", b"{}")):
        with pytest.raises(ctypes.ArgumentError):
            plan(field(b"f")).predict(body, max_rows=9)


def test_a_plan_that_does_not_fit_is_refused(subtests):
    for case, (fields, crosses, weights) in {
        "no field": ([], [], WEIGHTS),
        "a field twice": ([field(b"f"), field(b"f")], [], WEIGHTS),
        "a cross with a field beyond the last": ([field(b"f")], [[0, 1]], WEIGHTS),
        "a cross with one before the first": ([field(b"f")], [[-1]], WEIGHTS),
        "a cross of nothing": ([field(b"f")], [[]], WEIGHTS),
        "a weight too few": ([field(b"f")], [], WEIGHTS[:-1]),
        "the intercept alone": ([field(b"f")], [], WEIGHTS[:1]),
        "doubles": ([field(b"f")], [], WEIGHTS.astype(np.float64)),
        "the other byte order": ([field(b"f")], [], WEIGHTS.astype(">f4")),
        "two dimensions": ([field(b"f")], [], np.zeros((9, 1), dtype=np.float32)),
        "every other one": ([field(b"f")], [], np.zeros(10, dtype=np.float32)[::2]),
    }.items():
        with subtests.test(case), pytest.raises(ValueError, match="field|weights|buckets"):
            RequestPlan(fields, crosses, weights)
