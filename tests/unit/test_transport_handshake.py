"""What is said on a new connection, and how refusals are judged."""

from __future__ import annotations

from typing import Any

import pytest
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from unit_support import A

from ha_manager.config import NodeOptions
from ha_manager.transport.handshake import Step, check, client_id, steps
from ha_manager.transport.replies import error_reply

PASSWORD = "hunter2-s3cret"
PING = ("PING",)
LAST_WORDS = [("CLIENT", "ID"), PING]


def said(login: tuple[str, ...] = (), **options: Any) -> list[tuple[Any, ...]]:
    return [step.args for step in steps(NodeOptions(lib_name=None, **options), login)]


@pytest.mark.parametrize(
    ("protocol", "login", "first"),
    [
        (2, (), None),
        (2, (PASSWORD,), ("AUTH", PASSWORD)),
        (2, ("ann", PASSWORD), ("AUTH", "ann", PASSWORD)),
        (3, (), ("HELLO", 3)),
        (3, (PASSWORD,), ("HELLO", 3, "AUTH", "default", PASSWORD)),
        (3, ("ann", PASSWORD), ("HELLO", 3, "AUTH", "ann", PASSWORD)),
    ],
)
def test_login_comes_first(protocol: int, login: tuple[str, ...], first: tuple[Any, ...] | None) -> None:
    assert said(login, protocol=protocol) == ([first] if first else []) + LAST_WORDS


def test_all_steps_in_order() -> None:
    options = NodeOptions(protocol=3, client_name="me", db=4, lib_name="lib", lib_version="9")
    asked = steps(options, ())
    assert [(step.args, step.required) for step in asked] == [
        (("HELLO", 3), True),
        (("CLIENT", "SETNAME", "me"), True),
        (("CLIENT", "SETINFO", "LIB-NAME", "lib"), False),
        (("CLIENT", "SETINFO", "LIB-VER", "9"), False),
        (("SELECT", 4), True),
        (("CLIENT", "ID"), False),
        (PING, False),
    ]


def test_database_zero_and_empty_names_are_not_said() -> None:
    assert said(client_name=None, db=0) == LAST_WORDS


@pytest.mark.parametrize("protocol", [2, 3])
def test_no_repr_holds_the_password(protocol: int) -> None:
    asked = steps(NodeOptions(protocol=protocol), ("ann", PASSWORD))
    assert PASSWORD not in f"{asked!r} {asked!s} {asked[0]!r}"


@pytest.mark.parametrize(
    ("reply", "number"), [(7, 7), (error_reply("NOPERM no permissions"), None), (b"OK", None)]
)
def test_the_number_of_the_connection(reply: Any, number: int | None) -> None:
    asked = steps(NodeOptions(protocol=3, lib_name=None), ())
    assert client_id(asked, [{b"id": 3}, reply, b"PONG"]) == number


# Judgement

HELLO = Step(("HELLO", 3))
AUTH = Step(("AUTH", PASSWORD))
SELECT = Step(("SELECT", 4))
SETINFO = Step(("CLIENT", "SETINFO", "LIB-NAME", "x"), required=False)
LAST = Step(PING, required=False)


@pytest.mark.parametrize(
    ("step", "reply", "error"),
    [
        (AUTH, "WRONGPASS invalid username-password pair or user is disabled.", AuthenticationError),
        (AUTH, "ERR Client sent AUTH, but no password is set", AuthenticationError),
        (AUTH, "ERR AUTH <password> called without any password configured", AuthenticationError),
        (AUTH, "ERR wrong number of arguments for 'auth' command", AuthenticationError),
        (AUTH, "LOADING Redis is loading the dataset in memory", RedisConnectionError),
        (AUTH, "ERR max number of clients reached", RedisConnectionError),
        (HELLO, "ERR unknown command `HELLO`, with args beginning with: `3`, ", RedisConnectionError),
        (HELLO, "NOAUTH HELLO must be called with the client already authenticated", AuthenticationError),
        (HELLO, "WRONGPASS invalid username-password pair", AuthenticationError),
        (HELLO, "NOPERM User x has no permissions to run the 'hello' command", NoPermissionError),
        (SELECT, "ERR DB index is out of range", RedisConnectionError),
        (SELECT, "NOAUTH Authentication required.", AuthenticationError),
        (SELECT, "NOPERM this user has no permissions to run the 'select' command", NoPermissionError),
        (SELECT, "LOADING Redis is loading the dataset in memory", RedisConnectionError),
        (SETINFO, "NOAUTH Authentication required.", AuthenticationError),
        (LAST, "NOAUTH Authentication required.", AuthenticationError),
    ],
)
def test_a_refusal_that_matters(step: Step, reply: str, error: type[RedisError]) -> None:
    with pytest.raises(error) as caught:
        check(A, (step, LAST), (error_reply(reply), b"PONG"))
    if error is RedisConnectionError:
        assert not isinstance(caught.value, AuthenticationError)
    assert PASSWORD not in f"{caught.value!r} {caught.value}"


@pytest.mark.parametrize("step", [SETINFO, LAST], ids=["SETINFO", "PING"])
@pytest.mark.parametrize(
    "reply",
    [
        "ERR unknown subcommand 'SETINFO'. Try CLIENT HELP.",
        "NOPERM User x has no permissions to run this command",
        "MASTERDOWN Link with MASTER is down",
    ],
)
def test_a_refusal_that_does_not_matter(step: Step, reply: str) -> None:
    check(A, (AUTH, step), (b"OK", error_reply(reply)))


def test_the_first_refusal_is_told_and_names_the_address() -> None:
    wrong = error_reply("WRONGPASS no")
    with pytest.raises(AuthenticationError, match=r"10\.0\.0\.1:6379"):
        check(A, (AUTH, SELECT), (wrong, ResponseError("ERR DB index is out of range")))
    with pytest.raises(RedisConnectionError, match=r"10\.0\.0\.1:6379.*SELECT"):
        check(A, (AUTH, SELECT), (b"OK", ResponseError("ERR DB index is out of range")))


def test_old_servers_get_the_remedy_in_the_message() -> None:
    with pytest.raises(RedisConnectionError, match="protocol=2"):
        check(A, (HELLO,), (error_reply("ERR unknown command 'HELLO'"),))


def test_plain_replies_pass() -> None:
    check(A, (HELLO, SELECT, LAST), ({b"server": b"redis"}, b"OK", b"PONG"))
