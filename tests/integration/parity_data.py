"""The data that each call of the parity list finds."""

from __future__ import annotations

from typing import Any

FAR = 4102444800  # the year 2100, in seconds

LIBRARY = (
    "#!lua name=lib\nredis.register_function{function_name='echo', callback=function(k, a) return a[1] end}"
)
RESET = [
    ("FLUSHALL",),
    ("SCRIPT", "FLUSH"),
    ("FUNCTION", "FLUSH"),
    ("FUNCTION", "LOAD", LIBRARY),
    ("ACL", "DELUSER", "tester"),
    ("ACL", "LOG", "RESET"),
    ("CONFIG", "SET", "maxmemory-samples", 5),
    ("CONFIG", "SET", "slowlog-log-slower-than", 0),
    ("CLIENT", "UNPAUSE"),
]
DATA = [
    ("SET", "string", "value"),
    ("SET", "string2", "valley"),
    ("SET", "umlaut", "äöü€"),
    ("SET", "empty", ""),
    ("SET", "number", 10),
    ("SET", "float", "1.5"),
    ("SET", "bits", "foobar"),
    ("SET", "expiring", "soon", "EXAT", FAR),
    ("HSET", "hash", "f1", "v1", "f2", "v2", "n", 1),
    ("RPUSH", "list", *"abcab"),
    ("RPUSH", "list2", *"xyz"),
    ("SADD", "set", *"abc"),
    ("SADD", "set2", *"bcd"),
    ("SADD", "one", "only"),
    ("ZADD", "zset", 1, "a", 2, "b", 3.5, "c", "inf", "z"),
    ("ZADD", "zset2", 10, "b", 20, "c", 30, "d"),
    ("ZADD", "lex", 0, "a", 0, "b", 0, "c"),
    ("XADD", "stream", "1-1", "f", "v1"),
    ("XADD", "stream", "2-1", "f", "v2", "g", "w"),
    ("XADD", "stream", "3-1", "f", "v3"),
    ("XGROUP", "CREATE", "stream", "group", "0"),
    ("XREADGROUP", "GROUP", "group", "worker", "COUNT", 2, "STREAMS", "stream", ">"),
    ("GEOADD", "geo", 13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania"),
    ("PFADD", "hll", *"abc"),
    ("PFADD", "hll2", *"cde"),
    ("RPUSH", "unsorted", 3, 1, 2),
    ("MSET", "weight_1", 30, "weight_2", 10, "weight_3", 20),
    ("MSET", "object_1", "one", "object_2", "two", "object_3", "three"),
]


async def prepare(stock: Any) -> None:
    """Put the server into the state that every call starts from; ``stock`` is a redis-py client."""
    pipe = stock.pipeline(transaction=False)
    for command in RESET + DATA:
        pipe.execute_command(*command)
    # ACL DELUSER and others may fail where there is nothing to undo.
    await pipe.execute(raise_on_error=False)
