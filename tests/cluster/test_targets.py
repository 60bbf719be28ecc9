"""``target_nodes=``, and the methods that tell nodes: checked by what each node itself counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.crc import key_slot

from ha_manager import ConnectionManager, NoSuchNodeError
from ha_manager.sandbox import ClusterSandbox, ServerProcess
from ha_manager.topology import NodeInfo, Role
from tests.cluster.cluster_support import counts, one_key_each, replicated, reset_counts


async def asked(manager: ConnectionManager, cluster: ClusterSandbox, targets: Any) -> list[int]:
    """Which nodes of the cluster get a TIME that is sent to these targets, by their numbers."""
    await reset_counts(cluster.nodes)
    await manager.execute_command("TIME", target_nodes=targets)
    found = await counts(cluster.nodes, "time")
    assert set(found) <= {0, 1}
    return [number for number, count in enumerate(found) if count]


@pytest.mark.parametrize(
    ("flag", "numbers"),
    [
        (ConnectionManager.PRIMARIES, [0, 1, 2]),
        (ConnectionManager.REPLICAS, [3, 4, 5]),
        (ConnectionManager.ALL_NODES, [0, 1, 2, 3, 4, 5]),
        (RedisCluster.PRIMARIES, [0, 1, 2]),
        (RedisCluster.REPLICAS, [3, 4, 5]),
        (RedisCluster.ALL_NODES, [0, 1, 2, 3, 4, 5]),
    ],
)
async def test_flags(
    manager: ConnectionManager, cluster: ClusterSandbox, flag: str, numbers: list[int]
) -> None:
    assert await asked(manager, cluster, flag) == numbers


async def test_random_and_default(manager: ConnectionManager, cluster: ClusterSandbox) -> None:
    seen = {tuple(await asked(manager, cluster, RedisCluster.RANDOM)) for _ in range(30)}
    assert seen <= {(0,), (1,), (2,)}
    assert len(seen) > 1
    for number, primary in enumerate(cluster.nodes[:3]):
        manager.set_default_node(manager.get_node(*primary.address))
        assert await asked(manager, cluster, RedisCluster.DEFAULT_NODE) == [number]


FORMS: list[tuple[str, Callable[[ServerProcess, NodeInfo], Any]]] = [
    ("our node", lambda _process, info: info),
    ("redis-py's node", lambda process, _: ClusterNode(process.host, process.port)),
    ("text", lambda process, _: f"{process.host}:{process.port}"),
    ("pair", lambda process, _: process.address),
    ("endpoint", lambda _process, info: info.endpoint),
]


@pytest.mark.parametrize("form", [form for _, form in FORMS], ids=[name for name, _ in FORMS])
@pytest.mark.parametrize("container", ["one", "list", "tuple", "dict"])
async def test_nodes(
    manager: ConnectionManager, cluster: ClusterSandbox, form: Callable[..., Any], container: str
) -> None:
    forms = [form(process, manager.get_node(*process.address)) for process in cluster.nodes]
    if container == "one":
        assert await asked(manager, cluster, forms[4]) == [4]
        return
    chosen: Any = [forms[1], forms[4], forms[1]]
    if container == "dict":
        chosen = {"a": forms[1], "b": forms[4], "again": forms[1]}
    elif container == "tuple":
        chosen = tuple(chosen)
    assert await asked(manager, cluster, chosen) == [1, 4]


async def test_what_our_own_methods_give(manager: ConnectionManager, cluster: ClusterSandbox) -> None:
    assert await asked(manager, cluster, manager.get_primaries()) == [0, 1, 2]
    assert await asked(manager, cluster, manager.get_replicas()) == [3, 4, 5]
    assert await asked(manager, cluster, set(manager.get_nodes())) == [0, 1, 2, 3, 4, 5]
    mixed = [RedisCluster.REPLICAS, cluster.nodes[0].address]
    assert await asked(manager, cluster, mixed) == [0, 3, 4, 5]


@pytest.mark.parametrize(
    "unknown",
    [
        ("127.0.0.1", 1),
        "127.0.0.1:1",
        ClusterNode("127.0.0.1", 1),
        [("127.0.0.1", 1)],
        [],
        {},
        5,
        object(),
        "no-such-flag",
        b"primaries",
        [None],
    ],
    ids=str,
)
async def test_what_names_no_node(manager: ConnectionManager, cluster: ClusterSandbox, unknown: Any) -> None:
    await reset_counts(cluster.nodes)
    with pytest.raises(NoSuchNodeError):
        await manager.execute_command("TIME", target_nodes=unknown)
    # One that exists makes the others no better: either all are meant, or none.
    with pytest.raises(NoSuchNodeError):
        await manager.execute_command("TIME", target_nodes=[manager.get_primaries()[0], unknown or 5])
    assert sum(await counts(cluster.nodes, "time")) == 0


async def test_replicas_where_there_are_none(server_name: str) -> None:
    async with ClusterSandbox(server=server_name, primaries=1, replicas=0) as sandbox:
        async with await ConnectionManager.create(startup_nodes=sandbox.startup_nodes) as manager:
            assert manager.get_replicas() == []
            with pytest.raises(NoSuchNodeError, match="replicas"):
                await manager.ping(target_nodes="replicas")
            assert await manager.ping(target_nodes="all")
            assert await manager.set("key", "value")
            assert manager.get_node_from_key("key", replica=True) is None


async def test_the_answers_of_several_nodes(manager: ConnectionManager, cluster: ClusterSandbox) -> None:
    names = [f"{node.host}:{node.port}" for node in cluster.nodes]
    ports: Any = await manager.config_get("port", target_nodes="all")
    assert ports == {name: {"port": name.split(":")[1]} for name in names}
    one = manager.get_node(node_name=names[5])
    assert await manager.config_get("port", target_nodes=one) == {"port": names[5].split(":")[1]}
    assert await manager.config_get("port", target_nodes=[one]) == {"port": names[5].split(":")[1]}
    roles = await manager.execute_command("ROLE", target_nodes="all")
    assert [roles[name][0] for name in names] == [b"master"] * 3 + [b"slave"] * 3


async def test_keyed_commands_at_named_nodes(manager: ConnectionManager, cluster: ClusterSandbox) -> None:
    """A node that does not own the slot redirects; a replica answers reads itself."""
    key = one_key_each(cluster)[0]
    await manager.execute_command("SET", key, "value", target_nodes=cluster.nodes[1].address)
    await replicated(cluster)
    await reset_counts(cluster.nodes)
    for node in cluster.nodes:
        assert await manager.execute_command("GET", key, target_nodes=node.address) == b"value"
    assert await counts(cluster.nodes[:3], "get") == [5, 0, 0]
    assert await counts(cluster.nodes[3:], "get") == [1, 0, 0]
    replica = manager.get_node_from_key(key, replica=True)
    await manager.execute_command("SET", key, "changed", target_nodes=replica)
    assert await manager.get(key) == b"changed"
    assert manager.stats().retried == 6


async def test_an_error_of_one_node_is_raised(manager: ConnectionManager) -> None:
    with pytest.raises(Exception, match=r"(?i)unknown subcommand"):
        await manager.execute_command("CONFIG", "NOSUCH", target_nodes="all")


async def test_the_nodes(manager: ConnectionManager, cluster: ClusterSandbox) -> None:
    assert [node.endpoint for node in manager.get_primaries()] == [n.address for n in cluster.nodes[:3]]
    assert {node.endpoint for node in manager.get_replicas()} == {n.address for n in cluster.nodes[3:]}
    assert {node.role for node in manager.get_primaries()} == {Role.PRIMARY}
    for process in cluster.nodes:
        node = manager.get_node(process.host, process.port)
        assert node == manager.get_node(node_name=f"{process.host}:{process.port}")
        assert node.node_id == cluster.node_id(process)
    for wrong in ({"host": "127.0.0.1", "port": 1}, {"node_name": "127.0.0.1:1"}):
        with pytest.raises(NoSuchNodeError):
            manager.get_node(**wrong)


async def test_slots_and_owners(manager: ConnectionManager, cluster: ClusterSandbox) -> None:
    for key in ("key", b"key", "{tag}key", "{}", "ä", 5, 2.5, ""):
        assert manager.keyslot(key) == key_slot(manager.get_encoder().encode(key))
        owner = await cluster.owner(manager.keyslot(key))
        assert manager.get_node_from_key(key) == manager.get_node(*owner.address)
        replica = manager.get_node_from_key(key, replica=True)
        assert replica is not None
        assert replica.endpoint in [node.address for node in await cluster.replicas_of(owner)]
    assert await manager.cluster_keyslot("{tag}key") == manager.keyslot("{tag}key")


async def test_the_default_node(manager: ConnectionManager, cluster: ClusterSandbox) -> None:
    for number, process in enumerate(cluster.nodes[:3]):
        for form in (ClusterNode(*process.address), f"{process.host}:{process.port}", process.address):
            manager.set_default_node(form)
            assert manager.get_default_node() == manager.get_node(*process.address)
        await reset_counts(cluster.nodes)
        await manager.time()
        assert (await counts(cluster.nodes[:3], "time")).index(1) == number
    present = manager.get_default_node()
    for wrong in (manager.get_replicas()[0], ("127.0.0.1", 1), None):
        with pytest.raises(NoSuchNodeError):
            manager.set_default_node(wrong)
    assert manager.get_default_node() == present
