"""Starts servers: ``andon serve``, forked from a process that has imported by now what each start would import anew.

``python starter.py`` reads one JSON object a line and answers with one. A server that it started is a process as any
other, with an environment, a folder and a log of its own; what importing does to a server is for tests that start one
as a program. Servers that nobody has ended end with the starter.
"""

import json
import os
import signal
import sys
from contextlib import suppress
from functools import cache
from importlib import metadata

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [folder for folder in sys.path if folder != HERE]  # a server has no tests on its path

PLUGINS = ("will_patch_all", "will_patch_module", "did_patch_module", "did_patch_builtins", "did_patch_all")
"""Beside tools for tests, each worker of gevent takes longer to look for these among all that is installed than for all
the rest of its start: they are looked for once."""


def serve(request):
    """In the child: become a server, and return its exit code."""
    for name, descriptor in ((os.devnull, 0), (request["log"], 1), (request["log"], 2)):
        file = os.open(name, os.O_RDWR | (os.O_CREAT | os.O_APPEND) * (descriptor > 0), 0o666)
        os.dup2(file, descriptor)
        os.close(file)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environ"])
    if request["look_seconds"] is not None:
        from service import live

        live.LOOK_SECONDS = request["look_seconds"]
    sys.argv = ["andon", *request["arguments"]]
    from service.__main__ import main

    return main()


def answer(requests):
    """Answer one line with one until there are no more, and return the exit code: in each child, that of its server."""
    running = set()
    for line in requests:
        request = json.loads(line)
        if "arguments" in request:
            pid = os.fork()
            if not pid:
                return serve(request)
            running.add(pid)
            said = pid
        else:
            ended, status = os.waitpid(request["ended"], os.WNOHANG)
            said = os.waitstatus_to_exitcode(status) if ended else None
            running.discard(ended)
        print(json.dumps(said), flush=True)
    for pid in running:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    return 0


if __name__ == "__main__":
    import gunicorn.app.wsgiapp
    import gunicorn.arbiter  # noqa: F401

    import service.cli
    import service.web  # noqa: F401 - gunicorn's master imports it before it forks

    metadata.entry_points = cache(metadata.entry_points)
    for name in PLUGINS:
        metadata.entry_points(group=f"gevent.plugins.monkey.{name}")
    print("ready", flush=True)
    sys.exit(answer(sys.stdin))
