"""``andon config``: every setting, its value, and where it comes from; and what looks like a setting and is none."""

import json
from itertools import product

import pytest

from service.cli import main
from service.config import BOUNDS, shown, unknown_variables, variable_of


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    """No setting in the environment but those of the test."""
    for name in BOUNDS:
        monkeypatch.delenv(variable_of(name), raising=False)


def config(capsys, *arguments):
    assert main(["config", *arguments]) == 0
    return capsys.readouterr()


def test_every_setting_is_shown_with_its_source(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("ANDON_WORKERS", "3")
    monkeypatch.setenv("ANDON_PORT", "9000")
    arguments = ["--port", "9001", "--set", "max-rows=7", "--set", "ANDON_ACCESS_LOG=true"]
    arguments += ["--set", f"tls_key={tmp_path / 'key'}"]
    rows = json.loads(config(capsys, *arguments, "--json").out)
    assert set(rows) == {variable_of(name) for name in BOUNDS}
    assert rows["ANDON_WORKERS"] == {"value": 3, "source": "environment"}
    assert rows["ANDON_PORT"] == {"value": 9001, "source": "option"}
    assert rows["ANDON_MAX_ROWS"] == {"value": 7, "source": "option"}
    assert rows["ANDON_ACCESS_LOG"] == {"value": True, "source": "option"}
    assert rows["ANDON_TLS_KEY"] == {"value": str(tmp_path / "key"), "source": "option"}
    assert rows["ANDON_HOST"] == {"value": "127.0.0.1", "source": "default"}
    assert rows["ANDON_TOKENS"] == {"value": None, "source": "default"}
    lines = config(capsys, *arguments).out.splitlines()
    assert lines[0].split() == ["variable", "value", "from"]
    assert [line.split()[0] for line in lines[1:]] == list(rows)
    assert ["ANDON_ACCESS_LOG", "true", "option"] in [line.split() for line in lines]
    assert ["ANDON_TOKENS", "not", "set", "default"] in [line.split() for line in lines]


def test_what_a_file_holds_is_not_shown(tmp_path, capsys):
    path = tmp_path / "tokens"
    path.write_text("a-secret-token-of-ours")
    out = config(capsys, "--set", f"tokens={path}").out
    assert str(path) in out
    assert "a-secret" not in out


SECRETS = {
    "short": "s3cret-token-abcdefghijkl",
    "with dots": "eyJhbGciOi.eyJzdWIiOiIxMjM0.SflKxwRJSMeKKF2QT4",
    "with slashes": "q83vEjRW/eJq83vEjRWeJq83v/EjRWeJq8",
    "long": "s3cret" * 60,
}


def test_a_secret_in_place_of_its_files_path_is_not_shown(tmp_path, capsys, monkeypatch, subtests):
    monkeypatch.chdir(tmp_path)
    for (kind, secret), name in product(SECRETS.items(), ("tokens", "admin_tokens", "tls_key")):
        with subtests.test(kind=kind, name=name):
            more = ["--set", "tls_certificate=there"] if name == "tls_key" else []
            (tmp_path / "there").touch()
            for command in ("config", "serve"):
                main([command, "--set", f"{name}={secret}", *more])
            said = "".join(capsys.readouterr())
            assert not any(part in said for part in secret.split("/"))
            assert said.count("***") == 2


def test_the_path_of_such_a_file_is_shown_where_it_can_be_one(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tokens-of-the-users").write_text("x" * 16)
    for path in ("tokens-of-the-users", str(tmp_path / "tokens-of-the-users"), f"{tmp_path.parent}/prediction-tokens"):
        main(["config", "--set", f"tokens={path}"])
        assert path in capsys.readouterr().out


def test_a_password_in_an_address_is_not_shown():
    for address in ("https://user:a-secret@host/path", "https://a-secret@host/path"):
        assert shown("traces", address) == "https://***@host/path"
    assert shown("traces", "https://host/a@b") == "https://host/a@b"


NOT_USED = [
    (["--set", "prot=1"], "ANDON_PROT is no setting; did you mean ANDON_PORT?"),
    (["--set", "xyzzy=1"], "ANDON_XYZZY is no setting"),
    (["--set", "port"], "expected NAME=VALUE, found 'port'"),
    (["--set", "port=0"], "ANDON_PORT: expected an integer from 1 to 65535, found '0'"),
    (["--set", "tokens="], "ANDON_TOKENS: expected the path of a file, found ''"),
    (["--workers", "0"], "--workers"),
]


def test_what_can_not_be_used_is_2_and_named(capsys, subtests):
    for command, (arguments, message) in product(("config", "serve"), NOT_USED):
        with subtests.test(command=command, arguments=arguments):
            assert main([command, *arguments]) == 2
            out, err = capsys.readouterr()
            assert out == ""
            assert message in err


FILES = [
    ({"tokens": "short\n"}, "ANDON_TOKENS: {tokens}, line 1: expected a token of 16"),
    ({"tls_certificate": ""}, "ANDON_TLS_KEY: expected the key of ANDON_TLS_CERTIFICATE, found ''"),
    ({"tls_key": ""}, "ANDON_TLS_CERTIFICATE: expected a certificate for ANDON_TLS_KEY"),
    ({"tls_client_ca": ""}, "ANDON_TLS_CERTIFICATE: expected a certificate, without which"),
    ({"tls_certificate": "x", "tls_key": "y"}, "ANDON_TLS_KEY: {tls_key}: expected an unencrypted key"),
    ({"tls_certificate": None, "tls_key": "y"}, "ANDON_TLS_CERTIFICATE: {tls_certificate}: expected a file"),
]


def test_a_service_whose_files_are_not_as_they_should_be_does_not_start(tmp_path, capsys, subtests):
    for number, (settings, message) in enumerate(FILES):
        with subtests.test(settings=settings):
            paths = {name: tmp_path / f"{name} {number}" for name in settings}
            for name, content in settings.items():
                if content is not None:
                    paths[name].write_text(content)
            given = [option for name, path in paths.items() for option in ("--set", f"{name}={path}")]
            assert main(["serve", *given]) == 2
            assert message.format(**paths) in capsys.readouterr().err


def test_a_variable_that_is_no_setting_is_warned_of(monkeypatch, capsys):
    monkeypatch.setenv("ANDON_MAX_ROW", "3")
    for arguments in ([], ["--json"]):
        assert "warning: ANDON_MAX_ROW is no setting; did you mean ANDON_MAX_ROWS?" in config(capsys, *arguments).err


def test_variables_of_others_are_none_of_ours():
    environ = {"PORT": "1", "ANDON_PORT": "1", "ANDON_REVISION": "1", "ANDON_WORKRES": "1", "andon_port": "1"}
    assert unknown_variables(environ) == {"ANDON_WORKRES": "ANDON_WORKERS", "andon_port": "ANDON_PORT"}
    assert unknown_variables({"ANDON_XYZZY": ""}) == {"ANDON_XYZZY": None}
