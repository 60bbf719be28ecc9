"""Options that do not go together, and options that do not exist: the error names both and the remedy."""

from __future__ import annotations

import re
import ssl
from typing import Any

import pytest
from redis.credentials import UsernamePasswordCredentialProvider

from ha_manager.config import build_options, describe_options
from ha_manager.config.hints import REPLACED
from ha_manager.errors import ConfigurationError

BY_SENTINEL = {"cluster_name": "m", "sentinels": [("a", 1)]}
CLUSTER = {"startup_nodes": [("a", 1)]}
PROVIDER = UsernamePasswordCredentialProvider("u", "p")


@pytest.mark.parametrize(
    ("given", "named", "remedy"),
    [
        ({}, "no server is given", "unix_socket_path"),
        ({"db": 1}, "no server is given", "cluster_name with sentinels"),
        ({"sentinels": [("a", 1)]}, "sentinels", "add cluster_name="),
        ({"cluster_name": "m"}, "cluster_name", "add sentinels="),
        ({"cluster_name": "m", "host": "h"}, "cluster_name", "leave cluster_name out"),
        ({**BY_SENTINEL, "host": "h"}, "host and sentinels", "leave host out"),
        ({**BY_SENTINEL, "port": 1}, "port and sentinels", "leave port out"),
        ({**BY_SENTINEL, "unix_socket_path": "/x"}, "unix_socket_path and sentinels", "leave"),
        ({"host": "h", "unix_socket_path": "/x"}, "host and unix_socket_path", "give one"),
        ({"port": 1, "unix_socket_path": "/x"}, "port and unix_socket_path", "give one"),
        ({"db": 1}, "no server is given", "startup_nodes="),
        ({"cluster_name": "m"}, "cluster_name", "a cluster is given as startup_nodes="),
        ({**CLUSTER, **BY_SENTINEL}, "sentinels and startup_nodes", "leave sentinels and cluster_name out"),
        ({**CLUSTER, "sentinels": ["a"]}, "sentinels and startup_nodes", "leave startup_nodes out"),
        ({**CLUSTER, "cluster_name": "m"}, "cluster_name and startup_nodes", "leave cluster_name out"),
        ({**CLUSTER, "host": "h"}, "host and startup_nodes", "write the address into startup_nodes"),
        ({**CLUSTER, "port": 1}, "port and startup_nodes", "write the address into startup_nodes"),
        (
            {**CLUSTER, "unix_socket_path": "/x"},
            "unix_socket_path and startup_nodes",
            "leave startup_nodes out",
        ),
        ({**CLUSTER, "sentinel_password": "p"}, "sentinel_password", "with username and password"),
        ({**CLUSTER, "sentinel_ssl": True}, "sentinel_ssl", "leave it out"),
        ({**CLUSTER, "username": "u"}, "username", "add password="),
        ({**CLUSTER, "read_from": "same_zone"}, "read_from='same_zone'", "add availability_zone="),
        ({"host": "h", "read_from": "same_zone"}, "availability_zone", "read_from='prefer_replica'"),
        ({"host": "h", "sentinel_password": "p"}, "sentinel_password", "add sentinels"),
        ({"host": "h", "sentinel_ssl": True}, "sentinel_ssl", "add sentinels"),
        ({"host": "h", "command_timeout": 1, "socket_timeout": 1}, "socket_timeout", "command_timeout alone"),
        (
            {"host": "h", "command_timeout": None, "socket_timeout": 1},
            "socket_timeout",
            "command_timeout alone",
        ),
        ({"host": "h", "username": "u"}, "username", "add password="),
        ({**BY_SENTINEL, "sentinel_username": "u"}, "sentinel_username", "add sentinel_password="),
        ({"host": "h", "credential_provider": PROVIDER, "password": "p"}, "password", "provider gives both"),
        ({"host": "h", "credential_provider": PROVIDER, "username": "u"}, "username", "provider gives both"),
        (
            {**BY_SENTINEL, "sentinel_credential_provider": PROVIDER, "sentinel_password": "p"},
            "sentinel_password",
            "provider gives both",
        ),
        ({"host": "h", "ssl_ca_certs": "x"}, "ssl_ca_certs", "add ssl=True"),
        ({"host": "h", "ssl": False, "ssl_check_hostname": False}, "ssl_check_hostname", "add ssl=True"),
        (
            {**BY_SENTINEL, "ssl": True, "sentinel_ssl_ciphers": "x"},
            "sentinel_ssl_ciphers",
            "sentinel_ssl=True",
        ),
        ({"unix_socket_path": "/x", "ssl": True}, "ssl", "leave ssl"),
        ({"host": "h", "ssl": True, "ssl_keyfile": "k"}, "ssl_keyfile", "ssl_certfile"),
        (
            {"host": "h", "ssl": True, "ssl_context": ssl.create_default_context(), "ssl_ciphers": "x"},
            "ssl_context and ssl_ciphers",
            "leave ssl_ciphers out",
        ),
    ],
)
def test_a_contradiction_is_refused_with_a_remedy(given: dict[str, Any], named: str, remedy: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        build_options(given)
    assert named in str(caught.value)
    assert remedy in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        {"port": 1},
        {"host": "h", "sentinel_ssl": False},
        {"unix_socket_path": "/x", "ssl": False},
        {**BY_SENTINEL, "host": None, "port": None, "unix_socket_path": None},
        {"host": "h", "sentinels": None, "cluster_name": None},
        {**CLUSTER, "sentinels": None, "cluster_name": None, "host": None, "unix_socket_path": None},
        {**CLUSTER, "sentinel_ssl": False},
        {**CLUSTER, "db": 3},
        {**CLUSTER, "read_from": "same_zone", "availability_zone": "a"},
        {"host": "h", "startup_nodes": None},
        {"host": "h", "availability_zone": "a"},
        {"host": "h", "password": "p"},
        {"host": "h", "username": "u", "password": "p", "credential_provider": None},
    ],
)
def test_these_are_no_contradictions(given: dict[str, Any]) -> None:
    assert build_options(given)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("pasword", "password"),
        ("pool_size", "poolsize"),
        ("sentinel", "sentinels"),
        ("hearbeat", "heartbeat"),
        ("startup_node", "startup_nodes"),
    ],
)
def test_a_misspelt_option_is_answered_with_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"unknown option: {name}; did you mean {meant}\?"):
        build_options({"host": "h", name: "hush"})


def test_an_option_like_no_other_is_answered_with_where_to_look() -> None:
    with pytest.raises(ConfigurationError, match=r"unknown option: zzqy; docs/options\.md"):
        build_options({"host": "h", "zzqy": 1})


@pytest.mark.parametrize("name", sorted(REPLACED))
def test_an_option_of_redis_py_is_answered_with_what_replaces_it(name: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(REPLACED[name])):
        build_options({"host": "h", name: None})


def test_no_option_is_both_known_and_replaced() -> None:
    assert not {spec.name for spec in describe_options()} & REPLACED.keys()


def test_sentinel_kwargs_names_the_options_in_its_place() -> None:
    with pytest.raises(ConfigurationError, match="sentinel_username, sentinel_password") as caught:
        build_options({**BY_SENTINEL, "sentinel_kwargs": {"password": "hush"}})
    assert "hush" not in str(caught.value)
