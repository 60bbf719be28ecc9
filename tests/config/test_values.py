"""Each option: what it takes, what it makes of it, and what it refuses."""

from __future__ import annotations

import math
import socket
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.credentials import UsernamePasswordCredentialProvider

from ha_manager.config import REFRESH_TRIGGERS, Endpoint, Options, build_options, describe_options
from ha_manager.errors import ConfigurationError

# Python refuses to turn it into text, also for the name of a test.
HUGE = pytest.param(10**5000, id="huge")
TIMES = ("socket_connect_timeout", "failover_timeout", "heartbeat", "command_timeout", "socket_timeout")


def build(**kwargs: Any) -> Options:
    return build_options({"host": "h", **kwargs})


def pick(weighted: int, *nodes: str) -> int:
    """A read_from function."""
    return weighted % len(nodes)


async def pick_later() -> int:
    return 0


def test_left_out_options_have_the_defaults_of_the_dataclass() -> None:
    assert build() == Options(server=Endpoint("h", 6379))


def test_the_defaults_of_the_table_are_accepted_by_its_own_checks() -> None:
    for spec in describe_options():
        if spec.default is not None:
            spec.check(spec.name, spec.default)


def test_a_sentinel_deployment() -> None:
    options = build_options(
        {"cluster_name": "mymaster", "sentinels": ["a", ("b", 1), Endpoint("c", 2), "a:26379"], "db": 3}
    )
    assert options.cluster_name == "mymaster"
    assert options.sentinels == (Endpoint("a", 26379), Endpoint("b", 1), Endpoint("c", 2))
    assert options.server is None
    assert (options.node.db, options.sentinel.db) == (3, 0)
    assert (options.node.decode_responses, options.sentinel.decode_responses) == (False, True)


def test_sentinels_share_the_manner_but_not_the_login() -> None:
    options = build_options(
        {
            "cluster_name": "m",
            "sentinels": iter([("a", 1)]),
            "client_name": "app",
            "protocol": "3",
            "socket_connect_timeout": 1,
            "lib_name": None,
            "username": "u",
            "password": "p",
            "sentinel_password": "q",
        }
    )
    assert options.sentinel.client_name == "app"
    assert options.sentinel.protocol == options.node.protocol == 3
    assert options.sentinel.connect_timeout == options.node.connect_timeout == 1.0
    assert options.sentinel.lib_name is options.node.lib_name is None
    assert (options.node.credentials.username, options.node.credentials.password) == ("u", "p")
    assert (options.sentinel.credentials.username, options.sentinel.credentials.password) == (None, "q")


def test_a_single_server() -> None:
    assert build_options({"port": "7000"}).server == Endpoint("localhost", 7000)
    assert build_options({"host": "::1"}).server == Endpoint("::1", 6379)
    assert build_options({"unix_socket_path": Path("/tmp/x.sock")}).server == Endpoint("/tmp/x.sock", 0)


@pytest.mark.parametrize("off", [None, 0, 0.0])
def test_the_periodic_refresh_can_be_switched_off(off: float | None) -> None:
    assert build(refresh_interval=off).refresh_interval is None


@pytest.mark.parametrize("name", ["command_timeout", "socket_timeout"])
def test_the_command_timeout_has_two_names(name: str) -> None:
    assert build(**{name: 2}).command_timeout == 2.0
    assert build(**{name: None}).command_timeout is None


