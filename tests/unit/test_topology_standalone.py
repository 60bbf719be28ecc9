"""Discovery of a single server."""

from __future__ import annotations

from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError, ResponseError
from unit_support import A, B

from ha_manager.config import Endpoint
from ha_manager.errors import WrongDeploymentError
from ha_manager.topology import Deployment, Resolution, StandaloneDiscovery
from ha_manager.topology.model import one_shard

PLAIN = {"ROLE": [b"master", 0, []], "INFO cluster": b"# Cluster\r\ncluster_enabled:0\r\n"}
REPLICA = {
    "ROLE": [b"slave", b"10.0.0.2", 6379, b"connected", 5],
    "INFO replication": b"role:slave\r\nmaster_host:10.0.0.2\r\nmaster_port:6379\r\n",
}
DENIED = NoPermissionError("User x has no permissions to run this command")


async def resolve(replies: dict[str, Any], *, replica_allowed: bool = False) -> Resolution:
    async def ask(endpoint: Endpoint, *args: str) -> Any:
        assert endpoint == A
        reply = replies[" ".join(args)]
        if isinstance(reply, Exception):
            raise reply
        return reply

    discovery = StandaloneDiscovery(A, ask_node=ask, replica_allowed=replica_allowed)
    assert discovery.sentinels == ()
    return await discovery.resolve(None)


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
        ({**PLAIN, "INFO cluster": b"cluster_enabled:1\r\n"}, ["cluster"]),
        (
            {"ROLE": [b"sentinel", [b"m"]], "SENTINEL MASTERS": [["name", "m"], {"name": "k"}]},
            ["Sentinel", "k, m", "cluster_name=", f"sentinels=['{A}']"],
        ),
        ({"ROLE": [b"sentinel", []], "SENTINEL MASTERS": []}, ["monitors: none"]),
    ],
    ids=["replica", "cluster", "sentinel", "empty sentinel"],
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
