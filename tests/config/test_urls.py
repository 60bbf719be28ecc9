"""URLs: what each form means, and what is refused."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from hypothesis import given, settings
from hypothesis import strategies as st

from ha_manager.config import Endpoint, Options, build_options, describe_options, options_from_url
from ha_manager.errors import ConfigurationError


def read(url: str, **overrides: Any) -> Options:
    return options_from_url(url, overrides)


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("redis://", {"host": "localhost"}),
        ("redis:///2", {"host": "localhost", "db": 2}),
        ("redis://h", {"host": "h"}),
        ("REDIS://h:", {"host": "h"}),
        ("redis://h:7000/3", {"host": "h", "port": 7000, "db": 3}),
        ("redis://h/0/", {"host": "h"}),
        ("redis://[::1]", {"host": "::1"}),
        ("redis://[::1]:7000", {"host": "::1", "port": 7000}),
        ("redis://u:p@h", {"host": "h", "username": "u", "password": "p"}),
        ("redis://:p@h", {"host": "h", "password": "p"}),
        ("redis://:@h", {"host": "h"}),
        ("redis://@h", {"host": "h"}),
        ("redis://:p@q@h", {"host": "h", "password": "p@q"}),
        ("redis://:p:q,r@h", {"host": "h", "password": "p:q,r"}),
        ("redis://%75:%2F%3F%23%40%25%3A@h", {"host": "h", "username": "u", "password": "/?#@%:"}),
        ("redis://h/2?db=2", {"host": "h", "db": 2}),
        ("redis://h?password=p%2Bq+r", {"host": "h", "password": "p+q r"}),
        ("rediss://h:1", {"host": "h", "port": 1, "ssl": True}),
        ("redis://h?ssl=true&ssl_cert_reqs=none", {"host": "h", "ssl": True, "ssl_cert_reqs": "none"}),
        ("rediss://h?ssl_min_version=TLSv1.3", {"host": "h", "ssl": True, "ssl_min_version": "TLSv1_3"}),
        ("rediss://h?ssl_min_version=772", {"host": "h", "ssl": True, "ssl_min_version": 772}),
        (
            "rediss://h?ssl_include_verify_flags=[VERIFY_X509_STRICT,VERIFY_X509_PARTIAL_CHAIN]",
            {
                "host": "h",
                "ssl": True,
                "ssl_include_verify_flags": ["VERIFY_X509_STRICT", "VERIFY_X509_PARTIAL_CHAIN"],
            },
        ),
        ("unix:///tmp/x.sock", {"unix_socket_path": "/tmp/x.sock"}),
        ("unix:///tmp/a%20b?db=4", {"unix_socket_path": "/tmp/a b", "db": 4}),
        ("unix://u:p@/tmp/x", {"unix_socket_path": "/tmp/x", "username": "u", "password": "p"}),
        ("redis+sentinel://a/m", {"sentinels": ["a:26379"], "cluster_name": "m"}),
        (
            "redis+sentinel://u:p@a:1,b,[::1]:3,[::2]/my%2Fm/5",
            {
                "sentinels": [("a", 1), ("b", 26379), ("::1", 3), ("::2", 26379)],
                "cluster_name": "my/m",
                "db": 5,
                "username": "u",
                "password": "p",
            },
        ),
        (
            "redis+sentinel://a/m?sentinel_username=su&sentinel_password=sp",
            {"sentinels": ["a"], "cluster_name": "m", "sentinel_username": "su", "sentinel_password": "sp"},
        ),
        (
            "rediss+sentinel://a/m",
            {"sentinels": ["a"], "cluster_name": "m", "ssl": True, "sentinel_ssl": True},
        ),
        ("redis+cluster://a", {"startup_nodes": ["a:6379"]}),
        (
            "redis+cluster://u:p@a:1,b,[::1]:3,a:1/5",
            {
                "startup_nodes": [("a", 1), ("b", 6379), ("::1", 3)],
                "db": 5,
                "username": "u",
                "password": "p",
            },
        ),
        ("REDIS+CLUSTER://a/0/", {"startup_nodes": ["a"]}),
        ("rediss+cluster://a,b/", {"startup_nodes": ["a", "b"], "ssl": True}),
        (
            "redis+cluster://a?cross_slot=no&require_full_coverage=1&read_from=same_zone&availability_zone=z",
            {
                "startup_nodes": ["a"],
                "cross_slot": False,
                "require_full_coverage": True,
                "read_from": "same_zone",
                "availability_zone": "z",
            },
        ),
        (
            "redis+cluster://a?refresh_triggers=moved,ask,clusterdown,uncovered",
            {"startup_nodes": ["a"], "refresh_triggers": ["moved", "ask", "clusterdown", "uncovered"]},
        ),
        ("rediss+sentinel://a/m?sentinel_ssl=no", {"sentinels": ["a"], "cluster_name": "m", "ssl": True}),
        ("rediss+sentinel://a/m?ssl=0", {"sentinels": ["a"], "cluster_name": "m", "sentinel_ssl": True}),
        (
            "redis://h?refresh_interval=None&command_timeout=none",
            {"host": "h", "refresh_interval": None, "command_timeout": None},
        ),
        (
            "redis://h?refresh_interval=0.5&poolsize=2&decode_responses=Yes&protocol=3",
            {"host": "h", "refresh_interval": 0.5, "poolsize": 2, "decode_responses": True, "protocol": 3},
        ),
        (
            "redis://h?refresh_triggers=events,readonly",
            {"host": "h", "refresh_triggers": ["events", "readonly"]},
        ),
        (
            "redis://h?read_from=nearest&in_doubt=retry&socket_timeout=3",
            {"host": "h", "read_from": "nearest", "in_doubt": "retry", "command_timeout": 3},
        ),
    ],
)
def test_a_url_means_the_same_as_keywords(url: str, same: dict[str, Any]) -> None:
    assert read(url) == build_options(same)


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("", "known scheme"),
        ("localhost:6379", "known scheme"),
        ("http://h", "known scheme"),
        ("reddis://h", "did you mean redis://"),
        ("sentinel://h/m", "redis+sentinel://"),
        ("cluster://h", "redis+cluster://"),
        ("redis://a,b", "redis+sentinel://h1,h2/service"),
        ("rediss://a,b", "rediss+cluster://h1,h2"),
        ("redis://h:x", "port from 1 to 65535"),
        ("redis://h:0", "port from 1 to 65535"),
        ("redis://h:65536", "port from 1 to 65535"),
        ("redis://h:\u0661", "port from 1 to 65535"),
        ("redis://::1", "IPv6 as [::1]:6379"),
        ("redis://[::1", "IPv6 as [::1]:6379"),
        ("redis://[nonsense]", "host:port"),
        ("redis://a%20b", "host:port"),
        ("redis://a b", "percent-encode it"),
        ("redis://h\n", "percent-encode it"),
        ("redis://h/service", "redis+sentinel://"),
        ("redis://h/1/2", "not a whole number"),
        ("redis://h/-1", "not a whole number"),
        ("redis://h/1#x", "%23"),
        ("redis://h#", "%23"),
        ("redis://:a/b@h", "%2F"),
        ("redis://:a?b@h", "%3F"),
        ("redis://h?client_name=a@b", "%40"),
        ("redis://u@h", "redis://:PASSWORD@host"),
        ("redis://:%ff@h", "not UTF-8"),
        ("redis://%ff", "not UTF-8"),
        ("unix://tmp/x", "three slashes"),
        ("unix://", "three slashes"),
        ("unix:///", "three slashes"),
        ("unix:///x?ssl=true", "leave ssl"),
        ("redis+sentinel://a", "add cluster_name="),
        ("redis+sentinel://a/", "add cluster_name="),
        ("redis+sentinel://a/m/x", "/service/db"),
        ("redis+sentinel://a/m%20m", "service name"),
        ("redis+sentinel:///m", "has no host"),
        ("redis+sentinel://a,,b/m", "has no host"),
        ("redis+sentinel://a,b:x/m", "port from 1 to 65535"),
        ("redis+cluster://", "redis+cluster://host1:6379,host2:6379"),
        ("redis+cluster:///1", "a node in the URL has no host"),
        ("redis+cluster://a,,b", "a node in the URL has no host"),
        ("redis+cluster://a,b:x", "port from 1 to 65535"),
        ("redis+cluster://a/service", "a cluster has no service name"),
        ("redis+cluster://a/0/1", "not a whole number"),
        ("redis+cluster://a?sentinel_password=x", "sentinel_password is given without sentinels"),
        ("redis+cluster://a?startup_nodes=b", "address and path"),
        ("redis+cluster://a?read_from=same_zone", "add availability_zone="),
        ("rediss+cluster://a?ssl=false", "ssl is given by the URL"),
        ("redis+cluster://a?require_full_coverage=x", "it takes bool"),
        ("redis+cluster://a?cluster_error_retry_attempts=3", "failover_timeout"),
        ("redis://h?db=x", "db in the URL's query cannot be read: it takes int"),
        ("redis://h?db=1_0", "cannot be read"),
        ("redis://h?db=-1", "whole number"),
        ("redis://h?db=", "db has no value"),
        ("redis://h?db", "db has no value"),
        ("redis://h?db=1&db=1", "db is given twice"),
        ("redis://h/1?db=2", "db is given by the URL"),
        ("redis://:p@h?password=q", "password is given by the URL"),
        ("redis://h?heartbeat=nan", "seconds"),
        ("redis://h?heartbeat=1_0", "cannot be read"),
        ("redis://h?failover_timeout=None", "cannot be read"),
        ("redis://h?decode_responses=maybe", "it takes bool"),
        ("redis://h?password=%ff", "cannot be read"),
        ("redis://h?pasword=x", "unknown option: pasword; did you mean password?"),
        ("redis://h?retry_on_timeout=yes", "failover_timeout"),
        ("redis://h?password=x&zzqy=1", "parameter 2"),
        ("redis://h?scheduler=x", "scheduler cannot be written in a URL: pass it as a keyword"),
        ("redis://h?address_map=x", "pass it as a keyword"),
        ("redis://h?credential_provider=x", "pass it as a keyword"),
        ("redis://h?ssl_context=x", "pass it as a keyword"),
        ("redis://h?host=g", "address and path"),
        ("rediss://h?ssl=false", "ssl is given by the URL"),
        ("redis://h?sentinel_password=x", "add sentinels"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_with_a_remedy(url: str, remedy: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(url)
    assert remedy in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("url", [None, b"redis://h", 5])
def test_a_url_is_a_str(url: Any) -> None:
    with pytest.raises(ConfigurationError, match="must be a str"):
        read(url)


def test_keywords_add_to_a_url() -> None:
    scheduler = AsyncIOScheduler()
    options = read("redis://h/1", scheduler=scheduler, port=7000, db=1, password=None)
    assert options.scheduler is scheduler
    assert options.server == Endpoint("h", 7000)
    assert options.node.db == 1
    assert read("redis:///1", host="g").server == Endpoint("g", 6379)
    assert read("redis+sentinel://a", cluster_name="m").cluster_name == "m"
    assert read("redis+cluster://a", startup_nodes=[("a", "6379")]).startup_nodes == (Endpoint("a", 6379),)
    assert read("redis+sentinel://a:26379/m", sentinels=[("a", "26379")]).sentinels == (Endpoint("a", 26379),)


@pytest.mark.parametrize(
    ("url", "overrides", "named"),
    [
        ("redis://h/1", {"db": 2}, "db"),
        ("redis://h", {"host": "g"}, "host"),
        ("redis://:p@h", {"password": "q"}, "password"),
        ("rediss://h", {"ssl": False}, "ssl"),
        ("rediss+sentinel://h/m", {"sentinel_ssl": False}, "sentinel_ssl"),
        ("redis://h?command_timeout=1", {"command_timeout": None}, "command_timeout"),
        ("redis://h?command_timeout=1", {"socket_timeout": 1}, "command_timeout"),
        ("redis+sentinel://a/m", {"sentinels": ["b"]}, "sentinels"),
        ("redis+sentinel://a/m", {"cluster_name": "n"}, "cluster_name"),
        ("redis+cluster://a", {"startup_nodes": ["b"]}, "startup_nodes"),
        ("redis+cluster://a", {"host": "b"}, "host and startup_nodes"),
        ("redis+cluster://a", {"sentinels": ["b"], "cluster_name": "m"}, "sentinels and startup_nodes"),
        ("redis://h", {"startup_nodes": ["b"]}, "host and startup_nodes"),
        ("redis://h", {"sentinels": ["b"], "cluster_name": "m"}, "host and sentinels"),
        ("redis://h", {"unix_socket_path": "/x"}, "host and unix_socket_path"),
        ("redis://h", {"pasword": "q"}, "did you mean password"),
    ],
)
def test_a_keyword_that_contradicts_the_url_is_refused(
    url: str, overrides: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"^(unknown.*)?{named}"):
        read(url, **overrides)


@settings(deadline=None)
@given(user=st.text(min_size=1), password=st.text(min_size=1), sentinel=st.text(min_size=1))
def test_any_login_survives_percent_encoding(user: str, password: str, sentinel: str) -> None:
    query = urlencode({"sentinel_password": sentinel}, errors="strict")
    url = f"redis+sentinel://{quote(user, safe='')}:{quote(password, safe='')}@a/m?{query}"
    options = read(url)
    assert (options.node.credentials.username, options.node.credentials.password) == (user, password)
    assert options.sentinel.credentials.password == sentinel


@settings(deadline=None)
@given(
    st.text(alphabet="redis+sntlux:/@?#&=%,[]0123456789abz. \n"),
    st.sampled_from(("", "redis://", "unix:///")),
)
def test_any_text_is_a_url_or_a_configuration_error(text: str, start: str) -> None:
    try:
        assert isinstance(read(start + text), Options)
    except ConfigurationError as error:
        assert error.__context__ is None


def test_every_option_is_either_castable_or_says_where_it_belongs() -> None:
    for spec in describe_options():
        if spec.cast is None:
            with pytest.raises(ConfigurationError, match=r"keyword|address and path"):
                read(f"redis://h?{spec.name}=x")
