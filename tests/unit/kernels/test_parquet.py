"""Pages of Parquet files: what the format's own description says of them, and any bytes at all."""

import itertools

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from xxhash import xxh64_intdigest

from service.kernels.parquet import DATA, DATA_2, DICTIONARY, Header, read_header, read_text

SEED = 0x9E3779B97F4A7C15
LACKING = Header(-1, -1, -1, -1, -1, -1, -1, 1, -1)


def varint(number):
    data = bytearray()
    while number >= 0x80:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*data, number])


def zigzag(number):
    return varint(number << 1 if number >= 0 else (-number << 1) - 1)


def struct(fields):
    """A struct of Thrift's compact protocol: integers, booleans, bytes and structs (dicts) by their numbers."""
    data, last = b"", 0
    for number, value in fields.items():
        if isinstance(value, bool):
            kind, payload = (1 if value else 2), b""
        elif isinstance(value, int):
            kind, payload = 5, zigzag(value)
        elif isinstance(value, bytes):
            kind, payload = 8, varint(len(value)) + value
        else:
            kind, payload = 12, struct(value)
        step = number - last
        data += (bytes([step << 4 | kind]) if 0 < step < 16 else bytes([kind]) + zigzag(number)) + payload
        last = number
    return data + b"\0"


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({1: 0, 2: 9, 3: 4, 5: {1: 7, 2: 8, 3: 3, 4: 3}}, {"kind": DATA, "n_rows": 7, "encoding": 8, "levels": 3}),
        ({1: 2, 2: 9, 3: 4, 7: {1: 5, 2: 0, 3: True}}, {"kind": DICTIONARY, "n_rows": 5, "encoding": 0}),
        (
            {1: 3, 2: 9, 3: 4, 8: {1: 7, 2: 1, 3: 7, 4: 0, 5: 2, 6: 0, 7: False}},
            {"kind": DATA_2, "n_rows": 7, "encoding": 0, "levels": 2, "repetition": 0, "packed": 0},
        ),
        (
            {1: 3, 2: 9, 3: 4, 8: {1: 7, 4: 0, 5: 2, 6: 0}},
            {"kind": DATA_2, "n_rows": 7, "encoding": 0, "levels": 2, "repetition": 0},
        ),
        (
            {1: 0, 2: 9, 3: 4, 4: 77, 5: {1: 7, 2: 0, 5: {1: b"max", 2: b"min", 3: 0}}},
            {"kind": DATA, "n_rows": 7, "encoding": 0},
        ),
        ({1: 0, 2: 9, 3: 4, 6: {}, 99: {1: {}}}, {"kind": 0}),
    ],
)
def test_a_header_is_read_as_thrift_writes_it(fields, found):
    header = struct(fields)
    expected = LACKING._replace(uncompressed=9, compressed=4, end=len(header), **found)
    assert read_header(pa.py_buffer(header + b"page")) == expected
    with pytest.raises(ValueError, match="longer than what is left"):
        read_header(pa.py_buffer(header + b"pag"))
    for length in range(len(header)):
        with pytest.raises(ValueError, match="no header"):
            read_header(pa.py_buffer(header[:length]))


@pytest.mark.parametrize(
    "data",
    [
        b"\x15" + b"\xff" * 10,  # an integer that does not end
        b"\x05\x01\x00\x00",  # a field of a negative number
        b"\x05\xfe\xff\xff\xff\x0f\x00\x00",  # of one beyond 16 bits
        b"\x1d\x00",  # of no type
        b"\x19\x15\x02\x00",  # a list
        b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00",  # more bytes than there are
        b"\x1c" * 40 + b"\x00" * 60,  # structs in structs in structs
    ],
)
def test_what_no_header_has_is_refused(data):
    with pytest.raises(ValueError, match="no header"):
        read_header(pa.py_buffer(data))


@given(st.binary(max_size=60))
def test_any_bytes_are_a_header_within_them_or_refused(data):
    try:
        header = read_header(pa.py_buffer(data))
    except ValueError:
        return
    assert 0 < header.end <= header.end + header.compressed <= len(data)
    assert header.uncompressed >= 0


