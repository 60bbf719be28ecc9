"""The address_map option, as a table and as a function."""

from __future__ import annotations

from typing import Any

import pytest

from ha_manager.config import AddressMap, Endpoint, build_options
from ha_manager.errors import ConfigurationError

INSIDE = Endpoint("10.0.0.1", 6379)


def made_of(value: Any) -> AddressMap:
    address_map = build_options({"host": "h", "address_map": value}).address_map
    assert address_map is not None
    return address_map


@pytest.mark.parametrize(
    "table",
    [
        {("10.0.0.1", 6379): ("localhost", 7000)},
        {"10.0.0.1:6379": "localhost:7000"},
        {"10.0.0.1": Endpoint("localhost", 7000)},
    ],
)
def test_a_table_translates_what_it_lists_and_leaves_the_rest(table: object) -> None:
    translate = made_of(table)
    assert translate(INSIDE) == Endpoint("localhost", 7000)
    assert translate(Endpoint("10.0.0.2", 6379)) == Endpoint("10.0.0.2", 6379)


def test_a_function_gets_and_gives_a_pair() -> None:
    seen = []

    def remap(address: tuple[str, int]) -> tuple[str, int]:
        seen.append(address)
        _host, port = address
        return "localhost", port + 1

    answer = made_of(remap)(INSIDE)
    assert seen == [("10.0.0.1", 6379)]
    assert answer == Endpoint("localhost", 6380)
    assert isinstance(answer, Endpoint)


@pytest.mark.parametrize("answer", [None, "h:1", ("h",), ("h", 0), ("", 1), ("h", "x"), 5])
def test_a_function_that_returns_no_pair_is_named(answer: object) -> None:
    with pytest.raises(ConfigurationError, match=r"^address_map .*10\.0\.0\.1:6379"):
        made_of(lambda address: answer)(INSIDE)


def test_a_function_that_fails_is_named_and_its_error_kept() -> None:
    with pytest.raises(ConfigurationError, match="address_map raised KeyError") as caught:
        made_of(lambda address: {}[address])(INSIDE)
    assert isinstance(caught.value.__cause__, KeyError)
