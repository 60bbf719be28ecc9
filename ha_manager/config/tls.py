"""TLS options with redis-py's meaning, and the ``ssl.SSLContext`` that they describe."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ha_manager.errors import ConfigurationError

__all__ = ["TLSOptions"]


@dataclass(frozen=True, kw_only=True)
class TLSOptions:
    """How to speak TLS to one kind of server; each field is the option of that name behind ``prefix``."""

    keyfile: str | None = None
    certfile: str | None = None
    cert_reqs: ssl.VerifyMode = ssl.CERT_REQUIRED
    ca_certs: str | None = None
    ca_path: str | None = None
    ca_data: str | bytes | None = field(default=None, repr=False)
    check_hostname: bool = True
    min_version: ssl.TLSVersion | None = None
    ciphers: str | None = None
    password: str | None = field(default=None, repr=False)
    include_verify_flags: tuple[ssl.VerifyFlags, ...] = ()
    exclude_verify_flags: tuple[ssl.VerifyFlags, ...] = ()
    given_context: ssl.SSLContext | None = field(default=None, repr=False)
    prefix: str = field(default="ssl_", repr=False, compare=False)

    def context(self) -> ssl.SSLContext:
        """The client context, built at the first call and the same object ever after.

        Raises:
            ConfigurationError: a file is missing or unusable, or OpenSSL refuses an option.
        """
        return self._context

    @cached_property
    def _context(self) -> ssl.SSLContext:
        if self.given_context is not None:
            return self.given_context
        context = ssl.create_default_context()
        # OpenSSL refuses a context that checks host names without verifying certificates, even in passing.
        context.check_hostname = False
        context.verify_mode = self.cert_reqs
        context.check_hostname = self.check_hostname and self.cert_reqs is not ssl.CERT_NONE
        for flag in self.include_verify_flags:
            context.verify_flags |= flag
        for flag in self.exclude_verify_flags:
            context.verify_flags &= ~flag
        self._load_certificate(context)
        self._load_authorities(context)
        self._limit(context)
        return context

    def _load_certificate(self, context: ssl.SSLContext) -> None:
        if self.certfile is None:
            return
        self._require_file("certfile", self.certfile)
        if self.keyfile is not None:
            self._require_file("keyfile", self.keyfile)
        try:
            # With password=None OpenSSL would ask for an encrypted key's pass phrase at the terminal.
            context.load_cert_chain(self.certfile, self.keyfile, password=self.password or "")
        except (OSError, ValueError) as error:
            problem = _reason(error)
        else:
            return
        names = f"{self.prefix}certfile, {self.prefix}keyfile or {self.prefix}password"
        raise ConfigurationError(
            f"{names} cannot be used ({problem}): give a PEM certificate, the key that belongs to it, "
            "and the key's pass phrase if it has one"
        )

    def _load_authorities(self, context: ssl.SSLContext) -> None:
        if self.ca_certs is not None:
            self._require_file("ca_certs", self.ca_certs)
        if self.ca_path is not None and not Path(self.ca_path).is_dir():
            raise ConfigurationError(f"{self.prefix}ca_path={self.ca_path!r} is not a directory that exists")
        for name, cafile, capath, cadata in (
            ("ca_certs", self.ca_certs, None, None),
            ("ca_path", None, self.ca_path, None),
            ("ca_data", None, None, self.ca_data),
        ):
            if cafile is None and capath is None and cadata is None:
                continue
            try:
                context.load_verify_locations(cafile, capath, cadata)
            except (OSError, ValueError, TypeError) as error:
                raise ConfigurationError(
                    f"{self.prefix}{name} holds no usable CA certificate ({_reason(error)}): give it as PEM"
                ) from None

    def _limit(self, context: ssl.SSLContext) -> None:
        if self.min_version is not None:
            try:
                context.minimum_version = self.min_version
            except (ssl.SSLError, ValueError):
                raise ConfigurationError(
                    f"{self.prefix}min_version={self.min_version.name} is not supported by this OpenSSL: "
                    "use ssl.TLSVersion.TLSv1_2 or TLSv1_3"
                ) from None
        if self.ciphers is not None:
            try:
                context.set_ciphers(self.ciphers)
            except (ssl.SSLError, ValueError):
                raise ConfigurationError(
                    f"{self.prefix}ciphers={self.ciphers!r} selects no cipher: give an OpenSSL cipher list"
                ) from None

    def _require_file(self, name: str, path: str) -> None:
        if not Path(path).is_file():
            raise ConfigurationError(f"{self.prefix}{name}={path!r} is not a file that exists")


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
