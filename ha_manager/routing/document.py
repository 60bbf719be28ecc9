"""Write ``docs/commands.md``: where each command goes that does not simply follow its only key.

Usage::

    python -m ha_manager.routing.document > docs/commands.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from ha_manager.routing.commands import CommandSpec, describe
from ha_manager.routing.rules import RequestPolicy, ResponsePolicy
from ha_manager.routing.table import UNSAID, Row, rows

_HEAD = """\
# Commands in a cluster

<!-- Written by `python -m ha_manager.routing.document` from the tables in ha_manager/routing. -->

A command with one key goes to the primary that owns the key's slot, or to one of its replicas if it only
reads and `read_from` says so. That is most of them, and they are not listed here. This page lists the others.

Where several nodes are asked, their replies become one, of the type that one server would give, and an error
from one of them is raised, unless the table says otherwise. A command that this page does not know (a
module's, a newer server's) is looked up with `COMMAND INFO` on the server when it is first used.

Destinations follow the servers' own tips (`request_policy`, `response_policy`), with these exceptions, as in
redis-py: what asks about one server (`INFO`, `MEMORY`, `LATENCY`, `SLOWLOG`) goes to the default primary
alone, and `SCAN` without a node begins on all primaries.
"""

_SECTIONS = {
    RequestPolicy.MULTI_SHARD: (
        "Cut by slot",
        "If their keys lie in several slots, each slot's owner gets its part, unless `cross_slot=False`.\n"
        "The parts do not run as a whole: another client may see some of them done, and if one fails,\n"
        "others have run all the same.",
    ),
    RequestPolicy.KEYED: (
        "Several keys, never cut",
        "All keys must lie in one slot: give them a common `{hash tag}`. A call without any key, such as\n"
        "`EVAL script 0`, goes to any primary.",
    ),
    RequestPolicy.ALL_PRIMARIES: ("To all primaries", "They have no keys."),
    RequestPolicy.ALL_NODES: ("To all nodes", "To primaries and replicas. They have no keys."),
    RequestPolicy.ANY: ("To any one node", "They have no keys, and all nodes would answer alike."),
    RequestPolicy.DEFAULT: (
        "To the default primary",
        "They have no keys, and go to one primary, the same one each time. The second column says what\n"
        "becomes of the replies where the caller names several nodes.",
    ),
    RequestPolicy.SLOT_ARGUMENT: ("To the owner of a slot", "The slot is their first argument."),
    RequestPolicy.NAMED_NODE: (
        "To a node that is named",
        "They change or tell what concerns one node alone, so the caller must say which.",
    ),
}

_REPLIES = {
    ResponsePolicy.FIRST: "as it is",
    ResponsePolicy.PER_NODE: "a dictionary by node",
    ResponsePolicy.SAME: "the first",
    ResponsePolicy.ALL_SUCCEEDED: "the first, or one that tells of failure",
    ResponsePolicy.ONE_SUCCEEDED: "the first that is not an error",
    ResponsePolicy.AGG_SUM: "the sum",
    ResponsePolicy.AGG_MIN: "the least",
    ResponsePolicy.AGG_MAX: "the greatest",
    ResponsePolicy.AGG_LOGICAL_AND: "true if true everywhere",
    ResponsePolicy.AGG_LOGICAL_OR: "true if true anywhere",
    ResponsePolicy.CONCAT: "joined",
    ResponsePolicy.UNION: "joined, each element once",
    ResponsePolicy.MERGED_MAPPING: "the sum for each name",
    ResponsePolicy.NON_EMPTY: "one that is not empty, drawn by lot",
    ResponsePolicy.SCAN: "the cursor of each node, and all elements",
    ResponsePolicy.RUNNING: "one in which a script runs, else the first",
}


def listed() -> list[CommandSpec]:
    """Every command that does not simply follow its only key, and may be sent at all."""
    specs = (describe(name.split()) for name, row in sorted(rows().items()) if not _only_holds_others(row))
    return [spec for spec in specs if spec.refusal is None and not _follows_its_only_key(spec)]


def _only_holds_others(row: Row) -> bool:
    """Whether it is nothing without a subcommand; ``COMMAND`` is something."""
    return "c" in row.marks and row.request == UNSAID and row.name != "COMMAND"


def _follows_its_only_key(spec: CommandSpec) -> bool:
    return spec.request is RequestPolicy.KEYED and spec.first_key > 0


def page() -> str:
    """The text of ``docs/commands.md``."""
    specs = listed()
    lines = [_HEAD]
    for request, (title, text) in _SECTIONS.items():
        lines += [f"## {title}\n", f"{text}\n", *_table(specs, request), ""]
    return "\n".join(lines).rstrip() + "\n"


def _table(specs: list[CommandSpec], request: RequestPolicy) -> Iterator[str]:
    yield "| command | reply |"
    yield "|---|---|"
    yield from (f"| `{spec.name}` | {_reply(spec)} |" for spec in specs if spec.request is request)


def _reply(spec: CommandSpec) -> str:
    if spec.request is RequestPolicy.MULTI_SHARD and spec.response is ResponsePolicy.CONCAT:
        return "each element at its key's place"
    return _REPLIES[spec.response]


if __name__ == "__main__":
    sys.stdout.write(page())
