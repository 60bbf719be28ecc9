"""The TLS files of one sandbox: an authority, and certificates for the loopback addresses."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from ha_manager.errors import ConfigurationError

__all__ = ["Certificates", "make_certificates"]


@dataclass(frozen=True, slots=True)
class Certificates:
    """Paths of PEM files.

    Attributes:
        ca_cert: the authority that signed the others.
        server_cert: for 127.0.0.1, ::1 and localhost.
        server_key: the key of `server_cert`.
        client_cert: for a client that wants to show one, or has to.
        client_key: the key of `client_cert`.
    """

    ca_cert: Path
    server_cert: Path
    server_key: Path
    client_cert: Path
    client_key: Path

    def client_context(self) -> ssl.SSLContext:
        """A context for clients: it trusts the authority, checks the host, shows the client's certificate."""
        context = ssl.create_default_context(cafile=self.ca_cert)
        context.load_cert_chain(self.client_cert, self.client_key)
        return context


def make_certificates(directory: Path) -> Certificates:
    """Makes `directory` and writes new certificates into it.

    Raises:
        ConfigurationError: the package `cryptography` is missing.
    """
    try:
        from ha_manager.sandbox._x509 import Authority  # noqa: PLC0415 - without TLS nobody needs it
    except ImportError as error:
        raise ConfigurationError(
            "sandbox: tls=True and sentinel_tls=True need the package cryptography: pip install cryptography"
        ) from error
    directory.mkdir()
    files = Certificates(
        *(directory / name for name in ("ca.crt", "server.crt", "server.key", "client.crt", "client.key"))
    )
    authority = Authority()
    files.ca_cert.write_bytes(authority.certificate_pem)
    for name, certificate, key in (
        ("sandbox server", files.server_cert, files.server_key),
        ("sandbox client", files.client_cert, files.client_key),
    ):
        certificate_pem, key_pem = authority.issue(name)
        certificate.write_bytes(certificate_pem)
        key.write_bytes(key_pem)
        key.chmod(0o600)
    return files
