"""Iteration over one collection: a cursor means something only to the process that gave it."""

from __future__ import annotations

from typing import Any

import pytest
from executor_rig import ClusterRig
from unit_support import A, B

from ha_manager.commands.scanning import Scanning
from ha_manager.commands.targets import Place


class Script(Scanning):
    """Answers by a script of (reply, who answered)."""

    def __init__(self, *script: tuple[Any, object]) -> None:
        self.script = list(script)
        self.commands: list[tuple[Any, ...]] = []
        self.places: list[Place] = []
        self.options: list[dict[str, Any]] = []
        self._lanes = ClusterRig().lanes

    async def execute_at(self, place: Place, *args: Any, **options: Any) -> tuple[Any, object]:
        self.places.append(place)
        self.commands.append(args)
        self.options.append(options)
        return self.script.pop(0)


async def test_every_page_is_given_in_turn() -> None:
    client = Script(((7, [b"a", b"b"]), A), ((9, []), A), ((0, [b"c"]), A))
    assert [member async for member in client.sscan_iter("k")] == [b"a", b"b", b"c"]
    assert client.commands == [("SSCAN", "k", 0), ("SSCAN", "k", 7), ("SSCAN", "k", 9)]
    assert set(client.places) == {Place()}, "where its key is"


async def test_when_another_process_answers_the_iteration_begins_anew() -> None:
    pages = [
        ((7, [b"a"]), (A, 1)),
        ((9, [b"nonsense"]), (B, 1)),
        ((3, [b"a"]), (B, 1)),
        ((0, [b"b"]), (B, 1)),
    ]
    client = Script(*pages)
    assert [member async for member in client.sscan_iter("k")] == [b"a", b"a", b"b"]
    assert [command[-1] for command in client.commands] == [0, 7, 0, 3]


async def test_another_process_at_the_same_address_is_another_process() -> None:
    client = Script(((7, [b"a"]), (A, 1)), ((0, []), (A, 2)), ((0, [b"a", b"b"]), (A, 2)))
    assert [member async for member in client.sscan_iter("k")] == [b"a", b"a", b"b"]


async def test_an_end_that_another_process_tells_is_not_the_end() -> None:
    client = Script(((7, [b"a"]), A), ((0, []), B), ((0, [b"b"]), B))
    assert [member async for member in client.sscan_iter("k")] == [b"a", b"b"]


@pytest.mark.parametrize(
    ("method", "arguments", "command", "option"),
    [
        ("sscan_iter", {"match": "a*", "count": 5}, ("SSCAN", "k", 0, "MATCH", "a*", "COUNT", 5), {}),
        ("hscan_iter", {"count": 5}, ("HSCAN", "k", 0, "COUNT", 5), {}),
        ("hscan_iter", {"no_values": True}, ("HSCAN", "k", 0, "NOVALUES"), {"no_values": True}),
        ("zscan_iter", {"score_cast_func": int}, ("ZSCAN", "k", 0), {"score_cast_func": int}),
    ],
)
async def test_options_are_passed_on(
    method: str, arguments: dict[str, Any], command: tuple[Any, ...], option: dict[str, Any]
) -> None:
    client = Script(((0, []), A))
    assert [element async for element in getattr(client, method)("k", **arguments)] == []
    assert (client.commands, client.options) == ([command], [option])


async def test_a_hash_is_given_in_pairs() -> None:
    client = Script(((7, {b"f": b"1"}), A), ((0, {b"g": b"2"}), A))
    assert [pair async for pair in client.hscan_iter("k")] == [(b"f", b"1"), (b"g", b"2")]
