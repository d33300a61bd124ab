"""gunicorn's settings: what the environment says comes through, and what is fixed stays."""

import importlib
import signal
from types import SimpleNamespace

import pytest
from gunicorn.config import Config
from gunicorn.workers.ggevent import GeventWorker

from service.web import gunicorn_conf
from service.web.logs import GunicornLogger
from service.web.threads import PunctualWorker


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
    assert config.forwarder_headers == []


class Server:
    """A master that has started, with what it has logged."""

    def __init__(self):
        self.said = []
        self.log = SimpleNamespace(warning=lambda text, *values: self.said.append(text % values))


USERS, ADMINS = "no tokens (ANDON_TOKENS)", "no tokens for administration (ANDON_ADMIN_TOKENS)"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, [USERS, ADMINS]),
        ({"ANDON_TOKENS": "FILE"}, [ADMINS]),
        ({"ANDON_ADMIN_TOKENS": "FILE"}, [USERS]),
        ({"ANDON_TOKENS": "FILE", "ANDON_ADMIN_TOKENS": "FILE"}, []),
        ({"ANDON_TOKENS": "FILE", "ANDON_METRICS": "false"}, []),
        ({"ANDON_METRICS": "false", "SCRIPT_NAME": "/a"}, [USERS, "SCRIPT_NAME is not used"]),
    ],
)
def test_what_is_open_and_what_is_not_used_is_said_at_the_start(conf, given, said):
    conf(**given).on_starting(server := Server())
    assert [line.partition(":")[0] for line in server.said] == said


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
    assert (config.workers, config.threads, config.worker_class) == (5, 7, PunctualWorker)
    assert (config.timeout, config.graceful_timeout, config.keepalive) == (11, 12, 13)
    assert config.loglevel == "warning"


def test_an_ipv6_address_is_put_in_brackets(conf):
    assert settings_of(conf(ANDON_HOST="::1")).address == [("::1", 8000)]


def test_gunicorn_logs_in_our_format_and_no_requests(conf):
    config = settings_of(conf(ANDON_ACCESS_LOG="true"))
    assert config.logger_class is GunicornLogger
    assert (config.accesslog, config.errorlog) == (None, "-")


def test_a_worker_that_ends_closes_its_application(conf, monkeypatch):
    closed = []
    monkeypatch.setattr(gunicorn_conf, "close", closed.append)
    gunicorn_conf.worker_exit(None, SimpleNamespace(wsgi="application"))
    gunicorn_conf.worker_exit(None, SimpleNamespace())  # it could not be loaded
    assert closed == ["application"]


def test_a_new_worker_can_be_stopped(conf):
    before = signal.getsignal(signal.SIGTERM)
    try:
        signal.signal(signal.SIGTERM, lambda *_: None)
        conf().post_fork(None, None)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


class Worker:
    """As much of gunicorn's as the settings see."""

    def __init__(self):
        self.warnings = []
        self.log = self

    def warning(self, line):
        self.warnings.append(line)


@pytest.mark.parametrize("workers", [1, 2])
def test_each_worker_has_a_place_for_what_it_counts_and_its_successor_has_it_again(conf, workers, monkeypatch):
    monkeypatch.setattr(gunicorn_conf.gc, "freeze", lambda: None)
    module = conf(ANDON_WORKERS=str(workers))
    living = [Worker() for _ in range(4 * workers + 1)]
    server = Worker()
    for worker in living:
        module.pre_fork(server, worker)
    assert [worker.seat and worker.seat.place for worker in living] == [*range(4 * workers), None]
    assert len(server.warnings) == 1
    for worker in (living[-1], living[2], living[1]):
        module.child_exit(server, worker)
    successor = Worker()
    module.pre_fork(server, successor)
    assert successor.seat.place == 1


def test_without_metrics_there_are_no_places(conf):
    worker = Worker()
    module = conf(ANDON_METRICS="false", ANDON_WORKERS="1")
    assert module._sheets is None
    module.child_exit(None, worker)
