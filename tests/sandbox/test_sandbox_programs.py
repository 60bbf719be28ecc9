"""Which server program is taken."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from sandbox_support import REQUIRED

from ha_manager.errors import ConfigurationError
from ha_manager.sandbox import SERVER_VARIABLE, StandaloneSandbox, available_servers, find_server


def test_every_required_server_is_here() -> None:
    assert set(REQUIRED) <= set(available_servers())
    assert available_servers() != ()


def test_by_name_and_by_path(server: str) -> None:
    by_name = find_server(server)
    assert by_name.name == server
    assert find_server(by_name.path).path == by_name.path


def test_the_variable_chooses_and_the_argument_overrules_it(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SERVER_VARIABLE, server)
    assert find_server().name == server
    monkeypatch.setenv(SERVER_VARIABLE, "no-such-server")
    assert find_server(server).name == server
    with pytest.raises(ConfigurationError, match="no-such-server"):
        find_server()


def test_the_wheel_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SERVER_VARIABLE, raising=False)
    assert find_server().name == available_servers()[0]


def test_without_any_the_remedy_is_named(temporary: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(SERVER_VARIABLE, raising=False)
        patch.setattr(importlib.util, "find_spec", lambda name: None)
        patch.setenv("PATH", str(temporary))
        assert available_servers() == ()
        with pytest.raises(ConfigurationError, match=r"pip install ha-manager\[sandbox\]"):
            find_server()


async def test_a_bad_name_is_refused_before_anything_starts() -> None:
    with pytest.raises(ConfigurationError, match="no-such-server"):
        await StandaloneSandbox(server="no-such-server").__aenter__()
