"""Which words of a command are its keys. Nothing here raises: what makes no sense, the server refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ha_manager.routing.commands import CommandSpec
from ha_manager.routing.rules import KeySpec
from ha_manager.routing.slots import SLOT_COUNT
from ha_manager.routing.words import as_number, as_word

_SLOT_ARGUMENT = 2
"""Where ``CLUSTER COUNTKEYSINSLOT`` and its kin have their slot, or the first of several."""


def key_positions(spec: CommandSpec, args: Sequence[Any]) -> tuple[int, ...]:
    """The indexes in ``args`` of the keys, or of the channel or cursor that decides the slot.

    Args:
        spec: what the table says of the command.
        args: all words of the command, its name split into words: ``("OBJECT", "ENCODING", "k")``.

    Returns:
        In the order in which the rule tells them; empty if there are none, or none can be made out.
    """
    if spec.first_key:
        return (spec.first_key,) if spec.first_key < len(args) else ()
    rule = spec.keys
    if rule is None:
        return ()
    found = [position for stretch in rule.specs for position in _stretch(stretch, args)]
    find = _BY_OPTIONS.get(rule.options)
    if find is not None:
        found = [*found, *find(args)]
    return tuple(dict.fromkeys(found))


def slot_argument(args: Sequence[Any]) -> int | None:
    """The slot that a command names itself (``RequestPolicy.SLOT_ARGUMENT``); ``None`` if it is none.

    Args:
        args: all words of the command, its name split into words.
    """
    slot = as_number(args[_SLOT_ARGUMENT]) if len(args) > _SLOT_ARGUMENT else None
    return slot if slot is not None and 0 <= slot < SLOT_COUNT else None


def _stretch(spec: KeySpec, args: Sequence[Any]) -> Iterable[int]:
    begin = _after_keyword(spec, args) if spec.keyword else spec.begin
    if begin is None or not 0 < begin < len(args):
        return ()
    if spec.count_at >= 0:
        return _counted(spec, args, begin)
    return range(begin, min(_end(spec, begin, len(args)), len(args)), spec.step)


def _after_keyword(spec: KeySpec, args: Sequence[Any]) -> int | None:
    """The place behind the keyword; its search runs backwards where it starts from the end."""
    places = range(spec.begin, len(args)) if spec.begin >= 0 else range(len(args) + spec.begin, 0, -1)
    return next((place + 1 for place in places if as_word(args[place]) == spec.keyword), None)


def _end(spec: KeySpec, begin: int, total: int) -> int:
    """Where a stretch ends: the place behind its last key."""
    if spec.last >= 0:
        return begin + spec.last + 1
    if spec.limit > 1:
        return begin + (total - begin) // spec.limit + spec.last + 1
    return total + spec.last + 1


def _counted(spec: KeySpec, args: Sequence[Any], begin: int) -> Iterable[int]:
    """Keys whose number is an argument; a number that promises too many is cut to what is there."""
    count_at = begin + spec.count_at
    count = as_number(args[count_at]) if count_at < len(args) else None
    places = range(begin + spec.first, len(args), spec.step)
    return places[: max(count or 0, 0)]


def _sort(args: Sequence[Any]) -> Iterable[int]:
    """``SORT key [BY p] [LIMIT o n] [GET p ...] [STORE d]``: the last destination counts."""
    places = _options(args, 2, {"LIMIT": 2, "GET": 1, "BY": 1, "STORE": 1}).get("STORE", ())
    return places[-1:]


def _migrate(args: Sequence[Any]) -> Iterable[int]:
    """One key at its place; or none there, and all that follows KEYS."""
    if len(args) > _MIGRATED and as_word(args[_MIGRATED]):
        return (_MIGRATED,)
    keys = _options(args, 6, {"AUTH": 1, "AUTH2": 2, "KEYS": len(args)}).get("KEYS", ())
    return range(keys[0], len(args)) if keys else ()


_MIGRATED = 3


def _options(args: Sequence[Any], start: int, taking: Mapping[str, int]) -> dict[str, list[int]]:
    """Where the values of options begin, for options that stand behind ``start``.

    A value is never taken for an option: ``SORT k BY store`` has no destination.

    Args:
        args: all words of the command.
        start: the first word that may be an option.
        taking: how many words belong to each option; other words stand alone.
    """
    places: dict[str, list[int]] = {}
    at = start
    while at < len(args):
        word = as_word(args[at])
        if word in taking and at + 1 < len(args):
            places.setdefault(word, []).append(at + 1)
            at += taking[word]
        at += 1
    return places


_BY_OPTIONS: dict[str, Callable[[Sequence[Any]], Iterable[int]]] = {"sort": _sort, "migrate": _migrate}
"""Rules that ``KeyRule.options`` names."""
