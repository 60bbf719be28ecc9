"""A primary in a container is killed, frozen or stopped under load, and comes back."""

from __future__ import annotations

import pytest

from ha_manager import ConnectionManager
from ha_manager.observe import PrimarySwitched
from tests.docker.deployment import NAME, Deployment
from tests.failover.load import Load, eventually, stored

pytestmark = pytest.mark.docker

UNDO = {"kill": "start", "pause": "unpause", "stop": "start"}


async def connect(deployment: Deployment) -> ConnectionManager:
    return await ConnectionManager.create(
        cluster_name=NAME,
        sentinels=deployment.sentinels,
        address_map=deployment.address_map,
        failover_timeout=60,
    )


@pytest.mark.parametrize("fault", UNDO)
async def test_writes_outlive_their_primary(deployment: Deployment, fault: str) -> None:
    async with await connect(deployment) as manager:
        lost = await deployment.primary()
        switches: list[PrimarySwitched] = []
        acknowledged_before = []
        async with Load(manager) as load:

            def note(event: object) -> None:
                if isinstance(event, PrimarySwitched):
                    switches.append(event)
                    acknowledged_before.append(len(load.acknowledged))

            manager.add_listener(note)
            await load.progress()
            await deployment.compose(f"{fault} {lost}")
            await eventually(lambda: switches, timeout=60)
            await load.progress()
            await deployment.compose(f"{UNDO[fault]} {lost}")
            await deployment.wait_healthy()
            await load.progress()

        promoted = await deployment.primary()
        assert promoted != lost
        # One switch: the old primary, which still thought itself one when it came back, was not followed.
        assert [(event.old, event.new) for event in switches] == [
            (deployment.nodes[lost], deployment.nodes[promoted])
        ]
        assert manager.primary == deployment.nodes[promoted]

        assert load.errors == []
        kept = await stored(manager)
        assert len(kept) == len(set(kept))
        # What the lost primary had acknowledged and not yet replicated is lost with it, to any client.
        assert set(load.acknowledged[acknowledged_before[0] :]) <= set(kept)
        assert set(kept) <= {*load.acknowledged, *load.in_doubt}


async def test_every_node_is_reached_where_it_is_published(deployment: Deployment) -> None:
    """On Linux the containers' own addresses can be reached as well: only the addresses tell."""
    async with await connect(deployment) as manager:
        primary = deployment.nodes[await deployment.primary()]
        assert manager.primary == primary
        assert {node.endpoint for node in manager.topology.nodes} == set(deployment.nodes.values())
        assert set(manager.stats().sentinels) == set(deployment.sentinels)
        announced = await manager.get_master_addr_by_name()
        assert announced is not None
        assert announced != primary
        assert deployment.address_map[announced] == primary
