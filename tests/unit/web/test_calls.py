"""What is known of a request from its first line on."""

import multiprocessing

from service.web.calls import KEY, UNMATCHED, Call, call_of

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


def test_a_clients_own_id_is_kept():
    for given in ("a", "7f3c-1", "A.b_c:/+=@-9", "x" * 128):
        assert Call({"HTTP_X_REQUEST_ID": given}).id == given


def test_an_id_that_a_log_could_misread_is_replaced():
    for given in ("", " ", "a b", 'a"b', "a\nb", "é", "x" * 129, "{}", "a\x00"):
        call = Call({"HTTP_X_REQUEST_ID": given})
        assert len(call.id) == 32, repr(given)
        assert call.id != given


def test_without_an_id_the_trace_is_the_id():
    call = Call({"HTTP_TRACEPARENT": f"00-{TRACE}-{SPAN}-01"})
    assert (call.id, call.trace, call.span) == (TRACE, TRACE, SPAN)


def test_an_id_comes_before_the_trace():
    call = Call({"HTTP_TRACEPARENT": f"00-{TRACE}-{SPAN}-01", "HTTP_X_REQUEST_ID": "mine"})
    assert (call.id, call.trace) == ("mine", TRACE)


def test_a_malformed_traceparent_is_none():
    for parent in (
        "",
        TRACE,
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
    ):
        call = Call({"HTTP_TRACEPARENT": parent})
        assert (call.trace, call.span) == (None, None), parent
        assert call.id != TRACE, parent


def test_our_own_ids_differ():
    assert len({Call({}).id for _ in range(1_000)}) == 1_000


def test_the_ids_of_a_forked_process_are_others():
    first = Call({}).id
    with multiprocessing.get_context("fork").Pool(1) as pool:
        second = pool.apply(_new_id)
    assert first[:20] != second[:20]


def _new_id():
    return Call({}).id


def test_a_request_has_one_call():
    environ = {}
    call = call_of(environ)
    assert call_of(environ) is environ[KEY] is call
    assert (call.route, call.rows, call.model, call.version, call.status) == (UNMATCHED, 0, None, None, 500)
