"""Every setting, in one table; the only reader of the environment."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from service.errors import ConfigError

PREFIX = "ANDON_"

PLATFORMS: dict[str, tuple[str, ...]] = {
    "port": ("AIP_HTTP_PORT", "SAGEMAKER_BIND_TO_PORT"),
    "health_route": ("AIP_HEALTH_ROUTE",),
    "predict_route": ("AIP_PREDICT_ROUTE",),
    "store": ("AIP_STORAGE_URI",),
}
"""For each setting, the variables by which a platform gives it: Vertex AI's, SageMaker's. Ours come before them."""

SAGEMAKER_FOLDER = Path("/opt/ml/model")
"""Where SageMaker unpacks a model. It is the store if anything is there, SageMaker gives a port, and nothing a store:
what is no store then is not ready, and no other model answers in the place of the one that was meant."""

SECRETS = ("tokens", "admin_tokens", "tls_key")
"""The settings that name a file of secrets."""

ELSEWHERE = ("ANDON_REVISION", "ANDON_STAGES", "ANDON_IMAGE", "ANDON_SMOKE_IMAGE", "ANDON_PUBLISH", "ANDON_VERSION")
"""Variables that are read when Andon is built, tested or published, and are no settings of the service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a service. Each is read from ``ANDON_`` and its name in capitals, checked against ``BOUNDS``.

    Attributes:
        store: folder of the model store.
        max_body_bytes: longest request body that is accepted.
        max_rows: most rows that one request may hold, in any format.
        max_columns: most keys or columns that one row may have, whether the model uses them or not.
        max_value_bytes: longest text that one value may be, in UTF-8.
        request_seconds: seconds that a request may take to arrive, its head and its body each.
        tokens: file of the bearer tokens for predictions and what tells of the model; without it, they are for all.
        admin_tokens: file of those for metrics and administration; without it, ``tokens`` are for those too.
        tls_certificate: file of the certificate, and of those between it and its authority (PEM); HTTPS if given.
        tls_key: file of the certificate's private key (PEM), unencrypted.
        tls_client_ca: file of the authorities (PEM) one of which must have signed a client's certificate.
        host: address to listen on.
        port: port to listen on.
        workers: processes that answer requests.
        worker_class: gunicorn's way to serve connections within a worker; ``gevent`` is ``web.worker``'s.
        threads: threads a worker, for the ``gthread`` class.
        timeout: seconds after which a worker that gives no sign of life is replaced.
        drain_seconds: seconds for which a service that is to stop says that it is not ready, and still answers.
        graceful_timeout: seconds that requests in flight are given when the service stops, after that.
        keepalive: seconds that an idle connection is kept; behind a load balancer, more than it keeps its own. A stop
            waits for idle connections too, up to ``graceful_timeout``.
        access_log: whether each request is logged (ids, method, path, status, rows, size, time; never a query or a
            value).
        log_level: least severity that is logged.
        health_route: a further path that says whether the service is ready; empty: none.
        predict_route: a further path that predicts; empty: none.
        log_format: ``json``, ``text``, or ``auto``: text where standard error is a terminal.
        request_log: folder in which requests and their answers are kept for ``andon replay``; none: they are not.
        request_log_share: of all requests, how many of these are kept, chosen at random.
        request_log_bytes: a file of the request log has no more, and then there is another.
        request_log_files: so many files are kept for each worker.
        traces: whether each request is a span of OpenTelemetry, sent as the variables ``OTEL_*`` say.
        metrics: whether there is ``/metrics`` for Prometheus.
        monitor_rows: predicted rows that each worker looks at in a second, at most, for the metrics of values; 0: none.
    """

    store: Path = Path("andon-store")
    max_body_bytes: int = 4 * 2**20
    max_rows: int = 10_000
    max_columns: int = 10_000
    max_value_bytes: int = 65_536
    request_seconds: int = 30
    tokens: Path | None = None
    admin_tokens: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 2
    worker_class: str = "gevent"
    threads: int = 4
    timeout: int = 30
    drain_seconds: int = 0
    graceful_timeout: int = 30
    keepalive: int = 5
    access_log: bool = False
    log_level: str = "info"
    health_route: str = ""
    predict_route: str = ""
    log_format: str = "auto"
    request_log: Path | None = None
    request_log_share: float = 1.0
    request_log_bytes: int = 64 * 2**20
    request_log_files: int = 8
    traces: bool = False
    metrics: bool = True
    monitor_rows: int = 100

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """The settings that the environment gives, by our variables or else by a platform's, defaults for the rest.

        Raises:
            ConfigError: a value is out of its bounds; it names the variable.
        """
        environ = os.environ if environ is None else environ
        given = {name: text for name, text in environ.items() if text or name != "AIP_STORAGE_URI"}  # "": no model
        values: dict[str, Any] = {}
        for setting in fields(cls):
            variables = [variable_of(setting.name), *PLATFORMS.get(setting.name, ())]
            variable = next((each for each in variables if each in given), None)
            if variable is not None:
                expected, parse = PLATFORM_BOUNDS.get(variable) or BOUNDS[setting.name]
                try:
                    values[setting.name] = parse(given[variable])
                except ValueError:
                    raise ConfigError(variable=variable, value=given[variable], expected=expected) from None
        if "SAGEMAKER_BIND_TO_PORT" in given and _holds_anything(SAGEMAKER_FOLDER):
            values.setdefault("store", SAGEMAKER_FOLDER)
        return cls(**values)

    def to_environ(self) -> dict[str, str]:
        """The environment that ``from_environ`` reads these settings from."""
        values = {variable_of(setting.name): getattr(self, setting.name) for setting in fields(self)}
        return {variable: as_text(value) for variable, value in values.items() if value is not None}


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def _holds_anything(folder: Path) -> bool:
    """Whether anything is there, or may be: a folder that can't be read is not taken for an empty one."""
    try:
        return next(folder.iterdir(), None) is not None
    except FileNotFoundError:
        return False
    except OSError:
        return True


