"""Bearer tokens (RFC 6750): who may ask for predictions, and who for metrics and administration.

A token is compared by its digest, with all that there are and in a time that does not depend on which of them is like
it. The files that hold them are read again when they change, so that tokens are replaced without a restart.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
from hmac import compare_digest
from http import HTTPStatus
from pathlib import Path
from typing import TypeAlias

from service.config import Settings, shown_path
from service.errors import BadSettingFile
from service.web.calls import Call
from service.web.errors import Failure, Render
from service.web.front import Application

logger = logging.getLogger(__name__)

OPEN = ("/health", "/ping")
OPEN_BELOW = ("/health/", "/v2/health/")
"""What probes ask, who have no token."""

ADMIN = ("/metrics", "/admin")
ADMIN_BELOW = ("/metrics/", "/admin/")
"""What is for those who run the service. All other paths are for those who use it."""

MIN_CHARACTERS = 16
MAX_CHARACTERS = 1_024
MAX_TOKENS = 1_000
MAX_FILE_BYTES = 2**20

LOOK_SECONDS = 1.0
"""A file is looked at no more often."""

_EXPECTED = f"a token of {MIN_CHARACTERS} to {MAX_CHARACTERS:,} printable ASCII characters without spaces"

Stamp: TypeAlias = tuple[int, int, int, int]


class TokenFile:
    """The tokens in a file, one a line; blank lines and those that begin with ``#`` are passed over.

    A file that changes is read again. If it is gone then, or is not what it should be, the tokens from before remain
    and the log says so, once.

    Args:
        variable: the setting that names the file, for errors.

    Raises:
        BadSettingFile: it can't be read, or holds no token or what is none.
    """

    def __init__(self, path: Path, *, variable: str) -> None:
        self.variable = variable
        self._path = path
        self._shown = shown_path(path)
        self._stamp, self._digests = self._read()
        self._trouble: str | None = None
        self._next_look = 0.0

    def __len__(self) -> int:
        return len(self._digests)

    def holds(self, digest: bytes, now: float) -> bool:
        """Whether a token with this digest is in the file.

        Args:
            now: seconds, by a clock that only goes forward.
        """
        if now >= self._next_look:
            self._next_look = now + LOOK_SECONDS
            self._look()
        held = False
        for each in self._digests:
            held |= compare_digest(each, digest)
        return held

    def _look(self) -> None:
        if self._trouble is None and not self._has_changed():
            return
        try:
            self._stamp, self._digests = self._read()
        except BadSettingFile as error:
            if error.what != self._trouble:
                logger.error("%s can't be used, the tokens from before remain: %s", self.variable, error.what)
            self._trouble = error.what
        else:
            self._trouble = None
            logger.info("%s was read again: %d tokens", self.variable, len(self._digests))

    def _has_changed(self) -> bool:
        try:
            return _stamp(os.stat(self._path)) != self._stamp
        except OSError:
            return True

    def _read(self) -> tuple[Stamp, tuple[bytes, ...]]:
        try:
            if not stat.S_ISREG(os.stat(self._path).st_mode):
                raise self._refusal("a file", "another thing")
            with open(self._path, "rb") as file:
                stamp = _stamp(os.fstat(file.fileno()))
                data = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise self._refusal("a file that can be read", error.strerror or "another") from None
        if len(data) > MAX_FILE_BYTES:
            raise self._refusal(f"at most {MAX_FILE_BYTES:,} bytes", "more")
        digests: dict[bytes, None] = {}
        for number, line in enumerate(data.split(b"\n"), start=1):
            token = line.strip(b" \t\r")
            if not token or token.startswith(b"#"):
                continue
            if not all(0x21 <= character <= 0x7E for character in token):
                raise self._refusal(_EXPECTED, "another character", line=number)
            if not MIN_CHARACTERS <= len(token) <= MAX_CHARACTERS:
                raise self._refusal(_EXPECTED, f"one of {len(token):,}", line=number)
            digests[digest_of(token)] = None
        if not 1 <= len(digests) <= MAX_TOKENS:
            raise self._refusal(f"1 to {MAX_TOKENS:,} tokens, one a line", f"{len(digests):,}")
        return stamp, tuple(digests)

    def _refusal(self, expected: str, found: str, *, line: int | None = None) -> BadSettingFile:
        return BadSettingFile(
            variable=self.variable, file=self._shown, expected=expected, found=found, line=line
        )


class Tokens:
    """A guard that lets in whoever has a token for what is asked for.

    Args:
        prediction: for all that is neither for probes nor administration; ``None``: it is open to everyone.
        admin: for metrics and administration; ``None``: those of ``prediction`` are, if there are any.
        render: how a failure is answered.
        probe: a further path that probes ask, by GET; empty: none.
    """

    def __init__(
        self, prediction: TokenFile | None, admin: TokenFile | None, *, render: Render, probe: str = ""
    ) -> None:
        self._prediction = prediction
        self._admin = admin
        self._render = render
        self._probe = probe

    def refuse(self, call: Call) -> Application | None:
        """The answer to a request that has no token, or none for this."""
        path: str = call.environ["PATH_INFO"]
        is_open = path in OPEN or path == self._probe or path.startswith(OPEN_BELOW)
        if is_open and call.environ["REQUEST_METHOD"] in ("GET", "HEAD"):  # a POST may predict there
            return None
        needed, other = self._prediction, self._admin
        if path in ADMIN or path.startswith(ADMIN_BELOW):
            needed, other = self._admin or self._prediction, self._prediction
        if needed is None:
            return None
        given = _given(call.environ.get("HTTP_AUTHORIZATION"))
        if given is None:
            return self._answer(HTTPStatus.UNAUTHORIZED, "this takes a bearer token", path)
        digest = digest_of(given)
        if needed.holds(digest, call.started):
            return None
        if other is not None and other is not needed and other.holds(digest, call.started):
            return self._answer(HTTPStatus.FORBIDDEN, "the token is not for this", path, "insufficient_scope")
        return self._answer(HTTPStatus.UNAUTHORIZED, "the token is not known", path, "invalid_token")

    def _answer(self, status: HTTPStatus, detail: str, path: str, error: str | None = None) -> Application:
        challenge = 'Bearer realm="andon"'
        if error is not None:
            challenge += ', error="' + error + '"'
        return self._render(Failure(status=status, detail=detail, headers={"WWW-Authenticate": challenge}), path)


def files_of(settings: Settings) -> tuple[TokenFile | None, TokenFile | None]:
    """Those for prediction and those for administration, where the settings name them.

    Raises:
        BadSettingFile: one of them is not what it should be.
    """
    tokens, admin_tokens = settings.tokens, settings.admin_tokens
    return (
        None if tokens is None else TokenFile(tokens, variable="ANDON_TOKENS"),
        None if admin_tokens is None else TokenFile(admin_tokens, variable="ANDON_ADMIN_TOKENS"),
    )


def digest_of(token: bytes) -> bytes:
    """What of a token is kept and compared."""
    return hashlib.sha256(token).digest()


def _given(header: str | None) -> bytes | None:
    """The token in an ``Authorization`` header; ``None`` where it has none, or is of another scheme."""
    scheme, _, token = (header or "").partition(" ")
    return token.strip(" ").encode("latin-1", "replace") or None if scheme.lower() == "bearer" else None


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
