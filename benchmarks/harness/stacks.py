"""The servers that are compared, each set up as someone who knows it would: two workers, no access log."""

from __future__ import annotations

import sys
from pathlib import Path

from clicks.fields import FIELDS
from harness.bench import Bench
from harness.commands import ANDON
from harness.environments import PEERS, Environment, peer
from harness.servers import HOST, Command, free_port

WORKERS = 2


def andon(store: Path, environment: Environment | None = None) -> Command:
    """``andon serve``, with the defaults that it ships with."""
    command = ANDON if environment is None else [environment.python, "-I", "-m", "service"]
    return Command(words=[*command, "serve", "--store", store], environ=_settings(), folder=store.parent)


def nothing() -> Command:
    """A Flask view that does nothing, under the same gunicorn with the same settings."""
    application = ["--pythonpath", PEERS, "nothing:app"]
    words = [sys.executable, "-I", "-m", "gunicorn", "--config", "python:service.web.gunicorn_conf", *application]
    return Command(words=words, environ=_settings(), folder=PEERS)  # gunicorn looks where it is first


def fastapi(bench: Bench) -> Command:
    """FastAPI under uvicorn with uvloop and httptools."""
    python = peer("fastapi", bench.data).python
    options = ["--workers", str(WORKERS), "--no-access-log", "--log-level", "warning", "--host", HOST]
    loops = ["--loop", "uvloop", "--http", "httptools"]
    words = [python, "-m", "uvicorn", "fastapi_app:app", "--port", "{port}", *options, *loops]
    return Command(words=words, environ=_classic(bench), folder=PEERS)


def mlserver(bench: Bench, *, workers: int = WORKERS) -> Command:
    """MLServer with a custom runtime; ``workers`` processes infer (0: the one that speaks HTTP)."""
    python = peer("mlserver", bench.data).python
    environ = {
        "MLSERVER_HOST": HOST,
        "MLSERVER_HTTP_PORT": "{port}",
        "MLSERVER_GRPC_PORT": str(free_port()),
        "MLSERVER_METRICS_PORT": str(free_port()),
        "MLSERVER_METRICS_ENDPOINT": "",
        "MLSERVER_DEBUG": "false",
        "MLSERVER_PARALLEL_WORKERS": str(workers),
        "MLSERVER_MODEL_NAME": "clicks",
        "MLSERVER_MODEL_IMPLEMENTATION": "mlserver_runtime.Clicks",
        "PYTHONPATH": str(PEERS),
    }
    words = [python, python.with_name("mlserver"), "start", bench.data]
    return Command(words=words, environ={**_classic(bench), **environ}, folder=bench.data)


def bentoml(bench: Bench) -> Command:
    """BentoML's own server in front of a service with two workers."""
    python = peer("bentoml", bench.data).python
    words = [python, "-m", "bentoml", "serve", "bento_service:Clicks", "--port", "{port}", "--host", HOST]
    quiet = {"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(bench.data / "bentoml")}
    return Command(words=words, environ={**_classic(bench), **quiet}, folder=PEERS)


def _settings() -> dict[str, str]:
    return {"ANDON_HOST": HOST, "ANDON_PORT": "{port}", "ANDON_WORKERS": str(WORKERS), "ANDON_LOG_LEVEL": "warning"}


def _classic(bench: Bench) -> dict[str, str]:
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return {
        "BENCH_FIELDS": ",".join(field.name for field in FIELDS),
        "BENCH_WEIGHTS": str(bench.classic_weights()),
        **threads,
    }
