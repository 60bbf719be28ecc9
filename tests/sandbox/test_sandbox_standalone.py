"""A single server, and the life of one process."""

from __future__ import annotations

import logging
import socket
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio
from redis.exceptions import ResponseError

from ha_manager.errors import ConfigurationError
from ha_manager.sandbox import PortTakenError, ServerStartError, StandaloneSandbox, deployment
from ha_manager.sandbox.ports import PortLease


async def test_a_server_with_a_url(server: str) -> None:
    async with StandaloneSandbox(server=server) as sandbox:
        assert sandbox.url == f"redis://127.0.0.1:{sandbox.node.port}"
        async with redis.asyncio.Redis.from_url(sandbox.url) as client:
            assert await client.set("a", "b")
        assert await sandbox.execute(sandbox.node, "GET", "a") == "b"
        assert await sandbox.execute(sandbox.node, "GET", "none") is None
        with pytest.raises(ResponseError, match="wrong number of arguments"):
            await sandbox.execute(sandbox.node, "GET")


async def test_a_unix_socket(server: str) -> None:
    async with (
        StandaloneSandbox(server=server, unix_socket=True) as sandbox,
        redis.asyncio.Redis(unix_socket_path=str(sandbox.unix_socket)) as client,
    ):
        assert await client.ping()
    with pytest.raises(ConfigurationError, match="unix_socket=True"):
        _ = StandaloneSandbox(server=server).unix_socket


async def test_a_path_too_long_for_a_unix_socket(server: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="too long a path"):
        await StandaloneSandbox(
            server=server, unix_socket=True, directory=tmp_path / ("d" * 100)
        ).__aenter__()


async def test_a_replica_of_another(server: str) -> None:
    login: dict[str, Any] = {"server": server, "username": "app", "password": "secret"}
    async with (
        StandaloneSandbox(**login) as primary,
        StandaloneSandbox(replica_of=primary.node.address, **login) as replica,
    ):
        role = await replica.execute(replica.node, "ROLE")
        assert isinstance(role, list)
        assert role[:3] == ["slave", *primary.node.address]


async def test_stop_kill_and_restart(server: str) -> None:
    async with StandaloneSandbox(server=server, config={"appendonly": True}) as sandbox:
        node, port = sandbox.node, sandbox.node.port
        await sandbox.execute(node, "SET", "kept", "yes")
        for end in (sandbox.stop, sandbox.kill):
            before = node.pid
            await end(node)
            assert (node.running, node.pid) == (False, None)
            await sandbox.restart(node)
            assert node.pid not in (None, before)
            assert node.port == port
            assert await sandbox.execute(node, "GET", "kept") == "yes"
        before = node.pid
        await sandbox.pause(node)
        await sandbox.restart(node)
        assert node.pid != before
        assert node.state == "running"


async def test_without_persistence_a_restart_forgets(server: str) -> None:
    async with StandaloneSandbox(server=server) as sandbox:
        await sandbox.execute(sandbox.node, "SET", "kept", "no")
        await sandbox.restart(sandbox.node)
        assert await sandbox.execute(sandbox.node, "GET", "kept") is None


async def test_a_restart_that_fails_says_why(server: str) -> None:
    async with StandaloneSandbox(server=server) as sandbox:
        await sandbox.stop(sandbox.node)
        sandbox.node.config_path.write_text("no-such-directive 1\n")
        with pytest.raises(ServerStartError, match="no-such-directive"):
            await sandbox.restart(sandbox.node)


async def test_an_own_port_is_held_while_the_server_is_down(server: str) -> None:
    async with StandaloneSandbox(server=server) as sandbox:
        await sandbox.kill(sandbox.node)
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(sandbox.node.address)
        await sandbox.restart(sandbox.node)


@pytest.fixture
def taken_port() -> Any:
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


async def test_a_taken_port_is_left_for_another(
    server: str, taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered: list[int] = []

    class UnluckyLease(PortLease):
        def __init__(self) -> None:
            super().__init__()
            if not offered:
                self.port = taken_port
            offered.append(self.port)

    monkeypatch.setattr(deployment, "PortLease", UnluckyLease)
    async with StandaloneSandbox(server=server) as sandbox:
        assert offered == [taken_port, sandbox.node.port]
        assert await sandbox.execute(sandbox.node, "PING") == "PONG"


async def test_it_gives_up_when_every_port_is_taken(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class HopelessLease(PortLease):
        def __init__(self) -> None:
            super().__init__()
            self.port = taken_port

    monkeypatch.setattr(deployment, "PortLease", HopelessLease)
    # Bound without listening: nothing that asks there has to wait for an answer.
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        taken_port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match="Address already in use"):
            await StandaloneSandbox(server=server).__aenter__()


async def test_the_servers_log_can_be_followed(server: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="ha_manager.sandbox"):
        async with StandaloneSandbox(server=server, log=True):
            pass
    lines = [record.getMessage() for record in caplog.records if record.name == "ha_manager.sandbox"]
    ready = [line for line in lines if "Ready to accept connections" in line]
    assert len(ready) >= 1
    assert ready[0].startswith("node-1: ")


async def test_entering_twice_at_a_time_is_refused(server: str) -> None:
    sandbox = StandaloneSandbox(server=server)
    async with sandbox:
        with pytest.raises(ConfigurationError, match="already runs"):
            await sandbox.__aenter__()
        assert await sandbox.execute(sandbox.node, "PING") == "PONG"
    with pytest.raises(ConfigurationError, match="does not run"):
        _ = sandbox.node
