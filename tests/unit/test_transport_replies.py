"""Error replies become redis-py's exceptions."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis._parsers.base import BaseParser
from redis.exceptions import AskError, MovedError, RedisError, ResponseError
from resp_strategies import stock_error

from ha_manager.transport.replies import error_reply

CODES = sorted(BaseParser.EXCEPTION_CLASSES)
TEXTS = list(cast("dict[str, object]", BaseParser.EXCEPTION_CLASSES["ERR"]))


def plain(code: str) -> str:
    return f"{code} 3999 10.0.0.1:6379" if code in ("MOVED", "ASK") else f"{code} some text"


@pytest.mark.parametrize("message", [plain(code) for code in CODES])
def test_every_code_gets_the_class_that_redis_py_gives(message: str) -> None:
    ours, theirs = error_reply(message), stock_error(message)
    assert (type(ours), str(ours)) == (type(theirs), str(theirs))


@pytest.mark.parametrize(
    "message",
    [f"ERR {text}" for text in TEXTS] + ["ERR other", "WRONGTYPE x", ""],
)
def test_errors_told_apart_by_their_text(message: str) -> None:
    ours, theirs = error_reply(message), stock_error(message)
    assert (type(ours), str(ours)) == (type(theirs), str(theirs))


@pytest.mark.parametrize(
    ("message", "kind", "slot", "host", "port"),
    [
        ("MOVED 3999 10.0.0.1:6379", MovedError, 3999, "10.0.0.1", 6379),
        ("ASK 3999 ::1:6379", AskError, 3999, "::1", 6379),
        ("MOVED 1 :6379", MovedError, 1, "", 6379),
    ],
)
def test_redirects_keep_their_target(
    message: str, kind: type[AskError], slot: int, host: str, port: int
) -> None:
    error = error_reply(message)
    assert isinstance(error, kind)
    assert (error.slot_id, error.host, error.port) == (slot, host, port)


@pytest.mark.parametrize("code", ["MOVED", "ASK"])
@pytest.mark.parametrize(
    "rest", ["", " ", " 1", " x a:1", " 1 a", " 1 a:", " 1 a:b", " 1 a:1 b:2", "\u0661 a:1"]
)
def test_a_malformed_redirect_is_an_error_and_no_crash(code: str, rest: str) -> None:
    assert isinstance(error_reply(code + rest), ResponseError)


@given(st.sampled_from([*CODES, "", "X"]), st.text())
def test_no_error_reply_makes_it_raise(code: str, text: str) -> None:
    assert isinstance(error_reply(f"{code} {text}"), RedisError)
    assert isinstance(error_reply(f"{code}{text}"), RedisError)