def runs(numbers, width, data):
    """Numbers as runs, each of one kind or the other; what comes behind the last is left to the reader to ignore."""
    written, row = b"", 0
    while row < len(numbers):
        same = next((at for at in range(row, len(numbers)) if numbers[at] != numbers[row]), len(numbers)) - row
        if data.draw(st.booleans()):
            count = data.draw(st.integers(1, same))
            written += varint(count << 1) + numbers[row].to_bytes((width + 7) // 8, "little")
            row += count
        else:
            eights = data.draw(st.integers(1, 3))
            some = numbers[row : row + 8 * eights]
            packed = sum(number << width * place for place, number in enumerate(some))
            written += varint(eights << 1 | 1) + packed.to_bytes(eights * width, "little")
            row += 8 * eights
    return written


def levels_of(there, data):
    return runs(list(map(int, there)), 1, data)


def page_of(there, data, *, how):
    """Levels where they belong: before the values with their length, or apart, or not at all."""
    if how == "none":
        return None, b""
    levels = levels_of(there, data)
    return (pa.py_buffer(levels), b"") if how == "apart" else (None, len(levels).to_bytes(4, "little") + levels)


WAYS = st.sampled_from(["before", "apart", "none"])


@given(values=st.lists(st.text(max_size=40) | st.none(), max_size=40), how=WAYS, data=st.data())
def test_plain_text_is_found_and_hashed_where_it_lies(values, how, data):
    if how == "none":
        values = [value or "" for value in values]
    texts = [None if value is None else value.encode(errors="ignore") for value in values]
    levels, page = page_of([text is not None for text in texts], data, how=how)
    page += b"".join(len(text).to_bytes(4, "little") + text for text in texts if text is not None)
    found = read_text(pa.py_buffer(page), len(texts), seed=SEED, levels=levels, optional=how != "none")
    places = zip(found.begins, found.ends, found.valid.flags(len(texts)), strict=True)
    assert [found.data[begin:end].tobytes() if there else None for begin, end, there in places] == texts
    assert found.hashes.tolist() == [SEED if text is None else xxh64_intdigest(text, SEED) for text in texts]


@given(
    codes=st.lists(st.integers(0, 300) | st.none(), max_size=60), more=st.integers(0, 23), how=WAYS, data=st.data()
)
def test_codes_of_any_width_are_read(codes, more, how, data):
    if how == "none":
        codes = [code or 0 for code in codes]
    there = [code for code in codes if code is not None]
    width = min(32, max(there, default=0).bit_length() + more)
    levels, page = page_of([code is not None for code in codes], data, how=how)
    page += bytes([width]) + runs(there, width, data)
    found = read_text(pa.py_buffer(page), len(codes), seed=5, levels=levels, optional=how != "none", n_codes=301)
    valid = found.valid.flags(len(codes))
    assert [code if is_there else None for code, is_there in zip(found.begins.tolist(), valid, strict=True)] == codes
    assert all(code == 0 for code, is_there in zip(found.begins.tolist(), valid, strict=True) if not is_there)


def test_what_is_no_page_is_refused(subtests):
    for page, options in [
        (b"\3\0\0\0ab", {}),
        (b"\xff\xff\xff\xffab", {}),
        (b"\0\0", {}),
        (b"\2\0\0\0\xffa", {}),
        (b"\1\0\0", {"optional": True}),
        (b"\7\0\0\0\2\1", {"optional": True}),
        (b"\2\0\0\0\2\2\1\0\0\0a", {"optional": True}),  # a level above 1
        (b"\1\0\0\0\2\1\0\0\0a", {"optional": True}),  # a run without its value
        (b"\2\0\0\0\0\1\1\0\0\0a", {"optional": True}),  # a run of nothing
        (b"", {"n_codes": 3}),
        (b"\x21\2\0\0\0\0\0", {"n_codes": 3}),  # codes of 33 bits
        (b"\2\2\3", {"n_codes": 3}),  # a code of no value
        (b"\2\3", {"n_codes": 3}),
        (b"\2\2\0", {"n_codes": 0}),
        (b"\x20\2\xff\xff\xff\xff", {"n_codes": 3}),
    ]:
        with subtests.test(page=page, **options), pytest.raises(ValueError, match="no page of text"):
            read_text(pa.py_buffer(page), 1, seed=0, **options)


@given(
    page=st.binary(max_size=50),
    n_rows=st.integers(0, 40),
    n_codes=st.none() | st.integers(0, 9),
    levels=st.none() | st.binary(max_size=9),
    optional=st.booleans(),
)
@example(page=b"\x01" + b"\xff" * 9 + b"\x01", n_rows=40, n_codes=3, levels=None, optional=False)
@example(page=b"\x00" + b"\xff" * 9 + b"\x01", n_rows=40, n_codes=3, levels=None, optional=False)
def test_any_bytes_are_a_page_within_them_or_refused(page, n_rows, n_codes, levels, optional):
    levels = None if levels is None else pa.py_buffer(levels)
    try:
        found = read_text(pa.py_buffer(page), n_rows, seed=0, levels=levels, optional=optional, n_codes=n_codes)
    except ValueError:
        return
    valid = found.valid.flags(n_rows)
    if n_codes is None:
        assert (found.begins <= found.ends).all()
        assert (found.ends <= len(found.data)).all()
        [found.data[begin:end].tobytes().decode() for begin, end in zip(found.begins, found.ends, strict=True)]
    else:
        assert set(itertools.compress(found.begins.tolist(), valid)) <= set(range(n_codes))
