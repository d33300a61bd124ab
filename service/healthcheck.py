"""``python -m service.healthcheck``: exit 0 when the service on this machine is ready, 1 when not.

For a container's HEALTHCHECK: it needs no curl and imports nothing that takes time. Its own environment comes first,
and then what the container's first process was started with, which is the service: a platform's start command may have
set a port that the image knows nothing of.
"""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path

from service.config import Settings
from service.errors import ConfigError

TIMEOUT_SECONDS = 9

FIRST_PROCESS = Path("/proc/1/environ")


def main() -> int:
    """Ask ``/health`` of the service that the settings describe; the exit code."""
    try:
        settings = Settings.from_environ(_environ())
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    scheme = "http" if settings.tls_certificate is None else "https"
    url = f"{scheme}://[{host}]:{settings.port}/health" if ":" in host else f"{scheme}://{host}:{settings.port}/health"
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]  # a proxy knows no loopback of ours
    try:
        if settings.tls_certificate is not None:
            handlers.append(_secure(settings.tls_certificate, settings.tls_key))
        straight = urllib.request.build_opener(*handlers)
        with straight.open(url, timeout=TIMEOUT_SECONDS) as response:
            status = int(response.status)
    except urllib.error.HTTPError as error:
        print(f"{url}: {error.code}: {error.read(1_000).decode(errors='replace')}", file=sys.stderr)
        return 1
    except (OSError, HTTPException) as error:
        print(f"{url}: {error}", file=sys.stderr)
        return 1
    return 0 if status == 200 else 1


def _environ() -> dict[str, str]:
    try:
        first = os.fsdecode(FIRST_PROCESS.read_bytes())
    except OSError:  # another user's: not in a container of ours
        first = ""
    pairs = (each.partition("=") for each in first.split("\0"))
    return {name: value for name, _, value in pairs if name} | dict(os.environ)


def _secure(certificate: Path, key: Path | None) -> urllib.request.HTTPSHandler:
    """For a name that is not the certificate's, on this machine; where the service wants one of us, with its own."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(certificate, key)
    return urllib.request.HTTPSHandler(context=context)


if __name__ == "__main__":
    sys.exit(main())
