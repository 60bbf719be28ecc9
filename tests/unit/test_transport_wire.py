"""Which reply belongs to whom, and what was sent: whatever the bytes, the chunks, the cancellations."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from resp_strategies import Told, array, bulk, chunks, decoded, error, push, pushes, resp2, resp3, same

from ha_manager.transport.faults import ConnectionLostError, LossCause, ReplyOverdueError
from ha_manager.transport.wire import ProtocolViolationError, Wire

LOOP = asyncio.new_event_loop()  # futures need one; it never runs
OK = Told(b"+OK\r\n", b"OK")
BAD = bulk(b"\xff")  # no UTF-8

cuts = st.lists(st.integers(0, 10_000), max_size=12)


@pytest.fixture(scope="module", autouse=True)
def _close_loop() -> Iterator[None]:
    yield
    LOOP.close()


class Rig:
    """A wire with everything that it pushed."""

    def __init__(self, encoding: str | None = None, errors: str = "strict") -> None:
        self.pushed: list[Any] = []
        self.wire = Wire(
            create_future=LOOP.create_future,
            encoding=encoding,
            encoding_errors=errors,
            on_push=self.pushed.append,
        )

    def put(self, count: int) -> list[asyncio.Future[Any]]:
        futures = [self.wire.put(b"x") for _ in range(count)]
        self.wire.take_output()
        return futures

    def feed(self, *told: Told) -> None:
        self.wire.feed(b"".join(t.raw for t in told))


def answers(script: list[Told]) -> list[Told]:
    return [told for told in script if not told.is_push]


def stream(script: list[Told]) -> bytes:
    return b"".join(told.raw for told in script)


# Replies find their callers


@given(st.lists(resp2, max_size=8) | st.lists(resp3 | pushes, max_size=8), cuts, st.data())
def test_every_reply_resolves_its_own_future(
    script: list[Told], cuts: list[int], data: st.DataObject
) -> None:
    rig = Rig()
    wanted = answers(script)
    futures = rig.put(len(wanted))
    gone = set()
    for chunk in chunks(stream(script), cuts):
        if futures and data.draw(st.sampled_from([False, True])):
            victim = data.draw(st.integers(0, len(futures) - 1))
            if futures[victim].cancel():
                gone.add(victim)
        rig.wire.feed(chunk)
    for index, (future, told) in enumerate(zip(futures, wanted, strict=True)):
        assert future.cancelled() if index in gone else same(future.result(), told.value)
    assert all(map(same, rig.pushed, [told.value for told in script if told.is_push]))
    assert (len(rig.pushed), rig.wire.pending, rig.wire.replies) == (
        len(script) - len(wanted),
        0,
        len(wanted),
    )


@given(st.lists(st.tuples(resp3, st.booleans()), max_size=8), cuts)
def test_single_replies_can_be_left_undecoded(script: list[tuple[Told, bool]], cuts: list[int]) -> None:
    rig = Rig("utf-8")
    futures = []
    for _, raw in script:
        futures += rig.put(1)
        if raw:
            rig.wire.leave_undecoded(futures[-1])
    for chunk in chunks(b"".join(told.raw for told, _ in script), cuts):
        rig.wire.feed(chunk)
    for future, (told, raw) in zip(futures, script, strict=True):
        assert same(future.result(), told.value if raw else decoded(told.value))


def test_a_reply_may_be_marked_undecoded_while_the_one_before_it_is_half_read() -> None:
    rig = Rig("utf-8")
    (first,) = rig.put(1)
    rig.wire.feed(b"$6\r\nabc")
    (second,) = rig.put(1)
    rig.wire.leave_undecoded(second)
    rig.wire.feed(b"def\r\n$2\r\n\xff\xfe\r\n")
    assert (first.result(), second.result()) == ("abcdef", b"\xff\xfe")


@given(st.lists(st.booleans(), max_size=8), cuts, st.booleans())
def test_a_reply_that_cannot_be_decoded_is_its_callers_error_alone(
    script: list[bool], cuts: list[int], nested: bool
) -> None:
    rig = Rig("utf-8")
    bad = array([OK, array([BAD]), OK]) if nested else BAD
    futures = rig.put(len(script))
    for chunk in chunks(stream([OK if good else bad for good in script]), cuts):
        rig.wire.feed(chunk)
    for future, good in zip(futures, script, strict=True):
        if good:
            assert future.result() == "OK"
        else:
            assert isinstance(future.result(), UnicodeDecodeError)
    assert rig.wire.pending == 0


def test_a_push_that_cannot_be_decoded_shifts_nobodys_reply() -> None:
    rig = Rig("utf-8")
    first, second = rig.put(2)
    rig.feed(push([bulk(b"message"), BAD]), bulk(b"one"), bulk(b"two"))
    assert (first.result(), second.result()) == ("one", "two")


def test_a_map_with_keys_that_python_cannot_hash_ends_in_a_way_that_its_caller_learns() -> None:
    rig = Rig()
    odd, after = rig.put(2)
    try:
        rig.wire.feed(b"%1\r\n*1\r\n:1\r\n:2\r\n+OK\r\n")
    except ProtocolViolationError:
        return
    assert odd.done()
    assert after.result() == b"OK"


def test_lenient_decoding_is_passed_on() -> None:
    rig = Rig("utf-8", "replace")
    (future,) = rig.put(1)
    rig.feed(BAD)
    assert future.result() == "\ufffd"


@given(st.lists(resp2 | pushes, min_size=1, max_size=6), cuts)
def test_a_subscriber_gets_everything_as_frames(script: list[Told], cuts: list[int]) -> None:
    rig = Rig()
    (waiting,) = rig.put(1)
    rig.wire.subscribed = True
    for chunk in chunks(stream(script), cuts):
        rig.wire.feed(chunk)
    assert len(rig.pushed) == len(script)
    assert all(map(same, rig.pushed, [told.value for told in script]))
    assert not waiting.done()


def test_pushes_are_dropped_where_nobody_takes_them() -> None:
    wire = Wire(create_future=LOOP.create_future, encoding=None, encoding_errors="strict")
    future = wire.put(b"x")
    wire.feed(push([OK]).raw + OK.raw)
    assert future.result() == b"OK"


# Violations


@pytest.mark.parametrize("garbage", [b"garbage\r\n", b"$abc\r\n", b":12a\r\n", b"\r\n", b"*1\r\n$-5\r\n"])
def test_bytes_that_are_no_resp_break_the_protocol(garbage: bytes) -> None:
    rig = Rig()
    (future,) = rig.put(1)
    with pytest.raises(ProtocolViolationError):
        rig.wire.feed(garbage)
    assert not future.done()


@pytest.mark.parametrize("encoding", [None, "utf-8"])
@pytest.mark.parametrize("told", [OK, error("ERR x"), BAD], ids=["value", "error", "undecodable"])
def test_a_reply_that_nobody_awaits_breaks_the_protocol(encoding: str | None, told: Told) -> None:
    rig = Rig(encoding)
    (future,) = rig.put(1)
    with pytest.raises(ProtocolViolationError):
        rig.feed(OK, told)
    assert future.done()
    assert rig.wire.replies == 1


def test_an_undecoded_reply_that_nobody_awaits_breaks_the_protocol() -> None:
    rig = Rig("utf-8")
    (future,) = rig.put(1)
    rig.wire.leave_undecoded(future)
    with pytest.raises(ProtocolViolationError):
        rig.feed(OK, OK)
    assert future.result() == b"OK"


@given(st.binary(max_size=60))
@example(b"*3\r\n$1\r\n")
def test_nothing_but_a_violation_is_raised_for_any_bytes(data: bytes) -> None:
    rig = Rig()
    futures = rig.put(3)
    with suppress(ProtocolViolationError):
        rig.wire.feed(data)
    assert rig.wire.replies + rig.wire.pending == len(futures)


# What was sent

steps = st.lists(st.sampled_from(["put", "put", "flush", "answer", "cancel"]), max_size=40)


@given(steps)
def test_failing_tells_each_caller_whether_its_command_had_left(steps: list[str]) -> None:
    rig = Rig()
    futures: list[asyncio.Future[Any]] = []
    flushed = answered = 0
    for step in steps:
        if step == "put":
            futures.append(rig.wire.put(b"%d" % len(futures)))
        elif step == "flush":
            assert rig.wire.take_output() == [b"%d" % i for i in range(flushed, len(futures))]
            flushed = len(futures)
        elif step == "answer" and answered < flushed:
            rig.feed(OK)
            answered += 1
        elif step == "cancel" and futures:
            futures[len(futures) * 2 // 3].cancel()
        assert (rig.wire.pending, rig.wire.unsent) == (len(futures) - answered, len(futures) - flushed)
    rig.wire.fail("it ended", LossCause.PEER)
    assert (rig.wire.pending, rig.wire.unsent) == (0, 0)
    for index, future in enumerate(futures):
        if future.cancelled():
            continue
        if index < answered:
            assert future.result() == b"OK"
            continue
        lost = future.exception()
        assert isinstance(lost, ConnectionLostError)
        assert (lost.sent, lost.cause, str(lost)) == (index < flushed, LossCause.PEER, "it ended")


def test_nothing_is_handed_out_twice_or_after_failing() -> None:
    rig = Rig()
    future = rig.wire.put(b"x")
    assert rig.wire.take_output() == [b"x"]
    assert rig.wire.take_output() == []
    late = rig.wire.put(b"y")
    rig.wire.fail("it ended", LossCause.CLOSED)
    assert rig.wire.take_output() == []
    assert [f.exception() is not None for f in (future, late)] == [True, True]


# Late replies


@given(st.integers(0, 8), st.integers(0, 10), st.sets(st.integers(0, 7)), st.sets(st.integers(0, 7)))
def test_overdue_callers_are_told_and_keep_their_places(
    count: int, late: int, patient: set[int], cancelled: set[int]
) -> None:
    rig = Rig()
    futures = rig.put(count)
    for index, future in enumerate(futures):
        if index in patient:
            rig.wire.be_patient(future)
        if index in cancelled:
            future.cancel()
    rig.wire.overdue(late, lambda: ReplyOverdueError("late"))
    rig.feed(*(bulk(b"%d" % index) for index in range(count)))
    for index, future in enumerate(futures):
        if index in cancelled:
            assert future.cancelled()
        elif index < late and index not in patient:
            assert isinstance(future.exception(), ReplyOverdueError)
        else:
            assert future.result() == b"%d" % index
    assert rig.wire.pending == 0
