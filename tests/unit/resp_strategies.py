"""Replies for hypothesis: the bytes on the wire beside the value that a caller must get."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st
from redis._parsers.base import BaseParser
from redis.exceptions import AskError, MovedError, RedisError


@dataclass(frozen=True)
class Told:
    """One reply. ``value`` is as bytes; an error is an :class:`ErrorText`."""

    raw: bytes
    value: Any
    is_push: bool = False


@dataclass(frozen=True)
class ErrorText:
    """An error reply, by its text."""

    message: str


def bulk(value: bytes) -> Told:
    return Told(b"$%d\r\n%s\r\n" % (len(value), value), value)


def error(message: str) -> Told:
    return Told(f"-{message}\r\n".encode(), ErrorText(message))


def array(items: list[Told], mark: bytes = b"*") -> Told:
    return Told(
        b"%s%d\r\n" % (mark, len(items)) + b"".join(item.raw for item in items), [i.value for i in items]
    )


def push(items: list[Told]) -> Told:
    frame = array(items, b">")
    return Told(frame.raw, frame.value, is_push=True)


def mapping(pairs: list[tuple[Told, Told]]) -> Told:
    raw = b"%%%d\r\n" % len(pairs) + b"".join(name.raw + value.raw for name, value in pairs)
    return Told(raw, {name.value: value.value for name, value in pairs})


_words = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=12)
_bulks = st.text(max_size=20).map(str.encode).map(bulk)
_simple = _words.map(lambda word: Told(f"+{word}\r\n".encode(), word.encode()))
_integers = st.integers(-(2**63), 2**63 - 1).map(lambda n: Told(b":%d\r\n" % n, n))
_codes = st.sampled_from(["ERR", "WRONGTYPE", "READONLY", "LOADING", "NOAUTH", "", "X"])
_redirects = st.sampled_from([error("MOVED 12 a:1"), error("ASK 1 b:2")])
_errors = st.builds(lambda code, word: error(f"{code} {word}"), _codes, _words) | _redirects
_nulls2 = st.sampled_from([Told(b"$-1\r\n", None), Told(b"*-1\r\n", None)])
_scalars2 = _bulks | _simple | _integers | _errors | _nulls2

_doubles = st.floats(allow_nan=False).map(lambda x: Told(f",{x!r}\r\n".encode(), x))
_booleans = st.booleans().map(lambda b: Told(b"#t\r\n" if b else b"#f\r\n", b))
_big = st.integers(2**64, 2**100).map(lambda n: Told(b"(%d\r\n" % n, str(n).encode()))
_verbatim = st.text(max_size=10).map(
    lambda word: Told(b"=%d\r\ntxt:%s\r\n" % (len(word.encode()) + 4, word.encode()), word.encode())
)
_scalars3 = _scalars2 | _doubles | _booleans | _big | _verbatim | st.just(Told(b"_\r\n", None))


def _nested2(inner: st.SearchStrategy[Told]) -> st.SearchStrategy[Told]:
    return st.lists(inner, max_size=4).map(array)


def _nested3(inner: st.SearchStrategy[Told]) -> st.SearchStrategy[Told]:
    items = st.lists(inner, max_size=4)
    pairs = st.lists(st.tuples(_bulks, inner), max_size=3, unique_by=lambda pair: pair[0].value)
    return items.map(array) | items.map(lambda told: array(told, b"~")) | pairs.map(mapping)


resp2 = st.recursive(_scalars2, _nested2, max_leaves=8)
resp3 = st.recursive(_scalars3, _nested3, max_leaves=8)
pushes = st.lists(_scalars3, min_size=1, max_size=3).map(push)


def chunks(data: bytes, cuts: list[int]) -> list[bytes]:
    """``data`` in pieces, cut at the given places."""
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[i:j] for i, j in pairwise(places)]


def decoded(value: Any) -> Any:
    """The value as text, as a connection with ``decode_responses`` gives it."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return [decoded(item) for item in value]
    if isinstance(value, dict):
        return {decoded(name): decoded(item) for name, item in value.items()}
    return value


def same(got: Any, want: Any) -> bool:
    """Whether a reply is the expected one: same values, same types, errors by class and text."""
    if isinstance(want, ErrorText):
        expected = stock_error(want.message)
        return type(got) is type(expected) and str(got) == str(expected)
    if isinstance(want, list):  # a push frame is a subclass of list
        return isinstance(got, list) and len(got) == len(want) and all(map(same, got, want))
    if type(got) is not type(want):
        return False
    if isinstance(want, dict):
        return got.keys() == want.keys() and all(same(got[name], want[name]) for name in want)
    return bool(got == want)


def stock_error(message: str) -> RedisError:
    """What redis-py itself makes of an error reply; redis-py 5 knows redirects in its cluster client only."""
    for code, redirect in (("MOVED ", MovedError), ("ASK ", AskError)):
        if message.startswith(code):
            return redirect(message.removeprefix(code))
    stock: RedisError = BaseParser.parse_error(message)  # type: ignore[no-untyped-call]
    return stock
