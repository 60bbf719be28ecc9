"""Commands that the table does not know are asked for once."""

from __future__ import annotations

from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError, ResponseError

from ha_manager.commands import Learned
from ha_manager.commands import learned as module
from ha_manager.routing import CommandSpec, RequestPolicy, describe, key_positions

READ = [b"x.read", -2, [b"readonly"], 1, 1, 1]
PARENT = [
    *[b"x.parent", -2, [], 0, 0, 0, [], [], []],
    [[b"x.parent|get", 3, [b"readonly"], 2, 2, 1, [], [], [], []]],
]


class Rig:
    """What a server tells of its commands, and how often it was asked."""

    def __init__(self, *replies: Any) -> None:
        self.replies = list(replies)
        self.asked: list[tuple[str, ...]] = []
        self.learned = Learned(self.ask)

    async def ask(self, *args: str) -> Any:
        self.asked.append(args)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def spec(self, *words: str) -> CommandSpec:
        return await self.learned.spec(describe(words), words)


async def test_a_command_is_asked_for_once() -> None:
    rig = Rig([READ])
    first = await rig.spec("X.READ", "k")
    assert (await rig.spec("x.read", "other")) == first
    assert rig.asked == [("COMMAND", "INFO", "X.READ")]
    assert (first.repeatable, first.first_key, first.request) == (True, 1, RequestPolicy.KEYED)


async def test_a_subcommand_is_found_under_its_parent() -> None:
    rig = Rig([PARENT], [PARENT])
    spec = await rig.spec("X.PARENT", "GET", "k")
    assert (spec.repeatable, key_positions(spec, ("X.PARENT", "GET", "k"))) == (True, (2,))
    other = await rig.spec("X.PARENT", "SET", "k")
    assert (other.repeatable, key_positions(other, ("X.PARENT", "SET", "k"))) == (False, ())
    assert rig.asked == [("COMMAND", "INFO", "X.PARENT")]


@pytest.mark.parametrize(
    "reply",
    [
        [None],
        [],
        None,
        b"garbage",
        [[b"x"]],
        ResponseError("unknown"),
        NoPermissionError("not you"),
        RedisConnectionError("refused"),
        TimeoutError(),
    ],
    ids=repr,
)
async def test_where_no_server_tells_the_first_word_is_taken_for_the_key(reply: Any) -> None:
    rig = Rig(reply, [READ])
    spec = await rig.spec("X.READ", "k", "v")
    assert (spec.repeatable, spec.on_replica) == (False, False), "it may be a write"
    assert (spec.request, key_positions(spec, ("X.READ", "k", "v"))) == (RequestPolicy.KEYED, (1,))
    assert (await rig.spec("X.READ", "k")).repeatable, "the next time, somebody may tell"


async def test_a_command_without_words_goes_to_the_default_node() -> None:
    spec = await Rig([None]).spec("X.READ")
    assert (spec.request, key_positions(spec, ("X.READ",))) == (RequestPolicy.DEFAULT, ())


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LIMIT", 2)
    rig = Rig(*[[READ]] * 4)
    for name in ("X.A", "X.B", "X.C", "X.C", "X.A"):
        await rig.spec(name, "k")
    assert [asked[-1] for asked in rig.asked] == ["X.A", "X.B", "X.C", "X.C"]
