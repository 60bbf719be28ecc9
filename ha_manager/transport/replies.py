"""Error replies become redis-py's exceptions, by redis-py's own rules."""

from __future__ import annotations

from redis._parsers.base import BaseParser
from redis.exceptions import (
    AskError,
    ClusterCrossSlotError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    RedisError,
    ResponseError,
    TryAgainError,
)

_parse = BaseParser.parse_error

_CLUSTER: dict[str, type[ResponseError]] = {
    "ASK": AskError,
    "CLUSTERDOWN": ClusterDownError,
    "CROSSSLOT": ClusterCrossSlotError,
    "MASTERDOWN": MasterDownError,
    "MOVED": MovedError,
    "TRYAGAIN": TryAgainError,
}
"""Errors that redis-py 5 knows only in its cluster client."""


def error_reply(message: str) -> RedisError:
    """The exception for one error reply. Never raises, whatever the server wrote."""
    try:
        code, _, rest = message.partition(" ")
        cluster = _CLUSTER.get(code)
        error = _parse(message) if cluster is None else cluster(rest)
    except Exception:  # noqa: BLE001 - redis-py's parser trips over malformed redirects
        return ResponseError(message)
    return error if isinstance(error, RedisError) else ResponseError(str(error))
