"""What it costs to be there: start, memory, dependencies, size."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from harness import payloads, stacks
from harness.bench import Bench
from harness.environments import Environment, peer, serving as serving_environment
from harness.results import Figure, NotMeasured, Result
from harness.rounds import median, shown, spread
from harness.say import say
from harness.servers import Command, Request, serving

TITLE = "Cost of being there"
HOW = """\
Each server is started {rounds} times, in turns, and asked again and again until the first `POST /predict` is
answered with 200: the seconds run from the start of the first process. Then it is asked {requests} times for one
row, and the resident memory of the processes that answer is read: PSS, which shares what processes share among
them, and RSS. The environment is what `pip` unpacks for each server's requirements, compiled Python files and pip
itself apart, ours with `requirements/serve.txt`, which is what the image holds. Of the peers there is no image that
one could compare; ours is measured where a Docker engine has built `mlops-service` (`tox -e container`), less the
base image it stands on. It is the image that was built last, and the table of rounds says when: whether that is
this code, the benchmark can't tell."""

OURS = "Andon"
IMAGE, BASE = "mlops-service", "python:3.10-slim-bookworm"
N_REQUESTS = 200
MEGABYTE = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start: seconds to the first answer, and bytes of a worker and of all processes."""

    seconds: float
    pss: float
    rss: float


def measure(bench: Bench) -> Result:
    """Start each in turns, and weigh their environments."""
    (row,) = payloads.chunks(bench.clicks, 1, 1, bench.test_rows)
    request = payloads.instances(row)
    starts: dict[str, list[Start]] = {}
    why: dict[str, str] = {}
    environments: dict[str, Environment] = {}
    with bench.store() as store:
        sides: dict[str, tuple[Callable[[], Environment], Callable[[], Command]]] = {
            OURS: (lambda: serving_environment(bench.data), lambda: stacks.andon(store, environments[OURS])),
            "FastAPI": (lambda: peer("fastapi", bench.data), lambda: stacks.fastapi(bench)),
            "BentoML": (lambda: peer("bentoml", bench.data), lambda: stacks.bentoml(bench)),
        }
        for name, (environment, command) in sides.items():
            try:
                environments[name] = environment()
                with serving(command(), request):
                    pass  # the first one compiles what Python keeps compiled
            except NotMeasured as reason:
                why[name] = str(reason)
        for number in range(bench.rounds):
            for name in [name for name in sides if name not in why]:
                try:
                    start = _start(sides[name][1](), request)
                except NotMeasured as reason:
                    why[name] = str(reason)
                    continue
                starts.setdefault(name, []).append(start)
                say(f"  round {number + 1}: {name}: {start.seconds:.2f} s, {start.pss / MEGABYTE:.0f} MB a worker")
    weights = {name: (len(one.packages()), one.size() / MEGABYTE) for name, one in environments.items()}
    image = _image()
    return Result(
        figures=[*_figures(starts, why, weights), image],
        sizes={"rounds": bench.rounds, "requests": N_REQUESTS, "model_rows": bench.model_rows},
        raw={
            "starts": {name: [[s.seconds, s.pss, s.rss] for s in some] for name, some in starts.items()},
            "environments": weights,
        },
        tables={"Servers": _table(starts, why, weights)},
        versions={
            name: version
            for environment in environments.values()
            for name, version in environment.packages().items()
            if name in ("andon", "fastapi", "bentoml", "uvicorn", "scikit-learn", "gunicorn")
        },
    )


def _start(command: Command, request: Request) -> Start:
    with serving(command, request) as server:
        for _ in range(N_REQUESTS):
            server.expect(request)
        memory = [worker.memory_full_info() for worker in server.workers()]
        return Start(
            seconds=server.seconds,
            pss=sum(one.pss for one in memory) / len(memory),
            rss=sum(one.rss for one in memory) / len(memory),
        )


def _figures(
    starts: dict[str, list[Start]], why: dict[str, str], weights: dict[str, tuple[int, float]]
) -> list[Figure]:
    figures = []
    for other in ("FastAPI", "BentoML"):
        reason = why.get(OURS) or why.get(other, "")
        seconds = {name: [start.seconds for start in starts.get(name, [])] for name in (OURS, other)}
        figures.append(
            Figure(
                name="Start to first answer",
                unit="s",
                ours=median(seconds[OURS]) if seconds[OURS] else None,
                peer=median(seconds[other]) if seconds[other] else None,
                against=other,
                asked=1.5,
                at_least=False,
                on_ratio=False,
                spread="; ".join(spread(some) for some in seconds.values() if some),
                why=reason,
            )
        )
        pss = {name: [start.pss / MEGABYTE for start in starts.get(name, [])] for name in (OURS, other)}
        figures.append(
            Figure(
                name="PSS of a worker",
                unit="MB",
                ours=median(pss[OURS]) if pss[OURS] else None,
                peer=median(pss[other]) if pss[other] else None,
                against=other,
                why=reason,
            )
        )
        for number, (name, unit) in enumerate((("Dependencies", ""), ("Unpacked environment", "MB"))):
            ours, peers = weights.get(OURS), weights.get(other)
            figures.append(
                Figure(
                    name=name,
                    unit=unit,
                    ours=ours[number] if ours else None,
                    peer=peers[number] if peers else None,
                    against=other,
                    why=reason,
                )
            )
    return figures


def _table(
    starts: dict[str, list[Start]], why: dict[str, str], weights: dict[str, tuple[int, float]]
) -> list[list[str]]:
    rows = [["", "start, s", "rounds", "PSS a worker, MB", "RSS a worker, MB", "distributions", "unpacked, MB"]]
    for name in weights:
        some = starts.get(name, [])
        if name in why or not some:
            rows.append([name, f"not measured: {why.get(name, '')}", "", "", "", *map(shown, weights[name])])
            continue
        memory = [f"{median([getattr(one, kind) / MEGABYTE for one in some]):.0f}" for kind in ("pss", "rss")]
        seconds = [start.seconds for start in some]
        n_packages, size = weights[name]
        rows.append([name, f"{median(seconds):.2f}", spread(seconds), *memory, str(n_packages), f"{size:.0f}"])
    return rows


def _image() -> Figure:
    name = "Image above its base"
    try:
        above = (int(_inspected(IMAGE, "Size")) - int(_inspected(BASE, "Size"))) / MEGABYTE
        built = f"built {_inspected(IMAGE, 'Created')[:16].replace('T', ' ')} UTC"
    except NotMeasured as reason:
        return Figure(name=name, unit="MB", asked=250.0, at_least=False, on_ratio=False, why=str(reason))
    return Figure(name=name, unit="MB", ours=above, asked=250.0, at_least=False, on_ratio=False, spread=built)


def _inspected(image: str, key: str) -> str:
    command = ["docker", "image", "inspect", image, "--format", f"{{{{.{key}}}}}"]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    except OSError:
        raise NotMeasured("Docker is not installed") from None
    if done.returncode:
        raise NotMeasured(f"no Docker engine runs here, or it has no image {image}: `tox -e container` makes it")
    return done.stdout.strip()
