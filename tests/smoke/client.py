"""The smoke test's client: does the service at a URL answer as its model must? Exit 0 says yes.

    python client.py http://localhost:8000 golden.json [--wait SECONDS]

It waits until ``/health`` says 200, asks ``/predict`` the golden requests of the model (one by one and all at once) and
compares the answers with the golden ones. Standard library only: it runs beside the service in a container of its own.
"""

import argparse
import json
import sys
import time
import urllib.error
import urllib.request

TOLERANCE = 1e-9
"""As the service's own: the C libraries of two machines may differ in the last bit of ``exp``."""

TIMEOUT_SECONDS = 10


class Failed(Exception):
    """The service is not what it should be."""


def main(arguments=None):
    """Run the smoke test and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", help="base URL of the service")
    parser.add_argument("golden", help="the golden.json of the model that should answer")
    parser.add_argument("--wait", type=float, default=60.0, help="seconds to wait for the service to be ready")
    options = parser.parse_args(arguments)
    with open(options.golden, encoding="utf-8") as file:
        golden = json.load(file)
    try:
        smoke(options.url.rstrip("/"), golden, wait=options.wait)
    except Failed as failure:
        print(f"smoke: FAILED: {failure}")
        return 1
    print("smoke: passed")
    return 0


def smoke(url, golden, *, wait):
    """Ask everything of the service; raise ``Failed`` at the first answer that is wrong."""
    health = wait_for_health(url, wait)
    print(f"smoke: 200 from /health: model {health['model']}, version {health['version']}")
    instances, expected = golden["instances"], golden["probabilities"]
    if not instances or len(instances) != len(expected):
        raise Failed("the golden file holds no requests, or not one answer for each")
    check(ask(url, instances), expected, health)
    for instance, probability in zip(instances, expected):  # noqa: B905 - of equal length, as checked above
        check(ask(url, [instance]), [probability], health)
    print(f"smoke: {len(instances)} golden answers given, together and one by one")
    status, _ = call(f"{url}/predict", {"instances": [[]]})
    if status != 422:
        raise Failed(f"an invalid request was answered with {status}, not 422")


def wait_for_health(url, seconds):
    """The answer of ``/health`` once it is a 200."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            status, body = call(f"{url}/health")
        except OSError as error:
            status, body = None, str(error)
        if status == 200:
            return body
        if time.monotonic() > deadline:
            raise Failed(f"/health was not 200 within {seconds:g} s; the last answer: {status} {body}")
        time.sleep(0.2)


def ask(url, instances):
    """The answer to a prediction request, which must be a 200."""
    status, body = call(f"{url}/predict", {"instances": instances})
    if status != 200:
        raise Failed(f"/predict answered {status}: {body}")
    return body


def check(answer, expected, health):
    """Compare an answer with the golden probabilities, and its version with the one that ``/health`` names."""
    if (answer["model"], answer["version"]) != (health["model"], health["version"]):
        raise Failed(f"/predict answers as {answer['model']} {answer['version']}, /health says otherwise")
    predictions = answer["predictions"]
    if len(predictions) != len(expected):
        raise Failed(f"{len(expected)} instances were answered with {len(predictions)} predictions")
    for index, (given, golden) in enumerate(zip(predictions, expected)):  # noqa: B905 - of equal length
        if not abs(given - golden) <= TOLERANCE:
            raise Failed(f"instance {index} was answered {given}, its golden answer is {golden}")


def call(url, document=None):
    """GET, or POST a JSON document; the status and the parsed body."""
    data = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(url, data=data, headers={"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, error.read(2_000).decode(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
