"""The words of a command, whatever type the caller gave them."""

from __future__ import annotations

from typing import Any


def as_word(value: Any) -> str:
    """A word in upper case, to compare with the table's."""
    if isinstance(value, memoryview):
        value = value.tobytes()
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("ascii", "replace").upper()
    return str(value).upper()


def as_number(value: Any) -> int | None:
    """A word as a whole number; ``None`` if it is none."""
    if isinstance(value, int):
        return value
    try:
        return int(as_word(value))
    except ValueError:
        return None


def split_name(name: Any) -> tuple[Any, ...]:
    """The words of a command's first argument: redis-py's users write ``"CONFIG GET"`` as one."""
    return tuple(name.split()) if isinstance(name, str | bytes) else (name,)
