"""Commands to bytes, compared with redis-py's own packer."""

from __future__ import annotations

import enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis._parsers import Encoder
from redis.connection import PythonRespSerializer
from redis.exceptions import DataError

from ha_manager.transport.packing import make_packer

ENCODINGS = ["utf-8", "UTF8", "latin-1", "utf-16", "ascii", "cp1251"]


def stock(args: tuple[Any, ...], encoding: str, errors: str) -> bytes:
    """What redis-py sends for these arguments; redis-py 5 takes no bytearray."""
    encoder = Encoder(encoding, errors, False)  # type: ignore[no-untyped-call]
    packer = PythonRespSerializer(1 << 30, encoder.encode)
    plain = (bytes(arg) if isinstance(arg, bytearray) else arg for arg in args)
    return b"".join(packer.pack(*plain))  # type: ignore[no-untyped-call]


class Number(int):
    """A number with a class of its own, like those of numpy and of enums."""


class Level(enum.IntEnum):
    LOW = 1


texts = st.text(max_size=20)
blobs = st.binary(max_size=20)
numbers = st.integers(-(2**80), 2**80) | st.floats()
views = blobs.map(lambda blob: memoryview(blob))  # noqa: PLW0108 - mypy cannot see through the class
arguments: st.SearchStrategy[Any] = texts | blobs | numbers | blobs.map(bytearray) | views


@given(
    st.lists(arguments, max_size=6),
    st.sampled_from(ENCODINGS),
    st.sampled_from(["strict", "replace", "ignore"]),
)
def test_any_mix_of_types_is_packed_as_by_redis_py(args: list[Any], encoding: str, errors: str) -> None:
    command = (b"SET", *args)
    try:
        expected = stock(command, encoding, errors)
    except UnicodeEncodeError:
        with pytest.raises(DataError):
            make_packer(encoding, errors)(command)
        return
    assert make_packer(encoding, errors)(command) == expected


@pytest.mark.parametrize(("encoding", "text"), [("utf-8", "hunter2\ud800"), ("ascii", "hunter2\xe9")])
def test_text_that_cannot_be_encoded_is_an_error_that_does_not_show_it(encoding: str, text: str) -> None:
    with pytest.raises(DataError, match=encoding) as caught:
        make_packer(encoding, "strict")(("SET", "key", text))
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_encoding_errors_are_applied() -> None:
    assert make_packer("utf-8", "surrogateescape")(("A", "\udcff")).endswith(b"$1\r\n\xff\r\n")


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("step", [2, -1])
def test_a_view_with_gaps_is_packed_as_what_it_shows(encoding: str, step: int) -> None:
    view = memoryview(b"abcdef")[::step]
    packed = make_packer(encoding, "strict")(("SET", "key", view))
    assert packed == stock(("SET", "key", bytes(view)), encoding, "strict")


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_number_of_a_class_of_its_own_is_a_number(encoding: str) -> None:
    assert make_packer(encoding, "strict")(("SET", "key", Number(7))).endswith(b"$1\r\n7\r\n")


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_member_of_an_enum_is_packed_or_refused_in_our_words(encoding: str) -> None:
    try:
        packed = make_packer(encoding, "strict")(("SET", "key", Level.LOW))
    except DataError:
        return
    assert packed.endswith(b"$1\r\n1\r\n")


class Telltale:
    """An object whose value must not reach a message."""

    def __repr__(self) -> str:
        return "hunter2"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "NoneType"),
        (True, "bool"),
        (Telltale(), "Telltale"),
        (["hunter2"], "list"),
        ({"hunter2": 1}, "dict"),
        (("hunter2",), "tuple"),
    ],
)
def test_what_is_no_value_is_refused_by_its_type_alone(encoding: str, value: object, kind: str) -> None:
    with pytest.raises(DataError, match=f"'{kind}'") as caught:
        make_packer(encoding, "strict")(("SET", "hunter2", value))
    assert "hunter2" not in str(caught.value)
