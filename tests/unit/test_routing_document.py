"""docs/commands.md says what the table says."""

from __future__ import annotations

from pathlib import Path

from ha_manager.routing.document import listed, page

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "run: python -m ha_manager.routing.document > docs/commands.md"
    )


def test_the_page_lists_each_command_once() -> None:
    lines = page().splitlines()
    assert sorted(spec.name for spec in listed()) == sorted(
        line.split("`")[1] for line in lines if line.startswith("| `")
    )


def test_what_follows_its_only_key_is_not_on_it() -> None:
    names = {spec.name for spec in listed()}
    assert {"MGET", "DBSIZE", "EVAL", "COMMAND", "DEBUG"} <= names
    assert not names & {"GET", "HSET", "OBJECT ENCODING", "CONFIG", "SPUBLISH"}
