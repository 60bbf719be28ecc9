"""Every command of the table, sent to a real cluster at least once, or named with the reason why not."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from redis.exceptions import ResponseError

from ha_manager import ConnectionManager, NoSuchNodeError, UnsafeCommandError
from ha_manager.routing.commands import CommandSpec, describe, spec_of
from ha_manager.routing.rules import KeySpec, RequestPolicy
from ha_manager.routing.table import rows
from ha_manager.sandbox import ClusterSandbox
from tests.cluster.cluster_support import one_key_each
from tests.cluster.every_command import (
    AT_A_NAMED_NODE,
    DATA,
    ELSEWHERE,
    EXCUSED,
    KEYED,
    NO_SERVER_HERE_HAS_IT,
)
from tests.integration.parity_data import LIBRARY

NOT_OF_THE_SERVER = ("MOVED", "ASK", "CROSSSLOT", "CLUSTERDOWN", "TRYAGAIN", "wrong number of arguments")
UNKNOWN = ("unknown command", "unknown subcommand", "Unknown subcommand")
REFUSED = {name for name, row in rows().items() if spec_of(row).refusal is not None}


def calls(text: str, tag: str = "{every}") -> Iterator[list[str]]:
    """The calls in a text; ``;`` stands between them."""
    for line in " ".join(text.split("\n")).split(";"):
        yield [word.replace("@", tag) for word in shlex.split(line)]


def nowhere() -> list[str]:
    """Commands of the table that none of the servers is thought to have."""
    beginnings = tuple(
        word.replace("|", " ") for words in NO_SERVER_HERE_HAS_IT.values() for word in words.split()
    )
    tried = {describe(call).name for call in calls(KEYED + ";" + ELSEWHERE + ";" + AT_A_NAMED_NODE)}
    return [name for name in rows() if name.startswith(beginnings) and name not in tried]


def invented(spec: CommandSpec) -> list[str]:
    """Words for a command that no server has: keys where its keys are, and 1 elsewhere."""
    words: dict[int, str] = {}
    for stretch in spec.keys.specs if spec.keys else ():
        words |= _stretch(stretch)
    name = spec.name.split(" ")
    return [*name, *(words.get(place, "1") for place in range(len(name), max([5, *words]) + 1))]


def _stretch(stretch: KeySpec) -> dict[int, str]:
    if stretch.count_at >= 0:
        return {stretch.begin + stretch.count_at: "1", stretch.begin + stretch.first: "{every}key"}
    last = stretch.begin + stretch.last if stretch.last >= 0 else 5
    return dict.fromkeys(range(stretch.begin, last + 1), "{every}key")


def test_the_table_is_covered() -> None:
    tried = {describe(call).name for call in calls(KEYED + ";" + ELSEWHERE + ";" + AT_A_NAMED_NODE)}
    containers = {name for name in rows() if any(other.startswith(f"{name} ") for other in tried)}
    covered = tried | containers | REFUSED | set(EXCUSED) | set(nowhere())
    assert covered >= set(rows()), sorted(set(rows()) - covered)
    assert not tried & REFUSED
    assert all(reason for reason in EXCUSED.values())


@pytest.fixture
def tag(cluster: ClusterSandbox) -> str:
    """A hash tag of the last shard, which is not the one that commands without keys go to."""
    return "{" + one_key_each(cluster)[2] + "}"


async def known_to(manager: ConnectionManager) -> set[str]:
    reply = await manager.execute_command("COMMAND")
    found = {name.upper() for name in reply}
    for entry in reply.values():
        found |= {sub[0].decode().upper().replace("|", " ") for sub in entry.get("subcommands", ()) if sub}
    return found


class Trial:
    """Sends calls, and notes those whose outcome is not the server's own."""

    def __init__(self, manager: ConnectionManager, known: set[str]) -> None:
        self.manager = manager
        self.known = known
        self.faults: dict[str, str] = {}

    async def send(self, words: list[str], **options: Any) -> None:
        before = self.manager.stats()
        try:
            name = describe(words).name
            await self.manager.execute_command(name, *words[name.count(" ") + 1 :], **options)
        except ResponseError as complaint:
            self._judge(words, str(complaint))
        except Exception as error:
            self.faults[" ".join(words)] = repr(error)
        after = self.manager.stats()
        if (after.retried, after.refreshes) != (before.retried, before.refreshes):
            self.faults[" ".join(words)] = "it was not sent to the right node at once"

    def _judge(self, words: list[str], complaint: str) -> None:
        excused = () if describe(words).name in self.known else UNKNOWN
        wrong = NOT_OF_THE_SERVER + tuple(text for text in UNKNOWN if text not in excused)
        if any(text in complaint for text in wrong):
            self.faults[" ".join(words)] = complaint


async def test_every_command_that_a_server_has(cluster: ClusterSandbox, tag: str) -> None:
    async with await ConnectionManager.create(
        startup_nodes=cluster.startup_nodes, refresh_interval=None
    ) as manager:
        owner = manager.get_node_from_key(tag)
        manager.set_default_node(next(node for node in manager.get_primaries() if node != owner))
        await manager.function_load(LIBRARY, replace=True)
        trial = Trial(manager, await known_to(manager))
        for words in calls(DATA, tag):
            await manager.execute_command(*words)
        for words in [*calls(KEYED, tag), *calls(ELSEWHERE, tag)]:
            await trial.send(words)
        await manager.set(f"{tag}key", "so that the node cannot give its slots away")
        for words in calls(AT_A_NAMED_NODE, tag):
            with pytest.raises(NoSuchNodeError):
                await manager.execute_command(*words)
            await trial.send(words, target_nodes=owner)
        assert trial.faults == {}
        assert await manager.get(f"{tag}key")


async def test_commands_of_other_servers(cluster: ClusterSandbox) -> None:
    async with await ConnectionManager.create(
        startup_nodes=cluster.startup_nodes, refresh_interval=None
    ) as manager:
        known = await known_to(manager)
        for name in nowhere():
            options = {}
            if spec_of(rows()[name]).request is RequestPolicy.NAMED_NODE:
                options["target_nodes"] = manager.get_default_node()
            with pytest.raises(ResponseError) as caught:
                await manager.execute_command(*invented(spec_of(rows()[name])), **options)
            assert name in known or any(text in str(caught.value) for text in UNKNOWN), caught.value


async def test_commands_that_no_shared_connection_may_get(manager: ConnectionManager) -> None:
    for name in REFUSED:
        with pytest.raises(UnsafeCommandError):
            await manager.execute_command(*name.split(" "), "1")
    assert await manager.ping()
