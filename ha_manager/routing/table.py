"""The command table as text: one line for each command, and how to read it.

``command_table.txt`` is generated from real servers (``generate.py``); ``supplement.txt`` is written
by hand and wins, column by column. Both begin with the grammar of their lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from ha_manager.routing.rules import KeyRule, KeySpec

UNSAID = "-"
"""A column in which there is nothing to say."""

AS_SERVERS_SAY = "."
"""A column of the supplement that leaves the generated one as it is."""

_SPEC = re.compile(
    r"(?:(?P<keyword>[A-Z]+)@)?(?P<begin>-?\d+)"
    r"(?::(?P<last>-?\d+)(?:/(?P<step>\d+)(?:/(?P<limit>\d+))?)?"
    r"|#(?P<count_at>\d+)/(?P<first>\d+)/(?P<stride>\d+))?(?P<channel>!)?"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a command's name (``CONFIG GET``), its marks, its keys, and its policies as words."""

    name: str
    marks: str = UNSAID
    keys: str = UNSAID
    request: str = UNSAID
    response: str = UNSAID

    def __str__(self) -> str:
        name = self.name.replace(" ", "|")
        return " ".join((name, self.marks, self.keys, self.request, self.response))

    @property
    def key_rule(self) -> KeyRule | None:
        """Where its keys are; ``None`` if it has none."""
        return parse_keys(self.keys)


@cache
def rows() -> dict[str, Row]:
    """Every command that is known, by its name in upper case."""
    known = {row.name: row for row in parse(_text("command_table.txt"))}
    for row in parse(_text("supplement.txt")):
        known[row.name] = _amended(known.get(row.name, Row(row.name)), row)
    return known


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="ascii")


def parse(text: str) -> Iterable[Row]:
    """The rows of a file, without its comments."""
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, *columns = line.split()
            yield Row(name.replace("|", " "), *columns)


def _amended(row: Row, by: Row) -> Row:
    columns = ("marks", "keys", "request", "response")
    said = {column: value for column in columns if (value := getattr(by, column)) != AS_SERVERS_SAY}
    return replace(row, **said)


@cache
def parse_keys(text: str) -> KeyRule | None:
    """Read the third column."""
    if text == UNSAID:
        return None
    specs = []
    options = ""
    for part in text.split(","):
        if part.startswith("="):
            options = part[1:]
        elif part != "?":
            specs.append(_parse_spec(part))
    return KeyRule(tuple(specs), options)


def _parse_spec(text: str) -> KeySpec:
    match = _SPEC.fullmatch(text)
    if match is None:
        raise ValueError(f"no key specification: {text}")
    numbers = {
        field: int(value)
        for field in ("last", "limit", "count_at", "first")
        if (value := match[field]) is not None
    }
    return KeySpec(
        begin=int(match["begin"]),
        keyword=match["keyword"] or "",
        step=int(match["step"] or match["stride"] or 1),
        is_key=match["channel"] is None,
        **numbers,
    )


def format_keys(rule: KeyRule | None) -> str:
    """Write the third column: the reverse of :func:`parse_keys`."""
    if rule is None:
        return UNSAID
    parts = [_format_spec(spec) for spec in rule.specs]
    if rule.options:
        parts.append(f"={rule.options}")
    return ",".join(parts) or "?"


def _format_spec(spec: KeySpec) -> str:
    begin = f"{spec.keyword}@{spec.begin}" if spec.keyword else str(spec.begin)
    channel = "" if spec.is_key else "!"
    if spec.count_at >= 0:
        return f"{begin}#{spec.count_at}/{spec.first}/{spec.step}{channel}"
    ranged = [str(spec.last), str(spec.step), str(spec.limit)]
    for default in ("0", "1", "0"):
        if ranged[-1:] != [default]:
            break
        ranged.pop()
    return f"{begin}:{'/'.join(ranged)}{channel}" if ranged else f"{begin}{channel}"
