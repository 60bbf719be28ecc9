"""Topology replies: the same for RESP2 and RESP3, text or bytes; anything else is BadReplyError."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ha_manager.config import Endpoint
from ha_manager.topology import replies
from ha_manager.topology.replies import BadReplyError

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.binary(), inner),
    max_leaves=8,
)
PARSERS: list[Callable[[Any], Any]] = [
    replies.text,
    replies.fields,
    replies.list_of_fields,
    replies.address,
    replies.role_of,
    replies.info_fields,
]


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: str(parse.__name__))
@given(reply=anything)
@example(reply=[b"h", "\u00b2"])
@example(reply=["h", "9" * 5000])
def test_anything_is_parsed_or_a_bad_reply(parse: Callable[[Any], Any], reply: Any) -> None:
    with suppress(BadReplyError):
        parse(reply)


@pytest.mark.parametrize(
    "reply", [{b"ip": b"h", b"n": 1}, {"ip": "h", "n": "1"}, [b"ip", b"h", b"n", b"1"], ["ip", "h", "n", 1]]
)
def test_maps_in_every_form(reply: Any) -> None:
    assert replies.fields(reply) == {"ip": "h", "n": "1"}
    assert replies.list_of_fields([reply, reply]) == [{"ip": "h", "n": "1"}] * 2


@pytest.mark.parametrize("reply", [None, ["odd"], "text", 5, [["nested"], "x"], [None, "x"]])
def test_what_is_no_map(reply: Any) -> None:
    with pytest.raises(BadReplyError):
        replies.fields(reply)


@pytest.mark.parametrize("reply", [[b"10.0.0.1", b"6379"], ["10.0.0.1", "6379"], ["10.0.0.1", 6379]])
def test_an_address(reply: Any) -> None:
    assert replies.address(reply) == Endpoint("10.0.0.1", 6379)


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("", "1"),
        ("h", ""),
        ("h", "0"),
        ("h", "65536"),
        ("h", "-1"),
        ("h", "x"),
        ("h", "\u00b2"),
        ("h", "9" * 5000),
    ],
    ids=lambda part: str(part)[:6] or "empty",
)
def test_what_is_no_address(host: str, port: str) -> None:
    with pytest.raises(BadReplyError):
        replies.endpoint(host, port)
    with pytest.raises(BadReplyError):
        replies.endpoint_of({"ip": host, "port": port})


@pytest.mark.parametrize("entry", [{}, {"ip": "h"}, {"port": "1"}])
def test_an_entry_without_an_address(entry: dict[str, str]) -> None:
    with pytest.raises(BadReplyError, match="without"):
        replies.endpoint_of(entry)


@pytest.mark.parametrize("entry", [{}, {"config-epoch": "x"}, {"config-epoch": ""}])
def test_an_entry_without_its_number(entry: dict[str, str]) -> None:
    with pytest.raises(BadReplyError, match="config-epoch"):
        replies.number(entry, "config-epoch")
    assert replies.number({"config-epoch": "12"}, "config-epoch") == 12


@pytest.mark.parametrize("role", ["master", "slave", "sentinel"])
def test_role(role: str) -> None:
    assert replies.role_of([role.encode(), 1, []]) == role
    assert replies.role_of([role]) == role


def test_info_lines() -> None:
    text = "# Replication\r\nrole:slave\r\nmaster_host:::1\r\n\r\nodd line\r\n"
    assert replies.info_fields(text.encode()) == {"role": "slave", "master_host": "::1"}
