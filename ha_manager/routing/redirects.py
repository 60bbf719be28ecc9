"""From a MOVED or ASK reply to the node that it names. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from redis.exceptions import AskError, MovedError

from ha_manager.config import Endpoint
from ha_manager.config.endpoint import check_host, check_port
from ha_manager.errors import ConfigurationError
from ha_manager.routing.slots import SLOT_COUNT

__all__ = ["Redirect", "redirect_of"]

# The host ends at the last colon: an IPv6 address comes without brackets.
_FORM = re.compile(r"([0-9]{1,5}) (\S*):([0-9]{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Redirect:
    """Where a command is to be sent instead.

    Attributes:
        endpoint: the node, as the server names it (not yet mapped by ``address_map``).
        asking: it holds only part of the slot as yet: ``ASKING`` must come right before the command.
        slot: the hash slot of the command's keys.
    """

    endpoint: Endpoint
    asking: bool
    slot: int


def redirect_of(error: BaseException, answered: Endpoint) -> Redirect | None:
    """Read a redirect.

    Args:
        error: redis-py's exception for an error reply.
        answered: the node that replied; an empty host means its host.

    Returns:
        Where to go, or ``None`` if the error is no redirect, or one that names no usable address. A
        server writes ``?`` for a node that should be reached by its hostname and announces none.
    """
    # MovedError is a kind of AskError.
    if not isinstance(error, AskError):
        return None
    match = _FORM.fullmatch(_text(error))
    if match is None or int(match[1]) >= SLOT_COUNT:
        return None
    try:
        host = check_host("host", match[2]) if match[2] else answered.host
        endpoint = Endpoint(host, check_port("port", match[3]))
    except ConfigurationError:
        return None
    return Redirect(endpoint, asking=not isinstance(error, MovedError), slot=int(match[1]))


def _text(error: AskError) -> str:
    # What str() makes of an exception is redis-py's to change; the reply itself is its first argument.
    return error.args[0] if error.args and isinstance(error.args[0], str) else str(error)
