"""docs/options.md says what the table says."""

from __future__ import annotations

from pathlib import Path

import pytest

from ha_manager.config import OptionSpec, describe_options

PAGE = Path(__file__).parents[2] / "docs" / "options.md"


@pytest.mark.parametrize("spec", describe_options(), ids=lambda spec: spec.name)
def test_the_page_has_the_option_with_its_type_default_and_meaning(spec: OptionSpec) -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{spec.name}` |")]
    assert len(rows) == 1
    cells = [cell.strip() for cell in rows[0].strip("|").split("|")]
    assert (cells[1], cells[2], cells[4]) == (spec.type, spec.default_text, spec.doc)
    assert (cells[3] == "yes") == (spec.cast is not None)


def test_the_page_has_no_option_that_does_not_exist() -> None:
    tables = PAGE.read_text().partition("## URLs")[0]
    documented = [line.split("`")[1] for line in tables.splitlines() if line.startswith("| `")]
    assert documented == [spec.name for spec in describe_options()]
