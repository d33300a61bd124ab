"""A body is read whole and bounded, whether its length is stated or it comes in chunks."""

import io
from itertools import product

import pytest
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from service.web.body import read_body


def environ(data, **more):
    return {"wsgi.input": io.BytesIO(data), "wsgi.input_terminated": True, **more}


def test_up_to_the_bound_all_of_it_is_read():
    for length, stated in product([0, 1, 99, 100], [True, False]):
        data = b"x" * length
        length_header = {"CONTENT_LENGTH": str(length)} if stated else {}
        assert read_body(environ(data, **length_header), most=100) == data, (length, stated)


def test_beyond_the_bound_a_stated_length_is_refused_unread():
    given = environ(b"x" * 101, CONTENT_LENGTH="101")
    with pytest.raises(RequestEntityTooLarge):
        read_body(given, most=100)
    assert given["wsgi.input"].tell() == 0


def test_beyond_the_bound_chunks_are_refused_and_no_more_than_one_byte_of_it_is_read():
    given = environ(b"x" * 1_000)
    with pytest.raises(RequestEntityTooLarge):
        read_body(given, most=100)
    assert given["wsgi.input"].tell() == 101


def test_a_body_that_is_shorter_than_stated_is_refused():
    with pytest.raises(BadRequest, match="before its stated length"):
        read_body(environ(b"x" * 99, CONTENT_LENGTH="100"), most=100)


def test_without_a_stated_length_the_server_must_say_where_the_body_ends():
    for stated in ("", "-1", "x", "1 0", "\u0661"):
        assert read_body(environ(b"abc", CONTENT_LENGTH=stated), most=100) == b"abc", stated
        assert read_body({"wsgi.input": io.BytesIO(b"abc"), "CONTENT_LENGTH": stated}, most=100) == b"", stated


def test_a_transfer_coding_that_nobody_undoes_is_refused_unread(subtests):
    for coding in ("gzip, chunked", "gzip", "chunked, chunked", "identity", ""):
        given = environ(b"abc", HTTP_TRANSFER_ENCODING=coding)
        with subtests.test(coding=coding):
            with pytest.raises(BadRequest, match="no transfer coding but chunked"):
                read_body(given, most=100)
            assert given["wsgi.input"].tell() == 0


def test_chunks_are_the_one_that_the_server_has_undone():
    for coding in ("chunked", "Chunked", " CHUNKED "):
        assert read_body(environ(b"abc", HTTP_TRANSFER_ENCODING=coding), most=100) == b"abc", coding
