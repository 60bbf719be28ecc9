"""The rules of the house: who may import whom, and that private names stay in their room."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

import ha_manager

PACKAGE = Path(ha_manager.__file__).parent
PROJECT = Path(__file__).parents[2]
FILES = sorted(PACKAGE.rglob("*.py"))
RULES = ("downwards", "transport-knows-nodes-only", "sandbox-stays-out", "no-cycles")


@pytest.mark.parametrize("rule", RULES)
def test_contract(rule: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    # The linter puts the working directory on sys.path: it must find this tree, and leave no trace.
    monkeypatch.chdir(PROJECT)
    monkeypatch.setattr(sys, "path", list(sys.path))
    config = str(PROJECT / "pyproject.toml")
    broken = lint_imports(config_filename=config, limit_to_contracts=(rule,), no_cache=True, no_logo=True)
    assert broken == 0, capsys.readouterr().out


def room_of(path: Path) -> str:
    """The first name under ``ha_manager``: a package, or a module that stands alone."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Each import as a dotted module and the name taken from it, relative imports left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from ((node.module or "", alias.name) for alias in node.names)


def private_imports(path: Path) -> list[str]:
    """What a file imports that belongs to another room and is private there."""
    found = []
    for module, name in imports(ast.parse(path.read_text(encoding="utf-8"))):
        words = [*module.split("."), *([name] if name else [])]
        if words[0] != "ha_manager" or len(words) < 2 or words[1] == room_of(path):
            continue
        if any(map(is_private, words)):
            found.append(".".join(words))
    return found


def defined(tree: ast.AST) -> set[str]:
    """Every name that a file gives: functions, classes, variables, parameters, attributes."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def private_attributes(path: Path) -> set[str]:
    """Private attributes that a file reads from something that is not ``self`` or ``cls``."""
    return {
        node.attr
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and is_private(node.attr)
        and not (isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"})
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_private_name_comes_from_another_room(path: Path) -> None:
    assert private_imports(path) == []


@pytest.mark.parametrize("room", sorted({room_of(path) for path in FILES}))
def test_no_room_reads_private_attributes_that_it_did_not_define(room: str) -> None:
    files = [path for path in FILES if room_of(path) == room]
    own = set().union(*(defined(ast.parse(path.read_text(encoding="utf-8"))) for path in files))
    assert set().union(*map(private_attributes, files)) - own == set()
