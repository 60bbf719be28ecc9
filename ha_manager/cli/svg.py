"""Just enough SVG: a canvas of shapes, and scales that map values to it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

__all__ = ["Canvas", "Log", "Scale", "ticks"]

_FONT = "ui-sans-serif, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif"


class Canvas:
    """Collects shapes; without a background, so that it suits a light page and a dark one.

    Args:
        width, height: in pixels.
        title: what a screen reader says.
    """

    def __init__(self, width: float, height: float, title: str) -> None:
        self.width, self.height = width, height
        self._title = title
        self._shapes: list[str] = []

    def rect(self, x: float, y: float, width: float, height: float, **style: object) -> None:
        self._add("rect", x=x, y=y, width=max(0.0, width), height=max(0.0, height), **style)

    def line(self, x1: float, y1: float, x2: float, y2: float, **style: object) -> None:
        self._add("line", x1=x1, y1=y1, x2=x2, y2=y2, **style)

    def circle(self, x: float, y: float, radius: float, **style: object) -> None:
        self._add("circle", cx=x, cy=y, r=radius, **style)

    def path(self, steps: Iterable[str], **style: object) -> None:
        self._add("path", d=" ".join(steps), **style)

    def polyline(self, points: Sequence[tuple[float, float]], **style: object) -> None:
        self.path(
            (f"{'L' if number else 'M'}{_number(x)} {_number(y)}" for number, (x, y) in enumerate(points)),
            fill="none",
            stroke_linejoin="round",
            **style,
        )

    def text(self, x: float, y: float, text: str, **style: object) -> None:
        self._shapes.append(f"<text{_attributes({'x': x, 'y': y, **style})}>{escape(text)}</text>")

    def place(self, other: Canvas, y: float) -> None:
        """Put all of another canvas on this one, ``y`` pixels from the top."""
        self._shapes += [f'<g transform="translate(0 {_number(y)})">', *other._shapes, "</g>"]

    def render(self) -> str:
        """The document."""
        size = f'width="{self.width:g}" height="{self.height:g}" viewBox="0 0 {self.width:g} {self.height:g}"'
        return "\n".join(
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{_FONT}">',
                f"<title>{escape(self._title)}</title>",
                *self._shapes,
                "</svg>\n",
            )
        )

    def _add(self, element: str, **attributes: object) -> None:
        self._shapes.append(f"<{element}{_attributes(attributes)}/>")


def _attributes(attributes: dict[str, object]) -> str:
    return "".join(f" {name.replace('_', '-')}={quoteattr(_value(v))}" for name, v in attributes.items())


def _value(value: object) -> str:
    return _number(value) if isinstance(value, float) else str(value)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values from ``low`` to ``high`` to pixels from ``start`` to ``stop``, linearly."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.stop - self.start)

    def clamped(self, value: float) -> float:
        """The same, but never outside."""
        return self(min(self.high, max(self.low, value)))


@dataclass(frozen=True, slots=True)
class Log:
    """As `Scale`, by the logarithm; values are kept within the bounds."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        inner = Scale(math.log10(self.low), math.log10(self.high), self.start, self.stop)
        return inner.clamped(math.log10(max(value, self.low)))


def ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers from ``low`` to ``high``, approximately ``about`` of them."""
    raw = max(high - low, 1e-9) / max(1, about)
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(m * magnitude for m in (1, 2, 5, 10) if m * magnitude >= raw)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]
