"""The result of a trial as rows of text, for every kind of terminal."""

from __future__ import annotations

from collections.abc import Sequence

from ha_manager.cli.audit import ScenarioResult
from ha_manager.cli.judgement import Verdict
from ha_manager.cli.words import duration

__all__ = ["COLUMNS", "EXPLANATION", "plain_table", "row", "verdict_lines"]

COLUMNS = (
    "fault",
    "outage",
    "each writer\nmedian / max",
    "first write after\nthe promotion",
    "acknow-\nledged",
    "in doubt\n(ran)",
    "lost (+at\nthe kill)",
    "twice (+by\npermission)",
    "other\nerrors",
)
EXPLANATION = (
    "outage: the longest time without an acknowledged write that lasted. promotion: when the new primary\n"
    "first said that it is one; another process asks every 2 ms. lost, twice, ran: read back at the end\n"
    "from the last primary, without ha_manager. at the kill: acknowledged by the killed primary in its last\n"
    "second, and not replicated. by permission: in doubt, and repeated because of in_doubt='retry'."
)


def row(result: ScenarioResult) -> tuple[str, ...]:
    """One fault, a text for each of `COLUMNS`."""
    by_permission = f" (+{result.repeated_by_permission})" if result.repeated_by_permission else ""
    excused = f" (+{result.lost_excused})" if result.lost_excused else ""
    return (
        result.fault,
        duration(result.outage.seconds),
        f"{duration(result.median_writer_outage)} / {duration(result.longest_writer_outage)}",
        duration(result.first_success_after_promotion),
        f"{result.acknowledged:,}",
        f"{result.in_doubt} ({result.in_doubt_applied})",
        f"{result.lost}{excused}",
        f"{result.duplicates}{by_permission}",
        str(result.errors),
    )


def plain_table(results: Sequence[ScenarioResult]) -> str:
    """A table of fixed width, without colours."""
    rows = [tuple(name.split("\n")) for name in COLUMNS]
    height = max(map(len, rows))
    heads = [tuple(names[line] if line < len(names) else "" for names in rows) for line in range(height)]
    body = [row(result) for result in results]
    widths = [max(len(line[column]) for line in (*heads, *body)) for column in range(len(COLUMNS))]
    rule = tuple("-" * width for width in widths)
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
