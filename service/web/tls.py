"""HTTPS: which certificate the service has, and whose a client must have."""

from __future__ import annotations

import ssl
from pathlib import Path

from service.config import Settings, shown_path
from service.errors import BadSettingFile, ConfigError


def context_of(settings: Settings) -> ssl.SSLContext | None:
    """What connections are secured with: TLS 1.2 or later; ``None`` where the settings name no certificate.

    Raises:
        ConfigError: there is a key or an authority but no certificate, or a certificate without a key.
        BadSettingFile: one of the files can't be read, or is not what it should be.
    """
    certificate, key, client_ca = settings.tls_certificate, settings.tls_key, settings.tls_client_ca
    if certificate is None:
        if key is not None:
            raise ConfigError(variable="ANDON_TLS_CERTIFICATE", value="", expected="a certificate for ANDON_TLS_KEY")
        if client_ca is not None:
            expected = "a certificate, without which there is no ANDON_TLS_CLIENT_CA"
            raise ConfigError(variable="ANDON_TLS_CERTIFICATE", value="", expected=expected)
        return None
    if key is None:
        raise ConfigError(variable="ANDON_TLS_KEY", value="", expected="the key of ANDON_TLS_CERTIFICATE")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _readable(certificate, "ANDON_TLS_CERTIFICATE")
    _readable(key, "ANDON_TLS_KEY")
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            expected, found = "the key of ANDON_TLS_CERTIFICATE", "that of another certificate"
        else:
            expected, found = "an unencrypted key, and a certificate in ANDON_TLS_CERTIFICATE, as PEM", "something else"
        raise BadSettingFile(variable="ANDON_TLS_KEY", file=shown_path(key), expected=expected, found=found) from None
    if client_ca is not None:
        _readable(client_ca, "ANDON_TLS_CLIENT_CA")
        try:
            context.load_verify_locations(client_ca)
        except ssl.SSLError:
            expected = "certificates as PEM"
            raise BadSettingFile(
                variable="ANDON_TLS_CLIENT_CA", file=shown_path(client_ca), expected=expected, found="something else"
            ) from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _readable(path: Path, variable: str) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        found = error.strerror or "another"
        expected = "a file that can be read"
        raise BadSettingFile(variable=variable, file=shown_path(path), expected=expected, found=found) from None


def _no_password() -> str:
    """Else OpenSSL asks for one at the terminal."""
    return ""
