"""The announced failover as a state machine: every transition, and the messages of real failovers."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit_support import B, C

from ha_manager.topology import FailoverWatch, Notice, Phase
from ha_manager.topology.failover import CHANNELS, Message, parse_message
from ha_manager.topology.replies import BadReplyError

SERVICE = "mymaster"

ANNOUNCED = ("+elected-leader", "+failover-state-select-slave")
CHOSEN = (
    "+selected-slave",
    "+failover-state-send-slaveof-noone",
    "+failover-state-wait-promotion",
    "+promoted-slave",
)
ABORTED = (
    "-failover-abort-not-elected",
    "-failover-abort-no-good-slave",
    "-failover-abort-slave-timeout",
    "-failover-abort-master-is-slave",
)
ENDED = ("+failover-end", "+failover-end-for-timeout")
SWITCHED = ("+switch-master",)
HINTS = ("+failover-state-reconf-slaves", "+odown", "-odown", "+sentinel", "+slave")

TABLE = {
    Phase.IDLE: {
        ANNOUNCED: (Phase.ANNOUNCED, Notice.HOLD),
        CHOSEN: (Phase.CHOSEN, Notice.PURSUE),
        ABORTED: (Phase.IDLE, Notice.REFRESH),
        ENDED: (Phase.IDLE, Notice.REFRESH),
        SWITCHED: (Phase.IDLE, Notice.SWITCH),
        HINTS: (Phase.IDLE, Notice.REFRESH),
    },
    Phase.ANNOUNCED: {
        ANNOUNCED: (Phase.ANNOUNCED, Notice.NONE),
        CHOSEN: (Phase.CHOSEN, Notice.PURSUE),
        ABORTED: (Phase.IDLE, Notice.ABORT),
        ENDED: (Phase.IDLE, Notice.SWITCH),
        SWITCHED: (Phase.IDLE, Notice.SWITCH),
        HINTS: (Phase.ANNOUNCED, Notice.REFRESH),
    },
    Phase.CHOSEN: {
        ANNOUNCED: (Phase.CHOSEN, Notice.NONE),
        CHOSEN: (Phase.CHOSEN, Notice.PURSUE),
        ABORTED: (Phase.IDLE, Notice.ABORT),
        ENDED: (Phase.IDLE, Notice.SWITCH),
        SWITCHED: (Phase.IDLE, Notice.SWITCH),
        HINTS: (Phase.CHOSEN, Notice.REFRESH),
    },
}
ROWS = [
    (phase, step, *outcome)
    for phase, row in TABLE.items()
    for steps, outcome in row.items()
    for step in steps
]


def watch_in(phase: Phase) -> FailoverWatch:
    watch = FailoverWatch(SERVICE)
    if phase is not Phase.IDLE:
        watch.receive(Message("+elected-leader", SERVICE))
    if phase is Phase.CHOSEN:
        watch.receive(Message("+selected-slave", SERVICE, B))
    assert watch.phase is phase
    return watch


@pytest.mark.parametrize(("phase", "step", "after", "notice"), ROWS)
def test_every_transition(phase: Phase, step: str, after: Phase, notice: Notice) -> None:
    watch = watch_in(phase)
    assert watch.receive(Message(step, SERVICE, C if step in CHOSEN else None)) is notice
    assert watch.phase is after
    expected = None if after is not Phase.CHOSEN else C if step in CHOSEN else B
    assert watch.chosen == expected


def test_the_table_covers_every_channel_that_is_subscribed() -> None:
    assert {step for _, step, *_ in ROWS} == set(CHANNELS)


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("channel", [*CHANNELS, "+unheard-of", "-failover-abort-of-tomorrow"])
def test_other_services_and_unknown_steps_change_nothing(phase: Phase, channel: str) -> None:
    watch = watch_in(phase)
    before = (watch.phase, watch.chosen)
    assert watch.receive(Message(channel, "another", C)) is Notice.NONE
    assert watch.receive(Message("+unheard-of", SERVICE, C)) is Notice.NONE
    assert (watch.phase, watch.chosen) == before


@pytest.mark.parametrize("phase", Phase)
def test_settling_ends_it(phase: Phase) -> None:
    watch = watch_in(phase)
    watch.settle()
    assert (watch.phase, watch.chosen) == (Phase.IDLE, None)


def test_an_abort_of_a_kind_that_is_new_is_an_abort() -> None:
    assert watch_in(Phase.CHOSEN).receive(Message("-failover-abort-of-tomorrow", SERVICE)) is Notice.ABORT


# Messages as Sentinels send them

MASTER = "master mymaster 10.0.0.1 6379"
SLAVE = "slave 10.0.0.2:6379 10.0.0.2 6379 @ mymaster 10.0.0.1 6379"
LEADER = [
    ("+elected-leader", MASTER, Notice.HOLD),
    ("+failover-state-select-slave", MASTER, Notice.NONE),
    ("+selected-slave", SLAVE, Notice.PURSUE),
    ("+failover-state-send-slaveof-noone", SLAVE, Notice.PURSUE),
    ("+failover-state-wait-promotion", SLAVE, Notice.PURSUE),
    ("+promoted-slave", SLAVE, Notice.PURSUE),
    ("+failover-state-reconf-slaves", MASTER, Notice.REFRESH),
    ("+failover-end", MASTER, Notice.SWITCH),
    ("+switch-master", "mymaster 10.0.0.1 6379 10.0.0.2 6379", Notice.SWITCH),
]
KILLED = [("+odown", MASTER + " #quorum 2/2", Notice.REFRESH), *LEADER]
# SENTINEL FAILOVER needs no election: the first announcement is the choice of a replica.
PLANNED = [("+failover-state-select-slave", MASTER, Notice.HOLD), *LEADER[2:]]
GIVEN_UP = [
    *LEADER[:5],
    ("-failover-abort-slave-timeout", MASTER, Notice.ABORT),
    ("+slave", "slave 10.0.0.3:6379 10.0.0.3 6379 @ mymaster 10.0.0.1 6379", Notice.REFRESH),
]
NO_CANDIDATE = [*LEADER[:2], ("-failover-abort-no-good-slave", MASTER, Notice.ABORT)]
FOLLOWER = [("+switch-master", "mymaster 10.0.0.1 6379 10.0.0.2 6379", Notice.SWITCH)]


@pytest.mark.parametrize(
    "script",
    [LEADER, KILLED, PLANNED, GIVEN_UP, NO_CANDIDATE, FOLLOWER],
    ids=["leader", "killed", "planned", "given up", "no candidate", "follower"],
)
def test_real_sequences(script: list[tuple[str, str, Notice]]) -> None:
    watch = FailoverWatch(SERVICE)
    for channel, payload, notice in script:
        assert watch.receive(parse_message(channel, payload)) is notice, channel
        if watch.phase is Phase.CHOSEN:
            assert watch.chosen == B
    assert (watch.phase, watch.chosen) == (Phase.IDLE, None)


def test_two_services_of_one_sentinel_do_not_mix() -> None:
    watch = FailoverWatch(SERVICE)
    for channel, payload, _ in KILLED:
        assert watch.receive(parse_message(channel, payload.replace("mymaster", "mymaster2"))) is Notice.NONE
    assert watch.phase is Phase.IDLE


@pytest.mark.parametrize(
    ("channel", "payload", "message"),
    [
        ("+selected-slave", SLAVE, Message("+selected-slave", SERVICE, B)),
        ("+odown", MASTER + " #quorum 2/2", Message("+odown", SERVICE)),
        ("+switch-master", "mymaster a 1 10.0.0.2 6379", Message("+switch-master", SERVICE, B)),
        ("+sentinel", "sentinel f00d 10.0.0.2 6379 @ mymaster a 1", Message("+sentinel", SERVICE, B)),
    ],
)
def test_parsing(channel: str, payload: str, message: Message) -> None:
    assert parse_message(channel, payload) == message


@pytest.mark.parametrize(
    ("channel", "payload"),
    [
        ("+switch-master", ""),
        ("+switch-master", "mymaster 10.0.0.1 6379 10.0.0.2"),
        ("+switch-master", "mymaster 10.0.0.1 6379 10.0.0.2 port"),
        ("+switch-master", "mymaster 10.0.0.1 6379 10.0.0.2 \u00b2"),
        ("+elected-leader", ""),
        ("+elected-leader", "master mymaster 10.0.0.1"),
        ("+elected-leader", "master mymaster 10.0.0.1 0"),
        ("+selected-slave", "slave x  6379 @ mymaster 10.0.0.1 6379"),
    ],
)
def test_garbage_is_a_bad_reply(channel: str, payload: str) -> None:
    with pytest.raises(BadReplyError):
        parse_message(channel, payload)


words = (
    st.sampled_from(["master", "mymaster", "10.0.0.1", "6379", "@", "0", "", "\u00b2", "#quorum"]) | st.text()
)


@given(st.sampled_from(CHANNELS), st.lists(words, max_size=9).map(" ".join))
def test_any_payload_is_a_message_or_a_bad_reply(channel: str, payload: str) -> None:
    with suppress(BadReplyError):
        FailoverWatch(SERVICE).receive(parse_message(channel, payload))
