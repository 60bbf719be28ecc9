"""From the text of a URL's query parameter to the type of its option. Each raises ValueError if it cannot.

What is in range is not decided here but by the option's check, which sees the value afterwards.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Cast", "to_flag", "to_int", "to_int_or_text", "to_number", "to_number_or_none", "to_words"]

Cast = Callable[[str], object]

_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def to_flag(text: str) -> bool:
    """``true``, ``yes``, ``1`` or ``false``, ``no``, ``0``, in any case."""
    found = _FLAGS.get(text.lower())
    if found is None:
        raise ValueError
    return found


def to_int(text: str) -> int:
    """A whole number in plain digits; ``int`` alone would also read ``1_0`` and ``" 1"``."""
    if not text.removeprefix("-").isdecimal() or not text.isascii():
        raise ValueError
    return int(text)


def to_number(text: str) -> float:
    """A decimal number, such as ``0.5`` or ``1e3``."""
    if "_" in text:
        raise ValueError
    return float(text)


def to_number_or_none(text: str) -> float | None:
    """A decimal number, or the word ``None`` in any case."""
    return None if text.lower() == "none" else to_number(text)


def to_words(text: str) -> tuple[str, ...]:
    """Words separated by commas, perhaps in brackets as redis-py writes them."""
    return tuple(word.strip() for word in text.removeprefix("[").removesuffix("]").split(","))


def to_int_or_text(text: str) -> int | str:
    """A whole number if it is one, else the text."""
    return to_int(text) if text.isdecimal() else text