def take_prefix() -> str:
    """Take ``SCRIPT_NAME`` out of the environment: gunicorn would answer 500 where a path does not begin with it."""
    return os.environ.pop("SCRIPT_NAME", "")


def unknown_variables(environ: Mapping[str, str]) -> dict[str, str | None]:
    """The variables that look like settings and are none, each with the setting whose name is most like its own."""
    known = [variable_of(setting.name) for setting in fields(Settings)]
    strangers = [name for name in environ if name.upper().startswith(PREFIX) and name not in (*known, *ELSEWHERE)]
    return {name: next(iter(difflib.get_close_matches(name.upper(), known, n=1)), None) for name in sorted(strangers)}


def shown(name: str, value: object) -> object:
    """A setting's value as it may be shown and as JSON has it: an address without the password in it."""
    if name in SECRETS and isinstance(value, Path):
        return shown_path(value)
    if isinstance(value, (str, Path)):
        return re.sub(r"//[^/@\s]*@", "//***@", str(value))
    return value


def shown_path(path: Path) -> str:
    """The path of a file of secrets as it may be shown: what is none may be the secret itself.

    A file that is there is shown, and so is a name in a folder that is there; but any text is a name in the working
    directory.
    """
    folder = os.path.abspath(path.parent)
    if os.path.exists(path) or (os.path.isdir(folder) and folder not in (os.getcwd(), "/")):
        return str(path)
    return "***"


def as_text(value: object) -> str:
    """A setting's value as its variable has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _integer(low: int, high: int) -> tuple[str, Callable[[str], object]]:
    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value

    return f"an integer from {low} to {high}", parse


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:  # nor is NaN
        raise ValueError(text)
    return value


def _one_of(*choices: str) -> tuple[str, Callable[[str], object]]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(text)
        return text

    return f"one of {', '.join(choices)}", parse


def _not_empty(kind: Callable[[str], object]) -> Callable[[str], object]:
    def parse(text: str) -> object:
        if not text:
            raise ValueError(text)
        return kind(text)

    return parse


def _rooted(text: str) -> Path:
    if not text.startswith("/"):
        raise ValueError(text)
    return Path(text)


def _route(text: str) -> str:
    if not re.fullmatch(r"(/[\w.~!$&'()*+,;=:@-]+)*/?", text, re.ASCII):
        raise ValueError(text)
    return text


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


_ROUTE = ("a path that begins with /, of ASCII letters, digits and -._~!$&'()*+,;=:@/, or nothing", _route)
_FILE = "the path of a file", _not_empty(Path)

BOUNDS: dict[str, tuple[str, Callable[[str], object]]] = {
    "store": ("the path of a folder", _not_empty(Path)),
    "max_body_bytes": _integer(1_024, 2**31),
    "max_rows": _integer(1, 1_000_000),
    "max_columns": _integer(1, 10_000),
    "max_value_bytes": _integer(16, 2**31),
    "request_seconds": _integer(1, 3_600),
    "tokens": _FILE,
    "admin_tokens": _FILE,
    "tls_certificate": _FILE,
    "tls_key": _FILE,
    "tls_client_ca": _FILE,
    "host": ("an address", _not_empty(str)),
    "port": _integer(1, 65_535),
    "workers": _integer(1, 256),
    "worker_class": _one_of("gevent", "gthread", "sync"),
    "threads": _integer(1, 256),
    "timeout": _integer(1, 3_600),
    "drain_seconds": _integer(0, 3_600),
    "graceful_timeout": _integer(1, 3_600),
    "keepalive": _integer(0, 3_600),
    "access_log": ("true or false", _flag),
    "log_level": _one_of("debug", "info", "warning", "error", "critical"),
    "health_route": _ROUTE,
    "predict_route": _ROUTE,
    "log_format": _one_of("auto", "json", "text"),
    "request_log": ("the path of a folder, or nothing", lambda text: Path(text) if text else None),
    "request_log_share": ("a number from 0 to 1", _share),
    "request_log_bytes": _integer(2**16, 2**40),
    "request_log_files": _integer(2, 10_000),
    "traces": ("true or false", _flag),
    "metrics": ("true or false", _flag),
    "monitor_rows": _integer(0, 1_000_000),
}
"""For each setting, what is expected in words, and the function that turns text into it or raises ``ValueError``."""

PLATFORM_BOUNDS: dict[str, tuple[str, Callable[[str], object]]] = {
    "AIP_STORAGE_URI": (
        "a folder's path from the root, for nothing is fetched; ANDON_STORE names another store",
        _rooted,
    ),
}
"""The same for a platform's variable that may be less than the setting."""
