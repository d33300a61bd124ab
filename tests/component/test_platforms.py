"""``andon serve`` where a platform says, by its own variables, at which port and under which paths."""

import json
import os
import signal
import subprocess
import sys
import urllib.request

import pytest

from serving import STOP_SECONDS, Server, environment, free_port, until

INSTANCE = {"flight": 7, "origin": "EWR", "hour": 7, "holiday": False, "temp": 5.5}
FRAME = {"columns": list(INSTANCE), "data": [list(INSTANCE.values())]}


@pytest.fixture
def served(tmp_path):
    """``served(port, **variables)``: ``andon serve`` without an option, which some variable tells that port."""
    log = tmp_path / "log"
    processes = []

    def start(port, **variables):
        environ = {name: text for name, text in os.environ.items() if not name.startswith("ANDON_")}
        environ |= {name: text for name, text in environment().items() if name == "PYTHONPATH"}
        with open(log, "wb") as out:
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "service", "serve"],
                    cwd=tmp_path,
                    env={**environ, "ANDON_WORKERS": "1", **variables},
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                )
            )
        server = Server(port, log)
        until(server.ready, why=log.read_text)
        return server

    yield start
    for process in processes:
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(timeout=STOP_SECONDS) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()


def post(server, path, document):
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}{path}", json.dumps(document).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)


def test_vertex_ais_port_routes_and_folder_are_those_of_the_service(line, served):
    port = free_port()
    server = served(
        port,
        AIP_HTTP_PORT=str(port),
        AIP_HEALTH_ROUTE="/v1/endpoints/1/deployedModels/2",
        AIP_PREDICT_ROUTE="/v1/endpoints/1/deployedModels/2:predict",
        AIP_STORAGE_URI=str(line.store),
    )
    assert server.get("/v1/endpoints/1/deployedModels/2")[0] == 200
    answer = post(server, "/v1/endpoints/1/deployedModels/2:predict", {"instances": [INSTANCE], "parameters": None})
    assert answer["version"] == line.version
    assert answer == post(server, "/predict", {"instances": [INSTANCE]})


def test_sagemakers_port_is_that_of_the_service_and_our_store_counts(line, served):
    port = free_port()
    server = served(port, SAGEMAKER_BIND_TO_PORT=str(port), ANDON_STORE=str(line.store))
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5) as answer:
        assert (answer.status, answer.read()) == (200, b"")
    answer = post(server, "/invocations", {"dataframe_split": FRAME})
    assert answer["version"] == line.version
    assert answer == post(server, f"/v1/models/{answer['model']}:predict", {"instances": [INSTANCE]})


def test_a_route_that_is_none_ends_the_start_with_the_name_of_its_variable(tmp_path):
    command = [sys.executable, "-m", "service", "serve"]
    environ = environment(AIP_PREDICT_ROUTE="predict")
    ended = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60)
    assert ended.returncode
    assert "AIP_PREDICT_ROUTE: expected a path that begins with /" in ended.stderr
    assert "Traceback" not in ended.stderr
