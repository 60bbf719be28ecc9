"""Options of cluster mode: what they make of what users bring."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import pytest
from redis.asyncio.cluster import RedisCluster
from redis.cluster import ClusterNode

from ha_manager.config import REFRESH_TRIGGERS, Endpoint, Options, build_options, describe_options
from ha_manager.config.hints import REPLACED
from ha_manager.errors import ConfigurationError

CLUSTER_TRIGGERS = {"moved", "ask", "clusterdown", "uncovered"}


@dataclass
class Somewhere:
    """Not an address, but something that has one."""

    host: Any
    port: Any


def build(**kwargs: Any) -> Options:
    return build_options({"startup_nodes": ["a"], **kwargs})


def test_startup_nodes_mean_cluster_mode() -> None:
    options = build()
    assert options == Options(startup_nodes=(Endpoint("a", 6379),))
    assert (options.server, options.sentinels, options.cluster_name) == (None, (), None)
    assert build_options({"host": "h"}).startup_nodes == ()


@pytest.mark.parametrize(
    ("written", "endpoint"),
    [
        ("h", Endpoint("h", 6379)),
        ("h:7000", Endpoint("h", 7000)),
        ("[::1]:7000", Endpoint("::1", 7000)),
        (("h", 7000), Endpoint("h", 7000)),
        (["h", "7000"], Endpoint("h", 7000)),
        (Endpoint("h", 7000), Endpoint("h", 7000)),
        (Somewhere("h", "7000"), Endpoint("h", 7000)),
        (ClusterNode("10.0.0.1", 7000), Endpoint("10.0.0.1", 7000)),
    ],
)
def test_a_startup_node_as_users_write_it(written: Any, endpoint: Endpoint) -> None:
    assert build(startup_nodes=[written]).startup_nodes == (endpoint,)


def test_each_startup_node_counts_once_and_any_iterable_will_do() -> None:
    nodes = ["a", ("b", 1), "a:6379", Somewhere("b", 1)]
    expected = (Endpoint("a", 6379), Endpoint("b", 1))
    assert build(startup_nodes=nodes).startup_nodes == expected
    assert build(startup_nodes=(node for node in nodes)).startup_nodes == expected


@pytest.mark.parametrize(
    "node", [Somewhere("h", 0), Somewhere(None, 1), Somewhere("h", None), Somewhere("redis://:hush@h", 1)]
)
def test_an_object_without_a_usable_address_is_refused(node: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^startup_nodes\b") as caught:
        build(startup_nodes=[node])
    assert "hush" not in str(caught.value)


def test_one_node_that_is_no_list_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="list of addresses"):
        build(startup_nodes=Somewhere("h", 1))
    with pytest.raises(ConfigurationError, match="at least one node of the cluster"):
        build(startup_nodes=[])


def test_defaults() -> None:
    options = build()
    assert (options.cross_slot, options.require_full_coverage, options.availability_zone) == (
        True,
        False,
        None,
    )
    assert options.refresh_triggers == REFRESH_TRIGGERS
    assert options.refresh_triggers > CLUSTER_TRIGGERS


def test_what_is_given() -> None:
    options = build(
        cross_slot=False, require_full_coverage=True, availability_zone="eu-1a", read_from="same_zone"
    )
    assert (options.cross_slot, options.require_full_coverage) == (False, True)
    assert (options.availability_zone, options.read_from) == ("eu-1a", "same_zone")
    assert build(refresh_triggers=["moved"]).refresh_triggers == {"moved"}
    assert build(db=3).node.db == 3


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("read_from_replicas", "read_from='prefer_replica'"),
        ("load_balancing_strategy", "read_from"),
        ("cluster_error_retry_attempts", "failover_timeout"),
        ("connection_error_retry_attempts", "failover_timeout"),
        ("reinitialize_steps", "refresh_triggers"),
        ("dynamic_startup_nodes", "startup_nodes"),
        ("url", "from_url"),
        ("max_connections_per_node", "max_connections"),
        ("skip_full_coverage_check", "require_full_coverage"),
        ("address_remap", "address_map"),
        ("policy_resolver", "docs/commands.md"),
    ],
)
def test_an_option_of_redis_pys_cluster_client_is_answered_with_what_serves_its_purpose(
    name: str, remedy: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name} .*{remedy}"):
        build(**{name: True})


def test_every_option_of_redis_pys_cluster_client_is_taken_or_answered() -> None:
    names = inspect.signature(RedisCluster.__init__).parameters.keys() - {"self"}
    assert "startup_nodes" in names
    known = {spec.name for spec in describe_options()}
    assert names - known - REPLACED.keys() == set()
