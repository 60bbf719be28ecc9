"""One entry of a server's ``COMMAND`` reply, in RESP2 or RESP3, from Redis 6 on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ha_manager.routing.rules import KeyRule, KeySpec
from ha_manager.routing.table import UNSAID, Row, format_keys

_MARKS = {
    "readonly": "r",
    "write": "w",
    "blocking": "b",
    "nondeterministic_output": "n",
    "nondeterministic_output_order": "o",
}
_CONTAINER = "c"


def rows_of(entry: Any) -> Iterator[Row]:
    """The entry as a row of the table, then its subcommands.

    Raises:
        ValueError: it is no entry; nil, for instance, which is said of unknown commands.
    """
    try:
        flags, first, last, step = entry[2], int(entry[3]), int(entry[4]), int(entry[5])
        tips, specs, subcommands = entry[7:10] if len(entry) > 9 else ((), (), ())
        words = [_text(word) for word in (*flags, *tips)]
        rule = _rule(specs) or _legacy_rule(first, last, step, "movablekeys" in words)
        inner = [row for subcommand in subcommands for row in rows_of(subcommand)]
        name = _name(entry[0])
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise ValueError(f"no entry of COMMAND: {type(entry).__name__}") from error
    yield Row(
        name,
        _marks(words, bool(inner)),
        format_keys(rule),
        _policy(words, "request_policy:"),
        _policy(words, "response_policy:"),
    )
    yield from inner


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _name(value: Any) -> str:
    if not isinstance(value, str | bytes):
        raise TypeError("a command's name is text")
    return _text(value).upper().replace("|", " ")


def _marks(words: Iterable[str], has_subcommands: bool) -> str:
    marks = {_MARKS[word] for word in words if word in _MARKS}
    if has_subcommands:
        marks.add(_CONTAINER)
    if "w" in marks:
        marks.discard("r")
    return "".join(sorted(marks)) or UNSAID


def _policy(words: Iterable[str], prefix: str) -> str:
    return next((word.removeprefix(prefix) for word in words if word.startswith(prefix)), UNSAID)


def _mapping(value: Any) -> dict[str, Any]:
    """A map in RESP3, a flat list of keys and values in RESP2."""
    pairs = value.items() if isinstance(value, Mapping) else zip(value[::2], value[1::2], strict=True)
    return {_text(key): item for key, item in pairs}


def _rule(specs: Iterable[Any]) -> KeyRule | None:
    found = [_spec(_mapping(spec)) for spec in specs]
    return KeyRule(tuple(spec for spec in found if spec is not None)) if found else None


def _spec(told: dict[str, Any]) -> KeySpec | None:
    """``None`` for a stretch that the server itself cannot tell."""
    begin, find = _mapping(told["begin_search"]), _mapping(told["find_keys"])
    kinds = _text(begin["type"]), _text(find["type"])
    start, stretch = _mapping(begin["spec"]), _mapping(find["spec"])
    if kinds[0] == "index":
        where = {"begin": int(start["index"])}
    elif kinds[0] == "keyword":
        where = {"begin": int(start["startfrom"])}
    else:
        return None
    if kinds[1] == "range":
        numbers = {"last": "lastkey", "step": "keystep", "limit": "limit"}
    elif kinds[1] == "keynum":
        numbers = {"count_at": "keynumidx", "first": "firstkey", "step": "keystep"}
    else:
        return None
    return KeySpec(
        keyword=_text(start.get("keyword", "")).upper(),
        is_key="not_key" not in map(_text, told.get("flags", ())),
        **where,
        **{field: int(stretch[name]) for field, name in numbers.items()},
    )


def _legacy_rule(first: int, last: int, step: int, more: bool) -> KeyRule | None:
    """Before Redis 7: the first stretch of keys, by absolute positions, and whether there are others."""
    if first > 0:
        return KeyRule((KeySpec(first, last=last - first if last >= 0 else last, step=max(step, 1)),))
    return KeyRule() if more else None
