"""redis-py's explicit way to cut one command by slot: it says in the code that nothing is atomic here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from redis.commands.helpers import list_or_args

from ha_manager.commands.dispatch import Dispatch, Order


class NonAtomic:
    """``mget_nonatomic`` and ``mset_nonatomic``, which are always split, also with ``cross_slot=False``."""

    _dispatch: Dispatch
    _order_for: Callable[[Sequence[Any]], Order]
    keyslot: Callable[[Any], int]

    async def mget_nonatomic(self, keys: Any, *args: Any) -> list[Any]:
        """The values of these keys in their order, asked for by one MGET for each slot.

        Args:
            keys: a key, or several.
            args: more keys.

        Raises:
            redis.RedisError: a part failed; ``failed_keys`` tells the keys of all parts that did.
        """
        names = list_or_args(keys, args)
        values: list[Any] = await self._split("MGET", *names) if names else []
        return values

    async def mset_nonatomic(self, mapping: Mapping[Any, Any]) -> list[bool]:
        """Set these keys by one MSET for each slot.

        Args:
            mapping: from key to value.

        Returns:
            as in redis-py, a ``True`` for each slot.

        Raises:
            redis.RedisError: a part failed; ``failed_keys`` tells the keys of all parts that did.
        """
        if not mapping:
            return []
        await self._split("MSET", *(word for pair in mapping.items() for word in pair))
        return [True] * len({self.keyslot(key) for key in mapping})

    async def _split(self, *words: Any) -> Any:
        return await self._dispatch.run(replace(self._order_for(words), split=True))
