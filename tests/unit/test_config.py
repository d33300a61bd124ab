"""Every setting: its default, its bounds, and an error that names its variable."""

from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import config
from service.config import BOUNDS, PLATFORMS, Settings
from service.errors import ConfigError

INTEGERS = {
    "max_body_bytes": (1_024, 2**31),
    "max_rows": (1, 1_000_000),
    "max_columns": (1, 10_000),
    "max_value_bytes": (16, 2**31),
    "request_seconds": (1, 3_600),
    "drain_seconds": (0, 3_600),
    "port": (1, 65_535),
    "workers": (1, 256),
    "threads": (1, 256),
    "timeout": (1, 3_600),
    "graceful_timeout": (1, 3_600),
    "keepalive": (0, 3_600),
    "request_log_bytes": (2**16, 2**40),
    "request_log_files": (2, 10_000),
    "monitor_rows": (0, 1_000_000),
}
FLAGS = ("access_log", "metrics", "traces")
CHOICES = {
    "worker_class": ("gevent", "gthread", "sync"),
    "log_level": ("debug", "info", "warning", "error", "critical"),
    "log_format": ("auto", "json", "text"),
}

ROUTES = ("health_route", "predict_route")


FILES = ("tokens", "admin_tokens", "tls_certificate", "tls_key", "tls_client_ca")


def read(**variables):
    return Settings.from_environ({f"ANDON_{name.upper()}": text for name, text in variables.items()})


def refused(name, text):
    """What was expected instead."""
    variable = f"ANDON_{name.upper()}"
    try:
        settings = read(**{name: text})
    except ConfigError as error:
        assert (error.variable, error.value) == (variable, text)
        assert str(error) == f"{variable}: expected {error.expected}, found {text!r}"
        return error.expected
    pytest.fail(f"{variable} is {getattr(settings, name)!r} of {text!r}")


def test_an_empty_environment_gives_the_defaults():
    assert Settings.from_environ({}) == Settings()
    assert Settings().max_body_bytes == 4 * 2**20


def test_every_setting_has_bounds_and_every_bound_a_setting():
    assert set(BOUNDS) == {setting.name for setting in fields(Settings)}
    others = {"store", "host", "request_log", "request_log_share"}
    assert set(BOUNDS) == {*INTEGERS, *CHOICES, *FLAGS, *ROUTES, *FILES, *others}


def test_the_defaults_are_within_the_bounds():
    assert Settings.from_environ(Settings().to_environ()) == Settings()


def test_an_integer_is_accepted_from_its_least_to_its_greatest_value(subtests):
    for name, (low, high) in INTEGERS.items():
        with subtests.test(name=name):
            assert getattr(read(**{name: str(low)}), name) == low
            assert getattr(read(**{name: str(high)}), name) == high
            assert refused(name, str(low - 1)) == refused(name, str(high + 1)) == f"an integer from {low} to {high}"


NO_INTEGERS = ("", " ", "x", "1.0", "1e3", "0x10", "nan", "true", "9" * 5_000)


def test_what_is_no_integer_is_refused_by_the_name_of_its_variable(subtests):
    for name in INTEGERS:
        with subtests.test(name=name):
            for text in NO_INTEGERS:
                refused(name, text)


def test_a_choice_is_one_of_its_words_as_they_are_written(subtests):
    for name, choices in CHOICES.items():
        with subtests.test(name=name):
            for choice in choices:
                assert getattr(read(**{name: choice}), name) == choice
            for text in ("", "gunicorn", choices[0].upper(), f" {choices[0]}"):
                assert refused(name, text) == f"one of {', '.join(choices)}"


def test_a_flag_is_true_or_false_and_nothing_else(subtests):
    for name in FLAGS:
        with subtests.test(name=name):
            for text, value in (("true", True), ("false", False), ("True", True), ("FALSE", False)):
                assert getattr(read(**{name: text}), name) is value, text
            for text in ("", "1", "0", "yes", "no", "on", "truth", " true"):
                assert refused(name, text) == "true or false"


def test_a_share_is_a_number_from_0_to_1_and_nothing_else():
    for text, value in (("0", 0.0), ("1", 1.0), ("0.25", 0.25), ("1e-3", 0.001)):
        assert read(request_log_share=text).request_log_share == value
    for text in ("", "x", "-0.1", "1.0001", "nan", "inf", "50%"):
        assert refused("request_log_share", text) == "a number from 0 to 1"


def test_a_folder_that_may_be_left_out_is_none_when_it_is_empty():
    assert read(request_log="").request_log is None
    assert read(request_log="/data/requests").request_log == Path("/data/requests")


def test_a_path_and_an_address_are_not_empty():
    for name in ("store", "host", *FILES):
        refused(name, "")


def test_a_store_is_a_path_as_it_is_written():
    assert read(store="/data/a store").store == Path("/data/a store")


def test_a_route_is_a_plain_path_or_nothing(subtests):
    for name in ROUTES:
        with subtests.test(name=name):
            for text in ("", "/", "/a", "/a/", "/v1/endpoints/1/deployedModels/2:predict", "/A-1_~.!$&'()*+,;=@"):
                assert getattr(read(**{name: text}), name) == text
            for text in ("a", "//", "/a//b", "/<a>", "/a b", "/a?b", "/%61", "/ü", "/a\n", "http://a/b", " /a"):
                assert refused(name, text).startswith("a path that begins with /")


