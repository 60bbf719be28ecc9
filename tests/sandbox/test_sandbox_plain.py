"""The parts without processes: configuration lines, option checks, and the judgement of health."""

from __future__ import annotations

from typing import Any

import pytest

from ha_manager.errors import ConfigurationError
from ha_manager.sandbox import SentinelSandbox
from ha_manager.sandbox.admin import Reply
from ha_manager.sandbox.configuration import extra_lines, lines
from ha_manager.sandbox.health import Endpoint, Role, complaints, read_role, read_view

PRIMARY: Endpoint = ("127.0.0.1", 1000)
REPLICA: Endpoint = ("127.0.0.1", 1001)
OTHER: Endpoint = ("127.0.0.1", 2001)


def test_arguments_are_quoted_where_needed() -> None:
    assert lines([("save", ""), ("dir", 'a "b" \\c'), ("port", 6379)]) == [
        'save ""',
        'dir "a \\"b\\" \\\\c"',
        "port 6379",
    ]


def test_extra_directives() -> None:
    written = extra_lines(
        "config", {"save": "", "appendonly": False, "maxclients": 5, "user": ["a on", "b on"]}
    )
    assert written == ['save ""', "appendonly no", "maxclients 5", "user a on", "user b on"]


@pytest.mark.parametrize("bad", [{"save": "1\nport 1"}, {"save x": "1"}, {"port 1\nsave": "1"}, {"": "1"}])
def test_extra_directives_stay_on_their_line(bad: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="not one line"):
        extra_lines("config", bad)


@pytest.mark.parametrize(
    "options",
    [
        {"name": "my master"},
        {"name": ""},
        {"replicas": -1},
        {"sentinels": 0},
        {"quorum": 4},
        {"quorum": 0},
        {"down_after_ms": 0},
        {"failover_timeout_ms": 0},
    ],
    ids=str,
)
def test_options_out_of_range_are_named(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        SentinelSandbox(**options)


def fields(endpoint: Endpoint, flags: str, **others: str) -> list[Reply]:
    flat = {"ip": endpoint[0], "port": str(endpoint[1]), "flags": flags, **others}
    return [text for pair in flat.items() for text in pair]


def judge(
    primary: list[Reply] | None = None,
    replica: list[Reply] | None = None,
    other: list[Reply] | None = None,
    named: Endpoint = PRIMARY,
) -> list[str]:
    view = read_view(
        [
            primary or fields(PRIMARY, "master", **{"config-epoch": "7"}),
            [replica or fields(REPLICA, "slave", **{"master-link-status": "ok"})],
            [other or fields(OTHER, "sentinel")],
            [named[0], str(named[1])],
        ]
    )
    assert view is not None
    return complaints(view, PRIMARY, [REPLICA], [OTHER])


def test_nothing_to_complain_of() -> None:
    assert judge() == []


def test_each_trouble_is_told() -> None:
    assert judge(named=REPLICA) == ["names 127.0.0.1:1001 as primary"]
    assert judge(primary=fields(PRIMARY, "master,o_down")) == ["sees the primary as master,o_down"]
    assert judge(replica=fields(OTHER, "slave")) == ["does not know replica 127.0.0.1:1001"]
    assert judge(replica=fields(REPLICA, "slave,s_down")) == ["sees s_down on replica 127.0.0.1:1001"]
    assert judge(replica=fields(REPLICA, "slave", **{"master-link-status": "err"})) == [
        "sees no link (err) on replica 127.0.0.1:1001"
    ]
    assert judge(other=fields(OTHER, "sentinel,disconnected")) == [
        "sees disconnected on Sentinel 127.0.0.1:2001"
    ]
    assert complaints(None, PRIMARY, [], []) == ["does not answer, or does not know the name"]


def test_roles() -> None:
    assert read_role(["master", 10, []]) == Role("master")
    assert read_role(["slave", "127.0.0.1", 1000, "connected", 10]) == Role("slave", PRIMARY, linked=True)
    assert read_role(["slave", "127.0.0.1", 1000, "sync", -1]) == Role("slave", PRIMARY, linked=False)
    assert read_role(["sentinel", []]) == Role("unknown")
