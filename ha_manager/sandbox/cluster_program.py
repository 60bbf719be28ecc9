"""What a server program can do as a node of a cluster, by its version."""

from __future__ import annotations

import functools
import re
import subprocess
from pathlib import Path

from ha_manager.errors import ConfigurationError
from ha_manager.sandbox.programs import ServerProgram

__all__ = ["check_version", "names_shards"]

_PROBE_SECONDS = 10.0
_OLDEST = (7, 0)
_NAMES_SHARDS_SINCE = (7, 2)


def check_version(program: ServerProgram) -> None:
    """Refuses a program that does not know the directives that the sandbox needs.

    Raises:
        ConfigurationError: it is older than Redis 7.0.
    """
    version = _version(program.path)
    if version < _OLDEST:
        raise ConfigurationError(
            f"sandbox: {program.name} is of version {version[0]}.{version[1]}; "
            "a cluster needs Redis 7.0 or newer, or Valkey: name another server by server="
        )


def names_shards(program: ServerProgram) -> bool:
    """Whether its node table has a name for each shard. If so it must be there from the start:
    nodes that each make one up come to agree late, and list no shards before.
    """
    return _version(program.path) >= _NAMES_SHARDS_SINCE


@functools.cache
def _version(path: Path) -> tuple[int, int]:
    words = subprocess.run(
        [path, "--version"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_PROBE_SECONDS,
        check=False,
    ).stdout
    found = re.search(r"v=(\d+)\.(\d+)", words)
    return (int(found[1]), int(found[2])) if found else (0, 0)
