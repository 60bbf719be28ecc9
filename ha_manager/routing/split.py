"""One command over several slots, cut into one command for each slot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ha_manager.routing.commands import CommandSpec
from ha_manager.routing.keys import key_positions
from ha_manager.routing.rules import RequestPolicy
from ha_manager.routing.slots import key_slot

Encode = Callable[[Any], bytes]
"""Turns a key as the caller gave it into the bytes that are sent."""


@dataclass(frozen=True, slots=True)
class Part:
    """What goes to one slot.

    Attributes:
        slot: the slot of all its keys.
        args: a whole command.
        positions: which keys of the whole command these are, counted from 0: where the elements of
            its reply belong in the whole reply.
    """

    slot: int
    args: tuple[Any, ...]
    positions: tuple[int, ...]


def slots_of(spec: CommandSpec, args: Sequence[Any], encode: Encode) -> list[int]:
    """The slots of the command's keys, each once, in order of first appearance.

    Args:
        spec: what the table says of the command.
        args: all words of the command, its name split into words.
        encode: turns a key into bytes.
    """
    return list(dict.fromkeys(key_slot(encode(args[place])) for place in key_positions(spec, args)))


def split_by_slot(spec: CommandSpec, args: Sequence[Any], encode: Encode) -> list[Part]:
    """Cut a command by the slots of its keys.

    Args:
        spec: what the table says of a command whose policy is ``MULTI_SHARD``.
        args: all words of the command, its name split into words.
        encode: turns a key into bytes.

    Returns:
        The parts in order of first appearance. A command that is malformed stays whole, for the server
        to refuse: no part of it may run.

    Raises:
        ValueError: this command is not to be cut.
    """
    if spec.request is not RequestPolicy.MULTI_SHARD or spec.keys is None:
        raise ValueError(f"{spec.name} cannot be split by slot")
    shape = spec.keys.specs[0]
    places = key_positions(spec, args)
    slots = [key_slot(encode(args[place])) for place in places]
    behind = len(args) + shape.last + 1
    if len(set(slots)) <= 1 or (behind - shape.begin) % shape.step:
        return [Part(slots[0] if slots else 0, tuple(args), tuple(range(len(places))))]
    members: dict[int, list[int]] = {}
    for number, slot in enumerate(slots):
        members.setdefault(slot, []).append(number)
    before, after = tuple(args[: shape.begin]), tuple(args[behind:])
    return [
        Part(slot, (*before, *_words(args, places, shape.step, numbers), *after), tuple(numbers))
        for slot, numbers in members.items()
    ]


def _words(args: Sequence[Any], places: Sequence[int], step: int, numbers: Sequence[int]) -> list[Any]:
    """The keys of these numbers, each with the words that belong to it."""
    return [word for number in numbers for word in args[places[number] : places[number] + step]]
