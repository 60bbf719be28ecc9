"""Brings nodes into a cluster, and takes them out of it."""

from __future__ import annotations

from collections.abc import Sequence

from ha_manager.errors import ConfigurationError, DiscoveryError
from ha_manager.sandbox.cluster_files import Seat
from ha_manager.sandbox.cluster_observer import ClusterObserver
from ha_manager.sandbox.deployment import together
from ha_manager.sandbox.migration import run
from ha_manager.sandbox.ports import LOOPBACK
from ha_manager.sandbox.process import ServerProcess
from ha_manager.sandbox.waiting import until

__all__ = ["check_can_go", "forget", "forget_strangers", "introduce", "start_as_primary"]

_SECONDS = 30.0


async def start_as_primary(node: ServerProcess, stand_in: str) -> None:
    """Starts a primary whose table is a `stand_in_table`, and has it replace the stand-in."""
    await node.start()

    async def ready() -> None:
        info = str(await node.execute("CLUSTER", "INFO"))
        if "cluster_state:ok" not in info:
            raise DiscoveryError(f"sandbox: {node.name} does not say cluster_state:ok")

    # Once it is a primary, a state that is not ok would stay so for two seconds.
    await until(ready, _SECONDS, "the state of a node that starts")
    await run(node, ("CLUSTER", "FAILOVER", "TAKEOVER"), ("CLUSTER", "FORGET", stand_in))


async def introduce(node: ServerProcess, seat: Seat, observer: ClusterObserver) -> None:
    """Makes all running nodes know a new one, and waits until they do."""
    # Who does not run is in the new node's table already, and could not answer.
    others = [observer.seats[other] for other in observer.awake() if other is not node]
    await run(node, *(_meet(other) for other in others))

    async def known() -> None:
        if not (await observer.picture()).all_know(seat.node_id):
            raise DiscoveryError(f"sandbox: not all nodes know {node.name}")

    await until(known, _SECONDS, "a new node to be known")


async def check_can_go(node: ServerProcess, observer: ClusterObserver) -> None:
    """Refuses to take out a node that others depend on.

    Raises:
        ConfigurationError: it owns slots, or has replicas.
    """
    owners = (await observer.picture()).owners().values()
    if owned := sum(owner == observer.seats[node].node_id for owner in owners):
        raise ConfigurationError(
            f"sandbox: {node.name} owns {owned} slots; give them away first, with migrate_slots"
        )
    if replicas := [replica.name for replica in await observer.replicas(node)]:
        raise ConfigurationError(
            f"sandbox: {node.name} is the primary of {', '.join(replicas)}; remove them first"
        )


async def forget(node_id: str, observer: ClusterObserver) -> None:
    """Has all running nodes forget a node that there is no more, and waits until none knows it."""

    async def forgotten() -> None:
        views = (await observer.picture()).views
        knowing = [me for me, view in views.items() if node_id in view]
        if knowing:
            await together(_forget(observer, me, [node_id]) for me in knowing)
            raise DiscoveryError(f"sandbox: {len(knowing)} nodes still know one that they shall forget")

    await until(forgotten, _SECONDS, "a node to be forgotten")


async def forget_strangers(observer: ClusterObserver) -> None:
    """Has all running nodes forget whatever is not of the sandbox: stand-ins that others heard of."""
    own = {seat.node_id for seat in observer.seats.values()}
    views = (await observer.picture()).views
    await together(_forget(observer, me, sorted(view.keys() - own)) for me, view in views.items())


async def _forget(observer: ClusterObserver, me: str, node_ids: Sequence[str]) -> None:
    node = observer.node(me)
    if node is not None and node_ids:
        # It may have forgotten one by itself since it was asked: an error in the replies is none here.
        await node.ask(*(("CLUSTER", "FORGET", node_id) for node_id in node_ids))


def _meet(seat: Seat) -> Sequence[str | int]:
    return "CLUSTER", "MEET", LOOPBACK, seat.port, seat.bus_port
