"""Discovery through Sentinels: ask all at once, elect by config-epoch, have the elected node say ROLE."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from ha_manager.config import Endpoint
from ha_manager.errors import SentinelsUnreachableError, UnknownServiceError
from ha_manager.observe import Counters, EventBus, StaleAnswerRefused
from ha_manager.topology import replies
from ha_manager.topology.discovery import AddressMap, Ask, Denial, Resolution
from ha_manager.topology.election import Election, SentinelAnswer, elect
from ha_manager.topology.model import Deployment, Topology, one_shard

STRAGGLER_GRACE = 0.05
"""Seconds to wait for more answers after a majority of the known Sentinels answered."""

RESET_GRACE = 10.0
"""Seconds for which a majority must agree on an older epoch before it is taken for a reset."""

_UNUSABLE = frozenset({"s_down", "o_down", "disconnected"})

Answer = SentinelAnswer | Exception


class SentinelDiscovery:
    """Resolves one service through its Sentinels.

    Args:
        service: the name that the Sentinels monitor the primary under.
        sentinels: the first known Sentinels, as the user gave them.
        ask_sentinel, ask_node: send one command to a Sentinel or to a data node.
        address_map: applied to every address that a server tells.
        bus, counters: where refused answers are reported.
        clock: monotonic time in seconds.
    """

    def __init__(
        self,
        service: str,
        sentinels: Iterable[Endpoint],
        *,
        ask_sentinel: Ask,
        ask_node: Ask,
        address_map: AddressMap,
        bus: EventBus,
        counters: Counters,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._ask_sentinel = ask_sentinel
        self._ask_node = ask_node
        self._map = address_map
        self._bus = bus
        self._counters = counters
        self._clock = clock
        self._known = dict.fromkeys(address_map(endpoint) for endpoint in sentinels)
        self._given = len(self._known)
        self._refused: set[tuple[Endpoint, Endpoint, int, int]] = set()
        self._reset: tuple[Endpoint, int] | None = None
        self._reset_since = 0.0

    @property
    def sentinels(self) -> tuple[Endpoint, ...]:
        """Every Sentinel known so far; learnt ones are added, silent ones are never dropped."""
        return tuple(self._known)

    def hint(self, endpoint: Endpoint) -> None:
        """Redirects do not happen behind Sentinels, and name no Sentinel."""

    async def resolve(self, current: Topology | None) -> Resolution:
        """See :meth:`Discovery.resolve`."""
        replied, failed = await self._ask_all()
        for answer in replied:
            self._known.update(dict.fromkeys(answer.sentinels))
        if not replied:
            return await self._without_answers(current, failed)
        known_epoch = current.epoch if current else -1
        election = elect(
            replied,
            known_epoch=known_epoch,
            known_primary=current.primary if current else None,
            known_sentinels=self._expected(replied),
        )
        self._report_stale(election, known_epoch)
        if election.winner is not None:
            self._reset = None
            return await self._confirm(current, self._snapshot(election.winner))
        assert current is not None, "an answer older than the known epoch implies a snapshot"
        return await self._keep_or_reset(current, election.reset)

    def _snapshot(self, answer: SentinelAnswer) -> Topology:
        return one_shard(Deployment.SENTINEL, answer.primary, answer.replicas, epoch=answer.epoch)

    # Asking

    async def _ask_all(self) -> tuple[list[SentinelAnswer], dict[Endpoint, Exception]]:
        tasks = {asyncio.ensure_future(self._ask_one(s)): s for s in self._known}
        replied: list[SentinelAnswer] = []
        failed: dict[Endpoint, Exception] = {}
        pending = set(tasks)
        try:
            while pending:
                enough = len(replied) * 2 > self._expected(replied)
                done, pending = await asyncio.wait(
                    pending,
                    timeout=STRAGGLER_GRACE if enough else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not done:
                    break
                for task in done:
                    _sort(tasks[task], task.result(), replied, failed)
        finally:
            for task in pending:
                task.cancel()
        return replied, failed

    def _expected(self, replied: list[SentinelAnswer]) -> int:
        """How many Sentinels there are: one may be known by several addresses, not all reachable.

        Not fewer than the user gave, so that a lone Sentinel that knows no other is no majority.
        """
        told = max((1 + len(answer.sentinels) for answer in replied), default=0)
        return min(len(self._known), max(told, self._given))

    async def _ask_one(self, sentinel: Endpoint) -> Answer:
        try:
            # MASTER goes on naming the old primary while replicas are being reconfigured, though
            # under the new epoch; the address is right only here.
            address, primary, replicas, sentinels = await asyncio.gather(
                self._ask_sentinel(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._service),
                self._ask_sentinel(sentinel, "SENTINEL", "MASTER", self._service),
                self._ask_sentinel(sentinel, "SENTINEL", "REPLICAS", self._service),
                self._ask_sentinel(sentinel, "SENTINEL", "SENTINELS", self._service),
            )
            return self._parse(sentinel, address, replies.fields(primary), replicas, sentinels)
        except (RedisError, OSError, TimeoutError, replies.BadReplyError) as fault:
            return fault

    def _parse(
        self, sentinel: Endpoint, address: Any, entry: dict[str, str], replicas: Any, sentinels: Any
    ) -> SentinelAnswer:
        usable = [r for r in replies.list_of_fields(replicas) if not _UNUSABLE & set(_flags(r))]
        return SentinelAnswer(
            sentinel=sentinel,
            primary=self._map(replies.address(address)),
            epoch=replies.number(entry, "config-epoch"),
            replicas=tuple(self._map(replies.endpoint_of(replica)) for replica in usable),
            sentinels=tuple(
                self._map(replies.endpoint_of(other)) for other in replies.list_of_fields(sentinels)
            ),
        )

    # Judging

    async def _confirm(self, current: Topology | None, found: Topology) -> Resolution:
        assert found.primary is not None
        denial = await self._denial(found.primary)
        if denial is None:
            return Resolution(found, confirmed=True)
        if current is None or current.primary == found.primary:
            superseded = denial.definite
        else:
            superseded = found.epoch > current.epoch
        return Resolution(
            None, confirmed=False, reason=denial.reason, superseded=superseded, fault=denial.fault
        )

    async def _keep_or_reset(self, current: Topology, reset: SentinelAnswer | None) -> Resolution:
        denial = await self._denial(current.primary)
        if (
            reset is not None
            and self._is_due(reset, denied=denial is not None)
            and await self._denial(reset.primary) is None
        ):
            self._reset = None
            return Resolution(self._snapshot(reset), confirmed=True, reset=True)
        return _kept(current, denial)

    def _is_due(self, reset: SentinelAnswer, *, denied: bool) -> bool:
        view = (reset.primary, reset.epoch)
        if self._reset != view:
            self._reset, self._reset_since = view, self._clock()
        return denied or self._clock() - self._reset_since >= RESET_GRACE

    async def _without_answers(
        self, current: Topology | None, failed: dict[Endpoint, Exception]
    ) -> Resolution:
        if any(_knows_no_service(fault) for fault in failed.values()):
            unknown = UnknownServiceError(
                f"no Sentinel monitors {self._service!r}: check cluster_name against SENTINEL MASTERS "
                f"({', '.join(map(str, failed))} answered or failed)"
            )
            return Resolution(None, confirmed=False, reason=str(unknown), fault=unknown)
        unreachable = _unreachable(failed)
        if current is None or current.primary is None:
            return Resolution(
                None, confirmed=False, reason=str(unreachable), detached=True, fault=unreachable
            )
        return _kept(current, await self._denial(current.primary), detached=True)

    async def _denial(self, primary: Endpoint | None) -> Denial | None:
        """Ask a node for its ROLE; ``None`` if it says that it is primary."""
        if primary is None:
            return Denial("there is no primary", definite=False)
        try:
            role = replies.role_of(await self._ask_node(primary, "ROLE"))
        except NoPermissionError:
            # Without the right to ask, the Sentinels' word is all there is.
            return None
        except (RedisError, OSError, TimeoutError, replies.BadReplyError) as fault:
            reason = f"{primary} does not confirm that it is primary: {fault}"
            return Denial(reason, definite=False, fault=fault if _is_login(fault) else None)
        return None if role == "master" else Denial(f"{primary} says that its role is {role}", definite=True)

    def _report_stale(self, election: Election, known_epoch: int) -> None:
        newest = max(known_epoch, election.winner.epoch if election.winner else -1)
        for answer in election.stale:
            key = (answer.sentinel, answer.primary, answer.epoch, newest)
            if key in self._refused:
                continue
            if len(self._refused) > 1000:
                self._refused.clear()
            self._refused.add(key)
            self._counters.stale_answers += 1
            self._bus.publish(
                StaleAnswerRefused(
                    sentinel=answer.sentinel,
                    claimed=answer.primary,
                    claimed_epoch=answer.epoch,
                    known_epoch=newest,
                )
            )


def _kept(current: Topology, denial: Denial | None, *, detached: bool = False) -> Resolution:
    """Go on with the snapshot in force, which its primary confirmed or did not."""
    if denial is None:
        return Resolution(current, confirmed=True, detached=detached)
    return Resolution(
        current, confirmed=False, reason=denial.reason, superseded=denial.definite, detached=detached
    )


def _is_login(fault: Exception) -> bool:
    return isinstance(fault, AuthenticationError)


def _unreachable(failed: dict[Endpoint, Exception]) -> RedisError:
    reasons = "; ".join(f"{sentinel}: {fault}" for sentinel, fault in failed.items())
    if any(_is_login(fault) for fault in failed.values()):
        return AuthenticationError(
            f"no Sentinel let us in ({reasons}): check sentinel_username= and sentinel_password="
        )
    return SentinelsUnreachableError(f"no Sentinel answered ({reasons}): check sentinels= and the network")


def _flags(entry: dict[str, str]) -> list[str]:
    return entry.get("flags", "").split(",")


def _sort(
    sentinel: Endpoint, answer: Answer, replied: list[SentinelAnswer], failed: dict[Endpoint, Exception]
) -> None:
    if isinstance(answer, SentinelAnswer):
        replied.append(answer)
    else:
        failed[sentinel] = answer


def _knows_no_service(fault: Exception) -> bool:
    return isinstance(fault, ResponseError) and "no such master" in str(fault).lower()
