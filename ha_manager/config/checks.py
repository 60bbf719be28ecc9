"""One check for each kind of option: ``(name, value) -> the value to use``, or a ConfigurationError."""

from __future__ import annotations

import codecs
import inspect
import os
import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from redis.credentials import CredentialProvider

from ha_manager.config.options import REFRESH_TRIGGERS
from ha_manager.config.wording import wrong
from ha_manager.errors import ConfigurationError

__all__ = [
    "Check",
    "credential_provider",
    "encoding",
    "encoding_errors",
    "flag",
    "keepalive_options",
    "name_for_server",
    "optional",
    "path",
    "protocol",
    "scheduler",
    "seconds",
    "seconds_or_none",
    "seconds_or_off",
    "secret",
    "service_name",
    "text",
    "triggers",
    "unix_path",
    "whole_number",
    "word",
    "word_or_function",
]

Check = Callable[[str, Any], Any]

# What CLIENT SETNAME and CLIENT SETINFO accept: printable ASCII without the space.
_SERVER_NAME = re.compile(r"[!-~]+")

# What a C int holds: socket options take no more, and nobody needs more connections.
_MOST = 2**31 - 1


def optional(check: Check) -> Check:
    """A check that lets None through: the option counts as left out."""
    return lambda name, value: None if value is None else check(name, value)


def whole_number(least: int) -> Check:
    """An int of at least ``least`` that 32 bits can hold; a bool is not a number here."""

    def check(name: str, value: Any) -> int:
        if not _is_count(value) or value < least:
            raise wrong(name, value, f"it must be a whole number (int) from {least} to {_MOST}")
        return int(value)

    return check


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST


def seconds(name: str, value: Any) -> float:
    """A time above 0 that is finite."""
    if not _is_time(value) or value <= 0:
        raise wrong(name, value, "it must be a number of seconds (int or float) above 0")
    return float(value)


def seconds_or_none(name: str, value: Any) -> float | None:
    """A time above 0, or None for no bound."""
    if value is not None and (not _is_time(value) or value <= 0):
        raise wrong(name, value, "it must be a number of seconds (int or float) above 0, or None")
    return None if value is None else float(value)


def seconds_or_off(name: str, value: Any) -> float | None:
    """A time; None and 0 both mean off."""
    if value is None:
        return None
    if not _is_time(value) or value < 0:
        raise wrong(name, value, "it must be a number of seconds (int or float), or None or 0 for off")
    return float(value) or None


def _is_time(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    # The bound keeps NaN, infinity and ints too big for float() out; 10**9 seconds are thirty years.
    return -(10**9) <= value <= 10**9


def flag(name: str, value: Any) -> bool:
    """True or False, and nothing that merely looks like it."""
    if not isinstance(value, bool):
        raise wrong(name, value, "it must be True or False")
    return value


def text(name: str, value: Any) -> str:
    """A string with something in it."""
    if not isinstance(value, str) or not value:
        raise wrong(name, value, "it must be a string that is not empty")
    return value


def secret(name: str, value: Any) -> str:
    """A user name or password. The error never shows the value."""
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} must be a string, not {type(value).__name__}: decode it first")
    if not value:
        raise ConfigurationError(f"{name} is empty: leave it out, or pass None, to log in without it")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ConfigurationError(f"{name} cannot be written as UTF-8: it holds half a surrogate pair")
    return value


def service_name(name: str, value: Any) -> str:
    """The name under which Sentinels monitor a primary."""
    if not isinstance(value, str) or not value or any(c.isspace() or not c.isprintable() for c in value):
        remedy = "it must be the name after 'sentinel monitor', without spaces or control characters"
        raise wrong(name, value, remedy)
    return value


def name_for_server(name: str, value: Any) -> str:
    """A name that CLIENT SETNAME and CLIENT SETINFO accept."""
    if not isinstance(value, str) or not _SERVER_NAME.fullmatch(value):
        raise wrong(name, value, "servers accept only printable ASCII without spaces; use - or _ instead")
    return value


