"""One call of the parity list, and what "the same" means for its result."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Call:
    """A method with its arguments.

    Attributes:
        volatile: two runs on one server differ in values, so only types and names are compared.
        unordered: the server gives the items in any order, which its past decides.
    """

    method: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    volatile: bool = False
    unordered: bool = False

    def __str__(self) -> str:
        parts = [repr(arg) for arg in self.args] + [f"{k}={v!r}" for k, v in self.kwargs.items()]
        return f"{self.method}({', '.join(parts)})"

    async def on(self, client: Any) -> Any:
        """Run it; an exception is a result like any other."""
        try:
            result = getattr(client, self.method)(*self.args, **self.kwargs)
            if isinstance(result, AsyncIterator):
                result = [item async for item in result]
            else:
                result = await result
            return _sorted(result) if self.unordered else result
        except Exception as error:
            return error


def call(method: str, /, *args: Any, **kwargs: Any) -> Call:
    """A call whose results must be equal in value and type."""
    return Call(method, args, kwargs)


def volatile(method: str, /, *args: Any, **kwargs: Any) -> Call:
    """A call whose results must be equal in shape: types all the way down, and names of fields."""
    return Call(method, args, kwargs, volatile=True)


def unordered(method: str, /, *args: Any, **kwargs: Any) -> Call:
    """A call whose results must have equal items of the same types, in any order."""
    return Call(method, args, kwargs, unordered=True)


def _sorted(result: Any) -> Any:
    if isinstance(result, tuple):
        cursor, items = result  # of SCAN
        return cursor, sorted(items)
    return sorted(result)


def difference(theirs: Any, ours: Any, *, shape_only: bool, path: str = "result") -> str | None:
    """The first place where two results differ, in words, or ``None``."""
    differ = f"{path}: {type(theirs).__name__} {theirs!r} became {type(ours).__name__} {ours!r}"
    if type(theirs) is not type(ours):
        return differ
    if isinstance(theirs, dict):
        if [(type(name), name) for name in theirs] != [(type(name), name) for name in ours]:
            return differ
        inside = [(f"{path}[{name!r}]", theirs[name], ours[name]) for name in theirs]
    elif isinstance(theirs, list | tuple):
        if len(theirs) != len(ours) and not shape_only:
            return differ
        inside = [(f"{path}[{i}]", a, b) for i, (a, b) in enumerate(zip(theirs, ours, strict=False))]
    else:
        same = str(theirs) == str(ours) if isinstance(theirs, Exception) else theirs == ours
        return None if shape_only or same else differ
    found = (difference(a, b, shape_only=shape_only, path=place) for place, a, b in inside)
    return next((text for text in found if text), None)