PLATFORM = {
    "AIP_HTTP_PORT": ("port", "8081", 8_081),
    "SAGEMAKER_BIND_TO_PORT": ("port", "8082", 8_082),
    "AIP_HEALTH_ROUTE": ("health_route", "/up", "/up"),
    "AIP_PREDICT_ROUTE": ("predict_route", "/score", "/score"),
    "AIP_STORAGE_URI": ("store", "/models/a", Path("/models/a")),
}


def test_these_are_the_variables_of_platforms():
    listed = {(variable, name) for name, variables in PLATFORMS.items() for variable in variables}
    assert listed == {(variable, name) for variable, (name, _, _) in PLATFORM.items()}


def test_a_platforms_variable_counts_where_ours_is_not_there(subtests):
    for variable, (name, text, value) in PLATFORM.items():
        with subtests.test(variable=variable):
            assert Settings.from_environ({variable: text}) == replace(Settings(), **{name: value})
            ours = {f"ANDON_{name.upper()}": str(getattr(Settings(), name))}
            assert Settings.from_environ({variable: text, **ours}) == Settings()


NOT_TAKEN = {
    "AIP_HTTP_PORT": "x",
    "AIP_HEALTH_ROUTE": "up",
    "AIP_PREDICT_ROUTE": "/<x>",
    "SAGEMAKER_BIND_TO_PORT": "",
    "AIP_STORAGE_URI": "gs://bucket/model",  # else another model would answer in its place
}


def test_an_error_names_the_platforms_variable(subtests):
    for variable, text in NOT_TAKEN.items():
        with subtests.test(variable=variable):
            with pytest.raises(ConfigError) as caught:
                Settings.from_environ({variable: text})
            assert (caught.value.variable, caught.value.value) == (variable, text)


def test_a_models_address_elsewhere_counts_for_nothing_beside_a_store_of_ours():
    assert Settings.from_environ({"AIP_STORAGE_URI": ""}) == Settings()
    given = {"AIP_STORAGE_URI": "gs://bucket/model", "ANDON_STORE": "mine"}
    assert Settings.from_environ(given).store == Path("mine")


def test_gunicorns_prefix_is_taken_away(monkeypatch):
    monkeypatch.setenv("SCRIPT_NAME", "/a")
    assert config.take_prefix() == "/a"
    assert config.take_prefix() == ""


def test_sagemakers_folder_is_the_store_if_anything_is_in_it_and_nothing_else_is(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "SAGEMAKER_FOLDER", tmp_path)
    started = {"SAGEMAKER_BIND_TO_PORT": "8080"}
    assert Settings.from_environ(started).store == Settings().store
    (tmp_path / "model.tar").write_bytes(b"no store: it is not ready, and no other model answers in its place")
    assert Settings.from_environ(started).store == tmp_path
    assert Settings.from_environ({**started, "ANDON_STORE": "mine"}).store == Path("mine")
    assert Settings.from_environ({}).store == Settings().store
    for unread in (tmp_path / "model.tar", Path("x" * 300)):  # it may hold anything
        monkeypatch.setattr(config, "SAGEMAKER_FOLDER", unread)
        assert Settings.from_environ(started).store == unread
    monkeypatch.setattr(config, "SAGEMAKER_FOLDER", tmp_path / "nowhere")
    assert Settings.from_environ(started).store == Settings().store


def test_a_file_that_is_not_named_is_none():
    for name in FILES:
        assert getattr(Settings.from_environ({}), name) is None, name
        assert f"ANDON_{name.upper()}" not in Settings().to_environ()
        assert Settings.from_environ(read(**{name: "/a file"}).to_environ()) == read(**{name: "/a file"}), name


def test_variables_of_others_are_ignored():
    assert Settings.from_environ({"PORT": "x", "ANDON_COLOUR": "red", "andon_port": "x"}) == Settings()


def test_without_an_argument_the_environment_of_the_process_is_read(monkeypatch):
    monkeypatch.setenv("ANDON_PORT", "9999")
    assert Settings.from_environ().port == 9_999
    monkeypatch.setenv("ANDON_PORT", "99999")
    with pytest.raises(ConfigError, match="^ANDON_PORT: "):
        Settings.from_environ()


PRINTABLE = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


@given(
    st.builds(
        Settings,
        store=PRINTABLE.map(Path),
        host=PRINTABLE,
        **{name: st.sampled_from(["", "/", "/v1/a:b"]) for name in ROUTES},
        request_log=st.none() | PRINTABLE.map(Path),
        request_log_share=st.floats(0, 1),
        **{name: st.booleans() for name in FLAGS},
        **{name: st.integers(*bounds) for name, bounds in INTEGERS.items()},
        **{name: st.sampled_from(choices) for name, choices in CHOICES.items()},
    )
)
def test_any_settings_survive_the_environment(settings):
    environ = settings.to_environ()
    assert all(isinstance(text, str) for text in environ.values())
    assert Settings.from_environ(environ) == settings
