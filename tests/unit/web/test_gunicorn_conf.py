"""gunicorn's settings: what the environment says comes through, and what is fixed stays."""

import importlib
import logging
import signal

import pytest
from gunicorn.config import Config
from gunicorn.workers.ggevent import GeventWorker

from service.web import gunicorn_conf


@pytest.fixture
def conf(monkeypatch):
    """The settings as gunicorn would read them in some environment."""

    def read(**environ):
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        return importlib.reload(gunicorn_conf)

    yield read
    monkeypatch.undo()
    importlib.reload(gunicorn_conf)


def settings_of(module):
    """What gunicorn makes of the module: it refuses an unknown name or a value out of range."""
    config = Config()
    for name in vars(module):
        if name in config.settings:
            config.set(name, getattr(module, name))
    return config


def test_gunicorn_accepts_every_setting(conf):
    config = settings_of(conf())
    assert config.address == [("127.0.0.1", 8000)]
    assert config.worker_class_str == "service.web.worker.FairWorker"
    assert issubclass(config.worker_class, GeventWorker)
    assert config.control_socket_disable is True
    assert config.preload_app is False


def test_the_environment_comes_through(conf):
    module = conf(
        ANDON_HOST="0.0.0.0",
        ANDON_PORT="9000",
        ANDON_WORKERS="5",
        ANDON_WORKER_CLASS="gthread",
        ANDON_THREADS="7",
        ANDON_TIMEOUT="11",
        ANDON_GRACEFUL_TIMEOUT="12",
        ANDON_KEEPALIVE="13",
        ANDON_LOG_LEVEL="warning",
    )
    config = settings_of(module)
    assert config.address == [("0.0.0.0", 9000)]
    assert (config.workers, config.threads, config.worker_class_str) == (5, 7, "gthread")
    assert (config.timeout, config.graceful_timeout, config.keepalive) == (11, 12, 13)
    assert config.loglevel == "warning"


def test_an_ipv6_address_is_put_in_brackets(conf):
    assert settings_of(conf(ANDON_HOST="::1")).address == [("::1", 8000)]


def test_the_access_log_is_off_until_asked_for_and_names_no_query_and_no_header(conf):
    assert conf().accesslog is None
    assert conf(ANDON_ACCESS_LOG="true").accesslog == "-"
    format_ = gunicorn_conf.access_log_format
    assert not any(atom in format_ for atom in ("%(r)s", "%(q)s", "%(f)s", "%(a)s", "}i", "}e"))


def test_a_new_worker_can_be_stopped_and_logs_what_the_service_says(conf):
    before, logger = signal.getsignal(signal.SIGTERM), logging.getLogger("service")
    handlers, level = logger.handlers, logger.level
    try:
        signal.signal(signal.SIGTERM, lambda *_: None)
        conf(ANDON_LOG_LEVEL="warning").post_fork(None, None)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert len(logger.handlers) == 1
        assert logger.level == logging.WARNING
    finally:
        signal.signal(signal.SIGTERM, before)
        logger.handlers = handlers
        logger.setLevel(level)
