"""Bearer tokens: who is let in, what others are told, and files of tokens that change, break and vanish."""

import logging
import os
import string
from functools import cache
from itertools import product
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.config import Settings
from service.errors import BadSettingFile
from service.web import create_app, errors
from service.web.calls import Call
from service.web.tokens import LOOK_SECONDS, MAX_FILE_BYTES, MAX_TOKENS, TokenFile, Tokens, _given, digest_of

USER, OTHER, OPERATOR = "a-token-for-users", "another-token-for-users", "one-for-operators"
BODY = {"instances": [{"user": "007", "hour": 7}]}


def write_users(folder):
    path = folder / "tokens"
    path.write_text(f"# who uses it\n{USER}\n\n  {OTHER}\r\n")
    return path


def write_operators(folder):
    path = folder / "admin"
    path.write_text(OPERATOR)
    return path


@pytest.fixture
def users(tmp_path):
    return write_users(tmp_path)


@pytest.fixture
def operators(tmp_path):
    return write_operators(tmp_path)


@pytest.fixture(scope="module")
def ask(predictor, tmp_path_factory):
    """``ask(path, header, *files)``: the answer of an application that has these of both files of tokens."""
    folder = tmp_path_factory.mktemp("tokens")
    written = {"tokens": write_users(folder), "admin_tokens": write_operators(folder)}

    @cache
    def client_of(*files):
        return create_app(Settings(**{name: written[name] for name in files}), predictor=predictor).test_client()

    def get(path, header, *files):
        headers = {} if header is None else {"Authorization": header}
        if path == "/predict":
            return client_of(*files).post(path, json=BODY, headers=headers)
        return client_of(*files).get(path, headers=headers)

    return get


BOTH = ("tokens", "admin_tokens")


def test_a_token_opens_predictions(ask):
    for token, scheme in product([USER, OTHER], ["Bearer", "bearer", "BEARER", "Bearer "]):
        assert ask("/predict", f"{scheme} {token}", "tokens").status_code == 200, (scheme, token)


