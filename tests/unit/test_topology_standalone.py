"""Discovery of a single server."""

from __future__ import annotations

from typing import Any, cast

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError, ResponseError
from unit_support import A, B

from ha_manager.config import Endpoint
from ha_manager.errors import WrongDeploymentError
from ha_manager.topology import ClusterDiscovery, Deployment, Resolution, StandaloneDiscovery, Topology
from ha_manager.topology.model import one_shard

PLAIN = {"ROLE": [b"master", 0, []], "INFO cluster": b"# Cluster\r\ncluster_enabled:0\r\n"}
REPLICA = {
    "ROLE": [b"slave", b"10.0.0.2", 6379, b"connected", 5],
    "INFO cluster": b"# Cluster\r\ncluster_enabled:0\r\n",
    "INFO replication": b"role:slave\r\nmaster_host:10.0.0.2\r\nmaster_port:6379\r\n",
}
DENIED = NoPermissionError("User x has no permissions to run this command")


CLUSTER_NODES: list[dict[str, Any]] = [
    {**PLAIN, "INFO cluster": b"# Cluster\r\ncluster_enabled:1\r\n"},
    {**REPLICA, "INFO cluster": b"cluster_enabled:1\r\n"},
    {"ROLE": DENIED, "INFO cluster": b"cluster_enabled:1\r\n"},
]
FOUND = Resolution(Topology(Deployment.CLUSTER, (), 7), confirmed=True)


class FakeCluster:
    """Stands for the discovery of the cluster that the server belongs to."""

    def __init__(self, server: Endpoint) -> None:
        self.server = server
        self.hints: list[Endpoint] = []
        self.asked: list[Topology | None] = []

    def hint(self, endpoint: Endpoint) -> None:
        self.hints.append(endpoint)

    async def resolve(self, current: Topology | None) -> Resolution:
        self.asked.append(current)
        return FOUND


class Rig:
    """The discovery of one server, and of the clusters that it led to."""

    def __init__(self, replies: dict[str, Any], *, replica_allowed: bool = False) -> None:
        self.replies = replies
        self.commands: list[str] = []
        self.clusters: list[FakeCluster] = []
        self.discovery = StandaloneDiscovery(
            A, ask_node=self.ask, replica_allowed=replica_allowed, as_cluster=self.as_cluster
        )

    async def ask(self, endpoint: Endpoint, *args: str) -> Any:
        assert endpoint == A
        self.commands.append(" ".join(args))
        reply = self.replies[" ".join(args)]
        if isinstance(reply, Exception):
            raise reply
        return reply

    def as_cluster(self, server: Endpoint) -> ClusterDiscovery:
        self.clusters.append(FakeCluster(server))
        return cast("ClusterDiscovery", self.clusters[-1])


async def resolve(replies: dict[str, Any], *, replica_allowed: bool = False) -> Resolution:
    rig = Rig(replies, replica_allowed=replica_allowed)
    assert rig.discovery.sentinels == ()
    resolution = await rig.discovery.resolve(None)
    assert rig.clusters == []
    return resolution


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"ROLE": DENIED},
        {"INFO cluster": DENIED},
        {"INFO cluster": ResponseError("ERR unknown")},
        {"INFO cluster": b""},
    ],
    ids=["as is", "no ROLE", "no INFO", "odd INFO", "empty INFO"],
)
@pytest.mark.parametrize("replica_allowed", [False, True])
async def test_a_primary(change: dict[str, Any], replica_allowed: bool) -> None:
    resolution = await resolve({**PLAIN, **change}, replica_allowed=replica_allowed)
    assert resolution == Resolution(one_shard(Deployment.STANDALONE, A), confirmed=True)


async def test_a_replica_where_it_is_only_read_from() -> None:
    resolution = await resolve(REPLICA, replica_allowed=True)
    assert resolution == Resolution(one_shard(Deployment.STANDALONE, None, (A,)), confirmed=True)


@pytest.mark.parametrize(
    ("replies", "words"),
    [
        (REPLICA, ["replica of", str(B), 'read_from="replica"']),
        (
            {"ROLE": [b"sentinel", [b"m"]], "SENTINEL MASTERS": [["name", "m"], {"name": "k"}]},
            ["Sentinel", "k, m", "cluster_name=", f"sentinels=['{A}']"],
        ),
        ({"ROLE": [b"sentinel", []], "SENTINEL MASTERS": []}, ["monitors: none"]),
    ],
    ids=["replica", "sentinel", "empty sentinel"],
)
async def test_something_else_than_was_asked_for(replies: dict[str, Any], words: list[str]) -> None:
    resolution = await resolve(replies)
    assert isinstance(resolution.fault, WrongDeploymentError)
    assert (resolution.topology, resolution.confirmed) == (None, False)
    assert all(word in resolution.reason for word in [str(A), *words])


@pytest.mark.parametrize(
    "fault", [RedisConnectionError("refused"), OSError("reset"), TimeoutError(), ResponseError("ERR odd")]
)
async def test_a_server_that_does_not_answer(fault: Exception) -> None:
    resolution = await resolve({"ROLE": fault})
    assert (resolution.fault, resolution.confirmed, resolution.topology) == (fault, False, None)
    assert str(A) in resolution.reason


@pytest.mark.parametrize("role", [[], b"master", None, [None]])
async def test_a_reply_of_the_wrong_form_is_a_fault_and_no_crash(role: Any) -> None:
    resolution = await resolve({"ROLE": role})
    assert resolution.fault is not None
    assert not resolution.confirmed


# A node of a cluster


@pytest.mark.parametrize("replies", CLUSTER_NODES, ids=["primary", "replica", "no ROLE"])
@pytest.mark.parametrize("replica_allowed", [False, True])
async def test_a_node_of_a_cluster_leads_to_its_cluster(
    replies: dict[str, Any], replica_allowed: bool
) -> None:
    rig = Rig(replies, replica_allowed=replica_allowed)
    assert await rig.discovery.resolve(None) is FOUND
    (cluster,) = rig.clusters
    assert (cluster.server, cluster.asked) == (A, [None])


async def test_a_cluster_remains_one_and_its_node_is_not_asked_again() -> None:
    rig = Rig(CLUSTER_NODES[0])
    await rig.discovery.resolve(None)
    rig.commands.clear()
    assert await rig.discovery.resolve(FOUND.topology) is FOUND
    (cluster,) = rig.clusters
    assert (rig.commands, cluster.asked) == ([], [None, FOUND.topology])


async def test_the_first_redirect_tells_that_it_is_a_cluster() -> None:
    """A user with few rights may not be told so by the server itself."""
    rig = Rig({"ROLE": DENIED, "INFO cluster": DENIED})
    alone = await rig.discovery.resolve(None)
    assert alone == Resolution(one_shard(Deployment.STANDALONE, A), confirmed=True)
    rig.discovery.hint(B)
    rig.discovery.hint(A)
    assert await rig.discovery.resolve(alone.topology) is FOUND
    (cluster,) = rig.clusters
    assert (cluster.server, cluster.hints, cluster.asked) == (A, [B, A], [alone.topology])
