"""What the command table says, compared with what real servers say of themselves."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
import redis.asyncio
from redis.exceptions import ResponseError

from ha_manager.routing import CommandSpec, describe, key_positions, learn, learn_subcommands
from ha_manager.routing.table import AS_SERVERS_SAY, parse, rows
from ha_manager.sandbox import StandaloneSandbox

KEYED = """
GET k|SET k v EX 5 GET|GETEX k PERSIST|APPEND k v|SETRANGE k 0 v|INCRBYFLOAT k 1.5|TYPE k|DUMP k|TTL k
GETDEL k|STRLEN k|SUBSTR k 0 1|RESTORE k 0 payload REPLACE|PERSIST k|EXPIREAT k 1|MOVE k 1
DEL a b c|UNLINK a|EXISTS a a b|TOUCH a b|MGET a b c|MSET a 1 b 2 a 3|MSETNX a 1 b 2|RENAME a b|RENAMENX a b
COPY a b DB 1 REPLACE|OBJECT ENCODING k|OBJECT FREQ k|OBJECT IDLETIME k|OBJECT REFCOUNT k
MEMORY USAGE k SAMPLES 1
SORT a|SORT a BY w_* LIMIT 0 5 GET # GET d_* DESC ALPHA|SORT a STORE b|SORT a BY STORE STORE b
SORT a STORE b STORE c
SORT a GET store LIMIT 0 1 store b|SORT_RO a BY w_* GET x
HSET h f v g w|HGETALL h|HRANDFIELD h 2 WITHVALUES|HSCAN h 0 MATCH x|HMGET h a b|HINCRBY h f 1
LPUSH l a b|LPOS l a RANK 1|LMOVE a b LEFT RIGHT|BLMOVE a b LEFT RIGHT 0|RPOPLPUSH a b|BRPOPLPUSH a b 0
BLPOP a b c 0|BRPOP a 0|LMPOP 2 a b LEFT COUNT 3|BLMPOP 0 2 a b RIGHT|LINSERT l BEFORE a b|LREM l 0 a
SADD s a b|SMOVE a b m|SINTER a b|SINTERCARD 2 a b LIMIT 5|SINTERSTORE d a b|SDIFF a b|SDIFFSTORE d a b
SUNION a b|SUNIONSTORE d a b|SMISMEMBER s a b|SSCAN s 0|SPOP s 2
ZADD z NX 1 a 2 b|ZRANGE z 0 -1 REV|ZRANGESTORE d z 0 -1|ZUNION 2 a b WITHSCORES
ZUNIONSTORE d 2 a b WEIGHTS 1 2
ZINTER 2 a b|ZINTERSTORE d 2 a b AGGREGATE MAX|ZINTERCARD 2 a b|ZDIFF 2 a b|ZDIFFSTORE d 2 a b|ZMPOP 2 a b MIN
BZMPOP 1 2 a b MAX|BZPOPMIN a b 0|BZPOPMAX a 0|ZMSCORE z a b|ZRANDMEMBER z|ZSCAN z 0
GEOADD g 1 2 m|GEORADIUS g 1 2 3 m|GEORADIUS g 1 2 3 m STORE d|GEORADIUS g 1 2 3 m ASC COUNT 5 STOREDIST d
GEORADIUSBYMEMBER g m 3 km STORE d|GEORADIUSBYMEMBER g store 3 km|GEORADIUS_RO g 1 2 3 m
GEOSEARCH g FROMMEMBER m BYRADIUS 1 m|GEOSEARCHSTORE d g FROMMEMBER m BYRADIUS 1 m
BITOP AND d a b|BITOP NOT d a|BITCOUNT k 0 1|BITFIELD k GET u8 0|BITFIELD_RO k GET u8 0
BITPOS k 1|SETBIT k 0 1
PFADD k a|PFCOUNT a b|PFMERGE d a b|PFDEBUG GETREG k|LCS a b IDX
XADD s * f v|XADD s NOMKSTREAM MAXLEN 5 * f v|XLEN s|XRANGE s - +|XDEL s 1-1|XTRIM s MAXLEN 5|XACK s g 1-1
XREAD STREAMS a 0|XREAD COUNT 1 BLOCK 5 STREAMS a b 0 0|XREAD streams a b c 0 0 0
XREADGROUP GROUP g c STREAMS a >|XREADGROUP GROUP g c COUNT 1 NOACK STREAMS a b > >
XREADGROUP GROUP g STREAMS STREAMS a b > >|XGROUP CREATE s g $ MKSTREAM|XGROUP DESTROY s g|XGROUP SETID s g 0
XGROUP CREATECONSUMER s g c|XGROUP DELCONSUMER s g c|XINFO STREAM s FULL|XINFO GROUPS s|XINFO CONSUMERS s g
XPENDING s g|XCLAIM s g c 0 1-1|XAUTOCLAIM s g c 0 0|XSETID s 1-1
EVAL script 1 a x|EVAL script 3 a b c x y|EVALSHA sha 2 a b|EVAL_RO script 1 a|EVALSHA_RO sha 1 a x
FCALL f 2 a b x|FCALL_RO f 1 a
MIGRATE h 1 k 0 1|MIGRATE h 1 k 0 1 COPY AUTH KEYS|MIGRATE h 1 _ 0 1 KEYS a b|MIGRATE h 1 _ 0 1 REPLACE KEYS a
MIGRATE h 1 _ 0 1 AUTH2 KEYS KEYS KEYS a b|MIGRATE h 1 _ 0 1 KEYS KEYS b
WATCH a b
"""

WITHOUT_KEYS = (
    "EVAL script 0 a|FCALL f 0 a|PING x|PUBLISH c m|CONFIG GET a|SCRIPT EXISTS a|CLUSTER KEYSLOT k|WAIT 1 0"
)

NEWER = """
MSETEX 2 a 1 b 2 EX 5|HGETDEL h FIELDS 1 f|HSETEX h FIELDS 1 f v|HGETEX h FIELDS 1 f|HEXPIRE h 5 FIELDS 1 f
HTTL h FIELDS 1 f|HPERSIST h FIELDS 1 f|DELIFEQ k v|SET k v IFEQ x
"""


def commands(text: str) -> list[str]:
    return [command for line in text.split("\n") for command in line.split("|") if command]


def words_of(command: str) -> list[str]:
    return ["" if word == "_" else word for word in command.split()]


def keys_of(spec: CommandSpec, words: list[str]) -> list[str]:
    return sorted(words[position] for position in key_positions(spec, words))


async def keys_as_the_server_says(sandbox: StandaloneSandbox, words: list[str]) -> list[str]:
    keys: Any = await sandbox.node.execute("COMMAND", "GETKEYS", *words)
    return sorted(keys)


@pytest.mark.parametrize("command", commands(KEYED))
async def test_keys_are_where_the_server_finds_them(standalone: StandaloneSandbox, command: str) -> None:
    words = words_of(command)
    expected = await keys_as_the_server_says(standalone, words)
    assert expected
    assert keys_of(describe(words), words) == expected


@pytest.mark.parametrize("command", commands(WITHOUT_KEYS))
async def test_no_keys_where_the_server_finds_none(standalone: StandaloneSandbox, command: str) -> None:
    words = words_of(command)
    try:
        assert await keys_as_the_server_says(standalone, words) == []
    except ResponseError as error:
        assert "has no key arguments" in str(error)
    assert key_positions(describe(words), words) == ()


async def test_keys_of_commands_that_only_newer_servers_have(standalone: StandaloneSandbox) -> None:
    """Each is compared where it exists; on a server that has none of them, the table still finds keys."""
    for words in map(words_of, commands(NEWER)):
        found = keys_of(describe(words), words)
        info: Any = await standalone.node.execute("COMMAND", "INFO", words[0])
        expected = await keys_as_the_server_says(standalone, words) if info[0] else found
        assert found == expected
        assert found


@pytest.fixture(params=[(2, False), (3, False), (3, True)], ids=["RESP2", "RESP3", "RESP3 as text"])
async def entries(standalone: StandaloneSandbox, request: pytest.FixtureRequest) -> list[Any]:
    """All entries of COMMAND, as redis-py gives them without a response callback."""
    protocol, as_text = request.param
    node = standalone.node
    async with redis.asyncio.Redis(
        host=node.host, port=node.port, protocol=protocol, decode_responses=as_text
    ) as client:
        client.response_callbacks.pop("COMMAND", None)
        entries: list[Any] = await client.execute_command("COMMAND")
    return entries


def learnt(entries: list[Any]) -> dict[str, CommandSpec]:
    specs = {}
    for entry in entries:
        spec = learn(entry)
        specs |= {spec.name: spec, **learn_subcommands(entry)}
    return specs


async def test_the_table_says_of_keys_what_servers_say(entries: list[Any]) -> None:
    specs = learnt(entries)
    assert {"GET", "XREAD", "OBJECT ENCODING", "CONFIG SET"} <= specs.keys()
    supplement = files("ha_manager.routing").joinpath("supplement.txt").read_text(encoding="ascii")
    amended = {row.name for row in parse(supplement) if row.keys != AS_SERVERS_SAY}
    ours = {name: describe(name.split()).keys for name in specs.keys() & rows().keys() - amended}
    assert ours == {name: specs[name].keys for name in ours}


async def test_nothing_that_writes_or_blocks_on_a_server_is_taken_for_less(entries: list[Any]) -> None:
    known = {name: spec for name, spec in learnt(entries).items() if name in rows()}
    ours = {name: describe(name.split()) for name in known}
    assert [name for name in known if ours[name].on_replica and not known[name].on_replica] == []
    by_option = {"XREAD", "XREADGROUP"}
    assert {name for name in known if known[name].blocking and not ours[name].blocking} == by_option
