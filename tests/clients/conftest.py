"""The service as it runs, for clients that were written elsewhere: a small store, and ``andon serve`` over it."""

import csv
import json
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "component"))
from serving import environment, served  # noqa: E402

SCHEMA = """
name = "visits"
label = "bought"
n_buckets = 1024

[fields.page]
type = "string"
[fields.visits]
type = "integer"
[fields.member]
type = "boolean"
required = false
[fields.spent]
type = "number"
bins = [0, 10, 100]
required = false
"""

ANDON = [sys.executable, "-m", "service"]


@dataclass(frozen=True)
class Service:
    """A service that runs, and the model that answers."""

    address: str
    version: str
    model: str = "visits"

    def predicted(self, rows):
        """What ``/predict`` says of rows."""
        body, headers = json.dumps({"instances": rows}).encode(), {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://{self.address}/predict", body, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["predictions"]


@pytest.fixture(scope="session")
def rows():
    """Rows with a field of each type, some of whose values are missing, as JSON has them."""
    random = np.random.default_rng(5)
    pages = ["home", "", "Zürich 机场", "a, b", None]
    return [
        {
            "page": pages[index % len(pages)],
            "visits": None if index % 7 == 0 else int(random.integers(-5, 100)),
            "member": None if index % 3 == 0 else bool(index % 2),
            "spent": None if index % 4 == 0 else float(random.normal(20, 40)),
        }
        for index in range(40)
    ]


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    """One service for all tests; it must end well."""
    folder = tmp_path_factory.mktemp("service")
    environ, store = environment(), folder / "store"
    (folder / "visits.toml").write_text(SCHEMA)
    write_events(folder / "visits.csv")

    def andon(*arguments):
        done = subprocess.run([*ANDON, *arguments, "--store", store], cwd=folder, env=environ, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    version = andon("train", "visits.csv", "--schema", "visits.toml")
    andon("promote", version, "--override", "its answers are compared, not judged")
    with served(ANDON, store=store, cwd=folder, environ=environ, log=folder / "log") as server:
        yield Service(f"127.0.0.1:{server.port}", version)


def write_events(path):
    random = np.random.default_rng(6)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["bought", "page", "visits", "member", "spent"])
        for _ in range(500):
            page = random.choice(["home", "Zürich 机场", "a, b", "c"])
            member = bool(random.integers(2))
            bought = int(random.random() < 0.2 + 0.4 * member + 0.2 * (page == "home"))
            spent = round(float(random.normal(20, 40)), 2)
            writer.writerow([bought, page, random.integers(-5, 100), str(member).lower(), spent])
