"""gunicorn's settings: ``gunicorn --config python:service.web.gunicorn_conf "service.web:create_app()"``.

What a user may change comes from the environment (``service.config``); what is fixed says why. The choices that were
measured are in ``docs/decisions/0004-worker.md``.
"""

from __future__ import annotations

import gc
import signal
import ssl
from functools import partial
from pathlib import Path
from typing import Any

from service.config import Settings, take_prefix
from service.web import AUDIENCE, STOPPING, close
from service.web.metrics import sheets
from service.web.metrics.sheets import Sheets
from service.web.refusals import replace_pages
from service.web.stopping import Flag, drain
from service.web.tls import context_of
from service.web.turns import Turns

_settings = Settings.from_environ()
_prefix = take_prefix()

bind = f"[{_settings.host}]:{_settings.port}" if ":" in _settings.host else f"{_settings.host}:{_settings.port}"
workers = _settings.workers
worker_class = {
    "gevent": "service.web.worker.FairWorker",
    "gthread": "service.web.threads.PunctualWorker",
    "sync": "sync",
}[_settings.worker_class]
threads = _settings.threads if _settings.worker_class == "gthread" else 1
worker_connections = 1_000
timeout = _settings.timeout
graceful_timeout = _settings.graceful_timeout
keepalive = _settings.keepalive

# The heartbeat is a file that each worker touches; on a disk, a slow write would look like a dead worker.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None

# Each worker loads the model itself: its memory map is shared all the same, and a reload never serves old code.
preload_app = False

# The control socket would write into the home folder, which a container of ours has not.
control_socket_disable = True

# With a certificate it is HTTPS. The rest is said by the context that `ssl_context` makes.
certfile = None if _settings.tls_certificate is None else str(_settings.tls_certificate)
keyfile = None if _settings.tls_key is None else str(_settings.tls_key)

# Headers beyond these bounds are no client of ours.
limit_request_line = 4_094
limit_request_fields = 64
limit_request_field_size = 8_190

# A proxy may say by which scheme it was asked, and nothing else: gunicorn would let it, and whoever is behind it, move
# paths, by which we decide who may ask for what.
forwarder_headers = ""

# What is logged, and how: gunicorn's lines beside the service's. Requests are logged by the service (``access_log``).
logger_class = "service.web.logs.GunicornLogger"
accesslog = None
errorlog = "-"
loglevel = _settings.log_level


# At a reload there are old and new workers, at two quick ones still more.
_places = 4 * workers
_turns = Turns(_places) if workers > 1 else None
_sheets = Sheets(_places) if _settings.metrics else None
_stopping = Flag()


def ssl_context(config: Any, default_factory: Any) -> ssl.SSLContext | None:
    """What secures the connections: made once by a worker of class gevent, anew for each connection by the others."""
    return context_of(_settings)


def on_starting(server: Any) -> None:
    """In the master, once: who may ask what, and what a SIGTERM does."""
    if not _settings.tokens:
        server.log.warning("no tokens (ANDON_TOKENS): whoever reaches this address may ask for predictions")
    if _settings.metrics and not _settings.admin_tokens:
        whoever = "whoever may ask for predictions" if _settings.tokens else "whoever reaches this address"
        server.log.warning("no tokens for administration (ANDON_ADMIN_TOKENS): %s may read the metrics", whoever)
    if _prefix:
        server.log.warning("SCRIPT_NAME is not used: what forwards requests here has to take a prefix off their paths")
    server.handle_term = partial(drain, server, _stopping, seconds=_settings.drain_seconds)


def pre_fork(server: Any, worker: Any) -> None:
    """In the master, before each worker: its place among those that accept by turns and among those that count.

    What is there by now stays shared.

    A garbage collection writes to every object that it looks at, and its page would be copied. It looks at none that
    was frozen before the fork.
    """
    if _turns:
        worker.turn = _turns.take()
    worker.request_seconds = _settings.request_seconds
    if _sheets:
        worker.seat = _sheets.take()
        if worker.seat is None:
            server.log.warning("there are more workers than places: what the next one counts, it shows alone")
    gc.freeze()


def on_exit(server: Any) -> None:
    """In the master at its end: a late signal does not make it look like a failure."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def child_exit(server: Any, worker: Any) -> None:
    """In the master, when a worker has ended, killed or not: nobody waits for it to accept, or asks what it answers."""
    if _turns and worker.turn:
        _turns.give_back(worker.turn)
    if _sheets and worker.seat is not None:
        _sheets.give_back(worker.seat)


def worker_exit(server: Any, worker: Any) -> None:
    """In a worker at its end: what requests left behind is written.

    And what was frozen is taken down in the usual order again, loggers before their locks.
    """
    application = getattr(worker, "wsgi", None)  # none, if it could not be loaded
    try:
        if application is not None:
            close(application)
    finally:
        gc.unfreeze()


def post_worker_init(worker: Any) -> None:
    """In a worker that has loaded the application: what the two say of each other.

    Its readiness depends on the master, and who hears of requests hears of those that gunicorn itself refuses.
    """
    extensions = worker.wsgi.extensions
    extensions[STOPPING].flag = _stopping
    replace_pages(extensions[AUDIENCE].observers)


def post_fork(server: Any, worker: Any) -> None:
    """What every worker starts with, before it loads the application."""
    # Until the worker sets its own handlers, the one inherited from the master would swallow a SIGTERM for good.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if getattr(worker, "seat", None) is not None:
        sheets.give(worker.seat)
