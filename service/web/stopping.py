"""A service that is to stop says so before it does: it is not ready any more, and still answers.

Whoever sends requests to several services (a load balancer, Kubernetes) learns it in time to send them elsewhere. The
flag lies in a page of memory that gunicorn's master shares with its workers.
"""

from __future__ import annotations

import mmap
import re
import signal
import socket
import struct
import time
from contextlib import suppress
from ctypes import addressof, create_string_buffer
from http import HTTPStatus
from typing import Any

from service.web.calls import Call
from service.web.errors import RETRY_AFTER_SECONDS, Failure, Render
from service.web.front import Application

READINESS = re.compile(
    r"/health|/health/ready|/ping|/v2/health/ready"
    r"|/v2/models/[^/]+(/versions/[^/]+)?/ready|/v1/models/[^/:]+(/versions/[^/:]+)?"
)
"""What asks whether to send requests here. Whether the process lives is another question."""

SHUT_SECONDS = 0.1
"""So long a handshake may still take that has begun before a listener was shut."""

SO_ATTACH_FILTER = 26
"""Of Linux, which Python's ``socket`` does not name."""

_NO_BEGINNING = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in (
        (0x30, 0, 0, 13),  # the flags of the TCP header
        (0x54, 0, 0, 0x12),  # of these SYN and ACK
        (0x15, 0, 1, 0x02),  # a SYN alone:
        (0x06, 0, 0, 0),  # dropped
        (0x06, 0, 0, 0xFFFFFFFF),  # all else passes
    )
)

AT_ONCE = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
"""Any of these, while a stop goes on, ends it."""


class Flag:
    """Whether the service is to stop; made before a fork, it is the same in all processes."""

    def __init__(self) -> None:
        self._shared = memoryview(mmap.mmap(-1, 1))

    def raise_(self) -> None:
        """It is."""
        self._shared[0] = 1

    def __bool__(self) -> bool:
        return self._shared[0] != 0


class Stopping:
    """A guard that answers for the readiness of a service that is to stop.

    Args:
        render: how a failure is answered.
        probe: a further path that asks for the readiness, by GET; empty: none.

    Attributes:
        flag: gunicorn's settings give it that of all workers (``post_worker_init``).
    """

    def __init__(self, render: Render, *, probe: str = "") -> None:
        self.flag = Flag()
        self._render = render
        self._probe = probe

    def refuse(self, call: Call) -> Application | None:
        """503 where the readiness is asked for."""
        if not self.flag:
            return None
        path: str = call.environ["PATH_INFO"]
        if call.environ["REQUEST_METHOD"] not in ("GET", "HEAD"):  # a POST may predict there, if the settings say so
            return None
        if path != self._probe and not READINESS.fullmatch(path):
            return None
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return self._render(Failure(status=HTTPStatus.SERVICE_UNAVAILABLE, detail="stopping", headers=headers), path)


def drain(arbiter: Any, flag: Flag, *, seconds: float) -> None:
    """What gunicorn's master does at its first SIGTERM: ``seconds`` of saying so, then its own graceful stop.

    Raises:
        StopIteration: gunicorn's way to say that its main loop is over.
    """
    flag.raise_()
    # In its own stop, gunicorn hears a second SIGINT or SIGQUIT, but no SIGTERM.
    signal.signal(signal.SIGTERM, lambda *_: arbiter.SIG_QUEUE.put_nowait(signal.SIGINT))
    if seconds:
        arbiter.log.info("not ready any more; answering for %s s until the stop", seconds)
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        for number in arbiter.wait_for_signals(timeout=min(left, 1.0)):
            if number in AT_ONCE:
                arbiter.stop(graceful=False)
                raise StopIteration
            if number == signal.SIGCHLD:
                arbiter.reap_workers()
        arbiter.murder_workers()
        arbiter.manage_workers()
    if not (arbiter.systemd or arbiter.reexec_pid or arbiter.master_pid):  # else somebody goes on listening there
        for listener in arbiter.LISTENERS:
            shut(listener.sock)
        time.sleep(SHUT_SECONDS)
    raise StopIteration


def shut(listener: socket.socket) -> None:
    """Have no connection begin at a listening socket any more, in all processes; what has begun comes to its end.

    When the last process closes it, the kernel resets whoever waits there, and between a look at who does and the end
    somebody may have come. Who begins now is not answered, tries again, and finds nobody, or who comes after us.
    """
    code = create_string_buffer(_NO_BEGINNING)
    program = struct.pack("HP", len(_NO_BEGINNING) // 8, addressof(code))
    with suppress(OSError):  # where the kernel has no such filters
        listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
