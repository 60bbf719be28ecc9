"""The command table: what may be repeated, what may be shared, what goes where."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ha_manager.routing import CommandSpec, describe


@pytest.mark.parametrize(
    "command",
    ["GET k", "MGET a b", "HGETALL h", "ZRANGE z 0 -1", "EXISTS k", "EVAL_RO x 0", "OBJECT ENCODING k"],
)
def test_reads_may_be_repeated_and_go_to_replicas(command: str) -> None:
    spec = describe(command.split())
    assert (spec.repeatable, spec.on_replica, spec.blocking, spec.refusal) == (True, True, False, None)


@pytest.mark.parametrize(
    "command",
    [
        *("SET k v", "INCR k", "DEL k", "LPOP l", "GETEX k", "GETDEL k", "SPOP s", "EVAL x 0", "EVALSHA x 0"),
        *("FCALL f 0", "PUBLISH c m", "SORT l", "CONFIG SET a b", "CONFIG RESETSTAT", "CLIENT KILL x"),
        *("FLUSHALL", "XGROUP CREATE s g $", "SCRIPT LOAD x", "ACL SETUSER u", "DEBUG SLEEP 0", "SHUTDOWN"),
        *("SENTINEL FAILOVER m", "SENTINEL RESET *", "SENTINEL SET m quorum 2", "CLUSTER FAILOVER"),
    ],
)
def test_writes_and_all_that_has_effects_is_never_repeated_in_silence(command: str) -> None:
    spec = describe(command.split())
    assert (spec.repeatable, spec.on_replica) == (False, False)


@pytest.mark.parametrize(
    "command", ["PING", "TIME", "INFO", "DBSIZE", "CONFIG GET a", "CLIENT ID", "COMMAND DOCS"]
)
def test_harmless_questions_may_be_repeated(command: str) -> None:
    assert describe(command.split()).repeatable


@pytest.mark.parametrize("command", ["SCAN 0", "SSCAN s 0", "HSCAN h 0", "ZSCAN z 0"])
def test_cursors_stay_on_the_primary(command: str) -> None:
    spec = describe(command.split())
    assert (spec.repeatable, spec.on_replica) == (True, False)


@given(
    st.text(st.characters(codec="ascii", categories=["Lu", "Ll"]), min_size=3).map(lambda word: f"X{word}Q")
)
def test_what_the_table_does_not_know_is_a_write_on_a_shared_connection(name: str) -> None:
    assert describe((name, "k")) == CommandSpec(name.upper())


# Blocking


@pytest.mark.parametrize(
    ("command", "blocking"),
    [
        ("BLPOP l 0", True),
        ("BLMOVE a b LEFT RIGHT 0", True),
        ("BZPOPMIN z 0", True),
        ("XREAD STREAMS s 0", False),
        ("XREAD COUNT 1 STREAMS s 0", False),
        ("XREAD BLOCK 0 STREAMS s $", True),
        ("XREAD COUNT 1 block 0 STREAMS s $", True),
        ("XREAD STREAMS BLOCK 0", False),
        ("XREADGROUP GROUP g c STREAMS s >", False),
        ("XREADGROUP GROUP g c BLOCK 0 STREAMS s >", True),
        ("GET BLOCK", False),
    ],
)
def test_what_blocks(command: str, blocking: bool) -> None:
    words = command.split()
    for args in (words, [word.encode() for word in words], [words[0].lower(), *words[1:]]):
        assert describe(args).blocking is blocking


def test_what_blocks_by_an_option_is_looked_at_each_time() -> None:
    assert describe(("XREAD", "STREAMS", "s", "0")).varies
    assert describe(("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">")).varies
    assert not describe(("BLPOP", "l", 0)).varies


def test_reading_for_a_group_is_a_write() -> None:
    assert not describe(("XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">")).repeatable


# Names

SPELLINGS: list[tuple[Any, ...]] = [
    ("CONFIG", "GET", "maxmemory"),
    ("config", "get", "maxmemory"),
    (b"CONFIG", b"get", b"maxmemory"),
    ("CONFIG GET", "maxmemory"),
    ("config get", "maxmemory"),
    (b"Config Get", "maxmemory"),
    (" CONFIG GET ", "maxmemory"),
    ("CONFIG  GET", "maxmemory"),
    ("CONFIG\tGET", "maxmemory"),
    ("CONFIG GET maxmemory",),
]


@pytest.mark.parametrize("args", SPELLINGS, ids=repr)
def test_a_subcommand_is_found_however_it_is_spelt(args: tuple[Any, ...]) -> None:
    """All these reach the server as the same command: the first argument is split at white space."""
    assert describe(args).name == "CONFIG GET"
    assert describe(args).repeatable


def test_two_words_in_two_arguments_vary() -> None:
    assert describe(("CONFIG", "GET", "x")).varies
    assert not describe(("CONFIG GET", "x")).varies


@pytest.mark.parametrize(
    "args",
    [
        ("SET", "hunter2", "hunter2"),
        ("AUTH", "hunter2"),
        ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "hunter2"),
        ("CONFIG", "SET", "requirepass", "hunter2"),
        ("CONFIG SET", "requirepass", "hunter2"),
        ("AUTH hunter2",),
        ("SET hunter2 hunter2",),
        ("CONFIG SET requirepass hunter2",),
    ],
    ids=repr,
)
def test_a_name_never_holds_an_argument(args: tuple[Any, ...]) -> None:
    assert "HUNTER2" not in describe(args).name.upper()
    assert "HUNTER2" not in repr(describe(args)).upper()


@pytest.mark.parametrize("args", [("SENTINEL", "MASTERS"), ("SENTINEL MASTERS",), ("sentinel", b"masters")])
def test_questions_to_sentinels(args: tuple[Any, ...]) -> None:
    spec = describe(args)
    assert (spec.name, spec.for_sentinel, spec.repeatable) == ("SENTINEL MASTERS", True, True)


# Refusals

SHARED = [
    *("MULTI", "EXEC", "DISCARD", "WATCH k", "UNWATCH"),
    *(
        "SUBSCRIBE c",
        "PSUBSCRIBE c",
        "SSUBSCRIBE c",
        "UNSUBSCRIBE",
        "PUNSUBSCRIBE",
        "SUNSUBSCRIBE",
        "MONITOR",
    ),
    *(
        "SELECT 1",
        "AUTH x",
        "HELLO 3",
        "QUIT",
        "RESET",
        "SYNC",
        "PSYNC ? -1",
        "READONLY",
        "READWRITE",
        "ASKING",
    ),
    *(
        "CLIENT REPLY OFF",
        "CLIENT TRACKING ON",
        "CLIENT CACHING YES",
        "CLIENT NO-EVICT ON",
        "CLIENT NO-TOUCH ON",
    ),
]


@pytest.mark.parametrize("command", SHARED)
def test_what_would_change_a_shared_connection_is_refused(command: str) -> None:
    words = command.split()
    for args in (words, [word.lower() for word in words], [word.encode() for word in words]):
        assert describe(args).refusal


@pytest.mark.parametrize("space", [" ", "  ", "\t", "\n"], ids=repr)
def test_no_spelling_in_one_word_evades_the_refusal(space: str) -> None:
    """redis-py lets users write a whole command as one string, and so do we."""
    evading = []
    for first, second, *rest in (command.split() for command in SHARED if " " in command):
        spellings = [(space.join((first, second, *rest)),), (f"{first}{space}{second}", *rest)]
        evading += [spelling for spelling in spellings if describe(spelling).refusal is None]
    assert evading == []


@pytest.mark.parametrize(
    "command", ["CLIENT SETNAME x", "CLIENT ID", "CLIENT LIST", "CLIENT UNBLOCK 1", "GET MULTI"]
)
def test_its_neighbours_are_not_refused(command: str) -> None:
    assert describe(command.split()).refusal is None
