"""From a caller's command to the calls that it takes: one, one for each slot, or one for each node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from redis.exceptions import RedisError

from ha_manager.commands.learned import Learned
from ha_manager.commands.targets import Place, Targets
from ha_manager.delivery import Call, Executor, Lanes
from ha_manager.delivery.broadcast import run_all
from ha_manager.errors import CrossSlotError, NoSuchNodeError
from ha_manager.routing import (
    CommandSpec,
    Part,
    RequestPolicy,
    ResponsePolicy,
    join_parts,
    key_positions,
    merge,
    slot_argument,
    slots_of,
    split_by_slot,
)

Finish = Callable[[Any], Any]
"""Passes one reply through its response callback."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a caller wants done.

    Attributes:
        spec: what is known of the command.
        words: all its words.
        make: makes a call out of a specification and words.
        finish: what each reply passes through.
        targets: what the caller gave as ``target_nodes=``, or ``None``.
        split: the caller asked by name for a command that is split, whatever ``cross_slot`` says.
    """

    spec: CommandSpec
    words: Sequence[Any]
    make: Callable[[CommandSpec, Sequence[Any]], Call]
    finish: Finish
    targets: Any = None
    split: bool = False


class Dispatch:
    """Carries out orders where one shard or several may be concerned.

    Args:
        lanes, executor: where calls go.
        targets: finds nodes.
        learned: tells of commands that the table does not know.
        encode: turns a key into bytes.
        cross_slot: whether commands whose keys lie in several slots are split.
    """

    def __init__(
        self,
        lanes: Lanes,
        executor: Executor,
        *,
        targets: Targets,
        learned: Learned,
        encode: Callable[[Any], bytes],
        cross_slot: bool,
    ) -> None:
        self._lanes = lanes
        self._executor = executor
        self._targets = targets
        self._learned = learned
        self._encode = encode
        self._cross_slot = cross_slot

    def slot_of(self, spec: CommandSpec, words: Sequence[Any]) -> int | None:
        """The slot of a command with one key."""
        slots = slots_of(spec, words, self._encode)
        return slots[0] if slots else None

    async def run(self, order: Order) -> Any:
        """Send what the order takes, and return the one reply that its caller gets.

        Raises:
            CrossSlotError: its keys lie in several slots, and it cannot or may not be split.
            NoSuchNodeError: it must be told which node it is for, or names one that there is not.
            redis.RedisError: what a part of it ended with; ``failed_keys`` tells the keys of all such parts.
        """
        if order.targets is not None:
            return await self._everywhere(order, self._targets.resolve(order.targets))
        spec = order.spec
        if spec.request is RequestPolicy.UNKNOWN and self._lanes.clustered:
            spec = await self._learned.spec(spec, order.words)
            order = replace(order, spec=spec)
        # Elsewhere every command is the primary's, as on the fast path.
        request = spec.request if self._lanes.clustered else RequestPolicy.DEFAULT
        if request is RequestPolicy.ALL_PRIMARIES:
            return await self._everywhere(order, self._targets.primaries())
        if request is RequestPolicy.ALL_NODES:
            return await self._everywhere(order, self._targets.everywhere())
        if request is RequestPolicy.NAMED_NODE:
            raise NoSuchNodeError(f"{spec.name} was not sent: say by target_nodes= which node is meant")
        slots = self._slots(spec, order.words)
        if len(slots) > 1:
            return order.finish(await self._by_slot(order, spec))
        call = order.make(spec, order.words)
        call.slot = slots[0] if slots else None
        return order.finish(await self._executor.run(call))

    def _slots(self, spec: CommandSpec, words: Sequence[Any]) -> list[int]:
        if not self._lanes.clustered:
            return []
        if spec.request is RequestPolicy.SLOT_ARGUMENT:
            slot = slot_argument(words)
            return [] if slot is None else [slot]
        return slots_of(spec, words, self._encode)

    async def run_at(self, order: Order, place: Place) -> tuple[Any, object]:
        """Send the order to one place; returns its reply, and who answered (see ``Call.answered_by``).

        Without a lane and node in ``place``, it goes where its key belongs.
        """
        call = order.make(order.spec, order.words)
        call.lane, call.node = place.lane, place.node
        if place == Place() and self._lanes.clustered:
            call.slot = self.slot_of(order.spec, order.words)
        reply = order.finish(await self._executor.run(call))
        return reply, call.answered_by

    # Parts by slot

    async def _by_slot(self, order: Order, spec: CommandSpec) -> Any:
        if spec.request is not RequestPolicy.MULTI_SHARD or not (self._cross_slot or order.split):
            remedy = (
                "cross_slot=False forbids to split it"
                if spec.request is RequestPolicy.MULTI_SHARD
                else "it cannot be split; give the keys a common {hash tag}"
            )
            raise CrossSlotError(f"{spec.name} was not sent: its keys lie in several slots, and {remedy}")
        parts = split_by_slot(spec, order.words, self._encode)
        calls = []
        for part in parts:
            call = order.make(spec, part.args)
            call.slot = part.slot
            calls.append(call)
        replies = await run_all(calls, self._lanes, self._executor)
        _name_failed_keys(spec, parts, replies)
        return join_parts(spec, parts, replies, sum(len(part.positions) for part in parts))

    # One for each node

    async def _everywhere(self, order: Order, places: Sequence[Place]) -> Any:
        calls = []
        for place in places:
            call = order.make(order.spec, order.words)
            call.lane, call.node = place.lane, place.node
            calls.append(call)
        replies = await run_all(calls, self._lanes, self._executor)
        names = [place.name for place in places]
        # A shard that left the cluster meanwhile has nothing to say, as long as others have.
        present = [i for i, reply in enumerate(replies) if not isinstance(reply, NoSuchNodeError)]
        kept = present or range(len(replies))
        finished = [_finished(order.finish, replies[i]) for i in kept]
        policy = order.spec.response
        if order.targets is not None and len(places) > 1 and policy is ResponsePolicy.FIRST:
            policy = ResponsePolicy.PER_NODE
        return merge(policy, finished, [names[i] for i in kept])


def _finished(finish: Finish, reply: Any) -> Any:
    return reply if isinstance(reply, Exception) else finish(reply)


def _name_failed_keys(spec: CommandSpec, parts: Sequence[Part], replies: Sequence[Any]) -> None:
    """Tell, on the error that the caller will get, the keys of every part that failed."""
    failed = [
        part.args[place]
        for part, reply in zip(parts, replies, strict=True)
        if isinstance(reply, Exception)
        for place in key_positions(spec, part.args)
    ]
    for reply in replies:
        if isinstance(reply, RedisError):
            reply.failed_keys = tuple(failed)  # type: ignore[attr-defined]
            reply.add_note(
                f"{spec.name} was split by slot; it failed for these keys, and ran for the others: "
                f"{', '.join(map(repr, failed))}"
            )
            return
