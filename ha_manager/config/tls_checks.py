"""The checks of the TLS options, in the shape of those in ``checks``."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable
from typing import Any

from ha_manager.config.wording import wrong

__all__ = ["ca_data", "cert_reqs", "context", "min_version", "verify_flags"]

_CERT_REQS = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


def cert_reqs(name: str, value: Any) -> ssl.VerifyMode:
    """Whether the server must show a certificate that can be verified."""
    if isinstance(value, ssl.VerifyMode):
        return value
    # None is refused although redis-py takes it: an unset setting must not switch verification off.
    if not isinstance(value, str) or value not in _CERT_REQS:
        raise wrong(name, value, "it must be 'none', 'optional', 'required' or an ssl.VerifyMode")
    return _CERT_REQS[value]


def min_version(name: str, value: Any) -> ssl.TLSVersion:
    """The lowest TLS version: an ``ssl.TLSVersion``, its name (``TLSv1_2`` or ``TLSv1.2``) or number."""
    if isinstance(value, ssl.TLSVersion):
        return value
    wanted = re.sub(r"(?<=\d)\.(?=\d)", "_", value) if isinstance(value, str) else value
    for version in ssl.TLSVersion:
        # bool and float would compare equal to some numbers; only a real int is a version number.
        if wanted == version.name or (type(wanted) is int and wanted == version.value):
            return version
    raise wrong(name, value, "it must be an ssl.TLSVersion, such as ssl.TLSVersion.TLSv1_2")


def verify_flags(name: str, value: Any) -> tuple[ssl.VerifyFlags, ...]:
    """A list of ``ssl.VerifyFlags`` or their names."""
    if isinstance(value, str | bytes | int) or not isinstance(value, Iterable):
        raise wrong(name, value, "it must be a list of ssl.VerifyFlags")
    return tuple(_verify_flag(name, item) for item in value)


def _verify_flag(name: str, value: Any) -> ssl.VerifyFlags:
    if isinstance(value, ssl.VerifyFlags):
        return value
    if isinstance(value, str) and value in ssl.VerifyFlags.__members__:
        return ssl.VerifyFlags[value]
    raise wrong(name, value, "it must be an ssl.VerifyFlags, such as ssl.VerifyFlags.VERIFY_X509_STRICT")


def ca_data(name: str, value: Any) -> str | bytes:
    """CA certificates themselves: PEM text, or DER bytes."""
    if not isinstance(value, str | bytes) or not value:
        raise wrong(name, None if value is None else type(value).__name__, "it must be PEM text or DER bytes")
    return value


def context(name: str, value: Any) -> ssl.SSLContext:
    """A ready-made client context."""
    if not isinstance(value, ssl.SSLContext):
        raise wrong(name, value, "it must be an ssl.SSLContext, such as ssl.create_default_context()")
    if value.protocol is ssl.PROTOCOL_TLS_SERVER:
        raise wrong(name, value, "it is a server's context; make one with ssl.create_default_context()")
    return value