def test_a_none_for_an_option_that_is_none_by_default_says_nothing() -> None:
    silent = {spec.name: None for spec in describe_options() if spec.default is None and spec.name != "host"}
    assert build(**silent) == build()


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, -math.inf, True, "1", b"1", HUGE, [1], 10**10])
@pytest.mark.parametrize("name", TIMES)
def test_a_time_is_a_finite_number_above_zero(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{name}=.*seconds"):
        build(**{name: value})


@pytest.mark.parametrize("value", [-1, math.nan, math.inf, False, "1", HUGE])
def test_the_refresh_interval_is_a_time_or_off(value: object) -> None:
    with pytest.raises(ConfigurationError, match=r"^refresh_interval=.*seconds"):
        build(refresh_interval=value)


@pytest.mark.parametrize("name", ["socket_connect_timeout", "failover_timeout", "heartbeat"])
def test_these_times_have_no_off(name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{name}=None"):
        build(**{name: None})


@pytest.mark.parametrize(
    ("name", "least"), [("poolsize", 1), ("max_connections", 1), ("max_pending", 0), ("db", 0)]
)
@pytest.mark.parametrize("value", ["below", True, False, 1.0, "1", None, HUGE, math.nan])
def test_a_count_is_an_int_that_is_large_enough(name: str, least: int, value: object) -> None:
    assert build(**{name: least}) is not None
    with pytest.raises(ConfigurationError, match=rf"^{name}=.*whole number"):
        build(**{name: least - 1 if value == "below" else value})


@pytest.mark.parametrize("value", [2, 3, "2", "3"])
def test_protocol(value: object) -> None:
    assert build(protocol=value).node.protocol == int(str(value))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("protocol", value) for value in (1, 4, "resp3", True, 3.0, None, "")),
        *(
            (name, value)
            for name in ("decode_responses", "socket_keepalive", "ssl")
            for value in (1, "yes", None)
        ),
        *(("encoding", value) for value in ("utf-9", "", "rot13", "hex", 8, None, "a\0b")),
        *(("encoding_errors", value) for value in ("loudly", "", None, 1)),
        *(("client_name", value) for value in ("two words", "", "a\nb", "é", "a\n", 1, b"app")),
        *(("lib_name", value) for value in ("two words", "", 1)),
        *(("host", value) for value in ("", "a b", "a/b", "/tmp/x", b"h", 1, "h\n", "a:b")),
        *(("port", value) for value in (0, 65536, True, 1.5, "x", "", -1)),
        *(("unix_socket_path", value) for value in ("", "x.sock", b"/x", 1, "/a\0b")),
        *(("cluster_name", value) for value in ("", "a b", "a\tb", "a\x00", b"m", 1)),
        *(("sentinels", value) for value in ("h:1", b"h", {}, {"h": 1}, 5, [], (), ("h", 1), [5], ["h:x"])),
        *(
            ("startup_nodes", value)
            for value in (
                "h:1",
                b"h",
                {},
                {"h": 1},
                5,
                [],
                (),
                ("h", 1),
                [5],
                ["h:x"],
                [("h", 0)],
                [{"host": "h"}],
            )
        ),
        *(("availability_zone", value) for value in ("", 1, b"a")),
        *(("cross_slot", value) for value in (1, "yes", None)),
        *(("require_full_coverage", value) for value in (0, "no", None)),
        *(("in_doubt", value) for value in ("maybe", "", None, True, [])),
        *(("read_from", value) for value in ("master", None, 1, dict, pick_later, ["primary"])),
        *(("refresh_triggers", value) for value in ("events", None, 1, ["event"], [1], [[]])),
        *(("scheduler", value) for value in (AsyncIOScheduler, "yes", 1)),
        *(("socket_keepalive_options", value) for value in ([1], {1: True}, {"idle": 3}, {1: "3"}, 1)),
        *(
            ("address_map", value)
            for value in ([], "h:1", 1, dict, pick_later, {"a b": "c"}, {"a": "/tmp/x"})
        ),
        *(("credential_provider", value) for value in ("me", UsernamePasswordCredentialProvider, 1)),
        *(("username", value) for value in (b"u", 1, "", "\udc80")),
        *(("sentinel_password", value) for value in (b"p", 1, "", "\udc80")),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_by_the_name_of_its_option(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{name}\b"):
        build_options({name: value})


def test_the_errors_are_what_users_of_redis_and_of_plain_python_catch() -> None:
    with pytest.raises(ValueError, match="poolsize"):
        build(poolsize=0)


def test_values_that_are_taken_as_they_are() -> None:
    scheduler, provider = AsyncIOScheduler(), UsernamePasswordCredentialProvider("u", "p")
    options = build(
        scheduler=scheduler,
        credential_provider=provider,
        read_from=pick,
        in_doubt="retry",
        encoding="latin-1",
        encoding_errors="replace",
        client_name="app-1",
        decode_responses=True,
        socket_keepalive=False,
    )
    assert options.scheduler is scheduler
    assert options.node.credentials.provider is provider
    assert options.read_from is pick
    assert options.in_doubt == "retry"
    assert (options.node.encoding, options.node.encoding_errors) == ("latin-1", "replace")
    assert options.node.client_name == "app-1"
    assert options.node.decode_responses
    assert not options.node.keepalive


@pytest.mark.parametrize("word", ["primary", "replica", "prefer_replica", "nearest", "same_zone"])
def test_read_from_words(word: str) -> None:
    assert build(read_from=word, availability_zone="a").read_from == word


def test_refresh_triggers_are_a_subset() -> None:
    assert build().refresh_triggers == REFRESH_TRIGGERS
    assert build(refresh_triggers=["events", "events"]).refresh_triggers == {"events"}
    assert build(refresh_triggers=()).refresh_triggers == frozenset()


def test_keepalive_options() -> None:
    assert build().node.keepalive_options[socket.TCP_KEEPINTVL] == 5
    assert build(socket_keepalive_options={socket.TCP_KEEPINTVL: 9}).node.keepalive_options == {
        socket.TCP_KEEPINTVL: 9
    }
    assert build(socket_keepalive_options=None).node.keepalive_options == {}


def test_options_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        build().poolsize = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        build().node.db = 2  # type: ignore[misc]
    with pytest.raises(TypeError):
        build().node.keepalive_options[1] = 2  # type: ignore[index]


@settings(deadline=None)
@given(
    st.sampled_from([spec.name for spec in describe_options()]),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.lists(st.integers()),
)
def test_any_value_is_accepted_or_refused_as_a_configuration_error(name: str, value: object) -> None:
    try:
        assert isinstance(build_options({name: value}), Options)
    except ConfigurationError as error:
        assert str(error)