def test_who_gives_no_token_is_told_that_one_is_needed(ask, subtests):
    paths = ["/predict", "/", "/docs", "/openapi.json", "/nowhere", "/metrics", "/v2/models/m"]
    for path, header in product(paths, [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", USER]):
        with subtests.test(path=path, header=header):
            response = ask(path, header, *BOTH)
            assert response.status_code == 401
            assert response.headers["WWW-Authenticate"] == 'Bearer realm="andon"'
            in_v2 = path.startswith("/v2/")
            assert response.mimetype == ("application/json" if in_v2 else "application/problem+json")
            assert response.json["error" if in_v2 else "detail"] == "this takes a bearer token"


def test_a_platforms_probe_is_open_and_a_prediction_at_its_path_is_not(predictor, users):
    settings = Settings(tokens=users, health_route="/predict")
    client = create_app(settings, predictor=predictor).test_client()
    assert client.get("/predict").status_code == 200
    assert client.post("/predict", json={"instances": [{"user": "a", "hour": 1}]}).status_code == 401


@pytest.mark.parametrize("path", ["/ping", "/health", "/health/predict", "/v2/health/predict"])
def test_a_prediction_under_an_open_path_is_not(predictor, users, path):
    client = create_app(Settings(tokens=users, predict_route=path), predictor=predictor).test_client()
    body = {"instances": [{"user": "a", "hour": 1}]}
    assert client.post(path, json=body).status_code == 401
    assert client.post(path, json=body, headers={"Authorization": f"Bearer {USER}"}).status_code == 200
    assert client.get("/health").status_code == 200


def test_a_file_that_nobody_may_look_for_any_more_takes_no_token_back(users, monkeypatch):
    guard = Tokens(TokenFile(users, variable="V"), None, render=lambda failure, path: failure)
    monkeypatch.setattr(os, "stat", refuse := Mock(side_effect=PermissionError(13, "Permission denied")))
    environ = {"PATH_INFO": "/predict", "REQUEST_METHOD": "GET", "HTTP_AUTHORIZATION": f"Bearer {USER}"}
    assert guard.refuse(Call(environ)) is None
    assert refuse.called


UNKNOWN = [USER[:-1], USER + "x", USER.upper(), f"{USER},{USER}", f"{USER} {USER}", "x", "ü" * 20, "#", f"{USER}\xa0"]


def test_a_token_that_is_not_known_is_refused_and_not_repeated(ask, subtests):
    for path, token in product(["/predict", "/metrics"], UNKNOWN):
        with subtests.test(path=path, token=token):
            response = ask(path, f"Bearer {token}", *BOTH)
            assert response.status_code == 401
            assert response.headers["WWW-Authenticate"] == 'Bearer realm="andon", error="invalid_token"'
            assert token == "x" or token == "#" or token not in response.text


@pytest.mark.parametrize(("path", "token"), [("/predict", OPERATOR), ("/", OPERATOR), ("/metrics", USER)])
def test_a_token_for_something_else_is_403(ask, path, token):
    response = ask(path, f"Bearer {token}", *BOTH)
    assert response.status_code == 403
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="andon", error="insufficient_scope"'


def test_probes_need_no_token(ask):
    for path in ("/health", "/health/live", "/health/ready"):
        assert ask(path, None, *BOTH).status_code == 200, path


def test_neither_do_those_of_other_protocols(ask):
    for path in ("/ping", "/v2/health/live", "/v2/health/ready"):
        assert ask(path, None, "tokens").status_code != 401, path


def test_a_path_that_only_looks_like_theirs_does(users):
    guard = Tokens(TokenFile(users, variable="V"), None, render=lambda failure, path: failure)
    for path in ("/healthy", "/HEALTH", "/pingpong", "/v2/health", "/v2/healthy", "/health\0"):
        refusal = guard.refuse(Call({"PATH_INFO": path, "REQUEST_METHOD": "GET"}))
        assert refusal is not None and refusal.status == 401, path


@pytest.mark.parametrize("path", ["//metrics", "///metrics", "metrics", "/metrics/", "/./metrics", "/metrics/."])
def test_no_other_way_to_write_it_leads_to_a_guarded_path(predictor, users, path):
    client = create_app(Settings(admin_tokens=users), predictor=predictor).test_client()
    assert client.get("/metrics").status_code == 401
    response = client.get("/", environ_overrides={"PATH_INFO": path})
    assert response.status_code in (401, 404)
    assert "andon_http" not in response.text


GUARDED = [
    (("tokens",), "/predict", {None: 401, USER: 200, OPERATOR: 401}),
    (("tokens",), "/metrics", {None: 401, USER: 404, OPERATOR: 401}),  # nothing is open by having been forgotten
    (("tokens",), "/admin/x", {None: 401, USER: 404, OPERATOR: 401}),
    (("admin_tokens",), "/predict", {None: 200, USER: 200, OPERATOR: 200}),
    (("admin_tokens",), "/metrics", {None: 401, USER: 401, OPERATOR: 404}),
    (("tokens", "admin_tokens"), "/predict", {None: 401, USER: 200, OPERATOR: 403}),
    (("tokens", "admin_tokens"), "/metrics", {None: 401, USER: 403, OPERATOR: 404}),
    ((), "/predict", {None: 200, USER: 200, OPERATOR: 200}),
    ((), "/metrics", {None: 404, USER: 404, OPERATOR: 404}),
]


def test_what_each_file_guards(ask):
    for settings, path, statuses in GUARDED:
        for token, status in statuses.items():
            response = ask(path, None if token is None else f"Bearer {token}", *settings)
            assert _status(response) == _open(status), (settings, path, token)


def _status(response):
    return "in" if response.status_code in (200, 404) else response.status_code


def _open(status):
    return "in" if status in (200, 404) else status


def test_a_protocol_is_refused_in_its_own_words(users):
    app = create_app(Settings())
    app.extensions["andon"].close()
    render = errors.init_app(app, {"/v2": lambda failure: errors.Response(failure.detail, failure.status)})
    guard = Tokens(TokenFile(users, variable="V"), None, render=render)
    asked = [Call({"PATH_INFO": path, "REQUEST_METHOD": "GET"}) for path in ("/v2/models/m", "/v2x")]
    answers = [guard.refuse(call) for call in asked]
    assert answers[0].get_data() == b"this takes a bearer token"
    assert answers[1].mimetype == "application/problem+json"


def test_a_token_in_both_files_is_for_both(predictor, users, operators):
    operators.write_text(f"{OPERATOR}\n{USER}\n")
    client = create_app(Settings(tokens=users, admin_tokens=operators), predictor=predictor).test_client()
    headers = {"Authorization": f"Bearer {USER}"}
    assert client.post("/predict", json=BODY, headers=headers).status_code == 200
    assert _status(client.get("/metrics", headers=headers)) == "in"


TOKEN = st.text(string.digits + string.ascii_letters + string.punctuation, min_size=16, max_size=40)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return tmp_path_factory.mktemp("drawn") / "tokens"


@given(tokens=st.lists(TOKEN.filter(lambda token: token[0] != "#"), min_size=1, max_size=5, unique=True), other=TOKEN)
def test_a_file_holds_its_tokens_and_no_other(drawn, tokens, other):
    drawn.write_text("\n".join(tokens))
    file = TokenFile(drawn, variable="V")
    assert len(file) == len(tokens)
    assert all(file.holds(digest_of(token.encode()), 0.0) for token in tokens)
    assert file.holds(digest_of(other.encode()), 0.0) is (other in tokens)


BROKEN = [
    (b"", ": expected 1 to 1,000 tokens"),
    (b"# only a remark\n\n", ": expected 1 to 1,000 tokens"),
    (b"long-enough-to-be-one\nshort\n", ", line 2: expected a token of 16 to 1,024"),
    (b"\nwith a space in between\n", ", line 2: expected a token of 16"),
    ("ein-schönes-geheimnis".encode(), ", line 1: expected a token of 16"),
    (b"with-a-nul-in-it\0-the-secret", ", line 1: expected a token of 16"),
    (b"x" * 1_025, ", line 1: expected a token of 16"),
    (b"".join(b"%020d\n" % number for number in range(MAX_TOKENS + 1)), ": expected 1 to 1,000 tokens"),
    (b"#" * (MAX_FILE_BYTES + 1), ": expected at most 1,048,576 bytes"),
]


def test_a_file_that_is_not_as_it_should_be_is_an_error_with_its_place_and_nothing_of_it(tmp_path, subtests):
    path = tmp_path / "tokens"
    for content, place in BROKEN:
        path.write_bytes(content)
        with subtests.test(content=content[:30], place=place):
            with pytest.raises(BadSettingFile) as caught:
                TokenFile(path, variable="ANDON_TOKENS")
            assert str(caught.value).startswith(f"ANDON_TOKENS: {path}{place}")
            assert str(path) not in caught.value.what
            for secret in ("short", "between", "geheimnis", "the-secret", "xxx"):
                assert secret not in str(caught.value)


@pytest.mark.parametrize("what", ["absent", "folder", "pipe"])
def test_what_is_no_file_is_refused(tmp_path, what):
    path = tmp_path / "tokens"
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    with pytest.raises(BadSettingFile, match="expected a file"):
        create_app(Settings(tokens=path))


def holds(file, token, seconds):
    return file.holds(digest_of(token.encode()), seconds)


def test_a_file_that_changes_is_read_again_within_a_second(users, caplog):
    file = TokenFile(users, variable="ANDON_TOKENS")
    assert holds(file, USER, 0.0)
    users.write_text("the-token-after-that\n")
    assert holds(file, USER, LOOK_SECONDS / 2)
    with caplog.at_level(logging.INFO, logger="service.web.tokens"):
        assert not holds(file, USER, LOOK_SECONDS)
    assert "ANDON_TOKENS was read again: 1 tokens" in caplog.text
    assert holds(file, "the-token-after-that", LOOK_SECONDS)


def test_a_link_that_leads_elsewhere_is_read_again(tmp_path, users, operators):
    link = tmp_path / "link"
    link.symlink_to(users)
    file = TokenFile(link, variable="V")
    assert holds(file, USER, 0.0)
    link.unlink()
    link.symlink_to(operators)
    assert [holds(file, token, 2.0) for token in (USER, OPERATOR)] == [False, True]


@pytest.mark.parametrize("how", ["gone", "empty", "broken"])
def test_the_last_good_tokens_remain_and_the_log_says_so_once(users, caplog, how):
    file = TokenFile(users, variable="ANDON_TOKENS")
    if how == "gone":
        users.unlink()
    else:
        users.write_text("" if how == "empty" else "too-short\n")
    for seconds in range(5):
        assert holds(file, USER, float(seconds))
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage().startswith("ANDON_TOKENS can't be used, the tokens from before remain: ")
    assert "too-short" not in caplog.text
    assert str(users) not in caplog.text
    users.write_text(f"{OTHER}\n")
    assert [holds(file, token, 9.0) for token in (USER, OTHER)] == [False, True]


@given(st.one_of(st.none(), st.text(st.characters(max_codepoint=255))))
def test_any_header_is_a_token_or_none(header):
    token = _given(header)
    assert token is None or (token and token.decode("latin-1") in header)
