"""Iteration that misses no element which was there all along, whatever happens to the topology.

A cursor means something only to the process that gave it. When another one answers, the iteration of
what that process had begins anew; elements may come twice then, as SCAN allows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

from ha_manager.commands.sweep import Sweep
from ha_manager.commands.targets import Place

if TYPE_CHECKING:
    from ha_manager.commands.context import Context
    from ha_manager.delivery import Lanes


class Scanning:
    """``scan_iter`` and its kin, with redis-py's arguments."""

    _context: Context
    _lanes: Lanes
    _key_bytes: Callable[[Any], bytes]
    execute_at: Any

    async def scan_iter(
        self,
        match: Any = None,
        count: int | None = None,
        _type: str | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        """Every key, of all primaries; see SCAN.

        Args:
            match: a pattern that keys must match.
            count: a hint, how many elements a server looks at for each reply.
            _type: the type that values must have.
            kwargs: ``target_nodes`` restricts it to some nodes, whose keys are iterated once each.
        """
        pieces = _options(match, count, _type)
        targets = kwargs.pop("target_nodes", None)
        if targets is not None:
            for place in self._context.targets.resolve(targets):
                async for key in self._elements(place, ("SCAN",), pieces, kwargs):
                    yield key
        elif not self._lanes.clustered:
            async for key in self._elements(Place(lane=self._lanes.default), ("SCAN",), pieces, kwargs):
                yield key
        else:
            sweep = Sweep(self._lanes, self.execute_at, self._key_bytes, self._context.refetch)
            async for key in sweep.keys(pieces):
                yield key

    async def sscan_iter(self, name: Any, match: Any = None, count: int | None = None) -> AsyncIterator[Any]:
        """Every member of a set; see SSCAN."""
        async for member in self._elements(Place(), ("SSCAN", name), _options(match, count), {}):
            yield member

    async def hscan_iter(
        self, name: Any, match: Any = None, count: int | None = None, no_values: bool = False
    ) -> AsyncIterator[Any]:
        """Every field of a hash with its value, or, with ``no_values``, every field; see HSCAN."""
        pieces = [*_options(match, count), *(["NOVALUES"] if no_values else [])]
        options = {"no_values": no_values} if no_values else {}
        async for element in self._elements(Place(), ("HSCAN", name), pieces, options):
            yield element

    async def zscan_iter(
        self,
        name: Any,
        match: Any = None,
        count: int | None = None,
        score_cast_func: Any = float,
    ) -> AsyncIterator[Any]:
        """Every member of a sorted set with its score; see ZSCAN."""
        options = {"score_cast_func": score_cast_func}
        async for element in self._elements(Place(), ("ZSCAN", name), _options(match, count), options):
            yield element

    async def _elements(
        self, place: Place, command: tuple[Any, ...], pieces: list[Any], options: dict[str, Any]
    ) -> AsyncIterator[Any]:
        cursor: Any = 0
        process = None
        while True:
            (next_cursor, elements), by = await self.execute_at(place, *command, cursor, *pieces, **options)
            if cursor and by != process:
                # Another process was given a cursor that is not its own: what it said means nothing.
                cursor = 0
                continue
            process, cursor = by, next_cursor
            for element in elements.items() if isinstance(elements, Mapping) else elements:
                yield element
            if not cursor:
                return


def _options(match: Any, count: int | None, _type: str | None = None) -> list[Any]:
    pieces: list[Any] = []
    if match is not None:
        pieces += ["MATCH", match]
    if count is not None:
        pieces += ["COUNT", count]
    if _type is not None:
        pieces += ["TYPE", _type]
    return pieces
