"""Commands to bytes."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import Any

import hiredis
from redis.exceptions import DataError

Packer = Callable[[tuple[Any, ...]], bytes]


def make_packer(encoding: str, encoding_errors: str) -> Packer:
    """A function that packs the arguments of one command.

    hiredis packs strings as UTF-8 by itself; any other encoding is applied beforehand.

    The function raises redis-py's ``DataError`` for an argument that is not bytes, a string or a
    number, and names its type, never its value.
    """
    utf8 = codecs.lookup(encoding).name == "utf-8" and encoding_errors == "strict"

    def encode(value: Any) -> Any:
        if isinstance(value, str):
            return value.encode(encoding, encoding_errors)
        if isinstance(value, bytearray | memoryview):
            return bytes(value)
        if isinstance(value, bytes):
            return value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise DataError(
                f"Invalid input of type: '{type(value).__name__}'. "
                "Convert to a bytes, string, int or float first."
            )
        # Enumerations and other subclasses count as the number that they are.
        return int(value) if isinstance(value, int) else float(value)

    def pack_encoded(args: tuple[Any, ...]) -> bytes:
        try:
            return bytes(hiredis.pack_command(tuple(map(encode, args))))
        except UnicodeEncodeError as fault:
            raise DataError(f"an argument cannot be encoded as {encoding}: {fault.reason}") from None

    def pack(args: tuple[Any, ...]) -> bytes:
        # hiredis takes a memoryview's length for granted and ignores its strides.
        if memoryview in map(type, args):
            return pack_encoded(args)
        try:
            return hiredis.pack_command(args)  # type: ignore[no-any-return]
        except (TypeError, UnicodeEncodeError):
            return pack_encoded(args)

    return pack if utf8 else pack_encoded
