"""The model that answers now: the version that the store's pointer names, verified, swapped in by one reference."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from service.core.predictor import Predictor
from service.errors import NoModel, StoreError
from service.store import Store

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""The pointer is looked at no more often than this."""

RETRY_SECONDS = 30.0
"""A version that was refused is tried again after this, or at once when the pointer changes."""


class ModelSource(Protocol):
    """Where the web gets its predictor from."""

    def predictor(self) -> Predictor:
        """The predictor to answer one request with; ask once a request, and use that one throughout.

        Raises:
            NoModel: there is no verified model.
        """

    def refusal(self) -> str | None:
        """Why the version that was promoted last is not the one that answers, or ``None`` when it is."""


class PinnedModel:
    """One predictor for ever."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def predictor(self) -> Predictor:
        """The predictor that was given."""
        return self._predictor

    def refusal(self) -> str | None:
        """Nothing else is ever promoted."""
        return None


class LiveModel:
    """Follows the pointer of a store.

    A version is loaded and verified off to the side. One that fails is refused, counted and logged, and the old one
    goes on answering. Readiness is fail-closed: as long as no version verified, there is no predictor.

    Args:
        clock: seconds that never go backwards.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._looking = threading.Lock()
        self._predictor: Predictor | None = None
        self._reason = "no model was loaded yet"
        self._next_look = float("-inf")
        self._refused: tuple[str, float] | None = None
        self.refusals = 0

    def predictor(self) -> Predictor:
        """See :class:`ModelSource`. The first caller after ``LOOK_SECONDS`` looks; others take what is there."""
        if self._clock() >= self._next_look and self._looking.acquire(blocking=self._predictor is None):
            try:
                self._look()
            finally:
                self._next_look = self._clock() + LOOK_SECONDS
                self._looking.release()
        predictor = self._predictor
        if predictor is None:
            raise NoModel(self._reason)
        return predictor

    def refusal(self) -> str | None:
        """See :class:`ModelSource`."""
        return self._reason if self._refused is not None else None

    def _look(self) -> None:
        try:
            pointer = self._store.pointer()
        except StoreError as error:
            self._refuse("the pointer", error)
            return
        if pointer is None:
            self._reason = "no version was promoted in the store"
            return
        version = pointer.current
        if self._predictor is not None and self._predictor.version == version:
            self._refused = None
            return
        if self._refused is not None and self._refused[0] == version and self._clock() < self._refused[1]:
            return
        try:
            predictor = self._store.load(version).predictor
        except Exception as error:  # whatever it is, the old version goes on answering
            self._refuse(version, error)
            return
        self._predictor = predictor
        self._refused = None
        logger.info("version %s answers now", version)

    def _refuse(self, version: str, error: Exception) -> None:
        known = self._refused is not None and self._refused[0] == version
        self._refused = (version, self._clock() + RETRY_SECONDS)
        self._reason = str(error) if isinstance(error, StoreError) else f"version {version} can't be loaded"
        self.refusals += 1
        if not known:
            logger.error("refused: %s", error)
