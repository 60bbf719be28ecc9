"""A client for the tests of the cluster sandbox: one command after another, as the servers redirect it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from redis.exceptions import ResponseError

from ha_manager.sandbox import ClusterSandbox, Reply, ServerProcess
from ha_manager.sandbox.cluster_view import slot_of

_REDIRECTIONS = 20


class Witness:
    """Follows MOVED and ASK, and nothing else: whatever it is told was done once."""

    def __init__(self, sandbox: ClusterSandbox) -> None:
        self._sandbox = sandbox
        self._believed = sandbox.nodes[0]

    async def execute(self, *command: str) -> Reply:
        """Sends a command to the node that the last one led to, and follows what it answers."""
        node, asking = self._believed, False
        for _ in range(_REDIRECTIONS):
            *_, reply = await node.ask(*([("ASKING",)] if asking else []), command)
            if not isinstance(reply, ResponseError):
                return reply
            word, _, address, *_ = [*str(reply).split(), "", ""]
            if word not in ("MOVED", "ASK"):
                raise reply
            node, asking = self._at(address), word == "ASK"
            if not asking:
                self._believed = node
        raise AssertionError(f"{command} was redirected {_REDIRECTIONS} times")

    def _at(self, address: str) -> ServerProcess:
        port = int(address.rpartition(":")[2])
        return next(node for node in self._sandbox.nodes if node.port == port)


async def fill(sandbox: ClusterSandbox, keys: Iterable[str]) -> None:
    """Sets each key to its own name, at its owner."""
    for owner, own in (await _by_owner(sandbox, keys)).items():
        assert set(await owner.ask(*(("SET", key, key) for key in own), timeout=30)) == {"OK"}


async def misplaced(sandbox: ClusterSandbox, keys: Iterable[str]) -> list[str]:
    """Those of the keys that their owner does not have with their own names as values."""
    wrong: list[str] = []
    for owner, own in (await _by_owner(sandbox, keys)).items():
        replies = await owner.ask(*(("GET", key) for key in own), timeout=30)
        wrong += [key for key, reply in zip(own, replies, strict=True) if reply != key]
    return wrong


async def _by_owner(sandbox: ClusterSandbox, keys: Iterable[str]) -> dict[ServerProcess, list[str]]:
    owners = await sandbox.owners()
    found: dict[ServerProcess, list[str]] = defaultdict(list)
    for key in keys:
        found[owners[slot_of(key)]].append(key)
    return dict(found)
