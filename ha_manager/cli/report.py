"""The result of a trial as rows of text, for every kind of terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest

from ha_manager.cli.audit import ScenarioResult
from ha_manager.cli.judgement import Verdict
from ha_manager.cli.words import duration

__all__ = ["COLUMNS", "EXPLANATION", "plain_table", "table", "verdict_lines"]


def _median_and_max(result: ScenarioResult) -> str:
    return f"{duration(result.median_writer_outage)} / {duration(result.longest_writer_outage)}"


def _and_more(count: int, more: int) -> str:
    return f"{count} (+{more})" if more else str(count)


COLUMNS: tuple[tuple[str, Callable[[ScenarioResult], str]], ...] = (
    ("fault", lambda result: result.fault),
    ("outage", lambda result: duration(result.outage.seconds)),
    ("each writer\nmedian / max", _median_and_max),
    ("other\nshards", lambda result: duration(result.longest_other_outage)),
    ("first write after\nthe promotion", lambda result: duration(result.first_success_after_promotion)),
    ("acknow-\nledged", lambda result: f"{result.acknowledged:,}"),
    ("in doubt\n(ran)", lambda result: f"{result.in_doubt} ({result.in_doubt_applied})"),
    ("lost (+at\nthe kill)", lambda result: _and_more(result.lost, result.lost_excused)),
    ("twice (+by\npermission)", lambda result: _and_more(result.duplicates, result.repeated_by_permission)),
    ("other\nerrors", lambda result: str(result.errors)),
)
EXPLANATION = (
    "outage: the longest time without an acknowledged write that lasted; in a cluster, one to the struck\n"
    "shard. other shards: the longest wait of a writer there; they too refuse commands (CLUSTERDOWN) while\n"
    "slots have no owner. promotion: when the new primary first said that it is one; another process asks\n"
    "every 2 ms. lost, twice, ran: read back at the end from the primaries, without ha_manager. at the\n"
    "kill: acknowledged by the killed primary in its last second, and not replicated. by permission: in\n"
    "doubt, and repeated because of in_doubt='retry'."
)


def table(results: Sequence[ScenarioResult]) -> tuple[list[str], list[list[str]]]:
    """The heads of the columns, which may have two lines, and a row for each fault.

    A column that has nothing to say of any of them is left out.
    """
    columns = [(head, [cell(result) for result in results]) for head, cell in COLUMNS]
    telling = [(head, cells) for head, cells in columns if set(cells) != {duration(None)}]
    rows = [list(cells) for cells in zip(*(cells for _, cells in telling), strict=True)]
    return [head for head, _ in telling], rows


def plain_table(results: Sequence[ScenarioResult]) -> str:
    """A table of fixed width, without colours."""
    names, body = table(results)
    heads = [list(line) for line in zip_longest(*(name.split("\n") for name in names), fillvalue="")]
    widths = [max(map(len, column)) for column in zip(*heads, *body, strict=True)]
    rule = ["-" * width for width in widths]
    return "\n".join(_line(cells, widths) for cells in (*heads, rule, *body))


def verdict_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """One line for each promise, and one for each place where it was broken."""
    lines = []
    for verdict in verdicts:
        lines.append(f"{'BROKEN' if verdict.broken else '    ok'}  {verdict.promise}")
        lines += [f"        {place}" for place in verdict.broken]
    return lines


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.rjust(width) if column else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join((first, *others)).rstrip()
