"""The containers of docker/compose.yaml: driven through compose, watched through their published ports."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import redis.asyncio
from pytest_docker.plugin import DockerComposeExecutor
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

Address = tuple[str, int]

COMPOSE_FILE = Path(__file__).parents[2] / "docker" / "compose.yaml"
SUBNET = os.environ.get("HA_SUBNET", "10.213.91")
NAME = "mymaster"

_SERVICE = re.compile(
    r"^  (?P<service>[\w-]+):\n(?:    .*\n)*?"
    r'    ports: \["(?P<host>[\d.]+):(?P<published>\d+):(?P<port>\d+)"\]\n'
    r"    networks: .*\}(?P<last>\.\d+)\"",
    re.MULTILINE,
)


def published() -> dict[str, tuple[Address, Address]]:
    """Of each service the address that it announces, and the one that reaches it from here."""
    return {
        found["service"]: (
            (SUBNET + found["last"], int(found["port"])),
            (found["host"], int(found["published"])),
        )
        for found in _SERVICE.finditer(COMPOSE_FILE.read_text())
    }


class Deployment:
    """A primary, two replicas and three Sentinels in containers.

    Attributes:
        nodes: the data servers' services, and the addresses that reach them.
        sentinels: the addresses that reach the Sentinels.
        address_map: what a client needs in order to reach the announced addresses.
    """

    def __init__(self, executor: DockerComposeExecutor) -> None:
        services = published()
        reached = {service: here for service, (_, here) in services.items()}
        self._executor = executor
        self.nodes = {service: here for service, here in reached.items() if service.startswith("node")}
        self.sentinels = [here for service, here in reached.items() if service.startswith("sentinel")]
        self.address_map = dict(services.values())

    async def compose(self, command: str) -> None:
        """Run a command of docker compose, such as ``kill node-1``."""
        await asyncio.to_thread(self._executor.execute, command)

    async def primary(self) -> str:
        """The service that says of itself that it is the primary.

        Raises:
            ValueError: none says so, or more than one.
        """
        infos = {service: await _info(address) for service, address in self.nodes.items()}
        (service,) = (service for service, info in infos.items() if info.get("role") == "master")
        return service

    async def hasten(self, timeout: float = 60.0) -> None:
        """Have the Sentinels look around each second, and take a node back soon, once they answer.

        Args:
            timeout: seconds.

        Raises:
            TimeoutError: they did not answer in time.
        """
        # They turn an old primary around after four PUBLISH periods. Their leader may see a promotion a
        # second late: if the others waited for no longer than that, they would turn the new one around.
        periods = ("INFO-PERIOD", 1000, "PUBLISH-PERIOD", 700, "TILT-PERIOD", 3000)
        async with asyncio.timeout(timeout):
            for sentinel in self.sentinels:
                while await _ask(sentinel, "SENTINEL", "DEBUG", *periods) is None:
                    await asyncio.sleep(0.1)

    async def wait_healthy(self, timeout: float = 60.0) -> None:
        """Wait until there are one primary, two replicas in step, and Sentinels that know all of it.

        Args:
            timeout: seconds.

        Raises:
            AssertionError: it did not come to that; with the end of each container's log.
        """
        try:
            async with asyncio.timeout(timeout):
                while not await self._healthy():
                    await asyncio.sleep(0.1)
        except TimeoutError:
            logs = await asyncio.to_thread(self._executor.execute, "logs --tail=20")
            raise AssertionError(f"not healthy within {timeout:g} s\n{logs.decode()}") from None

    async def _healthy(self) -> bool:
        nodes = [await _info(address) for address in self.nodes.values()]
        primaries = [info for info in nodes if info.get("role") == "master"]
        linked = [info for info in nodes if info.get("master_link_status") == "up"]
        watched = [(await _info(address)).get("master0", {}) for address in self.sentinels]
        return (
            len(primaries) == 1
            and len(linked) == len(self.nodes) - 1
            and all(_knows_everyone(view, self) for view in watched)
        )


def _knows_everyone(view: dict[str, Any], deployment: Deployment) -> bool:
    return (
        view.get("status") == "ok"
        and view["slaves"] == len(deployment.nodes) - 1
        and view["sentinels"] == len(deployment.sentinels)
    )


async def _info(address: Address) -> dict[str, Any]:
    """A server's INFO; nothing, while it does not answer."""
    return dict(await _ask(address, "INFO") or {})


async def _ask(address: Address, *command: str | int) -> Any:
    """A server's reply; None, while it does not answer."""
    host, port = address
    async with redis.asyncio.Redis(
        host=host, port=port, socket_timeout=1, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0)
    ) as client:
        try:
            return await client.execute_command(*command)
        except ResponseError:
            raise
        except (RedisError, OSError):
            return None
