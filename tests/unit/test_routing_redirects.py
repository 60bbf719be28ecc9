"""MOVED and ASK: where they lead, as our own parser hands their text over; anything else is no redirect."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from redis.exceptions import AskError, MovedError, ResponseError

from ha_manager.config import Endpoint
from ha_manager.routing.redirects import Redirect, redirect_of
from ha_manager.routing.slots import SLOT_COUNT
from ha_manager.transport.replies import error_reply

ANSWERED = Endpoint("10.0.0.9", 7009)


def led_by(message: str) -> Redirect | None:
    return redirect_of(error_reply(message), ANSWERED)


@pytest.mark.parametrize(
    ("message", "redirect"),
    [
        ("MOVED 3999 127.0.0.1:6381", Redirect(Endpoint("127.0.0.1", 6381), asking=False, slot=3999)),
        ("ASK 3999 127.0.0.1:6381", Redirect(Endpoint("127.0.0.1", 6381), asking=True, slot=3999)),
        ("MOVED 0 node.example:1", Redirect(Endpoint("node.example", 1), asking=False, slot=0)),
        ("MOVED 16383 ::1:65535", Redirect(Endpoint("::1", 65535), asking=False, slot=16383)),
        ("ASK 5 2001:db8::7:7000", Redirect(Endpoint("2001:db8::7", 7000), asking=True, slot=5)),
        ("ASK 5 [2001:db8::7]:7000", Redirect(Endpoint("2001:db8::7", 7000), asking=True, slot=5)),
        ("MOVED 5 :7000", Redirect(Endpoint("10.0.0.9", 7000), asking=False, slot=5)),
        ("ASK 5 :7000", Redirect(Endpoint("10.0.0.9", 7000), asking=True, slot=5)),
    ],
)
def test_a_redirect(message: str, redirect: Redirect) -> None:
    assert led_by(message) == redirect


@pytest.mark.parametrize(
    "message",
    [
        *(
            "MOVED",
            "MOVED 5",
            "MOVED 5 ",
            "MOVED 5 h",
            "MOVED 5 h:",
            "MOVED 5 :",
            "MOVED x h:1",
            "MOVED  h:1",
        ),
        *(
            "MOVED 5 h:0",
            "MOVED 5 h:65536",
            "MOVED 5 h:-1",
            "MOVED 5 h:x",
            "MOVED 5 h:1 more",
            "MOVED -1 h:1",
        ),
        *("MOVED 16384 h:1", "MOVED 99999 h:1", "MOVED 5  h:1", "MOVED 5 h h:1", "MOVED 5 h:\u0661"),
        *("MOVED 5 ?:7000", "ASK 5 ?:7000", "MOVED 5 /tmp/x:1", "MOVED 5 a:b:1", "MOVED 5 u@h:1"),
        *("ERR unknown", "CLUSTERDOWN The cluster is down", "TRYAGAIN", "READONLY x", "CROSSSLOT x", ""),
        pytest.param("MOVED 5 h:" + "9" * 5000, id="long port"),
        pytest.param("MOVED " + "9" * 5000 + " h:1", id="long slot"),
    ],
)
def test_what_leads_nowhere(message: str) -> None:
    assert led_by(message) is None


@pytest.mark.parametrize(
    "error", [ResponseError("MOVED 5 h:1"), ResponseError("5 h:1"), ValueError("5 h:1"), OSError()]
)
def test_only_the_exceptions_of_redirects_count(error: Exception) -> None:
    assert redirect_of(error, ANSWERED) is None


def test_the_exceptions_of_redis_py_itself() -> None:
    assert redirect_of(MovedError("5 h:1"), ANSWERED) == Redirect(Endpoint("h", 1), asking=False, slot=5)
    assert redirect_of(AskError("5 h:1"), ANSWERED) == Redirect(Endpoint("h", 1), asking=True, slot=5)


@given(
    word=st.sampled_from(["MOVED", "ASK"]),
    slot=st.integers(0, SLOT_COUNT - 1),
    host=st.ip_addresses().map(str) | st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True),
    port=st.integers(1, 65535),
)
def test_any_address_is_led_to(word: str, slot: int, host: str, port: int) -> None:
    expected = Redirect(Endpoint(host, port), asking=word == "ASK", slot=slot)
    assert led_by(f"{word} {slot} {host}:{port}") == expected


@given(
    word=st.sampled_from(["MOVED", "ASK"]),
    rest=st.text() | st.text(alphabet="0123456789 :.?[]ah\u0661\n", max_size=20),
)
@example(word="MOVED", rest="5 h:1\n")
@example(word="ASK", rest="5 \u00a0:1")
def test_any_text_is_a_redirect_or_none(word: str, rest: str) -> None:
    found = led_by(f"{word} {rest}")
    if found is not None:
        assert found.asking == (word == "ASK")
        assert 0 <= found.slot < SLOT_COUNT
        assert 1 <= found.endpoint.port <= 65535
        assert not found.endpoint.is_unix
        assert int(rest.partition(" ")[0]) == found.slot
