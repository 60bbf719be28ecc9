"""Finds out which node of a shard in question is primary now, by asking the shard's own nodes.

They know first: a replica that was promoted says so in the same moment in which it begins to take
writes, while the rest of the cluster hears of it by gossip. Each node is asked on its own, so that
one that hangs delays nobody else's answer.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from redis.exceptions import NoPermissionError, RedisError

from ha_manager.config import Endpoint
from ha_manager.delivery.lane import Lane
from ha_manager.topology import Ask, Cause, Shard
from ha_manager.topology.cluster_replies import parse_info
from ha_manager.topology.replies import BadReplyError, role_of

PERIOD = 0.01
"""Seconds between two questions to a node; half of that while it may be a handover in good order."""

HANDOVER = 0.1
"""Seconds after which it is no handover in good order: those take some ten milliseconds."""

LONGEST_PERIOD = 0.25
"""Seconds between two questions when a shard has been in trouble for long."""

HASTE = 5.0
"""Seconds for which the questions keep their pace: most failovers are over by then."""

REFRESH_EVERY = 1.0
"""Seconds after which the rest of the cluster is asked again: there may be nodes that we do not know."""


@dataclass(frozen=True, slots=True)
class Word:
    """What a node says of itself; an empty role means that we may not ask. ``epoch`` is the newest known."""

    role: str
    serves: bool
    epoch: int


class Rescue:
    """Watches shards in question until each has a primary that serves.

    Args:
        ask_node: sends one command to a node.
        members: the nodes of a lane's shard in the snapshot in force, ``None`` if it left.
        promoted: takes a replica that says, under an epoch, that it is primary now.
        trigger: asks for a refresh of the topology.
    """

    def __init__(
        self,
        *,
        ask_node: Ask,
        members: Callable[[Lane], Shard | None],
        promoted: Callable[[Lane, Endpoint, int], None],
        trigger: Callable[[Cause], None],
    ) -> None:
        self._ask = ask_node
        self._members = members
        self._promoted = promoted
        self._trigger = trigger
        self._tasks: dict[Lane, asyncio.Task[None]] = {}

    def begin(self, lane: Lane) -> None:
        """Watch this lane until it is out of question; once, however often it is asked for."""
        if lane not in self._tasks and lane.in_question and not lane.gone:
            task = asyncio.get_running_loop().create_task(self._watch(lane), name="rescue of a shard")
            self._tasks[lane] = task
            task.add_done_callback(lambda _: self._tasks.pop(lane, None))

    async def close(self) -> None:
        """Stop watching."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, lane: Lane) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        asked_others = began
        questions: dict[Endpoint, asyncio.Task[None]] = {}
        try:
            while lane.in_question and not lane.gone:
                for endpoint in self._endpoints(lane):
                    if endpoint not in questions or questions[endpoint].done():
                        questions[endpoint] = asyncio.ensure_future(self._ask_once(lane, endpoint))
                if loop.time() - asked_others > REFRESH_EVERY:
                    asked_others = loop.time()
                    self._trigger(Cause.CONNECTION_LOST)
                await self._rest(lane, loop.time() - began, list(questions.values()))
        finally:
            for question in questions.values():
                question.cancel()
            await asyncio.gather(*questions.values(), return_exceptions=True)

    async def _rest(self, lane: Lane, spent: float, questions: list[asyncio.Task[None]]) -> None:
        """Wait for one period, or until an answer settles the matter."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _period(spent) * random.uniform(0.8, 1.2)
        pending = {question for question in questions if not question.done()}
        while pending and lane.in_question and (left := end - loop.time()) > 0:
            _, pending = await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if lane.in_question:
            await asyncio.sleep(max(0.0, end - loop.time()))

    def _endpoints(self, lane: Lane) -> list[Endpoint]:
        shard = self._members(lane)
        if shard is None:
            return []
        if lane.refusal and shard.primary is not None:
            # The shard is as it was; the cluster as a whole refuses. Only the primary can end that.
            return [shard.primary.endpoint]
        return [node.endpoint for node in shard.nodes]

    async def _ask_once(self, lane: Lane, endpoint: Endpoint) -> None:
        try:
            word = await self._word(endpoint)
        except (RedisError, OSError, TimeoutError, BadReplyError):
            if lane.refusal and not lane.confirmed:
                # It does not answer after all: from now on, its replicas are asked as well.
                lane.refusal = ""
            return
        if not lane.in_question or lane.gone or not word.serves:
            return
        if lane.primary is not None and lane.primary.endpoint == endpoint:
            if word.role in ("master", ""):
                lane.confirm()
        elif word.role == "master":
            self._promoted(lane, endpoint, word.epoch)

    async def _word(self, endpoint: Endpoint) -> Word:
        role, info = await asyncio.gather(self._role(endpoint), self._info(endpoint))
        return Word(role, serves=info[0], epoch=info[1])

    async def _role(self, endpoint: Endpoint) -> str:
        try:
            return role_of(await self._ask(endpoint, "ROLE"))
        except NoPermissionError:
            return ""

    async def _info(self, endpoint: Endpoint) -> tuple[bool, int]:
        try:
            info = parse_info(await self._ask(endpoint, "CLUSTER", "INFO"))
        except NoPermissionError:
            return True, 0
        return info.state_ok, info.current_epoch


def _period(spent: float) -> float:
    """Seconds to the next question after ``spent`` seconds of asking."""
    if spent < HANDOVER:
        return PERIOD / 2
    return PERIOD if spent < HASTE else min(PERIOD * (spent / HASTE) ** 2, LONGEST_PERIOD)
