"""How configuration errors are worded: the option, what was given, and the remedy; never a secret."""

from __future__ import annotations

from ha_manager.errors import ConfigurationError

__all__ = ["shown", "wrong"]

_LONGEST_SHOWN = 80
# Python refuses to write ints of several thousand digits out; so would a reader.
_HUGE = 10**40


def shown(value: object) -> str:
    """The text of ``value`` for an error message.

    Only plain values are written out. A string with ``@`` or ``://`` may be a URL with a password in it
    and stays hidden, as does everything whose ``repr`` is not ours to trust.
    """
    if isinstance(value, int) and not -_HUGE < value < _HUGE:
        text = "<int, too long to show>"
    elif value is None or isinstance(value, bool | int | float):
        text = repr(value)
    elif isinstance(value, str):
        text = "<hidden text>" if "@" in value or "://" in value else repr(value)
    elif isinstance(value, tuple | list):
        inside = ", ".join(shown(item) for item in value[:4]) + (", ..." if len(value) > 4 else "")
        text = f"({inside})" if isinstance(value, tuple) else f"[{inside}]"
    else:
        text = f"<{type(value).__name__}>"
    return text if len(text) <= _LONGEST_SHOWN else f"<{type(value).__name__}, too long to show>"


def wrong(option: str, value: object, remedy: str) -> ConfigurationError:
    """The error for a ``value`` that ``option`` cannot take; ``remedy`` says what it can take."""
    return ConfigurationError(f"{option}={shown(value)} cannot be used: {remedy}")
