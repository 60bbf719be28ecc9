"""Error replies become redis-py's exceptions, by redis-py's own rules."""

from __future__ import annotations

from redis._parsers.base import BaseParser
from redis.exceptions import RedisError, ResponseError

_parse = BaseParser.parse_error


def error_reply(message: str) -> RedisError:
    """The exception for one error reply. Never raises, whatever the server wrote."""
    try:
        error = _parse(message)
    except Exception:  # noqa: BLE001 - redis-py's parser trips over malformed redirects
        return ResponseError(message)
    return error if isinstance(error, RedisError) else ResponseError(str(error))
