"""Checks of command line values; a wrong one ends with a usage message and status 2."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence

__all__ = ["fraction", "natural", "positive", "words_of"]


def natural(text: str) -> int:
    """A whole number, 0 or more."""
    if not (text.isascii() and text.isdigit()):
        raise ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def positive(text: str) -> int:
    """A whole number, 1 or more."""
    if (value := natural(text)) < 1:
        raise ArgumentTypeError("must be 1 or more")
    return value


def fraction(text: str) -> float:
    """A number, 0 or more."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise ArgumentTypeError(f"{text!r} is not a number of 0 or more")
    return value


def words_of(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """A list of the known words, separated by commas."""

    def words(text: str) -> tuple[str, ...]:
        given = tuple(word.strip() for word in text.split(",") if word.strip())
        unknown = [word for word in given if word not in known]
        if unknown or not given:
            raise ArgumentTypeError(f"{', '.join(unknown) or 'nothing'} is not one of {', '.join(known)}")
        return given

    return words
