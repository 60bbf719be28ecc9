"""The failover that a Sentinel announces step by step, followed as a state machine.

The leading Sentinel publishes each step before it takes it. From the announcement on, writes are
held; the chosen node is asked for its ROLE until it says that it is primary. Pure: messages and
the time come in, a :class:`Notice` comes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from ha_manager.config import Endpoint
from ha_manager.topology import replies

CHANNELS = (
    "+elected-leader",
    "+failover-state-select-slave",
    "+selected-slave",
    "+failover-state-send-slaveof-noone",
    "+failover-state-wait-promotion",
    "+promoted-slave",
    "+failover-state-reconf-slaves",
    "+failover-end",
    "+failover-end-for-timeout",
    "-failover-abort-not-elected",
    "-failover-abort-no-good-slave",
    "-failover-abort-slave-timeout",
    "-failover-abort-master-is-slave",
    "+switch-master",
    "+odown",
    "-odown",
    "+sentinel",
    "+slave",
)


class Phase(Enum):
    """How far an announced failover has come."""

    IDLE = auto()
    ANNOUNCED = auto()
    CHOSEN = auto()


class Notice(Enum):
    """What a message asks the manager to do."""

    NONE = auto()
    HOLD = auto()
    PURSUE = auto()
    ABORT = auto()
    SWITCH = auto()
    REFRESH = auto()


_ANNOUNCED, _CHOSEN, _ABORTED, _ENDED, _SWITCHED, _HINT = range(6)

_MEANING = {
    "+elected-leader": _ANNOUNCED,
    "+failover-state-select-slave": _ANNOUNCED,
    "+selected-slave": _CHOSEN,
    "+failover-state-send-slaveof-noone": _CHOSEN,
    "+failover-state-wait-promotion": _CHOSEN,
    "+promoted-slave": _CHOSEN,
    "+failover-state-reconf-slaves": _HINT,
    "+failover-end": _ENDED,
    "+failover-end-for-timeout": _ENDED,
    "+switch-master": _SWITCHED,
    "+odown": _HINT,
    "-odown": _HINT,
    "+sentinel": _HINT,
    "+slave": _HINT,
}

_TRANSITIONS: dict[tuple[Phase, int], tuple[Phase, Notice]] = {
    (Phase.IDLE, _ANNOUNCED): (Phase.ANNOUNCED, Notice.HOLD),
    (Phase.IDLE, _CHOSEN): (Phase.CHOSEN, Notice.PURSUE),
    (Phase.IDLE, _ABORTED): (Phase.IDLE, Notice.REFRESH),
    (Phase.IDLE, _ENDED): (Phase.IDLE, Notice.REFRESH),
    (Phase.IDLE, _SWITCHED): (Phase.IDLE, Notice.SWITCH),
    (Phase.IDLE, _HINT): (Phase.IDLE, Notice.REFRESH),
    (Phase.ANNOUNCED, _ANNOUNCED): (Phase.ANNOUNCED, Notice.NONE),
    (Phase.ANNOUNCED, _CHOSEN): (Phase.CHOSEN, Notice.PURSUE),
    (Phase.ANNOUNCED, _ABORTED): (Phase.IDLE, Notice.ABORT),
    (Phase.ANNOUNCED, _ENDED): (Phase.IDLE, Notice.SWITCH),
    (Phase.ANNOUNCED, _SWITCHED): (Phase.IDLE, Notice.SWITCH),
    (Phase.ANNOUNCED, _HINT): (Phase.ANNOUNCED, Notice.REFRESH),
    (Phase.CHOSEN, _ANNOUNCED): (Phase.CHOSEN, Notice.NONE),
    (Phase.CHOSEN, _CHOSEN): (Phase.CHOSEN, Notice.PURSUE),
    (Phase.CHOSEN, _ABORTED): (Phase.IDLE, Notice.ABORT),
    (Phase.CHOSEN, _ENDED): (Phase.IDLE, Notice.SWITCH),
    (Phase.CHOSEN, _SWITCHED): (Phase.IDLE, Notice.SWITCH),
    (Phase.CHOSEN, _HINT): (Phase.CHOSEN, Notice.REFRESH),
}


@dataclass(frozen=True, slots=True)
class Message:
    """One event of a Sentinel, parsed: the step, the service it is about, the node it names."""

    step: str
    service: str
    node: Endpoint | None = None


def parse_message(channel: str, payload: str) -> Message:
    """Parse an event.

    Two forms (Sentinel documentation, "Pub/Sub messages"): ``<type> <name> <ip> <port> [@ <master>
    <ip> <port>]`` for most, ``<master> <old ip> <old port> <new ip> <new port>`` for
    ``+switch-master``.

    Raises:
        BadReplyError: the payload has neither form.
    """
    words = payload.split(" ")
    if channel == "+switch-master":
        if len(words) != 5:
            raise replies.BadReplyError(f"not a +switch-master message: {payload!r}")
        return Message(channel, words[0], replies.endpoint(words[3], words[4]))
    if len(words) < 4:
        raise replies.BadReplyError(f"not an event of an instance: {payload!r}")
    node = replies.endpoint(words[2], words[3])
    if "@" in words[4:6] and len(words) >= words.index("@") + 2:
        return Message(channel, words[words.index("@") + 1], node)
    return Message(channel, words[1])


class FailoverWatch:
    """Follows the announcements about one service.

    Attributes:
        phase: how far the announced failover has come.
        chosen: the node that will be promoted, once it was named (not yet mapped).
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self.phase = Phase.IDLE
        self.chosen: Endpoint | None = None

    def receive(self, message: Message) -> Notice:
        """Take one message in; messages about other services change nothing."""
        if message.service != self._service:
            return Notice.NONE
        aborted = message.step.startswith("-failover-abort")
        meaning = _ABORTED if aborted else _MEANING.get(message.step)
        if meaning is None:
            return Notice.NONE
        self.phase, notice = _TRANSITIONS[self.phase, meaning]
        if meaning == _CHOSEN and message.node is not None:
            self.chosen = message.node
        if self.phase is Phase.IDLE:
            self.chosen = None
        return notice

    def settle(self) -> None:
        """The failover is over for us: the chosen node was seen promoted, or the bound passed."""
        self.phase, self.chosen = Phase.IDLE, None
