"""pytest's ``--docker``: whether the scenarios in containers run.

They are deselected without it, and the summary says so, because not everybody has a Docker engine. With
it, or with HA_MANAGER_DOCKER=1, they run, and fail where there is no engine: CI cannot pass without them.
"""

from __future__ import annotations

import os

import pytest

VARIABLE = "HA_MANAGER_DOCKER"
_left_out = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--docker",
        action="store_true",
        default=os.environ.get(VARIABLE, "0") not in ("", "0"),
        help=f"also run the tests that need a Docker engine (or set {VARIABLE}=1)",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("docker"):
        return
    inside = [item for item in items if item.get_closest_marker("docker")]
    config.stash[_left_out] = len(inside)
    if inside:
        items[:] = [item for item in items if item not in inside]
        config.hook.pytest_deselected(items=inside)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    if count := config.stash.get(_left_out, 0):
        terminalreporter.write_line(
            f"{count} Docker scenarios were left out. With a Docker engine, run them by: pytest --docker",
            yellow=True,
        )
