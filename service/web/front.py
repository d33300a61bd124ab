"""What every request passes first and last, whichever way it is answered in between.

It is WSGI and not Flask's hooks, for the most common requests never come to Flask (``shortcut``). So it costs every
request something, and does little: a call is begun, guards may refuse it, its answer gets the request's id, and
observers are told when the answer is made.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeAlias

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map

from service.web.calls import CURRENT, KEY, UNMATCHED, Call

logger = logging.getLogger(__name__)

StartResponse: TypeAlias = Callable[..., Any]
Application: TypeAlias = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

ID_HEADER = "X-Request-ID"


class Guard(Protocol):
    """Decides whether a request may come in."""

    def refuse(self, call: Call) -> Application | None:
        """What to answer in place of the application, or ``None``."""


class Observer(Protocol):
    """Is told of every request, refused or not, when its answer is made."""

    def answered(self, call: Call) -> None:
        """All that is known of the request; what this raises is logged, and the answer goes out all the same."""


class Front:
    """A WSGI application around the whole of another one.

    Args:
        paths: the application's rules, for the route of what a guard refuses; of all else, whoever answers it notes it.
        guards: asked in this order, until one refuses.
        observers: told in this order.
    """

    def __init__(
        self,
        application: Application,
        paths: Map,
        *,
        guards: Sequence[Guard] = (),
        observers: Sequence[Observer] = (),
    ) -> None:
        self.application = application
        self._paths = paths.bind("localhost")
        self._guards = tuple(guards)
        self._observers = tuple(observers)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        call = environ[KEY] = Call(environ)
        before = CURRENT.set(call)

        def start(status: str, headers: list[tuple[str, str]], *failure: Any) -> Any:
            call.status = int(status[:3])
            headers.append((ID_HEADER, call.id))
            call.headers = headers
            return start_response(status, headers, *failure)

        try:
            for guard in self._guards:
                refusal = guard.refuse(call)
                if refusal is not None:
                    call.route = self._route_of(environ)
                    return refusal(environ, start)
            return self.application(environ, start)
        finally:
            call.seconds = time.perf_counter() - call.started
            tell(self._observers, call)
            CURRENT.reset(before)

    def _route_of(self, environ: dict[str, Any]) -> str:
        try:
            rule, _ = self._paths.match(environ["PATH_INFO"], environ["REQUEST_METHOD"], return_rule=True)
        except HTTPException:  # none, or none for this method
            return UNMATCHED
        return rule.rule


def tell(observers: Sequence[Observer], call: Call) -> None:
    """Have all of them hear of a request whose answer is made."""
    for observer in observers:
        try:
            observer.answered(call)
        except Exception:
            logger.exception("a request was answered, but not observed")