def encoding(name: str, value: Any) -> str:
    """The name of a text codec that Python knows."""
    try:
        "".encode(value)
    except (LookupError, TypeError, ValueError):
        pass
    else:
        return str(value)
    raise wrong(name, value, "it must be the name of a text encoding, such as 'utf-8'")


def encoding_errors(name: str, value: Any) -> str:
    """The name of a registered codec error handler."""
    try:
        codecs.lookup_error(value)
    except (LookupError, TypeError, ValueError):
        pass
    else:
        return str(value)
    raise wrong(name, value, "it must be an error handler, such as 'strict', 'replace' or 'surrogateescape'")


def protocol(name: str, value: Any) -> int:
    """RESP 2 or 3, as an int or a digit."""
    if isinstance(value, bool) or not isinstance(value, int | str) or str(value) not in ("2", "3"):
        raise wrong(name, value, "it must be 2 or 3, the version of the RESP protocol")
    return int(value)


def path(name: str, value: Any) -> str:
    """The path of a file or directory. Whether it exists is found out where it is opened."""
    found = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(found, str) or not found or "\0" in found:
        raise wrong(name, value, "it must be a path (str or pathlib.Path)")
    return found


def unix_path(name: str, value: Any) -> str:
    """The absolute path of a Unix socket."""
    found = path(name, value)
    if not found.startswith("/"):
        raise wrong(name, value, "it must be an absolute path, beginning with a slash")
    return found


def credential_provider(name: str, value: Any) -> CredentialProvider:
    """An instance of redis-py's CredentialProvider."""
    if not isinstance(value, CredentialProvider):
        kind = value.__name__ + " itself" if isinstance(value, type) else type(value).__name__
        raise ConfigurationError(
            f"{name} must be an instance of redis.credentials.CredentialProvider, not {kind}"
        )
    return value


def scheduler(name: str, value: Any) -> AsyncIOScheduler:
    """The user's APScheduler scheduler; other kinds would run the refresh off the event loop."""
    if not isinstance(value, AsyncIOScheduler):
        raise wrong(name, value, "it must be an apscheduler.schedulers.asyncio.AsyncIOScheduler object")
    return value


def word_or_function(*words: str) -> Check:
    """One of ``words``, or a plain (not async) function."""
    listed = ", ".join(map(repr, words))

    def check(name: str, value: Any) -> Any:
        if isinstance(value, str) and value in words:
            return value
        if callable(value) and not isinstance(value, type) and not inspect.iscoroutinefunction(value):
            return value
        raise wrong(name, value, f"it must be one of {listed}, or a function that is not async")

    return check


def word(*words: str) -> Check:
    """One of ``words``."""
    listed = " or ".join(map(repr, words))

    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise wrong(name, value, f"it must be {listed}")
        return value

    return check


def triggers(name: str, value: Any) -> frozenset[str]:
    """A subset of the known refresh triggers."""
    listed = ", ".join(sorted(map(repr, REFRESH_TRIGGERS)))
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise wrong(name, value, f"it must be a set or list of names from {listed}")
    given = list(value)
    if unknown := [item for item in given if not isinstance(item, str) or item not in REFRESH_TRIGGERS]:
        raise wrong(name, unknown, f"the known triggers are {listed}")
    return frozenset(given)


def keepalive_options(name: str, value: Any) -> Mapping[int, int]:
    """Socket option constants and values; None and {} leave the system's settings."""
    example = "such as {socket.TCP_KEEPIDLE: 30}, or None for the system's settings"
    if value is None:
        return MappingProxyType({})
    if not isinstance(value, Mapping):
        raise wrong(name, value, f"it must be a dict of socket constants, {example}")
    for constant, number in value.items():
        if not _is_count(constant) or not _is_count(number):
            raise wrong(name, (constant, number), f"keys and values are whole numbers, {example}")
    return MappingProxyType({int(constant): int(number) for constant, number in value.items()})
