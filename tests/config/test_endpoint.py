"""Addresses as users write them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ha_manager.config import Endpoint
from ha_manager.errors import ConfigurationError


def parse(value: object) -> Endpoint:
    return Endpoint.parse(value, option="sentinels", default_port=26379)


@pytest.mark.parametrize(
    ("written", "host", "port"),
    [
        ("a.example", "a.example", 26379),
        ("a.example:1", "a.example", 1),
        ("10.0.0.1:65535", "10.0.0.1", 65535),
        ("::1", "::1", 26379),
        ("[::1]", "::1", 26379),
        ("[::1]:5000", "::1", 5000),
        ("2001:db8::1:7000", "2001:db8::1:7000", 26379),
        ("1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8", 9),
        ("fe80::1%eth0", "fe80::1%eth0", 26379),
        (("h", 7), "h", 7),
        (("h", "7"), "h", 7),
        (["h", 7], "h", 7),
        (("[::1]", 7), "::1", 7),
        (Endpoint("h", 7), "h", 7),
    ],
)
def test_every_way_of_writing_an_address(written: object, host: str, port: int) -> None:
    assert parse(written) == Endpoint(host, port)


@pytest.mark.parametrize(
    "written",
    [
        *(
            "",
            ":1",
            "h:",
            "h:x",
            "h:0",
            "h:65536",
            "h:-1",
            "h:1.0",
            "h:1_0",
            "h:\u0661",
            pytest.param("h:" + "9" * 5000, id="long"),
        ),
        *("a b:1", "a\n:1", "a/b:1", "[::1", "[::1]5", "[::1]x:5", "[]:5", "a:b:1", "user@h:1", "h,i"),
        *(("h",), ("h", 1, 2), ("h", None), ("h", True), ("h", 1.0), ("h", 0), (b"h", 1), (None, 1), ("", 1)),
        *(("h:1", 1), ("/tmp/x", 0), "/tmp/x", 5, None, {"h": 1}, b"h:1", object()),
    ],
)
def test_what_is_no_address_is_refused_by_the_name_of_its_option(written: object) -> None:
    with pytest.raises(ConfigurationError, match=r"^sentinels"):
        parse(written)


def test_a_url_for_a_host_is_pointed_to_from_url_and_not_repeated() -> None:
    with pytest.raises(ConfigurationError, match="from_url") as caught:
        parse(("redis://:hush@h", 1))
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("endpoint", [Endpoint("h", 1), Endpoint("::1", 6379), Endpoint("10.0.0.1", 80)])
def test_the_text_of_an_endpoint_reads_back(endpoint: Endpoint) -> None:
    assert parse(str(endpoint)) == endpoint
    assert not endpoint.is_unix


@settings(deadline=None)
@given(st.ip_addresses(), st.integers(1, 65535))
def test_any_ip_address_reads_back(address: object, port: int) -> None:
    endpoint = Endpoint(str(address), port)
    assert parse(str(endpoint)) == endpoint
    assert parse(endpoint.host) == Endpoint(endpoint.host, 26379)


@settings(deadline=None)
@given(st.text())
def test_any_text_is_an_address_or_a_configuration_error(text: str) -> None:
    try:
        endpoint = parse(text)
    except ConfigurationError:
        return
    assert endpoint.host
    assert 1 <= endpoint.port <= 65535
    assert parse(str(endpoint)) == endpoint


def test_a_unix_socket_is_its_path() -> None:
    endpoint = Endpoint("/run/redis.sock", 0)
    assert endpoint.is_unix
    assert str(endpoint) == "/run/redis.sock"
